//! What every store must do, as a suite that runs against any of them (feature `store-contract`).
//!
//! ```no_run
//! # use copilotkit_runtime::store::{MemoryStore, contract};
//! # use std::sync::Arc;
//! # async fn test() {
//! contract::suite(|| async { Arc::new(MemoryStore::default()) as Arc<dyn copilotkit_runtime::Store> }).await.unwrap();
//! # }
//! ```

use super::*;
use crate::Principal;
use copilotkit_protocol::{Emitted, Event, EventKind, RunFinished, RunStarted, TextMessageContent};
use std::error::Error;
use std::future::Future;

type Checked = Result<(), Box<dyn Error + Send + Sync>>;

const TTL: Duration = Duration::from_secs(30);

/// Runs every check, each against a fresh store.
///
/// # Errors
/// What a store answered with an error where it should not have.
///
/// # Panics
/// When a store breaks the contract.
pub async fn suite<F: Future<Output = Arc<dyn Store>>>(make: impl Fn() -> F) -> Checked {
    frames_come_back_as_they_were_appended(make().await).await?;
    a_reader_can_stop_anywhere(make().await).await?;
    a_finished_run_is_read_compact_and_raw(make().await).await?;
    a_replay_is_what_a_compact_read_is(make().await).await?;
    only_one_run_at_a_time(make().await).await?;
    racing_starters_have_one_winner(make().await).await?;
    an_append_can_be_repeated(make().await).await?;
    a_lease_means_nothing_after_its_thread_was_deleted(make().await).await?;
    a_lapsed_lease_is_fenced_off(make().await).await?;
    renewal_keeps_a_lease(make().await).await?;
    recovery_closes_lapsed_runs(make().await).await?;
    the_end_is_seen_only_when_the_thread_is_free(make().await).await?;
    stop_reaches_the_live_run_once(make().await).await?;
    known_messages_are_told(make().await).await?;
    principals_do_not_see_each_other(make().await).await?;
    threads_are_listed_changed_and_deleted(make().await).await?;
    a_list_is_paged_while_threads_move(make().await).await?;
    blobs_belong_to_a_thread(make().await).await
}

fn thread(id: &str) -> ThreadKey {
    ThreadKey::new(&Principal::new("alice"), id)
}

fn begin_of(thread: &ThreadKey, run: &str, ttl: Duration) -> BeginRun {
    BeginRun {
        thread: thread.clone(),
        run_id: run.into(),
        agent_id: "agent".into(),
        message_ids: vec![format!("user-{run}")],
        name: None,
        ttl,
    }
}

fn frame(lease: &Lease, offset: u64, event: impl Into<Event>) -> Frame {
    Frame::new(lease.first_seq + offset, lease.run, Emitted::from(event.into()))
}

fn started(lease: &Lease) -> Frame {
    frame(lease, 0, RunStarted { thread_id: "t".into(), run_id: "r".into(), ..Default::default() })
}

fn text(lease: &Lease, offset: u64, delta: &str) -> Frame {
    frame(lease, offset, TextMessageContent { message_id: "m".into(), delta: delta.into(), ..Default::default() })
}

fn finished(lease: &Lease, offset: u64) -> Frame {
    frame(lease, offset, RunFinished { thread_id: "t".into(), run_id: "r".into(), ..Default::default() })
}

fn append_of(frames: Vec<Frame>) -> Append {
    Append { frames, message_ids: Vec::new() }
}

fn from(thread: &ThreadKey, from: u64, compact_until: u64) -> ReadLog {
    ReadLog { thread: thread.clone(), from, compact_until, max_bytes: usize::MAX }
}

/// A whole run of `deltas` pieces of text.
async fn run(store: &dyn Store, thread: &ThreadKey, name: &str, deltas: u64) -> Result<Lease, StoreError> {
    use copilotkit_protocol::{TextMessageEnd, TextMessageStart};
    let lease = store.begin(begin_of(thread, name, TTL)).await?.lease;
    let mut frames = vec![started(&lease)];
    frames.push(frame(&lease, 1, TextMessageStart { message_id: "m".into(), ..Default::default() }));
    frames.extend((0..deltas).map(|index| text(&lease, 2 + index, &index.to_string())));
    frames.push(frame(&lease, 2 + deltas, TextMessageEnd { message_id: "m".into(), ..Default::default() }));
    store.append(&lease, &append_of(frames)).await?;
    store.finish(&lease, &append_of(vec![finished(&lease, 3 + deltas)])).await?;
    Ok(lease)
}

fn numbers(frames: &[Frame]) -> Vec<u64> {
    frames.iter().map(|frame| frame.seq).collect()
}

async fn frames_come_back_as_they_were_appended(store: Arc<dyn Store>) -> Checked {
    let thread = thread("t");
    let empty = store.read(from(&thread, 0, 0)).await?;
    assert!(empty.frames.is_empty() && empty.live.is_none(), "an unknown thread is an empty one");
    let lease = store.begin(begin_of(&thread, "r", TTL)).await?.lease;
    let appended = vec![started(&lease), text(&lease, 1, "a"), text(&lease, 2, "ä€😀")];
    store.append(&lease, &append_of(appended.clone())).await?;
    let page = store.read(from(&thread, 0, u64::MAX)).await?;
    assert_eq!(numbers(&page.frames), [0, 1, 2]);
    for (read, written) in page.frames.iter().zip(&appended) {
        assert_eq!((&read.json, read.kind, read.run), (&written.json, written.kind, written.run));
        assert_eq!(read.for_client(true), written.for_client(true));
    }
    let live = page.live.map(|live| (live.run, live.run_id.to_string(), live.first_seq));
    assert_eq!(live, Some((lease.run, "r".to_owned(), lease.first_seq)));
    assert_eq!((page.next, page.head), (3, 3));
    Ok(())
}

async fn a_reader_can_stop_anywhere(store: Arc<dyn Store>) -> Checked {
    let thread = thread("t");
    run(&*store, &thread, "r1", 20).await?;
    run(&*store, &thread, "r2", 20).await?;
    let whole = store.read(from(&thread, 0, 0)).await?;
    let (mut cursor, mut pieces) = (0, Vec::new());
    while cursor < whole.head {
        let page = store.read(ReadLog { max_bytes: 100, ..from(&thread, cursor, 0) }).await?;
        assert!(page.next > cursor, "every read makes progress");
        cursor = page.next;
        pieces.extend(page.frames);
    }
    assert_eq!(numbers(&pieces), numbers(&whole.frames));
    assert_eq!(numbers(&whole.frames), (0..whole.head).collect::<Vec<_>>(), "numbers grow without a gap over all runs");
    Ok(())
}

async fn a_finished_run_is_read_compact_and_raw(store: Arc<dyn Store>) -> Checked {
    let thread = thread("t");
    let lease = run(&*store, &thread, "r", 20).await?;
    let raw = store.read(from(&thread, 0, 0)).await?;
    let compact = store.read(from(&thread, 0, u64::MAX)).await?;
    assert_eq!(raw.frames.len(), 24);
    assert_eq!(compact.frames.len(), 5);
    assert_eq!((raw.next, compact.next), (raw.head, raw.head));
    assert!(compact.frames.is_sorted_by_key(|frame| frame.seq));
    let joined = compact.frames.get(2).map(|frame| String::from_utf8_lossy(&frame.json).into_owned());
    let expected: String = (0..20).map(|index| index.to_string()).collect();
    assert!(joined.is_some_and(|json| json.contains(&expected)));
    // A reader that was in the middle of a run when it ended goes on raw.
    let rest = store.read(from(&thread, 10, lease.first_seq)).await?;
    assert_eq!(numbers(&rest.frames), (10..24).collect::<Vec<_>>());
    Ok(())
}

async fn a_replay_is_what_a_compact_read_is(store: Arc<dyn Store>) -> Checked {
    let thread = thread("t");
    for (name, deltas) in [("r1", 20), ("r2", 0), ("r3", 3)] {
        let lease = run(&*store, &thread, name, deltas).await?;
        if name != "r2" {
            store.compact(&lease).await;
        }
    }
    let live = store.begin(begin_of(&thread, "r4", TTL)).await?.lease;
    store.append(&live, &append_of(vec![started(&live), text(&live, 1, "a")])).await?;
    store.compact(&live).await;
    for begin in 0..live.first_seq + 2 {
        for max_bytes in [1, 1_000, usize::MAX] {
            let request = |at| ReadLog { max_bytes, ..from(&thread, at, live.first_seq) };
            let (mut read, mut replayed) = (Vec::new(), Vec::new());
            let mut at = begin;
            while at < live.first_seq + 2 {
                let page = store.read(request(at)).await?;
                at = page.next;
                read.extend(page.frames);
            }
            at = begin;
            while at < live.first_seq + 2 {
                let page = store.replay(request(at)).await?;
                assert!(page.rest.next > at && page.rest.head == live.first_seq + 2, "every replay makes progress");
                at = page.rest.next;
                replayed.extend(page.runs.iter().flat_map(|run| run.frames().to_vec()));
                replayed.extend(page.rest.frames);
            }
            let shown =
                |frames: &[Frame]| frames.iter().map(|frame| (frame.seq, frame.json.clone())).collect::<Vec<_>>();
            assert_eq!(shown(&replayed), shown(&read), "from {begin}, {max_bytes} bytes at a time");
        }
    }
    Ok(())
}

async fn only_one_run_at_a_time(store: Arc<dyn Store>) -> Checked {
    let thread = thread("t");
    let lease = store.begin(begin_of(&thread, "r1", TTL)).await?.lease;
    assert!(matches!(store.begin(begin_of(&thread, "r2", TTL)).await, Err(StoreError::Busy)));
    store.finish(&lease, &append_of(vec![started(&lease), finished(&lease, 1)])).await?;
    let next = store.begin(begin_of(&thread, "r1", TTL)).await?.lease;
    assert!(next.run > lease.run, "the same runId again is another run");
    assert_eq!(next.first_seq, 2);
    assert!(matches!(store.append(&lease, &append_of(vec![text(&lease, 2, "late")])).await, Err(StoreError::Fenced)));
    Ok(())
}

async fn racing_starters_have_one_winner(store: Arc<dyn Store>) -> Checked {
    let thread = thread("t");
    let attempts = (0..20).map(|index| store.begin(begin_of(&thread, &format!("r{index}"), TTL)));
    let won = futures::future::join_all(attempts).await.iter().filter(|begun| begun.is_ok()).count();
    assert_eq!(won, 1);
    Ok(())
}

async fn an_append_can_be_repeated(store: Arc<dyn Store>) -> Checked {
    let thread = thread("t");
    let lease = store.begin(begin_of(&thread, "r", TTL)).await?.lease;
    let append = append_of(vec![started(&lease), text(&lease, 1, "a")]);
    store.append(&lease, &append).await?;
    store.append(&lease, &append).await?;
    let last = append_of(vec![text(&lease, 1, "a"), text(&lease, 2, "b"), finished(&lease, 3)]);
    store.finish(&lease, &last).await?;
    let page = store.read(from(&thread, 0, 0)).await?;
    assert_eq!(numbers(&page.frames), [0, 1, 2, 3], "frames that are there are passed over");
    Ok(())
}

async fn a_lease_means_nothing_after_its_thread_was_deleted(store: Arc<dyn Store>) -> Checked {
    let thread = thread("t");
    let old = run(&*store, &thread, "r", 1).await?;
    assert!(store.delete(&thread).await?);
    let new = store.begin(begin_of(&thread, "r", TTL)).await?.lease;
    assert!(new.run > old.run, "numbers of runs are never used again");
    assert!(matches!(store.append(&old, &append_of(vec![text(&old, 0, "late")])).await, Err(StoreError::Fenced)));
    Ok(())
}

async fn a_lapsed_lease_is_fenced_off(store: Arc<dyn Store>) -> Checked {
    let thread = thread("t");
    let late = store.begin(begin_of(&thread, "r1", Duration::from_millis(20))).await?.lease;
    store.append(&late, &append_of(vec![started(&late)])).await?;
    tokio::time::sleep(Duration::from_millis(60)).await;
    let next = store.begin(begin_of(&thread, "r2", TTL)).await?.lease;
    assert!(matches!(store.append(&late, &append_of(vec![text(&late, 1, "late")])).await, Err(StoreError::Fenced)));
    assert!(matches!(store.finish(&late, &append_of(vec![finished(&late, 1)])).await, Err(StoreError::Fenced)));
    assert!(matches!(store.renew(&late, TTL).await, Err(StoreError::Fenced)));
    let page = store.read(from(&thread, 0, 0)).await?;
    assert_eq!(page.frames.last().map(|frame| frame.kind), Some(EventKind::RunError), "the lapsed run was closed");
    assert_eq!(next.first_seq, page.head);
    Ok(())
}

async fn renewal_keeps_a_lease(store: Arc<dyn Store>) -> Checked {
    let thread = thread("t");
    let lease = store.begin(begin_of(&thread, "r1", Duration::from_millis(40))).await?.lease;
    store.renew(&lease, TTL).await?;
    tokio::time::sleep(Duration::from_millis(80)).await;
    assert!(matches!(store.begin(begin_of(&thread, "r2", TTL)).await, Err(StoreError::Busy)));
    Ok(())
}

async fn recovery_closes_lapsed_runs(store: Arc<dyn Store>) -> Checked {
    let (lapsed, alive) = (thread("lapsed"), thread("alive"));
    let lease = store.begin(begin_of(&lapsed, "r", Duration::from_millis(10))).await?.lease;
    store.append(&lease, &append_of(vec![started(&lease)])).await?;
    store.begin(begin_of(&alive, "r", TTL)).await?;
    tokio::time::sleep(Duration::from_millis(40)).await;
    assert_eq!(store.recover().await?, 1);
    assert_eq!(store.recover().await?, 0);
    let page = store.read(from(&lapsed, 0, 0)).await?;
    let last = page.frames.last().map(|frame| String::from_utf8_lossy(&frame.json).into_owned());
    assert!(last.is_some_and(|json| json.contains("run_interrupted")), "the run says why it ended");
    assert!(page.live.is_none());
    Ok(())
}

async fn the_end_is_seen_only_when_the_thread_is_free(store: Arc<dyn Store>) -> Checked {
    let thread = thread("t");
    for _ in 0..50 {
        let lease = store.begin(begin_of(&thread, "r", TTL)).await?.lease;
        let mut signal = store.follow(&thread).await?;
        let writer = async {
            store.append(&lease, &append_of(vec![started(&lease)])).await?;
            store.finish(&lease, &append_of(vec![finished(&lease, 1)])).await
        };
        let reader = async {
            // Whoever sees the terminal event starts the next run at once.
            while signal.borrow_and_update().head < lease.first_seq + 2 {
                signal.changed().await?;
            }
            let next = store.begin(begin_of(&thread, "r", TTL)).await?.lease;
            store.finish(&next, &append_of(vec![started(&next), finished(&next, 1)])).await?;
            Checked::Ok(())
        };
        let (written, read) = futures::future::join(writer, reader).await;
        written?;
        read?;
    }
    Ok(())
}

async fn stop_reaches_the_live_run_once(store: Arc<dyn Store>) -> Checked {
    let thread = thread("t");
    let stop = |run_id: Option<&str>| store.stop(StopRun { thread: thread.clone(), run_id: run_id.map(str::to_owned) });
    assert_eq!(stop(None).await?, StopOutcome::Idle);
    assert_eq!(stop(Some("r")).await?, StopOutcome::OtherRun);
    let Begun { lease, stop: asked, .. } = store.begin(begin_of(&thread, "r", TTL)).await?;
    assert_eq!(stop(Some("other")).await?, StopOutcome::OtherRun);
    assert!(!asked.is_cancelled());
    assert_eq!(stop(Some("r")).await?, StopOutcome::Requested);
    assert_eq!(stop(None).await?, StopOutcome::Idle);
    asked.cancelled().await;
    store.finish(&lease, &append_of(vec![started(&lease), finished(&lease, 1)])).await?;
    let next = store.begin(begin_of(&thread, "r", TTL)).await?;
    assert!(!next.stop.is_cancelled(), "another run is not asked to stop");
    store.finish(&next.lease, &append_of(vec![started(&next.lease), finished(&next.lease, 1)])).await?;
    Ok(())
}

async fn known_messages_are_told(store: Arc<dyn Store>) -> Checked {
    let thread = thread("t");
    let first = store.begin(begin_of(&thread, "1", TTL)).await?;
    assert!(first.known.is_empty());
    let frames = vec![started(&first.lease), finished(&first.lease, 1)];
    let append = Append { frames, message_ids: vec!["m".into(), "user-1".into()] };
    store.finish(&first.lease, &append).await?;
    let request =
        BeginRun { message_ids: ["user-1", "m", "new"].map(str::to_owned).into(), ..begin_of(&thread, "2", TTL) };
    let known = store.begin(request).await?.known;
    assert_eq!(known, HashSet::from(["user-1".to_owned(), "m".to_owned()]));
    Ok(())
}

async fn principals_do_not_see_each_other(store: Arc<dyn Store>) -> Checked {
    let (alice, bob) = (thread("t"), ThreadKey::new(&Principal::new("bob"), "t"));
    run(&*store, &alice, "r", 1).await?;
    assert!(store.read(from(&bob, 0, 0)).await?.frames.is_empty());
    assert_eq!(store.get(&bob).await?, None);
    let live = store.begin(begin_of(&alice, "r", TTL)).await?.lease;
    assert_eq!(store.stop(StopRun { thread: bob.clone(), run_id: None }).await?, StopOutcome::Idle);
    assert!(!store.delete(&bob).await?);
    let theirs = store.begin(begin_of(&bob, "r", TTL)).await?;
    assert_eq!(theirs.lease.first_seq, 0, "the same id under another principal is another thread");
    assert!(theirs.known.is_empty());
    store.finish(&live, &append_of(vec![started(&live), finished(&live, 1)])).await?;
    let listed = store.list(ListThreads { principal: "bob".into(), limit: 10, ..Default::default() }).await?;
    assert_eq!(listed.threads.len(), 1);
    Ok(())
}

async fn threads_are_listed_changed_and_deleted(store: Arc<dyn Store>) -> Checked {
    for id in ["a", "b", "c"] {
        run(&*store, &thread(id), "r", 1).await?;
        tokio::time::sleep(Duration::from_millis(3)).await;
    }
    let list = |archived: bool, limit: usize, cursor: Option<String>| {
        let principal = "alice".into();
        store.list(ListThreads { principal, agent_id: Some("agent".into()), include_archived: archived, limit, cursor })
    };
    let ids = |page: &ThreadPage| page.threads.iter().map(|thread| thread.id.to_string()).collect::<Vec<_>>();
    let first = list(false, 2, None).await?;
    assert_eq!(ids(&first), ["c", "b"]);
    let second = list(false, 2, first.next_cursor).await?;
    assert_eq!((ids(&second), second.next_cursor), (vec!["a".to_owned()], None));
    let named = ThreadUpdate { name: Some(Some("Orders".into())), archived: Some(true), ..ThreadUpdate::default() };
    let updated = store.update(&thread("b"), named).await?;
    assert!(updated.is_some_and(|record| record.name.as_deref() == Some("Orders") && record.archived));
    assert!(!ids(&list(false, 10, None).await?).contains(&"b".to_owned()));
    assert!(ids(&list(true, 10, None).await?).contains(&"b".to_owned()));
    assert_eq!(store.update(&thread("none"), ThreadUpdate::default()).await?, None);
    for (is, becomes, left) in
        [(None, "late", "Orders"), (Some("Orders"), "New", "New"), (Some("Orders"), "late", "New")]
    {
        let update = ThreadUpdate {
            name: Some(Some(becomes.to_owned())),
            if_name: Some(is.map(str::to_owned)),
            ..ThreadUpdate::default()
        };
        let record = store.update(&thread("b"), update.clone()).await?;
        assert_eq!(record.and_then(|record| record.name).as_deref(), Some(left), "{update:?}");
        assert_eq!(store.update(&thread("none"), update).await?, None);
    }
    assert!(store.delete(&thread("b")).await?);
    assert!(!store.delete(&thread("b")).await?);
    assert_eq!(store.get(&thread("b")).await?, None);
    for name in ["made with it", "too late"] {
        let named = BeginRun { name: Some(name.into()), ..begin_of(&thread("named"), name, TTL) };
        let lease = store.begin(named).await?.lease;
        store.finish(&lease, &append_of(vec![finished(&lease, 0)])).await?;
    }
    assert!(store.get(&thread("named")).await?.is_some_and(|record| record.name.as_deref() == Some("made with it")));
    assert!(store.read(from(&thread("b"), 0, 0)).await?.frames.is_empty());
    store.begin(begin_of(&thread("a"), "r", TTL)).await?;
    assert!(matches!(store.delete(&thread("a")).await, Err(StoreError::Busy)), "a live thread stays");
    Ok(())
}

async fn a_list_is_paged_while_threads_move(store: Arc<dyn Store>) -> Checked {
    let pause = || tokio::time::sleep(Duration::from_millis(3));
    for id in ["a", "b", "c", "d", "e"] {
        run(&*store, &thread(id), "r", 1).await?;
        pause().await;
    }
    let list = |limit: usize, cursor: Option<String>| {
        let principal = "alice".into();
        store.list(ListThreads { principal, agent_id: None, include_archived: true, limit, cursor })
    };
    let ids = |page: &ThreadPage| page.threads.iter().map(|thread| thread.id.to_string()).collect::<Vec<_>>();
    // What is done to a thread beside its runs leaves it where it stands.
    let before = store.get(&thread("a")).await?.map(|record| (record.created_at, record.updated_at));
    let change = ThreadUpdate { name: Some(Some("Orders".into())), archived: Some(true), ..ThreadUpdate::default() };
    let after = store.update(&thread("a"), change).await?.map(|record| (record.created_at, record.updated_at));
    assert_eq!(before, after);
    assert_eq!(ids(&list(10, None).await?), ["e", "d", "c", "b", "a"]);
    let first = list(2, None).await?;
    assert_eq!(ids(&first), ["e", "d"]);
    // One that was shown and one that was not move to the front: the rest comes as it would have come.
    for id in ["d", "b"] {
        run(&*store, &thread(id), "again", 1).await?;
        pause().await;
    }
    let second = list(2, first.next_cursor.clone()).await?;
    assert_eq!((ids(&second), second.next_cursor), (vec!["c".to_owned(), "a".to_owned()], None));
    // The thread that the cursor was made of may be gone.
    assert!(store.delete(&thread("d")).await?);
    assert_eq!(ids(&list(10, first.next_cursor).await?), ["c", "a"]);
    assert_eq!(ids(&list(10, None).await?), ["b", "e", "c", "a"]);
    for cursor in ["", "x", "x:y"] {
        let refused = list(2, Some(cursor.to_owned())).await;
        assert!(matches!(refused, Err(StoreError::InvalidCursor)), "{cursor:?} is no cursor");
    }
    Ok(())
}

async fn blobs_belong_to_a_thread(store: Arc<dyn Store>) -> Checked {
    let thread = thread("t");
    let early = store.set_blob(&thread, "k", Some(Bytes::from_static(b"v"))).await;
    assert!(matches!(early, Err(StoreError::NotFound)));
    run(&*store, &thread, "r", 1).await?;
    assert_eq!(store.blob(&thread, "k").await?, None);
    store.set_blob(&thread, "k", Some(Bytes::from_static(b"v"))).await?;
    assert_eq!(store.blob(&thread, "k").await?, Some(Bytes::from_static(b"v")));
    assert_eq!(store.blob(&ThreadKey::new(&Principal::new("bob"), "t"), "k").await?, None);
    store.set_blob(&thread, "k", None).await?;
    assert_eq!(store.blob(&thread, "k").await?, None);
    Ok(())
}
