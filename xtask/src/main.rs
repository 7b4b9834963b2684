//! Project tasks: `cargo xtask test`, `tidy`, `bench`, `schema`.

mod bench;
mod process;
mod schema;
mod test;
mod tidy;

use anyhow::Context;
use clap::{Parser, Subcommand};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Project tasks")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Everything that must hold: format, lints, tests, tidy, and the published JavaScript clients.
    Test(test::Options),
    /// Checks over the tree: crate arrows, licences, sizes, words.
    Tidy,
    /// Measures the server against a bare one that writes the same bytes.
    Bench(bench::Options),
    /// Writes schema/, docs/limits.md and the tables of docs/configuration.md from the Rust types.
    Schema(schema::Options),
    /// One of the servers that `bench` measures.
    #[cfg(feature = "bench")]
    #[command(hide = true)]
    BenchServer(bench::ServerOptions),
}

fn main() -> anyhow::Result<ExitCode> {
    let cli = Cli::parse();
    let root = root()?;
    process::end_children_on_signals()?;
    let good = match cli.task {
        Task::Test(options) => test::run(&root, &options),
        Task::Tidy => tidy::report(&root)?,
        Task::Schema(options) => schema::run(&root, &options)?,
        Task::Bench(options) => bench::run(&root, &options)?,
        #[cfg(feature = "bench")]
        Task::BenchServer(options) => bench::serve(&options)?,
    };
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The root of the repository.
fn root() -> anyhow::Result<PathBuf> {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    Ok(manifest.parent().context("xtask lies in the root of the repository")?.to_owned())
}
