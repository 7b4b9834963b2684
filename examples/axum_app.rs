//! The runtime inside an axum application that has pages and routes of its own.
//!
//! ```sh
//! cargo run -p copilotkit-examples --example axum_app
//! curl http://127.0.0.1:4000/orders/7
//! curl -N http://127.0.0.1:4000/api/copilotkit/agent/default/run -H 'content-type: application/json' \
//!   -d '{"threadId":"t","runId":"r","messages":[{"id":"u","role":"user","content":"Hello"}]}'
//! ```

use axum::Router;
use axum::extract::Path;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;
use copilotkit_adapters::DemoModel;
use copilotkit_examples::{Failed, until_ctrl_c};
use copilotkit_runtime::agents::BuiltInAgent;
use copilotkit_runtime::http::{Surface, SurfaceOptions};
use copilotkit_runtime::{AgentRegistry, Lifecycle, LifecycleOptions, Registered};
use serde_json::json;
use std::sync::Arc;

/// A route that was there before.
async fn order(Path(number): Path<u32>) -> impl IntoResponse {
    let order = json!({ "number": number, "state": "on its way" });
    ([(CONTENT_TYPE, "application/json")], order.to_string())
}

fn app() -> (Router, Lifecycle) {
    let agent = BuiltInAgent::builder(Arc::new(DemoModel::default())).prompt("You help with orders.").build();
    let agents = Arc::new(AgentRegistry::new([Registered::new("default", agent)]));
    let lifecycle = Lifecycle::new(agents, LifecycleOptions::default());
    // axum takes `/api/copilotkit` off the path before the surface sees it.
    let options = SurfaceOptions { base_paths: vec![String::new()], ..SurfaceOptions::default() };
    let surface = Surface::new(lifecycle.clone(), options);
    let app = Router::new().route("/orders/{number}", get(order)).nest_service("/api/copilotkit", surface);
    (app, lifecycle)
}

#[tokio::main]
async fn main() -> Result<(), Failed> {
    let (app, lifecycle) = app();
    until_ctrl_c(app, lifecycle).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::{HeaderMap, StatusCode};
    use copilotkit_examples::{ask, say, words};

    #[tokio::test]
    async fn both_are_served() {
        let (app, _) = app();
        let (status, order) = ask(&app, "/orders/7", HeaderMap::new(), None).await.unwrap();
        assert_eq!((status, order.contains("on its way")), (StatusCode::OK, true));
        let events = say(&app, "/api/copilotkit", "default", "Hello").await.unwrap();
        assert_eq!(events.last().unwrap()["type"], "RUN_FINISHED");
        assert!(!words(&events).is_empty());
        assert_eq!(ask(&app, "/elsewhere", HeaderMap::new(), None).await.unwrap().0, StatusCode::NOT_FOUND);
    }
}
