//! Arguments that come as values at paths, written as the text of one JSON object, piece by piece.

use super::chunk::PartialArg;
use crate::dialect::protocol;
use copilotkit_runtime::model::ModelError;
use std::collections::HashSet;

/// The deepest place of a value.
const DEPTH_MAX: usize = 64;
/// The most elements of an array that may be left out.
const GAP_MAX: usize = 1024;

/// Writes an object whose members come in the order in which they are written.
#[derive(Debug, Default)]
pub(super) struct Arguments {
    /// The open object or array at each depth, the outermost first.
    open: Vec<Container>,
    /// Where the last value is.
    path: Vec<Step>,
    /// The last value is a string that goes on.
    in_string: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Key(String),
    Index(usize),
}

#[derive(Debug)]
enum Container {
    Object(HashSet<String>),
    Array(usize),
}

impl Arguments {
    /// Appends what a piece adds to the text.
    ///
    /// # Errors
    /// A path that is none, or a value at a place that was written already.
    pub(super) fn push(&mut self, piece: &PartialArg<'_>, out: &mut String) -> Result<(), ModelError> {
        let (path, empty_array) = steps(&piece.json_path.0)?;
        let text = piece.string_value.as_ref().map(|text| &*text.0);
        if self.in_string {
            if let Some(text) = text.filter(|_| self.path == path) {
                escape(text, out);
                self.end_string(piece, out);
                return Ok(());
            }
            out.push('"');
            self.in_string = false;
        }
        if let Some(text) = text {
            self.go_to(path, out)?;
            out.push('"');
            self.in_string = true;
            escape(text, out);
            self.end_string(piece, out);
        } else if let Some(number) = piece.number_value {
            self.go_to(path, out)?;
            out.push_str(number.get());
        } else if let Some(value) = piece.bool_value {
            self.go_to(path, out)?;
            out.push_str(if value { "true" } else { "false" });
        } else if piece.null_value.filled().is_some() {
            self.go_to(path, out)?;
            out.push_str("null");
        } else if empty_array {
            self.go_to(path, out)?;
            out.push_str("[]");
        }
        Ok(())
    }

    /// Closes whatever is open.
    pub(super) fn finish(&mut self, out: &mut String) {
        if std::mem::take(&mut self.in_string) {
            out.push('"');
        }
        if self.open.is_empty() {
            out.push('{');
            self.open.push(Container::Object(HashSet::new()));
        }
        self.close_to(0, out);
    }

    fn end_string(&mut self, piece: &PartialArg<'_>, out: &mut String) {
        if piece.will_continue != Some(true) {
            out.push('"');
            self.in_string = false;
        }
    }

    /// Closes and opens containers until the value at `path` can be written.
    fn go_to(&mut self, path: Vec<Step>, out: &mut String) -> Result<(), ModelError> {
        if path.is_empty() || path.len() > DEPTH_MAX {
            return Err(protocol("the arguments of a tool call are at a place that cannot be"));
        }
        if self.open.is_empty() {
            self.open.push(Container::Object(HashSet::new()));
            out.push('{');
        }
        let common = self.path.iter().zip(&path).take_while(|(old, new)| old == new).count();
        let keep = common.min(self.path.len().saturating_sub(1)).min(path.len() - 1);
        self.close_to(keep + 1, out);
        for (depth, step) in path.iter().enumerate().skip(keep) {
            if depth > keep {
                let (container, opening) = match step {
                    Step::Key(_) => (Container::Object(HashSet::new()), '{'),
                    Step::Index(_) => (Container::Array(0), '['),
                };
                self.open.push(container);
                out.push(opening);
            }
            self.begin_member(step, out)?;
        }
        self.path = path;
        Ok(())
    }

    /// What stands before a value in the innermost container.
    fn begin_member(&mut self, step: &Step, out: &mut String) -> Result<(), ModelError> {
        match (self.open.last_mut(), step) {
            (Some(Container::Object(keys)), Step::Key(key)) => {
                if !keys.is_empty() {
                    out.push(',');
                }
                if !keys.insert(key.clone()) {
                    return Err(protocol("the arguments of a tool call came out of their order"));
                }
                out.push('"');
                escape(key, out);
                out.push_str("\":");
            }
            (Some(Container::Array(length)), Step::Index(index)) if index >= length && index - *length <= GAP_MAX => {
                while *length < *index {
                    out.push_str(if *length == 0 { "null" } else { ",null" });
                    *length += 1;
                }
                if *length > 0 {
                    out.push(',');
                }
                *length += 1;
            }
            _ => return Err(protocol("the arguments of a tool call came out of their order")),
        }
        Ok(())
    }

    fn close_to(&mut self, count: usize, out: &mut String) {
        while self.open.len() > count {
            out.push(match self.open.pop() {
                Some(Container::Array(_)) => ']',
                _ => '}',
            });
        }
    }
}

/// `$.a['b'][0]` as steps; true for a path that ends with `[]`, an array without elements.
fn steps(path: &str) -> Result<(Vec<Step>, bool), ModelError> {
    let bad = || protocol("the arguments of a tool call are at a place that cannot be read");
    let mut rest = path.strip_prefix('$').ok_or_else(bad)?;
    let mut steps = Vec::new();
    while !rest.is_empty() {
        if let Some(name) = rest.strip_prefix('.') {
            let end = name.find(['.', '[']).unwrap_or(name.len());
            steps.push(Step::Key(name[..end].to_owned()));
            rest = &name[end..];
            continue;
        }
        let inner = rest.strip_prefix('[').ok_or_else(bad)?;
        if let Some(quote) = inner.chars().next().filter(|c| matches!(c, '\'' | '"')) {
            let (key, behind) = quoted(&inner[1..], quote).ok_or_else(bad)?;
            steps.push(Step::Key(key));
            rest = behind.strip_prefix(']').ok_or_else(bad)?;
        } else {
            let (index, behind) = inner.split_once(']').ok_or_else(bad)?;
            rest = behind;
            if index.is_empty() && rest.is_empty() {
                return Ok((steps, true));
            }
            steps.push(Step::Index(index.trim().parse().map_err(|_| bad())?));
        }
    }
    Ok((steps, false))
}

/// The text before the closing quote, and what is behind it.
fn quoted(text: &str, quote: char) -> Option<(String, &str)> {
    let mut key = String::new();
    let mut characters = text.char_indices();
    while let Some((at, c)) = characters.next() {
        match c {
            '\\' => key.push(characters.next()?.1),
            c if c == quote => return Some((key, &text[at + 1..])),
            c => key.push(c),
        }
    }
    None
}

/// The text of a JSON string without its quotes.
fn escape(text: &str, out: &mut String) {
    let quoted = serde_json::to_string(text).unwrap_or_default();
    out.push_str(quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn write(pieces: &[Value]) -> Result<String, String> {
        let (mut arguments, mut out) = (Arguments::default(), String::new());
        for piece in pieces {
            let text = piece.to_string();
            let piece: PartialArg<'_> = serde_json::from_str(&text).expect("piece");
            arguments.push(&piece, &mut out).map_err(|error| error.message)?;
        }
        arguments.finish(&mut out);
        serde_json::from_str::<Value>(&out).map_err(|cause| format!("{cause}: {out}"))?;
        Ok(out)
    }

    #[test]
    fn values_at_paths_become_one_object() {
        let written = write(&[
            json!({ "jsonPath": "$.a", "stringValue": "x\"", "willContinue": true }),
            json!({ "jsonPath": "$.a", "stringValue": "ü" }),
            json!({ "jsonPath": "$.l[0].x", "numberValue": 1.50 }),
            json!({ "jsonPath": "$.l[0].y", "boolValue": false }),
            json!({ "jsonPath": "$.l[1].x", "nullValue": "NULL_VALUE" }),
            json!({ "jsonPath": "$.l[3].x", "numberValue": 2 }),
            json!({ "jsonPath": "$['odd.key'][\"q\\\"\"]", "stringValue": "" }),
            json!({ "jsonPath": "$.none[]" }),
            json!({ "jsonPath": "$.open", "stringValue": "cut", "willContinue": true }),
        ]);
        let expected = r#"{"a":"x\"ü","l":[{"x":1.5,"y":false},{"x":null},null,{"x":2}],"odd.key":{"q\"":""},"none":[],"open":"cut"}"#;
        assert_eq!(written.as_deref(), Ok(expected));
        assert_eq!(write(&[]).as_deref(), Ok("{}"));
    }

    #[test]
    fn what_cannot_be_written_in_order_is_an_error() {
        let value = |path: &str| json!({ "jsonPath": path, "numberValue": 1 });
        for pieces in [
            vec![value("$.a.x"), value("$.b"), value("$.a.y")],
            vec![value("$.a"), value("$.a")],
            vec![value("$.l[1]"), value("$.l[0]")],
            vec![value("$.a.x"), value("$.a[0]")],
            vec![value("$.l[99999999]")],
            vec![value("$")],
            vec![value("a")],
            vec![value("$[")],
            vec![value("$['a")],
            vec![value(&format!("${}", ".a".repeat(100)))],
        ] {
            assert!(write(&pieces).is_err(), "{pieces:?}");
        }
    }
}
