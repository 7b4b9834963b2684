//! Whether a page can draw the components of a surface.

use super::shape::ROOT;
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, HashMap, HashSet};

/// The most problems that are told: a model mends a few at a time.
const PROBLEMS: usize = 20;

/// Something that is wrong with the components of a surface.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Problem {
    pub(super) code: &'static str,
    /// Where: `components[2].component`.
    pub(super) path: String,
    /// What, for the model that is to mend it.
    pub(super) message: String,
}

impl Problem {
    pub(super) fn new(code: &'static str, path: impl Into<String>, message: impl Into<String>) -> Self {
        Self { code, path: path.into(), message: message.into() }
    }
}

/// The components that there are, by name: a JSON Schema each.
pub(super) type Catalog = BTreeMap<String, Value>;

/// Everything that is wrong, in the order of the components; empty when a page can draw them. Without a catalog it is not
/// asked which components there are. Bindings are not looked at: fields of forms write to paths that hold nothing yet.
pub(super) fn problems(components: &[Value], catalog: Option<&Catalog>) -> Vec<Problem> {
    if components.is_empty() {
        return vec![Problem::new("empty_components", "components", "There are no components: list at least `root`.")];
    }
    let mut problems = Vec::new();
    let mut ids = HashSet::new();
    for id in components.iter().filter_map(id_of) {
        if !ids.insert(id) {
            let message = format!("The id '{id}' is there twice: each component needs an id of its own.");
            problems.push(Problem::new("duplicate_id", format!("components[id={id}]"), message));
        }
    }
    for (index, component) in components.iter().enumerate() {
        one(index, component, catalog, &ids, &mut problems);
    }
    for cycle in cycles(components, catalog) {
        let start = cycle.first().copied().unwrap_or_default();
        let chain = format!("{} -> {start}", cycle.join(" -> "));
        let message = format!("A component contains itself: {chain}.");
        problems.push(Problem::new("child_cycle", format!("components[id={start}]"), message));
    }
    if !ids.contains(ROOT) {
        problems.push(Problem::new("no_root", "components", "No component has the id 'root': the outermost one must."));
    }
    problems.truncate(PROBLEMS);
    problems
}

fn id_of(component: &Value) -> Option<&str> {
    component.get("id")?.as_str()
}

fn one(index: usize, component: &Value, catalog: Option<&Catalog>, ids: &HashSet<&str>, problems: &mut Vec<Problem>) {
    let at = |member: &str| format!("components[{index}].{member}");
    if id_of(component).is_none_or(str::is_empty) {
        let message = format!("Component {index} has no id: give it one, a string.");
        problems.push(Problem::new("missing_id", at("id"), message));
    }
    let kind = component.get("component").and_then(Value::as_str).filter(|kind| !kind.is_empty());
    let Some(kind) = kind else {
        let message =
            format!("Component {index} does not say what it is: `component` must be a name from the catalog.");
        problems.push(Problem::new("missing_component_type", at("component"), message));
        references(component, None).into_iter().for_each(|reference| unresolved(reference, ids, &at, problems));
        return;
    };
    let schema = catalog.map(|catalog| catalog.get(kind));
    if schema == Some(None) {
        let message = format!("There is no component '{kind}' in the catalog.");
        problems.push(Problem::new("unknown_component", at("component"), message));
    }
    let schema = schema.flatten();
    let required = schema.and_then(|schema| schema.get("required")).and_then(Value::as_array);
    for name in required.into_iter().flatten().filter_map(Value::as_str) {
        if component.get(name).is_none() {
            let message = format!("Component {index}, a '{kind}', needs `{name}`.");
            problems.push(Problem::new("missing_required_prop", at(name), message));
        }
    }
    references(component, schema).into_iter().for_each(|reference| unresolved(reference, ids, &at, problems));
}

fn unresolved(
    (member, id): (String, &str),
    ids: &HashSet<&str>,
    at: &impl Fn(&str) -> String,
    problems: &mut Vec<Problem>,
) {
    if !ids.contains(id) {
        let message = format!("There is no component with the id '{id}'.");
        problems.push(Problem::new("unresolved_child", at(&member), message));
    }
}

/// The components that a component contains, each with the member that names it: `child` and `children`, and what the
/// schema of the component marks as a reference.
fn references<'a>(component: &'a Value, schema: Option<&Value>) -> Vec<(String, &'a str)> {
    let mut found = Vec::new();
    single("child", component.get("child"), &mut found);
    many("children", component.get("children"), &mut found);
    let properties = |schema: &Value| schema.get("properties").and_then(Value::as_object).cloned();
    let marked = schema.and_then(properties).unwrap_or_default();
    for (name, schema) in marked.iter().filter(|(name, _)| *name != "child" && *name != "children") {
        let value = component.get(name);
        if reference(name, schema, value, &mut found) {
            continue;
        }
        let items: Map<String, Value> = schema.get("items").and_then(properties).unwrap_or_default();
        for (index, item) in value.and_then(Value::as_array).into_iter().flatten().enumerate() {
            for (member, schema) in &items {
                reference(&format!("{name}[{index}].{member}"), schema, item.get(member), &mut found);
            }
        }
    }
    found
}

/// Takes what a schema marks as a reference; false when it does not.
fn reference<'a>(at: &str, schema: &Value, value: Option<&'a Value>, found: &mut Vec<(String, &'a str)>) -> bool {
    match schema.get("format").and_then(Value::as_str) {
        Some("componentRef") => single(at, value, found),
        Some("componentRefList") => many(at, value, found),
        _ => return false,
    }
    true
}

/// An id, or a template: `{componentId, path}`.
fn single<'a>(at: &str, value: Option<&'a Value>, found: &mut Vec<(String, &'a str)>) {
    let id = value.and_then(|value| value.as_str().or_else(|| value.get("componentId")?.as_str()));
    found.extend(id.map(|id| (at.to_owned(), id)));
}

fn many<'a>(at: &str, value: Option<&'a Value>, found: &mut Vec<(String, &'a str)>) {
    match value {
        Some(Value::Array(items)) => {
            for (index, item) in items.iter().enumerate() {
                single(&format!("{at}[{index}]"), Some(item), found);
            }
        }
        value => single(at, value, found),
    }
}

/// The rings of components that contain each other, each beginning with its smallest id. Without recursion: how deep
/// components are nested is up to a model.
fn cycles<'a>(components: &'a [Value], catalog: Option<&Catalog>) -> Vec<Vec<&'a str>> {
    let mut children: HashMap<&str, Vec<&str>> = HashMap::new();
    for component in components {
        let kind = component.get("component").and_then(Value::as_str);
        let schema = catalog.and_then(|catalog| catalog.get(kind?));
        if let Some(id) = id_of(component) {
            children.insert(id, references(component, schema).into_iter().map(|(_, child)| child).collect());
        }
    }
    let mut done: HashSet<&str> = HashSet::new();
    let mut found: Vec<Vec<&str>> = Vec::new();
    for start in components.iter().filter_map(id_of) {
        // The way down, and which child of each is next.
        let mut way: Vec<(&str, usize)> = Vec::from_iter(done.insert(start).then_some((start, 0)));
        let mut on_way: HashSet<&str> = HashSet::from([start]);
        while let Some((node, next)) = way.last_mut() {
            let child = children.get(node).and_then(|children| children.get(*next)).copied();
            *next += 1;
            match child {
                None => {
                    on_way.remove(*node);
                    way.pop();
                }
                Some(child) if on_way.contains(child) => {
                    let ring = way.iter().map(|(node, _)| *node).skip_while(|node| *node != child).collect();
                    let ring = turned(ring);
                    if !found.contains(&ring) {
                        found.push(ring);
                    }
                }
                Some(child) if done.insert(child) => {
                    on_way.insert(child);
                    way.push((child, 0));
                }
                Some(_) => {}
            }
        }
    }
    found
}

fn turned(mut ring: Vec<&str>) -> Vec<&str> {
    let smallest = ring.iter().enumerate().min_by_key(|(_, id)| **id).map_or(0, |(index, _)| index);
    ring.rotate_left(smallest);
    ring
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn found(components: &Value, catalog: Option<&Value>) -> Vec<String> {
        let catalog: Option<Catalog> = catalog.map(|catalog| serde_json::from_value(catalog.clone()).unwrap());
        let problems = problems(components.as_array().unwrap(), catalog.as_ref());
        problems.iter().map(|problem| format!("{} {}", problem.code, problem.path)).collect()
    }

    #[test]
    fn what_can_be_drawn_has_no_problems() {
        let tree = json!([
            { "id": "root", "component": "Column", "children": ["a", "b"] },
            { "id": "a", "component": "List", "children": { "componentId": "b", "path": "/items" } },
            { "id": "b", "component": "Text", "text": { "path": "name" } },
        ]);
        assert!(found(&tree, None).is_empty());
    }

    #[test]
    fn each_problem_is_told_with_its_place() {
        let cases = [
            (json!([]), vec!["empty_components components"]),
            (json!([{ "id": "a", "component": "Text" }]), vec!["no_root components"]),
            (json!([{ "id": "root", "component": "" }]), vec!["missing_component_type components[0].component"]),
            (
                json!([{ "component": "Text" }, { "id": "root", "component": "Text" }]),
                vec!["missing_id components[0].id"],
            ),
            (
                json!([{ "id": "root", "component": "A" }, { "id": "root", "component": "B" }]),
                vec!["duplicate_id components[id=root]"],
            ),
            (
                json!([{ "id": "root", "component": "Card", "child": "x", "children": ["root2", { "componentId": "y" }] }]),
                vec![
                    "unresolved_child components[0].child",
                    "unresolved_child components[0].children[0]",
                    "unresolved_child components[0].children[1]",
                ],
            ),
            (
                json!([
                    { "id": "root", "component": "Card", "child": "z" },
                    { "id": "z", "component": "Card", "child": "b" },
                    { "id": "b", "component": "Row", "children": ["z", "b"] },
                ]),
                vec!["child_cycle components[id=b]", "child_cycle components[id=b]"],
            ),
            (
                json!(["words", { "id": "root", "component": "Text" }]),
                vec!["missing_id components[0].id", "missing_component_type components[0].component"],
            ),
        ];
        for (components, expected) in cases {
            assert_eq!(found(&components, None), expected, "{components}");
        }
    }

    #[test]
    fn a_catalog_says_which_components_there_are_and_what_they_need() {
        let catalog = json!({
            "Text": { "required": ["text"] },
            "Tabs": { "properties": {
                "tabs": { "type": "array", "items": { "properties": { "child": { "format": "componentRef" } } } },
                "trigger": { "format": "componentRef" }, "title": { "type": "string" } } },
        });
        let components = json!([
            { "id": "root", "component": "Tabs", "title": "none", "trigger": "gone", "tabs": [{ "child": "t" }, { "child": "u" }] },
            { "id": "t", "component": "Text" },
            { "id": "v", "component": "Chart" },
        ]);
        let mut problems = found(&components, Some(&catalog));
        problems.sort();
        let expected = [
            "missing_required_prop components[1].text",
            "unknown_component components[2].component",
            "unresolved_child components[0].tabs[1].child",
            "unresolved_child components[0].trigger",
        ];
        assert_eq!(problems, expected);
        assert_eq!(found(&components, None), Vec::<String>::new());
    }

    #[test]
    fn a_long_chain_and_many_problems_cost_no_stack_and_little_text() {
        let chain: Vec<Value> = (0..20_000)
            .map(|n| {
                json!({ "id": if n == 0 { "root".to_owned() } else { n.to_string() }, "component": "Card",
                             "child": (n + 1).to_string() })
            })
            .collect();
        assert_eq!(found(&chain.into(), None), ["unresolved_child components[19999].child"]);
        let bare: Vec<Value> = (0..500).map(|_| json!({})).collect();
        assert_eq!(found(&bare.into(), None).len(), PROBLEMS);
    }
}
