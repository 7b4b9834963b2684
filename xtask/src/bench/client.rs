//! One connection of the load: a request, and its answer to the end.

use super::chunked::Chunks;
use super::frames::Dialect;
use super::lines::Watch;
use anyhow::{Context, ensure};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The longest silence in an answer; one that is longer hangs.
const SILENCE: Duration = Duration::from_secs(30);
const HEAD_MAX: usize = 16 * 1024;

/// What an answer must be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Expect {
    /// Who writes it.
    pub(crate) dialect: Dialect,
    /// Its deltas; `None` for any number.
    pub(crate) deltas: Option<u64>,
}

/// A connection.
pub(crate) struct Client {
    socket: TcpStream,
    buffer: Vec<u8>,
    /// What came in the answer.
    pub(crate) watch: Watch,
    expect: Expect,
}

/// When the answer came.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Times {
    /// From the request to the first event.
    pub(crate) first: Duration,
    /// From the request to the end.
    pub(crate) whole: Duration,
}

impl Client {
    /// Connects. `timed`: the deltas tell when they were written.
    pub(crate) async fn connect(port: u16, expect: Expect, timed: bool) -> anyhow::Result<Self> {
        let socket = TcpStream::connect(("127.0.0.1", port)).await.context("cannot connect")?;
        socket.set_nodelay(true)?;
        let watch = Watch::new(expect.dialect, timed);
        Ok(Self { socket, buffer: Vec::with_capacity(16 * 1024), watch, expect })
    }

    /// Sends a request and reads the answer, which `watch` then tells. `on_piece` is called after each piece.
    pub(crate) async fn ask(
        &mut self,
        request: &[u8],
        on_piece: &mut (dyn FnMut(&mut Watch) + Send),
    ) -> anyhow::Result<Times> {
        let began = Instant::now();
        self.watch.reset();
        self.socket.write_all(request).await.context("cannot send a request")?;
        self.buffer.clear();
        let begin = self.head().await?;
        let mut chunks = Chunks::default();
        let mut first = None;
        let watch = &mut self.watch;
        let mut done = chunks.push(&self.buffer[begin..], &mut |data| watch.push(data))?;
        loop {
            if watch.events > 0 {
                first.get_or_insert_with(|| began.elapsed());
            }
            on_piece(watch);
            if done {
                break;
            }
            self.buffer.clear();
            let read = tokio::time::timeout(SILENCE, self.socket.read_buf(&mut self.buffer));
            let count = read.await.context("the server was silent in a stream")??;
            ensure!(count > 0, "the server hung up in a stream, behind {} events", watch.events);
            done = chunks.push(&self.buffer, &mut |data| watch.push(data))?;
        }
        let deltas = watch.deltas;
        let last = String::from_utf8_lossy(&watch.last[..watch.last.len().min(500)]);
        ensure!(last.contains(self.expect.dialect.end()), "a run did not finish: {last}");
        if let Some(expected) = self.expect.deltas {
            ensure!(deltas == expected, "a run had {deltas} deltas in place of {expected}");
        }
        Ok(Times { first: first.unwrap_or_default(), whole: began.elapsed() })
    }

    /// Reads the head of the answer; where its body begins.
    async fn head(&mut self) -> anyhow::Result<usize> {
        let end = loop {
            if let Some(end) = memchr::memmem::find(&self.buffer, b"\r\n\r\n") {
                break end;
            }
            ensure!(self.buffer.len() < HEAD_MAX, "the head of the answer is too long");
            let read = tokio::time::timeout(SILENCE, self.socket.read_buf(&mut self.buffer));
            ensure!(read.await.context("no answer")?? > 0, "the server hung up in place of an answer");
        };
        let head = String::from_utf8_lossy(&self.buffer[..end]).to_ascii_lowercase();
        let said = String::from_utf8_lossy(&self.buffer[end..]);
        ensure!(head.starts_with("http/1.1 200 "), "the server refused: {head}{said}");
        ensure!(head.contains("transfer-encoding: chunked"), "the answer is no stream: {head}");
        Ok(end + 4)
    }
}
