//! MCP servers, and which agent uses which.

use super::approval;
use crate::config::{AgentConfig, BuiltInConfig, Config, Environment};
use anyhow::{Context as _, Result, anyhow};
use copilotkit_mcp::apps::{AppServer, McpApps};
use copilotkit_mcp::{McpPool, McpTools, PageServers, PoolOptions, ServerConfig};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The MCP servers of a configuration, with the connections to them. Nothing is connected before it is needed, and all
/// of it is closed when the last agent that uses it is gone.
#[derive(Clone, Debug)]
pub struct McpServers {
    pool: McpPool,
    servers: BTreeMap<String, Arc<ServerConfig>>,
    apps: McpApps,
}

impl McpServers {
    /// The servers of a configuration.
    ///
    /// # Errors
    /// An address, command or header that cannot be used.
    pub fn new(config: &Config, environment: &Environment) -> Result<Self> {
        let mut servers = BTreeMap::new();
        for (name, server) in &config.mcp {
            let mut server = server.server(name, environment).with_context(|| format!("[mcp.{name}]"))?;
            // One connection for its tools and its user interfaces.
            server.apps = config.mcp_apps.servers.iter().any(|shown| shown.name() == name);
            servers.insert(name.clone(), Arc::new(server));
        }
        let pool = McpPool::new(PoolOptions::default())?;
        let apps = apps(config, &pool, &servers)?;
        Ok(Self { pool, servers, apps })
    }

    /// What stands in front of every agent: the user interfaces of those servers that may show some.
    pub fn apps(&self) -> &McpApps {
        &self.apps
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
        let tools = McpTools::new(self.pool.clone(), servers).reserve(reserved).page_servers(page);
        Ok(Some(tools.beside(self.apps.clone())))
    }
}

fn apps(config: &Config, pool: &McpPool, servers: &BTreeMap<String, Arc<ServerConfig>>) -> Result<McpApps> {
    let mut shown = Vec::new();
    for entry in &config.mcp_apps.servers {
        let name = entry.name();
        let server = servers.get(name).ok_or_else(|| anyhow!("[mcp_apps]: there is no MCP server `{name}`"))?;
        let mut server = AppServer::new(Arc::clone(server));
        let written = config.mcp.iter().find(|(other, _)| other == name).and_then(|(_, server)| server.url.as_deref());
        if let Some(url) = written {
            server = server.written(url);
        }
        shown.push(entry.agents().iter().fold(server, AppServer::agent));
    }
    let apps = McpApps::new(pool.clone(), shown).context("[mcp_apps]")?;
    let built_in = config.agents.iter().filter_map(|(id, agent)| match agent {
        AgentConfig::BuiltIn(agent) => Some((id, agent)),
        _ => None,
    });
    Ok(built_in.fold(apps, |apps, (id, agent)| apps.approval(id, approval(agent))))
}
