//! TypeScript types from JSON Schemas: as much of both as our types need, and an error for the rest.

use super::json::sorted;
use anyhow::{Context, bail};
use serde_json::{Map, Value};
use std::collections::BTreeSet;

const HEAD: &str = "// Generated from the Rust types by `cargo xtask schema`. Changes here are lost.\n";
/// The longest union that stays on one line.
const WIDTH: usize = 110;

/// A module that declares `definitions`, those of `others` excepted, which are imported `from` there.
pub(crate) fn module(
    definitions: &Map<String, Value>,
    others: &Map<String, Value>,
    from: &str,
) -> anyhow::Result<String> {
    let mut names = BTreeSet::new();
    let mut body = String::new();
    for (name, schema) in sorted(definitions, Some("$defs"), None) {
        if others.contains_key(name) {
            continue;
        }
        names.extend(referred(schema).into_iter().filter(|name| others.contains_key(name)));
        let text = of(schema, 0).with_context(|| format!("the definition {name}"))?;
        let space = if text.starts_with('\n') { "" } else { " " };
        // A type rather than an interface: a type goes where an open object is wanted.
        body.push_str(&format!("\n{}export type {name} ={space}{text};\n", comment(schema, "")));
    }
    let mut out = HEAD.to_owned();
    if !names.is_empty() {
        let names: Vec<_> = names.into_iter().collect();
        out.push_str(&format!("\nimport type {{ {} }} from \"{from}\";\n", names.join(", ")));
    }
    Ok(out + &body)
}

fn referred(schema: &Value) -> Vec<String> {
    match schema {
        Value::Object(members) => {
            let own = members.get("$ref").and_then(Value::as_str).and_then(|target| target.rsplit('/').next());
            own.map(str::to_owned).into_iter().chain(members.values().flat_map(referred)).collect()
        }
        Value::Array(items) => items.iter().flat_map(referred).collect(),
        _ => Vec::new(),
    }
}

fn of(schema: &Value, depth: usize) -> anyhow::Result<String> {
    let members = match schema {
        Value::Bool(true) => return Ok("unknown".to_owned()),
        Value::Object(members) => members,
        other => bail!("not a schema: {other}"),
    };
    if let Some(target) = members.get("$ref").and_then(Value::as_str) {
        return Ok(target.rsplit('/').next().unwrap_or(target).to_owned());
    }
    if let Some(value) = members.get("const") {
        return Ok(value.to_string());
    }
    if let Some(values) = members.get("enum").and_then(Value::as_array) {
        return Ok(union(values.iter().map(Value::to_string).collect()));
    }
    for keyword in ["oneOf", "anyOf"] {
        if let Some(variants) = members.get(keyword).and_then(Value::as_array) {
            // One deeper than the bar before them.
            return Ok(union(variants.iter().map(|variant| of(variant, depth + 1)).collect::<Result<_, _>>()?));
        }
    }
    match members.get("type") {
        Some(Value::String(kind)) => typed(kind, members, depth),
        Some(Value::Array(kinds)) => {
            let kinds = kinds.iter().filter_map(Value::as_str).map(|kind| typed(kind, members, depth));
            Ok(union(kinds.collect::<Result<_, _>>()?))
        }
        // Any value, or any but null, which TypeScript cannot tell apart without a loss.
        None if members.keys().all(|key| ["description", "default", "not"].contains(&key.as_str())) => {
            Ok("unknown".to_owned())
        }
        _ => bail!("a schema that has no TypeScript here: {schema}"),
    }
}

fn typed(kind: &str, members: &Map<String, Value>, depth: usize) -> anyhow::Result<String> {
    Ok(match kind {
        "string" | "boolean" | "null" => kind.to_owned(),
        "integer" | "number" => "number".to_owned(),
        "array" => {
            let items = of(members.get("items").unwrap_or(&Value::Bool(true)), depth)?;
            if items.contains(" | ") { format!("({items})[]") } else { format!("{items}[]") }
        }
        "object" => return object(members, depth),
        other => bail!("the type {other}"),
    })
}

fn object(members: &Map<String, Value>, depth: usize) -> anyhow::Result<String> {
    let Some(properties) = members.get("properties").and_then(Value::as_object).filter(|map| !map.is_empty()) else {
        let value = members.get("additionalProperties").filter(|value| !value.is_boolean());
        return Ok(format!("Record<string, {}>", of(value.unwrap_or(&Value::Bool(true)), depth)?));
    };
    let required = members.get("required");
    let is_required = |name: &str| {
        required.and_then(Value::as_array).is_some_and(|names| names.iter().any(|required| required == name))
    };
    let indent = "  ".repeat(depth + 1);
    let mut out = "{\n".to_owned();
    for (name, schema) in sorted(properties, Some("properties"), required) {
        let mark = if is_required(name) { "" } else { "?" };
        let text = of(schema, depth + 1).with_context(|| format!("the member {name}"))?;
        out.push_str(&format!("{}{indent}{name}{mark}: {text};\n", comment(schema, &indent)));
    }
    out.push_str(&format!("{}}}", "  ".repeat(depth)));
    Ok(out)
}

fn union(variants: Vec<String>) -> String {
    let line = variants.join(" | ");
    if line.len() <= WIDTH { line } else { format!("\n  | {}", variants.join("\n  | ")) }
}

fn comment(schema: &Value, indent: &str) -> String {
    let Some(text) = schema.get("description").and_then(Value::as_str) else { return String::new() };
    // The end of a comment inside of one would end it.
    let text = text.replace("*/", "* /");
    if !text.contains('\n') {
        return format!("{indent}/** {text} */\n");
    }
    let lines: Vec<_> = text.lines().map(|line| format!("{indent} * {line}").trim_end().to_owned()).collect();
    format!("{indent}/**\n{}\n{indent} */\n", lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn schemas_become_types() {
        let cases = [
            (
                json!({ "type": "array", "items": { "oneOf": [{ "$ref": "#/$defs/A" }, { "type": "string" }] } }),
                "(A | string)[]",
            ),
            (json!({ "not": { "type": "null" }, "description": "d" }), "unknown"),
            (json!({ "enum": ["a", "b"] }), "\"a\" | \"b\""),
            (json!({ "type": ["integer", "null"] }), "number | null"),
            (json!({ "type": "object", "additionalProperties": { "type": "string" } }), "Record<string, string>"),
            (
                json!({ "type": "object", "required": ["b"], "properties": { "a": true, "b": { "const": 1, "description": "*/" } } }),
                "{\n  /** * / */\n  b: 1;\n  a?: unknown;\n}",
            ),
        ];
        for (schema, expected) in cases {
            assert_eq!(of(&schema, 0).unwrap(), expected);
        }
        assert!(of(&json!({ "if": {} }), 0).is_err());
    }

    #[test]
    fn what_another_module_declares_is_imported() {
        let ours = json!({ "A": { "$ref": "#/$defs/B" }, "B": { "type": "string" } });
        let others = json!({ "B": { "type": "string" } });
        let text = module(ours.as_object().unwrap(), others.as_object().unwrap(), "./b.js").unwrap();
        assert_eq!(text, format!("{HEAD}\nimport type {{ B }} from \"./b.js\";\n\nexport type A = B;\n"));
    }
}
