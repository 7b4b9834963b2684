//! Agents that come with the runtime.

mod built_in;
#[cfg(feature = "client")]
mod http_agent;

pub use built_in::{
    Approval, BuiltInAgent, BuiltInAgentBuilder, ModelResolver, OVERRIDABLE, check_schema, is_overridable,
};
#[cfg(feature = "client")]
pub use http_agent::{HttpAgent, HttpAgentBuilder};
