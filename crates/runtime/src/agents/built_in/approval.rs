//! Calls of server tools that a person must agree to first: which they are, how the person is asked, what an answer
//! means, and what is remembered meanwhile.

use crate::agent::{AgentError, ThreadNotes};
use crate::limits;
use crate::model::ToolSpec;
use crate::store::StoreError;
use bytes::Bytes;
use copilotkit_protocol::{Code, Interrupt, Json, Object, ResumeEntry, ResumeStatus};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// The reason of an interrupt that asks for leave. Frontends tell by it that the server answers the call itself.
pub(super) const REASON: &str = "tool_approval";

/// Which server tools are executed only when a person agrees.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Approval {
    /// None.
    #[default]
    Never,
    /// Every one.
    Always,
    /// These.
    Tools(BTreeSet<String>),
}

impl Approval {
    /// These tools, by name.
    pub fn tools(names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self::Tools(names.into_iter().map(Into::into).collect())
    }

    /// Whether a call of this tool needs leave.
    pub fn needs(&self, tool: &str) -> bool {
        match self {
            Self::Never => false,
            Self::Always => true,
            Self::Tools(names) => names.contains(tool),
        }
    }
}

/// A call that waits for leave. What is executed is what stands here, not what a page sends back as history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Waiting {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) arguments: String,
}

impl Waiting {
    /// The question.
    pub(super) fn interrupt(&self, spec: &ToolSpec) -> Interrupt {
        let mut metadata = vec![("toolName", Json::of(&self.name))];
        if self.arguments.len() <= limits::APPROVAL_SHOWN
            && let Ok(arguments) = Json::parse(self.arguments.as_str())
        {
            metadata.push(("arguments", arguments));
        }
        Interrupt {
            id: self.id.clone(),
            reason: REASON.to_owned(),
            message: Some(format!("Approve \"{}\"?", self.name)),
            tool_call_id: Some(self.id.clone()),
            response_schema: Some(response_schema(spec)),
            metadata: Some(Object::from_members(metadata.iter().map(|(key, value)| (*key, value)))),
            ..Default::default()
        }
    }
}

/// What an answer looks like. That it speaks of `editedArgs` tells the page that it may let its user change them.
fn response_schema(spec: &ToolSpec) -> Object {
    let own = spec.parameters.as_ref().filter(|schema| {
        // A reference would point into another document here.
        schema.is_object() && !schema.get().contains("\"$ref\"") && schema.get().len() <= limits::APPROVAL_SHOWN
    });
    let any = Json::from(json!({ "type": "object" }));
    let (approved, reason) = (Json::from(json!({ "type": "boolean" })), Json::from(json!({ "type": "string" })));
    let properties =
        Object::from_members([("approved", &approved), ("editedArgs", own.unwrap_or(&any)), ("reason", &reason)]);
    Object::from_members([
        ("type", &Json::of("object")),
        ("properties", properties.as_json()),
        ("required", &Json::of(&["approved"])),
    ])
}

/// What a person decided.
#[derive(Debug, PartialEq)]
pub(super) enum Decision {
    /// The call is executed, with other arguments where there are any.
    Approved { edited: Option<String> },
    /// It is not, for a reason that may be told.
    Rejected { reason: Option<String> },
    /// Nobody decided, and nobody will.
    Cancelled,
}

/// Reads an answer: `{approved, editedArgs?, reason?}`, `true`, `false`, or one of a few words. Whatever else it is, it
/// is no leave.
pub(super) fn decision(entry: &ResumeEntry) -> Result<Decision, AgentError> {
    if entry.status == ResumeStatus::Cancelled {
        return Ok(Decision::Cancelled);
    }
    let unclear = |what: &str| Err(invalid(&entry.interrupt_id, what));
    let payload = entry.payload.as_ref().map_or(Value::Null, Json::to_value);
    let (approved, members) = match &payload {
        Value::Bool(approved) => (Some(*approved), None),
        Value::String(word) => (said(word), None),
        Value::Object(members) => (members.get("approved").and_then(Value::as_bool), Some(members)),
        _ => (None, None),
    };
    let text = |name| members.and_then(|members| members.get(name)).and_then(Value::as_str).map(str::to_owned);
    match approved {
        None => unclear("says neither yes nor no: send {\"approved\": true} or {\"approved\": false}"),
        Some(false) => Ok(Decision::Rejected { reason: text("reason").or_else(|| text("message")) }),
        Some(true) => match members.and_then(|members| members.get("editedArgs")) {
            None | Some(Value::Null) => Ok(Decision::Approved { edited: None }),
            // As it was written: numbers and the order of keys are the person's.
            Some(Value::Object(_)) => {
                let object = entry.payload.clone().and_then(|payload| Object::try_from(payload).ok());
                let members = object.map(|object| object.members()).unwrap_or_default();
                let edited = members.into_iter().rfind(|(key, _)| key == "editedArgs");
                Ok(Decision::Approved { edited: edited.map(|(_, value)| value.get().to_owned()) })
            }
            Some(_) => unclear("has `editedArgs` that are no object"),
        },
    }
}

fn said(word: &str) -> Option<bool> {
    match word.trim().to_ascii_lowercase().as_str() {
        "approve" | "approved" => Some(true),
        "reject" | "rejected" | "deny" | "denied" => Some(false),
        _ => None,
    }
}

/// An answer that is none.
pub(super) fn invalid(interrupt_id: &str, what: &str) -> AgentError {
    let message = format!("The answer to the interrupt `{interrupt_id}` {what}. Nothing was executed.");
    AgentError::new(Code::ResumeInvalid, message)
}

/// The calls of a thread that wait for leave. They are kept with the thread, so that a page can neither approve what the
/// model never asked for, nor have a call executed twice.
#[derive(Debug)]
pub(super) struct Ledger {
    notes: Option<ThreadNotes>,
    key: String,
    waiting: Vec<Waiting>,
}

impl Ledger {
    /// What is kept for an agent. Without `needed` nothing is read.
    pub(super) async fn read(notes: Option<ThreadNotes>, agent_id: &str, needed: bool) -> Result<Self, AgentError> {
        let key = format!("approvals/{agent_id}");
        let kept = match &notes {
            Some(notes) if needed => notes.get(&key).await.map_err(failed)?,
            _ => None,
        };
        let waiting = match kept {
            None => Vec::new(),
            Some(bytes) => serde_json::from_slice(&bytes).map_err(|error| {
                tracing::error!(%error, "what a thread keeps of calls that wait for approval cannot be read");
                AgentError::new(Code::StoreUnavailable, "The calls that wait for approval could not be read.")
            })?,
        };
        Ok(Self { notes, key, waiting })
    }

    /// False where nothing can be kept: then the history that a page sends must be believed.
    pub(super) fn is_kept(&self) -> bool {
        self.notes.is_some()
    }

    pub(super) fn find(&self, call_id: &str) -> Option<&Waiting> {
        self.waiting.iter().find(|waiting| waiting.id == call_id)
    }

    /// From now on these wait, and no others.
    pub(super) async fn keep(&mut self, waiting: Vec<Waiting>) -> Result<(), AgentError> {
        if waiting != self.waiting
            && let Some(notes) = &self.notes
        {
            let value = (!waiting.is_empty()).then(|| Bytes::from(copilotkit_protocol::to_vec(&waiting)));
            notes.set(&self.key, value).await.map_err(failed)?;
        }
        self.waiting = waiting;
        Ok(())
    }
}

fn failed(error: StoreError) -> AgentError {
    tracing::error!(%error, "calls that wait for approval could not be kept");
    let retryable = error.is_retryable();
    let message = "The calls that wait for approval could not be kept. Nothing was executed.".to_owned();
    AgentError { code: error.code().into(), message, retryable }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: ResumeStatus, payload: Option<&str>) -> Result<Decision, String> {
        let payload = payload.map(|text| Json::parse(text).unwrap());
        decision(&ResumeEntry { interrupt_id: "i".into(), status, payload, ..Default::default() })
            .map_err(|error| error.code)
    }

    #[test]
    fn only_a_clear_yes_is_leave() {
        let resolved = |payload| answer(ResumeStatus::Resolved, payload);
        let yes = || Ok(Decision::Approved { edited: None });
        let no = |reason: Option<&str>| Ok(Decision::Rejected { reason: reason.map(str::to_owned) });
        for payload in [r#"{"approved":true}"#, "true", r#""Approve""#, r#"{"approved":true,"editedArgs":null}"#] {
            assert_eq!(resolved(Some(payload)), yes(), "{payload}");
        }
        for payload in ["false", r#"{"approved":false}"#, r#""denied""#] {
            assert_eq!(resolved(Some(payload)), no(None), "{payload}");
        }
        assert_eq!(resolved(Some(r#"{"approved":false,"reason":"too dear"}"#)), no(Some("too dear")));
        let edited = r#"{"approved":true,"editedArgs":{"b":1.0,"a":2}}"#;
        assert_eq!(resolved(Some(edited)), Ok(Decision::Approved { edited: Some(r#"{"b":1.0,"a":2}"#.into()) }));
        for payload in ["{}", "1", r#""maybe""#, r#"{"approved":"true"}"#, r#"{"approved":true,"editedArgs":[]}"#, "[]"]
        {
            assert_eq!(resolved(Some(payload)), Err("resume_invalid".into()), "{payload}");
        }
        assert_eq!(resolved(None), Err("resume_invalid".into()));
        assert_eq!(answer(ResumeStatus::Cancelled, Some("true")), Ok(Decision::Cancelled));
    }

    #[test]
    fn the_question_says_what_is_asked_and_how_to_answer() {
        let schema = Json::parse(r#"{"type":"object","properties":{"z":{},"a":{}}}"#).unwrap();
        let spec = ToolSpec { name: "pay".into(), parameters: Some(schema), ..Default::default() };
        let waiting = Waiting { id: "c".into(), name: "pay".into(), arguments: r#"{"z":1}"#.into() };
        let interrupt = waiting.interrupt(&spec);
        assert_eq!(interrupt.message.as_deref(), Some("Approve \"pay\"?"));
        assert_eq!(interrupt.metadata.unwrap().get(), r#"{"toolName":"pay","arguments":{"z":1}}"#);
        assert_eq!(
            interrupt.response_schema.unwrap().get(),
            r#"{"type":"object","properties":{"approved":{"type":"boolean"},"editedArgs":{"type":"object","properties":{"z":{},"a":{}}},"reason":{"type":"string"}},"required":["approved"]}"#
        );
        let large = Waiting { arguments: format!(r#"{{"z":"{}"}}"#, "x".repeat(limits::APPROVAL_SHOWN)), ..waiting };
        assert_eq!(large.interrupt(&ToolSpec::default()).metadata.unwrap().get(), r#"{"toolName":"pay"}"#);
    }
}
