//! The contract of an agent: a run's context in, a stream of events out.

use crate::principal::Principal;
use crate::store::{Store, StoreError, ThreadKey};
use crate::telemetry::Trace;
use async_trait::async_trait;
use bytes::Bytes;
use copilotkit_protocol::{AgentCapabilities, Emitted, RunAgentInput};
use futures::stream::BoxStream;
use http::HeaderMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;
use tokio_util::sync::CancellationToken;

/// The events of one run, ending with the stream. An error ends the run as RUN_ERROR with its code.
pub type EventStream = BoxStream<'static, Result<Emitted, AgentError>>;

/// Something that answers a conversation with AG-UI events.
///
/// An agent keeps nothing between calls: identity, headers, cancellation and deadline travel in the [`RunContext`].
/// Whatever it does, the lifecycle around it makes a well-formed run of it: see "Repair" in the documentation.
#[async_trait]
pub trait Agent: Send + Sync + 'static {
    /// Starts a run. The stream ends when `context.cancel` is cancelled, or is dropped soon after.
    fn run(&self, context: RunContext) -> EventStream;

    /// What it does, for people; shown by `/info`.
    fn description(&self) -> &str {
        ""
    }

    /// What kind of agent it is; informational, shown by `/info` as `className`.
    fn kind(&self) -> &'static str {
        "Agent"
    }

    /// What it declares that it can do, if it does.
    ///
    /// # Errors
    /// When they cannot be found out; `/info` then leaves them out.
    async fn capabilities(&self) -> Result<Option<AgentCapabilities>, AgentError> {
        Ok(None)
    }
}

/// Everything that belongs to one run.
#[derive(Clone, Debug)]
pub struct RunContext {
    /// The id that the agent is registered under.
    pub agent_id: Arc<str>,
    /// What the run was started with. Activity messages have been taken out, as the reference runtime does.
    pub input: Arc<RunAgentInput>,
    /// Who started it.
    pub principal: Principal,
    /// The headers of the request, all of them: an agent passes on only what its header policy allows. Those that proved
    /// to the server who asks are marked sensitive.
    pub headers: Arc<HeaderMap>,
    /// Cancelled when the run is to stop.
    pub cancel: CancellationToken,
    /// When the run is ended as too long.
    pub deadline: Instant,
    /// Beaten by an agent that is alive though it has nothing to say, so that it is not taken for dead.
    pub pulse: Pulse,
    /// What may be kept with the thread until its next run; `None` for a run that belongs to no stored thread.
    pub notes: Option<ThreadNotes>,
    /// Where what is done for the run hangs in its trace.
    pub trace: Trace,
}

/// Small data that an agent or a middleware keeps with a thread, by key. It survives restarts as the thread does, and is
/// deleted with it. Keys are shared by all agents of a thread: begin yours with a name of your own.
#[derive(Clone)]
pub struct ThreadNotes {
    store: Arc<dyn Store>,
    thread: ThreadKey,
}

impl ThreadNotes {
    /// The notes of a thread.
    pub fn new(store: Arc<dyn Store>, thread: ThreadKey) -> Self {
        Self { store, thread }
    }

    /// The note under `key`.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn get(&self, key: &str) -> Result<Option<Bytes>, StoreError> {
        self.store.blob(&self.thread, key).await
    }

    /// Sets or, with `None`, removes the note under `key`.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn set(&self, key: &str, value: Option<Bytes>) -> Result<(), StoreError> {
        self.store.set_blob(&self.thread, key, value).await
    }
}

impl fmt::Debug for ThreadNotes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ThreadNotes").field("thread", &self.thread).finish_non_exhaustive()
    }
}

/// Tells the lifecycle that an agent is alive while it is silent: a remote agent's keep-alive comments, a long tool.
#[derive(Clone, Debug, Default)]
pub struct Pulse(Arc<AtomicU64>);

impl Pulse {
    /// The agent is alive.
    pub fn beat(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// Beats for as long as `work` lasts, which has a deadline of its own: a tool, the head of a model's answer.
    #[cfg(any(feature = "lifecycle", feature = "client"))]
    pub async fn during<F: Future>(&self, work: F) -> F::Output {
        let mut work = std::pin::pin!(work);
        loop {
            match tokio::time::timeout(std::time::Duration::from_secs(1), &mut work).await {
                Ok(output) => return output,
                Err(_) => self.beat(),
            }
        }
    }

    /// How often it was beaten.
    pub fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl RunContext {
    /// A context without headers, for tests and for agents that call agents.
    pub fn new(agent_id: impl Into<Arc<str>>, input: RunAgentInput) -> Self {
        Self {
            agent_id: agent_id.into(),
            input: Arc::new(input),
            principal: Principal::anonymous(),
            headers: Arc::default(),
            cancel: CancellationToken::new(),
            deadline: Instant::now() + crate::limits::RUN_MAX,
            pulse: Pulse::default(),
            notes: None,
            trace: Trace::default(),
        }
    }
}

/// Why an agent's run failed. The message is shown to the user; the code is stable.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct AgentError {
    /// Stable, snake case: `agent_failed`, `agent_connect`, `model_auth` …
    pub code: String,
    /// What happened and what can be done, for people. Never a secret.
    pub message: String,
    /// Whether the same run may succeed when it is tried again.
    pub retryable: bool,
}

impl AgentError {
    /// An error with a code.
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { code: code.into(), message: message.into(), retryable: false }
    }

    /// An agent that failed for a reason of its own: code `agent_failed`.
    pub fn failed(message: impl Into<String>) -> Self {
        Self::new("agent_failed", message)
    }

    /// Marks it as worth another try.
    #[must_use]
    pub fn retryable(mut self) -> Self {
        self.retryable = true;
        self
    }
}
