//! What is asked of an agent. Readers of protobuf's JSON take members under their snake case names too, and some clients
//! write them so.

use super::lenient;
use super::message::Message;
use super::push::PushConfig;
use super::task::{Task, TaskState};
use copilotkit_protocol::Object;
use serde::{Deserialize, Serialize};

/// A message for an agent, with or without a stream.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SendMessageRequest {
    /// The tenant of the interface.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// The message.
    pub message: Message,
    /// How it is to be answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub configuration: Option<SendConfiguration>,
    /// Data of the application or of extensions.
    #[serde(default, deserialize_with = "lenient::object", skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Object>,
}

/// How a message is to be answered.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SendConfiguration {
    /// Media types that the client takes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub accepted_output_modes: Vec<String>,
    /// Where to send news of the task.
    #[serde(rename = "taskPushNotificationConfig", skip_serializing_if = "Option::is_none")]
    pub push: Option<PushConfig>,
    /// How much of the history the answer carries; absent is all of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub history_length: Option<u32>,
    /// True: the call does not wait for the task.
    #[serde(skip_serializing_if = "lenient::is_false")]
    pub return_immediately: bool,
}

/// The forms of both versions in one.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ConfigurationWire {
    #[serde(default, alias = "accepted_output_modes", deserialize_with = "lenient::list")]
    accepted_output_modes: Vec<String>,
    #[serde(alias = "taskPushNotificationConfig", alias = "task_push_notification_config")]
    push_notification_config: Option<PushConfig>,
    #[serde(alias = "history_length")]
    history_length: Option<u32>,
    #[serde(alias = "return_immediately")]
    return_immediately: Option<bool>,
    blocking: Option<bool>,
}

impl<'de> Deserialize<'de> for SendConfiguration {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let wire = ConfigurationWire::deserialize(deserializer)?;
        Ok(Self {
            accepted_output_modes: wire.accepted_output_modes,
            push: wire.push_notification_config,
            history_length: wire.history_length,
            return_immediately: wire.return_immediately.unwrap_or(wire.blocking == Some(false)),
        })
    }
}

/// Which task to show.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GetTaskRequest {
    /// The tenant of the interface.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// The task.
    pub id: String,
    /// How much of the history is wanted; absent is all of it.
    #[serde(default, alias = "history_length", skip_serializing_if = "Option::is_none")]
    pub history_length: Option<u32>,
}

/// Which tasks to list. 1.0 alone.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListTasksRequest {
    /// The tenant of the interface.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// Only those of this conversation.
    #[serde(
        default,
        alias = "context_id",
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub context_id: Option<String>,
    /// Only those in this state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<TaskState>,
    /// How many at most, from 1 to 100.
    #[serde(default, alias = "page_size", skip_serializing_if = "Option::is_none")]
    pub page_size: Option<u32>,
    /// Where the last page ended.
    #[serde(
        default,
        alias = "page_token",
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub page_token: Option<String>,
    /// How much of each history is wanted.
    #[serde(default, alias = "history_length", skip_serializing_if = "Option::is_none")]
    pub history_length: Option<u32>,
    /// Only those whose state is of this time or later, ISO 8601.
    #[serde(
        default,
        alias = "status_timestamp_after",
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub status_timestamp_after: Option<String>,
    /// Artifacts too.
    #[serde(default, alias = "include_artifacts", skip_serializing_if = "Option::is_none")]
    pub include_artifacts: Option<bool>,
}

/// A page of tasks, the newest state first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListTasksResponse {
    /// The tasks.
    #[serde(default, deserialize_with = "lenient::list")]
    pub tasks: Vec<Task>,
    /// Where the next page begins; empty at the end.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub next_page_token: String,
    /// The most that a page has.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub page_size: u32,
    /// How many there are on all pages.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub total_size: u32,
}

/// Which task to cancel.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CancelTaskRequest {
    /// The tenant of the interface.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// The task.
    pub id: String,
    /// Data of the application or of extensions.
    #[serde(default, deserialize_with = "lenient::object", skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Object>,
}

/// Which task to follow.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SubscribeToTaskRequest {
    /// The tenant of the interface.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// The task.
    pub id: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_spellings_of_a_member_are_read() {
        let get: GetTaskRequest = serde_json::from_str(r#"{"id":"t","history_length":1}"#).unwrap();
        assert_eq!(get.history_length, Some(1));
        let list: ListTasksRequest =
            serde_json::from_str(r#"{"context_id":"c","page_size":2,"include_artifacts":true}"#).unwrap();
        assert_eq!(
            (list.context_id.as_deref(), list.page_size, list.include_artifacts),
            (Some("c"), Some(2), Some(true))
        );
        let send: SendMessageRequest = serde_json::from_str(
            r#"{"message":{"message_id":"m","task_id":"t","context_id":"c"},"configuration":{"return_immediately":true}}"#,
        )
        .unwrap();
        assert_eq!((send.message.message_id.as_str(), send.message.task_id.as_deref()), ("m", Some("t")));
        assert!(send.configuration.unwrap().return_immediately);
    }
}
