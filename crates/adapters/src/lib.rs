//! Streaming language models with true tool-call deltas: providers as the runtime's [`Model`](copilotkit_runtime::Model).
//!
//! [`model_from_spec`] makes a model of a string such as `openai/gpt-5`. Each dialect is a module: a codec that does no
//! I/O, and a model that calls a service with it. `transcription` turns recordings into text.
//!
//! ```
//! use copilotkit_adapters::{Options, model_from_spec};
//!
//! let env = |_: &str| None;
//! let model = model_from_spec("demo", &Options::new(&env))?;
//! assert_eq!(model.name(), "demo");
//! # Ok::<(), copilotkit_adapters::ConfigError>(())
//! ```

mod config_error;
#[cfg(feature = "demo")]
pub mod demo;
pub mod known;
#[cfg(feature = "openai-chat")]
pub mod openai_chat;
#[cfg(any(feature = "openai-chat", feature = "transcription"))]
mod service;
pub mod spec;
#[cfg(feature = "transcription")]
pub mod transcription;

pub use config_error::ConfigError;
#[cfg(feature = "demo")]
pub use demo::DemoModel;
#[cfg(feature = "openai-chat")]
pub use openai_chat::{OpenAiChat, OpenAiChatOptions};
pub use spec::{Api, Options, model_from_spec};
#[cfg(feature = "transcription")]
pub use transcription::{OpenAiTranscriber, OpenAiTranscriberOptions};
