//! Threads in memory: bounded in threads, runs and bytes, the live runs included.

mod thread;

use super::*;
use crate::limits;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use thread::{Thread, Times};

/// How much a [`MemoryStore`] keeps.
#[derive(Clone, Copy, Debug)]
pub struct MemoryLimits {
    /// Threads; the least recently used idle one makes room.
    pub threads: usize,
    /// Runs of one thread; the oldest makes room.
    pub runs_per_thread: usize,
    /// Bytes of events; the least recently used idle threads make room.
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
    threads: Mutex<HashMap<ThreadKey, Arc<Slot>>>,
    bytes: AtomicUsize,
    clock: AtomicU64,
}

#[derive(Debug)]
struct Slot {
    thread: Mutex<Thread>,
    signal: watch::Sender<Signal>,
    used: AtomicU64,
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

    fn slot(&self, key: &ThreadKey) -> Option<Arc<Slot>> {
        let slot = lock(&self.threads).get(key).cloned()?;
        slot.used.store(self.clock.fetch_add(1, Ordering::Relaxed), Ordering::Relaxed);
        Some(slot)
    }

    fn slot_or_new(&self, key: &ThreadKey) -> Arc<Slot> {
        let mut threads = lock(&self.threads);
        let slot = threads.entry(key.clone()).or_insert_with(|| {
            Arc::new(Slot {
                thread: Mutex::new(Thread::new(key.thread_id.clone())),
                signal: watch::Sender::new(Signal::default()),
                used: AtomicU64::new(0),
            })
        });
        slot.used.store(self.clock.fetch_add(1, Ordering::Relaxed), Ordering::Relaxed);
        slot.clone()
    }

    fn owned(&self, lease: &Lease) -> Result<Arc<Slot>, StoreError> {
        self.slot(&lease.thread).ok_or(StoreError::Fenced)
    }

    fn account(&self, before: usize, after: usize) {
        if after >= before {
            self.bytes.fetch_add(after - before, Ordering::Relaxed);
        } else {
            self.bytes.fetch_sub(before - after, Ordering::Relaxed);
        }
    }

    /// Lets idle threads go, the least recently used first, until the bounds hold. `keep` is never let go.
    fn make_room(&self, keep: &ThreadKey) {
        let over = |count: usize| count > self.limits.threads || self.bytes.load(Ordering::Relaxed) > self.limits.bytes;
        let mut threads = lock(&self.threads);
        if !over(threads.len()) {
            return;
        }
        let mut idle: Vec<(u64, ThreadKey)> = threads
            .iter()
            .filter(|(key, slot)| *key != keep && !lock(&slot.thread).is_live())
            .map(|(key, slot)| (slot.used.load(Ordering::Relaxed), key.clone()))
            .collect();
        idle.sort_unstable();
        for (_, key) in idle {
            if !over(threads.len()) {
                return;
            }
            if let Some(slot) = threads.remove(&key) {
                self.account(lock(&slot.thread).size(), 0);
                tracing::warn!(thread_id = %key.thread_id, "the memory store is full: its least recently used thread was let go");
            }
        }
    }

    fn write(&self, lease: &Lease, append: Append, last: bool) -> Result<(), StoreError> {
        let slot = self.owned(lease)?;
        let signal = {
            let mut thread = lock(&slot.thread);
            let before = thread.size();
            thread.append(lease, append, Times::now())?;
            if last {
                thread.release(lease, self.limits.runs_per_thread)?;
            }
            self.account(before, thread.size());
            thread.signal()
        };
        slot.signal.send_replace(signal);
        if self.bytes.load(Ordering::Relaxed) > self.limits.bytes {
            self.make_room(&lease.thread);
        }
        Ok(())
    }
}

#[async_trait]
impl RunLog for MemoryStore {
    async fn begin(&self, request: BeginRun) -> Result<Begun, StoreError> {
        let key = request.thread.clone();
        let slot = self.slot_or_new(&key);
        let (begun, signal) = {
            let mut thread = lock(&slot.thread);
            let before = thread.size();
            let begun = thread.begin(request, Times::now())?;
            self.account(before, thread.size());
            (begun, thread.signal())
        };
        slot.signal.send_replace(signal);
        self.make_room(&key);
        Ok(begun)
    }

    async fn append(&self, lease: &Lease, append: Append) -> Result<(), StoreError> {
        self.write(lease, append, false)
    }

    async fn finish(&self, lease: &Lease, append: Append) -> Result<(), StoreError> {
        self.write(lease, append, true)
    }

    async fn read(&self, request: ReadLog) -> Result<LogPage, StoreError> {
        let Some(slot) = self.slot(&request.thread) else { return Ok(LogPage::default()) };
        // Compaction is work: it is done on a copy of the run's handle, outside of the lock, and its result is kept.
        let pending = lock(&slot.thread).to_compact(&request);
        for run in pending {
            let (before, after) = run.compact();
            self.account(before, after);
        }
        let page = lock(&slot.thread).read(&request);
        Ok(page)
    }
}

#[async_trait]
impl RunSignals for MemoryStore {
    async fn follow(&self, thread: &ThreadKey) -> Result<watch::Receiver<Signal>, StoreError> {
        Ok(self.slot_or_new(thread).signal.subscribe())
    }

    async fn renew(&self, lease: &Lease, ttl: Duration) -> Result<(), StoreError> {
        lock(&self.owned(lease)?.thread).renew(lease, ttl, Times::now())
    }

    async fn stop(&self, request: StopRun) -> Result<StopOutcome, StoreError> {
        let Some(slot) = self.slot(&request.thread) else {
            return Ok(if request.run_id.is_some() { StopOutcome::OtherRun } else { StopOutcome::Idle });
        };
        let (outcome, signal) = {
            let mut thread = lock(&slot.thread);
            (thread.stop(request.run_id.as_deref()), thread.signal())
        };
        slot.signal.send_replace(signal);
        Ok(outcome)
    }
}

#[async_trait]
impl ThreadIndex for MemoryStore {
    async fn list(&self, request: ListThreads) -> Result<ThreadPage, StoreError> {
        let mut records: Vec<ThreadRecord> = lock(&self.threads)
            .iter()
            .filter(|(key, _)| key.principal == request.principal)
            .filter_map(|(_, slot)| lock(&slot.thread).record())
            .filter(|record| request.include_archived || !record.archived)
            .filter(|record| request.agent_id.as_deref().is_none_or(|agent| *record.agent_id == *agent))
            .collect();
        records.sort_by(|a, b| (b.updated_at, &b.id).cmp(&(a.updated_at, &a.id)));
        // The cursor names the last record of the page before: `updatedAt` and id, the order of the list.
        if let Some((updated, id)) = request.cursor.as_deref().and_then(|cursor| cursor.split_once(':')) {
            let updated: u64 = updated.parse().unwrap_or(0);
            records.retain(|record| (record.updated_at, &*record.id) < (updated, id));
        }
        let more = records.len() > request.limit;
        records.truncate(request.limit);
        let next_cursor = records.last().filter(|_| more).map(|record| format!("{}:{}", record.updated_at, record.id));
        Ok(ThreadPage { threads: records, next_cursor })
    }

    async fn get(&self, thread: &ThreadKey) -> Result<Option<ThreadRecord>, StoreError> {
        Ok(self.slot(thread).and_then(|slot| lock(&slot.thread).record()))
    }

    async fn update(&self, thread: &ThreadKey, update: ThreadUpdate) -> Result<Option<ThreadRecord>, StoreError> {
        Ok(self.slot(thread).and_then(|slot| lock(&slot.thread).update(update, Times::now())))
    }

    async fn delete(&self, thread: &ThreadKey) -> Result<bool, StoreError> {
        let mut threads = lock(&self.threads);
        let Some(slot) = threads.get(thread) else { return Ok(false) };
        let (existed, size) = {
            let thread = lock(&slot.thread);
            if thread.is_live() {
                return Err(StoreError::Busy);
            }
            (thread.record().is_some(), thread.size())
        };
        self.account(size, 0);
        threads.remove(thread);
        Ok(existed)
    }
}

#[async_trait]
impl Recovery for MemoryStore {
    async fn recover(&self) -> Result<usize, StoreError> {
        let slots: Vec<Arc<Slot>> = lock(&self.threads).values().cloned().collect();
        let mut recovered = 0;
        for slot in slots {
            let (closed, signal) = {
                let mut thread = lock(&slot.thread);
                (thread.close_lapsed(Times::now()), thread.signal())
            };
            if closed {
                recovered += 1;
                slot.signal.send_replace(signal);
            }
        }
        Ok(recovered)
    }
}

#[async_trait]
impl ThreadBlobs for MemoryStore {
    async fn blob(&self, thread: &ThreadKey, key: &str) -> Result<Option<Bytes>, StoreError> {
        Ok(self.slot(thread).and_then(|slot| lock(&slot.thread).blob(key)))
    }

    async fn set_blob(&self, thread: &ThreadKey, key: &str, value: Option<Bytes>) -> Result<(), StoreError> {
        let Some(slot) = self.slot(thread) else { return Ok(()) };
        let mut thread = lock(&slot.thread);
        let before = thread.size();
        thread.set_blob(key, value);
        self.account(before, thread.size());
        Ok(())
    }
}
