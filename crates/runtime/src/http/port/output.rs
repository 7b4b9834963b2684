//! What the port's clients are sent: events of a run in its form, or the messages that a run made.

use crate::store::Frame;
use copilotkit_protocol::runtime_api::Timestamp;
use copilotkit_protocol::sse::write_frame;
use copilotkit_protocol::{
    Applied, Code, Event, Interrupt, Json, Message, RunAgentInput, RunFinishedOutcome, TextRole, ToolCall,
};
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::collections::{HashMap, HashSet};
use std::time::{SystemTime, UNIX_EPOCH};

/// How a run ended.
enum End {
    /// As intended, perhaps with questions.
    Finished(Vec<Interrupt>),
    /// With this message and code.
    Failed(String, String),
}

/// Makes the port's events of those of a run.
pub(super) struct Translator {
    agent_id: String,
    thread_id: String,
    run_id: String,
    /// What a page would hold: the port's events carry whole states, AG-UI's also changes of them.
    applied: Applied,
    /// Messages that were there before, or that were streamed.
    known: HashSet<String>,
    /// The names of the calls, which results do not say.
    calls: HashMap<String, String>,
    /// Messages that are not the assistant's, and so are not shown.
    hidden: HashSet<String>,
    node: Option<String>,
    has_state: bool,
    end: Option<End>,
}

/// One event.
#[derive(Serialize)]
struct Out<'a> {
    r#type: &'a str,
    timestamp: Timestamp,
    data: Map<String, Value>,
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(since.as_millis().try_into().unwrap_or(u64::MAX))
}

impl Translator {
    pub(super) fn new(agent_id: &str, input: &RunAgentInput) -> Self {
        let calls = input.messages.iter().flat_map(Message::tool_calls);
        Self {
            agent_id: agent_id.to_owned(),
            thread_id: input.thread_id.clone(),
            run_id: input.run_id.clone(),
            applied: Applied::new(input.messages.clone(), input.state.clone()),
            known: input.messages.iter().map(|message| message.id().to_owned()).collect(),
            calls: calls.map(|call| (call.id.clone(), call.function.name.clone())).collect(),
            hidden: HashSet::new(),
            node: None,
            has_state: false,
            end: None,
        }
    }

    /// Writes what the port's client is sent for an event, as server-sent events.
    pub(super) fn translate(&mut self, frame: &Frame, out: &mut Vec<u8>) {
        let Some(event) = self.take(frame) else { return };
        match &event {
            Event::RunStarted(_) => self.write(out, "session_start", json!({ "runId": self.run_id })),
            Event::TextMessageStart(event) => match event.role.unwrap_or_default() {
                TextRole::Assistant => self.write(out, "message_start", json!({ "messageId": event.message_id })),
                _ => {
                    self.hidden.insert(event.message_id.clone());
                }
            },
            Event::TextMessageContent(event) if !self.hidden.contains(&event.message_id) => {
                let data = json!({ "messageId": event.message_id, "delta": event.delta });
                self.write(out, "text_delta", data);
            }
            Event::TextMessageEnd(event) if !self.hidden.contains(&event.message_id) => {
                self.write(out, "message_end", json!({ "messageId": event.message_id }));
            }
            Event::ToolCallStart(event) => {
                let mut data = json!({ "actionExecutionId": event.tool_call_id, "actionName": event.tool_call_name });
                if let Some(parent) = &event.parent_message_id {
                    data["parentMessageId"] = parent.as_str().into();
                }
                self.write(out, "action_execution_start", data);
            }
            Event::ToolCallArgs(event) => {
                let data = json!({ "actionExecutionId": event.tool_call_id, "args": event.delta });
                self.write(out, "action_execution_args", data);
            }
            Event::ToolCallEnd(event) => {
                self.write(out, "action_execution_end", json!({ "actionExecutionId": event.tool_call_id }));
            }
            Event::ToolCallResult(event) => self.result(&event.tool_call_id, &event.content.text(), out),
            Event::StateSnapshot(_) | Event::StateDelta(_) => {
                let state = self.state(true);
                self.write(out, "agent_state", state);
            }
            // Agents that stream nothing send their messages so.
            Event::MessagesSnapshot(event) => self.unseen(&event.messages, out),
            _ => {}
        }
    }

    /// Writes the end of the session, whatever the run's was.
    pub(super) fn end(&mut self, out: &mut Vec<u8>) {
        if self.has_state {
            let state = self.state(false);
            self.write(out, "agent_state", state);
        }
        match self.end.take() {
            Some(End::Finished(interrupts)) => {
                if !interrupts.is_empty() {
                    self.write(out, "interrupt", json!({ "interrupts": interrupts }));
                }
                self.write(out, "session_end", json!({ "runId": self.run_id }));
            }
            Some(End::Failed(message, code)) => self.write(out, "error", json!({ "error": message, "code": code })),
            None => {
                let message = "The stream broke off before its end. Ask for the thread again to see the rest.";
                self.write(out, "error", json!({ "error": message, "code": Code::StreamInterrupted }));
            }
        }
    }

    /// Reads an event and keeps what later ones need.
    fn take(&mut self, frame: &Frame) -> Option<Event> {
        let event = Event::from_json(frame.for_client(false)?).ok()?;
        self.applied.apply(&event);
        match &event {
            Event::TextMessageStart(event) => {
                self.known.insert(event.message_id.clone());
            }
            Event::ToolCallStart(event) => {
                self.calls.insert(event.tool_call_id.clone(), event.tool_call_name.clone());
            }
            Event::ToolCallResult(event) => {
                self.known.insert(event.message_id.clone());
            }
            Event::StateSnapshot(_) | Event::StateDelta(_) => self.has_state = true,
            Event::StepStarted(event) => self.node = Some(event.step_name.clone()),
            Event::RunFinished(event) => {
                let interrupts = match &event.outcome {
                    Some(RunFinishedOutcome::Interrupt(outcome)) => outcome.interrupts.clone(),
                    _ => Vec::new(),
                };
                self.end = Some(End::Finished(interrupts));
            }
            Event::RunError(event) => {
                self.end = Some(End::Failed(event.message.clone(), event.code.clone().unwrap_or_default()));
            }
            _ => {}
        }
        Some(event)
    }

    fn write(&self, out: &mut Vec<u8>, kind: &str, data: Value) {
        let Value::Object(mut data) = data else { return };
        data.insert("threadId".to_owned(), self.thread_id.as_str().into());
        let event = Out { r#type: kind, timestamp: now(), data };
        write_frame(&copilotkit_protocol::to_vec(&event), out);
    }

    fn result(&self, call_id: &str, text: &str, out: &mut Vec<u8>) {
        let name = self.calls.get(call_id).map(String::as_str).unwrap_or_default();
        let message = self.applied.messages().iter().rev().find_map(|message| match message {
            Message::Tool(message) if message.tool_call_id == call_id => message.error.as_deref(),
            _ => None,
        });
        let data = json!({
            "actionExecutionId": call_id,
            "actionName": name,
            "result": text,
            "error": message,
            "success": message.is_none(),
        });
        self.write(out, "action_execution_result", data);
    }

    fn state(&self, running: bool) -> Value {
        json!({
            "agentName": self.agent_id,
            "state": self.applied.state().to_value(),
            "running": running,
            "active": running,
            "nodeName": self.node,
            "runId": self.run_id,
            "role": "assistant",
        })
    }

    /// Messages of a snapshot that were not streamed, as if they had been.
    fn unseen(&mut self, messages: &[Message], out: &mut Vec<u8>) {
        for message in messages {
            let id = message.id().to_owned();
            let is_new = self.known.insert(id.clone());
            if let Message::Assistant(message) = message {
                if let Some(text) = message.content.as_ref().filter(|text| is_new && !text.is_empty()) {
                    self.write(out, "message_start", json!({ "messageId": id }));
                    self.write(out, "text_delta", json!({ "messageId": id, "delta": text }));
                    self.write(out, "message_end", json!({ "messageId": id }));
                }
                for call in message.tool_calls.iter().flatten() {
                    let name = call.function.name.clone();
                    if self.calls.insert(call.id.clone(), name.clone()).is_none() {
                        let call_id = &call.id;
                        let start = json!({ "actionExecutionId": call_id, "actionName": name, "parentMessageId": id });
                        self.write(out, "action_execution_start", start);
                        let args = json!({ "actionExecutionId": call_id, "args": call.function.arguments });
                        self.write(out, "action_execution_args", args);
                        self.write(out, "action_execution_end", json!({ "actionExecutionId": call_id }));
                    }
                }
            } else if let Message::Tool(message) = message
                && is_new
            {
                self.result(&message.tool_call_id, &message.content.text(), out);
            }
        }
    }
}

/// A run as one answer.
pub(super) struct Answer {
    translator: Translator,
    extensions: Option<Json>,
    before: HashSet<String>,
}

impl Answer {
    pub(super) fn new(translator: Translator, extensions: Option<Json>) -> Self {
        let before = translator.known.clone();
        Self { translator, extensions, before }
    }

    pub(super) fn take(&mut self, frame: &Frame) {
        self.translator.take(frame);
    }

    /// The answer: the messages that the run made, and how it ended.
    pub(super) fn into_body(self) -> Value {
        let Self { translator, extensions, before } = self;
        let mut messages = Vec::new();
        for message in translator.applied.messages().iter().filter(|message| !before.contains(message.id())) {
            translator.shown(message, &mut messages);
        }
        if translator.has_state {
            let mut state = translator.state(false);
            state["threadId"] = translator.thread_id.as_str().into();
            messages.push(with_head(&format!("state-{}", translator.run_id), "agent_state", state));
        }
        let mut interrupts = Vec::new();
        let status = match translator.end {
            Some(End::Finished(asked)) if asked.is_empty() => json!({ "code": "success" }),
            Some(End::Finished(asked)) => {
                interrupts = asked;
                json!({ "code": "pending", "reason": "The agent waits for answers: send them as `resume`." })
            }
            Some(End::Failed(message, code)) => json!({ "code": "error", "reason": message, "details": code }),
            None => {
                let reason = "The answer broke off before its end. Ask for the thread again to see the rest.";
                json!({ "code": "error", "reason": reason, "details": Code::StreamInterrupted })
            }
        };
        let mut body = json!({
            "threadId": translator.thread_id,
            "runId": translator.run_id,
            "messages": messages,
            "timestamp": now(),
            "status": status,
        });
        if let Some(extensions) = extensions {
            body["extensions"] = extensions.to_value();
        }
        if !interrupts.is_empty() {
            body["interrupts"] = json!(interrupts);
        }
        body
    }
}

impl Translator {
    /// A message in the port's form: one of AG-UI may be several there.
    fn shown(&self, message: &Message, messages: &mut Vec<Value>) {
        match message {
            Message::Assistant(message) => {
                if let Some(text) = message.content.as_deref().filter(|text| !text.is_empty()) {
                    let body = json!({ "role": "assistant", "content": text, "parentMessageId": null });
                    messages.push(with_head(&message.id, "text", body));
                }
                for call in message.tool_calls.iter().flatten() {
                    let name = &call.function.name;
                    let body = json!({ "name": name, "arguments": arguments(call), "parentMessageId": message.id });
                    messages.push(with_head(&call.id, "action_execution", body));
                }
            }
            Message::Tool(message) => {
                let name = self.calls.get(&message.tool_call_id).map(String::as_str).unwrap_or_default();
                let body = json!({
                    "actionExecutionId": message.tool_call_id,
                    "actionName": name,
                    "result": message.content.text(),
                });
                let mut shown = with_head(&message.id, "result", body);
                if let Some(error) = &message.error {
                    shown["status"] = json!({ "code": "error", "reason": error });
                }
                messages.push(shown);
            }
            // The port has no form for what an agent thinks or shows while it works.
            _ => {}
        }
    }
}

/// The arguments as an object. What the model wrote is kept where it is none.
fn arguments(call: &ToolCall) -> Value {
    let text = call.function.arguments.trim();
    match serde_json::from_str(if text.is_empty() { "{}" } else { text }) {
        Ok(Value::Object(members)) => Value::Object(members),
        _ => json!({ "raw_args": call.function.arguments }),
    }
}

/// What every message has, and its own members.
fn with_head(id: &str, kind: &str, body: Value) -> Value {
    let mut message = json!({ "id": id, "type": kind, "createdAt": now(), "status": { "code": "success" } });
    if let (Value::Object(message), Value::Object(body)) = (&mut message, body) {
        message.extend(body);
    }
    message
}
