//! Bytes that no provider should send: whatever comes, a codec ends with events that fit together or with an error.

#![allow(clippy::expect_used, clippy::panic, reason = "helpers of tests may fail loudly")]
#![allow(unreachable_pub, dead_code, reason = "helpers that several tests share")]

#[path = "fuzz/bodies.rs"]
mod bodies;

use bodies::holds;
use bodies::streams::{Framing, Stream, codec, streams};
use copilotkit_adapters::Api;
use copilotkit_runtime::model::ModelErrorKind;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::sync::LazyLock;

static STREAMS: LazyLock<Vec<Stream>> = LazyLock::new(streams);

/// Name and payload of each event of each stream.
static PAYLOADS: LazyLock<Vec<(&'static str, Api, Vec<Payload>)>> = LazyLock::new(|| {
    let payloads = |stream: &'static Stream| {
        let mut framing = Framing::new(stream.api, 1 << 20);
        framing.push(&stream.bytes);
        let mut payloads = Vec::new();
        while let Some(Ok((name, data))) = framing.next(true) {
            payloads.push((String::from_utf8(name.to_vec()).expect("name"), data.to_vec()));
        }
        (stream.provider, stream.api, payloads)
    };
    STREAMS.iter().map(payloads).filter(|(_, _, payloads)| !payloads.is_empty()).collect()
});
type Payload = (String, Vec<u8>);

/// The body of the dialect's fuzz target.
fn target(api: Api) -> fn(&[u8]) {
    match api {
        Api::Responses => bodies::responses,
        Api::Messages => bodies::messages,
        Api::Gemini => bodies::gemini,
        #[cfg(feature = "bedrock")]
        Api::Converse => bodies::converse,
        _ => bodies::chat,
    }
}

fn feed(provider: &str, api: Api, payloads: &[Payload]) {
    let (mut codec, mut out) = (codec(provider, api), Vec::new());
    for (name, data) in payloads {
        if codec.on_event(name, data, &mut out).is_err() {
            return holds(&out, true);
        }
    }
    let failed = codec.finish(&mut out).is_err();
    holds(&out, failed);
}

/// A value of another kind at a place of a tree that the number chooses.
fn damage(value: &mut Value, place: &mut usize, with: &Value) -> bool {
    if *place == 0 {
        *value = with.clone();
        return true;
    }
    *place -= 1;
    match value {
        Value::Array(items) => items.iter_mut().any(|item| damage(item, place, with)),
        Value::Object(members) => members.values_mut().any(|member| damage(member, place, with)),
        _ => false,
    }
}

fn odd() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        Just(json!(true)),
        Just(json!(-1)),
        Just(json!(u64::MAX)),
        Just(json!(1.5e300)),
        Just(json!("")),
        Just(json!("stop")),
        Just(json!([])),
        Just(json!({})),
        Just(json!([[{ "type": "text", "text": "x" }]])),
        Just(json!({ "type": "tool_use", "id": "a", "name": "f", "input": [1] })),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..400), which in any::<prop::sample::Index>()) {
        target(which.get(&STREAMS).api)(&bytes);
    }

    #[test]
    fn streams_with_some_bytes_changed(
        which in any::<prop::sample::Index>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..5),
    ) {
        let stream = which.get(&STREAMS);
        let mut bytes = stream.bytes.clone();
        for (at, byte) in changes.iter().filter(|_| !stream.bytes.is_empty()) {
            bytes[at.index(stream.bytes.len())] = *byte;
        }
        bodies::answer(stream.provider, stream.api, &bytes);
    }

    #[test]
    fn payloads_lost_doubled_and_out_of_order(
        which in any::<prop::sample::Index>(),
        picks in prop::collection::vec(any::<prop::sample::Index>(), 0..40),
    ) {
        let (provider, api, payloads) = which.get(&PAYLOADS);
        let picked: Vec<_> = picks.iter().map(|pick| pick.get(payloads).clone()).collect();
        feed(provider, *api, &picked);
    }

    #[test]
    fn payloads_of_other_streams_of_the_dialect(
        which in any::<prop::sample::Index>(),
        picks in prop::collection::vec(any::<(prop::sample::Index, prop::sample::Index)>(), 0..40),
    ) {
        let (provider, api, _) = which.get(&PAYLOADS);
        let same: Vec<_> = PAYLOADS.iter().filter(|(_, other, _)| other == api).collect();
        let picked: Vec<_> = picks.iter().map(|(stream, at)| at.get(&stream.get(&same).2).clone()).collect();
        feed(provider, *api, &picked);
    }

    #[test]
    fn members_of_other_types(
        which in any::<prop::sample::Index>(),
        at in any::<prop::sample::Index>(),
        place in 0usize..40,
        with in odd(),
    ) {
        let (provider, api, payloads) = which.get(&PAYLOADS);
        let mut payloads = payloads.clone();
        let at = at.index(payloads.len());
        let (_, data) = &mut payloads[at];
        if let Ok(mut value) = serde_json::from_slice::<Value>(data) {
            damage(&mut value, &mut place.clone(), &with);
            *data = value.to_string().into_bytes();
        }
        feed(provider, *api, &payloads);
    }
}

#[test]
fn a_frame_over_the_bound_is_an_error_in_every_framing() {
    for &(provider, api) in &[
        ("openai", Api::Chat),
        #[cfg(feature = "bedrock")]
        ("bedrock", Api::Converse),
    ] {
        let mut framing = Framing::new(api, 1 << 20);
        let mut bytes = vec![b'x'; 20 << 20];
        if api == Api::Chat {
            bytes[..6].copy_from_slice(b"data: ");
        } else {
            // Its length stands at the beginning.
            bytes[..4].copy_from_slice(&(20u32 << 20).to_be_bytes());
        }
        let mut result = None;
        for piece in bytes.chunks(1 << 16) {
            framing.push(piece);
            result = framing.next(false);
            if result.is_some() {
                break;
            }
        }
        let error = result.expect("an answer").expect_err(provider);
        assert_eq!(error.kind, ModelErrorKind::Protocol);
        assert!(framing.next(true).is_none(), "nothing comes after an error");
    }
}

/// Deep nesting neither exhausts the stack nor is taken for an answer.
#[test]
fn deep_nesting_is_an_error() {
    let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    for (provider, api, _) in PAYLOADS.iter() {
        let name = "contentBlockDelta";
        for data in [deep.clone(), format!("{{\"delta\":{deep}}}"), format!("{{\"x\":{deep}}}")] {
            let (mut codec, mut out) = (codec(provider, *api), Vec::new());
            let _ = codec.on_event(name, data.as_bytes(), &mut out);
            assert!(codec.finish(&mut out).is_err());
        }
    }
}
