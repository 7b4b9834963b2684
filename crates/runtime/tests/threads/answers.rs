//! Heads of answers: HEAD, what browsers and proxies are told, and the routes of what only a platform has.

use super::harness::{FORMS, Form, Server};
use copilotkit_fixtures::recording::Response;
use copilotkit_runtime::http::SurfaceOptions;
use serde_json::{Value, json};

fn header<'a>(response: &'a Response, name: &str) -> Option<&'a str> {
    response.headers.get(name).and_then(Value::as_str)
}

#[tokio::test]
async fn head_is_get_without_the_body() {
    let server = Server::start().await;
    server.run("default", "t", &["x"]).await;
    for path in [
        "/info",
        "/threads",
        "/threads?limit=0",
        "/threads/t",
        "/threads/none",
        "/threads/t/messages",
        "/threads/t/events",
        "/threads/t/state",
        "/inspector-metadata",
        "/inspector-learning",
        "/nothing",
    ] {
        let path = format!("/copilotkit{path}");
        let (get, head) = (server.send("GET", &path, None).await, server.send("HEAD", &path, None).await);
        assert_eq!((head.status, head.body.as_str()), (get.status, ""), "{path}");
        for name in ["content-type", "cache-control", "x-content-type-options"] {
            assert_eq!(header(&head, name), header(&get, name), "{path}: {name}");
        }
        if let Some(length) = header(&get, "content-length") {
            assert_eq!(header(&head, "content-length"), Some(length), "{path}");
        }
    }
    // Also where no server takes the body away: the surface may stand in another application.
    let request = http::Request::head("/copilotkit/info").body(axum::body::Body::empty()).unwrap();
    let response = server.surface.handle(request).await;
    let length: usize = response.headers()["content-length"].to_str().unwrap().parse().unwrap();
    let body = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
    assert!(length > 100 && body.is_empty(), "{length}");
    let run = server.send("HEAD", "/copilotkit/agent/default/run", None).await;
    assert_eq!((run.status, run.body.as_str(), header(&run, "allow")), (405, "", Some("POST")));
    let (status, body) = server.ask(Form::Envelope, "HEAD", "/threads/t", None).await;
    assert_eq!((status, body), (200, Value::Null));
    server.stop().await;
}

#[tokio::test]
async fn no_answer_is_sniffed_and_no_stream_is_changed_on_its_way() {
    let server = Server::start().await;
    let input = super::harness::input("t", vec![json!("x")]).to_string();
    let mut answers = vec![server.send("POST", "/copilotkit/agent/default/run", Some(input.clone())).await];
    answers.push(server.send("POST", "/copilotkit/agent/default/connect", Some(input)).await);
    for stream in &answers {
        assert_eq!(header(stream, "cache-control"), Some("no-cache, no-transform"));
        assert_eq!(header(stream, "x-accel-buffering"), Some("no"));
    }
    for (method, path) in [
        ("GET", "/copilotkit/info"),
        ("OPTIONS", "/copilotkit/info"),
        ("PUT", "/copilotkit/info"),
        ("GET", "/copilotkit/threads/t/events"),
        ("POST", "/copilotkit/threads/clear"),
        ("GET", "/elsewhere"),
        ("GET", "/health"),
        ("GET", "/ready"),
    ] {
        answers.push(server.send(method, path, None).await);
    }
    for answer in answers {
        assert_eq!(header(&answer, "x-content-type-options"), Some("nosniff"), "{answer:?}");
    }
    server.stop().await;
}

#[tokio::test]
async fn what_only_a_platform_has_is_refused_as_recorded_in_our_words() {
    let server = Server::start().await;
    for form in FORMS {
        for path in ["/threads/subscribe", "/annotate"] {
            // The body is not looked at first.
            for body in [None, Some("{}".to_owned()), Some("{x".to_owned())] {
                let response = server.ask_raw(form, "POST", path, body).await;
                let answer: Value = serde_json::from_str(&response.body).unwrap();
                assert_eq!((response.status, &answer["code"]), (422, &json!("not_available")), "{path}");
                assert!(answer["message"].as_str().unwrap().len() > 40, "{answer}");
            }
        }
        for path in ["/memories", "/memories/recall", "/memories/subscribe", "/memories/m1"] {
            for method in ["GET", "POST", "PATCH", "DELETE", "PUT"] {
                let (status, answer) = server.ask(form, method, path, None).await;
                assert_eq!((status, &answer["error"]), (404, &json!("Not found")), "{method} {path}");
                assert!(answer["hint"].as_str().unwrap().contains("/memories"), "{answer}");
            }
        }
    }
    for (path, method, status) in
        [("/inspector-metadata", "inspector/metadata", 204), ("/inspector-learning", "inspector/learning", 404)]
    {
        let rest = server.send("GET", &format!("/copilotkit{path}?agentId=default"), None).await;
        let envelope = json!({ "method": method, "params": { "agentId": "default", "skillsPage": 1 } }).to_string();
        let enveloped = server.send("POST", "/copilotkit", Some(envelope)).await;
        for response in [rest, enveloped] {
            assert_eq!((response.status, header(&response, "cache-control")), (status, Some("no-store, private")));
        }
    }
    server.stop().await;
    let exposed = Server::with(SurfaceOptions { memory_routes: true, ..SurfaceOptions::default() }).await;
    for form in FORMS {
        let (status, answer) = exposed.ask(form, "POST", "/memories/recall", Some(json!({ "query": "x" }))).await;
        assert_eq!((status, &answer["code"]), (422, &json!("not_available")));
        assert_eq!(exposed.ask(form, "GET", "/memories/recall", None).await.0, 405);
    }
    exposed.stop().await;
}
