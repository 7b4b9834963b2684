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
//! Nothing here does I/O, reads a clock or needs a runtime.

mod apply;
mod compact;
mod emitted;
mod error;
mod event;
mod expand;
mod input;
mod message;
pub mod patch;
mod repair;
#[cfg(test)]
mod soup;
pub mod sse;
mod state;
mod verify;
pub mod wire;

pub use apply::{Applied, MAX_APPLY_WARNINGS};
pub use compact::compact;
pub use emitted::{Emitted, Head};
pub use error::ProtocolError;
pub use event::*;
pub use expand::Expander;
pub use input::*;
pub use message::*;
pub use repair::{End, MAX_WARNINGS, Repair, RepairOptions};
pub use verify::Verifier;
pub use wire::{Extra, Json, JsonPatch, Object, Timestamp, Wire, WireError, from_slice, from_str, to_vec};

/// The AG-UI version that this crate implements, as `protocolVersion` carries it.
pub const PROTOCOL_VERSION: &str = "1.0";
