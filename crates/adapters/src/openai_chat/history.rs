//! History hygiene: services refuse a conversation in which a tool call has no result, or a result no call.

use copilotkit_protocol::Content;
use copilotkit_runtime::model::{ModelMessage, ModelToolCall};
use serde::de::IgnoredAny;
use std::collections::HashSet;

/// What the model is told for a call whose result never came.
pub(super) const NO_RESULT: &str = "No result: the tool call was not completed.";

/// One turn of the conversation in order, with each call beside its result.
pub(super) enum Turn<'a> {
    /// A system or user message, or an assistant message without calls.
    Message(&'a ModelMessage),
    /// An assistant message and what its tools answered, in the order of the calls; `None` where nothing came.
    Calls(&'a ModelMessage, Vec<(&'a ModelToolCall, Option<&'a Content>)>),
}

/// Puts every result behind the message that called for it, and leaves out results of calls that were never made.
pub(super) fn turns(messages: &[ModelMessage]) -> Vec<Turn<'_>> {
    let mut turns = Vec::with_capacity(messages.len());
    for (position, message) in messages.iter().enumerate() {
        match message {
            ModelMessage::Tool { .. } => {}
            ModelMessage::Assistant { tool_calls, .. } if !tool_calls.is_empty() => {
                let mut seen = HashSet::new();
                let calls = tool_calls.iter().filter(|call| seen.insert(call.id.as_str()));
                let results = calls.map(|call| (call, result(&messages[position + 1..], &call.id))).collect();
                turns.push(Turn::Calls(message, results));
            }
            _ => turns.push(Turn::Message(message)),
        }
    }
    turns
}

/// The latest result for a call, before a later message makes a call of the same id.
fn result<'a>(later: &'a [ModelMessage], id: &str) -> Option<&'a Content> {
    let mut found = None;
    for message in later {
        match message {
            ModelMessage::Tool { tool_call_id, content, .. } if tool_call_id == id => found = Some(content),
            ModelMessage::Assistant { tool_calls, .. } if tool_calls.iter().any(|call| call.id == id) => break,
            _ => {}
        }
    }
    found
}

/// The arguments if they are a JSON object, else `{}`: a call that was cut off must not spoil the conversation.
pub(super) fn arguments(text: &str) -> &str {
    let object = text.trim_start().starts_with('{') && serde_json::from_str::<IgnoredAny>(text).is_ok();
    if object { text } else { "{}" }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assistant(ids: &[&str]) -> ModelMessage {
        let call = |id: &&str| ModelToolCall { id: (*id).into(), name: "f".into(), ..ModelToolCall::default() };
        ModelMessage::Assistant {
            content: String::new(),
            reasoning: Vec::new(),
            tool_calls: ids.iter().map(call).collect(),
        }
    }

    fn tool(id: &str, content: &str) -> ModelMessage {
        ModelMessage::Tool { tool_call_id: id.into(), name: "f".into(), content: content.into(), is_error: false }
    }

    fn user(text: &str) -> ModelMessage {
        ModelMessage::User { content: text.into() }
    }

    /// `u` for a message, `id=result` for a call.
    fn shape(messages: &[ModelMessage]) -> Vec<String> {
        let mut shape = Vec::new();
        for turn in turns(messages) {
            match turn {
                Turn::Message(ModelMessage::User { content }) => shape.push(content.text().into_owned()),
                Turn::Message(_) => shape.push("a".into()),
                Turn::Calls(_, results) => shape.extend(
                    results
                        .iter()
                        .map(|(call, result)| format!("{}={}", call.id, result.map_or("none".into(), Content::text))),
                ),
            }
        }
        shape
    }

    #[test]
    fn results_stand_behind_their_calls_and_orphans_are_left_out() {
        let messages = [
            tool("x", "orphan"),
            assistant(&["a", "b", "a"]),
            user("hello"),
            tool("b", "2"),
            tool("b", "3"),
            tool("y", "orphan"),
        ];
        assert_eq!(shape(&messages), ["a=none", "b=3", "hello"]);
    }

    #[test]
    fn a_repeated_id_takes_the_result_of_its_own_turn() {
        let messages = [assistant(&["a"]), tool("a", "1"), assistant(&["a"]), tool("a", "2")];
        assert_eq!(shape(&messages), ["a=1", "a=2"]);
    }

    #[test]
    fn arguments_that_are_no_object_become_an_empty_one() {
        for text in ["", "[1]", "\"x\"", "{\"a\":", "nonsense", "{} {}"] {
            assert_eq!(arguments(text), "{}", "{text}");
        }
        assert_eq!(arguments("{\"a\": 1}"), "{\"a\": 1}");
    }
}
