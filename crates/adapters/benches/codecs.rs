//! What one event of a provider costs in every dialect: from the bytes to the model's event, and from the bytes to the
//! AG-UI event of the built-in agent as it is logged and sent.
//!
//! `cargo bench -p copilotkit-adapters --features bedrock`. The goal is 150,000 events a second on one core for all of the
//! way, and time that grows with the length of an argument, not with its square.

#![expect(clippy::expect_used, clippy::panic, reason = "a bench")]
#![allow(unreachable_pub, dead_code, reason = "helpers of the tests")]

#[path = "../tests/kit/streams.rs"]
mod streams;

use bytes::Bytes;
use copilotkit_adapters::Api;
use copilotkit_protocol::{Message, RunAgentInput, UserMessage};
use copilotkit_runtime::agents::BuiltInAgent;
use copilotkit_runtime::store::Frame;
use copilotkit_runtime::{Agent as _, Model, ModelRequest, ModelStream, RunContext};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use futures::stream::{self, StreamExt as _};
use std::hint::black_box;
use std::sync::Arc;
use streams::{Framing, codec};

/// Events of one answer.
const EVENTS: usize = 10_000;
/// What a socket gives at once.
const PIECE: usize = 16 * 1024;

const DIALECTS: &[(&str, &str, Api)] = &[
    ("chat", "openai", Api::Chat),
    ("responses", "openai", Api::Responses),
    ("messages", "anthropic", Api::Messages),
    ("gemini", "google", Api::Gemini),
    #[cfg(feature = "bedrock")]
    ("converse", "bedrock", Api::Converse),
];

fn sse(name: &str, data: &str, out: &mut Vec<u8>) {
    if !name.is_empty() {
        out.extend_from_slice(format!("event: {name}\n").as_bytes());
    }
    out.extend_from_slice(format!("data: {data}\n\n").as_bytes());
}

#[cfg(feature = "bedrock")]
fn frame(name: &str, data: &str, out: &mut Vec<u8>) {
    use aws_smithy_types::event_stream::{Header, HeaderValue, Message};
    let header = |key: &'static str, value: &str| Header::new(key, HeaderValue::String(value.to_owned().into()));
    let message = Message::new(data.to_owned())
        .add_header(header(":event-type", name))
        .add_header(header(":content-type", "application/json"))
        .add_header(header(":message-type", "event"));
    aws_smithy_eventstream::frame::write_message_to(&message, out).expect("frame");
}

/// An answer of text in so many pieces, as each provider writes it.
fn text(api: Api, pieces: usize) -> Vec<u8> {
    let mut out = Vec::new();
    match api {
        Api::Chat => {
            let chunk = r#"{"id":"chatcmpl-9xYb3","object":"chat.completion.chunk","created":1795305600,"model":"gpt-4.1-mini-2025-04-14","service_tier":"default","system_fingerprint":"fp_1","choices":[{"index":0,"delta":{"content":" and the next"},"logprobs":null,"finish_reason":null}],"usage":null,"obfuscation":"x7Qab"}"#;
            (0..pieces).for_each(|_| sse("", chunk, &mut out));
            sse("", r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#, &mut out);
        }
        Api::Responses => {
            let delta = r#"{"type":"response.output_text.delta","sequence_number":4,"item_id":"msg_01aa","output_index":0,"content_index":0,"delta":" and the next","logprobs":[],"obfuscation":"x7Q"}"#;
            (0..pieces).for_each(|_| sse("response.output_text.delta", delta, &mut out));
            sse("", r#"{"type":"response.completed","response":{"status":"completed"}}"#, &mut out);
        }
        Api::Messages => {
            let delta =
                r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":" and the next"}}"#;
            (0..pieces).for_each(|_| sse("content_block_delta", delta, &mut out));
            sse("", r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"}}"#, &mut out);
        }
        Api::Gemini => {
            let chunk = r#"{"candidates":[{"content":{"parts":[{"text":" and the next"}],"role":"model"},"index":0}],"usageMetadata":{"promptTokenCount":38,"totalTokenCount":38,"promptTokensDetails":[{"modality":"TEXT","tokenCount":38}]},"modelVersion":"gemini-2.5-flash","responseId":"Rsp9aZ"}"#;
            (0..pieces).for_each(|_| sse("", chunk, &mut out));
            sse("", r#"{"candidates":[{"finishReason":"STOP"}]}"#, &mut out);
        }
        #[cfg(feature = "bedrock")]
        Api::Converse => {
            let delta = r#"{"contentBlockIndex":0,"delta":{"text":" and the next"},"p":"abcdefgh"}"#;
            (0..pieces).for_each(|_| frame("contentBlockDelta", delta, &mut out));
            frame("messageStop", r#"{"stopReason":"end_turn"}"#, &mut out);
        }
        other => panic!("{other:?}"),
    }
    out
}

/// One tool call whose argument of so many bytes comes in pieces of eight.
fn argument(api: Api, bytes: usize) -> Vec<u8> {
    let mut out = Vec::new();
    let pieces = bytes / 8;
    match api {
        Api::Chat => {
            sse(
                "",
                r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"a","function":{"name":"f"}}]}}]}"#,
                &mut out,
            );
            let piece = r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"arguments":"abcdefgh"}}]}}]}"#;
            (0..pieces).for_each(|_| sse("", piece, &mut out));
            sse("", r#"{"choices":[{"delta":{},"finish_reason":"tool_calls"}]}"#, &mut out);
        }
        Api::Responses => {
            let item = r#"{"type":"response.output_item.added","output_index":0,"item":{"type":"function_call","call_id":"a","name":"f"}}"#;
            sse("", item, &mut out);
            let piece = r#"{"type":"response.function_call_arguments.delta","output_index":0,"delta":"abcdefgh"}"#;
            (0..pieces).for_each(|_| sse("", piece, &mut out));
            sse("", r#"{"type":"response.completed","response":{"status":"completed"}}"#, &mut out);
        }
        Api::Messages => {
            let block = r#"{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"a","name":"f","input":{}}}"#;
            sse("", block, &mut out);
            let piece = r#"{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"abcdefgh"}}"#;
            (0..pieces).for_each(|_| sse("", piece, &mut out));
            sse("", r#"{"type":"message_delta","delta":{"stop_reason":"tool_use"}}"#, &mut out);
        }
        Api::Gemini => {
            let start = r#"{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f","willContinue":true}}]}}]}"#;
            sse("", start, &mut out);
            let piece = r#"{"candidates":[{"content":{"parts":[{"functionCall":{"partialArgs":[{"jsonPath":"$.a","stringValue":"abcdefgh","willContinue":true}],"willContinue":true}}]}}]}"#;
            (0..pieces).for_each(|_| sse("", piece, &mut out));
            sse("", r#"{"candidates":[{"finishReason":"STOP"}]}"#, &mut out);
        }
        #[cfg(feature = "bedrock")]
        Api::Converse => {
            let start = r#"{"contentBlockIndex":0,"start":{"toolUse":{"toolUseId":"a","name":"f"}}}"#;
            frame("contentBlockStart", start, &mut out);
            let piece = r#"{"contentBlockIndex":0,"delta":{"toolUse":{"input":"abcdefgh"}}}"#;
            (0..pieces).for_each(|_| frame("contentBlockDelta", piece, &mut out));
            frame("messageStop", r#"{"stopReason":"tool_use"}"#, &mut out);
        }
        other => panic!("{other:?}"),
    }
    out
}

/// A service whose answer is there already.
struct Answers {
    provider: &'static str,
    api: Api,
    bytes: Bytes,
}

impl Model for Answers {
    fn stream(&self, _: ModelRequest) -> ModelStream {
        let (mut framing, mut codec) = (Framing::new(self.api, 1 << 24), codec(self.provider, self.api));
        let bytes = self.bytes.clone();
        let mut places = (0..bytes.len()).step_by(PIECE);
        let mut ended = false;
        let batches = std::iter::from_fn(move || {
            let mut out = Vec::new();
            match places.next() {
                Some(at) => framing.push(&bytes[at..bytes.len().min(at + PIECE)]),
                None if ended => return None,
                None => ended = true,
            }
            while let Some(event) = framing.next(ended) {
                let (name, data) = event.expect("frame");
                codec.on_event(std::str::from_utf8(&name).expect("name"), &data, &mut out).expect("event");
            }
            if ended {
                codec.finish(&mut out).expect("whole");
            }
            Some(stream::iter(out.into_iter().map(Ok)))
        });
        stream::iter(batches).flatten().boxed()
    }

    fn provider(&self) -> &str {
        self.provider
    }

    fn name(&self) -> &str {
        "bench"
    }
}

/// A run of the built-in agent on an answer, to the frames that are logged and sent.
fn run(runtime: &tokio::runtime::Runtime, agent: &BuiltInAgent) -> usize {
    runtime.block_on(async {
        let question = UserMessage { id: "u".into(), content: "Hi".into(), ..Default::default() };
        let messages = vec![Message::User(question)];
        let input = RunAgentInput { thread_id: "t".into(), run_id: "r".into(), messages, ..Default::default() };
        let mut events = agent.run(RunContext::new("bench", input));
        let mut seq = 0;
        while let Some(event) = events.next().await {
            black_box(Frame::new(seq, 0, event.expect("event")));
            seq += 1;
        }
        usize::try_from(seq).expect("few")
    })
}

fn agent(provider: &'static str, api: Api, bytes: Vec<u8>) -> BuiltInAgent {
    BuiltInAgent::builder(Arc::new(Answers { provider, api, bytes: bytes.into() })).max_steps(1).build()
}

fn built_in(c: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("runtime");
    let mut group = c.benchmark_group("text, to AG-UI events");
    group.throughput(Throughput::Elements(EVENTS as u64)).sample_size(20);
    for &(name, provider, api) in DIALECTS {
        let agent = agent(provider, api, text(api, EVENTS));
        assert!(run(&runtime, &agent) > EVENTS);
        group.bench_function(name, |b| b.iter(|| run(&runtime, black_box(&agent))));
    }
    group.finish();
    let mut group = c.benchmark_group("argument in pieces of 8 bytes, to AG-UI events");
    group.sample_size(10);
    for &(name, provider, api) in DIALECTS {
        for kibibytes in [256, 1024] {
            let agent = agent(provider, api, argument(api, kibibytes * 1024));
            group.throughput(Throughput::Elements(kibibytes as u64 * 128));
            group.bench_function(BenchmarkId::new(name, format!("{kibibytes} KiB")), |b| {
                b.iter(|| run(&runtime, black_box(&agent)));
            });
        }
    }
    group.finish();
}

/// Reads an answer as the service's model does, and gives the number of its events.
fn read(provider: &str, api: Api, bytes: &[u8]) -> usize {
    let (mut framing, mut codec) = (Framing::new(api, 1 << 24), codec(provider, api));
    let (mut out, mut count) = (Vec::new(), 0);
    for piece in bytes.chunks(PIECE) {
        framing.push(piece);
        while let Some(event) = framing.next(false) {
            let (name, data) = event.expect("frame");
            codec.on_event(std::str::from_utf8(&name).expect("name"), &data, &mut out).expect("event");
        }
        count += out.len();
        black_box(&out);
        out.clear();
    }
    codec.finish(&mut out).expect("whole");
    count + out.len()
}

fn deltas(c: &mut Criterion) {
    let mut group = c.benchmark_group("text");
    group.throughput(Throughput::Elements(EVENTS as u64)).sample_size(20);
    for &(name, provider, api) in DIALECTS {
        let bytes = text(api, EVENTS);
        assert!(read(provider, api, &bytes) > EVENTS);
        group.bench_function(name, |b| b.iter(|| read(provider, api, black_box(&bytes))));
    }
    group.finish();
}

fn arguments(c: &mut Criterion) {
    let mut group = c.benchmark_group("argument in pieces of 8 bytes");
    group.sample_size(10);
    for &(name, provider, api) in DIALECTS {
        for kibibytes in [256, 1024] {
            let bytes = argument(api, kibibytes * 1024);
            group.throughput(Throughput::Elements(kibibytes as u64 * 128));
            group.bench_with_input(BenchmarkId::new(name, format!("{kibibytes} KiB")), &bytes, |b, bytes| {
                b.iter(|| read(provider, api, black_box(bytes)));
            });
        }
    }
    group.finish();
}

criterion_group!(benches, deltas, arguments, built_in);
criterion_main!(benches);
