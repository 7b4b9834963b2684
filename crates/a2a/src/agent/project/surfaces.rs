//! Surfaces as the activities that pages draw.

use crate::a2ui::{Operation, with_root};
use copilotkit_protocol::{ActivityDelta, Event, Json, JsonPatch, Object};
use copilotkit_runtime::middleware::a2ui::shape::{ACTIVITY, OPERATIONS, snapshot};
use serde_json::{Value, json};
use std::collections::HashMap;

/// The most surfaces of a thread that are remembered.
const KNOWN: usize = 100;

pub(super) struct Surfaces {
    /// Those that the thread shows.
    known: Vec<String>,
    /// What this run did with each.
    operations: HashMap<String, Vec<Operation>>,
}

impl Surfaces {
    pub(super) fn new(known: Vec<String>) -> Self {
        Self { known, operations: HashMap::new() }
    }

    pub(super) fn into_known(self) -> Vec<String> {
        self.known
    }

    /// Applies operations: a surface that this run made is shown whole, one of an earlier run is changed.
    pub(super) fn apply(&mut self, operations: Vec<Operation>, out: &mut Vec<Event>) {
        let mut touched: Vec<String> = Vec::new();
        let mut later: HashMap<String, Vec<Operation>> = HashMap::new();
        for operation in operations {
            let id = operation.surface_id.clone();
            if !touched.contains(&id) {
                touched.push(id.clone());
            }
            let is_of_earlier_run = self.known.contains(&id) && !self.operations.contains_key(&id);
            if is_of_earlier_run && !operation.creates {
                later.entry(id).or_default().push(operation);
            } else {
                self.operations.entry(id).or_default().push(operation);
            }
        }
        for id in touched {
            if let Some(operations) = later.remove(&id) {
                out.extend(change(&id, &operations));
            }
            if let Some(operations) = self.operations.get_mut(&id) {
                with_root(operations);
                out.extend(whole(&id, operations));
            }
            if !self.known.contains(&id) && self.known.len() < KNOWN {
                self.known.push(id);
            }
        }
    }
}

fn whole(id: &str, operations: &[Operation]) -> Option<Event> {
    let new: Vec<&Value> = operations.iter().map(|operation| &operation.operation).collect();
    let mut content = json!({ OPERATIONS: new });
    let old: Vec<&Value> = operations.iter().filter_map(|operation| operation.original.as_ref()).collect();
    if !old.is_empty() {
        content["operations"] = json!(old);
    }
    Some(snapshot(id, Object::try_from(Json::from(content)).ok()?))
}

fn change(id: &str, operations: &[Operation]) -> Option<Event> {
    let add = |path: &str, value: &Value| json!({ "op": "add", "path": path, "value": value });
    let mut patch = Vec::new();
    for operation in operations {
        patch.push(add(&format!("/{OPERATIONS}/-"), &operation.operation));
        if let Some(original) = &operation.original {
            patch.push(add("/operations/-", original));
        }
    }
    let patch = JsonPatch::try_from(Json::from(Value::Array(patch))).ok()?;
    let (message_id, activity_type) = (id.to_owned(), ACTIVITY.to_owned());
    Some(ActivityDelta { message_id, activity_type, patch, ..Default::default() }.into())
}
