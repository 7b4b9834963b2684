//! The chat of the Python port: `POST {base} {"messages": […], "actions": […], "threadId": …}`, which has no envelope
//! around it. Its shapes are mapped to a `RunAgentInput` and back from events; the run itself is like any other.
//!
//! A body is of this form when it has a `messages` array and no `method`: an envelope has a `method`, and a
//! `RunAgentInput` is never posted to the base path.

mod input;
mod output;

use super::answer::{Refusal, json_answer};
use super::exchange::Exchange;
use super::handlers::{self, principal};
use super::sse::{KEEP_ALIVE, event_stream};
use super::{Call, RouteId, State};
use crate::hub::Subscription;
use crate::lifecycle::{Lifecycle, StartRun};
use axum::body::Body;
use bytes::Bytes;
use copilotkit_protocol::{Code, Json, check_depth, wire::MAX_DEPTH};
use futures::Stream;
use http::header::ACCEPT;
use http::request::Parts;
use http::{HeaderMap, Response, StatusCode};
use input::Chat;
use output::{Answer, Translator};
use serde::Deserialize;
use serde_json::json;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// The agent of a request that names none.
const DEFAULT_AGENT: &str = "default";
/// The last line of a stream, behind which its clients read nothing.
const DONE: &[u8] = b"data: [DONE]\n\n";

/// Whether a body that names no method is one of the port's.
pub(super) fn is_chat(body: &Json) -> bool {
    messages(body).is_some_and(|messages| messages.get().starts_with('['))
}

/// Whether it would be one, were its messages a list.
pub(super) fn is_meant(body: &Json) -> bool {
    messages(body).is_some()
}

fn messages(body: &Json) -> Option<Json> {
    #[derive(Deserialize)]
    struct Head {
        messages: Option<Json>,
    }
    body.read::<Head>().ok().and_then(|head| head.messages)
}

/// Runs an agent and answers as the port did: a stream of events, or one JSON object for those who accept only that.
pub(super) async fn chat(state: &State, parts: &mut Parts, body: &[u8]) -> Result<Response<Body>, Refusal> {
    let options = &state.options;
    check_depth(body, options.json_depth.min(MAX_DEPTH)).map_err(|error| Refusal::deep_body(&error.to_string()))?;
    let chat = Chat::read(body).map_err(|details| Refusal::invalid_body(&details))?;
    let lifecycle = state.lifecycle(parts, "Failed to run agent").await?;
    let agent_id = chat.agent_id().map_or_else(|| default_agent(&lifecycle), str::to_owned);
    let names = [("agentSession.agentName", agent_id.as_str())];
    let ids = [("threadId", chat.thread_id()), ("runId", chat.run_id())];
    let ids = ids.into_iter().filter_map(|(name, id)| Some((name, id?)));
    for (name, id) in names.into_iter().chain(ids) {
        if id.len() > options.id_max {
            return Err(Refusal::invalid_body(&format!("{name}: longer than {} bytes", options.id_max)));
        }
    }
    // For hooks it is a run: what they allow and refuse must not depend on the form of the request.
    let call = Call::of_envelope(RouteId::Run, &["agentId"], std::slice::from_ref(&agent_id));
    if let Some(answer) = handlers::admit(state, call, parts).await? {
        return Ok(answer);
    }
    lifecycle.known(&agent_id).map_err(|error| Refusal::from(error).with_agents(&lifecycle))?;
    let extensions = chat.extensions().cloned();
    let input = chat.into_input(&agent_id).map_err(|details| Refusal::invalid_body(&details))?;
    let translator = Translator::new(&agent_id, &input);
    let headers = Arc::new(parts.headers.clone());
    let start = StartRun { agent_id, principal: principal(parts), headers, input };
    let mut subscription = lifecycle.start(start).await?;
    subscription.keeps(parts.extensions.get::<Exchange>().cloned());
    if wants_json(&parts.headers) {
        return Ok(whole(subscription, Answer::new(translator, extensions)).await);
    }
    Ok(event_stream(stream(subscription, translator, options.keep_alive)))
}

/// The agent `default`, or the only one: the port had one for all.
fn default_agent(lifecycle: &Lifecycle) -> String {
    match &*lifecycle.agents().all() {
        [only] => only.id.to_string(),
        _ => DEFAULT_AGENT.to_owned(),
    }
}

/// Who accepts JSON and no event stream by name. `*/*` is what everything sends that does not care.
fn wants_json(headers: &HeaderMap) -> bool {
    let named = |media_type: &str| {
        let values = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
        let mut types = values.flat_map(|value| value.split(','));
        types.any(|one| one.split(';').next().is_some_and(|essence| essence.trim().eq_ignore_ascii_case(media_type)))
    };
    named("application/json") && !named("text/event-stream")
}

/// The run's events in the port's form, each as soon as it is there.
fn stream(
    mut subscription: Subscription,
    mut translator: Translator,
    keep_alive: Duration,
) -> impl Stream<Item = Result<Bytes, Infallible>> + Send {
    async_stream::stream! {
        let mut due = Instant::now() + keep_alive;
        loop {
            let batch = if keep_alive.is_zero() {
                subscription.next_batch().await
            } else {
                match timeout_at(due, subscription.next_batch()).await {
                    Ok(batch) => batch,
                    Err(_) => {
                        yield Ok(Bytes::from_static(KEEP_ALIVE));
                        due = Instant::now() + keep_alive;
                        continue;
                    }
                }
            };
            let batch = batch.unwrap_or_else(|error| {
                tracing::error!(%error, "a thread's log could not be read: its stream was ended");
                Default::default()
            });
            let mut out = Vec::new();
            for frame in batch.frames() {
                translator.translate(frame, &mut out);
            }
            let ended = batch.is_empty() || subscription.is_done();
            if ended {
                translator.end(&mut out);
                out.extend_from_slice(DONE);
            }
            if !out.is_empty() {
                yield Ok(out.into());
                due = Instant::now() + keep_alive;
            }
            if ended {
                return;
            }
        }
    }
}

/// The run as one answer, when it has ended. A run that failed is told by its `status`, as the port did.
async fn whole(mut subscription: Subscription, mut answer: Answer) -> Response<Body> {
    loop {
        match subscription.next_batch().await {
            Ok(batch) => {
                for frame in batch.frames() {
                    answer.take(frame);
                }
                if batch.is_empty() || subscription.is_done() {
                    break;
                }
            }
            Err(error) => {
                tracing::error!(%error, "a thread's log could not be read");
                let code = Code::StreamInterrupted;
                let message = "The answer broke off before its end. Ask for the thread again to see the rest.";
                let body = json!({ "error": "Thread store unavailable", "code": code, "message": message });
                return Refusal::busy(body).into_response();
            }
        }
    }
    json_answer(StatusCode::OK, &answer.into_body())
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn only_a_list_of_messages_makes_a_chat() {
        let is = |text: &str| is_chat(&Json::parse(text).unwrap());
        assert!(is(r#"{"messages":[]}"#) && is(r#"{"threadId":"t","messages":[{}]}"#));
        assert!(!is("{}") && !is(r#"{"messages":{}}"#) && !is(r#"{"messages":null}"#) && !is(r#"{"body":[]}"#));
    }

    #[test]
    fn json_is_for_those_who_accept_nothing_else() {
        let wants =
            |value: &'static str| wants_json(&HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static(value))]));
        assert!(wants("application/json") && wants("Application/JSON; q=1, text/plain"));
        assert!(!wants("*/*") && !wants("text/event-stream") && !wants("application/json, text/event-stream"));
        assert!(!wants_json(&HeaderMap::new()));
    }
}
