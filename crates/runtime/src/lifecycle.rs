//! The life of a run: resolve the agent, own the thread, drive the agent, log its events, tell the readers.
//!
//! A run does not belong to the request that started it: the request holds a [`Subscription`], and hanging up ends only
//! that.

mod drive;
mod input;
mod journal;
mod ledger;
mod naming;
mod pipeline;
mod places;
mod policy;
mod spending;

pub use naming::{NamingModel, ThreadNames};
pub use policy::{OnBusy, OnDisconnect};

use crate::agent::{Pulse, RunContext, ThreadNotes};
use crate::counters::Counters;
use crate::debug::{DebugOptions, Feed};
use crate::error::RunError;
use crate::hub::{Hub, Subscription};
use crate::limits;
use crate::logging::LoggingOptions;
use crate::principal::Principal;
use crate::registry::{AgentRegistry, Registered};
use crate::store::{BeginRun, Lease, MemoryStore, StopOutcome, StopRun, Store, StoreError, ThreadKey};
use crate::telemetry::{Metric, Metrics, Prices, Telemetry, TelemetryOptions};
use crate::threads;
use copilotkit_protocol::{Code, RunAgentInput};
use futures::FutureExt as _;
use http::HeaderMap;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Once};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// What a [`Lifecycle`] is made with.
#[derive(Clone)]
pub struct LifecycleOptions {
    /// Where threads live.
    pub store: Arc<dyn Store>,
    /// What becomes of a run on a thread that is busy.
    pub on_busy: OnBusy,
    /// What becomes of a run whose reader hangs up.
    pub on_disconnect: OnDisconnect,
    /// The most runs at once.
    pub runs: usize,
    /// The most runs of one principal at once, suggestions included. `None` is [`limits::RUNS_PER_PRINCIPAL`], and no bound
    /// for the one principal of a server without authentication.
    pub runs_per_principal: Option<usize>,
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
    /// The largest event of an agent, in bytes of its JSON.
    pub event_max: usize,
    /// How deep arrays and objects in an agent's event may be nested; at most [`limits::JSON_DEPTH`] counts.
    pub json_depth: usize,
    /// What is shown for debugging.
    pub debug: DebugOptions,
    /// What is logged of runs.
    pub logging: LoggingOptions,
    /// What is told and counted of runs: traces, tokens, costs.
    pub telemetry: TelemetryOptions,
    /// The most bytes of what a live run sent last that stay in memory for its readers.
    pub subscriber_backlog: usize,
    /// Told of every run that ends with RUN_ERROR, also when its page is gone. It is called on the run's own task: what
    /// takes long belongs into a bounded channel.
    pub on_run_error: Option<OnRunError>,
    /// Who names threads after their first run; without it they are called by their first message.
    pub thread_names: Option<ThreadNames>,
}

/// What is told of runs that fail.
pub type OnRunError = Arc<dyn Fn(&RunFailure) + Send + Sync>;

/// A run that failed.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RunFailure {
    /// The agent.
    pub agent_id: Arc<str>,
    /// Who started it.
    pub principal: Principal,
    /// The thread.
    pub thread_id: String,
    /// The run.
    pub run_id: String,
    /// The code of its RUN_ERROR: `agent_failed`, `agent_timeout`, `model_auth` … Empty when the agent gave none.
    pub code: String,
    /// What its user was told.
    pub message: String,
}

impl Default for LifecycleOptions {
    fn default() -> Self {
        Self {
            store: Arc::new(MemoryStore::default()),
            on_busy: OnBusy::default(),
            on_disconnect: OnDisconnect::default(),
            runs: limits::RUNS,
            runs_per_principal: None,
            run_max: limits::RUN_MAX,
            agent_idle: limits::AGENT_IDLE,
            stop_grace: limits::STOP_GRACE,
            lease_ttl: limits::LEASE_TTL,
            run_events: limits::RUN_EVENTS,
            run_bytes: limits::RUN_BYTES,
            event_max: limits::EVENT_MAX,
            json_depth: limits::JSON_DEPTH,
            debug: DebugOptions::default(),
            logging: LoggingOptions::default(),
            telemetry: TelemetryOptions::default(),
            on_run_error: None,
            thread_names: None,
            subscriber_backlog: limits::SUBSCRIBER_BACKLOG,
        }
    }
}

/// Starts, follows and stops runs. Cheap to clone.
#[derive(Clone)]
pub struct Lifecycle {
    agents: Arc<AgentRegistry>,
    options: Arc<LifecycleOptions>,
    places: Arc<places::Places>,
    counters: Arc<Counters>,
    telemetry: Arc<Telemetry>,
    feed: Option<Arc<Feed>>,
    hub: Arc<Hub>,
    queues: Arc<policy::Queues>,
    tracker: TaskTracker,
    /// Cancelled when no more runs are taken: what is done behind runs ends.
    draining: CancellationToken,
    /// Cancelled when runs must end because the server does.
    shutdown: CancellationToken,
    /// Closes runs whose writer is gone; begun with the first run.
    maintenance: Arc<Once>,
}

/// Whether a run belongs to a thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Run,
    Suggestion,
    /// A run that a middleware answers in the agent's place.
    Aside,
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
        let places = Arc::new(places::Places::new(&options));
        let feed = options.debug.feed.then(Arc::default);
        let hub = Hub::new(options.subscriber_backlog);
        let telemetry = Telemetry::new(options.telemetry.clone());
        let options = Arc::new(options);
        Self {
            agents,
            options,
            places,
            counters: Arc::default(),
            telemetry,
            feed,
            hub,
            queues: Arc::default(),
            tracker: TaskTracker::new(),
            draining: CancellationToken::new(),
            shutdown: CancellationToken::new(),
            maintenance: Arc::new(Once::new()),
        }
    }

    /// The same lifecycle with other agents: runs, threads and bounds are shared.
    #[must_use]
    pub fn with_agents(&self, agents: Arc<AgentRegistry>) -> Self {
        Self { agents, ..self.clone() }
    }

    /// The agents.
    pub fn agents(&self) -> &AgentRegistry {
        &self.agents
    }

    /// The store.
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.options.store
    }

    /// How often something was refused, and how often runs failed.
    pub fn counters(&self) -> &Arc<Counters> {
        &self.counters
    }

    /// What is measured. Some of it is only looked up by [`measure`](Self::measure).
    pub fn metrics(&self) -> &Arc<Metrics> {
        &self.telemetry.metrics
    }

    /// Brings those metrics up to date that nobody counts as they change: call it before they are read.
    pub fn measure(&self) {
        let metrics = self.metrics();
        metrics.set(Metric::Backlog, &[], self.backlog() as f64);
        if let Some(bytes) = self.store().size() {
            metrics.set(Metric::StoreSize, &[], bytes as f64);
        }
        for (code, count) in self.counters.snapshot() {
            metrics.set(Metric::Refusals, &[code.as_str()], count as f64);
        }
    }

    /// What tokens cost, by the options that this was made with.
    pub fn prices(&self) -> &Prices {
        &self.telemetry.options.prices
    }

    #[cfg(feature = "http")]
    pub(crate) fn telemetry(&self) -> &Arc<Telemetry> {
        &self.telemetry
    }

    /// The debug feed, if there is one.
    pub fn debug_feed(&self) -> Option<&Arc<Feed>> {
        self.feed.as_ref()
    }

    /// How many runs are active.
    pub fn active(&self) -> usize {
        self.options.runs.saturating_sub(self.places.free())
    }

    /// Bytes that are held in memory for the readers of live runs, beside the store.
    pub fn backlog(&self) -> usize {
        self.hub.held()
    }

    /// Starts a run and follows it. It goes on when the subscription, or this call, is dropped.
    ///
    /// # Errors
    /// An unknown agent, a busy thread, too many runs, a store that fails.
    pub async fn start(&self, start: StartRun) -> Result<Subscription, RunError> {
        if self.is_aside(&start.agent_id, &start.input) {
            // What is answered is somebody else's document, not a step of an agent.
            let options = LifecycleOptions { event_max: limits::CLIENT_EVENT, ..self.apart() };
            return self.launch(start, Arc::new(options), Kind::Aside).await;
        }
        self.launch(start, self.options.clone(), Kind::Run).await
    }

    /// Whether a run is answered by a middleware in the agent's place, and so belongs to no thread.
    pub fn is_aside(&self, agent_id: &str, input: &RunAgentInput) -> bool {
        self.agents.get(agent_id).is_some_and(|agent| agent.beside(input).is_some())
    }

    /// For runs that leave no trace and end with their reader: a store of its own is all that it takes to be seen by
    /// nobody else.
    fn apart(&self) -> LifecycleOptions {
        LifecycleOptions {
            store: Arc::new(MemoryStore::default()),
            on_disconnect: OnDisconnect::Cancel,
            ..(*self.options).clone()
        }
    }

    /// Starts a run that leaves no trace: no thread, no history, no middlewares. It ends with its reader. Frontends ask
    /// for suggestions in this way.
    ///
    /// # Errors
    /// As [`start`](Self::start), but for a busy thread.
    pub async fn suggest(&self, start: StartRun) -> Result<Subscription, RunError> {
        self.launch(start, Arc::new(self.apart()), Kind::Suggestion).await
    }

    async fn launch(
        &self,
        start: StartRun,
        options: Arc<LifecycleOptions>,
        kind: Kind,
    ) -> Result<Subscription, RunError> {
        self.try_launch(start, options, kind).await.inspect_err(|error| self.counters.count(error.code()))
    }

    async fn try_launch(
        &self,
        start: StartRun,
        options: Arc<LifecycleOptions>,
        kind: Kind,
    ) -> Result<Subscription, RunError> {
        let agent = self.agents.get(&start.agent_id).ok_or_else(|| RunError::UnknownAgent(start.agent_id.clone()))?;
        // Counted before the check: whoever drains after it waits for this run.
        let counted = self.tracker.token();
        if self.shutdown.is_cancelled() || self.tracker.is_closed() {
            return Err(RunError::ShuttingDown);
        }
        if kind != Kind::Aside {
            spending::check(&self.telemetry.budgets, &*self.options.store, &start.principal).await?;
        }
        let place = self.places.take(&self.options, &start.principal)?;
        let ledger = ledger::Ledger::begin(&self.telemetry, &start, kind);
        self.maintenance.call_once(|| self.maintain());
        let (begun, opened) = oneshot::channel();
        let lifecycle = self.clone();
        let names = options.thread_names.clone().filter(|_| kind == Kind::Run);
        let names = names.map(|names| (names, agent.id.clone(), threads::derived_name(&start.input.messages)));
        self.tracker.spawn(async move {
            let store = options.store.clone();
            let trace = ledger.trace().clone();
            let finished = lifecycle.run(agent, start, options, kind, ledger, begun).await;
            drop(place);
            // By now its readers know of the end, and the next run may begin.
            if let Some(lease) = finished
                && kind == Kind::Run
            {
                spending::keep(&*store, &lease.thread, &trace).await;
                store.compact(&lease).await;
                if let Some((names, agent_id, derived)) = names.filter(|_| lease.first_seq == 0) {
                    let naming = names.name(store, &lease.thread, &agent_id, derived);
                    lifecycle.draining.run_until_cancelled(naming).await;
                }
            }
            drop(counted);
        });
        // The task answers before it ends; if it could not, it panicked.
        opened.await.unwrap_or(Err(RunError::ShuttingDown))
    }

    /// Opens a run, tells whoever waits for it, and drives it to its end. The lease that it had, if there was a run.
    async fn run(
        &self,
        agent: Registered,
        start: StartRun,
        options: Arc<LifecycleOptions>,
        kind: Kind,
        ledger: ledger::Ledger,
        begun: oneshot::Sender<Result<Subscription, RunError>>,
    ) -> Option<Lease> {
        let store = options.store.clone();
        let run = match Box::pin(self.open(&agent, start, options, kind, ledger)).await {
            Ok((run, subscription)) => {
                // Nobody waits any more: the run goes on all the same.
                let _ = begun.send(Ok(subscription));
                run
            }
            Err(error) => {
                let _ = begun.send(Err(error));
                return None;
            }
        };
        let lease = run.lease.clone();
        let chain = match kind {
            Kind::Run => agent.chain(),
            Kind::Suggestion => agent.alone(),
            Kind::Aside => agent.beside(&run.context.input).unwrap_or_else(|| agent.alone()),
        };
        if AssertUnwindSafe(run.run(chain)).catch_unwind().await.is_err() {
            tracing::error!(thread_id = %lease.thread.thread_id, "a run ended with a panic outside of its agent");
            self.counters.count(Code::InternalError);
            drive::close_abandoned(&*store, &lease).await;
        }
        Some(lease)
    }

    async fn open(
        &self,
        agent: &Registered,
        start: StartRun,
        options: Arc<LifecycleOptions>,
        kind: Kind,
        mut ledger: ledger::Ledger,
    ) -> Result<(drive::Drive, Subscription), RunError> {
        let input = start.input;
        let store = options.store.clone();
        let begin = BeginRun {
            thread: ThreadKey::new(&start.principal, input.thread_id.as_str()),
            run_id: input.run_id.as_str().into(),
            agent_id: agent.id.clone(),
            message_ids: input.messages.iter().map(|message| message.id().to_owned()).collect(),
            name: threads::derived_name(&input.messages),
            ttl: options.lease_ttl,
        };
        let begun = self.queues.begin(&*store, options.on_busy, begin, &self.shutdown).await;
        let begun = begun.inspect_err(|error| ledger.refused(error.code()))?;
        ledger.opened();
        let (lease, stop) = (begun.lease, begun.stop);
        let echo = (kind != Kind::Suggestion).then(|| input::echo(&input, &begun.known));
        let now = Instant::now();
        let context = RunContext {
            agent_id: agent.id.clone(),
            input: Arc::new(input::for_agent(input)),
            principal: start.principal,
            headers: start.headers,
            // The run hears of a shutdown first, so that it knows why its agent ends.
            cancel: CancellationToken::new(),
            deadline: now.checked_add(options.run_max).unwrap_or(now + limits::RUN_MAX),
            pulse: Pulse::default(),
            notes: Some(ThreadNotes::new(store.clone(), lease.thread.clone())),
            trace: ledger.trace().clone(),
        };
        // A suggestion's thread is one that nobody else may find.
        let publisher = self.hub.publisher(&lease, kind == Kind::Run);
        let mut subscription = Subscription::to_run(store, &lease, &publisher);
        if options.on_disconnect == OnDisconnect::Cancel {
            subscription.cancels(stop.clone());
        }
        let shutdown = self.shutdown.clone();
        let counters = self.counters.clone();
        // What frontends ask for suggestions is not part of any conversation.
        let tap = self.feed.as_ref().filter(|_| kind != Kind::Suggestion).map(|feed| feed.tap(agent.id.clone()));
        let journal = journal::Journal::begin(&options.logging, &context);
        let drive =
            drive::Drive { options, shutdown, stop, publisher, lease, context, echo, counters, tap, ledger, journal };
        Ok((drive, subscription))
    }

    /// Closes runs whose lease lapsed, again and again until the server shuts down.
    fn maintain(&self) {
        let (store, shutdown, counters) = (self.options.store.clone(), self.shutdown.clone(), self.counters.clone());
        let every = (self.options.lease_ttl / 2).max(Duration::from_millis(10));
        // Not counted among the runs: nobody waits for it, and it ends with the store or the server.
        let weak = Arc::downgrade(&store);
        drop(store);
        TaskTracker::new().spawn(async move {
            loop {
                tokio::select! {
                    () = shutdown.cancelled() => return,
                    () = tokio::time::sleep(every) => {}
                }
                let Some(store) = weak.upgrade() else { return };
                match store.recover().await {
                    Ok(0) => {}
                    Ok(runs) => {
                        (0..runs).for_each(|_| counters.count(Code::RunInterrupted));
                        tracing::warn!(runs, "runs whose writer was gone were closed");
                    }
                    Err(error) => tracing::warn!(%error, "runs whose writer is gone could not be closed"),
                }
            }
        });
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
        let subscription = Subscription::to_thread(self.options.store.clone(), &self.hub, thread).await;
        self.shown(agent_id, subscription)
    }

    /// As [`connect`](Self::connect), behind the frame with the number `seen`, which the reader has already. Where it
    /// cannot go on from there the whole thread is replayed; [`Subscription::is_resumed`] tells which.
    ///
    /// # Errors
    /// An unknown agent, a store that fails.
    pub async fn resume(
        &self,
        agent_id: &str,
        principal: &Principal,
        thread_id: &str,
        seen: u64,
    ) -> Result<Subscription, RunError> {
        self.known(agent_id)?;
        let thread = ThreadKey::new(principal, thread_id);
        let subscription = Subscription::resume(self.options.store.clone(), &self.hub, thread, seen).await;
        self.shown(agent_id, subscription)
    }

    /// As [`connect`](Self::connect), without the runs in front of the one whose first frame has the number `from`.
    ///
    /// # Errors
    /// An unknown agent, a store that fails.
    pub async fn follow(
        &self,
        agent_id: &str,
        principal: &Principal,
        thread_id: &str,
        from: u64,
    ) -> Result<Subscription, RunError> {
        self.known(agent_id)?;
        let thread = ThreadKey::new(principal, thread_id);
        let subscription = Subscription::from_run(self.options.store.clone(), &self.hub, thread, from).await;
        subscription.map_err(|error| self.failed(error))
    }

    /// A replay is shown in the debug feed, too.
    fn shown(&self, agent_id: &str, opened: Result<Subscription, StoreError>) -> Result<Subscription, RunError> {
        let mut subscription = opened.map_err(|error| self.failed(error))?;
        if let Some(feed) = &self.feed {
            subscription.shows(feed.tap(agent_id));
        }
        Ok(subscription)
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
        self.options.store.stop(StopRun { thread, run_id }).await.map_err(|error| self.failed(error))
    }

    pub(crate) fn known(&self, agent_id: &str) -> Result<(), RunError> {
        match self.agents.get(agent_id) {
            Some(_) => Ok(()),
            None => {
                self.counters.count(Code::AgentNotFound);
                Err(RunError::UnknownAgent(agent_id.to_owned()))
            }
        }
    }

    fn failed(&self, error: StoreError) -> RunError {
        let error = RunError::from(error);
        self.counters.count(error.code());
        error
    }

    /// Takes no more runs and waits until those that are active have ended, at most for `patience`; then ends them with
    /// RUN_ERROR `server_shutdown` and waits for that.
    pub async fn drain(&self, patience: Duration) {
        self.tracker.close();
        self.draining.cancel();
        if tokio::time::timeout(patience, self.tracker.wait()).await.is_err() {
            self.shutdown.cancel();
            let last = self.options.stop_grace + Duration::from_secs(2);
            if tokio::time::timeout(last, self.tracker.wait()).await.is_err() {
                tracing::error!(runs = self.tracker.len(), "runs did not end in time and were left");
            }
        }
        if let Some(feed) = &self.feed {
            feed.close();
        }
    }
}
