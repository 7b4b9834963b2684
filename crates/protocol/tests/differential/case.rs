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

impl Answer {
    /// The order was wrong, rather than an event.
    fn is_protocol(&self) -> bool {
        matches!(self.name.as_str(), "AGUIError")
            || self.error.starts_with("First ")
            || self.error.starts_with("Cannot ")
            || self.error.starts_with("Ambiguous ")
    }

    /// Where the two differ; `None` when they agree.
    pub(crate) fn differs(&self, ours: &Self) -> Option<&'static str> {
        if self.ok != ours.ok {
            return Some("verdict");
        }
        if self.is_protocol() != ours.is_protocol()
            || self.is_protocol() && anonymous(&self.error) != anonymous(&ours.error)
        {
            return Some("error");
        }
        if self.removed != ours.removed {
            return Some("removed");
        }
        if !self.ok {
            return None;
        }
        let values = |answer: &Self| {
            let text = json!([answer.messages, answer.state]).to_string();
            serde_json::from_str::<Value>(&anonymous(&text)).unwrap()
        };
        (!same(&values(self), &values(ours))).then_some("messages or state")
    }
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
