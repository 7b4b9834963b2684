//! The live run of a thread, in memory: who may write, what was accepted, what of it is in the file, what readers see.

use super::fault::Fault;
use crate::store::{Append, Frame, Lease, LiveRun, StoreError};
use copilotkit_protocol::EventKind;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;
use tokio_util::sync::CancellationToken;

/// Bytes of frames that stay in memory behind their commit, for readers that are a little late.
const KEPT: usize = 128 * 1024;

/// How far a run has come to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// It goes on.
    No,
    /// Its last frames wait for their commit; nobody sees them yet, and the lease is still held.
    Asked,
    /// The file cannot take its end now: it has ended for everybody, and is written as soon as there is room.
    Unsaved,
}

#[derive(Debug)]
pub(super) struct Live {
    /// The thread's row.
    pub(super) row: i64,
    pub(super) run: u64,
    pub(super) run_id: Arc<str>,
    pub(super) first_seq: u64,
    /// The last frames, those that are not in the file yet among them.
    frames: VecDeque<Frame>,
    /// Of the frames that are in the file.
    kept: usize,
    /// Of the frames that are not.
    pending: usize,
    /// Number behind the last frame that is in the file.
    saved: u64,
    /// Number behind the last frame that outlives the machine.
    synced: u64,
    /// Number behind the last frame that readers may see.
    visible: u64,
    /// Number behind the last frame that must be in the file before readers see it.
    hold: u64,
    /// Number behind the last frame.
    next: u64,
    message_ids: Vec<String>,
    expires: Instant,
    /// When the lease lapses, on the clock of people, where the file does not say so yet.
    renewed: Option<u64>,
    pub(super) stop: CancellationToken,
    end: End,
    fault: Option<Fault>,
}

/// What a save is to write.
#[derive(Debug)]
pub(super) struct Unsaved {
    pub(super) row: i64,
    pub(super) run: u64,
    pub(super) frames: Vec<Frame>,
    pub(super) message_ids: Vec<String>,
    pub(super) next: u64,
    pub(super) renewed: Option<u64>,
    pub(super) ended: bool,
    /// Readers see some of it only when it outlives the machine.
    pub(super) sync: bool,
}

impl Unsaved {
    /// Nothing of it must be written: at most it must be made to outlive the machine.
    pub(super) fn is_in_the_file(&self) -> bool {
        self.frames.is_empty() && self.message_ids.is_empty() && self.renewed.is_none() && !self.ended
    }
}

/// What readers see of a live run.
#[derive(Debug)]
pub(super) struct View {
    pub(super) live: Option<LiveRun>,
    pub(super) head: u64,
    /// The last frames, from `tail_from` on: all earlier ones are in the file.
    pub(super) tail: Vec<Frame>,
    pub(super) tail_from: u64,
}

/// What became of an append.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Accepted {
    /// It must be in the file before the caller goes on.
    pub(super) wait: bool,
    /// Bytes that waited for the file before, and that wait now.
    pub(super) before: usize,
    pub(super) pending: usize,
}

/// What a client acts upon, or will not get again, must outlive the machine before it is shown.
fn is_durable(kind: EventKind) -> bool {
    kind.is_terminal() || matches!(kind, EventKind::ToolCallEnd | EventKind::ToolCallResult)
}

impl Live {
    pub(super) fn new(row: i64, run: u64, run_id: Arc<str>, first_seq: u64, expires: Instant) -> Self {
        Self {
            row,
            run,
            run_id,
            first_seq,
            frames: VecDeque::new(),
            kept: 0,
            pending: 0,
            saved: first_seq,
            synced: first_seq,
            visible: first_seq,
            hold: first_seq,
            next: first_seq,
            message_ids: Vec::new(),
            expires,
            renewed: None,
            stop: CancellationToken::new(),
            end: End::No,
            fault: None,
        }
    }

    /// The lease is held.
    pub(super) fn is_held(&self) -> bool {
        self.end != End::Unsaved
    }

    fn owns(&self, lease: &Lease) -> Result<(), StoreError> {
        let owned = self.run == lease.run && self.end != End::Unsaved;
        if owned { Ok(()) } else { Err(StoreError::Fenced) }
    }

    pub(super) fn append(&mut self, lease: &Lease, append: &Append) -> Result<Accepted, StoreError> {
        self.owns(lease)?;
        // What the file refused before is not made larger; the run hears of it here.
        if let Some(fault) = &self.fault {
            return Err(fault.clone().into());
        }
        if self.end != End::No {
            return Err(StoreError::Fenced);
        }
        let (shown, before) = (self.hold <= self.visible, self.pending);
        self.push(append);
        let last = append.frames.iter().rev().find(|frame| is_durable(frame.kind));
        if let Some(frame) = last.filter(|frame| frame.seq >= self.synced) {
            self.hold = self.hold.max(frame.seq + 1);
        }
        if shown && self.hold <= self.visible {
            self.visible = self.next;
        }
        Ok(Accepted { wait: self.hold > self.synced, before, pending: self.pending })
    }

    fn push(&mut self, append: &Append) {
        let next = self.next;
        for frame in append.frames.iter().skip_while(|frame| frame.seq < next) {
            self.pending += frame.size();
            self.next = frame.seq + 1;
            self.frames.push_back(frame.clone());
        }
        self.message_ids.extend(append.message_ids.iter().cloned());
    }

    /// Takes the last frames: they are in the file, or cannot be, before anyone sees them.
    pub(super) fn finish(&mut self, lease: &Lease, append: &Append) -> Result<(), StoreError> {
        self.owns(lease)?;
        if self.end == End::No {
            self.end_with(append);
        }
        Ok(())
    }

    fn end_with(&mut self, append: &Append) {
        let next = self.next;
        self.push(append);
        self.hold = self.next.max(self.hold);
        self.visible = self.visible.min(next);
        self.end = End::Asked;
    }

    pub(super) fn renew(&mut self, lease: &Lease, expires: Instant, millis: u64) -> Result<(), StoreError> {
        self.owns(lease)?;
        (self.expires, self.renewed) = (expires, Some(millis));
        Ok(())
    }

    /// Makes the lease lapse at once: nobody uses it.
    pub(super) fn abandon(&mut self, now: Instant) {
        self.expires = self.expires.min(now);
    }

    /// Ends the run if its lease lapsed: its writer is gone or too slow, and is refused from now on.
    pub(super) fn close_lapsed(&mut self, now: Instant) -> bool {
        if self.expires > now || self.end == End::Unsaved {
            return false;
        }
        match self.end {
            End::Asked if self.fault.is_some() => self.end = End::Unsaved,
            // Its last frames are written now, whatever became of the one who asked for it.
            End::Asked => {}
            _ => {
                let frames = vec![Frame::interrupted(self.next, self.run)];
                self.end_with(&Append { frames, message_ids: Vec::new() });
            }
        }
        self.show();
        true
    }

    /// What is to be written; `None` when the file has everything.
    pub(super) fn unsaved(&self) -> Option<Unsaved> {
        let ended = self.end != End::No;
        let sync = ended || self.hold > self.synced;
        if self.saved == self.next && self.message_ids.is_empty() && self.renewed.is_none() && !sync {
            return None;
        }
        let start = self.frames.partition_point(|frame| frame.seq < self.saved);
        Some(Unsaved {
            row: self.row,
            run: self.run,
            frames: self.frames.range(start..).cloned().collect(),
            message_ids: self.message_ids.clone(),
            next: self.next,
            renewed: self.renewed,
            ended,
            sync,
        })
    }

    /// Notes that it is in the file.
    pub(super) fn saved(&mut self, written: &Unsaved) {
        self.saved = self.saved.max(written.next);
        self.message_ids.drain(..written.message_ids.len().min(self.message_ids.len()));
        if self.renewed == written.renewed {
            self.renewed = None;
        }
        let bytes: usize = written.frames.iter().map(Frame::size).sum();
        self.pending = self.pending.saturating_sub(bytes);
        self.kept += bytes;
        while self.kept > KEPT
            && self.frames.front().is_some_and(|frame| frame.seq < self.saved)
            && let Some(frame) = self.frames.pop_front()
        {
            self.kept = self.kept.saturating_sub(frame.size());
        }
    }

    /// Notes that all is well with what was written, and with `synced` that it outlives the machine. True when the run
    /// is over with that.
    pub(super) fn settled(&mut self, written: &Unsaved, synced: bool) -> bool {
        self.fault = None;
        if synced {
            self.synced = self.synced.max(written.next);
        }
        self.show();
        written.ended && synced
    }

    fn show(&mut self) {
        if self.hold <= self.synced || self.end == End::Unsaved {
            self.visible = self.next;
        }
    }

    /// Notes that it could not be written. True when the caller of `finish` may be told that the run has ended: a full
    /// disk must not cost a client the end of its answer.
    pub(super) fn failed(&mut self, fault: &Fault) -> bool {
        self.fault = Some(fault.clone());
        if self.end == End::Asked && fault.is_full() {
            self.end = End::Unsaved;
            self.show();
        }
        self.end == End::Unsaved
    }

    pub(super) fn next(&self) -> u64 {
        self.next
    }

    /// Number behind the last frame that readers may see.
    pub(super) fn head(&self) -> u64 {
        self.visible
    }

    pub(super) fn view(&self, from: u64, max_bytes: usize) -> View {
        let live = LiveRun { run: self.run, run_id: self.run_id.clone(), first_seq: self.first_seq };
        let tail_from = self.frames.front().map_or(self.next, |frame| frame.seq).min(self.visible);
        let start = self.frames.partition_point(|frame| frame.seq < from);
        let mut bytes = 0;
        let room = |frame: &&Frame| {
            let fits = bytes < max_bytes && frame.seq < self.visible;
            bytes += frame.size();
            fits
        };
        let tail = self.frames.range(start..).take_while(room).cloned().collect();
        View { live: self.is_held().then_some(live), head: self.visible, tail, tail_from }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Principal;
    use crate::store::ThreadKey;
    use copilotkit_protocol::{Emitted, Event, RunFinished, TextMessageContent, ToolCallEnd};
    use std::time::Duration;

    fn live() -> (Live, Lease) {
        let lease = Lease { thread: ThreadKey::new(&Principal::anonymous(), "t"), run: 4, first_seq: 10 };
        (Live::new(1, 4, "r".into(), 10, Instant::now() + Duration::from_secs(9)), lease)
    }

    fn append(seq: u64, events: Vec<Event>) -> Append {
        let frames = events.into_iter().zip(seq..).map(|(event, seq)| Frame::new(seq, 4, Emitted::from(event)));
        Append { frames: frames.collect(), message_ids: vec![seq.to_string()] }
    }

    fn text() -> Event {
        TextMessageContent { message_id: "m".into(), delta: "x".repeat(100), ..Default::default() }.into()
    }

    fn seen(live: &Live, from: u64) -> (u64, Vec<u64>) {
        let view = live.view(from, usize::MAX);
        (view.tail_from, view.tail.iter().map(|frame| frame.seq).collect())
    }

    fn full() -> Fault {
        let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_FULL);
        rusqlite::Error::SqliteFailure(code, None).into()
    }

    fn broken() -> Fault {
        let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_IOERR);
        rusqlite::Error::SqliteFailure(code, None).into()
    }

    /// It was written, and outlives the machine.
    fn done(live: &mut Live, written: &Unsaved) -> bool {
        live.saved(written);
        live.settled(written, true)
    }

    #[test]
    fn deltas_are_seen_at_once_and_tool_events_when_they_are_in_the_file() {
        let (mut live, lease) = live();
        assert!(!live.append(&lease, &append(10, vec![text(), text()])).unwrap().wait);
        assert!(!live.unsaved().unwrap().sync);
        assert_eq!(seen(&live, 0), (10, vec![10, 11]));
        let tool = append(12, vec![text(), ToolCallEnd::default().into(), text()]);
        assert!(live.append(&lease, &tool).unwrap().wait);
        assert_eq!(seen(&live, 11).1, [11], "nothing of the batch, or its order would be broken");
        assert!(live.append(&lease, &tool).unwrap().wait, "asked again, it still waits");
        live.append(&lease, &append(15, vec![text()])).unwrap();
        let written = live.unsaved().unwrap();
        assert_eq!((written.frames.len(), written.next), (6, 16));
        assert!(written.sync, "whoever writes it, also a save that nobody waits for");
        live.saved(&written);
        assert_eq!(seen(&live, 11).1, [11], "in the file, and not yet on the disk");
        assert_eq!(live.unsaved().map(|more| (more.frames.len(), more.sync)), Some((0, true)), "asked for again");
        assert!(!done(&mut live, &written));
        assert_eq!(seen(&live, 14).1, [14, 15]);
        assert!(live.unsaved().is_none());
        assert!(!live.append(&lease, &tool).unwrap().wait, "what is in the file is not waited for");
    }

    #[test]
    fn what_comes_during_a_save_is_kept_for_the_next() {
        let (mut live, lease) = live();
        live.append(&lease, &append(10, vec![text()])).unwrap();
        let written = live.unsaved().unwrap();
        live.append(&lease, &append(11, vec![text()])).unwrap();
        done(&mut live, &written);
        let rest = live.unsaved().unwrap();
        assert_eq!((rest.frames[0].seq, rest.message_ids), (11, vec!["11".to_owned()]));
    }

    #[test]
    fn memory_is_bounded_behind_the_commit() {
        let (mut live, lease) = live();
        for round in 0..20u64 {
            live.append(&lease, &append(10 + round * 100, (0..100).map(|_| text()).collect())).unwrap();
            let written = live.unsaved().unwrap();
            done(&mut live, &written);
        }
        let held: usize = live.frames.iter().map(Frame::size).sum();
        assert!(held <= KEPT && held > KEPT / 2, "{held}");
        assert_eq!(held, live.kept);
        let (from, tail) = seen(&live, 0);
        assert_eq!(tail.first(), Some(&from));
    }

    #[test]
    fn the_end_is_seen_when_it_is_in_the_file() {
        let (mut live, lease) = live();
        live.append(&lease, &append(10, vec![text()])).unwrap();
        live.finish(&lease, &append(11, vec![RunFinished::default().into()])).unwrap();
        assert_eq!(live.head(), 11);
        assert!(matches!(live.append(&lease, &append(12, vec![text()])), Err(StoreError::Fenced)));
        let written = live.unsaved().unwrap();
        assert!(written.ended && written.sync);
        live.saved(&written);
        assert_eq!(live.head(), 11, "in the file is not yet on the disk");
        assert!(!live.settled(&written, false) && live.settled(&written, true));
    }

    #[test]
    fn a_full_disk_does_not_cost_the_end_of_an_answer() {
        let (mut live, lease) = live();
        live.append(&lease, &append(10, vec![text()])).unwrap();
        assert!(!live.failed(&full()));
        assert!(matches!(live.append(&lease, &append(11, vec![text()])), Err(StoreError::Full(_))));
        assert_eq!(seen(&live, 0).1, [10], "what was seen stays seen");
        live.finish(&lease, &append(11, vec![RunFinished::default().into()])).unwrap();
        assert!(live.failed(&full()));
        assert_eq!(seen(&live, 0).1, [10, 11]);
        assert!(live.view(0, 1).live.is_none() && live.unsaved().unwrap().ended);
        assert!(matches!(live.finish(&lease, &append(11, Vec::new())), Err(StoreError::Fenced)));
    }

    #[test]
    fn a_broken_disk_is_told_and_tried_again() {
        let (mut live, lease) = live();
        live.finish(&lease, &append(10, vec![RunFinished::default().into()])).unwrap();
        assert!(!live.failed(&broken()));
        assert_eq!(seen(&live, 0).1, [0; 0]);
        assert!(live.view(0, 1).live.is_some());
        live.finish(&lease, &append(10, vec![RunFinished::default().into()])).unwrap();
        assert_eq!(live.unsaved().unwrap().frames.len(), 1);
        live.abandon(Instant::now());
        assert!(live.close_lapsed(Instant::now()), "in the end the thread is free all the same");
        assert_eq!(seen(&live, 0).1, [10]);
    }
}
