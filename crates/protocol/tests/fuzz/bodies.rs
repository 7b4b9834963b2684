//! What must hold for any bytes at all. Each body takes bytes and panics when something does not hold; proptest calls
//! them on stable (`tests/fuzz.rs`), cargo-fuzz on nightly (`fuzz/` at the root of the repository).

use bytes::Bytes;
use copilotkit_protocol::gate::{self, Downgrade, Peer};
use copilotkit_protocol::{
    Applied, Emitted, End, Event, Expander, Repair, RepairOptions, Verifier, Wire as _, compact, sse,
};

/// The events of a text of lines; lines that are none are left out.
fn events(data: &[u8]) -> Vec<Emitted> {
    let lines = data.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).take(200);
    lines.filter_map(|line| Emitted::from_json(Bytes::copy_from_slice(line)).ok()).collect()
}

/// The same after expansion, up to a chunk that cannot be expanded.
fn expanded(data: &[u8]) -> Vec<Emitted> {
    let (mut expander, mut out) = (Expander::new(), Vec::new());
    for event in events(data) {
        if expander.push(event, &mut out).is_err() {
            break;
        }
    }
    out
}

/// An event that is read is written so that it reads the same. The reader of agents' events takes what the other takes,
/// and besides events with list items of a later version, which it leaves out.
pub(crate) fn codec(data: &[u8]) {
    let event = Event::from_json(data);
    let emitted = Emitted::from_json(Bytes::copy_from_slice(data));
    let Ok(event) = event else {
        if let Ok(known) = emitted {
            assert!(Event::from_json(&known.to_json()).is_ok(), "what is left is an event");
        }
        return;
    };
    let emitted = emitted.unwrap();
    assert_eq!(*emitted.event(), event);
    assert_eq!(emitted.head(), Emitted::from(event.clone()).head());
    let text = event.to_json();
    assert!(!text.is_empty());
    let again = Event::from_json(&text).unwrap();
    assert_eq!(again.to_json(), text);
    assert!(emitted.raw().is_none_or(|raw| !raw.contains(&b'\n')));
    same_for_all(&event);
}

/// What is told of an event without a copy of it is what the copies show.
fn same_for_all(event: &Event) {
    assert_eq!(event.is_tidy(), !event.clone().tidy());
    if gate::is_same_for_all(event) {
        for peer in [Peer::Legacy, Peer::of(Some("1.0"))] {
            let gated = peer.gate(event);
            assert!(!matches!(gated, Downgrade::Drop), "it is not sent at all");
            if let Downgrade::Changed(changed) = gated {
                assert_eq!(changed.to_json(), event.to_json());
            }
        }
    }
}

/// The SSE decoder finds the same events however its input is cut. The first byte says where.
pub(crate) fn frames(data: &[u8]) {
    let Some((first, rest)) = data.split_first() else { return };
    let cut = usize::from(*first).min(rest.len());
    let read = |pieces: &[&[u8]]| {
        let mut decoder = sse::Decoder::new(1 << 16);
        let mut found = Vec::new();
        for piece in pieces {
            decoder.push(Bytes::copy_from_slice(piece));
            found.extend(decoder.by_ref());
        }
        found.extend(std::iter::from_fn(|| decoder.finish()));
        found
    };
    let (left, right) = rest.split_at(cut);
    let whole = read(&[rest]);
    if whole.iter().all(Result::is_ok) {
        assert_eq!(read(&[left, right]), whole);
    }
}

/// The verifier survives any stream, and what it lets through it lets through again.
pub(crate) fn verify(data: &[u8]) {
    let mut verifier = Verifier::new();
    let passed: Vec<Emitted> = expanded(data).into_iter().filter(|event| verifier.check(event).is_ok()).collect();
    let mut second = Verifier::new();
    let mut ok = true;
    for event in passed {
        ok = ok && second.check(&event).is_ok();
    }
    assert!(ok, "an event that was refused changed what the verifier knows");
}

/// Any stream becomes one legal run.
pub(crate) fn repair(data: &[u8]) {
    let mut repair = Repair::new(RepairOptions { thread_id: "t".into(), run_id: "r".into(), ..Default::default() });
    let mut out = Vec::new();
    expanded(data).into_iter().for_each(|event| repair.push(event, &mut out));
    repair.finish(End::Ended, &mut out);
    let mut verifier = Verifier::new();
    for event in &out {
        assert_eq!(verifier.check(event), Ok(()));
    }
    assert!(verifier.is_ended());
}

/// Applying survives any stream; a repaired one gives the same after compaction.
pub(crate) fn apply(data: &[u8]) {
    let mut any = Applied::default();
    expanded(data).iter().for_each(|event| any.apply(&event.event()));

    let mut repair = Repair::new(RepairOptions::default());
    let mut out = Vec::new();
    expanded(data).into_iter().for_each(|event| repair.push(event, &mut out));
    repair.finish(End::Ended, &mut out);
    let run: Vec<Event> = out.into_iter().map(Emitted::into_event).collect();
    let applied = |events: &[Event]| {
        let mut applied = Applied::default();
        events.iter().for_each(|event| applied.apply(event));
        (copilotkit_protocol::to_vec(applied.messages()), applied.state().to_value())
    };
    let (messages, state) = applied(&run);
    let (compacted, compacted_state) = applied(&compact(run));
    assert_eq!(String::from_utf8_lossy(&compacted), String::from_utf8_lossy(&messages));
    assert_eq!(compacted_state, state);
}

/// Bytes that are read as protobuf are written so that they read the same.
#[cfg(feature = "protobuf")]
pub(crate) fn protobuf(data: &[u8]) {
    use copilotkit_protocol::proto;
    let mut decoder = proto::Decoder::new(1 << 16);
    decoder.push(Bytes::copy_from_slice(data));
    for message in decoder.by_ref().flatten() {
        let _ = proto::decode(&message);
    }
    if let Ok(event) = proto::decode(data) {
        let once = proto::decode(&proto::encode(&event)).unwrap();
        assert_eq!(proto::decode(&proto::encode(&once)), Ok(once));
    }
}
