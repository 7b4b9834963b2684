//! Server-sent events: the frames that this runtime writes, and a tolerant reader for those that it receives.
//!
//! The writer makes exactly what AG-UI clients split: `data: ` + one line of JSON + an empty line, with LF only. The
//! reader is for agents, model providers and MCP servers, and takes whatever the WHATWG event stream grammar allows.

use bytes::{Buf, Bytes};
use memchr::memchr2;
use std::collections::VecDeque;

/// Appends one frame. `json` must be one line.
pub fn write_frame(json: &[u8], out: &mut Vec<u8>) {
    out.reserve(json.len() + 8);
    out.extend_from_slice(b"data: ");
    out.extend_from_slice(json);
    out.extend_from_slice(b"\n\n");
}

/// Appends a comment, which clients ignore: a sign of life on a quiet stream. Line breaks in `text` become spaces.
pub fn write_comment(text: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(b": ");
    out.extend(text.bytes().map(|byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { byte }));
    out.extend_from_slice(b"\n\n");
}

/// One event of a stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SseEvent {
    /// The `event` field; absent means `message`.
    pub event: Option<Bytes>,
    /// The `id` field of this very event.
    pub id: Option<Bytes>,
    /// The `data` lines, joined with LF.
    pub data: Bytes,
}

impl SseEvent {
    /// The name of the event, `message` when it carries none; empty when it is not UTF-8.
    pub fn name(&self) -> &str {
        self.event.as_ref().map_or("message", |name| std::str::from_utf8(name).unwrap_or_default())
    }
}

/// Why a stream cannot be read on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SseError {
    /// One event, or one line, is over the bound.
    #[error("a server-sent event is larger than {limit} bytes")]
    TooLarge {
        /// The bound, in bytes.
        limit: usize,
    },
}

/// Reads events from pieces of any size.
///
/// Give it every piece with [`Decoder::push`], take events with [`Iterator::next`] until it says `None`, and at the end
/// of the stream with [`Decoder::finish`] until that says `None`. After an error it says nothing more.
///
/// LF, CRLF, a lone CR, a byte order mark, comments and unknown fields are accepted. An event without a `data` line is
/// not an event. Data is bytes: nothing checks that it is UTF-8.
#[derive(Debug)]
pub struct Decoder {
    limit: usize,
    pieces: VecDeque<Bytes>,
    /// The beginning of a line whose end has not come yet.
    line: Vec<u8>,
    /// The last line ended in CR: an LF that follows belongs to it.
    after_cr: bool,
    /// No line was read yet: a byte order mark may stand here.
    first: bool,
    failed: bool,
    event: Option<Bytes>,
    id: Option<Bytes>,
    data: Data,
    /// Bytes that the fields of the current event hold.
    size: usize,
}

#[derive(Debug, Default)]
enum Data {
    #[default]
    None,
    /// One line, shared with the piece that it came in.
    One(Bytes),
    Many(Vec<u8>),
}

impl Decoder {
    /// A decoder that refuses an event of more than `max_event_bytes`.
    pub fn new(max_event_bytes: usize) -> Self {
        Self {
            limit: max_event_bytes,
            pieces: VecDeque::new(),
            line: Vec::new(),
            after_cr: false,
            first: true,
            failed: false,
            event: None,
            id: None,
            data: Data::None,
            size: 0,
        }
    }

    /// Adds what came next. Take the events that it completes before adding more: pieces are not counted by the bound.
    pub fn push(&mut self, piece: Bytes) {
        if !self.failed && !piece.is_empty() {
            self.pieces.push_back(piece);
        }
    }

    /// The stream has ended: a last event counts even when its empty line, or the end of its line, is missing.
    pub fn finish(&mut self) -> Option<Result<SseEvent, SseError>> {
        if let Some(item) = self.next() {
            return Some(item);
        }
        if self.failed {
            return None;
        }
        if !self.line.is_empty() {
            let line = std::mem::take(&mut self.line).into();
            if let Err(error) = self.field(line) {
                return Some(Err(error));
            }
        }
        self.take_event().map(Ok)
    }

    /// A line ended: the event that it completes, if it is empty.
    fn end_line(&mut self, line: Bytes) -> Result<Option<SseEvent>, SseError> {
        let blank = line.is_empty() || (self.first && line == BOM);
        if blank {
            self.first = false;
            return Ok(self.take_event());
        }
        self.field(line).map(|()| None)
    }

    fn field(&mut self, mut line: Bytes) -> Result<(), SseError> {
        if std::mem::take(&mut self.first) && line.starts_with(BOM) {
            line.advance(BOM.len());
        }
        let colon = memchr::memchr(b':', &line);
        let name = &line[..colon.unwrap_or(line.len())];
        let from = match colon {
            Some(at) if line.get(at + 1) == Some(&b' ') => at + 2,
            Some(at) => at + 1,
            None => line.len(),
        };
        match name {
            b"data" => {
                self.grow(line.len())?;
                let value = line.slice(from..);
                self.data = match std::mem::take(&mut self.data) {
                    Data::None => Data::One(value),
                    Data::One(first) => {
                        let mut lines = Vec::with_capacity(first.len() + 1 + value.len());
                        lines.extend_from_slice(&first);
                        lines.push(b'\n');
                        lines.extend_from_slice(&value);
                        Data::Many(lines)
                    }
                    Data::Many(mut lines) => {
                        lines.push(b'\n');
                        lines.extend_from_slice(&value);
                        Data::Many(lines)
                    }
                };
            }
            b"event" => {
                self.grow(line.len())?;
                self.event = Some(line.slice(from..));
            }
            b"id" => {
                self.grow(line.len())?;
                self.id = Some(line.slice(from..));
            }
            _ => {}
        }
        Ok(())
    }

    fn grow(&mut self, by: usize) -> Result<(), SseError> {
        self.size += by;
        if self.size > self.limit { Err(self.fail()) } else { Ok(()) }
    }

    fn fail(&mut self) -> SseError {
        self.failed = true;
        self.pieces.clear();
        self.line = Vec::new();
        self.data = Data::None;
        SseError::TooLarge { limit: self.limit }
    }

    fn take_event(&mut self) -> Option<SseEvent> {
        self.size = 0;
        let (event, id) = (self.event.take(), self.id.take());
        let data = match std::mem::take(&mut self.data) {
            Data::None => return None,
            Data::One(data) => data,
            Data::Many(lines) => lines.into(),
        };
        Some(SseEvent { event, id, data })
    }
}

const BOM: &[u8] = b"\xef\xbb\xbf";

impl Iterator for Decoder {
    type Item = Result<SseEvent, SseError>;

    /// The next complete event of what was pushed; `None` until more is pushed.
    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let piece = self.pieces.front_mut()?;
            if std::mem::take(&mut self.after_cr) && piece.first() == Some(&b'\n') {
                piece.advance(1);
            }
            let Some(end) = memchr2(b'\n', b'\r', piece) else {
                let too_large = self.line.len() + piece.len() > self.limit;
                if too_large {
                    return Some(Err(self.fail()));
                }
                self.line.extend_from_slice(piece);
                self.pieces.pop_front();
                continue;
            };
            let line = piece.split_to(end);
            self.after_cr = piece.first() == Some(&b'\r');
            piece.advance(1);
            if piece.is_empty() {
                self.pieces.pop_front();
            }
            if self.line.len() + line.len() > self.limit {
                return Some(Err(self.fail()));
            }
            let line = if self.line.is_empty() {
                line
            } else {
                self.line.extend_from_slice(&line);
                std::mem::take(&mut self.line).into()
            };
            match self.end_line(line) {
                Ok(None) => {}
                Ok(Some(event)) => return Some(Ok(event)),
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn all(pieces: impl IntoIterator<Item = Bytes>) -> Vec<SseEvent> {
        let mut decoder = Decoder::new(1 << 20);
        let mut events = Vec::new();
        for piece in pieces {
            decoder.push(piece);
            for event in decoder.by_ref() {
                events.push(event.unwrap());
            }
        }
        while let Some(event) = decoder.finish() {
            events.push(event.unwrap());
        }
        events
    }

    fn data(text: &str) -> Vec<String> {
        let pieces = [Bytes::copy_from_slice(text.as_bytes())];
        all(pieces).into_iter().map(|event| String::from_utf8(event.data.to_vec()).unwrap()).collect()
    }

    #[test]
    fn writes_exactly_the_frame() {
        let mut out = Vec::new();
        write_frame(br#"{"a":1}"#, &mut out);
        write_comment("ping\nx", &mut out);
        assert_eq!(out, b"data: {\"a\":1}\n\n: ping x\n\n");
    }

    #[test]
    fn reads_every_line_ending() {
        assert_eq!(data("data: a\n\ndata: b\r\n\r\ndata: c\r\rdata: d\n\r\n"), ["a", "b", "c", "d"]);
    }

    #[test]
    fn strips_one_space_joins_lines_and_ignores_the_rest() {
        let text = "\u{feff}: hello\nretry: 3\nnonsense\ndata:a\ndata:  b\ndata\n\n\n:x\n\n";
        assert_eq!(data(text), ["a\n b\n"]);
    }

    #[test]
    fn a_mark_is_skipped_only_at_the_start() {
        assert_eq!(data("\u{feff}data: a\n\n\u{feff}data: b\n\n"), ["a"]);
        assert_eq!(data("\u{feff}\ndata: a\n\n"), ["a"]);
    }

    #[test]
    fn an_event_needs_data_and_forgets_its_fields() {
        let events = all([Bytes::from_static(b"event: x\nid: 1\n\ndata:\n\nevent: y\nid: 2\ndata: z\n\n")]);
        assert_eq!(events.len(), 2);
        assert_eq!((events[0].name(), &events[0].id, events[0].data.len()), ("message", &None, 0));
        assert_eq!((events[1].name(), events[1].id.as_deref()), ("y", Some(b"2".as_slice())));
    }

    #[test]
    fn the_last_event_needs_no_empty_line() {
        assert_eq!(data("data: a\n\ndata: b"), ["a", "b"]);
        assert_eq!(data("data: a\n\ndata: b\r"), ["a", "b"]);
        assert!(data("").is_empty());
    }

    #[test]
    fn data_in_one_piece_is_not_copied() {
        let piece = Bytes::from_static(b"data: first\n\ndata: second\n\n");
        let range = piece.as_ptr_range();
        for event in all([piece.clone()]) {
            assert!(range.contains(&event.data.as_ptr()));
        }
    }

    #[test]
    fn bounds_an_event_a_line_and_not_comments() {
        let mut decoder = Decoder::new(16);
        for _ in 0..100 {
            decoder.push(Bytes::from_static(b": still here\n"));
            assert_eq!(decoder.next(), None);
        }
        decoder.push(Bytes::from_static(b"data: 12345\ndata: 12345\n\n"));
        assert_eq!(decoder.next(), Some(Err(SseError::TooLarge { limit: 16 })));
        assert_eq!((decoder.next(), decoder.finish()), (None, None));

        let mut decoder = Decoder::new(16);
        for _ in 0..4 {
            decoder.push(Bytes::from_static(b"data:"));
        }
        assert_eq!(decoder.next(), Some(Err(SseError::TooLarge { limit: 16 })));
        decoder.push(Bytes::from_static(b"data: x\n\n"));
        assert_eq!(decoder.next(), None);
    }

    #[test]
    fn every_offset_of_a_split_gives_the_same() {
        let text = "\u{feff}data: é\r\ndata: 日本\r\n\n: c\revent: e\rdata: x\r\rid: 7\ndata: 🦀\n\ndata: end";
        let bytes = Bytes::copy_from_slice(text.as_bytes());
        let whole = all([bytes.clone()]);
        assert_eq!(whole.len(), 4);
        for at in 0..=bytes.len() {
            assert_eq!(all([bytes.slice(..at), bytes.slice(at..)]), whole, "split at {at}");
        }
        for size in 1..=64 {
            let pieces = (0..bytes.len()).step_by(size).map(|at| bytes.slice(at..bytes.len().min(at + size)));
            assert_eq!(all(pieces), whole, "pieces of {size}");
        }
    }

    proptest! {
        #[test]
        fn any_split_gives_the_same(
            lines in prop::collection::vec(
                (prop::sample::select(vec!["data: ", "data:", "event: ", "id: ", ": ", "x", ""]), "[a-zé:\u{feff} ]{0,6}",
                 prop::sample::select(vec!["\n", "\r\n", "\r", "\n\n", "\r\n\r\n", "\r\r", ""])),
                0..20,
            ),
            sizes in prop::collection::vec(1_usize..=64, 1..20),
        ) {
            let text: String = lines.iter().map(|(field, value, end)| format!("{field}{value}{end}")).collect();
            let bytes = Bytes::from(text.into_bytes());
            let whole = all([bytes.clone()]);
            let mut rest = bytes;
            let mut sizes = sizes.into_iter().cycle();
            let pieces = std::iter::from_fn(|| {
                let size = sizes.next()?.min(rest.len());
                (size > 0).then(|| rest.split_to(size))
            });
            prop_assert_eq!(all(pieces), whole);
        }
    }
}
