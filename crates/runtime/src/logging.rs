//! What is logged of each run: what it was asked, what it answered, why it failed.
//!
//! By default failures alone, as lines of `tracing`. A [`RunLogger`] of your own gets the same records:
//!
//! ```
//! use copilotkit_runtime::LifecycleOptions;
//! use copilotkit_runtime::logging::{ErrorRecord, LoggingOptions, RequestRecord, ResponseRecord, RunLogger};
//! use std::sync::Arc;
//!
//! struct Audit;
//!
//! impl RunLogger for Audit {
//!     fn log_request(&self, record: &RequestRecord<'_>) {
//!         println!("{} asks {}: {} messages", record.run.principal, record.run.agent_id, record.messages);
//!     }
//!     fn log_response(&self, record: &ResponseRecord<'_>) {
//!         println!("{} bytes after {:?}", record.bytes, record.latency);
//!     }
//!     fn log_error(&self, record: &ErrorRecord<'_>) {
//!         println!("{}: {}", record.code, record.message);
//!     }
//! }
//!
//! let logging = LoggingOptions { requests: true, responses: true, logger: Arc::new(Audit), ..Default::default() };
//! let options = LifecycleOptions { logging, ..LifecycleOptions::default() };
//! # let _ = options;
//! ```

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// The target of lines about runs.
pub const TARGET: &str = "copilotkit::runs";

/// What is logged of runs.
#[derive(Clone)]
pub struct LoggingOptions {
    /// A record when a run begins.
    pub requests: bool,
    /// Records of what a run answers.
    pub responses: bool,
    /// A record when a run fails.
    pub errors: bool,
    /// Whether the records hold what users, agents and tools say. Secrets in it are blotted out.
    pub content: bool,
    /// Whether what a run answers is recorded as it comes, and once more in sum at its end, or only at its end.
    pub progressive: bool,
    /// Who gets the records.
    pub logger: Arc<dyn RunLogger>,
}

impl Default for LoggingOptions {
    fn default() -> Self {
        let logger = Arc::new(TracingLogger);
        Self { requests: false, responses: false, errors: true, content: false, progressive: true, logger }
    }
}

impl fmt::Debug for LoggingOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { requests, responses, errors, content, progressive, .. } = self;
        let all = [requests, responses, errors, content, progressive];
        f.debug_tuple("LoggingOptions").field(&all).finish()
    }
}

/// Takes records of runs. It is called on the run's own task: what takes long belongs into a bounded channel.
pub trait RunLogger: Send + Sync + 'static {
    /// A run begins.
    fn log_request(&self, record: &RequestRecord<'_>);

    /// A run answered something, or all that it will.
    fn log_response(&self, record: &ResponseRecord<'_>);

    /// A run failed.
    fn log_error(&self, record: &ErrorRecord<'_>);
}

/// Which run.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RunInfo {
    /// The agent.
    pub agent_id: Arc<str>,
    /// Who started it.
    pub principal: crate::Principal,
    /// The thread.
    pub thread_id: String,
    /// The run.
    pub run_id: String,
    /// Its trace, where there is one.
    pub trace_id: Option<String>,
}

/// What a run was asked.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RequestRecord<'a> {
    /// Which run.
    pub run: &'a RunInfo,
    /// How many messages it was started with.
    pub messages: usize,
    /// How many tools the page offers.
    pub tools: usize,
    /// The messages as JSON, where content is recorded.
    pub content: Option<&'a str>,
}

/// What a run answered.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ResponseRecord<'a> {
    /// Which run.
    pub run: &'a RunInfo,
    /// True for the one at the end, which is about the whole run; false for a piece.
    pub is_final: bool,
    /// How many events.
    pub events: u64,
    /// Their size as JSON, in bytes.
    pub bytes: u64,
    /// How long the run takes so far.
    pub latency: Duration,
    /// What was said, where content is recorded; of a whole run its beginning, where it is long.
    pub content: Option<&'a str>,
}

/// Why a run failed.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ErrorRecord<'a> {
    /// Which run.
    pub run: &'a RunInfo,
    /// The code of its RUN_ERROR.
    pub code: &'a str,
    /// What its user was told. Secrets in it are blotted out.
    pub message: &'a str,
    /// How long the run took.
    pub latency: Duration,
}

/// Writes lines of `tracing`.
#[derive(Clone, Copy, Debug, Default)]
pub struct TracingLogger;

impl RunLogger for TracingLogger {
    fn log_request(&self, record: &RequestRecord<'_>) {
        let RequestRecord { run, messages, tools, content } = record;
        let RunInfo { agent_id: agent, principal, thread_id, run_id, trace_id } = run;
        let trace_id = trace_id.as_deref();
        tracing::info!(target: TARGET, %agent, %principal, thread_id, run_id, trace_id, messages, tools, content, "a request");
    }

    fn log_response(&self, record: &ResponseRecord<'_>) {
        let ResponseRecord { run, is_final, events, bytes, latency, content } = record;
        let RunInfo { agent_id: agent, principal, thread_id, run_id, trace_id } = run;
        let (trace_id, latency_ms) = (trace_id.as_deref(), millis(*latency));
        let message = if *is_final { "a response" } else { "a piece of a response" };
        tracing::info!(
            target: TARGET, %agent, %principal, thread_id, run_id, trace_id, events, bytes, latency_ms, content, "{message}"
        );
    }

    fn log_error(&self, record: &ErrorRecord<'_>) {
        let ErrorRecord { run, code, message, latency } = record;
        let RunInfo { agent_id: agent, principal, thread_id, run_id, trace_id } = run;
        let (trace_id, latency_ms, error) = (trace_id.as_deref(), millis(*latency), message);
        tracing::warn!(
            target: TARGET, %agent, %principal, thread_id, run_id, trace_id, code, error, latency_ms, "a run failed"
        );
    }
}

pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
