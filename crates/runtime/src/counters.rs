//! How often requests were refused and runs ended with an error, by code.

use copilotkit_protocol::Code;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

/// One counter for each [`Code`], since it was made. A [`Lifecycle`](crate::Lifecycle) has its own, which the HTTP surface
/// and the server in front of it share: two servers in one process do not mix.
pub struct Counters(Box<[AtomicU64]>);

impl Default for Counters {
    fn default() -> Self {
        Self(Code::ALL.iter().map(|_| AtomicU64::new(0)).collect())
    }
}

impl Counters {
    /// Counts one.
    pub fn count(&self, code: Code) {
        if let Some(counter) = self.0.get(code.index()) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How often this was counted.
    pub fn get(&self, code: Code) -> u64 {
        self.0.get(code.index()).map_or(0, |counter| counter.load(Ordering::Relaxed))
    }

    /// Every code that was counted at all, in the order of the documentation. Counters go on meanwhile: each number is
    /// right by itself.
    pub fn snapshot(&self) -> Vec<(Code, u64)> {
        Code::ALL.iter().map(|code| (*code, self.get(*code))).filter(|(_, count)| *count > 0).collect()
    }
}

impl fmt::Debug for Counters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.snapshot().into_iter().map(|(code, count)| (code.as_str(), count))).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_has_a_counter_of_its_own() {
        let counters = Counters::default();
        for (times, code) in Code::ALL.iter().enumerate() {
            (0..times).for_each(|_| counters.count(*code));
        }
        let counted = Code::ALL.iter().enumerate().skip(1).map(|(times, code)| (*code, times as u64));
        assert_eq!(counters.snapshot(), counted.collect::<Vec<_>>());
        assert_eq!(Counters::default().snapshot(), []);
    }
}
