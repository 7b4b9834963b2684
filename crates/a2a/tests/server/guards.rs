//! Who is let in, and what of others they see.

use super::kit::{FORMS, Form, Server, message, state};
use copilotkit_a2a::server::{A2aServerOptions, AG_UI_EXTENSION};
use copilotkit_runtime::Principal;
use copilotkit_runtime::http::SurfaceOptions;
use copilotkit_runtime::http::auth::{Auth, Bearer};
use copilotkit_runtime::store::MemoryStore;
use serde_json::json;
use std::sync::Arc;

async fn guarded() -> Server {
    let tokens = [("token-of-alice", Principal::new("alice")), ("token-of-bob", Principal::new("bob"))];
    let surface = SurfaceOptions { auth: Some(Auth::new(Bearer::new(tokens).unwrap())), ..SurfaceOptions::default() };
    Server::with(Arc::new(MemoryStore::default()), A2aServerOptions::default(), surface).await
}

#[tokio::test]
async fn nobody_gets_further_than_the_card_without_a_token() {
    let server = guarded().await;
    let version = [("a2a-version", "1.0".to_owned())];
    for (method, path) in [
        ("POST", "/a2a/obedient"),
        ("POST", "/a2a/obedient/message:send"),
        ("POST", "/a2a/obedient/message:stream"),
        ("GET", "/a2a/obedient/tasks"),
        ("GET", "/a2a/obedient/tasks/x"),
        ("POST", "/a2a/obedient/tasks/x:cancel"),
        ("POST", "/a2a/obedient/tasks/x:subscribe"),
        ("GET", "/a2a/obedient/extendedAgentCard"),
        ("GET", "/a2a/obedient/nothing"),
        ("GET", "/a2a/nobody"),
        ("GET", "/a2a"),
    ] {
        let response = server.request(method, path, &version, Some("{}".to_owned())).await;
        assert_eq!(response.status().as_u16(), 401, "{method} {path}");
        assert!(response.headers()["www-authenticate"].to_str().unwrap().starts_with("Bearer"));
    }
    let card = server.request("GET", "/a2a/obedient/.well-known/agent-card.json", &[], None).await;
    assert_eq!(card.status().as_u16(), 200);
}

#[tokio::test]
async fn the_task_of_another_principal_is_unknown() {
    let server = guarded().await;
    for form in FORMS {
        let of = |name: &str| server.asks(form, "obedient").with("authorization", &format!("Bearer token-of-{name}"));
        let shared = format!("shared-{form:?}");
        let (alice, bob) = (of("alice"), of("bob"));
        let mut stream = alice.open("SendStreamingMessage", message(&shared, "silent")).await;
        let task = stream.next().await.unwrap()["task"].clone();
        for method in ["GetTask", "CancelTask", "SubscribeToTask"] {
            let (reason, text) = bob.try_call(method, json!({ "id": task["id"] })).await.unwrap_err();
            let nothing = bob.try_call(method, json!({ "id": "nothing" })).await.unwrap_err();
            assert_eq!((reason.as_str(), &text), ("TASK_NOT_FOUND", &nothing.1), "{method}");
        }
        let mut answer = message(&shared, "x");
        answer["message"]["taskId"] = task["id"].clone();
        assert_eq!(bob.try_call("SendMessage", answer).await.unwrap_err().0, "TASK_NOT_FOUND");
        let listed = bob.call("ListTasks", json!({ "contextId": shared })).await;
        assert_eq!(listed["totalSize"], 0);
        // The name of a context is no secret and no property: bob's is another thread.
        let own = bob.say(&shared, "count").await;
        assert_eq!(super::kit::texts(&own), ["1 messages"]);
        assert_eq!(state(&alice.call("CancelTask", json!({ "id": task["id"] })).await), "CANCELED");
    }
}

#[tokio::test]
async fn the_task_of_another_agent_is_unknown() {
    let server = Server::start().await;
    let task = server.asks(Form::Rpc, "obedient").say("c", "say x").await;
    let other = server.asks(Form::Rpc, "default");
    assert_eq!(other.try_call("GetTask", json!({ "id": task["id"] })).await.unwrap_err().0, "TASK_NOT_FOUND");
    assert_eq!(other.call("ListTasks", json!({})).await["totalSize"], 0);
}

#[tokio::test]
async fn one_version_is_spoken_and_the_answer_to_others_says_which() {
    let server = Server::start().await;
    for form in FORMS {
        for version in [None, Some("0.3"), Some("99.0")] {
            let mut asker = server.asks(form, "obedient");
            asker.headers = version.iter().map(|version| ("a2a-version", (*version).to_owned())).collect();
            let (reason, text) = asker.try_call("SendMessage", message("c", "say x")).await.unwrap_err();
            assert_eq!(reason, "VERSION_NOT_SUPPORTED", "{version:?}");
            assert!(text.contains("1.0"), "{text}");
        }
    }
}

#[tokio::test]
async fn foreign_pages_and_large_bodies_are_refused() {
    let surface = SurfaceOptions { body_max: 2_000, ..SurfaceOptions::default() };
    let server = Server::with(Arc::new(MemoryStore::default()), A2aServerOptions::default(), surface).await;
    let headers = [("a2a-version", "1.0".to_owned()), ("origin", "https://evil.example".to_owned())];
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "SendMessage", "params": message("c", "say x") });
    let refused = server.request("POST", "/a2a/obedient", &headers, Some(body.to_string())).await;
    assert_eq!(refused.status().as_u16(), 403);
    let large = server.request("POST", "/a2a/obedient", &headers[..1], Some("x".repeat(3_000))).await;
    assert_eq!(large.status().as_u16(), 413);
    for (path, status) in [("/a2a/obedient/nothing", 404), ("/a2a/nobody", 404), ("/a2a", 404), ("/a2a/obedient", 405)]
    {
        let found = server.request("GET", path, &headers[..1], None).await.status().as_u16();
        assert_eq!(found, status, "{path}");
    }
    let plain = [headers[0].clone(), ("content-type", "text/plain".to_owned())];
    let refused = server.request("POST", "/a2a/obedient", &plain, Some(body.to_string())).await.text().await.unwrap();
    assert!(refused.contains("-32005"), "a form of another page needs no leave of the browser: {refused}");
    let refused = server.request("POST", "/a2a/obedient/message:send", &plain, Some("{}".to_owned())).await;
    assert_eq!(refused.status().as_u16(), 400);
    let verb = server.request("DELETE", "/a2a/obedient/message:send", &headers[..1], None).await;
    assert_eq!(verb.status().as_u16(), 405);
    // What is measured knows the routes, and not the ids in them.
    server.lifecycle.measure();
    let text = copilotkit_runtime::telemetry::metrics::text(server.lifecycle.metrics());
    assert!(text.contains("/a2a/{agentId}/message:send") && !text.contains("/a2a/obedient"), "{text}");
}

#[tokio::test]
async fn who_knows_ag_ui_sees_more() {
    let server = Server::start().await;
    for form in FORMS {
        let asker = server.asks(form, "obedient").with("a2a-extensions", AG_UI_EXTENSION);
        let mut request = message("c", "state red");
        request["message"]["metadata"] = json!({ AG_UI_EXTENSION: { "state": { "a": 1 } } });
        let events = asker.stream("SendStreamingMessage", request.clone()).await;
        let told: Vec<_> =
            events.iter().map(|event| &event["statusUpdate"]["metadata"][AG_UI_EXTENSION]["event"]).collect();
        let snapshot = told.iter().find(|event| event.is_object()).unwrap();
        assert_eq!(snapshot["snapshot"], json!({ "color": "red", "was": { "a": 1 } }));
        // Others are spared it.
        let plain = server.asks(form, "obedient").stream("SendStreamingMessage", message("d", "state red")).await;
        assert!(plain.iter().all(|event| event["statusUpdate"]["metadata"].is_null()));
        // The state stays with the thread.
        let again = asker.stream("SendStreamingMessage", message("c", "state blue")).await;
        let again =
            again.iter().find_map(|event| event["statusUpdate"]["metadata"][AG_UI_EXTENSION]["event"].as_object());
        assert_eq!(again.unwrap()["snapshot"]["was"]["color"], "red");
        request["message"]["metadata"] = json!({ AG_UI_EXTENSION: { "tools": 7 } });
        let (reason, text) = asker.try_call("SendMessage", request).await.unwrap_err();
        assert!(reason == "INVALID_PARAMS" && text.contains("tools"), "{text}");
    }
}
