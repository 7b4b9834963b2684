//! The last frames of a live run, and who waits for more of them.

use crate::limits;
use crate::store::Frame;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// A tail, shared by its publisher and its readers.
#[derive(Debug)]
pub(super) struct Tail(Mutex<State>);

#[derive(Debug)]
struct State {
    /// The number of the first frame that is held, or of the next one if there is none.
    first: u64,
    frames: VecDeque<Frame>,
    bytes: usize,
    backlog: usize,
    /// Bytes of all tails.
    held: Arc<AtomicUsize>,
    /// Nothing more will come.
    closed: bool,
    /// One place for each reader, with what wakes it.
    readers: Vec<Place>,
}

#[derive(Debug)]
enum Place {
    Free,
    /// Has not waited yet.
    Taken,
    /// Woken whenever frames come. It stays for the next time: the same task asks again.
    Waits(Waker),
}

/// What a tail has for a cursor.
#[derive(Debug)]
pub(super) enum Found {
    /// What follows the cursor.
    Frames(Vec<Frame>),
    /// The cursor is before the tail.
    Behind,
    /// Nothing more will come: its publisher has gone.
    Closed,
}

impl Tail {
    /// The tail of a run whose first frame has the number `first`. It holds `backlog` bytes at most.
    pub(super) fn new(first: u64, backlog: usize, held: Arc<AtomicUsize>) -> Arc<Self> {
        let (frames, readers) = (VecDeque::new(), Vec::new());
        Arc::new(Self(Mutex::new(State { first, frames, bytes: 0, backlog, held, closed: false, readers })))
    }

    /// Adds frames, and wakes who reads. They are held only while somebody does.
    pub(super) fn push(&self, frames: &mut Vec<Frame>) {
        let mut state = self.lock();
        state.push(frames);
        state.wake();
    }

    /// Nothing more will come.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.wake();
    }

    /// A reading end.
    pub(super) fn reader(self: &Arc<Self>) -> TailReader {
        let mut state = self.lock();
        let free = state.readers.iter().position(|place| matches!(place, Place::Free));
        let place = free.unwrap_or_else(|| {
            state.readers.push(Place::Free);
            state.readers.len() - 1
        });
        state.set(place, Place::Taken);
        TailReader { tail: self.clone(), place }
    }

    /// Poisoned or not, the state is whole: it is changed in one step each.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn push(&mut self, frames: &mut Vec<Frame>) {
        let before = self.bytes;
        for frame in frames.drain(..) {
            debug_assert_eq!(frame.seq, self.first + self.frames.len() as u64, "frames are numbered without a gap");
            self.bytes += frame.size();
            self.frames.push_back(frame);
        }
        let read = self.readers.iter().any(|place| !matches!(place, Place::Free));
        let most = if read { self.backlog } else { 0 };
        while self.bytes > most
            && let Some(oldest) = self.frames.pop_front()
        {
            self.bytes -= oldest.size();
            self.first += 1;
        }
        self.held.fetch_add(self.bytes, Ordering::Relaxed);
        self.held.fetch_sub(before, Ordering::Relaxed);
    }

    fn wake(&self) {
        for place in &self.readers {
            if let Place::Waits(waker) = place {
                waker.wake_by_ref();
            }
        }
    }

    fn set(&mut self, place: usize, value: Place) {
        if let Some(place) = self.readers.get_mut(place) {
            *place = value;
        }
    }

    /// `None` where there is nothing yet.
    fn read(&self, cursor: u64) -> Option<Found> {
        let Some(skip) = cursor.checked_sub(self.first) else { return Some(Found::Behind) };
        let skip = usize::try_from(skip).unwrap_or(usize::MAX).min(self.frames.len());
        let mut bytes = 0;
        let fits = |frame: &&Frame| {
            let fits = bytes < limits::READ_BATCH;
            bytes += frame.size();
            fits
        };
        let frames: Vec<Frame> = self.frames.range(skip..).take_while(fits).cloned().collect();
        if !frames.is_empty() {
            return Some(Found::Frames(frames));
        }
        self.closed.then_some(Found::Closed)
    }
}

impl Drop for State {
    fn drop(&mut self) {
        self.held.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// The reading end of a tail.
#[derive(Debug)]
pub(crate) struct TailReader {
    tail: Arc<Tail>,
    place: usize,
}

impl TailReader {
    /// What the tail has for a cursor, as soon as it has something.
    pub(super) fn poll(&self, cursor: u64, cx: &mut Context<'_>) -> Poll<Found> {
        let mut state = self.tail.lock();
        if let Some(found) = state.read(cursor) {
            return Poll::Ready(found);
        }
        match state.readers.get(self.place) {
            Some(Place::Waits(waker)) if waker.will_wake(cx.waker()) => {}
            _ => state.set(self.place, Place::Waits(cx.waker().clone())),
        }
        Poll::Pending
    }

    /// True when the tail has no more what follows the cursor.
    pub(super) fn is_past(&self, cursor: u64) -> bool {
        cursor < self.tail.lock().first
    }
}

impl Drop for TailReader {
    fn drop(&mut self) {
        self.tail.lock().set(self.place, Place::Free);
    }
}
