//! One thread in memory.

use crate::store::compaction::compact_run;
use crate::store::{
    Append, BeginRun, Begun, Frame, Lease, LiveRun, LogPage, ReadLog, Signal, StopOutcome, StoreError, ThreadRecord,
    ThreadUpdate,
};
use bytes::Bytes;
use copilotkit_protocol::{Emitted, RunError};
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::time::Instant;

/// Now, on the clock of people and on that of leases.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    millis: u64,
    instant: Instant,
}

impl Times {
    pub(super) fn now() -> Self {
        let millis = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_millis() as u64);
        Self { millis, instant: Instant::now() }
    }
}

#[derive(Debug)]
pub(super) struct Thread {
    id: Arc<str>,
    runs: VecDeque<FinishedRun>,
    live: Option<Live>,
    next_seq: u64,
    next_run: u64,
    known: HashSet<String>,
    agent_id: Arc<str>,
    name: Option<String>,
    archived: bool,
    created_at: Option<u64>,
    updated_at: u64,
    blobs: HashMap<String, Bytes>,
    /// Bytes of everything but the compact forms, which are accounted for where they are made.
    size: usize,
}

#[derive(Debug)]
struct Live {
    run: u64,
    run_id: Arc<str>,
    first_seq: u64,
    frames: Vec<Frame>,
    expires: Instant,
    stop: bool,
}

/// A finished run; its compact form is made once, when it is first asked for.
#[derive(Clone, Debug)]
pub(super) struct FinishedRun(Arc<Finished>);

#[derive(Debug)]
struct Finished {
    frames: Vec<Frame>,
    size: usize,
    compact: OnceLock<Vec<Frame>>,
}

impl FinishedRun {
    /// Makes the compact form. Returns the bytes that it occupied before and occupies now.
    pub(super) fn compact(&self) -> (usize, usize) {
        let mut made = 0;
        self.0.compact.get_or_init(|| {
            let frames = compact_run(&self.0.frames);
            made = frames.iter().map(Frame::size).sum();
            frames
        });
        (0, made)
    }

    fn range(&self) -> std::ops::Range<u64> {
        match (self.0.frames.first(), self.0.frames.last()) {
            (Some(first), Some(last)) => first.seq..last.seq + 1,
            _ => 0..0,
        }
    }

    fn size(&self) -> usize {
        self.0.size + self.0.compact.get().map_or(0, |frames| frames.iter().map(Frame::size).sum())
    }
}

impl Thread {
    pub(super) fn new(id: Arc<str>) -> Self {
        Self {
            id,
            runs: VecDeque::new(),
            live: None,
            next_seq: 0,
            next_run: 0,
            known: HashSet::new(),
            agent_id: "".into(),
            name: None,
            archived: false,
            created_at: None,
            updated_at: 0,
            blobs: HashMap::new(),
            size: 0,
        }
    }

    pub(super) fn is_live(&self) -> bool {
        self.live.is_some()
    }

    /// Bytes that this thread occupies, the compact forms included.
    pub(super) fn size(&self) -> usize {
        self.size + self.runs.iter().map(|run| run.size() - run.0.size).sum::<usize>()
    }

    pub(super) fn signal(&self) -> Signal {
        Signal {
            head: self.next_seq,
            live: self.live.as_ref().map(|live| live.run),
            stop: self.live.as_ref().filter(|live| live.stop).map(|live| live.run),
        }
    }

    pub(super) fn begin(&mut self, request: BeginRun, now: Times) -> Result<Begun, StoreError> {
        self.close_lapsed(now);
        if self.live.is_some() {
            return Err(StoreError::Busy);
        }
        let run = self.next_run;
        let first_seq = self.next_seq;
        self.next_run += 1;
        self.live = Some(Live {
            run,
            run_id: request.run_id,
            first_seq,
            frames: Vec::new(),
            expires: now.instant + request.ttl,
            stop: false,
        });
        self.agent_id = request.agent_id;
        self.created_at.get_or_insert(now.millis);
        self.updated_at = now.millis;
        let mut known = HashSet::new();
        for id in request.message_ids {
            if !self.know(&id) {
                known.insert(id);
            }
        }
        Ok(Begun { lease: Lease { thread: request.thread, run, first_seq }, known })
    }

    /// Remembers a message id. True when it is new.
    fn know(&mut self, id: &str) -> bool {
        let new = !self.known.contains(id);
        if new {
            self.size += id.len();
            self.known.insert(id.to_owned());
        }
        new
    }

    fn owned(&mut self, lease: &Lease) -> Result<&mut Live, StoreError> {
        self.live.as_mut().filter(|live| live.run == lease.run).ok_or(StoreError::Fenced)
    }

    pub(super) fn append(&mut self, lease: &Lease, append: Append, now: Times) -> Result<(), StoreError> {
        let next_seq = self.next_seq;
        let live = self.owned(lease)?;
        debug_assert!(
            append.frames.first().is_none_or(|frame| frame.seq == next_seq),
            "frames are numbered without a gap"
        );
        let count = append.frames.len() as u64;
        let bytes: usize = append.frames.iter().map(Frame::size).sum();
        live.frames.extend(append.frames);
        self.next_seq += count;
        self.size += bytes;
        self.updated_at = now.millis;
        for id in append.message_ids {
            self.know(&id);
        }
        Ok(())
    }

    pub(super) fn release(&mut self, lease: &Lease, max_runs: usize) -> Result<(), StoreError> {
        self.owned(lease)?;
        if let Some(live) = self.live.take() {
            let size = live.frames.iter().map(Frame::size).sum();
            self.runs.push_back(FinishedRun(Arc::new(Finished {
                frames: live.frames,
                size,
                compact: OnceLock::new(),
            })));
        }
        while self.runs.len() > max_runs.max(1) {
            if let Some(oldest) = self.runs.pop_front() {
                self.size -= oldest.0.size;
            }
        }
        Ok(())
    }

    /// Closes the live run if its lease lapsed: its writer is gone or too slow, and is refused from now on.
    pub(super) fn close_lapsed(&mut self, now: Times) -> bool {
        let Some(live) = self.live.as_ref().filter(|live| live.expires <= now.instant) else { return false };
        let lease = Lease {
            thread: crate::store::ThreadKey { principal: "".into(), thread_id: self.id.clone() },
            run: live.run,
            first_seq: live.first_seq,
        };
        let event = RunError {
            message: "The run was interrupted: the server that ran it stopped or lost its connection.".to_owned(),
            code: Some("run_interrupted".to_owned()),
            ..Default::default()
        };
        let frame = Frame::new(self.next_seq, live.run, Emitted::from(event));
        let closed = self.append(&lease, Append { frames: vec![frame], message_ids: Vec::new() }, now);
        closed.and_then(|()| self.release(&lease, usize::MAX)).is_ok()
    }

    pub(super) fn renew(&mut self, lease: &Lease, ttl: Duration, now: Times) -> Result<(), StoreError> {
        let live = self.owned(lease)?;
        live.expires = now.instant + ttl;
        Ok(())
    }

    pub(super) fn stop(&mut self, run_id: Option<&str>) -> StopOutcome {
        match (&mut self.live, run_id) {
            (Some(live), Some(run_id)) if *live.run_id != *run_id => StopOutcome::OtherRun,
            (Some(live), _) if !live.stop => {
                live.stop = true;
                StopOutcome::Requested
            }
            (None, Some(_)) => StopOutcome::OtherRun,
            _ => StopOutcome::Idle,
        }
    }

    /// The finished runs whose compact form a read wants and that were not compacted yet.
    pub(super) fn to_compact(&self, request: &ReadLog) -> Vec<FinishedRun> {
        self.runs
            .iter()
            .filter(|run| run.range().end > request.from && run.range().end <= request.compact_until)
            .filter(|run| run.0.compact.get().is_none())
            .cloned()
            .collect()
    }

    pub(super) fn read(&self, request: &ReadLog) -> LogPage {
        let mut page = LogPage {
            frames: Vec::new(),
            next: request.from,
            head: self.next_seq,
            live: self.live.as_ref().map(|live| LiveRun {
                run: live.run,
                run_id: live.run_id.clone(),
                first_seq: live.first_seq,
            }),
        };
        let mut bytes = 0;
        let finished = self.runs.iter().map(|run| {
            let compact = run.0.compact.get().filter(|_| run.range().end <= request.compact_until);
            compact.unwrap_or(&run.0.frames)
        });
        for frames in finished.chain(self.live.as_ref().map(|live| &live.frames)) {
            // Frames are in order: the first one at or after the cursor is found by halving.
            let start = frames.partition_point(|frame| frame.seq < request.from);
            for frame in frames.get(start..).unwrap_or_default() {
                if bytes >= request.max_bytes {
                    return page;
                }
                bytes += frame.size();
                page.next = frame.seq + 1;
                page.frames.push(frame.clone());
            }
        }
        page.next = self.next_seq.max(request.from);
        page
    }

    pub(super) fn record(&self) -> Option<ThreadRecord> {
        Some(ThreadRecord {
            id: self.id.clone(),
            name: self.name.clone(),
            agent_id: self.agent_id.clone(),
            archived: self.archived,
            created_at: self.created_at?,
            updated_at: self.updated_at,
        })
    }

    pub(super) fn update(&mut self, update: ThreadUpdate, now: Times) -> Option<ThreadRecord> {
        self.created_at?;
        if let Some(name) = update.name {
            self.name = name;
        }
        if let Some(archived) = update.archived {
            self.archived = archived;
        }
        self.updated_at = now.millis;
        self.record()
    }

    pub(super) fn blob(&self, key: &str) -> Option<Bytes> {
        self.blobs.get(key).cloned()
    }

    pub(super) fn set_blob(&mut self, key: &str, value: Option<Bytes>) {
        let old = match value {
            Some(value) => {
                self.size += value.len();
                self.blobs.insert(key.to_owned(), value)
            }
            None => self.blobs.remove(key),
        };
        self.size -= old.map_or(0, |old| old.len());
    }
}
