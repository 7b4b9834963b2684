//! The 31 events of AG-UI 1.0.

mod kind;
mod types;

pub use kind::{Event, EventKind};
pub use types::*;
