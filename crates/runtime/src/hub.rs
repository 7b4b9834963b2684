//! A subscriber is a cursor on a thread's log: first what is there, then what comes, without a gap or a duplicate.

use crate::debug::Tap;
use crate::limits;
use crate::store::{Frame, ReadLog, Signal, Store, StoreError, ThreadKey};
use std::sync::Arc;
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};

/// Where a subscription ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Until {
    /// Behind the frames of this run: it is live, or was when the subscription began.
    Run(u64),
    /// In front of the frame with this number: nothing is live.
    Seq(u64),
}

/// Reads a thread's log from a cursor to the end of a run.
pub struct Subscription {
    store: Arc<dyn Store>,
    thread: ThreadKey,
    cursor: u64,
    compact_until: u64,
    until: Until,
    signal: Option<watch::Receiver<Signal>>,
    done: bool,
    complete: bool,
    on_drop: Option<DropGuard>,
    tap: Option<Tap>,
}

impl Subscription {
    /// Follows one run from its first frame to its last, uncompacted.
    pub(crate) fn to_run(
        store: Arc<dyn Store>,
        thread: ThreadKey,
        run: u64,
        first_seq: u64,
        signal: watch::Receiver<Signal>,
    ) -> Self {
        let until = Until::Run(run);
        Self {
            store,
            thread,
            cursor: first_seq,
            compact_until: 0,
            until,
            signal: Some(signal),
            done: false,
            complete: false,
            on_drop: None,
            tap: None,
        }
    }

    /// Replays the whole thread, finished runs in their compact form, and follows the live run to its end.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(crate) async fn to_thread(store: Arc<dyn Store>, thread: ThreadKey) -> Result<Self, StoreError> {
        let probe = ReadLog { thread: thread.clone(), from: 0, compact_until: 0, max_bytes: 0 };
        let now = store.read(probe).await?;
        let (until, compact_until, signal) = match now.live {
            Some(live) => (Until::Run(live.run), live.first_seq, Some(store.follow(&thread).await?)),
            None => (Until::Seq(now.head), now.head, None),
        };
        let done = until == Until::Seq(0);
        Ok(Self {
            store,
            thread,
            cursor: 0,
            compact_until,
            until,
            signal,
            done,
            complete: done,
            on_drop: None,
            tap: None,
        })
    }

    /// The next frames, waiting for them if there are none yet; empty at the end.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn next(&mut self) -> Result<Vec<Frame>, StoreError> {
        while !self.done {
            if let Some(signal) = &mut self.signal {
                // Seen before the read: what is appended during the read is not slept over.
                signal.borrow_and_update();
            }
            let page = self
                .store
                .read(ReadLog {
                    thread: self.thread.clone(),
                    from: self.cursor,
                    compact_until: self.compact_until,
                    max_bytes: limits::READ_BATCH,
                })
                .await?;
            let mut frames = page.frames;
            self.cursor = page.next.max(self.cursor);
            let reached_head = self.cursor >= page.head;
            match self.until {
                Until::Run(run) => {
                    if frames.iter().any(|frame| frame.run > run) {
                        self.done = true;
                        frames.retain(|frame| frame.run <= run);
                    } else if reached_head && page.live.as_ref().is_none_or(|live| live.run != run) {
                        self.done = true;
                    }
                }
                Until::Seq(end) => {
                    frames.retain(|frame| frame.seq < end);
                    self.done = self.cursor >= end;
                    self.complete = self.done;
                }
            }
            if self.done
                && let Some(guard) = self.on_drop.take()
            {
                guard.disarm();
            }
            if !frames.is_empty() {
                let ends = |frame: &Frame| self.until == Until::Run(frame.run) && frame.kind.is_terminal();
                self.complete |= frames.last().is_some_and(ends);
                if let Some(tap) = &mut self.tap {
                    tap.publish(&frames);
                }
                return Ok(frames);
            }
            if !self.done && reached_head {
                let waited = match &mut self.signal {
                    Some(signal) => signal.changed().await.is_ok(),
                    None => false,
                };
                // Without a sender the thread was let go: nothing more will come.
                self.done = !waited;
            }
        }
        Ok(Vec::new())
    }

    /// Cancels `token` when this subscription is dropped before it is done.
    pub(crate) fn cancels(&mut self, token: CancellationToken) {
        self.on_drop = Some(token.drop_guard());
    }

    /// Shows what is read from here on in the debug feed.
    pub(crate) fn shows(&mut self, tap: Tap) {
        self.tap = Some(tap);
    }

    /// True when there is nothing more to read.
    pub fn is_done(&self) -> bool {
        self.done
    }

    /// True when it ended where it should: behind the terminal event of the run that it followed, or behind the whole
    /// replay of an idle thread. False when the thread was let go, or its writer lost it.
    pub fn is_complete(&self) -> bool {
        self.complete
    }
}
