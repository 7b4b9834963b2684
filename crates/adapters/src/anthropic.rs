//! Anthropic Messages, at Anthropic, on Vertex AI, and at every service compatible with it.

mod codec;
mod event;
mod models;
mod parts;
mod request;

pub use codec::MessagesCodec;
pub use request::body;

/// The vendor in envelopes: its signatures are good wherever its models run.
const ANTHROPIC: &str = "anthropic";
/// The kind of a signature of thinking in an envelope.
const THINKING: &str = "thinking";
/// The kind of thinking that is not readable at all.
const REDACTED: &str = "redacted_thinking";
