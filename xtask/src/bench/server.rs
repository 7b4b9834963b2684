//! The servers that are measured: ours, and a bare axum handler that writes the same bytes.

use anyhow::Context;
use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use axum::routing::post;
use axum::serve::ListenerExt;
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
use std::io::{Read, Write};
use std::sync::Arc;
use tokio::net::TcpListener;

/// Content events of one run.
const CONTENTS: usize = 1_000;
/// Their size as JSON, in bytes.
const SIZE: usize = 100;
/// The frames of one run: its content, the begin and the end of the message and of the run.
pub(crate) const FRAMES: u64 = CONTENTS as u64 + 4;
const MESSAGE: &str = "m-1";

/// Which server.
#[derive(clap::Args)]
pub(crate) struct ServerOptions {
    #[arg(value_enum)]
    kind: Kind,
}

/// Which server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Kind {
    /// The runtime's own HTTP surface, lifecycle and memory store.
    Ours,
    /// One handler that streams finished frames.
    Bare,
}

/// Serves on a port of the system's choice, which the one line on stdout tells, until stdin is closed.
pub(crate) fn serve(options: &ServerOptions) -> anyhow::Result<bool> {
    // The driver holds the other end: when it is gone, however it ended, so are we.
    std::thread::spawn(|| {
        let mut buffer = [0; 64];
        while std::io::stdin().read(&mut buffer).is_ok_and(|count| count > 0) {}
        std::process::exit(0);
    });
    let runtime = tokio::runtime::Runtime::new().context("cannot start tokio")?;
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.context("cannot listen")?;
        let mut out = std::io::stdout();
        writeln!(out, "{}", listener.local_addr()?.port())
            .and_then(|()| out.flush())
            .context("cannot tell the port")?;
        match options.kind {
            Kind::Ours => ours(listener).await,
            Kind::Bare => bare(listener).await?,
        }
        Ok(true)
    })
}

async fn ours(listener: TcpListener) {
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

async fn bare(listener: TcpListener) -> anyhow::Result<()> {
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
            let body = if read.is_ok() { Body::from_stream(stream::iter(frames)) } else { Body::empty() };
            let mut response = Response::new(body);
            let kind = axum::http::HeaderValue::from_static("text/event-stream");
            response.headers_mut().insert(axum::http::header::CONTENT_TYPE, kind);
            response
        }
    };
    let listener = listener.tap_io(|socket| {
        // As our server does; without it small writes wait. It fails only on a socket that is gone.
        socket.set_nodelay(true).ok();
    });
    axum::serve(listener, Router::new().route("/copilotkit/agent/bench/run", post(answer))).await.context("axum")
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
