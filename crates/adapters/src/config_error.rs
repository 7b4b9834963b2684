//! Why a model cannot be set up.

use copilotkit_runtime::Code;

/// Why a model cannot be set up from its configuration.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// Not `provider/model`.
    #[error(
        "\"{spec}\" does not name a model: write provider/model, for example openai/gpt-5 or ollama/llama3.2, or demo"
    )]
    InvalidSpec {
        /// What was given.
        spec: String,
    },
    /// A provider that nobody knows.
    #[error(
        "Unknown provider \"{provider}\" in \"{spec}\". Supported: {known}. For another service that speaks OpenAI Chat \
         Completions write custom/MODEL and set base_url"
    )]
    UnknownProvider {
        /// The provider.
        provider: String,
        /// What was given.
        spec: String,
        /// Those that are known.
        known: String,
    },
    /// A provider whose dialect this build does not speak.
    #[error(
        "this build does not speak the dialect of {provider} yet: set base_url to an address of it that is compatible with \
         OpenAI Chat Completions ({hint})"
    )]
    ForeignDialect {
        /// The provider.
        provider: String,
        /// Where such an address is.
        hint: &'static str,
    },
    /// A provider without an address of its own.
    #[error("{provider} has no address of its own: set base_url")]
    MissingBaseUrl {
        /// The provider.
        provider: String,
    },
    /// A header name or value that HTTP does not allow. The value is not repeated: it may be a key.
    #[error("the value or name of the header {name} cannot be sent: look for line breaks and other control characters")]
    InvalidHeader {
        /// The header.
        name: String,
    },
    /// An address that cannot be used, or no HTTP client.
    #[cfg(any(feature = "openai-chat", feature = "transcription"))]
    #[error(transparent)]
    Client(#[from] copilotkit_runtime::client::ClientError),
}

impl ConfigError {
    /// Stable, snake case.
    pub fn code(&self) -> Code {
        match self {
            Self::InvalidSpec { .. } => Code::ModelSpec,
            Self::UnknownProvider { .. } => Code::ModelProvider,
            Self::ForeignDialect { .. } => Code::ModelDialect,
            Self::MissingBaseUrl { .. } => Code::ModelBaseUrl,
            Self::InvalidHeader { .. } => Code::ModelHeader,
            #[cfg(any(feature = "openai-chat", feature = "transcription"))]
            Self::Client(error) => error.code(),
        }
    }

    /// Whether the same configuration may work later.
    pub fn is_retryable(&self) -> bool {
        false
    }
}
