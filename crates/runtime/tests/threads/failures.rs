//! A store that fails: the client hears of it, and never takes a part for the whole.

use super::harness::{FORMS, Form, Server, input};
use async_trait::async_trait;
use bytes::Bytes;
use copilotkit_runtime::http::SurfaceOptions;
use copilotkit_runtime::store::*;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;
use tokio::sync::watch;

/// A store that can be made to fail: at once, or after some reads.
struct Failing {
    inner: MemoryStore,
    down: AtomicBool,
    reads: AtomicI64,
}

impl Failing {
    fn check(&self) -> Result<(), StoreError> {
        match self.down.load(Ordering::Relaxed) {
            true => Err(StoreError::Unavailable("disk /secret/path is gone".into())),
            false => Ok(()),
        }
    }
}

#[async_trait]
impl RunLog for Failing {
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
        self.check()?;
        if self.reads.fetch_sub(1, Ordering::Relaxed) <= 0 {
            return Err(StoreError::Unavailable("the log is torn".into()));
        }
        self.inner.read(request).await
    }
}

#[async_trait]
impl RunSignals for Failing {
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
impl ThreadIndex for Failing {
    async fn list(&self, request: ListThreads) -> Result<ThreadPage, StoreError> {
        self.check()?;
        self.inner.list(request).await
    }
    async fn get(&self, thread: &ThreadKey) -> Result<Option<ThreadRecord>, StoreError> {
        self.check()?;
        self.inner.get(thread).await
    }
    async fn update(&self, thread: &ThreadKey, update: ThreadUpdate) -> Result<Option<ThreadRecord>, StoreError> {
        self.check()?;
        self.inner.update(thread, update).await
    }
    async fn delete(&self, thread: &ThreadKey) -> Result<bool, StoreError> {
        self.check()?;
        self.inner.delete(thread).await
    }
}

#[async_trait]
impl Recovery for Failing {
    async fn recover(&self) -> Result<usize, StoreError> {
        self.inner.recover().await
    }
}

#[async_trait]
impl ThreadBlobs for Failing {
    async fn blob(&self, thread: &ThreadKey, key: &str) -> Result<Option<Bytes>, StoreError> {
        self.inner.blob(thread, key).await
    }
    async fn set_blob(&self, thread: &ThreadKey, key: &str, value: Option<Bytes>) -> Result<(), StoreError> {
        self.inner.set_blob(thread, key, value).await
    }
}

async fn start() -> (Arc<Failing>, Server) {
    let (down, reads) = (AtomicBool::new(false), AtomicI64::new(i64::MAX));
    let store = Arc::new(Failing { inner: MemoryStore::default(), down, reads });
    (store.clone(), Server::over(store, SurfaceOptions::default()).await)
}

#[tokio::test]
async fn a_store_that_fails_is_a_503_that_says_when_to_try_again() {
    let (store, server) = start().await;
    server.run("default", "t", &["x"]).await;
    store.down.store(true, Ordering::Relaxed);
    for form in FORMS {
        for (method, path) in [
            ("GET", "/threads"),
            ("GET", "/threads/t"),
            ("PATCH", "/threads/t"),
            ("DELETE", "/threads/t"),
            ("POST", "/threads/t/archive"),
            ("GET", "/threads/t/messages"),
            ("GET", "/threads/t/events"),
            ("GET", "/threads/t/state"),
            ("POST", "/threads/clear"),
        ] {
            let response = server.ask_raw(form, method, path, Some("{}".to_owned())).await;
            let answer: Value = serde_json::from_str(&response.body).unwrap();
            assert_eq!((response.status, &answer["code"]), (503, &json!("store_unavailable")), "{method} {path}");
            assert_eq!(response.headers["retry-after"], "1");
            assert!(!response.body.contains("secret"), "{answer}");
        }
    }
    store.down.store(false, Ordering::Relaxed);
    assert_eq!(server.ask(Form::Rest, "GET", "/threads/t", None).await.0, 200, "nothing was lost");
    server.stop().await;
}

#[tokio::test]
async fn a_history_that_breaks_off_does_not_look_whole() {
    let (store, server) = start().await;
    for _ in 0..4 {
        let mut input = input("long", vec![json!("x")]);
        input["forwardedProps"] = 700_000.into();
        server.run_input("wordy", input).await;
    }
    for form in FORMS {
        // One read to find the end, one for the first piece, which is sent; the next one fails.
        store.reads.store(2, Ordering::Relaxed);
        let request = match form {
            Form::Rest => ("GET", "/copilotkit/threads/long/events".to_owned(), None),
            Form::Envelope => {
                let params = json!({ "path": "/threads/long/events", "httpMethod": "GET" });
                let envelope = json!({ "method": "resource/request", "params": params });
                ("POST", "/copilotkit".to_owned(), Some(envelope.to_string()))
            }
        };
        let answer = server.try_send(request.0, &request.1, request.2).await;
        let error = answer.expect_err("the body has no end");
        assert_ne!(error.kind(), std::io::ErrorKind::TimedOut, "{error}");
        assert!(store.reads.load(Ordering::Relaxed) < 0, "it was read");
    }
    store.reads.store(i64::MAX, Ordering::Relaxed);
    assert_eq!(server.ask(Form::Rest, "GET", "/threads/long/events", None).await.0, 200);
    server.stop().await;
}
