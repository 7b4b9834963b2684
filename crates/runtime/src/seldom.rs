//! Lines of the log that could come a thousand times a second, or with every run.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Lets a line through at most once in a while, and counts those that were left out since.
///
/// ```
/// use copilotkit_runtime::seldom::Seldom;
/// use std::time::Duration;
///
/// static SAID: Seldom = Seldom::every(Duration::from_secs(60));
/// assert_eq!((SAID.due(), SAID.due()), (Some(0), None));
/// ```
#[derive(Debug)]
pub struct Seldom {
    every: Duration,
    /// When a line came last, and how many were left out since.
    said: Mutex<(Option<Instant>, u64)>,
}

impl Seldom {
    /// With so much time between two lines.
    pub const fn every(every: Duration) -> Self {
        Self { every, said: Mutex::new((None, 0)) }
    }

    /// `Some` where a line is due, with how many were left out before it.
    pub fn due(&self) -> Option<u64> {
        self.due_at(Instant::now())
    }

    fn due_at(&self, now: Instant) -> Option<u64> {
        let mut state = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        let (said, left_out) = &mut *state;
        if said.is_some_and(|said| now.saturating_duration_since(said) < self.every) {
            *left_out += 1;
            return None;
        }
        *said = Some(now);
        Some(std::mem::take(left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_in_a_while_says_how_many_there_were() {
        let (seldom, start) = (Seldom::every(Duration::from_secs(1)), Instant::now());
        let at = |millis| seldom.due_at(start + Duration::from_millis(millis));
        assert_eq!(
            [at(0), at(1), at(999), at(1_000), at(1_500), at(2_100)],
            [Some(0), None, None, Some(2), None, Some(1)]
        );
    }
}
