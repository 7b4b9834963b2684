//! Agents that come with the runtime.

mod built_in;

pub use built_in::{BuiltInAgent, BuiltInAgentBuilder, ModelResolver};
