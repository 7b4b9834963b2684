//! The loop.

use super::Inner;
use super::history::model_messages;
use super::overrides::RunSettings;
use super::prompt::system_prompt;
use super::state::SharedState;
use super::toolbox::{Plan, Toolbox, execute};
use super::turn::{Ids, Turn, new_id};
use super::usage::Usage;
use crate::agent::{AgentError, RunContext};
use crate::limits;
use crate::model::{
    FinishReason, Model, ModelError, ModelErrorKind, ModelEvent, ModelMessage, ModelRequest, ToolChoice,
};
use crate::telemetry::ModelCall;
use crate::tool::{ToolError, ToolInvocation, ToolOutput, ToolScope};
use copilotkit_protocol::{
    Code, Content, Emitted, Interrupt, InterruptOutcome, Json, Object, PROTOCOL_VERSION, RunFinished,
    RunFinishedOutcome, RunStarted, SuccessOutcome, ToolCallResult, ToolRole,
};
use futures::stream::{Stream, StreamExt as _};
use serde_json::json;
use std::sync::Arc;

/// The most events of the model that are taken at once.
const BATCH: usize = 256;

/// What became of one call: nothing that the model is told, a call of a state tool that is due, or a result.
enum Done {
    Waiting,
    State(super::state::StateTool, Json),
    Result(Result<ToolOutput, ToolError>),
}

/// The events of one run.
pub(super) fn events(agent: Arc<Inner>, context: RunContext) -> impl Stream<Item = Result<Emitted, AgentError>> + Send {
    async_stream::stream! {
        let input = Arc::clone(&context.input);
        let cancel = context.cancel.clone();
        let cancelled = cancel.cancelled();
        tokio::pin!(cancelled);

        yield Ok(RunStarted {
            thread_id: input.thread_id.clone(),
            run_id: input.run_id.clone(),
            protocol_version: Some(PROTOCOL_VERSION.to_owned()),
            ..Default::default()
        }.into());

        let scope = ToolScope {
            agent_id: context.agent_id,
            input: context.input,
            principal: context.principal,
            headers: context.headers,
            cancel: context.cancel,
            pulse: context.pulse,
            trace: context.trace,
        };
        let toolbox = tokio::select! {
            biased;
            () = &mut cancelled => return,
            toolbox = scope.pulse.during(Toolbox::collect(&agent.tools, &agent.tool_sources, &scope)) => toolbox,
        };
        let prepared = toolbox.and_then(|toolbox| Ok((toolbox, Plans::of(&agent, &scope)?)));
        let (toolbox, plans) = match prepared {
            Ok(prepared) => prepared,
            Err(error) => {
                yield Err(error);
                return;
            }
        };
        let Plans { models, mut run, mut messages } = plans;
        let specs = toolbox.specs();
        let mut ids = Ids::of(&input);
        let mut state = SharedState::new(&input);
        let mut usage = Usage::default();
        let mut out = Vec::new();
        let mut model_index = 0;
        let mut step = 0;

        let (reason, outcome) = loop {
            step += 1;
            if step > 1
                && let Err(exhausted) = scope.trace.check_budget()
            {
                yield Err(AgentError::new(Code::BudgetExhausted, exhausted.to_string()));
                return;
            }
            let request = ModelRequest {
                messages: messages.clone(),
                tools: specs.clone(),
                tool_choice: match std::mem::take(&mut run.tool_choice) {
                    // A provider refuses a request that forces a tool which it does not offer.
                    ToolChoice::Tool(name) if !toolbox.has(&name) => ToolChoice::Auto,
                    ToolChoice::None => {
                        run.tool_choice = ToolChoice::None;
                        ToolChoice::None
                    }
                    choice => choice,
                },
                settings: run.settings.clone(),
                cancel: cancel.clone(),
                pulse: scope.pulse.clone(),
                trace: scope.trace.clone(),
            };
            let mut turn = Turn::new(&mut ids);
            let mut call = ModelCall::begin(models[model_index].as_ref(), &request);
            let mut stream = models[model_index].stream(call.request(&request)).ready_chunks(BATCH);
            let mut fresh = true;
            let (reason, tokens) = 'answer: loop {
                let items = tokio::select! {
                    biased;
                    () = &mut cancelled => return,
                    items = stream.next() => items,
                };
                let Some(items) = items else {
                    let message = "The model's answer ended before it said that it was done.";
                    yield Err(agent_error(ModelError::new(ModelErrorKind::Protocol, message)));
                    return;
                };
                call.saw(&items);
                for item in items {
                    match item {
                        Ok(ModelEvent::Finish { reason, usage: tokens }) => {
                            usage.add(models[model_index].as_ref(), tokens.clone());
                            turn.finish(reason, &mut out);
                            break 'answer (reason, tokens);
                        }
                        Ok(event) => {
                            fresh = false;
                            turn.apply(event, &mut out);
                        }
                        Err(error) if fresh && error.kind.is_retryable() && model_index + 1 < models.len() => {
                            tracing::warn!(model = models[model_index].name(), error = %error, "the next model is tried");
                            model_index += 1;
                            call.fail(error.kind.code().as_str());
                            call = ModelCall::begin(models[model_index].as_ref(), &request);
                            stream = models[model_index].stream(call.request(&request)).ready_chunks(BATCH);
                            break;
                        }
                        Err(error) => {
                            call.fail(error.kind.code().as_str());
                            for event in out.drain(..) {
                                yield Ok(event.into());
                            }
                            yield Err(agent_error(error));
                            return;
                        }
                    }
                }
                for event in out.drain(..) {
                    yield Ok(event.into());
                }
            };
            drop(stream);
            for event in out.drain(..) {
                yield Ok(event.into());
            }

            let (message, calls) = turn.into_parts();
            call.finish(reason, &tokens, &message);
            messages.push(message);
            let mut interrupts: Vec<Interrupt> = Vec::new();
            let mut pending = Vec::new();
            let mut work = Vec::with_capacity(calls.len());
            for call in &calls {
                let plan = toolbox.plan(call);
                let mut running = None;
                let done = match plan {
                    Plan::Refused(error) => Done::Result(Err(error)),
                    Plan::State(tool, arguments) => Done::State(tool, arguments),
                    Plan::Page => {
                        pending.push(call.id.clone());
                        Done::Waiting
                    }
                    Plan::Ask(interrupt) => {
                        interrupts.push(interrupt);
                        Done::Waiting
                    }
                    Plan::Execute(tool, arguments) => {
                        let invocation = ToolInvocation { id: call.id.clone(), arguments, run: scope.clone() };
                        running = Some(execute(tool, invocation, agent.tool_timeout));
                        Done::Waiting
                    }
                };
                work.push(async move {
                    match running {
                        Some(running) => Done::Result(running.await),
                        None => done,
                    }
                });
            }
            let mut work = futures::stream::iter(work).buffered(limits::TOOL_CONCURRENCY);
            for call in &calls {
                let done = tokio::select! {
                    biased;
                    () = &mut cancelled => return,
                    done = scope.pulse.during(work.next()) => done,
                };
                let result = match done {
                    None => break,
                    Some(Done::Waiting) => continue,
                    Some(Done::State(tool, arguments)) => {
                        state.call(tool, &arguments, &mut out).map(ToolOutput::new)
                    }
                    Some(Done::Result(result)) => result,
                };
                let (content, is_error) = match result {
                    Ok(output) => (output.content, output.is_error),
                    Err(error) => (error_content(&error), true),
                };
                out.push(ToolCallResult {
                    message_id: new_id(),
                    tool_call_id: call.id.clone(),
                    content: Content::Text(content.get().to_owned()),
                    role: Some(ToolRole),
                    ..Default::default()
                }.into());
                messages.push(ModelMessage::Tool {
                    tool_call_id: call.id.clone(),
                    name: call.name.clone(),
                    content: model_content(&content).into(),
                    is_error,
                });
                for event in out.drain(..) {
                    yield Ok(event.into());
                }
            }
            drop(work);

            if !interrupts.is_empty() {
                break (reason, Some(InterruptOutcome { interrupts, ..Default::default() }.into()));
            }
            if !pending.is_empty() {
                let outcome = SuccessOutcome { pending_tool_call_ids: Some(pending), ..Default::default() };
                break (reason, Some(RunFinishedOutcome::from(outcome)));
            }
            // A model that ran out of tokens inside a call would do so again.
            let goes_on = !calls.is_empty() && !calls.iter().any(|call| call.cut) && step < agent.max_steps;
            if !goes_on {
                break (reason, None);
            }
        };
        yield Ok(RunFinished {
            thread_id: input.thread_id.clone(),
            run_id: input.run_id.clone(),
            outcome,
            usage: usage.into_list(),
            metadata: Some(finish_metadata(reason)),
            ..Default::default()
        }.into());
    }
}

/// What a run starts with.
struct Plans {
    models: Vec<Arc<dyn Model>>,
    run: RunSettings,
    messages: Vec<ModelMessage>,
}

impl Plans {
    fn of(agent: &Inner, scope: &ToolScope) -> Result<Self, AgentError> {
        let mut run =
            RunSettings { settings: agent.settings.clone(), tool_choice: agent.tool_choice.clone(), model: None };
        run.apply(&agent.overridable, &scope.input);
        let models = match (run.model.take(), &agent.resolver) {
            (Some(name), Some(resolve)) => vec![resolve(&name)?],
            _ => agent.models.clone(),
        };
        let mut messages = model_messages(&scope.input, agent.forward);
        if let Some(content) = system_prompt(&agent.prompt, &scope.input) {
            messages.insert(0, ModelMessage::System { content });
        }
        Ok(Self { models, run, messages })
    }
}

fn agent_error(error: ModelError) -> AgentError {
    let retryable = error.kind.is_retryable();
    AgentError { code: error.kind.code().into(), message: error.message, retryable }
}

/// The result of a call that failed, in the form that a call gets which was never finished.
fn error_content(error: &ToolError) -> Json {
    json!({ "status": "error", "reason": error.code, "message": error.message }).into()
}

/// A result for the model: a text as it is, anything else as JSON.
fn model_content(content: &Json) -> String {
    content.read::<String>().unwrap_or_else(|_| content.get().to_owned())
}

fn finish_metadata(reason: FinishReason) -> Object {
    Object::from_members([("finishReason", &Json::of(reason.as_str()))])
}
