//! Why a model cannot be set up.

use crate::spec::Api;
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
    /// A dialect that this build does not speak.
    #[error("this build does not speak `{}`, the dialect of {provider}: build it with the feature for it", .api.as_str())]
    ForeignDialect {
        /// The provider.
        provider: String,
        /// The dialect.
        api: Api,
    },
    /// A dialect that the provider does not speak.
    #[error("{provider} does not speak `{}`: remove `api`, or name another dialect", .api.as_str())]
    WrongDialect {
        /// The provider.
        provider: String,
        /// The dialect.
        api: Api,
    },
    /// Something that only the environment can tell is missing there.
    #[error("{provider} needs {variable}: set it, or set base_url")]
    MissingVariable {
        /// The provider.
        provider: String,
        /// The environment variable, or several of which one is enough.
        variable: &'static str,
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
    #[cfg(any(feature = "service", feature = "transcription"))]
    #[error(transparent)]
    Client(#[from] copilotkit_runtime::client::ClientError),
}

impl ConfigError {
    /// Stable, snake case.
    pub fn code(&self) -> Code {
        match self {
            Self::InvalidSpec { .. } => Code::ModelSpec,
            Self::UnknownProvider { .. } => Code::ModelProvider,
            Self::ForeignDialect { .. } | Self::WrongDialect { .. } => Code::ModelDialect,
            Self::MissingBaseUrl { .. } | Self::MissingVariable { .. } => Code::ModelBaseUrl,
            Self::InvalidHeader { .. } => Code::ModelHeader,
            #[cfg(any(feature = "service", feature = "transcription"))]
            Self::Client(error) => error.code(),
        }
    }

    /// Whether the same configuration may work later.
    pub fn is_retryable(&self) -> bool {
        false
    }
}
