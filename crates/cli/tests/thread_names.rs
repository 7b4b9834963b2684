//! Names of threads that a model thinks of, from the configuration to the list.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a helper of a test fails the test")]

use copilotkit_cli::config::{Config, Sources};
use copilotkit_cli::wiring;
use copilotkit_fixtures::model_server::{ModelServer, Reply, Step};
use copilotkit_protocol::RunAgentInput;
use copilotkit_runtime::store::{MemoryStore, SqliteStore, ThreadKey, ThreadUpdate, sqlite::SqliteOptions};
use copilotkit_runtime::{Lifecycle, Principal, StartRun, Store};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::{Duration, Instant};

const ANSWER: &str = "It comes tomorrow.";

fn stream(text: &str) -> String {
    let chunk = |delta: Value, finish: Value| {
        let choice = json!({ "index": 0, "delta": delta, "finish_reason": finish });
        let chunk = json!({ "id": "c", "object": "chat.completion.chunk", "model": "m", "choices": [choice] });
        format!("data: {chunk}\n\n")
    };
    let said = chunk(json!({ "role": "assistant", "content": text }), Value::Null);
    format!("{said}{}data: [DONE]\n\n", chunk(json!({}), json!("stop")))
}

fn says(text: &str) -> Reply {
    Reply::sse(stream(text))
}

fn after(wait: Duration, text: &str) -> Reply {
    Reply::status(200)
        .header("content-type", "text/event-stream")
        .then(Step::Wait(wait))
        .then(Step::Send(stream(text).into()))
}

fn lifecycle(names: &str, server: &ModelServer, store: Arc<dyn Store>) -> Lifecycle {
    let url = server.base_url();
    let agent = format!("type = \"built-in\"\nmodel = \"openai/m\"\nbase_url = \"{url}\"\nmax_retries = 0\n");
    let file = format!("[threads]\ngenerate_names = \"{names}\"\n[agents.default]\n{agent}[agents.other]\n{agent}");
    let environment = Arc::new(move |name: &str| match name {
        "OPENAI_API_KEY" => Some("k".to_owned()),
        "OPENAI_BASE_URL" => Some(url.clone()),
        _ => None,
    });
    let file = Some(("copilotkit.toml".into(), file));
    let config =
        Config::load(Sources { file, overrides: Vec::new(), flags: Vec::new(), environment: environment.clone() });
    wiring::lifecycle(&config.unwrap(), &(environment as _), store).unwrap()
}

fn key(thread: &str) -> ThreadKey {
    ThreadKey::new(&Principal::anonymous(), thread)
}

/// Runs to the end, and says how long its reader waited.
async fn run(lifecycle: &Lifecycle, thread: &str, run: &str, says: &str) -> Duration {
    let message = json!({ "id": format!("u-{run}"), "role": "user", "content": says });
    let input = json!({ "threadId": thread, "runId": run, "messages": [message] }).to_string();
    let input: RunAgentInput = copilotkit_protocol::from_str(&input).unwrap();
    let principal = Principal::anonymous();
    let start = StartRun { agent_id: "default".to_owned(), principal, headers: Arc::default(), input };
    let begun = Instant::now();
    let mut subscription = lifecycle.start(start).await.unwrap();
    while !subscription.next().await.unwrap().is_empty() {}
    assert!(subscription.is_complete());
    begun.elapsed()
}

async fn name(store: &Arc<dyn Store>, thread: &str) -> Option<String> {
    store.get(&key(thread)).await.unwrap().unwrap().name
}

/// Waits until the model was asked so often.
async fn asked(server: &ModelServer, times: usize) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while server.requests().len() < times {
        assert!(Instant::now() < deadline, "the model was not asked");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Waits until the thread has another name.
async fn renamed(store: &Arc<dyn Store>, thread: &str, from: &str) -> String {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let name = name(store, thread).await.unwrap();
        if name != from {
            return name;
        }
        assert!(Instant::now() < deadline, "it is still called {from}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_model_names_a_thread_behind_its_first_run() {
    let folder = tempfile::tempdir().unwrap();
    let sqlite = SqliteStore::open(SqliteOptions::new(folder.path().join("threads.db"))).unwrap();
    let stores: [Arc<dyn Store>; 2] = [Arc::new(MemoryStore::default()), Arc::new(sqlite)];
    for (store, names) in stores.into_iter().zip(["model", "openai/namer"]) {
        let slow = Duration::from_millis(700);
        let server = ModelServer::start([says(ANSWER), after(slow, "\"Late order\".\n"), says(ANSWER)]).await;
        let lifecycle = lifecycle(names, &server, store.clone());
        let took = run(&lifecycle, "t", "1", "Where is my order?").await;
        assert!(took < slow, "the run waited for its thread's name: {took:?}");
        assert_eq!(name(&store, "t").await.as_deref(), Some("Where is my order?"), "until the model has answered");
        asked(&server, 2).await;
        // The next run need not wait either.
        assert!(run(&lifecycle, "t", "2", "And the other one?").await < slow);
        assert_eq!(renamed(&store, "t", "Where is my order?").await, "Late order");
        let requests = server.requests();
        assert_eq!(requests.len(), 3, "once for the name, and not again behind the second run");
        let named: Vec<Value> = requests.iter().map(|request| request.json()).collect();
        let text = named.iter().map(|body| body["messages"].to_string()).find(|text| text.contains("<user>"));
        let text = text.expect("the model is told of the conversation");
        assert!(text.contains("Where is my order?") && text.contains(ANSWER), "{text}");
        let expected = if names == "model" { "m" } else { "namer" };
        assert!(named.iter().any(|body| body["model"] == expected), "{named:?}");
    }
}

#[tokio::test]
async fn a_name_that_somebody_gave_stays() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
    let server = ModelServer::start([says(ANSWER), after(Duration::from_millis(300), "By the model")]).await;
    let lifecycle = lifecycle("other", &server, store.clone());
    run(&lifecycle, "t", "1", "Hello").await;
    let update = ThreadUpdate { name: Some(Some("Mine".to_owned())), ..ThreadUpdate::default() };
    asked(&server, 2).await;
    // The model is thinking of a name just now.
    store.update(&key("t"), update).await.unwrap();
    assert!(server.wait_for_open_sockets(2, Duration::from_secs(5)).await);
    tokio::time::sleep(Duration::from_millis(600)).await;
    assert_eq!(name(&store, "t").await.as_deref(), Some("Mine"));
}

#[tokio::test]
async fn where_the_model_gives_no_name_the_first_message_is_one() {
    for second in [Reply::status(500), says(" \"\" \n"), Reply::status(200).then(Step::Stall)] {
        let stalls = second.steps.iter().any(|step| matches!(step, Step::Stall));
        let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
        let server = ModelServer::start([says(ANSWER), second]).await;
        let lifecycle = lifecycle("model", &server, store.clone());
        run(&lifecycle, "t", "1", "Hello there").await;
        asked(&server, 2).await;
        let begun = Instant::now();
        lifecycle.drain(Duration::from_secs(10)).await;
        assert!(begun.elapsed() < Duration::from_secs(2), "a server that stops does not wait for names ({stalls})");
        assert_eq!(name(&store, "t").await.as_deref(), Some("Hello there"));
    }
}

#[tokio::test]
async fn without_the_key_no_model_is_asked() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
    let server = ModelServer::start([says(ANSWER)]).await;
    let lifecycle = lifecycle("first-message", &server, store.clone());
    run(&lifecycle, "t", "1", "Hello there").await;
    lifecycle.drain(Duration::from_secs(10)).await;
    assert_eq!((server.requests().len(), name(&store, "t").await.as_deref()), (1, Some("Hello there")));
}
