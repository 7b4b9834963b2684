//! Remote A2A agents, and those of ours that ask them.

use super::{at, headers};
use crate::config::{A2aAddress, A2aConfig, A2aOrchestratorConfig, AgentConfig, Config, OnQuestionName};
use anyhow::{Context as _, Result};
use copilotkit_a2a::{A2aAgent, A2aClient, A2aOrchestrator, Member, OnQuestion, Placement};
use copilotkit_runtime::headers::HeaderPolicy;
use copilotkit_runtime::{Middleware, Registered, Store};
use std::sync::Arc;

pub(super) fn agent(config: &A2aConfig, store: Option<&Arc<dyn Store>>) -> Result<A2aAgent> {
    let agent = A2aAgent::new(client(&config.address())?).description(config.description.as_str());
    Ok(match store {
        Some(store) => agent.threads(store.clone()),
        None => agent,
    })
}

/// Puts the orchestrators where the file has them, each in front of the agent that it names.
pub(super) fn orchestrators(
    config: &Config,
    store: Option<&Arc<dyn Store>>,
    agents: &mut Vec<Registered>,
) -> Result<()> {
    for (place, (id, agent)) in config.agents.iter().enumerate() {
        let AgentConfig::A2aOrchestrator(team) = agent else { continue };
        let asks = agents.iter().find(|registered| *registered.id == *team.orchestrator).cloned();
        let asks =
            asks.with_context(|| format!("there is no agent `{}`", team.orchestrator)).with_context(|| at(id))?;
        let is_ours = config
            .agents
            .iter()
            .any(|(id, agent)| *id == team.orchestrator && matches!(agent, AgentConfig::BuiltIn(_)));
        let middleware: Arc<dyn Middleware> = Arc::new(orchestrator(team, is_ours, store).with_context(|| at(id))?);
        // What stands in front of the agent sees the whole run; ours is next to the agent.
        let middlewares = asks.middlewares.iter().cloned().chain([middleware]).collect();
        let registered = Registered { id: id.as_str().into(), agent: asks.agent, middlewares };
        agents.insert(place.min(agents.len()), registered);
    }
    Ok(())
}

fn orchestrator(
    team: &A2aOrchestratorConfig,
    is_ours: bool,
    store: Option<&Arc<dyn Store>>,
) -> Result<A2aOrchestrator> {
    let mut members = Vec::with_capacity(team.agents.len());
    for config in &team.agents {
        let member = Member::from(client(&config.address())?);
        members.push(match &config.name {
            Some(name) => member.named(name.as_str()),
            None => member,
        });
    }
    let mut middleware = A2aOrchestrator::new(members)?
        .instructions(team.instructions.as_str())
        // Built-in agents take no system messages of pages, and could not tell these from them.
        .placement(if is_ours { Placement::Context } else { Placement::SystemMessage })
        .on_question(match team.on_question {
            OnQuestionName::Interrupt => OnQuestion::Interrupt,
            OnQuestionName::Orchestrator => OnQuestion::Orchestrator,
        });
    if let Some(store) = store {
        middleware = middleware.threads(store.clone());
    }
    if let Some(rounds) = team.max_rounds {
        middleware = middleware.max_rounds(rounds);
    }
    Ok(middleware)
}

pub(crate) fn client(address: &A2aAddress<'_>) -> Result<A2aClient> {
    let forward =
        HeaderPolicy::only(address.forward_headers).context("forward_headers: a name is not one of a header")?;
    let mut builder = A2aClient::builder(address.url).forward(forward);
    for (name, value) in headers(address.headers)? {
        builder = builder.header(name, value);
    }
    for (name, secret) in address.credentials {
        builder = builder.credential(name.as_str(), secret.clone().into());
    }
    for origin in address.allowed_origins {
        builder = builder.allow_origin(origin.as_str());
    }
    if let Some(timeout) = address.timeout {
        builder = builder.timeout(timeout.0);
    }
    Ok(builder.build()?)
}
