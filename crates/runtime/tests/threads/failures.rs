//! A store that fails: the client hears of it, and never takes a part for the whole.

use super::harness::{FORMS, Form, Server, input};
use async_trait::async_trait;
use copilotkit_fixtures::store::{Asked, Before, Behind};
use copilotkit_runtime::http::SurfaceOptions;
use copilotkit_runtime::store::StoreError;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

/// A store that can be made to fail: at once, or after some reads.
struct Failing {
    down: AtomicBool,
    reads: AtomicI64,
}

#[async_trait]
impl Before for Failing {
    async fn before(&self, asked: Asked<'_>) -> Result<(), StoreError> {
        if matches!(asked, Asked::Threads | Asked::Read(_)) && self.down.load(Ordering::Relaxed) {
            return Err(StoreError::Unavailable("disk /secret/path is gone".into()));
        }
        if matches!(asked, Asked::Read(_)) && self.reads.fetch_sub(1, Ordering::Relaxed) <= 0 {
            return Err(StoreError::Unavailable("the log is torn".into()));
        }
        Ok(())
    }
}

async fn start() -> (Arc<Behind<Failing>>, Server) {
    let (down, reads) = (AtomicBool::new(false), AtomicI64::new(i64::MAX));
    let store = Arc::new(Behind::new(Failing { down, reads }));
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
