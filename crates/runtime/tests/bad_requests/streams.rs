//! Streams whose store fails, and streams on which a client sees nothing.

use super::harness::{RUN, Server, input, read_until, send, serve_surface};
use async_trait::async_trait;
use bytes::Bytes;
use copilotkit_fixtures::store::{Asked, Before, Behind};
use copilotkit_runtime::agent::{EventStream, RunContext};
use copilotkit_runtime::http::server::ServeOptions;
use copilotkit_runtime::http::{Surface, SurfaceOptions};
use copilotkit_runtime::store::{MemoryStore, StoreError};
use copilotkit_runtime::{Agent, AgentRegistry, Emitted, Lifecycle, LifecycleOptions, Registered, Store};
use futures::StreamExt as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::net::TcpStream;

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

/// The log cannot be read any more once it is broken.
#[derive(Default)]
struct Breaking {
    broken: AtomicBool,
}

#[async_trait]
impl Before for Breaking {
    async fn before(&self, asked: Asked<'_>) -> Result<(), StoreError> {
        match asked {
            // The probe in front of a replay still works.
            Asked::Read(request) if self.broken.load(Ordering::Relaxed) && request.max_bytes > 0 => {
                Err(StoreError::NotFound)
            }
            _ => Ok(()),
        }
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
    let store = Arc::new(Behind::<Breaking>::default());
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
    let server = unseen(Arc::new(Behind::<Breaking>::default())).await;
    finished_run(&server).await;
    for thread in ["t", "unknown"] {
        let mut replay = TcpStream::connect(server.address).await.unwrap();
        send(&mut replay, CONNECT, &input(thread)).await;
        let text = read_until(&mut replay, "0\r\n\r\n").await;
        assert!(text.starts_with("HTTP/1.1 200") && !text.contains("RUN_ERROR"), "{text}");
        assert_eq!(text.contains("RUN_FINISHED"), thread == "t", "{text}");
    }
}
