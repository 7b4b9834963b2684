//! Tasks are runs of threads: pages see them, and they outlive the server.

use super::kit::{FORMS, Form, Server, answer, message, state, texts};
use copilotkit_a2a::server::A2aServerOptions;
use copilotkit_protocol::{Event, ResumeEntry, ResumeStatus, RunAgentInput};
use copilotkit_runtime::http::SurfaceOptions;
use copilotkit_runtime::store::MemoryStore;
use copilotkit_runtime::{Principal, StartRun, Store};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

/// What a page sees that connects to a thread.
async fn connect(server: &Server, agent: &str, thread: &str) -> Vec<Value> {
    let body = json!({ "threadId": thread, "runId": "r", "messages": [], "tools": [], "context": [], "protocolVersion": "1.0" });
    let path = format!("/copilotkit/agent/{agent}/connect");
    let headers = [("content-type", "application/json".to_owned())];
    let text = server.request("POST", &path, &headers, Some(body.to_string())).await.text().await.unwrap();
    text.lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .map(|json| serde_json::from_str(json).unwrap())
        .collect()
}

#[tokio::test]
async fn a_page_sees_the_run_that_was_started_over_a2a_and_its_stop() {
    let server = Server::start().await;
    let asker = server.asks(Form::Rpc, "obedient");
    let mut stream = asker.open("SendStreamingMessage", message("t", "slow 2000")).await;
    let task = stream.next().await.unwrap()["task"].clone();
    let page = connect(&server, "obedient", "t");
    let cancel = async {
        // The page is to meet the run while it goes on.
        while !stream.next().await.unwrap()["artifactUpdate"].is_object() {}
        asker.call("CancelTask", json!({ "id": task["id"] })).await
    };
    let (seen, canceled) =
        tokio::time::timeout(Duration::from_secs(20), futures::future::join(page, cancel)).await.unwrap();
    assert_eq!(state(&canceled), "CANCELED");
    let kinds: Vec<&str> = seen.iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!((kinds[0], *kinds.last().unwrap()), ("RUN_STARTED", "RUN_FINISHED"));
    assert_eq!(seen[0]["input"]["messages"][0]["content"], "slow 2000");
    assert_eq!(seen.last().unwrap()["outcome"]["type"], "cancelled");
}

#[tokio::test]
async fn a_page_may_stop_and_answer_what_was_asked_over_a2a() {
    let server = Server::start().await;
    let asker = server.asks(Form::Rest, "obedient");
    let mut stream = asker.open("SendStreamingMessage", message("t", "silent")).await;
    let task = stream.next().await.unwrap()["task"].clone();
    let stop = "/copilotkit/agent/obedient/stop/t";
    let stopped = server.request("POST", stop, &[], None).await;
    assert_eq!(stopped.status().as_u16(), 200);
    let rest = stream.rest().await;
    assert_eq!(state(&rest.last().unwrap()["statusUpdate"]), "CANCELED");
    assert_eq!(state(&asker.call("GetTask", json!({ "id": task["id"] })).await), "CANCELED");

    let asking = asker.say("t", "ask").await;
    let interrupt = asking["status"]["message"]["parts"][1]["data"]["id"].as_str().unwrap().to_owned();
    let entry = ResumeEntry {
        interrupt_id: interrupt,
        status: ResumeStatus::Resolved,
        payload: Some(json!("of a page").into()),
        ..Default::default()
    };
    let input = RunAgentInput {
        thread_id: "t".to_owned(),
        run_id: "page-run".to_owned(),
        resume: Some(vec![entry]),
        ..Default::default()
    };
    let start =
        StartRun { agent_id: "obedient".to_owned(), principal: Principal::anonymous(), headers: Arc::default(), input };
    let mut page = server.lifecycle.start(start).await.unwrap();
    while !page.next().await.unwrap().is_empty() {}
    let done = asker.call("GetTask", json!({ "id": asking["id"] })).await;
    assert_eq!((state(&done), texts(&done)), ("COMPLETED", vec!["you said \"of a page\"".to_owned()]));
}

#[tokio::test]
async fn what_a_page_said_is_known_to_who_asks_over_a2a() {
    let server = Server::start().await;
    let user = json!({ "id": "u1", "role": "user", "content": "say of the page" });
    let body = json!({ "threadId": "t", "runId": "r", "messages": [user], "tools": [], "context": [] });
    let headers = [("content-type", "application/json".to_owned())];
    server
        .request("POST", "/copilotkit/agent/obedient/run", &headers, Some(body.to_string()))
        .await
        .text()
        .await
        .unwrap();
    let asker = server.asks(Form::Rpc, "obedient");
    assert_eq!(texts(&asker.say("t", "count").await), ["3 messages"]);
    let listed = asker.call("ListTasks", json!({ "contextId": "t" })).await;
    assert_eq!(listed["totalSize"], 1, "a run of a page is no task");
}

#[tokio::test]
async fn tasks_are_there_after_a_restart() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
    let start = || Server::with(store.clone(), A2aServerOptions::default(), SurfaceOptions::default());
    for form in FORMS {
        let server = start().await;
        let asker = server.asks(form, "obedient");
        let (done, asking) = (asker.say("a", "say kept").await, asker.say("b", "ask").await);
        let canceled = asker.say("c", "ask").await;
        asker.call("CancelTask", json!({ "id": canceled["id"] })).await;
        drop(server);

        let server = start().await;
        let asker = server.asks(form, "obedient");
        let found = asker.call("GetTask", json!({ "id": done["id"] })).await;
        assert_eq!((state(&found), texts(&found)), ("COMPLETED", vec!["kept".to_owned()]));
        assert_eq!(state(&asker.call("GetTask", json!({ "id": canceled["id"] })).await), "CANCELED");
        let answered = asker.call("SendMessage", answer(&asking, json!({ "text": "Ada" }))).await["task"].clone();
        assert_eq!((state(&answered), &answered["id"]), ("COMPLETED", &asking["id"]));
        let listed = asker.call("ListTasks", json!({})).await;
        for task in [&done, &asking, &canceled] {
            assert!(listed["tasks"].as_array().unwrap().iter().any(|listed| listed["id"] == task["id"]));
        }
    }
}

#[tokio::test]
async fn a_run_goes_on_when_who_asked_hangs_up() {
    let server = Server::start().await;
    let asker = server.asks(Form::Rpc, "obedient");
    let mut stream = asker.open("SendStreamingMessage", message("t", "slow 10")).await;
    let task = stream.next().await.unwrap()["task"].clone();
    drop(stream);
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    loop {
        let found = asker.call("GetTask", json!({ "id": task["id"] })).await;
        if state(&found) == "COMPLETED" {
            assert!(texts(&found)[0].ends_with("tick 9 "));
            return;
        }
        assert!(std::time::Instant::now() < deadline, "{found}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn agents_that_call_their_runs_otherwise_have_tasks_all_the_same() {
    let server = Server::start().await;
    for agent in ["otherids", "owninput", "misc", "backendtool", "nostart", "openatfinish"] {
        let asker = server.asks(Form::Rpc, agent);
        let task = asker.say(agent, "hi").await;
        let found = asker.call("GetTask", json!({ "id": task["id"] })).await;
        assert_eq!((state(&task), state(&found)), ("COMPLETED", "COMPLETED"), "{agent}");
        assert_eq!(texts(&task), texts(&found), "{agent}");
    }
    for agent in ["error", "throwsync", "throwfirst", "errorevent"] {
        let asker = server.asks(Form::Rpc, agent);
        let task = asker.say(agent, "hi").await;
        assert_eq!(state(&task), "FAILED", "{agent}");
        let text = task["status"]["message"]["parts"][0]["text"].as_str().unwrap();
        assert!(!text.is_empty(), "{agent}");
    }
    // What is logged is well-formed.
    for event in connect(&server, "misc", "misc").await {
        Event::from_json(event.to_string().as_bytes()).unwrap();
    }
}
