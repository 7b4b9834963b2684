//! What is allowed, and likely not meant: told when a server starts, and by `copilotkit check`.

use crate::args::ServeArgs;
use crate::config::{AgentConfig, Config, Environment, ignored_variable, prices};
use crate::telemetry::{Settings, ineffective_directives};
use copilotkit_adapters::Profile;
use copilotkit_adapters::spec::split;
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, ToSocketAddrs as _};

/// Variables that look like configuration and set nothing.
pub(crate) fn of_variables(environment: &[(String, String)]) -> Vec<String> {
    let ignored = environment.iter().filter_map(|(name, _)| Some((name, ignored_variable(name)?)));
    let said = |(name, meant)| format!("{name} sets nothing: two underscores stand between levels, write {meant}");
    let log = environment.iter().find(|(name, _)| name == "COPILOTKIT_LOG");
    ignored.map(said).chain(log.and_then(|(_, text)| ineffective_directives(text))).collect()
}

/// What holds wherever a server of this configuration listens.
pub(crate) fn of_configuration(args: &ServeArgs, config: &Config) -> Vec<String> {
    let mut warnings = secrets(args, config);
    warnings.extend(unpriced(config));
    warnings
}

/// What follows from the address that is listened on, and from the variables of others.
pub(crate) fn of_surroundings(config: &Config, environment: &Environment) -> Vec<String> {
    let host = config.server.host.as_str();
    let resolved = || (host, 0).to_socket_addrs().ok()?.next().map(|address| address.ip());
    let address = host.parse().ok().or_else(resolved).unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
    let mut warnings = config.auth.warnings(address, environment);
    // What is wrong with them is found where they are asked.
    let _ = Settings::of(&config.telemetry, environment, &mut warnings);
    warnings
}

/// Secrets that others may read.
fn secrets(args: &ServeArgs, config: &Config) -> Vec<String> {
    let mut warnings = Vec::new();
    if args.api_key.is_some() {
        warnings.push("--api-key is visible to other users of this machine; set the variable instead".to_owned());
    }
    let remedy = "name its variable in `api_key_env`, or write \"${NAME}\"";
    let from_flag = |id: &str| args.api_key.is_some() && id == "default";
    for (id, agent) in &config.agents {
        if let AgentConfig::BuiltIn(agent) = agent
            && agent.api_key.is_some()
            && !from_flag(id)
            && !config.is_expanded(&["agents", id, "api_key"])
        {
            warnings.push(format!("agents.{id}.api_key: the key itself stands in the file; {remedy}"));
        }
    }
    if config.transcription.as_ref().is_some_and(|it| it.api_key.is_some())
        && !config.is_expanded(&["transcription", "api_key"])
    {
        warnings.push(format!("transcription.api_key: the key itself stands in the file; {remedy}"));
    }
    warnings
}

/// Models whose tokens count for nothing, where there is a budget of money.
fn unpriced(config: &Config) -> Vec<String> {
    let Some(prices) = config.budgets.cost_per_day.and_then(|_| prices(&config.prices).ok()) else { return Vec::new() };
    let built_in = config.agents.iter().filter_map(|(_, agent)| match agent {
        AgentConfig::BuiltIn(agent) => Some(agent),
        _ => None,
    });
    let mut found = BTreeSet::new();
    for name in built_in.flat_map(|agent| agent.model.items()) {
        // The demo model has no provider. What runs on a machine of one's own has no price either.
        let Ok((provider, model)) = split(name) else { continue };
        let Some(profile) = Profile::named(&provider).filter(|it| !it.base_url.starts_with("http://")) else {
            continue;
        };
        if prices.find(&profile.name, &model).is_none() {
            found.insert(format!("{}/{model}", profile.name));
        }
    }
    let said = |name: String| {
        format!(
            "budgets.cost_per_day does not hold for {name}, whose price is not known; write `input` and `output` in \
             [prices.\"{name}\"]"
        )
    };
    found.into_iter().map(said).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Sources;
    use std::sync::Arc;

    fn config(text: &str) -> Config {
        let file = Some(("copilotkit.toml".into(), text.to_owned()));
        let environment = Arc::new(|name: &str| (name == "KEY").then(|| "k".to_owned()));
        Config::load(Sources { file, overrides: Vec::new(), flags: Vec::new(), environment }).unwrap()
    }

    #[test]
    fn a_budget_of_money_needs_prices() {
        let agent =
            "[agents.a]\ntype = \"built-in\"\nmodel = [\"openai/gpt-4o\", \"gemini/new-model\", \"ollama/x\"]\n";
        assert!(unpriced(&config(agent)).is_empty());
        let budget = format!("{agent}[budgets]\ncost_per_day = 1.0\n");
        let said = unpriced(&config(&budget));
        assert!(said.len() == 1 && said[0].contains("[prices.\"google/new-model\"]"), "{said:?}");
        let priced = format!("{budget}[prices.\"google/new-model\"]\ninput = 1.0\noutput = 2.0\n");
        assert!(unpriced(&config(&priced)).is_empty());
    }

    #[test]
    fn a_key_that_stands_in_the_file_is_told() {
        let with = |key: &str| {
            let agent = "[agents.a]\ntype = \"built-in\"\nmodel = \"openai/gpt-4o\"\n";
            secrets(&ServeArgs::default(), &config(&format!("{agent}api_key = \"{key}\""))).len()
        };
        assert_eq!((with("sk"), with("${KEY}")), (1, 0));
    }

    #[test]
    fn variables_that_set_nothing_are_told() {
        let variable = |name: &str, value: &str| of_variables(&[(name.to_owned(), value.to_owned())]);
        assert!(variable("COPILOTKIT_SERVER_PORT", "1")[0].contains("COPILOTKIT_SERVER__PORT"));
        assert!(variable("COPILOTKIT_LOG", "verbose")[0].contains("verbose"));
        assert!(variable("COPILOTKIT_LOG", "debug").is_empty());
    }
}
