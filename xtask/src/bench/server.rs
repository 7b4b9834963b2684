//! The servers beside ours: a bare relay, a bare writer, and both sides of the `scripted` scenario.

mod bare;
mod relay;
mod scripted;

pub(crate) use scripted::CONTENTS;

use anyhow::Context;
use axum::Router;
use axum::body::Body;
use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::response::Response;
use axum::serve::ListenerExt;
use std::io::{Read, Write};
use std::path::PathBuf;
use tokio::net::TcpListener;

/// Which server.
#[derive(clap::Args)]
pub(crate) struct ServerOptions {
    #[arg(value_enum)]
    kind: Kind,
    /// What the relay forwards to.
    #[arg(long, default_value = "")]
    upstream: String,
    /// What the bare writer answers to a POST.
    #[arg(long)]
    body: Option<PathBuf>,
    /// What the bare writer answers to a GET.
    #[arg(long)]
    json: Option<PathBuf>,
    /// Deltas that the bare writer writes by itself, in place of a file.
    #[arg(long, default_value_t = 0)]
    deltas: u32,
    /// The time between them, in microseconds.
    #[arg(long, default_value_t = 0)]
    pace: u64,
}

/// Which server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Kind {
    /// The runtime's own HTTP surface, lifecycle and memory store, around a scripted agent.
    Scripted,
    /// The frames of the scripted agent, finished, from one handler that hands them over one by one.
    ScriptedBare,
    /// One handler that forwards the upstream's bytes unread.
    Relay,
    /// One handler that writes bytes that are ready.
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
        writeln!(out, "listening on http://{}", listener.local_addr()?)
            .and_then(|()| out.flush())
            .context("cannot tell the port")?;
        match options.kind {
            Kind::Scripted => scripted::ours(listener).await,
            Kind::ScriptedBare => with_axum(listener, scripted::bare()).await?,
            Kind::Relay => with_axum(listener, relay::router(&options.upstream)?).await?,
            Kind::Bare => with_axum(listener, bare::router(options)?).await?,
        }
        Ok(true)
    })
}

async fn with_axum(listener: TcpListener, router: Router) -> anyhow::Result<()> {
    let listener = listener.tap_io(|socket| {
        // As our server does; without it small writes wait. It fails only on a socket that is gone.
        socket.set_nodelay(true).ok();
    });
    axum::serve(listener, router).await.context("axum")
}

fn event_stream(body: Body) -> Response {
    let mut response = Response::new(body);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    response
}
