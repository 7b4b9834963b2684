//! An agent for each tenant: which agents a request sees depends on who asks, and so do its threads.
//!
//! ```sh
//! cargo run -p copilotkit-examples --example agent_per_tenant
//! curl http://127.0.0.1:4000/copilotkit/info -H 'authorization: Bearer of-acme'
//! ```

use axum::Router;
use copilotkit_adapters::DemoModel;
use copilotkit_examples::{Failed, until_ctrl_c};
use copilotkit_runtime::agents::BuiltInAgent;
use copilotkit_runtime::http::auth::{Auth, Denied, bearer_token};
use copilotkit_runtime::http::{AgentsRequest, Surface, SurfaceOptions};
use copilotkit_runtime::{AgentRegistry, Lifecycle, LifecycleOptions, Principal, Registered};
use std::collections::HashMap;
use std::sync::Arc;

/// Made once: a request only picks among them.
fn agents() -> HashMap<&'static str, Vec<Registered>> {
    let agent = |id: &'static str, prompt: &str| {
        Registered::new(id, BuiltInAgent::builder(Arc::new(DemoModel::default())).prompt(prompt).build())
    };
    HashMap::from([
        ("acme", vec![agent("support", "You help customers of Acme."), agent("sales", "You sell for Acme.")]),
        ("globex", vec![agent("support", "You help customers of Globex.")]),
    ])
}

fn app() -> (Router, Lifecycle) {
    let agents = Arc::new(agents());
    let lifecycle = Lifecycle::new(Arc::new(AgentRegistry::default()), LifecycleOptions::default());
    // In place of the two tokens: a table of your own, or JSON Web Tokens (`http::auth::Jwt`).
    let auth = Auth::from_fn(|request| async move {
        match bearer_token(&request.headers)? {
            "of-acme" => Ok(Principal::new("acme")),
            "of-globex" => Ok(Principal::new("globex")),
            _ => Err(Denied::invalid("the token is not known")),
        }
    });
    let options = SurfaceOptions { auth: Some(auth), ..SurfaceOptions::default() };
    let options = options.with_agents(move |request: AgentsRequest| {
        let agents = agents.clone();
        async move { Ok(agents.get(request.principal.id()).cloned().unwrap_or_default()) }
    });
    let surface = Surface::new(lifecycle.clone(), options);
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
    use axum::http::header::AUTHORIZATION;
    use axum::http::{HeaderMap, HeaderValue, StatusCode};
    use copilotkit_examples::ask;
    use serde_json::{Value, json};

    async fn as_tenant(app: &Router, tenant: &str, path: &str, body: Option<Value>) -> (StatusCode, String) {
        let token = HeaderValue::from_str(&format!("Bearer of-{tenant}")).unwrap();
        ask(app, path, HeaderMap::from_iter([(AUTHORIZATION, token)]), body).await.unwrap()
    }

    #[tokio::test]
    async fn tenants_see_their_own_agents_and_threads() {
        let (app, _) = app();
        let info = |tenant: &'static str| {
            let app = app.clone();
            async move { as_tenant(&app, tenant, "/copilotkit/info", None).await }
        };
        assert!(info("acme").await.1.contains("\"sales\""));
        let (status, globex) = info("globex").await;
        assert!(status == StatusCode::OK && globex.contains("\"support\"") && !globex.contains("\"sales\""));
        assert_eq!(info("nobody").await.0, StatusCode::UNAUTHORIZED);

        let input =
            json!({ "threadId": "t", "runId": "r", "messages": [{ "id": "u", "role": "user", "content": "Hi" }] });
        let run = "/copilotkit/agent/support/run";
        assert_eq!(as_tenant(&app, "acme", run, Some(input)).await.0, StatusCode::OK);
        let thread = "/copilotkit/threads/t";
        assert_eq!(as_tenant(&app, "acme", thread, None).await.0, StatusCode::OK);
        assert_eq!(as_tenant(&app, "globex", thread, None).await.0, StatusCode::NOT_FOUND);
    }
}
