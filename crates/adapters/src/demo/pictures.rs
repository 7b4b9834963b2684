//! Examples of what an agent can draw: a surface and a page.

use copilotkit_runtime::model::ToolSpec;
use serde_json::{Value, json};

/// The tool that draws a surface, and its other names: whatever takes components.
const SURFACE: &str = "render_a2ui";
/// The tool that makes a page.
const PAGE: &str = "generateSandboxedUi";

/// What `/ui` does: a call, or words about why there is none.
pub(super) fn draw(what: &str, tools: &[ToolSpec]) -> Result<(String, String), String> {
    let offered = |name: &str| tools.iter().find(|tool| tool.name == name);
    // The surface's tool may have another name; no other tool takes components of a surface.
    let takes_components = |tool: &&ToolSpec| {
        let parameters = tool.parameters.as_ref().map(copilotkit_protocol::Json::to_value).unwrap_or_default();
        ["surfaceId", "components"].iter().all(|name| parameters["properties"].get(name).is_some())
    };
    let surface = offered(SURFACE).or_else(|| tools.iter().find(takes_components));
    let call = |tool: &ToolSpec, arguments: String| Ok((tool.name.clone(), arguments));
    match (what, surface, offered(PAGE)) {
        ("" | "surface", Some(tool), _) => call(tool, surface_arguments()),
        ("" | "page", _, Some(tool)) => call(tool, page_arguments()),
        ("" | "surface" | "page", ..) => Err(missing(what)),
        _ => Err("Write /ui for an example, /ui surface or /ui page for one of a kind.".to_owned()),
    }
}

fn missing(what: &str) -> String {
    let section = |name: &str| format!("[{name}]\nenabled = true");
    let sections = match what {
        "page" => section("open_generative_ui"),
        _ => format!("{}\n\n{}", section("a2ui"), section("open_generative_ui")),
    };
    let brought = match what {
        "surface" => String::new(),
        _ => format!(
            "\n\nFor pages of its own it is the frontend that brings the tool `{PAGE}`, as CopilotKit's do once the server \
             has this; a request by hand has to name it in `tools`."
        ),
    };
    format!(
        "This run was offered nothing to draw with. The configuration switches it on:\n\n\
         ```toml\n{sections}\n```{brought}"
    )
}

/// A JSON object with its members in this order: what is drawn grows in it.
fn object<const N: usize>(members: [(&str, Value); N]) -> String {
    let members = members.map(|(name, value)| format!("\"{name}\":{value}"));
    format!("{{{}}}", members.join(","))
}

/// A form with two buttons, and a list.
fn surface_arguments() -> String {
    let text = |id: &str, text: Value| json!({ "id": id, "component": "Text", "text": text });
    let button = |id: &str, child: &str, action: &str| {
        let event = json!({ "name": action, "context": { "name": { "path": "/name" } } });
        json!({ "id": id, "component": "Button", "child": child, "action": { "event": event } })
    };
    let components = json!([
            { "id": "root", "component": "Card", "child": "all" },
            { "id": "all", "component": "Column", "children": ["title", "name", "drinks", "buttons"] },
            { "id": "title", "component": "Text", "text": "What may I bring you?", "variant": "h3" },
            { "id": "name", "component": "TextField", "label": "Your name", "value": { "path": "/name" } },
            { "id": "drinks", "component": "List", "children": { "componentId": "drink", "path": "/drinks" } },
            text("drink", json!({ "path": "words" })),
            { "id": "buttons", "component": "Row", "children": ["tea", "coffee"] },
            button("tea", "tea-text", "order_tea"),
            text("tea-text", json!("Tea")),
            button("coffee", "coffee-text", "order_coffee"),
            text("coffee-text", json!("Coffee")),
    ]);
    let drinks = ["Tea, from the mountains", "Coffee, from the hills"].map(|words| json!({ "words": words }));
    let data = json!({ "name": "Ada", "drinks": drinks });
    object([("surfaceId", json!("demo")), ("components", components), ("data", data)])
}

/// A counter. A page is shown as it comes, from its style on.
fn page_arguments() -> String {
    object([
        ("initialHeight", json!(170)),
        ("placeholderMessages", json!(["Putting a counter together"])),
        (
            "css",
            json!(
                "body { font: 16px system-ui, sans-serif; padding: 16px; } \
                 button { font: inherit; padding: 8px 16px; border-radius: 8px; border: 1px solid #8888; cursor: pointer; } \
                 output { font-size: 40px; font-weight: 700; display: block; margin: 8px 0; }"
            ),
        ),
        (
            "html",
            json!(
                "<body><h1 style=\"font-size:20px;margin:0\">A counter</h1><output id=\"count\">0</output>\
                 <button id=\"more\" type=\"button\">One more</button></body>"
            ),
        ),
        (
            "jsFunctions",
            json!(
                "function count(from) { let n = from; const out = document.getElementById('count'); out.textContent = n; \
                 document.getElementById('more').onclick = () => { n += 1; out.textContent = n; }; }"
            ),
        ),
        ("jsExpressions", json!(["count(1)"])),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use copilotkit_protocol::Json;

    fn tool(name: &str, parameters: &str) -> ToolSpec {
        ToolSpec {
            name: name.to_owned(),
            description: String::new(),
            parameters: Some(Json::parse(parameters).unwrap()),
        }
    }

    #[test]
    fn an_example_is_drawn_with_what_was_offered() {
        let surface = || tool(SURFACE, "{}");
        let draws = || tool("draw", r#"{"properties":{"surfaceId":{},"components":{}}}"#);
        let page = || tool(PAGE, "{}");
        let name = |what: &str, tools: &[ToolSpec]| draw(what, tools).map(|(name, _)| name).ok();
        assert_eq!(name("", &[page(), surface()]).as_deref(), Some(SURFACE));
        assert_eq!(name("", &[page(), draws()]).as_deref(), Some("draw"));
        assert_eq!(name("", &[page()]).as_deref(), Some(PAGE));
        assert_eq!(name("page", &[page(), surface()]).as_deref(), Some(PAGE));
        assert_eq!(name("surface", &[page()]), None);
        assert!(draw("", &[]).unwrap_err().contains("[a2ui]\nenabled = true"));
        assert!(draw("page", &[surface()]).unwrap_err().contains("[open_generative_ui]"));
        assert!(draw("house", &[surface()]).unwrap_err().contains("/ui page"));
    }

    #[test]
    fn examples_are_json_and_a_page_begins_with_its_height() {
        let page = page_arguments();
        let value: Value = serde_json::from_str(&page).unwrap();
        assert!(page.starts_with("{\"initialHeight\""));
        assert_eq!(value["jsExpressions"][0], "count(1)");
        let surface: Value = serde_json::from_str(&surface_arguments()).unwrap();
        let components = surface["components"].as_array().unwrap().clone();
        let ids: Vec<&str> = components.iter().filter_map(|component| component["id"].as_str()).collect();
        for child in ["all", "title", "name", "drinks", "drink", "buttons", "tea", "tea-text"] {
            assert!(ids.contains(&child), "{child}");
        }
    }
}
