//! What is done now and then: old runs are put into their compact form, and room is given back.

use super::fault::Fault;
use super::jobs::{Compacted, Reply, Shrink, millis};
use super::slots::lock;
use super::writer::Job;
use super::{Inner, SqliteStore, reads};
use crate::store::{StoreError, compact_run};
use rusqlite::params;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::oneshot;

/// Runs that are looked up at once.
const RUNS: u64 = 32;

/// When the next round is, and whether there is one.
pub(super) struct Upkeep {
    every: Duration,
    stopped: Mutex<bool>,
    wake: Condvar,
}

impl Upkeep {
    pub(super) fn new(every: Duration) -> Self {
        Self { every, stopped: Mutex::new(false), wake: Condvar::new() }
    }

    pub(super) fn stop(&self) {
        *lock(&self.stopped) = true;
        self.wake.notify_all();
    }

    fn is_stopped(&self) -> bool {
        *lock(&self.stopped)
    }

    /// Waits for the next round; false at the end.
    fn wait(&self) -> bool {
        let stopped = lock(&self.stopped);
        let waited = self.wake.wait_timeout_while(stopped, self.every, |stopped| !*stopped);
        !*waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

/// Round after round until it is stopped.
pub(super) fn run(inner: &Inner) {
    while inner.upkeep.wait() {
        match inner.tidy_up() {
            Ok(0) => {}
            Ok(runs) => tracing::debug!(runs, "finished runs were put into their compact form"),
            Err(error) => tracing::warn!(%error, "the upkeep of the thread store failed"),
        }
    }
}

impl SqliteStore {
    /// Does now what is done now and then: lets the single events of runs go that ended long enough ago, and gives room
    /// back to the disk. Returns of how many runs.
    ///
    /// # Errors
    /// When the file cannot be read or written.
    pub async fn tidy_up(&self) -> Result<usize, StoreError> {
        let inner = self.inner.clone();
        let tidying = tokio::task::spawn_blocking(move || inner.tidy_up()).await;
        tidying.unwrap_or_else(|_| Err(Fault::Silent("the thread store could not be tidied up").into()))
    }
}

impl Inner {
    fn tidy_up(self: &Inner) -> Result<usize, StoreError> {
        let before = millis().saturating_sub(self.raw_kept.as_millis() as u64);
        let (mut done, mut last) = (0, 0);
        loop {
            let runs: Vec<(u64, bool)> = self.readers.read_here(|connection| {
                let mut statement = connection.prepare_cached(
                    "SELECT run, compact FROM runs WHERE raw = 1 AND ended_at IS NOT NULL AND ended_at <= ?1 AND run > ?2
                    ORDER BY run LIMIT ?3",
                )?;
                let rows = statement.query_map(params![before, last, RUNS], |row| Ok((row.get(0)?, row.get(1)?)))?;
                Ok(rows.collect::<Result<_, _>>()?)
            })?;
            if runs.is_empty() {
                break;
            }
            for (run, compact) in runs {
                if self.upkeep.is_stopped() {
                    return Ok(done);
                }
                last = run;
                let frames = match compact {
                    true => None,
                    false => match self.readers.read_here(|connection| reads::frames_of(connection, run, false)) {
                        Ok(frames) => Some(compact_run(&frames)),
                        Err(fault) => {
                            tracing::error!(%fault, run, "a run is left as it is");
                            continue;
                        }
                    },
                };
                self.wait_for(|reply| Box::new(Compacted::instead(run, frames, reply)))?;
                done += 1;
            }
        }
        self.shrink()?;
        Ok(done)
    }

    /// Gives room in the file back to the disk.
    pub(super) fn shrink(&self) -> Result<(), StoreError> {
        while !self.upkeep.is_stopped() && self.wait_for(|reply| Box::new(Shrink::new(reply)))? {}
        Ok(())
    }

    /// Hands a job to the writer and waits for its end, on a thread that may wait.
    fn wait_for<T>(&self, job: impl FnOnce(Reply<T>) -> Box<dyn Job>) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        self.inbox.send_one(job(reply))?;
        answer.blocking_recv().unwrap_or_else(|_| Err(Fault::Silent("the thread store was closed").into()))
    }
}

/// Gives room back after threads went, on a thread that may wait.
pub(super) async fn shrink(inner: &Arc<Inner>) -> Result<(), StoreError> {
    let inner = inner.clone();
    let shrinking = tokio::task::spawn_blocking(move || inner.shrink()).await;
    shrinking.unwrap_or_else(|_| Err(Fault::Silent("room could not be given back").into()))
}
