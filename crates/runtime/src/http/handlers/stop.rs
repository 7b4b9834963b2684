//! `POST /agent/:agentId/stop/:threadId`: stops the live run of a thread.

use super::super::State;
use super::super::answer::{Refusal, json_answer};
use super::{Payload, principal};
use crate::store::StopOutcome;
use axum::body::Body;
use copilotkit_protocol::Code;
use copilotkit_protocol::runtime_api::StopAnswer;
use http::request::Parts;
use http::{Response, StatusCode};
use serde_json::{Value, json};

pub(super) async fn stop(
    state: &State,
    agent_id: String,
    thread_id: String,
    parts: &Parts,
    payload: Payload,
) -> Result<Response<Body>, Refusal> {
    let run_id = wanted_run(&payload.read(state).await?)?;
    if run_id.as_ref().is_some_and(|run_id| run_id.len() > state.options.id_max) {
        return Err(Refusal::long_id("runId", state.options.id_max));
    }
    let principal = principal(parts);
    let lifecycle = state.lifecycle(parts, "Failed to stop agent").await?;
    let outcome = lifecycle.stop(&agent_id, &principal, &thread_id, run_id.clone()).await;
    let outcome = outcome.map_err(|error| Refusal::from(error).with_agents(&lifecycle))?;
    let message = match (outcome, run_id) {
        (StopOutcome::Requested, _) => {
            return Ok(json_answer(StatusCode::OK, &StopAnswer::stopped()));
        }
        (_, Some(run_id)) => format!("Run '{run_id}' is not the active run for thread '{thread_id}'."),
        (_, None) => format!("No active run for thread '{thread_id}'."),
    };
    Ok(json_answer(StatusCode::OK, &StopAnswer::idle(message)))
}

/// The run that a stop request names: nothing, `{}` or `{"runId": "…"}`.
fn wanted_run(body: &[u8]) -> Result<Option<String>, Refusal> {
    let refuse =
        |error: &str| Refusal::new(StatusCode::BAD_REQUEST, json!({ "error": error, "code": Code::InvalidBody }));
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(None);
    }
    let Ok(Value::Object(mut members)) = serde_json::from_slice(body) else {
        return Err(refuse("Invalid stop request"));
    };
    let run_id = members.remove("runId");
    if !members.is_empty() {
        return Err(refuse("Invalid stop request"));
    }
    match run_id {
        None => Ok(None),
        Some(Value::String(run_id)) if !run_id.trim().is_empty() => Ok(Some(run_id)),
        Some(_) => Err(refuse("Invalid runId")),
    }
}
