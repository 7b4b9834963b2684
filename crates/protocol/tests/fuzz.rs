//! The bodies of the fuzz targets under proptest: arbitrary bytes, and known events that were shuffled and damaged.

#![expect(clippy::unwrap_used, reason = "helpers of a test")]

#[path = "fuzz/bodies.rs"]
mod bodies;

use proptest::prelude::*;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::path::Path;
use std::sync::LazyLock;

#[derive(Deserialize)]
struct Sample {
    event: Box<RawValue>,
    #[cfg(feature = "protobuf")]
    hex: String,
}

/// Every shape of every event that the samples of the protobuf binding hold.
static SAMPLES: LazyLock<Vec<Sample>> = LazyLock::new(|| {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/proto");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    let samples = |file| serde_json::from_slice::<Vec<Sample>>(&std::fs::read(file).unwrap()).unwrap();
    files.into_iter().flat_map(samples).collect()
});

fn damaged(bytes: Vec<u8>, damage: &[(usize, u8)]) -> Vec<u8> {
    let mut bytes = bytes;
    for (at, byte) in damage {
        let length = bytes.len().max(1);
        if let Some(place) = bytes.get_mut(at % length) {
            *place = *byte;
        }
    }
    bytes
}

fn damage() -> impl Strategy<Value = Vec<(usize, u8)>> {
    prop::collection::vec((any::<usize>(), prop_oneof![any::<u8>(), Just(b'"'), Just(b'n')]), 0..4)
}

/// Bytes of any kind, or lines of events with some bytes changed.
fn lines() -> impl Strategy<Value = Vec<u8>> {
    let picks = prop::collection::vec(any::<prop::sample::Index>(), 0..30);
    let events = (picks, damage()).prop_map(|(picks, damage)| {
        let mut lines: Vec<&str> = vec![r#"{"type":"RUN_STARTED","threadId":"t","runId":"r"}"#];
        lines.extend(picks.iter().map(|pick| pick.get(&SAMPLES).event.get()));
        damaged(lines.join("\n").into_bytes(), &damage)
    });
    prop_oneof![1 => prop::collection::vec(any::<u8>(), 0..300), 4 => events]
}

fn event() -> impl Strategy<Value = Vec<u8>> {
    (any::<prop::sample::Index>(), damage())
        .prop_map(|(pick, damage)| damaged(pick.get(&SAMPLES).event.get().into(), &damage))
}

#[cfg(feature = "protobuf")]
fn message() -> impl Strategy<Value = Vec<u8>> {
    (any::<prop::sample::Index>(), damage()).prop_map(|(pick, damage)| {
        let hex = &pick.get(&SAMPLES).hex;
        let bytes = (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap());
        damaged(bytes.collect(), &damage)
    })
}

proptest! {
    #[test]
    fn codec(data in event()) {
        bodies::codec(&data);
    }

    #[test]
    fn frames(data in prop_oneof![lines(), "[0-9](data: ?[a-z\r\n:]{0,9}|\r\n|\n\n|: x\n){0,9}".prop_map(String::into_bytes)]) {
        bodies::frames(&data);
    }

    #[test]
    fn verify(data in lines()) {
        bodies::verify(&data);
    }

    #[test]
    fn repair(data in lines()) {
        bodies::repair(&data);
    }

    #[test]
    fn apply(data in lines()) {
        bodies::apply(&data);
    }
}

#[cfg(feature = "protobuf")]
proptest! {
    #[test]
    fn protobuf(data in message()) {
        bodies::protobuf(&data);
    }
}
