//! One run of a remote agent.

use super::A2aAgent;
use super::project::Projector;
use crate::agent_input::{self as input, Wish};
use crate::client::Caller;
use crate::converse::{Conversation, Taken, cancel_task, converse};
use crate::error::A2aError;
use crate::fold::TaskView;
use crate::guard::clean_line;
use crate::interrupt::question;
use crate::memory::{Contact, Memory};
use crate::types::{Message, PartContent, TaskState};
use crate::wire::ErrorKind;
use copilotkit_protocol::{
    CancelledOutcome, Code, Emitted, InterruptOutcome, RunFinished, RunFinishedOutcome, RunStarted, SuccessOutcome,
};
use copilotkit_runtime::{AgentError, RunContext};
use futures::Stream;
use std::collections::HashSet;

/// The events of one run.
pub(super) fn events(agent: A2aAgent, context: RunContext) -> impl Stream<Item = Result<Emitted, AgentError>> + Send {
    async_stream::stream! {
        let input = context.input.clone();
        let (thread_id, run_id) = (input.thread_id.clone(), input.run_id.clone());
        yield Ok(RunStarted { thread_id, run_id, ..Default::default() }.into());
        let memory = Memory::of(agent.threads.as_ref(), &context);
        let mut contact: Contact = memory.load().await;
        let caller = Caller {
            headers: context.headers.clone(),
            pulse: context.pulse.clone(),
            trace: context.trace.clone(),
        };
        let message_id = uuid::Uuid::new_v4().to_string();
        let (mut message, resumed) = match input::wish(&input, &contact, message_id.clone()) {
            Wish::Say { message, resumed } => (message, resumed),
            Wish::GiveUp { task_id } => {
                cancel_task(&agent.client, &task_id, &caller).await;
                (contact.waiting_task, contact.interrupt_id) = (None, None);
                memory.save(&contact).await;
                yield Ok(finished(&context, CancelledOutcome::default().into()));
                return;
            }
            Wish::Nothing => {
                yield Ok(finished(&context, SuccessOutcome::default().into()));
                return;
            }
        };
        contact.last_message = input::last_message(&input).or(contact.last_message);
        let calls = input.messages.iter().flat_map(|message| message.tool_calls()).map(|call| call.id.clone());
        let calls: HashSet<String> = calls.collect();
        let name = context.agent_id.to_string();
        let mut projector = Projector::new(name, message_id, calls, contact.surfaces.clone());
        let (view, end) = loop {
            let mut view = TaskView::default();
            let steps = converse(agent.client.clone(), input::request(message.clone()), caller.clone());
            let mut talk = Conversation::new(steps, &agent.client, &context);
            let end = loop {
                match talk.next().await {
                    Taken::Event(event) => {
                        // Its bounds were looked at where it came in.
                        let _ = view.apply(&event);
                        for event in projector.push(&event) {
                            yield Ok(event.into());
                        }
                        if view.context_id.is_some() && contact.context_id != view.context_id {
                            // What a crash of this process must not lose.
                            contact.context_id.clone_from(&view.context_id);
                            memory.save(&contact).await;
                        }
                    }
                    other => break other,
                }
            };
            // The socket is closed, and then the agent is told.
            drop(talk);
            if matches!(end, Taken::Stopped | Taken::Late(_))
                && let Some(task_id) = view.task_id.as_deref().or(message.task_id.as_deref())
            {
                cancel_task(&agent.client, task_id, &caller).await;
            }
            if let Taken::Failed(error) = &end
                && is_gone(error, &message, &view)
                && !resumed
            {
                // The task that waited is no more. The message was turned down, not begun: it opens a new one.
                message.task_id = None;
                continue;
            }
            break (view, end);
        };
        for event in projector.finish() {
            yield Ok(event.into());
        }
        contact.surfaces = projector.into_surfaces();
        (contact.waiting_task, contact.interrupt_id) = (None, None);
        let state = view.state();
        let waits = matches!(end, Taken::Done) && state.is_interrupted();
        // A surface is the way to answer: clients do not let anybody act on one while an interrupt is open.
        let asks = waits && !shows_surface(&view);
        let interrupt = asks.then(|| question(&context.agent_id, &view, None));
        if waits {
            contact.waiting_task.clone_from(&view.task_id);
            contact.interrupt_id = interrupt.as_ref().map(|interrupt| interrupt.id.clone());
        }
        memory.save(&contact).await;
        match (end, interrupt) {
            (Taken::Failed(error), _) => yield Err(error.into()),
            (Taken::Late(limit), _) => {
                yield Err(A2aError::Timeout { url: agent.client.url().to_owned(), limit }.into());
            }
            (Taken::Stopped, _) => yield Ok(finished(&context, CancelledOutcome::default().into())),
            (_, Some(interrupt)) => {
                let outcome = InterruptOutcome { interrupts: vec![interrupt], ..Default::default() };
                yield Ok(finished(&context, outcome.into()));
            }
            (_, None) => match failure(&context.agent_id, &view, &state) {
                Some(error) => yield Err(error),
                None if state == TaskState::Canceled => {
                    yield Ok(finished(&context, CancelledOutcome::default().into()));
                }
                None => yield Ok(finished(&context, SuccessOutcome::default().into())),
            },
        }
    }
}

fn finished(context: &RunContext, outcome: RunFinishedOutcome) -> Emitted {
    let (thread_id, run_id) = (context.input.thread_id.clone(), context.input.run_id.clone());
    RunFinished { thread_id, run_id, outcome: Some(outcome), ..Default::default() }.into()
}

/// What the agent says while it waits holds a surface to answer on.
fn shows_surface(view: &TaskView) -> bool {
    let parts = view.status.message.iter().flat_map(|message| &message.parts);
    parts.into_iter().any(|part| match &part.content {
        PartContent::Data(data) => !crate::a2ui::operations(data).is_empty(),
        _ => false,
    })
}

/// The agent does not know the task that the message was for, so it cannot have done anything with it. Any other refusal may
/// come from an agent that did.
fn is_gone(error: &A2aError, message: &Message, view: &TaskView) -> bool {
    let unknown = error.kind() == Some(ErrorKind::TaskNotFound);
    unknown && message.task_id.is_some() && view.task_id.is_none() && view.message.is_none()
}

/// What the run fails with when the task did.
fn failure(agent: &str, view: &TaskView, state: &TaskState) -> Option<AgentError> {
    let (code, what) = match state {
        TaskState::Failed => (Code::A2aFailed, "failed"),
        TaskState::Rejected => (Code::A2aRejected, "rejected the task"),
        _ => return None,
    };
    let said = view.status.message.as_ref().map(|message| clean_line(&message.text(), 1_000)).unwrap_or_default();
    let why = if said.is_empty() { ".".to_owned() } else { format!(": {said}") };
    Some(AgentError::new(code, format!("The agent `{agent}` {what}{why}")))
}
