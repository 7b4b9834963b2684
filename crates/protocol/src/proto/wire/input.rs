//! What runs are started with and end with, and patches.

use super::{Message, Struct, Value};

#[derive(Clone, PartialEq, ::prost::Message)]
pub(crate) struct Usage {
    #[prost(string, optional, tag = "1")]
    pub(crate) provider: Option<String>,
    #[prost(string, optional, tag = "2")]
    pub(crate) model: Option<String>,
    #[prost(int64, optional, tag = "3")]
    pub(crate) input_tokens: Option<i64>,
    #[prost(int64, optional, tag = "4")]
    pub(crate) output_tokens: Option<i64>,
    #[prost(int64, optional, tag = "5")]
    pub(crate) total_tokens: Option<i64>,
    #[prost(int64, optional, tag = "6")]
    pub(crate) reasoning_tokens: Option<i64>,
    #[prost(int64, optional, tag = "7")]
    pub(crate) cached_input_tokens: Option<i64>,
    #[prost(int64, optional, tag = "8")]
    pub(crate) cache_write_input_tokens: Option<i64>,
}

#[derive(Clone, PartialEq, ::prost::Message)]
pub(crate) struct RunAgentInput {
    #[prost(string, tag = "1")]
    pub(crate) thread_id: String,
    #[prost(string, tag = "2")]
    pub(crate) run_id: String,
    #[prost(string, optional, tag = "3")]
    pub(crate) parent_run_id: Option<String>,
    #[prost(message, optional, tag = "4")]
    pub(crate) state: Option<Value>,
    #[prost(message, repeated, tag = "5")]
    pub(crate) messages: Vec<Message>,
    #[prost(message, repeated, tag = "6")]
    pub(crate) tools: Vec<Tool>,
    #[prost(message, repeated, tag = "7")]
    pub(crate) context: Vec<Context>,
    #[prost(message, optional, tag = "8")]
    pub(crate) forwarded_props: Option<Value>,
    #[prost(message, repeated, tag = "9")]
    pub(crate) resume: Vec<ResumeEntry>,
    #[prost(string, optional, tag = "10")]
    pub(crate) protocol_version: Option<String>,
}

#[derive(Clone, PartialEq, ::prost::Message)]
pub(crate) struct Tool {
    #[prost(string, tag = "1")]
    pub(crate) name: String,
    #[prost(string, tag = "2")]
    pub(crate) description: String,
    #[prost(message, optional, tag = "3")]
    pub(crate) parameters: Option<Value>,
    #[prost(message, optional, tag = "4")]
    pub(crate) metadata: Option<Struct>,
}

#[derive(Clone, PartialEq, ::prost::Message)]
pub(crate) struct Context {
    #[prost(string, tag = "1")]
    pub(crate) description: String,
    #[prost(string, tag = "2")]
    pub(crate) value: String,
}

#[derive(Clone, PartialEq, ::prost::Message)]
pub(crate) struct ResumeEntry {
    #[prost(string, tag = "1")]
    pub(crate) interrupt_id: String,
    #[prost(string, tag = "2")]
    pub(crate) status: String,
    #[prost(message, optional, tag = "3")]
    pub(crate) payload: Option<Value>,
    #[prost(message, optional, tag = "4")]
    pub(crate) metadata: Option<Struct>,
}

#[derive(Clone, PartialEq, ::prost::Message)]
pub(crate) struct Interrupt {
    #[prost(string, tag = "1")]
    pub(crate) id: String,
    #[prost(string, tag = "2")]
    pub(crate) reason: String,
    #[prost(string, optional, tag = "3")]
    pub(crate) message: Option<String>,
    #[prost(string, optional, tag = "4")]
    pub(crate) tool_call_id: Option<String>,
    #[prost(message, optional, tag = "5")]
    pub(crate) response_schema: Option<Value>,
    #[prost(string, optional, tag = "6")]
    pub(crate) expires_at: Option<String>,
    #[prost(message, optional, tag = "7")]
    pub(crate) metadata: Option<Value>,
    #[prost(string, optional, tag = "8")]
    pub(crate) subagent_run_id: Option<String>,
}

#[derive(Clone, PartialEq, ::prost::Message)]
pub(crate) struct JsonPatchOperation {
    #[prost(enumeration = "JsonPatchOperationType", tag = "1")]
    pub(crate) op: i32,
    #[prost(string, tag = "2")]
    pub(crate) path: String,
    #[prost(string, optional, tag = "3")]
    pub(crate) from: Option<String>,
    #[prost(message, optional, tag = "4")]
    pub(crate) value: Option<Value>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, ::prost::Enumeration)]
#[repr(i32)]
pub(crate) enum JsonPatchOperationType {
    Add = 0,
    Remove = 1,
    Replace = 2,
    Move = 3,
    Copy = 4,
    Test = 5,
}
