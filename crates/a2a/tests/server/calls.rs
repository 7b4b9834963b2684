//! Every call, in both bindings.

use super::kit::{FORMS, Server, message, shown, state, texts};
use serde_json::{Value, json};
use std::time::Duration;

#[tokio::test]
async fn a_message_is_answered_by_a_task() {
    let server = Server::start().await;
    for form in FORMS {
        let asker = server.asks(form, "obedient");
        let context = format!("c-{form:?}");
        let task = asker.say(&context, "say hello there").await;
        assert_eq!((state(&task), texts(&task)), ("COMPLETED", vec!["hello there".to_owned()]));
        assert_eq!(task["contextId"], context);
        assert!(task["status"]["timestamp"].as_str().unwrap().ends_with('Z'));
        let history = task["history"].as_array().unwrap();
        assert_eq!((history.len(), &history[0]["parts"][0]["text"]), (1, &json!("say hello there")));
        assert_eq!(history[0]["role"], "ROLE_USER");

        let again = asker.call("GetTask", json!({ "id": task["id"] })).await;
        for member in ["id", "contextId", "artifacts", "history"] {
            assert_eq!(again[member], task[member], "{member}");
        }
        assert_eq!(again["status"]["state"], task["status"]["state"]);
        let short = asker.call("GetTask", json!({ "id": task["id"], "historyLength": 0 })).await;
        assert_eq!(short["history"], Value::Null);

        // The thread goes on: the agent sees what was said before.
        let second = asker.say(&context, "count").await;
        assert_eq!(texts(&second), ["3 messages"]);
        assert_ne!(second["id"], task["id"]);
        let first = asker.call("GetTask", json!({ "id": task["id"] })).await;
        assert_eq!(texts(&first), ["hello there"], "what came later is not of it");
    }
}

#[tokio::test]
async fn a_message_without_a_context_gets_one() {
    let server = Server::start().await;
    for form in FORMS {
        let asker = server.asks(form, "obedient");
        let mut request = message("", "say hi");
        request["message"].as_object_mut().unwrap().remove("contextId");
        let (one, two) = (asker.call("SendMessage", request.clone()).await, asker.call("SendMessage", request).await);
        assert_ne!(one["task"]["contextId"], two["task"]["contextId"]);
        assert_eq!(texts(&two["task"]), ["hi"]);
    }
}

#[tokio::test]
async fn a_stream_begins_with_the_task_and_ends_with_its_end() {
    let server = Server::start().await;
    for form in FORMS {
        let asker = server.asks(form, "obedient");
        let mut events = shown(&asker.stream("SendStreamingMessage", message("c", "slow 3")).await);
        assert_eq!(events.remove(0), "task SUBMITTED");
        assert_eq!(events.remove(0), "WORKING");
        assert_eq!(events.pop().unwrap(), "COMPLETED");
        let said: String = events.iter().map(|event| event.trim_start_matches('+').trim_end_matches('.')).collect();
        assert_eq!(said, "tick 0 tick 1 tick 2 ");
        assert!(!events[0].starts_with('+') && events[1..].iter().all(|event| event.starts_with('+')), "{events:?}");
        assert!(events.last().unwrap().ends_with('.'), "the last piece says so: {events:?}");
    }
}

#[tokio::test]
async fn a_task_that_goes_on_can_be_followed_from_anywhere() {
    let server = Server::start().await;
    for form in FORMS {
        let asker = server.asks(form, "obedient");
        let mut request = message(&format!("f-{form:?}"), "slow 20");
        request["configuration"] = json!({ "returnImmediately": true });
        let task = asker.call("SendMessage", request).await["task"].clone();
        assert!(["SUBMITTED", "WORKING"].contains(&state(&task)), "{task}");
        for round in 0..2 {
            let mut events = asker.stream("SubscribeToTask", json!({ "id": task["id"] })).await;
            let snapshot = events.remove(0)["task"].clone();
            assert_eq!(snapshot["id"], task["id"]);
            let mut whole = texts(&snapshot).concat();
            for event in &events {
                whole += event["artifactUpdate"]["artifact"]["parts"][0]["text"].as_str().unwrap_or_default();
            }
            let expected: String = (0..20).map(|number| format!("tick {number} ")).collect();
            assert_eq!((whole, shown(&events).last().unwrap().as_str()), (expected, "COMPLETED"));
            if round == 0 {
                let (reason, _) = asker.try_call("SubscribeToTask", json!({ "id": task["id"] })).await.unwrap_err();
                assert_eq!(reason, "UNSUPPORTED_OPERATION", "there is nothing to follow any more");
                break;
            }
        }
    }
}

#[tokio::test]
async fn a_canceled_task_ends_for_all_who_follow_it() {
    let server = Server::start().await;
    for form in FORMS {
        let asker = server.asks(form, "obedient");
        for order in ["silent", "slow 2000"] {
            let mut stream = asker.open("SendStreamingMessage", message("c", order)).await;
            let task = stream.next().await.unwrap()["task"].clone();
            let begun = std::time::Instant::now();
            let canceled = asker.call("CancelTask", json!({ "id": task["id"] })).await;
            assert_eq!(state(&canceled), "CANCELED", "{order}");
            assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
            assert_eq!(shown(&stream.rest().await).last().unwrap(), "CANCELED");
            let (reason, _) = asker.try_call("CancelTask", json!({ "id": task["id"] })).await.unwrap_err();
            assert_eq!(reason, "TASK_NOT_CANCELABLE");
            // The thread is free again.
            assert_eq!(state(&asker.say("c", "say next").await), "COMPLETED");
        }
    }
}

#[tokio::test]
async fn what_fails_is_a_task_that_failed() {
    let server = Server::start().await;
    for form in FORMS {
        let asker = server.asks(form, "obedient");
        let task = asker.say("c", "fail").await;
        assert_eq!(state(&task), "FAILED");
        let message = &task["status"]["message"];
        assert_eq!(message["parts"][0]["text"], "The disk is full.");
        assert_eq!(message["metadata"]["code"], "disk_full");
        assert_eq!(message["taskId"], task["id"]);
    }
}

#[tokio::test]
async fn a_result_is_an_artifact_of_data() {
    let server = Server::start().await;
    let task = server.asks(FORMS[0], "obedient").say("c", "result").await;
    assert_eq!(task["artifacts"][0]["parts"][0], json!({ "data": { "total": 3 }, "mediaType": "application/json" }));
}

#[tokio::test]
async fn tasks_are_listed_the_newest_first_page_by_page() {
    let server = Server::start().await;
    for form in FORMS {
        let asker = server.asks(form, "default");
        let mut ids = Vec::new();
        for number in 0..5 {
            let task = asker.say(&format!("l-{form:?}-{}", number % 2), "hi").await;
            ids.insert(0, task["id"].clone());
            // States of the same millisecond have no order.
            tokio::time::sleep(Duration::from_millis(3)).await;
        }
        let all = asker.call("ListTasks", json!({})).await;
        let listed: Vec<Value> = all["tasks"].as_array().unwrap().iter().map(|task| task["id"].clone()).collect();
        assert_eq!(listed[..2], ids[..2], "those whose runs are the last of their threads have times of their ends");
        assert!(ids.iter().all(|id| listed.contains(id)));
        assert_eq!((&all["pageSize"], &all["nextPageToken"]), (&json!(50), &json!("")));
        assert_eq!(all["tasks"][0]["artifacts"], Value::Null);

        let context = format!("l-{form:?}-0");
        let of_one = json!({ "contextId": context, "includeArtifacts": true, "historyLength": 0, "pageSize": 2 });
        let page = asker.call("ListTasks", of_one.clone()).await;
        assert_eq!((page["tasks"].as_array().unwrap().len(), &page["totalSize"]), (2, &json!(3)));
        assert_eq!(page["tasks"][0]["contextId"], context);
        assert!(!texts(&page["tasks"][0]).is_empty() && page["tasks"][0]["history"].is_null());
        let mut next = of_one;
        next["pageToken"] = page["nextPageToken"].clone();
        let rest = asker.call("ListTasks", next).await;
        assert_eq!((&rest["tasks"][0]["id"], &rest["nextPageToken"]), (ids.last().unwrap(), &json!("")));

        let none = asker.call("ListTasks", json!({ "status": "TASK_STATE_FAILED" })).await;
        assert_eq!((&none["tasks"], &none["totalSize"]), (&json!([]), &json!(0)));
        let late = asker.call("ListTasks", json!({ "statusTimestampAfter": "2100-01-01T00:00:00Z" })).await;
        assert_eq!(late["tasks"], json!([]));
        for wrong in [
            json!({ "pageSize": 101 }),
            json!({ "pageSize": 0 }),
            json!({ "pageToken": "x" }),
            json!({ "statusTimestampAfter": "today" }),
            json!({ "status": "TASK_STATE_DREAMING" }),
        ] {
            let (reason, text) = asker.try_call("ListTasks", wrong.clone()).await.unwrap_err();
            assert_eq!(reason, "INVALID_PARAMS", "{wrong}");
            assert!(text.contains(wrong.as_object().unwrap().keys().next().unwrap()), "{text}");
        }
    }
}

#[tokio::test]
async fn what_cannot_be_done_says_so() {
    let server = Server::start().await;
    for form in FORMS {
        let asker = server.asks(form, "obedient");
        let done = asker.say("c", "say x").await;
        let mut after = message("c", "more");
        after["message"]["taskId"] = done["id"].clone();
        let mut elsewhere = after.clone();
        elsewhere["message"]["contextId"] = json!("other");
        let mut pushed = message("c", "x");
        pushed["configuration"] = json!({ "taskPushNotificationConfig": { "url": "https://x/" } });
        let unknown = json!({ "id": format!("{}-0-Yw", "0".repeat(32)) });
        for (method, params, reason) in [
            ("GetTask", json!({ "id": "nothing" }), "TASK_NOT_FOUND"),
            ("GetTask", unknown.clone(), "TASK_NOT_FOUND"),
            ("CancelTask", unknown.clone(), "TASK_NOT_FOUND"),
            ("SubscribeToTask", unknown, "TASK_NOT_FOUND"),
            ("SendMessage", after, "UNSUPPORTED_OPERATION"),
            ("SendMessage", elsewhere, "INVALID_PARAMS"),
            ("SendMessage", pushed, "PUSH_NOTIFICATION_NOT_SUPPORTED"),
            ("SendMessage", json!({}), "INVALID_PARAMS"),
            ("SendStreamingMessage", json!({ "message": { "messageId": "m", "parts": [] } }), "INVALID_PARAMS"),
            ("GetExtendedAgentCard", json!({}), "UNSUPPORTED_OPERATION"),
        ] {
            let error = asker.try_call(method, params.clone()).await;
            let (found, text) = error.expect_err(&format!("{form:?} {method} {params}"));
            assert_eq!(found, reason, "{form:?} {method} {params}: {text}");
        }
        let mut stream = asker.open("SendStreamingMessage", message("busy", "silent")).await;
        let live = stream.next().await.unwrap()["task"].clone();
        let (reason, text) = asker.try_call("SendMessage", message("busy", "say x")).await.unwrap_err();
        assert_eq!(reason, "UNSUPPORTED_OPERATION");
        assert!(text.contains("active on this thread"), "{text}");
        let mut more = message("busy", "x");
        more["message"]["taskId"] = live["id"].clone();
        assert_eq!(asker.try_call("SendMessage", more).await.unwrap_err().0, "UNSUPPORTED_OPERATION");
        asker.call("CancelTask", json!({ "id": live["id"] })).await;
    }
}
