//! The chat of the Python port, which shares the single endpoint's path: told from an envelope by its `messages`.

use serde_json::{Value, json};

/// What it is for, in the words of the single endpoint's description.
pub(super) const DESCRIPTION: &str = "A body with `messages` and without `method` is a chat in the CopilotKit Python runtime's own form of \
     request, for its clients: it runs an agent and streams that runtime's events, or answers with one object to those \
     who accept only application/json.";

/// The types of the port's events, with the members of their `data` beside `threadId`.
const EVENTS: &[(&str, &[&str])] = &[
    ("session_start", &["runId"]),
    ("session_end", &["runId"]),
    ("message_start", &["messageId"]),
    ("text_delta", &["messageId", "delta"]),
    ("message_end", &["messageId"]),
    ("action_execution_start", &["actionExecutionId", "actionName"]),
    ("action_execution_args", &["actionExecutionId", "args"]),
    ("action_execution_end", &["actionExecutionId"]),
    ("action_execution_result", &["actionExecutionId", "actionName", "result", "success"]),
    ("agent_state", &["agentName", "state", "running", "active"]),
    ("interrupt", &["interrupts"]),
    ("error", &["error", "code"]),
];

fn object(required: &[&str]) -> Value {
    let members: serde_json::Map<_, _> = required.iter().map(|name| ((*name).to_owned(), json!({}))).collect();
    json!({ "type": "object", "required": required, "properties": members })
}

/// The types of messages, with their members.
fn message() -> Value {
    let kinds = [
        ("text", &["role", "content"][..]),
        ("action_execution", &["name"]),
        ("result", &["actionExecutionId"]),
        ("agent_state", &["agentName"]),
        ("image", &["format", "bytes"]),
    ];
    let kinds = kinds.into_iter().map(|(kind, required)| {
        let mut schema = object(&[&["type"], required].concat());
        schema["title"] = kind.into();
        schema["properties"]["type"] = json!({ "const": kind });
        schema
    });
    json!({ "oneOf": kinds.collect::<Vec<_>>() })
}

/// The body of a chat.
pub(super) fn request() -> Value {
    let text = || json!({ "type": "string" });
    json!({
        "title": "Chat of the Python runtime",
        "type": "object",
        "required": ["messages"],
        "not": { "required": ["method"] },
        "properties": {
            "messages": { "type": "array", "items": message() },
            "actions": { "type": "array", "items": object(&["name"]) },
            "threadId": text(),
            "runId": text(),
            "agentSession": object(&["agentName"]),
            "context": { "type": ["object", "string"] },
            "forwardedParameters": { "type": "object" },
            "model": text(),
            "extensions": {},
            "resume": { "type": "array", "items": object(&["interruptId", "status"]) },
        },
    })
}

/// One event of the stream. Its last line is `data: [DONE]`.
pub(super) fn event() -> Value {
    let events = EVENTS.iter().map(|(kind, data)| {
        let mut schema = object(&["type", "timestamp", "data"]);
        schema["properties"] = json!({
            "type": { "const": kind },
            "timestamp": { "type": "string", "format": "date-time" },
            "data": object(&[&["threadId"], *data].concat()),
        });
        schema
    });
    json!({ "title": "Event of the Python runtime", "oneOf": events.collect::<Vec<_>>() })
}

/// The one answer to a chat.
pub(super) fn answer() -> Value {
    let text = || json!({ "type": "string" });
    json!({
        "title": "Answer of the Python runtime",
        "type": "object",
        "required": ["threadId", "runId", "messages", "timestamp", "status"],
        "properties": {
            "threadId": text(),
            "runId": text(),
            "messages": { "type": "array", "items": message() },
            "timestamp": { "type": "string", "format": "date-time" },
            "status": {
                "type": "object",
                "required": ["code"],
                "properties": { "code": { "enum": ["success", "error", "pending"] }, "reason": text(), "details": text() },
            },
            "extensions": {},
            "interrupts": { "type": "array" },
        },
    })
}
