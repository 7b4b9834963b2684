//! The end of a run: everything that is open is closed, and there is exactly one terminal event.

use super::open::{Item, Remain};
use super::{End, Phase, Repair};
use crate::emitted::Emitted;
use crate::event::*;
use crate::input::*;
use crate::verify::owners::Entity;
use crate::wire::to_vec;
use serde::Serialize;
use std::collections::HashSet;

const STOPPED: &str = "Run stopped by user";
const NO_TERMINAL: &str = "Run ended without emitting a terminal event";

/// What the closers say.
struct Closing {
    /// What is said for a server tool's call: the result of its call is missing.
    result: Option<CallEnd>,
    /// True when calls that are complete but have no result get one too.
    complete_calls: bool,
    subagents: SubagentEnd,
}

#[derive(Serialize)]
struct CallEnd {
    status: &'static str,
    reason: &'static str,
    message: String,
}

enum SubagentEnd {
    Finished(Vec<Interrupt>),
    Failed { code: String, message: String },
}

impl Repair {
    /// The agent's own terminal event.
    pub(super) fn terminal(&mut self, event: Emitted, out: &mut Vec<Emitted>) {
        let event = match &*event.event() {
            Event::RunError(error) => {
                let message = error.message.clone();
                let code = error.code.clone().unwrap_or_else(|| "agent_error".to_owned());
                self.close(Closing::error("run_error", &message, &code), out);
                None
            }
            Event::RunFinished(finished) => {
                let fixed = self.fix_finished(finished);
                self.close(Closing::of(fixed.as_ref().unwrap_or(finished)), out);
                fixed
            }
            _ => None,
        }
        .map_or(event, |fixed| {
            self.repaired += 1;
            fixed.into()
        });
        out.push(event);
        self.phase = Phase::Ended;
    }

    /// The agent sent no terminal event.
    pub(super) fn end(&mut self, end: End, out: &mut Vec<Emitted>) {
        self.repaired += 1;
        let event: Emitted = match end {
            End::Stopped => {
                self.close(Closing::stopped(), out);
                let (thread_id, run_id) = self.ids.clone();
                let outcome = Some(CancelledOutcome::default().into());
                RunFinished { thread_id, run_id, outcome, ..Default::default() }.into()
            }
            End::Failed { code, message } => self.failed(code, message, out),
            End::Ended => self.failed("agent_incomplete".to_owned(), NO_TERMINAL.to_owned(), out),
        };
        out.push(event);
        self.phase = Phase::Ended;
    }

    fn failed(&mut self, code: String, message: String, out: &mut Vec<Emitted>) -> Emitted {
        self.close(Closing::error("missing_terminal_event", &message, &code), out);
        RunError { message, code: Some(code), ..Default::default() }.into()
    }

    /// The ids are those of RUN_STARTED; every interrupt has an id of its own, and there is at least one.
    fn fix_finished(&self, finished: &RunFinished) -> Option<RunFinished> {
        let (thread_id, run_id) = &self.ids;
        let mut fixed = finished.clone();
        fixed.thread_id.clone_from(thread_id);
        fixed.run_id.clone_from(run_id);
        if let Some(RunFinishedOutcome::Interrupt(outcome)) = &mut fixed.outcome {
            let mut seen = HashSet::new();
            outcome.interrupts.retain(|interrupt| seen.insert(interrupt.id.clone()));
            if outcome.interrupts.is_empty() {
                fixed.outcome = None;
            }
        }
        (fixed != *finished).then_some(fixed)
    }

    /// Closes what is open: messages and calls in the order of opening, then what encloses them.
    fn close(&mut self, closing: Closing, out: &mut Vec<Emitted>) {
        let before = out.len();
        let remains = self.open.take();
        for remain in remains.items {
            match remain {
                Remain::Item(item, message_id) => {
                    let entity = if item == Item::Text { Entity::Message } else { Entity::Reasoning };
                    let subagent_run_id = self.owners.get(entity, &message_id).cloned().flatten();
                    out.push(match item {
                        Item::Text => TextMessageEnd { message_id, subagent_run_id, ..Default::default() }.into(),
                        _ => ReasoningMessageEnd { message_id, subagent_run_id, ..Default::default() }.into(),
                    });
                }
                Remain::Call { id, open, call } => {
                    let subagent_run_id = self.owners.get(Entity::Call, &id).cloned().flatten();
                    if open {
                        let (tool_call_id, subagent_run_id) = (id.clone(), subagent_run_id.clone());
                        out.push(ToolCallEnd { tool_call_id, subagent_run_id, ..Default::default() }.into());
                    }
                    let unanswered = !call.answered && !self.options.frontend_tools.contains(&call.name);
                    if let Some(end) = &closing.result
                        && unanswered
                        && (open || closing.complete_calls)
                    {
                        out.push(end.result(id, subagent_run_id).into());
                    }
                }
            }
        }
        for message_id in remains.spans {
            let subagent_run_id = self.owners.get(Entity::Reasoning, &message_id).cloned().flatten();
            out.push(ReasoningEnd { message_id, subagent_run_id, ..Default::default() }.into());
        }
        for (subagent_run_id, step_name) in remains.steps {
            out.push(StepFinished { step_name, subagent_run_id, ..Default::default() }.into());
        }
        // The innermost was started last.
        for id in remains.subagents.into_iter().rev() {
            out.push(closing.subagents.event(id));
        }
        self.repaired += (out.len() - before) as u64;
    }
}

impl Closing {
    fn error(reason: &'static str, message: &str, code: &str) -> Self {
        let message = message.to_owned();
        Self {
            result: Some(CallEnd { status: "error", reason, message: message.clone() }),
            complete_calls: true,
            subagents: SubagentEnd::Failed { code: code.to_owned(), message },
        }
    }

    fn stopped() -> Self {
        let message = STOPPED.to_owned();
        Self {
            result: Some(CallEnd { status: "stopped", reason: "stop_requested", message: message.clone() }),
            complete_calls: true,
            subagents: SubagentEnd::Failed { code: "stopped".to_owned(), message },
        }
    }

    /// For the agent's own RUN_FINISHED: calls that are complete are its own affair.
    fn of(finished: &RunFinished) -> Self {
        match &finished.outcome {
            Some(RunFinishedOutcome::Cancelled(_)) => Self { complete_calls: false, ..Self::stopped() },
            Some(RunFinishedOutcome::Interrupt(outcome)) => Self {
                result: None,
                complete_calls: false,
                subagents: SubagentEnd::Finished(outcome.interrupts.clone()),
            },
            _ => {
                let message = "The run finished before the call had ended".to_owned();
                Self {
                    result: Some(CallEnd { status: "error", reason: "call_not_ended", message }),
                    complete_calls: false,
                    subagents: SubagentEnd::Finished(Vec::new()),
                }
            }
        }
    }
}

impl CallEnd {
    fn result(&self, tool_call_id: String, subagent_run_id: Option<String>) -> ToolCallResult {
        ToolCallResult {
            message_id: format!("{tool_call_id}-result"),
            tool_call_id,
            content: String::from_utf8_lossy(&to_vec(self)).into_owned().into(),
            role: Some(ToolRole),
            subagent_run_id,
            ..Default::default()
        }
    }
}

impl SubagentEnd {
    fn event(&self, subagent_run_id: String) -> Emitted {
        match self {
            Self::Failed { code, message } => {
                let (message, code) = (message.clone(), Some(code.clone()));
                SubagentError { subagent_run_id, message, code, ..Default::default() }.into()
            }
            Self::Finished(interrupts) => {
                let own = interrupts.iter().filter(|one| one.subagent_run_id.as_ref() == Some(&subagent_run_id));
                let ids: Vec<String> = own.map(|interrupt| interrupt.id.clone()).collect();
                let outcome = (!ids.is_empty())
                    .then(|| SubagentSuspendedOutcome { interrupt_ids: Some(ids), ..Default::default() }.into());
                SubagentFinished { subagent_run_id, outcome, ..Default::default() }.into()
            }
        }
    }
}
