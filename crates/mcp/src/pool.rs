//! Connections that runs share.

mod backoff;
mod lease;
mod seat;
pub(crate) mod slot;

pub use lease::{CallTerms, Lease, ServerInfo};

use crate::config::{Auth, Protocol, ServerConfig, Transport};
use crate::error::McpError;
use crate::limits;
use copilotkit_runtime::client::{self, ClientError, ClientOptions, Trust};
use http::HeaderMap;
use slot::Slot;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// What a pool may keep.
#[derive(Clone, Copy, Debug)]
pub struct PoolOptions {
    /// The most connections; default [`limits::CONNECTIONS`].
    pub connections: usize,
    /// How long a connection is kept that no run uses; default [`limits::IDLE`].
    pub idle: Duration,
}

impl Default for PoolOptions {
    fn default() -> Self {
        Self { connections: limits::CONNECTIONS, idle: limits::IDLE }
    }
}

/// Connections that runs share. It is cheap to clone; the clones are one pool.
///
/// A connection belongs to one server and one set of headers: requests with other credentials get another one. It is
/// made when it is first needed, once for all who wait for it, and closed when it was idle for long.
#[derive(Clone)]
pub struct McpPool {
    inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) options: PoolOptions,
    trusted: reqwest::Client,
    untrusted: reqwest::Client,
    slots: Mutex<HashMap<Key, Arc<Slot>>>,
    pub(crate) tracker: TaskTracker,
    pub(crate) stop: CancellationToken,
    /// Turns of calls, over all servers.
    pub(crate) calls: Semaphore,
}

/// What makes two connections different. It holds the credentials themselves: no two can be taken for each other.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    id: String,
    transport: Transport,
    protocol: Protocol,
    elicitation: bool,
    apps: bool,
    auth: String,
    headers: Vec<(String, Vec<u8>)>,
}

impl Key {
    fn of(config: &ServerConfig, headers: &HeaderMap) -> Self {
        let mut headers: Vec<_> =
            headers.iter().map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec())).collect();
        headers.sort();
        let auth = match &config.auth {
            None => String::new(),
            Some(Auth::ClientCredentials { client_id, .. }) => format!("client:{client_id}"),
            Some(Auth::AuthorizationCode { store, .. }) => format!("file:{}", store.display()),
        };
        Self {
            id: config.id.clone(),
            transport: config.transport.clone(),
            protocol: config.protocol,
            elicitation: config.elicitation,
            apps: config.apps,
            auth,
            headers,
        }
    }
}

/// What a pool holds at a moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PoolStats {
    /// Servers that are kept, one for each set of credentials.
    pub slots: usize,
    /// Those of them that are connected.
    pub connected: usize,
    /// Runs and calls that use them.
    pub leases: usize,
}

impl McpPool {
    /// A pool without connections.
    ///
    /// # Errors
    /// A TLS stack that cannot be set up.
    pub fn new(options: PoolOptions) -> Result<Self, ClientError> {
        let http = |trust| client::build(&ClientOptions { trust, ..ClientOptions::default() });
        let inner = Arc::new(Inner {
            options,
            trusted: http(Trust::Configured)?,
            untrusted: http(Trust::Untrusted)?,
            slots: Mutex::default(),
            tracker: TaskTracker::new(),
            stop: CancellationToken::new(),
            calls: Semaphore::new(limits::CALLS),
        });
        Ok(Self { inner })
    }

    /// A place at a server for a run, whose request had these headers. Nothing is connected yet.
    pub fn lease(&self, config: &Arc<ServerConfig>, request: &HeaderMap) -> Lease {
        let headers = match config.transport {
            Transport::Stdio(_) => HeaderMap::new(),
            _ => config.forward_headers.outgoing(request, &config.headers),
        };
        let key = Key::of(config, &headers);
        let mut slots = self.inner.slots.lock().unwrap_or_else(PoisonError::into_inner);
        let is_first = slots.is_empty();
        let slot = match slots.get(&key) {
            Some(slot) => Arc::clone(slot),
            None => {
                make_room(&mut slots, self.inner.options.connections);
                let slot = Slot::new(Arc::clone(config), headers, Arc::downgrade(&self.inner));
                slots.insert(key, Arc::clone(&slot));
                slot
            }
        };
        let lease = Lease::new(Arc::clone(config), slot);
        drop(slots);
        if is_first && !self.inner.stop.is_cancelled() {
            self.inner.tracker.spawn(sweep(Arc::downgrade(&self.inner), self.inner.options.idle));
        }
        lease
    }

    /// What it holds now.
    pub fn stats(&self) -> PoolStats {
        let slots = self.inner.slots.lock().unwrap_or_else(PoisonError::into_inner);
        PoolStats {
            slots: slots.len(),
            connected: slots.values().filter(|slot| slot.is_connected()).count(),
            leases: slots.values().map(|slot| slot.leases()).sum(),
        }
    }

    /// Closes every connection, in good order where that takes no longer than [`limits::CLOSE`]. Nothing can be connected
    /// any more.
    pub async fn close(&self) {
        self.inner.stop.cancel();
        let slots: Vec<_> = {
            let mut slots = self.inner.slots.lock().unwrap_or_else(PoisonError::into_inner);
            slots.drain().map(|(_, slot)| slot).collect()
        };
        futures::future::join_all(slots.iter().map(|slot| slot.close())).await;
        self.inner.tracker.close();
        if tokio::time::timeout(limits::CLOSE, self.inner.tracker.wait()).await.is_err() {
            tracing::debug!("tasks of MCP servers did not end in time");
        }
    }
}

impl Inner {
    pub(crate) fn http(&self, trust: Trust) -> &reqwest::Client {
        match trust {
            Trust::Configured => &self.trusted,
            Trust::Untrusted => &self.untrusted,
        }
    }

    pub(crate) fn is_stopped(&self) -> Result<(), McpError> {
        if self.stop.is_cancelled() {
            return Err(McpError::new(crate::error::ErrorKind::Cancelled, "The server is stopping."));
        }
        Ok(())
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // What runs beside the runs ends with the pool; connections close with their last user.
        self.stop.cancel();
    }
}

/// Makes room for one more: the one that was not used for longest, of those that no run uses.
fn make_room(slots: &mut HashMap<Key, Arc<Slot>>, most: usize) {
    while slots.len() >= most.max(1) {
        let unused = slots.iter().filter(|(_, slot)| slot.leases() == 0);
        let Some(oldest) = unused.min_by_key(|(_, slot)| slot.used()).map(|(key, _)| key.clone()) else { return };
        // The connection closes when its last user lets go of it.
        slots.remove(&oldest);
    }
}

/// Lets go of connections that were idle for long. Ends when there are none left, or when the pool is gone.
async fn sweep(pool: Weak<Inner>, idle: Duration) {
    let mut ticks = tokio::time::interval(limits::SWEEP.min(idle / 2).max(Duration::from_millis(10)));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let Some(stop) = pool.upgrade().map(|pool| pool.stop.clone()) else { return };
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = ticks.tick() => {}
        }
        let Some(pool) = pool.upgrade() else { return };
        let mut gone = Vec::new();
        let mut slots = pool.slots.lock().unwrap_or_else(PoisonError::into_inner);
        slots.retain(|_, slot| {
            let keep = slot.leases() > 0 || slot.used().elapsed() < idle;
            if !keep {
                gone.push(Arc::clone(slot));
            }
            keep
        });
        let is_empty = slots.is_empty();
        drop(slots);
        for slot in gone {
            pool.tracker.spawn(async move { slot.close().await });
        }
        if is_empty {
            return;
        }
    }
}

impl fmt::Debug for McpPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("McpPool").field("stats", &self.stats()).finish_non_exhaustive()
    }
}
