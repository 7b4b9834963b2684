//! One run with a server tool, as a collector sees it.

use crate::collector::{Attributes, Collector};
use crate::kit::{KEY, Server, Servers};
use http::StatusCode;
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const PAGE: &str = "b7ad6b7169203331";

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn telemetry(url: &str, more: &str) -> String {
    format!(
        "[telemetry]\notlp_endpoint = \"{url}\"\nheaders = {{ authorization = \"Bearer of-the-collector\" }}\n{more}\n"
    )
}

/// The spans of one run, with the configuration `more`, by name.
async fn traced(more: &str) -> (Vec<Span>, Collector, Servers) {
    let (collector, servers) = (Collector::start().await, Servers::start().await);
    let server = Server::start(&format!("{}{}", telemetry(&collector.url, more), servers.agent()));
    let parent = format!("00-{TRACE}-{PAGE}-01");
    let answer = server.run_with("t-1", "where is 42?", &[("traceparent", &parent), ("tracestate", "a=b")]).await;
    assert_eq!(answer.status(), StatusCode::OK);
    assert!(answer.body().contains("It is on its way."), "{}", answer.body());
    server.end().await;
    (collector.spans(), collector, servers)
}

fn named<'a>(spans: &'a [Span], name: &str) -> Vec<&'a Span> {
    let mut found: Vec<_> = spans.iter().filter(|span| span.name == name).collect();
    found.sort_by_key(|span| span.start_time_unix_nano);
    found
}

#[tokio::test]
async fn a_run_is_one_trace_that_goes_on_from_the_page() {
    let (spans, collector, servers) = traced("service_name = \"orders\"").await;
    let names: BTreeMap<&str, usize> = spans.iter().fold(BTreeMap::new(), |mut names, span| {
        *names.entry(span.name.as_str()).or_default() += 1;
        names
    });
    let expected = [
        ("POST", 1),
        ("POST /agent/{agentId}/run", 1),
        ("chat gpt-4o-mini", 2),
        ("execute_tool lookup_order", 1),
        ("invoke_agent default", 1),
    ];
    assert_eq!(names, expected.into_iter().collect());
    assert!(spans.iter().all(|span| hex(&span.trace_id) == TRACE && span.trace_state == "a=b"), "{spans:?}");

    let one = |name| named(&spans, name)[0];
    let request = one("POST /agent/{agentId}/run");
    assert_eq!(hex(&request.parent_span_id), PAGE);
    assert_eq!(request.kind(), SpanKind::Server);
    assert_eq!(request.text("http.route").as_deref(), Some("/agent/{agentId}/run"));
    assert_eq!(request.whole("http.response.status_code"), Some(200));

    let run = one("invoke_agent default");
    assert_eq!(run.parent_span_id, request.span_id);
    assert_eq!(run.text("gen_ai.operation.name").as_deref(), Some("invoke_agent"));
    assert_eq!(run.text("gen_ai.agent.id").as_deref(), Some("default"));
    assert_eq!(run.text("gen_ai.conversation.id").as_deref(), Some("t-1"));
    assert_eq!(run.text("copilotkit.run.outcome").as_deref(), Some("success"));
    assert_eq!(run.text("user.id"), None, "nobody is told apart");

    let chats = named(&spans, "chat gpt-4o-mini");
    for chat in &chats {
        assert_eq!(chat.parent_span_id, run.span_id);
        assert_eq!(chat.kind(), SpanKind::Client);
        assert_eq!(chat.text("gen_ai.provider.name").as_deref(), Some("openai"));
        assert_eq!(chat.text("gen_ai.request.model").as_deref(), Some("gpt-4o-mini"));
        assert_eq!(chat.text("gen_ai.response.model").as_deref(), Some("gpt-4o-mini"));
        assert_eq!(chat.number("gen_ai.request.temperature"), Some(0.5));
        assert!(chat.number("gen_ai.response.time_to_first_chunk").unwrap() > 0.0);
        assert!(chat.start_time_unix_nano < chat.end_time_unix_nano);
    }
    assert_eq!(chats[0].list("gen_ai.response.finish_reasons"), ["tool_call"]);
    assert_eq!(chats[1].list("gen_ai.response.finish_reasons"), ["stop"]);
    assert_eq!(chats[0].whole("gen_ai.usage.input_tokens"), Some(1000));
    assert_eq!(chats[0].whole("gen_ai.usage.cache_read.input_tokens"), Some(400));
    assert_eq!(chats[0].whole("gen_ai.usage.output_tokens"), Some(200));
    // 600 at 0.15, 400 at 0.075, 200 at 0.60 dollars for a million.
    let cost = chats[0].number("gen_ai.usage.cost").unwrap();
    assert!((cost - 0.000_24).abs() < 1e-9, "{cost}");

    let tool = one("execute_tool lookup_order");
    assert_eq!(tool.parent_span_id, run.span_id);
    assert_eq!(tool.text("gen_ai.tool.name").as_deref(), Some("lookup_order"));
    assert_eq!(tool.text("gen_ai.tool.call.id").as_deref(), Some("call-1"));
    let sent = one("POST");
    assert_eq!((&sent.parent_span_id, sent.kind()), (&tool.span_id, SpanKind::Client));
    assert_eq!(sent.whole("http.response.status_code"), Some(200));

    // Whoever was called was told below which span.
    let told = |value: Option<&str>| value.map(str::to_owned).unwrap_or_default();
    let of = |span: &Span| format!("00-{TRACE}-{}-01", hex(&span.span_id));
    assert_eq!(told(servers.tool.requests()[0].header("traceparent")), of(sent));
    let models = servers.model.requests();
    assert_eq!(told(models[0].header("traceparent")), of(chats[0]));
    assert_eq!(told(models[1].header("traceparent")), of(chats[1]));
    assert_eq!(models[0].header("tracestate"), Some("a=b"));

    assert_eq!(collector.resource().text("service.name").as_deref(), Some("orders"));
    let headers = collector.headers();
    assert!(headers.iter().all(|headers| headers["authorization"] == "Bearer of-the-collector"));
    assert_eq!(headers[0]["content-type"], "application/x-protobuf");
}

#[tokio::test]
async fn what_is_said_is_in_the_trace_only_where_it_is_asked_for() {
    let content =
        ["gen_ai.input.messages", "gen_ai.output.messages", "gen_ai.system_instructions", "gen_ai.tool.definitions"];
    let (spans, _, _) = traced("").await;
    let text = format!("{spans:?}");
    for said in ["where is 42?", "It is on its way.", "You are the house.", "shipped", "Finds an order."] {
        assert!(!text.contains(said), "{said}");
    }
    let (spans, _, _) = traced("capture_content = true").await;
    let chats = named(&spans, "chat gpt-4o-mini");
    let of = |name: &str| chats[1].text(name).unwrap();
    assert!(content.iter().all(|name| serde_json::from_str::<serde_json::Value>(&of(name)).is_ok()));
    let input: serde_json::Value = serde_json::from_str(&of("gen_ai.input.messages")).unwrap();
    assert_eq!(input[0]["parts"][0]["content"], "where is 42?");
    assert_eq!(input[1]["parts"][0]["type"], "tool_call");
    assert_eq!(input[1]["parts"][0]["arguments"]["number"], "42");
    assert_eq!(input[2]["parts"][0]["response"], r#"{"state":"shipped"}"#);
    assert!(of("gen_ai.output.messages").contains("It is on its way."));
    assert!(of("gen_ai.system_instructions").contains("You are the house."));
    let tool = named(&spans, "execute_tool lookup_order")[0];
    assert_eq!(tool.text("gen_ai.tool.call.arguments").as_deref(), Some(r#"{"number":"42"}"#));
    assert_eq!(tool.text("gen_ai.tool.call.result").as_deref(), Some(r#"{"state":"shipped"}"#));
    assert!(!format!("{spans:?}").contains(KEY));
}

#[tokio::test]
async fn nobody_is_told_of_the_trace_where_that_is_switched_off_or_there_is_none() {
    let (spans, _, servers) = traced("propagate = false").await;
    assert!(!spans.is_empty());
    assert_eq!(servers.tool.requests()[0].header("traceparent"), None);
    assert_eq!(servers.model.requests()[0].header("traceparent"), None);

    let servers = Servers::start().await;
    let server = Server::start(&servers.agent());
    let parent = format!("00-{TRACE}-{PAGE}-01");
    server.run_with("t-1", "where is 42?", &[("traceparent", &parent)]).await;
    server.end().await;
    assert_eq!(servers.model.requests()[0].header("traceparent"), None, "what is not traced is not passed on");
}

#[tokio::test]
async fn a_page_that_does_not_sample_is_not_sampled_and_a_part_is_a_part() {
    let collector = Collector::start().await;
    let agent = "[agents.default]\ntype = \"built-in\"\nmodel = \"demo\"\n";
    let server = Server::start(&format!("{}{agent}", telemetry(&collector.url, "signals = [\"traces\"]")));
    server.run_with("t-1", "hi", &[("traceparent", &format!("00-{TRACE}-{PAGE}-00"))]).await;
    server.end().await;
    assert_eq!(collector.spans(), []);
    let server = Server::start(&format!("{}{agent}", telemetry(&collector.url, "sample = 0.0")));
    server.run("t-1", "hi").await;
    server.end().await;
    assert_eq!(collector.spans(), []);
}

#[tokio::test]
async fn failures_are_errors_with_their_code() {
    let collector = Collector::start().await;
    let agent = "[agents.default]\ntype = \"built-in\"\nmodel = \"demo\"\n";
    let server = Server::start(&format!("{}{agent}", telemetry(&collector.url, "")));
    server.run("t-1", "/fail").await;
    assert_eq!(server.send("GET", "/copilotkit/nothing", &[], serde_json::Value::Null).await.status(), 404);
    server.end().await;
    let spans = collector.spans();
    let code = |name: &str| named(&spans, name)[0].text("error.type");
    let failed = code("chat demo").expect("the call of the model failed");
    assert_eq!(code("invoke_agent default"), Some(failed));
    let is_error = |name: &str| named(&spans, name)[0].status.as_ref().is_some_and(|status| status.code == 2);
    assert!(is_error("chat demo") && is_error("invoke_agent default"));
    assert!(!is_error("POST /agent/{agentId}/run"), "the request itself was answered");
    assert!(!is_error("GET"), "what is not there is the client's fault");
    assert_eq!(named(&spans, "GET")[0].whole("http.response.status_code"), Some(404));
}

#[tokio::test]
async fn a_dead_collector_costs_one_line_and_no_time() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let variables = [("OTEL_BSP_SCHEDULE_DELAY", "20"), ("OTEL_METRIC_EXPORT_INTERVAL", "20")];
    let file = format!(
        "{}[agents.default]\ntype = \"built-in\"\nmodel = \"demo\"\n",
        telemetry(&format!("http://u:secret-of-u@127.0.0.1:{port}"), "signals = [\"traces\"]"),
    );
    let server = Server::on(&file, Arc::new(copilotkit_runtime::store::MemoryStore::default()), &variables);
    for number in 0..5 {
        assert_eq!(server.run(&format!("t-{number}"), "hi").await.status(), 200);
        tokio::time::sleep(Duration::from_millis(40)).await;
    }
    let lifecycle = server.lifecycle.clone();
    let began = Instant::now();
    let log = server.end().await.lines();
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
    let told: Vec<_> = log.iter().filter(|line| line.contains("could not be sent")).collect();
    assert_eq!(told.len(), 1, "{log:?}");
    assert!(told[0].contains(&format!("http://127.0.0.1:{port}/v1/traces")) && !told[0].contains("secret"), "{told:?}");
    let dropped = lifecycle.metrics().number(copilotkit_runtime::telemetry::Metric::SpansDropped, &[]);
    assert!(dropped.is_some_and(|spans| spans >= 1.0), "{dropped:?}");
}

#[tokio::test]
async fn a_collector_that_is_busy_is_asked_again_and_that_it_works_again_is_told() {
    let collector = Collector::refusing([StatusCode::SERVICE_UNAVAILABLE]).await;
    let variables = [("OTEL_BSP_SCHEDULE_DELAY", "20")];
    let file = format!(
        "{}[agents.default]\ntype = \"built-in\"\nmodel = \"demo\"\n",
        telemetry(&collector.url, "signals = [\"traces\"]"),
    );
    let server = Server::on(&file, Arc::new(copilotkit_runtime::store::MemoryStore::default()), &variables);
    server.run("t-1", "hi").await;
    collector.wait_for_spans(3).await;
    assert!(collector.requests() >= 2);
    let log = server.end().await.lines().join("\n");
    assert!(log.contains("answered with status 503") && log.contains("are taken again"), "{log}");
    assert_eq!(named(&collector.spans(), "invoke_agent default").len(), 1, "nothing is sent twice");
}
