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
        let (begin, length) = self.head().await?;
        ensure!(length.is_none(), "the answer is no stream: {}", String::from_utf8_lossy(&self.buffer));
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

    /// Sends a request and takes the answer's body, whatever it is.
    pub(crate) async fn fetch(&mut self, request: &[u8]) -> anyhow::Result<Vec<u8>> {
        self.socket.write_all(request).await.context("cannot send a request")?;
        self.buffer.clear();
        let (begin, length) = self.head().await?;
        let mut body = Vec::new();
        let mut chunks = Chunks::default();
        let mut piece = self.buffer.split_off(begin);
        loop {
            let done = match length {
                Some(length) => {
                    body.extend_from_slice(&piece);
                    body.len() >= length
                }
                None => chunks.push(&piece, &mut |data| body.extend_from_slice(data))?,
            };
            if done {
                return Ok(body);
            }
            piece.clear();
            let read = tokio::time::timeout(SILENCE, self.socket.read_buf(&mut piece));
            ensure!(read.await.context("the server was silent in an answer")?? > 0, "an answer was cut off");
        }
    }

    /// Sends `request`, which holds `count` requests without bodies, and reads as many answers of one size.
    pub(crate) async fn pipeline(&mut self, request: &[u8], count: usize) -> anyhow::Result<()> {
        self.socket.write_all(request).await.context("cannot send requests")?;
        self.buffer.clear();
        let (begin, length) = self.head().await?;
        let one = match length {
            Some(length) => begin + length,
            None => self.end_of_chunks(begin).await?,
        };
        while self.buffer.len() < one * count {
            let read = tokio::time::timeout(SILENCE, self.socket.read_buf(&mut self.buffer));
            ensure!(read.await.context("the server was silent")?? > 0, "the server hung up");
        }
        let good = self.buffer.chunks(one).all(|answer| answer.starts_with(b"HTTP/1.1 200 "));
        ensure!(good && self.buffer.len() == one * count, "answers of one request differ");
        Ok(())
    }

    /// Reads to the end of a short body in chunks that begins at `begin`; where it ends.
    async fn end_of_chunks(&mut self, begin: usize) -> anyhow::Result<usize> {
        const END: &[u8] = b"\r\n0\r\n\r\n";
        loop {
            if let Some(end) = memchr::memmem::find(&self.buffer[begin..], END) {
                return Ok(begin + end + END.len());
            }
            ensure!(self.buffer.len() < HEAD_MAX, "the answer is too long");
            let read = tokio::time::timeout(SILENCE, self.socket.read_buf(&mut self.buffer));
            ensure!(read.await.context("the server was silent")?? > 0, "the server hung up");
        }
    }

    /// Reads the head of a good answer; where its body begins, and how long that is if it tells.
    async fn head(&mut self) -> anyhow::Result<(usize, Option<usize>)> {
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
        let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
        let length = length.map(|length| length.trim().parse()).transpose().context("a length is no number")?;
        ensure!(length.is_some() || head.contains("transfer-encoding: chunked"), "the answer has no end: {head}");
        Ok((end + 4, length))
    }
}
