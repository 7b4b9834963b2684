//! The store of a configuration, and what is done about its size.

use crate::config::{Config, StoreKind};
use anyhow::{Context as _, Result};
use copilotkit_runtime::Store;
use copilotkit_runtime::store::sqlite::{OpenError, SqliteOptions, SqliteStore};
use copilotkit_runtime::store::{MemoryStore, Retention, RetentionPolicy};
use std::sync::Arc;
use std::time::Duration;

/// How often threads that are too old or too many are looked for.
const PRUNE_EVERY: Duration = Duration::from_secs(10 * 60);

/// A store that was opened.
pub struct OpenedStore {
    /// For the lifecycle.
    pub store: Arc<dyn Store>,
    /// Where it is, for people.
    pub place: String,
    retention: Arc<dyn Retention>,
    policy: RetentionPolicy,
}

/// A file that cannot be used, with what to do about it.
#[derive(Debug, thiserror::Error)]
#[error(
    "{0}\n  to mend it: --store sqlite:PATH names another file, --store memory keeps threads only until the server stops"
)]
pub struct Unopened(pub OpenError);

/// Opens the store of a configuration.
///
/// # Errors
/// [`Unopened`].
pub async fn open_store(config: &Config) -> Result<OpenedStore> {
    let policy = retention_policy(config);
    match config.store.kind {
        StoreKind::Memory => {
            let store = Arc::new(MemoryStore::default());
            let place = "memory: threads are gone when the server stops".to_owned();
            Ok(OpenedStore { store: store.clone(), place, retention: store, policy })
        }
        StoreKind::Sqlite => {
            let options = SqliteOptions::new(&config.store.path);
            let opening = tokio::task::spawn_blocking(move || SqliteStore::open(options));
            let store = opening.await.context("the thread store was not opened")?.map_err(Unopened)?;
            let store = Arc::new(store);
            let place = format!("sqlite: {}", store.path().display());
            Ok(OpenedStore { store: store.clone(), place, retention: store, policy })
        }
    }
}

/// How long the threads of a configuration are kept.
pub fn retention_policy(config: &Config) -> RetentionPolicy {
    let threads = &config.threads;
    RetentionPolicy {
        max_age: threads.max_age.map(|age| age.0),
        max_threads: Some(threads.max_threads).filter(|most| *most > 0),
        max_bytes: threads.max_bytes.map(|most| most.0 as u64),
    }
}

impl OpenedStore {
    /// Deletes what the configuration does not keep, now and again. Never ends.
    pub async fn prune(&self) {
        while !self.policy.keeps_all() {
            match self.retention.prune(&self.policy).await {
                Ok(0) => {}
                Ok(threads) => tracing::info!(threads, "old threads were deleted, as [threads] says"),
                Err(error) => tracing::warn!(%error, "old threads could not be deleted"),
            }
            tokio::time::sleep(PRUNE_EVERY).await;
        }
        std::future::pending().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Sources, StoreConfig};

    fn config(text: &str) -> Config {
        let file = Some(("copilotkit.toml".into(), text.to_owned()));
        let environment = Arc::new(|_: &str| None);
        Config::load(Sources { file, overrides: Vec::new(), flags: Vec::new(), environment }).unwrap()
    }

    #[test]
    fn what_is_not_set_is_kept() {
        assert!(retention_policy(&config("")).keeps_all());
        assert!(retention_policy(&config("[threads]\nmax_age = \"\"\nmax_threads = 0\nmax_bytes = \"\"")).keeps_all());
        let set = retention_policy(&config("[threads]\nmax_age = \"30days\"\nmax_threads = 9\nmax_bytes = \"1GiB\""));
        let expected = RetentionPolicy {
            max_age: Some(Duration::from_secs(30 * 24 * 60 * 60)),
            max_threads: Some(9),
            max_bytes: Some(1 << 30),
        };
        assert_eq!(set, expected);
    }

    #[tokio::test]
    async fn a_file_that_cannot_be_used_is_told_with_the_remedy() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("file"), "").unwrap();
        let path = folder.path().join("file/threads.db").display().to_string();
        let config =
            Config { store: StoreConfig { path: path.clone(), ..StoreConfig::default() }, ..Config::default() };
        let error = open_store(&config).await.err().expect("a file is no folder").to_string();
        assert!(error.contains(&path) && error.contains("--store memory"), "{error}");
    }
}
