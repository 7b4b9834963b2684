//! Tasks, their states, artifacts and updates.

use super::lenient;
use super::message::{Message, Part, joined_text};
use copilotkit_protocol::Object;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// How far a task is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum TaskState {
    /// It was taken.
    Submitted,
    /// It is worked on.
    Working,
    /// It waits for a message.
    InputRequired,
    /// It waits for credentials or consent.
    AuthRequired,
    /// It is done.
    Completed,
    /// It failed.
    Failed,
    /// It was canceled.
    Canceled,
    /// The agent will not do it.
    Rejected,
    /// Not said, or unknown to the agent.
    #[default]
    Unspecified,
    /// A state of a later version, as it was written.
    Unknown(String),
}

impl TaskState {
    /// No message reaches the task any more.
    pub fn is_terminal(&self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Canceled | Self::Rejected)
    }

    /// The task waits for somebody.
    pub fn is_interrupted(&self) -> bool {
        matches!(self, Self::InputRequired | Self::AuthRequired)
    }

    /// Nothing more comes before the next message: terminal or interrupted.
    pub fn is_settled(&self) -> bool {
        self.is_terminal() || self.is_interrupted()
    }

    /// As A2A 0.3 writes it; the words of 1.0 are these in capitals behind `TASK_STATE_`.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Submitted => "submitted",
            Self::Working => "working",
            Self::InputRequired => "input-required",
            Self::AuthRequired => "auth-required",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Canceled => "canceled",
            Self::Rejected => "rejected",
            Self::Unspecified => "unknown",
            Self::Unknown(text) => text,
        }
    }

    /// As A2A 1.0 writes it.
    pub fn as_v1(&self) -> &str {
        match self {
            Self::Submitted => "TASK_STATE_SUBMITTED",
            Self::Working => "TASK_STATE_WORKING",
            Self::InputRequired => "TASK_STATE_INPUT_REQUIRED",
            Self::AuthRequired => "TASK_STATE_AUTH_REQUIRED",
            Self::Completed => "TASK_STATE_COMPLETED",
            Self::Failed => "TASK_STATE_FAILED",
            Self::Canceled => "TASK_STATE_CANCELED",
            Self::Rejected => "TASK_STATE_REJECTED",
            Self::Unspecified => "TASK_STATE_UNSPECIFIED",
            Self::Unknown(text) => text,
        }
    }

    /// Reads the word of either version.
    pub fn parse(text: &str) -> Self {
        let word = text.strip_prefix("TASK_STATE_").unwrap_or(text).to_ascii_lowercase().replace('_', "-");
        match word.as_str() {
            "submitted" => Self::Submitted,
            "working" => Self::Working,
            "input-required" => Self::InputRequired,
            "auth-required" => Self::AuthRequired,
            "completed" => Self::Completed,
            "failed" => Self::Failed,
            "canceled" | "cancelled" => Self::Canceled,
            "rejected" => Self::Rejected,
            "unknown" | "unspecified" => Self::Unspecified,
            _ => Self::Unknown(text.to_owned()),
        }
    }
}

impl Serialize for TaskState {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_v1())
    }
}

impl<'de> Deserialize<'de> for TaskState {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Option::<String>::deserialize(deserializer)?.map_or(Self::Unspecified, |text| Self::parse(&text)))
    }
}

/// The state of a task and what the agent says of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TaskStatus {
    /// The state.
    #[serde(default)]
    pub state: TaskState,
    /// What the agent says of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<Message>,
    /// When it was reached, ISO 8601.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<String>,
}

impl TaskStatus {
    /// A state without words.
    pub fn new(state: TaskState) -> Self {
        Self { state, ..Self::default() }
    }
}

/// Something that a task made.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Artifact {
    /// Unique in the task; empty where a server gives none.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub artifact_id: String,
    /// Its name.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What it is.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// What it holds.
    #[serde(default, deserialize_with = "lenient::list")]
    pub parts: Vec<Part>,
    /// Data of the application or of extensions.
    #[serde(default, deserialize_with = "lenient::object", skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Object>,
    /// The extensions that contributed to it.
    #[serde(default, deserialize_with = "lenient::list", skip_serializing_if = "Vec::is_empty")]
    pub extensions: Vec<String>,
}

impl Artifact {
    /// Its text parts, one a line.
    pub fn text(&self) -> String {
        joined_text(&self.parts)
    }
}

/// A piece of work of an agent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Task {
    /// Made by the agent.
    #[serde(default)]
    pub id: String,
    /// The conversation that it belongs to.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub context_id: Option<String>,
    /// How far it is.
    #[serde(default)]
    pub status: TaskStatus,
    /// What it made.
    #[serde(default, deserialize_with = "lenient::list", skip_serializing_if = "Vec::is_empty")]
    pub artifacts: Vec<Artifact>,
    /// What was said.
    #[serde(default, deserialize_with = "lenient::list", skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<Message>,
    /// Data of the application or of extensions.
    #[serde(default, deserialize_with = "lenient::object", skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Object>,
}

/// A task has another state, or more to say of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StatusUpdate {
    /// The task.
    #[serde(default)]
    pub task_id: String,
    /// The conversation that it belongs to.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub context_id: Option<String>,
    /// The state.
    #[serde(default)]
    pub status: TaskStatus,
    /// Data of the application or of extensions.
    #[serde(default, deserialize_with = "lenient::object", skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Object>,
    /// A 0.3 server says that this is the last event of its stream. 1.0 has no such member.
    #[serde(default, rename = "final", skip_serializing)]
    pub is_final: Option<bool>,
}

/// A task made an artifact, or more of one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ArtifactUpdate {
    /// The task.
    #[serde(default)]
    pub task_id: String,
    /// The conversation that it belongs to.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub context_id: Option<String>,
    /// The artifact, or what is added to it.
    #[serde(default)]
    pub artifact: Artifact,
    /// True: the parts are added to the artifact of this id. False: they replace it.
    #[serde(default, deserialize_with = "lenient::or_default", skip_serializing_if = "lenient::is_false")]
    pub append: bool,
    /// Nothing more of this artifact comes.
    #[serde(default, deserialize_with = "lenient::or_default", skip_serializing_if = "lenient::is_false")]
    pub last_chunk: bool,
    /// Data of the application or of extensions.
    #[serde(default, deserialize_with = "lenient::object", skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Object>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_read_in_every_spelling() {
        for (text, state) in [
            ("TASK_STATE_INPUT_REQUIRED", TaskState::InputRequired),
            ("input-required", TaskState::InputRequired),
            ("cancelled", TaskState::Canceled),
            ("TASK_STATE_UNSPECIFIED", TaskState::Unspecified),
            ("TASK_STATE_DREAMING", TaskState::Unknown("TASK_STATE_DREAMING".to_owned())),
        ] {
            assert_eq!(TaskState::parse(text), state);
        }
        assert!(TaskState::AuthRequired.is_settled() && !TaskState::AuthRequired.is_terminal());
        assert!(!TaskState::Unknown("x".to_owned()).is_settled());
    }

    #[test]
    fn a_sparse_task_is_a_task() {
        let task: Task = serde_json::from_str(
            r#"{"id":"t","contextId":"","status":{"state":"working","message":null,"timestamp":""},"artifacts":null,"more":[1]}"#,
        )
        .unwrap();
        let expected = Task { id: "t".to_owned(), status: TaskStatus::new(TaskState::Working), ..Task::default() };
        assert_eq!(task, expected);
    }
}
