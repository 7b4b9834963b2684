//! `[agents.ID]`: told apart by `type`.

use super::hints::{nearest, snake_case};
use super::sources::Merged;
use super::{A2aConfig, A2aOrchestratorConfig, ConfigError, Environment, Span};
#[cfg(feature = "schema")]
use copilotkit_adapters::service::RETRIES;
use copilotkit_adapters::spec::split;
use copilotkit_adapters::{
    Api, ConfigError as ModelConfigError, Options, ServiceModel, model_from_spec, service_from_spec,
};
use copilotkit_mcp::PageServers;
use copilotkit_protocol::wire::Wire as _;
use copilotkit_protocol::{AgentCapabilities, Json};
use copilotkit_runtime::Model;
use copilotkit_runtime::agents::{OVERRIDABLE, check_schema, is_overridable};
use secrecy::SecretString;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use toml::Value;

/// One agent.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(tag = "type"))]
pub enum AgentConfig {
    // Boxed, since it has many members.
    /// `type = "built-in"`: a model with tools.
    #[cfg_attr(feature = "schema", schemars(rename = "built-in"))]
    BuiltIn(Box<BuiltInConfig>),
    /// `type = "ag-ui"`: a remote AG-UI agent.
    #[cfg_attr(feature = "schema", schemars(rename = "ag-ui"))]
    AgUi(AgUiConfig),
    /// `type = "a2a"`: a remote A2A agent.
    #[cfg_attr(feature = "schema", schemars(rename = "a2a"))]
    A2a(A2aConfig),
    /// `type = "a2a-orchestrator"`: one of our agents that asks remote A2A agents.
    #[cfg_attr(feature = "schema", schemars(rename = "a2a-orchestrator"))]
    A2aOrchestrator(A2aOrchestratorConfig),
}

const TYPES: &str = "`built-in`, `ag-ui`, `a2a` or `a2a-orchestrator`";
/// The longest name of a tool that every provider takes.
const TOOL_NAME: usize = 64;
/// Tools of every built-in agent.
const STATE_TOOLS: [&str; 2] = ["AGUISendStateSnapshot", "AGUISendStateDelta"];

impl AgentConfig {
    /// An orchestrator needs an agent of ours that is none itself.
    pub(super) fn check_orchestrators(merged: &Merged, agents: &[(String, Self)]) -> Result<(), ConfigError> {
        for (id, agent) in agents {
            let Self::A2aOrchestrator(team) = agent else { continue };
            let wanted = &team.orchestrator;
            let reason = match agents.iter().find(|(id, _)| id == wanted) {
                Some((_, Self::BuiltIn(_) | Self::AgUi(_))) => continue,
                Some((_, Self::A2a(_))) => format!("`{wanted}` is a remote A2A agent, which takes no tools"),
                Some((_, Self::A2aOrchestrator(_))) => format!("`{wanted}` is an orchestrator itself"),
                None => format!("there is no agent `{wanted}`"),
            };
            let remedy = "name a built-in or an AG-UI agent of this file";
            return Err(merged.error(&["agents", id, "orchestrator"], reason, remedy));
        }
        Ok(())
    }

    pub(super) fn read(merged: &Merged, id: &str, value: Value) -> Result<Self, ConfigError> {
        let at = ["agents", id];
        if id.is_empty() {
            return Err(merged.error(&at, "an agent needs an id", "write a name between the quotes"));
        }
        let Value::Table(mut table) = value else {
            return Err(merged.error(&at, "an agent is a table", format!("write [agents.{id}]")));
        };
        let kind = match table.remove("type") {
            Some(Value::String(kind)) => kind,
            Some(_) => return Err(merged.error(&["agents", id, "type"], "expected a text", format!("write {TYPES}"))),
            None => return Err(merged.error(&at, "the key `type` is missing", format!("add type = {TYPES}"))),
        };
        let value = Value::Table(table);
        match kind.as_str() {
            "built-in" => {
                let agent: BuiltInConfig = merged.read(value, &at)?;
                agent.check(merged, id)?;
                Ok(Self::BuiltIn(Box::new(agent)))
            }
            "ag-ui" => {
                let agent: AgUiConfig = merged.read(value, &at)?;
                merged.check_url(&["agents", id, "url"], &agent.url)?;
                merged.check_headers(&["agents", id, "headers"], &agent.headers)?;
                Ok(Self::AgUi(agent))
            }
            "a2a" => {
                let agent: A2aConfig = merged.read(value, &at)?;
                agent.check(merged, id)?;
                Ok(Self::A2a(agent))
            }
            "a2a-orchestrator" => {
                let agent: A2aOrchestratorConfig = merged.read(value, &at)?;
                agent.check(merged, id)?;
                Ok(Self::A2aOrchestrator(agent))
            }
            other => {
                let reason = format!("`{other}` is not a type of agent");
                Err(merged.error(&["agents", id, "type"], reason, format!("write {TYPES}")))
            }
        }
    }
}

/// A model with tools.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct BuiltInConfig {
    /// What it does, for people.
    #[serde(default)]
    pub description: String,
    /// `provider/model`, `demo`, or a list that is tried in order.
    pub model: ModelNames,
    /// Where the provider is; absent is its own address, or its variable, like `OPENAI_BASE_URL`. All models must then be
    /// of that provider.
    pub base_url: Option<String>,
    /// The dialect to speak with the provider of the first model: `chat`, `responses`, `messages`, `gemini` or `converse`;
    /// absent is the provider's own, and `chat` at an address that is not OpenAI's.
    pub api: Option<String>,
    /// True: text between `<think>` and `</think>` is reasoning. For local servers that pass it on as text.
    #[serde(default)]
    pub think_tags: bool,
    /// How long a model may take to begin its answer. After it the call fails with `model_timeout`, and the next model of the
    /// list is asked.
    #[cfg_attr(feature = "schema", schemars(extend("default" = Span(copilotkit_runtime::limits::MODEL_TIMEOUT))))]
    pub model_timeout: Option<Span>,
    /// The environment variable that holds the key of the first model's provider; absent is the provider's own, like
    /// `OPENAI_API_KEY`. Other providers use their own variables.
    pub api_key_env: Option<String>,
    /// That key itself. Better leave it out of the file: see `api_key_env` and `${NAME}`.
    pub api_key: Option<String>,
    /// Instructions for the model.
    #[serde(default)]
    pub prompt: String,
    /// The most calls of the model in one run.
    #[cfg_attr(feature = "schema", schemars(range(min = 1), extend("default" = copilotkit_runtime::limits::MODEL_STEPS)))]
    pub max_steps: Option<u32>,
    /// What `forwardedProps` of a request may override, by its name here: `model`, `temperature`, `tool_choice` … `model`
    /// takes the models of the providers that are named here.
    #[serde(default)]
    pub overridable: Vec<String>,
    /// Whether system messages of the page reach the model.
    #[serde(default)]
    pub forward_system_messages: bool,
    /// Whether developer messages of the page reach the model.
    #[serde(default)]
    pub forward_developer_messages: bool,
    /// `"auto"`, `"none"`, `"required"`, a tool's name, or `{ type = "tool", tool_name = "…" }`.
    pub tool_choice: Option<ToolChoiceConfig>,
    /// The most tokens that the model writes in one call.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub max_output_tokens: Option<u64>,
    /// Sampling temperature.
    #[cfg_attr(feature = "schema", schemars(range(min = 0.0, max = 2.0)))]
    pub temperature: Option<f64>,
    /// Nucleus sampling.
    #[cfg_attr(feature = "schema", schemars(range(min = 0.0, max = 1.0)))]
    pub top_p: Option<f64>,
    /// Top-k sampling.
    pub top_k: Option<u64>,
    /// Presence penalty.
    #[cfg_attr(feature = "schema", schemars(range(min = -2.0, max = 2.0)))]
    pub presence_penalty: Option<f64>,
    /// Frequency penalty.
    #[cfg_attr(feature = "schema", schemars(range(min = -2.0, max = 2.0)))]
    pub frequency_penalty: Option<f64>,
    /// Texts that end the output.
    #[serde(default, alias = "stop_sequences")]
    pub stop: Vec<String>,
    /// Seed of the sampler.
    pub seed: Option<i64>,
    /// How often a call of the model is tried again before its first event, at most 10 times.
    #[cfg_attr(feature = "schema", schemars(range(max = 10), extend("default" = RETRIES)))]
    pub max_retries: Option<u32>,
    /// Members that are added to the provider's request as they are; a table under the name of a provider is for that one
    /// alone.
    #[serde(default)]
    pub provider_options: BTreeMap<String, serde_json::Value>,
    /// Which of the server's tools are executed only when a person agrees: a list of names, or `"always"` for every one.
    #[serde(default)]
    pub approval: ApprovalConfig,
    /// The most tokens of a request, the answer included; absent is what is known of the model. From a longer
    /// conversation the oldest turns are left out.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub context_window: Option<u64>,
    /// How long a call of a tool may take that has no `timeout` of its own.
    #[cfg_attr(feature = "schema", schemars(extend("default" = Span(copilotkit_runtime::limits::TOOL_CALL))))]
    pub tool_timeout: Option<Span>,
    /// What `/info` says that the agent can do: groups of AG-UI's capabilities, each in the place of the known one.
    pub capabilities: Option<serde_json::Value>,
    /// Tools that the server calls over HTTP.
    #[serde(default)]
    pub tools: Vec<ToolConfig>,
    /// MCP servers whose tools it is offered, by their names in `[mcp.*]`. Where names of tools clash, the first has it.
    #[serde(default)]
    pub mcp: Vec<String>,
    /// Origins of MCP servers that a page may name itself (`forwardedProps.mcpServers`), like
    /// `"https://mcp.example.com"`; none by default.
    #[serde(default)]
    pub mcp_origins: Vec<String>,
}

impl BuiltInConfig {
    /// An agent on one model, everything else by default.
    pub fn on_model(model: impl Into<String>) -> Self {
        Self {
            description: String::new(),
            model: ModelNames::One(model.into()),
            base_url: None,
            api: None,
            think_tags: false,
            model_timeout: None,
            api_key_env: None,
            api_key: None,
            prompt: String::new(),
            max_steps: None,
            overridable: Vec::new(),
            forward_system_messages: false,
            forward_developer_messages: false,
            tool_choice: None,
            max_output_tokens: None,
            temperature: None,
            top_p: None,
            top_k: None,
            presence_penalty: None,
            frequency_penalty: None,
            stop: Vec::new(),
            seed: None,
            max_retries: None,
            provider_options: BTreeMap::new(),
            approval: ApprovalConfig::default(),
            context_window: None,
            tool_timeout: None,
            capabilities: None,
            tools: Vec::new(),
            mcp: Vec::new(),
            mcp_origins: Vec::new(),
        }
    }

    /// The model that a name stands for. The agent's address and key are for the provider of its first model alone:
    /// no other gets to see the key.
    ///
    /// # Errors
    /// A provider that is not known, or an address or key that cannot be used.
    pub(crate) fn resolve(&self, name: &str, environment: &Environment) -> Result<Arc<dyn Model>, ModelConfigError> {
        model_from_spec(name, &self.options(name, environment))
    }

    /// As [`resolve`](Self::resolve), for a model behind a service, which can be checked.
    pub(crate) fn service(&self, name: &str, environment: &Environment) -> Result<ServiceModel, ModelConfigError> {
        service_from_spec(name, &self.options(name, environment))
    }

    fn options<'a>(&self, name: &str, environment: &'a Environment) -> Options<'a> {
        let own = provider(name).is_some_and(|provider| Some(provider) == self.providers().next());
        let named = self.api_key_env.as_deref().and_then(|variable| environment(variable));
        Options {
            api_key: self.api_key.clone().or(named).filter(|_| own).map(SecretString::from),
            api_key_env: self.api_key_env.clone().filter(|_| own),
            base_url: self.base_url.clone().filter(|_| own),
            api: self.api.as_deref().and_then(Api::named).filter(|_| own),
            think_tags: self.think_tags,
            timeout: self.model_timeout.map(|timeout| timeout.0),
            env: &**environment,
        }
    }

    /// The providers of its models, in their order; the demo model has none.
    pub(crate) fn providers(&self) -> impl Iterator<Item = String> {
        self.model.items().iter().filter_map(|name| provider(name))
    }

    /// Why its address cannot be used.
    pub(crate) fn address_conflict(&self) -> Option<String> {
        let mut providers = self.providers();
        let first = providers.next()?;
        let other = providers.find(|provider| *provider != first)?;
        let both = format!("one address cannot be that of both `{first}` and `{other}`");
        self.base_url.is_some().then_some(both)
    }

    fn check(&self, merged: &Merged, id: &str) -> Result<(), ConfigError> {
        let at = |key: &'static str| ["agents", id, key];
        if self.model.items().is_empty() {
            return Err(merged.error(
                &at("model"),
                "no model is named",
                "write one, like \"openai/gpt-5\" or \"demo\"",
            ));
        }
        if let Some(url) = &self.base_url {
            merged.check_url(&at("base_url"), url)?;
        }
        if let Some(reason) = self.address_conflict() {
            let remedy =
                "name models of one provider, or remove `base_url` and set the address of each by its variable";
            return Err(merged.error(&at("base_url"), reason, remedy));
        }
        if let Some(api) = self.api.as_deref().filter(|api| Api::named(api).is_none()) {
            let known: Vec<_> = Api::ALL.iter().map(|api| format!("\"{}\"", api.as_str())).collect();
            let reason = format!("`{api}` is no dialect of models");
            return Err(merged.error(&at("api"), reason, format!("write one of {}", known.join(", "))));
        }
        merged.check_key(&["agents", id], self.api_key.is_some(), self.api_key_env.as_deref())?;
        for name in self.model.items() {
            self.resolve(name, &merged.environment)
                .map_err(|error| merged.model_error(&at("model"), &error.to_string()))?;
        }
        self.check_options(merged, id)?;
        self.check_tools(merged, id)
    }

    fn check_options(&self, merged: &Merged, id: &str) -> Result<(), ConfigError> {
        let at = |key: &'static str| ["agents", id, key];
        if let Some(name) = self.overridable.iter().find(|name| !is_overridable(name)) {
            let known: Vec<String> = OVERRIDABLE.iter().map(|name| snake_case(name)).collect();
            let all = known.join(", ");
            let remedy = match nearest(&snake_case(name), known.iter().map(String::as_str)) {
                Some(known) => format!("did you mean `{known}`? Otherwise use one of {all}"),
                None => format!("use {all}"),
            };
            return Err(merged.error(&at("overridable"), format!("a page cannot override `{name}`"), remedy));
        }
        if let Err(origin) = PageServers::at(&self.mcp_origins) {
            let reason = format!("`{origin}` is not an origin");
            let remedy = "write scheme, host and port, like \"https://mcp.example.com\"";
            return Err(merged.error(&at("mcp_origins"), reason, remedy));
        }
        match self.own_capabilities() {
            Ok(_) => Ok(()),
            Err(reason) => {
                let remedy = "write groups as AG-UI spells them, like { multimodal = { input = { image = true } } }";
                Err(merged.error(&at("capabilities"), reason, remedy))
            }
        }
    }

    /// What `capabilities` declares.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn own_capabilities(&self) -> Result<AgentCapabilities, String> {
        let Some(value) = &self.capabilities else { return Ok(AgentCapabilities::default()) };
        let read: AgentCapabilities =
            copilotkit_protocol::from_str(&value.to_string()).map_err(|error| error.to_string())?;
        if read.is_tidy() { Ok(read) } else { Err("it has a member that AG-UI does not know".to_owned()) }
    }

    fn check_tools(&self, merged: &Merged, id: &str) -> Result<(), ConfigError> {
        let mut names = BTreeSet::new();
        for (index, tool) in self.tools.iter().enumerate() {
            let place = format!("tools[{index}]");
            tool.check(merged, &["agents", id, &place])?;
            if !names.insert(tool.name.as_str()) {
                let reason = format!("there are two tools of the name `{}`", tool.name);
                return Err(merged.error(&["agents", id, &place, "name"], reason, "give one of them another name"));
            }
        }
        // A name that is none would leave the tool that was meant without anybody's leave.
        if let ApprovalConfig::Tools(tools) = &self.approval
            && !self.has_tools_from_elsewhere(merged)
            && let Some(name) = tools.iter().find(|name| !names.contains(name.as_str()))
        {
            let remedy = match nearest(name, names.iter().copied()) {
                Some(known) => format!("did you mean `{known}`?"),
                None => "write names of [[agents.ID.tools]], or \"always\"".to_owned(),
            };
            return Err(merged.error(&["agents", id, "approval"], format!("there is no tool `{name}`"), remedy));
        }
        Ok(())
    }

    /// Whether tools are found out only when a run begins.
    fn has_tools_from_elsewhere(&self, merged: &Merged) -> bool {
        !self.mcp.is_empty() || !self.mcp_origins.is_empty() || merged.table.contains_key("mcp_apps")
    }
}

/// The provider in a model's name; none for the demo model and for what is no name.
fn provider(name: &str) -> Option<String> {
    split(name).ok().map(|(provider, _)| provider)
}

/// One model, or several of which the next is tried when one fails before its first event.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(untagged, expecting = "expected a model like \"openai/gpt-5\", or a list of them")]
pub enum ModelNames {
    /// One.
    One(String),
    /// In this order.
    Many(Vec<String>),
}

impl ModelNames {
    /// All of them.
    pub fn items(&self) -> &[String] {
        match self {
            Self::One(item) => std::slice::from_ref(item),
            Self::Many(items) => items,
        }
    }
}

/// A tool behind an HTTP endpoint, or a question to a person.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ToolConfig {
    /// Its name.
    pub name: String,
    /// What it does, for the model.
    #[serde(default)]
    pub description: String,
    /// Where its arguments are posted to; not needed by a question.
    pub url: Option<String>,
    /// JSON Schema of its arguments.
    pub parameters: Option<serde_json::Value>,
    /// How long a call may take.
    #[cfg_attr(feature = "schema", schemars(extend("default" = Span(copilotkit_runtime::limits::HTTP_TOOL))))]
    pub timeout: Option<Span>,
    /// Headers of each call.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// True: a call ends the run with a question instead of being executed.
    #[serde(default)]
    pub interrupt: bool,
    /// Why the run is interrupted.
    pub reason: Option<String>,
    /// The question.
    pub message: Option<String>,
}

impl ToolConfig {
    fn check(&self, merged: &Merged, at: &[&str; 3]) -> Result<(), ConfigError> {
        let key = |key| [at[0], at[1], at[2], key];
        let name = &self.name;
        let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        if name.is_empty() || name.len() > TOOL_NAME || !name.bytes().all(is_letter) {
            let reason = format!("`{name}` is not a name that models take");
            let remedy = format!("use up to {TOOL_NAME} letters, digits, `_` and `-`");
            return Err(merged.error(&key("name"), reason, remedy));
        }
        if STATE_TOOLS.contains(&name.as_str()) {
            let reason = format!("`{name}` is the name of a tool that every agent has");
            return Err(merged.error(&key("name"), reason, "give it another name"));
        }
        match &self.url {
            Some(url) => merged.check_url(&key("url"), url)?,
            None if !self.interrupt => {
                let reason = format!("the tool `{name}` has no url");
                return Err(merged.error(at, reason, "add url = \"http://…\", or interrupt = true for a question"));
            }
            None => {}
        }
        if let Some(schema) = &self.parameters
            && let Err(what) = check_schema(&Json::of(schema))
        {
            let reason = format!("the parameters of the tool `{name}` are no JSON Schema: {what}");
            let remedy = "write a table, like { type = \"object\", properties = {} }";
            return Err(merged.error(&key("parameters"), reason, remedy));
        }
        merged.check_headers(&key("headers"), &self.headers)
    }
}

/// Which tools need a person's leave.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, serde::Serialize))]
#[serde(untagged, expecting = "expected \"always\" or a list of tool names")]
pub enum ApprovalConfig {
    /// Every one.
    Always(AlwaysWord),
    /// These.
    Tools(Vec<String>),
}

impl Default for ApprovalConfig {
    fn default() -> Self {
        Self::Tools(Vec::new())
    }
}

/// The word `always`.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, serde::Serialize))]
#[serde(rename_all = "lowercase")]
pub enum AlwaysWord {
    /// `always`
    Always,
}

/// Whether and which tool the model must call.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(untagged, expecting = "expected a text, or { type = \"tool\", tool_name = \"…\" }")]
pub enum ToolChoiceConfig {
    /// `auto`, `none`, `required`, or a tool's name.
    Word(String),
    /// This tool.
    Tool(ToolChoiceTable),
}

/// The choice of one tool.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ToolChoiceTable {
    /// `tool`
    #[serde(rename = "type")]
    pub kind: ToolWord,
    /// Its name.
    #[serde(alias = "toolName")]
    pub tool_name: String,
}

/// The word `tool`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum ToolWord {
    /// `tool`
    Tool,
}

/// A remote AG-UI agent.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct AgUiConfig {
    /// Where it is.
    pub url: String,
    /// What it does, for people.
    #[serde(default)]
    pub description: String,
    /// Headers of each request; they win over forwarded ones.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Which headers of the browser's request go on. `"default"`: `authorization` and every `x-*`, but not those that
    /// proxies and platforms add (`x-forwarded-*`, `x-real-ip` and such). A list: exactly these. `[]`: none.
    #[serde(default)]
    pub forward_headers: ForwardHeaders,
    /// `raw`: unknown events and members are sent on as they came.
    pub passthrough: Option<Passthrough>,
}

/// Which headers of the browser's request go on to a remote agent.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, serde::Serialize))]
#[serde(untagged, expecting = "expected \"default\" or a list of header names")]
pub enum ForwardHeaders {
    /// `authorization` and `x-*` without the infrastructure's.
    Default(DefaultWord),
    /// Exactly these.
    Only(Vec<String>),
}

impl Default for ForwardHeaders {
    fn default() -> Self {
        Self::Default(DefaultWord::Default)
    }
}

/// The word `default`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, serde::Serialize))]
#[serde(rename_all = "lowercase")]
pub enum DefaultWord {
    /// `default`
    Default,
}

/// What is done with what AG-UI 1.0 does not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Passthrough {
    /// It is sent on.
    Raw,
}
