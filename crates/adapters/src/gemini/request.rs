//! The request: contents of user and model, with the system's text beside them.

use super::parts::{self, FunctionCall, FunctionResponse, Part, Response};
use super::{TEXT, THOUGHT};
use crate::dialect::history::{self, Assistant, Turn};
use crate::dialect::{Callee, Envelope, GOOGLE, IdRule, Members, own_options, schema};
use crate::profile::{gemini_generation, is_gemma};
use copilotkit_protocol::Json;
use copilotkit_runtime::model::{ModelError, ModelRequest, ToolChoice};
use serde::Serialize;
use serde_json::json;
use serde_json::value::RawValue;
use std::borrow::Cow;

/// Stands for a signature that was lost: newer models refuse a call of theirs without one.
const LOST_SIGNATURE: &str = "skip_thought_signature_validator";

/// The body of one call, as JSON text.
///
/// # Errors
/// A content part that the dialect has no form for.
pub fn body(callee: &Callee<'_>, request: &ModelRequest) -> Result<Vec<u8>, ModelError> {
    let mut options = own_options(callee, request);
    let mut conversation = Conversation::of(callee, request)?;
    if is_gemma(callee.model) && !conversation.system.is_empty() {
        let system = std::mem::take(&mut conversation.system);
        match conversation.contents.first_mut().filter(|content| content.role == "user") {
            Some(first) => {
                first.parts.splice(0..0, system);
            }
            None => conversation.contents.insert(0, Entry { role: "user", parts: system }),
        }
    }
    let mut members = Members::default();
    members.put("contents", &conversation.contents);
    if !conversation.system.is_empty() {
        members.put("systemInstruction", &json!({ "parts": conversation.system }));
    }
    let mut config = generation_config(request);
    // Where people expect it: beside the other settings of the model.
    if let Some(thinking) = options.remove("thinkingConfig") {
        config.put("thinkingConfig", &thinking);
    }
    if !config.is_empty() {
        members.put("generationConfig", &config.into_json());
    }
    tools(&mut members, request);
    Ok(members.into_body(&options))
}

fn generation_config(request: &ModelRequest) -> Members<'static> {
    let settings = &request.settings;
    let mut config = Members::default();
    config.put_some("maxOutputTokens", settings.max_output_tokens);
    config.put_some("temperature", settings.temperature);
    config.put_some("topP", settings.top_p);
    config.put_some("topK", settings.top_k);
    config.put_some("presencePenalty", settings.presence_penalty);
    config.put_some("frequencyPenalty", settings.frequency_penalty);
    config.put_some("stopSequences", (!settings.stop.is_empty()).then_some(&settings.stop));
    config.put_some("seed", settings.seed);
    config
}

#[derive(Debug, Serialize)]
struct Entry<'a> {
    role: &'static str,
    parts: Vec<Part<'a>>,
}

struct Conversation<'a> {
    system: Vec<Part<'a>>,
    contents: Vec<Entry<'a>>,
}

impl<'a> Conversation<'a> {
    fn of(callee: &Callee<'_>, request: &'a ModelRequest) -> Result<Self, ModelError> {
        let mut this = Self { system: Vec::new(), contents: Vec::new() };
        // Older models know no ids: there results are told by name and order.
        let new = gemini_generation(callee.model).is_some_and(|generation| generation >= 3);
        for turn in history::turns(&request.messages, IdRule::Word) {
            match turn {
                Turn::System("") => {}
                Turn::System(text) => this.system.push(Part::text(text)),
                Turn::User(content) => this.add("user", parts::user(content)?),
                Turn::Assistant(turn) => this.said(turn, new)?,
            }
        }
        if this.contents.first().is_some_and(|content| content.role != "user") {
            let parts = vec![Part::text("(The assistant speaks first.)")];
            this.contents.insert(0, Entry { role: "user", parts });
        }
        Ok(this)
    }

    fn add(&mut self, role: &'static str, parts: Vec<Part<'a>>) {
        if !parts.is_empty() {
            self.contents.push(Entry { role, parts });
        }
    }

    fn said(&mut self, turn: Assistant<'a>, new: bool) -> Result<(), ModelError> {
        let mut parts = Vec::new();
        let mut text_signature = None;
        for block in turn.reasoning {
            let envelope = block.encrypted_value.as_deref().and_then(|value| Envelope::open(value, GOOGLE));
            let kind = envelope.as_ref().map(|envelope| envelope.kind.as_str());
            if kind == Some(TEXT) {
                text_signature = envelope.map(|envelope| envelope.value);
                continue;
            }
            // What another provider thought is no thought of this model.
            let own = block.encrypted_value.is_none() || kind == Some(THOUGHT);
            let thought_signature = envelope.filter(|envelope| envelope.kind == THOUGHT).map(|envelope| envelope.value);
            if own && (!block.text.is_empty() || thought_signature.is_some()) {
                let text = Some(Cow::Borrowed(block.text.as_str()));
                parts.push(Part { text, thought: Some(true), thought_signature, ..Part::default() });
            }
        }
        if !turn.text.is_empty() {
            parts.push(Part { thought_signature: text_signature, ..Part::text(turn.text) });
        }
        let signatures = turn.calls.iter().map(|call| call.encrypted_value.and_then(Envelope::read_thought_signature));
        let signatures: Vec<_> = signatures.collect();
        // Of calls that were made together only the first has one.
        let lost = new && signatures.iter().all(Option::is_none);
        let mut results = Vec::with_capacity(turn.calls.len());
        for (call, signature) in turn.calls.into_iter().zip(signatures) {
            let id = new.then(|| call.id.clone());
            results.push(result(&call, id.clone())?);
            let args = RawValue::from_string(call.arguments.trim().to_owned()).unwrap_or_default();
            let function_call = Some(FunctionCall { id, name: call.name, args });
            let thought_signature = signature.or(lost.then(|| LOST_SIGNATURE.to_owned()));
            parts.push(Part { function_call, thought_signature, ..Part::default() });
        }
        self.add("model", parts);
        self.add("user", results);
        Ok(())
    }
}

fn result<'a>(call: &history::Call<'a>, id: Option<Cow<'a, str>>) -> Result<Part<'a>, ModelError> {
    let (text, parts) = match call.result.content() {
        Ok(content) => parts::result(content),
        Err(none) => (Cow::Borrowed(none), Vec::new()),
    };
    let is_error = call.result.is_error.then_some(true);
    let response = Response { name: call.name, content: value(&text), is_error };
    let function_response = Some(FunctionResponse { id, name: call.name, response, parts });
    Ok(Part { function_response, ..Part::default() })
}

/// A result that is JSON as it is, any other as a string.
fn value(text: &str) -> Box<RawValue> {
    let structured = text.trim_start().starts_with(['{', '[']);
    let json = structured.then(|| RawValue::from_string(text.trim().to_owned()).ok()).flatten();
    json.or_else(|| serde_json::value::to_raw_value(text).ok()).unwrap_or_default()
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Declaration<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    description: &'a str,
    /// The schema as it is; the older member takes a part of the language alone.
    parameters_json_schema: Cow<'a, Json>,
}

fn tools(members: &mut Members<'_>, request: &ModelRequest) {
    if request.tools.is_empty() {
        return;
    }
    let declarations = request.tools.iter().map(|tool| Declaration {
        name: &tool.name,
        description: &tool.description,
        parameters_json_schema: schema(tool),
    });
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Tools<'a> {
        function_declarations: Vec<Declaration<'a>>,
    }
    members.put("tools", &[Tools { function_declarations: declarations.collect() }]);
    let config = match &request.tool_choice {
        ToolChoice::Auto => json!({ "mode": "AUTO" }),
        ToolChoice::None => json!({ "mode": "NONE" }),
        ToolChoice::Required => json!({ "mode": "ANY" }),
        ToolChoice::Tool(name) => json!({ "mode": "ANY", "allowedFunctionNames": [name] }),
    };
    members.put("toolConfig", &json!({ "functionCallingConfig": config }));
}
