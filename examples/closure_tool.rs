//! A tool from a closure: the model calls it, the server executes it.
//!
//! The demo model calls a tool when it is told to, so that this runs without a key:
//!
//! ```sh
//! cargo run -p copilotkit-examples --example closure_tool
//! copilotkit chat --url http://127.0.0.1:4000/copilotkit '/call weather {"city":"Ulm"}'
//! ```
//!
//! For a real one: `copilotkit_adapters::model_from_spec("openai/gpt-4o", &Options::from_env())`.

use axum::Router;
use copilotkit_adapters::DemoModel;
use copilotkit_examples::{Failed, until_ctrl_c};
use copilotkit_runtime::agents::BuiltInAgent;
use copilotkit_runtime::http::{Surface, SurfaceOptions};
use copilotkit_runtime::tools::FnTool;
use copilotkit_runtime::{AgentRegistry, Lifecycle, LifecycleOptions, Registered, ToolError};
use serde_json::json;
use std::sync::Arc;

fn app() -> (Router, Lifecycle) {
    let schema = json!({ "type": "object", "properties": { "city": { "type": "string" } }, "required": ["city"] });
    let weather = FnTool::new("weather", "The weather in a city", schema, |call| async move {
        // Who asks is known too: `call.principal`. The arguments were checked against the schema.
        match call.arguments.to_value()["city"].as_str() {
            Some("Atlantis") => Err(ToolError::failed("Atlantis has no weather any more.")),
            city => Ok(json!({ "city": city, "degrees": 21, "sky": "clear" })),
        }
    });
    let agent = BuiltInAgent::builder(Arc::new(DemoModel::default())).tool(Arc::new(weather)).build();
    let agents = Arc::new(AgentRegistry::new([Registered::new("default", agent)]));
    let lifecycle = Lifecycle::new(agents, LifecycleOptions::default());
    let surface = Surface::new(lifecycle.clone(), SurfaceOptions::default());
    (Router::new().fallback_service(surface), lifecycle)
}

#[tokio::main]
async fn main() -> Result<(), Failed> {
    let (app, lifecycle) = app();
    until_ctrl_c(app, lifecycle).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use copilotkit_examples::say;

    async fn result(arguments: &str) -> String {
        let events = say(&app().0, "/copilotkit", "default", &format!("/call weather {arguments}")).await.unwrap();
        let result = events.iter().find(|event| event["type"] == "TOOL_CALL_RESULT").unwrap();
        result["content"].as_str().unwrap().to_owned()
    }

    #[tokio::test]
    async fn the_closure_is_called_and_may_fail() {
        assert!(result(r#"{"city":"Ulm"}"#).await.contains("21"));
        assert!(result(r#"{"city":"Atlantis"}"#).await.contains("no weather any more"));
    }
}
