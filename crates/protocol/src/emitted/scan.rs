//! The head of a delta event, read from its bytes without a parser for the rest of JSON.
//!
//! Deltas are most of any stream, and nobody looks at their text on the way. What is not plainly such an event, one
//! line of the members that it may have with strings as values, takes the general way, which knows all of JSON.

use super::Head;
use crate::event::EventKind;
use memchr::memchr2;

/// The head of a delta event that may be passed on as it came; `None` sends it down the general way.
pub(super) fn delta_head(json: &[u8]) -> Option<Head> {
    // Control characters may stand between tokens, but in no string: without any, neither is a question.
    if json.iter().fold(false, |found, byte| found | (*byte < 0x20)) {
        return None;
    }
    let mut text = Text(std::str::from_utf8(json).ok()?);
    let (mut kind, mut message, mut call, mut subagent, mut has_delta) = (None, None, None, None, false);
    text.expect('{')?;
    loop {
        let name = text.plain()?;
        text.expect(':')?;
        let taken = match name {
            "type" => kind.replace(text.plain()?).is_some(),
            "messageId" => message.replace(text.plain()?).is_some(),
            "toolCallId" => call.replace(text.plain()?).is_some(),
            "subagentRunId" => subagent.replace(text.plain()?).is_some(),
            "delta" => {
                text.skip_string()?;
                std::mem::replace(&mut has_delta, true)
            }
            _ => return None,
        };
        if taken {
            return None;
        }
        if text.expect(',').is_none() {
            break;
        }
    }
    text.expect('}')?;
    let kind = EventKind::from_name(kind?);
    let (id, other) = match kind {
        EventKind::TextMessageContent | EventKind::ReasoningMessageContent => (message?, call),
        EventKind::ToolCallArgs => (call?, message),
        _ => return None,
    };
    if other.is_some() || !has_delta || !text.0.is_empty() {
        return None;
    }
    Some(Head { kind, id: Some(id.to_owned()), subagent: subagent.map(str::to_owned) })
}

/// What is still to be read.
struct Text<'a>(&'a str);

impl<'a> Text<'a> {
    fn expect(&mut self, token: char) -> Option<()> {
        self.0 = self.0.trim_start_matches(' ').strip_prefix(token)?.trim_start_matches(' ');
        Some(())
    }

    /// A string without escapes.
    fn plain(&mut self) -> Option<&'a str> {
        let inside = self.0.strip_prefix('"')?;
        let end = memchr2(b'"', b'\\', inside.as_bytes())?;
        let (text, rest) = inside.split_at_checked(end)?;
        self.0 = rest.strip_prefix('"')?;
        Some(text)
    }

    /// A string with the escapes of one letter; those of four digits can be wrong in more ways.
    fn skip_string(&mut self) -> Option<()> {
        let mut inside = self.0.strip_prefix('"')?;
        loop {
            let at = memchr2(b'"', b'\\', inside.as_bytes())?;
            if inside.as_bytes().get(at) == Some(&b'"') {
                self.0 = inside.get(at + 1..)?;
                return Some(());
            }
            let escaped = inside.as_bytes().get(at + 1)?;
            if !matches!(escaped, b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') {
                return None;
            }
            inside = inside.get(at + 2..)?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Emitted, Event};

    /// Which way a text takes, and that both ways see the same.
    fn is_short(text: &str) -> bool {
        let head = delta_head(text.as_bytes());
        let event = Event::from_json(text.as_bytes());
        match (&head, event) {
            (Some(head), Ok(event)) => assert_eq!(head, Emitted::from(event).head(), "{text}"),
            (Some(_), Err(error)) => assert_eq!("readable", error.to_string(), "{text}"),
            (None, _) => {}
        }
        head.is_some()
    }

    #[test]
    fn plain_deltas_take_the_short_way() {
        for text in [
            r#"{"type":"TEXT_MESSAGE_CONTENT","messageId":"m","delta":"x"}"#,
            r#"{ "delta" : "" , "messageId": "", "subagentRunId":"s", "type" : "REASONING_MESSAGE_CONTENT" }"#,
            r#"{"type":"TOOL_CALL_ARGS","toolCallId":"c","delta":"{\"q\":\"a\\b\/\n\t\"}"}"#,
            r#"{"type":"TEXT_MESSAGE_CONTENT","messageId":"é","delta":"null 日本 🦀"}"#,
        ] {
            assert!(is_short(text), "{text}");
        }
    }

    #[test]
    fn everything_else_takes_the_general_way() {
        for text in [
            "",
            "{}",
            "[]",
            r#"{"type":"TEXT_MESSAGE_START","messageId":"m"}"#,
            r#"{"type":"TEXT_MESSAGE_CONTENT","messageId":"m"}"#,
            r#"{"type":"TEXT_MESSAGE_CONTENT","delta":"x"}"#,
            r#"{"type":"TEXT_MESSAGE_CONTENT","messageId":"m","delta":null}"#,
            r#"{"type":"TEXT_MESSAGE_CONTENT","messageId":"m","delta":"x","subagentRunId":null}"#,
            r#"{"type":"TEXT_MESSAGE_CONTENT","messageId":"m","delta":"x","timestamp":1}"#,
            r#"{"type":"TEXT_MESSAGE_CONTENT","messageId":"m","delta":"x","extra":"y"}"#,
            r#"{"type":"TEXT_MESSAGE_CONTENT","messageId":"m","delta":"x","delta":"y"}"#,
            r#"{"type":"TEXT_MESSAGE_CONTENT","messageId":"m","toolCallId":"c","delta":"x"}"#,
            r#"{"type":"TEXT_MESSAGE_CONTENT","messageId":"m","delta":"x"} x"#,
            r#"{"type":"TEXT_MESSAGE_CONTENT","messageId":"m","delta":"x",}"#,
            r#"{"type":"TEXT_MESSAGE_CONTENT","messageId":"m","delta":"x""#,
            r#"{"type":"TEXT_MESSAGE_CONTENT","messageId":"m","delta":"\ud800"}"#,
            r#"{"type":"TEXT_MESSAGE_CONTENT","messageId":"m","delta":"\q"}"#,
            r#"{"type":"TEXT_MESSAGE_CONTENT","messageId":"m\n","delta":"x"}"#,
            "{\"type\":\"TEXT_MESSAGE_CONTENT\",\"messageId\":\"m\",\"delta\":\"a\tb\"}",
            "{\"type\":\"TEXT_MESSAGE_CONTENT\",\n\"messageId\":\"m\",\"delta\":\"x\"}",
        ] {
            assert!(!is_short(text), "{text}");
        }
        assert_eq!(delta_head(b"{\"type\":\"TEXT_MESSAGE_CONTENT\",\"messageId\":\"m\",\"delta\":\"\xff\"}"), None);
    }
}
