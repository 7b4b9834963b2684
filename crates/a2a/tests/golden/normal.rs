//! What two ways to write the same have in common.

use copilotkit_protocol::Json;
use serde_json::{Map, Value};

/// Members that hold data of others: nothing in them is touched.
const OPAQUE: &[&str] = &["data", "metadata", "params"];

/// Without what means the same as its absence: `null`, empty texts and lists, `false`, and `blocking` where it is the
/// default.
pub(crate) fn normal(json: &Json) -> Value {
    tidy(json.to_value(), &[])
}

/// As [`normal`], without what 0.3 has no place for.
pub(crate) fn without_lost(json: &Json) -> Value {
    let mut value = tidy(json.to_value(), &["tenant"]);
    strip_media_types(&mut value);
    value
}

fn tidy(value: Value, leave_out: &[&str]) -> Value {
    match value {
        Value::Object(members) => {
            let members = members.into_iter().filter(|(name, _)| !leave_out.contains(&name.as_str()));
            let members = members.filter_map(|(name, value)| {
                if OPAQUE.contains(&name.as_str()) {
                    return (!value.is_null() || name == "data").then_some((name, value));
                }
                let value = tidy(value, leave_out);
                let absent = match &value {
                    Value::Null | Value::Bool(false) => true,
                    Value::Bool(true) => name == "blocking",
                    Value::String(text) => text.is_empty(),
                    Value::Array(items) => items.is_empty(),
                    Value::Object(members) => members.is_empty(),
                    Value::Number(_) => false,
                };
                (!absent).then_some((name, value))
            });
            Value::Object(members.collect::<Map<_, _>>())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(|item| tidy(item, leave_out)).collect()),
        other => other,
    }
}

/// Texts and data have no media type in 0.3.
fn strip_media_types(value: &mut Value) {
    match value {
        Value::Object(members) => {
            if members.contains_key("text") || members.contains_key("data") {
                members.remove("mediaType");
                members.remove("filename");
            }
            members.iter_mut().filter(|(name, _)| !OPAQUE.contains(&name.as_str())).for_each(|(_, value)| {
                strip_media_types(value);
            });
        }
        Value::Array(items) => items.iter_mut().for_each(strip_media_types),
        _ => {}
    }
}
