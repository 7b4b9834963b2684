//! The least that a server on axum does: it reads the request and writes bytes that are ready. With a pace it writes one
//! event after the other, each with its time.

use super::super::frames::{Dialect, now, sse, stamp};
use super::{ServerOptions, event_stream};
use anyhow::Context;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::response::Response;
use axum::routing::{get, post};
use futures::stream;
use std::convert::Infallible;
use std::path::PathBuf;
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// The largest request.
const REQUEST_MAX: usize = 8 << 20;
/// The largest write, as much as our server reads from its log for one.
const PIECE: usize = 256 * 1024;

pub(super) fn router(options: &ServerOptions) -> anyhow::Result<Router> {
    let read = |path: &Option<PathBuf>| match path {
        Some(path) => std::fs::read(path).map(Bytes::from).with_context(|| format!("cannot read {}", path.display())),
        None => Ok(Bytes::new()),
    };
    let (json, mut body) = (read(&options.json)?, read(&options.body)?);
    let (deltas, pace) = (options.deltas, Duration::from_micros(options.pace));
    if body.is_empty() && pace.is_zero() {
        body = Dialect::AgUi.run("thread", "run", deltas).concat().into();
    }
    let answer_get = move || {
        let json = json.clone();
        async move {
            let mut response = Response::new(Body::from(json));
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            response
        }
    };
    let answer_post = move |request: Request| {
        let body = body.clone();
        async move {
            // The request is read, as every server must.
            let read = axum::body::to_bytes(request.into_body(), REQUEST_MAX).await.is_ok();
            event_stream(match (read, pace.is_zero()) {
                (false, _) => Body::empty(),
                (true, true) => ready(body),
                (true, false) => paced(deltas, pace),
            })
        }
    };
    Ok(Router::new().route("/{*path}", get(answer_get).merge(post(answer_post))))
}

/// As a stream, which no server knows the length of.
fn ready(body: Bytes) -> Body {
    let pieces = stream::unfold(body, |mut rest| async move {
        let piece = rest.split_to(rest.len().min(PIECE));
        (!piece.is_empty()).then_some((Ok::<_, Infallible>(piece), rest))
    });
    Body::from_stream(pieces)
}

fn paced(deltas: u32, pace: Duration) -> Body {
    let dialect = Dialect::AgUi;
    let text = |frames: Vec<String>| frames.iter().map(|frame| sse(frame)).collect::<String>();
    let (opening, closing) = (text(dialect.opening("t", "r")), text(dialect.closing("t", "r")));
    let events = stream::unfold((0, Instant::now()), move |(count, mut next)| {
        let (opening, closing) = (opening.clone(), closing.clone());
        async move {
            let text = match count {
                0 => opening,
                count if count <= deltas => {
                    next += pace;
                    sleep_until(next).await;
                    sse(&dialect.delta("r", &stamp(now())))
                }
                count if count - 1 == deltas => closing,
                _ => return None,
            };
            Some((Ok::<_, Infallible>(Bytes::from(text)), (count + 1, next)))
        }
    });
    Body::from_stream(events)
}
