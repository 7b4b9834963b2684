//! Recorded and synthetic streams of many services: however the bytes are cut, the events are the same, and they mean
//! what the reference runtime made of them, except where the table below says what is better.

#![allow(clippy::expect_used, clippy::panic, reason = "helpers of tests may fail loudly")]
#![allow(unreachable_pub, reason = "helpers that several tests share")]

#[path = "kit/run.rs"]
mod run;
#[path = "kit/streams.rs"]
mod streams;

use copilotkit_adapters::Api;
use copilotkit_runtime::ModelEvent;
use copilotkit_runtime::model::ModelErrorKind;
use run::Run;
use serde_json::Value;
use streams::{Outcome, Stream, data, decode, streams};

/// Where ours ends differently from the reference runtime.
enum Ours {
    /// With this error, provider's message and code.
    Error(ModelErrorKind, &'static str, Option<&'static str>),
    /// With another finish reason.
    Finish(&'static str),
    /// It does not fail: text, finish reason, tokens read and written.
    Runs(&'static str, &'static str, [u64; 2]),
}

use ModelErrorKind::{Overloaded, Protocol, Provider, Quota, RateLimit};
use Ours::{Error, Finish, Runs};

const OURS: &[(&str, Ours)] = &[
    ("openai-chat/error-midstream", Error(Overloaded, "synthetic server failure", Some("server_error"))),
    ("openai-chat/error-first-frame", Error(Quota, "synthetic quota message", Some("insufficient_quota"))),
    ("openai-chat/truncated", Error(Protocol, "the model's stream ended without a finish reason", None)),
    (
        "deepseek/insufficient-system-resource",
        Error(
            Overloaded,
            "the provider ran out of resources in the middle of the answer: try again",
            Some("insufficient_system_resource"),
        ),
    ),
    ("compat/empty-body", Error(Protocol, EMPTY, None)),
    ("compat/openrouter-error-midstream", Error(Overloaded, "synthetic provider drop", Some("502"))),
    ("compat/vllm-error-object", Error(Overloaded, "synthetic engine failure", Some("500"))),
    ("compat/gemini-no-index-no-id", Finish("tool-calls")),
    ("openai-responses/error-before-output", Error(Quota, "synthetic quota message", Some("insufficient_quota"))),
    ("openai-responses/error-midstream", Error(Overloaded, "synthetic processing failure", Some("server_error"))),
    ("openai-responses/failed-midstream", Error(Overloaded, "synthetic model failure", Some("server_error"))),
    ("anthropic/error-first-frame", Error(Overloaded, "Overloaded", Some("overloaded_error"))),
    ("anthropic/error-midstream", Error(Overloaded, "Overloaded", Some("overloaded_error"))),
    ("anthropic/unknown-event-and-block", Runs("Still fine.", "stop", [412, 7])),
    ("gemini/error-midstream", Error(Overloaded, "synthetic overload message", Some("UNAVAILABLE"))),
    (
        "gemini/malformed-function-call",
        Error(
            Provider,
            "the model made a tool call that cannot be used (MALFORMED_FUNCTION_CALL)",
            Some("MALFORMED_FUNCTION_CALL"),
        ),
    ),
    #[cfg(feature = "bedrock")]
    ("bedrock/throttled-midstream", Error(RateLimit, "synthetic throttling message", Some("throttlingException"))),
];
const EMPTY: &str = "the provider sent an empty answer: the conversation may be longer than the model takes";

fn whole(stream: &Stream) -> Outcome {
    decode(stream.provider, stream.api, [&stream.bytes[..]])
}

#[test]
fn all_streams_are_there() {
    let count = streams().len();
    assert_eq!(count, if cfg!(feature = "bedrock") { 57 } else { 55 });
    let _ = RateLimit;
}

#[test]
fn however_the_bytes_are_cut_the_events_are_the_same() {
    for stream in streams() {
        let Stream { name, provider, api, bytes } = &stream;
        let (events, error) = whole(&stream);
        let error = error.map(|error| error.message);
        let check = |(other, other_error): Outcome, how: String| {
            assert_eq!(other, events, "{name}, {how}");
            assert_eq!(other_error.map(|error| error.message), error, "{name}, {how}");
        };
        for size in 1..=64 {
            check(decode(provider, *api, bytes.chunks(size)), format!("pieces of {size}"));
        }
        for at in 0..=bytes.len() {
            let (left, right) = bytes.split_at(at);
            check(decode(provider, *api, [left, right]), format!("cut at {at}"));
        }
    }
}

#[test]
fn the_events_mean_what_the_reference_runtime_made_of_them() {
    let mut differences = 0;
    for stream in streams() {
        let name = &stream.name;
        let upstream = std::fs::read_to_string(data().join(format!("{name}.upstream.ndjson"))).expect(name);
        let mut expected = Run::of_upstream(&upstream, stream.api);
        let (events, error) = whole(&stream);
        let run = Run::of_events(&events);
        let row = OURS.iter().find(|row| row.0 == name).map(|row| &row.1);
        differences += usize::from(row.is_some());
        match row {
            Some(Error(kind, message, code)) => {
                let error = error.expect(name);
                let found = (error.kind, &*error.message, error.provider_code.as_deref());
                assert_eq!(found, (*kind, *message, *code), "{name}");
                expected.finish = None;
                expected.usage = [0; 5];
            }
            Some(Finish(reason)) => {
                assert!(error.is_none(), "{name}: {error:?}");
                expected.finish = Some((*reason).to_owned());
            }
            Some(Runs(text, reason, [input, output])) => {
                assert!(error.is_none(), "{name}: {error:?}");
                expected.order.push("text".into());
                expected.text = (*text).to_owned();
                expected.finish = Some((*reason).to_owned());
                expected.usage = [*input, *output, input + output, 0, 0];
            }
            None => assert!(error.is_none(), "{name}: {error:?}"),
        }
        assert_eq!(run, expected, "{name}");
        for (id, tool, arguments) in &run.calls {
            let whole = run.finish.as_deref() == Some("tool-calls");
            assert!(!whole || serde_json::from_str::<Value>(arguments).is_ok(), "{name}: {tool} {id} {arguments}");
        }
    }
    assert_eq!(differences, OURS.len());
}

/// A connection that breaks anywhere is never taken for a whole answer, nor does it upset a codec.
#[test]
fn a_stream_that_is_cut_off_is_an_error_or_whole() {
    for stream in streams() {
        let (all, error) = whole(&stream);
        let finish = |events: &[ModelEvent]| match events.last() {
            Some(ModelEvent::Finish { reason, .. }) => Some(*reason),
            _ => None,
        };
        let text = |events: &[ModelEvent]| Run::of_events(events);
        for at in 0..stream.bytes.len() {
            let (events, cut) = decode(stream.provider, stream.api, [&stream.bytes[..at]]);
            match finish(&events) {
                // Nothing but the count of tokens may be missing.
                Some(reason) => {
                    assert!(error.is_none(), "{} at {at}", stream.name);
                    assert_eq!(Some(reason), finish(&all), "{} at {at}", stream.name);
                    let (mut whole, mut part) = (text(&all), text(&events));
                    (whole.usage, part.usage) = ([0; 5], [0; 5]);
                    assert_eq!(part, whole, "{} at {at}", stream.name);
                }
                None => assert!(cut.is_some(), "{} at {at}", stream.name),
            }
        }
    }
}

fn named(name: &str) -> Vec<ModelEvent> {
    let streams = streams();
    whole(streams.iter().find(|stream| stream.name == name).expect(name)).0
}

#[test]
fn pieces_of_arguments_are_handed_on_as_they_come() {
    let deltas = |name: &str| -> Vec<String> {
        let delta = |event| match event {
            ModelEvent::ToolCallDelta { delta, .. } => Some(delta),
            _ => None,
        };
        named(name).into_iter().filter_map(delta).collect()
    };
    let chat = ["{\"", "city", "\":\"", "Zürich \\\"", "Altstadt\\\"", "\",\"unit\":\"c", "\"}"];
    assert_eq!(deltas("openai-chat/tool-call-split-args"), chat);
    assert_eq!(deltas("openai-responses/reasoning-summary-tool-call"), ["{\"", "city", "\":\"Zü", "rich\"}"]);
    let messages = ["{\"city\": \"Zü", "rich\", \"unit", "\": \"c\"}"];
    assert_eq!(deltas("anthropic/thinking-signature-tool-use"), messages);
    let gemini = [
        "{\"title\":\"Team ",
        "lunch \\\"A\\\"\"",
        ",\"attendees\":[\"ana\",\"bo\"",
        "],\"hours\":2,\"remote\":true",
        "}",
    ];
    assert_eq!(deltas("gemini/vertex-streamed-arguments"), gemini);
}

/// What must come back to the provider, wherever it said it: `(place, value)`.
fn artefacts(name: &str) -> Vec<(&'static str, Value)> {
    let value = |text: &str| serde_json::from_str(text).expect(text);
    let kept = |event: &ModelEvent| match event {
        ModelEvent::ReasoningEnd { encrypted_value } => encrypted_value.as_deref().map(|text| ("thought", value(text))),
        ModelEvent::TextSignature(text) => Some(("text", value(text))),
        ModelEvent::ToolCallEnd { encrypted_value, .. } => encrypted_value.as_deref().map(|text| ("call", value(text))),
        _ => None,
    };
    named(name).iter().filter_map(kept).collect()
}

#[test]
fn signatures_are_kept_with_what_they_sign() {
    use serde_json::json;
    let google = |k: &str, v: &str| json!({ "p": "google", "k": k, "v": v });
    let anthropic = |k: &str, v: &str| json!({ "p": "anthropic", "k": k, "v": v });
    for (name, expected) in [
        (
            "compat/gemini-no-index-no-id",
            vec![("call", json!({ "p": "custom", "k": "thought_signature", "v": "Cq8B+gs==" }))],
        ),
        ("gemini/thought-then-text", vec![("text", google("text", "CiQBveKJ+sig=="))]),
        ("gemini/function-call", vec![("call", google("thought_signature", "CrABAcu98PB+fc+sig=="))]),
        ("gemini/parallel-function-calls-one-chunk", vec![("call", google("thought_signature", "Cs1+first+only=="))]),
        ("gemini/vertex-streamed-arguments", vec![("call", google("thought_signature", "CvTx=="))]),
        (
            "anthropic/thinking-signature-tool-use",
            vec![("thought", anthropic("thinking", "EqQBCkYIBxgCKkBh0h8s+signed+blob=="))],
        ),
        (
            "anthropic/redacted-thinking",
            vec![("thought", anthropic("redacted_thinking", "EmwKAhgBEgy3va3p+redacted=="))],
        ),
        (
            "openai-responses/reasoning-summary-tool-call",
            vec![(
                "thought",
                json!({ "p": "openai", "k": "reasoning", "v": "gAAAAABm_final_blob_x9==", "id": "rs_01", "n": 2 }),
            )],
        ),
        #[cfg(feature = "bedrock")]
        (
            "bedrock/reasoning-text-tool-use",
            vec![("thought", json!({ "p": "bedrock", "k": "thinking", "v": "EqQB+bd+sig==" }))],
        ),
    ] {
        assert_eq!(artefacts(name), expected, "{name}");
    }
    let details = artefacts("compat/openrouter-comments-reasoning-details");
    let inner: Value = serde_json::from_str(details[0].1["v"].as_str().expect("text")).expect("JSON");
    let expected = json!([{
        "type": "reasoning.text", "text": "Hmm", "format": "anthropic-claude-v1", "index": 0, "signature": "EqQB+or+sig==",
    }]);
    assert_eq!((details.len(), inner), (1, expected));
}

#[test]
fn tokens_of_the_cache_are_counted() {
    let usage = |name: &str| match named(name).pop() {
        Some(ModelEvent::Finish { usage, .. }) => {
            (usage.input_tokens, usage.cached_input_tokens, usage.cache_write_input_tokens)
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(usage("anthropic/text"), (Some(12 + 2048 + 256), Some(2048), Some(256)));
    #[cfg(feature = "bedrock")]
    assert_eq!(usage("bedrock/reasoning-text-tool-use"), (Some(55 + 10 + 5), Some(10), Some(5)));
}

fn decode_lines(api: Api, lines: &[&str]) -> Outcome {
    let text: String = lines.iter().map(|line| format!("data: {line}\n\n")).collect();
    decode("custom", api, [text.as_bytes()])
}

#[test]
fn tolerated_oddities_of_chat() {
    // No `[DONE]`; the finish reason before the last delta; usage inside the choice; a later blank reason.
    let (events, error) = decode_lines(
        Api::Chat,
        &[
            r#"{"choices":[{"delta":{"content":"a"},"finish_reason":"stop"}]}"#,
            r#"{"choices":[{"delta":{"content":"b"},"finish_reason":"","usage":{"prompt_tokens":3,"completion_tokens":4}}]}"#,
            r#"{"type":"ping"}"#,
        ],
    );
    assert!(error.is_none(), "{error:?}");
    let run = Run::of_events(&events);
    assert_eq!((&*run.text, run.finish.as_deref(), run.usage[..3].to_vec()), ("ab", Some("stop"), vec![3, 4, 7]));

    let (_, error) = decode_lines(Api::Chat, &[r#"{"x_groq":{"error":"over capacity"}}"#]);
    assert_eq!(error.expect("groq").message, "over capacity");
    let (_, error) = decode_lines(Api::Chat, &[r#"{"detail":"no such engine"}"#]);
    assert_eq!(error.expect("detail").message, "no such engine");
    for api in [Api::Chat, Api::Responses, Api::Messages, Api::Gemini] {
        let (_, error) = decode_lines(api, &["<html>"]);
        assert_eq!(error.expect("not JSON").kind, ModelErrorKind::Protocol);
    }
}

#[test]
fn tolerated_oddities_of_responses() {
    // Items that only come whole; a reason that is not known; an argument-less call.
    let (events, error) = decode_lines(
        Api::Responses,
        &[
            r#"{"type":"response.output_item.done","output_index":0,"item":{"id":"m","type":"message","content":[{"type":"output_text","text":"Hi"}]}}"#,
            r#"{"type":"response.output_item.done","output_index":1,"item":{"id":"f","type":"function_call","call_id":"c","name":"t","arguments":""}}"#,
            r#"{"type":"response.brand_new","x":[1]}"#,
            r#"{"type":"response.completed","response":{"status":"completed"}}"#,
        ],
    );
    assert!(error.is_none(), "{error:?}");
    let run = Run::of_events(&events);
    assert_eq!(run.order, ["text:m", "call:c"]);
    assert_eq!((&*run.text, &*run.calls[0].2, run.finish.as_deref()), ("Hi", "{}", Some("tool-calls")));
    // Reasoning that is not readable has to come back all the same.
    let (events, _) = decode_lines(
        Api::Responses,
        &[
            r#"{"type":"response.output_item.added","output_index":0,"item":{"id":"rs","type":"reasoning","encrypted_content":"a"}}"#,
            r#"{"type":"response.output_item.done","output_index":0,"item":{"id":"rs","type":"reasoning","encrypted_content":"b"}}"#,
        ],
    );
    assert!(
        matches!(&events[..], [ModelEvent::ReasoningStart { .. }, ModelEvent::ReasoningEnd { encrypted_value: Some(value) }]
            if value.contains("\"b\"")),
        "{events:?}"
    );
}

#[test]
fn tolerated_oddities_of_messages() {
    // Arguments that are there from the beginning; a block that is cut by the limit; no `message_stop`.
    let (events, error) = decode_lines(
        Api::Messages,
        &[
            r#"{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"a","name":"f","input":{"x":1}}}"#,
            r#"{"type":"content_block_stop","index":0}"#,
            r#"{"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"b","name":"g","input":{}}}"#,
            r#"{"type":"message_delta","delta":{"stop_reason":"max_tokens"},"usage":{"output_tokens":5}}"#,
        ],
    );
    assert!(error.is_none(), "{error:?}");
    let run = Run::of_events(&events);
    let expected = [("a".into(), "f".into(), "{\"x\":1}".into()), ("b".into(), "g".into(), String::new())];
    assert_eq!((run.calls.as_slice(), run.finish.as_deref()), (&expected[..], Some("length")));
}
