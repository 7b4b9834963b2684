use super::*;
use bytes::Bytes;
use serde_json::{Value, json};

/// Checks `TYPE {members}` lines behind a RUN_STARTED; the text of the error, or "" when all pass.
fn after_start(lines: &[Value]) -> String {
    let mut all = vec![json!({"type": "RUN_STARTED", "threadId": "t", "runId": "r"})];
    all.extend_from_slice(lines);
    check(&all)
}

fn check(lines: &[Value]) -> String {
    let mut verifier = Verifier::new();
    for line in lines {
        let event = Emitted::from_json(Bytes::from(line.to_string())).unwrap();
        if let Err(error) = verifier.check(&event) {
            assert_eq!(line, lines.last().unwrap(), "only the last event may fail: {error}");
            assert_eq!(error.kind, event.kind());
            return error.message;
        }
    }
    String::new()
}

/// An event from its type and members.
fn ev(kind: &str, members: Value) -> Value {
    let mut event = json!({"type": kind});
    event.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    event
}

fn finished() -> Value {
    ev("RUN_FINISHED", json!({"threadId": "t", "runId": "r"}))
}

fn msg(kind: &str, id: &str) -> Value {
    let members = match kind {
        "TEXT_MESSAGE_CONTENT" | "REASONING_MESSAGE_CONTENT" => json!({"messageId": id, "delta": "x"}),
        "REASONING_MESSAGE_START" => json!({"messageId": id, "role": "reasoning"}),
        "TOOL_CALL_START" => json!({"toolCallId": id, "toolCallName": "n"}),
        "TOOL_CALL_ARGS" => json!({"toolCallId": id, "delta": "x"}),
        "TOOL_CALL_END" => json!({"toolCallId": id}),
        _ => json!({"messageId": id}),
    };
    ev(kind, members)
}

fn by(mut event: Value, subagent: &str) -> Value {
    event["subagentRunId"] = subagent.into();
    event
}

#[test]
fn lifecycle() {
    let start = || ev("RUN_STARTED", json!({"threadId": "t", "runId": "r"}));
    let error = || ev("RUN_ERROR", json!({"message": "m"}));
    let custom = || ev("CUSTOM", json!({"name": "n", "value": null}));
    assert_eq!(check(&[custom()]), "First event must be 'RUN_STARTED'");
    assert_eq!(
        check(&[start(), start()]),
        "Cannot send 'RUN_STARTED' while a run is still active. The previous run must be finished with 'RUN_FINISHED' before starting a new run."
    );
    assert_eq!(
        check(&[start(), finished(), custom()]),
        "Cannot send event type 'CUSTOM': The run has already finished with 'RUN_FINISHED'. Start a new run with 'RUN_STARTED'."
    );
    assert_eq!(
        check(&[start(), error(), error()]),
        "Cannot send event type 'RUN_ERROR': The run has already errored with 'RUN_ERROR'. No further events can be sent."
    );
    assert_eq!(check(&[error(), start(), finished(), error(), start(), finished()]), "");
    assert_eq!(check(&[start(), ev("LATER", json!({})), finished(), ev("LATER", json!({}))]), "");
}

#[test]
fn text_and_calls_and_reasoning_open_and_close() {
    let cases = [
        (
            vec![msg("TEXT_MESSAGE_START", "m"), msg("TEXT_MESSAGE_START", "m")],
            "Cannot send 'TEXT_MESSAGE_START' event: A text message with ID 'm' is already in progress. Complete it with 'TEXT_MESSAGE_END' first.",
        ),
        (
            vec![msg("TEXT_MESSAGE_CONTENT", "m")],
            "Cannot send 'TEXT_MESSAGE_CONTENT' event: No active text message found with ID 'm'. Start a text message with 'TEXT_MESSAGE_START' first.",
        ),
        (
            vec![msg("TEXT_MESSAGE_END", "m")],
            "Cannot send 'TEXT_MESSAGE_END' event: No active text message found with ID 'm'. A 'TEXT_MESSAGE_START' event must be sent first.",
        ),
        (
            vec![msg("TOOL_CALL_START", "c"), msg("TOOL_CALL_START", "c")],
            "Cannot send 'TOOL_CALL_START' event: A tool call with ID 'c' is already in progress. Complete it with 'TOOL_CALL_END' first.",
        ),
        (
            vec![msg("TOOL_CALL_ARGS", "c")],
            "Cannot send 'TOOL_CALL_ARGS' event: No active tool call found with ID 'c'. Start a tool call with 'TOOL_CALL_START' first.",
        ),
        (
            vec![msg("TOOL_CALL_END", "c")],
            "Cannot send 'TOOL_CALL_END' event: No active tool call found with ID 'c'. A 'TOOL_CALL_START' event must be sent first.",
        ),
        (
            vec![msg("REASONING_START", "r"), msg("REASONING_START", "r")],
            "Cannot send 'REASONING_START' event: A reasoning span with ID 'r' is already in progress. Complete it with 'REASONING_END' first.",
        ),
        (
            vec![msg("REASONING_MESSAGE_START", "r"), msg("REASONING_MESSAGE_START", "r")],
            "Cannot send 'REASONING_MESSAGE_START' event: A reasoning message with ID 'r' is already in progress. Complete it with 'REASONING_MESSAGE_END' first.",
        ),
        (
            vec![msg("REASONING_START", "r"), msg("REASONING_MESSAGE_CONTENT", "r")],
            "Cannot send 'REASONING_MESSAGE_CONTENT' event: No active reasoning message found with ID 'r'. Start a reasoning message with 'REASONING_MESSAGE_START' first.",
        ),
        (
            vec![msg("REASONING_MESSAGE_START", "r"), msg("REASONING_END", "r")],
            "Cannot send 'REASONING_END' event: No active reasoning span found with ID 'r'. A 'REASONING_START' event must be sent first.",
        ),
    ];
    for (lines, text) in cases {
        assert_eq!(after_start(&lines), text);
    }
    let all = [
        "REASONING_START",
        "REASONING_MESSAGE_START",
        "REASONING_MESSAGE_CONTENT",
        "TEXT_MESSAGE_START",
        "TOOL_CALL_START",
        "TEXT_MESSAGE_CONTENT",
        "TOOL_CALL_ARGS",
        "REASONING_MESSAGE_END",
        "REASONING_END",
        "TEXT_MESSAGE_END",
        "TOOL_CALL_END",
        "TEXT_MESSAGE_START",
        "TEXT_MESSAGE_CONTENT",
        "TEXT_MESSAGE_END",
    ];
    let mut lines: Vec<Value> = all.iter().map(|kind| msg(kind, "x")).collect();
    lines.push(finished());
    assert_eq!(after_start(&lines), "", "interleaving and opening again are legal");
}

#[test]
fn nothing_may_be_open_at_the_end() {
    let started = ev("SUBAGENT_STARTED", json!({"subagentRunId": "s", "name": "n"}));
    let step = |name: &str| ev("STEP_STARTED", json!({"stepName": name}));
    let cases = [
        (vec![msg("TEXT_MESSAGE_START", "b"), msg("TEXT_MESSAGE_START", "a")], "text messages are still active: b, a"),
        (
            vec![msg("REASONING_START", "a"), msg("REASONING_MESSAGE_START", "b")],
            "reasoning messages are still active: b",
        ),
        (vec![msg("REASONING_START", "a"), msg("TOOL_CALL_START", "b")], "reasoning spans are still active: a"),
        (vec![msg("TOOL_CALL_START", "a"), started.clone()], "tool calls are still active: a"),
        (vec![started], "subagents are still active: s"),
        (
            vec![msg("TEXT_MESSAGE_START", "a"), step("p"), by(step("q"), "s"), step("r")],
            "steps are still active: p, r, q (subagent 's')",
        ),
    ];
    for (mut lines, text) in cases {
        lines.push(finished());
        assert_eq!(after_start(&lines), format!("Cannot send 'RUN_FINISHED' while {text}"));
        let at = lines.len() - 1;
        lines[at] = ev("RUN_ERROR", json!({"message": "m"}));
        assert_eq!(after_start(&lines), "");
    }
}

#[test]
fn steps() {
    let start = ev("STEP_STARTED", json!({"stepName": "p"}));
    let end = ev("STEP_FINISHED", json!({"stepName": "p"}));
    assert_eq!(after_start(&[start.clone(), start.clone()]), "Step \"p\" is already active for 'STEP_STARTED'");
    let tagged = by(start.clone(), "s");
    assert_eq!(
        after_start(&[tagged.clone(), start.clone(), tagged.clone()]),
        "Step \"p\" is already active for 'STEP_STARTED' in subagent 's'"
    );
    assert_eq!(
        after_start(std::slice::from_ref(&end)),
        "Cannot send 'STEP_FINISHED' for step \"p\" that was not started"
    );
    assert_eq!(
        after_start(&[tagged, end.clone()]),
        "Cannot send 'STEP_FINISHED' for step \"p\" attributed to the parent agent: that step is open under subagent 's'. A step must be finished by whoever started it."
    );
    assert_eq!(
        after_start(&[start, by(end, "s")]),
        "Cannot send 'STEP_FINISHED' for step \"p\" attributed to subagent 's': that step is open under the parent agent. A step must be finished by whoever started it."
    );
}

#[test]
fn subagents() {
    let start = ev("SUBAGENT_STARTED", json!({"subagentRunId": "s", "name": "n"}));
    let end = ev("SUBAGENT_FINISHED", json!({"subagentRunId": "s"}));
    let error = ev("SUBAGENT_ERROR", json!({"subagentRunId": "s", "message": "m"}));
    let child = ev("SUBAGENT_STARTED", json!({"subagentRunId": "c", "name": "n", "parentSubagentRunId": "s"}));
    assert_eq!(
        after_start(&[start.clone(), start.clone()]),
        "Cannot send 'SUBAGENT_STARTED': subagent 's' is already active. Finish it with 'SUBAGENT_FINISHED' first."
    );
    assert_eq!(
        after_start(&[start.clone(), end.clone(), start.clone()]),
        "Cannot send 'SUBAGENT_STARTED': subagent 's' has already finished in this run. Subagent IDs are per-invocation and cannot be reused."
    );
    assert_eq!(
        after_start(std::slice::from_ref(&child)),
        "Cannot send 'SUBAGENT_STARTED': parentSubagentRunId 's' has not been started in this run."
    );
    for line in [&end, &error] {
        let kind = line["type"].as_str().unwrap();
        assert_eq!(
            after_start(std::slice::from_ref(line)),
            format!(
                "Cannot send '{kind}': no active subagent found with ID 's'. A 'SUBAGENT_STARTED' event must be sent first."
            )
        );
    }
    assert_eq!(after_start(&[start, end, child]), "");
}

#[test]
fn owners() {
    let text = |kind| msg(kind, "m");
    let mismatch = |kind: &str, tag: &str, what: &str, owner: &str| {
        format!("Cannot send '{kind}': subagentRunId '{tag}' does not match the {what} opener's subagent '{owner}'.")
    };
    assert_eq!(
        after_start(&[text("TEXT_MESSAGE_START"), by(text("TEXT_MESSAGE_CONTENT"), "s")]),
        mismatch("TEXT_MESSAGE_CONTENT", "s", "message 'm'", "(the parent agent)")
    );
    assert_eq!(
        after_start(&[
            by(text("TEXT_MESSAGE_START"), "a"),
            text("TEXT_MESSAGE_CONTENT"),
            text("TEXT_MESSAGE_END"),
            text("TEXT_MESSAGE_START"),
            by(text("TEXT_MESSAGE_END"), "b"),
        ]),
        mismatch("TEXT_MESSAGE_END", "b", "message 'm'", "a")
    );
    let call = |parent: &str| {
        ev("TOOL_CALL_START", json!({"toolCallId": "c", "toolCallName": "n", "parentMessageId": parent}))
    };
    assert_eq!(
        after_start(&[text("TEXT_MESSAGE_START"), by(call("m"), "s")]),
        "Cannot send 'TOOL_CALL_START': subagentRunId 's' does not match its parent message 'm' owner '(the parent agent)'. A tool call belongs to the message that carries it."
    );
    assert_eq!(
        after_start(&[by(text("TEXT_MESSAGE_START"), "s"), call("m"), by(msg("TOOL_CALL_ARGS", "c"), "x")]),
        mismatch("TOOL_CALL_ARGS", "x", "tool call 'c'", "s")
    );
    assert_eq!(
        after_start(&[
            by(text("TEXT_MESSAGE_START"), "s"),
            msg("TEXT_MESSAGE_START", "n"),
            call("m"),
            msg("TOOL_CALL_END", "c"),
            call("n"),
        ]),
        "Cannot send 'TOOL_CALL_START': tool call 'c' is owned by 's' but its parent message 'n' is owned by '(the parent agent)'. A tool call belongs to the message that carries it."
    );
    let value = |subtype: &str, id: &str| {
        by(ev("REASONING_ENCRYPTED_VALUE", json!({"subtype": subtype, "entityId": id, "encryptedValue": "v"})), "x")
    };
    assert_eq!(
        after_start(&[by(msg("REASONING_START", "r"), "s"), value("message", "r")]),
        mismatch("REASONING_ENCRYPTED_VALUE", "x", "message 'r'", "s")
    );
    assert_eq!(
        after_start(&[msg("TOOL_CALL_START", "c"), value("tool-call", "c")]),
        mismatch("REASONING_ENCRYPTED_VALUE", "x", "tool call 'c'", "(the parent agent)")
    );
    assert_eq!(after_start(&[value("message", "nobody")]), "");
    let activity = |replace: bool| {
        ev("ACTIVITY_SNAPSHOT", json!({"messageId": "a", "activityType": "t", "content": {}, "replace": replace}))
    };
    let delta = by(ev("ACTIVITY_DELTA", json!({"messageId": "a", "activityType": "t", "patch": []})), "s");
    assert_eq!(after_start(&[delta.clone(), by(activity(true), "s"), activity(false), delta.clone()]), "");
    assert_eq!(
        after_start(&[by(activity(true), "s"), activity(true), delta]),
        mismatch("ACTIVITY_DELTA", "s", "activity 'a'", "(the parent agent)")
    );
}

#[test]
fn histories_seed_owners() {
    let message = json!({"id": "m", "role": "assistant", "subagentRunId": "s",
        "toolCalls": [{"id": "c", "type": "function", "function": {"name": "n", "arguments": ""}}]});
    let snapshot = ev("MESSAGES_SNAPSHOT", json!({"messages": [message]}));
    let text = "opener's subagent 's'";
    assert!(after_start(&[snapshot.clone(), by(msg("TEXT_MESSAGE_START", "m"), "x")]).contains(text));
    assert!(after_start(&[snapshot.clone(), by(msg("TOOL_CALL_START", "c"), "x")]).contains(text));
    assert_eq!(after_start(&[msg("TEXT_MESSAGE_START", "m"), snapshot, by(msg("TEXT_MESSAGE_CONTENT", "m"), "s")]), "");
    let start = ev(
        "RUN_STARTED",
        json!({"threadId": "t", "runId": "r", "input": {"threadId": "t", "runId": "r", "messages": [message]}}),
    );
    assert!(check(&[start, by(msg("TEXT_MESSAGE_START", "m"), "x")]).contains(text));
    let result =
        ev("TOOL_CALL_RESULT", json!({"messageId": "m", "toolCallId": "c", "content": "", "subagentRunId": "s"}));
    assert!(
        after_start(&[msg("TEXT_MESSAGE_START", "m"), result, by(msg("TEXT_MESSAGE_CONTENT", "m"), "x")])
            .contains(text)
    );
}
