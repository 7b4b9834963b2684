//! Messages, content parts, tool calls, tools and context (AG-UI 1.0, "Messages").

use crate::wire::{Extra, Json, Object, Shape, Wire, wire_struct, wire_union};
use serde::de::{Deserializer, Error as _};
use serde::{Deserialize, Serialize, Serializer};

wire_union! {
    /// One message of a thread, told apart by `role`.
    pub enum Message by "role" {
        /// Instructions of the application's developer.
        Developer(DeveloperMessage) = "developer",
        /// Instructions of the system.
        System(SystemMessage) = "system",
        /// What the agent said and the tools that it called.
        Assistant(AssistantMessage) = "assistant",
        /// What the person said.
        User(UserMessage) = "user",
        /// What a tool answered.
        Tool(ToolMessage) = "tool",
        /// Something that the agent shows while it works; never sent to a model.
        Activity(ActivityMessage) = "activity",
        /// What a model thought.
        Reasoning(ReasoningMessage) = "reasoning",
    }
}

wire_struct! {
    /// Instructions of the application's developer.
    pub struct DeveloperMessage("role" = "developer") {
        /// Unique in the thread.
        id: String = "id" req,
        /// The text.
        content: String = "content" req,
        /// Name of the speaker.
        name: String = "name" opt,
        /// An opaque value of the provider that comes back with the message.
        encrypted_value: String = "encryptedValue" opt,
        /// Data of the application.
        metadata: Object = "metadata" opt,
        /// The subagent that the message belongs to; absent for the parent agent.
        subagent_run_id: String = "subagentRunId" opt,
    }
}

wire_struct! {
    /// Instructions of the system.
    pub struct SystemMessage("role" = "system") {
        /// Unique in the thread.
        id: String = "id" req,
        /// The text.
        content: String = "content" req,
        /// Name of the speaker.
        name: String = "name" opt,
        /// An opaque value of the provider that comes back with the message.
        encrypted_value: String = "encryptedValue" opt,
        /// Data of the application.
        metadata: Object = "metadata" opt,
        /// The subagent that the message belongs to; absent for the parent agent.
        subagent_run_id: String = "subagentRunId" opt,
    }
}

wire_struct! {
    /// What the agent said and the tools that it called.
    pub struct AssistantMessage("role" = "assistant") {
        /// Unique in the thread.
        id: String = "id" req,
        /// The text; absent on a message that only calls tools. `null` is malformed.
        content: String = "content" str,
        /// The calls, in the order in which they were started.
        tool_calls: Vec<ToolCall> = "toolCalls" opt,
        /// Name of the speaker.
        name: String = "name" opt,
        /// An opaque value of the provider that comes back with the message.
        encrypted_value: String = "encryptedValue" opt,
        /// Data of the application.
        metadata: Object = "metadata" opt,
        /// The subagent that the message belongs to; absent for the parent agent.
        subagent_run_id: String = "subagentRunId" opt,
    }
}

wire_struct! {
    /// What the person said.
    pub struct UserMessage("role" = "user") {
        /// Unique in the thread.
        id: String = "id" req,
        /// Text, or a list of parts.
        content: Content = "content" req,
        /// Name of the speaker.
        name: String = "name" opt,
        /// An opaque value of the provider that comes back with the message.
        encrypted_value: String = "encryptedValue" opt,
        /// Data of the application.
        metadata: Object = "metadata" opt,
        /// The subagent that the message belongs to; absent for the parent agent.
        subagent_run_id: String = "subagentRunId" opt,
    }
}

wire_struct! {
    /// What a tool answered.
    pub struct ToolMessage("role" = "tool") {
        /// Unique in the thread.
        id: String = "id" req,
        /// Text, or a list of parts (1.0; 0.0.59 knows text only).
        content: Content = "content" req,
        /// The call that this answers.
        tool_call_id: String = "toolCallId" req,
        /// Set when the tool failed.
        error: String = "error" opt,
        /// An opaque value of the provider that comes back with the message.
        encrypted_value: String = "encryptedValue" opt,
        /// Data of the application.
        metadata: Object = "metadata" opt,
        /// The subagent that the message belongs to; absent for the parent agent.
        subagent_run_id: String = "subagentRunId" opt,
    }
}

wire_struct! {
    /// Something that the agent shows while it works; never sent to a model.
    pub struct ActivityMessage("role" = "activity") {
        /// Unique in the thread.
        id: String = "id" req,
        /// What kind of activity; an open set.
        activity_type: String = "activityType" req,
        /// Its content, as the activity's type defines it.
        content: Object = "content" req,
        /// Data of the application.
        metadata: Object = "metadata" opt,
        /// The subagent that the message belongs to; absent for the parent agent.
        subagent_run_id: String = "subagentRunId" opt,
    }
}

wire_struct! {
    /// What a model thought.
    pub struct ReasoningMessage("role" = "reasoning") {
        /// Unique in the thread.
        id: String = "id" req,
        /// The text.
        content: String = "content" req,
        /// The provider's signature or encrypted reasoning, sent back with the history.
        encrypted_value: String = "encryptedValue" opt,
        /// Data of the application.
        metadata: Object = "metadata" opt,
        /// The subagent that the message belongs to; absent for the parent agent.
        subagent_run_id: String = "subagentRunId" opt,
    }
}

impl Message {
    /// The message's id.
    pub fn id(&self) -> &str {
        match self {
            Self::Developer(message) => &message.id,
            Self::System(message) => &message.id,
            Self::Assistant(message) => &message.id,
            Self::User(message) => &message.id,
            Self::Tool(message) => &message.id,
            Self::Activity(message) => &message.id,
            Self::Reasoning(message) => &message.id,
        }
    }

    /// The role, as it stands on the wire.
    pub fn role(&self) -> &'static str {
        match self {
            Self::Developer(_) => "developer",
            Self::System(_) => "system",
            Self::Assistant(_) => "assistant",
            Self::User(_) => "user",
            Self::Tool(_) => "tool",
            Self::Activity(_) => "activity",
            Self::Reasoning(_) => "reasoning",
        }
    }

    /// The subagent that the message belongs to.
    pub fn subagent_run_id(&self) -> Option<&str> {
        match self {
            Self::Developer(message) => message.subagent_run_id.as_deref(),
            Self::System(message) => message.subagent_run_id.as_deref(),
            Self::Assistant(message) => message.subagent_run_id.as_deref(),
            Self::User(message) => message.subagent_run_id.as_deref(),
            Self::Tool(message) => message.subagent_run_id.as_deref(),
            Self::Activity(message) => message.subagent_run_id.as_deref(),
            Self::Reasoning(message) => message.subagent_run_id.as_deref(),
        }
    }

    /// The message's metadata.
    pub fn metadata_mut(&mut self) -> &mut Option<Object> {
        match self {
            Self::Developer(message) => &mut message.metadata,
            Self::System(message) => &mut message.metadata,
            Self::Assistant(message) => &mut message.metadata,
            Self::User(message) => &mut message.metadata,
            Self::Tool(message) => &mut message.metadata,
            Self::Activity(message) => &mut message.metadata,
            Self::Reasoning(message) => &mut message.metadata,
        }
    }

    /// The tool calls of an assistant message.
    pub fn tool_calls(&self) -> &[ToolCall] {
        match self {
            Self::Assistant(message) => message.tool_calls.as_deref().unwrap_or_default(),
            _ => &[],
        }
    }
}

wire_struct! {
    /// One call of a tool.
    pub struct ToolCall("type" = "function") {
        /// Unique in the thread.
        id: String = "id" req,
        /// What is called.
        function: FunctionCall = "function" req,
        /// The provider's signature for this call, sent back with the history.
        encrypted_value: String = "encryptedValue" opt,
        /// Data of the application.
        metadata: Object = "metadata" opt,
    }
}

wire_struct! {
    /// The name of a tool and the arguments of a call.
    pub struct FunctionCall {
        /// The tool's name.
        name: String = "name" req,
        /// The arguments as the model wrote them: JSON by intent, kept verbatim even when it is not.
        arguments: String = "arguments" req,
    }
}

/// The content of a user or tool message: text, or parts.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// Text.
    Text(String),
    /// Parts, possibly none.
    Parts(Vec<ContentPart>),
}

impl Content {
    /// The text; of parts, the text parts one after the other.
    pub fn text(&self) -> std::borrow::Cow<'_, str> {
        match self {
            Self::Text(text) => text.into(),
            Self::Parts(parts) => parts
                .iter()
                .filter_map(|part| match part {
                    ContentPart::Text(text) => Some(text.text.as_str()),
                    _ => None,
                })
                .collect::<String>()
                .into(),
        }
    }
}

impl Default for Content {
    fn default() -> Self {
        Self::Text(String::new())
    }
}

impl From<&str> for Content {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Content {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl Serialize for Content {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(text) => serializer.serialize_str(text),
            Self::Parts(parts) => parts.serialize(serializer),
        }
    }
}

impl Wire for Content {
    const SHAPE: &'static Shape = &Shape::TextOrList(ContentPart::SHAPE);
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let json = Json::deserialize(deserializer)?;
        let result = match json.get().as_bytes().first() {
            Some(b'"') => crate::wire::read_text::<String>(json.get()).map(Self::Text),
            Some(b'[') => crate::wire::read_text::<Vec<ContentPart>>(json.get()).map(Self::Parts),
            _ => return Err(D::Error::custom("expected a string or an array of content parts")),
        };
        result.map_err(D::Error::custom)
    }
    fn tidy(&mut self) -> bool {
        match self {
            Self::Text(_) => false,
            Self::Parts(parts) => parts.tidy(),
        }
    }
    fn is_tidy(&self) -> bool {
        match self {
            Self::Text(_) => true,
            Self::Parts(parts) => parts.is_tidy(),
        }
    }
}

impl<'de> Deserialize<'de> for Content {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::read(deserializer)
    }
}

wire_union! {
    /// One part of a message's content, told apart by `type`.
    pub enum ContentPart by "type" {
        /// Text.
        Text(TextPart) = "text",
        /// A picture.
        Image(ImagePart) = "image",
        /// Sound.
        Audio(AudioPart) = "audio",
        /// Moving pictures.
        Video(VideoPart) = "video",
        /// A document.
        Document(DocumentPart) = "document",
        /// The form of 0.0.59 and older for everything that is not text; [`BinaryPart::upgrade`] gives the modern one.
        Binary(BinaryPart) = "binary" legacy,
        ; /// A part of a later version.
        Unknown
    }
}

wire_struct! {
    /// Text.
    pub struct TextPart("type" = "text") {
        /// The text.
        text: String = "text" req,
        /// Id of the part (1.0).
        id: String = "id" opt,
        /// Data of the application, of any type (1.0).
        metadata: Json = "metadata" opt,
    }
}

macro_rules! media_part {
    ($(#[doc = $doc:literal])* $name:ident = $tag:literal) => {
        wire_struct! {
            $(#[doc = $doc])*
            pub struct $name("type" = $tag) {
                /// Where the bytes are.
                source: PartSource = "source" req,
                /// Id of the part (1.0).
                id: String = "id" opt,
                /// Data of the application, of any type.
                metadata: Json = "metadata" opt,
            }
        }
    };
}
media_part!(
    /// A picture.
    ImagePart = "image"
);
media_part!(
    /// Sound.
    AudioPart = "audio"
);
media_part!(
    /// Moving pictures.
    VideoPart = "video"
);
media_part!(
    /// A document.
    DocumentPart = "document"
);

wire_union! {
    /// Where the bytes of a part are.
    pub enum PartSource by "type" {
        /// In the message.
        Data(DataSource) = "data",
        /// At an address.
        Url(UrlSource) = "url",
        /// With a provider, under an opaque handle (1.0). Never fetched or parsed here.
        File(FileSource) = "file",
        ; /// A source of a later version.
        Unknown
    }
}

impl Default for PartSource {
    fn default() -> Self {
        Self::Data(DataSource::default())
    }
}

wire_struct! {
    /// Bytes in the message.
    pub struct DataSource("type" = "data") {
        /// The bytes as base64.
        value: String = "value" req ("contentEncoding" = "base64"),
        /// Their media type.
        mime_type: String = "mimeType" req,
    }
}

wire_struct! {
    /// Bytes at an address.
    pub struct UrlSource("type" = "url") {
        /// The address.
        value: String = "value" req,
        /// Their media type.
        mime_type: String = "mimeType" opt,
    }
}

wire_struct! {
    /// Bytes that a provider keeps.
    pub struct FileSource("type" = "file") {
        /// The provider's handle.
        value: String = "value" req,
        /// The provider that knows it.
        provider: String = "provider" opt,
        /// Their media type.
        mime_type: String = "mimeType" opt,
    }
}

/// The form of 0.0.59 and older for everything that is not text. At least one of id, url and data is given.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BinaryPart(BinaryMembers);

wire_struct! {
    /// The members of a [`BinaryPart`].
    pub struct BinaryMembers("type" = "binary") {
        /// The media type.
        mime_type: String = "mimeType" req,
        /// A handle that the application knows.
        id: String = "id" opt,
        /// An address.
        url: String = "url" opt,
        /// The bytes as base64.
        data: String = "data" opt,
        /// The file's name.
        filename: String = "filename" opt,
    }
}

impl std::ops::Deref for BinaryPart {
    type Target = BinaryMembers;
    fn deref(&self) -> &BinaryMembers {
        &self.0
    }
}

impl BinaryPart {
    /// The modern part of the same meaning, by the rule of the reference client: the prefix of the media type chooses
    /// image, audio or video, else it is a document; data goes before url; `filename` becomes metadata. A part that has
    /// only an id has no modern form. What is empty counts as absent.
    pub fn upgrade(&self) -> Option<ContentPart> {
        let given = |member: &Option<String>| member.clone().filter(|text| !text.is_empty());
        let source = match (given(&self.data), given(&self.url)) {
            (Some(data), _) => {
                PartSource::Data(DataSource { value: data, mime_type: self.mime_type.clone(), extra: Extra::default() })
            }
            (None, Some(url)) => PartSource::Url(UrlSource {
                value: url,
                mime_type: Some(self.mime_type.clone()),
                extra: Extra::default(),
            }),
            (None, None) => return None,
        };
        let metadata = given(&self.filename).map(|name| Json::from(serde_json::json!({ "filename": name })));
        let extra = Extra::default();
        Some(match Self::modern_type(&self.mime_type) {
            "image" => ContentPart::Image(ImagePart { source, id: None, metadata, extra }),
            "audio" => ContentPart::Audio(AudioPart { source, id: None, metadata, extra }),
            "video" => ContentPart::Video(VideoPart { source, id: None, metadata, extra }),
            _ => ContentPart::Document(DocumentPart { source, id: None, metadata, extra }),
        })
    }

    /// The `type` of the modern part: the prefix of the media type, if it is one of three.
    pub(crate) fn modern_type(mime_type: &str) -> &'static str {
        match mime_type.split_once('/') {
            Some(("image", _)) => "image",
            Some(("audio", _)) => "audio",
            Some(("video", _)) => "video",
            _ => "document",
        }
    }
}

impl Serialize for BinaryPart {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl Wire for BinaryPart {
    const SHAPE: &'static Shape = &Shape::Retired;
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let members = BinaryMembers::read(deserializer)?;
        if members.id.is_none() && members.url.is_none() && members.data.is_none() {
            return Err(crate::wire::at(
                "id",
                D::Error::custom("a binary part needs at least one of id, url and data"),
            ));
        }
        Ok(Self(members))
    }
    fn tidy(&mut self) -> bool {
        self.0.tidy()
    }
    fn is_tidy(&self) -> bool {
        self.0.is_tidy()
    }
}

wire_struct! {
    /// A tool that an agent may call.
    pub struct Tool {
        /// Unique among the tools of a run.
        name: String = "name" req,
        /// What it does, for the model.
        description: String = "description" req,
        /// JSON Schema of the arguments; absent for none.
        parameters: Json = "parameters" opt,
        /// Data of the application.
        metadata: Object = "metadata" opt,
    }
}

wire_struct! {
    /// Something that the page tells the agent.
    pub struct Context {
        /// What it is.
        description: String = "description" req,
        /// Its value, as text.
        value: String = "value" req,
    }
}
