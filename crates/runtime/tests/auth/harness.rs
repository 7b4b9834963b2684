//! A surface with agents that say who asked, and requests to it.

use axum::body::Body;
use copilotkit_runtime::agent::{EventStream, RunContext};
use copilotkit_runtime::http::auth::{Auth, Bearer};
use copilotkit_runtime::http::{Surface, SurfaceOptions};
use copilotkit_runtime::{Agent, AgentRegistry, Emitted, Lifecycle, LifecycleOptions, Principal, Registered};
use futures::{StreamExt as _, stream};
use http::{HeaderMap, Method, Request, StatusCode};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

pub(crate) const ALICE: &str = "token-of-alice-0123456789";
pub(crate) const BOB: &str = "token-of-bob-0123456789";

/// Says who asked, in an event, a message and the state; ends then, or never.
pub(crate) struct Who {
    pub(crate) ends: bool,
}

impl Agent for Who {
    fn run(&self, context: RunContext) -> EventStream {
        let scopes = ["debug", "threads:admin"].into_iter().filter(|scope| context.principal.has_scope(scope));
        let value = json!({ "id": context.principal.id(), "scopes": scopes.collect::<Vec<_>>() });
        let id = format!("of-{}", context.principal.id());
        let events = [
            json!({ "type": "CUSTOM", "name": "who", "value": value }),
            json!({ "type": "STATE_SNAPSHOT", "snapshot": { "owner": context.principal.id() } }),
            json!({ "type": "TEXT_MESSAGE_START", "messageId": id, "role": "assistant" }),
            json!({ "type": "TEXT_MESSAGE_CONTENT", "messageId": id, "delta": "Hello" }),
            json!({ "type": "TEXT_MESSAGE_END", "messageId": id }),
        ];
        let (thread_id, run_id) = (&context.input.thread_id, &context.input.run_id);
        let end = json!({ "type": "RUN_FINISHED", "threadId": thread_id, "runId": run_id });
        let events = events.into_iter().chain(Some(end).filter(|_| self.ends));
        let events = events.map(|event| Ok(Emitted::from_json(event.to_string().into()).unwrap()));
        let events = stream::iter(events.collect::<Vec<_>>());
        if self.ends { events.boxed() } else { events.chain(stream::pending()).boxed() }
    }
}

pub(crate) fn bearer() -> Auth {
    Auth::new(Bearer::new([(ALICE, Principal::new("alice")), (BOB, Principal::new("bob"))]).unwrap())
}

pub(crate) fn surface(options: SurfaceOptions) -> Surface {
    let agents = [Registered::new("quick", Who { ends: true }), Registered::new("slow", Who { ends: false })];
    with_agents(agents, options)
}

pub(crate) fn with_agents(agents: impl IntoIterator<Item = Registered>, options: SurfaceOptions) -> Surface {
    let lifecycle = Lifecycle::new(Arc::new(AgentRegistry::new(agents)), LifecycleOptions::default());
    Surface::new(lifecycle, options)
}

pub(crate) fn with_auth(auth: Auth) -> SurfaceOptions {
    SurfaceOptions { auth: Some(auth), ..SurfaceOptions::default() }
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_default()
    }

    pub(crate) fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }

    pub(crate) fn challenge(&self) -> &str {
        self.headers.get("www-authenticate").map_or("", |value| value.to_str().unwrap())
    }

    /// The id that the agent saw.
    pub(crate) fn who(&self) -> Value {
        let frame = self.text.split("\n\n").find(|frame| frame.contains("\"who\"")).unwrap_or("data: null");
        serde_json::from_str::<Value>(frame.strip_prefix("data: ").unwrap()).unwrap()["value"].clone()
    }
}

/// Sends a request; of a stream that goes on, what came until it was silent.
pub(crate) async fn ask(surface: &Surface, method: &str, path: &str, token: Option<&str>, body: &str) -> Answer {
    let mut request = Request::builder().method(method.parse::<Method>().unwrap()).uri(path);
    request = request.header("content-type", "application/json");
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    send(surface, request.body(Body::from(body.to_owned())).unwrap()).await
}

pub(crate) async fn send(surface: &Surface, request: Request<Body>) -> Answer {
    let response = surface.handle(request).await;
    let (parts, body) = response.into_parts();
    let (mut body, mut bytes) = (body.into_data_stream(), Vec::new());
    while let Ok(Some(piece)) = tokio::time::timeout(Duration::from_millis(700), body.next()).await {
        bytes.extend_from_slice(&piece.unwrap());
    }
    Answer { status: parts.status, headers: parts.headers, text: String::from_utf8(bytes).unwrap() }
}

pub(crate) fn input(thread: &str) -> Value {
    json!({ "threadId": thread, "runId": "r", "messages": [], "tools": [], "context": [] })
}
