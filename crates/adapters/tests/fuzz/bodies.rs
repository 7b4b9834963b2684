//! What must hold for any bytes that a service may send. Each body takes bytes and panics when something does not hold;
//! proptest calls them on stable (`tests/bad_input.rs`), cargo-fuzz on nightly (`fuzz/` at the root of the repository).

#[path = "../kit/run.rs"]
pub mod run;
#[path = "../kit/streams.rs"]
pub mod streams;

use copilotkit_adapters::Api;
use copilotkit_runtime::ModelEvent;
use run::Run;
use streams::decode;

/// What has to hold whatever came. The events of an answer that failed need not be complete.
pub fn holds(events: &[ModelEvent], failed: bool) {
    let run = Run::of_events(events);
    assert_eq!(run.finish.is_none(), failed, "it either ends or fails");
}

/// An answer ends or fails, its events fit together, and it is the same however the bytes are cut.
pub fn answer(provider: &str, api: Api, data: &[u8]) {
    let (events, error) = decode(provider, api, [data]);
    holds(&events, error.is_some());
    let size = data.first().map_or(1, |byte| 1 + usize::from(*byte) % 64);
    let (cut, cut_error) = decode(provider, api, data.chunks(size));
    assert_eq!(cut, events, "in pieces of {size} bytes");
    assert_eq!(cut_error.map(|error| error.message), error.map(|error| error.message), "in pieces of {size} bytes");
}

/// Chat Completions, with what the services that imitate it add.
pub fn chat(data: &[u8]) {
    for provider in ["openai", "deepseek", "groq", "mistral", "xai", "openrouter", "custom"] {
        answer(provider, Api::Chat, data);
    }
}

/// Responses.
pub fn responses(data: &[u8]) {
    answer("openai", Api::Responses, data);
}

/// Anthropic's Messages.
pub fn messages(data: &[u8]) {
    answer("anthropic", Api::Messages, data);
}

/// Gemini.
pub fn gemini(data: &[u8]) {
    answer("google", Api::Gemini, data);
}

/// Bedrock's Converse, in the frames of AWS.
#[cfg(feature = "bedrock")]
pub fn converse(data: &[u8]) {
    answer("bedrock", Api::Converse, data);
}
