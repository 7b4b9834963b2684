//! JSON as people like to read it: keywords in a fixed order, required members first, short lists on one line.
//!
//! The order does not depend on how serde_json keeps maps, which a feature of some dependency may change.

use serde_json::{Map, Value};

/// Keywords that come first, in this order; others follow by name.
const FIRST: &[&str] = &[
    "$schema",
    "$id",
    "openapi",
    "info",
    "servers",
    "title",
    "summary",
    "description",
    "operationId",
    "tags",
    "name",
    "in",
    "$ref",
    "type",
    "const",
    "enum",
    "default",
    "required",
    "parameters",
    "requestBody",
    "responses",
    "properties",
    "paths",
];
/// Keywords that come last.
const LAST: &[&str] = &["components", "$defs"];
/// Keywords whose members are names of the application, not keywords.
const NAMES: &[&str] = &["properties", "$defs", "schemas", "paths", "responses"];
/// The longest list that stays on one line.
const WIDTH: usize = 100;

/// Writes a document.
pub(crate) fn write(value: &Value) -> String {
    let mut out = String::new();
    put(value, None, 0, &mut out);
    out.push('\n');
    out
}

/// The members of a map in the order in which they are written. `parent` is the keyword that the map belongs to, and
/// `required` what the schema around it requires.
pub(crate) fn sorted<'a>(
    members: &'a Map<String, Value>,
    parent: Option<&str>,
    required: Option<&Value>,
) -> Vec<(&'a String, &'a Value)> {
    let required: Vec<&str> =
        required.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    let by_name = parent.is_some_and(|parent| NAMES.contains(&parent));
    let rank = |key: &str| match by_name {
        true => required.iter().position(|name| *name == key).unwrap_or(usize::MAX),
        false => match (FIRST.iter().position(|first| *first == key), LAST.iter().position(|last| *last == key)) {
            (Some(rank), _) => rank,
            (None, Some(rank)) => usize::MAX - LAST.len() + rank,
            (None, None) => FIRST.len(),
        },
    };
    let mut sorted: Vec<_> = members.iter().collect();
    sorted.sort_by(|(a, _), (b, _)| rank(a).cmp(&rank(b)).then_with(|| a.cmp(b)));
    sorted
}

fn put(value: &Value, context: Option<(&str, Option<&Value>)>, depth: usize, out: &mut String) {
    match value {
        Value::Object(members) if !members.is_empty() => {
            let (parent, required) = context.map_or((None, None), |(parent, required)| (Some(parent), required));
            let is_schema = !parent.is_some_and(|parent| NAMES.contains(&parent));
            let items = sorted(members, parent, required).into_iter().map(|(key, value)| {
                let mut text = format!("{}: ", Value::String(key.clone()));
                let inner = is_schema.then(|| (key.as_str(), members.get("required")));
                put(value, inner, depth + 1, &mut text);
                text
            });
            lines('{', items, '}', depth, out);
        }
        Value::Array(items) if !items.is_empty() => {
            let flat = value.to_string();
            if flat.len() <= WIDTH && items.iter().all(|item| !item.is_object() && !item.is_array()) {
                out.push_str(&flat.replace("\",\"", "\", \""));
                return;
            }
            let items = items.iter().map(|item| {
                let mut text = String::new();
                put(item, None, depth + 1, &mut text);
                text
            });
            lines('[', items, ']', depth, out);
        }
        scalar => out.push_str(&scalar.to_string()),
    }
}

fn lines(open: char, items: impl Iterator<Item = String>, close: char, depth: usize, out: &mut String) {
    let indent = "  ".repeat(depth + 1);
    let items: Vec<_> = items.map(|item| format!("{indent}{item}")).collect();
    out.push(open);
    out.push('\n');
    out.push_str(&items.join(",\n"));
    out.push('\n');
    out.push_str(&"  ".repeat(depth));
    out.push(close);
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn keywords_and_names_have_their_order() {
        let schema = json!({
            "$defs": {}, "properties": { "b": true, "type": { "const": "x" }, "a": { "default": 1, "type": "integer" } },
            "required": ["type", "b"], "type": "object", "description": "d",
        });
        let expected = "{\n  \"description\": \"d\",\n  \"type\": \"object\",\n  \"required\": [\"type\", \"b\"],\n  \
            \"properties\": {\n    \"type\": {\n      \"const\": \"x\"\n    },\n    \"b\": true,\n    \"a\": {\n      \
            \"type\": \"integer\",\n      \"default\": 1\n    }\n  },\n  \"$defs\": {}\n}\n";
        assert_eq!(write(&schema), expected);
        assert_eq!(serde_json::from_str::<Value>(&write(&schema)).unwrap(), schema);
    }
}
