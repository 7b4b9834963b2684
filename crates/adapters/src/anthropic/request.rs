//! The request: a conversation in which user and assistant take turns, with the system's text beside it.

use super::models::rules;
use super::{ANTHROPIC, REDACTED, THINKING, parts};
use crate::dialect::history::{self, Assistant, Turn};
use crate::dialect::{Callee, Entry, Envelope, IdRule, Members, own_options, schema};
use copilotkit_protocol::Json;
use copilotkit_runtime::model::{ModelError, ModelRequest, ReasoningBlock, ToolChoice};
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use std::borrow::Cow;

/// The version that Vertex AI wants in the body.
const VERTEX: &str = "vertex-2023-10-16";

/// The body of one call, as JSON text.
///
/// # Errors
/// A content part that the dialect has no form for.
pub fn body(callee: &Callee<'_>, request: &ModelRequest) -> Result<Vec<u8>, ModelError> {
    let settings = &request.settings;
    let mut options = own_options(callee, request);
    let rules = rules(callee.model);
    let conversation = Conversation::of(request)?;
    let mut members = Members::default();
    if callee.quirks.vertex {
        members.put("anthropic_version", VERTEX);
    } else {
        members.put("model", callee.model);
    }
    members.put("max_tokens", &settings.max_output_tokens.unwrap_or(rules.max_tokens));
    let thinking = options.get("thinking").and_then(|thinking| thinking["type"].as_str());
    if rules.sampling && !matches!(thinking, Some("enabled" | "adaptive")) {
        members.put_some("temperature", settings.temperature);
        members.put_some("top_k", settings.top_k);
        // Only one of the two is taken.
        members.put_some("top_p", settings.top_p.filter(|_| settings.temperature.is_none()));
    }
    members.put_some("stop_sequences", (!settings.stop.is_empty()).then_some(&settings.stop));
    members.put_some("system", (!conversation.system.is_empty()).then_some(&conversation.system));
    members.put("messages", &conversation.entries);
    let may_force = rules.forced_tools && thinking != Some("enabled");
    tools(&mut members, request, may_force, callee.quirks.vertex);
    members.put("stream", &true);
    if thinking == Some("enabled") && conversation.lost_thinking {
        // A turn of tools without the thinking that led to it is refused while thinking is on.
        options.remove("thinking");
    }
    Ok(members.into_body(&options))
}

#[derive(Serialize)]
#[serde(untagged)]
enum Block<'a> {
    Part(parts::Part<'a>),
    Typed(Typed<'a>),
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Typed<'a> {
    Thinking {
        thinking: &'a str,
        signature: String,
    },
    RedactedThinking {
        data: String,
    },
    ToolUse {
        id: Cow<'a, str>,
        name: &'a str,
        input: Box<RawValue>,
    },
    ToolResult {
        tool_use_id: Cow<'a, str>,
        content: parts::Result<'a>,
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        is_error: bool,
    },
}

struct Conversation<'a> {
    system: Vec<parts::Part<'a>>,
    entries: Vec<Entry<Block<'a>>>,
    /// The last turn called tools, and what it thought before is not there.
    lost_thinking: bool,
}

impl<'a> Conversation<'a> {
    fn of(request: &'a ModelRequest) -> Result<Self, ModelError> {
        let mut system = Vec::new();
        let mut entries = Vec::new();
        let mut lost_thinking = false;
        for turn in history::turns(&request.messages, IdRule::Word) {
            match turn {
                Turn::System("") => {}
                Turn::System(text) => system.push(parts::Part::Text { text: text.into() }),
                Turn::User(content) => {
                    let blocks = parts::user(content)?;
                    lost_thinking &= blocks.is_empty();
                    Entry::add(&mut entries, "user", blocks.into_iter().map(Block::Part));
                }
                Turn::Assistant(turn) => {
                    let thoughts = thoughts(turn.reasoning);
                    lost_thinking = !turn.calls.is_empty() && thoughts.is_empty();
                    said(turn, thoughts, &mut entries)?;
                }
            }
        }
        Entry::begin_with_user(&mut entries, |text| Block::Part(parts::Part::Text { text: text.into() }));
        trim_end(&mut entries);
        Ok(Self { system, entries, lost_thinking })
    }
}

fn said<'a>(
    turn: Assistant<'a>,
    thoughts: Vec<Typed<'a>>,
    entries: &mut Vec<Entry<Block<'a>>>,
) -> Result<(), ModelError> {
    Entry::add(entries, "assistant", thoughts.into_iter().map(Block::Typed));
    let text = (!turn.text.trim().is_empty()).then(|| Block::Part(parts::Part::Text { text: turn.text.into() }));
    Entry::add(entries, "assistant", text);
    let mut results = Vec::with_capacity(turn.calls.len());
    for call in turn.calls {
        let content = call.result.content().map_or_else(|none| parts::Result::Text(none.into()), parts::result);
        let is_error = call.result.is_error;
        results.push(Block::Typed(Typed::ToolResult { tool_use_id: call.id.clone(), content, is_error }));
        let input = RawValue::from_string(call.arguments.trim().to_owned()).unwrap_or_default();
        Entry::add(entries, "assistant", [Block::Typed(Typed::ToolUse { id: call.id, name: call.name, input })]);
    }
    Entry::add(entries, "user", results);
    Ok(())
}

/// Thinking goes back unchanged. What another provider thought, or what has no signature, is left out.
fn thoughts(blocks: &[ReasoningBlock]) -> Vec<Typed<'_>> {
    let thought = |block: &'_ ReasoningBlock| {
        let envelope = Envelope::open(block.encrypted_value.as_deref()?, ANTHROPIC)?;
        match envelope.kind.as_str() {
            THINKING => Some((Some(envelope.value), None)),
            REDACTED => Some((None, Some(envelope.value))),
            _ => None,
        }
    };
    blocks
        .iter()
        .filter_map(|block| match thought(block)? {
            (Some(signature), _) => Some(Typed::Thinking { thinking: &block.text, signature }),
            (_, Some(data)) => Some(Typed::RedactedThinking { data }),
            _ => None,
        })
        .collect()
}

/// The service refuses white space at the end of what the assistant is to go on with.
fn trim_end(entries: &mut [Entry<Block<'_>>]) {
    if let Some(last) = entries.last_mut().filter(|last| last.role == "assistant")
        && let Some(Block::Part(parts::Part::Text { text })) = last.content.last_mut()
    {
        *text = Cow::Owned(text.trim_end().to_owned());
    }
}

#[derive(Serialize)]
struct Tool<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    description: &'a str,
    input_schema: Cow<'a, Json>,
    /// Without it arguments come value by value. Vertex AI does not know it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    eager_input_streaming: bool,
}

fn tools(members: &mut Members<'_>, request: &ModelRequest, may_force: bool, vertex: bool) {
    if request.tools.is_empty() {
        return;
    }
    let tools = request.tools.iter().map(|tool| Tool {
        name: &tool.name,
        description: &tool.description,
        input_schema: schema(tool),
        eager_input_streaming: !vertex,
    });
    members.put("tools", &tools.collect::<Vec<_>>());
    let choice: Value = match &request.tool_choice {
        ToolChoice::None => json!({ "type": "none" }),
        ToolChoice::Required if may_force => json!({ "type": "any" }),
        ToolChoice::Tool(name) if may_force => json!({ "type": "tool", "name": name }),
        _ => json!({ "type": "auto" }),
    };
    members.put("tool_choice", &choice);
}
