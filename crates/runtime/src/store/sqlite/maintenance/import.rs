//! Threads from lines of JSON: all of them, or none.

use super::format::{Blob, FrameLine, Line, Run, Thread, VERSION};
use super::{Maintenance, MaintenanceError, Watch};
use crate::store::sqlite::fault::Fault;
use crate::store::sqlite::jobs::{Form, close_interrupted, delete_rows, put_chunks};
use crate::store::sqlite::reads;
use crate::store::{Frame, ThreadKey};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use rusqlite::{Connection, TransactionBehavior, params};
use std::collections::HashSet;
use std::io::{BufRead, Read as _};

/// The longest line: far above the largest event that a server takes.
const LINE_MAX: u64 = 256 * 1024 * 1024;
/// Bytes of events that are written at once.
const FLUSH: usize = 64 * 1024;
/// Lines between two questions whether to go on.
const PAUSE: u64 = 4096;

/// How threads are taken in.
#[derive(Clone, Debug, Default)]
pub struct ImportOptions {
    /// Whose they become; `None` for those that the export names.
    pub principal: Option<String>,
    /// Whether a thread of the same id goes.
    pub replace: bool,
}

/// What was taken in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// Threads.
    pub threads: u64,
    /// Of these, how many took the place of another one.
    pub replaced: u64,
    /// Events, in both forms.
    pub frames: u64,
}

impl Maintenance {
    /// Takes in the threads of an export. When it fails, or `watch` answers false, nothing is changed. A run that had not
    /// ended is closed as interrupted.
    ///
    /// # Errors
    /// [`MaintenanceError::Line`] for what is no export, [`MaintenanceError::Exists`] for a thread that is in the way,
    /// and when the file cannot be written.
    pub fn import(
        &mut self,
        input: &mut dyn BufRead,
        options: &ImportOptions,
        watch: Watch<'_>,
    ) -> Result<Imported, MaintenanceError> {
        let instance = self.instance()?;
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut intake = Intake {
            connection: &transaction,
            options,
            instance,
            open: None,
            seen: HashSet::new(),
            done: Imported::default(),
        };
        let (mut number, mut line) = (0u64, Vec::new());
        loop {
            line.clear();
            let length = input.take(LINE_MAX).read_until(b'\n', &mut line)?;
            if length == 0 {
                break;
            }
            number += 1;
            if number.is_multiple_of(PAUSE) && !watch(intake.done.threads) {
                return Err(MaintenanceError::Stopped);
            }
            if length as u64 >= LINE_MAX {
                return Err(wrong(number, "it is too long"));
            }
            if !line.trim_ascii().is_empty() {
                intake.line(number, &line)?;
            }
        }
        if number == 0 {
            return Err(wrong(1, "there is nothing: an export begins with its version"));
        }
        if intake.open.is_some() {
            return Err(wrong(number, "the last thread has no end: the export was cut off"));
        }
        let done = intake.done;
        drop(intake);
        transaction.commit()?;
        // What was taken in stays: the next opening closes them otherwise.
        if let Err(error) = close_interrupted(&mut self.connection) {
            tracing::warn!(%error, "runs that had not ended could not be closed");
        }
        Ok(done)
    }
}

fn wrong(line: u64, what: impl Into<String>) -> MaintenanceError {
    MaintenanceError::Line { line, what: what.into() }
}

/// What was read so far.
struct Intake<'a> {
    connection: &'a Connection,
    options: &'a ImportOptions,
    instance: i64,
    open: Option<Open>,
    /// Threads of this export: one does not take the place of another.
    seen: HashSet<ThreadKey>,
    done: Imported,
}

/// The thread that is being taken in.
struct Open {
    row: i64,
    next_seq: u64,
    /// Where its last run ended.
    end: u64,
    frames: u64,
    bytes: u64,
    run: Option<OpenRun>,
}

/// Its run.
struct OpenRun {
    run: u64,
    raw: bool,
    compact: bool,
    /// The numbers that its frames may have.
    first: u64,
    end: u64,
    /// The form of those that come now, and the number that the next one has at least.
    form: bool,
    next: u64,
    frames: Vec<Frame>,
    size: usize,
}

impl Intake<'_> {
    fn line(&mut self, number: u64, text: &[u8]) -> Result<(), MaintenanceError> {
        let line: Line<'_> = serde_json::from_slice(text)
            .map_err(|error| wrong(number, format!("it is no line of an export of threads: {error}")))?;
        match (line, number, self.open.is_some()) {
            (Line::CopilotkitThreads(VERSION), _, false) => Ok(()),
            (Line::CopilotkitThreads(version), _, false) => {
                let text = format!(
                    "version {version} of the format is not known here, only {VERSION}: use a newer copilotkit"
                );
                Err(wrong(number, text))
            }
            (_, 1, _) => Err(wrong(number, "an export begins with its version, {\"copilotkitThreads\":1}")),
            (Line::Thread(thread), _, false) => self.thread(number, &thread),
            (_, _, false) => Err(wrong(number, "it belongs to a thread, and none has begun")),
            (Line::Thread(_) | Line::CopilotkitThreads(_), _, true) => {
                Err(wrong(number, "the thread before it has no end: the export was cut off"))
            }
            (Line::MessageId(id), _, true) => self.with(|connection, open| {
                let sql = "INSERT OR IGNORE INTO messages (thread, id) VALUES (?1, ?2)";
                connection.prepare_cached(sql)?.execute(params![open.row, id])?;
                Ok(())
            }),
            (Line::Blob(blob), _, true) => self.with(|connection, open| put_blob(connection, open, number, &blob)),
            (Line::Run(run), _, true) => {
                let instance = self.instance;
                self.with(|connection, open| begin_run(connection, open, instance, number, &run))
            }
            (Line::Frame(frame), _, true) => self.with(|connection, open| put_frame(connection, open, number, &frame)),
            (Line::End(end), _, true) => {
                self.with(|connection, open| {
                    end_run(connection, open)?;
                    if open.frames != end.frames {
                        let what = format!("the thread has {} events and not {}", open.frames, end.frames);
                        return Err(wrong(number, what));
                    }
                    let sql = "UPDATE threads SET bytes = ?2 WHERE thread = ?1";
                    connection.prepare_cached(sql)?.execute(params![open.row, open.bytes])?;
                    Ok(())
                })?;
                self.done.frames += end.frames;
                self.done.threads += 1;
                self.open = None;
                Ok(())
            }
        }
    }

    fn with(
        &mut self,
        work: impl FnOnce(&Connection, &mut Open) -> Result<(), MaintenanceError>,
    ) -> Result<(), MaintenanceError> {
        self.open.as_mut().map_or(Ok(()), |open| work(self.connection, open))
    }

    fn thread(&mut self, number: u64, thread: &Thread<'_>) -> Result<(), MaintenanceError> {
        let principal = self.options.principal.as_deref().unwrap_or(&thread.principal);
        let key = ThreadKey { principal: principal.into(), thread_id: (&*thread.id).into() };
        for time in [thread.created_at, thread.updated_at, thread.next_seq] {
            i64::try_from(time).map_err(|_| wrong(number, format!("{time} is too large")))?;
        }
        let exists = || MaintenanceError::Exists { principal: principal.to_owned(), thread_id: thread.id.to_string() };
        if !self.seen.insert(key.clone()) {
            return Err(wrong(number, format!("the thread {} of {principal} comes twice", thread.id)));
        }
        if let Some((row, _)) = reads::row_of(self.connection, &key)? {
            if !self.options.replace {
                return Err(exists());
            }
            delete_rows(self.connection, row)?;
            self.done.replaced += 1;
        }
        let sql = "INSERT INTO threads (principal, id, name, agent_id, archived, created_at, updated_at, next_seq)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
        self.connection.prepare_cached(sql)?.execute(params![
            principal,
            thread.id,
            thread.name,
            thread.agent_id,
            thread.archived,
            thread.created_at,
            thread.updated_at,
            thread.next_seq
        ])?;
        let row = self.connection.last_insert_rowid();
        self.open = Some(Open { row, next_seq: thread.next_seq, end: 0, frames: 0, bytes: 0, run: None });
        Ok(())
    }
}

fn put_blob(connection: &Connection, open: &Open, number: u64, blob: &Blob<'_>) -> Result<(), MaintenanceError> {
    let value = BASE64_STANDARD.decode(&blob.base64).map_err(|_| wrong(number, "a blob is not in base64"))?;
    let sql = "INSERT OR REPLACE INTO blobs (thread, name, value) VALUES (?1, ?2, ?3)";
    connection.prepare_cached(sql)?.execute(params![open.row, blob.key, value])?;
    Ok(())
}

fn begin_run(
    connection: &Connection,
    open: &mut Open,
    instance: i64,
    number: u64,
    run: &Run<'_>,
) -> Result<(), MaintenanceError> {
    end_run(connection, open)?;
    let end = run.end_seq.unwrap_or(open.next_seq);
    if run.first_seq < open.end || end < run.first_seq || end > open.next_seq {
        return Err(wrong(
            number,
            "the events of a run are numbered behind those before it, up to nextSeq of its thread",
        ));
    }
    if run.end_seq.is_some() != run.ended_at.is_some() {
        return Err(wrong(number, "a run that ended has endSeq and endedAt"));
    }
    for time in [Some(run.began_at), run.ended_at].into_iter().flatten() {
        i64::try_from(time).map_err(|_| wrong(number, format!("{time} is too large")))?;
    }
    let sql = "INSERT INTO runs
        (thread, run_id, agent_id, instance, expires_at, began_at, ended_at, first_seq, end_seq, raw, compact)
        VALUES (?1, ?2, ?3, ?4, 0, ?5, ?6, ?7, ?8, ?9, ?10)";
    let inserted = connection.prepare_cached(sql)?.execute(params![
        open.row,
        run.run_id,
        run.agent_id,
        instance,
        run.began_at,
        run.ended_at,
        run.first_seq,
        run.end_seq,
        run.raw,
        run.compact
    ]);
    inserted?;
    let id = u64::try_from(connection.last_insert_rowid()).map_err(|_| wrong(number, "there are too many runs"))?;
    // Behind a run without an end there is no room for another one.
    open.end = run.end_seq.unwrap_or(u64::MAX);
    open.run = Some(OpenRun {
        run: id,
        raw: run.raw,
        compact: run.compact,
        first: run.first_seq,
        end,
        form: false,
        next: run.first_seq,
        frames: Vec::new(),
        size: 0,
    });
    Ok(())
}

fn put_frame(
    connection: &Connection,
    open: &mut Open,
    number: u64,
    line: &FrameLine<'_>,
) -> Result<(), MaintenanceError> {
    let Some(run) = &mut open.run else { return Err(wrong(number, "an event belongs to a run, and none has begun")) };
    if !(if line.compact { run.compact } else { run.raw }) {
        return Err(wrong(number, "its run says that it has no events in this form"));
    }
    if line.compact != run.form {
        if run.form {
            return Err(wrong(number, "the compact form of a run stands behind its single events"));
        }
        open.bytes += flush(connection, open.row, run)?;
        (run.form, run.next) = (true, run.first);
    }
    if line.seq < run.next || line.seq >= run.end {
        return Err(wrong(number, format!("the number {} is not behind the one before, or not of its run", line.seq)));
    }
    let json = match (line.event, &line.text) {
        (Some(event), None) => Bytes::copy_from_slice(event.get().as_bytes()),
        (None, Some(text)) => Bytes::copy_from_slice(text.as_bytes()),
        _ => return Err(wrong(number, "an event is in `event` or in `text`")),
    };
    let frame = Frame::restore(line.seq, run.run, json, line.as_is)
        .map_err(|error| wrong(number, format!("it is no event of AG-UI: {error}")))?;
    run.next = line.seq + 1;
    run.size += frame.json.len();
    run.frames.push(frame);
    open.frames += 1;
    if run.size >= FLUSH {
        open.bytes += flush(connection, open.row, run)?;
    }
    Ok(())
}

fn flush(connection: &Connection, thread: i64, run: &mut OpenRun) -> Result<u64, Fault> {
    run.size = 0;
    let form = Form { thread, run: run.run, compact: run.form };
    put_chunks(connection, form, &std::mem::take(&mut run.frames))
}

fn end_run(connection: &Connection, open: &mut Open) -> Result<(), Fault> {
    if let Some(mut run) = open.run.take() {
        open.bytes += flush(connection, open.row, &mut run)?;
    }
    Ok(())
}
