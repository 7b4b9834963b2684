//! Values that a service wants back with the history travel in an envelope that says whose they are, so that another
//! service never gets them.

use serde::{Deserialize, Serialize};

/// A value and whose it is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Envelope {
    /// The vendor.
    #[serde(rename = "p")]
    pub(crate) provider: String,
    /// What it is.
    #[serde(rename = "k")]
    pub(crate) kind: String,
    /// The value.
    #[serde(rename = "v")]
    pub(crate) value: String,
    /// The id that the value has at the vendor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) id: Option<String>,
    /// How many blocks of reasoning it stands for, itself included.
    #[serde(rename = "n", default, skip_serializing_if = "Option::is_none")]
    pub(crate) blocks: Option<usize>,
}

/// The vendor of Gemini, whichever way it is reached.
pub(crate) const GOOGLE: &str = "google";
/// The kind of a signature beside a call of Gemini.
pub(crate) const THOUGHT_SIGNATURE: &str = "thought_signature";

impl Envelope {
    pub(crate) fn new(provider: &str, kind: &str, value: impl Into<String>) -> Self {
        Self { provider: provider.to_owned(), kind: kind.to_owned(), value: value.into(), id: None, blocks: None }
    }

    /// Gemini's signature of a tool call.
    pub(crate) fn thought_signature(value: &str) -> String {
        Self::new(GOOGLE, THOUGHT_SIGNATURE, value).seal()
    }

    /// Gemini's signature, if `text` is one.
    pub(crate) fn read_thought_signature(text: &str) -> Option<String> {
        Self::open(text, GOOGLE).filter(|envelope| envelope.kind == THOUGHT_SIGNATURE).map(|envelope| envelope.value)
    }

    /// As the text that a page keeps.
    pub(crate) fn seal(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Reads a text that a page has kept, if it is an envelope of this vendor.
    pub(crate) fn open(text: &str, provider: &str) -> Option<Self> {
        serde_json::from_str::<Self>(text).ok().filter(|envelope| envelope.provider == provider)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_comes_back_to_its_vendor_alone() {
        let sealed = Envelope::thought_signature("Cq8B+gs==");
        assert_eq!(sealed, r#"{"p":"google","k":"thought_signature","v":"Cq8B+gs=="}"#);
        assert_eq!(Envelope::read_thought_signature(&sealed).as_deref(), Some("Cq8B+gs=="));
        for foreign in
            ["", "Cq8B", r#"{"p":"anthropic","k":"thinking","v":"x"}"#, r#"{"p":"google","k":"other","v":"x"}"#]
        {
            assert_eq!(Envelope::read_thought_signature(foreign), None);
        }
        assert_eq!(Envelope::open(&sealed, "anthropic"), None);
    }
}
