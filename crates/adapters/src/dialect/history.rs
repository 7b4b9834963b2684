//! History hygiene, for every dialect: services refuse a conversation in which a tool call has no result or a result no
//! call, in which arguments are no object, or in which two calls share an id.

use super::ids::IdRule;
use copilotkit_protocol::Content;
use copilotkit_runtime::model::{ModelMessage, ModelToolCall, ReasoningBlock};
use serde::de::IgnoredAny;
use std::borrow::Cow;
use std::collections::HashSet;

/// What the model is told for a call whose result never came.
pub(crate) const NO_RESULT: &str = "No result: the tool call was not completed.";

/// One turn of the conversation in order, with each call beside its result.
#[derive(Debug)]
pub(crate) enum Turn<'a> {
    /// Instructions.
    System(&'a str),
    /// The person.
    User(&'a Content),
    /// The model, and what its tools answered. It says something or calls a tool.
    Assistant(Assistant<'a>),
}

/// What the model said in one turn.
#[derive(Debug)]
pub(crate) struct Assistant<'a> {
    pub(crate) text: &'a str,
    pub(crate) reasoning: &'a [ReasoningBlock],
    pub(crate) calls: Vec<Call<'a>>,
}

/// A call and its result.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    /// Unique in the conversation, and as the service takes it.
    pub(crate) id: Cow<'a, str>,
    pub(crate) name: &'a str,
    /// A JSON object.
    pub(crate) arguments: &'a str,
    pub(crate) encrypted_value: Option<&'a str>,
    pub(crate) result: Answer<'a>,
}

/// What a tool answered.
#[derive(Debug)]
pub(crate) struct Answer<'a> {
    /// `None` where nothing came.
    content: Option<&'a Content>,
    pub(crate) is_error: bool,
}

impl<'a> Answer<'a> {
    /// The text that stands for a missing answer, if it is missing; else the answer.
    pub(crate) fn content(&self) -> Result<&'a Content, &'static str> {
        self.content.ok_or(NO_RESULT)
    }
}

/// Puts every result behind the message that called for it, leaves out results of calls that were never made and messages
/// that say nothing, and makes ids fit for the service.
pub(crate) fn turns(messages: &[ModelMessage], ids: IdRule) -> Vec<Turn<'_>> {
    let mut turns = Vec::with_capacity(messages.len());
    let mut taken = HashSet::new();
    for (position, message) in messages.iter().enumerate() {
        match message {
            ModelMessage::System { content } => turns.push(Turn::System(content)),
            ModelMessage::User { content } => turns.push(Turn::User(content)),
            ModelMessage::Assistant { content, reasoning, tool_calls } => {
                let mut seen = HashSet::new();
                let calls: Vec<_> = tool_calls
                    .iter()
                    .filter(|call| seen.insert(call.id.as_str()))
                    .map(|call| self::call(call, &messages[position + 1..], ids, &mut taken))
                    .collect();
                if !content.is_empty() || !calls.is_empty() {
                    turns.push(Turn::Assistant(Assistant { text: content, reasoning, calls }));
                }
            }
            _ => {}
        }
    }
    turns
}

fn call<'a>(call: &'a ModelToolCall, later: &'a [ModelMessage], ids: IdRule, taken: &mut HashSet<String>) -> Call<'a> {
    Call {
        id: ids.fit(&call.id, taken),
        name: &call.name,
        arguments: object(&call.arguments),
        encrypted_value: call.encrypted_value.as_deref(),
        result: answer(later, &call.id),
    }
}

/// The latest result for a call, before a later message makes a call of the same id.
fn answer<'a>(later: &'a [ModelMessage], id: &str) -> Answer<'a> {
    let mut found = Answer { content: None, is_error: true };
    for message in later {
        match message {
            ModelMessage::Tool { tool_call_id, content, is_error, .. } if tool_call_id == id => {
                found = Answer { content: Some(content), is_error: *is_error };
            }
            ModelMessage::Assistant { tool_calls, .. } if tool_calls.iter().any(|call| call.id == id) => break,
            _ => {}
        }
    }
    found
}

/// The arguments if they are a JSON object, else `{}`: a call that was cut off must not spoil the conversation.
fn object(text: &str) -> &str {
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

    /// The text of a message, `id=result` for a call.
    fn shape(messages: &[ModelMessage]) -> Vec<String> {
        let mut shape = Vec::new();
        for turn in turns(messages, IdRule::Word) {
            match turn {
                Turn::System(text) => shape.push(text.to_owned()),
                Turn::User(content) => shape.push(content.text().into_owned()),
                Turn::Assistant(assistant) => shape.extend(assistant.calls.iter().map(|call| {
                    let result = call.result.content().map_or("none".into(), Content::text);
                    format!("{}={result}{}", call.id, if call.result.is_error { "!" } else { "" })
                })),
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
            assistant(&[]),
        ];
        assert_eq!(shape(&messages), ["a=none!", "b=3", "hello"]);
    }

    #[test]
    fn a_repeated_id_takes_the_result_of_its_own_turn_and_becomes_another() {
        let messages = [assistant(&["a"]), tool("a", "1"), assistant(&["a"]), tool("a", "2")];
        let shape = shape(&messages);
        assert_eq!(shape[0], "a=1");
        assert!(shape[1].starts_with("call_") && shape[1].ends_with("=2"), "{shape:?}");
    }

    #[test]
    fn arguments_that_are_no_object_become_an_empty_one() {
        for text in ["", "[1]", "\"x\"", "{\"a\":", "nonsense", "{} {}"] {
            assert_eq!(object(text), "{}", "{text}");
        }
        assert_eq!(object("{\"a\": 1}"), "{\"a\": 1}");
    }
}
