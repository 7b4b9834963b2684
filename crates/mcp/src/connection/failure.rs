//! From rmcp's errors to ours.

use crate::error::{ErrorKind, McpError};
use crate::limits;
use crate::transport::sse::SseTransportError;
use rmcp::service::{ClientInitializeError, ServiceError};
use rmcp::transport::streamable_http_client::{
    AuthRequiredError, HttpStatusError, InsufficientScopeError, StreamableHttpError,
};
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

/// How much of what a server says about a request that it refuses is passed on.
const SAID: usize = 500;

pub(super) fn of_service(server: &str, error: ServiceError) -> McpError {
    match error {
        ServiceError::McpError(error) => refused(server, &error.message),
        ServiceError::TransportSend(error) => of_transport(server, error.error.as_ref()),
        ServiceError::TransportClosed => McpError::about(ErrorKind::Closed, server, "the transport closed"),
        ServiceError::Timeout { .. } => McpError::about(ErrorKind::Timeout, server, "no answer in time"),
        ServiceError::Cancelled { .. } => McpError::about(ErrorKind::Cancelled, server, "cancelled"),
        error => McpError::about(ErrorKind::Protocol, server, error),
    }
}

pub(super) fn of_initialize(server: &str, error: ClientInitializeError) -> McpError {
    match error {
        ClientInitializeError::TransportError { error, .. } => of_transport(server, error.error.as_ref()),
        ClientInitializeError::LegacyFallbackFailed { fallback, .. } => of_initialize(server, *fallback),
        ClientInitializeError::ConnectionClosed(context) => {
            McpError::about(ErrorKind::Closed, server, format!("the connection ended before this came: {context}"))
        }
        ClientInitializeError::JsonRpcError(error) => refused(server, &error.message),
        error => McpError::about(ErrorKind::Protocol, server, error),
    }
}

pub(super) fn of_sse(server: &str, error: &SseTransportError) -> McpError {
    of_transport(server, error)
}

/// What a server says about a request is an answer of the tool's author, and helps a model to mend its call.
fn refused(server: &str, said: &str) -> McpError {
    let mut error = McpError::about(ErrorKind::Refused, server, said);
    let said: String = said.chars().filter(|char| !char.is_control()).take(SAID).collect();
    if !said.is_empty() {
        error.message = format!("The MCP server `{server}` refused the request: {said}");
    }
    error
}

/// Goes down the causes to the first that says what happened, and to the last for why: "Connection refused".
fn of_transport(server: &str, error: &(dyn Error + 'static)) -> McpError {
    let mut detail = error.to_string();
    let mut cause = Some(error);
    let mut found = None;
    while let Some(error) = cause {
        let text = error.to_string();
        // What names the step that failed, like `tcp connect error`, says less than its cause.
        if !detail.contains(&text) && (error.source().is_none() || error.is::<reqwest::Error>()) {
            detail = format!("{detail}: {text}");
        }
        found = found.or_else(|| classify(error));
        cause = below(error);
    }
    let Found { kind, retry_after, challenge } = found.unwrap_or_else(|| Found::of(ErrorKind::Protocol));
    McpError { retry_after, challenge, ..McpError::about(kind, server, detail) }
}

/// The cause of an error, also where it does not count it as one of its causes.
fn below<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    match error.downcast_ref::<StreamableHttpError<reqwest::Error>>() {
        Some(StreamableHttpError::Client(client)) => Some(client),
        _ => match error.downcast_ref::<SseTransportError>() {
            Some(SseTransportError::Http(client)) => Some(client),
            _ => error.source(),
        },
    }
}

struct Found {
    kind: ErrorKind,
    retry_after: Option<Duration>,
    challenge: Option<Arc<str>>,
}

impl Found {
    fn of(kind: ErrorKind) -> Self {
        Self { kind, retry_after: None, challenge: None }
    }

    fn challenged(challenge: &str) -> Self {
        Self { challenge: Some(Arc::from(challenge)), ..Self::of(ErrorKind::Unauthorized) }
    }
}

fn classify(error: &(dyn Error + 'static)) -> Option<Found> {
    if let Some(error) = error.downcast_ref::<AuthRequiredError>() {
        return Some(Found::challenged(&error.www_authenticate_header));
    }
    if let Some(error) = error.downcast_ref::<InsufficientScopeError>() {
        return Some(Found::challenged(&error.www_authenticate_header));
    }
    if error.downcast_ref::<rmcp::transport::AuthError>().is_some() {
        return Some(Found::of(ErrorKind::Unauthorized));
    }
    if let Some(error) = error.downcast_ref::<HttpStatusError>() {
        return Some(status(error.retry_after.as_deref()));
    }
    if let Some(error) = error.downcast_ref::<reqwest::Error>() {
        let kind = match () {
            () if error.is_connect() => ErrorKind::Unreachable,
            () if error.is_timeout() => ErrorKind::Timeout,
            () => ErrorKind::Closed,
        };
        return Some(Found::of(kind));
    }
    if let Some(error) = error.downcast_ref::<StreamableHttpError<reqwest::Error>>() {
        return match error {
            // These two are not among the causes of themselves.
            StreamableHttpError::Client(error) => classify(error),
            StreamableHttpError::HttpStatus(error) => classify(error),
            StreamableHttpError::ResponseBodyTooLarge { .. } => Some(Found::of(ErrorKind::TooLarge)),
            StreamableHttpError::TransportChannelClosed
            | StreamableHttpError::UnexpectedEndOfStream
            | StreamableHttpError::SessionExpired
            | StreamableHttpError::ReinitializationFailed(_)
            | StreamableHttpError::SessionRecoveryTimeout => Some(Found::of(ErrorKind::Closed)),
            _ => None,
        };
    }
    if let Some(error) = error.downcast_ref::<SseTransportError>() {
        return match error {
            SseTransportError::Unauthorized { challenge } => Some(Found::challenged(challenge)),
            SseTransportError::Status { status: code, retry_after }
                if code.is_server_error() || code.as_u16() == 429 =>
            {
                Some(status(retry_after.as_deref()))
            }
            _ => None,
        };
    }
    if error.downcast_ref::<std::io::Error>().is_some() {
        return Some(Found::of(ErrorKind::Unreachable));
    }
    None
}

/// A status that says: not now.
fn status(retry_after: Option<&str>) -> Found {
    let seconds = retry_after.and_then(|text| text.trim().parse().ok()).map(Duration::from_secs);
    Found { retry_after: seconds.map(|wait| wait.min(limits::RETRY_AFTER_MAX)), ..Found::of(ErrorKind::Unreachable) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_that_is_asked_for_is_kept_up_to_a_minute() {
        let pause = |text| status(Some(text)).retry_after;
        assert_eq!(pause("2"), Some(Duration::from_secs(2)));
        assert_eq!(pause("86400"), Some(limits::RETRY_AFTER_MAX));
        assert_eq!(pause("Wed, 21 Oct 2026 07:28:00 GMT"), None);
    }

    #[test]
    fn what_a_server_says_is_bounded_and_steers_no_terminal() {
        let error = refused("files", &format!("no\u{1b}[2J{}", "x".repeat(2_000)));
        assert!(error.message.starts_with("The MCP server `files` refused the request: no[2Jxx"));
        assert!(error.message.chars().count() < SAID + 60);
    }

    #[test]
    fn a_cause_deep_down_is_found() {
        let error = StreamableHttpError::<reqwest::Error>::AuthRequired(AuthRequiredError::new("Bearer x".into()));
        let error = of_transport("files", &error);
        assert_eq!((error.kind, error.challenge.as_deref()), (ErrorKind::Unauthorized, Some("Bearer x")));
        let busy = StreamableHttpError::<reqwest::Error>::HttpStatus(HttpStatusError::new(503, Some("3".into())));
        let busy = of_transport("files", &busy);
        assert_eq!((busy.kind, busy.retry_after), (ErrorKind::Unreachable, Some(Duration::from_secs(3))));
        assert_eq!(of_sse("files", &SseTransportError::NoEndpoint).kind, ErrorKind::Protocol);
    }
}
