//! The question of an agent, as an interrupt.

use crate::fold::TaskView;
use crate::guard::{clean, cut};
use crate::show::parts_text;
use crate::types::{PartContent, TaskState};
use copilotkit_protocol::{Interrupt, Json, Object};
use serde_json::json;

/// Why a run was interrupted: the agent needs an answer.
pub const INPUT_REQUIRED: &str = "a2a:input_required";
/// Why a run was interrupted: the agent needs the person to sign in somewhere.
pub const AUTH_REQUIRED: &str = "a2a:auth_required";

/// The longest question, in bytes.
const QUESTION: usize = 16 * 1024;

/// The question as our own agents write it beside its text, if a part is that.
pub(crate) fn told(data: &Json) -> Option<Interrupt> {
    #[derive(serde::Deserialize)]
    struct Kind {
        r#type: String,
    }
    if !data.get().contains("\"interrupt\"") || data.read::<Kind>().ok()?.r#type != "interrupt" {
        return None;
    }
    copilotkit_protocol::from_str(data.get()).ok()
}

/// The interrupt of a task that waits. `tool_call_id` is the call that it was asked by.
pub(crate) fn question(agent: &str, view: &TaskView, tool_call_id: Option<&str>) -> Interrupt {
    let said = view.status.message.as_ref().map(|message| parts_text(&message.parts)).unwrap_or_default();
    let sign_in = view.status.state == TaskState::AuthRequired;
    let said = match (said.is_empty(), sign_in) {
        (false, _) => clean(cut(&said, QUESTION).0),
        (true, true) => format!("The agent {agent} needs you to sign in."),
        (true, false) => format!("The agent {agent} needs an answer."),
    };
    let parts = view.status.message.as_ref().map(|message| message.parts.as_slice()).unwrap_or_default();
    let told = parts.iter().find_map(|part| match &part.content {
        PartContent::Data(data) => told(data),
        _ => None,
    });
    let schema = told.and_then(|told| told.response_schema).unwrap_or_else(|| {
        let answer =
            json!({ "type": "object", "properties": { "answer": { "type": "string" } }, "required": ["answer"] });
        Object::try_from(Json::from(answer)).unwrap_or_default()
    });
    let metadata = json!({ "a2a": { "agent": agent, "taskId": view.task_id, "contextId": view.context_id } });
    Interrupt {
        id: format!("a2a-{}", uuid::Uuid::new_v4()),
        reason: if sign_in { AUTH_REQUIRED } else { INPUT_REQUIRED }.to_owned(),
        message: Some(said),
        tool_call_id: tool_call_id.map(str::to_owned),
        response_schema: Some(schema),
        metadata: Object::try_from(Json::from(metadata)).ok(),
        ..Default::default()
    }
}
