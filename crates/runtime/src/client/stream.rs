//! Requests whose answers are streams, read from within the task that consumes them.
//!
//! A pooled client hands an answer over piece by piece from a task of its own, and each piece costs a wake. Here nothing
//! stands between the socket and its reader: polling the body drives the connection, and everything that has arrived is
//! given at once. An open stream holds no buffers. Connections and TLS are those of every other outbound request.

mod chunked;
mod connect;
mod exchange;
mod pool;
mod proxied;
mod response;
mod target;

pub use target::Target;

use super::{ClientError, ClientOptions, Trust, USER_AGENT};
use bytes::Bytes;
use connect::Connector;
use exchange::{Arrived, Exchange, Link};
use http::header::{AUTHORIZATION, CONNECTION, CONTENT_LENGTH, HOST, TRANSFER_ENCODING, USER_AGENT as USER_AGENT_NAME};
use http::{HeaderMap, HeaderValue, StatusCode};
use pool::Pool;
use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

/// The most bytes of one batch: what is behind them waits in the socket, so that a fast peer cannot fill the memory.
const BATCH_BYTES: usize = 256 * 1024;

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
        headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
        // They would contradict what is sent.
        headers.remove(TRANSFER_ENCODING);
        headers.remove(CONNECTION);
        let head = head(target, &headers);
        if let Some(socket) = direct.pool.take(&target.origin) {
            let mut link = Link::new(socket, head.clone(), body.clone());
            match link.send().await {
                Ok(head) => return Ok(direct.answer(target, link, head)),
                Err(failed) if failed.unsent => {}
                Err(failed) => return Err(failed.error),
            }
        }
        let mut link = Link::new(direct.connector.connect(target.origin.clone()).await?, head, body);
        match link.send().await {
            Ok(head) => Ok(direct.answer(target, link, head)),
            Err(failed) => Err(failed.error),
        }
    }
}

/// The head of a request as it is written. Names and values are such that nothing of them ends a line.
fn head(target: &Target, headers: &HeaderMap) -> Bytes {
    let size = headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum::<usize>();
    let path = target.path.path_and_query().map_or("/", |path| path.as_str());
    let mut head = Vec::with_capacity(size + path.len() + 18);
    head.extend_from_slice(b"POST ");
    head.extend_from_slice(path.as_bytes());
    head.extend_from_slice(b" HTTP/1.1\r\n");
    for (name, value) in headers {
        head.extend_from_slice(name.as_str().as_bytes());
        head.extend_from_slice(b": ");
        head.extend_from_slice(value.as_bytes());
        head.extend_from_slice(b"\r\n");
    }
    head.extend_from_slice(b"\r\n");
    head.into()
}

impl Direct {
    fn answer(&self, target: &Target, link: Link, head: response::Head) -> StreamResponse {
        let keep = pool::idle_limit(&target.origin, &head.headers);
        let home = pool::Home { pool: Arc::clone(&self.pool), origin: target.origin.clone(), keep };
        let source = Source::Direct(Box::new(Exchange::new(link, head.framing, head.keep, home)));
        StreamResponse { status: head.status, headers: head.headers, body: StreamBody::new(source) }
    }
}

impl StreamBody {
    fn new(source: Source) -> Self {
        Self { source, failed: None, ended: false }
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
        if self.ended {
            return Poll::Ready(Ok(None));
        }
        let Arrived { batch, end } = match &mut self.source {
            Source::Direct(exchange) => ready!(exchange.poll_batch(cx)),
            Source::Proxied(body) => ready!(body.poll_batch(cx)),
        };
        match end {
            None => {}
            Some(Err(error)) if batch.is_some() => self.failed = Some(error),
            Some(Err(error)) => {
                self.ended = true;
                return Poll::Ready(Err(error));
            }
            Some(Ok(())) => self.ended = true,
        }
        Poll::Ready(Ok(batch))
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
        Self::said(innermost(error))
    }

    fn said(cause: String) -> Self {
        Self { cause, connect: false, timeout: false }
    }
}

fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}
