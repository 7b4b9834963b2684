//! What a caller of the lifecycle may be told, with stable codes.

use crate::store::StoreError;
use crate::telemetry::Exhausted;
use copilotkit_protocol::Code;

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
    /// The principal has as many active runs as it may have; the server has room for others.
    #[error(
        "You have as many active runs as you may have ({0}). Let one end, or stop one, before you start another one."
    )]
    TooManyRunsPerPrincipal(usize),
    /// The principal has used up what it may use in a day.
    #[error("{0}")]
    Exhausted(Exhausted),
    /// The server is about to end.
    #[error("The server is shutting down. Try again at once: another instance may answer.")]
    ShuttingDown,
    /// The store failed.
    #[error("The thread store cannot be used now. Try again later.")]
    Store(#[source] StoreError),
}

impl RunError {
    /// The stable code.
    pub fn code(&self) -> Code {
        match self {
            Self::UnknownAgent(_) => Code::AgentNotFound,
            Self::ThreadBusy => Code::ThreadBusy,
            Self::TooManyRuns(_) => Code::TooManyRuns,
            Self::TooManyRunsPerPrincipal(_) => Code::TooManyRunsPerPrincipal,
            Self::Exhausted(_) => Code::BudgetExhausted,
            Self::ShuttingDown => Code::ShuttingDown,
            Self::Store(error) => error.code(),
        }
    }

    /// Whether another try may succeed.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::UnknownAgent(_) | Self::Exhausted(_) => false,
            Self::ThreadBusy | Self::TooManyRuns(_) | Self::TooManyRunsPerPrincipal(_) | Self::ShuttingDown => true,
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
