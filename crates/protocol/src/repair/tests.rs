use super::*;
use crate::soup::soup;
use crate::verify::Verifier;
use bytes::Bytes;
use proptest::prelude::*;
use serde_json::{Value, json};

fn emitted(value: &Value) -> Emitted {
    Emitted::from_json(Bytes::from(value.to_string())).unwrap()
}

fn options() -> RepairOptions {
    RepairOptions {
        thread_id: "T".into(),
        run_id: "R".into(),
        frontend_tools: HashSet::from(["page".to_owned()]),
        state: Some(Json::from(json!({"n": 0}))),
    }
}

fn run(events: &[Value], end: End) -> (Vec<Value>, Repair) {
    let mut repair = Repair::new(options());
    let mut out = Vec::new();
    events.iter().for_each(|event| repair.push(emitted(event), &mut out));
    repair.finish(end, &mut out);
    let mut verifier = Verifier::new();
    out.iter().for_each(|event| verifier.check(event).unwrap());
    assert!(verifier.is_ended());
    (out.iter().map(|event| serde_json::from_slice(&event.to_json()).unwrap()).collect(), repair)
}

/// A start in front and a finish behind, which are cut off again.
fn inside(events: &[Value]) -> Vec<Value> {
    let mut all = vec![start()];
    all.extend_from_slice(events);
    all.push(finish());
    let (mut out, _) = run(&all, End::Ended);
    assert_eq!((out.remove(0), out.pop().unwrap()), (start(), finish()));
    out
}

fn start() -> Value {
    json!({"type": "RUN_STARTED", "threadId": "t", "runId": "r"})
}
fn finish() -> Value {
    json!({"type": "RUN_FINISHED", "threadId": "t", "runId": "r"})
}
fn text(kind: &str, id: &str) -> Value {
    match kind {
        "START" => json!({"type": "TEXT_MESSAGE_START", "messageId": id, "role": "assistant"}),
        "END" => json!({"type": "TEXT_MESSAGE_END", "messageId": id}),
        delta => json!({"type": "TEXT_MESSAGE_CONTENT", "messageId": id, "delta": delta}),
    }
}
fn call(kind: &str, id: &str) -> Value {
    match kind {
        "END" => json!({"type": "TOOL_CALL_END", "toolCallId": id}),
        "server" | "page" => json!({"type": "TOOL_CALL_START", "toolCallId": id, "toolCallName": kind}),
        delta => json!({"type": "TOOL_CALL_ARGS", "toolCallId": id, "delta": delta}),
    }
}
fn result(id: &str, content: &str) -> Value {
    json!({"type": "TOOL_CALL_RESULT", "toolCallId": id, "messageId": format!("{id}-result"), "role": "tool", "content": content})
}
fn tagged(mut event: Value, tag: &str) -> Value {
    event["subagentRunId"] = tag.into();
    event
}
fn warning(code: &str, message: &str) -> Value {
    json!({"type": "CUSTOM", "name": "copilotkit.warning", "value": {"code": code, "message": message}})
}

#[test]
fn what_is_right_keeps_its_bytes() {
    let lines = [
        r#"{ "type":"RUN_STARTED","runId":"other","threadId":"agent"}"#,
        r#"{"messageId":"m","type":"TEXT_MESSAGE_START"}"#,
        r#"{"messageId":"m","type":"TEXT_MESSAGE_CONTENT" ,"delta":"x"}"#,
        r#"{"messageId":"m","type":"TEXT_MESSAGE_END"}"#,
        r#"{"type":"STATE_DELTA","delta":[{"op":"replace","path":"/n","value":1,"extra":true}]}"#,
        r#"{"runId":"other","type":"RUN_FINISHED","threadId":"agent"}"#,
    ];
    let mut repair = Repair::new(options());
    let mut out = Vec::new();
    for line in lines {
        repair.push(Emitted::from_json(Bytes::from_static(line.as_bytes())).unwrap(), &mut out);
    }
    repair.finish(End::Ended, &mut out);
    assert_eq!(out.iter().map(|event| event.raw().unwrap().clone()).collect::<Vec<_>>(), lines);
    assert_eq!((repair.dropped(), repair.repaired(), repair.is_ended()), (0, 0, true));
}

#[test]
fn run_started_is_made_and_not_repeated() {
    let (out, repair) = run(&[text("START", "m"), start(), text("END", "m"), finish()], End::Ended);
    let begin = json!({"type": "RUN_STARTED", "threadId": "T", "runId": "R"});
    let end = json!({"type": "RUN_FINISHED", "threadId": "T", "runId": "R"});
    assert_eq!(out, [begin, text("START", "m"), text("END", "m"), end]);
    assert_eq!(repair.dropped(), 1);
    let unknown = json!({"type": "LATER", "x": 1});
    let (out, _) = run(&[unknown.clone(), start(), finish()], End::Ended);
    assert_eq!(out, [start(), unknown, finish()]);
}

#[test]
fn content_is_opened_first() {
    assert_eq!(inside(&[text("x", "m")]), [text("START", "m"), text("x", "m"), text("END", "m")]);
    assert_eq!(
        inside(&[tagged(text("x", "m"), "s")]),
        [tagged(text("START", "m"), "s"), tagged(text("x", "m"), "s"), tagged(text("END", "m"), "s")]
    );
    let thought = json!({"type": "REASONING_MESSAGE_CONTENT", "messageId": "r", "delta": "x"});
    assert_eq!(inside(std::slice::from_ref(&thought))[1], thought);
    assert_eq!(
        inside(&[call("x", "c"), result("c", "ok")]),
        [warning("unknown_tool_call", "arguments for the tool call 'c' without its start"), result("c", "ok")]
    );
    assert_eq!(
        inside(&[call("server", "c"), call("END", "c"), call("x", "c"), result("c", "ok")]),
        [
            call("server", "c"),
            call("END", "c"),
            call("server", "c"),
            call("x", "c"),
            result("c", "ok"),
            call("END", "c")
        ]
    );
    let known = json!({"id": "m", "role": "assistant", "toolCalls": [
        {"id": "c", "type": "function", "function": {"name": "page", "arguments": ""}}]});
    let snapshot = json!({"type": "MESSAGES_SNAPSHOT", "messages": [known]});
    assert_eq!(inside(&[snapshot, call("x", "c")])[1..], [call("page", "c"), call("x", "c"), call("END", "c")]);
}

#[test]
fn a_second_start_goes_on() {
    let metadata = json!({"k": 1});
    let mut again = text("START", "m");
    again["metadata"] = metadata.clone();
    let mut carried = text("", "m");
    carried["metadata"] = metadata;
    assert_eq!(
        inside(&[
            text("START", "m"),
            text("START", "m"),
            again,
            text("END", "m"),
            text("END", "m"),
            text("START", "m")
        ]),
        [text("START", "m"), carried, text("END", "m"), text("START", "m"), text("END", "m")]
    );
}

#[test]
fn warnings_are_bounded() {
    let events: Vec<Value> = (0..100).map(|n| call("x", &n.to_string())).collect();
    assert_eq!(inside(&events).len(), MAX_WARNINGS);
}

#[test]
fn everything_is_closed_in_order() {
    let thought = |kind: &str| json!({"type": format!("REASONING_{kind}"), "messageId": "r"});
    let mut begun = thought("MESSAGE_START");
    begun["role"] = "reasoning".into();
    let step = |kind: &str| json!({"type": format!("STEP_{kind}"), "stepName": "s"});
    let sub = |id: &str| json!({"type": "SUBAGENT_STARTED", "subagentRunId": id, "name": "n"});
    let sub_end = |id: &str| json!({"type": "SUBAGENT_FINISHED", "subagentRunId": id});
    let opened = [step("STARTED"), sub("a"), sub("b"), thought("START"), call("page", "c"), begun, text("START", "m")];
    assert_eq!(
        inside(&opened)[7..],
        [
            call("END", "c"),
            thought("MESSAGE_END"),
            text("END", "m"),
            thought("END"),
            step("FINISHED"),
            sub_end("b"),
            sub_end("a"),
        ]
    );
}

#[test]
fn results_are_made_for_server_tools_only() {
    let stopped = r#"{"status":"stopped","reason":"stop_requested","message":"Run stopped by user"}"#;
    let events =
        [start(), call("server", "a"), call("END", "a"), call("page", "b"), call("server", "c"), result("c", "ok")];
    let (out, _) = run(&events, End::Stopped);
    let mut cancelled = finish();
    cancelled["outcome"] = json!({"type": "cancelled"});
    assert_eq!(out[6..], [result("a", stopped), call("END", "b"), call("END", "c"), cancelled]);

    let error = r#"{"status":"error","reason":"missing_terminal_event","message":"tool exploded"}"#;
    let failed = End::Failed { code: "boom".into(), message: "tool exploded".into() };
    let (out, _) = run(&[start(), call("server", "a")], failed);
    let terminal = json!({"type": "RUN_ERROR", "message": "tool exploded", "code": "boom"});
    assert_eq!(out[2..], [call("END", "a"), result("a", error), terminal]);

    let own = [call("server", "a"), call("END", "a"), call("server", "b")];
    let out = inside(&own);
    assert_eq!(out[3], call("END", "b"));
    assert_eq!((&out[4]["toolCallId"], out.len()), (&json!("b"), 5));

    let mut interrupt = finish();
    interrupt["outcome"] =
        json!({"type": "interrupt", "interrupts": [{"id": "i", "reason": "x"}, {"id": "i", "reason": "y"}]});
    let (out, _) = run(&[start(), call("server", "a"), interrupt.clone()], End::Ended);
    interrupt["outcome"]["interrupts"].as_array_mut().unwrap().pop();
    assert_eq!(out[2..], [call("END", "a"), interrupt]);
}

#[test]
fn there_is_one_terminal() {
    let (out, repair) = run(&[], End::Ended);
    let text = "Run ended without emitting a terminal event";
    assert_eq!(out[1], json!({"type": "RUN_ERROR", "message": text, "code": "agent_incomplete"}));
    assert_eq!((out.len(), repair.repaired()), (2, 2));
    let error = json!({"type": "RUN_ERROR", "message": "m"});
    let (out, repair) = run(&[error.clone(), error.clone(), start(), finish()], End::Stopped);
    assert_eq!((out.len(), &out[1], repair.dropped()), (2, &error, 3));
    let other = json!({"type": "RUN_FINISHED", "threadId": "x", "runId": "y", "result": {"a": 1}});
    let (out, _) = run(&[start(), other], End::Ended);
    assert_eq!(out[1], json!({"type": "RUN_FINISHED", "threadId": "t", "runId": "r", "result": {"a": 1}}));
}

#[test]
fn state_is_kept_whole() {
    let delta = |operations: Value| json!({"type": "STATE_DELTA", "delta": operations});
    let good = delta(json!([{"op": "add", "path": "/a", "value": 1}]));
    let bad = delta(json!([{"op": "add", "path": "/b", "value": 1}, {"op": "remove", "path": "/c"}]));
    let unknown = delta(json!([{"op": "inc", "path": "/n"}, {"op": "replace", "path": "/n", "value": 2}]));
    let out = inside(&[good.clone(), bad, unknown]);
    assert_eq!(out[0], good);
    assert_eq!(out[1], json!({"type": "STATE_SNAPSHOT", "snapshot": {"n": 0, "a": 1}}));
    assert_eq!(out[2]["value"]["code"], "invalid_patch");
    assert_eq!(out[3], delta(json!([{"op": "replace", "path": "/n", "value": 2}])));
    let proto = delta(json!([{"op": "add", "path": "/__proto__/x", "value": 1}]));
    let null = json!({"type": "STATE_SNAPSHOT", "snapshot": null});
    assert_eq!(inside(&[null.clone(), proto])[1], null);
    let patch = json!({"type": "ACTIVITY_DELTA", "messageId": "a", "activityType": "t", "patch": [{"op": "remove", "path": "x"}]});
    assert_eq!(inside(&[patch])[0]["value"]["code"], "invalid_patch");
}

#[test]
fn a_state_too_deep_to_read_is_left_alone() {
    let deep = format!("{}1{}", "[".repeat(400), "]".repeat(400));
    let snapshot = crate::StateSnapshot { snapshot: crate::Json::parse(deep).unwrap(), ..Default::default() };
    let mut repair = Repair::new(options());
    let mut out = Vec::new();
    repair.push(emitted(&start()), &mut out);
    repair.push(Emitted::from(snapshot), &mut out);
    let delta = json!({"type": "STATE_DELTA", "delta": [{"op": "remove", "path": "/0"}]});
    repair.push(emitted(&delta), &mut out);
    assert_eq!(out[2].to_json(), delta.to_string());
}

#[test]
fn owners_are_those_on_record() {
    assert_eq!(
        inside(&[text("START", "m"), tagged(text("x", "m"), "s"), tagged(text("END", "m"), "s")]),
        [text("START", "m"), text("x", "m"), text("END", "m")]
    );
    let s = |event: Value| tagged(event, "s");
    assert_eq!(
        inside(&[s(text("START", "m")), tagged(text("x", "m"), "o"), text("y", "m"), text("END", "m")]),
        [s(text("START", "m")), s(text("x", "m")), text("y", "m"), text("END", "m")]
    );
    let child = |parent: &str| json!({"type": "TOOL_CALL_START", "toolCallId": "c", "toolCallName": "page", "parentMessageId": parent});
    let out =
        inside(&[s(text("START", "m")), text("START", "n"), tagged(child("m"), "o"), call("END", "c"), child("n")]);
    assert_eq!(out[2], s(child("m")));
    assert_eq!(out[4], call("page", "c"), "the call keeps its owner, so it cannot move to the other's message");
    let step = |kind: &str| json!({"type": format!("STEP_{kind}"), "stepName": "p"});
    assert_eq!(inside(&[s(step("STARTED")), step("FINISHED")]), [s(step("STARTED")), s(step("FINISHED"))]);
}

#[test]
fn subagents_start_once_and_end() {
    let sub = |kind: &str, id: &str| json!({"type": format!("SUBAGENT_{kind}"), "subagentRunId": id});
    let mut child = sub("STARTED", "c");
    child["name"] = "n".into();
    let orphan = {
        let mut orphan = child.clone();
        orphan["parentSubagentRunId"] = "nobody".into();
        orphan
    };
    let out = inside(&[sub("FINISHED", "x"), orphan, child.clone(), sub("FINISHED", "c"), child.clone()]);
    let codes: Vec<&Value> = out.iter().map(|event| &event["value"]["code"]).collect();
    let null = &Value::Null;
    assert_eq!(
        codes,
        [&json!("unknown_subagent"), null, &json!("repeated_subagent"), null, &json!("repeated_subagent")]
    );
    assert_eq!((&out[1], &out[3]), (&child, &sub("FINISHED", "c")));
    let (out, _) = run(&[start(), child], End::Stopped);
    assert_eq!((&out[2]["type"], &out[2]["code"]), (&json!("SUBAGENT_ERROR"), &json!("stopped")));
}

/// All that was appended to each message, in order.
fn content<'a>(events: impl IntoIterator<Item = &'a Value>) -> HashMap<(String, String), String> {
    let mut texts: HashMap<(String, String), String> = HashMap::new();
    for event in events {
        let kind = event["type"].as_str().unwrap();
        if kind.ends_with("MESSAGE_CONTENT") {
            let key = (kind.to_owned(), event["messageId"].to_string());
            texts.entry(key).or_default().push_str(event["delta"].as_str().unwrap());
        }
    }
    texts.retain(|_, text| !text.is_empty());
    texts
}

fn end() -> impl Strategy<Value = End> {
    prop_oneof![Just(End::Ended), Just(End::Stopped), Just(End::Failed { code: "c".into(), message: "m".into() })]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases.max(500), ..ProptestConfig::default() })]

    #[test]
    fn any_soup_becomes_a_legal_run(events in prop::collection::vec(soup(), 0..60), end in end()) {
        let (out, _) = run(&events, end.clone());
        let known: Vec<&str> = out.iter().map(|event| event["type"].as_str().unwrap()).filter(|k| *k != "LATER").collect();
        prop_assert_eq!(known[0], "RUN_STARTED");
        prop_assert_eq!(known.iter().filter(|kind| **kind == "RUN_STARTED").count(), 1);
        let terminals = known.iter().filter(|kind| matches!(**kind, "RUN_FINISHED" | "RUN_ERROR")).count();
        prop_assert_eq!(terminals, 1);
        prop_assert!(matches!(*known.last().unwrap(), "RUN_FINISHED" | "RUN_ERROR"));

        let upto = events.iter().position(|event| matches!(event["type"].as_str(), Some("RUN_FINISHED" | "RUN_ERROR")));
        let seen = &events[..upto.unwrap_or(events.len())];
        prop_assert_eq!(content(&out), content(seen));
        let results = |events: &[Value]| events.iter().filter(|event| event["type"] == "TOOL_CALL_RESULT").count();
        prop_assert!(results(&out) >= results(seen));

        let (again, second) = run(&out, End::Ended);
        prop_assert_eq!(&again, &out, "a legal run is left alone");
        prop_assert_eq!((second.dropped(), second.repaired()), (0, 0));
    }
}
