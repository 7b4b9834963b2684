//! What can be said to the chat itself.

use super::session::Session;
use crate::terminal::{one_line, strip};
use crate::threads::terminal::table;
use anyhow::Result;

/// What a line at the prompt is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// For the agent.
    Words(String),
    /// For the chat, with what stands behind it.
    Command(Command, String),
    /// Nothing.
    Nothing,
}

/// A command of the chat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Command {
    Help,
    Threads,
    Switch,
    New,
    History,
    State,
    Agents,
    Agent,
    Quit,
}

/// Name, what stands behind it, what it does.
const COMMANDS: &[(&str, &str, Command, &str)] = &[
    ("/help", "", Command::Help, "this list"),
    ("/threads", "", Command::Threads, "the threads that were used last"),
    ("/switch", " N or ID", Command::Switch, "go on with another thread, by its number in the list or its id"),
    ("/new", "", Command::New, "begin a new thread"),
    ("/history", "", Command::History, "show what was said on this thread"),
    ("/state", "", Command::State, "show the state that the agent shares"),
    ("/agents", "", Command::Agents, "the agents of this server"),
    ("/agent", " ID", Command::Agent, "speak to another agent, on a new thread"),
    ("/quit", "", Command::Quit, "leave; so does Ctrl-D"),
];

impl Said {
    /// Reads a line. Words that begin like a command of the chat, but are for the agent, are written with two slashes;
    /// what is no command of the chat goes to the agent as it is.
    pub(super) fn of(line: &str) -> Self {
        let line = line.trim();
        if line.is_empty() {
            return Self::Nothing;
        }
        if line.starts_with("//") {
            return Self::Words(line[1..].to_owned());
        }
        let (name, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        // What takes nothing, and stands before something, is one of the agent: `/state {…}` of the demo model.
        let takes = |argument: &str| !argument.is_empty() || rest.trim().is_empty();
        let is = |known: &str| known == name || (name == "/exit" && known == "/quit");
        match COMMANDS.iter().find(|(known, argument, ..)| is(known) && takes(argument)) {
            Some((.., command, _)) => Self::Command(*command, rest.trim().to_owned()),
            None => Self::Words(line.to_owned()),
        }
    }
}

impl Session {
    /// Does what a command says; false when it was the last.
    pub(super) async fn command(&mut self, command: Command, rest: &str) -> Result<bool> {
        match command {
            Command::Quit => return Ok(false),
            Command::Help => self.help()?,
            Command::New => {
                self.renew();
                self.view.note("a new thread")?;
            }
            Command::Threads => self.threads().await?,
            Command::Switch => self.switch(rest).await?,
            Command::History => self.show_history()?,
            Command::State => {
                let state = self.applied.state().to_value();
                let text = serde_json::to_string_pretty(&state).unwrap_or_default();
                self.view.text(&format!("{}\n", strip(&text)))?;
            }
            Command::Agents => self.agents()?,
            Command::Agent => {
                if rest.is_empty() {
                    self.agents()?;
                } else {
                    self.server.choose(rest)?;
                    self.renew();
                    self.view.note(&format!("now with {}, on a new thread", strip(&self.server.who())))?;
                }
            }
        }
        Ok(true)
    }

    fn help(&mut self) -> Result<()> {
        let rows: Vec<_> =
            COMMANDS.iter().map(|(name, rest, _, what)| [format!("{name}{rest}"), (*what).to_owned()]).collect();
        let mut text = table(["COMMAND", "WHAT IT DOES"], &rows);
        text.push_str(
            "Ctrl-C stops a run. A line that ends with \\ goes on in the next one. //help sends /help to the agent.\n",
        );
        Ok(self.view.text(&text)?)
    }

    fn agents(&mut self) -> Result<()> {
        if self.server.agents().is_empty() {
            return Ok(self.view.note("this is one AG-UI agent: there are no others to choose")?);
        }
        let own = self.server.agent().to_owned();
        let row = |agent: &super::server::Agent| {
            let mark = if agent.id == own { "*" } else { "" };
            [mark.to_owned(), one_line(&agent.id, 60), one_line(&agent.description, 80)]
        };
        let rows: Vec<_> = self.server.agents().iter().map(row).collect();
        Ok(self.view.text(&table(["", "AGENT", "DESCRIPTION"], &rows))?)
    }

    async fn threads(&mut self) -> Result<()> {
        self.listed = self.server.threads().await?;
        if self.listed.is_empty() {
            return Ok(self.view.note("there are no threads of this agent yet")?);
        }
        let rows: Vec<_> = (1..)
            .zip(&self.listed)
            .map(|(number, thread)| {
                let mark = if thread.id == self.thread_id { "*" } else { "" };
                let name = thread.name.as_deref().unwrap_or("(no name)");
                let used = thread.updated_at.as_deref().unwrap_or_default();
                // To the minute: 2026-01-31T09:30.
                let used = one_line(used, 24).chars().take(16).collect::<String>().replace('T', " ");
                [format!("{mark}{number}"), one_line(name, 36), used, one_line(&thread.id, 40)]
            })
            .collect();
        Ok(self.view.text(&table(["N", "NAME", "USED", "ID"], &rows))?)
    }

    async fn switch(&mut self, which: &str) -> Result<()> {
        let number = which.parse::<usize>().ok().and_then(|number| number.checked_sub(1));
        let id = match number.and_then(|number| self.listed.get(number)) {
            Some(thread) => thread.id.clone(),
            None if which.is_empty() || number.is_some() => {
                return Ok(self.view.note("which? /threads lists them, then /switch 2, or /switch ID")?);
            }
            None => which.to_owned(),
        };
        self.open(&id).await?;
        if self.applied.messages().is_empty() {
            self.view.note(&format!("nothing was said on thread {} yet", strip(&id)))?;
        }
        self.show_history()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_of_the_chat_are_told_from_those_of_the_agent() {
        assert_eq!(Said::of("  "), Said::Nothing);
        assert_eq!(Said::of("/switch  2 "), Said::Command(Command::Switch, "2".to_owned()));
        assert_eq!(Said::of("/exit"), Said::Command(Command::Quit, String::new()));
        for (line, sent) in [
            ("hi", "hi"),
            ("/think", "/think"),
            ("//help", "/help"),
            ("/threadsx", "/threadsx"),
            ("/state {}", "/state {}"),
        ] {
            assert_eq!(Said::of(line), Said::Words(sent.to_owned()), "{line}");
        }
    }
}
