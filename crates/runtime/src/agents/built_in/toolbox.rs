//! The tools of one run: where they come from, what a call of one leads to, and how it is executed.

use super::Inner;
use super::approval::{Approval, Waiting};
use super::schemas::Schemas;
use super::state::StateTool;
use super::turn::Call;
use crate::agent::AgentError;
use crate::limits;
use crate::model::ToolSpec;
use crate::telemetry::names;
use crate::tool::{Tool, ToolError, ToolInvocation, ToolMode, ToolOutput, ToolScope, ToolSource};
use copilotkit_protocol::{Code, Interrupt, Json, Object, ResumeEntry};
use futures::FutureExt as _;
use futures::future::join_all;
use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

/// What a call leads to.
pub(super) enum Plan {
    /// The model is told why not.
    Refused(ToolError),
    /// The page executes it.
    Page,
    /// A person answers it.
    Ask(Interrupt),
    /// A person must agree to it.
    Approve(Waiting),
    /// It changes the shared state.
    State(StateTool, Json),
    /// The server executes it.
    Execute(Arc<dyn Tool>, Json),
}

enum Executor {
    Page,
    State(StateTool),
    Server(Arc<dyn Tool>),
}

struct Entry {
    spec: ToolSpec,
    executor: Executor,
}

/// The tools of one run by name.
pub(super) struct Toolbox {
    entries: Vec<Entry>,
    by_name: HashMap<String, usize>,
    approval: Approval,
    schemas: Arc<Schemas>,
}

impl Toolbox {
    /// The page's tools, the configured ones, the state tools, then those of the sources. Of the page's and the configured
    /// ones a later one of the same name takes the place of an earlier one; what a source brings, which somebody else may
    /// have written, takes no place that is taken. A source that fails is left out unless it is required.
    pub(super) async fn collect(agent: &Inner, scope: &ToolScope) -> Result<Self, AgentError> {
        let mut toolbox = Self {
            entries: Vec::new(),
            by_name: HashMap::new(),
            approval: agent.approval.clone(),
            schemas: Arc::clone(&agent.schemas),
        };
        for tool in &scope.input.tools {
            let spec = ToolSpec {
                name: tool.name.clone(),
                description: tool.description.clone(),
                parameters: tool.parameters.clone(),
            };
            toolbox.insert(spec, Executor::Page);
        }
        for tool in &agent.tools {
            toolbox.insert(tool.spec().clone(), Executor::Server(Arc::clone(tool)));
        }
        for tool in StateTool::ALL {
            toolbox.insert(tool.spec(), Executor::State(tool));
        }
        let lists = agent.tool_sources.iter().map(|source| list(source.as_ref(), scope));
        for tools in join_all(lists).await {
            for tool in tools? {
                if toolbox.has(&tool.spec().name) {
                    tracing::warn!(tool = tool.spec().name, "a tool of a source was left out: its name is taken");
                    continue;
                }
                toolbox.insert(tool.spec().clone(), Executor::Server(tool));
            }
        }
        Ok(toolbox)
    }

    fn insert(&mut self, spec: ToolSpec, executor: Executor) {
        let next = self.entries.len();
        let index = *self.by_name.entry(spec.name.clone()).or_insert(next);
        let entry = Entry { spec, executor };
        match self.entries.get_mut(index) {
            Some(place) => *place = entry,
            None => self.entries.push(entry),
        }
    }

    /// What the model is told.
    pub(super) fn specs(&self) -> Vec<ToolSpec> {
        self.entries.iter().map(|entry| entry.spec.clone()).collect()
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.by_name.contains_key(name)
    }

    /// Decides what a finished call leads to. The arguments of the page's tools are the page's to check.
    pub(super) fn plan(&self, call: &Call) -> Plan {
        if call.cut {
            let message = "The call was cut off before its arguments were complete, so it was not executed.";
            return Plan::Refused(ToolError { code: "tool_arguments", message: message.into() });
        }
        let Some(entry) = self.entry(&call.name) else { return Plan::Refused(self.unknown(&call.name)) };
        if matches!(entry.executor, Executor::Page) {
            return Plan::Page;
        }
        let arguments = match self.schemas.check(&entry.spec, &call.arguments) {
            Ok(arguments) => arguments,
            Err(error) => return Plan::Refused(error),
        };
        match &entry.executor {
            Executor::Page => Plan::Page,
            Executor::State(tool) => Plan::State(*tool, arguments),
            Executor::Server(tool) => match tool.mode() {
                ToolMode::Execute if self.approval.needs(&call.name) => {
                    let (id, name) = (call.id.clone(), call.name.clone());
                    Plan::Approve(Waiting { id, name, arguments: arguments.get().to_owned() })
                }
                ToolMode::Execute => Plan::Execute(Arc::clone(tool), arguments),
                ToolMode::Interrupt { reason, message } => {
                    Plan::Ask(interrupt(&call.id, reason, message, &call.arguments))
                }
            },
        }
    }

    /// Whether the server executes this tool only when a person agrees.
    pub(super) fn needs_approval(&self, name: &str) -> bool {
        let executed = match self.entry(name).map(|entry| &entry.executor) {
            Some(Executor::Server(tool)) => tool.mode() == ToolMode::Execute,
            _ => false,
        };
        executed && self.approval.needs(name)
    }

    /// The tool with the arguments of a call that was agreed to.
    pub(super) fn executable(&self, name: &str, arguments: &str) -> Result<(Arc<dyn Tool>, Json), ToolError> {
        match self.entry(name) {
            Some(Entry { spec, executor: Executor::Server(tool) }) if tool.mode() == ToolMode::Execute => {
                Ok((Arc::clone(tool), self.schemas.check(spec, arguments)?))
            }
            _ => Err(self.unknown(name)),
        }
    }

    /// The question whether a call may be executed.
    pub(super) fn approval_question(&self, waiting: &Waiting) -> Interrupt {
        match self.entry(&waiting.name) {
            Some(entry) => waiting.interrupt(&entry.spec),
            None => waiting.interrupt(&ToolSpec::default()),
        }
    }

    /// The question that a call is, if its tool asks a person.
    pub(super) fn question(&self, call_id: &str, name: &str, arguments: &str) -> Option<Interrupt> {
        let Some(Executor::Server(tool)) = self.entry(name).map(|entry| &entry.executor) else { return None };
        match tool.mode() {
            ToolMode::Interrupt { reason, message } => Some(interrupt(call_id, reason, message, arguments)),
            ToolMode::Execute => None,
        }
    }

    fn entry(&self, name: &str) -> Option<&Entry> {
        self.by_name.get(name).and_then(|index| self.entries.get(*index))
    }

    fn unknown(&self, name: &str) -> ToolError {
        let names = self.entries.iter().map(|entry| entry.spec.name.as_str()).collect::<Vec<_>>().join(", ");
        let message = format!("There is no tool `{name}`. The tools are: {names}.");
        ToolError { code: Code::ToolUnknown.into(), message }
    }
}

fn interrupt(call_id: &str, reason: Option<String>, message: Option<String>, arguments: &str) -> Interrupt {
    Interrupt {
        id: call_id.to_owned(),
        reason: reason.unwrap_or_else(|| "tool_call".to_owned()),
        message: message.map(|message| fill(&message, arguments)),
        tool_call_id: Some(call_id.to_owned()),
        ..Default::default()
    }
}

/// Puts the arguments of a call in the place of their names: `Pay {amount} to {to}?`. Braces around anything else stay.
fn fill(message: &str, arguments: &str) -> String {
    if !message.contains('{') {
        return message.to_owned();
    }
    let object = Json::parse(arguments).ok().and_then(|json| Object::try_from(json).ok());
    let members = object.map(|object| object.members()).unwrap_or_default();
    let mut out = String::with_capacity(message.len());
    let mut rest = message;
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        let value = after
            .split_once('}')
            .and_then(|(name, behind)| Some((&members.iter().rfind(|(key, _)| key == name)?.1, behind)));
        match value {
            Some((value, behind)) => {
                let text = value.read::<String>().unwrap_or_else(|_| value.get().to_owned());
                out.extend(text.chars().take(limits::INTERRUPT_ARGUMENT));
                rest = behind;
            }
            None => {
                out.push('{');
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}

async fn list(source: &dyn ToolSource, scope: &ToolScope) -> Result<Vec<Arc<dyn Tool>>, AgentError> {
    let listed = AssertUnwindSafe(tokio::time::timeout(limits::TOOL_LIST, source.tools(scope))).catch_unwind().await;
    let message = match listed {
        Ok(Ok(Ok(tools))) => return Ok(tools),
        Ok(Ok(Err(error))) => error.message,
        Ok(Err(_)) => format!("no answer within {} s", limits::TOOL_LIST.as_secs()),
        Err(_) => "it panicked".to_owned(),
    };
    let name = source.name();
    if source.is_required() {
        let message = format!("The tools of `{name}` could not be listed, and the run needs them: {message}");
        return Err(AgentError::new("tool_source_unavailable", message).retryable());
    }
    tracing::warn!(source = name, error = message, "the run goes on without the tools of a source");
    Ok(Vec::new())
}

/// Executes one call, or goes on with one whose question was answered; whatever happens inside becomes a result or an error that the model is told.
pub(super) async fn execute(
    tool: Arc<dyn Tool>,
    mut invocation: ToolInvocation,
    answer: Option<ResumeEntry>,
    limit: Duration,
) -> Result<ToolOutput, ToolError> {
    let traced = invocation.run.trace.tool(&tool.spec().name, &invocation.id);
    traced.record_content(names::TOOL_ARGUMENTS, invocation.arguments.get());
    invocation.run.trace = traced.trace().clone();
    let result = attempt(tool, invocation, answer, limit).await;
    match &result {
        Ok(output) => {
            traced.record_content(names::TOOL_RESULT, output.content.get());
            traced.end(if output.is_error { Err(Code::ToolFailed.as_str()) } else { Ok(()) });
        }
        Err(error) => traced.end(Err(error.code)),
    }
    result
}

async fn attempt(
    tool: Arc<dyn Tool>,
    invocation: ToolInvocation,
    answer: Option<ResumeEntry>,
    limit: Duration,
) -> Result<ToolOutput, ToolError> {
    let name = tool.spec().name.clone();
    let call = async {
        match answer {
            Some(answer) => tool.answer(invocation, answer).await,
            None => tool.call(invocation).await,
        }
    };
    match tokio::time::timeout(limit, AssertUnwindSafe(call).catch_unwind()).await {
        Ok(Ok(result)) => result,
        Ok(Err(_)) => {
            tracing::error!(tool = name, "a tool panicked");
            Err(ToolError::failed("The tool failed unexpectedly."))
        }
        Err(_) => {
            let message = format!("The tool gave no result within {limit:?} and was stopped.");
            Err(ToolError { code: "tool_timeout", message })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_names_its_arguments() {
        let arguments = r#"{"question":"Which {colour}?","n":1.50,"o":{"a":1}}"#;
        for (message, expected) in [
            ("{question}", "Which {colour}?"),
            ("Pay {n} for {o}!", r#"Pay 1.50 for {"a":1}!"#),
            ("{nope} {n", "{nope} {n"),
            ("{{n}}", "{1.50}"),
            ("plain", "plain"),
        ] {
            assert_eq!(fill(message, arguments), expected);
        }
        assert_eq!(fill("{n}", "no json"), "{n}");
        let long = format!(r#"{{"n":"{}"}}"#, "é".repeat(limits::INTERRUPT_ARGUMENT + 1));
        assert_eq!(fill("{n}", &long).chars().count(), limits::INTERRUPT_ARGUMENT);
    }
}
