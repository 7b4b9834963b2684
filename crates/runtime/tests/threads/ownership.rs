//! A thread belongs to who made it. For everybody else there is none.

use super::harness::{FORMS, Server, ids, list};
use copilotkit_runtime::store::ThreadKey;
use copilotkit_runtime::{Principal, StartRun};
use serde_json::{Value, json};
use std::sync::Arc;

async fn run_of(server: &Server, principal: &Principal, agent: &str, thread: &str) {
    let input = json!({
        "threadId": thread, "runId": "r", "tools": [], "context": [],
        "messages": [{ "id": "u", "role": "user", "content": "secret" }],
    });
    let start = StartRun {
        agent_id: agent.to_owned(),
        principal: principal.clone(),
        headers: Arc::default(),
        input: copilotkit_runtime::protocol::from_slice(input.to_string().as_bytes()).unwrap(),
    };
    let mut run = server.surface.lifecycle().start(start).await.unwrap();
    while agent != "silent" && !run.next().await.unwrap().is_empty() {}
}

#[tokio::test]
async fn a_thread_of_another_is_answered_for_as_an_unknown_one() {
    let server = Server::start().await;
    let alice = Principal::new("alice");
    run_of(&server, &alice, "state", "hers").await;
    run_of(&server, &alice, "silent", "her-live-one").await;
    for form in FORMS {
        server.is_unknown(form, "hers").await;
        server.is_unknown(form, "her-live-one").await;
        assert_eq!(server.ask(form, "POST", "/threads/clear", None).await, (204, Value::Null));
    }
    let store = server.surface.lifecycle().store();
    let record = store.get(&ThreadKey::new(&alice, "hers")).await.unwrap().expect("nobody else can delete it");
    assert_eq!((record.name.as_deref(), record.archived), (Some("secret"), false));

    // The same id is free for everybody else.
    server.run("default", "hers", &["mine"]).await;
    for form in FORMS {
        let (_, messages) = server.ask(form, "GET", "/threads/hers/messages", None).await;
        assert!(messages.to_string().contains("mine") && !messages.to_string().contains("secret"), "{messages}");
        assert_eq!(ids(&list(&server, form, "").await), ["hers"]);
    }
    let deleted = server.ask(FORMS[0], "DELETE", "/threads/hers", None).await;
    assert_eq!(deleted.0, 200);
    assert!(store.get(&ThreadKey::new(&alice, "hers")).await.unwrap().is_some());
    server.stop().await;
}
