//! `reasoning_details` of OpenRouter: typed pieces of reasoning that must come back as they were.

use serde_json::value::RawValue;
use serde_json::{Map, Value};

/// The most bytes that are kept to be sent back.
const KEPT_MAX: usize = 1024 * 1024;

/// The details of one answer. Pieces of one entry come one after the other, under its index.
#[derive(Debug, Default)]
pub(super) struct Details {
    entries: Vec<Map<String, Value>>,
    bytes: usize,
}

impl Details {
    pub(super) fn push(&mut self, piece: &RawValue) {
        self.bytes += piece.get().len();
        let Ok(pieces) = serde_json::from_str::<Vec<Map<String, Value>>>(piece.get()) else { return };
        if self.bytes > KEPT_MAX {
            // Half of it would be refused.
            self.entries.clear();
            return;
        }
        for piece in pieces {
            let same = |known: &Map<String, Value>| {
                piece.get("index").is_some_and(|index| known.get("index") == Some(index))
                    && known.get("type") == piece.get("type")
            };
            match self.entries.last_mut().filter(|known| same(known)) {
                Some(known) => join(known, piece),
                None => self.entries.push(piece),
            }
        }
    }

    /// As JSON, if there are any.
    pub(super) fn take(&mut self) -> Option<String> {
        let entries = std::mem::take(&mut self.entries);
        if entries.is_empty() { None } else { serde_json::to_string(&entries).ok() }
    }
}

fn join(known: &mut Map<String, Value>, piece: Map<String, Value>) {
    for (key, value) in piece {
        match (known.get_mut(&key), value) {
            (Some(Value::String(text)), Value::String(more)) if matches!(&*key, "text" | "summary" | "data") => {
                text.push_str(&more);
            }
            (Some(_), Value::Null) => {}
            (_, value) => {
                known.insert(key, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_of_one_entry_are_joined() {
        let mut details = Details::default();
        for piece in [
            r#"[{"type":"reasoning.text","index":0,"text":"a","signature":null}]"#,
            r#"[{"type":"reasoning.text","index":0,"text":"b","signature":"s"}]"#,
            r#"[{"type":"reasoning.encrypted","index":1,"data":"x"}]"#,
        ] {
            details.push(serde_json::from_str(piece).expect(piece));
        }
        let taken: Value = serde_json::from_str(&details.take().expect("some")).expect("JSON");
        assert_eq!(
            taken,
            serde_json::json!([
                { "type": "reasoning.text", "index": 0, "text": "ab", "signature": "s" },
                { "type": "reasoning.encrypted", "index": 1, "data": "x" },
            ])
        );
        assert_eq!(details.take(), None);
    }
}
