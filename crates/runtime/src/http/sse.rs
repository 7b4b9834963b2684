//! Frames as a body: what is there goes out in one write, and silence is broken by a comment.

#[cfg(feature = "protobuf")]
use super::protobuf;
use super::resume::{Resume, X_RESUME};
use crate::hub::{Batch, Subscription};
use crate::store::Frame;
use crate::wait::Patience;
use axum::body::Body;
use bytes::Bytes;
use copilotkit_protocol::gate::Peer;
use copilotkit_protocol::sse::write_frame;
use copilotkit_protocol::{Code, Event, RunError};
use futures::Stream;
use http::header::{ACCESS_CONTROL_EXPOSE_HEADERS, CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Response};
use std::convert::Infallible;
use std::io::Write as _;
use std::time::Duration;

pub(super) const KEEP_ALIVE: &[u8] = b": keep-alive\n\n";
/// Around each event: `data: ` and two line ends.
const FRAMING: usize = 8;
/// The line of an id, at most: `id: `, a number and a line end.
const ID_LINE: usize = 25;
/// A finished run of so many bytes is sent as it is kept. Smaller ones are put together: to copy them costs less than to
/// write each as a chunk of its own.
const LARGE: usize = 2 * 1024;

/// What a client is sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Form {
    /// The client does not say its version.
    pub(super) legacy: bool,
    /// Each event carries its number.
    pub(super) ids: bool,
}

/// How frames become bytes.
struct Encoding {
    content_type: &'static str,
    /// Pieces for one write; none where the client is sent nothing of it.
    encode: fn(&Batch, Form) -> Vec<Bytes>,
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
    resume: Resume,
    headers: &HeaderMap,
    keep_alive: Duration,
) -> Response<Body> {
    let encoding = encoding(headers);
    let content_type = HeaderValue::from_static(encoding.content_type);
    let form = Form { legacy: peer == Peer::Legacy, ids: resume.ids };
    let resumed = resume.cursor.map(|_| subscription.is_resumed());
    let mut response = event_stream(stream(subscription, form, encoding, keep_alive));
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    let headers = response.headers_mut();
    if let Some(resumed) = resumed {
        headers.insert(X_RESUME, HeaderValue::from_static(if resumed { "cursor" } else { "full" }));
        // Else a page of another origin could not tell which it is.
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_name(X_RESUME));
    }
    response
}

/// An answer that is a stream of server-sent events.
pub(super) fn event_stream(stream: impl Stream<Item = Result<Bytes, Infallible>> + Send + 'static) -> Response<Body> {
    let mut response = Response::new(Body::from_stream(stream));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(SSE.content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache, no-transform"));
    // nginx would hold back what is written until its buffer is full.
    headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    response
}

fn stream(
    mut subscription: Subscription,
    form: Form,
    encoding: Encoding,
    keep_alive: Duration,
) -> impl Stream<Item = Result<Bytes, Infallible>> + Send {
    async_stream::stream! {
        let speaks = !keep_alive.is_zero() && !encoding.keep_alive.is_empty();
        let mut silence = speaks.then(|| Patience::new(keep_alive));
        loop {
            let batch = match &mut silence {
                None => subscription.next_batch().await,
                Some(patience) => tokio::select! {
                    biased;
                    batch = subscription.next_batch() => batch,
                    () = patience.exhausted() => {
                        yield Ok(Bytes::from_static(encoding.keep_alive));
                        patience.renew(keep_alive);
                        continue;
                    }
                },
            };
            let batch = batch.unwrap_or_else(|error| {
                tracing::error!(%error, "a thread's log could not be read: its stream was ended");
                Batch::default()
            });
            let pieces = (encoding.encode)(&batch, form);
            // Frames that this client does not get do not break the silence.
            if !pieces.is_empty() {
                for piece in pieces {
                    yield Ok(piece);
                }
                if let Some(patience) = &mut silence {
                    patience.renew(keep_alive);
                }
            }
            if batch.is_empty() || subscription.is_done() {
                if !subscription.is_complete() {
                    // Without a number: it is not in the log.
                    let last = Batch { frames: vec![interrupted()], ..Batch::default() };
                    for piece in (encoding.encode)(&last, Form { ids: false, ..form }) {
                        yield Ok(piece);
                    }
                }
                return;
            }
        }
    }
}

/// The end of a stream that breaks off. A clean end would look as if the run had nothing more to say.
fn interrupted() -> Frame {
    let message = "The stream broke off before its end. Connect to the thread again to see the rest.".to_owned();
    let event = RunError { message, code: Some(Code::StreamInterrupted.into()), ..RunError::default() };
    Frame::new(0, 0, Event::from(event).into())
}

fn encode(batch: &Batch, form: Form) -> Vec<Bytes> {
    let mut pieces = Vec::new();
    let mut out = Vec::new();
    if form.ids {
        write_numbered(batch.frames(), form.legacy, &mut out);
    } else {
        let small = |sse: &&Bytes| sse.len() < LARGE;
        let runs = || batch.runs.iter().map(|run| run.sse(form.legacy));
        let visible = || batch.frames.iter().filter_map(|frame| frame.for_client(form.legacy));
        let frames: usize = visible().map(|json| json.len() + FRAMING).sum();
        out.reserve_exact(frames + runs().filter(small).map(Bytes::len).sum::<usize>());
        for sse in runs() {
            if small(&sse) {
                out.extend_from_slice(sse);
                continue;
            }
            if !out.is_empty() {
                pieces.push(std::mem::take(&mut out).into());
            }
            pieces.push(sse.clone());
        }
        visible().for_each(|json| write_frame(json, &mut out));
    }
    if !out.is_empty() {
        pieces.push(out.into());
    }
    pieces
}

fn write_numbered<'a>(frames: impl Iterator<Item = &'a Frame>, legacy: bool, out: &mut Vec<u8>) {
    for frame in frames {
        let Some(json) = frame.for_client(legacy) else { continue };
        out.reserve(json.len() + FRAMING + ID_LINE);
        // Writing to memory does not fail.
        let _ = writeln!(out, "id: {}", frame.seq);
        write_frame(json, out);
    }
}
