//! A2UI in data parts: operations of v0.9 as they are, those of v0.8 turned into them.

use copilotkit_protocol::Json;
use copilotkit_runtime::middleware::a2ui::shape::{BASIC_CATALOG, ROOT, VERSION};
use serde_json::{Map, Value, json};

const OLD: [&str; 3] = ["beginRendering", "surfaceUpdate", "dataModelUpdate"];
const NEW: [&str; 3] = ["createSurface", "updateComponents", "updateDataModel"];
const DELETE: &str = "deleteSurface";

/// One operation on a surface.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Operation {
    /// The surface.
    pub(crate) surface_id: String,
    /// As v0.9 has it.
    pub(crate) operation: Value,
    /// As v0.8 has it, where it came so.
    pub(crate) original: Option<Value>,
    /// It makes the surface.
    pub(crate) creates: bool,
}

/// The operations in a data part; empty for one that is none. A part has one, or a list.
pub(crate) fn operations(data: &Json) -> Vec<Operation> {
    let named = |word: &&&str| data.get().contains(&format!("\"{word}\""));
    if !OLD.iter().chain(&NEW).chain(&[DELETE]).any(|word| named(&word)) {
        return Vec::new();
    }
    match data.to_value() {
        Value::Array(items) => items.iter().flat_map(one).collect(),
        value => one(&value),
    }
}

fn one(value: &Value) -> Vec<Operation> {
    let Some(members) = value.as_object() else { return Vec::new() };
    let surface = |body: &Value| body.get("surfaceId").and_then(Value::as_str).map(str::to_owned);
    for word in NEW {
        if let Some(surface_id) = members.get(word).and_then(surface) {
            let mut operation = value.clone();
            if let Some(members) = operation.as_object_mut() {
                members.entry("version").or_insert_with(|| json!(VERSION));
            }
            return vec![Operation { surface_id, operation, original: None, creates: word == "createSurface" }];
        }
    }
    for word in OLD.into_iter().chain([DELETE]) {
        let Some(body) = members.get(word) else { continue };
        let Some(surface_id) = surface(body) else { continue };
        let (operation, creates) = match word {
            "beginRendering" => (begin(&surface_id, body), true),
            "surfaceUpdate" => (components(&surface_id, body), false),
            "dataModelUpdate" => (data_model(&surface_id, body), false),
            _ => (json!({ "version": VERSION, "deleteSurface": { "surfaceId": surface_id } }), false),
        };
        return vec![Operation { surface_id, operation, original: Some(value.clone()), creates }];
    }
    Vec::new()
}

fn begin(surface_id: &str, body: &Value) -> Value {
    let catalog = body.get("catalogId").and_then(Value::as_str).unwrap_or(BASIC_CATALOG);
    let mut create = json!({ "surfaceId": surface_id, "catalogId": catalog });
    if let Some(styles) = body.get("styles").filter(|styles| styles.is_object()) {
        create["theme"] = styles.clone();
    }
    json!({ "version": VERSION, "createSurface": create })
}

/// `{id, component: {Kind: {…}}}` becomes `{id, component: "Kind", …}`.
fn components(surface_id: &str, body: &Value) -> Value {
    let list = body.get("components").and_then(Value::as_array).into_iter().flatten();
    let components: Vec<_> = list.filter_map(component).collect();
    json!({ "version": VERSION, "updateComponents": { "surfaceId": surface_id, "components": components } })
}

fn component(old: &Value) -> Option<Value> {
    let (kind, properties) = match old.get("component")? {
        Value::Object(members) => members.iter().next()?,
        _ => return Some(old.clone()),
    };
    let mut new = Map::new();
    for (name, value) in old.as_object()?.iter().filter(|(name, _)| *name != "component") {
        new.insert(name.clone(), value.clone());
    }
    // The names of a few kinds and properties have changed.
    let kind = if kind == "MultipleChoice" { "ChoicePicker" } else { kind };
    new.insert("component".to_owned(), json!(kind));
    for (name, value) in properties.as_object().into_iter().flatten() {
        let name = match (kind, name.as_str()) {
            ("Text", "usageHint") => "variant",
            ("Image", "usageHint") => "variant",
            (_, "distribution") => "justify",
            (_, "alignment") => "align",
            ("TextField", "text") => "value",
            ("TextField", "textFieldType") => "variant",
            ("Slider", "minValue") => "min",
            ("Slider", "maxValue") => "max",
            ("ChoicePicker", "selections") => "value",
            ("Tabs", "tabItems") => "tabs",
            ("Modal", "entryPointChild") => "trigger",
            ("Modal", "contentChild") => "content",
            (_, name) => name,
        };
        new.insert(name.to_owned(), property(name, value));
    }
    Some(Value::Object(new))
}

fn property(name: &str, value: &Value) -> Value {
    match (name, value) {
        ("action", Value::Object(action)) if action.contains_key("name") => {
            let mut event = json!({ "name": action["name"] });
            if let Some(Value::Array(entries)) = action.get("context") {
                let entry = |entry: &Value| {
                    let key = entry.get("key")?.as_str()?.to_owned();
                    Some((key, plain(entry.get("value")?)))
                };
                event["context"] = Value::Object(entries.iter().filter_map(entry).collect());
            }
            json!({ "event": event })
        }
        ("children", Value::Object(children)) => match (children.get("explicitList"), children.get("template")) {
            (Some(list), _) => list.clone(),
            (None, Some(template)) => {
                let path = template.get("dataBinding").or_else(|| template.get("path")).cloned();
                json!({ "componentId": template.get("componentId"), "path": path })
            }
            (None, None) => value.clone(),
        },
        (_, Value::Array(items)) => Value::Array(items.iter().map(nested).collect()),
        _ => plain(value),
    }
}

/// Items of lists hold bound values too: `{label: {literalString}, value}`.
fn nested(value: &Value) -> Value {
    match value {
        Value::Object(members) if !is_bound(members) => {
            members.iter().map(|(name, value)| (name.clone(), plain(value))).collect::<Map<_, _>>().into()
        }
        other => plain(other),
    }
}

fn is_bound(members: &Map<String, Value>) -> bool {
    members.keys().any(|name| name.starts_with("literal")) || (members.len() == 1 && members.contains_key("path"))
}

/// `{literalString: "x"}` becomes `"x"`; a path stays one.
fn plain(value: &Value) -> Value {
    let Value::Object(members) = value else { return value.clone() };
    if let Some(path) = members.get("path") {
        return json!({ "path": path });
    }
    let literal = ["literalString", "literalNumber", "literalBoolean", "literalArray", "literal"];
    literal.iter().find_map(|name| members.get(*name)).cloned().unwrap_or_else(|| value.clone())
}

fn data_model(surface_id: &str, body: &Value) -> Value {
    let path = body.get("path").and_then(Value::as_str).unwrap_or("/");
    let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
    let value = match body.get("contents") {
        Some(Value::Array(entries)) => entries_value(entries),
        Some(other) => other.clone(),
        None => json!({}),
    };
    json!({ "version": VERSION, "updateDataModel": { "surfaceId": surface_id, "path": path, "value": value } })
}

/// `[{key, valueString}]` becomes `{key: "…"}`.
fn entries_value(entries: &[Value]) -> Value {
    let entry = |entry: &Value| {
        let key = entry.get("key")?.as_str()?.to_owned();
        let members = entry.as_object()?;
        if let Some(Value::Array(inner)) = members.get("valueMap") {
            return Some((key, entries_value(inner)));
        }
        let value = members.iter().find(|(name, _)| name.starts_with("value")).map(|(_, value)| value.clone());
        Some((key, value.unwrap_or_default()))
    };
    Value::Object(entries.iter().filter_map(entry).collect())
}

/// Gives the outermost component the id that v0.9 wants, over all operations of a surface: v0.8 names it in
/// `beginRendering`, which may come last.
pub(crate) fn with_root(operations: &mut [Operation]) {
    let named = operations.iter().find_map(|operation| {
        let original = operation.original.as_ref()?;
        Some(original.get("beginRendering")?.get("root")?.as_str()?.to_owned())
    });
    let Some(root) = named.filter(|root| root != ROOT) else { return };
    for operation in operations.iter_mut().filter(|operation| operation.original.is_some()) {
        let components = operation.operation.pointer_mut("/updateComponents/components");
        for component in components.and_then(Value::as_array_mut).into_iter().flatten() {
            if component.get("id").and_then(Value::as_str) == Some(root.as_str()) {
                component["id"] = json!(ROOT);
            }
        }
    }
    // A surface is made before it is filled.
    if let Some(place) = operations.iter().position(|operation| operation.creates) {
        operations[..=place].rotate_right(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: Value) -> Vec<Operation> {
        operations(&Json::from(value))
    }

    #[test]
    fn operations_of_v0_8_become_those_of_v0_9() {
        let mut all = read(json!([
            { "surfaceUpdate": { "surfaceId": "s", "components": [
                { "id": "main", "component": { "Column": { "children": { "explicitList": ["title", "go"] }, "distribution": "start" } } },
                { "id": "title", "weight": 1, "component": { "Text": { "text": { "path": "/title" }, "usageHint": "h1" } } },
                { "id": "label", "component": { "Text": { "text": { "literalString": "Pick" } } } },
                { "id": "go", "component": { "Button": { "child": "label", "action": { "name": "pick",
                    "context": [{ "key": "id", "value": { "path": "/id" } }, { "key": "n", "value": { "literalNumber": 1 } }] } } } },
            ] } },
            { "dataModelUpdate": { "surfaceId": "s", "path": "/", "contents": [
                { "key": "title", "valueString": "Choice" }, { "key": "n", "valueNumber": 2 },
                { "key": "deep", "valueMap": [{ "key": "ok", "valueBoolean": true }] } ] } },
            { "beginRendering": { "surfaceId": "s", "root": "main", "styles": { "primaryColor": "#FF0000" } } },
        ]));
        with_root(&mut all);
        let shown: Vec<_> = all.iter().map(|operation| operation.operation.clone()).collect();
        assert_eq!(
            shown,
            [
                json!({ "version": "v0.9", "createSurface": { "surfaceId": "s", "catalogId": BASIC_CATALOG, "theme": { "primaryColor": "#FF0000" } } }),
                json!({ "version": "v0.9", "updateComponents": { "surfaceId": "s", "components": [
                    { "id": "root", "component": "Column", "children": ["title", "go"], "justify": "start" },
                    { "id": "title", "weight": 1, "component": "Text", "text": { "path": "/title" }, "variant": "h1" },
                    { "id": "label", "component": "Text", "text": "Pick" },
                    { "id": "go", "component": "Button", "child": "label",
                      "action": { "event": { "name": "pick", "context": { "id": { "path": "/id" }, "n": 1 } } } },
                ] } }),
                json!({ "version": "v0.9", "updateDataModel": { "surfaceId": "s", "path": "/",
                    "value": { "title": "Choice", "n": 2, "deep": { "ok": true } } } }),
            ]
        );
    }

    #[test]
    fn operations_of_v0_9_stay_what_they_are() {
        let create = json!({ "version": "v0.9", "createSurface": { "surfaceId": "s", "catalogId": "c" } });
        let all = read(create.clone());
        assert_eq!((all.len(), &all[0].operation, all[0].creates), (1, &create, true));
        assert_eq!(all[0].original, None);
        assert!(read(json!({ "rows": [1, 2] })).is_empty());
        assert!(read(json!({ "createSurface": "a word" })).is_empty());
    }
}
