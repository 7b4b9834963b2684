//! The chunked transfer coding of HTTP/1.1 (RFC 9112, section 7.1), as a push parser.

/// The most bytes of extensions and trailers in one body: nobody needs them.
const EXTRA_MAX: usize = 16 * 1024;

/// Takes a chunked body apart.
#[derive(Debug)]
pub(super) struct Chunked {
    state: State,
    extra: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// In the digits of a size; `None` before the first.
    Size(Option<u64>),
    /// Behind them: blanks and extensions.
    Extension(u64),
    SizeEnd(u64),
    Data(u64),
    DataCr,
    DataLf,
    /// At the begin of a line behind the last chunk.
    Trailer,
    TrailerLine,
    TrailerEnd,
    End,
    Done,
}

/// Why a body cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Malformed {
    #[error("invalid chunk size")]
    Size,
    #[error("a chunk does not end where it says")]
    Length,
    #[error("chunk extensions or trailers over {EXTRA_MAX} bytes")]
    Extra,
}

impl Chunked {
    pub(super) fn new() -> Self {
        Self { state: State::Size(None), extra: 0 }
    }

    /// True behind the last byte of the body.
    pub(super) fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// Adds the content in `input` to `out`; how much of `input` belongs to the body.
    pub(super) fn decode(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<usize, Malformed> {
        let mut at = 0;
        while let Some(&byte) = input.get(at)
            && !self.is_done()
        {
            if let State::Data(left) = self.state {
                let rest = input.get(at..).unwrap_or_default();
                let take = usize::try_from(left).map_or(rest.len(), |left| left.min(rest.len()));
                out.extend_from_slice(&rest[..take]);
                at += take;
                let left = left - take as u64;
                self.state = if left == 0 { State::DataCr } else { State::Data(left) };
                continue;
            }
            self.state = self.step(byte)?;
            at += 1;
        }
        Ok(at)
    }

    fn step(&mut self, byte: u8) -> Result<State, Malformed> {
        let mut extra = |next| {
            self.extra += 1;
            if self.extra > EXTRA_MAX { Err(Malformed::Extra) } else { Ok(next) }
        };
        Ok(match (self.state, byte) {
            (State::Size(size), byte) if byte.is_ascii_hexdigit() => {
                let digit = char::from(byte).to_digit(16).map_or(0, u64::from);
                let size = size.unwrap_or(0).checked_mul(16).ok_or(Malformed::Size)?;
                State::Size(Some(size | digit))
            }
            (State::Size(Some(size)) | State::Extension(size), b'\r') => State::SizeEnd(size),
            (State::Size(Some(size)), b' ' | b'\t' | b';') => extra(State::Extension(size))?,
            (State::Size(_), _) | (State::Extension(_), b'\n') => return Err(Malformed::Size),
            (State::Extension(size), _) => extra(State::Extension(size))?,
            (State::SizeEnd(0), b'\n') => State::Trailer,
            (State::SizeEnd(size), b'\n') => State::Data(size),
            (State::SizeEnd(_), _) => return Err(Malformed::Size),
            (State::DataCr, b'\r') => State::DataLf,
            (State::DataLf, b'\n') => State::Size(None),
            (State::DataCr | State::DataLf, _) => return Err(Malformed::Length),
            (State::Trailer, b'\r') => State::End,
            (State::TrailerLine, b'\r') => State::TrailerEnd,
            (State::Trailer | State::TrailerLine, _) => extra(State::TrailerLine)?,
            (State::TrailerEnd, b'\n') => State::Trailer,
            (State::End, b'\n') => State::Done,
            (State::TrailerEnd | State::End, _) => return Err(Malformed::Length),
            (state @ (State::Data(_) | State::Done), _) => state,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(input: &[u8], piece: usize) -> Result<(String, usize, bool), Malformed> {
        let (mut chunked, mut out, mut used) = (Chunked::new(), Vec::new(), 0);
        for piece in input.chunks(piece) {
            used += chunked.decode(piece, &mut out)?;
        }
        Ok((String::from_utf8(out).unwrap(), used, chunked.is_done()))
    }

    #[test]
    fn bodies_are_read_in_pieces_of_any_size() {
        for (input, content, used, done) in [
            ("5\r\nhello\r\n0\r\n\r\n", "hello", 15, true),
            ("0005;a=b\r\nhello\r\n1 \r\n!\r\n0\r\nX: y\r\nZ: w\r\n\r\n", "hello!", 41, true),
            ("A\r\n0123456789\r\n", "0123456789", 15, false),
            ("0\r\n\r\nHTTP/1.1 200", "", 5, true),
            ("2\r\nab", "ab", 5, false),
        ] {
            for piece in 1..=input.len() {
                assert_eq!(
                    whole(input.as_bytes(), piece),
                    Ok((content.to_owned(), used, done)),
                    "{input:?} by {piece}"
                );
            }
        }
    }

    #[test]
    fn wrong_bodies_are_refused() {
        for (input, error) in [
            ("\r\n", Malformed::Size),
            ("g\r\n", Malformed::Size),
            ("5\nhello", Malformed::Size),
            ("-1\r\n", Malformed::Size),
            ("11111111111111111\r\n", Malformed::Size),
            ("5;a\n", Malformed::Size),
            ("5\r\nhelloX", Malformed::Length),
            ("5\r\nhello\rX", Malformed::Length),
            ("0\r\n\rX", Malformed::Length),
        ] {
            for piece in 1..=input.len() {
                assert_eq!(whole(input.as_bytes(), piece), Err(error), "{input:?} by {piece}");
            }
        }
        let long = format!("5;{}", "a".repeat(20_000));
        assert_eq!(whole(long.as_bytes(), 1_000), Err(Malformed::Extra));
    }

    #[test]
    fn the_largest_size_is_waited_for() {
        assert_eq!(whole(b"ffffffffffffffff\r\nab", 3), Ok(("ab".to_owned(), 20, false)));
    }
}
