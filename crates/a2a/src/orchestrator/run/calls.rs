//! The calls in one run of the orchestrator.

use crate::limits;
use crate::orchestrator::ask::Call;
use crate::orchestrator::prompt::SEND_TOOL;
use copilotkit_protocol::{Emitted, Event, EventKind, RunAgentInput, TextMessageEnd, ToolCallEnd};
use std::collections::HashSet;

/// Calls without a result, and what is open.
pub(super) struct Calls {
    page_tools: HashSet<String>,
    ours: Vec<Call>,
    of_page: Vec<String>,
    open_calls: Vec<String>,
    open_texts: Vec<String>,
}

impl Calls {
    pub(super) fn new(input: &RunAgentInput) -> Self {
        let page_tools = input.tools.iter().map(|tool| tool.name.clone()).collect();
        Self { page_tools, ours: Vec::new(), of_page: Vec::new(), open_calls: Vec::new(), open_texts: Vec::new() }
    }

    pub(super) fn see(&mut self, emitted: &Emitted) {
        let id = emitted.head().id.as_deref().unwrap_or_default();
        match emitted.kind() {
            EventKind::TextMessageStart => self.open_texts.push(id.to_owned()),
            EventKind::TextMessageEnd => self.open_texts.retain(|open| open != id),
            EventKind::ToolCallStart => {
                let event = emitted.event();
                let Event::ToolCallStart(start) = &*event else { return };
                self.open_calls.push(start.tool_call_id.clone());
                if start.tool_call_name == SEND_TOOL {
                    self.ours.push(Call { id: start.tool_call_id.clone(), arguments: String::new() });
                } else if self.page_tools.contains(&start.tool_call_name) {
                    self.of_page.push(start.tool_call_id.clone());
                }
            }
            EventKind::ToolCallArgs => {
                let Some(call) = self.ours.iter_mut().find(|call| call.id == id) else { return };
                let event = emitted.event();
                if let Event::ToolCallArgs(args) = &*event
                    && call.arguments.len() + args.delta.len() <= limits::ARGUMENTS
                {
                    call.arguments.push_str(&args.delta);
                }
            }
            EventKind::ToolCallEnd => self.open_calls.retain(|open| open != id),
            EventKind::ToolCallResult => {
                let event = emitted.event();
                let Event::ToolCallResult(result) = &*event else { return };
                // The orchestrator answered it itself.
                self.ours.retain(|call| call.id != result.tool_call_id);
                self.of_page.retain(|call| *call != result.tool_call_id);
            }
            _ => {}
        }
    }

    /// No agent is to be asked.
    pub(super) fn is_empty(&self) -> bool {
        self.ours.is_empty()
    }

    /// Ends what the orchestrator left open, for its run is not the end of ours.
    pub(super) fn close(&mut self) -> Vec<Event> {
        let calls =
            self.open_calls.drain(..).map(|tool_call_id| ToolCallEnd { tool_call_id, ..Default::default() }.into());
        let texts =
            self.open_texts.drain(..).map(|message_id| TextMessageEnd { message_id, ..Default::default() }.into());
        calls.chain(texts).collect()
    }

    /// The calls of our tool, in their order.
    pub(super) fn take(&mut self) -> Vec<Call> {
        std::mem::take(&mut self.ours)
    }

    /// Calls that the page is to execute.
    pub(super) fn of_page(&mut self) -> Vec<String> {
        std::mem::take(&mut self.of_page)
    }
}
