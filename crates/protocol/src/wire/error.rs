//! What was wrong, and where.

use serde::de::Error;
use std::fmt;

/// Why a text could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WireError {
    /// Where it is, as a path of members and indices (`messages[3].content`); empty for the whole document.
    pub path: String,
    /// What is wrong there.
    pub message: String,
    /// True when the text is not JSON at all, false when it is JSON of another shape.
    pub syntax: bool,
}

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_empty() { f.write_str(&self.message) } else { write!(f, "{}: {}", self.path, self.message) }
    }
}

impl std::error::Error for WireError {}

/// Between the path and the message while the error climbs through serde, which carries nothing but a text.
const MARK: char = '\u{1}';

/// Puts `step` (a member, or `[index]`) in front of the path of `error`.
pub(crate) fn at<E: Error>(step: &str, error: E) -> E {
    let text = error.to_string();
    match text.strip_prefix(MARK).and_then(|rest| rest.split_once(MARK)) {
        Some((path, message)) if path.starts_with('[') => E::custom(format!("{MARK}{step}{path}{MARK}{message}")),
        Some((path, message)) => E::custom(format!("{MARK}{step}.{path}{MARK}{message}")),
        None => E::custom(format!("{MARK}{step}{MARK}{text}")),
    }
}

impl From<serde_json::Error> for WireError {
    fn from(error: serde_json::Error) -> Self {
        // The category is lost once an error was given a path; serde_json's own texts tell the two apart.
        let text = error.to_string();
        let text = match text.rsplit_once(" at line ") {
            Some((message, position)) if error.line() > 0 && position.contains("column") => message.to_owned(),
            _ => text,
        };
        let (path, message) = match text.strip_prefix(MARK).and_then(|rest| rest.split_once(MARK)) {
            Some((path, message)) => (path.to_owned(), message.to_owned()),
            None => (String::new(), text),
        };
        let syntax = !error.is_data() || SYNTAX.iter().any(|start| message.starts_with(start));
        let message = if syntax {
            format!("not valid JSON: {message} (line {}, column {})", error.line(), error.column())
        } else {
            message
        };
        Self { path, message, syntax }
    }
}

const SYNTAX: &[&str] = &[
    "EOF while parsing",
    "expected `",
    "expected value",
    "expected ident",
    "invalid escape",
    "invalid number",
    "number out of range",
    "invalid unicode code point",
    "control character",
    "key must be a string",
    "lone leading surrogate",
    "trailing comma",
    "trailing characters",
    "unexpected end of hex escape",
    "recursion limit exceeded",
];
