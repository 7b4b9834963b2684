//! The errors of the protocol.

use copilotkit_protocol::Json;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// The domain of reasons in error details.
const DOMAIN: &str = "a2a-protocol.org";
const ERROR_INFO: &str = "type.googleapis.com/google.rpc.ErrorInfo";

macro_rules! kinds {
    ($($(#[doc = $doc:literal])+ $name:ident $code:literal $http:literal $reason:literal $status:literal $message:literal;)+) => {
        /// What kind of error an agent answers with.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum ErrorKind {
            $($(#[doc = $doc])+ $name,)+
        }

        impl ErrorKind {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The code in JSON-RPC.
            pub fn code(self) -> i64 {
                match self { $(Self::$name => $code,)+ }
            }

            /// The status over HTTP+JSON.
            pub fn http_status(self) -> u16 {
                match self { $(Self::$name => $http,)+ }
            }

            /// The reason in error details.
            pub fn reason(self) -> &'static str {
                match self { $(Self::$name => $reason,)+ }
            }

            /// The word of gRPC for it, in errors over HTTP+JSON.
            pub fn status(self) -> &'static str {
                match self { $(Self::$name => $status,)+ }
            }

            /// What it means, for people.
            pub fn message(self) -> &'static str {
                match self { $(Self::$name => $message,)+ }
            }
        }
    };
}

kinds! {
    /// There is no such task.
    TaskNotFound -32001 404 "TASK_NOT_FOUND" "NOT_FOUND" "Task not found";
    /// The task has ended.
    TaskNotCancelable -32002 400 "TASK_NOT_CANCELABLE" "FAILED_PRECONDITION" "Task cannot be canceled";
    /// The agent sends no news of tasks.
    PushNotificationNotSupported -32003 400 "PUSH_NOTIFICATION_NOT_SUPPORTED" "UNIMPLEMENTED" "Push notifications are not supported";
    /// The agent does not do this, or not now.
    UnsupportedOperation -32004 400 "UNSUPPORTED_OPERATION" "FAILED_PRECONDITION" "This operation is not supported";
    /// The agent does not take such parts.
    ContentTypeNotSupported -32005 400 "CONTENT_TYPE_NOT_SUPPORTED" "INVALID_ARGUMENT" "Content type not supported";
    /// The agent answered with something that is no answer.
    InvalidAgentResponse -32006 500 "INVALID_AGENT_RESPONSE" "INTERNAL" "Invalid agent response";
    /// There is no longer card.
    ExtendedCardNotConfigured -32007 400 "EXTENDED_AGENT_CARD_NOT_CONFIGURED" "FAILED_PRECONDITION" "Extended agent card is not configured";
    /// The client lacks an extension that the agent needs.
    ExtensionSupportRequired -32008 400 "EXTENSION_SUPPORT_REQUIRED" "FAILED_PRECONDITION" "An extension is required";
    /// The agent does not speak this version.
    VersionNotSupported -32009 400 "VERSION_NOT_SUPPORTED" "FAILED_PRECONDITION" "This version of A2A is not supported";
    /// Not JSON.
    Parse -32700 400 "PARSE_ERROR" "INVALID_ARGUMENT" "Invalid JSON payload";
    /// Not a request.
    InvalidRequest -32600 400 "INVALID_REQUEST" "INVALID_ARGUMENT" "Invalid request";
    /// There is no such method.
    MethodNotFound -32601 404 "METHOD_NOT_FOUND" "NOT_FOUND" "Method not found";
    /// The parameters are wrong.
    InvalidParams -32602 400 "INVALID_PARAMS" "INVALID_ARGUMENT" "Invalid parameters";
    /// The agent broke.
    Internal -32603 500 "INTERNAL_ERROR" "INTERNAL" "Internal error";
}

/// An error that an agent answered with, or that ours answer with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, thiserror::Error)]
#[error("{message} ({code})")]
pub struct ProtocolError {
    /// The code in JSON-RPC.
    #[serde(default)]
    pub code: i64,
    /// What happened, in the words of who answered.
    #[serde(default)]
    pub message: String,
    /// Details: in 1.0 a list of objects with a `@type`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Json>,
}

impl ProtocolError {
    /// An error of this kind, with its reason as 1.0 wants it.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        let info = json!([{ "@type": ERROR_INFO, "reason": kind.reason(), "domain": DOMAIN }]);
        Self { code: kind.code(), message: message.into(), data: Some(info.into()) }
    }

    /// The kind, by the reason in the details or by the code.
    pub fn kind(&self) -> Option<ErrorKind> {
        let by_reason = self.data.as_ref().and_then(|data| reason(&data.to_value()));
        by_reason.or_else(|| ErrorKind::ALL.iter().copied().find(|kind| kind.code() == self.code))
    }

    /// The body of an answer over HTTP+JSON.
    pub fn to_http(&self) -> (u16, Json) {
        let kind = self.kind().unwrap_or(ErrorKind::Internal);
        let details = self.data.as_ref().map(Json::to_value).filter(serde_json::Value::is_array).unwrap_or(json!([]));
        let (code, status) = (kind.http_status(), kind.status());
        let error = json!({ "code": code, "status": status, "message": self.message, "details": details });
        (code, json!({ "error": error }).into())
    }

    /// Reads the body of an answer over HTTP+JSON; `None` where it is none that A2A describes.
    pub fn from_http(body: &str) -> Option<Self> {
        #[derive(Deserialize)]
        struct Body {
            error: Status,
        }
        #[derive(Deserialize)]
        struct Status {
            #[serde(default)]
            code: i64,
            #[serde(default)]
            message: String,
            details: Option<Json>,
        }
        let Body { error } = serde_json::from_str(body).ok()?;
        let found = Self { code: error.code, message: error.message, data: error.details };
        // Some say no more than the status.
        let bare = match found.code {
            400 => ErrorKind::InvalidRequest.code(),
            500..=599 => ErrorKind::Internal.code(),
            other => other,
        };
        let code = found.kind().map_or(bare, ErrorKind::code);
        Some(Self { code, ..found })
    }
}

fn reason(details: &serde_json::Value) -> Option<ErrorKind> {
    let reason = details.as_array()?.iter().find_map(|detail| detail.get("reason")?.as_str())?;
    ErrorKind::ALL.iter().copied().find(|kind| kind.reason() == reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_keeps_its_kind_over_http() {
        for kind in ErrorKind::ALL {
            let error = ProtocolError::new(*kind, "so");
            assert_eq!(error.kind(), Some(*kind));
            let (status, body) = error.to_http();
            assert_eq!(status, kind.http_status());
            let back = ProtocolError::from_http(body.get()).unwrap();
            assert_eq!((back.kind(), back.code, back.message.as_str()), (Some(*kind), kind.code(), "so"));
        }
        assert_eq!(ProtocolError::from_http("<html>"), None);
    }
}
