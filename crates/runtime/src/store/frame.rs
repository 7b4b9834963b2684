//! An event as it stands in the log: encoded once, shared by the store and every reader.

use bytes::Bytes;
use copilotkit_protocol::gate::{self, Downgrade};
use copilotkit_protocol::{Emitted, Event, EventKind, WireError};

/// What a frame occupies besides its bytes, for the bounds of stores in memory.
const OVERHEAD: usize = std::mem::size_of::<Frame>();

/// One event of a thread's log.
#[derive(Clone, Debug)]
pub struct Frame {
    /// Its number in the thread.
    pub seq: u64,
    /// Our number of its run.
    pub run: u64,
    /// Its type.
    pub kind: EventKind,
    /// The event as it is stored.
    pub json: Bytes,
    /// Whether clients of AG-UI 1.0 get it as it is stored, unknown members included.
    pub as_is: bool,
    /// What a client of AG-UI 1.0 gets.
    pub modern: Variant,
    /// What a client of AG-UI 0.0.59, which does not say its version, gets.
    pub legacy: Variant,
}

/// How the event that is sent differs from the one that is stored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Variant {
    /// Not at all.
    #[default]
    Same,
    /// It has this form.
    Bytes(Bytes),
    /// It is not sent.
    Drop,
}

impl Frame {
    /// The frame of an event. What its agent's bytes may be passed on as they came is sent so to modern clients.
    pub fn new(seq: u64, run: u64, emitted: Emitted) -> Self {
        let json = emitted.to_json();
        let as_is = emitted.raw().is_some();
        if gate::is_plain(&emitted) {
            let kind = emitted.kind();
            return Self { seq, run, kind, json, as_is, modern: Variant::Same, legacy: Variant::Same };
        }
        let event = emitted.into_event();
        // The input of RUN_STARTED may lack lists that older clients want, unless it was written here.
        let written = !as_is || event.kind() != EventKind::RunStarted;
        if written && gate::is_same_for_all(&event) {
            let kind = event.kind();
            return Self { seq, run, kind, json, as_is, modern: Variant::Same, legacy: Variant::Same };
        }
        Self::of_event(seq, run, event, json, as_is)
    }

    /// The frame of an event whose unknown members are sent on.
    pub fn new_as_is(seq: u64, run: u64, event: Event) -> Self {
        let json = event.to_json().into();
        Self::of_event(seq, run, event, json, true)
    }

    /// The frame that a store kept as its `json` and `as_is`.
    ///
    /// # Errors
    /// When the text is no event: the store is damaged.
    pub fn restore(seq: u64, run: u64, json: Bytes, as_is: bool) -> Result<Self, WireError> {
        if as_is {
            let emitted = Emitted::from_json_as_is(json)?;
            return Ok(Self::new(seq, run, emitted));
        }
        let event = Event::from_json(&json)?;
        Ok(Self::of_event(seq, run, event, json, false))
    }

    /// What closes a run whose writer is gone.
    #[cfg(any(feature = "lifecycle", feature = "sqlite"))]
    pub(crate) fn interrupted(seq: u64, run: u64) -> Self {
        let event = copilotkit_protocol::RunError {
            message: "The run was interrupted: the server that ran it stopped or lost its connection.".to_owned(),
            code: Some(copilotkit_protocol::Code::RunInterrupted.into()),
            ..Default::default()
        };
        Self::new(seq, run, Emitted::from(event))
    }

    fn of_event(seq: u64, run: u64, event: Event, json: Bytes, as_is: bool) -> Self {
        let variant = |gated| match gated {
            Downgrade::Same => Variant::Same,
            Downgrade::Drop => Variant::Drop,
            Downgrade::Changed(changed) => match changed.to_json() {
                changed if changed == *json => Variant::Same,
                changed => Variant::Bytes(changed.into()),
            },
        };
        let modern = variant(if as_is { gate::for_v1_as_is(&event) } else { gate::for_v1(&event) });
        let legacy = variant(gate::for_legacy(&event));
        Self { seq, run, kind: event.kind(), json, as_is, modern, legacy }
    }

    /// The bytes that a client gets, if it gets any.
    pub fn for_client(&self, legacy: bool) -> Option<&Bytes> {
        match if legacy { &self.legacy } else { &self.modern } {
            Variant::Same => Some(&self.json),
            Variant::Bytes(bytes) => Some(bytes),
            Variant::Drop => None,
        }
    }

    /// The bytes that this frame occupies.
    pub fn size(&self) -> usize {
        let variant = |variant: &Variant| match variant {
            Variant::Bytes(bytes) => bytes.len(),
            Variant::Same | Variant::Drop => 0,
        };
        OVERHEAD + self.json.len() + variant(&self.modern) + variant(&self.legacy)
    }
}
