//! Something that is called for a run.

use super::metrics::Metric;
use super::trace::Trace;
use super::{content, names, propagation};
use std::time::Instant;

/// What a call that nobody ended failed with: the run was stopped, or its deadline came.
const CANCELLED: &str = "cancelled";

/// One call: a span, and where there is one for it a metric. Dropped without an end it counts as cancelled.
#[derive(Debug)]
#[must_use = "a call that is dropped at once was cancelled"]
pub struct Call {
    trace: Trace,
    started: Instant,
    /// The tool that was called, for its metric.
    tool: Option<String>,
    ended: bool,
}

impl Call {
    pub(super) fn new(trace: Trace) -> Self {
        Self { trace, started: Instant::now(), tool: None, ended: false }
    }

    pub(super) fn of_tool(trace: Trace, name: &str) -> Self {
        Self { trace, started: Instant::now(), tool: Some(name.to_owned()), ended: false }
    }

    /// For what is called within.
    pub fn trace(&self) -> &Trace {
        &self.trace
    }

    /// Adds what became known: a name of [`names`] that such a call has. Others are left out.
    pub fn record(&self, name: &'static str, value: impl tracing::Value) {
        self.trace.span().record(name, value);
    }

    /// Adds what was said, if content is to be captured at all. Secrets in it are blotted out, and what is long is cut.
    pub fn record_content(&self, name: &'static str, text: &str) {
        if self.trace.captures_content() {
            self.trace.span().record(name, content::text(text));
        }
    }

    /// The call is over; an error is a stable code, never what somebody said.
    pub fn end(mut self, result: Result<(), &str>) {
        self.close(result.err());
    }

    /// As [`end`](Self::end), where something of the call is still kept: a stream that nobody may read to its end.
    pub fn finish(&mut self, result: Result<(), &str>) {
        self.close(result.err());
    }

    fn close(&mut self, error: Option<&str>) {
        if std::mem::replace(&mut self.ended, true) {
            return;
        }
        let span = self.trace.span();
        if let Some(error) = error {
            span.record(names::ERROR_TYPE, error);
            span.record(names::OTEL_STATUS, "ERROR");
        }
        if let (Some(tool), Some(account)) = (&self.tool, self.trace.account()) {
            let labels = [tool.as_str(), error.unwrap_or_default()];
            account.telemetry.metrics.observe(Metric::ToolDuration, &labels, self.started.elapsed().as_secs_f64());
        }
        propagation::end(span);
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.close(Some(CANCELLED));
    }
}
