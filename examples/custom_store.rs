//! A store of one's own: here one that keeps threads in memory and writes every event to a journal besides.
//!
//! A store is five small traits. One for another database implements them all; one that adds something to a store that
//! is there hands most calls on. Whatever it is, the contract's suite says whether runs can rely on it: see the test.

use async_trait::async_trait;
use axum::Router;
use bytes::Bytes;
use copilotkit_adapters::DemoModel;
use copilotkit_examples::{Failed, until_ctrl_c};
use copilotkit_runtime::agents::BuiltInAgent;
use copilotkit_runtime::http::{Surface, SurfaceOptions};
use copilotkit_runtime::store::*;
use copilotkit_runtime::{AgentRegistry, Lifecycle, LifecycleOptions, Registered};
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

/// Keeps threads in memory, and writes what is appended to a journal: one line for each event.
struct Journaled<W> {
    inner: MemoryStore,
    journal: Mutex<W>,
}

impl<W: Write + Send + 'static> Journaled<W> {
    fn new(journal: W) -> Self {
        Self { inner: MemoryStore::default(), journal: Mutex::new(journal) }
    }

    /// Before the store: what a reader has seen must be in the journal.
    fn write(&self, lease: &Lease, append: &Append) -> Result<(), StoreError> {
        let mut lines = Vec::new();
        for frame in &append.frames {
            lines.extend_from_slice(format!("{} {} ", lease.thread.thread_id, frame.seq).as_bytes());
            lines.extend_from_slice(&frame.json);
            lines.push(b'\n');
        }
        let mut journal = self.journal.lock().unwrap_or_else(PoisonError::into_inner);
        journal.write_all(&lines).map_err(|error| StoreError::Unavailable(Box::new(error)))
    }
}

#[async_trait]
impl<W: Write + Send + 'static> RunLog for Journaled<W> {
    async fn begin(&self, request: BeginRun) -> Result<Begun, StoreError> {
        self.inner.begin(request).await
    }
    async fn append(&self, lease: &Lease, append: &Append) -> Result<(), StoreError> {
        self.write(lease, append)?;
        self.inner.append(lease, append).await
    }
    async fn finish(&self, lease: &Lease, append: &Append) -> Result<(), StoreError> {
        self.write(lease, append)?;
        self.inner.finish(lease, append).await
    }
    async fn read(&self, request: ReadLog) -> Result<LogPage, StoreError> {
        self.inner.read(request).await
    }
    async fn replay(&self, request: ReadLog) -> Result<ReplayPage, StoreError> {
        self.inner.replay(request).await
    }
    async fn compact(&self, lease: &Lease) {
        self.inner.compact(lease).await;
    }
}

#[async_trait]
impl<W: Write + Send + 'static> RunSignals for Journaled<W> {
    async fn follow(&self, thread: &ThreadKey) -> Result<watch::Receiver<Signal>, StoreError> {
        self.inner.follow(thread).await
    }
    async fn renew(&self, lease: &Lease, ttl: Duration) -> Result<(), StoreError> {
        self.inner.renew(lease, ttl).await
    }
    async fn stop(&self, request: StopRun) -> Result<StopOutcome, StoreError> {
        self.inner.stop(request).await
    }
}

#[async_trait]
impl<W: Write + Send + 'static> ThreadIndex for Journaled<W> {
    async fn list(&self, request: ListThreads) -> Result<ThreadPage, StoreError> {
        self.inner.list(request).await
    }
    async fn get(&self, thread: &ThreadKey) -> Result<Option<ThreadRecord>, StoreError> {
        self.inner.get(thread).await
    }
    async fn update(&self, thread: &ThreadKey, update: ThreadUpdate) -> Result<Option<ThreadRecord>, StoreError> {
        self.inner.update(thread, update).await
    }
    async fn delete(&self, thread: &ThreadKey) -> Result<bool, StoreError> {
        self.inner.delete(thread).await
    }
}

#[async_trait]
impl<W: Write + Send + 'static> Recovery for Journaled<W> {
    async fn recover(&self) -> Result<usize, StoreError> {
        self.inner.recover().await
    }
}

#[async_trait]
impl<W: Write + Send + 'static> ThreadBlobs for Journaled<W> {
    async fn blob(&self, thread: &ThreadKey, key: &str) -> Result<Option<Bytes>, StoreError> {
        self.inner.blob(thread, key).await
    }
    async fn set_blob(&self, thread: &ThreadKey, key: &str, value: Option<Bytes>) -> Result<(), StoreError> {
        self.inner.set_blob(thread, key, value).await
    }
}

fn app(store: Arc<dyn copilotkit_runtime::Store>) -> (Router, Lifecycle) {
    let agent = BuiltInAgent::builder(Arc::new(DemoModel::default())).build();
    let agents = Arc::new(AgentRegistry::new([Registered::new("default", agent)]));
    let lifecycle = Lifecycle::new(agents, LifecycleOptions { store, ..LifecycleOptions::default() });
    let surface = Surface::new(lifecycle.clone(), SurfaceOptions::default());
    (Router::new().fallback_service(surface), lifecycle)
}

#[tokio::main]
async fn main() -> Result<(), Failed> {
    let (app, lifecycle) = app(Arc::new(Journaled::new(std::io::stdout())));
    until_ctrl_c(app, lifecycle).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use copilotkit_examples::say;

    #[tokio::test]
    async fn it_keeps_what_a_store_promises() {
        let make = || async { Arc::new(Journaled::new(std::io::sink())) as Arc<dyn copilotkit_runtime::Store> };
        contract::suite(make).await.unwrap();
    }

    #[tokio::test]
    async fn every_event_is_in_the_journal() {
        let store = Arc::new(Journaled::new(Vec::new()));
        let (app, _) = app(store.clone());
        let events = say(&app, "/copilotkit", "default", "Hello").await.unwrap();
        let journal = String::from_utf8(store.journal.lock().unwrap().clone()).unwrap();
        assert_eq!(journal.lines().count(), events.len());
        assert!(journal.starts_with("t1 ") && journal.contains("RUN_FINISHED"));
    }
}
