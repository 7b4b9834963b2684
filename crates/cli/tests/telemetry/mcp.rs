//! What MCP servers are asked for in a run, as a collector sees it.

use crate::collector::{Attributes, Collector};
use crate::kit::Server;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::routing::any;
use copilotkit_runtime::http::server::{ServeOptions, serve};
use http::{Response, StatusCode};
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use tokio::task::JoinSet;

/// A server with one tool that has a user interface, and one that has none and fails.
struct Peer {
    port: u16,
    seen: Arc<Mutex<Vec<Value>>>,
    _tasks: JoinSet<()>,
}

impl Peer {
    async fn start() -> Self {
        let seen = Arc::<Mutex<Vec<Value>>>::default();
        let app = Router::new().route("/mcp", any(answer)).with_state(Arc::clone(&seen));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let mut tasks = JoinSet::new();
        tasks.spawn(serve(listener, app, ServeOptions::default(), std::future::pending(), async {}));
        Self { port, seen, _tasks: tasks }
    }

    fn asked(&self, method: &str) -> Vec<Value> {
        self.seen.lock().unwrap().iter().filter(|message| message["method"] == method).cloned().collect()
    }

    fn config(&self) -> String {
        format!(
            "[mcp.shows]\nurl = \"http://127.0.0.1:{}/mcp?token=s3cret\"\nprotocol = \"legacy\"\n\
             [mcp_apps]\nservers = [\"shows\"]\n\
             [agents.default]\ntype = \"built-in\"\nmodel = \"demo\"\nmcp = [\"shows\"]\n",
            self.port
        )
    }
}

async fn answer(State(seen): State<Arc<Mutex<Vec<Value>>>>, body: Bytes) -> Response<Body> {
    let message: Value = serde_json::from_slice(&body).unwrap_or_default();
    seen.lock().unwrap().push(message.clone());
    let params = &message["params"];
    let schema = json!({ "type": "object" });
    let result = match message["method"].as_str().unwrap_or_default() {
        "initialize" => json!({
            "protocolVersion": "2025-11-25",
            "capabilities": { "tools": {}, "resources": {} },
            "serverInfo": { "name": "shows", "version": "1" },
        }),
        "tools/list" => json!({ "tools": [
            { "name": "show", "inputSchema": schema, "_meta": { "ui": { "resourceUri": "ui://shows/page" } } },
            { "name": "fail", "inputSchema": schema },
        ] }),
        "tools/call" => {
            let failed = params["name"] == "fail";
            json!({ "content": [{ "type": "text", "text": "the answer" }], "isError": failed })
        }
        "resources/read" => json!({ "contents": [{ "uri": params["uri"], "text": "<b>page</b>" }] }),
        "ping" => json!({}),
        _ => {
            let status =
                if message["method"].is_null() { StatusCode::METHOD_NOT_ALLOWED } else { StatusCode::ACCEPTED };
            return Response::builder().status(status).body(Body::empty()).unwrap();
        }
    };
    let body = json!({ "jsonrpc": "2.0", "id": message["id"], "result": result }).to_string();
    Response::builder().header("content-type", "application/json").body(Body::from(body)).unwrap()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn one<'a>(spans: &'a [Span], name: &str) -> &'a Span {
    let found: Vec<_> = spans.iter().filter(|span| span.name == name).collect();
    assert_eq!(found.len(), 1, "{name} in {:?}", spans.iter().map(|span| &span.name).collect::<Vec<_>>());
    found[0]
}

#[tokio::test]
async fn each_request_to_a_server_is_a_span_below_what_it_is_for() {
    let (collector, peer) = (Collector::start().await, Peer::start().await);
    let server = Server::start(&format!("[telemetry]\notlp_endpoint = \"{}\"\n{}", collector.url, peer.config()));
    let shown = server.run("t-1", "/call show {}").await;
    assert!(shown.body().contains("mcp-apps"), "{}", shown.body());
    let failed = server.run("t-2", "/call fail {}").await;
    assert!(failed.body().contains("the answer"), "{}", failed.body());
    let read = json!({ "serverId": "shows", "method": "resources/read", "params": { "uri": "ui://shows/page" } });
    let asked = json!({
        "threadId": "t-3", "runId": "r-3", "messages": [], "forwardedProps": { "__proxiedMCPRequest": read },
    });
    let answered = server.send("POST", "/copilotkit/agent/default/run", &[], asked).await;
    assert!(answered.body().contains("<b>page</b>"), "{}", answered.body());
    server.end().await;
    let spans = collector.spans();

    let of_server = |span: &Span| {
        assert_eq!(span.kind(), SpanKind::Client, "{}", span.name);
        assert_eq!(span.text("server.address").as_deref(), Some("127.0.0.1"));
        assert_eq!(span.whole("server.port"), Some(i64::from(peer.port)));
        (span.text("mcp.method.name").unwrap(), span.text("gen_ai.tool.name"), span.text("error.type"))
    };
    for (tool, error) in [("show", None), ("fail", Some("tool_error"))] {
        let span = one(&spans, &format!("tools/call {tool}"));
        let expected = ("tools/call".to_owned(), Some(tool.to_owned()), error.map(str::to_owned));
        assert_eq!(of_server(span), expected);
        assert_eq!(span.text("mcp.protocol.version").as_deref(), Some("2025-11-25"));
        assert_eq!(span.text("gen_ai.operation.name").as_deref(), Some("execute_tool"));
        assert_eq!(span.parent_span_id, one(&spans, &format!("execute_tool {tool}")).span_id);
        let sent = peer.asked("tools/call").into_iter().find(|call| call["params"]["name"] == tool).unwrap();
        let traceparent = format!("00-{}-{}-01", hex(&span.trace_id), hex(&span.span_id));
        assert_eq!(sent["params"]["_meta"]["traceparent"], traceparent, "the server is told");
    }
    // The first run waited for the list; the others had it.
    assert_eq!(of_server(one(&spans, "tools/list")), ("tools/list".to_owned(), None, None));
    let read = one(&spans, "resources/read ui://shows/page");
    assert_eq!(of_server(read), ("resources/read".to_owned(), None, None));
    let aside: Vec<_> = spans.iter().filter(|span| span.span_id == read.parent_span_id).collect();
    assert_eq!((aside.len(), aside[0].text("copilotkit.run.kind").as_deref()), (1, Some("aside")));
    // Neither what was said nor the rest of the address is told.
    let all = format!("{spans:?}");
    assert!(!all.contains("the answer") && !all.contains("s3cret"));
}
