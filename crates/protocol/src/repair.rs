//! Repair: whatever an agent sends becomes a stream that every client accepts.
//!
//! The rules, case by case:
//!
//! | the agent sends | it becomes |
//! |---|---|
//! | no RUN_STARTED | one is made; a second one is dropped |
//! | content for a message or call that is not open | the opener is made first; a call without a known name is dropped |
//! | a start for something open | the item goes on under its id |
//! | a start for something closed | it is opened again, which appends |
//! | an end for something that is not open | dropped |
//! | a tag that names another owner than the one on record | the tag of the owner on record |
//! | a STATE_DELTA that does not apply | a STATE_SNAPSHOT of the last good state |
//! | something still open at the end | closed, messages and calls in the order of opening |
//! | no terminal event | RUN_FINISHED after a stop, else RUN_ERROR |
//! | anything after the terminal event | dropped |
//!
//! What needs no repair passes as it came, bytes included.

mod end;
mod open;
mod state;
mod tag;

use crate::emitted::Emitted;
use crate::event::*;
use crate::patch;
use crate::state::State;
use crate::verify::owners::{Entity, Owners};
use crate::wire::Json;
use open::{Item, Open};
use std::collections::{HashMap, HashSet};

/// Warning events that one run may add.
pub const MAX_WARNINGS: usize = 20;

/// Events of unknown type that are held back until RUN_STARTED; more are dropped.
const MAX_EARLY: usize = 16;

/// What a repair needs to know about the run.
#[derive(Clone, Debug, Default)]
pub struct RepairOptions {
    /// The thread, for a RUN_STARTED that has to be made.
    pub thread_id: String,
    /// The run, for a RUN_STARTED that has to be made.
    pub run_id: String,
    /// The tools that the page offered: their calls are answered by the page, never here.
    pub frontend_tools: HashSet<String>,
    /// The shared state at the start; absent is `{}`.
    pub state: Option<Json>,
}

/// How an agent's stream came to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// It ended by itself.
    Ended,
    /// A stop was asked for.
    Stopped,
    /// It failed, or had to be given up.
    Failed {
        /// Why, for a program: the `code` of the RUN_ERROR.
        code: String,
        /// Why, for a person: its `message`.
        message: String,
    },
}

/// Repairs the events of one run, in order, after chunks were expanded.
///
/// It remembers every id of the run; the bound on a run's events bounds it too.
#[derive(Debug)]
pub struct Repair {
    options: RepairOptions,
    phase: Phase,
    /// threadId and runId of the RUN_STARTED that was let through.
    ids: (String, String),
    early: Vec<Emitted>,
    open: Open,
    owners: Owners,
    /// Names of the tools behind the calls that are known, of earlier runs too.
    names: HashMap<String, String>,
    closed_subagents: HashSet<String>,
    state: State,
    warnings: usize,
    dropped: u64,
    repaired: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Before,
    Running,
    Ended,
}

impl Repair {
    /// A repair for a run that has not begun.
    pub fn new(mut options: RepairOptions) -> Self {
        let state = State::new(options.state.take());
        Self {
            options,
            phase: Phase::Before,
            ids: Default::default(),
            early: Vec::new(),
            open: Open::default(),
            owners: Owners::default(),
            names: HashMap::new(),
            closed_subagents: HashSet::new(),
            state,
            warnings: 0,
            dropped: 0,
            repaired: 0,
        }
    }

    /// Events that were left out.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Events that were added or changed.
    pub fn repaired(&self) -> u64 {
        self.repaired
    }

    /// True once the terminal event was let through or made.
    pub fn is_ended(&self) -> bool {
        self.phase == Phase::Ended
    }

    /// Appends to `out` what `event` becomes.
    pub fn push(&mut self, event: Emitted, out: &mut Vec<Emitted>) {
        let kind = event.kind();
        match self.phase {
            Phase::Running => {}
            Phase::Ended => {
                self.dropped += 1;
                return;
            }
            Phase::Before if kind == EventKind::RunStarted => return self.started(event, out),
            // Nobody is sent these, so they are no reason to make a RUN_STARTED before the agent's own.
            Phase::Before if kind == EventKind::Unknown => {
                if self.early.len() < MAX_EARLY {
                    self.early.push(event);
                } else {
                    self.dropped += 1;
                }
                return;
            }
            Phase::Before => self.start(out),
        }
        if kind.is_delta() { self.delta(event, out) } else { self.other(event, out) }
    }

    /// The stream is over: closes what is open and makes the terminal event, unless there was one.
    pub fn finish(&mut self, end: End, out: &mut Vec<Emitted>) {
        match self.phase {
            Phase::Ended => return,
            Phase::Before => self.start(out),
            Phase::Running => {}
        }
        self.end(end, out);
    }

    /// Makes a RUN_STARTED.
    fn start(&mut self, out: &mut Vec<Emitted>) {
        self.repaired += 1;
        let (thread_id, run_id) = (self.options.thread_id.clone(), self.options.run_id.clone());
        self.started(RunStarted { thread_id, run_id, ..Default::default() }.into(), out);
    }

    fn started(&mut self, event: Emitted, out: &mut Vec<Emitted>) {
        if let Event::RunStarted(started) = &*event.event() {
            self.ids = (started.thread_id.clone(), started.run_id.clone());
            if let Some(input) = &started.input {
                self.owners.seed(&input.messages, false);
                self.learn_names(&input.messages);
            }
        }
        self.phase = Phase::Running;
        out.push(event);
        out.append(&mut self.early);
    }

    fn learn_names(&mut self, messages: &[crate::Message]) {
        for call in messages.iter().flat_map(|message| message.tool_calls()) {
            self.names.entry(call.id.clone()).or_insert_with(|| call.function.name.clone());
        }
    }

    /// The three events that most of any stream is: decoded only when something is wrong.
    fn delta(&mut self, event: Emitted, out: &mut Vec<Emitted>) {
        let kind = event.kind();
        let (item, entity) = match kind {
            EventKind::TextMessageContent => (Item::Text, Entity::Message),
            EventKind::ToolCallArgs => (Item::Call, Entity::Call),
            _ => (Item::Thought, Entity::Reasoning),
        };
        let head = event.head();
        let id = head.id.as_deref().unwrap_or_default();
        if !self.open.contains(item, id) {
            let id = id.to_owned();
            let tag = self.tag_for(entity, &id, head.subagent.clone());
            if !self.open_first(item, &id, tag, out) {
                self.dropped += 1;
                self.warn("unknown_tool_call", format!("arguments for the tool call '{id}' without its start"), out);
                return;
            }
        }
        let event = self.owned(event, entity);
        out.push(event);
    }

    /// The owner on record, else the tag.
    fn tag_for(&self, entity: Entity, id: &str, tag: Option<String>) -> Option<String> {
        self.owners.get(entity, id).cloned().unwrap_or(tag)
    }

    /// Makes the opener of an item whose content came without one. False for a call of unknown name.
    fn open_first(&mut self, item: Item, id: &str, tag: Option<String>, out: &mut Vec<Emitted>) -> bool {
        let subagent_run_id = tag.clone();
        let entity = match item {
            Item::Text => Entity::Message,
            Item::Call => Entity::Call,
            _ => Entity::Reasoning,
        };
        let event: Emitted = match item {
            Item::Text => {
                let role = Some(TextRole::Assistant);
                TextMessageStart { message_id: id.to_owned(), role, subagent_run_id, ..Default::default() }.into()
            }
            Item::Call => {
                let Some(name) = self.names.get(id).cloned() else { return false };
                self.open.call(id, &name);
                ToolCallStart {
                    tool_call_id: id.to_owned(),
                    tool_call_name: name,
                    subagent_run_id,
                    ..Default::default()
                }
                .into()
            }
            _ => ReasoningMessageStart { message_id: id.to_owned(), subagent_run_id, ..Default::default() }.into(),
        };
        self.repaired += 1;
        self.owners.claim(entity, id, tag);
        self.open.insert(item, id);
        out.push(event);
        true
    }

    /// The event with the tag of the owner on record. A tag that is absent never disagrees.
    fn owned(&mut self, event: Emitted, entity: Entity) -> Emitted {
        let head = event.head();
        let Some(tag) = &head.subagent else { return event };
        let id = head.id.as_deref().unwrap_or_default();
        match self.owners.get(entity, id) {
            Some(owner) if owner.as_ref() != Some(tag) => {
                let owner = owner.clone();
                self.retag(event, owner)
            }
            _ => event,
        }
    }

    fn retag(&mut self, event: Emitted, owner: Option<String>) -> Emitted {
        self.repaired += 1;
        let mut event = event.into_event();
        tag::set(&mut event, owner);
        event.into()
    }

    fn other(&mut self, event: Emitted, out: &mut Vec<Emitted>) {
        use EventKind as K;
        let id = event.head().id.clone().unwrap_or_default();
        match event.kind() {
            K::RunStarted => self.dropped += 1,
            K::RunFinished | K::RunError => self.terminal(event, out),
            K::TextMessageStart => self.opener(event, Item::Text, Entity::Message, &id, out),
            K::ReasoningMessageStart => self.opener(event, Item::Thought, Entity::Reasoning, &id, out),
            K::ReasoningStart => self.opener(event, Item::Span, Entity::Reasoning, &id, out),
            K::ToolCallStart => self.call_start(event, &id, out),
            K::TextMessageEnd => self.closer(event, Item::Text, Entity::Message, &id, out),
            K::ReasoningMessageEnd => self.closer(event, Item::Thought, Entity::Reasoning, &id, out),
            K::ReasoningEnd => self.closer(event, Item::Span, Entity::Reasoning, &id, out),
            K::ToolCallEnd => self.closer(event, Item::Call, Entity::Call, &id, out),
            K::ToolCallResult => {
                if let Event::ToolCallResult(result) = &*event.event() {
                    self.open.answered(&result.tool_call_id);
                    self.owners.set(Entity::Message, &id, result.subagent_run_id.clone());
                }
                out.push(event);
            }
            K::StepStarted | K::StepFinished => self.step(event, out),
            K::StateSnapshot => {
                if let Event::StateSnapshot(state) = &*event.event() {
                    self.state.replace(state.snapshot.clone());
                }
                out.push(event);
            }
            K::StateDelta => self.state_delta(event, out),
            K::MessagesSnapshot => {
                if let Event::MessagesSnapshot(snapshot) = &*event.event() {
                    self.owners.seed(&snapshot.messages, true);
                    self.learn_names(&snapshot.messages);
                }
                out.push(event);
            }
            K::ActivitySnapshot => {
                if let Event::ActivitySnapshot(activity) = &*event.event() {
                    let owner = activity.subagent_run_id.clone();
                    if activity.replace == Some(false) {
                        self.owners.claim(Entity::Activity, &id, owner);
                    } else {
                        self.owners.set(Entity::Activity, &id, owner);
                    }
                }
                out.push(event);
            }
            K::ActivityDelta => self.activity_delta(event, out),
            K::ReasoningEncryptedValue => self.encrypted_value(event, out),
            K::SubagentStarted | K::SubagentFinished | K::SubagentError => self.subagent(event, out),
            _ => out.push(event),
        }
    }

    fn opener(&mut self, event: Emitted, item: Item, entity: Entity, id: &str, out: &mut Vec<Emitted>) {
        if !self.open.insert(item, id) {
            return self.goes_on(event, out);
        }
        let event = self.owned(event, entity);
        self.owners.claim(entity, id, event.head().subagent.clone());
        out.push(event);
    }

    /// A start for something open: what it carries beside the start itself is passed on as empty content.
    fn goes_on(&mut self, event: Emitted, out: &mut Vec<Emitted>) {
        self.dropped += 1;
        let content: Option<Event> = match event.into_event() {
            Event::TextMessageStart(TextMessageStart { message_id, metadata: metadata @ Some(_), .. }) => {
                Some(TextMessageContent { message_id, metadata, ..Default::default() }.into())
            }
            Event::ReasoningMessageStart(ReasoningMessageStart {
                message_id, metadata: metadata @ Some(_), ..
            }) => Some(ReasoningMessageContent { message_id, metadata, ..Default::default() }.into()),
            Event::ToolCallStart(ToolCallStart { tool_call_id, metadata: metadata @ Some(_), .. }) => {
                Some(ToolCallArgs { tool_call_id, metadata, ..Default::default() }.into())
            }
            _ => None,
        };
        if let Some(content) = content {
            self.repaired += 1;
            out.push(content.into());
        }
    }

    fn closer(&mut self, event: Emitted, item: Item, entity: Entity, id: &str, out: &mut Vec<Emitted>) {
        if !self.open.remove(item, id) {
            self.dropped += 1;
            return;
        }
        let event = self.owned(event, entity);
        out.push(event);
    }

    /// A call belongs to the owner of its message, and keeps its owner when it is opened again.
    fn call_start(&mut self, event: Emitted, id: &str, out: &mut Vec<Emitted>) {
        let (name, parent) = match &*event.event() {
            Event::ToolCallStart(start) => (start.tool_call_name.clone(), start.parent_message_id.clone()),
            _ => return,
        };
        self.names.entry(id.to_owned()).or_insert_with(|| name.clone());
        if !self.open.insert(Item::Call, id) {
            return self.goes_on(event, out);
        }
        self.open.call(id, &name);
        let tag = event.head().subagent.clone();
        let inherited = parent.as_ref().and_then(|parent| self.owners.get(Entity::Message, parent)).cloned();
        let recorded = self.owners.get(Entity::Call, id).cloned();
        let mut event = event;
        if let (Some(recorded), Some(inherited)) = (&recorded, &inherited)
            && recorded != inherited
        {
            self.repaired += 1;
            let mut start = event.into_event();
            if let Event::ToolCallStart(start) = &mut start {
                start.parent_message_id = None;
            }
            event = start.into();
        }
        let owner = recorded.or(inherited).unwrap_or_else(|| tag.clone());
        if tag.is_some() && tag != owner {
            event = self.retag(event, owner.clone());
        }
        self.owners.claim(Entity::Call, id, owner);
        out.push(event);
    }

    fn step(&mut self, event: Emitted, out: &mut Vec<Emitted>) {
        let tag = event.head().subagent.clone();
        let (name, starts) = match &*event.event() {
            Event::StepStarted(step) => (step.step_name.clone(), true),
            Event::StepFinished(step) => (step.step_name.clone(), false),
            _ => return,
        };
        let kept = if starts { self.open.start_step(&tag, &name) } else { self.open.finish_step(&tag, &name) };
        if kept {
            out.push(event);
        } else if let Some(owner) = (!starts).then(|| self.open.finish_step_of_another(&name)).flatten() {
            let event = self.retag(event, owner);
            out.push(event);
        } else {
            self.dropped += 1;
        }
    }

    fn activity_delta(&mut self, event: Emitted, out: &mut Vec<Emitted>) {
        let stripped = match &*event.event() {
            Event::ActivityDelta(delta) => patch::strip_unknown(&delta.patch),
            _ => return,
        };
        let mut event = event;
        match stripped {
            Ok(None) => {}
            Ok(Some(known)) => {
                self.repaired += 1;
                let mut delta = event.into_event();
                if let Event::ActivityDelta(delta) = &mut delta {
                    delta.patch = known;
                }
                event = delta.into();
            }
            Err(error) => {
                self.dropped += 1;
                return self.warn("invalid_patch", format!("ACTIVITY_DELTA: {error}"), out);
            }
        }
        let event = self.owned(event, Entity::Activity);
        out.push(event);
    }

    fn encrypted_value(&mut self, event: Emitted, out: &mut Vec<Emitted>) {
        let owner = match &*event.event() {
            Event::ReasoningEncryptedValue(value) => match value.subtype {
                EncryptedValueSubtype::ToolCall => self.owners.get(Entity::Call, &value.entity_id),
                EncryptedValueSubtype::Message => self
                    .owners
                    .get(Entity::Message, &value.entity_id)
                    .or_else(|| self.owners.get(Entity::Reasoning, &value.entity_id)),
            },
            _ => None,
        };
        let tag = &event.head().subagent;
        let event = match owner {
            Some(owner) if tag.is_some() && owner != tag => {
                let owner = owner.clone();
                self.retag(event, owner)
            }
            _ => event,
        };
        out.push(event);
    }

    fn subagent(&mut self, event: Emitted, out: &mut Vec<Emitted>) {
        let id = event.head().subagent.clone().unwrap_or_default();
        if event.kind() != EventKind::SubagentStarted {
            if self.open.remove(Item::Subagent, &id) {
                self.closed_subagents.insert(id);
                out.push(event);
            } else {
                self.dropped += 1;
                let text = format!("{} for the subagent '{id}', which is not active", event.kind());
                self.warn("unknown_subagent", text, out);
            }
            return;
        }
        let parent = match &*event.event() {
            Event::SubagentStarted(started) => started.parent_subagent_run_id.clone(),
            _ => None,
        };
        if self.closed_subagents.contains(&id) || self.open.contains(Item::Subagent, &id) {
            self.dropped += 1;
            let text = format!("a second SUBAGENT_STARTED for '{id}'; every invocation needs an id of its own");
            return self.warn("repeated_subagent", text, out);
        }
        let is_known = |id: &String| self.open.contains(Item::Subagent, id) || self.closed_subagents.contains(id);
        let event = if parent.as_ref().is_none_or(is_known) {
            event
        } else {
            self.repaired += 1;
            let mut started = event.into_event();
            if let Event::SubagentStarted(started) = &mut started {
                started.parent_subagent_run_id = None;
            }
            started.into()
        };
        self.open.insert(Item::Subagent, &id);
        out.push(event);
    }

    /// A CUSTOM event that tells the page, and whoever reads the log, what was wrong.
    fn warn(&mut self, code: &str, message: String, out: &mut Vec<Emitted>) {
        if self.warnings < MAX_WARNINGS {
            self.warnings += 1;
            let value = Json::from(serde_json::json!({ "code": code, "message": message }));
            out.push(Custom { name: "copilotkit.warning".to_owned(), value, ..Default::default() }.into());
        }
    }
}

#[cfg(test)]
mod tests;
