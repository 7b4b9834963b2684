//! What is measured of a request: its span, how long it took, how it was answered.

use super::router::{Route, RouteId};
use crate::lifecycle::Lifecycle;
use crate::telemetry::{Metric, TARGET, Telemetry, adopt, end, names, rename};
use http::Method;
use http::request::Parts;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;
use tracing::Span;
use tracing::field::Empty;

/// A request that is being answered. It is over when the last clone is gone: a stream keeps one.
#[derive(Clone)]
pub(super) struct Exchange(Arc<Inner>);

struct Inner {
    telemetry: Arc<Telemetry>,
    span: Span,
    method: &'static str,
    route: OnceLock<String>,
    status: AtomicU16,
    started: Instant,
}

impl Exchange {
    /// A request came. Its span goes on from the trace that the page says it is in.
    pub(super) fn begin(lifecycle: &Lifecycle, parts: &Parts) -> Self {
        let method = known(&parts.method);
        let span = tracing::info_span!(
            target: TARGET,
            parent: None,
            "request",
            { names::OTEL_NAME } = method,
            { names::OTEL_KIND } = "server",
            { names::OTEL_STATUS } = Empty,
            { names::HTTP_METHOD } = method,
            { names::URL_PATH } = parts.uri.path(),
            { names::HTTP_ROUTE } = Empty,
            { names::HTTP_STATUS } = Empty,
            { names::ERROR_TYPE } = Empty,
        );
        adopt(&span, &parts.headers);
        let telemetry = lifecycle.telemetry().clone();
        telemetry.metrics.add(Metric::RequestsActive, &[], 1.0);
        let (route, status, started) = (OnceLock::new(), AtomicU16::new(0), Instant::now());
        Self(Arc::new(Inner { telemetry, span, method, route, status, started }))
    }

    pub(super) fn span(&self) -> &Span {
        &self.0.span
    }

    /// It is known what is asked for.
    pub(super) fn routed(&self, route: RouteId) {
        self.named(match Route::of(route) {
            Some(route) => template(route),
            None => "resource/request".to_owned(),
        });
    }

    /// It is known what is asked for: the path with names for ids.
    pub(super) fn named(&self, template: String) {
        self.0.span.record(names::HTTP_ROUTE, &*template);
        if !self.0.span.is_disabled() {
            rename(&self.0.span, format!("{} {template}", self.0.method));
        }
        let _ = self.0.route.set(template);
    }

    /// The head of the answer is known.
    pub(super) fn answered(&self, status: http::StatusCode) {
        self.0.status.store(status.as_u16(), Ordering::Relaxed);
        self.0.span.record(names::HTTP_STATUS, i64::from(status.as_u16()));
        if status.is_server_error() {
            self.0.span.record(names::ERROR_TYPE, status.as_str());
            self.0.span.record(names::OTEL_STATUS, "ERROR");
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        let metrics = &self.telemetry.metrics;
        metrics.add(Metric::RequestsActive, &[], -1.0);
        let status = self.status.load(Ordering::Relaxed);
        // Whoever hung up before the answer was there has none.
        let status = if status == 0 { String::new() } else { status.to_string() };
        let labels = [self.method, self.route.get().map_or("", String::as_str), &status];
        metrics.observe(Metric::RequestDuration, &labels, self.started.elapsed().as_secs_f64());
        end(&self.span);
    }
}

/// Methods that nobody knows are one.
fn known(method: &Method) -> &'static str {
    const KNOWN: [&str; 7] = ["GET", "POST", "PATCH", "DELETE", "PUT", "HEAD", "OPTIONS"];
    KNOWN.into_iter().find(|known| *known == method.as_str()).unwrap_or("_OTHER")
}

/// `/agent/{agentId}/run`
fn template(route: &Route) -> String {
    let segment = |segment: &&str| match segment.strip_prefix(':') {
        Some(name) => format!("/{{{name}}}"),
        None => format!("/{segment}"),
    };
    route.suffix.iter().map(segment).collect()
}
