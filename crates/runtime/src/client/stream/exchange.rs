//! One request and its answer over a connection, driven by whoever waits for the answer.
//!
//! An open stream holds no buffer: what arrives is read into memory that all streams of a thread share, and copied from
//! there.

use super::BATCH_BYTES;
use super::StreamError;
use super::connect::Socket;
use super::pool::Home;
use super::response::{self, Framing, Head};
use bytes::{Buf as _, Bytes};
use hyper::rt::{Read as _, ReadBuf, Write as _};
use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// How much is read at once.
const READ_BYTES: usize = 64 * 1024;

/// Memory that is used only within one poll.
struct Scratch {
    read: Vec<u8>,
    content: Vec<u8>,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> =
        RefCell::new(Scratch { read: vec![0; READ_BYTES], content: Vec::with_capacity(READ_BYTES) });
}

/// A connection with a request on it. Dropping it closes the socket.
pub(super) struct Link {
    socket: Socket,
    /// What of the request was not written yet.
    head: Bytes,
    body: Bytes,
    written: bool,
    /// It could not be written; the peer may have answered before it closed.
    unwritable: Option<io::Error>,
    /// What came of the head of the answer.
    arrived: Vec<u8>,
}

/// Why there is no answer.
pub(super) struct SendError {
    pub(super) error: StreamError,
    /// Nothing of the request was written: it can be sent again.
    pub(super) unsent: bool,
}

impl Link {
    pub(super) fn new(socket: Socket, head: Bytes, body: Bytes) -> Self {
        Self { socket, head, body, written: false, unwritable: None, arrived: Vec::new() }
    }

    /// Sends the request and waits for the head of the answer, which may come before all of the request was written.
    pub(super) async fn send(&mut self) -> Result<Head, SendError> {
        let answered = std::future::poll_fn(|cx| {
            self.write(cx);
            match &self.unwritable {
                Some(cause) if !self.written => Poll::Ready(Err(StreamError::broken(cause))),
                _ => self.poll_head(cx),
            }
        });
        let error = match answered.await {
            Ok(head) => return Ok(head),
            Err(error) => error,
        };
        let error = self.unwritable.take().map_or(error, |cause| StreamError::broken(&cause));
        Err(SendError { error, unsent: !self.written })
    }

    /// Writes what can be written.
    fn write(&mut self, cx: &mut Context<'_>) {
        while self.is_writing() {
            let slices = [io::IoSlice::new(&self.head), io::IoSlice::new(&self.body)];
            match Pin::new(&mut self.socket).poll_write_vectored(cx, &slices) {
                Poll::Ready(Ok(count)) if count > 0 => {
                    self.written = true;
                    let of_head = count.min(self.head.len());
                    self.head.advance(of_head);
                    self.body.advance((count - of_head).min(self.body.len()));
                }
                Poll::Ready(Ok(_)) => self.unwritable = Some(io::ErrorKind::WriteZero.into()),
                Poll::Ready(Err(error)) => self.unwritable = Some(error),
                Poll::Pending => return,
            }
        }
        if self.unwritable.is_none()
            && let Poll::Ready(Err(error)) = Pin::new(&mut self.socket).poll_flush(cx)
        {
            self.unwritable = Some(error);
        }
    }

    fn is_writing(&self) -> bool {
        self.unwritable.is_none() && !(self.head.is_empty() && self.body.is_empty())
    }

    fn poll_head(&mut self, cx: &mut Context<'_>) -> Poll<Result<Head, StreamError>> {
        SCRATCH.with_borrow_mut(|scratch| {
            loop {
                let room = response::HEAD_MAX.saturating_sub(self.arrived.len()).clamp(1, READ_BYTES);
                let count = match ready!(poll_read(&mut self.socket, cx, &mut scratch.read[..room])) {
                    Ok(0) => return Poll::Ready(Err(cut())),
                    Ok(count) => count,
                    Err(error) => return Poll::Ready(Err(StreamError::broken(&error))),
                };
                self.arrived.extend_from_slice(&scratch.read[..count]);
                match response::parse(&self.arrived) {
                    Ok(None) => {}
                    Ok(Some(head)) => {
                        self.arrived.drain(..head.length);
                        return Poll::Ready(Ok(head));
                    }
                    Err(error) => return Poll::Ready(Err(error)),
                }
            }
        })
    }
}

fn cut() -> StreamError {
    StreamError::said("connection closed before message completed".to_owned())
}

fn poll_read(socket: &mut Socket, cx: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>> {
    let mut buffer = ReadBuf::new(into);
    ready!(Pin::new(socket).poll_read(cx, buffer.unfilled()))?;
    Poll::Ready(Ok(buffer.filled().len()))
}

/// What has arrived of a body.
pub(super) struct Arrived {
    /// In memory of just its size.
    pub(super) batch: Option<Bytes>,
    /// The body is over, well or badly.
    pub(super) end: Option<Result<(), StreamError>>,
}

/// An answer whose body is being read.
pub(super) struct Exchange {
    /// Absent after the body's end.
    link: Option<Link>,
    framing: Framing,
    keep: bool,
    home: Home,
}

impl Exchange {
    pub(super) fn new(link: Link, framing: Framing, keep: bool, home: Home) -> Self {
        Self { link: Some(link), framing, keep, home }
    }

    /// All that has arrived, something at least. At the body's end the connection goes back to the pool if it can be
    /// used again.
    pub(super) fn poll_batch(&mut self, cx: &mut Context<'_>) -> Poll<Arrived> {
        let Some(link) = &mut self.link else { return Poll::Ready(Arrived { batch: None, end: Some(Ok(())) }) };
        link.write(cx);
        let (filled, batch) = SCRATCH.with_borrow_mut(|Scratch { read, content }| {
            content.clear();
            let filled = link.fill(&mut self.framing, cx, read, content);
            (filled, (!content.is_empty()).then(|| Bytes::copy_from_slice(content)))
        });
        let end = match filled {
            Ok(Filled::More) if batch.is_none() => return Poll::Pending,
            Ok(Filled::More) => None,
            Ok(Filled::End { clean }) => {
                if let Some(link) = self.link.take()
                    && clean
                    && self.keep
                    && link.unwritable.is_none()
                    && !link.is_writing()
                {
                    self.home.park(link.socket);
                }
                Some(Ok(()))
            }
            Err(error) => {
                self.link = None;
                Some(Err(error))
            }
        };
        Poll::Ready(Arrived { batch, end })
    }
}

/// How far a look at the socket got.
enum Filled {
    /// To where nothing has arrived yet, or enough for one batch.
    More,
    /// To the body's end.
    End {
        /// Nothing came that was not asked for, and the connection is open.
        clean: bool,
    },
}

impl Link {
    fn fill(
        &mut self,
        framing: &mut Framing,
        cx: &mut Context<'_>,
        read: &mut [u8],
        content: &mut Vec<u8>,
    ) -> Result<Filled, StreamError> {
        // What came together with the head is first.
        let arrived = std::mem::take(&mut self.arrived);
        let mut clean = framing.decode(&arrived, content)? == arrived.len();
        loop {
            if framing.is_done() {
                return Ok(Filled::End { clean });
            }
            if content.len() >= BATCH_BYTES {
                return Ok(Filled::More);
            }
            let count = match poll_read(&mut self.socket, cx, read) {
                Poll::Ready(Ok(count)) => count,
                Poll::Ready(Err(error)) => return Err(StreamError::broken(&error)),
                Poll::Pending => return Ok(Filled::More),
            };
            if count == 0 {
                let whole = matches!(framing, Framing::UntilClose);
                return if whole { Ok(Filled::End { clean: false }) } else { Err(cut()) };
            }
            clean = framing.decode(&read[..count], content)? == count;
        }
    }
}
