//! Follows the events of an agent: calls of tools with a user interface that it leaves open are executed when it is done.

use super::call;
use super::offer::{Interface, Offered};
use copilotkit_protocol::{Code, Emitted, Event, EventKind, Expander, Message, RunFinished, RunFinishedOutcome};
use copilotkit_runtime::{AgentError, EventStream, RunContext};
use futures::StreamExt as _;
use std::collections::HashSet;
use std::sync::Arc;

/// How many calls of a run are executed at once.
const AT_ONCE: usize = 8;

/// A call that the agent made.
pub(super) struct Call {
    pub(super) id: String,
    pub(super) arguments: String,
    pub(super) subagent: Option<String>,
    pub(super) interface: Arc<Interface>,
}

/// The events of an agent, and before its RUN_FINISHED what became of its calls.
pub(super) fn follow(context: RunContext, offered: Offered, mut events: EventStream) -> EventStream {
    async_stream::stream! {
        let mut calls = Calls { earlier: earlier(&context), open: Vec::new() };
        let (mut expander, mut whole) = (Expander::new(), Vec::new());
        while let Some(item) = events.next().await {
            let expanded = match item {
                Ok(event) => expander.push(event, &mut whole),
                Err(error) => {
                    yield Err(error);
                    return;
                }
            };
            for event in whole.drain(..) {
                calls.look(&event, &offered);
                if event.kind() != EventKind::RunFinished || calls.open.is_empty() {
                    yield Ok(event);
                    continue;
                }
                let open = calls.due(event.event().as_ref());
                let work = open.into_iter().map(|call| call::execute(call, &context));
                let mut done = futures::stream::iter(work).buffered(AT_ONCE);
                while let Some(told) = context.pulse.during(done.next()).await {
                    // Whoever stopped the run is told how it ended by those who end it.
                    if context.cancel.is_cancelled() {
                        return;
                    }
                    for event in told {
                        yield Ok(event);
                    }
                }
                yield Ok(event);
            }
            if let Err(error) = expanded {
                yield Err(AgentError::new(Code::AgentBadEvent, error.to_string()));
                return;
            }
        }
    }
    .boxed()
}

/// The messages that were there before the run: what is open in them is not executed, for nobody knows why it is.
fn earlier(context: &RunContext) -> HashSet<String> {
    context.input.messages.iter().map(|message| message.id().to_owned()).collect()
}

/// Calls of tools with a user interface that have no result yet, in the order in which they were made.
struct Calls {
    earlier: HashSet<String>,
    open: Vec<Call>,
}

impl Calls {
    fn look(&mut self, event: &Emitted, offered: &Offered) {
        match event.kind() {
            EventKind::ToolCallStart => {
                if let Event::ToolCallStart(start) = event.event().as_ref() {
                    let (id, name) = (&start.tool_call_id, &start.tool_call_name);
                    self.begin(id, name, String::new(), start.subagent_run_id.clone(), offered);
                }
            }
            EventKind::ToolCallArgs => {
                let id = event.head().id.as_deref();
                if let Some(call) = self.open.iter_mut().find(|call| Some(call.id.as_str()) == id)
                    && let Event::ToolCallArgs(arguments) = event.event().as_ref()
                {
                    call.arguments.push_str(&arguments.delta);
                }
            }
            EventKind::ToolCallResult => {
                if let Event::ToolCallResult(result) = event.event().as_ref() {
                    self.end(&result.tool_call_id);
                }
            }
            // Some agents show their calls in no other way.
            EventKind::MessagesSnapshot => {
                if let Event::MessagesSnapshot(snapshot) = event.event().as_ref() {
                    for message in &snapshot.messages {
                        self.snapshot(message, offered);
                    }
                }
            }
            _ => {}
        }
    }

    fn snapshot(&mut self, message: &Message, offered: &Offered) {
        match message {
            Message::Assistant(said) if !self.earlier.contains(&said.id) => {
                for call in said.tool_calls.iter().flatten() {
                    let (name, arguments) = (&call.function.name, call.function.arguments.clone());
                    self.begin(&call.id, name, arguments, said.subagent_run_id.clone(), offered);
                }
            }
            Message::Tool(result) => self.end(&result.tool_call_id),
            _ => {}
        }
    }

    fn begin(&mut self, id: &str, name: &str, arguments: String, subagent: Option<String>, offered: &Offered) {
        if let Some(interface) = offered.get(name)
            && self.open.iter().all(|call| call.id != id)
        {
            self.open.push(Call { id: id.to_owned(), arguments, subagent, interface: Arc::clone(interface) });
        }
    }

    fn end(&mut self, id: &str) {
        self.open.retain(|call| call.id != id);
    }

    /// Those that are to be executed now: none of a run that was stopped, and none about which a person is asked.
    fn due(&mut self, finished: &Event) -> Vec<Call> {
        let open = std::mem::take(&mut self.open);
        let Event::RunFinished(RunFinished { outcome, .. }) = finished else { return Vec::new() };
        match outcome {
            Some(RunFinishedOutcome::Cancelled(_)) => Vec::new(),
            Some(RunFinishedOutcome::Interrupt(asked)) => {
                let is_asked = |call: &Call| {
                    asked.interrupts.iter().any(|interrupt| interrupt.tool_call_id.as_ref() == Some(&call.id))
                };
                open.into_iter().filter(|call| !is_asked(call)).collect()
            }
            _ => open,
        }
    }
}
