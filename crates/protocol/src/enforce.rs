//! What a 1.0 client makes of one event before it looks at the order: shapes from before 1.0 are brought up to date,
//! what AG-UI 1.0 does not describe is taken out, and what it describes must be right.
//!
//! | on the wire | here |
//! |---|---|
//! | an event of an unknown type | dropped, with a warning |
//! | an unknown member | removed, with a warning |
//! | an unknown kind of message, part, source, operation or outcome | its array element or optional member is removed; where it is required, the object that holds it |
//! | `null` for a member that may be absent | an error, except the few that older producers write |
//! | a value of the wrong type, a missing member | an error |
//! | `THINKING_*`, `binary` parts | their 1.0 form, with a warning |
//!
//! A server that passes events on is better served by [`Emitted`] and [`crate::gate`], which forgive more.

mod check;
mod compat;
mod strip;
mod tree;

use crate::emitted::Emitted;
use crate::event::{Event, EventKind};
use crate::wire::{Json, Shape, Wire, WireError};
use bytes::Bytes;
use compat::Compat;
use std::fmt;
use tree::Tree;

/// Reads the events of one stream as strictly as the reference client does.
///
/// `Ids` makes an id that is unique in the thread; it is asked for one only by the events of a retired form that
/// carried none.
#[derive(Debug)]
pub struct Enforce<Ids> {
    compat: Compat<Ids>,
}

/// What was changed in an event, or left out of the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Deviation {
    /// An event of an unknown type was dropped.
    Dropped {
        /// Its type.
        event: String,
    },
    /// Something that the specification does not describe was removed.
    Removed {
        /// The type of the event.
        event: String,
        /// Where it was: `/messages/0/content/1`.
        path: String,
    },
    /// A form from before 1.0 was brought up to date.
    Converted {
        /// The form.
        from: String,
        /// What it became.
        to: String,
    },
    /// A retired event named something that was never opened, and got an id of its own.
    Minted {
        /// The type of the event.
        event: String,
        /// The id.
        id: String,
    },
    /// The title of a THINKING_START, for which 1.0 has no place, was removed.
    TitleLost {
        /// The title as JSON.
        title: String,
    },
}

impl fmt::Display for Deviation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dropped { event } => write!(f, "dropped an event of the unknown type '{event}'"),
            Self::Removed { event, path } => write!(f, "removed '{path}' from a {event}: AG-UI does not describe it"),
            Self::Converted { from, to } => write!(f, "read the deprecated {from} as {to}"),
            Self::Minted { event, id } => {
                write!(f, "a {event} continues nothing that was opened: it got the id '{id}'")
            }
            Self::TitleLost { title } => write!(f, "the title {title} of a THINKING_START was lost"),
        }
    }
}

impl<Ids: FnMut() -> String> Enforce<Ids> {
    /// For a stream that has not begun.
    pub fn new(ids: Ids) -> Self {
        Self { compat: Compat::new(ids) }
    }

    /// Reads the next event; `None` when it is dropped. What was changed goes to `deviations`.
    ///
    /// # Errors
    /// Not JSON, no object with a `type`, or a member that AG-UI 1.0 describes and that is missing or has a wrong
    /// value. A client gives up the run then.
    pub fn push(&mut self, json: Bytes, deviations: &mut Vec<Deviation>) -> Result<Option<Emitted>, WireError> {
        if let Some(plain) = Emitted::plain(&json) {
            return Ok(Some(plain));
        }
        let tree = Tree::read(&json)?;
        let Tree::Object(mut members) = tree else {
            return Err(invalid("Invalid event: the frame is not a JSON object."));
        };
        let kind = members.text("type").filter(|kind| !kind.is_empty());
        let Some(kind) = kind else {
            return Err(invalid("Invalid event: the frame carries no event type."));
        };
        let kind = self.compat.event(kind, &mut members, deviations);
        if EventKind::from_name(&kind) == EventKind::Unknown {
            deviations.push(Deviation::Dropped { event: kind });
            return Ok(None);
        }
        let mut tree = Tree::Object(members);
        let mut removed = Vec::new();
        let known = strip::strip(&mut tree, <Event as Wire>::SHAPE, "", &mut removed);
        deviations.extend(removed.into_iter().map(|path| Deviation::Removed { event: kind.clone(), path }));
        if !known {
            return Err(invalid("nothing is left of the event"));
        }
        check::check(&tree, <Event as Wire>::SHAPE)?;
        let text = tree.into_json();
        // What changed nothing goes on as it came.
        let json = if text.get().as_bytes() == &*json { json } else { Bytes::from(String::from(text.get())) };
        Emitted::from_json(json).map(Some)
    }
}

/// Reads one value as strictly as [`Enforce`] reads an event, but with unknown members being errors, too: the form
/// that a producer has to keep to.
///
/// # Errors
/// Whatever AG-UI 1.0 does not describe, with its path.
pub fn exact<T: Wire>(json: &Json) -> Result<T, WireError> {
    let mut tree = Tree::read(json.get().as_bytes())?;
    let mut removed = Vec::new();
    let known = strip::strip(&mut tree, T::SHAPE, "", &mut removed);
    if let Some(path) = removed.into_iter().next().or_else(|| (!known).then(String::new)) {
        return Err(WireError { path, message: "AG-UI 1.0 does not describe this".to_owned(), syntax: false });
    }
    check::check(&tree, T::SHAPE)?;
    crate::wire::from_str(json.get())
}

/// The event without the messages, parts and operations that AG-UI does not know; `None` when it holds none.
pub(crate) fn known(json: &[u8]) -> Result<Option<Bytes>, WireError> {
    let mut tree = Tree::read(json)?;
    let mut removed = Vec::new();
    if !strip::strip(&mut tree, <Event as Wire>::SHAPE, "", &mut removed) || removed.is_empty() {
        return Ok(None);
    }
    Ok(Some(Bytes::from(String::from(tree.into_json().get()))))
}

fn invalid(message: &str) -> WireError {
    WireError { path: String::new(), message: message.to_owned(), syntax: false }
}

/// The form of a value as far as it decides what a member of a union is.
fn members_of(shape: &'static Shape) -> Option<&'static crate::wire::Members> {
    match shape {
        Shape::Object(members) => Some(members),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
