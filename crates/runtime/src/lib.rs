//! The CopilotKit runtime: agents, run lifecycle, thread stores and the HTTP surface.
//!
//! Without features this crate holds only the contracts: [`Agent`], [`Middleware`], [`Model`], [`Tool`],
//! [`ToolSource`], [`Transcriber`] and the store traits. `lifecycle` adds runs, the memory store and the built-in agent; `client` the
//! outbound HTTP client and remote AG-UI agents; `http` the surface that CopilotKit frontends talk to.

pub mod agent;
#[cfg(feature = "lifecycle")]
pub mod agents;
#[cfg(feature = "client")]
pub mod client;
#[cfg(feature = "lifecycle")]
pub mod counters;
#[cfg(feature = "lifecycle")]
pub mod debug;
#[cfg(feature = "lifecycle")]
pub mod error;
pub mod headers;
#[cfg(feature = "http")]
pub mod http;
#[cfg(feature = "lifecycle")]
pub mod hub;
#[cfg(feature = "lifecycle")]
pub mod lifecycle;
pub mod limits;
#[cfg(feature = "lifecycle")]
pub mod logging;
pub mod middleware;
pub mod model;
pub mod principal;
#[cfg(feature = "lifecycle")]
pub mod registry;
pub mod seldom;
pub mod store;
pub mod telemetry;
#[cfg(feature = "lifecycle")]
pub mod threads;
pub mod tool;
pub mod tools;
pub mod transcribe;
#[cfg(feature = "lifecycle")]
mod wait;

pub use agent::{Agent, AgentError, EventStream, RunContext};
pub use copilotkit_protocol as protocol;
pub use copilotkit_protocol::{Code, Emitted, Head};
#[cfg(feature = "lifecycle")]
pub use error::RunError;
#[cfg(feature = "lifecycle")]
pub use lifecycle::{Lifecycle, LifecycleOptions, RunFailure, StartRun};
pub use middleware::{Middleware, Next};
pub use model::{Model, ModelError, ModelEvent, ModelRequest, ModelStream};
pub use principal::Principal;
#[cfg(feature = "lifecycle")]
pub use registry::{AgentRegistry, Registered};
pub use store::Store;
pub use telemetry::Trace;
pub use tool::{Tool, ToolError, ToolInvocation, ToolOutput, ToolSource};
pub use transcribe::{TranscribeError, TranscribeRequest, Transcriber};

/// The code of docs/agents.md, compiled.
#[cfg(all(doctest, feature = "typed-tools"))]
#[doc = include_str!("../../../docs/agents.md")]
struct AgentsPage;
