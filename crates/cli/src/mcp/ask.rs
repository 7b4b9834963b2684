//! Questions of a server, on the terminal.

use crate::threads::terminal::{clean, line};
use async_trait::async_trait;
use copilotkit_mcp::elicit::{Answer, Elicit, Form, Question};
use copilotkit_protocol::{Json, Object};
use serde_json::{Map, Value};
use std::io::{BufRead as _, Write as _};

/// Asks on the terminal.
pub(super) struct Terminal;

#[async_trait]
impl Elicit for Terminal {
    async fn ask(&self, question: Question) -> Answer {
        tokio::task::spawn_blocking(move || ask(&question)).await.unwrap_or(Answer::Cancel)
    }
}

fn ask(question: &Question) -> Answer {
    eprintln!("{} asks: {}", line(&question.server), clean(&question.message));
    let schema = match &question.form {
        Form::Link(url) => {
            eprintln!("  {}", line(url.as_str()));
            return match read("Did you open it? [y/N] ") {
                Some(said) if is_yes(&said) => Answer::Accept(None),
                _ => Answer::Decline,
            };
        }
        Form::Fields(schema) => schema,
    };
    match read("Answer the server's question? [y/N] ") {
        Some(said) if is_yes(&said) => {}
        _ => return Answer::Decline,
    }
    eprintln!("Enter alone takes what is in brackets, or leaves a field out.");
    match fill(schema, &mut |text| read(&clean(text))) {
        Some(content) => Answer::Accept(Some(Value::Object(content))),
        None => Answer::Cancel,
    }
}

fn is_yes(text: &str) -> bool {
    matches!(text.to_ascii_lowercase().as_str(), "y" | "yes")
}

/// Asks field by field, in the form's own order, and again where an answer does not fit. `None` when nobody answers.
fn fill(schema: &Json, read: &mut dyn FnMut(&str) -> Option<String>) -> Option<Map<String, Value>> {
    let members = |json: &Json| Object::try_from(json.clone()).map(|object| object.members()).unwrap_or_default();
    let form = schema.to_value();
    let is_required = |name: &str| form["required"].as_array().is_some_and(|names| names.iter().any(|one| one == name));
    let properties = members(schema).into_iter().find(|(name, _)| name == "properties");
    let mut content = Map::new();
    for (name, property) in properties.map(|(_, properties)| members(&properties)).unwrap_or_default() {
        let (property, required) = (property.to_value(), is_required(&name));
        let mut prompt = described(&name, &property, required);
        loop {
            let text = read(&prompt)?;
            match value(&property, text.trim(), required) {
                Ok(Some(value)) => {
                    content.insert(name, value);
                    break;
                }
                Ok(None) => break,
                Err(wrong) => prompt = format!("    {wrong} > "),
            }
        }
    }
    Some(content)
}

/// What is asked for, and what may be said.
fn described(name: &str, property: &Value, required: bool) -> String {
    let about = property["description"].as_str().or(property["title"].as_str()).unwrap_or_default();
    let must = if required { " (required)" } else { "" };
    let colon = if about.is_empty() { "" } else { ": " };
    let mut text = format!("  {}{must}{colon}{}\n", line(name), line(about));
    let choices = choices(property);
    if !choices.is_empty() {
        let many = if property["type"] == "array" { "any of, with commas between" } else { "one of" };
        let shown = choices.iter().map(|(value, title)| match title {
            Some(title) => format!("{} ({})", line(value), line(title)),
            None => line(value),
        });
        text.push_str(&format!("    {many}: {}\n", shown.collect::<Vec<_>>().join(", ")));
    } else if let Some(kind) = kind(property) {
        text.push_str(&format!("    {kind}\n"));
    }
    match default(property) {
        Some(default) => format!("{text}    [{}] > ", line(&default)),
        None => format!("{text}    > "),
    }
}

/// The default as one would write it.
fn default(property: &Value) -> Option<String> {
    let word = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    match &property["default"] {
        Value::Null => None,
        Value::Array(items) => Some(items.iter().map(word).collect::<Vec<_>>().join(", ")),
        value => Some(word(value)),
    }
}

/// The values that may be chosen, with their titles: `enum` with or without `enumNames`, `oneOf` and `anyOf`.
fn choices(property: &Value) -> Vec<(String, Option<String>)> {
    let of = if property["type"] == "array" { &property["items"] } else { property };
    let text = |value: &Value| value.as_str().map(str::to_owned);
    if let Some(values) = of["enum"].as_array() {
        let title = |index: usize| text(&of["enumNames"][index]);
        return values.iter().enumerate().filter_map(|(index, value)| Some((text(value)?, title(index)))).collect();
    }
    let titled = of["oneOf"].as_array().or(of["anyOf"].as_array());
    titled.into_iter().flatten().filter_map(|one| Some((text(&one["const"])?, text(&one["title"])))).collect()
}

/// What must be written, where that is not any text.
fn kind(property: &Value) -> Option<String> {
    let kind = match (property["type"].as_str()?, property["format"].as_str().unwrap_or_default()) {
        ("boolean", _) => "y or n",
        ("integer", _) => "a whole number",
        ("number", _) => "a number",
        (_, "date") => "a date like 2026-07-31",
        (_, "date-time") => "a time like 2026-07-31T18:30:00Z",
        (_, "email") => "an email address",
        (_, "uri") => "an address like https://example.com",
        _ => return None,
    };
    Some(match (property["minimum"].as_f64(), property["maximum"].as_f64()) {
        (Some(least), Some(most)) => format!("{kind} from {least} to {most}"),
        (Some(least), None) => format!("{kind} from {least} on"),
        (None, Some(most)) => format!("{kind} up to {most}"),
        (None, None) => kind.to_owned(),
    })
}

/// What was written, as what is asked for; `None` for nothing. The error says what would be right.
fn value(property: &Value, text: &str, required: bool) -> Result<Option<Value>, String> {
    if text.is_empty() {
        return match required && property["default"].is_null() {
            true => Err("This one is required".to_owned()),
            false => Ok(None),
        };
    }
    let choices = choices(property);
    let chosen = |text: &str| {
        let same = |one: &str| one.eq_ignore_ascii_case(text);
        let exact = choices.iter().find(|(value, _)| value == text);
        let found =
            exact.or_else(|| choices.iter().find(|(value, title)| same(value) || title.as_deref().is_some_and(same)));
        match found {
            Some((value, _)) => Ok(Value::String(value.clone())),
            None if choices.is_empty() => Ok(Value::String(text.to_owned())),
            None => Err(format!("`{}` is not among the choices", line(text))),
        }
    };
    if property["type"] == "array" {
        let items = text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(chosen);
        let items = items.collect::<Result<Vec<_>, _>>()?;
        let count = items.len() as u64;
        if property["minItems"].as_u64().is_some_and(|least| count < least) {
            return Err(format!("At least {} are needed", property["minItems"]));
        }
        if property["maxItems"].as_u64().is_some_and(|most| count > most) {
            return Err(format!("At most {} can be given", property["maxItems"]));
        }
        return Ok(Some(Value::Array(items)));
    }
    if !choices.is_empty() {
        return chosen(text).map(Some);
    }
    let wrong = || Err(format!("This must be {}", kind(property).unwrap_or_else(|| "another text".to_owned())));
    match property["type"].as_str() {
        Some("boolean") => match text.to_ascii_lowercase().as_str() {
            "y" | "yes" | "true" => Ok(Some(Value::Bool(true))),
            "n" | "no" | "false" => Ok(Some(Value::Bool(false))),
            _ => wrong(),
        },
        Some(kind @ ("integer" | "number")) => {
            let number = serde_json::from_str::<Value>(text).ok().filter(Value::is_number);
            let fits = |number: &Value| {
                let size = number.as_f64().unwrap_or_default();
                (kind == "number" || number.is_i64() || number.is_u64())
                    && property["minimum"].as_f64().is_none_or(|least| size >= least)
                    && property["maximum"].as_f64().is_none_or(|most| size <= most)
            };
            number.filter(fits).map_or_else(wrong, |number| Ok(Some(number)))
        }
        _ if !is_of_format(property["format"].as_str().unwrap_or_default(), text) => wrong(),
        _ => {
            let length = text.chars().count() as u64;
            if property["minLength"].as_u64().is_some_and(|least| length < least) {
                return Err(format!("At least {} characters are needed", property["minLength"]));
            }
            if property["maxLength"].as_u64().is_some_and(|most| length > most) {
                return Err(format!("At most {} characters can be given", property["maxLength"]));
            }
            Ok(Some(Value::String(text.to_owned())))
        }
    }
}

/// Whether a text is what a `format` names, of those that a form can name.
fn is_of_format(format: &str, text: &str) -> bool {
    match format {
        "date" => is_date(text),
        "date-time" => text.split_once('T').is_some_and(|(day, time)| time.len() >= 8 && is_of_format("date", day)),
        "email" => text.split_once('@').is_some_and(|(who, host)| !who.is_empty() && !host.is_empty()),
        "uri" => url::Url::parse(text).is_ok(),
        _ => true,
    }
}

/// Whether a text is a day of the calendar, like `1815-12-10`.
fn is_date(text: &str) -> bool {
    let parts: Vec<_> = text.split('-').collect();
    let [year, month, day] = parts[..] else { return false };
    let number = |part: &str, digits: usize| {
        let fits = part.len() == digits && part.bytes().all(|byte| byte.is_ascii_digit());
        fits.then(|| part.parse::<u32>().ok()).flatten()
    };
    let (Some(year), Some(month), Some(day)) = (number(year, 4), number(month, 2), number(day, 2)) else {
        return false;
    };
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        2 => 28 + u32::from(is_leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => 0,
    };
    (1..=days).contains(&day)
}

fn read(prompt: &str) -> Option<String> {
    eprint!("{prompt}");
    std::io::stderr().flush().ok()?;
    let mut answer = String::new();
    match std::io::stdin().lock().read_line(&mut answer) {
        Ok(0) | Err(_) => None,
        Ok(_) => Some(answer.trim().to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_written_becomes_what_is_asked_for() {
        let typed = |kind: &str, text: &str| value(&json!({ "type": kind }), text, false);
        assert_eq!(typed("boolean", "Yes"), Ok(Some(json!(true))));
        assert_eq!(typed("integer", "42"), Ok(Some(json!(42))));
        assert_eq!(typed("array", "a, b"), Ok(Some(json!(["a", "b"]))));
        assert_eq!(typed("string", "42"), Ok(Some(json!("42"))));
        assert_eq!(typed("string", ""), Ok(None));
    }

    #[test]
    fn what_does_not_fit_is_said_at_once() {
        let date = json!({ "type": "string", "format": "date" });
        let many = json!({ "type": "array", "items": { "enum": ["a", "b", "c"] }, "maxItems": 2 });
        let hero = json!({ "type": "string", "oneOf": [{ "const": "hero-1", "title": "Superman" }] });
        let small = json!({ "type": "integer", "minimum": 1, "maximum": 100 });
        for (property, text, why) in [
            (&date, "next tuesday", "This must be a date like 2026-07-31"),
            (&date, "2026-02-31", "This must be a date like 2026-07-31"),
            (&date, "übermorgen", "This must be a date like 2026-07-31"),
            (&json!({ "type": "string", "format": "date-time" }), "äöüäö now and then", "like 2026-07-31T18:30:00Z"),
            (&json!({ "type": "string", "format": "email" }), "Ada", "This must be an email address"),
            (&json!({ "type": "string", "format": "uri" }), "home", "This must be an address like"),
            (&json!({ "type": "number" }), "many", "This must be a number"),
            (&json!({ "type": "boolean" }), "maybe", "This must be y or n"),
            (&json!({ "type": "string", "minLength": 3 }), "ab", "At least 3 characters are needed"),
            (&small, "101", "This must be a whole number from 1 to 100"),
            (&small, "1.5", "This must be a whole number from 1 to 100"),
            (&many, "a,d", "`d` is not among the choices"),
            (&many, "a,b,c", "At most 2 can be given"),
            (&hero, "Batman", "`Batman` is not among the choices"),
        ] {
            let wrong = value(property, text, false).unwrap_err();
            assert!(wrong.contains(why), "{text}: {wrong}");
        }
        assert_eq!(value(&date, "2028-02-29", false), Ok(Some(json!("2028-02-29"))));
        assert_eq!(value(&hero, "superman", false), Ok(Some(json!("hero-1"))), "the title is understood");
        assert!(value(&date, "", true).is_err());
        assert_eq!(value(&json!({ "type": "string", "default": "x" }), "", true), Ok(None), "the default stands in");
    }

    #[test]
    fn a_form_is_asked_in_its_own_order_with_its_choices() {
        let schema = Json::parse(
            r#"{"type":"object","properties":{
                "name":{"type":"string","description":"Your name"},
                "born":{"type":"string","format":"date"},
                "age":{"type":"integer","minimum":1,"default":30},
                "pet":{"type":"string","enum":["p1","p2"],"enumNames":["Cat","Dog"]}
            },"required":["name"]}"#,
        )
        .unwrap();
        let mut answers = ["", "Ada", "soon", "1815-12-10", "", "dog"].into_iter();
        let mut shown = String::new();
        let filled = fill(&schema, &mut |prompt| {
            shown.push_str(prompt);
            let answer = answers.next().map(str::to_owned);
            shown.push_str(answer.as_deref().unwrap_or_default());
            shown.push('\n');
            answer
        });
        let filled = filled.map(Value::Object);
        assert_eq!(filled, Some(json!({ "name": "Ada", "born": "1815-12-10", "pet": "p2" })));
        let expected = "  name (required): Your name\n    > \n    This one is required > Ada\n  \
                        born\n    a date like 2026-07-31\n    > soon\n    \
                        This must be a date like 2026-07-31 > 1815-12-10\n  \
                        age\n    a whole number from 1 on\n    [30] > \n  \
                        pet\n    one of: p1 (Cat), p2 (Dog)\n    > dog\n";
        assert_eq!(shown, expected);
        assert_eq!(fill(&schema, &mut |_| None), None, "nobody answers");
    }
}
