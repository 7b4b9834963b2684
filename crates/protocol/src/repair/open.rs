//! What is open in a run, across all kinds, in the order of opening.

use std::collections::HashMap;

/// The kinds that are opened and closed under an id. Steps have names instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Item {
    Text,
    Call,
    Thought,
    Span,
    Subagent,
}

/// A tool call of this run.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) name: String,
    pub(super) answered: bool,
    at: u64,
}

#[derive(Debug, Default)]
pub(super) struct Open {
    texts: HashMap<String, u64>,
    calls: HashMap<String, u64>,
    thoughts: HashMap<String, u64>,
    spans: HashMap<String, u64>,
    subagents: HashMap<String, u64>,
    steps: Vec<(Option<String>, String)>,
    /// Every call of the run, closed ones too: they may lack a result.
    known: HashMap<String, Call>,
    next: u64,
}

impl Open {
    fn of(&self, item: Item) -> &HashMap<String, u64> {
        match item {
            Item::Text => &self.texts,
            Item::Call => &self.calls,
            Item::Thought => &self.thoughts,
            Item::Span => &self.spans,
            Item::Subagent => &self.subagents,
        }
    }

    fn of_mut(&mut self, item: Item) -> &mut HashMap<String, u64> {
        match item {
            Item::Text => &mut self.texts,
            Item::Call => &mut self.calls,
            Item::Thought => &mut self.thoughts,
            Item::Span => &mut self.spans,
            Item::Subagent => &mut self.subagents,
        }
    }

    pub(super) fn contains(&self, item: Item, id: &str) -> bool {
        self.of(item).contains_key(id)
    }

    /// False when it is open already.
    pub(super) fn insert(&mut self, item: Item, id: &str) -> bool {
        if self.contains(item, id) {
            return false;
        }
        let at = self.next;
        self.next += 1;
        self.of_mut(item).insert(id.to_owned(), at);
        true
    }

    /// False when it was not open.
    pub(super) fn remove(&mut self, item: Item, id: &str) -> bool {
        self.of_mut(item).remove(id).is_some()
    }

    /// Notes a call and its tool, right before or after it is opened.
    pub(super) fn call(&mut self, id: &str, name: &str) {
        let at = self.calls.get(id).copied().unwrap_or(self.next);
        self.known.entry(id.to_owned()).or_insert_with(|| Call { name: name.to_owned(), answered: false, at });
    }

    /// Notes that a call has a result.
    pub(super) fn answered(&mut self, id: &str) {
        if let Some(call) = self.known.get_mut(id) {
            call.answered = true;
        }
    }

    /// False when the owner has that step open already.
    pub(super) fn start_step(&mut self, owner: &Option<String>, name: &str) -> bool {
        if self.steps.iter().any(|(by, open)| by == owner && open == name) {
            return false;
        }
        self.steps.push((owner.clone(), name.to_owned()));
        true
    }

    /// False when the owner does not have that step open.
    pub(super) fn finish_step(&mut self, owner: &Option<String>, name: &str) -> bool {
        let at = self.steps.iter().position(|(by, open)| by == owner && open == name);
        at.map(|at| self.steps.remove(at)).is_some()
    }

    /// Closes the step of that name whoever has it open, and says who had.
    pub(super) fn finish_step_of_another(&mut self, name: &str) -> Option<Option<String>> {
        let at = self.steps.iter().position(|(_, open)| open == name)?;
        Some(self.steps.remove(at).0)
    }

    /// Takes out everything that is open and every call without a result, each in the order of opening.
    pub(super) fn take(&mut self) -> Remains {
        let mut items = Vec::new();
        for item in [Item::Text, Item::Thought] {
            items.extend(self.of_mut(item).drain().map(|(id, at)| (at, Remain::Item(item, id))));
        }
        let mut open = std::mem::take(&mut self.calls);
        for (id, call) in self.known.drain() {
            let opened = open.remove(&id);
            if opened.is_some() || !call.answered {
                let at = opened.unwrap_or(call.at);
                items.push((at, Remain::Call { id, open: opened.is_some(), call }));
            }
        }
        items.sort_unstable_by_key(|(at, _)| *at);
        let sorted = |map: HashMap<String, u64>| {
            let mut ids: Vec<_> = map.into_iter().collect();
            ids.sort_unstable_by_key(|(_, at)| *at);
            ids.into_iter().map(|(id, _)| id).collect::<Vec<_>>()
        };
        Remains {
            items: items.into_iter().map(|(_, item)| item).collect(),
            spans: sorted(std::mem::take(&mut self.spans)),
            steps: std::mem::take(&mut self.steps),
            subagents: sorted(std::mem::take(&mut self.subagents)),
        }
    }
}

/// What is left at the end of a run.
pub(super) struct Remains {
    pub(super) items: Vec<Remain>,
    pub(super) spans: Vec<String>,
    pub(super) steps: Vec<(Option<String>, String)>,
    pub(super) subagents: Vec<String>,
}

pub(super) enum Remain {
    Item(Item, String),
    Call { id: String, open: bool, call: Call },
}
