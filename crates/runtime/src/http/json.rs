//! Bodies as values, with errors that name the member.

use super::SurfaceOptions;
use super::answer::Refusal;
use copilotkit_protocol::wire::MAX_DEPTH;
use copilotkit_protocol::{Json, RunAgentInput, Wire as _, check_depth, from_slice};

/// The body of a run or connect request.
pub(super) fn run_input(options: &SurfaceOptions, body: &[u8]) -> Result<RunAgentInput, Refusal> {
    check_depth(body, options.json_depth.min(MAX_DEPTH)).map_err(|error| Refusal::deep_body(&error.to_string()))?;
    let mut input: RunAgentInput = match body.iter().all(u8::is_ascii_whitespace) {
        true => return Err(Refusal::invalid_body("the body is empty, expected a RunAgentInput object")),
        false => from_slice(body).map_err(|error| Refusal::invalid_body(&error.to_string()))?,
    };
    // Unknown members are let go, as the reference runtime does.
    input.tidy();
    for (name, id) in [("threadId", &input.thread_id), ("runId", &input.run_id)] {
        if id.len() > options.id_max {
            let details = format!("{name}: longer than {} bytes", options.id_max);
            return Err(Refusal::invalid_body(&details));
        }
    }
    Ok(input)
}

/// The body of a request that takes a JSON object.
pub(super) fn object<T: serde::de::DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Err(Refusal::invalid_body("the body is empty, expected an object"));
    }
    let json: Json = serde_json::from_slice(body).map_err(|_| Refusal::invalid_body("not valid JSON"))?;
    if !json.is_object() {
        return Err(Refusal::invalid_body("expected an object"));
    }
    json.read().map_err(|error| Refusal::invalid_body(&error.to_string()))
}
