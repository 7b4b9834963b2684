//! How deep arrays and objects are nested, found out without recursion and without building anything.

use super::{WireError, after_string};
use std::fmt::Write as _;
use std::io;

/// How many steps of a path are shown, and how many bytes of a name: what lies too deep has many, and they look alike.
const SHOWN: usize = 4;
const NAME_SHOWN: usize = 40;

/// Refuses text whose arrays and objects are nested deeper than `max` levels. The error names where, by the beginning of
/// the path. Text that is not JSON is for others to refuse.
///
/// # Errors
/// One level too many.
pub fn check_depth(text: &[u8], max: usize) -> Result<(), WireError> {
    // Most texts hold too few brackets, those in strings included. The two opening ones differ in one bit.
    let brackets: usize = text.iter().map(|byte| usize::from(byte | 0x20 == b'{')).sum();
    if brackets <= max {
        return Ok(());
    }
    let (mut depth, mut rest) = (0_usize, text);
    while let Some(position) = rest.iter().position(|byte| matches!(byte, b'"' | b'{' | b'[' | b'}' | b']')) {
        let (byte, behind) = (rest.get(position), rest.get(position + 1..).unwrap_or_default());
        rest = behind;
        match byte {
            Some(b'"') => rest = after_string(rest),
            Some(b'{' | b'[') if depth == max => {
                let before = text.get(..text.len() - rest.len() - 1).unwrap_or_default();
                let message = format!("nested deeper than {max} levels");
                return Err(WireError { path: path(before), message, syntax: false });
            }
            Some(b'{' | b'[') => depth += 1,
            _ => depth = depth.saturating_sub(1),
        }
    }
    Ok(())
}

/// A step into an object or array that is open.
enum Step<'a> {
    Member(&'a [u8]),
    Index(usize),
}

/// The beginning of the path of what stands behind `text`, the beginning of a document.
fn path(text: &[u8]) -> String {
    let mut steps: Vec<Step<'_>> = Vec::new();
    let mut rest = text;
    while let Some((byte, behind)) = rest.split_first() {
        rest = behind;
        match byte {
            b'{' => steps.push(Step::Member(b"")),
            b'[' => steps.push(Step::Index(0)),
            b'}' | b']' => {
                steps.pop();
            }
            b',' => {
                if let Some(Step::Index(index)) = steps.last_mut() {
                    *index += 1;
                }
            }
            b'"' => {
                rest = after_string(rest);
                let string = behind.get(..(behind.len() - rest.len()).saturating_sub(1)).unwrap_or_default();
                let is_name = rest.trim_ascii_start().first() == Some(&b':');
                if let Some(Step::Member(name)) = steps.last_mut().filter(|_| is_name) {
                    *name = string;
                }
            }
            _ => {}
        }
    }
    let mut path = String::new();
    for (index, step) in steps.iter().take(SHOWN).enumerate() {
        // Writing to a String cannot fail.
        let _ = match step {
            Step::Index(at) => write!(path, "[{at}]"),
            Step::Member(name) => {
                let dot = if index == 0 { "" } else { "." };
                write!(path, "{dot}{}", String::from_utf8_lossy(name.get(..NAME_SHOWN).unwrap_or(name)))
            }
        };
    }
    if steps.len() > SHOWN {
        path.push('…');
    }
    path
}

/// Counts the bytes and the levels of JSON that is written into it, and keeps nothing.
#[derive(Debug, Default)]
pub(crate) struct Measure {
    pub(crate) bytes: usize,
    /// The deepest level so far.
    pub(crate) levels: usize,
    depth: usize,
    in_string: bool,
    escaped: bool,
}

impl io::Write for Measure {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.bytes += text.len();
        for byte in text {
            if self.escaped {
                self.escaped = false;
                continue;
            }
            match byte {
                b'\\' => self.escaped = self.in_string,
                b'"' => self.in_string = !self.in_string,
                b'{' | b'[' if !self.in_string => {
                    self.depth += 1;
                    self.levels = self.levels.max(self.depth);
                }
                b'}' | b']' if !self.in_string => self.depth = self.depth.saturating_sub(1),
                _ => {}
            }
        }
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use io::Write as _;

    fn nested(levels: usize) -> String {
        format!("{}1{}", "[".repeat(levels), "]".repeat(levels))
    }

    #[test]
    fn a_million_levels_are_refused_like_one_too_many() {
        for levels in [100, 127, 128] {
            assert_eq!(check_depth(nested(levels).as_bytes(), 128), Ok(()), "{levels}");
        }
        for levels in [129, 5_000, 1_000_000] {
            let error = check_depth(nested(levels).as_bytes(), 128).unwrap_err();
            assert_eq!(error.to_string(), "[0][0][0][0]…: nested deeper than 128 levels", "{levels}");
            assert!(check_depth("[{".repeat(levels).as_bytes(), 128).is_err(), "{levels} that are not closed");
        }
    }

    #[test]
    fn the_place_is_named() {
        let deep = nested(3);
        for (text, expected) in [
            (format!(r#"{{"a":1,"state":{{"b":[0,{deep}]}}}}"#), "state.b[1][0]"),
            (format!(r#"{{"x\"{{":"]","y":{deep}}}"#), "y[0][0]"),
            (format!(r#"[{{"a":[]}}, "n", {{ "k" : {deep} }}]"#), "[2].k[0]"),
        ] {
            let max = expected.matches(['.', '[']).count() + usize::from(!expected.starts_with('['));
            let error = check_depth(text.as_bytes(), max).unwrap_err();
            assert_eq!(error.path, expected, "{text}");
        }
        assert!(check_depth(format!(r#"{{"s":"{}"}}"#, "[".repeat(500)).as_bytes(), 1).is_ok());
    }

    #[test]
    fn what_is_written_is_measured_in_any_pieces() {
        let text = r#"{"a":["{[\"[","\\",[{}]],"b":{}}"#;
        for size in 1..text.len() {
            let mut measure = Measure::default();
            text.as_bytes().chunks(size).for_each(|piece| measure.write_all(piece).unwrap());
            assert_eq!((measure.bytes, measure.levels, measure.depth), (text.len(), 4, 0), "pieces of {size}");
        }
    }
}
