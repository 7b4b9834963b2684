//! What a caller of the lifecycle may be told, with stable codes.

use crate::store::StoreError;

/// Why a run could not be started, followed or stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// There is no such agent.
    #[error("Agent '{0}' does not exist")]
    UnknownAgent(String),
    /// Another run is active on the thread.
    #[error("A run is active on this thread. Wait until it ends, or stop it, before you start another one.")]
    ThreadBusy,
    /// As many runs are active as the server allows.
    #[error("As many runs are active as this server allows ({0}). Try again later.")]
    TooManyRuns(usize),
    /// The server is about to end.
    #[error("The server is shutting down. Try again at once: another instance may answer.")]
    ShuttingDown,
    /// The store failed.
    #[error("The thread store cannot be used now. Try again later.")]
    Store(#[source] StoreError),
}

impl RunError {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::UnknownAgent(_) => "agent_not_found",
            Self::ThreadBusy => "thread_busy",
            Self::TooManyRuns(_) => "too_many_runs",
            Self::ShuttingDown => "shutting_down",
            Self::Store(error) => error.code(),
        }
    }

    /// Whether another try may succeed.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::UnknownAgent(_) => false,
            Self::ThreadBusy | Self::TooManyRuns(_) | Self::ShuttingDown => true,
            Self::Store(error) => error.is_retryable(),
        }
    }
}

impl From<StoreError> for RunError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Busy => Self::ThreadBusy,
            other => Self::Store(other),
        }
    }
}
