//! One thread in memory.

use crate::store::{
    Append, BeginRun, Begun, CompactRun, Frame, Lease, LiveRun, LogPage, ReadLog, ReplayPage, Signal, StopOutcome,
    StoreError, ThreadKey, ThreadRecord, ThreadUpdate,
};
use bytes::Bytes;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// What a thread occupies besides its contents, and an entry of one of its maps besides its key.
const THREAD_OVERHEAD: usize = 512;
const ENTRY_OVERHEAD: usize = 64;

/// Now, on the clock of people and on that of leases.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    millis: u64,
    instant: Instant,
}

impl Times {
    pub(super) fn now() -> Self {
        Self { millis: Self::millis(), instant: Instant::now() }
    }

    /// Milliseconds since the Unix epoch.
    pub(super) fn millis() -> u64 {
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_millis() as u64)
    }
}

#[derive(Debug)]
pub(super) struct Thread {
    key: ThreadKey,
    runs: VecDeque<FinishedRun>,
    live: Option<Live>,
    next_seq: u64,
    /// Ids of messages that the log holds, with the run that holds them last.
    known: HashMap<String, u64>,
    agent_id: Arc<str>,
    name: Option<String>,
    archived: bool,
    created_at: Option<u64>,
    updated_at: u64,
    blobs: HashMap<String, Bytes>,
    /// Bytes of all of this.
    size: usize,
}

#[derive(Debug)]
struct Live {
    run: u64,
    run_id: Arc<str>,
    first_seq: u64,
    frames: Vec<Frame>,
    size: usize,
    expires: Instant,
    stop: CancellationToken,
}

/// A finished run; its compact form is made after its end, or when it is first asked for.
#[derive(Clone, Debug)]
pub(super) struct FinishedRun {
    pub(super) run: u64,
    pub(super) frames: Arc<Vec<Frame>>,
    pub(super) size: usize,
    compact: Option<Arc<CompactRun>>,
}

impl FinishedRun {
    fn first(&self) -> u64 {
        self.frames.first().map_or(0, |frame| frame.seq)
    }

    /// The number behind the run's last frame.
    fn end(&self) -> u64 {
        self.frames.last().map_or(0, |frame| frame.seq + 1)
    }
}

fn size_of(frames: &[Frame]) -> usize {
    frames.iter().map(Frame::size).sum()
}

impl Thread {
    pub(super) fn new(key: ThreadKey) -> Self {
        Self {
            key,
            runs: VecDeque::new(),
            live: None,
            next_seq: 0,
            known: HashMap::new(),
            agent_id: "".into(),
            name: None,
            archived: false,
            created_at: None,
            updated_at: 0,
            blobs: HashMap::new(),
            size: 0,
        }
    }

    /// Bytes that this thread occupies.
    pub(super) fn size(&self) -> usize {
        self.size
    }

    pub(super) fn signal(&self) -> Signal {
        Signal { head: self.next_seq, live: self.live.as_ref().map(|live| live.run) }
    }

    /// Empties a thread that is about to be forgotten. False while a run is live: then it stays.
    pub(super) fn let_go(&mut self) -> bool {
        if self.live.is_none() {
            *self = Self::new(self.key.clone());
        }
        self.live.is_none()
    }

    pub(super) fn begin(&mut self, request: BeginRun, runs: &AtomicU64, now: Times) -> Result<Begun, StoreError> {
        self.close_lapsed(now);
        if self.live.is_some() {
            return Err(StoreError::Busy);
        }
        if self.created_at.is_none() {
            self.created_at = Some(now.millis);
            self.size += request.name.as_ref().map_or(0, String::len);
            self.name = request.name;
            self.size += THREAD_OVERHEAD;
        }
        self.updated_at = now.millis;
        self.agent_id = request.agent_id;
        let (run, first_seq) = (runs.fetch_add(1, Ordering::Relaxed), self.next_seq);
        let stop = CancellationToken::new();
        self.live = Some(Live {
            run,
            run_id: request.run_id,
            first_seq,
            frames: Vec::new(),
            size: 0,
            expires: now.instant + request.ttl,
            stop: stop.clone(),
        });
        let known = request.message_ids.into_iter().filter(|id| self.known.contains_key(id)).collect();
        Ok(Begun { lease: Lease { thread: request.thread, run, first_seq }, known, stop })
    }

    fn owned(&mut self, lease: &Lease) -> Result<&mut Live, StoreError> {
        self.live.as_mut().filter(|live| live.run == lease.run).ok_or(StoreError::Fenced)
    }

    pub(super) fn append(&mut self, lease: &Lease, append: &Append) -> Result<(), StoreError> {
        let next_seq = self.next_seq;
        let live = self.owned(lease)?;
        let new = append.frames.iter().skip_while(|frame| frame.seq < next_seq);
        let count = live.frames.len();
        live.frames.extend(new.cloned());
        let added = live.frames.get(count..).unwrap_or_default();
        debug_assert!(added.first().is_none_or(|frame| frame.seq == next_seq), "frames are numbered without a gap");
        let (frames, bytes) = (added.len() as u64, size_of(added));
        live.size += bytes;
        self.next_seq += frames;
        self.size += bytes;
        for id in &append.message_ids {
            if self.known.insert(id.clone(), lease.run).is_none() {
                self.size += id.len() + ENTRY_OVERHEAD;
            }
        }
        Ok(())
    }

    pub(super) fn release(&mut self, lease: &Lease, max_runs: usize, now: Times) -> Result<(), StoreError> {
        self.owned(lease)?;
        self.updated_at = now.millis;
        if let Some(live) = self.live.take() {
            self.runs.push_back(FinishedRun {
                run: live.run,
                frames: Arc::new(live.frames),
                size: live.size,
                compact: None,
            });
        }
        while self.runs.len() > max_runs.max(1) {
            self.drop_oldest_run();
        }
        Ok(())
    }

    /// Lets the oldest finished run go, with what only it knew. False when there is none.
    pub(super) fn drop_oldest_run(&mut self) -> bool {
        let Some(oldest) = self.runs.pop_front() else { return false };
        let mut freed = oldest.size + oldest.compact.map_or(0, |compact| compact.size());
        self.known.retain(|id, run| {
            let keep = *run != oldest.run;
            freed += if keep { 0 } else { id.len() + ENTRY_OVERHEAD };
            keep
        });
        self.size = self.size.saturating_sub(freed);
        true
    }

    /// Closes the live run if its lease lapsed: its writer is gone or too slow, and is refused from now on.
    pub(super) fn close_lapsed(&mut self, now: Times) -> bool {
        let Some(live) = self.live.as_ref().filter(|live| live.expires <= now.instant) else { return false };
        let lease = Lease { thread: self.key.clone(), run: live.run, first_seq: live.first_seq };
        let frame = Frame::interrupted(self.next_seq, live.run);
        let closed = self.append(&lease, &Append { frames: vec![frame], message_ids: Vec::new() });
        closed.and_then(|()| self.release(&lease, usize::MAX, now)).is_ok()
    }

    pub(super) fn renew(&mut self, lease: &Lease, ttl: Duration, now: Times) -> Result<(), StoreError> {
        self.owned(lease)?.expires = now.instant + ttl;
        Ok(())
    }

    pub(super) fn stop(&mut self, run_id: Option<&str>) -> StopOutcome {
        match (&mut self.live, run_id) {
            (Some(live), Some(run_id)) if *live.run_id != *run_id => StopOutcome::OtherRun,
            (Some(live), _) if !live.stop.is_cancelled() => {
                live.stop.cancel();
                StopOutcome::Requested
            }
            (None, Some(_)) => StopOutcome::OtherRun,
            _ => StopOutcome::Idle,
        }
    }

    /// The finished runs whose compact form a read wants and that were not compacted yet.
    pub(super) fn to_compact(&self, request: &ReadLog) -> Vec<FinishedRun> {
        let wanted = |run: &&FinishedRun| {
            request.max_bytes > 0 && run.end() > request.from && run.end() <= request.compact_until
        };
        self.runs.iter().filter(wanted).filter(|run| run.compact.is_none()).cloned().collect()
    }

    /// Keeps the compact form of a run that is still there.
    pub(super) fn install_compact(&mut self, run: u64, compact: CompactRun) {
        if let Some(run) = self.runs.iter_mut().find(|finished| finished.run == run && finished.compact.is_none()) {
            self.size += compact.size();
            run.compact = Some(Arc::new(compact));
        }
    }

    /// As [`read`](Self::read), but whole runs that were compacted come as they are kept.
    pub(super) fn replay(&self, mut request: ReadLog) -> ReplayPage {
        let (mut runs, from) = (Vec::new(), request.from);
        for run in self.runs.iter().skip_while(|run| run.end() <= from) {
            let whole = run.first() >= request.from && run.end() <= request.compact_until;
            let Some(compact) = run.compact.as_ref().filter(|_| whole && request.max_bytes > 0) else { break };
            runs.push(compact.clone());
            request.from = run.end();
            request.max_bytes = request.max_bytes.saturating_sub(compact.size());
            if request.max_bytes == 0 {
                break;
            }
        }
        ReplayPage { runs, rest: self.read(&request) }
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
        let finished = self.runs.iter().map(|run| {
            let compact = run.compact.as_ref().filter(|_| run.end() <= request.compact_until);
            compact.map_or(run.frames.as_slice(), |compact| compact.frames())
        });
        let mut bytes = 0;
        for frames in finished.chain(self.live.as_ref().map(|live| live.frames.as_slice())) {
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
        if request.max_bytes > 0 {
            page.next = self.next_seq.max(request.from);
        }
        page
    }

    pub(super) fn record(&self) -> Option<ThreadRecord> {
        Some(ThreadRecord {
            id: self.key.thread_id.clone(),
            name: self.name.clone(),
            agent_id: self.agent_id.clone(),
            archived: self.archived,
            created_at: self.created_at?,
            updated_at: self.updated_at,
        })
    }

    pub(super) fn update(&mut self, update: ThreadUpdate) -> Option<ThreadRecord> {
        self.created_at?;
        if update.if_name.is_some_and(|name| name != self.name) {
            return self.record();
        }
        if let Some(name) = update.name {
            let length = |name: &Option<String>| name.as_ref().map_or(0, String::len);
            self.size = (self.size + length(&name)).saturating_sub(length(&self.name));
            self.name = name;
        }
        if let Some(archived) = update.archived {
            self.archived = archived;
        }
        self.record()
    }

    pub(super) fn blob(&self, key: &str) -> Option<Bytes> {
        self.blobs.get(key).cloned()
    }

    pub(super) fn set_blob(&mut self, key: &str, value: Option<Bytes>) -> Result<(), StoreError> {
        if self.created_at.is_none() {
            return Err(StoreError::NotFound);
        }
        if let Some(old) = self.blobs.remove(key) {
            self.size = self.size.saturating_sub(old.len() + key.len() + ENTRY_OVERHEAD);
        }
        if let Some(value) = value {
            self.size += value.len() + key.len() + ENTRY_OVERHEAD;
            self.blobs.insert(key.to_owned(), value);
        }
        Ok(())
    }
}
