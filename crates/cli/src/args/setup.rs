//! `copilotkit init`, `check` and `healthcheck`.

use super::{ServeArgs, duration};
use clap::Parser;
use std::path::PathBuf;
use std::time::Duration;

/// Options of `init`.
#[derive(Clone, Debug, Default, Parser)]
pub struct InitArgs {
    /// The file to write.
    #[arg(value_name = "FILE", default_value = "copilotkit.toml")]
    pub file: PathBuf,
    /// The provider of the default agent's model: openai, deepseek, ollama … or demo [default: asked on a terminal,
    /// otherwise demo].
    #[arg(long)]
    pub provider: Option<String>,
    /// The default agent's model, as the provider calls it.
    #[arg(long)]
    pub model: Option<String>,
    /// Where the provider is, for any OpenAI-compatible service.
    #[arg(long, value_name = "URL")]
    pub base_url: Option<String>,
    /// Replace the file when it is there.
    #[arg(long)]
    pub force: bool,
}

/// Options of `check`.
#[derive(Clone, Debug, Default, Parser)]
pub struct CheckArgs {
    /// What to check: the same options as `serve`.
    #[command(flatten)]
    pub serve: ServeArgs,
    /// Print JSON in the place of a table.
    #[arg(long)]
    pub json: bool,
    /// How long one thing may take to answer.
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = duration)]
    pub timeout: Duration,
    /// Only what needs no network: the file, the keys that it needs, the store.
    #[arg(long)]
    pub offline: bool,
}

/// Options of `healthcheck`.
#[derive(Clone, Debug, Parser)]
pub struct HealthArgs {
    /// The server [default: the address of the configuration, on this machine].
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,
    /// The configuration file (TOML), for the address [default: copilotkit.toml in this folder, where there is one].
    #[arg(long, env = "COPILOTKIT_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Ask /ready, which fails while the server stops, in the place of /health.
    #[arg(long)]
    pub ready: bool,
    /// How long the answer may take.
    #[arg(long, value_name = "DURATION", default_value = "3s", value_parser = duration)]
    pub timeout: Duration,
}
