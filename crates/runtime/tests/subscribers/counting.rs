//! A store as one on a disk or behind a network is: it counts who asks for its log, and keeps nothing ready to send.

use async_trait::async_trait;
use bytes::Bytes;
use copilotkit_runtime::store::*;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::watch;

#[derive(Default)]
pub(crate) struct Counting {
    inner: MemoryStore,
    pub(crate) reads: AtomicUsize,
    pub(crate) follows: AtomicUsize,
    /// Set, frames are a moment on their way into the log.
    pub(crate) slow: AtomicBool,
    /// Set, the end of a run cannot be stored.
    pub(crate) endless: AtomicBool,
}

impl Counting {
    async fn write(&self) {
        if self.slow.load(Ordering::Relaxed) {
            tokio::time::sleep(Duration::from_millis(3)).await;
        }
    }

    /// The number that the thread's next frame will have.
    pub(crate) async fn head(&self, thread: &ThreadKey) -> u64 {
        let probe = ReadLog { thread: thread.clone(), from: 0, compact_until: 0, max_bytes: 0 };
        self.inner.read(probe).await.unwrap().head
    }
}

#[async_trait]
impl RunLog for Counting {
    async fn begin(&self, request: BeginRun) -> Result<Begun, StoreError> {
        self.inner.begin(request).await
    }
    async fn append(&self, lease: &Lease, append: &Append) -> Result<(), StoreError> {
        self.write().await;
        self.inner.append(lease, append).await
    }
    async fn finish(&self, lease: &Lease, append: &Append) -> Result<(), StoreError> {
        self.write().await;
        match self.endless.load(Ordering::Relaxed) {
            true => Err(StoreError::Full("for the test".to_owned())),
            false => self.inner.finish(lease, append).await,
        }
    }
    async fn read(&self, request: ReadLog) -> Result<LogPage, StoreError> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        // A reader that waits for a disk lets others run.
        tokio::task::yield_now().await;
        self.inner.read(request).await
    }
}

#[async_trait]
impl RunSignals for Counting {
    async fn follow(&self, thread: &ThreadKey) -> Result<watch::Receiver<Signal>, StoreError> {
        self.follows.fetch_add(1, Ordering::Relaxed);
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
impl ThreadIndex for Counting {
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
impl Recovery for Counting {
    async fn recover(&self) -> Result<usize, StoreError> {
        self.inner.recover().await
    }
}

#[async_trait]
impl ThreadBlobs for Counting {
    async fn blob(&self, thread: &ThreadKey, key: &str) -> Result<Option<Bytes>, StoreError> {
        self.inner.blob(thread, key).await
    }
    async fn set_blob(&self, thread: &ThreadKey, key: &str, value: Option<Bytes>) -> Result<(), StoreError> {
        self.inner.set_blob(thread, key, value).await
    }
}
