//! Streaming language models with true tool-call deltas: providers as the runtime's [`Model`](copilotkit_runtime::Model).
//!
//! [`model_from_spec`] makes a model of a string such as `openai/gpt-5`. Each dialect is a module: a writer of requests and
//! a codec of answers, neither of which does I/O. `ServiceModel` calls services with them, `profile` knows the services,
//! `check` tells whether one answers. `transcription` turns recordings into text.
//!
//! ```
//! use copilotkit_adapters::{Options, model_from_spec};
//!
//! let model = model_from_spec("demo", &Options::from_env())?;
//! assert_eq!(model.name(), "demo");
//! # Ok::<(), copilotkit_adapters::ConfigError>(())
//! ```

#[cfg(feature = "anthropic")]
pub mod anthropic;
#[cfg(feature = "bedrock")]
pub mod bedrock;
mod config_error;
#[cfg(feature = "demo")]
pub mod demo;
#[cfg(feature = "service")]
#[cfg_attr(
    not(all(
        feature = "openai-chat",
        feature = "openai-responses",
        feature = "anthropic",
        feature = "gemini",
        feature = "bedrock"
    )),
    allow(dead_code, unused_imports, reason = "no dialect alone uses all of what they share")
)]
pub mod dialect;
#[cfg(feature = "gemini")]
pub mod gemini;
#[cfg(feature = "vertex")]
pub mod google;
pub mod known;
#[cfg(feature = "openai-chat")]
pub mod openai_chat;
#[cfg(feature = "openai-responses")]
pub mod openai_responses;
#[cfg(any(feature = "service", feature = "transcription"))]
mod outbound;
#[cfg(feature = "service")]
#[cfg_attr(
    not(all(feature = "openai-chat", feature = "openai-responses", feature = "gemini")),
    allow(dead_code, unused_imports, reason = "no dialect alone uses all of it")
)]
pub mod profile;
#[cfg(feature = "service")]
pub mod service;
pub mod spec;
#[cfg(feature = "transcription")]
pub mod transcription;

pub use config_error::ConfigError;
#[cfg(feature = "demo")]
pub use demo::DemoModel;
#[cfg(feature = "service")]
pub use profile::Profile;
#[cfg(feature = "service")]
pub use service::{Check, ServiceModel, ServiceOptions, check};
#[cfg(feature = "service")]
pub use spec::service_from_spec;
pub use spec::{Api, Options, model_from_spec};
#[cfg(feature = "transcription")]
pub use transcription::{OpenAiTranscriber, OpenAiTranscriberOptions};
