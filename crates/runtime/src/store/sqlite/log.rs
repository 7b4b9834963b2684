//! The log of runs and its signals.

use super::fault::Fault;
use super::jobs::{Begin, Compacted, millis};
use super::reads::{self, StoredRun};
use super::slots::Slot;
use super::{Inner, SqliteStore};
use crate::limits;
use crate::store::{
    Append, BeginRun, Begun, CompactRun, Frame, Lease, LogPage, ReadLog, Recovery, ReplayPage, RunLog, RunSignals,
    Signal, StopOutcome, StopRun, StoreError, ThreadKey, compact_run,
};
use async_trait::async_trait;
use rusqlite::Connection;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// Bytes that are written at once, without waiting for more.
const FLUSH_BYTES: usize = 64 * 1024;

impl SqliteStore {
    fn owned(&self, lease: &Lease) -> Result<Arc<Slot>, StoreError> {
        self.inner.slots.get(&lease.thread).ok_or(StoreError::Fenced)
    }
}

#[async_trait]
impl RunLog for SqliteStore {
    async fn begin(&self, request: BeginRun) -> Result<Begun, StoreError> {
        let slot = self.inner.slots.get_or_make(&request.thread);
        let instance = self.inner.instance;
        let begin = |reply| Box::new(Begin::new(slot, request, instance, reply)) as _;
        Ok(self.ask(begin).await?.take())
    }

    async fn append(&self, lease: &Lease, append: &Append) -> Result<(), StoreError> {
        let slot = self.owned(lease)?;
        let (accepted, first) = slot.with(|state| {
            let accepted = state.live.as_mut().ok_or(StoreError::Fenced)?.append(lease, append)?;
            let waits = accepted.wait || accepted.pending > limits::SQLITE_PENDING;
            let first = !state.queued && !waits;
            state.queued |= first;
            Ok::<_, StoreError>((accepted, first))
        })?;
        if accepted.wait || accepted.pending > limits::SQLITE_PENDING {
            return self.save(&slot).await;
        }
        let much = accepted.before < FLUSH_BYTES && accepted.pending >= FLUSH_BYTES;
        if first {
            self.inner.inbox.dirty(&slot, much);
        } else if much {
            self.inner.inbox.hurry();
        }
        Ok(())
    }

    async fn finish(&self, lease: &Lease, append: &Append) -> Result<(), StoreError> {
        let slot = self.owned(lease)?;
        slot.with(|state| state.live.as_mut().ok_or(StoreError::Fenced)?.finish(lease, append))?;
        self.save(&slot).await
    }

    async fn read(&self, request: ReadLog) -> Result<LogPage, StoreError> {
        Ok(self.page(request, false).await?.rest)
    }

    async fn replay(&self, request: ReadLog) -> Result<ReplayPage, StoreError> {
        self.page(request, true).await
    }
}

impl SqliteStore {
    /// What is asked for; with `blocks` whole finished runs come as those.
    async fn page(&self, request: ReadLog, blocks: bool) -> Result<ReplayPage, StoreError> {
        let slot = self.inner.slots.get(&request.thread);
        let view = slot.and_then(|slot| slot.view(request.from, request.max_bytes));
        let (from, max_bytes) = (request.from, request.max_bytes);
        let in_memory = view.as_ref().is_some_and(|view| from >= view.tail_from || max_bytes == 0);
        let found = match in_memory {
            true => FromFile { from, max_bytes, ..FromFile::default() },
            false => {
                let inner = self.inner.clone();
                let until = view.as_ref().map_or(u64::MAX, |view| view.tail_from);
                let readers = self.inner.readers.clone();
                readers.read(move |connection| inner.read(connection, request, until, blocks)).await?
            }
        };
        let FromFile { runs, part, from, max_bytes } = found;
        let (mut frames, mut bytes, mut stopped) = (part.frames, part.bytes, part.stopped);
        let (head, live, tail) = match view {
            Some(view) => (view.head, view.live, view.tail),
            None => (part.head, part.live, Vec::new()),
        };
        for frame in tail {
            if stopped || bytes >= max_bytes {
                stopped = true;
                break;
            }
            bytes += frame.size();
            frames.push(frame);
        }
        // The view may have been cut at the same bound.
        stopped |= bytes >= max_bytes;
        let next = match frames.last() {
            _ if max_bytes == 0 => from,
            Some(last) if stopped => last.seq + 1,
            _ => head.max(from),
        };
        Ok(ReplayPage { runs, rest: LogPage { frames, next, head, live } })
    }
}

/// What a read found in the file.
#[derive(Default)]
struct FromFile {
    /// Whole finished runs.
    runs: Vec<Arc<CompactRun>>,
    /// What stands behind them.
    part: reads::Part,
    /// Where that begins, and how much of it was wanted.
    from: u64,
    max_bytes: usize,
}

impl Inner {
    /// Reads from the file. The compact form of a run is made by its first reader and kept.
    fn read(&self, connection: &Connection, mut request: ReadLog, until: u64, blocks: bool) -> Result<FromFile, Fault> {
        let runs = if blocks { self.blocks(connection, &mut request, until)? } else { Vec::new() };
        let mut compacted = |run: &StoredRun| self.compact(connection, run);
        let part = reads::log(connection, &request, until, &mut compacted)?;
        Ok(FromFile { runs, part, from: request.from, max_bytes: request.max_bytes })
    }

    /// The finished runs at the cursor, which goes behind them, as the bytes that are sent for them.
    fn blocks(
        &self,
        connection: &Connection,
        request: &mut ReadLog,
        until: u64,
    ) -> Result<Vec<Arc<CompactRun>>, Fault> {
        let mut blocks = Vec::new();
        for run in reads::runs_of(connection, &request.thread, request.from)? {
            let end = run.end_seq.filter(|end| *end <= request.compact_until.min(until));
            let Some(end) = end.filter(|_| run.first_seq >= request.from && request.max_bytes > 0) else { break };
            let block = match self.replays.get(run.run) {
                Some(block) => block,
                None => {
                    let frames = match run.compact {
                        true => reads::frames_of(connection, run.run, true)?,
                        false => self.compact(connection, &run)?,
                    };
                    let block = Arc::new(CompactRun::of_compact(frames));
                    self.replays.keep(&request.thread, run.run, &block);
                    block
                }
            };
            request.from = end;
            request.max_bytes = request.max_bytes.saturating_sub(block.size());
            blocks.push(block);
        }
        Ok(blocks)
    }

    fn compact(&self, connection: &Connection, run: &StoredRun) -> Result<Vec<Frame>, Fault> {
        let frames = compact_run(&reads::frames_of(connection, run.run, false)?);
        // Without a place the next reader makes it again.
        if let Ok(place) = self.compacting.clone().try_acquire_owned() {
            self.inbox.send_one(Box::new(Compacted::found(run.run, frames.clone(), place)))?;
        }
        Ok(frames)
    }
}

#[async_trait]
impl RunSignals for SqliteStore {
    async fn follow(&self, thread: &ThreadKey) -> Result<watch::Receiver<Signal>, StoreError> {
        let slot = self.inner.slots.get_or_make(thread);
        let receiver = slot.subscribe();
        if slot.with(|state| state.live.is_none() && state.head.is_none()) {
            let key = thread.clone();
            let head = self.inner.readers.read(move |connection| reads::head(connection, &key)).await?;
            slot.with(|state| {
                // A run may have begun, and ended, in between.
                if state.live.is_none() && state.head.is_none() {
                    state.head = Some(head);
                }
            });
        }
        Ok(receiver)
    }

    async fn renew(&self, lease: &Lease, ttl: Duration) -> Result<(), StoreError> {
        let slot = self.owned(lease)?;
        let millis = millis().saturating_add(ttl.as_millis() as u64);
        let first = slot.with(|state| {
            let live = state.live.as_mut().ok_or(StoreError::Fenced)?;
            live.renew(lease, Instant::now() + ttl, millis)?;
            Ok::<_, StoreError>(!std::mem::replace(&mut state.queued, true))
        })?;
        if first {
            self.inner.inbox.dirty(&slot, false);
        }
        Ok(())
    }

    async fn stop(&self, request: StopRun) -> Result<StopOutcome, StoreError> {
        let run_id = request.run_id.as_deref();
        let idle = if run_id.is_some() { StopOutcome::OtherRun } else { StopOutcome::Idle };
        let Some(slot) = self.inner.slots.get(&request.thread) else { return Ok(idle) };
        Ok(slot.with(|state| match state.live.as_mut().filter(|live| live.is_held()) {
            None => idle,
            Some(live) if run_id.is_some_and(|run_id| *live.run_id != *run_id) => StopOutcome::OtherRun,
            Some(live) if live.stop.is_cancelled() => StopOutcome::Idle,
            Some(live) => {
                live.stop.cancel();
                StopOutcome::Requested
            }
        }))
    }
}

#[async_trait]
impl Recovery for SqliteStore {
    /// The file and its log beside it.
    fn size(&self) -> Option<u64> {
        let path = &self.inner.place.path;
        let mut log = path.clone().into_os_string();
        log.push("-wal");
        let size = |path: &std::path::Path| std::fs::metadata(path).map(|file| file.len()).ok();
        Some(size(path)? + size(log.as_ref()).unwrap_or(0))
    }

    /// Closes runs of this process whose lease lapsed. Those of a former process were closed when the file was opened.
    async fn recover(&self) -> Result<usize, StoreError> {
        let now = Instant::now();
        let mut closed = 0;
        for slot in self.inner.slots.all() {
            if slot.with(|state| state.live.as_mut().is_some_and(|live| live.close_lapsed(now))) {
                closed += 1;
                self.save(&slot).await?;
            }
        }
        Ok(closed)
    }
}
