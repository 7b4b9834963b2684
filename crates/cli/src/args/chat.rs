//! `copilotkit chat`.

use clap::Parser;
use clap::builder::NonEmptyStringValueParser;
use std::path::PathBuf;

/// Options of `chat`.
#[derive(Clone, Debug, Default, Parser)]
pub struct ChatArgs {
    /// What to say; without it the words are read from the terminal, or from the standard input.
    #[arg(value_name = "MESSAGE")]
    pub message: Option<String>,
    /// A CopilotKit runtime (its base path), or an AG-UI agent [default: the local configuration, in this process].
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,
    /// The agent [default: `default`, or the only one].
    #[arg(long, value_name = "ID")]
    pub agent: Option<String>,
    /// The thread to go on with [default: a new one].
    #[arg(long, value_name = "ID", value_parser = NonEmptyStringValueParser::new())]
    pub thread: Option<String>,
    /// The environment variable of a bearer token for the server.
    #[arg(long, value_name = "VARIABLE")]
    pub token_env: Option<String>,
    /// Print the AG-UI events as JSON, one a line, and nothing else. The standard input is one message.
    #[arg(long)]
    pub json: bool,
    /// The configuration file (TOML), for a chat without --url [default: copilotkit.toml in this folder, where there is one].
    // No conflict with --url: the variable may be set for the other commands.
    #[arg(long, env = "COPILOTKIT_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Where threads live, for a chat without --url: `sqlite:PATH` or `memory`.
    #[arg(long, value_name = "STORE", value_parser = super::store, conflicts_with = "url")]
    pub store: Option<String>,
}
