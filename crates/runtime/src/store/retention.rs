//! How long threads are kept.

use super::StoreError;
use async_trait::async_trait;
use std::time::Duration;

/// Which threads are too many. What is not set has no bound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RetentionPolicy {
    /// How long a thread may be unused.
    pub max_age: Option<Duration>,
    /// How many threads there may be, of all principals together.
    pub max_threads: Option<usize>,
    /// How many bytes of events there may be.
    pub max_bytes: Option<u64>,
}

impl RetentionPolicy {
    /// True when every thread is kept.
    pub fn keeps_all(&self) -> bool {
        *self == Self::default()
    }
}

/// A store that lets old threads go.
#[async_trait]
pub trait Retention: Send + Sync {
    /// Deletes the threads that a policy does not keep, those that were not used for longest first, and never one with a
    /// live run. Returns how many.
    ///
    /// # Errors
    /// When the store cannot be written.
    async fn prune(&self, policy: &RetentionPolicy) -> Result<usize, StoreError>;
}

/// Counts down from what there is to what may stay.
#[cfg(any(feature = "lifecycle", feature = "sqlite"))]
pub(super) struct Excess {
    policy: RetentionPolicy,
    threads: usize,
    bytes: u64,
    /// The oldest time of use that is kept, in milliseconds since the Unix epoch.
    since: u64,
}

#[cfg(any(feature = "lifecycle", feature = "sqlite"))]
impl Excess {
    /// Of so many threads and bytes, at the time `now` in milliseconds since the Unix epoch.
    pub(super) fn new(policy: RetentionPolicy, threads: usize, bytes: u64, now: u64) -> Self {
        let since = policy.max_age.map_or(0, |age| now.saturating_sub(age.as_millis() as u64));
        Self { policy, threads, bytes, since }
    }

    /// Whether the oldest thread that is left has to go.
    pub(super) fn takes(&self, updated_at: u64) -> bool {
        updated_at < self.since
            || self.policy.max_threads.is_some_and(|most| self.threads > most)
            || self.policy.max_bytes.is_some_and(|most| self.bytes > most)
    }

    /// Notes that it went.
    pub(super) fn gone(&mut self, bytes: u64) {
        self.threads = self.threads.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(bytes);
    }
}

#[cfg(all(test, feature = "lifecycle"))]
mod tests {
    use super::*;

    #[test]
    fn each_bound_counts_alone() {
        let now = 100_000;
        let aged = RetentionPolicy { max_age: Some(Duration::from_secs(10)), ..Default::default() };
        let excess = Excess::new(aged, 1, 1, now);
        assert!(excess.takes(89_999) && !excess.takes(90_000));
        let mut excess = Excess::new(RetentionPolicy { max_threads: Some(2), ..Default::default() }, 3, 9, now);
        assert!(excess.takes(now));
        excess.gone(1);
        assert!(!excess.takes(0));
        let mut excess = Excess::new(RetentionPolicy { max_bytes: Some(5), ..Default::default() }, 3, 9, now);
        excess.gone(3);
        assert!(excess.takes(now));
        excess.gone(1);
        assert!(!excess.takes(0) && RetentionPolicy::default().keeps_all());
    }
}
