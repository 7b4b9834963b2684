//! Following a task through its questions, to its end.

use super::calls::{NewsStream, take};
use super::id::now;
use super::load::{CANCELED, is_canceled};
use super::record::Record;
use crate::limits::{WAITING, WAITING_LOOK};
use crate::types::Event as News;
use copilotkit_runtime::hub::Subscription;
use copilotkit_runtime::store::{ReadLog, ThreadKey};
use copilotkit_runtime::{Lifecycle, Principal};
use futures::StreamExt as _;
use std::sync::Arc;
use tokio::time::{Instant, timeout};

/// What is needed to wait for the run that goes on with a task.
pub(super) struct Patience {
    pub(super) lifecycle: Lifecycle,
    pub(super) principal: Principal,
    pub(super) agent_id: Arc<str>,
}

/// What a wait came to.
enum Waited {
    /// Another run began.
    Run(Box<Subscription>),
    /// The task was canceled.
    Canceled,
    /// Nothing happened for long, or the store failed.
    Nothing,
}

/// The task as it is, then what is new, until the task has ended. While it waits for an answer, so does the stream.
pub(super) fn follow_to_the_end(
    patience: Patience,
    mut record: Record,
    mut subscription: Option<Subscription>,
) -> NewsStream {
    let stream = async_stream::stream! {
        yield vec![News::Task(record.task(None))];
        let mut seen = record.next_seq();
        loop {
            while let Some(reader) = &mut subscription {
                let mut news = Vec::new();
                let done = take(&mut record, reader, &mut news).await;
                seen = seen.max(reader.position());
                if !news.is_empty() {
                    yield news;
                }
                if record.state.is_terminal() {
                    return;
                }
                if done || record.state.is_interrupted() {
                    subscription = None;
                }
            }
            if !record.state.is_interrupted() {
                // Its writer is gone; who asks again is told of it.
                return;
            }
            match patience.wait(&record, seen).await {
                Waited::Run(reader) => subscription = Some(*reader),
                Waited::Canceled => {
                    record.abandon(CANCELED);
                    record.changed_at = now();
                    yield vec![record.news()];
                    return;
                }
                Waited::Nothing => return,
            }
        }
    };
    stream.boxed()
}

impl Patience {
    /// Waits for the run behind the frame `seen`, or for the task to be canceled.
    async fn wait(&self, record: &Record, seen: u64) -> Waited {
        let thread = ThreadKey::new(&self.principal, record.id.thread_id.as_str());
        let deadline = Instant::now() + WAITING;
        self.wait_until(&thread, record, seen, deadline).await.unwrap_or(Waited::Nothing)
    }

    async fn wait_until(&self, thread: &ThreadKey, record: &Record, seen: u64, deadline: Instant) -> Option<Waited> {
        let store = self.lifecycle.store();
        while Instant::now() < deadline {
            // Followed before it is looked at: what begins in between is not slept over.
            let mut signal = store.follow(thread).await.ok()?;
            signal.borrow_and_update();
            let probe = ReadLog { thread: thread.clone(), from: seen, compact_until: 0, max_bytes: 0 };
            let log = store.read(probe).await.ok()?;
            if log.head > seen {
                let subscription =
                    self.lifecycle.follow(&self.agent_id, &self.principal, &thread.thread_id, seen).await.ok()?;
                return Some(Waited::Run(Box::new(subscription)));
            }
            if is_canceled(&self.lifecycle, thread, &record.id).await.ok()? {
                return Some(Waited::Canceled);
            }
            // A look every now and then is enough where nobody wakes us.
            let _ = timeout(WAITING_LOOK, signal.changed()).await;
        }
        None
    }
}
