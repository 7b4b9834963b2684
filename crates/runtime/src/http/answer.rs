//! Answers that are not streams, and the one place where errors become HTTP.

use crate::error::RunError;
use axum::body::Body;
use copilotkit_protocol::Code;
use http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER};
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

/// How many agents are named to who asked for one that is not there.
const AGENTS_SHOWN: usize = 100;

/// A request that is refused: status, JSON body, perhaps a header.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    body: Value,
    header: Option<(http::HeaderName, HeaderValue)>,
    /// Whether it is in the counters already.
    counted: bool,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, body: Value) -> Self {
        Self { status, body, header: None, counted: false }
    }

    /// No route; `hint` says where there are some.
    pub(super) fn not_found(hint: &str) -> Self {
        let body = json!({ "error": "Not found", "code": Code::NotFound, "hint": hint });
        Self::new(StatusCode::NOT_FOUND, body)
    }

    pub(super) fn method_not_allowed(allow: &'static str) -> Self {
        Self {
            header: Some((ALLOW, HeaderValue::from_static(allow))),
            ..Self::new(
                StatusCode::METHOD_NOT_ALLOWED,
                json!({ "error": "Method not allowed", "code": Code::MethodNotAllowed }),
            )
        }
    }

    /// The same request may be taken in a moment.
    pub(super) fn busy(body: Value) -> Self {
        let again = (RETRY_AFTER, HeaderValue::from_static("1"));
        Self { header: Some(again), ..Self::new(StatusCode::SERVICE_UNAVAILABLE, body) }
    }

    /// An id that is longer than `max` bytes.
    pub(super) fn long_id(name: &str, max: usize) -> Self {
        let message = format!("{name}: longer than {max} bytes");
        let body = json!({ "error": "Invalid parameter", "code": Code::InvalidParameter, "message": message });
        Self::new(StatusCode::BAD_REQUEST, body)
    }

    /// A body that is not what the route takes; `details` says where and what.
    pub(super) fn invalid_body(details: &str) -> Self {
        let body = json!({ "error": "Invalid request body", "code": Code::InvalidBody, "details": details });
        Self::new(StatusCode::BAD_REQUEST, body)
    }

    /// A body that is nested too deep; `details` says where.
    pub(super) fn deep_body(details: &str) -> Self {
        let body = json!({ "error": "Invalid request body", "code": Code::JsonTooDeep, "details": details });
        Self::new(StatusCode::BAD_REQUEST, body)
    }

    /// An envelope that is not what the base path takes.
    pub(super) fn invalid_envelope(message: impl Into<String>) -> Self {
        let body = json!({ "error": "invalid_request", "code": Code::InvalidEnvelope, "message": message.into() });
        Self::new(StatusCode::BAD_REQUEST, body)
    }

    /// The caller asked for too much; the same request may be taken in a moment.
    fn too_many(body: Value) -> Self {
        Self { status: StatusCode::TOO_MANY_REQUESTS, ..Self::busy(body) }
    }

    /// Its `code`, for logs.
    pub(super) fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }

    /// What is still to be counted.
    pub(super) fn uncounted(&self) -> Option<Code> {
        if self.counted { None } else { Code::from_name(self.code()) }
    }

    /// Tells who asked for an agent that is not there which ones are.
    pub(super) fn with_agents<'a>(mut self, ids: impl Iterator<Item = &'a str>) -> Self {
        if self.code() == Code::AgentNotFound.as_str() {
            let ids: Vec<&str> = ids.take(AGENTS_SHOWN).collect();
            let hint = match ids.as_slice() {
                [] => "This server has no agents: add [agents.ID] to its configuration.".to_owned(),
                ids => format!("This server has {}. GET /info says more.", ids.join(", ")),
            };
            self.body["hint"] = hint.into();
            self.body["agents"] = ids.into();
        }
        self
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
            RunError::UnknownAgent(_) => (StatusCode::NOT_FOUND, "Agent not found"),
            RunError::ThreadBusy => (StatusCode::CONFLICT, "Thread already running"),
            RunError::TooManyRuns(_) => (StatusCode::SERVICE_UNAVAILABLE, "Too many runs"),
            // Not 503: the server is well and serves others, so that no balancer should take it out or ask another one.
            RunError::TooManyRunsPerPrincipal(_) => (StatusCode::TOO_MANY_REQUESTS, "Too many runs of yours"),
            RunError::ShuttingDown => (StatusCode::SERVICE_UNAVAILABLE, "Shutting down"),
            RunError::Store(_) => {
                tracing::error!(error = ?error, "the thread store failed");
                (StatusCode::SERVICE_UNAVAILABLE, "Thread store unavailable")
            }
        };
        let body = json!({ "error": title, "code": error.code(), "message": error.to_string() });
        let refusal = match status {
            StatusCode::SERVICE_UNAVAILABLE => Self::busy(body),
            StatusCode::TOO_MANY_REQUESTS => Self::too_many(body),
            status => Self::new(status, body),
        };
        // The lifecycle counts its own errors, for those who use it without HTTP.
        Self { counted: true, ..refusal }
    }
}
