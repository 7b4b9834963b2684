//! `copilotkit a2a …`.

use super::duration;
use clap::{Parser, Subcommand};
use std::time::Duration;

/// What to do with a remote A2A agent.
#[derive(Debug, Subcommand)]
pub enum A2aCommand {
    /// Show what an agent says of itself, and how it would be spoken to.
    #[command(after_help = "Examples:
  copilotkit a2a card http://127.0.0.1:9001
  copilotkit a2a card https://agents.example.com/research --json
  copilotkit a2a card http://127.0.0.1:9001 --extended --header 'Authorization: Bearer …'")]
    Card(A2aCardArgs),
    /// Send a message to an agent and show what comes of it.
    #[command(after_help = "Examples:
  copilotkit a2a send http://127.0.0.1:9001 'Plan a day in Oslo'
  copilotkit a2a send http://127.0.0.1:9001 'Friday' --task TASK --context CONTEXT
  echo 'Plan a day in Oslo' | copilotkit a2a send http://127.0.0.1:9001 -

Ctrl-C cancels the task. Exit status: 0 the task is done, 1 it failed or the agent could not be asked, 2 the command line
is wrong, 3 the task waits for an answer, 130 after Ctrl-C.")]
    Send(A2aSendArgs),
}

/// How an agent is reached.
#[derive(Clone, Debug, Parser)]
pub struct A2aTargetArgs {
    /// The base of the agent, or its card.
    #[arg(value_name = "URL")]
    pub url: String,
    /// A header of each request, like 'Authorization: Bearer TOKEN'; may be given more than once. Other users of this machine
    /// can see it.
    #[arg(long, value_name = "NAME: VALUE")]
    pub header: Vec<String>,
    /// Another origin that the card may point to; may be given more than once.
    #[arg(long, value_name = "ORIGIN")]
    pub allow_origin: Vec<String>,
    /// Print JSON: the card, or one event a line.
    #[arg(long)]
    pub json: bool,
}

/// Options of `a2a card`.
#[derive(Clone, Debug, Parser)]
pub struct A2aCardArgs {
    #[command(flatten)]
    #[allow(missing_docs, reason = "its members are documented, and clap would take a text for the help")]
    pub target: A2aTargetArgs,
    /// Ask for the longer card that the agent shows those whom it knows.
    #[arg(long)]
    pub extended: bool,
}

/// Options of `a2a send`.
#[derive(Clone, Debug, Parser)]
pub struct A2aSendArgs {
    #[command(flatten)]
    #[allow(missing_docs, reason = "its members are documented, and clap would take a text for the help")]
    pub target: A2aTargetArgs,
    /// The message; `-` reads it from stdin.
    #[arg(value_name = "MESSAGE")]
    pub message: String,
    /// The task that the message answers.
    #[arg(long, value_name = "ID")]
    pub task: Option<String>,
    /// The conversation that it belongs to.
    #[arg(long, value_name = "ID")]
    pub context: Option<String>,
    /// How long the task may take.
    #[arg(long, value_name = "DURATION", default_value = "10m", value_parser = duration)]
    pub timeout: Duration,
}
