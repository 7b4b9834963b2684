//! Actions of the page as tools: their parameters as JSON Schema.

use copilotkit_protocol::{Json, Tool};
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// An action.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Action {
    name: String,
    #[serde(default)]
    description: Option<String>,
    /// A list of parameters, or a JSON Schema.
    #[serde(default)]
    parameters: Option<Value>,
    /// A JSON Schema as text, which other clients send.
    #[serde(default)]
    json_schema: Option<String>,
    #[serde(default)]
    available: Option<String>,
}

/// The tool that an action is; none for one that is switched off.
pub(super) fn tool(action: Action) -> Result<Option<Tool>, String> {
    if action.available.as_deref() == Some("disabled") {
        return Ok(None);
    }
    let schema = match (action.parameters, action.json_schema) {
        (Some(Value::Array(parameters)), _) => Some(object(parameters).map_err(|error| format!("parameters{error}"))?),
        (Some(Value::Object(schema)), _) => Some(Value::Object(schema)),
        (None | Some(Value::Null), Some(text)) => {
            let schema: Value = serde_json::from_str(&text).map_err(|error| format!("jsonSchema: {error}"))?;
            Some(schema).filter(Value::is_object)
        }
        (None | Some(Value::Null), None) => None,
        (Some(_), _) => return Err("parameters: expected a list of parameters or a JSON Schema".to_owned()),
    };
    let description = action.description.unwrap_or_default();
    Ok(Some(Tool { name: action.name, description, parameters: schema.map(Json::from), ..Default::default() }))
}

/// A list of parameters as the schema of an object.
fn object(parameters: Vec<Value>) -> Result<Value, String> {
    let (mut properties, mut required) = (Map::new(), Vec::new());
    for (index, parameter) in parameters.into_iter().enumerate() {
        let at = |error: &str| format!("[{index}]{error}");
        let Value::Object(parameter) = parameter else { return Err(at(": expected an object")) };
        let Some(name) = parameter.get("name").and_then(Value::as_str).map(str::to_owned) else {
            return Err(at(".name: expected a text"));
        };
        // What does not say is needed.
        if parameter.get("required").and_then(Value::as_bool).unwrap_or(true) {
            required.push(Value::String(name.clone()));
        }
        properties.insert(name, schema(parameter).map_err(|error| at(&error))?);
    }
    Ok(json!({ "type": "object", "properties": properties, "required": required }))
}

/// One parameter as a schema. Nesting is bounded by that of the body.
fn schema(mut parameter: Map<String, Value>) -> Result<Value, String> {
    let kind = match parameter.remove("type") {
        None | Some(Value::Null) => "string".to_owned(),
        Some(Value::String(kind)) => kind,
        Some(_) => return Err(".type: expected a text".to_owned()),
    };
    // Older clients write `string[]`.
    if let Some(item) = kind.strip_suffix("[]") {
        let description = parameter.remove("description");
        parameter.insert("type".to_owned(), item.into());
        let mut list = Map::from_iter([("type".to_owned(), "array".into()), ("items".to_owned(), schema(parameter)?)]);
        list.extend(description.filter(Value::is_string).map(|text| ("description".to_owned(), text)));
        return Ok(Value::Object(list));
    }
    let mut out = Map::from_iter([("type".to_owned(), Value::String(kind.clone()))]);
    for name in ["description", "enum", "default"] {
        if let Some(value) = parameter.remove(name).filter(|value| !value.is_null()) {
            out.insert(name.to_owned(), value);
        }
    }
    match (parameter.remove("items"), kind.as_str()) {
        (Some(Value::Object(items)), "array") => {
            out.insert("items".to_owned(), schema(items).map_err(|error| format!(".items{error}"))?);
        }
        (Some(Value::Null) | None, _) | (_, "string" | "number" | "boolean" | "object") => {}
        (Some(_), _) => return Err(".items: expected an object".to_owned()),
    }
    if kind == "object" {
        // The port had a map of parameters, the page's older form a list.
        let nested = match (parameter.remove("properties"), parameter.remove("attributes")) {
            (Some(Value::Object(members)), _) => members
                .into_iter()
                .map(|(name, value)| match value {
                    Value::Object(mut one) => {
                        one.entry("name").or_insert_with(|| name.into());
                        Value::Object(one)
                    }
                    other => other,
                })
                .collect(),
            (_, Some(Value::Array(list))) => list,
            _ => return Ok(Value::Object(out)),
        };
        if let Value::Object(members) = object(nested).map_err(|error| format!(".properties{error}"))? {
            out.extend(members.into_iter().filter(|(name, _)| name != "type"));
        }
    }
    Ok(Value::Object(out))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(action: Value) -> Result<Option<Value>, String> {
        let made = tool(serde_json::from_value(action).unwrap())?;
        Ok(made.map(|tool| tool.parameters.map_or(Value::Null, |schema| schema.to_value())))
    }

    #[test]
    fn parameters_become_a_schema() {
        let action = json!({ "name": "book", "parameters": [
            { "name": "city", "type": "string", "description": "Where to", "enum": ["Ulm", "Bonn"] },
            { "name": "nights", "type": "number", "required": false, "default": 1 },
            { "name": "guests", "type": "array", "items": { "name": "guest", "type": "string" } },
            { "name": "tags", "type": "string[]", "description": "Words" },
            { "name": "room", "type": "object", "properties": { "size": { "name": "size", "type": "number" } } },
            { "name": "paid", "type": "object", "attributes": [{ "name": "card", "required": false }] },
        ] });
        let expected = json!({
            "type": "object",
            "properties": {
                "city": { "type": "string", "description": "Where to", "enum": ["Ulm", "Bonn"] },
                "nights": { "type": "number", "default": 1 },
                "guests": { "type": "array", "items": { "type": "string" } },
                "tags": { "type": "array", "description": "Words", "items": { "type": "string" } },
                "room": { "type": "object", "properties": { "size": { "type": "number" } }, "required": ["size"] },
                "paid": { "type": "object", "properties": { "card": { "type": "string" } }, "required": [] },
            },
            "required": ["city", "guests", "tags", "room", "paid"],
        });
        assert_eq!(made(action).unwrap(), Some(expected));
    }

    #[test]
    fn a_schema_is_taken_as_it_is_and_what_is_off_is_left_out() {
        let schema = json!({ "type": "object", "properties": { "a": { "type": "integer" } } });
        assert_eq!(made(json!({ "name": "t", "parameters": schema })).unwrap(), Some(schema.clone()));
        assert_eq!(made(json!({ "name": "t", "jsonSchema": schema.to_string() })).unwrap(), Some(schema));
        assert_eq!(made(json!({ "name": "t" })).unwrap(), Some(Value::Null));
        assert_eq!(made(json!({ "name": "t", "available": "disabled" })).unwrap(), None);
    }

    #[test]
    fn a_wrong_parameter_is_named() {
        for (parameters, expected) in [
            (json!([1]), "parameters[0]: expected an object"),
            (json!([{ "type": "string" }]), "parameters[0].name: expected a text"),
            (json!([{ "name": "a" }, { "name": "b", "type": 1 }]), "parameters[1].type: expected a text"),
            (
                json!([{ "name": "a", "type": "array", "items": { "type": 1 } }]),
                "parameters[0].items.type: expected a text",
            ),
            (json!("x"), "parameters: expected a list of parameters or a JSON Schema"),
        ] {
            assert_eq!(made(json!({ "name": "t", "parameters": parameters })).unwrap_err(), expected);
        }
    }
}
