//! What is answered when something cannot be done.

use super::answer::json_answer;
use crate::wire::{ErrorKind, ProtocolError};
use copilotkit_protocol::WireError;
use copilotkit_runtime::RunError;
use copilotkit_runtime::http::Body;
use copilotkit_runtime::store::StoreError;
use http::{Response, StatusCode};
use serde_json::json;

/// An error of the protocol.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Failure {
    pub(super) error: ProtocolError,
    /// The status in the place of what the error's kind stands for: the same request may be taken later.
    pub(super) later: Option<StatusCode>,
}

impl From<ProtocolError> for Failure {
    fn from(error: ProtocolError) -> Self {
        Self { error, later: None }
    }
}

impl Failure {
    pub(super) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        ProtocolError::new(kind, message).into()
    }

    /// A parameter that is not what it should be.
    pub(super) fn params(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::InvalidParams, message)
    }

    /// There is no such task, or none of the caller's.
    pub(super) fn no_task() -> Self {
        Self::new(ErrorKind::TaskNotFound, "There is no task with this id.")
    }
}

impl From<RunError> for Failure {
    fn from(error: RunError) -> Self {
        let message = error.to_string();
        let (kind, later) = match &error {
            RunError::UnknownAgent(_) => (ErrorKind::InvalidRequest, None),
            RunError::ThreadBusy => (ErrorKind::UnsupportedOperation, None),
            RunError::TooManyRunsPerPrincipal(_) | RunError::Exhausted(_) => {
                (ErrorKind::Internal, Some(StatusCode::TOO_MANY_REQUESTS))
            }
            RunError::Store(cause) => {
                tracing::error!(error = ?cause, "the thread store failed");
                (ErrorKind::Internal, Some(StatusCode::SERVICE_UNAVAILABLE))
            }
            _ => (ErrorKind::Internal, Some(StatusCode::SERVICE_UNAVAILABLE)),
        };
        Self { later, ..Self::new(kind, message) }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        RunError::from(error).into()
    }
}

impl From<WireError> for Failure {
    fn from(error: WireError) -> Self {
        Self::params(error.to_string())
    }
}

/// An answer outside of the protocol: no binding is spoken where this is said.
pub(super) fn plain(status: StatusCode, message: &str) -> Response<Body> {
    let error = status.canonical_reason().unwrap_or_default();
    json_answer(status, "application/json", &json!({ "error": error, "message": message }))
}
