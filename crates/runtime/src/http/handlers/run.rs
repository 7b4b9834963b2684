//! `POST /agent/:agentId/run`, `/suggest` and `/connect`: a run, or a replay, as a stream.

use super::super::answer::Refusal;
use super::super::exchange::Exchange;
use super::super::resume::Resume;
use super::super::{State, json, sse};
use super::{Payload, principal};
use crate::lifecycle::{Lifecycle, StartRun};
use axum::body::Body;
use copilotkit_protocol::RunAgentInput;
use copilotkit_protocol::gate::Peer;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Response};
use std::sync::Arc;

/// The only tool of a request for suggestions.
const SUGGEST_TOOL: &str = "copilotkitSuggest";

pub(super) async fn run(
    state: &State,
    agent_id: String,
    parts: &Parts,
    payload: Payload,
) -> Result<Response<Body>, Refusal> {
    stream(state, agent_id, parts, payload, is_suggestion).await
}

pub(super) async fn suggest(
    state: &State,
    agent_id: String,
    parts: &Parts,
    payload: Payload,
) -> Result<Response<Body>, Refusal> {
    stream(state, agent_id, parts, payload, |_| true).await
}

/// Over the single endpoint frontends ask for suggestions by a run on a thread of its own, which nobody wants to list.
fn is_suggestion(input: &RunAgentInput) -> bool {
    matches!(input.tools.as_slice(), [tool] if tool.name == SUGGEST_TOOL)
}

async fn stream(
    state: &State,
    agent_id: String,
    parts: &Parts,
    payload: Payload,
    is_suggestion: fn(&RunAgentInput) -> bool,
) -> Result<Response<Body>, Refusal> {
    let lifecycle = known(state, parts, &agent_id).await?;
    let mut resume = Resume::of(parts)?;
    let input = json::run_input(&state.options, &payload.read(state).await?)?;
    let suggestion = is_suggestion(&input);
    if suggestion || lifecycle.is_aside(&agent_id, &input) {
        // Nothing of it is kept that could be read again.
        resume = Resume::default();
    }
    // Whoever has read events of a run wants the rest of it, not another run.
    if resume.cursor.is_some() {
        return replay(state, &lifecycle, &agent_id, parts, &input, resume).await;
    }
    let peer = Peer::of(input.protocol_version.as_deref());
    let headers = Arc::new(copied(&parts.headers));
    let start = StartRun { agent_id, principal: principal(parts), headers, input };
    let mut subscription = match suggestion {
        true => lifecycle.suggest(start).await?,
        false => lifecycle.start(start).await?,
    };
    subscription.keeps(parts.extensions.get::<Exchange>().cloned());
    Ok(sse::response(subscription, peer, resume, &parts.headers, state.options.keep_alive))
}

pub(super) async fn connect(
    state: &State,
    agent_id: String,
    parts: &Parts,
    payload: Payload,
) -> Result<Response<Body>, Refusal> {
    let lifecycle = known(state, parts, &agent_id).await?;
    let resume = Resume::of(parts)?;
    let input = json::run_input(&state.options, &payload.read(state).await?)?;
    replay(state, &lifecycle, &agent_id, parts, &input, resume).await
}

/// Headers in memory of their own: as they came they are parts of the connection's buffer, which would be held as long
/// as the run.
pub(in super::super) fn copied(headers: &HeaderMap) -> HeaderMap {
    let copy = |value: &HeaderValue| {
        let mut copy = HeaderValue::from_bytes(value.as_bytes()).ok()?;
        copy.set_sensitive(value.is_sensitive());
        Some(copy)
    };
    headers.iter().filter_map(|(name, value)| Some((name.clone(), copy(value)?))).collect()
}

/// A thread from its beginning or from the cursor, up to the end of its live run.
async fn replay(
    state: &State,
    lifecycle: &Lifecycle,
    agent_id: &str,
    parts: &Parts,
    input: &RunAgentInput,
    resume: Resume,
) -> Result<Response<Body>, Refusal> {
    let peer = Peer::of(input.protocol_version.as_deref());
    let principal = principal(parts);
    let mut subscription = match resume.cursor {
        Some(seen) => lifecycle.resume(agent_id, &principal, &input.thread_id, seen).await?,
        None => lifecycle.connect(agent_id, &principal, &input.thread_id).await?,
    };
    subscription.keeps(parts.extensions.get::<Exchange>().cloned());
    Ok(sse::response(subscription, peer, resume, &parts.headers, state.options.keep_alive))
}

/// The agent is looked up before the body is read, as the reference runtime does.
async fn known(state: &State, parts: &Parts, agent_id: &str) -> Result<Lifecycle, Refusal> {
    let lifecycle = state.lifecycle(parts, "Failed to run agent").await?;
    match lifecycle.known(agent_id) {
        Ok(()) => Ok(lifecycle),
        Err(error) => Err(Refusal::from(error).with_agents(&lifecycle)),
    }
}
