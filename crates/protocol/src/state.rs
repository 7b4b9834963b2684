//! The shared state of a thread, followed as its events come.

use crate::patch::{self, PatchError};
use crate::wire::{Json, JsonPatch};
use serde_json::{Map, Value};

/// Parsed only once a delta comes.
#[derive(Clone, Debug)]
pub(crate) enum State {
    Text(Json),
    Tree(Value),
    /// Nested deeper than this process reads: deltas change nothing here.
    Unreadable(Json),
}

impl State {
    /// Absent is `{}`.
    pub(crate) fn new(state: Option<Json>) -> Self {
        state.map_or_else(|| Self::Tree(Value::Object(Map::new())), Self::Text)
    }

    pub(crate) fn replace(&mut self, state: Json) {
        *self = Self::Text(state);
    }

    /// All of the patch, or nothing.
    pub(crate) fn apply(&mut self, patch: &JsonPatch) -> Result<(), PatchError> {
        if let Self::Text(text) = self {
            *self = text.read::<Value>().map_or_else(|_| Self::Unreadable(text.clone()), Self::Tree);
        }
        match self {
            Self::Tree(tree) => patch::apply(tree, patch),
            _ => Ok(()),
        }
    }

    pub(crate) fn is_unreadable(&self) -> bool {
        matches!(self, Self::Unreadable(_))
    }

    pub(crate) fn json(&self) -> Json {
        match self {
            Self::Text(text) | Self::Unreadable(text) => text.clone(),
            Self::Tree(tree) => Json::of(tree),
        }
    }
}
