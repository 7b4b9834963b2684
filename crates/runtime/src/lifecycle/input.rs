//! What the agent gets, and what the readers are shown of it.

use crate::limits;
use copilotkit_protocol::{Json, Message, RunAgentInput, to_vec};
use std::collections::HashSet;

/// The input as RUN_STARTED shows it: without messages that the thread knew before. `None` when it is so large that
/// clients would refuse the frame.
pub(super) fn echo(input: &RunAgentInput, known: &HashSet<String>) -> Option<Box<RunAgentInput>> {
    let messages = input.messages.iter().filter(|message| !known.contains(message.id())).cloned().collect();
    let echo = RunAgentInput {
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
    };
    // A text is never shorter than its JSON minus quotes and escapes: only large inputs are worth the count.
    (to_vec(&echo).len() <= limits::INPUT_ECHO_MAX).then(|| Box::new(echo))
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
