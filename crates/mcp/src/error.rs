//! Why a server could not be used.

use copilotkit_runtime::ToolError;
use std::sync::Arc;
use std::time::Duration;

/// Why a server could not be used. The message is for models and pages; the detail is for the log and may hold what the
/// server said.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct McpError {
    /// What kind of failure it is.
    pub kind: ErrorKind,
    /// For models and for people. Never a secret, never what the server said, except for [`ErrorKind::Refused`].
    pub message: String,
    /// For the log alone.
    pub detail: Arc<str>,
    /// How long the server asked to be left alone.
    pub retry_after: Option<Duration>,
    /// The challenge of a server that wants authorization.
    pub challenge: Option<Arc<str>>,
}

/// What kind of failure it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The configuration cannot work.
    Config,
    /// No connection, or no process.
    Unreachable,
    /// It failed several times just now, and is left alone for a while.
    Unavailable,
    /// No answer in time.
    Timeout,
    /// The connection ended before the answer.
    Closed,
    /// The server wants authorization.
    Unauthorized,
    /// The answer is not what the protocol asks for.
    Protocol,
    /// The answer is larger than it may be.
    TooLarge,
    /// The server answered with an error.
    Refused,
    /// The question that is answered is gone.
    Gone,
    /// A user interface asked for what is not for user interfaces.
    Forbidden,
    /// Too many calls at once.
    Busy,
    /// The run was stopped.
    Cancelled,
}

impl ErrorKind {
    /// Stable, snake case.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Config => "config",
            Self::Unreachable => "unreachable",
            Self::Unavailable => "unavailable",
            Self::Timeout => "timeout",
            Self::Closed => "closed",
            Self::Unauthorized => "unauthorized",
            Self::Protocol => "protocol",
            Self::TooLarge => "too_large",
            Self::Refused => "refused",
            Self::Gone => "gone",
            Self::Forbidden => "forbidden",
            Self::Busy => "busy",
            Self::Cancelled => "cancelled",
        }
    }
}

impl McpError {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), detail: Arc::from(""), retry_after: None, challenge: None }
    }

    /// About the server of a name, with what only the log may hold.
    pub(crate) fn about(kind: ErrorKind, server: &str, detail: impl ToString) -> Self {
        let message = match kind {
            ErrorKind::Config => format!("The MCP server `{server}` is not configured correctly."),
            ErrorKind::Unreachable => format!("The MCP server `{server}` cannot be reached."),
            ErrorKind::Unavailable => {
                format!("The MCP server `{server}` failed several times just now and is left alone for a moment.")
            }
            ErrorKind::Timeout => format!("The MCP server `{server}` did not answer in time."),
            ErrorKind::Closed => format!("The MCP server `{server}` ended the connection before its answer."),
            ErrorKind::Unauthorized => format!("The MCP server `{server}` wants an authorization that is not there."),
            ErrorKind::Protocol => format!("The MCP server `{server}` answered with something that MCP does not know."),
            ErrorKind::TooLarge => format!("The answer of the MCP server `{server}` is too large."),
            ErrorKind::Refused => format!("The MCP server `{server}` refused the request."),
            ErrorKind::Gone => format!("What the MCP server `{server}` asked is not open any more."),
            ErrorKind::Forbidden => format!("The MCP server `{server}` does not offer this to user interfaces."),
            ErrorKind::Busy => format!("The MCP server `{server}` has too many calls to do."),
            ErrorKind::Cancelled => "The call was stopped.".to_owned(),
        };
        Self { detail: Arc::from(detail.to_string()), ..Self::new(kind, message) }
    }

    /// Whether the connection cannot be trusted any more: a server that was restarted may never answer on an old one.
    pub(crate) fn spoils_connection(&self) -> bool {
        matches!(self.kind, ErrorKind::Timeout | ErrorKind::Closed | ErrorKind::Unreachable | ErrorKind::Unauthorized)
    }

    /// Whether the same request may succeed a moment later.
    pub fn is_retryable(&self) -> bool {
        matches!(
            self.kind,
            ErrorKind::Unreachable
                | ErrorKind::Unavailable
                | ErrorKind::Timeout
                | ErrorKind::Closed
                | ErrorKind::TooLarge
                | ErrorKind::Busy
        )
    }
}

impl McpError {
    /// The code under which pages and models are told.
    pub fn code(&self) -> &'static str {
        match self.kind {
            ErrorKind::Timeout => "tool_timeout",
            ErrorKind::TooLarge => "tool_too_large",
            ErrorKind::Gone => "tool_question_gone",
            ErrorKind::Forbidden => "tool_not_for_app",
            _ => "tool_failed",
        }
    }
}

impl From<McpError> for ToolError {
    fn from(error: McpError) -> Self {
        Self { code: error.code(), message: error.message }
    }
}
