//! How payloads are cut out of the bytes of an answer.

use crate::spec::Api;
use bytes::Bytes;
use copilotkit_protocol::sse;
use copilotkit_runtime::model::{ModelError, ModelErrorKind};

/// The largest event of a stream, in bytes.
pub(super) const EVENT_MAX: usize = 16 * 1024 * 1024;

/// A decoder of frames, push and pull.
pub(super) enum Framing {
    Sse(Box<sse::Decoder>),
    #[cfg(feature = "bedrock")]
    EventStream(crate::bedrock::Frames),
}

impl Framing {
    pub(super) fn new(api: Api) -> Self {
        match api {
            #[cfg(feature = "bedrock")]
            Api::Converse => Self::EventStream(crate::bedrock::Frames::new(EVENT_MAX)),
            _ => Self::Sse(Box::new(sse::Decoder::new(EVENT_MAX))),
        }
    }

    pub(super) fn push(&mut self, piece: Bytes) {
        match self {
            Self::Sse(decoder) => decoder.push(piece),
            #[cfg(feature = "bedrock")]
            Self::EventStream(frames) => frames.push(&piece),
        }
    }

    /// The next payload and its name; at the end of the body also one that was not properly ended.
    pub(super) fn next(&mut self, at_end: bool) -> Option<Result<(Bytes, Bytes), ModelError>> {
        match self {
            Self::Sse(decoder) => {
                let event = if at_end { decoder.finish() } else { decoder.next() }?;
                Some(match event {
                    Ok(event) => Ok((event.event.unwrap_or_default(), event.data)),
                    Err(cause) => Err(ModelError::new(ModelErrorKind::Protocol, cause.to_string())),
                })
            }
            #[cfg(feature = "bedrock")]
            Self::EventStream(frames) => frames.next(at_end),
        }
    }
}
