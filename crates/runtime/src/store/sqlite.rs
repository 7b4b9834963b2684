//! Threads in one SQLite file: they survive the process, and a `kill -9`.
//!
//! One thread writes what has piled up in one transaction; readers read beside it. An append is accepted in memory, where
//! readers see it, and is in the file within 50 ms or 64 KiB. TOOL_CALL_END, TOOL_CALL_RESULT, the terminal event and
//! everything that is not a frame are on the disk before their call returns, and frames of that kind before a reader sees
//! them. One process has the file at a time.
//!
//! ```
//! # use copilotkit_runtime::store::sqlite::{SqliteOptions, SqliteStore};
//! # let folder = tempfile::tempdir().unwrap();
//! let store = SqliteStore::open(SqliteOptions::new(folder.path().join("threads.db"))).unwrap();
//! assert_eq!(store.interrupted(), 0);
//! ```

mod attachments;
mod backup;
mod chunk;
mod fault;
mod index;
mod jobs;
mod live;
mod log;
mod maintenance;
mod open_error;
mod place;
mod prune;
mod readers;
mod reads;
mod replays;
mod schema;
mod slots;
mod upkeep;
mod writer;

pub use backup::copy;
pub use maintenance::{
    EXPORT_VERSION, ExportedThread, ImportOptions, Imported, ListedThread, Maintenance, MaintenanceError, ThreadFilter,
    Watch,
};
pub use open_error::OpenError;

use super::StoreError;
use crate::limits;
use fault::Fault;
use jobs::{Reply, Save};
use place::Place;
use readers::Readers;
use replays::Replays;
use slots::{Slot, Slots};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::{Semaphore, oneshot};
use upkeep::Upkeep;
use writer::{Inbox, Job};

/// What a [`SqliteStore`] is opened with.
#[derive(Clone, Debug)]
pub struct SqliteOptions {
    /// The file. Its folder is made when it is not there.
    pub path: PathBuf,
    /// How long the single events of a finished run are kept beside its compact form.
    pub raw_kept: Duration,
    /// How often old runs are put into their compact form, and room is given back.
    pub upkeep_every: Duration,
    /// The most connections that read at once.
    pub readers: usize,
    /// The largest size of the file, in bytes; `None` for as large as the disk allows.
    pub max_file: Option<u64>,
}

impl SqliteOptions {
    /// A file with what is usual.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            raw_kept: limits::SQLITE_RAW_KEPT,
            upkeep_every: Duration::from_secs(60),
            readers: limits::SQLITE_READERS,
            max_file: None,
        }
    }
}

/// A store in an SQLite file. Dropping it writes what is left and waits for that.
pub struct SqliteStore {
    inner: Arc<Inner>,
    writer: Option<JoinHandle<()>>,
    upkeep: Option<JoinHandle<()>>,
    interrupted: usize,
}

/// What the store, its writer and its upkeep share.
struct Inner {
    slots: Slots,
    inbox: Inbox,
    readers: Arc<Readers>,
    /// Our number of this opening of the file.
    instance: i64,
    raw_kept: Duration,
    upkeep: Upkeep,
    /// Compact forms that readers made and that are not written yet: each may be large.
    compacting: Arc<Semaphore>,
    replays: Replays,
    place: Place,
}

/// Compact forms that may wait to be written.
const COMPACTING: usize = 8;

impl SqliteStore {
    /// Opens the file, or makes it; looks it over, brings it to the latest schema and closes the runs that a process
    /// left behind. Blocks for as long as that takes: for a large file some seconds.
    ///
    /// # Errors
    /// When another process has the file, when it cannot be used, and when it is none of ours: see [`OpenError`].
    pub fn open(options: SqliteOptions) -> Result<Self, OpenError> {
        let place = Place::take(&options.path)?;
        let mut connection = schema::open(&place.path, options.max_file)?;
        let database = |cause| OpenError::Database { path: place.path.clone(), cause };
        let instance = connection
            .query_row("UPDATE meta SET value = value + 1 WHERE name = 'instance' RETURNING value", [], |row| {
                row.get(0)
            })
            .map_err(database)?;
        let interrupted = jobs::close_interrupted(&mut connection).map_err(database)?;
        if interrupted > 0 {
            tracing::warn!(runs = interrupted, "runs that a process left behind were closed");
        }
        let inner = Arc::new(Inner {
            slots: Slots::default(),
            inbox: Inbox::default(),
            readers: Arc::new(Readers::new(place.path.clone(), options.readers)),
            instance,
            raw_kept: options.raw_kept,
            upkeep: Upkeep::new(options.upkeep_every),
            compacting: Arc::new(Semaphore::new(COMPACTING)),
            replays: Replays::default(),
            place,
        });
        let mut store = Self { inner, writer: None, upkeep: None, interrupted };
        let inner = store.inner.clone();
        let started = std::thread::Builder::new().name("sqlite-writer".to_owned());
        let path = &options.path;
        let unusable = |cause| OpenError::Unusable { path: path.clone(), at: path.clone(), cause };
        let wal = store.inner.place.wal().map_err(unusable)?;
        let writer = started.spawn(move || writer::run(connection, wal, &inner.inbox));
        store.writer = Some(writer.map_err(unusable)?);
        let inner = store.inner.clone();
        let started = std::thread::Builder::new().name("sqlite-upkeep".to_owned());
        store.upkeep = Some(started.spawn(move || upkeep::run(&inner)).map_err(unusable)?);
        Ok(store)
    }

    /// The file, as an absolute path.
    pub fn path(&self) -> &Path {
        &self.inner.place.path
    }

    /// How many runs a former process had left behind when the file was opened; they were closed then.
    pub fn interrupted(&self) -> usize {
        self.interrupted
    }

    /// Hands a job to the writer and waits for its answer.
    async fn ask<T>(&self, job: impl FnOnce(Reply<T>) -> Box<dyn Job>) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        self.inner.inbox.send(job(reply)).await?;
        match tokio::time::timeout(writer::PATIENCE, answer).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(Fault::Silent("the thread store was closed").into()),
            Err(_) => Err(Fault::Silent("the disk of the thread store does not answer").into()),
        }
    }

    /// Writes what a thread has, and waits for that.
    async fn save(&self, slot: &Arc<Slot>) -> Result<(), StoreError> {
        self.ask(|reply| Box::new(Save::awaited(slot.clone(), reply))).await
    }
}

impl std::fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SqliteStore").field("path", &self.inner.place.path).finish_non_exhaustive()
    }
}

impl Drop for SqliteStore {
    fn drop(&mut self) {
        self.inner.upkeep.stop();
        // First: it may wait for the writer.
        for thread in [self.upkeep.take(), self.writer.take()].into_iter().flatten() {
            self.inner.inbox.stop();
            if thread.join().is_err() {
                tracing::error!("a thread of the SQLite store ended with a panic");
            }
        }
    }
}
