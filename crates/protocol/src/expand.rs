//! Chunk expansion: the `*_CHUNK` events become start, content and end (AG-UI 1.0, "Streaming").
//!
//! Each producer (the parent agent, or one subagent) has a lane with at most one item that is open by chunks. Another
//! event of the same producer closes it.

use crate::emitted::Emitted;
use crate::error::ProtocolError;
use crate::event::*;
use crate::wire::{Extra, Json, Object};

/// Expands the chunks of one stream, in order.
#[derive(Debug, Default)]
pub struct Expander {
    /// In the order in which they were opened.
    lanes: Vec<Lane>,
}

#[derive(Debug)]
struct Lane {
    owner: Option<String>,
    id: String,
    opener: Opener,
}

/// What the first chunk said; a later one may repeat it, not change it.
#[derive(Debug)]
enum Opener {
    Text { role: TextRole, name: Option<String> },
    Tool { name: String, parent: Option<String> },
    Reasoning,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Item {
    Text,
    Tool,
    Reasoning,
}

impl Item {
    fn id_member(self) -> &'static str {
        if self == Self::Tool { "toolCallId" } else { "messageId" }
    }

    fn noun(self) -> &'static str {
        match self {
            Self::Text => "text message",
            Self::Tool => "tool call",
            Self::Reasoning => "reasoning message",
        }
    }
}

/// The three chunk events as one.
struct Chunk {
    kind: EventKind,
    item: Item,
    id: Option<String>,
    role: Option<TextRole>,
    /// `name`, or `toolCallName`.
    name: Option<String>,
    parent: Option<String>,
    delta: Option<String>,
    subagent: Option<String>,
    raw_event: Option<Json>,
    metadata: Option<Object>,
    extra: Extra,
}

impl Expander {
    /// An expander for a stream that has not begun.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends to `out` what `event` stands for, with the ends that it implies before it. Whatever is no chunk passes
    /// as it came.
    ///
    /// # Errors
    /// A first chunk without its id or name, one that contradicts the open item, or one that may belong to several.
    pub fn push(&mut self, event: Emitted, out: &mut Vec<Emitted>) -> Result<(), ProtocolError> {
        let kind = event.kind();
        if kind.is_chunk() {
            return match Chunk::of(kind, event.into_event()) {
                Ok(chunk) => self.expand(chunk, out),
                Err(event) => {
                    out.push((*event).into());
                    Ok(())
                }
            };
        }
        if !self.lanes.is_empty() {
            match closes(kind) {
                Closes::Nothing => {}
                Closes::Lane => self.close(event.head().subagent.as_deref(), out),
                Closes::All => self.lanes.drain(..).for_each(|lane| out.push(lane.end())),
            }
        }
        out.push(event);
        Ok(())
    }

    fn close(&mut self, owner: Option<&str>, out: &mut Vec<Emitted>) {
        if let Some(at) = self.lanes.iter().position(|lane| lane.owner.as_deref() == owner) {
            out.push(self.lanes.remove(at).end());
        }
    }

    fn expand(&mut self, chunk: Chunk, out: &mut Vec<Emitted>) -> Result<(), ProtocolError> {
        let owner = self.owner_of(&chunk)?;
        let open = self.lanes.iter().find(|lane| lane.owner == owner);
        if let Some(lane) =
            open.filter(|lane| lane.item() == chunk.item && chunk.id.as_ref().is_none_or(|id| *id == lane.id))
        {
            lane.check(&chunk)?;
            out.extend(lane.content(chunk, true));
            return Ok(());
        }
        self.close(owner.as_deref(), out);
        let lane = Lane::open(owner, &chunk)?;
        out.push(lane.start(&chunk));
        out.extend(lane.content(chunk, false));
        self.lanes.push(lane);
        Ok(())
    }

    /// The producer whose lane the chunk belongs to.
    fn owner_of(&self, chunk: &Chunk) -> Result<Option<String>, ProtocolError> {
        if let Some(id) = &chunk.id {
            let Some(holder) = self.lanes.iter().find(|lane| lane.item() == chunk.item && lane.id == *id) else {
                return Ok(chunk.subagent.clone());
            };
            if let Some(tag) = &chunk.subagent
                && holder.owner.as_ref() != Some(tag)
            {
                let noun = chunk.item.noun();
                let owner = holder.owner.as_deref().unwrap_or("(the parent agent)");
                return Err(chunk.error(format!(
                    "Cannot continue {noun} '{id}': chunk subagentRunId '{tag}' does not match the open stream's subagent '{owner}'."
                )));
            }
            return Ok(holder.owner.clone());
        }
        if chunk.subagent.is_some() {
            return Ok(chunk.subagent.clone());
        }
        let mut holders = self.lanes.iter().filter(|lane| lane.item() == chunk.item);
        let count = holders.clone().count();
        match holders.find(|lane| lane.owner.is_none() || count == 1) {
            Some(lane) => Ok(lane.owner.clone()),
            None if count == 0 => Ok(None),
            None => Err(chunk.error(format!(
                "Ambiguous {}: it carries neither a {} nor a subagentRunId, but {count} lanes have an open {}. Attribute the chunk to the subagent it belongs to.",
                chunk.kind,
                chunk.item.id_member(),
                chunk.item.noun()
            ))),
        }
    }
}

enum Closes {
    Nothing,
    Lane,
    All,
}

fn closes(kind: EventKind) -> Closes {
    use EventKind as K;
    match kind {
        K::RunStarted | K::RunFinished | K::RunError | K::MessagesSnapshot => Closes::All,
        K::Raw
        | K::ActivitySnapshot
        | K::ActivityDelta
        | K::ReasoningEncryptedValue
        | K::SubagentStarted
        | K::Unknown => Closes::Nothing,
        _ => Closes::Lane,
    }
}

impl Lane {
    fn open(owner: Option<String>, chunk: &Chunk) -> Result<Self, ProtocolError> {
        let missing = |member| chunk.error(format!("First {} must have a {member}", chunk.kind));
        let id = chunk.id.clone().ok_or_else(|| missing(chunk.item.id_member()))?;
        let opener = match chunk.item {
            Item::Text => Opener::Text { role: chunk.role.unwrap_or_default(), name: chunk.name.clone() },
            Item::Tool => {
                let name = chunk.name.clone().ok_or_else(|| missing("toolCallName"))?;
                Opener::Tool { name, parent: chunk.parent.clone() }
            }
            Item::Reasoning => Opener::Reasoning,
        };
        Ok(Self { owner, id, opener })
    }

    fn item(&self) -> Item {
        match self.opener {
            Opener::Text { .. } => Item::Text,
            Opener::Tool { .. } => Item::Tool,
            Opener::Reasoning => Item::Reasoning,
        }
    }

    /// What a continuation repeats must be what the opener said.
    fn check(&self, chunk: &Chunk) -> Result<(), ProtocolError> {
        let agree = |member: &str, new: Option<&str>, old: Option<&str>| match new {
            Some(value) if old != new => {
                let noun = chunk.item.noun();
                let id = &self.id;
                let old = old.map_or_else(|| "(absent)".to_owned(), |old| format!("'{old}'"));
                Err(chunk.error(format!(
                    "Cannot continue {noun} '{id}': chunk {member} '{value}' does not match the open stream's {member} {old}."
                )))
            }
            _ => Ok(()),
        };
        match &self.opener {
            Opener::Text { role, name } => {
                agree("role", chunk.role.map(TextRole::as_str), Some(role.as_str()))?;
                agree("name", chunk.name.as_deref(), name.as_deref())
            }
            Opener::Tool { name, parent } => {
                agree("toolCallName", chunk.name.as_deref(), Some(name))?;
                agree("parentMessageId", chunk.parent.as_deref(), parent.as_deref())
            }
            Opener::Reasoning => Ok(()),
        }
    }

    fn start(&self, chunk: &Chunk) -> Emitted {
        let (subagent_run_id, metadata) = (chunk.subagent.clone(), chunk.metadata.clone());
        match &self.opener {
            Opener::Text { role, name } => TextMessageStart {
                message_id: self.id.clone(),
                role: Some(*role),
                name: name.clone(),
                subagent_run_id,
                metadata,
                ..Default::default()
            }
            .into(),
            Opener::Tool { name, parent } => ToolCallStart {
                tool_call_id: self.id.clone(),
                tool_call_name: name.clone(),
                parent_message_id: parent.clone(),
                subagent_run_id,
                metadata,
                ..Default::default()
            }
            .into(),
            Opener::Reasoning => {
                let message_id = self.id.clone();
                ReasoningMessageStart { message_id, subagent_run_id, metadata, ..Default::default() }.into()
            }
        }
    }

    /// The content event; `None` when the chunk carries nothing that one would hold.
    fn content(&self, chunk: Chunk, continues: bool) -> Option<Emitted> {
        let Chunk { delta, subagent, raw_event, metadata, extra, .. } = chunk;
        let carries = continues && metadata.is_some() || !extra.is_empty();
        if delta.is_none() && raw_event.is_none() && !carries {
            return None;
        }
        let delta = delta.unwrap_or_default();
        let subagent_run_id = subagent.or_else(|| self.owner.clone());
        let id = self.id.clone();
        let timestamp = None;
        Some(match self.opener {
            Opener::Text { .. } => {
                TextMessageContent { message_id: id, delta, subagent_run_id, timestamp, raw_event, metadata, extra }
                    .into()
            }
            Opener::Tool { .. } => {
                ToolCallArgs { tool_call_id: id, delta, subagent_run_id, timestamp, raw_event, metadata, extra }.into()
            }
            Opener::Reasoning => ReasoningMessageContent {
                message_id: id,
                delta,
                subagent_run_id,
                timestamp,
                raw_event,
                metadata,
                extra,
            }
            .into(),
        })
    }

    fn end(self) -> Emitted {
        let subagent_run_id = self.owner;
        match self.opener {
            Opener::Text { .. } => TextMessageEnd { message_id: self.id, subagent_run_id, ..Default::default() }.into(),
            Opener::Tool { .. } => ToolCallEnd { tool_call_id: self.id, subagent_run_id, ..Default::default() }.into(),
            Opener::Reasoning => {
                ReasoningMessageEnd { message_id: self.id, subagent_run_id, ..Default::default() }.into()
            }
        }
    }
}

impl Chunk {
    fn of(kind: EventKind, event: Event) -> Result<Self, Box<Event>> {
        Ok(match event {
            Event::TextMessageChunk(event) => Self {
                kind,
                item: Item::Text,
                id: event.message_id,
                role: event.role,
                name: event.name,
                parent: None,
                delta: event.delta,
                subagent: event.subagent_run_id,
                raw_event: event.raw_event,
                metadata: event.metadata,
                extra: event.extra,
            },
            Event::ToolCallChunk(event) => Self {
                kind,
                item: Item::Tool,
                id: event.tool_call_id,
                role: None,
                name: event.tool_call_name,
                parent: event.parent_message_id,
                delta: event.delta,
                subagent: event.subagent_run_id,
                raw_event: event.raw_event,
                metadata: event.metadata,
                extra: event.extra,
            },
            Event::ReasoningMessageChunk(event) => Self {
                kind,
                item: Item::Reasoning,
                id: event.message_id,
                role: None,
                name: None,
                parent: None,
                delta: event.delta,
                subagent: event.subagent_run_id,
                raw_event: event.raw_event,
                metadata: event.metadata,
                extra: event.extra,
            },
            other => return Err(Box::new(other)),
        })
    }

    fn error(&self, message: String) -> ProtocolError {
        ProtocolError::new(self.kind, message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn expand(lines: &[&str]) -> Result<Vec<String>, String> {
        let mut expander = Expander::new();
        let mut out = Vec::new();
        for line in lines {
            let event = Emitted::from_json(Bytes::copy_from_slice(line.as_bytes())).unwrap();
            expander.push(event, &mut out).map_err(|error| error.to_string())?;
        }
        Ok(out.iter().map(|event| String::from_utf8(event.to_json().to_vec()).unwrap()).collect())
    }

    fn kinds(lines: &[&str]) -> Vec<String> {
        let short = |line: &String| {
            let value: serde_json::Value = serde_json::from_str(line).unwrap();
            let id = value.get("messageId").or(value.get("toolCallId")).map_or("", |id| id.as_str().unwrap());
            let kind =
                value["type"].as_str().unwrap().replace("TEXT_MESSAGE", "TEXT").replace("REASONING_MESSAGE", "THINK");
            format!("{kind} {id}").trim().to_owned()
        };
        expand(lines).unwrap().iter().map(short).collect()
    }

    const T: &str = r#"{"type":"TEXT_MESSAGE_CHUNK","messageId":"m","delta":"a"}"#;

    #[test]
    fn opens_continues_and_closes() {
        let lines = expand(&[
            r#"{"type":"TEXT_MESSAGE_CHUNK","messageId":"m","delta":"a","name":"n","timestamp":3,"metadata":{"k":1}}"#,
            r#"{"type":"TEXT_MESSAGE_CHUNK","delta":"","role":"assistant","rawEvent":{"x":1}}"#,
            r#"{"type":"TEXT_MESSAGE_CHUNK"}"#,
            r#"{"type":"TEXT_MESSAGE_CHUNK","metadata":{"k":2}}"#,
            r#"{"type":"TOOL_CALL_CHUNK","toolCallId":"c","toolCallName":"t","parentMessageId":"m"}"#,
            r#"{"type":"REASONING_MESSAGE_CHUNK","messageId":"r","delta":"h","subagentRunId":"s"}"#,
            r#"{"type":"RUN_FINISHED","threadId":"t","runId":"r"}"#,
        ]);
        assert_eq!(
            lines.unwrap(),
            [
                r#"{"type":"TEXT_MESSAGE_START","messageId":"m","role":"assistant","name":"n","metadata":{"k":1}}"#,
                r#"{"type":"TEXT_MESSAGE_CONTENT","messageId":"m","delta":"a","metadata":{"k":1}}"#,
                r#"{"type":"TEXT_MESSAGE_CONTENT","messageId":"m","delta":"","rawEvent":{"x":1}}"#,
                r#"{"type":"TEXT_MESSAGE_CONTENT","messageId":"m","delta":"","metadata":{"k":2}}"#,
                r#"{"type":"TEXT_MESSAGE_END","messageId":"m"}"#,
                r#"{"type":"TOOL_CALL_START","toolCallId":"c","toolCallName":"t","parentMessageId":"m"}"#,
                r#"{"type":"REASONING_MESSAGE_START","messageId":"r","role":"reasoning","subagentRunId":"s"}"#,
                r#"{"type":"REASONING_MESSAGE_CONTENT","messageId":"r","delta":"h","subagentRunId":"s"}"#,
                r#"{"type":"TOOL_CALL_END","toolCallId":"c"}"#,
                r#"{"type":"REASONING_MESSAGE_END","messageId":"r","subagentRunId":"s"}"#,
                r#"{"type":"RUN_FINISHED","threadId":"t","runId":"r"}"#,
            ]
        );
    }

    #[test]
    fn other_events_of_the_lane_close_it() {
        for (closer, closed) in [
            (r#"{"type":"CUSTOM","name":"x","value":null}"#, true),
            (r#"{"type":"CUSTOM","name":"x","value":null,"subagentRunId":"s"}"#, false),
            (r#"{"type":"STATE_DELTA","delta":[]}"#, true),
            (r#"{"type":"TEXT_MESSAGE_CONTENT","messageId":"other","delta":"x"}"#, true),
            (r#"{"type":"STEP_STARTED","stepName":"s"}"#, true),
            (r#"{"type":"MESSAGES_SNAPSHOT","messages":[]}"#, true),
            (r#"{"type":"SUBAGENT_STARTED","subagentRunId":"s","name":"n"}"#, false),
            (r#"{"type":"SUBAGENT_FINISHED","subagentRunId":"s"}"#, false),
            (r#"{"type":"RAW","event":1}"#, false),
            (r#"{"type":"ACTIVITY_SNAPSHOT","messageId":"a","activityType":"t","content":{}}"#, false),
            (r#"{"type":"REASONING_ENCRYPTED_VALUE","subtype":"message","entityId":"m","encryptedValue":"v"}"#, false),
            (r#"{"type":"FUTURE"}"#, false),
        ] {
            assert_eq!(kinds(&[T, closer]).contains(&"TEXT_END m".to_owned()), closed, "{closer}");
        }
        let subagent = r#"{"type":"TEXT_MESSAGE_CHUNK","messageId":"m","delta":"a","subagentRunId":"s"}"#;
        let finished = r#"{"type":"SUBAGENT_FINISHED","subagentRunId":"s"}"#;
        assert_eq!(kinds(&[subagent, finished])[2..], ["TEXT_END m", "SUBAGENT_FINISHED"]);
    }

    #[test]
    fn a_new_id_ends_the_old_item() {
        let next = r#"{"type":"TEXT_MESSAGE_CHUNK","messageId":"n","delta":"b"}"#;
        assert_eq!(kinds(&[T, next])[2..], ["TEXT_END m", "TEXT_START n", "TEXT_CONTENT n"]);
    }

    #[test]
    fn an_untagged_continuation_follows_the_only_lane() {
        let tagged = r#"{"type":"TEXT_MESSAGE_CHUNK","messageId":"m","delta":"a","subagentRunId":"s"}"#;
        let lines = expand(&[tagged, r#"{"type":"TEXT_MESSAGE_CHUNK","delta":"b"}"#]).unwrap();
        assert_eq!(lines[2], r#"{"type":"TEXT_MESSAGE_CONTENT","messageId":"m","delta":"b","subagentRunId":"s"}"#);
    }

    #[test]
    fn says_what_is_wrong() {
        let chunk = |rest: &str| format!(r#"{{"type":"TEXT_MESSAGE_CHUNK",{rest}}}"#);
        let tool = |rest: &str| format!(r#"{{"type":"TOOL_CALL_CHUNK",{rest}}}"#);
        let cases = [
            (vec![chunk(r#""delta":"x""#)], "First TEXT_MESSAGE_CHUNK must have a messageId"),
            (vec![tool(r#""toolCallName":"x""#)], "First TOOL_CALL_CHUNK must have a toolCallId"),
            (vec![tool(r#""toolCallId":"x""#)], "First TOOL_CALL_CHUNK must have a toolCallName"),
            (vec![T.into(), tool(r#""delta":"x""#)], "First TOOL_CALL_CHUNK must have a toolCallId"),
            (
                vec![r#"{"type":"REASONING_MESSAGE_CHUNK","delta":"x"}"#.into()],
                "First REASONING_MESSAGE_CHUNK must have a messageId",
            ),
            (
                vec![T.into(), chunk(r#""role":"user""#)],
                "Cannot continue text message 'm': chunk role 'user' does not match the open stream's role 'assistant'.",
            ),
            (
                vec![T.into(), chunk(r#""name":"bob""#)],
                "Cannot continue text message 'm': chunk name 'bob' does not match the open stream's name (absent).",
            ),
            (
                vec![tool(r#""toolCallId":"c","toolCallName":"y""#), tool(r#""toolCallName":"x""#)],
                "Cannot continue tool call 'c': chunk toolCallName 'x' does not match the open stream's toolCallName 'y'.",
            ),
            (
                vec![T.into(), chunk(r#""messageId":"m","subagentRunId":"s""#)],
                "Cannot continue text message 'm': chunk subagentRunId 's' does not match the open stream's subagent '(the parent agent)'.",
            ),
            (
                vec![
                    chunk(r#""messageId":"m","subagentRunId":"a""#),
                    chunk(r#""messageId":"n","subagentRunId":"b""#),
                    chunk(r#""delta":"x""#),
                ],
                "Ambiguous TEXT_MESSAGE_CHUNK: it carries neither a messageId nor a subagentRunId, but 2 lanes have an open text message. Attribute the chunk to the subagent it belongs to.",
            ),
        ];
        for (lines, text) in cases {
            let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
            assert_eq!(expand(&lines).unwrap_err(), text);
        }
    }

    #[test]
    fn what_is_no_chunk_keeps_its_bytes() {
        let mut expander = Expander::new();
        let mut out = Vec::new();
        let json = Bytes::from_static(br#"{ "type": "TEXT_MESSAGE_CONTENT", "messageId":"m","delta":"x" }"#);
        expander.push(Emitted::from_json(json.clone()).unwrap(), &mut out).unwrap();
        assert_eq!(out[0].raw().unwrap().as_ptr(), json.as_ptr());
    }
}
