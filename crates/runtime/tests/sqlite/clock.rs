//! Clocks that jump: what is in the file is from a time that is to come, or long ago.

use crate::kit::*;
use copilotkit_runtime::store::*;
use std::time::Duration;

#[tokio::test]
async fn a_clock_that_was_ahead_locks_nothing_and_loses_nothing() {
    let place = Place::new();
    let store = place.open();
    for id in ["a", "b"] {
        run(&store, &key(id), 3, "words").await;
    }
    let lease = store.begin(begin_of(&key("live"), "r")).await.unwrap().lease;
    store.append(&lease, &frames(&lease, 0, [started(), tool_end()])).await.unwrap();
    let killed = place.as_if_killed();
    drop(store);
    // A year ahead, also the leases.
    killed
        .sql()
        .execute_batch(
            "UPDATE threads SET created_at = created_at + 31536000000, updated_at = updated_at + 31536000000;
            UPDATE runs SET began_at = began_at + 31536000000, ended_at = ended_at + 31536000000,
            expires_at = expires_at + 31536000000",
        )
        .unwrap();
    let store = killed.open();
    assert_eq!(store.interrupted(), 1, "a lease of the future holds nobody up");
    let aged = RetentionPolicy { max_age: Some(Duration::from_secs(1)), ..RetentionPolicy::default() };
    assert_eq!(store.prune(&aged).await.unwrap(), 0, "what was used in the future is not old");
    assert_eq!(store.tidy_up().await.unwrap(), 0);
    for id in ["a", "b", "live"] {
        let before = log(&store, whole(&key(id))).await;
        run(&store, &key(id), 2, "again").await;
        let after = log(&store, whole(&key(id))).await;
        assert_eq!(after[..before.len()], before[..], "{id}");
        assert_eq!(after.len(), before.len() + 6);
    }
    let page = store.list(ListThreads { principal: "alice".into(), limit: 2, ..Default::default() }).await.unwrap();
    let rest = ListThreads { principal: "alice".into(), limit: 2, cursor: page.next_cursor, ..Default::default() };
    let rest = store.list(rest).await.unwrap();
    let mut ids: Vec<_> = page.threads.iter().chain(&rest.threads).map(|thread| thread.id.to_string()).collect();
    ids.sort();
    assert_eq!(ids, ["a", "b", "live"], "pages neither miss nor repeat one");
}

#[tokio::test]
async fn times_at_the_ends_of_what_can_be_written_are_read() {
    let place = Place::new();
    let store = place.open();
    for id in ["first", "last"] {
        run(&store, &key(id), 1, "x").await;
    }
    drop(store);
    let set = |id: &str, time: i64| {
        let sql = "UPDATE threads SET created_at = ?2, updated_at = ?2 WHERE id = ?1";
        place.sql().execute(sql, rusqlite::params![id, time]).unwrap()
    };
    assert_eq!((set("first", 0), set("last", i64::MAX - 1)), (1, 1));
    let store = place.open();
    let list = ListThreads { principal: "alice".into(), limit: 10, ..Default::default() };
    let ids: Vec<_> = store.list(list).await.unwrap().threads.iter().map(|thread| thread.id.to_string()).collect();
    assert_eq!(ids, ["last", "first"]);
    let aged = RetentionPolicy { max_age: Some(Duration::from_secs(3600)), ..RetentionPolicy::default() };
    assert_eq!(store.prune(&aged).await.unwrap(), 1);
    assert!(store.get(&key("last")).await.unwrap().is_some());
}
