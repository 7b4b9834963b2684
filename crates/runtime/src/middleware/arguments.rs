//! The arguments of a call while they stream: which of their values are complete already.

use copilotkit_protocol::{Json, JsonPatch, WireError};
use std::ops::Range;

/// The deepest nesting that is followed.
const DEPTH: usize = 64;

/// A JSON object that arrives in pieces. Each byte is looked at once.
///
/// It finds where values begin and end and checks nothing else: what is cut out is read by a real parser.
#[derive(Debug, Default)]
pub(super) struct Arguments {
    text: String,
    /// How far it was looked at.
    at: usize,
    /// The containers that are open.
    stack: Vec<Frame>,
    /// The string or other scalar that is open.
    open: Option<Open>,
    /// Nothing that follows counts: the object ended, or it is none.
    over: bool,
}

#[derive(Debug)]
struct Frame {
    is_list: bool,
    start: usize,
    /// The name of the member that is being read, without quotes, as it was written.
    key: Range<usize>,
    expects_key: bool,
}

#[derive(Debug)]
enum Open {
    String { start: usize, escaped: bool },
    Other { start: usize },
}

/// A value of which something became known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) what: What,
    /// Where it stands; of one that has just begun, only the start says something.
    pub(super) range: Range<usize>,
    /// How many containers it lies in: members of the arguments have 1.
    pub(super) depth: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// A list or an object began.
    Began { is_list: bool },
    /// A value is complete.
    Complete,
}

impl Arguments {
    /// Appends a piece; false when there is more than `max` bytes of it, and then nothing is appended.
    pub(super) fn push(&mut self, piece: &str, max: usize) -> bool {
        let fits = self.text.len() + piece.len() <= max;
        if fits && !self.over {
            self.text.push_str(piece);
        }
        fits
    }

    /// What became known, one after the other; `None` until more arrives.
    pub(super) fn next(&mut self) -> Option<Found> {
        while let Some(byte) = self.text.as_bytes().get(self.at).copied().filter(|_| !self.over) {
            match &mut self.open {
                Some(Open::String { start, escaped }) => {
                    let start = *start;
                    self.at += 1;
                    match byte {
                        _ if *escaped => *escaped = false,
                        b'\\' => *escaped = true,
                        b'"' => {
                            self.open = None;
                            if let Some(found) = self.string_ended(start) {
                                return Some(found);
                            }
                        }
                        _ => {}
                    }
                }
                Some(Open::Other { start }) => {
                    if matches!(byte, b',' | b'}' | b']' | b' ' | b'\n' | b'\r' | b'\t') {
                        let range = *start..self.at;
                        self.open = None;
                        return Some(self.complete(range));
                    }
                    self.at += 1;
                }
                None => {
                    self.at += 1;
                    if let Some(found) = self.structure(byte) {
                        return Some(found);
                    }
                }
            }
        }
        None
    }

    fn complete(&self, range: Range<usize>) -> Found {
        Found { what: What::Complete, range, depth: self.stack.len() }
    }

    fn string_ended(&mut self, start: usize) -> Option<Found> {
        let at = self.at;
        match self.stack.last_mut() {
            Some(frame) if frame.expects_key => {
                frame.key = start + 1..at - 1;
                None
            }
            _ => Some(self.complete(start..at)),
        }
    }

    fn structure(&mut self, byte: u8) -> Option<Found> {
        let start = self.at - 1;
        match byte {
            b' ' | b'\n' | b'\r' | b'\t' => {}
            b'{' | b'[' => {
                let is_list = byte == b'[';
                self.over = self.stack.len() >= DEPTH || (self.stack.is_empty() && is_list);
                let depth = self.stack.len();
                self.stack.push(Frame { is_list, start, key: 0..0, expects_key: !is_list });
                return Some(Found { what: What::Began { is_list }, range: start..self.at, depth });
            }
            b'}' | b']' => {
                let frame = self.stack.pop()?;
                self.over = self.stack.is_empty() || frame.is_list != (byte == b']');
                return Some(self.complete(frame.start..self.at));
            }
            b',' => {
                if let Some(frame) = self.stack.last_mut() {
                    frame.expects_key = !frame.is_list;
                }
            }
            b':' => {
                if let Some(frame) = self.stack.last_mut() {
                    frame.expects_key = false;
                }
            }
            _ if self.stack.is_empty() => self.over = true,
            b'"' => self.open = Some(Open::String { start, escaped: false }),
            _ => self.open = Some(Open::Other { start }),
        }
        None
    }

    /// The name of the member, as it was written, that is being read `level` containers deep: 0 is a member of the
    /// arguments. `None` in a list.
    pub(super) fn key(&self, level: usize) -> Option<&str> {
        let frame = self.stack.get(level).filter(|frame| !frame.is_list)?;
        self.text.get(frame.key.clone())
    }

    /// Where the string value began that is being read, its quote included, and how many containers it lies in.
    pub(super) fn open_string(&self) -> Option<(usize, usize)> {
        match (&self.open, self.stack.last()) {
            (Some(Open::String { start, .. }), Some(frame)) if !frame.expects_key => Some((*start, self.stack.len())),
            _ => None,
        }
    }

    /// A part of the text; empty when there is no such part.
    pub(super) fn text(&self, range: Range<usize>) -> &str {
        self.text.get(range).unwrap_or_default()
    }

    /// All of the text.
    pub(super) fn whole(&self) -> &str {
        &self.text
    }
}

/// The same JSON on one line, without white space between its tokens; numbers and the order of keys stay as they were written.
///
/// # Errors
/// When it is not JSON.
pub(super) fn compact(text: &str) -> Result<Json, WireError> {
    let json = Json::parse(text.trim())?;
    if !json.get().contains([' ', '\n', '\r', '\t']) {
        return Ok(json);
    }
    let mut out = String::with_capacity(text.len());
    let (mut in_string, mut escaped) = (false, false);
    for c in json.get().chars() {
        if in_string || !matches!(c, ' ' | '\n' | '\r' | '\t') {
            out.push(c);
        }
        if c == '"' && !escaped {
            in_string = !in_string;
        }
        escaped = in_string && c == '\\' && !escaped;
    }
    Json::parse(out)
}

/// The text that a JSON string stands for, as far as it can be told from the beginning of it, and how many bytes that took.
/// An escape sequence that is cut off waits for its rest.
pub(super) fn unescape(json: &str) -> (String, usize) {
    let (mut out, mut at) = (String::with_capacity(json.len()), 0);
    while let Some(rest) = json.get(at..).filter(|rest| !rest.is_empty()) {
        let plain = rest.find('\\').unwrap_or(rest.len());
        out.push_str(rest.get(..plain).unwrap_or_default());
        at += plain;
        let Some(rest) = rest.get(plain..).filter(|rest| !rest.is_empty()) else { break };
        let Some((c, taken)) = escape(rest) else { break };
        out.push(c);
        at += taken;
    }
    (out, at)
}

/// The character at the start of `json`, which is a backslash, and the bytes that it takes.
fn escape(json: &str) -> Option<(char, usize)> {
    let unit = |at: usize| u16::from_str_radix(json.get(at + 2..at + 6)?, 16).ok();
    Some(match json.as_bytes().get(1)? {
        b'n' => ('\n', 2),
        b't' => ('\t', 2),
        b'r' => ('\r', 2),
        b'b' => ('\u{8}', 2),
        b'f' => ('\u{c}', 2),
        b'u' if json.len() < 6 => return None,
        b'u' => {
            let first = unit(0).unwrap_or(0xFFFD);
            if !(0xD800..0xDC00).contains(&first) {
                return Some((char::from_u32(first.into()).unwrap_or(char::REPLACEMENT_CHARACTER), 6));
            }
            // The first half of a character: it waits for the second.
            let rest = json.get(6..)?;
            let goes_on = rest.starts_with("\\u") || "\\u".starts_with(rest);
            match char::decode_utf16([first, unit(6).unwrap_or(0)]).next() {
                _ if goes_on && rest.len() < 6 => return None,
                Some(Ok(c)) if goes_on => (c, 12),
                _ => (char::REPLACEMENT_CHARACTER, 6),
            }
        }
        _ => {
            let c = json.get(1..)?.chars().next()?;
            (c, 1 + c.len_utf8())
        }
    })
}

/// One operation of JSON Patch that adds a value.
pub(super) fn add(path: &str, value: &Json) -> JsonPatch {
    #[derive(serde::Serialize)]
    struct Add<'a> {
        op: &'static str,
        path: &'a str,
        value: &'a Json,
    }
    JsonPatch::try_from(Json::of(&[Add { op: "add", path, value }])).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Path-like names of all values that became complete, after each piece.
    fn complete(pieces: &[&str]) -> Vec<Vec<String>> {
        let mut arguments = Arguments::default();
        let each = pieces.iter().map(|piece| {
            assert!(arguments.push(piece, 10_000));
            let mut found = Vec::new();
            while let Some(one) = arguments.next() {
                if one.what == What::Complete {
                    let keys: Vec<_> = (0..one.depth).map(|level| arguments.key(level).unwrap_or("-")).collect();
                    found.push(format!("{}={}", keys.join("/"), arguments.text(one.range)));
                }
            }
            found
        });
        each.collect()
    }

    #[test]
    fn values_are_found_when_they_are_complete() {
        let found = complete(&[
            "{\"id\":\"a\\\"",
            "b\", \"list\" : [1",
            "2, {\"x\":tr",
            "ue}, \"y\"",
            "], \"deep\":{\"id\":{}}}",
            " and more {\"id\":1}",
        ]);
        let expected: [&[&str]; 6] = [
            &[],
            &["id=\"a\\\"b\""],
            &["list/-=12"],
            &["list/-/x=true", "list/-={\"x\":true}", "list/-=\"y\""],
            &["list=[12, {\"x\":true}, \"y\"]", "deep/id={}", "deep={\"id\":{}}", "={\"id\":{\"list\":1}}"],
            &[],
        ];
        assert_eq!(found[..4], expected[..4].iter().map(|one| one.to_vec()).collect::<Vec<_>>()[..]);
        assert_eq!(found[4][..3], expected[4][..3]);
        assert_eq!((found[4].len(), found[5].len()), (4, 0));
    }

    #[test]
    fn cuts_at_every_byte_find_the_same() {
        let text = "{\"s\":\"a\\\\\",\"n\":-1.5e3,\"o\":{\"k\":[[],{}]},\"t\":null}";
        let whole = complete(&[text]).concat();
        for cut in 0..=text.len() {
            assert_eq!(complete(&[&text[..cut], &text[cut..]]).concat(), whole, "cut at {cut}");
        }
        assert_eq!(whole.len(), 8, "{whole:?}");
    }

    #[test]
    fn what_is_no_object_or_too_much_finds_nothing() {
        assert_eq!(complete(&["[1,2]"]).concat().len(), 0);
        assert_eq!(complete(&["word {\"a\":1}"]).concat().len(), 0);
        let deep = "{\"a\":".repeat(DEPTH + 10);
        assert_eq!(complete(&[&deep]).concat().len(), 0);
        let mut arguments = Arguments::default();
        assert!(arguments.push("{\"a\":", 6));
        assert!(!arguments.push("12}", 6));
    }

    #[test]
    fn strings_are_unescaped_as_far_as_they_go() {
        let text = r#"a\n\"\\\/\u00e9\ud83d\ude00z\uD800x"#;
        let (whole, taken) = unescape(text);
        assert_eq!((whole.as_str(), taken), ("a\n\"\\/\u{e9}\u{1F600}z\u{FFFD}x", text.len()));
        for cut in 0..=text.len() {
            let (first, taken) = unescape(&text[..cut]);
            let (second, _) = unescape(&text[taken..]);
            assert_eq!(format!("{first}{second}"), whole, "cut at {cut}");
        }
    }

    #[test]
    fn compact_json_is_one_line_and_says_the_same() {
        let json = compact(" {\n \"b\" : [1.0 , \" a\\\" \\\\\" ],\t\"a\":null }").unwrap();
        assert_eq!(json.get(), r#"{"b":[1.0," a\" \\"],"a":null}"#);
        assert!(compact("{").is_err());
    }
}
