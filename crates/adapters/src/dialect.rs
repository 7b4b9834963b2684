//! What all dialects share: the contract of a codec, the conversation as services take it, and small parts of both.

mod blocks;
mod calls;
mod dialogue;
mod envelope;
pub(crate) mod error;
pub(crate) mod history;
mod ids;
mod media;
mod members;
mod tools;
mod usage;
mod wire;

pub(crate) use blocks::Blocks;
pub(crate) use calls::{CALLS_MAX, Calls};
pub(crate) use dialogue::Entry;
pub(crate) use envelope::{Envelope, GOOGLE, THOUGHT_SIGNATURE};
pub(crate) use ids::IdRule;
pub(crate) use media::{Kind, Media, Part, Source, parts, result_parts, to_data_url};
pub(crate) use members::{Members, own_options};
pub(crate) use tools::{offered, schema};
pub(crate) use usage::Counts;
pub(crate) use wire::{Number, Text};

use crate::profile::Quirks;
use copilotkit_runtime::model::{ModelError, ModelErrorKind, ModelEvent};

/// Whom a request is for.
#[derive(Clone, Copy, Debug)]
pub struct Callee<'a> {
    /// The vendor, as its profile is named.
    pub provider: &'a str,
    /// The model, as the service knows it.
    pub model: &'a str,
    /// In what the service differs from its dialect.
    pub quirks: &'a Quirks,
}

/// What a codec has to know about the call.
#[derive(Clone, Debug, Default)]
pub struct CodecOptions {
    /// The vendor, for usage and for what is to come back to it.
    pub provider: String,
    /// The model, for usage.
    pub model: String,
    /// What the ids begin with that are minted for tool calls without one; unique in the thread.
    pub id_prefix: String,
    /// In what the service differs from its dialect.
    pub quirks: Quirks,
    /// Text between `<think>` and `</think>` is reasoning.
    pub think_tags: bool,
}

/// Reads one answer of a service. It does no I/O: payloads in, events out.
///
/// Feed it every payload in order, then call [`finish`](Self::finish) once. Arguments of tool calls are handed on as they
/// come and never put together.
pub trait Codec: Send {
    /// Takes one payload, by the name that its frame had, and appends what it means to `out`.
    ///
    /// # Errors
    /// When the service reports an error, or sends something else than the dialect. What is open then stays open.
    fn on_event(&mut self, name: &str, data: &[u8], out: &mut Vec<ModelEvent>) -> Result<(), ModelError>;

    /// The end of the stream: closes what is open and says why the model stopped.
    ///
    /// # Errors
    /// When the answer was cut off.
    fn finish(&mut self, out: &mut Vec<ModelEvent>) -> Result<(), ModelError>;

    /// How far the answer is.
    fn stage(&self) -> Stage;

    /// Takes a whole JSON body of a service that does not stream; false when it is no answer of the dialect.
    ///
    /// # Errors
    /// As [`on_event`](Self::on_event).
    fn on_whole(&mut self, body: &[u8], out: &mut Vec<ModelEvent>) -> Result<bool, ModelError> {
        let _ = (body, out);
        Ok(false)
    }
}

/// How far an answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// More is to come.
    Open,
    /// The model has said why it stopped; what may follow is the count of tokens.
    Answered,
    /// Nothing follows that matters.
    Done,
}

/// Something else than the dialect.
pub(crate) fn protocol(message: impl Into<String>) -> ModelError {
    ModelError::new(ModelErrorKind::Protocol, message)
}

/// A payload that is not JSON of the dialect's shape.
pub(crate) fn foreign(cause: &serde_json::Error) -> ModelError {
    protocol(format!("the model's stream holds something else than the dialect: {cause}"))
}

/// The stream ended before the model said that it was done.
pub(crate) fn cut_off(had_data: bool) -> ModelError {
    // Some local servers end at once when the prompt does not fit.
    protocol(if had_data {
        "the model's stream ended without a finish reason"
    } else {
        "the provider sent an empty answer: the conversation may be longer than the model takes"
    })
}
