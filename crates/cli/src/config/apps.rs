//! `[mcp_apps]`: servers whose user interfaces pages may show.

use super::sources::Merged;
use super::{AgentConfig, ConfigError, McpConfig, OneOrMany, hints, mcp};
use serde::Deserialize;

/// `[mcp_apps]`: MCP servers whose tools may bring a user interface of their own (MCP Apps), which pages show.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct McpAppsConfig {
    /// The servers, by their names in `[mcp.*]`: `"clock"` for all agents, `{ name = "clock", agent = "default" }` for one
    /// or for a list of them. Agents are offered those of their tools that have a user interface; the others only where
    /// an agent names the server in `mcp`.
    pub servers: Vec<AppServerConfig>,
}

/// One of the servers.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, serde::Serialize))]
#[serde(
    untagged,
    expecting = "expected the name of a server, or { name = \"clock\", agent = \"default\" } for one agent alone"
)]
pub enum AppServerConfig {
    /// For all agents.
    Name(String),
    /// For some agents.
    Table(AppServerTable),
}

/// A server for some agents.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, serde::Serialize))]
#[serde(deny_unknown_fields)]
pub struct AppServerTable {
    /// Its name in `[mcp.*]`.
    pub name: String,
    /// The agent, or a list of them. Not set: all.
    pub agent: Option<OneOrMany>,
}

impl AppServerConfig {
    /// Its name in `[mcp.*]`.
    pub fn name(&self) -> &str {
        match self {
            Self::Name(name) => name,
            Self::Table(table) => &table.name,
        }
    }

    /// The agents that it is for; none for all.
    pub fn agents(&self) -> &[String] {
        match self {
            Self::Table(AppServerTable { agent: Some(agents), .. }) => agents.items(),
            _ => &[],
        }
    }
}

impl McpAppsConfig {
    pub(super) fn check(
        &self,
        merged: &Merged,
        servers: &[(String, McpConfig)],
        agents: &[(String, AgentConfig)],
    ) -> Result<(), ConfigError> {
        let at = ["mcp_apps", "servers"];
        let names: Vec<_> = self.servers.iter().map(|server| server.name().to_owned()).collect();
        mcp::check_names(merged, &at, &names, servers)?;
        let known: Vec<&str> = match agents.is_empty() {
            // Without any agent there will be `default`.
            true => vec!["default"],
            false => agents.iter().map(|(id, _)| id.as_str()).collect(),
        };
        let mut named = self.servers.iter().flat_map(|server| server.agents());
        let Some(missing) = named.find(|agent| !known.contains(&agent.as_str())) else { return Ok(()) };
        let all = known.iter().map(|known| format!("`{known}`")).collect::<Vec<_>>().join(", ");
        let remedy = match hints::nearest(missing, known.iter().copied()) {
            Some(meant) => format!("did you mean `{meant}`? The agents are {all}"),
            None => format!("the agents are {all}; or add [agents.{missing}]"),
        };
        Err(merged.error(&at, format!("there is no agent `{missing}`"), remedy))
    }
}
