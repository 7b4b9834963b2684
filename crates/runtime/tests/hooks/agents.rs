//! Agents that are chosen for each request, and runs that fail.

use super::harness::{Server, body, events, get, post, request, run_input, surface_with};
use copilotkit_fixtures::scripted;
use copilotkit_runtime::http::{Answered, Call, Failure, Hooks, SurfaceOptions};
use copilotkit_runtime::{AgentError, LifecycleOptions, Principal, RunFailure};
use serde_json::json;
use std::sync::{Arc, Mutex};
use std::time::Duration;

#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<(String, String)>>>);

#[async_trait::async_trait]
impl Hooks for Told {
    async fn before(&self, request: &mut http::request::Parts) -> Result<(), copilotkit_runtime::http::Halt> {
        if let Some(user) = request.headers.get("x-user") {
            let user = user.to_str()?.to_owned();
            request.extensions.insert(Principal::new(user));
        }
        Ok(())
    }

    async fn after(&self, _: Option<&Call>, _: &mut Answered) {}

    async fn on_error(&self, failure: &Failure) -> Option<axum::response::Response> {
        self.0.lock().unwrap().push((failure.code.clone(), failure.message.clone()));
        None
    }
}

#[tokio::test]
async fn each_request_sees_the_agents_that_are_chosen_for_it() {
    let told = Told::default();
    let options = SurfaceOptions::default().with_hooks(told.clone()).with_agents(
        async |request: copilotkit_runtime::http::AgentsRequest| match request.principal.id() {
            "lost" => Err(AgentError::new("tenant_lookup", "tenant lookup failed")),
            "panic" => panic!("asked to"),
            user if request.headers.contains_key("x-more") => Ok(scripted::select(["default", "error"]))
                .map(|agents: Vec<_>| if user == "anonymous" { Vec::new() } else { agents }),
            _ => Ok(scripted::select(["default"])),
        },
    );
    let server = Server::start(options).await;
    let names = async |headers: &[(&str, &str)]| {
        let info = body(&server.ask(request("GET", "/info", headers, "")).await);
        info["agents"].as_object().unwrap().keys().cloned().collect::<Vec<_>>()
    };
    assert_eq!(names(&[]).await, ["default"]);
    assert_eq!(names(&[("x-more", "1")]).await, [] as [&str; 0]);
    assert_eq!(names(&[("x-user", "alice"), ("x-more", "1")]).await, ["default", "error"]);

    let alice = |path: &str| request("POST", path, &[("x-user", "alice")], &run_input("t"));
    let run = server.ask(alice("/agent/default/run")).await;
    assert_eq!(events(&run).len(), 8);
    // Agents may change between two requests: the thread stays.
    assert_eq!(events(&server.ask(alice("/agent/default/connect")).await).len(), 5);
    for path in ["/agent/error/run", "/agent/error/connect", "/agent/error/suggest", "/agent/error/stop/t"] {
        let mut asked = alice(path);
        if path.ends_with("/t") {
            asked.body = Some(String::new());
            asked.headers.insert("content-length".to_owned(), "0".to_owned());
        }
        assert_eq!(server.ask(asked).await.status, 404, "{path}");
    }
    assert!(told.0.lock().unwrap().is_empty());

    for (path, title) in [
        ("/agent/default/run", "Failed to run agent"),
        ("/agent/default/connect", "Failed to run agent"),
        ("/agent/default/stop/t", "Failed to stop agent"),
    ] {
        let input = if path.ends_with("/t") { String::new() } else { run_input("t") };
        let answer = server.ask(request("POST", path, &[("x-user", "lost")], &input)).await;
        let expected = json!({ "error": title, "message": "tenant lookup failed" });
        assert_eq!((answer.status, body(&answer)), (500, expected));
    }
    let tenant = ("tenant_lookup".to_owned(), "tenant lookup failed".to_owned());
    assert_eq!(*told.0.lock().unwrap(), [tenant.clone(), tenant.clone(), tenant]);
    let answer = server.ask(request("GET", "/info", &[("x-user", "panic")], "")).await;
    assert_eq!((answer.status, body(&answer)), (500, json!({ "error": "internal_error" })));
    assert_eq!(server.ask(get("/info")).await.status, 200);
    server.stop().await;
}

#[tokio::test]
async fn a_run_that_fails_is_told_once_and_ends_whatever_is_done_about_it() {
    let failures = Arc::new(Mutex::new(Vec::new()));
    let noted = failures.clone();
    let lifecycle = LifecycleOptions {
        on_run_error: Some(Arc::new(move |failure: &RunFailure| {
            noted.lock().unwrap().push(failure.clone());
            assert!(failure.thread_id != "panic", "asked to");
        })),
        ..LifecycleOptions::default()
    };
    let surface = surface_with(lifecycle, SurfaceOptions::default());
    let server = Server::serve(axum::Router::new().fallback_service(surface.clone()), surface).await;
    assert_eq!(events(&server.ask(post("/agent/default/run", &run_input("good"))).await).len(), 8);
    for thread in ["bad", "panic"] {
        let run = server.ask(post("/agent/error/run", &run_input(thread))).await;
        let last = events(&run).pop().unwrap();
        assert_eq!((&last["type"], &last["message"]), (&json!("RUN_ERROR"), &json!("boom")), "{thread}");
        // A replay is no new failure, and the thread is free.
        assert!(!events(&server.ask(post("/agent/error/connect", &run_input(thread))).await).is_empty());
    }
    assert_eq!(server.ask(post("/agent/error/suggest", &run_input("suggestion"))).await.status, 200);
    let failures = failures.lock().unwrap().clone();
    let seen: Vec<_> = failures
        .iter()
        .map(|failure| (&*failure.agent_id, &*failure.thread_id, &*failure.run_id, &*failure.code, &*failure.message))
        .collect();
    let expected = ["bad", "panic", "suggestion"].map(|thread| ("error", thread, "r", "agent_failed", "boom"));
    assert_eq!(seen, expected);
    assert!(failures.iter().all(|failure| failure.principal == Principal::anonymous()));
    tokio::time::timeout(Duration::from_secs(5), server.stop()).await.unwrap();
}
