//! Requests whose answers are streams, read from within the task that consumes them.
//!
//! A pooled client hands an answer over piece by piece from a task of its own, and each piece costs a wake. Here nothing
//! stands between the socket and its reader: polling the body drives the connection, and everything that has arrived is
//! given at once. HTTP itself is hyper's, TLS that of every other outbound request.

mod connect;
mod exchange;
mod pool;
mod proxied;
mod target;

pub use target::Target;

use super::{ClientError, ClientOptions, Trust, USER_AGENT};
use bytes::Bytes;
use connect::Connector;
use exchange::{Exchange, Link};
use http::header::{AUTHORIZATION, CONTENT_LENGTH, HOST, USER_AGENT as USER_AGENT_NAME};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use http_body_util::Full;
use pool::Pool;
use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

/// The most bytes of one batch: what is behind them waits in the socket, so that a fast peer cannot fill the memory.
const BATCH_BYTES: usize = 256 * 1024;
/// The most pieces of one batch.
const BATCH_PIECES: usize = 1024;

/// Sends requests and gives their answers as streams. Cheap to clone; clones share their connections.
///
/// It speaks HTTP/1.1: a run has its connection to itself, so that no other one can hold it up. Connections are kept for
/// the next request. It sets no deadline but that of the connection: its callers bound every wait.
#[derive(Clone)]
pub struct StreamClient {
    trust: Trust,
    way: Way,
}

#[derive(Clone)]
enum Way {
    Direct(Arc<Direct>),
    /// Through the proxies of the environment, by the client that knows them.
    Proxied(reqwest::Client),
}

struct Direct {
    connector: Connector,
    pool: Arc<Pool>,
}

/// The head of an answer, and its body.
#[derive(Debug)]
pub struct StreamResponse {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: StreamBody,
}

/// The body of an answer. Dropping it before its end closes the connection at once.
pub struct StreamBody {
    source: Source,
    /// The parts of a batch while it is taken; empty in between.
    pieces: Vec<Bytes>,
    /// Kept for the batch after the one that it came behind.
    failed: Option<StreamError>,
    ended: bool,
}

enum Source {
    Direct(Box<Exchange>),
    Proxied(proxied::Body),
}

impl StreamClient {
    /// A client of its own pool.
    ///
    /// # Errors
    /// When the TLS stack cannot be set up.
    pub fn new(options: &ClientOptions) -> Result<Self, ClientError> {
        let way = if options.environment_proxies && options.trust == Trust::Configured {
            Way::Proxied(super::build(options)?)
        } else {
            let pool = Arc::new(Pool::default());
            Way::Direct(Arc::new(Direct { connector: Connector::new(options)?, pool }))
        };
        Ok(Self { trust: options.trust, way })
    }

    /// Reads an address that requests are sent to.
    ///
    /// # Errors
    /// As [`check_url`](super::check_url), for the trust that this client was made for.
    pub fn target(&self, address: &str) -> Result<Target, ClientError> {
        Target::new(super::check_url(address, self.trust)?)
    }

    /// Sends one POST and waits for the head of its answer. Redirects are not followed.
    ///
    /// A kept connection that turns out to be closed before anything of the request was written is replaced by a fresh
    /// one. Once something was written the request is never repeated: the peer may have acted on it.
    ///
    /// # Errors
    /// No connection, or one that broke before the answer.
    pub async fn post(
        &self,
        target: &Target,
        mut headers: HeaderMap,
        body: Bytes,
    ) -> Result<StreamResponse, StreamError> {
        let direct = match &self.way {
            Way::Direct(direct) => direct,
            Way::Proxied(client) => return proxied::post(client, target, headers, body).await,
        };
        headers.insert(HOST, target.host.clone());
        headers.entry(USER_AGENT_NAME).or_insert(HeaderValue::from_static(USER_AGENT));
        if let Some(credentials) = &target.authorization {
            headers.entry(AUTHORIZATION).or_insert_with(|| credentials.clone());
        }
        if body.is_empty() {
            // Written by hyper for all others.
            headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
        let mut request = http::Request::new(Full::new(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = target.path.clone();
        *request.headers_mut() = headers;
        if let Some(socket) = direct.pool.take(&target.origin) {
            let mut link = Link::new(socket).await?;
            match link.send(request).await {
                Ok(response) => return Ok(direct.answer(target, link, response)),
                Err(mut error) => match error.take_message() {
                    Some(unsent) => request = unsent,
                    None => return Err(StreamError::broken(&error.into_error())),
                },
            }
        }
        let mut link = Link::new(direct.connector.connect(target.origin.clone()).await?).await?;
        match link.send(request).await {
            Ok(response) => Ok(direct.answer(target, link, response)),
            Err(error) => Err(StreamError::broken(&error.into_error())),
        }
    }
}

impl Direct {
    fn answer(&self, target: &Target, link: Link, response: http::Response<hyper::body::Incoming>) -> StreamResponse {
        let (head, incoming) = response.into_parts();
        let keep = pool::idle_limit(&target.origin, &head.headers);
        let home = pool::Home { pool: Arc::clone(&self.pool), origin: target.origin.clone(), keep };
        let source = Source::Direct(Box::new(Exchange::new(link, incoming, home)));
        let body = StreamBody::new(source);
        StreamResponse { status: head.status, headers: head.headers, body }
    }
}

impl StreamBody {
    fn new(source: Source) -> Self {
        Self { source, pieces: Vec::new(), failed: None, ended: false }
    }

    /// Waits for something of the body and gives everything that has arrived in one piece, which is just as long: who
    /// keeps a part of it keeps no buffer of the connection. `None` at the end.
    ///
    /// It can be dropped at any point without a loss.
    ///
    /// # Errors
    /// A connection that broke. What came before is given first.
    pub async fn next_batch(&mut self) -> Result<Option<Bytes>, StreamError> {
        std::future::poll_fn(|cx| self.poll_batch(cx)).await
    }

    /// True when all of it was given.
    pub fn is_ended(&self) -> bool {
        self.ended
    }

    fn poll_batch(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, StreamError>> {
        if let Some(error) = self.failed.take() {
            self.ended = true;
            return Poll::Ready(Err(error));
        }
        let mut bytes = 0;
        while !self.ended && bytes < BATCH_BYTES && self.pieces.len() < BATCH_PIECES {
            let piece = match &mut self.source {
                Source::Direct(exchange) => exchange.poll_piece(cx),
                Source::Proxied(body) => body.poll_piece(cx),
            };
            match piece {
                Poll::Ready(Some(Ok(piece))) => {
                    bytes += piece.len();
                    self.pieces.push(piece);
                }
                Poll::Ready(Some(Err(error))) if bytes > 0 => {
                    self.failed = Some(error);
                    break;
                }
                Poll::Ready(Some(Err(error))) => {
                    self.ended = true;
                    return Poll::Ready(Err(error));
                }
                Poll::Ready(None) => self.ended = true,
                Poll::Pending => break,
            }
        }
        if bytes > 0 {
            // A piece is a part of a buffer of 8 KiB or more. Were it handed on, a log that keeps a hundred bytes of it
            // would hold all of that, and the connection would need a new one for every read.
            let mut batch = Vec::with_capacity(bytes);
            for piece in self.pieces.drain(..) {
                batch.extend_from_slice(&piece);
            }
            return Poll::Ready(Ok(Some(batch.into())));
        }
        self.pieces.clear();
        if self.ended { Poll::Ready(Ok(None)) } else { Poll::Pending }
    }
}

impl fmt::Debug for StreamClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamClient").field("trust", &self.trust).finish_non_exhaustive()
    }
}

impl fmt::Debug for StreamBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamBody").field("ended", &self.ended).finish_non_exhaustive()
    }
}

/// Why a request got no answer, or not all of it. It says the innermost cause: outer ones may show an address with its
/// secrets.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{cause}")]
pub struct StreamError {
    cause: String,
    connect: bool,
    timeout: bool,
}

impl StreamError {
    /// True when there was no connection: name lookup, refusal, TLS.
    pub fn is_connect(&self) -> bool {
        self.connect
    }

    /// True when the connection took too long.
    pub fn is_timeout(&self) -> bool {
        self.timeout
    }

    fn connect(error: &(dyn std::error::Error + 'static)) -> Self {
        let is_late = |cause: &(dyn std::error::Error + 'static)| {
            cause.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == std::io::ErrorKind::TimedOut)
        };
        let late = std::iter::successors(Some(error), |cause| cause.source()).any(is_late);
        if late { Self::connect_timeout() } else { Self { cause: innermost(error), connect: true, timeout: false } }
    }

    fn connect_timeout() -> Self {
        Self { cause: "operation timed out".to_owned(), connect: true, timeout: true }
    }

    fn broken(error: &(dyn std::error::Error + 'static)) -> Self {
        Self { cause: innermost(error), connect: false, timeout: false }
    }
}

fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}
