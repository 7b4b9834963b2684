//! What a stream of server-sent events holds, counted while it passes.

use super::frames::{Dialect, now, stamped};
use memchr::{memchr, memmem};

/// Counts events and deltas, and reads the times that deltas tell.
#[derive(Debug)]
pub(crate) struct Watch {
    needle: memmem::Finder<'static>,
    timed: bool,
    /// A line of which the rest has not come.
    open: Vec<u8>,
    /// The last event.
    pub(crate) last: Vec<u8>,
    /// Events so far.
    pub(crate) events: u64,
    /// Deltas with a text so far.
    pub(crate) deltas: u64,
    /// Bytes so far.
    pub(crate) bytes: u64,
    /// How long ago each delta was written when it came, in nanoseconds.
    pub(crate) ages: Vec<u64>,
}

impl Watch {
    /// `timed`: the deltas tell when they were written.
    pub(crate) fn new(dialect: Dialect, timed: bool) -> Self {
        Self {
            needle: memmem::Finder::new(dialect.needle()),
            timed,
            open: Vec::new(),
            last: Vec::new(),
            events: 0,
            deltas: 0,
            bytes: 0,
            ages: Vec::new(),
        }
    }

    /// Begins a new stream.
    pub(crate) fn reset(&mut self) {
        self.open.clear();
        self.last.clear();
        (self.events, self.deltas, self.bytes) = (0, 0, 0);
        self.ages.clear();
    }

    /// Takes what came next.
    pub(crate) fn push(&mut self, mut piece: &[u8]) {
        self.bytes += piece.len() as u64;
        let at = if self.timed { now() } else { 0 };
        while let Some(end) = memchr(b'\n', piece) {
            let (line, rest) = (&piece[..end], &piece[end + 1..]);
            // The last piece may hold the last event: what comes before it is not kept.
            let last = rest.len() <= 1;
            if self.open.is_empty() {
                self.line(line, at, last);
            } else {
                let mut whole = std::mem::take(&mut self.open);
                whole.extend_from_slice(line);
                self.line(&whole, at, last);
                whole.clear();
                self.open = whole;
            }
            piece = rest;
        }
        self.open.extend_from_slice(piece);
    }

    fn line(&mut self, line: &[u8], at: u64, keep: bool) {
        if !line.starts_with(b"data:") {
            return;
        }
        self.events += 1;
        if keep {
            self.last.clear();
            self.last.extend_from_slice(line);
        }
        let Some(found) = self.needle.find(line) else { return };
        let text = &line[found + self.needle.needle().len()..];
        if text.first().is_some_and(|byte| *byte != b'"') {
            self.deltas += 1;
            if let Some(then) = stamped(text).filter(|_| self.timed) {
                self.ages.push(at.saturating_sub(then));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::frames::stamp;
    use super::*;

    #[test]
    fn events_and_deltas_are_counted_however_the_stream_is_cut() {
        let body = Dialect::AgUi.run("t", "r", 2).concat();
        for cut in 0..body.len() {
            let mut watch = Watch::new(Dialect::AgUi, false);
            watch.push(&body.as_bytes()[..cut]);
            watch.push(&body.as_bytes()[cut..]);
            assert_eq!((watch.events, watch.deltas, watch.bytes), (6, 2, body.len() as u64));
            assert!(String::from_utf8_lossy(&watch.last).contains("RUN_FINISHED"));
        }
    }

    #[test]
    fn ages_are_told_by_stamps() {
        let mut watch = Watch::new(Dialect::OpenAi, true);
        let then = now() - 5_000_000;
        watch.push(format!("data: {}\n\n: comment\n\n", Dialect::OpenAi.delta("r", &stamp(then))).as_bytes());
        assert_eq!((watch.events, watch.deltas, watch.ages.len()), (1, 1, 1));
        assert!((5_000_000..5_000_000_000).contains(&watch.ages[0]));
        watch.reset();
        assert_eq!((watch.events, watch.ages.len()), (0, 0));
    }
}
