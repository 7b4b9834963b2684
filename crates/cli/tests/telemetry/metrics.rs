//! Metrics, as a collector and as Prometheus get them.

use crate::collector::{Attributes, Collector};
use crate::kit::{Server, Servers};
use axum::body::{Body, to_bytes};
use copilotkit_cli::config::TelemetryConfig;
use copilotkit_cli::wiring;
use copilotkit_runtime::http::probes::{Readiness, with_probes};
use copilotkit_runtime::http::server::Peer;
use copilotkit_runtime::http::with_metrics;
use copilotkit_runtime::telemetry::Metric;
use http::{Request, StatusCode};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value as Number;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tower::ServiceExt as _;

/// The samples of the text form: name with labels, and value.
fn parse(text: &str) -> BTreeMap<String, f64> {
    let mut types = BTreeSet::new();
    let mut samples = BTreeMap::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
            assert!(types.insert(name.to_owned()), "{name} twice");
        } else if !line.starts_with("# HELP ") {
            let (name, value) = line.rsplit_once(' ').unwrap();
            let family = name.split('{').next().unwrap();
            let known = |end: &str| types.contains(family.trim_end_matches(end));
            assert!(known("") || ["_bucket", "_sum", "_count"].into_iter().any(known), "{line}");
            assert!(samples.insert(name.to_owned(), value.parse().unwrap()).is_none(), "{name} twice");
        }
    }
    samples
}

async fn get(server: &Server, config: &TelemetryConfig, peer: &str, headers: &[(&str, &str)]) -> (StatusCode, String) {
    let router = with_probes(server.surface.clone(), Readiness::default());
    let access = wiring::metrics_access(config, &(Arc::new(|_: &str| None) as _)).unwrap();
    let router = match access {
        Some(access) => with_metrics(router, server.lifecycle.clone(), access),
        None => router,
    };
    let mut request = Request::get("/metrics").extension(Peer(peer.parse().unwrap()));
    if !headers.iter().any(|(name, _)| *name == "host") {
        request = request.header("host", "127.0.0.1:8000");
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = router.oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let status = response.status();
    let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

const NEAR: &str = "127.0.0.1:50000";

#[tokio::test]
async fn prometheus_reads_what_one_run_with_a_tool_did() {
    let servers = Servers::start().await;
    let server = Server::start(&servers.agent());
    server.run("t-1", "where is 42?").await;
    server.send("GET", "/copilotkit/nothing", &[], serde_json::Value::Null).await;
    server.lifecycle.drain(std::time::Duration::from_secs(5)).await;
    let (status, text) = get(&server, &TelemetryConfig::default(), NEAR, &[]).await;
    assert_eq!(status, 200);
    let samples = parse(&text);
    let model = "gen_ai_provider_name=\"openai\",gen_ai_request_model=\"gpt-4o-mini\"";
    let agent = "gen_ai_agent_id=\"default\"";
    for (name, expected) in [
        (format!("copilotkit_runs_active{{{agent}}}"), 0.0),
        (format!("copilotkit_runs_total{{{agent},outcome=\"success\"}}"), 1.0),
        (format!("copilotkit_run_duration_seconds_count{{{agent},outcome=\"success\"}}"), 1.0),
        (format!("copilotkit_tokens_total{{{agent},{model},type=\"input\"}}"), 600.0 + 1300.0),
        (format!("copilotkit_tokens_total{{{agent},{model},type=\"cached_input\"}}"), 400.0),
        (format!("copilotkit_tokens_total{{{agent},{model},type=\"output\"}}"), 210.0),
        (
            format!("gen_ai_client_operation_duration_seconds_count{{gen_ai_operation_name=\"chat\",{model},error_type=\"\"}}"),
            2.0,
        ),
        ("gen_ai_execute_tool_duration_seconds_count{gen_ai_tool_name=\"lookup_order\",error_type=\"\"}".to_owned(), 1.0),
        ("copilotkit_refusals_total{code=\"not_found\"}".to_owned(), 1.0),
        ("http_server_active_requests".to_owned(), 0.0),
        (
            "http_server_request_duration_seconds_count{http_request_method=\"POST\",http_route=\"/agent/{agentId}/run\",\
             http_response_status_code=\"200\"}"
                .to_owned(),
            1.0,
        ),
        ("copilotkit_store_duration_seconds_count{operation=\"finish\"}".to_owned(), 1.0),
    ] {
        assert_eq!(samples.get(&name), Some(&expected), "{name}\n{text}");
    }
    let cost = samples[&format!("copilotkit_cost_usd_total{{{agent},{model}}}")];
    // 1900 at 0.15, 400 at 0.075, 210 at 0.60 dollars for a million.
    assert!((cost - 0.000_441).abs() < 1e-9, "{cost}");
    assert!(samples["copilotkit_store_size_bytes"] > 0.0, "{text}");
    assert!(!text.contains("where is 42"));
    server.end().await;
}

#[tokio::test]
async fn the_metrics_are_for_this_machine_or_for_a_token() {
    let server = Server::start("");
    let config = TelemetryConfig::default();
    let status = async |config: &TelemetryConfig, peer: &str, headers: &[(&str, &str)]| {
        get(&server, config, peer, headers).await.0.as_u16()
    };
    for peer in [NEAR, "[::1]:50000", "[::ffff:127.0.0.1]:50000"] {
        assert_eq!(status(&config, peer, &[]).await, 200, "{peer}");
    }
    assert_eq!(status(&config, "192.0.2.1:50000", &[]).await, 403);
    for header in [
        ("host", "app.example.com"),
        ("x-forwarded-for", "192.0.2.1"),
        ("forwarded", "for=192.0.2.1"),
        ("origin", "http://localhost:3000"),
    ] {
        assert_eq!(status(&config, NEAR, &[header]).await, 403, "{header:?}");
    }
    let with_token = TelemetryConfig { metrics_token: Some("of-prometheus-0123456789".to_owned()), ..config.clone() };
    for (value, expected) in [("Bearer of-prometheus-0123456789", 200), ("Bearer other", 401), ("", 401)] {
        assert_eq!(status(&with_token, "192.0.2.1:50000", &[("authorization", value)]).await, expected, "{value}");
    }
    assert_eq!(status(&with_token, NEAR, &[]).await, 401, "with a token it takes the token");
    let off = TelemetryConfig { metrics: false, ..config };
    assert_eq!(status(&off, NEAR, &[]).await, 404);
}

#[tokio::test]
async fn a_collector_gets_the_same_numbers() {
    let (collector, servers) = (Collector::start().await, Servers::start().await);
    let telemetry = format!("[telemetry]\notlp_endpoint = \"{}\"\n", collector.url);
    let server = Server::start(&format!("{telemetry}{}", servers.agent()));
    server.run("t-1", "where is 42?").await;
    server.end().await;
    let metrics = collector.metrics();
    let data = |metric: Metric| {
        let found = metrics.iter().find(|found| found.name == metric.name()).unwrap_or_else(|| panic!("{metric:?}"));
        assert_eq!(found.unit, metric.unit());
        found.data.clone().unwrap()
    };
    let Data::Sum(tokens) = data(Metric::Tokens) else { panic!("a counter is a sum") };
    assert!(tokens.is_monotonic && tokens.aggregation_temporality == 2);
    let output = tokens.data_points.iter().find(|point| point.attributes.text("type").as_deref() == Some("output"));
    let output = output.unwrap();
    assert_eq!(output.value, Some(Number::AsDouble(210.0)));
    assert_eq!(output.attributes.text("gen_ai.request.model").as_deref(), Some("gpt-4o-mini"));
    assert!(output.start_time_unix_nano < output.time_unix_nano);
    let Data::Histogram(duration) = data(Metric::ModelDuration) else { panic!("a histogram") };
    let point = &duration.data_points[0];
    assert_eq!((point.count, point.bucket_counts.iter().sum::<u64>()), (2, 2));
    assert_eq!(point.bucket_counts.len(), point.explicit_bounds.len() + 1);
    assert_eq!(point.attributes.text("error.type"), None, "a label without a value is none");
    let Data::Gauge(active) = data(Metric::RunsActive) else { panic!("a gauge") };
    assert_eq!(active.data_points[0].value, Some(Number::AsDouble(0.0)));
}
