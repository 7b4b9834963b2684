//! What is wrong with bytes.

use crate::wire::WireError;

/// Why bytes are no event, or no frame.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProtoError {
    /// An event of a type that this version does not have. Leave it out.
    #[error("an event of a later version")]
    UnknownEvent,
    /// Bytes that are no message at all, or no valid event.
    #[error("Invalid event: {0}")]
    Invalid(WireError),
    /// A frame over the bound.
    #[error("Protobuf message size exceeded maximum limit of {limit} bytes")]
    TooLarge {
        /// The bound in bytes, the four bytes of the length included.
        limit: usize,
    },
    /// The stream ended inside of a frame.
    #[error("The binary stream ended mid-frame: {trailing} trailing bytes could not be read as a complete message.")]
    Truncated {
        /// The bytes that are left over.
        trailing: usize,
    },
}

impl ProtoError {
    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::Invalid(WireError { path: String::new(), message: message.into(), syntax: false })
    }

    /// Puts a member, or `[index]`, in front of the path.
    pub(super) fn at(self, step: &str) -> Self {
        match self {
            Self::Invalid(mut error) => {
                let dot = if error.path.is_empty() || error.path.starts_with('[') { "" } else { "." };
                error.path = format!("{step}{dot}{}", error.path);
                Self::Invalid(error)
            }
            other => other,
        }
    }
}

impl From<prost::DecodeError> for ProtoError {
    fn from(error: prost::DecodeError) -> Self {
        Self::Invalid(WireError { path: String::new(), message: error.to_string(), syntax: true })
    }
}

impl From<WireError> for ProtoError {
    fn from(error: WireError) -> Self {
        Self::Invalid(error)
    }
}
