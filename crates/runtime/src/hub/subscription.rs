//! A cursor on a thread's log that never misses a frame and never shows one twice.

use super::tail::{Found, TailReader};
use super::{Hub, Publisher};
use crate::debug::Tap;
use crate::limits;
use crate::store::{CompactRun, Frame, Lease, LogPage, ReadLog, ReplayPage, Signal, Store, StoreError, ThreadKey};
use std::any::Any;
use std::future::poll_fn;
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
    /// The number of the next frame.
    cursor: u64,
    /// The number that the thread's next frame had when this began.
    head: u64,
    compact_until: u64,
    until: Until,
    /// The tail of the run that is followed, while it is live here.
    tail: Option<TailReader>,
    /// What the store says of the thread, where there is no tail.
    signal: Option<watch::Receiver<Signal>>,
    resumed: bool,
    done: bool,
    complete: bool,
    on_drop: Option<DropGuard>,
    tap: Option<Tap>,
    /// What lasts as long as this is read.
    kept: Option<Box<dyn Any + Send + Sync>>,
}

/// What a subscriber gets at once.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// Whole finished runs in their compact form.
    pub runs: Vec<Arc<CompactRun>>,
    /// What stands behind them.
    pub frames: Vec<Frame>,
}

impl Batch {
    /// True when nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty() && self.frames.is_empty()
    }

    /// Its frames, in order.
    pub fn frames(&self) -> impl Iterator<Item = &Frame> + Clone {
        self.runs.iter().flat_map(|run| run.frames()).chain(&self.frames)
    }
}

impl Subscription {
    /// Follows one run from its first frame to its last, uncompacted.
    pub(crate) fn to_run(store: Arc<dyn Store>, lease: &Lease, publisher: &Publisher) -> Self {
        Self {
            store,
            thread: lease.thread.clone(),
            cursor: lease.first_seq,
            head: lease.first_seq,
            compact_until: 0,
            until: Until::Run(lease.run),
            tail: Some(publisher.subscribe()),
            signal: None,
            resumed: false,
            done: false,
            complete: false,
            on_drop: None,
            tap: None,
            kept: None,
        }
    }

    /// Replays the whole thread, finished runs in their compact form, and follows the live run to its end.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(crate) async fn to_thread(store: Arc<dyn Store>, hub: &Hub, thread: ThreadKey) -> Result<Self, StoreError> {
        let probe = ReadLog { thread: thread.clone(), from: 0, compact_until: 0, max_bytes: 0 };
        let now = store.read(probe).await?;
        Ok(Self::from_now(store, hub, thread, &now, None))
    }

    /// As [`to_thread`](Self::to_thread), but behind the frame `seen`, which the reader has; the whole thread where
    /// that frame stands for nothing that the reader can go on from, see [`is_resumed`](Self::is_resumed).
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(crate) async fn resume(
        store: Arc<dyn Store>,
        hub: &Hub,
        thread: ThreadKey,
        seen: u64,
    ) -> Result<Self, StoreError> {
        let probe = ReadLog { thread: thread.clone(), from: seen, compact_until: 0, max_bytes: 1 };
        let now = store.read(probe).await?;
        // Inside of a finished run the reader may have frames of the long form or of the compact one: only at the
        // end both are the same.
        let known = now.frames.first().is_some_and(|frame| {
            let live = now.live.as_ref().is_some_and(|live| live.run == frame.run);
            frame.seq == seen && (live || frame.kind.is_terminal())
        });
        Ok(Self::from_now(store, hub, thread, &now, known.then_some(seen)))
    }

    /// Replays a thread from the frame with the number `from` on, which must be the first of a run, and follows the live
    /// run to its end.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(crate) async fn from_run(
        store: Arc<dyn Store>,
        hub: &Hub,
        thread: ThreadKey,
        from: u64,
    ) -> Result<Self, StoreError> {
        let probe = ReadLog { thread: thread.clone(), from, compact_until: 0, max_bytes: 0 };
        let now = store.read(probe).await?;
        Ok(Self::from_now(store, hub, thread, &now, from.checked_sub(1)))
    }

    fn from_now(store: Arc<dyn Store>, hub: &Hub, thread: ThreadKey, now: &LogPage, seen: Option<u64>) -> Self {
        let (until, compact_until, tail) = match &now.live {
            Some(live) => (Until::Run(live.run), live.first_seq, hub.tail(&thread, live.run)),
            None => (Until::Seq(now.head), now.head, None),
        };
        let cursor = seen.map_or(0, |seen| seen.saturating_add(1));
        let done = matches!(until, Until::Seq(end) if cursor >= end);
        Self {
            store,
            thread,
            cursor,
            head: now.head,
            compact_until,
            until,
            tail,
            signal: None,
            resumed: seen.is_some(),
            done,
            complete: done,
            on_drop: None,
            tap: None,
            kept: None,
        }
    }

    /// The next frames, waiting for them if there are none yet; empty at the end.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn next(&mut self) -> Result<Vec<Frame>, StoreError> {
        let batch = self.next_batch().await?;
        Ok(match batch.runs.is_empty() {
            true => batch.frames,
            false => batch.frames().cloned().collect(),
        })
    }

    /// As [`next`](Self::next), with finished runs as the blocks in which they are kept.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn next_batch(&mut self) -> Result<Batch, StoreError> {
        while !self.done {
            let found = match &self.tail {
                Some(tail) if self.cursor >= self.compact_until => poll_fn(|cx| tail.poll(self.cursor, cx)).await,
                _ => Found::Behind,
            };
            let batch = match found {
                Found::Frames(frames) => self.take_from_tail(frames),
                Found::Behind => self.read_store().await?,
                Found::Closed => {
                    // Its publisher has gone, and not by the run's end: the store knows more.
                    self.tail = None;
                    continue;
                }
            };
            if self.done
                && let Some(guard) = self.on_drop.take()
            {
                guard.disarm();
            }
            if !batch.is_empty() {
                if let Some(tap) = &mut self.tap {
                    tap.publish(batch.frames());
                }
                return Ok(batch);
            }
        }
        Ok(Batch::default())
    }

    /// True where what follows is or will be in the tail, and need not be asked of the store.
    fn tail_has_the_rest(&self) -> bool {
        self.tail.as_ref().is_some_and(|tail| self.cursor >= self.compact_until && !tail.is_past(self.cursor))
    }

    fn take_from_tail(&mut self, frames: Vec<Frame>) -> Batch {
        if let Some(last) = frames.last() {
            self.cursor = last.seq + 1;
            self.done = last.kind.is_terminal();
            self.complete = self.done;
        }
        Batch { runs: Vec::new(), frames }
    }

    /// What the store has; waits for more when there is nothing.
    async fn read_store(&mut self) -> Result<Batch, StoreError> {
        if let Some(signal) = &mut self.signal {
            // Seen before the read: what is appended during the read is not slept over.
            signal.borrow_and_update();
        }
        let request = ReadLog {
            thread: self.thread.clone(),
            from: self.cursor,
            compact_until: self.compact_until,
            max_bytes: limits::READ_BATCH,
        };
        let ReplayPage { runs, rest: page } = self.store.replay(request).await?;
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
                let ends = |frame: &Frame| frame.run == run && frame.kind.is_terminal();
                self.complete |= frames.last().is_some_and(ends);
            }
            Until::Seq(end) => {
                frames.retain(|frame| frame.seq < end);
                self.done = self.cursor >= end;
                self.complete = self.done;
            }
        }
        let batch = Batch { runs, frames };
        if batch.is_empty() && !self.done && reached_head && !self.tail_has_the_rest() {
            match &mut self.signal {
                // Without a sender the thread was let go: nothing more will come.
                Some(signal) => self.done = signal.changed().await.is_err(),
                // The log is read once more: what came before this wakes nobody.
                None => self.signal = Some(self.store.follow(&self.thread).await?),
            }
        }
        Ok(batch)
    }

    /// Cancels `token` when this subscription is dropped before it is done.
    pub(crate) fn cancels(&mut self, token: CancellationToken) {
        self.on_drop = Some(token.drop_guard());
    }

    /// Keeps something for as long as this is read.
    #[cfg(feature = "http")]
    pub(crate) fn keeps(&mut self, thing: Option<impl Send + Sync + 'static>) {
        self.kept = thing.map(|thing| Box::new(thing) as _);
    }

    /// Shows what is read from here on in the debug feed.
    pub(crate) fn shows(&mut self, tap: Tap) {
        self.tap = Some(tap);
    }

    /// The number of the next frame that is read: that of its run's first one, before anything of a run that was started
    /// has been read.
    pub fn position(&self) -> u64 {
        self.cursor
    }

    /// True while there are frames that were in the log already when this began: the next read will not wait.
    pub fn has_history(&self) -> bool {
        !self.done && self.cursor < self.head
    }

    /// From here on it is nothing to the run whether this is read.
    pub fn detach(&mut self) {
        if let Some(guard) = self.on_drop.take() {
            guard.disarm();
        }
    }

    /// True when it goes on behind the cursor that it was asked to resume at; false when it begins with the thread.
    pub fn is_resumed(&self) -> bool {
        self.resumed
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
