//! What a client holds after a stream: the messages and the shared state (AG-UI 1.0, "how events change them").

mod messages;

use crate::event::*;
use crate::message::*;
use crate::patch;
use crate::state::State;
use crate::wire::{Extra, Json, Object};
use messages::Messages;
use serde_json::Value;

/// Warnings that are kept; more are only not listed.
pub const MAX_APPLY_WARNINGS: usize = 100;

/// The conversation and the state, event by event. Chunks must have been expanded.
///
/// Like the reference client it fails on nothing: what makes no sense is left out, with a warning.
#[derive(Clone, Debug)]
pub struct Applied {
    messages: Messages,
    state: State,
    warnings: Vec<String>,
}

impl Default for Applied {
    fn default() -> Self {
        Self::new(Vec::new(), None)
    }
}

impl Applied {
    /// Starts from a conversation and a state; an absent state is `{}`.
    pub fn new(messages: Vec<Message>, state: Option<Json>) -> Self {
        Self { messages: Messages::new(messages), state: State::new(state), warnings: Vec::new() }
    }

    /// The messages.
    pub fn messages(&self) -> &[Message] {
        self.messages.all()
    }

    /// The messages, given away.
    pub fn into_messages(self) -> Vec<Message> {
        self.messages.into_all()
    }

    /// The shared state.
    pub fn state(&self) -> Json {
        self.state.json()
    }

    /// What was left out and why, at most [`MAX_APPLY_WARNINGS`].
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Applies the next event.
    pub fn apply(&mut self, event: &Event) {
        match event {
            Event::RunStarted(event) => {
                for message in event.input.iter().flat_map(|input| &input.messages) {
                    if self.messages.get(message.id()).is_none() {
                        self.messages.push(message.clone());
                    }
                }
            }
            Event::TextMessageStart(event) => self.text_start(event),
            Event::TextMessageContent(event) => self.append(&event.message_id, &event.delta, &event.metadata),
            Event::TextMessageEnd(event) => self.touch(&event.message_id, &event.metadata),
            Event::ReasoningMessageStart(event) => {
                if self.messages.get(&event.message_id).is_none() {
                    let subagent_run_id = event.subagent_run_id.clone();
                    let id = event.message_id.clone();
                    self.messages.push(ReasoningMessage { id, subagent_run_id, ..Default::default() }.into());
                }
                self.touch(&event.message_id, &event.metadata);
            }
            Event::ReasoningMessageContent(event) => self.append(&event.message_id, &event.delta, &event.metadata),
            Event::ReasoningMessageEnd(event) => self.touch(&event.message_id, &event.metadata),
            Event::ToolCallStart(event) => self.call_start(event),
            Event::ToolCallArgs(event) => match self.messages.call_mut(&event.tool_call_id) {
                Some(call) => {
                    call.function.arguments.push_str(&event.delta);
                    merge(&mut call.metadata, &event.metadata);
                }
                None => self.warn(|| format!("TOOL_CALL_ARGS for the unknown tool call '{}'", event.tool_call_id)),
            },
            Event::ToolCallEnd(event) => match self.messages.call_mut(&event.tool_call_id) {
                Some(call) => merge(&mut call.metadata, &event.metadata),
                None => self.warn(|| format!("TOOL_CALL_END for the unknown tool call '{}'", event.tool_call_id)),
            },
            Event::ToolCallResult(event) => {
                let message = ToolMessage {
                    id: event.message_id.clone(),
                    content: event.content.clone(),
                    tool_call_id: event.tool_call_id.clone(),
                    metadata: event.metadata.clone(),
                    subagent_run_id: event.subagent_run_id.clone(),
                    ..Default::default()
                };
                self.messages.insert_result(message);
            }
            Event::StateSnapshot(event) => self.state.replace(event.snapshot.clone()),
            Event::StateDelta(event) => {
                if let Err(error) = self.state.apply(&event.delta) {
                    self.warn(|| format!("Failed to apply state patch: {error}"));
                }
            }
            Event::MessagesSnapshot(event) => self.messages.reconcile(event),
            Event::ActivitySnapshot(event) => self.activity_snapshot(event),
            Event::ActivityDelta(event) => self.activity_delta(event),
            Event::ReasoningEncryptedValue(event) => self.encrypted_value(event),
            other if other.kind().is_chunk() => {
                self.warn(|| format!("{} must be transformed before being applied", other.kind()));
            }
            _ => {}
        }
    }

    fn warn(&mut self, text: impl FnOnce() -> String) {
        if self.warnings.len() < MAX_APPLY_WARNINGS {
            self.warnings.push(text());
        }
    }

    fn text_start(&mut self, event: &TextMessageStart) {
        let id = event.message_id.clone();
        if self.messages.get(&id).is_none() {
            let (name, subagent_run_id) = (event.name.clone(), event.subagent_run_id.clone());
            let content = String::new();
            let (encrypted_value, metadata, extra) = (None, None, Extra::default());
            self.messages.push(match event.role.unwrap_or_default() {
                TextRole::Developer => {
                    DeveloperMessage { id, content, name, encrypted_value, metadata, subagent_run_id, extra }.into()
                }
                TextRole::System => {
                    SystemMessage { id, content, name, encrypted_value, metadata, subagent_run_id, extra }.into()
                }
                TextRole::User => {
                    let content = content.into();
                    UserMessage { id, content, name, encrypted_value, metadata, subagent_run_id, extra }.into()
                }
                TextRole::Assistant => {
                    let content = Some(content);
                    AssistantMessage { id, content, name, subagent_run_id, ..Default::default() }.into()
                }
            });
        }
        self.touch(&event.message_id, &event.metadata);
    }

    /// Merges metadata into a text or reasoning message; an activity under that id is left alone.
    fn touch(&mut self, id: &str, metadata: &Option<Object>) {
        match self.messages.get_mut(id) {
            Some(Message::Activity(_)) => self.warn(|| format!("a text message has the id of the activity '{id}'")),
            Some(message) => merge(message.metadata_mut(), metadata),
            None => {}
        }
    }

    fn append(&mut self, id: &str, delta: &str, metadata: &Option<Object>) {
        let content = match self.messages.get_mut(id) {
            None => return self.warn(|| format!("content for the unknown message '{id}'")),
            Some(Message::Activity(_)) => return self.warn(|| format!("text for the activity '{id}'")),
            Some(message) => message,
        };
        merge(content.metadata_mut(), metadata);
        match content {
            Message::Developer(message) => message.content.push_str(delta),
            Message::System(message) => message.content.push_str(delta),
            Message::Reasoning(message) => message.content.push_str(delta),
            Message::Assistant(message) => message.content.get_or_insert_default().push_str(delta),
            Message::User(UserMessage { content, .. }) | Message::Tool(ToolMessage { content, .. }) => match content {
                Content::Text(text) => text.push_str(delta),
                Content::Parts(_) => *content = delta.into(),
            },
            Message::Activity(_) => {}
        }
    }

    fn call_start(&mut self, event: &ToolCallStart) {
        let id = &event.tool_call_id;
        if let Some(call) = self.messages.call_mut(id) {
            let renamed = call.function.name != event.tool_call_name;
            if renamed {
                call.function.name.clone_from(&event.tool_call_name);
            }
            merge(&mut call.metadata, &event.metadata);
            if renamed {
                self.warn(|| format!("the tool call '{id}' was renamed to '{}'", event.tool_call_name));
            }
            return;
        }
        // To the clients an empty parent is none.
        let parent = event.parent_message_id.as_deref().filter(|parent| !parent.is_empty());
        let function = FunctionCall { name: event.tool_call_name.clone(), ..Default::default() };
        let metadata = event.metadata.clone();
        let call = ToolCall { id: id.clone(), function, metadata, ..Default::default() };
        self.messages.add_call(parent, event.subagent_run_id.as_deref(), call);
    }

    fn activity_snapshot(&mut self, event: &ActivitySnapshot) {
        let replaces = event.replace != Some(false);
        let fresh = || ActivityMessage {
            id: event.message_id.clone(),
            activity_type: event.activity_type.clone(),
            content: event.content.clone(),
            metadata: None,
            subagent_run_id: event.subagent_run_id.clone(),
            extra: Extra::default(),
        };
        match self.messages.get_mut(&event.message_id) {
            None => {
                let metadata = event.metadata.clone();
                self.messages.push(ActivityMessage { metadata, ..fresh() }.into());
            }
            Some(Message::Activity(activity)) => {
                if replaces {
                    let metadata = activity.metadata.take();
                    *activity = ActivityMessage { metadata, ..fresh() };
                }
                merge(&mut activity.metadata, &event.metadata);
            }
            Some(_) if replaces => {
                self.messages.replace(ActivityMessage { metadata: event.metadata.clone(), ..fresh() }.into());
            }
            Some(_) => {}
        }
    }

    fn activity_delta(&mut self, event: &ActivityDelta) {
        let id = &event.message_id;
        let error = match self.messages.get_mut(id) {
            None => return,
            Some(Message::Activity(activity)) => {
                merge(&mut activity.metadata, &event.metadata);
                match patched(&activity.content, &event.patch) {
                    Ok(content) => {
                        activity.content = content;
                        activity.activity_type.clone_from(&event.activity_type);
                        return;
                    }
                    Err(error) => error,
                }
            }
            Some(_) => "the message is no activity".to_owned(),
        };
        self.warn(|| format!("Failed to apply activity patch for '{id}': {error}"));
    }

    fn encrypted_value(&mut self, event: &ReasoningEncryptedValue) {
        let value = Some(event.encrypted_value.clone());
        match event.subtype {
            EncryptedValueSubtype::ToolCall => {
                if let Some(call) = self.messages.call_mut(&event.entity_id) {
                    call.encrypted_value = value;
                }
            }
            EncryptedValueSubtype::Message => match self.messages.get_mut(&event.entity_id) {
                Some(Message::Developer(message)) => message.encrypted_value = value,
                Some(Message::System(message)) => message.encrypted_value = value,
                Some(Message::Assistant(message)) => message.encrypted_value = value,
                Some(Message::User(message)) => message.encrypted_value = value,
                Some(Message::Tool(message)) => message.encrypted_value = value,
                Some(Message::Reasoning(message)) => message.encrypted_value = value,
                Some(Message::Activity(_)) | None => {}
            },
        }
    }
}

fn merge(metadata: &mut Option<Object>, later: &Option<Object>) {
    if let Some(later) = later {
        match metadata {
            Some(metadata) => metadata.merge(later),
            None => *metadata = Some(later.clone()),
        }
    }
}

fn patched(content: &Object, patch: &crate::wire::JsonPatch) -> Result<Object, String> {
    let mut tree: Value = content.as_json().read().map_err(|error| error.message)?;
    patch::apply(&mut tree, patch).map_err(|error| error.to_string())?;
    Object::try_from(Json::of(&tree)).map_err(|_| "the content would no longer be an object".to_owned())
}

#[cfg(test)]
mod tests;
