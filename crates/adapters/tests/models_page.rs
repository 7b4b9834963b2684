//! The tables of docs/models.md are made of what happens here: streams are served over a socket and read, requests are
//! written, for every provider. `UPDATE_DOCS=1` writes the page again.

#![allow(clippy::expect_used, clippy::panic, reason = "helpers of tests may fail loudly")]
#![allow(unreachable_pub, dead_code, reason = "helpers that several tests share")]
#![cfg(feature = "bedrock")]

#[path = "kit/conversations.rs"]
mod conversations;
#[path = "kit/streams.rs"]
mod streams;

use copilotkit_adapters::dialect::Callee;
use copilotkit_adapters::{Api, Profile, ServiceModel, ServiceOptions};
use copilotkit_fixtures::model_server::{ModelServer, Reply, Step};
use copilotkit_runtime::model::{ModelError, ModelMessage};
use copilotkit_runtime::{Model as _, ModelEvent, ModelRequest};
use futures::StreamExt as _;
use std::path::Path;

const BEGIN: &str = "<!-- made by crates/adapters/tests/models_page.rs: begin -->\n";
const END: &str = "<!-- end -->\n";

/// Every provider in its own dialect, and the other dialects that are in common use.
fn rows() -> Vec<(Profile, Api)> {
    let mut rows = Vec::new();
    for name in Profile::names() {
        let profile = Profile::named(name).expect(name);
        rows.push((profile.clone(), profile.api));
        match name {
            "openai" | "azure" => rows.push((profile, Api::Chat)),
            "vertex" => rows.push((profile, Api::Messages)),
            _ => {}
        }
    }
    rows
}

/// The streams that show a feature, the provider's own first.
fn stream(provider: &str, api: Api, what: &str) -> Option<&'static str> {
    Some(match (what, provider, api) {
        ("text", "groq", _) => "groq/reasoning-field-and-x-groq-usage",
        ("text", "mistral", _) | ("tools" | "thoughts", "mistral", _) => "mistral/thinking-parts-then-whole-tool-call",
        ("text" | "thoughts", "openrouter", _) => "compat/openrouter-comments-reasoning-details",
        ("text", "azure", Api::Chat) => "compat/azure-prompt-filter-first",
        ("text", "llama-cpp", _) => "compat/llama-server-text",
        ("tools", "llama-cpp", _) => "compat/llamacpp-python-forced-tool",
        ("tools", "ollama", _) => "compat/ollama-whole-tool-call",
        ("thoughts", "vllm" | "ollama", Api::Chat) => "compat/vllm-reasoning-field",
        ("thoughts", "groq", _) => "groq/reasoning-field-and-x-groq-usage",
        ("thoughts", "openai" | "azure", Api::Chat) => return None,
        ("text", _, Api::Chat) => "openai-chat/text",
        ("tools", _, Api::Chat) => "openai-chat/tool-call-split-args",
        ("parallel", _, Api::Chat) => "openai-chat/parallel-tool-calls",
        ("thoughts", _, Api::Chat) => "deepseek/reasoning-then-tool-call",
        ("text", _, Api::Responses) => "openai-responses/text",
        ("tools" | "thoughts", _, Api::Responses) => "openai-responses/reasoning-summary-tool-call",
        ("parallel", _, Api::Responses) => "openai-responses/parallel-tool-calls",
        ("text", _, Api::Messages) => "anthropic/text",
        ("tools" | "thoughts", _, Api::Messages) => "anthropic/thinking-signature-tool-use",
        ("parallel", _, Api::Messages) => "anthropic/parallel-tool-use",
        ("tools", "vertex", Api::Gemini) => "gemini/vertex-streamed-arguments",
        ("text", _, Api::Gemini) => "gemini/thought-then-text",
        ("tools" | "thoughts", _, Api::Gemini) => "gemini/function-call",
        ("parallel", _, Api::Gemini) => "gemini/parallel-function-calls-one-chunk",
        ("text" | "tools" | "thoughts", _, Api::Converse) => "bedrock/reasoning-text-tool-use",
        _ => return None,
    })
}

fn bytes(name: &str) -> Vec<u8> {
    streams::streams().into_iter().find(|stream| stream.name == name).expect(name).bytes
}

fn events(profile: &Profile, api: Api, what: &str) -> Option<Vec<ModelEvent>> {
    let bytes = bytes(stream(&profile.name, api, what)?);
    let (events, error) = streams::decode(&profile.name, api, [&bytes[..]]);
    assert!(error.is_none(), "{} {what}: {error:?}", profile.name);
    Some(events)
}

fn body(profile: &Profile, api: Api, request: &ModelRequest) -> Result<String, ModelError> {
    let callee = Callee { provider: &profile.name, model: "m", quirks: &profile.quirks };
    let body = match api {
        Api::Chat => copilotkit_adapters::openai_chat::body(&callee, request),
        Api::Responses => copilotkit_adapters::openai_responses::body(&callee, request),
        Api::Messages => copilotkit_adapters::anthropic::body(&callee, request),
        Api::Gemini => copilotkit_adapters::gemini::body(&callee, request),
        Api::Converse => copilotkit_adapters::bedrock::body(&callee, request),
        other => panic!("{other:?}"),
    };
    body.map(|body| String::from_utf8(body).expect("text"))
}

/// Text that came over a socket in more than one piece.
async fn streams_text(profile: &Profile, api: Api) -> bool {
    let bytes = bytes(stream(&profile.name, api, "text").expect("text"));
    let kind = if api == Api::Converse { "application/vnd.amazon.eventstream" } else { "text/event-stream" };
    let reply = Reply::status(200).header("content-type", kind).then(Step::Send(bytes.into()));
    let server = ModelServer::start([reply]).await;
    let options = ServiceOptions {
        api,
        base_url: Some(server.base_url()),
        api_key: Some("k".to_owned().into()),
        ..ServiceOptions::new(profile.clone(), "m")
    };
    let model = ServiceModel::new(options).expect("model");
    let messages = vec![ModelMessage::User { content: "hi".into() }];
    let mut stream = model.stream(ModelRequest { messages, ..ModelRequest::default() });
    let (mut text, mut finished) = (false, false);
    while let Some(event) = stream.next().await {
        match event.expect("an event") {
            ModelEvent::TextDelta(_) => text = true,
            ModelEvent::Finish { .. } => finished = true,
            _ => {}
        }
    }
    text && finished
}

fn streams_arguments(profile: &Profile, api: Api) -> &'static str {
    let Some(events) = events(profile, api, "tools") else { return "" };
    match events.iter().filter(|event| matches!(event, ModelEvent::ToolCallDelta { .. })).count() {
        0 => "",
        1 => "whole",
        _ => "in pieces",
    }
}

fn parallel(profile: &Profile, api: Api) -> bool {
    if api == Api::Converse {
        let mut codec = streams::codec(&profile.name, api);
        let mut out = Vec::new();
        for index in [0, 1] {
            let start = format!(
                r#"{{"contentBlockIndex":{index},"start":{{"toolUse":{{"toolUseId":"t{index}","name":"f"}}}}}}"#
            );
            codec.on_event("contentBlockStart", start.as_bytes(), &mut out).expect("start");
        }
        for index in [0, 1] {
            let stop = format!(r#"{{"contentBlockIndex":{index}}}"#);
            codec.on_event("contentBlockStop", stop.as_bytes(), &mut out).expect("stop");
        }
        return out.iter().filter(|event| matches!(event, ModelEvent::ToolCallEnd { .. })).count() == 2;
    }
    let Some(events) = events(profile, api, "parallel") else { return false };
    events.iter().filter(|event| matches!(event, ModelEvent::ToolCallEnd { .. })).count() == 2
}

/// Whether reasoning is shown, and what of it goes back with the next request.
fn reasoning(profile: &Profile, api: Api) -> (bool, &'static str) {
    let Some(events) = events(profile, api, "thoughts") else { return (false, "") };
    let thought: String = events
        .iter()
        .filter_map(|event| match event {
            ModelEvent::ReasoningDelta(delta) => Some(delta.as_str()),
            _ => None,
        })
        .collect();
    let mut answer = conversations::answer(&events);
    let ModelMessage::Assistant { content, tool_calls, .. } = &mut answer else { panic!() };
    if content.is_empty() && tool_calls.is_empty() {
        content.push_str("ok");
    }
    let signed = events.iter().any(|event| {
        matches!(
            event,
            ModelEvent::ReasoningEnd { encrypted_value: Some(_) }
                | ModelEvent::ToolCallEnd { encrypted_value: Some(_), .. }
        )
    });
    let messages = vec![ModelMessage::User { content: "hi".into() }, answer];
    let sent = body(profile, api, &ModelRequest { messages, ..ModelRequest::default() }).expect("body");
    let signature = ["EqQB", "gAAAAAB", "CrABAcu98PB"].iter().any(|start| sent.contains(start));
    assert!(signed || !signature);
    let back = match (signature, !thought.is_empty() && sent.contains(thought.split(['\n', '"']).next().expect("text")))
    {
        (true, _) => "signed",
        (false, true) => "as text",
        (false, false) => "",
    };
    (!thought.is_empty(), back)
}

fn takes(profile: &Profile, api: Api, part: &str) -> bool {
    let content = serde_json::from_str(&format!("[{part}]")).expect(part);
    let messages = vec![ModelMessage::User { content }];
    match body(profile, api, &ModelRequest { messages, ..ModelRequest::default() }) {
        Ok(body) => body.contains("QUJD") || body.contains("example.com"),
        Err(error) => {
            assert!(error.message.contains("content part 0"), "{error}");
            false
        }
    }
}

const PARTS: &[(&str, &str)] = &[
    ("picture", r#"{"type":"image","source":{"type":"data","value":"QUJD","mimeType":"image/png"}}"#),
    ("picture by address", r#"{"type":"image","source":{"type":"url","value":"https://example.com/a.png"}}"#),
    ("PDF", r#"{"type":"document","source":{"type":"data","value":"QUJD","mimeType":"application/pdf"}}"#),
    ("PDF by address", r#"{"type":"document","source":{"type":"url","value":"https://example.com/a.pdf"}}"#),
    ("sound", r#"{"type":"audio","source":{"type":"data","value":"QUJD","mimeType":"audio/wav"}}"#),
    ("film", r#"{"type":"video","source":{"type":"data","value":"QUJD","mimeType":"video/mp4"}}"#),
];

async fn tables() -> String {
    let mut services = String::from(
        "| provider | other names | `api` | key | address | variable of the address |\n|---|---|---|---|---|---|\n",
    );
    let mut features = format!(
        "| provider | `api` | text | arguments of a call | calls at once | reasoning shown | reasoning goes back | {} |\n",
        PARTS.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(" | ")
    );
    features.push_str(&"|---".repeat(7 + PARTS.len()));
    features.push_str("|\n");
    let yes = |yes: bool| if yes { "yes" } else { "" };
    for (profile, api) in rows() {
        let name = &profile.name;
        if api == profile.api {
            let keys: Vec<_> = profile.key_envs().map(|key| format!("`{key}`")).collect();
            let address =
                if profile.base_url.is_empty() { "see below".to_owned() } else { format!("`{}`", profile.base_url) };
            let others: Vec<_> = profile.aliases().map(|name| format!("`{name}`")).collect();
            services.push_str(&format!(
                "| `{name}` | {} | `{}` | {} | {address} | `{}` |\n",
                others.join(", "),
                api.as_str(),
                keys.join(", "),
                profile.base_url_env
            ));
        }
        let (shown, back) = reasoning(&profile, api);
        let parts: Vec<_> = PARTS.iter().map(|(_, part)| yes(takes(&profile, api, part))).collect();
        let text = streams_text(&profile, api).await;
        assert!(text, "{name} does not stream text");
        features.push_str(&format!(
            "| `{name}` | `{}` | {} | {} | {} | {} | {back} | {} |\n",
            api.as_str(),
            yes(text),
            streams_arguments(&profile, api),
            yes(parallel(&profile, api)),
            yes(shown),
            parts.join(" | ")
        ));
    }
    format!("{services}\n{features}").replace("|  |", "| |").replace("|  |", "| |")
}

#[tokio::test]
async fn the_page_says_what_the_providers_do() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/models.md");
    let found = std::fs::read_to_string(&path).expect("docs/models.md");
    let (head, rest) = found.split_once(BEGIN).expect("the place of the tables");
    let (_, tail) = rest.split_once(END).expect("the end of the tables");
    let page = format!("{head}{BEGIN}\n{}\n{END}{tail}", tables().await);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &page).expect("written");
    }
    let now = std::fs::read_to_string(&path).expect("docs/models.md");
    let command = "UPDATE_DOCS=1 cargo test -p copilotkit-adapters --features bedrock --test models_page";
    assert!(now == page, "docs/models.md is old: {command}");
}
