//! AG-UI 1.0 in Rust: wire types, codec, and pure functions over event streams.
//!
//! ```
//! use copilotkit_protocol::{Event, TextMessageContent};
//!
//! let event = Event::from_json(br#"{"type":"TEXT_MESSAGE_CONTENT","messageId":"m","delta":"Hi"}"#)?;
//! assert_eq!(event, TextMessageContent { message_id: "m".into(), delta: "Hi".into(), ..Default::default() }.into());
//! # Ok::<(), copilotkit_protocol::WireError>(())
//! ```
//!
//! An agent's stream on its way to a page: [`sse::Decoder`] finds the events, [`Emitted`] reads them as far as needed,
//! [`Expander`] makes starts and ends of chunks, [`Repair`] puts the rest in order, [`Verifier`] checks that it did,
//! [`gate`] leaves out what the page does not understand. [`Applied`] is what the page then holds, and [`compact`]
//! shortens a history that leads to the same.
//!
//! Nothing here does I/O, reads a clock or needs a runtime.

mod apply;
pub mod build;
mod capabilities;
mod code;
mod compact;
mod emitted;
pub mod enforce;
mod error;
mod event;
mod expand;
pub mod gate;
mod input;
mod message;
pub mod patch;
#[cfg(feature = "protobuf")]
pub mod proto;
mod repair;
pub mod runtime_api;
#[cfg(test)]
mod soup;
pub mod sse;
mod state;
mod verify;
pub mod wire;
pub mod writer;

pub use apply::{Applied, MAX_APPLY_WARNINGS};
pub use capabilities::*;
pub use code::{Code, Place, Retry};
pub use compact::compact;
pub use emitted::{DeltaWriter, Emitted, Excess, Head};
pub use enforce::{Deviation, Enforce};
pub use error::ProtocolError;
pub use event::*;
pub use expand::Expander;
pub use gate::{Downgrade, Peer};
pub use input::*;
pub use message::*;
pub use repair::{End, MAX_WARNINGS, Repair, RepairOptions};
pub use verify::Verifier;
pub use wire::{Extra, Json, JsonPatch, Object, Timestamp, Wire, WireError, check_depth, from_slice, from_str, to_vec};
pub use writer::EventWriter;

/// The AG-UI version that this crate implements, as `protocolVersion` carries it.
pub const PROTOCOL_VERSION: &str = "1.0";
