//! `copilotkit threads`.

use clap::{ArgGroup, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// What to do with the stored threads.
#[derive(Clone, Debug, Subcommand)]
pub enum ThreadsCommand {
    /// List threads, the last used first: a table on a terminal, otherwise a JSON object a line.
    List(ListArgs),
    /// Show what a thread holds: text on a terminal, otherwise JSON.
    Show(ShowArgs),
    /// Write threads with all that belongs to them to the standard output, as JSON lines.
    Export(ExportArgs),
    /// Take in the threads of an export: all of them, or none when one cannot be taken.
    Import(ImportArgs),
    /// Give threads to another principal, for example those of `anonymous` once people log in.
    Adopt(AdoptArgs),
    /// Delete threads.
    Delete(DeleteArgs),
    /// Delete threads that are too old or too many, those first that were not used for longest.
    Prune(PruneArgs),
    /// Write a copy of all threads to a file, also while the server runs.
    Backup(BackupArgs),
}

/// Which store.
#[derive(Clone, Debug, Default, Parser)]
pub struct StoreArgs {
    /// The configuration file (TOML) that names the store [default: copilotkit.toml in this folder, where there is one].
    #[arg(long, env = "COPILOTKIT_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The store: `sqlite:PATH` [default: sqlite:.copilotkit/threads.db].
    #[arg(long, value_name = "STORE", value_parser = super::store)]
    pub store: Option<String>,
}

/// How to show something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// Options of `threads list`.
#[derive(Clone, Debug, Parser)]
pub struct ListArgs {
    /// Which store.
    #[command(flatten)]
    pub store: StoreArgs,
    /// Only threads of this principal.
    #[arg(long, value_name = "ID")]
    pub principal: Option<String>,
    /// Only threads whose last run was of this agent.
    #[arg(long, value_name = "ID")]
    pub agent: Option<String>,
    /// Archived threads too.
    #[arg(long)]
    pub archived: bool,
    /// At most so many [default: 100 as a table, all as JSON].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub limit: Option<u64>,
    /// How [default: text on a terminal, otherwise json].
    #[arg(long, value_enum)]
    pub format: Option<Format>,
}

/// Options of `threads show`.
#[derive(Clone, Debug, Parser)]
pub struct ShowArgs {
    /// The thread.
    pub id: String,
    /// Whose, where several have one of this id.
    #[arg(long, value_name = "ID")]
    pub principal: Option<String>,
    /// Its AG-UI events instead of its messages, one a line, finished runs in their compact form.
    #[arg(long, conflicts_with = "state")]
    pub events: bool,
    /// Its shared state instead of its messages.
    #[arg(long)]
    pub state: bool,
    /// How [default: text on a terminal, otherwise json].
    #[arg(long, value_enum)]
    pub format: Option<Format>,
    /// Which store.
    #[command(flatten)]
    pub store: StoreArgs,
}

/// Options of `threads export`.
#[derive(Clone, Debug, Parser)]
#[command(group = ArgGroup::new("which").required(true).args(["ids", "all"]))]
pub struct ExportArgs {
    /// The threads.
    #[arg(value_name = "ID")]
    pub ids: Vec<String>,
    /// All threads, archived ones too.
    #[arg(long)]
    pub all: bool,
    /// Only threads of this principal.
    #[arg(long, value_name = "ID")]
    pub principal: Option<String>,
    /// Which store.
    #[command(flatten)]
    pub store: StoreArgs,
}

/// Options of `threads import`.
#[derive(Clone, Debug, Parser)]
pub struct ImportArgs {
    /// The export; `-` for the standard input.
    pub file: PathBuf,
    /// Delete threads of the same id first. Without it they are in the way.
    #[arg(long)]
    pub replace: bool,
    /// Give all of them to this principal.
    #[arg(long, value_name = "ID")]
    pub principal: Option<String>,
    /// Which store.
    #[command(flatten)]
    pub store: StoreArgs,
}

/// Options of `threads adopt`.
#[derive(Clone, Debug, Parser)]
pub struct AdoptArgs {
    /// Only these threads [default: all].
    #[arg(value_name = "ID")]
    pub ids: Vec<String>,
    /// Whose they are.
    #[arg(long, value_name = "ID", default_value = "anonymous")]
    pub from: String,
    /// Whose they become.
    #[arg(long, value_name = "ID")]
    pub to: String,
    /// Which store.
    #[command(flatten)]
    pub store: StoreArgs,
}

/// Options of `threads delete`.
#[derive(Clone, Debug, Parser)]
pub struct DeleteArgs {
    /// The threads.
    #[arg(value_name = "ID", required = true)]
    pub ids: Vec<String>,
    /// Whose, where several have one of this id.
    #[arg(long, value_name = "ID")]
    pub principal: Option<String>,
    /// Do not ask.
    #[arg(long, short)]
    pub yes: bool,
    /// Which store.
    #[command(flatten)]
    pub store: StoreArgs,
}

/// Options of `threads prune`.
#[derive(Clone, Debug, Parser)]
#[command(after_help = "Without --older-than and --max-threads it is what [threads] of the configuration says.")]
pub struct PruneArgs {
    /// Those that were not used for so long: `30d`, `12h`.
    #[arg(long, value_name = "TIME", value_parser = crate::config::duration)]
    pub older_than: Option<std::time::Duration>,
    /// Those beyond the N that were used last.
    #[arg(long, value_name = "N")]
    pub max_threads: Option<usize>,
    /// Only show which ones, also while a server runs.
    #[arg(long)]
    pub dry_run: bool,
    /// Do not ask.
    #[arg(long, short)]
    pub yes: bool,
    /// Which store.
    #[command(flatten)]
    pub store: StoreArgs,
}

/// Options of `threads backup`.
#[derive(Clone, Debug, Parser)]
pub struct BackupArgs {
    /// The copy; it must not be there yet.
    pub to: PathBuf,
    /// Which store.
    #[command(flatten)]
    pub store: StoreArgs,
}
