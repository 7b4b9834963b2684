//! A server on a port of its own, asked by REST or by the envelope.

use copilotkit_fixtures::recording::client::send;
use copilotkit_fixtures::recording::{Request, Response};
use copilotkit_fixtures::scripted;
use copilotkit_runtime::agent::{EventStream, RunContext};
use copilotkit_runtime::http::probes::{Readiness, with_probes};
use copilotkit_runtime::http::server::{ServeOptions, serve};
use copilotkit_runtime::http::{Surface, SurfaceOptions};
use copilotkit_runtime::store::MemoryStore;
use copilotkit_runtime::{Agent, AgentRegistry, Lifecycle, LifecycleOptions, Registered, Store};
use futures::StreamExt as _;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How a route is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Rest,
    Envelope,
}

pub(crate) const FORMS: [Form; 2] = [Form::Rest, Form::Envelope];

/// Says nothing and never ends.
struct Silent;

impl Agent for Silent {
    fn run(&self, _: RunContext) -> EventStream {
        futures::stream::pending().boxed()
    }
}

/// Says as much as `forwardedProps` asks for, in one message.
struct Wordy;

impl Agent for Wordy {
    fn run(&self, context: RunContext) -> EventStream {
        let input = &context.input;
        let letters = input.forwarded_props.as_ref().and_then(|props| props.to_value().as_u64()).unwrap_or_default();
        let id = format!("msg-{}", input.run_id);
        let piece = "x".repeat(1_000);
        let mut events = vec![
            json!({ "type": "RUN_STARTED", "threadId": input.thread_id, "runId": input.run_id }),
            json!({ "type": "TEXT_MESSAGE_START", "messageId": id, "role": "assistant" }),
        ];
        let content = json!({ "type": "TEXT_MESSAGE_CONTENT", "messageId": id, "delta": piece });
        events.extend(std::iter::repeat_n(content, letters as usize / 1_000));
        events.push(json!({ "type": "TEXT_MESSAGE_END", "messageId": id }));
        events.push(json!({ "type": "RUN_FINISHED", "threadId": input.thread_id, "runId": input.run_id }));
        let emitted = |event: Value| Ok(copilotkit_runtime::Emitted::from_json(event.to_string().into()).unwrap());
        futures::stream::iter(events.into_iter().map(emitted)).boxed()
    }
}

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) surface: Surface,
    shutdown: CancellationToken,
    serving: JoinHandle<()>,
    runs: TaskTracker,
}

impl Server {
    pub(crate) async fn start() -> Self {
        Self::with(SurfaceOptions::default()).await
    }

    pub(crate) async fn with(options: SurfaceOptions) -> Self {
        Self::over(Arc::new(MemoryStore::default()), options).await
    }

    pub(crate) async fn over(store: Arc<dyn Store>, options: SurfaceOptions) -> Self {
        let mut agents = scripted::all();
        agents.extend([Registered::new("silent", Silent), Registered::new("wordy", Wordy)]);
        let lifecycle_options = LifecycleOptions { store, ..LifecycleOptions::default() };
        let lifecycle = Lifecycle::new(Arc::new(AgentRegistry::new(agents)), lifecycle_options);
        let surface = Surface::new(lifecycle.clone(), options);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shutdown = CancellationToken::new();
        let (stop, app) = (shutdown.clone(), with_probes(surface.clone(), Readiness::default()));
        let runs = TaskTracker::new();
        let serving = runs.spawn(async move {
            let drain = async move { lifecycle.drain(Duration::ZERO).await };
            serve(listener, app, ServeOptions::default(), stop.cancelled(), drain).await;
        });
        Self { address, surface, shutdown, serving, runs }
    }

    pub(crate) async fn stop(self) {
        self.shutdown.cancel();
        self.serving.await.unwrap();
    }

    /// Sends a request to a path of the server.
    pub(crate) async fn send(&self, method: &str, path: &str, body: Option<String>) -> Response {
        self.try_send(method, path, body).await.unwrap()
    }

    pub(crate) async fn try_send(&self, method: &str, path: &str, body: Option<String>) -> std::io::Result<Response> {
        send(self.address, &request(method, path, body), None).await
    }

    /// Asks for a route below the base path; its status and JSON, which is null where there is none.
    pub(crate) async fn ask(&self, form: Form, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
        let response = self.ask_raw(form, method, path, body.map(|body| body.to_string())).await;
        (response.status, serde_json::from_str(&response.body).unwrap_or_default())
    }

    /// The same with a body that need not be JSON.
    pub(crate) async fn ask_raw(&self, form: Form, method: &str, path: &str, body: Option<String>) -> Response {
        match form {
            Form::Rest => self.send(method, &format!("/copilotkit{path}"), body).await,
            Form::Envelope => {
                let params = json!({ "path": path, "httpMethod": method });
                let mut envelope = json!({ "method": "resource/request", "params": params });
                if let Some(body) = body {
                    // What is no JSON goes as text, as clients send it.
                    envelope["body"] = serde_json::from_str(&body).unwrap_or(Value::String(body));
                }
                self.send("POST", "/copilotkit", Some(envelope.to_string())).await
            }
        }
    }

    /// Posts JSON below the base path; the status and the text.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> (u16, String) {
        let response = self.send("POST", &format!("/copilotkit{path}"), Some(body.to_string())).await;
        (response.status, response.body)
    }

    /// A whole run with these messages of a user.
    pub(crate) async fn run(&self, agent: &str, thread: &str, words: &[&str]) {
        self.run_with(agent, thread, words.iter().map(|words| json!(words)).collect()).await;
    }

    pub(crate) async fn run_with(&self, agent: &str, thread: &str, contents: Vec<Value>) {
        self.run_input(agent, input(thread, contents)).await;
    }

    pub(crate) async fn run_input(&self, agent: &str, input: Value) {
        let (status, body) = self.post(&format!("/agent/{agent}/run"), &input).await;
        assert!(status == 200 && body.contains("RUN_FINISHED"), "{status} {body}");
        // Two runs never end in the same millisecond.
        tokio::time::sleep(Duration::from_millis(2)).await;
    }

    /// A run that goes on: over when it was stopped.
    pub(crate) async fn begin(&self, agent: &str, thread: &str) -> JoinHandle<Response> {
        let (address, body) = (self.address, input(thread, vec![json!("go on")]).to_string());
        let request = request("POST", &format!("/copilotkit/agent/{agent}/run"), Some(body));
        let running = self.runs.spawn(async move { send(address, &request, None).await.unwrap() });
        while self.surface.lifecycle().active() == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        while list(self, Form::Rest, "").await["threads"][0]["id"] != thread {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        running
    }

    /// Every route answers for this id as for one that never was.
    pub(crate) async fn is_unknown(&self, form: Form, id: &str) {
        let (path, name) = (format!("/threads/{id}"), || Some(json!({ "name": "n" })));
        for (method, below, body) in
            [("GET", "", None), ("PATCH", "", name()), ("DELETE", "", None), ("POST", "/archive", None)]
        {
            let (status, answer) = self.ask(form, method, &format!("{path}{below}"), body).await;
            assert_eq!((status, &answer["code"]), (404, &json!("thread_not_found")), "{method} {path}{below}");
        }
        for (what, nothing) in [("messages", json!([])), ("events", json!([])), ("state", Value::Null)] {
            let answer = self.ask(form, "GET", &format!("{path}/{what}"), None).await;
            assert_eq!(answer, (200, json!({ what: nothing })), "{what}");
        }
        let listed = list(self, form, "?includeArchived=true").await;
        assert!(!ids(&listed).contains(&id), "{id} is listed");
    }
}

fn request(method: &str, path: &str, body: Option<String>) -> Request {
    let mut headers = BTreeMap::from([
        ("Host".to_owned(), "127.0.0.1".to_owned()),
        ("Connection".to_owned(), "close".to_owned()),
        ("Content-Type".to_owned(), "application/json".to_owned()),
    ]);
    headers.extend(body.as_ref().map(|body| ("Content-Length".to_owned(), body.len().to_string())));
    Request { method: method.to_owned(), path: path.to_owned(), headers, body }
}

/// The input of a run; ids of messages and run are new each time.
pub(crate) fn input(thread: &str, contents: Vec<Value>) -> Value {
    let message = |content| json!({ "id": uuid::Uuid::new_v4().to_string(), "role": "user", "content": content });
    let messages: Vec<Value> = contents.into_iter().map(message).collect();
    let run = uuid::Uuid::new_v4().to_string();
    json!({ "threadId": thread, "runId": run, "messages": messages, "tools": [], "context": [] })
}

/// The list with this query.
pub(crate) async fn list(server: &Server, form: Form, query: &str) -> Value {
    let (status, list) = server.ask(form, "GET", &format!("/threads{query}"), None).await;
    assert_eq!(status, 200, "{query}: {list}");
    list
}

/// The ids of a list.
pub(crate) fn ids(list: &Value) -> Vec<&str> {
    list["threads"].as_array().unwrap().iter().map(|thread| thread["id"].as_str().unwrap()).collect()
}
