//! Names of threads.

use crate::limits;
use copilotkit_protocol::Message;

/// The longest name that is made of a message, in characters.
const DERIVED: usize = 60;

/// The name of a thread that is made with these messages: the beginning of the first that its user wrote, on one line.
/// `None` when there are no words.
pub fn derived_name(messages: &[Message]) -> Option<String> {
    messages.iter().find_map(|message| match message {
        Message::User(message) => one_line(&message.content.text(), DERIVED),
        _ => None,
    })
}

/// A name that somebody chose, on one line; `None` when it is blank.
///
/// # Errors
/// When it is longer than [`limits::THREAD_NAME`] characters.
pub fn tidy_name(name: &str) -> Result<Option<String>, NameTooLong> {
    match name.chars().nth(limits::THREAD_NAME) {
        Some(_) => Err(NameTooLong),
        None => Ok(one_line(name, limits::THREAD_NAME)),
    }
}

/// The name in what a model wrote when it was asked for one: its first line, without quotes and other ornaments. `None`
/// when there are no words.
pub fn suggested_name(text: &str) -> Option<String> {
    let ornament =
        |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '`' | '*' | '#' | '“' | '”' | '„' | '«' | '»');
    let name = text.lines().map(|line| line.trim_matches(ornament)).find(|line| !line.is_empty())?;
    one_line(name.trim_end_matches(['.', '。']).trim_end_matches(ornament), DERIVED)
}

/// The name is longer than [`limits::THREAD_NAME`] characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("longer than {} characters", limits::THREAD_NAME)]
pub struct NameTooLong;

/// The words of a text with one space between them; cut behind a word, with an ellipsis, when they are more than `max`
/// characters.
fn one_line(text: &str, max: usize) -> Option<String> {
    let (mut line, mut length) = (String::new(), 0);
    for word in text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()) {
        let space = usize::from(length > 0);
        // Counted no further than needed: an attachment may be one word.
        let letters = word.chars().take(max + 1).count();
        if length + space + letters > max {
            if length == 0 {
                line.extend(word.chars().take(max.saturating_sub(1)));
            }
            if length == max {
                // No room for the ellipsis: the last word makes it.
                let end = line.rfind(' ').or_else(|| line.char_indices().next_back().map(|(at, _)| at));
                line.truncate(end.unwrap_or_default());
            }
            line.push('…');
            break;
        }
        line.extend((space > 0).then_some(' '));
        line.push_str(word);
        length += space + letters;
    }
    (!line.is_empty()).then_some(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(content: serde_json::Value) -> Option<String> {
        let messages = serde_json::json!([
            { "id": "s", "role": "system", "content": "not this" },
            { "id": "u", "role": "user", "content": content },
        ]);
        let messages: Vec<Message> = copilotkit_protocol::from_slice(messages.to_string().as_bytes()).unwrap();
        derived_name(&messages)
    }

    #[test]
    fn a_name_is_the_beginning_of_the_first_message_on_one_line() {
        assert_eq!(name("  Where is\n\tmy order?\u{0}  ".into()).as_deref(), Some("Where is my order?"));
        let parts = serde_json::json!([{ "type": "text", "text": "Look at this" }]);
        assert_eq!(name(parts).as_deref(), Some("Look at this"));
        for nothing in [serde_json::json!(""), serde_json::json!(" \n "), serde_json::json!([])] {
            assert_eq!(name(nothing), None);
        }
        assert_eq!(derived_name(&[]), None);
    }

    #[test]
    fn a_long_name_is_cut_behind_a_word() {
        let sixty = "word ".repeat(12).trim_end().to_owned() + "s";
        assert_eq!(sixty.chars().count(), 60);
        assert_eq!(name(sixty.clone().into()), Some(sixty.clone()));
        let cut = name(format!("{sixty} more").into()).unwrap();
        assert_eq!(cut, format!("{}…", "word ".repeat(11).trim_end()));
        let cut = name("é".repeat(200).into()).unwrap();
        assert_eq!(cut, format!("{}…", "é".repeat(59)));
        let cut = name(format!("one {}", "x".repeat(500)).into()).unwrap();
        assert_eq!(cut, "one…");
    }

    #[test]
    fn a_suggested_name_is_the_first_line_without_ornaments() {
        for (text, expected) in [
            ("Late order", Some("Late order")),
            ("\n\n  **\"Late order\"**.\nIt says so.", Some("Late order")),
            ("# „Späte Lieferung“", Some("Späte Lieferung")),
            ("It's  late\u{0}", Some("It's late")),
            (" \"\"\n**", None),
            ("", None),
        ] {
            assert_eq!(suggested_name(text).as_deref(), expected, "{text:?}");
        }
        assert!(suggested_name(&"word ".repeat(100)).is_some_and(|name| name.chars().count() <= DERIVED));
    }

    #[test]
    fn a_chosen_name_is_one_line_or_none() {
        assert_eq!(tidy_name(" My\norders "), Ok(Some("My orders".to_owned())));
        assert_eq!(tidy_name(" "), Ok(None));
        let long = "é".repeat(limits::THREAD_NAME);
        assert_eq!(tidy_name(&long), Ok(Some(long.clone())));
        assert_eq!(tidy_name(&format!("{long}x")), Err(NameTooLong));
    }
}
