//! The begin of a run.

use super::{Reply, answer, millis, save};
use crate::store::sqlite::fault::Fault;
use crate::store::sqlite::live::{Live, Unsaved};
use crate::store::sqlite::reads;
use crate::store::sqlite::slots::Slot;
use crate::store::sqlite::writer::{Inbox, Job};
use crate::store::{BeginRun, Begun, Lease, StoreError};
use rusqlite::{Connection, params};
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Instant;
use tokio_util::sync::CancellationToken;

/// Takes a thread's lease and opens a run. What is left of the run before, one that lapsed or one that the disk had no
/// room for, is written first.
pub(in crate::store::sqlite) struct Begin {
    slot: Arc<Slot>,
    request: BeginRun,
    /// Our number of this opening of the file.
    instance: i64,
    before: Option<Unsaved>,
    held: bool,
    opened: Option<Result<Opened, StoreError>>,
    reply: Reply<Opened>,
}

/// A run that was opened.
#[derive(Debug)]
pub(in crate::store::sqlite) struct Opened {
    lease: Lease,
    /// The thread's row.
    row: i64,
    /// Those of the given message ids that the thread's log holds.
    known: HashSet<String>,
    /// Cancelled when the run is asked to stop.
    stop: CancellationToken,
    slot: Arc<Slot>,
    taken: bool,
}

impl Opened {
    /// Takes the lease over.
    pub(in crate::store::sqlite) fn take(mut self) -> Begun {
        self.taken = true;
        Begun { lease: self.lease.clone(), known: std::mem::take(&mut self.known), stop: self.stop.clone() }
    }
}

/// Whoever asked went away before it had the lease: nobody will drive this run, so the lease lapses at once.
impl Drop for Opened {
    fn drop(&mut self) {
        let run = self.lease.run;
        if !self.taken {
            self.slot.with(|state| {
                if let Some(live) = state.live.as_mut().filter(|live| live.run == run) {
                    live.abandon(Instant::now());
                }
            });
        }
    }
}

impl Begin {
    pub(in crate::store::sqlite) fn new(
        slot: Arc<Slot>,
        request: BeginRun,
        instance: i64,
        reply: Reply<Opened>,
    ) -> Self {
        Self { slot, request, instance, before: None, held: false, opened: None, reply }
    }

    fn open(&self, connection: &Connection) -> Result<Opened, Fault> {
        let BeginRun { thread, run_id, agent_id, message_ids, name, ttl } = &self.request;
        let now = millis();
        let (row, first_seq) = connection
            .prepare_cached(
                "INSERT INTO threads (principal, id, name, agent_id, created_at, updated_at)
                VALUES (?1, ?2, ?3, ?4, ?5, ?5)
                ON CONFLICT (principal, id) DO UPDATE SET agent_id = excluded.agent_id, updated_at = excluded.updated_at
                RETURNING thread, next_seq",
            )?
            .query_row(params![&*thread.principal, &*thread.thread_id, name, &**agent_id, now], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })?;
        let expires = now.saturating_add(ttl.as_millis() as u64);
        connection
            .prepare_cached(
                "INSERT INTO runs (thread, run_id, agent_id, instance, expires_at, began_at, first_seq)
                VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )?
            .execute(params![row, &**run_id, &**agent_id, self.instance, expires, now, first_seq])?;
        let run = connection.last_insert_rowid() as u64;
        let lease = Lease { thread: thread.clone(), run, first_seq };
        // A thread that was just made knows none.
        let known = if first_seq == 0 { HashSet::new() } else { reads::known(connection, row, message_ids)? };
        Ok(Opened { lease, row, known, stop: CancellationToken::new(), slot: self.slot.clone(), taken: false })
    }
}

impl Job for Begin {
    fn slot(&self) -> Option<&Arc<Slot>> {
        Some(&self.slot)
    }

    fn prepare(&mut self) {
        self.held = self.slot.with(|state| {
            let Some(live) = &mut state.live else { return false };
            let lapsed = live.close_lapsed(Instant::now());
            live.is_held() && !lapsed
        });
        self.before = if self.held { None } else { save::take(&self.slot) };
    }

    fn is_durable(&self) -> bool {
        self.before.is_some()
    }

    fn write(&mut self, connection: &Connection) -> Result<(), Fault> {
        if self.held {
            self.opened = Some(Err(StoreError::Busy));
            return Ok(());
        }
        if let Some(before) = &self.before {
            save::write(connection, before)?;
        }
        self.opened = Some(Ok(self.open(connection)?));
        Ok(())
    }

    fn committed(&mut self) {
        if let Some(before) = &self.before {
            save::note(&self.slot, before);
        }
    }

    fn end(self: Box<Self>, outcome: Result<(), Fault>, inbox: &Inbox) {
        let mut outcome = outcome;
        if let Some(before) = &self.before {
            outcome = match (save::settle(&self.slot, before, outcome.clone(), inbox), outcome) {
                (Err(fault), _) | (Ok(()), Err(fault)) => Err(fault),
                (Ok(()), Ok(())) => Ok(()),
            };
        }
        if let (Ok(()), Some(Ok(opened))) = (&outcome, &self.opened) {
            let Lease { run, first_seq, .. } = opened.lease;
            let expires = Instant::now() + self.request.ttl;
            let mut live = Live::new(opened.row, run, self.request.run_id.clone(), first_seq, expires);
            live.stop = opened.stop.clone();
            self.slot.with(|state| state.live = Some(live));
        }
        answer(self.reply, outcome, self.opened);
    }
}
