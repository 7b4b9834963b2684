//! Many runs in one process: memory does not grow with their number.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a helper of a test fails the test")]
#![cfg(target_os = "linux")]

use axum::body::{Body, to_bytes};
use copilotkit_protocol::{Event, RunFinished, RunStarted, TextMessageContent, TextMessageStart};
use copilotkit_runtime::agent::{AgentError, EventStream, RunContext};
use copilotkit_runtime::http::{Surface, SurfaceOptions};
use copilotkit_runtime::store::{MemoryLimits, MemoryStore};
use copilotkit_runtime::{Agent, AgentRegistry, Emitted, Lifecycle, LifecycleOptions, Registered};
use futures::{StreamExt as _, stream};
use http::Request;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

/// Bytes of text in each run.
const TEXT: usize = 20_000;

/// Talks, and now and then fails, or leaves everything open.
struct Talker;

impl Agent for Talker {
    fn run(&self, context: RunContext) -> EventStream {
        let (thread_id, run_id) = (context.input.thread_id.clone(), context.input.run_id.clone());
        let number: usize = run_id.parse().unwrap_or(0);
        let message_id = format!("m-{number}");
        let delta = |_| TextMessageContent {
            message_id: message_id.clone(),
            delta: "x".repeat(TEXT / 40),
            ..Default::default()
        };
        let mut events: Vec<Event> = vec![
            RunStarted { thread_id: thread_id.clone(), run_id: run_id.clone(), ..Default::default() }.into(),
            TextMessageStart { message_id: message_id.clone(), ..Default::default() }.into(),
        ];
        events.extend((0..40).map(delta).map(Event::from));
        if !number.is_multiple_of(5) {
            events.push(RunFinished { thread_id, run_id, ..Default::default() }.into());
        }
        let failure = number.is_multiple_of(10).then(|| Err(AgentError::failed("now and then")));
        stream::iter(events.into_iter().map(|event| Ok(Emitted::from(event))).chain(failure)).boxed()
    }
}

/// What the process has in memory, in pages.
fn resident() -> usize {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap();
    text.split(' ').nth(1).unwrap().parse().unwrap()
}

fn surface(limits: MemoryLimits) -> Surface {
    let store = Arc::new(MemoryStore::new(limits));
    let agents = Arc::new(AgentRegistry::new([Registered::new("talker", Talker)]));
    let lifecycle = Lifecycle::new(agents, LifecycleOptions { store, ..LifecycleOptions::default() });
    Surface::new(lifecycle, SurfaceOptions::default())
}

async fn ask(surface: &Surface, path: &str, number: usize, reads: bool) {
    let thread = format!("t-{}", number / 2);
    let input = json!({ "threadId": thread, "runId": number.to_string(), "messages": [] });
    let request =
        Request::post(format!("/copilotkit/agent/talker/{path}")).body(Body::from(input.to_string())).unwrap();
    let response = surface.handle(request).await;
    // The second run of a thread may meet the first one.
    assert!(matches!(response.status().as_u16(), 200 | 409), "{}", response.status());
    if reads {
        to_bytes(response.into_body(), 1 << 20).await.unwrap();
    }
}

/// Runs, replays, suggestions and readers that leave, numbered; a few at a time.
async fn work(surface: &Surface, numbers: std::ops::Range<usize>) {
    let one = |number: usize| async move {
        ask(surface, "run", number, !number.is_multiple_of(7)).await;
        if number.is_multiple_of(3) {
            ask(surface, "connect", number, true).await;
        }
        if number.is_multiple_of(4) {
            ask(surface, "suggest", number, number.is_multiple_of(8)).await;
        }
    };
    stream::iter(numbers).map(one).buffer_unordered(8).collect::<Vec<()>>().await;
    let ended = async {
        while surface.lifecycle().active() > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), ended).await.expect("every run ends");
}

/// Memory at the end of so many runs, as a multiple of what it was after the first tenth.
async fn growth(limits: MemoryLimits, runs: usize) -> f64 {
    let surface = surface(limits);
    work(&surface, 0..runs / 10).await;
    let before = resident();
    work(&surface, runs / 10..runs).await;
    let after = resident();
    println!("{runs} runs: {before} pages after the first tenth, {after} at the end");
    after as f64 / before as f64
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_does_not_grow_with_the_number_of_runs() {
    let runs = if std::env::var_os("COPILOTKIT_TEST_FULL").is_some() { 20_000 } else { 2_000 };
    // Full within the first tenth.
    let small = MemoryLimits { threads: 50, runs_per_thread: 10, bytes: 1024 * 1024 };
    let found = growth(small, runs).await;
    assert!(found <= 1.2, "{found}");
    // That the measure would see a leak: a store that keeps everything is one.
    let everything = MemoryLimits { threads: 10_000, runs_per_thread: 1_000, bytes: 1 << 30 };
    let found = growth(everything, 1_000).await;
    assert!(found > 1.2, "a store that keeps everything grows by more: {found}");
}
