//! The tools of one run: where they come from, what a call of one leads to, and how it is executed.

use super::state::StateTool;
use super::turn::Call;
use crate::agent::AgentError;
use crate::limits;
use crate::model::ToolSpec;
use crate::telemetry::names;
use crate::tool::{Tool, ToolError, ToolInvocation, ToolMode, ToolOutput, ToolScope, ToolSource};
use copilotkit_protocol::{Code, Interrupt, Json};
use futures::FutureExt as _;
use futures::future::join_all;
use jsonschema::Validator;
use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// What a call leads to.
pub(super) enum Plan {
    /// The model is told why not.
    Refused(ToolError),
    /// The page executes it.
    Page,
    /// A person answers it.
    Ask(Interrupt),
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
    /// Compiled when the tool is first called in this run.
    validator: OnceLock<Result<Option<Validator>, String>>,
}

/// The tools of one run by name.
#[derive(Default)]
pub(super) struct Toolbox {
    entries: Vec<Entry>,
    by_name: HashMap<String, usize>,
}

impl Toolbox {
    /// The page's tools, the configured ones, the state tools, then those of the sources; a later one of the same name
    /// takes the place of an earlier one. A source that fails is left out unless it is required.
    pub(super) async fn collect(
        tools: &[Arc<dyn Tool>],
        sources: &[Arc<dyn ToolSource>],
        scope: &ToolScope,
    ) -> Result<Self, AgentError> {
        let mut toolbox = Self::default();
        for tool in &scope.input.tools {
            let spec = ToolSpec {
                name: tool.name.clone(),
                description: tool.description.clone(),
                parameters: tool.parameters.clone(),
            };
            toolbox.insert(spec, Executor::Page);
        }
        for tool in tools {
            toolbox.insert(tool.spec().clone(), Executor::Server(Arc::clone(tool)));
        }
        for tool in StateTool::ALL {
            toolbox.insert(tool.spec(), Executor::State(tool));
        }
        let lists = sources.iter().map(|source| list(source.as_ref(), scope));
        for tools in join_all(lists).await {
            for tool in tools? {
                toolbox.insert(tool.spec().clone(), Executor::Server(tool));
            }
        }
        Ok(toolbox)
    }

    fn insert(&mut self, spec: ToolSpec, executor: Executor) {
        let next = self.entries.len();
        let index = *self.by_name.entry(spec.name.clone()).or_insert(next);
        let entry = Entry { spec, executor, validator: OnceLock::new() };
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
        let Some(entry) = self.by_name.get(&call.name).and_then(|index| self.entries.get(*index)) else {
            let names = self.entries.iter().map(|entry| entry.spec.name.as_str()).collect::<Vec<_>>().join(", ");
            let message = format!("There is no tool `{}`. The tools are: {names}.", call.name);
            return Plan::Refused(ToolError { code: "tool_unknown", message });
        };
        if matches!(entry.executor, Executor::Page) {
            return Plan::Page;
        }
        let arguments = match entry.check(&call.arguments) {
            Ok(arguments) => arguments,
            Err(error) => return Plan::Refused(error),
        };
        match &entry.executor {
            Executor::Page => Plan::Page,
            Executor::State(tool) => Plan::State(*tool, arguments),
            Executor::Server(tool) => match tool.mode() {
                ToolMode::Execute => Plan::Execute(Arc::clone(tool), arguments),
                ToolMode::Interrupt { reason, message } => Plan::Ask(Interrupt {
                    id: call.id.clone(),
                    reason: reason.unwrap_or_else(|| "tool_call".to_owned()),
                    message,
                    tool_call_id: Some(call.id.clone()),
                    ..Default::default()
                }),
            },
        }
    }
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

impl Entry {
    /// The arguments, if they are an object that the schema accepts.
    fn check(&self, text: &str) -> Result<Json, ToolError> {
        let wrong = |message: String| ToolError { code: "tool_arguments", message };
        let value: serde_json::Value =
            serde_json::from_str(text).map_err(|error| wrong(format!("The arguments are not valid JSON: {error}.")))?;
        if !value.is_object() {
            return Err(wrong("The arguments must be a JSON object.".to_owned()));
        }
        match self.validator.get_or_init(|| self.compile()) {
            Ok(None) => {}
            Ok(Some(validator)) => {
                let complaints: Vec<_> = validator
                    .iter_errors(&value)
                    .take(5)
                    .map(|error| match error.instance_path().as_str() {
                        "" => shorten(error.to_string()),
                        path => format!("{path}: {}", shorten(error.to_string())),
                    })
                    .collect();
                if !complaints.is_empty() {
                    let message = format!("The arguments do not fit the tool's schema: {}.", complaints.join("; "));
                    return Err(wrong(message));
                }
            }
            Err(error) => {
                let message = format!("The tool cannot be called, its own schema is not valid: {error}");
                return Err(ToolError { code: "tool_schema", message });
            }
        }
        Json::parse(text).map_err(|error| wrong(error.to_string()))
    }

    fn compile(&self) -> Result<Option<Validator>, String> {
        let Some(schema) = &self.spec.parameters else { return Ok(None) };
        jsonschema::validator_for(&schema.to_value()).map(Some).map_err(|error| shorten(error.to_string()))
    }
}

/// The validator quotes the value, which may be a whole document.
fn shorten(mut text: String) -> String {
    const MAX: usize = 300;
    if let Some((end, _)) = text.char_indices().nth(MAX) {
        text.truncate(end);
        text.push('…');
    }
    text
}

/// Executes one call; whatever happens inside becomes a result or an error that the model is told.
pub(super) async fn execute(
    tool: Arc<dyn Tool>,
    mut invocation: ToolInvocation,
    limit: Duration,
) -> Result<ToolOutput, ToolError> {
    let traced = invocation.run.trace.tool(&tool.spec().name, &invocation.id);
    traced.record_content(names::TOOL_ARGUMENTS, invocation.arguments.get());
    invocation.run.trace = traced.trace().clone();
    let result = attempt(tool, invocation, limit).await;
    match &result {
        Ok(output) => {
            traced.record_content(names::TOOL_RESULT, output.content.get());
            traced.end(if output.is_error { Err(Code::ToolFailed.as_str()) } else { Ok(()) });
        }
        Err(error) => traced.end(Err(error.code)),
    }
    result
}

async fn attempt(tool: Arc<dyn Tool>, invocation: ToolInvocation, limit: Duration) -> Result<ToolOutput, ToolError> {
    let call = async { tool.call(invocation).await };
    match tokio::time::timeout(limit, AssertUnwindSafe(call).catch_unwind()).await {
        Ok(Ok(result)) => result,
        Ok(Err(_)) => {
            tracing::error!(tool = tool.spec().name, "a tool panicked");
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

    fn entry(schema: &str) -> Entry {
        let spec = ToolSpec { parameters: Some(Json::parse(schema).unwrap()), ..Default::default() };
        Entry { spec, executor: Executor::Page, validator: OnceLock::new() }
    }

    #[test]
    fn complaints_name_the_place() {
        let entry = entry(
            r#"{"type":"object","properties":{"at":{"type":"object","properties":{"x":{"type":"number"}}}},"required":["at"]}"#,
        );
        let message = |arguments| entry.check(arguments).unwrap_err().message;
        assert_eq!(entry.check(r#"{"at":{"x":1.0}}"#).unwrap().get(), r#"{"at":{"x":1.0}}"#);
        assert!(message(r#"{"at":{"x":"a"}}"#).contains(r#"/at/x: "a" is not of type "number""#));
        assert!(message("{}").contains(r#""at" is a required property"#));
        assert!(message("{").starts_with("The arguments are not valid JSON"));
        assert!(message("[]").contains("must be a JSON object"));
    }

    #[test]
    fn a_broken_schema_is_said_to_be_one() {
        let error = entry(r#"{"type":"objekt"}"#).check("{}").unwrap_err();
        assert_eq!(error.code, "tool_schema");
        let error = entry(r#"{"$ref":"https://example.com/schema.json"}"#).check("{}").unwrap_err();
        assert_eq!(error.code, "tool_schema", "nothing is fetched");
    }
}
