//! The request and its answer as a stream of events.

use super::Inner;
use crate::agent::{AgentError, RunContext};
use bytes::Bytes;
use copilotkit_protocol::sse::Decoder;
use copilotkit_protocol::wire::MAX_DEPTH;
use copilotkit_protocol::{Emitted, Message, PROTOCOL_VERSION, RunAgentInput, WireError, check_depth, to_vec};
use futures::stream::Stream;
use http::header::{ACCEPT, CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue};
use reqwest::{Response, StatusCode};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// What stands around an event's JSON in its frame.
const FIELD: usize = "data: ".len();
/// How much of the body of a failed request is shown.
const SHOWN: usize = 500;
/// How long that body is waited for.
const SHOWN_WAIT: Duration = Duration::from_secs(5);
/// How long an agent may go on after the end of its run, before the connection is closed on it.
const AFTER_TERMINAL: Duration = Duration::from_secs(1);

pub(super) fn events(agent: Arc<Inner>, context: RunContext) -> impl Stream<Item = Result<Emitted, AgentError>> + Send {
    async_stream::stream! {
        let cancel = context.cancel.clone();
        let cancelled = cancel.cancelled();
        tokio::pin!(cancelled);
        let answer = tokio::select! {
            biased;
            () = &mut cancelled => return,
            answer = send(&agent, &context) => answer,
        };
        let mut response = match answer {
            Ok(response) => response,
            Err(error) => {
                yield Err(error);
                return;
            }
        };
        let mut decoder = Decoder::new(agent.event_max + FIELD);
        let mut over = false;
        loop {
            // Everything that has come is handed out before the next wait.
            for item in decoder.by_ref() {
                let event = match item {
                    Ok(event) if event.data.is_empty() => continue,
                    Ok(event) => agent.read(event.data),
                    Err(_) => Err(agent.too_large()),
                };
                let failed = event.is_err();
                over |= event.as_ref().is_ok_and(|event| event.kind().is_terminal());
                yield event;
                if failed {
                    return;
                }
            }
            let patience = if over { AFTER_TERMINAL.min(agent.idle_timeout) } else { agent.idle_timeout };
            let piece = tokio::select! {
                biased;
                () = &mut cancelled => return,
                piece = timeout(patience, response.chunk()) => piece,
            };
            let error = match piece {
                Ok(Ok(Some(bytes))) => {
                    // Comments are life too, though they are no events.
                    context.pulse.beat();
                    decoder.push(bytes);
                    continue;
                }
                Ok(Ok(None)) => break,
                Ok(Err(error)) => agent.disconnected(&error),
                Err(_) => agent.silent(),
            };
            if !over {
                yield Err(error);
            }
            return;
        }
        // The last event counts without the empty line that should end it.
        if let Some(item) = decoder.finish() {
            let data = item.map(|event| event.data);
            match data.clone().map(|data| agent.parse(data)) {
                Ok(Ok(event)) => yield Ok(event),
                Ok(Err(_)) if over => {}
                Ok(Err(error)) if error.syntax => yield Err(agent.cut()),
                Ok(Err(error)) => yield Err(agent.refuse(&data.unwrap_or_default(), &error)),
                Err(_) => yield Err(agent.too_large()),
            }
        }
    }
}

impl Inner {
    fn read(&self, data: Bytes) -> Result<Emitted, AgentError> {
        self.parse(data.clone()).map_err(|error| self.refuse(&data, &error))
    }

    fn refuse(&self, data: &[u8], error: &WireError) -> AgentError {
        match check_depth(data, MAX_DEPTH) {
            Ok(()) => self.bad_event(error),
            Err(deep) => self.too_deep(&deep),
        }
    }

    fn parse(&self, data: Bytes) -> Result<Emitted, WireError> {
        if self.raw { Emitted::from_json_as_is(data) } else { Emitted::from_json(data) }
    }
}

/// Sends the request and checks the head of the answer.
async fn send(agent: &Inner, context: &RunContext) -> Result<Response, AgentError> {
    let mut headers = agent.forward.outgoing(&context.headers, &agent.headers);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(ACCEPT, HeaderValue::from_static("text/event-stream"));
    let request = agent.client.post(agent.url.clone()).headers(headers).body(body(&context.input));
    let mut response = match timeout(agent.idle_timeout, request.send()).await {
        Ok(Ok(response)) => response,
        Ok(Err(error)) => return Err(agent.send_failed(&error)),
        Err(_) => return Err(agent.silent()),
    };
    let status = response.status();
    if !status.is_success() {
        let said = beginning(&mut response).await;
        return Err(agent.status(status, &said));
    }
    let head = response.headers();
    let encoding = text(head, CONTENT_ENCODING);
    if !matches!(encoding, "" | "identity") {
        return Err(agent.encoded(encoding));
    }
    let content_type = text(head, CONTENT_TYPE);
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    // A handful of agents send no type at all; what they send is then what decides.
    let is_stream = essence.is_empty() || essence.eq_ignore_ascii_case("text/event-stream");
    if !is_stream || status == StatusCode::NO_CONTENT {
        return Err(agent.not_sse(status, essence));
    }
    Ok(response)
}

fn text(headers: &HeaderMap, name: http::HeaderName) -> &str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// The input as the stock client sends it: without activity messages, which no agent is told, and with a version.
fn body(input: &RunAgentInput) -> Vec<u8> {
    let is_activity = |message: &Message| matches!(message, Message::Activity(_));
    if input.protocol_version.is_some() && !input.messages.iter().any(is_activity) {
        return to_vec(input);
    }
    let mut input = input.clone();
    input.messages.retain(|message| !is_activity(message));
    input.protocol_version.get_or_insert_with(|| PROTOCOL_VERSION.to_owned());
    to_vec(&input)
}

/// The first bytes of a body, for people: one line, without what a terminal would act on.
async fn beginning(response: &mut Response) -> String {
    let mut bytes = Vec::new();
    let read = async {
        while bytes.len() < SHOWN
            && let Ok(Some(piece)) = response.chunk().await
        {
            bytes.extend_from_slice(&piece[..piece.len().min(SHOWN - bytes.len())]);
        }
    };
    // Whatever came in time is shown.
    let _ = timeout(SHOWN_WAIT, read).await;
    let text = String::from_utf8_lossy(&bytes);
    let words: Vec<_> =
        text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()).collect();
    words.join(" ")
}
