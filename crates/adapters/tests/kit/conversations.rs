//! The conversations of the recorded requests.

use copilotkit_adapters::Api;
use copilotkit_protocol::{Content, Json};
use copilotkit_runtime::model::{ModelMessage, ModelSettings, ModelToolCall, ReasoningBlock, ToolChoice, ToolSpec};
use copilotkit_runtime::{ModelEvent, ModelRequest};
use serde_json::{Value, json};

pub const CONTEXT: &str = "\n## Context from the application\nUser name:\nAna\n";
const PNG: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNkYAAAAAYAAjCB0C8AAAAASUVORK5CYII=";

pub fn recorded(name: &str) -> Value {
    let path = format!("{}/../../fixtures/data/llm/requests/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(&path).expect(&path)).expect(&path)
}

pub fn system(text: &str) -> ModelMessage {
    ModelMessage::System { content: text.into() }
}

pub fn user(text: &str) -> ModelMessage {
    ModelMessage::User { content: text.into() }
}

pub fn call(id: &str, arguments: &str) -> ModelToolCall {
    ModelToolCall { id: id.into(), name: "get_weather".into(), arguments: arguments.into(), encrypted_value: None }
}

pub fn assistant(content: &str, tool_calls: Vec<ModelToolCall>) -> ModelMessage {
    ModelMessage::Assistant { content: content.into(), reasoning: Vec::new(), tool_calls }
}

pub fn result(id: &str, content: &str) -> ModelMessage {
    let name = "get_weather".into();
    ModelMessage::Tool { tool_call_id: id.into(), name, content: content.into(), is_error: false }
}

/// The tools of a recording, as the runtime would hand them over.
pub fn tools(api: Api, body: &Value) -> Vec<ToolSpec> {
    let (list, inner, schema) = match api {
        Api::Chat => ("/tools", "/function", "/parameters"),
        Api::Responses => ("/tools", "", "/parameters"),
        Api::Messages => ("/tools", "", "/input_schema"),
        Api::Gemini => ("/tools/0/functionDeclarations", "", "/parameters"),
        _ => ("/toolConfig/tools", "/toolSpec", "/inputSchema/json"),
    };
    let tool = |tool: &Value| {
        let tool = tool.pointer(inner).expect("tool");
        ToolSpec {
            name: tool["name"].as_str().expect("name").into(),
            description: tool["description"].as_str().expect("description").into(),
            parameters: Some(Json::of(tool.pointer(schema).expect("schema"))),
        }
    };
    body.pointer(list).and_then(Value::as_array).expect("tools").iter().map(tool).collect()
}

/// The conversation of the `tool-history` recordings.
pub fn tool_history(api: Api, body: &Value) -> ModelRequest {
    ModelRequest {
        messages: vec![
            system(&format!("You are a helpful assistant.{CONTEXT}")),
            system("Be brief."),
            user("Weather in Paris and Oslo?"),
            assistant(
                "Looking it up.",
                vec![call("call_1", r#"{"city":"Paris"}"#), call("call_2", r#"{"city":"Oslo"}"#)],
            ),
            result("call_2", r#"{"c":7}"#),
            result("call_1", r#"{"c":18}"#),
            user("And in Rome?"),
        ],
        tools: tools(api, body),
        tool_choice: ToolChoice::Tool("get_weather".into()),
        settings: ModelSettings {
            max_output_tokens: Some(256),
            temperature: Some(0.2),
            top_p: Some(0.9),
            stop: vec!["END".into()],
            seed: Some(7),
            ..ModelSettings::default()
        },
        ..ModelRequest::default()
    }
}

/// The conversation of the `media` recordings.
pub fn media(api: Api, body: &Value) -> ModelRequest {
    let content: Content = serde_json::from_value(json!([
        { "type": "text", "text": "What is this?" },
        { "type": "image", "source": { "type": "data", "value": PNG, "mimeType": "image/png" } },
        { "type": "image", "source": { "type": "url", "value": "https://example.com/cat.png" } },
        { "type": "document", "source": { "type": "data", "value": "JVBERi0xLjQK", "mimeType": "application/pdf" } },
    ]))
    .expect("content");
    ModelRequest {
        messages: vec![system(CONTEXT), ModelMessage::User { content }],
        tools: tools(api, body),
        ..ModelRequest::default()
    }
}

/// The conversation of the `second-step` recordings before the model's answer.
pub fn first_step(api: Api, body: &Value, options: &Value) -> ModelRequest {
    let mut request = ModelRequest {
        messages: vec![system(CONTEXT), user("Weather in Zürich?")],
        tools: tools(api, body),
        ..ModelRequest::default()
    };
    request.settings.provider_options = serde_json::from_value(options.clone()).expect("options");
    request
}

/// What the runtime keeps of an answer, in this run and by way of the page in the next.
pub fn answer(events: &[ModelEvent]) -> ModelMessage {
    let (mut content, mut reasoning, mut tool_calls) = (String::new(), Vec::new(), Vec::<ModelToolCall>::new());
    let mut signature = None;
    for event in events {
        match event {
            ModelEvent::TextDelta(delta) => content.push_str(delta),
            ModelEvent::TextSignature(value) => signature = Some(value.clone()),
            ModelEvent::ReasoningStart { .. } => reasoning.push(ReasoningBlock::default()),
            ModelEvent::ReasoningDelta(delta) => reasoning.last_mut().expect("open").text.push_str(delta),
            ModelEvent::ReasoningEnd { encrypted_value } => {
                reasoning.last_mut().expect("open").encrypted_value = encrypted_value.clone();
            }
            ModelEvent::ToolCallStart { id, name } => {
                tool_calls.push(ModelToolCall { id: id.clone(), name: name.clone(), ..ModelToolCall::default() });
            }
            ModelEvent::ToolCallDelta { id, delta } => {
                tool_calls.iter_mut().find(|call| call.id == *id).expect("open").arguments.push_str(delta);
            }
            ModelEvent::ToolCallEnd { id, encrypted_value } => {
                let call = tool_calls.iter_mut().find(|call| call.id == *id).expect("open");
                call.encrypted_value = encrypted_value.clone();
            }
            _ => {}
        }
    }
    let signature = signature.map(|value| ReasoningBlock { text: String::new(), encrypted_value: Some(value) });
    reasoning.extend(signature);
    ModelMessage::Assistant { content, reasoning, tool_calls }
}
