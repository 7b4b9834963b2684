//! Events and what they hold, from dice.

use serde_json::{Map, Value, json};

/// Four numbers that stand for one step of a producer, or one change of a stream.
pub(crate) type Dice = [u8; 4];

pub(crate) fn pick<T: Clone>(from: &[T], number: u8) -> Option<T> {
    from.get(usize::from(number) % from.len().max(1)).cloned()
}

pub(crate) fn id(number: u8) -> &'static str {
    ["m1", "m2", "c1", "u1", "", "a1", "__proto__"][usize::from(number) % 7]
}

/// Any JSON.
pub(crate) fn value([a, b, c, d]: Dice) -> Value {
    match a % 9 {
        0 => json!(null),
        1 => json!(b),
        2 => json!(f64::from(b) / 4.0),
        3 => json!(["", "x", "/", "~"][usize::from(b % 4)]),
        4 => json!([b, {"k": c}, null, [d]]),
        5 => json!({}),
        6 => json!({"a": {"b": [1, 2, {"c": c}]}, "l": [], "n": b}),
        7 => json!({"a": 1, "n": null, "a/b": "s", "m~n": {"": d}, "": 0}),
        _ => json!(b > 100),
    }
}

fn metadata([a, b, ..]: Dice) -> Option<Value> {
    match a % 7 {
        0 => Some(json!({"k": b, "n": null})),
        1 => Some(json!({"l": {"deep": [b]}})),
        2 => Some(json!({"@ag-ui/client": {"authoritativeActivityTypes": (match b % 5 {
            0 => json!(null),
            1 => json!(["t"]),
            2 => json!([]),
            3 => json!(["t", 5]),
            _ => json!("t"),
        })}})),
        _ => None,
    }
}

fn source([a, b, ..]: Dice) -> Value {
    match a % 5 {
        0 => json!({"type": "data", "value": "AA==", "mimeType": "image/png"}),
        1 => json!({"type": "url", "value": "http://x", "mimeType": "a/b"}),
        2 => json!({"type": "url", "value": "http://x"}),
        3 if b < 60 => json!({"type": "later", "value": "x"}),
        _ => json!({"type": "file", "value": "f", "provider": "p"}),
    }
}

fn part(dice: Dice) -> Value {
    let [a, b, c, d] = dice;
    let mut part = match a % 8 {
        0 | 1 => json!({"type": "text", "text": (["", "t"][usize::from(b % 2)])}),
        2 => json!({"type": "image", "source": source([b, c, d, a])}),
        3 => json!({"type": "audio", "source": source([b, c, d, a])}),
        4 => json!({"type": "document", "source": source([b, c, d, a])}),
        5 => {
            let mut part =
                json!({"type": "binary", "mimeType": (["image/png", "video/mp4", "image", "x/y"][usize::from(c % 4)])});
            for (bit, key) in [(1, "data"), (2, "url"), (4, "id"), (8, "filename")] {
                if b & bit != 0 {
                    part[key] = json!(["AA==", ""][usize::from(d & 16 != 0)]);
                }
            }
            part
        }
        6 if b < 60 => json!({"type": "later"}),
        _ => json!({"type": "video", "source": source([b, c, d, a]), "id": "p"}),
    };
    if d % 9 == 0 {
        part["metadata"] = value([b, a, c, d]);
    }
    part
}

fn parts([a, b, c, d]: Dice) -> Value {
    let all = [part([a, b, c, d]), part([b, c, d, a]), part([c, d, a, b])];
    all[..usize::from(d % 4).min(3)].to_vec().into()
}

fn calls([a, b, ..]: Dice) -> Value {
    let call = |id: &str| json!({"id": id, "type": "function", "function": {"name": "f", "arguments": "{}"}});
    match a % 3 {
        0 => json!([call(id(b))]),
        1 => json!([call("c1"), call(id(b))]),
        _ => json!([]),
    }
}

/// `wild` holds what only 1.0 knows, and what nobody does.
pub(crate) fn message(dice: Dice, at: usize, wild: bool) -> Value {
    let [a, b, c, d] = dice;
    let id =
        if wild { id(b).to_owned() } else { ["u1", "m1", "a1", "h3", "h4"].get(at).copied().unwrap_or("h").to_owned() };
    let mut message = match a % 8 {
        0 => json!({"role": "user", "content": "hi"}),
        1 if wild => json!({"role": "user", "content": parts([b, c, d, a])}),
        1 => json!({"role": "user", "content": [{"type": "text", "text": "t"}]}),
        2 => json!({"role": "assistant", "content": "hello", "toolCalls": calls([c, d, a, b])}),
        3 => json!({"role": "assistant", "toolCalls": calls([c, d, a, b])}),
        4 if wild && d < 90 => json!({"role": "tool", "toolCallId": "c1", "content": parts([b, c, d, a])}),
        4 => json!({"role": "tool", "toolCallId": "c1", "content": "r"}),
        5 => json!({"role": "activity", "activityType": (if c < 128 { "t" } else { "u" }), "content": {"n": d}}),
        6 => json!({"role": "reasoning", "content": "because"}),
        _ => json!({"role": "system", "content": "s", "name": "n"}),
    };
    message["id"] = id.into();
    if let Some(metadata) = metadata([c, d, a, b]).filter(|_| d % 3 == 0) {
        message["metadata"] = metadata;
    }
    if c % 8 == 0 && message["role"] != "system" {
        message["subagentRunId"] = ["s1", "s2"][usize::from(d % 2)].into();
    }
    if wild && d == 7 {
        message["role"] = "oracle".into();
    }
    message
}

fn pointer(number: u8) -> &'static str {
    let all = [
        "/n",
        "/a",
        "/a/b",
        "/a/b/0",
        "/a/b/-",
        "/l/-",
        "/l/0",
        "/x/y",
        "",
        "/",
        "/a~1b",
        "/m~0n/",
        "/l/00",
        "/a/b/9",
        "/a/b/-1",
        "/__proto__/x",
        "/constructor/prototype/x",
        "/n/x",
        "/l/x",
        "/k",
    ];
    all[usize::from(number) % all.len()]
}

fn operation(dice: Dice) -> Value {
    let [a, b, c, d] = dice;
    let value = value([c, d, a, b]);
    match a % 9 {
        0 | 1 => json!({"op": "add", "path": pointer(b), "value": value}),
        2 | 3 => json!({"op": "replace", "path": pointer(b), "value": value}),
        4 => json!({"op": "remove", "path": pointer(b)}),
        5 => json!({"op": "test", "path": pointer(b), "value": value}),
        6 => json!({"op": "move", "from": pointer(b), "path": pointer(c)}),
        7 => json!({"op": "copy", "from": pointer(b), "path": pointer(c), "extra": d}),
        _ if d < 80 => json!({"op": "inc", "path": pointer(b)}),
        _ => json!({"op": "add", "path": (["/n", "/l/-"][usize::from(b % 2)]), "value": value}),
    }
}

fn patch([a, b, c, d]: Dice) -> Value {
    let all = [operation([a, b, c, d]), operation([b, c, d, a]), operation([c, d, a, b])];
    all[..usize::from(d % 4).min(3)].to_vec().into()
}

fn outcome([a, b, ..]: Dice) -> Option<Value> {
    Some(match a % 6 {
        0 => json!({"type": "success"}),
        1 => json!({"type": "success", "pendingToolCallIds": ["c1"]}),
        2 => json!({"type": "cancelled"}),
        3 => json!({"type": "interrupt", "interrupts": [{"id": "i", "reason": "r", "responseSchema": {"x": null}}]}),
        4 if b < 128 => json!({"type": "later"}),
        _ => return None,
    })
}

fn input(dice: Dice) -> Value {
    let [a, b, c, d] = dice;
    let mut input = json!({"threadId": "t", "runId": "r", "messages": [message(dice, 0, true), message([b, a, d, c], 1, true)],
        "tools": [{"name": "n", "description": "d"}], "context": [], "state": value(dice)});
    if a < 40 {
        input["forwardedProps"] = value([b, c, d, a]);
    }
    if a % 3 == 0 {
        input["tools"] = json!([]);
    }
    input
}

/// What an event of a type holds beside its ids.
fn members(kind: &str, dice: Dice) -> Value {
    let [a, b, c, d] = dice;
    match kind {
        "RUN_STARTED" if a % 3 == 0 => json!({"threadId": "t", "runId": "r", "input": input([b, c, d, a])}),
        "RUN_STARTED" => json!({"threadId": "t", "runId": "r", "protocolVersion": "1.0"}),
        "RUN_FINISHED" => {
            let mut event = json!({"threadId": "t", "runId": "r"});
            if let Some(outcome) = outcome(dice) {
                event["outcome"] = outcome;
            }
            if c < 50 {
                event["result"] = value([d, a, b, c]);
            }
            if d < 30 {
                event["usage"] = json!([{"model": "m", "inputTokens": c, "cacheWriteInputTokens": 1}]);
            }
            event
        }
        "RUN_ERROR" => json!({"message": "no", "code": "c"}),
        "STATE_SNAPSHOT" => json!({"snapshot": value(dice)}),
        "STATE_DELTA" => json!({"delta": patch(dice)}),
        "MESSAGES_SNAPSHOT" => {
            let all = [message(dice, 0, true), message([b, c, d, a], 1, true), message([c, d, a, b], 2, true)];
            json!({"messages": all[..usize::from(d % 4).min(3)]})
        }
        "ACTIVITY_SNAPSHOT" => {
            let mut event = json!({"activityType": (if a < 128 { "t" } else { "u" }), "content": {"a": {"b": [b]}, "n": c, "l": []}});
            if d % 3 == 0 {
                event["replace"] = (d < 128).into();
            }
            event
        }
        "ACTIVITY_DELTA" => json!({"activityType": (if a < 128 { "t" } else { "v" }), "patch": patch(dice)}),
        "RAW" => json!({"event": value(dice)}),
        "CUSTOM" => json!({"name": "n", "value": value(dice)}),
        "STEP_STARTED" | "STEP_FINISHED" => json!({"stepName": (["p", "q"][usize::from(a % 2)])}),
        "TEXT_MESSAGE_START" if a % 3 == 0 => {
            json!({"role": (["user", "system", "developer", "assistant"][usize::from(b % 4)])})
        }
        "TEXT_MESSAGE_START" if a % 3 == 1 => json!({"name": "n"}),
        "TEXT_MESSAGE_CONTENT" | "TOOL_CALL_ARGS" | "REASONING_MESSAGE_CONTENT" => {
            json!({"delta": (["x", "", "yy", "\u{e9}\n"][usize::from(a % 4)])})
        }
        "TOOL_CALL_START" => json!({"toolCallName": (["f", "g"][usize::from(a & 1)])}),
        "REASONING_MESSAGE_START" => json!({"role": "reasoning"}),
        "TOOL_CALL_RESULT" if a < 90 => json!({"content": parts([b, c, d, a])}),
        "TOOL_CALL_RESULT" => json!({"content": "done", "role": "tool"}),
        "REASONING_ENCRYPTED_VALUE" => {
            json!({"subtype": (["message", "tool-call"][usize::from(a & 1)]), "entityId": id(b), "encryptedValue": "v"})
        }
        "SUBAGENT_STARTED" => json!({"name": "n"}),
        "SUBAGENT_ERROR" => json!({"message": "m"}),
        "SUBAGENT_FINISHED" if a % 3 == 0 => {
            json!({"outcome": {"type": (["suspended", "success", "later"][usize::from(b % 3)])}})
        }
        "SUBAGENT_FINISHED" if a % 3 == 1 => json!({"result": value(dice)}),
        "TEXT_MESSAGE_CHUNK" => chunk(dice, &[("role", json!("assistant")), ("name", json!("n"))]),
        "TOOL_CALL_CHUNK" => chunk(dice, &[("toolCallName", json!("f")), ("parentMessageId", json!("m1"))]),
        "REASONING_MESSAGE_CHUNK" => chunk(dice, &[]),
        "THINKING_START" if a < 60 => json!({"title": "t"}),
        "THINKING_TEXT_MESSAGE_CONTENT" => json!({"delta": "think"}),
        _ => json!({}),
    }
}

fn chunk([a, b, c, _]: Dice, rest: &[(&str, Value)]) -> Value {
    let mut chunk = json!({});
    if a % 4 != 0 {
        chunk["delta"] = ["d", ""][usize::from(a % 5 == 0)].into();
    }
    for (at, (key, value)) in rest.iter().enumerate() {
        if b & (1 << at) != 0 {
            chunk[*key] = value.clone();
        }
    }
    if c % 8 == 0 {
        chunk["rawEvent"] = json!({"r": c});
    }
    chunk
}

pub(crate) fn event(kind: &str, dice: Dice, more: Value) -> Value {
    let [a, b, c, d] = dice;
    let mut event = Map::new();
    event.insert("type".into(), kind.into());
    for members in [members(kind, dice), more] {
        event.extend(members.as_object().cloned().unwrap_or_default());
    }
    event.retain(|_, value| !(value == "<absent>"));
    if let Some(metadata) = metadata([c, d, a, b]).filter(|_| d % 4 == 0) {
        event.insert("metadata".into(), metadata);
    }
    if d == 33 {
        event.insert("timestamp".into(), json!(1_700_000_000_000_u64));
    }
    event.into()
}
