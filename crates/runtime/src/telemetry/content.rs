//! What was said, in the form that the conventions have for it. Only for spans of servers that were asked to keep it.

use super::redact::blot;
use crate::limits;
use crate::model::{ModelEvent, ModelMessage, ModelRequest, ToolSpec};
use copilotkit_protocol::{Content, ContentPart, Json};
use serde_json::{Value, json};

/// The most bytes of one text: the rest of the room is for the others.
const TEXT_MAX: usize = limits::TRACE_CONTENT / 4;

/// A text without secrets, cut where it is long.
pub(super) fn text(text: &str) -> String {
    let text = blot(text);
    match text.len() > TEXT_MAX {
        false => text.into_owned(),
        true => {
            let end = (0..=TEXT_MAX).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
            format!("{}…", &text[..end])
        }
    }
}

/// The conversation without its instructions: the last messages that fit.
pub(super) fn messages(messages: &[ModelMessage]) -> String {
    let said = messages.iter().filter(|message| !matches!(message, ModelMessage::System { .. }));
    let (mut fitting, mut size, mut left_out) = (Vec::new(), 0, 0);
    for message in said.rev() {
        let value = message_value(message);
        size += value.to_string().len();
        match size <= limits::TRACE_CONTENT && left_out == 0 {
            true => fitting.push(value),
            false => left_out += 1,
        }
    }
    if left_out > 0 {
        let content = format!("{left_out} earlier messages are left out");
        fitting.push(json!({ "role": "system", "parts": [{ "type": "text", "content": content }] }));
    }
    fitting.reverse();
    Value::Array(fitting).to_string()
}

/// The instructions, if there are any.
pub(super) fn instructions(messages: &[ModelMessage]) -> Option<String> {
    let parts = messages.iter().filter_map(|message| match message {
        ModelMessage::System { content } => Some(json!({ "type": "text", "content": text(content) })),
        _ => None,
    });
    let parts: Vec<Value> = parts.collect();
    (!parts.is_empty()).then(|| Value::Array(parts).to_string())
}

/// The tools, without their schemas where those are large.
pub(super) fn tools(tools: &[ToolSpec]) -> String {
    let tool = |tool: &ToolSpec| {
        let mut value = json!({ "type": "function", "name": tool.name, "description": text(&tool.description) });
        if let Some(parameters) = tool.parameters.as_ref().filter(|schema| schema.get().len() <= TEXT_MAX / 4) {
            value["parameters"] = parameters.to_value();
        }
        value
    };
    let mut size = 0;
    let fits = |value: &Value| {
        size += value.to_string().len();
        size <= limits::TRACE_CONTENT
    };
    Value::Array(tools.iter().map(tool).take_while(fits).collect()).to_string()
}

/// What the model answered.
pub(super) fn answer(message: &ModelMessage, finish_reason: &str) -> String {
    let mut value = message_value(message);
    value["finish_reason"] = finish_reason.into();
    json!([value]).to_string()
}

fn message_value(message: &ModelMessage) -> Value {
    let (role, parts) = match message {
        ModelMessage::System { content } => ("system", vec![text_part(content)]),
        ModelMessage::User { content } => ("user", parts(content)),
        ModelMessage::Assistant { content, reasoning, tool_calls } => {
            let thoughts = reasoning.iter().filter(|block| !block.text.is_empty());
            let mut parts: Vec<Value> =
                thoughts.map(|block| json!({ "type": "reasoning", "content": text(&block.text) })).collect();
            if !content.is_empty() {
                parts.push(text_part(content));
            }
            parts.extend(tool_calls.iter().map(|call| {
                json!({ "type": "tool_call", "id": call.id, "name": call.name, "arguments": arguments(&call.arguments) })
            }));
            ("assistant", parts)
        }
        ModelMessage::Tool { tool_call_id, content, .. } => {
            let part = json!({ "type": "tool_call_response", "id": tool_call_id, "response": text(&content.text()) });
            ("tool", vec![part])
        }
    };
    json!({ "role": role, "parts": parts })
}

fn text_part(content: &str) -> Value {
    json!({ "type": "text", "content": text(content) })
}

/// Pictures and files are named, not kept.
fn parts(content: &Content) -> Vec<Value> {
    let Content::Parts(parts) = content else { return vec![text_part(&content.text())] };
    let part = |part: &ContentPart| match part {
        ContentPart::Text(part) => text_part(&part.text),
        ContentPart::Image(_) => json!({ "type": "image" }),
        ContentPart::Audio(_) => json!({ "type": "audio" }),
        ContentPart::Video(_) => json!({ "type": "video" }),
        _ => json!({ "type": "file" }),
    };
    parts.iter().map(part).collect()
}

/// Arguments as JSON where they still are JSON without their secrets.
fn arguments(arguments: &str) -> Value {
    let text = text(arguments);
    Json::parse(text.as_str()).map_or(Value::String(text), |json| json.to_value())
}

/// About how many bytes a model is sent.
pub(super) fn size(request: &ModelRequest) -> u64 {
    let message = |message: &ModelMessage| match message {
        ModelMessage::System { content } => content.len(),
        ModelMessage::User { content } | ModelMessage::Tool { content, .. } => content.text().len(),
        ModelMessage::Assistant { content, tool_calls, .. } => {
            content.len() + tool_calls.iter().map(|call| call.arguments.len() + call.name.len()).sum::<usize>()
        }
    };
    let schema = |tool: &ToolSpec| tool.parameters.as_ref().map_or(0, |schema| schema.get().len());
    let tool = |tool: &ToolSpec| tool.name.len() + tool.description.len() + schema(tool);
    let bytes = request.messages.iter().map(message).sum::<usize>() + request.tools.iter().map(tool).sum::<usize>();
    bytes as u64
}

/// Bytes of what a model wrote.
pub(super) fn event_size(event: &ModelEvent) -> u64 {
    let bytes = match event {
        ModelEvent::TextDelta(text) | ModelEvent::ReasoningDelta(text) => text.len(),
        ModelEvent::ToolCallDelta { delta, .. } => delta.len(),
        ModelEvent::ToolCallStart { name, .. } => name.len(),
        _ => 0,
    };
    bytes as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(text: impl Into<String>) -> ModelMessage {
        ModelMessage::User { content: Content::Text(text.into()) }
    }

    #[test]
    fn the_last_messages_are_kept_and_it_stays_json() {
        let long = "é".repeat(TEXT_MAX);
        let all: Vec<_> = (0..9).map(|number| user(format!("{number} {long}"))).chain([user("the last")]).collect();
        let text = messages(&all);
        let value: Value = serde_json::from_str(&text).unwrap();
        let shown = value.as_array().unwrap();
        assert!(text.len() < limits::TRACE_CONTENT + 200, "{}", text.len());
        assert_eq!(shown.last().unwrap()["parts"][0]["content"], "the last");
        let note = shown[0]["parts"][0]["content"].as_str().unwrap();
        assert_eq!(note, format!("{} earlier messages are left out", 10 - (shown.len() - 1)));
    }

    #[test]
    fn secrets_do_not_get_in() {
        let key = format!("sk-{}", "a1".repeat(20));
        let call = crate::model::ModelToolCall { arguments: format!("{{\"key\":\"{key}\"}}"), ..Default::default() };
        let all = [
            ModelMessage::System { content: key.clone() },
            user(&key),
            ModelMessage::Assistant { content: key.clone(), reasoning: Vec::new(), tool_calls: vec![call] },
        ];
        for text in [messages(&all), instructions(&all).unwrap(), answer(&all[2], "stop")] {
            assert!(!text.contains(&key) && text.contains("[redacted]"), "{text}");
            assert!(serde_json::from_str::<Value>(&text).is_ok(), "{text}");
        }
    }
}
