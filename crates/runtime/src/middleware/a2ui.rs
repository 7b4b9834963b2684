//! Surfaces that agents draw on pages: A2UI v0.9.
//!
//! An agent calls a tool with the components of a surface. While the arguments stream, the page is sent activities that it
//! draws: first that something is being made, then the surface as far as it is complete. What a person does on a surface
//! reaches the agent as a call with a result.

mod call;
mod input;
mod run;
pub mod shape;
mod tracker;
mod validate;

use super::{Feature, Middleware, Next};
use crate::agent::{EventStream, RunContext};
use copilotkit_protocol::Json;
use input::Props;
use serde_json::Value;
use std::sync::Arc;
use validate::Catalog;

/// The tool that draws, by the name that pages know.
pub const RENDER_TOOL: &str = "render_a2ui";
/// The tool whose calls tell an agent what a person did on a surface. Nobody can call it.
pub const LOG_TOOL: &str = "log_a2ui_event";
/// How often a surface is tried, unless it is set.
pub const ATTEMPTS: u32 = 3;

/// Draws what an agent describes, and tells the agent what a person does with it.
///
/// ```
/// use copilotkit_runtime::middleware::a2ui::{A2ui, A2uiOptions, InjectTool};
/// use copilotkit_runtime::{agents::BuiltInAgent, Registered};
/// # fn register(agent: BuiltInAgent) -> Registered {
///
/// let options = A2uiOptions { inject_tool: InjectTool::Always, ..A2uiOptions::default() };
/// Registered::new("default", agent).with(A2ui::new(options))
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct A2ui(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    options: A2uiOptions,
    /// The components that the options describe.
    catalog: Option<Catalog>,
}

/// How surfaces are drawn.
#[derive(Clone, Debug, PartialEq)]
pub struct A2uiOptions {
    /// For which runs.
    pub on: On,
    /// Whether the agent is given a tool that draws.
    pub inject_tool: InjectTool,
    /// Tools of the agent's own that draw. The injected one does anyway.
    pub tool_names: Vec<String>,
    /// The components that pages have: `{catalogId, components: {Name: JSON Schema}}`, or a list of names. Agents are told
    /// of them in place of what the page says; those of an object are the only ones that are drawn.
    pub schema: Option<Json>,
    /// The catalog that surfaces are made with. Without it that of the page is taken, else one that the agent names, else
    /// the basic one.
    pub catalog_id: Option<String>,
    /// What becomes of surfaces that cannot be drawn.
    pub recovery: Recovery,
}

impl Default for A2uiOptions {
    fn default() -> Self {
        Self {
            on: On::default(),
            inject_tool: InjectTool::default(),
            tool_names: vec![RENDER_TOOL.to_owned()],
            schema: None,
            catalog_id: None,
            recovery: Recovery::default(),
        }
    }
}

/// For which runs surfaces are drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum On {
    /// All.
    #[default]
    EveryRun,
    /// Those of pages with a catalog of their own, which say so in `forwardedProps.a2uiCatalogAvailable`.
    PageCatalog,
}

/// Whether the agent is given a tool that draws.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum InjectTool {
    /// For pages with a catalog of their own.
    #[default]
    Auto,
    /// No: it has its own.
    Never,
    /// Yes, as [`RENDER_TOOL`].
    Always,
    /// Yes, under this name.
    Named(String),
}

/// What becomes of surfaces that cannot be drawn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovery {
    /// How often a surface is tried, at least 1. An agent that was given the tool is told what is wrong and runs again; one
    /// that has its own does that itself, and this is the number that pages show.
    pub max_attempts: u32,
    /// How much of what went wrong pages show; not set, they decide.
    pub debug_exposure: Option<DebugExposure>,
    /// Whether pages are told how long the description has become while it is not complete.
    pub progress: bool,
}

impl Default for Recovery {
    fn default() -> Self {
        Self { max_attempts: ATTEMPTS, debug_exposure: None, progress: true }
    }
}

/// How much of what went wrong pages show.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum DebugExposure {
    /// Nothing.
    Hidden,
    /// On a click.
    Collapsed,
    /// All.
    Verbose,
}

impl A2ui {
    /// A middleware with these options.
    pub fn new(options: A2uiOptions) -> Self {
        let components = |schema: &Json| match schema.to_value() {
            Value::Object(mut catalog) => serde_json::from_value::<Catalog>(catalog.remove("components")?).ok(),
            _ => None,
        };
        let catalog = options.schema.as_ref().and_then(components).filter(|components| !components.is_empty());
        Self(Arc::new(Inner { options, catalog }))
    }
}

impl Default for A2ui {
    fn default() -> Self {
        Self::new(A2uiOptions::default())
    }
}

impl Middleware for A2ui {
    fn run(&self, context: RunContext, next: Next) -> EventStream {
        let props = Props::of(&context.input);
        if self.0.options.on == On::PageCatalog && !props.has_catalog() {
            return next.run(context);
        }
        Box::pin(run::events(self.0.clone(), props, context, next))
    }

    fn feature(&self) -> Option<Feature> {
        (self.0.options.on == On::EveryRun).then_some(Feature::A2ui)
    }
}
