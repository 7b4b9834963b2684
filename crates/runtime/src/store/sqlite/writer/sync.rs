//! What is committed outlives the machine once the file that commits are appended to is synced.

use super::inbox::{Inbox, Queued};
use crate::store::sqlite::fault::Fault;
use crate::store::sqlite::slots::lock;
use rusqlite::Connection;
use std::fs::File;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};

/// Syncs commits, many at once.
pub(super) struct Syncer {
    wal: File,
    waiting: Mutex<Waiting>,
    wake: Condvar,
    /// A sync failed. The system may have let go what it could not write and call the next sync a success.
    lost: AtomicBool,
}

#[derive(Default)]
struct Waiting {
    jobs: Vec<Queued>,
    asleep: bool,
    stop: bool,
}

impl Syncer {
    pub(super) fn new(wal: File) -> Self {
        Self { wal, waiting: Mutex::default(), wake: Condvar::new(), lost: AtomicBool::new(false) }
    }

    /// True when the next commits must be made durable with [`sync_here`](Self::sync_here).
    pub(super) fn is_lost(&self) -> bool {
        self.lost.load(Ordering::Acquire)
    }

    /// Hands over jobs that are committed.
    pub(super) fn push(&self, jobs: Vec<Queued>) {
        let mut waiting = lock(&self.waiting);
        waiting.jobs.extend(jobs);
        let asleep = std::mem::take(&mut waiting.asleep);
        drop(waiting);
        if asleep {
            self.wake.notify_one();
        }
    }

    /// Lets [`run`](Self::run) end, when it is dropped.
    pub(super) fn stops(&self) -> Stop<'_> {
        Stop(self)
    }

    /// Syncs what is handed over until it is asked to stop.
    pub(super) fn run(&self, inbox: &Inbox) {
        loop {
            let mut waiting = lock(&self.waiting);
            while waiting.jobs.is_empty() {
                if waiting.stop {
                    return;
                }
                waiting.asleep = true;
                waiting = self.wake.wait(waiting).unwrap_or_else(PoisonError::into_inner);
            }
            let jobs = std::mem::take(&mut waiting.jobs);
            drop(waiting);
            let outcome = self.sync();
            for queued in jobs {
                queued.job.end(outcome.clone(), inbox);
            }
        }
    }

    fn sync(&self) -> Result<(), Fault> {
        self.wal.sync_data().map_err(|error| {
            self.lost.store(true, Ordering::Release);
            Fault::from(error)
        })
    }

    /// Syncs on this thread. After a failure everything is copied to the main file anew, and that is synced.
    pub(super) fn sync_here(&self, connection: &Connection) -> Result<(), Fault> {
        if !self.is_lost() {
            return self.sync();
        }
        let blocked: bool = connection.query_row("PRAGMA wal_checkpoint(FULL)", [], |row| row.get(0))?;
        if blocked {
            return Err(Fault::Silent("the thread store is held by a reader"));
        }
        self.lost.store(false, Ordering::Release);
        Ok(())
    }
}

/// Ends the thread of a [`Syncer`], however the writer ends.
pub(super) struct Stop<'a>(&'a Syncer);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        lock(&self.0.waiting).stop = true;
        self.0.wake.notify_one();
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use crate::store::sqlite::schema;

    /// A device cannot be synced.
    #[test]
    fn after_a_failed_sync_the_main_file_is_what_counts() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("threads.db");
        std::fs::write(&path, "").unwrap();
        let connection = schema::open(&path, None).unwrap();
        connection.execute_batch("PRAGMA synchronous = NORMAL; UPDATE meta SET value = 77").unwrap();
        let syncer = Syncer::new(File::open("/dev/null").unwrap());
        assert!(syncer.sync_here(&connection).is_err() && syncer.is_lost());
        let main = || std::fs::metadata(&path).unwrap().len();
        let before = main();
        syncer.sync_here(&connection).unwrap();
        assert!(main() > before, "it was copied");
        assert!(!syncer.is_lost());
    }
}
