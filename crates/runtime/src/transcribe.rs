//! The contract of speech to text: a recording in, its words out.
//!
//! ```
//! use async_trait::async_trait;
//! use copilotkit_runtime::{TranscribeError, TranscribeRequest, Transcriber};
//!
//! struct Dictaphone;
//!
//! #[async_trait]
//! impl Transcriber for Dictaphone {
//!     async fn transcribe(&self, request: TranscribeRequest) -> Result<String, TranscribeError> {
//!         match request.audio.len() {
//!             0 => Err(TranscribeError::TooShort),
//!             bytes => Ok(format!("{bytes} bytes of {}", request.media_type)),
//!         }
//!     }
//! }
//! ```

use crate::principal::Principal;
use async_trait::async_trait;
use bytes::Bytes;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// Something that turns speech into text.
#[async_trait]
pub trait Transcriber: Send + Sync + 'static {
    /// The words of a recording. What takes longer than until `request.deadline` is dropped.
    ///
    /// # Errors
    /// See [`TranscribeError`]: the page tells its user by the code what to do.
    async fn transcribe(&self, request: TranscribeRequest) -> Result<String, TranscribeError>;
}

/// One recording.
#[derive(Clone, Debug)]
pub struct TranscribeRequest {
    /// The file. Its size is bounded by the largest request body.
    pub audio: Bytes,
    /// What the page calls it: `recording.webm`. Not a path: nothing was checked.
    pub file_name: String,
    /// What it is: `audio/webm;codecs=opus`.
    pub media_type: String,
    /// Who asks.
    pub principal: Principal,
    /// When it is given up.
    pub deadline: Instant,
    /// Cancelled when nobody waits for the words any more.
    pub cancel: CancellationToken,
}

/// Why there are no words. The text is what the page is told; `detail` is for the log of the server.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TranscribeError {
    /// The service takes no more for now.
    #[error("Rate limited. Please try again later.")]
    RateLimited {
        /// How long it asks to wait.
        retry_after: Option<Duration>,
    },
    /// The service does not accept the server's key.
    #[error("Authentication failed with transcription provider")]
    Auth {
        /// What it said.
        detail: String,
    },
    /// The recording is longer or larger than the service takes.
    #[error("Audio file is too long")]
    TooLong,
    /// The recording is empty, or too short to hold a word.
    #[error("Audio file is too short")]
    TooShort,
    /// The service does not take this kind of file.
    #[error("The transcription service does not take this kind of file: {media_type}")]
    Format {
        /// What it was said to be.
        media_type: String,
    },
    /// The service cannot be reached, or the connection broke.
    #[error("The transcription service cannot be reached. Please try again.")]
    Network {
        /// What happened.
        detail: String,
    },
    /// The service did not answer in time.
    #[error("The transcription service did not answer in time. Please try again.")]
    Timeout,
    /// Anything else.
    #[error("{message}")]
    Provider {
        /// For people; never a secret.
        message: String,
        /// Whether the same recording may be taken later.
        retryable: bool,
    },
}

impl TranscribeError {
    /// The stable code, as pages know it.
    pub fn code(&self) -> &'static str {
        match self {
            Self::RateLimited { .. } => "rate_limited",
            Self::Auth { .. } => "auth_failed",
            Self::TooLong => "audio_too_long",
            Self::TooShort => "audio_too_short",
            Self::Format { .. } => "invalid_audio_format",
            Self::Network { .. } | Self::Timeout => "network_error",
            Self::Provider { .. } => "provider_error",
        }
    }

    /// Whether another try may succeed.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::RateLimited { .. } | Self::Network { .. } | Self::Timeout => true,
            Self::Auth { .. } | Self::TooLong | Self::TooShort | Self::Format { .. } => false,
            Self::Provider { retryable, .. } => *retryable,
        }
    }

    /// What happened, for the log of the server.
    pub fn detail(&self) -> &str {
        match self {
            Self::Auth { detail } | Self::Network { detail } => detail,
            _ => "",
        }
    }
}
