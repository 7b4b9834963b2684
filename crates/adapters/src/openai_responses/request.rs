//! The request: a conversation as a list of items.

use super::{REASONING, parts};
use crate::dialect::history::{self, Assistant, Turn};
use crate::dialect::{Callee, Envelope, IdRule, Members, offered, own_options, schema};
use crate::profile::{ToolChoiceStyle, is_reasoning_model, may_skip_reasoning};
use copilotkit_protocol::Json;
use copilotkit_runtime::model::{ModelError, ModelRequest, ReasoningBlock, ToolChoice};
use serde::Serialize;
use serde_json::json;
use std::borrow::Cow;

/// The body of one call, as JSON text.
///
/// # Errors
/// A content part that the dialect has no form for.
pub fn body(callee: &Callee<'_>, request: &ModelRequest) -> Result<Vec<u8>, ModelError> {
    let settings = &request.settings;
    let options = own_options(callee, request);
    let reasoning = callee.quirks.reasoning_models && is_reasoning_model(callee.model);
    let effort_none = options.get("reasoning").is_some_and(|reasoning| reasoning["effort"] == "none");
    let mut members = Members::default();
    members.put("model", callee.model);
    members.put("input", &input(callee, reasoning, request)?);
    members.put_some("max_output_tokens", settings.max_output_tokens);
    if !reasoning || (effort_none && may_skip_reasoning(callee.model)) {
        members.put_some("temperature", settings.temperature);
        members.put_some("top_p", settings.top_p);
    }
    tools(&mut members, callee, request);
    members.put("store", &false);
    if reasoning {
        // What is not stored there has to be given back here. Other models refuse to be asked for it.
        members.put("include", &["reasoning.encrypted_content"]);
    }
    members.put("stream", &true);
    Ok(members.into_body(&options))
}

#[derive(Serialize)]
#[serde(untagged)]
enum Item<'a> {
    Instructions { role: &'static str, content: &'a str },
    User { role: &'static str, content: Vec<parts::Part<'a>> },
    Assistant { role: &'static str, content: [OutputText<'a>; 1] },
    Typed(Typed<'a>),
}

#[derive(Serialize)]
struct OutputText<'a> {
    r#type: &'static str,
    text: &'a str,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Typed<'a> {
    Reasoning {
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<String>,
        encrypted_content: String,
        summary: Vec<Summary<'a>>,
    },
    FunctionCall {
        call_id: Cow<'a, str>,
        name: &'a str,
        arguments: &'a str,
    },
    FunctionCallOutput {
        call_id: Cow<'a, str>,
        output: parts::Output<'a>,
    },
}

#[derive(Serialize)]
struct Summary<'a> {
    r#type: &'static str,
    text: &'a str,
}

fn input<'a>(callee: &Callee<'_>, reasoning: bool, request: &'a ModelRequest) -> Result<Vec<Item<'a>>, ModelError> {
    let mut items = Vec::with_capacity(request.messages.len());
    for turn in history::turns(&request.messages, IdRule::Word) {
        match turn {
            Turn::System(content) => {
                items.push(Item::Instructions { role: if reasoning { "developer" } else { "system" }, content });
            }
            Turn::User(content) => {
                let content = parts::user(content)?;
                if !content.is_empty() {
                    items.push(Item::User { role: "user", content });
                }
            }
            Turn::Assistant(turn) => said(callee, turn, &mut items)?,
        }
    }
    Ok(items)
}

fn said<'a>(callee: &Callee<'_>, turn: Assistant<'a>, items: &mut Vec<Item<'a>>) -> Result<(), ModelError> {
    items.extend(thoughts(callee.provider, turn.reasoning).map(Item::Typed));
    if !turn.text.is_empty() {
        let content = [OutputText { r#type: "output_text", text: turn.text }];
        items.push(Item::Assistant { role: "assistant", content });
    }
    let mut outputs = Vec::with_capacity(turn.calls.len());
    for call in turn.calls {
        let output = call.result.content().map_or_else(|none| parts::Output::Text(none.into()), parts::output);
        outputs.push(Item::Typed(Typed::FunctionCallOutput { call_id: call.id.clone(), output }));
        let (name, arguments) = (call.name, call.arguments);
        items.push(Item::Typed(Typed::FunctionCall { call_id: call.id, name, arguments }));
    }
    items.extend(outputs);
    Ok(())
}

/// Reasoning that this provider encrypted, with the summaries that belong to it. What has no encrypted form cannot be
/// given back: nothing of it is stored there.
fn thoughts<'a>(provider: &str, blocks: &'a [ReasoningBlock]) -> impl Iterator<Item = Typed<'a>> {
    let mut thoughts = Vec::new();
    for (at, block) in blocks.iter().enumerate() {
        let envelope = block.encrypted_value.as_deref().and_then(|value| Envelope::open(value, provider));
        let Some(envelope) = envelope.filter(|envelope| envelope.kind == REASONING) else { continue };
        let first = (at + 1).saturating_sub(envelope.blocks.unwrap_or(1).max(1));
        let texts = blocks[first..=at].iter().map(|block| block.text.as_str()).filter(|text| !text.is_empty());
        let summary = texts.map(|text| Summary { r#type: "summary_text", text }).collect();
        thoughts.push(Typed::Reasoning { id: envelope.id, encrypted_content: envelope.value, summary });
    }
    thoughts.into_iter()
}

#[derive(Serialize)]
struct Tool<'a> {
    r#type: &'static str,
    name: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    description: &'a str,
    parameters: Cow<'a, Json>,
}

fn tools(members: &mut Members<'_>, callee: &Callee<'_>, request: &ModelRequest) {
    let by_name = callee.quirks.tool_choice == ToolChoiceStyle::OpenAi;
    let offered = offered(&request.tools, &request.tool_choice, by_name);
    if offered.is_empty() {
        return;
    }
    let tool = |tool: &'_ copilotkit_runtime::model::ToolSpec| {
        Json::of(&Tool {
            r#type: "function",
            name: &tool.name,
            description: &tool.description,
            parameters: schema(tool),
        })
    };
    members.put("tools", &offered.into_iter().map(tool).collect::<Vec<_>>());
    let choice = match &request.tool_choice {
        ToolChoice::Auto => json!("auto"),
        ToolChoice::None => json!("none"),
        ToolChoice::Tool(name) if by_name => json!({ "type": "function", "name": name }),
        ToolChoice::Required | ToolChoice::Tool(_) => json!("required"),
    };
    members.put("tool_choice", &choice);
}
