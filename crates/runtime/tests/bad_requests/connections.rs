//! Connections that only wait, readers that do not read, and the end of the server.

use super::harness::{RUN, input, json_of, post, raw, read_until, send, server, status};
use copilotkit_runtime::http::SurfaceOptions;
use copilotkit_runtime::http::server::ServeOptions;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const HEALTH: &[u8] = b"GET /health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
const SHORT: Duration = Duration::from_millis(200);

/// With one place, a second connection is served only when the first has ended.
fn one_place() -> ServeOptions {
    ServeOptions { connections: 1, linger: SHORT, ..ServeOptions::default() }
}

#[tokio::test]
async fn a_connection_without_a_request_keeps_its_place_for_a_moment_only() {
    for beginning in [&b""[..], b"G", b"PRI * HTTP/2.0\r\n", b"\r\n"] {
        let serving = ServeOptions { header_timeout: SHORT, ..one_place() };
        let server = server(SurfaceOptions::default(), serving).await;
        let mut idle = TcpStream::connect(server.address).await.unwrap();
        idle.write_all(beginning).await.unwrap();
        let answer = raw(server.address, HEALTH).await;
        assert_eq!(status(&answer), 200, "{beginning:?}");
    }
}

#[tokio::test]
async fn a_kept_connection_may_wait_longer_than_a_head_may_take() {
    let serving = ServeOptions { header_timeout: SHORT, ..ServeOptions::default() };
    let server = server(SurfaceOptions::default(), serving).await;
    let mut socket = TcpStream::connect(server.address).await.unwrap();
    for _ in 0..2 {
        send(&mut socket, "GET /health", "").await;
        read_until(&mut socket, r#"{"status":"ok"}"#).await;
        tokio::time::sleep(SHORT * 3).await;
    }
    socket.write_all(b"GET /health HTT").await.unwrap();
    let begun = Instant::now();
    let mut rest = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(5), socket.read_to_end(&mut rest)).await;
    assert!(read.is_ok(), "a head that was begun must be ended");
    assert!(rest.is_empty() && begun.elapsed() >= SHORT / 2, "{rest:?}");
}

#[tokio::test]
async fn a_kept_connection_does_not_wait_for_ever() {
    let serving = ServeOptions { keep_alive_idle: SHORT, ..one_place() };
    let server = server(SurfaceOptions::default(), serving).await;
    let mut socket = TcpStream::connect(server.address).await.unwrap();
    send(&mut socket, "GET /health", "").await;
    read_until(&mut socket, r#"{"status":"ok"}"#).await;
    assert_eq!(status(&raw(server.address, HEALTH).await), 200);
}

#[tokio::test]
async fn a_reader_that_takes_nothing_is_cut_off() {
    let serving = ServeOptions { write_stall: SHORT, ..one_place() };
    let server = server(SurfaceOptions::default(), serving).await;
    let mut socket = TcpStream::connect(server.address).await.unwrap();
    send(&mut socket, "POST /copilotkit/agent/flood/run", &input("t")).await;
    read_until(&mut socket, "RUN_STARTED").await;
    assert_eq!(status(&raw(server.address, HEALTH).await), 200);
}

#[tokio::test]
async fn draining_ends_open_streams_in_order() {
    let serving = ServeOptions { drain_timeout: SHORT, ..ServeOptions::default() };
    let server = server(SurfaceOptions::default(), serving).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    send(&mut stream, &format!("POST {RUN}"), &input("t")).await;
    read_until(&mut stream, "200 OK").await;
    server.stop.cancel();
    let mut rest = String::new();
    let read = tokio::time::timeout(Duration::from_secs(10), stream.read_to_string(&mut rest)).await;
    read.expect("the stream ends").unwrap();
    assert!(rest.contains("server_shutdown"), "{rest}");
    assert!(rest.trim_end().ends_with('0'), "the last chunk was written: {rest}");
    tokio::time::timeout(Duration::from_secs(5), server.task).await.expect("the server ends").unwrap();
}

#[tokio::test]
async fn while_runs_go_on_a_draining_server_says_what_it_does() {
    let server = server(SurfaceOptions::default(), ServeOptions::default()).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    send(&mut stream, &format!("POST {RUN}"), &input("t")).await;
    read_until(&mut stream, "200 OK").await;
    server.readiness.withdraw();
    server.stop.cancel();
    tokio::time::sleep(Duration::from_millis(50)).await;
    let ready = raw(server.address, b"GET /ready HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert_eq!(status(&ready), 503);
    assert!(ready.contains("connection: close"), "{ready}");
    let (status, answer) = post(server.address, RUN, &input("other")).await;
    assert_eq!((status, answer["code"].as_str()), (503, Some("shutting_down")));
    let stopped = raw(server.address, b"POST /copilotkit/agent/default/stop/t HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert_eq!(json_of(&stopped)["stopped"], true, "{stopped}");
    let rest = read_until(&mut stream, "RUN_FINISHED").await;
    assert!(!rest.contains("RUN_ERROR"), "{rest}");
    tokio::time::timeout(Duration::from_secs(5), server.task).await.expect("nothing is left to wait for").unwrap();
    assert!(TcpStream::connect(server.address).await.is_err(), "the listener is closed at last");
}

#[tokio::test]
async fn a_server_that_is_dropped_leaves_no_connection() {
    let server = server(SurfaceOptions::default(), ServeOptions::default()).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    send(&mut stream, &format!("POST {RUN}"), &input("t")).await;
    read_until(&mut stream, "200 OK").await;
    server.task.abort();
    let mut rest = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut rest)).await;
    assert!(read.is_ok(), "the connection was closed");
}
