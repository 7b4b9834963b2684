//! Event streams: legal ones, almost legal ones, and soups.

use super::case::Case;
use super::values::{Dice, event, id, message, pick, value};
use proptest::prelude::*;
use serde_json::{Value, json};

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
        if dice.is_multiple_of(3) { id(dice / 3).to_owned() } else { format!("x{}", self.next) }
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
                        Some(key) if d.is_multiple_of(4) => drop(members.remove(&key)),
                        Some(key) => members.get_mut(&key).into_iter().for_each(change),
                        None => drop(members.insert("later".into(), json!(1))),
                    }
                }
            }
        }
        Value::Array(items) if !items.is_empty() => {
            let at = usize::from(c) % items.len();
            if d.is_multiple_of(5) {
                change(&mut items[at])
            } else {
                deep(&mut items[at], c.rotate_left(3) ^ d, d.rotate_left(1))
            }
        }
        other => change(other),
    }
}
