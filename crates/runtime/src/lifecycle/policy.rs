//! What becomes of a run on a busy thread, and of one whose reader hangs up.

use crate::error::RunError;
use crate::limits;
use crate::store::{BeginRun, Begun, StopRun, Store, StoreError, ThreadKey};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Mutex, PoisonError};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// What becomes of a run on a thread on which another run is active.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnBusy {
    /// It is refused.
    #[default]
    Reject,
    /// It waits for its turn: [`limits::QUEUE`] runs at most, [`limits::QUEUE_WAIT`] long at most.
    Enqueue,
    /// The other one is stopped for it.
    Supersede,
}

/// What becomes of a run when the reader that started it hangs up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnDisconnect {
    /// It goes on, and can be connected to.
    #[default]
    Continue,
    /// It is stopped.
    Cancel,
}

/// How many runs wait for each thread.
#[derive(Debug, Default)]
pub(super) struct Queues(Mutex<HashMap<ThreadKey, usize>>);

/// A place in a queue.
struct Place<'a>(&'a Queues, ThreadKey);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut waiting = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Entry::Occupied(mut entry) = waiting.entry(self.1.clone()) {
            *entry.get_mut() -= 1;
            if *entry.get() == 0 {
                entry.remove();
            }
        }
    }
}

impl Queues {
    fn take_place(&self, thread: &ThreadKey) -> Option<Place<'_>> {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = waiting.entry(thread.clone()).or_default();
        if *count == limits::QUEUE {
            return None;
        }
        *count += 1;
        drop(waiting);
        Some(Place(self, thread.clone()))
    }

    /// Opens a run, as far as the policy lets it wait or stop another one.
    pub(super) async fn begin(
        &self,
        store: &dyn Store,
        policy: OnBusy,
        begin: BeginRun,
        shutdown: &CancellationToken,
    ) -> Result<Begun, RunError> {
        match store.begin(begin.clone()).await {
            Err(StoreError::Busy) if policy != OnBusy::Reject => {}
            other => return Ok(other?),
        }
        let place = self.take_place(&begin.thread);
        let Some(_place) = place else { return Err(RunError::ThreadBusy) };
        let deadline = Instant::now() + limits::QUEUE_WAIT;
        loop {
            // Followed before it is asked for: an end in between is not slept over.
            let mut signal = store.follow(&begin.thread).await?;
            signal.borrow_and_update();
            if policy == OnBusy::Supersede {
                store.stop(StopRun { thread: begin.thread.clone(), run_id: None }).await?;
            }
            match store.begin(begin.clone()).await {
                Err(StoreError::Busy) => {}
                other => return Ok(other?),
            }
            let freed = async { signal.wait_for(|signal| signal.live.is_none()).await.map(|_| ()) };
            tokio::select! {
                () = shutdown.cancelled() => return Err(RunError::ShuttingDown),
                freed = tokio::time::timeout_at(deadline, freed) => match freed {
                    // An error means that the thread was let go: the next try makes it anew.
                    Ok(_) => {}
                    Err(_) => return Err(RunError::ThreadBusy),
                },
            }
        }
    }
}
