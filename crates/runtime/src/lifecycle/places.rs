//! Places for active runs: of the server, and of each principal.

use super::LifecycleOptions;
use crate::error::RunError;
use crate::limits;
use crate::principal::Principal;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How many runs each principal has; nobody has none.
type Counts = Arc<Mutex<HashMap<Arc<str>, usize>>>;

/// The places.
pub(super) struct Places {
    all: Arc<Semaphore>,
    own: Counts,
}

/// The place of a run, for as long as it lives.
pub(super) struct Place {
    _all: OwnedSemaphorePermit,
    _own: Own,
}

/// A principal's share of it.
struct Own(Counts, Arc<str>);

impl Places {
    pub(super) fn new(options: &LifecycleOptions) -> Self {
        Self { all: Arc::new(Semaphore::new(options.runs)), own: Counts::default() }
    }

    /// How many are free.
    pub(super) fn free(&self) -> usize {
        self.all.available_permits()
    }

    /// A place, if the principal and the server have one left. The principal's own bound comes first: it is what the
    /// caller can do something about.
    pub(super) fn take(&self, options: &LifecycleOptions, principal: &Principal) -> Result<Place, RunError> {
        let max = match options.runs_per_principal {
            Some(max) => max,
            None if principal.is_anonymous() => usize::MAX,
            None => limits::RUNS_PER_PRINCIPAL,
        };
        let id: Arc<str> = principal.id().into();
        let mut counts = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.get(&id).copied().unwrap_or(0);
        if count >= max {
            return Err(RunError::TooManyRunsPerPrincipal(max));
        }
        let all = self.all.clone().try_acquire_owned().map_err(|_| RunError::TooManyRuns(options.runs))?;
        counts.insert(id.clone(), count + 1);
        drop(counts);
        Ok(Place { _all: all, _own: Own(self.own.clone(), id) })
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Entry::Occupied(mut entry) = counts.entry(self.1.clone()) {
            *entry.get_mut() -= 1;
            if *entry.get() == 0 {
                entry.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_given_back_and_nobody_is_remembered() {
        let options = LifecycleOptions { runs: 3, runs_per_principal: Some(2), ..LifecycleOptions::default() };
        let places = Places::new(&options);
        let (alice, bob) = (Principal::new("alice"), Principal::new("bob"));
        let (one, two) = (places.take(&options, &alice).unwrap(), places.take(&options, &alice).unwrap());
        assert!(matches!(places.take(&options, &alice), Err(RunError::TooManyRunsPerPrincipal(2))));
        let three = places.take(&options, &bob).unwrap();
        assert!(matches!(places.take(&options, &bob), Err(RunError::TooManyRuns(3))));
        assert!(matches!(places.take(&options, &alice), Err(RunError::TooManyRunsPerPrincipal(2))), "not the server's");
        drop(one);
        assert!(places.take(&options, &alice).is_ok());
        drop((two, three));
        assert!(places.own.lock().unwrap().is_empty());
        assert_eq!(places.free(), 3);
    }

    #[test]
    fn unless_it_is_set_the_bound_is_for_principals_that_can_be_told_apart() {
        let options = LifecycleOptions::default();
        let places = Places::new(&options);
        let take = |principal: &Principal, count| {
            (0..count).map_while(|_| places.take(&options, principal).ok()).collect::<Vec<_>>()
        };
        let anonymous = take(&Principal::anonymous(), limits::RUNS_PER_PRINCIPAL + 1);
        let alice = take(&Principal::new("alice"), limits::RUNS_PER_PRINCIPAL + 1);
        assert_eq!((anonymous.len(), alice.len()), (limits::RUNS_PER_PRINCIPAL + 1, limits::RUNS_PER_PRINCIPAL));
        let set = LifecycleOptions { runs_per_principal: Some(1), ..LifecycleOptions::default() };
        assert!(places.take(&set, &Principal::anonymous()).is_err(), "a bound that is set is for everybody");
    }
}
