//! A recording, and what is checked of each of its exchanges.

use crate::normal::{normal, without_lost};
use copilotkit_a2a::types::{
    AgentCard, CancelTaskRequest, Event, GetPushRequest, GetTaskRequest, ListPushRequest, ListPushResponse,
    ListTasksRequest, ListTasksResponse, PushConfig, Reply, SendMessageRequest, SubscribeToTaskRequest, Task,
};
use copilotkit_a2a::wire::{Call, Method, ProtocolError, ProtocolVersion, RpcRequest, RpcResponse, V03};
use copilotkit_protocol::Json;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fmt::Debug;

pub(crate) struct Recording {
    pub(crate) version: ProtocolVersion,
    pub(crate) binding: String,
    pub(crate) exchanges: Vec<Exchange>,
}

#[derive(Deserialize)]
pub(crate) struct Exchange {
    pub(crate) name: String,
    pub(crate) request: Request,
    pub(crate) response: Response,
}

#[derive(Deserialize)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) body: Option<Json>,
}

#[derive(Deserialize)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) json: Option<Json>,
    pub(crate) frames: Option<Vec<Frame>>,
}

#[derive(Deserialize)]
pub(crate) struct Frame {
    pub(crate) data: Json,
}

impl Recording {
    pub(crate) fn read(name: &str) -> Self {
        #[derive(Deserialize)]
        struct File {
            version: String,
            binding: String,
            exchanges: Vec<Exchange>,
        }
        let path = format!("{}/../../fixtures/data/a2a/{name}.json", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
        let file: File = serde_json::from_str(&text).unwrap();
        let version = ProtocolVersion::parse(&file.version).unwrap();
        Self { version, binding: file.binding, exchanges: file.exchanges }
    }
}

impl Exchange {
    pub(crate) fn is_card(&self) -> bool {
        self.request.path.starts_with("/.well-known/")
    }

    /// The parameters of the call: those of JSON-RPC, or the body over HTTP+JSON.
    pub(crate) fn params(&self) -> Option<Json> {
        let body = self.request.body.as_ref()?;
        if body.get().contains("\"jsonrpc\"") {
            return body.read::<RpcRequest>().ok()?.params;
        }
        // The addresses of HTTP+JSON hold the ids; only messages are whole in the body.
        self.request.path.contains("message:").then(|| body.clone())
    }

    pub(crate) fn method_by_path(&self) -> Option<Method> {
        let path = self.request.path.split('?').next().unwrap_or_default();
        let last = path.rsplit('/').next().unwrap_or_default();
        let in_task = path.contains("/tasks/");
        Some(match (self.request.method.as_str(), last) {
            (_, "message:send") => Method::SendMessage,
            (_, "message:stream") => Method::SendStreamingMessage,
            ("GET", "tasks") => Method::ListTasks,
            ("GET", "extendedAgentCard") => Method::ExtendedCard,
            ("POST", "pushNotificationConfigs") => Method::CreatePush,
            ("GET", "pushNotificationConfigs") => Method::ListPush,
            (verb, _) if path.contains("/pushNotificationConfigs/") => {
                if verb == "DELETE" {
                    Method::DeletePush
                } else {
                    Method::GetPush
                }
            }
            (_, last) if last.ends_with(":cancel") => Method::CancelTask,
            (_, last) if last.ends_with(":subscribe") => Method::SubscribeToTask,
            ("GET", _) if in_task => Method::GetTask,
            _ => return None,
        })
    }

    /// What was answered: one result, or one for each frame, or errors.
    pub(crate) fn answers(&self, at: &str) -> Vec<Result<Json, ProtocolError>> {
        let frames = self.response.frames.iter().flatten().map(|frame| &frame.data);
        self.response.json.iter().chain(frames).map(|json| self.answer(json, at)).collect()
    }

    fn answer(&self, json: &Json, at: &str) -> Result<Json, ProtocolError> {
        if self.is_card() {
            return Ok(json.clone());
        }
        if json.get().contains("\"jsonrpc\"") {
            let response: RpcResponse = json.read().unwrap_or_else(|error| panic!("{at}: {error}"));
            return match response.error {
                Some(error) => Err(error),
                // Some leave a `null` out.
                None => Ok(response.result.unwrap_or_default()),
            };
        }
        match ProtocolError::from_http(json.get()) {
            Some(error) => Err(error),
            None => {
                assert!(matches!(self.response.status, 200 | 201), "{at}");
                Ok(json.clone())
            }
        }
    }
}

/// Reads `json` and writes it in the version that it came in, which must give the same, then in the other, which must be
/// read as the same.
fn both<T>(version: ProtocolVersion, json: &Json, at: &str) -> T
where
    T: DeserializeOwned + Serialize + PartialEq + Debug,
    for<'a> V03<'a, T>: Serialize,
{
    let value: T = json.read().unwrap_or_else(|error| panic!("{at}: {error} in {json:?}"));
    let (new, old) = (Json::of(&value), Json::of(&V03(&value)));
    let (same, other) = if version == ProtocolVersion::V1_0 { (&new, &old) } else { (&old, &new) };
    assert_eq!(normal(same), normal(json), "{at}: written again");
    let back: T = other.read().unwrap_or_else(|error| panic!("{at}: {error} in {other:?}"));
    assert_eq!(without_lost(&Json::of(&back)), without_lost(&new), "{at}: by way of the other version");
    value
}

/// As [`both`] for what is written alike in both versions, or exists in 1.0 alone.
fn one<T: DeserializeOwned + Serialize>(json: &Json, at: &str) -> T {
    let value: T = json.read().unwrap_or_else(|error| panic!("{at}: {error} in {json:?}"));
    assert_eq!(normal(&Json::of(&value)), normal(json), "{at}: written again");
    value
}

/// A value that the official Rust types must read, since we wrote it as 1.0.
fn oracle<T: DeserializeOwned>(value: &impl Serialize, at: &str) {
    let json = serde_json::to_value(value).unwrap();
    if let Err(error) = serde_json::from_value::<T>(json.clone()) {
        panic!("{at}: the official types refuse it: {error} in {json}");
    }
}

pub(crate) fn check_request(version: ProtocolVersion, method: Method, params: &Json, at: &str) {
    let call = match method {
        Method::SendMessage => Call::Send(both::<SendMessageRequest>(version, params, at)),
        Method::SendStreamingMessage => Call::Stream(both::<SendMessageRequest>(version, params, at)),
        Method::GetTask => Call::Get(one::<GetTaskRequest>(params, at)),
        Method::ListTasks => Call::List(one::<ListTasksRequest>(params, at)),
        Method::CancelTask => Call::Cancel(one::<CancelTaskRequest>(params, at)),
        Method::SubscribeToTask => Call::Subscribe(one::<SubscribeToTaskRequest>(params, at)),
        Method::CreatePush => Call::CreatePush(both::<PushConfig>(version, params, at)),
        Method::GetPush => Call::GetPush(both::<GetPushRequest>(version, params, at)),
        Method::DeletePush => Call::DeletePush(both::<GetPushRequest>(version, params, at)),
        Method::ListPush => Call::ListPush(both::<ListPushRequest>(version, params, at)),
        Method::ExtendedCard => Call::ExtendedCard,
    };
    assert_eq!(call.method(), method);
    assert_eq!(normal(&call.params(version)), normal(params), "{at}: as a call");
    match &call {
        Call::Send(request) | Call::Stream(request) => oracle::<a2a::SendMessageRequest>(request, at),
        Call::Get(request) => oracle::<a2a::GetTaskRequest>(request, at),
        Call::List(request) => oracle::<a2a::ListTasksRequest>(request, at),
        Call::Cancel(request) => oracle::<a2a::CancelTaskRequest>(request, at),
        Call::Subscribe(request) => oracle::<a2a::SubscribeToTaskRequest>(request, at),
        Call::CreatePush(request) => oracle::<a2a::TaskPushNotificationConfig>(request, at),
        Call::GetPush(request) | Call::DeletePush(request) => {
            oracle::<a2a::GetTaskPushNotificationConfigRequest>(request, at);
        }
        Call::ListPush(request) => oracle::<a2a::ListTaskPushNotificationConfigsRequest>(request, at),
        Call::ExtendedCard => {}
    }
}

pub(crate) fn check_result(
    version: ProtocolVersion,
    method: Option<Method>,
    exchange: &Exchange,
    json: &Json,
    at: &str,
) {
    match method {
        None if exchange.is_card() => card(json, at),
        None => panic!("{at}: a result to no call"),
        Some(Method::SendMessage) => oracle::<a2a::SendMessageResponse>(&both::<Reply>(version, json, at), at),
        Some(Method::SendStreamingMessage | Method::SubscribeToTask) => {
            let event: Event = both(version, json, at);
            assert_ne!(event, Event::Unknown, "{at}");
            oracle::<a2a::StreamResponse>(&event, at);
        }
        Some(Method::GetTask | Method::CancelTask) => oracle::<a2a::Task>(&both::<Task>(version, json, at), at),
        Some(Method::ListTasks) => oracle::<a2a::ListTasksResponse>(&one::<ListTasksResponse>(json, at), at),
        Some(Method::CreatePush | Method::GetPush) => {
            oracle::<a2a::TaskPushNotificationConfig>(&both::<PushConfig>(version, json, at), at);
        }
        Some(Method::ListPush) => {
            let page: ListPushResponse = both(version, json, at);
            assert_eq!(page.configs.len(), 1, "{at}");
            oracle::<a2a::ListTaskPushNotificationConfigsResponse>(&page, at);
        }
        Some(Method::DeletePush) => assert!(matches!(json.get(), "null" | "{}"), "{at}: {json:?}"),
        Some(Method::ExtendedCard) => card(json, at),
    }
}

/// A card may hold the members of both versions, so it is compared by what it says.
fn card(json: &Json, at: &str) {
    let card: AgentCard = json.read().unwrap_or_else(|error| panic!("{at}: {error}"));
    assert!(!card.name.is_empty() && card.skills.len() >= 19 && !card.supported_interfaces.is_empty(), "{at}");
    let new: AgentCard = Json::of(&card).read().unwrap();
    assert_eq!(new, card, "{at}");
    let old: AgentCard = Json::of(&V03(&card)).read().unwrap();
    assert_eq!((&old.name, &old.skills, &old.capabilities), (&card.name, &card.skills, &card.capabilities), "{at}");
    oracle::<a2a::AgentCard>(&card, at);
    // Every word of the card that a person would read is still there.
    let (Value::Object(before), written) = (json.to_value(), serde_json::to_value(&card).unwrap()) else {
        panic!("{at}: no object")
    };
    for (name, value) in before {
        let same = ["name", "description", "version", "provider", "defaultInputModes", "defaultOutputModes"];
        if same.contains(&name.as_str()) {
            assert_eq!(written[&name], value, "{at}: {name}");
        }
    }
}
