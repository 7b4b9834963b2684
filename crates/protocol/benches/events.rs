//! What one event costs, against a minimal borrowed struct that is read in the same run.
//!
//! `cargo bench -p copilotkit-protocol`. The goals are ratios, since machines differ: `Emitted` within 1.5 and `Event`
//! within 3 times the minimal struct, verify and apply together below parsing, compaction linear.

#![expect(clippy::unwrap_used, reason = "a bench")]

use bytes::Bytes;
use copilotkit_protocol::{
    Applied, Emitted, Event, Expander, Repair, RepairOptions, TextMessageChunk, TextMessageContent, TextMessageEnd,
    TextMessageStart, ToolCallArgs, ToolCallEnd, ToolCallStart, Verifier, compact, sse,
};
use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use serde::Deserialize;
use std::borrow::Cow;
use std::hint::black_box;

/// The least that anybody could read.
#[derive(Deserialize)]
struct Minimal<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow, rename = "messageId")]
    message_id: Cow<'a, str>,
    #[serde(borrow)]
    delta: Cow<'a, str>,
}

const CONTENT: &[u8] =
    br#"{"type":"TEXT_MESSAGE_CONTENT","messageId":"msg-4f9a1c7e-2b58","delta":" and the next few words"}"#;

/// A run of messages, each with a call, of some fifty deltas.
fn run(messages: usize) -> Vec<Event> {
    let mut events = Vec::new();
    events.push(Event::from_json(br#"{"type":"RUN_STARTED","threadId":"t","runId":"r"}"#).unwrap());
    for at in 0..messages {
        let message_id = format!("msg-{at}-4f9a1c7e-2b58");
        let tool_call_id = format!("call-{at}-4f9a1c7e-2b58");
        events.push(TextMessageStart { message_id: message_id.clone(), ..Default::default() }.into());
        for _ in 0..40 {
            let delta = " and the next few words".to_owned();
            events.push(TextMessageContent { message_id: message_id.clone(), delta, ..Default::default() }.into());
        }
        events.push(TextMessageEnd { message_id, ..Default::default() }.into());
        let toolu = tool_call_id.clone();
        let start = ToolCallStart { tool_call_id: toolu, tool_call_name: "search".into(), ..Default::default() };
        events.push(start.into());
        for _ in 0..5 {
            let (tool_call_id, delta) = (tool_call_id.clone(), "{\"query\":".to_owned());
            events.push(ToolCallArgs { tool_call_id, delta, ..Default::default() }.into());
        }
        events.push(ToolCallEnd { tool_call_id, ..Default::default() }.into());
    }
    events.push(Event::from_json(br#"{"type":"RUN_FINISHED","threadId":"t","runId":"r"}"#).unwrap());
    events
}

fn texts(events: &[Event]) -> Vec<Bytes> {
    events.iter().map(|event| event.to_json().into()).collect()
}

fn one_event(c: &mut Criterion) {
    let mut group = c.benchmark_group("one TEXT_MESSAGE_CONTENT");
    group.throughput(Throughput::Bytes(CONTENT.len() as u64));
    let bytes = Bytes::from_static(CONTENT);
    group.bench_function("minimal struct", |b| {
        b.iter(|| {
            let minimal: Minimal<'_> = serde_json::from_slice(black_box(CONTENT)).unwrap();
            (minimal.kind.len(), minimal.message_id.len(), minimal.delta.len())
        });
    });
    group.bench_function("Emitted", |b| b.iter(|| Emitted::from_json(black_box(bytes.clone())).unwrap()));
    group.bench_function("Event", |b| b.iter(|| Event::from_json(black_box(CONTENT)).unwrap()));
    let event = Event::from_json(CONTENT).unwrap();
    group.bench_function("write", |b| b.iter(|| black_box(&event).to_json()));
    group.bench_function("write a frame", |b| {
        let mut out = Vec::with_capacity(256);
        b.iter(|| {
            out.clear();
            sse::write_frame(black_box(CONTENT), &mut out);
            out.len()
        });
    });
    #[cfg(feature = "protobuf")]
    {
        use copilotkit_protocol::proto;
        let message = proto::encode(&event);
        group.bench_function("write as protobuf", |b| b.iter(|| proto::encode(black_box(&event))));
        group.bench_function("read from protobuf", |b| b.iter(|| proto::decode(black_box(&message)).unwrap()));
    }
    group.finish();
}

fn one_run(c: &mut Criterion) {
    let events = run(20);
    let texts = texts(&events);
    let emitted: Vec<Emitted> = texts.iter().map(|text| Emitted::from_json(text.clone()).unwrap()).collect();
    let mut group = c.benchmark_group("a run of 982 events");
    group.throughput(Throughput::Elements(events.len() as u64));
    group.bench_function("minimal struct where it fits", |b| {
        b.iter(|| texts.iter().filter(|text| serde_json::from_slice::<Minimal<'_>>(text).is_ok()).count());
    });
    group.bench_function("parse as Emitted", |b| {
        b.iter(|| texts.iter().map(|text| Emitted::from_json(text.clone()).unwrap()).collect::<Vec<_>>());
    });
    group.bench_function("parse as Event", |b| {
        b.iter(|| texts.iter().map(|text| Event::from_json(text).unwrap()).collect::<Vec<_>>());
    });
    group.bench_function("write", |b| b.iter(|| events.iter().map(|event| event.to_json().len()).sum::<usize>()));
    group.bench_function("verify", |b| {
        b.iter(|| {
            let mut verifier = Verifier::new();
            emitted.iter().for_each(|event| verifier.check(event).unwrap());
            verifier.is_ended()
        });
    });
    group.bench_function("apply", |b| {
        b.iter(|| {
            let mut applied = Applied::default();
            events.iter().for_each(|event| applied.apply(event));
            applied.messages().len()
        });
    });
    group.bench_function("repair", |b| {
        b.iter_batched(
            || emitted.clone(),
            |events| {
                let mut out = Vec::with_capacity(events.len());
                let mut repair = Repair::new(RepairOptions::default());
                events.into_iter().for_each(|event| repair.push(event, &mut out));
                out
            },
            BatchSize::SmallInput,
        );
    });
    group.finish();
}

fn expand(c: &mut Criterion) {
    let chunk = |at: usize| {
        let message_id = Some(format!("msg-{}", at / 40));
        let delta = Some(" and the next few words".to_owned());
        Emitted::from(TextMessageChunk { message_id, delta, ..Default::default() })
    };
    let chunks: Vec<Emitted> = (0..1000).map(chunk).collect();
    let mut group = c.benchmark_group("expand");
    group.throughput(Throughput::Elements(chunks.len() as u64));
    group.bench_function("1000 text chunks", |b| {
        b.iter_batched(
            || chunks.clone(),
            |chunks| {
                let (mut expander, mut out) = (Expander::new(), Vec::with_capacity(1100));
                chunks.into_iter().for_each(|chunk| expander.push(chunk, &mut out).unwrap());
                out
            },
            BatchSize::SmallInput,
        );
    });
    group.finish();
}

fn compaction(c: &mut Criterion) {
    let mut group = c.benchmark_group("compact");
    for messages in [20, 200] {
        let events = run(messages);
        group.throughput(Throughput::Elements(events.len() as u64));
        group.bench_with_input(BenchmarkId::from_parameter(events.len()), &events, |b, events| {
            b.iter_batched(|| events.clone(), |events| compact(events).len(), BatchSize::LargeInput);
        });
    }
    group.finish();
}

criterion_group!(benches, one_event, one_run, expand, compaction);
criterion_main!(benches);
