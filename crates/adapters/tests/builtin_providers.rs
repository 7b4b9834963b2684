//! The built-in agent of the reference runtime with models by name: what its page saw, and what its provider was asked.
//! The recorded providers spoke other dialects; here the same conversations go over Chat Completions, and mean the same.

#![allow(clippy::expect_used, clippy::panic, reason = "helpers of tests may fail loudly")]

use copilotkit_adapters::{Api, Options, model_from_spec};
use copilotkit_fixtures::model_server::{ModelServer, Reply};
use copilotkit_protocol::RunAgentInput;
use copilotkit_runtime::agents::BuiltInAgent;
use copilotkit_runtime::model::ModelSettings;
use copilotkit_runtime::{Agent, RunContext};
use futures::StreamExt;
use secrecy::SecretString;
use serde_json::{Value, json};

/// What every recorded provider answered, in this dialect.
const HELLO: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hello\"}}]}\n\n\
    data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n\
    data: {\"choices\":[],\"usage\":{\"prompt_tokens\":11,\"completion_tokens\":3,\"total_tokens\":14,\
    \"prompt_tokens_details\":{\"cached_tokens\":0},\"completion_tokens_details\":{\"reasoning_tokens\":0}}}\n\n\
    data: [DONE]\n\n";

struct Case {
    name: String,
    input: RunAgentInput,
    events: Vec<Value>,
    /// Path, headers and body.
    asked: (String, Value, Value),
}

fn cases() -> Vec<Case> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/data/runtime/builtin-providers.json");
    let recording: Value = serde_json::from_slice(&std::fs::read(path).expect("the recording")).expect("JSON");
    let exchanges = recording["exchanges"].as_array().expect("exchanges");
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    exchanges
        .chunks(2)
        .map(|pair| {
            let body = text(&pair[0]["response"]["body"]);
            let events = body.split("\n\n").filter_map(|frame| frame.strip_prefix("data: "));
            let asked = &pair[1]["side_effects"][0];
            Case {
                name: text(&pair[0]["name"]),
                input: copilotkit_protocol::from_str(&text(&pair[0]["request"]["body"])).expect("an input"),
                events: events.map(|event| serde_json::from_str(event).expect("an event")).collect(),
                asked: (text(&asked[2]), asked[3].clone(), asked[4].clone()),
            }
        })
        .collect()
}

#[tokio::test]
async fn recorded_conversations_mean_the_same_over_chat_completions() {
    let mut compared = Vec::new();
    for case in cases() {
        let (path, headers, recorded) = &case.asked;
        if !path.ends_with("/responses") {
            continue; // Anthropic and Gemini are replayed by their own dialects.
        }
        let provider = if case.name == "p-minimax" { "minimax" } else { "openai" };
        let model = recorded["model"].as_str().expect("a model");
        let key = headers["authorization"].as_str().and_then(|text| text.strip_prefix("Bearer ")).expect("a key");
        let server = ModelServer::start([Reply::sse(HELLO)]).await;
        let options = Options {
            api_key: Some(SecretString::from(key)),
            base_url: Some(server.base_url()),
            api: Some(Api::Chat),
            ..Options::new(&|_| None)
        };
        let model = model_from_spec(&format!("{provider}/{model}"), &options).expect("a model");
        let settings =
            ModelSettings { temperature: Some(0.2), max_output_tokens: Some(50), ..ModelSettings::default() };
        let agent = BuiltInAgent::builder(model).prompt("Be brief.").settings(settings).build();
        let mut events = Vec::new();
        let mut stream = agent.run(RunContext::new("p", case.input.clone()));
        while let Some(event) = stream.next().await {
            events.push(serde_json::from_slice(&event.expect("no error").to_json()).expect("JSON"));
        }
        assert_eq!(same(events, provider), same(case.events.clone(), provider), "events of {}", case.name);

        let [request] = &server.requests()[..] else { panic!("one request") };
        assert_eq!(request.header("authorization"), headers["authorization"].as_str());
        assert_eq!(plain(request.json()), plain(as_chat(recorded)), "the request of {}", case.name);
        compared.push(case.name);
    }
    assert_eq!(compared, ["p-openai", "p-openai-colon", "p-minimax", "p-openai-history"]);
}

/// Without what differs on purpose: our version, ids, where the reason of the end stands, the spelling of vendors.
fn same(mut events: Vec<Value>, provider: &str) -> Vec<Value> {
    for event in &mut events {
        let event = event.as_object_mut().expect("an object");
        event.retain(|key, _| key != "input" && key != "protocolVersion" && key != "messageId");
        if let Some(reason) = event.remove("finishReason") {
            event.insert("metadata".into(), json!({ "finishReason": reason }));
        }
        if let Some(usage) = event.get_mut("usage") {
            usage[0]["provider"] = provider.into();
        }
    }
    events
}

/// The recorded request in the form of Chat Completions.
fn as_chat(recorded: &Value) -> Value {
    let mut messages: Vec<Value> = Vec::new();
    for item in recorded["input"].as_array().expect("items") {
        match (item["type"].as_str(), item["role"].as_str()) {
            (Some("function_call"), _) => {
                let function = json!({ "name": item["name"], "arguments": item["arguments"] });
                let call = json!({ "id": item["call_id"], "type": "function", "function": function });
                let said = messages.last_mut().expect("the answer that calls");
                match said["tool_calls"].as_array_mut() {
                    Some(calls) => calls.push(call),
                    None => said["tool_calls"] = json!([call]),
                }
            }
            (Some("function_call_output"), _) => {
                let (id, content) = (&item["call_id"], &item["output"]);
                messages.push(json!({ "role": "tool", "tool_call_id": id, "content": content }));
            }
            (_, Some(role)) => {
                let parts = item["content"].as_array().map(|parts| parts.iter().map(part).collect::<Vec<_>>());
                let content = match parts.as_deref() {
                    Some([only]) if only["type"] == "text" => only["text"].clone(),
                    Some(parts) => parts.into(),
                    None => item["content"].clone(),
                };
                messages.push(json!({ "role": role, "content": content }));
            }
            other => panic!("{other:?}"),
        }
    }
    let tools: Vec<_> = recorded["tools"]
        .as_array()
        .expect("tools")
        .iter()
        .map(|tool| {
            let mut function = tool.clone();
            function.as_object_mut().expect("an object").remove("type");
            json!({ "type": "function", "function": function })
        })
        .collect();
    json!({
        "model": recorded["model"],
        "messages": messages,
        "tools": tools,
        "temperature": recorded["temperature"],
        "max_tokens": recorded["max_output_tokens"],
        "stream": true,
    })
}

fn part(part: &Value) -> Value {
    match part["type"].as_str() {
        Some("input_text" | "output_text") => json!({ "type": "text", "text": part["text"] }),
        Some("input_image") => json!({ "type": "image_url", "image_url": { "url": part["image_url"] } }),
        Some("input_file") => json!({ "type": "file", "file": { "file_data": part["file_data"] } }),
        other => panic!("{other:?}"),
    }
}

/// Without what a dialect or a runtime says in its own words: the texts of the state tools, names of files, defaults.
fn plain(mut request: Value) -> Value {
    for tool in request["tools"].as_array_mut().expect("tools") {
        let function = &mut tool["function"];
        if function["name"].as_str().is_some_and(|name| name.starts_with("AGUISend")) {
            *function = json!({ "name": function["name"] });
        }
    }
    for message in request["messages"].as_array_mut().expect("messages") {
        for part in message["content"].as_array_mut().into_iter().flatten() {
            if let Some(file) = part.get_mut("file").and_then(Value::as_object_mut) {
                file.remove("filename");
            }
        }
    }
    let request = request.as_object_mut().expect("an object");
    if let Some(limit) = request.remove("max_completion_tokens") {
        request.insert("max_tokens".into(), limit);
    }
    request.retain(|key, _| !matches!(key.as_str(), "tool_choice" | "stream_options"));
    Value::Object(request.clone())
}
