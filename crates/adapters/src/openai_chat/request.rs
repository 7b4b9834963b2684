//! The request: a conversation in the dialect's form, under the rules of one service.

use super::parts;
use crate::dialect::history::{self, Assistant, Turn};
use crate::dialect::{Callee, Envelope, IdRule, Members, THOUGHT_SIGNATURE, offered, own_options, schema};
use crate::profile::{Quirks, ReasoningHistory, ToolChoiceStyle, is_reasoning_model, may_skip_reasoning, thinks_aloud};
use copilotkit_protocol::Json;
use copilotkit_runtime::model::{ModelError, ModelRequest, ToolChoice, ToolSpec};
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// The kind of OpenRouter's `reasoning_details` in an envelope.
pub(super) const DETAILS: &str = "reasoning_details";

/// The body of one call, as JSON text.
///
/// # Errors
/// A content part that the dialect has no form for.
pub fn body(callee: &Callee<'_>, request: &ModelRequest) -> Result<Vec<u8>, ModelError> {
    let quirks = callee.quirks;
    let options = own_options(callee, request);
    let shape = Shape::new(callee, &options);
    let mut members = Members::default();
    members.put("model", callee.model);
    settings(&mut members, quirks, &shape, request);
    members.put("messages", &messages(callee, &shape, request)?);
    tools(&mut members, quirks, request);
    members.put("stream", &true);
    if !quirks.no_stream_options {
        members.put("stream_options", &json!({ "include_usage": true }));
    }
    Ok(members.into_body(&options))
}

/// What the model's kind changes in a request.
struct Shape {
    /// `developer` instead of `system`, `max_completion_tokens` instead of `max_tokens`.
    reasoning: bool,
    /// Temperature, nucleus, penalties and the like are taken.
    sampling: bool,
}

impl Shape {
    fn new(callee: &Callee<'_>, options: &BTreeMap<String, Value>) -> Self {
        let reasoning = callee.quirks.reasoning_models && is_reasoning_model(callee.model);
        let effort_none = options.get("reasoning_effort").is_some_and(|effort| effort == "none");
        let switched_off =
            options.get("thinking").and_then(|thinking| thinking.get("type")).is_some_and(|t| t == "disabled");
        let thinks = match (reasoning, callee.quirks.thinks_by_default) {
            (true, _) => !(effort_none && may_skip_reasoning(callee.model)),
            (false, true) => !switched_off,
            (false, false) => false,
        };
        Self { reasoning, sampling: !thinks }
    }
}

fn settings(members: &mut Members<'_>, quirks: &Quirks, shape: &Shape, request: &ModelRequest) {
    let settings = &request.settings;
    let limit = if shape.reasoning { "max_completion_tokens" } else { "max_tokens" };
    members.put_some(limit, settings.max_output_tokens);
    if shape.sampling {
        members.put_some("temperature", settings.temperature);
        members.put_some("top_p", settings.top_p);
        // A model that thinks by default has dropped these two altogether.
        if !shape.reasoning && !quirks.thinks_by_default {
            members.put_some("presence_penalty", settings.presence_penalty);
            members.put_some("frequency_penalty", settings.frequency_penalty);
        }
    }
    if quirks.top_k {
        members.put_some("top_k", settings.top_k);
    }
    members.put_some("stop", (!settings.stop.is_empty()).then_some(&settings.stop));
    if !quirks.thinks_by_default {
        members.put_some(if quirks.random_seed { "random_seed" } else { "seed" }, settings.seed);
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
    Assistant(Said<'a>),
    Tool {
        tool_call_id: Cow<'a, str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        name: Option<&'a str>,
        content: Cow<'a, str>,
    },
}

#[derive(Serialize)]
struct Said<'a> {
    content: parts::Body<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_content: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_details: Option<Vec<Box<RawValue>>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<Call<'a>>,
}

#[derive(Serialize)]
struct Call<'a> {
    id: Cow<'a, str>,
    r#type: &'static str,
    function: Function<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    extra_content: Option<Value>,
}

#[derive(Serialize)]
struct Function<'a> {
    name: &'a str,
    arguments: &'a str,
}

fn messages<'a>(callee: &Callee<'_>, shape: &Shape, request: &'a ModelRequest) -> Result<Vec<Message<'a>>, ModelError> {
    let quirks = callee.quirks;
    let rule = if quirks.nine_character_ids { IdRule::Nine } else { IdRule::Short };
    let mut out = Vec::with_capacity(request.messages.len());
    for turn in history::turns(&request.messages, rule) {
        match turn {
            Turn::System(content) if shape.reasoning => out.push(Message::Developer { content }),
            Turn::System(content) => out.push(Message::System { content }),
            Turn::User(content) => {
                out.push(Message::User { content: parts::user(content, quirks.mistral_parts)? });
            }
            Turn::Assistant(turn) => {
                out.push(Message::Assistant(said(callee, &turn)));
                for call in turn.calls {
                    let content = call.result.content().map_or_else(Into::into, parts::tool);
                    let name = quirks.tool_message_name.then_some(call.name);
                    out.push(Message::Tool { tool_call_id: call.id, name, content });
                }
            }
        }
    }
    Ok(out)
}

fn said<'a>(callee: &Callee<'_>, turn: &Assistant<'a>) -> Said<'a> {
    let tool_calls = turn.calls.iter().map(|call| Call {
        id: call.id.clone(),
        r#type: "function",
        function: Function { name: call.name, arguments: call.arguments },
        extra_content: call
            .encrypted_value
            .and_then(|value| Envelope::open(value, callee.provider))
            .filter(|envelope| envelope.kind == THOUGHT_SIGNATURE)
            .map(|envelope| json!({ "google": { "thought_signature": envelope.value } })),
    });
    let mut said = Said {
        content: parts::Body::Text(turn.text.into()),
        reasoning: None,
        reasoning_content: None,
        reasoning_details: None,
        tool_calls: tool_calls.collect(),
    };
    let thought: String = turn.reasoning.iter().map(|block| block.text.as_str()).collect();
    let some = Some(thought.clone()).filter(|text| !text.is_empty());
    let (member, thought) = match callee.quirks.reasoning_history {
        ReasoningHistory::Member(member) => (member, some),
        ReasoningHistory::Always(member) if !thinks_aloud(callee.model) => (member, Some(thought)),
        ReasoningHistory::Parts => {
            if let Some(thought) = some {
                let text = (!turn.text.is_empty()).then(|| parts::Part::Text { text: turn.text.into() });
                said.content = parts::Body::Parts([parts::Part::thinking(thought)].into_iter().chain(text).collect());
            }
            ("", None)
        }
        ReasoningHistory::Details => {
            said.reasoning_details = details(callee.provider, turn);
            ("", None)
        }
        ReasoningHistory::Dropped | ReasoningHistory::Always(_) => ("", None),
    };
    match member {
        "reasoning" => said.reasoning = thought,
        _ => said.reasoning_content = thought,
    }
    said
}

/// All the details that the service gave in this turn.
fn details(provider: &str, turn: &Assistant<'_>) -> Option<Vec<Box<RawValue>>> {
    let values = turn.reasoning.iter().filter_map(|block| block.encrypted_value.as_deref());
    let envelopes = values.filter_map(|value| Envelope::open(value, provider)).filter(|found| found.kind == DETAILS);
    let details: Vec<_> = envelopes
        .filter_map(|envelope| serde_json::from_str::<Vec<Box<RawValue>>>(&envelope.value).ok())
        .flatten()
        .collect();
    (!details.is_empty()).then_some(details)
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

fn tools(members: &mut Members<'_>, quirks: &Quirks, request: &ModelRequest) {
    let by_name = quirks.tool_choice == ToolChoiceStyle::OpenAi;
    let offered = offered(&request.tools, &request.tool_choice, by_name);
    if offered.is_empty() {
        return;
    }
    let tools: Vec<_> = offered.into_iter().map(declaration).collect();
    members.put("tools", &tools);
    let required = if quirks.tool_choice == ToolChoiceStyle::Any { "any" } else { "required" };
    let choice = match &request.tool_choice {
        ToolChoice::Auto => json!("auto"),
        ToolChoice::None => json!("none"),
        ToolChoice::Tool(name) if by_name => json!({ "type": "function", "function": { "name": name } }),
        ToolChoice::Required | ToolChoice::Tool(_) => json!(required),
    };
    members.put("tool_choice", &choice);
}

fn declaration(tool: &ToolSpec) -> Tool<'_> {
    let function = Declaration { name: &tool.name, description: &tool.description, parameters: schema(tool) };
    Tool { r#type: "function", function }
}
