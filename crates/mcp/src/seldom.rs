//! Lines of the log that every run would write about a server that is not there.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The least time between two of them.
const EVERY: Duration = Duration::from_secs(60);

/// Lets a line through at most once a minute, and counts those that were left out since.
#[derive(Debug, Default)]
pub(crate) struct Seldom(Mutex<(Option<Instant>, u64)>);

impl Seldom {
    /// `Some` where a line is due, with how many were left out before it.
    pub(crate) fn due(&self) -> Option<u64> {
        self.due_at(Instant::now())
    }

    fn due_at(&self, now: Instant) -> Option<u64> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (said, left_out) = &mut *state;
        if said.is_some_and(|said| now.saturating_duration_since(said) < EVERY) {
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
    fn one_a_minute_says_how_many_there_were() {
        let (seldom, start) = (Seldom::default(), Instant::now());
        let at = |seconds| seldom.due_at(start + Duration::from_secs(seconds));
        assert_eq!([at(0), at(1), at(59), at(60), at(90), at(121)], [Some(0), None, None, Some(2), None, Some(1)]);
    }
}
