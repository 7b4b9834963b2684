//! A hook for what goes in and what comes out: rules of your own, in front of an agent.

use super::{Middleware, Next};
use crate::agent::{AgentError, EventStream, RunContext};
use async_trait::async_trait;
use copilotkit_protocol::{
    Code, Content, Emitted, Event, EventKind, Expander, Message, ProtocolError, RunAgentInput, TextMessageContent,
    ToolCallArgs,
};
use futures::StreamExt as _;
use std::collections::HashMap;
use std::sync::Arc;

/// The most bytes of one message or call that are held back until it is complete. A longer one ends the run.
const HELD_MAX: usize = 1024 * 1024;

/// Looks at what an agent is asked and at what it answers; may change either, or end the run.
///
/// ```
/// use async_trait::async_trait;
/// use copilotkit_runtime::middleware::{Blocked, Filter, FilterMiddleware, Said};
/// use copilotkit_runtime::protocol::{Content, Message, RunAgentInput};
/// use copilotkit_runtime::{RunContext, agents::BuiltInAgent, Registered};
/// # fn register(agent: BuiltInAgent) -> Registered {
///
/// struct House;
///
/// #[async_trait]
/// impl Filter for House {
///     /// Refuses a subject.
///     async fn input(&self, _: &RunContext, input: RunAgentInput) -> Result<RunAgentInput, Blocked> {
///         let asks = |message: &Message| matches!(message, Message::User(user) if user.content.text().contains("salary"));
///         match input.messages.last().is_some_and(asks) {
///             true => Err(Blocked::new("Salaries are not talked about here.")),
///             false => Ok(input),
///         }
///     }
///
///     /// Sees each message when it is whole, before anybody else does.
///     async fn output(&self, _: &RunContext, said: Said<'_>) -> Result<Option<String>, Blocked> {
///         Ok(said.text.contains("Project X").then(|| said.text.replace("Project X", "a project")))
///     }
/// }
///
/// let registered = Registered::new("default", agent).with(FilterMiddleware::new(House));
/// # registered
/// # }
/// ```
#[async_trait]
pub trait Filter: Send + Sync + 'static {
    /// What the agent is asked, before it is asked.
    ///
    /// # Errors
    /// Ends the run.
    async fn input(&self, run: &RunContext, input: RunAgentInput) -> Result<RunAgentInput, Blocked> {
        let _ = run;
        Ok(input)
    }

    /// What the agent says: another text in its place, or `None` to leave it.
    ///
    /// # Errors
    /// Ends the run; what was said is not shown.
    async fn output(&self, run: &RunContext, said: Said<'_>) -> Result<Option<String>, Blocked> {
        let _ = (run, said);
        Ok(None)
    }
}

/// Something that an agent said.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Said<'a> {
    /// What kind.
    pub kind: SaidKind,
    /// The message's or the call's id.
    pub id: &'a str,
    /// All of it.
    pub text: &'a str,
}

/// What kind of thing was said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SaidKind {
    /// A message.
    Text,
    /// What the model thought.
    Reasoning,
    /// The arguments of a call, as JSON.
    Arguments,
    /// The result of a call that the server executed. The model has read it already.
    Result,
}

/// A filter ends the run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blocked {
    message: String,
}

impl Blocked {
    /// With what its user is told.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into() }
    }
}

impl From<Blocked> for AgentError {
    fn from(blocked: Blocked) -> Self {
        Self::new(Code::ContentBlocked, blocked.message)
    }
}

/// Puts a [`Filter`] in front of an agent. Texts are held back until they are whole, so that nothing slips through
/// between two pieces: pages see messages, not words. Of what is not text (state, activities, custom events) nothing is
/// shown to the filter. It stands in front of suggestions too.
pub struct FilterMiddleware<F>(Arc<F>);

impl<F: Filter> FilterMiddleware<F> {
    /// A filter as a middleware.
    pub fn new(filter: F) -> Self {
        Self(Arc::new(filter))
    }
}

impl<F: Filter> Middleware for FilterMiddleware<F> {
    fn is_guard(&self) -> bool {
        true
    }

    fn run(&self, context: RunContext, next: Next) -> EventStream {
        let filter = self.0.clone();
        async_stream::stream! {
            let input = match filter.input(&context, (*context.input).clone()).await {
                Ok(input) => input,
                Err(blocked) => {
                    yield Err(blocked.into());
                    return;
                }
            };
            let context = RunContext { input: Arc::new(input), ..context };
            let mut events = next.run(context.clone());
            let (mut held, mut expander) = (Held::default(), Expander::new());
            let mut whole = Vec::new();
            while let Some(item) = events.next().await {
                // Pieces without a start and an end become such that have them.
                let expanded = item.and_then(|event| {
                    let bad = |error: ProtocolError| AgentError::new(Code::AgentBadEvent, error.to_string());
                    expander.push(event, &mut whole).map_err(bad)
                });
                for event in whole.drain(..) {
                    match held.take(event, &*filter, &context).await {
                        Ok(out) => {
                            for event in out {
                                yield Ok(event);
                            }
                        }
                        Err(error) => {
                            yield Err(error);
                            return;
                        }
                    }
                }
                if let Err(error) = expanded {
                    yield Err(error);
                    return;
                }
            }
            // What was begun and never ended is looked at like the rest.
            match held.rest(&*filter, &context).await {
                Ok(out) => {
                    for event in out {
                        yield Ok(event);
                    }
                }
                Err(error) => yield Err(error),
            }
        }
        .boxed()
    }
}

/// Texts that are not whole yet, by kind and id.
#[derive(Default)]
struct Held(HashMap<(SaidKind, String), String>);

impl Held {
    /// Takes an event; gives those that may be shown.
    async fn take(
        &mut self,
        event: Emitted,
        filter: &impl Filter,
        run: &RunContext,
    ) -> Result<Vec<Emitted>, AgentError> {
        match event.kind() {
            EventKind::TextMessageContent | EventKind::ToolCallArgs | EventKind::ReasoningMessageContent => {
                let (kind, id, delta) = match event.into_event() {
                    Event::TextMessageContent(text) => (SaidKind::Text, text.message_id, text.delta),
                    Event::ToolCallArgs(arguments) => (SaidKind::Arguments, arguments.tool_call_id, arguments.delta),
                    Event::ReasoningMessageContent(text) => (SaidKind::Reasoning, text.message_id, text.delta),
                    other => return Ok(vec![other.into()]),
                };
                let text = self.0.entry((kind, id)).or_default();
                if text.len() + delta.len() > HELD_MAX {
                    let message = format!("A message is longer than the {HELD_MAX} bytes that a filter looks at.");
                    return Err(AgentError::new(Code::AgentEventTooLarge, message));
                }
                text.push_str(&delta);
                Ok(Vec::new())
            }
            EventKind::TextMessageEnd => self.whole(SaidKind::Text, event, filter, run).await,
            EventKind::ToolCallEnd => self.whole(SaidKind::Arguments, event, filter, run).await,
            EventKind::ReasoningMessageEnd => self.whole(SaidKind::Reasoning, event, filter, run).await,
            EventKind::ToolCallResult => {
                let Event::ToolCallResult(mut result) = event.into_event() else { return Ok(Vec::new()) };
                let text = result.content.text().into_owned();
                let said = Said { kind: SaidKind::Result, id: &result.tool_call_id, text: &text };
                if let Some(other) = filter.output(run, said).await? {
                    result.content = Content::Text(other);
                }
                Ok(vec![Event::from(result).into()])
            }
            EventKind::MessagesSnapshot => {
                let Event::MessagesSnapshot(mut snapshot) = event.into_event() else { return Ok(Vec::new()) };
                for message in &mut snapshot.messages {
                    if let Message::Assistant(message) = message
                        && let Some(text) = &message.content
                        && let Some(other) = filter.output(run, said(SaidKind::Text, &message.id, text)).await?
                    {
                        message.content = Some(other);
                    }
                }
                Ok(vec![Event::from(snapshot).into()])
            }
            // Nothing follows.
            kind if kind.is_terminal() => {
                let mut out = self.rest(filter, run).await?;
                out.push(event);
                Ok(out)
            }
            _ => Ok(vec![event]),
        }
    }

    /// Everything that is held.
    async fn rest(&mut self, filter: &impl Filter, run: &RunContext) -> Result<Vec<Emitted>, AgentError> {
        let mut out = Vec::new();
        for ((kind, id), text) in std::mem::take(&mut self.0) {
            out.extend(content(kind, &id, &text, filter, run).await?);
        }
        Ok(out)
    }

    /// The end of a text: its content goes before it.
    async fn whole(
        &mut self,
        kind: SaidKind,
        end: Emitted,
        filter: &impl Filter,
        run: &RunContext,
    ) -> Result<Vec<Emitted>, AgentError> {
        let id = end.head().id.clone().unwrap_or_default();
        let mut out = match self.0.remove(&(kind, id.clone())) {
            Some(text) => content(kind, &id, &text, filter, run).await?,
            None => Vec::new(),
        };
        out.push(end);
        Ok(out)
    }
}

fn said<'a>(kind: SaidKind, id: &'a str, text: &'a str) -> Said<'a> {
    Said { kind, id, text }
}

/// A whole text, as the filter lets it pass.
async fn content(
    kind: SaidKind,
    id: &str,
    text: &str,
    filter: &impl Filter,
    run: &RunContext,
) -> Result<Vec<Emitted>, AgentError> {
    let other = filter.output(run, Said { kind, id, text }).await?;
    let delta = other.unwrap_or_else(|| text.to_owned());
    if delta.is_empty() {
        return Ok(Vec::new());
    }
    let id = id.to_owned();
    let event: Event = match kind {
        SaidKind::Text => TextMessageContent { message_id: id, delta, ..Default::default() }.into(),
        SaidKind::Arguments => ToolCallArgs { tool_call_id: id, delta, ..Default::default() }.into(),
        SaidKind::Reasoning => {
            copilotkit_protocol::ReasoningMessageContent { message_id: id, delta, ..Default::default() }.into()
        }
        SaidKind::Result => return Ok(Vec::new()),
    };
    Ok(vec![event.into()])
}
