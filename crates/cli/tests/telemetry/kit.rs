//! A server as the binary wires it, within the test.

use axum::body::{Body, to_bytes};
use copilotkit_cli::config::{Config, Environment, LoggingConfig, Sources};
use copilotkit_cli::telemetry::{Exporter, Log, Running, Settings};
use copilotkit_cli::wiring;
use copilotkit_fixtures::agent_server::{AgentServer, Script};
use copilotkit_fixtures::model_server::{ModelServer, Reply};
use copilotkit_runtime::http::Surface;
use copilotkit_runtime::store::MemoryStore;
use copilotkit_runtime::{Lifecycle, Store};
use http::{Request, Response};
use serde_json::{Value, json};
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex};
use tracing::subscriber::DefaultGuard;

/// What was written to the log.
#[derive(Clone, Default)]
pub(crate) struct Written(Arc<Mutex<Vec<u8>>>);

impl io::Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Written {
    pub(crate) fn lines(&self) -> Vec<String> {
        let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        text.lines().map(str::to_owned).collect()
    }
}

/// A server. Its log and its traces are those of the thread that made it: the test must run on one.
pub(crate) struct Server {
    pub(crate) lifecycle: Lifecycle,
    pub(crate) surface: Surface,
    pub(crate) log: Written,
    running: Option<Running>,
    _guard: DefaultGuard,
}

impl Server {
    pub(crate) fn start(file: &str) -> Self {
        Self::on(file, Arc::new(MemoryStore::default()), &[])
    }

    pub(crate) fn on(file: &str, store: Arc<dyn Store>, variables: &[(&str, &str)]) -> Self {
        let variables: Vec<(String, String)> =
            variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let environment: Environment = Arc::new(move |name: &str| {
            variables.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
        });
        let sources = Sources {
            file: Some(("copilotkit.toml".into(), file.to_owned())),
            overrides: Vec::new(),
            flags: Vec::new(),
            environment: environment.clone(),
        };
        let config = Config::load(sources).unwrap();
        let exporter = Settings::of(&config.telemetry, &environment, &mut Vec::new()).unwrap().map(Exporter::new);
        let log = Written::default();
        let writer = log.clone();
        let subscriber = Log::new(&config.logging, false).subscriber(None, move || writer.clone(), exporter.as_ref());
        let guard = tracing::subscriber::set_default(subscriber);
        let lifecycle = wiring::lifecycle(&config, &environment, store).unwrap();
        let options = wiring::surface_options(&config, IpAddr::V4(Ipv4Addr::LOCALHOST), &environment).unwrap();
        let surface = Surface::new(lifecycle.clone(), options);
        let running = exporter.map(|exporter| exporter.run(lifecycle.clone()).unwrap());
        Self { lifecycle, surface, log, running, _guard: guard }
    }

    /// Runs the agent `default` and reads the stream to its end.
    pub(crate) async fn run(&self, thread: &str, says: &str) -> Response<String> {
        self.run_with(thread, says, &[]).await
    }

    pub(crate) async fn run_with(&self, thread: &str, says: &str, headers: &[(&str, &str)]) -> Response<String> {
        let input = json!({
            "threadId": thread,
            "runId": "r-1",
            "messages": [{ "id": "u", "role": "user", "content": says }],
        });
        self.send("POST", "/copilotkit/agent/default/run", headers, input).await
    }

    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Value,
    ) -> Response<String> {
        let mut request = Request::builder().method(method).uri(path);
        request = request.header("host", "localhost").header("content-type", "application/json");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = self.surface.handle(request.body(Body::from(body.to_string())).unwrap()).await;
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, usize::MAX).await.unwrap();
        Response::from_parts(parts, String::from_utf8(bytes.to_vec()).unwrap())
    }

    /// Ends the runs and sends the rest.
    pub(crate) async fn end(mut self) -> Written {
        self.lifecycle.drain(std::time::Duration::from_secs(5)).await;
        if let Some(running) = self.running.take() {
            running.shut_down().await;
        }
        self.log.clone()
    }
}

/// A model that calls `lookup_order` and then says something, and the tool's server.
pub(crate) struct Servers {
    pub(crate) model: ModelServer,
    pub(crate) tool: AgentServer,
}

/// The key that the model is called with.
pub(crate) const KEY: &str = "sk-aaaa1111bbbb2222cccc3333";

impl Servers {
    pub(crate) async fn start() -> Self {
        let model = ModelServer::start([
            answer(&[
                json!({ "choices": [{ "index": 0, "delta": { "tool_calls": [{ "index": 0, "id": "call-1", "type": "function",
                    "function": { "name": "lookup_order", "arguments": "{\"number\":\"42\"}" } }] } }] }),
                json!({ "choices": [{ "index": 0, "delta": {}, "finish_reason": "tool_calls" }] }),
                json!({ "choices": [], "usage": { "prompt_tokens": 1000, "completion_tokens": 200, "total_tokens": 1200,
                    "prompt_tokens_details": { "cached_tokens": 400 } } }),
            ]),
            answer(&[
                json!({ "choices": [{ "index": 0, "delta": { "content": "It is on its way." } }] }),
                json!({ "choices": [{ "index": 0, "delta": {}, "finish_reason": "stop" }] }),
                json!({ "choices": [], "usage": { "prompt_tokens": 1300, "completion_tokens": 10, "total_tokens": 1310 } }),
            ]),
        ])
        .await;
        let reply = Script::new().head(200, &[("content-type", "application/json")]).bytes(r#"{"state":"shipped"}"#);
        Self { model, tool: AgentServer::start(reply).await.unwrap() }
    }

    /// The sections of the agent.
    pub(crate) fn agent(&self) -> String {
        format!(
            "[agents.default]\ntype = \"built-in\"\nmodel = \"openai/gpt-4o-mini\"\nbase_url = \"{}\"\napi_key = \"{KEY}\"\n\
             prompt = \"You are the house.\"\ntemperature = 0.5\n\
             [[agents.default.tools]]\nname = \"lookup_order\"\ndescription = \"Finds an order.\"\nurl = \"{}\"\n\
             parameters = {{ type = \"object\", properties = {{ number = {{ type = \"string\" }} }} }}\n",
            self.model.base_url(),
            self.tool.url(),
        )
    }
}

fn answer(chunks: &[Value]) -> Reply {
    let chunk = |chunk: &Value| {
        let mut chunk = chunk.clone();
        chunk["id"] = "c-1".into();
        chunk["object"] = "chat.completion.chunk".into();
        chunk["model"] = "gpt-4o-mini-2024-07-18".into();
        format!("data: {chunk}\n\n")
    };
    let text: String = chunks.iter().map(chunk).chain(["data: [DONE]\n\n".to_owned()]).collect();
    Reply::sse(text)
}

/// The lines that a configuration has by default, for tests that need only those.
pub(crate) fn quiet() -> LoggingConfig {
    LoggingConfig::default()
}
