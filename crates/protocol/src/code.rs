//! Every code that an error of the runtime can carry, with what it means and what to do about it.
//!
//! The page docs/errors.md is written from this table: a code that is not here does not exist. Agents, tools and
//! models of your own may use codes of their own beside these.

mod table;

pub use table::Code;

use serde::{Serialize, Serializer};
use std::fmt;

/// Where a code is seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In the body of an answer with this HTTP status.
    Http(u16),
    /// In the RUN_ERROR that ends a run, or in the SUBAGENT_ERROR that ends a part of it.
    Run,
    /// In the result of a tool's call, which the model reads.
    Tool,
    /// In a CUSTOM event `copilotkit.warning`; the run goes on.
    Warning,
    /// Nowhere on the wire: the connection is closed. It is counted.
    Closed,
    /// In an error of the library, or of the start of the server.
    Library,
}

/// Whether the same request may be sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// It does no harm and may succeed: nothing was begun.
    Safe,
    /// It may succeed, but the run had begun: tools may have been called, and are called again.
    Care,
    /// It fails in the same way until something is changed.
    Useless,
}

impl Code {
    /// The code of this name, if it is one of ours.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.as_str() == name)
    }

    /// Its number in [`Code::ALL`].
    pub const fn index(self) -> usize {
        self as usize
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl From<Code> for String {
    fn from(code: Code) -> Self {
        code.as_str().to_owned()
    }
}

impl From<Code> for &'static str {
    fn from(code: Code) -> Self {
        code.as_str()
    }
}

impl PartialEq<str> for Code {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for Code {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn a_code_has_one_name_of_one_form_and_says_what_to_do() {
        let mut names = HashSet::new();
        for (index, code) in Code::ALL.iter().enumerate() {
            let name = code.as_str();
            assert!(names.insert(name), "{name} is there twice");
            assert!(name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_')), "{name}");
            assert_eq!((code.index(), Code::from_name(name)), (index, Some(*code)));
            assert!(!code.places().is_empty(), "{name}");
            for text in [code.meaning(), code.remedy()] {
                assert!(text.ends_with('.') && text.trim() == text && !text.contains('|'), "{name}: {text:?}");
            }
        }
        assert_eq!(Code::from_name("nonsense"), None);
    }

    #[test]
    fn a_code_stands_for_its_name() {
        assert_eq!(Code::ThreadBusy, "thread_busy");
        assert_eq!(serde_json::to_string(&Code::ThreadBusy).unwrap(), "\"thread_busy\"");
        assert_eq!(format!("{:>12}", Code::ThreadBusy), " thread_busy");
    }
}
