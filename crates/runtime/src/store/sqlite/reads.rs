//! What is read from the file.

use super::attachments;
use super::chunk::decode;
use super::fault::Fault;
use crate::store::{Frame, ListCursor, ListThreads, LiveRun, ReadLog, ThreadKey, ThreadPage, ThreadRecord};
use bytes::Bytes;
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use std::collections::HashSet;
use std::sync::Arc;

/// The columns of a [`ThreadRecord`].
pub(super) const RECORD: &str = "id, name, agent_id, archived, created_at, updated_at";

pub(super) fn record(row: &Row<'_>) -> rusqlite::Result<ThreadRecord> {
    Ok(ThreadRecord {
        id: row.get::<_, Arc<str>>(0)?,
        name: row.get(1)?,
        agent_id: row.get::<_, Arc<str>>(2)?,
        archived: row.get(3)?,
        created_at: row.get(4)?,
        updated_at: row.get(5)?,
    })
}

/// A thread's row and when it was last used.
pub(super) fn row_of(connection: &Connection, key: &ThreadKey) -> Result<Option<(i64, u64)>, Fault> {
    let found = connection
        .prepare_cached("SELECT thread, updated_at FROM threads WHERE principal = ?1 AND id = ?2")?
        .query_row(params![&*key.principal, &*key.thread_id], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    Ok(found)
}

pub(super) fn get(connection: &Connection, key: &ThreadKey) -> Result<Option<ThreadRecord>, Fault> {
    let sql = format!("SELECT {RECORD} FROM threads WHERE principal = ?1 AND id = ?2");
    let values = params![&*key.principal, &*key.thread_id];
    Ok(connection.prepare_cached(&sql)?.query_row(values, record).optional()?)
}

/// A page of threads, behind the place of `cursor`.
pub(super) fn list(
    connection: &Connection,
    request: &ListThreads,
    cursor: Option<ListCursor>,
) -> Result<ThreadPage, Fault> {
    let limit = request.limit.saturating_add(1).min(i64::MAX as usize);
    let (updated, id) = match &cursor {
        Some(last) => (last.updated_at.min(i64::MAX as u64), &*last.id),
        None => (i64::MAX as u64, ""),
    };
    let agent = request.agent_id.as_deref();
    // With an index for each of the two forms, a page is read and nothing else; archived threads are another range of it.
    let of_agent = if agent.is_some() { "AND agent_id = ?6" } else { "AND ?6 IS NULL" };
    let sql = format!(
        "SELECT {RECORD} FROM threads WHERE principal = ?1 AND archived = ?2 {of_agent}
        AND (updated_at, id) < (?3, ?4) ORDER BY updated_at DESC, id DESC LIMIT ?5"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let mut threads = Vec::new();
    for archived in [false, true].into_iter().filter(|archived| request.include_archived || !archived) {
        let values = params![&*request.principal, archived, updated, id, limit as i64, agent];
        let records = statement.query_map(values, record)?.collect::<Result<Vec<_>, _>>()?;
        threads.extend(records);
    }
    threads.sort_by_cached_key(|record| std::cmp::Reverse(ListCursor::of(record)));
    let more = threads.len() > request.limit;
    threads.truncate(request.limit);
    let next_cursor = threads.last().filter(|_| more).map(|last| ListCursor::of(last).to_string());
    Ok(ThreadPage { threads, next_cursor })
}

pub(super) fn blob(connection: &Connection, key: &ThreadKey, name: &str) -> Result<Option<Bytes>, Fault> {
    let value = connection
        .prepare_cached(
            "SELECT value FROM blobs JOIN threads USING (thread)
            WHERE threads.principal = ?1 AND threads.id = ?2 AND blobs.name = ?3",
        )?
        .query_row(params![&*key.principal, &*key.thread_id, name], |row| row.get::<_, Vec<u8>>(0))
        .optional()?;
    Ok(value.map(Bytes::from))
}

/// Those of the message ids that the thread's log holds.
pub(super) fn known(connection: &Connection, row: i64, ids: &[String]) -> Result<HashSet<String>, Fault> {
    let mut statement = connection.prepare_cached("SELECT 1 FROM messages WHERE thread = ?1 AND id = ?2")?;
    let mut known = HashSet::new();
    for id in ids {
        if statement.exists(params![row, id])? {
            known.insert(id.clone());
        }
    }
    Ok(known)
}

/// The number that the thread's next frame will have.
pub(super) fn head(connection: &Connection, key: &ThreadKey) -> Result<u64, Fault> {
    let head = connection
        .prepare_cached("SELECT next_seq FROM threads WHERE principal = ?1 AND id = ?2")?
        .query_row(params![&*key.principal, &*key.thread_id], |row| row.get(0))
        .optional()?;
    Ok(head.unwrap_or(0))
}

/// A run as the file has it.
#[derive(Clone, Debug)]
pub(super) struct StoredRun {
    pub(super) run: u64,
    pub(super) run_id: Arc<str>,
    pub(super) first_seq: u64,
    /// Number behind its last frame, when it has ended.
    pub(super) end_seq: Option<u64>,
    pub(super) raw: bool,
    pub(super) compact: bool,
}

/// The part of a log that is in the file.
#[derive(Debug, Default)]
pub(super) struct Part {
    pub(super) frames: Vec<Frame>,
    /// The size of those frames.
    pub(super) bytes: usize,
    /// There is more: the reader has as much as it asked for.
    pub(super) stopped: bool,
    pub(super) head: u64,
    pub(super) live: Option<LiveRun>,
}

/// Reads from a cursor up to the frame `until`. What is compacted on the way is given to `keep`.
pub(super) fn log(
    connection: &Connection,
    request: &ReadLog,
    until: u64,
    compacted: &mut dyn FnMut(&StoredRun) -> Result<Vec<Frame>, Fault>,
) -> Result<Part, Fault> {
    let found = connection
        .prepare_cached("SELECT thread, next_seq FROM threads WHERE principal = ?1 AND id = ?2")?
        .query_row(params![&*request.thread.principal, &*request.thread.thread_id], |row| {
            Ok((row.get::<_, i64>(0)?, row.get(1)?))
        })
        .optional()?;
    let Some((row, head)) = found else { return Ok(Part::default()) };
    let mut part = Part { head, ..Part::default() };
    for run in runs(connection, row, request.from)? {
        if run.end_seq.is_none() {
            part.live = Some(LiveRun { run: run.run, run_id: run.run_id.clone(), first_seq: run.first_seq });
        }
        let (from, until) = (request.from, until);
        if part.stopped || request.max_bytes == 0 || run.first_seq >= until {
            continue;
        }
        let whole = run.end_seq.is_some_and(|end| end <= request.compact_until);
        let fresh = if (whole && !run.compact) && run.raw { Some(compacted(&run)?) } else { None };
        match fresh {
            Some(frames) => take(frames.into_iter().map(Ok), from..until, request.max_bytes, &mut part)?,
            None => {
                let compact = run.compact && (whole || !run.raw);
                stored(connection, run.run, compact, from..until, request.max_bytes, &mut part)?;
            }
        }
    }
    Ok(part)
}

fn runs(connection: &Connection, row: i64, from: u64) -> Result<Vec<StoredRun>, Fault> {
    let mut statement = connection.prepare_cached(
        "SELECT run, run_id, first_seq, end_seq, raw, compact FROM runs
        WHERE thread = ?1 AND (end_seq IS NULL OR end_seq > ?2) ORDER BY first_seq, run",
    )?;
    let rows = statement.query_map(params![row, from.min(i64::MAX as u64)], |row| {
        Ok(StoredRun {
            run: row.get(0)?,
            run_id: row.get::<_, Arc<str>>(1)?,
            first_seq: row.get(2)?,
            end_seq: row.get(3)?,
            raw: row.get(4)?,
            compact: row.get(5)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The runs of a thread that end behind a number.
pub(super) fn runs_of(connection: &Connection, key: &ThreadKey, from: u64) -> Result<Vec<StoredRun>, Fault> {
    let found = row_of(connection, key)?;
    found.map_or(Ok(Vec::new()), |(row, _)| runs(connection, row, from))
}

/// All frames of a run in one of its forms.
pub(super) fn frames_of(connection: &Connection, run: u64, compact: bool) -> Result<Vec<Frame>, Fault> {
    let mut part = Part::default();
    stored(connection, run, compact, 0..u64::MAX, usize::MAX, &mut part)?;
    Ok(part.frames)
}

fn stored(
    connection: &Connection,
    run: u64,
    compact: bool,
    range: std::ops::Range<u64>,
    max_bytes: usize,
    part: &mut Part,
) -> Result<(), Fault> {
    let mut statement = connection.prepare_cached(
        "SELECT data FROM chunks WHERE run = ?1 AND compact = ?2 AND last_seq >= ?3 ORDER BY last_seq",
    )?;
    let mut rows = statement.query(params![run, compact, range.start.min(i64::MAX as u64)])?;
    while let Some(row) = rows.next()? {
        let damaged = || Fault::Damaged(format!("a piece of run {run} in the thread store cannot be read"));
        let data = row.get_ref(0)?.as_blob().map_err(|_| damaged())?;
        let entries = decode(data, &mut |id, out| attachments::put(connection, id, out))?.ok_or_else(damaged)?;
        let frames = entries
            .into_iter()
            .filter(|entry| entry.seq >= range.start)
            .map(|entry| Frame::restore(entry.seq, run, entry.json, entry.as_is).map_err(|_| damaged()));
        take(frames, range.clone(), max_bytes, part)?;
        if part.stopped {
            break;
        }
    }
    Ok(())
}

fn take(
    frames: impl Iterator<Item = Result<Frame, Fault>>,
    range: std::ops::Range<u64>,
    max_bytes: usize,
    part: &mut Part,
) -> Result<(), Fault> {
    for frame in frames {
        if part.bytes >= max_bytes {
            part.stopped = true;
            return Ok(());
        }
        let frame = frame?;
        if range.contains(&frame.seq) {
            part.bytes += frame.size();
            part.frames.push(frame);
        }
    }
    Ok(())
}
