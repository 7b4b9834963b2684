//! A server on a port of its own, and plain text over a socket.

use bytes::Bytes;
use copilotkit_runtime::Emitted;
use copilotkit_runtime::agent::{EventStream, RunContext};
use copilotkit_runtime::http::probes::{Readiness, with_probes};
use copilotkit_runtime::http::server::{ServeOptions, serve};
use copilotkit_runtime::http::{Surface, SurfaceOptions};
use copilotkit_runtime::{Agent, AgentRegistry, Lifecycle, LifecycleOptions, Registered};
use futures::StreamExt as _;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

/// An agent that says nothing and never ends.
pub(crate) struct Silent;

impl Agent for Silent {
    fn run(&self, _: RunContext) -> EventStream {
        futures::stream::pending().boxed()
    }
}

/// An agent that writes as fast as it is read.
pub(crate) struct Flood;

impl Agent for Flood {
    fn run(&self, _: RunContext) -> EventStream {
        let delta = json!({ "type": "TEXT_MESSAGE_CONTENT", "messageId": "m", "delta": "x".repeat(60_000) });
        let event = Bytes::from(delta.to_string());
        futures::stream::repeat_with(move || Ok(Emitted::from_json(event.clone()).unwrap())).boxed()
    }
}

pub(crate) fn surface(options: SurfaceOptions) -> Surface {
    let agents = [Registered::new("default", Silent), Registered::new("flood", Flood)];
    let agents = Arc::new(AgentRegistry::new(agents));
    Surface::new(Lifecycle::new(agents, LifecycleOptions::default()), options)
}

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) stop: CancellationToken,
    pub(crate) readiness: Readiness,
    pub(crate) task: tokio::task::JoinHandle<()>,
}

pub(crate) async fn server(options: SurfaceOptions, serving: ServeOptions) -> Server {
    serve_surface(surface(options), serving).await
}

pub(crate) async fn serve_surface(surface: Surface, serving: ServeOptions) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, readiness) = (CancellationToken::new(), Readiness::default());
    let (stopping, app) = (stop.clone(), with_probes(surface.clone(), readiness.clone()));
    let tasks = tokio_util::task::TaskTracker::new();
    let task = tasks.spawn(async move {
        let drain = surface.lifecycle().drain(serving.drain_timeout);
        serve(listener, app, serving, stopping.cancelled(), drain).await;
    });
    Server { address, stop, readiness, task }
}

/// Sends text and reads the answer to its end, or for so long as the server keeps the connection open.
pub(crate) async fn raw(address: SocketAddr, text: &[u8]) -> String {
    let mut socket = TcpStream::connect(address).await.unwrap();
    socket.write_all(text).await.unwrap();
    let mut answer = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(10), socket.read_to_end(&mut answer)).await;
    assert!(read.is_ok(), "the server answers and closes");
    String::from_utf8(answer).unwrap()
}

pub(crate) async fn post(address: SocketAddr, path: &str, body: &str) -> (u16, Value) {
    let request = format!(
        "POST {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    );
    let answer = raw(address, request.as_bytes()).await;
    (status(&answer), json_of(&answer))
}

pub(crate) const RUN: &str = "/copilotkit/agent/default/run";

/// The status line's number.
pub(crate) fn status(answer: &str) -> u16 {
    answer.get(9..12).and_then(|status| status.parse().ok()).unwrap_or_else(|| panic!("no answer: {answer:?}"))
}

/// The body of an answer as JSON.
pub(crate) fn json_of(answer: &str) -> Value {
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    serde_json::from_str(body).unwrap_or(Value::Null)
}

/// Sends a request over a connection that stays open, with `body` as its body.
pub(crate) async fn send(socket: &mut TcpStream, line: &str, body: &str) {
    let length = body.len();
    let request = format!("{line} HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n\r\n{body}");
    socket.write_all(request.as_bytes()).await.unwrap();
}

/// Reads until `text` was there; what was read.
pub(crate) async fn read_until(socket: &mut TcpStream, text: &str) -> String {
    let mut seen = Vec::new();
    let mut buf = [0; 4096];
    let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
    while !String::from_utf8_lossy(&seen).contains(text) {
        let read = tokio::time::timeout_at(deadline, socket.read(&mut buf)).await;
        let count = read.expect("more comes").unwrap();
        assert!(count > 0, "the connection ended: {}", String::from_utf8_lossy(&seen));
        seen.extend_from_slice(&buf[..count]);
    }
    String::from_utf8(seen).unwrap()
}

/// The input of a run on a thread.
pub(crate) fn input(thread: &str) -> String {
    json!({ "threadId": thread, "runId": "r", "messages": [] }).to_string()
}
