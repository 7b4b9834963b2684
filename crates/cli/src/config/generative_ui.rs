//! `[a2ui]` and `[open_generative_ui]`: agents that draw on pages.

use super::sources::Merged;
use super::{AgentConfig, ConfigError, hints};
use copilotkit_protocol::Json;
use copilotkit_runtime::middleware::a2ui::{
    A2uiOptions, ATTEMPTS, DebugExposure, InjectTool, On, RENDER_TOOL, Recovery,
};
use serde::Deserialize;
use serde_json::Value;

/// More tries than this are a loop that costs money.
const ATTEMPTS_MAX: u32 = 10;
/// The largest file of components. Agents are told all of it at every run.
const SCHEMA_MAX: u64 = 1024 * 1024;

/// `[a2ui]`: agents draw surfaces.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct A2uiConfig {
    /// Whether agents draw surfaces. Without this section they do on pages that have a catalog of their own; with `false`
    /// they do nowhere.
    pub enabled: bool,
    /// The agents that draw; empty is all of them.
    pub agents: Vec<String>,
    /// Whether agents are given a tool that draws: `true`, `false`, or a name for it. Not set: built-in agents are, others
    /// on pages that have a catalog of their own.
    pub inject_tool: Option<InjectToolConfig>,
    /// Tools of the agents' own that draw.
    pub tool_names: Vec<String>,
    /// The components that pages have: a JSON file, or the same here. `{catalogId, components}` with a JSON Schema for each
    /// component, by name, and then no other component is drawn; or a list of `{name, description}`. Not set, it is what the
    /// page says.
    pub schema: Option<SchemaConfig>,
    /// The catalog that surfaces are made with; empty is the one of the page.
    pub catalog_id: String,
    /// What becomes of surfaces that cannot be drawn.
    pub recovery: RecoveryConfig,
}

impl Default for A2uiConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            agents: Vec::new(),
            inject_tool: None,
            tool_names: vec![RENDER_TOOL.to_owned()],
            schema: None,
            catalog_id: String::new(),
            recovery: RecoveryConfig::default(),
        }
    }
}

/// Whether agents are given a tool that draws.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, serde::Serialize))]
#[serde(untagged, expecting = "expected true, false or the name of the tool")]
pub enum InjectToolConfig {
    /// Under its usual name, or not at all.
    Switch(bool),
    /// Under this name.
    Name(String),
}

/// The components that pages have.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, serde::Serialize))]
#[serde(untagged, expecting = "expected the path of a JSON file, a table or a list")]
pub enum SchemaConfig {
    /// In a JSON file.
    File(String),
    /// Here.
    Inline(Value),
}

/// `[a2ui.recovery]`: what becomes of surfaces that cannot be drawn.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, serde::Serialize))]
#[serde(default, deny_unknown_fields)]
pub struct RecoveryConfig {
    /// How often a surface is tried, 1 to 10. The agent is told what is wrong with it and runs again.
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 10)))]
    pub max_attempts: u32,
    /// How much of what went wrong pages show: `"hidden"`, `"collapsed"` or `"verbose"`; not set, they decide.
    #[cfg_attr(feature = "schema", schemars(skip_serializing_if = "Option::is_none"))]
    pub debug_exposure: Option<DebugExposureName>,
    /// Whether pages are told how long a description has become while it is not complete.
    pub progress: bool,
}

impl Default for RecoveryConfig {
    fn default() -> Self {
        let Recovery { max_attempts, progress, .. } = Recovery::default();
        debug_assert_eq!(max_attempts, ATTEMPTS);
        Self { max_attempts, debug_exposure: None, progress }
    }
}

/// How much of what went wrong pages show.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, serde::Serialize))]
#[serde(rename_all = "lowercase")]
pub enum DebugExposureName {
    /// Nothing.
    Hidden,
    /// On a click.
    Collapsed,
    /// All.
    Verbose,
}

/// `[open_generative_ui]`: agents make pages of their own.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct OpenGenerativeUiConfig {
    /// Whether agents make pages. Pages that know of it then offer them the tool `generateSandboxedUi`.
    pub enabled: bool,
    /// The agents that do; empty is all of them.
    pub agents: Vec<String>,
}

impl Default for OpenGenerativeUiConfig {
    fn default() -> Self {
        Self { enabled: true, agents: Vec::new() }
    }
}

impl OpenGenerativeUiConfig {
    /// Whether it is on for an agent.
    pub(crate) fn covers(&self, id: &str) -> bool {
        self.enabled && (self.agents.is_empty() || self.agents.iter().any(|name| name == id))
    }

    pub(super) fn check(&self, merged: &Merged, agents: &[(String, AgentConfig)]) -> Result<(), ConfigError> {
        check_agents(merged, "open_generative_ui", &self.agents, agents)
    }
}

impl A2uiConfig {
    /// What is drawn of an agent. Built-in agents have no tool of their own that could.
    ///
    /// # Errors
    /// A file of components that cannot be used.
    pub(crate) fn options(&self, id: &str, is_built_in: bool) -> Result<Option<A2uiOptions>, String> {
        if !self.enabled || !(self.agents.is_empty() || self.agents.iter().any(|name| name == id)) {
            return Ok(None);
        }
        Ok(Some(A2uiOptions {
            on: On::EveryRun,
            inject_tool: match &self.inject_tool {
                None if is_built_in => InjectTool::Always,
                None => InjectTool::Auto,
                Some(InjectToolConfig::Switch(true)) => InjectTool::Always,
                Some(InjectToolConfig::Switch(false)) => InjectTool::Never,
                Some(InjectToolConfig::Name(name)) => InjectTool::Named(name.clone()),
            },
            tool_names: self.tool_names.clone(),
            schema: self.components()?,
            catalog_id: Some(self.catalog_id.clone()).filter(|id| !id.is_empty()),
            recovery: Recovery {
                max_attempts: self.recovery.max_attempts,
                debug_exposure: self.recovery.debug_exposure.map(|exposure| match exposure {
                    DebugExposureName::Hidden => DebugExposure::Hidden,
                    DebugExposureName::Collapsed => DebugExposure::Collapsed,
                    DebugExposureName::Verbose => DebugExposure::Verbose,
                }),
                progress: self.recovery.progress,
            },
        }))
    }

    /// The components, as they are sent to agents.
    fn components(&self) -> Result<Option<Json>, String> {
        let text = match &self.schema {
            None => return Ok(None),
            Some(SchemaConfig::Inline(value)) => value.to_string(),
            Some(SchemaConfig::File(path)) => {
                let bytes = std::fs::metadata(path).map_err(|error| format!("{path}: {error}"))?.len();
                if bytes > SCHEMA_MAX {
                    return Err(format!("{path} has more than {SCHEMA_MAX} bytes"));
                }
                std::fs::read_to_string(path).map_err(|error| format!("{path}: {error}"))?
            }
        };
        let json = Json::parse(text.trim()).map_err(|error| format!("this is not JSON: {error}"))?;
        match json.to_value() {
            Value::Array(list) if list.iter().all(|entry| entry["name"].is_string()) => Ok(Some(json)),
            Value::Object(catalog) if catalog.get("components").is_some_and(Value::is_object) => Ok(Some(json)),
            _ => Err("it is neither {catalogId, components: {…}} nor a list of {name, …}".to_owned()),
        }
    }

    pub(super) fn check(&self, merged: &Merged, agents: &[(String, AgentConfig)]) -> Result<(), ConfigError> {
        check_agents(merged, "a2ui", &self.agents, agents)?;
        let attempts = self.recovery.max_attempts;
        if attempts == 0 || attempts > ATTEMPTS_MAX {
            return Err(merged.error(
                &["a2ui", "recovery", "max_attempts"],
                format!("{attempts} is not between 1 and {ATTEMPTS_MAX}"),
                "write 1 for a single try",
            ));
        }
        let injected = match &self.inject_tool {
            Some(InjectToolConfig::Name(name)) => Some(name),
            _ => None,
        };
        for (key, name) in injected.map(|name| ("inject_tool", name)).into_iter().chain(self.names()) {
            let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
            if !is_name || name.len() > 64 {
                return Err(merged.error(
                    &["a2ui", key],
                    format!("`{name}` is not the name of a tool"),
                    format!("letters, digits, `_` and `-` make one, like \"{RENDER_TOOL}\""),
                ));
            }
        }
        let remedy = "write the path of a JSON file, seen from where the server starts, or the components themselves";
        self.components().map(drop).map_err(|reason| merged.error(&["a2ui", "schema"], reason, remedy))
    }

    fn names(&self) -> impl Iterator<Item = (&'static str, &String)> {
        self.tool_names.iter().map(|name| ("tool_names", name))
    }
}

/// Agents that are named must be there. Without any there will be `default`.
fn check_agents(
    merged: &Merged,
    section: &'static str,
    names: &[String],
    agents: &[(String, AgentConfig)],
) -> Result<(), ConfigError> {
    let mut known: Vec<&str> = agents.iter().map(|(id, _)| id.as_str()).collect();
    if known.is_empty() {
        known.push("default");
    }
    let Some(name) = names.iter().find(|name| !known.contains(&name.as_str())) else { return Ok(()) };
    let all = known.iter().map(|known| format!("`{known}`")).collect::<Vec<_>>().join(", ");
    let remedy = match hints::nearest(name, known.iter().copied()) {
        Some(meant) => format!("did you mean `{meant}`? The agents are {all}"),
        None => format!("the agents are {all}"),
    };
    Err(merged.error(&[section, "agents"], format!("there is no agent `{name}`"), remedy))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> A2uiConfig {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn who_is_given_the_tool() {
        let tool =
            |text: &str, is_built_in| read(text).options("a", is_built_in).unwrap().map(|options| options.inject_tool);
        assert_eq!(tool("", true), Some(InjectTool::Always));
        assert_eq!(tool("", false), Some(InjectTool::Auto));
        assert_eq!(tool("inject_tool = false", true), Some(InjectTool::Never));
        assert_eq!(tool("inject_tool = true", false), Some(InjectTool::Always));
        assert_eq!(tool("inject_tool = \"draw\"", false), Some(InjectTool::Named("draw".to_owned())));
        assert_eq!(tool("enabled = false", true), None);
        assert_eq!(tool("agents = [\"b\"]", true), None);
        assert_eq!(tool("agents = [\"b\", \"a\"]", true), Some(InjectTool::Always));
    }

    #[test]
    fn components_stand_here_or_in_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("catalog.json");
        std::fs::write(&path, "{ \"catalogId\": \"c\", \"components\": { \"Text\": {} } }\n").unwrap();
        let of = |text: &str| read(text).components().map(|schema| schema.map(|schema| schema.to_value()));
        let file = of(&format!("schema = {:?}", path.to_str().unwrap())).unwrap().unwrap();
        assert_eq!(file, serde_json::json!({ "catalogId": "c", "components": { "Text": {} } }));
        let list = of("[[schema]]\nname = \"Text\"").unwrap().unwrap();
        assert_eq!(list, serde_json::json!([{ "name": "Text" }]));
        for wrong in ["schema = \"nowhere.json\"", "schema = [1]", "[schema]\ncomponents = 1"] {
            assert!(of(wrong).is_err(), "{wrong}");
        }
        assert_eq!(of("").unwrap(), None);
    }
}
