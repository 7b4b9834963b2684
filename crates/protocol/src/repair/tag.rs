//! Changes the owner that an event names.

use crate::event::Event;

/// Sets `subagentRunId`; an event that cannot carry one stays as it is.
pub(super) fn set(event: &mut Event, owner: Option<String>) {
    macro_rules! set {
        ($($name:ident),*) => {
            match event {
                $(Event::$name(event) => event.subagent_run_id = owner,)*
                _ => {}
            }
        };
    }
    set!(
        StepStarted,
        StepFinished,
        TextMessageStart,
        TextMessageContent,
        TextMessageEnd,
        ToolCallStart,
        ToolCallArgs,
        ToolCallEnd,
        ActivityDelta,
        ReasoningStart,
        ReasoningMessageStart,
        ReasoningMessageContent,
        ReasoningMessageEnd,
        ReasoningEnd,
        ReasoningEncryptedValue
    )
}
