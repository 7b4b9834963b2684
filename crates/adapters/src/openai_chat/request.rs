//! The request: a conversation in the dialect's form, under the rules of one service.

use super::history::{self, Turn};
use super::profile::{Quirks, ReasoningHistory, ToolChoiceStyle, is_reasoning_model, may_skip_reasoning};
use super::{envelope, parts};
use copilotkit_protocol::wire::{Json, Object};
use copilotkit_runtime::model::{ModelError, ModelMessage, ModelRequest, ModelToolCall, ToolChoice, ToolSpec};
use serde::Serialize;
use serde_json::json;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// The body of one call, as JSON text.
///
/// # Errors
/// A content part that the dialect has no form for.
pub fn body(model: &str, quirks: &Quirks, request: &ModelRequest) -> Result<Vec<u8>, ModelError> {
    let options = &request.settings.provider_options;
    let shape = Shape::new(model, quirks, options);
    let mut members: Vec<(&str, Json)> = vec![("model", Json::of(model))];
    settings(&mut members, quirks, &shape, request);
    members.push(("messages", Json::of(&messages(quirks, &shape, request)?)));
    tools(&mut members, quirks, request);
    members.push(("stream", Json::of(&true)));
    if !quirks.no_stream_options {
        members.push(("stream_options", Json::of(&json!({ "include_usage": true }))));
    }
    members.retain(|(key, _)| !options.contains_key(*key));
    members.extend(options.iter().map(|(key, value)| (key.as_str(), Json::of(value))));
    Ok(Object::from_members(members.iter().map(|(key, value)| (*key, value))).get().as_bytes().to_vec())
}

/// What the model's kind changes in a request.
struct Shape {
    /// `developer` instead of `system`, `max_completion_tokens` instead of `max_tokens`.
    reasoning: bool,
    /// Temperature, nucleus, penalties and the like are taken.
    sampling: bool,
}

impl Shape {
    fn new(model: &str, quirks: &Quirks, options: &BTreeMap<String, serde_json::Value>) -> Self {
        let reasoning = quirks.reasoning_models && is_reasoning_model(model);
        let effort_none = options.get("reasoning_effort").is_some_and(|effort| effort == "none");
        let switched_off =
            options.get("thinking").and_then(|thinking| thinking.get("type")).is_some_and(|t| t == "disabled");
        let thinks = match (reasoning, quirks.thinks_by_default) {
            (true, _) => !(effort_none && may_skip_reasoning(model)),
            (false, true) => !switched_off,
            (false, false) => false,
        };
        Self { reasoning, sampling: !thinks }
    }
}

fn settings<'a>(members: &mut Vec<(&'a str, Json)>, quirks: &Quirks, shape: &Shape, request: &ModelRequest) {
    let settings = &request.settings;
    let mut put = |key: &'a str, value: Option<Json>| members.extend(value.map(|value| (key, value)));
    let limit = if shape.reasoning { "max_completion_tokens" } else { "max_tokens" };
    put(limit, settings.max_output_tokens.map(|count| Json::of(&count)));
    let number = |value: Option<f64>| value.map(|value| Json::of(&value));
    if shape.sampling {
        put("temperature", number(settings.temperature));
        put("top_p", number(settings.top_p));
        // A model that thinks by default has dropped these two altogether.
        if !shape.reasoning && !quirks.thinks_by_default {
            put("presence_penalty", number(settings.presence_penalty));
            put("frequency_penalty", number(settings.frequency_penalty));
        }
    }
    if quirks.top_k {
        put("top_k", settings.top_k.map(|k| Json::of(&k)));
    }
    put("stop", (!settings.stop.is_empty()).then(|| Json::of(&settings.stop)));
    if !quirks.thinks_by_default {
        put(if quirks.random_seed { "random_seed" } else { "seed" }, settings.seed.map(|seed| Json::of(&seed)));
    }
}

#[derive(Serialize)]
#[serde(tag = "role", rename_all = "snake_case")]
enum Message<'a> {
    System {
        content: &'a str,
    },
    Developer {
        content: &'a str,
    },
    User {
        content: parts::Body<'a>,
    },
    Assistant(Assistant<'a>),
    Tool {
        tool_call_id: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        name: Option<&'a str>,
        content: Cow<'a, str>,
    },
}

#[derive(Serialize)]
struct Assistant<'a> {
    content: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_content: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<Call<'a>>,
}

#[derive(Serialize)]
struct Call<'a> {
    id: &'a str,
    r#type: &'static str,
    function: Function<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    extra_content: Option<serde_json::Value>,
}

#[derive(Serialize)]
struct Function<'a> {
    name: &'a str,
    arguments: &'a str,
}

fn messages<'a>(quirks: &Quirks, shape: &Shape, request: &'a ModelRequest) -> Result<Vec<Message<'a>>, ModelError> {
    let mut out = Vec::with_capacity(request.messages.len());
    for turn in history::turns(&request.messages) {
        match turn {
            Turn::Message(ModelMessage::System { content }) if shape.reasoning => {
                out.push(Message::Developer { content });
            }
            Turn::Message(ModelMessage::System { content }) => out.push(Message::System { content }),
            Turn::Message(ModelMessage::User { content }) => out.push(Message::User { content: parts::user(content)? }),
            Turn::Message(message) => out.extend(assistant(quirks, message, &[])),
            Turn::Calls(message, results) => {
                let calls: Vec<_> = results.iter().map(|(call, _)| *call).collect();
                out.extend(assistant(quirks, message, &calls));
                for (call, result) in results {
                    let content = result.map_or(Ok(history::NO_RESULT.into()), parts::tool)?;
                    let name = quirks.tool_message_name.then_some(call.name.as_str());
                    out.push(Message::Tool { tool_call_id: &call.id, name, content });
                }
            }
        }
    }
    Ok(out)
}

/// Nothing for a message that says nothing: services refuse it.
fn assistant<'a>(quirks: &Quirks, message: &'a ModelMessage, calls: &[&'a ModelToolCall]) -> Option<Message<'a>> {
    let ModelMessage::Assistant { content, reasoning, .. } = message else { return None };
    if content.is_empty() && calls.is_empty() {
        return None;
    }
    let thought: String = reasoning.iter().map(|block| block.text.as_str()).collect();
    let thought_some = Some(thought).filter(|text| !text.is_empty());
    let (member, thought) = match quirks.reasoning_history {
        ReasoningHistory::Dropped => ("", None),
        ReasoningHistory::Member(member) => (member, thought_some),
        ReasoningHistory::Always(member) => (member, Some(thought_some.unwrap_or_default())),
    };
    let (reasoning, reasoning_content) = if member == "reasoning" { (thought, None) } else { (None, thought) };
    let tool_calls = calls.iter().map(|call| Call {
        id: &call.id,
        r#type: "function",
        function: Function { name: &call.name, arguments: history::arguments(&call.arguments) },
        extra_content: call
            .encrypted_value
            .as_deref()
            .and_then(envelope::read_thought_signature)
            .map(|signature| json!({ "google": { "thought_signature": signature } })),
    });
    Some(Message::Assistant(Assistant { content, reasoning, reasoning_content, tool_calls: tool_calls.collect() }))
}

#[derive(Serialize)]
struct Tool<'a> {
    r#type: &'static str,
    function: Declaration<'a>,
}

#[derive(Serialize)]
struct Declaration<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    description: &'a str,
    parameters: Cow<'a, Json>,
}

fn tools(members: &mut Vec<(&str, Json)>, quirks: &Quirks, request: &ModelRequest) {
    let forced = match (&request.tool_choice, quirks.tool_choice) {
        (ToolChoice::Tool(name), ToolChoiceStyle::Strings | ToolChoiceStyle::Any) => Some(name),
        _ => None,
    };
    let offered = request.tools.iter().filter(|tool| forced.is_none_or(|name| tool.name == *name));
    let tools: Vec<_> = offered.map(declaration).collect();
    if tools.is_empty() {
        return;
    }
    members.push(("tools", Json::of(&tools)));
    let required = if quirks.tool_choice == ToolChoiceStyle::Any { "any" } else { "required" };
    let choice = match &request.tool_choice {
        ToolChoice::Auto => json!("auto"),
        ToolChoice::None => json!("none"),
        ToolChoice::Required => json!(required),
        ToolChoice::Tool(_) if forced.is_some() => json!(required),
        ToolChoice::Tool(name) => json!({ "type": "function", "function": { "name": name } }),
    };
    members.push(("tool_choice", Json::of(&choice)));
}

fn declaration(tool: &ToolSpec) -> Tool<'_> {
    let parameters = match &tool.parameters {
        Some(schema) if schema.is_object() && schema.get() != "{}" => Cow::Borrowed(schema),
        _ => Cow::Owned(Json::of(&json!({ "type": "object", "properties": {} }))),
    };
    Tool { r#type: "function", function: Declaration { name: &tool.name, description: &tool.description, parameters } }
}
