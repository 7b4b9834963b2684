//! The short form of finished runs, and room that is given back.

use super::{Form, Reply, answer, save};
use crate::store::sqlite::attachments;
use crate::store::sqlite::fault::Fault;
use crate::store::sqlite::writer::{Inbox, Job};
use crate::store::{Frame, StoreError};
use rusqlite::{Connection, OptionalExtension as _, params};
use tokio::sync::OwnedSemaphorePermit;

/// Keeps the compact form of a run, and lets its raw frames go when nobody needs them any more.
pub(in crate::store::sqlite) struct Compacted {
    run: u64,
    /// Absent when the file has it.
    frames: Option<Vec<Frame>>,
    drop_raw: bool,
    found: Option<Result<(), StoreError>>,
    reply: Option<Reply<()>>,
    _place: Option<OwnedSemaphorePermit>,
}

impl Compacted {
    /// What a reader made on its way: nobody waits for it, and it is dropped where there is no place.
    pub(in crate::store::sqlite) fn found(run: u64, frames: Vec<Frame>, place: OwnedSemaphorePermit) -> Self {
        Self { run, frames: Some(frames), drop_raw: false, found: None, reply: None, _place: Some(place) }
    }

    /// The end of a run's raw frames.
    pub(in crate::store::sqlite) fn instead(run: u64, frames: Option<Vec<Frame>>, reply: Reply<()>) -> Self {
        Self { run, frames, drop_raw: true, found: None, reply: Some(reply), _place: None }
    }
}

impl Job for Compacted {
    fn is_durable(&self) -> bool {
        false
    }

    fn write(&mut self, connection: &Connection) -> Result<(), Fault> {
        self.found = Some(Ok(()));
        let run = connection
            .prepare_cached("SELECT thread, compact, raw FROM runs WHERE run = ?1 AND end_seq IS NOT NULL")?
            .query_row([self.run], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, bool>(1)?, row.get::<_, bool>(2)?)))
            .optional()?;
        // The thread was deleted in between.
        let Some((row, mut compact, raw)) = run else { return Ok(()) };
        let (mut more, mut less) = (0u64, 0u64);
        if let Some(frames) = self.frames.as_ref().filter(|_| !compact) {
            more = save::put_chunks(connection, Form { thread: row, run: self.run, compact: true }, frames)?;
            connection.prepare_cached("UPDATE runs SET compact = 1 WHERE run = ?1")?.execute([self.run])?;
            compact = true;
        }
        if self.drop_raw && raw && compact {
            less = connection
                .prepare_cached("SELECT coalesce(sum(length(data)), 0) FROM chunks WHERE run = ?1 AND compact = 0")?
                .query_row([self.run], |row| row.get(0))?;
            connection.prepare_cached("DELETE FROM chunks WHERE run = ?1 AND compact = 0")?.execute([self.run])?;
            less += attachments::release(connection, self.run)?;
            connection.prepare_cached("UPDATE runs SET raw = 0 WHERE run = ?1")?.execute([self.run])?;
        }
        connection
            .prepare_cached("UPDATE threads SET bytes = max(0, bytes + ?2 - ?3) WHERE thread = ?1")?
            .execute(params![row, more, less])?;
        Ok(())
    }

    fn end(self: Box<Self>, outcome: Result<(), Fault>, _inbox: &Inbox) {
        match self.reply {
            Some(reply) => answer(reply, outcome, self.found),
            None => {
                if let Err(fault) = outcome {
                    tracing::debug!(%fault, "the compact form of a run could not be kept");
                }
            }
        }
    }
}

/// Pages that one step gives back to the disk: a few milliseconds of the writer's time.
const STEP: u32 = 1024;

/// Gives room in the file back to the disk, a step of it. Answers whether there is more.
pub(in crate::store::sqlite) struct Shrink {
    found: Option<Result<bool, StoreError>>,
    reply: Reply<bool>,
}

impl Shrink {
    pub(in crate::store::sqlite) fn new(reply: Reply<bool>) -> Self {
        Self { found: None, reply }
    }
}

impl Job for Shrink {
    fn is_durable(&self) -> bool {
        false
    }

    fn write(&mut self, connection: &Connection) -> Result<(), Fault> {
        let free =
            |connection: &Connection| connection.pragma_query_value(None, "freelist_count", |row| row.get::<_, u32>(0));
        let before = free(connection)?;
        // Each row of the answer is a page that was given back.
        let mut statement = connection.prepare_cached(&format!("PRAGMA incremental_vacuum({STEP})"))?;
        let mut rows = statement.query([])?;
        while rows.next()?.is_some() {}
        let left = free(connection)?;
        self.found = Some(Ok(left > 0 && left < before));
        Ok(())
    }

    fn end(self: Box<Self>, outcome: Result<(), Fault>, _inbox: &Inbox) {
        answer(self.reply, outcome, self.found);
    }
}
