//! The one thread that writes: it takes what has piled up and writes it in one transaction. A second thread makes
//! transactions outlive the machine, so that the next ones need not wait for the disk.

mod inbox;
mod sync;

use inbox::{Closing, Queued};
pub(super) use inbox::{Inbox, PATIENCE};
use sync::Syncer;

use super::fault::Fault;
use super::slots::Slot;
use rusqlite::Connection;
use std::collections::{HashSet, VecDeque};
use std::fs::File;
use std::sync::Arc;

/// Something to write. Jobs of one transaction are each of another thread of the store.
pub(super) trait Job: Send {
    /// The thread that it changes, if it is one that is held in memory.
    fn slot(&self) -> Option<&Arc<Slot>> {
        None
    }

    /// Takes from memory what it is to write, before each try: what comes later is another job's.
    fn prepare(&mut self) {}

    /// True when there is nothing to write after all.
    fn is_idle(&self) -> bool {
        false
    }

    /// Whether its commit must outlive the machine before its end is told.
    fn is_durable(&self) -> bool;

    /// Whether jobs of the same thread may be written before its end is told.
    fn is_passable(&self) -> bool {
        false
    }

    /// Writes. May be called again, when the transaction was undone.
    fn write(&mut self, connection: &Connection) -> Result<(), Fault>;

    /// Notes that it is in the file. Called on the writer's thread, before any other job is prepared.
    fn committed(&mut self) {}

    /// Tells what became of it.
    fn end(self: Box<Self>, outcome: Result<(), Fault>, inbox: &Inbox);
}

/// Writes until it is asked to stop. `wal` is the file that commits are appended to.
pub(super) fn run(connection: Connection, wal: File, inbox: &Inbox) {
    let _closing = Closing(inbox);
    let syncer = Syncer::new(wal);
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("sqlite-sync".to_owned());
        let beside = thread.spawn_scoped(scope, || syncer.run(inbox));
        if let Err(error) = &beside {
            tracing::warn!(%error, "no thread for the disk: the writer of the thread store waits for it itself");
        }
        let _stopping = syncer.stops();
        let writer = Writer { connection, syncer: &syncer, beside: beside.is_ok(), inbox };
        if let Err(error) = writer.connection.execute_batch("PRAGMA synchronous = NORMAL") {
            // Slower, and as safe.
            tracing::warn!(%error, "each transaction of the thread store waits for the disk");
        }
        while let Some(mut jobs) = inbox.next() {
            while !jobs.is_empty() {
                writer.batch(&mut jobs);
            }
        }
    });
}

struct Writer<'a> {
    connection: Connection,
    syncer: &'a Syncer,
    /// Whether the syncer has a thread of its own.
    beside: bool,
    inbox: &'a Inbox,
}

impl Writer<'_> {
    /// Writes those jobs that go together; what is left needs another transaction.
    fn batch(&self, jobs: &mut VecDeque<Queued>) {
        let mut slots = HashSet::new();
        let (mut together, mut rest) = (Vec::with_capacity(jobs.len()), VecDeque::new());
        for queued in jobs.drain(..) {
            let first = queued.job.slot().is_none_or(|slot| slots.insert(Arc::as_ptr(slot)));
            if first { together.push(queued) } else { rest.push_back(queued) }
        }
        *jobs = rest;
        match self.transact(&mut together) {
            // Who waited for another program once need not wait again for each part.
            Err(fault) if together.len() > 1 && !fault.is_busy() => {
                tracing::debug!(%fault, "a transaction failed, its parts are tried alone");
                for queued in together {
                    let mut alone = vec![queued];
                    let outcome = self.transact(&mut alone);
                    self.tell(alone, outcome);
                }
            }
            outcome => self.tell(together, outcome),
        }
    }

    fn transact(&self, jobs: &mut [Queued]) -> Result<(), Fault> {
        jobs.iter_mut().for_each(|queued| queued.job.prepare());
        if jobs.iter().all(|queued| queued.job.is_idle()) {
            return Ok(());
        }
        let say = |sql: &str| self.connection.prepare_cached(sql)?.execute([]).map(drop);
        say("BEGIN IMMEDIATE")?;
        let written = jobs.iter_mut().try_for_each(|queued| queued.job.write(&self.connection));
        let done = written.and_then(|()| Ok(say("COMMIT")?));
        if done.is_err() && !self.connection.is_autocommit() {
            // Some failures undo the transaction by themselves.
            say("ROLLBACK")?;
        }
        done
    }

    /// Tells what became of a transaction; of what must outlive the machine, when it does.
    fn tell(&self, mut jobs: Vec<Queued>, outcome: Result<(), Fault>) {
        if let Err(fault) = outcome {
            for queued in jobs {
                queued.job.end(Err(fault.clone()), self.inbox);
            }
            return;
        }
        jobs.iter_mut().for_each(|queued| queued.job.committed());
        let (durable, others): (Vec<_>, Vec<_>) = jobs.into_iter().partition(|queued| queued.job.is_durable());
        for queued in others {
            queued.job.end(Ok(()), self.inbox);
        }
        if durable.is_empty() {
            return;
        }
        let passable = durable.iter().all(|queued| queued.job.is_passable());
        if passable && self.beside && !self.syncer.is_lost() {
            self.syncer.push(durable);
            return;
        }
        let outcome = self.syncer.sync_here(&self.connection);
        for queued in durable {
            queued.job.end(outcome.clone(), self.inbox);
        }
    }
}
