use super::*;
use crate::soup::soup;
use crate::{Applied, Emitted, End, Json, Repair, RepairOptions, Verifier};
use bytes::Bytes;
use proptest::prelude::*;
use serde_json::{Value, json};

fn read(events: &[Value]) -> Vec<Event> {
    events.iter().map(|event| Event::from_json(event.to_string().as_bytes()).unwrap()).collect()
}

fn compacted(events: &[Value]) -> Vec<Value> {
    compact(read(events)).iter().map(|event| serde_json::to_value(event).unwrap()).collect()
}

fn text(kind: &str, id: &str) -> Value {
    match kind {
        "START" | "END" => json!({"type": format!("TEXT_MESSAGE_{kind}"), "messageId": id}),
        delta => json!({"type": "TEXT_MESSAGE_CONTENT", "messageId": id, "delta": delta}),
    }
}
fn call(kind: &str, id: &str) -> Value {
    match kind {
        "START" => json!({"type": "TOOL_CALL_START", "toolCallId": id, "toolCallName": "f"}),
        "END" => json!({"type": "TOOL_CALL_END", "toolCallId": id}),
        delta => json!({"type": "TOOL_CALL_ARGS", "toolCallId": id, "delta": delta}),
    }
}
fn custom(name: &str) -> Value {
    json!({"type": "CUSTOM", "name": name, "value": 1})
}
fn snapshot(state: Value) -> Value {
    json!({"type": "STATE_SNAPSHOT", "snapshot": state})
}
fn delta(key: &str) -> Value {
    json!({"type": "STATE_DELTA", "delta": [{"op": "add", "path": format!("/{key}"), "value": 2}]})
}
fn finish() -> Value {
    json!({"type": "RUN_FINISHED", "threadId": "t", "runId": "r"})
}

#[test]
fn interleaved_items_are_gathered_in_the_order_of_their_starts() {
    let events = [
        snapshot(json!({"a": 1})),
        text("START", "m"),
        text("one ", "m"),
        custom("mid"),
        text("two", "m"),
        call("START", "c"),
        call("{\"k\":", "c"),
        delta("b"),
        call("1}", "c"),
        text("END", "m"),
        custom("mid2"),
        call("END", "c"),
        finish(),
    ];
    let expected = [
        text("START", "m"),
        text("one two", "m"),
        text("END", "m"),
        custom("mid"),
        call("START", "c"),
        call("{\"k\":1}", "c"),
        call("END", "c"),
        custom("mid2"),
        snapshot(json!({"a": 1, "b": 2})),
        finish(),
    ];
    assert_eq!(compacted(&events), expected);
    assert_eq!(compacted(&expected), expected);
}

#[test]
fn state_is_folded_only_from_a_snapshot_on() {
    let failing = json!({"type": "STATE_DELTA", "delta": [{"op": "remove", "path": "/no"}]});
    assert_eq!(
        compacted(&[delta("a"), custom("x"), delta("b"), finish()]),
        [delta("a"), custom("x"), delta("b"), finish()]
    );
    assert_eq!(
        compacted(&[delta("a"), snapshot(json!({})), failing, custom("x"), delta("b"), finish(), delta("c")]),
        [custom("x"), snapshot(json!({"b": 2})), finish(), delta("c")]
    );
    let only = Event::from_json(br#"{"type":"STATE_SNAPSHOT","snapshot":{"z":1, "a":1.0}}"#).unwrap();
    assert_eq!(compact([only.clone()]), [only]);
}

#[test]
fn metadata_is_merged_and_a_common_owner_kept() {
    let with = |mut event: Value, tag: Option<&str>, metadata: Value| {
        event["metadata"] = metadata;
        if let Some(tag) = tag {
            event["subagentRunId"] = tag.into();
        }
        event
    };
    let events = [
        text("START", "m"),
        with(text("a", "m"), Some("s"), json!({"k": 1, "l": 1})),
        with(text("b", "m"), Some("s"), json!({"k": 2})),
    ];
    assert_eq!(compacted(&events)[1], with(text("ab", "m"), Some("s"), json!({"k": 2, "l": 1})));
    let events = [with(call("a", "c"), Some("s"), json!({})), call("b", "c")];
    assert_eq!(compacted(&events), [with(call("ab", "c"), None, json!({}))]);
}

#[test]
fn a_snapshot_of_messages_parts_the_content() {
    let messages = json!({"type": "MESSAGES_SNAPSHOT", "messages": [{"id": "m", "role": "assistant", "content": "X"}]});
    let events = [
        text("START", "m"),
        text("a", "m"),
        text("b", "m"),
        messages.clone(),
        text("c", "m"),
        text("d", "m"),
        text("END", "m"),
    ];
    let expected = [text("START", "m"), text("ab", "m"), messages, text("cd", "m"), text("END", "m")];
    assert_eq!(compacted(&events), expected);
}

#[test]
fn a_single_event_keeps_all_that_it_carries() {
    let mut single = text("a", "m");
    single["timestamp"] = 7.into();
    single["rawEvent"] = json!({"x": 1});
    assert_eq!(compacted(&[text("START", "m"), single.clone(), text("END", "m")])[1], single);
}

#[test]
fn takes_linear_time() {
    let mut events = Vec::new();
    for n in 0..50_000 {
        let id = n.to_string();
        events.extend(read(&[text("START", &id), text("x", &id)]));
    }
    let begun = std::time::Instant::now();
    assert_eq!(compact(events).len(), 100_000);
    assert!(begun.elapsed() < std::time::Duration::from_secs(20), "50,000 open messages at once");
}

fn applied(events: &[Event]) -> (Vec<crate::Message>, Value) {
    let mut applied = Applied::new(Vec::new(), Some(Json::from(json!({"n": 0}))));
    events.iter().for_each(|event| applied.apply(event));
    (applied.messages().to_vec(), applied.state().to_value())
}

#[test]
fn a_message_that_a_call_brings_back_keeps_what_comes_behind_it() {
    let parented = json!({"type": "TOOL_CALL_START", "toolCallId": "c", "toolCallName": "f", "parentMessageId": "m"});
    let snapshot = json!({"type": "MESSAGES_SNAPSHOT", "messages": []});
    let events = [
        text("START", "m"),
        snapshot,
        text("lost", "m"),
        parented,
        text("kept", "m"),
        call("END", "c"),
        text("END", "m"),
    ];
    assert_eq!(applied(&read(&compacted(&events)[..])), applied(&read(&events)));
    assert_eq!(compacted(&events)[2], text("lost", "m"));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases.max(500), ..ProptestConfig::default() })]

    #[test]
    fn applied_it_equals_the_original(runs in prop::collection::vec(prop::collection::vec(soup(), 0..60), 1..3)) {
        let mut events = Vec::new();
        for run in runs {
            let state = Json::from(applied(&events).1);
            let mut repair = Repair::new(RepairOptions { state: Some(state), ..Default::default() });
            let mut out = Vec::new();
            for event in run {
                repair.push(Emitted::from_json(Bytes::from(event.to_string())).unwrap(), &mut out);
            }
            repair.finish(End::Ended, &mut out);
            events.extend(out.into_iter().map(Emitted::into_event));
        }
        let short = compact(events.clone());
        prop_assert!(short.len() <= events.len());
        prop_assert_eq!(applied(&short), applied(&events));
        let mut verifier = Verifier::new();
        for event in &short {
            prop_assert_eq!(verifier.check(&event.clone().into()), Ok(()));
        }
        prop_assert_eq!(compact(short.clone()), short);
    }
}
