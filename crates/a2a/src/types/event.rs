//! What a stream carries, and what a blocking call answers.

use super::message::Message;
use super::task::{ArtifactUpdate, StatusUpdate, Task};
use copilotkit_protocol::Json;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

/// One event of a stream.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// A whole task.
    Task(Task),
    /// A message, after which no more comes.
    Message(Message),
    /// A task has another state, or more to say of it.
    Status(StatusUpdate),
    /// A task made an artifact, or more of one.
    Artifact(ArtifactUpdate),
    /// Something of a later version.
    Unknown,
}

/// The answer to a message that was sent without a stream.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    /// The task that does it.
    Task(Task),
    /// The answer itself.
    Message(Message),
}

impl From<Reply> for Event {
    fn from(reply: Reply) -> Self {
        match reply {
            Reply::Task(task) => Self::Task(task),
            Reply::Message(message) => Self::Message(message),
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
enum Wrapped<'a> {
    Task(&'a Task),
    Message(&'a Message),
    StatusUpdate(&'a StatusUpdate),
    ArtifactUpdate(&'a ArtifactUpdate),
}

impl Serialize for Event {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Task(task) => Wrapped::Task(task).serialize(serializer),
            Self::Message(message) => Wrapped::Message(message).serialize(serializer),
            Self::Status(update) => Wrapped::StatusUpdate(update).serialize(serializer),
            Self::Artifact(update) => Wrapped::ArtifactUpdate(update).serialize(serializer),
            Self::Unknown => serde_json::Map::new().serialize(serializer),
        }
    }
}

impl Serialize for Reply {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Task(task) => Wrapped::Task(task).serialize(serializer),
            Self::Message(message) => Wrapped::Message(message).serialize(serializer),
        }
    }
}

/// What tells the forms apart: the wrapper of 1.0, the `kind` of 0.3, and, where neither is there, the members.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Sniff<'a> {
    #[serde(borrow)]
    task: Option<&'a RawValue>,
    #[serde(borrow)]
    message: Option<&'a RawValue>,
    #[serde(borrow)]
    status_update: Option<&'a RawValue>,
    #[serde(borrow)]
    artifact_update: Option<&'a RawValue>,
    kind: Option<String>,
    #[serde(borrow)]
    artifact: Option<&'a RawValue>,
    #[serde(borrow)]
    status: Option<&'a RawValue>,
    #[serde(borrow)]
    parts: Option<&'a RawValue>,
    #[serde(borrow)]
    id: Option<&'a RawValue>,
}

/// Reads an event of either version.
pub(crate) fn read_event(text: &str) -> Result<Event, serde_json::Error> {
    let sniff: Sniff<'_> = serde_json::from_str(text)?;
    if let Some(task) = sniff.task {
        return serde_json::from_str(task.get()).map(Event::Task);
    }
    if let Some(update) = sniff.status_update {
        return serde_json::from_str(update.get()).map(Event::Status);
    }
    if let Some(update) = sniff.artifact_update {
        return serde_json::from_str(update.get()).map(Event::Artifact);
    }
    if let Some(message) = sniff.message {
        return serde_json::from_str(message.get()).map(Event::Message);
    }
    let kind = match sniff.kind.as_deref() {
        Some(kind) => kind,
        None if sniff.artifact.is_some() => "artifact-update",
        None if sniff.status.is_some() && sniff.id.is_some() => "task",
        None if sniff.status.is_some() => "status-update",
        None if sniff.parts.is_some() => "message",
        None => "",
    };
    match kind {
        "task" => serde_json::from_str(text).map(Event::Task),
        "message" => serde_json::from_str(text).map(Event::Message),
        "status-update" => serde_json::from_str(text).map(Event::Status),
        "artifact-update" => serde_json::from_str(text).map(Event::Artifact),
        _ => Ok(Event::Unknown),
    }
}

impl<'de> Deserialize<'de> for Event {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let json = Json::deserialize(deserializer)?;
        read_event(json.get()).map_err(D::Error::custom)
    }
}

impl<'de> Deserialize<'de> for Reply {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Event::deserialize(deserializer)? {
            Event::Task(task) => Ok(Self::Task(task)),
            Event::Message(message) => Ok(Self::Message(message)),
            _ => Err(D::Error::custom("neither a task nor a message")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_an_event_is_told_apart() {
        let kind = |text: &str| match read_event(text).unwrap() {
            Event::Task(_) => "task",
            Event::Message(_) => "message",
            Event::Status(_) => "status",
            Event::Artifact(_) => "artifact",
            Event::Unknown => "unknown",
        };
        for (text, expected) in [
            (r#"{"task":{"id":"t","status":{"state":"TASK_STATE_WORKING"}}}"#, "task"),
            (r#"{"kind":"task","id":"t","status":{"state":"working"}}"#, "task"),
            (r#"{"id":"t","status":{"state":"working"}}"#, "task"),
            (r#"{"message":{"messageId":"m","role":"ROLE_AGENT","parts":[]}}"#, "message"),
            (r#"{"role":"agent","parts":[{"text":"a"}]}"#, "message"),
            (r#"{"statusUpdate":{"taskId":"t","status":{}}}"#, "status"),
            (r#"{"taskId":"t","status":{"state":"working"},"final":true}"#, "status"),
            (r#"{"artifactUpdate":{"artifact":{"parts":[]}}}"#, "artifact"),
            (r#"{"taskId":"t","artifact":{"parts":null}}"#, "artifact"),
            (r#"{"somethingNew":{}}"#, "unknown"),
            (r#"{"kind":"something-new","id":"t"}"#, "unknown"),
        ] {
            assert_eq!(kind(text), expected, "{text}");
        }
        assert!(read_event("[]").is_err());
        assert!(serde_json::from_str::<Reply>(r#"{"statusUpdate":{}}"#).is_err());
    }
}
