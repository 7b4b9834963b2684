//! What the agent is given: what a person did on a surface, which components there are, the tool and how to use it.

use super::{A2uiOptions, InjectTool, LOG_TOOL, RENDER_TOOL};
use crate::middleware::arguments::compact;
use copilotkit_protocol::{
    AssistantMessage, Context, FunctionCall, Json, Object, RunAgentInput, Tool, ToolCall, ToolMessage,
};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

/// By this description pages and agents know the context entry that holds the components.
pub(super) const SCHEMA_CONTEXT: &str = "A2UI Component Schema \u{2014} available components for generating UI surfaces. \
                                         Use these component names and properties when creating A2UI operations.";
const GUIDE_CONTEXT: &str = "How to draw with the tool";

/// What a page says about A2UI.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Props {
    a2ui_catalog_available: Option<Json>,
    a2ui_action: Option<Json>,
}

impl Props {
    pub(super) fn of(input: &RunAgentInput) -> Self {
        input.forwarded_props.as_ref().and_then(|props| props.read().ok()).unwrap_or_default()
    }

    /// The page has a catalog of its own.
    pub(super) fn has_catalog(&self) -> bool {
        self.a2ui_catalog_available.as_ref().is_some_and(|value| value.get() == "true")
    }
}

/// The name of the tool that the agent is given, if it is given one.
pub(super) fn tool_name<'a>(options: &'a A2uiOptions, props: &Props) -> Option<&'a str> {
    match &options.inject_tool {
        InjectTool::Auto => props.has_catalog().then_some(RENDER_TOOL),
        InjectTool::Never => None,
        InjectTool::Always => Some(RENDER_TOOL),
        InjectTool::Named(name) => Some(name.as_str()).filter(|name| !name.is_empty()),
    }
}

/// The catalog that the page says it has.
pub(super) fn page_catalog(input: &RunAgentInput) -> Option<String> {
    let entry = input.context.iter().find(|entry| entry.description == SCHEMA_CONTEXT)?;
    let value: Value = serde_json::from_str(&entry.value).ok()?;
    value.get("catalogId")?.as_str().filter(|id| !id.is_empty()).map(str::to_owned)
}

/// The input of the agent.
pub(super) fn prepared(options: &A2uiOptions, input: &RunAgentInput, props: &Props) -> RunAgentInput {
    let mut input = input.clone();
    if let Some(action) = user_action(props) {
        push_action(&mut input, &action);
    }
    if let Some(schema) = options.schema.as_ref().filter(|schema| !is_empty(schema)) {
        input.context.retain(|entry| entry.description != SCHEMA_CONTEXT);
        let value = compact(schema.get()).unwrap_or_else(|_| schema.clone()).get().to_owned();
        input.context.push(Context { description: SCHEMA_CONTEXT.to_owned(), value, ..Default::default() });
    }
    if let Some(name) = tool_name(options, props) {
        input.tools.retain(|tool| tool.name != name);
        input.tools.push(tool(name));
        let description = format!("{GUIDE_CONTEXT} {name}");
        input.context.retain(|entry| entry.description != description);
        input.context.push(Context { description, value: guide(name), ..Default::default() });
        let flag = match &options.inject_tool {
            InjectTool::Named(name) => Json::of(name),
            _ => Json::of(&true),
        };
        let props = input.forwarded_props.take().and_then(|props| Object::try_from(props).ok());
        let mut props = props.unwrap_or_default();
        props.merge(&Object::from_members([("injectA2UITool", &flag)]));
        input.forwarded_props = Some(props.as_json().clone());
    }
    input
}

/// Nothing is said of no component.
fn is_empty(schema: &Json) -> bool {
    match schema.to_value() {
        Value::Array(list) => list.is_empty(),
        Value::Object(catalog) => !matches!(catalog.get("components"), Some(Value::Object(all)) if !all.is_empty()),
        _ => true,
    }
}

fn user_action(props: &Props) -> Option<Json> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Action {
        user_action: Option<Json>,
    }
    let action = props.a2ui_action.as_ref()?.read::<Action>().ok()?.user_action?;
    compact(action.get()).ok().filter(Json::is_object)
}

/// Tells what the person did as a call and its result, which every agent understands. It is the newest that happened.
fn push_action(input: &mut RunAgentInput, action: &Json) {
    let id = || Uuid::new_v4().to_string();
    let call = ToolCall {
        id: id(),
        function: FunctionCall { name: LOG_TOOL.to_owned(), arguments: action.get().to_owned(), ..Default::default() },
        ..Default::default()
    };
    let result =
        ToolMessage { id: id(), tool_call_id: call.id.clone(), content: sentence(action).into(), ..Default::default() };
    let message =
        AssistantMessage { id: id(), content: Some(String::new()), tool_calls: Some(vec![call]), ..Default::default() };
    input.messages.push(message.into());
    input.messages.push(result.into());
}

/// What the person did, in words.
fn sentence(action: &Json) -> String {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Action {
        name: Option<Json>,
        surface_id: Option<Json>,
        source_component_id: Option<Json>,
        context: Option<Json>,
    }
    let Ok(action) = action.read::<Action>() else { return "User performed an action".to_owned() };
    let text = |json: Json| json.read::<String>().unwrap_or_else(|_| json.get().to_owned());
    let name = action.name.map_or_else(|| "unknown_action".to_owned(), text);
    let surface = action.surface_id.map_or_else(|| "unknown_surface".to_owned(), text);
    let component = action.source_component_id.map(text).filter(|id| !id.is_empty());
    let component = component.map(|id| format!(" (component: {id})")).unwrap_or_default();
    let context = action.context.as_ref().map_or("{}", Json::get);
    format!("User performed action \"{name}\" on surface \"{surface}\"{component}. Context: {context}")
}

/// The tool. The catalog is not up to the model: a page can draw only what it has.
fn tool(name: &str) -> Tool {
    let parameters = json!({
        "type": "object",
        "properties": {
            "surfaceId": { "type": "string", "description": "A name for the surface, of your choice." },
            "components": {
                "type": "array",
                "description": "All components of the surface, one beside the other; the outermost has the id \"root\".",
                "items": { "type": "object" },
            },
            "data": {
                "type": "object",
                "description": "What components show by way of a path, and what fields of forms begin with.",
            },
        },
        "required": ["surfaceId", "components"],
    });
    Tool {
        name: name.to_owned(),
        description: "Shows the user an interface (A2UI v0.9) that you describe. The context says how.".to_owned(),
        parameters: Some(Json::from(parameters)),
        ..Default::default()
    }
}

/// How a model makes a surface.
fn guide(name: &str) -> String {
    format!(
        r#"Call {name} to show the user an interface instead of text. Its arguments:
- `surfaceId`: a name that you choose. The same name again replaces the surface.
- `components`: a flat list. Each component is an object with an `id`, with `component`, which is a name from the component schema, and with its properties beside these two. A component contains others by their ids: `"child": "id"` for one, `"children": ["id", "id"]` for several. The outermost component has the id "root" and is one that arranges others, such as Column, Row or Card.
- `data` (if needed): an object that components show by path. `{{"path": "/user/name"}}` in place of a value takes it from there, and a field of a form with such a value writes what the user enters back to it.

To repeat a component for each item of a list, write `"children": {{"componentId": "item", "path": "/items"}}`; inside of it, paths without a leading slash belong to the item.

A button says what it does with `"action": {{"event": {{"name": "save", "context": {{"name": {{"path": "/user/name"}}}}}}}}`. When the user presses it you see a call of `{LOG_TOOL}` with its result, which is not a call of yours: it says what was pressed and holds the values of the context. Answer to what the user did.

Example:
{{"surfaceId": "greeting", "components": [{{"id": "root", "component": "Column", "children": ["hello", "ok"]}}, {{"id": "hello", "component": "Text", "text": {{"path": "/words"}}}}, {{"id": "ok", "component": "Button", "child": "label", "action": {{"event": {{"name": "ok"}}}}}}, {{"id": "label", "component": "Text", "text": "OK"}}], "data": {{"words": "Hello"}}}}

Every id is used once, no component contains itself, every id that is named is in the list, and no component is used that the component schema does not have. Do not make up addresses of images. Do not say in words again what the surface shows."#
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(props: &str) -> RunAgentInput {
        let text = format!(r#"{{"threadId":"t","runId":"r","messages":[],"forwardedProps":{props}}}"#);
        copilotkit_protocol::from_str(&text).unwrap()
    }

    fn of(options: &A2uiOptions, input: &RunAgentInput) -> RunAgentInput {
        prepared(options, input, &Props::of(input))
    }

    #[test]
    fn an_action_is_told_as_a_call_and_its_result() {
        for (action, words) in [
            (
                r#"{"userAction":{"name":"buy","surfaceId":"s","sourceComponentId":"b","context":{"id":7}}}"#,
                "User performed action \"buy\" on surface \"s\" (component: b). Context: {\"id\":7}",
            ),
            (
                r#"{"userAction":{}}"#,
                "User performed action \"unknown_action\" on surface \"unknown_surface\". Context: {}",
            ),
        ] {
            let given = of(&A2uiOptions::default(), &input(&format!(r#"{{"a2uiAction":{action}}}"#)));
            let [call, result] = given.messages.as_slice() else { panic!("{:?}", given.messages) };
            assert_eq!(call.tool_calls()[0].function.name, LOG_TOOL);
            let copilotkit_protocol::Message::Tool(result) = result else { panic!("{result:?}") };
            assert_eq!(result.tool_call_id, call.tool_calls()[0].id);
            assert_eq!(result.content.text(), words);
        }
        for none in ["{}", r#"{"a2uiAction":null}"#, r#"{"a2uiAction":{"userAction":"no"}}"#, "[]", "7"] {
            assert!(of(&A2uiOptions::default(), &input(none)).messages.is_empty(), "{none}");
        }
    }

    #[test]
    fn the_tool_is_given_where_the_page_has_a_catalog_or_the_server_says_so() {
        let with = |inject_tool| A2uiOptions { inject_tool, ..A2uiOptions::default() };
        let names = |options: &A2uiOptions, props: &str| -> Vec<String> {
            of(options, &input(props)).tools.into_iter().map(|tool| tool.name).collect()
        };
        let catalog = r#"{"a2uiCatalogAvailable":true}"#;
        assert_eq!(names(&with(InjectTool::Auto), "{}"), [] as [&str; 0]);
        assert_eq!(names(&with(InjectTool::Auto), r#"{"a2uiCatalogAvailable":"true"}"#), [] as [&str; 0]);
        assert_eq!(names(&with(InjectTool::Auto), catalog), [RENDER_TOOL]);
        assert_eq!(names(&with(InjectTool::Never), catalog), [] as [&str; 0]);
        assert_eq!(names(&with(InjectTool::Always), "null"), [RENDER_TOOL]);
        assert_eq!(names(&with(InjectTool::Named("draw".to_owned())), "{}"), ["draw"]);
    }

    #[test]
    fn a_tool_and_a_schema_of_the_page_are_replaced() {
        let options = A2uiOptions {
            inject_tool: InjectTool::Always,
            schema: Some(Json::parse(r#"[ { "name": "Text" } ]"#).unwrap()),
            ..A2uiOptions::default()
        };
        let mut page = input("{}");
        page.tools = vec![Tool { name: RENDER_TOOL.to_owned(), ..Default::default() }, tool("other")];
        let entry = |description: &str| Context { description: description.to_owned(), ..Default::default() };
        page.context = vec![entry(SCHEMA_CONTEXT), entry("mine")];
        let given = of(&options, &page);
        let names: Vec<_> = given.tools.iter().map(|tool| tool.name.as_str()).collect();
        assert_eq!(names, ["other", RENDER_TOOL]);
        assert!(given.tools[1].parameters.is_some());
        let context: Vec<_> = given.context.iter().map(|entry| entry.description.as_str()).collect();
        assert_eq!(context, ["mine", SCHEMA_CONTEXT, "How to draw with the tool render_a2ui"]);
        assert_eq!(given.context[1].value, r#"[{"name":"Text"}]"#);
        assert_eq!(given.forwarded_props.unwrap().get(), r#"{"injectA2UITool":true}"#);
        for empty in ["[]", "{}", r#"{"catalogId":"c","components":{}}"#] {
            let options = A2uiOptions { schema: Some(Json::parse(empty).unwrap()), ..A2uiOptions::default() };
            assert_eq!(of(&options, &page).context, page.context, "{empty}");
        }
    }

    /// The example that models are given can be drawn.
    #[test]
    fn the_example_of_the_guide_can_be_drawn() {
        let guide = guide("draw");
        let example = guide.lines().find(|line| line.starts_with("{\"surfaceId\"")).unwrap();
        let mut call = super::super::call::Call::new();
        let rules = super::super::call::Rules { catalog_id: None, catalog: None };
        assert_eq!(call.push(example, rules).len(), 2);
        assert!(call.is_painted());
        assert!(guide.starts_with("Call draw to"));
    }
}
