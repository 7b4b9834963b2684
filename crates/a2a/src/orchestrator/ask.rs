//! Asking one agent.

use super::prompt::SEND_TOOL;
use super::roster::{Entry, Roster};
use crate::agent_input::request;
use crate::client::Caller;
use crate::converse::{Conversation, Taken, cancel_task, converse};
use crate::error::A2aError;
use crate::fold::TaskView;
use crate::guard::clean_line;
use crate::memory::Contact;
use crate::show::answer;
use crate::types::{Message, Part, Role, TaskState};
use copilotkit_runtime::RunContext;
use serde::Deserialize;

/// A call of the tool.
#[derive(Clone, Debug, Default)]
pub(super) struct Call {
    pub(super) id: String,
    pub(super) arguments: String,
}

/// Something to ask an agent.
pub(super) struct Question {
    /// The call that it belongs to.
    pub(super) call_id: String,
    pub(super) entry: Entry,
    pub(super) parts: Vec<Part>,
    pub(super) context_id: Option<String>,
    pub(super) task_id: Option<String>,
}

/// What came of it.
pub(super) struct Asked {
    pub(super) call_id: String,
    pub(super) entry: Entry,
    /// For the orchestrator.
    pub(super) text: String,
    pub(super) view: TaskView,
    /// The run is to stop.
    pub(super) stopped: bool,
}

/// What the orchestrator wants, or in words for it why that cannot be.
pub(super) fn plan(call: &Call, roster: &Roster) -> Result<(Entry, String), String> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Arguments {
        agent_name: Option<String>,
        task: Option<String>,
    }
    let names = || roster.names().join(", ");
    let how = "Call it with {\"agentName\": \"…\", \"task\": \"…\"}.";
    let arguments: Arguments = serde_json::from_str(&call.arguments).map_err(|error| {
        let error = clean_line(&error.to_string(), 200);
        format!("Error: the arguments of {SEND_TOOL} are not valid JSON ({error}). {how}")
    })?;
    let name = arguments.agent_name.unwrap_or_default();
    let Some(entry) = roster.find(&name) else {
        let name = clean_line(&name, 100);
        return Err(format!("Error: there is no agent `{name}`. The agents are: {}.", names()));
    };
    let task = arguments.task.map(|task| task.trim().to_owned()).filter(|task| !task.is_empty());
    let task = task.ok_or_else(|| format!("Error: `task` is missing. {how}"))?;
    Ok((entry.clone(), task))
}

/// A question that goes on in the task that waits for an answer, if there is one.
pub(super) fn question(call: &Call, entry: Entry, task: String, contact: Option<&Contact>) -> Question {
    Question {
        call_id: call.id.clone(),
        entry,
        parts: vec![Part::text(task)],
        context_id: contact.and_then(|contact| contact.context_id.clone()),
        task_id: contact.and_then(|contact| contact.waiting_task.clone()),
    }
}

/// Asks and waits for the task to be settled. Whatever goes wrong becomes words for the orchestrator.
pub(super) async fn ask(question: Question, context: &RunContext) -> Asked {
    let Question { call_id, entry, parts, context_id, task_id } = question;
    let caller =
        Caller { headers: context.headers.clone(), pulse: context.pulse.clone(), trace: context.trace.clone() };
    let message_id = uuid::Uuid::new_v4().to_string();
    let message = Message { context_id, task_id: task_id.clone(), ..Message::new(message_id, Role::User, parts) };
    let steps = converse(entry.client.clone(), request(message), caller.clone());
    let mut talk = Conversation::new(steps, &entry.client, context);
    let mut view = TaskView::default();
    let end = loop {
        match talk.next().await {
            // Its bounds were looked at where it came in.
            Taken::Event(event) => drop(view.apply(&event)),
            end => break end,
        }
    };
    // The socket is closed, and then the agent is told.
    drop(talk);
    if matches!(end, Taken::Stopped | Taken::Late(_))
        && let Some(task_id) = view.task_id.as_deref().or(task_id.as_deref())
    {
        cancel_task(&entry.client, task_id, &caller).await;
    }
    let failed = |error: A2aError, view: &TaskView| {
        let error = clean_line(&error.to_string(), 1_000);
        let words = format!("Error: the agent `{}` could not be asked or did not answer: {error}.", entry.name);
        // What it made until then is not lost.
        if view.artifacts.is_empty() { words } else { format!("{words}\n\n{}", answer(view)) }
    };
    let stopped = matches!(end, Taken::Stopped);
    let text = match end {
        Taken::Failed(error) => {
            let text = failed(error, &view);
            view.status.state = TaskState::Failed;
            text
        }
        Taken::Late(limit) => {
            let text = failed(A2aError::Timeout { url: entry.client.url().to_owned(), limit }, &view);
            view.status.state = TaskState::Canceled;
            text
        }
        _ => answer(&view),
    };
    Asked { call_id, entry, text, view, stopped }
}
