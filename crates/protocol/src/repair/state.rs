//! The shared state, followed so that a delta which does not apply can be answered with the last good one.

use super::Repair;
use crate::emitted::Emitted;
use crate::event::*;
use crate::patch::{self, PatchError};
use crate::wire::{Json, JsonPatch};
use serde_json::{Map, Value};

/// Parsed only once a delta comes.
#[derive(Debug)]
pub(super) enum State {
    Text(Json),
    Tree(Value),
    /// Nested deeper than this process reads: deltas are let through unchecked.
    Unreadable,
}

impl State {
    pub(super) fn new(state: Option<Json>) -> Self {
        state.map_or_else(|| Self::Tree(Value::Object(Map::new())), Self::Text)
    }

    pub(super) fn replace(&mut self, state: Json) {
        *self = Self::Text(state);
    }

    fn apply(&mut self, patch: &JsonPatch) -> Result<(), PatchError> {
        if let Self::Text(text) = self {
            *self = text.read::<Value>().map_or(Self::Unreadable, Self::Tree);
        }
        match self {
            Self::Tree(tree) => patch::apply(tree, patch),
            _ => Ok(()),
        }
    }

    fn json(&self) -> Json {
        match self {
            Self::Text(text) => text.clone(),
            Self::Tree(tree) => Json::of(tree),
            Self::Unreadable => Json::default(),
        }
    }
}

impl Repair {
    pub(super) fn state_delta(&mut self, event: Emitted, out: &mut Vec<Emitted>) {
        let checked = match &*event.event() {
            Event::StateDelta(delta) => patch::strip_unknown(&delta.delta)
                .and_then(|known| self.state.apply(known.as_ref().unwrap_or(&delta.delta)).map(|()| known)),
            _ => return,
        };
        match checked {
            Ok(None) => out.push(event),
            Ok(Some(known)) => {
                self.repaired += 1;
                let mut delta = event.into_event();
                if let Event::StateDelta(delta) = &mut delta {
                    delta.delta = known;
                }
                out.push(delta.into());
            }
            Err(error) if matches!(self.state, State::Unreadable) => {
                self.dropped += 1;
                self.warn("invalid_patch", format!("STATE_DELTA: {error}"), out);
            }
            Err(error) => {
                self.repaired += 1;
                let subagent_run_id = event.head().subagent.clone();
                let snapshot = self.state.json();
                out.push(StateSnapshot { snapshot, subagent_run_id, ..Default::default() }.into());
                self.warn("invalid_patch", format!("STATE_DELTA: {error}"), out);
            }
        }
    }
}
