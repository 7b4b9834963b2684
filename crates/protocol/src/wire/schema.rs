//! JSON Schema of the wire types: what is read and written, in the names of the specification.
//!
//! Objects are closed and no member is ever `null`, as the specification says it; what a reader forgives beyond that
//! (unknown members, the forms of older versions) is not part of a schema.

use super::{Json, JsonPatch, MAX_SAFE_INTEGER, Object, Timestamp};
use crate::input::ResumeStatus;
use crate::message::{Content, ContentPart};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value, json};
use std::borrow::Cow;

/// The members of an object, and then the object.
pub(crate) struct Members<'a> {
    generator: &'a mut SchemaGenerator,
    properties: Map<String, Value>,
    required: Vec<Value>,
}

impl<'a> Members<'a> {
    pub(crate) fn new(generator: &'a mut SchemaGenerator) -> Self {
        Self { generator, properties: Map::new(), required: Vec::new() }
    }

    /// The member that tells the object from others of its union.
    pub(crate) fn tag(&mut self, key: &str, value: &str) {
        self.properties.insert(key.to_owned(), json!({ "const": value }));
        self.required.push(key.into());
    }

    /// `kind` is the macro's: `req` and `some` must be there, `some` with an element in it.
    pub(crate) fn add<T: JsonSchema>(&mut self, key: &str, kind: &str, doc: &[&str], keywords: &[(&str, Value)]) {
        let required = matches!(kind, "req" | "some");
        let schema = self.generator.subschema_for::<T>();
        let mut schema = named(self.generator, key, schema);
        if schema.remove("format").is_some_and(|format| format == "uint64") {
            schema.insert("maximum".to_owned(), MAX_SAFE_INTEGER.into());
        }
        // Any value may be null, and a member that may be absent may not.
        if !required && (is_any(&schema) || is_state(&schema)) {
            schema.insert("not".to_owned(), json!({ "type": "null" }));
        }
        describe(&mut schema, doc);
        if kind == "some" {
            schema.insert("minItems".to_owned(), 1.into());
        }
        for (keyword, value) in keywords {
            schema.insert((*keyword).to_owned(), value.clone());
        }
        self.properties.insert(key.to_owned(), schema.into());
        if required {
            self.required.push(key.into());
        }
    }

    pub(crate) fn finish(self, doc: &[&str]) -> Schema {
        let mut schema = json_schema!({
            "type": "object",
            "properties": self.properties,
            "unevaluatedProperties": false,
        });
        if !self.required.is_empty() {
            schema.insert("required".to_owned(), self.required.into());
        }
        describe(&mut schema, doc);
        schema
    }
}

/// Objects told apart by a member.
pub(crate) struct Union<'a> {
    generator: &'a mut SchemaGenerator,
    variants: Vec<Schema>,
}

impl<'a> Union<'a> {
    pub(crate) fn new(generator: &'a mut SchemaGenerator) -> Self {
        Self { generator, variants: Vec::new() }
    }

    pub(crate) fn add<T: JsonSchema>(&mut self) {
        self.variants.push(self.generator.subschema_for::<T>());
    }

    pub(crate) fn finish(self, doc: &[&str]) -> Schema {
        let mut schema = json_schema!({ "oneOf": self.variants });
        describe(&mut schema, doc);
        schema
    }
}

/// One of these texts.
pub(crate) fn words(words: &[&str]) -> Schema {
    match words {
        [word] => json_schema!({ "const": word }),
        words => json_schema!({ "type": "string", "enum": words }),
    }
}

fn describe(schema: &mut Schema, doc: &[&str]) {
    // Links to items mean nothing outside of the Rust documentation.
    let text = doc.iter().map(|line| line.trim()).collect::<Vec<_>>().join("\n");
    let text = text.replace("[`", "`").replace("`]", "`").replace("\n\n", "\u{0}").replace('\n', " ");
    let text = text.replace('\u{0}', "\n\n");
    if !text.is_empty() {
        schema.insert("description".to_owned(), text.into());
    }
}

/// The specification names the types of some members that are plain ones here.
fn named(generator: &mut SchemaGenerator, key: &str, schema: Schema) -> Schema {
    let (name, description) = match key {
        "metadata" if is_open_object(&schema) => ("Metadata", "Data of the application; the key `ag-ui` is reserved."),
        "state" | "snapshot" if is_any(&schema) => ("State", "The shared state: any JSON value."),
        "subagentRunId" | "parentSubagentRunId" => ("SubagentRunId", "One invocation of a subagent within a run."),
        _ => return schema,
    };
    let mut schema = schema;
    describe(&mut schema, &[description]);
    define(generator, name, schema.into())
}

fn is_any(schema: &Schema) -> bool {
    schema.as_object().is_none_or(Map::is_empty)
}

fn is_open_object(schema: &Schema) -> bool {
    schema.get("type").is_some_and(|kind| kind == "object") && schema.get("additionalProperties").is_some()
}

fn is_state(schema: &Schema) -> bool {
    schema.get("$ref").and_then(Value::as_str).is_some_and(|target| target.ends_with("/State"))
}

/// Puts a definition beside those of the types, and refers to it.
fn define(generator: &mut SchemaGenerator, name: &str, schema: Value) -> Schema {
    let target = format!("#{}/{name}", generator.settings().definitions_path);
    generator.definitions_mut().entry(name.to_owned()).or_insert(schema);
    json_schema!({ "$ref": target })
}

macro_rules! inline {
    ($name:ident, $generator:ident => $schema:expr) => {
        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema($generator: &mut SchemaGenerator) -> Schema {
                $schema
            }
            fn inline_schema() -> bool {
                true
            }
        }
    };
}
inline!(Json, _generator => json_schema!({}));
inline!(Object, _generator => json_schema!({ "type": "object", "additionalProperties": true }));
inline!(Timestamp, _generator => json_schema!({
    "type": "integer",
    "minimum": -MAX_SAFE_INTEGER,
    "maximum": MAX_SAFE_INTEGER,
}));
inline!(ResumeStatus, _generator => words(&["resolved", "cancelled"]));
inline!(Content, generator => json_schema!({
    "oneOf": [{ "type": "string" }, { "type": "array", "items": generator.subschema_for::<ContentPart>() }],
}));

/// Name, `op`, members besides it, what it does.
const OPERATIONS: &[(&str, &str, &[&str], &str)] = &[
    ("AddOperation", "add", &["path", "value"], "Inserts a value."),
    ("RemoveOperation", "remove", &["path"], "Removes a value."),
    ("ReplaceOperation", "replace", &["path", "value"], "Replaces a value."),
    ("MoveOperation", "move", &["from", "path"], "Moves a value."),
    ("CopyOperation", "copy", &["from", "path"], "Copies a value."),
    ("TestOperation", "test", &["path", "value"], "Checks that a value is there."),
];

impl JsonSchema for JsonPatch {
    fn schema_name() -> Cow<'static, str> {
        "JsonPatch".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let pointer = json!({
            "type": "string",
            "pattern": "^(/([^/~]|~[01])*)*$",
            "description": "A JSON Pointer (RFC 6901).",
        });
        let pointer = define(generator, "JsonPointer", pointer);
        let operations = OPERATIONS.iter().map(|(name, op, members, description)| {
            let mut properties = Map::new();
            properties.insert("op".to_owned(), json!({ "const": op }));
            for member in *members {
                let schema = if *member == "value" { Value::Bool(true) } else { pointer.clone().into() };
                properties.insert((*member).to_owned(), schema);
            }
            let required: Vec<_> = std::iter::once("op").chain(members.iter().copied()).collect();
            // Open: RFC 6902 has members that an operation does not define ignored.
            let operation = json!({
                "type": "object",
                "description": description,
                "properties": properties,
                "required": required,
            });
            define(generator, name, operation)
        });
        let operations: Vec<_> = operations.collect();
        let operation = json!({ "description": "One operation, told apart by `op`.", "oneOf": operations });
        let operation = define(generator, "JsonPatchOperation", operation);
        json_schema!({ "type": "array", "description": "A JSON Patch (RFC 6902).", "items": operation })
    }
}
