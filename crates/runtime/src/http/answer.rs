//! Answers that are not streams, and the one place where errors become HTTP.

use crate::error::RunError;
use crate::lifecycle::Lifecycle;
use crate::transcribe::TranscribeError;
use axum::body::{Body, HttpBody as _};
use copilotkit_protocol::Code;
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

/// How many agents are named to who asked for one that is not there.
const AGENTS_SHOWN: usize = 100;
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
    /// Whether it is in the counters already.
    counted: bool,
    /// What failed on the server's side, for whoever looks after it: code and text, which are not sent.
    because: Option<Box<(String, String)>>,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, body: Value) -> Self {
        Self { status, body, header: None, counted: false, because: None }
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
        let body = json!({ "error": "Invalid parameter", "code": Code::InvalidParameter, "message": message });
        Self::new(StatusCode::BAD_REQUEST, body)
    }

    /// There is no such thread, or none of the caller's.
    pub(super) fn unknown_thread() -> Self {
        let message = "There is no thread with this id. The list of threads shows which there are.";
        let body = json!({ "error": "Thread not found", "code": Code::ThreadNotFound, "message": message });
        Self::new(StatusCode::NOT_FOUND, body)
    }

    /// The thing is in a state in which it cannot be done.
    pub(super) fn conflict(error: &str, code: Code, message: &str) -> Self {
        Self::new(StatusCode::CONFLICT, json!({ "error": error, "code": code, "message": message }))
    }

    /// What only a platform has; `message` says what is not there and what to use instead.
    pub(super) fn not_available(message: &str) -> Self {
        let body = json!({ "error": "Not available", "code": Code::NotAvailable, "message": message });
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, body)
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
    pub(super) fn too_many(body: Value) -> Self {
        Self { status: StatusCode::TOO_MANY_REQUESTS, ..Self::busy(body) }
    }

    /// Its `code`, for logs.
    pub(super) fn code(&self) -> &str {
        let sent = || self.body["code"].as_str().unwrap_or_default();
        self.because.as_deref().map_or_else(sent, |(code, _)| code)
    }

    /// Of an error that the lifecycle does not know of.
    pub(super) fn not_counted(self) -> Self {
        Self { counted: false, ..self }
    }

    /// What is still to be counted.
    pub(super) fn uncounted(&self) -> Option<Code> {
        let named = || self.body["error"].as_str().and_then(Code::from_name);
        if self.counted { None } else { Code::from_name(self.code()).or_else(named) }
    }

    /// Says what to do.
    pub(super) fn with_hint(mut self, hint: &str) -> Self {
        self.body["hint"] = hint.into();
        self
    }

    /// Tells who asked for an agent that is not there which ones are.
    pub(super) fn with_agents(mut self, lifecycle: &Lifecycle) -> Self {
        if self.code() == Code::AgentNotFound.as_str() {
            let agents = lifecycle.agents().all();
            let ids: Vec<&str> = agents.iter().map(|agent| &*agent.id).take(AGENTS_SHOWN).collect();
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
            RunError::UnknownAgent(_) => (StatusCode::NOT_FOUND, "Agent not found"),
            RunError::ThreadBusy => (StatusCode::CONFLICT, "Thread already running"),
            RunError::TooManyRuns(_) => (StatusCode::SERVICE_UNAVAILABLE, "Too many runs"),
            // Not 503: the server is well and serves others, so that no balancer should take it out or ask another one.
            RunError::TooManyRunsPerPrincipal(_) => (StatusCode::TOO_MANY_REQUESTS, "Too many runs of yours"),
            RunError::Exhausted(_) => (StatusCode::TOO_MANY_REQUESTS, "Budget used up"),
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
        let refusal = match &error {
            RunError::Exhausted(exhausted) => refusal.with(RETRY_AFTER, exhausted.retry_after.as_secs().max(1)),
            _ => refusal,
        };
        // The lifecycle counts its own errors, for those who use it without HTTP.
        Self { counted: true, ..refusal }
    }
}
