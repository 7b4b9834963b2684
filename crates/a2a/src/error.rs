//! What can go wrong with a remote agent, in words that say what to do. No text holds a header or a secret of the address.

use crate::wire::{ErrorKind, ProtocolError};
use copilotkit_protocol::Code;
use copilotkit_runtime::AgentError;
use copilotkit_runtime::client::{ClientError, StreamError};
use std::sync::Arc;

/// Why a call of a remote agent failed.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum A2aError {
    /// The configuration cannot be used.
    #[error("{0}")]
    Config(String),
    /// The client cannot be set up, or an address is none.
    #[error(transparent)]
    Client(Arc<ClientError>),
    /// There is no card, or none that can be read.
    #[error("the agent card at {url} {reason}")]
    Card {
        /// Where it was looked for.
        url: String,
        /// What is wrong, as the end of a sentence.
        reason: String,
        /// It may be there later.
        retryable: bool,
    },
    /// The card offers no way that we speak.
    #[error(
        "the agent at {url} offers no interface that this runtime speaks (JSON-RPC of A2A 1.0 or 0.3, HTTP+JSON of 1.0); it offers {offered}"
    )]
    Interface {
        /// The address of the card.
        url: String,
        /// What it offers.
        offered: String,
    },
    /// The card sends us elsewhere.
    #[error(
        "the card at {url} points to {origin}, another origin. If that is right, add it to `allowed_origins` of the agent"
    )]
    Origin {
        /// The address of the card.
        url: String,
        /// The origin that it points to.
        origin: String,
    },
    /// The agent needs an extension that is not known here.
    #[error("the agent at {url} requires the extension {uri}, which this runtime does not know")]
    Extension {
        /// The address of the card.
        url: String,
        /// The extension.
        uri: String,
    },
    /// No connection.
    #[error("the A2A agent at {url} cannot be reached: {cause}. Check that it runs and that the address is right")]
    Connect {
        /// The address.
        url: String,
        /// Why.
        cause: String,
    },
    /// The connection broke.
    #[error("the A2A agent at {url} broke the connection before its answer was complete: {cause}")]
    Disconnected {
        /// The address.
        url: String,
        /// Why.
        cause: String,
    },
    /// Nothing came for too long.
    #[error("the A2A agent at {url} gave no answer within {limit:?}")]
    Timeout {
        /// The address.
        url: String,
        /// The bound that was reached.
        limit: std::time::Duration,
    },
    /// It wants to know who asks.
    #[error("the A2A agent at {url} refused the request with status {status}: it wants {wanted}. {remedy}")]
    Unauthorized {
        /// The address.
        url: String,
        /// 401 or 403.
        status: u16,
        /// The schemes of its card.
        wanted: String,
        /// What to do about it in the configuration: a sentence without its full stop.
        remedy: String,
    },
    /// Another status than success, without an error of the protocol.
    #[error("the A2A agent at {url} answered with status {status}.{hint}")]
    Status {
        /// The address.
        url: String,
        /// The status.
        status: u16,
        /// What may be the matter.
        hint: &'static str,
    },
    /// Something that is no answer.
    #[error("the A2A agent at {url} sent something that is no answer: {reason}")]
    BadAnswer {
        /// The address.
        url: String,
        /// What is wrong.
        reason: String,
    },
    /// An answer over a bound.
    #[error("the A2A agent at {url} sent {what}, which is more than is taken")]
    TooLarge {
        /// The address.
        url: String,
        /// What was too large.
        what: String,
    },
    /// The agent answered with an error.
    #[error("the A2A agent at {url} answered with an error: {error}")]
    Protocol {
        /// The address.
        url: String,
        /// The error.
        error: ProtocolError,
    },
    /// Its stream ended and the task did not.
    #[error("the A2A agent at {url} stopped answering before the task {task_id} was done")]
    Unfinished {
        /// The address.
        url: String,
        /// The task.
        task_id: String,
    },
}

impl A2aError {
    /// Stable, snake case.
    pub fn code(&self) -> Code {
        match self {
            Self::Config(_) => Code::A2aConfig,
            Self::Client(error) => error.code(),
            Self::Card { .. } => Code::A2aCard,
            Self::Interface { .. } => Code::A2aInterface,
            Self::Origin { .. } => Code::A2aOrigin,
            Self::Extension { .. } => Code::A2aExtension,
            Self::Connect { .. } => Code::AgentConnect,
            Self::Disconnected { .. } | Self::Unfinished { .. } => Code::AgentDisconnected,
            Self::Timeout { .. } => Code::AgentTimeout,
            Self::Unauthorized { .. } | Self::Status { .. } => Code::AgentHttpStatus,
            Self::BadAnswer { .. } => Code::A2aBadAnswer,
            Self::TooLarge { .. } => Code::AgentEventTooLarge,
            Self::Protocol { .. } => Code::A2aError,
        }
    }

    /// Whether the same call may succeed when it is tried again.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Card { retryable, .. } => *retryable,
            Self::Connect { .. } | Self::Disconnected { .. } | Self::Timeout { .. } | Self::Unfinished { .. } => true,
            Self::Status { status, .. } => *status >= 500 || *status == 429,
            Self::Protocol { error, .. } => error.kind() == Some(ErrorKind::Internal),
            _ => false,
        }
    }

    /// The kind of the error that the agent answered with.
    pub fn kind(&self) -> Option<ErrorKind> {
        match self {
            Self::Protocol { error, .. } => error.kind(),
            _ => None,
        }
    }

    pub(crate) fn sent(url: &str, error: &StreamError, limit: std::time::Duration) -> Self {
        let url = url.to_owned();
        if error.is_timeout() {
            return Self::Timeout { url, limit };
        }
        let cause = error.to_string();
        if error.is_connect() { Self::Connect { url, cause } } else { Self::Disconnected { url, cause } }
    }
}

impl From<ClientError> for A2aError {
    fn from(error: ClientError) -> Self {
        Self::Client(Arc::new(error))
    }
}

impl From<A2aError> for AgentError {
    fn from(error: A2aError) -> Self {
        let text = crate::guard::clean_line(&error.to_string(), 1_000);
        let mut characters = text.chars();
        let first = characters.next().map(char::to_uppercase);
        let message = first.into_iter().flatten().chain(characters).chain(['.']).collect::<String>();
        let retryable = error.is_retryable();
        let error = Self::new(error.code(), message);
        if retryable { error.retryable() } else { error }
    }
}
