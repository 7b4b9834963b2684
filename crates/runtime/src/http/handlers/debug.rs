//! `GET /cpk-debug-events`: the debug feed.

use super::super::answer::Refusal;
use super::super::{State, sse};
use crate::debug::Reader;
use axum::body::Body;
use bytes::Bytes;
use copilotkit_protocol::Code;
use futures::Stream;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Response, StatusCode};
use serde_json::json;
use std::convert::Infallible;
use std::time::Duration;
use tokio::time::timeout;

pub(super) fn events(state: &State) -> Result<Response<Body>, Refusal> {
    let Some(feed) = state.lifecycle.debug_feed() else {
        // As if there were no such route, and in the words of the reference runtime.
        let mut response = Response::new(Body::from("Not Found"));
        *response.status_mut() = StatusCode::NOT_FOUND;
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain;charset=UTF-8"));
        return Ok(response);
    };
    let reader = feed.subscribe().map_err(|error| {
        let (code, message) = (Code::TooManyDebugReaders, error.to_string());
        Refusal::busy(json!({ "error": "Too many debug readers", "code": code, "message": message }))
    })?;
    Ok(sse::event_stream(stream(reader, state.options.keep_alive)))
}

fn stream(mut reader: Reader, keep_alive: Duration) -> impl Stream<Item = Result<Bytes, Infallible>> + Send {
    async_stream::stream! {
        yield Ok(Bytes::from_static(b": connected\n\n"));
        loop {
            let piece = match keep_alive.is_zero() {
                true => reader.next().await,
                // A reader that is gone without a word is only noticed when something is written.
                false => timeout(keep_alive, reader.next()).await.unwrap_or(Bytes::from_static(sse::KEEP_ALIVE)),
            };
            if piece.is_empty() {
                return;
            }
            yield Ok(piece);
        }
    }
}
