//! What a service says: words, or why there are none. Statuses and codes decide, never the wording of a message.

use copilotkit_runtime::TranscribeError;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use serde::Deserialize;
use serde_json::Value;
use std::time::Duration;

/// The longest message that is passed on, in bytes.
const MESSAGE_MAX: usize = 500;

/// The words of a good answer.
pub(super) fn text(body: &[u8]) -> Result<String, TranscribeError> {
    #[derive(Deserialize)]
    struct Good {
        text: String,
    }
    let good: Good = serde_json::from_slice(body).map_err(|_| unreadable("it has no text"))?;
    Ok(good.text)
}

/// An answer that is none.
pub(super) fn unreadable(why: &str) -> TranscribeError {
    let message = format!("The answer of the transcription service cannot be read: {why}.");
    TranscribeError::Provider { message, retryable: true }
}

/// Seconds of `Retry-After`.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse::<f64>().ok()?;
    Duration::try_from_secs_f64(seconds).ok()
}

/// Why there are no words.
pub(super) fn failure(status: u16, body: &[u8], retry_after: Option<Duration>, media_type: String) -> TranscribeError {
    let said = Said::read(body);
    let is = |known: &[&str]| said.codes.iter().any(|code| known.iter().any(|known| code.eq_ignore_ascii_case(known)));
    let own = |text: &str| TranscribeError::Provider { message: text.to_owned(), retryable: false };
    // A quota comes as 429 too, and does not come back in a minute.
    if status == 402 || is(&["insufficient_quota", "billing_hard_limit_reached", "billing_not_active"]) {
        return own("The transcription service refuses: the quota of this server is used up.");
    }
    if is(&["audio_too_short"]) {
        return TranscribeError::TooShort;
    }
    if is(&["audio_too_long", "input_too_large", "request_too_large"]) {
        return TranscribeError::TooLong;
    }
    if is(&["invalid_api_key", "authentication_error", "permission_denied"]) {
        return TranscribeError::Auth { detail: said.message(status) };
    }
    if is(&["model_not_found"]) {
        return own("The transcription service does not know the model that this server is configured with.");
    }
    match status {
        401 | 403 => TranscribeError::Auth { detail: said.message(status) },
        429 => TranscribeError::RateLimited { retry_after },
        408 | 504 => TranscribeError::Timeout,
        413 => TranscribeError::TooLong,
        415 => TranscribeError::Format { media_type },
        404 | 405 | 300..=399 => {
            own("There is no transcription service at the address that this server is configured with.")
        }
        _ => TranscribeError::Provider { message: said.message(status), retryable: status >= 500 },
    }
}

/// What an error's body holds, whichever of its shapes it has.
#[derive(Default)]
struct Said {
    message: Option<String>,
    codes: Vec<String>,
}

impl Said {
    /// `{"error": {"message", "code", "type"}}`, `{"error": "…"}`, `{"message", "code"}` or `{"detail": "…"}`.
    fn read(body: &[u8]) -> Self {
        let Ok(Value::Object(mut root)) = serde_json::from_slice(body) else { return Self::default() };
        let inner = match root.remove("error").or_else(|| root.remove("detail")) {
            Some(Value::Object(inner)) => inner,
            Some(Value::String(message)) => return Self { message: Some(message), codes: Vec::new() },
            _ => root,
        };
        let text = |key: &str| inner.get(key).and_then(Value::as_str).map(str::to_owned);
        Self { message: text("message"), codes: ["code", "type"].into_iter().filter_map(text).collect() }
    }

    fn message(&self, status: u16) -> String {
        match self.message.as_deref().map(str::trim).filter(|message| !message.is_empty()) {
            Some(message) => shorten(message),
            None => format!("The transcription service answered with status {status}."),
        }
    }
}

/// At most [`MESSAGE_MAX`] bytes, cut between characters.
fn shorten(text: &str) -> String {
    let mut end = text.len().min(MESSAGE_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(status: u16, body: &str) -> TranscribeError {
        failure(status, body.as_bytes(), None, "audio/webm".to_owned())
    }

    #[test]
    fn statuses_and_codes_decide() {
        let error =
            |code: &str| format!(r#"{{"error":{{"message":"m","type":"invalid_request_error","code":"{code}"}}}}"#);
        for (status, body, code, retryable) in [
            (401, String::new(), "auth_failed", false),
            (403, "{}".to_owned(), "auth_failed", false),
            (400, error("invalid_api_key"), "auth_failed", false),
            (429, error("rate_limit_exceeded"), "rate_limited", true),
            (429, error("insufficient_quota"), "provider_error", false),
            (413, "<html>".to_owned(), "audio_too_long", false),
            (400, error("audio_too_short"), "audio_too_short", false),
            (400, error("input_too_large"), "audio_too_long", false),
            (415, String::new(), "invalid_audio_format", false),
            (504, String::new(), "network_error", true),
            (404, "{}".to_owned(), "provider_error", false),
            (302, String::new(), "provider_error", false),
            (500, String::new(), "provider_error", true),
            (503, r#"{"detail":"busy"}"#.to_owned(), "provider_error", true),
        ] {
            let found = failed(status, &body);
            assert_eq!((found.code(), found.is_retryable()), (code, retryable), "{status} {body}");
        }
    }

    /// The words "rate", "auth" and "duration" are in other words and in other sentences too.
    #[test]
    fn words_of_a_message_decide_nothing() {
        for message in ["could not generate", "author unknown", "the duration of the beep is odd", "429 401"] {
            let found = failed(400, &serde_json::json!({ "error": { "message": message } }).to_string());
            assert_eq!((found.code(), found.to_string()), ("provider_error", message.to_owned()));
        }
        assert_eq!(failed(500, r#"{"error":"boom"}"#).to_string(), "boom");
        assert_eq!(failed(500, "[]").to_string(), "The transcription service answered with status 500.");
        assert!(failed(500, &format!(r#"{{"error":"{}"}}"#, "ü".repeat(900))).to_string().len() <= MESSAGE_MAX);
    }
}
