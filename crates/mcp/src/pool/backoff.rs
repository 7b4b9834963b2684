//! How long a server that cannot be reached is left alone.

use crate::limits;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::time::Duration;

/// The pause after so many failures in a row: a random part of a time that doubles, so that many who wait do not come
/// back at once. What the server asked for is kept.
pub(super) fn pause(failures: u32, asked: Option<Duration>) -> Duration {
    if let Some(asked) = asked {
        return asked.min(limits::RETRY_AFTER_MAX);
    }
    let doubled = limits::BACKOFF_MIN.saturating_mul(1 << failures.saturating_sub(1).min(16));
    let most = doubled.min(limits::BACKOFF_MAX);
    let least = most / 2;
    // The keys of a hasher are random.
    let dice = RandomState::new().build_hasher().finish() % 1_000;
    least + (most - least).mul_f64(dice as f64 / 1_000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_up_to_a_bound() {
        for failures in 1..100 {
            let pause = pause(failures, None);
            assert!(pause >= limits::BACKOFF_MIN / 2 && pause <= limits::BACKOFF_MAX, "{failures}: {pause:?}");
        }
        assert!(pause(1, None) <= limits::BACKOFF_MIN);
        assert!(pause(20, None) >= limits::BACKOFF_MAX / 2);
        assert_eq!(pause(1, Some(Duration::from_secs(7))), Duration::from_secs(7));
    }
}
