//! What services say when something is wrong, in all the shapes that they say it in.

use copilotkit_runtime::model::{ModelError, ModelErrorKind};
use serde_json::Value;
use std::time::Duration;

// Names that services give to errors, as code, type, status or reason, in any case.
const QUOTA: [&str; 6] = [
    "insufficient_quota",
    "billing_hard_limit_reached",
    "billing_not_active",
    "billing_error",
    "insufficient_balance",
    "servicequotaexceededexception",
];
const CONTEXT: [&str; 4] =
    ["context_length_exceeded", "exceed_context_size_error", "string_above_max_length", "request_too_large"];
/// What services without a name for it write.
const CONTEXT_WORDS: [&str; 7] = [
    "maximum context length",
    "context window",
    "context size",
    "context length",
    "prompt is too long",
    "input is too long",
    "exceeds the maximum number of tokens",
];
const AUTH: [&str; 13] = [
    "invalid_api_key",
    "api_key_invalid",
    "authentication_error",
    "unauthenticated",
    "permission_denied",
    "permission_error",
    "access_token_expired",
    "accessdeniedexception",
    "unrecognizedclientexception",
    "invalidsignatureexception",
    "expiredtokenexception",
    "incompletesignature",
    "missingauthenticationtoken",
];
const RATE: [&str; 6] = [
    "rate_limit_exceeded",
    "rate_limit_error",
    "resource_exhausted",
    "rate_limited",
    "throttlingexception",
    "too_many_requests",
];
const OVERLOADED: [&str; 12] = [
    "server_error",
    "internal_error",
    "internal",
    "internalservererror",
    "api_error",
    "overloaded_error",
    "unavailable",
    "internalserverexception",
    "serviceunavailableexception",
    "modelstreamerrorexception",
    "modelnotreadyexception",
    "modelerrorexception",
];
const BAD_REQUEST: [&str; 5] =
    ["invalid_request_error", "badrequesterror", "invalid_argument", "failed_precondition", "validationexception"];

/// The longest message that is passed on; some services answer with a page of HTML or the whole request.
const MESSAGE_MAX: usize = 2000;

/// What a body or a frame tells of an error.
#[derive(Debug, Default, PartialEq)]
struct Details {
    message: Option<String>,
    code: Option<String>,
    kind: Option<String>,
    /// Google's machine-readable reason.
    reason: Option<String>,
    /// How long to wait, where the body says it.
    retry_after: Option<Duration>,
}

/// An error that came inside the stream: the error object, or a frame that is one.
pub(crate) fn from_frame(data: &[u8]) -> ModelError {
    let details = Details::read(data);
    let status = details.code.as_deref().and_then(|code| code.parse().ok()).filter(|code| (400..600).contains(code));
    let kind = details.classify(status);
    let message = details.message.clone().unwrap_or_else(|| "the provider reported an error without a message".into());
    details.into_error(kind, message)
}

/// An error that a frame names outside of its payload, as event streams of AWS do.
#[cfg(feature = "bedrock")]
pub(crate) fn named(name: &str, data: &[u8]) -> ModelError {
    let mut details = Details::read(data);
    details.code = Some(name.to_owned());
    let kind = details.classify(None);
    let message = details.message.clone().unwrap_or_else(|| format!("the provider reported {name}"));
    details.into_error(kind, message)
}

/// The model said itself that the answer failed.
#[cfg(any(feature = "gemini", feature = "openai-chat"))]
pub(crate) fn finished(kind: ModelErrorKind, code: &str, message: &str) -> ModelError {
    ModelError { provider_code: Some(code.to_owned()), ..ModelError::new(kind, message) }
}

/// An answer with an error status, or a body that holds an error although the status was 200.
pub(crate) fn from_response(status: u16, named: Option<&str>, body: &[u8], provider: &str) -> ModelError {
    let mut details = Details::read(body);
    // AWS names the error in a header, sometimes with an address behind it.
    let named = named.and_then(|name| name.split(':').next()).map(str::trim).filter(|name| !name.is_empty());
    details.code = details.code.or(named.map(str::to_owned));
    let kind = details.classify((status >= 400).then_some(status));
    let message = match &details.message {
        Some(message) => message.clone(),
        None => {
            let text = String::from_utf8_lossy(body);
            let text = text.trim();
            // A page of HTML helps nobody.
            let said = if text.is_empty() || text.starts_with('<') { String::new() } else { format!(": {text}") };
            format!("{provider} answered with status {status}{said}")
        }
    };
    details.into_error(kind, message)
}

/// True for a frame without choices that has the members of an error.
pub(crate) fn looks_like_error(data: &[u8]) -> bool {
    serde_json::from_slice::<Value>(data).is_ok_and(|value| {
        value.get("detail").is_some_and(|detail| !detail.is_null())
            || (value.get("message").is_some_and(Value::is_string)
                && ["code", "status", "status_code"].iter().any(|key| value.get(key).is_some())
                || value.get("type").and_then(Value::as_str) == Some("error"))
    })
}

impl Details {
    fn read(data: &[u8]) -> Self {
        let Ok(value) = serde_json::from_slice::<Value>(data) else { return Self::default() };
        let mut details = Self::default();
        details.collect(&value, 0);
        details.message = details.message.map(|message| shorten(message.trim()));
        details
    }

    /// The innermost `error` wins: gateways wrap what they were told.
    fn collect(&mut self, value: &Value, depth: usize) {
        match value {
            Value::String(text) if !text.trim().is_empty() => self.message = Some(text.clone()),
            Value::Array(items) => {
                if let Some(first) = items.first() {
                    self.collect(first, depth);
                }
            }
            Value::Object(members) if depth < 4 => {
                let text = |key: &str| match members.get(key) {
                    Some(Value::String(text)) if !text.trim().is_empty() => Some(text.clone()),
                    Some(Value::Number(number)) => Some(number.to_string()),
                    _ => None,
                };
                let message = text("message").or_else(|| text("Message")).or_else(|| text("msg"));
                self.message = message.or(self.message.take());
                // Google says a number as code and the name as status.
                let named = text("status").filter(|status| status.chars().any(|c| c.is_ascii_uppercase()));
                self.code = named.or_else(|| text("code")).or(self.code.take());
                self.kind = text("type").or(self.kind.take());
                for detail in members.get("details").and_then(Value::as_array).into_iter().flatten() {
                    self.google(detail);
                }
                for inner in ["detail", "error"] {
                    if let Some(inner) = members.get(inner) {
                        self.collect(inner, depth + 1);
                    }
                }
            }
            _ => {}
        }
    }

    /// `ErrorInfo` and `RetryInfo` of Google's services.
    fn google(&mut self, detail: &Value) {
        let text = |key: &str| detail.get(key).and_then(Value::as_str);
        if let Some(reason) = text("reason") {
            self.reason = Some(reason.to_owned());
        }
        let seconds = text("retryDelay").and_then(|delay| delay.strip_suffix('s')?.parse::<f64>().ok());
        if let Some(wait) = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()) {
            self.retry_after = Some(wait);
        }
    }

    fn classify(&self, status: Option<u16>) -> ModelErrorKind {
        let names = [self.code.as_deref(), self.kind.as_deref(), self.reason.as_deref()];
        let is = |known: &[&str]| names.iter().flatten().any(|name| known.iter().any(|k| name.eq_ignore_ascii_case(k)));
        let message = self.message.as_deref().unwrap_or_default().to_ascii_lowercase();
        let says = |known: &[&str]| known.iter().any(|k| message.contains(k));
        if is(&QUOTA) || status == Some(402) {
            return ModelErrorKind::Quota;
        }
        if is(&CONTEXT) || says(&CONTEXT_WORDS) {
            return ModelErrorKind::ContextLength;
        }
        if is(&["content_filter", "content_policy_violation", "invalid_prompt"]) {
            return ModelErrorKind::ContentFilter;
        }
        if is(&AUTH) || says(&["api key not valid", "api key expired"]) {
            return ModelErrorKind::Auth;
        }
        if is(&["model_not_found", "not_found_error", "not_found", "resourcenotfoundexception"]) {
            return ModelErrorKind::NotFound;
        }
        if is(&RATE) {
            return ModelErrorKind::RateLimit;
        }
        if is(&["timeout_error", "deadline_exceeded", "modeltimeoutexception"]) {
            return ModelErrorKind::Timeout;
        }
        match status {
            Some(401 | 403) => ModelErrorKind::Auth,
            Some(404) => ModelErrorKind::NotFound,
            Some(408 | 504) => ModelErrorKind::Timeout,
            Some(429) => ModelErrorKind::RateLimit,
            Some(409 | 500..) => ModelErrorKind::Overloaded,
            Some(400..) => ModelErrorKind::BadRequest,
            _ if is(&OVERLOADED) => ModelErrorKind::Overloaded,
            _ if is(&BAD_REQUEST) => ModelErrorKind::BadRequest,
            _ => ModelErrorKind::Provider,
        }
    }

    fn into_error(self, kind: ModelErrorKind, message: String) -> ModelError {
        let mut error = ModelError::new(kind, message);
        error.provider_code = self.code.or(self.kind);
        error.retry_after = self.retry_after;
        error
    }
}

/// At most [`MESSAGE_MAX`] bytes, cut between characters.
fn shorten(text: &str) -> String {
    if text.len() <= MESSAGE_MAX {
        return text.to_owned();
    }
    let mut end = MESSAGE_MAX;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{} …", &text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shape_gives_the_inner_message_and_code() {
        let cases: &[(u16, &str, ModelErrorKind, &str, Option<&str>)] = &[
            (
                401,
                r#"{"error":{"message":"bad key","type":"invalid_request_error","code":"invalid_api_key"}}"#,
                ModelErrorKind::Auth,
                "bad key",
                Some("invalid_api_key"),
            ),
            (429, r#"{"error":{"message":"slow"}}"#, ModelErrorKind::RateLimit, "slow", None),
            (
                429,
                r#"{"error":{"message":"pay","type":"insufficient_quota"}}"#,
                ModelErrorKind::Quota,
                "pay",
                Some("insufficient_quota"),
            ),
            (
                400,
                r#"{"error":{"message":"This model's maximum context length is 10 tokens."}}"#,
                ModelErrorKind::ContextLength,
                "This model's maximum context length is 10 tokens.",
                None,
            ),
            (
                400,
                r#"{"object":"error","message":"no","type":"BadRequestError","code":400}"#,
                ModelErrorKind::BadRequest,
                "no",
                Some("400"),
            ),
            (200, r#"{"code":"x","error":"said so"}"#, ModelErrorKind::Provider, "said so", Some("x")),
            (
                503,
                r#"[{"error":{"code":503,"message":"busy","status":"UNAVAILABLE"}}]"#,
                ModelErrorKind::Overloaded,
                "busy",
                Some("UNAVAILABLE"),
            ),
            (422, r#"{"detail":[{"msg":"field required"}]}"#, ModelErrorKind::BadRequest, "field required", None),
            (404, r#"{"error":"model \"x\" not found"}"#, ModelErrorKind::NotFound, r#"model "x" not found"#, None),
            (502, "<html>nginx</html>", ModelErrorKind::Overloaded, "openai answered with status 502", None),
            (500, "boom", ModelErrorKind::Overloaded, "openai answered with status 500: boom", None),
            (402, r#"{"error":{"message":"top up"}}"#, ModelErrorKind::Quota, "top up", None),
            (
                529,
                r#"{"type":"error","error":{"type":"overloaded_error","message":"busy"},"request_id":"r"}"#,
                ModelErrorKind::Overloaded,
                "busy",
                Some("overloaded_error"),
            ),
            (
                400,
                r#"{"error":{"code":400,"message":"no such key","status":"INVALID_ARGUMENT","details":[{"reason":"API_KEY_INVALID"}]}}"#,
                ModelErrorKind::Auth,
                "no such key",
                Some("INVALID_ARGUMENT"),
            ),
            (
                400,
                r#"{"Message":"Input is too long for requested model."}"#,
                ModelErrorKind::ContextLength,
                "Input is too long for requested model.",
                None,
            ),
        ];
        for (status, body, kind, message, code) in cases {
            let error = from_response(*status, None, body.as_bytes(), "openai");
            assert_eq!(
                (error.kind, &*error.message, error.provider_code.as_deref()),
                (*kind, *message, *code),
                "{body}"
            );
        }
    }

    #[test]
    fn google_says_in_the_body_how_long_to_wait() {
        let body = br#"{"error":{"code":429,"message":"m","status":"RESOURCE_EXHAUSTED",
            "details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"17s"}]}}"#;
        let error = from_response(429, None, body, "google");
        assert_eq!((error.kind, error.retry_after), (ModelErrorKind::RateLimit, Some(Duration::from_secs(17))));
    }

    #[test]
    fn a_header_may_name_the_error() {
        let name = Some("ThrottlingException:http://internal.amazon.com/coral/");
        let error = from_response(400, name, br#"{"message":"slow"}"#, "bedrock");
        assert_eq!(
            (error.kind, error.provider_code.as_deref()),
            (ModelErrorKind::RateLimit, Some("ThrottlingException"))
        );
    }

    #[test]
    fn a_long_message_is_cut_between_characters() {
        let error = from_frame(format!(r#"{{"message":"{}"}}"#, "ü".repeat(3000)).as_bytes());
        assert!(error.message.len() < MESSAGE_MAX + 8 && error.message.ends_with("ü …"));
    }
}
