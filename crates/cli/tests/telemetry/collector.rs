//! A collector: takes what OTLP exporters send, and keeps it for the test.

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::routing::post;
use copilotkit_runtime::http::server::{ServeOptions, serve};
use http::{HeaderMap, StatusCode};
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::metrics::v1::Metric;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::task::JoinSet;

/// A collector on a port of this machine. It ends with the test.
pub(crate) struct Collector {
    pub(crate) url: String,
    seen: Arc<Mutex<Seen>>,
    _tasks: JoinSet<()>,
}

#[derive(Default)]
struct Seen {
    traces: Vec<ExportTraceServiceRequest>,
    metrics: Vec<ExportMetricsServiceRequest>,
    headers: Vec<HeaderMap>,
    /// Answers to come before it takes anything.
    refusals: Vec<StatusCode>,
    requests: usize,
}

type Shared = State<Arc<Mutex<Seen>>>;

impl Collector {
    pub(crate) async fn start() -> Self {
        Self::refusing([]).await
    }

    /// One that gives these answers first.
    pub(crate) async fn refusing(statuses: impl IntoIterator<Item = StatusCode>) -> Self {
        let refusals = statuses.into_iter().collect();
        let seen = Arc::new(Mutex::new(Seen { refusals, ..Seen::default() }));
        let app = Router::new()
            .route("/base/v1/traces", post(traces))
            .route("/base/v1/metrics", post(metrics))
            .with_state(seen.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/base", listener.local_addr().unwrap());
        let mut tasks = JoinSet::new();
        tasks.spawn(serve(listener, app, ServeOptions::default(), std::future::pending(), async {}));
        Self { url, seen, _tasks: tasks }
    }

    pub(crate) fn spans(&self) -> Vec<Span> {
        let seen = self.seen.lock().unwrap();
        let scopes = seen.traces.iter().flat_map(|request| &request.resource_spans).flat_map(|one| &one.scope_spans);
        scopes.flat_map(|scope| scope.spans.clone()).collect()
    }

    /// The metrics of the last request.
    pub(crate) fn metrics(&self) -> Vec<Metric> {
        let seen = self.seen.lock().unwrap();
        let scopes = seen.metrics.last().into_iter().flat_map(|one| &one.resource_metrics);
        scopes.flat_map(|one| &one.scope_metrics).flat_map(|scope| scope.metrics.clone()).collect()
    }

    /// The attributes of who sent the first spans.
    pub(crate) fn resource(&self) -> Vec<KeyValue> {
        let seen = self.seen.lock().unwrap();
        seen.traces[0].resource_spans[0].resource.clone().unwrap().attributes
    }

    pub(crate) fn headers(&self) -> Vec<HeaderMap> {
        self.seen.lock().unwrap().headers.clone()
    }

    pub(crate) fn requests(&self) -> usize {
        self.seen.lock().unwrap().requests
    }

    /// Waits for spans.
    pub(crate) async fn wait_for_spans(&self, count: usize) {
        let arrived = async {
            while self.spans().len() < count {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), arrived).await.expect("the spans arrive");
    }
}

async fn traces(State(seen): Shared, headers: HeaderMap, body: Bytes) -> StatusCode {
    let mut seen = seen.lock().unwrap();
    let request = ExportTraceServiceRequest::decode(body).unwrap();
    seen.take(headers, |seen| seen.traces.push(request))
}

async fn metrics(State(seen): Shared, headers: HeaderMap, body: Bytes) -> StatusCode {
    let mut seen = seen.lock().unwrap();
    let request = ExportMetricsServiceRequest::decode(body).unwrap();
    seen.take(headers, |seen| seen.metrics.push(request))
}

impl Seen {
    fn take(&mut self, headers: HeaderMap, keep: impl FnOnce(&mut Self)) -> StatusCode {
        self.requests += 1;
        if !self.refusals.is_empty() {
            return self.refusals.remove(0);
        }
        self.headers.push(headers);
        keep(self);
        StatusCode::OK
    }
}

/// What a test asks of attributes.
pub(crate) trait Attributes {
    fn all(&self) -> &[KeyValue];

    fn value(&self, name: &str) -> Option<AnyValue> {
        let found: Vec<_> = self.all().iter().filter(|pair| pair.key == name).collect();
        assert!(found.len() < 2, "{name} twice");
        found.first().and_then(|pair| pair.value.clone())
    }

    fn text(&self, name: &str) -> Option<String> {
        match self.value(name)?.value? {
            Value::StringValue(text) => Some(text),
            other => panic!("{name} is no text: {other:?}"),
        }
    }

    fn whole(&self, name: &str) -> Option<i64> {
        match self.value(name)?.value? {
            Value::IntValue(number) => Some(number),
            other => panic!("{name} is no whole number: {other:?}"),
        }
    }

    fn number(&self, name: &str) -> Option<f64> {
        match self.value(name)?.value? {
            Value::DoubleValue(number) => Some(number),
            other => panic!("{name} is no number: {other:?}"),
        }
    }

    fn list(&self, name: &str) -> Vec<String> {
        let Some(Value::ArrayValue(list)) = self.value(name).and_then(|value| value.value) else { return Vec::new() };
        let text = |value: AnyValue| match value.value {
            Some(Value::StringValue(text)) => text,
            other => panic!("{other:?}"),
        };
        list.values.into_iter().map(text).collect()
    }
}

impl Attributes for Span {
    fn all(&self) -> &[KeyValue] {
        &self.attributes
    }
}

impl Attributes for Vec<KeyValue> {
    fn all(&self) -> &[KeyValue] {
        self
    }
}
