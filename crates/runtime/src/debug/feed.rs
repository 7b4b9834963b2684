//! The debug feed: whoever reads it sees each event of each run and of each replay, and slows none of them.

use crate::limits;
use crate::store::Frame;
use bytes::Bytes;
use copilotkit_protocol::sse::{write_comment, write_frame};
use copilotkit_protocol::{Event, EventKind, to_vec};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// Hands events to its readers. Without a reader it costs one look at a number for each batch of events.
#[derive(Debug, Default)]
pub struct Feed {
    count: AtomicUsize,
    readers: Mutex<Vec<Arc<Queue>>>,
    closed: CancellationToken,
}

/// As many readers follow the feed as [`limits::DEBUG_READERS`] allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("The debug feed has as many readers as it may have ({}). Close one of them.", limits::DEBUG_READERS)]
pub struct TooManyReaders;

/// Follows the feed from when it was made.
#[derive(Debug)]
pub struct Reader {
    feed: Arc<Feed>,
    queue: Arc<Queue>,
}

/// What a reader has not taken yet.
#[derive(Debug, Default)]
struct Queue {
    waiting: Mutex<Waiting>,
    wake: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    entries: VecDeque<Entry>,
    /// Bytes of the entries.
    bytes: usize,
    /// Events that came behind the entries and found no room.
    lost: u64,
}

/// An event, and where it came from. The event is shared with the log.
#[derive(Clone, Debug)]
struct Entry {
    head: Bytes,
    event: Bytes,
}

/// The events of one stream, on their way to the feed.
pub(crate) struct Tap {
    feed: Arc<Feed>,
    agent_id: Arc<str>,
    thread_id: String,
    run_id: String,
}

/// A poisoned lock guards data that is changed in one step each: it is whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Feed {
    /// A new reader.
    ///
    /// # Errors
    /// When there are as many as there may be.
    pub fn subscribe(self: &Arc<Self>) -> Result<Reader, TooManyReaders> {
        let mut readers = lock(&self.readers);
        if readers.len() >= limits::DEBUG_READERS {
            return Err(TooManyReaders);
        }
        let queue = Arc::new(Queue::default());
        readers.push(queue.clone());
        self.count.store(readers.len(), Ordering::Release);
        Ok(Reader { feed: self.clone(), queue })
    }

    /// How many readers there are.
    pub fn readers(&self) -> usize {
        self.count.load(Ordering::Acquire)
    }

    /// Ends the streams of all readers: the server is about to end.
    pub(crate) fn close(&self) {
        self.closed.cancel();
    }

    pub(crate) fn tap(self: &Arc<Self>, agent_id: impl Into<Arc<str>>) -> Tap {
        Tap { feed: self.clone(), agent_id: agent_id.into(), thread_id: String::new(), run_id: String::new() }
    }
}

impl Tap {
    /// Shows a batch of events to whoever reads the feed.
    pub(crate) fn publish<'a>(&mut self, frames: impl Iterator<Item = &'a Frame> + Clone) {
        // Whose events they are must be known to a reader that comes in the middle of a run.
        for frame in frames.clone().filter(|frame| frame.kind == EventKind::RunStarted) {
            if let Ok(Event::RunStarted(started)) = Event::from_json(&frame.json) {
                (self.thread_id, self.run_id) = (started.thread_id, started.run_id);
            }
        }
        if self.feed.readers() == 0 {
            return;
        }
        let head = self.head();
        let entries: Vec<Entry> = frames
            .filter_map(|frame| frame.for_client(false))
            .map(|json| Entry { head: head.clone(), event: json.clone() })
            .collect();
        let readers = lock(&self.feed.readers).clone();
        for queue in readers {
            queue.push(&entries);
        }
    }

    /// What stands in front of the event.
    fn head(&self) -> Bytes {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        let mut head = format!("{{\"timestamp\":{now}").into_bytes();
        for (name, value) in [("agentId", &*self.agent_id), ("threadId", &self.thread_id), ("runId", &self.run_id)] {
            head.extend_from_slice(format!(",\"{name}\":").as_bytes());
            head.extend_from_slice(&to_vec(value));
        }
        head.extend_from_slice(b",\"event\":");
        head.into()
    }
}

impl Queue {
    fn push(&self, entries: &[Entry]) {
        let mut waiting = lock(&self.waiting);
        for entry in entries {
            let size = entry.head.len() + entry.event.len();
            // Behind a gap nothing is kept until the reader has heard of it: its place is then known.
            if waiting.lost > 0 || waiting.bytes + size > limits::DEBUG_BACKLOG {
                waiting.lost += 1;
                continue;
            }
            waiting.bytes += size;
            waiting.entries.push_back(entry.clone());
        }
        drop(waiting);
        self.wake.notify_one();
    }
}

impl Reader {
    /// The next piece of the stream: events, and a comment that says how many were lost behind them. Empty at the end of
    /// the server.
    pub async fn next(&mut self) -> Bytes {
        loop {
            let taken = std::mem::take(&mut *lock(&self.queue.waiting));
            if !taken.entries.is_empty() || taken.lost > 0 {
                return encode(&taken);
            }
            tokio::select! {
                () = self.queue.wake.notified() => {}
                () = self.feed.closed.cancelled() => return Bytes::new(),
            }
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let mut readers = lock(&self.feed.readers);
        readers.retain(|queue| !Arc::ptr_eq(queue, &self.queue));
        self.feed.count.store(readers.len(), Ordering::Release);
    }
}

fn encode(taken: &Waiting) -> Bytes {
    let mut out = Vec::with_capacity(taken.bytes + taken.entries.len() * 16);
    let mut line = Vec::new();
    for Entry { head, event } in &taken.entries {
        line.clear();
        line.extend_from_slice(head);
        line.extend_from_slice(event);
        line.push(b'}');
        write_frame(&line, &mut out);
    }
    if taken.lost > 0 {
        write_comment(&format!("{} events were lost here: this reader was too slow", taken.lost), &mut out);
    }
    out.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use copilotkit_protocol::{RunStarted, TextMessageContent};
    use futures::FutureExt as _;

    fn frame(event: impl Into<Event>) -> Frame {
        Frame::new(0, 0, event.into().into())
    }

    fn text(bytes: usize) -> Frame {
        frame(TextMessageContent { message_id: "m".into(), delta: "x".repeat(bytes), ..Default::default() })
    }

    fn now(reader: &mut Reader) -> String {
        let piece = reader.next().now_or_never().expect("something is there");
        String::from_utf8(piece.to_vec()).unwrap()
    }

    #[test]
    fn a_slow_reader_loses_events_and_is_told_where_and_how_many() {
        let feed = Arc::new(Feed::default());
        let mut tap = feed.tap("a");
        let (mut slow, mut quick) = (feed.subscribe().unwrap(), feed.subscribe().unwrap());
        let mib = 1024 * 1024;
        for _ in 0..10 {
            tap.publish([text(mib)].iter());
            assert_eq!(now(&mut quick).matches("data: ").count(), 1);
        }
        tap.publish([text(1), text(1)].iter());
        let seen = now(&mut slow);
        let (events, lost) = seen.rsplit_once("\n\n: ").unwrap();
        let fit = limits::DEBUG_BACKLOG / mib - 1;
        assert_eq!(events.matches("data: ").count(), fit);
        assert!(seen.len() < limits::DEBUG_BACKLOG);
        assert!(lost.starts_with(&format!("{} events were lost", 12 - fit)), "{lost}");
        tap.publish([text(1)].iter());
        assert!(now(&mut slow).starts_with("data: {\"timestamp\":"), "it goes on behind the gap");
        assert!(slow.next().now_or_never().is_none());
    }

    #[test]
    fn a_reader_that_comes_late_is_told_whose_events_they_are() {
        let feed = Arc::new(Feed::default());
        let mut tap = feed.tap("an \"agent\"");
        tap.publish([frame(RunStarted { thread_id: "t".into(), run_id: "r".into(), ..Default::default() })].iter());
        let mut reader = feed.subscribe().unwrap();
        tap.publish([text(2)].iter());
        let seen = now(&mut reader);
        let entry: serde_json::Value = serde_json::from_str(seen.strip_prefix("data: ").unwrap()).unwrap();
        assert_eq!(
            (&entry["agentId"], &entry["threadId"], &entry["runId"]),
            (&"an \"agent\"".into(), &"t".into(), &"r".into())
        );
        assert_eq!(entry["event"]["delta"], "xx");
        assert!(entry["timestamp"].as_u64().unwrap() > 1_600_000_000_000);
    }

    #[test]
    fn readers_are_bounded_and_leave_their_places() {
        let feed = Arc::new(Feed::default());
        let readers: Vec<Reader> = (0..limits::DEBUG_READERS).map(|_| feed.subscribe().unwrap()).collect();
        assert!(feed.subscribe().is_err());
        drop(readers);
        assert_eq!(feed.readers(), 0);
        assert!(feed.subscribe().is_ok());
    }
}
