//! How many requests a principal may send.

use super::answer::Refusal;
use crate::principal::Principal;
use copilotkit_protocol::Code;
use http::header::RETRY_AFTER;
use serde_json::json;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Principals that are remembered before those are forgotten who could send as many as anybody.
const REMEMBERED: usize = 10_000;

/// Requests in a minute, and all of them at once after a minute's silence.
#[derive(Debug)]
pub(super) struct Rate {
    per_minute: u32,
    buckets: Mutex<HashMap<Arc<str>, Bucket>>,
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    left: f64,
    at: Instant,
}

impl Bucket {
    fn refilled(self, per_minute: u32, now: Instant) -> Self {
        let more = now.saturating_duration_since(self.at).as_secs_f64() * f64::from(per_minute) / 60.0;
        Self { left: (self.left + more).min(f64::from(per_minute)), at: now }
    }
}

impl Rate {
    pub(super) fn new(per_minute: u32) -> Self {
        Self { per_minute, buckets: Mutex::default() }
    }

    /// One request more.
    pub(super) fn take(&self, principal: &Principal) -> Result<(), Refusal> {
        self.take_at(principal, Instant::now()).map_err(|wait| self.refusal(wait))
    }

    /// The time until there is room, when there is none.
    fn take_at(&self, principal: &Principal, now: Instant) -> Result<(), Duration> {
        let full = Bucket { left: f64::from(self.per_minute), at: now };
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= REMEMBERED && !buckets.contains_key(principal.id()) {
            buckets.retain(|_, bucket| bucket.refilled(self.per_minute, now).left < f64::from(self.per_minute));
        }
        let bucket = buckets.entry(principal.id().into()).or_insert(full);
        *bucket = bucket.refilled(self.per_minute, now);
        if bucket.left >= 1.0 {
            bucket.left -= 1.0;
            return Ok(());
        }
        let seconds = (1.0 - bucket.left) * 60.0 / f64::from(self.per_minute);
        // A rate of nothing lets nobody in, ever.
        Err(if seconds.is_finite() { Duration::from_secs_f64(seconds) } else { Duration::from_secs(60) })
    }

    fn refusal(&self, wait: Duration) -> Refusal {
        let seconds = wait.as_secs_f64().ceil().max(1.0) as u64;
        let message = format!(
            "You send more than the {} requests that you may send in a minute. Try again in {seconds} s.",
            self.per_minute
        );
        let body = json!({ "error": "Too many requests", "code": Code::TooManyRequests, "message": message });
        Refusal::too_many(body).with(RETRY_AFTER, seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_as_are_allowed_and_then_one_for_each_share_of_the_minute() {
        let (rate, start) = (Rate::new(30), Instant::now());
        let (alice, bob) = (Principal::new("alice"), Principal::new("bob"));
        let at = |seconds| start + Duration::from_secs(seconds);
        let taken = (0..100).take_while(|_| rate.take_at(&alice, at(0)).is_ok()).count();
        assert_eq!(taken, 30);
        assert_eq!(rate.take_at(&alice, at(0)), Err(Duration::from_secs(2)));
        assert!(rate.take_at(&bob, at(0)).is_ok(), "each has its own");
        assert!(rate.take_at(&alice, at(2)).is_ok() && rate.take_at(&alice, at(2)).is_err());
        let later = (0..100).take_while(|_| rate.take_at(&alice, at(3_600)).is_ok()).count();
        assert_eq!(later, 30, "nobody saves up for more than a minute");
    }

    #[test]
    fn whoever_could_send_as_many_as_anybody_is_forgotten() {
        let (rate, start) = (Rate::new(60), Instant::now());
        for number in 0..REMEMBERED {
            rate.take_at(&Principal::new(number.to_string()), start).unwrap();
        }
        rate.take_at(&Principal::new("busy"), start + Duration::from_millis(900)).unwrap();
        let count = || rate.buckets.lock().unwrap().len();
        assert_eq!(count(), REMEMBERED + 1, "none of them has all again");
        rate.take_at(&Principal::new("new"), start + Duration::from_millis(1_500)).unwrap();
        assert_eq!(count(), 2, "the busy one stays");
    }

    #[test]
    fn the_refusal_says_when_to_come_again() {
        let rate = Rate::new(1);
        let alice = Principal::new("alice");
        rate.take(&alice).unwrap();
        let response = rate.take(&alice).unwrap_err().into_response();
        assert_eq!(response.status(), 429);
        let wait: u64 = response.headers()["retry-after"].to_str().unwrap().parse().unwrap();
        assert!((59..=60).contains(&wait), "{wait}");
    }
}
