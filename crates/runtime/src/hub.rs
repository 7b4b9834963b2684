//! Who reads a thread's log, and from where.
//!
//! A subscriber is a cursor on the log: first what is there, then what comes. What a live run on this node appended
//! last also stands in memory, in the run's [`Tail`]: its [`Publisher`] puts it there once the store has it, and wakes
//! the subscribers, once for all of it. A subscriber whose cursor is in the tail reads there. One that is not (slow,
//! new, or its run is on another node) reads the store until it is. So nobody waits for a slow reader, and a store is
//! not asked once for every event and reader.
//!
//! The tail is the value of a watch channel: the publisher holds the sender, each subscriber a receiver. With the last
//! of them it is gone.

mod subscription;

pub use subscription::{Batch, Subscription};

use crate::limits;
use crate::store::{Frame, Lease, ThreadKey};
use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// The tails of the runs that are live on this node.
#[derive(Debug)]
pub(crate) struct Hub {
    /// Our number of the run, and its tail.
    live: Mutex<HashMap<ThreadKey, (u64, watch::Receiver<Tail>)>>,
    /// The most bytes of one tail.
    backlog: usize,
    /// Bytes of all tails, also of those of runs that are over but still read.
    held: Arc<AtomicUsize>,
}

impl Hub {
    /// A hub whose tails hold `backlog` bytes at most.
    pub(crate) fn new(backlog: usize) -> Arc<Self> {
        Arc::new(Self { live: Mutex::default(), backlog, held: Arc::default() })
    }

    /// Makes the tail of a run that begins. Only with `listed` can others than those who are handed it find it.
    pub(crate) fn publisher(self: &Arc<Self>, lease: &Lease, listed: bool) -> Publisher {
        let tail = watch::Sender::new(Tail {
            first: lease.first_seq,
            frames: VecDeque::new(),
            bytes: 0,
            backlog: self.backlog,
            held: self.held.clone(),
        });
        if listed {
            self.lock().insert(lease.thread.clone(), (lease.run, tail.subscribe()));
        }
        let listed = listed.then(|| (lease.thread.clone(), lease.run));
        Publisher { tail, hub: self.clone(), listed }
    }

    /// The tail of a run, if it is live here.
    fn tail(&self, thread: &ThreadKey, run: u64) -> Option<watch::Receiver<Tail>> {
        self.lock().get(thread).filter(|live| live.0 == run).map(|live| live.1.clone())
    }

    /// Bytes that tails hold now.
    pub(crate) fn held(&self) -> usize {
        self.held.load(Ordering::Relaxed)
    }

    /// Poisoned or not, the map is whole: it is changed in one step each.
    fn lock(&self) -> MutexGuard<'_, HashMap<ThreadKey, (u64, watch::Receiver<Tail>)>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The writing end of a run's tail. Subscribers who see it dropped before the run's terminal event ask the store how
/// the run went on.
#[derive(Debug)]
pub(crate) struct Publisher {
    tail: watch::Sender<Tail>,
    hub: Arc<Hub>,
    /// Where the hub has it.
    listed: Option<(ThreadKey, u64)>,
}

impl Publisher {
    /// Shows frames that the store has by now. They are held only while somebody reads; who comes later begins in the
    /// store.
    pub(crate) fn publish(&self, frames: &mut Vec<Frame>) {
        if !frames.is_empty() {
            let read = self.tail.receiver_count() > usize::from(self.listed.is_some());
            self.tail.send_modify(|tail| tail.push(frames, if read { tail.backlog } else { 0 }));
        }
    }

    /// A reading end.
    pub(crate) fn subscribe(&self) -> watch::Receiver<Tail> {
        self.tail.subscribe()
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        let Some((thread, run)) = &self.listed else { return };
        let mut live = self.hub.lock();
        // After a lost lease a later run may stand there.
        if live.get(thread).is_some_and(|live| live.0 == *run) {
            live.remove(thread);
        }
    }
}

/// The last frames of a live run.
#[derive(Debug)]
pub(crate) struct Tail {
    /// The number of the first frame that is held, or of the next one if there is none.
    first: u64,
    frames: VecDeque<Frame>,
    bytes: usize,
    backlog: usize,
    held: Arc<AtomicUsize>,
}

/// What a tail has for a cursor.
#[derive(Debug)]
enum Found {
    /// What follows the cursor.
    Frames(Vec<Frame>),
    /// Nothing yet.
    Nothing,
    /// The cursor is before the tail.
    Behind,
}

impl Tail {
    fn push(&mut self, frames: &mut Vec<Frame>, backlog: usize) {
        let before = self.bytes;
        for frame in frames.drain(..) {
            debug_assert_eq!(frame.seq, self.first + self.frames.len() as u64, "frames are numbered without a gap");
            self.bytes += frame.size();
            self.frames.push_back(frame);
        }
        while self.bytes > backlog
            && let Some(oldest) = self.frames.pop_front()
        {
            self.bytes -= oldest.size();
            self.first += 1;
        }
        self.held.fetch_add(self.bytes, Ordering::Relaxed);
        self.held.fetch_sub(before, Ordering::Relaxed);
    }

    fn read(&self, cursor: u64) -> Found {
        let Some(skip) = cursor.checked_sub(self.first) else { return Found::Behind };
        let skip = usize::try_from(skip).unwrap_or(usize::MAX).min(self.frames.len());
        let mut bytes = 0;
        let fits = |frame: &&Frame| {
            let fits = bytes < limits::READ_BATCH;
            bytes += frame.size();
            fits
        };
        let frames: Vec<Frame> = self.frames.range(skip..).take_while(fits).cloned().collect();
        if frames.is_empty() { Found::Nothing } else { Found::Frames(frames) }
    }
}

impl Drop for Tail {
    fn drop(&mut self) {
        self.held.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Principal;
    use copilotkit_protocol::{Emitted, TextMessageContent};

    fn frames(numbers: std::ops::Range<u64>) -> Vec<Frame> {
        let frame = |seq| Frame::new(seq, 7, Emitted::from(TextMessageContent::default()));
        numbers.map(frame).collect()
    }

    fn lease(run: u64) -> Lease {
        Lease { thread: ThreadKey::new(&Principal::anonymous(), "t"), run, first_seq: 100 }
    }

    fn found(tail: &watch::Receiver<Tail>, cursor: u64) -> Option<Vec<u64>> {
        match tail.borrow().read(cursor) {
            Found::Frames(frames) => Some(frames.iter().map(|frame| frame.seq).collect()),
            Found::Nothing => Some(Vec::new()),
            Found::Behind => None,
        }
    }

    #[test]
    fn a_tail_holds_the_last_frames_within_its_bound() {
        let one = frames(0..1)[0].size();
        let hub = Hub::new(3 * one + 1);
        let publisher = hub.publisher(&lease(7), true);
        let tail = hub.tail(&lease(7).thread, 7).unwrap();
        assert_eq!(found(&tail, 100), Some(vec![]));
        publisher.publish(&mut frames(100..102));
        assert_eq!(found(&tail, 100), Some(vec![100, 101]));
        publisher.publish(&mut frames(102..105));
        assert_eq!((hub.held(), found(&tail, 101)), (3 * one, None), "older ones are in the store alone");
        assert_eq!(found(&tail, 103), Some(vec![103, 104]));
        for ahead in [105, 106, u64::MAX] {
            assert_eq!(found(&tail, ahead), Some(vec![]), "a reader of the store may be ahead");
        }
    }

    #[test]
    fn a_tail_is_found_while_its_run_is_live_and_held_while_it_is_read() {
        let hub = Hub::new(1 << 20);
        let (old, hidden) = (hub.publisher(&lease(1), true), hub.publisher(&lease(9), false));
        assert!(hub.tail(&lease(1).thread, 2).is_none() && hub.tail(&lease(1).thread, 9).is_none());
        // Of another store, whose numbers are its own.
        drop(hub.publisher(&lease(1), false));
        let reader = hub.tail(&lease(1).thread, 1).unwrap();
        old.publish(&mut frames(100..105));
        hidden.publish(&mut frames(100..105));
        assert_eq!(hub.held(), 5 * frames(0..1)[0].size(), "what nobody reads is not held");
        old.publish(&mut frames(105..110));
        let new = hub.publisher(&lease(2), true);
        drop((old, hidden));
        assert!(hub.tail(&lease(2).thread, 2).is_some(), "a later run stays");
        assert_eq!(found(&reader, 108), Some(vec![108, 109]));
        assert!(hub.held() > 0);
        drop(reader);
        assert_eq!(hub.held(), 0);
        drop(new);
        assert!(hub.tail(&lease(2).thread, 2).is_none() && hub.lock().is_empty());
    }
}
