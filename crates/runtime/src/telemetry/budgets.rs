//! What each principal used up today.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const DAY: u64 = 24 * 60 * 60;

/// What a principal may use up in a day, from midnight to midnight in UTC. Without bounds nothing is counted.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct BudgetOptions {
    /// Tokens, read and written.
    pub tokens_per_day: Option<u64>,
    /// US dollars, by the table of prices. A model without a price costs nothing.
    pub cost_per_day: Option<f64>,
}

/// A budget that is used up.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Exhausted {
    /// How long it is until midnight.
    pub retry_after: Duration,
    bound: Bound,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Bound {
    Tokens(u64),
    Cost(f64),
}

impl fmt::Display for Exhausted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.bound {
            Bound::Tokens(tokens) => write!(f, "You have used the {tokens} tokens that you may use in a day.")?,
            Bound::Cost(cost) => write!(f, "You have used the {cost} US dollars that you may use in a day.")?,
        }
        let minutes = self.retry_after.as_secs().div_ceil(60);
        write!(f, " The next day begins at midnight UTC, in {} h {} min.", minutes / 60, minutes % 60)
    }
}

impl std::error::Error for Exhausted {}

/// What was used up.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Spent {
    pub(crate) tokens: u64,
    pub(crate) cost: f64,
}

impl Spent {
    pub(crate) fn add(&mut self, other: Self) {
        self.tokens = self.tokens.saturating_add(other.tokens);
        self.cost += other.cost;
    }
}

/// The accounts of one day. Those of the day before are forgotten at once: there are never more than principals that
/// asked today.
pub(crate) struct Budgets {
    options: BudgetOptions,
    /// The day on which this began: what was used on it before stands in the store.
    begun: u64,
    today: Mutex<Today>,
}

#[derive(Default)]
struct Today {
    day: u64,
    spent: HashMap<Arc<str>, Spent>,
    loaded: HashSet<Arc<str>>,
}

/// The day, counted from the epoch, and the time that is left of it.
pub(crate) fn today() -> (u64, Duration) {
    at(SystemTime::now())
}

fn at(now: SystemTime) -> (u64, Duration) {
    let seconds = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    (seconds / DAY, Duration::from_secs(DAY - seconds % DAY))
}

impl Budgets {
    pub(super) fn new(options: BudgetOptions) -> Self {
        Self { options, begun: today().0, today: Mutex::default() }
    }

    /// True when something is bounded.
    pub(crate) fn is_on(&self) -> bool {
        self.options != BudgetOptions::default()
    }

    /// Counts what a principal used.
    pub(crate) fn add(&self, principal: &Arc<str>, spent: Spent) {
        if self.is_on() {
            self.on(today().0).spent.entry(principal.clone()).or_default().add(spent);
        }
    }

    /// True once for each principal, on the day on which the server was started: what it used before must be looked up.
    pub(crate) fn must_load(&self, principal: &Arc<str>) -> bool {
        let (day, _) = today();
        self.is_on() && day == self.begun && self.on(day).loaded.insert(principal.clone())
    }

    /// Whether a principal has something left.
    pub(crate) fn check(&self, principal: &str) -> Result<(), Exhausted> {
        if !self.is_on() {
            return Ok(());
        }
        let (day, retry_after) = today();
        let Spent { tokens, cost } = self.on(day).spent.get(principal).copied().unwrap_or_default();
        let exhausted = |bound| Err(Exhausted { retry_after, bound });
        match self.options {
            BudgetOptions { tokens_per_day: Some(max), .. } if tokens >= max => exhausted(Bound::Tokens(max)),
            BudgetOptions { cost_per_day: Some(max), .. } if cost >= max => exhausted(Bound::Cost(max)),
            _ => Ok(()),
        }
    }

    /// The accounts of a day. A poisoned lock guards numbers that are each right by themselves.
    fn on(&self, day: u64) -> MutexGuard<'_, Today> {
        let mut today = self.today.lock().unwrap_or_else(PoisonError::into_inner);
        if today.day != day {
            *today = Today { day, ..Today::default() };
        }
        today
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budgets(tokens_per_day: Option<u64>, cost_per_day: Option<f64>) -> Budgets {
        Budgets::new(BudgetOptions { tokens_per_day, cost_per_day })
    }

    #[test]
    fn each_principal_has_its_own_and_the_first_bound_counts() {
        let budgets = budgets(Some(100), Some(1.0));
        let (alice, bob): (Arc<str>, Arc<str>) = ("alice".into(), "bob".into());
        budgets.add(&alice, Spent { tokens: 99, cost: 0.5 });
        budgets.add(&bob, Spent { tokens: 1, cost: 1.0 });
        assert!(budgets.check(&alice).is_ok() && budgets.check("carol").is_ok());
        assert!(budgets.check(&bob).unwrap_err().to_string().contains("1 US dollars"));
        budgets.add(&alice, Spent { tokens: 1, cost: 0.0 });
        let exhausted = budgets.check(&alice).unwrap_err();
        assert!(exhausted.to_string().starts_with("You have used the 100 tokens"), "{exhausted}");
        assert!(exhausted.retry_after <= Duration::from_secs(DAY) && !exhausted.retry_after.is_zero());
    }

    #[test]
    fn a_new_day_begins_with_nothing() {
        let budgets = budgets(Some(1), None);
        let alice: Arc<str> = "alice".into();
        let (day, _) = today();
        budgets.on(day).spent.insert(alice.clone(), Spent { tokens: 5, cost: 0.0 });
        assert!(budgets.on(day + 1).spent.is_empty());
        let midnight = UNIX_EPOCH + Duration::from_secs(3 * DAY);
        assert_eq!(at(midnight), (3, Duration::from_secs(DAY)));
        assert_eq!(at(midnight - Duration::from_secs(1)), (2, Duration::from_secs(1)));
    }

    #[test]
    fn without_bounds_nothing_is_kept() {
        let budgets = budgets(None, None);
        let alice: Arc<str> = "alice".into();
        budgets.add(&alice, Spent { tokens: u64::MAX, cost: 1e9 });
        assert!(budgets.check(&alice).is_ok() && !budgets.must_load(&alice));
        assert!(budgets.today.lock().unwrap().spent.is_empty());
    }

    #[test]
    fn what_was_used_before_the_start_is_looked_up_once() {
        let budgets = budgets(Some(1), None);
        let alice: Arc<str> = "alice".into();
        assert!(budgets.must_load(&alice) && !budgets.must_load(&alice) && budgets.must_load(&"bob".into()));
    }
}
