//! What a thread holds: messages, events, state.

use super::harness::{FORMS, Form, Server, input};
use copilotkit_runtime::protocol::{Applied, Event};
use serde_json::{Value, json};

fn kinds(events: &Value) -> Vec<&str> {
    events["events"].as_array().unwrap().iter().map(|event| event["type"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_history_is_that_of_all_runs_in_their_compact_form() {
    let server = Server::start().await;
    server.run("default", "t", &["one"]).await;
    server.run("toolcall", "t", &["two"]).await;
    for form in FORMS {
        let (status, events) = server.ask(form, "GET", "/threads/t/events", None).await;
        let text = ["RUN_STARTED", "TEXT_MESSAGE_START", "TEXT_MESSAGE_CONTENT", "TEXT_MESSAGE_END", "RUN_FINISHED"];
        let call = ["RUN_STARTED", "TOOL_CALL_START", "TOOL_CALL_ARGS", "TOOL_CALL_END", "RUN_FINISHED"];
        assert_eq!((status, kinds(&events)), (200, [text, call].concat()));
        assert_eq!(events["events"][2]["delta"], "Hello, world!");
        let (status, messages) = server.ask(form, "GET", "/threads/t/messages", None).await;
        let short: Vec<(&Value, &Value)> = messages["messages"]
            .as_array()
            .unwrap()
            .iter()
            .map(|message| (&message["role"], message.get("content").unwrap_or(&message["toolCalls"][0]["args"])))
            .collect();
        let expected = [
            (&json!("user"), &json!("one")),
            (&json!("assistant"), &json!("Hello, world!")),
            (&json!("user"), &json!("two")),
            (&json!("assistant"), &json!("{\"city\":\"Paris\"}")),
        ];
        assert_eq!((status, short.as_slice()), (200, &expected[..]));
    }
    server.stop().await;
}

#[tokio::test]
async fn the_state_is_that_after_the_last_run_or_null() {
    let server = Server::start().await;
    let state = async |form, thread: &str| server.ask(form, "GET", &format!("/threads/{thread}/state"), None).await;
    server.run("default", "none", &["x"]).await;
    let mut with_state = input("some", vec![json!("x")]);
    with_state["state"] = json!({ "theme": "dark" });
    server.run_input("state", with_state).await;
    for form in FORMS {
        assert_eq!(state(form, "none").await, (200, json!({ "state": null })));
        let expected = json!({ "theme": "dark", "count": 1, "items": ["a", "b"] });
        assert_eq!(state(form, "some").await, (200, json!({ "state": expected })));
    }
    server.run("default", "some", &["y"]).await;
    assert_eq!(state(Form::Rest, "some").await.1["state"]["theme"], "dark", "a run without state leaves it");
    server.stop().await;
}

/// A history of several megabytes is written in pieces: it is whole, and what it leads to is what the messages say.
#[tokio::test]
async fn a_long_history_is_whole() {
    let server = Server::start().await;
    let letters = 700_000;
    for run in 0..4 {
        let mut input = input("long", vec![json!(format!("run {run}"))]);
        input["forwardedProps"] = letters.into();
        server.run_input("wordy", input).await;
    }
    for form in FORMS {
        let (status, events) = server.ask(form, "GET", "/threads/long/events", None).await;
        assert_eq!((status, kinds(&events).len()), (200, 4 * 5));
        let mut applied = Applied::default();
        for event in events["events"].as_array().unwrap() {
            applied.apply(&Event::from_json(event.to_string().as_bytes()).unwrap());
        }
        let (_, messages) = server.ask(form, "GET", "/threads/long/messages", None).await;
        let messages = messages["messages"].as_array().unwrap();
        assert_eq!(messages.len(), 8);
        for (shown, applied) in messages.iter().zip(applied.messages()) {
            assert_eq!((shown["id"].as_str(), shown["role"].as_str()), (Some(applied.id()), Some(applied.role())));
        }
        assert!(messages.iter().skip(1).step_by(2).all(|said| said["content"].as_str().unwrap().len() == letters));
    }
    server.stop().await;
}
