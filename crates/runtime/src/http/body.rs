//! Reading a request's body: bounded in bytes and in time, and in the bytes of all bodies together.

use super::State;
use super::answer::Refusal;
use crate::limits;
use axum::body::{Body, HttpBody as _};
use bytes::{Bytes, BytesMut};
use copilotkit_protocol::Code;
use http::header::CONTENT_ENCODING;
use http::request::Parts;
use http::{HeaderValue, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::json;
use std::ops::Deref;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The bytes that bodies may take up, in units of a KiB.
#[derive(Debug)]
pub(super) struct Room(Arc<Semaphore>);

const UNIT: usize = 1024;

impl Room {
    /// Room for `bytes`, and at least for one body of the largest size.
    pub(super) fn new(bytes: usize, body_max: usize) -> Self {
        let units = bytes.max(body_max).div_ceil(UNIT).min(Semaphore::MAX_PERMITS);
        Self(Arc::new(Semaphore::new(units)))
    }

    /// Makes `held` enough for `bytes`. Room is taken as the bytes arrive: a length that was only announced holds none.
    fn reserve(&self, held: &mut Option<OwnedSemaphorePermit>, bytes: usize) -> Result<(), Refusal> {
        let has = held.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let more = u32::try_from(bytes.div_ceil(UNIT).saturating_sub(has)).unwrap_or(u32::MAX);
        if more == 0 {
            return Ok(());
        }
        let permit = self.0.clone().try_acquire_many_owned(more).map_err(|_| no_room())?;
        match held {
            Some(held) => held.merge(permit),
            None => *held = Some(permit),
        }
        Ok(())
    }
}

/// A body, and its room among all bodies for as long as it is needed.
pub struct Received {
    bytes: Bytes,
    _held: Option<OwnedSemaphorePermit>,
}

impl Received {
    /// What was made of the body, in the room that the body had.
    pub(super) fn replace(self, bytes: Bytes) -> Self {
        Self { bytes, ..self }
    }

    /// The bytes, without a copy.
    pub(super) fn bytes(&self) -> Bytes {
        self.bytes.clone()
    }
}

impl Deref for Received {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl From<Bytes> for Received {
    fn from(bytes: Bytes) -> Self {
        Self { bytes, _held: None }
    }
}

/// Reads the whole body.
pub(super) async fn read(state: &State, body: Body) -> Result<Received, Refusal> {
    read_up_to(state, body, state.options.body_max).await
}

/// Refuses a body that would have to be unpacked first: a small one could become any size.
pub(super) fn plain(parts: &Parts) -> Result<(), Refusal> {
    let packed = |coding: &&HeaderValue| !coding.as_bytes().eq_ignore_ascii_case(b"identity");
    let Some(coding) = parts.headers.get_all(CONTENT_ENCODING).iter().find(packed) else { return Ok(()) };
    let coding = String::from_utf8_lossy(coding.as_bytes());
    let message = format!("Content-Encoding: {coding} is not unpacked here. Send the body as it is.");
    let body = json!({ "error": "Unsupported media type", "code": Code::UnsupportedMediaType, "message": message });
    Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, body))
}

/// Reads the body of a request to no route; nothing of a larger one than [`limits::STRAY_BODY`].
pub(super) async fn read_stray(state: &State, body: Body) -> Result<Received, Refusal> {
    read_up_to(state, body, limits::STRAY_BODY.min(state.options.body_max)).await
}

async fn read_up_to(state: &State, body: Body, max: usize) -> Result<Received, Refusal> {
    // From Content-Length: a client that waits to be told to go on need not send anything.
    if body.size_hint().lower() > u64::try_from(max).unwrap_or(u64::MAX) {
        return Err(too_large(max));
    }
    let timeout = state.options.body_timeout;
    tokio::time::timeout(timeout, collect(&state.room, body, max)).await.unwrap_or_else(|_| {
        let message = format!("The body did not arrive within {} s.", timeout.as_secs());
        let body = json!({ "error": "Request timeout", "code": Code::BodyTimeout, "message": message });
        Err(Refusal::new(StatusCode::REQUEST_TIMEOUT, body))
    })
}

async fn collect(room: &Room, mut body: Body, max: usize) -> Result<Received, Refusal> {
    let (mut first, mut rest, mut held) = (Bytes::new(), BytesMut::new(), None);
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else { return Err(Refusal::invalid_body("the connection ended before the body did")) };
        let Ok(data) = frame.into_data() else { continue };
        let length = first.len() + rest.len() + data.len();
        if length > max {
            return Err(too_large(max));
        }
        room.reserve(&mut held, length)?;
        if length == data.len() {
            // Most bodies come in one piece, which is then not copied.
            first = data;
            continue;
        }
        if rest.is_empty() {
            rest.extend_from_slice(&std::mem::take(&mut first));
        }
        rest.extend_from_slice(&data);
    }
    let bytes = if rest.is_empty() { first } else { rest.freeze() };
    Ok(Received { bytes, _held: held })
}

fn too_large(max: usize) -> Refusal {
    let message =
        format!("The body is larger than {max} bytes. Send less, or raise body_max in [limits] of the server.");
    let body = json!({ "error": "Request body too large", "code": Code::BodyTooLarge, "message": message });
    Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, body)
}

fn no_room() -> Refusal {
    let message = "The server is reading as many request bodies as its memory allows. Try again in a moment.";
    Refusal::busy(json!({ "error": "Too many request bodies", "code": Code::TooManyBodies, "message": message }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_taken_as_it_is_needed_and_given_back() {
        let room = Room::new(4 * UNIT, UNIT);
        let (mut one, mut two) = (None, None);
        for bytes in [0, 1, UNIT, UNIT + 1, 3 * UNIT] {
            assert!(room.reserve(&mut one, bytes).is_ok());
        }
        assert_eq!(room.0.available_permits(), 1);
        assert!(room.reserve(&mut two, UNIT).is_ok() && room.reserve(&mut two, UNIT + 1).is_err());
        drop(one);
        assert!(room.reserve(&mut two, 4 * UNIT).is_ok());
        drop(two);
        assert_eq!(room.0.available_permits(), 4);
    }

    #[tokio::test]
    async fn pieces_are_put_together() {
        let room = Room::new(UNIT, 10);
        for pieces in [&[][..], &["abc"], &["a", "", "bc"], &["", "abc"]] {
            let stream = futures::stream::iter(pieces.iter().map(|piece| Ok::<_, std::io::Error>(*piece)));
            let body = collect(&room, Body::from_stream(stream), 10).await.unwrap();
            assert_eq!(&*body, pieces.concat().as_bytes());
        }
        let endless = Body::from_stream(futures::stream::repeat_with(|| Ok::<_, std::io::Error>("abc")));
        assert!(collect(&room, endless, 10).await.is_err());
    }
}
