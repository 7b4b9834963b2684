//! The contract of stores, against each of ours, and what is peculiar to the memory store.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a helper of a test fails the test")]

use copilotkit_protocol::{Emitted, RunFinished, TextMessageContent};
use copilotkit_runtime::store::{
    Append, BeginRun, Frame, MemoryLimits, MemoryStore, ReadLog, RunLog as _, ThreadIndex as _, ThreadKey, contract,
};
use copilotkit_runtime::{Principal, Store};
use std::sync::Arc;
use std::time::Duration;

#[tokio::test]
async fn the_memory_store_keeps_the_contract() {
    contract::suite(|| async { Arc::new(MemoryStore::default()) as Arc<dyn Store> }).await.unwrap();
}

/// A run with one event of `bytes` bytes.
async fn run(store: &MemoryStore, id: &str, bytes: usize) {
    let begun = store
        .begin(BeginRun {
            thread: key(id),
            run_id: "r".into(),
            agent_id: "a".into(),
            message_ids: Vec::new(),
            name: None,
            ttl: Duration::from_secs(9),
        })
        .await
        .unwrap();
    let lease = begun.lease;
    let content = TextMessageContent { message_id: "m".into(), delta: "x".repeat(bytes), ..Default::default() };
    let frames = vec![
        Frame::new(lease.first_seq, lease.run, Emitted::from(content)),
        Frame::new(lease.first_seq + 1, lease.run, Emitted::from(RunFinished::default())),
    ];
    store.finish(&lease, &Append { frames, message_ids: Vec::new() }).await.unwrap();
}

fn key(id: &str) -> ThreadKey {
    ThreadKey::new(&Principal::anonymous(), id)
}

async fn known(store: &MemoryStore, ids: &[&str]) -> Vec<bool> {
    let mut known = Vec::new();
    for id in ids {
        known.push(store.get(&key(id)).await.unwrap().is_some());
    }
    known
}

#[tokio::test]
async fn the_least_recently_used_thread_makes_room() {
    let store = MemoryStore::new(MemoryLimits { threads: 2, ..MemoryLimits::default() });
    run(&store, "a", 10).await;
    run(&store, "b", 10).await;
    store.read(ReadLog { thread: key("a"), from: 0, compact_until: 0, max_bytes: 1 }).await.unwrap();
    run(&store, "c", 10).await;
    assert_eq!(known(&store, &["a", "b", "c"]).await, [true, false, true]);
}

#[tokio::test]
async fn bytes_are_bounded_and_old_runs_make_room() {
    let store = MemoryStore::new(MemoryLimits { bytes: 100_000, runs_per_thread: 3, ..MemoryLimits::default() });
    for index in 0..50 {
        run(&store, &format!("t{index}"), 20_000).await;
    }
    let ids: Vec<String> = (0..50).map(|index| format!("t{index}")).collect();
    let kept = known(&store, &ids.iter().map(String::as_str).collect::<Vec<_>>()).await;
    assert_eq!(kept.iter().filter(|kept| **kept).count(), 4, "as many as fit");
    for _ in 0..10 {
        run(&store, "long", 100).await;
    }
    let page =
        store.read(ReadLog { thread: key("long"), from: 0, compact_until: 0, max_bytes: 1 << 20 }).await.unwrap();
    assert_eq!(page.frames.len(), 6, "three runs of two events");
    assert_eq!((page.frames[0].seq, page.head), (14, 20), "numbers stay when old runs go");
}
