//! The client against agents that do what real ones do, and worse.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a helper of a test fails the test")]

#[path = "kit/peer.rs"]
#[allow(dead_code, reason = "shared between tests")]
mod peer;

use copilotkit_a2a::types::{Event, Message, Part, Role, SendMessageRequest, Task, TaskState};
use copilotkit_a2a::{A2aClient, A2aError, Caller, limits};
use futures::StreamExt as _;
use http::{HeaderMap, HeaderValue};
use peer::{Peer, Piece, Reply, card, error, events, message, result, status, task};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

fn client(peer: &Peer) -> A2aClient {
    A2aClient::builder(peer.url.as_str()).idle_timeout(Duration::from_secs(2)).build().unwrap()
}

fn request(text: &str) -> SendMessageRequest {
    let message = Message::new("ours", Role::User, vec![Part::text(text)]);
    SendMessageRequest { message, ..SendMessageRequest::default() }
}

/// All that comes of a message, shortened: states and texts.
async fn talk(client: &A2aClient) -> (Vec<String>, Option<A2aError>) {
    let mut steps = client.converse(request("go"), Caller::default());
    let mut shown = Vec::new();
    let all = async {
        while let Some(step) = steps.next().await {
            match step {
                Ok(event) => shown.push(short(&event)),
                Err(error) => return Some(error),
            }
        }
        None
    };
    let end = tokio::time::timeout(Duration::from_secs(20), all).await.expect("it hangs");
    (shown, end)
}

fn short(event: &Event) -> String {
    match event {
        Event::Task(Task { status, .. }) => format!("task {}", status.state.as_str()),
        Event::Message(message) => format!("message {}", message.text()),
        Event::Status(update) => {
            let text = update.status.message.as_ref().map(Message::text).unwrap_or_default();
            format!("{} {text}", update.status.state.as_str()).trim_end().to_owned()
        }
        Event::Artifact(update) => format!("artifact {}", update.artifact.text()),
        _ => "unknown".to_owned(),
    }
}

#[tokio::test]
async fn a_card_is_fetched_once_for_all_and_looked_at_again_by_its_tag() {
    let peer = Peer::with_card(
        |url| {
            let headers = vec![
                ("content-type", "application/json".to_owned()),
                ("etag", "\"v1\"".to_owned()),
                ("cache-control", "max-age=1".to_owned()),
            ];
            Reply::Late(
                Duration::from_millis(50),
                Box::new(Reply::Raw(200, headers, card(url, "1.0").to_string().into_bytes())),
            )
        },
        |_| result(message("hi")),
    )
    .await;
    let client = client(&peer);
    let cards = futures::future::join_all((0..20).map(|_| client.card())).await;
    assert!(cards.iter().all(Result::is_ok));
    assert_eq!(peer.seen().len(), 1, "20 callers, one request");
    assert_eq!(peer.seen()[0].headers["a2a-version"], "1.0");
    client.send(request("x"), &Caller::default()).await.unwrap();
    assert_eq!(peer.seen().len(), 2, "the card is kept");
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    client.card().await.unwrap();
    let last = peer.seen().pop().unwrap();
    assert_eq!(
        (last.path.as_str(), last.headers["if-none-match"].to_str().unwrap()),
        ("/.well-known/agent-card.json", "\"v1\"")
    );
}

#[tokio::test]
async fn a_card_is_found_at_the_old_place_and_an_old_one_is_used_while_there_is_no_new_one() {
    let fetches = Arc::new(AtomicUsize::new(0));
    let counted = fetches.clone();
    let peer = Peer::bare(move |seen, url| match seen.path.as_str() {
        "/base/.well-known/agent.json" => {
            if counted.fetch_add(1, Ordering::SeqCst) > 0 {
                return Reply::Raw(503, vec![], Vec::new());
            }
            let old = json!({ "name": "Old", "url": format!("{url}/rpc"), "protocolVersion": "0.2.6" });
            Reply::Raw(200, vec![("cache-control", "no-store".to_owned())], old.to_string().into_bytes())
        }
        "/rpc" => Reply::Json(200, json!({ "jsonrpc": "2.0", "id": "1", "result": { "kind": "message", "role": "agent", "messageId": "m", "parts": [{ "kind": "text", "text": "hi" }] } })),
        _ => Reply::Raw(404, vec![], Vec::new()),
    })
    .await;
    let client = A2aClient::builder(format!("{}/base", peer.url)).build().unwrap();
    assert_eq!(talk(&client).await.0, ["message hi"]);
    assert_eq!(peer.calls("message/send").len(), 1);
    assert_eq!(talk(&client).await.0, ["message hi"], "stale, since there is no new one");
    assert!(fetches.load(Ordering::SeqCst) >= 2);
}

#[tokio::test]
async fn bad_cards_are_refused_in_words() {
    let huge = format!("{{\"name\":\"{}\"}}", "x".repeat(limits::CARD_BYTES));
    for (reply, code, words) in [
        (Reply::Raw(200, vec![], b"<html>".to_vec()), "a2a_card", "cannot be read"),
        (Reply::Raw(200, vec![], huge.into_bytes()), "a2a_card", "larger than"),
        (Reply::Raw(500, vec![], Vec::new()), "a2a_card", "status 500"),
        (Reply::Raw(401, vec![], Vec::new()), "a2a_card", "Configure `headers`"),
        (
            Reply::Raw(302, vec![("location", "http://169.254.169.254/latest".to_owned())], Vec::new()),
            "a2a_origin",
            "another origin",
        ),
        (
            Reply::Raw(302, vec![("location", "/.well-known/agent-card.json".to_owned())], Vec::new()),
            "a2a_card",
            "circles",
        ),
        (
            Reply::Json(
                200,
                json!({ "name": "x", "supportedInterfaces": [{ "url": "http://evil.invalid/", "protocolBinding": "JSONRPC", "protocolVersion": "1.0" }] }),
            ),
            "a2a_origin",
            "allowed_origins",
        ),
        (Reply::Json(200, json!({ "name": "x" })), "a2a_interface", "offers nothing"),
    ] {
        let reply = std::sync::Mutex::new(Some(reply));
        let again = |reply: &Option<Reply>| match reply {
            Some(Reply::Raw(status, headers, body)) => Reply::Raw(*status, headers.clone(), body.clone()),
            Some(Reply::Json(status, value)) => Reply::Json(*status, value.clone()),
            _ => unreachable!(),
        };
        let peer = Peer::with_card(move |_| again(&reply.lock().unwrap()), |_| result(message("never"))).await;
        let client = A2aClient::builder(peer.url.as_str())
            .header(http::header::AUTHORIZATION, HeaderValue::from_static("Bearer secret"))
            .build()
            .unwrap();
        let error = client.send(request("x"), &Caller::default()).await.unwrap_err();
        assert_eq!(error.code(), code, "{error}");
        assert!(error.to_string().contains(words), "{error}");
        assert!(!error.to_string().contains("secret"));
        assert!(peer.calls("SendMessage").is_empty(), "nothing is sent");
    }
    let error = A2aClient::builder("http://127.0.0.1:9/").build().unwrap().card().await.unwrap_err();
    assert_eq!(error.code(), "agent_connect");
}

#[tokio::test]
async fn credentials_go_to_their_agent_and_forwarded_headers_never_over_them() {
    let peer = Peer::with_card(
        |url| {
            let mut card = card(url, "1.0");
            card["securitySchemes"] =
                json!({ "k": { "apiKeySecurityScheme": { "location": "header", "name": "X-Key" } } });
            card["securityRequirements"] = json!([{ "schemes": { "k": {} } }]);
            Reply::Json(200, card)
        },
        |seen| {
            if seen.headers.contains_key("x-key") {
                result(message("in"))
            } else {
                Reply::Raw(401, vec![], b"no".to_vec())
            }
        },
    )
    .await;
    let stranger = client(&peer).send(request("x"), &Caller::default()).await.unwrap_err();
    assert!(stranger.to_string().contains("an API key in the header `X-Key`"), "{stranger}");
    let known = A2aClient::builder(peer.url.as_str())
        .credential("k", "the key".to_owned().into())
        .forward(copilotkit_runtime::headers::HeaderPolicy::only(["x-key", "x-tenant"]).unwrap())
        .build()
        .unwrap();
    let headers: HeaderMap = [("x-tenant", "t"), ("x-other", "o")]
        .into_iter()
        .map(|(name, value)| (name.parse::<http::HeaderName>().unwrap(), HeaderValue::from_static(value)))
        .collect();
    known.send(request("x"), &Caller { headers: Arc::new(headers), ..Caller::default() }).await.unwrap();
    let sent = peer.calls("SendMessage").pop().unwrap().headers;
    assert_eq!(
        (&sent["x-key"], &sent["x-tenant"], sent.get("x-other")),
        (&HeaderValue::from_static("the key"), &HeaderValue::from_static("t"), None)
    );
    let card = peer.seen().remove(0).headers;
    assert!(!card.contains_key("x-key") && !card.contains_key("x-tenant"), "the card is public");
}

#[tokio::test]
async fn a_redirect_is_not_followed_with_credentials() {
    let thief = Peer::start(|_| result(message("stolen"))).await;
    let to = thief.url.clone();
    let peer = Peer::start(move |_| Reply::Raw(307, vec![("location", to.clone())], Vec::new())).await;
    let client = A2aClient::builder(peer.url.as_str())
        .header(http::header::AUTHORIZATION, HeaderValue::from_static("Bearer secret"))
        .build()
        .unwrap();
    let error = client.send(request("x"), &Caller::default()).await.unwrap_err();
    assert_eq!(error.code(), "agent_http_status");
    assert!(thief.seen().is_empty());
}

#[tokio::test]
async fn a_version_that_is_turned_down_is_followed_by_the_other_that_the_card_offers() {
    let peer = Peer::with_card(
        |url| {
            let mut card = card(url, "1.0");
            let old = json!({ "url": url, "protocolBinding": "JSONRPC", "protocolVersion": "0.3" });
            card["supportedInterfaces"].as_array_mut().unwrap().push(old);
            card["capabilities"]["streaming"] = json!(false);
            Reply::Json(200, card)
        },
        |seen| match seen.method() {
            "message/send" => Reply::Json(200, json!({ "jsonrpc": "2.0", "id": "1", "result": { "kind": "message", "role": "agent", "parts": [{ "kind": "text", "text": "old" }] } })),
            _ => error(-32009, "no"),
        },
    )
    .await;
    let client = client(&peer);
    assert_eq!(talk(&client).await.0, ["message old"]);
    assert_eq!(talk(&client).await.0, ["message old"]);
    assert_eq!(peer.calls("SendMessage").len(), 1, "it is remembered");
    assert!(!peer.calls("message/send")[0].headers.contains_key("a2a-version"));
    // A card of 1.0 alone is never spoken to in 0.3.
    let new = Peer::start(|_| error(-32009, "no")).await;
    let (_, failed) = talk(&self::client(&new)).await;
    assert_eq!(failed.unwrap().code(), "a2a_error");
    assert!(new.calls("message/stream").is_empty());
}

#[tokio::test]
async fn a_stream_in_every_spelling_of_the_grammar_is_read() {
    let frame = |value: &Value| json!({ "jsonrpc": "2.0", "id": 1, "result": value }).to_string();
    let text = frame(&status("t", "WORKING", "é€😀"));
    let (start, end) = text.split_at(text.find('€').unwrap());
    let mut bytes = format!("\u{feff}: ping\r\n\r\nevent: message\r\ndata: {start}").into_bytes();
    let euro = end.as_bytes();
    bytes.extend_from_slice(&euro[..1]);
    let rest = [&euro[1..], b"\r\n\r\n"].concat();
    let many = frame(&task("t", "COMPLETED")).replace("{\"id\"", "\ndata: {\"id\"");
    let pieces = vec![
        Piece::Bytes(bytes),
        Piece::Pause(Duration::from_millis(20)),
        Piece::Bytes(rest),
        Piece::Bytes(format!("data: {many}\r\r").into_bytes()),
    ];
    let peer = Peer::start(move |_| Reply::Stream(pieces.clone())).await;
    let (shown, end) = talk(&client(&peer)).await;
    assert!(end.is_none(), "{end:?}");
    assert_eq!(shown, ["working é€😀", "task completed"]);
}

#[tokio::test]
async fn a_cut_stream_is_followed_again_and_nothing_is_sent_twice() {
    let peer = Peer::start(|seen| match seen.method() {
        "SendStreamingMessage" => Reply::Stream(vec![
            Piece::Event(task("t", "SUBMITTED")),
            Piece::Event(status("t", "WORKING", "1")),
            Piece::Pause(Duration::from_millis(50)),
            Piece::Cut,
        ]),
        "GetTask" => result(status("t", "WORKING", "1")["statusUpdate"]["status"].clone()).into_task(),
        "SubscribeToTask" => {
            events([task("t", "WORKING"), status("t", "WORKING", "2"), status("t", "COMPLETED", "done")])
        }
        _ => error(-32601, "?"),
    })
    .await;
    let (shown, end) = talk(&client(&peer)).await;
    assert!(end.is_none(), "{end:?}");
    assert_eq!(shown.last().unwrap(), "completed done");
    assert!(shown.contains(&"working 2".to_owned()));
    assert_eq!(peer.calls("SendStreamingMessage").len(), 1);
    assert!(peer.calls("SendMessage").is_empty());
}

trait IntoTask {
    fn into_task(self) -> Reply;
}

impl IntoTask for Reply {
    /// The result of GetTask around a status.
    fn into_task(self) -> Reply {
        let Reply::Json(code, mut value) = self else { unreachable!() };
        value["result"] = json!({ "id": "t", "contextId": "c", "status": value["result"] });
        Reply::Json(code, value)
    }
}

#[tokio::test]
async fn a_stream_that_ends_too_early_is_settled_by_a_look_at_the_task() {
    let peer = Peer::start(|seen| match seen.method() {
        "SendStreamingMessage" => events([task("t", "WORKING")]),
        "GetTask" => {
            result(json!({ "state": "TASK_STATE_FAILED", "message": { "parts": [{ "text": "broke" }] } })).into_task()
        }
        _ => error(-32004, "terminal"),
    })
    .await;
    let (shown, end) = talk(&client(&peer)).await;
    assert_eq!((shown.last().unwrap().as_str(), end.is_none()), ("task failed", true));
}

#[tokio::test]
async fn an_agent_that_crashed_without_a_word_is_given_up() {
    let peer = Peer::start(|seen| match seen.method() {
        "SendStreamingMessage" => events([task("t", "WORKING")]),
        "GetTask" => result(json!({ "state": "TASK_STATE_WORKING" })).into_task(),
        // As the Python SDK of 0.3 has it: not even the head of an answer.
        _ => Reply::Hang,
    })
    .await;
    let began = Instant::now();
    let patient = A2aClient::builder(peer.url.as_str()).build().unwrap();
    let (_, end) = talk(&patient).await;
    assert_eq!(end.unwrap().code(), "agent_disconnected");
    assert!(began.elapsed() < Duration::from_secs(19), "{:?}", began.elapsed());
}

#[tokio::test]
async fn an_agent_that_does_not_stream_is_asked_until_it_is_done() {
    let looks = Arc::new(AtomicUsize::new(0));
    let counted = looks.clone();
    let peer = Peer::with_card(
        |url| {
            let mut card = card(url, "1.0");
            card["capabilities"] = json!({});
            Reply::Json(200, card)
        },
        move |seen| match seen.method() {
            "SendMessage" => result(task("t", "WORKING")),
            "GetTask" if counted.fetch_add(1, Ordering::SeqCst) > 0 => {
                result(json!({ "state": "TASK_STATE_COMPLETED" })).into_task()
            }
            "GetTask" => result(json!({ "state": "TASK_STATE_WORKING" })).into_task(),
            _ => error(-32601, "?"),
        },
    )
    .await;
    let (shown, end) = talk(&client(&peer)).await;
    assert!(end.is_none());
    assert_eq!(shown, ["task working", "task working", "task completed"]);
    assert_eq!(looks.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn every_way_to_fail_is_told_apart() {
    let large = format!("data: {{\"x\":\"{}\"}}\n\n", "y".repeat(limits::FRAME_BYTES + 10)).into_bytes();
    let error_frame = b"event: error\ndata: {\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":-32603,\"message\":\"the agent\\u001b[31m broke\"}}\n\n".to_vec();
    type Make = Box<dyn Fn() -> Reply + Send + Sync>;
    let cases: Vec<(Make, &str, &str)> = vec![
        (Box::new(|| error(-32602, "bad parameters")), "a2a_error", "bad parameters"),
        (Box::new(move || Reply::Stream(vec![Piece::Bytes(error_frame.clone())])), "a2a_error", "the agent[31m broke"),
        (Box::new(move || Reply::Stream(vec![Piece::Bytes(large.clone())])), "agent_event_too_large", "more than"),
        (Box::new(|| Reply::Stream(vec![Piece::Bytes(b"data: nonsense\n\n".to_vec())])), "a2a_bad_answer", "no answer"),
        (Box::new(|| Reply::Stream(vec![])), "a2a_bad_answer", "without an event"),
        (
            Box::new(|| Reply::Raw(429, vec![("retry-after", "1".to_owned())], Vec::new())),
            "agent_http_status",
            "too much",
        ),
        (Box::new(|| Reply::Raw(404, vec![], b"nope".to_vec())), "agent_http_status", "wrong address"),
        (
            Box::new(|| Reply::Raw(200, vec![("content-type", "text/html".to_owned())], b"<html>".to_vec())),
            "a2a_bad_answer",
            "no answer",
        ),
        (Box::new(|| Reply::Hang), "agent_timeout", "within"),
        (Box::new(|| Reply::Stream(vec![Piece::Event(json!({ "new": 1 })), Piece::Hang])), "agent_timeout", "within"),
    ];
    for (make, code, words) in cases {
        let peer = Peer::start(move |_| make()).await;
        let client = A2aClient::builder(peer.url.as_str()).idle_timeout(Duration::from_millis(400)).build().unwrap();
        let (_, end) = talk(&client).await;
        let end = end.unwrap_or_else(|| panic!("{words}: it did not fail"));
        assert_eq!(end.code(), code, "{end}");
        assert!(end.to_string().contains(words), "{end}");
    }
}

#[tokio::test]
async fn a_whole_answer_to_a_stream_is_taken_and_unknown_events_are_passed_over() {
    let peer = Peer::start(|_| result(message("whole"))).await;
    assert_eq!(talk(&client(&peer)).await.0, ["message whole"]);
    let odd =
        Peer::start(|_| events([json!({ "hologram": {} }), task("t", "DREAMING"), status("t", "COMPLETED", "")])).await;
    let (shown, end) = talk(&client(&odd)).await;
    assert!(end.is_none());
    assert_eq!(shown, ["unknown", "task TASK_STATE_DREAMING", "completed"]);
    assert_eq!(TaskState::parse("TASK_STATE_DREAMING").as_v1(), "TASK_STATE_DREAMING");
}

#[tokio::test]
async fn a_message_is_not_sent_again_after_a_refusal_that_may_come_from_an_agent_that_acted() {
    let peer = Peer::start(|_| error(-32004, "Received statusUpdate before initial event")).await;
    let (shown, end) = talk(&client(&peer)).await;
    assert_eq!((shown.len(), end.unwrap().code().as_str()), (0, "a2a_error"));
    assert_eq!(peer.seen().iter().filter(|seen| seen.verb == "POST").count(), 1);
    // Where there is no such method nothing was done.
    let old = Peer::start(|seen| match seen.method() {
        "SendMessage" => result(message("blocking")),
        _ => error(-32601, "no such method"),
    })
    .await;
    assert_eq!(talk(&client(&old)).await.0, ["message blocking"]);
}

/// What a warm call costs beside the peer's own time: the same request by a bare client to the same peer.
#[tokio::test]
async fn a_warm_call_adds_less_than_a_millisecond() {
    let peer = Peer::start(|_| result(message("hi"))).await;
    let client = client(&peer);
    let bare = copilotkit_runtime::client::StreamClient::new(&Default::default()).unwrap();
    let target = bare.target(&peer.url).unwrap();
    let body = json!({ "jsonrpc": "2.0", "id": "1", "method": "SendMessage", "params": request("x") }).to_string();
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for round in 0..220 {
        let began = Instant::now();
        client.send(request("x"), &Caller::default()).await.unwrap();
        let own = began.elapsed();
        let began = Instant::now();
        let mut answer = bare.post(&target, HeaderMap::new(), body.clone().into()).await.unwrap();
        while answer.body.next_batch().await.unwrap().is_some() {}
        let other = began.elapsed();
        if round >= 20 {
            ours.push(own);
            theirs.push(other);
        }
    }
    ours.sort_unstable();
    theirs.sort_unstable();
    let added = ours[100].saturating_sub(theirs[100]);
    println!("a call {:?}, bare {:?}, added {added:?} (medians of 200)", ours[100], theirs[100]);
    assert!(added < Duration::from_millis(1), "{added:?}");
}
