//! Messages, their parts and tool calls. The unions are structs of optional arms: the same bytes, and a second arm is seen.

use super::{Struct, Value};

#[derive(Clone, PartialEq, ::prost::Message)]
pub(crate) struct Message {
    #[prost(string, tag = "1")]
    pub(crate) id: String,
    #[prost(string, tag = "2")]
    pub(crate) role: String,
    #[prost(string, optional, tag = "3")]
    pub(crate) content: Option<String>,
    #[prost(string, optional, tag = "4")]
    pub(crate) name: Option<String>,
    #[prost(message, repeated, tag = "5")]
    pub(crate) tool_calls: Vec<ToolCall>,
    #[prost(string, optional, tag = "6")]
    pub(crate) tool_call_id: Option<String>,
    #[prost(string, optional, tag = "7")]
    pub(crate) error: Option<String>,
    #[prost(message, repeated, tag = "8")]
    pub(crate) content_parts: Vec<InputContent>,
    #[prost(message, optional, tag = "9")]
    pub(crate) metadata: Option<Struct>,
    #[prost(string, optional, tag = "10")]
    pub(crate) subagent_run_id: Option<String>,
    #[prost(string, optional, tag = "11")]
    pub(crate) encrypted_value: Option<String>,
    #[prost(string, optional, tag = "12")]
    pub(crate) activity_type: Option<String>,
    #[prost(message, optional, tag = "13")]
    pub(crate) activity_content: Option<Struct>,
}

#[derive(Clone, PartialEq, ::prost::Message)]
pub(crate) struct ToolCall {
    #[prost(string, tag = "1")]
    pub(crate) id: String,
    #[prost(string, tag = "2")]
    pub(crate) r#type: String,
    #[prost(message, optional, tag = "3")]
    pub(crate) function: Option<Function>,
    #[prost(message, optional, tag = "4")]
    pub(crate) metadata: Option<Struct>,
    #[prost(string, optional, tag = "5")]
    pub(crate) encrypted_value: Option<String>,
}

#[derive(Clone, PartialEq, ::prost::Message)]
pub(crate) struct Function {
    #[prost(string, tag = "1")]
    pub(crate) name: String,
    #[prost(string, tag = "2")]
    pub(crate) arguments: String,
}

#[derive(Clone, PartialEq, ::prost::Message)]
pub(crate) struct InputContent {
    #[prost(message, optional, tag = "1")]
    pub(crate) text: Option<TextInputPart>,
    #[prost(message, optional, tag = "2")]
    pub(crate) image: Option<ImageInputPart>,
    #[prost(message, optional, tag = "3")]
    pub(crate) audio: Option<AudioInputPart>,
    #[prost(message, optional, tag = "4")]
    pub(crate) video: Option<VideoInputPart>,
    #[prost(message, optional, tag = "5")]
    pub(crate) document: Option<DocumentInputPart>,
}

#[derive(Clone, PartialEq, ::prost::Message)]
pub(crate) struct TextInputPart {
    #[prost(string, tag = "1")]
    pub(crate) text: String,
    #[prost(string, optional, tag = "2")]
    pub(crate) id: Option<String>,
    #[prost(message, optional, tag = "3")]
    pub(crate) metadata: Option<Value>,
}

#[derive(Clone, PartialEq, ::prost::Message)]
pub(crate) struct ImageInputPart {
    #[prost(message, optional, tag = "1")]
    pub(crate) source: Option<InputContentSource>,
    #[prost(message, optional, tag = "2")]
    pub(crate) metadata: Option<Value>,
    #[prost(string, optional, tag = "3")]
    pub(crate) id: Option<String>,
}

#[derive(Clone, PartialEq, ::prost::Message)]
pub(crate) struct AudioInputPart {
    #[prost(message, optional, tag = "1")]
    pub(crate) source: Option<InputContentSource>,
    #[prost(message, optional, tag = "2")]
    pub(crate) metadata: Option<Value>,
    #[prost(string, optional, tag = "3")]
    pub(crate) id: Option<String>,
}

#[derive(Clone, PartialEq, ::prost::Message)]
pub(crate) struct VideoInputPart {
    #[prost(message, optional, tag = "1")]
    pub(crate) source: Option<InputContentSource>,
    #[prost(message, optional, tag = "2")]
    pub(crate) metadata: Option<Value>,
    #[prost(string, optional, tag = "3")]
    pub(crate) id: Option<String>,
}

#[derive(Clone, PartialEq, ::prost::Message)]
pub(crate) struct DocumentInputPart {
    #[prost(message, optional, tag = "1")]
    pub(crate) source: Option<InputContentSource>,
    #[prost(message, optional, tag = "2")]
    pub(crate) metadata: Option<Value>,
    #[prost(string, optional, tag = "3")]
    pub(crate) id: Option<String>,
}

#[derive(Clone, PartialEq, ::prost::Message)]
pub(crate) struct InputContentSource {
    #[prost(message, optional, tag = "1")]
    pub(crate) data: Option<InputContentDataSource>,
    #[prost(message, optional, tag = "2")]
    pub(crate) url: Option<InputContentUrlSource>,
    #[prost(message, optional, tag = "3")]
    pub(crate) file: Option<InputContentFileSource>,
}

#[derive(Clone, PartialEq, ::prost::Message)]
pub(crate) struct InputContentDataSource {
    #[prost(string, tag = "1")]
    pub(crate) value: String,
    #[prost(string, tag = "2")]
    pub(crate) mime_type: String,
}

#[derive(Clone, PartialEq, ::prost::Message)]
pub(crate) struct InputContentUrlSource {
    #[prost(string, tag = "1")]
    pub(crate) value: String,
    #[prost(string, optional, tag = "2")]
    pub(crate) mime_type: Option<String>,
}

#[derive(Clone, PartialEq, ::prost::Message)]
pub(crate) struct InputContentFileSource {
    #[prost(string, tag = "1")]
    pub(crate) value: String,
    #[prost(string, optional, tag = "2")]
    pub(crate) provider: Option<String>,
    #[prost(string, optional, tag = "3")]
    pub(crate) mime_type: Option<String>,
}
