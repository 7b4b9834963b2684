//! All recorded requests of the reference runtime: for the same conversation ours are equal in meaning. Where they say the
//! same in another way, `normal` below brings both to one form.

#![allow(clippy::expect_used, clippy::panic, reason = "helpers of tests may fail loudly")]
#![allow(unreachable_pub, dead_code, reason = "helpers that several tests share")]

#[path = "kit/conversations.rs"]
mod conversations;
#[path = "kit/streams.rs"]
mod streams;

use conversations::{answer, first_step, media, recorded, result, tool_history};
use copilotkit_adapters::dialect::Callee;
use copilotkit_adapters::{Api, Profile, ServiceModel, ServiceOptions};
use copilotkit_fixtures::model_server::{ModelServer, Reply};
use copilotkit_runtime::model::ModelMessage;
use copilotkit_runtime::{Model as _, ModelRequest};
use futures::StreamExt as _;
use serde_json::{Value, json};

struct Service {
    /// What the names of its recordings begin with.
    file: &'static str,
    provider: &'static str,
    api: Api,
    model: &'static str,
    /// The stream that its second step follows.
    stream: Option<&'static str>,
    /// The options that its second step was recorded with.
    options: Value,
    media: bool,
}

fn services() -> Vec<Service> {
    let row = |file, provider, api, model, stream, options, media| Service {
        file,
        provider,
        api,
        model,
        stream,
        options,
        media,
    };
    let none = || json!({});
    let thinking = json!({ "thinking": { "type": "adaptive" }, "output_config": { "effort": "low" } });
    let level = json!({ "thinkingConfig": { "includeThoughts": true, "thinkingLevel": "low" } });
    let effort = json!({ "reasoning": { "effort": "low", "summary": "auto" } });
    vec![
        row("openai-chat", "openai", Api::Chat, "gpt-4.1-mini", None, none(), true),
        row(
            "deepseek",
            "deepseek",
            Api::Chat,
            "deepseek-v4-flash",
            Some("deepseek/reasoning-then-tool-call"),
            none(),
            false,
        ),
        row("groq", "groq", Api::Chat, "openai/gpt-oss-120b", None, none(), false),
        row(
            "mistral",
            "mistral",
            Api::Chat,
            "magistral-medium-2509",
            Some("mistral/thinking-parts-then-whole-tool-call"),
            none(),
            false,
        ),
        row(
            "openai-responses",
            "openai",
            Api::Responses,
            "gpt-5-mini",
            Some("openai-responses/reasoning-summary-tool-call"),
            effort,
            true,
        ),
        row(
            "anthropic",
            "anthropic",
            Api::Messages,
            "claude-sonnet-4-6",
            Some("anthropic/thinking-signature-tool-use"),
            thinking,
            true,
        ),
        row("gemini", "google", Api::Gemini, "gemini-3-flash-preview", Some("gemini/function-call"), level, true),
        #[cfg(feature = "bedrock")]
        row(
            "bedrock",
            "bedrock",
            Api::Converse,
            "anthropic.claude-sonnet-4-5-20250929-v1:0",
            Some("bedrock/reasoning-text-tool-use"),
            none(),
            false,
        ),
    ]
}

fn sent(service: &Service, request: &ModelRequest) -> Value {
    let profile = Profile::named(service.provider).expect("known");
    let callee = Callee { provider: service.provider, model: service.model, quirks: &profile.quirks };
    let body = match service.api {
        Api::Chat => copilotkit_adapters::openai_chat::body(&callee, request),
        Api::Responses => copilotkit_adapters::openai_responses::body(&callee, request),
        Api::Messages => copilotkit_adapters::anthropic::body(&callee, request),
        Api::Gemini => copilotkit_adapters::gemini::body(&callee, request),
        #[cfg(feature = "bedrock")]
        Api::Converse => copilotkit_adapters::bedrock::body(&callee, request),
        other => panic!("{other:?}"),
    };
    serde_json::from_slice(&body.expect("body")).expect("JSON")
}

/// Ids of calls in the order of their first appearance, so that only their agreement is compared, and arguments without
/// their white space.
fn rename(value: &mut Value, ids: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (key, member) in members {
                let is_id = matches!(&**key, "id" | "call_id" | "tool_call_id" | "tool_use_id" | "toolUseId");
                match member {
                    Value::String(id) if is_id => {
                        let at = ids.iter().position(|known| known == id).unwrap_or_else(|| {
                            ids.push(id.clone());
                            ids.len() - 1
                        });
                        *id = format!("id-{at}");
                    }
                    // Arguments go back as the model wrote them; the reference runtime writes them anew.
                    Value::String(text) if key == "arguments" => {
                        *text = serde_json::from_str::<Value>(text).expect("arguments").to_string();
                    }
                    member => rename(member, ids),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| rename(item, ids)),
        _ => {}
    }
}

/// Both sides say the same in this form.
fn normal(api: Api, mut body: Value, other: &Value) -> Value {
    rename(&mut body, &mut Vec::new());
    let members = body.as_object_mut().expect("object");
    match api {
        Api::Chat => {
            // One text is a string or a list of it.
            for message in members["messages"].as_array_mut().expect("messages") {
                let text = match message["content"].as_array().map(Vec::as_slice) {
                    Some([part]) if part["type"] == "text" => Some(part["text"].clone()),
                    _ => None,
                };
                if let Some(text) = text {
                    message["content"] = text;
                }
            }
        }
        Api::Responses => {
            // Ours stores nothing at the service, and asks for what has to come back instead.
            for key in ["store", "include"] {
                if other.get(key).is_none() {
                    members.remove(key);
                }
            }
        }
        Api::Gemini => {
            if members.get("generationConfig") == Some(&json!({})) {
                members.remove("generationConfig");
            }
            // The schema goes untouched in the newer member.
            for tool in members["tools"][0]["functionDeclarations"].as_array_mut().expect("tools") {
                let tool = tool.as_object_mut().expect("tool");
                if let Some(schema) = tool.remove("parametersJsonSchema") {
                    tool.insert("parameters".into(), schema);
                }
            }
            // A result that is JSON is one, whether it stands there as a text or not.
            for content in members["contents"].as_array_mut().expect("contents") {
                for part in content["parts"].as_array_mut().expect("parts") {
                    if let Some(value) = part.pointer_mut("/functionResponse/response/content")
                        && let Some(parsed) = value.as_str().and_then(|text| serde_json::from_str(text).ok())
                    {
                        *value = parsed;
                    }
                }
            }
        }
        Api::Converse => {
            // Tells which stop sequence it was; nobody asks.
            members.remove("additionalModelResponseFieldPaths");
        }
        _ => {}
    }
    body
}

fn compare(service: &Service, request: &ModelRequest, expected: &Value, name: &str) {
    let ours = sent(service, request);
    assert_eq!(normal(service.api, ours.clone(), expected), normal(service.api, expected.clone(), &ours), "{name}");
}

#[test]
fn a_history_with_tools_is_sent_as_recorded() {
    for service in services() {
        let name = format!("{}-tool-history", service.file);
        let body = &recorded(&name)["body"];
        compare(&service, &tool_history(service.api, body), body, &name);
    }
}

#[test]
fn media_are_sent_as_recorded() {
    for service in services().iter().filter(|service| service.media) {
        let name = format!("{}-media", service.file);
        let body = &recorded(&name)["body"];
        compare(service, &media(service.api, body), body, &name);
    }
}

/// From the stream to the second request: reasoning, text, calls and signatures go back as the provider wants them.
#[test]
fn an_answer_goes_back_as_recorded() {
    for service in services() {
        let Some(stream) = service.stream else { continue };
        let name = format!("{}-second-step", service.file);
        let recorded = recorded(&name);
        let mut request = first_step(service.api, &recorded[0]["body"], &service.options);
        compare(&service, &request, &recorded[0]["body"], &name);

        let streams = streams::streams();
        let stream = streams.iter().find(|known| known.name == stream).expect("stream");
        let (events, error) = streams::decode(stream.provider, stream.api, [&stream.bytes[..]]);
        assert!(error.is_none(), "{name}: {error:?}");
        let answer = answer(&events);
        let ModelMessage::Assistant { tool_calls, .. } = &answer else { panic!("{answer:?}") };
        let result = result(&tool_calls[0].id, r#"{"c":18}"#);
        request.messages.extend([answer, result]);
        compare(&service, &request, &recorded[1]["body"], &name);
    }
}

/// The path and the headers that make it the service's own.
#[tokio::test]
async fn requests_go_where_they_were_recorded_and_carry_the_key() {
    for service in services() {
        let recorded = recorded(&format!("{}-tool-history", service.file));
        let server = ModelServer::start([Reply::json(400, r#"{"error":{"message":"no"}}"#)]).await;
        let base = server.base_url();
        let base = match service.api {
            Api::Gemini => base.replace("/v1", "/v1beta"),
            Api::Converse => base.replace("/v1", ""),
            _ => base,
        };
        let options = ServiceOptions {
            api: service.api,
            api_key: Some("KEY".to_owned().into()),
            base_url: Some(base),
            ..ServiceOptions::new(Profile::named(service.provider).expect("known"), service.model)
        };
        let model = ServiceModel::new(options).expect("model");
        let request = tool_history(service.api, &recorded["body"]);
        let _ = model.stream(request).next().await;
        let request = &server.requests()[0];
        let path = recorded["path"].as_str().expect("path").replace("/openai/v1", "/v1");
        assert!(request.path.ends_with(&path) || path.ends_with(&request.path), "{} {path}", request.path);
        for (name, value) in recorded["headers"].as_object().expect("headers") {
            // Betas that ours makes no use of.
            if name != "anthropic-beta" {
                assert_eq!(request.header(name), value.as_str(), "{}: {name}", service.file);
            }
        }
    }
}
