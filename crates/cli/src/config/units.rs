//! Durations and sizes as people write them.

use serde::de::{Deserialize, Deserializer, Visitor};
use std::fmt;
use std::time::Duration;

/// A duration: `"500ms"`, `"30s"`, `"5m"`, `"1h"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span(pub Duration);

/// As people write it.
#[cfg(feature = "schema")]
impl serde::Serialize for Span {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&humantime::format_duration(self.0))
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Span {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Duration".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "description": "A duration: `\"500ms\"`, `\"30s\"`, `\"5m\"`, `\"1h\"`, or several of them, like `\"1m 30s\"`.",
            "examples": ["500ms", "30s", "5m", "1h"],
        })
    }
}

/// As people write it: in the largest unit that leaves a whole number.
#[cfg(feature = "schema")]
impl serde::Serialize for Size {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let units = [(30, "GiB"), (20, "MiB"), (10, "KiB")];
        match units.into_iter().find(|(shift, _)| self.0 != 0 && self.0.trailing_zeros() >= *shift) {
            Some((shift, unit)) => serializer.collect_str(&format_args!("{}{unit}", self.0 >> shift)),
            None => serializer.serialize_u64(self.0 as u64),
        }
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Size {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Size".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": ["string", "integer"],
            "minimum": 0,
            "description": "A size: `\"512KiB\"`, `\"32MiB\"`, `\"1GiB\"`, or a number of bytes.",
            "examples": ["512KiB", "32MiB", "1GiB"],
        })
    }
}

/// A size: `"512KiB"`, `"32MiB"`, `"1GiB"`, or a number of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size(pub usize);

/// A duration as people write it.
///
/// # Errors
/// What is wrong with it, and how to write it.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let text = text.trim();
    match text.parse::<f64>() {
        Ok(0.0) => Ok(Duration::ZERO),
        Ok(number) if number > 0.0 => {
            Err(format!("`{text}` has no unit, write it like \"{text}s\", \"{text}m\" or \"{text}days\""))
        }
        _ => humantime::parse_duration(text)
            .map_err(|_| format!("`{text}` is not a duration, write it like \"30s\", \"5m\" or \"90days\"")),
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct SpanVisitor;
        impl Visitor<'_> for SpanVisitor {
            type Value = Span;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a duration like \"30s\" or \"5m\"")
            }
            fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<Span, E> {
                self.visit_str(&number.to_string())
            }
            fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<Span, E> {
                self.visit_str(&number.to_string())
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Span, E> {
                duration(text).map(Span).map_err(E::custom)
            }
        }
        deserializer.deserialize_any(SpanVisitor)
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct SizeVisitor;
        impl Visitor<'_> for SizeVisitor {
            type Value = Size;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a size like \"32MiB\" or a number of bytes")
            }
            fn visit_i64<E: serde::de::Error>(self, bytes: i64) -> Result<Size, E> {
                usize::try_from(bytes)
                    .map(Size)
                    .map_err(|_| E::custom("a size is not negative, write it like \"32MiB\""))
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Size, E> {
                let size = text.parse::<bytesize::ByteSize>().ok().and_then(|size| usize::try_from(size.0).ok());
                size.map(Size).ok_or_else(|| E::custom(format!("`{text}` is not a size, write it like \"32MiB\"")))
            }
        }
        deserializer.deserialize_any(SizeVisitor)
    }
}
