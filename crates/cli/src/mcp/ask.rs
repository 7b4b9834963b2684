//! Questions of a server, on the terminal.

use crate::threads::terminal::{clean, line};
use async_trait::async_trait;
use copilotkit_mcp::elicit::{Answer, Elicit, Form, Question};
use serde_json::{Map, Value};
use std::io::{BufRead as _, Write as _};

/// Asks on the terminal.
pub(super) struct Terminal;

#[async_trait]
impl Elicit for Terminal {
    async fn ask(&self, question: Question) -> Answer {
        tokio::task::spawn_blocking(move || ask(&question)).await.unwrap_or(Answer::Cancel)
    }
}

fn ask(question: &Question) -> Answer {
    eprintln!("{} asks: {}", line(&question.server), clean(&question.message));
    let schema = match &question.form {
        Form::Link(url) => {
            eprintln!("  {}", line(url.as_str()));
            return match read("Did you open it? [y/N] ").as_deref() {
                Some("y" | "Y" | "yes") => Answer::Accept(None),
                _ => Answer::Decline,
            };
        }
        Form::Fields(schema) => schema.to_value(),
    };
    match read("Answer? [y/N] ").as_deref() {
        Some("y" | "Y" | "yes") => {}
        _ => return Answer::Decline,
    }
    let mut content = Map::new();
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        let about = property["description"].as_str().or(property["title"].as_str()).unwrap_or_default();
        let default = match &property["default"] {
            Value::Null => String::new(),
            default => format!(" [{default}]"),
        };
        let Some(text) = read(&format!("  {} {}{}: ", line(name), line(about), line(&default))) else {
            return Answer::Cancel;
        };
        if !text.is_empty() {
            content.insert(name.clone(), value(property, &text));
        }
    }
    Answer::Accept(Some(Value::Object(content)))
}

/// What was written, as the type that is asked for.
fn value(property: &Value, text: &str) -> Value {
    let typed = match property["type"].as_str() {
        Some("boolean") => match text.to_ascii_lowercase().as_str() {
            "y" | "yes" | "true" => Some(Value::Bool(true)),
            "n" | "no" | "false" => Some(Value::Bool(false)),
            _ => None,
        },
        Some("integer" | "number") => serde_json::from_str(text).ok().filter(Value::is_number),
        Some("array") => Some(text.split(',').map(|item| Value::String(item.trim().to_owned())).collect()),
        _ => None,
    };
    typed.unwrap_or_else(|| Value::String(text.to_owned()))
}

fn read(prompt: &str) -> Option<String> {
    eprint!("{prompt}");
    std::io::stderr().flush().ok()?;
    let mut answer = String::new();
    match std::io::stdin().lock().read_line(&mut answer) {
        Ok(0) | Err(_) => None,
        Ok(_) => Some(answer.trim().to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_written_becomes_what_is_asked_for() {
        let typed = |kind: &str, text: &str| value(&json!({ "type": kind }), text);
        assert_eq!(typed("boolean", "Yes"), json!(true));
        assert_eq!(typed("integer", "42"), json!(42));
        assert_eq!(typed("number", "many"), json!("many"), "the server's schema refuses it");
        assert_eq!(typed("array", "a, b"), json!(["a", "b"]));
        assert_eq!(typed("string", "42"), json!("42"));
    }
}
