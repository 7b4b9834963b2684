//! The body of a request, member by member.

use super::Callee;
use crate::profile::Profile;
use copilotkit_protocol::wire::{Json, Object};
use copilotkit_runtime::ModelRequest;
use serde::Serialize;
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// The members of a request in their order.
#[derive(Debug, Default)]
pub(crate) struct Members<'a>(Vec<(Cow<'a, str>, Json)>);

impl<'a> Members<'a> {
    pub(crate) fn put<T: Serialize + ?Sized>(&mut self, key: &'a str, value: &T) {
        self.0.push((Cow::Borrowed(key), Json::of(value)));
    }

    /// Nothing for `None`.
    pub(crate) fn put_some<T: Serialize>(&mut self, key: &'a str, value: Option<T>) {
        if let Some(value) = value {
            self.put(key, &value);
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// As an object of its own.
    pub(crate) fn into_json(self) -> Json {
        Object::from_members(self.0.iter().map(|(key, value)| (&**key, value))).as_json().clone()
    }

    /// The body, with the options of the caller, which win. Of objects in both the members are joined.
    pub(crate) fn into_body(mut self, options: &BTreeMap<String, Value>) -> Vec<u8> {
        for (key, value) in options {
            match self.0.iter_mut().find(|(known, _)| *known == *key) {
                Some((_, known)) => *known = Json::from(merge(known.to_value(), value.clone())),
                None => self.0.push((Cow::Owned(key.clone()), Json::of(value))),
            }
        }
        Object::from_members(self.0.iter().map(|(key, value)| (&**key, value))).get().as_bytes().to_vec()
    }
}

/// The options for this service: an object under a provider's name is for that provider alone, so that a list of models
/// can have options for each.
pub(crate) fn own_options(callee: &Callee<'_>, request: &ModelRequest) -> BTreeMap<String, Value> {
    let mut own = BTreeMap::new();
    let mut named = Map::new();
    for (key, value) in &request.settings.provider_options {
        match (Profile::canonical(key), value) {
            (Some(provider), Value::Object(members)) if provider == callee.provider => named.extend(members.clone()),
            (Some(_), Value::Object(_)) => {}
            _ => {
                own.insert(key.clone(), value.clone());
            }
        }
    }
    own.extend(named);
    own
}

fn merge(base: Value, over: Value) -> Value {
    match (base, over) {
        (Value::Object(mut base), Value::Object(over)) => {
            for (key, value) in over {
                let merged = match base.remove(&key) {
                    Some(known) => merge(known, value),
                    None => value,
                };
                base.insert(key, merged);
            }
            Value::Object(base)
        }
        (_, over) => over,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::Quirks;
    use serde_json::json;

    #[test]
    fn options_win_and_those_under_a_name_are_for_that_provider() {
        let mut members = Members::default();
        members.put("a", &1);
        members.put("o", &json!({ "x": 1, "y": { "z": 1 } }));
        let options = json!({
            "a": 2, "o": { "y": { "w": 2 } }, "openai": { "b": 3 }, "Anthropic": { "c": 4 }, "reasoning": { "effort": "low" },
        });
        let mut request = ModelRequest::default();
        request.settings.provider_options = serde_json::from_value(options).expect("options");
        let callee = Callee { provider: "openai", model: "m", quirks: &Quirks::default() };
        let options = own_options(&callee, &request);
        let body: Value = serde_json::from_slice(&members.into_body(&options)).expect("JSON");
        let expected =
            json!({ "a": 2, "o": { "x": 1, "y": { "z": 1, "w": 2 } }, "reasoning": { "effort": "low" }, "b": 3 });
        assert_eq!(body, expected);
    }
}
