//! Bodies that are too large, too many, or sent to nobody, and ids that are too long.

use super::harness::{RUN, input, json_of, post, raw, send, server, status};
use copilotkit_runtime::http::SurfaceOptions;
use copilotkit_runtime::http::server::ServeOptions;
use serde_json::json;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const MIB: usize = 1024 * 1024;

fn small() -> SurfaceOptions {
    SurfaceOptions { body_max: 8_000, bodies_max: 8_000, ..SurfaceOptions::default() }
}

#[tokio::test]
async fn a_length_that_is_too_large_is_refused_before_the_body() {
    let server = server(small(), ServeOptions::default()).await;
    let begun = Instant::now();
    for (path, expected) in [(RUN, 413), ("/copilotkit", 413), ("/copilotkit/nowhere", 404)] {
        for expect in ["", "expect: 100-continue\r\n"] {
            let head = format!(
                "POST {path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n{expect}content-length: 100000\r\n\r\n"
            );
            let answer = raw(server.address, head.as_bytes()).await;
            assert_eq!(status(&answer), expected, "{path} {answer}");
        }
    }
    // Each connection stays for a moment, in case that more comes.
    assert!(begun.elapsed() < Duration::from_secs(9), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn who_sends_all_before_reading_still_reads_the_refusal() {
    let server = server(small(), ServeOptions::default()).await;
    let body = "x".repeat(20 * MIB);
    for (path, expected) in [(RUN, 413), ("/copilotkit/agent/ghost/run", 404)] {
        let (status, _) = post(server.address, path, &body).await;
        assert_eq!(status, expected);
    }
    let mut chunked = TcpStream::connect(server.address).await.unwrap();
    let head = format!("POST {RUN} HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n", body.len());
    chunked.write_all(head.as_bytes()).await.unwrap();
    chunked.write_all(body.as_bytes()).await.unwrap();
    chunked.write_all(b"\r\n0\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    chunked.read_to_string(&mut answer).await.unwrap();
    assert_eq!(status(&answer), 413, "{answer}");
}

#[tokio::test]
async fn all_bodies_together_have_a_bound() {
    let server = server(small(), ServeOptions::default()).await;
    let mut slow = TcpStream::connect(server.address).await.unwrap();
    let head = format!("POST {RUN} HTTP/1.1\r\nhost: x\r\ncontent-length: 7900\r\n\r\n{}", " ".repeat(7_000));
    slow.write_all(head.as_bytes()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    let padded = format!("{}{}", " ".repeat(3_000), input("t"));
    let request = format!(
        "POST {RUN} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{padded}",
        padded.len()
    );
    let answer = raw(server.address, request.as_bytes()).await;
    assert_eq!((status(&answer), json_of(&answer)["code"].as_str()), (503, Some("too_many_bodies")));
    assert!(answer.contains("retry-after: 1"), "{answer}");
    drop(slow);
    tokio::time::sleep(Duration::from_millis(100)).await;
    let mut socket = TcpStream::connect(server.address).await.unwrap();
    send(&mut socket, &format!("POST {RUN}"), &padded).await;
    super::harness::read_until(&mut socket, "200 OK").await;
}

#[tokio::test]
async fn an_id_that_is_too_long_is_named() {
    let server = server(SurfaceOptions::default(), ServeOptions::default()).await;
    let long = "x".repeat(300);
    let envelope = |agent: &str, thread: &str| {
        json!({ "method": "agent/stop", "params": { "agentId": agent, "threadId": thread } }).to_string()
    };
    for (path, body, name) in [
        (format!("/copilotkit/agent/default/stop/{long}"), String::new(), "threadId"),
        (format!("/copilotkit/agent/{long}/stop/t"), String::new(), "agentId"),
        (format!("/copilotkit/agent/{long}/run"), input("t"), "agentId"),
        ("/copilotkit/agent/default/stop/t".to_owned(), json!({ "runId": long }).to_string(), "runId"),
        ("/copilotkit".to_owned(), envelope("default", &long), "params.threadId"),
        ("/copilotkit".to_owned(), envelope(&long, "t"), "params.agentId"),
    ] {
        let (status, answer) = post(server.address, &path, &body).await;
        assert_eq!((status, answer["code"].as_str()), (400, Some("invalid_parameter")), "{path:.60}");
        assert_eq!(answer["message"], format!("{name}: longer than 256 bytes"));
    }
}

#[tokio::test]
async fn of_two_base_paths_the_longer_one_is_meant() {
    for base_paths in [["/a", "/a/b"], ["/a/b", "/a"]] {
        let base_paths = base_paths.map(str::to_owned).to_vec();
        let server = server(SurfaceOptions { base_paths, ..SurfaceOptions::default() }, ServeOptions::default()).await;
        let (status, answer) = post(server.address, "/a/b", r#"{"method":"info"}"#).await;
        assert_eq!((status, answer["singleRoute"].is_object()), (200, true), "{answer}");
    }
}
