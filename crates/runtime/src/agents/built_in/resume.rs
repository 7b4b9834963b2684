//! What the calls that an earlier run left open come to, before the model is asked: they are executed, answered, or
//! asked about again.

use super::approval::{Decision, Ledger, Waiting, decision, invalid};
use super::toolbox::Toolbox;
use super::turn::new_id;
use super::work::{Job, Work};
use crate::agent::AgentError;
use crate::tool::{ToolError, ToolOutput};
use copilotkit_protocol::{Code, Interrupt, Json, Message, ResumeEntry, ResumeStatus, RunAgentInput, ToolCall};
use serde_json::json;
use std::collections::{HashMap, HashSet};

/// What is to be done about open calls.
#[derive(Default)]
pub(super) struct Open {
    /// In the order of the calls.
    pub(super) jobs: Vec<Job>,
    /// Questions that were not answered.
    pub(super) interrupts: Vec<Interrupt>,
    /// The calls among them that wait for leave.
    pub(super) waiting: Vec<Waiting>,
}

impl Open {
    /// Looks at the calls of the last answer of the model that have no result. Earlier ones cannot be answered any more:
    /// the conversation went on without them.
    ///
    /// # Errors
    /// An answer that is none. Nothing was done then.
    pub(super) fn of(input: &RunAgentInput, toolbox: &Toolbox, ledger: &Ledger) -> Result<Self, AgentError> {
        let mut open = Self::default();
        let mut entries = entries(input)?;
        let last = input.messages.iter().rposition(|message| matches!(message, Message::Assistant(_)));
        let (calls, behind) = match last.and_then(|at| input.messages.split_at_checked(at + 1)) {
            Some((to, behind)) => (to.last().map_or(&[][..], Message::tool_calls), behind),
            None => (&[][..], &[][..]),
        };
        let answered: HashSet<&str> = behind
            .iter()
            .filter_map(|message| match message {
                Message::Tool(message) => Some(message.tool_call_id.as_str()),
                _ => None,
            })
            .collect();
        let went_on = behind.iter().any(|message| matches!(message, Message::User(_)));
        for call in calls {
            let entry = entries.remove(call.id.as_str());
            let asked = question_ids(&call.id);
            let answer = entries.keys().copied().find(|id| id.starts_with(&asked));
            let answer = answer.and_then(|id| entries.remove(id));
            if answered.contains(call.id.as_str()) {
                continue;
            }
            if let Some(answer) = answer {
                open.jobs.push(answered_question(call, answer, toolbox));
                continue;
            }
            match entry {
                Some(entry) => open.jobs.push(job(call, entry, toolbox, ledger)?),
                None if went_on => {}
                None => open.ask_again(call, toolbox, ledger),
            }
        }
        for id in entries.keys() {
            tracing::warn!(interrupt = id, "an answer to an interrupt that is not open was ignored");
        }
        Ok(open)
    }

    fn ask_again(&mut self, call: &ToolCall, toolbox: &Toolbox, ledger: &Ledger) {
        if let Some(waiting) = waiting(call, toolbox, ledger) {
            self.interrupts.push(toolbox.approval_question(&waiting));
            self.waiting.push(waiting);
        } else {
            self.interrupts.extend(toolbox.question(&call.id, &call.function.name, &call.function.arguments));
        }
    }
}

/// How the ids of the questions begin that a tool asks while it is executed. The id of its call would ask about the call.
fn question_ids(call_id: &str) -> String {
    format!("question:{call_id}:")
}

/// A question of a tool as the run's interrupt.
pub(super) fn question_of(call_id: &str, question: Interrupt) -> Interrupt {
    Interrupt { id: question_ids(call_id) + &new_id(), tool_call_id: Some(call_id.to_owned()), ..question }
}

/// The tool goes on with the answer; it does not begin anew, so that no leave is needed.
fn answered_question(call: &ToolCall, answer: &ResumeEntry, toolbox: &Toolbox) -> Job {
    let work = match toolbox.executable(&call.function.name, &call.function.arguments) {
        Ok((tool, arguments)) => Work::Answer { tool, arguments, answer: answer.clone() },
        Err(error) => Work::Told(Err(error)),
    };
    Job { call_id: call.id.clone(), name: call.function.name.clone(), work }
}

/// The entries by what they answer.
fn entries(input: &RunAgentInput) -> Result<HashMap<&str, &ResumeEntry>, AgentError> {
    let mut entries: HashMap<&str, &ResumeEntry> = HashMap::new();
    for entry in input.resume.iter().flatten() {
        let known = entries.insert(&entry.interrupt_id, entry);
        if known.is_some_and(|known| (known.status, &known.payload) != (entry.status, &entry.payload)) {
            return Err(invalid(&entry.interrupt_id, "is there twice, and the two contradict each other"));
        }
    }
    Ok(entries)
}

/// The call that waits for leave, if it does.
fn waiting(call: &ToolCall, toolbox: &Toolbox, ledger: &Ledger) -> Option<Waiting> {
    if ledger.is_kept() {
        return ledger.find(&call.id).cloned();
    }
    toolbox.needs_approval(&call.function.name).then(|| Waiting {
        id: call.id.clone(),
        name: call.function.name.clone(),
        arguments: call.function.arguments.clone(),
    })
}

fn job(call: &ToolCall, entry: &ResumeEntry, toolbox: &Toolbox, ledger: &Ledger) -> Result<Job, AgentError> {
    let told = |content: Json, is_error| Work::Told(Ok(ToolOutput { is_error, ..ToolOutput::new(content) }));
    let work = match waiting(call, toolbox, ledger) {
        Some(waiting) => match decision(entry)? {
            Decision::Approved { edited: None } => match toolbox.executable(&waiting.name, &waiting.arguments) {
                Ok((tool, arguments)) => Work::Execute { tool, arguments, edited: false },
                Err(error) => Work::Told(Err(error)),
            },
            Decision::Approved { edited: Some(arguments) } => {
                let (tool, arguments) = toolbox
                    .executable(&waiting.name, &arguments)
                    .map_err(|error| invalid(&entry.interrupt_id, &format!("cannot be used: {}", error.message)))?;
                Work::Execute { tool, arguments, edited: true }
            }
            Decision::Rejected { reason } => {
                let message = "A person rejected this call. It was not executed.";
                let mut content = json!({ "status": "rejected", "message": message });
                if let Some(reason) = reason {
                    content["reason"] = reason.into();
                }
                told(content.into(), true)
            }
            Decision::Cancelled => {
                let message = "Nobody decided about this call. It was not executed.";
                told(json!({ "status": "cancelled", "message": message }).into(), true)
            }
        },
        None if toolbox.needs_approval(&call.function.name) => {
            let message = "This call does not wait for approval. It was not executed again.".to_owned();
            Work::Told(Err(ToolError { code: Code::ApprovalUnknown.into(), message }))
        }
        None => told(answer(entry), false),
    };
    Ok(Job { call_id: call.id.clone(), name: call.function.name.clone(), work })
}

/// What a person answered to a question, as the result of its call.
fn answer(entry: &ResumeEntry) -> Json {
    match (entry.status, &entry.payload) {
        (ResumeStatus::Cancelled, _) => json!({ "status": "cancelled" }).into(),
        (ResumeStatus::Resolved, Some(payload)) => payload.clone(),
        (ResumeStatus::Resolved, None) => json!({ "status": "resolved" }).into(),
    }
}
