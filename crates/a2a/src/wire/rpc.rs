//! JSON-RPC 2.0 around calls and answers.

use super::error::ProtocolError;
use copilotkit_protocol::Json;
use serde::{Deserialize, Serialize};

/// The id of a call: a number, a text, or `null`.
pub type RpcId = Json;

/// A call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RpcRequest {
    /// Always `2.0`.
    #[serde(default)]
    pub jsonrpc: String,
    /// Comes back with the answer.
    #[serde(default)]
    pub id: RpcId,
    /// What is asked.
    pub method: String,
    /// The parameters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub params: Option<Json>,
}

impl RpcRequest {
    /// A call.
    pub fn new(id: RpcId, method: impl Into<String>, params: Json) -> Self {
        Self { jsonrpc: "2.0".to_owned(), id, method: method.into(), params: Some(params) }
    }
}

/// An answer, whole or one event of a stream.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RpcResponse {
    /// Always `2.0`.
    #[serde(default)]
    pub jsonrpc: String,
    /// The id of the call.
    #[serde(default)]
    pub id: RpcId,
    /// What came of it. Absent where there is an error.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub result: Option<Json>,
    /// Why nothing came of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<ProtocolError>,
}

/// `null` is an answer: what a deletion gives.
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Json>, D::Error> {
    Json::deserialize(deserializer).map(Some)
}

impl RpcResponse {
    /// An answer.
    pub fn result(id: RpcId, result: Json) -> Self {
        Self { jsonrpc: "2.0".to_owned(), id, result: Some(result), error: None }
    }

    /// A failure.
    pub fn error(id: RpcId, error: ProtocolError) -> Self {
        Self { jsonrpc: "2.0".to_owned(), id, result: None, error: Some(error) }
    }
}
