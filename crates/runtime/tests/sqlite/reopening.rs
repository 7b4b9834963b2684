//! What is there after the process ended, in good order or not.

use crate::kit::*;
use bytes::Bytes;
use copilotkit_protocol::EventKind;
use copilotkit_runtime::Principal;
use copilotkit_runtime::store::*;
use std::time::Duration;

#[tokio::test]
async fn everything_is_there_after_a_restart() {
    let place = Place::new();
    let (named, other) = (key("named"), ThreadKey::new(&Principal::new("bob"), "named"));
    let store = place.open();
    let lease = run(&store, &named, 500, "piece ").await;
    let known = Append { message_ids: vec!["m".into()], ..Append::default() };
    let second = store.begin(begin_of(&named, "r2")).await.unwrap().lease;
    store.append(&second, &known).await.unwrap();
    store.finish(&second, &frames(&second, 0, [started(), finished()])).await.unwrap();
    run(&store, &other, 1, "x").await;
    let update = ThreadUpdate { name: Some(Some("Orders".into())), archived: Some(true), ..ThreadUpdate::default() };
    let record = store.update(&named, update).await.unwrap();
    store.set_blob(&named, "k", Some(Bytes::from_static(b"\0v"))).await.unwrap();
    let (raw, short) = (log(&store, whole(&named)).await, log(&store, compact(&named)).await);
    assert!(raw.len() > 500 && short.len() < 10);
    drop(store);
    let store = place.open();
    assert_eq!(store.interrupted(), 0);
    assert_eq!((log(&store, whole(&named)).await, log(&store, compact(&named)).await), (raw, short));
    assert_eq!(store.get(&named).await.unwrap(), record);
    assert_eq!(store.blob(&named, "k").await.unwrap(), Some(Bytes::from_static(b"\0v")));
    assert_eq!(store.follow(&named).await.unwrap().borrow().head, second.first_seq + 2);
    assert!(matches!(store.append(&lease, &frames(&lease, 0, [started()])).await, Err(StoreError::Fenced)));
    let beyond = store.read(ReadLog { from: u64::MAX, ..whole(&named) }).await.unwrap();
    assert_eq!((beyond.frames.len(), beyond.next), (0, u64::MAX), "a cursor from somewhere else is no failure");
    let begin = BeginRun { message_ids: vec!["m".into(), "n".into()], ..begin_of(&named, "r3") };
    let next = store.begin(begin).await.unwrap();
    assert_eq!(next.known.into_iter().collect::<Vec<_>>(), ["m"]);
    assert_eq!(next.lease.first_seq, second.first_seq + 2);
}

#[tokio::test]
async fn numbers_of_runs_are_not_used_again_after_all_was_deleted() {
    let place = Place::new();
    let store = place.open();
    let last = run(&store, &key("t"), 1, "x").await.run;
    assert!(store.delete(&key("t")).await.unwrap());
    drop(store);
    assert!(run(&place.open(), &key("t"), 1, "x").await.run > last);
}

/// What a reader saw of tool calls and ends is in the files at that moment; deltas may be missing for 50 ms.
#[tokio::test]
async fn what_was_seen_outlives_a_kill() {
    let place = Place::new();
    let store = place.open();
    let thread = key("t");
    let lease = store.begin(begin_of(&thread, "r")).await.unwrap().lease;
    store.append(&lease, &frames(&lease, 0, [started(), text("a")])).await.unwrap();
    store.append(&lease, &frames(&lease, 2, [text("b"), tool_end()])).await.unwrap();
    let killed = place.as_if_killed();
    let left = log(&killed.open(), whole(&thread)).await;
    assert_eq!(left.len(), 5, "{left:?}");
    assert!(left[3].1.contains("TOOL_CALL_END") && left[4].1.contains("run_interrupted"), "{left:?}");

    store.append(&lease, &frames(&lease, 4, [text("c")])).await.unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    let killed = place.as_if_killed();
    let left = log(&killed.open(), whole(&thread)).await;
    assert!(left[4].1.contains("\"c\""), "deltas are written soon: {left:?}");

    let delta = "x".repeat(1_000);
    store.append(&lease, &frames(&lease, 5, (0..70).map(|_| text(&delta)))).await.unwrap();
    store.finish(&lease, &frames(&lease, 75, [finished()])).await.unwrap();
    let killed = place.as_if_killed();
    let after = killed.open();
    assert_eq!(after.interrupted(), 0);
    assert_eq!(log(&after, whole(&thread)).await, log(&store, whole(&thread)).await);
}

#[tokio::test]
async fn interrupted_runs_are_closed_and_their_threads_are_free() {
    let place = Place::new();
    let store = place.open();
    let mut leases = Vec::new();
    for index in 0..20 {
        let thread = key(&index.to_string());
        // Leases of hours: that their process is gone is enough, whatever the clock says.
        let begin = BeginRun { ttl: Duration::from_secs(9_000), ..begin_of(&thread, "r") };
        let lease = store.begin(begin).await.unwrap().lease;
        store.append(&lease, &frames(&lease, 0, [started(), tool_end()])).await.unwrap();
        // Seen by a reader, and lost.
        store.append(&lease, &frames(&lease, 2, [text("lost")])).await.unwrap();
        leases.push(lease);
    }
    let killed = place.as_if_killed();
    let after = killed.open();
    assert_eq!(after.interrupted(), 20);
    for lease in leases {
        let page = after.read(whole(&lease.thread)).await.unwrap();
        let last = page.frames.last().unwrap();
        assert_eq!((last.kind, page.live), (EventKind::RunError, None));
        assert!(last.seq > 3, "a number that was seen is not that of another event");
        assert!(matches!(after.finish(&lease, &frames(&lease, 3, [finished()])).await, Err(StoreError::Fenced)));
        let next = run(&after, &lease.thread, 3, "again").await;
        assert!(next.first_seq == page.head && next.run > lease.run);
    }
    drop(after);
    assert_eq!(killed.open().interrupted(), 0);
}

#[tokio::test]
async fn dropping_the_store_writes_what_is_left() {
    let place = Place::new();
    let store = place.open();
    let lease = store.begin(begin_of(&key("t"), "r")).await.unwrap().lease;
    store.append(&lease, &frames(&lease, 0, [started(), text("last words")])).await.unwrap();
    drop(store);
    let left = log(&place.open(), whole(&key("t"))).await;
    assert!(left[1].1.contains("last words"), "{left:?}");
}

#[tokio::test]
async fn the_compact_form_is_kept_and_takes_the_place_of_the_raw_one() {
    let place = Place::new();
    let options = sqlite::SqliteOptions { raw_kept: Duration::ZERO, ..place.options() };
    let store = SqliteStore::open(options.clone()).unwrap();
    let thread = key("t");
    for _ in 0..10 {
        run(&store, &thread, 2_000, "some words and ").await;
    }
    let (raw, short) = (log(&store, whole(&thread)).await, log(&store, compact(&thread)).await);
    let json = |log: &[(u64, String)]| log.iter().map(|(_, json)| json.len()).sum::<usize>();
    assert!(json(&raw) > 3 * json(&short));
    assert_eq!(store.tidy_up().await.unwrap(), 10);
    assert_eq!(store.tidy_up().await.unwrap(), 0, "once is enough");
    assert_eq!(log(&store, compact(&thread)).await, short);
    let rest = store.read(ReadLog { from: 1, max_bytes: 1, ..compact(&thread) }).await.unwrap();
    assert_eq!(rest.frames[0].seq, short[1].0, "a cursor in the compact form goes on there");
    drop(store);
    let on_disk = std::fs::metadata(place.path()).unwrap().len() as usize;
    let bound = json(&short) * 3 / 2;
    assert!(on_disk <= bound, "{on_disk} bytes on the disk, {} of JSON", json(&short));
    let store = SqliteStore::open(options).unwrap();
    assert_eq!(log(&store, compact(&thread)).await, short);
    assert_eq!(log(&store, whole(&thread)).await, short, "there is nothing else any more");
}

#[tokio::test]
async fn a_backup_is_whole_while_runs_go_on() {
    let place = Place::new();
    let store = place.open();
    run(&store, &key("done"), 300, "words ").await;
    let lease = store.begin(begin_of(&key("live"), "r")).await.unwrap().lease;
    store.append(&lease, &frames(&lease, 0, [started(), text("a")])).await.unwrap();
    let copy = Place::new();
    store.backup(copy.path()).await.unwrap();
    assert!(store.backup(copy.path()).await.is_err(), "nothing is written over");
    store.finish(&lease, &frames(&lease, 2, [finished()])).await.unwrap();
    let beside = Place::new();
    sqlite::copy(&place.path(), &beside.path()).unwrap();
    let (copied, later) = (copy.open(), beside.open());
    assert_eq!((copied.interrupted(), later.interrupted()), (1, 0));
    for store in [&copied, &later] {
        assert_eq!(log(store, whole(&key("done"))).await.len(), 304);
    }
    assert!(log(&copied, whole(&key("live"))).await[1].1.contains("\"a\""));
    assert_eq!(log(&later, whole(&key("live"))).await.len(), 3);
    assert!(sqlite::copy(&copy.folder.path().join("none"), &copy.folder.path().join("to")).is_err());
    assert!(!copy.folder.path().join("to").exists() && !copy.folder.path().join("none").exists());
}
