//! What the examples share: serving until Ctrl-C, and asking an application without a socket.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use copilotkit_runtime::Lifecycle;
use copilotkit_runtime::http::server::{ServeOptions, serve};
use serde_json::{Value, json};
use std::error::Error;
use std::time::Duration;
use tokio::net::TcpListener;
use tower::ServiceExt as _;

/// Whatever goes wrong in an example.
pub type Failed = Box<dyn Error + Send + Sync>;

/// The most bytes that an example reads of an answer.
const ANSWER: usize = 1 << 20;

/// Serves an application on port 4000 until Ctrl-C; runs that are under way then get ten seconds.
///
/// # Errors
/// When the port is taken.
pub async fn until_ctrl_c(app: Router, lifecycle: Lifecycle) -> Result<(), Failed> {
    let listener = TcpListener::bind("127.0.0.1:4000").await?;
    println!("listening on http://{}", listener.local_addr()?);
    let interrupted = async { drop(tokio::signal::ctrl_c().await) };
    let drain = async { lifecycle.drain(Duration::from_secs(10)).await };
    serve(listener, app, ServeOptions::default(), interrupted, drain).await;
    Ok(())
}

/// Sends a request to an application and reads its whole answer.
///
/// # Errors
/// An answer that breaks off or is too long.
pub async fn ask(
    app: &Router,
    path: &str,
    headers: HeaderMap,
    body: Option<Value>,
) -> Result<(StatusCode, String), Failed> {
    let method = if body.is_some() { "POST" } else { "GET" };
    let mut request = Request::builder().method(method).uri(path).header("content-type", "application/json");
    for (name, value) in &headers {
        request = request.header(name, value);
    }
    let request = request.body(body.map_or_else(Body::empty, |body| Body::from(body.to_string())))?;
    let answer = app.clone().oneshot(request).await?;
    let status = answer.status();
    let bytes = to_bytes(answer.into_body(), ANSWER).await?;
    Ok((status, String::from_utf8(bytes.to_vec())?))
}

/// Says something to an agent below `base`: the events of the run.
///
/// # Errors
/// An answer that is no stream of events.
pub async fn say(app: &Router, base: &str, agent: &str, words: &str) -> Result<Vec<Value>, Failed> {
    let message = json!({ "id": "u1", "role": "user", "content": words });
    let input = json!({ "threadId": "t1", "runId": "r1", "protocolVersion": "1.0", "messages": [message] });
    let (status, text) = ask(app, &format!("{base}/agent/{agent}/run"), HeaderMap::new(), Some(input)).await?;
    if status != StatusCode::OK {
        return Err(format!("{status}: {text}").into());
    }
    let frames = text.split("\n\n").filter_map(|frame| frame.strip_prefix("data: "));
    frames.map(|json| Ok(serde_json::from_str(json)?)).collect()
}

/// The words of an agent in the events of a run.
pub fn words(events: &[Value]) -> String {
    events
        .iter()
        .filter_map(|event| event["delta"].as_str().filter(|_| event["type"] == "TEXT_MESSAGE_CONTENT"))
        .collect()
}
