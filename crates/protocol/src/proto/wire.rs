//! The messages of `proto/ag_ui.proto`, one struct each. A test compares the two.
//!
//! `google.protobuf.Value` and `Struct` are kept as their bytes until somebody turns them into JSON: no tree is built,
//! and the order of members stays. The bytes of several occurrences of one field are joined, which is how protobuf
//! merges messages.

mod events;
mod input;
mod messages;

pub(crate) use events::*;
pub(crate) use input::*;
pub(crate) use messages::*;

/// The field numbers of the arms of Event are 1 to this.
pub(crate) const ARMS: u32 = 31;

use prost::DecodeError;
use prost::bytes::{Buf, BufMut};
use prost::encoding::{DecodeContext, WireType, decode_varint, encode_key, encode_varint, skip_field};

macro_rules! undecoded {
    ($(#[$meta:meta])* $name:ident) => {
        $(#[$meta])*
        #[derive(Clone, Debug, Default, PartialEq)]
        pub(crate) struct $name(pub(crate) Vec<u8>);

        impl prost::Message for $name {
            fn encode_raw(&self, buf: &mut impl BufMut) {
                buf.put_slice(&self.0);
            }
            fn merge_field(
                &mut self,
                tag: u32,
                wire_type: WireType,
                buf: &mut impl Buf,
                context: DecodeContext,
            ) -> Result<(), DecodeError> {
                keep(&mut self.0, tag, wire_type, buf, context)
            }
            fn encoded_len(&self) -> usize {
                self.0.len()
            }
            fn clear(&mut self) {
                self.0.clear();
            }
        }
    };
}
undecoded!(
    /// `google.protobuf.Value`: any JSON.
    Value
);
undecoded!(
    /// `google.protobuf.Struct`: a JSON object.
    Struct
);

/// Appends one field to `out` as it came.
fn keep(
    out: &mut Vec<u8>,
    tag: u32,
    wire_type: WireType,
    buf: &mut impl Buf,
    context: DecodeContext,
) -> Result<(), DecodeError> {
    let fixed = match wire_type {
        WireType::Varint => {
            let value = decode_varint(buf)?;
            encode_key(tag, wire_type, out);
            encode_varint(value, out);
            return Ok(());
        }
        // Nothing of Value and Struct is a group.
        WireType::StartGroup | WireType::EndGroup => return skip_field(wire_type, tag, buf, context),
        WireType::SixtyFourBit => 8,
        WireType::ThirtyTwoBit => 4,
        WireType::LengthDelimited => usize::try_from(decode_varint(buf)?).unwrap_or(usize::MAX),
    };
    if fixed > buf.remaining() {
        #[expect(deprecated, reason = "prost has no other way to make one by hand")]
        return Err(DecodeError::new("a field is longer than what holds it"));
    }
    encode_key(tag, wire_type, out);
    if wire_type == WireType::LengthDelimited {
        encode_varint(fixed as u64, out);
    }
    out.put(buf.take(fixed));
    Ok(())
}
