//! The two tools by which a model changes the shared state.

use super::prompt::{STATE_DELTA_TOOL, STATE_SNAPSHOT_TOOL, known_state};
use crate::model::ToolSpec;
use crate::tool::ToolError;
use copilotkit_protocol::patch::{self, PatchError};
use copilotkit_protocol::{Emitted, Json, JsonPatch, Object, RunAgentInput, StateDelta, StateSnapshot};
use serde::Deserialize;
use serde_json::{Value, json};

/// Which of the two tools.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StateTool {
    Snapshot,
    Delta,
}

impl StateTool {
    pub(super) const ALL: [Self; 2] = [Self::Snapshot, Self::Delta];

    /// What the model is told. Names and schemas are those of the reference runtime, which prompts refer to.
    pub(super) fn spec(self) -> ToolSpec {
        let (name, description, parameters) = match self {
            Self::Snapshot => (
                STATE_SNAPSHOT_TOOL,
                "Sets the application's state to a new one. Everything that the new state does not hold is gone.",
                json!({
                    "type": "object",
                    "properties": { "snapshot": { "description": "The whole new state" } },
                    "additionalProperties": false,
                }),
            ),
            Self::Delta => (
                STATE_DELTA_TOOL,
                "Changes parts of the application's state by the operations of a JSON Patch (RFC 6902).",
                json!({
                    "type": "object",
                    "properties": { "delta": {
                        "type": "array",
                        "description": "The operations, applied one after the other",
                        "items": {
                            "type": "object",
                            "properties": {
                                "op": { "type": "string", "enum": ["add", "replace", "remove"], "description": "What to do" },
                                "path": { "type": "string", "description": "A JSON Pointer such as /items/0" },
                                "value": { "description": "The new value, for add and replace" },
                            },
                            "required": ["op", "path"],
                            "additionalProperties": false,
                        },
                    } },
                    "required": ["delta"],
                    "additionalProperties": false,
                }),
            ),
        };
        ToolSpec { name: name.into(), description: description.into(), parameters: Some(parameters.into()) }
    }
}

/// The state as the page knows it in this run.
pub(super) struct SharedState {
    /// The state that the run was started with, until the page was told of it.
    initial: Option<Json>,
    current: Value,
}

impl SharedState {
    pub(super) fn new(input: &RunAgentInput) -> Self {
        let initial = known_state(input).cloned();
        let current = initial.as_ref().map_or_else(|| json!({}), Json::to_value);
        Self { initial, current }
    }

    /// Executes a call whose arguments passed the schema: the result, and the events that go before it.
    pub(super) fn call(
        &mut self,
        tool: StateTool,
        arguments: &Json,
        events: &mut Vec<Emitted>,
    ) -> Result<Json, ToolError> {
        let name = if tool == StateTool::Snapshot { "snapshot" } else { "delta" };
        let member = Object::try_from(arguments.clone())
            .ok()
            .and_then(|object| object.members().into_iter().rfind(|(key, _)| key == name))
            .map(|(_, value)| value)
            .ok_or_else(|| wrong(format!("the member `{name}` is missing")))?;
        match tool {
            StateTool::Snapshot => {
                self.initial = None;
                self.current = member.to_value();
                events.push(StateSnapshot { snapshot: member.clone(), ..Default::default() }.into());
            }
            StateTool::Delta => {
                let delta = self.apply(&member)?;
                if let Some(snapshot) = self.initial.take() {
                    events.push(StateSnapshot { snapshot, ..Default::default() }.into());
                }
                events.push(StateDelta { delta, ..Default::default() }.into());
            }
        }
        Ok(Json::parse(format!(r#"{{"success":true,"{name}":{}}}"#, member.get())).unwrap_or_default())
    }

    /// Applies all operations or none, and returns them with those that had to be added.
    fn apply(&mut self, delta: &Json) -> Result<JsonPatch, ToolError> {
        let operations: Vec<Json> = delta.read().map_err(|error| wrong(error.to_string()))?;
        let mut next = self.current.clone();
        let mut text = String::from("[");
        for (index, operation) in operations.iter().enumerate() {
            let made = missing_array(&next, operation)
                .map(|path| Json::from(json!({ "op": "add", "path": path, "value": [] })));
            for operation in made.iter().chain([operation]) {
                apply_one(&mut next, operation)
                    .map_err(|what| wrong(format!("operation {index} does not apply: {what}")))?;
                push(&mut text, operation.get());
            }
        }
        text.push(']');
        self.current = next;
        let json = Json::parse(text).map_err(|error| wrong(error.to_string()))?;
        JsonPatch::try_from(json).map_err(|_| wrong("the operations are no list".to_owned()))
    }
}

fn push(text: &mut String, operation: &str) {
    if text.len() > 1 {
        text.push(',');
    }
    text.push_str(operation);
}

fn apply_one(state: &mut Value, operation: &Json) -> Result<(), String> {
    let patch = JsonPatch::try_from(Json::of(&[operation])).map_err(|_| "it is no operation".to_owned())?;
    patch::apply(state, &patch).map_err(|error| match error {
        PatchError::Malformed { reason, .. } | PatchError::Unappliable { reason, .. } => reason,
        other => other.to_string(),
    })
}

/// Models append to lists that are not there yet. The path of the list that must be made first, where its parent exists.
fn missing_array(state: &Value, operation: &Json) -> Option<String> {
    #[derive(Deserialize)]
    struct Place {
        op: String,
        path: String,
    }
    let place: Place = operation.read().ok()?;
    let path = if place.op == "add" { place.path } else { return None };
    let list = path.strip_suffix("/-")?;
    let (parent, _) = list.rsplit_once('/')?;
    let makes_sense = state.pointer(list).is_none() && state.pointer(parent).is_some_and(Value::is_object);
    makes_sense.then(|| list.to_owned())
}

fn wrong(message: String) -> ToolError {
    ToolError { code: "tool_arguments", message: format!("{message}. The state is unchanged.") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(state: &mut SharedState, tool: StateTool, arguments: &str) -> (Result<Json, ToolError>, Vec<String>) {
        let mut events = Vec::new();
        let result = state.call(tool, &Json::parse(arguments).unwrap(), &mut events);
        (result, events.iter().map(|event| String::from_utf8(event.to_json().to_vec()).unwrap()).collect())
    }

    fn state(json: &str) -> SharedState {
        SharedState::new(&RunAgentInput { state: Some(Json::parse(json).unwrap()), ..Default::default() })
    }

    #[test]
    fn the_first_delta_follows_a_snapshot_of_the_input() {
        let mut state = state(r#"{"z":1,"a":{}}"#);
        let (_, events) = call(
            &mut state,
            StateTool::Delta,
            r#"{"delta":[{"op":"add","path":"/a/l/-","value":1},{"op":"add","path":"/a/l/-","value":2}]}"#,
        );
        assert_eq!(
            events,
            [
                r#"{"type":"STATE_SNAPSHOT","snapshot":{"z":1,"a":{}}}"#,
                r#"{"type":"STATE_DELTA","delta":[{"op":"add","path":"/a/l","value":[]},{"op":"add","path":"/a/l/-","value":1},{"op":"add","path":"/a/l/-","value":2}]}"#
            ]
        );
        let (_, events) = call(&mut state, StateTool::Delta, r#"{"delta":[{"op":"remove","path":"/a/l/1"}]}"#);
        assert_eq!(events, [r#"{"type":"STATE_DELTA","delta":[{"op":"remove","path":"/a/l/1"}]}"#]);
        assert_eq!(state.current, json!({"z": 1, "a": {"l": [1]}}));
    }

    #[test]
    fn a_delta_that_does_not_apply_changes_nothing() {
        let mut state = state(r#"{"a":1}"#);
        let delta = r#"{"delta":[{"op":"replace","path":"/a","value":2},{"op":"remove","path":"/nope"}]}"#;
        let (result, events) = call(&mut state, StateTool::Delta, delta);
        assert!(result.unwrap_err().message.starts_with("operation 1 does not apply"));
        assert!(events.is_empty());
        assert_eq!(state.current, json!({"a": 1}));
    }

    #[test]
    fn a_snapshot_replaces_and_needs_its_member() {
        let mut state = state(r#"{"a":1}"#);
        assert!(call(&mut state, StateTool::Snapshot, "{}").0.is_err());
        let (result, events) = call(&mut state, StateTool::Snapshot, r#"{"snapshot":{"b":1.0}}"#);
        assert_eq!(result.unwrap().get(), r#"{"success":true,"snapshot":{"b":1.0}}"#);
        assert_eq!(events, [r#"{"type":"STATE_SNAPSHOT","snapshot":{"b":1.0}}"#]);
        let (_, events) = call(&mut state, StateTool::Delta, r#"{"delta":[{"op":"remove","path":"/b"}]}"#);
        assert_eq!(events.len(), 1, "the page knows the state already");
    }
}
