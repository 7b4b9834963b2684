//! Whole things as events: a message, a tool call, a state, a span of reasoning in one line each.
//!
//! ```
//! use copilotkit_protocol::{EventKind, build};
//! use serde_json::json;
//!
//! let mut events = Vec::new();
//! events.extend(build::reasoning("r1", "The user wants the weather."));
//! events.extend(build::tool_call("c1", "weather", &json!({"city": "Oslo"})));
//! events.push(build::tool_result("m1", "c1", "4 degrees"));
//! events.extend(build::message("m2", "It is 4 degrees in Oslo."));
//! events.push(build::state(&json!({"city": "Oslo"})));
//! assert_eq!(events.len(), 5 + 3 + 1 + 3 + 1);
//! assert_eq!(events[5].kind(), EventKind::ToolCallStart);
//! ```
//!
//! Nothing here checks an order: [`crate::EventWriter`] does.

use crate::event::*;
use crate::message::Content;
use crate::wire::{Json, JsonPatch};
use serde::Serialize;

/// A text message of the assistant: start, content, end.
pub fn message(message_id: impl Into<String>, text: impl Into<String>) -> [Event; 3] {
    let message_id = message_id.into();
    [
        TextMessageStart { message_id: message_id.clone(), role: Some(TextRole::Assistant), ..Default::default() }
            .into(),
        TextMessageContent { message_id: message_id.clone(), delta: text.into(), ..Default::default() }.into(),
        TextMessageEnd { message_id, ..Default::default() }.into(),
    ]
}

/// A tool call: start, arguments, end. The arguments are written as JSON.
pub fn tool_call<T: Serialize + ?Sized>(
    tool_call_id: impl Into<String>,
    tool_call_name: impl Into<String>,
    arguments: &T,
) -> [Event; 3] {
    let tool_call_id = tool_call_id.into();
    let tool_call_name = tool_call_name.into();
    let delta = Json::of(arguments).get().to_owned();
    [
        ToolCallStart { tool_call_id: tool_call_id.clone(), tool_call_name, ..Default::default() }.into(),
        ToolCallArgs { tool_call_id: tool_call_id.clone(), delta, ..Default::default() }.into(),
        ToolCallEnd { tool_call_id, ..Default::default() }.into(),
    ]
}

/// What a tool answered, as the message `message_id`.
pub fn tool_result(
    message_id: impl Into<String>,
    tool_call_id: impl Into<String>,
    content: impl Into<Content>,
) -> Event {
    ToolCallResult {
        message_id: message_id.into(),
        tool_call_id: tool_call_id.into(),
        content: content.into(),
        role: Some(ToolRole),
        ..Default::default()
    }
    .into()
}

/// A span of reasoning with one message. Both have this id; their ids are apart from each other.
pub fn reasoning(id: impl Into<String>, text: impl Into<String>) -> [Event; 5] {
    let message_id = id.into();
    let id = || message_id.clone();
    [
        ReasoningStart { message_id: id(), ..Default::default() }.into(),
        ReasoningMessageStart { message_id: id(), ..Default::default() }.into(),
        ReasoningMessageContent { message_id: id(), delta: text.into(), ..Default::default() }.into(),
        ReasoningMessageEnd { message_id: id(), ..Default::default() }.into(),
        ReasoningEnd { message_id: id(), ..Default::default() }.into(),
    ]
}

/// The whole shared state.
pub fn state<T: Serialize + ?Sized>(state: &T) -> Event {
    StateSnapshot { snapshot: Json::of(state), ..Default::default() }.into()
}

/// A change of the shared state.
pub fn state_delta(delta: JsonPatch) -> Event {
    StateDelta { delta, ..Default::default() }.into()
}

/// An event of the application.
pub fn custom<T: Serialize + ?Sized>(name: impl Into<String>, value: &T) -> Event {
    Custom { name: name.into(), value: Json::of(value), ..Default::default() }.into()
}
