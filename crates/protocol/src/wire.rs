//! The rules that hold for every object on the wire, stated once.
//!
//! AG-UI section "Wire rules": absent is absent and never `null`; a required member of any type keeps its `null`; a
//! reader never fails on what it does not know. `wire_struct!` and `wire_union!` write the serde code for those
//! rules, so that a type is a list of members and nothing else.
//!
//! * Unknown members are kept in [`Extra`] and written back; [`Wire::tidy`] removes them before emission.
//! * A `null` where a member may only be absent is read as absent, and remembered, so that the bytes which carried it
//!   are not passed on as they came.
//! * An error names the path of what was wrong: `messages[3].toolCalls[0].function.name`.

pub(crate) mod depth;
mod error;
mod json;
pub(crate) mod macros;
#[cfg(feature = "schemars")]
pub(crate) mod schema;
mod shape;

pub use depth::check_depth;
pub use error::WireError;
pub(crate) use error::at;
pub use json::{Json, JsonPatch, Object};
pub(crate) use macros::{read_text, tag_of, wire_struct, wire_union};
pub use shape::{Member, Members, Need, Shape};

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer, ser::SerializeMap};
use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

/// Largest integer that every JSON implementation reads exactly: 2^53 − 1.
pub const MAX_SAFE_INTEGER: i64 = 9_007_199_254_740_991;

/// The deepest nesting of arrays and objects that is read. Opaque JSON is kept as text, but somebody will walk it.
pub const MAX_DEPTH: usize = 128;

/// Something that is read from the wire with the path of an error, and tidied before it is written.
pub trait Wire: Sized {
    /// What a strict reader accepts.
    const SHAPE: &'static Shape = &Shape::Any;

    /// Reads a value; an error carries the path below this value.
    ///
    /// # Errors
    /// When the JSON has another shape than this type.
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error>;

    /// Reads a whole document on a short way, where this type has one. `None` sends it the general way, which also
    /// tells what is wrong with it.
    #[doc(hidden)]
    fn read_document(_text: &str) -> Option<Self> {
        None
    }

    /// Removes whatever the specification does not describe, at every depth. True when the text that this value was
    /// read from must not be passed on unchanged.
    fn tidy(&mut self) -> bool {
        false
    }
}

/// Reads `text` as `T`.
///
/// # Errors
/// Not JSON, or a member that is missing or of another type; the error names its path.
pub fn from_slice<T: Wire>(text: &[u8]) -> Result<T, WireError> {
    check_depth(text, MAX_DEPTH)?;
    if let Some(value) = std::str::from_utf8(text).ok().and_then(T::read_document) {
        return Ok(value);
    }
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    let value = T::read(&mut deserializer).map_err(WireError::from)?;
    deserializer.end().map_err(WireError::from)?;
    Ok(value)
}

/// What follows the string whose opening quote was just read.
pub(crate) fn after_string(mut text: &[u8]) -> &[u8] {
    while let Some(position) = memchr::memchr2(b'"', b'\\', text) {
        let escape = text.get(position) == Some(&b'\\');
        text = text.get(position + 1 + usize::from(escape)..).unwrap_or_default();
        if !escape {
            return text;
        }
    }
    &[]
}

/// Reads `text` as `T`, see [`from_slice`].
///
/// # Errors
/// As [`from_slice`].
pub fn from_str<T: Wire>(text: &str) -> Result<T, WireError> {
    from_slice(text.as_bytes())
}

/// Writes `value` as one line of JSON, as `JSON.stringify` would.
pub fn to_vec<T: Serialize + ?Sized>(value: &T) -> Vec<u8> {
    let mut out = Vec::with_capacity(128);
    // Writing into memory cannot fail, and no type of this crate has a map key that is not a string.
    if serde_json::to_writer(&mut out, value).is_err() {
        out.clear();
    }
    out
}

/// Members that the specification does not name, in the order in which they came.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Extra {
    members: Vec<(String, Json)>,
    nulls: bool,
}

impl Extra {
    /// The unknown members.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Json)> {
        self.members.iter().map(|(key, value)| (key.as_str(), value))
    }

    /// The value of an unknown member.
    pub fn get(&self, key: &str) -> Option<&Json> {
        self.members.iter().rev().find(|(name, _)| name == key).map(|(_, value)| value)
    }

    /// Adds a member; it is removed again by [`Wire::tidy`].
    pub fn insert(&mut self, key: impl Into<String>, value: Json) {
        self.members.push((key.into(), value));
    }

    /// True when nothing unknown was read.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// True when a member that may only be absent was `null`.
    pub fn had_null(&self) -> bool {
        self.nulls
    }

    pub(crate) fn note_null(&mut self) {
        self.nulls = true;
    }

    pub(crate) fn clear(&mut self) -> bool {
        let had = self.nulls || !self.members.is_empty();
        *self = Self::default();
        had
    }

    pub(crate) fn write<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        self.members.iter().try_for_each(|(key, value)| map.serialize_entry(key, value))
    }
}

/// A member's name, borrowed from the input where it holds no escapes.
pub(crate) struct Key<'a>(pub(crate) Cow<'a, str>);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct KeyVisitor;
        impl<'de> Visitor<'de> for KeyVisitor {
            type Value = Key<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }
            fn visit_borrowed_str<E>(self, v: &'de str) -> Result<Self::Value, E> {
                Ok(Key(Cow::Borrowed(v)))
            }
            fn visit_str<E>(self, v: &str) -> Result<Self::Value, E> {
                Ok(Key(Cow::Owned(v.to_owned())))
            }
        }
        deserializer.deserialize_str(KeyVisitor)
    }
}

/// Reads a `T` by [`Wire::read`] where serde wants a seed.
pub(crate) struct Seed<T>(PhantomData<T>);

impl<T> Seed<T> {
    pub(crate) fn new() -> Self {
        Self(PhantomData)
    }
}

impl<'de, T: Wire> DeserializeSeed<'de> for Seed<T> {
    type Value = T;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<T, D::Error> {
        T::read(deserializer)
    }
}

/// Reads the value of an optional member: `null` is absence.
pub(crate) struct OptionSeed<T>(PhantomData<T>);

impl<T> OptionSeed<T> {
    pub(crate) fn new() -> Self {
        Self(PhantomData)
    }
}

impl<'de, T: Wire> DeserializeSeed<'de> for OptionSeed<T> {
    type Value = Option<T>;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<T>, D::Error> {
        struct OptionVisitor<T>(PhantomData<T>);
        impl<'de, T: Wire> Visitor<'de> for OptionVisitor<T> {
            type Value = Option<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value or null")
            }
            fn visit_none<E>(self) -> Result<Self::Value, E> {
                Ok(None)
            }
            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(None)
            }
            fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
                T::read(deserializer).map(Some)
            }
        }
        deserializer.deserialize_option(OptionVisitor(PhantomData))
    }
}

pub(crate) fn next_seed<'de, A: MapAccess<'de>, S: DeserializeSeed<'de>>(
    map: &mut A,
    key: &str,
    seed: S,
) -> Result<S::Value, A::Error> {
    map.next_value_seed(seed).map_err(|error| at(key, error))
}

macro_rules! plain {
    ($($ty:ty = $shape:ident),*) => { $(
        impl Wire for $ty {
            const SHAPE: &'static Shape = &Shape::$shape;
            fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                <$ty as Deserialize>::deserialize(deserializer)
            }
        }
    )* };
}
plain!(String = Text, bool = Bool);

impl Wire for u64 {
    const SHAPE: &'static Shape = &Shape::Integer { min: 0 };
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NumberVisitor;
        impl Visitor<'_> for NumberVisitor {
            type Value = u64;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an integer from 0 to 2^53 - 1")
            }
            fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<u64, E> {
                if number > MAX_SAFE_INTEGER as u64 {
                    return Err(E::custom("the integer is above 2^53 - 1"));
                }
                Ok(number)
            }
            // JSON has one kind of number: 1.0 is the integer 1.
            fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<u64, E> {
                if number.fract() != 0.0 || !(0.0..=MAX_SAFE_INTEGER as f64).contains(&number) {
                    return Err(E::invalid_type(serde::de::Unexpected::Float(number), &self));
                }
                Ok(number as u64)
            }
        }
        deserializer.deserialize_u64(NumberVisitor)
    }
}

impl<T: Wire> Wire for Box<T> {
    const SHAPE: &'static Shape = T::SHAPE;
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::read(deserializer).map(Box::new)
    }
    fn tidy(&mut self) -> bool {
        (**self).tidy()
    }
}

impl<T: Wire> Wire for Option<T> {
    const SHAPE: &'static Shape = T::SHAPE;
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        OptionSeed::new().deserialize(deserializer)
    }
    fn tidy(&mut self) -> bool {
        self.as_mut().is_some_and(Wire::tidy)
    }
}

impl<T: Wire> Wire for Vec<T> {
    const SHAPE: &'static Shape = &Shape::List(T::SHAPE);
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ListVisitor<T>(PhantomData<T>);
        impl<'de, T: Wire> Visitor<'de> for ListVisitor<T> {
            type Value = Vec<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Vec<T>, A::Error> {
                let mut items = Vec::new();
                loop {
                    match seq.next_element_seed(Seed::<T>::new()) {
                        Ok(Some(item)) => items.push(item),
                        Ok(None) => return Ok(items),
                        Err(error) => return Err(at(&format!("[{}]", items.len()), error)),
                    }
                }
            }
        }
        deserializer.deserialize_seq(ListVisitor(PhantomData))
    }
    fn tidy(&mut self) -> bool {
        self.iter_mut().fold(false, |changed, item| item.tidy() | changed)
    }
}

/// `timestamp`: an integer without a stated unit, milliseconds since the Unix epoch by habit.
///
/// AG-UI 1.0 refuses fractions, older producers send them: they are read, and written as integers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(pub i64);

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(self.0)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = f64::deserialize(deserializer)?;
        if number.abs() > MAX_SAFE_INTEGER as f64 {
            return Err(D::Error::custom("the integer is outside of ±(2^53 - 1)"));
        }
        Ok(Self(number as i64))
    }
}

impl Wire for Timestamp {
    const SHAPE: &'static Shape = &Shape::Integer { min: -MAX_SAFE_INTEGER };
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::deserialize(deserializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Event, RunAgentInput, StateSnapshot};

    #[test]
    fn errors_name_the_path() {
        let body = r#"{"threadId":"t","runId":"r","messages":[{"id":"a","role":"assistant","toolCalls":[{"id":"c","type":"function","function":{"arguments":"{}"}}]}]}"#;
        let error = from_str::<RunAgentInput>(body).unwrap_err();
        assert_eq!(error.to_string(), "messages[0].toolCalls[0].function.name: this member is required");
        let cases = [
            (r#"{"runId":"r","messages":[]}"#, "threadId: this member is required"),
            (r#"{"threadId":5,"runId":"r","messages":[]}"#, "threadId: invalid type: integer `5`, expected a string"),
            (
                r#"{"threadId":"t","runId":"r","messages":[{"id":"1","role":"user","content":[{"type":"image"}]}]}"#,
                "messages[0].content[0].source: this member is required",
            ),
            (
                r#"{"threadId":"t","runId":"r","messages":[{"id":"1","role":"assistant","content":null}]}"#,
                "messages[0].content: invalid type: null, expected a string",
            ),
            (
                r#"{"threadId":"t","runId":"r","messages":[],"resume":[{"interruptId":"i","status":"maybe"}]}"#,
                "resume[0].status: unknown value `maybe`, expected `resolved` or `cancelled`",
            ),
        ];
        for (body, expected) in cases {
            assert_eq!(from_str::<RunAgentInput>(body).unwrap_err().to_string(), expected, "{body}");
        }
        let error = from_str::<RunAgentInput>("{oops").unwrap_err();
        assert!(error.syntax && error.message.starts_with("not valid JSON"), "{error}");
    }

    #[test]
    fn absent_is_absent_and_null_of_a_required_member_stays() {
        let text = r#"{"type":"STATE_SNAPSHOT","snapshot":null}"#;
        let event: Event = from_str(text).unwrap();
        assert_eq!(event, StateSnapshot::default().into());
        assert_eq!(event.to_json(), text.as_bytes());
        let mut event: Event = from_str(r#"{"type":"RUN_ERROR","message":"m","code":null,"x":{"y":[null]}}"#).unwrap();
        assert_eq!(event.to_json(), br#"{"type":"RUN_ERROR","message":"m","x":{"y":[null]}}"#);
        assert!(event.tidy());
        assert_eq!(event.to_json(), br#"{"type":"RUN_ERROR","message":"m"}"#);
    }

    #[test]
    fn depth_is_bounded_and_brackets_in_texts_do_not_count() {
        let nested = |depth: usize| {
            format!(r#"{{"type":"STATE_SNAPSHOT","snapshot":{}1{}}}"#, "[".repeat(depth), "]".repeat(depth))
        };
        assert!(from_str::<Event>(&nested(MAX_DEPTH - 1)).is_ok());
        let error = from_str::<Event>(&nested(MAX_DEPTH)).unwrap_err();
        assert_eq!(error.to_string(), "snapshot[0][0][0]…: nested deeper than 128 levels");
        let text = format!(r#"{{"type":"STATE_SNAPSHOT","snapshot":"{}\\\""}}"#, "[".repeat(500));
        assert!(from_str::<Event>(&text).is_ok());
    }
}
