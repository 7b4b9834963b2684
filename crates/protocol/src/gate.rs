//! Which shapes a client may be sent: what AG-UI 1.0 describes, or the part of it that 0.0.59 accepts.
//!
//! A client of 0.0.59 fails a run on an event that it does not know; a client of 1.0 drops what it does not know, with
//! a warning. So both get only what the specification describes, and the older one gets less.

use crate::emitted::Emitted;
use crate::event::*;
use crate::input::RunFinishedOutcome;
use crate::input::SubagentFinishedOutcome;
use crate::message::*;
use crate::patch;
use crate::wire::{JsonPatch, Object, Wire};

/// The member that says why the model stopped.
const FINISH_REASON: &str = "finishReason";

/// What a client understands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Peer {
    /// AG-UI before 1.0, which does not say its version.
    Legacy,
    /// AG-UI 1.0 or later.
    V1 {
        /// The minor version; `u32::MAX` for a version that is newer than can be told.
        minor: u32,
    },
}

impl Peer {
    /// From `RunAgentInput.protocolVersion`. What is not `MAJOR.MINOR` counts as newer, as a later major version does:
    /// it is served as well as this version can.
    pub fn of(protocol_version: Option<&str>) -> Self {
        let Some(version) = protocol_version else { return Self::Legacy };
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let number = |text: &str| text.parse().unwrap_or(u32::MAX);
        match version.split_once('.') {
            Some((major, minor)) if digits(major) && digits(minor) => match number(major) {
                0 => Self::Legacy,
                1 => Self::V1 { minor: number(minor) },
                _ => Self::V1 { minor: u32::MAX },
            },
            _ => Self::V1 { minor: u32::MAX },
        }
    }

    /// What this client is sent in place of `event`.
    pub fn gate(self, event: &Event) -> Downgrade {
        match self {
            Self::Legacy => for_legacy(event),
            Self::V1 { .. } => for_v1(event),
        }
    }
}

/// What a client is sent in place of an event.
#[derive(Clone, Debug, PartialEq)]
pub enum Downgrade {
    /// The event, as it is.
    Same,
    /// Another one.
    Changed(Box<Event>),
    /// Nothing.
    Drop,
}

/// True when every client may be sent the event as it came, which is known without decoding it: most of any stream.
pub fn is_plain(event: &Emitted) -> bool {
    event.kind().is_delta() && event.raw().is_some()
}

/// True when every client may be sent the event as this crate writes it, which is told without a copy. False says
/// nothing.
pub fn is_same_for_all(event: &Event) -> bool {
    let is_text = |content: &Content| matches!(content, Content::Text(_));
    let are_texts = |messages: &[Message]| {
        messages.iter().all(|message| match message {
            Message::User(message) => is_text(&message.content),
            Message::Tool(message) => is_text(&message.content),
            _ => true,
        })
    };
    let keeps_shape = match event {
        // Both lists of an input are always written.
        Event::RunStarted(event) => event.input.as_ref().is_none_or(|input| are_texts(&input.messages)),
        // Metadata may hold what older clients look for elsewhere.
        Event::RunFinished(event) if event.metadata.is_some() => false,
        Event::RunFinished(event) => match &event.outcome {
            None | Some(RunFinishedOutcome::Interrupt(_)) => true,
            Some(RunFinishedOutcome::Success(success)) => success.pending_tool_call_ids.is_none(),
            Some(_) => false,
        },
        Event::SubagentFinished(event) => event.outcome.is_none(),
        Event::MessagesSnapshot(event) => are_texts(&event.messages),
        Event::ToolCallResult(event) => is_text(&event.content),
        Event::StateDelta(_) | Event::ActivityDelta(_) | Event::Unknown(_) => false,
        _ => true,
    };
    keeps_shape && event.is_tidy()
}

/// For a client of 1.0: nothing that the specification does not describe.
pub fn for_v1(event: &Event) -> Downgrade {
    gated(event, false)
}

/// As [`for_v1`], but members that AG-UI does not know stay, and so do events of an unknown type: for an agent whose
/// clients want them.
pub fn for_v1_as_is(event: &Event) -> Downgrade {
    let mut copy = event.clone();
    if reshape(&mut copy, false) { Downgrade::Changed(Box::new(copy)) } else { Downgrade::Same }
}

/// For a client of 0.0.59: nothing that makes it fail the run.
///
/// Parts of a tool's result become their text, a file that only a provider knows goes away, an outcome that it does
/// not know goes away.
pub fn for_legacy(event: &Event) -> Downgrade {
    gated(event, true)
}

fn gated(event: &Event, legacy: bool) -> Downgrade {
    if event.kind() == EventKind::Unknown {
        return Downgrade::Drop;
    }
    let mut copy = event.clone();
    let tidied = copy.tidy();
    if reshape(&mut copy, legacy) | tidied { Downgrade::Changed(Box::new(copy)) } else { Downgrade::Same }
}

/// True when something was changed.
fn reshape(event: &mut Event, legacy: bool) -> bool {
    match event {
        Event::RunStarted(event) => match &mut event.input {
            // 0.0.59 wants both lists. Written anew they are there; whether they were cannot be told any more.
            Some(input) => {
                messages(&mut input.messages, legacy) | (legacy && (input.tools.is_empty() || input.context.is_empty()))
            }
            None => false,
        },
        Event::RunFinished(event) => outcome(&mut event.outcome, legacy) | (legacy && finish_reason(event)),
        Event::SubagentFinished(event) => {
            event.outcome.take_if(|outcome| matches!(outcome, SubagentFinishedOutcome::Unknown(_))).is_some()
        }
        Event::MessagesSnapshot(event) => messages(&mut event.messages, legacy),
        Event::ToolCallResult(event) => tool_content(&mut event.content, legacy),
        Event::StateDelta(event) => known_operations(&mut event.delta),
        Event::ActivityDelta(event) => known_operations(&mut event.patch),
        _ => false,
    }
}

fn outcome(outcome: &mut Option<RunFinishedOutcome>, legacy: bool) -> bool {
    match outcome {
        Some(RunFinishedOutcome::Unknown(_)) => outcome.take().is_some(),
        Some(RunFinishedOutcome::Cancelled(_)) if legacy => outcome.take().is_some(),
        Some(RunFinishedOutcome::Success(success)) if legacy => success.pending_tool_call_ids.take().is_some(),
        _ => false,
    }
}

/// Before 1.0 runtimes put the reason for which the model stopped beside the usage, and 1.0 has no place for it but
/// metadata.
fn finish_reason(event: &mut RunFinished) -> bool {
    let metadata = event.metadata.as_ref().map(Object::members).unwrap_or_default();
    match metadata.into_iter().rfind(|(key, _)| key == FINISH_REASON) {
        Some((key, reason)) if event.extra.get(FINISH_REASON).is_none() => {
            event.extra.insert(key, reason);
            true
        }
        _ => false,
    }
}

fn messages(messages: &mut [Message], legacy: bool) -> bool {
    messages.iter_mut().fold(false, |changed, message| {
        changed
            | match message {
                Message::User(UserMessage { content: Content::Parts(list), .. }) => parts(list, legacy),
                Message::Tool(message) => tool_content(&mut message.content, legacy),
                _ => false,
            }
    })
}

fn tool_content(content: &mut Content, legacy: bool) -> bool {
    match content {
        Content::Text(_) => false,
        Content::Parts(_) if legacy => {
            *content = content.text().into_owned().into();
            true
        }
        Content::Parts(list) => parts(list, legacy),
    }
}

/// Leaves out the parts that the client does not know, and gives a 1.0 client the modern form of old ones.
fn parts(list: &mut Vec<ContentPart>, legacy: bool) -> bool {
    let before = list.len();
    list.retain(|part| match part {
        ContentPart::Unknown(_) => false,
        ContentPart::Image(ImagePart { source, .. })
        | ContentPart::Audio(AudioPart { source, .. })
        | ContentPart::Video(VideoPart { source, .. })
        | ContentPart::Document(DocumentPart { source, .. }) => match source {
            PartSource::Unknown(_) => false,
            PartSource::File(_) => !legacy,
            PartSource::Data(_) | PartSource::Url(_) => true,
        },
        ContentPart::Binary(part) => {
            part.upgrade().is_some() || legacy && part.id.as_ref().is_some_and(|id| !id.is_empty())
        }
        ContentPart::Text(_) => true,
    });
    let mut changed = list.len() != before;
    if !legacy {
        for part in list {
            if let ContentPart::Binary(old) = part
                && let Some(modern) = old.upgrade()
            {
                *part = modern;
                changed = true;
            }
        }
    }
    changed
}

fn known_operations(patch: &mut JsonPatch) -> bool {
    match patch::strip_unknown(patch) {
        Ok(Some(known)) => {
            *patch = known;
            true
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use serde_json::{Value, json};

    fn read(value: &Value) -> Event {
        Event::from_json(value.to_string().as_bytes()).unwrap()
    }

    fn show(gate: Downgrade) -> Value {
        match gate {
            Downgrade::Same => json!("same"),
            Downgrade::Drop => json!("drop"),
            Downgrade::Changed(event) => serde_json::to_value(event).unwrap(),
        }
    }

    /// What 0.0.59 and 1.0 are sent.
    fn both(value: Value) -> (Value, Value) {
        let event = read(&value);
        assert_eq!(event.is_tidy(), !event.clone().tidy(), "{value}");
        if is_same_for_all(&event) {
            for gated in [for_legacy(&event), for_v1(&event)].map(show) {
                assert!(gated == same() || gated == serde_json::to_value(&event).unwrap(), "{value}: {gated}");
            }
        }
        (show(Peer::Legacy.gate(&read(&value))), show(Peer::of(Some("1.0")).gate(&read(&value))))
    }

    fn same() -> Value {
        json!("same")
    }

    #[test]
    fn versions() {
        let newest = Peer::V1 { minor: u32::MAX };
        for (version, peer) in [
            (None, Peer::Legacy),
            (Some("0.9"), Peer::Legacy),
            (Some("1.0"), Peer::V1 { minor: 0 }),
            (Some("1.10"), Peer::V1 { minor: 10 }),
            (Some("2.0"), newest),
            (Some("1.99999999999"), newest),
            (Some("1"), newest),
            (Some("1.0.0"), newest),
            (Some("+1.0"), newest),
            (Some(""), newest),
        ] {
            assert_eq!(Peer::of(version), peer, "{version:?}");
        }
        assert!(Peer::V1 { minor: 10 } > Peer::V1 { minor: 9 });
    }

    #[test]
    fn unknown_events_and_members_go_away() {
        assert_eq!(both(json!({"type": "LATER", "x": 1})), (json!("drop"), json!("drop")));
        let event = json!({"type": "CUSTOM", "name": "n", "value": {"any": 1}, "later": 1});
        let tidy = json!({"type": "CUSTOM", "name": "n", "value": {"any": 1}});
        assert_eq!(both(event), (tidy.clone(), tidy.clone()));
        assert_eq!(both(tidy), (same(), same()));
    }

    #[test]
    fn outcomes() {
        let event = |outcome: Value| json!({"type": "RUN_FINISHED", "threadId": "t", "runId": "r", "outcome": outcome});
        let bare = json!({"type": "RUN_FINISHED", "threadId": "t", "runId": "r"});
        assert_eq!(both(event(json!({"type": "cancelled"}))), (bare.clone(), same()));
        assert_eq!(both(event(json!({"type": "paused"}))), (bare.clone(), bare));
        let pending = event(json!({"type": "success", "pendingToolCallIds": ["c"]}));
        assert_eq!(both(pending), (event(json!({"type": "success"})), same()));
        let interrupt = event(json!({"type": "interrupt", "interrupts": [{"id": "i", "reason": "r"}]}));
        assert_eq!(both(interrupt), (same(), same()));
        let subagent = json!({"type": "SUBAGENT_FINISHED", "subagentRunId": "s", "outcome": {"type": "paused"}});
        let bare = json!({"type": "SUBAGENT_FINISHED", "subagentRunId": "s"});
        assert_eq!(both(subagent), (bare.clone(), bare));
    }

    #[test]
    fn the_reason_of_the_end_stands_where_each_era_looks_for_it() {
        let usage = json!([{"inputTokens": 1}]);
        let event = json!({"type": "RUN_FINISHED", "threadId": "t", "runId": "r", "usage": usage,
            "metadata": {"finishReason": "length", "more": 1}});
        let mut old = event.clone();
        old["finishReason"] = json!("length");
        assert_eq!(both(event), (old, same()));
        let other = json!({"type": "RUN_FINISHED", "threadId": "t", "runId": "r", "metadata": {"more": 1}});
        assert_eq!(both(other), (same(), same()));
    }

    #[test]
    fn results_of_parts_become_text() {
        let event = |content: Value| json!({"type": "TOOL_CALL_RESULT", "messageId": "m", "toolCallId": "c", "content": content});
        let url = json!({"type": "image", "source": {"type": "url", "value": "u"}});
        let text = |text: &str| json!({"type": "text", "text": text});
        assert_eq!(both(event(json!([text("a"), url, text("b")]))), (event(json!("ab")), same()));
        assert_eq!(
            both(event(json!([text("a"), {"type": "hologram"}]))),
            (event(json!("a")), event(json!([text("a")])))
        );
        assert_eq!(both(event(json!([]))), (event(json!("")), same()));
        assert_eq!(both(event(json!("text"))), (same(), same()));
        let snapshot = |content: Value| json!({"type": "MESSAGES_SNAPSHOT", "messages": [{"role": "tool", "id": "m", "content": content, "toolCallId": "c"}]});
        assert_eq!(both(snapshot(json!([text("a"), url]))), (snapshot(json!("a")), same()));
    }

    #[test]
    fn parts_of_the_person() {
        let snapshot = |parts: &[Value]| json!({"type": "MESSAGES_SNAPSHOT", "messages": [{"role": "user", "id": "m", "content": parts}]});
        let part = |source: Value| json!({"type": "document", "source": source});
        let file = part(json!({"type": "file", "value": "f"}));
        let data = part(json!({"type": "data", "value": "AA==", "mimeType": "x/y"}));
        let later = part(json!({"type": "later"}));
        let hologram = json!({"type": "hologram"});
        assert_eq!(
            both(snapshot(&[file.clone(), data.clone(), later, hologram])),
            (snapshot(std::slice::from_ref(&data)), snapshot(&[file, data]))
        );
        let binary = |member: &str| json!({"type": "binary", "mimeType": "image/png", member: "x"});
        let image = json!({"type": "image", "source": {"type": "url", "value": "x", "mimeType": "image/png"}});
        assert_eq!(both(snapshot(&[binary("url"), binary("id")])), (same(), snapshot(&[image])));
        let modern = json!({"type": "text", "text": "t", "id": "p", "metadata": 1});
        assert_eq!(both(snapshot(&[modern])), (same(), same()));
    }

    #[test]
    fn an_echoed_input_has_its_lists() {
        let event = |members: Value| {
            let mut input = json!({"threadId": "t", "runId": "r", "messages": []});
            input.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
            json!({"type": "RUN_STARTED", "threadId": "t", "runId": "r", "protocolVersion": "1.0", "input": input})
        };
        let empty = json!({"tools": [], "context": []});
        assert_eq!(both(event(json!({}))), (event(empty), same()));
        let full =
            json!({"tools": [{"name": "n", "description": "d"}], "context": [{"description": "d", "value": "v"}]});
        assert_eq!(both(event(full)), (same(), same()));
        assert_eq!(both(json!({"type": "RUN_STARTED", "threadId": "t", "runId": "r"})), (same(), same()));
        let file = json!([{"type": "text", "text": "t"}, {"type": "image", "source": {"type": "file", "value": "f"}}]);
        let (legacy, v1) = both(event(json!({"messages": [{"role": "user", "id": "u", "content": file}]})));
        assert_eq!((legacy["input"]["messages"][0]["content"].as_array().unwrap().len(), v1), (1, same()));
    }

    #[test]
    fn as_it_is_only_shapes_that_break_a_client_change() {
        let gate = |value: Value| show(for_v1_as_is(&read(&value)));
        assert_eq!(gate(json!({"type": "LATER"})), same());
        assert_eq!(gate(json!({"type": "CUSTOM", "name": "n", "value": 1, "later": 2})), same());
        let part = json!({"type": "binary", "mimeType": "image/png", "data": "AA=="});
        let snapshot = |part: Value, more: &str| json!({"type": "MESSAGES_SNAPSHOT", more: 1, "messages": [{"role": "user", "id": "u", "content": [part]}]});
        let image = json!({"type": "image", "source": {"type": "data", "value": "AA==", "mimeType": "image/png"}});
        assert_eq!(gate(snapshot(part, "later")), snapshot(image, "later"));
        let nothing = json!({"type": "binary", "mimeType": "x/y", "id": "", "url": ""});
        let (legacy, v1) =
            both(json!({"type": "MESSAGES_SNAPSHOT", "messages": [{"role": "user", "id": "u", "content": [nothing]}]}));
        assert_eq!(legacy["messages"][0]["content"], json!([]));
        assert_eq!(v1, legacy);
    }

    #[test]
    fn patches_keep_known_operations() {
        let known = json!({"op": "remove", "path": "/a", "value": "left over"});
        let state = |operations: &[&Value]| json!({"type": "STATE_DELTA", "delta": operations});
        assert_eq!(both(state(&[&known])), (same(), same()));
        let stripped = state(&[&known]);
        assert_eq!(both(state(&[&json!({"op": "inc", "path": "/a"}), &known])), (stripped.clone(), stripped));
        let activity = |operations: &[&Value]| json!({"type": "ACTIVITY_DELTA", "messageId": "a", "activityType": "t", "patch": operations});
        let stripped = activity(&[]);
        assert_eq!(both(activity(&[&json!({"op": "inc", "path": "/a"})])), (stripped.clone(), stripped));
    }

    #[test]
    fn what_0_0_59_accepts_stays() {
        for event in [
            json!({"type": "STATE_SNAPSHOT", "snapshot": null}),
            json!({"type": "RUN_FINISHED", "threadId": "t", "runId": "r", "usage": [{"cacheWriteInputTokens": 1}]}),
            json!({"type": "SUBAGENT_STARTED", "subagentRunId": "s", "name": "n"}),
            json!({"type": "REASONING_MESSAGE_START", "messageId": "m", "role": "reasoning"}),
        ] {
            assert_eq!(both(event), (same(), same()));
        }
    }

    #[test]
    fn most_events_are_told_to_be_the_same_without_a_copy() {
        let input = json!({"threadId": "t", "runId": "r", "messages": [{"id": "u", "role": "user", "content": "Hi"}]});
        for event in [
            json!({"type": "RUN_STARTED", "threadId": "t", "runId": "r", "input": input}),
            json!({"type": "TEXT_MESSAGE_START", "messageId": "m"}),
            json!({"type": "TEXT_MESSAGE_CONTENT", "messageId": "m", "delta": "x"}),
            json!({"type": "TOOL_CALL_RESULT", "messageId": "m", "toolCallId": "c", "content": "x"}),
            json!({"type": "RUN_FINISHED", "threadId": "t", "runId": "r", "outcome": {"type": "success"}}),
        ] {
            assert!(is_same_for_all(&read(&event)), "{event}");
            let mut more = event.clone();
            more["later"] = json!(1);
            assert!(!is_same_for_all(&read(&more)), "{more}");
        }
    }

    #[test]
    fn a_raw_delta_is_plain() {
        let read = |text: &'static str| Emitted::from_json(Bytes::from_static(text.as_bytes())).unwrap();
        assert!(is_plain(&read(r#"{"type":"TEXT_MESSAGE_CONTENT","messageId":"m","delta":"x"}"#)));
        assert!(!is_plain(&read(r#"{"type":"TEXT_MESSAGE_CONTENT","messageId":"m","delta":"x","later":1}"#)));
        assert!(!is_plain(&read(r#"{"type":"RUN_FINISHED","threadId":"t","runId":"r"}"#)));
    }
}
