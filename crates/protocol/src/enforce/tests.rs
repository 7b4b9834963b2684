use super::*;
use serde_json::{Value, json};

/// What is left of the events, and what was noted; or the error.
fn enforce(events: &[Value]) -> Result<(Vec<Value>, Vec<String>), String> {
    let mut next = 0;
    let mut enforce = Enforce::new(|| {
        next += 1;
        format!("id-{next}")
    });
    let (mut out, mut notes) = (Vec::new(), Vec::new());
    for event in events {
        let emitted = enforce.push(Bytes::from(event.to_string()), &mut notes).map_err(|error| error.to_string())?;
        out.extend(emitted.map(|emitted| serde_json::from_slice::<Value>(&emitted.to_json()).unwrap()));
    }
    Ok((out, notes.iter().map(ToString::to_string).collect()))
}

fn one(event: Value) -> Result<Value, String> {
    enforce(&[event]).map(|(mut out, _)| out.pop().unwrap_or(Value::Null))
}

fn removed(event: Value) -> Vec<String> {
    let mut notes = Vec::new();
    Enforce::new(String::new).push(Bytes::from(event.to_string()), &mut notes).unwrap();
    notes
        .into_iter()
        .map(|note| match note {
            Deviation::Removed { path, .. } => path,
            other => other.to_string(),
        })
        .collect()
}

#[test]
fn unknown_material_goes_with_its_path() {
    assert_eq!(one(json!({"type": "LATER"})), Ok(Value::Null));
    let part =
        |source: &str| json!({"type": "image", "later": 1, "source": {"type": source, "value": "v", "mimeType": "m"}});
    let event = json!({"type": "MESSAGES_SNAPSHOT", "toString": 1, "messages": [
        {"role": "user", "id": "u", "content": [part("hologram"), part("data"), {"type": "binary", "mimeType": "m", "id": "i"}]},
        {"role": "oracle", "later": {}},
        {"role": "assistant", "id": "a", "toolCalls": [{"id": "c", "type": "function", "x": 1, "function": {"name": "n", "arguments": "", "y": 2}}]}]});
    let paths = [
        "/toString",
        "/messages/0/content/0",
        "/messages/0/content/1/later",
        "/messages/0/content/2",
        "/messages/1",
        "/messages/2/toolCalls/0/x",
        "/messages/2/toolCalls/0/function/y",
    ];
    let mut noted = removed(event.clone());
    assert!(noted.remove(0).contains("binary input content"));
    noted.sort();
    let mut expected = paths.map(str::to_owned);
    expected.sort();
    assert_eq!(noted, expected);
    let out = one(event).unwrap();
    assert_eq!(out["messages"][0]["content"].as_array().unwrap().len(), 1);
    assert_eq!(out["messages"].as_array().unwrap().len(), 2);
}

#[test]
fn an_unknown_kind_removes_what_can_be_removed() {
    let finished = |outcome: Value| json!({"type": "RUN_FINISHED", "threadId": "t", "runId": "r", "outcome": outcome});
    assert_eq!(one(finished(json!({"type": "paused"}))).unwrap().get("outcome"), None);
    assert_eq!(one(finished(json!({}))).unwrap().get("outcome"), None);
    assert!(one(finished(json!([]))).unwrap_err().starts_with("outcome: expected an object"));
    assert!(one(finished(json!({"type": "interrupt", "interrupts": []}))).is_err());
    let delta = one(json!({"type": "STATE_DELTA", "delta": [
        {"op": "inc", "path": 5}, {"op": "remove", "path": "/a", "value": "left over"}]}));
    assert_eq!(delta.unwrap()["delta"], json!([{"op": "remove", "path": "/a", "value": "left over"}]));
}

#[test]
fn described_members_must_be_right() {
    let text = |key: &str, value: Value| {
        let mut event = json!({"type": "TEXT_MESSAGE_START", "messageId": "m"});
        event[key] = value;
        one(event)
    };
    for (key, value) in [
        ("timestamp", json!(1.0)),
        ("timestamp", json!(-1)),
        ("rawEvent", json!(null)),
        ("rawEvent", json!(0)),
        ("metadata", json!({"a": null})),
    ] {
        assert!(text(key, value.clone()).is_ok(), "{key}: {value}");
    }
    for (key, value) in [
        ("timestamp", json!(1.5)),
        ("timestamp", json!(9_007_199_254_740_992_u64)),
        ("timestamp", json!("1")),
        ("metadata", json!(null)),
        ("metadata", json!([])),
        ("role", json!("oracle")),
        ("name", json!(null)),
        ("subagentRunId", json!(null)),
        ("messageId", json!(7)),
    ] {
        let error = text(key, value.clone()).unwrap_err();
        assert!(error.starts_with(&format!("{key}: ")), "{key}: {value}: {error}");
    }
    for (event, message) in [
        (json!({"type": "CUSTOM", "name": "n"}), "value: this member is required"),
        (
            json!({"type": "STATE_DELTA", "delta": [{"op": "add", "path": "a", "value": 1}]}),
            "delta[0].path: expected a JSON Pointer",
        ),
        (
            json!({"type": "STATE_DELTA", "delta": [{"op": "test", "path": "/~2", "value": 1}]}),
            "delta[0].path: expected a JSON Pointer",
        ),
        (
            json!({"type": "ACTIVITY_DELTA", "messageId": "m", "activityType": "t", "patch": [{"op": "copy", "path": ""}]}),
            "patch[0].from: this member is required",
        ),
        (
            json!({"type": "RUN_ERROR", "message": "m", "usage": [{"inputTokens": -1}]}),
            "usage[0].inputTokens: expected an integer from 0 to 9007199254740991",
        ),
        (json!([]), "Invalid event: the frame is not a JSON object."),
        (json!({"type": ""}), "Invalid event: the frame carries no event type."),
    ] {
        assert_eq!(one(event), Err(message.to_owned()));
    }
    assert!(one(json!({"type": "CUSTOM", "name": "n", "value": null})).is_ok());
}

#[test]
fn retired_forms_become_modern_ones() {
    let events = [
        json!({"type": "THINKING_START", "title": "t"}),
        json!({"type": "THINKING_TEXT_MESSAGE_START", "timestamp": 5}),
        json!({"type": "THINKING_TEXT_MESSAGE_CONTENT", "delta": "d"}),
        json!({"type": "THINKING_TEXT_MESSAGE_END"}),
        json!({"type": "THINKING_END"}),
        json!({"type": "THINKING_END"}),
    ];
    let (out, notes) = enforce(&events).unwrap();
    let expected = [
        json!({"type": "REASONING_START", "messageId": "id-1"}),
        json!({"type": "REASONING_MESSAGE_START", "messageId": "id-2", "role": "reasoning", "timestamp": 5}),
        json!({"type": "REASONING_MESSAGE_CONTENT", "messageId": "id-2", "delta": "d"}),
        json!({"type": "REASONING_MESSAGE_END", "messageId": "id-2"}),
        json!({"type": "REASONING_END", "messageId": "id-1"}),
        json!({"type": "REASONING_END", "messageId": "id-3"}),
    ];
    assert_eq!(out, expected);
    assert_eq!(notes.len(), 8);
    assert_eq!(notes[1], "the title \"t\" of a THINKING_START was lost");
}

#[test]
fn forgiven_nulls_and_binary_parts() {
    let image =
        json!({"type": "image", "source": {"type": "data", "value": "AA", "mimeType": "image/png"}, "metadata": null});
    let binary = |mime: &str, name: &str| json!({"type": "binary", "mimeType": mime, "data": "AA", "url": "u", "filename": name});
    let input = json!({"threadId": "t", "runId": "r", "state": null, "forwardedProps": null,
        "tools": [{"name": "n", "description": "d", "parameters": null}],
        "resume": [{"interruptId": "i", "status": "resolved", "payload": null}],
        "messages": [{"role": "user", "id": "u", "content": [image, binary("image/png", ""), binary("image", "f")]}]});
    let out =
        one(json!({"type": "RUN_STARTED", "threadId": "t", "runId": "r", "rawEvent": null, "input": input})).unwrap();
    let document = json!({"type": "document", "source": {"type": "data", "value": "AA", "mimeType": "image"}, "metadata": {"filename": "f"}});
    let content = out["input"]["messages"][0]["content"].clone();
    assert_eq!(
        content,
        json!([{"type": "image", "source": {"type": "data", "value": "AA", "mimeType": "image/png"}}, document])
    );
    for (event, ok) in [
        (json!({"type": "RUN_FINISHED", "threadId": "t", "runId": "r", "result": null, "outcome": null}), true),
        (json!({"type": "TOOL_CALL_START", "toolCallId": "c", "toolCallName": "n", "parentMessageId": null}), true),
        (json!({"type": "SUBAGENT_FINISHED", "subagentRunId": "s", "result": null}), true),
        (json!({"type": "SUBAGENT_FINISHED", "subagentRunId": "s", "outcome": null}), false),
        (json!({"type": "RUN_STARTED", "threadId": "t", "runId": "r", "input": null}), false),
    ] {
        assert_eq!(one(event.clone()).is_ok(), ok, "{event}");
    }
}

#[test]
fn bytes_that_need_no_change_are_kept() {
    for text in [
        r#"{"type":"TEXT_MESSAGE_CONTENT","messageId":"m","delta":"x"}"#,
        r#"{"type":"STATE_SNAPSHOT","snapshot":{"n":1.50}}"#,
    ] {
        let json = Bytes::from_static(text.as_bytes());
        let out = Enforce::new(String::new).push(json, &mut Vec::new()).unwrap().unwrap();
        assert_eq!(out.raw().map(|raw| &raw[..]), Some(text.as_bytes()));
    }
    let twice = Bytes::from_static(br#"{"type":"STATE_SNAPSHOT","snapshot":1,"type":"CUSTOM","name":"n","value":2}"#);
    let out = Enforce::new(String::new).push(twice, &mut Vec::new()).unwrap().unwrap();
    assert_eq!(&out.to_json()[..], br#"{"type":"CUSTOM","name":"n","value":2}"#);
}
