//! Every bound refuses with a status or a coded RUN_ERROR, and each refusal is counted where it happened.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a helper of a test fails the test")]

mod bounds {
    mod depth;
    pub(crate) mod kit;
    mod principals;
    mod slow;
    mod stop;
}

use bounds::kit::{Script, Server, input};
use copilotkit_runtime::debug::DebugOptions;
use copilotkit_runtime::http::server::ServeOptions;
use copilotkit_runtime::http::{HostPolicy, SurfaceOptions};
use copilotkit_runtime::{Code, LifecycleOptions, RunError};
use std::time::Duration;

const SHORT: Duration = Duration::from_millis(150);

/// Every refusal of the HTTP surface once, and nothing else is counted.
#[tokio::test]
async fn each_refusal_over_http_is_counted_once() {
    let surface = SurfaceOptions {
        body_max: 4_000,
        bodies_max: 4_000,
        body_timeout: Duration::from_secs(2),
        hosts: HostPolicy::Loopback,
        ..SurfaceOptions::default()
    };
    let lifecycle = LifecycleOptions {
        runs: 2,
        debug: DebugOptions { feed: true, ..DebugOptions::default() },
        ..LifecycleOptions::default()
    };
    let server = Server::start(lifecycle, surface, ServeOptions::default()).await;
    let run = "/copilotkit/agent/silent/run";
    let deep =
        format!(r#"{{"threadId":"t","runId":"r","messages":[],"state":{}{}}}"#, "[".repeat(200), "]".repeat(200));
    let long = format!("/copilotkit/agent/{}/run", "x".repeat(300));
    let large = "x".repeat(5_000);
    let json = "content-type: application/json\r\n";
    let foreign = "origin: https://evil.example\r\n";
    let cases = [
        ("GET", "/elsewhere", "", "", 404, Code::NotFound),
        ("PUT", "/copilotkit/info", "", "", 405, Code::MethodNotAllowed),
        ("POST", "/copilotkit/agent/ghost/run", "", "", 404, Code::AgentNotFound),
        ("POST", "/copilotkit/agent/ghost/stop/t", "", "", 404, Code::AgentNotFound),
        ("POST", run, "", "{", 400, Code::InvalidBody),
        ("POST", "/copilotkit/agent/silent/stop/t", "", "[]", 400, Code::InvalidBody),
        ("POST", run, "", &deep, 400, Code::JsonTooDeep),
        ("POST", &long, "", "", 400, Code::InvalidParameter),
        ("POST", "/copilotkit", json, "{}", 400, Code::InvalidEnvelope),
        ("POST", "/copilotkit", json, r#"{"messages":"hi"}"#, 400, Code::InvalidEnvelope),
        ("POST", run, "content-encoding: gzip\r\n", "{}", 415, Code::UnsupportedMediaType),
        ("POST", "/copilotkit", "", "{}", 415, Code::UnsupportedMediaType),
        ("POST", "/copilotkit/x", json, r#"{"method":"info"}"#, 404, Code::EnvelopeHere),
        ("POST", run, "", &large, 413, Code::BodyTooLarge),
        ("POST", run, foreign, "", 403, Code::OriginNotAllowed),
        ("GET", "http://evil.example/copilotkit/info", "", "", 403, Code::HostNotAllowed),
    ];
    for (method, path, headers, body, status, code) in cases {
        let before = server.counters().get(code);
        let answer = server.ask(method, path, headers, body).await;
        assert_eq!((answer.status, answer.code()), (status, code.as_str()), "{method} {path:.60}");
        assert_eq!(server.counters().get(code), before + 1, "{method} {path:.60} {:?}", server.counters());
    }
    // Half of a body that fills the room, and is never ended.
    let slow = server.open(run, 3_900, &" ".repeat(3_900 - 1)).await;
    tokio::time::sleep(SHORT).await;
    let padded = format!("{}{}", " ".repeat(2_000), input("t"));
    let answer = server.ask("POST", run, "", &padded).await;
    assert_eq!((answer.status, answer.code()), (503, "too_many_bodies"));
    assert_eq!(answer.header("retry-after"), Some("1"));
    assert!(server.rest(slow).await.starts_with("HTTP/1.1 408"));
    // Runs: one thread is busy, then all places are taken.
    let one = server.open_run("silent", "busy").await;
    assert_eq!(server.ask("POST", run, "", &input("busy")).await.code(), "thread_busy");
    let two = server.open_run("silent", "other").await;
    assert_eq!(server.ask("POST", run, "", &input("third")).await.code(), "too_many_runs");
    // Readers of the feed.
    let feed = server.lifecycle.debug_feed().unwrap().clone();
    let readers: Vec<_> = std::iter::from_fn(|| feed.subscribe().ok()).collect();
    let answer = server.ask("GET", "/copilotkit/cpk-debug-events", "", "").await;
    assert_eq!((answer.status, answer.code()), (503, "too_many_debug_readers"));
    drop((one, two, readers));
    server.lifecycle.drain(Duration::ZERO).await;
    assert_eq!(server.ask("POST", run, "", &input("late")).await.code(), "shutting_down");
    let counters = server.counters();
    for code in [Code::BodyTimeout, Code::TooManyBodies, Code::ThreadBusy, Code::TooManyRuns] {
        assert_eq!(counters.get(code), 1, "{code}: {counters:?}");
    }
    assert_eq!((counters.get(Code::TooManyDebugReaders), counters.get(Code::ShuttingDown)), (1, 1), "{counters:?}");
    assert_eq!(counters.get(Code::ServerShutdown), 2, "the two runs that were cut off: {counters:?}");
    assert_eq!(counters.snapshot().len(), 12 + 6 + 1, "nothing else was counted: {counters:?}");
}

#[tokio::test]
async fn connections_that_are_cut_off_are_counted() {
    let serving = ServeOptions { header_timeout: SHORT, write_stall: SHORT, ..ServeOptions::default() };
    let server = Server::start(LifecycleOptions::default(), SurfaceOptions::default(), serving).await;
    let head = server.connect(b"GET /copilotkit/info HTT").await;
    assert_eq!(server.rest(head).await, "");
    let (counters, flood) = (server.counters(), server.open_run("flood", "t").await);
    let begun = tokio::time::Instant::now();
    while counters.get(Code::WriteStall) == 0 && begun.elapsed() < Duration::from_secs(10) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    drop(flood);
    assert_eq!((counters.get(Code::HeaderTimeout), counters.get(Code::WriteStall)), (1, 1), "{counters:?}");
    // A connection that was kept and is not used again is not refused anything.
    assert_eq!(server.ask("GET", "/copilotkit/info", "", "").await.status, 200);
    assert_eq!(counters.get(Code::HeaderTimeout), 1);
}

/// Every bound on a run ends it with the code, once for its reader and once in the counters.
#[tokio::test]
async fn each_bound_of_a_run_ends_it_with_its_code_and_is_counted() {
    let small = || LifecycleOptions {
        event_max: 2_000,
        run_events: 30,
        run_bytes: 20_000,
        agent_idle: SHORT,
        run_max: SHORT * 3,
        ..LifecycleOptions::default()
    };
    for (script, expected) in [
        (Script::Delta(2_500), Code::AgentEventTooLarge),
        (Script::Snapshot { levels: 1, bytes: 2_500 }, Code::AgentEventTooLarge),
        (Script::RawSnapshot { levels: 1, bytes: 2_500 }, Code::AgentEventTooLarge),
        (Script::Snapshot { levels: 200, bytes: 0 }, Code::AgentEventTooDeep),
        (Script::Many { events: 40, bytes: 10 }, Code::RunTooManyEvents),
        (Script::Many { events: 25, bytes: 1_500 }, Code::RunTooLarge),
        (Script::Silent, Code::AgentTimeout),
        (Script::Ticks, Code::RunTimeout),
        (Script::Fails("model_auth"), Code::ModelAuth),
        (Script::Fails("a_code_of_its_own"), Code::AgentError),
        (Script::Panics, Code::AgentPanic),
        (Script::Ends, Code::AgentIncomplete),
    ] {
        let server = Server::scripted(script.clone(), small()).await;
        let text = server.run("scripted", "t").await;
        assert_eq!(text.matches("\"RUN_ERROR\"").count(), 1, "{script:?}: {text:.300}");
        let code = if matches!(script, Script::Fails(_)) { "" } else { expected.as_str() };
        assert!(text.contains(&format!("\"code\":\"{code}")), "{script:?}: {text:.300}");
        assert_eq!(server.counters().snapshot(), [(expected, 1)], "{script:?}");
        assert_eq!(server.lifecycle.active(), 0, "its place is free again");
    }
    for script in
        [Script::Delta(1_500), Script::Snapshot { levels: 5, bytes: 1_500 }, Script::Many { events: 20, bytes: 10 }]
    {
        let server = Server::scripted(script.clone(), small()).await;
        let text = server.run("scripted", "t").await;
        assert!(text.contains("RUN_FINISHED"), "{script:?}: {text:.300}");
        assert_eq!(server.counters().snapshot(), [], "{script:?}");
    }
}

#[tokio::test]
async fn two_servers_in_one_process_count_for_themselves_and_without_http() {
    let (one, two) = (Server::scripted(Script::Ends, LifecycleOptions::default()).await, Server::default().await);
    let lifecycle = &two.lifecycle;
    let missing = lifecycle.stop("ghost", &copilotkit_runtime::Principal::anonymous(), "t", None).await;
    assert!(matches!(missing, Err(RunError::UnknownAgent(_))));
    assert_eq!(lifecycle.counters().snapshot(), [(Code::AgentNotFound, 1)]);
    assert_eq!(one.counters().snapshot(), []);
}

/// Somebody with curl learns what there is.
#[tokio::test]
async fn a_refusal_says_what_is_there_instead() {
    let server = Server::start(LifecycleOptions::default(), SurfaceOptions::default(), ServeOptions::default()).await;
    let envelope = r#"{"method":"agent/stop","params":{"agentId":"ghost","threadId":"t"}}"#;
    let json = "content-type: application/json\r\n";
    for (path, headers, body) in [
        ("/copilotkit/agent/ghost/run", "", ""),
        ("/copilotkit/agent/ghost/stop/t", "", ""),
        ("/copilotkit", json, envelope),
    ] {
        let answer = server.ask("POST", path, headers, body).await;
        assert_eq!((answer.status, &answer.body["error"]), (404, &"Agent not found".into()), "{path}");
        assert_eq!(answer.body["message"], "Agent 'ghost' does not exist", "{path}");
        assert_eq!(answer.body["agents"], serde_json::json!(["silent", "flood"]), "{path}");
        assert_eq!(answer.body["hint"], "This server has silent, flood. GET /info says more.", "{path}");
    }
    for (query, is_graphql) in
        [("query q { a }", true), ("\n mutation { a }", true), ("{ a }", true), ("weather", false)]
    {
        let body = serde_json::json!({ "operationName": "q", "query": query, "variables": {} }).to_string();
        let answer = server.ask("POST", "/copilotkit", json, &body).await;
        assert_eq!((answer.status, &answer.body["message"]), (400, &"Missing method field".into()), "{query}");
        let hint = answer.body["hint"].as_str().unwrap_or_default();
        assert_eq!(hint.contains("GraphQL, which is not spoken here") && hint.contains("1.50"), is_graphql, "{query}");
    }
    for (path, expected) in [
        ("/", "The routes of this server begin with /api/copilotkit/ or /copilotkit/."),
        ("/copilotkit/agents", "POST /agent/:agentId/run, POST /agent/:agentId/suggest, "),
        ("/copilotkit/agent//run", "POST /agent/:agentId/stop/:threadId"),
    ] {
        let answer = server.ask("GET", path, "", "").await;
        assert_eq!((answer.status, &answer.body["error"]), (404, &"Not found".into()), "{path}");
        let hint = answer.body["hint"].as_str().unwrap();
        assert!(hint.contains(expected), "{path}: {hint}");
    }
}
