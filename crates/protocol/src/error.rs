//! An event stream that breaks the order AG-UI prescribes.

use crate::event::EventKind;

/// An event that may not stand where it stands. The message is the reference client's, word by word.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ProtocolError {
    /// The event that broke the rule.
    pub kind: EventKind,
    /// Which rule, for a person.
    pub message: String,
}

impl ProtocolError {
    pub(crate) fn new(kind: EventKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }
}
