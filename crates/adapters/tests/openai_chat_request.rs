//! Requests against recordings of what the reference runtime sends for the same conversation.

#![allow(clippy::expect_used, clippy::panic, reason = "helpers of tests may fail loudly")]

use copilotkit_adapters::openai_chat::{Profile, body};
use copilotkit_protocol::{Content, Json};
use copilotkit_runtime::ModelRequest;
use copilotkit_runtime::model::{ModelMessage, ModelSettings, ModelToolCall, ReasoningBlock, ToolChoice, ToolSpec};
use serde_json::{Value, json};

fn recorded(name: &str) -> Value {
    let path = format!("{}/../../fixtures/data/llm/requests/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(&path).expect(&path)).expect(&path)
}

fn sent(profile: &str, model: &str, request: &ModelRequest) -> Value {
    let profile = Profile::named(profile).expect(profile);
    serde_json::from_slice(&body(model, &profile.quirks, request).expect("body")).expect("JSON")
}

/// The tools of a recording, as the runtime would hand them over.
fn tools(body: &Value) -> Vec<ToolSpec> {
    let tool = |tool: &Value| ToolSpec {
        name: tool["function"]["name"].as_str().expect("name").into(),
        description: tool["function"]["description"].as_str().expect("description").into(),
        parameters: Some(Json::of(&tool["function"]["parameters"])),
    };
    body["tools"].as_array().expect("tools").iter().map(tool).collect()
}

fn system(text: &str) -> ModelMessage {
    ModelMessage::System { content: text.into() }
}

fn user(text: &str) -> ModelMessage {
    ModelMessage::User { content: text.into() }
}

fn call(id: &str, arguments: &str) -> ModelToolCall {
    ModelToolCall { id: id.into(), name: "get_weather".into(), arguments: arguments.into(), encrypted_value: None }
}

fn assistant(content: &str, tool_calls: Vec<ModelToolCall>) -> ModelMessage {
    ModelMessage::Assistant { content: content.into(), reasoning: Vec::new(), tool_calls }
}

fn result(id: &str, content: &str) -> ModelMessage {
    let name = "get_weather".into();
    ModelMessage::Tool { tool_call_id: id.into(), name, content: content.into(), is_error: false }
}

/// The conversation of the `tool-history` recordings.
fn tool_history(recorded: &Value) -> ModelRequest {
    ModelRequest {
        messages: vec![
            system("You are a helpful assistant.\n## Context from the application\nUser name:\nAna\n"),
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
        tools: tools(&recorded["body"]),
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

#[test]
fn a_history_with_tools_is_sent_as_recorded() {
    for (profile, model) in
        [("openai", "gpt-4.1-mini"), ("deepseek", "deepseek-v4-flash"), ("groq", "openai/gpt-oss-120b")]
    {
        let file = if profile == "openai" { "openai-chat" } else { profile };
        let recorded = recorded(&format!("{file}-tool-history"));
        assert_eq!(sent(profile, model, &tool_history(&recorded)), recorded["body"], "{profile}");
    }
}

#[test]
fn media_are_sent_as_recorded() {
    let recorded = recorded("openai-chat-media");
    let image = &recorded["body"]["messages"][1]["content"][1]["image_url"]["url"];
    let image = image.as_str().expect("data").trim_start_matches("data:image/png;base64,");
    let content: Content = serde_json::from_value(json!([
        { "type": "text", "text": "What is this?" },
        { "type": "image", "source": { "type": "data", "value": image, "mimeType": "image/png" } },
        { "type": "image", "source": { "type": "url", "value": "https://example.com/cat.png" } },
        { "type": "document", "source": { "type": "data", "value": "JVBERi0xLjQK", "mimeType": "application/pdf" } },
    ]))
    .expect("content");
    let request = ModelRequest {
        messages: vec![system("\n## Context from the application\nUser name:\nAna\n"), ModelMessage::User { content }],
        tools: tools(&recorded["body"]),
        ..ModelRequest::default()
    };
    assert_eq!(sent("openai", "gpt-4.1-mini", &request), recorded["body"]);
}

#[test]
fn reasoning_goes_back_where_the_service_wants_it() {
    let recorded = recorded("deepseek-second-step");
    let mut turn = assistant("", vec![call("call_00_aB3", r#"{"city":"Zürich"}"#)]);
    if let ModelMessage::Assistant { reasoning, .. } = &mut turn {
        reasoning.push(ReasoningBlock { text: "I need the weather.".into(), encrypted_value: None });
    }
    let request = ModelRequest {
        messages: vec![
            system("\n## Context from the application\nUser name:\nAna\n"),
            user("Weather in Zürich?"),
            turn,
            result("call_00_aB3", r#"{"c":18}"#),
        ],
        tools: tools(&recorded[1]["body"]),
        ..ModelRequest::default()
    };
    assert_eq!(sent("deepseek", "deepseek-v4-flash", &request), recorded[1]["body"]);
    assert_eq!(sent("groq", "m", &request)["messages"][2]["reasoning"], "I need the weather.");
    let openai = sent("openai", "gpt-4.1", &request);
    assert_eq!(openai["messages"][2].as_object().expect("message").len(), 3, "role, content, tool_calls");
}

#[test]
fn reasoning_models_take_no_sampling() {
    let mut request = tool_history(&recorded("openai-chat-tool-history"));
    request.settings.presence_penalty = Some(0.5);
    let body = sent("openai", "gpt-5-mini", &request);
    assert_eq!(body["messages"][0]["role"], "developer");
    assert_eq!(body["max_completion_tokens"], 256);
    for absent in ["max_tokens", "temperature", "top_p", "presence_penalty"] {
        assert_eq!(body.get(absent), None, "{absent}");
    }
    request.settings.provider_options.insert("reasoning_effort".into(), json!("none"));
    let body = sent("openai", "gpt-5.1", &request);
    assert_eq!((&body["temperature"], body.get("presence_penalty")), (&json!(0.2), None));
    let body = sent("openai", "gpt-4.1", &request);
    assert_eq!((&body["presence_penalty"], &body["reasoning_effort"]), (&json!(0.5), &json!("none")));
}

#[test]
fn services_differ_in_how_a_tool_is_forced() {
    let request = tool_history(&recorded("openai-chat-tool-history"));
    let llama = sent("llama-cpp", "m", &request);
    assert_eq!((&llama["tool_choice"], llama["tools"].as_array().expect("tools").len()), (&json!("required"), 1));
    let mistral = sent("mistral", "m", &request);
    assert_eq!((&mistral["tool_choice"], &mistral["random_seed"]), (&json!("any"), &json!(7)));
    assert_eq!((mistral.get("stream_options"), &mistral["messages"][4]["name"]), (None, &json!("get_weather")));
    let none =
        ModelRequest { messages: vec![user("hi")], tool_choice: ToolChoice::Required, ..ModelRequest::default() };
    let body = sent("openai", "gpt-4.1", &none);
    assert_eq!((body.get("tools"), body.get("tool_choice")), (None, None));
}

#[test]
fn a_broken_history_is_mended() {
    let request = ModelRequest {
        messages: vec![
            result("ghost", "orphan"),
            user("go"),
            assistant("", vec![call("a", "{\"city\":\"Par")]),
            user("and?"),
            assistant("", Vec::new()),
        ],
        tools: vec![ToolSpec { name: "get_weather".into(), ..ToolSpec::default() }],
        ..ModelRequest::default()
    };
    let body = sent("openai", "gpt-4.1", &request);
    let roles: Vec<_> = body["messages"].as_array().expect("messages").iter().map(|message| &message["role"]).collect();
    assert_eq!(roles, ["user", "assistant", "tool", "user"]);
    assert_eq!(body["messages"][1]["tool_calls"][0]["function"]["arguments"], "{}");
    assert!(!body["messages"][2]["content"].as_str().expect("text").is_empty());
    let function = &body["tools"][0]["function"];
    assert_eq!(function["parameters"], json!({ "type": "object", "properties": {} }));
    assert_eq!(function.get("description"), None);
}

#[test]
fn a_schema_is_sent_byte_for_byte_and_options_win() {
    let schema = r#"{ "type":"object", "$ref": "x","const":1.0, "properties":{} }"#;
    let mut request = ModelRequest {
        messages: vec![user("hi")],
        tools: vec![ToolSpec {
            name: "t".into(),
            description: "d".into(),
            parameters: Some(Json::parse(schema).expect("JSON")),
        }],
        ..ModelRequest::default()
    };
    request.settings.provider_options.insert("stream_options".into(), json!({ "include_obfuscation": false }));
    request.settings.provider_options.insert("parallel_tool_calls".into(), json!(false));
    let profile = Profile::named("openai").expect("known");
    let text = String::from_utf8(body("gpt-4.1", &profile.quirks, &request).expect("body")).expect("text");
    assert!(text.contains(schema), "{text}");
    assert_eq!(text.matches("stream_options").count(), 1);
    assert!(text.contains(r#""parallel_tool_calls":false"#));
}
