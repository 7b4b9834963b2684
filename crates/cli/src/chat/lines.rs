//! Lines of the person, or of whatever is piped in.
//!
//! They are read on a thread of its own: reading blocks, and while a run streams nobody is asked.

use crate::terminal::strip;
use anyhow::{Context as _, Result, anyhow};
use rustyline::DefaultEditor;
use rustyline::error::ReadlineError;
use std::io::{BufRead as _, IsTerminal as _, stderr, stdin};
use std::sync::mpsc as std_mpsc;
use tokio::sync::mpsc;

/// What came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// Words.
    Text(String),
    /// Ctrl-C at the prompt.
    Interrupted,
    /// There is nothing more.
    End,
}

/// Where lines come from.
pub(super) struct Lines {
    ask: std_mpsc::SyncSender<String>,
    answers: mpsc::Receiver<Result<Line>>,
    interactive: bool,
}

impl Lines {
    /// With an editor on a terminal, plain otherwise.
    pub(super) fn open() -> Result<Self> {
        let interactive = stdin().is_terminal() && stderr().is_terminal();
        let (ask, asked) = std_mpsc::sync_channel::<String>(1);
        let (answer, answers) = mpsc::channel(1);
        std::thread::Builder::new()
            .name("lines".to_owned())
            .spawn(move || {
                let mut reader = Reader::new(interactive);
                while let Ok(prompt) = asked.recv() {
                    let line = reader.as_mut().map_err(|error| anyhow!("{error}")).and_then(|it| it.read(&prompt));
                    if answer.blocking_send(line).is_err() {
                        return;
                    }
                }
            })
            .context("no thread for reading")?;
        Ok(Self { ask, answers, interactive })
    }

    /// Whether a person sits there.
    pub(super) fn interactive(&self) -> bool {
        self.interactive
    }

    /// Asks for the next line.
    pub(super) async fn next(&mut self, prompt: &str) -> Result<Line> {
        self.ask.try_send(prompt.to_owned()).map_err(|_| anyhow!("the input is closed"))?;
        if self.interactive {
            return self.answers.recv().await.context("the input is closed")?;
        }
        // An editor sees Ctrl-C as a key; here it is a signal.
        tokio::select! {
            line = self.answers.recv() => line.context("the input is closed")?,
            _ = tokio::signal::ctrl_c() => Ok(Line::Interrupted),
        }
    }
}

enum Reader {
    Editor(Box<DefaultEditor>),
    Plain,
}

impl Reader {
    fn new(interactive: bool) -> Result<Self> {
        match interactive {
            true => Ok(Self::Editor(Box::new(DefaultEditor::new().context("the terminal cannot be used")?))),
            false => Ok(Self::Plain),
        }
    }

    /// One line, or several that end with a backslash.
    fn read(&mut self, prompt: &str) -> Result<Line> {
        let mut text = String::new();
        loop {
            let line = match self {
                Self::Plain => plain()?,
                Self::Editor(editor) => {
                    match editor.readline(if text.is_empty() { prompt } else { "… " }) {
                        Ok(line) => {
                            if !line.trim().is_empty() {
                                // Without it the line only cannot be called up again.
                                let _ = editor.add_history_entry(line.as_str());
                            }
                            Line::Text(line)
                        }
                        Err(ReadlineError::Interrupted) => Line::Interrupted,
                        Err(ReadlineError::Eof) => Line::End,
                        Err(error) => return Err(error).context("the terminal cannot be read"),
                    }
                }
            };
            match line {
                Line::Text(line) => match line.strip_suffix('\\') {
                    Some(begun) => {
                        text.push_str(begun);
                        text.push('\n');
                    }
                    None => return Ok(Line::Text(text + &line)),
                },
                Line::End if !text.is_empty() => return Ok(Line::Text(text)),
                other => return Ok(other),
            }
        }
    }
}

fn plain() -> Result<Line> {
    let mut line = String::new();
    let read = stdin().lock().read_line(&mut line).context("the standard input cannot be read")?;
    Ok(match read {
        0 => Line::End,
        _ => Line::Text(line.trim_end_matches(['\r', '\n']).to_owned()),
    })
}

/// Reads yes or no; anything else is neither.
pub(super) fn yes_or_no(answer: &str) -> Option<bool> {
    match strip(answer).trim().to_lowercase().as_str() {
        "y" | "yes" | "true" | "ok" | "approve" => Some(true),
        "n" | "no" | "false" | "reject" | "cancel" => Some(false),
        _ => None,
    }
}
