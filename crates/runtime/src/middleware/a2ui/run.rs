//! One run of an agent that draws. When what it drew is no surface, it is told why and runs again: to the page it is one run.

use super::input::{Props, page_catalog, prepared, tool_name};
use super::tracker::{Pending, Tracker};
use super::validate::Problem;
use super::{Inner, LOG_TOOL};
use crate::agent::{AgentError, RunContext};
use crate::middleware::Next;
use copilotkit_protocol::{
    Applied, Code, Emitted, Event, EventKind, Expander, Json, Message, RunAgentInput, RunFinished, RunFinishedOutcome,
    TokenUsage, ToolCallResult,
};
use futures::{Stream, StreamExt as _};
use serde::Serialize;
use std::sync::Arc;
use uuid::Uuid;

const CUT_OFF: &str = "The run ended before the surface was complete.";

pub(super) fn events(
    inner: Arc<Inner>,
    props: Props,
    context: RunContext,
    next: Next,
) -> impl Stream<Item = Result<Emitted, AgentError>> + Send {
    async_stream::stream! {
        let asked = context.input.clone();
        let injected = tool_name(&inner.options, &props).map(str::to_owned);
        let mut tracker = Tracker::new(inner.clone(), injected.as_deref(), page_catalog(&asked));
        let mut input = Arc::new(prepared(&inner.options, &asked, &props));
        let mut unanswered = unanswered(&asked, &tracker);
        let mut spent: Vec<TokenUsage> = Vec::new();
        let mut out = Vec::new();
        let mut expanded = Vec::new();
        for round in 0.. {
            let mut run = next.clone().run(RunContext { input: input.clone(), ..context.clone() });
            let mut said = Said::new(injected.is_some(), &input);
            let mut expander = Expander::new();
            let mut finish = None;
            while let Some(item) = run.next().await {
                let grown = item.and_then(|event| {
                    let bad = |error: copilotkit_protocol::ProtocolError| AgentError::new(Code::AgentBadEvent, error.to_string());
                    expander.push(event, &mut expanded).map_err(bad)
                });
                for event in expanded.drain(..) {
                    // An agent that goes on behind its end: what comes of that is not decided here.
                    out.extend(finish.take());
                    match event.kind() {
                        EventKind::RunStarted if round > 0 => {}
                        EventKind::RunFinished => finish = Some(event),
                        EventKind::RunError => {
                            tracker.give_up(CUT_OFF, &mut out);
                            out.push(event);
                        }
                        _ => {
                            said.see(&event);
                            tracker.take(event, &mut out);
                        }
                    }
                }
                if grown.is_err() {
                    tracker.give_up(CUT_OFF, &mut out);
                    out.extend(finish.take());
                }
                for event in out.drain(..) {
                    yield Ok(event);
                }
                if let Err(error) = grown {
                    yield Err(error);
                    return;
                }
            }
            drop(run);
            let Some(finish) = finish else {
                tracker.give_up(CUT_OFF, &mut out);
                for event in out.drain(..) {
                    yield Ok(event);
                }
                return;
            };
            let Event::RunFinished(finish) = finish.into_event() else { return };
            let mut pending = tracker.pending(&mut out);
            let again = !matches!(finish.outcome, Some(RunFinishedOutcome::Interrupt(_)))
                && !tracker.waits_for_page()
                && !context.cancel.is_cancelled()
                && may_try_again(&pending, injected.as_deref(), inner.options.recovery.max_attempts);
            // Calls of earlier runs that nobody answered would keep the model from going on.
            pending.extend(unanswered.drain(..).map(|(call_id, name)| Pending { call_id, name, rejected: None }));
            let results: Vec<Event> = pending.iter().map(|pending| result(pending, again, &tracker)).collect();
            if !again {
                tracker.give_up("No surface came of it that can be drawn.", &mut out);
            }
            for event in out.drain(..) {
                yield Ok(event);
            }
            for event in &results {
                said.apply(event);
                yield Ok(event.clone().into());
            }
            if !again {
                let mut finish = finish;
                if !spent.is_empty() {
                    spent.extend(finish.usage.take().into_iter().flatten());
                    finish.usage = Some(spent);
                }
                yield Ok(finished(finish, (round > 0).then_some(&*asked), &pending).into());
                return;
            }
            // What the tries cost belongs to the run.
            spent.extend(finish.usage.into_iter().flatten());
            if let Some(rejected) = pending.into_iter().find_map(|pending| pending.rejected) {
                tracker.try_again(rejected.key);
            }
            input = Arc::new(said.next_input(&input, &asked));
        }
    }
}

/// The calls that draw without a result in what the page sent.
fn unanswered(input: &RunAgentInput, tracker: &Tracker) -> Vec<(String, String)> {
    let calls = input.messages.iter().flat_map(Message::tool_calls);
    let drawing = calls.filter(|call| tracker.draws(&call.function.name));
    let open = drawing.filter(|call| {
        let answers = |message: &Message| matches!(message, Message::Tool(result) if result.tool_call_id == call.id);
        !input.messages.iter().any(answers)
    });
    open.map(|call| (call.id.clone(), call.function.name.clone())).collect()
}

/// True when something was not drawn that the agent can draw again: with the tool that it was given, if there is a try left.
fn may_try_again(pending: &[Pending], injected: Option<&str>, max_attempts: u32) -> bool {
    let mut rejected = pending.iter().filter_map(|pending| Some((pending, pending.rejected.as_ref()?))).peekable();
    rejected.peek().is_some()
        && rejected.all(|(pending, rejected)| {
            injected == Some(&*pending.name) && rejected.attempts < max_attempts.max(1) as usize
        })
}

/// The result of a call that the agent left without one.
fn result(pending: &Pending, again: bool, tracker: &Tracker) -> Event {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Wrong<'a> {
        error: String,
        code: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        errors: Option<&'a [Problem]>,
        #[serde(skip_serializing_if = "Option::is_none")]
        attempts: Option<Json>,
    }
    let content = match &pending.rejected {
        None => Json::of(&std::collections::BTreeMap::from([("status", "rendered")])),
        Some(rejected) if again => Json::of(&Wrong {
            error: format!("The user sees nothing yet. Mend what `errors` lists and call {} again.", pending.name),
            code: "a2ui_invalid",
            errors: Some(&rejected.problems),
            attempts: None,
        }),
        Some(rejected) => Json::of(&Wrong {
            error: format!("No surface that can be drawn after {} attempts. The user sees none.", rejected.attempts),
            code: "a2ui_recovery_exhausted",
            errors: None,
            attempts: Some(tracker.attempts(&rejected.key)),
        }),
    };
    let (message_id, tool_call_id) = (Uuid::new_v4().to_string(), pending.call_id.clone());
    ToolCallResult { message_id, tool_call_id, content: content.get().into(), ..Default::default() }.into()
}

/// The end that the page sees: that of the run that began, without what has been answered meanwhile.
fn finished(mut finish: RunFinished, began: Option<&RunAgentInput>, answered: &[Pending]) -> RunFinished {
    if let Some(RunFinishedOutcome::Success(outcome)) = &mut finish.outcome
        && let Some(ids) = &mut outcome.pending_tool_call_ids
    {
        ids.retain(|id| answered.iter().all(|pending| pending.call_id != *id));
        if ids.is_empty() {
            outcome.pending_tool_call_ids = None;
        }
    }
    if let Some(began) = began {
        (finish.thread_id, finish.run_id) = (began.thread_id.clone(), began.run_id.clone());
    }
    finish
}

/// What was said in a run, for the next one.
struct Said(Option<Applied>);

impl Said {
    /// Remembers only if there may be a next one.
    fn new(remember: bool, input: &RunAgentInput) -> Self {
        Self(remember.then(|| Applied::new(Vec::new(), input.state.clone())))
    }

    fn see(&mut self, event: &Emitted) {
        let is_aside = matches!(
            event.kind(),
            EventKind::Raw | EventKind::Custom | EventKind::StepStarted | EventKind::StepFinished
        );
        if let Some(applied) = self.0.as_mut().filter(|_| !is_aside) {
            applied.apply(&event.event());
        }
    }

    fn apply(&mut self, event: &Event) {
        if let Some(applied) = &mut self.0 {
            applied.apply(event);
        }
    }

    fn next_input(self, before: &RunAgentInput, asked: &RunAgentInput) -> RunAgentInput {
        let mut input = before.clone();
        if let Some(applied) = self.0 {
            input.state = Some(applied.state());
            for message in applied.into_messages() {
                if matches!(message, Message::Activity(_)) {
                    continue;
                }
                // A snapshot repeats what was there.
                match input.messages.iter_mut().find(|known| known.id() == message.id()) {
                    Some(known) => *known = message,
                    None => input.messages.push(message),
                }
            }
        }
        // Agents may take a run with a known id for one that they have done.
        input.run_id = Uuid::new_v4().to_string();
        input.parent_run_id = Some(asked.run_id.clone());
        input.resume = None;
        debug_assert!(!input.tools.iter().any(|tool| tool.name == LOG_TOOL));
        input
    }
}
