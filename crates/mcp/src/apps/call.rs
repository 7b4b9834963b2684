//! One call of a tool with a user interface, and what the page is told of it.

use super::ACTIVITY;
use super::watch::Call;
use crate::error::McpError;
use crate::limits;
use crate::listing::ToolDef;
use crate::pool::CallTerms;
use crate::result;
use copilotkit_protocol::{ActivitySnapshot, Content, Emitted, Event, Json, Object, ToolCallResult, check_depth};
use copilotkit_runtime::telemetry::names;
use copilotkit_runtime::{RunContext, ToolError};
use rmcp::model::CallToolResult;
use serde_json::json;
use uuid::Uuid;

/// How many places in arguments that do not fit are told.
const PLACES: usize = 5;

/// Executes a call: its result as the agent is told it, and what the page paints. A call that failed has a result that
/// says so, and nothing to paint.
pub(super) async fn execute(call: Call, context: &RunContext) -> Vec<Emitted> {
    let tool = &call.interface.tool;
    let traced = context.trace.tool(&tool.name, &call.id);
    traced.record_content(names::TOOL_ARGUMENTS, &call.arguments);
    let terms = CallTerms { cancel: context.cancel.clone(), elicit: None, trace: traced.trace().clone() };
    match attempt(&call, &terms).await {
        Ok(Shown { text, activity, is_error }) => {
            traced.record_content(names::TOOL_RESULT, &text);
            traced.end(if is_error { Err("tool_failed") } else { Ok(()) });
            vec![told(&call, text), activity]
        }
        Err(error) => {
            traced.end(Err(error.code));
            let content = json!({ "error": error.message, "reason": error.code });
            vec![told(&call, content.to_string())]
        }
    }
}

struct Shown {
    text: String,
    activity: Emitted,
    is_error: bool,
}

async fn attempt(call: &Call, terms: &CallTerms) -> Result<Shown, ToolError> {
    let arguments = arguments(&call.interface.tool, &call.arguments)?;
    let (lease, tool) = (&call.interface.lease, &call.interface.tool);
    let result = lease.call_tool(&tool.name, &arguments, terms).await.map_err(|error| failed(call, error))?;
    let is_error = result.is_error == Some(true);
    let text = result::text(&result);
    let activity = activity(call, &arguments, result)?;
    Ok(Shown { text, activity, is_error })
}

fn failed(call: &Call, error: McpError) -> ToolError {
    let (server, tool) = (call.interface.lease.config().id.as_str(), call.interface.tool.name.as_str());
    let kind = error.kind.as_str();
    tracing::warn!(server, tool, kind, detail = &*error.detail, "a call of a tool with a user interface failed");
    error.into()
}

/// The arguments, if they are a JSON object that the tool's schema accepts. Nothing at all is an empty object.
fn arguments(tool: &ToolDef, text: &str) -> Result<Json, ToolError> {
    let wrong = |message: String| ToolError { code: "tool_arguments", message };
    let text = if text.trim().is_empty() { "{}" } else { text };
    if text.len() > limits::RESULT {
        return Err(wrong(format!("The arguments are larger than {} bytes.", limits::RESULT)));
    }
    check_depth(text.as_bytes(), limits::SHOWN_DEPTH).map_err(|error| wrong(format!("The arguments: {error}.")))?;
    let arguments = Json::parse(text).map_err(|error| wrong(format!("The arguments are no JSON: {error}.")))?;
    if !arguments.is_object() {
        return Err(wrong("The arguments are no JSON object.".to_owned()));
    }
    // A schema that is none was found out when the tool was listed.
    let Ok(schema) = jsonschema::validator_for(&tool.model_schema().to_value()) else { return Ok(arguments) };
    let value = arguments.to_value();
    let places: Vec<_> =
        schema.iter_errors(&value).take(PLACES).map(|error| format!("{}: {error}", error.instance_path())).collect();
    match places.is_empty() {
        true => Ok(arguments),
        false => Err(wrong(format!("The arguments do not fit the schema: {}", places.join("; ")))),
    }
}

fn told(call: &Call, text: String) -> Emitted {
    let event = ToolCallResult {
        message_id: Uuid::new_v4().to_string(),
        tool_call_id: call.id.clone(),
        content: Content::Text(text),
        subagent_run_id: call.subagent.clone(),
        ..Default::default()
    };
    Event::from(event).into()
}

fn activity(call: &Call, arguments: &Json, result: CallToolResult) -> Result<Emitted, ToolError> {
    let interface = &call.interface;
    let result = result::for_page(result);
    if check_depth(result.get().as_bytes(), limits::SHOWN_DEPTH).is_err() {
        return Err(ToolError::failed("The result is nested too deep to be shown."));
    }
    let (resource, hash) = (Json::of(&interface.resource), Json::of(&interface.server_hash));
    let id = interface.server_id.as_ref().map(Json::of);
    let members = [("result", &result), ("resourceUri", &resource), ("serverHash", &hash)];
    let members = members.into_iter().chain(id.iter().map(|id| ("serverId", id)));
    let content = Object::from_members(members.chain([("toolInput", arguments)]));
    let event = ActivitySnapshot {
        message_id: Uuid::new_v4().to_string(),
        activity_type: ACTIVITY.to_owned(),
        content,
        replace: Some(true),
        subagent_run_id: call.subagent.clone(),
        ..Default::default()
    };
    Ok(Event::from(event).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(text: &str) -> Result<String, String> {
        let schema = json!({ "type": "object", "properties": { "n": { "type": "number" } }, "required": ["n"] });
        let tool = ToolDef::read(json!({ "name": "a", "inputSchema": schema })).unwrap();
        arguments(&tool, text).map(|json| json.get().to_owned()).map_err(|error| {
            assert_eq!(error.code, "tool_arguments");
            error.message
        })
    }

    #[test]
    fn arguments_that_do_not_fit_are_told_apart() {
        assert_eq!(checked("{\"n\":1.50}").unwrap(), "{\"n\":1.50}", "as they were written");
        for (text, part) in [
            ("", "\"n\" is a required property"),
            ("{\"n\":", "no JSON"),
            ("[1]", "no JSON object"),
            ("{\"n\":\"x\"}", "/n: \"x\" is not of type"),
        ] {
            assert!(checked(text).unwrap_err().contains(part), "{text}: {:?}", checked(text));
        }
        let deep = format!("{{\"n\":{}1{}}}", "[".repeat(120), "]".repeat(120));
        assert!(checked(&deep).is_err());
        assert!(
            checked(&format!("{{\"n\":1,\"x\":\"{}\"}}", "y".repeat(limits::RESULT))).unwrap_err().contains("larger")
        );
    }
}
