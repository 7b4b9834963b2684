//! A connection's socket that bounds every wait for the other side: for a request's first byte, for the rest of its
//! head, for a reader that takes nothing, and for a writer that does not notice the end.

use super::ServeOptions;
use copilotkit_protocol::Code;
use futures::task::AtomicWaker;
use std::future::Future as _;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

/// Whether a connection is at work on a request, as its service sees it. HTTP/1 has one at a time.
#[derive(Debug, Default)]
pub(super) struct Exchanges {
    /// Beginnings and ends: odd during an exchange.
    count: AtomicUsize,
    /// Who has to see the end: hyper does not read again by itself when an answer is complete.
    reader: AtomicWaker,
}

/// An exchange that goes on for as long as this lives: up to the end of the answer's body.
#[derive(Debug)]
pub(super) struct Going(Arc<Exchanges>);

impl Exchanges {
    pub(super) fn begin(self: Arc<Self>) -> Going {
        self.count.fetch_add(1, Ordering::Relaxed);
        Going(self)
    }
}

impl Drop for Going {
    fn drop(&mut self) {
        self.0.count.fetch_add(1, Ordering::Relaxed);
        self.0.reader.wake();
    }
}

/// What reading waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Waiting {
    /// The end of a request's head. It began with its first byte; that of the first request began with the connection.
    Head,
    /// The next request.
    Idle,
    /// Nothing: the request is being answered, and its body has a bound of its own.
    Exchange,
}

/// The socket. To its reader a bound that was passed looks as if the other side had hung up; to its writer it is an error.
pub(super) struct Socket<T> {
    inner: T,
    exchanges: Arc<Exchanges>,
    /// Their count at the last read.
    seen: usize,
    options: ServeOptions,
    waiting: Waiting,
    reading: Deadline,
    writing: Deadline,
    /// Set once this side is shut down.
    closed: bool,
    /// Set once a bound was passed that ends the connection.
    cut: bool,
}

impl<T> Socket<T> {
    pub(super) fn new(inner: T, exchanges: Arc<Exchanges>, options: ServeOptions) -> Self {
        let (reading, writing) = (Deadline::default(), Deadline::default());
        Self { inner, exchanges, seen: 0, options, waiting: Waiting::Head, reading, writing, closed: false, cut: false }
    }

    /// Notices where the connection is, before a read.
    fn turn(&mut self) {
        let count = self.exchanges.count.load(Ordering::Relaxed);
        if std::mem::replace(&mut self.seen, count) != count {
            self.wait_for(if count % 2 == 1 { Waiting::Exchange } else { Waiting::Idle });
        }
    }

    fn wait_for(&mut self, waiting: Waiting) {
        self.waiting = waiting;
        self.reading.disarm();
    }

    /// Counts why the connection ends, once.
    fn cut_off(&mut self, code: Code) {
        if !std::mem::replace(&mut self.cut, true) {
            self.options.counters.count(code);
        }
    }

    fn bound_write<R>(&mut self, written: Poll<io::Result<R>>, cx: &mut Context<'_>) -> Poll<io::Result<R>> {
        if written.is_ready() {
            self.writing.disarm();
            return written;
        }
        ready!(self.writing.poll(self.options.write_stall, cx));
        self.cut_off(Code::WriteStall);
        tracing::debug!("a reader took nothing for too long and was cut off");
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Socket<T> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        this.turn();
        let before = buf.filled().len();
        if let Poll::Ready(read) = Pin::new(&mut this.inner).poll_read(cx, buf) {
            if this.waiting == Waiting::Idle && buf.filled().len() > before {
                this.wait_for(Waiting::Head);
            }
            return Poll::Ready(read);
        }
        let bound = match this.waiting {
            Waiting::Head => this.options.header_timeout,
            Waiting::Idle => this.options.keep_alive_idle,
            Waiting::Exchange => {
                this.exchanges.reader.register(cx.waker());
                return Poll::Pending;
            }
        };
        ready!(this.reading.poll(bound, cx));
        if this.waiting == Waiting::Head {
            this.cut_off(Code::HeaderTimeout);
        }
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Socket<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write(cx, buf);
        self.bound_write(written, cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write_vectored(cx, bufs);
        self.bound_write(written, cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    /// Says goodbye, then lets go what the other side still sends, for a while. Closing a socket with unread bytes resets
    /// the connection, and a client that is still sending its body would lose the answer that refuses it.
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if !this.closed {
            let closed = Pin::new(&mut this.inner).poll_shutdown(cx);
            ready!(this.bound_write(closed, cx))?;
            this.closed = true;
            this.reading.disarm();
        }
        let mut scratch = [0; 8 * 1024];
        while this.reading.poll(this.options.linger, cx).is_pending() {
            let mut buf = ReadBuf::new(&mut scratch);
            let read = ready!(Pin::new(&mut this.inner).poll_read(cx, &mut buf));
            if read.is_err() || buf.filled().is_empty() {
                break;
            }
        }
        Poll::Ready(Ok(()))
    }
}

/// A timer that is made when it is first needed.
#[derive(Default)]
struct Deadline {
    sleep: Option<Pin<Box<Sleep>>>,
    armed: bool,
}

impl Deadline {
    /// Ready `after` the first call since it was disarmed.
    fn poll(&mut self, after: Duration, cx: &mut Context<'_>) -> Poll<()> {
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep(after)));
        if !self.armed {
            sleep.as_mut().reset(Instant::now() + after);
            self.armed = true;
        }
        sleep.as_mut().poll(cx)
    }

    fn disarm(&mut self) {
        self.armed = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};

    fn pair(capacity: usize) -> (Socket<DuplexStream>, DuplexStream, Arc<Exchanges>) {
        let (ours, theirs) = duplex(capacity);
        let exchange = Arc::new(Exchanges::default());
        (Socket::new(ours, exchange.clone(), ServeOptions::default()), theirs, exchange)
    }

    async fn closed_after(socket: &mut Socket<DuplexStream>) -> Duration {
        let begun = Instant::now();
        let mut buf = [0; 1];
        while socket.read(&mut buf).await.unwrap() > 0 {}
        begun.elapsed()
    }

    fn close_to(found: Duration, expected: Duration) -> bool {
        found.abs_diff(expected) < Duration::from_millis(10)
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_head_has_its_time_from_the_start_and_trickling_does_not_stretch_it() {
        let (mut socket, mut client, _) = pair(64);
        let trickle = async {
            loop {
                if client.write_all(b"G").await.is_err() {
                    std::future::pending::<()>().await;
                }
                sleep(Duration::from_secs(1)).await;
            }
        };
        let found = tokio::select! { found = closed_after(&mut socket) => found, () = trickle => unreachable!() };
        assert!(close_to(found, ServeOptions::default().header_timeout), "{found:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn between_requests_there_is_more_time_until_the_next_one_begins() {
        let options = ServeOptions::default();
        let (mut socket, mut client, exchange) = pair(64);
        client.write_all(b"1").await.unwrap();
        socket.read_u8().await.unwrap();
        let going = exchange.clone().begin();
        let long = tokio::time::timeout(Duration::from_secs(3600), socket.read_u8()).await;
        assert!(long.is_err(), "an answer may take its time");
        drop(going);
        let found = closed_after(&mut socket).await;
        assert!(close_to(found, options.keep_alive_idle), "{found:?}");

        let (mut socket, mut client, exchange) = pair(64);
        // An answer that is there at once: nothing was read while it was under way.
        drop(exchange.begin());
        let late = async {
            sleep(Duration::from_secs(60)).await;
            client.write_all(b"G").await.unwrap();
        };
        let (found, ()) = tokio::join!(closed_after(&mut socket), late);
        assert!(close_to(found, Duration::from_secs(60) + options.header_timeout), "{found:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_reader_that_takes_nothing_is_cut_off_and_a_slow_one_is_not() {
        let stall = ServeOptions::default().write_stall;
        let (mut socket, mut client, _) = pair(1);
        let slow = async {
            for _ in 0..3 {
                sleep(stall - Duration::from_secs(1)).await;
                client.read_u8().await.unwrap();
            }
            Instant::now()
        };
        let (error, last) = tokio::join!(socket.write_all(b"12345"), slow);
        assert_eq!(error.unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert!(close_to(last.elapsed(), stall), "{:?}", last.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_still_sent_is_let_go_for_a_while() {
        let (mut socket, mut client, _) = pair(16);
        let sender = async {
            let sent = client.write_all(&[b'x'; 100_000]).await;
            let mut answer = String::new();
            client.read_to_string(&mut answer).await.unwrap();
            drop(client);
            (sent.is_ok(), answer)
        };
        let server = async {
            socket.write_all(b"no").await.unwrap();
            socket.shutdown().await.unwrap();
        };
        let (told, ()) = tokio::join!(sender, server);
        assert_eq!(told, (true, "no".to_owned()));

        let (mut socket, _client, _) = pair(16);
        let begun = Instant::now();
        socket.shutdown().await.unwrap();
        assert!(close_to(begun.elapsed(), ServeOptions::default().linger), "{:?}", begun.elapsed());
    }
}
