//! One server with one set of credentials: its connection, and the list of its tools.

use super::{Inner, backoff};
use crate::config::ServerConfig;
use crate::connection::{Connection, Dial, Era, connect};
use crate::error::{ErrorKind, McpError};
use crate::limits;
use crate::listing::{ToolList, list};
use crate::oauth;
use copilotkit_runtime::seldom::Seldom;
use futures::FutureExt as _;
use futures::future::{BoxFuture, Shared, join_all};
use http::{HeaderMap, header};
use rmcp::model::SubscriptionFilter;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;

type Job<T> = Shared<BoxFuture<'static, Result<T, McpError>>>;

/// One server with one set of credentials.
pub(crate) struct Slot {
    config: Arc<ServerConfig>,
    headers: HeaderMap,
    pool: Weak<Inner>,
    state: Mutex<State>,
    listing: Mutex<Listing>,
    leases: AtomicUsize,
    used: Mutex<Instant>,
    /// How often the server said that its tools changed.
    changes: AtomicU64,
    pub(super) told: Told,
    /// Turns of calls that have a connection to themselves.
    pub(super) turns: Arc<Semaphore>,
    /// Connections that a call keeps to itself while others use a fresh one.
    pub(super) apart: Mutex<Vec<Weak<Connection>>>,
}

/// What every run would say about a server that is not there.
pub(super) struct Told {
    connect: Seldom,
    list: Seldom,
    /// A run went on without it.
    pub(super) without: Seldom,
}

impl Default for Told {
    fn default() -> Self {
        let seldom = || Seldom::every(Duration::from_secs(60));
        Self { connect: seldom(), list: seldom(), without: seldom() }
    }
}

#[derive(Default)]
struct State {
    link: Link,
    /// Failed connects in a row.
    failures: u32,
    era: Option<Era>,
}

#[derive(Default)]
enum Link {
    #[default]
    None,
    Connecting(Job<Arc<Connection>>),
    Ready(Arc<Connection>),
    /// Left alone until then.
    Down(Instant, McpError),
}

#[derive(Default)]
struct Listing {
    known: Option<Known>,
    job: Option<Job<Arc<ToolList>>>,
}

struct Known {
    list: Arc<ToolList>,
    /// `None`: until the server says that it changed.
    until: Option<Instant>,
    /// The count of changes before it was listed.
    changes: u64,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Slot {
    pub(super) fn new(config: Arc<ServerConfig>, headers: HeaderMap, pool: Weak<Inner>) -> Arc<Self> {
        Arc::new(Self {
            config,
            headers,
            pool,
            state: Mutex::default(),
            listing: Mutex::default(),
            leases: AtomicUsize::new(0),
            used: Mutex::new(Instant::now()),
            changes: AtomicU64::new(0),
            told: Told::default(),
            turns: Arc::new(Semaphore::new(limits::CALLS_PER_SERVER)),
            apart: Mutex::default(),
        })
    }

    pub(super) fn config(&self) -> &ServerConfig {
        &self.config
    }

    pub(super) fn enter(&self) {
        self.leases.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn leave(&self) {
        *lock(&self.used) = Instant::now();
        self.leases.fetch_sub(1, Ordering::Relaxed);
    }

    pub(super) fn leases(&self) -> usize {
        self.leases.load(Ordering::Relaxed)
    }

    pub(super) fn used(&self) -> Instant {
        *lock(&self.used)
    }

    pub(super) fn is_connected(&self) -> bool {
        matches!(&lock(&self.state).link, Link::Ready(connection) if connection.is_usable())
    }

    pub(crate) fn pool(&self) -> Result<Arc<Inner>, McpError> {
        let stopping = || McpError::new(ErrorKind::Cancelled, "The server is stopping.");
        let pool = self.pool.upgrade().ok_or_else(stopping)?;
        pool.is_stopped().map(|()| pool)
    }

    fn error(&self, kind: ErrorKind, detail: &str) -> McpError {
        McpError::about(kind, &self.config.id, detail)
    }

    /// The connection; it is made if there is none that can be used. Who waits for it waits for the same one.
    pub(crate) async fn connection(self: &Arc<Self>) -> Result<Arc<Connection>, McpError> {
        match self.reach()? {
            Reached::Ready(connection) => Ok(connection),
            Reached::Soon(job) => job.await,
        }
    }

    fn reach(self: &Arc<Self>) -> Result<Reached, McpError> {
        let pool = self.pool()?;
        let mut state = lock(&self.state);
        match &state.link {
            Link::Ready(connection) if connection.is_usable() => return Ok(Reached::Ready(Arc::clone(connection))),
            Link::Connecting(job) => return Ok(Reached::Soon(job.clone())),
            Link::Down(until, error) if Instant::now() < *until => {
                return Err(match state.failures {
                    0..limits::CIRCUIT => error.clone(),
                    _ => McpError {
                        challenge: error.challenge.clone(),
                        ..self.error(ErrorKind::Unavailable, &error.detail)
                    },
                });
            }
            _ => {}
        }
        let (slot, era) = (Arc::clone(self), state.era);
        let running = pool.tracker.spawn(async move {
            let made = slot.connect(era).await;
            slot.settle(&made);
            made
        });
        let gone = self.error(ErrorKind::Closed, "the connect was cut short");
        let job: Job<_> = async move { running.await.unwrap_or(Err(gone)) }.boxed().shared();
        state.link = Link::Connecting(job.clone());
        Ok(Reached::Soon(job))
    }

    async fn connect(self: &Arc<Self>, era: Option<Era>) -> Result<Arc<Connection>, McpError> {
        let pool = self.pool()?;
        let http = pool.http(self.config.trust);
        let authorized = oauth::authorized(&self.config, http).await?;
        let (mut headers, mut until) = (self.headers.clone(), None);
        if let Some((token, ends)) = authorized.token {
            headers.insert(header::AUTHORIZATION, token);
            until = ends;
        }
        let dial = Dial {
            config: &self.config,
            headers: &headers,
            http,
            auth: authorized.client,
            until,
            tracker: &pool.tracker,
            slot: Arc::downgrade(self),
            era,
        };
        let began = Instant::now();
        let connected = tokio::select! {
            () = pool.stop.cancelled() => Err(self.error(ErrorKind::Cancelled, "the pool closes")),
            connected = connect(dial) => connected,
        };
        let server = self.config.id.as_str();
        match connected {
            Ok(connection) => {
                let version = connection.info().map(|info| info.protocol_version.to_string()).unwrap_or_default();
                let place = self.config.place();
                tracing::debug!(server, place, version, took = ?began.elapsed(), "connected to an MCP server");
                Ok(Arc::new(connection))
            }
            Err(error) => {
                let kind = error.kind.as_str();
                let detail = &*error.detail;
                match self.told.connect.due() {
                    Some(left_out) => {
                        tracing::warn!(server, kind, detail, left_out, "an MCP server cannot be connected");
                    }
                    None => tracing::debug!(server, kind, detail, "an MCP server cannot be connected"),
                }
                Err(error)
            }
        }
    }

    /// Takes a connection away from those who come next. True if it was theirs.
    pub(super) fn unlink(&self, connection: &Arc<Connection>) -> bool {
        let mut state = lock(&self.state);
        let is_theirs = matches!(&state.link, Link::Ready(ready) if Arc::ptr_eq(ready, connection));
        if is_theirs {
            state.link = Link::None;
        }
        is_theirs
    }

    /// Gives a connection back that was taken away, unless there is another one by now: then it closes with its last user.
    pub(super) fn give_back(&self, connection: &Arc<Connection>) {
        let stopping = self.pool().is_err();
        let mut state = lock(&self.state);
        if !stopping && connection.is_usable() && matches!(state.link, Link::None | Link::Down(..)) {
            state.failures = 0;
            state.link = Link::Ready(Arc::clone(connection));
        }
    }

    fn settle(self: &Arc<Self>, made: &Result<Arc<Connection>, McpError>) {
        let mut state = lock(&self.state);
        match made {
            Ok(connection) => {
                state.failures = 0;
                state.era = Some(connection.era);
                state.link = Link::Ready(Arc::clone(connection));
                drop(state);
                // Nobody told us what changed while there was no connection.
                self.changes.fetch_add(1, Ordering::Relaxed);
                self.follow(connection);
            }
            Err(error) => {
                state.failures = state.failures.saturating_add(1);
                // What was known about the server may be what was wrong.
                state.era = None;
                let until = Instant::now() + backoff::pause(state.failures, error.retry_after);
                state.link = Link::Down(until, error.clone());
            }
        }
    }

    /// Follows the changes of the list at servers that tell of them on a stream of its own.
    fn follow(self: &Arc<Self>, connection: &Arc<Connection>) {
        let tells = connection.info().and_then(|info| info.capabilities.tools.as_ref()?.list_changed) == Some(true);
        let Ok(pool) = self.pool() else { return };
        if !tells || !connection.is_modern() {
            return;
        }
        let (slot, connection, stop) = (Arc::downgrade(self), Arc::downgrade(connection), pool.stop.clone());
        pool.tracker.spawn(async move {
            tokio::select! {
                () = stop.cancelled() => {}
                () = listen(slot, connection) => {}
            }
        });
    }

    /// The server said that its tools changed: they are listed anew, before a run needs them.
    pub(crate) fn list_changed(self: &Arc<Self>) {
        self.changes.fetch_add(1, Ordering::Relaxed);
        self.refresh();
    }

    /// Begins to list the tools, unless that is being done.
    fn refresh(self: &Arc<Self>) -> Option<Job<Arc<ToolList>>> {
        let pool = self.pool().ok()?;
        let mut listing = lock(&self.listing);
        if let Some(job) = &listing.job {
            return Some(job.clone());
        }
        let slot = Arc::clone(self);
        let running = pool.tracker.spawn(async move {
            let listed = slot.list().await;
            lock(&slot.listing).job = None;
            listed
        });
        let gone = self.error(ErrorKind::Closed, "listing was cut short");
        let job: Job<_> = async move { running.await.unwrap_or(Err(gone)) }.boxed().shared();
        listing.job = Some(job.clone());
        Some(job)
    }

    async fn list(self: &Arc<Self>) -> Result<Arc<ToolList>, McpError> {
        let mut again = true;
        loop {
            let connection = self.connection().await?;
            let changes = self.changes.load(Ordering::Relaxed);
            let limit = self.config.timeouts.list;
            match list(&self.config.id, &connection, limit).await {
                Ok(list) => {
                    let tells = connection.info().and_then(|info| info.capabilities.tools.as_ref()?.list_changed);
                    let holds = list.ttl.or((tells != Some(true)).then_some(limits::LIST_TTL));
                    let list = Arc::new(list);
                    let until = holds.map(|holds| Instant::now() + holds);
                    lock(&self.listing).known = Some(Known { list: Arc::clone(&list), until, changes });
                    return Ok(list);
                }
                // Listing changes nothing, so it is tried once more where the connection was the reason.
                Err(error) if again && error.kind == ErrorKind::Closed => {
                    tracing::debug!(server = self.config.id, detail = &*error.detail, "listing is tried once more");
                    again = false;
                }
                Err(error) => {
                    let (server, kind) = (self.config.id.as_str(), error.kind.as_str());
                    let detail = &*error.detail;
                    match self.told.list.due() {
                        Some(left_out) => {
                            tracing::warn!(
                                server,
                                kind,
                                detail,
                                left_out,
                                "the tools of an MCP server cannot be listed"
                            );
                        }
                        None => tracing::debug!(server, kind, detail, "the tools of an MCP server cannot be listed"),
                    }
                    return Err(error);
                }
            }
        }
    }

    /// The tools, for a run. What is known is given at once; a list that got old is listed anew beside that.
    pub(crate) async fn tools(self: &Arc<Self>) -> Result<Arc<ToolList>, McpError> {
        if let Some(error) = self.is_down() {
            return Err(error);
        }
        let (old, changed) = {
            let listing = lock(&self.listing);
            match &listing.known {
                None => (None, true),
                Some(known) => {
                    let changed = known.changes != self.changes.load(Ordering::Relaxed);
                    if !changed && known.until.is_none_or(|until| Instant::now() < until) {
                        return Ok(Arc::clone(&known.list));
                    }
                    (Some(Arc::clone(&known.list)), changed)
                }
            }
        };
        let Some(job) = self.refresh() else {
            return Err(self.error(ErrorKind::Cancelled, "the pool closes"));
        };
        match old {
            Some(old) if !changed => Ok(old),
            Some(old) => Ok(match tokio::time::timeout(limits::REFRESH_WAIT, job).await {
                Ok(Ok(list)) => list,
                _ => old,
            }),
            None => match tokio::time::timeout(limits::RUN_WAIT, job).await {
                Ok(listed) => listed,
                Err(_) => Err(self.error(ErrorKind::Timeout, "its tools were not listed in time")),
            },
        }
    }

    /// Why runs do not wait for the server: it failed several times. Whether it is back is found out beside the run.
    fn is_down(self: &Arc<Self>) -> Option<McpError> {
        let (failures, error, due) = {
            let state = lock(&self.state);
            match &state.link {
                Link::Down(until, error) => (state.failures, error.clone(), Instant::now() >= *until),
                Link::Connecting(_) if state.failures >= limits::CIRCUIT => {
                    return Some(self.error(ErrorKind::Unavailable, "it is being tried"));
                }
                _ => return None,
            }
        };
        if failures < limits::CIRCUIT {
            return None;
        }
        if due {
            let _ = self.reach();
        }
        Some(McpError { challenge: error.challenge, ..self.error(ErrorKind::Unavailable, &error.detail) })
    }

    /// Closes the connection.
    pub(super) async fn close(&self) {
        let link = std::mem::take(&mut lock(&self.state).link);
        match link {
            Link::Ready(connection) => connection.close().await,
            Link::Connecting(job) => {
                if let Ok(Ok(connection)) = tokio::time::timeout(limits::CLOSE, job).await {
                    connection.close().await;
                }
            }
            Link::None | Link::Down(..) => {}
        }
        join_all(self.apart().iter().map(|connection| connection.close())).await;
    }
}

enum Reached {
    Ready(Arc<Connection>),
    Soon(Job<Arc<Connection>>),
}

/// Listens for changes of the list for as long as the connection is there.
async fn listen(slot: Weak<Slot>, connection: Weak<Connection>) {
    for attempt in 0..limits::STREAM_RETRIES as u32 {
        let Some(peer) = connection.upgrade().map(|connection| connection.peer().clone()) else { return };
        let filter = SubscriptionFilter::builder().tools_list_changed().build();
        if let Ok(mut subscription) = peer.listen(filter).await {
            while let Ok(Some(_)) = subscription.next().await {
                let Some(slot) = slot.upgrade() else { return };
                slot.list_changed();
            }
        }
        drop(peer);
        tokio::time::sleep(Duration::from_secs(1 << attempt.min(5))).await;
        match slot.upgrade() {
            // What changed in between was not told.
            Some(slot) => slot.list_changed(),
            None => return,
        }
    }
}
