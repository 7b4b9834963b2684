//! `copilotkit threads`: work on the file of the store.

pub(crate) mod desk;
mod list;
mod remove;
mod show;
pub(crate) mod terminal;
mod transfer;

use crate::args::{BackupArgs, ThreadsCommand};
use anyhow::{Context as _, Result};
use copilotkit_runtime::store::sqlite;
use desk::Desk;
use std::fmt;
use std::io::ErrorKind;

/// The command line makes no sense: another exit code than that of what failed.
#[derive(Debug)]
pub struct Usage(pub(crate) String);

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}

/// Does it.
///
/// # Errors
/// A wrong configuration, a store that is none, is in memory or is in use, a thread that is not there; [`Usage`] where
/// the command line makes no sense.
pub async fn run(command: ThreadsCommand) -> Result<()> {
    let done = match command {
        ThreadsCommand::List(args) => list::list(args).await,
        ThreadsCommand::Show(args) => show::show(args).await,
        ThreadsCommand::Export(args) => transfer::export(args).await,
        ThreadsCommand::Import(args) => transfer::import(args).await,
        ThreadsCommand::Adopt(args) => transfer::adopt(args).await,
        ThreadsCommand::Delete(args) => remove::delete(args).await,
        ThreadsCommand::Prune(args) => remove::prune(args).await,
        ThreadsCommand::Backup(args) => backup(args).await,
    };
    match done {
        // Whoever read, like `head`, has enough.
        Err(error) if is_broken_pipe(&error) => Ok(()),
        done => done,
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let kind = |cause: &(dyn std::error::Error + 'static)| match cause.downcast_ref::<sqlite::MaintenanceError>() {
        Some(sqlite::MaintenanceError::Io(cause)) => Some(cause.kind()),
        _ => cause.downcast_ref::<std::io::Error>().map(std::io::Error::kind),
    };
    error.chain().any(|cause| kind(cause) == Some(ErrorKind::BrokenPipe))
}

/// Writes a copy of the store, also while a server uses it.
async fn backup(args: BackupArgs) -> Result<()> {
    let (from, to) = (Desk::find(&args.store)?.existing()?.path, args.to);
    let copy = to.clone();
    let copying = tokio::task::spawn_blocking(move || sqlite::copy(&from, &copy));
    copying.await.context("the copy was cut short")??;
    eprintln!("copilotkit: all threads were copied to {}", to.display());
    Ok(())
}
