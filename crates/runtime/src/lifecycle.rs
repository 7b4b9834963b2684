//! The life of a run: resolve the agent, own the thread, drive the agent, log its events, tell the readers.
//!
//! A run does not belong to the request that started it: the request holds a [`Subscription`], and hanging up ends only
//! that.

mod drive;
mod input;
mod pipeline;

use crate::agent::{Pulse, RunContext};
use crate::error::RunError;
use crate::hub::Subscription;
use crate::limits;
use crate::principal::Principal;
use crate::registry::AgentRegistry;
use crate::store::{BeginRun, MemoryStore, StopOutcome, StopRun, Store, ThreadKey};
use copilotkit_protocol::RunAgentInput;
use http::HeaderMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// What a [`Lifecycle`] is made with.
#[derive(Clone)]
pub struct LifecycleOptions {
    /// Where threads live.
    pub store: Arc<dyn Store>,
    /// The most runs at once.
    pub runs: usize,
    /// The longest run.
    pub run_max: Duration,
    /// The longest silence of an agent whose pulse does not beat.
    pub agent_idle: Duration,
    /// How long a stopped agent may take to end by itself.
    pub stop_grace: Duration,
    /// How long a lease lasts without renewal.
    pub lease_ttl: Duration,
    /// The most events of one run.
    pub run_events: u64,
    /// The most bytes of one run.
    pub run_bytes: usize,
}

impl Default for LifecycleOptions {
    fn default() -> Self {
        Self {
            store: Arc::new(MemoryStore::default()),
            runs: limits::RUNS,
            run_max: limits::RUN_MAX,
            agent_idle: limits::AGENT_IDLE,
            stop_grace: limits::STOP_GRACE,
            lease_ttl: limits::LEASE_TTL,
            run_events: limits::RUN_EVENTS,
            run_bytes: limits::RUN_BYTES,
        }
    }
}

/// Starts, follows and stops runs. Cheap to clone.
#[derive(Clone)]
pub struct Lifecycle {
    agents: Arc<AgentRegistry>,
    options: Arc<LifecycleOptions>,
    running: Arc<Semaphore>,
    tracker: TaskTracker,
    /// Cancelled when runs must end because the server does.
    shutdown: CancellationToken,
}

/// A run that somebody wants to start.
#[derive(Clone, Debug)]
pub struct StartRun {
    /// The agent.
    pub agent_id: String,
    /// Who asks.
    pub principal: Principal,
    /// The headers of the request.
    pub headers: Arc<HeaderMap>,
    /// What the run is started with.
    pub input: RunAgentInput,
}

impl Lifecycle {
    /// A lifecycle over these agents.
    pub fn new(agents: Arc<AgentRegistry>, options: LifecycleOptions) -> Self {
        let running = Arc::new(Semaphore::new(options.runs));
        let options = Arc::new(options);
        Self { agents, options, running, tracker: TaskTracker::new(), shutdown: CancellationToken::new() }
    }

    /// The agents.
    pub fn agents(&self) -> &AgentRegistry {
        &self.agents
    }

    /// The store.
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.options.store
    }

    /// How many runs are active.
    pub fn active(&self) -> usize {
        self.tracker.len()
    }

    /// Starts a run and follows it. It goes on when the subscription is dropped.
    ///
    /// # Errors
    /// An unknown agent, a busy thread, too many runs, a store that fails.
    pub async fn start(&self, start: StartRun) -> Result<Subscription, RunError> {
        let agent = self.agents.get(&start.agent_id).ok_or_else(|| RunError::UnknownAgent(start.agent_id.clone()))?;
        if self.shutdown.is_cancelled() || self.tracker.is_closed() {
            return Err(RunError::ShuttingDown);
        }
        let permit = self.running.clone().try_acquire_owned().map_err(|_| RunError::TooManyRuns(self.options.runs))?;
        let input = start.input;
        let thread = ThreadKey::new(&start.principal, input.thread_id.as_str());
        let store = self.options.store.clone();
        let begun = store
            .begin(BeginRun {
                thread: thread.clone(),
                run_id: input.run_id.as_str().into(),
                agent_id: agent.id.clone(),
                message_ids: input.messages.iter().map(|message| message.id().to_owned()).collect(),
                ttl: self.options.lease_ttl,
            })
            .await?;
        let signal = store.follow(&thread).await?;
        let echo = input::echo(&input, &begun.known);
        let context = RunContext {
            agent_id: agent.id.clone(),
            input: Arc::new(input::for_agent(input)),
            principal: start.principal,
            headers: start.headers,
            cancel: self.shutdown.child_token(),
            deadline: Instant::now() + self.options.run_max,
            pulse: Pulse::default(),
        };
        let lease = begun.lease;
        let subscription = Subscription::to_run(store, thread, lease.run, lease.first_seq, signal.clone());
        let run = drive::Drive {
            options: self.options.clone(),
            shutdown: self.shutdown.clone(),
            signal,
            lease,
            context,
            echo,
        };
        let chain = agent.chain();
        self.tracker.spawn(async move {
            run.run(chain).await;
            drop(permit);
        });
        Ok(subscription)
    }

    /// Replays a thread and follows its live run. An unknown thread is an empty replay.
    ///
    /// # Errors
    /// An unknown agent, a store that fails.
    pub async fn connect(
        &self,
        agent_id: &str,
        principal: &Principal,
        thread_id: &str,
    ) -> Result<Subscription, RunError> {
        self.known(agent_id)?;
        let thread = ThreadKey::new(principal, thread_id);
        Ok(Subscription::to_thread(self.options.store.clone(), thread).await?)
    }

    /// Asks the live run of a thread to stop; only the run `run_id`, if one is given. It ends within a second.
    ///
    /// # Errors
    /// An unknown agent, a store that fails.
    pub async fn stop(
        &self,
        agent_id: &str,
        principal: &Principal,
        thread_id: &str,
        run_id: Option<String>,
    ) -> Result<StopOutcome, RunError> {
        self.known(agent_id)?;
        let thread = ThreadKey::new(principal, thread_id);
        Ok(self.options.store.stop(StopRun { thread, run_id }).await?)
    }

    fn known(&self, agent_id: &str) -> Result<(), RunError> {
        match self.agents.get(agent_id) {
            Some(_) => Ok(()),
            None => Err(RunError::UnknownAgent(agent_id.to_owned())),
        }
    }

    /// Takes no more runs and waits until those that are active have ended, at most for `patience`; then ends them with
    /// RUN_ERROR `server_shutdown` and waits for that.
    pub async fn drain(&self, patience: Duration) {
        self.tracker.close();
        if tokio::time::timeout(patience, self.tracker.wait()).await.is_err() {
            self.shutdown.cancel();
            let last = self.options.stop_grace + Duration::from_secs(2);
            if tokio::time::timeout(last, self.tracker.wait()).await.is_err() {
                tracing::error!(runs = self.tracker.len(), "runs did not end in time and were left");
            }
        }
    }
}
