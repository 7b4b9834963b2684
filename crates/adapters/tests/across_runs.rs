//! What a provider signed goes to the page and back to it, although a tool of the page ended the run in between: built-in
//! agent, AG-UI events, what a page makes of them, the next run's request.

#![allow(clippy::expect_used, clippy::panic, reason = "helpers of tests may fail loudly")]
#![allow(unreachable_pub, dead_code, reason = "helpers that several tests share")]

#[path = "kit/streams.rs"]
mod streams;

use copilotkit_adapters::{Api, Profile, ServiceModel, ServiceOptions};
use copilotkit_fixtures::model_server::{ModelServer, Reply, Step};
use copilotkit_protocol::{Applied, Event, Message, RunAgentInput};
use copilotkit_runtime::agents::BuiltInAgent;
use copilotkit_runtime::{Agent as _, RunContext};
use futures::StreamExt as _;
use serde_json::{Value, json};
use std::sync::Arc;

fn input(run: &str, messages: &[Message]) -> RunAgentInput {
    let schema = json!({ "type": "object", "properties": { "city": { "type": "string" } } });
    let input = json!({
        "threadId": "t",
        "runId": run,
        "messages": messages.iter().map(|message| serde_json::to_value(message).expect("JSON")).collect::<Vec<_>>(),
        "tools": [{ "name": "get_weather", "description": "Get the weather", "parameters": schema }],
        "context": [],
        "state": {},
        "forwardedProps": {},
    });
    copilotkit_protocol::from_str(&input.to_string()).expect("an input")
}

/// Runs the agent, and gives what a page then holds. An answer in another dialect than the agent's ends the run.
async fn run(agent: &BuiltInAgent, run: &str, messages: Vec<Message>) -> Vec<Message> {
    let mut events = agent.run(RunContext::new("a", input(run, &messages)));
    let mut applied = Applied::new(messages, None);
    while let Some(event) = events.next().await {
        let json = match event {
            Ok(event) => event.to_json(),
            Err(error) => {
                assert_eq!(run, "foreign", "{error}");
                break;
            }
        };
        applied.apply(&Event::from_json(&json).expect("an event"));
    }
    assert!(applied.warnings().is_empty(), "{:?}", applied.warnings());
    applied.into_messages()
}

fn message(value: Value) -> Message {
    serde_json::from_value(value).expect("a message")
}

#[tokio::test]
async fn signatures_survive_a_tool_of_the_page() {
    for (provider, api, model, stream, kept) in [
        (
            "anthropic",
            Api::Messages,
            "claude-sonnet-4-6",
            "anthropic/thinking-signature-tool-use",
            "EqQBCkYIBxgCKkBh0h8s+signed+blob==",
        ),
        (
            "openai",
            Api::Responses,
            "gpt-5-mini",
            "openai-responses/reasoning-summary-tool-call",
            "gAAAAABm_final_blob_x9==",
        ),
        ("google", Api::Gemini, "gemini-3-flash-preview", "gemini/function-call", "CrABAcu98PB+fc+sig=="),
        ("deepseek", Api::Chat, "deepseek-v4-flash", "deepseek/reasoning-then-tool-call", "I need the weather."),
        #[cfg(feature = "bedrock")]
        ("bedrock", Api::Converse, "m", "bedrock/reasoning-text-tool-use", "EqQB+bd+sig=="),
    ] {
        let bytes = streams::streams().into_iter().find(|known| known.name == stream).expect(stream).bytes;
        let kind = if api == Api::Converse { "application/vnd.amazon.eventstream" } else { "text/event-stream" };
        let reply = Reply::status(200).header("content-type", kind).then(Step::Send(bytes.into()));
        let server = ModelServer::start([reply]).await;
        let service = |provider: &str, api, model: &str| {
            let options = ServiceOptions {
                api,
                base_url: Some(server.base_url()),
                api_key: Some("k".to_owned().into()),
                ..ServiceOptions::new(Profile::named(provider).expect(provider), model)
            };
            BuiltInAgent::builder(Arc::new(ServiceModel::new(options).expect("model"))).build()
        };
        let agent = service(provider, api, model);
        let user = message(json!({ "id": "u1", "role": "user", "content": "Weather in Zürich?" }));
        let mut messages = run(&agent, "r1", vec![user]).await;
        let Some(Message::Assistant(answer)) =
            messages.iter().rev().find(|message| matches!(message, Message::Assistant(_)))
        else {
            panic!("{provider}: {messages:?}")
        };
        let call = answer.tool_calls.as_ref().expect("a call")[0].id.clone();
        messages.push(message(json!({ "id": "x1", "role": "tool", "toolCallId": call, "content": "18 °C" })));
        run(&agent, "r2", messages.clone()).await;
        let sent = |at: usize| String::from_utf8(server.requests()[at].body.to_vec()).expect("text");
        assert!(!sent(0).contains(kept), "{provider}");
        assert!(sent(1).contains(kept), "{provider}: {}", sent(1));
        assert!(sent(1).contains("18 °C"), "{provider}");
        // Nobody else gets it.
        if provider != "deepseek" {
            run(&service("groq", Api::Chat, "other"), "foreign", messages).await;
            assert!(!sent(2).contains(kept), "{provider}: {}", sent(2));
        }
    }
}
