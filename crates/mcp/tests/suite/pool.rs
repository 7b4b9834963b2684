//! The pool: one connection for all who may share it, none for whom may not, and nothing left behind.

use crate::fake::{Asked, Fake, Reply, echo_tool, text, until};
use copilotkit_mcp::{CallTerms, ErrorKind, McpPool, PoolOptions, PoolStats, ServerConfig};
use copilotkit_protocol::Json;
use copilotkit_runtime::headers::HeaderPolicy;
use futures::future::join_all;
use http::HeaderMap;
use serde_json::json;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

pub(crate) fn pool() -> McpPool {
    McpPool::new(PoolOptions::default()).unwrap()
}

pub(crate) fn arguments(text: &str) -> Json {
    Json::from(json!({ "text": text }))
}

pub(crate) fn said(result: &copilotkit_mcp::CallToolResult) -> String {
    result.content[0].as_text().unwrap().text.clone()
}

#[tokio::test]
async fn a_hundred_who_come_at_once_share_one_connection() {
    let fake = Fake::usual();
    let (pool, server) = (pool(), Arc::new(fake.config("a")));
    let runs = (0..100).map(|index| {
        let lease = pool.lease(&server, &HeaderMap::new());
        async move {
            let tools = lease.tools().await.unwrap();
            assert_eq!(tools.tools[0].name, "echo");
            let said_back =
                lease.call_tool("echo", &arguments(&index.to_string()), &CallTerms::default()).await.unwrap();
            assert_eq!(said(&said_back), index.to_string());
        }
    });
    join_all(runs).await;
    assert_eq!((fake.seen.count("initialize"), fake.seen.count("tools/list")), (1, 1));
    assert_eq!(fake.seen.count("tools/call"), 100);
    assert!(fake.seen.made() <= 20, "{} sockets for 16 calls at once", fake.seen.made());
    assert_eq!(pool.stats(), PoolStats { slots: 1, connected: 1, leases: 0 });
    pool.close().await;
    assert_eq!(fake.seen.count("DELETE"), 1, "the session is ended");
}

#[tokio::test]
async fn credentials_do_not_mix() {
    let fake = Fake::usual();
    let forward_headers = HeaderPolicy::only(["authorization"]).unwrap();
    let named = Arc::new(ServerConfig { forward_headers, ..fake.config("a") });
    let silent = Arc::new(fake.config("b"));
    let pool = pool();
    let user = |name: &str| {
        let mut headers = HeaderMap::new();
        headers.insert("authorization", format!("Bearer {name}").parse().unwrap());
        headers.insert("x-tenant", name.parse().unwrap());
        headers
    };
    for name in ["alice", "bob", "alice"] {
        pool.lease(&named, &user(name)).tools().await.unwrap();
    }
    assert_eq!(fake.seen.count("initialize"), 2, "one connection for each of them");
    for headers in fake.seen.headers() {
        assert!(headers.contains_key("authorization") && !headers.contains_key("x-tenant"));
    }
    let sent = fake.seen.headers().len();
    pool.lease(&silent, &user("alice")).tools().await.unwrap();
    for headers in &fake.seen.headers()[sent..] {
        assert!(!headers.contains_key("authorization"), "nothing goes on that was not named");
    }
    pool.close().await;
}

#[tokio::test]
async fn a_fresh_list_costs_no_request_and_an_old_one_no_wait() {
    let slow = |asked: &Asked| match (asked.method.as_str(), asked.before) {
        ("tools/list", 0) => Reply::Result(json!({ "tools": [echo_tool()], "ttlMs": 300 })),
        ("tools/list", _) => Reply::Later(Duration::from_millis(400), Box::new(Reply::Usual)),
        _ => Reply::Usual,
    };
    let fake = Fake::start(slow);
    let (pool, server) = (pool(), Arc::new(fake.config("a")));
    let lease = pool.lease(&server, &HeaderMap::new());
    lease.tools().await.unwrap();
    for _ in 0..50 {
        lease.tools().await.unwrap();
    }
    assert_eq!(fake.seen.count("tools/list"), 1);
    tokio::time::sleep(Duration::from_millis(350)).await;
    let began = Instant::now();
    lease.tools().await.unwrap();
    assert!(began.elapsed() < Duration::from_millis(350), "the old list is given while the new one comes");
    until(|| fake.seen.count("tools/list") == 2).await;
    assert_eq!(fake.seen.count("tools/list"), 2);
    pool.close().await;
}

#[tokio::test]
async fn who_is_idle_is_let_go_of_and_who_works_is_not() {
    let fake = Fake::usual();
    let options = PoolOptions { idle: Duration::from_millis(100), ..PoolOptions::default() };
    let (pool, server) = (McpPool::new(options).unwrap(), Arc::new(fake.config("a")));
    let lease = pool.lease(&server, &HeaderMap::new());
    lease.tools().await.unwrap();
    tokio::time::sleep(Duration::from_millis(400)).await;
    assert_eq!(pool.stats().connected, 1, "a run holds it");
    drop(lease);
    until(|| pool.stats() == PoolStats::default() && fake.seen.count("DELETE") == 1).await;
    assert_eq!(pool.stats(), PoolStats::default());
    assert_eq!(fake.seen.count("DELETE"), 1);
    let again = pool.lease(&server, &HeaderMap::new());
    again.tools().await.unwrap();
    drop(again);
    until(|| pool.stats() == PoolStats::default()).await;
    assert_eq!(pool.stats(), PoolStats::default(), "also the second time");
    pool.close().await;
}

#[tokio::test]
async fn the_one_not_used_for_longest_makes_room() {
    let fake = Fake::usual();
    let options = PoolOptions { connections: 2, ..PoolOptions::default() };
    let pool = McpPool::new(options).unwrap();
    let servers: Vec<_> = ["a", "b", "c"].map(|id| Arc::new(fake.config(id))).into();
    let held = pool.lease(&servers[0], &HeaderMap::new());
    held.tools().await.unwrap();
    pool.lease(&servers[1], &HeaderMap::new()).tools().await.unwrap();
    pool.lease(&servers[2], &HeaderMap::new()).tools().await.unwrap();
    assert_eq!(pool.stats().slots, 2);
    held.call_tool("echo", &arguments("x"), &CallTerms::default()).await.unwrap();
    assert_eq!(fake.seen.count("initialize"), 3, "the one in use stayed");
    drop(held);
    pool.close().await;
}

#[tokio::test]
async fn resources_and_passed_on_requests() {
    let fake = Fake::usual();
    let (pool, server) = (pool(), Arc::new(fake.config("a")));
    let lease = pool.lease(&server, &HeaderMap::new());
    let terms = CallTerms::default();
    let read = lease.read_resource("ui://x", &terms).await.unwrap();
    assert_eq!(read["contents"][0], json!({ "uri": "ui://x", "text": "hello" }));
    assert_eq!(lease.request("ping", json!({}), &terms).await.unwrap(), json!({}));
    let called = lease.request("tools/call", json!({ "name": "echo", "arguments": { "text": "a" } }), &terms).await;
    assert_eq!(called.unwrap(), text("a"));
    let refused = lease.request("tools/list", json!({}), &terms).await.unwrap_err();
    assert_eq!(refused.kind, ErrorKind::Refused);
    let info = lease.info().await.unwrap();
    assert_eq!((info.name.as_str(), info.protocol_version.as_str()), ("fake", "2025-11-25"));
    assert_eq!(info.instructions, "Be kind.");
    pool.close().await;
}

#[tokio::test]
async fn a_stopped_run_tells_the_server() {
    let fake = Fake::start(|asked| if asked.method == "tools/call" { Reply::Hang } else { Reply::Usual });
    let (pool, server) = (pool(), Arc::new(fake.config("a")));
    let lease = pool.lease(&server, &HeaderMap::new());
    lease.tools().await.unwrap();
    let cancel = CancellationToken::new();
    let terms = CallTerms { cancel: cancel.clone(), ..CallTerms::default() };
    let arguments = arguments("x");
    let call = lease.call_tool("echo", &arguments, &terms);
    tokio::pin!(call);
    assert!(tokio::time::timeout(Duration::from_millis(100), &mut call).await.is_err());
    cancel.cancel();
    let began = Instant::now();
    assert_eq!(call.await.unwrap_err().kind, ErrorKind::Cancelled);
    assert!(began.elapsed() < Duration::from_millis(500));
    until(|| fake.seen.count("notifications/cancelled") > 0).await;
    assert_eq!(fake.seen.count("notifications/cancelled"), 1, "the server is told");
    // A wait that is dropped is told as well.
    {
        let terms = CallTerms::default();
        let call = lease.call_tool("echo", &arguments, &terms);
        assert!(tokio::time::timeout(Duration::from_millis(100), call).await.is_err());
    }
    until(|| fake.seen.count("notifications/cancelled") > 1).await;
    assert_eq!(fake.seen.count("notifications/cancelled"), 2, "the server is told again");
    pool.close().await;
}

#[tokio::test]
async fn nothing_connects_after_the_end() {
    let fake = Fake::usual();
    let (pool, server) = (pool(), Arc::new(fake.config("a")));
    let lease = pool.lease(&server, &HeaderMap::new());
    lease.tools().await.unwrap();
    pool.close().await;
    let error = lease.call_tool("echo", &arguments("x"), &CallTerms::default()).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Cancelled);
    assert_eq!(fake.seen.count("initialize"), 1);
}

/// The time that a warm pool adds to a run. The bound of the test is for busy machines; the figure is printed.
#[tokio::test]
async fn a_warm_pool_adds_less_than_a_millisecond() {
    let many = |asked: &Asked| match asked.method.as_str() {
        "tools/list" => {
            let tools: Vec<_> = (0..100)
                .map(|index| {
                    let mut tool = echo_tool();
                    tool["name"] = json!(format!("echo_{index}"));
                    tool
                })
                .collect();
            Reply::Result(json!({ "tools": tools }))
        }
        _ => Reply::Usual,
    };
    let fake = Fake::start(many);
    let (pool, server) = (pool(), Arc::new(fake.config("a")));
    let source = copilotkit_mcp::McpTools::new(pool.clone(), [server]);
    let scope = crate::agent::scope();
    use copilotkit_runtime::ToolSource as _;
    assert_eq!(source.tools(&scope).await.unwrap().len(), 100);
    let mut times: Vec<_> = Vec::new();
    for _ in 0..500 {
        let began = Instant::now();
        assert_eq!(source.tools(&scope).await.unwrap().len(), 100);
        times.push(began.elapsed());
    }
    times.sort();
    println!("100 tools of a warm server: p50 {:?}, p99 {:?}", times[250], times[495]);
    assert!(times[250] < Duration::from_millis(5), "{:?}", times[250]);
    assert_eq!(fake.seen.count("tools/list"), 1);
    pool.close().await;
}
