//! Inputs, outcomes, interrupts, usage and patches.

use super::ProtoError;
use super::convert::{Proto, pair};
use super::value;
use super::wire::{self as w, JsonPatchOperationType as Operation};
use crate::input::*;
use crate::message::{Context, Tool};
use crate::wire::{Extra, Json, JsonPatch, Object, to_vec};

pair!(Tool = Tool { name "name", description "description", parameters "parameters", metadata "metadata" });
pair!(Context = Context { description "description", value "value" });
pair!(ResumeEntry = ResumeEntry {
    interrupt_id "interruptId", status "status", payload "payload", metadata "metadata",
});
pair!(Interrupt = Interrupt {
    id "id", reason "reason", message "message", tool_call_id "toolCallId", response_schema "responseSchema",
    expires_at "expiresAt", metadata "metadata", subagent_run_id "subagentRunId",
});
pair!(TokenUsage = Usage {
    provider "provider", model "model", input_tokens "inputTokens", output_tokens "outputTokens",
    total_tokens "totalTokens", reasoning_tokens "reasoningTokens", cached_input_tokens "cachedInputTokens",
    cache_write_input_tokens "cacheWriteInputTokens",
});

impl Proto<Option<w::RunAgentInput>> for Option<Box<RunAgentInput>> {
    fn to_field(&self) -> Option<w::RunAgentInput> {
        self.as_ref().map(|input| w::RunAgentInput {
            thread_id: input.thread_id.to_field(),
            run_id: input.run_id.to_field(),
            parent_run_id: input.parent_run_id.to_field(),
            state: input.state.to_field(),
            messages: input.messages.to_field(),
            tools: input.tools.to_field(),
            context: input.context.to_field(),
            forwarded_props: input.forwarded_props.to_field(),
            resume: input.resume.to_field(),
            protocol_version: input.protocol_version.to_field(),
        })
    }
    fn from_field(field: Option<w::RunAgentInput>) -> Result<Self, ProtoError> {
        let Some(field) = field else { return Ok(None) };
        Ok(Some(Box::new(RunAgentInput {
            thread_id: field.thread_id,
            run_id: field.run_id,
            protocol_version: field.protocol_version,
            parent_run_id: field.parent_run_id,
            state: Proto::from_field(field.state).map_err(|error: ProtoError| error.at("state"))?,
            messages: Proto::from_field(field.messages).map_err(|error: ProtoError| error.at("messages"))?,
            tools: Proto::from_field(field.tools).map_err(|error: ProtoError| error.at("tools"))?,
            context: Proto::from_field(field.context).map_err(|error: ProtoError| error.at("context"))?,
            forwarded_props: Proto::from_field(field.forwarded_props)
                .map_err(|error: ProtoError| error.at("forwardedProps"))?,
            // An absent list and an empty one have the same bytes; the reference client reads the empty one.
            resume: Vec::from_field(field.resume).map(Some).map_err(|error: ProtoError| error.at("resume"))?,
            extra: Extra::default(),
        })))
    }
}

/// How a run ended, as its three fields.
#[derive(Default)]
pub(super) struct Outcome {
    pub(super) name: String,
    pub(super) interrupts: Vec<w::Interrupt>,
    pub(super) pending_tool_call_ids: Vec<String>,
}

pub(super) fn outcome(outcome: Option<&RunFinishedOutcome>) -> Outcome {
    let named = |name: &str| Outcome { name: name.to_owned(), ..Default::default() };
    match outcome {
        None => Outcome::default(),
        Some(RunFinishedOutcome::Success(success)) => {
            Outcome { pending_tool_call_ids: success.pending_tool_call_ids.to_field(), ..named("success") }
        }
        Some(RunFinishedOutcome::Interrupt(interrupt)) => {
            Outcome { interrupts: interrupt.interrupts.to_field(), ..named("interrupt") }
        }
        Some(RunFinishedOutcome::Cancelled(_)) => named("cancelled"),
        Some(RunFinishedOutcome::Unknown(json)) => named(&type_of(json)),
    }
}

pub(super) fn read_outcome(fields: Outcome) -> Result<Option<RunFinishedOutcome>, ProtoError> {
    let interrupts = |interrupts| {
        Vec::<Interrupt>::from_field(interrupts).map_err(|error: ProtoError| error.at("interrupts").at("outcome"))
    };
    let extra = Extra::default();
    Ok(Some(match fields.name.as_str() {
        "" => return Ok(None),
        "success" => {
            let pending_tool_call_ids = Proto::from_field(fields.pending_tool_call_ids)?;
            SuccessOutcome { pending_tool_call_ids, extra }.into()
        }
        "interrupt" => InterruptOutcome { interrupts: interrupts(fields.interrupts)?, extra }.into(),
        "cancelled" => CancelledOutcome { extra }.into(),
        other => {
            let mut members = vec![("type", Json::of(other))];
            if !fields.pending_tool_call_ids.is_empty() {
                members.push(("pendingToolCallIds", Json::of(&fields.pending_tool_call_ids)));
            }
            if !fields.interrupts.is_empty() {
                members.push(("interrupts", Json::of(&interrupts(fields.interrupts)?)));
            }
            RunFinishedOutcome::Unknown(object(&members))
        }
    }))
}

pub(super) fn subagent_outcome(outcome: Option<&SubagentFinishedOutcome>) -> (String, Vec<String>) {
    match outcome {
        None => Default::default(),
        Some(SubagentFinishedOutcome::Success(_)) => ("success".to_owned(), Vec::new()),
        Some(SubagentFinishedOutcome::Suspended(suspended)) => {
            ("suspended".to_owned(), suspended.interrupt_ids.to_field())
        }
        Some(SubagentFinishedOutcome::Unknown(json)) => (type_of(json), Vec::new()),
    }
}

pub(super) fn read_subagent_outcome(
    name: &str,
    ids: Vec<String>,
) -> Result<Option<SubagentFinishedOutcome>, ProtoError> {
    let extra = Extra::default();
    Ok(Some(match name {
        "" => return Ok(None),
        "success" => SubagentSuccessOutcome { extra }.into(),
        "suspended" => SubagentSuspendedOutcome { interrupt_ids: Proto::from_field(ids)?, extra }.into(),
        other => {
            let mut members = vec![("type", Json::of(other))];
            if !ids.is_empty() {
                members.push(("interruptIds", Json::of(&ids)));
            }
            SubagentFinishedOutcome::Unknown(object(&members))
        }
    }))
}

fn object(members: &[(&str, Json)]) -> Json {
    Object::from_members(members.iter().map(|(key, value)| (*key, value))).as_json().clone()
}

/// The `type` of an outcome of a later version.
fn type_of(json: &Json) -> String {
    crate::wire::tag_of(json.get(), "type").map(std::borrow::Cow::into_owned).unwrap_or_default()
}

const OPERATIONS: [(Operation, &str); 6] = [
    (Operation::Add, "add"),
    (Operation::Remove, "remove"),
    (Operation::Replace, "replace"),
    (Operation::Move, "move"),
    (Operation::Copy, "copy"),
    (Operation::Test, "test"),
];

impl Proto<Vec<w::JsonPatchOperation>> for JsonPatch {
    /// Operations that JSON Patch does not define have no number and are left out; members that it does not define too.
    fn to_field(&self) -> Vec<w::JsonPatchOperation> {
        let operations: Vec<Json> = self.as_json().read().unwrap_or_default();
        let operation = |json: Json| {
            let mut kind = None;
            let mut fields = w::JsonPatchOperation::default();
            for (key, value) in Object::try_from(json).ok()?.members() {
                match key.as_str() {
                    "op" => {
                        let name: String = value.read().ok()?;
                        kind = OPERATIONS.iter().find(|(_, known)| *known == name).map(|(kind, _)| *kind);
                    }
                    "path" => fields.path = value.read().ok()?,
                    "from" => fields.from = value.read().ok()?,
                    "value" => fields.value = Some(value::value(&value)),
                    _ => {}
                }
            }
            fields.op = kind? as i32;
            Some(fields)
        };
        operations.into_iter().filter_map(operation).collect()
    }

    /// An operation of a later version keeps its number as its name: no client applies it.
    fn from_field(field: Vec<w::JsonPatchOperation>) -> Result<Self, ProtoError> {
        let mut operations = Vec::with_capacity(field.len());
        for (index, fields) in field.into_iter().enumerate() {
            let known = OPERATIONS.iter().find(|(kind, _)| *kind as i32 == fields.op);
            let name = known.map_or_else(|| fields.op.to_string(), |(_, name)| (*name).to_owned());
            let mut members = vec![("op", Json::of(&name)), ("path", Json::of(&fields.path))];
            if let Some(from) = &fields.from {
                members.push(("from", Json::of(from)));
            }
            if let Some(value) = &fields.value {
                let json = value::json(value).map_err(|error| error.at("value").at(&format!("[{index}]")))?;
                members.extend(json.map(|json| ("value", json)));
            }
            operations.push(object(&members));
        }
        let text = String::from_utf8(to_vec(&operations)).unwrap_or_default();
        Self::try_from(Json::parse(text)?).map_err(|_| ProtoError::invalid("expected an array of operations"))
    }
}
