//! The recorded cases. Where we differ on purpose, the expectation is changed here, by name and with the reason.

use crate::kit::*;
use copilotkit_protocol::{Content, ContentPart, PartSource, RunAgentInput};
use copilotkit_runtime::agents::BuiltInAgent;
use copilotkit_runtime::model::{ModelErrorKind, ModelEvent, ModelMessage, ModelSettings, ToolChoice};
use copilotkit_runtime::{ModelError, ModelRequest};
use serde_json::{Map, Value, json};
use std::sync::Arc;

struct Case {
    name: String,
    agent: String,
    input: RunAgentInput,
    events: Vec<Value>,
    calls: Vec<Value>,
}

fn cases() -> Vec<Case> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/data/runtime/builtin-agent.json");
    let cases: Vec<Value> = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    cases
        .into_iter()
        .map(|case| Case {
            name: case["name"].as_str().unwrap().to_owned(),
            agent: case["agent"].as_str().unwrap().to_owned(),
            input: input(&case["input"].to_string()),
            events: case["events"].as_array().unwrap().clone(),
            calls: case["calls"].as_array().unwrap().clone(),
        })
        .collect()
}

/// The recorded agents, and what their model did.
fn agent(name: &str, resumed: bool) -> (BuiltInAgent, Arc<Script>) {
    let failure = |message: &str| Err(ModelError::new(ModelErrorKind::Provider, message));
    let rome = call("call_1", "server_weather", &[r#"{"city":"Rome"}"#]);
    let say = |text_id, words| stop([text(text_id, &[words])]);
    let delta = |delta: &str| calls([call("call_1", "AGUISendStateDelta", &[&format!(r#"{{"delta":{delta}}}"#)])]);
    let steps: Vec<Step> = match name {
        "text" => vec![stop([text("txt-0", &["Hel", "", "lo"])])],
        "textid" => vec![say("msg_abc", "Hi")],
        "frontend" => vec![calls([
            text("m1", &["Let me look. "]),
            call("call_1", "get_weather", &[r#"{"city":"#, r#""Paris"}"#]),
        ])],
        "servertool" => vec![calls([rome]), say("m2", "21 degrees")],
        "servertool1" => vec![calls([rome])],
        "mixed" => vec![calls([rome, call("call_2", "get_weather", &[r#"{"city":"Paris"}"#])])],
        "toolfails" => vec![calls([call("call_1", "failing", &["{}"])]), say("m2", "It failed")],
        "badargs" => vec![calls([call("call_1", "server_weather", &[r#"{"city":5}"#])]), say("m2", "sorry")],
        "unknowntool" => vec![calls([call("call_1", "no_such_tool", &["{}"])]), say("m2", "sorry")],
        "statesnap" => {
            vec![calls([call("call_1", "AGUISendStateSnapshot", &[r#"{"snapshot":{"a":1}}"#])]), say("m2", "done")]
        }
        "statedelta" => vec![
            delta(r#"[{"op":"add","path":"/list/-","value":1},{"op":"replace","path":"/a","value":2}]"#),
            say("m2", "done"),
        ],
        "statedelta-nostate" => vec![delta(r#"[{"op":"add","path":"/a","value":2}]"#), say("m2", "done")],
        "reasoning" => vec![stop([
            vec![
                Ok(ModelEvent::ReasoningStart { id: Some("reasoning-0".into()) }),
                Ok(ModelEvent::ReasoningDelta("thin".into())),
                Ok(ModelEvent::ReasoningDelta("king".into())),
                Ok(ModelEvent::ReasoningEnd { encrypted_value: None }),
            ],
            text("m1", &["Answer"]),
        ])],
        "reasoningopen" => vec![stop([
            vec![Ok(ModelEvent::ReasoningStart { id: Some("r1".into()) }), Ok(ModelEvent::ReasoningDelta("hm".into()))],
            text("m1", &["Answer"]),
        ])],
        "interrupt" if resumed => vec![say("m2", "ok")],
        "interrupt" => vec![calls([call("call_1", "approve", &[r#"{"amount":100}"#])])],
        "streamerror" => vec![step([
            vec![Ok(ModelEvent::TextStart { id: Some("m1".into()) }), Ok(ModelEvent::TextDelta("part".into()))],
            vec![failure("provider exploded")],
        ])],
        "callerror" => vec![vec![failure("no quota")]],
        "forwardsys" | "override" | "nooverride" => vec![say("m1", "x")],
        other => panic!("no script for {other}"),
    };
    let script = Script::new(steps);
    let builder = BuiltInAgent::builder(script.clone());
    let builder = match name {
        "textid" => builder.prompt("You are helpful."),
        "forwardsys" => builder.prompt("P").forward_system_messages(true).forward_developer_messages(true),
        "servertool" | "mixed" | "badargs" => builder.tool(weather()).max_steps(5),
        "servertool1" => builder.tool(weather()).max_steps(1),
        "toolfails" => builder.tool(failing()),
        "interrupt" => builder.tool(Ask::tool("approve")),
        "override" => builder.prompt("Base prompt").overridable([
            "model",
            "toolChoice",
            "maxOutputTokens",
            "temperature",
            "topP",
            "topK",
            "presencePenalty",
            "frequencyPenalty",
            "stopSequences",
            "seed",
            "maxRetries",
            "providerOptions",
            "prompt",
        ]),
        "nooverride" => builder.tool_choice(ToolChoice::Required).settings(ModelSettings {
            max_output_tokens: Some(7),
            temperature: Some(0.5),
            ..Default::default()
        }),
        _ => builder,
    };
    (builder.build(), script)
}

#[tokio::test]
async fn the_recorded_cases() {
    let mut compared = 0;
    for case in cases() {
        if case.name == "slow" {
            continue; // `a_cancelled_run_just_ends` below: the closing events are the lifecycle's.
        }
        let (agent, script) = agent(&case.agent, case.input.resume.is_some());
        let (mut got, error) = run(&agent, case.input.clone()).await;
        let mut expected = case.events.clone();
        let mut calls = case.calls.clone();
        differences(&case, &mut expected, &mut calls);
        // An error is the lifecycle's to frame; here it stands for its RUN_ERROR.
        got.extend(error.map(|error| json!({ "type": "RUN_ERROR", "message": error.message, "code": error.code })));
        assert_eq!(numbered(got), numbered(expected), "events of {}", case.name);

        let got: Vec<Value> = script.calls().iter().map(recorded_form).collect();
        let expected: Vec<Value> = calls.into_iter().map(plain_outputs).collect();
        assert_eq!(got, expected, "calls of the model in {}", case.name);
        compared += 1;
    }
    assert_eq!(compared, 27);
}

/// What we do otherwise, and why.
fn differences(case: &Case, events: &mut Vec<Value>, calls: &mut Vec<Value>) {
    for event in events.iter_mut() {
        // AG-UI 1.0: the version is announced, and `finishReason` has no place but metadata.
        let event = event.as_object_mut().unwrap();
        if event["type"] == "RUN_STARTED" {
            event.insert("protocolVersion".into(), json!("1.0"));
        }
        if let Some(reason) = event.remove("finishReason") {
            event.insert("metadata".into(), json!({ "finishReason": reason }));
        }
    }
    let last = events.len() - 1;
    match case.name.as_str() {
        // A call without a result is answered for the model instead of failing the run.
        "textid-missing-result" | "textid-open-call-last" => {
            events.truncate(1);
            let recorded = cases().into_iter().find(|case| case.name == "textid").unwrap();
            let mut answered = recorded.events;
            differences(&Case { name: String::new(), ..plain_case(case) }, &mut answered, &mut Vec::new());
            events.extend(answered.into_iter().skip(1));
            for event in events.iter_mut() {
                if event.get("threadId").is_some() {
                    event["threadId"] = case.input.thread_id.clone().into();
                }
            }
            let mut prompt = vec![
                json!({ "role": "system", "content": "You are helpful." }),
                json!({ "role": "user", "content": [{ "type": "text", "text": "Hi" }] }),
                json!({ "role": "assistant", "content": [{ "type": "tool-call", "toolCallId": "old_1", "toolName": "t", "input": {} }] }),
                json!({ "role": "tool", "content": [{ "type": "tool-result", "toolCallId": "old_1", "toolName": "t", "output": { "type": "error-text", "value": "" } }] }),
            ];
            if case.name == "textid-missing-result" {
                prompt.push(json!({ "role": "user", "content": [{ "type": "text", "text": "Well?" }] }));
            }
            let tools = ["AGUISendStateSnapshot", "AGUISendStateDelta"];
            calls.push(json!({ "prompt": prompt, "tool_names": tools, "toolChoice": { "type": "auto" } }));
        }
        // A result without a call is left out: most providers refuse it.
        "textid-orphan-result" => {
            calls[0]["prompt"].as_array_mut().unwrap().retain(|message| message["role"] != "tool");
        }
        // The page learns which calls wait for it (1.0).
        "frontend" => events[last]["outcome"] = json!({ "type": "success", "pendingToolCallIds": ["call_1"] }),
        "mixed" => events[last]["outcome"] = json!({ "type": "success", "pendingToolCallIds": ["call_2"] }),
        // A call that failed gets a result, so that the next run finds no open call.
        "toolfails" => events.insert(4, failed("tool_failed", "tool broke")),
        "badargs" => events.insert(
            4,
            failed("tool_arguments", "The arguments do not fit the tool's schema: /city: 5 is not of type \"string\"."),
        ),
        "unknowntool" => events.insert(
            4,
            failed(
                "tool_unknown",
                "There is no tool `no_such_tool`. The tools are: AGUISendStateSnapshot, AGUISendStateDelta.",
            ),
        ),
        // The open message is closed by the lifecycle, and the error has a code of its own.
        "streamerror" => {
            events.remove(last - 1);
            events[last - 1] = json!({ "type": "RUN_ERROR", "message": "provider exploded", "code": "model_error" });
        }
        "callerror" => events[last] = json!({ "type": "RUN_ERROR", "message": "no quota", "code": "model_error" }),
        // The answer to a question is the result of its call, so that the thread has it when it is read again.
        "interrupt-resume" => events.insert(1, result(json!({ "approved": true }))),
        "interrupt-cancel" => events.insert(1, result(json!({ "status": "cancelled" }))),
        // The form that pages send with requests for suggestions is understood.
        "override-openai-toolchoice" => {
            calls[0]["toolChoice"] = json!({ "type": "tool", "toolName": "get_weather" });
        }
        _ => {}
    }
}

fn plain_case(case: &Case) -> Case {
    Case { name: String::new(), agent: String::new(), input: case.input.clone(), events: vec![], calls: vec![] }
}

fn failed(reason: &str, message: &str) -> Value {
    result(json!({ "status": "error", "reason": reason, "message": message }))
}

fn result(content: Value) -> Value {
    json!({ "type": "TOOL_CALL_RESULT", "role": "tool", "messageId": uuid::Uuid::new_v4().to_string(), "toolCallId": "call_1", "content": content.to_string() })
}

/// Replaces fresh ids by the order in which they appear, and results by their JSON.
fn numbered(events: Vec<Value>) -> Vec<Value> {
    let mut seen = Vec::new();
    events
        .into_iter()
        .map(|mut event| {
            for key in ["messageId", "parentMessageId"] {
                if let Some(id) = event.get(key).and_then(Value::as_str)
                    && uuid::Uuid::parse_str(id).is_ok()
                {
                    let index = seen.iter().position(|known| known == id).unwrap_or_else(|| {
                        seen.push(id.to_owned());
                        seen.len() - 1
                    });
                    event[key] = json!(format!("fresh {index}"));
                }
            }
            if event["type"] == "TOOL_CALL_RESULT" {
                event["content"] = serde_json::from_str(event["content"].as_str().unwrap()).unwrap();
            }
            event
        })
        .collect()
}

/// Our request in the form of the recorded calls.
fn recorded_form(request: &ModelRequest) -> Value {
    let mut prompt: Vec<Value> = Vec::new();
    for message in &request.messages {
        match message {
            ModelMessage::System { content } => prompt.push(json!({ "role": "system", "content": content })),
            ModelMessage::User { content } => prompt.push(json!({ "role": "user", "content": parts(content) })),
            ModelMessage::Assistant { content, tool_calls, .. } => {
                let mut parts = Vec::new();
                if !content.is_empty() {
                    parts.push(json!({ "type": "text", "text": content }));
                }
                parts.extend(tool_calls.iter().map(|call| {
                    let input: Value = serde_json::from_str(&call.arguments).unwrap();
                    json!({ "type": "tool-call", "toolCallId": call.id, "toolName": call.name, "input": input })
                }));
                prompt.push(json!({ "role": "assistant", "content": parts }));
            }
            ModelMessage::Tool { tool_call_id, name, content, is_error } => {
                let output =
                    if *is_error { json!({ "error": true }) } else { json!({ "value": lenient(&content.text()) }) };
                let part =
                    json!({ "type": "tool-result", "toolCallId": tool_call_id, "toolName": name, "output": output });
                match prompt.last_mut() {
                    Some(last) if last["role"] == "tool" => last["content"].as_array_mut().unwrap().push(part),
                    _ => prompt.push(json!({ "role": "tool", "content": [part] })),
                }
            }
            other => panic!("{other:?}"),
        }
    }
    let names: Vec<_> = request.tools.iter().map(|tool| tool.name.as_str()).collect();
    let mut out = Map::new();
    out.insert("prompt".into(), prompt.into());
    out.insert("tool_names".into(), json!(names));
    let choice = match &request.tool_choice {
        ToolChoice::Auto => json!({ "type": "auto" }),
        ToolChoice::None => json!({ "type": "none" }),
        ToolChoice::Required => json!({ "type": "required" }),
        ToolChoice::Tool(name) => json!({ "type": "tool", "toolName": name }),
    };
    out.insert("toolChoice".into(), choice);
    let settings = &request.settings;
    let mut set = |name: &str, value: Value| {
        if !value.is_null() {
            out.insert(name.into(), value);
        }
    };
    set("maxOutputTokens", json!(settings.max_output_tokens));
    set("temperature", json!(settings.temperature));
    set("topP", json!(settings.top_p));
    set("topK", json!(settings.top_k));
    set("presencePenalty", json!(settings.presence_penalty));
    set("frequencyPenalty", json!(settings.frequency_penalty));
    set("seed", json!(settings.seed));
    if !settings.stop.is_empty() {
        set("stopSequences", json!(settings.stop));
    }
    if !settings.provider_options.is_empty() {
        set("providerOptions", json!(settings.provider_options));
    }
    out.into()
}

fn parts(content: &Content) -> Vec<Value> {
    let file = |source: &PartSource, fallback: &str| match source {
        PartSource::Data(data) => json!({ "type": "file", "mediaType": data.mime_type, "data": data.value }),
        PartSource::Url(url) => {
            json!({ "type": "file", "mediaType": url.mime_type.as_deref().unwrap_or(fallback), "data": url.value })
        }
        other => panic!("{other:?}"),
    };
    match content {
        Content::Text(text) => vec![json!({ "type": "text", "text": text })],
        Content::Parts(parts) => parts
            .iter()
            .map(|part| match part {
                ContentPart::Text(text) => json!({ "type": "text", "text": text.text }),
                ContentPart::Image(image) => file(&image.source, "image/*"),
                ContentPart::Audio(audio) => file(&audio.source, "application/octet-stream"),
                ContentPart::Video(video) => file(&video.source, "application/octet-stream"),
                ContentPart::Document(document) => file(&document.source, "application/octet-stream"),
                other => panic!("{other:?}"),
            })
            .collect(),
    }
}

/// The recorded outputs without the difference of text and JSON, which our messages do not make; the words of an error
/// are each runtime's own.
fn plain_outputs(mut call: Value) -> Value {
    for message in call["prompt"].as_array_mut().unwrap() {
        if message["role"] == "tool" {
            for part in message["content"].as_array_mut().unwrap() {
                let output = &part["output"];
                part["output"] = match output["type"].as_str().unwrap() {
                    "error-text" => json!({ "error": true }),
                    "text" => json!({ "value": lenient(output["value"].as_str().unwrap()) }),
                    _ => json!({ "value": output["value"] }),
                };
            }
        }
    }
    call
}

fn lenient(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| text.into())
}
