//! The order that AG-UI prescribes, checked as the reference client checks it: same rules, same order, same texts.

pub(crate) mod owners;

use crate::emitted::Emitted;
use crate::error::ProtocolError;
use crate::event::*;
use owners::{Entity, Open, Owners};
use std::collections::{HashMap, HashSet};

/// Checks the events of one stream, in order, after chunks were expanded. Several runs may follow one another.
///
/// An event of a type that AG-UI 1.0 does not have is let through: clients drop it before they check.
#[derive(Debug, Default)]
pub struct Verifier {
    phase: Phase,
    /// RUN_STARTED was seen and nothing has ended that run.
    active: bool,
    run: Run,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    #[default]
    Before,
    Running,
    Finished,
    Errored,
}

#[derive(Debug, Default)]
struct Run {
    texts: Open,
    calls: Open,
    spans: Open,
    thoughts: Open,
    /// Owner and name of every open step, in the order of opening.
    steps: Vec<(Option<String>, String)>,
    subagents: Open,
    closed_subagents: HashSet<String>,
    owners: Owners,
}

type Checked = Result<(), ProtocolError>;

impl Verifier {
    /// A verifier for a stream that has not begun.
    pub fn new() -> Self {
        Self::default()
    }

    /// True when the last event that was let through was a RUN_FINISHED or RUN_ERROR.
    pub fn is_ended(&self) -> bool {
        matches!(self.phase, Phase::Finished | Phase::Errored)
    }

    /// Checks the next event. After an error the stream should be given up.
    ///
    /// # Errors
    /// When the event may not come here, with the reference client's text.
    pub fn check(&mut self, event: &Emitted) -> Checked {
        let kind = event.kind();
        if kind == EventKind::Unknown {
            return Ok(());
        }
        self.lifecycle(kind)?;
        // The head tells all that the rules for the commonest events look at.
        if kind.is_delta() {
            return self.run.delta(kind, event);
        }
        let event = event.event();
        match &*event {
            Event::RunStarted(event) => {
                self.phase = Phase::Running;
                self.active = true;
                if let Some(input) = &event.input {
                    self.run.owners.seed(&input.messages, false);
                }
                Ok(())
            }
            Event::RunFinished(_) => {
                self.run.all_closed()?;
                self.phase = Phase::Finished;
                Ok(())
            }
            Event::RunError(_) => {
                self.phase = Phase::Errored;
                Ok(())
            }
            other => self.run.check(kind, other),
        }
    }

    fn lifecycle(&mut self, kind: EventKind) -> Checked {
        let error = |text: String| Err(ProtocolError::new(kind, text));
        match (self.phase, kind) {
            (Phase::Errored, EventKind::RunStarted) | (Phase::Finished, EventKind::RunStarted) => {
                self.run = Run::default();
                self.active = false;
                Ok(())
            }
            (Phase::Errored, _) => error(format!(
                "Cannot send event type '{kind}': The run has already errored with 'RUN_ERROR'. No further events can be sent."
            )),
            (Phase::Finished, EventKind::RunError) => Ok(()),
            (Phase::Finished, _) => error(format!(
                "Cannot send event type '{kind}': The run has already finished with 'RUN_FINISHED'. Start a new run with 'RUN_STARTED'."
            )),
            (Phase::Before, EventKind::RunStarted | EventKind::RunError) => Ok(()),
            (Phase::Before, _) => error("First event must be 'RUN_STARTED'".to_owned()),
            (Phase::Running, EventKind::RunStarted) if self.active => error(
                "Cannot send 'RUN_STARTED' while a run is still active. The previous run must be finished with 'RUN_FINISHED' before starting a new run."
                    .to_owned(),
            ),
            (Phase::Running, _) => Ok(()),
        }
    }
}

/// The owner in a text.
fn named(owner: Option<&str>) -> &str {
    owner.unwrap_or("(the parent agent)")
}

fn fail(kind: EventKind, text: impl Into<String>) -> Checked {
    Err(ProtocolError::new(kind, text))
}

impl Run {
    /// A tag must name the owner on record; no tag never disagrees.
    fn owner(&self, kind: EventKind, entity: Entity, id: &str, tag: Option<&str>) -> Checked {
        self.owner_as(kind, entity, entity.noun(), id, tag)
    }

    fn owner_as(&self, kind: EventKind, entity: Entity, noun: &str, id: &str, tag: Option<&str>) -> Checked {
        let Some(tag) = tag else { return Ok(()) };
        match self.owners.get(entity, id) {
            Some(owner) if owner.as_deref() != Some(tag) => {
                let owner = named(owner.as_deref());
                fail(
                    kind,
                    format!(
                        "Cannot send '{kind}': subagentRunId '{tag}' does not match the {noun} '{id}' opener's subagent '{owner}'."
                    ),
                )
            }
            _ => Ok(()),
        }
    }

    fn delta(&self, kind: EventKind, event: &Emitted) -> Checked {
        let head = event.head();
        let id = head.id.as_deref().unwrap_or_default();
        let entity = self.is_open(kind, id)?;
        self.owner(kind, entity, id, head.subagent.as_deref())
    }

    /// Content and end need an open item.
    fn is_open(&self, kind: EventKind, id: &str) -> Result<Entity, ProtocolError> {
        use EventKind as K;
        let (open, entity, noun) = match kind {
            K::TextMessageContent | K::TextMessageEnd => (&self.texts, Entity::Message, "text message"),
            K::ToolCallArgs | K::ToolCallEnd => (&self.calls, Entity::Call, "tool call"),
            K::ReasoningEnd => (&self.spans, Entity::Reasoning, "reasoning span"),
            _ => (&self.thoughts, Entity::Reasoning, "reasoning message"),
        };
        if open.contains(id) {
            return Ok(entity);
        }
        let hint = match kind {
            K::TextMessageContent => "Start a text message with 'TEXT_MESSAGE_START' first.",
            K::TextMessageEnd => "A 'TEXT_MESSAGE_START' event must be sent first.",
            K::ToolCallArgs => "Start a tool call with 'TOOL_CALL_START' first.",
            K::ToolCallEnd => "A 'TOOL_CALL_START' event must be sent first.",
            K::ReasoningEnd => "A 'REASONING_START' event must be sent first.",
            _ => "Start a reasoning message with 'REASONING_MESSAGE_START' first.",
        };
        Err(ProtocolError::new(
            kind,
            format!("Cannot send '{kind}' event: No active {noun} found with ID '{id}'. {hint}"),
        ))
    }

    fn check(&mut self, kind: EventKind, event: &Event) -> Checked {
        let tag = event.subagent_run_id();
        match event {
            Event::TextMessageStart(event) => {
                let id = &event.message_id;
                if self.texts.contains(id) {
                    return in_progress(kind, "text message", id, "TEXT_MESSAGE_END");
                }
                self.open(kind, Entity::Message, id, tag)?;
                self.texts.insert(id);
            }
            Event::ReasoningStart(event) => {
                let id = &event.message_id;
                if self.spans.contains(id) {
                    return in_progress(kind, "reasoning span", id, "REASONING_END");
                }
                self.open(kind, Entity::Reasoning, id, tag)?;
                self.spans.insert(id);
            }
            Event::ReasoningMessageStart(event) => {
                let id = &event.message_id;
                if self.thoughts.contains(id) {
                    return in_progress(kind, "reasoning message", id, "REASONING_MESSAGE_END");
                }
                self.open(kind, Entity::Reasoning, id, tag)?;
                self.thoughts.insert(id);
            }
            Event::ToolCallStart(event) => self.call_start(kind, event)?,
            Event::TextMessageEnd(event) => {
                self.close(kind, &event.message_id, tag)?;
                self.texts.remove(&event.message_id);
            }
            Event::ToolCallEnd(event) => {
                self.close(kind, &event.tool_call_id, tag)?;
                self.calls.remove(&event.tool_call_id);
            }
            Event::ReasoningMessageEnd(event) => {
                self.close(kind, &event.message_id, tag)?;
                self.thoughts.remove(&event.message_id);
            }
            Event::ReasoningEnd(event) => {
                self.close(kind, &event.message_id, tag)?;
                self.spans.remove(&event.message_id);
            }
            Event::ToolCallResult(event) => {
                self.owners.set(Entity::Message, &event.message_id, tag.map(str::to_owned));
            }
            Event::ReasoningEncryptedValue(event) => {
                let id = &event.entity_id;
                let entity = match event.subtype {
                    EncryptedValueSubtype::ToolCall => Entity::Call,
                    EncryptedValueSubtype::Message if self.owners.get(Entity::Message, id).is_some() => Entity::Message,
                    EncryptedValueSubtype::Message => Entity::Reasoning,
                };
                let noun = if entity == Entity::Call { "tool call" } else { "message" };
                self.owner_as(kind, entity, noun, id, tag)?;
            }
            Event::ActivitySnapshot(event) => {
                let owner = tag.map(str::to_owned);
                if event.replace == Some(false) {
                    self.owners.claim(Entity::Activity, &event.message_id, owner);
                } else {
                    self.owners.set(Entity::Activity, &event.message_id, owner);
                }
            }
            Event::ActivityDelta(event) => self.owner(kind, Entity::Activity, &event.message_id, tag)?,
            Event::MessagesSnapshot(event) => self.owners.seed(&event.messages, true),
            Event::StepStarted(event) => {
                if self.step(tag, &event.step_name).is_some() {
                    let place = tag.map(|tag| format!(" in subagent '{tag}'")).unwrap_or_default();
                    let name = &event.step_name;
                    return fail(kind, format!("Step \"{name}\" is already active for 'STEP_STARTED'{place}"));
                }
                self.steps.push((tag.map(str::to_owned), event.step_name.clone()));
            }
            Event::StepFinished(event) => self.step_finished(kind, tag, &event.step_name)?,
            Event::SubagentStarted(event) => self.subagent_started(kind, event)?,
            Event::SubagentFinished(_) | Event::SubagentError(_) => {
                let id = tag.unwrap_or_default();
                if !self.subagents.remove(id) {
                    return fail(
                        kind,
                        format!(
                            "Cannot send '{kind}': no active subagent found with ID '{id}'. A 'SUBAGENT_STARTED' event must be sent first."
                        ),
                    );
                }
                self.closed_subagents.insert(id.to_owned());
            }
            _ => {}
        }
        Ok(())
    }

    /// The first opener is the owner; a later one that names another is refused.
    fn open(&mut self, kind: EventKind, entity: Entity, id: &str, tag: Option<&str>) -> Checked {
        self.owner(kind, entity, id, tag)?;
        self.owners.claim(entity, id, tag.map(str::to_owned));
        Ok(())
    }

    fn close(&self, kind: EventKind, id: &str, tag: Option<&str>) -> Checked {
        let entity = self.is_open(kind, id)?;
        self.owner(kind, entity, id, tag)
    }

    fn call_start(&mut self, kind: EventKind, event: &ToolCallStart) -> Checked {
        const BELONGS: &str = "A tool call belongs to the message that carries it.";
        let id = &event.tool_call_id;
        let tag = event.subagent_run_id.as_deref();
        if self.calls.contains(id) {
            return in_progress(kind, "tool call", id, "TOOL_CALL_END");
        }
        let parent = event.parent_message_id.as_deref().unwrap_or_default();
        let inherited = event.parent_message_id.as_ref().and_then(|id| self.owners.get(Entity::Message, id));
        if let (Some(tag), Some(owner)) = (tag, inherited)
            && owner.as_deref() != Some(tag)
        {
            let owner = named(owner.as_deref());
            return fail(
                kind,
                format!(
                    "Cannot send '{kind}': subagentRunId '{tag}' does not match its parent message '{parent}' owner '{owner}'. {BELONGS}"
                ),
            );
        }
        self.owner(kind, Entity::Call, id, tag)?;
        if let (None, Some(inherited), Some(owner)) = (tag, inherited, self.owners.get(Entity::Call, id))
            && owner != inherited
        {
            let (owner, inherited) = (named(owner.as_deref()), named(inherited.as_deref()));
            return fail(
                kind,
                format!(
                    "Cannot send '{kind}': tool call '{id}' is owned by '{owner}' but its parent message '{parent}' is owned by '{inherited}'. {BELONGS}"
                ),
            );
        }
        let owner = tag.map(str::to_owned).or_else(|| inherited.cloned().flatten());
        self.owners.claim(Entity::Call, id, owner);
        self.calls.insert(id);
        Ok(())
    }

    fn step(&self, owner: Option<&str>, name: &str) -> Option<usize> {
        self.steps.iter().position(|(by, open)| open == name && by.as_deref() == owner)
    }

    fn step_finished(&mut self, kind: EventKind, tag: Option<&str>, name: &str) -> Checked {
        if let Some(at) = self.step(tag, name) {
            self.steps.remove(at);
            return Ok(());
        }
        let who = |owner: Option<&str>| {
            owner.map_or_else(|| "the parent agent".to_owned(), |owner| format!("subagent '{owner}'"))
        };
        match self.steps.iter().find(|(_, open)| open == name) {
            Some((other, _)) => fail(
                kind,
                format!(
                    "Cannot send '{kind}' for step \"{name}\" attributed to {}: that step is open under {}. A step must be finished by whoever started it.",
                    who(tag),
                    who(other.as_deref())
                ),
            ),
            None => fail(kind, format!("Cannot send '{kind}' for step \"{name}\" that was not started")),
        }
    }

    fn subagent_started(&mut self, kind: EventKind, event: &SubagentStarted) -> Checked {
        let id = &event.subagent_run_id;
        if self.subagents.contains(id) {
            let text = "is already active. Finish it with 'SUBAGENT_FINISHED' first.";
            return fail(kind, format!("Cannot send '{kind}': subagent '{id}' {text}"));
        }
        if self.closed_subagents.contains(id) {
            let text = "has already finished in this run. Subagent IDs are per-invocation and cannot be reused.";
            return fail(kind, format!("Cannot send '{kind}': subagent '{id}' {text}"));
        }
        if let Some(parent) = &event.parent_subagent_run_id
            && !self.subagents.contains(parent)
            && !self.closed_subagents.contains(parent)
        {
            return fail(
                kind,
                format!("Cannot send '{kind}': parentSubagentRunId '{parent}' has not been started in this run."),
            );
        }
        self.subagents.insert(id);
        Ok(())
    }

    /// A run finishes when everything that was opened is closed.
    fn all_closed(&self) -> Checked {
        // Steps are listed owner by owner, in the order in which an owner first opened one.
        let mut first: HashMap<Option<&str>, usize> = HashMap::new();
        for (owner, _) in &self.steps {
            let next = first.len();
            first.entry(owner.as_deref()).or_insert(next);
        }
        let mut steps: Vec<_> = self.steps.iter().collect();
        steps.sort_by_key(|(owner, _)| first.get(&owner.as_deref()).copied());
        let steps = steps.into_iter().map(|(owner, name)| match owner {
            Some(owner) => format!("{name} (subagent '{owner}')"),
            None => name.clone(),
        });
        let steps = (!self.steps.is_empty()).then(|| steps.collect::<Vec<_>>().join(", "));
        let lists = [
            ("steps", steps),
            ("text messages", self.texts.list()),
            ("reasoning messages", self.thoughts.list()),
            ("reasoning spans", self.spans.list()),
            ("tool calls", self.calls.list()),
            ("subagents", self.subagents.list()),
        ];
        match lists.into_iter().find_map(|(what, list)| list.map(|list| (what, list))) {
            Some((what, list)) => {
                let kind = EventKind::RunFinished;
                fail(kind, format!("Cannot send '{kind}' while {what} are still active: {list}"))
            }
            None => Ok(()),
        }
    }
}

fn in_progress(kind: EventKind, noun: &str, id: &str, end: &str) -> Checked {
    fail(
        kind,
        format!(
            "Cannot send '{kind}' event: A {noun} with ID '{id}' is already in progress. Complete it with '{end}' first."
        ),
    )
}

#[cfg(test)]
mod tests;
