//! What a principal used today, across restarts: each thread keeps what was used on it in a blob.

use crate::error::RunError;
use crate::principal::Principal;
use crate::store::{ListThreads, Store, ThreadKey};
use crate::telemetry::{Budgets, Spent, Trace, today};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The key of the blob.
const BLOB: &str = "copilotkit.spent";
/// How many threads are looked at for one page.
const PAGE: usize = 100;
/// Milliseconds of a day.
const DAY: u64 = 24 * 60 * 60 * 1_000;

/// What was used on a thread on a day.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Kept {
    day: u64,
    tokens: u64,
    cost: f64,
}

/// Whether a principal has something left today. A store that cannot be read refuses nobody: what was used since the
/// start is known all the same.
pub(super) async fn check(budgets: &Budgets, store: &dyn Store, principal: &Principal) -> Result<(), RunError> {
    if !budgets.is_on() {
        return Ok(());
    }
    let id: Arc<str> = principal.id().into();
    if budgets.must_load(&id) {
        let spent = load(store, principal, today().0).await;
        budgets.add(&id, spent);
    }
    budgets.check(&id).map_err(RunError::Exhausted)
}

/// What stands in the threads that were used today; the last used come first.
async fn load(store: &dyn Store, principal: &Principal, day: u64) -> Spent {
    let mut spent = Spent::default();
    let mut cursor = None;
    loop {
        let list = ListThreads {
            principal: principal.id().into(),
            include_archived: true,
            limit: PAGE,
            cursor,
            agent_id: None,
        };
        let page = match store.list(list).await {
            Ok(page) => page,
            Err(error) => {
                tracing::warn!(%error, "what a principal used today could not be looked up");
                return spent;
            }
        };
        for thread in &page.threads {
            if thread.updated_at < day * DAY {
                return spent;
            }
            spent.add(kept(store, &ThreadKey::new(principal, thread.id.clone()), day).await);
        }
        cursor = page.next_cursor;
        if cursor.is_none() {
            return spent;
        }
    }
}

async fn kept(store: &dyn Store, thread: &ThreadKey, day: u64) -> Spent {
    let blob = store.blob(thread, BLOB).await.ok().flatten();
    let kept = blob.and_then(|blob| serde_json::from_slice::<Kept>(&blob).ok()).filter(|kept| kept.day == day);
    kept.map_or_else(Spent::default, |Kept { tokens, cost, .. }| Spent { tokens, cost })
}

/// Adds what a run used to what stands with its thread.
pub(super) async fn keep(store: &dyn Store, thread: &ThreadKey, trace: &Trace) {
    let Some(account) = trace.account().filter(|account| account.telemetry.budgets.is_on()) else { return };
    let spent = account.spent();
    if spent == Spent::default() {
        return;
    }
    let (day, _) = today();
    let mut total = kept(store, thread, day).await;
    total.add(spent);
    let kept = Kept { day, tokens: total.tokens, cost: total.cost };
    if let Err(error) = store.set_blob(thread, BLOB, Some(copilotkit_protocol::to_vec(&kept).into())).await {
        tracing::warn!(%error, "what a run used could not be kept: after a restart it is not counted");
    }
}
