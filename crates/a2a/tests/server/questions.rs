//! Tasks that wait for an answer: interrupts, and tools that only the client has.

use super::kit::{FORMS, Server, answer, message, shown, state, texts};
use serde_json::{Value, json};

#[tokio::test]
async fn an_interrupt_waits_for_a_message_of_its_task() {
    let server = Server::start().await;
    for form in FORMS {
        let asker = server.asks(form, "obedient");
        let context = format!("ask-{form:?}");
        let events = asker.stream("SendStreamingMessage", message(&context, "ask")).await;
        assert_eq!(shown(&events), ["task SUBMITTED", "WORKING", "INPUT_REQUIRED"]);
        let task = asker.call("GetTask", json!({ "id": events[0]["task"]["id"] })).await;
        let question = &task["status"]["message"];
        assert_eq!(question["parts"][0]["text"], "What is your name?");
        let data = &question["parts"][1]["data"];
        assert_eq!((&data["type"], &data["reason"]), (&json!("interrupt"), &json!("name")));
        assert_eq!(question["role"], "ROLE_AGENT");

        let mut followed = asker.open("SubscribeToTask", json!({ "id": task["id"] })).await;
        assert_eq!(state(&followed.next().await.unwrap()["task"]), "INPUT_REQUIRED");

        let request = answer(&task, json!({ "text": "Ada" }));
        let events = asker.stream("SendStreamingMessage", request.clone()).await;
        let said = "you said {\"answer\":\"Ada\"}";
        assert_eq!(shown(&events), ["task WORKING", "WORKING", &format!("{said}."), "COMPLETED"]);
        assert_eq!(events[0]["task"]["id"], task["id"]);
        let rest = shown(&followed.rest().await);
        assert_eq!(
            (rest[0].as_str(), rest.last().unwrap().as_str()),
            ("WORKING", "COMPLETED"),
            "who follows waits, too"
        );
        let done = asker.call("GetTask", json!({ "id": task["id"] })).await;
        assert_eq!((state(&done), texts(&done)), ("COMPLETED", vec![said.to_owned()]));
        let roles: Vec<&Value> = done["history"].as_array().unwrap().iter().map(|said| &said["role"]).collect();
        assert_eq!(roles, ["ROLE_USER", "ROLE_AGENT", "ROLE_USER"], "the order, the question, the answer");
        assert_eq!(done["history"][2]["messageId"], request["message"]["messageId"]);
        let listed = asker.call("ListTasks", json!({ "contextId": context })).await;
        assert_eq!(listed["totalSize"], 1, "it is one task");
    }
}

#[tokio::test]
async fn a_tool_of_nobody_waits_for_its_result() {
    let server = Server::start().await;
    for form in FORMS {
        let asker = server.asks(form, "obedient");
        let task = asker.say("call", "call colors").await;
        assert_eq!(state(&task), "INPUT_REQUIRED");
        let parts = &task["status"]["message"]["parts"];
        assert!(parts[0]["text"].as_str().unwrap().contains("pick"));
        let call = &parts[1]["data"];
        assert_eq!(
            (&call["type"], &call["name"], &call["arguments"]),
            (&json!("tool-call"), &json!("pick"), &json!({ "of": "colors" }))
        );
        let named = json!({ "data": { "toolCallId": call["id"], "content": { "color": "red" } } });
        let done = asker.call("SendMessage", answer(&task, named)).await["task"].clone();
        assert_eq!((state(&done), texts(&done)), ("COMPLETED", vec![r#"the tool said {"color":"red"}"#.to_owned()]));
        assert_eq!(done["id"], task["id"]);
    }
}

#[tokio::test]
async fn a_call_of_an_interrupted_run_does_not_wait_for_ever() {
    let server = Server::start().await;
    let asker = server.asks(FORMS[0], "interrupt");
    let task = asker.say("c", "pay").await;
    assert_eq!(task["status"]["message"]["parts"][0]["text"], "Approve payment?");
    let done = asker.call("SendMessage", answer(&task, json!({ "data": { "approved": true } }))).await["task"].clone();
    assert_eq!(state(&done), "COMPLETED");
    assert!(texts(&done)[0].contains(r#""payload":{"approved":true}"#), "{done}");
}

#[tokio::test]
async fn a_task_that_waits_can_be_canceled_and_stays_so() {
    let server = Server::start().await;
    for form in FORMS {
        let asker = server.asks(form, "obedient");
        let task = asker.say("c", "ask").await;
        let mut followed = asker.open("SubscribeToTask", json!({ "id": task["id"] })).await;
        followed.next().await.unwrap();
        let canceled = asker.call("CancelTask", json!({ "id": task["id"] })).await;
        assert_eq!(state(&canceled), "CANCELED");
        assert_eq!(shown(&followed.rest().await), ["CANCELED"]);
        assert_eq!(state(&asker.call("GetTask", json!({ "id": task["id"] })).await), "CANCELED");
        let (reason, _) = asker.try_call("SendMessage", answer(&task, json!({ "text": "Ada" }))).await.unwrap_err();
        assert_eq!(reason, "UNSUPPORTED_OPERATION");
        assert_eq!(
            asker.try_call("CancelTask", json!({ "id": task["id"] })).await.unwrap_err().0,
            "TASK_NOT_CANCELABLE"
        );
        let listed = asker.call("ListTasks", json!({ "contextId": "c", "status": "TASK_STATE_CANCELED" })).await;
        assert!(listed["tasks"].as_array().unwrap().iter().any(|listed| listed["id"] == task["id"]));
    }
}

#[tokio::test]
async fn a_question_that_nobody_answered_is_over_when_another_task_begins() {
    let server = Server::start().await;
    let asker = server.asks(FORMS[0], "obedient");
    let task = asker.say("c", "ask").await;
    let mut followed = asker.open("SubscribeToTask", json!({ "id": task["id"] })).await;
    followed.next().await.unwrap();
    assert_eq!(state(&asker.say("c", "say something else").await), "COMPLETED");
    assert_eq!(shown(&followed.rest().await), ["CANCELED"]);
    let over = asker.call("GetTask", json!({ "id": task["id"] })).await;
    assert_eq!(state(&over), "CANCELED");
    assert!(texts(&over).is_empty(), "what the other one said is not of it");
    assert!(asker.try_call("SendMessage", answer(&task, json!({ "text": "Ada" }))).await.is_err());
}

#[tokio::test]
async fn an_answer_that_is_none_starts_nothing() {
    let server = Server::start().await;
    let asker = server.asks(FORMS[0], "obedient");
    let task = asker.say("c", "ask").await;
    let picture = json!({ "url": "https://x/y.png", "mediaType": "image/png" });
    let (reason, text) = asker.try_call("SendMessage", answer(&task, picture)).await.unwrap_err();
    assert_eq!(reason, "INVALID_PARAMS");
    assert!(text.contains("answer"), "{text}");
    assert_eq!(state(&asker.call("GetTask", json!({ "id": task["id"] })).await), "INPUT_REQUIRED");
}
