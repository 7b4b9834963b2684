//! A scripted A2A agent on a loopback port: it can break every rule.

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use futures::StreamExt as _;
use http::HeaderMap;
use serde_json::{Value, json};
use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::task::AbortHandle;
use tokio_util::task::TaskTracker;

/// A request that came.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) verb: String,
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl Seen {
    /// The method of a call over JSON-RPC.
    pub(crate) fn method(&self) -> &str {
        self.body["method"].as_str().unwrap_or_default()
    }

    /// The first text of the message that was sent.
    pub(crate) fn text(&self) -> &str {
        self.body["params"]["message"]["parts"][0]["text"].as_str().unwrap_or_default()
    }
}

/// What is answered.
pub(crate) enum Reply {
    /// JSON with this status.
    Json(u16, Value),
    /// Anything with this status, these headers and this body.
    Raw(u16, Vec<(&'static str, String)>, Vec<u8>),
    /// An event stream.
    Stream(Vec<Piece>),
    /// Nothing, ever.
    Hang,
    /// After this time, that.
    Late(Duration, Box<Reply>),
}

/// A piece of a stream.
#[derive(Clone)]
pub(crate) enum Piece {
    /// An event of JSON-RPC.
    Event(Value),
    /// Bytes as they are.
    Bytes(Vec<u8>),
    /// Nothing for a while.
    Pause(Duration),
    /// The connection breaks.
    Cut,
    /// Nothing, ever.
    Hang,
}

type Script = dyn Fn(&Seen, &str) -> Reply + Send + Sync;

pub(crate) struct Peer {
    pub(crate) url: String,
    seen: Arc<Mutex<Vec<Seen>>>,
    open: Arc<AtomicUsize>,
    task: AbortHandle,
}

impl Peer {
    /// An agent that shows a card of 1.0 and answers calls by `script`.
    pub(crate) async fn start(script: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Self {
        Self::with_card(|url| Reply::Json(200, card(url, "1.0")), script).await
    }

    pub(crate) async fn with_card(
        card: impl Fn(&str) -> Reply + Send + Sync + 'static,
        script: impl Fn(&Seen) -> Reply + Send + Sync + 'static,
    ) -> Self {
        Self::bare(move |seen, url| if seen.path == "/.well-known/agent-card.json" { card(url) } else { script(seen) })
            .await
    }

    /// An agent that answers everything by `script`, which is told its own address.
    pub(crate) async fn bare(script: impl Fn(&Seen, &str) -> Reply + Send + Sync + 'static) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
        let open: Arc<AtomicUsize> = Arc::default();
        let script: Arc<Script> = Arc::new(script);
        let (noted, counted, own) = (seen.clone(), open.clone(), url.clone());
        let app = Router::new().fallback(move |request: Request| {
            let (script, noted, counted, own) = (script.clone(), noted.clone(), counted.clone(), own.clone());
            async move {
                let seen = read(request).await;
                noted.lock().unwrap().push(seen.clone());
                answer(script(&seen, &own), counted).await
            }
        });
        let task = TaskTracker::new().spawn(async move {
            axum::serve(listener, app).await.unwrap();
        });
        Self { url, seen, open, task: task.abort_handle() }
    }

    /// The requests so far.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// The calls of this method so far.
    pub(crate) fn calls(&self, method: &str) -> Vec<Seen> {
        self.seen().into_iter().filter(|seen| seen.method() == method).collect()
    }

    /// Streams that are being read.
    pub(crate) fn open(&self) -> usize {
        self.open.load(Ordering::SeqCst)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn read(request: Request) -> Seen {
    let (head, body) = request.into_parts();
    let bytes = axum::body::to_bytes(body, 10 << 20).await.unwrap_or_default();
    Seen {
        verb: head.method.to_string(),
        path: head.uri.path_and_query().map(ToString::to_string).unwrap_or_default(),
        headers: head.headers,
        body: serde_json::from_slice(&bytes).unwrap_or_default(),
    }
}

struct Open(Arc<AtomicUsize>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

async fn answer(reply: Reply, open: Arc<AtomicUsize>) -> Response {
    let mut reply = reply;
    while let Reply::Late(pause, then) = reply {
        tokio::time::sleep(pause).await;
        reply = *then;
    }
    let response = Response::builder();
    match reply {
        Reply::Json(status, value) => response
            .status(status)
            .header("content-type", "application/json")
            .body(Body::from(value.to_string()))
            .unwrap(),
        Reply::Raw(status, headers, body) => {
            let with =
                |response: http::response::Builder, (name, value): &(&str, String)| response.header(*name, value);
            headers.iter().fold(response.status(status), with).body(Body::from(body)).unwrap()
        }
        Reply::Stream(pieces) => {
            open.fetch_add(1, Ordering::SeqCst);
            let guard = Open(open);
            let stream = futures::stream::iter(pieces).then(move |piece| {
                let _ = &guard;
                async move {
                    match piece {
                        Piece::Event(event) => {
                            let frame = json!({ "jsonrpc": "2.0", "id": 1, "result": event });
                            Ok(format!("data: {frame}\n\n").into_bytes())
                        }
                        Piece::Bytes(bytes) => Ok(bytes),
                        Piece::Pause(pause) => {
                            tokio::time::sleep(pause).await;
                            Ok(Vec::new())
                        }
                        Piece::Cut => Err(std::io::Error::other("cut")),
                        Piece::Hang => std::future::pending().await,
                    }
                }
            });
            response.header("content-type", "text/event-stream").body(Body::from_stream(stream)).unwrap()
        }
        Reply::Hang => std::future::pending::<Result<Response, Infallible>>().await.unwrap(),
        Reply::Late(..) => unreachable!(),
    }
}

/// A card with JSON-RPC of this version at `url`.
pub(crate) fn card(url: &str, version: &str) -> Value {
    json!({
        "name": "Peer", "description": "A scripted agent.", "version": "1",
        "supportedInterfaces": [{ "url": url, "protocolBinding": "JSONRPC", "protocolVersion": version }],
        "capabilities": { "streaming": true }, "defaultInputModes": [], "defaultOutputModes": [], "skills": [],
    })
}

/// A result of JSON-RPC.
pub(crate) fn result(value: Value) -> Reply {
    Reply::Json(200, json!({ "jsonrpc": "2.0", "id": "1", "result": value }))
}

/// An error of JSON-RPC.
pub(crate) fn error(code: i64, message: &str) -> Reply {
    Reply::Json(200, json!({ "jsonrpc": "2.0", "id": "1", "error": { "code": code, "message": message } }))
}

pub(crate) fn task(id: &str, state: &str) -> Value {
    json!({ "task": { "id": id, "contextId": "c", "status": { "state": format!("TASK_STATE_{state}") } } })
}

pub(crate) fn status(id: &str, state: &str, text: &str) -> Value {
    let message = json!({ "messageId": format!("{state}-{text}"), "role": "ROLE_AGENT", "parts": [{ "text": text }] });
    let status = json!({ "state": format!("TASK_STATE_{state}"), "message": message });
    json!({ "statusUpdate": { "taskId": id, "contextId": "c", "status": status } })
}

pub(crate) fn artifact(id: &str, text: &str) -> Value {
    json!({ "artifactUpdate": { "taskId": id, "contextId": "c", "artifact": { "artifactId": "a", "parts": [{ "text": text }] }, "append": true } })
}

pub(crate) fn message(text: &str) -> Value {
    json!({ "message": { "messageId": "m", "contextId": "c", "role": "ROLE_AGENT", "parts": [{ "text": text }] } })
}

/// A stream of these events.
pub(crate) fn events(events: impl IntoIterator<Item = Value>) -> Reply {
    Reply::Stream(events.into_iter().map(Piece::Event).collect())
}
