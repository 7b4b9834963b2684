//! Threads in memory: bounded in threads, runs and bytes, the live runs included.

mod thread;

use super::retention::Excess;
use super::*;
use crate::limits;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use thread::{Thread, Times};
use tokio::sync::Semaphore;

/// A run of fewer bytes is compacted where it is asked for; a larger one on a thread for blocking work.
const COMPACT_INLINE: usize = 128 * 1024;

/// How much a [`MemoryStore`] keeps.
#[derive(Clone, Copy, Debug)]
pub struct MemoryLimits {
    /// Threads; the least recently used idle ones make room.
    pub threads: usize,
    /// Runs of one thread; the oldest makes room.
    pub runs_per_thread: usize,
    /// Bytes of everything; the least recently used idle threads make room, then old runs of the thread that grows.
    pub bytes: usize,
}

impl Default for MemoryLimits {
    fn default() -> Self {
        Self {
            threads: limits::MEMORY_THREADS,
            runs_per_thread: limits::MEMORY_RUNS_PER_THREAD,
            bytes: limits::MEMORY_BYTES,
        }
    }
}

/// A store that forgets everything when the process ends.
#[derive(Debug, Default)]
pub struct MemoryStore {
    limits: MemoryLimits,
    /// Locked before a thread's own lock, never after it.
    threads: Mutex<HashMap<ThreadKey, Arc<Slot>>>,
    bytes: AtomicUsize,
    clock: AtomicU64,
    runs: AtomicU64,
}

#[derive(Debug)]
struct Slot {
    thread: Mutex<Thread>,
    signal: watch::Sender<Signal>,
    used: AtomicU64,
    /// One compaction at a time: others wait for its result instead of doing the same work.
    compacting: Semaphore,
}

/// A poisoned lock guards data that is changed in one step each: it is whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl MemoryStore {
    /// A store with these bounds.
    pub fn new(limits: MemoryLimits) -> Self {
        Self { limits, ..Self::default() }
    }

    fn touch(&self, slot: &Slot) {
        slot.used.store(self.clock.fetch_add(1, Ordering::Relaxed), Ordering::Relaxed);
    }

    fn slot(&self, key: &ThreadKey) -> Option<Arc<Slot>> {
        let slot = lock(&self.threads).get(key).cloned()?;
        self.touch(&slot);
        Some(slot)
    }

    /// Changes a thread: what it occupies is accounted for and what followers see is published under its lock, so that
    /// neither can be overtaken.
    fn change<T>(&self, slot: &Slot, change: impl FnOnce(&mut Thread) -> T) -> T {
        let mut thread = lock(&slot.thread);
        let before = thread.size();
        let result = change(&mut thread);
        self.account(before, thread.size());
        let now = thread.signal();
        // Who begins to follow after this look reads the thread after this change.
        let followed = slot.signal.receiver_count() > 0;
        slot.signal.send_if_modified(|signal| std::mem::replace(signal, now) != now && followed);
        result
    }

    fn account(&self, before: usize, after: usize) {
        let update = |bytes: usize| Some(bytes.saturating_add(after).saturating_sub(before));
        // The closure always gives a value.
        let _ = self.bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, update);
    }

    fn is_over(&self, threads: usize, more: usize) -> bool {
        threads > self.limits.threads || self.bytes.load(Ordering::Relaxed).saturating_add(more) > self.limits.bytes
    }

    /// Lets idle threads go, the least recently used first, until `more` bytes fit and a twentieth of the places is
    /// free again. `keep` is never let go.
    fn make_room(&self, threads: &mut HashMap<ThreadKey, Arc<Slot>>, keep: &ThreadKey, more: usize) {
        if !self.is_over(threads.len(), more) {
            return;
        }
        let mut idle: Vec<(u64, ThreadKey)> = threads
            .iter()
            .filter(|(key, _)| *key != keep)
            .map(|(key, slot)| (slot.used.load(Ordering::Relaxed), key.clone()))
            .collect();
        idle.sort_unstable();
        let spare = if threads.len() > self.limits.threads { self.limits.threads / 20 } else { 0 };
        let mut gone = 0;
        for (_, key) in idle {
            if !self.is_over(threads.len() + spare, more) {
                break;
            }
            if let Entry::Occupied(entry) = threads.entry(key)
                && self.change(entry.get(), Thread::let_go)
            {
                entry.remove();
                gone += 1;
            }
        }
        if gone > 0 {
            tracing::warn!(threads = gone, "the memory store is full: threads that were not used for long were let go");
        }
    }

    fn write(&self, lease: &Lease, append: &Append, last: bool) -> Result<(), StoreError> {
        let slot = self.slot(&lease.thread).ok_or(StoreError::Fenced)?;
        let more: usize = append.frames.iter().map(Frame::size).sum();
        if self.is_over(0, more) {
            self.make_room(&mut lock(&self.threads), &lease.thread, more);
            while self.is_over(0, more) && self.change(&slot, Thread::drop_oldest_run) {}
            if self.is_over(0, more) && !last {
                return Err(StoreError::Full("the live runs fill the memory store".to_owned()));
            }
        }
        self.change(&slot, |thread| {
            thread.append(lease, append)?;
            if last { thread.release(lease, self.limits.runs_per_thread, Times::now()) } else { Ok(()) }
        })
    }

    /// Makes the compact forms that a read wants.
    async fn make_compact(&self, slot: &Slot, request: &ReadLog) {
        if lock(&slot.thread).to_compact(request).is_empty() {
            return;
        }
        // The semaphore is never closed.
        let Ok(_one) = slot.compacting.acquire().await else { return };
        let pending = lock(&slot.thread).to_compact(request);
        for run in pending {
            let compacted = if run.size < COMPACT_INLINE {
                CompactRun::new(&run.frames)
            } else {
                let frames = run.frames.clone();
                match tokio::task::spawn_blocking(move || CompactRun::new(&frames)).await {
                    Ok(compacted) => compacted,
                    // The runtime is shutting down, or compaction failed: the run is read as it is.
                    Err(_) => return,
                }
            };
            self.change(slot, |thread| thread.install_compact(run.run, compacted));
        }
    }
}

#[async_trait]
impl RunLog for MemoryStore {
    async fn begin(&self, request: BeginRun) -> Result<Begun, StoreError> {
        let key = request.thread.clone();
        // Under the map's lock, so that the thread cannot be let go before its run is live.
        let mut threads = lock(&self.threads);
        let slot = threads.entry(key.clone()).or_insert_with(|| {
            Arc::new(Slot {
                thread: Mutex::new(Thread::new(key.clone())),
                signal: watch::Sender::new(Signal::default()),
                used: AtomicU64::new(0),
                compacting: Semaphore::new(1),
            })
        });
        let slot = slot.clone();
        self.touch(&slot);
        let begun = self.change(&slot, |thread| thread.begin(request, &self.runs, Times::now()));
        self.make_room(&mut threads, &key, 0);
        begun
    }

    async fn append(&self, lease: &Lease, append: &Append) -> Result<(), StoreError> {
        self.write(lease, append, false)
    }

    async fn finish(&self, lease: &Lease, append: &Append) -> Result<(), StoreError> {
        self.write(lease, append, true)
    }

    async fn read(&self, request: ReadLog) -> Result<LogPage, StoreError> {
        let Some(slot) = self.slot(&request.thread) else { return Ok(LogPage::default()) };
        self.make_compact(&slot, &request).await;
        let page = lock(&slot.thread).read(&request);
        Ok(page)
    }

    async fn replay(&self, request: ReadLog) -> Result<ReplayPage, StoreError> {
        let Some(slot) = self.slot(&request.thread) else { return Ok(ReplayPage::default()) };
        self.make_compact(&slot, &request).await;
        let page = lock(&slot.thread).replay(request);
        Ok(page)
    }

    async fn compact(&self, lease: &Lease) {
        let Some(slot) = self.slot(&lease.thread) else { return };
        let request =
            ReadLog { thread: lease.thread.clone(), from: lease.first_seq, compact_until: u64::MAX, max_bytes: 1 };
        self.make_compact(&slot, &request).await;
    }
}

#[async_trait]
impl RunSignals for MemoryStore {
    async fn follow(&self, thread: &ThreadKey) -> Result<watch::Receiver<Signal>, StoreError> {
        Ok(match self.slot(thread) {
            Some(slot) => slot.signal.subscribe(),
            // Nothing will ever be sent: the receiver sees a closed channel, and its reader an empty thread.
            None => watch::Sender::new(Signal::default()).subscribe(),
        })
    }

    async fn renew(&self, lease: &Lease, ttl: Duration) -> Result<(), StoreError> {
        let slot = self.slot(&lease.thread).ok_or(StoreError::Fenced)?;
        self.change(&slot, |thread| thread.renew(lease, ttl, Times::now()))
    }

    async fn stop(&self, request: StopRun) -> Result<StopOutcome, StoreError> {
        Ok(match self.slot(&request.thread) {
            Some(slot) => self.change(&slot, |thread| thread.stop(request.run_id.as_deref())),
            None if request.run_id.is_some() => StopOutcome::OtherRun,
            None => StopOutcome::Idle,
        })
    }
}

#[async_trait]
impl ThreadIndex for MemoryStore {
    async fn list(&self, request: ListThreads) -> Result<ThreadPage, StoreError> {
        let cursor = request.cursor.as_deref().map(str::parse::<ListCursor>).transpose()?;
        let mut records: Vec<ThreadRecord> = lock(&self.threads)
            .iter()
            .filter(|(key, _)| key.principal == request.principal)
            .filter_map(|(_, slot)| lock(&slot.thread).record())
            .filter(|record| request.include_archived || !record.archived)
            .filter(|record| request.agent_id.as_deref().is_none_or(|agent| *record.agent_id == *agent))
            .collect();
        records.sort_by_cached_key(|record| std::cmp::Reverse(ListCursor::of(record)));
        if let Some(last) = cursor {
            records.retain(|record| ListCursor::of(record) < last);
        }
        let more = records.len() > request.limit;
        records.truncate(request.limit);
        let next_cursor = records.last().filter(|_| more).map(|record| ListCursor::of(record).to_string());
        Ok(ThreadPage { threads: records, next_cursor })
    }

    async fn get(&self, thread: &ThreadKey) -> Result<Option<ThreadRecord>, StoreError> {
        Ok(self.slot(thread).and_then(|slot| lock(&slot.thread).record()))
    }

    async fn update(&self, thread: &ThreadKey, update: ThreadUpdate) -> Result<Option<ThreadRecord>, StoreError> {
        Ok(self.slot(thread).and_then(|slot| self.change(&slot, |thread| thread.update(update))))
    }

    async fn delete(&self, thread: &ThreadKey) -> Result<bool, StoreError> {
        let mut threads = lock(&self.threads);
        let Entry::Occupied(entry) = threads.entry(thread.clone()) else { return Ok(false) };
        if !self.change(entry.get(), Thread::let_go) {
            return Err(StoreError::Busy);
        }
        entry.remove();
        Ok(true)
    }
}

#[async_trait]
impl Recovery for MemoryStore {
    fn size(&self) -> Option<u64> {
        Some(self.bytes.load(Ordering::Relaxed) as u64)
    }

    async fn recover(&self) -> Result<usize, StoreError> {
        let slots: Vec<Arc<Slot>> = lock(&self.threads).values().cloned().collect();
        let now = Times::now();
        Ok(slots.iter().filter(|slot| self.change(slot, |thread| thread.close_lapsed(now))).count())
    }
}

#[async_trait]
impl ThreadBlobs for MemoryStore {
    async fn blob(&self, thread: &ThreadKey, key: &str) -> Result<Option<Bytes>, StoreError> {
        Ok(self.slot(thread).and_then(|slot| lock(&slot.thread).blob(key)))
    }

    async fn set_blob(&self, thread: &ThreadKey, key: &str, value: Option<Bytes>) -> Result<(), StoreError> {
        let slot = self.slot(thread).ok_or(StoreError::NotFound)?;
        self.change(&slot, |thread| thread.set_blob(key, value))
    }
}

#[async_trait]
impl Retention for MemoryStore {
    async fn prune(&self, policy: &RetentionPolicy) -> Result<usize, StoreError> {
        if policy.keeps_all() {
            return Ok(0);
        }
        let mut threads = lock(&self.threads);
        let mut used: Vec<(u64, u64, ThreadKey)> = threads
            .iter()
            .filter_map(|(key, slot)| {
                let thread = lock(&slot.thread);
                Some((thread.record()?.updated_at, thread.size() as u64, key.clone()))
            })
            .collect();
        used.sort_unstable();
        let mut excess =
            Excess::new(*policy, used.len(), used.iter().map(|(_, bytes, _)| bytes).sum(), Times::millis());
        let mut gone = 0;
        for (updated_at, bytes, key) in used {
            if let Entry::Occupied(entry) = threads.entry(key)
                && excess.takes(updated_at)
                && self.change(entry.get(), Thread::let_go)
            {
                entry.remove();
                excess.gone(bytes);
                gone += 1;
            }
        }
        Ok(gone)
    }
}
