//! Event streams: legal ones, almost legal ones, and soups.

use super::case::Case;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// Four numbers that stand for one step of a producer, or one change of a stream.
type Dice = [u8; 4];

pub(crate) fn case() -> impl Strategy<Value = Case> {
    let dice = any::<Dice>;
    let script = |most| prop::collection::vec(any::<Dice>(), 0..most);
    let mutations = prop_oneof![
        2 => Just(Vec::new()).boxed(),
        3 => prop::collection::vec(dice(), 1..4).boxed(),
    ];
    let stream = prop_oneof![
        4 => script(28).prop_map(|script| Producer::default().play(&script)),
        1 => script(14).prop_map(|script| soup(&script)),
        1 => (script(12), script(12)).prop_map(|(legal, wild)| {
            let mut frames = Producer::default().play(&legal);
            frames.truncate(frames.len().saturating_sub(1));
            frames.extend(soup(&wild).split_off(1));
            frames
        }),
    ];
    (stream, mutations, prop::option::weighted(0.5, script(5)), dice()).prop_map(
        |(mut frames, mutations, history, dice)| {
            for mutation in &mutations {
                mutate(&mut frames, *mutation);
            }
            let history = history.unwrap_or_default();
            let messages = history.iter().enumerate().map(|(at, dice)| message(*dice, at, false)).collect();
            let state = Some(value(dice)).filter(|state| dice[0] >= 128 && !state.is_null());
            Case { messages, state: state.unwrap_or_else(|| json!({})), frames }
        },
    )
}

fn pick<T: Clone>(from: &[T], number: u8) -> Option<T> {
    from.get(usize::from(number) % from.len().max(1)).cloned()
}

fn id(number: u8) -> &'static str {
    ["m1", "m2", "c1", "u1", "", "a1", "__proto__"][usize::from(number) % 7]
}

/// Any JSON.
fn value([a, b, c, d]: Dice) -> Value {
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
fn message(dice: Dice, at: usize, wild: bool) -> Value {
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

fn event(kind: &str, dice: Dice, more: Value) -> Value {
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

/// A producer that keeps the rules.
#[derive(Default)]
struct Producer {
    out: Vec<Value>,
    /// Kind, id and owner of what is open.
    open: Vec<(&'static str, String, Option<&'static str>)>,
    subagents: Vec<&'static str>,
    running: bool,
    next: usize,
}

impl Producer {
    fn play(mut self, script: &[Dice]) -> Vec<Value> {
        self.emit("RUN_STARTED", [1, 1, 1, 1], json!({}));
        self.running = true;
        for dice in script {
            self.step(*dice);
        }
        if self.running {
            self.finish([script.len() as u8; 4]);
        }
        self.out
    }

    fn emit(&mut self, kind: &str, dice: Dice, more: Value) {
        self.out.push(event(kind, dice, more));
    }

    fn tagged(owner: Option<&str>, key: &str, id: &str, tag: bool) -> Value {
        let mut more = json!({});
        more[key] = id.into();
        if let Some(owner) = owner.filter(|_| tag) {
            more["subagentRunId"] = owner.into();
        }
        more
    }

    fn fresh(&mut self, dice: u8) -> String {
        self.next += 1;
        if dice % 3 == 0 { id(dice / 3).to_owned() } else { format!("x{}", self.next) }
    }

    fn finish(&mut self, dice: Dice) {
        let [a, b, c, d] = dice;
        while let Some((kind, name, owner)) = self.open.pop() {
            self.close(kind, &name, owner, [b, c, d, a]);
        }
        for name in std::mem::take(&mut self.subagents) {
            self.emit(
                ["SUBAGENT_FINISHED", "SUBAGENT_ERROR"][usize::from(c & 1)],
                [c, d, a, b],
                json!({"subagentRunId": name}),
            );
        }
        self.emit(if b < 20 { "RUN_ERROR" } else { "RUN_FINISHED" }, dice, json!({}));
        self.running = false;
    }

    fn close(&mut self, kind: &str, name: &str, owner: Option<&str>, dice: Dice) {
        let (end, key) = match kind {
            "text" => ("TEXT_MESSAGE_END", "messageId"),
            "call" => ("TOOL_CALL_END", "toolCallId"),
            "thought" => ("REASONING_MESSAGE_END", "messageId"),
            "span" => ("REASONING_END", "messageId"),
            _ => ("STEP_FINISHED", "stepName"),
        };
        let more = Self::tagged(owner, key, name, dice[0] & 1 == 0 || kind == "step");
        self.emit(end, dice, more);
    }

    fn step(&mut self, dice: Dice) {
        let [a, b, c, d] = dice;
        if !self.running {
            if a < 128 {
                self.emit("RUN_STARTED", dice, json!({}));
                self.running = true;
            }
            return;
        }
        let owner = if b % 3 == 0 { pick(&self.subagents, c) } else { None };
        let tag = owner.map_or(json!({}), |owner| json!({"subagentRunId": owner}));
        match a % 32 {
            0..=3 => self.open("text", "TEXT_MESSAGE_START", "messageId", owner, dice),
            4..=6 => self.open("call", "TOOL_CALL_START", "toolCallId", owner, dice),
            7 => self.open("span", "REASONING_START", "messageId", owner, dice),
            8 => self.open("thought", "REASONING_MESSAGE_START", "messageId", owner, dice),
            9 => self.open("step", "STEP_STARTED", "stepName", owner, dice),
            10..=14 => {
                if let Some((kind, name, owner)) = pick(&self.open, b) {
                    let (kind, key) = match kind {
                        "text" => ("TEXT_MESSAGE_CONTENT", "messageId"),
                        "call" => ("TOOL_CALL_ARGS", "toolCallId"),
                        "thought" => ("REASONING_MESSAGE_CONTENT", "messageId"),
                        _ => return,
                    };
                    let more = Self::tagged(owner, key, &name, c & 1 == 0);
                    self.emit(kind, [c, d, b, a], more);
                }
            }
            15 | 16 if !self.open.is_empty() => {
                let (kind, name, owner) = self.open.remove(usize::from(b) % self.open.len());
                self.close(kind, &name, owner, [c, d, b, a]);
            }
            17 | 18 => {
                let mut more = tag;
                more["messageId"] = format!("r{b}").into();
                more["toolCallId"] =
                    self.open.iter().find(|(kind, ..)| *kind == "call").map_or("c1", |(_, id, _)| id).into();
                self.emit("TOOL_CALL_RESULT", [c, d, b, a], more);
            }
            19 => self.emit("STATE_SNAPSHOT", [b, c, d, a], tag),
            20 | 21 => self.emit("STATE_DELTA", [b, c, d, a], tag),
            22 => self.emit("MESSAGES_SNAPSHOT", [b, c, d, a], json!({})),
            23 | 24 => {
                let mut more = tag;
                more["messageId"] = ["a1", "a2", "m1"][usize::from(c % 3)].into();
                let kind = if b & 1 == 0 {
                    "ACTIVITY_SNAPSHOT"
                } else {
                    more = json!({"messageId": more["messageId"]});
                    "ACTIVITY_DELTA"
                };
                self.emit(kind, [d, b, c, a], more);
            }
            25 => self.emit(["RAW", "CUSTOM"][usize::from(b & 1)], [c, d, a, b], tag),
            26 => self.emit("REASONING_ENCRYPTED_VALUE", [b, c, d, a], json!({})),
            27 => {
                let unused = ["s1", "s2", "", "s4"]
                    .into_iter()
                    .find(|name| !self.out.iter().any(|event| event["subagentRunId"] == **name));
                if let Some(name) = unused {
                    self.emit("SUBAGENT_STARTED", dice, json!({"subagentRunId": name}));
                    self.subagents.push(name);
                }
            }
            28 if b < 60 => self.finish([c, d, a, b]),
            28 => {
                for (kind, dice) in [
                    ("THINKING_START", dice),
                    ("THINKING_TEXT_MESSAGE_START", dice),
                    ("THINKING_TEXT_MESSAGE_CONTENT", dice),
                    ("THINKING_TEXT_MESSAGE_END", dice),
                    ("THINKING_END", dice),
                ] {
                    self.emit(kind, dice, json!({}));
                }
            }
            _ => self.chunks(owner, tag, dice),
        }
    }

    fn open(&mut self, kind: &'static str, start: &str, key: &str, owner: Option<&'static str>, dice: Dice) {
        let [a, b, c, d] = dice;
        let name = if kind == "step" { ["p", "q"][usize::from(c & 1)].to_owned() } else { self.fresh(c) };
        if self.open.iter().any(|(other, id, by)| *other == kind && *id == name && (kind != "step" || *by == owner)) {
            return;
        }
        let mut more = Self::tagged(owner, key, &name, true);
        if kind == "call" && d & 1 == 0 {
            more["parentMessageId"] = pick(&self.open, d).map_or_else(|| id(d).to_owned(), |(_, id, _)| id).into();
        }
        self.emit(start, [b, c, d, a], more);
        self.open.push((kind, name, owner));
    }

    fn chunks(&mut self, owner: Option<&'static str>, tag: Value, [a, b, c, d]: Dice) {
        let (kind, key) = [
            ("TEXT_MESSAGE_CHUNK", "messageId"),
            ("TOOL_CALL_CHUNK", "toolCallId"),
            ("REASONING_MESSAGE_CHUNK", "messageId"),
        ][usize::from(d % 3)];
        let name = format!("k{}", c % 4);
        let mut more = tag;
        more[key] = name.into();
        if kind == "TOOL_CALL_CHUNK" {
            more["toolCallName"] = "f".into();
        }
        self.emit(kind, [b, a, c, d], more.clone());
        for at in 0..c % 3 {
            let mut next = more.clone();
            if (b >> at) & 1 == 0 {
                next.as_object_mut().unwrap().remove(key);
            }
            // What a continuation may not change stays out.
            for key in ["role", "name", "parentMessageId"] {
                next[key] = "<absent>".into();
            }
            self.emit(kind, [b, a.wrapping_add(at), c, d], next);
            if d & 8 == 0 {
                self.emit("RAW", [a, b, c, d], owner.map_or(json!({}), |owner| json!({"subagentRunId": owner})));
            }
        }
    }
}

const KINDS: [&str; 38] = [
    "RUN_STARTED",
    "RUN_ERROR",
    "STEP_STARTED",
    "STEP_FINISHED",
    "TEXT_MESSAGE_START",
    "TEXT_MESSAGE_CONTENT",
    "TEXT_MESSAGE_END",
    "TEXT_MESSAGE_CHUNK",
    "TOOL_CALL_START",
    "TOOL_CALL_ARGS",
    "TOOL_CALL_END",
    "TOOL_CALL_CHUNK",
    "TOOL_CALL_RESULT",
    "STATE_SNAPSHOT",
    "STATE_DELTA",
    "MESSAGES_SNAPSHOT",
    "ACTIVITY_SNAPSHOT",
    "ACTIVITY_DELTA",
    "RAW",
    "CUSTOM",
    "REASONING_START",
    "REASONING_MESSAGE_START",
    "REASONING_MESSAGE_CONTENT",
    "REASONING_MESSAGE_END",
    "REASONING_MESSAGE_CHUNK",
    "REASONING_END",
    "REASONING_ENCRYPTED_VALUE",
    "SUBAGENT_STARTED",
    "SUBAGENT_FINISHED",
    "SUBAGENT_ERROR",
    "THINKING_START",
    "THINKING_TEXT_MESSAGE_START",
    "THINKING_TEXT_MESSAGE_CONTENT",
    "THINKING_TEXT_MESSAGE_END",
    "THINKING_END",
    "LATER",
    "RUN_FINISHED",
    "",
];

/// Any events over few ids.
fn soup(script: &[Dice]) -> Vec<Value> {
    let mut out = vec![event("RUN_STARTED", [1; 4], json!({}))];
    for [a, b, c, d] in script.iter().copied() {
        let kind = KINDS[usize::from(a) % KINDS.len()];
        let mut more = json!({});
        if kind.contains("TOOL_CALL") {
            more["toolCallId"] = id(b).into();
        }
        if kind.contains("MESSAGE_")
            || kind.starts_with("REASONING")
            || kind.starts_with("ACTIVITY")
            || kind == "TOOL_CALL_RESULT"
        {
            more["messageId"] = id(c % 3).into();
        }
        if kind.contains("CHUNK") && d & 1 == 0 {
            more = json!({});
        }
        if kind.starts_with("SUBAGENT") || d % 5 == 0 {
            more["subagentRunId"] = ["s1", "s2", ""][usize::from(d % 3)].into();
        }
        out.push(event(kind, [b, c, d, a], more));
    }
    out
}

/// One change that a faulty producer or a lossy line could make.
fn mutate(frames: &mut Vec<Value>, [a, b, c, d]: Dice) {
    if frames.is_empty() {
        return;
    }
    let (at, other) = (usize::from(b) % frames.len(), usize::from(c) % frames.len());
    let is_event = frames[at].is_object();
    match a % 12 {
        0 => drop(frames.remove(at)),
        1 => frames.insert(other, frames[at].clone()),
        2 => frames.swap(at, other),
        3 => {
            let broken = [
                "{\"type\":",
                "null",
                "5",
                "[]",
                "\"x\"",
                "{}",
                "{\"type\":5}",
                " {\"type\":\"RAW\",\"event\":1} ",
                "{\"type\":\"RAW\",\"event\":1,\"event\":null}",
            ];
            frames[at] = broken[usize::from(d) % broken.len()].into();
        }
        4..=6 => {
            let Some(object) = frames[at].as_object_mut() else { return };
            let keys: Vec<String> = object.keys().filter(|key| *key != "type").cloned().collect();
            let Some(key) = pick(&keys, c) else { return };
            match d % 8 {
                0 => drop(object.remove(&key)),
                1 => drop(object.insert(key, json!(null))),
                2 => drop(object.insert(key, json!(1.5))),
                3 => drop(object.insert(key, json!({}))),
                4 => drop(object.insert(key, json!([]))),
                _ => drop(object.insert(key, id(d).into())),
            }
        }
        7 if is_event => {
            let strange = [
                ("later", json!(1)),
                ("subagentRunId", json!("s1")),
                ("subagentRunId", json!(null)),
                ("timestamp", json!(1.5)),
                ("timestamp", json!(1e3)),
                ("rawEvent", json!(null)),
                ("metadata", json!(null)),
                ("parentMessageId", json!(null)),
                ("outcome", json!(null)),
                ("toString", json!(0)),
                ("result", json!(null)),
            ];
            let (key, value) = &strange[usize::from(c) % strange.len()];
            frames[at][*key] = value.clone();
        }
        8 | 9 => deep(&mut frames[at], c, d),
        10 if is_event => {
            for key in ["messageId", "toolCallId", "stepName", "entityId"] {
                if frames[at].get(key).is_some() {
                    frames[at][key] = id(c).into();
                }
            }
        }
        _ => frames.truncate(at),
    }
}

/// A change somewhere inside an event.
fn deep(value: &mut Value, c: u8, d: u8) {
    let hostile =
        [json!(null), json!(1.5), json!("x"), json!({}), json!([]), json!({"type": "later"}), json!(-1), json!(true)];
    let change = |slot: &mut Value| *slot = hostile[usize::from(d) % hostile.len()].clone();
    match value {
        Value::Object(members) => {
            let keys: Vec<String> = members
                .iter()
                .filter(|(_, value)| value.is_object() || value.is_array())
                .map(|(key, _)| key.clone())
                .collect();
            match pick(&keys, c).and_then(|key| members.get_mut(&key)) {
                Some(inner) => deep(inner, c.rotate_left(3) ^ d, d.rotate_left(1)),
                None => {
                    let keys: Vec<String> = members.keys().cloned().collect();
                    match pick(&keys, c) {
                        Some(key) if d % 4 == 0 => drop(members.remove(&key)),
                        Some(key) => members.get_mut(&key).into_iter().for_each(change),
                        None => drop(members.insert("later".into(), json!(1))),
                    }
                }
            }
        }
        Value::Array(items) if !items.is_empty() => {
            let at = usize::from(c) % items.len();
            if d % 5 == 0 {
                change(&mut items[at])
            } else {
                deep(&mut items[at], c.rotate_left(3) ^ d, d.rotate_left(1))
            }
        }
        other => change(other),
    }
}
