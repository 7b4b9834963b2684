//! OpenAI Responses, which OpenAI, Azure and others offer for their newest models.
//!
//! Nothing is stored at the service: the conversation goes there whole each time, reasoning in its encrypted form.

mod codec;
mod event;
mod parts;
mod request;

pub use codec::ResponsesCodec;
pub use request::body;

/// The kind of encrypted reasoning in an envelope.
const REASONING: &str = "reasoning";
