//! MCP Apps: tools of servers that bring a user interface of their own (`io.modelcontextprotocol/ui`).
//!
//! [`McpApps`] stands in front of an agent. It offers the agent the tools that have a user interface, executes the calls
//! of them when the agent is done, and tells the page what to paint. What the painted interface then asks of its server
//! comes as a run with `forwardedProps.__proxiedMCPRequest`, which is answered without the agent.
//!
//! ```no_run
//! use copilotkit_mcp::apps::{AppServer, McpApps};
//! use copilotkit_mcp::{McpPool, PoolOptions, ServerConfig};
//! use copilotkit_runtime::{Agent, Registered};
//!
//! # fn register(agent: impl Agent) -> Result<Registered, Box<dyn std::error::Error>> {
//! let pool = McpPool::new(PoolOptions::default())?;
//! let clock = AppServer::new(ServerConfig::http("clock", "http://127.0.0.1:3001/mcp")?);
//! let apps = McpApps::new(pool, [clock])?;
//! Ok(Registered::new("default", agent).with(apps))
//! # }
//! ```

mod call;
mod offer;
mod proxy;
mod reference;
mod watch;

use crate::config::{ConfigError, ServerConfig, UpstreamServer};
use crate::listing::ToolDef;
use crate::pool::McpPool;
use copilotkit_protocol::RunAgentInput;
use copilotkit_runtime::agents::Approval;
use copilotkit_runtime::client::Trust;
use copilotkit_runtime::{EventStream, Middleware, Next, RunContext};
use futures::{FutureExt as _, StreamExt as _};
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

/// The type of the activity that pages paint.
pub const ACTIVITY: &str = "mcp-apps";

/// A server whose user interfaces pages may show.
#[derive(Clone, Debug)]
pub struct AppServer {
    config: Arc<ServerConfig>,
    /// What pages know it by, besides the hash.
    id: Option<String>,
    hash: String,
    /// Empty for all.
    agents: Vec<String>,
}

impl AppServer {
    /// A server for all agents. Pages know it by its name.
    pub fn new(config: impl Into<Arc<ServerConfig>>) -> Self {
        let mut config = config.into();
        if !config.apps {
            // Servers may list such tools only to those who say that they can show them.
            Arc::make_mut(&mut config).apps = true;
        }
        let hash = reference::of(&config);
        Self { id: Some(config.id.clone()), config, hash, agents: Vec::new() }
    }

    /// An entry of CopilotKit's `mcpApps.servers`, whose place in the list is `index`. Pages know it as they did there,
    /// so that threads which are stored find their servers again.
    ///
    /// # Errors
    /// As [`UpstreamServer::into_config`].
    pub fn from_upstream(entry: UpstreamServer, index: usize) -> Result<Self, ConfigError> {
        let (id, agent, url) = (entry.server_id.clone(), entry.agent_id.clone(), entry.url.clone());
        let server =
            Self { id, agents: agent.into_iter().collect(), ..Self::new(entry.into_config(index, Trust::Configured)?) };
        Ok(match url {
            Some(url) => server.written(&url),
            None => server,
        })
    }

    /// For this agent, and others that are named in this way, alone.
    #[must_use]
    pub fn agent(mut self, agent_id: impl Into<String>) -> Self {
        self.agents.push(agent_id.into());
        self
    }

    /// With its address as somebody wrote it: the hash that pages know it by is made of that text.
    #[must_use]
    pub fn written(mut self, url: &str) -> Self {
        self.hash = reference::of_written(&self.config, url);
        self
    }

    /// What pages know it by, made of its type and address.
    pub fn hash(&self) -> &str {
        &self.hash
    }

    fn is_for(&self, agent_id: &str) -> bool {
        self.agents.is_empty() || self.agents.iter().any(|only| only == agent_id)
    }
}

/// The user interfaces of servers, in front of an agent. Cheap to clone; one value may stand in front of any number of
/// agents.
#[derive(Clone)]
pub struct McpApps(Arc<Inner>);

#[derive(Clone)]
struct Inner {
    pool: McpPool,
    servers: Vec<AppServer>,
    approvals: HashMap<String, Approval>,
}

impl McpApps {
    /// These servers. Without any, what a user interface asks for is still answered: that its server is not known.
    ///
    /// # Errors
    /// Two servers that pages could not tell apart.
    pub fn new(pool: McpPool, servers: impl IntoIterator<Item = AppServer>) -> Result<Self, ConfigError> {
        let servers: Vec<AppServer> = servers.into_iter().collect();
        for (index, server) in servers.iter().enumerate() {
            for other in &servers[..index] {
                if server.id.is_some() && server.id == other.id {
                    let id = server.id.as_deref().unwrap_or_default();
                    return Err(ConfigError::Unsupported(format!("two servers of MCP Apps are called `{id}`")));
                }
                if server.hash == other.hash && (server.id.is_none() || other.id.is_none()) {
                    let place = server.config.place();
                    let reason = format!("the server {place} is there twice: give both entries a serverId");
                    return Err(ConfigError::Unsupported(reason));
                }
            }
        }
        Ok(Self(Arc::new(Inner { pool, servers, approvals: HashMap::new() })))
    }

    /// What an agent asks a person for leave. Nobody is asked by a user interface, so tools that need leave are neither
    /// offered with one nor can be called from one.
    #[must_use]
    pub fn approval(mut self, agent_id: impl Into<String>, approval: Approval) -> Self {
        Arc::make_mut(&mut self.0).approvals.insert(agent_id.into(), approval);
        self
    }

    /// Whether an agent is offered this tool of a server as one with a user interface.
    pub fn shows(&self, agent_id: &str, server: &ServerConfig, tool: &ToolDef) -> bool {
        let is_there = |shown: &&AppServer| shown.config.id == server.id && shown.is_for(agent_id);
        self.0.servers.iter().any(|shown| is_there(&shown)) && self.is_shown(agent_id, server, tool)
    }

    fn is_shown(&self, agent_id: &str, server: &ServerConfig, tool: &ToolDef) -> bool {
        tool.ui_resource().is_some()
            && tool.is_for_model()
            && server.offers(&tool.name)
            && !self.needs_leave(agent_id, &tool.name)
    }

    fn needs_leave(&self, agent_id: &str, tool: &str) -> bool {
        self.0.approvals.get(agent_id).is_some_and(|approval| approval.needs(tool))
    }

    /// The servers of an agent, in the order of the configuration.
    fn of<'a>(&'a self, agent_id: &'a str) -> impl Iterator<Item = &'a AppServer> {
        self.0.servers.iter().filter(move |server| server.is_for(agent_id))
    }
}

impl Middleware for McpApps {
    fn run(&self, context: RunContext, next: Next) -> EventStream {
        if proxy::is_asked(&context.input) {
            return proxy::answer(self.clone(), context);
        }
        if self.of(&context.agent_id).next().is_none() {
            return next.run(context);
        }
        let apps = self.clone();
        let started = async move {
            let offered = context.pulse.during(offer::offer(&apps, &context)).await;
            if offered.is_empty() {
                return next.run(context);
            }
            let input = offered.added_to(&context.input);
            let events = next.run(RunContext { input: Arc::new(input), ..context.clone() });
            watch::follow(context, offered, events)
        };
        started.flatten_stream().boxed()
    }

    fn answers(&self, input: &RunAgentInput) -> bool {
        proxy::is_asked(input)
    }
}

impl fmt::Debug for McpApps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let servers: Vec<_> = self.0.servers.iter().map(|server| server.config.id.as_str()).collect();
        f.debug_struct("McpApps").field("servers", &servers).finish_non_exhaustive()
    }
}
