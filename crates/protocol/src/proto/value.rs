//! JSON text to the bytes of `google.protobuf.Value` and back, without a tree in between.
//!
//! A number is a double there: integers beyond 2^53 lose their last digits, `1.0` comes back as `1`.

use super::ProtoError;
use super::wire::{Struct, Value};
use crate::patch::MAX_DEPTH;
use crate::wire::{Json, MAX_SAFE_INTEGER, Object};
use prost::DecodeError;
use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, encode_varint, skip_field};
use std::collections::HashMap;

/// Arms of Value.
const NULL: u8 = 1 << 3;
const NUMBER: u8 = 2 << 3 | 1;
const STRING: u8 = 3 << 3 | 2;
const BOOL: u8 = 4 << 3;
const STRUCT: u8 = 5 << 3 | 2;
const LIST: u8 = 6 << 3 | 2;
/// Field 1 and 2 of what holds others: entries, elements; key and value of an entry.
const FIRST: u8 = 1 << 3 | 2;
const SECOND: u8 = 2 << 3 | 2;

/// The bytes of a value.
pub(super) fn value(json: &Json) -> Value {
    let mut writer = Writer { text: json.get(), out: Vec::with_capacity(json.get().len() + 8) };
    writer.value(0);
    Value(writer.out)
}

/// The bytes of an object.
pub(super) fn object(object: &Object) -> Struct {
    let mut writer = Writer { text: object.get(), out: Vec::with_capacity(object.get().len() + 8) };
    writer.members(0);
    Struct(writer.out)
}

/// Walks text that is known to be JSON.
struct Writer<'a> {
    text: &'a str,
    out: Vec<u8>,
}

impl Writer<'_> {
    fn peek(&mut self) -> u8 {
        self.text = self.text.trim_ascii_start();
        self.text.as_bytes().first().copied().unwrap_or_default()
    }

    fn skip(&mut self, bytes: usize) {
        self.text = self.text.get(bytes..).unwrap_or_default();
    }

    /// What is nested deeper than anything that is read from the wire becomes null.
    fn value(&mut self, depth: usize) {
        match self.peek() {
            b'{' | b'[' if depth > crate::wire::MAX_DEPTH => {
                self.skip_nested();
                self.out.extend_from_slice(&[NULL, 0]);
            }
            b'{' => {
                self.out.push(STRUCT);
                self.sized(|writer| writer.members(depth + 1));
            }
            b'[' => {
                self.out.push(LIST);
                self.sized(|writer| writer.elements(depth + 1));
            }
            b'"' => {
                self.out.push(STRING);
                self.string();
            }
            b't' => {
                self.skip(4);
                self.out.extend_from_slice(&[BOOL, 1]);
            }
            b'f' => {
                self.skip(5);
                self.out.extend_from_slice(&[BOOL, 0]);
            }
            b'n' => {
                self.skip(4);
                self.out.extend_from_slice(&[NULL, 0]);
            }
            _ => {
                let end = self.text.find(|c: char| !matches!(c, '0'..='9' | '-' | '+' | '.' | 'e' | 'E'));
                let end = end.unwrap_or(self.text.len()).max(1);
                let number: f64 = self.text.get(..end).and_then(|text| text.parse().ok()).unwrap_or_default();
                self.skip(end);
                self.out.push(NUMBER);
                self.out.extend_from_slice(&number.to_le_bytes());
            }
        }
    }

    fn members(&mut self, depth: usize) {
        self.skip_opening();
        while !matches!(self.peek(), b'}' | 0) {
            self.out.push(FIRST);
            self.sized(|writer| {
                // An empty key is the default, which is not written.
                writer.peek();
                if writer.text.starts_with("\"\"") {
                    writer.skip(2);
                } else {
                    writer.out.push(FIRST);
                    writer.string();
                }
                writer.peek();
                writer.skip(1);
                writer.out.push(SECOND);
                writer.sized(|writer| writer.value(depth));
            });
            self.comma();
        }
        self.skip(1);
    }

    fn elements(&mut self, depth: usize) {
        self.skip_opening();
        while !matches!(self.peek(), b']' | 0) {
            self.out.push(FIRST);
            self.sized(|writer| writer.value(depth));
            self.comma();
        }
        self.skip(1);
    }

    fn skip_opening(&mut self) {
        self.peek();
        self.skip(1);
    }

    fn comma(&mut self) {
        if self.peek() == b',' {
            self.skip(1);
        }
    }

    /// The length of the string and the string.
    fn string(&mut self) {
        self.peek();
        let rest = self.text.as_bytes().get(1..).unwrap_or_default();
        let end = 1 + rest.len() - crate::wire::after_string(rest).len();
        let quoted = self.text.get(..end).unwrap_or_default();
        let plain = quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default();
        if memchr::memchr(b'\\', plain.as_bytes()).is_none() {
            encode_varint(plain.len() as u64, &mut self.out);
            self.out.extend_from_slice(plain.as_bytes());
        } else {
            let text: String = serde_json::from_str(quoted).unwrap_or_default();
            encode_varint(text.len() as u64, &mut self.out);
            self.out.extend_from_slice(text.as_bytes());
        }
        self.skip(end);
    }

    fn skip_nested(&mut self) {
        let mut depth = 0_usize;
        loop {
            match self.peek() {
                b'{' | b'[' => depth += 1,
                b'}' | b']' => depth = depth.saturating_sub(1),
                b'"' => {
                    let rest = crate::wire::after_string(self.text.as_bytes().get(1..).unwrap_or_default()).len();
                    self.skip(self.text.len() - rest - 1);
                }
                0 => return,
                _ => {}
            }
            let width = self.text.chars().next().map_or(1, char::len_utf8);
            self.skip(width);
            if depth == 0 {
                return;
            }
        }
    }

    /// What `body` writes, with its length in front.
    fn sized(&mut self, body: impl FnOnce(&mut Self)) {
        let at = self.out.len();
        self.out.push(0);
        body(self);
        let len = self.out.len() - at - 1;
        if let (Ok(short @ ..0x80), Some(first)) = (u8::try_from(len), self.out.get_mut(at)) {
            *first = short;
        } else {
            let mut prefix = Vec::with_capacity(10);
            encode_varint(len as u64, &mut prefix);
            self.out.splice(at..=at, prefix);
        }
    }
}

/// The JSON of a value; `None` when it holds no arm that this version knows.
///
/// # Errors
/// Bytes that are no Value, a number that JSON cannot say, too deep nesting.
pub(super) fn json(value: &Value) -> Result<Option<Json>, ProtoError> {
    let mut out = String::with_capacity(value.0.len() + 8);
    Ok(if read_value(&value.0, &mut out, 0)? { Some(Json::parse(out)?) } else { None })
}

/// The JSON of a struct.
///
/// # Errors
/// As [`json`].
pub(super) fn json_object(value: &Struct) -> Result<Object, ProtoError> {
    let mut out = String::with_capacity(value.0.len() + 8);
    read_struct(&value.0, &mut out, 0)?;
    Object::try_from(Json::parse(out)?).map_err(|_| ProtoError::invalid("expected an object"))
}

/// One field of a message.
enum Field<'a> {
    Varint(u64),
    Fixed(u64),
    Bytes(&'a [u8]),
    Other,
}

fn next_field<'a>(bytes: &mut &'a [u8]) -> Result<Option<(u32, Field<'a>)>, DecodeError> {
    if bytes.is_empty() {
        return Ok(None);
    }
    let (tag, wire_type) = decode_key(bytes)?;
    let field = match wire_type {
        WireType::Varint => Field::Varint(decode_varint(bytes)?),
        WireType::LengthDelimited => {
            let before = *bytes;
            let mut rest = before;
            let length = usize::try_from(decode_varint(&mut rest)?).unwrap_or(usize::MAX);
            skip_field(wire_type, tag, bytes, DecodeContext::default())?;
            Field::Bytes(rest.get(..length).unwrap_or_default())
        }
        WireType::SixtyFourBit => {
            let word = bytes.first_chunk::<8>().map(|word| u64::from_le_bytes(*word));
            skip_field(wire_type, tag, bytes, DecodeContext::default())?;
            Field::Fixed(word.unwrap_or_default())
        }
        _ => {
            skip_field(wire_type, tag, bytes, DecodeContext::default())?;
            Field::Other
        }
    };
    Ok(Some((tag, field)))
}

enum Kind<'a> {
    Null,
    Number(f64),
    Text(&'a [u8]),
    Bool(bool),
    Struct(Vec<&'a [u8]>),
    List(Vec<&'a [u8]>),
}

/// False when there was nothing to write.
fn read_value(mut bytes: &[u8], out: &mut String, depth: usize) -> Result<bool, ProtoError> {
    let mut kind = None;
    // The last arm counts; two structs, or two lists, in a row are one.
    while let Some((tag, field)) = next_field(&mut bytes)? {
        kind = match (tag, field) {
            (1, Field::Varint(_)) => Some(Kind::Null),
            (2, Field::Fixed(bits)) => Some(Kind::Number(f64::from_bits(bits))),
            (3, Field::Bytes(text)) => Some(Kind::Text(text)),
            (4, Field::Varint(flag)) => Some(Kind::Bool(flag != 0)),
            (5, Field::Bytes(more)) => match kind {
                Some(Kind::Struct(mut pieces)) => {
                    pieces.push(more);
                    Some(Kind::Struct(pieces))
                }
                _ => Some(Kind::Struct(vec![more])),
            },
            (6, Field::Bytes(more)) => match kind {
                Some(Kind::List(mut pieces)) => {
                    pieces.push(more);
                    Some(Kind::List(pieces))
                }
                _ => Some(Kind::List(vec![more])),
            },
            _ => kind,
        };
    }
    match kind {
        None => return Ok(false),
        Some(Kind::Null) => out.push_str("null"),
        Some(Kind::Bool(flag)) => out.push_str(if flag { "true" } else { "false" }),
        Some(Kind::Text(text)) => write_string(text, out)?,
        Some(Kind::Number(number)) => write_number(number, out)?,
        Some(Kind::Struct(pieces)) => read_struct(&joined(&pieces), out, depth)?,
        Some(Kind::List(pieces)) => read_list(&joined(&pieces), out, depth)?,
    }
    Ok(true)
}

fn joined<'a>(pieces: &[&'a [u8]]) -> std::borrow::Cow<'a, [u8]> {
    match pieces {
        [one] => (*one).into(),
        many => many.concat().into(),
    }
}

fn deeper(depth: usize) -> Result<usize, ProtoError> {
    // As deep as a patch may build: the event around it must stay readable as JSON.
    if depth >= MAX_DEPTH {
        return Err(ProtoError::invalid(format!("nested deeper than {MAX_DEPTH} levels")));
    }
    Ok(depth + 1)
}

fn read_struct(mut bytes: &[u8], out: &mut String, depth: usize) -> Result<(), ProtoError> {
    let depth = deeper(depth)?;
    let mut members: Vec<(&[u8], Vec<&[u8]>)> = Vec::new();
    let mut places: HashMap<&[u8], usize> = HashMap::new();
    while let Some((tag, field)) = next_field(&mut bytes)? {
        let (1, Field::Bytes(mut entry)) = (tag, field) else { continue };
        let (mut key, mut value): (&[u8], _) = (&[], Vec::new());
        while let Some((tag, field)) = next_field(&mut entry)? {
            match (tag, field) {
                (1, Field::Bytes(text)) => key = text,
                (2, Field::Bytes(more)) => value.push(more),
                _ => {}
            }
        }
        // Of entries with one key, the last counts.
        let at = *places.entry(key).or_insert(members.len());
        match members.get_mut(at) {
            Some(member) => member.1 = value,
            None => members.push((key, value)),
        }
    }
    out.push('{');
    let opening = out.len();
    for (key, value) in members {
        let before = out.len();
        if before > opening {
            out.push(',');
        }
        write_string(key, out)?;
        out.push(':');
        if !read_value(&joined(&value), out, depth)? {
            out.truncate(before);
        }
    }
    out.push('}');
    Ok(())
}

fn read_list(mut bytes: &[u8], out: &mut String, depth: usize) -> Result<(), ProtoError> {
    let depth = deeper(depth)?;
    out.push('[');
    let opening = out.len();
    while let Some((tag, field)) = next_field(&mut bytes)? {
        let (1, Field::Bytes(element)) = (tag, field) else { continue };
        if out.len() > opening {
            out.push(',');
        }
        if !read_value(element, out, depth)? {
            out.push_str("null");
        }
    }
    out.push(']');
    Ok(())
}

fn write_string(text: &[u8], out: &mut String) -> Result<(), ProtoError> {
    let text = std::str::from_utf8(text).map_err(|_| ProtoError::invalid("a string is not UTF-8"))?;
    out.push_str(&serde_json::to_string(text).unwrap_or_default());
    Ok(())
}

fn write_number(number: f64, out: &mut String) -> Result<(), ProtoError> {
    use std::fmt::Write as _;
    let whole = number.fract() == 0.0 && number.abs() <= MAX_SAFE_INTEGER as f64;
    let written = if !number.is_finite() {
        return Err(ProtoError::invalid("a number is not finite"));
    } else if whole {
        write!(out, "{}", number as i64)
    } else {
        out.push_str(&serde_json::to_string(&number).unwrap_or_default());
        Ok(())
    };
    written.map_err(|_| ProtoError::invalid("a number cannot be written"))
}
