//! A server with scripted agents on a port of its own, and requests to it.

use copilotkit_fixtures::recording::client::{self, Connection};
use copilotkit_fixtures::recording::{Request, Response};
use copilotkit_fixtures::scripted;
use copilotkit_runtime::http::server::{ServeOptions, serve};
use copilotkit_runtime::http::{Surface, SurfaceOptions};
use copilotkit_runtime::{AgentRegistry, Lifecycle, LifecycleOptions};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

pub(crate) fn surface(options: SurfaceOptions) -> Surface {
    surface_with(LifecycleOptions::default(), options)
}

pub(crate) fn surface_with(lifecycle: LifecycleOptions, options: SurfaceOptions) -> Surface {
    let agents = scripted::select(["default", "echoplain", "error", "slow"]);
    Surface::new(Lifecycle::new(Arc::new(AgentRegistry::new(agents)), lifecycle), options)
}

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    stop: CancellationToken,
    serving: JoinSet<()>,
}

impl Server {
    pub(crate) async fn start(options: SurfaceOptions) -> Self {
        let surface = surface(options);
        Self::serve(axum::Router::new().fallback_service(surface.clone()), surface).await
    }

    pub(crate) async fn serve(app: axum::Router, surface: Surface) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let stopping = stop.clone();
        let mut serving = JoinSet::new();
        serving.spawn(async move {
            let drain = async move { surface.lifecycle().drain(Duration::ZERO).await };
            serve(listener, app, ServeOptions::default(), stopping.cancelled(), drain).await;
        });
        Self { address, stop, serving }
    }

    /// Asks over a connection of its own.
    pub(crate) async fn ask(&self, mut request: Request) -> Response {
        request.headers.insert("connection".to_owned(), "close".to_owned());
        client::send(self.address, &request, None).await.unwrap()
    }

    pub(crate) async fn connect(&self) -> Kept {
        Kept(Connection::open(self.address).await.unwrap())
    }

    pub(crate) async fn stop(mut self) {
        self.stop.cancel();
        while let Some(ended) = self.serving.join_next().await {
            ended.unwrap();
        }
    }
}

/// One connection for many requests.
pub(crate) struct Kept(Connection);

impl Kept {
    pub(crate) async fn ask(&mut self, request: Request) -> Response {
        self.0.write(&request).await.unwrap();
        let head = self.0.head(Instant::now() + Duration::from_secs(10)).await.unwrap();
        let mut body = Vec::new();
        while let Some(piece) = self.0.body(&head).await.unwrap() {
            body.extend(piece);
        }
        Response { status: head.status, headers: head.headers, body: String::from_utf8(body).unwrap() }
    }
}

pub(crate) fn request(method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Request {
    let length = body.len().to_string();
    let own = [("content-type", "application/json"), ("content-length", &*length)];
    let all = own.iter().chain(headers).map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Request {
        method: method.to_owned(),
        path: format!("/copilotkit{path}"),
        headers: all.collect(),
        body: Some(body.to_owned()),
    }
}

pub(crate) fn get(path: &str) -> Request {
    request("GET", path, &[], "")
}

pub(crate) fn post(path: &str, body: &str) -> Request {
    request("POST", path, &[], body)
}

pub(crate) fn run_input(thread: &str) -> String {
    json!({ "threadId": thread, "runId": "r", "messages": [] }).to_string()
}

/// The events of a stream; each of its frames must be one.
pub(crate) fn events(answer: &Response) -> Vec<Value> {
    assert_eq!(answer.status, 200, "{}", answer.body);
    let frames = answer.body.split_terminator("\n\n");
    frames.map(|frame| serde_json::from_str(frame.strip_prefix("data: ").unwrap()).unwrap()).collect()
}

pub(crate) fn body(answer: &Response) -> Value {
    serde_json::from_str(&answer.body).unwrap()
}
