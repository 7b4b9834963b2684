//! An event on its way from an agent to the log: decoded only as far as someone needs.

mod delta;
mod scan;

pub use delta::DeltaWriter;

use crate::event::{Event, EventKind};
use crate::wire::depth::Measure;
use crate::wire::{Wire, WireError, check_depth, from_slice};
use bytes::Bytes;
use memchr::memchr2;
use serde::Deserialize;
use std::borrow::Cow;

/// The type of an event and the ids that order and repair look at.
#[derive(Clone, Debug, PartialEq)]
pub struct Head {
    /// The type.
    pub kind: EventKind,
    /// `messageId`, or `toolCallId` of the tool call events (not of TOOL_CALL_RESULT, whose id is its message's).
    pub id: Option<String>,
    /// `subagentRunId`.
    pub subagent: Option<String>,
}

/// One event, as bytes that may be passed on unchanged, as a value, or as both.
#[derive(Clone, Debug)]
pub struct Emitted {
    head: Head,
    body: Body,
}

#[derive(Clone, Debug)]
enum Body {
    /// A delta event whose bytes hold nothing but what the specification describes.
    Raw(Bytes),
    /// The event, and its bytes where they may be passed on.
    Typed(Box<Event>, Option<Bytes>),
}

impl Emitted {
    /// Reads one event. The bytes are kept where nothing in them needs a change: one line, a known type, no unknown member, no
    /// `null` for an absent one.
    ///
    /// # Errors
    /// As [`Event::from_json`].
    pub fn from_json(json: Bytes) -> Result<Self, WireError> {
        if let Some(head) = scan::delta_head(&json) {
            return Ok(Self { head, body: Body::Raw(json) });
        }
        let event = match from_slice::<Event>(&json) {
            Ok(event) => event,
            // A message or operation of a later version must not spoil the rest of its list.
            Err(error) if !error.syntax => {
                let known = crate::enforce::known(&json)?.ok_or(error)?;
                return Self::from_json(known);
            }
            Err(error) => return Err(error),
        };
        let one_line = memchr2(b'\n', b'\r', &json).is_none();
        let known = event.kind() != EventKind::Unknown;
        let clean = one_line && known && event.is_tidy() && has_integer_timestamp(&json);
        let head = head_of(&event);
        Ok(Self { head, body: Body::Typed(Box::new(event), clean.then_some(json)) })
    }

    /// A delta event whose bytes hold nothing but what the specification describes; `None` says nothing.
    pub(crate) fn plain(json: &Bytes) -> Option<Self> {
        let head = scan::delta_head(json)?;
        Some(Self { head, body: Body::Raw(json.clone()) })
    }

    /// Reads one event and keeps its bytes even where they hold members that AG-UI does not know, for an agent whose
    /// clients want them. Only line breaks still need a fresh encoding.
    ///
    /// # Errors
    /// As [`Event::from_json`].
    pub fn from_json_as_is(json: Bytes) -> Result<Self, WireError> {
        let mut emitted = Self::from_json(json.clone())?;
        if let Body::Typed(_, bytes @ None) = &mut emitted.body
            && memchr2(b'\n', b'\r', &json).is_none()
        {
            *bytes = Some(json);
        }
        Ok(emitted)
    }

    /// The type and ids.
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// The type.
    pub fn kind(&self) -> EventKind {
        self.head.kind
    }

    /// The bytes, when they may be passed on as they came.
    pub fn raw(&self) -> Option<&Bytes> {
        match &self.body {
            Body::Raw(json) => Some(json),
            Body::Typed(_, json) => json.as_ref(),
        }
    }

    /// The event, decoded now if it was not yet.
    pub fn event(&self) -> Cow<'_, Event> {
        match &self.body {
            Body::Raw(json) => Cow::Owned(decode_delta(&self.head, json)),
            Body::Typed(event, _) => Cow::Borrowed(event),
        }
    }

    /// The event, decoded now if it was not yet.
    pub fn into_event(self) -> Event {
        match self.body {
            Body::Raw(json) => decode_delta(&self.head, &json),
            Body::Typed(event, _) => *event,
        }
    }

    /// The event's JSON: the bytes that came, or a fresh encoding.
    pub fn to_json(&self) -> Bytes {
        match &self.body {
            Body::Raw(json) | Body::Typed(_, Some(json)) => json.clone(),
            Body::Typed(event, None) => event.to_json().into(),
        }
    }

    /// How this event is over a bound: on the bytes of its JSON, or on the levels of arrays and objects in it. `None` when
    /// it is within both. Nothing is encoded for the answer.
    pub fn exceeds(&self, max_bytes: usize, max_depth: usize) -> Option<Excess> {
        let (bytes, is_deep) = match &self.body {
            // A delta: there is nothing in it that nests.
            Body::Raw(json) => (json.len(), max_depth == 0),
            Body::Typed(_, Some(json)) => (json.len(), check_depth(json, max_depth).is_err()),
            Body::Typed(event, None) => {
                if max_depth > 0 && is_small_delta(event, max_bytes) {
                    return None;
                }
                let mut measure = Measure::default();
                // Counting cannot fail.
                let _ = serde_json::to_writer(&mut measure, event);
                (measure.bytes, measure.levels > max_depth)
            }
        };
        match (bytes > max_bytes, is_deep) {
            (true, _) => Some(Excess::Size),
            (_, true) => Some(Excess::Depth),
            _ => None,
        }
    }
}

/// Which bound an event is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Excess {
    /// It is too large.
    Size,
    /// It is nested too deep.
    Depth,
}

/// A delta without anything that nests, whose JSON cannot be larger than `max_bytes`: a byte becomes six at most. Deltas
/// are most of a stream, and are not measured one by one.
fn is_small_delta(event: &Event, max_bytes: usize) -> bool {
    macro_rules! small {
        ($event:expr, $id:ident) => {{
            let event = $event;
            let texts = event.delta.len() + event.$id.len() + event.subagent_run_id.as_ref().map_or(0, String::len);
            event.raw_event.is_none()
                && event.metadata.is_none()
                && event.extra.is_empty()
                && texts * 6 + 512 <= max_bytes
        }};
    }
    match event {
        Event::TextMessageContent(event) => small!(event, message_id),
        Event::ReasoningMessageContent(event) => small!(event, message_id),
        Event::ToolCallArgs(event) => small!(event, tool_call_id),
        _ => false,
    }
}

impl<E: Into<Event>> From<E> for Emitted {
    fn from(event: E) -> Self {
        let event = event.into();
        Self { head: head_of(&event), body: Body::Typed(Box::new(event), None) }
    }
}

fn head_of(event: &Event) -> Head {
    let id = match event {
        Event::ToolCallStart(event) => Some(event.tool_call_id.clone()),
        Event::ToolCallArgs(event) => Some(event.tool_call_id.clone()),
        Event::ToolCallEnd(event) => Some(event.tool_call_id.clone()),
        Event::ToolCallChunk(event) => event.tool_call_id.clone(),
        other => other.message_id().map(str::to_owned),
    };
    Head { kind: event.kind(), id, subagent: event.subagent_run_id().map(str::to_owned) }
}

/// False for a timestamp with a fraction: it is read as an integer, and AG-UI 1.0 wants it to be written as one.
fn has_integer_timestamp(json: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Time {
        timestamp: Option<f64>,
    }
    memchr::memmem::find(json, b"\"timestamp\"").is_none()
        || serde_json::from_slice::<Time>(json)
            .is_ok_and(|time| time.timestamp.is_none_or(|number| number.fract() == 0.0))
}

/// Decodes bytes that were checked when they were read.
fn decode_delta(head: &Head, json: &[u8]) -> Event {
    from_slice(json).unwrap_or_else(|_: WireError| {
        crate::event::Custom { name: format!("undecodable {}", head.kind), ..Default::default() }.into()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{StateSnapshot, TextMessageContent};
    use crate::wire::{Json, Object};

    fn depth_of(event: Emitted) -> usize {
        (0..200).find(|max| event.exceeds(usize::MAX, *max).is_none()).unwrap()
    }

    #[test]
    fn every_form_of_an_event_is_measured_alike() {
        let nested = |levels: usize| format!("{}1{}", "[".repeat(levels), "]".repeat(levels));
        let snapshot = format!(r#"{{"type":"STATE_SNAPSHOT","snapshot":{}}}"#, nested(9));
        let delta = r#"{"type":"TEXT_MESSAGE_CONTENT","messageId":"m","delta":"\"[[["}"#.to_owned();
        for (text, levels) in [(snapshot, 10), (delta, 1)] {
            let read = Emitted::from_json(text.clone().into()).unwrap();
            let typed = Emitted::from(read.event().into_owned());
            assert!(typed.raw().is_none() && read.raw().is_some());
            for event in [read, typed] {
                assert_eq!(event.exceeds(text.len(), 128), None, "{text}");
                assert_eq!(event.exceeds(text.len() - 1, 128), Some(Excess::Size), "{text}");
                assert_eq!(depth_of(event), levels, "{text}");
            }
        }
        let deep = Json::parse(nested(1_000_000)).unwrap();
        let snapshot = Emitted::from(StateSnapshot { snapshot: deep, ..Default::default() });
        assert_eq!(snapshot.exceeds(usize::MAX, 128), Some(Excess::Depth));
    }

    #[test]
    fn what_a_delta_carries_beside_its_text_counts() {
        let plain = || TextMessageContent { message_id: "m".into(), delta: "x".into(), ..Default::default() };
        let metadata = Object::try_from(Json::parse(r#"{"a":[[]]}"#).unwrap()).ok();
        let raw = Some(Json::of(&"y".repeat(5_000)));
        assert_eq!(depth_of(Emitted::from(plain())), 1);
        assert_eq!(depth_of(Emitted::from(TextMessageContent { metadata, ..plain() })), 4);
        let large = Emitted::from(TextMessageContent { raw_event: raw, ..plain() });
        assert_eq!(large.exceeds(5_000, 128), Some(Excess::Size));
        let control = Emitted::from(TextMessageContent { delta: "\u{1}".repeat(900), ..plain() });
        assert_eq!(control.exceeds(5_000, 128), Some(Excess::Size), "a control character is six bytes");
    }
}
