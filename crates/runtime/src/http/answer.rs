//! Answers that are not streams, and the one place where errors become HTTP.

use crate::error::RunError;
use axum::body::Body;
use http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, Response, StatusCode};
use serde::Serialize;
use serde_json::{Value, json};

/// An answer as JSON.
pub(super) fn json_answer(status: StatusCode, body: &impl Serialize) -> Response<Body> {
    let mut response = Response::new(Body::from(copilotkit_protocol::to_vec(body)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// A request that is refused: status, JSON body, perhaps a header.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    body: Value,
    header: Option<(http::HeaderName, HeaderValue)>,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, body: Value) -> Self {
        Self { status, body, header: None }
    }

    pub(super) fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, json!({ "error": "Not found" }))
    }

    pub(super) fn method_not_allowed(allow: &'static str) -> Self {
        Self {
            header: Some((ALLOW, HeaderValue::from_static(allow))),
            ..Self::new(StatusCode::METHOD_NOT_ALLOWED, json!({ "error": "Method not allowed" }))
        }
    }

    /// The same request may be taken in a moment.
    pub(super) fn busy(body: Value) -> Self {
        let again = (RETRY_AFTER, HeaderValue::from_static("1"));
        Self { header: Some(again), ..Self::new(StatusCode::SERVICE_UNAVAILABLE, body) }
    }

    /// Who asks is not known, or may not; `challenge` says what would help.
    pub(super) fn challenge(
        status: StatusCode,
        error: &str,
        code: &str,
        message: &str,
        challenge: HeaderValue,
    ) -> Self {
        let body = json!({ "error": error, "code": code, "message": message });
        Self { header: Some((WWW_AUTHENTICATE, challenge)), ..Self::new(status, body) }
    }

    /// An id that is longer than `max` bytes.
    pub(super) fn long_id(name: &str, max: usize) -> Self {
        let message = format!("{name}: longer than {max} bytes");
        let body = json!({ "error": "Invalid parameter", "code": "invalid_parameter", "message": message });
        Self::new(StatusCode::BAD_REQUEST, body)
    }

    /// A body that is not what the route takes; `details` says where and what.
    pub(super) fn invalid_body(details: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, json!({ "error": "Invalid request body", "details": details }))
    }

    /// An envelope that is not what the base path takes.
    pub(super) fn invalid_envelope(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, json!({ "error": "invalid_request", "message": message.into() }))
    }

    /// Its `code`, for logs.
    pub(super) fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }

    pub(super) fn into_response(self) -> Response<Body> {
        let mut response = json_answer(self.status, &self.body);
        if let Some((name, value)) = self.header {
            response.headers_mut().insert(name, value);
        }
        response
    }
}

impl From<RunError> for Refusal {
    fn from(error: RunError) -> Self {
        let (status, title) = match &error {
            RunError::UnknownAgent(_) => {
                // Exactly what the reference runtime answers.
                let body = json!({ "error": "Agent not found", "message": error.to_string() });
                return Self::new(StatusCode::NOT_FOUND, body);
            }
            RunError::ThreadBusy => (StatusCode::CONFLICT, "Thread already running"),
            RunError::TooManyRuns(_) => (StatusCode::SERVICE_UNAVAILABLE, "Too many runs"),
            RunError::ShuttingDown => (StatusCode::SERVICE_UNAVAILABLE, "Shutting down"),
            RunError::Store(_) => {
                tracing::error!(error = ?error, "the thread store failed");
                (StatusCode::SERVICE_UNAVAILABLE, "Thread store unavailable")
            }
        };
        let body = json!({ "error": title, "code": error.code(), "message": error.to_string() });
        if status == StatusCode::SERVICE_UNAVAILABLE { Self::busy(body) } else { Self::new(status, body) }
    }
}
