//! A run as people see it: the answer as it is written, and beside it what the agent thinks, calls and changes.

use crate::terminal::{Stripper, Style, count, one_line, strip};
use copilotkit_protocol::{Applied, Event, Message, RunFinishedOutcome, TextRole, TokenUsage};
use std::collections::HashMap;
use std::io::{self, IsTerminal as _, Write};

/// The most characters of arguments and of a result that are shown.
const ARGUMENTS: usize = 400;
const RESULT: usize = 800;

/// Writes the answer to one place and everything beside it to another: in a pipe only the answer is wanted.
pub(super) struct View<W, N> {
    answer: W,
    notes: N,
    style: Style,
    /// Whether both go to the same terminal.
    together: bool,
    /// What was written last, so that lines end where something else begins.
    line: Line,
    stripper: Stripper,
    /// Names and arguments of the calls that are open.
    calls: HashMap<String, (String, String)>,
    hidden: Vec<String>,
    said_state: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line {
    /// At the beginning of a line.
    Fresh,
    /// In the answer.
    Answer,
    /// In what the agent thinks.
    Thought,
}

impl View<io::Stdout, io::Stderr> {
    /// On this process's output.
    pub(super) fn new() -> Self {
        let together = io::stdout().is_terminal();
        let style = if together { Style::stdout() } else { Style::stderr() };
        Self::on(io::stdout(), io::stderr(), style, together)
    }
}

impl<W: Write, N: Write> View<W, N> {
    pub(super) fn on(answer: W, notes: N, style: Style, together: bool) -> Self {
        Self {
            answer,
            notes,
            style,
            together,
            line: Line::Fresh,
            stripper: Stripper::default(),
            calls: HashMap::new(),
            hidden: Vec::new(),
            said_state: false,
        }
    }

    /// The colours.
    pub(super) fn style(&self) -> Style {
        self.style
    }

    /// A line beside the answer.
    pub(super) fn note(&mut self, text: &str) -> io::Result<()> {
        self.fresh()?;
        let line = self.style.dim(text).into_owned();
        self.write_note(&format!("{line}\n"))
    }

    /// What went wrong.
    pub(super) fn failed(&mut self, text: &str) -> io::Result<()> {
        self.fresh()?;
        let line = self.style.red(text).into_owned();
        self.write_note(&format!("{line}\n"))
    }

    /// Text as it stands, such as a table.
    pub(super) fn text(&mut self, text: &str) -> io::Result<()> {
        self.fresh()?;
        self.write_note(text)
    }

    /// Ends the line that is being written.
    pub(super) fn fresh(&mut self) -> io::Result<()> {
        match self.line {
            Line::Fresh => return Ok(()),
            Line::Answer => {
                self.answer.write_all(b"\n")?;
                self.answer.flush()?;
            }
            Line::Thought => self.write_note("\n")?,
        }
        self.line = Line::Fresh;
        self.stripper = Stripper::default();
        Ok(())
    }

    fn write_note(&mut self, text: &str) -> io::Result<()> {
        if self.together {
            self.answer.write_all(text.as_bytes())?;
            return self.answer.flush();
        }
        self.notes.write_all(text.as_bytes())?;
        self.notes.flush()
    }

    /// Shows an event of a live run.
    pub(super) fn show(&mut self, event: &Event) -> io::Result<()> {
        match event {
            Event::TextMessageStart(event) if event.role.unwrap_or_default() != TextRole::Assistant => {
                self.hidden.push(event.message_id.clone());
            }
            Event::TextMessageStart(_) => self.fresh()?,
            Event::TextMessageContent(event) if !self.hidden.contains(&event.message_id) => {
                if self.line == Line::Thought {
                    self.fresh()?;
                }
                self.line = Line::Answer;
                let text = self.stripper.strip(&event.delta);
                self.answer.write_all(text.as_bytes())?;
                self.answer.flush()?;
            }
            Event::TextMessageEnd(_) | Event::ReasoningMessageEnd(_) => self.fresh()?,
            Event::ReasoningMessageContent(event) => self.thought(&event.delta)?,
            Event::ToolCallStart(event) => {
                let call = (event.tool_call_name.clone(), String::new());
                self.calls.insert(event.tool_call_id.clone(), call);
            }
            Event::ToolCallArgs(event) => {
                if let Some((_, arguments)) = self.calls.get_mut(&event.tool_call_id) {
                    arguments.push_str(&event.delta);
                }
            }
            Event::ToolCallEnd(event) => {
                if let Some((name, arguments)) = self.calls.get(&event.tool_call_id).cloned() {
                    self.call(&name, &arguments)?;
                }
            }
            Event::ToolCallResult(event) => {
                let name = self.calls.get(&event.tool_call_id).map(|(name, _)| name.clone()).unwrap_or_default();
                let text = one_line(&event.content.text(), RESULT);
                self.note(&format!("  {} → {text}", strip(&name)))?;
            }
            Event::StepStarted(event) => self.note(&format!("· {}", one_line(&event.step_name, ARGUMENTS)))?,
            Event::ActivitySnapshot(event) => {
                self.note(&format!("· {}", one_line(&event.activity_type, ARGUMENTS)))?;
            }
            Event::StateSnapshot(_) | Event::StateDelta(_) if !self.said_state => {
                self.said_state = true;
                self.note("· the shared state changed (/state shows it)")?;
            }
            Event::SubagentStarted(event) => self.note(&format!("· {} works", one_line(&event.name, ARGUMENTS)))?,
            Event::RunError(event) => {
                let code = event.code.as_deref().filter(|code| !code.is_empty());
                let code = code.map(|code| format!(" ({})", strip(code))).unwrap_or_default();
                self.failed(&format!("error: {}{code}", strip(&event.message)))?;
                self.end(event.usage.as_deref())?;
            }
            Event::RunFinished(event) => {
                if let Some(RunFinishedOutcome::Cancelled(_)) = event.outcome {
                    self.note("stopped")?;
                }
                self.end(event.usage.as_deref())?;
            }
            _ => {}
        }
        Ok(())
    }

    fn end(&mut self, usage: Option<&[TokenUsage]>) -> io::Result<()> {
        self.fresh()?;
        self.calls.clear();
        self.hidden.clear();
        self.said_state = false;
        let sum = |of: fn(&TokenUsage) -> Option<u64>| usage.unwrap_or_default().iter().filter_map(of).sum::<u64>();
        let (read, written) = (sum(|usage| usage.input_tokens), sum(|usage| usage.output_tokens));
        match read + written {
            0 => Ok(()),
            _ => self.note(&format!("{} read, {written} written", count(read as usize, "token"))),
        }
    }

    fn thought(&mut self, delta: &str) -> io::Result<()> {
        if self.line != Line::Thought {
            self.fresh()?;
            let begin = self.style.dim("thinking: ").into_owned();
            self.write_note(&begin)?;
            self.line = Line::Thought;
        }
        let text = self.stripper.strip(delta);
        let text = self.style.dim(&text).into_owned();
        self.write_note(&text)
    }

    fn call(&mut self, name: &str, arguments: &str) -> io::Result<()> {
        self.fresh()?;
        let name = self.style.cyan(&strip(name)).into_owned();
        let arguments = match arguments.trim() {
            "" | "{}" => String::new(),
            text => one_line(text, ARGUMENTS),
        };
        let line = format!("{} {name}({arguments})\n", self.style.dim("calls"));
        self.write_note(&line)
    }

    /// Shows messages of a thread that was there before, the last `most` of them.
    pub(super) fn history(&mut self, applied: &Applied, most: usize) -> io::Result<()> {
        let shown: Vec<&Message> = applied.messages().iter().filter(|message| is_shown(message)).collect();
        let left = shown.len().saturating_sub(most);
        if left > 0 {
            self.note(&format!("… {left} earlier messages"))?;
        }
        for message in shown.into_iter().skip(left) {
            match message {
                Message::User(message) => {
                    let text = strip(&message.content.text());
                    let line = format!("{} {text}\n", self.style.bold("you:"));
                    self.text(&line)?;
                }
                Message::Assistant(message) => {
                    if let Some(text) = message.content.as_deref().filter(|text| !text.is_empty()) {
                        self.text(&format!("{}\n", strip(text)))?;
                    }
                    for call in message.tool_calls.iter().flatten() {
                        self.call(&call.function.name, &call.function.arguments)?;
                    }
                }
                Message::Tool(message) => {
                    let text = one_line(&message.content.text(), RESULT);
                    self.note(&format!("  → {text}"))?;
                }
                _ => {}
            }
        }
        Ok(())
    }
}

fn is_shown(message: &Message) -> bool {
    matches!(message, Message::User(_) | Message::Assistant(_) | Message::Tool(_))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(together: bool, events: &[&str]) -> (String, String) {
        let mut view = View::on(Vec::new(), Vec::new(), Style::PLAIN, together);
        for event in events {
            view.show(&Event::from_json(event.as_bytes()).unwrap()).unwrap();
        }
        (String::from_utf8(view.answer).unwrap(), String::from_utf8(view.notes).unwrap())
    }

    const RUN: &[&str] = &[
        r#"{"type":"RUN_STARTED","threadId":"t","runId":"r"}"#,
        r#"{"type":"REASONING_MESSAGE_START","messageId":"z","role":"reasoning"}"#,
        r#"{"type":"REASONING_MESSAGE_CONTENT","messageId":"z","delta":"let me "}"#,
        r#"{"type":"REASONING_MESSAGE_CONTENT","messageId":"z","delta":"see"}"#,
        r#"{"type":"REASONING_MESSAGE_END","messageId":"z"}"#,
        r#"{"type":"TOOL_CALL_START","toolCallId":"c","toolCallName":"look"}"#,
        r#"{"type":"TOOL_CALL_ARGS","toolCallId":"c","delta":"{\"a\":"}"#,
        r#"{"type":"TOOL_CALL_ARGS","toolCallId":"c","delta":"1}"}"#,
        r#"{"type":"TOOL_CALL_END","toolCallId":"c"}"#,
        r#"{"type":"TOOL_CALL_RESULT","messageId":"m2","toolCallId":"c","content":"one\ntwo"}"#,
        r#"{"type":"STATE_SNAPSHOT","snapshot":{}}"#,
        r#"{"type":"TEXT_MESSAGE_START","messageId":"m","role":"assistant"}"#,
        r#"{"type":"TEXT_MESSAGE_CONTENT","messageId":"m","delta":"It is \u001b[3"}"#,
        r#"{"type":"TEXT_MESSAGE_CONTENT","messageId":"m","delta":"1mred."}"#,
        r#"{"type":"TEXT_MESSAGE_END","messageId":"m"}"#,
        r#"{"type":"RUN_FINISHED","threadId":"t","runId":"r","usage":[{"inputTokens":5,"outputTokens":2}]}"#,
    ];

    #[test]
    fn on_a_terminal_everything_is_in_order() {
        let expected = "thinking: let me see\ncalls look({\"a\":1})\n  look → one two\n\
            · the shared state changed (/state shows it)\nIt is red.\n5 tokens read, 2 written\n";
        assert_eq!(shown(true, RUN), (expected.to_owned(), String::new()));
    }

    #[test]
    fn in_a_pipe_the_answer_stands_alone() {
        let (answer, notes) = shown(false, RUN);
        assert_eq!(answer, "It is red.\n");
        assert!(notes.starts_with("thinking: let me see\ncalls look("), "{notes}");
    }

    #[test]
    fn failures_say_their_code() {
        let failed = r#"{"type":"RUN_ERROR","message":"No\u0007 luck.","code":"agent_failed"}"#;
        assert_eq!(shown(true, &[failed]).0, "error: No luck. (agent_failed)\n");
    }
}
