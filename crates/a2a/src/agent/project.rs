//! From A2A events to AG-UI events.

mod surfaces;
mod texts;

use crate::guard::clean_line;
use crate::limits;
use crate::show::{decoded_len, other_part};
use crate::types::{Artifact, ArtifactUpdate, Event as A2aEvent, Message, Part, PartContent, Task, TaskStatus};
use copilotkit_protocol::{
    ActivitySnapshot, Event, Json, Object, ToolCallArgs, ToolCallEnd, ToolCallResult, ToolCallStart, ToolRole,
};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::HashSet;
use surfaces::Surfaces;
use texts::Texts;

/// The activity of a task: its state, for pages that want to show it.
pub(crate) const TASK_ACTIVITY: &str = "a2a-task";
/// The activity of what is not text: files and data.
const PARTS_ACTIVITY: &str = "a2a-artifact";

/// Makes AG-UI events of one answer. Nothing is shown twice, however often it is sent: in updates, in snapshots of the
/// task, in its history.
pub(crate) struct Projector {
    agent: String,
    /// The message of ours that this answers: what stands before it in a history was shown in an earlier run.
    asked: String,
    texts: Texts,
    surfaces: Surfaces,
    /// Ids of messages that were shown.
    seen: HashSet<String>,
    /// Calls that the thread has already.
    calls: HashSet<String>,
    activity_id: String,
    state: Option<String>,
    out: Vec<Event>,
}

fn new_id() -> String {
    uuid::Uuid::new_v4().to_string()
}

impl Projector {
    pub(crate) fn new(agent: String, asked: String, calls: HashSet<String>, surfaces: Vec<String>) -> Self {
        Self {
            agent,
            asked,
            texts: Texts::default(),
            surfaces: Surfaces::new(surfaces),
            seen: HashSet::new(),
            calls,
            activity_id: new_id(),
            state: None,
            out: Vec::new(),
        }
    }

    /// The events that this one leads to.
    pub(crate) fn push(&mut self, event: &A2aEvent) -> Vec<Event> {
        match event {
            A2aEvent::Task(task) => self.task(task),
            A2aEvent::Message(message) => self.message(message, "answer"),
            A2aEvent::Status(update) => self.status(&update.task_id, &update.status),
            A2aEvent::Artifact(update) => self.artifact(update),
            A2aEvent::Unknown => {}
        }
        std::mem::take(&mut self.out)
    }

    /// Closes what is open.
    pub(crate) fn finish(&mut self) -> Vec<Event> {
        self.texts.close_all(&mut self.out);
        std::mem::take(&mut self.out)
    }

    /// The surfaces that the thread shows now.
    pub(crate) fn into_surfaces(self) -> Vec<String> {
        self.surfaces.into_known()
    }

    fn task(&mut self, task: &Task) {
        // What the agent said since we asked.
        if let Some(place) = task.history.iter().position(|message| message.message_id == self.asked) {
            for message in task.history[place + 1..].iter().filter(|message| message.role == crate::types::Role::Agent)
            {
                self.message(message, "status");
            }
        }
        for artifact in &task.artifacts {
            self.whole_artifact(&task.id, artifact);
        }
        self.status(&task.id, &task.status);
    }

    fn status(&mut self, task_id: &str, status: &TaskStatus) {
        if let Some(message) = &status.message {
            self.message(message, "status");
        }
        let state = status.state.as_str();
        if self.state.as_deref() != Some(state) {
            self.state = Some(state.to_owned());
            let content = json!({ "agent": self.agent, "taskId": task_id, "state": clean_line(state, 64) });
            let id = self.activity_id.clone();
            self.activity(id, TASK_ACTIVITY, content);
        }
    }

    fn message(&mut self, message: &Message, key: &str) {
        if !message.message_id.is_empty() && !self.seen.insert(message.message_id.clone()) {
            // The same message again may have grown.
            let text = self.readable(&message.parts);
            self.texts.grow(&message.message_id, &text, &mut self.out);
            return;
        }
        let text = self.readable(&message.parts);
        let id = self.texts.say(key, &message.message_id, &text, &mut self.out);
        self.shown_parts(&message.parts, id.as_deref());
        self.others(&message.parts, None, message.task_id.as_deref());
    }

    /// The text of parts that are shown as text.
    fn readable(&self, parts: &[Part]) -> String {
        let shown = parts.iter().filter(|part| !is_drawn(part)).filter_map(other_part);
        shown.filter(|text| !text.is_empty()).collect::<Vec<_>>().join("\n")
    }

    fn artifact(&mut self, update: &ArtifactUpdate) {
        let artifact = &update.artifact;
        let id = artifact.artifact_id.as_str();
        if update.append {
            let text = self.piece(&artifact.parts);
            self.texts.append(id, &text, &mut self.out);
        } else {
            let text = self.piece(&artifact.parts);
            self.texts.replace(id, &text, &mut self.out);
        }
        if update.last_chunk {
            self.texts.close(id, &mut self.out);
        }
        self.shown_parts(&artifact.parts, None);
        self.others(&artifact.parts, Some(artifact), Some(&update.task_id));
    }

    fn whole_artifact(&mut self, task_id: &str, artifact: &Artifact) {
        let text = self.piece(&artifact.parts);
        let is_new = self.texts.replace(&artifact.artifact_id, &text, &mut self.out);
        if is_new || text.is_empty() {
            self.shown_parts(&artifact.parts, None);
            self.others(&artifact.parts, Some(artifact), Some(task_id));
        }
        self.texts.close(&artifact.artifact_id, &mut self.out);
    }

    /// Texts of an artifact are pieces of one; anything else stands on lines of its own.
    fn piece(&self, parts: &[Part]) -> String {
        let mut text = String::new();
        for part in parts.iter().filter(|part| !is_drawn(part)) {
            let Some(shown) = other_part(part) else { continue };
            if part.as_text().is_none() && !text.is_empty() {
                text.push('\n');
            }
            text.push_str(&shown);
            if part.as_text().is_none() {
                text.push('\n');
            }
        }
        text
    }

    /// What is neither text nor a file: calls of tools and surfaces.
    fn shown_parts(&mut self, parts: &[Part], message_id: Option<&str>) {
        for part in parts {
            let PartContent::Data(data) = &part.content else { continue };
            let operations = crate::a2ui::operations(data);
            if operations.is_empty() {
                self.tool(data, message_id);
            } else {
                self.surfaces.apply(operations, &mut self.out);
            }
        }
    }

    /// A call of a tool that the agent made, or its result.
    fn tool(&mut self, data: &Json, message_id: Option<&str>) {
        let Some(tool) = ToolData::read(data) else { return };
        match tool {
            ToolData { id: Some(id), name, arguments, raw_arguments, .. } => {
                if !self.calls.insert(id.clone()) {
                    return;
                }
                let name = clean_line(name.as_deref().unwrap_or("unknown_tool"), 128);
                let delta = arguments.map_or_else(|| raw_arguments.unwrap_or_default(), |json| json.get().to_owned());
                let parent_message_id = message_id.map(str::to_owned);
                self.out.push(
                    ToolCallStart {
                        tool_call_id: id.clone(),
                        tool_call_name: name,
                        parent_message_id,
                        ..Default::default()
                    }
                    .into(),
                );
                self.out.push(ToolCallArgs { tool_call_id: id.clone(), delta, ..Default::default() }.into());
                self.out.push(ToolCallEnd { tool_call_id: id, ..Default::default() }.into());
            }
            ToolData { tool_call_id: Some(tool_call_id), payload, .. } => {
                let content = payload.unwrap_or_default().get().to_owned().into();
                let role = Some(ToolRole);
                self.out.push(
                    ToolCallResult { message_id: new_id(), tool_call_id, content, role, ..Default::default() }.into(),
                );
            }
            _ => {}
        }
    }

    /// Files and data as an activity, whole, for pages that know how to show them.
    fn others(&mut self, parts: &[Part], artifact: Option<&Artifact>, task_id: Option<&str>) {
        let other = |part: &&Part| part.as_text().is_none() && !is_drawn(part);
        let others: Vec<Value> = parts.iter().filter(other).map(shown_part).collect();
        if others.is_empty() {
            return;
        }
        let mut content = json!({ "agent": self.agent, "parts": others });
        if let Some(task_id) = task_id {
            content["taskId"] = json!(task_id);
        }
        if let Some(artifact) = artifact {
            content["artifactId"] = json!(artifact.artifact_id);
            for (name, text) in [("name", &artifact.name), ("description", &artifact.description)] {
                if let Some(text) = text {
                    content[name] = json!(clean_line(text, limits::DESCRIPTION));
                }
            }
        }
        self.activity(new_id(), PARTS_ACTIVITY, content);
    }

    fn activity(&mut self, message_id: String, kind: &str, content: Value) {
        let Ok(content) = Object::try_from(Json::from(content)) else { return };
        let activity_type = kind.to_owned();
        self.out.push(
            ActivitySnapshot { message_id, activity_type, content, replace: Some(true), ..Default::default() }.into(),
        );
    }
}

/// A part that is drawn or executed instead of being read: a surface, a call of a tool.
fn is_drawn(part: &Part) -> bool {
    let PartContent::Data(data) = &part.content else { return false };
    let is_question = crate::interrupt::told(data).is_some();
    is_question || ToolData::read(data).is_some() || !crate::a2ui::operations(data).is_empty()
}

/// A part as 1.0 writes it; bytes of large files are left out, since events have a bound.
fn shown_part(part: &Part) -> Value {
    let mut shown = serde_json::to_value(part).unwrap_or_default();
    if let PartContent::Raw(raw) = &part.content
        && raw.len() > limits::INLINE_FILE
        && let Some(members) = shown.as_object_mut()
    {
        members.remove("raw");
        members.insert("bytes".to_owned(), json!(decoded_len(raw)));
    }
    shown
}

/// How AG-UI agents behind A2A show their tools.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ToolData {
    #[serde(rename = "type")]
    kind: Option<String>,
    id: Option<String>,
    name: Option<String>,
    arguments: Option<Json>,
    raw_arguments: Option<String>,
    tool_call_id: Option<String>,
    payload: Option<Json>,
}

impl ToolData {
    fn read(data: &Json) -> Option<Self> {
        if !data.get().contains("\"tool-") {
            return None;
        }
        let tool: Self = data.read().ok()?;
        match tool.kind.as_deref() {
            Some("tool-call") if tool.id.is_some() => Some(Self { tool_call_id: None, ..tool }),
            Some("tool-result") if tool.tool_call_id.is_some() => Some(Self { id: None, ..tool }),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
