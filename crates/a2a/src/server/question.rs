//! What a task waits for: how it is asked for, and what an answer becomes.

use super::fail::Failure;
use crate::types::{Message, Part, PartContent, Role};
use copilotkit_protocol::{
    Content, Interrupt, Json, Message as AgUiMessage, Object, ResumeEntry, ResumeStatus, RunError, ToolMessage,
};
use serde_json::{Value, json};

/// A call of a tool.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Call {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) arguments: String,
    pub(super) answered: bool,
}

impl Call {
    pub(super) fn new(id: String, name: String) -> Self {
        Self { id, name, arguments: String::new(), answered: false }
    }
}

/// What a task waits for: answers to interrupts, or results of tools that the server does not have.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    pub(super) interrupts: Vec<Interrupt>,
    pub(super) calls: Vec<Call>,
}

impl Waiting {
    pub(super) fn is_empty(&self) -> bool {
        self.interrupts.is_empty() && self.calls.is_empty()
    }
}

/// The question: a text for people, and the whole of it as data.
pub(super) fn says(waiting: &Waiting) -> Message {
    let mut parts = Vec::new();
    for interrupt in &waiting.interrupts {
        let asked = interrupt.message.clone().filter(|message| !message.trim().is_empty());
        parts.push(Part::text(asked.unwrap_or_else(|| format!("An answer is needed: {}.", interrupt.reason))));
    }
    for call in &waiting.calls {
        parts.push(Part::text(format!("The result of the tool {} is needed.", call.name)));
    }
    for interrupt in &waiting.interrupts {
        let mut members = Object::from_members([("type", &Json::of("interrupt"))]);
        if let Ok(whole) = Object::try_from(Json::of(interrupt)) {
            members.merge(&whole);
        }
        parts.push(data(members.as_json().clone()));
    }
    for call in &waiting.calls {
        let arguments = Json::parse(call.arguments.as_str()).unwrap_or_default();
        parts.push(data(Json::from(json!({
            "type": "tool-call", "id": call.id, "name": call.name,
            "arguments": arguments, "rawArguments": call.arguments,
        }))));
    }
    Message::new("", Role::Agent, parts)
}

fn data(data: Json) -> Part {
    Part { media_type: Some("application/json".to_owned()), ..Part::data(data) }
}

/// Why a task failed.
pub(super) fn failure_message(message: Message, error: &RunError) -> Message {
    let metadata = error.code.as_ref().map(|code| Object::from_members([("code", &Json::of(code))]));
    Message { parts: vec![Part::text(error.message.as_str())], metadata, ..message }
}

/// An answer as it was given, for the history.
pub(super) fn answered_with(entry: &ResumeEntry) -> Vec<Part> {
    match (&entry.payload, entry.status) {
        (_, ResumeStatus::Cancelled) => vec![data(Json::from(json!({ "status": "cancelled" })))],
        (Some(payload), _) => match payload.to_value() {
            Value::String(text) => vec![Part::text(text)],
            _ => vec![data(payload.clone())],
        },
        (None, _) => vec![Part::text("yes")],
    }
}

/// Under which name an answer says the message that it came with.
const MESSAGE_ID: &str = "a2aMessageId";

/// The id of the message that an answer came with; that of the interrupt where a page gave it.
pub(super) fn message_id(entry: &ResumeEntry) -> String {
    let members = entry.metadata.as_ref().map(Object::members).unwrap_or_default();
    let known = members.into_iter().find(|(name, _)| name == MESSAGE_ID).and_then(|(_, id)| id.read::<String>().ok());
    known.unwrap_or_else(|| entry.interrupt_id.clone())
}

/// What a run goes on with.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Answer {
    /// Answers to interrupts.
    pub(super) resume: Vec<ResumeEntry>,
    /// Results of tools.
    pub(super) results: Vec<AgUiMessage>,
}

/// What a message answers. A data part that names an interrupt or a call is for that one; what else the message says is
/// for all that are not named.
///
/// # Errors
/// A message that is no answer to the question.
pub(super) fn answer(waiting: &Waiting, message: &Message) -> Result<Answer, Failure> {
    let (mut named, mut rest) = (Vec::new(), Vec::new());
    for part in &message.parts {
        let value = match &part.content {
            PartContent::Data(data) => data.to_value(),
            _ => Value::Null,
        };
        let id = value.get("interruptId").or_else(|| value.get("toolCallId")).and_then(Value::as_str);
        match id.map(str::to_owned) {
            Some(id) => named.push((id, value)),
            None => rest.push(part),
        }
    }
    let mut answer = Answer::default();
    for interrupt in &waiting.interrupts {
        let entry = match named.iter().find(|(id, _)| *id == interrupt.id) {
            Some((_, value)) => named_answer(interrupt, value)?,
            None => ResumeEntry { payload: Some(payload(interrupt, &rest)?), ..entry(interrupt) },
        };
        let metadata = Object::from_members([(MESSAGE_ID, &Json::of(&message.message_id))]);
        answer.resume.push(ResumeEntry { metadata: Some(metadata), ..entry });
    }
    for (index, call) in waiting.calls.iter().enumerate() {
        let content = match named.iter().find(|(id, _)| *id == call.id) {
            Some((_, value)) => match value.get("content").unwrap_or(value) {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            },
            None => spoken(&rest).ok_or_else(|| {
                Failure::params(format!(
                    "message.parts: the task waits for the result of the tool {}: send a text, or data like \
                     {{\"toolCallId\": \"{}\", \"content\": …}}",
                    call.name, call.id
                ))
            })?,
        };
        let id = if index == 0 { message.message_id.clone() } else { format!("{}-{index}", message.message_id) };
        let result =
            ToolMessage { id, tool_call_id: call.id.clone(), content: Content::Text(content), ..Default::default() };
        answer.results.push(result.into());
    }
    if let Some((id, _)) = named.iter().find(|(id, _)| {
        !waiting.interrupts.iter().any(|interrupt| interrupt.id == *id)
            && !waiting.calls.iter().any(|call| call.id == *id)
    }) {
        return Err(Failure::params(format!("message.parts: the task does not wait for `{id}`")));
    }
    Ok(answer)
}

fn entry(interrupt: &Interrupt) -> ResumeEntry {
    ResumeEntry { interrupt_id: interrupt.id.clone(), status: ResumeStatus::Resolved, ..Default::default() }
}

fn named_answer(interrupt: &Interrupt, value: &Value) -> Result<ResumeEntry, Failure> {
    let status = match value.get("status").and_then(Value::as_str) {
        None | Some("resolved") => ResumeStatus::Resolved,
        Some("cancelled") => ResumeStatus::Cancelled,
        Some(other) => {
            let what = format!("message.parts: the status `{other}` is neither `resolved` nor `cancelled`");
            return Err(Failure::params(what));
        }
    };
    let payload = value.get("payload").cloned().map(Json::from);
    Ok(ResumeEntry { status, payload, ..entry(interrupt) })
}

/// Texts and data as one text.
fn spoken(parts: &[&Part]) -> Option<String> {
    let said = parts.iter().filter_map(|part| match &part.content {
        PartContent::Text(text) => Some(text.clone()),
        PartContent::Data(data) => Some(data.get().to_owned()),
        _ => None,
    });
    let said: Vec<String> = said.filter(|text| !text.trim().is_empty()).collect();
    (!said.is_empty()).then(|| said.join("\n"))
}

/// An answer in the form that the question wants.
fn payload(interrupt: &Interrupt, parts: &[&Part]) -> Result<Json, Failure> {
    if let [Part { content: PartContent::Data(data), .. }] = parts {
        return Ok(data.clone());
    }
    let wanted = || {
        let schema = interrupt.response_schema.as_ref().map_or("{}", |schema| schema.get());
        Failure::params(format!("message.parts: this is no answer to `{}`, which is to fit {schema}", interrupt.id))
    };
    let text = spoken(parts).ok_or_else(wanted)?;
    let schema = interrupt.response_schema.as_ref().map_or(Value::Null, |schema| schema.as_json().to_value());
    let shaped = match (schema["type"].as_str(), &schema["properties"]) {
        (Some("boolean"), _) => Value::Bool(yes_or_no(&text).ok_or_else(wanted)?),
        (Some("number" | "integer"), _) => text.trim().parse::<serde_json::Number>().map_err(|_| wanted())?.into(),
        (Some("object"), properties) if properties["approved"]["type"] == "boolean" => {
            json!({ "approved": yes_or_no(&text).ok_or_else(wanted)? })
        }
        (Some("object"), Value::Object(properties)) => {
            let mut texts = properties.iter().filter(|(_, property)| property["type"] == "string");
            match (texts.next(), texts.next()) {
                (Some((name, _)), None) => json!({ name.as_str(): text }),
                _ => return Err(wanted()),
            }
        }
        _ => text.into(),
    };
    Ok(shaped.into())
}

fn yes_or_no(text: &str) -> Option<bool> {
    match text.trim().trim_end_matches(['.', '!']).to_ascii_lowercase().as_str() {
        "yes" | "y" | "ok" | "true" | "approve" | "approved" => Some(true),
        "no" | "n" | "false" | "reject" | "rejected" | "deny" | "denied" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waits(interrupts: Value) -> Waiting {
        let interrupts = interrupts.as_array().unwrap().iter();
        let read = |value: &Value| copilotkit_protocol::from_str(&value.to_string()).unwrap();
        Waiting { interrupts: interrupts.map(read).collect(), calls: Vec::new() }
    }

    fn said(parts: Vec<Part>) -> Message {
        Message::new("m", Role::User, parts)
    }

    fn payloads(waiting: &Waiting, parts: Vec<Part>) -> Result<Vec<String>, String> {
        let answer = answer(waiting, &said(parts)).map_err(|failure| failure.error.message)?;
        Ok(answer
            .resume
            .iter()
            .map(|entry| entry.payload.as_ref().map_or("none", |json| json.get()).to_owned())
            .collect())
    }

    #[test]
    fn a_text_takes_the_form_that_is_asked_for() {
        let approval = json!({ "type": "object", "properties": { "approved": { "type": "boolean" }, "reason": { "type": "string" } } });
        let named = json!({ "type": "object", "properties": { "answer": { "type": "string" } } });
        let two = json!({ "type": "object", "properties": { "a": { "type": "string" }, "b": { "type": "string" } } });
        for (schema, text, expected) in [
            (Value::Null, "Oslo", Some("\"Oslo\"")),
            (approval.clone(), "Yes.", Some(r#"{"approved":true}"#)),
            (approval.clone(), "reject", Some(r#"{"approved":false}"#)),
            (approval, "perhaps", None),
            (named, "Oslo", Some(r#"{"answer":"Oslo"}"#)),
            (json!({ "type": "boolean" }), "no", Some("false")),
            (json!({ "type": "integer" }), " 3 ", Some("3")),
            (json!({ "type": "integer" }), "three", None),
            (two, "x", None),
        ] {
            let mut interrupt = json!({ "id": "i", "reason": "r" });
            if !schema.is_null() {
                interrupt["responseSchema"] = schema;
            }
            let found = payloads(&waits(json!([interrupt])), vec![Part::text(text)]);
            assert_eq!(found.ok(), expected.map(|json| vec![json.to_owned()]), "{text}");
        }
    }

    #[test]
    fn data_is_taken_as_it_is_and_may_name_what_it_answers() {
        let waiting = waits(json!([{ "id": "a", "reason": "r" }, { "id": "b", "reason": "r" }]));
        let data = |value: Value| Part::data(value.into());
        assert_eq!(payloads(&waiting, vec![data(json!({ "x": 1 }))]).unwrap(), [r#"{"x":1}"#, r#"{"x":1}"#]);
        let parts = vec![data(json!({ "interruptId": "b", "payload": 2 })), Part::text("one")];
        assert_eq!(payloads(&waiting, parts).unwrap(), ["\"one\"", "2"]);
        let cancelled = data(json!({ "interruptId": "a", "status": "cancelled" }));
        let found = answer(&waiting, &said(vec![cancelled, Part::text("x")])).unwrap();
        assert_eq!(found.resume[0].status, ResumeStatus::Cancelled);
        let other = vec![data(json!({ "interruptId": "c", "payload": 2 })), Part::text("one")];
        assert!(payloads(&waiting, other).unwrap_err().contains("`c`"));
    }

    #[test]
    fn results_of_tools_go_to_their_calls() {
        let call = |id: &str| Call { arguments: "{}".to_owned(), ..Call::new(id.to_owned(), format!("tool-{id}")) };
        let waiting = Waiting { interrupts: Vec::new(), calls: vec![call("a"), call("b")] };
        let results = |parts| -> Vec<(String, String)> {
            let answer = answer(&waiting, &said(parts)).unwrap();
            let shown = |message: &AgUiMessage| match message {
                AgUiMessage::Tool(tool) => (tool.tool_call_id.clone(), tool.content.text().into_owned()),
                other => panic!("{other:?}"),
            };
            answer.results.iter().map(shown).collect()
        };
        let pair = |a: &str, b: &str| vec![("a".to_owned(), a.to_owned()), ("b".to_owned(), b.to_owned())];
        assert_eq!(results(vec![Part::text("done")]), pair("done", "done"));
        let named = Part::data(json!({ "toolCallId": "b", "content": { "ok": true } }).into());
        assert_eq!(results(vec![named, Part::text("done")]), pair("done", r#"{"ok":true}"#));
        assert!(answer(&waiting, &said(vec![Part::new(PartContent::Url("https://x/".to_owned()))])).is_err());
    }
}
