//! `POST /agent/:agentId/run` and `/connect`: a run, or a replay, as a stream.

use super::super::answer::Refusal;
use super::super::{State, json, sse};
use super::Payload;
use crate::error::RunError;
use crate::lifecycle::StartRun;
use crate::principal::Principal;
use axum::body::Body;
use copilotkit_protocol::gate::Peer;
use http::Response;
use http::request::Parts;
use std::sync::Arc;

pub(super) async fn run(
    state: &State,
    agent_id: String,
    parts: &Parts,
    payload: Payload,
) -> Result<Response<Body>, Refusal> {
    known(state, &agent_id)?;
    let input = json::run_input(&state.options, &payload.read(state).await?)?;
    let peer = Peer::of(input.protocol_version.as_deref());
    let headers = Arc::new(parts.headers.clone());
    let principal = Principal::anonymous();
    let subscription = state.lifecycle.start(StartRun { agent_id, principal, headers, input }).await?;
    Ok(sse::response(subscription, peer, &parts.headers, state.options.keep_alive))
}

pub(super) async fn connect(
    state: &State,
    agent_id: String,
    parts: &Parts,
    payload: Payload,
) -> Result<Response<Body>, Refusal> {
    known(state, &agent_id)?;
    let input = json::run_input(&state.options, &payload.read(state).await?)?;
    let peer = Peer::of(input.protocol_version.as_deref());
    let principal = Principal::anonymous();
    let subscription = state.lifecycle.connect(&agent_id, &principal, &input.thread_id).await?;
    Ok(sse::response(subscription, peer, &parts.headers, state.options.keep_alive))
}

/// The agent is looked up before the body is read, as the reference runtime does.
fn known(state: &State, agent_id: &str) -> Result<(), Refusal> {
    match state.lifecycle.agents().get(agent_id) {
        Some(_) => Ok(()),
        None => Err(RunError::UnknownAgent(agent_id.to_owned()).into()),
    }
}
