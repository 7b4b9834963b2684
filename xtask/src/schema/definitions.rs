//! The definitions: from the Rust types by way of their `JsonSchema`.

use anyhow::Context;
use copilotkit_protocol::runtime_api::{
    Envelope, ErrorBody, RuntimeInfo, StopAnswer, StopRequest, Thread, ThreadArchived, ThreadDeleted, ThreadEvents,
    ThreadList, ThreadMessages, ThreadScope, ThreadState, ThreadUpdate, TranscribeBody, Transcript,
};
use copilotkit_protocol::{AgentCapabilities, Event, EventKind};
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

/// Schemas by name.
pub(crate) type Definitions = Map<String, Value>;

const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// Everything that AG-UI defines. `path` is where the definitions will stand in their document.
pub(crate) fn ag_ui(path: &str) -> Definitions {
    let mut generator = settings(path).into_generator();
    generator.subschema_for::<Event>();
    generator.subschema_for::<EventKind>();
    generator.subschema_for::<AgentCapabilities>();
    generator.take_definitions(true)
}

/// What the runtime defines besides AG-UI, with what that refers to.
pub(crate) fn runtime_api(path: &str) -> Definitions {
    let mut written = settings(path).for_serialize().into_generator();
    written.subschema_for::<RuntimeInfo>();
    written.subschema_for::<StopAnswer>();
    written.subschema_for::<ErrorBody>();
    written.subschema_for::<Transcript>();
    written.subschema_for::<Thread>();
    written.subschema_for::<ThreadList>();
    written.subschema_for::<ThreadMessages>();
    written.subschema_for::<ThreadEvents>();
    written.subschema_for::<ThreadState>();
    written.subschema_for::<ThreadArchived>();
    written.subschema_for::<ThreadDeleted>();
    let mut read = settings(path).for_deserialize().into_generator();
    read.subschema_for::<Envelope>();
    read.subschema_for::<StopRequest>();
    read.subschema_for::<TranscribeBody>();
    read.subschema_for::<ThreadUpdate>();
    read.subschema_for::<ThreadScope>();
    let mut definitions = written.take_definitions(true);
    definitions.extend(read.take_definitions(true));
    definitions.values_mut().for_each(drop_null_defaults);
    definitions
}

/// A member that may be absent and is never null has no default that could be written.
fn drop_null_defaults(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            if members.get("default").is_some_and(Value::is_null) {
                members.remove("default");
            }
            members.values_mut().for_each(drop_null_defaults);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_null_defaults),
        _ => {}
    }
}

/// A document about `name`, with the definitions that it needs.
pub(crate) fn document(definitions: &Definitions, name: &str, title: &str) -> anyhow::Result<Value> {
    let root = definitions.get(name).with_context(|| format!("there is no definition {name}"))?;
    let mut needed = Definitions::new();
    // The events document is the whole: whoever wants one definition finds it there.
    let all = name == "Event";
    collect(definitions, name, &mut needed);
    if all {
        needed = definitions.clone();
    }
    Ok(json!({
        "$schema": DIALECT,
        "title": title,
        "description": root.get("description"),
        "$ref": format!("#/$defs/{name}"),
        "$defs": needed,
    }))
}

/// The names that a schema refers to.
pub(crate) fn references(schema: &Value, found: &mut Vec<String>) {
    match schema {
        Value::Object(members) => {
            if let Some(name) = members.get("$ref").and_then(Value::as_str).and_then(|target| target.rsplit('/').next())
            {
                found.push(name.to_owned());
            }
            members.values().for_each(|value| references(value, found));
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        _ => {}
    }
}

fn collect(definitions: &Definitions, name: &str, needed: &mut Definitions) {
    if needed.contains_key(name) {
        return;
    }
    if let Some(schema) = definitions.get(name) {
        needed.insert(name.to_owned(), schema.clone());
        let mut names = Vec::new();
        references(schema, &mut names);
        names.iter().for_each(|name| collect(definitions, name, needed));
    }
}

fn settings(path: &str) -> SchemaSettings {
    SchemaSettings::draft2020_12().with(|settings| settings.definitions_path = path.to_owned().into())
}
