//! One call of the model as AG-UI events, and as the message that the next call is told.

use super::history::object_or_empty;
use crate::model::{FinishReason, ModelEvent, ModelMessage, ModelToolCall, ReasoningBlock};
use copilotkit_protocol::{
    DeltaWriter, Emitted, EncryptedValueSubtype, ReasoningEncryptedValue, ReasoningEnd, ReasoningMessageEnd,
    ReasoningMessageStart, ReasoningStart, RunAgentInput, TextMessageEnd, TextMessageStart, TextRole, ToolCallEnd,
    ToolCallStart,
};
use std::collections::HashSet;

/// The ids that a run must not give out again: the client would take a new message or call for the old one.
pub(super) struct Ids {
    messages: HashSet<String>,
    calls: HashSet<String>,
}

impl Ids {
    pub(super) fn of(input: &RunAgentInput) -> Self {
        Self {
            messages: input.messages.iter().map(|message| message.id().to_owned()).collect(),
            calls: input.messages.iter().flat_map(|message| message.tool_calls()).map(|call| call.id.clone()).collect(),
        }
    }

    /// The id of a message: the provider's if it is one, else a new one. Some providers count from 0 in every call.
    fn message(&mut self, id: Option<String>) -> String {
        claim(&mut self.messages, id.filter(|id| !matches!(id.as_str(), "0" | "txt-0" | "reasoning-0" | "msg-0")))
    }

    fn call(&mut self, id: String) -> String {
        claim(&mut self.calls, Some(id))
    }
}

fn claim(taken: &mut HashSet<String>, id: Option<String>) -> String {
    match id {
        Some(id) if !id.is_empty() && taken.insert(id.clone()) => id,
        _ => new_id(),
    }
}

pub(super) fn new_id() -> String {
    uuid::Uuid::new_v4().to_string()
}

/// A call that the model made in this turn.
#[derive(Debug)]
pub(super) struct Call {
    /// The id on the wire.
    pub(super) id: String,
    /// Writes its arguments.
    writer: DeltaWriter,
    /// The id in the model's events; the same unless that one was taken.
    model_id: String,
    pub(super) name: String,
    pub(super) arguments: String,
    encrypted_value: Option<String>,
    ended: bool,
    /// The model wrote arguments.
    written: bool,
    /// The model stopped before the arguments were complete.
    pub(super) cut: bool,
}

enum Text {
    Closed,
    /// Begun by the model, but nothing was said yet.
    Announced(Option<String>),
    Open(DeltaWriter),
}

/// One call of the model.
pub(super) struct Turn<'a> {
    ids: &'a mut Ids,
    /// The assistant message that calls belong to.
    message_id: String,
    /// The message id stands in an event already.
    used: bool,
    text: Text,
    /// The thought that was begun last.
    thought: Option<DeltaWriter>,
    reasoning_open: bool,
    content: String,
    /// The provider's signature for the message.
    signature: Option<String>,
    reasoning: Vec<ReasoningBlock>,
    calls: Vec<Call>,
}

impl<'a> Turn<'a> {
    pub(super) fn new(ids: &'a mut Ids) -> Self {
        Self {
            ids,
            message_id: new_id(),
            used: false,
            text: Text::Closed,
            thought: None,
            reasoning_open: false,
            content: String::new(),
            signature: None,
            reasoning: Vec::new(),
            calls: Vec::new(),
        }
    }

    /// Takes one event of the model and appends what it means. Finish is for [`Turn::finish`].
    pub(super) fn apply(&mut self, event: ModelEvent, out: &mut Vec<Emitted>) {
        match event {
            ModelEvent::TextDelta(delta) => self.text_delta(delta, out),
            ModelEvent::TextStart { id } => {
                self.close(out);
                self.text = Text::Announced(id);
            }
            ModelEvent::TextSignature(value) => self.text_signature(value, out),
            ModelEvent::TextEnd => self.close(out),
            ModelEvent::ReasoningStart { id } => self.reasoning_start(id, out),
            ModelEvent::ReasoningDelta(delta) => self.reasoning_delta(delta, out),
            ModelEvent::ReasoningEnd { encrypted_value } => self.reasoning_end(encrypted_value, out),
            ModelEvent::ToolCallStart { id, name } => self.call_start(id, name, out),
            ModelEvent::ToolCallDelta { id, delta } => self.call_delta(&id, delta, out),
            ModelEvent::ToolCallEnd { id, encrypted_value } => self.call_end(&id, encrypted_value, out),
            ModelEvent::Finish { .. } => {}
        }
    }

    /// Closes what is open.
    pub(super) fn finish(&mut self, reason: FinishReason, out: &mut Vec<Emitted>) {
        self.close(out);
        let short = matches!(reason, FinishReason::Length | FinishReason::ContentFilter);
        for index in 0..self.calls.len() {
            let call = &mut self.calls[index];
            // An adapter may end a call because the stream ended: only whole arguments show that the model did.
            call.cut = short && (!call.ended || !call.written || !is_json(&call.arguments));
            if !call.ended {
                call.ended = true;
                let id = call.id.clone();
                if call.arguments.is_empty() && !call.cut {
                    call.arguments.push_str("{}");
                    out.push(call.writer.write("{}"));
                }
                out.push(ToolCallEnd { tool_call_id: id, ..Default::default() }.into());
            }
        }
    }

    /// What the next call of the model is told, and the calls that wait for an answer.
    pub(super) fn into_parts(mut self) -> (ModelMessage, Vec<Call>) {
        // As the history of the next run has it.
        let signature =
            self.signature.map(|value| ReasoningBlock { text: String::new(), encrypted_value: Some(value) });
        self.reasoning.extend(signature);
        let tool_calls = self
            .calls
            .iter()
            .map(|call| ModelToolCall {
                id: call.id.clone(),
                name: call.name.clone(),
                arguments: object_or_empty(&call.arguments).to_owned(),
                encrypted_value: call.encrypted_value.clone(),
            })
            .collect();
        (ModelMessage::Assistant { content: self.content, reasoning: self.reasoning, tool_calls }, self.calls)
    }

    fn text_delta(&mut self, delta: String, out: &mut Vec<Emitted>) {
        if delta.is_empty() {
            return;
        }
        self.close_reasoning(out);
        if !matches!(self.text, Text::Open(_)) {
            self.text_start(out);
        }
        self.content.push_str(&delta);
        if let Text::Open(writer) = &self.text {
            out.push(writer.write(&delta));
        }
    }

    fn text_start(&mut self, out: &mut Vec<Emitted>) {
        let id = match std::mem::replace(&mut self.text, Text::Closed) {
            Text::Announced(id) => id,
            _ => None,
        };
        // Without an id of the provider's the first text takes the one that was kept ready for the turn.
        if id.is_some() || self.used {
            self.message_id = self.ids.message(id);
        }
        self.used = true;
        let message_id = self.message_id.clone();
        self.text = Text::Open(DeltaWriter::text(message_id.as_str()));
        let role = Some(TextRole::Assistant);
        out.push(TextMessageStart { message_id, role, ..Default::default() }.into());
    }

    fn text_signature(&mut self, value: String, out: &mut Vec<Emitted>) {
        // A page keeps it only for a message that it has.
        if self.used {
            out.push(encrypted(EncryptedValueSubtype::Message, &self.message_id, &value));
            self.signature = Some(value);
        }
    }

    fn reasoning_start(&mut self, id: Option<String>, out: &mut Vec<Emitted>) {
        self.close(out);
        let message_id = self.ids.message(id);
        self.thought = Some(DeltaWriter::reasoning(message_id.as_str()));
        self.reasoning_open = true;
        self.reasoning.push(ReasoningBlock::default());
        out.push(ReasoningStart { message_id: message_id.clone(), ..Default::default() }.into());
        out.push(ReasoningMessageStart { message_id, ..Default::default() }.into());
    }

    fn reasoning_delta(&mut self, delta: String, out: &mut Vec<Emitted>) {
        if delta.is_empty() {
            return;
        }
        if !self.reasoning_open {
            self.reasoning_start(None, out);
        }
        if let (Some(writer), Some(block)) = (&self.thought, self.reasoning.last_mut()) {
            block.text.push_str(&delta);
            out.push(writer.write(&delta));
        }
    }

    fn reasoning_end(&mut self, encrypted_value: Option<String>, out: &mut Vec<Emitted>) {
        if let Some(value) = encrypted_value {
            if self.reasoning.is_empty() {
                self.reasoning_start(None, out);
            }
            if let (Some(writer), Some(block)) = (&self.thought, self.reasoning.last_mut()) {
                out.push(encrypted(EncryptedValueSubtype::Message, writer.id(), &value));
                block.encrypted_value = Some(value);
            }
        }
        self.close_reasoning(out);
    }

    fn call_start(&mut self, model_id: String, name: String, out: &mut Vec<Emitted>) {
        self.close(out);
        let id = self.ids.call(model_id.clone());
        self.used = true;
        out.push(
            ToolCallStart {
                tool_call_id: id.clone(),
                tool_call_name: name.clone(),
                parent_message_id: Some(self.message_id.clone()),
                ..Default::default()
            }
            .into(),
        );
        self.calls.push(Call {
            writer: DeltaWriter::arguments(id.as_str()),
            id,
            model_id,
            name,
            arguments: String::new(),
            encrypted_value: None,
            ended: false,
            written: false,
            cut: false,
        });
    }

    fn call_delta(&mut self, model_id: &str, delta: String, out: &mut Vec<Emitted>) {
        if delta.is_empty() {
            return;
        }
        self.close_reasoning(out);
        match self.open_call(model_id) {
            Some(call) => {
                call.arguments.push_str(&delta);
                call.written = true;
                out.push(call.writer.write(&delta));
            }
            None => tracing::warn!(call = model_id, "arguments for a call that is not open were dropped"),
        }
    }

    fn call_end(&mut self, model_id: &str, encrypted_value: Option<String>, out: &mut Vec<Emitted>) {
        self.close_reasoning(out);
        let Some(call) = self.open_call(model_id) else { return };
        call.ended = true;
        let id = call.id.clone();
        if let Some(value) = encrypted_value {
            out.push(encrypted(EncryptedValueSubtype::ToolCall, &id, &value));
            call.encrypted_value = Some(value);
        }
        // Pages parse the arguments as they are, and none is no JSON.
        if call.arguments.is_empty() {
            call.arguments.push_str("{}");
            out.push(call.writer.write("{}"));
        }
        out.push(ToolCallEnd { tool_call_id: id, ..Default::default() }.into());
    }

    fn open_call(&mut self, model_id: &str) -> Option<&mut Call> {
        self.calls.iter_mut().rev().find(|call| call.model_id == model_id && !call.ended)
    }

    /// Closes the open text or reasoning.
    fn close(&mut self, out: &mut Vec<Emitted>) {
        self.close_reasoning(out);
        if let Text::Open(_) = std::mem::replace(&mut self.text, Text::Closed) {
            out.push(TextMessageEnd { message_id: self.message_id.clone(), ..Default::default() }.into());
        }
    }

    fn close_reasoning(&mut self, out: &mut Vec<Emitted>) {
        let thought = self.thought.as_ref().filter(|_| std::mem::take(&mut self.reasoning_open));
        if let Some(message_id) = thought.map(|writer| writer.id().to_owned()) {
            out.push(ReasoningMessageEnd { message_id: message_id.clone(), ..Default::default() }.into());
            out.push(ReasoningEnd { message_id, ..Default::default() }.into());
        }
    }
}

fn is_json(text: &str) -> bool {
    serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
}

fn encrypted(subtype: EncryptedValueSubtype, entity_id: &str, value: &str) -> Emitted {
    ReasoningEncryptedValue {
        subtype,
        entity_id: entity_id.to_owned(),
        encrypted_value: value.to_owned(),
        ..Default::default()
    }
    .into()
}
