//! The `scripted` scenario: an agent inside the server, and finished frames as its bare twin.

use super::event_stream;
use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::routing::post;
use copilotkit_runtime::http::server::{self, ServeOptions};
use copilotkit_runtime::http::{Surface, SurfaceOptions};
use copilotkit_runtime::protocol::sse::write_frame;
use copilotkit_runtime::protocol::{
    Event, RunFinished, RunStarted, TextMessageContent, TextMessageEnd, TextMessageStart,
};
use copilotkit_runtime::{
    Agent, AgentRegistry, Emitted, EventStream, Lifecycle, LifecycleOptions, Registered, RunContext,
};
use futures::{StreamExt, stream};
use std::convert::Infallible;
use std::sync::Arc;
use tokio::net::TcpListener;

/// Content events of one run.
pub(crate) const CONTENTS: usize = 1_000;
/// Their size as JSON, in bytes.
const SIZE: usize = 100;
const MESSAGE: &str = "m-1";

pub(super) async fn ours(listener: TcpListener) {
    let agents = AgentRegistry::new([Registered::new("bench", Scripted)]);
    let lifecycle = Lifecycle::new(Arc::new(agents), LifecycleOptions::default());
    let surface = Surface::new(lifecycle, SurfaceOptions::default());
    server::serve(listener, surface, ServeOptions::default(), std::future::pending(), std::future::pending()).await;
}

/// Yields its events as fast as they are taken.
struct Scripted;

impl Agent for Scripted {
    fn run(&self, context: RunContext) -> EventStream {
        let (thread, run) = (context.input.thread_id.as_str(), context.input.run_id.as_str());
        let ends = [started(thread, run), finished(thread, run)];
        let [started, finished] = ends;
        let content = (0..CONTENTS).map(|_| content());
        let events = std::iter::once(started).chain([start()]).chain(content).chain([end(), finished]);
        stream::iter(events).map(|event| Ok(Emitted::from(event))).boxed()
    }
}

pub(super) fn bare() -> Router {
    let mut events = vec![started("thread", "run"), start()];
    events.extend((0..CONTENTS).map(|_| content()));
    events.extend([end(), finished("thread", "run")]);
    let frames: Arc<[_]> = events
        .iter()
        .map(|event| {
            let mut frame = Vec::new();
            write_frame(&event.to_json(), &mut frame);
            axum::body::Bytes::from(frame)
        })
        .collect();
    let answer = move |request: Request| {
        let frames = frames.clone();
        async move {
            // The request is read, as every server must.
            let read = axum::body::to_bytes(request.into_body(), 1 << 20).await;
            let frames = (0..frames.len()).map(move |index| Ok::<_, Infallible>(frames[index].clone()));
            event_stream(if read.is_ok() { Body::from_stream(stream::iter(frames)) } else { Body::empty() })
        }
    };
    Router::new().route("/copilotkit/agent/bench/run", post(answer))
}

fn started(thread: &str, run: &str) -> Event {
    RunStarted { thread_id: thread.to_owned(), run_id: run.to_owned(), ..Default::default() }.into()
}

fn start() -> Event {
    TextMessageStart { message_id: MESSAGE.to_owned(), ..Default::default() }.into()
}

fn content() -> Event {
    let empty = br#"{"type":"TEXT_MESSAGE_CONTENT","messageId":"m-1","delta":""}"#.len();
    let delta = "x".repeat(SIZE - empty);
    TextMessageContent { message_id: MESSAGE.to_owned(), delta, ..Default::default() }.into()
}

fn end() -> Event {
    TextMessageEnd { message_id: MESSAGE.to_owned(), ..Default::default() }.into()
}

fn finished(thread: &str, run: &str) -> Event {
    RunFinished { thread_id: thread.to_owned(), run_id: run.to_owned(), ..Default::default() }.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_have_the_size_that_the_table_names() {
        assert_eq!(content().to_json().len(), SIZE);
    }
}
