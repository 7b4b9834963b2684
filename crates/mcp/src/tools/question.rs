//! Questions of a server in the middle of a call, as interrupts of the run: the call waits while the run ends, and goes on
//! in the run that brings the answer.

use crate::elicit::{Answer, Elicit, Form, Question};
use crate::error::{ErrorKind, McpError};
use crate::limits;
use crate::pool::{CallTerms, Lease};
use async_trait::async_trait;
use copilotkit_protocol::{Interrupt, Json, Object, ResumeEntry, ResumeStatus};
use copilotkit_runtime::tool::ToolInvocation;
use rmcp::model::CallToolResult;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

/// Why the run is interrupted, in AG-UI's open set.
const REASON: &str = "input_required";

/// What became of a call.
pub(super) enum Turn {
    /// It ended.
    Done(CallToolResult),
    /// It waits for a person.
    Asks(Interrupt),
}

/// Calls that wait for a person, over all runs of an agent. They are in this process: a question is gone with it.
#[derive(Clone, Default)]
pub(super) struct Parking(Arc<Mutex<HashMap<Place, Parked>>>);

/// Whose call it is. Nobody else's answer reaches it.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Place {
    principal: String,
    thread: String,
    call: String,
}

impl Place {
    fn of(call: &ToolInvocation) -> Self {
        Self {
            principal: call.run.principal.id().to_owned(),
            thread: call.run.input.thread_id.clone(),
            call: call.id.clone(),
        }
    }
}

/// A call on a task of its own.
struct Parked {
    work: JoinHandle<Result<CallToolResult, McpError>>,
    questions: mpsc::Receiver<(Question, oneshot::Sender<Answer>)>,
    /// Ends the call when nobody holds it any more.
    guard: DropGuard,
    reply: Option<oneshot::Sender<Answer>>,
    since: Instant,
}

/// Hands the questions of a call on to whoever holds it.
struct Desk(mpsc::Sender<(Question, oneshot::Sender<Answer>)>);

#[async_trait]
impl Elicit for Desk {
    async fn ask(&self, question: Question) -> Answer {
        let (reply, answer) = oneshot::channel();
        if self.0.send((question, reply)).await.is_err() {
            return Answer::Cancel;
        }
        answer.await.unwrap_or(Answer::Cancel)
    }
}

impl Parking {
    /// Calls a tool that may ask.
    pub(super) async fn call(&self, lease: &Arc<Lease>, tool: &str, call: &ToolInvocation) -> Result<Turn, McpError> {
        let (desk, questions) = mpsc::channel(1);
        let cancel = CancellationToken::new();
        let elicit: Option<Arc<dyn Elicit>> = Some(Arc::new(Desk(desk)));
        let terms = CallTerms { cancel: cancel.clone(), elicit, trace: call.run.trace.clone() };
        let (owner, tool, arguments) = (Arc::clone(lease), tool.to_owned(), call.arguments.clone());
        let work = lease.spawn(async move { owner.call_tool(&tool, &arguments, &terms).await })?;
        let guard = cancel.drop_guard();
        self.wait(call, Parked { work, questions, guard, reply: None, since: Instant::now() }).await
    }

    /// Goes on with a call that asked.
    pub(super) async fn answer(&self, call: &ToolInvocation, answer: &ResumeEntry) -> Result<Turn, McpError> {
        let parked = self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&Place::of(call));
        let Some(mut parked) = parked else {
            let message = "The question is not open any more: it waited too long, or the server was started again. The \
                           tool may have done a part of its work. Call it again if it is still wanted.";
            return Err(McpError::new(ErrorKind::Gone, message));
        };
        if let Some(reply) = parked.reply.take() {
            // Who asked may have gone; then the call has ended, and says how.
            let _ = reply.send(meant(answer));
        }
        self.wait(call, parked).await
    }

    /// Waits for the result or for the next question.
    async fn wait(&self, call: &ToolInvocation, mut parked: Parked) -> Result<Turn, McpError> {
        let stopped = || McpError::new(ErrorKind::Cancelled, "The call was stopped.");
        tokio::select! {
            biased;
            () = call.run.cancel.cancelled() => Err(stopped()),
            done = &mut parked.work => {
                parked.guard.disarm();
                done.map_err(|_| stopped())?.map(Turn::Done)
            }
            Some((question, reply)) = parked.questions.recv() => {
                parked.reply = Some(reply);
                parked.since = Instant::now();
                let interrupt = interrupt(&question);
                self.park(Place::of(call), parked)?;
                Ok(Turn::Asks(interrupt))
            }
        }
    }

    fn park(&self, place: Place, parked: Parked) -> Result<(), McpError> {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Those that nobody came back for: their questions have been given up.
        waiting.retain(|_, parked| parked.since.elapsed() < limits::QUESTION && !parked.work.is_finished());
        if waiting.len() >= limits::QUESTIONS {
            return Err(McpError::new(ErrorKind::Busy, "Too many questions wait for a person."));
        }
        waiting.insert(place, parked);
        Ok(())
    }
}

/// The question as an interrupt; the runtime gives it an id.
fn interrupt(question: &Question) -> Interrupt {
    let mut metadata = vec![("server", Json::of(&*question.server))];
    let response_schema = match &question.form {
        Form::Fields(schema) => Object::try_from(schema.clone()).ok(),
        Form::Link(url) => {
            metadata.push(("url", Json::of(url.as_str())));
            let schema =
                json!({ "type": "object", "properties": { "action": { "enum": ["accept", "decline", "cancel"] } } });
            Object::try_from(Json::from(schema)).ok()
        }
    };
    Interrupt {
        reason: REASON.to_owned(),
        message: Some(question.message.clone()),
        response_schema,
        metadata: Some(Object::from_members(metadata.iter().map(|(key, value)| (*key, value)))),
        ..Default::default()
    }
}

/// What a person meant: the fields themselves, or as MCP says it, `{"action":"accept","content":{…}}`; `false` declines.
fn meant(entry: &ResumeEntry) -> Answer {
    if entry.status == ResumeStatus::Cancelled {
        return Answer::Cancel;
    }
    match entry.payload.as_ref().map_or(Value::Null, Json::to_value) {
        Value::Bool(false) => Answer::Decline,
        Value::Object(mut members) => match members.get("action").and_then(Value::as_str) {
            Some("accept") => Answer::Accept(members.remove("content")),
            Some("decline") => Answer::Decline,
            Some("cancel") => Answer::Cancel,
            _ => Answer::Accept(Some(Value::Object(members))),
        },
        _ => Answer::Accept(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_understood_as_fields_and_as_mcp_says_them() {
        let said = |payload: Value| meant(&ResumeEntry { payload: Some(payload.into()), ..Default::default() });
        assert_eq!(said(json!({ "name": "Ada" })), Answer::Accept(Some(json!({ "name": "Ada" }))));
        assert_eq!(said(json!({ "action": "accept", "content": { "a": 1 } })), Answer::Accept(Some(json!({ "a": 1 }))));
        assert_eq!(said(json!({ "action": "decline" })), Answer::Decline);
        assert_eq!(said(json!({ "action": "cancel" })), Answer::Cancel);
        assert_eq!((said(json!(false)), said(json!(true))), (Answer::Decline, Answer::Accept(None)));
        let cancelled = ResumeEntry { status: ResumeStatus::Cancelled, ..Default::default() };
        assert_eq!(meant(&cancelled), Answer::Cancel);
    }
}
