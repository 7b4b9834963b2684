//! The JSON of A2A 0.3. It is read by the same readers as that of 1.0; only writing it differs.

use crate::types::{
    AgentCard, AgentSkill, Artifact, ArtifactUpdate, Event, GetPushRequest, ListPushRequest, ListPushResponse, Message,
    Part, PartContent, PushConfig, Reply, Role, SecurityScheme, SendMessageRequest, StatusUpdate, Task, TaskStatus,
};
use copilotkit_protocol::Json;
use serde::ser::{SerializeMap, SerializeSeq as _};
use serde::{Serialize, Serializer};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Writes a value as A2A 0.3 has it.
#[derive(Clone, Copy, Debug)]
pub struct V03<'a, T: ?Sized>(
    /// The value.
    pub &'a T,
);

/// Writes every item of a list so.
struct Each<'a, T>(&'a [T]);

impl<'a, T> Serialize for Each<'a, T>
where
    V03<'a, T>: Serialize,
{
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(self.0.len()))?;
        for item in self.0 {
            list.serialize_element(&V03(item))?;
        }
        list.end()
    }
}

fn optional<M: SerializeMap, T: Serialize>(map: &mut M, name: &str, value: Option<&T>) -> Result<(), M::Error> {
    value.map_or(Ok(()), |value| map.serialize_entry(name, value))
}

fn listed<M: SerializeMap, T: Serialize>(map: &mut M, name: &str, list: &[T]) -> Result<(), M::Error> {
    if list.is_empty() { Ok(()) } else { map.serialize_entry(name, list) }
}

fn is_true<M: SerializeMap>(map: &mut M, name: &str, value: bool) -> Result<(), M::Error> {
    if value { map.serialize_entry(name, &true) } else { Ok(()) }
}

impl Serialize for V03<'_, Part> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct File<'a> {
            #[serde(skip_serializing_if = "Option::is_none")]
            bytes: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            uri: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            name: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            mime_type: Option<&'a str>,
        }
        let part = self.0;
        let mut map = serializer.serialize_map(None)?;
        let file =
            |bytes, uri| File { bytes, uri, name: part.filename.as_deref(), mime_type: part.media_type.as_deref() };
        match &part.content {
            PartContent::Text(text) => {
                map.serialize_entry("kind", "text")?;
                map.serialize_entry("text", text)?;
            }
            PartContent::Raw(raw) => {
                map.serialize_entry("kind", "file")?;
                map.serialize_entry("file", &file(Some(raw), None))?;
            }
            PartContent::Url(url) => {
                map.serialize_entry("kind", "file")?;
                map.serialize_entry("file", &file(None, Some(url)))?;
            }
            PartContent::Data(data) => {
                map.serialize_entry("kind", "data")?;
                if data.is_object() {
                    map.serialize_entry("data", data)?;
                } else {
                    // 0.3 takes objects alone; the official SDKs put other values under this name.
                    map.serialize_entry("data", &BTreeMap::from([("value", data)]))?;
                }
            }
            PartContent::Unknown => {
                map.serialize_entry("kind", "data")?;
                map.serialize_entry("data", &json!({}))?;
            }
        }
        optional(&mut map, "metadata", part.metadata.as_ref())?;
        map.end()
    }
}

fn role(role: &Role) -> &str {
    match role {
        Role::User => "user",
        Role::Agent => "agent",
        Role::Unknown(text) => text,
    }
}

impl Serialize for V03<'_, Message> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let message = self.0;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("kind", "message")?;
        map.serialize_entry("messageId", &message.message_id)?;
        map.serialize_entry("role", role(&message.role))?;
        map.serialize_entry("parts", &Each(&message.parts))?;
        optional(&mut map, "contextId", message.context_id.as_ref())?;
        optional(&mut map, "taskId", message.task_id.as_ref())?;
        optional(&mut map, "metadata", message.metadata.as_ref())?;
        listed(&mut map, "extensions", &message.extensions)?;
        listed(&mut map, "referenceTaskIds", &message.reference_task_ids)?;
        map.end()
    }
}

impl Serialize for V03<'_, TaskStatus> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let status = self.0;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("state", status.state.as_str())?;
        optional(&mut map, "message", status.message.as_ref().map(V03).as_ref())?;
        optional(&mut map, "timestamp", status.timestamp.as_ref())?;
        map.end()
    }
}

impl Serialize for V03<'_, Artifact> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let artifact = self.0;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("artifactId", &artifact.artifact_id)?;
        optional(&mut map, "name", artifact.name.as_ref())?;
        optional(&mut map, "description", artifact.description.as_ref())?;
        map.serialize_entry("parts", &Each(&artifact.parts))?;
        optional(&mut map, "metadata", artifact.metadata.as_ref())?;
        listed(&mut map, "extensions", &artifact.extensions)?;
        map.end()
    }
}

impl Serialize for V03<'_, Task> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let task = self.0;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("kind", "task")?;
        map.serialize_entry("id", &task.id)?;
        // Required in 0.3.
        map.serialize_entry("contextId", task.context_id.as_deref().unwrap_or_default())?;
        map.serialize_entry("status", &V03(&task.status))?;
        if !task.artifacts.is_empty() {
            map.serialize_entry("artifacts", &Each(&task.artifacts))?;
        }
        if !task.history.is_empty() {
            map.serialize_entry("history", &Each(&task.history))?;
        }
        optional(&mut map, "metadata", task.metadata.as_ref())?;
        map.end()
    }
}

impl Serialize for V03<'_, StatusUpdate> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let update = self.0;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("kind", "status-update")?;
        map.serialize_entry("taskId", &update.task_id)?;
        map.serialize_entry("contextId", update.context_id.as_deref().unwrap_or_default())?;
        map.serialize_entry("status", &V03(&update.status))?;
        map.serialize_entry("final", &update.is_final.unwrap_or(update.status.state.is_settled()))?;
        optional(&mut map, "metadata", update.metadata.as_ref())?;
        map.end()
    }
}

impl Serialize for V03<'_, ArtifactUpdate> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let update = self.0;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("kind", "artifact-update")?;
        map.serialize_entry("taskId", &update.task_id)?;
        map.serialize_entry("contextId", update.context_id.as_deref().unwrap_or_default())?;
        map.serialize_entry("artifact", &V03(&update.artifact))?;
        is_true(&mut map, "append", update.append)?;
        is_true(&mut map, "lastChunk", update.last_chunk)?;
        optional(&mut map, "metadata", update.metadata.as_ref())?;
        map.end()
    }
}

impl Serialize for V03<'_, Event> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Event::Task(task) => V03(task).serialize(serializer),
            Event::Message(message) => V03(message).serialize(serializer),
            Event::Status(update) => V03(update).serialize(serializer),
            Event::Artifact(update) => V03(update).serialize(serializer),
            Event::Unknown => serializer.serialize_map(Some(0))?.end(),
        }
    }
}

impl Serialize for V03<'_, Reply> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Reply::Task(task) => V03(task).serialize(serializer),
            Reply::Message(message) => V03(message).serialize(serializer),
        }
    }
}

impl Serialize for V03<'_, SendMessageRequest> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let request = self.0;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("message", &V03(&request.message))?;
        if let Some(configuration) = &request.configuration {
            let mut members = json!({ "blocking": !configuration.return_immediately });
            if !configuration.accepted_output_modes.is_empty() {
                members["acceptedOutputModes"] = json!(configuration.accepted_output_modes);
            }
            if let Some(length) = configuration.history_length {
                members["historyLength"] = json!(length);
            }
            if let Some(push) = &configuration.push {
                members["pushNotificationConfig"] = push_members(push);
            }
            map.serialize_entry("configuration", &members)?;
        }
        optional(&mut map, "metadata", request.metadata.as_ref())?;
        map.end()
    }
}

fn push_members(config: &PushConfig) -> Value {
    let mut members = json!({ "url": config.url });
    let texts = [("id", &config.id), ("token", &config.token)];
    for (name, text) in texts.into_iter().filter_map(|(name, text)| Some((name, text.as_ref()?))) {
        members[name] = json!(text);
    }
    if let Some(authentication) = &config.authentication {
        members["authentication"] = json!({ "schemes": [authentication.scheme] });
        if let Some(credentials) = &authentication.credentials {
            members["authentication"]["credentials"] = json!(credentials);
        }
    }
    members
}

impl Serialize for V03<'_, PushConfig> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let task_id = self.0.task_id.as_deref().unwrap_or_default();
        json!({ "taskId": task_id, "pushNotificationConfig": push_members(self.0) }).serialize(serializer)
    }
}

impl Serialize for V03<'_, GetPushRequest> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        json!({ "id": self.0.task_id, "pushNotificationConfigId": self.0.id }).serialize(serializer)
    }
}

impl Serialize for V03<'_, ListPushRequest> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        json!({ "id": self.0.task_id }).serialize(serializer)
    }
}

impl Serialize for V03<'_, ListPushResponse> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Each(&self.0.configs).serialize(serializer)
    }
}

impl Serialize for V03<'_, AgentSkill> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let skill = self.0;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("id", &skill.id)?;
        map.serialize_entry("name", &skill.name)?;
        map.serialize_entry("description", &skill.description)?;
        map.serialize_entry("tags", &skill.tags)?;
        listed(&mut map, "examples", &skill.examples)?;
        listed(&mut map, "inputModes", &skill.input_modes)?;
        listed(&mut map, "outputModes", &skill.output_modes)?;
        let security: Vec<_> = skill.security_requirements.iter().map(|requirement| &requirement.0).collect();
        listed(&mut map, "security", &security)?;
        map.end()
    }
}

impl Serialize for V03<'_, SecurityScheme> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let kind = match self.0 {
            SecurityScheme::ApiKey { .. } => "apiKey",
            SecurityScheme::Http { .. } => "http",
            SecurityScheme::OAuth2 { .. } => "oauth2",
            SecurityScheme::OpenIdConnect { .. } => "openIdConnect",
            SecurityScheme::MutualTls { .. } => "mutualTLS",
            SecurityScheme::Unknown => "unknown",
        };
        let mut members = self.0.members(true);
        members["type"] = json!(kind);
        members.serialize(serializer)
    }
}

impl Serialize for V03<'_, AgentCard> {
    /// The interfaces of 0.3 alone, the first of them as the preferred one.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let card = self.0;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("name", &card.name)?;
        map.serialize_entry("description", &card.description)?;
        map.serialize_entry("version", &card.version)?;
        let mut interfaces =
            card.supported_interfaces.iter().filter(|interface| interface.protocol_version.starts_with("0."));
        if let Some(first) = interfaces.next() {
            map.serialize_entry("protocolVersion", &first.protocol_version)?;
            map.serialize_entry("url", &first.url)?;
            map.serialize_entry("preferredTransport", &first.binding)?;
        }
        let others: Vec<_> = interfaces.map(|other| json!({ "url": other.url, "transport": other.binding })).collect();
        listed(&mut map, "additionalInterfaces", &others)?;
        optional(&mut map, "provider", card.provider.as_ref())?;
        optional(&mut map, "documentationUrl", card.documentation_url.as_ref())?;
        optional(&mut map, "iconUrl", card.icon_url.as_ref())?;
        let mut capabilities = card.capabilities.clone();
        let extended = capabilities.extended_agent_card.take();
        map.serialize_entry("capabilities", &capabilities)?;
        optional(&mut map, "supportsAuthenticatedExtendedCard", extended.as_ref())?;
        if !card.security_schemes.is_empty() {
            let schemes: BTreeMap<_, _> = card.security_schemes.iter().map(|(name, one)| (name, V03(one))).collect();
            map.serialize_entry("securitySchemes", &schemes)?;
        }
        let security: Vec<_> = card.security_requirements.iter().map(|requirement| &requirement.0).collect();
        listed(&mut map, "security", &security)?;
        map.serialize_entry("defaultInputModes", &card.default_input_modes)?;
        map.serialize_entry("defaultOutputModes", &card.default_output_modes)?;
        map.serialize_entry("skills", &Each(&card.skills))?;
        listed::<_, Json>(&mut map, "signatures", &card.signatures)?;
        map.end()
    }
}
