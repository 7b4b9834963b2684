//! What producers from before 1.0 write, as 1.0 writes it.

use super::Deviation;
use super::tree::{Fields, Tree};
use crate::message::BinaryPart;
use crate::wire::Json;
use serde_json::{Value, json};
use std::fmt;

/// Follows one stream: the retired reasoning events carry no ids.
pub(super) struct Compat<Ids> {
    ids: Ids,
    span: Option<String>,
    message: Option<String>,
}

impl<Ids> fmt::Debug for Compat<Ids> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Compat").field("span", &self.span).field("message", &self.message).finish_non_exhaustive()
    }
}

impl<Ids: FnMut() -> String> Compat<Ids> {
    pub(super) fn new(ids: Ids) -> Self {
        Self { ids, span: None, message: None }
    }

    /// Changes the event of this type where it has to be; gives its type.
    pub(super) fn event(&mut self, kind: String, event: &mut Fields, notes: &mut Vec<Deviation>) -> String {
        omit(event, "rawEvent", &kind, notes);
        if matches!(kind.as_str(), "RUN_FINISHED" | "SUBAGENT_FINISHED") {
            omit(event, "result", &kind, notes);
        }
        let to = match kind.as_str() {
            "THINKING_START" => {
                let title = event.remove("title");
                self.span = Some((self.ids)());
                converted(&kind, "REASONING_START", notes);
                if let Some(title) = title {
                    notes.push(Deviation::TitleLost { title: title.into_json().get().to_owned() });
                }
                self.rename(event, "REASONING_START", self.span.clone())
            }
            "THINKING_TEXT_MESSAGE_START" => {
                self.message = Some((self.ids)());
                converted(&kind, "REASONING_MESSAGE_START", notes);
                event.set("role", Tree::of("reasoning"));
                self.rename(event, "REASONING_MESSAGE_START", self.message.clone())
            }
            "THINKING_TEXT_MESSAGE_CONTENT" => {
                converted(&kind, "REASONING_MESSAGE_CONTENT", notes);
                let id = self.known(self.message.clone(), &kind, notes);
                self.rename(event, "REASONING_MESSAGE_CONTENT", Some(id))
            }
            "THINKING_TEXT_MESSAGE_END" => {
                let message = self.message.take();
                let id = self.known(message, &kind, notes);
                converted(&kind, "REASONING_MESSAGE_END", notes);
                self.rename(event, "REASONING_MESSAGE_END", Some(id))
            }
            "THINKING_END" => {
                let span = self.span.take();
                let id = self.known(span, &kind, notes);
                converted(&kind, "REASONING_END", notes);
                self.rename(event, "REASONING_END", Some(id))
            }
            "TOOL_CALL_START" | "TOOL_CALL_CHUNK" => {
                omit(event, "parentMessageId", &kind, notes);
                return kind;
            }
            "RUN_FINISHED" => {
                omit(event, "outcome", &kind, notes);
                return kind;
            }
            "MESSAGES_SNAPSHOT" => {
                messages(event, notes);
                return kind;
            }
            "RUN_STARTED" => {
                if let Some(Tree::Object(input)) = event.get_mut("input").map(Tree::opened) {
                    omit(input, "forwardedProps", "RunAgentInput", notes);
                    each(input, "tools", |tool| omit(tool, "parameters", "Tool", notes));
                    each(input, "resume", |entry| omit(entry, "payload", "ResumeEntry", notes));
                    messages(input, notes);
                }
                return kind;
            }
            _ => return kind,
        };
        to.to_owned()
    }

    fn rename<'a>(&self, event: &mut Fields, to: &'a str, id: Option<String>) -> &'a str {
        event.set("type", Tree::of(to));
        event.set("messageId", Tree::of(&id.unwrap_or_default()));
        to
    }

    /// The id of what was opened, or one of its own.
    fn known(&mut self, open: Option<String>, event: &str, notes: &mut Vec<Deviation>) -> String {
        open.unwrap_or_else(|| {
            let id = (self.ids)();
            notes.push(Deviation::Minted { event: event.to_owned(), id: id.clone() });
            id
        })
    }
}

fn converted(from: &str, to: &str, notes: &mut Vec<Deviation>) {
    notes.push(Deviation::Converted { from: from.to_owned(), to: to.to_owned() });
}

/// A whole `null` that older producers write becomes absence.
fn omit(object: &mut Fields, key: &str, of: &str, notes: &mut Vec<Deviation>) {
    if object.remove_null(key) {
        converted(&format!("{of}.{key}: null"), "an absent field", notes);
    }
}

/// Every object in the array under `key`.
fn each(object: &mut Fields, key: &str, mut change: impl FnMut(&mut Fields)) {
    if let Some(Tree::List(items)) = object.get_mut(key).map(Tree::opened) {
        for item in items {
            if let Tree::Object(fields) = item.opened() {
                change(fields);
            }
        }
    }
}

fn messages(holder: &mut Fields, notes: &mut Vec<Deviation>) {
    each(holder, "messages", |message| {
        each(message, "content", |part| {
            if let Some(kind @ ("image" | "audio" | "video" | "document")) = part.text("type").as_deref() {
                omit(part, "metadata", &format!("{kind} input content"), notes);
            }
        });
        if let Some(Tree::List(parts)) = message.get_mut("content") {
            upgrade(parts, notes);
        }
    });
}

/// Gives old binary parts their modern form. A page that sends both forms of one attachment gets one.
fn upgrade(parts: &mut Vec<Tree>, notes: &mut Vec<Deviation>) {
    let is_binary = |part: &Tree| matches!(part, Tree::Object(part) if part.text("type").as_deref() == Some("binary"));
    if !parts.iter().any(is_binary) {
        return;
    }
    converted("binary input content", "the modern media content parts", notes);
    let before = std::mem::take(parts);
    let values: Vec<Json> = before.into_iter().map(Tree::into_json).collect();
    let modern: Vec<Value> = values.iter().map(Json::to_value).collect();
    for json in values {
        match modern_form(&json) {
            Some(upgraded) if modern.iter().any(|other| mirrors(other, &upgraded)) => {}
            Some(upgraded) => parts.push(Tree::Text(Json::from(upgraded))),
            None => parts.push(Tree::Text(json)),
        }
    }
}

/// A source that is there but no text is carried over as it is: the strict read then refuses it, which leaving the part
/// alone would not.
fn modern_form(part: &Json) -> Option<Value> {
    let value = part.to_value();
    let given = |key: &str| value.get(key).filter(|member| is_given(member));
    let mime_type = value.get("mimeType")?.as_str()?;
    if value.get("type")? != "binary" {
        return None;
    }
    let source = match (given("data"), given("url")) {
        (Some(data), _) => json!({ "type": "data", "value": data, "mimeType": mime_type }),
        (None, Some(url)) => json!({ "type": "url", "value": url, "mimeType": mime_type }),
        (None, None) => return None,
    };
    let mut modern = json!({ "type": BinaryPart::modern_type(mime_type), "source": source });
    if let Some(filename) = given("filename") {
        modern["metadata"] = json!({ "filename": filename });
    }
    Some(modern)
}

/// What is empty counts as absent.
fn is_given(member: &Value) -> bool {
    match member {
        Value::Null | Value::Bool(false) => false,
        Value::String(text) => !text.is_empty(),
        Value::Number(number) => number.as_f64() != Some(0.0),
        _ => true,
    }
}

/// The same attachment: kind, source, and the file's name if there is one.
fn mirrors(part: &Value, upgraded: &Value) -> bool {
    let source = |key: &str| part.pointer(&format!("/source/{key}")) == upgraded.pointer(&format!("/source/{key}"));
    let name = upgraded.pointer("/metadata/filename");
    part.get("type") == upgraded.get("type")
        && ["type", "value", "mimeType"].into_iter().all(source)
        && (name.is_none() || part.pointer("/metadata/filename") == name)
}
