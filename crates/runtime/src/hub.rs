//! Who reads a thread's log, and from where.
//!
//! A subscriber is a cursor on the log: first what is there, then what comes. What a live run on this node appended
//! last also stands in memory, in the run's [`Tail`]: its [`Publisher`] puts it there once the store has it, and wakes
//! the subscribers, once for all of it. A subscriber whose cursor is in the tail reads there. One that is not (slow,
//! new, or its run is on another node) reads the store until it is. So nobody waits for a slow reader, and a store is
//! not asked once for every event and reader.
//!
//! The publisher and each subscriber share the tail. With the last of them it is gone.

mod subscription;
mod tail;

pub use subscription::{Batch, Subscription};

use crate::store::{Frame, Lease, ThreadKey};
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tail::{Tail, TailReader};

/// The tails of the runs that are live on this node.
#[derive(Debug)]
pub(crate) struct Hub {
    /// Our number of the run, and its tail.
    live: Mutex<HashMap<ThreadKey, (u64, Arc<Tail>)>>,
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
        let tail = Tail::new(lease.first_seq, self.backlog, self.held.clone());
        if listed {
            self.lock().insert(lease.thread.clone(), (lease.run, tail.clone()));
        }
        let listed = listed.then(|| (lease.thread.clone(), lease.run));
        Publisher { tail, hub: self.clone(), listed }
    }

    /// The tail of a run, if it is live here.
    fn tail(&self, thread: &ThreadKey, run: u64) -> Option<TailReader> {
        self.lock().get(thread).filter(|live| live.0 == run).map(|live| live.1.reader())
    }

    /// Bytes that tails hold now.
    pub(crate) fn held(&self) -> usize {
        self.held.load(Ordering::Relaxed)
    }

    /// Poisoned or not, the map is whole: it is changed in one step each.
    fn lock(&self) -> MutexGuard<'_, HashMap<ThreadKey, (u64, Arc<Tail>)>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The writing end of a run's tail. Subscribers who see it dropped before the run's terminal event ask the store how
/// the run went on.
#[derive(Debug)]
pub(crate) struct Publisher {
    tail: Arc<Tail>,
    hub: Arc<Hub>,
    /// Where the hub has it.
    listed: Option<(ThreadKey, u64)>,
}

impl Publisher {
    /// Shows frames that the store has by now. They are held only while somebody reads; who comes later begins in the
    /// store.
    pub(crate) fn publish(&self, frames: &mut Vec<Frame>) {
        if !frames.is_empty() {
            self.tail.push(frames);
        }
    }

    /// A reading end.
    pub(crate) fn subscribe(&self) -> TailReader {
        self.tail.reader()
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        self.tail.close();
        let Some((thread, run)) = &self.listed else { return };
        let mut live = self.hub.lock();
        // After a lost lease a later run may stand there.
        if live.get(thread).is_some_and(|live| live.0 == *run) {
            live.remove(thread);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::tail::Found;
    use super::*;
    use crate::Principal;
    use copilotkit_protocol::{Emitted, TextMessageContent};
    use std::future::poll_fn;
    use std::task::{Context, Poll, Waker};

    fn frames(numbers: std::ops::Range<u64>) -> Vec<Frame> {
        let frame = |seq| Frame::new(seq, 7, Emitted::from(TextMessageContent::default()));
        numbers.map(frame).collect()
    }

    fn lease(run: u64) -> Lease {
        Lease { thread: ThreadKey::new(&Principal::anonymous(), "t"), run, first_seq: 100 }
    }

    fn found(tail: &TailReader, cursor: u64) -> Option<Vec<u64>> {
        match tail.poll(cursor, &mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Found::Frames(frames)) => Some(frames.iter().map(|frame| frame.seq).collect()),
            Poll::Ready(Found::Closed) | Poll::Pending => Some(Vec::new()),
            Poll::Ready(Found::Behind) => None,
        }
    }

    #[tokio::test]
    async fn every_reader_that_waits_is_woken_and_hears_of_the_end() {
        let hub = Hub::new(1 << 20);
        let publisher = hub.publisher(&lease(7), true);
        let next = |tail: TailReader| async move {
            let mut seen = Vec::new();
            loop {
                match poll_fn(|cx| tail.poll(100 + seen.len() as u64, cx)).await {
                    Found::Frames(frames) => seen.extend(frames.iter().map(|frame| frame.seq)),
                    Found::Behind => panic!("nothing was dropped"),
                    Found::Closed => return seen,
                }
            }
        };
        // One goes before it is woken, and its place is taken again.
        drop(publisher.subscribe());
        let readers: Vec<_> = (0..3).map(|_| next(publisher.subscribe())).collect();
        let write = async {
            for seq in 100..105 {
                tokio::task::yield_now().await;
                publisher.publish(&mut frames(seq..seq + 1));
            }
            drop(publisher);
        };
        let (all, ()) = tokio::join!(futures::future::join_all(readers), write);
        for seen in all {
            assert_eq!(seen, [100, 101, 102, 103, 104]);
        }
        assert_eq!(hub.held(), 0);
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
