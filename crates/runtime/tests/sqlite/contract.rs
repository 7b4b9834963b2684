//! The suite of every store, and ids that are data.

use crate::kit::*;
use copilotkit_runtime::store::sqlite::SqliteStore;
use copilotkit_runtime::store::*;
use copilotkit_runtime::{Principal, Store};
use std::sync::{Arc, Mutex};
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn the_sqlite_store_keeps_the_contract() {
    let places = Mutex::new(Vec::new());
    contract::suite(|| async {
        let place = Place::new();
        let store: Arc<dyn Store> = Arc::new(place.open());
        places.lock().unwrap().push(place);
        store
    })
    .await
    .unwrap();
}

/// With everything behind the commit read from the file, and on one worker.
#[tokio::test]
async fn the_contract_holds_where_nothing_stays_in_memory() {
    let places = Mutex::new(Vec::new());
    contract::suite(|| async {
        let place = Place::new();
        let options = copilotkit_runtime::store::sqlite::SqliteOptions { readers: 1, ..place.options() };
        places.lock().unwrap().push(place);
        Arc::new(SqliteStore::open(options).unwrap()) as Arc<dyn Store>
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn ids_are_data_and_nothing_else() {
    let place = Place::new();
    let store = place.open();
    let long = "x".repeat(10 * 1024);
    let ids = ["", "../../etc/passwd", "a/b\\c", "a\0b", "a", "%", "'; DROP TABLE threads; --", "ä€😀", &long, "-1:2"];
    for id in ids {
        for principal in ["", "bob", id] {
            let thread = ThreadKey::new(&Principal::new(principal), id);
            store.begin(begin_of(&thread, id)).await.map_or_else(
                // The same id as principal and thread may come twice.
                |error| assert!(matches!(error, StoreError::Busy) && (id.is_empty()), "{id}: {error}"),
                |begun| assert_eq!(begun.lease.first_seq, 0, "{id}"),
            );
        }
    }
    for (principal, count) in [("bob", ids.len()), (&long, 1)] {
        let mut found = Vec::new();
        let mut cursor = None;
        loop {
            let request = ListThreads { principal: principal.into(), limit: 3, cursor, ..Default::default() };
            let page = store.list(request).await.unwrap();
            found.extend(page.threads.iter().map(|thread| thread.id.to_string()));
            cursor = page.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(found.len(), count, "each once, over pages");
        found.sort();
        found.dedup();
        assert_eq!(found.len(), count);
    }
    let names: Vec<_> = std::fs::read_dir(place.folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert!(names.iter().all(|name| name.starts_with("threads.db")), "{names:?}");
}

/// Readers join while the run goes on and see every frame once, in order, whatever is in memory and what in the file.
#[tokio::test(flavor = "multi_thread")]
async fn readers_that_join_at_any_moment_see_everything_once() {
    let place = Place::new();
    let store = Arc::new(place.open());
    let thread = key("t");
    let delta = "x".repeat(300);
    let lease = store.begin(begin_of(&thread, "r")).await.unwrap().lease;
    let count = 4_000u64;
    let writer = async {
        for piece in 0..count / 10 {
            let events: Vec<_> = (0..10).map(|_| if piece % 37 == 5 { tool_end() } else { text(&delta) }).collect();
            store.append(&lease, &frames(&lease, piece * 10, events)).await.unwrap();
            tokio::task::yield_now().await;
        }
        store.finish(&lease, &frames(&lease, count, [finished()])).await.unwrap();
    };
    let readers = (0..24).map(|reader| {
        let (store, thread) = (store.clone(), thread.clone());
        async move {
            tokio::time::sleep(Duration::from_millis(reader * 7)).await;
            let mut signal = store.follow(&thread).await.unwrap();
            let (mut cursor, mut seen) = (reader * 50, Vec::new());
            loop {
                signal.borrow_and_update();
                let max_bytes = [700, 20_000, 200_000][reader as usize % 3];
                let request = ReadLog { from: cursor, max_bytes, ..whole(&thread) };
                let page = store.read(request).await.unwrap();
                seen.extend(page.frames.iter().map(|frame| frame.seq));
                cursor = page.next.max(cursor);
                if page.frames.is_empty() && cursor >= page.head {
                    if cursor == count + 1 {
                        return (reader * 50, seen);
                    }
                    signal.changed().await.unwrap();
                }
            }
        }
    });
    let ((), seen) = futures::future::join(writer, futures::future::join_all(readers)).await;
    for (from, seen) in seen {
        assert_eq!(seen, (from..=count).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn whoever_begins_a_run_and_goes_away_does_not_lock_the_thread() {
    let place = Place::new();
    let store = place.open();
    let thread = key("t");
    for _ in 0..50 {
        // Asked once and dropped: the writer may open the run, and nobody will drive it.
        let begin = store.begin(begin_of(&thread, "r"));
        let _ = futures::FutureExt::now_or_never(begin);
    }
    let deadline = std::time::Instant::now() + Duration::from_secs(5);
    while store.begin(begin_of(&thread, "r")).await.is_err() {
        assert!(std::time::Instant::now() < deadline, "the thread stays locked");
    }
}
