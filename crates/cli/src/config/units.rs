//! Durations and sizes as people write them.

use serde::de::{Deserialize, Deserializer, Error as _, Visitor};
use std::fmt;
use std::time::Duration;

/// A duration: `"500ms"`, `"30s"`, `"5m"`, `"1h"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span(pub Duration);

/// A size: `"512KiB"`, `"32MiB"`, `"1GiB"`, or a number of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size(pub usize);

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        humantime::parse_duration(&text)
            .map(Self)
            .map_err(|_| D::Error::custom(format!("`{text}` is not a duration, write it like \"30s\" or \"5m\"")))
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
                usize::try_from(bytes).map(Size).map_err(|_| E::custom("a size is not negative"))
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Size, E> {
                let size = text.parse::<bytesize::ByteSize>().ok().and_then(|size| usize::try_from(size.0).ok());
                size.map(Size).ok_or_else(|| E::custom(format!("`{text}` is not a size, write it like \"32MiB\"")))
            }
        }
        deserializer.deserialize_any(SizeVisitor)
    }
}
