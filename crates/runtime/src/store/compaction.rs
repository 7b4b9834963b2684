//! The compact form of a finished run, for replay.

use super::Frame;
use super::frame::Variant;
use bytes::Bytes;
use copilotkit_protocol::sse::write_frame;
use copilotkit_protocol::{Emitted, Event, EventKind, TextMessageContent, ToolCallArgs, Wire as _, compact};
use memchr::memchr2;
use std::borrow::Cow;
use std::sync::OnceLock;

/// Around each event of a stream: `data: ` and two line ends.
const FRAMING: usize = 8;

/// A finished run in its compact form, and the very bytes that clients are sent for it: made once, shared by every
/// replay.
#[derive(Debug)]
pub struct CompactRun {
    frames: Vec<Frame>,
    /// As server-sent events for clients of AG-UI 1.0. The frames' texts are parts of it.
    modern: Bytes,
    /// The same for older clients, made when the first of them asks; empty where it is the same.
    legacy: OnceLock<Bytes>,
    size: usize,
}

impl CompactRun {
    /// The compact form of a run with these frames.
    pub fn new(frames: &[Frame]) -> Self {
        Self::of_compact(compact_run(frames))
    }

    /// Frames that are in their compact form already.
    pub fn of_compact(mut frames: Vec<Frame>) -> Self {
        let modern = encode(&frames, false);
        let (mut at, mut outside, mut legacy) = (0, 0, 0);
        for frame in &mut frames {
            legacy += if frame.legacy == frame.modern { 0 } else { frame.for_client(true).map_or(0, Bytes::len) };
            outside += frame.size();
            let Some(length) = frame.for_client(false).map(Bytes::len) else { continue };
            let text = modern.slice(at + FRAMING - 2..at + FRAMING - 2 + length);
            at += FRAMING + length;
            outside -= length;
            match &mut frame.modern {
                Variant::Bytes(bytes) => *bytes = text,
                _ => frame.json = text,
            }
        }
        // Counted as if older clients had asked.
        let size = outside + modern.len() + if legacy > 0 { modern.len() + legacy } else { 0 };
        Self { frames, modern, legacy: OnceLock::new(), size }
    }

    /// The frames, in order.
    pub fn frames(&self) -> &[Frame] {
        &self.frames
    }

    /// All of them as server-sent events; `legacy` for clients that do not say their version.
    pub fn sse(&self, legacy: bool) -> &Bytes {
        if !legacy || self.frames.iter().all(|frame| frame.legacy == frame.modern) {
            return &self.modern;
        }
        self.legacy.get_or_init(|| encode(&self.frames, true))
    }

    /// The bytes that it occupies.
    pub fn size(&self) -> usize {
        self.size
    }
}

fn encode(frames: &[Frame], legacy: bool) -> Bytes {
    let visible = || frames.iter().filter_map(|frame| frame.for_client(legacy));
    let mut out = Vec::with_capacity(visible().map(|json| json.len() + FRAMING).sum());
    visible().for_each(|json| write_frame(json, &mut out));
    out.into()
}

/// The frames of a finished run in their compact form. Numbers stay inside the run's range and grow: the last frame
/// keeps its number, so that a reader who has seen all of it stands at the run's end.
pub fn compact_run(frames: &[Frame]) -> Vec<Frame> {
    let (Some(first), Some(last)) = (frames.first(), frames.last()) else { return Vec::new() };
    if is_short(frames) {
        return frames.to_vec();
    }
    let mut events = Vec::with_capacity(frames.len().min(1024));
    // An agent whose unknown members are sent on has at least one frame that says so; its replay keeps them too.
    let mut as_is = false;
    let mut rest = frames;
    while let Some((frame, behind)) = rest.split_first() {
        let (json, count) = joined(frame, behind);
        rest = behind.get(count..).unwrap_or_default();
        match Event::from_json(&json) {
            Ok(event) => {
                as_is |= frame.as_is && !frame.kind.is_delta() && event.clone().tidy();
                events.push(event);
            }
            // Frames were made from events: one that cannot be read again is a damaged log, shown as it is.
            Err(_) => return frames.to_vec(),
        }
    }
    let compacted = compact(events);
    let count = compacted.len() as u64;
    compacted
        .into_iter()
        .zip(0..)
        .map(|(event, index)| {
            let seq = if index + 1 == count { last.seq } else { first.seq + index };
            match as_is {
                true => Frame::new_as_is(seq, first.run, event),
                false => Frame::new(seq, first.run, Emitted::from(event)),
            }
        })
        .collect()
}

/// True when no text or call has more than one piece, and the state was told once at most: there is nothing to put
/// together.
fn is_short(frames: &[Frame]) -> bool {
    let count = |kind: EventKind| frames.iter().filter(|frame| frame.kind == kind).count();
    count(EventKind::TextMessageContent) <= count(EventKind::TextMessageStart)
        && count(EventKind::ToolCallArgs) <= count(EventKind::ToolCallStart)
        && count(EventKind::StateSnapshot) + count(EventKind::StateDelta) <= 1
}

const DELTA: &[u8] = b"\"delta\":\"";
/// Behind the delta where it is the last member.
const END: &[u8] = b"\"}";

/// The event of a frame, with the deltas of those behind it that say the same but for their text, and how many these
/// are. Most of a run are pieces of one text: their JSON is put together as it stands, and read once.
fn joined<'a>(frame: &'a Frame, behind: &[Frame]) -> (Cow<'a, [u8]>, usize) {
    let alone = (Cow::Borrowed(&*frame.json), 0);
    let Some(next) = behind.first().filter(|next| next.kind == frame.kind) else { return alone };
    let Some(head) = plain_head(frame).filter(|head| text_behind(head, &next.json).is_some()) else { return alone };
    let mut json = frame.json.strip_suffix(END).unwrap_or_default().to_vec();
    let texts = behind.iter().map_while(|next| text_behind(head, &next.json));
    let count = texts.map(|text| json.extend_from_slice(text)).count();
    json.extend_from_slice(END);
    (Cow::Owned(json), count)
}

/// What stands in front of the delta's text, for an event that holds nothing besides its id and a delta at its end.
fn plain_head(frame: &Frame) -> Option<&[u8]> {
    let at = memchr::memmem::find(&frame.json, DELTA)? + DELTA.len();
    let head = frame.json.get(..at)?;
    text_behind(head, &frame.json)?;
    let plain = match Event::from_json(&frame.json).ok()? {
        Event::TextMessageContent(event) => {
            let (message_id, delta) = (event.message_id.clone(), event.delta.clone());
            event == TextMessageContent { message_id, delta, ..Default::default() }
        }
        Event::ToolCallArgs(event) => {
            let (tool_call_id, delta) = (event.tool_call_id.clone(), event.delta.clone());
            event == ToolCallArgs { tool_call_id, delta, ..Default::default() }
        }
        _ => false,
    };
    plain.then_some(head)
}

/// The text of the delta, still escaped, where the event is `head`, the text and its end.
fn text_behind<'a>(head: &[u8], json: &'a [u8]) -> Option<&'a [u8]> {
    let text = json.strip_prefix(head)?.strip_suffix(END)?;
    let mut rest = text;
    while let Some(at) = memchr2(b'"', b'\\', rest) {
        // A quote that is not escaped ends the text: there are more members.
        if rest.get(at) == Some(&b'"') {
            return None;
        }
        rest = rest.get(at + 2..)?;
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn frames(events: &[&str]) -> Vec<Frame> {
        let frame = |(seq, text): (u64, &&str)| {
            Frame::new(seq, 3, Emitted::from_json(Bytes::copy_from_slice(text.as_bytes())).unwrap())
        };
        (10..).zip(events).map(frame).collect()
    }

    const STARTED: &str = r#"{"type":"RUN_STARTED","threadId":"t","runId":"r","input":{"threadId":"t","runId":"r","messages":[],"tools":[],"context":[]}}"#;
    const FINISHED: &str = r#"{"type":"RUN_FINISHED","threadId":"t","runId":"r","outcome":{"type":"cancelled"}}"#;

    /// Joined or not, the compact form is what the plain way makes of the same events.
    #[test]
    fn joining_texts_changes_nothing() {
        let text = |id: &str, delta: &str| {
            format!(r#"{{"type":"TEXT_MESSAGE_CONTENT","messageId":"{id}","delta":"{delta}"}}"#)
        };
        let pieces = [
            text("m", "a"),
            text("m", r#"b\"}\\"#),
            text("m", ""),
            text("m", r"\u00e9\n"),
            text(r#"\"delta\":\"x"#, "c"),
            text(r#"\"delta\":\"x"#, "d"),
            text("m", "e"),
            text("m", r#"f","timestamp":5,"subagentRunId":"s"#),
            text("m", r#"g","metadata":{"k":"}"},"subagentRunId":"s"#),
            text("m", "h"),
            r#"{"type":"TEXT_MESSAGE_CONTENT","delta":"i","messageId":"m"}"#.to_owned(),
            r#"{"type":"TEXT_MESSAGE_CONTENT","delta":"j","messageId":"m"}"#.to_owned(),
            r#"{ "type":"TEXT_MESSAGE_CONTENT", "messageId":"m", "delta":"k"}"#.to_owned(),
            r#"{ "type":"TEXT_MESSAGE_CONTENT", "messageId":"m", "delta":"l"}"#.to_owned(),
            r#"{"type":"TOOL_CALL_ARGS","toolCallId":"m","delta":"{\"a\":"}"#.to_owned(),
            r#"{"type":"TOOL_CALL_ARGS","toolCallId":"m","delta":"\"\\\\\"}"}"#.to_owned(),
        ];
        let mut joins = 0;
        // Every order of neighbours: each piece behind each other one, twice.
        for first in &pieces {
            for second in &pieces {
                let all = [first, first, second, first, second, second].map(String::as_str);
                let frames = frames(&all);
                let plain = compact(frames.iter().map(|frame| Event::from_json(&frame.json).unwrap()));
                let found: Vec<Event> =
                    compact_run(&frames).iter().map(|frame| Event::from_json(&frame.json).unwrap()).collect();
                assert_eq!(found, plain, "{all:?}");
                joins += usize::from(joined(&frames[0], &frames[1..]).1 > 0);
            }
        }
        assert!(joins > 8 * pieces.len(), "most are joined: {joins}");
    }

    #[test]
    fn bytes_are_those_of_the_frames_in_both_forms() {
        let run = CompactRun::new(&frames(&[
            STARTED,
            r#"{"type":"TEXT_MESSAGE_START","messageId":"m","role":"assistant"}"#,
            r#"{"type":"TEXT_MESSAGE_CONTENT","messageId":"m","delta":"a"}"#,
            r#"{"type":"TEXT_MESSAGE_CONTENT","messageId":"m","delta":"b"}"#,
            r#"{"type":"TEXT_MESSAGE_END","messageId":"m"}"#,
            r#"{"type":"VENDOR_TICK"}"#,
            FINISHED,
        ]));
        let numbers: Vec<u64> = run.frames().iter().map(|frame| frame.seq).collect();
        assert_eq!(numbers, [10, 11, 12, 13, 14, 16]);
        for legacy in [false, true] {
            let texts = run.frames().iter().filter_map(|frame| frame.for_client(legacy));
            let expected: String = texts.map(|json| format!("data: {}\n\n", String::from_utf8_lossy(json))).collect();
            assert_eq!(String::from_utf8_lossy(run.sse(legacy)), expected);
            assert_eq!(expected.matches("data: ").count(), 5, "an unknown event is not sent");
        }
        assert_ne!(run.sse(false), run.sse(true), "an older client gets no outcome");
        let short = frames(&[STARTED, FINISHED]);
        assert!(compact_run(&short).iter().zip(&short).all(|(a, b)| a.json == b.json && a.seq == b.seq));
        let modern = serde_json::from_slice::<serde_json::Value>(&run.frames()[2].json).unwrap();
        assert_eq!(modern, json!({ "type": "TEXT_MESSAGE_CONTENT", "messageId": "m", "delta": "ab" }));
        assert!(run.size() > run.sse(false).len() + run.sse(true).len());
    }
}
