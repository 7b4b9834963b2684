//! `cargo xtask bench`: what the server costs, beside the least that a server can do.
//!
//! Every server is a process of its own on a core of its own, so that its CPU time alone is read; they are measured in
//! turns, so that all meet the same machine. Figures of different machines, or of a busy one, say nothing: the ratio does.

#[cfg(any(test, feature = "bench"))]
mod chunked;
#[cfg(feature = "bench")]
mod client;
#[cfg(feature = "bench")]
mod closed;
#[cfg(feature = "bench")]
mod driver;
#[cfg(feature = "bench")]
mod frames;
#[cfg(feature = "bench")]
mod lines;
#[cfg(feature = "bench")]
mod pin;
#[cfg(feature = "bench")]
mod report;
#[cfg(feature = "bench")]
mod server;
#[cfg(any(test, feature = "bench"))]
mod stats;
#[cfg(feature = "bench")]
mod target;
#[cfg(feature = "bench")]
mod upstream;
#[cfg(any(test, feature = "bench"))]
mod usage;

#[cfg(feature = "bench")]
pub(crate) use driver::run;
#[cfg(feature = "bench")]
pub(crate) use server::{ServerOptions, serve};

use clap::ValueEnum;

/// What to measure.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// How long each server is measured, in seconds.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
    /// What the servers do.
    #[arg(long, value_enum, default_value_t)]
    scenario: Scenario,
    /// Connections at once, where each asks for one run after the other.
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u64).range(1..=512))]
    connections: u64,
    /// Print the results as JSON on stdout.
    #[arg(long)]
    json: bool,
    /// Print the table of docs/performance.md on stdout.
    #[arg(long)]
    markdown: bool,
}

/// What the servers do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Scenario {
    /// An agent inside the server: 1,000 typed events of 100 bytes a run.
    #[default]
    Scripted,
    /// A remote AG-UI agent, runs of 100 deltas of 20 bytes, as fast as they come.
    ProxyClosed,
    /// The same with 50 messages of input.
    ProxyHistory,
    /// The built-in agent on a model server, runs of 100 deltas, as fast as they come.
    ModelClosed,
    /// Every one of them.
    All,
}

impl Scenario {
    /// What it stands for.
    #[cfg_attr(not(feature = "bench"), allow(dead_code, reason = "the build that measures asks"))]
    fn each(self) -> Vec<Self> {
        match self {
            Self::All => Self::value_variants().iter().copied().filter(|scenario| *scenario != Self::All).collect(),
            one => vec![one],
        }
    }
}

/// Builds the release form with what is measured, and runs that.
#[cfg(not(feature = "bench"))]
pub(crate) fn run(root: &std::path::Path, options: &Options) -> anyhow::Result<bool> {
    use crate::process::{Ended, cargo, stream};
    use std::time::Duration;

    eprintln!("Builds the release form first; the first time takes minutes.");
    let build = Duration::from_secs(30 * 60);
    let mut command = cargo();
    command.args(["build", "--release", "--package", "copilotkit-cli"]).current_dir(root);
    if stream(&mut command, build, &mut |_| ())? != Ended::Well {
        return Ok(false);
    }
    let mut command = cargo();
    command.args(["run", "--release", "--package", "xtask", "--features", "bench", "--", "bench"]);
    command.args(arguments(options)).current_dir(root);
    let scenarios = u32::try_from(options.scenario.each().len()).unwrap_or(u32::MAX);
    let limit = build + Duration::from_secs(120 + 10 * options.seconds) * scenarios;
    Ok(stream(&mut command, limit, &mut |_| ())? == Ended::Well)
}

/// The options as arguments of the command line.
#[cfg(any(test, not(feature = "bench")))]
fn arguments(options: &Options) -> Vec<String> {
    let Options { seconds, scenario, connections, json, markdown } = options;
    let scenario = scenario.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
    let mut arguments =
        vec![format!("--seconds={seconds}"), format!("--connections={connections}"), format!("--scenario={scenario}")];
    arguments.extend(json.then(|| "--json".to_owned()));
    arguments.extend(markdown.then(|| "--markdown".to_owned()));
    arguments
}
