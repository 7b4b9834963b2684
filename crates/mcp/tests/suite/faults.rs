//! Servers that do not behave: a run always goes on, with a result that says what was wrong, within its deadline.

use crate::agent::{Caller, agent, input, pool, result, run};
use crate::fake::{Asked, Fake, Reply, echo_tool, json_reply, stalled, text};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse as _;
use copilotkit_mcp::{CallTerms, ErrorKind, McpPool, McpTools, ServerConfig};
use copilotkit_protocol::Json;
use http::HeaderMap;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Longer than any deadline of [`Fake::config`], with some room for a busy machine.
const SOON: Duration = Duration::from_secs(6);

/// Runs an agent that calls `echo` once, and gives what the page is told.
async fn told(pool: &McpPool, config: ServerConfig) -> Value {
    let model = Caller::new("echo", json!({ "text": "x" }));
    let agent = agent(&model, McpTools::new(pool.clone(), [Arc::new(config)]));
    let began = Instant::now();
    let (events, error) = run(&agent, input(json!({}))).await;
    assert!(error.is_none(), "{error:?}");
    assert!(began.elapsed() < SOON, "it took {:?}", began.elapsed());
    assert_eq!(events.last().unwrap()["type"], "RUN_FINISHED");
    assert_eq!(model.requests.lock().unwrap().len(), 2, "the model is told and goes on");
    result(&events)
}

fn on(method: &'static str, reply: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Fake {
    Fake::start(move |asked| if asked.method == method { reply(asked) } else { Reply::Usual })
}

#[tokio::test]
async fn a_call_that_hangs_ends_by_its_deadline_and_the_next_one_works() {
    let fake = on("tools/call", |asked| if asked.before == 0 { Reply::Hang } else { Reply::Usual });
    let pool = pool();
    assert_eq!(told(&pool, fake.config("a")).await["reason"], "tool_timeout");
    assert_eq!(told(&pool, fake.config("a")).await, text("x"));
    assert_eq!(fake.seen.count("initialize"), 2, "a connection on which nothing came is not used again");
    pool.close().await;
}

#[tokio::test]
async fn a_stream_that_stalls_ends_by_its_deadline() {
    let fake = on("tools/call", |_| {
        let body = stalled(": wait\n\n");
        Reply::Http(([(header::CONTENT_TYPE, "text/event-stream")], body).into_response())
    });
    let pool = pool();
    assert_eq!(told(&pool, fake.config("a")).await["reason"], "tool_timeout");
    pool.close().await;
}

#[tokio::test]
async fn a_server_that_never_says_hello_costs_its_tools() {
    for method in ["server/discover", "initialize"] {
        let hanging = Fake::start(move |asked| {
            let hang = asked.method == method || asked.method == "initialize";
            if hang { Reply::Hang } else { Reply::Usual }
        });
        let pool = pool();
        assert_eq!(told(&pool, hanging.config("a")).await["reason"], "tool_unknown");
        pool.close().await;
    }
}

#[tokio::test]
async fn a_probe_that_is_never_answered_is_followed_by_the_handshake() {
    let fake = on("server/discover", |_| Reply::Hang);
    let pool = pool();
    assert_eq!(told(&pool, fake.config("a")).await, text("x"));
    pool.close().await;
}

#[tokio::test]
async fn a_probe_with_an_odd_answer_is_followed_by_the_handshake() {
    let odd: [fn(&Asked) -> Reply; 4] = [
        |_| Reply::Result(json!({})),
        |_| Reply::Http((StatusCode::OK, "hello").into_response()),
        |_| Reply::Http(StatusCode::NOT_FOUND.into_response()),
        |_| Reply::Http(StatusCode::INTERNAL_SERVER_ERROR.into_response()),
    ];
    for (index, reply) in odd.into_iter().enumerate() {
        let fake = on("server/discover", reply);
        let pool = pool();
        assert_eq!(told(&pool, fake.config("a")).await, text("x"), "answer {index}");
        pool.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_between_calls_is_not_noticed() {
    // The status for a session that is gone, and an error without an id as some servers send it.
    let idless = |asked: &Asked| {
        let is_old =
            asked.session.as_ref().is_some_and(|session| !session.starts_with(&format!("s{}-", asked.generation)));
        let error = json!({ "code": -32000, "message": "Bad Request: No valid session ID provided" });
        let body = json!({ "jsonrpc": "2.0", "error": error, "id": null });
        if is_old { Reply::Http(json_reply(StatusCode::BAD_REQUEST, &body)) } else { Reply::Usual }
    };
    for mut fake in [Fake::usual(), Fake::start(idless)] {
        let pool = pool();
        assert_eq!(told(&pool, fake.config("a")).await, text("x"));
        tokio::task::block_in_place(|| fake.restart());
        // Who calls in the very moment in which the connections break cannot know whether the call was done.
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert_eq!(told(&pool, fake.config("a")).await, text("x"));
        pool.close().await;
    }
}

#[tokio::test]
async fn an_error_without_an_id_is_an_answer() {
    let fake = on("tools/call", |_| {
        let body = json!({ "jsonrpc": "2.0", "error": { "code": -32000, "message": "No" }, "id": null });
        Reply::Http(json_reply(StatusCode::BAD_REQUEST, &body))
    });
    let pool = pool();
    let began = Instant::now();
    let told = told(&pool, fake.config("a")).await;
    assert_eq!(told["message"], "The MCP server `a` refused the request: No");
    assert!(began.elapsed() < Duration::from_millis(600), "it does not wait for a deadline: {:?}", began.elapsed());
    pool.close().await;
}

#[tokio::test]
async fn lists_that_never_end_are_cut() {
    let repeats = on("tools/list", |_| Reply::Result(json!({ "tools": [echo_tool()], "nextCursor": "again" })));
    let pool = pool();
    assert_eq!(told(&pool, repeats.config("a")).await, text("x"));
    assert_eq!(repeats.seen.count("tools/list"), 2);

    let grows = on("tools/list", |asked| {
        let mut tool = echo_tool();
        if asked.before > 0 {
            tool["name"] = json!(format!("echo{}", asked.before));
        }
        Reply::Result(json!({ "tools": [tool], "nextCursor": format!("page{}", asked.before + 1) }))
    });
    assert_eq!(told(&pool, grows.config("b")).await, text("x"));
    assert_eq!(grows.seen.count("tools/list"), copilotkit_mcp::limits::LIST_PAGES);
    pool.close().await;
}

#[tokio::test]
async fn a_list_that_comes_too_late_costs_its_tools() {
    let fake = on("tools/list", |asked| {
        let page = json!({ "tools": [echo_tool()], "nextCursor": format!("page{}", asked.before) });
        Reply::Later(Duration::from_millis(300), Box::new(Reply::Result(page)))
    });
    let pool = pool();
    assert_eq!(told(&pool, fake.config("a")).await["reason"], "tool_unknown");
    pool.close().await;
}

#[tokio::test]
async fn one_malformed_tool_costs_that_tool_alone() {
    let fake = on("tools/list", |_| {
        let odd = json!([{ "name": "no_schema" }, 7, { "inputSchema": {} }, echo_tool(),
            { "name": "odd", "inputSchema": { "type": "object" }, "outputSchema": true }, echo_tool()]);
        Reply::Result(json!({ "tools": odd }))
    });
    let pool = pool();
    let lease = pool.lease(&Arc::new(fake.config("a")), &HeaderMap::new());
    let list = lease.tools().await.unwrap();
    let names: Vec<_> = list.tools.iter().map(|tool| tool.name.as_str()).collect();
    assert_eq!((names, list.dropped), (vec!["echo", "odd"], 4));
    drop(lease);
    assert_eq!(told(&pool, fake.config("a")).await, text("x"));
    pool.close().await;
}

#[tokio::test]
async fn twenty_mebibytes_are_not_taken() {
    let large = || json!({ "content": [{ "type": "text", "text": "x".repeat(20 * 1024 * 1024) }] });
    let as_json = on("tools/call", move |asked| if asked.before == 0 { Reply::Result(large()) } else { Reply::Usual });
    let pool = pool();
    // Twenty mebibytes take a while to be made.
    let patient = |fake: &Fake, id: &str| {
        let mut config = fake.config(id);
        config.timeouts.call = Duration::from_secs(4);
        config.timeouts.call_total = Duration::from_secs(4);
        config.timeouts.list = Duration::from_secs(4);
        config
    };
    let reason = told(&pool, patient(&as_json, "a")).await["reason"].clone();
    assert_eq!(reason, "tool_too_large");
    assert_eq!(told(&pool, patient(&as_json, "a")).await, text("x"), "the next call works");

    let as_event = on("tools/call", move |asked| {
        let message = json!({ "jsonrpc": "2.0", "id": asked.id, "result": large() });
        let body = format!("event: message\ndata: {message}\n\n");
        Reply::Http(([(header::CONTENT_TYPE, "text/event-stream")], body).into_response())
    });
    let told_of_event = told(&pool, patient(&as_event, "b")).await;
    assert_eq!(told_of_event["status"], "error", "{told_of_event}");

    let list = on("tools/list", move |_| Reply::Result(json!({ "tools": [echo_tool()], "more": large() })));
    assert_eq!(told(&pool, patient(&list, "c")).await["reason"], "tool_unknown");
    pool.close().await;
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let target = Fake::usual();
    let place = target.url("/mcp");
    let fake = Fake::start(move |_| {
        Reply::Http((StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, place.clone())]).into_response())
    });
    let mut config = fake.config("a");
    config.headers.insert("authorization", "Bearer secret".parse().unwrap());
    let pool = pool();
    assert_eq!(told(&pool, config).await["reason"], "tool_unknown");
    assert_eq!(target.seen.made(), 0, "no credential reaches another place");
    pool.close().await;
}

#[tokio::test]
async fn an_endpoint_at_another_origin_is_not_used() {
    let target = Fake::usual();
    let endpoint = target.url("/messages");
    let event = format!("event: endpoint\ndata: {endpoint}\n\n");
    let app = axum::Router::new()
        .fallback(move || async move { ([(header::CONTENT_TYPE, "text/event-stream")], event.clone()) });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/sse", listener.local_addr().unwrap());
    let mut serving = tokio::task::JoinSet::new();
    serving.spawn(async move { axum::serve(listener, app).await.unwrap() });
    let pool = pool();
    let mut config = ServerConfig::sse("a", &url).unwrap();
    config.timeouts.connect = Duration::from_secs(2);
    let lease = pool.lease(&Arc::new(config.clone()), &HeaderMap::new());
    let error = lease.tools().await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Protocol);
    assert!(error.detail.contains("another origin"), "{}", error.detail);
    drop(lease);
    assert_eq!(told(&pool, config).await["reason"], "tool_unknown");
    assert_eq!(target.seen.made(), 0);
    pool.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_dies_in_a_call_ends_the_call_and_is_found_again() {
    let mut fake = on("tools/call", |asked| if asked.generation == 0 { Reply::Hang } else { Reply::Usual });
    let pool = pool();
    let mut config = fake.config("a");
    config.timeouts.call = Duration::from_secs(5);
    config.timeouts.call_total = Duration::from_secs(5);
    let lease = pool.lease(&Arc::new(config.clone()), &HeaderMap::new());
    lease.tools().await.unwrap();
    let arguments = Json::from(json!({ "text": "x" }));
    let terms = CallTerms::default();
    let mut call = Box::pin(lease.call_tool("echo", &arguments, &terms));
    assert!(tokio::time::timeout(Duration::from_millis(200), call.as_mut()).await.is_err());
    tokio::task::block_in_place(|| fake.kill());
    let began = Instant::now();
    let error = call.await.unwrap_err();
    assert!(matches!(error.kind, ErrorKind::Closed | ErrorKind::Unreachable), "{error:?}");
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    drop(lease);
    // The list is known, so the tool is offered; a call of it fails at once and says why.
    let gone = told(&pool, config.clone()).await;
    assert_eq!(gone["status"], "error", "{gone}");
    tokio::task::block_in_place(|| fake.restart());
    tokio::time::sleep(Duration::from_millis(600)).await;
    let mut back = told(&pool, config.clone()).await;
    for _ in 0..5 {
        if back == text("x") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(600)).await;
        back = told(&pool, config.clone()).await;
    }
    assert_eq!(back, text("x"));
    pool.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_down_is_left_alone_after_a_few_failures() {
    let fake = Fake::start(|_| Reply::Http((StatusCode::SERVICE_UNAVAILABLE, [("retry-after", "30")]).into_response()));
    let pool = pool();
    let lease = pool.lease(&Arc::new(fake.config("a")), &HeaderMap::new());
    let error = lease.tools().await.unwrap_err();
    assert_eq!((error.kind, error.retry_after), (ErrorKind::Unreachable, Some(Duration::from_secs(30))));
    let sent = fake.seen.made();
    for _ in 0..20 {
        let began = Instant::now();
        assert!(lease.tools().await.is_err());
        assert!(began.elapsed() < Duration::from_millis(50));
    }
    assert_eq!(fake.seen.made(), sent, "for as long as it asked for");
    pool.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_three_failures_runs_do_not_wait_and_it_is_found_again() {
    let mut fake = Fake::usual();
    tokio::task::block_in_place(|| fake.kill());
    let pool = pool();
    let lease = pool.lease(&Arc::new(fake.config("a")), &HeaderMap::new());
    let mut unavailable = false;
    for _ in 0..40 {
        unavailable = lease.tools().await.unwrap_err().kind == ErrorKind::Unavailable;
        if unavailable {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(unavailable, "the circuit opens");
    tokio::task::block_in_place(|| fake.restart());
    let end = Instant::now() + Duration::from_secs(10);
    while lease.tools().await.is_err() && Instant::now() < end {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(lease.tools().await.unwrap().tools[0].name, "echo");
    pool.close().await;
}

#[tokio::test]
async fn what_is_no_answer_of_mcp_is_told_and_nothing_of_it_leaks() {
    let fake = on("tools/call", |asked| match asked.before {
        0 => Reply::Http((StatusCode::INTERNAL_SERVER_ERROR, "stack trace with s3cret").into_response()),
        1 => Reply::Http((StatusCode::OK, [(header::CONTENT_TYPE, "text/html")], "<p>s3cret").into_response()),
        2 => Reply::Http((StatusCode::OK, [(header::CONTENT_TYPE, "application/json")], "{s3cret").into_response()),
        3 => Reply::Http(StatusCode::FORBIDDEN.into_response()),
        _ => Reply::Result(json!({ "tools": [] })),
    });
    let pool = pool();
    for _ in 0..5 {
        let told = told(&pool, fake.config("a")).await;
        assert_eq!(told["status"], "error", "{told}");
        assert!(!told.to_string().contains("s3cret"), "{told}");
    }
    pool.close().await;
}

#[tokio::test]
async fn a_hundred_broken_runs_leave_nothing_open() {
    let fake = on("tools/call", |asked| match asked.before % 3 {
        0 => Reply::Http(StatusCode::INTERNAL_SERVER_ERROR.into_response()),
        1 => Reply::Http(json_reply(StatusCode::OK, &json!({ "jsonrpc": "2.0", "id": asked.id, "result": 7 }))),
        _ => Reply::Usual,
    });
    let pool = pool();
    for _ in 0..100 {
        told(&pool, fake.config("a")).await;
    }
    assert_eq!(pool.stats().leases, 0);
    assert!(fake.seen.open() <= 4, "{} sockets for one run at a time", fake.seen.open());
    pool.close().await;
    drop(pool);
    assert_eq!(fake.settles_at(0).await, 0);
}
