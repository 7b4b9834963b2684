//! What the writer is to do.

use super::Job;
use crate::store::sqlite::fault::Fault;
use crate::store::sqlite::jobs::Save;
use crate::store::sqlite::slots::{Slot, lock};
use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
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
pub(in crate::store::sqlite) const PATIENCE: Duration = Duration::from_secs(30);
/// How often the writer looks by itself whether frames are due before it sleeps until it is called: while runs stream
/// nobody needs to wake it for their first frame, which costs more than looking.
const LOOKS: u32 = 40;

pub(super) struct Queued {
    pub(super) job: Box<dyn Job>,
    _place: Option<OwnedSemaphorePermit>,
}

/// What the writer is to do.
pub(in crate::store::sqlite) struct Inbox {
    queue: Mutex<Queue>,
    wake: Condvar,
    places: Arc<Semaphore>,
}

/// Until when the writer sleeps.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Sleep {
    /// It works, and looks again before it sleeps.
    #[default]
    Not,
    Until(Instant),
    /// Until it is called.
    Sound,
}

#[derive(Default)]
struct Queue {
    jobs: VecDeque<Queued>,
    /// Threads with frames that wait for their commit.
    dirty: Vec<Arc<Slot>>,
    due: Option<Instant>,
    sleep: Sleep,
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
    pub(in crate::store::sqlite) async fn send(&self, job: Box<dyn Job>) -> Result<(), Fault> {
        let place = match self.places.clone().try_acquire_owned() {
            Ok(place) => place,
            Err(_) => {
                let place = tokio::time::timeout(PATIENCE, self.places.clone().acquire_owned()).await;
                // The semaphore is never closed.
                let Ok(Ok(place)) = place else { return Err(Fault::Silent("the thread store is too busy")) };
                place
            }
        };
        self.push(Queued { job, _place: Some(place) })
    }

    /// Hands a job over from a thread that waits for its end before it has another.
    pub(in crate::store::sqlite) fn send_one(&self, job: Box<dyn Job>) -> Result<(), Fault> {
        self.push(Queued { job, _place: None })
    }

    fn push(&self, job: Queued) -> Result<(), Fault> {
        let mut queue = lock(&self.queue);
        if queue.closed {
            return Err(Fault::Silent("the thread store is closed"));
        }
        queue.jobs.push_back(job);
        let asleep = std::mem::take(&mut queue.sleep) != Sleep::Not;
        drop(queue);
        if asleep {
            self.wake.notify_one();
        }
        Ok(())
    }

    /// A thread has frames to write: soon, or now.
    pub(in crate::store::sqlite) fn dirty(&self, slot: &Arc<Slot>, now: bool) {
        self.add_dirty(slot, if now { Duration::ZERO } else { FLUSH_AFTER });
    }

    /// A thread has frames that could not be written.
    pub(in crate::store::sqlite) fn later(&self, slot: &Arc<Slot>) {
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
        self.bring_forward(queue, due);
    }

    /// Brings what is due forward.
    pub(in crate::store::sqlite) fn hurry(&self) {
        let queue = lock(&self.queue);
        if queue.due.is_some() {
            self.bring_forward(queue, Instant::now());
        }
    }

    fn bring_forward(&self, mut queue: std::sync::MutexGuard<'_, Queue>, due: Instant) {
        queue.due = Some(queue.due.map_or(due, |earlier| earlier.min(due)));
        let late = match queue.sleep {
            Sleep::Not => false,
            Sleep::Until(time) => time > due,
            Sleep::Sound => true,
        };
        if late {
            queue.sleep = Sleep::Not;
            drop(queue);
            self.wake.notify_one();
        }
    }

    /// Asks the writer to write what there is and to end.
    pub(in crate::store::sqlite) fn stop(&self) {
        lock(&self.queue).stop = true;
        self.wake.notify_one();
    }

    /// What there is to do, waiting for it; `None` at the end.
    pub(super) fn next(&self) -> Option<VecDeque<Queued>> {
        let mut queue = lock(&self.queue);
        let (mut looks, mut yielded) = (0, false);
        loop {
            let now = Instant::now();
            let due = queue.due.is_some_and(|due| due <= now);
            if due || queue.stop || !queue.jobs.is_empty() {
                queue.sleep = Sleep::Not;
                if !yielded && !queue.stop {
                    // Whoever runs in between on this core has more to write, which then is one commit with this.
                    yielded = true;
                    drop(queue);
                    std::thread::yield_now();
                    queue = lock(&self.queue);
                    continue;
                }
                return queue.take(due);
            }
            let until = match queue.due {
                Some(due) => Some(due),
                None if looks < LOOKS => Some(now + FLUSH_AFTER),
                None => None,
            };
            queue.sleep = until.map_or(Sleep::Sound, Sleep::Until);
            queue = match until {
                Some(until) => {
                    let waited = self.wake.wait_timeout(queue, until.saturating_duration_since(now));
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
                None => self.wake.wait(queue).unwrap_or_else(PoisonError::into_inner),
            };
            looks += 1;
        }
    }
}

impl Queue {
    fn take(&mut self, due: bool) -> Option<VecDeque<Queued>> {
        let mut jobs: VecDeque<Queued> = VecDeque::new();
        if due || self.stop {
            self.due = None;
            // First: a job of the same thread finds its frames written.
            let dirty = std::mem::take(&mut self.dirty);
            jobs.extend(dirty.into_iter().map(|slot| Queued { job: Box::new(Save::quiet(slot)), _place: None }));
        }
        let count = self.jobs.len().min(BATCH);
        jobs.extend(self.jobs.drain(..count));
        if jobs.is_empty() {
            self.closed = true;
            return None;
        }
        Some(jobs)
    }
}

/// Tells callers that nobody writes any more, however the writer ended.
pub(super) struct Closing<'a>(pub(super) &'a Inbox);

impl Drop for Closing<'_> {
    fn drop(&mut self) {
        let mut queue = lock(&self.0.queue);
        queue.closed = true;
        // Their callers hear of it by their dropped ends.
        queue.jobs.clear();
        queue.dirty.clear();
    }
}
