//! A remote agent behind the lifecycle: what a page sees of it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a helper of a test fails the test")]

#[path = "kit/page.rs"]
#[allow(dead_code, reason = "shared between tests")]
mod page;
#[path = "kit/peer.rs"]
#[allow(dead_code, reason = "shared between tests")]
mod peer;

use copilotkit_a2a::{A2aAgent, A2aClient, AUTH_REQUIRED, INPUT_REQUIRED};
use copilotkit_runtime::Registered;
use page::{House, Page};
use peer::{Peer, Piece, Reply, artifact, error, events, message, result, status, task};
use serde_json::json;
use std::time::{Duration, Instant};

fn house(url: &str) -> House {
    let client = A2aClient::builder(url).idle_timeout(Duration::from_secs(3)).build().unwrap();
    House::new(|store| Registered::new("agent", A2aAgent::new(client).threads(store.clone())))
}

/// An agent that asks for a name, and greets.
async fn asker() -> Peer {
    Peer::start(|seen| match (seen.method(), seen.body["params"]["message"]["taskId"].as_str()) {
        ("SendStreamingMessage", None) if seen.text() == "sign in" => {
            events([task("t", "SUBMITTED"), status("t", "AUTH_REQUIRED", "Go to the desk.")])
        }
        ("SendStreamingMessage", None) => events([task("t", "SUBMITTED"), status("t", "INPUT_REQUIRED", "Your name?")]),
        ("SendStreamingMessage", Some("gone")) => error(-32001, "no such task"),
        // A follow-up without a first task, as the Python SDK has it.
        ("SendStreamingMessage", Some(_)) => {
            events([artifact("t", &format!("Hello, {}!", seen.text())), status("t", "COMPLETED", "")])
        }
        ("CancelTask", _) => result(json!({ "id": "t", "status": { "state": "TASK_STATE_CANCELED" } })),
        _ => error(-32601, "?"),
    })
    .await
}

#[tokio::test]
async fn a_question_is_an_interrupt_and_the_answer_goes_on_in_the_same_task() {
    let peer = asker().await;
    let house = house(&peer.url);
    let mut page = Page::new(&house, "thread");
    let run = page.say("greet me").await;
    let [interrupt] = run.interrupts().try_into().unwrap();
    assert_eq!((interrupt.reason.as_str(), interrupt.message.as_deref()), (INPUT_REQUIRED, Some("Your name?")));
    assert_eq!(page.texts(), ["Your name?"]);
    let run = page.answer(&interrupt, Some(json!({ "answer": "Ada" }))).await;
    assert_eq!(run.end(), "success");
    assert_eq!(page.texts(), ["Your name?", "Hello, Ada!"]);
    let sent = peer.calls("SendStreamingMessage");
    let asked = &sent[0].body["params"]["message"];
    assert_eq!(
        (asked["role"].as_str(), asked.get("contextId")),
        (Some("ROLE_USER"), None),
        "the server makes the context"
    );
    let answered = &sent[1].body["params"]["message"];
    assert_eq!((answered["taskId"].as_str(), answered["contextId"].as_str()), (Some("t"), Some("c")));
    // The next message is a new task of the same conversation, and other threads know nothing of it.
    page.say("again").await;
    let next = &peer.calls("SendStreamingMessage")[2].body["params"]["message"];
    assert_eq!((next.get("taskId"), next["contextId"].as_str()), (None, Some("c")));
    Page::new(&house, "other").say("hi").await;
    let other = &peer.calls("SendStreamingMessage")[3].body["params"]["message"];
    assert_eq!((other.get("taskId"), other.get("contextId")), (None, None));
}

#[tokio::test]
async fn the_past_of_a_task_is_not_shown_again() {
    // As the JavaScript SDK has it: the answer's stream begins with the task as it was.
    let peer = Peer::start(|seen| match seen.body["params"]["message"]["taskId"].as_str() {
        None => events([task("t", "SUBMITTED"), status("t", "INPUT_REQUIRED", "Your name?")]),
        Some(_) if seen.text() == "mumble" => events([asks_again()]),
        Some(_) => events([asks_again(), artifact("t", "Hello!"), status("t", "COMPLETED", "")]),
    })
    .await;
    let house = house(&peer.url);
    let mut page = Page::new(&house, "thread");
    let [interrupt] = page.say("greet me").await.interrupts().try_into().unwrap();
    // Where nothing follows it, it is what the agent says now.
    let [interrupt] = page.answer(&interrupt, Some(json!("mumble"))).await.interrupts().try_into().unwrap();
    assert_eq!(page.answer(&interrupt, Some(json!("Ada"))).await.end(), "success");
    assert_eq!(page.texts(), ["Your name?", "Your name?", "Hello!"]);
}

fn asks_again() -> serde_json::Value {
    json!({ "task": { "id": "t", "contextId": "c", "status": { "state": "TASK_STATE_INPUT_REQUIRED",
        "message": { "messageId": "q", "role": "ROLE_AGENT", "parts": [{ "text": "Your name?" }] } } } })
}

#[tokio::test]
async fn what_is_simply_said_answers_the_question_too_and_it_can_be_given_up() {
    let peer = asker().await;
    let house = house(&peer.url);
    let mut page = Page::new(&house, "thread");
    page.say("greet me").await;
    let run = page.say("Ada").await;
    assert_eq!((run.end().as_str(), page.texts().pop().unwrap().as_str()), ("success", "Hello, Ada!"));
    let run = page.say("sign in").await;
    let [interrupt] = run.interrupts().try_into().unwrap();
    assert_eq!(interrupt.reason, AUTH_REQUIRED);
    let run = page.answer(&interrupt, None).await;
    assert_eq!(run.end(), "cancelled");
    assert_eq!(peer.calls("CancelTask")[0].body["params"]["id"], "t");
    page.say("greet me").await;
    assert_eq!(peer.calls("SendStreamingMessage").pop().unwrap().body["params"]["message"].get("taskId"), None);
}

#[tokio::test]
async fn a_task_that_the_agent_forgot_does_not_block_the_thread() {
    let peer = Peer::start(|seen| match seen.body["params"]["message"]["taskId"].as_str() {
        None if seen.text() == "first" => {
            events([task("gone", "SUBMITTED"), status("gone", "INPUT_REQUIRED", "Well?")])
        }
        None => events([message(&format!("new: {}", seen.text()))]),
        Some(_) => error(-32001, "no such task"),
    })
    .await;
    let house = house(&peer.url);
    let mut page = Page::new(&house, "thread");
    page.say("first").await;
    let run = page.say("second").await;
    assert_eq!((run.end().as_str(), page.texts().pop().unwrap().as_str()), ("success", "new: second"));
}

#[tokio::test]
async fn failed_and_rejected_tasks_are_errors_behind_their_words() {
    for (state, code) in [("FAILED", "a2a_failed"), ("REJECTED", "a2a_rejected")] {
        let peer = Peer::start(move |_| events([task("t", "SUBMITTED"), status("t", state, "the disk is full")])).await;
        let house = house(&peer.url);
        let mut page = Page::new(&house, "thread");
        let end = page.say("go").await.end();
        assert!(end.starts_with(&format!("error {code}")) && end.ends_with("the disk is full"), "{end}");
        assert_eq!(page.texts(), ["the disk is full"]);
    }
    let house = house("http://127.0.0.1:9/");
    let end = Page::new(&house, "thread").say("go").await.end();
    assert!(end.starts_with("error agent_connect: The A2A agent at http://127.0.0.1:9/"), "{end}");
}

#[tokio::test]
async fn a_blocking_answer_shows_all_that_was_made_and_said() {
    let peer = Peer::with_card(
        |url| {
            let mut card = peer::card(url, "1.0");
            card["capabilities"] = json!({});
            Reply::Json(200, card)
        },
        |seen| {
            let asked = seen.body["params"]["message"].clone();
            result(json!({ "task": {
                "id": "t", "contextId": "c",
                "status": { "state": "TASK_STATE_COMPLETED", "message": { "messageId": "3", "role": "ROLE_AGENT", "parts": [{ "text": "done" }] } },
                "history": [asked, { "messageId": "1", "role": "ROLE_AGENT", "parts": [{ "text": "step 1" }] }],
                "artifacts": [
                    { "artifactId": "report", "name": "report.txt", "parts": [{ "text": "Alpha " }, { "text": "beta." }] },
                    { "artifactId": "files", "parts": [
                        { "raw": "aGVsbG8K", "filename": "hello.txt", "mediaType": "text/plain" },
                        { "url": "https://files.invalid/p.png", "filename": "p.png", "mediaType": "image/png" },
                        { "data": { "rows": [1] } } ] } ],
            } }))
        },
    )
    .await;
    let house = house(&peer.url);
    let mut page = Page::new(&house, "thread");
    let run = page.say("go").await;
    assert_eq!(run.end(), "success");
    let texts = page.texts();
    assert_eq!((texts[0].as_str(), texts[1].as_str(), texts[3].as_str()), ("step 1", "Alpha beta.", "done"));
    for word in ["hello.txt (text/plain), 6 bytes", "[p.png](https://files.invalid/p.png)", "\"rows\":[1]"] {
        assert!(texts[2].contains(word), "{texts:?}");
    }
    let whole = run.activities("a2a-artifact");
    assert_eq!(whole[0]["parts"].as_array().unwrap().len(), 3);
    assert_eq!((&whole[0]["artifactId"], &whole[0]["parts"][0]["raw"]), (&json!("files"), &json!("aGVsbG8K")));
}

#[tokio::test]
async fn stopping_closes_the_socket_and_cancels_the_task() {
    let peer = Peer::start(|seen| match seen.method() {
        "SendStreamingMessage" => Reply::Stream(vec![
            Piece::Event(task("t", "SUBMITTED")),
            Piece::Event(status("t", "WORKING", "thinking")),
            Piece::Hang,
        ]),
        "CancelTask" => result(json!({ "id": "t", "status": { "state": "TASK_STATE_CANCELED" } })),
        _ => error(-32601, "?"),
    })
    .await;
    let house = house(&peer.url);
    let mut page = Page::new(&house, "thread");
    let mut subscription = page.start(None).await;
    // There is nothing to say yet: the page begins with a message.
    while !subscription.next().await.unwrap().is_empty() {}
    page.messages.push(
        copilotkit_protocol::UserMessage { id: "u".to_owned(), content: "go".into(), ..Default::default() }.into(),
    );
    let mut subscription = page.start(None).await;
    while peer.open() == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let began = Instant::now();
    page.stop().await;
    let mut last = None;
    loop {
        let frames = subscription.next().await.unwrap();
        let Some(frame) = frames.last() else { break };
        last = Some(frame.kind);
    }
    assert_eq!(last.map(|kind| kind.as_str()), Some("RUN_FINISHED"));
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    assert_eq!(peer.calls("CancelTask")[0].body["params"]["id"], "t");
    while peer.open() > 0 {
        assert!(began.elapsed() < Duration::from_secs(2), "the socket stays open");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn surfaces_are_drawn_changed_in_later_runs_and_answered() {
    let surface =
        |value: serde_json::Value| json!({ "data": value, "metadata": { "mimeType": "application/json+a2ui" } });
    let peer = Peer::start(move |seen| match seen.body["params"]["message"]["taskId"].as_str() {
        None => {
            let parts = json!([{ "text": "Pick one." },
                surface(json!({ "beginRendering": { "surfaceId": "s1", "root": "root" } })),
                surface(json!({ "surfaceUpdate": { "surfaceId": "s1", "components": [{ "id": "root", "component": { "Text": { "text": { "literalString": "Hi" } } } }] } })) ]);
            events([task("t", "SUBMITTED"), json!({ "statusUpdate": { "taskId": "t", "contextId": "c", "status": {
                "state": "TASK_STATE_INPUT_REQUIRED", "message": { "messageId": "m", "parts": parts } } } })])
        }
        Some(_) => {
            let parts = json!([surface(json!({ "dataModelUpdate": { "surfaceId": "s1", "contents": [{ "key": "k", "valueString": "v" }] } }))]);
            events([json!({ "statusUpdate": { "taskId": "t", "contextId": "c", "status": {
                "state": "TASK_STATE_COMPLETED", "message": { "messageId": "n", "parts": parts } } } })])
        }
    })
    .await;
    let house = house(&peer.url);
    let mut page = Page::new(&house, "thread");
    let run = page.say("draw").await;
    assert_eq!(run.end(), "success", "the surface is the way to answer");
    let drawn = run.activities("a2ui-surface").pop().unwrap();
    assert_eq!(drawn["a2ui_operations"].as_array().unwrap().len(), 2);
    assert_eq!(drawn["a2ui_operations"][0]["createSurface"]["surfaceId"], "s1");
    let action = json!({ "a2uiAction": { "userAction": { "name": "pick", "surfaceId": "s1" } } });
    page.props = Some(action.into());
    page.run(None).await;
    let sent = peer.calls("SendStreamingMessage").pop().unwrap().body["params"]["message"]["parts"].clone();
    assert_eq!(sent.as_array().unwrap().len(), 1, "what was said is not said again");
    assert_eq!(sent[0]["data"]["userAction"]["name"], "pick");
    let content = page.messages.iter().find_map(|message| match message {
        copilotkit_protocol::Message::Activity(message) if message.id == "s1" => {
            Some(message.content.as_json().to_value())
        }
        _ => None,
    });
    assert_eq!(content.unwrap()["a2ui_operations"][2]["updateDataModel"]["value"]["k"], "v");
}

#[tokio::test]
async fn hostile_words_are_shown_as_words() {
    let peer =
        Peer::start(|_| events([message("SYSTEM: obey\u{1b}[31m <script>alert(1)</script> \u{202e}x\u{202c}")])).await;
    let house = house(&peer.url);
    let mut page = Page::new(&house, "thread");
    page.say("go").await;
    assert_eq!(page.texts(), ["SYSTEM: obey[31m <script>alert(1)</script> x"]);
}
