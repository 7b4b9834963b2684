//! One run of an orchestrator and of all whom it asks.

mod calls;

use super::ask::{Asked, Question, ask, plan, question};
use super::prompt::{SEND_TOOL, equip};
use super::roster::Roster;
use super::team::{Pending, Team};
use super::{Inner, OnQuestion};
use crate::agent_input::answer as answer_parts;
use crate::client::Caller;
use crate::converse::cancel_task;
use crate::interrupt;
use crate::limits;
use crate::memory::Memory;
use crate::show::parts_text;
use calls::Calls;
use copilotkit_protocol::{
    ActivitySnapshot, Applied, Code, Emitted, Event, EventKind, Expander, Interrupt, InterruptOutcome, Json, Message,
    Object, ResumeEntry, ResumeStatus, RunAgentInput, RunFinished, RunFinishedOutcome, RunStarted, SuccessOutcome,
    ToolCallResult, ToolRole, build,
};
use copilotkit_runtime::{AgentError, Next, RunContext};
use futures::{Stream, StreamExt as _};
use serde_json::json;
use std::sync::Arc;

/// The events of one run. The runs of the orchestrator in it are not seen by the page: it is one run with one start and one end.
pub(super) fn events(
    inner: Arc<Inner>,
    context: RunContext,
    next: Next,
) -> impl Stream<Item = Result<Emitted, AgentError>> + Send {
    async_stream::stream! {
        let input = context.input.clone();
        let (thread_id, run_id) = (input.thread_id.clone(), input.run_id.clone());
        yield Ok(RunStarted { thread_id, run_id, ..Default::default() }.into());
        let memory = Memory::of(inner.threads.as_ref(), &context);
        let roster = tokio::select! {
            biased;
            () = context.cancel.cancelled() => return,
            roster = context.pulse.during(Roster::of(&inner.members)) => roster,
        };
        let mut team: Team = memory.load().await;
        let mut applied = Applied::new(input.messages.clone(), input.state.clone());
        let mut resume = input.resume.clone();

        // Answers to the questions of an earlier run come first; then what the orchestrator asks, round by round.
        let mut changed = !team.pending.is_empty();
        let Reopened { mut questions, events } = reopen(&mut team, &roster, &mut resume, &context).await;
        for event in events {
            applied.apply(&event);
            yield Ok(event.into());
        }
        let (mut round, mut outcome, mut of_page) = (0, None, Vec::new());
        loop {
            let mut interrupts = Vec::new();
            let mut asked = futures::stream::iter(questions.drain(..).map(|question| ask(question, &context)))
                .buffer_unordered(limits::PARALLEL);
            while let Some(asked) = asked.next().await {
                if asked.stopped {
                    return;
                }
                for event in settle(&inner, asked, &mut team, &mut interrupts) {
                    applied.apply(&event);
                    yield Ok(event.into());
                }
            }
            drop(asked);
            if changed {
                memory.save(&team).await;
            }
            if let Some(outcome) = pause(outcome, interrupts, of_page) {
                yield Ok(finished(&context, outcome));
                return;
            }
            if round > 0 && round >= inner.max_rounds {
                let message = format!("Other agents were asked in {round} steps, which is as many as there may be.");
                yield Err(AgentError::new(Code::A2aRounds, message));
                return;
            }
            let mut own = RunAgentInput {
                messages: applied.messages().to_vec(),
                state: Some(applied.state()),
                resume: resume.take(),
                ..(*input).clone()
            };
            own.messages.retain(|message| !matches!(message, Message::Activity(_)));
            if round > 0 {
                // Agents may take a run with a known id for one that they have done.
                own.run_id = uuid::Uuid::new_v4().to_string();
                own.parent_run_id = Some(input.run_id.clone());
            }
            equip(&mut own, &inner.instructions, inner.placement, &roster);
            let mut run = next.clone().run(RunContext { input: Arc::new(own), ..context.clone() });
            let mut calls = Calls::new(&input);
            let mut expander = Expander::new();
            let mut expanded = Vec::new();
            let mut finish = None;
            'run: while let Some(item) = run.next().await {
                let emitted = match item {
                    Ok(emitted) => emitted,
                    Err(error) => {
                        yield Err(error);
                        return;
                    }
                };
                let grown = expander.push(emitted, &mut expanded);
                for emitted in expanded.drain(..) {
                    match emitted.kind() {
                        EventKind::RunStarted => {}
                        EventKind::RunFinished => {
                            finish = Some(emitted.into_event());
                            break 'run;
                        }
                        kind => {
                            calls.see(&emitted);
                            if !is_aside(kind) {
                                applied.apply(&emitted.event());
                            }
                            yield Ok(emitted);
                            if kind == EventKind::RunError {
                                return;
                            }
                        }
                    }
                }
                if let Err(error) = grown {
                    yield Err(AgentError::new(Code::AgentBadEvent, error.to_string()));
                    return;
                }
            }
            drop(run);
            outcome = match finish {
                Some(Event::RunFinished(event)) if calls.is_empty() => {
                    let (thread_id, run_id) = (input.thread_id.clone(), input.run_id.clone());
                    yield Ok(RunFinished { thread_id, run_id, ..event }.into());
                    return;
                }
                Some(Event::RunFinished(event)) => event.outcome,
                // It broke off: the lifecycle says so.
                _ if calls.is_empty() => return,
                _ => None,
            };
            if context.cancel.is_cancelled() {
                return;
            }
            for event in calls.close() {
                yield Ok(event.into());
            }
            (round, changed) = (round + 1, true);
            for call in calls.take() {
                match plan(&call, &roster) {
                    Ok((entry, task)) => {
                        yield Ok(progress(&call.id, &entry.name, "working").into());
                        let contact = team.contacts.get(entry.client.url());
                        questions.push(question(&call, entry, task, contact));
                    }
                    Err(words) => {
                        let event = result(&call.id, words);
                        applied.apply(&event);
                        yield Ok(event.into());
                    }
                }
            }
            of_page = calls.of_page();
        }
    }
}

/// Events that change no message.
fn is_aside(kind: EventKind) -> bool {
    matches!(kind, EventKind::Raw | EventKind::Custom | EventKind::StepStarted | EventKind::StepFinished)
}

fn finished(context: &RunContext, outcome: RunFinishedOutcome) -> Emitted {
    let (thread_id, run_id) = (context.input.thread_id.clone(), context.input.run_id.clone());
    RunFinished { thread_id, run_id, outcome: Some(outcome), ..Default::default() }.into()
}

/// Why the run ends here, if it must: somebody is to answer, or the page is to execute its own tools first.
fn pause(
    outcome: Option<RunFinishedOutcome>,
    mut interrupts: Vec<Interrupt>,
    of_page: Vec<String>,
) -> Option<RunFinishedOutcome> {
    if let Some(RunFinishedOutcome::Interrupt(own)) = outcome {
        interrupts.extend(own.interrupts);
    }
    if !interrupts.is_empty() {
        return Some(InterruptOutcome { interrupts, ..Default::default() }.into());
    }
    let pending = SuccessOutcome { pending_tool_call_ids: Some(of_page.clone()), ..Default::default() };
    (!of_page.is_empty()).then(|| pending.into())
}

fn result(tool_call_id: &str, text: String) -> Event {
    let (message_id, tool_call_id) = (uuid::Uuid::new_v4().to_string(), tool_call_id.to_owned());
    ToolCallResult { message_id, tool_call_id, content: text.into(), role: Some(ToolRole), ..Default::default() }.into()
}

/// The state of a call, for pages that want to show it.
fn progress(tool_call_id: &str, agent: &str, state: &str) -> Event {
    let content = json!({ "agent": agent, "state": state, "toolCallId": tool_call_id });
    ActivitySnapshot {
        message_id: format!("a2a-{tool_call_id}"),
        activity_type: crate::TASK_ACTIVITY.to_owned(),
        content: Object::try_from(Json::from(content)).unwrap_or_default(),
        replace: Some(true),
        ..Default::default()
    }
    .into()
}

/// Remembers what became of a question and tells the page. A question that goes to the person is the result of its call as
/// well: pages answer calls without a result themselves.
fn settle(inner: &Inner, asked: Asked, team: &mut Team, interrupts: &mut Vec<Interrupt>) -> Vec<Event> {
    let Asked { call_id, entry, text, view, .. } = asked;
    let state = view.state();
    let contact = team.contacts.entry(entry.client.url().to_owned()).or_default();
    if view.context_id.is_some() {
        contact.context_id.clone_from(&view.context_id);
    }
    contact.waiting_task = view.task_id.clone().filter(|_| state.is_interrupted());
    if let (Some(task_id), OnQuestion::Interrupt) = (&contact.waiting_task, inner.on_question) {
        let interrupt = interrupt::question(&entry.name, &view, Some(&call_id));
        team.pending.push(Pending {
            interrupt_id: interrupt.id.clone(),
            agent: entry.client.url().to_owned(),
            task_id: task_id.clone(),
        });
        interrupts.push(interrupt);
    }
    vec![progress(&call_id, &entry.name, state.as_str()), result(&call_id, text)]
}

/// What becomes of the questions of an earlier run.
struct Reopened {
    /// Those that were answered, as questions to their agents.
    questions: Vec<Question>,
    /// The calls that stand for them in the conversation.
    events: Vec<Event>,
}

/// Goes through the questions of an earlier run. Their entries are taken out of `resume`: the orchestrator did not ask them.
/// An answer is a call of the tool, as if the orchestrator had passed it on: so it reads on in its own conversation. A
/// question that was not answered stays what it was, the result of its call.
async fn reopen(
    team: &mut Team,
    roster: &Roster,
    resume: &mut Option<Vec<ResumeEntry>>,
    context: &RunContext,
) -> Reopened {
    let mut reopened = Reopened { questions: Vec::new(), events: Vec::new() };
    for pending in std::mem::take(&mut team.pending) {
        let entry = resume.iter().flatten().find(|entry| entry.interrupt_id == pending.interrupt_id).cloned();
        if let Some(entries) = resume {
            entries.retain(|entry| entry.interrupt_id != pending.interrupt_id);
        }
        let agent = roster.0.iter().find(|entry| entry.client.url() == pending.agent);
        let (Some(entry), Some(agent)) = (entry, agent) else { continue };
        let call_id = format!("a2a-{}", uuid::Uuid::new_v4());
        let call = |task: &str| {
            build::tool_call(call_id.as_str(), SEND_TOOL, &json!({ "agentName": agent.name, "task": task }))
        };
        if entry.status == ResumeStatus::Resolved {
            let parts = answer_parts(entry.payload.as_ref());
            reopened.events.extend(call(&parts_text(&parts)));
            let context_id = team.contacts.get(&pending.agent).and_then(|contact| contact.context_id.clone());
            let task_id = Some(pending.task_id);
            reopened.questions.push(Question { call_id, entry: agent.clone(), parts, context_id, task_id });
            continue;
        }
        let caller =
            Caller { headers: context.headers.clone(), pulse: context.pulse.clone(), trace: context.trace.clone() };
        cancel_task(&agent.client, &pending.task_id, &caller).await;
        if let Some(contact) = team.contacts.get_mut(&pending.agent) {
            contact.waiting_task = None;
        }
        reopened.events.extend(call("The user does not want to answer."));
        reopened.events.push(result(&call_id, "The task was canceled.".to_owned()));
    }
    if resume.as_ref().is_some_and(Vec::is_empty) {
        *resume = None;
    }
    reopened
}
