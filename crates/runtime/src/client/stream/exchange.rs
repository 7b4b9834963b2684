//! One connection, driven by whoever waits for its answer.

use super::StreamError;
use super::connect::Socket;
use super::pool::Home;
use bytes::Bytes;
use http::{Request, Response};
use http_body::Body as _;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::TrySendError;
use hyper::client::conn::http1::{self, Connection, SendRequest};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

/// A connection and the way into it. Dropping it closes the socket.
pub(super) struct Link {
    sender: SendRequest<Full<Bytes>>,
    /// Absent once it has come to its end.
    connection: Option<Connection<Socket, Full<Bytes>>>,
}

impl Link {
    pub(super) async fn new(socket: Socket) -> Result<Self, StreamError> {
        let (sender, connection) = http1::handshake(socket).await.map_err(|error| StreamError::broken(&error))?;
        Ok(Self { sender, connection: Some(connection) })
    }

    /// Sends a request and waits for the head of its answer.
    ///
    /// # Errors
    /// With the request, when nothing of it was written.
    pub(super) async fn send(
        &mut self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, TrySendError<Request<Full<Bytes>>>> {
        let mut answer = pin!(self.sender.try_send_request(request));
        let connection = &mut self.connection;
        std::future::poll_fn(|cx| {
            drive(connection, cx);
            answer.as_mut().poll(cx)
        })
        .await
    }

    /// The socket, if the peer may be asked again: the answer was read to its end, the request was written to its end,
    /// neither side wants to close, and nothing came that was not asked for.
    fn into_socket(mut self) -> Option<Socket> {
        drive(&mut self.connection, &mut Context::from_waker(Waker::noop()));
        let connection = self.connection.filter(|_| self.sender.is_ready())?;
        let parts = connection.into_parts();
        parts.read_buf.is_empty().then_some(parts.io)
    }
}

/// What goes wrong is told by the answer or its body.
fn drive(connection: &mut Option<Connection<Socket, Full<Bytes>>>, cx: &mut Context<'_>) {
    if connection.as_mut().is_some_and(|connection| Pin::new(connection).poll(cx).is_ready()) {
        *connection = None;
    }
}

/// An answer whose body is being read.
pub(super) struct Exchange {
    /// Absent after the body's end.
    link: Option<Link>,
    incoming: Incoming,
    home: Home,
}

impl Exchange {
    pub(super) fn new(link: Link, incoming: Incoming, home: Home) -> Self {
        Self { link: Some(link), incoming, home }
    }

    /// The next piece of the body. At its end the connection goes back to the pool if it can be used again.
    pub(super) fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, StreamError>>> {
        let Some(link) = &mut self.link else { return Poll::Ready(None) };
        // Connection and body wake each other for every piece. Both are polled here, so a wake would only have the task
        // run once more for nothing: the true waker is given last, when there is nothing left to take.
        let mut still = Context::from_waker(Waker::noop());
        for last in [false, true] {
            loop {
                let before = take(&mut self.incoming, &mut still);
                let piece = match before {
                    Poll::Pending => {
                        drive(&mut link.connection, if last { &mut *cx } else { &mut still });
                        take(&mut self.incoming, &mut still)
                    }
                    ready => ready,
                };
                match piece {
                    Poll::Ready(Some(Ok(Some(piece)))) => return Poll::Ready(Some(Ok(piece))),
                    // Trailers.
                    Poll::Ready(Some(Ok(None))) => {}
                    Poll::Ready(Some(Err(error))) => {
                        self.link = None;
                        return Poll::Ready(Some(Err(error)));
                    }
                    Poll::Ready(None) => {
                        if let Some(socket) = self.link.take().and_then(Link::into_socket) {
                            self.home.park(socket);
                        }
                        return Poll::Ready(None);
                    }
                    Poll::Pending => break,
                }
            }
        }
        Poll::Pending
    }
}

/// `None` in a frame that is no data.
fn take(incoming: &mut Incoming, cx: &mut Context<'_>) -> Poll<Option<Result<Option<Bytes>, StreamError>>> {
    Pin::new(incoming).poll_frame(cx).map(|frame| {
        frame.map(|frame| match frame {
            Ok(frame) => Ok(frame.into_data().ok()),
            Err(error) => Err(StreamError::broken(&error)),
        })
    })
}
