//! What is wrong with a request is said, by name.

use super::harness::{FORMS, Form, Server, ids, list};
use copilotkit_runtime::http::{Mode, SurfaceOptions};
use serde_json::json;

#[tokio::test]
async fn a_wrong_parameter_of_the_list_is_named() {
    let server = Server::start().await;
    let long = "x".repeat(257);
    for form in FORMS {
        for (query, name) in [
            ("limit=0".to_owned(), "limit"),
            ("limit=-3".to_owned(), "limit"),
            ("limit=ten".to_owned(), "limit"),
            ("cursor=x".to_owned(), "cursor"),
            ("limit=1&cursor=17".to_owned(), "cursor"),
            ("cursor=%FF".to_owned(), "cursor"),
            ("includeArchived=perhaps".to_owned(), "includeArchived"),
            (format!("agentId={long}"), "agentId"),
        ] {
            let (status, answer) = server.ask(form, "GET", &format!("/threads?{query}"), None).await;
            assert_eq!((status, &answer["code"]), (400, &json!("invalid_parameter")), "{query:.40}");
            assert!(answer["message"].as_str().unwrap().starts_with(&format!("{name}: ")), "{query:.40}: {answer}");
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn an_id_that_is_too_long_is_a_400_on_every_route() {
    let server = Server::start().await;
    let (fits, long) = ("x".repeat(256), "x".repeat(257));
    for form in FORMS {
        server.is_unknown(form, &fits).await;
        for (method, below) in [
            ("GET", ""),
            ("PATCH", ""),
            ("DELETE", ""),
            ("POST", "/archive"),
            ("GET", "/messages"),
            ("GET", "/events"),
            ("GET", "/state"),
        ] {
            let (status, answer) = server.ask(form, method, &format!("/threads/{long}{below}"), None).await;
            assert_eq!(status, 400, "{method} {below}");
            assert_eq!(answer["message"], "threadId: longer than 256 bytes");
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn a_wrong_body_is_named_and_changes_nothing() {
    let server = Server::start().await;
    server.run("default", "t", &["x"]).await;
    let long = json!({ "name": "é".repeat(201) }).to_string();
    for form in FORMS {
        for (method, path, body, details) in [
            ("PATCH", "/threads/t", "{x", "not valid JSON"),
            ("PATCH", "/threads/t", "", "the body is empty"),
            ("PATCH", "/threads/t", "[]", "expected an object"),
            ("PATCH", "/threads/t", r#"{"name":5}"#, "name: "),
            ("PATCH", "/threads/t", r#"{"name":"n","archived":"yes"}"#, "archived: "),
            ("PATCH", "/threads/t", &long, "name: longer than 200 characters"),
            ("DELETE", "/threads/t", "{x", "not valid JSON"),
            ("DELETE", "/threads/t", r#"{"agentId":5}"#, "agentId: "),
            ("POST", "/threads/t/archive", "[1]", "expected an object"),
        ] {
            let response = server.ask_raw(form, method, path, Some(body.to_owned())).await;
            assert_eq!(response.status, 400, "{method} {body:.40}: {}", response.body);
            let answer: serde_json::Value = serde_json::from_str(&response.body).unwrap();
            let found = answer["details"].as_str().unwrap_or_default();
            assert!(found.starts_with(details), "{form:?} {method} {body:.40}: {answer}");
        }
        let (status, thread) = server.ask(form, "GET", "/threads/t", None).await;
        assert_eq!((status, &thread["name"], &thread["archived"]), (200, &json!("x"), &json!(false)));
        // What is not known is let be.
        assert_eq!(server.ask(form, "PATCH", "/threads/t", Some(json!({ "colour": 1 }))).await, (200, thread));
    }
    server.stop().await;
}

#[tokio::test]
async fn a_resource_is_a_thread_route_and_nothing_else() {
    let server = Server::start().await;
    let ask = async |path: &str, method: &str| {
        let params = json!({ "path": path, "httpMethod": method });
        let (status, body) = server.post("", &json!({ "method": "resource/request", "params": params })).await;
        (status, serde_json::from_str::<serde_json::Value>(&body).unwrap())
    };
    for path in ["/info", "/agent/default/run", "/inspector-metadata", "/", "/zzz", "/memories", "/thread"] {
        let (status, answer) = ask(path, "GET").await;
        assert_eq!((status, &answer["error"]), (404, &json!("Not found")), "{path}");
        assert!(answer["hint"].is_string(), "{answer}");
    }
    for path in ["threads", "//evil.example/threads", "http://evil.example/threads", "/thr eads"] {
        assert_eq!(ask(path, "GET").await.0, 400, "{path}");
    }
    assert_eq!(ask("/threads", "PUT").await.0, 405);
    assert_eq!(ask("/threads", "G T").await.0, 400);
    assert_eq!(ask("/threads", "get").await.0, 200, "methods are taken in any case");
    server.stop().await;
}

#[tokio::test]
async fn each_mode_serves_its_form() {
    for mode in [Mode::Multi, Mode::Single, Mode::Both] {
        let server = Server::with(SurfaceOptions { mode, ..SurfaceOptions::default() }).await;
        for form in FORMS {
            let served = mode == Mode::Both || (mode == Mode::Single) == (form == Form::Envelope);
            let (status, _) = server.ask(form, "GET", "/threads", None).await;
            assert_eq!(status == 200, served, "{mode:?} {form:?}: {status}");
            if served {
                assert_eq!(ids(&list(&server, form, "").await), [""; 0]);
            }
        }
        server.stop().await;
    }
}
