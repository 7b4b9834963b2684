//! Who opened what in a run, and what of it is open.

use crate::message::Message;
use std::collections::HashMap;

/// The subagent that something belongs to; `None` is the parent agent, which is an owner like any other.
pub(crate) type Owner = Option<String>;

/// What can have an owner. Each kind has ids of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entity {
    Message,
    Call,
    Activity,
    Reasoning,
}

impl Entity {
    pub(crate) fn noun(self) -> &'static str {
        match self {
            Self::Message => "message",
            Self::Call => "tool call",
            Self::Activity => "activity",
            Self::Reasoning => "reasoning message",
        }
    }
}

/// The owners of one run. They are kept after the close: an id may be opened again.
#[derive(Debug, Default)]
pub(crate) struct Owners {
    messages: HashMap<String, Owner>,
    calls: HashMap<String, Owner>,
    activities: HashMap<String, Owner>,
    reasoning: HashMap<String, Owner>,
}

impl Owners {
    fn of(&self, entity: Entity) -> &HashMap<String, Owner> {
        match entity {
            Entity::Message => &self.messages,
            Entity::Call => &self.calls,
            Entity::Activity => &self.activities,
            Entity::Reasoning => &self.reasoning,
        }
    }

    fn of_mut(&mut self, entity: Entity) -> &mut HashMap<String, Owner> {
        match entity {
            Entity::Message => &mut self.messages,
            Entity::Call => &mut self.calls,
            Entity::Activity => &mut self.activities,
            Entity::Reasoning => &mut self.reasoning,
        }
    }

    /// The recorded owner, if there is one.
    pub(crate) fn get(&self, entity: Entity, id: &str) -> Option<&Owner> {
        self.of(entity).get(id)
    }

    /// Records an owner over whatever was recorded.
    pub(crate) fn set(&mut self, entity: Entity, id: &str, owner: Owner) {
        self.of_mut(entity).insert(id.to_owned(), owner);
    }

    /// Records an owner where none is.
    pub(crate) fn claim(&mut self, entity: Entity, id: &str, owner: Owner) {
        if self.get(entity, id).is_none() {
            self.set(entity, id, owner);
        }
    }

    /// Records the owners of a list of messages and of their calls. A snapshot says how things are; the messages of an
    /// input only fill gaps.
    pub(crate) fn seed(&mut self, messages: &[Message], snapshot: bool) {
        for message in messages {
            let entity = match message {
                Message::Reasoning(_) => Entity::Reasoning,
                Message::Activity(_) => Entity::Activity,
                _ => Entity::Message,
            };
            let owner = message.subagent_run_id().map(str::to_owned);
            let calls = message.tool_calls().iter().map(|call| (Entity::Call, call.id.as_str()));
            for (entity, id) in std::iter::once((entity, message.id())).chain(calls) {
                if snapshot {
                    self.set(entity, id, owner.clone());
                } else {
                    self.claim(entity, id, owner.clone());
                }
            }
        }
    }
}

/// A set of open ids that remembers the order of opening.
#[derive(Debug, Default)]
pub(crate) struct Open {
    ids: HashMap<String, u64>,
    next: u64,
}

impl Open {
    pub(crate) fn contains(&self, id: &str) -> bool {
        self.ids.contains_key(id)
    }

    /// False when it is open already.
    pub(crate) fn insert(&mut self, id: &str) -> bool {
        if self.contains(id) {
            return false;
        }
        self.ids.insert(id.to_owned(), self.next);
        self.next += 1;
        true
    }

    /// False when it was not open.
    pub(crate) fn remove(&mut self, id: &str) -> bool {
        self.ids.remove(id).is_some()
    }

    /// All ids as a list for a person, in the order of opening; `None` when nothing is open.
    pub(crate) fn list(&self) -> Option<String> {
        if self.ids.is_empty() {
            return None;
        }
        let mut ids: Vec<_> = self.ids.iter().collect();
        ids.sort_unstable_by_key(|(_, at)| **at);
        Some(ids.iter().map(|(id, _)| id.as_str()).collect::<Vec<_>>().join(", "))
    }
}
