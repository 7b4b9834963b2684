//! Messages, their content and their tool calls.

use super::ProtoError;
use super::convert::{Proto, pair, required};
use super::value;
use super::wire as w;
use crate::message::*;
use crate::wire::{Extra, Json, Object};

pair!(FunctionCall = Function { name "name", arguments "arguments" });
pair!(TextPart = TextInputPart { text "text", id "id", metadata "metadata" });
pair!(DataSource = InputContentDataSource { value "value", mime_type "mimeType" });
pair!(UrlSource = InputContentUrlSource { value "value", mime_type "mimeType" });
pair!(FileSource = InputContentFileSource { value "value", provider "provider", mime_type "mimeType" });

impl Proto<w::ToolCall> for ToolCall {
    fn to_field(&self) -> w::ToolCall {
        w::ToolCall {
            id: self.id.clone(),
            r#type: "function".to_owned(),
            function: Some(self.function.to_field()),
            metadata: self.metadata.to_field(),
            encrypted_value: self.encrypted_value.clone(),
        }
    }
    fn from_field(field: w::ToolCall) -> Result<Self, ProtoError> {
        if field.r#type != "function" {
            let message = format!("expected `function`, found `{}`", field.r#type);
            return Err(ProtoError::invalid(message).at("type"));
        }
        Ok(Self {
            id: field.id,
            function: Proto::from_field(field.function.ok_or_else(|| required().at("function"))?)?,
            encrypted_value: field.encrypted_value,
            metadata: Proto::from_field(field.metadata).map_err(|error: ProtoError| error.at("metadata"))?,
            extra: Extra::default(),
        })
    }
}

/// The parts that have a form here.
fn parts(parts: &[ContentPart]) -> Vec<w::InputContent> {
    parts.iter().filter_map(part).collect()
}

fn part(part: &ContentPart) -> Option<w::InputContent> {
    macro_rules! media {
        ($part:ident, $arm:ident, $ty:ident) => {
            w::InputContent {
                $arm: Some(w::$ty {
                    source: Some(source(&$part.source)?),
                    metadata: $part.metadata.to_field(),
                    id: $part.id.clone(),
                }),
                ..Default::default()
            }
        };
    }
    Some(match part {
        ContentPart::Text(part) => w::InputContent { text: Some(part.to_field()), ..Default::default() },
        ContentPart::Image(part) => media!(part, image, ImageInputPart),
        ContentPart::Audio(part) => media!(part, audio, AudioInputPart),
        ContentPart::Video(part) => media!(part, video, VideoInputPart),
        ContentPart::Document(part) => media!(part, document, DocumentInputPart),
        ContentPart::Binary(part) => w::InputContent { document: Some(legacy_document(part)?), ..Default::default() },
        ContentPart::Unknown(_) => return None,
    })
}

/// The form that the reference encoder gives a part of 0.0.59: a document that says what it was.
fn legacy_document(part: &BinaryPart) -> Option<w::DocumentInputPart> {
    let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    let mime_type = part.mime_type.clone();
    let mut source = w::InputContentSource::default();
    match given(&part.data) {
        Some(value) => source.data = Some(w::InputContentDataSource { value, mime_type }),
        None => {
            let value = given(&part.url).or_else(|| given(&part.id))?;
            source.url = Some(w::InputContentUrlSource { value, mime_type: Some(mime_type) });
        }
    }
    let mut members = vec![("legacyBinary", Json::of(&true))];
    members.extend(part.filename.as_ref().map(|name| ("filename", Json::of(name))));
    members.extend(part.id.as_ref().map(|id| ("id", Json::of(id))));
    let metadata = Object::from_members(members.iter().map(|(key, value)| (*key, value)));
    Some(w::DocumentInputPart { source: Some(source), metadata: Some(value::value(metadata.as_json())), id: None })
}

fn source(source: &PartSource) -> Option<w::InputContentSource> {
    let none = w::InputContentSource::default();
    Some(match source {
        PartSource::Data(source) => w::InputContentSource { data: Some(source.to_field()), ..none },
        PartSource::Url(source) => w::InputContentSource { url: Some(source.to_field()), ..none },
        PartSource::File(source) => w::InputContentSource { file: Some(source.to_field()), ..none },
        PartSource::Unknown(_) => return None,
    })
}

fn read_parts(fields: Vec<w::InputContent>) -> Result<Vec<ContentPart>, ProtoError> {
    let read = |(index, field)| read_part(field).map_err(|error| error.at(&format!("[{index}]"))).transpose();
    fields.into_iter().enumerate().filter_map(read).collect()
}

/// `None` for a part, or a source, of a later version.
fn read_part(field: w::InputContent) -> Result<Option<ContentPart>, ProtoError> {
    macro_rules! media {
        ($part:ident, $ours:ident) => {{
            let source = $part.source.ok_or_else(|| required().at("source"))?;
            let Some(source) = read_source(source).map_err(|error| error.at("source"))? else { return Ok(None) };
            let metadata = Proto::from_field($part.metadata).map_err(|error: ProtoError| error.at("metadata"))?;
            $ours { source, id: $part.id, metadata, extra: Extra::default() }.into()
        }};
    }
    let w::InputContent { text, image, audio, video, document } = field;
    Ok(match (text, image, audio, video, document) {
        (None, None, None, None, None) => None,
        (Some(part), None, None, None, None) => Some(ContentPart::Text(Proto::from_field(part)?)),
        (None, Some(part), None, None, None) => Some(media!(part, ImagePart)),
        (None, None, Some(part), None, None) => Some(media!(part, AudioPart)),
        (None, None, None, Some(part), None) => Some(media!(part, VideoPart)),
        (None, None, None, None, Some(part)) => Some(media!(part, DocumentPart)),
        _ => return Err(ProtoError::invalid("content part carries more than one arm")),
    })
}

fn read_source(field: w::InputContentSource) -> Result<Option<PartSource>, ProtoError> {
    Ok(match (field.data, field.url, field.file) {
        (None, None, None) => None,
        (Some(source), None, None) => Some(PartSource::Data(Proto::from_field(source)?)),
        (None, Some(source), None) => Some(PartSource::Url(Proto::from_field(source)?)),
        (None, None, Some(source)) => Some(PartSource::File(Proto::from_field(source)?)),
        _ => return Err(ProtoError::invalid("source carries more than one arm")),
    })
}

/// Text in one field, parts in another; of neither, an empty list of parts.
pub(super) fn content(content: &Content) -> (Option<String>, Vec<w::InputContent>) {
    match content {
        Content::Text(text) => (Some(text.clone()), Vec::new()),
        Content::Parts(list) => (None, parts(list)),
    }
}

pub(super) fn read_content(text: Option<String>, parts: Vec<w::InputContent>) -> Result<Content, ProtoError> {
    match text {
        Some(_) if !parts.is_empty() => {
            Err(ProtoError::invalid("content carries both string content and content parts"))
        }
        Some(text) => Ok(Content::Text(text)),
        None => read_parts(parts).map(Content::Parts).map_err(|error| error.at("content")),
    }
}

impl Proto<Vec<w::Message>> for Vec<Message> {
    fn to_field(&self) -> Vec<w::Message> {
        self.iter().map(message).collect()
    }
    /// A message whose role is of a later version is left out.
    fn from_field(field: Vec<w::Message>) -> Result<Self, ProtoError> {
        let read = |(index, field)| read_message(field).map_err(|error| error.at(&format!("[{index}]"))).transpose();
        field.into_iter().enumerate().filter_map(read).collect()
    }
}

fn message(message: &Message) -> w::Message {
    macro_rules! fields {
        ($message:ident { $($field:ident: $value:expr),* } $($same:ident)*) => {
            w::Message {
                id: $message.id.clone(),
                metadata: $message.metadata.to_field(),
                subagent_run_id: $message.subagent_run_id.clone(),
                $($field: $value,)*
                $($same: $message.$same.clone(),)*
                ..Default::default()
            }
        };
    }
    let mut fields = match message {
        Message::Developer(it) => fields!(it { content: it.content.to_field() } name encrypted_value),
        Message::System(it) => fields!(it { content: it.content.to_field() } name encrypted_value),
        Message::Assistant(it) => fields!(it { tool_calls: it.tool_calls.to_field() } content name encrypted_value),
        Message::User(it) => {
            let (content, content_parts) = content(&it.content);
            fields!(it { content: content, content_parts: content_parts } name encrypted_value)
        }
        Message::Tool(it) => {
            let (content, content_parts) = content(&it.content);
            let id = it.tool_call_id.to_field();
            fields!(it { content: content, content_parts: content_parts, tool_call_id: id } error encrypted_value)
        }
        Message::Activity(it) => {
            fields!(it { activity_type: it.activity_type.to_field(), activity_content: it.content.to_field() })
        }
        Message::Reasoning(it) => fields!(it { content: it.content.to_field() } encrypted_value),
    };
    message.role().clone_into(&mut fields.role);
    fields
}

fn read_message(fields: w::Message) -> Result<Option<Message>, ProtoError> {
    let forms = usize::from(fields.content.is_some())
        + usize::from(!fields.content_parts.is_empty())
        + usize::from(fields.activity_content.is_some());
    if forms > 1 {
        return Err(ProtoError::invalid("message carries more than one content form"));
    }
    let takes_parts = matches!(fields.role.as_str(), "user" | "tool");
    let takes_activity = fields.role == "activity";
    let known = takes_parts
        || takes_activity
        || matches!(fields.role.as_str(), "developer" | "system" | "assistant" | "reasoning");
    if !known {
        return Ok(None);
    }
    if !takes_parts && !fields.content_parts.is_empty() {
        return Err(ProtoError::invalid("message carries content parts for a role that has none"));
    }
    if !takes_activity && fields.activity_content.is_some() {
        return Err(ProtoError::invalid("message carries activity content for a non-activity role"));
    }
    if takes_activity && fields.content.is_some() {
        return Err(ProtoError::invalid("activity content cannot ride with other content forms"));
    }
    let (id, name, subagent_run_id) = (fields.id, fields.name, fields.subagent_run_id);
    let (encrypted_value, extra) = (fields.encrypted_value, Extra::default());
    let metadata = Proto::from_field(fields.metadata).map_err(|error: ProtoError| error.at("metadata"))?;
    let text = || fields.content.clone().ok_or_else(|| required().at("content"));
    let given = |field: Option<String>, key: &str| field.ok_or_else(|| required().at(key));
    Ok(Some(match fields.role.as_str() {
        "developer" => {
            DeveloperMessage { id, content: text()?, name, encrypted_value, metadata, subagent_run_id, extra }.into()
        }
        "system" => {
            SystemMessage { id, content: text()?, name, encrypted_value, metadata, subagent_run_id, extra }.into()
        }
        "assistant" => {
            let tool_calls = Proto::from_field(fields.tool_calls).map_err(|error: ProtoError| error.at("toolCalls"))?;
            let content = fields.content;
            AssistantMessage { id, content, tool_calls, name, encrypted_value, metadata, subagent_run_id, extra }.into()
        }
        "user" => {
            let content = read_content(fields.content, fields.content_parts)?;
            UserMessage { id, content, name, encrypted_value, metadata, subagent_run_id, extra }.into()
        }
        "tool" => {
            let content = read_content(fields.content, fields.content_parts)?;
            let tool_call_id = given(fields.tool_call_id, "toolCallId")?;
            let error = fields.error;
            ToolMessage { id, content, tool_call_id, error, encrypted_value, metadata, subagent_run_id, extra }.into()
        }
        "activity" => {
            let activity_type = given(fields.activity_type, "activityType")?;
            let content =
                Proto::from_field(fields.activity_content).map_err(|error: ProtoError| error.at("content"))?;
            ActivityMessage { id, activity_type, content, metadata, subagent_run_id, extra }.into()
        }
        _ => ReasoningMessage { id, content: text()?, encrypted_value, metadata, subagent_run_id, extra }.into(),
    }))
}
