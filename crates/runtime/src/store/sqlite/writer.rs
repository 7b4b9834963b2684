//! The one thread that writes: it takes what has piled up and writes it in one transaction.

use super::fault::Fault;
use super::jobs::Save;
use super::slots::{Slot, lock};
use rusqlite::{Connection, TransactionBehavior};
use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Jobs that may wait. More callers wait for a place.
const QUEUE: usize = 1024;
/// Jobs of one transaction.
const BATCH: usize = 256;
/// How long a frame waits for its commit at most, half of what is promised: the commit takes time too.
const FLUSH_AFTER: Duration = Duration::from_millis(25);
/// After how long what could not be written is tried again.
const RETRY_AFTER: Duration = Duration::from_millis(250);
/// How long a caller waits for a place in the queue, and for the writer's answer.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// Something to write. Jobs of one transaction are each of another thread of the store.
pub(super) trait Job: Send {
    /// The thread that it changes, if it is one that is held in memory.
    fn slot(&self) -> Option<&Arc<Slot>> {
        None
    }

    /// Takes from memory what it is to write, before each try: what comes later is another job's.
    fn prepare(&mut self) {}

    /// Whether its commit must outlive the machine.
    fn is_durable(&self) -> bool;

    /// Writes. May be called again, when the transaction was undone.
    fn write(&mut self, connection: &Connection) -> Result<(), Fault>;

    /// Tells what became of it.
    fn end(self: Box<Self>, outcome: Result<(), Fault>, inbox: &Inbox);
}

struct Queued {
    job: Box<dyn Job>,
    _place: Option<OwnedSemaphorePermit>,
}

/// What the writer is to do.
pub(super) struct Inbox {
    queue: Mutex<Queue>,
    wake: Condvar,
    places: Arc<Semaphore>,
}

#[derive(Default)]
struct Queue {
    jobs: VecDeque<Queued>,
    /// Threads with frames that wait for their commit.
    dirty: Vec<Arc<Slot>>,
    due: Option<Instant>,
    stop: bool,
    /// Nobody takes anything any more.
    closed: bool,
}

impl Default for Inbox {
    fn default() -> Self {
        Self { queue: Mutex::default(), wake: Condvar::new(), places: Arc::new(Semaphore::new(QUEUE)) }
    }
}

impl Inbox {
    /// Hands a job over, as soon as there is a place.
    pub(super) async fn send(&self, job: Box<dyn Job>) -> Result<(), Fault> {
        let place = tokio::time::timeout(PATIENCE, self.places.clone().acquire_owned()).await;
        // The semaphore is never closed.
        let Ok(Ok(place)) = place else { return Err(Fault::Silent("the thread store is too busy")) };
        self.push(Queued { job, _place: Some(place) })
    }

    /// Hands a job over from a thread that waits for its end before it has another.
    pub(super) fn send_one(&self, job: Box<dyn Job>) -> Result<(), Fault> {
        self.push(Queued { job, _place: None })
    }

    fn push(&self, job: Queued) -> Result<(), Fault> {
        let mut queue = lock(&self.queue);
        if queue.closed {
            return Err(Fault::Silent("the thread store is closed"));
        }
        queue.jobs.push_back(job);
        self.wake.notify_one();
        Ok(())
    }

    /// A thread has frames to write: soon, or now.
    pub(super) fn dirty(&self, slot: &Arc<Slot>, now: bool) {
        self.add_dirty(slot, if now { Duration::ZERO } else { FLUSH_AFTER });
    }

    /// A thread has frames that could not be written.
    pub(super) fn later(&self, slot: &Arc<Slot>) {
        self.add_dirty(slot, RETRY_AFTER);
    }

    fn add_dirty(&self, slot: &Arc<Slot>, after: Duration) {
        let due = Instant::now() + after;
        // Never locked while a slot's lock is held.
        let mut queue = lock(&self.queue);
        if queue.stop {
            // The last try was made.
            return;
        }
        queue.dirty.push(slot.clone());
        if queue.due.is_none_or(|earlier| due < earlier) {
            queue.due = Some(due);
            self.wake.notify_one();
        }
    }

    /// Brings what is due forward.
    pub(super) fn hurry(&self) {
        let mut queue = lock(&self.queue);
        if queue.due.is_some() {
            queue.due = Some(Instant::now());
            self.wake.notify_one();
        }
    }

    /// Asks the writer to write what there is and to end.
    pub(super) fn stop(&self) {
        lock(&self.queue).stop = true;
        self.wake.notify_one();
    }

    /// What there is to do, waiting for it; `None` at the end.
    fn next(&self) -> Option<VecDeque<Queued>> {
        let mut queue = lock(&self.queue);
        loop {
            let now = Instant::now();
            let due = queue.due.is_some_and(|due| due <= now);
            if due || queue.stop || !queue.jobs.is_empty() {
                let mut jobs: VecDeque<Queued> = VecDeque::new();
                if due || queue.stop {
                    queue.due = None;
                    // First: a job of the same thread finds its frames written.
                    let dirty = std::mem::take(&mut queue.dirty);
                    jobs.extend(
                        dirty.into_iter().map(|slot| Queued { job: Box::new(Save::quiet(slot)), _place: None }),
                    );
                }
                let count = queue.jobs.len().min(BATCH);
                jobs.extend(queue.jobs.drain(..count));
                if jobs.is_empty() {
                    queue.closed = true;
                    return None;
                }
                return Some(jobs);
            }
            queue = match queue.due {
                Some(due) => {
                    let waited = self.wake.wait_timeout(queue, due.saturating_duration_since(now));
                    waited.unwrap_or_else(std::sync::PoisonError::into_inner).0
                }
                None => self.wake.wait(queue).unwrap_or_else(std::sync::PoisonError::into_inner),
            };
        }
    }
}

/// Tells callers that nobody writes any more, however the writer ended.
struct Closing<'a>(&'a Inbox);

impl Drop for Closing<'_> {
    fn drop(&mut self) {
        let mut queue = lock(&self.0.queue);
        queue.closed = true;
        // Their callers hear of it by their dropped ends.
        queue.jobs.clear();
        queue.dirty.clear();
    }
}

/// Writes until it is asked to stop.
pub(super) fn run(mut connection: Connection, inbox: &Inbox) {
    let _closing = Closing(inbox);
    let mut synchronous = Synchronous::default();
    while let Some(mut jobs) = inbox.next() {
        while !jobs.is_empty() {
            batch(&mut connection, &mut jobs, &mut synchronous, inbox);
        }
    }
}

/// Writes those jobs that go together; what is left needs another transaction.
fn batch(connection: &mut Connection, jobs: &mut VecDeque<Queued>, synchronous: &mut Synchronous, inbox: &Inbox) {
    let mut slots = HashSet::new();
    let (mut together, mut rest) = (Vec::new(), VecDeque::new());
    for queued in jobs.drain(..) {
        let first = queued.job.slot().is_none_or(|slot| slots.insert(Arc::as_ptr(slot)));
        if first { together.push(queued) } else { rest.push_back(queued) }
    }
    *jobs = rest;
    let outcome = transact(connection, together.iter_mut(), synchronous);
    match outcome {
        // Who waited for another program once need not wait again for each part.
        Err(fault) if together.len() > 1 && !fault.is_busy() => {
            tracing::debug!(%fault, "a transaction failed, its parts are tried alone");
            for mut queued in together {
                let outcome = transact(connection, std::iter::once(&mut queued), synchronous);
                queued.job.end(outcome, inbox);
            }
        }
        outcome => {
            for queued in together {
                queued.job.end(outcome.clone(), inbox);
            }
        }
    }
}

fn transact<'a>(
    connection: &mut Connection,
    jobs: impl Iterator<Item = &'a mut Queued>,
    synchronous: &mut Synchronous,
) -> Result<(), Fault> {
    let mut jobs: Vec<_> = jobs.collect();
    jobs.iter_mut().for_each(|queued| queued.job.prepare());
    synchronous.set(connection, jobs.iter().any(|queued| queued.job.is_durable()))?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for queued in jobs {
        queued.job.write(&transaction)?;
    }
    // A transaction that is dropped is undone.
    Ok(transaction.commit()?)
}

/// Whether commits outlive the machine, as the connection has it now.
#[derive(Default)]
struct Synchronous(Option<bool>);

impl Synchronous {
    fn set(&mut self, connection: &Connection, full: bool) -> Result<(), Fault> {
        if self.0 != Some(full) {
            connection.execute_batch(if full { "PRAGMA synchronous = FULL" } else { "PRAGMA synchronous = NORMAL" })?;
            self.0 = Some(full);
        }
        Ok(())
    }
}
