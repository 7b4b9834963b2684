//! The calls of one step that the server answers: executed at the same time, answered in their order.

use super::state::StateTool;
use super::toolbox::execute;
use crate::tool::{Tool, ToolError, ToolInvocation, ToolOutput, ToolScope};
use copilotkit_protocol::{Json, Object, ResumeEntry};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

/// A call, and what is done for it.
pub(super) struct Job {
    /// The call's id on the wire.
    pub(super) call_id: String,
    /// The tool.
    pub(super) name: String,
    pub(super) work: Work,
}

/// What is done for a call.
pub(super) enum Work {
    /// Its result is known.
    Told(Result<ToolOutput, ToolError>),
    /// It changes the shared state, when its turn comes.
    State(StateTool, Json),
    /// The tool is executed. `edited`: a person changed the arguments.
    Execute { tool: Arc<dyn Tool>, arguments: Json, edited: bool },
    /// The tool asked something while it was executed, and goes on with the answer.
    Answer { tool: Arc<dyn Tool>, arguments: Json, answer: ResumeEntry },
}

/// What became of it.
pub(super) enum Done {
    State(StateTool, Json),
    Result(Result<ToolOutput, ToolError>),
}

impl Job {
    /// Does it; what has to wait for its turn is handed on.
    pub(super) async fn run(self, scope: ToolScope, limit: Duration) -> Done {
        match self.work {
            Work::Told(result) => Done::Result(result),
            Work::State(tool, arguments) => Done::State(tool, arguments),
            Work::Execute { tool, arguments, edited } => {
                let note = edited.then(|| arguments.clone());
                let limit = tool.timeout().unwrap_or(limit);
                let call = ToolInvocation { id: self.call_id, arguments, run: scope };
                let result = execute(tool, call, None, limit).await;
                Done::Result(match note {
                    Some(arguments) => result.map(|output| with_edits(output, &arguments)),
                    None => result,
                })
            }
            Work::Answer { tool, arguments, answer } => {
                let limit = tool.timeout().unwrap_or(limit);
                let call = ToolInvocation { id: self.call_id, arguments, run: scope };
                Done::Result(execute(tool, call, Some(answer), limit).await)
            }
        }
    }
}

/// The model must know that what was done is not what it asked for, now and when it reads the history.
fn with_edits(output: ToolOutput, arguments: &Json) -> ToolOutput {
    let note = Json::of("A person changed the arguments before the call was executed.");
    let members = [("note", &note), ("arguments", arguments), ("result", &output.content)];
    ToolOutput { content: Object::from_members(members).as_json().clone(), for_model: None, ..output }
}

/// The result of a call that failed, in the form that a call gets which was never finished.
pub(super) fn error_content(error: &ToolError) -> Json {
    json!({ "status": "error", "reason": error.code, "message": error.message }).into()
}

/// A result for the model: a text as it is, anything else as JSON.
pub(super) fn model_content(content: &Json) -> String {
    content.read::<String>().unwrap_or_else(|_| content.get().to_owned())
}
