//! What of a run's input goes to the agent.

use crate::memory::Contact;
use crate::types::{Message, Part, PartContent, Role, SendConfiguration, SendMessageRequest};
use copilotkit_protocol::{
    Content, ContentPart, Json, Message as AgUiMessage, Object, PartSource, ResumeEntry, ResumeStatus, RunAgentInput,
    UserMessage,
};
use serde::Deserialize;
use serde_json::json;

/// Media types that pages can show.
const ACCEPTED: [&str; 4] = ["text/plain", "text/markdown", "application/json", "application/json+a2ui"];
/// The media type of what a person did on a surface.
const A2UI_MIME: &str = "application/json+a2ui";

/// What the person wants.
pub(crate) enum Wish {
    /// To tell the agent something.
    Say {
        /// What.
        message: Message,
        /// It answers a question, so it makes no sense to anybody else.
        resumed: bool,
    },
    /// Not to answer its question.
    GiveUp {
        /// The task that asked.
        task_id: String,
    },
    /// Nothing.
    Nothing,
}

/// Finds out what the person wants. An answer to the agent's question, and anything else that is said while it waits, goes
/// to the task that asked.
pub(crate) fn wish(input: &RunAgentInput, contact: &Contact, message_id: String) -> Wish {
    let answered = |entry: &&ResumeEntry| Some(&entry.interrupt_id) == contact.interrupt_id.as_ref();
    let resumed = input.resume.iter().flatten().find(answered);
    let mut parts = Vec::new();
    match (resumed, &contact.waiting_task) {
        (Some(entry), Some(task_id)) if entry.status == ResumeStatus::Cancelled => {
            return Wish::GiveUp { task_id: task_id.clone() };
        }
        (Some(entry), _) => parts.extend(answer(entry.payload.as_ref())),
        (None, _) => {
            for message in unsent(input, contact) {
                parts.extend(message_parts(message));
            }
        }
    }
    parts.extend(action(input));
    if parts.is_empty() {
        return Wish::Nothing;
    }
    let message = Message {
        context_id: contact.context_id.clone(),
        task_id: contact.waiting_task.clone(),
        ..Message::new(message_id, Role::User, parts)
    };
    Wish::Say { message, resumed: resumed.is_some() }
}

/// The messages of the person that the agent has not seen: those behind the last one that it was sent, or, for an agent that
/// is met for the first time, the last.
fn unsent<'a>(input: &'a RunAgentInput, contact: &Contact) -> Vec<&'a UserMessage> {
    let of_user = |message: &'a AgUiMessage| match message {
        AgUiMessage::User(message) => Some(message),
        _ => None,
    };
    let seen = contact.last_message.as_deref();
    let place = seen.and_then(|seen| input.messages.iter().position(|message| message.id() == seen));
    match place {
        Some(place) => input.messages[place + 1..].iter().filter_map(of_user).collect(),
        None => input.messages.iter().rev().find_map(of_user).into_iter().collect(),
    }
}

/// The id of the last message of the person.
pub(crate) fn last_message(input: &RunAgentInput) -> Option<String> {
    input
        .messages
        .iter()
        .rev()
        .find(|message| matches!(message, AgUiMessage::User(_)))
        .map(|found| found.id().to_owned())
}

/// The answer to a question: a text, or data. `{answer: "…"}` and the like are a text with a name.
pub(crate) fn answer(payload: Option<&Json>) -> Vec<Part> {
    let Some(payload) = payload.filter(|payload| !payload.is_null()) else { return vec![Part::text("yes")] };
    let value = payload.to_value();
    let named = |value: &serde_json::Value| {
        let members = value.as_object().filter(|members| members.len() == 1)?;
        members.values().next()?.as_str().map(str::to_owned)
    };
    match value.as_str().map(str::to_owned).or_else(|| named(&value)) {
        Some(text) => vec![Part::text(text)],
        None if value.is_object() => vec![Part::data(payload.clone())],
        None => vec![Part::text(payload.get())],
    }
}

/// What the person did on a surface.
fn action(input: &RunAgentInput) -> Option<Part> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Props {
        a2ui_action: Option<Json>,
    }
    let action = input.forwarded_props.as_ref()?.read::<Props>().ok()?.a2ui_action?;
    let value = action.to_value();
    value.get("userAction").or_else(|| value.get("action"))?;
    let metadata = Object::try_from(Json::from(json!({ "mimeType": A2UI_MIME }))).ok();
    Some(Part { media_type: Some("application/json".to_owned()), metadata, ..Part::data(action) })
}

fn message_parts(message: &UserMessage) -> Vec<Part> {
    match &message.content {
        Content::Text(text) => text_part(text).into_iter().collect(),
        Content::Parts(parts) => parts.iter().filter_map(content_part).collect(),
    }
}

fn text_part(text: &str) -> Option<Part> {
    let text = text.trim();
    (!text.is_empty()).then(|| Part::text(text))
}

pub(crate) fn content_part(part: &ContentPart) -> Option<Part> {
    let file = |source: &PartSource, metadata: &Option<Json>| {
        let (content, media_type) = match source {
            PartSource::Data(data) => (PartContent::Raw(data.value.clone()), Some(data.mime_type.clone())),
            PartSource::Url(url) => (PartContent::Url(url.value.clone()), url.mime_type.clone()),
            // A handle of another provider says nothing to this agent.
            _ => return None,
        };
        let filename =
            metadata.as_ref().and_then(|metadata| metadata.to_value()["filename"].as_str().map(str::to_owned));
        Some(Part { filename, media_type, ..Part::new(content) })
    };
    match part {
        ContentPart::Text(text) => text_part(&text.text),
        ContentPart::Image(part) => file(&part.source, &part.metadata),
        ContentPart::Audio(part) => file(&part.source, &part.metadata),
        ContentPart::Video(part) => file(&part.source, &part.metadata),
        ContentPart::Document(part) => file(&part.source, &part.metadata),
        ContentPart::Binary(part) => part.upgrade().as_ref().and_then(content_part),
        _ => None,
    }
}

/// The request around a message.
pub(crate) fn request(message: Message) -> SendMessageRequest {
    let accepted_output_modes = ACCEPTED.iter().map(|mode| (*mode).to_owned()).collect();
    let configuration = Some(SendConfiguration { accepted_output_modes, ..SendConfiguration::default() });
    SendMessageRequest { message, configuration, ..SendMessageRequest::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(json: serde_json::Value) -> RunAgentInput {
        let mut whole = json!({ "threadId": "t", "runId": "r", "messages": [] });
        for (name, value) in json.as_object().unwrap() {
            whole[name] = value.clone();
        }
        copilotkit_protocol::from_str(&whole.to_string()).unwrap()
    }

    fn said(input: &RunAgentInput, contact: &Contact) -> Vec<String> {
        match wish(input, contact, "m".to_owned()) {
            Wish::Say { message, .. } => {
                message.parts.iter().map(|part| serde_json::to_string(part).unwrap()).collect()
            }
            Wish::GiveUp { task_id } => vec![format!("give up {task_id}")],
            Wish::Nothing => Vec::new(),
        }
    }

    #[test]
    fn what_was_not_sent_yet_is_sent() {
        let messages = json!({ "messages": [
            { "id": "1", "role": "user", "content": "one" },
            { "id": "2", "role": "assistant", "content": "yes" },
            { "id": "3", "role": "user", "content": " two " },
            { "id": "4", "role": "user", "content": [
                { "type": "text", "text": "see" },
                { "type": "image", "source": { "type": "data", "value": "AA==", "mimeType": "image/png" }, "metadata": { "filename": "a.png" } },
                { "type": "binary", "mimeType": "application/pdf", "url": "https://x/y.pdf" } ] },
        ] });
        let all = input(messages);
        let last = [
            r#"{"text":"see"}"#,
            r#"{"raw":"AA==","filename":"a.png","mediaType":"image/png"}"#,
            r#"{"url":"https://x/y.pdf","mediaType":"application/pdf"}"#,
        ];
        assert_eq!(said(&all, &Contact::default()), last);
        let contact = Contact { last_message: Some("1".to_owned()), ..Contact::default() };
        assert_eq!(said(&all, &contact)[0], r#"{"text":"two"}"#);
        assert_eq!(said(&all, &contact).len(), 4);
        let contact = Contact { last_message: Some("4".to_owned()), ..Contact::default() };
        assert!(said(&all, &contact).is_empty());
        assert!(said(&input(json!({})), &contact).is_empty());
    }

    #[test]
    fn an_answer_goes_to_the_task_that_asked() {
        let contact =
            Contact { waiting_task: Some("task".to_owned()), interrupt_id: Some("i".to_owned()), ..Contact::default() };
        let resume = |entry: serde_json::Value| {
            input(json!({ "messages": [{ "id": "1", "role": "user", "content": "old" }], "resume": [entry] }))
        };
        for (payload, part) in [
            (json!("Ada"), r#"{"text":"Ada"}"#),
            (json!({ "answer": "Ada" }), r#"{"text":"Ada"}"#),
            (json!({ "name": "Ada", "age": 3 }), r#"{"data":{"age":3,"name":"Ada"}}"#),
            (json!(true), r#"{"text":"true"}"#),
        ] {
            let entry = json!({ "interruptId": "i", "status": "resolved", "payload": payload });
            assert_eq!(said(&resume(entry), &contact), [part]);
        }
        let cancelled = resume(json!({ "interruptId": "i", "status": "cancelled" }));
        assert_eq!(said(&cancelled, &contact), ["give up task"]);
        // What is an answer to something else is none.
        let other = resume(json!({ "interruptId": "else", "status": "resolved", "payload": "x" }));
        assert_eq!(said(&other, &contact), [r#"{"text":"old"}"#]);
    }

    #[test]
    fn an_action_on_a_surface_is_data() {
        let props = json!({ "forwardedProps": { "a2uiAction": { "userAction": { "name": "pick" } } } });
        let parts = said(&input(props), &Contact::default());
        assert_eq!(parts.len(), 1);
        assert!(parts[0].contains(r#""userAction""#) && parts[0].contains(A2UI_MIME), "{parts:?}");
    }
}
