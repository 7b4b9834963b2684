//! What is known of a thread when its runs have ended: its name, and what its log makes of it.
//!
//! A run that goes on is not part of this; [`Lifecycle::connect`](crate::Lifecycle::connect) follows it.

mod name;

pub use name::{derived_name, suggested_name, tidy_name};

use crate::limits;
use crate::store::{Frame, ListThreads, ReadLog, Store, StoreError, ThreadKey};
use copilotkit_protocol::{Applied, Event, EventKind, Json, Message};
use std::sync::Arc;

/// The log of the runs of a thread that have ended, in their compact form, piece by piece.
pub struct History {
    store: Arc<dyn Store>,
    thread: ThreadKey,
    cursor: u64,
    end: u64,
}

impl History {
    /// Begins at the first frame. An unknown thread has none.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn open(store: Arc<dyn Store>, thread: ThreadKey) -> Result<Self, StoreError> {
        let probe = ReadLog { thread: thread.clone(), from: 0, compact_until: 0, max_bytes: 0 };
        let now = store.read(probe).await?;
        let end = now.live.map_or(now.head, |live| live.first_seq);
        Ok(Self { store, thread, cursor: 0, end })
    }

    /// The next frames; empty at the end.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn next(&mut self) -> Result<Vec<Frame>, StoreError> {
        if self.cursor >= self.end {
            return Ok(Vec::new());
        }
        let request = ReadLog {
            thread: self.thread.clone(),
            from: self.cursor,
            compact_until: self.end,
            max_bytes: limits::READ_BATCH,
        };
        let mut page = self.store.read(request).await?;
        page.frames.retain(|frame| frame.seq < self.end);
        // A page without frames ends it: the thread was deleted, or its oldest runs made room.
        self.cursor = if page.frames.is_empty() { self.end } else { page.next };
        Ok(page.frames)
    }

    /// Applies what is left of it; `only` says which events matter. True when there was one.
    async fn apply(mut self, only: fn(EventKind) -> bool) -> Result<(Applied, bool), StoreError> {
        let (mut applied, mut any) = (Applied::default(), false);
        loop {
            let frames = self.next().await?;
            if frames.is_empty() {
                return Ok((applied, any));
            }
            for frame in frames.iter().filter(|frame| only(frame.kind)) {
                match Event::from_json(&frame.json) {
                    Ok(event) => applied.apply(&event),
                    Err(error) => tracing::warn!(%error, seq = frame.seq, "a frame of the log cannot be read"),
                }
                any = true;
            }
            // A long history must not keep others waiting.
            tokio::task::yield_now().await;
        }
    }
}

/// The messages that a page shows when the runs of a thread that have ended were replayed.
///
/// # Errors
/// When the store cannot be read.
pub async fn messages(store: Arc<dyn Store>, thread: ThreadKey) -> Result<Vec<Message>, StoreError> {
    let history = History::open(store, thread).await?;
    let (applied, _) = history.apply(|kind| !is_state(kind)).await?;
    Ok(applied.into_messages())
}

/// The shared state after them; `None` when no run set one.
///
/// # Errors
/// When the store cannot be read.
pub async fn state(store: Arc<dyn Store>, thread: ThreadKey) -> Result<Option<Json>, StoreError> {
    let history = History::open(store, thread).await?;
    let (applied, any) = history.apply(is_state).await?;
    Ok(any.then(|| applied.state()))
}

fn is_state(kind: EventKind) -> bool {
    matches!(kind, EventKind::StateSnapshot | EventKind::StateDelta)
}

/// Deletes the threads of a principal, archived ones too. Those with a run that goes on stay.
///
/// # Errors
/// When the store fails; some threads may be gone then.
pub async fn clear(store: &dyn Store, principal: &Arc<str>) -> Result<(), StoreError> {
    let mut cursor = None;
    loop {
        let page = store
            .list(ListThreads {
                principal: principal.clone(),
                agent_id: None,
                include_archived: true,
                limit: limits::THREAD_PAGE,
                cursor,
            })
            .await?;
        for record in page.threads {
            let thread = ThreadKey { principal: principal.clone(), thread_id: record.id };
            match store.delete(&thread).await {
                Ok(_) | Err(StoreError::Busy) => {}
                Err(error) => return Err(error),
            }
        }
        cursor = page.next_cursor;
        if cursor.is_none() {
            return Ok(());
        }
    }
}
