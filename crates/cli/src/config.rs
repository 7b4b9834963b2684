//! The configuration: a TOML file, the environment above it, flags above that.
//!
//! Every error names the place (file and line, environment variable, or flag), the key, the reason and the remedy.

mod a2a;
mod a2a_server;
mod agents;
mod apps;
mod auth;
mod bounds;
mod error;
mod explain;
mod generative_ui;
mod hints;
mod listen;
mod mcp;
mod parts;
mod playground;
mod sources;
mod telemetry;
mod transcription;
mod units;

pub(crate) use a2a::A2aAddress;
pub use a2a::{A2aConfig, A2aMemberConfig, A2aOrchestratorConfig, OnQuestionName};
pub use a2a_server::{A2aCardConfig, A2aProviderConfig, A2aServerConfig, A2aSkillConfig};
pub use agents::{
    AgUiConfig, AgentConfig, ApprovalConfig, BuiltInConfig, ForwardHeaders, ModelNames, ToolChoiceConfig, ToolConfig,
};
pub use apps::{AppServerConfig, AppServerTable, McpAppsConfig};
pub use auth::{AuthConfig, AuthKind, TokenConfig};
pub use error::ConfigError;
pub use generative_ui::{
    A2uiConfig, DebugExposureName, InjectToolConfig, OpenGenerativeUiConfig, RecoveryConfig, SchemaConfig,
};
pub(crate) use hints::{ignored_variable, nearest, split as split_remedy};
pub use mcp::{GrantName, McpConfig, NamespacingName, OAuthConfig, ProtocolName, TransportName};
pub use parts::{
    DebugConfig, LimitsConfig, ModeName, OnBusyName, OnDisconnectName, OneOrMany, ServerConfig, StoreConfig, StoreKind,
    ThreadsConfig,
};
pub use playground::{PlaygroundConfig, PlaygroundSwitch, PlaygroundWord};
pub use sources::{Environment, Sources};
pub(crate) use telemetry::signal_base;
pub use telemetry::{
    BudgetsConfig, LogFormat, LoggingConfig, PriceConfig, PricesConfig, Signal, TelemetryConfig, prices,
};
pub use transcription::TranscriptionConfig;
pub(crate) use units::duration;
pub use units::{Size, Span};

use copilotkit_runtime::limits::JSON_DEPTH;
use error::Place;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::PathBuf;
use toml::{Table, Value};

/// The largest frame that clients take.
const CLIENT_FRAME: usize = 10 * 1024 * 1024;

/// Everything that can be configured.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// `[server]`
    pub server: ServerConfig,
    /// `[store]`
    pub store: StoreConfig,
    /// `[threads]`
    pub threads: ThreadsConfig,
    /// `[auth]`
    pub auth: AuthConfig,
    /// `[limits]`
    pub limits: LimitsConfig,
    /// `[debug]`
    pub debug: DebugConfig,
    /// `[logging]`
    pub logging: LoggingConfig,
    /// `[telemetry]`
    pub telemetry: TelemetryConfig,
    /// `[prices]`
    pub prices: PricesConfig,
    /// `[budgets]`
    pub budgets: BudgetsConfig,
    /// `[playground]`
    pub playground: PlaygroundConfig,
    /// `[transcription]`; without it pages show no microphone.
    pub transcription: Option<TranscriptionConfig>,
    /// `[a2a_server]`; without it no agent is served to others.
    pub a2a_server: Option<A2aServerConfig>,
    /// `[a2ui]`; without it agents draw surfaces on pages that have a catalog of their own.
    pub a2ui: Option<A2uiConfig>,
    /// `[open_generative_ui]`; without it agents make no pages.
    pub open_generative_ui: Option<OpenGenerativeUiConfig>,
    /// `[mcp.NAME]`, in the order of the file.
    pub mcp: Vec<(String, McpConfig)>,
    /// `[mcp_apps]`
    pub mcp_apps: McpAppsConfig,
    /// `[agents.ID]`, in the order of the file.
    pub agents: Vec<(String, AgentConfig)>,
    /// The file that was read.
    pub file: Option<PathBuf>,
    /// What each section was made of, as a number: equal ones are equal.
    pub(crate) sections: BTreeMap<String, u64>,
    /// The keys whose value holds that of a variable.
    pub(crate) expanded: BTreeSet<String>,
}

/// The configuration file of `copilotkit serve`.
// Agents are read one by one, by their type.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(title = "copilotkit.toml"))]
struct Sections {
    /// Where and how the server listens.
    server: ServerConfig,
    /// Where threads live.
    store: StoreConfig,
    /// What threads are called, and how long they are kept. A thread with an active run always stays.
    threads: ThreadsConfig,
    /// Who may use the server.
    auth: AuthConfig,
    /// Every bound that can be set.
    limits: LimitsConfig,
    /// What developers may look at.
    debug: DebugConfig,
    /// What is written to stderr.
    logging: LoggingConfig,
    /// Traces and metrics. Nothing is sent anywhere unless an endpoint is set, here or by the variables of OpenTelemetry.
    telemetry: TelemetryConfig,
    /// What tokens cost, by model; it goes before the built-in list.
    #[cfg_attr(feature = "schema", schemars(skip_serializing_if = "PricesConfig::is_empty"))]
    prices: PricesConfig,
    /// What a principal may use in a day, from midnight to midnight UTC. Beyond it runs are refused with 429
    /// `budget_exhausted`.
    budgets: BudgetsConfig,
    /// The pages that the server has of its own: a chat at `/`, and the description of its routes at `/docs`.
    playground: PlaygroundConfig,
    /// Who turns recordings into text. Without this section pages show no microphone.
    #[cfg_attr(feature = "schema", schemars(with = "TranscriptionConfig"))]
    transcription: Option<TranscriptionConfig>,
    /// The agents of this server for others, over A2A. Without this section they are for pages alone.
    #[cfg_attr(feature = "schema", schemars(with = "A2aServerConfig"))]
    a2a_server: Option<A2aServerConfig>,
    /// Agents draw surfaces on pages (A2UI). Without this section they do on pages that have a catalog of their own.
    #[cfg_attr(feature = "schema", schemars(with = "A2uiConfig"))]
    a2ui: Option<A2uiConfig>,
    /// Agents make pages of their own, which are shown in a frame that reaches nothing. Without this section they do not.
    #[cfg_attr(feature = "schema", schemars(with = "OpenGenerativeUiConfig"))]
    open_generative_ui: Option<OpenGenerativeUiConfig>,
    /// MCP servers by name: agents that name one in `mcp` are offered its tools.
    #[cfg_attr(
        feature = "schema",
        schemars(with = "std::collections::BTreeMap<String, McpConfig>", skip_serializing_if = "Table::is_empty")
    )]
    mcp: Table,
    /// MCP servers whose tools may bring a user interface of their own (MCP Apps), which pages show.
    mcp_apps: McpAppsConfig,
    /// The agents by id. Frontends use `default` when they name none.
    #[cfg_attr(
        feature = "schema",
        schemars(with = "std::collections::BTreeMap<String, AgentConfig>", skip_serializing_if = "Table::is_empty")
    )]
    agents: Table,
}

/// The JSON Schema of the file, for editors and for the documentation.
#[cfg(feature = "schema")]
pub fn schema() -> schemars::Schema {
    schemars::schema_for!(Sections)
}

impl Config {
    /// Puts the sources together.
    ///
    /// # Errors
    /// The first thing that is wrong: see [`ConfigError`].
    pub fn load(sources: Sources) -> Result<Self, ConfigError> {
        let merged = sources.merge()?;
        let sections: Sections = merged.read(Value::Table(merged.table.clone()), &[])?;
        let mut agents = Vec::with_capacity(sections.agents.len());
        for (id, value) in sections.agents {
            let agent = AgentConfig::read(&merged, &id, value)?;
            agents.push((id, agent));
        }
        AgentConfig::check_orchestrators(&merged, &agents)?;
        let mut mcp = Vec::with_capacity(sections.mcp.len());
        for (name, value) in sections.mcp {
            let server = McpConfig::read(&merged, &name, value)?;
            mcp.push((name, server));
        }
        let config = Self {
            server: sections.server,
            store: sections.store,
            threads: sections.threads,
            auth: sections.auth,
            limits: sections.limits,
            debug: sections.debug,
            logging: sections.logging,
            telemetry: sections.telemetry,
            prices: sections.prices,
            budgets: sections.budgets,
            playground: sections.playground,
            transcription: sections.transcription,
            a2a_server: sections.a2a_server,
            a2ui: sections.a2ui,
            open_generative_ui: sections.open_generative_ui,
            mcp,
            mcp_apps: sections.mcp_apps,
            agents,
            file: merged.file().map(PathBuf::from),
            sections: merged.table.iter().map(|(name, value)| (name.clone(), number(value))).collect(),
            expanded: merged.expanded.clone(),
        };
        config.check(&merged)?;
        Ok(config)
    }

    /// The sections that differ from those of another one.
    pub(crate) fn changed(&self, other: &Self) -> Vec<String> {
        let names: BTreeSet<&String> = self.sections.keys().chain(other.sections.keys()).collect();
        let differs = |name: &&String| self.sections.get(*name) != other.sections.get(*name);
        names.into_iter().filter(differs).cloned().collect()
    }

    /// Whether the value at a key was taken from a variable, in whole or in part.
    pub(crate) fn is_expanded(&self, path: &[&str]) -> bool {
        self.expanded.contains(&path.join("."))
    }

    fn check(&self, merged: &sources::Merged) -> Result<(), ConfigError> {
        bounds::check(merged)?;
        self.auth.check(merged)?;
        telemetry::check(&self.telemetry, &self.prices, &self.budgets, merged)?;
        let (server, limits) = (&self.server, &self.limits);
        if let Some(transcription) = &self.transcription {
            transcription.check(merged)?;
        }
        if let Some(a2a_server) = &self.a2a_server {
            a2a_server.check(merged, &self.agents, server.base_path.items())?;
        }
        if let Some(a2ui) = &self.a2ui {
            a2ui.check(merged, &self.agents)?;
        }
        if let Some(generative_ui) = &self.open_generative_ui {
            generative_ui.check(merged, &self.agents)?;
        }
        for (id, agent) in &self.agents {
            if let AgentConfig::BuiltIn(agent) = agent {
                mcp::check_names(merged, &["agents", id, "mcp"], &agent.mcp, &self.mcp)?;
            }
        }
        self.mcp_apps.check(merged, &self.mcp, &self.agents)?;
        if limits.drain_delay.is_some_and(|delay| delay.0 > limits.drain_timeout.0) {
            return Err(merged.error(
                &["limits", "drain_delay"],
                "the delay is longer than all that a stopping server may take",
                "make it shorter, or `drain_timeout` longer",
            ));
        }
        if limits.json_depth == 0 || limits.json_depth > JSON_DEPTH {
            return Err(merged.error(
                &["limits", "json_depth"],
                format!("{} is not between 1 and {JSON_DEPTH}: readers of JSON take no more levels", limits.json_depth),
                format!("write a number up to {JSON_DEPTH}"),
            ));
        }
        if limits.event_max.0 > CLIENT_FRAME {
            return Err(merged.error(
                &["limits", "event_max"],
                "clients take no event of more than 10 MiB",
                "write \"10MiB\" or less",
            ));
        }
        self.store.check(merged)?;
        server.check(merged)?;
        self.check_names(merged)
    }

    /// What names threads must be an agent with a model, or a model.
    fn check_names(&self, merged: &sources::Merged) -> Result<(), ConfigError> {
        let name = self.threads.generate_names.as_str();
        let error = |reason: String| {
            let remedy = "write \"first-message\", \"model\", the id of a built-in agent, or a model like \
                          \"openai/gpt-5-nano\"";
            merged.error(&["threads", "generate_names"], reason, remedy)
        };
        let is_built_in = |agent: &AgentConfig| matches!(agent, AgentConfig::BuiltIn(_));
        if self.threads.names_are_first_messages() {
            return Ok(());
        }
        if name == "model" {
            // Without any agent there will be `default`.
            let any = self.agents.is_empty() || self.agents.iter().any(|(_, agent)| is_built_in(agent));
            return if any { Ok(()) } else { Err(error("no agent here has a model".to_owned())) };
        }
        match self.agents.iter().find(|(id, _)| id == name) {
            Some((_, agent)) if is_built_in(agent) => Ok(()),
            Some(_) => Err(error(format!("the agent `{name}` has no model"))),
            None => BuiltInConfig::on_model(name)
                .resolve(name, &merged.environment)
                .map(drop)
                .map_err(|cause| error(cause.to_string())),
        }
    }
}

/// A section as a number. Secrets are in it: only whether two are the same can be seen.
fn number(section: &Value) -> u64 {
    let mut hasher = DefaultHasher::new();
    section.to_string().hash(&mut hasher);
    hasher.finish()
}

impl Place {
    fn of(path: &[&str], line: Option<usize>, merged: &sources::Merged) -> Self {
        match (merged.origin(path), line, merged.file()) {
            (Some(origin), _, _) => Self::Named(origin),
            (None, Some(line), Some(file)) => Self::Line(file.to_path_buf(), line),
            (None, None, Some(file)) => Self::Named(file.display().to_string()),
            (None, _, None) => Self::Named("the configuration".to_owned()),
        }
    }
}
