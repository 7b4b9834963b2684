//! Work on the file that no server does: over the threads of all principals, on the caller's own thread.

mod export;
mod format;
mod import;

pub use export::ExportedThread;
pub use format::VERSION as EXPORT_VERSION;
pub use import::{ImportOptions, Imported};

use super::fault::Fault;
use super::jobs::{self, delete_rows, millis};
use super::place::Place;
use super::reads::{self, RECORD, record};
use super::{OpenError, schema};
use crate::limits;
use crate::store::retention::Excess;
use crate::store::{Frame, ReadLog, RetentionPolicy, StoreError, ThreadKey, ThreadRecord, compact_run};
use rusqlite::{Connection, OptionalExtension as _, Row, TransactionBehavior, params};
use std::path::Path;
use std::sync::Arc;

/// Pages of the file that are given back to the disk between two questions whether to go on.
const SHRINK: u32 = 4096;

/// The file of a store, opened to look after it. All of it blocks.
#[derive(Debug)]
pub struct Maintenance {
    // Closed before the lock is freed.
    connection: Connection,
    place: Option<Place>,
}

/// Is called now and then with how many threads are done; false ends the work, which leaves no thread half done.
pub type Watch<'a> = &'a mut dyn FnMut(u64) -> bool;

/// Which threads to list, over all principals.
#[derive(Clone, Debug, Default)]
pub struct ThreadFilter {
    /// Only those with this id.
    pub id: Option<String>,
    /// Only those of this principal.
    pub principal: Option<String>,
    /// Only those whose last run was of this agent.
    pub agent_id: Option<String>,
    /// Archived ones too.
    pub include_archived: bool,
    /// At most so many; `None` for all.
    pub limit: Option<u64>,
}

/// A thread and how large it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedThread {
    /// Whose it is.
    pub principal: Arc<str>,
    /// What is known of it.
    pub record: ThreadRecord,
    /// How many runs it has.
    pub runs: u64,
    /// True while a run of it has not ended.
    pub live: bool,
    /// How many bytes of events it has.
    pub bytes: u64,
}

impl ListedThread {
    /// Its key.
    pub fn key(&self) -> ThreadKey {
        ThreadKey { principal: self.principal.clone(), thread_id: self.record.id.clone() }
    }
}

/// Why work on the file ended.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MaintenanceError {
    /// A thread of that id is in the way.
    #[error("the thread {thread_id} of {principal} is there already")]
    Exists {
        /// Whose.
        principal: String,
        /// Its id.
        thread_id: String,
    },
    /// A line of an export cannot be used.
    #[error("line {line}: {what}")]
    Line {
        /// Its number, from one on.
        line: u64,
        /// What is wrong with it.
        what: String,
    },
    /// The export could not be read or written.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// It was asked to stop.
    #[error("stopped")]
    Stopped,
    /// The store could not be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<Fault> for MaintenanceError {
    fn from(fault: Fault) -> Self {
        Self::Store(fault.into())
    }
}

impl From<rusqlite::Error> for MaintenanceError {
    fn from(error: rusqlite::Error) -> Self {
        Fault::from(error).into()
    }
}

impl Maintenance {
    /// Opens the file for reading, also while a server has it. What that one did not write yet, 50 ms at most, is missed.
    ///
    /// # Errors
    /// When the file is not there or none of ours: see [`OpenError`].
    pub fn read(path: &Path) -> Result<Self, OpenError> {
        Ok(Self { connection: schema::open_ours(path)?, place: None })
    }

    /// Opens the file for writing, alone: brings it to the latest schema and closes the runs that a process left behind.
    /// A file that is not there is made.
    ///
    /// # Errors
    /// [`OpenError::InUse`] while another process has it; as [`SqliteStore::open`](super::SqliteStore::open).
    pub fn write(path: &Path) -> Result<Self, OpenError> {
        let place = Place::take(path)?;
        let mut connection = schema::open(&place.path, None)?;
        jobs::close_interrupted(&mut connection)
            .map_err(|cause| OpenError::Database { path: place.path.clone(), cause })?;
        Ok(Self { connection, place: Some(place) })
    }

    /// Removes the file, and what stands beside it: for one that was made for what then could not be done. One that was
    /// opened for reading stays.
    ///
    /// # Errors
    /// When the file cannot be removed.
    pub fn discard(self) -> std::io::Result<()> {
        let Self { connection, place } = self;
        drop(connection);
        place.map_or(Ok(()), Place::remove)
    }

    /// Gives each thread of a filter to `each`, the last used first, until it answers false.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn list(&self, filter: &ThreadFilter, mut each: impl FnMut(ListedThread) -> bool) -> Result<(), StoreError> {
        let sql = format!(
            "SELECT {RECORD}, principal, bytes, (SELECT count(*) FROM runs WHERE runs.thread = threads.thread),
            EXISTS (SELECT 1 FROM runs WHERE runs.thread = threads.thread AND runs.end_seq IS NULL) FROM threads
            WHERE (?1 IS NULL OR id = ?1) AND (?2 IS NULL OR principal = ?2) AND (?3 IS NULL OR agent_id = ?3)
            AND (?4 OR archived = 0) ORDER BY updated_at DESC, principal, id DESC LIMIT ?5"
        );
        let limit = filter.limit.map_or(-1, |limit| limit.min(i64::MAX as u64) as i64);
        let values = params![filter.id, filter.principal, filter.agent_id, filter.include_archived, limit];
        let mut read = || -> Result<(), Fault> {
            let mut statement = self.connection.prepare_cached(&sql)?;
            let mut rows = statement.query(values)?;
            while let Some(row) = rows.next()? {
                if !each(listed(row)?) {
                    break;
                }
            }
            Ok(())
        };
        Ok(read()?)
    }

    /// How many threads and how many bytes of events there are.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn size(&self) -> Result<(u64, u64), StoreError> {
        let sql = "SELECT count(*), coalesce(sum(bytes), 0) FROM threads";
        let counted = self.connection.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?)));
        Ok(counted.map_err(Fault::from)?)
    }

    /// Gives each frame of a thread to `each`, finished runs in their compact form, until it answers false.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn frames(&self, thread: &ThreadKey, mut each: impl FnMut(&Frame) -> bool) -> Result<(), StoreError> {
        let mut from = 0;
        loop {
            let request =
                ReadLog { thread: thread.clone(), from, compact_until: u64::MAX, max_bytes: limits::READ_BATCH };
            let part = reads::log(&self.connection, &request, u64::MAX, &mut |run| {
                Ok(compact_run(&reads::frames_of(&self.connection, run.run, false)?))
            })?;
            if !part.frames.iter().all(&mut each) || !part.stopped {
                return Ok(());
            }
            let Some(last) = part.frames.last() else { return Ok(()) };
            from = last.seq + 1;
        }
    }

    /// Deletes a thread with all that belongs to it. True when it existed.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn delete(&mut self, thread: &ThreadKey) -> Result<bool, StoreError> {
        Ok(self.delete_row(thread)?)
    }

    fn delete_row(&mut self, thread: &ThreadKey) -> Result<bool, Fault> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let found = reads::row_of(&transaction, thread)?;
        if let Some((row, _)) = found {
            delete_rows(&transaction, row)?;
        }
        transaction.commit()?;
        Ok(found.is_some())
    }

    /// Gives a thread to another principal. False when it does not exist.
    ///
    /// # Errors
    /// [`MaintenanceError::Exists`] when that one has a thread of this id; when the file cannot be written.
    pub fn adopt(&mut self, thread: &ThreadKey, principal: &str) -> Result<bool, MaintenanceError> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        if reads::row_of(&transaction, thread)?.is_none() {
            return Ok(false);
        }
        let there = ThreadKey { principal: principal.into(), thread_id: thread.thread_id.clone() };
        if there != *thread && reads::row_of(&transaction, &there)?.is_some() {
            let thread_id = thread.thread_id.to_string();
            return Err(MaintenanceError::Exists { principal: principal.to_owned(), thread_id });
        }
        let sql = "UPDATE threads SET principal = ?3 WHERE principal = ?1 AND id = ?2";
        transaction.execute(sql, params![&*thread.principal, &*thread.thread_id, principal])?;
        transaction.commit()?;
        Ok(true)
    }

    /// The threads that a policy does not keep, those that were not used for longest first. None with a live run.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn excess(&self, policy: &RetentionPolicy) -> Result<Vec<ListedThread>, StoreError> {
        let (threads, bytes) = self.size()?;
        let mut excess = Excess::new(*policy, usize::try_from(threads).unwrap_or(usize::MAX), bytes, millis());
        let sql = format!(
            "SELECT {RECORD}, principal, bytes, (SELECT count(*) FROM runs WHERE runs.thread = threads.thread), 0
            FROM threads WHERE NOT EXISTS
            (SELECT 1 FROM runs WHERE runs.thread = threads.thread AND runs.end_seq IS NULL) ORDER BY updated_at"
        );
        let mut read = || -> Result<Vec<ListedThread>, Fault> {
            let mut statement = self.connection.prepare(&sql)?;
            let mut rows = statement.query([])?;
            let mut gone = Vec::new();
            while let Some(row) = rows.next()? {
                let thread = listed(row)?;
                if !excess.takes(thread.record.updated_at) {
                    break;
                }
                excess.gone(thread.bytes);
                gone.push(thread);
            }
            Ok(gone)
        };
        Ok(read()?)
    }

    /// Gives the room of threads that went back to the disk, for as long as `watch` answers true.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn shrink(&mut self, watch: Watch<'_>) -> Result<(), StoreError> {
        let step = || -> Result<bool, Fault> {
            let free = || self.connection.pragma_query_value(None, "freelist_count", |row| row.get::<_, u32>(0));
            let before = free()?;
            let mut statement = self.connection.prepare(&format!("PRAGMA incremental_vacuum({SHRINK})"))?;
            // Each row of the answer is a page that was given back.
            let mut rows = statement.query([])?;
            while rows.next()?.is_some() {}
            let left = free()?;
            Ok(left > 0 && left < before)
        };
        while watch(0) && step()? {}
        Ok(())
    }

    fn instance(&self) -> Result<i64, Fault> {
        let sql = "SELECT value FROM meta WHERE name = 'instance'";
        Ok(self.connection.query_row(sql, [], |row| row.get(0)).optional()?.unwrap_or(0))
    }
}

fn listed(row: &Row<'_>) -> rusqlite::Result<ListedThread> {
    Ok(ListedThread {
        record: record(row)?,
        principal: row.get::<_, Arc<str>>(6)?,
        bytes: row.get(7)?,
        runs: row.get(8)?,
        live: row.get(9)?,
    })
}
