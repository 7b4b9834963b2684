//! A server on a port with agents that do as they are told, and what asks it over either binding.

use copilotkit_a2a::server::{A2aServer, A2aServerOptions};
use copilotkit_fixtures::scripted;
use copilotkit_protocol::{
    Emitted, Event, Interrupt, InterruptOutcome, Json, Message, Object, ResumeStatus, RunFinished, RunFinishedOutcome,
    RunStarted, build,
};
use copilotkit_runtime::http::server::{ServeOptions, serve};
use copilotkit_runtime::http::{Surface, SurfaceOptions};
use copilotkit_runtime::store::MemoryStore;
use copilotkit_runtime::{
    Agent, AgentError, AgentRegistry, EventStream, Lifecycle, LifecycleOptions, Registered, RunContext, Store,
};
use futures::StreamExt as _;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Does what the last message of the person says.
pub(crate) struct Obedient;

impl Agent for Obedient {
    fn run(&self, context: RunContext) -> EventStream {
        let input = context.input.clone();
        let (thread_id, run_id) = (input.thread_id.clone(), input.run_id.clone());
        let events = async_stream::stream! {
            let started = RunStarted { thread_id: thread_id.clone(), run_id: run_id.clone(), ..Default::default() };
            yield Ok(Emitted::from(Event::from(started)));
            let mut finished = RunFinished { thread_id, run_id: run_id.clone(), ..Default::default() };
            let say = |text: String| build::message(format!("said-{run_id}"), text).map(|event| Ok(Emitted::from(event)));
            let resumed = input.resume.iter().flatten().next();
            let order = match (resumed, input.messages.last()) {
                (Some(entry), _) if entry.status == ResumeStatus::Cancelled => "say never mind".to_owned(),
                (Some(entry), _) => format!("say you said {}", entry.payload.as_ref().map_or("nothing", Json::get)),
                (None, Some(Message::Tool(tool))) => format!("say the tool said {}", tool.content.text()),
                (None, Some(Message::User(user))) => user.content.text().into_owned(),
                _ => String::new(),
            };
            let (verb, rest) = order.split_once(' ').unwrap_or((&order, ""));
            match verb {
                "count" => {
                    for event in say(format!("{} messages", input.messages.len())) {
                        yield event;
                    }
                }
                "ask" => {
                    let schema = json!({ "type": "object", "properties": { "answer": { "type": "string" } } });
                    let interrupt = Interrupt {
                        id: format!("ask-{run_id}"),
                        reason: "name".to_owned(),
                        message: Some("What is your name?".to_owned()),
                        response_schema: Object::try_from(Json::from(schema)).ok(),
                        ..Default::default()
                    };
                    let outcome = InterruptOutcome { interrupts: vec![interrupt], ..Default::default() };
                    finished.outcome = Some(RunFinishedOutcome::Interrupt(outcome));
                }
                "call" => {
                    for event in build::tool_call(format!("call-{run_id}"), "pick", &json!({ "of": rest })) {
                        yield Ok(Emitted::from(event));
                    }
                }
                "state" => {
                    yield Ok(Emitted::from(build::state(&json!({ "color": rest, "was": input.state }))));
                }
                "result" => finished.result = Some(json!({ "total": 3 }).into()),
                "fail" => {
                    yield Err(AgentError::new("disk_full", "The disk is full."));
                    return;
                }
                "slow" => {
                    yield Ok(Emitted::from_json(start(&run_id)).unwrap());
                    for number in 0..rest.parse::<u32>().unwrap() {
                        yield Ok(Emitted::from_json(content(&run_id, number)).unwrap());
                        tokio::time::sleep(Duration::from_millis(20)).await;
                    }
                }
                "silent" => {
                    context.cancel.cancelled().await;
                    return;
                }
                _ => {
                    for event in say(rest.to_owned()) {
                        yield event;
                    }
                }
            }
            yield Ok(Emitted::from(Event::from(finished)));
        };
        events.boxed()
    }

    fn description(&self) -> &str {
        "Does what it is told."
    }
}

fn start(run_id: &str) -> bytes::Bytes {
    let event = json!({ "type": "TEXT_MESSAGE_START", "messageId": format!("said-{run_id}"), "role": "assistant" });
    event.to_string().into()
}

fn content(run_id: &str, number: u32) -> bytes::Bytes {
    let (id, delta) = (format!("said-{run_id}"), format!("tick {number} "));
    json!({ "type": "TEXT_MESSAGE_CONTENT", "messageId": id, "delta": delta }).to_string().into()
}

pub(crate) struct Server {
    pub(crate) origin: String,
    pub(crate) lifecycle: Lifecycle,
    shutdown: CancellationToken,
    _serving: TaskTracker,
    client: reqwest::Client,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

/// How a call is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Rpc,
    Rest,
}

pub(crate) const FORMS: [Form; 2] = [Form::Rpc, Form::Rest];

impl Server {
    pub(crate) async fn start() -> Self {
        Self::with(Arc::new(MemoryStore::default()), A2aServerOptions::default(), SurfaceOptions::default()).await
    }

    pub(crate) async fn with(store: Arc<dyn Store>, a2a: A2aServerOptions, options: SurfaceOptions) -> Self {
        let mut agents = vec![Registered::new("obedient", Obedient)];
        agents.extend(scripted::all());
        let lifecycle_options = LifecycleOptions { store, ..LifecycleOptions::default() };
        let lifecycle = Lifecycle::new(Arc::new(AgentRegistry::new(agents)), lifecycle_options);
        let surface = Surface::new(lifecycle.clone(), options.with_mount(A2aServer::new(a2a)));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let (shutdown, serving) = (CancellationToken::new(), TaskTracker::new());
        let (stop, drained) = (shutdown.clone(), lifecycle.clone());
        serving.spawn(async move {
            let drain = async move { drained.drain(Duration::ZERO).await };
            serve(listener, surface, ServeOptions::default(), stop.cancelled(), drain).await;
        });
        #[allow(clippy::disallowed_methods, reason = "it is the client of a stranger")]
        let client = reqwest::Client::builder().timeout(Duration::from_secs(30)).build().unwrap();
        Self { origin, lifecycle, shutdown, _serving: serving, client }
    }

    /// Somebody who asks an agent.
    pub(crate) fn asks(&self, form: Form, agent: &str) -> Asker<'_> {
        Asker { server: self, form, agent: agent.to_owned(), headers: vec![("a2a-version", "1.0".to_owned())] }
    }

    pub(crate) async fn request(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, String)],
        body: Option<String>,
    ) -> reqwest::Response {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let mut request = self.client.request(method, format!("{}{path}", self.origin));
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        request.body(body.unwrap_or_default()).send().await.unwrap()
    }
}

pub(crate) struct Asker<'a> {
    server: &'a Server,
    pub(crate) form: Form,
    agent: String,
    pub(crate) headers: Vec<(&'static str, String)>,
}

impl Asker<'_> {
    pub(crate) fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    async fn response(&self, method: &str, params: &Value) -> reqwest::Response {
        let base = format!("/a2a/{}", self.agent);
        let id = params["id"].as_str().unwrap_or_default();
        let (verb, path, body) = match (self.form, method) {
            (Form::Rpc, _) => {
                let body = json!({ "jsonrpc": "2.0", "id": "7", "method": method, "params": params });
                ("POST", base, Some(body.to_string()))
            }
            (_, "SendMessage") => ("POST", format!("{base}/message:send"), Some(params.to_string())),
            (_, "SendStreamingMessage") => ("POST", format!("{base}/message:stream"), Some(params.to_string())),
            (_, "GetTask") => ("GET", format!("{base}/tasks/{id}?{}", query(params)), None),
            (_, "ListTasks") => ("GET", format!("{base}/tasks?{}", query(params)), None),
            (_, "CancelTask") => ("POST", format!("{base}/tasks/{id}:cancel"), None),
            (_, "SubscribeToTask") => ("POST", format!("{base}/tasks/{id}:subscribe"), None),
            (_, "GetExtendedAgentCard") => ("GET", format!("{base}/extendedAgentCard"), None),
            (_, other) => panic!("{other}"),
        };
        self.server.request(verb, &path, &self.headers, body).await
    }

    /// The result of a call.
    pub(crate) async fn call(&self, method: &str, params: Value) -> Value {
        self.try_call(method, params).await.unwrap_or_else(|error| panic!("{method}: {error:?}"))
    }

    /// The result of a call, or the reason of its error and what it says.
    pub(crate) async fn try_call(&self, method: &str, params: Value) -> Result<Value, (String, String)> {
        let response = self.response(method, &params).await;
        let (status, text) = (response.status(), response.text().await.unwrap());
        let value: Value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{status}: {text}"));
        let error = |error: &Value, details: &str| {
            Err((
                error[details][0]["reason"].as_str().unwrap_or_default().to_owned(),
                error["message"].as_str().unwrap_or_default().to_owned(),
            ))
        };
        match self.form {
            Form::Rpc if value["error"].is_object() => {
                assert_eq!((status.as_u16(), &value["id"]), (200, &json!("7")));
                error(&value["error"], "data")
            }
            Form::Rpc => Ok(value["result"].clone()),
            Form::Rest if !status.is_success() => {
                assert_eq!(value["error"]["code"], status.as_u16());
                error(&value["error"], "details")
            }
            Form::Rest => Ok(value),
        }
    }

    /// The events of a stream, all of them.
    pub(crate) async fn stream(&self, method: &str, params: Value) -> Vec<Value> {
        self.open(method, params).await.rest().await
    }

    /// A stream, event by event.
    pub(crate) async fn open(&self, method: &str, params: Value) -> Stream {
        let response = self.response(method, &params).await;
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Stream { form: self.form, response, decoder: copilotkit_protocol::sse::Decoder::new(1 << 20) }
    }

    /// Says something in a thread, and waits for the task.
    pub(crate) async fn say(&self, context: &str, text: &str) -> Value {
        self.call("SendMessage", message(context, text)).await["task"].clone()
    }
}

pub(crate) struct Stream {
    form: Form,
    response: reqwest::Response,
    decoder: copilotkit_protocol::sse::Decoder,
}

impl Stream {
    pub(crate) async fn next(&mut self) -> Option<Value> {
        loop {
            if let Some(event) = self.decoder.next() {
                let value: Value = serde_json::from_slice(&event.unwrap().data).unwrap();
                return Some(match self.form {
                    Form::Rpc => {
                        assert_eq!((&value["jsonrpc"], &value["id"]), (&json!("2.0"), &json!("7")));
                        value["result"].clone()
                    }
                    Form::Rest => value,
                });
            }
            self.decoder.push(self.response.chunk().await.unwrap()?);
        }
    }

    pub(crate) async fn rest(mut self) -> Vec<Value> {
        let mut events = Vec::new();
        while let Some(event) = self.next().await {
            events.push(event);
        }
        events
    }
}

fn query(params: &Value) -> String {
    let members = params.as_object().unwrap().iter().filter(|(name, _)| *name != "id");
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let pairs = members.map(|(name, value)| (name.as_str(), text(value)));
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

/// What sends a text into a thread.
pub(crate) fn message(context: &str, text: &str) -> Value {
    json!({ "message": {
        "messageId": uuid::Uuid::new_v4().to_string(), "contextId": context, "role": "ROLE_USER", "parts": [{ "text": text }],
    } })
}

/// What answers a task.
pub(crate) fn answer(task: &Value, part: Value) -> Value {
    json!({ "message": {
        "messageId": uuid::Uuid::new_v4().to_string(), "taskId": task["id"], "contextId": task["contextId"],
        "role": "ROLE_USER", "parts": [part],
    } })
}

pub(crate) fn state(task: &Value) -> &str {
    task["status"]["state"].as_str().unwrap().strip_prefix("TASK_STATE_").unwrap()
}

/// The texts of a task's artifacts.
pub(crate) fn texts(task: &Value) -> Vec<String> {
    let artifacts = task["artifacts"].as_array().map(Vec::as_slice).unwrap_or_default();
    artifacts.iter().filter_map(|artifact| artifact["parts"][0]["text"].as_str().map(str::to_owned)).collect()
}

/// Events, shortened.
pub(crate) fn shown(events: &[Value]) -> Vec<String> {
    let short = |event: &Value| match event.as_object().unwrap().iter().next().unwrap() {
        (kind, task) if kind == "task" => format!("task {}", state(task)),
        (kind, update) if kind == "statusUpdate" => state(update).to_owned(),
        (kind, update) if kind == "artifactUpdate" => {
            let text = update["artifact"]["parts"][0]["text"].as_str().unwrap_or("data");
            let append = if update["append"] == true { "+" } else { "" };
            let last = if update["lastChunk"] == true { "." } else { "" };
            format!("{append}{text}{last}")
        }
        other => panic!("{other:?}"),
    };
    events.iter().map(short).collect()
}
