//! MCP servers, and which agent uses which.

use crate::config::{BuiltInConfig, Config, Environment};
use anyhow::{Context as _, Result, anyhow};
use copilotkit_mcp::{McpPool, McpTools, PageServers, PoolOptions, ServerConfig};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The MCP servers of a configuration, with the connections to them. Nothing is connected before it is needed, and all
/// of it is closed when the last agent that uses it is gone.
#[derive(Clone, Debug)]
pub struct McpServers {
    pool: McpPool,
    servers: BTreeMap<String, Arc<ServerConfig>>,
}

impl McpServers {
    /// The servers of a configuration.
    ///
    /// # Errors
    /// An address, command or header that cannot be used.
    pub fn new(config: &Config, environment: &Environment) -> Result<Self> {
        let mut servers = BTreeMap::new();
        for (name, server) in &config.mcp {
            let server = server.server(name, environment).with_context(|| format!("[mcp.{name}]"))?;
            servers.insert(name.clone(), Arc::new(server));
        }
        Ok(Self { pool: McpPool::new(PoolOptions::default())?, servers })
    }

    /// The connections.
    pub fn pool(&self) -> &McpPool {
        &self.pool
    }

    /// The server of a name.
    pub fn get(&self, name: &str) -> Option<&Arc<ServerConfig>> {
        self.servers.get(name)
    }

    /// The tools of the servers that an agent names; none when it names none, and no page may name one.
    ///
    /// # Errors
    /// A name that is none, or an origin that is none.
    pub fn tools(&self, agent: &BuiltInConfig) -> Result<Option<McpTools>> {
        if agent.mcp.is_empty() && agent.mcp_origins.is_empty() {
            return Ok(None);
        }
        let find = |name: &String| self.get(name).cloned().ok_or_else(|| anyhow!("there is no MCP server `{name}`"));
        let servers = agent.mcp.iter().map(find).collect::<Result<Vec<_>>>()?;
        let page = PageServers::at(&agent.mcp_origins).map_err(|origin| anyhow!("`{origin}` is not an origin"))?;
        let reserved = agent.tools.iter().map(|tool| tool.name.clone());
        Ok(Some(McpTools::new(self.pool.clone(), servers).reserve(reserved).page_servers(page)))
    }
}
