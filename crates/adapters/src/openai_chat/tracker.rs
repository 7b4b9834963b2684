//! Which call a piece belongs to. Services differ in what they repeat: the id, the index, the name, all or none.

use super::chunk::CallPiece;
use crate::dialect::{CALLS_MAX, Envelope, THOUGHT_SIGNATURE, protocol};
use copilotkit_runtime::{ModelError, ModelEvent};

/// The most bytes of arguments that wait for their call's name.
const NAMELESS_MAX: usize = 1024 * 1024;

/// The tool calls of one answer.
#[derive(Debug)]
pub(super) struct Tracker {
    calls: Vec<Call>,
    id_prefix: String,
    /// Who gets signatures back.
    provider: String,
    waiting: usize,
}

#[derive(Debug)]
struct Call {
    /// What the agent knows it by: the service's id, or one of ours.
    id: String,
    /// The id that the service gave, if any.
    given_id: Option<String>,
    index: Option<u64>,
    name: Option<String>,
    /// Arguments that came before the name.
    waiting: String,
    has_arguments: bool,
    signature: Option<String>,
}

impl Tracker {
    /// `id_prefix` begins the ids that are minted for calls without one; signatures are for the provider.
    pub(super) fn new(id_prefix: String, provider: String) -> Self {
        Self { calls: Vec::new(), id_prefix, provider, waiting: 0 }
    }

    /// True once a call has been started.
    pub(super) fn has_calls(&self) -> bool {
        self.calls.iter().any(|call| call.name.is_some())
    }

    /// Takes a piece. `before_start` is called when a call is about to be started.
    pub(super) fn piece(
        &mut self,
        piece: &CallPiece<'_>,
        out: &mut Vec<ModelEvent>,
        before_start: impl FnOnce(&mut Vec<ModelEvent>),
    ) -> Result<(), ModelError> {
        let id = piece.id.filled();
        let name = piece.function.as_ref().and_then(|function| function.name.filled());
        let arguments = piece.function.as_ref().map(|function| function.arguments()).unwrap_or_default();
        let index = piece.index.0;
        let position = match self.find(id, index, name, &arguments) {
            Some(position) => position,
            None => self.open(id, index)?,
        };
        let call = &mut self.calls[position];
        if call.given_id.is_none() {
            call.given_id = id.map(str::to_owned);
            if let (None, Some(id)) = (&call.name, id) {
                call.id = id.to_owned();
            }
        }
        if let Some(google) = piece.extra_content.as_ref().and_then(|extra| extra.google.as_ref()) {
            call.signature = google.thought_signature.filled().map(str::to_owned).or(call.signature.take());
        }
        call.has_arguments |= !arguments.is_empty();
        match (&call.name, name) {
            (Some(_), _) => {
                if !arguments.is_empty() {
                    out.push(ModelEvent::ToolCallDelta { id: call.id.clone(), delta: arguments.into_owned() });
                }
            }
            (None, Some(name)) => {
                call.name = Some(name.to_owned());
                before_start(out);
                out.push(ModelEvent::ToolCallStart { id: call.id.clone(), name: name.to_owned() });
                let mut first = std::mem::take(&mut call.waiting);
                self.waiting -= first.len();
                first.push_str(&arguments);
                if !first.is_empty() {
                    out.push(ModelEvent::ToolCallDelta { id: call.id.clone(), delta: first });
                }
            }
            (None, None) => {
                self.waiting += arguments.len();
                if self.waiting > NAMELESS_MAX {
                    return Err(protocol("the arguments of a tool call came without its name"));
                }
                call.waiting.push_str(&arguments);
            }
        }
        Ok(())
    }

    /// Ends every call in the order in which they came. Nothing is made up for one without arguments when the answer was
    /// `cut`, so that it is not taken for a whole one.
    pub(super) fn finish(&mut self, cut: bool, out: &mut Vec<ModelEvent>) -> Result<(), ModelError> {
        for call in self.calls.drain(..) {
            if call.name.is_none() {
                return Err(protocol("a tool call came without a name"));
            }
            if !call.has_arguments && !cut {
                out.push(ModelEvent::ToolCallDelta { id: call.id.clone(), delta: "{}".to_owned() });
            }
            let seal = |value: String| Envelope::new(&self.provider, THOUGHT_SIGNATURE, value).seal();
            let encrypted_value = call.signature.map(seal);
            out.push(ModelEvent::ToolCallEnd { id: call.id, encrypted_value });
        }
        Ok(())
    }

    /// By id, then by index, then by name; a piece that says nothing belongs to the latest call.
    fn find(&self, id: Option<&str>, index: Option<u64>, name: Option<&str>, arguments: &str) -> Option<usize> {
        if let Some(id) = id
            && let Some(position) = self.calls.iter().rposition(|call| call.given_id.as_deref() == Some(id))
        {
            return Some(position);
        }
        let whole_start = arguments.starts_with('{');
        if let Some(index) = index {
            let position = self.calls.iter().rposition(|call| call.index == Some(index))?;
            let call = &self.calls[position];
            // A new id on a known index begins another call only when it looks like a beginning: some services send
            // another id with every piece.
            let other_id = id.is_some() && call.given_id.is_some();
            let begins = whole_start || (name.is_some() && arguments.is_empty());
            return (!(other_id && begins)).then_some(position);
        }
        if id.is_some() {
            return None;
        }
        match name {
            Some(name) => {
                let position = self.calls.iter().rposition(|call| match &call.name {
                    Some(known) => known == name,
                    None => true,
                })?;
                let begins = whole_start && self.calls[position].has_arguments;
                (!begins).then_some(position)
            }
            None => self.calls.len().checked_sub(1),
        }
    }

    fn open(&mut self, id: Option<&str>, index: Option<u64>) -> Result<usize, ModelError> {
        let position = self.calls.len();
        if position >= CALLS_MAX {
            return Err(protocol("the answer holds more tool calls than can be meant"));
        }
        let minted = || format!("{}{}", self.id_prefix, position + 1);
        // Two calls must not share an id, whatever the service says.
        let free = |id: &&str| self.calls.iter().all(|call| call.id != **id);
        self.calls.push(Call {
            id: id.filter(free).map_or_else(minted, str::to_owned),
            given_id: id.map(str::to_owned),
            index,
            name: None,
            waiting: String::new(),
            has_arguments: false,
            signature: None,
        });
        Ok(position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use copilotkit_runtime::model::ModelErrorKind;

    /// Feeds pieces and gives `id name arguments` for each call in order.
    fn calls(pieces: &[&str]) -> Vec<(String, String, String)> {
        let mut tracker = Tracker::new("minted_".into(), "p".into());
        let mut out = Vec::new();
        for piece in pieces {
            let piece: CallPiece<'_> = serde_json::from_str(piece).expect(piece);
            tracker.piece(&piece, &mut out, |_| ()).expect("piece");
        }
        tracker.finish(false, &mut out).expect("finish");
        let mut calls: Vec<(String, String, String)> = Vec::new();
        let mut ended = 0;
        for event in out {
            match event {
                ModelEvent::ToolCallStart { id, name } => calls.push((id, name, String::new())),
                ModelEvent::ToolCallDelta { id, delta } => {
                    assert!(!delta.is_empty());
                    calls.iter_mut().find(|call| call.0 == id).expect("started").2.push_str(&delta);
                }
                ModelEvent::ToolCallEnd { .. } => ended += 1,
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(ended, calls.len());
        calls
    }

    fn call(id: &str, name: &str, arguments: &str) -> (String, String, String) {
        (id.into(), name.into(), arguments.into())
    }

    #[test]
    fn a_new_id_on_a_known_index_is_a_new_call_only_when_it_begins_one() {
        let two = calls(&[
            r#"{"index":0,"id":"a","function":{"name":"f","arguments":"{}"}}"#,
            r#"{"index":0,"id":"b","function":{"name":"g","arguments":""}}"#,
            r#"{"index":0,"function":{"arguments":"{\"x\":1}"}}"#,
        ]);
        assert_eq!(two, [call("a", "f", "{}"), call("b", "g", r#"{"x":1}"#)]);
        let one = calls(&[
            r#"{"index":0,"id":"a","function":{"name":"f","arguments":"{\"x\""}}"#,
            r#"{"index":0,"id":"b","function":{"name":"f","arguments":":1}"}}"#,
        ]);
        assert_eq!(one, [call("a", "f", r#"{"x":1}"#)]);
    }

    #[test]
    fn without_index_and_id_pieces_continue_and_whole_calls_do_not() {
        let continued = calls(&[
            r#"{"function":{"name":"f","arguments":"{\"x\""}}"#,
            r#"{"function":{"arguments":":{"}}"#,
            r#"{"function":{"name":"","arguments":"}}"}}"#,
        ]);
        assert_eq!(continued, [call("minted_1", "f", r#"{"x":{}}"#)]);
        let twins = calls(&[
            r#"{"id":"","function":{"name":"f","arguments":"{\"x\":1}"}}"#,
            r#"{"id":"","function":{"name":"f","arguments":"{\"x\":2}"}}"#,
        ]);
        assert_eq!(twins, [call("minted_1", "f", r#"{"x":1}"#), call("minted_2", "f", r#"{"x":2}"#)]);
    }

    #[test]
    fn a_late_id_does_not_change_the_one_that_was_told() {
        let late = calls(&[
            r#"{"index":0,"function":{"name":"f","arguments":""}}"#,
            r#"{"index":0,"id":"late","function":{"arguments":"{\"x\":"}}"#,
            r#"{"id":"late","function":{"arguments":"1}"}}"#,
        ]);
        assert_eq!(late, [call("minted_1", "f", r#"{"x":1}"#)]);
    }

    #[test]
    fn a_call_without_arguments_gets_an_empty_object() {
        assert_eq!(calls(&[r#"{"index":0,"id":"a","function":{"name":"f"}}"#]), [call("a", "f", "{}")]);
    }

    #[test]
    fn a_call_without_a_name_is_an_error() {
        let mut tracker = Tracker::new(String::new(), String::new());
        let piece = serde_json::from_str(r#"{"index":0,"id":"a","function":{"arguments":"{}"}}"#).expect("piece");
        tracker.piece(&piece, &mut Vec::new(), |_| ()).expect("waits");
        assert_eq!(tracker.finish(false, &mut Vec::new()).expect_err("nameless").kind, ModelErrorKind::Protocol);
    }
}
