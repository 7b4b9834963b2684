//! One struct for each event. Every one carries the members of `BaseEvent`; those that can belong to a subagent carry
//! `subagentRunId` too.

use crate::input::{RunAgentInput, RunFinishedOutcome, SubagentFinishedOutcome, TokenUsage};
use crate::message::{Content, Message};
use crate::wire::{Json, JsonPatch, Object, Shape, Timestamp, Wire, wire_struct};
use serde::de::{Deserializer, Error as _};
use serde::{Deserialize, Serialize, Serializer};

macro_rules! event {
    ($(#[doc = $doc:literal])* $name:ident = $tag:literal attributable { $($members:tt)* }) => {
        event! { $(#[doc = $doc])* $name = $tag {
            $($members)*
            /// The subagent that this event belongs to; absent for the parent agent.
            subagent_run_id: String = "subagentRunId" opt,
        } }
    };
    ($(#[doc = $doc:literal])* $name:ident = $tag:literal { $($members:tt)* }) => {
        wire_struct! {
            $(#[doc = $doc])*
            pub struct $name("type" = $tag) as (concat!(stringify!($name), "Event")) {
                $($members)*
                /// When it happened; milliseconds since the Unix epoch by habit. Never an order.
                timestamp: Timestamp = "timestamp" opt,
                /// What the agent's framework emitted. Never a base for behaviour.
                raw_event: Json = "rawEvent" opt,
                /// Data of the application; the key `ag-ui` is reserved.
                metadata: Object = "metadata" opt,
            }
        }
    };
}

/// Who speaks in a streamed text message. Absent is the assistant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum TextRole {
    /// The application's developer.
    Developer,
    /// The system.
    System,
    /// The agent.
    #[default]
    Assistant,
    /// The person.
    User,
}

impl TextRole {
    /// As it stands on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Developer => "developer",
            Self::System => "system",
            Self::Assistant => "assistant",
            Self::User => "user",
        }
    }
}

/// The role of a reasoning message: always `reasoning`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReasoningRole;

/// The role of a tool's result: always `tool`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ToolRole;

/// What an encrypted value belongs to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum EncryptedValueSubtype {
    /// A tool call.
    ToolCall,
    /// A message.
    #[default]
    Message,
}

macro_rules! text_enum {
    ($name:ident $(as $title:literal)? { $($value:literal => $variant:expr),* $(,)? }) => {
        #[cfg(feature = "schemars")]
        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                $crate::wire::macros::schema_name!($name $(, $title)?).into()
            }
            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                $crate::wire::schema::words(&[$($value),*])
            }
            fn inline_schema() -> bool {
                [$($value),*].len() == 1
            }
        }
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(match *self { $(value if value == $variant => $value,)* _ => "" })
            }
        }
        impl Wire for $name {
            const SHAPE: &'static Shape = &Shape::OneOf(&[$($value),*]);
            fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                match String::deserialize(deserializer)?.as_str() {
                    $($value => Ok($variant),)*
                    other => {
                        let known = [$(concat!("`", $value, "`")),*].join(", ");
                        Err(D::Error::custom(format!("unknown value `{other}`, expected one of {known}")))
                    }
                }
            }
        }
    };
}
text_enum!(TextRole as "TextMessageRole" {
    "developer" => TextRole::Developer,
    "system" => TextRole::System,
    "assistant" => TextRole::Assistant,
    "user" => TextRole::User,
});
text_enum!(ReasoningRole { "reasoning" => ReasoningRole });
text_enum!(ToolRole { "tool" => ToolRole });
text_enum!(EncryptedValueSubtype as "ReasoningEncryptedValueSubtype" {
    "tool-call" => EncryptedValueSubtype::ToolCall,
    "message" => EncryptedValueSubtype::Message,
});

event! {
    /// A run begins.
    RunStarted = "RUN_STARTED" {
        /// The thread.
        thread_id: String = "threadId" req,
        /// The run.
        run_id: String = "runId" req,
        /// The AG-UI version of the producer (1.0).
        protocol_version: String = "protocolVersion" opt,
        /// The run that this one continues.
        parent_run_id: String = "parentRunId" opt,
        /// What the run was started with.
        input: Box<RunAgentInput> = "input" opt,
    }
}
event! {
    /// A run ended as intended: done, waiting for answers, or stopped on purpose.
    RunFinished = "RUN_FINISHED" {
        /// The thread.
        thread_id: String = "threadId" req,
        /// The run.
        run_id: String = "runId" req,
        /// What the run returned.
        result: Json = "result" opt,
        /// How it ended; absent is success.
        outcome: RunFinishedOutcome = "outcome" opt,
        /// Tokens used, one entry for each model.
        usage: Vec<TokenUsage> = "usage" opt,
    }
}
event! {
    /// A run failed.
    RunError = "RUN_ERROR" {
        /// Why, for a person.
        message: String = "message" req,
        /// Why, for a program; an open set.
        code: String = "code" opt,
        /// Tokens used, one entry for each model.
        usage: Vec<TokenUsage> = "usage" opt,
    }
}
event! {
    /// A step begins.
    StepStarted = "STEP_STARTED" attributable {
        /// Its name.
        step_name: String = "stepName" req,
    }
}
event! {
    /// A step ended.
    StepFinished = "STEP_FINISHED" attributable {
        /// Its name.
        step_name: String = "stepName" req,
    }
}
event! {
    /// A text message begins.
    TextMessageStart = "TEXT_MESSAGE_START" attributable {
        /// Unique in the thread.
        message_id: String = "messageId" req,
        /// Who speaks.
        role: TextRole = "role" opt ("default" = "assistant"),
        /// Name of the speaker.
        name: String = "name" opt,
    }
}
event! {
    /// More of a text message.
    TextMessageContent = "TEXT_MESSAGE_CONTENT" attributable {
        /// The message.
        message_id: String = "messageId" req,
        /// The text to append.
        delta: String = "delta" req,
    }
}
event! {
    /// A text message is complete.
    TextMessageEnd = "TEXT_MESSAGE_END" attributable {
        /// The message.
        message_id: String = "messageId" req,
    }
}
event! {
    /// Start, content and end of a text message in one form; expanded before it is verified.
    TextMessageChunk = "TEXT_MESSAGE_CHUNK" attributable {
        /// The message; required on the first chunk.
        message_id: String = "messageId" opt,
        /// Who speaks.
        role: TextRole = "role" opt,
        /// The text to append.
        delta: String = "delta" opt,
        /// Name of the speaker.
        name: String = "name" opt,
    }
}
event! {
    /// A tool call begins.
    ToolCallStart = "TOOL_CALL_START" attributable {
        /// Unique in the thread.
        tool_call_id: String = "toolCallId" req,
        /// The tool.
        tool_call_name: String = "toolCallName" req,
        /// The message that the call belongs to.
        parent_message_id: String = "parentMessageId" opt,
    }
}
event! {
    /// More of a tool call's arguments.
    ToolCallArgs = "TOOL_CALL_ARGS" attributable {
        /// The call.
        tool_call_id: String = "toolCallId" req,
        /// The text to append.
        delta: String = "delta" req,
    }
}
event! {
    /// A tool call's arguments are complete.
    ToolCallEnd = "TOOL_CALL_END" attributable {
        /// The call.
        tool_call_id: String = "toolCallId" req,
    }
}
event! {
    /// Start, arguments and end of a tool call in one form; expanded before it is verified.
    ToolCallChunk = "TOOL_CALL_CHUNK" attributable {
        /// The call; required on the first chunk.
        tool_call_id: String = "toolCallId" opt,
        /// The tool; required on the first chunk.
        tool_call_name: String = "toolCallName" opt,
        /// The message that the call belongs to.
        parent_message_id: String = "parentMessageId" opt,
        /// The text to append.
        delta: String = "delta" opt,
    }
}
event! {
    /// What a tool answered.
    ToolCallResult = "TOOL_CALL_RESULT" attributable {
        /// The tool message that this makes.
        message_id: String = "messageId" req,
        /// The call.
        tool_call_id: String = "toolCallId" req,
        /// Text, or parts (1.0).
        content: Content = "content" req,
        /// Always `tool`.
        role: ToolRole = "role" opt,
    }
}
event! {
    /// The whole shared state.
    StateSnapshot = "STATE_SNAPSHOT" attributable {
        /// Any JSON, `null` included.
        snapshot: Json = "snapshot" req,
    }
}
event! {
    /// A change of the shared state.
    StateDelta = "STATE_DELTA" attributable {
        /// The operations.
        delta: JsonPatch = "delta" req,
    }
}
event! {
    /// The whole conversation.
    MessagesSnapshot = "MESSAGES_SNAPSHOT" {
        /// Every message; ids equal those that were streamed.
        messages: Vec<Message> = "messages" req,
    }
}
event! {
    /// The whole of an activity.
    ActivitySnapshot = "ACTIVITY_SNAPSHOT" attributable {
        /// The activity message.
        message_id: String = "messageId" req,
        /// What kind of activity; an open set.
        activity_type: String = "activityType" req,
        /// Its content.
        content: Object = "content" req,
        /// False keeps an existing one; absent is true.
        replace: bool = "replace" opt ("default" = true),
    }
}
event! {
    /// A change of an activity.
    ActivityDelta = "ACTIVITY_DELTA" attributable {
        /// The activity message.
        message_id: String = "messageId" req,
        /// What kind of activity.
        activity_type: String = "activityType" req,
        /// The operations on its content.
        patch: JsonPatch = "patch" req,
    }
}
event! {
    /// An event of the agent's framework, passed on.
    Raw = "RAW" attributable {
        /// Any JSON, `null` included.
        event: Json = "event" req,
        /// Where it comes from.
        source: String = "source" opt,
    }
}
event! {
    /// An event of the application.
    Custom = "CUSTOM" attributable {
        /// Its name.
        name: String = "name" req,
        /// Any JSON, `null` included.
        value: Json = "value" req,
    }
}
event! {
    /// A span of reasoning begins.
    ReasoningStart = "REASONING_START" attributable {
        /// Names the span, not a message.
        message_id: String = "messageId" req,
    }
}
event! {
    /// A reasoning message begins.
    ReasoningMessageStart = "REASONING_MESSAGE_START" attributable {
        /// Unique in the thread.
        message_id: String = "messageId" req,
        /// Always `reasoning`.
        role: ReasoningRole = "role" req,
    }
}
event! {
    /// More of a reasoning message.
    ReasoningMessageContent = "REASONING_MESSAGE_CONTENT" attributable {
        /// The message.
        message_id: String = "messageId" req,
        /// The text to append.
        delta: String = "delta" req,
    }
}
event! {
    /// A reasoning message is complete.
    ReasoningMessageEnd = "REASONING_MESSAGE_END" attributable {
        /// The message.
        message_id: String = "messageId" req,
    }
}
event! {
    /// Start, content and end of a reasoning message in one form; expanded before it is verified.
    ReasoningMessageChunk = "REASONING_MESSAGE_CHUNK" attributable {
        /// The message; required on the first chunk.
        message_id: String = "messageId" opt,
        /// The text to append.
        delta: String = "delta" opt,
    }
}
event! {
    /// A span of reasoning ended.
    ReasoningEnd = "REASONING_END" attributable {
        /// The span.
        message_id: String = "messageId" req,
    }
}
event! {
    /// A value of the provider that belongs to a message or tool call and comes back with the history.
    ReasoningEncryptedValue = "REASONING_ENCRYPTED_VALUE" attributable {
        /// What it belongs to.
        subtype: EncryptedValueSubtype = "subtype" req,
        /// Id of the message or tool call.
        entity_id: String = "entityId" req,
        /// The value.
        encrypted_value: String = "encryptedValue" req,
    }
}
event! {
    /// A subagent begins.
    SubagentStarted = "SUBAGENT_STARTED" {
        /// One for each invocation within a run.
        subagent_run_id: String = "subagentRunId" req,
        /// The subagent's name.
        name: String = "name" req,
        /// What it does.
        description: String = "description" opt,
        /// The subagent that started it.
        parent_subagent_run_id: String = "parentSubagentRunId" opt,
        /// The tool call that started it.
        parent_tool_call_id: String = "parentToolCallId" opt,
        /// The message that it belongs to.
        parent_message_id: String = "parentMessageId" opt,
    }
}
event! {
    /// A subagent ended as intended.
    SubagentFinished = "SUBAGENT_FINISHED" {
        /// The invocation.
        subagent_run_id: String = "subagentRunId" req,
        /// What it returned.
        result: Json = "result" opt,
        /// How it ended; absent is success.
        outcome: SubagentFinishedOutcome = "outcome" opt,
    }
}
event! {
    /// A subagent failed.
    SubagentError = "SUBAGENT_ERROR" {
        /// The invocation.
        subagent_run_id: String = "subagentRunId" req,
        /// Why, for a person.
        message: String = "message" req,
        /// Why, for a program; an open set.
        code: String = "code" opt,
    }
}
