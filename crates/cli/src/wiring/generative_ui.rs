//! What agents draw with: surfaces and pages.

use super::{McpServers, at};
use crate::config::{AgentConfig, Config};
use anyhow::{Context as _, Result, anyhow};
use copilotkit_runtime::Registered;
use copilotkit_runtime::middleware::a2ui::{A2ui, A2uiOptions, On};
use copilotkit_runtime::middleware::generative_ui::GenerativeUi;

/// Puts what draws in front of the agents. Surfaces are the outermost, since they see the whole of a run; then the user
/// interfaces of MCP servers, then pages.
pub(super) fn in_front(config: &Config, mcp: &McpServers, agents: Vec<Registered>) -> Result<Vec<Registered>> {
    let each = agents.into_iter().map(|mut agent| {
        if config.open_generative_ui.as_ref().is_some_and(|section| section.covers(&agent.id)) {
            agent = agent.behind(GenerativeUi::new());
        }
        // Also where no server shows anything: what an old page asks for is then answered, and does not reach an agent.
        agent = agent.behind(mcp.apps().clone());
        let options = match &config.a2ui {
            // Pages with a catalog of their own may ask for it.
            None => Some(A2uiOptions { on: On::PageCatalog, ..A2uiOptions::default() }),
            Some(section) => {
                let options = section.options(&agent.id, is_built_in(config, &agent.id));
                options.map_err(|error| anyhow!(error)).context("[a2ui] schema").with_context(|| at(&agent.id))?
            }
        };
        Ok(match options {
            Some(options) => agent.behind(A2ui::new(options)),
            None => agent,
        })
    });
    each.collect()
}

/// Whether an agent of ours answers under an id, itself or by way of an orchestrator.
fn is_built_in(config: &Config, id: &str) -> bool {
    let find = |id: &str| config.agents.iter().find(|(known, _)| known == id).map(|(_, agent)| agent);
    match find(id) {
        Some(AgentConfig::BuiltIn(_)) => true,
        Some(AgentConfig::A2aOrchestrator(team)) => matches!(find(&team.orchestrator), Some(AgentConfig::BuiltIn(_))),
        _ => false,
    }
}
