//! JSON that is opened only as deep as its described members go.

use crate::wire::{Json, WireError, from_slice, to_vec};
use std::collections::HashMap;

/// A value.
#[derive(Debug)]
pub(super) enum Tree {
    Object(Fields),
    List(Vec<Tree>),
    /// Text, number, flag, `null`, or anything that nobody looked into.
    Text(Json),
}

/// The members of an object in order; of two with one name the last counts, in the place of the first, as in
/// JavaScript.
#[derive(Debug, Default)]
pub(super) struct Fields(pub(super) Vec<(String, Tree)>);

impl Tree {
    /// Opens one level.
    pub(super) fn read(json: &[u8]) -> Result<Self, WireError> {
        Ok(Self::open(from_slice(json)?))
    }

    fn open(json: Json) -> Self {
        match json.get().as_bytes().first() {
            Some(b'{') => Self::Object(Fields::of(&json)),
            Some(b'[') => match json.read::<Vec<Json>>() {
                Ok(items) => Self::List(items.into_iter().map(Self::Text).collect()),
                Err(_) => Self::Text(json),
            },
            _ => Self::Text(json),
        }
    }

    /// Opens this value if it was not yet.
    pub(super) fn opened(&mut self) -> &mut Self {
        if let Self::Text(json) = self {
            *self = Self::open(std::mem::take(json));
        }
        self
    }

    pub(super) fn is_null(&self) -> bool {
        matches!(self, Self::Text(json) if json.is_null())
    }

    /// The text of a string.
    pub(super) fn string(&self) -> Option<String> {
        match self {
            Self::Text(json) if json.get().starts_with('"') => json.read().ok(),
            _ => None,
        }
    }

    pub(super) fn of(text: &str) -> Self {
        Self::Text(Json::of(text))
    }

    pub(super) fn into_json(self) -> Json {
        if let Self::Text(json) = self {
            return json;
        }
        let mut out = String::new();
        self.write(&mut out);
        Json::parse(out).unwrap_or_default()
    }

    fn write(&self, out: &mut String) {
        match self {
            Self::Text(json) => out.push_str(json.get()),
            Self::List(items) => {
                out.push('[');
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    item.write(out);
                }
                out.push(']');
            }
            Self::Object(fields) => {
                out.push('{');
                for (index, (key, value)) in fields.0.iter().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    out.push_str(&String::from_utf8_lossy(&to_vec(key)));
                    out.push(':');
                    value.write(out);
                }
                out.push('}');
            }
        }
    }
}

impl Fields {
    fn of(json: &Json) -> Self {
        let Ok(object) = crate::wire::Object::try_from(json.clone()) else { return Self::default() };
        let mut fields: Vec<(String, Tree)> = Vec::new();
        let mut places: HashMap<String, usize> = HashMap::new();
        for (key, value) in object.members() {
            match places.get(&key).and_then(|place| fields.get_mut(*place)) {
                Some(field) => field.1 = Tree::Text(value),
                None => {
                    places.insert(key.clone(), fields.len());
                    fields.push((key, Tree::Text(value)));
                }
            }
        }
        Self(fields)
    }

    pub(super) fn get(&self, key: &str) -> Option<&Tree> {
        self.0.iter().find(|(name, _)| name == key).map(|(_, value)| value)
    }

    pub(super) fn get_mut(&mut self, key: &str) -> Option<&mut Tree> {
        self.0.iter_mut().find(|(name, _)| name == key).map(|(_, value)| value)
    }

    /// The text of a member that is a string.
    pub(super) fn text(&self, key: &str) -> Option<String> {
        self.get(key)?.string()
    }

    pub(super) fn set(&mut self, key: &str, value: Tree) {
        match self.get_mut(key) {
            Some(field) => *field = value,
            None => self.0.push((key.to_owned(), value)),
        }
    }

    pub(super) fn remove(&mut self, key: &str) -> Option<Tree> {
        let place = self.0.iter().position(|(name, _)| name == key)?;
        Some(self.0.remove(place).1)
    }

    /// Removes a member that is `null`.
    pub(super) fn remove_null(&mut self, key: &str) -> bool {
        self.get(key).is_some_and(Tree::is_null) && self.remove(key).is_some()
    }
}
