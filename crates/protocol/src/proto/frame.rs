//! Messages in a row: four bytes of length, big endian, and the message.

use super::ProtoError;
use bytes::{Buf, Bytes, BytesMut};
use std::collections::VecDeque;

/// The largest frame that AG-UI clients read, in bytes, the four bytes of the length included.
pub const MAX_FRAME: usize = 10 * 1024 * 1024;

const PREFIX: usize = 4;

/// Appends one frame.
///
/// # Errors
/// A frame over [`MAX_FRAME`], which no client would read; nothing is appended.
pub fn write_frame(message: &[u8], out: &mut Vec<u8>) -> Result<(), ProtoError> {
    let too_large = ProtoError::TooLarge { limit: MAX_FRAME };
    let length = u32::try_from(message.len()).map_err(|_| too_large.clone())?;
    if message.len() + PREFIX > MAX_FRAME {
        return Err(too_large);
    }
    out.reserve(message.len() + PREFIX);
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(message);
    Ok(())
}

/// Finds messages in pieces of any size.
///
/// Give it every piece with [`Decoder::push`], take messages with [`Iterator::next`] until it says `None`, and ask
/// [`Decoder::finish`] at the end of the stream. After an error it says nothing more.
#[derive(Debug)]
pub struct Decoder {
    limit: usize,
    pieces: VecDeque<Bytes>,
    /// Bytes in all pieces.
    held: usize,
    failed: bool,
}

impl Decoder {
    /// A decoder that refuses a frame of more than `max_frame_bytes`, its length included.
    pub fn new(max_frame_bytes: usize) -> Self {
        Self { limit: max_frame_bytes, pieces: VecDeque::new(), held: 0, failed: false }
    }

    /// Adds what came next. Take the messages that it completes before adding more: pieces are not counted by the
    /// bound.
    pub fn push(&mut self, piece: Bytes) {
        if !self.failed && !piece.is_empty() {
            self.held += piece.len();
            self.pieces.push_back(piece);
        }
    }

    /// The stream has ended.
    ///
    /// # Errors
    /// When it ended inside of a frame.
    pub fn finish(&mut self) -> Result<(), ProtoError> {
        let trailing = std::mem::take(&mut self.held);
        self.pieces.clear();
        self.failed = true;
        if trailing > 0 { Err(ProtoError::Truncated { trailing }) } else { Ok(()) }
    }

    /// The length of the next message, once its four bytes are here.
    fn length(&self) -> Option<usize> {
        if self.held < PREFIX {
            return None;
        }
        let prefix = self.pieces.iter().flatten().take(PREFIX);
        Some(prefix.fold(0, |length, byte| length << 8 | usize::from(*byte)))
    }

    /// The next bytes of all pieces, which hold as many; not copied when they lie in one piece.
    fn take(&mut self, mut count: usize) -> Bytes {
        self.held -= count;
        let mut joined = BytesMut::new();
        while let Some(piece) = self.pieces.front_mut() {
            let here = piece.split_to(count.min(piece.len()));
            if piece.is_empty() {
                self.pieces.pop_front();
            }
            if joined.is_empty() && here.len() == count {
                return here;
            }
            joined.reserve(count);
            joined.extend_from_slice(&here);
            count -= here.len();
            if count == 0 {
                break;
            }
        }
        joined.freeze()
    }
}

impl Iterator for Decoder {
    type Item = Result<Bytes, ProtoError>;

    /// The next complete message of what was pushed; `None` until more is pushed.
    fn next(&mut self) -> Option<Self::Item> {
        let length = self.length()?;
        if length + PREFIX > self.limit {
            self.pieces.clear();
            (self.held, self.failed) = (0, true);
            return Some(Err(ProtoError::TooLarge { limit: self.limit }));
        }
        if self.held < length + PREFIX {
            return None;
        }
        let mut frame = self.take(length + PREFIX);
        frame.advance(PREFIX);
        Some(Ok(frame))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(pieces: impl IntoIterator<Item = Bytes>) -> Vec<Bytes> {
        let mut decoder = Decoder::new(64);
        let mut messages = Vec::new();
        for piece in pieces {
            decoder.push(piece);
            messages.extend(decoder.by_ref().map(|message| message.unwrap()));
        }
        decoder.finish().unwrap();
        messages
    }

    #[test]
    fn every_split_gives_the_same() {
        let mut body = Vec::new();
        for message in [&b"first"[..], b"", b"\x00\x01", &[7; 60]] {
            write_frame(message, &mut body).unwrap();
        }
        assert_eq!(&body[..9], b"\0\0\0\x05first");
        let body = Bytes::from(body);
        let whole = all([body.clone()]);
        assert_eq!(whole, [&b"first"[..], b"", b"\x00\x01", &[7; 60]]);
        for at in 0..=body.len() {
            assert_eq!(all([body.slice(..at), body.slice(at..)]), whole, "split at {at}");
        }
        assert_eq!(all(body.chunks(1).map(Bytes::copy_from_slice)), whole);
    }

    #[test]
    fn bounds_a_frame_before_it_is_here() {
        let mut decoder = Decoder::new(64);
        decoder.push(Bytes::from_static(&[0, 0, 0, 61]));
        assert_eq!(decoder.next(), Some(Err(ProtoError::TooLarge { limit: 64 })));
        decoder.push(Bytes::from_static(&[0, 0, 0, 0]));
        assert_eq!(decoder.next(), None);
        assert_eq!(decoder.finish(), Ok(()));
        let mut out = vec![1];
        assert!(write_frame(&vec![0; MAX_FRAME - PREFIX], &mut Vec::new()).is_ok());
        assert!(write_frame(&vec![0; MAX_FRAME - PREFIX + 1], &mut out).is_err());
        assert_eq!(out, [1]);
    }

    #[test]
    fn an_end_inside_of_a_frame_is_told() {
        let mut decoder = Decoder::new(64);
        decoder.push(Bytes::from_static(&[0, 0, 0, 2, 1]));
        assert_eq!(decoder.next(), None);
        let error = decoder.finish().unwrap_err();
        assert_eq!(
            error.to_string(),
            "The binary stream ended mid-frame: 5 trailing bytes could not be read as a complete message."
        );
    }
}
