//! Members one by one, in both directions: what a type of this crate is as a field of `proto/ag_ui.proto`.

use super::ProtoError;
use super::value;
use super::wire::{Struct, Value};
use crate::event::{EncryptedValueSubtype, ReasoningRole, TextRole, ToolRole};
use crate::input::ResumeStatus;
use crate::wire::{Json, MAX_SAFE_INTEGER, Object, Timestamp, Wire};
use serde::Serialize;
use serde::de::IntoDeserializer;
use serde::de::value::{Error, StrDeserializer};

/// A member of an event and its field.
pub(super) trait Proto<P>: Sized {
    fn to_field(&self) -> P;
    fn from_field(field: P) -> Result<Self, ProtoError>;
}

/// A struct whose members are fields of the same names.
macro_rules! pair {
    ($ours:ident = $theirs:ident { $($field:ident $key:literal),* $(,)? }) => {
        impl Proto<w::$theirs> for $ours {
            fn to_field(&self) -> w::$theirs {
                w::$theirs { $($field: self.$field.to_field(),)* }
            }
            fn from_field(field: w::$theirs) -> Result<Self, ProtoError> {
                Ok(Self {
                    $($field: Proto::from_field(field.$field).map_err(|error: ProtoError| error.at($key))?,)*
                    extra: Extra::default(),
                })
            }
        }
    };
}
pub(super) use pair;

pub(super) fn required() -> ProtoError {
    ProtoError::invalid("this member is required")
}

macro_rules! same {
    ($($ty:ty),*) => { $(
        impl Proto<$ty> for $ty {
            fn to_field(&self) -> $ty {
                self.clone()
            }
            fn from_field(field: $ty) -> Result<Self, ProtoError> {
                Ok(field)
            }
        }
    )* };
}
same!(String, Option<String>, Option<bool>);

/// Enums of words.
fn word<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_default().trim_matches('"').to_owned()
}

fn read_word<T: Wire>(text: &str) -> Result<T, ProtoError> {
    let words: StrDeserializer<'_, Error> = text.into_deserializer();
    T::read(words).map_err(|error| ProtoError::invalid(error.to_string()))
}

macro_rules! words {
    ($($ty:ty),*) => { $(
        impl Proto<String> for $ty {
            fn to_field(&self) -> String {
                word(self)
            }
            fn from_field(field: String) -> Result<Self, ProtoError> {
                read_word(&field)
            }
        }

        impl Proto<Option<String>> for Option<$ty> {
            fn to_field(&self) -> Option<String> {
                self.as_ref().map(word)
            }
            fn from_field(field: Option<String>) -> Result<Self, ProtoError> {
                field.as_deref().map(read_word).transpose()
            }
        }
    )* };
}
words!(TextRole, ToolRole, ReasoningRole, EncryptedValueSubtype, ResumeStatus);

impl Proto<Option<String>> for String {
    fn to_field(&self) -> Option<String> {
        Some(self.clone())
    }
    fn from_field(field: Option<String>) -> Result<Self, ProtoError> {
        field.ok_or_else(required)
    }
}

impl Proto<Option<i64>> for Option<Timestamp> {
    fn to_field(&self) -> Option<i64> {
        self.map(|timestamp| timestamp.0)
    }
    fn from_field(field: Option<i64>) -> Result<Self, ProtoError> {
        match field {
            Some(number) if number.unsigned_abs() > MAX_SAFE_INTEGER as u64 => {
                Err(ProtoError::invalid("the integer is outside of ±(2^53 - 1)"))
            }
            other => Ok(other.map(Timestamp)),
        }
    }
}

impl Proto<Option<i64>> for Option<u64> {
    fn to_field(&self) -> Option<i64> {
        self.map(|number| i64::try_from(number).unwrap_or(i64::MAX))
    }
    fn from_field(field: Option<i64>) -> Result<Self, ProtoError> {
        match field {
            Some(number) if !(0..=MAX_SAFE_INTEGER).contains(&number) => {
                Err(ProtoError::invalid("the integer is outside of 0 to 2^53 - 1"))
            }
            other => Ok(other.map(i64::unsigned_abs)),
        }
    }
}

impl Proto<Option<Value>> for Json {
    fn to_field(&self) -> Option<Value> {
        Some(value::value(self))
    }
    fn from_field(field: Option<Value>) -> Result<Self, ProtoError> {
        field.map(|field| value::json(&field)).transpose()?.flatten().ok_or_else(required)
    }
}

impl Proto<Option<Value>> for Option<Json> {
    fn to_field(&self) -> Option<Value> {
        self.as_ref().map(value::value)
    }
    /// Null is absence, as in JSON.
    fn from_field(field: Option<Value>) -> Result<Self, ProtoError> {
        let json = field.map(|field| value::json(&field)).transpose()?.flatten();
        Ok(json.filter(|json| !json.is_null()))
    }
}

impl Proto<Option<Value>> for Option<Object> {
    fn to_field(&self) -> Option<Value> {
        self.as_ref().map(|object| value::value(object.as_json()))
    }
    fn from_field(field: Option<Value>) -> Result<Self, ProtoError> {
        let json = <Option<Json> as Proto<_>>::from_field(field)?;
        json.map(Object::try_from).transpose().map_err(|_| ProtoError::invalid("expected an object"))
    }
}

impl Proto<Option<Struct>> for Object {
    fn to_field(&self) -> Option<Struct> {
        Some(value::object(self))
    }
    fn from_field(field: Option<Struct>) -> Result<Self, ProtoError> {
        field.map(|field| value::json_object(&field)).transpose()?.ok_or_else(required)
    }
}

impl Proto<Option<Struct>> for Option<Object> {
    fn to_field(&self) -> Option<Struct> {
        self.as_ref().map(value::object)
    }
    fn from_field(field: Option<Struct>) -> Result<Self, ProtoError> {
        field.map(|field| value::json_object(&field)).transpose()
    }
}

impl<T: Proto<P>, P> Proto<Vec<P>> for Vec<T> {
    fn to_field(&self) -> Vec<P> {
        self.iter().map(Proto::to_field).collect()
    }
    fn from_field(field: Vec<P>) -> Result<Self, ProtoError> {
        let read = |(index, item)| T::from_field(item).map_err(|error| error.at(&format!("[{index}]")));
        field.into_iter().enumerate().map(read).collect()
    }
}

impl<T: Proto<P>, P> Proto<Vec<P>> for Option<Vec<T>> {
    fn to_field(&self) -> Vec<P> {
        self.as_ref().map(Proto::to_field).unwrap_or_default()
    }
    fn from_field(field: Vec<P>) -> Result<Self, ProtoError> {
        if field.is_empty() { Ok(None) } else { Vec::from_field(field).map(Some) }
    }
}
