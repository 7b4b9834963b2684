//! Gemini's `streamGenerateContent`, at AI Studio and on Vertex AI.

mod arguments;
mod chunk;
mod codec;
mod parts;
mod request;

pub use codec::GeminiCodec;
pub use request::body;

/// The kind of a signature of thinking in an envelope.
const THOUGHT: &str = "thought";
/// The kind of a signature of text in an envelope.
const TEXT: &str = "text";
