//! The contract of server tools and of the places that they come from.

use crate::agent::Pulse;
use crate::model::ToolSpec;
use crate::principal::Principal;
use crate::telemetry::Trace;
use async_trait::async_trait;
use copilotkit_protocol::{Content, Interrupt, Json, ResumeEntry, RunAgentInput};
use http::HeaderMap;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// A tool that the server executes.
#[async_trait]
pub trait Tool: Send + Sync + 'static {
    /// Name, description and schema.
    fn spec(&self) -> &ToolSpec;

    /// Whether a call is executed or ends the run with a question.
    fn mode(&self) -> ToolMode {
        ToolMode::Execute
    }

    /// How long a call may take; `None` leaves it to the agent.
    fn timeout(&self) -> Option<Duration> {
        None
    }

    /// Executes a call.
    ///
    /// # Errors
    /// When it fails: the model is told and the run goes on.
    async fn call(&self, call: ToolInvocation) -> Result<ToolOutput, ToolError>;

    /// Goes on with a call that ended in a [`ToolOutput::question`], now that a person has answered it. Nothing is
    /// executed anew.
    ///
    /// # Errors
    /// When the call cannot go on: it asked nothing, or what it had in mind is gone.
    async fn answer(&self, call: ToolInvocation, answer: ResumeEntry) -> Result<ToolOutput, ToolError> {
        let _ = (call, answer);
        Err(ToolError::failed("The tool asked nothing, so nothing was done with the answer."))
    }
}

/// Whether a call is executed or ends the run with a question.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ToolMode {
    /// The call is executed.
    #[default]
    Execute,
    /// The call ends the run with an interrupt; the answer comes with the next run's `resume`.
    Interrupt {
        /// Why, in AG-UI's open set; `tool_call` by default.
        reason: Option<String>,
        /// The question. `{name}` in it stands for the argument of that name.
        message: Option<String>,
    },
}

/// One call of a tool.
#[derive(Clone, Debug)]
pub struct ToolInvocation {
    /// The call's id.
    pub id: String,
    /// The arguments: a JSON object that the tool's schema accepts.
    pub arguments: Json,
    /// The run that it belongs to.
    pub run: ToolScope,
}

/// The run that a tool works for.
#[derive(Clone, Debug)]
pub struct ToolScope {
    /// The agent.
    pub agent_id: Arc<str>,
    /// The run's input.
    pub input: Arc<RunAgentInput>,
    /// Who started the run.
    pub principal: Principal,
    /// The headers of the request; a tool passes on only those that its configuration names.
    pub headers: Arc<HeaderMap>,
    /// Cancelled when the run is to stop.
    pub cancel: CancellationToken,
    /// Beats while a tool works.
    pub pulse: Pulse,
    /// Where what is done for the run hangs in its trace; for a call, below that call.
    pub trace: Trace,
}

/// What a tool answered.
#[derive(Clone, Debug, PartialEq)]
pub struct ToolOutput {
    /// The result, as JSON: it becomes the content of TOOL_CALL_RESULT as text.
    pub content: Json,
    /// True when the tool says that it failed (MCP `isError`).
    pub is_error: bool,
    /// What the model is told in the place of the result; `None` for the result itself.
    pub for_model: Option<Content>,
    /// A question to a person, in the place of a result. The run ends with it, under an id of the runtime's; the answer
    /// comes to [`Tool::answer`].
    pub question: Option<Box<Interrupt>>,
}

impl ToolOutput {
    /// A result.
    pub fn new(content: Json) -> Self {
        Self { content, is_error: false, for_model: None, question: None }
    }

    /// No result yet, but a question to a person.
    pub fn asks(question: Interrupt) -> Self {
        Self { question: Some(Box::new(question)), ..Self::new(Json::default()) }
    }
}

/// Why a tool could not answer.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct ToolError {
    /// Stable, snake case: `tool_failed`, `tool_timeout`, `tool_arguments` …
    pub code: &'static str,
    /// For the model and for people. Never a secret.
    pub message: String,
}

impl ToolError {
    /// A tool that failed for a reason of its own.
    pub fn failed(message: impl Into<String>) -> Self {
        Self { code: "tool_failed", message: message.into() }
    }
}

/// A place that tools come from: a configuration, an MCP server.
#[async_trait]
pub trait ToolSource: Send + Sync + 'static {
    /// The tools for one run.
    ///
    /// # Errors
    /// When they cannot be listed; the run goes on without them unless the source is required.
    async fn tools(&self, scope: &ToolScope) -> Result<Vec<Arc<dyn Tool>>, ToolError>;

    /// Its name, for logs.
    fn name(&self) -> &str;

    /// True when a run must not start without it.
    fn is_required(&self) -> bool {
        false
    }
}
