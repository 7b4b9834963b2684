//! Frames as a body: what is there goes out in one write, and silence is broken by a comment.

#[cfg(feature = "protobuf")]
use super::protobuf;
use crate::hub::Subscription;
use crate::store::Frame;
use axum::body::Body;
use bytes::Bytes;
use copilotkit_protocol::gate::Peer;
use copilotkit_protocol::sse::write_frame;
use copilotkit_protocol::{Event, RunError};
use futures::Stream;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Response};
use std::convert::Infallible;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

const KEEP_ALIVE: &[u8] = b": keep-alive\n\n";
/// Around each event: `data: ` and two line ends.
const FRAMING: usize = 8;

/// How frames become bytes.
struct Encoding {
    content_type: &'static str,
    /// `legacy` is for clients that do not say their version.
    encode: fn(&[Frame], bool) -> Bytes,
    /// What says that the stream is alive; empty where nothing can.
    keep_alive: &'static [u8],
}

const SSE: Encoding = Encoding { content_type: "text/event-stream", encode, keep_alive: KEEP_ALIVE };

#[cfg(feature = "protobuf")]
const PROTOBUF: Encoding =
    Encoding { content_type: copilotkit_protocol::proto::MEDIA_TYPE, encode: protobuf::encode, keep_alive: &[] };

/// Protobuf for a client that names it, server-sent events for every other.
fn encoding(headers: &HeaderMap) -> Encoding {
    #[cfg(feature = "protobuf")]
    if protobuf::is_named(headers) {
        return PROTOBUF;
    }
    let _ = headers;
    SSE
}

/// The answer to a request with these headers that streams a subscription.
pub(super) fn response(
    subscription: Subscription,
    peer: Peer,
    headers: &HeaderMap,
    keep_alive: Duration,
) -> Response<Body> {
    let encoding = encoding(headers);
    let content_type = HeaderValue::from_static(encoding.content_type);
    let mut response = Response::new(Body::from_stream(stream(subscription, peer, encoding, keep_alive)));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, content_type);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache, no-transform"));
    // nginx would hold back what is written until its buffer is full.
    headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    response
}

fn stream(
    mut subscription: Subscription,
    peer: Peer,
    encoding: Encoding,
    keep_alive: Duration,
) -> impl Stream<Item = Result<Bytes, Infallible>> + Send {
    let legacy = peer == Peer::Legacy;
    async_stream::stream! {
        let mut due = Instant::now() + keep_alive;
        loop {
            let frames = if keep_alive.is_zero() || encoding.keep_alive.is_empty() {
                subscription.next().await
            } else {
                match timeout_at(due, subscription.next()).await {
                    Ok(frames) => frames,
                    Err(_) => {
                        yield Ok(Bytes::from_static(encoding.keep_alive));
                        due = Instant::now() + keep_alive;
                        continue;
                    }
                }
            };
            let frames = frames.unwrap_or_else(|error| {
                tracing::error!(%error, "a thread's log could not be read: its stream was ended");
                Vec::new()
            });
            let bytes = (encoding.encode)(&frames, legacy);
            // Frames that this client does not get do not break the silence.
            if !bytes.is_empty() {
                yield Ok(bytes);
                due = Instant::now() + keep_alive;
            }
            if frames.is_empty() || subscription.is_done() {
                if !subscription.is_complete() {
                    yield Ok((encoding.encode)(&[interrupted()], legacy));
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
