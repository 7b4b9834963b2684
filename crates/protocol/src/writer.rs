//! A run, written in an order that every client accepts.

mod handles;

pub use handles::{CallWriter, ReasoningWriter, StepWriter, SubagentWriter, TextWriter, ThoughtWriter};

use crate::build;
use crate::emitted::Emitted;
use crate::error::ProtocolError;
use crate::event::*;
use crate::input::{CancelledOutcome, Interrupt, InterruptOutcome};
use crate::message::Content;
use crate::verify::Verifier;
use crate::wire::{Extra, JsonPatch};
use serde::Serialize;
use std::fmt;

/// Writes the events of one run.
///
/// What is opened is a handle that borrows the writer: while a message is open, nothing can come in between, and it
/// is closed when the handle is dropped or ended. A step, a span of reasoning and a subagent are handles that one
/// writes through. What the types cannot rule out is an error at the call, and then nothing was written.
///
/// A writer that is dropped before it was finished writes a RUN_ERROR with the code `incomplete`: a run always ends.
///
/// ```
/// use copilotkit_protocol::{Applied, EventWriter, Message};
/// use serde_json::json;
///
/// let mut events = Vec::new();
/// let mut run = EventWriter::start("thread-1", "run-1", |event| events.push(event))?;
/// run.reasoning("The user wants the weather.")?;
/// let call = run.call("weather", &json!({"city": "Oslo"}))?;
/// run.result(&call, "4 degrees")?;
/// run.state(&json!({"city": "Oslo"}))?;
///
/// let mut message = run.open_text()?;
/// message.delta("It is 4 degrees ")?;
/// message.delta("in Oslo.")?;
/// message.end()?;
/// run.finish()?;
///
/// let mut applied = Applied::default();
/// events.iter().for_each(|event| applied.apply(event));
/// let last = applied.messages().last();
/// assert!(matches!(last, Some(Message::Assistant(it)) if it.content.as_deref() == Some("It is 4 degrees in Oslo.")));
/// # Ok::<(), copilotkit_protocol::ProtocolError>(())
/// ```
///
/// Two things that may not be open at once do not compile:
///
/// ```compile_fail
/// # use copilotkit_protocol::EventWriter;
/// # let mut run = EventWriter::start("t", "r", |_| ())?;
/// let mut message = run.open_text()?;
/// let mut call = run.open_call("weather")?;
/// message.delta("too late")?;
/// # Ok::<(), copilotkit_protocol::ProtocolError>(())
/// ```
pub struct EventWriter<F: FnMut(Event)> {
    sink: F,
    verifier: Verifier,
    thread_id: String,
    run_id: String,
    prefix: String,
    next_id: u64,
    /// The subagent that writes at the moment.
    owner: Option<String>,
}

type Written = Result<(), ProtocolError>;

impl<F: FnMut(Event)> EventWriter<F> {
    /// Starts a run: events go to `sink`, one by one.
    ///
    /// # Errors
    /// None is known; the first event is always RUN_STARTED.
    pub fn start(thread_id: impl Into<String>, run_id: impl Into<String>, sink: F) -> Result<Self, ProtocolError> {
        Self::start_with(RunStarted { thread_id: thread_id.into(), run_id: run_id.into(), ..Default::default() }, sink)
    }

    /// Starts a run with this very event.
    ///
    /// # Errors
    /// As [`EventWriter::start`].
    pub fn start_with(event: RunStarted, sink: F) -> Result<Self, ProtocolError> {
        let (thread_id, run_id) = (event.thread_id.clone(), event.run_id.clone());
        let (verifier, prefix) = (Verifier::new(), run_id.clone());
        let mut writer = Self { sink, verifier, thread_id, run_id, prefix, next_id: 0, owner: None };
        writer.push(event)?;
        Ok(writer)
    }

    /// What ids begin with that are not given: `prefix-1`, `prefix-2` … It is the run's id unless it is set here. Ids
    /// of messages must be unique in their thread, so the prefix must be too.
    #[must_use]
    pub fn id_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// A new id of this run.
    pub fn new_id(&mut self) -> String {
        self.next_id += 1;
        format!("{}-{}", self.prefix, self.next_id)
    }

    /// Writes a text message of the assistant, and gives its id.
    ///
    /// # Errors
    /// When the prefix made an id that belongs to something else.
    pub fn text(&mut self, text: impl Into<String>) -> Result<String, ProtocolError> {
        let mut message = self.open_text()?;
        message.delta(text)?;
        let id = message.id().to_owned();
        message.end()?;
        Ok(id)
    }

    /// Opens a text message of the assistant.
    ///
    /// # Errors
    /// As [`EventWriter::text`].
    pub fn open_text(&mut self) -> Result<TextWriter<'_, F>, ProtocolError> {
        let message_id = self.new_id();
        self.open_text_with(TextMessageStart { message_id, role: Some(TextRole::Assistant), ..Default::default() })
    }

    /// Opens a text message with this very event. An id that was closed may be opened again: its text goes on.
    ///
    /// # Errors
    /// When the id is open, or belongs to another subagent.
    pub fn open_text_with(&mut self, mut event: TextMessageStart) -> Result<TextWriter<'_, F>, ProtocolError> {
        self.tag(&mut event.subagent_run_id);
        let id = event.message_id.clone();
        self.push(event)?;
        Ok(TextWriter::new(self, id))
    }

    /// Writes a tool call with arguments as JSON, and gives its id.
    ///
    /// # Errors
    /// As [`EventWriter::text`].
    pub fn call<T: Serialize + ?Sized>(
        &mut self,
        name: impl Into<String>,
        arguments: &T,
    ) -> Result<String, ProtocolError> {
        let mut call = self.open_call(name)?;
        call.arguments(arguments)?;
        let id = call.id().to_owned();
        call.end()?;
        Ok(id)
    }

    /// Opens a tool call.
    ///
    /// # Errors
    /// As [`EventWriter::text`].
    pub fn open_call(&mut self, name: impl Into<String>) -> Result<CallWriter<'_, F>, ProtocolError> {
        let tool_call_id = self.new_id();
        self.open_call_with(ToolCallStart { tool_call_id, tool_call_name: name.into(), ..Default::default() })
    }

    /// Opens a tool call with this very event.
    ///
    /// # Errors
    /// When the id is open, or belongs to another subagent than its message or the writer.
    pub fn open_call_with(&mut self, mut event: ToolCallStart) -> Result<CallWriter<'_, F>, ProtocolError> {
        self.tag(&mut event.subagent_run_id);
        let id = event.tool_call_id.clone();
        self.push(event)?;
        Ok(CallWriter::new(self, id))
    }

    /// Writes what a tool answered, and gives the id of its message.
    ///
    /// # Errors
    /// None is known.
    pub fn result(&mut self, tool_call_id: &str, content: impl Into<Content>) -> Result<String, ProtocolError> {
        let message_id = self.new_id();
        self.emit(build::tool_result(message_id.clone(), tool_call_id, content))?;
        Ok(message_id)
    }

    /// Writes a span of reasoning with one message, and gives the message's id.
    ///
    /// # Errors
    /// As [`EventWriter::text`].
    pub fn reasoning(&mut self, text: impl Into<String>) -> Result<String, ProtocolError> {
        let mut span = self.open_reasoning()?;
        let mut thought = span.open_thought()?;
        thought.delta(text)?;
        let id = thought.id().to_owned();
        thought.end()?;
        span.end()?;
        Ok(id)
    }

    /// Opens a span of reasoning. Calls and messages may be written through it.
    ///
    /// # Errors
    /// As [`EventWriter::text`].
    pub fn open_reasoning(&mut self) -> Result<ReasoningWriter<'_, F>, ProtocolError> {
        let message_id = self.new_id();
        self.open_reasoning_with(ReasoningStart { message_id, ..Default::default() })
    }

    /// Opens a span of reasoning with this very event.
    ///
    /// # Errors
    /// When the id is open, or belongs to another subagent.
    pub fn open_reasoning_with(&mut self, mut event: ReasoningStart) -> Result<ReasoningWriter<'_, F>, ProtocolError> {
        self.tag(&mut event.subagent_run_id);
        let id = event.message_id.clone();
        self.push(event)?;
        Ok(ReasoningWriter::new(self, id))
    }

    /// Opens a step. Everything else may be written through it.
    ///
    /// # Errors
    /// When a step of this name is open.
    pub fn open_step(&mut self, name: impl Into<String>) -> Result<StepWriter<'_, F>, ProtocolError> {
        let step_name = name.into();
        let subagent_run_id = self.owner.clone();
        self.push(StepStarted { step_name: step_name.clone(), subagent_run_id, ..Default::default() })?;
        Ok(StepWriter::new(self, step_name))
    }

    /// Opens a subagent. What is written through it is its own.
    ///
    /// # Errors
    /// None is known.
    pub fn open_subagent(&mut self, name: impl Into<String>) -> Result<SubagentWriter<'_, F>, ProtocolError> {
        let subagent_run_id = self.new_id();
        let parent_subagent_run_id = self.owner.clone();
        let name = name.into();
        self.open_subagent_with(SubagentStarted { subagent_run_id, name, parent_subagent_run_id, ..Default::default() })
    }

    /// Opens a subagent with this very event.
    ///
    /// # Errors
    /// When its id was used in this run, or its parent was not.
    pub fn open_subagent_with(&mut self, event: SubagentStarted) -> Result<SubagentWriter<'_, F>, ProtocolError> {
        let id = event.subagent_run_id.clone();
        self.push(event)?;
        let before = self.owner.replace(id.clone());
        Ok(SubagentWriter::new(self, id, before))
    }

    /// Writes the whole shared state.
    ///
    /// # Errors
    /// None is known.
    pub fn state<T: Serialize + ?Sized>(&mut self, state: &T) -> Written {
        self.emit(build::state(state))
    }

    /// Writes a change of the shared state. Whether it applies is not checked.
    ///
    /// # Errors
    /// None is known.
    pub fn state_delta(&mut self, delta: JsonPatch) -> Written {
        self.emit(build::state_delta(delta))
    }

    /// Writes an event of the application.
    ///
    /// # Errors
    /// None is known.
    pub fn custom<T: Serialize + ?Sized>(&mut self, name: impl Into<String>, value: &T) -> Written {
        self.emit(build::custom(name, value))
    }

    /// Writes any event that neither opens nor closes something.
    ///
    /// # Errors
    /// When it does open or close something, or may not come here.
    pub fn emit(&mut self, event: impl Into<Event>) -> Written {
        let mut event = event.into();
        match &mut event {
            Event::ToolCallResult(event) => self.tag(&mut event.subagent_run_id),
            Event::StateSnapshot(event) => self.tag(&mut event.subagent_run_id),
            Event::StateDelta(event) => self.tag(&mut event.subagent_run_id),
            Event::ActivitySnapshot(event) => self.tag(&mut event.subagent_run_id),
            Event::ActivityDelta(event) => self.tag(&mut event.subagent_run_id),
            Event::ReasoningEncryptedValue(event) => self.tag(&mut event.subagent_run_id),
            Event::Raw(event) => self.tag(&mut event.subagent_run_id),
            Event::Custom(event) => self.tag(&mut event.subagent_run_id),
            Event::MessagesSnapshot(_) => {}
            other => {
                let kind = other.kind();
                let text = format!("Cannot send '{kind}' by itself: it opens or closes something, which has a handle.");
                return Err(ProtocolError::new(kind, text));
            }
        }
        self.push(event)
    }

    /// Ends the run: it did what it was asked to.
    ///
    /// # Errors
    /// When something is open because its handle was leaked; the run then ends with RUN_ERROR.
    pub fn finish(self) -> Written {
        self.finish_with(RunFinished::default())
    }

    /// Ends the run with questions: it goes on when they are answered.
    ///
    /// # Errors
    /// As [`EventWriter::finish`].
    pub fn interrupt(self, interrupts: Vec<Interrupt>) -> Written {
        let outcome = Some(InterruptOutcome { interrupts, extra: Extra::default() }.into());
        self.finish_with(RunFinished { outcome, ..Default::default() })
    }

    /// Ends the run: it was stopped on purpose (AG-UI 1.0).
    ///
    /// # Errors
    /// As [`EventWriter::finish`].
    pub fn cancel(self) -> Written {
        let outcome = Some(CancelledOutcome::default().into());
        self.finish_with(RunFinished { outcome, ..Default::default() })
    }

    /// Ends the run with this very event; `threadId` and `runId` are those of the run.
    ///
    /// # Errors
    /// As [`EventWriter::finish`].
    pub fn finish_with(mut self, mut event: RunFinished) -> Written {
        event.thread_id.clone_from(&self.thread_id);
        event.run_id.clone_from(&self.run_id);
        self.push(event)
    }

    /// Ends the run: it failed. What is open stays open, which is legal here.
    ///
    /// # Errors
    /// None is known.
    pub fn fail(mut self, code: impl Into<String>, message: impl Into<String>) -> Written {
        self.push(RunError { message: message.into(), code: Some(code.into()), ..Default::default() })
    }

    /// What says nothing of its owner belongs to the subagent that writes.
    fn tag(&self, subagent_run_id: &mut Option<String>) {
        if subagent_run_id.is_none() {
            subagent_run_id.clone_from(&self.owner);
        }
    }

    fn push(&mut self, event: impl Into<Event>) -> Written {
        let emitted = Emitted::from(event);
        self.verifier.check(&emitted)?;
        (self.sink)(emitted.into_event());
        Ok(())
    }
}

impl<F: FnMut(Event)> fmt::Debug for EventWriter<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventWriter").field("run_id", &self.run_id).finish_non_exhaustive()
    }
}

impl<F: FnMut(Event)> Drop for EventWriter<F> {
    fn drop(&mut self) {
        if !self.verifier.is_ended() {
            let message = "The run was given up before it was finished.".to_owned();
            // Legal at any place in a run.
            let _ = self.push(RunError { message, code: Some("incomplete".to_owned()), ..Default::default() });
        }
    }
}

#[cfg(test)]
mod tests;
