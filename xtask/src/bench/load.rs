//! A load of runs over HTTP/1.1: each connection asks for one run after the other.

use super::chunked::Counter;
use super::server::FRAMES;
use anyhow::{Context, ensure};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// The longest time for one run; one that takes longer hangs.
const RUN_LIMIT: Duration = Duration::from_secs(30);
const HEAD_MAX: usize = 16 * 1024;

/// What was received.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Received {
    /// Server-sent events.
    pub(crate) events: u64,
    /// Bytes of the bodies.
    pub(crate) bytes: u64,
}

/// Asks for runs over `connections` connections for `time`; a run that has begun is read to its end.
pub(crate) async fn load(port: u16, connections: u64, time: Duration, slice: u64) -> anyhow::Result<Received> {
    let until = Instant::now() + time;
    let mut clients = JoinSet::new();
    for client in 0..connections {
        clients.spawn(one(port, until, format!("{slice}-{client}")));
    }
    let mut sum = Received::default();
    while let Some(received) = clients.join_next().await {
        let received = received.context("a client of the load ended early")??;
        sum.events += received.events;
        sum.bytes += received.bytes;
    }
    Ok(sum)
}

async fn one(port: u16, until: Instant, name: String) -> anyhow::Result<Received> {
    let mut socket = TcpStream::connect(("127.0.0.1", port)).await.context("cannot connect")?;
    socket.set_nodelay(true)?;
    let mut buffer = vec![0; 64 * 1024];
    let mut sum = Received::default();
    let mut count = 0u64;
    while count == 0 || Instant::now() < until {
        count += 1;
        let body = format!(
            r#"{{"threadId":"thread-{name}-{count}","runId":"run-{name}-{count}","protocolVersion":"1.0","state":{{}},"messages":[{{"id":"u","role":"user","content":"Hi"}}],"tools":[],"context":[],"forwardedProps":{{}}}}"#
        );
        let request = format!(
            "POST /copilotkit/agent/bench/run HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\ncontent-type: application/json\r\n\
             accept: text/event-stream\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        socket.write_all(request.as_bytes()).await.context("cannot send a request")?;
        let answer = tokio::time::timeout(RUN_LIMIT, answer(&mut socket, &mut buffer));
        let received = answer.await.context("a run did not end in time")??;
        sum.events += received.events;
        sum.bytes += received.bytes;
    }
    Ok(sum)
}

/// Reads one answer to its end, and checks that it is complete.
async fn answer(socket: &mut TcpStream, buffer: &mut [u8]) -> anyhow::Result<Received> {
    let mut head = Vec::new();
    let begin = loop {
        let count = socket.read(buffer).await?;
        ensure!(count > 0 && head.len() < HEAD_MAX, "the server hung up, or its head is too long");
        head.extend_from_slice(&buffer[..count]);
        if let Some(end) = head.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
    };
    let text = String::from_utf8_lossy(&head).to_ascii_lowercase();
    ensure!(text.starts_with("http/1.1 200 "), "the server refused: {text}");
    ensure!(text.contains("transfer-encoding: chunked"), "the answer is no stream: {text}");
    let mut counter = Counter::default();
    // A run's last frame: what came after the one before it.
    let mut tail = head.split_off(begin);
    let mut done = counter.push(&tail)?;
    while !done {
        let count = socket.read(buffer).await?;
        ensure!(count > 0, "the server hung up in a stream");
        done = counter.push(&buffer[..count])?;
        tail.drain(..tail.len().saturating_sub(512));
        tail.extend_from_slice(&buffer[count.saturating_sub(512)..count]);
    }
    let events = counter.feeds / 2;
    let last = String::from_utf8_lossy(&tail[tail.len().saturating_sub(512)..]).into_owned();
    ensure!(events == FRAMES, "a run had {events} events in place of {FRAMES}; at its end: {last}");
    ensure!(last.contains("\"RUN_FINISHED\""), "a run did not finish: {last}");
    Ok(Received { events, bytes: counter.bytes })
}
