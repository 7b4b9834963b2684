//! Where subscribers read: the tail of a live run on this node, the store else.

use super::agents::{all, connect, lifecycle, message, numbers, over, paced, start};
use super::counting::{Counting, head};
use copilotkit_protocol::EventKind;
use copilotkit_runtime::store::{Frame, ThreadKey};
use copilotkit_runtime::{Lifecycle, LifecycleOptions, Principal};
use futures::future::join_all;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

fn on(store: &Arc<Counting>, subscriber_backlog: usize) -> LifecycleOptions {
    LifecycleOptions { store: store.clone(), subscriber_backlog, ..LifecycleOptions::default() }
}

const EVENTS: usize = 200;

fn agent(lifecycle: LifecycleOptions) -> Lifecycle {
    self::lifecycle(|context| message(&context, paced(EVENTS, 100, Duration::from_micros(200))), lifecycle)
}

fn same(a: &[Frame], b: &[Frame]) {
    assert_eq!(numbers(a), numbers(b));
    assert!(a.iter().zip(b).all(|(a, b)| a.json == b.json));
}

#[tokio::test]
async fn a_live_run_is_followed_without_asking_the_store_for_each_event() {
    let store = Arc::new(Counting::default());
    let lifecycle = agent(on(&store, 1 << 20));
    let own = start(&lifecycle, "t", "r").await.unwrap();
    let mut joined = Vec::new();
    for _ in 0..20 {
        joined.push(connect(&lifecycle, "t").await);
    }
    let (own, joined) = futures::join!(all(own), join_all(joined.into_iter().map(all)));
    assert_eq!(numbers(&own), (0..EVENTS as u64 + 4).collect::<Vec<_>>());
    joined.iter().for_each(|frames| same(frames, &own));
    let reads = store.reads.load(Ordering::Relaxed);
    assert!((20..=40).contains(&reads), "{reads} reads: one to join, and what was there before");
    assert_eq!(store.follows.load(Ordering::Relaxed), 0, "a run that wakes itself by its appends costs as much again");
    over(&lifecycle).await;
    assert_eq!(lifecycle.backlog(), 0, "nothing is held when the run is over and everybody has gone");
}

#[tokio::test]
async fn a_slow_reader_neither_holds_the_run_nor_more_than_the_backlog() {
    const BACKLOG: usize = 4_000;
    let store = Arc::new(Counting::default());
    let lifecycle = agent(on(&store, BACKLOG));
    let mut slow = start(&lifecycle, "t", "r").await.unwrap();
    let first = slow.next().await.unwrap();
    let mut fast = connect(&lifecycle, "t").await;
    let mut seen = Vec::new();
    while seen.last().is_none_or(|frame: &Frame| !frame.kind.is_terminal()) {
        seen.extend(fast.next().await.unwrap());
        assert!(lifecycle.backlog() <= BACKLOG, "{}", lifecycle.backlog());
    }
    // The run has ended while a reader is at its begin.
    over(&lifecycle).await;
    assert!(lifecycle.backlog() > 0, "the slow one still holds the tail");
    let before = store.reads.load(Ordering::Relaxed);
    let slow = [first, all(slow).await].concat();
    same(&slow, &seen);
    assert!(store.reads.load(Ordering::Relaxed) > before, "what was no longer in the tail came from the store");
    drop(fast);
    assert_eq!(lifecycle.backlog(), 0);
}

#[tokio::test]
async fn a_run_on_another_node_is_followed_through_the_store() {
    let store = Arc::new(Counting::default());
    let (here, there) = (agent(on(&store, 1 << 20)), agent(on(&store, 1 << 20)));
    let own = start(&here, "t", "r").await.unwrap();
    let (own, far) = futures::join!(all(own), async { all(connect(&there, "t").await).await });
    same(&far, &own);
    assert_eq!(store.follows.load(Ordering::Relaxed), 1, "the reader on the other node");
}

#[tokio::test]
async fn nothing_is_seen_before_the_log_has_it_and_no_end_before_the_thread_is_free() {
    let store = Arc::new(Counting::default());
    store.slow.store(true, Ordering::Relaxed);
    let lifecycle =
        self::lifecycle(|context| message(&context, paced(20, 10, Duration::from_millis(1))), on(&store, 1 << 20));
    let thread = ThreadKey::new(&Principal::anonymous(), "t");
    for run in 0..3 {
        let mut own = start(&lifecycle, "t", &format!("r{run}")).await.expect("the thread is free");
        loop {
            let frames = own.next().await.unwrap();
            let Some(last) = frames.last() else { break };
            assert!(head(&store, &thread).await > last.seq, "{}", last.seq);
        }
    }
}

/// What the hub was not told is in the store: a reader of the tail does not wait for ever.
#[tokio::test]
async fn a_run_whose_end_was_not_published_is_read_on_in_the_store() {
    let store = Arc::new(Counting::default());
    let options = LifecycleOptions { lease_ttl: Duration::from_millis(60), ..on(&store, 1 << 20) };
    let lifecycle = agent(options);
    let own = start(&lifecycle, "t", "r").await.unwrap();
    store.endless.store(true, Ordering::Relaxed);
    let frames = all(own).await;
    assert_eq!(numbers(&frames), (0..frames.len() as u64).collect::<Vec<_>>());
    assert_eq!(frames.last().unwrap().kind, EventKind::RunError);
    let last = String::from_utf8_lossy(&frames.last().unwrap().json).into_owned();
    assert!(last.contains("run_interrupted"), "{last}");
}
