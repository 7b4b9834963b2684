//! A body in chunks, as HTTP/1.1 sends what has no known length.

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

/// Takes the data out of a chunked body, however it is cut.
#[derive(Debug, Default)]
pub(crate) struct Chunks {
    state: State,
    left: u64,
}

impl Chunks {
    /// Takes what came next and hands on its data; true when the body is complete. Nothing may follow it.
    pub(crate) fn push(&mut self, mut piece: &[u8], on_data: &mut dyn FnMut(&[u8])) -> anyhow::Result<bool> {
        while let Some((&byte, rest)) = piece.split_first() {
            if matches!(self.state, State::Data) {
                let take = piece.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
                let (data, after) = piece.split_at(take);
                on_data(data);
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

/// Appends `data` as one chunk.
pub(crate) fn write_chunk(data: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(format!("{:x}\r\n", data.len()).as_bytes());
    out.extend_from_slice(data);
    out.extend_from_slice(b"\r\n");
}

/// What ends a chunked body.
pub(crate) const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &[u8] = b"8\r\ndata: a\n\r\n1;x=y\r\n\n\r\nA\r\ndata: bb\n\n\r\n0\r\ntrailer: t\r\n\r\n";

    #[test]
    fn data_is_taken_out_however_the_body_is_cut() {
        for cut in 0..BODY.len() {
            let mut chunks = Chunks::default();
            let mut data = Vec::new();
            assert!(!chunks.push(&BODY[..cut], &mut |piece| data.extend_from_slice(piece)).unwrap());
            assert!(chunks.push(&BODY[cut..], &mut |piece| data.extend_from_slice(piece)).unwrap());
            assert_eq!(data, b"data: a\n\ndata: bb\n\n");
        }
    }

    #[test]
    fn what_is_no_chunked_body_is_refused() {
        for body in ["xyz\r\n", "1\r\nabc", "0\r\n\r\nmore", "fffffffffffffffff\r\n"] {
            assert!(Chunks::default().push(body.as_bytes(), &mut |_| ()).is_err(), "{body}");
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let mut body = Vec::new();
        write_chunk(b"data: a\n\n", &mut body);
        body.extend_from_slice(LAST_CHUNK);
        let mut data = Vec::new();
        assert!(Chunks::default().push(&body, &mut |piece| data.extend_from_slice(piece)).unwrap());
        assert_eq!(data, b"data: a\n\n");
    }
}
