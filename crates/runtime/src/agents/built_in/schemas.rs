//! The schemas of tools: compiled once for an agent, and what is said about arguments that do not fit them.

use crate::limits;
use crate::model::ToolSpec;
use crate::tool::ToolError;
use copilotkit_protocol::{Code, Json};
use jsonschema::Validator;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

type Compiled = Arc<Result<Validator, String>>;

/// Compiled schemas by their text. Tools of sources are listed for each run, with the same schemas.
#[derive(Default)]
pub(super) struct Schemas(Mutex<HashMap<String, Compiled>>);

impl Schemas {
    /// The arguments, if they are an object that the tool's schema accepts.
    pub(super) fn check(&self, spec: &ToolSpec, text: &str) -> Result<Json, ToolError> {
        let wrong = |message: String| ToolError { code: Code::ToolArguments.into(), message };
        let value: serde_json::Value =
            serde_json::from_str(text).map_err(|error| wrong(format!("The arguments are not valid JSON: {error}.")))?;
        if !value.is_object() {
            return Err(wrong("The arguments must be a JSON object.".to_owned()));
        }
        match spec.parameters.as_ref().map(|schema| self.compiled(schema)).as_deref() {
            None => {}
            Some(Ok(validator)) => {
                let complaints: Vec<_> = validator
                    .iter_errors(&value)
                    .take(5)
                    .map(|error| match error.instance_path().as_str() {
                        "" => shorten(error.to_string()),
                        path => format!("{path}: {}", shorten(error.to_string())),
                    })
                    .collect();
                if !complaints.is_empty() {
                    let message = format!("The arguments do not fit the tool's schema: {}.", complaints.join("; "));
                    return Err(wrong(message));
                }
            }
            Some(Err(error)) => {
                let message = format!("The tool cannot be called, its own schema is not valid: {error}");
                return Err(ToolError { code: Code::ToolSchema.into(), message });
            }
        }
        Json::parse(text).map_err(|error| wrong(error.to_string()))
    }

    fn compiled(&self, schema: &Json) -> Compiled {
        let find = |known: &HashMap<String, Compiled>| known.get(schema.get()).map(Arc::clone);
        if let Some(compiled) = find(&self.0.lock().unwrap_or_else(PoisonError::into_inner)) {
            return compiled;
        }
        let compiled = Arc::new(compile(schema));
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= limits::TOOL_SCHEMAS {
            // A source whose schemas differ in every run: what is asked for often is soon there again.
            known.clear();
        }
        known.insert(schema.get().to_owned(), Arc::clone(&compiled));
        compiled
    }
}

/// Whether `schema` can check arguments of a tool: an object, or `true`, that is a JSON Schema and asks for an object.
///
/// # Errors
/// What is wrong with it.
pub fn check_schema(schema: &Json) -> Result<(), String> {
    #[derive(serde::Deserialize)]
    struct Root {
        #[serde(rename = "type")]
        kind: Option<serde_json::Value>,
    }
    if !schema.is_object() {
        return Err("it is no object".to_owned());
    }
    let root: Root = schema.read().map_err(|error| error.to_string())?;
    match root.kind {
        None => {}
        Some(serde_json::Value::String(kind)) if kind == "object" => {}
        Some(kind) => return Err(format!("arguments are always an object, and it asks for the type {kind}")),
    }
    compile(schema).map(drop)
}

fn compile(schema: &Json) -> Result<Validator, String> {
    jsonschema::validator_for(&schema.to_value()).map_err(|error| match error.instance_path().as_str() {
        "" => shorten(error.to_string()),
        path => format!("{path}: {}", shorten(error.to_string())),
    })
}

/// The validator quotes the value, which may be a whole document.
fn shorten(mut text: String) -> String {
    const MAX: usize = 300;
    if let Some((end, _)) = text.char_indices().nth(MAX) {
        text.truncate(end);
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(schema: &str, arguments: &str) -> Result<Json, ToolError> {
        let spec = ToolSpec { parameters: Some(Json::parse(schema).unwrap()), ..Default::default() };
        Schemas::default().check(&spec, arguments)
    }

    #[test]
    fn complaints_name_the_place() {
        let schema = r#"{"type":"object","properties":{"at":{"type":"object","properties":{"x":{"type":"number"}}}},"required":["at"]}"#;
        let message = |arguments| check(schema, arguments).unwrap_err().message;
        assert_eq!(check(schema, r#"{"at":{"x":1.0}}"#).unwrap().get(), r#"{"at":{"x":1.0}}"#);
        assert!(message(r#"{"at":{"x":"a"}}"#).contains(r#"/at/x: "a" is not of type "number""#));
        assert!(message("{}").contains(r#""at" is a required property"#));
        assert!(message("{").starts_with("The arguments are not valid JSON"));
        assert!(message("[]").contains("must be a JSON object"));
    }

    #[test]
    fn a_broken_schema_is_said_to_be_one() {
        assert_eq!(check(r#"{"type":"objekt"}"#, "{}").unwrap_err().code, "tool_schema");
        let error = check(r#"{"$ref":"https://example.com/schema.json"}"#, "{}").unwrap_err();
        assert_eq!(error.code, "tool_schema", "nothing is fetched");
    }

    #[test]
    fn a_schema_is_compiled_once_and_not_too_many_are_kept() {
        let schemas = Schemas::default();
        let schema = |index: usize| Json::parse(format!(r#"{{"title":"{index}"}}"#)).unwrap();
        let first = schemas.compiled(&schema(0));
        assert!(Arc::ptr_eq(&first, &schemas.compiled(&schema(0))));
        for index in 1..=limits::TOOL_SCHEMAS {
            schemas.compiled(&schema(index));
        }
        assert!(!Arc::ptr_eq(&first, &schemas.compiled(&schema(0))));
        assert!(schemas.0.lock().unwrap().len() <= limits::TOOL_SCHEMAS);
    }

    #[test]
    fn what_cannot_check_arguments_is_refused() {
        let check = |text: &str| check_schema(&Json::parse(text).unwrap());
        assert_eq!(check(r#"{"type":"object","properties":{"a":{"type":"string"}}}"#), Ok(()));
        assert_eq!(check("{}"), Ok(()));
        assert!(check("1").unwrap_err().contains("no object"));
        assert!(check(r#"{"type":"array"}"#).unwrap_err().contains("array"));
        let error = check(r#"{"type":"object","properties":{"a":{"type":"text"}}}"#).unwrap_err();
        assert!(error.contains("/properties/a/type"), "{error}");
        assert!(check(r##"{"properties":{"a":{"$ref":"#/nowhere"}}}"##).is_err());
    }
}
