//! What the writer writes.

mod begin;
mod compacted;
mod save;
mod thread;

pub(super) use begin::Begin;
pub(super) use compacted::{Compacted, Shrink};
pub(super) use save::{Form, Save, close_interrupted, put_chunks};
pub(super) use thread::{Delete, SetBlob, Update, delete_rows};

use super::fault::Fault;
use crate::store::StoreError;
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::sync::oneshot;

/// Where a job's caller waits.
pub(super) type Reply<T> = oneshot::Sender<Result<T, StoreError>>;

/// Now, in milliseconds since the Unix epoch.
pub(super) fn millis() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_millis() as u64)
}

/// Tells the caller, if it still waits. What a job found out stands only if it was committed.
fn answer<T>(reply: Reply<T>, outcome: Result<(), Fault>, found: Option<Result<T, StoreError>>) {
    let result = match (outcome, found) {
        (Ok(()), Some(found)) => found,
        (Ok(()), None) => Err(Fault::Silent("the thread store did not do what it was asked").into()),
        (Err(fault), _) => Err(fault.into()),
    };
    // Nobody waits any more: what was done stays done.
    let _ = reply.send(result);
}
