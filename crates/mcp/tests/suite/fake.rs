//! A server whose every answer a test can choose, that counts what reaches it, and that can die and come back.

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::serve::Listener;
use bytes::Bytes;
use copilotkit_mcp::ServerConfig;
use futures::StreamExt as _;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;

/// A message that came.
pub(crate) struct Asked {
    pub(crate) method: String,
    pub(crate) id: Value,
    pub(crate) params: Value,
    pub(crate) session: Option<String>,
    /// How often this method was asked before.
    pub(crate) before: usize,
    /// How often the server was started again.
    pub(crate) generation: usize,
}

/// What is answered.
pub(crate) enum Reply {
    /// As a server does that behaves.
    Usual,
    /// A result.
    Result(Value),
    /// Any answer.
    Http(Response),
    /// Headers after that time, then nothing for ever.
    Hang,
    /// The answer of the inner reply, after a while.
    Later(Duration, Box<Reply>),
}

type Behaviour = Box<dyn Fn(&Asked) -> Reply + Send + Sync>;

pub(crate) struct Fake {
    address: SocketAddr,
    runtime: Option<Runtime>,
    pub(crate) seen: Arc<Seen>,
}

/// What a server counted.
pub(crate) struct Seen {
    behaviour: Behaviour,
    /// TCP connections that are open.
    open: AtomicUsize,
    /// TCP connections that were made.
    made: AtomicUsize,
    methods: Mutex<HashMap<String, usize>>,
    headers: Mutex<Vec<HeaderMap>>,
    sessions: Mutex<Vec<String>>,
    generation: AtomicUsize,
}

impl Seen {
    pub(crate) fn open(&self) -> usize {
        self.open.load(Ordering::SeqCst)
    }

    pub(crate) fn made(&self) -> usize {
        self.made.load(Ordering::SeqCst)
    }

    pub(crate) fn count(&self, method: &str) -> usize {
        self.methods.lock().unwrap().get(method).copied().unwrap_or_default()
    }

    pub(crate) fn headers(&self) -> Vec<HeaderMap> {
        self.headers.lock().unwrap().clone()
    }
}

impl Fake {
    /// A server that behaves.
    pub(crate) fn usual() -> Self {
        Self::start(|_| Reply::Usual)
    }

    pub(crate) fn start(behaviour: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        let seen = Arc::new(Seen {
            behaviour: Box::new(behaviour),
            open: AtomicUsize::new(0),
            made: AtomicUsize::new(0),
            methods: Mutex::default(),
            headers: Mutex::default(),
            sessions: Mutex::default(),
            generation: AtomicUsize::new(0),
        });
        let mut fake = Self { address: SocketAddr::from(([127, 0, 0, 1], 0)), runtime: None, seen };
        fake.restart();
        fake
    }

    /// Every connection breaks, and nobody listens any more.
    pub(crate) fn kill(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_timeout(Duration::from_millis(200));
        }
    }

    /// Starts at the same address, with no memory of its sessions.
    pub(crate) fn restart(&mut self) {
        self.kill();
        if self.address.port() != 0 {
            self.seen.generation.fetch_add(1, Ordering::SeqCst);
        }
        self.seen.sessions.lock().unwrap().clear();
        let (address, seen) = (self.address, Arc::clone(&self.seen));
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let (tell, told) = std::sync::mpsc::channel();
        runtime.handle().begin(async move {
            let listener = TcpListener::bind(address).await.unwrap();
            tell.send(listener.local_addr().unwrap()).unwrap();
            let app = Router::new().fallback(answer).with_state(Arc::clone(&seen));
            axum::serve(Counted { listener, seen }, app).await.unwrap();
        });
        self.address = told.recv().unwrap();
        self.runtime = Some(runtime);
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn config(&self, id: &str) -> ServerConfig {
        let mut config = ServerConfig::http(id, &self.url("/mcp")).unwrap();
        config.timeouts.connect = Duration::from_secs(2);
        config.timeouts.list = Duration::from_secs(1);
        config.timeouts.call = Duration::from_millis(700);
        config.timeouts.call_total = Duration::from_secs(2);
        config
    }

    /// Waits until so many connections at most are open.
    pub(crate) async fn settles_at(&self, most: usize) -> usize {
        until(|| self.seen.open() <= most).await;
        self.seen.open()
    }
}

/// Waits until something is so, for ten seconds at most; what is asserted after it tells whether it is.
pub(crate) async fn until(is_so: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(10);
    while !is_so() && Instant::now() < end {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// A task on a runtime of the server's own, which ends with it.
trait Spawn {
    fn begin(&self, task: impl Future<Output = ()> + Send + 'static);
}

impl Spawn for tokio::runtime::Handle {
    fn begin(&self, task: impl Future<Output = ()> + Send + 'static) {
        drop(self.spawn(task));
    }
}

pub(crate) fn echo_tool() -> Value {
    json!({
        "name": "echo",
        "description": "Says it again",
        "inputSchema": { "type": "object", "properties": { "text": { "type": "string" } }, "required": ["text"] }
    })
}

pub(crate) fn text(text: &str) -> Value {
    json!({ "content": [{ "type": "text", "text": text }] })
}

pub(crate) fn json_reply(status: StatusCode, body: &Value) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}

async fn answer(State(seen): State<Arc<Seen>>, method: Method, headers: HeaderMap, body: Bytes) -> Response {
    seen.headers.lock().unwrap().push(headers.clone());
    if method == Method::DELETE {
        *seen.methods.lock().unwrap().entry("DELETE".to_owned()).or_default() += 1;
        return StatusCode::OK.into_response();
    }
    if method != Method::POST {
        return StatusCode::METHOD_NOT_ALLOWED.into_response();
    }
    let message: Value = serde_json::from_slice(&body).unwrap();
    let name = message["method"].as_str().unwrap_or("answer").to_owned();
    let before = {
        let mut methods = seen.methods.lock().unwrap();
        let count = methods.entry(name.clone()).or_default();
        *count += 1;
        *count - 1
    };
    let asked = Asked {
        method: name,
        id: message["id"].clone(),
        params: message["params"].clone(),
        session: headers.get("mcp-session-id").map(|value| value.to_str().unwrap().to_owned()),
        before,
        generation: seen.generation.load(Ordering::SeqCst),
    };
    let reply = (seen.behaviour)(&asked);
    respond(&seen, &asked, reply).await
}

fn respond<'a>(seen: &'a Seen, asked: &'a Asked, reply: Reply) -> Pin<Box<dyn Future<Output = Response> + Send + 'a>> {
    Box::pin(async move {
        match reply {
            Reply::Usual => usual(seen, asked),
            Reply::Result(result) => {
                json_reply(StatusCode::OK, &json!({ "jsonrpc": "2.0", "id": asked.id, "result": result }))
            }
            Reply::Http(response) => response,
            Reply::Hang => std::future::pending().await,
            Reply::Later(wait, reply) => {
                tokio::time::sleep(wait).await;
                respond(seen, asked, *reply).await
            }
        }
    })
}

/// A server of 2025-11-25 with sessions.
fn usual(seen: &Seen, asked: &Asked) -> Response {
    let result =
        |result: Value| json_reply(StatusCode::OK, &json!({ "jsonrpc": "2.0", "id": asked.id, "result": result }));
    if asked.method == "server/discover" {
        let error = json!({ "code": -32000, "message": "Bad Request: Server not initialized" });
        return json_reply(StatusCode::BAD_REQUEST, &json!({ "jsonrpc": "2.0", "error": error, "id": null }));
    }
    if asked.method == "initialize" {
        let session = format!("s{}-{}", asked.generation, asked.before);
        seen.sessions.lock().unwrap().push(session.clone());
        let mut response = result(json!({
            "protocolVersion": "2025-11-25",
            "capabilities": { "tools": {} },
            "serverInfo": { "name": "fake", "version": "1" },
            "instructions": "Be kind."
        }));
        response.headers_mut().insert("mcp-session-id", session.parse().unwrap());
        return response;
    }
    let known = asked.session.as_ref().is_some_and(|session| seen.sessions.lock().unwrap().contains(session));
    if !known {
        return (StatusCode::NOT_FOUND, "no such session").into_response();
    }
    match asked.method.as_str() {
        "tools/list" => result(json!({ "tools": [echo_tool()] })),
        "tools/call" => result(text(asked.params["arguments"]["text"].as_str().unwrap_or_default())),
        "resources/read" => result(json!({ "contents": [{ "uri": asked.params["uri"], "text": "hello" }] })),
        "ping" => result(json!({})),
        _ => StatusCode::ACCEPTED.into_response(),
    }
}

/// A body that brings a piece and then nothing for ever.
pub(crate) fn stalled(piece: &'static str) -> Body {
    let first = futures::stream::iter([Ok::<_, std::io::Error>(Bytes::from_static(piece.as_bytes()))]);
    Body::from_stream(first.chain(futures::stream::pending()))
}

struct Counted {
    listener: TcpListener,
    seen: Arc<Seen>,
}

impl Listener for Counted {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        loop {
            if let Ok((stream, address)) = self.listener.accept().await {
                stream.set_nodelay(true).unwrap();
                self.seen.open.fetch_add(1, Ordering::SeqCst);
                self.seen.made.fetch_add(1, Ordering::SeqCst);
                return (Connection { stream, seen: Arc::clone(&self.seen) }, address);
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

pub(crate) struct Connection {
    stream: TcpStream,
    seen: Arc<Seen>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.seen.open.fetch_sub(1, Ordering::SeqCst);
    }
}

impl AsyncRead for Connection {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
