//! What a developer may look at while runs go on: a feed of every event, and lines in the log.

mod feed;

pub(crate) use feed::Tap;
pub use feed::{Feed, Reader, TooManyReaders};

/// What is shown for debugging. Everything is off by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DebugOptions {
    /// Serves `/cpk-debug-events`: every event of every run and replay, with what users and agents say.
    pub feed: bool,
    /// Logs the type and ids of each event.
    pub events: bool,
    /// Logs the beginning and the end of each run.
    pub lifecycle: bool,
    /// Adds the events themselves, and what runs were started with, to those lines.
    pub verbose: bool,
}
