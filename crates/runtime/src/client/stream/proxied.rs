//! The same requests by way of the environment's proxies, which only the general client knows.

use super::exchange::Arrived;
use super::{Source, StreamBody, StreamError, StreamResponse, Target};
use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream::BoxStream;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use std::task::{Context, Poll, ready};

/// A body that the general client hands over piece by piece.
pub(super) struct Body(BoxStream<'static, Result<Bytes, reqwest::Error>>);

pub(super) async fn post(
    client: &reqwest::Client,
    target: &Target,
    mut headers: HeaderMap,
    body: Bytes,
) -> Result<StreamResponse, StreamError> {
    if let Some(credentials) = &target.authorization {
        headers.entry(AUTHORIZATION).or_insert_with(|| credentials.clone());
    }
    let request = client.post(target.url.clone()).headers(headers).body(body);
    let mut response = request.send().await.map_err(|error| of(&error))?;
    let (status, headers) = (response.status(), std::mem::take(response.headers_mut()));
    let source = Source::Proxied(Body(response.bytes_stream().boxed()));
    Ok(StreamResponse { status, headers, body: StreamBody::new(source) })
}

impl Body {
    /// The next piece, copied: it is a part of a larger buffer.
    pub(super) fn poll_batch(&mut self, cx: &mut Context<'_>) -> Poll<Arrived> {
        loop {
            let (batch, end) = match ready!(self.0.poll_next_unpin(cx)) {
                Some(Ok(piece)) if piece.is_empty() => continue,
                Some(Ok(piece)) => (Some(Bytes::copy_from_slice(&piece)), None),
                Some(Err(error)) => (None, Some(Err(of(&error)))),
                None => (None, Some(Ok(()))),
            };
            return Poll::Ready(Arrived { batch, end });
        }
    }
}

fn of(error: &reqwest::Error) -> StreamError {
    let timeout = error.is_timeout();
    if error.is_connect() { StreamError { timeout, ..StreamError::connect(error) } } else { StreamError::broken(error) }
}
