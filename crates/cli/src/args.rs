//! The command line.

mod a2a;
mod chat;
mod mcp;
mod setup;
mod threads;

pub use a2a::*;
pub use chat::ChatArgs;
pub use mcp::*;
pub use setup::{CheckArgs, HealthArgs, InitArgs};
pub use threads::*;

use clap::{Parser, Subcommand};
use secrecy::SecretString;
use std::path::PathBuf;
use std::time::Duration;
use toml::Value;

/// The CopilotKit runtime: agents for CopilotKit and AG-UI frontends, in one binary.
#[derive(Debug, Parser)]
#[command(name = "copilotkit", version, arg_required_else_help = true, max_term_width = 100)]
pub struct Args {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve agents to CopilotKit and AG-UI frontends.
    ///
    /// Without any option it listens on http://127.0.0.1:8000 with one agent, `default`, on the demo model: no key and
    /// no network needed.
    #[command(after_help = "Examples:
  copilotkit serve
  copilotkit serve --provider openai --model gpt-4o          (key in OPENAI_API_KEY)
  copilotkit serve --provider ollama --model llama3.2
  copilotkit serve --config copilotkit.toml --port 9000

Every key of the file can be set by a variable too: COPILOTKIT_SERVER__PORT=9000 is [server] port.
A flag beats a variable, a variable beats the file. COPILOTKIT_LOG=debug shows more.")]
    Serve(ServeArgs),
    /// Write a configuration file with a comment for every key that is often needed.
    #[command(after_help = "Examples:
  copilotkit init
  copilotkit init --provider openai --model gpt-4o
  copilotkit init deploy/copilotkit.toml --provider ollama --force")]
    Init(InitArgs),
    /// Check the configuration, and whether everything in it answers: providers, agents, tools, the store.
    ///
    /// Nothing is changed, and agents and tools are not run. Exit status: 0 all works, 1 something does not, 2 the command
    /// line is wrong.
    Check(CheckArgs),
    /// Talk to an agent on the terminal.
    #[command(after_help = "Examples:
  copilotkit chat                                             (the local configuration, in this process)
  copilotkit chat --url http://127.0.0.1:8000/copilotkit      (a CopilotKit runtime, this one or Node's)
  copilotkit chat --url http://127.0.0.1:9000/                (an AG-UI agent)
  copilotkit chat --json \"Where is my order?\" | jq -r .type
  echo \"Where is my order?\" | copilotkit chat

/help in the chat says what else there is. Ctrl-C stops a run; at the prompt, twice leaves.
Exit status: 0 done, 1 it failed, 2 the command line is wrong, 3 the run waits for an answer that nobody can give here
(copilotkit chat --thread ID ANSWER gives it), 130 after Ctrl-C.")]
    Chat(ChatArgs),
    /// Ask a server whether it is well, for containers: exit status 0 or 1.
    Healthcheck(HealthArgs),
    /// Work on the stored threads.
    #[command(
        subcommand,
        after_help = "list, show, export, backup and prune --dry-run work while a server uses the store; the others need it alone.
Exit status: 0 done, 1 it failed or was refused, 2 the command line is wrong."
    )]
    Threads(ThreadsCommand),
    /// Talk to a remote A2A agent.
    #[command(subcommand)]
    A2a(A2aCommand),
    /// See what MCP servers offer, and try it.
    #[command(
        subcommand,
        after_help = "Examples:
  copilotkit mcp list
  copilotkit mcp inspect files
  copilotkit mcp call files read_file '{\"path\":\"README.md\"}'

The servers are those of the configuration, [mcp.NAME]. What is written is a table on a terminal, otherwise JSON lines.
Exit status: 0 done, 1 a server or a tool failed, 2 the command line is wrong."
    )]
    Mcp(McpCommand),
}

/// Options of `serve`.
#[derive(Clone, Debug, Default, Parser)]
pub struct ServeArgs {
    /// The configuration file (TOML) [default: copilotkit.toml in this folder, where there is one].
    #[arg(long, env = "COPILOTKIT_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The address to listen on [default: 127.0.0.1].
    #[arg(long, value_name = "ADDRESS")]
    pub host: Option<String>,
    /// The port to listen on; 0 lets the system choose [default: 8000].
    #[arg(long)]
    pub port: Option<u16>,
    /// Where the routes begin; may be given more than once [default: /copilotkit and /api/copilotkit].
    #[arg(long, value_name = "PATH")]
    pub base_path: Vec<String>,
    /// The provider of the default agent's model: openai, deepseek, groq, ollama … or demo.
    #[arg(long)]
    pub provider: Option<String>,
    /// The default agent's model, as the provider calls it [default: one that is widely known, such as gpt-4o of openai; the
    /// banner names it].
    #[arg(long)]
    pub model: Option<String>,
    /// The provider's key. Other users of this machine can see it: better set the provider's variable.
    #[arg(long, value_name = "KEY")]
    pub api_key: Option<SecretString>,
    /// Where the provider is, for any OpenAI-compatible service.
    #[arg(long, value_name = "URL")]
    pub base_url: Option<String>,
    /// Origins whose pages may use the server, separated by commas or blanks; `*` for all, which then send no credentials
    /// [default: pages of this machine].
    #[arg(long, value_name = "ORIGINS", value_delimiter = ',', num_args = 1..)]
    pub cors_origins: Vec<String>,
    /// Where threads live: `sqlite:PATH` or `memory` [default: sqlite:.copilotkit/threads.db].
    #[arg(long, value_name = "STORE", value_parser = store)]
    pub store: Option<String>,
}

/// Where threads live: `memory`, or a file as `sqlite:PATH`.
fn store(text: &str) -> Result<String, String> {
    match text.split_once(':') {
        _ if text == "memory" || text == "sqlite" => Ok(text.to_owned()),
        Some(("sqlite", path)) if !path.is_empty() => Ok(text.to_owned()),
        Some((kind, _)) if kind.len() > 1 && !kind.contains(['/', '\\', '.']) => {
            Err("threads are kept in a file, sqlite:PATH, or in memory".to_owned())
        }
        _ => Err(format!("for a file write sqlite:{text}")),
    }
}

/// A duration as people write it on a command line: `500ms`, `3s`, or a number of seconds.
fn duration(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    let found = seconds.map_or_else(|| humantime::parse_duration(text), Ok);
    match found {
        Ok(time) if time.is_zero() => Err("nothing is done in no time, write it like 5s".to_owned()),
        Ok(time) => Ok(time),
        Err(_) => Err(format!("`{text}` is not a duration, write it like 5s or 500ms")),
    }
}

impl ServeArgs {
    /// The keys that flags set.
    pub(crate) fn keys(&self) -> Vec<(&'static str, Vec<&'static str>, Value)> {
        let list = |items: &[String]| Value::Array(items.iter().cloned().map(Value::String).collect());
        let mut keys = Vec::new();
        let mut set = |flag, path: &[&'static str], value| keys.push((flag, path.to_vec(), value));
        if let Some(host) = &self.host {
            set("--host", &["server", "host"], Value::String(host.clone()));
        }
        if let Some(port) = self.port {
            set("--port", &["server", "port"], Value::Integer(port.into()));
        }
        if !self.base_path.is_empty() {
            set("--base-path", &["server", "base_path"], list(&self.base_path));
        }
        if !self.cors_origins.is_empty() {
            set("--cors-origins", &["server", "cors_origins"], list(&self.cors_origins));
            if self.cors_origins.iter().any(|origin| origin == "*") {
                // Who says so on the command line knows that any page may ask; none is to act as its visitor.
                set("--cors-origins", &["server", "allow_credentials"], Value::Boolean(false));
            }
        }
        if let Some(store) = &self.store {
            let (kind, path) = match store.split_once(':') {
                Some((kind, path)) => (kind, Some(path)),
                None => (store.as_str(), None),
            };
            set("--store", &["store", "kind"], Value::String(kind.to_owned()));
            if let Some(path) = path {
                set("--store", &["store", "path"], Value::String(path.to_owned()));
            }
        }
        keys
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_numbers_of_seconds_or_have_a_unit() {
        for (text, millis) in [("3", 3_000), ("3s", 3_000), ("500ms", 500), ("0.5", 500), ("1m 30s", 90_000)] {
            assert_eq!(duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for text in ["", "soon", "-1", "0", "0s", "inf"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_store_that_is_none_is_told_how_it_is_written() {
        for text in ["memory", "sqlite", "sqlite:a/b.db", "sqlite:C:\\x.db"] {
            assert_eq!(store(text).as_deref(), Ok(text));
        }
        assert_eq!(store("threads.db").unwrap_err(), "for a file write sqlite:threads.db");
        assert_eq!(store("./a:b.db").unwrap_err(), "for a file write sqlite:./a:b.db");
        assert!(store("postgres://localhost/x").unwrap_err().contains("sqlite:PATH"));
        assert!(store("sqlite:").is_err());
    }
}
