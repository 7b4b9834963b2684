//! One stream and what a client made of it.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// What a client is given.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Case {
    /// The conversation before the run.
    pub(crate) messages: Vec<Value>,
    /// The state before the run.
    pub(crate) state: Value,
    /// The events; a string stands for the text of a whole frame.
    pub(crate) frames: Vec<Value>,
}

impl Case {
    pub(crate) fn texts(&self) -> Vec<String> {
        self.frames.iter().map(|frame| frame.as_str().map_or_else(|| frame.to_string(), str::to_owned)).collect()
    }

    /// As the Node program wants it.
    pub(crate) fn line(&self) -> String {
        json!({"messages": self.messages, "state": self.state, "frames": self.texts()}).to_string()
    }
}

/// What a client made of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Answer {
    pub(crate) ok: bool,
    /// The class of the error.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) name: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) error: String,
    #[serde(default)]
    pub(crate) messages: Value,
    #[serde(default)]
    pub(crate) state: Value,
    /// Type and path of everything that was removed; the type alone for an event.
    #[serde(default)]
    pub(crate) removed: Vec<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) stray: Option<String>,
}

/// What an answer tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Aspect {
    /// Whether the run was accepted.
    Verdict,
    /// Why it was not: the text where the order was wrong, nothing more where an event was.
    Error,
    /// What was removed from the events.
    Removed,
    Messages,
    State,
    /// An error that the client reported to nobody.
    Stray,
}

impl Answer {
    /// An event was wrong, rather than the order.
    fn is_malformed(&self) -> bool {
        matches!(self.name.as_str(), "ZodError" | "TypeError" | "SyntaxError" | "Malformed")
            || self.error.starts_with("Invalid event")
    }

    /// Everything in which the two differ.
    pub(crate) fn differences(&self, ours: &Self) -> Vec<Aspect> {
        let mut found = Vec::new();
        let mut note = |aspect, differs: bool| found.extend(differs.then_some(aspect));
        note(Aspect::Stray, self.stray.is_some());
        note(Aspect::Verdict, self.ok != ours.ok);
        let errors = self.is_malformed() != ours.is_malformed()
            || !self.is_malformed() && anonymous(&self.error) != anonymous(&ours.error);
        note(Aspect::Error, self.ok == ours.ok && errors);
        note(Aspect::Removed, self.removed != ours.removed);
        if self.ok && ours.ok {
            note(Aspect::Messages, !alike(&self.messages, &ours.messages));
            note(Aspect::State, !alike(&self.state, &ours.state));
        }
        found
    }
}

/// Equal but for made ids.
pub(crate) fn alike(a: &Value, b: &Value) -> bool {
    let read = |value: &Value| serde_json::from_str::<Value>(&anonymous(&value.to_string())).unwrap();
    same(a, b) || same(&read(a), &read(b))
}

/// Made ids differ each time: they are numbered by where they occur.
fn anonymous(text: &str) -> String {
    let is_id = |at: usize| {
        let piece = text.get(at..at + 36)?;
        let fits = piece.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        });
        fits.then_some(piece)
    };
    let mut found: Vec<&str> = Vec::new();
    for at in 0..text.len() {
        if let Some(id) = is_id(at).filter(|id| !found.contains(id)) {
            found.push(id);
        }
    }
    found.iter().enumerate().fold(text.to_owned(), |text, (at, id)| text.replace(id, &format!("made-{at}")))
}

/// Equal as JavaScript sees it: 1 and 1.0 are one number.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| same(a, b)))
        }
        _ => a == b,
    }
}
