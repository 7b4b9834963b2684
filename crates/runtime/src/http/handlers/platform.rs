//! Routes of what only a platform has. Frontends know them; the answers are those of a runtime without one.

use super::super::answer::{Refusal, empty_answer, json_answer};
use axum::body::Body;
use http::header::CACHE_CONTROL;
use http::{HeaderValue, Response, StatusCode};
use serde_json::json;

/// `POST /threads/subscribe`
pub(super) fn subscribe() -> Refusal {
    Refusal::not_available("Changes of threads are not pushed over a websocket. Ask for the list again: GET /threads.")
}

/// `/memories`, `/memories/recall`, `/memories/subscribe`, `/memories/:memoryId`
pub(super) fn memories() -> Refusal {
    Refusal::not_available(
        "Nothing is remembered across threads. Give the agent a tool that keeps what it should know.",
    )
}

/// `POST /annotate`
pub(super) fn annotate() -> Refusal {
    Refusal::not_available("A user's actions are not recorded. Send what the agent should know with the next run.")
}

/// `GET /inspector-metadata`
pub(super) fn inspector_metadata() -> Response<Body> {
    uncached(empty_answer())
}

/// `GET /inspector-learning`
pub(super) fn inspector_learning() -> Response<Body> {
    uncached(json_answer(StatusCode::NOT_FOUND, &json!({ "error": "Not found" })))
}

fn uncached(mut response: Response<Body>) -> Response<Body> {
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store, private"));
    response
}
