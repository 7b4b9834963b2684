//! `type = "a2a"` and `type = "a2a-orchestrator"`.

use super::sources::Merged;
use super::{ConfigError, Span};
#[cfg(feature = "schema")]
use copilotkit_a2a::limits;
use serde::Deserialize;
use std::collections::BTreeMap;

/// A remote A2A agent.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct A2aConfig {
    /// Where it is: its base, below which its card is, or the card itself.
    pub url: String,
    /// What it does, for people.
    #[serde(default)]
    pub description: String,
    /// Headers of each request, that for the card included; they win over forwarded ones.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Credentials by the names of the security schemes on its card: a key, a token, or `user:password`.
    #[serde(default)]
    pub credentials: BTreeMap<String, String>,
    /// Which headers of the browser's request go on.
    #[serde(default)]
    pub forward_headers: Vec<String>,
    /// Other origins that its card may point to, like `https://rpc.example.com`. Credentials go there too.
    #[serde(default)]
    pub allowed_origins: Vec<String>,
    /// How long a task may take.
    #[cfg_attr(feature = "schema", schemars(extend("default" = Span(limits::TASK))))]
    pub timeout: Option<Span>,
}

/// One of our agents that asks remote A2A agents.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct A2aOrchestratorConfig {
    /// The id of the agent that asks: a built-in or an AG-UI agent.
    pub orchestrator: String,
    /// The agents that it may ask.
    pub agents: Vec<A2aMemberConfig>,
    /// What the application wants of it.
    #[serde(default)]
    pub instructions: String,
    /// What becomes of a question of an agent.
    #[serde(default)]
    pub on_question: OnQuestionName,
    /// The most steps in which agents are asked.
    #[cfg_attr(feature = "schema", schemars(range(min = 1), extend("default" = limits::ROUNDS)))]
    pub max_rounds: Option<u32>,
}

/// An agent that an orchestrator may ask.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct A2aMemberConfig {
    /// Where it is: its base, below which its card is, or the card itself.
    pub url: String,
    /// What the orchestrator calls it; absent is the name on its card.
    pub name: Option<String>,
    /// Headers of each request, that for the card included; they win over forwarded ones.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Credentials by the names of the security schemes on its card.
    #[serde(default)]
    pub credentials: BTreeMap<String, String>,
    /// Which headers of the browser's request go on.
    #[serde(default)]
    pub forward_headers: Vec<String>,
    /// Other origins that its card may point to. Credentials go there too.
    #[serde(default)]
    pub allowed_origins: Vec<String>,
    /// How long a task may take.
    #[cfg_attr(feature = "schema", schemars(extend("default" = Span(limits::TASK))))]
    pub timeout: Option<Span>,
}

/// What becomes of a question of an agent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, serde::Serialize))]
#[serde(rename_all = "lowercase")]
pub enum OnQuestionName {
    /// The run ends with an interrupt, and the user answers.
    #[default]
    Interrupt,
    /// The orchestrator gets it as the answer.
    Orchestrator,
}

/// What both kinds of remote agents are reached by.
pub(crate) struct A2aAddress<'a> {
    pub(crate) url: &'a str,
    pub(crate) headers: &'a BTreeMap<String, String>,
    pub(crate) credentials: &'a BTreeMap<String, String>,
    pub(crate) forward_headers: &'a [String],
    pub(crate) allowed_origins: &'a [String],
    pub(crate) timeout: Option<Span>,
}

macro_rules! address {
    ($name:ident) => {
        impl $name {
            pub(crate) fn address(&self) -> A2aAddress<'_> {
                A2aAddress {
                    url: &self.url,
                    headers: &self.headers,
                    credentials: &self.credentials,
                    forward_headers: &self.forward_headers,
                    allowed_origins: &self.allowed_origins,
                    timeout: self.timeout,
                }
            }
        }
    };
}
address!(A2aConfig);
address!(A2aMemberConfig);

impl A2aAddress<'_> {
    fn check(&self, merged: &Merged, at: &[&str]) -> Result<(), ConfigError> {
        let key = |name: &'static str| [at, &[name]].concat();
        merged.check_url(&key("url"), self.url)?;
        merged.check_headers(&key("headers"), self.headers)?;
        if let Some(name) = self.forward_headers.iter().find(|name| http::HeaderName::try_from(name.as_str()).is_err())
        {
            let reason = format!("`{name}` is not the name of a header");
            return Err(merged.error(&key("forward_headers"), reason, "use letters, digits and dashes"));
        }
        let is_origin = |text: &String| {
            url::Url::parse(text).is_ok_and(|url| {
                matches!(url.scheme(), "http" | "https") && url.path() == "/" && url.query().is_none() && url.has_host()
            })
        };
        if let Some(origin) = self.allowed_origins.iter().find(|origin| !is_origin(origin)) {
            let reason = format!("`{origin}` is not an origin");
            let remedy = "write scheme, host and port, like \"https://rpc.example.com\"";
            return Err(merged.error(&key("allowed_origins"), reason, remedy));
        }
        // The value is a secret: it is not shown.
        if let Some((name, _)) = self.credentials.iter().find(|(_, value)| value.trim().is_empty()) {
            let reason = format!("the credential `{name}` is empty");
            return Err(merged.error(
                &key("credentials"),
                reason,
                "write it, or `${NAME}` for a variable that holds it",
            ));
        }
        Ok(())
    }
}

impl A2aConfig {
    pub(super) fn check(&self, merged: &Merged, id: &str) -> Result<(), ConfigError> {
        self.address().check(merged, &["agents", id])
    }
}

impl A2aOrchestratorConfig {
    pub(super) fn check(&self, merged: &Merged, id: &str) -> Result<(), ConfigError> {
        if self.agents.is_empty() {
            let remedy = "write at least one, like agents = [{ url = \"http://127.0.0.1:9001\" }]";
            return Err(merged.error(&["agents", id, "agents"], "there is no agent to ask", remedy));
        }
        for member in &self.agents {
            member.address().check(merged, &["agents", id, "agents"])?;
        }
        Ok(())
    }
}
