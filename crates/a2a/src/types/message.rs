//! Messages and their parts.

use super::lenient;
use copilotkit_protocol::{Json, Object};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Who speaks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Role {
    /// The client, a person or an agent that asks for one.
    #[default]
    User,
    /// The agent that answers.
    Agent,
    /// Anything else, as it was written.
    Unknown(String),
}

impl Role {
    /// As A2A 1.0 writes it.
    pub fn as_str(&self) -> &str {
        match self {
            Self::User => "ROLE_USER",
            Self::Agent => "ROLE_AGENT",
            Self::Unknown(text) => text,
        }
    }
}

impl Serialize for Role {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Role {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Ok(match text.as_str() {
            "ROLE_USER" | "user" => Self::User,
            "ROLE_AGENT" | "agent" => Self::Agent,
            _ => Self::Unknown(text),
        })
    }
}

/// One message of a conversation.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Message {
    /// Made by who sends it; empty where a server gives none.
    #[serde(default, alias = "message_id", deserialize_with = "lenient::or_default")]
    pub message_id: String,
    /// The conversation that it belongs to.
    #[serde(
        default,
        alias = "context_id",
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub context_id: Option<String>,
    /// The task that it belongs to.
    #[serde(default, alias = "task_id", deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub task_id: Option<String>,
    /// Who speaks.
    #[serde(default)]
    pub role: Role,
    /// What is said.
    #[serde(default, deserialize_with = "lenient::list")]
    pub parts: Vec<Part>,
    /// Data of the application or of extensions.
    #[serde(default, deserialize_with = "lenient::object", skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Object>,
    /// The extensions that contributed to it.
    #[serde(default, deserialize_with = "lenient::list", skip_serializing_if = "Vec::is_empty")]
    pub extensions: Vec<String>,
    /// Other tasks that it refers to.
    #[serde(default, deserialize_with = "lenient::list", skip_serializing_if = "Vec::is_empty")]
    pub reference_task_ids: Vec<String>,
}

impl Message {
    /// A message of these parts.
    pub fn new(message_id: impl Into<String>, role: Role, parts: Vec<Part>) -> Self {
        Self { message_id: message_id.into(), role, parts, ..Self::default() }
    }

    /// Its text parts, one a line.
    pub fn text(&self) -> String {
        joined_text(&self.parts)
    }
}

/// The text parts, one a line.
pub(super) fn joined_text(parts: &[Part]) -> String {
    parts.iter().filter_map(Part::as_text).collect::<Vec<_>>().join("\n")
}

/// One part of a message or an artifact.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// What it holds.
    pub content: PartContent,
    /// Name of the file.
    pub filename: Option<String>,
    /// Media type of the content.
    pub media_type: Option<String>,
    /// Data of the application or of extensions.
    pub metadata: Option<Object>,
}

/// What a part holds.
#[derive(Clone, Debug, PartialEq)]
pub enum PartContent {
    /// Text.
    Text(String),
    /// Bytes as base64, as they came.
    Raw(String),
    /// The address of a file. Nothing here ever fetches it.
    Url(String),
    /// Any JSON.
    Data(Json),
    /// Something of a later version.
    Unknown,
}

impl Part {
    /// Of this content alone.
    pub fn new(content: PartContent) -> Self {
        Self { content, filename: None, media_type: None, metadata: None }
    }

    /// A text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::new(PartContent::Text(text.into()))
    }

    /// Any JSON.
    pub fn data(data: Json) -> Self {
        Self::new(PartContent::Data(data))
    }

    /// The text of a text part.
    pub fn as_text(&self) -> Option<&str> {
        match &self.content {
            PartContent::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The media type: its own, or the one in its metadata, where A2UI puts it.
    pub fn mime_type(&self) -> Option<String> {
        self.media_type_in_metadata().or_else(|| self.media_type.clone())
    }

    fn media_type_in_metadata(&self) -> Option<String> {
        #[derive(Deserialize)]
        struct Mime {
            #[serde(rename = "mimeType")]
            mime_type: Option<String>,
        }
        self.metadata.as_ref()?.as_json().read::<Mime>().ok()?.mime_type
    }
}

/// The forms of both versions in one.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PartWire {
    text: Option<String>,
    raw: Option<String>,
    url: Option<String>,
    #[serde(default, deserialize_with = "lenient::present")]
    data: Option<Json>,
    file: Option<FileWire>,
    #[serde(default, deserialize_with = "lenient::text")]
    filename: Option<String>,
    #[serde(default, deserialize_with = "lenient::text")]
    media_type: Option<String>,
    #[serde(default, deserialize_with = "lenient::text")]
    mime_type: Option<String>,
    #[serde(default, deserialize_with = "lenient::object")]
    metadata: Option<Object>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FileWire {
    bytes: Option<String>,
    #[serde(alias = "url")]
    uri: Option<String>,
    #[serde(default, deserialize_with = "lenient::text")]
    name: Option<String>,
    #[serde(default, deserialize_with = "lenient::text")]
    mime_type: Option<String>,
}

impl<'de> Deserialize<'de> for Part {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let wire = PartWire::deserialize(deserializer)?;
        let (mut filename, mut media_type) = (wire.filename, wire.media_type.or(wire.mime_type));
        let content = match (wire.text, wire.raw, wire.url, wire.data, wire.file) {
            (Some(text), ..) => PartContent::Text(text),
            (_, Some(raw), ..) => PartContent::Raw(raw),
            (_, _, Some(url), ..) => PartContent::Url(url),
            (.., Some(file)) => {
                filename = filename.or(file.name);
                media_type = media_type.or(file.mime_type);
                match (file.bytes, file.uri) {
                    (Some(bytes), _) => PartContent::Raw(bytes),
                    (None, Some(uri)) => PartContent::Url(uri),
                    (None, None) => PartContent::Unknown,
                }
            }
            (_, _, _, Some(data), None) => PartContent::Data(data),
            _ => PartContent::Unknown,
        };
        Ok(Self { content, filename, media_type, metadata: wire.metadata })
    }
}

impl Serialize for Part {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeMap as _;
        let mut map = serializer.serialize_map(None)?;
        match &self.content {
            PartContent::Text(text) => map.serialize_entry("text", text)?,
            PartContent::Raw(raw) => map.serialize_entry("raw", raw)?,
            PartContent::Url(url) => map.serialize_entry("url", url)?,
            PartContent::Data(data) => map.serialize_entry("data", data)?,
            PartContent::Unknown => {}
        }
        if let Some(filename) = &self.filename {
            map.serialize_entry("filename", filename)?;
        }
        if let Some(media_type) = &self.media_type {
            map.serialize_entry("mediaType", media_type)?;
        }
        if let Some(metadata) = &self.metadata {
            map.serialize_entry("metadata", metadata)?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(json: &str) -> Part {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn parts_of_both_versions_are_the_same() {
        let new = part(r#"{"raw":"AA==","filename":"a.bin","mediaType":"application/octet-stream"}"#);
        let old = r#"{"kind":"file","file":{"bytes":"AA==","name":"a.bin","mimeType":"application/octet-stream"}}"#;
        assert_eq!(part(old), new);
        assert_eq!(part(r#"{"kind":"file","file":{"uri":"https://a/b"}}"#), part(r#"{"url":"https://a/b"}"#));
        assert_eq!(part(r#"{"kind":"text","text":"x"}"#), Part::text("x"));
        assert_eq!(part(r#"{"text":"x","filename":"","mediaType":"","metadata":null}"#), Part::text("x"));
        assert_eq!(part(r#"{"data":null}"#).content, PartContent::Data(Json::default()));
        assert_eq!(part(r#"{"hologram":1}"#).content, PartContent::Unknown);
    }

    #[test]
    fn the_media_type_of_a_surface_is_in_its_metadata() {
        let text = r#"{"data":{},"mediaType":"application/json","metadata":{"mimeType":"application/json+a2ui"}}"#;
        assert_eq!(part(text).mime_type().as_deref(), Some("application/json+a2ui"));
    }
}
