//! The part of a conversation that fits the model: whole turns are left out, the oldest first.

use crate::model::{ModelMessage, ToolSpec};
use copilotkit_protocol::{Content, ContentPart};

/// Bytes of text that count as a token. English has about four, Chinese and JSON about three: too few are kept rather
/// than too many.
const BYTES_PER_TOKEN: usize = 3;
/// What a message costs beside its text.
const MESSAGE: u64 = 8;
/// What an image, a sound, a video or a file counts.
const MEDIA: u64 = 2_000;
/// The part of a window that is left for the answer, where its length is not bounded.
const ANSWER_PART: u64 = 8;

/// The tokens that messages may take in a window of `tokens`.
pub(super) fn budget(tokens: u64, answer: Option<u64>, tools: &[ToolSpec]) -> u64 {
    let answer = answer.unwrap_or(tokens / ANSWER_PART);
    let tools: usize = tools
        .iter()
        .map(|tool| {
            tool.name.len() + tool.description.len() + tool.parameters.as_ref().map_or(2, |json| json.get().len())
        })
        .sum();
    tokens.saturating_sub(answer).saturating_sub(text(tools))
}

/// Where the messages begin that are kept: everything before is left out, but for instructions. A turn begins with a
/// message of the person and holds all that follows it, so that no call is parted from its result. The last turn stays
/// whatever it costs.
pub(super) fn kept(messages: &[ModelMessage], budget: u64) -> usize {
    let instructions = messages.iter().filter(|message| is_instruction(message));
    let mut total: u64 = instructions.map(tokens).sum();
    let mut start = messages.len();
    let mut turn = 0;
    let mut is_last = true;
    for (index, message) in messages.iter().enumerate().rev() {
        if !is_instruction(message) {
            turn += tokens(message);
        }
        if matches!(message, ModelMessage::User { .. }) || index == 0 {
            if !is_last && total + turn > budget {
                break;
            }
            // What stands before the first message of a person has nobody to answer to: it is a turn, too.
            is_last &= !matches!(message, ModelMessage::User { .. });
            total += turn;
            turn = 0;
            start = index;
        }
    }
    start
}

/// The messages that are kept, and how many are not.
pub(super) fn fit(messages: &[ModelMessage], budget: Option<u64>) -> (Vec<ModelMessage>, usize) {
    let start = budget.map_or(0, |budget| kept(messages, budget));
    let kept: Vec<_> = messages
        .iter()
        .enumerate()
        .filter(|(index, message)| *index >= start || is_instruction(message))
        .map(|(_, message)| message.clone())
        .collect();
    let left_out = messages.len() - kept.len();
    (kept, left_out)
}

fn is_instruction(message: &ModelMessage) -> bool {
    matches!(message, ModelMessage::System { .. })
}

fn text(bytes: usize) -> u64 {
    bytes.div_ceil(BYTES_PER_TOKEN) as u64
}

fn tokens(message: &ModelMessage) -> u64 {
    MESSAGE
        + match message {
            ModelMessage::System { content } => text(content.len()),
            ModelMessage::User { content } | ModelMessage::Tool { content, .. } => content_tokens(content),
            ModelMessage::Assistant { content, reasoning, tool_calls } => {
                let signature = |value: &Option<String>| value.as_ref().map_or(0, String::len);
                let thoughts = reasoning.iter().map(|block| block.text.len() + signature(&block.encrypted_value));
                let calls = tool_calls
                    .iter()
                    .map(|call| call.name.len() + call.arguments.len() + signature(&call.encrypted_value));
                text(content.len() + thoughts.chain(calls).sum::<usize>())
            }
        }
}

fn content_tokens(content: &Content) -> u64 {
    match content {
        Content::Text(value) => text(value.len()),
        Content::Parts(parts) => parts
            .iter()
            .map(|part| match part {
                ContentPart::Text(part) => text(part.text.len()),
                _ => MEDIA,
            })
            .sum(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ModelToolCall;

    fn system(text: &str) -> ModelMessage {
        ModelMessage::System { content: text.into() }
    }
    /// 8 + 12 tokens.
    fn user(text: &str) -> ModelMessage {
        ModelMessage::User { content: format!("{text:36}").into() }
    }
    fn answer(text: &str) -> ModelMessage {
        ModelMessage::Assistant { content: format!("{text:36}"), reasoning: Vec::new(), tool_calls: Vec::new() }
    }
    fn call() -> [ModelMessage; 2] {
        let call = ModelToolCall { id: "c".into(), name: "t".into(), arguments: "{}".into(), ..Default::default() };
        let content = "r".repeat(36).into();
        [
            ModelMessage::Assistant { content: String::new(), reasoning: Vec::new(), tool_calls: vec![call] },
            ModelMessage::Tool { tool_call_id: "c".into(), name: "t".into(), content, is_error: false },
        ]
    }

    #[test]
    fn whole_turns_go_the_oldest_first() {
        let mut messages = vec![system("abc"), user("1")];
        messages.extend(call());
        messages.extend([answer("1"), user("2"), answer("2"), user("3")]);
        let all: u64 = messages.iter().map(tokens).sum();
        let kept = |budget| fit(&messages, Some(budget)).0;
        assert_eq!(fit(&messages, None).0, messages);
        assert_eq!(kept(all), messages);
        assert_eq!(fit(&messages, Some(all - 1)), ([&messages[..1], &messages[5..]].concat(), 4));
        assert_eq!(kept(9 + 20 + 40), [&messages[..1], &messages[5..]].concat());
        assert_eq!(kept(9 + 20 + 39), [system("abc"), user("3")]);
        assert_eq!(kept(0), [system("abc"), user("3")], "the last turn stays whatever it costs");
    }

    #[test]
    fn the_last_turn_keeps_its_calls_and_instructions_in_the_middle_stay() {
        let mut messages = vec![answer("hello"), user("1"), system("later"), answer("1"), user("2")];
        messages.extend(call());
        let expected: Vec<_> = [system("later"), user("2")].into_iter().chain(call()).collect();
        assert_eq!(fit(&messages, Some(60)), (expected, 3));
        let all: u64 = messages.iter().map(tokens).sum();
        assert_eq!(fit(&messages, Some(all)).1, 0);
        assert_eq!(fit(&messages, Some(all - 1)).1, 1, "the greeting goes first");
    }

    #[test]
    fn no_person_no_turn_to_leave_out() {
        let messages: Vec<_> = call().into_iter().collect();
        assert_eq!(fit(&messages, Some(0)).0, messages);
        assert_eq!(fit(&[], Some(0)), (Vec::new(), 0));
    }

    #[test]
    fn tools_and_the_answer_take_their_part() {
        let tool = ToolSpec { name: "abc".into(), description: "d".repeat(300), parameters: None };
        assert_eq!(budget(1_000, None, &[]), 875);
        assert_eq!(budget(1_000, Some(400), &[tool]), 600 - 102);
        assert_eq!(budget(10, Some(400), &[]), 0);
    }
}
