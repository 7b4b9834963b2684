//! The compact form of a finished run, for replay.

use super::Frame;
use copilotkit_protocol::{Emitted, Event, Wire as _, compact};

/// The frames of a finished run in their compact form. Numbers stay inside the run's range and grow: the last frame
/// keeps its number, so that a reader who has seen all of it stands at the run's end.
pub fn compact_run(frames: &[Frame]) -> Vec<Frame> {
    let (Some(first), Some(last)) = (frames.first(), frames.last()) else { return Vec::new() };
    let mut events = Vec::with_capacity(frames.len());
    // An agent whose unknown members are sent on has at least one frame that says so; its replay keeps them too.
    let mut as_is = false;
    for frame in frames {
        match Event::from_json(&frame.json) {
            Ok(event) => {
                as_is |= frame.as_is && !frame.kind.is_delta() && event.clone().tidy();
                events.push(event);
            }
            // Frames were made from events: one that cannot be read again is a damaged log, shown as it is.
            Err(_) => return frames.to_vec(),
        }
    }
    let compacted = compact(events);
    let count = compacted.len() as u64;
    compacted
        .into_iter()
        .zip(0..)
        .map(|(event, index)| {
            let seq = if index + 1 == count { last.seq } else { first.seq + index };
            match as_is {
                true => Frame::new_as_is(seq, first.run, event),
                false => Frame::new(seq, first.run, Emitted::from(event)),
            }
        })
        .collect()
}
