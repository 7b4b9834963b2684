//! Questions that a run ended with, and their answers as AG-UI's `resume`.

use super::lines::yes_or_no;
use copilotkit_protocol::{Interrupt, Json, ResumeEntry, ResumeStatus};
use serde_json::{Value, json};

/// What kind of answer a question wants.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Wanted {
    /// Yes or no, as this member of an object, or alone.
    YesNo(Option<String>),
    /// One of these.
    OneOf(Vec<Value>),
    /// A number.
    Number,
    /// Words, as this member of an object, or alone.
    Words(Option<String>),
    /// An object with these members.
    Json(Vec<String>),
}

impl Wanted {
    /// What the schema of a question asks for.
    pub(crate) fn of(interrupt: &Interrupt) -> Self {
        let Some(schema) = &interrupt.response_schema else { return Self::Words(None) };
        let schema = schema.as_json().to_value();
        match Self::of_schema(&schema, None) {
            Some(wanted) => wanted,
            None => Self::of_object(&schema),
        }
    }

    fn of_schema(schema: &Value, member: Option<&str>) -> Option<Self> {
        let member = member.map(str::to_owned);
        if let (Some(values), None) = (schema["enum"].as_array(), &member) {
            return Some(Self::OneOf(values.clone()));
        }
        match (schema["type"].as_str(), &member) {
            (Some("boolean"), _) => Some(Self::YesNo(member)),
            (Some("string"), _) => Some(Self::Words(member)),
            (Some("number" | "integer"), None) => Some(Self::Number),
            _ => None,
        }
    }

    /// An object with one thing that must be said is asked for that thing. One to approve may bring more with it that
    /// may be left out.
    fn of_object(schema: &Value) -> Self {
        let Some(properties) = schema["properties"].as_object() else { return Self::Json(Vec::new()) };
        if let Some(approved) = ["approved", "accepted", "confirmed"]
            .into_iter()
            .find(|name| properties.get(*name).is_some_and(|property| property["type"] == "boolean"))
        {
            return Self::YesNo(Some(approved.to_owned()));
        }
        let required: Vec<&str> =
            schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let only = match (required.as_slice(), properties.len()) {
            ([only], _) => properties.get_key_value(*only),
            (_, 1) => properties.iter().next(),
            _ => None,
        };
        let members = || {
            let must = |name: &String| if required.contains(&name.as_str()) { " (required)" } else { "" };
            Self::Json(properties.keys().map(|name| format!("{name}{}", must(name))).collect())
        };
        only.and_then(|(name, property)| Self::of_schema(property, Some(name))).unwrap_or_else(members)
    }

    /// What is said behind the question.
    pub(crate) fn hint(&self) -> String {
        match self {
            Self::YesNo(_) => "[y/n]".to_owned(),
            Self::OneOf(values) => {
                let values: Vec<_> = values.iter().map(shown).collect();
                format!("[{}]", values.join(" / "))
            }
            Self::Number => "[a number]".to_owned(),
            Self::Words(None) => String::new(),
            Self::Words(Some(member)) => format!("[{member}]"),
            Self::Json(members) if members.is_empty() => "[JSON]".to_owned(),
            Self::Json(members) => format!("[JSON: {}]", members.join(", ")),
        }
    }

    /// The answer that words stand for; `None` when they are none.
    pub(super) fn read(&self, words: &str) -> Option<Value> {
        let within = |member: &Option<String>, value: Value| match member {
            Some(member) => json!({ member.as_str(): value }),
            None => value,
        };
        // Who writes an object means the whole answer.
        if words.trim_start().starts_with('{')
            && let Ok(answer) = serde_json::from_str(words)
        {
            return Some(answer);
        }
        match self {
            Self::YesNo(member) => yes_or_no(words).map(|yes| within(member, yes.into())),
            Self::OneOf(values) => values.iter().find(|value| shown(value) == words.trim()).cloned(),
            Self::Number => {
                let number: Value = serde_json::from_str(words.trim()).ok()?;
                number.is_number().then_some(number)
            }
            Self::Words(member) => Some(within(member, words.into())),
            Self::Json(_) => serde_json::from_str(words).ok(),
        }
    }
}

fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The entry for an answer; for none the question is cancelled.
pub(super) fn entry(interrupt: &Interrupt, answer: Option<Value>) -> ResumeEntry {
    ResumeEntry {
        interrupt_id: interrupt.id.clone(),
        status: if answer.is_some() { ResumeStatus::Resolved } else { ResumeStatus::Cancelled },
        payload: answer.map(Json::from),
        ..Default::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(schema: Value) -> Wanted {
        let schema = copilotkit_protocol::Object::try_from(Json::from(schema)).ok();
        Wanted::of(&Interrupt { response_schema: schema, ..Default::default() })
    }

    #[test]
    fn the_schema_says_what_is_asked() {
        let approval = json!({ "type": "object", "required": ["approved"], "properties": {
            "approved": { "type": "boolean" }, "editedArgs": { "type": "object" } } });
        let approval = wanted(approval);
        assert_eq!(approval.read("Yes "), Some(json!({ "approved": true })));
        assert_eq!((approval.read("no"), approval.read("perhaps")), (Some(json!({ "approved": false })), None));
        assert_eq!(wanted(json!({ "type": "boolean" })).read("y"), Some(json!(true)));
        let choice = wanted(json!({ "enum": ["red", 2] }));
        assert_eq!(
            (choice.read("red"), choice.read("2"), choice.read("blue")),
            (Some(json!("red")), Some(json!(2)), None)
        );
        let named = wanted(json!({ "type": "object", "properties": { "name": { "type": "string" } } }));
        assert_eq!((named.read("Ada"), named.hint().as_str()), (Some(json!({ "name": "Ada" })), "[name]"));
        let decline = json!({ "action": "decline" });
        for wanted in [&named, &approval, &choice] {
            assert_eq!(wanted.read(&decline.to_string()), Some(decline.clone()), "{wanted:?}");
        }
        assert_eq!(named.read("{Ada"), Some(json!({ "name": "{Ada" })));
        let two = json!({ "type": "object", "properties": { "a": { "type": "string" }, "b": { "type": "string" } } });
        assert_eq!(
            (wanted(two.clone()).read("x"), wanted(two).read("{\"a\":\"x\"}")),
            (None, Some(json!({ "a": "x" })))
        );
        assert_eq!(wanted(json!({ "type": "integer" })).read("12"), Some(json!(12)));
    }

    #[test]
    fn without_a_schema_words_are_words() {
        let any = Wanted::of(&Interrupt::default());
        assert_eq!(any.read("tomorrow"), Some(json!("tomorrow")));
        assert_eq!(any.read("{\"day\":1}"), Some(json!({ "day": 1 })));
        let interrupt = Interrupt { id: "q".to_owned(), ..Default::default() };
        assert_eq!(entry(&interrupt, None).status, ResumeStatus::Cancelled);
    }
}
