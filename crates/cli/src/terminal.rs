//! What every command shows on a terminal: colours where they are wanted, and text without what would steer it.

use futures::FutureExt as _;
use futures::future::BoxFuture;
use std::borrow::Cow;
use std::io::IsTerminal as _;

/// Ctrl-C, from when this is made: also while nobody waits for it. It no longer ends the process.
pub(crate) struct CtrlC(Option<BoxFuture<'static, std::io::Result<()>>>);

impl CtrlC {
    pub(crate) fn new() -> Self {
        let mut pressed = tokio::signal::ctrl_c().boxed();
        // The first look is what begins to listen. Where that fails, the key does what the system does.
        let failed = (&mut pressed).now_or_never().is_some();
        Self((!failed).then_some(pressed))
    }

    /// Until it is pressed.
    pub(crate) async fn pressed(&mut self) {
        match &mut self.0 {
            Some(pressed) => {
                let _ = pressed.await;
                *self = Self::new();
            }
            None => std::future::pending().await,
        }
    }
}

/// `1 agent`, `2 agents`.
pub(crate) fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

/// Colours, or none.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Style {
    on: bool,
}

impl Style {
    /// No colours.
    #[cfg(test)]
    pub(crate) const PLAIN: Self = Self { on: false };

    /// For the standard output: colours on a terminal that has them, unless `NO_COLOR` is set.
    pub(crate) fn stdout() -> Self {
        Self { on: std::io::stdout().is_terminal() && wanted() }
    }

    /// The same for the standard error.
    pub(crate) fn stderr() -> Self {
        Self { on: std::io::stderr().is_terminal() && wanted() }
    }

    /// Faint, for what is beside the point.
    pub(crate) fn dim<'a>(self, text: &'a str) -> Cow<'a, str> {
        self.wrap("2", text)
    }

    /// For headings.
    pub(crate) fn bold<'a>(self, text: &'a str) -> Cow<'a, str> {
        self.wrap("1", text)
    }

    /// For what failed.
    pub(crate) fn red<'a>(self, text: &'a str) -> Cow<'a, str> {
        self.wrap("31", text)
    }

    /// For what works.
    pub(crate) fn green<'a>(self, text: &'a str) -> Cow<'a, str> {
        self.wrap("32", text)
    }

    /// For what should be looked at.
    pub(crate) fn yellow<'a>(self, text: &'a str) -> Cow<'a, str> {
        self.wrap("33", text)
    }

    /// For names.
    pub(crate) fn cyan<'a>(self, text: &'a str) -> Cow<'a, str> {
        self.wrap("36", text)
    }

    fn wrap<'a>(self, code: &str, text: &'a str) -> Cow<'a, str> {
        match self.on && !text.is_empty() {
            true => format!("\x1b[{code}m{text}\x1b[0m").into(),
            false => text.into(),
        }
    }
}

fn wanted() -> bool {
    let is = |name: &str, value: &str| std::env::var_os(name).is_some_and(|found| found == *value);
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()) && !is("TERM", "dumb")
}

/// The longest sequence that is swallowed: what goes on longer is text again, so that nothing can hide an answer.
const SEQUENCE: usize = 512;

/// Takes control characters and escape sequences out of text that comes piece by piece: line ends and tabs stay.
#[derive(Debug, Default)]
pub(crate) struct Stripper {
    inside: Inside,
    swallowed: usize,
}

/// Where in a sequence the last piece ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Inside {
    #[default]
    Text,
    /// Behind ESC.
    Escape,
    /// In `ESC [ …`, up to its letter.
    Control,
    /// In `ESC ] …` and such, up to BEL or `ESC \`.
    String,
    /// Behind an ESC in there.
    StringEnd,
}

impl Stripper {
    /// The text of the next piece.
    pub(crate) fn strip(&mut self, piece: &str) -> String {
        let mut out = String::with_capacity(piece.len());
        for char in piece.chars() {
            if self.inside == Inside::Text {
                self.swallowed = 0;
            } else {
                self.swallowed += 1;
                if self.swallowed > SEQUENCE {
                    self.inside = Inside::Text;
                }
            }
            self.inside = match (self.inside, char) {
                (Inside::Text, '\u{1b}') => Inside::Escape,
                (Inside::Text, '\u{9b}') => Inside::Control,
                (Inside::Text, '\u{90}' | '\u{98}' | '\u{9d}' | '\u{9e}' | '\u{9f}') => Inside::String,
                (Inside::Text, char) => {
                    if shows(char) {
                        out.push(char);
                    }
                    Inside::Text
                }
                (Inside::Escape, '[') => Inside::Control,
                (Inside::Escape, ']' | 'P' | 'X' | '^' | '_') => Inside::String,
                (Inside::Escape, '\u{1b}') => Inside::Escape,
                // Intermediate characters of a short sequence.
                (Inside::Escape, ' '..='/') => Inside::Escape,
                (Inside::Escape, '\n') => {
                    out.push('\n');
                    Inside::Text
                }
                (Inside::Escape, _) => Inside::Text,
                (Inside::Control, '@'..='~') => Inside::Text,
                (Inside::Control, ' '..='?') => Inside::Control,
                // Not a sequence after all.
                (Inside::Control, char) => {
                    if shows(char) {
                        out.push(char);
                    }
                    Inside::Text
                }
                (Inside::String, '\u{7}' | '\u{9c}') => Inside::Text,
                (Inside::String, '\u{1b}') => Inside::StringEnd,
                (Inside::String, _) => Inside::String,
                (Inside::StringEnd, '\\') => Inside::Text,
                (Inside::StringEnd, _) => Inside::String,
            };
        }
        out
    }
}

/// Whether a character may be shown: neither a control character, nor one that turns the direction of the line around.
fn shows(char: char) -> bool {
    let turns = matches!(char, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}');
    matches!(char, '\n' | '\t') || !(char.is_control() || turns)
}

/// The text of a whole.
pub(crate) fn strip(text: &str) -> String {
    Stripper::default().strip(text)
}

/// The text of a whole on one line, cut where it is longer than `most` characters.
pub(crate) fn one_line(text: &str, most: usize) -> String {
    let line = strip(text).split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(most) {
        Some(_) => line.chars().take(most.saturating_sub(1)).chain(['…']).collect(),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequences_are_taken_out_whole_however_they_are_cut() {
        let text = "a\x1b[2J\x1b[31mred\x1b[0m\r\n\tb\x1b]0;title\x07c\x1b]8;;http://x\x1b\\d\u{9b}5mE\u{7}\u{8}\u{202e}f\x1b(Bg";
        let expected = "ared\n\tbcdEfg";
        assert_eq!(strip(text), expected);
        let chars: Vec<char> = text.chars().collect();
        for size in 1..6 {
            let mut stripper = Stripper::default();
            let pieces = chars.chunks(size).map(|piece| stripper.strip(&piece.iter().collect::<String>()));
            assert_eq!(pieces.collect::<String>(), expected, "{size}");
        }
    }

    #[test]
    fn nothing_swallows_an_answer() {
        let text = format!("\x1b]0;{}answer", "x".repeat(2 * SEQUENCE));
        assert!(strip(&text).ends_with("answer"));
        assert_eq!(strip("\x1b[31\u{e4}"), "\u{e4}");
        assert_eq!(one_line("a\n b\x1b[1m c", 9), "a b c");
        assert_eq!(one_line("abcdef", 4), "abc…");
    }

    #[test]
    fn colours_are_there_only_when_they_are_on() {
        assert_eq!(Style::PLAIN.red("x"), "x");
        assert_eq!(Style { on: true }.red("x"), "\x1b[31mx\x1b[0m");
    }
}
