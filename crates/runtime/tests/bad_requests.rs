//! What a client sends wrong is an answer that says where and what, over a real socket; the server goes on.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a helper of a test fails the test")]

mod bad_requests {
    mod access;
    mod bodies;
    mod connections;
    pub(crate) mod harness;
    mod streams;
}

use axum::body::Body;
use bad_requests::harness::{RUN, post, raw, server, surface};
use copilotkit_runtime::http::SurfaceOptions;
use copilotkit_runtime::http::server::ServeOptions;
use http::Request;
use serde_json::json;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

#[tokio::test]
async fn a_wrong_body_is_a_400_that_names_the_member() {
    let server = server(SurfaceOptions::default(), ServeOptions::default()).await;
    let call = r#"{"id":"c","type":"function","function":{"arguments":"{}"}}"#;
    let deep = format!("{}1{}", "[".repeat(5_000), "]".repeat(5_000));
    let body = |rest: &str| format!(r#"{{"threadId":"t","runId":"r",{rest}}}"#);
    let cases = [
        (String::new(), "the body is empty, expected a RunAgentInput object"),
        ("{".to_owned(), "not valid JSON"),
        ("[]".to_owned(), "invalid type: sequence, expected an object"),
        (r#"{"runId":"r","messages":[]}"#.to_owned(), "threadId: this member is required"),
        (body(r#""messages":{}"#), "messages: invalid type: map, expected an array"),
        (body(r#""messages":[{"id":"1","role":"robot","content":"x"}]"#), "messages[0].role: unknown value `robot`"),
        (body(r#""messages":[{"role":"user","content":"x"}]"#), "messages[0].id: this member is required"),
        (
            body(&format!(r#""messages":[{{"id":"1","role":"assistant","toolCalls":[{call}]}}]"#)),
            "messages[0].toolCalls[0].function.name: this member is required",
        ),
        (body(r#""messages":[],"tools":[{"name":1}]"#), "tools[0].name: invalid type"),
        (body(r#""messages":[],"context":[{"description":"d","value":{}}]"#), "context[0].value: invalid type"),
        (body(&format!(r#""messages":[],"state":{deep}"#)), "nested deeper than 128 levels"),
        (
            format!(r#"{{"threadId":"{}","runId":"r","messages":[]}}"#, "x".repeat(300)),
            "threadId: longer than 256 bytes",
        ),
        (body("\"messages\":[]}\u{0}"), "not valid JSON"),
    ];
    for (body, expected) in cases {
        for path in [RUN, "/copilotkit/agent/default/connect"] {
            let (status, answer) = post(server.address, path, &body).await;
            let details = answer["details"].as_str().unwrap_or_default().to_owned();
            assert_eq!(status, 400, "{body:.80}");
            assert!(details.contains(expected), "{details:?} does not say {expected:?}");
        }
    }
    let (status, _) = post(server.address, "/copilotkit/agent/ghost/run", "{").await;
    assert_eq!(status, 404, "the agent is looked up first");
}

#[tokio::test]
async fn a_large_body_is_a_413_and_a_slow_one_a_408() {
    let options =
        SurfaceOptions { body_max: 1_000, body_timeout: Duration::from_millis(200), ..SurfaceOptions::default() };
    let server = server(options, ServeOptions::default()).await;
    let (status, answer) = post(server.address, RUN, &"x".repeat(2_000)).await;
    assert_eq!((status, answer["code"].as_str()), (413, Some("body_too_large")));
    let begun = Instant::now();
    let slow = format!("POST {RUN} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 50\r\n\r\n{{");
    let answer = raw(server.address, slow.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    assert!(begun.elapsed() < Duration::from_secs(3));
}

#[tokio::test]
async fn a_busy_thread_is_a_409_in_both_forms() {
    let server = server(SurfaceOptions::default(), ServeOptions::default()).await;
    let input = json!({ "threadId": "t", "runId": "r", "messages": [] });
    let mut first = TcpStream::connect(server.address).await.unwrap();
    let body = input.to_string();
    let head = format!("POST {RUN} HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    first.write_all(head.as_bytes()).await.unwrap();
    let mut seen = [0; 15];
    first.read_exact(&mut seen).await.unwrap();
    assert_eq!(&seen, b"HTTP/1.1 200 OK");
    let envelope = json!({ "method": "agent/run", "params": { "agentId": "default" }, "body": input }).to_string();
    for (path, body) in [(RUN, &body), ("/copilotkit", &envelope)] {
        let (status, answer) = post(server.address, path, body).await;
        assert_eq!((status, answer["code"].as_str()), (409, Some("thread_busy")));
        assert_eq!(answer["error"], "Thread already running");
        assert!(answer["message"].is_string());
    }
    let (status, answer) = post(server.address, "/copilotkit/agent/default/stop/t", "").await;
    assert_eq!((status, &answer["stopped"]), (200, &json!(true)));
}

#[tokio::test]
async fn what_is_not_http_ends_that_connection_only() {
    let serving = ServeOptions { header_timeout: Duration::from_millis(200), ..ServeOptions::default() };
    let server = server(SurfaceOptions::default(), serving).await;
    for junk in [&b"\x16\x03\x01\x02\x00"[..], b"GET\r\n\r\n", b"POST / HTTP/1.1\r\ncontent-length: -1\r\n\r\n", b"G"] {
        raw(server.address, junk).await;
    }
    let slow = Instant::now();
    raw(server.address, b"GET /copilotkit/info HTTP/1.1\r\nhost: x\r\nx-slow").await;
    assert!(slow.elapsed() < Duration::from_secs(3), "a head that does not end is cut off");
    let answer = raw(server.address, b"GET /health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with(r#"{"status":"ok"}"#), "{answer}");
}

#[tokio::test]
async fn the_surface_is_a_tower_service() {
    use tower::ServiceExt as _;
    let request = Request::get("/copilotkit/info").body(Body::empty()).unwrap();
    let response = surface(SurfaceOptions::default()).oneshot(request).await.unwrap();
    assert_eq!(response.status(), 200);
}
