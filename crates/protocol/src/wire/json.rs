//! JSON that nobody here needs to understand travels as the text that it came as.

use super::{Shape, Wire, to_vec};
use serde::de::{Deserializer, Error as _};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;
use serde_json::value::RawValue;
use std::fmt;

/// Any JSON value, kept as its text: numbers, key order and white space inside are what they were.
#[derive(Clone)]
pub struct Json(Box<RawValue>);

impl Json {
    /// The text.
    pub fn get(&self) -> &str {
        self.0.get()
    }

    /// The text of `value`.
    pub fn of<T: Serialize + ?Sized>(value: &T) -> Self {
        serde_json::value::to_raw_value(value).map_or_else(|_| Self::default(), Self)
    }

    /// Checks that `text` is JSON and keeps it.
    ///
    /// # Errors
    /// When it is not.
    pub fn parse(text: impl Into<String>) -> Result<Self, super::WireError> {
        Ok(Self(RawValue::from_string(text.into())?))
    }

    /// As a tree of values. Depth is bounded by the check made when the text was read.
    pub fn to_value(&self) -> Value {
        serde_json::from_str(self.get()).unwrap_or(Value::Null)
    }

    /// Reads it as another type.
    ///
    /// # Errors
    /// When the value has another shape.
    pub fn read<T: serde::de::DeserializeOwned>(&self) -> Result<T, super::WireError> {
        Ok(serde_json::from_str(self.get())?)
    }

    /// True for `null`.
    pub fn is_null(&self) -> bool {
        self.get() == "null"
    }

    /// True for an object.
    pub fn is_object(&self) -> bool {
        self.get().starts_with('{')
    }
}

impl Default for Json {
    fn default() -> Self {
        Self(RawValue::NULL.to_owned())
    }
}

impl From<Value> for Json {
    fn from(value: Value) -> Self {
        Self::of(&value)
    }
}

impl PartialEq for Json {
    /// Equal as texts: `1.0` and `1` differ.
    fn eq(&self, other: &Self) -> bool {
        self.get() == other.get()
    }
}

impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.get())
    }
}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Box::<RawValue>::deserialize(deserializer).map(Self)
    }
}

impl Wire for Json {
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::deserialize(deserializer)
    }
}

/// A JSON object whose members nobody here needs to understand: metadata, activity content, schemas.
#[derive(Clone, PartialEq)]
pub struct Object(Json);

impl Object {
    /// The text.
    pub fn get(&self) -> &str {
        self.0.get()
    }

    /// As opaque JSON.
    pub fn as_json(&self) -> &Json {
        &self.0
    }

    /// Its members in order.
    pub fn members(&self) -> Vec<(String, Json)> {
        struct Members(Vec<(String, Json)>);
        impl<'de> Deserialize<'de> for Members {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct V;
                impl<'de> serde::de::Visitor<'de> for V {
                    type Value = Members;
                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str("an object")
                    }
                    fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                        let mut members = Vec::new();
                        while let Some(member) = map.next_entry::<String, Json>()? {
                            members.push(member);
                        }
                        Ok(Members(members))
                    }
                }
                deserializer.deserialize_map(V)
            }
        }
        serde_json::from_str::<Members>(self.get()).map_or_else(|_| Vec::new(), |members| members.0)
    }

    /// An object of these members.
    pub fn from_members<'a>(members: impl IntoIterator<Item = (&'a str, &'a Json)>) -> Self {
        let mut text = String::from("{");
        for (key, value) in members {
            if text.len() > 1 {
                text.push(',');
            }
            text.push_str(&String::from_utf8_lossy(&to_vec(key)));
            text.push(':');
            text.push_str(value.get());
        }
        text.push('}');
        Json::parse(text).map_or_else(|_| Self::default(), Self)
    }

    /// Shallow merge as AG-UI merges metadata: member by member, the later one wins.
    pub fn merge(&mut self, later: &Self) {
        let mut members = self.members();
        for (key, value) in later.members() {
            match members.iter_mut().find(|(name, _)| *name == key) {
                Some(member) => member.1 = value,
                None => members.push((key, value)),
            }
        }
        *self = Self::from_members(members.iter().map(|(key, value)| (key.as_str(), value)));
    }
}

impl Default for Object {
    fn default() -> Self {
        Self(Json::of(&serde_json::Map::new()))
    }
}

impl TryFrom<Json> for Object {
    type Error = Json;
    fn try_from(json: Json) -> Result<Self, Json> {
        if json.is_object() { Ok(Self(json)) } else { Err(json) }
    }
}

impl fmt::Debug for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.get())
    }
}

impl Serialize for Object {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::try_from(Json::deserialize(deserializer)?).map_err(|_| D::Error::custom("expected an object"))
    }
}

impl Wire for Object {
    const SHAPE: &'static Shape = &Shape::Open;
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::deserialize(deserializer)
    }
}

/// A JSON Patch (RFC 6902): an array of operations. It is checked when it is applied, see [`crate::patch`].
#[derive(Clone, PartialEq)]
pub struct JsonPatch(Json);

impl JsonPatch {
    /// The text.
    pub fn get(&self) -> &str {
        self.0.get()
    }

    /// As opaque JSON.
    pub fn as_json(&self) -> &Json {
        &self.0
    }
}

impl Default for JsonPatch {
    fn default() -> Self {
        Self(Json::of::<[u8]>(&[]))
    }
}

impl TryFrom<Json> for JsonPatch {
    type Error = Json;
    fn try_from(json: Json) -> Result<Self, Json> {
        if json.get().starts_with('[') { Ok(Self(json)) } else { Err(json) }
    }
}

impl fmt::Debug for JsonPatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.get())
    }
}

impl Serialize for JsonPatch {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for JsonPatch {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::try_from(Json::deserialize(deserializer)?)
            .map_err(|_| D::Error::custom("expected an array of operations"))
    }
}

impl Wire for JsonPatch {
    const SHAPE: &'static Shape = &super::shape::PATCH;
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::deserialize(deserializer)
    }
}
