//! Streams whose store fails, and streams on which a client sees nothing.

use super::harness::{RUN, Server, input, read_until, send, serve_surface};
use async_trait::async_trait;
use bytes::Bytes;
use copilotkit_runtime::agent::{EventStream, RunContext};
use copilotkit_runtime::http::server::ServeOptions;
use copilotkit_runtime::http::{Surface, SurfaceOptions};
use copilotkit_runtime::store::*;
use copilotkit_runtime::{Agent, AgentRegistry, Emitted, Lifecycle, LifecycleOptions, Registered, Store};
use futures::StreamExt as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::watch;

const STARTED: &str = r#"{"type":"RUN_STARTED","threadId":"t","runId":"r"}"#;

/// An agent that sends every 20 ms what no client is shown.
struct Unseen;

impl Agent for Unseen {
    fn run(&self, _: RunContext) -> EventStream {
        let event = |text: &'static str| Ok(Emitted::from_json(Bytes::from_static(text.as_bytes())).unwrap());
        let ticks = futures::stream::unfold(STARTED, move |text| async move {
            tokio::time::sleep(Duration::from_millis(20)).await;
            Some((event(text), r#"{"type":"VENDOR_TICK"}"#))
        });
        ticks.boxed()
    }
}

/// A store whose log cannot be read any more once it is broken.
#[derive(Default)]
struct Breaking {
    inner: MemoryStore,
    broken: AtomicBool,
}

#[async_trait]
impl RunLog for Breaking {
    async fn begin(&self, request: BeginRun) -> Result<Begun, StoreError> {
        self.inner.begin(request).await
    }
    async fn append(&self, lease: &Lease, append: &Append) -> Result<(), StoreError> {
        self.inner.append(lease, append).await
    }
    async fn finish(&self, lease: &Lease, append: &Append) -> Result<(), StoreError> {
        self.inner.finish(lease, append).await
    }
    async fn read(&self, request: ReadLog) -> Result<LogPage, StoreError> {
        // The probe in front of a replay still works.
        if self.broken.load(Ordering::Relaxed) && request.max_bytes > 0 {
            return Err(StoreError::NotFound);
        }
        self.inner.read(request).await
    }
}

#[async_trait]
impl RunSignals for Breaking {
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
impl ThreadIndex for Breaking {
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
impl Recovery for Breaking {
    async fn recover(&self) -> Result<usize, StoreError> {
        self.inner.recover().await
    }
}

#[async_trait]
impl ThreadBlobs for Breaking {
    async fn blob(&self, thread: &ThreadKey, key: &str) -> Result<Option<Bytes>, StoreError> {
        self.inner.blob(thread, key).await
    }
    async fn set_blob(&self, thread: &ThreadKey, key: &str, value: Option<Bytes>) -> Result<(), StoreError> {
        self.inner.set_blob(thread, key, value).await
    }
}

async fn unseen(store: Arc<dyn Store>) -> Server {
    let agents = Arc::new(AgentRegistry::new([Registered::new("default", Unseen)]));
    let lifecycle = Lifecycle::new(agents, LifecycleOptions { store, ..LifecycleOptions::default() });
    let options = SurfaceOptions { keep_alive: Duration::from_millis(100), ..SurfaceOptions::default() };
    serve_surface(Surface::new(lifecycle, options), ServeOptions::default()).await
}

const CONNECT: &str = "POST /copilotkit/agent/default/connect";

#[tokio::test]
async fn events_that_are_not_shown_do_not_stand_in_for_a_sign_of_life() {
    let server = unseen(Arc::new(MemoryStore::default())).await;
    let mut socket = TcpStream::connect(server.address).await.unwrap();
    send(&mut socket, &format!("POST {RUN}"), &input("t")).await;
    read_until(&mut socket, ": keep-alive").await;
}

#[tokio::test]
async fn a_stream_that_breaks_off_says_so() {
    let store = Arc::new(Breaking::default());
    let server = unseen(store.clone()).await;
    finished_run(&server).await;
    let mut run = TcpStream::connect(server.address).await.unwrap();
    send(&mut run, &format!("POST {RUN}"), &input("t")).await;
    read_until(&mut run, "RUN_STARTED").await;
    store.broken.store(true, Ordering::Relaxed);
    let mut replay = TcpStream::connect(server.address).await.unwrap();
    send(&mut replay, CONNECT, &input("t")).await;
    let rest = read_until(&mut replay, "\r\n0\r\n").await;
    assert!(rest.contains(r#""type":"RUN_ERROR""#) && rest.contains(r#""code":"stream_interrupted""#), "{rest}");
    // A live run is followed without the log.
    let alive = read_until(&mut run, ": keep-alive").await;
    assert!(!alive.contains("RUN_ERROR"), "{alive}");
}

/// Starts a run on the thread `t` and stops it.
async fn finished_run(server: &Server) {
    let mut run = TcpStream::connect(server.address).await.unwrap();
    send(&mut run, &format!("POST {RUN}"), &input("t")).await;
    read_until(&mut run, "RUN_STARTED").await;
    let mut stop = TcpStream::connect(server.address).await.unwrap();
    send(&mut stop, "POST /copilotkit/agent/default/stop/t", "").await;
    read_until(&mut run, "\r\n0\r\n").await;
}

#[tokio::test]
async fn a_replay_that_ended_where_it_should_says_nothing_more() {
    let server = unseen(Arc::new(Breaking::default())).await;
    finished_run(&server).await;
    for thread in ["t", "unknown"] {
        let mut replay = TcpStream::connect(server.address).await.unwrap();
        send(&mut replay, CONNECT, &input(thread)).await;
        let text = read_until(&mut replay, "0\r\n\r\n").await;
        assert!(text.starts_with("HTTP/1.1 200") && !text.contains("RUN_ERROR"), "{text}");
        assert_eq!(text.contains("RUN_FINISHED"), thread == "t", "{text}");
    }
}
