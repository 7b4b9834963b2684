//! Answers as HTTP.

use super::calls::NewsStream;
use super::fail::Failure;
use crate::types::Event as News;
use bytes::Bytes;
use copilotkit_protocol::sse::write_frame;
use copilotkit_protocol::to_vec;
use copilotkit_runtime::http::Body;
use futures::{Stream, StreamExt as _};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderName, HeaderValue, Response, StatusCode};
use serde::Serialize;
use std::convert::Infallible;
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// The media type of HTTP+JSON.
pub(super) const A2A_JSON: &str = "application/a2a+json";
const KEEP_ALIVE: &[u8] = b": keep-alive\n\n";

/// An answer as JSON.
pub(super) fn json_answer(status: StatusCode, kind: &'static str, body: &impl Serialize) -> Response<Body> {
    let mut response = Response::new(Body::from(to_vec(body)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

/// Says when the same request may be taken.
pub(super) fn later(mut response: Response<Body>, status: Option<StatusCode>) -> Response<Body> {
    if let Some(status) = status {
        *response.status_mut() = status;
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    }
    response
}

/// An error over HTTP+JSON.
pub(super) fn http_error(failure: &Failure) -> Response<Body> {
    let (status, body) = failure.error.to_http();
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    later(json_answer(status, A2A_JSON, &body), failure.later)
}

/// News as server-sent events, each in what `wrap` puts around it. All that is new at once goes out in one write.
pub(super) fn event_stream<W: Serialize>(
    news: NewsStream,
    keep_alive: Duration,
    wrap: impl Fn(News) -> W + Send + 'static,
) -> Response<Body> {
    let pieces = news.map(move |news| {
        let mut out = Vec::new();
        news.into_iter().for_each(|one| write_frame(&to_vec(&wrap(one)), &mut out));
        Bytes::from(out)
    });
    let mut response = Response::new(Body::from_stream(alive(pieces, keep_alive)));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache, no-transform"));
    // nginx would hold back what is written until its buffer is full.
    headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    response
}

/// Breaks silence by comments.
fn alive(
    pieces: impl Stream<Item = Bytes> + Send + 'static,
    keep_alive: Duration,
) -> impl Stream<Item = Result<Bytes, Infallible>> + Send {
    async_stream::stream! {
        let mut pieces = std::pin::pin!(pieces);
        loop {
            let silence = async {
                match Instant::now().checked_add(keep_alive).filter(|_| !keep_alive.is_zero()) {
                    Some(end) => sleep_until(end).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                piece = pieces.next() => match piece {
                    Some(piece) => yield Ok(piece),
                    None => return,
                },
                () = silence => yield Ok(Bytes::from_static(KEEP_ALIVE)),
            }
        }
    }
}
