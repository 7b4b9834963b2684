//! Which tools a run is offered with a user interface.

use super::McpApps;
use crate::listing::ToolDef;
use crate::names::STATE_TOOLS;
use crate::pool::Lease;
use copilotkit_protocol::{Code, RunAgentInput, Tool};
use copilotkit_runtime::{AgentError, RunContext};
use futures::future::join_all;
use std::collections::HashMap;
use std::sync::Arc;

/// What a run is offered. While it is there the connections of its servers stay.
#[derive(Default)]
pub(super) struct Offered {
    tools: Vec<Tool>,
    by_name: HashMap<String, Arc<Interface>>,
}

/// A tool with a user interface, at its server.
pub(super) struct Interface {
    pub(super) lease: Lease,
    pub(super) tool: Arc<ToolDef>,
    pub(super) resource: String,
    pub(super) server_id: Option<String>,
    pub(super) server_hash: String,
}

impl Offered {
    pub(super) fn is_empty(&self) -> bool {
        self.tools.is_empty()
    }

    pub(super) fn get(&self, name: &str) -> Option<&Arc<Interface>> {
        self.by_name.get(name)
    }

    /// The input with the tools behind those of the page.
    pub(super) fn added_to(&self, input: &RunAgentInput) -> RunAgentInput {
        let mut input = input.clone();
        input.tools.extend(self.tools.iter().cloned());
        input
    }
}

/// Asks the servers of the run's agent. One that cannot be reached costs the run its tools and nothing else, unless it is
/// required.
pub(super) async fn offer(apps: &McpApps, context: &RunContext) -> Result<Offered, AgentError> {
    let servers: Vec<_> = apps.of(&context.agent_id).collect();
    let leases: Vec<_> = servers.iter().map(|server| apps.0.pool.lease(&server.config, &context.headers)).collect();
    let lists = join_all(leases.iter().map(|lease| lease.tools_for(&context.trace))).await;
    let mut offered = Offered::default();
    for ((server, lease), list) in servers.into_iter().zip(leases).zip(lists) {
        let name = server.config.id.as_str();
        let list = match list {
            Ok(list) => list,
            Err(error) if server.config.required => {
                let cause = error.message;
                let message = format!("The tools of `{name}` could not be listed, and the run needs them: {cause}");
                return Err(AgentError::new(Code::ToolSourceUnavailable, message).retryable());
            }
            Err(error) => {
                lease.is_missed(&error);
                continue;
            }
        };
        for tool in list.tools.iter().filter(|tool| apps.is_shown(&context.agent_id, &server.config, tool)) {
            // Those of the page and of the shared state come first, and no server takes the name of another's tool. Under two ids one server is
            // offered twice, and does not stand in its own way.
            let taken = match offered.by_name.get(&tool.name) {
                Some(other) => other.server_hash != server.hash,
                None => {
                    STATE_TOOLS.contains(&tool.name.as_str())
                        || context.input.tools.iter().any(|own| own.name == tool.name)
                }
            };
            if taken {
                tracing::warn!(server = name, tool = tool.name, "a tool was left out: its name is taken");
                continue;
            }
            let resource = tool.ui_resource().unwrap_or_default().to_owned();
            offered.tools.push(Tool {
                name: tool.name.clone(),
                description: format!("{}\n[UI Resource: {resource}]", tool.description),
                parameters: Some(tool.model_schema().clone()),
                ..Default::default()
            });
            let interface = Interface {
                lease: lease.clone(),
                tool: Arc::clone(tool),
                resource,
                server_id: server.id.clone(),
                server_hash: server.hash.clone(),
            };
            offered.by_name.insert(tool.name.clone(), Arc::new(interface));
        }
    }
    Ok(offered)
}
