//! Requests of foreign pages, and by foreign names.

use super::harness::{RUN, json_of, raw, server, status};
use copilotkit_runtime::http::server::ServeOptions;
use copilotkit_runtime::http::{CorsPolicy, HostPolicy, Origins, SurfaceOptions};
use serde_json::Value;
use std::net::SocketAddr;

async fn ask(address: SocketAddr, line: &str, headers: &str, body: &str) -> (u16, Value) {
    let length = body.len();
    let request = format!("{line} HTTP/1.1\r\nconnection: close\r\n{headers}content-length: {length}\r\n\r\n{body}");
    let answer = raw(address, request.as_bytes()).await;
    (status(&answer), json_of(&answer))
}

const STOP: &str = "POST /copilotkit/agent/default/stop/t";

#[tokio::test]
async fn a_page_of_a_foreign_origin_neither_starts_nor_stops_a_run() {
    let server = server(SurfaceOptions::default(), ServeOptions::default()).await;
    let evil = "host: localhost:8000\r\norigin: https://evil.example\r\ncontent-type: text/plain\r\n";
    let input = r#"{"threadId":"t","runId":"r","messages":[]}"#;
    for (line, body) in [(&*format!("POST {RUN}"), input), (STOP, ""), ("GET /copilotkit/info", "")] {
        let (status, answer) = ask(server.address, line, evil, body).await;
        assert_eq!((status, answer["code"].as_str()), (403, Some("origin_not_allowed")), "{line}");
        assert!(answer["message"].as_str().unwrap().contains("https://evil.example"), "{answer}");
    }
    for origin in ["null", "http://localhost.evil.example"] {
        let headers = format!("host: localhost\r\norigin: {origin}\r\n");
        assert_eq!(ask(server.address, STOP, &headers, "").await.0, 403, "{origin}");
    }
    for headers in [
        "host: localhost\r\n",
        "host: localhost\r\norigin: http://localhost:3000\r\n",
        "host: a.example\r\norigin: https://a.example\r\n",
    ] {
        let (status, answer) = ask(server.address, STOP, headers, "").await;
        assert_eq!((status, &answer["stopped"]), (200, &Value::Bool(false)), "{headers}");
    }
    assert_eq!(ask(server.address, "GET /health", evil, "").await.0, 200);
}

#[tokio::test]
async fn every_origin_is_let_in_where_the_policy_says_so() {
    for origins in [Origins::Any, Origins::Off] {
        let cors = CorsPolicy::new(origins, false).unwrap();
        let server = server(SurfaceOptions { cors, ..SurfaceOptions::default() }, ServeOptions::default()).await;
        let headers = "host: localhost\r\norigin: https://a.example\r\n";
        assert_eq!(ask(server.address, STOP, headers, "").await.0, 200);
    }
}

#[tokio::test]
async fn a_name_that_was_pointed_at_this_machine_is_refused() {
    let options = SurfaceOptions { hosts: HostPolicy::Loopback, ..SurfaceOptions::default() };
    let server = server(options, ServeOptions::default()).await;
    let rebound = "host: evil.example:8000\r\norigin: http://evil.example:8000\r\n";
    for line in ["GET /copilotkit/info", STOP, "OPTIONS /copilotkit/info"] {
        let (status, answer) = ask(server.address, line, rebound, "").await;
        assert_eq!((status, answer["code"].as_str()), (403, Some("host_not_allowed")), "{line}");
    }
    for line in ["GET http://evil.example/copilotkit/info", "GET /copilotkit/info"] {
        let host = if line.contains("evil") { "host: localhost\r\n" } else { "" };
        assert_eq!(ask(server.address, line, host, "").await.0, 403, "{line}");
    }
    for path in ["GET /health", "GET /ready"] {
        assert_eq!(ask(server.address, path, rebound, "").await.0, 200, "{path}");
    }
    assert_eq!(ask(server.address, "GET /copilotkit/info", "host: 127.0.0.1:1\r\n", "").await.0, 200);
}

#[tokio::test]
async fn an_envelope_is_json_by_its_type_not_by_a_word_in_it() {
    let server = server(SurfaceOptions::default(), ServeOptions::default()).await;
    let envelope = r#"{"method":"info"}"#;
    for (kind, expected) in [
        ("text/plain;application/json", 415),
        ("text/plain; a=application/json", 415),
        ("application/jsonp", 415),
        ("Application/JSON ; charset=utf-8", 200),
    ] {
        let headers = format!("host: localhost\r\ncontent-type: {kind}\r\n");
        assert_eq!(ask(server.address, "POST /copilotkit", &headers, envelope).await.0, expected, "{kind}");
    }
}
