//! Requests of user interfaces, through the lifecycle of runs: they belong to no thread.

use crate::agent::pool;
use crate::apps::showing;
use crate::fake::{Fake, Reply, until};
use async_trait::async_trait;
use copilotkit_fixtures::scripted;
use copilotkit_mcp::McpPool;
use copilotkit_mcp::apps::{AppServer, McpApps};
use copilotkit_protocol::{Event, RunAgentInput, RunStarted};
use copilotkit_runtime::hub::Subscription;
use copilotkit_runtime::middleware::{Blocked, Filter, FilterMiddleware};
use copilotkit_runtime::store::ThreadKey;
use copilotkit_runtime::{
    Agent, AgentRegistry, EventStream, Lifecycle, LifecycleOptions, Principal, Registered, RunContext, StartRun,
};
use futures::{StreamExt as _, stream};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

fn start(agent: &str, thread: &str, run: &str, props: Value) -> StartRun {
    let input = json!({ "threadId": thread, "runId": run, "messages": [], "forwardedProps": props });
    StartRun {
        agent_id: agent.to_owned(),
        principal: Principal::anonymous(),
        headers: Arc::default(),
        input: copilotkit_protocol::from_str::<RunAgentInput>(&input.to_string()).unwrap(),
    }
}

fn asked(method: &str, params: Value) -> Value {
    json!({ "__proxiedMCPRequest": { "serverId": "shows", "method": method, "params": params } })
}

/// An agent that begins, and never ends by itself.
struct Goes;

impl Agent for Goes {
    fn run(&self, context: RunContext) -> EventStream {
        let (thread_id, run_id) = (context.input.thread_id.clone(), context.input.run_id.clone());
        let started = Event::from(RunStarted { thread_id, run_id, ..Default::default() });
        let until = context.cancel.cancelled_owned();
        stream::iter([Ok(started.into())]).chain(stream::pending()).take_until(until).boxed()
    }
}

fn lifecycle(pool: &McpPool, fake: &Fake, more: impl Fn(Registered) -> Registered) -> Lifecycle {
    let apps = McpApps::new(pool.clone(), [AppServer::new(fake.config("shows"))]).unwrap();
    let agents = scripted::select(["default"]).into_iter().chain([Registered::new("goes", Goes)]);
    let agents = agents.map(|agent| more(agent.with(apps.clone())));
    Lifecycle::new(Arc::new(AgentRegistry::new(agents)), LifecycleOptions::default())
}

async fn read(mut subscription: Subscription) -> Vec<Value> {
    let mut events = Vec::new();
    loop {
        let next = tokio::time::timeout(Duration::from_secs(20), subscription.next()).await.expect("the run goes on");
        let frames = next.unwrap();
        if frames.is_empty() {
            return events;
        }
        events.extend(frames.iter().map(|frame| serde_json::from_slice::<Value>(&frame.json).unwrap()));
    }
}

#[tokio::test]
async fn a_request_needs_no_thread_and_leaves_nothing_in_one() {
    let (fake, pool) = (showing(), pool());
    let lifecycle = lifecycle(&pool, &fake, |agent| agent);
    // The thread is busy: its run is in the middle of what it says.
    let mut running = lifecycle.start(start("goes", "t", "r1", json!({}))).await.unwrap();
    assert!(!running.next().await.unwrap().is_empty());
    let answered = read(lifecycle.start(start("goes", "t", "r2", asked("ping", json!({})))).await.unwrap()).await;
    assert_eq!(answered.len(), 2);
    assert_eq!((&answered[0]["threadId"], &answered[0]["runId"]), (&json!("r2"), &json!("r2")));
    assert_eq!(answered[0]["input"]["threadId"], "t", "what was asked is shown as for any run");
    assert_eq!(answered[1]["result"], json!({}));
    let another = lifecycle.start(start("goes", "t", "r3", json!({}))).await.err().expect("the thread is busy");
    assert_eq!(another.code().as_str(), "thread_busy", "the run goes on as if nobody had asked");
    lifecycle.stop("goes", &Principal::anonymous(), "t", None).await.unwrap();
    assert_eq!(read(running).await.last().unwrap()["type"], "RUN_FINISHED");

    let replayed = read(lifecycle.connect("goes", &Principal::anonymous(), "t").await.unwrap()).await;
    assert!(replayed.iter().all(|event| event["runId"] != "r2"), "{replayed:?}");
    let request = asked("resources/read", json!({ "uri": "ui://shows/page.html" }));
    let answered = read(lifecycle.start(start("default", "new", "r3", request)).await.unwrap()).await;
    assert_eq!(answered[1]["result"]["contents"][0]["text"], "hello");
    for thread in ["new", "r3"] {
        let thread = ThreadKey::new(&Principal::anonymous(), thread);
        assert!(lifecycle.store().get(&thread).await.unwrap().is_none(), "no thread is listed for it");
    }
    lifecycle.drain(Duration::from_secs(5)).await;
    pool.close().await;
}

#[tokio::test]
async fn a_document_may_be_larger_than_what_an_agent_says() {
    const LENGTH: usize = 1_250_000;
    let fake = Fake::start(|asked| match asked.method.as_str() {
        "resources/read" => {
            let document = "\u{1}".repeat(LENGTH);
            Reply::Result(json!({ "contents": [{ "uri": "ui://shows/page.html", "text": document }] }))
        }
        _ => Reply::Usual,
    });
    let pool = pool();
    let lifecycle = lifecycle(&pool, &fake, |agent| agent);
    let request = asked("resources/read", json!({ "uri": "ui://shows/page.html" }));
    let answered = read(lifecycle.start(start("default", "t", "r", request)).await.unwrap()).await;
    // More than 7 MiB as JSON, where the largest event of an agent has 1 MiB.
    assert_eq!(answered[1]["result"]["contents"][0]["text"].as_str().map(str::len), Some(LENGTH));
    pool.close().await;
}

#[tokio::test]
async fn a_request_ends_with_the_page_that_waits_for_it() {
    let fake = Fake::start(|asked| if asked.method == "ping" { Reply::Hang } else { Reply::Usual });
    let pool = pool();
    let lifecycle = lifecycle(&pool, &fake, |agent| agent);
    let waiting = lifecycle.start(start("default", "t", "r", asked("ping", json!({})))).await.unwrap();
    until(|| fake.seen.count("ping") > 0).await;
    assert_eq!(lifecycle.active(), 1);
    drop(waiting);
    until(|| lifecycle.active() == 0).await;
    assert_eq!((lifecycle.active(), pool.stats().leases), (0, 0));
    pool.close().await;
}

struct Closed;

#[async_trait]
impl Filter for Closed {
    async fn input(&self, _: &RunContext, _: RunAgentInput) -> Result<RunAgentInput, Blocked> {
        Err(Blocked::new("Not today."))
    }
}

#[tokio::test]
async fn what_guards_an_agent_guards_what_is_asked_in_its_name() {
    let (fake, pool) = (showing(), pool());
    // It stands behind the user interfaces, and is asked all the same.
    let lifecycle = lifecycle(&pool, &fake, |agent| agent.with(FilterMiddleware::new(Closed)));
    let call = asked("tools/call", json!({ "name": "show" }));
    let answered = read(lifecycle.start(start("default", "t", "r", call)).await.unwrap()).await;
    assert_eq!(answered.last().unwrap()["code"], "content_blocked", "{answered:?}");
    assert_eq!(fake.seen.count("tools/call"), 0);
    pool.close().await;
}
