//! What the agent gets, and what the readers are shown of it.

use copilotkit_protocol::{Json, Message, RunAgentInput};
use std::collections::HashSet;

/// The input as RUN_STARTED shows it: without messages that the thread's log holds.
pub(super) fn echo(input: &RunAgentInput, known: &HashSet<String>) -> Box<RunAgentInput> {
    let messages = input.messages.iter().filter(|message| !known.contains(message.id())).cloned().collect();
    Box::new(RunAgentInput {
        thread_id: input.thread_id.clone(),
        run_id: input.run_id.clone(),
        protocol_version: input.protocol_version.clone(),
        parent_run_id: input.parent_run_id.clone(),
        state: input.state.clone(),
        messages,
        tools: input.tools.clone(),
        context: input.context.clone(),
        forwarded_props: input.forwarded_props.clone(),
        resume: input.resume.clone(),
        extra: Default::default(),
    })
}

/// The input as an agent gets it: without activity messages, with `state` and `forwardedProps` in any case, as the
/// reference runtime hands it over and as Python agents require it.
pub(super) fn for_agent(mut input: RunAgentInput) -> RunAgentInput {
    input.messages.retain(|message| !matches!(message, Message::Activity(_)));
    let empty = || Json::of(&serde_json::Map::new());
    input.state.get_or_insert_with(empty);
    input.forwarded_props.get_or_insert_with(empty);
    input
}
