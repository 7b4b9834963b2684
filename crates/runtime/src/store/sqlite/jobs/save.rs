//! Frames of a live run, and its end.

use super::{Reply, millis};
use crate::seldom::Seldom;
use crate::store::Frame;
use crate::store::sqlite::fault::Fault;
use crate::store::sqlite::live::Unsaved;
use crate::store::sqlite::slots::{Slot, State};
use crate::store::sqlite::writer::{Inbox, Job};
use crate::store::sqlite::{attachments, chunk};
use rusqlite::{Connection, params};
use std::sync::Arc;
use std::time::Duration;

/// More frames than a killed process can have shown without writing them. What closes an interrupted run is numbered
/// behind them: a number that a client may have seen is never that of another frame.
const LOST_AT_MOST: u64 = 65_536;

/// Writes what a live run has that is not in the file yet.
pub(in crate::store::sqlite) struct Save {
    slot: Arc<Slot>,
    written: Option<Unsaved>,
    reply: Option<Reply<()>>,
}

impl Save {
    /// Frames that nobody waits for.
    pub(in crate::store::sqlite) fn quiet(slot: Arc<Slot>) -> Self {
        Self { slot, written: None, reply: None }
    }

    /// Frames, or an end, that somebody waits for.
    pub(in crate::store::sqlite) fn awaited(slot: Arc<Slot>, reply: Reply<()>) -> Self {
        Self { slot, written: None, reply: Some(reply) }
    }
}

impl Job for Save {
    fn slot(&self) -> Option<&Arc<Slot>> {
        Some(&self.slot)
    }

    fn prepare(&mut self) {
        self.written = take(&self.slot);
    }

    fn is_idle(&self) -> bool {
        self.written.as_ref().is_none_or(Unsaved::is_in_the_file)
    }

    fn is_durable(&self) -> bool {
        self.written.as_ref().is_some_and(|unsaved| unsaved.sync)
    }

    fn is_passable(&self) -> bool {
        true
    }

    fn write(&mut self, connection: &Connection) -> Result<(), Fault> {
        self.written.as_ref().map_or(Ok(()), |unsaved| write(connection, unsaved))
    }

    fn committed(&mut self) {
        if let Some(written) = &self.written {
            note(&self.slot, written);
        }
    }

    fn end(self: Box<Self>, outcome: Result<(), Fault>, inbox: &Inbox) {
        let result = match self.written {
            Some(written) => settle(&self.slot, &written, outcome, inbox),
            None => Ok(()),
        };
        if let Some(reply) = self.reply {
            // Nobody waits any more: what was written stays written.
            let _ = reply.send(result.map_err(Into::into));
        }
    }
}

/// What a thread's live run has to write.
pub(super) fn take(slot: &Slot) -> Option<Unsaved> {
    slot.with(|state| {
        state.queued = false;
        state.live.as_ref().and_then(|live| live.unsaved())
    })
}

fn is_same(state: &State, written: &Unsaved) -> bool {
    state.live.as_ref().is_some_and(|live| live.run == written.run)
}

/// Tells the run in memory that it is in the file.
pub(super) fn note(slot: &Slot, written: &Unsaved) {
    slot.with(|state| {
        if is_same(state, written)
            && let Some(live) = &mut state.live
        {
            live.saved(written);
        }
    });
}

/// A full disk is full for every thread, and for every try.
static SAID: Seldom = Seldom::every(Duration::from_secs(1));

/// Tells the run in memory what became of it.
pub(super) fn settle(
    slot: &Arc<Slot>,
    written: &Unsaved,
    outcome: Result<(), Fault>,
    inbox: &Inbox,
) -> Result<(), Fault> {
    let Err(fault) = outcome else {
        slot.with(|state| {
            if is_same(state, written) && state.live.as_mut().is_some_and(|live| live.settled(written, written.sync)) {
                state.close();
            }
        });
        return Ok(());
    };
    let over = slot.with(|state| {
        state.queued = true;
        is_same(state, written) && state.live.as_mut().is_some_and(|live| live.failed(&fault))
    });
    inbox.later(slot);
    if let Some(left_out) = SAID.due() {
        let thread_id = &*slot.key.thread_id;
        tracing::error!(%fault, thread_id, over, left_out, "events could not be written, they stay in memory");
    }
    if over { Ok(()) } else { Err(fault) }
}

pub(super) fn write(connection: &Connection, unsaved: &Unsaved) -> Result<(), Fault> {
    if unsaved.is_in_the_file() {
        return Ok(());
    }
    let bytes = put_chunks(connection, Form::raw(unsaved.row, unsaved.run), &unsaved.frames)?;
    if !unsaved.message_ids.is_empty() {
        let mut statement = connection.prepare_cached("INSERT OR IGNORE INTO messages (thread, id) VALUES (?1, ?2)")?;
        for id in &unsaved.message_ids {
            statement.execute(params![unsaved.row, id])?;
        }
    }
    if let Some(millis) = unsaved.renewed {
        connection
            .prepare_cached("UPDATE runs SET expires_at = ?2 WHERE run = ?1")?
            .execute(params![unsaved.run, millis])?;
    }
    if !unsaved.ended {
        connection
            .prepare_cached("UPDATE threads SET next_seq = ?2, bytes = bytes + ?3 WHERE thread = ?1")?
            .execute(params![unsaved.row, unsaved.next, bytes])?;
        return Ok(());
    }
    end(connection, unsaved.row, unsaved.run, unsaved.next, bytes)
}

fn end(connection: &Connection, row: i64, run: u64, next: u64, bytes: u64) -> Result<(), Fault> {
    let now = millis();
    connection
        .prepare_cached("UPDATE threads SET next_seq = ?2, bytes = bytes + ?3, updated_at = ?4 WHERE thread = ?1")?
        .execute(params![row, next, bytes, now])?;
    connection
        .prepare_cached("UPDATE runs SET end_seq = ?2, ended_at = ?3 WHERE run = ?1")?
        .execute(params![run, next, now])?;
    Ok(())
}

/// Which of its forms a run is written in.
#[derive(Clone, Copy, Debug)]
pub(in crate::store::sqlite) struct Form {
    /// The thread's row.
    pub(in crate::store::sqlite) thread: i64,
    pub(in crate::store::sqlite) run: u64,
    pub(in crate::store::sqlite) compact: bool,
}

impl Form {
    /// The single events.
    pub(in crate::store::sqlite) fn raw(thread: i64, run: u64) -> Self {
        Self { thread, run, compact: false }
    }
}

/// Writes frames of a run and says how many bytes they take.
pub(in crate::store::sqlite) fn put_chunks(
    connection: &Connection,
    form: Form,
    frames: &[Frame],
) -> Result<u64, Fault> {
    if frames.is_empty() {
        return Ok(0);
    }
    let mut bytes = 0;
    let mut keep = |text: &[u8]| attachments::keep(connection, form, text, &mut bytes);
    let chunks = chunk::encode(frames, &mut keep)?;
    let mut statement =
        connection.prepare_cached("INSERT INTO chunks (run, compact, last_seq, data) VALUES (?1, ?2, ?3, ?4)")?;
    for chunk in chunks {
        bytes += chunk.data.len() as u64;
        statement.execute(params![form.run, form.compact, chunk.last_seq, chunk.data])?;
    }
    Ok(bytes)
}

/// Closes every run that is live in the file: nobody but us can write it now, so their writers are gone, whatever the
/// clock says. Returns how many.
pub(in crate::store::sqlite) fn close_interrupted(connection: &mut Connection) -> rusqlite::Result<usize> {
    let live: Vec<(i64, u64, u64)> = connection
        .prepare(
            "SELECT runs.thread, runs.run, threads.next_seq FROM runs JOIN threads USING (thread)
            WHERE runs.end_seq IS NULL",
        )?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        .collect::<Result<_, _>>()?;
    for runs in live.chunks(500) {
        let transaction = connection.transaction()?;
        for (row, run, next) in runs {
            let seq = next + LOST_AT_MOST;
            let written = put_chunks(&transaction, Form::raw(*row, *run), &[Frame::interrupted(seq, *run)])
                .and_then(|bytes| end(&transaction, *row, *run, seq + 1, bytes));
            match written {
                Ok(()) => {}
                Err(Fault::Database(error)) => {
                    return Err(Arc::into_inner(error).unwrap_or(rusqlite::Error::InvalidQuery));
                }
                Err(_) => return Err(rusqlite::Error::InvalidQuery),
            }
        }
        transaction.commit()?;
    }
    Ok(live.len())
}
