//! Finished runs as the bytes that are sent for them, those that were asked for last.

use super::slots::lock;
use crate::limits;
use crate::store::{CompactRun, ThreadKey};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

#[derive(Debug, Default)]
pub(super) struct Replays(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    runs: HashMap<u64, Entry>,
    bytes: usize,
    clock: u64,
}

#[derive(Debug)]
struct Entry {
    thread: ThreadKey,
    run: Arc<CompactRun>,
    used: u64,
}

impl Replays {
    pub(super) fn get(&self, run: u64) -> Option<Arc<CompactRun>> {
        let mut kept = lock(&self.0);
        kept.clock += 1;
        let now = kept.clock;
        let entry = kept.runs.get_mut(&run)?;
        entry.used = now;
        Some(entry.run.clone())
    }

    /// Keeps a run, unless it is too large. Those that were not asked for longest make room.
    pub(super) fn keep(&self, thread: &ThreadKey, number: u64, run: &Arc<CompactRun>) {
        if run.size() > limits::SQLITE_REPLAYS / 8 {
            return;
        }
        let mut kept = lock(&self.0);
        kept.clock += 1;
        let entry = Entry { thread: thread.clone(), run: run.clone(), used: kept.clock };
        kept.bytes += run.size();
        if let Some(before) = kept.runs.insert(number, entry) {
            kept.bytes -= before.run.size();
        }
        if kept.bytes > limits::SQLITE_REPLAYS {
            kept.make_room();
        }
    }

    /// A thread is gone: what people said in it does not stay in memory.
    pub(super) fn forget(&self, thread: &ThreadKey) {
        let mut kept = lock(&self.0);
        kept.runs.retain(|_, entry| entry.thread != *thread);
        kept.bytes = kept.runs.values().map(|entry| entry.run.size()).sum();
    }
}

impl Kept {
    /// A quarter goes at once, so that it is not looked for each time.
    fn make_room(&mut self) {
        let mut all: Vec<(u64, u64)> = self.runs.iter().map(|(run, entry)| (entry.used, *run)).collect();
        all.sort_unstable();
        for (_, run) in all {
            if self.bytes <= limits::SQLITE_REPLAYS / 4 * 3 {
                break;
            }
            if let Some(entry) = self.runs.remove(&run) {
                self.bytes -= entry.run.size();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Principal;
    use crate::store::Frame;
    use copilotkit_protocol::{Emitted, TextMessageContent};

    fn run(bytes: usize) -> Arc<CompactRun> {
        let event = TextMessageContent { message_id: "m".into(), delta: "x".repeat(bytes), ..Default::default() };
        Arc::new(CompactRun::of_compact(vec![Frame::new(0, 1, Emitted::from(event))]))
    }

    #[test]
    fn what_is_asked_for_stays_and_what_is_gone_is_forgotten() {
        let replays = Replays::default();
        let key = |id: &str| ThreadKey::new(&Principal::anonymous(), id);
        let (one, other) = (key("one"), key("other"));
        replays.keep(&other, 0, &run(10));
        let large = run(1 << 20);
        for number in 1..200 {
            replays.keep(&one, number, &large);
            assert!(replays.get(0).is_some(), "{number}");
            assert!(lock(&replays.0).bytes <= limits::SQLITE_REPLAYS);
        }
        assert!(replays.get(1).is_none() && replays.get(199).is_some());
        replays.keep(&one, 300, &run(limits::SQLITE_REPLAYS / 8));
        assert!(replays.get(300).is_none(), "it would drive out all others");
        replays.forget(&one);
        assert!(replays.get(199).is_none() && replays.get(0).is_some());
        let left = replays.get(0).unwrap().size();
        assert_eq!(lock(&replays.0).bytes, left);
    }
}
