//! What the thread routes exchange.

use crate::event::Event;
use crate::message::{Content, Message};
use crate::wire::{Json, at};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A point in time in milliseconds since the Unix epoch, written as `2026-11-22T23:36:27.676Z`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(pub u64);

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl std::fmt::Display for Timestamp {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (days, rest) = (self.0 / 86_400_000, self.0 % 86_400_000);
        // Years that begin in March put the leap day at their end; an era is 400 of them.
        let days = days + 719_468;
        let (era, day) = (days / 146_097, days % 146_097);
        let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
        let day_of_year = day - (365 * year + year / 4 - year / 100);
        let month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month + 2) / 5 + 1;
        let (month, next) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
        let year = era * 400 + year + next;
        let (hours, minutes) = (rest / 3_600_000, rest / 60_000 % 60);
        let (seconds, millis) = (rest / 1_000 % 60, rest % 1_000);
        write!(formatter, "{year:04}-{month:02}-{day:02}T{hours:02}:{minutes:02}:{seconds:02}.{millis:03}Z")
    }
}

/// A thread, as the routes show it.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Thread {
    /// Its id.
    pub id: String,
    /// Its name: what it was renamed to, else made of its first message; null where there is none.
    pub name: Option<String>,
    /// The agent of its last run.
    pub agent_id: String,
    /// Always empty: there are no organizations here. Clients expect the member.
    pub organization_id: String,
    /// Always empty: whoever sees a thread made it. Clients expect the member.
    pub created_by_id: String,
    /// True when it was archived.
    pub archived: bool,
    /// When its first run began.
    #[cfg_attr(feature = "schemars", schemars(with = "String", extend("format" = "date-time")))]
    pub created_at: Timestamp,
    /// When its last run began or ended.
    #[cfg_attr(feature = "schemars", schemars(with = "String", extend("format" = "date-time")))]
    pub updated_at: Timestamp,
    /// The same; clients sort by it. A new name or an archive changes neither.
    #[cfg_attr(feature = "schemars", schemars(with = "String", extend("format" = "date-time")))]
    pub last_run_at: Timestamp,
}

/// The answer to `GET /threads`.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ThreadList {
    /// The last used first.
    pub threads: Vec<Thread>,
    /// The `cursor` of the next page; null on the last one.
    pub next_cursor: Option<String>,
}

/// The answer to `GET /threads/:threadId/messages`.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub struct ThreadMessages {
    /// What a page shows after the last run that ended.
    pub messages: Vec<ThreadMessage>,
}

/// A message, in the short form of the thread routes.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ThreadMessage {
    /// Its id.
    pub id: String,
    /// Whose it is: `user`, `assistant`, `tool` and so on.
    #[cfg_attr(feature = "schemars", schemars(with = "String"))]
    pub role: &'static str,
    /// Text, the parts of a user's message, or the value of an activity.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schemars", schemars(with = "serde_json::Value"))]
    pub content: Option<Json>,
    /// The calls of an assistant's message.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tool_calls: Vec<ThreadToolCall>,
    /// The call that a tool's message answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schemars", schemars(with = "String"))]
    pub tool_call_id: Option<String>,
    /// What kind of activity it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schemars", schemars(with = "String"))]
    pub activity_type: Option<String>,
}

/// A tool call, in the short form of the thread routes.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub struct ThreadToolCall {
    /// Its id.
    pub id: String,
    /// The tool.
    pub name: String,
    /// The arguments, as JSON in a string.
    pub args: String,
}

impl From<Message> for ThreadMessage {
    fn from(message: Message) -> Self {
        let mut short = Self {
            id: message.id().to_owned(),
            role: message.role(),
            content: None,
            tool_calls: Vec::new(),
            tool_call_id: None,
            activity_type: None,
        };
        let text = |text: &str| Some(Json::of(text));
        let content = |content: &Content| Some(Json::of(content));
        match message {
            Message::Developer(message) => short.content = text(&message.content),
            Message::System(message) => short.content = text(&message.content),
            Message::Reasoning(message) => short.content = text(&message.content),
            Message::User(message) => short.content = content(&message.content),
            Message::Tool(message) => {
                short.content = content(&message.content);
                short.tool_call_id = Some(message.tool_call_id);
            }
            Message::Assistant(message) => {
                short.content = message.content.as_deref().and_then(text);
                let calls = message.tool_calls.unwrap_or_default().into_iter();
                let calls = calls.map(|call| ThreadToolCall {
                    id: call.id,
                    name: call.function.name,
                    args: call.function.arguments,
                });
                short.tool_calls = calls.collect();
            }
            Message::Activity(message) => {
                short.content = Some(Json::of(&message.content));
                short.activity_type = Some(message.activity_type);
            }
        }
        short
    }
}

/// The answer to `GET /threads/:threadId/events`.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub struct ThreadEvents {
    /// The events of the runs that ended, in their compact form.
    pub events: Vec<Event>,
}

/// The answer to `GET /threads/:threadId/state`.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub struct ThreadState {
    /// The shared state after the last run that ended; null where no run set one.
    #[cfg_attr(feature = "schemars", schemars(with = "Option<serde_json::Map<String, serde_json::Value>>"))]
    pub state: Option<Json>,
}

/// The body of `PATCH /threads/:threadId`. What is absent stays as it is.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ThreadUpdate {
    /// The new name; null or blank takes the name away.
    #[serde(default, deserialize_with = "name")]
    #[cfg_attr(feature = "schemars", schemars(with = "Option<String>"))]
    pub name: Option<Option<String>>,
    /// True archives the thread, false brings it back.
    #[serde(default, deserialize_with = "archived")]
    #[cfg_attr(feature = "schemars", schemars(with = "bool", default))]
    pub archived: Option<bool>,
    /// The agent whose list the thread stands in; not needed here.
    #[serde(default, deserialize_with = "agent_id")]
    #[cfg_attr(feature = "schemars", schemars(with = "String", default))]
    pub agent_id: Option<String>,
}

/// Tells `null` from absence.
fn name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(deserializer).map(Some).map_err(|error| at("name", error))
}

fn archived<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<bool>, D::Error> {
    Option::deserialize(deserializer).map_err(|error| at("archived", error))
}

fn agent_id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Option::deserialize(deserializer).map_err(|error| at("agentId", error))
}

/// The body of a request to archive or delete a thread; it may be empty.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ThreadScope {
    /// The agent whose list the thread stands in; not needed here.
    #[serde(default, deserialize_with = "agent_id")]
    #[cfg_attr(feature = "schemars", schemars(with = "String", default))]
    pub agent_id: Option<String>,
}

/// The answer to `POST /threads/:threadId/archive`.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ThreadArchived {
    /// The thread.
    pub thread_id: String,
    /// Always true.
    #[cfg_attr(feature = "schemars", schemars(extend("const" = true)))]
    pub archived: bool,
}

/// The answer to `DELETE /threads/:threadId`.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ThreadDeleted {
    /// The thread.
    pub thread_id: String,
    /// Always true.
    #[cfg_attr(feature = "schemars", schemars(extend("const" = true)))]
    pub deleted: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_clients_read_them() {
        for (millis, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_399_999, "2000-02-28T23:59:59.999Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (951_868_800_001, "2000-03-01T00:00:00.001Z"),
            (1_735_689_599_000, "2024-12-31T23:59:59.000Z"),
            (1_795_390_587_676, "2026-11-22T23:36:27.676Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
        ] {
            assert_eq!(Timestamp(millis).to_string(), text);
        }
    }

    #[test]
    fn a_name_that_is_absent_is_told_from_one_that_is_taken_away() {
        let read = |text| serde_json::from_str::<ThreadUpdate>(text).unwrap();
        assert_eq!(read("{}").name, None);
        assert_eq!(read(r#"{"name":null}"#).name, Some(None));
        assert_eq!(read(r#"{"name":"n","agentId":"a","archived":false}"#).name, Some(Some("n".to_owned())));
    }

    #[test]
    fn messages_have_their_short_form() {
        let long = r#"[{"id":"u","role":"user","content":[{"type":"text","text":"x"}]},
            {"id":"a","role":"assistant","toolCalls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{}"}}]},
            {"id":"t","role":"tool","content":"1","toolCallId":"c"},
            {"id":"p","role":"activity","activityType":"PLAN","content":{"n":1}},
            {"id":"r","role":"reasoning","content":"hm"}]"#;
        let long: Vec<Message> = crate::from_slice(long.as_bytes()).unwrap();
        let short: Vec<ThreadMessage> = long.into_iter().map(Into::into).collect();
        let expected = serde_json::json!([
            { "id": "u", "role": "user", "content": [{ "type": "text", "text": "x" }] },
            { "id": "a", "role": "assistant", "toolCalls": [{ "id": "c", "name": "f", "args": "{}" }] },
            { "id": "t", "role": "tool", "content": "1", "toolCallId": "c" },
            { "id": "p", "role": "activity", "activityType": "PLAN", "content": { "n": 1 } },
            { "id": "r", "role": "reasoning", "content": "hm" },
        ]);
        assert_eq!(serde_json::to_value(short).unwrap(), expected);
    }
}
