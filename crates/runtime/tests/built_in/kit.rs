//! A scripted model, tools, and helpers to run an agent to its end.

use copilotkit_protocol::{Json, RunAgentInput, TokenUsage};
use copilotkit_runtime::agents::BuiltInAgent;
use copilotkit_runtime::model::{FinishReason, ModelEvent, ModelMessage};
use copilotkit_runtime::tool::{ToolInvocation, ToolMode, ToolOutput};
use copilotkit_runtime::tools::FnTool;
use copilotkit_runtime::{
    Agent, AgentError, Model, ModelError, ModelRequest, ModelStream, RunContext, Tool, ToolError,
};
use futures::{StreamExt as _, stream};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

pub(crate) type Step = Vec<Result<ModelEvent, ModelError>>;

/// A model that plays one list of events for each call, and then none.
pub(crate) struct Script {
    steps: Mutex<VecDeque<Step>>,
    calls: Mutex<Vec<ModelRequest>>,
    /// After the last event of the last step it says nothing, and its stream sets the flag when it is dropped.
    pub(crate) hangs: bool,
    pub(crate) dropped: Arc<AtomicBool>,
    name: &'static str,
}

impl Script {
    pub(crate) fn new(steps: impl IntoIterator<Item = Step>) -> Arc<Self> {
        Arc::new(Self::named("mock-model", steps))
    }

    pub(crate) fn named(name: &'static str, steps: impl IntoIterator<Item = Step>) -> Self {
        Self {
            steps: Mutex::new(steps.into_iter().collect()),
            calls: Mutex::default(),
            hangs: false,
            dropped: Arc::default(),
            name,
        }
    }

    pub(crate) fn calls(&self) -> Vec<ModelRequest> {
        self.calls.lock().unwrap().clone()
    }
}

struct SetOnDrop(Arc<AtomicBool>);
impl Drop for SetOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

impl Model for Script {
    fn stream(&self, request: ModelRequest) -> ModelStream {
        self.calls.lock().unwrap().push(request);
        let events = self.steps.lock().unwrap().pop_front().unwrap_or_default();
        if self.hangs {
            let guard = SetOnDrop(Arc::clone(&self.dropped));
            let rest = stream::pending().map(move |item| {
                let _ = &guard;
                item
            });
            return stream::iter(events).chain(rest).boxed();
        }
        stream::iter(events).boxed()
    }
    fn provider(&self) -> &str {
        "mock-provider"
    }
    fn name(&self) -> &str {
        self.name
    }
}

pub(crate) fn text(id: &str, deltas: &[&str]) -> Step {
    let mut step = vec![Ok(ModelEvent::TextStart { id: Some(id.into()) })];
    step.extend(deltas.iter().map(|delta| Ok(ModelEvent::TextDelta((*delta).into()))));
    step.push(Ok(ModelEvent::TextEnd));
    step
}

pub(crate) fn call(id: &str, name: &str, deltas: &[&str]) -> Step {
    let mut step = vec![Ok(ModelEvent::ToolCallStart { id: id.into(), name: name.into() })];
    step.extend(deltas.iter().map(|delta| Ok(ModelEvent::ToolCallDelta { id: id.into(), delta: (*delta).into() })));
    step.push(Ok(ModelEvent::ToolCallEnd { id: id.into(), encrypted_value: None }));
    step
}

pub(crate) fn finish(reason: FinishReason) -> Step {
    let usage = TokenUsage {
        input_tokens: Some(10),
        output_tokens: Some(5),
        total_tokens: Some(15),
        reasoning_tokens: Some(1),
        cached_input_tokens: Some(2),
        ..Default::default()
    };
    vec![Ok(ModelEvent::Finish { reason, usage })]
}

pub(crate) fn step(parts: impl IntoIterator<Item = Step>) -> Step {
    parts.into_iter().flatten().collect()
}

pub(crate) fn stop(parts: impl IntoIterator<Item = Step>) -> Step {
    step(parts.into_iter().chain([finish(FinishReason::Stop)]))
}

pub(crate) fn calls(parts: impl IntoIterator<Item = Step>) -> Step {
    step(parts.into_iter().chain([finish(FinishReason::ToolCalls)]))
}

pub(crate) fn city_schema() -> Value {
    json!({ "type": "object", "properties": { "city": { "type": "string" } }, "required": ["city"] })
}

pub(crate) fn weather() -> Arc<dyn Tool> {
    Arc::new(FnTool::new("server_weather", "Weather on the server", city_schema(), |call: ToolInvocation| async move {
        Ok(json!({ "city": call.arguments.to_value()["city"], "temp": 21 }))
    }))
}

pub(crate) fn failing() -> Arc<dyn Tool> {
    Arc::new(FnTool::new("failing", "Always fails", json!({ "type": "object" }), |_| async {
        Err(ToolError::failed("tool broke"))
    }))
}

/// A tool that asks a person.
pub(crate) struct Ask(copilotkit_runtime::model::ToolSpec);

impl Ask {
    pub(crate) fn tool(name: &str) -> Arc<dyn Tool> {
        let parameters = json!({ "type": "object", "properties": { "amount": { "type": "number" } } });
        Arc::new(Self(copilotkit_runtime::model::ToolSpec {
            name: name.into(),
            description: "Ask a human".into(),
            parameters: Some(parameters.into()),
        }))
    }
}

#[async_trait::async_trait]
impl Tool for Ask {
    fn spec(&self) -> &copilotkit_runtime::model::ToolSpec {
        &self.0
    }
    fn mode(&self) -> ToolMode {
        ToolMode::Interrupt { reason: None, message: Some("Approve payment?".into()) }
    }
    async fn call(&self, _: ToolInvocation) -> Result<ToolOutput, ToolError> {
        panic!("an interrupt is never executed")
    }
}

pub(crate) fn input(json: &str) -> RunAgentInput {
    copilotkit_protocol::from_str(json).unwrap()
}

pub(crate) fn hi() -> RunAgentInput {
    input(r#"{"threadId":"t","runId":"r","messages":[{"id":"u1","role":"user","content":"Hi"}]}"#)
}

pub(crate) fn page_tool(input: &mut RunAgentInput, name: &str) {
    input.tools.push(copilotkit_protocol::Tool {
        name: name.into(),
        description: "Weather".into(),
        parameters: Some(city_schema().into()),
        ..Default::default()
    });
}

/// The events of a run as JSON, and the error that it ended with.
pub(crate) async fn run(agent: &BuiltInAgent, input: RunAgentInput) -> (Vec<Value>, Option<AgentError>) {
    collect(agent.run(RunContext::new("test", input))).await
}

pub(crate) async fn collect(mut events: copilotkit_runtime::EventStream) -> (Vec<Value>, Option<AgentError>) {
    let mut out = Vec::new();
    while let Some(item) = events.next().await {
        match item {
            Ok(event) => {
                let json = event.to_json();
                assert_eq!(copilotkit_fixtures::official_schema::check_modern(&json), Ok(()));
                out.push(serde_json::from_slice(&json).unwrap());
            }
            Err(error) => {
                assert!(events.next().await.is_none(), "nothing follows an error");
                return (out, Some(error));
            }
        }
    }
    (out, None)
}

pub(crate) fn types(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["type"].as_str().unwrap()).collect()
}

pub(crate) fn tool_results(request: &ModelRequest) -> Vec<(String, bool)> {
    request
        .messages
        .iter()
        .filter_map(|message| match message {
            ModelMessage::Tool { content, is_error, .. } => Some((content.text().into_owned(), *is_error)),
            _ => None,
        })
        .collect()
}

pub(crate) fn json(text: &str) -> Json {
    Json::parse(text).unwrap()
}
