//! The threads that somebody uses now: those with a live run, and those that are followed.

use super::live::{Live, View};
use crate::store::{Signal, ThreadKey};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// A thread in use.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) key: ThreadKey,
    state: Mutex<State>,
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) live: Option<Live>,
    /// The number of the next frame, once somebody looked it up.
    pub(super) head: Option<u64>,
    /// The writer knows that there is something to write.
    pub(super) queued: bool,
    signal: watch::Sender<Signal>,
}

/// A poisoned lock guards data that is changed in one step each: it is whole.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Slot {
    fn new(key: ThreadKey) -> Self {
        let signal = watch::Sender::new(Signal::default());
        Self { key, state: Mutex::new(State { live: None, head: None, queued: false, signal }) }
    }

    /// Looks at the thread, or changes it; followers hear of a change under its lock, so that none is overtaken.
    pub(super) fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let mut state = lock(&self.state);
        let result = change(&mut state);
        let now = state.signal();
        state.signal.send_if_modified(|signal| std::mem::replace(signal, now) != now);
        result
    }

    /// What readers see of its run in memory.
    pub(super) fn view(&self, from: u64, max_bytes: usize) -> Option<View> {
        lock(&self.state).live.as_ref().map(|live| live.view(from, max_bytes))
    }

    pub(super) fn subscribe(&self) -> watch::Receiver<Signal> {
        lock(&self.state).signal.subscribe()
    }

    fn is_idle(&self) -> bool {
        let state = lock(&self.state);
        state.live.is_none() && state.signal.receiver_count() == 0
    }
}

impl State {
    fn signal(&self) -> Signal {
        let held = self.live.as_ref().filter(|live| live.is_held());
        Signal { head: self.live.as_ref().map_or(self.head.unwrap_or(0), Live::head), live: held.map(|live| live.run) }
    }

    /// The run is over and in the file.
    pub(super) fn close(&mut self) {
        if let Some(live) = self.live.take() {
            self.head = Some(live.next());
        }
    }

    /// The thread is gone: whoever follows it hears that nothing more comes.
    pub(super) fn forget(&mut self) {
        (self.live, self.head) = (None, None);
        self.signal = watch::Sender::new(Signal::default());
    }
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Slots {
    /// Locked before a slot's own lock, never after it.
    map: Mutex<Map>,
}

#[derive(Debug, Default)]
struct Map {
    slots: HashMap<ThreadKey, Arc<Slot>>,
    /// How many there may be before idle ones are let go.
    sweep_at: usize,
}

/// The fewest slots that are worth a sweep.
const SWEEP: usize = 64;

impl Slots {
    pub(super) fn get(&self, key: &ThreadKey) -> Option<Arc<Slot>> {
        lock(&self.map).slots.get(key).cloned()
    }

    pub(super) fn get_or_make(&self, key: &ThreadKey) -> Arc<Slot> {
        let mut map = lock(&self.map);
        if let Some(slot) = map.slots.get(key) {
            return slot.clone();
        }
        if map.slots.len() >= map.sweep_at.max(SWEEP) {
            // A slot that only the map holds can be reached by nobody else while the map is locked.
            map.slots.retain(|_, slot| Arc::strong_count(slot) > 1 || !slot.is_idle());
            map.sweep_at = map.slots.len() * 2;
        }
        let slot = Arc::new(Slot::new(key.clone()));
        map.slots.insert(key.clone(), slot.clone());
        slot
    }

    pub(super) fn all(&self) -> Vec<Arc<Slot>> {
        lock(&self.map).slots.values().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Principal;
    use std::time::Instant;

    fn key(index: usize) -> ThreadKey {
        ThreadKey::new(&Principal::anonymous(), index.to_string())
    }

    #[test]
    fn idle_slots_are_let_go_and_used_ones_stay() {
        let slots = Slots::default();
        let followed = slots.get_or_make(&key(0)).subscribe();
        let held = slots.get_or_make(&key(1));
        let live = Live::new(1, 1, "r".into(), 0, Instant::now());
        slots.get_or_make(&key(2)).with(|state| state.live = Some(live));
        for index in 3..1_000 {
            slots.get_or_make(&key(index));
        }
        assert!(slots.all().len() < 3 * SWEEP, "{}", slots.all().len());
        assert!((0..3).all(|index| slots.get(&key(index)).is_some()));
        assert!(Arc::ptr_eq(&held, &slots.get_or_make(&key(1))));
        drop(followed);
    }

    #[test]
    fn followers_of_a_thread_that_is_gone_hear_the_end() {
        let slot = Slot::new(key(0));
        let mut signal = slot.subscribe();
        slot.with(|state| state.head = Some(3));
        assert!(signal.has_changed().unwrap());
        assert_eq!(signal.borrow_and_update().head, 3);
        slot.with(State::forget);
        assert!(signal.has_changed().is_err());
        assert_eq!(slot.subscribe().borrow().head, 0);
    }
}
