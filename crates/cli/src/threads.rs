//! `copilotkit threads`.

use crate::args::{BackupArgs, ServeArgs};
use crate::config::StoreKind;
use crate::serve;
use anyhow::{Context as _, Result, bail};
use copilotkit_runtime::store::sqlite;
use std::path::PathBuf;

/// Writes a copy of the store, also while a server uses it.
///
/// # Errors
/// A wrong configuration, a store that is none or is in memory, a copy that is there already or cannot be written.
pub async fn backup(args: BackupArgs) -> Result<()> {
    let settings = ServeArgs { config: args.config, store: args.store, ..ServeArgs::default() };
    let (environment, lookup) = serve::environment();
    let config = serve::load(&settings, &environment, &lookup)?;
    if config.store.kind != StoreKind::Sqlite {
        bail!("threads in memory are gone with their server: only a store of the kind `sqlite` can be copied")
    }
    let (from, to) = (PathBuf::from(config.store.path), args.to);
    let copy = to.clone();
    let copying = tokio::task::spawn_blocking(move || sqlite::copy(&from, &copy));
    copying.await.context("the copy was cut short")??;
    eprintln!("copilotkit: all threads were copied to {}", to.display());
    Ok(())
}
