//! Where threads live: the contracts of a store.
//!
//! A thread is `(principal, threadId)`: for another principal it does not exist. It holds runs in the order in which
//! they began, each known by an ordinal of ours, since clients repeat runIds. A run's frames carry sequence numbers that
//! grow without a gap over the whole thread, so that a reader is nothing but a cursor.
//!
//! One writer at a time: [`RunLog::begin`] gives a [`Lease`] with a fencing number; whoever lost the lease is refused.

mod compaction;
#[cfg(feature = "store-contract")]
pub mod contract;
mod cursor;
mod frame;
#[cfg(feature = "lifecycle")]
mod memory;
mod retention;
#[cfg(feature = "sqlite")]
pub mod sqlite;

pub use compaction::{CompactRun, compact_run};
pub use cursor::ListCursor;
pub use frame::{Frame, Variant};
#[cfg(feature = "lifecycle")]
pub use memory::{MemoryLimits, MemoryStore};
pub use retention::{Retention, RetentionPolicy};
#[cfg(feature = "sqlite")]
pub use sqlite::SqliteStore;

use async_trait::async_trait;
use bytes::Bytes;
use copilotkit_protocol::Code;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// A thread of a principal.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ThreadKey {
    /// Id of the principal.
    pub principal: Arc<str>,
    /// Id of the thread, opaque; the empty string is legal.
    pub thread_id: Arc<str>,
}

impl ThreadKey {
    /// The thread `thread_id` of `principal`.
    pub fn new(principal: &crate::Principal, thread_id: impl Into<Arc<str>>) -> Self {
        Self { principal: principal.id().into(), thread_id: thread_id.into() }
    }
}

/// The log of runs: the only way in which events enter a store.
#[async_trait]
pub trait RunLog: Send + Sync {
    /// Takes the thread's lease and opens a run; makes the thread if there is none. A run whose lease lapsed is closed
    /// first, as [`Recovery::recover`] does.
    ///
    /// # Errors
    /// [`StoreError::Busy`] while another run holds the lease.
    async fn begin(&self, request: BeginRun) -> Result<Begun, StoreError>;

    /// Appends frames whose numbers follow those that are there, and wakes followers. Frames that are there already are
    /// passed over, so that an append whose answer was lost can be repeated.
    ///
    /// # Errors
    /// [`StoreError::Fenced`] when the lease was lost, [`StoreError::Full`] when there is no room.
    async fn append(&self, lease: &Lease, append: &Append) -> Result<(), StoreError>;

    /// Appends the last frames, makes them durable, releases the lease, and only then wakes followers: whoever has seen
    /// the terminal event may start the next run. There is always room for the last frames.
    ///
    /// # Errors
    /// [`StoreError::Fenced`] when the lease was lost.
    async fn finish(&self, lease: &Lease, append: &Append) -> Result<(), StoreError>;

    /// Reads frames from a cursor. An unknown thread is an empty one.
    ///
    /// # Errors
    /// When the store cannot be read.
    async fn read(&self, request: ReadLog) -> Result<LogPage, StoreError>;

    /// As [`read`](Self::read), for a store that keeps the compact form of finished runs ready to send: whole runs
    /// come as blocks, what stands behind them as frames. Others have nothing to do.
    ///
    /// # Errors
    /// When the store cannot be read.
    async fn replay(&self, request: ReadLog) -> Result<ReplayPage, StoreError> {
        Ok(ReplayPage { runs: Vec::new(), rest: self.read(request).await? })
    }

    /// Makes now what replays of a run that has just ended will need, so that no reader waits for it. Called once its
    /// readers know of the end; a store that keeps no compact form has nothing to do.
    async fn compact(&self, lease: &Lease) {
        let _ = lease;
    }
}

/// What runs and their readers tell each other.
#[async_trait]
pub trait RunSignals: Send + Sync {
    /// Follows a thread: the receiver changes whenever frames were appended, or a run began or ended. An unknown thread
    /// is followed too. Whoever writes need not follow: its appends would wake it.
    ///
    /// # Errors
    /// When the store cannot be reached.
    async fn follow(&self, thread: &ThreadKey) -> Result<watch::Receiver<Signal>, StoreError>;

    /// Extends a lease.
    ///
    /// # Errors
    /// [`StoreError::Fenced`] when it was lost.
    async fn renew(&self, lease: &Lease, ttl: Duration) -> Result<(), StoreError>;

    /// Asks the live run of a thread to stop: cancels [`Begun::stop`]. Returns without waiting for its end.
    ///
    /// # Errors
    /// When the store cannot be reached.
    async fn stop(&self, request: StopRun) -> Result<StopOutcome, StoreError>;
}

/// The threads of a principal.
#[async_trait]
pub trait ThreadIndex: Send + Sync {
    /// Lists threads, the last used first; of those used in the same millisecond, the greater id first. A page goes on
    /// behind the place of its cursor: a thread that is used while somebody pages moves to the front, and no other is
    /// missed or met twice.
    ///
    /// # Errors
    /// [`StoreError::InvalidCursor`] for a cursor that is no [`ListCursor`]; when the store cannot be read.
    async fn list(&self, request: ListThreads) -> Result<ThreadPage, StoreError>;

    /// One thread.
    ///
    /// # Errors
    /// When the store cannot be read.
    async fn get(&self, thread: &ThreadKey) -> Result<Option<ThreadRecord>, StoreError>;

    /// Renames or archives a thread; `None` when it does not exist.
    ///
    /// # Errors
    /// When the store cannot be written.
    async fn update(&self, thread: &ThreadKey, update: ThreadUpdate) -> Result<Option<ThreadRecord>, StoreError>;

    /// Deletes a thread with all its runs and blobs. True when it existed.
    ///
    /// # Errors
    /// [`StoreError::Busy`] while a run holds its lease.
    async fn delete(&self, thread: &ThreadKey) -> Result<bool, StoreError>;
}

/// What a store does about itself: after a crash of the process that wrote to it, and when it is asked how large it is.
#[async_trait]
pub trait Recovery: Send + Sync {
    /// Closes runs whose lease lapsed with RUN_ERROR `run_interrupted`. Returns how many.
    ///
    /// # Errors
    /// When the store cannot be written.
    async fn recover(&self) -> Result<usize, StoreError>;

    /// How many bytes the store takes up, where it can say so without much ado.
    fn size(&self) -> Option<u64> {
        None
    }
}

/// Small data that extensions keep with a thread, by key.
#[async_trait]
pub trait ThreadBlobs: Send + Sync {
    /// The blob under `key`.
    ///
    /// # Errors
    /// When the store cannot be read.
    async fn blob(&self, thread: &ThreadKey, key: &str) -> Result<Option<Bytes>, StoreError>;

    /// Sets or, with `None`, removes the blob under `key`.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the thread does not exist.
    async fn set_blob(&self, thread: &ThreadKey, key: &str, value: Option<Bytes>) -> Result<(), StoreError>;
}

/// A whole store.
pub trait Store: RunLog + RunSignals + ThreadIndex + Recovery + ThreadBlobs + 'static {}

impl<T: RunLog + RunSignals + ThreadIndex + Recovery + ThreadBlobs + 'static> Store for T {}

/// What opens a run.
#[derive(Clone, Debug)]
pub struct BeginRun {
    /// The thread.
    pub thread: ThreadKey,
    /// The client's id of the run; may repeat.
    pub run_id: Arc<str>,
    /// The agent that runs.
    pub agent_id: Arc<str>,
    /// Ids of the messages that the run was started with.
    pub message_ids: Vec<String>,
    /// The name that the thread gets when this run makes it.
    pub name: Option<String>,
    /// How long the lease lasts without renewal.
    pub ttl: Duration,
}

/// A run that was opened.
#[derive(Clone, Debug)]
pub struct Begun {
    /// The right to write.
    pub lease: Lease,
    /// Those of the given message ids that the thread's log holds.
    pub known: HashSet<String>,
    /// Cancelled when the run is asked to stop.
    pub stop: CancellationToken,
}

/// The right to write to a thread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The thread.
    pub thread: ThreadKey,
    /// Our number of the run: grows with each run of the thread, fences off those who lost the lease, and is never used
    /// again, also not after the thread was deleted.
    pub run: u64,
    /// The number of the run's first frame.
    pub first_seq: u64,
}

/// Frames to append.
#[derive(Clone, Debug, Default)]
pub struct Append {
    /// In order, numbered without a gap.
    pub frames: Vec<Frame>,
    /// Ids of messages that these frames begin or show.
    pub message_ids: Vec<String>,
}

/// What to read.
#[derive(Clone, Debug)]
pub struct ReadLog {
    /// The thread.
    pub thread: ThreadKey,
    /// The number of the first frame that is wanted.
    pub from: u64,
    /// Finished runs that lie wholly before this number are given in their compact form.
    pub compact_until: u64,
    /// Stop after the frame that reaches this many bytes of JSON; with zero no frame is read.
    pub max_bytes: usize,
}

/// A piece of the log.
#[derive(Clone, Debug, Default)]
pub struct LogPage {
    /// The frames, in order.
    pub frames: Vec<Frame>,
    /// The cursor for the next read.
    pub next: u64,
    /// The number that the thread's next frame will have: at `next == head` there is nothing more now.
    pub head: u64,
    /// The run that is live.
    pub live: Option<LiveRun>,
}

/// A piece of the log, with finished runs as blocks.
#[derive(Clone, Debug, Default)]
pub struct ReplayPage {
    /// Whole finished runs in their compact form, in order.
    pub runs: Vec<Arc<CompactRun>>,
    /// What stands behind them.
    pub rest: LogPage,
}

/// A run that goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveRun {
    /// Our number of it.
    pub run: u64,
    /// The client's id of it.
    pub run_id: Arc<str>,
    /// The number of its first frame.
    pub first_seq: u64,
}

/// What followers of a thread see.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Signal {
    /// The number that the next frame will have.
    pub head: u64,
    /// The live run.
    pub live: Option<u64>,
}

/// Which run to stop.
#[derive(Clone, Debug)]
pub struct StopRun {
    /// The thread.
    pub thread: ThreadKey,
    /// Only if the live run has this id.
    pub run_id: Option<String>,
}

/// What became of a request to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopOutcome {
    /// The run was asked to stop.
    Requested,
    /// No run is live, or it was asked before.
    Idle,
    /// Another run is live.
    OtherRun,
}

/// Which threads to list.
#[derive(Clone, Debug, Default)]
pub struct ListThreads {
    /// Whose.
    pub principal: Arc<str>,
    /// Only those whose last run was of this agent.
    pub agent_id: Option<String>,
    /// Archived ones too.
    pub include_archived: bool,
    /// At most so many.
    pub limit: usize,
    /// Where the last page ended: a [`ListCursor`] as text.
    pub cursor: Option<String>,
}

/// A page of threads.
#[derive(Clone, Debug, Default)]
pub struct ThreadPage {
    /// The last used first.
    pub threads: Vec<ThreadRecord>,
    /// Where the next page begins, if there is one.
    pub next_cursor: Option<String>,
}

/// What is known of a thread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThreadRecord {
    /// Its id.
    pub id: Arc<str>,
    /// Its name, if it was given one.
    pub name: Option<String>,
    /// The agent of its last run.
    pub agent_id: Arc<str>,
    /// True when it was archived.
    pub archived: bool,
    /// When its first run began, in milliseconds since the Unix epoch.
    pub created_at: u64,
    /// When its last run began or ended, in milliseconds since the Unix epoch. A new name or an archive leaves it: the
    /// thread keeps its place in the list.
    pub updated_at: u64,
}

/// A change of a thread; `None` leaves it.
#[derive(Clone, Debug, Default)]
pub struct ThreadUpdate {
    /// A new name, or none.
    pub name: Option<Option<String>>,
    /// Archived or not.
    pub archived: Option<bool>,
    /// Only where the thread has this name, or none, at that moment; otherwise nothing of it is changed.
    pub if_name: Option<Option<String>>,
}

/// Why a store could not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Another run holds the thread's lease.
    #[error("a run is active on this thread")]
    Busy,
    /// The lease was lost: it lapsed and another run began.
    #[error("the lease on the thread was lost")]
    Fenced,
    /// The thread does not exist.
    #[error("the thread does not exist")]
    NotFound,
    /// The cursor was not given out by a list.
    #[error("the cursor is none that a list of threads gave out")]
    InvalidCursor,
    /// The store is full.
    #[error("the store is full: {0}")]
    Full(String),
    /// The store could not be reached, read or written.
    #[error("the store failed")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl StoreError {
    /// The stable code.
    pub fn code(&self) -> Code {
        match self {
            Self::Busy => Code::ThreadBusy,
            Self::Fenced => Code::LeaseLost,
            Self::NotFound => Code::ThreadNotFound,
            Self::InvalidCursor => Code::InvalidCursor,
            Self::Full(_) => Code::StoreFull,
            Self::Unavailable(_) => Code::StoreUnavailable,
        }
    }

    /// Whether another try may succeed.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Busy | Self::Unavailable(_))
    }
}
