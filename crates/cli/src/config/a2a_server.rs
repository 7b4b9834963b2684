//! `[a2a_server]`: the agents of this server for others.

use super::sources::Merged;
use super::{AgentConfig, ConfigError};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// `[a2a_server]`: the agents of this server for others, over A2A 1.0.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct A2aServerConfig {
    /// Whether they are served.
    pub enabled: bool,
    /// Where they begin: each agent has its id below.
    pub path: String,
    /// Where others reach this server: `"https://agents.example.com"`. Without it a card names the host that it was asked
    /// of, which is wrong behind a proxy that ends TLS or changes the name.
    pub url: Option<String>,
    /// The agents that are served; empty for all. The card of the first is that of the server.
    pub agents: Vec<String>,
    /// Who runs them: `{ organization = "…", url = "…" }`.
    pub provider: Option<A2aProviderConfig>,
    /// What cards say beside what is known of the agents, by agent.
    pub cards: BTreeMap<String, A2aCardConfig>,
}

impl Default for A2aServerConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            path: "/a2a".to_owned(),
            url: None,
            agents: Vec::new(),
            provider: None,
            cards: BTreeMap::new(),
        }
    }
}

/// Who runs the agents.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, serde::Serialize))]
#[serde(deny_unknown_fields)]
pub struct A2aProviderConfig {
    /// The organization.
    pub organization: String,
    /// Where it presents itself.
    pub url: String,
}

/// What the card of an agent says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, serde::Serialize))]
#[serde(default, deny_unknown_fields)]
pub struct A2aCardConfig {
    /// Its name; its id where it has none.
    pub name: Option<String>,
    /// What it does; the agent's own description where it has none.
    pub description: Option<String>,
    /// Its own version.
    pub version: Option<String>,
    /// Where it is documented.
    pub documentation_url: Option<String>,
    /// Its picture.
    pub icon_url: Option<String>,
    /// What it can be asked for; one skill of its name and description where there are none.
    pub skills: Vec<A2aSkillConfig>,
}

/// Something that an agent can be asked for.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, serde::Serialize))]
#[serde(deny_unknown_fields)]
pub struct A2aSkillConfig {
    /// Unique on the card.
    pub id: String,
    /// Its name; its id where it has none.
    #[serde(default)]
    pub name: Option<String>,
    /// What it does; the agent's description where it has none.
    #[serde(default)]
    pub description: String,
    /// Words to find it by.
    #[serde(default)]
    pub tags: Vec<String>,
    /// What one can ask.
    #[serde(default)]
    pub examples: Vec<String>,
}

impl A2aServerConfig {
    pub(super) fn check(
        &self,
        merged: &Merged,
        agents: &[(String, AgentConfig)],
        base_paths: &[String],
    ) -> Result<(), ConfigError> {
        let at = |key: &'static str| ["a2a_server", key];
        let path = self.path.trim_end_matches('/');
        let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.~/".contains(&byte));
        if path.is_empty() || !path.starts_with('/') || path.contains("//") || !plain(path) {
            let reason = format!("`{}` is not a path of its own", self.path);
            return Err(merged.error(&at("path"), reason, "write one, like \"/a2a\""));
        }
        if super::listen::is_own_path(path) {
            let reason = format!("the server itself answers at `{path}`");
            return Err(merged.error(&at("path"), reason, "write another one, like \"/a2a\""));
        }
        let below = |path: &str, base: &str| {
            path.strip_prefix(base).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let bases = base_paths.iter().map(|base| base.trim_end_matches('/')).filter(|base| !base.is_empty());
        if let Some(base) = { bases }.find(|base| below(path, base) || below(base, path)) {
            let reason = format!("`{path}` and the base path `{base}` lie in each other");
            return Err(merged.error(&at("path"), reason, "write another one, like \"/a2a\""));
        }
        if let Some(url) = &self.url {
            merged.check_url(&at("url"), url)?;
        }
        // Without any agent there will be `default`.
        let is_known = |id: &str| agents.iter().any(|(known, _)| known == id) || agents.is_empty() && id == "default";
        for (key, ids) in [("agents", self.agents.iter().collect::<Vec<_>>()), ("cards", self.cards.keys().collect())] {
            if let Some(id) = ids.into_iter().find(|id| !is_known(id)) {
                let known: Vec<&str> = agents.iter().map(|(id, _)| id.as_str()).collect();
                let remedy = match super::nearest(id, known.iter().copied()) {
                    Some(near) => format!("write `{near}`"),
                    None => format!(
                        "write one of {}",
                        if known.is_empty() { "default".to_owned() } else { known.join(", ") }
                    ),
                };
                return Err(merged.error(&at(key), format!("there is no agent `{id}`"), remedy));
            }
        }
        for (id, card) in &self.cards {
            let mut ids = BTreeSet::new();
            if let Some(twice) = card.skills.iter().find(|skill| !ids.insert(&skill.id)) {
                let reason = format!("two skills have the id `{}`", twice.id);
                return Err(merged.error(&["a2a_server", "cards", id, "skills"], reason, "give each its own"));
            }
        }
        Ok(())
    }
}
