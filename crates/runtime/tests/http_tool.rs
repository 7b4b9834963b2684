//! HTTP tools over real sockets.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a helper of a test fails the test")]
#![cfg(all(feature = "lifecycle", feature = "client"))]

use copilotkit_fixtures::{AgentServer, Script};
use copilotkit_protocol::Json;
use copilotkit_runtime::headers::HeaderPolicy;
use copilotkit_runtime::limits;
use copilotkit_runtime::tool::{ToolInvocation, ToolMode, ToolScope};
use copilotkit_runtime::tools::{HttpTool, HttpToolBuilder};
use copilotkit_runtime::{Principal, Tool as _, ToolError};
use http::{HeaderName, HeaderValue};
use std::sync::Arc;
use std::time::Duration;

fn call(arguments: &str) -> ToolInvocation {
    let mut headers = http::HeaderMap::new();
    headers.insert("x-tenant", HeaderValue::from_static("t1"));
    ToolInvocation {
        id: "c".into(),
        arguments: Json::parse(arguments).unwrap(),
        run: ToolScope {
            agent_id: "a".into(),
            input: Arc::default(),
            principal: Principal::anonymous(),
            headers: Arc::new(headers),
            cancel: Default::default(),
            pulse: Default::default(),
            trace: Default::default(),
        },
    }
}

async fn answer(
    script: Script,
    change: impl FnOnce(HttpToolBuilder) -> HttpToolBuilder,
) -> (Result<String, ToolError>, AgentServer) {
    let server = AgentServer::start(script).await.unwrap();
    let tool = change(HttpTool::builder("lookup", server.url())).build().unwrap();
    let result = tool.call(call(r#"{"b":1,"a":2.0}"#)).await;
    (result.map(|output| output.content.get().to_owned()), server)
}

fn reply(status: u16, content_type: &str, body: impl Into<bytes::Bytes>) -> Script {
    Script::new().head(status, &[("content-type", content_type)]).bytes(body)
}

#[tokio::test]
async fn the_answer_is_the_result() {
    let cases = [
        ("application/json", r#"{"z":1, "a":2.0}"#, r#"{"z":1, "a":2.0}"#),
        ("application/problem+json; charset=utf-8", " [1] ", "[1]"),
        ("text/plain", "it is \"5\"\n", r#""it is \"5\"\n""#),
        ("text/plain", "5", "\"5\""),
        ("application/json", "", "null"),
    ];
    for (content_type, body, expected) in cases {
        let (result, server) = answer(reply(200, content_type, body), |tool| tool).await;
        assert_eq!(result.unwrap(), expected);
        let request = server.requests().remove(0);
        assert_eq!(&request.body[..], br#"{"b":1,"a":2.0}"#);
        assert_eq!(request.header("content-type"), Some("application/json"));
        assert_eq!(request.header("x-tenant"), None);
    }
    let untyped = Script::new().head(201, &[]).bytes("[1,2]");
    assert_eq!(answer(untyped, |tool| tool).await.0.unwrap(), "[1,2]");
}

#[tokio::test]
async fn headers_are_configured_and_named() {
    let (result, server) = answer(reply(200, "application/json", "1"), |tool| {
        tool.header(HeaderName::from_static("x-api-key"), HeaderValue::from_static("k"))
            .forward(HeaderPolicy::only(["x-tenant"]).unwrap())
    })
    .await;
    result.unwrap();
    let request = server.requests().remove(0);
    assert_eq!((request.header("x-api-key"), request.header("x-tenant")), (Some("k"), Some("t1")));
}

#[tokio::test]
async fn failures_are_told_in_words() {
    let failure = async |script| answer(script, |tool| tool.timeout(Duration::from_millis(300))).await.0.unwrap_err();
    let error = failure(reply(500, "text/plain", "no such order\n".repeat(1000))).await;
    assert_eq!(error.code, "tool_http_status");
    assert!(error.message.starts_with("The tool `lookup` answered with status 500: no such order"));
    assert!(error.message.len() < 600);
    assert_eq!(failure(Script::new().head(302, &[("location", "http://127.0.0.1:1/")])).await.code, "tool_http_status");
    assert_eq!(failure(Script::new().stall()).await.code, "tool_timeout");
    assert_eq!(failure(Script::new().head(200, &[]).bytes("{").stall()).await.code, "tool_timeout");
    assert_eq!(failure(Script::new()).await.code, "tool_failed");
    assert_eq!(failure(reply(200, "application/json", "{oops")).await.code, "tool_failed");
    assert_eq!(failure(reply(200, "text/plain", &b"\xff\xfe"[..])).await.code, "tool_failed");
    assert_eq!(failure(reply(200, "text/plain", "x".repeat(limits::HTTP_TOOL_BODY + 1))).await.code, "tool_too_large");
    assert!(answer(reply(200, "text/plain", "x".repeat(limits::HTTP_TOOL_BODY)), |tool| tool).await.0.is_ok());
}

#[test]
fn an_interrupt_is_not_executed() {
    let tool = HttpTool::builder("ask", "http://127.0.0.1:1/")
        .description("Asks")
        .parameters(Json::parse("{}").unwrap())
        .interrupt(None, Some("Sure?".into()))
        .build()
        .unwrap();
    assert_eq!(tool.mode(), ToolMode::Interrupt { reason: None, message: Some("Sure?".into()) });
    assert_eq!((tool.spec().name.as_str(), tool.spec().description.as_str()), ("ask", "Asks"));
    assert!(HttpTool::builder("x", "not an address").build().is_err());
}
