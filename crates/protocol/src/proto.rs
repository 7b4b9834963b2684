//! The protobuf binding of AG-UI 1.0: the same events as bytes, for clients that ask for them.
//!
//! ```
//! use copilotkit_protocol::{Event, TextMessageContent, proto};
//!
//! let event: Event = TextMessageContent { message_id: "m".into(), delta: "Hi".into(), ..Default::default() }.into();
//! let mut body = Vec::new();
//! proto::write_frame(&proto::encode(&event), &mut body)?;
//!
//! let mut decoder = proto::Decoder::new(proto::MAX_FRAME);
//! decoder.push(body.into());
//! let message = decoder.next().transpose()?.unwrap_or_default();
//! assert_eq!(proto::decode(&message)?, event);
//! # Ok::<(), proto::ProtoError>(())
//! ```
//!
//! Not everything survives the way there and back: numbers inside opaque JSON are doubles, members that AG-UI does not
//! know are lost, a list that is empty reads as absent where it is optional (`usage`, `toolCalls`,
//! `pendingToolCallIds`), and `resume` of an input that had none reads as an empty list. A legacy `binary` part becomes
//! a document. `proto/ag_ui.proto` in this crate describes the bytes.

mod convert;
mod error;
mod events;
mod frame;
mod input;
mod messages;
mod value;
mod wire;

pub use error::ProtoError;
pub use frame::{Decoder, MAX_FRAME, write_frame};

use crate::event::Event;
use prost::Message as _;
use prost::encoding::{DecodeContext, WireType, decode_key, skip_field};

/// The media type of a body of frames.
pub const MEDIA_TYPE: &str = "application/vnd.ag-ui.event+proto";

/// The bytes of one event, without a frame around them. An event of a type that AG-UI 1.0 does not have has no form
/// here: it gives no bytes, and is not to be sent.
pub fn encode(event: &Event) -> Vec<u8> {
    events::to(event).encode_to_vec()
}

/// Reads the bytes of one event.
///
/// # Errors
/// [`ProtoError::UnknownEvent`] for an event of a later version, which a client leaves out; everything else is fatal.
pub fn decode(bytes: &[u8]) -> Result<Event, ProtoError> {
    let arms = Arms::of(bytes)?;
    match (arms.known, arms.unknown) {
        (Some(_), _) => events::from(wire::Event::decode(bytes)?),
        (None, true) => Err(ProtoError::UnknownEvent),
        (None, false) => Err(ProtoError::invalid("the envelope is empty")),
    }
}

/// What an envelope holds. prost would take the last of several arms.
#[derive(Default)]
struct Arms {
    known: Option<u32>,
    /// A field that a later version may use for an event.
    unknown: bool,
}

impl Arms {
    fn of(mut bytes: &[u8]) -> Result<Self, ProtoError> {
        let mut arms = Self::default();
        while !bytes.is_empty() {
            let (tag, wire_type) = decode_key(&mut bytes)?;
            let before = bytes.len();
            let field = bytes;
            skip_field(wire_type, tag, &mut bytes, DecodeContext::default())?;
            if (1..=wire::ARMS).contains(&tag) {
                if arms.known.is_some_and(|other| other != tag) {
                    return Err(ProtoError::invalid("the envelope holds two events"));
                }
                arms.known = Some(tag);
            } else if wire_type == WireType::LengthDelimited {
                let mut field = field.get(..before - bytes.len()).unwrap_or_default();
                prost::encoding::decode_varint(&mut field)?;
                arms.unknown = true;
                if arms.known.is_none() {
                    walk(field)?;
                }
            }
        }
        Ok(arms)
    }
}

/// Checks that bytes are fields.
fn walk(mut bytes: &[u8]) -> Result<(), ProtoError> {
    while !bytes.is_empty() {
        let (tag, wire_type) = decode_key(&mut bytes)?;
        skip_field(wire_type, tag, &mut bytes, DecodeContext::default())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
