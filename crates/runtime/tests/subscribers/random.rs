//! Clients that join, leave and resume at random moments, on either of two nodes: each ends with the same content.

use super::agents::{all, connect, lifecycle, numbers, over, resume, start};
use super::counting::Counting;
use crate::full;
use copilotkit_protocol::{Applied, Emitted, Event};
use copilotkit_runtime::agent::{EventStream, RunContext};
use copilotkit_runtime::store::{Frame, MemoryStore, ReadLog, ThreadKey};
use copilotkit_runtime::{Lifecycle, LifecycleOptions, Principal, Store};
use futures::StreamExt as _;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

/// A small generator: the same seed gives the same round.
#[derive(Clone)]
struct Dice(u64);

impl Dice {
    fn of(seed: u64) -> Self {
        Self((seed + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}

/// Text, calls and state, with pauses at random.
fn agent(context: RunContext, seed: u64) -> EventStream {
    let run = context.input.run_id.clone();
    let mut events = vec![json!({ "type": "RUN_STARTED", "threadId": "t", "runId": run })];
    let mut dice = Dice::of(seed);
    for part in 0..2 + dice.roll(3) {
        let id = format!("{run}-{part}");
        let mut add = |event: Value| events.push(event);
        add(json!({ "type": "STATE_SNAPSHOT", "snapshot": { "part": part } }));
        add(json!({ "type": "TEXT_MESSAGE_START", "messageId": id, "role": "assistant" }));
        for _ in 0..dice.roll(20) {
            add(json!({ "type": "TEXT_MESSAGE_CONTENT", "messageId": id, "delta": format!("\"{}\\ ", dice.roll(99)) }));
        }
        add(json!({ "type": "TEXT_MESSAGE_END", "messageId": id }));
        add(json!({ "type": "TOOL_CALL_START", "toolCallId": format!("c{id}"), "toolCallName": "look" }));
        for _ in 0..dice.roll(5) {
            add(json!({ "type": "TOOL_CALL_ARGS", "toolCallId": format!("c{id}"), "delta": "[1]" }));
        }
        add(json!({ "type": "TOOL_CALL_END", "toolCallId": format!("c{id}") }));
        add(json!({ "type": "STATE_DELTA", "delta": [{ "op": "add", "path": "/more", "value": part }] }));
    }
    events.push(json!({ "type": "RUN_FINISHED", "threadId": "t", "runId": run }));
    let steps = futures::stream::iter(events).then(move |event| {
        let pause = dice.roll(5) == 0;
        async move {
            if pause {
                tokio::time::sleep(Duration::from_micros(100)).await;
            }
            Ok(Emitted::from_json(event.to_string().into()).unwrap())
        }
    });
    steps.boxed()
}

/// What a client has read; it comes and goes until it has all of it.
async fn client(nodes: [Lifecycle; 2], mut dice: Dice) -> (Vec<Frame>, usize) {
    let mut frames: Vec<Frame> = Vec::new();
    let mut resumed = 0;
    loop {
        tokio::time::sleep(Duration::from_micros(dice.roll(1_500))).await;
        let node = &nodes[usize::from(dice.roll(3) == 0)];
        let mut subscription = match frames.last() {
            None => connect(node, "t").await,
            Some(last) => resume(node, "t", last.seq).await,
        };
        match subscription.is_resumed() {
            true => resumed += 1,
            false => frames.clear(),
        }
        for _ in 0..1 + dice.roll(6) {
            let next = tokio::time::timeout(Duration::from_secs(20), subscription.next());
            let mut more = next.await.expect("the run ends").unwrap();
            if more.is_empty() {
                assert!(subscription.is_complete());
                return (frames, resumed);
            }
            // What is cut off was on its way, but never arrived.
            let cut = dice.roll(4) == 0;
            if cut {
                more.truncate(dice.roll(more.len() as u64 + 1) as usize);
            }
            frames.extend(more);
            if cut {
                break;
            }
        }
    }
}

fn applied<'a>(frames: impl IntoIterator<Item = &'a Frame>) -> (Value, Value) {
    let mut applied = Applied::default();
    for frame in frames {
        applied.apply(&Event::from_json(&frame.json).unwrap());
    }
    let messages = copilotkit_protocol::to_vec(&applied.messages());
    (serde_json::from_slice(&messages).unwrap(), serde_json::from_str(applied.state().get()).unwrap())
}

fn bytes(frames: &[Frame]) -> Vec<(u64, &[u8])> {
    frames.iter().map(|frame| (frame.seq, &*frame.json)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn joining_leaving_and_resuming_at_any_moment_leads_to_the_same() {
    let (mut resumed, mut live, mut compacted) = (0, 0, 0);
    for seed in 0..if full() { 1_000 } else { 100 } {
        let mut dice = Dice::of(seed);
        let store: Arc<dyn Store> = match dice.roll(2) {
            0 => Arc::new(MemoryStore::default()),
            _ => Arc::new(Counting::default()),
        };
        let backlog = [600, 4_000, 4 << 20][dice.roll(3) as usize];
        let node = || {
            let options =
                LifecycleOptions { store: store.clone(), subscriber_backlog: backlog, ..LifecycleOptions::default() };
            lifecycle(move |context| agent(context, seed), options)
        };
        let nodes = [node(), node()];
        let first = all(start(&nodes[0], "t", "r1").await.unwrap()).await;
        let own = start(&nodes[0], "t", "r2").await.unwrap();
        let clients = (0..4).map(|_| client(nodes.clone(), Dice::of(dice.roll(1 << 40))));
        let (own, clients) = futures::join!(all(own), futures::future::join_all(clients));

        let whole = [first.clone(), own.clone()].concat();
        assert_eq!(numbers(&whole), (0..whole.len() as u64).collect::<Vec<_>>(), "{seed}");
        let thread = ThreadKey::new(&Principal::anonymous(), "t");
        let raw = ReadLog { thread, from: 0, compact_until: 0, max_bytes: usize::MAX };
        let raw = store.read(raw).await.unwrap().frames;
        assert_eq!(bytes(&raw), bytes(&whole), "live and uncompacted replay are the same bytes, {seed}");
        let compact = all(connect(&nodes[1], "t").await).await;
        assert_eq!(applied(&compact), applied(&whole), "{seed}");
        let (compact_first, compact_own): (Vec<Frame>, Vec<Frame>) =
            compact.iter().cloned().partition(|frame| frame.run == first[0].run);
        for (frames, count) in clients {
            resumed += count;
            // The finished run is compact; the live one is as it was sent, or compact for who came after its end.
            let (begin, end) = frames.split_at(compact_first.len().min(frames.len()));
            assert_eq!(bytes(begin), bytes(&compact_first), "{seed}");
            let was_live = end.len() == own.len();
            assert_eq!(bytes(end), bytes(if was_live { &own } else { &compact_own }), "{seed}");
            assert_eq!(applied(&frames), applied(&whole), "{seed}");
            (live, compacted) = (live + usize::from(was_live), compacted + usize::from(!was_live));
        }
        over(&nodes[0]).await;
        nodes.iter().for_each(|node| assert_eq!(node.backlog(), 0, "{seed}"));
    }
    println!("{resumed} resumed, {live} read the run live, {compacted} its compact form");
    assert!(resumed > 50 && live > 50 && compacted > 20, "{resumed} {live} {compacted}");
}
