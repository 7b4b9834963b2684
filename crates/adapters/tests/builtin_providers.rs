//! The built-in agent of the reference runtime with models by name, replayed over HTTP: what its page saw, and what the
//! service behind the model was asked, each in its own dialect. Differences have names, and are documented by them.

#![allow(clippy::expect_used, clippy::panic, reason = "helpers of tests may fail loudly")]

use copilotkit_adapters::{Api, Options, model_from_spec};
use copilotkit_fixtures::model_server::{ModelServer, Reply};
use copilotkit_fixtures::recording::asked::{self, Asked, RULES};
use copilotkit_fixtures::recording::replay::{Forms, Verdict, replay};
use copilotkit_fixtures::recording::{self, WITH_MODELS};
use copilotkit_runtime::agents::BuiltInAgent;
use copilotkit_runtime::http::server::{ServeOptions, serve};
use copilotkit_runtime::http::{CorsPolicy, Mode, Origins, Surface, SurfaceOptions};
use copilotkit_runtime::model::ModelSettings;
use copilotkit_runtime::{AgentRegistry, Lifecycle, LifecycleOptions, Registered};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// The agents of the recorded server.
const AGENTS: [(&str, &str); 5] = [
    ("p-openai", "openai/gpt-4o"),
    ("p-openai-colon", "openai:gpt-4.1-mini"),
    ("p-anthropic", "anthropic/claude-sonnet-4-5"),
    ("p-google", "google/gemini-2.5-flash"),
    ("p-minimax", "minimax/MiniMax-M3"),
];

/// `Hello` as each service said it.
fn hello(path: &str) -> String {
    let named = |events: &[Value]| {
        let frame = |event: &Value| format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap_or_default());
        events.iter().map(frame).collect()
    };
    if path.ends_with("/responses") {
        let item = json!({ "type": "message", "id": "msg_1", "role": "assistant" });
        let usage = json!({
            "input_tokens": 11, "input_tokens_details": { "cached_tokens": 0 },
            "output_tokens": 3, "output_tokens_details": { "reasoning_tokens": 0 }, "total_tokens": 14,
        });
        return named(&[
            json!({ "type": "response.created", "response": { "id": "resp_1" } }),
            json!({ "type": "response.output_item.added", "output_index": 0, "item": item }),
            json!({ "type": "response.output_text.delta", "item_id": "msg_1", "output_index": 0, "delta": "Hello" }),
            json!({ "type": "response.output_item.done", "output_index": 0, "item": item }),
            json!({ "type": "response.completed", "response": { "id": "resp_1", "usage": usage } }),
        ]);
    }
    if path.ends_with("/messages") {
        let usage = json!({ "input_tokens": 12, "cache_read_input_tokens": 0, "output_tokens": 1 });
        return named(&[
            json!({ "type": "message_start", "message": { "id": "m1", "role": "assistant", "usage": usage } }),
            json!({ "type": "content_block_start", "index": 0, "content_block": { "type": "text", "text": "" } }),
            json!({ "type": "content_block_delta", "index": 0, "delta": { "type": "text_delta", "text": "Hello" } }),
            json!({ "type": "content_block_stop", "index": 0 }),
            json!({ "type": "message_delta", "delta": { "stop_reason": "end_turn" }, "usage": { "output_tokens": 4 } }),
            json!({ "type": "message_stop" }),
        ]);
    }
    let content = json!({ "role": "model", "parts": [{ "text": "Hello" }] });
    let usage = json!({
        "promptTokenCount": 9, "candidatesTokenCount": 2, "thoughtsTokenCount": 0, "cachedContentTokenCount": 0,
        "totalTokenCount": 11,
    });
    let candidates = json!([{ "content": content, "finishReason": "STOP", "index": 0 }]);
    format!("data: {}\r\n\r\n", json!({ "candidates": candidates, "usageMetadata": usage }))
}

fn agents(origin: &str) -> Vec<Registered> {
    let variables = BTreeMap::from([
        ("OPENAI_API_KEY", "sk-test".to_owned()),
        ("OPENAI_BASE_URL", format!("{origin}/openai/v1")),
        ("ANTHROPIC_API_KEY", "sk-ant".to_owned()),
        ("ANTHROPIC_BASE_URL", format!("{origin}/anthropic/v1")),
        ("GOOGLE_API_KEY", "g-key".to_owned()),
        ("GOOGLE_GENERATIVE_AI_BASE_URL", format!("{origin}/google/v1beta")),
        ("MINIMAX_API_KEY", "mm-key".to_owned()),
        ("MINIMAX_BASE_URL", format!("{origin}/minimax/v1")),
    ]);
    let lookup = |name: &str| variables.get(name).cloned();
    let registered = |(id, spec): (&str, &str)| {
        // At an address that is not the provider's own, Chat Completions is the likelier dialect: the other one is named.
        let responses = spec.starts_with("openai") || spec.starts_with("minimax");
        let options = Options { api: responses.then_some(Api::Responses), ..Options::new(&lookup) };
        let model = model_from_spec(spec, &options).expect("a model");
        let settings =
            ModelSettings { temperature: Some(0.2), max_output_tokens: Some(50), ..ModelSettings::default() };
        Registered::new(id, BuiltInAgent::builder(model).prompt("Be brief.").settings(settings).build())
    };
    AGENTS.map(registered).into()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_and_what_services_are_asked_are_as_recorded_or_as_listed() {
    let mut used = BTreeSet::new();
    let mut count = 0;
    for scenario in WITH_MODELS {
        let recording = recording::load(scenario).expect("a recording");
        let expected = asked::load(scenario).expect("what the services were asked");
        let services = ModelServer::start(expected.iter().map(|asked| Reply::sse(hello(&asked.path)))).await;
        let agents = agents(services.base_url().trim_end_matches("/v1"));

        let lifecycle = Lifecycle::new(Arc::new(AgentRegistry::new(agents)), LifecycleOptions::default());
        let options = SurfaceOptions {
            base_paths: vec!["/api/copilotkit".to_owned()],
            mode: Mode::Multi,
            cors: CorsPolicy::new(Origins::Any, false).expect("a policy"),
            ..SurfaceOptions::default()
        };
        let surface = Surface::new(lifecycle.clone(), options);
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let stop = CancellationToken::new();
        let drain = lifecycle.drain(Duration::ZERO);
        let serving = serve(listener, surface, ServeOptions::default(), stop.cancelled(), drain);
        let replaying = async {
            let outcomes = replay(&recording, address, Forms::Recorded).await;
            stop.cancel();
            outcomes
        };
        let ((), outcomes) = tokio::join!(serving, replaying);
        let wrong: String = outcomes
            .iter()
            .filter_map(|outcome| match &outcome.verdict {
                Verdict::Mismatch(text) => Some(format!("{} / {}\n{text}", outcome.scenario, outcome.exchange)),
                _ => None,
            })
            .collect();
        assert!(wrong.is_empty(), "{wrong}");
        assert_eq!(outcomes.len(), expected.len());

        let requests = services.requests();
        assert_eq!(requests.len(), expected.len(), "each exchange asks a service once");
        for (request, mut recorded) in requests.iter().zip(expected) {
            let named = recorded.headers.keys();
            let mut ours = Asked {
                exchange: recorded.exchange.clone(),
                path: request.path.clone(),
                headers: named.filter_map(|name| Some((name.clone(), request.header(name)?.to_owned()))).collect(),
                body: request.json(),
            };
            let applied = asked::align(&mut recorded, &mut ours);
            assert_eq!(ours, recorded, "what {} asks, by the differences {applied:?}", recorded.exchange);
            used.extend(applied);
            count += 1;
        }
    }
    assert_eq!(count, 7);
    assert_eq!(used, RULES.iter().map(|rule| rule.key).collect(), "a difference that is none");
}
