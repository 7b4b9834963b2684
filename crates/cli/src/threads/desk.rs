//! Finding and opening the store, and what to do when that fails.

use super::Usage;
use super::terminal::clean;
use crate::args::{ServeArgs, StoreArgs};
use crate::config::{Config, StoreKind};
use crate::serve;
use anyhow::{Context as _, Result, anyhow, bail};
use copilotkit_runtime::store::sqlite::{ListedThread, Maintenance, OpenError, ThreadFilter};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The store of a configuration.
pub(super) struct Desk {
    pub(super) config: Config,
    pub(super) path: PathBuf,
}

impl Desk {
    /// Reads the configuration.
    pub(super) fn find(args: &StoreArgs) -> Result<Self> {
        let settings = ServeArgs { config: args.config.clone(), store: args.store.clone(), ..ServeArgs::default() };
        let (environment, lookup) = serve::environment();
        let config = serve::load(&settings, &environment, &lookup)?;
        if config.store.kind != StoreKind::Sqlite {
            bail!(
                "threads in memory are gone with their server, there is nothing to work on: name a file with --store sqlite:PATH"
            )
        }
        let path = PathBuf::from(&config.store.path);
        Ok(Self { config, path })
    }

    /// Only when there is a file.
    pub(super) fn existing(self) -> Result<Self> {
        if self.path.exists() {
            return Ok(self);
        }
        Err(anyhow!(
            "there is no thread store at {}: `copilotkit serve` makes it; --store sqlite:PATH or --config FILE name another one",
            self.path.display()
        ))
    }

    /// Opens the file for reading, beside a server.
    pub(super) fn read(&self) -> Result<Maintenance> {
        Maintenance::read(&self.path).map_err(anyhow::Error::new)
    }

    /// Opens the file for writing, alone.
    pub(super) fn write(&self) -> Result<Maintenance> {
        Maintenance::write(&self.path).map_err(|error| match error {
            OpenError::InUse { .. } => anyhow!(
                "{error}\n  a server that runs changes its threads itself: DELETE or PATCH {{base}}/threads/ID; list, show, export and prune --dry-run work beside it"
            ),
            error => error.into(),
        })
    }

    /// The one thread of an id.
    pub(super) fn thread(&self, store: &Maintenance, id: &str, principal: Option<&str>) -> Result<ListedThread> {
        let filter = ThreadFilter {
            id: Some(id.to_owned()),
            principal: principal.map(str::to_owned),
            include_archived: true,
            ..ThreadFilter::default()
        };
        let mut found = Vec::new();
        store.list(&filter, |thread| {
            found.push(thread);
            true
        })?;
        match found.len() {
            0 => {
                let whose = principal.map(|principal| format!(" of {}", clean(principal))).unwrap_or_default();
                let path = self.path.display();
                bail!(
                    "there is no thread {}{whose} in {path}: `copilotkit threads list --archived` shows all",
                    clean(id)
                )
            }
            1 => found.pop().context("the thread is gone"),
            _ => {
                let whose: Vec<_> = found.iter().map(|thread| clean(&thread.principal)).collect();
                let (id, whose) = (clean(id), whose.join(", "));
                bail!("several principals have a thread {id} ({whose}): say whose with --principal ID")
            }
        }
    }
}

/// Whether Ctrl-C was pressed.
#[derive(Clone, Debug, Default)]
pub(super) struct Stop(Arc<AtomicBool>);

impl Stop {
    pub(super) fn asked(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Does blocking work until it is done. Ctrl-C asks it to stop where nothing is left half done; pressed again it ends the
/// process at once, which the file bears too.
pub(super) async fn work<T: Send + 'static>(job: impl FnOnce(&Stop) -> Result<T> + Send + 'static) -> Result<T> {
    let stop = Stop::default();
    let asked = stop.clone();
    let mut working = tokio::task::spawn_blocking(move || job(&asked));
    loop {
        tokio::select! {
            done = &mut working => return done.context("the work was cut short")?,
            pressed = tokio::signal::ctrl_c() => {
                pressed.context("Ctrl-C cannot be watched")?;
                if stop.0.swap(true, Ordering::Relaxed) {
                    std::process::exit(1);
                }
            }
        }
    }
}

pub(crate) fn usage<T>(what: impl Into<String>) -> Result<T> {
    Err(Usage(what.into()).into())
}
