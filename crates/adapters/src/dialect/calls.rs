//! Tool calls of dialects that say which call a piece belongs to.

use super::protocol;
use copilotkit_runtime::model::{ModelError, ModelEvent};

/// The most calls in one answer; more is a stream gone wrong.
pub(crate) const CALLS_MAX: usize = 512;

/// The tool calls of one answer.
#[derive(Debug)]
pub(crate) struct Calls {
    id_prefix: String,
    calls: Vec<Call>,
}

#[derive(Debug)]
struct Call {
    /// What the dialect knows it by.
    key: u64,
    /// What the agent knows it by.
    id: String,
    has_arguments: bool,
    ended: bool,
}

impl Calls {
    /// `id_prefix` begins the ids that are minted for calls without one.
    pub(crate) fn new(id_prefix: String) -> Self {
        Self { id_prefix, calls: Vec::new() }
    }

    /// True once a call has been started.
    pub(crate) fn any(&self) -> bool {
        !self.calls.is_empty()
    }

    /// True while the call of this key is open.
    pub(crate) fn is_open(&self, key: u64) -> bool {
        self.calls.iter().rev().any(|call| call.key == key && !call.ended)
    }

    /// Begins a call. A blank id, or one that another call of this answer has, is replaced.
    ///
    /// # Errors
    /// No name, or more calls than can be meant.
    pub(crate) fn start(
        &mut self,
        key: u64,
        id: Option<&str>,
        name: Option<&str>,
        out: &mut Vec<ModelEvent>,
    ) -> Result<(), ModelError> {
        let name = name.ok_or_else(|| protocol("a tool call came without a name"))?;
        if self.calls.len() >= CALLS_MAX {
            return Err(protocol("the answer holds more tool calls than can be meant"));
        }
        let free = |id: &&str| self.calls.iter().all(|call| call.id != **id);
        let minted = || format!("{}{}", self.id_prefix, self.calls.len() + 1);
        let id = id.filter(free).map_or_else(minted, str::to_owned);
        out.push(ModelEvent::ToolCallStart { id: id.clone(), name: name.to_owned() });
        self.calls.push(Call { key, id, has_arguments: false, ended: false });
        Ok(())
    }

    /// More arguments; nothing for a call that is not open.
    pub(crate) fn delta(&mut self, key: u64, piece: &str, out: &mut Vec<ModelEvent>) {
        if let Some(call) = self.open(key).filter(|_| !piece.is_empty()) {
            call.has_arguments = true;
            out.push(ModelEvent::ToolCallDelta { id: call.id.clone(), delta: piece.to_owned() });
        }
    }

    /// The whole arguments, for a call that got no pieces.
    pub(crate) fn whole(&mut self, key: u64, arguments: &str, out: &mut Vec<ModelEvent>) {
        if self.open(key).is_some_and(|call| !call.has_arguments) {
            self.delta(key, arguments, out);
        }
    }

    /// A call's arguments are complete; one without any has an empty object.
    pub(crate) fn end(&mut self, key: u64, encrypted_value: Option<String>, out: &mut Vec<ModelEvent>) {
        self.whole(key, "{}", out);
        if let Some(call) = self.open(key) {
            call.ended = true;
            out.push(ModelEvent::ToolCallEnd { id: call.id.clone(), encrypted_value });
        }
    }

    /// The answer is over: ends what is open. Nothing is made up for a call that was `cut`, so that it is not taken for a
    /// whole one.
    pub(crate) fn end_all(&mut self, cut: bool, out: &mut Vec<ModelEvent>) {
        for at in 0..self.calls.len() {
            let call = &mut self.calls[at];
            if call.ended {
                continue;
            }
            if !call.has_arguments && !cut {
                out.push(ModelEvent::ToolCallDelta { id: call.id.clone(), delta: "{}".to_owned() });
            }
            call.ended = true;
            out.push(ModelEvent::ToolCallEnd { id: call.id.clone(), encrypted_value: None });
        }
    }

    fn open(&mut self, key: u64) -> Option<&mut Call> {
        self.calls.iter_mut().rev().find(|call| call.key == key && !call.ended)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_unique_and_missing_arguments_are_an_object() {
        let mut calls = Calls::new("p_".into());
        let mut out = Vec::new();
        calls.start(0, Some("a"), Some("f"), &mut out).expect("start");
        calls.end(0, None, &mut out);
        calls.start(1, Some("a"), Some("g"), &mut out).expect("start");
        calls.delta(1, "", &mut out);
        calls.end_all(true, &mut out);
        calls.end_all(false, &mut out);
        let start = |id: &str, name: &str| ModelEvent::ToolCallStart { id: id.into(), name: name.into() };
        let end = |id: &str| ModelEvent::ToolCallEnd { id: id.into(), encrypted_value: None };
        let arguments = ModelEvent::ToolCallDelta { id: "a".into(), delta: "{}".into() };
        assert_eq!(out, [start("a", "f"), arguments, end("a"), start("p_2", "g"), end("p_2")]);
        assert!(calls.start(2, None, None, &mut out).is_err());
    }
}
