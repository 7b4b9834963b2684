//! The servers of an agent as a source of its tools.

mod page;
mod question;

pub use page::PageServers;

use crate::apps::McpApps;
use crate::config::ServerConfig;
use crate::error::McpError;
use crate::listing::{ToolDef, ToolList};
use crate::names::Names;
use crate::pool::{CallTerms, Lease, McpPool};
use crate::result;
use async_trait::async_trait;
use copilotkit_protocol::ResumeEntry;
use copilotkit_runtime::model::ToolSpec;
use copilotkit_runtime::tool::{ToolInvocation, ToolScope};
use copilotkit_runtime::{Tool, ToolError, ToolOutput, ToolSource};
use futures::future::join_all;
use question::{Parking, Turn};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// The servers of an agent as one source of tools, so that no two take the same name.
///
/// A server that cannot be reached costs a run its tools and nothing else, unless it is required. While a run uses its
/// tools the connection stays; calls of one that broke are made on a new one.
#[derive(Clone)]
pub struct McpTools {
    pool: McpPool,
    servers: Vec<Arc<ServerConfig>>,
    reserved: Vec<String>,
    page: PageServers,
    parking: Parking,
    apps: Option<McpApps>,
}

impl McpTools {
    /// The tools of these servers. Where names clash the order of the servers decides.
    pub fn new(pool: McpPool, servers: impl IntoIterator<Item = Arc<ServerConfig>>) -> Self {
        Self {
            pool,
            servers: servers.into_iter().collect(),
            reserved: Vec::new(),
            page: PageServers::default(),
            parking: Parking::default(),
            apps: None,
        }
    }

    /// Tools that these offer the agent with a user interface are left to them: nothing is offered twice.
    #[must_use]
    pub fn beside(mut self, apps: McpApps) -> Self {
        self.apps = Some(apps);
        self
    }

    /// Names that no server's tool gets: those of the agent's other tools. Those of the page and of the shared state need
    /// not be named.
    #[must_use]
    pub fn reserve(mut self, names: impl IntoIterator<Item = String>) -> Self {
        self.reserved.extend(names);
        self
    }

    /// Which servers a page may name; none by default.
    #[must_use]
    pub fn page_servers(mut self, page: PageServers) -> Self {
        self.page = page;
        self
    }

    /// The names that an agent without other tools knows these servers' tools by, in the order of their lists; `None` for a
    /// tool that is not offered.
    pub fn names(&self, lists: &[Result<Arc<ToolList>, McpError>]) -> Vec<Vec<Option<String>>> {
        let mut names = Names::new(self.reserved.iter().cloned());
        let of = |(server, list): (&Arc<ServerConfig>, &Result<Arc<ToolList>, McpError>)| {
            let Ok(list) = list else { return Vec::new() };
            list.tools.iter().map(|tool| names.offer(server, tool)).collect()
        };
        self.servers.iter().zip(lists).map(of).collect()
    }

    /// What a run is offered: each tool with its name, and the errors of servers that are not there.
    async fn offer(&self, scope: &ToolScope) -> Result<Vec<McpTool>, McpError> {
        let named = self.page.named(scope);
        let servers: Vec<_> = self.servers.iter().chain(&named).collect();
        let leases: Vec<_> = servers.iter().map(|server| self.pool.lease(server, &scope.headers)).collect();
        let lists = join_all(leases.iter().map(|lease| lease.tools_for(&scope.trace))).await;
        let page = scope.input.tools.iter().map(|tool| tool.name.clone());
        let mut names = Names::new(self.reserved.iter().cloned().chain(page));
        let mut offered = Vec::new();
        for (lease, list) in leases.iter().zip(lists) {
            let config = lease.config();
            let list = match list {
                Ok(list) => list,
                Err(error) if config.required => return Err(error),
                Err(error) => {
                    lease.is_missed(&error);
                    continue;
                }
            };
            let lease = Arc::new(lease.clone());
            let is_shown =
                |tool: &ToolDef| self.apps.as_ref().is_some_and(|apps| apps.shows(&scope.agent_id, config, tool));
            for tool in list.tools.iter().filter(|tool| !is_shown(tool)) {
                if let Some(name) = names.offer(config, tool) {
                    let (tool, lease, parking) = (Arc::clone(tool), Arc::clone(&lease), self.parking.clone());
                    offered.push(McpTool::new(name, tool, lease, parking));
                }
            }
        }
        Ok(offered)
    }
}

#[async_trait]
impl ToolSource for McpTools {
    async fn tools(&self, scope: &ToolScope) -> Result<Vec<Arc<dyn Tool>>, ToolError> {
        let offered = self.offer(scope).await?;
        Ok(offered.into_iter().map(|tool| Arc::new(tool) as Arc<dyn Tool>).collect())
    }

    fn name(&self) -> &str {
        "mcp"
    }

    fn is_required(&self) -> bool {
        self.servers.iter().any(|server| server.required)
    }
}

impl fmt::Debug for McpTools {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let servers: Vec<_> = self.servers.iter().map(|server| server.id.as_str()).collect();
        f.debug_struct("McpTools").field("servers", &servers).finish_non_exhaustive()
    }
}

/// One tool of a server.
struct McpTool {
    spec: ToolSpec,
    def: Arc<ToolDef>,
    /// Keeps the connection for as long as the run may call.
    lease: Arc<Lease>,
    parking: Parking,
}

impl McpTool {
    fn new(name: String, def: Arc<ToolDef>, lease: Arc<Lease>, parking: Parking) -> Self {
        let spec =
            ToolSpec { name, description: def.description.clone(), parameters: Some(def.model_schema().clone()) };
        Self { spec, def, lease, parking }
    }

    fn told(&self, done: Result<Turn, McpError>) -> Result<ToolOutput, ToolError> {
        match done {
            Ok(Turn::Done(result)) => Ok(result::output(result)),
            Ok(Turn::Asks(question)) => Ok(ToolOutput::asks(question)),
            Err(error) => {
                let (server, tool) = (self.lease.config().id.as_str(), self.def.name.as_str());
                let kind = error.kind.as_str();
                tracing::warn!(server, tool, kind, detail = &*error.detail, "a call of an MCP tool failed");
                Err(error.into())
            }
        }
    }
}

#[async_trait]
impl Tool for McpTool {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    fn timeout(&self) -> Option<Duration> {
        // The call has its own deadlines, and may have to connect first.
        let timeouts = &self.lease.config().timeouts;
        Some(timeouts.call_total + timeouts.connect)
    }

    async fn call(&self, call: ToolInvocation) -> Result<ToolOutput, ToolError> {
        if self.lease.config().elicitation {
            return self.told(self.parking.call(&self.lease, &self.def.name, &call).await);
        }
        let terms = CallTerms { cancel: call.run.cancel.clone(), elicit: None, trace: call.run.trace.clone() };
        let done = self.lease.call_tool(&self.def.name, &call.arguments, &terms).await;
        self.told(done.map(Turn::Done))
    }

    async fn answer(&self, call: ToolInvocation, answer: ResumeEntry) -> Result<ToolOutput, ToolError> {
        self.told(self.parking.answer(&call, &answer).await)
    }
}
