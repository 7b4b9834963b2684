//! Recorded and synthetic streams of many services: however the bytes are cut, the events are the same, and they mean
//! what the reference runtime made of them, except where the table below says what is better.

#![allow(clippy::expect_used, clippy::panic, reason = "helpers of tests may fail loudly")]

use bytes::Bytes;
use copilotkit_adapters::openai_chat::{Codec, CodecOptions};
use copilotkit_protocol::sse;
use copilotkit_runtime::model::ModelErrorKind;
use copilotkit_runtime::{ModelError, ModelEvent};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// Where ours ends differently from the reference runtime: `Err((kind, message, code))`, or another finish reason.
const OURS: &[(&str, Ours)] = &[
    (
        "openai-chat/error-midstream",
        Err((ModelErrorKind::Overloaded, "synthetic server failure", Some("server_error"))),
    ),
    (
        "openai-chat/error-first-frame",
        Err((ModelErrorKind::Quota, "synthetic quota message", Some("insufficient_quota"))),
    ),
    (
        "openai-chat/truncated",
        Err((ModelErrorKind::Protocol, "the model's stream ended without a finish reason", None)),
    ),
    (
        "deepseek/insufficient-system-resource",
        Err((
            ModelErrorKind::Overloaded,
            "the provider ran out of resources in the middle of the answer: try again",
            Some("insufficient_system_resource"),
        )),
    ),
    ("compat/empty-body", Err((ModelErrorKind::Protocol, EMPTY, None))),
    ("compat/openrouter-error-midstream", Err((ModelErrorKind::Overloaded, "synthetic provider drop", Some("502")))),
    ("compat/vllm-error-object", Err((ModelErrorKind::Overloaded, "synthetic engine failure", Some("500")))),
    ("compat/gemini-no-index-no-id", Ok("tool-calls")),
];
const EMPTY: &str = "the provider sent an empty answer: the conversation may be longer than the model takes";
type Ours = Result<&'static str, (ModelErrorKind, &'static str, Option<&'static str>)>;

fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/data/llm")
}

/// `folder/name` of every stream, with its bytes.
fn streams() -> Vec<(String, Vec<u8>)> {
    let mut streams = Vec::new();
    for folder in ["openai-chat", "compat", "deepseek", "groq", "mistral"] {
        for entry in std::fs::read_dir(data().join(folder)).expect(folder) {
            let path = entry.expect("entry").path();
            if path.extension().is_some_and(|extension| extension == "sse") {
                let name = path.file_stem().expect("name").to_string_lossy().into_owned();
                streams.push((format!("{folder}/{name}"), std::fs::read(&path).expect("stream")));
            }
        }
    }
    streams.sort();
    assert!(streams.len() >= 29, "only {} streams", streams.len());
    streams
}

/// What a codec makes of these pieces.
fn decode<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<ModelEvent>, Option<ModelError>) {
    let mut decoder = sse::Decoder::new(1 << 20);
    let options = CodecOptions {
        provider: "p".into(),
        model: "m".into(),
        id_prefix: "minted_".into(),
        ..CodecOptions::default()
    };
    let mut codec = Codec::new(options);
    let mut out = Vec::new();
    for piece in pieces {
        decoder.push(Bytes::copy_from_slice(piece));
        for event in decoder.by_ref() {
            if let Err(error) = codec.on_data(&event.expect("sse").data, &mut out) {
                return (out, Some(error));
            }
        }
    }
    while let Some(event) = decoder.finish() {
        if let Err(error) = codec.on_data(&event.expect("sse").data, &mut out) {
            return (out, Some(error));
        }
    }
    let error = codec.finish(&mut out).err();
    (out, error)
}

#[test]
fn however_the_bytes_are_cut_the_events_are_the_same() {
    for (name, bytes) in streams() {
        let (events, error) = decode([&bytes[..]]);
        let error = error.map(|error| error.message);
        let check = |(other, other_error): (Vec<ModelEvent>, Option<ModelError>), how: String| {
            assert_eq!(other, events, "{name}, {how}");
            assert_eq!(other_error.map(|error| error.message), error, "{name}, {how}");
        };
        for size in 1..=64 {
            check(decode(bytes.chunks(size)), format!("pieces of {size}"));
        }
        for at in 0..=bytes.len() {
            let (left, right) = bytes.split_at(at);
            check(decode([left, right]), format!("cut at {at}"));
        }
    }
}

/// A run in a form that both sides can be brought to.
#[derive(Debug, Default, PartialEq)]
struct Run {
    /// `text`, `reasoning` and `call:ID` in the order in which they began.
    order: Vec<String>,
    text: String,
    reasoning: String,
    /// Id, name, arguments.
    calls: Vec<(String, String, String)>,
    ended: Vec<String>,
    finish: Option<String>,
    /// Input, output, total, cached, reasoning; what is unknown counts as 0.
    usage: [u64; 5],
}

impl Run {
    fn call(&mut self, id: &str) -> &mut (String, String, String) {
        self.calls.iter_mut().find(|call| call.0 == id).expect("started")
    }

    fn of_events(events: &[ModelEvent]) -> Self {
        let mut run = Self::default();
        let mut open: Option<&str> = None;
        for event in events {
            match event {
                ModelEvent::TextStart { .. } => {
                    assert_eq!(open.replace("text"), None);
                    run.order.push("text".into());
                }
                ModelEvent::ReasoningStart { .. } => {
                    assert_eq!(open.replace("reasoning"), None);
                    run.order.push("reasoning".into());
                }
                ModelEvent::TextDelta(delta) => {
                    assert!(open == Some("text") && !delta.is_empty());
                    run.text.push_str(delta);
                }
                ModelEvent::ReasoningDelta(delta) => {
                    assert!(open == Some("reasoning") && !delta.is_empty());
                    run.reasoning.push_str(delta);
                }
                ModelEvent::TextEnd => assert_eq!(open.take(), Some("text")),
                ModelEvent::ReasoningEnd { .. } => assert_eq!(open.take(), Some("reasoning")),
                ModelEvent::ToolCallStart { id, name } => {
                    assert_eq!(open, None, "a block is open when a call starts");
                    run.order.push(format!("call:{id}"));
                    run.calls.push((id.clone(), name.clone(), String::new()));
                }
                ModelEvent::ToolCallDelta { id, delta } => {
                    assert!(!delta.is_empty());
                    run.call(id).2.push_str(delta);
                }
                ModelEvent::ToolCallEnd { id, .. } => run.ended.push(id.clone()),
                ModelEvent::Finish { reason, usage } => {
                    assert_eq!(open, None, "a block is open at the end");
                    run.finish = Some(reason.as_str().to_owned());
                    run.usage = [
                        usage.input_tokens,
                        usage.output_tokens,
                        usage.total_tokens,
                        usage.cached_input_tokens,
                        usage.reasoning_tokens,
                    ]
                    .map(Option::unwrap_or_default);
                }
                other => panic!("{other:?}"),
            }
        }
        run
    }

    /// From AG-UI events; minted ids become `minted_N`.
    fn of_upstream(ndjson: &str) -> Self {
        let mut run = Self::default();
        let mut last_text = String::new();
        for line in ndjson.lines() {
            let event: Value = serde_json::from_str(line).expect(line);
            let text = |key: &str| event[key].as_str().unwrap_or_default().to_owned();
            let call_id = || text("toolCallId").replace("$call", "minted_");
            match event["type"].as_str().expect("type") {
                "TEXT_MESSAGE_CHUNK" => {
                    if std::mem::replace(&mut last_text, text("messageId")) != text("messageId") {
                        run.order.push("text".into());
                    }
                    run.text.push_str(&text("delta"));
                }
                "REASONING_MESSAGE_START" => run.order.push("reasoning".into()),
                "REASONING_MESSAGE_CONTENT" => run.reasoning.push_str(&text("delta")),
                "TOOL_CALL_START" => {
                    run.order.push(format!("call:{}", call_id()));
                    run.calls.push((call_id(), text("toolCallName"), String::new()));
                }
                "TOOL_CALL_ARGS" => run.call(&call_id()).2.push_str(&text("delta")),
                "TOOL_CALL_END" => run.ended.push(call_id()),
                "RUN_FINISHED" => {
                    run.finish = Some(text("finishReason"));
                    let count = |key: &str| event["usage"][0][key].as_u64().unwrap_or_default();
                    run.usage = ["inputTokens", "outputTokens", "totalTokens", "cachedInputTokens", "reasoningTokens"]
                        .map(count);
                }
                "RUN_ERROR" | "RUN_STARTED" | "REASONING_START" | "REASONING_MESSAGE_END" | "REASONING_END" => {}
                other => panic!("{other}"),
            }
        }
        run
    }
}

#[test]
fn the_events_mean_what_the_reference_runtime_made_of_them() {
    let mut differences = 0;
    for (name, bytes) in streams() {
        let upstream = std::fs::read_to_string(data().join(format!("{name}.upstream.ndjson"))).expect(&name);
        let mut expected = Run::of_upstream(&upstream);
        let (events, error) = decode([&bytes[..]]);
        let run = Run::of_events(&events);
        match OURS.iter().find(|row| row.0 == name).map(|row| row.1) {
            Some(Err((kind, message, code))) => {
                differences += 1;
                let error = error.expect(&name);
                assert_eq!(
                    (error.kind, &*error.message, error.provider_code.as_deref()),
                    (kind, message, code),
                    "{name}"
                );
                expected.finish = None;
                expected.usage = [0; 5];
            }
            Some(Ok(finish)) => {
                differences += 1;
                assert!(error.is_none(), "{name}: {error:?}");
                expected.finish = Some(finish.to_owned());
            }
            None => assert!(error.is_none(), "{name}: {error:?}"),
        }
        assert_eq!(run, expected, "{name}");
    }
    assert_eq!(differences, OURS.len());
}

#[test]
fn pieces_of_arguments_are_handed_on_as_they_come() {
    let bytes = std::fs::read(data().join("openai-chat/tool-call-split-args.sse")).expect("stream");
    let (events, _) = decode([&bytes[..]]);
    let deltas: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            ModelEvent::ToolCallDelta { delta, .. } => Some(delta.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(deltas, ["{\"", "city", "\":\"", "Zürich \\\"", "Altstadt\\\"", "\",\"unit\":\"c", "\"}"]);
}

#[test]
fn a_signature_beside_a_call_is_kept() {
    let bytes = std::fs::read(data().join("compat/gemini-no-index-no-id.sse")).expect("stream");
    let (events, _) = decode([&bytes[..]]);
    let signatures: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            ModelEvent::ToolCallEnd { encrypted_value, .. } => Some(encrypted_value.as_deref()),
            _ => None,
        })
        .collect();
    assert!(matches!(signatures[..], [Some(first), None] if first.contains("Cq8B+gs==")), "{signatures:?}");
}

#[test]
fn tolerated_oddities() {
    let decode_lines = |lines: &[&str]| {
        let text: String = lines.iter().map(|line| format!("data: {line}\n\n")).collect();
        decode([text.as_bytes()])
    };
    // No `[DONE]`; the finish reason before the last delta; usage inside the choice; a later blank reason.
    let (events, error) = decode_lines(&[
        r#"{"choices":[{"delta":{"content":"a"},"finish_reason":"stop"}]}"#,
        r#"{"choices":[{"delta":{"content":"b"},"finish_reason":"","usage":{"prompt_tokens":3,"completion_tokens":4}}]}"#,
        r#"{"type":"ping"}"#,
    ]);
    assert!(error.is_none(), "{error:?}");
    let run = Run::of_events(&events);
    assert_eq!((&*run.text, run.finish.as_deref(), run.usage[..3].to_vec()), ("ab", Some("stop"), vec![3, 4, 7]));

    let (_, error) = decode_lines(&[r#"{"x_groq":{"error":"over capacity"}}"#]);
    assert_eq!(error.expect("groq").message, "over capacity");
    let (_, error) = decode_lines(&[r#"{"detail":"no such engine"}"#]);
    assert_eq!(error.expect("detail").message, "no such engine");
    let (_, error) = decode_lines(&["<html>"]);
    assert_eq!(error.expect("not JSON").kind, ModelErrorKind::Protocol);
}
