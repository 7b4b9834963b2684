//! Threads as lines of JSON.

use super::format::{Blob, End, FrameLine, Line, Run, Thread, VERSION};
use super::{Maintenance, MaintenanceError, Watch};
use crate::store::ThreadKey;
use crate::store::sqlite::attachments;
use crate::store::sqlite::chunk::{Entry, decode};
use crate::store::sqlite::fault::Fault;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use rusqlite::{Connection, OptionalExtension as _, params};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::io::Write;

/// Events between two questions whether to go on.
const PAUSE: u64 = 4096;

/// What was written of a thread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExportedThread {
    /// Its events, in both forms.
    pub frames: u64,
}

impl Maintenance {
    /// Writes the line with which every export begins.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn export_head(out: &mut dyn Write) -> Result<(), MaintenanceError> {
        put(out, &Line::CopilotkitThreads(VERSION))
    }

    /// Writes a thread with all that belongs to it, as it is at one moment. `None` when it does not exist; nothing was
    /// written then. A thread that is not written to its end has no last line, and is refused by an import.
    ///
    /// # Errors
    /// When the file cannot be read, `out` not be written, or `watch`, which is called with 0, answers false.
    pub fn export(
        &self,
        thread: &ThreadKey,
        out: &mut dyn Write,
        watch: Watch<'_>,
    ) -> Result<Option<ExportedThread>, MaintenanceError> {
        // One transaction: what is read fits together.
        let connection = self.connection.unchecked_transaction()?;
        let found = head(&connection, thread)?;
        let Some((row, line)) = found else { return Ok(None) };
        put(out, &Line::Thread(line))?;
        let mut statement = connection.prepare_cached("SELECT id FROM messages WHERE thread = ?1 ORDER BY id")?;
        let mut rows = statement.query([row])?;
        while let Some(row) = rows.next()? {
            put(out, &Line::MessageId(Cow::Owned(row.get(0)?)))?;
        }
        let mut statement =
            connection.prepare_cached("SELECT name, value FROM blobs WHERE thread = ?1 ORDER BY name")?;
        let mut rows = statement.query([row])?;
        while let Some(row) = rows.next()? {
            let base64 = BASE64_STANDARD.encode(row.get::<_, Vec<u8>>(1)?);
            put(out, &Line::Blob(Blob { key: Cow::Owned(row.get(0)?), base64 }))?;
        }
        let mut done = ExportedThread::default();
        for (number, run) in runs(&connection, row)? {
            let (raw, compact) = (run.raw, run.compact);
            put(out, &Line::Run(run))?;
            for form in [false, true].into_iter().filter(|form| if *form { compact } else { raw }) {
                frames(&connection, number, form, &mut |entry| {
                    put_frame(out, &entry, form)?;
                    done.frames += 1;
                    if done.frames.is_multiple_of(PAUSE) && !watch(0) {
                        return Err(MaintenanceError::Stopped);
                    }
                    Ok(())
                })?;
            }
        }
        put(out, &Line::End(End { frames: done.frames }))?;
        Ok(Some(done))
    }
}

fn put(out: &mut dyn Write, line: &Line<'_>) -> Result<(), MaintenanceError> {
    let mut text = serde_json::to_vec(line).map_err(std::io::Error::other)?;
    text.push(b'\n');
    Ok(out.write_all(&text)?)
}

fn put_frame(out: &mut dyn Write, entry: &Entry, compact: bool) -> Result<(), MaintenanceError> {
    let damaged = || Fault::Damaged(format!("the event {} in the thread store cannot be read", entry.seq));
    let text = std::str::from_utf8(&entry.json).map_err(|_| damaged())?;
    let event: &RawValue = serde_json::from_str(text).map_err(|_| damaged())?;
    // Space around it, and a break of the line inside, would be lost otherwise.
    let same = event.get().len() == text.len() && !text.contains(['\n', '\r']);
    let (event, text) = if same { (Some(event), None) } else { (None, Some(Cow::Borrowed(text))) };
    put(out, &Line::Frame(FrameLine { seq: entry.seq, compact, as_is: entry.as_is, event, text }))
}

fn head(connection: &Connection, key: &ThreadKey) -> Result<Option<(i64, Thread<'static>)>, Fault> {
    let sql = "SELECT thread, name, agent_id, archived, created_at, updated_at, next_seq FROM threads
        WHERE principal = ?1 AND id = ?2";
    let found = connection
        .prepare_cached(sql)?
        .query_row(params![&*key.principal, &*key.thread_id], |row| {
            let thread = Thread {
                principal: Cow::Owned(key.principal.to_string()),
                id: Cow::Owned(key.thread_id.to_string()),
                name: row.get(1)?,
                agent_id: Cow::Owned(row.get(2)?),
                archived: row.get(3)?,
                created_at: row.get(4)?,
                updated_at: row.get(5)?,
                next_seq: row.get(6)?,
            };
            Ok((row.get(0)?, thread))
        })
        .optional()?;
    Ok(found)
}

fn runs(connection: &Connection, row: i64) -> Result<Vec<(u64, Run<'static>)>, Fault> {
    let mut statement = connection.prepare_cached(
        "SELECT run, run_id, agent_id, began_at, ended_at, first_seq, end_seq, raw, compact FROM runs
        WHERE thread = ?1 ORDER BY first_seq, run",
    )?;
    let rows = statement.query_map([row], |row| {
        let run = Run {
            run_id: Cow::Owned(row.get(1)?),
            agent_id: Cow::Owned(row.get(2)?),
            began_at: row.get(3)?,
            ended_at: row.get(4)?,
            first_seq: row.get(5)?,
            end_seq: row.get(6)?,
            raw: row.get(7)?,
            compact: row.get(8)?,
        };
        Ok((row.get(0)?, run))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn frames(
    connection: &Connection,
    run: u64,
    compact: bool,
    each: &mut dyn FnMut(Entry) -> Result<(), MaintenanceError>,
) -> Result<(), MaintenanceError> {
    let sql = "SELECT data FROM chunks WHERE run = ?1 AND compact = ?2 ORDER BY last_seq";
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(params![run, compact])?;
    while let Some(row) = rows.next()? {
        let damaged = || Fault::Damaged(format!("a piece of run {run} in the thread store cannot be read"));
        let data = row.get_ref(0)?.as_blob().map_err(|_| damaged())?;
        for entry in decode(data, &mut |id, out| attachments::put(connection, id, out))?.ok_or_else(damaged)? {
            each(entry)?;
        }
    }
    Ok(())
}
