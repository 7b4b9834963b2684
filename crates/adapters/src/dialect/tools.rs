//! Tools as services are told of them.

use copilotkit_protocol::Json;
use copilotkit_runtime::model::{ToolChoice, ToolSpec};
use serde_json::json;
use std::borrow::Cow;

/// The tools of a request; only the forced one where a service cannot be told which by name.
pub(crate) fn offered<'a>(tools: &'a [ToolSpec], choice: &ToolChoice, by_name: bool) -> Vec<&'a ToolSpec> {
    let forced = match choice {
        ToolChoice::Tool(name) if !by_name => Some(name),
        _ => None,
    };
    tools.iter().filter(|tool| forced.is_none_or(|name| tool.name == *name)).collect()
}

/// The schema of a tool's arguments as it was given; services want an object.
pub(crate) fn schema(tool: &ToolSpec) -> Cow<'_, Json> {
    match &tool.parameters {
        Some(schema) if schema.is_object() && schema.get() != "{}" => Cow::Borrowed(schema),
        _ => Cow::Owned(Json::of(&json!({ "type": "object", "properties": {} }))),
    }
}
