//! Which threads go, in both stores.

use crate::kit::*;
use copilotkit_runtime::Store;
use copilotkit_runtime::store::*;
use std::sync::Arc;
use std::time::Duration;

trait Prunable: Store + Retention {}
impl<T: Store + Retention> Prunable for T {}

async fn left(store: &dyn Prunable) -> Vec<String> {
    let request = ListThreads { principal: "alice".into(), limit: 1_000, ..Default::default() };
    store.list(request).await.unwrap().threads.iter().map(|thread| thread.id.to_string()).collect()
}

async fn filled(store: Arc<dyn Prunable>) -> Arc<dyn Prunable> {
    for id in ["a", "b", "c", "d"] {
        run(&*store as &dyn Prunable as &dyn Store, &key(id), 1, &"x".repeat(100_000)).await;
        tokio::time::sleep(Duration::from_millis(3)).await;
    }
    store
}

async fn check(make: impl AsyncFn() -> Arc<dyn Prunable>) {
    let none = RetentionPolicy::default();
    let store = filled(make().await).await;
    assert_eq!(store.prune(&none).await.unwrap(), 0);
    assert_eq!(store.prune(&RetentionPolicy { max_threads: Some(2), ..none }).await.unwrap(), 2);
    assert_eq!(left(&*store).await, ["d", "c"], "the last used stay");

    let store = filled(make().await).await;
    let live = store.begin(begin_of(&key("a"), "r")).await.unwrap().lease;
    assert_eq!(store.prune(&RetentionPolicy { max_threads: Some(0), ..none }).await.unwrap(), 3);
    assert_eq!(left(&*store).await, ["a"], "a live run keeps its thread");
    store.finish(&live, &frames(&live, 0, [finished()])).await.unwrap();

    let store = filled(make().await).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    run(&*store as &dyn Prunable as &dyn Store, &key("b"), 1, "x").await;
    let aged = RetentionPolicy { max_age: Some(Duration::from_millis(250)), ..none };
    assert_eq!(store.prune(&aged).await.unwrap(), 3);
    assert_eq!(left(&*store).await, ["b"]);

    let store = filled(make().await).await;
    let sized = RetentionPolicy { max_bytes: Some(250_000), ..none };
    assert_eq!(store.prune(&sized).await.unwrap(), 2);
    assert_eq!(left(&*store).await, ["d", "c"]);
    assert!(store.read(whole(&key("a"))).await.unwrap().frames.is_empty());
}

#[tokio::test]
async fn the_memory_store_lets_old_threads_go() {
    check(async || Arc::new(MemoryStore::default()) as Arc<dyn Prunable>).await;
}

#[tokio::test]
async fn the_sqlite_store_lets_old_threads_go() {
    let places = std::cell::RefCell::new(Vec::new());
    check(async || {
        let place = Place::new();
        let store: Arc<dyn Prunable> = Arc::new(place.open());
        places.borrow_mut().push(place);
        store
    })
    .await;
}

#[tokio::test]
async fn room_is_given_back_to_the_disk() {
    let place = Place::new();
    let store = place.open();
    let text = "x".repeat(3_000);
    for hundred in 0..15 {
        let (store, text) = (&store, &text);
        let runs = (0..100).map(|index| async move {
            run(store, &key(&format!("{hundred}-{index}")), 2, text).await;
        });
        futures::future::join_all(runs).await;
    }
    let policy = RetentionPolicy { max_threads: Some(10), ..Default::default() };
    assert_eq!(store.prune(&policy).await.unwrap(), 1_490);
    drop(store);
    let size = std::fs::metadata(place.path()).unwrap().len();
    assert!(size < 1024 * 1024, "{size}");
}
