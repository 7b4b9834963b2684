//! What the reader of the file says, in words for people: the reason, and what to do.

use super::sources::Merged;
use super::{bounds, hints};
use toml::Value;

/// Reason and remedy of what serde says about the value at `path`, to which an unknown key is added.
pub(super) fn explain(merged: &Merged, path: &mut Vec<String>, message: &str) -> (String, String) {
    if let Some((field, rest)) = quoted(message, "unknown field `") {
        if path.last().is_none_or(|last| last != field) {
            path.push(field.to_owned());
        }
        return ("there is no such key".to_owned(), hints::use_instead(field, rest));
    }
    if let Some((field, _)) = quoted(message, "missing field `") {
        return (format!("the key `{field}` is missing"), format!("add {field} = …"));
    }
    if let Some((variant, rest)) = quoted(message, "unknown variant `") {
        return (format!("there is no `{variant}`"), hints::use_instead(variant, rest));
    }
    let keys: Vec<&str> = path.iter().map(String::as_str).collect();
    let told = from_variable(merged, &keys, message).or_else(|| shape(merged.value(&keys), &keys, message));
    if let Some(told) = told {
        return told;
    }
    if let Some((reason, remedy)) = hints::split(message) {
        return (reason.to_owned(), remedy.to_owned());
    }
    let reason = plain(message);
    match reason.strip_prefix("expected ") {
        // The words of a type that takes several kinds of values.
        Some(kinds) => ("this is another kind of value".to_owned(), format!("write {kinds}")),
        None => {
            let remedy = instead(&reason, &keys);
            (reason, remedy)
        }
    }
}

/// `"${PORT}"` is a text whatever the variable holds.
fn from_variable(merged: &Merged, path: &[&str], message: &str) -> Option<(String, String)> {
    if !message.starts_with("invalid type: string ") || !merged.expanded.contains(&path.join(".")) {
        return None;
    }
    let words = plain(message);
    let (_, expected) = words.rsplit_once("expected ")?;
    // What the variable holds may be a secret: it is not shown.
    let reason = format!("`${{NAME}}` stands for texts only, and this is {expected}");
    let letters = |key: &str| key.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'));
    let remedy = match path.iter().all(|key| letters(key) && !key.contains("__")) {
        true => {
            let variable = path.join("__").to_uppercase();
            format!("remove the key, and set the variable COPILOTKIT_{variable} in its place")
        }
        false => "write the value itself".to_owned(),
    };
    Some((reason, remedy))
}

/// Brackets that are missing, or too many.
fn shape(value: Option<&Value>, path: &[&str], message: &str) -> Option<(String, String)> {
    let at = path.join(".");
    let reason = || plain(message);
    let (_, expected) = message.rsplit_once("expected ")?;
    let table = expected == "a map" || expected.starts_with("struct ");
    match (value?, path) {
        (Value::Table(_), _) if expected == "a sequence" => {
            Some((reason(), format!("write its header with two brackets, [[{at}]], once for each")))
        }
        (Value::Array(_), ["agents" | "mcp" | "prices"]) if table => {
            Some((reason(), format!("write [{at}.NAME], once for each")))
        }
        (Value::Array(_), [section]) if table => {
            Some((reason(), format!("write its header with one bracket, [{section}]")))
        }
        // What stands there is likely the token itself.
        (_, ["auth", entry]) if table && entry.starts_with("tokens[") => {
            let remedy = "name the variable that holds it, like { env = \"ALICE_TOKEN\", principal = \"alice\" }";
            Some(("an entry is a table, without the token itself".to_owned(), remedy.to_owned()))
        }
        (_, [section]) if table => Some((reason(), format!("write a section, [{section}], and its keys below"))),
        _ => None,
    }
}

/// What to write where a value has the wrong type or is out of range.
fn instead(reason: &str, path: &[&str]) -> String {
    const EXAMPLES: &[(&str, &str)] = &[
        ("expected a whole number", "write the number without quotes, like 8000"),
        ("expected a number", "write the number without quotes, like 0.7"),
        ("expected a text in quotes", "write it in quotes, like \"text\""),
        ("expected true or false", "write true or false, without quotes"),
        ("expected a list", "write a list, like [\"one\", \"two\"]"),
        ("expected a table", "write a table, like { name = \"value\" }"),
        ("expected a duration", "write it like \"30s\" or \"5m\""),
        ("expected a size", "write it like \"32MiB\""),
    ];
    if let Some((_, range)) =
        reason.split_once("expected a whole number").filter(|_| reason.starts_with("this is the "))
    {
        return match range {
            _ if bounds::is_never_zero(path) => "write 1 or more".to_owned(),
            ", 0 or more" => "write 0 or more".to_owned(),
            range => format!("write a number{range}"),
        };
    }
    let wrong_type = reason.starts_with("this is ");
    let found = EXAMPLES.iter().find(|(words, _)| wrong_type && reason.contains(words));
    found.map_or("docs/configuration.md says what it takes", |(_, example)| example).to_owned()
}

/// serde's words for a type as people's words.
fn plain(message: &str) -> String {
    const WORDS: &[(&str, &str)] = &[
        ("expected u16", "expected a whole number from 0 to 65535"),
        ("expected u32", "expected a whole number, 0 or more"),
        ("expected u64", "expected a whole number, 0 or more"),
        ("expected usize", "expected a whole number, 0 or more"),
        ("expected i64", "expected a whole number"),
        ("expected f64", "expected a number"),
        ("expected a string", "expected a text in quotes"),
        ("expected a boolean", "expected true or false"),
        ("expected a sequence", "expected a list"),
        ("expected a map", "expected a table"),
        ("invalid type: ", "this is a "),
        ("this is a integer", "this is an integer"),
        ("this is a sequence", "this is a list"),
        ("this is a map", "this is a table"),
        ("invalid value: ", "this is the "),
    ];
    let text = WORDS.iter().fold(message.to_owned(), |text, (theirs, ours)| text.replace(theirs, ours));
    match text.split_once("expected struct ") {
        Some((before, _)) => format!("{before}expected a table"),
        None => text,
    }
}

fn quoted<'a>(message: &'a str, start: &str) -> Option<(&'a str, &'a str)> {
    message.split_once(start)?.1.split_once('`')
}
