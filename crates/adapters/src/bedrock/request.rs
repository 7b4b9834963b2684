//! The request: a conversation in which user and assistant take turns, with the system's text beside it.

use super::{BEDROCK, REDACTED, THINKING, parts};
use crate::dialect::history::{self, Assistant, Turn};
use crate::dialect::{Callee, Entry, Envelope, IdRule, Members, own_options, schema};
use copilotkit_protocol::Json;
use copilotkit_runtime::model::{ModelError, ModelMessage, ModelRequest, ReasoningBlock, ToolChoice, ToolSpec};
use serde::Serialize;
use serde_json::json;
use serde_json::value::RawValue;
use std::borrow::Cow;

/// The body of one call, as JSON text.
///
/// # Errors
/// A content part that the dialect has no form for.
pub fn body(callee: &Callee<'_>, request: &ModelRequest) -> Result<Vec<u8>, ModelError> {
    let options = own_options(callee, request);
    let rule = if callee.model.contains("mistral.") { IdRule::Nine } else { IdRule::Word };
    let mut system = Vec::new();
    let mut entries = Vec::new();
    for turn in history::turns(&request.messages, rule) {
        match turn {
            Turn::System("") => {}
            Turn::System(text) => system.push(parts::Part::Text(text.into())),
            Turn::User(content) => {
                Entry::add(&mut entries, "user", parts::user(content)?.into_iter().map(Block::Part));
            }
            Turn::Assistant(turn) => said(turn, &mut entries)?,
        }
    }
    Entry::begin_with_user(&mut entries, |text| Block::Part(parts::Part::Text(text.into())));
    let mut members = Members::default();
    members.put_some("system", (!system.is_empty()).then_some(&system));
    members.put("messages", &entries);
    let config = inference_config(request);
    if !config.is_empty() {
        members.put("inferenceConfig", &config.into_json());
    }
    if let Some(tools) = tools(request) {
        members.put("toolConfig", &tools);
    }
    Ok(members.into_body(&options))
}

fn inference_config(request: &ModelRequest) -> Members<'static> {
    let settings = &request.settings;
    let mut config = Members::default();
    config.put_some("maxTokens", settings.max_output_tokens);
    config.put_some("temperature", settings.temperature);
    config.put_some("topP", settings.top_p);
    config.put_some("stopSequences", (!settings.stop.is_empty()).then_some(&settings.stop));
    config
}

#[derive(Serialize)]
#[serde(untagged)]
enum Block<'a> {
    Part(parts::Part<'a>),
    Own(Own<'a>),
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
enum Own<'a> {
    ReasoningContent(Reasoning<'a>),
    ToolUse(ToolUse<'a>),
    ToolResult(ToolResult<'a>),
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
enum Reasoning<'a> {
    ReasoningText { text: &'a str, signature: String },
    RedactedContent(String),
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ToolUse<'a> {
    tool_use_id: Cow<'a, str>,
    name: &'a str,
    input: Box<RawValue>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ToolResult<'a> {
    tool_use_id: Cow<'a, str>,
    content: Vec<parts::Part<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<&'static str>,
}

fn said<'a>(turn: Assistant<'a>, entries: &mut Vec<Entry<Block<'a>>>) -> Result<(), ModelError> {
    Entry::add(entries, "assistant", thoughts(turn.reasoning).map(Own::ReasoningContent).map(Block::Own));
    let text = (!turn.text.trim().is_empty()).then(|| Block::Part(parts::Part::Text(turn.text.into())));
    Entry::add(entries, "assistant", text);
    let mut results = Vec::with_capacity(turn.calls.len());
    for call in turn.calls {
        let content = match call.result.content() {
            Ok(content) => parts::result(content),
            Err(none) => vec![parts::Part::Text(none.into())],
        };
        let status = call.result.is_error.then_some("error");
        results.push(Block::Own(Own::ToolResult(ToolResult { tool_use_id: call.id.clone(), content, status })));
        let input = RawValue::from_string(call.arguments.trim().to_owned()).unwrap_or_default();
        let tool_use = ToolUse { tool_use_id: call.id, name: call.name, input };
        Entry::add(entries, "assistant", [Block::Own(Own::ToolUse(tool_use))]);
    }
    Entry::add(entries, "user", results);
    Ok(())
}

/// Thinking goes back unchanged. What another provider thought, or what has no signature, is left out.
fn thoughts(blocks: &[ReasoningBlock]) -> impl Iterator<Item = Reasoning<'_>> {
    blocks.iter().filter_map(|block| {
        let envelope = Envelope::open(block.encrypted_value.as_deref()?, BEDROCK)?;
        match envelope.kind.as_str() {
            THINKING => Some(Reasoning::ReasoningText { text: &block.text, signature: envelope.value }),
            REDACTED => Some(Reasoning::RedactedContent(envelope.value)),
            _ => None,
        }
    })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Tool<'a> {
    tool_spec: Spec<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Spec<'a> {
    name: &'a str,
    /// An empty one is refused.
    #[serde(skip_serializing_if = "str::is_empty")]
    description: &'a str,
    input_schema: Schema<'a>,
}

#[derive(Serialize)]
struct Schema<'a> {
    json: Cow<'a, Json>,
}

/// There is no way to say that no tool may be called but to offer none. A conversation in which tools were called needs
/// them all the same.
fn tools(request: &ModelRequest) -> Option<Json> {
    let called = called(&request.messages);
    let none = ToolSpec::default();
    let mut specs: Vec<Tool<'_>> = Vec::new();
    if request.tool_choice != ToolChoice::None || !called.is_empty() {
        specs.extend(request.tools.iter().map(|tool| spec(&tool.name, tool)));
    }
    if specs.is_empty() {
        specs.extend(called.into_iter().map(|name| spec(name, &none)));
    }
    if specs.is_empty() {
        return None;
    }
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Config<'a> {
        tools: Vec<Tool<'a>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        tool_choice: Option<serde_json::Value>,
    }
    let tool_choice = match &request.tool_choice {
        _ if request.tools.is_empty() => None,
        ToolChoice::None => None,
        ToolChoice::Auto => Some(json!({ "auto": {} })),
        ToolChoice::Required => Some(json!({ "any": {} })),
        ToolChoice::Tool(name) => Some(json!({ "tool": { "name": name } })),
    };
    Some(Json::of(&Config { tools: specs, tool_choice }))
}

fn spec<'a>(name: &'a str, tool: &'a ToolSpec) -> Tool<'a> {
    let input_schema = Schema { json: schema(tool) };
    Tool { tool_spec: Spec { name, description: &tool.description, input_schema } }
}

/// The tools that were called, each once.
fn called(messages: &[ModelMessage]) -> Vec<&str> {
    let mut names = Vec::new();
    for message in messages {
        if let ModelMessage::Assistant { tool_calls, .. } = message {
            for call in tool_calls {
                if !names.contains(&call.name.as_str()) {
                    names.push(&call.name);
                }
            }
        }
    }
    names
}
