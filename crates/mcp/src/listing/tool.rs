//! One tool, as its server describes it.

use crate::limits;
use copilotkit_protocol::Json;
use serde_json::{Map, Value};

/// One tool, as its server describes it. All of it is text of the server's author.
#[derive(Clone, Debug, PartialEq)]
pub struct ToolDef {
    /// Its name at the server.
    pub name: String,
    /// Its name for people.
    pub title: Option<String>,
    /// What it does, for the model. Without invisible characters, and not longer than [`limits::TOOL_DESCRIPTION`].
    pub description: String,
    /// JSON Schema of its arguments, as the server gave it.
    pub input_schema: Json,
    /// JSON Schema of its structured result.
    pub output_schema: Option<Json>,
    /// What the server says about its effects; only hints.
    pub annotations: Option<Json>,
    /// `_meta`, as the server gave it.
    pub meta: Option<Json>,
    ui: Ui,
    /// What models are told where the schema itself cannot be used.
    open_schema: Option<Json>,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct Ui {
    resource: Option<String>,
    hidden_from_model: bool,
    hidden_from_app: bool,
}

impl ToolDef {
    /// Reads one; the error says what is wrong with it.
    pub(crate) fn read(value: Value) -> Result<Self, &'static str> {
        let Value::Object(mut tool) = value else { return Err("it is no object") };
        let name = match tool.remove("name") {
            Some(Value::String(name)) if name.len() > limits::TOOL_NAME => return Err("its name is too long"),
            Some(Value::String(name)) if !name.trim().is_empty() => name,
            _ => return Err("it has no name"),
        };
        let input_schema = match tool.remove("inputSchema") {
            Some(schema @ Value::Object(_)) if is_deep(&schema, limits::SCHEMA_DEPTH) => {
                return Err("its schema is nested too deep");
            }
            Some(schema @ Value::Object(_)) => Json::from(schema),
            Some(_) => return Err("its schema is no object"),
            None => return Err("it has no schema"),
        };
        if input_schema.get().len() > limits::TOOL_SCHEMA {
            return Err("its schema is too large");
        }
        let ui = Ui::of(tool.get("_meta"));
        let mut text = |key| match tool.remove(key) {
            Some(Value::String(text)) => Some(visible(&text, limits::TOOL_DESCRIPTION)),
            _ => None,
        };
        let (title, description) = (text("title"), text("description").unwrap_or_default());
        let mut object = |key| tool.remove(key).filter(Value::is_object).map(Json::from);
        let (output_schema, annotations, meta) = (object("outputSchema"), object("annotations"), object("_meta"));
        // A provider refuses the whole request for one schema that is none. Nothing is fetched to find out.
        let open_schema = jsonschema::validator_for(&input_schema.to_value()).err().map(|error| {
            tracing::warn!(tool = name, %error, "the schema of a tool is not valid: any object is taken");
            Json::from(serde_json::json!({ "type": "object" }))
        });
        Ok(Self { name, title, description, input_schema, output_schema, annotations, meta, ui, open_schema })
    }

    /// The schema that models are told and arguments are checked by: its own, or that of any object where it is not valid.
    pub fn model_schema(&self) -> &Json {
        self.open_schema.as_ref().unwrap_or(&self.input_schema)
    }

    /// The resource that shows it, for MCP Apps (`_meta.ui.resourceUri`): an address of the scheme `ui`. Others are as if
    /// there were none.
    pub fn ui_resource(&self) -> Option<&str> {
        self.ui.resource.as_deref()
    }

    /// Whether models may be offered it (`_meta.ui.visibility`).
    pub fn is_for_model(&self) -> bool {
        !self.ui.hidden_from_model
    }

    /// Whether a user interface of the same server may call it.
    pub fn is_for_app(&self) -> bool {
        !self.ui.hidden_from_app
    }

    /// Whether the server says that a second call with the same arguments changes nothing more.
    pub fn is_idempotent(&self) -> bool {
        let hint = |name| {
            let annotations = self.annotations.as_ref().map(Json::to_value);
            annotations.and_then(|value| value.get(name).and_then(Value::as_bool)) == Some(true)
        };
        hint("idempotentHint") || hint("readOnlyHint")
    }
}

impl Ui {
    fn of(meta: Option<&Value>) -> Self {
        let Some(meta) = meta.and_then(Value::as_object) else { return Self::default() };
        let ui = meta.get("ui").and_then(Value::as_object);
        let nested = ui.and_then(|ui| ui.get("resourceUri")).and_then(Value::as_str);
        let named = nested.or_else(|| meta.get("ui/resourceUri").and_then(Value::as_str));
        let resource = named.filter(|uri| is_ui(uri)).map(str::to_owned);
        let visibility = ui.and_then(|ui: &Map<String, Value>| ui.get("visibility")).and_then(Value::as_array);
        let hidden = |who: &str| visibility.is_some_and(|list| !list.iter().any(|entry| entry == who));
        Self { resource, hidden_from_model: hidden("model"), hidden_from_app: hidden("app") }
    }
}

/// Whether an address can be one of a user interface. It is text of the server's author, and a model reads it.
pub(crate) fn is_ui(uri: &str) -> bool {
    uri.starts_with("ui://") && uri.len() <= limits::UI_RESOURCE && !uri.chars().any(char::is_control)
}

fn is_deep(value: &Value, left: usize) -> bool {
    match value {
        Value::Array(_) | Value::Object(_) if left == 0 => true,
        Value::Array(items) => items.iter().any(|item| is_deep(item, left - 1)),
        Value::Object(members) => members.values().any(|member| is_deep(member, left - 1)),
        _ => false,
    }
}

/// Text without what people cannot see and a model reads: control characters, zero-width ones, those that turn the
/// direction of writing around, and tags.
pub(crate) fn visible(text: &str, max: usize) -> String {
    let hidden = |char: char| {
        (char.is_control() && !matches!(char, '\n' | '\t'))
            || matches!(char, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
            || matches!(char, '\u{e0000}'..='\u{e007f}')
    };
    let mut out: String = text.chars().filter(|char| !hidden(*char)).collect();
    if out.len() > max {
        let mut end = max;
        while !out.is_char_boundary(end) {
            end -= 1;
        }
        out.truncate(end);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn tool(mut more: Value) -> Result<ToolDef, &'static str> {
        let object = more.as_object_mut().unwrap();
        object.entry("name").or_insert_with(|| json!("a"));
        object.entry("inputSchema").or_insert_with(|| json!({ "type": "object" }));
        ToolDef::read(more)
    }

    #[test]
    fn malformed_tools_are_told_apart() {
        for (value, reason) in [
            (json!("a"), "it is no object"),
            (json!({}), "it has no name"),
            (json!({ "name": 7 }), "it has no name"),
            (json!({ "name": "a" }), "it has no schema"),
            (json!({ "name": "a", "inputSchema": true }), "its schema is no object"),
            (json!({ "name": "a".repeat(600), "inputSchema": {} }), "its name is too long"),
        ] {
            assert_eq!(ToolDef::read(value).unwrap_err(), reason);
        }
        let large = json!({ "inputSchema": { "description": "x".repeat(limits::TOOL_SCHEMA) } });
        assert_eq!(tool(large).unwrap_err(), "its schema is too large");
        let mut deep = json!({});
        for _ in 0..limits::SCHEMA_DEPTH {
            deep = json!({ "not": deep });
        }
        assert_eq!(tool(json!({ "inputSchema": deep })).unwrap_err(), "its schema is nested too deep");
    }

    #[test]
    fn what_is_odd_but_harmless_is_left_out() {
        let odd = tool(json!({ "description": 5, "outputSchema": true, "annotations": [], "_meta": null })).unwrap();
        assert_eq!((odd.description.as_str(), odd.output_schema, odd.annotations, odd.meta), ("", None, None, None));
    }

    #[test]
    fn a_schema_that_is_none_costs_no_tool_and_fetches_nothing() {
        for schema in [json!({ "type": "objekt" }), json!({ "$ref": "http://127.0.0.1:9/schema.json" })] {
            let odd = tool(json!({ "inputSchema": schema })).unwrap();
            assert_eq!((odd.model_schema().get(), odd.input_schema.to_value()), (r#"{"type":"object"}"#, schema));
        }
        let good = tool(json!({ "inputSchema": { "$schema": "http://json-schema.org/draft-07/schema#" } })).unwrap();
        assert_eq!(good.model_schema(), &good.input_schema);
    }

    #[test]
    fn hidden_text_does_not_reach_the_model() {
        let hidden = tool(json!({ "description": "Adds\u{200b}\u{202e}\u{7} two\nnumbers\u{e0041}" })).unwrap();
        assert_eq!(hidden.description, "Adds two\nnumbers");
        let long = tool(json!({ "description": "ä".repeat(limits::TOOL_DESCRIPTION) })).unwrap();
        assert_eq!(long.description.len(), limits::TOOL_DESCRIPTION);
    }

    #[test]
    fn user_interfaces_and_who_sees_a_tool() {
        let plain = tool(json!({})).unwrap();
        assert_eq!((plain.ui_resource(), plain.is_for_model(), plain.is_for_app()), (None, true, true));
        let app = tool(json!({ "_meta": { "ui": { "resourceUri": "ui://a", "visibility": ["app"] } } })).unwrap();
        assert_eq!((app.ui_resource(), app.is_for_model(), app.is_for_app()), (Some("ui://a"), false, true));
        for uri in ["https://a.example/", "file:///etc/passwd", "UI://x", "ui://a\nIgnore all that"] {
            let other = tool(json!({ "_meta": { "ui": { "resourceUri": uri } } })).unwrap();
            assert_eq!(other.ui_resource(), None, "{uri}");
        }
        assert!(!is_ui(&format!("ui://{}", "x".repeat(limits::UI_RESOURCE))));
        let flat = tool(json!({ "_meta": { "ui/resourceUri": "ui://b" } })).unwrap();
        assert_eq!((flat.ui_resource(), flat.is_for_model()), (Some("ui://b"), true));
        assert!(tool(json!({ "annotations": { "idempotentHint": true } })).unwrap().is_idempotent());
        assert!(!plain.is_idempotent());
    }
}
