//! Serving a service on a socket: bounded waits, connection cap, graceful drain.

mod socket;

use super::kept::Kept;
use crate::counters::Counters;
use crate::limits;
use crate::telemetry::{Metric, Metrics};
use crate::wait::Interrupts;
use axum::body::Body;
use http::header::CONNECTION;
use http::{HeaderValue, Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use socket::{Exchanges, Socket};
use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

/// Bounds of a server.
#[derive(Clone, Debug)]
pub struct ServeOptions {
    /// How long a request's head may take: from its first byte, or from the start of the connection.
    pub header_timeout: Duration,
    /// How long a connection may wait for its next request.
    pub keep_alive_idle: Duration,
    /// How long a reader may take nothing before it is cut off.
    pub write_stall: Duration,
    /// How long a client that still sends is let, after the answer to it.
    pub linger: Duration,
    /// The most connections at once; more wait in the system's queue.
    pub connections: usize,
    /// How long runs and open streams may go on after the server was asked to stop.
    pub drain_timeout: Duration,
    /// Where connections that are cut off are counted: those of the lifecycle behind the service, if there is one.
    pub counters: Arc<Counters>,
    /// Where open connections are counted: those of the lifecycle behind the service, if there is one.
    pub metrics: Arc<Metrics>,
}

/// Who is connected: the address of the other end, which may be a proxy's. In the extensions of each request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer(pub SocketAddr);

/// A connection that is counted.
struct Open(Arc<Metrics>);

impl Open {
    fn count(metrics: &Arc<Metrics>) -> Self {
        metrics.add(Metric::Connections, &[], 1.0);
        Self(metrics.clone())
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.add(Metric::Connections, &[], -1.0);
    }
}

impl Default for ServeOptions {
    fn default() -> Self {
        Self {
            header_timeout: limits::HEADER_TIMEOUT,
            keep_alive_idle: limits::KEEP_ALIVE_IDLE,
            write_stall: limits::WRITE_STALL,
            linger: limits::LINGER,
            connections: limits::CONNECTIONS,
            drain_timeout: limits::DRAIN_TIMEOUT,
            counters: Arc::default(),
            metrics: Arc::default(),
        }
    }
}

/// Serves HTTP/1 until `shutdown` resolves; then awaits `on_drain`, which ends the runs, and still answers meanwhile, so
/// that a balancer sees that the server is not ready and a client hears why. At last it closes the listener and lets
/// the answers that are under way end. What is left some seconds after `drain_timeout` is cut off; so is everything when
/// the future is dropped.
pub async fn serve<S, F>(
    listener: TcpListener,
    service: S,
    options: ServeOptions,
    shutdown: impl Future<Output = ()>,
    on_drain: impl Future<Output = ()>,
) where
    S: tower::Service<Request<Body>, Response = Response<Body>, Error = Infallible, Future = F>
        + Clone
        + Send
        + 'static,
    F: Future<Output = Result<Response<Body>, Infallible>> + Send + 'static,
{
    let closing = CancellationToken::new();
    let places = Arc::new(Semaphore::new(options.connections));
    let draining = CancellationToken::new();
    // Aborts its tasks when it is dropped.
    let mut connections = JoinSet::new();
    let drain = async {
        shutdown.await;
        draining.cancel();
        let deadline = Instant::now() + options.drain_timeout + limits::DRAIN_CLOSE;
        let in_time = timeout_at(deadline, on_drain).await.is_ok();
        if !in_time {
            tracing::warn!("runs did not end in time");
        }
        deadline
    };
    let mut drain = std::pin::pin!(drain);
    let deadline = loop {
        let accepted = async {
            // The semaphore is never closed: no permit means that the wait is cancelled with the loop.
            let permit = places.clone().acquire_owned().await.ok();
            (permit, listener.accept().await)
        };
        let (permit, (socket, peer)) = tokio::select! {
            deadline = &mut drain => break deadline,
            Some(ended) = connections.join_next() => {
                if let Err(error) = ended {
                    tracing::error!(%error, "a connection ended by a panic");
                }
                continue;
            }
            (permit, accepted) = accepted => match accepted {
                Ok(accepted) => (permit, accepted),
                Err(error) => {
                    // Out of file descriptors, or a connection that was gone before it was taken.
                    tracing::warn!(%error, "a connection could not be taken");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            },
        };
        let signs = Signs { draining: draining.clone(), closing: closing.clone() };
        let connection = connection(socket, Peer(peer), service.clone(), options.clone(), signs);
        let open = Open::count(&options.metrics);
        connections.spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection ended with an error");
            }
            drop((permit, open));
        });
    };
    drop(listener);
    closing.cancel();
    let ended = async { while connections.join_next().await.is_some() {} };
    if timeout_at(deadline, ended).await.is_err() {
        tracing::warn!(connections = connections.len(), "connections did not end in time and were cut off");
    }
    connections.shutdown().await;
}

/// What a connection is told of the server's end.
struct Signs {
    /// The server is about to end: who reads an answer now hears that the connection ends with it.
    draining: CancellationToken,
    /// The connection ends after the answer that is under way.
    closing: CancellationToken,
}

/// One connection, from its first byte to its last.
fn connection<S, F>(
    socket: TcpStream,
    peer: Peer,
    service: S,
    options: ServeOptions,
    signs: Signs,
) -> impl Future<Output = hyper::Result<()>> + Send
where
    S: tower::Service<Request<Body>, Response = Response<Body>, Error = Infallible, Future = F>
        + Clone
        + Send
        + 'static,
    F: Future<Output = Result<Response<Body>, Infallible>> + Send + 'static,
{
    // Small events go out when they are written, not when the last one was acknowledged.
    if let Err(error) = socket.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY could not be set");
    }
    let Signs { draining, closing } = signs;
    let exchange = Arc::new(Exchanges::default());
    let socket = Socket::new(socket, exchange.clone(), options);
    let answer = move |request: Request<Incoming>| {
        let (service, draining, going) = (service.clone(), draining.clone(), exchange.clone().begin());
        async move {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(peer);
            let mut response = service.oneshot(request).await?;
            if draining.is_cancelled() {
                response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            Ok::<_, Infallible>(response.map(|body| Kept { body, _thing: going }))
        }
    };
    // hyper's own deadline for heads cannot tell one that is slow from a connection that waits for its next request.
    let connection =
        http1::Builder::new().header_read_timeout(None).serve_connection(TokioIo::new(socket), service_fn(answer));
    // In memory of its own: a future that holds it would have room for it twice.
    let mut connection = Box::pin(connection);
    let mut closes = Interrupts::new();
    closes.add(closing.cancelled_owned());
    poll_fn(move |cx| {
        if closes.poll(cx).is_ready() {
            connection.as_mut().graceful_shutdown();
        }
        connection.as_mut().poll(cx)
    })
}
