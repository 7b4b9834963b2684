//! Answers that are not streams, and the one place where errors become HTTP.

use crate::error::RunError;
use crate::transcribe::TranscribeError;
use axum::body::{Body, HttpBody as _};
use http::header::{ALLOW, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER};
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

/// An answer without a body.
pub(super) fn empty_answer() -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}

/// The head of an answer, with the length that its body would have where that is known.
pub(super) fn head_only(response: Response<Body>) -> Response<Body> {
    let (mut parts, body) = response.into_parts();
    if let Some(length) = body.size_hint().exact().filter(|_| parts.status != StatusCode::NO_CONTENT) {
        parts.headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
    Response::from_parts(parts, Body::empty())
}

/// A request that is refused: status, JSON body, perhaps a header.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    body: Value,
    header: Option<(http::HeaderName, HeaderValue)>,
    /// What failed on the server's side, for whoever looks after it: code and text, which are not sent.
    because: Option<Box<(String, String)>>,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, body: Value) -> Self {
        Self { status, body, header: None, because: None }
    }

    /// A failure that the client is told nothing about.
    pub(super) fn internal(code: &str, message: String) -> Self {
        let body = json!({ "error": "internal_error" });
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, body).because(code, message)
    }

    /// With what failed, for whoever looks after the server.
    pub(super) fn because(self, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { because: Some(Box::new((code.into(), message.into()))), ..self }
    }

    /// Code and text of what failed; `None` when it is the request's fault.
    pub(super) fn failure(&self) -> Option<(&str, &str)> {
        let text = |key: &str| self.body[key].as_str();
        match self.because.as_deref() {
            Some((code, message)) => Some((code, message)),
            None if self.status.is_server_error() => {
                Some((text("code").or(text("error"))?, text("message").unwrap_or_default()))
            }
            None => None,
        }
    }

    /// Whether it failed for a reason that only the server's log can tell.
    pub(super) fn is_silent(&self) -> bool {
        self.because.is_some()
    }

    pub(super) fn status(&self) -> StatusCode {
        self.status
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

    /// With a header.
    pub(super) fn with(self, name: http::HeaderName, value: impl Into<HeaderValue>) -> Self {
        Self { header: Some((name, value.into())), ..self }
    }

    /// An id that is longer than `max` bytes.
    pub(super) fn long_id(name: &str, max: usize) -> Self {
        Self::invalid_parameter(&format!("{name}: longer than {max} bytes"))
    }

    /// A parameter that is not what the route takes; `message` names it and says why.
    pub(super) fn invalid_parameter(message: &str) -> Self {
        let body = json!({ "error": "Invalid parameter", "code": "invalid_parameter", "message": message });
        Self::new(StatusCode::BAD_REQUEST, body)
    }

    /// There is no such thread, or none of the caller's.
    pub(super) fn unknown_thread() -> Self {
        let message = "There is no thread with this id. The list of threads shows which there are.";
        let body = json!({ "error": "Thread not found", "code": "thread_not_found", "message": message });
        Self::new(StatusCode::NOT_FOUND, body)
    }

    /// The thing is in a state in which it cannot be done.
    pub(super) fn conflict(error: &str, code: &str, message: &str) -> Self {
        Self::new(StatusCode::CONFLICT, json!({ "error": error, "code": code, "message": message }))
    }

    /// What only a platform has; `message` says what is not there and what to use instead.
    pub(super) fn not_available(message: &str) -> Self {
        let body = json!({ "error": "Not available", "code": "not_available", "message": message });
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, body)
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
        let sent = || self.body["code"].as_str().unwrap_or_default();
        self.because.as_deref().map_or_else(sent, |(code, _)| code)
    }

    pub(super) fn into_response(self) -> Response<Body> {
        let mut response = json_answer(self.status, &self.body);
        if let Some((name, value)) = self.header {
            response.headers_mut().insert(name, value);
        }
        response
    }
}

impl From<TranscribeError> for Refusal {
    fn from(error: TranscribeError) -> Self {
        let status = match &error {
            TranscribeError::RateLimited { .. } => StatusCode::TOO_MANY_REQUESTS,
            TranscribeError::Auth { .. } => StatusCode::UNAUTHORIZED,
            TranscribeError::TooLong | TranscribeError::TooShort | TranscribeError::Format { .. } => {
                StatusCode::BAD_REQUEST
            }
            TranscribeError::Network { .. } => StatusCode::BAD_GATEWAY,
            TranscribeError::Timeout => StatusCode::GATEWAY_TIMEOUT,
            TranscribeError::Provider { .. } => StatusCode::INTERNAL_SERVER_ERROR,
        };
        let body = json!({ "error": error.code(), "message": error.to_string(), "retryable": error.is_retryable() });
        let refusal = Self::new(status, body);
        // Faults of the service or of the server's key, whatever the status says: somebody should hear of them.
        let refusal = match &error {
            TranscribeError::Auth { detail } | TranscribeError::Network { detail } => {
                refusal.because(error.code(), detail)
            }
            TranscribeError::Timeout | TranscribeError::Provider { .. } => {
                refusal.because(error.code(), error.to_string())
            }
            _ => refusal,
        };
        match error {
            TranscribeError::RateLimited { retry_after: Some(wait) } => {
                refusal.with(RETRY_AFTER, wait.as_secs_f64().ceil() as u64)
            }
            _ => refusal,
        }
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
