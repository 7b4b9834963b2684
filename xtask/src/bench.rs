//! `cargo xtask bench`: what the server costs, beside a bare one that writes the same bytes.
//!
//! Both are processes of their own, so that the CPU time of the server alone is read; they are measured in turns, so that
//! both meet the same machine. Figures of different machines, or of a busy one, say nothing: the ratio does.

#[cfg(any(test, feature = "bench"))]
mod chunked;
#[cfg(feature = "bench")]
mod driver;
#[cfg(feature = "bench")]
mod load;
#[cfg(feature = "bench")]
mod server;
#[cfg(any(test, feature = "bench"))]
mod usage;

#[cfg(feature = "bench")]
pub(crate) use driver::run;
#[cfg(feature = "bench")]
pub(crate) use server::{ServerOptions, serve};

/// What to measure.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// How long each server is measured, in seconds.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
    /// What the servers do.
    #[arg(long, value_enum, default_value_t)]
    scenario: Scenario,
    /// Connections at once.
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u64).range(1..=512))]
    connections: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
enum Scenario {
    /// A scripted agent: 1,000 typed events of 100 bytes a run, on the memory store.
    #[default]
    Scripted,
}

/// Builds the release form with what is measured, and runs that.
#[cfg(not(feature = "bench"))]
pub(crate) fn run(root: &std::path::Path, options: &Options) -> anyhow::Result<bool> {
    use clap::ValueEnum;
    let Options { seconds, scenario, connections } = options;
    let scenario = scenario.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
    println!("Builds the release form first; the first time takes minutes.");
    let mut command = crate::process::cargo();
    command.args(["run", "--release", "--package", "xtask", "--features", "bench", "--", "bench"]);
    command.args(["--seconds", &seconds.to_string(), "--connections", &connections.to_string()]);
    command.args(["--scenario", &scenario]).current_dir(root);
    // The build on two slow cores, then both servers.
    let limit = std::time::Duration::from_secs(30 * 60 + 4 * seconds);
    Ok(crate::process::stream(&mut command, limit, &mut |_| ())? == crate::process::Ended::Well)
}
