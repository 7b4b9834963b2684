//! Serving a service on a socket: header deadline, connection cap, graceful drain.

use crate::limits;
use axum::body::Body;
use http::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;

/// Bounds of a server.
#[derive(Clone, Copy, Debug)]
pub struct ServeOptions {
    /// How long a request's head may take.
    pub header_timeout: Duration,
    /// The most connections at once; more wait in the system's queue.
    pub connections: usize,
    /// How long open streams may go on after the server was asked to stop.
    pub drain_timeout: Duration,
}

impl Default for ServeOptions {
    fn default() -> Self {
        Self {
            header_timeout: limits::HEADER_TIMEOUT,
            connections: limits::CONNECTIONS,
            drain_timeout: limits::DRAIN_TIMEOUT,
        }
    }
}

/// Serves until `shutdown` resolves; then takes no more connections, lets requests and streams end, and after
/// `drain_timeout` cuts off what is left. `on_drain` is awaited beside the open connections: it ends the runs.
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
    let graceful = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(options.connections));
    let tasks = TaskTracker::new();
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(options.header_timeout);
    builder.http2().timer(TokioTimer::new()).keep_alive_interval(Some(Duration::from_secs(20)));
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        let accepted = async {
            // The semaphore is never closed: no permit means that the wait is cancelled with the loop.
            let permit = places.clone().acquire_owned().await.ok();
            (permit, listener.accept().await)
        };
        let (permit, socket) = tokio::select! {
            () = &mut shutdown => break,
            (permit, accepted) = accepted => match accepted {
                Ok((socket, _)) => (permit, socket),
                Err(error) => {
                    // Out of file descriptors, or a connection that was gone before it was taken.
                    tracing::warn!(%error, "a connection could not be taken");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            },
        };
        // Small events go out when they are written, not when the last one was acknowledged.
        if let Err(error) = socket.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY could not be set");
        }
        let service = TowerToHyperService::new(service.clone().map_request_body());
        let connection = builder.serve_connection(TokioIo::new(socket), service).into_owned();
        let connection = graceful.watch(connection);
        tasks.spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(error = &*error, "a connection ended with an error");
            }
            drop(permit);
        });
    }
    drop(listener);
    tasks.close();
    let drained = async { tokio::join!(graceful.shutdown(), on_drain) };
    if tokio::time::timeout(options.drain_timeout + Duration::from_secs(5), drained).await.is_err() {
        tracing::warn!(connections = tasks.len(), "connections did not end in time and were cut off");
    }
}

/// hyper's body as axum's.
trait MapRequestBody: Sized {
    fn map_request_body(self) -> BodyMapper<Self>;
}

impl<S> MapRequestBody for S {
    fn map_request_body(self) -> BodyMapper<S> {
        BodyMapper(self)
    }
}

#[derive(Clone)]
struct BodyMapper<S>(S);

impl<S> tower::Service<Request<hyper::body::Incoming>> for BodyMapper<S>
where
    S: tower::Service<Request<Body>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Request<hyper::body::Incoming>) -> S::Future {
        self.0.call(request.map(Body::new))
    }
}
