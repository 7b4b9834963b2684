//! What stands behind the measured server: an AG-UI agent or a model server that answers every POST with one run.

use super::chunked::{LAST_CHUNK, write_chunk};
use super::frames::{Dialect, content_length, member, now, sse, stamp};
use anyhow::{Context, ensure};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: no-cache\r\ntransfer-encoding: chunked\r\n\r\n";

/// The largest request that is understood.
const REQUEST_MAX: usize = 8 << 20;

/// How each run goes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    /// Who answers.
    pub(crate) dialect: Dialect,
    /// Deltas of one run.
    pub(crate) deltas: u32,
    /// The time between two deltas; without it a run is written at once. With it every delta tells its time.
    pub(crate) pace: Option<Duration>,
}

/// A server on a port of the system's choice, until it is dropped.
pub(crate) struct Upstream {
    /// Where it listens.
    pub(crate) port: u16,
    _tasks: JoinSet<()>,
}

impl Upstream {
    /// Starts on the runtime that calls.
    pub(crate) async fn start(plan: Plan) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.context("the upstream cannot listen")?;
        let port = listener.local_addr()?.port();
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, Arc::new(plan)));
        Ok(Self { port, _tasks: tasks })
    }
}

async fn accept(listener: TcpListener, plan: Arc<Plan>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => {
                if let Ok((socket, _)) = accepted {
                    let plan = plan.clone();
                    // A server that hangs up in a run shows in the load.
                    connections.spawn(async move { serve(socket, &plan).await.ok(); });
                }
            }
        }
    }
}

async fn serve(mut socket: TcpStream, plan: &Plan) -> anyhow::Result<()> {
    socket.set_nodelay(true)?;
    let mut buffer = Vec::with_capacity(16 * 1024);
    let mut out = Vec::with_capacity(16 * 1024);
    while let Some(begin) = request(&mut socket, &mut buffer).await? {
        let body = &buffer[begin..];
        let thread = member(body, "threadId").unwrap_or("thread").to_owned();
        let run = member(body, "runId").unwrap_or("run").to_owned();
        buffer.clear();
        out.clear();
        out.extend_from_slice(HEAD);
        match plan.pace {
            None => {
                for frame in plan.dialect.run(&thread, &run, plan.deltas) {
                    write_chunk(frame.as_bytes(), &mut out);
                }
            }
            Some(pace) => paced(&mut socket, plan, pace, (&thread, &run), &mut out).await?,
        }
        out.extend_from_slice(LAST_CHUNK);
        socket.write_all(&out).await?;
    }
    Ok(())
}

/// Writes all but the closing frames, which it leaves in `out`.
async fn paced(
    socket: &mut TcpStream,
    plan: &Plan,
    pace: Duration,
    (thread, run): (&str, &str),
    out: &mut Vec<u8>,
) -> anyhow::Result<()> {
    let mut next = Instant::now();
    for frame in plan.dialect.opening(thread, run) {
        write_chunk(sse(&frame).as_bytes(), out);
    }
    socket.write_all(out).await?;
    for _ in 0..plan.deltas {
        next += pace;
        sleep_until(next).await;
        out.clear();
        write_chunk(sse(&plan.dialect.delta(run, &stamp(now()))).as_bytes(), out);
        socket.write_all(out).await?;
    }
    out.clear();
    for frame in plan.dialect.closing(thread, run) {
        write_chunk(sse(&frame).as_bytes(), out);
    }
    Ok(())
}

/// Reads one request into the empty `buffer`; where its body begins. `None` when the connection ended.
async fn request(socket: &mut TcpStream, buffer: &mut Vec<u8>) -> anyhow::Result<Option<usize>> {
    let mut whole = None;
    loop {
        if let Some((begin, end)) = whole
            && buffer.len() >= end
        {
            ensure!(buffer.len() == end, "a pipelined request");
            return Ok(Some(begin));
        }
        ensure!(buffer.len() < REQUEST_MAX, "a request is too large");
        if socket.read_buf(buffer).await? == 0 {
            ensure!(buffer.is_empty(), "a request was cut off");
            return Ok(None);
        }
        if whole.is_none()
            && let Some(end) = memchr::memmem::find(buffer, b"\r\n\r\n")
        {
            whole = Some((end + 4, end + 4 + content_length(&buffer[..end])?));
        }
    }
}
