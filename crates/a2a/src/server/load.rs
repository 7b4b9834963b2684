//! Finding a task in the log of its thread.

use super::fail::Failure;
use super::id::TaskId;
use super::record::Record;
use crate::types::{Event as News, TaskState};
use bytes::Bytes;
use copilotkit_runtime::hub::Subscription;
use copilotkit_runtime::store::{LogPage, ReadLog, ThreadKey};
use copilotkit_runtime::{Lifecycle, Principal};
use std::sync::Arc;

/// A task as it is, and what reads what comes.
pub(super) struct Loaded {
    pub(super) record: Record,
    /// Goes on where the record ends.
    pub(super) subscription: Subscription,
    /// The id of its run that goes on.
    pub(super) live: Option<Arc<str>>,
}

/// Where it is kept that a task that waited was canceled: no run of its thread says so.
fn canceled_key(id: &TaskId) -> String {
    format!("a2a_server/canceled/{}", id.nonce.as_str())
}

/// Keeps that a task that waited was canceled.
pub(super) async fn keep_canceled(lifecycle: &Lifecycle, principal: &Principal, id: &TaskId) -> Result<(), Failure> {
    let thread = ThreadKey::new(principal, id.thread_id.as_str());
    let kept = Bytes::from_static(b"{}");
    Ok(lifecycle.store().set_blob(&thread, &canceled_key(id), Some(kept)).await?)
}

/// What a canceled task says.
pub(super) const CANCELED: &str = "The task was canceled while it waited for an answer.";

/// The task with this id. For all but its principal there is none.
pub(super) async fn load(
    lifecycle: &Lifecycle,
    principal: &Principal,
    agent_id: &str,
    text: &str,
) -> Result<Loaded, Failure> {
    let id = TaskId::parse(text).ok_or_else(Failure::no_task)?;
    let thread = ThreadKey::new(principal, id.thread_id.as_str());
    let probe = ReadLog { thread: thread.clone(), from: id.first_seq, compact_until: 0, max_bytes: 0 };
    let now: LogPage = lifecycle.store().read(probe).await?;
    let mut subscription = lifecycle.follow(agent_id, principal, &id.thread_id, id.first_seq).await?;
    let mut record = Record::new(agent_id, id);
    let (mut any, mut last_run) = (false, None);
    while subscription.has_history() && !record.is_closed() {
        let batch = subscription.next_batch().await?;
        let frames: Vec<_> = batch.frames().collect();
        if frames.is_empty() {
            break;
        }
        any = true;
        last_run = frames.last().map(|frame| frame.run);
        if !record.take(frames, &mut Vec::<News>::new()) {
            return Err(Failure::no_task());
        }
        // A long history must not keep others waiting.
        tokio::task::yield_now().await;
    }
    let is_live = now.live.as_ref().is_some_and(|live| match any {
        true => record.is_of_last_run(live.run) && !record.state.is_settled(),
        // It was taken, and nothing was said yet.
        false => live.first_seq == record.id.first_seq && *live.run_id == *record.run_id(),
    });
    if !any && !is_live {
        return Err(Failure::no_task());
    }
    if any {
        // The log has no times: that of the thread is the time of its last run's end.
        let is_last = last_run.is_some_and(|run| record.is_of_last_run(run)) && !is_live;
        record.changed_at = match lifecycle.store().get(&thread).await? {
            Some(thread) if is_last => thread.updated_at,
            _ => record.id.nonce.time(),
        };
    }
    if record.state.is_interrupted() && is_canceled(lifecycle, &thread, &record.id).await? {
        record.abandon(CANCELED);
    }
    if !is_live && !record.state.is_settled() {
        // Its writer is gone; the store closes it soon, and then it says why.
        tracing::debug!(task = text, "a task has no run and no end");
        record.state = TaskState::Working;
    }
    let live = now.live.filter(|_| is_live).map(|live| live.run_id);
    Ok(Loaded { record, subscription, live })
}

pub(super) async fn is_canceled(lifecycle: &Lifecycle, thread: &ThreadKey, id: &TaskId) -> Result<bool, Failure> {
    Ok(lifecycle.store().blob(thread, &canceled_key(id)).await?.is_some())
}
