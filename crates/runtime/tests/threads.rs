//! The thread routes over real sockets, by REST and by the envelope.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a helper of a test fails the test")]

mod threads {
    mod answers;
    mod failures;
    pub(crate) mod harness;
    mod history;
    mod ownership;
    mod refusals;
}

use serde_json::{Value, json};
use threads::harness::{FORMS, Form, Server, ids, list};

#[tokio::test]
async fn a_thread_is_made_named_renamed_archived_restored_and_deleted() {
    for form in FORMS {
        let server = Server::start().await;
        assert_eq!(list(&server, form, "").await, json!({ "threads": [], "nextCursor": null }));
        server.run("default", "t", &["Where is\n my order?"]).await;
        let (status, thread) = server.ask(form, "GET", "/threads/t", None).await;
        assert_eq!(status, 200);
        assert_eq!((&thread["id"], &thread["agentId"]), (&json!("t"), &json!("default")));
        assert_eq!((&thread["name"], &thread["archived"]), (&json!("Where is my order?"), &json!(false)));
        assert_eq!((&thread["organizationId"], &thread["createdById"]), (&json!(""), &json!("")));
        for time in ["createdAt", "updatedAt", "lastRunAt"] {
            let text = thread[time].as_str().unwrap();
            assert!(text.len() == 24 && text.starts_with("20") && text.ends_with('Z'), "{time}: {text}");
        }
        assert_eq!(list(&server, form, "?agentId=default&limit=50").await["threads"], json!([thread]));

        let change = json!({ "agentId": "default", "name": " My order " });
        let (status, renamed) = server.ask(form, "PATCH", "/threads/t", Some(change)).await;
        let mut expected = thread.clone();
        expected["name"] = "My order".into();
        assert_eq!((status, &renamed), (200, &expected), "a new name changes nothing else");
        server.run("toolcall", "t", &["another"]).await;
        let (_, after) = server.ask(form, "GET", "/threads/t", None).await;
        assert_eq!((&after["name"], &after["agentId"]), (&json!("My order"), &json!("toolcall")));

        let scope = || Some(json!({ "agentId": "default" }));
        let archived = server.ask(form, "POST", "/threads/t/archive", scope()).await;
        assert_eq!(archived, (200, json!({ "threadId": "t", "archived": true })));
        assert_eq!(ids(&list(&server, form, "").await), [""; 0]);
        let shown = list(&server, form, "?includeArchived=true").await;
        assert_eq!((ids(&shown), &shown["threads"][0]["archived"]), (vec!["t"], &json!(true)));
        let (status, restored) = server.ask(form, "PATCH", "/threads/t", Some(json!({ "archived": false }))).await;
        assert_eq!((status, &restored["archived"], &restored["name"]), (200, &json!(false), &json!("My order")));
        assert_eq!(ids(&list(&server, form, "").await), ["t"]);
        for (name, expected) in
            [(json!(null), Value::Null), (json!("again"), json!("again")), (json!(" "), Value::Null)]
        {
            let (_, thread) = server.ask(form, "PATCH", "/threads/t", Some(json!({ "name": name }))).await;
            assert_eq!(thread["name"], expected);
        }

        let deleted = server.ask(form, "DELETE", "/threads/t", scope()).await;
        assert_eq!(deleted, (200, json!({ "threadId": "t", "deleted": true })));
        server.is_unknown(form, "t").await;
        // The same id again is another thread.
        server.run("default", "t", &["second life"]).await;
        let (_, messages) = server.ask(form, "GET", "/threads/t/messages", None).await;
        assert_eq!(messages["messages"].as_array().unwrap().len(), 2);
        assert_eq!(list(&server, form, "").await["threads"][0]["name"], "second life");
        server.stop().await;
    }
}

#[tokio::test]
async fn a_thread_is_named_by_the_first_words_of_the_run_that_makes_it() {
    let server = Server::start().await;
    let long = "please ".repeat(20);
    let image = json!([{ "type": "image", "source": { "type": "url", "value": "https://a.example/i.png" } }]);
    let parts = json!([{ "type": "text", "text": "What is this?" }, image[0]]);
    let cases = [
        ("long", vec![json!(long)], json!("please please please please please please please please…")),
        ("parts", vec![parts], json!("What is this?")),
        ("image", vec![image], Value::Null),
        ("blank", vec![json!(" \n")], Value::Null),
        ("none", vec![], Value::Null),
        ("two", vec![json!("first"), json!("second")], json!("first")),
    ];
    for (id, contents, _) in &cases {
        server.run_with("default", id, contents.clone()).await;
        server.run_with("default", id, vec![json!("later")]).await;
    }
    for (id, _, name) in &cases {
        let (_, thread) = server.ask(Form::Rest, "GET", &format!("/threads/{id}"), None).await;
        assert_eq!(&thread["name"], name, "{id}: the run that makes the thread names it, none of those behind it");
    }
    server.stop().await;
}

#[tokio::test]
async fn pages_go_on_where_the_last_one_ended_while_threads_move() {
    for form in FORMS {
        let server = Server::start().await;
        for id in ["a", "b", "c", "d", "e"] {
            server.run("default", id, &["x"]).await;
        }
        let first = list(&server, form, "?limit=2").await;
        assert_eq!(ids(&first), ["e", "d"]);
        // One that was shown and one that was not are used again; another is renamed and archived, and stays.
        server.run("default", "e", &["x"]).await;
        server.run("default", "b", &["x"]).await;
        server.ask(form, "PATCH", "/threads/a", Some(json!({ "name": "n" }))).await;
        let cursor = percent_encode(first["nextCursor"].as_str().unwrap());
        let second = list(&server, form, &format!("?agentId=default&limit=1&cursor={cursor}")).await;
        assert_eq!(ids(&second), ["c"]);
        let cursor = percent_encode(second["nextCursor"].as_str().unwrap());
        let third = list(&server, form, &format!("?cursor={cursor}&limit=5")).await;
        assert_eq!((ids(&third), &third["nextCursor"]), (vec!["a"], &Value::Null));
        assert_eq!(ids(&list(&server, form, "?limit=5000").await), ["b", "e", "d", "c", "a"]);
        server.stop().await;
    }
}

fn percent_encode(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

#[tokio::test]
async fn the_list_is_of_the_agent_that_is_asked_for() {
    let server = Server::start().await;
    server.run("default", "a", &["x"]).await;
    server.run("state", "b", &["x"]).await;
    server.run("default", "c", &["x"]).await;
    server.run("state", "c", &["x"]).await;
    for form in FORMS {
        assert_eq!(ids(&list(&server, form, "?agentId=state").await), ["c", "b"], "the agent of the last run counts");
        assert_eq!(ids(&list(&server, form, "?agentId=default").await), ["a"]);
        assert_eq!(ids(&list(&server, form, "?agentId=ghost").await), [""; 0]);
        assert_eq!(ids(&list(&server, form, "?agentId=&other=1").await), ["c", "b", "a"]);
    }
    server.stop().await;
}

#[tokio::test]
async fn suggestions_are_no_threads() {
    let server = Server::start().await;
    let tool = json!({ "name": "copilotkitSuggest", "description": "", "parameters": {} });
    let input = json!({ "threadId": "s", "runId": "r", "messages": [], "tools": [tool], "context": [] });
    let rest = server.post("/agent/suggester/suggest", &input).await;
    let run = server.post("/agent/suggester/run", &input).await;
    let envelope = json!({ "method": "agent/run", "params": { "agentId": "suggester" }, "body": input });
    let enveloped = server.post("", &envelope).await;
    for (status, body) in [rest, run, enveloped] {
        assert!(status == 200 && body.contains("copilotkitSuggest"), "{status} {body}");
    }
    for form in FORMS {
        assert_eq!(ids(&list(&server, form, "?includeArchived=true").await), [""; 0]);
        server.is_unknown(form, "s").await;
    }
    server.stop().await;
}

#[tokio::test]
async fn a_live_thread_is_listed_and_cannot_be_deleted_until_it_was_stopped() {
    for form in FORMS {
        let server = Server::start().await;
        server.run("default", "idle", &["x"]).await;
        let live = server.begin("silent", "live").await;
        assert_eq!(ids(&list(&server, form, "").await), ["live", "idle"]);
        let (status, answer) = server.ask(form, "DELETE", "/threads/live", None).await;
        assert_eq!((status, &answer["code"]), (409, &json!("thread_busy")));
        assert!(answer["message"].as_str().unwrap().contains("Stop it"), "{answer}");
        // What ended is there, what goes on is not: that is for connect.
        assert_eq!(server.ask(form, "GET", "/threads/live/events", None).await, (200, json!({ "events": [] })));
        assert_eq!(server.ask(form, "GET", "/threads/live/messages", None).await, (200, json!({ "messages": [] })));
        let (status, renamed) = server.ask(form, "PATCH", "/threads/live", Some(json!({ "name": "n" }))).await;
        assert_eq!((status, &renamed["name"]), (200, &json!("n")));
        assert_eq!(server.ask(form, "POST", "/threads/clear", Some(json!({}))).await, (204, Value::Null));
        assert_eq!(ids(&list(&server, form, "").await), ["live"], "clear lets go what is idle");
        assert_eq!(server.post("/agent/silent/stop/live", &json!({})).await.0, 200);
        live.await.unwrap();
        let deleted = server.ask(form, "DELETE", "/threads/live", None).await;
        assert_eq!(deleted, (200, json!({ "threadId": "live", "deleted": true })));
        server.is_unknown(form, "live").await;
        server.stop().await;
    }
}

#[tokio::test]
async fn clear_deletes_archived_threads_too() {
    let server = Server::start().await;
    for id in ["a", "b"] {
        server.run("default", id, &["x"]).await;
    }
    assert_eq!(server.ask(Form::Rest, "POST", "/threads/a/archive", None).await.0, 200);
    assert_eq!(server.ask(Form::Rest, "POST", "/threads/clear", None).await, (204, Value::Null));
    assert_eq!(ids(&list(&server, Form::Rest, "?includeArchived=1").await), [""; 0]);
    server.is_unknown(Form::Rest, "a").await;
    server.stop().await;
}
