//! A body in chunks, as HTTP/1.1 sends what has no known length: only its lines are counted.

use anyhow::{Context, bail};

/// Where in the body the reader is.
#[derive(Debug, Default)]
enum State {
    /// In the hexadecimal length of a chunk.
    #[default]
    Size,
    /// In its extension, which means nothing.
    Extension,
    /// In its data; so many bytes are left.
    Data,
    /// In the line end after it.
    DataEnd,
    /// After the last chunk; at the begin of a line, or in it.
    Trailer { empty: bool },
    /// The body is complete.
    Done,
}

/// Counts the line feeds of a chunked body. Every server-sent event of one data line holds two.
#[derive(Debug, Default)]
pub(crate) struct Counter {
    state: State,
    left: u64,
    /// Line feeds in the data so far.
    pub(crate) feeds: u64,
    /// Bytes of data so far.
    pub(crate) bytes: u64,
}

impl Counter {
    /// Takes what came next; true when the body is complete. Nothing may follow it.
    pub(crate) fn push(&mut self, mut piece: &[u8]) -> anyhow::Result<bool> {
        while let Some((&byte, rest)) = piece.split_first() {
            if matches!(self.state, State::Data) {
                let take = piece.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
                let (data, after) = piece.split_at(take);
                self.feeds += data.iter().map(|byte| u64::from(*byte == b'\n')).sum::<u64>();
                self.bytes += take as u64;
                self.left -= take as u64;
                piece = after;
                if self.left == 0 {
                    self.state = State::DataEnd;
                }
                continue;
            }
            piece = rest;
            self.state = match (&self.state, byte) {
                (State::Size, b';') => State::Extension,
                (State::Size | State::Extension, b'\n') if self.left == 0 => State::Trailer { empty: true },
                (State::Size | State::Extension, b'\n') => State::Data,
                (State::Size, b'\r') => State::Size,
                (State::Size, digit) => {
                    let digit = char::from(digit).to_digit(16).context("the length of a chunk is not a number")?;
                    self.left = self.left.checked_mul(16).context("a chunk is too long")? + u64::from(digit);
                    State::Size
                }
                (State::Extension, _) => State::Extension,
                (State::DataEnd, b'\n') => State::Size,
                (State::DataEnd, b'\r') => State::DataEnd,
                (State::Trailer { empty: true }, b'\n') => State::Done,
                (State::Trailer { .. }, b'\n') => State::Trailer { empty: true },
                (State::Trailer { empty }, b'\r') => State::Trailer { empty: *empty },
                (State::Trailer { .. }, _) => State::Trailer { empty: false },
                (State::DataEnd | State::Data | State::Done, _) => bail!("bytes where none may be"),
            };
        }
        Ok(matches!(self.state, State::Done))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &[u8] = b"8\r\ndata: a\n\r\n1;x=y\r\n\n\r\nA\r\ndata: bb\n\n\r\n0\r\ntrailer: t\r\n\r\n";

    #[test]
    fn lines_are_counted_however_the_body_is_cut() {
        for cut in 0..BODY.len() {
            let mut counter = Counter::default();
            assert!(!counter.push(&BODY[..cut]).unwrap());
            assert!(counter.push(&BODY[cut..]).unwrap());
            assert_eq!((counter.feeds, counter.bytes), (4, 19));
        }
    }

    #[test]
    fn what_is_no_chunked_body_is_refused() {
        assert!(Counter::default().push(b"xyz\r\n").is_err());
        assert!(Counter::default().push(b"1\r\nabc").is_err());
        assert!(Counter::default().push(b"0\r\n\r\nmore").is_err());
        assert!(Counter::default().push(b"fffffffffffffffff\r\n").is_err());
    }
}
