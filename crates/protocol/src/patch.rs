//! JSON Patch (RFC 6902) as AG-UI clients apply it: all or nothing, numbers compared by value, no way to a prototype.

use crate::wire::{Json, JsonPatch};
use json_patch::{PatchOperation, patch_unsafe};
use serde_json::Value;

/// Values that the `copy` operations of one patch may make, nested ones included: a few operations can double a
/// document again and again.
pub const MAX_COPIED_VALUES: usize = 1_000_000;

/// How deep a value may come to lie below the root of the document: what is deeper could not be read back.
pub const MAX_DEPTH: usize = 120;

/// Why a patch was not applied. Nothing of it was.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PatchError {
    /// An operation lacks a member, or a path is no JSON Pointer.
    #[error("operation {index} is malformed: {reason}")]
    Malformed {
        /// Which operation.
        index: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// The document has no such place, or a `test` failed.
    #[error("operation {index} does not apply: {reason}")]
    Unappliable {
        /// Which operation.
        index: usize,
        /// What is wrong with it.
        reason: String,
    },
}

/// Applies `patch` to `document`. Operations that RFC 6902 does not define are left out, as a 1.0 client does.
///
/// # Errors
/// When one of its operations is malformed or does not apply; the document is as it was.
pub fn apply(document: &mut Value, patch: &JsonPatch) -> Result<(), PatchError> {
    let operations = operations(patch)?;
    let simple = |operation: &PatchOperation| match operation {
        PatchOperation::Add(_) | PatchOperation::Replace(_) => true,
        PatchOperation::Remove(operation) => !operation.path.is_root(),
        _ => false,
    };
    // These three undo themselves; the others are tried on a copy.
    if operations.iter().all(simple) {
        return json_patch::patch(document, &operations).map_err(|error| unappliable(error.operation, &error));
    }
    let mut copy = document.clone();
    let mut budget = MAX_COPIED_VALUES;
    for (index, operation) in operations.iter().enumerate() {
        step(&mut copy, operation, &mut budget).map_err(|reason| PatchError::Unappliable { index, reason })?;
    }
    *document = copy;
    Ok(())
}

/// Checks the form of `patch` and gives it without the operations that RFC 6902 does not define; `None` when it holds
/// no such operation and may be passed on as it is.
///
/// # Errors
/// When an operation is malformed.
pub fn strip_unknown(patch: &JsonPatch) -> Result<Option<JsonPatch>, PatchError> {
    operations(patch)?;
    let all = elements(patch)?;
    let known: Vec<&Json> = all.iter().filter(|operation| is_known(operation)).collect();
    if known.len() == all.len() {
        return Ok(None);
    }
    Ok(JsonPatch::try_from(Json::of(&known)).ok())
}

fn unappliable(index: usize, error: &json_patch::PatchError) -> PatchError {
    PatchError::Unappliable { index, reason: format!("{} ({})", error.kind, error.path) }
}

fn step(document: &mut Value, operation: &PatchOperation, budget: &mut usize) -> Result<(), String> {
    match operation {
        PatchOperation::Test(operation) => match document.pointer(operation.path.as_str()) {
            Some(value) if same(value, &operation.value) => Ok(()),
            Some(_) => Err(format!("value did not match ({})", operation.path)),
            None => Err(format!("path is invalid ({})", operation.path)),
        },
        PatchOperation::Remove(operation) if operation.path.is_root() => {
            *document = Value::Null;
            Ok(())
        }
        PatchOperation::Copy(operation) => {
            let source = document.pointer(operation.from.as_str());
            let size = source.map_or(0, count);
            if size > *budget {
                return Err(format!("the patch copies more than {MAX_COPIED_VALUES} values"));
            }
            *budget -= size;
            fits(operation.path.as_str(), source)?;
            one(document, PatchOperation::Copy(operation.clone()))
        }
        PatchOperation::Move(operation) => {
            fits(operation.path.as_str(), document.pointer(operation.from.as_str()))?;
            one(document, PatchOperation::Move(operation.clone()))
        }
        other => one(document, other.clone()),
    }
}

fn one(document: &mut Value, operation: PatchOperation) -> Result<(), String> {
    patch_unsafe(document, &[operation]).map_err(|error| format!("{} ({})", error.kind, error.path))
}

fn fits(path: &str, value: Option<&Value>) -> Result<(), String> {
    let above = path.bytes().filter(|byte| *byte == b'/').count();
    if above + value.map_or(0, depth) > MAX_DEPTH {
        return Err(format!("the value would lie deeper than {MAX_DEPTH} levels"));
    }
    Ok(())
}

fn depth(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(depth).max().unwrap_or(0),
        Value::Object(members) => members.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

/// The number of values in a tree.
fn count(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(count).sum(),
        Value::Object(members) => members.values().map(count).sum(),
        _ => 0,
    }
}

/// Equal as JavaScript sees it: 1 and 1.0 are one number.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| same(a, b)))
        }
        _ => a == b,
    }
}

fn elements(patch: &JsonPatch) -> Result<Vec<Json>, PatchError> {
    patch.as_json().read().map_err(|error| PatchError::Malformed { index: 0, reason: error.message })
}

fn is_known(operation: &Json) -> bool {
    !matches!(op(operation).as_deref(), Some(op) if !KNOWN.contains(&op))
}

const KNOWN: [&str; 6] = ["add", "remove", "replace", "move", "copy", "test"];

/// The `op` member, if it is there and a string.
fn op(operation: &Json) -> Option<String> {
    operation.read::<Value>().ok()?.get("op")?.as_str().map(str::to_owned)
}

/// The operations that RFC 6902 defines.
fn operations(patch: &JsonPatch) -> Result<Vec<PatchOperation>, PatchError> {
    let values: Vec<Value> =
        patch.as_json().read().map_err(|error| PatchError::Malformed { index: 0, reason: error.message })?;
    let mut operations = Vec::with_capacity(values.len());
    for (index, value) in values.into_iter().enumerate() {
        let malformed = |reason| PatchError::Malformed { index, reason };
        if value.get("op").and_then(Value::as_str).is_some_and(|op| !KNOWN.contains(&op)) {
            continue;
        }
        let operation: PatchOperation = serde_json::from_value(value).map_err(|error| malformed(error.to_string()))?;
        let (from, value) = match &operation {
            PatchOperation::Move(operation) => (Some(operation.from.as_str()), None),
            PatchOperation::Copy(operation) => (Some(operation.from.as_str()), None),
            PatchOperation::Add(operation) => (None, Some(&operation.value)),
            PatchOperation::Replace(operation) => (None, Some(&operation.value)),
            _ => (None, None),
        };
        fits(operation.path().as_str(), value).map_err(malformed)?;
        if is_prototype(operation.path().as_str()) || from.is_some_and(is_prototype) {
            return Err(malformed("a path must not go through a prototype".to_owned()));
        }
        operations.push(operation);
    }
    Ok(operations)
}

/// `__proto__`, or `prototype` of a `constructor`: JavaScript clients refuse these.
fn is_prototype(path: &str) -> bool {
    let mut before = "";
    path.split('/').any(|token| {
        let found = token == "__proto__" || token == "prototype" && before == "constructor";
        before = token;
        found
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn patch(value: Value) -> JsonPatch {
        JsonPatch::try_from(Json::from(value)).unwrap()
    }

    fn applied(document: Value, operations: Value) -> Result<Value, PatchError> {
        let mut document = document;
        apply(&mut document, &patch(operations)).map(|()| document)
    }

    #[test]
    fn applies_each_operation() {
        for (document, operations, expected) in [
            (json!({}), json!([{"op":"add","path":"/a","value":null}]), json!({"a":null})),
            (json!({"a":[1]}), json!([{"op":"add","path":"/a/-","value":2}]), json!({"a":[1,2]})),
            (json!({"a":[1]}), json!([{"op":"remove","path":"/a/0","value":"left over"}]), json!({"a":[]})),
            (json!({"a":1}), json!([{"op":"replace","path":"/a","value":{"b":2}}]), json!({"a":{"b":2}})),
            (json!({"a":1}), json!([{"op":"move","from":"/a","path":"/b"}]), json!({"b":1})),
            (json!({"a":1}), json!([{"op":"copy","from":"/a","path":"/b"}]), json!({"a":1,"b":1})),
            (json!({"a":1}), json!([{"op":"test","path":"/a","value":1.0}]), json!({"a":1})),
            (json!({"a":1}), json!([{"op":"replace","path":"","value":7}]), json!(7)),
            (json!({"a":1}), json!([{"op":"remove","path":""}]), json!(null)),
            (json!({"a/b":1,"~":2}), json!([{"op":"replace","path":"/a~1b","value":3}]), json!({"a/b":3,"~":2})),
            (
                json!({"n":1}),
                json!([{"op":"increment","path":"/n"},{"op":"replace","path":"/n","value":5}]),
                json!({"n":5}),
            ),
        ] {
            assert_eq!(applied(document, operations.clone()), Ok(expected), "{operations}");
        }
    }

    #[test]
    fn applies_nothing_when_one_operation_fails() {
        for operations in [
            json!([{"op":"replace","path":"/a","value":9},{"op":"replace","path":"/no","value":1}]),
            json!([{"op":"replace","path":"/a","value":9},{"op":"add","path":"/no/deeper","value":1}]),
            json!([{"op":"replace","path":"/a","value":9},{"op":"remove","path":"/no"}]),
            json!([{"op":"replace","path":"/a","value":9},{"op":"add","path":"/l/5","value":1}]),
            json!([{"op":"replace","path":"/a","value":9},{"op":"test","path":"/a","value":8}]),
            json!([{"op":"move","from":"/a","path":"/no/deeper"}]),
            json!([{"op":"copy","from":"/no","path":"/b"}]),
            json!([{"op":"move","from":"","path":"/x"}]),
            json!([{"op":"move","from":"/l","path":"/l/0"}]),
            json!([{"op":"move","from":"/no","path":""}]),
        ] {
            let mut document = json!({"a":1,"l":[]});
            let error = apply(&mut document, &patch(operations.clone()));
            assert!(matches!(error, Err(PatchError::Unappliable { .. })), "{operations}: {error:?}");
            assert_eq!(document, json!({"a":1,"l":[]}), "{operations}");
        }
    }

    #[test]
    fn refuses_what_is_malformed() {
        for operations in [
            json!([{"op":"add","path":"/a"}]),
            json!([{"op":"add","path":"a","value":1}]),
            json!([{"op":"add","path":"/~2","value":1}]),
            json!([{"op":"move","path":"/a"}]),
            json!([{"path":"/a","value":1}]),
            json!([{"op":7,"path":"/a","value":1}]),
            json!([1]),
            json!([{"op":"add","path":"/__proto__/x","value":1}]),
            json!([{"op":"add","path":"/constructor/prototype/x","value":1}]),
            json!([{"op":"copy","from":"/__proto__","path":"/x"}]),
        ] {
            let error = applied(json!({"a":1}), operations.clone());
            assert!(matches!(error, Err(PatchError::Malformed { index: 0, .. })), "{operations}: {error:?}");
        }
    }

    #[test]
    fn copies_are_bounded() {
        let doubling: Vec<Value> = (0..40).map(|_| json!({"op":"copy","from":"/a","path":"/a/-"})).collect();
        let mut document = json!({"a":[1]});
        assert!(apply(&mut document, &patch(doubling.into())).unwrap_err().to_string().contains("copies more than"));
        assert_eq!(document, json!({"a":[1]}));
    }

    #[test]
    fn depth_is_bounded() {
        let path = "/a".repeat(60);
        let deep = (0..60).fold(json!({}), |value, _| json!({"a": value}));
        assert!(applied(deep.clone(), json!([{"op":"copy","from":"","path":path}])).is_err());
        assert!(applied(deep.clone(), json!([{"op":"add","path":path,"value":deep}])).is_err());
        assert!(applied(deep, json!([{"op":"add","path":path,"value":1}])).is_ok());
    }

    #[test]
    fn strips_only_unknown_operations() {
        assert_eq!(strip_unknown(&patch(json!([{"op":"remove","path":"/a","value":1}]))), Ok(None));
        let stripped = strip_unknown(&patch(json!([{"op":"inc","path":"x"},{"op":"remove","path":"/a"}])));
        assert_eq!(stripped, Ok(Some(patch(json!([{"op":"remove","path":"/a"}])))));
        assert!(strip_unknown(&patch(json!([{"op":"remove"}]))).is_err());
    }
}
