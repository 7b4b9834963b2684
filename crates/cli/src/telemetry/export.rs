//! Sends what piled up, again and again.

use super::health::Health;
use super::settings::{Endpoint, Settings};
use super::{FLUSH, wire};
use copilotkit_runtime::Lifecycle;
use copilotkit_runtime::client::{self, ClientOptions};
use copilotkit_runtime::telemetry::Metric;
use http::StatusCode;
use http::header::CONTENT_TYPE;
use opentelemetry_sdk::trace::SpanData;
use prost::Message as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

/// How often spans are sent before they are given up.
const TRIES: u32 = 3;

/// The work of one exporter.
pub(super) struct Task {
    settings: Settings,
    resource: wire::Resource,
    http: reqwest::Client,
    spans: mpsc::Receiver<SpanData>,
    /// Those that found no room in the queue.
    dropped: Arc<AtomicU64>,
    lifecycle: Lifecycle,
    batch: Vec<SpanData>,
    tries: u32,
    traces: Health,
    metrics: Health,
}

/// Why something was not taken.
#[derive(Debug, thiserror::Error)]
enum SendError {
    #[error("{0}")]
    Http(&'static str),
    #[error("it answered with status {0}")]
    Status(StatusCode),
    #[error("it gave no answer within {0:?}")]
    Timeout(std::time::Duration),
}

impl SendError {
    /// As the protocol has it: only these may be sent again.
    fn is_retryable(&self) -> bool {
        match self {
            Self::Status(status) => matches!(status.as_u16(), 429 | 502 | 503 | 504),
            Self::Http(_) | Self::Timeout(_) => true,
        }
    }
}

impl Task {
    pub(super) fn new(
        settings: Settings,
        spans: mpsc::Receiver<SpanData>,
        dropped: Arc<AtomicU64>,
        lifecycle: Lifecycle,
    ) -> anyhow::Result<Self> {
        let http = client::build(&ClientOptions { environment_proxies: true, ..ClientOptions::default() })?;
        let (traces, metrics) = (Health::new("traces"), Health::new("metrics"));
        let resource = wire::resource(&settings.resource);
        Ok(Self { settings, resource, http, spans, dropped, lifecycle, batch: Vec::new(), tries: 0, traces, metrics })
    }

    /// Sends until it is asked to stop, then the rest.
    pub(super) async fn run(mut self, stop: CancellationToken) {
        let mut spans_at = Instant::now() + self.settings.delay;
        let mut metrics_at = Instant::now() + self.settings.interval;
        loop {
            let room = self.settings.batch.saturating_sub(self.batch.len());
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                () = tokio::time::sleep_until(metrics_at) => {
                    self.send_metrics().await;
                    metrics_at = Instant::now() + self.settings.interval;
                }
                () = tokio::time::sleep_until(spans_at) => {
                    self.send_spans().await;
                    spans_at = Instant::now() + self.settings.delay;
                }
                // With a full batch that could not be sent the queue fills up, and then drops.
                count = self.spans.recv_many(&mut self.batch, room), if room > 0 => {
                    if count == 0 {
                        // No more spans will come: the metrics go on.
                        spans_at = Instant::now() + self.settings.interval;
                    }
                    if self.batch.len() >= self.settings.batch && self.tries == 0 {
                        self.send_spans().await;
                        spans_at = Instant::now() + self.settings.delay;
                    }
                }
            }
        }
        let deadline = Instant::now() + FLUSH;
        let rest = async {
            loop {
                while self.batch.len() < self.settings.batch
                    && let Ok(span) = self.spans.try_recv()
                {
                    self.batch.push(span);
                }
                if self.batch.is_empty() || !self.send_spans().await {
                    break;
                }
            }
            self.send_metrics().await;
        };
        if timeout_at(deadline, rest).await.is_err() {
            tracing::warn!("the last traces and metrics could not be sent in time");
        }
    }

    /// Sends the batch; true when it was taken. One that cannot be sent is kept for another try, a few times.
    async fn send_spans(&mut self) -> bool {
        self.count_dropped(self.dropped.swap(0, Ordering::Relaxed));
        let Some(endpoint) = self.settings.traces.as_ref().filter(|_| !self.batch.is_empty()) else {
            self.batch.clear();
            return true;
        };
        let body = wire::spans(self.batch.clone(), &self.resource).encode_to_vec();
        let to = endpoint.shown();
        match send(&self.http, endpoint, body).await {
            Ok(()) => {
                self.traces.worked(&to);
                self.tries = 0;
                self.batch.clear();
                true
            }
            Err(error) => {
                self.traces.failed(&to, &error);
                self.tries += 1;
                if self.tries >= TRIES || !error.is_retryable() {
                    self.tries = 0;
                    let lost = std::mem::take(&mut self.batch).len();
                    self.count_dropped(lost as u64);
                }
                false
            }
        }
    }

    async fn send_metrics(&mut self) {
        let Some(endpoint) = &self.settings.metrics else { return };
        self.lifecycle.measure();
        let body = wire::metrics(self.lifecycle.metrics(), &self.resource).encode_to_vec();
        let to = endpoint.shown();
        match send(&self.http, endpoint, body).await {
            Ok(()) => self.metrics.worked(&to),
            Err(error) => self.metrics.failed(&to, &error),
        }
    }

    fn count_dropped(&self, spans: u64) {
        if spans > 0 {
            self.lifecycle.metrics().add(Metric::SpansDropped, &[], spans as f64);
        }
    }
}

async fn send(http: &reqwest::Client, endpoint: &Endpoint, body: Vec<u8>) -> Result<(), SendError> {
    let request = http
        .post(endpoint.url.clone())
        .headers(endpoint.headers.clone())
        .header(CONTENT_TYPE, "application/x-protobuf")
        .timeout(endpoint.timeout)
        .body(body);
    let response = request.send().await.map_err(|error| match (error.is_timeout(), error.is_connect()) {
        // The error's own text holds the address, which may hold a key.
        (true, _) => SendError::Timeout(endpoint.timeout),
        (_, true) => SendError::Http("there is no connection to it"),
        _ => SendError::Http("the connection broke"),
    })?;
    match response.status() {
        status if status.is_success() => Ok(()),
        status => Err(SendError::Status(status)),
    }
}
