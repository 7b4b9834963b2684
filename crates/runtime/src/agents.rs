//! Agents that come with the runtime.

mod built_in;
#[cfg(feature = "client")]
mod http_agent;

pub use built_in::{Approval, BuiltInAgent, BuiltInAgentBuilder, ModelResolver, check_schema};
#[cfg(feature = "client")]
pub use http_agent::{HttpAgent, HttpAgentBuilder};
