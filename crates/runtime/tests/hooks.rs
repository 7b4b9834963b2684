//! Hooks, the choice of agents and layers around a server on a port of its own.
#![cfg(feature = "http")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a helper of a test fails the test")]

mod hooks {
    pub(crate) mod agents;
    pub(crate) mod harness;
    pub(crate) mod recordings_of_speech;
}

use async_trait::async_trait;
use axum::body::Body;
use copilotkit_runtime::Principal;
use copilotkit_runtime::http::{Answered, Call, Failure, Halt, Hooks, Mode, SurfaceOptions};
use hooks::harness::{Server, events, get, post, request, run_input};
use http::request::Parts;
use http::{HeaderValue, Response, StatusCode};
use serde_json::json;
use std::sync::{Arc, Mutex};

/// Notes every call, and does what the request's headers ask for.
#[derive(Clone, Default)]
struct Noting(Arc<Mutex<Vec<String>>>);

impl Noting {
    fn note(&self, text: String) {
        self.0.lock().unwrap().push(text);
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

/// Whether a request asks for something to be done at a place.
fn asked(request: &Parts, name: &str, place: &str) -> bool {
    request.headers.get(name).is_some_and(|value| value == place)
}

fn describe(call: Option<&Call>) -> String {
    let Some(call) = call else { return "nothing".to_owned() };
    let id = |name| call.param(name).unwrap_or("-");
    format!("{:?} {} {}", call.route, id("agentId"), id("threadId"))
}

#[async_trait]
impl Hooks for Noting {
    async fn before(&self, request: &mut Parts) -> Result<(), Halt> {
        self.note(format!("before {} {}", request.method, request.uri.path()));
        assert!(!asked(request, "x-panic", "before"), "asked to");
        if asked(request, "x-hang", "before") {
            std::future::pending::<()>().await;
        }
        if asked(request, "x-fail", "before") {
            "x".parse::<u8>()?;
        }
        if asked(request, "x-answer", "before") {
            // Every header about the body is wrong.
            let answer = Response::builder().status(302).header("location", "/login").header("content-length", "3");
            let answer = answer.header("transfer-encoding", "chunked").header("connection", "close");
            return Err(Halt::answer(answer.body(Body::from("somewhere else")).unwrap()));
        }
        if let Some(user) = request.headers.get("x-user") {
            let user = user.to_str().unwrap().to_owned();
            request.extensions.insert(Principal::new(user));
        }
        request.headers.insert("x-added", HeaderValue::from_static("by the hook"));
        request.headers.remove("x-removed");
        Ok(())
    }

    async fn before_handler(&self, call: &Call, request: &mut Parts) -> Result<(), Halt> {
        self.note(format!("before_handler {}", describe(Some(call))));
        assert!(!asked(request, "x-panic", "before_handler"), "asked to");
        match call.param("agentId") {
            Some("forbidden") => Err(Halt::answer((StatusCode::FORBIDDEN, "not for you"))),
            Some("broken") => Err("no such luck".into()),
            _ => Ok(()),
        }
    }

    async fn after(&self, call: Option<&Call>, answer: &mut Answered) {
        self.note(format!("after {} {}", answer.status(), describe(call)));
        assert!(answer.status() != StatusCode::METHOD_NOT_ALLOWED, "asked to, by a wrong method");
        let stream = answer.is_stream();
        let headers = answer.headers_mut();
        headers.insert("x-extra", HeaderValue::from_static(if stream { "stream" } else { "whole" }));
        // None of these may reach the client.
        for (name, value) in [
            ("content-type", "text/plain"),
            ("content-length", "1"),
            ("content-encoding", "gzip"),
            ("transfer-encoding", "identity"),
            ("connection", "close"),
            ("trailer", "x-extra"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        if stream {
            headers.remove("x-accel-buffering");
            headers.remove("cache-control");
        }
    }

    async fn on_error(&self, failure: &Failure) -> Option<Response<Body>> {
        self.note(format!("on_error {} {} {}", failure.status, failure.code, describe(failure.call.as_ref())));
        let shown = format!("{failure:?}");
        assert!(!shown.contains("secret"), "{shown}");
        assert!(failure.path != "/copilotkit/panic-again", "asked to");
        (failure.message == "no such luck").then(|| Response::builder().status(418).body(Body::empty()).unwrap())
    }
}

async fn server() -> (Server, Noting) {
    let noting = Noting::default();
    (Server::start(SurfaceOptions::default().with_hooks(noting.clone())).await, noting)
}

#[tokio::test]
async fn hooks_are_called_in_order_and_know_the_route_in_both_forms() {
    let (server, noting) = server().await;
    let run = server.ask(post("/agent/default/run", &run_input("t"))).await;
    assert_eq!(run.status, 200);
    let path = "before POST /copilotkit/agent/default/run".to_owned();
    let run = |path: String| [path, "before_handler Run default -".to_owned(), "after 200 OK Run default -".to_owned()];
    assert_eq!(noting.take(), run(path));
    let params = json!({ "agentId": "default" });
    let body: serde_json::Value = serde_json::from_str(&run_input("t2")).unwrap();
    let envelope = json!({ "method": "agent/run", "params": params, "body": body });
    assert_eq!(server.ask(post("", &envelope.to_string())).await.status, 200);
    assert_eq!(noting.take(), run("before POST /copilotkit".to_owned()));
    let stop = server.ask(post("/agent/default/stop/t%20x", "")).await;
    assert_eq!((stop.status, noting.take().remove(1)), (200, "before_handler Stop default t x".to_owned()));
    assert_eq!(server.ask(get("/nowhere")).await.status, 404);
    assert_eq!(noting.take(), ["before GET /copilotkit/nowhere", "after 404 Not Found nothing"]);
    // What is refused for its origin, and what a browser asks beforehand, is no request yet.
    let foreign = server.ask(request("GET", "/info", &[("origin", "https://evil.example")], "")).await;
    let asked = [("origin", "http://localhost:1"), ("access-control-request-method", "POST")];
    let preflight = server.ask(request("OPTIONS", "/info", &asked, "")).await;
    assert_eq!((foreign.status, preflight.status, noting.take().len()), (403, 204, 0));
    server.stop().await;
}

#[tokio::test]
async fn headers_and_the_principal_of_a_hook_reach_the_agent_and_the_store() {
    let (server, _) = server().await;
    let sent = [("x-user", "alice"), ("x-removed", "yes"), ("x-kept", "1")];
    let answer = server.ask(request("POST", "/agent/echoplain/run", &sent, &run_input("shared"))).await;
    let shown = events(&answer).into_iter().find(|event| event["name"] == "agent").unwrap();
    let headers = json!({ "x-user": "alice", "x-kept": "1", "x-added": "by the hook" });
    assert_eq!(shown["value"]["headers"], headers);
    for (user, seen) in [("alice", true), ("bob", false)] {
        let connect = request("POST", "/agent/echoplain/connect", &[("x-user", user)], &run_input("shared"));
        assert_eq!(!events(&server.ask(connect).await).is_empty(), seen, "{user}");
    }
    server.stop().await;
}

#[tokio::test]
async fn an_answer_of_a_hook_cannot_break_the_connection() {
    let (server, noting) = server().await;
    let mut connection = server.connect().await;
    for _ in 0..2 {
        let answer = connection.ask(request("GET", "/info", &[("x-answer", "before")], "")).await;
        assert_eq!((answer.status, &*answer.body), (302, "somewhere else"));
        assert_eq!((&answer.headers["location"], &answer.headers["x-extra"]), (&json!("/login"), &json!("whole")));
    }
    let answer = connection.ask(post("/agent/forbidden/run", &run_input("t"))).await;
    assert_eq!((answer.status, &*answer.body), (403, "not for you"));
    assert!(noting.take().iter().all(|note| !note.starts_with("on_error")), "an answer is no failure");
    server.stop().await;
}

#[tokio::test]
async fn a_hook_cannot_break_the_framing_of_a_stream() {
    let (server, _) = server().await;
    let mut connection = server.connect().await;
    for thread in ["one", "two"] {
        let answer = connection.ask(post("/agent/default/run", &run_input(thread))).await;
        let header = |name: &str| answer.headers.get(name).and_then(serde_json::Value::as_str);
        assert_eq!(header("x-extra"), Some("stream"));
        assert_eq!(header("content-type"), Some("text/event-stream"));
        assert_eq!(
            (header("cache-control"), header("x-accel-buffering")),
            (Some("no-cache, no-transform"), Some("no"))
        );
        assert_eq!((header("content-encoding"), header("trailer"), header("content-length")), (None, None, None));
        let events = events(&answer);
        assert_eq!(events.last().unwrap()["type"], "RUN_FINISHED");
        assert_eq!(events.len(), 8);
    }
    server.stop().await;
}

#[tokio::test]
async fn a_hook_that_panics_or_fails_is_a_500_and_the_connection_lives_on() {
    let (server, noting) = server().await;
    let mut connection = server.connect().await;
    let internal = json!({ "error": "internal_error" });
    let secrets = [("authorization", "Bearer secret"), ("cookie", "s=secret")];
    let with = |name, place| [&secrets[..], &[(name, place)]].concat();
    for (request, told) in [
        (request("GET", "/info?token=secret", &with("x-panic", "before"), ""), "panic nothing"),
        (request("GET", "/info", &with("x-fail", "before"), ""), "hook_failed nothing"),
        (request("GET", "/info", &with("x-panic", "before_handler"), ""), "panic Info - -"),
        // `after` panics over a wrong method.
        (request("PUT", "/info", &secrets, ""), "panic nothing"),
    ] {
        let answer = connection.ask(request).await;
        assert_eq!((answer.status, serde_json::from_str(&answer.body).ok().as_ref()), (500, Some(&internal)));
        let told = format!("on_error 500 Internal Server Error {told}");
        assert_eq!(noting.take().iter().filter(|note| note.starts_with("on_error")).collect::<Vec<_>>(), [&told]);
    }
    // The hook for errors panics as well.
    let answer = connection.ask(request("GET", "/panic-again", &[("x-fail", "before")], "")).await;
    assert_eq!((answer.status, &*answer.body), (500, "{\"error\":\"internal_error\"}"));
    // It may answer, and then `after` is not called.
    noting.take();
    let answer = connection.ask(post("/agent/broken/run", &run_input("t"))).await;
    assert_eq!((answer.status, &*answer.body), (418, ""));
    assert!(noting.take().iter().all(|note| !note.starts_with("after")));
    assert_eq!(connection.ask(get("/info")).await.status, 200);
    server.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_hook_that_hangs_is_given_up() {
    let noting = Noting::default();
    let surface = hooks::harness::surface(SurfaceOptions::default().with_hooks(noting.clone()));
    let request = http::Request::get("/copilotkit/info").header("x-hang", "before").body(Body::empty()).unwrap();
    let response = surface.handle(request).await;
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(noting.take()[1], "on_error 500 Internal Server Error hook_timeout nothing");
}

#[tokio::test]
async fn what_is_the_request_s_own_fault_is_no_failure() {
    let (server, noting) = server().await;
    for (request, status) in [
        (get("/nowhere"), 404),
        (post("/agent/nobody/run", "{}"), 404),
        (post("/agent/default/run", "{"), 400),
        (post("", "{}"), 400),
    ] {
        assert_eq!(server.ask(request).await.status, status);
    }
    assert!(noting.take().iter().all(|note| !note.starts_with("on_error")));
    server.stop().await;
}

/// What needs no hook: a layer of tower around the router, and the surface below a path of another router.
#[tokio::test]
async fn layers_and_nesting_are_those_of_axum() {
    use axum::middleware::{Next, from_fn};
    let options = SurfaceOptions { base_paths: vec![String::new()], mode: Mode::Both, ..SurfaceOptions::default() };
    let surface = hooks::harness::surface(options);
    let layer = from_fn(|mut request: axum::extract::Request, next: Next| async move {
        let Some(user) = request.headers().get("x-user").and_then(|user| user.to_str().ok()).map(str::to_owned) else {
            return Response::builder().status(401).body(Body::empty()).unwrap();
        };
        request.extensions_mut().insert(Principal::new(user));
        let mut response = next.run(request).await;
        response.headers_mut().insert("x-layer", HeaderValue::from_static("1"));
        response
    });
    let app = axum::Router::new().nest_service("/ai/chat", surface.clone()).layer(layer);
    let server = Server::serve(app, surface).await;
    let at = |path: &str, user: &str, body: &str| {
        let mut request = request("POST", "", &[("x-user", user)], body);
        request.path = format!("/ai/chat{path}");
        request
    };
    let run = server.ask(at("/agent/default/run", "alice", &run_input("t"))).await;
    assert_eq!((run.status, &run.headers["x-layer"]), (200, &json!("1")));
    assert_eq!(events(&run).len(), 8);
    let connected = server.ask(at("/agent/default/connect", "bob", &run_input("t"))).await;
    assert_eq!((connected.status, events(&connected).len()), (200, 0), "the thread is alice's");
    assert_eq!(server.ask(at("", "alice", "{\"method\":\"info\"}")).await.status, 200);
    let mut stranger = request("POST", "", &[], "");
    stranger.path = "/ai/chat/agent/default/run".to_owned();
    assert_eq!(server.ask(stranger).await.status, 401);
    server.stop().await;
}
