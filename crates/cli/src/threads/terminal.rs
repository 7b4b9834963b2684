//! What people see: tables, questions, progress.

use super::desk::usage;
use anyhow::{Context as _, Result};
use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::time::{Duration, Instant, UNIX_EPOCH};

/// The longest name in a table.
const NAME: usize = 40;

/// Text without what would steer a terminal.
pub(crate) fn clean(text: &str) -> String {
    text.chars().map(|char| if char.is_control() && char != '\n' && char != '\t' { '\u{fffd}' } else { char }).collect()
}

/// The same on one line.
pub(crate) fn line(text: &str) -> String {
    clean(text).replace(['\n', '\t'], "\u{fffd}")
}

/// One line for a cell of a table.
pub(crate) fn cell(text: &str) -> String {
    let line: String = clean(text).split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(NAME) {
        Some(_) => line.chars().take(NAME - 1).chain(['…']).collect(),
        None => line,
    }
}

/// A time in milliseconds since the Unix epoch.
pub(super) fn time(millis: u64) -> String {
    match UNIX_EPOCH.checked_add(Duration::from_millis(millis)).filter(|_| millis < 200_000_000_000_000) {
        Some(time) => humantime::format_rfc3339_millis(time).to_string(),
        None => millis.to_string(),
    }
}

/// A count with its word.
pub(super) fn count(number: u64, word: &str) -> String {
    format!("{number} {word}{}", if number == 1 { "" } else { "s" })
}

/// Columns that fit; the last one is not filled up.
pub(crate) fn table<const N: usize>(head: [&str; N], rows: &[[String; N]]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([head[column].len()]).max().unwrap_or(0)
    };
    let widths: Vec<_> = (0..N).map(width).collect();
    let head = head.map(str::to_owned);
    let mut out = String::new();
    for row in std::iter::once(&head).chain(rows) {
        for (column, text) in row.iter().enumerate() {
            out.push_str(text);
            if column + 1 < N {
                let fill = widths[column] - text.chars().count() + 2;
                out.extend(std::iter::repeat_n(' ', fill));
            }
        }
        out.push('\n');
    }
    out
}

/// Asks before something is gone for good.
pub(super) fn confirm(what: &str, yes: bool) -> Result<bool> {
    if yes {
        return Ok(true);
    }
    if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
        return usage(format!("{what}: nobody can be asked here, say --yes"));
    }
    eprint!("copilotkit: {what}. Go on? [y/N] ");
    std::io::stderr().flush().context("the question cannot be shown")?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer).context("the answer cannot be read")?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}

/// A line on a terminal that says how far long work is.
pub(super) struct Progress {
    what: &'static str,
    shown: Option<Instant>,
    began: Instant,
    on: bool,
}

impl Progress {
    /// Of so many threads that `what`: "exported".
    pub(super) fn new(what: &'static str) -> Self {
        Self { what, shown: None, began: Instant::now(), on: std::io::stderr().is_terminal() }
    }

    /// Says it, unless it was said just now.
    pub(super) fn at(&mut self, threads: u64) {
        let every = Duration::from_millis(200);
        if self.on && self.shown.unwrap_or(self.began).elapsed() >= every {
            self.shown = Some(Instant::now());
            eprint!("\r\x1b[Kcopilotkit: {} {} …", count(threads, "thread"), self.what);
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown.is_some() {
            eprint!("\r\x1b[K");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_is_shown_steers_a_terminal() {
        assert_eq!(clean("a\x1b[2Jb\u{9b}c\r\n\td"), "a\u{fffd}[2Jb\u{fffd}c\u{fffd}\n\td");
        assert_eq!(line("a\nb\tc"), "a\u{fffd}b\u{fffd}c");
        assert_eq!(cell("one\ntwo\x07"), "one two\u{fffd}");
        let long = cell(&"ä".repeat(50));
        assert_eq!((long.chars().count(), long.ends_with('…')), (NAME, true));
        assert_eq!(cell(&"ä".repeat(NAME)).chars().count(), NAME);
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [["ä".to_owned(), "x".to_owned()], ["three".to_owned(), String::new()]];
        assert_eq!(table(["ID", "NAME"], &rows), "ID     NAME\nä      x\nthree  \n");
        assert_eq!(time(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(time(u64::MAX), u64::MAX.to_string());
    }
}
