//! Disks that are full, broken or held by somebody else.

use crate::kit::*;
use copilotkit_protocol::Code;
use copilotkit_runtime::store::sqlite::{SqliteOptions, SqliteStore};
use copilotkit_runtime::store::*;
use std::time::{Duration, Instant};

/// A file that may not grow much.
fn small(place: &Place) -> SqliteStore {
    SqliteStore::open(SqliteOptions { max_file: Some(400 * 1024), ..place.options() }).unwrap()
}

#[tokio::test]
async fn a_full_disk_is_told_and_costs_no_answer() {
    let place = Place::new();
    let store = small(&place);
    let (filler, thread) = (key("filler"), key("t"));
    run(&store, &filler, 20, &"x".repeat(10_000)).await;
    let lease = store.begin(begin_of(&thread, "r")).await.unwrap().lease;
    let delta = "y".repeat(10_000);
    let mut count = 0;
    let deadline = Instant::now() + Duration::from_secs(20);
    // The run streams until it hears that the disk is full.
    let error = loop {
        assert!(Instant::now() < deadline);
        match store.append(&lease, &frames(&lease, count, [text(&delta)])).await {
            Ok(()) => count += 1,
            Err(error) => break error,
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    assert_eq!((error.code(), error.is_retryable()), (Code::StoreFull, false));
    // Its end is seen all the same, and nothing that was seen before is gone.
    let mut signal = store.follow(&thread).await.unwrap();
    store.finish(&lease, &frames(&lease, count, [finished()])).await.unwrap();
    signal.wait_for(|signal| signal.live.is_none()).await.unwrap();
    let page = store.read(whole(&thread)).await.unwrap();
    assert_eq!((page.frames.len() as u64, page.live), (count + 1, None));
    assert_eq!(page.frames.last().unwrap().kind, copilotkit_protocol::EventKind::RunFinished);
    // Nothing new fits.
    assert_eq!(store.begin(begin_of(&thread, "r2")).await.unwrap_err().code(), "store_full");
    // With room again, everything is written by itself.
    let sql = place.sql();
    store.delete(&filler).await.unwrap();
    let saved = || -> i64 {
        sql.query_row("SELECT count(*) FROM runs WHERE end_seq IS NULL AND run = ?1", [lease.run], |row| row.get(0))
            .unwrap()
    };
    while saved() > 0 {
        assert!(Instant::now() < deadline, "the end was not written");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let before = log(&store, whole(&thread)).await;
    drop(store);
    let store = place.open();
    assert_eq!(store.interrupted(), 0);
    assert_eq!(log(&store, whole(&thread)).await, before);
    run(&store, &thread, 1, "again").await;
}

#[tokio::test]
async fn a_thread_that_fills_the_disk_can_be_deleted() {
    let place = Place::new();
    let store = small(&place);
    let delta = "z".repeat(8_000);
    let thread = key("large");
    let lease = store.begin(begin_of(&thread, "r")).await.unwrap().lease;
    let mut count = 0;
    while store.append(&lease, &frames(&lease, count, [text(&delta)])).await.is_ok() {
        count += 1;
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    store.finish(&lease, &frames(&lease, count, [finished()])).await.unwrap();
    assert!(store.delete(&thread).await.unwrap());
    assert!(store.read(whole(&thread)).await.unwrap().frames.is_empty());
    run(&store, &key("next"), 10, &delta).await;
}

/// A shell of SQLite, or a backup program, may hold the file for a while.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_held_by_another_program_is_waited_for() {
    let place = Place::new();
    let store = place.open();
    let lease = store.begin(begin_of(&key("t"), "r")).await.unwrap().lease;
    let sql = place.sql();
    sql.execute_batch("BEGIN IMMEDIATE").unwrap();
    let held = Instant::now();
    let freed = async {
        tokio::time::sleep(Duration::from_millis(400)).await;
        sql.execute_batch("ROLLBACK").unwrap();
    };
    store.append(&lease, &frames(&lease, 0, [started(), text("a")])).await.unwrap();
    assert_eq!(log(&store, whole(&key("t"))).await.len(), 2, "readers go on");
    let (ended, ()) = futures::future::join(store.finish(&lease, &frames(&lease, 2, [finished()])), freed).await;
    ended.unwrap();
    assert!(held.elapsed() >= Duration::from_millis(400));
    let killed = place.as_if_killed();
    assert_eq!(log(&killed.open(), whole(&key("t"))).await.len(), 3);
}

/// The end of a run waits for a file that fails, and is written when it does not any more; readers see it then, not before.
#[tokio::test(flavor = "multi_thread")]
async fn a_broken_file_is_told_as_such() {
    let place = Place::new();
    let store = place.open();
    let thread = key("t");
    let lease = store.begin(begin_of(&thread, "r")).await.unwrap().lease;
    let sql = place.sql();
    sql.execute_batch("ALTER TABLE chunks RENAME TO elsewhere").unwrap();
    let error = store.finish(&lease, &frames(&lease, 0, [started(), finished()])).await.unwrap_err();
    assert_eq!((error.code(), error.is_retryable()), (Code::StoreUnavailable, true));
    let page = store.read(ReadLog { max_bytes: 0, ..whole(&thread) }).await.unwrap();
    assert_eq!((page.head, page.live.is_some()), (0, true));
    let other = store.begin(begin_of(&key("other"), "r")).await.unwrap().lease;
    sql.execute_batch("ALTER TABLE elsewhere RENAME TO chunks").unwrap();
    let again = store.finish(&lease, &frames(&lease, 0, [started(), finished()])).await;
    assert!(matches!(again, Ok(()) | Err(StoreError::Fenced)), "written now, or just before: {again:?}");
    assert_eq!(log(&store, whole(&thread)).await.len(), 2);
    store.finish(&other, &frames(&other, 0, [finished()])).await.unwrap();
}
