//! What the published middleware was recorded to do, beside what ours does with the same orchestrators and agents: the same
//! events where it works, an answer where it hangs.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a helper of a test fails the test")]

#[path = "kit/page.rs"]
#[allow(dead_code, reason = "shared between tests")]
mod page;
#[path = "kit/peer.rs"]
#[allow(dead_code, reason = "shared between tests")]
mod peer;

use copilotkit_a2a::{A2aClient, A2aOrchestrator, OnQuestion, SEND_TOOL};
use copilotkit_protocol::{Emitted, Event, RunFinished, RunStarted, build};
use copilotkit_runtime::{Agent, EventStream, Registered, RunContext};
use futures::StreamExt as _;
use page::{House, Page, tool};
use peer::{Peer, Reply};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/data/a2a");

/// One recorded case.
struct Case {
    name: String,
    /// What the orchestrator said in each of its turns.
    turns: Vec<Vec<Event>>,
    /// What the page saw, without the ends and starts of runs in between.
    seen: Vec<Value>,
    how: String,
}

impl Case {
    fn read(path: &std::path::Path) -> Self {
        let text = std::fs::read_to_string(path).unwrap();
        let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let mut case = Self { name: String::new(), turns: vec![Vec::new()], seen: Vec::new(), how: String::new() };
        for line in &lines {
            match line["at"].as_str().unwrap() {
                "case" => case.name = line["name"].as_str().unwrap().to_owned(),
                "end" => case.how = line["how"].as_str().unwrap().to_owned(),
                "event" => case.event(&line["event"]),
                _ => {}
            }
        }
        case
    }

    fn event(&mut self, event: &Value) {
        let kind = event["type"].as_str().unwrap();
        // What the middleware made itself has ids of its own.
        let made = kind == "TOOL_CALL_RESULT" && event["messageId"].as_str().unwrap_or_default().starts_with("uuid-");
        match kind {
            "RUN_STARTED" => {}
            "RUN_FINISHED" => self.turns.push(Vec::new()),
            _ if made => self.seen.push(event.clone()),
            _ => {
                self.seen.push(event.clone());
                let text = serde_json::to_vec(event).unwrap();
                self.turns.last_mut().unwrap().push(Event::from_json(&text).unwrap());
            }
        }
    }

    /// How often our tool was called.
    fn calls(&self) -> usize {
        let ours = |event: &&Value| event["toolCallName"] == SEND_TOOL;
        self.seen.iter().filter(ours).count()
    }
}

#[derive(Clone)]
struct Scripted(Arc<Mutex<VecDeque<Vec<Event>>>>);

impl Agent for Scripted {
    fn run(&self, context: RunContext) -> EventStream {
        let (thread_id, run_id) = (context.input.thread_id.clone(), context.input.run_id.clone());
        let turn = self.0.lock().unwrap().pop_front().unwrap_or_else(|| build::message("last", "That is all.").into());
        let ends = turn.last().is_some_and(|event| event.kind().is_terminal());
        let start = RunStarted { thread_id: thread_id.clone(), run_id: run_id.clone(), ..Default::default() };
        let finish = (!ends).then(|| RunFinished { thread_id, run_id, ..Default::default() }.into());
        let all = std::iter::once(Event::from(start)).chain(turn).chain(finish);
        futures::stream::iter(all.map(|event| Ok(Emitted::from(event)))).boxed()
    }
}

/// A 0.3 agent that answers with what the official Python one was recorded to answer.
async fn recorded(name: &'static str) -> Peer {
    let text = std::fs::read_to_string(format!("{FOLDER}/python-0.3.26-v0.3-jsonrpc.json")).unwrap();
    let file: Value = serde_json::from_str(&text).unwrap();
    let exchanges = file["exchanges"].as_array().unwrap().clone();
    Peer::with_card(
        move |url| {
            let mut card =
                json!({ "name": name, "url": url, "protocolVersion": "0.3.0", "capabilities": { "streaming": false } });
            card["description"] = json!("A test agent whose answers are fixed by the first word of the message.");
            Reply::Json(200, card)
        },
        move |seen| {
            let asked = seen.text();
            if let Some(rest) = asked.strip_prefix("echo") {
                let parts = json!([{ "kind": "text", "text": format!("echo:{rest}") }]);
                return peer::result(json!({ "kind": "message", "messageId": "m", "role": "agent", "parts": parts }));
            }
            let same = |exchange: &&Value| {
                let body = &exchange["request"]["body"];
                body["method"] == "message/send"
                    && body["params"]["message"]["parts"][0]["text"] == asked
                    && body["params"]["message"].get("taskId").is_none()
                    && body["params"]["configuration"]["blocking"] != false
            };
            let Some(exchange) = exchanges.iter().find(same) else { return peer::error(-32603, "not recorded") };
            Reply::Json(200, exchange["response"]["json"].clone())
        },
    )
    .await
}

/// What of an event must be the same: ids that were given, texts, arguments; not the answers, which upstream gives as the
/// JSON of whole tasks.
fn shape(event: &Value) -> String {
    let text = |name: &str| event[name].as_str().unwrap_or_default().to_owned();
    match event["type"].as_str().unwrap() {
        kind @ "TOOL_CALL_RESULT" => format!("{kind} {}", text("toolCallId")),
        kind => format!("{kind} {}{} {}{}", text("messageId"), text("toolCallId"), text("delta"), text("toolCallName")),
    }
}

async fn run(case: &Case) -> (Vec<Value>, String, Vec<String>) {
    let (python, js) = (recorded("Python 0.3 Peer").await, recorded("JS 0.3 Peer").await);
    let mut turns: VecDeque<_> = case.turns.iter().filter(|turn| !turn.is_empty()).cloned().collect();
    if case.how == "timeout" {
        turns.truncate(1);
    }
    let scripted = Scripted(Arc::new(Mutex::new(turns)));
    let members = [&python, &js]
        .map(|peer| A2aClient::builder(peer.url.as_str()).idle_timeout(Duration::from_secs(3)).build().unwrap().into());
    let middleware = A2aOrchestrator::new(members).unwrap().on_question(OnQuestion::Orchestrator);
    let house = House::new(|store| Registered {
        id: "agent".into(),
        agent: Arc::new(scripted),
        middlewares: Arc::new([Arc::new(middleware.threads(store.clone()))]),
    });
    let mut page = Page::new(&house, "thread-1");
    page.tools = vec![tool("show_map"), tool(SEND_TOOL)];
    let run = page.say("Please help.").await;
    let end = run.end();
    let events = run.0.iter().map(|event| serde_json::from_slice::<Value>(&event.to_json()).unwrap());
    let boundary = ["RUN_STARTED", "RUN_FINISHED", "ACTIVITY_SNAPSHOT"];
    let events = events.filter(|event| !boundary.contains(&event["type"].as_str().unwrap())).collect();
    (events, end, page.results())
}

/// What ours does otherwise on purpose.
const DIFFERENT: &[&str] = &[
    // It left a text open over the end of a run; ours ends it where the run of the orchestrator ends, as upstream does, but
    // before the results.
    "text-left-open",
    // It runs the orchestrator again before the page has executed its own tool.
    "frontend-tool-too",
];

#[tokio::test]
async fn the_same_events_where_upstream_works_and_an_end_where_it_hangs() {
    let (mut same, mut mended) = (0, 0);
    let mut paths: Vec<_> = std::fs::read_dir(FOLDER).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let of_middleware =
        |path: &std::path::PathBuf| path.file_name().unwrap().to_string_lossy().starts_with("middleware-");
    let cases: Vec<Case> = paths.into_iter().filter(of_middleware).map(|path| Case::read(&path)).collect();
    assert_eq!(cases.len(), 23);
    for case in &cases {
        // Two cases hang before the orchestrator says anything.
        if case.seen.is_empty() {
            continue;
        }
        let (events, end, results) = run(case).await;
        let (ours, theirs): (Vec<_>, Vec<_>) =
            (events.iter().map(shape).collect(), case.seen.iter().map(shape).collect());
        assert_eq!(results.len(), case.calls(), "{}: a call without a result: {results:?}", case.name);
        assert!(!results.iter().any(|text| text.contains("\"history\"")), "{}: {results:?}", case.name);
        match case.how.as_str() {
            "complete" if DIFFERENT.contains(&case.name.as_str()) => assert_eq!(end, "success", "{}", case.name),
            "complete" => {
                assert_eq!(ours, theirs, "{}", case.name);
                assert_eq!(end, "success", "{}", case.name);
                same += 1;
            }
            "timeout" => {
                assert_eq!(end, "success", "{}", case.name);
                assert_eq!(ours[..theirs.len()], theirs, "{}", case.name);
                mended += 1;
            }
            _ if case.name == "chunks" => assert_eq!(end, "success"),
            _ => assert_eq!(
                end,
                "error model_auth: no model".replace("model_auth", end.split([' ', ':']).nth(1).unwrap()),
                "{}",
                case.name
            ),
        }
    }
    println!("{same} cases with the same events, {mended} that hang upstream and end here");
    assert!(same >= 12 && mended >= 4, "{same} {mended}");
}
