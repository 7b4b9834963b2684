//! What can go wrong with a remote agent, in words that say what to do. No text holds a header or a secret of the
//! address.

use super::Inner;
use crate::agent::AgentError;
use copilotkit_protocol::{Code, WireError};
use reqwest::StatusCode;
use std::error::Error as _;
use url::Url;

/// The address as people may see it: without user, password, query and fragment, which may hold keys.
pub(super) fn address(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    // Both only fail for addresses without a host, which are refused before.
    let _ = url.set_username("").and_then(|()| url.set_password(None));
    url.into()
}

impl Inner {
    fn error(&self, code: Code, message: impl std::fmt::Display) -> AgentError {
        AgentError::new(code, format!("The agent at {} {message}", address(&self.url)))
    }

    /// The request could not be sent or was not answered.
    pub(super) fn send_failed(&self, error: &reqwest::Error) -> AgentError {
        if error.is_connect() && error.is_timeout() {
            let limit = self.connect_timeout;
            let message = format!("accepted no connection within {limit:?}. Check the address and the network.");
            return self.error(Code::AgentConnect, message).retryable();
        }
        if error.is_connect() {
            let message =
                format!("cannot be reached: {}. Check that it runs and that the address is right.", root(error));
            return self.error(Code::AgentConnect, message).retryable();
        }
        self.error(Code::AgentDisconnected, format!("closed the connection before it answered: {}.", root(error)))
            .retryable()
    }

    pub(super) fn silent(&self) -> AgentError {
        let message = format!(
            "sent nothing for {:?} and was given up. Let it send comments while it works, or raise its idle timeout.",
            self.idle_timeout
        );
        self.error(Code::AgentTimeout, message).retryable()
    }

    pub(super) fn disconnected(&self, error: &reqwest::Error) -> AgentError {
        self.error(Code::AgentDisconnected, format!("broke the connection before the run was over: {}.", root(error)))
            .retryable()
    }

    pub(super) fn cut(&self) -> AgentError {
        self.error(Code::AgentDisconnected, "closed the connection in the middle of an event.").retryable()
    }

    /// Another status than success, with the beginning of the body.
    pub(super) fn status(&self, status: StatusCode, body: &str) -> AgentError {
        let hint = match status.as_u16() {
            300..=399 => " Redirects are not followed: configure the address that it points to.",
            401 | 403 => " Check the headers that are configured and forwarded for it.",
            404 | 405 => " Check the path of the address.",
            _ => "",
        };
        let said = if body.is_empty() { String::new() } else { format!(" It said: {body}") };
        let error = self.error(Code::AgentHttpStatus, format!("answered with status {}.{hint}{said}", status.as_u16()));
        if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS { error.retryable() } else { error }
    }

    pub(super) fn not_sse(&self, status: StatusCode, content_type: &str) -> AgentError {
        let message = format!(
            "answered {} with `{content_type}` instead of `text/event-stream`. Check that the address is the agent's run endpoint.",
            status.as_u16()
        );
        self.error(Code::AgentNotSse, message)
    }

    pub(super) fn encoded(&self, encoding: &str) -> AgentError {
        let message = format!(
            "says that its answer is encoded as `{encoding}`, which was not asked for. Switch compression off for event streams."
        );
        self.error(Code::AgentContentEncoding, message)
    }

    pub(super) fn bad_event(&self, error: &WireError) -> AgentError {
        self.error(Code::AgentBadEvent, format!("sent an event that AG-UI does not allow: {error}"))
    }

    pub(super) fn too_deep(&self, error: &WireError) -> AgentError {
        self.error(Code::AgentEventTooDeep, format!("sent an event that is too deep: {error}."))
    }

    pub(super) fn too_large(&self) -> AgentError {
        let message = format!(
            "sent an event of more than {} bytes. Raise event_max in [limits] if it must be so.",
            self.event_max
        );
        self.error(Code::AgentEventTooLarge, message)
    }
}

/// The innermost cause: the outer ones repeat the address, secrets included.
fn root(error: &reqwest::Error) -> String {
    let mut cause = error.source();
    while let Some(next) = cause.and_then(std::error::Error::source) {
        cause = Some(next);
    }
    cause.map_or_else(|| "the connection failed".to_owned(), ToString::to_string)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_shown_without_its_secrets() {
        let url = Url::parse("https://user:secret@example.com:8443/a/b?key=secret#x").unwrap();
        assert_eq!(address(&url), "https://example.com:8443/a/b");
    }
}
