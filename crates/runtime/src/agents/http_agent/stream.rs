//! The request and its answer as a stream of events.

use super::Inner;
use crate::agent::{AgentError, RunContext};
use crate::client::{StreamBody, StreamResponse};
use crate::telemetry::{Call, names};
use crate::wait::{Interrupts, Patience};
use bytes::Bytes;
use copilotkit_protocol::sse::Decoder;
use copilotkit_protocol::wire::MAX_DEPTH;
use copilotkit_protocol::{Emitted, Message, PROTOCOL_VERSION, RunAgentInput, WireError, check_depth, to_vec};
use futures::stream::{Stream, StreamExt as _};
use http::header::{ACCEPT, CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use std::future::poll_fn;
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

/// How long the terminal event waits for the end of the body behind it.
const END_GRACE: Duration = Duration::from_millis(20);

/// The events of one run. They come in batches of what arrived together, so that what is done for each wait is not done
/// for each event.
pub(super) fn events(agent: Arc<Inner>, context: RunContext) -> impl Stream<Item = Result<Emitted, AgentError>> + Send {
    batches(agent, context).flat_map(futures::stream::iter)
}

type Batch = Vec<Result<Emitted, AgentError>>;

fn batches(agent: Arc<Inner>, context: RunContext) -> impl Stream<Item = Batch> + Send {
    async_stream::stream! {
        let mut cancelled = Interrupts::new();
        cancelled.add(context.cancel.clone().cancelled_owned());
        let mut call = context.trace.http(&Method::POST, agent.target.host(), agent.target.port());
        let answer = tokio::select! {
            biased;
            () = poll_fn(|cx| cancelled.poll(cx)) => return,
            // In memory of its own, which is free again while the stream goes on.
            answer = Box::pin(send(&agent, &context, &call)) => answer,
        };
        let mut body = match answer {
            Ok(body) => body,
            Err(error) => {
                call.finish(Err(&error.code));
                yield vec![Err(error)];
                return;
            }
        };
        let mut reader = Reader { decoder: Decoder::new(agent.event_max + FIELD), over: false };
        let mut patience = Patience::new(agent.idle_timeout);
        loop {
            let taken = tokio::select! {
                biased;
                () = poll_fn(|cx| cancelled.poll(cx)) => return,
                taken = body.next_batch() => Some(taken),
                () = patience.exhausted() => None,
            };
            let error = match taken {
                Some(Ok(Some(arrived))) => {
                    // Comments are life too, though they are no events.
                    context.pulse.beat();
                    let was_over = reader.over;
                    let mut batch = Batch::new();
                    let mut failed = reader.read(&agent, arrived, &mut batch);
                    if reader.over {
                        // Whoever takes the terminal event may leave with it.
                        call.finish(Ok(()));
                    } else if let Some(Err(error)) = batch.last() {
                        call.finish(Err(&error.code));
                    }
                    if reader.over && !was_over && !failed && !body.is_ended() {
                        // Whoever takes the terminal event leaves. A body read to its end gives its connection back,
                        // and most ends are right behind.
                        let terminal = batch.iter().position(is_terminal).unwrap_or(batch.len());
                        let rest = batch.split_off(terminal);
                        let before = std::mem::replace(&mut batch, rest);
                        if !before.is_empty() {
                            yield before;
                        }
                        let behind = tokio::select! {
                            biased;
                            () = poll_fn(|cx| cancelled.poll(cx)) => return,
                            behind = timeout(END_GRACE, body.next_batch()) => behind,
                        };
                        // What is no more of the body is seen in the next turn, or matters no more.
                        if let Ok(Ok(Some(arrived))) = behind {
                            failed = reader.read(&agent, arrived, &mut batch);
                        }
                    }
                    if !batch.is_empty() {
                        yield batch;
                    }
                    if failed {
                        return;
                    }
                    let over = AFTER_TERMINAL.min(agent.idle_timeout);
                    patience.renew(if reader.over { over } else { agent.idle_timeout });
                    continue;
                }
                Some(Ok(None)) => break,
                Some(Err(error)) => agent.disconnected(&error),
                None => agent.silent(),
            };
            call.finish(Err(&error.code));
            if !reader.over {
                yield vec![Err(error)];
            }
            return;
        }
        call.finish(Ok(()));
        if let Some(last) = reader.finish(&agent) {
            yield vec![last];
        }
    }
}

fn is_terminal(event: &Result<Emitted, AgentError>) -> bool {
    event.as_ref().is_ok_and(|event| event.kind().is_terminal())
}

/// From pieces of a body to events.
struct Reader {
    decoder: Decoder,
    /// The terminal event was read.
    over: bool,
}

impl Reader {
    /// Adds the events that this completes; true when the last of them is a failure.
    fn read(&mut self, agent: &Inner, arrived: Bytes, batch: &mut Batch) -> bool {
        self.decoder.push(arrived);
        for item in self.decoder.by_ref() {
            let event = match item {
                Ok(event) if event.data.is_empty() => continue,
                Ok(event) => agent.read(event.data),
                Err(_) => Err(agent.too_large()),
            };
            let failed = event.is_err();
            self.over |= is_terminal(&event);
            batch.push(event);
            if failed {
                return true;
            }
        }
        false
    }

    /// The last event counts without the empty line that should end it.
    fn finish(&mut self, agent: &Inner) -> Option<Result<Emitted, AgentError>> {
        let Ok(event) = self.decoder.finish()? else { return Some(Err(agent.too_large())) };
        match agent.parse(event.data.clone()) {
            Ok(event) => Some(Ok(event)),
            Err(_) if self.over => None,
            Err(error) if error.syntax => Some(Err(agent.cut())),
            Err(error) => Some(Err(agent.refuse(&event.data, &error))),
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
async fn send(agent: &Inner, context: &RunContext, call: &Call) -> Result<StreamBody, AgentError> {
    let mut headers = agent.forward.outgoing(&context.headers, &agent.headers);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(ACCEPT, HeaderValue::from_static("text/event-stream"));
    call.trace().inject(&mut headers);
    let request = agent.client.post(&agent.target, headers, body(&context.input).into());
    let StreamResponse { status, headers, mut body } = match timeout(agent.idle_timeout, request).await {
        Ok(Ok(response)) => response,
        Ok(Err(error)) => return Err(agent.send_failed(&error)),
        Err(_) => return Err(agent.silent()),
    };
    call.record(names::HTTP_STATUS, i64::from(status.as_u16()));
    if !status.is_success() {
        let said = beginning(&mut body).await;
        return Err(agent.status(status, &said));
    }
    let encoding = text(&headers, CONTENT_ENCODING);
    if !matches!(encoding, "" | "identity") {
        return Err(agent.encoded(encoding));
    }
    let content_type = text(&headers, CONTENT_TYPE);
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    // A handful of agents send no type at all; what they send is then what decides.
    let is_stream = essence.is_empty() || essence.eq_ignore_ascii_case("text/event-stream");
    if !is_stream || status == StatusCode::NO_CONTENT {
        return Err(agent.not_sse(status, essence));
    }
    Ok(body)
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
async fn beginning(body: &mut StreamBody) -> String {
    let mut bytes = Vec::new();
    let read = async {
        while bytes.len() < SHOWN
            && let Ok(Some(piece)) = body.next_batch().await
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
