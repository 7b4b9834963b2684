//! `cargo xtask bench`: what the server costs, beside the least that a server can do.
//!
//! Every server is a process of its own on a core of its own, so that its CPU time alone is read; they are measured in
//! turns, so that all meet the same machine. Figures of different machines, or of a busy one, say nothing: the ratio does.

#[cfg(any(test, feature = "bench"))]
#[cfg_attr(not(feature = "bench"), allow(dead_code, reason = "only the build that measures uses all of it"))]
mod chunked;
#[cfg(feature = "bench")]
mod client;
#[cfg(feature = "bench")]
mod closed;
#[cfg(feature = "bench")]
mod driver;
#[cfg(any(test, feature = "bench"))]
#[cfg_attr(not(feature = "bench"), allow(dead_code, reason = "only the build that measures uses all of it"))]
mod frames;
#[cfg(feature = "bench")]
mod growing;
#[cfg(feature = "bench")]
mod info;
#[cfg(any(test, feature = "bench"))]
#[cfg_attr(not(feature = "bench"), allow(dead_code, reason = "only the build that measures uses all of it"))]
mod lines;
#[cfg(feature = "bench")]
mod open;
#[cfg(feature = "bench")]
mod paced;
#[cfg(feature = "bench")]
mod peers;
#[cfg(feature = "bench")]
mod pin;
#[cfg(any(test, feature = "bench"))]
#[cfg_attr(not(feature = "bench"), allow(dead_code, reason = "only the build that measures uses all of it"))]
mod report;
#[cfg(feature = "bench")]
mod server;
#[cfg(feature = "bench")]
mod setup;
#[cfg(feature = "bench")]
mod start;
#[cfg(any(test, feature = "bench"))]
#[cfg_attr(not(feature = "bench"), allow(dead_code, reason = "only the build that measures uses all of it"))]
mod stats;
#[cfg(feature = "bench")]
mod target;
#[cfg(feature = "bench")]
mod upstream;
#[cfg(any(test, feature = "bench"))]
#[cfg_attr(not(feature = "bench"), allow(dead_code, reason = "only the build that measures uses all of it"))]
mod usage;
#[cfg(any(test, feature = "bench"))]
#[cfg_attr(not(feature = "bench"), allow(dead_code, reason = "only the build that measures uses all of it"))]
mod who;

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
    /// Another runtime that is measured beside ours; what it needs is installed into target/bench-peer.
    #[arg(long, value_enum)]
    peer: Option<Peer>,
    /// Another build of our server, in place of the one that is built now.
    #[arg(long)]
    binary: Option<std::path::PathBuf>,
    /// Threads of our server in an SQLite file, in place of memory.
    #[arg(long)]
    sqlite: bool,
    /// Print the results as JSON on stdout.
    #[arg(long)]
    json: bool,
    /// Print the table of docs/performance.md on stdout.
    #[arg(long)]
    markdown: bool,
}

/// Another runtime.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Peer {
    /// The reference runtime, from npm. Needs node and npm.
    Node,
    /// A relay of AG-UI events in FastAPI, from fixtures/bench/python. Needs python3.
    Python,
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
    /// 50 streams of 50 events a second from that agent: cost and latency of an event that comes alone.
    ProxyPaced,
    /// The built-in agent on a model server, runs of 100 deltas, as fast as they come.
    ModelClosed,
    /// 50 streams of 50 events a second from that model.
    ModelPaced,
    /// How many streams of 50 events a second one core carries.
    Streams,
    /// Replays of a thread of 10,100 events.
    Connect,
    /// 2,000 open streams of one event a second: memory and latency.
    Open,
    /// The same from a model server, on the built-in agent.
    ModelOpen,
    /// GET /info.
    Info,
    /// From the start of the process to its first answer; memory when idle; size of the binary.
    Start,
    /// 200 runs of a thread that sends its whole history each time.
    Growing,
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
    let Options { seconds, scenario, connections, peer, binary, sqlite, json, markdown } = options;
    let name = |value: Option<clap::builder::PossibleValue>| value.map(|value| value.get_name().to_owned());
    let scenario = name(scenario.to_possible_value()).unwrap_or_default();
    let mut arguments =
        vec![format!("--seconds={seconds}"), format!("--connections={connections}"), format!("--scenario={scenario}")];
    arguments.extend(peer.and_then(|peer| name(peer.to_possible_value())).map(|peer| format!("--peer={peer}")));
    arguments.extend(binary.as_ref().map(|path| format!("--binary={}", path.display())));
    arguments.extend(sqlite.then(|| "--sqlite".to_owned()));
    arguments.extend(json.then(|| "--json".to_owned()));
    arguments.extend(markdown.then(|| "--markdown".to_owned()));
    arguments
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        options: Options,
    }

    fn parse(arguments: &[&str]) -> Options {
        Command::try_parse_from([&["bench"], arguments].concat()).unwrap().options
    }

    #[test]
    fn arguments_go_on_as_they_came() {
        for given in [
            &["--seconds=10", "--connections=16", "--scenario=scripted"][..],
            &[
                "--seconds=5",
                "--connections=3",
                "--scenario=proxy-closed",
                "--peer=node",
                "--binary=/a b",
                "--sqlite",
                "--json",
                "--markdown",
            ],
        ] {
            assert_eq!(arguments(&parse(given)), given);
        }
        assert_eq!(arguments(&parse(&[])), ["--seconds=10", "--connections=16", "--scenario=scripted"]);
        assert!(Command::try_parse_from(["bench", "--scenario", "nonsense"]).is_err());
    }

    #[test]
    fn all_stands_for_every_other() {
        let all = Scenario::All.each();
        assert_eq!(all.len(), 13);
        assert!(!all.contains(&Scenario::All));
        assert_eq!(Scenario::Info.each(), [Scenario::Info]);
    }
}
