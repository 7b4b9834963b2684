//! Members of a payload, read in place. One of a type that no service documents is read as absent rather than ending the
//! call.

use serde::Deserialize;
use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::borrow::Cow;
use std::fmt;

/// A string; anything else counts as absent, which is the empty string.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Text<'a>(pub(crate) Cow<'a, str>);

impl Text<'_> {
    /// The text, unless it is blank.
    pub(crate) fn filled(&self) -> Option<&str> {
        Some(self.0.trim()).filter(|text| !text.is_empty())
    }
}

/// A count; anything else counts as absent.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Number(pub(crate) Option<u64>);

struct Any;

/// What is kept of any JSON value.
enum Kept<'de> {
    Text(Cow<'de, str>),
    Count(u64),
    Nothing,
}

impl<'de> Visitor<'de> for Any {
    type Value = Kept<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Kept::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Kept::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_u64<E: Error>(self, count: u64) -> Result<Self::Value, E> {
        Ok(Kept::Count(count))
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Self::Value, E> {
        Ok(Kept::Nothing)
    }

    fn visit_f64<E: Error>(self, count: f64) -> Result<Self::Value, E> {
        // Counts that a service computed as floats: 12.0.
        let whole = (0.0..9.0e15).contains(&count) && count.fract() == 0.0;
        Ok(if whole { Kept::Count(count as u64) } else { Kept::Nothing })
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Self::Value, E> {
        Ok(Kept::Nothing)
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(Kept::Nothing)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Kept::Nothing)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Kept::Nothing)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match deserializer.deserialize_any(Any)? {
            Kept::Text(text) => Self(text),
            _ => Self::default(),
        })
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match deserializer.deserialize_any(Any)? {
            Kept::Count(count) => Self(Some(count)),
            _ => Self(None),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_types_are_absent_and_plain_text_is_borrowed() {
        for odd in ["null", "7.5", "-1", "[1,{\"a\":2}]", "{\"a\":[]}", "true"] {
            assert_eq!(serde_json::from_str::<Text<'_>>(odd).expect(odd).filled(), None);
            assert_eq!(serde_json::from_str::<Number>(odd).expect(odd).0, None);
        }
        assert_eq!(serde_json::from_str::<Number>("12.0").expect("count").0, Some(12));
        let text: Text<'_> = serde_json::from_str("\"hi\"").expect("text");
        assert!(matches!(text.0, Cow::Borrowed("hi")));
    }
}
