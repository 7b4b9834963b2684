//! What is open in a run. Each handle closes it when it is ended or dropped.

use super::{EventWriter, Written};
use crate::error::ProtocolError;
use crate::event::*;
use crate::input::{SubagentFinishedOutcome, SubagentSuspendedOutcome};
use crate::wire::{Extra, Json};
use serde::Serialize;
use std::fmt;
use std::ops::{Deref, DerefMut};

macro_rules! handle {
    ($(#[$meta:meta])* $name:ident, $end:ident { $id:ident }) => {
        $(#[$meta])*
        pub struct $name<'w, F: FnMut(Event)> {
            writer: &'w mut EventWriter<F>,
            id: String,
            open: bool,
        }

        impl<'w, F: FnMut(Event)> $name<'w, F> {
            pub(super) fn new(writer: &'w mut EventWriter<F>, id: String) -> Self {
                Self { writer, id, open: true }
            }

            /// Its id; the name of a step.
            pub fn id(&self) -> &str {
                &self.id
            }

            /// Closes it.
            ///
            /// # Errors
            /// When something inside of it is open because its handle was leaked.
            pub fn end(mut self) -> Written {
                self.close()
            }

            fn close(&mut self) -> Written {
                self.open = false;
                let $id = std::mem::take(&mut self.id);
                let subagent_run_id = self.writer.owner.clone();
                self.writer.push($end { $id, subagent_run_id, ..Default::default() })
            }
        }

        impl<F: FnMut(Event)> fmt::Debug for $name<'_, F> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name)).field("id", &self.id).finish_non_exhaustive()
            }
        }

        impl<F: FnMut(Event)> Drop for $name<'_, F> {
            fn drop(&mut self) {
                if self.open {
                    // What it holds is closed before it: this is legal.
                    let _ = self.close();
                }
            }
        }
    };
}

/// A handle through which everything else can be written.
macro_rules! scope {
    ($name:ident) => {
        impl<F: FnMut(Event)> Deref for $name<'_, F> {
            type Target = EventWriter<F>;
            fn deref(&self) -> &EventWriter<F> {
                self.writer
            }
        }

        impl<F: FnMut(Event)> DerefMut for $name<'_, F> {
            fn deref_mut(&mut self) -> &mut EventWriter<F> {
                self.writer
            }
        }
    };
}

handle!(
    /// A text message that is open.
    TextWriter, TextMessageEnd { message_id }
);
handle!(
    /// A tool call whose arguments are being written.
    CallWriter, ToolCallEnd { tool_call_id }
);
handle!(
    /// A span of reasoning. Whatever is written through it comes inside of the span.
    ReasoningWriter, ReasoningEnd { message_id }
);
handle!(
    /// A reasoning message that is open.
    ThoughtWriter, ReasoningMessageEnd { message_id }
);
handle!(
    /// A step. Whatever is written through it comes inside of the step.
    StepWriter, StepFinished { step_name }
);
scope!(ReasoningWriter);
scope!(StepWriter);
scope!(SubagentWriter);

impl<F: FnMut(Event)> TextWriter<'_, F> {
    /// Appends text.
    ///
    /// # Errors
    /// None is known.
    pub fn delta(&mut self, text: impl Into<String>) -> Written {
        let (message_id, subagent_run_id) = (self.id.clone(), self.writer.owner.clone());
        self.writer.push(TextMessageContent { message_id, delta: text.into(), subagent_run_id, ..Default::default() })
    }
}

impl<F: FnMut(Event)> CallWriter<'_, F> {
    /// Appends a piece of the arguments, as the model wrote it.
    ///
    /// # Errors
    /// None is known.
    pub fn delta(&mut self, arguments: impl Into<String>) -> Written {
        let (tool_call_id, subagent_run_id) = (self.id.clone(), self.writer.owner.clone());
        self.writer.push(ToolCallArgs { tool_call_id, delta: arguments.into(), subagent_run_id, ..Default::default() })
    }

    /// Appends whole arguments as JSON.
    ///
    /// # Errors
    /// None is known.
    pub fn arguments<T: Serialize + ?Sized>(&mut self, arguments: &T) -> Written {
        self.delta(Json::of(arguments).get())
    }
}

impl<F: FnMut(Event)> ReasoningWriter<'_, F> {
    /// Opens a reasoning message.
    ///
    /// # Errors
    /// When the prefix of ids made one that belongs to something else.
    pub fn open_thought(&mut self) -> Result<ThoughtWriter<'_, F>, ProtocolError> {
        let message_id = self.writer.new_id();
        self.open_thought_with(ReasoningMessageStart { message_id, ..Default::default() })
    }

    /// Opens a reasoning message with this very event.
    ///
    /// # Errors
    /// When the id is open, or belongs to another subagent.
    pub fn open_thought_with(
        &mut self,
        mut event: ReasoningMessageStart,
    ) -> Result<ThoughtWriter<'_, F>, ProtocolError> {
        self.writer.tag(&mut event.subagent_run_id);
        let id = event.message_id.clone();
        self.writer.push(event)?;
        Ok(ThoughtWriter::new(self.writer, id))
    }
}

impl<F: FnMut(Event)> ThoughtWriter<'_, F> {
    /// Appends text.
    ///
    /// # Errors
    /// None is known.
    pub fn delta(&mut self, text: impl Into<String>) -> Written {
        let (message_id, subagent_run_id) = (self.id.clone(), self.writer.owner.clone());
        let delta = text.into();
        self.writer.push(ReasoningMessageContent { message_id, delta, subagent_run_id, ..Default::default() })
    }
}

/// A subagent that works. Whatever is written through it is its own. Dropped, it finishes; it can fail or be suspended
/// too.
pub struct SubagentWriter<'w, F: FnMut(Event)> {
    writer: &'w mut EventWriter<F>,
    id: String,
    /// Who wrote before it.
    before: Option<String>,
    open: bool,
}

impl<'w, F: FnMut(Event)> SubagentWriter<'w, F> {
    pub(super) fn new(writer: &'w mut EventWriter<F>, id: String, before: Option<String>) -> Self {
        Self { writer, id, before, open: true }
    }

    /// Its id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// It did what it was asked to.
    ///
    /// # Errors
    /// None is known.
    pub fn end(self) -> Written {
        self.finish_with(SubagentFinished::default())
    }

    /// It waits for the answers to these interrupts, which the run must end with.
    ///
    /// # Errors
    /// None is known.
    pub fn suspend(self, interrupt_ids: Vec<String>) -> Written {
        let outcome = SubagentSuspendedOutcome { interrupt_ids: Some(interrupt_ids), extra: Extra::default() };
        let outcome = Some(SubagentFinishedOutcome::Suspended(outcome));
        self.finish_with(SubagentFinished { outcome, ..Default::default() })
    }

    /// It ended with this very event; `subagentRunId` is its own.
    ///
    /// # Errors
    /// None is known.
    pub fn finish_with(mut self, mut event: SubagentFinished) -> Written {
        event.subagent_run_id.clone_from(&self.id);
        self.close(event)
    }

    /// It failed. The run may go on.
    ///
    /// # Errors
    /// None is known.
    pub fn fail(mut self, code: impl Into<String>, message: impl Into<String>) -> Written {
        let (subagent_run_id, message, code) = (self.id.clone(), message.into(), Some(code.into()));
        self.close(SubagentError { subagent_run_id, message, code, ..Default::default() })
    }

    fn close(&mut self, event: impl Into<Event>) -> Written {
        self.open = false;
        self.writer.owner = self.before.take();
        self.writer.push(event)
    }
}

impl<F: FnMut(Event)> fmt::Debug for SubagentWriter<'_, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SubagentWriter").field("id", &self.id).finish_non_exhaustive()
    }
}

impl<F: FnMut(Event)> Drop for SubagentWriter<'_, F> {
    fn drop(&mut self) {
        if self.open {
            let subagent_run_id = self.id.clone();
            let _ = self.close(SubagentFinished { subagent_run_id, ..Default::default() });
        }
    }
}
