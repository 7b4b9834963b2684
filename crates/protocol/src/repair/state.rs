//! A delta of the shared state that does not apply is answered with the last good state.

use super::Repair;
use crate::emitted::Emitted;
use crate::event::*;
use crate::patch;

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
            Err(error) if self.state.is_unreadable() => {
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
