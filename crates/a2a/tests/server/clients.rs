//! Our own client against our own agents, and the official types on what they say.

use super::kit::{FORMS, Server, message};
use copilotkit_a2a::types::{
    Event, ListTasksRequest, Message, Part, Reply, Role, SendConfiguration, SendMessageRequest, TaskState,
};
use copilotkit_a2a::{A2aAgent, A2aClient, Caller};
use futures::StreamExt as _;
use serde_json::json;
use std::time::Duration;

fn request(context: &str, text: &str) -> SendMessageRequest {
    let message = Message::new(uuid::Uuid::new_v4().to_string(), Role::User, vec![Part::text(text)]);
    let message = Message { context_id: Some(context.to_owned()), ..message };
    SendMessageRequest { message, ..SendMessageRequest::default() }
}

#[tokio::test]
async fn our_client_speaks_to_our_agents() {
    let server = Server::start().await;
    let client = A2aClient::builder(format!("{}/a2a/obedient", server.origin)).build().unwrap();
    let caller = Caller::default();
    assert_eq!(client.card().await.unwrap().card.name, "obedient");
    let Reply::Task(task) = client.send(request("c", "say hi"), &caller).await.unwrap() else { panic!("no task") };
    assert_eq!((task.status.state, task.artifacts[0].text()), (TaskState::Completed, "hi".to_owned()));

    let mut now = request("d", "slow 2000");
    now.configuration = Some(SendConfiguration { return_immediately: true, ..SendConfiguration::default() });
    let Reply::Task(task) = client.send(now, &caller).await.unwrap() else { panic!("no task") };
    let mut events = client.subscribe(&task.id, &caller).await.unwrap();
    let first = events.next().await.unwrap().unwrap();
    assert!(matches!(&first, Event::Task(found) if found.id == task.id), "{first:?}");
    assert_eq!(client.cancel_task(&task.id, &caller).await.unwrap().status.state, TaskState::Canceled);
    let rest = async {
        let mut last = first;
        while let Some(event) = events.next().await {
            last = event.unwrap();
        }
        last
    };
    let last = tokio::time::timeout(Duration::from_secs(10), rest).await.unwrap();
    assert!(matches!(&last, Event::Status(update) if update.status.state == TaskState::Canceled), "{last:?}");
    let listed = client.list_tasks(ListTasksRequest::default(), &caller).await.unwrap();
    assert_eq!(listed.tasks.len(), 2);

    // All that comes of a question and its answer.
    let steps: Vec<_> = client.converse(request("e", "ask"), caller.clone()).collect().await;
    let asked = steps.into_iter().map(Result::unwrap).filter_map(|event| match event {
        Event::Task(task) => Some(task.id),
        _ => None,
    });
    let id = asked.last().unwrap();
    let mut answer = request("e", "Ada");
    answer.message.task_id = Some(id.clone());
    let Reply::Task(task) = client.send(answer, &caller).await.unwrap() else { panic!("no task") };
    assert_eq!((task.id, task.status.state), (id, TaskState::Completed));
}

#[tokio::test]
async fn our_agents_stand_behind_our_agents() {
    let server = Server::start().await;
    let client = A2aClient::builder(format!("{}/a2a/obedient", server.origin)).build().unwrap();
    let agent = |store: &std::sync::Arc<dyn copilotkit_runtime::Store>| A2aAgent::new(client).threads(store.clone());
    let house = super::page::House::new(|store| copilotkit_runtime::Registered::new("agent", agent(store)));
    let mut page = super::page::Page::new(&house, "far");
    assert_eq!(page.say("say hello").await.end(), "success");
    assert_eq!(page.texts(), ["hello"]);
    let run = page.say("slow 3").await;
    assert_eq!(run.end(), "success");
    assert_eq!(page.texts()[1], "tick 0 tick 1 tick 2 ");
    let run = page.say("ask").await;
    let [interrupt] = run.interrupts().try_into().unwrap();
    assert_eq!(interrupt.message.as_deref(), Some("What is your name?"));
    let schema = interrupt.response_schema.as_ref().unwrap().as_json().to_value();
    assert_eq!(schema["properties"]["answer"]["type"], "string");
    assert!(schema["required"].is_null(), "it is that of the agent behind");
    assert_eq!(page.answer(&interrupt, Some(json!({ "answer": "Ada" }))).await.end(), "success");
    assert_eq!(page.texts().last().unwrap(), "you said {\"answer\":\"Ada\"}");
}

#[tokio::test]
async fn the_official_types_read_all_that_is_said() {
    let server = Server::start().await;
    for form in FORMS {
        let asker = server.asks(form, "obedient");
        for order in ["say hi", "slow 3", "ask", "call colors", "result", "fail", "state red"] {
            let events = asker.stream("SendStreamingMessage", message("c", order)).await;
            for event in &events {
                let read: Result<a2a::StreamResponse, _> = serde_json::from_value(event.clone());
                assert!(read.is_ok(), "{order}: {event}\n{read:?}");
            }
            let task = asker.call("GetTask", json!({ "id": events[0]["task"]["id"] })).await;
            let read: a2a::Task = serde_json::from_value(task.clone()).unwrap();
            assert_eq!(read.id, task["id"].as_str().unwrap());
        }
        let listed = asker.call("ListTasks", json!({ "includeArtifacts": true })).await;
        let read: a2a::ListTasksResponse = serde_json::from_value(listed).unwrap();
        assert!(read.tasks.len() >= 7);
    }
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "GetTask", "params": { "id": "x" } }).to_string();
    let headers = [("a2a-version", "1.0".to_owned())];
    let text = server.request("POST", "/a2a/obedient", &headers, Some(body)).await.text().await.unwrap();
    let read: a2a::JsonRpcResponse = serde_json::from_str(&text).unwrap();
    assert_eq!(read.error.unwrap().code, -32001);
}
