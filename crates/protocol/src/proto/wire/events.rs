//! The envelope and its 31 arms.

use super::{InputContent, Interrupt, JsonPatchOperation, Message, RunAgentInput, Struct, Usage, Value};

#[derive(Clone, PartialEq, ::prost::Message)]
pub(crate) struct Event {
    #[prost(
        oneof = "Arm",
        tags = "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31"
    )]
    pub(crate) event: Option<Arm>,
}

#[derive(Clone, PartialEq, ::prost::Oneof)]
pub(crate) enum Arm {
    #[prost(message, tag = "1")]
    TextMessageStart(TextMessageStartEvent),
    #[prost(message, tag = "2")]
    TextMessageContent(TextMessageContentEvent),
    #[prost(message, tag = "3")]
    TextMessageEnd(TextMessageEndEvent),
    #[prost(message, tag = "4")]
    ToolCallStart(ToolCallStartEvent),
    #[prost(message, tag = "5")]
    ToolCallArgs(ToolCallArgsEvent),
    #[prost(message, tag = "6")]
    ToolCallEnd(ToolCallEndEvent),
    #[prost(message, tag = "7")]
    StateSnapshot(StateSnapshotEvent),
    #[prost(message, tag = "8")]
    StateDelta(StateDeltaEvent),
    #[prost(message, tag = "9")]
    MessagesSnapshot(MessagesSnapshotEvent),
    #[prost(message, tag = "10")]
    Raw(RawEvent),
    #[prost(message, tag = "11")]
    Custom(CustomEvent),
    #[prost(message, tag = "12")]
    RunStarted(RunStartedEvent),
    #[prost(message, tag = "13")]
    RunFinished(RunFinishedEvent),
    #[prost(message, tag = "14")]
    RunError(RunErrorEvent),
    #[prost(message, tag = "15")]
    StepStarted(StepStartedEvent),
    #[prost(message, tag = "16")]
    StepFinished(StepFinishedEvent),
    #[prost(message, tag = "17")]
    TextMessageChunk(TextMessageChunkEvent),
    #[prost(message, tag = "18")]
    ToolCallChunk(ToolCallChunkEvent),
    #[prost(message, tag = "19")]
    SubagentStarted(SubagentStartedEvent),
    #[prost(message, tag = "20")]
    SubagentFinished(SubagentFinishedEvent),
    #[prost(message, tag = "21")]
    SubagentError(SubagentErrorEvent),
    #[prost(message, tag = "22")]
    ToolCallResult(ToolCallResultEvent),
    #[prost(message, tag = "23")]
    ActivitySnapshot(ActivitySnapshotEvent),
    #[prost(message, tag = "24")]
    ActivityDelta(ActivityDeltaEvent),
    #[prost(message, tag = "25")]
    ReasoningStart(ReasoningStartEvent),
    #[prost(message, tag = "26")]
    ReasoningMessageStart(ReasoningMessageStartEvent),
    #[prost(message, tag = "27")]
    ReasoningMessageContent(ReasoningMessageContentEvent),
    #[prost(message, tag = "28")]
    ReasoningMessageEnd(ReasoningMessageEndEvent),
    #[prost(message, tag = "29")]
    ReasoningMessageChunk(ReasoningMessageChunkEvent),
    #[prost(message, tag = "30")]
    ReasoningEnd(ReasoningEndEvent),
    #[prost(message, tag = "31")]
    ReasoningEncryptedValue(ReasoningEncryptedValueEvent),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, ::prost::Enumeration)]
#[repr(i32)]
pub(crate) enum EventType {
    TextMessageStart = 0,
    TextMessageContent = 1,
    TextMessageEnd = 2,
    ToolCallStart = 3,
    ToolCallArgs = 4,
    ToolCallEnd = 5,
    StateSnapshot = 6,
    StateDelta = 7,
    MessagesSnapshot = 8,
    Raw = 9,
    Custom = 10,
    RunStarted = 11,
    RunFinished = 12,
    RunError = 13,
    StepStarted = 14,
    StepFinished = 15,
    SubagentStarted = 16,
    SubagentFinished = 17,
    SubagentError = 18,
    TextMessageChunk = 19,
    ToolCallChunk = 20,
    ToolCallResult = 21,
    ActivitySnapshot = 22,
    ActivityDelta = 23,
    ReasoningStart = 24,
    ReasoningMessageStart = 25,
    ReasoningMessageContent = 26,
    ReasoningMessageEnd = 27,
    ReasoningMessageChunk = 28,
    ReasoningEnd = 29,
    ReasoningEncryptedValue = 30,
}

#[derive(Clone, PartialEq, ::prost::Message)]
pub(crate) struct BaseEvent {
    #[prost(enumeration = "EventType", tag = "1")]
    pub(crate) r#type: i32,
    #[prost(int64, optional, tag = "2")]
    pub(crate) timestamp: Option<i64>,
    #[prost(message, optional, tag = "3")]
    pub(crate) raw_event: Option<Value>,
    #[prost(message, optional, tag = "4")]
    pub(crate) metadata: Option<Struct>,
}

#[derive(Clone, PartialEq, ::prost::Message)]
pub(crate) struct TextMessageStartEvent {
    #[prost(message, optional, tag = "1")]
    pub(crate) base_event: Option<BaseEvent>,
    #[prost(string, tag = "2")]
    pub(crate) message_id: String,
    #[prost(string, optional, tag = "3")]
    pub(crate) role: Option<String>,
    #[prost(string, optional, tag = "4")]
    pub(crate) name: Option<String>,
    #[prost(string, optional, tag = "5")]
    pub(crate) subagent_run_id: Option<String>,
}

#[derive(Clone, PartialEq, ::prost::Message)]
pub(crate) struct TextMessageContentEvent {
    #[prost(message, optional, tag = "1")]
    pub(crate) base_event: Option<BaseEvent>,
    #[prost(string, tag = "2")]
    pub(crate) message_id: String,
    #[prost(string, tag = "3")]
    pub(crate) delta: String,
    #[prost(string, optional, tag = "4")]
    pub(crate) subagent_run_id: Option<String>,
}

#[derive(Clone, PartialEq, ::prost::Message)]
pub(crate) struct TextMessageEndEvent {
    #[prost(message, optional, tag = "1")]
    pub(crate) base_event: Option<BaseEvent>,
    #[prost(string, tag = "2")]
    pub(crate) message_id: String,
    #[prost(string, optional, tag = "3")]
    pub(crate) subagent_run_id: Option<String>,
}

#[derive(Clone, PartialEq, ::prost::Message)]
pub(crate) struct TextMessageChunkEvent {
    #[prost(message, optional, tag = "1")]
    pub(crate) base_event: Option<BaseEvent>,
    #[prost(string, optional, tag = "2")]
    pub(crate) message_id: Option<String>,
    #[prost(string, optional, tag = "3")]
    pub(crate) role: Option<String>,
    #[prost(string, optional, tag = "4")]
    pub(crate) delta: Option<String>,
    #[prost(string, optional, tag = "5")]
    pub(crate) name: Option<String>,
    #[prost(string, optional, tag = "6")]
    pub(crate) subagent_run_id: Option<String>,
}

#[derive(Clone, PartialEq, ::prost::Message)]
pub(crate) struct ToolCallStartEvent {
    #[prost(message, optional, tag = "1")]
    pub(crate) base_event: Option<BaseEvent>,
    #[prost(string, tag = "2")]
    pub(crate) tool_call_id: String,
    #[prost(string, tag = "3")]
    pub(crate) tool_call_name: String,
    #[prost(string, optional, tag = "4")]
    pub(crate) parent_message_id: Option<String>,
    #[prost(string, optional, tag = "5")]
    pub(crate) subagent_run_id: Option<String>,
}

#[derive(Clone, PartialEq, ::prost::Message)]
pub(crate) struct ToolCallArgsEvent {
    #[prost(message, optional, tag = "1")]
    pub(crate) base_event: Option<BaseEvent>,
    #[prost(string, tag = "2")]
    pub(crate) tool_call_id: String,
    #[prost(string, tag = "3")]
    pub(crate) delta: String,
    #[prost(string, optional, tag = "4")]
    pub(crate) subagent_run_id: Option<String>,
}

#[derive(Clone, PartialEq, ::prost::Message)]
pub(crate) struct ToolCallEndEvent {
    #[prost(message, optional, tag = "1")]
    pub(crate) base_event: Option<BaseEvent>,
    #[prost(string, tag = "2")]
    pub(crate) tool_call_id: String,
    #[prost(string, optional, tag = "3")]
    pub(crate) subagent_run_id: Option<String>,
}

#[derive(Clone, PartialEq, ::prost::Message)]
pub(crate) struct ToolCallChunkEvent {
    #[prost(message, optional, tag = "1")]
    pub(crate) base_event: Option<BaseEvent>,
    #[prost(string, optional, tag = "2")]
    pub(crate) tool_call_id: Option<String>,
    #[prost(string, optional, tag = "3")]
    pub(crate) tool_call_name: Option<String>,
    #[prost(string, optional, tag = "4")]
    pub(crate) parent_message_id: Option<String>,
    #[prost(string, optional, tag = "5")]
    pub(crate) delta: Option<String>,
    #[prost(string, optional, tag = "6")]
    pub(crate) subagent_run_id: Option<String>,
}

#[derive(Clone, PartialEq, ::prost::Message)]
pub(crate) struct ToolCallResultEvent {
    #[prost(message, optional, tag = "1")]
    pub(crate) base_event: Option<BaseEvent>,
    #[prost(string, optional, tag = "2")]
    pub(crate) subagent_run_id: Option<String>,
    #[prost(string, tag = "3")]
    pub(crate) message_id: String,
    #[prost(string, tag = "4")]
    pub(crate) tool_call_id: String,
    #[prost(string, optional, tag = "5")]
    pub(crate) content: Option<String>,
    #[prost(string, optional, tag = "6")]
    pub(crate) role: Option<String>,
    #[prost(message, repeated, tag = "7")]
    pub(crate) content_parts: Vec<InputContent>,
}

#[derive(Clone, PartialEq, ::prost::Message)]
pub(crate) struct StateSnapshotEvent {
    #[prost(message, optional, tag = "1")]
    pub(crate) base_event: Option<BaseEvent>,
    #[prost(message, optional, tag = "2")]
    pub(crate) snapshot: Option<Value>,
    #[prost(string, optional, tag = "3")]
    pub(crate) subagent_run_id: Option<String>,
}

#[derive(Clone, PartialEq, ::prost::Message)]
pub(crate) struct StateDeltaEvent {
    #[prost(message, optional, tag = "1")]
    pub(crate) base_event: Option<BaseEvent>,
    #[prost(message, repeated, tag = "2")]
    pub(crate) delta: Vec<JsonPatchOperation>,
    #[prost(string, optional, tag = "3")]
    pub(crate) subagent_run_id: Option<String>,
}

#[derive(Clone, PartialEq, ::prost::Message)]
pub(crate) struct MessagesSnapshotEvent {
    #[prost(message, optional, tag = "1")]
    pub(crate) base_event: Option<BaseEvent>,
    #[prost(message, repeated, tag = "2")]
    pub(crate) messages: Vec<Message>,
}

#[derive(Clone, PartialEq, ::prost::Message)]
pub(crate) struct ActivitySnapshotEvent {
    #[prost(message, optional, tag = "1")]
    pub(crate) base_event: Option<BaseEvent>,
    #[prost(string, optional, tag = "2")]
    pub(crate) subagent_run_id: Option<String>,
    #[prost(string, tag = "3")]
    pub(crate) message_id: String,
    #[prost(string, tag = "4")]
    pub(crate) activity_type: String,
    #[prost(message, optional, tag = "5")]
    pub(crate) content: Option<Struct>,
    #[prost(bool, optional, tag = "6")]
    pub(crate) replace: Option<bool>,
}

#[derive(Clone, PartialEq, ::prost::Message)]
pub(crate) struct ActivityDeltaEvent {
    #[prost(message, optional, tag = "1")]
    pub(crate) base_event: Option<BaseEvent>,
    #[prost(string, optional, tag = "2")]
    pub(crate) subagent_run_id: Option<String>,
    #[prost(string, tag = "3")]
    pub(crate) message_id: String,
    #[prost(string, tag = "4")]
    pub(crate) activity_type: String,
    #[prost(message, repeated, tag = "5")]
    pub(crate) patch: Vec<JsonPatchOperation>,
}

#[derive(Clone, PartialEq, ::prost::Message)]
pub(crate) struct RawEvent {
    #[prost(message, optional, tag = "1")]
    pub(crate) base_event: Option<BaseEvent>,
    #[prost(message, optional, tag = "2")]
    pub(crate) event: Option<Value>,
    #[prost(string, optional, tag = "3")]
    pub(crate) source: Option<String>,
    #[prost(string, optional, tag = "4")]
    pub(crate) subagent_run_id: Option<String>,
}

#[derive(Clone, PartialEq, ::prost::Message)]
pub(crate) struct CustomEvent {
    #[prost(message, optional, tag = "1")]
    pub(crate) base_event: Option<BaseEvent>,
    #[prost(string, tag = "2")]
    pub(crate) name: String,
    #[prost(message, optional, tag = "3")]
    pub(crate) value: Option<Value>,
    #[prost(string, optional, tag = "4")]
    pub(crate) subagent_run_id: Option<String>,
}

#[derive(Clone, PartialEq, ::prost::Message)]
pub(crate) struct RunStartedEvent {
    #[prost(message, optional, tag = "1")]
    pub(crate) base_event: Option<BaseEvent>,
    #[prost(string, tag = "2")]
    pub(crate) thread_id: String,
    #[prost(string, tag = "3")]
    pub(crate) run_id: String,
    #[prost(string, optional, tag = "4")]
    pub(crate) parent_run_id: Option<String>,
    #[prost(message, optional, tag = "5")]
    pub(crate) input: Option<RunAgentInput>,
    #[prost(string, optional, tag = "6")]
    pub(crate) protocol_version: Option<String>,
}

#[derive(Clone, PartialEq, ::prost::Message)]
pub(crate) struct RunFinishedEvent {
    #[prost(message, optional, tag = "1")]
    pub(crate) base_event: Option<BaseEvent>,
    #[prost(string, tag = "2")]
    pub(crate) thread_id: String,
    #[prost(string, tag = "3")]
    pub(crate) run_id: String,
    #[prost(message, optional, tag = "4")]
    pub(crate) result: Option<Value>,
    #[prost(string, tag = "5")]
    pub(crate) outcome: String,
    #[prost(message, repeated, tag = "6")]
    pub(crate) interrupts: Vec<Interrupt>,
    #[prost(message, repeated, tag = "7")]
    pub(crate) usage: Vec<Usage>,
    #[prost(string, repeated, tag = "8")]
    pub(crate) pending_tool_call_ids: Vec<String>,
}

#[derive(Clone, PartialEq, ::prost::Message)]
pub(crate) struct RunErrorEvent {
    #[prost(message, optional, tag = "1")]
    pub(crate) base_event: Option<BaseEvent>,
    #[prost(string, optional, tag = "2")]
    pub(crate) code: Option<String>,
    #[prost(string, tag = "3")]
    pub(crate) message: String,
    #[prost(message, repeated, tag = "4")]
    pub(crate) usage: Vec<Usage>,
}

#[derive(Clone, PartialEq, ::prost::Message)]
pub(crate) struct StepStartedEvent {
    #[prost(message, optional, tag = "1")]
    pub(crate) base_event: Option<BaseEvent>,
    #[prost(string, tag = "2")]
    pub(crate) step_name: String,
    #[prost(string, optional, tag = "3")]
    pub(crate) subagent_run_id: Option<String>,
}

#[derive(Clone, PartialEq, ::prost::Message)]
pub(crate) struct StepFinishedEvent {
    #[prost(message, optional, tag = "1")]
    pub(crate) base_event: Option<BaseEvent>,
    #[prost(string, tag = "2")]
    pub(crate) step_name: String,
    #[prost(string, optional, tag = "3")]
    pub(crate) subagent_run_id: Option<String>,
}

#[derive(Clone, PartialEq, ::prost::Message)]
pub(crate) struct ReasoningStartEvent {
    #[prost(message, optional, tag = "1")]
    pub(crate) base_event: Option<BaseEvent>,
    #[prost(string, optional, tag = "2")]
    pub(crate) subagent_run_id: Option<String>,
    #[prost(string, tag = "3")]
    pub(crate) message_id: String,
}

#[derive(Clone, PartialEq, ::prost::Message)]
pub(crate) struct ReasoningEndEvent {
    #[prost(message, optional, tag = "1")]
    pub(crate) base_event: Option<BaseEvent>,
    #[prost(string, optional, tag = "2")]
    pub(crate) subagent_run_id: Option<String>,
    #[prost(string, tag = "3")]
    pub(crate) message_id: String,
}

#[derive(Clone, PartialEq, ::prost::Message)]
pub(crate) struct ReasoningMessageEndEvent {
    #[prost(message, optional, tag = "1")]
    pub(crate) base_event: Option<BaseEvent>,
    #[prost(string, optional, tag = "2")]
    pub(crate) subagent_run_id: Option<String>,
    #[prost(string, tag = "3")]
    pub(crate) message_id: String,
}

#[derive(Clone, PartialEq, ::prost::Message)]
pub(crate) struct ReasoningMessageStartEvent {
    #[prost(message, optional, tag = "1")]
    pub(crate) base_event: Option<BaseEvent>,
    #[prost(string, optional, tag = "2")]
    pub(crate) subagent_run_id: Option<String>,
    #[prost(string, tag = "3")]
    pub(crate) message_id: String,
    #[prost(string, tag = "4")]
    pub(crate) role: String,
}

#[derive(Clone, PartialEq, ::prost::Message)]
pub(crate) struct ReasoningMessageContentEvent {
    #[prost(message, optional, tag = "1")]
    pub(crate) base_event: Option<BaseEvent>,
    #[prost(string, optional, tag = "2")]
    pub(crate) subagent_run_id: Option<String>,
    #[prost(string, tag = "3")]
    pub(crate) message_id: String,
    #[prost(string, tag = "4")]
    pub(crate) delta: String,
}

#[derive(Clone, PartialEq, ::prost::Message)]
pub(crate) struct ReasoningMessageChunkEvent {
    #[prost(message, optional, tag = "1")]
    pub(crate) base_event: Option<BaseEvent>,
    #[prost(string, optional, tag = "2")]
    pub(crate) subagent_run_id: Option<String>,
    #[prost(string, optional, tag = "3")]
    pub(crate) message_id: Option<String>,
    #[prost(string, optional, tag = "4")]
    pub(crate) delta: Option<String>,
}

#[derive(Clone, PartialEq, ::prost::Message)]
pub(crate) struct ReasoningEncryptedValueEvent {
    #[prost(message, optional, tag = "1")]
    pub(crate) base_event: Option<BaseEvent>,
    #[prost(string, optional, tag = "2")]
    pub(crate) subagent_run_id: Option<String>,
    #[prost(string, tag = "3")]
    pub(crate) subtype: String,
    #[prost(string, tag = "4")]
    pub(crate) entity_id: String,
    #[prost(string, tag = "5")]
    pub(crate) encrypted_value: String,
}

#[derive(Clone, PartialEq, ::prost::Message)]
pub(crate) struct SubagentStartedEvent {
    #[prost(message, optional, tag = "1")]
    pub(crate) base_event: Option<BaseEvent>,
    #[prost(string, tag = "2")]
    pub(crate) subagent_run_id: String,
    #[prost(string, tag = "3")]
    pub(crate) name: String,
    #[prost(string, optional, tag = "4")]
    pub(crate) description: Option<String>,
    #[prost(string, optional, tag = "5")]
    pub(crate) parent_subagent_run_id: Option<String>,
    #[prost(string, optional, tag = "6")]
    pub(crate) parent_tool_call_id: Option<String>,
    #[prost(string, optional, tag = "7")]
    pub(crate) parent_message_id: Option<String>,
}

#[derive(Clone, PartialEq, ::prost::Message)]
pub(crate) struct SubagentFinishedEvent {
    #[prost(message, optional, tag = "1")]
    pub(crate) base_event: Option<BaseEvent>,
    #[prost(string, tag = "2")]
    pub(crate) subagent_run_id: String,
    #[prost(message, optional, tag = "3")]
    pub(crate) result: Option<Value>,
    #[prost(string, tag = "4")]
    pub(crate) outcome: String,
    #[prost(string, repeated, tag = "5")]
    pub(crate) interrupt_ids: Vec<String>,
}

#[derive(Clone, PartialEq, ::prost::Message)]
pub(crate) struct SubagentErrorEvent {
    #[prost(message, optional, tag = "1")]
    pub(crate) base_event: Option<BaseEvent>,
    #[prost(string, tag = "2")]
    pub(crate) subagent_run_id: String,
    #[prost(string, tag = "3")]
    pub(crate) message: String,
    #[prost(string, optional, tag = "4")]
    pub(crate) code: Option<String>,
}
