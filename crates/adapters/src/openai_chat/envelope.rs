//! Values that a service wants back with the history travel in an envelope that says whose they are, so that another
//! service never gets them.

use serde::{Deserialize, Serialize};
use std::borrow::Cow;

#[derive(Serialize, Deserialize)]
struct Envelope<'a> {
    /// The vendor.
    #[serde(borrow)]
    p: Cow<'a, str>,
    /// What it is.
    #[serde(borrow)]
    k: Cow<'a, str>,
    /// The value.
    #[serde(borrow)]
    v: Cow<'a, str>,
}

const GOOGLE: &str = "google";
const THOUGHT_SIGNATURE: &str = "thought_signature";

/// Wraps the signature of a tool call of a Gemini model behind its compatible address.
pub(super) fn thought_signature(value: &str) -> String {
    let envelope = Envelope { p: GOOGLE.into(), k: THOUGHT_SIGNATURE.into(), v: value.into() };
    serde_json::to_string(&envelope).unwrap_or_default()
}

/// The signature, if `text` is one of those.
pub(super) fn read_thought_signature(text: &str) -> Option<String> {
    let envelope: Envelope<'_> = serde_json::from_str(text).ok()?;
    (envelope.p == GOOGLE && envelope.k == THOUGHT_SIGNATURE).then(|| envelope.v.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_comes_back_and_foreign_values_do_not() {
        assert_eq!(read_thought_signature(&thought_signature("Cq8B+gs==")).as_deref(), Some("Cq8B+gs=="));
        for foreign in
            ["", "Cq8B", r#"{"p":"anthropic","k":"thinking","v":"x"}"#, r#"{"p":"google","k":"other","v":"x"}"#]
        {
            assert_eq!(read_thought_signature(foreign), None);
        }
    }
}
