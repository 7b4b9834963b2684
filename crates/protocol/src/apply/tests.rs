use super::*;
use serde_json::json;

fn apply(applied: &mut Applied, events: &[Value]) {
    for event in events {
        applied.apply(&Event::from_json(event.to_string().as_bytes()).unwrap());
    }
}

/// The messages after `events`, and how many warnings there were.
fn after(events: &[Value]) -> (Value, usize) {
    let mut applied = Applied::default();
    apply(&mut applied, events);
    (serde_json::to_value(applied.messages()).unwrap(), applied.warnings().len())
}

fn ev(kind: &str, members: Value) -> Value {
    let mut event = json!({"type": kind});
    event.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    event
}
fn start(id: &str) -> Value {
    ev("TEXT_MESSAGE_START", json!({"messageId": id}))
}
fn content(id: &str, delta: &str) -> Value {
    ev("TEXT_MESSAGE_CONTENT", json!({"messageId": id, "delta": delta}))
}
fn call(id: &str, parent: Option<&str>) -> Value {
    let mut event = ev("TOOL_CALL_START", json!({"toolCallId": id, "toolCallName": "f"}));
    if let Some(parent) = parent {
        event["parentMessageId"] = parent.into();
    }
    event
}
fn args(id: &str, delta: &str) -> Value {
    ev("TOOL_CALL_ARGS", json!({"toolCallId": id, "delta": delta}))
}
fn result(id: &str, call: &str) -> Value {
    ev("TOOL_CALL_RESULT", json!({"messageId": id, "toolCallId": call, "content": id}))
}
fn called(id: &str, arguments: &str) -> Value {
    json!({"id": id, "type": "function", "function": {"name": "f", "arguments": arguments}})
}
fn activity(id: &str, replace: bool, content: Value) -> Value {
    ev("ACTIVITY_SNAPSHOT", json!({"messageId": id, "activityType": "t", "content": content, "replace": replace}))
}

#[test]
fn text_is_appended_and_metadata_merged() {
    let events = [
        ev("TEXT_MESSAGE_START", json!({"messageId": "m", "role": "user", "name": "n", "metadata": {"a": 1, "b": 1}})),
        ev("TEXT_MESSAGE_CONTENT", json!({"messageId": "m", "delta": "x", "metadata": {"b": 2}})),
        ev("TEXT_MESSAGE_END", json!({"messageId": "m", "metadata": {"c": 3}})),
        start("m"),
        content("m", "y"),
        content("unknown", "z"),
    ];
    let expected =
        json!([{"role": "user", "id": "m", "content": "xy", "name": "n", "metadata": {"a": 1, "b": 2, "c": 3}}]);
    assert_eq!(after(&events), (expected, 1));
    for role in ["developer", "system"] {
        let events = [ev("TEXT_MESSAGE_START", json!({"messageId": "m", "role": role})), content("m", "y")];
        assert_eq!(after(&events).0, json!([{"role": role, "id": "m", "content": "y"}]));
    }
    let reasoning = [
        ev("REASONING_MESSAGE_START", json!({"messageId": "r", "role": "reasoning", "subagentRunId": "s"})),
        ev("REASONING_MESSAGE_CONTENT", json!({"messageId": "r", "delta": "x"})),
        ev("REASONING_ENCRYPTED_VALUE", json!({"subtype": "message", "entityId": "r", "encryptedValue": "v"})),
    ];
    let expected =
        json!([{"role": "reasoning", "id": "r", "content": "x", "encryptedValue": "v", "subagentRunId": "s"}]);
    assert_eq!(after(&reasoning).0, expected);
}

#[test]
fn a_call_joins_its_message_or_makes_one() {
    let (messages, _) = after(&[start("m"), call("c", Some("m")), args("c", "{"), args("c", "}")]);
    assert_eq!(messages, json!([{"role": "assistant", "id": "m", "content": "", "toolCalls": [called("c", "{}")]}]));
    assert_eq!(
        after(&[call("c", Some("new")), call("d", Some("new"))]).0,
        json!([{"role": "assistant", "id": "new", "toolCalls": [called("c", ""), called("d", "")]}])
    );
    assert_eq!(after(&[call("c", None)]).0, json!([{"role": "assistant", "id": "c", "toolCalls": [called("c", "")]}]));
    let user = ev("TEXT_MESSAGE_START", json!({"messageId": "u", "role": "user"}));
    assert_eq!(after(&[user, call("c", Some("u"))]).0[1]["id"], "c");
    let again = ev("TOOL_CALL_START", json!({"toolCallId": "c", "toolCallName": "g", "metadata": {"k": 1}}));
    let (messages, warnings) = after(&[call("c", None), again, args("unknown", "x")]);
    assert_eq!((&messages[0]["toolCalls"][0]["function"]["name"], warnings), (&json!("g"), 2));
    assert_eq!(messages[0]["toolCalls"][0]["metadata"], json!({"k": 1}));
    let value =
        ev("REASONING_ENCRYPTED_VALUE", json!({"subtype": "tool-call", "entityId": "c", "encryptedValue": "v"}));
    assert_eq!(after(&[call("c", None), value]).0[0]["toolCalls"][0]["encryptedValue"], "v");
}

#[test]
fn a_result_stands_behind_its_call() {
    let events =
        [call("c", None), call("d", None), start("m"), result("r1", "c"), result("r2", "c"), result("r3", "x")];
    let (messages, _) = after(&events);
    let ids: Vec<&str> = messages.as_array().unwrap().iter().map(|message| message["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["c", "r1", "r2", "d", "m", "r3"]);
    let mut applied = Applied::default();
    apply(&mut applied, &events);
    apply(&mut applied, &[content("m", "late"), args("d", "x"), result("r4", "d")]);
    let late = serde_json::to_value(applied.messages()).unwrap();
    assert_eq!((&late[5]["content"], &late[3]["toolCalls"][0]), (&json!("late"), &called("d", "x")));
    assert_eq!(late[4]["id"], "r4", "the index follows an insertion");
}

#[test]
fn of_two_messages_with_one_id_the_first_is_found() {
    let reasoning = ev("REASONING_MESSAGE_START", json!({"messageId": "x", "role": "reasoning"}));
    let (messages, _) = after(&[reasoning, call("x", None), start("x"), content("x", "text"), args("x", "{}")]);
    assert_eq!(messages[0], json!({"role": "reasoning", "id": "x", "content": "text"}));
    assert_eq!(messages[1], json!({"role": "assistant", "id": "x", "toolCalls": [called("x", "{}")]}));
}

#[test]
fn state() {
    let mut applied = Applied::new(Vec::new(), Some(Json::from(json!({"n": 0}))));
    let delta = |op: &str| ev("STATE_DELTA", json!({"delta": [{"op": op, "path": "/n", "value": 1}]}));
    apply(&mut applied, &[delta("replace")]);
    assert_eq!(applied.state().to_value(), json!({"n": 1}));
    for falsy in [json!(null), json!(0), json!(""), json!(false)] {
        apply(&mut applied, &[ev("STATE_SNAPSHOT", json!({ "snapshot": falsy }))]);
        assert_eq!(applied.state().to_value(), falsy);
    }
    apply(&mut applied, &[delta("remove")]);
    assert!(applied.warnings()[0].starts_with("Failed to apply state patch"));
    assert_eq!(applied.state().to_value(), json!(false));
}

#[test]
fn activities() {
    let delta = |path: &str| {
        ev(
            "ACTIVITY_DELTA",
            json!({"messageId": "a", "activityType": "u", "patch": [{"op": "replace", "path": path, "value": 2}]}),
        )
    };
    let (messages, warnings) = after(&[
        activity("a", true, json!({"n": 1})),
        activity("a", false, json!({})),
        delta("/no"),
        delta("/n"),
        content("a", "x"),
        ev("ACTIVITY_DELTA", json!({"messageId": "nobody", "activityType": "u", "patch": []})),
    ]);
    assert_eq!(messages, json!([{"role": "activity", "id": "a", "activityType": "u", "content": {"n": 2}}]));
    assert_eq!(warnings, 2);
    let (messages, _) = after(&[start("a"), activity("a", false, json!({}))]);
    assert_eq!(messages[0]["role"], "assistant");
    let (messages, _) = after(&[start("a"), activity("a", true, json!({})), delta("")]);
    assert_eq!(messages[0]["role"], "activity");
    assert_eq!(messages[0]["content"], json!({}), "content stays an object");
}

#[test]
fn a_snapshot_of_messages_reconciles() {
    let snapshot = |ids: &[(&str, &str)]| {
        let message = |(id, role): &(&str, &str)| match *role {
            "activity" => json!({"id": id, "role": role, "activityType": "t", "content": {"new": 1}}),
            _ => json!({"id": id, "role": role, "content": "new"}),
        };
        ev("MESSAGES_SNAPSHOT", json!({"messages": ids.iter().map(message).collect::<Vec<_>>()}))
    };
    let before = [
        start("a"),
        activity("act", true, json!({})),
        ev("REASONING_MESSAGE_START", json!({"messageId": "r", "role": "reasoning"})),
        start("b"),
    ];
    let ids = |snapshot: Value| {
        let mut events = before.to_vec();
        events.push(snapshot);
        let (messages, _) = after(&events);
        messages.as_array().unwrap().iter().map(|m| m["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(ids(snapshot(&[("x", "user"), ("b", "assistant")])), ["act", "r", "b", "x"]);
    assert_eq!(ids(snapshot(&[("y", "activity")])), ["r", "y"]);
    assert_eq!(ids(snapshot(&[("y", "reasoning")])), ["act", "y"]);
    let with = |types: Value| {
        let mut event = snapshot(&[]);
        event["metadata"] = json!({"@ag-ui/client": {"authoritativeActivityTypes": types}});
        event
    };
    assert_eq!(ids(with(json!(null))), ["r"]);
    assert_eq!(ids(with(json!(["t"]))), ["r"]);
    assert_eq!(ids(with(json!(["u"]))), ["act", "r"]);
    assert_eq!(ids(with(json!(7))), ["act", "r"]);
}

#[test]
fn the_input_of_a_run_adds_what_is_missing() {
    let input = json!({"threadId": "t", "runId": "r", "messages": [
        {"id": "a", "role": "user", "content": "other"}, {"id": "u", "role": "user", "content": "hi"}]});
    let (messages, _) = after(&[start("a"), ev("RUN_STARTED", json!({"threadId": "t", "runId": "r", "input": input}))]);
    assert_eq!(messages[0]["role"], "assistant");
    assert_eq!(messages[1], json!({"role": "user", "id": "u", "content": "hi"}));
}

#[test]
fn warnings_are_bounded() {
    let events: Vec<Value> = (0..150).map(|_| content("nobody", "x")).collect();
    assert_eq!(after(&events).1, MAX_APPLY_WARNINGS);
}

mod index {
    use super::*;
    use crate::soup::soup;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn finds_what_a_search_finds(events in prop::collection::vec(soup(), 0..60)) {
            let mut applied = Applied::default();
            for event in &events {
                apply(&mut applied, std::slice::from_ref(event));
                let all = applied.messages().to_vec();
                for message in &all {
                    let first = all.iter().find(|other| other.id() == message.id());
                    prop_assert_eq!(applied.messages.get(message.id()), first);
                    for call in message.tool_calls() {
                        let first = all.iter().flat_map(Message::tool_calls).find(|other| other.id == call.id);
                        prop_assert_eq!(applied.messages.call_mut(&call.id).map(|call| &*call), first);
                    }
                }
            }
        }
    }
}
