//! The debug feed over real sockets: it shows runs and replays, and costs the runs nothing.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a helper of a test fails the test")]

#[path = "bounds/kit.rs"]
#[allow(dead_code, unreachable_pub, reason = "shared with another test")]
mod kit;

use copilotkit_runtime::debug::DebugOptions;
use copilotkit_runtime::http::SurfaceOptions;
use copilotkit_runtime::http::server::ServeOptions;
use copilotkit_runtime::{LifecycleOptions, Registered};
use kit::{Script, Server, input};
use serde_json::Value;
use std::time::Duration;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;

const FEED: &[u8] = b"GET /copilotkit/cpk-debug-events HTTP/1.1\r\nhost: localhost\r\n\r\n";

async fn server(feed: bool) -> Server {
    let debug = DebugOptions { feed, ..DebugOptions::default() };
    // 20 MB in one run: more than the sockets and the feed hold for a reader that does not read.
    let agents = vec![
        Registered::new("short", Script::Many { events: 2, bytes: 3 }),
        Registered::new("long", Script::Many { events: 400, bytes: 50_000 }),
    ];
    let options = LifecycleOptions { debug, ..LifecycleOptions::default() };
    Server::with(agents, options, SurfaceOptions::default(), ServeOptions::default()).await
}

/// Reads until there was what is waited for.
async fn read(socket: &mut TcpStream, is_there: impl Fn(&str) -> bool) -> String {
    let (mut seen, mut buf) = (Vec::new(), vec![0; 1 << 20]);
    let read = async {
        while !is_there(&String::from_utf8_lossy(&seen)) {
            let count = socket.read(&mut buf).await.unwrap();
            assert!(count > 0, "the feed ended: {:.300}", String::from_utf8_lossy(&seen));
            seen.extend_from_slice(&buf[..count]);
        }
    };
    let in_time = tokio::time::timeout(Duration::from_secs(30), read).await.is_ok();
    let seen = String::from_utf8(seen).unwrap();
    assert!(in_time, "something does not come: {seen:.300} … {:?}", summary(&seen));
    seen
}

async fn until(socket: &mut TcpStream, text: &str) -> String {
    read(socket, |seen| seen.contains(text)).await
}

/// How many events were shown, and how many were lost as the comments say.
fn summary(seen: &str) -> (usize, usize) {
    let comments = seen.lines().filter_map(|line| line.strip_prefix(": ")?.split_once(" events were lost"));
    (seen.matches("\"timestamp\":").count(), comments.map(|(count, _)| count.parse::<usize>().unwrap()).sum())
}

/// Agent, thread and type of the entries.
fn entries(text: &str) -> Vec<(String, String, String)> {
    let lines = text.lines().filter_map(|line| line.strip_prefix("data: "));
    let read = |line| serde_json::from_str::<Value>(line).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    lines.map(read).map(|it| (text(&it["agentId"]), text(&it["threadId"]), text(&it["event"]["type"]))).collect()
}

#[tokio::test]
async fn runs_and_replays_are_shown_to_every_reader_and_suggestions_are_not() {
    let server = server(true).await;
    let (mut one, mut two) = (server.connect(FEED).await, server.connect(FEED).await);
    for feed in [&mut one, &mut two] {
        let head = until(feed, ": connected\n\n").await;
        assert!(head.starts_with("HTTP/1.1 200 OK") && head.contains("content-type: text/event-stream"), "{head}");
    }
    // The client of this run leaves at once: it is shown all the same.
    drop(server.open_run("short", "a").await);
    for feed in [&mut one, &mut two] {
        let shown = entries(&until(feed, "RUN_FINISHED").await);
        assert_eq!(shown.len(), 6, "{shown:?}");
        assert!(shown.iter().all(|(agent, thread, _)| agent == "short" && thread == "a"), "{shown:?}");
        assert_eq!((shown[0].2.as_str(), shown[5].2.as_str()), ("RUN_STARTED", "RUN_FINISHED"));
    }
    let answer = server.ask("POST", "/copilotkit/agent/short/suggest", "", &input("s")).await;
    assert_eq!(answer.status, 200);
    let answer = server.ask("POST", "/copilotkit/agent/short/connect", "", &input("a")).await;
    assert_eq!(answer.status, 200);
    let shown = entries(&until(&mut one, "RUN_FINISHED").await);
    let kinds: Vec<&str> = shown.iter().map(|entry| entry.2.as_str()).collect();
    let replay = ["RUN_STARTED", "TEXT_MESSAGE_START", "TEXT_MESSAGE_CONTENT", "TEXT_MESSAGE_END", "RUN_FINISHED"];
    assert_eq!(kinds, replay, "the suggestion is not there, and the replay is");
    assert!(shown.iter().all(|(_, thread, _)| thread == "a"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_that_does_not_read_slows_no_run_and_hears_what_it_lost() {
    let server = server(true).await;
    let mut feed = server.connect(FEED).await;
    until(&mut feed, ": connected\n\n").await;
    let run = tokio::time::timeout(Duration::from_secs(15), server.run("long", "t")).await.expect("the run goes on");
    assert!(run.contains("RUN_FINISHED") && run.len() > 20_000_000);
    // Begin, message, 400 pieces, end of the message, end: each is shown or counted as lost.
    let seen = read(&mut feed, |seen| summary(seen).0 + summary(seen).1 >= 404).await;
    let (shown, lost) = summary(&seen);
    assert!(shown > 10 && lost > 10 && shown + lost == 404, "{shown} shown, {lost} lost");
    drop(server.open_run("short", "after").await);
    until(&mut feed, "RUN_FINISHED").await;
}

#[tokio::test]
async fn it_is_off_unless_it_is_asked_for_and_ends_with_the_server() {
    let off = server(false).await;
    assert!(off.lifecycle.debug_feed().is_none());
    let text = off.rest(off.connect(&[&FEED[..FEED.len() - 2], b"connection: close\r\n\r\n"].concat()).await).await;
    assert!(text.starts_with("HTTP/1.1 404") && text.ends_with("\r\n\r\nNot Found"), "{text}");

    let on = server(true).await;
    let mut feed = on.connect(FEED).await;
    until(&mut feed, ": connected\n\n").await;
    assert_eq!(on.lifecycle.debug_feed().unwrap().readers(), 1);
    on.lifecycle.drain(Duration::ZERO).await;
    until(&mut feed, "0\r\n\r\n").await;
}
