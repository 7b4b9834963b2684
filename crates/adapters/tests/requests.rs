//! What services that speak Chat Completions are sent beyond the recordings: in what they differ.

#![allow(clippy::expect_used, clippy::panic, reason = "helpers of tests may fail loudly")]
#![allow(unreachable_pub, dead_code, reason = "helpers that several tests share")]

#[path = "kit/conversations.rs"]
mod conversations;

use conversations::{assistant, call, recorded, result, user};
use copilotkit_adapters::dialect::Callee;
use copilotkit_adapters::openai_chat::body;
use copilotkit_adapters::{Api, Profile};
use copilotkit_protocol::Json;
use copilotkit_runtime::ModelRequest;
use copilotkit_runtime::model::{ModelMessage, ReasoningBlock, ToolChoice, ToolSpec};
use serde_json::{Value, json};

fn tool_history() -> ModelRequest {
    conversations::tool_history(Api::Chat, &recorded("openai-chat-tool-history")["body"])
}

fn sent(profile: &str, model: &str, request: &ModelRequest) -> Value {
    let profile = Profile::named(profile).expect(profile);
    let callee = Callee { provider: &profile.name, model, quirks: &profile.quirks };
    serde_json::from_slice(&body(&callee, request).expect("body")).expect("JSON")
}

#[test]
fn reasoning_goes_back_where_the_service_wants_it() {
    let mut turn = assistant("", vec![call("c1", "{}")]);
    if let ModelMessage::Assistant { reasoning, .. } = &mut turn {
        reasoning.push(ReasoningBlock { text: "I need the weather.".into(), encrypted_value: None });
    }
    let request =
        ModelRequest { messages: vec![user("Weather?"), turn, result("c1", "sun")], ..ModelRequest::default() };
    assert_eq!(sent("groq", "m", &request)["messages"][1]["reasoning"], "I need the weather.");
    assert_eq!(
        sent("deepseek", "deepseek-v4-pro", &request)["messages"][1]["reasoning_content"],
        "I need the weather."
    );
    // Models of the R1 era refuse it.
    assert_eq!(sent("deepseek", "deepseek-reasoner", &request)["messages"][1].get("reasoning_content"), None);
    let openai = sent("openai", "gpt-4.1", &request);
    assert_eq!(openai["messages"][1].as_object().expect("message").len(), 3, "role, content, tool_calls");
}

#[test]
fn reasoning_models_take_no_sampling() {
    let mut request = tool_history();
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
    let request = tool_history();
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
    let callee = Callee { provider: "openai", model: "gpt-4.1", quirks: &profile.quirks };
    let text = String::from_utf8(body(&callee, &request).expect("body")).expect("text");
    assert!(text.contains(schema), "{text}");
    assert_eq!(text.matches("stream_options").count(), 1);
    assert!(text.contains(r#""parallel_tool_calls":false"#));
}
