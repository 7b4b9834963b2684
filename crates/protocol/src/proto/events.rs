//! The 31 events as the arms of the envelope.

use super::ProtoError;
use super::convert::Proto;
use super::input;
use super::messages;
use super::wire as w;
use crate::event::*;
use crate::wire::{Extra, Json, Object, Timestamp};

macro_rules! arms {
    ($($ours:ident $theirs:ident { $($field:ident $key:literal),* })*) => {
        $(
            impl Proto<w::$theirs> for $ours {
                fn to_field(&self) -> w::$theirs {
                    let base = base(w::EventType::$ours, self.timestamp, &self.raw_event, &self.metadata);
                    w::$theirs { base_event: Some(base), $($field: self.$field.to_field(),)* }
                }
                fn from_field(field: w::$theirs) -> Result<Self, ProtoError> {
                    let (timestamp, raw_event, metadata) = read_base(w::EventType::$ours, field.base_event)?;
                    $(let $field = Proto::from_field(field.$field).map_err(|error: ProtoError| error.at($key))?;)*
                    Ok(Self { $($field,)* timestamp, raw_event, metadata, extra: Extra::default() })
                }
            }
        )*
    };
}
arms! {
    RunStarted RunStartedEvent {
        thread_id "threadId", run_id "runId", parent_run_id "parentRunId", input "input",
        protocol_version "protocolVersion"
    }
    RunError RunErrorEvent { code "code", message "message", usage "usage" }
    StepStarted StepStartedEvent { step_name "stepName", subagent_run_id "subagentRunId" }
    StepFinished StepFinishedEvent { step_name "stepName", subagent_run_id "subagentRunId" }
    TextMessageStart TextMessageStartEvent {
        message_id "messageId", role "role", name "name", subagent_run_id "subagentRunId"
    }
    TextMessageContent TextMessageContentEvent {
        message_id "messageId", delta "delta", subagent_run_id "subagentRunId"
    }
    TextMessageEnd TextMessageEndEvent { message_id "messageId", subagent_run_id "subagentRunId" }
    TextMessageChunk TextMessageChunkEvent {
        message_id "messageId", role "role", delta "delta", name "name", subagent_run_id "subagentRunId"
    }
    ToolCallStart ToolCallStartEvent {
        tool_call_id "toolCallId", tool_call_name "toolCallName", parent_message_id "parentMessageId",
        subagent_run_id "subagentRunId"
    }
    ToolCallArgs ToolCallArgsEvent { tool_call_id "toolCallId", delta "delta", subagent_run_id "subagentRunId" }
    ToolCallEnd ToolCallEndEvent { tool_call_id "toolCallId", subagent_run_id "subagentRunId" }
    ToolCallChunk ToolCallChunkEvent {
        tool_call_id "toolCallId", tool_call_name "toolCallName", parent_message_id "parentMessageId", delta "delta",
        subagent_run_id "subagentRunId"
    }
    StateSnapshot StateSnapshotEvent { snapshot "snapshot", subagent_run_id "subagentRunId" }
    StateDelta StateDeltaEvent { delta "delta", subagent_run_id "subagentRunId" }
    MessagesSnapshot MessagesSnapshotEvent { messages "messages" }
    ActivitySnapshot ActivitySnapshotEvent {
        subagent_run_id "subagentRunId", message_id "messageId", activity_type "activityType", content "content",
        replace "replace"
    }
    ActivityDelta ActivityDeltaEvent {
        subagent_run_id "subagentRunId", message_id "messageId", activity_type "activityType", patch "patch"
    }
    Raw RawEvent { event "event", source "source", subagent_run_id "subagentRunId" }
    Custom CustomEvent { name "name", value "value", subagent_run_id "subagentRunId" }
    ReasoningStart ReasoningStartEvent { subagent_run_id "subagentRunId", message_id "messageId" }
    ReasoningMessageStart ReasoningMessageStartEvent {
        subagent_run_id "subagentRunId", message_id "messageId", role "role"
    }
    ReasoningMessageContent ReasoningMessageContentEvent {
        subagent_run_id "subagentRunId", message_id "messageId", delta "delta"
    }
    ReasoningMessageEnd ReasoningMessageEndEvent { subagent_run_id "subagentRunId", message_id "messageId" }
    ReasoningMessageChunk ReasoningMessageChunkEvent {
        subagent_run_id "subagentRunId", message_id "messageId", delta "delta"
    }
    ReasoningEnd ReasoningEndEvent { subagent_run_id "subagentRunId", message_id "messageId" }
    ReasoningEncryptedValue ReasoningEncryptedValueEvent {
        subagent_run_id "subagentRunId", subtype "subtype", entity_id "entityId", encrypted_value "encryptedValue"
    }
    SubagentStarted SubagentStartedEvent {
        subagent_run_id "subagentRunId", name "name", description "description",
        parent_subagent_run_id "parentSubagentRunId", parent_tool_call_id "parentToolCallId",
        parent_message_id "parentMessageId"
    }
    SubagentError SubagentErrorEvent { subagent_run_id "subagentRunId", message "message", code "code" }
}

impl Proto<w::RunFinishedEvent> for RunFinished {
    fn to_field(&self) -> w::RunFinishedEvent {
        let outcome = input::outcome(self.outcome.as_ref());
        w::RunFinishedEvent {
            base_event: Some(base(w::EventType::RunFinished, self.timestamp, &self.raw_event, &self.metadata)),
            thread_id: self.thread_id.clone(),
            run_id: self.run_id.clone(),
            result: self.result.to_field(),
            outcome: outcome.name,
            interrupts: outcome.interrupts,
            usage: self.usage.to_field(),
            pending_tool_call_ids: outcome.pending_tool_call_ids,
        }
    }
    fn from_field(field: w::RunFinishedEvent) -> Result<Self, ProtoError> {
        let (timestamp, raw_event, metadata) = read_base(w::EventType::RunFinished, field.base_event)?;
        Ok(Self {
            thread_id: field.thread_id,
            run_id: field.run_id,
            result: Proto::from_field(field.result).map_err(|error: ProtoError| error.at("result"))?,
            outcome: input::read_outcome(input::Outcome {
                name: field.outcome,
                interrupts: field.interrupts,
                pending_tool_call_ids: field.pending_tool_call_ids,
            })?,
            usage: Proto::from_field(field.usage).map_err(|error: ProtoError| error.at("usage"))?,
            timestamp,
            raw_event,
            metadata,
            extra: Extra::default(),
        })
    }
}

impl Proto<w::SubagentFinishedEvent> for SubagentFinished {
    fn to_field(&self) -> w::SubagentFinishedEvent {
        let (outcome, interrupt_ids) = input::subagent_outcome(self.outcome.as_ref());
        w::SubagentFinishedEvent {
            base_event: Some(base(w::EventType::SubagentFinished, self.timestamp, &self.raw_event, &self.metadata)),
            subagent_run_id: self.subagent_run_id.clone(),
            result: self.result.to_field(),
            outcome,
            interrupt_ids,
        }
    }
    fn from_field(field: w::SubagentFinishedEvent) -> Result<Self, ProtoError> {
        let (timestamp, raw_event, metadata) = read_base(w::EventType::SubagentFinished, field.base_event)?;
        Ok(Self {
            subagent_run_id: field.subagent_run_id,
            result: Proto::from_field(field.result).map_err(|error: ProtoError| error.at("result"))?,
            outcome: input::read_subagent_outcome(&field.outcome, field.interrupt_ids)?,
            timestamp,
            raw_event,
            metadata,
            extra: Extra::default(),
        })
    }
}

impl Proto<w::ToolCallResultEvent> for ToolCallResult {
    fn to_field(&self) -> w::ToolCallResultEvent {
        let (content, content_parts) = messages::content(&self.content);
        w::ToolCallResultEvent {
            base_event: Some(base(w::EventType::ToolCallResult, self.timestamp, &self.raw_event, &self.metadata)),
            subagent_run_id: self.subagent_run_id.clone(),
            message_id: self.message_id.clone(),
            tool_call_id: self.tool_call_id.clone(),
            content,
            role: self.role.to_field(),
            content_parts,
        }
    }
    fn from_field(field: w::ToolCallResultEvent) -> Result<Self, ProtoError> {
        let (timestamp, raw_event, metadata) = read_base(w::EventType::ToolCallResult, field.base_event)?;
        Ok(Self {
            message_id: field.message_id,
            tool_call_id: field.tool_call_id,
            content: messages::read_content(field.content, field.content_parts)?,
            role: Proto::from_field(field.role).map_err(|error: ProtoError| error.at("role"))?,
            subagent_run_id: field.subagent_run_id,
            timestamp,
            raw_event,
            metadata,
            extra: Extra::default(),
        })
    }
}

fn base(
    kind: w::EventType,
    timestamp: Option<Timestamp>,
    raw_event: &Option<Json>,
    metadata: &Option<Object>,
) -> w::BaseEvent {
    w::BaseEvent {
        r#type: kind as i32,
        timestamp: timestamp.to_field(),
        raw_event: raw_event.to_field(),
        metadata: metadata.to_field(),
    }
}

type Base = (Option<Timestamp>, Option<Json>, Option<Object>);

/// The arm and the base event name the same type, or the event is none.
fn read_base(arm: w::EventType, base: Option<w::BaseEvent>) -> Result<Base, ProtoError> {
    let base = base.ok_or_else(|| ProtoError::invalid("the base event is missing"))?;
    if base.r#type != arm as i32 {
        let declared = w::EventType::try_from(base.r#type).map_or("undefined", |kind| kind_of(kind).as_str());
        let carried = kind_of(arm).as_str();
        let message = format!("envelope carries {carried} but the base event declares {declared}");
        return Err(ProtoError::invalid(message));
    }
    Ok((
        Proto::from_field(base.timestamp).map_err(|error: ProtoError| error.at("timestamp"))?,
        Proto::from_field(base.raw_event).map_err(|error: ProtoError| error.at("rawEvent"))?,
        Proto::from_field(base.metadata).map_err(|error: ProtoError| error.at("metadata"))?,
    ))
}

macro_rules! envelope {
    ($($name:ident)*) => {
        fn kind_of(kind: w::EventType) -> EventKind {
            match kind { $(w::EventType::$name => EventKind::$name,)* }
        }

        pub(super) fn to(event: &Event) -> w::Event {
            let event = match event {
                $(Event::$name(event) => Some(w::Arm::$name(event.to_field())),)*
                Event::Unknown(_) => None,
            };
            w::Event { event }
        }

        pub(super) fn from(event: w::Event) -> Result<Event, ProtoError> {
            match event.event {
                $(Some(w::Arm::$name(event)) => Proto::from_field(event).map(Event::$name),)*
                None => Err(ProtoError::invalid("the envelope is empty")),
            }
        }
    };
}
envelope! {
    RunStarted RunFinished RunError StepStarted StepFinished TextMessageStart TextMessageContent TextMessageEnd
    TextMessageChunk ToolCallStart ToolCallArgs ToolCallEnd ToolCallChunk ToolCallResult StateSnapshot StateDelta
    MessagesSnapshot ActivitySnapshot ActivityDelta Raw Custom ReasoningStart ReasoningMessageStart
    ReasoningMessageContent ReasoningMessageEnd ReasoningMessageChunk ReasoningEnd ReasoningEncryptedValue
    SubagentStarted SubagentFinished SubagentError
}
