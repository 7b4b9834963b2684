//! How frames lie in the file: many in one row, since a row for each would cost more than the frame itself.
//!
//! A chunk is a byte for its version, then for each frame: its distance to the number before it (the first one: the
//! number itself), a byte of flags, and its JSON in one of three ways:
//!
//! - as a length and the JSON;
//! - with `SHARED`: how many bytes are those of the beginning of the JSON before it, how many those of its end, then a
//!   length and what stands between. Pieces of one text differ in little else;
//! - with `CUT_OUT`: a length and the JSON without its large texts, then how many these are, and for each of them where it
//!   stood, as the distance to the place before, and the number of its attachment.
//!
//! Numbers are LEB128. Version 1 has no flags but `AS_IS`.

use super::fault::Fault;
use crate::limits::SQLITE_ATTACHMENT;
use crate::store::Frame;
use bytes::Bytes;
use memchr::{memchr, memchr2};
use std::ops::Range;

const VERSIONS: std::ops::RangeInclusive<u8> = 1..=2;
const AS_IS: u8 = 1;
const SHARED: u8 = 2;
const CUT_OUT: u8 = 4;

/// A reader decodes whole chunks: they are cut once they have this many bytes of JSON.
const CUT: usize = 64 * 1024;
/// Fewer bytes than this are not worth being shared.
const SHARE: usize = 16;

/// Stores a large text and says its number.
pub(super) type Keep<'a> = &'a mut dyn FnMut(&[u8]) -> Result<u64, Fault>;

/// Puts the text of that number behind what is there; false when there is none.
pub(super) type Put<'a> = &'a mut dyn FnMut(u64, &mut Vec<u8>) -> Result<bool, Fault>;

/// Some frames of one run.
#[derive(Debug, Default)]
pub(super) struct Chunk {
    pub(super) last_seq: u64,
    pub(super) data: Vec<u8>,
    /// Bytes of JSON.
    json: usize,
}

/// A frame as it is stored.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) seq: u64,
    pub(super) as_is: bool,
    pub(super) json: Bytes,
}

/// Frames as chunks.
pub(super) fn encode(frames: &[Frame], keep: Keep<'_>) -> Result<Vec<Chunk>, Fault> {
    let mut chunks: Vec<Chunk> = Vec::new();
    // The JSON in front, which a reader of the same chunk has.
    let mut before: &[u8] = &[];
    for frame in frames {
        let chunk = match chunks.last_mut().filter(|chunk| chunk.json < CUT) {
            Some(chunk) => {
                put(&mut chunk.data, frame.seq - chunk.last_seq);
                chunk
            }
            None => {
                before = &[];
                let mut data = vec![*VERSIONS.end()];
                put(&mut data, frame.seq);
                chunks.push(Chunk { last_seq: frame.seq, data, json: 0 });
                let Some(chunk) = chunks.last_mut() else { continue };
                chunk
            }
        };
        chunk.last_seq = frame.seq;
        chunk.json += frame.json.len();
        let flags = if frame.as_is { AS_IS } else { 0 };
        put_json(&mut chunk.data, flags, &frame.json, before, keep)?;
        before = &frame.json;
    }
    Ok(chunks)
}

fn put_json(out: &mut Vec<u8>, flags: u8, json: &[u8], before: &[u8], keep: Keep<'_>) -> Result<(), Fault> {
    let large = if json.len() >= SQLITE_ATTACHMENT { large_texts(json) } else { Vec::new() };
    if !large.is_empty() {
        out.push(flags | CUT_OUT);
        let cut: usize = large.iter().map(Range::len).sum();
        put(out, (json.len() - cut) as u64);
        let mut at = 0;
        for text in &large {
            out.extend_from_slice(json.get(at..text.start).unwrap_or_default());
            at = text.end;
        }
        out.extend_from_slice(json.get(at..).unwrap_or_default());
        put(out, large.len() as u64);
        at = 0;
        for text in large {
            put(out, (text.start - at) as u64);
            at = text.end;
            put(out, keep(json.get(text).unwrap_or_default())?);
        }
        return Ok(());
    }
    let head = same_head(before, json);
    let tail = same_tail(before.get(head..).unwrap_or_default(), json.get(head..).unwrap_or_default());
    if head + tail < SHARE {
        out.push(flags);
        put(out, json.len() as u64);
        out.extend_from_slice(json);
        return Ok(());
    }
    let own = json.get(head..json.len() - tail).unwrap_or_default();
    out.push(flags | SHARED);
    put(out, head as u64);
    put(out, tail as u64);
    put(out, own.len() as u64);
    out.extend_from_slice(own);
    Ok(())
}

/// How many bytes both begin with.
fn same_head(a: &[u8], b: &[u8]) -> usize {
    let (words_a, words_b) = (a.as_chunks::<16>().0, b.as_chunks::<16>().0);
    let words = words_a.iter().zip(words_b).take_while(|(a, b)| a == b).count() * 16;
    let rest = |bytes: &'_ [u8]| bytes.len().min(words);
    let (a, b) = (a.split_at(rest(a)).1, b.split_at(rest(b)).1);
    words + a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

/// How many bytes both end with. More than a few only where something stands behind what differs.
fn same_tail(a: &[u8], b: &[u8]) -> usize {
    a.iter().rev().zip(b.iter().rev()).take_while(|(a, b)| a == b).count()
}

/// Where large texts stand in JSON, without their quotes.
fn large_texts(json: &[u8]) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(start) = memchr(b'"', json.get(at..).unwrap_or_default()).map(|quote| at + quote + 1) {
        let mut end = start;
        loop {
            match memchr2(b'"', b'\\', json.get(end..).unwrap_or_default()).map(|found| end + found) {
                Some(stop) if json.get(stop) == Some(&b'\\') => end = stop + 2,
                Some(stop) => {
                    end = stop;
                    break;
                }
                // No end: it is no JSON, and is stored as it is.
                None => return Vec::new(),
            }
        }
        if end - start >= SQLITE_ATTACHMENT {
            found.push(start..end);
        }
        at = end + 1;
    }
    found
}

/// The frames of a chunk; they share one buffer. `None` when it is damaged or of a later version.
pub(super) fn decode(data: &[u8], attachment: Put<'_>) -> Result<Option<Vec<Entry>>, Fault> {
    let mut reader = Reader { data, at: 0, out: Vec::with_capacity(data.len() * 2), before: 0..0 };
    if !reader.byte().is_some_and(|version| VERSIONS.contains(&version)) {
        return Ok(None);
    }
    let (mut frames, mut seq) = (Vec::new(), 0u64);
    while reader.at < data.len() {
        let Some(next) = reader.number().and_then(|distance| seq.checked_add(distance)) else { return Ok(None) };
        seq = next;
        let Some(flags) = reader.byte() else { return Ok(None) };
        let Some(json) = reader.json(flags, attachment)? else { return Ok(None) };
        frames.push((seq, flags & AS_IS != 0, json));
    }
    let out = Bytes::from(reader.out);
    let entry = |(seq, as_is, json)| Entry { seq, as_is, json: out.slice(json) };
    Ok(Some(frames.into_iter().map(entry).collect()))
}

struct Reader<'a> {
    data: &'a [u8],
    at: usize,
    out: Vec<u8>,
    /// Where the JSON before stands in `out`.
    before: Range<usize>,
}

impl<'a> Reader<'a> {
    /// Where the JSON stands in `out`.
    fn json(&mut self, flags: u8, attachment: Put<'_>) -> Result<Option<Range<usize>>, Fault> {
        let start = self.out.len();
        let read = match flags & (SHARED | CUT_OUT) {
            0 => self.text().map(|text| self.out.extend_from_slice(text)),
            SHARED => self.shared(),
            CUT_OUT => self.cut_out(attachment)?,
            _ => None,
        };
        self.before = start..self.out.len();
        Ok(read.map(|()| self.before.clone()))
    }

    fn shared(&mut self) -> Option<()> {
        let (head, tail) = (self.length()?, self.length()?);
        let own = self.text()?;
        let before = self.before.clone();
        if head.checked_add(tail)? > before.len() {
            return None;
        }
        self.out.extend_from_within(before.start..before.start + head);
        self.out.extend_from_slice(own);
        self.out.extend_from_within(before.end - tail..before.end);
        Some(())
    }

    fn cut_out(&mut self, attachment: Put<'_>) -> Result<Option<()>, Fault> {
        let (Some(mut text), Some(count)) = (self.text(), self.number()) else { return Ok(None) };
        for _ in 0..count {
            let (Some(distance), Some(number)) = (self.length(), self.number()) else { return Ok(None) };
            let Some((front, rest)) = text.split_at_checked(distance) else { return Ok(None) };
            self.out.extend_from_slice(front);
            text = rest;
            if !attachment(number, &mut self.out)? {
                return Ok(None);
            }
        }
        self.out.extend_from_slice(text);
        Ok(Some(()))
    }

    fn text(&mut self) -> Option<&'a [u8]> {
        let length = self.length()?;
        let text = self.data.get(self.at..self.at.checked_add(length)?)?;
        self.at += length;
        Some(text)
    }

    fn length(&mut self) -> Option<usize> {
        usize::try_from(self.number()?).ok()
    }

    fn byte(&mut self) -> Option<u8> {
        let byte = *self.data.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    fn number(&mut self) -> Option<u64> {
        let mut number = 0u64;
        for shift in (0..64).step_by(7) {
            let next = self.byte()?;
            number |= u64::from(next & 0x7f) << shift;
            if next & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }
}

fn put(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

#[cfg(test)]
mod tests {
    use super::*;
    use copilotkit_protocol::{Custom, Emitted, Event, Json, TextMessageContent};
    use proptest::prelude::*;

    fn event(seq: u64, event: impl Into<Event>) -> Frame {
        Frame::new(seq, 1, Emitted::from(event.into()))
    }

    fn frame(seq: u64, text: &str) -> Frame {
        event(seq, TextMessageContent { message_id: "m".into(), delta: text.into(), ..Default::default() })
    }

    fn custom(seq: u64, value: &serde_json::Value) -> Frame {
        event(seq, Custom { name: "c".into(), value: Json::from(value.clone()), ..Default::default() })
    }

    /// Encodes and decodes; what was cut out, and the sizes of the chunks.
    fn there_and_back(frames: &[Frame]) -> (Vec<Vec<u8>>, Vec<usize>) {
        let mut kept: Vec<Vec<u8>> = Vec::new();
        let chunks = encode(frames, &mut |text| {
            kept.push(text.to_vec());
            Ok(kept.len() as u64)
        })
        .unwrap();
        let mut entries = Vec::new();
        for chunk in &chunks {
            let mut find = |number: u64, out: &mut Vec<u8>| {
                out.extend(&kept[number as usize - 1]);
                Ok(true)
            };
            let found = decode(&chunk.data, &mut find).unwrap().unwrap();
            assert_eq!(found.last().unwrap().seq, chunk.last_seq);
            entries.extend(found);
        }
        let entry = |frame: &Frame| Entry { seq: frame.seq, as_is: frame.as_is, json: frame.json.clone() };
        assert_eq!(entries, frames.iter().map(entry).collect::<Vec<_>>());
        (kept, chunks.iter().map(|chunk| chunk.data.len()).collect())
    }

    #[test]
    fn frames_come_back_and_large_ones_are_cut_apart() {
        let frames: Vec<_> = [(0, 1), (1, 200), (7, 40_000), (1 << 40, 3), (u64::MAX, 0)]
            .map(|(seq, length)| frame(seq, &"ä".repeat(length)))
            .into_iter()
            .collect();
        let (kept, sizes) = there_and_back(&frames);
        assert_eq!((kept.len(), sizes.len()), (1, 2));
        assert!(sizes.iter().all(|size| *size < 1_000), "{sizes:?}");
    }

    #[test]
    fn pieces_of_a_text_are_stored_as_little_more_than_their_words() {
        let words = ["one ", "two ", "three ", "a \\ \"quoted\" one ", ""];
        let frames: Vec<_> = (0..100).map(|seq| frame(seq, words[seq as usize % words.len()])).collect();
        let json: usize = frames.iter().map(|frame| frame.json.len()).sum();
        let (kept, sizes) = there_and_back(&frames);
        assert!(kept.is_empty() && sizes[0] * 4 < json, "{sizes:?} of {json}");
    }

    #[test]
    fn large_texts_are_cut_out_wherever_they_stand() {
        let (large, quoted) = ("A".repeat(SQLITE_ATTACHMENT), "\"\\".repeat(SQLITE_ATTACHMENT));
        let value = serde_json::json!({
            "a": [large, "small", large], quoted.clone(): "short", "b": quoted, "c": "x".repeat(SQLITE_ATTACHMENT - 1),
        });
        let (kept, _) = there_and_back(&[custom(1, &value), frame(2, "x"), custom(3, &value)]);
        assert_eq!(kept.len(), 8, "two of one kind, a name and a value, twice");
        let cut = |json: &str| large_texts(json.as_bytes()).len();
        assert_eq!((cut(&format!("\"{large}\"")), cut(&format!("\"{large}")), cut(&format!("\"{large}\\"))), (1, 0, 0));
    }

    #[test]
    fn damaged_chunks_are_told_not_guessed() {
        let none = &mut |_: u64, _: &mut Vec<u8>| Ok(false);
        let first = [frame(300, &"ä".repeat(90))];
        let encode = |frames: &[Frame]| encode(frames, &mut |_| Ok(7)).unwrap().remove(0).data;
        let whole = encode(&[first[0].clone(), frame(301, "x")]);
        // Cut after the first frame it is a shorter chunk; anywhere else it is damaged.
        let first = encode(&first).len();
        for length in 0..whole.len() {
            let cut = decode(&whole[..length], none).unwrap();
            assert_eq!(cut.is_some(), length == first || length == 1, "{length}");
        }
        let later = [&[VERSIONS.end() + 1], &whole[1..]].concat();
        assert!(decode(&later, none).unwrap().is_none());
        assert!(decode(&[&[1][..], &[0xff; 12]].concat(), none).unwrap().is_none());
        assert!(decode(&[2, 0, SHARED, 9, 0, 0], none).unwrap().is_none(), "nothing stands before the first frame");
        assert!(decode(&[2, 0, SHARED | CUT_OUT, 0, 0, 0], none).unwrap().is_none());
        let missing = encode(&[frame(0, &"x".repeat(SQLITE_ATTACHMENT))]);
        assert!(decode(&missing, none).unwrap().is_none());
    }

    proptest! {
        #[test]
        fn whatever_is_written_comes_back(
            texts in prop::collection::vec((any::<bool>(), "[ab\"\\\\é]{0,40}", 0usize..3), 0..20),
        ) {
            let frames: Vec<_> = texts
                .iter()
                .zip(0..)
                .map(|((other, text, size), seq)| {
                    let text = if *size == 2 { text.repeat(1_000) } else { text.clone() };
                    if *other { custom(seq, &serde_json::json!([text, { "k": text }])) } else { frame(seq, &text) }
                })
                .collect();
            there_and_back(&frames);
        }

        #[test]
        fn any_bytes_are_read_without_harm(data in prop::collection::vec(any::<u8>(), 0..200)) {
            let data = [&[2], &data[..]].concat();
            let mut put = |_: u64, out: &mut Vec<u8>| { out.push(b'x'); Ok(true) };
            let _ = decode(&data, &mut put).unwrap();
        }
    }
}
