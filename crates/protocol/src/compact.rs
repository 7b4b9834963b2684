//! Compaction: fewer events with the same outcome, for a history that is replayed.
//!
//! The deltas of a text message or tool call become one, where its start stands; what came in between follows. The
//! state events of a run become one snapshot in front of its end. Applied, the result equals the original.

use crate::event::*;
use crate::state::State;
use crate::wire::Object;
use std::collections::HashMap;

/// Compacts the events of one or more runs.
///
/// Of merged events the metadata is kept (the later wins), the subagent if all agree; timestamps and raw events are
/// lost. Chunks must have been expanded.
pub fn compact(events: impl IntoIterator<Item = Event>) -> Vec<Event> {
    let mut compactor = Compactor::default();
    for event in events {
        compactor.push(event);
    }
    compactor.finish()
}

#[derive(Default)]
struct Compactor {
    /// Places in the result; some stay empty.
    slots: Vec<Option<Event>>,
    texts: HashMap<String, Group>,
    calls: HashMap<String, Group>,
    /// Places of the state events of this run.
    states: Vec<usize>,
}

/// The place of an item's content, and of its end behind it.
struct Group {
    content: usize,
    /// It begins with a start, not in the midst of an item.
    started: bool,
    merged: Option<Merged>,
}

/// Deltas that became one.
struct Merged {
    delta: String,
    subagent_run_id: Option<String>,
    metadata: Option<Object>,
    /// More than one: what only a single event can carry is lost.
    many: bool,
}

impl Compactor {
    fn push(&mut self, event: Event) {
        match event {
            Event::TextMessageStart(_) => {
                let id = event.message_id().unwrap_or_default().to_owned();
                seal(&mut self.texts, &mut self.slots, &id, text_content);
                self.slots.push(Some(event));
                let group = self.group(true);
                self.texts.insert(id, group);
            }
            Event::ToolCallStart(ref start) => {
                let id = start.tool_call_id.clone();
                // A call makes its message where there is none, after a snapshot that took it away: content from
                // before, which has nowhere to go, must not be mixed with content from after.
                let parent = start.parent_message_id.as_ref().unwrap_or(&id);
                if self.texts.get(parent).is_some_and(|text| !text.started) {
                    seal(&mut self.texts, &mut self.slots, parent, text_content);
                }
                seal(&mut self.calls, &mut self.slots, &id, call_content);
                self.slots.push(Some(event));
                let group = self.group(true);
                self.calls.insert(id, group);
            }
            Event::TextMessageContent(event) => {
                if !self.texts.contains_key(&event.message_id) {
                    let group = self.group(false);
                    self.texts.insert(event.message_id.clone(), group);
                }
                if let Some(group) = self.texts.get_mut(&event.message_id) {
                    let (delta, tag, metadata) = (&event.delta, &event.subagent_run_id, &event.metadata);
                    if group.add(delta, tag, metadata)
                        && let Some(slot) = self.slots.get_mut(group.content)
                    {
                        *slot = Some(event.into());
                    }
                }
            }
            Event::ToolCallArgs(event) => {
                if !self.calls.contains_key(&event.tool_call_id) {
                    let group = self.group(false);
                    self.calls.insert(event.tool_call_id.clone(), group);
                }
                if let Some(group) = self.calls.get_mut(&event.tool_call_id) {
                    let (delta, tag, metadata) = (&event.delta, &event.subagent_run_id, &event.metadata);
                    if group.add(delta, tag, metadata)
                        && let Some(slot) = self.slots.get_mut(group.content)
                    {
                        *slot = Some(event.into());
                    }
                }
            }
            Event::TextMessageEnd(_) => {
                let id = event.message_id().unwrap_or_default().to_owned();
                let end = seal(&mut self.texts, &mut self.slots, &id, text_content);
                self.put_end(end, event);
            }
            Event::ToolCallEnd(ref ended) => {
                let id = ended.tool_call_id.clone();
                let end = seal(&mut self.calls, &mut self.slots, &id, call_content);
                self.put_end(end, event);
            }
            Event::StateSnapshot(_) | Event::StateDelta(_) => {
                self.states.push(self.slots.len());
                self.slots.push(Some(event));
            }
            Event::RunStarted(_) | Event::RunFinished(_) | Event::RunError(_) => {
                self.seal_all();
                self.fold_state();
                self.slots.push(Some(event));
            }
            Event::MessagesSnapshot(_) => {
                // It sets what messages hold: content from before must not be mixed with content from after.
                self.seal_all();
                self.slots.push(Some(event));
            }
            other => {
                // Another event that can change or hide the message of that id.
                if let Some(id) = other.message_id() {
                    seal(&mut self.texts, &mut self.slots, id, text_content);
                }
                self.slots.push(Some(other));
            }
        }
    }

    /// Takes the places for content and end.
    fn group(&mut self, started: bool) -> Group {
        let content = self.slots.len();
        self.slots.extend([None, None]);
        Group { content, started, merged: None }
    }

    fn put_end(&mut self, place: Option<usize>, event: Event) {
        match place.and_then(|place| self.slots.get_mut(place)) {
            Some(slot) => *slot = Some(event),
            None => self.slots.push(Some(event)),
        }
    }

    fn seal_all(&mut self) {
        for (id, group) in self.texts.drain() {
            group.close(&mut self.slots, &id, text_content);
        }
        for (id, group) in self.calls.drain() {
            group.close(&mut self.slots, &id, call_content);
        }
    }

    /// From the last snapshot on, one snapshot; without one, the deltas stay: nobody here knows what they change.
    fn fold_state(&mut self) {
        let places = std::mem::take(&mut self.states);
        let is_snapshot = |place: &usize| matches!(self.slots.get(*place), Some(Some(Event::StateSnapshot(_))));
        let Some(last) = places.iter().rposition(is_snapshot) else { return };
        let mut state: Option<State> = None;
        let mut merged = Merged { delta: String::new(), subagent_run_id: None, metadata: None, many: false };
        for (at, place) in places.iter().enumerate().skip(last) {
            let (tag, metadata) = match self.slots.get(*place).and_then(Option::as_ref) {
                Some(Event::StateSnapshot(event)) => {
                    state = Some(State::new(Some(event.snapshot.clone())));
                    (event.subagent_run_id.clone(), event.metadata.clone())
                }
                Some(Event::StateDelta(event)) => {
                    // One that does not apply changes nothing, as for a client.
                    let _ = state.as_mut().map(|state| state.apply(&event.delta));
                    (event.subagent_run_id.clone(), event.metadata.clone())
                }
                _ => continue,
            };
            merged.take(at == last, &tag, &metadata);
        }
        let Some(state) = state.filter(|state| !state.is_unreadable()) else { return };
        for place in places {
            if let Some(slot) = self.slots.get_mut(place) {
                *slot = None;
            }
        }
        let Merged { subagent_run_id, metadata, .. } = merged;
        let snapshot = state.json();
        self.slots.push(Some(StateSnapshot { snapshot, subagent_run_id, metadata, ..Default::default() }.into()));
    }

    fn finish(mut self) -> Vec<Event> {
        self.seal_all();
        self.fold_state();
        self.slots.into_iter().flatten().collect()
    }
}

impl Group {
    /// True when the event is the first and stands for itself so far.
    fn add(&mut self, delta: &str, subagent_run_id: &Option<String>, metadata: &Option<Object>) -> bool {
        let first = self.merged.is_none();
        let merged = self.merged.get_or_insert_with(|| Merged {
            delta: String::new(),
            subagent_run_id: None,
            metadata: None,
            many: false,
        });
        merged.delta.push_str(delta);
        merged.take(first, subagent_run_id, metadata);
        first
    }

    fn close(self, slots: &mut [Option<Event>], id: &str, make: fn(&str, Merged) -> Event) {
        if let Some(merged) = self.merged.filter(|merged| merged.many)
            && let Some(slot) = slots.get_mut(self.content)
        {
            *slot = Some(make(id, merged));
        }
    }
}

impl Merged {
    fn take(&mut self, first: bool, subagent_run_id: &Option<String>, metadata: &Option<Object>) {
        self.many |= !first;
        if first {
            self.subagent_run_id.clone_from(subagent_run_id);
        } else if self.subagent_run_id != *subagent_run_id {
            self.subagent_run_id = None;
        }
        match (&mut self.metadata, metadata) {
            (Some(all), Some(later)) => all.merge(later),
            (all @ None, Some(later)) => *all = Some(later.clone()),
            _ => {}
        }
    }
}

/// Ends the collecting for an id; the place for its end.
fn seal(
    groups: &mut HashMap<String, Group>,
    slots: &mut [Option<Event>],
    id: &str,
    make: fn(&str, Merged) -> Event,
) -> Option<usize> {
    let group = groups.remove(id)?;
    let end = group.content + 1;
    group.close(slots, id, make);
    Some(end)
}

fn text_content(id: &str, merged: Merged) -> Event {
    let Merged { delta, subagent_run_id, metadata, .. } = merged;
    TextMessageContent { message_id: id.to_owned(), delta, subagent_run_id, metadata, ..Default::default() }.into()
}

fn call_content(id: &str, merged: Merged) -> Event {
    let Merged { delta, subagent_run_id, metadata, .. } = merged;
    ToolCallArgs { tool_call_id: id.to_owned(), delta, subagent_run_id, metadata, ..Default::default() }.into()
}

#[cfg(test)]
mod tests;
