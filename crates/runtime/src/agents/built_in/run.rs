//! The loop.

use super::Inner;
use super::approval::Ledger;
use super::history::model_messages;
use super::overrides::RunSettings;
use super::prompt::system_prompt;
use super::resume::{Open, question_of};
use super::state::SharedState;
use super::toolbox::{Plan, Toolbox};
use super::turn::{Call, Ids, Turn, new_id};
use super::usage::Usage;
use super::window;
use super::work::{Done, Job, Work, error_content, model_content};
use crate::agent::{AgentError, RunContext, ThreadNotes};
use crate::limits;
use crate::model::{
    FinishReason, Model, ModelError, ModelErrorKind, ModelEvent, ModelMessage, ModelRequest, ToolChoice, ToolSpec,
};
use crate::telemetry::ModelCall;
use crate::tool::{ToolOutput, ToolScope};
use crate::wait::Interrupts;
use copilotkit_protocol::{
    Code, Content, Emitted, InterruptOutcome, Json, Object, PROTOCOL_VERSION, RunAgentInput, RunFinished,
    RunFinishedOutcome, RunStarted, SuccessOutcome, ToolCallResult, ToolRole,
};
use futures::stream::{Stream, StreamExt as _};
use std::future::poll_fn;
use std::sync::Arc;

/// The events of one run.
pub(super) fn events(agent: Arc<Inner>, context: RunContext) -> impl Stream<Item = Result<Emitted, AgentError>> + Send {
    async_stream::stream! {
        let input = Arc::clone(&context.input);
        let mut cancelled = Interrupts::new();
        cancelled.add(context.cancel.clone().cancelled_owned());
        yield Ok(started(&input));

        let notes = context.notes.clone();
        let scope = scope(context);
        let prepared = tokio::select! {
            biased;
            () = poll_fn(|cx| cancelled.poll(cx)) => return,
            prepared = scope.pulse.during(Prepared::of(&agent, &scope, notes)) => prepared,
        };
        let mut it = match prepared {
            Ok(prepared) => prepared,
            Err(error) => {
                yield Err(error);
                return;
            }
        };
        let mut ids = Ids::of(&input);
        let mut state = SharedState::new(&input);
        let mut usage = Usage::default();
        let mut out = Vec::new();
        let mut left_out = 0;
        // What the last step of the model led to; at first, what earlier runs left open.
        let mut step = Step::of(std::mem::take(&mut it.open));

        let (reason, outcome) = loop {
            // The calls that the server answers.
            let jobs: Vec<_> = step.jobs.iter().map(|job| (job.call_id.clone(), job.name.clone())).collect();
            let work = std::mem::take(&mut step.jobs).into_iter().map(|job| job.run(scope.clone(), agent.tool_timeout));
            let mut work = futures::stream::iter(work).buffered(limits::TOOL_CONCURRENCY);
            for (call_id, name) in jobs {
                let done = tokio::select! {
                    biased;
                    () = poll_fn(|cx| cancelled.poll(cx)) => return,
                    done = scope.pulse.during(work.next()) => done,
                };
                let result = match done {
                    None => break,
                    Some(Done::State(tool, arguments)) => state.call(tool, &arguments, &mut out).map(ToolOutput::new),
                    Some(Done::Result(result)) => result,
                };
                let result = match result {
                    Ok(ToolOutput { question: Some(question), .. }) => {
                        step.interrupts.push(question_of(&call_id, *question));
                        continue;
                    }
                    result => result,
                };
                let (content, is_error, for_model) = match result {
                    Ok(output) => (output.content, output.is_error, output.for_model),
                    Err(error) => (error_content(&error), true, None),
                };
                out.push(result_event(&call_id, &content));
                let told = for_model.unwrap_or_else(|| model_content(&content).into());
                it.answer(call_id, name, told, is_error);
                for event in out.drain(..) {
                    yield Ok(event);
                }
            }
            drop(work);

            if let Some(end) = step.end(agent.max_steps) {
                break end;
            }
            let number = step.number + 1;
            if number > 1
                && let Err(exhausted) = scope.trace.check_budget()
            {
                yield Err(AgentError::new(Code::BudgetExhausted, exhausted.to_string()));
                return;
            }

            // The model.
            let choice = it.tool_choice();
            let request = it.request(&agent, choice.clone(), &scope, &mut left_out);
            let mut turn = Turn::new(&mut ids);
            let mut call = ModelCall::begin(it.model(), &request);
            let mut stream = it.model().stream(call.request(request));
            let mut fresh = true;
            let (reason, tokens) = loop {
                let item = tokio::select! {
                    biased;
                    () = poll_fn(|cx| cancelled.poll(cx)) => return,
                    item = stream.next() => item,
                };
                call.saw(item.as_slice());
                match item {
                    Some(Ok(ModelEvent::Finish { reason, usage: tokens })) => {
                        usage.add(it.model(), tokens.clone());
                        turn.finish(reason, &mut out);
                        break (reason, tokens);
                    }
                    Some(Ok(event)) => {
                        fresh = false;
                        turn.apply(event, &mut out);
                        for event in out.drain(..) {
                            yield Ok(event);
                        }
                    }
                    Some(Err(error)) if fresh && error.kind.is_retryable() && it.next_model() => {
                        tracing::warn!(model = it.model().name(), error = %error, "the next model is tried");
                        call.fail(error.kind.code().as_str());
                        let request = it.request(&agent, choice.clone(), &scope, &mut left_out);
                        call = ModelCall::begin(it.model(), &request);
                        stream = it.model().stream(call.request(request));
                    }
                    Some(Err(error)) => {
                        call.fail(error.kind.code().as_str());
                        yield Err(agent_error(error));
                        return;
                    }
                    None => {
                        let message = "The model's answer ended before it said that it was done.";
                        yield Err(agent_error(ModelError::new(ModelErrorKind::Protocol, message)));
                        return;
                    }
                }
            };
            drop(stream);
            for event in out.drain(..) {
                yield Ok(event);
            }

            let (message, calls) = turn.into_parts();
            call.finish(reason, &tokens, &message);
            it.messages.push(message);
            step = Step::planned(number, reason, calls, &it.toolbox);
            if let Err(error) = it.ledger.keep(std::mem::take(&mut step.waiting)).await {
                yield Err(error);
                return;
            }
        };
        yield Ok(RunFinished {
            thread_id: input.thread_id.clone(),
            run_id: input.run_id.clone(),
            outcome,
            usage: usage.into_list(),
            metadata: Some(finish_metadata(reason, left_out)),
            ..Default::default()
        }.into());
    }
}

/// What a step of the model led to.
struct Step {
    /// 0 before the model was asked.
    number: u32,
    reason: FinishReason,
    /// Calls that the server answers.
    jobs: Vec<Job>,
    /// Questions to a person.
    interrupts: Vec<copilotkit_protocol::Interrupt>,
    /// The calls among them that wait for leave.
    waiting: Vec<super::approval::Waiting>,
    /// Calls that the page answers.
    pending: Vec<String>,
    /// The model may go on.
    goes_on: bool,
}

impl Step {
    fn of(open: Open) -> Self {
        let Open { jobs, interrupts, waiting } = open;
        let reason = FinishReason::ToolCalls;
        Self { number: 0, reason, jobs, interrupts, waiting, pending: Vec::new(), goes_on: true }
    }

    fn planned(number: u32, reason: FinishReason, calls: Vec<Call>, toolbox: &Toolbox) -> Self {
        // A model that ran out of tokens inside a call would do so again.
        let goes_on = !calls.is_empty() && !calls.iter().any(|call| call.cut);
        let mut step = Self { reason, number, goes_on, ..Self::of(Open::default()) };
        for call in calls {
            let work = match toolbox.plan(&call) {
                Plan::Refused(error) => Work::Told(Err(error)),
                Plan::State(tool, arguments) => Work::State(tool, arguments),
                Plan::Execute(tool, arguments) => Work::Execute { tool, arguments, edited: false },
                Plan::Page => {
                    step.pending.push(call.id);
                    continue;
                }
                Plan::Ask(interrupt) => {
                    step.interrupts.push(interrupt);
                    continue;
                }
                Plan::Approve(waiting) => {
                    step.interrupts.push(toolbox.approval_question(&waiting));
                    step.waiting.push(waiting);
                    continue;
                }
            };
            step.jobs.push(Job { call_id: call.id, name: call.name, work });
        }
        step
    }

    /// How the run ends behind this step, if it does.
    fn end(&mut self, max_steps: u32) -> Option<(FinishReason, Option<RunFinishedOutcome>)> {
        if !self.interrupts.is_empty() {
            let interrupts = std::mem::take(&mut self.interrupts);
            return Some((self.reason, Some(InterruptOutcome { interrupts, ..Default::default() }.into())));
        }
        if !self.pending.is_empty() {
            let pending_tool_call_ids = Some(std::mem::take(&mut self.pending));
            let outcome = SuccessOutcome { pending_tool_call_ids, ..Default::default() };
            return Some((self.reason, Some(outcome.into())));
        }
        (!self.goes_on || self.number >= max_steps).then_some((self.reason, None))
    }
}

/// What a run has at hand.
struct Prepared {
    toolbox: Toolbox,
    specs: Vec<ToolSpec>,
    ledger: Ledger,
    open: Open,
    models: Vec<Arc<dyn Model>>,
    /// The one of them that is asked.
    at: usize,
    run: RunSettings,
    messages: Vec<ModelMessage>,
    /// Before the first step the results of open calls have their places already.
    asked: bool,
}

impl Prepared {
    async fn of(agent: &Inner, scope: &ToolScope, notes: Option<ThreadNotes>) -> Result<Self, AgentError> {
        let toolbox = Toolbox::collect(agent, scope).await?;
        let mut run =
            RunSettings { settings: agent.settings.clone(), tool_choice: agent.tool_choice.clone(), model: None };
        run.apply(&agent.overridable, &scope.input);
        let models = match (run.model.take(), &agent.resolver) {
            (Some(name), Some(resolve)) => vec![resolve(&name)?],
            _ => agent.models.clone(),
        };
        let resumed = scope.input.resume.as_ref().is_some_and(|entries| !entries.is_empty());
        let needed = resumed || agent.approval != super::Approval::Never;
        let mut ledger = Ledger::read(notes, &scope.agent_id, needed).await?;
        let mut open = Open::of(&scope.input, &toolbox, &ledger)?;
        // Before anything is executed: an answer that comes twice must find nothing that waits.
        ledger.keep(std::mem::take(&mut open.waiting)).await?;
        let mut messages = model_messages(&scope.input, agent.forward);
        if let Some(content) = system_prompt(&agent.prompt, &scope.input) {
            messages.insert(0, ModelMessage::System { content });
        }
        let specs = toolbox.specs();
        Ok(Self { toolbox, specs, ledger, open, models, at: 0, run, messages, asked: false })
    }

    fn model(&self) -> &dyn Model {
        self.models[self.at].as_ref()
    }

    /// Goes on to the next model, if there is one.
    fn next_model(&mut self) -> bool {
        let has_next = self.at + 1 < self.models.len();
        self.at += usize::from(has_next);
        has_next
    }

    /// The choice for the next step. What is forced is forced once, or the model would call tools for ever: a run that
    /// begins with the result of a tool goes on with what another one began.
    fn tool_choice(&mut self) -> ToolChoice {
        let answered = matches!(self.messages.last(), Some(ModelMessage::Tool { .. }));
        match std::mem::take(&mut self.run.tool_choice) {
            ToolChoice::Required | ToolChoice::Tool(_) if answered => ToolChoice::Auto,
            // A provider refuses a request that forces a tool which it does not offer.
            ToolChoice::Tool(name) if !self.toolbox.has(&name) => ToolChoice::Auto,
            ToolChoice::None => {
                self.run.tool_choice = ToolChoice::None;
                ToolChoice::None
            }
            choice => choice,
        }
    }

    /// The next request, and how many messages it leaves out.
    fn request(
        &mut self,
        agent: &Inner,
        tool_choice: ToolChoice,
        scope: &ToolScope,
        left_out: &mut usize,
    ) -> ModelRequest {
        self.asked = true;
        let window = agent.context_window.or_else(|| self.model().traits().context_window);
        let budget = window.map(|tokens| window::budget(tokens, self.run.settings.max_output_tokens, &self.specs));
        let (messages, dropped) = window::fit(&self.messages, budget);
        if dropped > 0 {
            tracing::debug!(dropped, model = self.model().name(), "old turns do not fit the model and are left out");
        }
        *left_out = dropped;
        ModelRequest {
            messages,
            tools: self.specs.clone(),
            tool_choice,
            settings: self.run.settings.clone(),
            cancel: scope.cancel.clone(),
            pulse: scope.pulse.clone(),
            trace: scope.trace.clone(),
        }
    }

    /// Tells the model the result of a call.
    fn answer(&mut self, tool_call_id: String, name: String, content: Content, is_error: bool) {
        let place = match self.asked {
            // It stands there as one that was never answered.
            false => self
                .messages
                .iter_mut()
                .rfind(|message| matches!(message, ModelMessage::Tool { tool_call_id: id, .. } if *id == tool_call_id)),
            true => None,
        };
        let result = ModelMessage::Tool { tool_call_id, name, content, is_error };
        match place {
            Some(place) => *place = result,
            None => self.messages.push(result),
        }
    }
}

fn scope(context: RunContext) -> ToolScope {
    ToolScope {
        agent_id: context.agent_id,
        input: context.input,
        principal: context.principal,
        headers: context.headers,
        cancel: context.cancel,
        pulse: context.pulse,
        trace: context.trace,
    }
}

fn started(input: &RunAgentInput) -> Emitted {
    RunStarted {
        thread_id: input.thread_id.clone(),
        run_id: input.run_id.clone(),
        protocol_version: Some(PROTOCOL_VERSION.to_owned()),
        ..Default::default()
    }
    .into()
}

fn result_event(tool_call_id: &str, content: &Json) -> Emitted {
    ToolCallResult {
        message_id: new_id(),
        tool_call_id: tool_call_id.to_owned(),
        content: Content::Text(content.get().to_owned()),
        role: Some(ToolRole),
        ..Default::default()
    }
    .into()
}

fn agent_error(error: ModelError) -> AgentError {
    let retryable = error.kind.is_retryable();
    AgentError { code: error.kind.code().into(), message: error.message, retryable }
}

fn finish_metadata(reason: FinishReason, left_out: usize) -> Object {
    let (reason, count) = (Json::of(reason.as_str()), Json::of(&left_out));
    let members = [("finishReason", &reason), ("messagesLeftOut", &count)];
    Object::from_members(members.into_iter().take(if left_out > 0 { 2 } else { 1 }))
}
