//! The conversation as a model takes it: every call of a tool directly followed by its result.

use crate::model::{ModelMessage, ModelToolCall, ReasoningBlock};
use copilotkit_protocol::{AssistantMessage, Content, ContentPart, Message, RunAgentInput, ToolMessage};
use std::collections::HashMap;

/// Which messages of the page that carry instructions are passed on.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Forward {
    pub(super) system: bool,
    pub(super) developer: bool,
}

/// What a call without a result is answered with: providers refuse a conversation that leaves one open.
const NO_RESULT: &str = r#"{"status":"error","reason":"no_result","message":"This call was never answered."}"#;

/// Maps the messages of a run. Where the system prompt goes, and what people answered, is the caller's matter.
pub(super) fn model_messages(input: &RunAgentInput, forward: Forward) -> Vec<ModelMessage> {
    let results = Results::collect(input);
    let mut out = Vec::with_capacity(input.messages.len() + 1);
    let mut thoughts = Vec::new();
    for (index, message) in input.messages.iter().enumerate() {
        match message {
            Message::Reasoning(message) => thoughts.push(ReasoningBlock {
                text: message.content.clone(),
                encrypted_value: message.encrypted_value.clone(),
            }),
            Message::Assistant(message) => {
                assistant(index, message, std::mem::take(&mut thoughts), &results, &mut out);
            }
            Message::User(message) => {
                // Thoughts that no answer followed belong to a run that was stopped: a provider would refuse them.
                thoughts.clear();
                out.extend(user_content(&message.content).map(|content| ModelMessage::User { content }));
            }
            Message::System(message) if forward.system => {
                out.push(ModelMessage::System { content: message.content.clone() });
            }
            Message::Developer(message) if forward.developer => {
                out.push(ModelMessage::System { content: message.content.clone() });
            }
            _ => {}
        }
    }
    out
}

fn assistant(
    index: usize,
    message: &AssistantMessage,
    mut reasoning: Vec<ReasoningBlock>,
    results: &Results<'_>,
    out: &mut Vec<ModelMessage>,
) {
    if let Some(value) = &message.encrypted_value {
        reasoning.push(ReasoningBlock { text: String::new(), encrypted_value: Some(value.clone()) });
    }
    let calls = message.tool_calls.as_deref().unwrap_or_default();
    let content = message.content.clone().unwrap_or_default();
    if content.is_empty() && calls.is_empty() && reasoning.is_empty() {
        return;
    }
    let tool_calls = calls
        .iter()
        .map(|call| ModelToolCall {
            id: call.id.clone(),
            name: call.function.name.clone(),
            arguments: object_or_empty(&call.function.arguments).to_owned(),
            encrypted_value: call.encrypted_value.clone(),
        })
        .collect();
    out.push(ModelMessage::Assistant { content, reasoning, tool_calls });
    for (position, call) in calls.iter().enumerate() {
        let (content, is_error) = results.get((index, position));
        out.push(ModelMessage::Tool {
            tool_call_id: call.id.clone(),
            name: call.function.name.clone(),
            content,
            is_error,
        });
    }
}

/// The arguments if they are a JSON object, else an empty one.
pub(super) fn object_or_empty(arguments: &str) -> &str {
    let is_object =
        arguments.trim_start().starts_with('{') && serde_json::from_str::<serde::de::IgnoredAny>(arguments).is_ok();
    if is_object { arguments } else { "{}" }
}

/// The place of a call: the index of its message, and its position there.
type Place = (usize, usize);

/// The answer of each call. Some providers repeat their call ids in every turn, so an answer belongs to the latest call
/// with its id that stands before it. An answer that belongs to none is left out: providers refuse it.
struct Results<'a>(HashMap<Place, &'a ToolMessage>);

impl<'a> Results<'a> {
    fn collect(input: &'a RunAgentInput) -> Self {
        let mut latest: HashMap<&str, Place> = HashMap::new();
        let mut answers = HashMap::new();
        for (index, message) in input.messages.iter().enumerate() {
            for (position, call) in message.tool_calls().iter().enumerate() {
                latest.insert(&call.id, (index, position));
            }
            if let Message::Tool(message) = message
                && let Some(place) = latest.get(message.tool_call_id.as_str())
            {
                answers.insert(*place, message);
            }
        }
        Self(answers)
    }

    fn get(&self, place: Place) -> (Content, bool) {
        match self.0.get(&place) {
            Some(message) => (message.content.clone(), message.error.is_some()),
            None => (NO_RESULT.into(), true),
        }
    }
}

/// The parts that a provider can take: empty text and parts of later versions are left out, the old binary form becomes
/// the modern one. `None` when nothing is left.
fn user_content(content: &Content) -> Option<Content> {
    let parts = match content {
        Content::Text(text) => return Some(Content::Text(text.clone())),
        Content::Parts(parts) => parts,
    };
    let parts: Vec<_> = parts
        .iter()
        .filter_map(|part| match part {
            ContentPart::Text(text) if text.text.is_empty() => None,
            ContentPart::Binary(binary) => binary.upgrade(),
            ContentPart::Unknown(_) => {
                tracing::warn!("a content part of an unknown type is not passed to the model");
                None
            }
            other => Some(other.clone()),
        })
        .collect();
    (!parts.is_empty()).then_some(Content::Parts(parts))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(json: &str) -> Vec<ModelMessage> {
        let text = format!(r#"{{"threadId":"t","runId":"r",{json}}}"#);
        model_messages(&copilotkit_protocol::from_str(&text).unwrap(), Forward::default())
    }

    fn results(messages: &[ModelMessage]) -> Vec<(&str, String, bool)> {
        messages
            .iter()
            .filter_map(|message| match message {
                ModelMessage::Tool { tool_call_id, content, is_error, .. } => {
                    Some((tool_call_id.as_str(), content.text().into_owned(), *is_error))
                }
                _ => None,
            })
            .collect()
    }

    #[test]
    fn a_repeated_call_id_is_answered_by_what_follows_it() {
        let got = messages(
            r#""messages":[
                {"id":"a","role":"assistant","toolCalls":[{"id":"c","type":"function","function":{"name":"t","arguments":"{}"}}]},
                {"id":"x","role":"tool","toolCallId":"c","content":"one"},
                {"id":"b","role":"assistant","toolCalls":[{"id":"c","type":"function","function":{"name":"t","arguments":"{}"}}]},
                {"id":"y","role":"tool","toolCallId":"c","content":"two","error":"bad"}]"#,
        );
        assert_eq!(results(&got), [("c", "one".to_owned(), false), ("c", "two".to_owned(), true)]);
    }

    #[test]
    fn a_late_result_moves_behind_its_call_and_an_open_call_gets_one() {
        let got = messages(
            r#""messages":[
                {"id":"a","role":"assistant","toolCalls":[
                    {"id":"c1","type":"function","function":{"name":"t","arguments":"{}"},"encryptedValue":"sig"},
                    {"id":"c2","type":"function","function":{"name":"t","arguments":"[1]"}}]},
                {"id":"u","role":"user","content":"well?"},
                {"id":"x","role":"tool","toolCallId":"c1","content":"late"},
                {"id":"o","role":"tool","toolCallId":"nobody","content":"orphan"}]"#,
        );
        assert_eq!(results(&got), [("c1", "late".to_owned(), false), ("c2", NO_RESULT.to_owned(), true)]);
        let ModelMessage::Assistant { tool_calls, .. } = &got[0] else { panic!("{got:?}") };
        assert_eq!(tool_calls[0].encrypted_value.as_deref(), Some("sig"));
        assert_eq!(tool_calls[1].arguments, "{}");
        assert_eq!(got.len(), 4);
    }

    #[test]
    fn thoughts_go_to_the_answer_that_follows_them() {
        let got = messages(
            r#""messages":[
                {"id":"r0","role":"reasoning","content":"stopped"},
                {"id":"u","role":"user","content":"hi"},
                {"id":"r1","role":"reasoning","content":"hm","encryptedValue":"s1"},
                {"id":"r2","role":"reasoning","content":"","encryptedValue":"s2"},
                {"id":"a","role":"assistant","content":"yes","encryptedValue":"s3"}]"#,
        );
        let ModelMessage::Assistant { reasoning, .. } = &got[1] else { panic!("{got:?}") };
        let got: Vec<_> = reasoning.iter().map(|b| (b.text.as_str(), b.encrypted_value.as_deref())).collect();
        assert_eq!(got, [("hm", Some("s1")), ("", Some("s2")), ("", Some("s3"))]);
    }
}
