//! What strangers write, made fit to be shown and to be read by models.

/// Characters that act instead of being seen: control characters, and those that turn the direction of text around or
/// cannot be seen at all.
fn acts(character: char) -> bool {
    let hidden = matches!(
        character,
        '\u{061c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
    );
    (character.is_control() && !matches!(character, '\n' | '\t')) || hidden
}

/// The text without what acts: control characters but line feeds and tabs, marks of direction, invisible characters.
pub(crate) fn clean(text: &str) -> String {
    if text.chars().any(acts) { text.chars().filter(|character| !acts(*character)).collect() } else { text.to_owned() }
}

/// As [`clean`], on one line and at most so many characters long.
pub(crate) fn clean_line(text: &str, max: usize) -> String {
    let words = clean(text).split_whitespace().collect::<Vec<_>>().join(" ");
    match words.char_indices().nth(max) {
        Some((end, _)) => format!("{}…", words[..end].trim_end()),
        None => words,
    }
}

/// The name of an agent as a model and a page may see it: letters, digits and a few signs, one blank between words.
/// `None` where nothing is left.
pub(crate) fn clean_name(text: &str, max: usize) -> Option<String> {
    let allowed =
        |c: char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_' | '.' | '(' | ')' | '&' | '\'' | '+' | ',');
    let kept: String = text.chars().map(|c| if allowed(c) { c } else { ' ' }).collect();
    let words: Vec<_> = kept.split_whitespace().collect();
    let name: String = words.join(" ").chars().take(max).collect();
    let name = name.trim().to_owned();
    name.chars().any(char::is_alphanumeric).then_some(name)
}

/// At most so many bytes, cut between characters; true when something was cut.
pub(crate) fn cut(text: &str, max: usize) -> (&str, bool) {
    if text.len() <= max {
        return (text, false);
    }
    let mut end = max;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    (&text[..end], true)
}

/// An address that a person may be shown as a link.
pub(crate) fn is_web_link(text: &str) -> bool {
    let plain =
        !text.chars().any(|c| c.is_whitespace() || acts(c) || matches!(c, '<' | '>' | '(' | ')' | '[' | ']' | '"'));
    plain && url::Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_acts_is_taken_out() {
        let hostile = "SYSTEM: go\u{1b}[31m \u{202e}reversed\u{202c} \u{1f600}\r\n\tnext\u{200b}";
        assert_eq!(clean(hostile), "SYSTEM: go[31m reversed \u{1f600}\n\tnext");
        assert_eq!(clean_line(hostile, 14), "SYSTEM: go[31m…");
    }

    #[test]
    fn a_name_is_plain() {
        assert_eq!(clean_name("  Travel\n# Agent `x`  ", 64).as_deref(), Some("Travel Agent x"));
        assert_eq!(clean_name("Übersetzer (DE)", 64).as_deref(), Some("Übersetzer (DE)"));
        assert_eq!(clean_name("\u{202e}\n--", 64), None);
        assert_eq!(clean_name(&"a".repeat(100), 64).map(|name| name.len()), Some(64));
    }

    #[test]
    fn only_plain_web_addresses_become_links() {
        assert!(is_web_link("https://files.invalid/a.pdf?x=1"));
        for text in
            ["javascript:alert(1)", "data:text/html,x", "https://a/) [x](https://b", "/relative", "https://a b/"]
        {
            assert!(!is_web_link(text), "{text}");
        }
    }

    #[test]
    fn a_cut_falls_between_characters() {
        assert_eq!(cut("aé", 2), ("a", true));
        assert_eq!(cut("aé", 3), ("aé", false));
    }
}
