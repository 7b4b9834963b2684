//! Frames as a body: what is there goes out in one write, and silence is broken by a comment.

use crate::hub::Subscription;
use crate::store::Frame;
use axum::body::Body;
use bytes::Bytes;
use copilotkit_protocol::gate::Peer;
use copilotkit_protocol::sse::write_frame;
use copilotkit_protocol::{Event, RunError};
use futures::Stream;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, Response};
use std::convert::Infallible;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

const KEEP_ALIVE: &[u8] = b": keep-alive\n\n";
/// Around each event: `data: ` and two line ends.
const FRAMING: usize = 8;

/// The answer that streams a subscription.
pub(super) fn response(subscription: Subscription, peer: Peer, keep_alive: Duration) -> Response<Body> {
    let mut response = Response::new(Body::from_stream(stream(subscription, peer, keep_alive)));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    // nginx would hold back what is written until its buffer is full.
    headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    response
}

fn stream(
    mut subscription: Subscription,
    peer: Peer,
    keep_alive: Duration,
) -> impl Stream<Item = Result<Bytes, Infallible>> + Send {
    let legacy = peer == Peer::Legacy;
    async_stream::stream! {
        let mut due = Instant::now() + keep_alive;
        loop {
            let frames = if keep_alive.is_zero() {
                subscription.next().await
            } else {
                match timeout_at(due, subscription.next()).await {
                    Ok(frames) => frames,
                    Err(_) => {
                        yield Ok(Bytes::from_static(KEEP_ALIVE));
                        due = Instant::now() + keep_alive;
                        continue;
                    }
                }
            };
            let frames = frames.unwrap_or_else(|error| {
                tracing::error!(%error, "a thread's log could not be read: its stream was ended");
                Vec::new()
            });
            let bytes = encode(&frames, legacy);
            // Frames that this client does not get do not break the silence.
            if !bytes.is_empty() {
                yield Ok(bytes);
                due = Instant::now() + keep_alive;
            }
            if frames.is_empty() || subscription.is_done() {
                if !subscription.is_complete() {
                    yield Ok(encode(&[interrupted()], legacy));
                }
                return;
            }
        }
    }
}

/// The end of a stream that breaks off. A clean end would look as if the run had nothing more to say.
fn interrupted() -> Frame {
    let message = "The stream broke off before its end. Connect to the thread again to see the rest.".to_owned();
    let event = RunError { message, code: Some("stream_interrupted".to_owned()), ..RunError::default() };
    Frame::new(0, 0, Event::from(event).into())
}

fn encode(frames: &[Frame], legacy: bool) -> Bytes {
    let visible = || frames.iter().filter_map(|frame| frame.for_client(legacy));
    let mut out = Vec::with_capacity(visible().map(|json| json.len() + FRAMING).sum());
    for json in visible() {
        write_frame(json, &mut out);
    }
    out.into()
}
