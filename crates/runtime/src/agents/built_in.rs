//! An agent that is a loop around a language model: it calls the model, executes the tools that the model asks for,
//! tells it the results, and goes on until the model is done or the page has to act.

mod approval;
mod capabilities;
mod history;
mod overrides;
mod prompt;
mod resume;
mod run;
mod schemas;
mod state;
mod toolbox;
mod turn;
mod usage;
mod window;
mod work;

pub use approval::Approval;
pub use overrides::{OVERRIDABLE, is_overridable};
pub use schemas::check_schema;

use crate::agent::{Agent, AgentError, EventStream, RunContext};
use crate::limits;
use crate::model::{Model, ModelSettings, ToolChoice};
use crate::tool::{Tool, ToolSource};
use async_trait::async_trait;
use copilotkit_protocol::AgentCapabilities;
use history::Forward;
use schemas::Schemas;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Finds the model that a page asks for by name (`forwardedProps.model`, where `model` may be overridden).
pub type ModelResolver = Arc<dyn Fn(&str) -> Result<Arc<dyn Model>, AgentError> + Send + Sync>;

/// An agent around a [`Model`].
///
/// ```no_run
/// # use copilotkit_runtime::{Model, Tool, agents::BuiltInAgent};
/// # use std::sync::Arc;
/// # fn build(model: Arc<dyn Model>, tool: Arc<dyn Tool>) -> BuiltInAgent {
/// BuiltInAgent::builder(model).prompt("You answer in one sentence.").tool(tool).max_steps(5).build()
/// # }
/// ```
///
/// What the model writes becomes AG-UI events as it comes. Calls of tools that the page offers end the run after their
/// step, calls of server tools are executed and the loop goes on. A tool that fails does not end the run: the page gets
/// a result that says so, and so does the model.
#[derive(Clone)]
pub struct BuiltInAgent {
    inner: Arc<Inner>,
}

/// The parts of a [`BuiltInAgent`].
#[derive(Clone)]
pub struct BuiltInAgentBuilder {
    inner: Inner,
}

#[derive(Clone)]
struct Inner {
    models: Vec<Arc<dyn Model>>,
    description: String,
    prompt: String,
    max_steps: u32,
    tools: Vec<Arc<dyn Tool>>,
    tool_sources: Vec<Arc<dyn ToolSource>>,
    settings: ModelSettings,
    tool_choice: ToolChoice,
    overridable: BTreeSet<String>,
    resolver: Option<ModelResolver>,
    forward: Forward,
    tool_timeout: Duration,
    approval: Approval,
    context_window: Option<u64>,
    capabilities: AgentCapabilities,
    schemas: Arc<Schemas>,
}

impl BuiltInAgent {
    /// An agent around `model`, with every option at its default.
    pub fn builder(model: Arc<dyn Model>) -> BuiltInAgentBuilder {
        BuiltInAgentBuilder {
            inner: Inner {
                models: vec![model],
                description: String::new(),
                prompt: String::new(),
                max_steps: limits::MODEL_STEPS,
                tools: Vec::new(),
                tool_sources: Vec::new(),
                settings: ModelSettings::default(),
                tool_choice: ToolChoice::Auto,
                overridable: BTreeSet::new(),
                resolver: None,
                forward: Forward::default(),
                tool_timeout: limits::TOOL_CALL,
                approval: Approval::Never,
                context_window: None,
                capabilities: AgentCapabilities::default(),
                schemas: Arc::default(),
            },
        }
    }
}

impl BuiltInAgentBuilder {
    /// A model that is tried when those before it fail before their first event, for a reason that may pass.
    #[must_use]
    pub fn fallback(mut self, model: Arc<dyn Model>) -> Self {
        self.inner.models.push(model);
        self
    }

    /// What the agent does, for people.
    #[must_use]
    pub fn description(mut self, text: impl Into<String>) -> Self {
        self.inner.description = text.into();
        self
    }

    /// The system prompt. Context and state of the page are appended to it.
    #[must_use]
    pub fn prompt(mut self, text: impl Into<String>) -> Self {
        self.inner.prompt = text.into();
        self
    }

    /// The most calls of the model in one run, at least 1; default [`limits::MODEL_STEPS`].
    #[must_use]
    pub fn max_steps(mut self, steps: u32) -> Self {
        self.inner.max_steps = steps.max(1);
        self
    }

    /// Adds a server tool. It goes before a tool of the page with the same name.
    #[must_use]
    pub fn tool(mut self, tool: Arc<dyn Tool>) -> Self {
        self.inner.tools.push(tool);
        self
    }

    /// Adds server tools, see [`BuiltInAgentBuilder::tool`].
    #[must_use]
    pub fn tools(mut self, tools: impl IntoIterator<Item = Arc<dyn Tool>>) -> Self {
        self.inner.tools.extend(tools);
        self
    }

    /// Adds a place that tools are listed from at the start of each run.
    #[must_use]
    pub fn tool_source(mut self, source: Arc<dyn ToolSource>) -> Self {
        self.inner.tool_sources.push(source);
        self
    }

    /// Sampling and limits of the model.
    #[must_use]
    pub fn settings(mut self, settings: ModelSettings) -> Self {
        self.inner.settings = settings;
        self
    }

    /// Whether and which tool the model must call. It holds for the first step of a run, unless that goes on with the
    /// result of a tool: afterwards it would force the model to call tools for ever.
    #[must_use]
    pub fn tool_choice(mut self, choice: ToolChoice) -> Self {
        self.inner.tool_choice = choice;
        self
    }

    /// What `forwardedProps` may change: `model`, `toolChoice`, `maxOutputTokens`, `temperature`, `topP`, `topK`,
    /// `presencePenalty`, `frequencyPenalty`, `stopSequences`, `seed`, `maxRetries`, `providerOptions`; snake case is
    /// understood too. Nothing by default.
    #[must_use]
    pub fn overridable(mut self, names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.inner.overridable = overrides::names(names);
        self
    }

    /// How the model is found that a page asks for. Without it `forwardedProps.model` has no effect.
    #[must_use]
    pub fn model_resolver(mut self, resolver: ModelResolver) -> Self {
        self.inner.resolver = Some(resolver);
        self
    }

    /// Passes system messages of the page to the model; off by default, since anybody can send one.
    #[must_use]
    pub fn forward_system_messages(mut self, forward: bool) -> Self {
        self.inner.forward.system = forward;
        self
    }

    /// Passes developer messages of the page to the model as system messages; off by default.
    #[must_use]
    pub fn forward_developer_messages(mut self, forward: bool) -> Self {
        self.inner.forward.developer = forward;
        self
    }

    /// Which server tools are executed only when a person agrees; none by default. A call of one ends the run with an
    /// interrupt of the reason `tool_approval`. The next run's `resume` says `{"approved": true}`, with `editedArgs` where
    /// the person changed the arguments, or `{"approved": false}`, with a `reason` for the model.
    ///
    /// What waits is kept with the thread, where the run has one ([`RunContext::notes`]): nothing is executed that the
    /// model did not ask for, and nothing twice. Without, the history that the page sends is believed.
    #[must_use]
    pub fn approval(mut self, policy: Approval) -> Self {
        self.inner.approval = policy;
        self
    }

    /// The most tokens of a request, the answer included, in the place of what is known of the model. From a longer
    /// conversation whole turns are left out, the oldest first; instructions and the last turn always stay.
    #[must_use]
    pub fn context_window(mut self, tokens: u64) -> Self {
        self.inner.context_window = Some(tokens);
        self
    }

    /// What the agent declares that it can do: each group that is set takes the place of the one that is known.
    #[must_use]
    pub fn capabilities(mut self, capabilities: AgentCapabilities) -> Self {
        self.inner.capabilities = capabilities;
        self
    }

    /// How long one call of a server tool may take that has no limit of its own; default [`limits::TOOL_CALL`].
    #[must_use]
    pub fn tool_timeout(mut self, limit: Duration) -> Self {
        self.inner.tool_timeout = limit;
        self
    }

    /// The agent.
    pub fn build(self) -> BuiltInAgent {
        BuiltInAgent { inner: Arc::new(self.inner) }
    }
}

#[async_trait]
impl Agent for BuiltInAgent {
    fn run(&self, context: RunContext) -> EventStream {
        Box::pin(run::events(Arc::clone(&self.inner), context))
    }

    fn description(&self) -> &str {
        &self.inner.description
    }

    fn kind(&self) -> &'static str {
        "BuiltInAgent"
    }

    async fn capabilities(&self) -> Result<Option<AgentCapabilities>, AgentError> {
        Ok(Some(capabilities::of(&self.inner)))
    }
}

impl fmt::Debug for BuiltInAgent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let models: Vec<_> = self.inner.models.iter().map(|model| (model.provider(), model.name())).collect();
        f.debug_struct("BuiltInAgent").field("models", &models).finish_non_exhaustive()
    }
}
