//! Delta events written straight as bytes: no value is built for them, and what does not change is encoded once.

use super::{Body, Emitted, Head};
use crate::event::EventKind;
use crate::wire::to_vec;
use bytes::Bytes;

/// Writes the deltas of one message, thought or tool call.
///
/// ```
/// use copilotkit_protocol::DeltaWriter;
///
/// let text = DeltaWriter::text("m1");
/// assert_eq!(text.write("Hi\n").to_json(), r#"{"type":"TEXT_MESSAGE_CONTENT","messageId":"m1","delta":"Hi\n"}"#);
/// ```
#[derive(Clone, Debug)]
pub struct DeltaWriter {
    head: Head,
    /// The event up to the value of `delta`.
    start: Vec<u8>,
}

impl DeltaWriter {
    /// TEXT_MESSAGE_CONTENT of a message.
    pub fn text(message_id: impl Into<String>) -> Self {
        Self::new(EventKind::TextMessageContent, "messageId", message_id.into())
    }

    /// REASONING_MESSAGE_CONTENT of a thought.
    pub fn reasoning(message_id: impl Into<String>) -> Self {
        Self::new(EventKind::ReasoningMessageContent, "messageId", message_id.into())
    }

    /// TOOL_CALL_ARGS of a call.
    pub fn arguments(tool_call_id: impl Into<String>) -> Self {
        Self::new(EventKind::ToolCallArgs, "toolCallId", tool_call_id.into())
    }

    fn new(kind: EventKind, member: &str, id: String) -> Self {
        let mut start = format!("{{\"type\":\"{kind}\",\"{member}\":").into_bytes();
        start.extend_from_slice(&to_vec(&id));
        start.extend_from_slice(b",\"delta\":");
        Self { head: Head { kind, id: Some(id), subagent: None }, start }
    }

    /// The message, thought or call.
    pub fn id(&self) -> &str {
        self.head.id.as_deref().unwrap_or_default()
    }

    /// The event of one more piece.
    pub fn write(&self, delta: &str) -> Emitted {
        // Two quotes and a brace: a piece without escapes fits exactly, so that nothing is kept beside its bytes.
        let mut json = Vec::with_capacity(self.start.len() + delta.len() + 3);
        json.extend_from_slice(&self.start);
        // Writing into memory cannot fail.
        if serde_json::to_writer(&mut json, delta).is_err() {
            json.truncate(self.start.len());
            json.extend_from_slice(b"\"\"");
        }
        json.push(b'}');
        Emitted { head: self.head.clone(), body: Body::Raw(Bytes::from(json)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Event, ReasoningMessageContent, TextMessageContent, ToolCallArgs};
    use crate::gate;

    #[test]
    fn the_bytes_are_those_of_the_value() {
        let texts = ["", "plain", "\"quoted\" \\ / \n\r\t\u{8}\u{c}\u{1}\u{7f}", "日本 🦀 \u{2028}", "{\"a\":[1]}"];
        for id in ["m", "a \"b\"\\\n", "é"] {
            for text in texts {
                let (id, delta) = (id.to_owned(), text.to_owned());
                let cases: [(DeltaWriter, Event); 3] = [
                    (
                        DeltaWriter::text(id.as_str()),
                        TextMessageContent { message_id: id.clone(), delta: delta.clone(), ..Default::default() }
                            .into(),
                    ),
                    (
                        DeltaWriter::reasoning(id.as_str()),
                        ReasoningMessageContent { message_id: id.clone(), delta: delta.clone(), ..Default::default() }
                            .into(),
                    ),
                    (
                        DeltaWriter::arguments(id.as_str()),
                        ToolCallArgs { tool_call_id: id, delta, ..Default::default() }.into(),
                    ),
                ];
                for (writer, event) in cases {
                    let written = writer.write(text);
                    assert_eq!(written.to_json(), event.to_json());
                    assert_eq!(written.head(), Emitted::from(event.clone()).head());
                    assert_eq!(*written.event(), event);
                    assert!(gate::is_plain(&written));
                    assert_eq!(writer.id(), written.head().id.as_deref().unwrap());
                }
            }
        }
    }
}
