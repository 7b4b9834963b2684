//! How frames lie in the file: many in one row, since a row for each would cost more than the frame itself.
//!
//! A chunk is the byte 1, then for each frame: its distance to the number before it (the first one: the number itself),
//! a byte of flags, the length of its JSON, and the JSON. Numbers are LEB128.

use crate::store::Frame;
use bytes::Bytes;

const VERSION: u8 = 1;
const AS_IS: u8 = 1;

/// A reader decodes whole chunks: they are cut once they have this many bytes.
const CUT: usize = 64 * 1024;

/// Some frames of one run.
#[derive(Debug, Default)]
pub(super) struct Chunk {
    pub(super) last_seq: u64,
    pub(super) data: Vec<u8>,
}

/// A frame as it is stored.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) seq: u64,
    pub(super) as_is: bool,
    pub(super) json: Bytes,
}

/// Frames as chunks.
pub(super) fn encode<'a>(frames: impl IntoIterator<Item = &'a Frame>) -> Vec<Chunk> {
    let mut chunks: Vec<Chunk> = Vec::new();
    for frame in frames {
        let chunk = match chunks.last_mut().filter(|chunk| chunk.data.len() < CUT) {
            Some(chunk) => {
                put(&mut chunk.data, frame.seq - chunk.last_seq);
                chunk
            }
            None => {
                let mut data = vec![VERSION];
                put(&mut data, frame.seq);
                chunks.push(Chunk { last_seq: frame.seq, data });
                let Some(chunk) = chunks.last_mut() else { continue };
                chunk
            }
        };
        chunk.last_seq = frame.seq;
        chunk.data.push(if frame.as_is { AS_IS } else { 0 });
        put(&mut chunk.data, frame.json.len() as u64);
        chunk.data.extend_from_slice(&frame.json);
    }
    chunks
}

/// The frames of a chunk; they share its buffer. `None` when it is damaged or of a later version.
pub(super) fn decode(data: Vec<u8>) -> Option<Vec<Entry>> {
    let data = Bytes::from(data);
    let mut at = 0;
    if byte(&data, &mut at)? != VERSION {
        return None;
    }
    let (mut entries, mut seq) = (Vec::new(), 0u64);
    while at < data.len() {
        seq = seq.checked_add(take(&data, &mut at)?)?;
        let flags = byte(&data, &mut at)?;
        let length = usize::try_from(take(&data, &mut at)?).ok()?;
        let end = at.checked_add(length).filter(|end| *end <= data.len())?;
        entries.push(Entry { seq, as_is: flags & AS_IS != 0, json: data.slice(at..end) });
        at = end;
    }
    Some(entries)
}

fn put(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn byte(data: &[u8], at: &mut usize) -> Option<u8> {
    let byte = *data.get(*at)?;
    *at += 1;
    Some(byte)
}

fn take(data: &[u8], at: &mut usize) -> Option<u64> {
    let mut number = 0u64;
    for shift in (0..64).step_by(7) {
        let next = byte(data, at)?;
        number |= u64::from(next & 0x7f) << shift;
        if next & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use copilotkit_protocol::{Emitted, TextMessageContent};

    fn frame(seq: u64, length: usize) -> Frame {
        let event = TextMessageContent { message_id: "m".into(), delta: "ä".repeat(length), ..Default::default() };
        Frame::new(seq, 1, Emitted::from(event))
    }

    #[test]
    fn frames_come_back_and_large_ones_are_cut_apart() {
        let frames: Vec<_> = [(0, 1), (1, 200), (7, 40_000), (1 << 40, 3), (u64::MAX, 0)]
            .map(|(seq, length)| frame(seq, length))
            .into_iter()
            .collect();
        let chunks = encode(&frames);
        assert_eq!(chunks.iter().map(|chunk| chunk.last_seq).collect::<Vec<_>>(), [7, u64::MAX]);
        let entries: Vec<_> = chunks.into_iter().flat_map(|chunk| decode(chunk.data).unwrap()).collect();
        let expected: Vec<_> =
            frames.iter().map(|frame| Entry { seq: frame.seq, as_is: false, json: frame.json.clone() }).collect();
        assert_eq!(entries, expected);
    }

    #[test]
    fn damaged_chunks_are_told_not_guessed() {
        let whole = encode(&[frame(300, 90), frame(301, 1)]).remove(0).data;
        // Cut after the first frame it is a shorter chunk; anywhere else it is damaged.
        let first = encode(&[frame(300, 90)]).remove(0).data.len();
        for length in 0..whole.len() {
            let cut = decode(whole[..length].to_vec());
            assert_eq!(cut.is_some(), length == first || length == 1, "{length}");
        }
        let later = [&[VERSION + 1], &whole[1..]].concat();
        assert!(decode(later).is_none());
        assert!(decode([&[VERSION][..], &[0xff; 12]].concat()).is_none());
    }
}
