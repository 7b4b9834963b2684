//! What is measured of a run: its span, how long it took, how it ended, what it used.

use super::{Kind, StartRun};
use crate::store::Frame;
use crate::telemetry::{Account, Metric, Telemetry, Trace, end, names};
use copilotkit_protocol::{Code, Event, RunFinishedOutcome};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The measurements of one run. Dropped without an end, the run ended without one: its lease was lost, or it panicked.
pub(super) struct Ledger {
    telemetry: Arc<Telemetry>,
    trace: Trace,
    agent_id: Arc<str>,
    started: Instant,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// It has no thread yet.
    Asked,
    Active,
    Over,
}

impl Ledger {
    /// A run is asked for. Its span is a child of the current one.
    pub(super) fn begin(telemetry: &Arc<Telemetry>, start: &StartRun, kind: Kind) -> Self {
        let agent_id: Arc<str> = start.agent_id.as_str().into();
        let input = &start.input;
        let account = Account::new(telemetry.clone(), agent_id.clone(), &input.thread_id, &start.principal);
        let kind = match kind {
            Kind::Run => "run",
            Kind::Suggestion => "suggestion",
            Kind::Aside => "aside",
        };
        let trace = Trace::of_run(account, &input.run_id, kind);
        Self { telemetry: telemetry.clone(), trace, agent_id, started: Instant::now(), state: State::Asked }
    }

    pub(super) fn trace(&self) -> &Trace {
        &self.trace
    }

    /// It has its thread.
    pub(super) fn opened(&mut self) {
        self.state = State::Active;
        let metrics = &self.telemetry.metrics;
        metrics.observe(Metric::StoreDuration, &["begin"], self.started.elapsed().as_secs_f64());
        metrics.add(Metric::RunsActive, &[&self.agent_id], 1.0);
    }

    /// It does not get its thread.
    pub(super) fn refused(&mut self, code: Code) {
        self.state = State::Over;
        self.close("error", Some(code.as_str()));
    }

    /// Its end is in the store.
    pub(super) fn stored(&self, took: Duration) {
        self.telemetry.metrics.observe(Metric::StoreDuration, &["finish"], took.as_secs_f64());
    }

    /// It ended with this event.
    pub(super) fn end(&mut self, terminal: Option<&Frame>) {
        let (outcome, code) = match terminal.map(|frame| Event::from_json(&frame.json)) {
            Some(Ok(Event::RunFinished(finished))) => {
                if let (Some(account), Some(usage)) = (self.trace.account(), &finished.usage) {
                    account.run(usage);
                }
                match finished.outcome {
                    Some(RunFinishedOutcome::Interrupt(_)) => ("interrupt", None),
                    Some(RunFinishedOutcome::Cancelled(_)) => ("cancelled", None),
                    _ => ("success", None),
                }
            }
            Some(Ok(Event::RunError(error))) => ("error", Some(error.code.unwrap_or_default())),
            _ => ("error", Some(String::new())),
        };
        // An agent may make up any code: ours alone are kept apart.
        let code = code.map(|code| Code::from_name(&code).unwrap_or(Code::AgentError).as_str());
        self.settle(outcome, code);
    }

    fn settle(&mut self, outcome: &str, code: Option<&str>) {
        if std::mem::replace(&mut self.state, State::Over) != State::Active {
            return;
        }
        let metrics = &self.telemetry.metrics;
        metrics.add(Metric::RunsActive, &[&self.agent_id], -1.0);
        metrics.add(Metric::Runs, &[&self.agent_id, outcome], 1.0);
        metrics.observe(Metric::RunDuration, &[&self.agent_id, outcome], self.started.elapsed().as_secs_f64());
        self.close(outcome, code);
    }

    fn close(&self, outcome: &str, code: Option<&str>) {
        let span = self.trace.span();
        span.record(names::OUTCOME, outcome);
        if let Some(code) = code {
            span.record(names::ERROR_TYPE, code);
            span.record(names::OTEL_STATUS, "ERROR");
        }
        end(span);
    }
}

impl Drop for Ledger {
    fn drop(&mut self) {
        self.settle("error", Some(Code::InternalError.as_str()));
    }
}
