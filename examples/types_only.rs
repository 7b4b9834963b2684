//! AG-UI without a server: reads a stream of events from the standard input and prints the conversation that a page
//! would hold. It needs `copilotkit-protocol` alone: no tokio, no HTTP.
//!
//! ```sh
//! curl -sN http://127.0.0.1:8000/copilotkit/agent/default/run -H 'content-type: application/json' \
//!   -d '{"threadId":"t","runId":"r","messages":[{"id":"u","role":"user","content":"Hello"}]}' \
//!   | cargo run -p copilotkit-examples --example types_only
//! ```

use copilotkit_protocol::sse::Decoder;
use copilotkit_protocol::{Applied, Emitted, Expander, Message};
use std::error::Error;
use std::io::{Read, Write};

/// The largest event, in bytes.
const EVENT_MAX: usize = 10 << 20;

/// Applies every event of a stream.
fn apply(mut stream: impl Read) -> Result<Applied, Box<dyn Error>> {
    let (mut decoder, mut expander, mut applied) = (Decoder::new(EVENT_MAX), Expander::new(), Applied::default());
    let (mut piece, mut expanded) = (vec![0; 64 * 1024], Vec::new());
    loop {
        let read = stream.read(&mut piece)?;
        decoder.push(piece[..read].to_vec().into());
        let mut next = || if read == 0 { decoder.finish() } else { decoder.next() };
        while let Some(event) = next() {
            expander.push(Emitted::from_json(event?.data)?, &mut expanded)?;
            expanded.drain(..).for_each(|event| applied.apply(&event.into_event()));
        }
        if read == 0 {
            return Ok(applied);
        }
    }
}

/// Writes a conversation as lines.
fn print(applied: &Applied, mut out: impl Write) -> std::io::Result<()> {
    for message in applied.messages() {
        let text = match message {
            Message::User(message) => message.content.text().into_owned(),
            Message::Assistant(message) => message.content.clone().unwrap_or_default(),
            Message::Tool(message) => message.content.text().into_owned(),
            _ => continue,
        };
        writeln!(out, "{}: {text}", message.role())?;
        for call in message.tool_calls() {
            writeln!(out, "  calls {}({})", call.function.name, call.function.arguments)?;
        }
    }
    writeln!(out, "state: {}", applied.state().get())
}

fn main() -> Result<(), Box<dyn Error>> {
    Ok(print(&apply(std::io::stdin().lock())?, std::io::stdout().lock())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_becomes_a_conversation() {
        let stream = r#"data: {"type":"RUN_STARTED","threadId":"t","runId":"r"}

data: {"type":"TEXT_MESSAGE_CHUNK","messageId":"m","delta":"Let me "}

data: {"type":"TEXT_MESSAGE_CHUNK","delta":"look."}

data: {"type":"TOOL_CALL_CHUNK","toolCallId":"c","toolCallName":"look","parentMessageId":"m","delta":"{}"}

data: {"type":"TOOL_CALL_RESULT","messageId":"x","toolCallId":"c","content":"21"}

data: {"type":"STATE_SNAPSHOT","snapshot":{"n":1}}

data: {"type":"RUN_FINISHED","threadId":"t","runId":"r"}

"#;
        let mut out = Vec::new();
        print(&apply(stream.as_bytes()).unwrap(), &mut out).unwrap();
        let expected = "assistant: Let me look.\n  calls look({})\ntool: 21\nstate: {\"n\":1}\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}
