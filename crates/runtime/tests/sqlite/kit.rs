//! Stores in folders that go with the test, and runs.

use copilotkit_protocol::*;
use copilotkit_runtime::store::sqlite::{SqliteOptions, SqliteStore};
use copilotkit_runtime::store::*;
use copilotkit_runtime::{Principal, Store};
use std::path::PathBuf;
use std::time::Duration;
use tempfile::TempDir;

/// A folder for a file.
pub(crate) struct Place {
    pub(crate) folder: TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("threads.db")
    }

    pub(crate) fn options(&self) -> SqliteOptions {
        SqliteOptions::new(self.path())
    }

    pub(crate) fn open(&self) -> SqliteStore {
        SqliteStore::open(self.options()).unwrap()
    }

    /// SQL beside the store, as a shell of SQLite would do.
    pub(crate) fn sql(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.path()).unwrap()
    }

    /// A copy of the files as they are on the disk now: what a killed process leaves behind.
    pub(crate) fn as_if_killed(&self) -> Place {
        let copy = Place::new();
        for entry in std::fs::read_dir(self.folder.path()).unwrap() {
            let entry = entry.unwrap();
            std::fs::copy(entry.path(), copy.folder.path().join(entry.file_name())).unwrap();
        }
        copy
    }
}

pub(crate) fn key(id: &str) -> ThreadKey {
    ThreadKey::new(&Principal::new("alice"), id)
}

pub(crate) fn begin_of(thread: &ThreadKey, run: &str) -> BeginRun {
    BeginRun {
        thread: thread.clone(),
        run_id: run.into(),
        agent_id: "agent".into(),
        message_ids: Vec::new(),
        name: None,
        ttl: Duration::from_secs(30),
    }
}

pub(crate) fn frames(lease: &Lease, offset: u64, events: impl IntoIterator<Item = Event>) -> Append {
    let numbered = events.into_iter().zip(lease.first_seq + offset..);
    let frames = numbered.map(|(event, seq)| Frame::new(seq, lease.run, Emitted::from(event))).collect();
    Append { frames, message_ids: Vec::new() }
}

pub(crate) fn started() -> Event {
    RunStarted { thread_id: "t".into(), run_id: "r".into(), ..Default::default() }.into()
}

pub(crate) fn finished() -> Event {
    RunFinished { thread_id: "t".into(), run_id: "r".into(), ..Default::default() }.into()
}

pub(crate) fn text(delta: &str) -> Event {
    TextMessageContent { message_id: "m".into(), delta: delta.into(), ..Default::default() }.into()
}

pub(crate) fn tool_end() -> Event {
    ToolCallEnd { tool_call_id: "c".into(), ..Default::default() }.into()
}

/// The events of a run with a text in so many pieces.
pub(crate) fn texts(pieces: usize, delta: &str) -> Vec<Event> {
    let mut events = vec![started(), TextMessageStart { message_id: "m".into(), ..Default::default() }.into()];
    events.extend((0..pieces).map(|_| text(delta)));
    events.push(TextMessageEnd { message_id: "m".into(), ..Default::default() }.into());
    events
}

/// A run with a text in so many pieces.
pub(crate) async fn run(store: &dyn Store, thread: &ThreadKey, pieces: usize, delta: &str) -> Lease {
    let lease = store.begin(begin_of(thread, "r")).await.unwrap().lease;
    let events = texts(pieces, delta);
    let count = events.len() as u64;
    store.append(&lease, &frames(&lease, 0, events)).await.unwrap();
    store.finish(&lease, &frames(&lease, count, [finished()])).await.unwrap();
    lease
}

pub(crate) fn whole(thread: &ThreadKey) -> ReadLog {
    ReadLog { thread: thread.clone(), from: 0, compact_until: 0, max_bytes: usize::MAX }
}

pub(crate) fn compact(thread: &ThreadKey) -> ReadLog {
    ReadLog { compact_until: u64::MAX, ..whole(thread) }
}

pub(crate) async fn log(store: &dyn Store, request: ReadLog) -> Vec<(u64, String)> {
    let page = store.read(request).await.unwrap();
    page.frames.iter().map(|frame| (frame.seq, String::from_utf8(frame.json.to_vec()).unwrap())).collect()
}
