//! Who names threads.

use crate::config::{AgentConfig, BuiltInConfig, Config, Environment};
use anyhow::{Context as _, Result};
use copilotkit_runtime::Model;
use copilotkit_runtime::lifecycle::ThreadNames;
use std::collections::HashMap;
use std::sync::Arc;

/// What names threads, if it is more than their first message.
///
/// # Errors
/// A model that cannot be used.
pub(super) fn thread_names(config: &Config, environment: &Environment) -> Result<Option<ThreadNames>> {
    if config.threads.names_are_first_messages() {
        return Ok(None);
    }
    let named = || "generate_names in [threads]";
    let model = match config.threads.generate_names.as_str() {
        "model" => return of_each_agent(config, environment).with_context(named),
        name => match built_in(config).find(|(id, _)| *id == name) {
            Some((_, agent)) => first(agent, environment).with_context(named)?,
            None => Some(BuiltInConfig::on_model(name).resolve(name, environment).with_context(named)?),
        },
    };
    Ok(model.map(|model| ThreadNames::new(move |_| Some(model.clone()))))
}

/// Built-in agents name their own threads. Those of others are named by `default`, or else by the first built-in agent.
fn of_each_agent(config: &Config, environment: &Environment) -> Result<Option<ThreadNames>> {
    let mut models: HashMap<String, Option<Arc<dyn Model>>> = HashMap::new();
    for (id, agent) in built_in(config) {
        models.insert(id.to_owned(), first(agent, environment)?);
    }
    let of_others = built_in(config).find(|(id, _)| *id == super::DEFAULT_AGENT).or(built_in(config).next());
    let of_others = of_others.and_then(|(id, _)| models.get(id).cloned().flatten());
    Ok(Some(ThreadNames::new(move |agent| models.get(agent).unwrap_or(&of_others).clone())))
}

pub(super) fn built_in(config: &Config) -> impl Iterator<Item = (&str, &BuiltInConfig)> {
    config.agents.iter().filter_map(|(id, agent)| match agent {
        AgentConfig::BuiltIn(agent) => Some((id.as_str(), &**agent)),
        _ => None,
    })
}

/// The first model of an agent. The demo model repeats what it hears, which the first message does better.
fn first(agent: &BuiltInConfig, environment: &Environment) -> Result<Option<Arc<dyn Model>>> {
    let name = agent.model.items().first().filter(|name| !name.trim().eq_ignore_ascii_case("demo"));
    Ok(name.map(|name| agent.resolve(name, environment)).transpose()?)
}
