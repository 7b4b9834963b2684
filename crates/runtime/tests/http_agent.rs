//! Remote agents over real sockets: what is sent, what is passed on, and every way in which it can fail.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a helper of a test fails the test")]
#![cfg(all(feature = "lifecycle", feature = "client"))]

use bytes::Bytes;
use copilotkit_fixtures::{AgentServer, Script};
use copilotkit_protocol::{Emitted, EventKind, RunAgentInput};
use copilotkit_runtime::agents::{HttpAgent, HttpAgentBuilder};
use copilotkit_runtime::headers::HeaderPolicy;
use copilotkit_runtime::{Agent as _, AgentError, RunContext};
use futures::StreamExt as _;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::json;
use std::sync::Arc;
use std::time::{Duration, Instant};

const STARTED: &str = r#"{"type":"RUN_STARTED","threadId":"t","runId":"r"}"#;
const START: &str = r#"{"type":"TEXT_MESSAGE_START","messageId":"m","role":"assistant"}"#;
const CONTENT: &str = r#"{ "delta":"Hällo", "messageId":"m",  "type":"TEXT_MESSAGE_CONTENT" }"#;
const END: &str = r#"{"type":"TEXT_MESSAGE_END","messageId":"m"}"#;
const FINISHED: &str = r#"{"type":"RUN_FINISHED","threadId":"t","runId":"r"}"#;
const WHOLE: [&str; 5] = [STARTED, START, CONTENT, END, FINISHED];
const MS: fn(u64) -> Duration = Duration::from_millis;

async fn serve(script: Script) -> AgentServer {
    AgentServer::start(script).await.unwrap()
}

fn agent(server: &AgentServer) -> HttpAgentBuilder {
    HttpAgent::builder(server.url()).idle_timeout(MS(2_000))
}

fn context() -> RunContext {
    let input = r#"{"threadId":"t","runId":"r","messages":[{"id":"u","role":"user","content":"Hi"},
        {"id":"a","role":"activity","activityType":"PLAN","content":{}}],"tools":[],"context":[],"state":{"b":1,"a":2}}"#;
    RunContext::new("remote", copilotkit_protocol::from_str::<RunAgentInput>(input).unwrap())
}

async fn run(agent: HttpAgentBuilder) -> (Vec<Emitted>, Option<AgentError>) {
    let mut events = agent.build().unwrap().run(context());
    let mut out = Vec::new();
    while let Some(item) = tokio::time::timeout(MS(10_000), events.next()).await.expect("no wait is endless") {
        match item {
            Ok(event) => out.push(event),
            Err(error) => {
                assert!(events.next().await.is_none());
                return (out, Some(error));
            }
        }
    }
    (out, None)
}

fn texts(events: &[Emitted]) -> Vec<Bytes> {
    events.iter().map(Emitted::to_json).collect()
}

/// The code and text of the error that a script leads to, and how many events came before it.
async fn failure(script: Script) -> (String, String, usize) {
    let server = serve(script).await;
    let (events, error) = run(agent(&server).idle_timeout(MS(200))).await;
    let error = error.expect("it fails");
    assert!(error.message.contains(&server.url()), "{}", error.message);
    (error.code, error.message, events.len())
}

#[tokio::test]
async fn events_pass_unchanged() {
    let server = serve(Script::events(WHOLE)).await;
    let (events, error) = run(agent(&server)).await;
    assert!(error.is_none(), "{error:?}");
    assert_eq!(texts(&events), WHOLE);
    assert!(events.iter().all(|event| event.raw().is_some()), "no event is written anew");

    let requests = server.requests();
    let request = &requests[0];
    assert_eq!((request.method.as_str(), request.path.as_str()), ("POST", "/agent"));
    assert_eq!(request.header("content-type"), Some("application/json"));
    assert_eq!(request.header("accept"), Some("text/event-stream"));
    assert_eq!(request.header("accept-encoding"), None);
    assert_eq!(
        request.json(),
        json!({ "threadId": "t", "runId": "r", "protocolVersion": "1.0", "state": { "b": 1, "a": 2 }, "tools": [],
            "context": [], "messages": [{ "id": "u", "role": "user", "content": "Hi" }] })
    );
    assert!(std::str::from_utf8(&request.body).unwrap().contains(r#"{"b":1,"a":2}"#), "opaque JSON keeps its text");
}

#[tokio::test]
async fn any_shape_of_stream_is_read() {
    let frames: String = WHOLE.iter().map(|event| format!("data: {event}\n\n")).collect();
    let split = frames.find('ä').unwrap() + 1;
    let scripts = [
        Script::new().sse().bytes(frames.replace('\n', "\r\n")),
        Script::new().sse().bytes(frames.replace('\n', "\r")),
        Script::new().sse().bytes(format!("\u{feff}: hello\n\nretry: 5\n{frames}")),
        Script::new()
            .sse()
            .bytes(Bytes::copy_from_slice(&frames.as_bytes()[..split]))
            .wait(MS(20))
            .bytes(Bytes::copy_from_slice(&frames.as_bytes()[split..])),
        frames.as_bytes().chunks(7).fold(Script::new().sse(), |script, piece| script.bytes(piece.to_vec())),
        Script::new()
            .head(200, &[("content-type", "Text/Event-Stream; charset=utf-8")])
            .bytes(frames.trim_end().to_owned()),
        Script::new().head(200, &[("content-encoding", "identity")]).bytes(format!("data:\n\n{frames}")),
    ];
    for (index, script) in scripts.into_iter().enumerate() {
        let server = serve(script).await;
        let (events, error) = run(agent(&server)).await;
        assert!(error.is_none(), "{index}: {error:?}");
        assert_eq!(texts(&events), WHOLE, "script {index}");
    }
}

#[tokio::test]
async fn what_arrived_together_is_handed_out_without_a_wait() {
    let frames: String = (0..100).map(|_| format!("data: {CONTENT}\n\n")).collect();
    let server = serve(Script::new().sse().event(STARTED).bytes(frames).stall()).await;
    let mut events = agent(&server).build().unwrap().run(context());
    events.next().await.unwrap().unwrap();
    events.next().await.unwrap().unwrap();
    let mut at_once = 0;
    while let Some(Some(Ok(_))) = futures::FutureExt::now_or_never(events.next()) {
        at_once += 1;
    }
    assert_eq!(at_once, 99);
}

#[tokio::test]
async fn headers_follow_the_policy() {
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("authorization", "Bearer page"),
        ("x-tenant", "t1"),
        ("x-real-ip", "1.1.1.1"),
        ("cookie", "c=d"),
        ("x-two", "page"),
    ] {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    let names = ["authorization", "x-tenant", "x-real-ip", "cookie", "x-two"];
    let two = (HeaderName::from_static("x-two"), HeaderValue::from_static("server"));
    let cases = [
        (HeaderPolicy::Default, [Some("Bearer page"), Some("t1"), None, None, Some("server")]),
        (HeaderPolicy::only(["Cookie", "X-Two"]).unwrap(), [None, None, None, Some("c=d"), Some("server")]),
        (HeaderPolicy::None, [None, None, None, None, Some("server")]),
    ];
    for (policy, expected) in cases {
        let server = serve(Script::events(WHOLE)).await;
        let agent = agent(&server).header(two.0.clone(), two.1.clone()).forward(policy.clone()).build().unwrap();
        let context = RunContext { headers: Arc::new(headers.clone()), ..context() };
        assert_eq!(agent.run(context).count().await, 5);
        let request = server.requests().remove(0);
        assert_eq!(names.map(|name| request.header(name)), expected, "{policy:?}");
    }
}

#[tokio::test]
async fn unknown_members_are_stripped_or_kept() {
    let odd = r#"{"type":"TEXT_MESSAGE_END","messageId":"m","vendor":{"x":1}}"#;
    for (raw, expected) in [(false, END), (true, odd)] {
        // The last one also without the empty line that should end it.
        let unended = Script::events([STARTED]).bytes(format!("data: {odd}"));
        for script in [Script::events([STARTED, odd]), unended] {
            let server = serve(script).await;
            let (events, _) = run(agent(&server).raw_passthrough(raw)).await;
            let mut event = events[1].clone();
            assert_eq!(event.raw().is_some(), raw);
            if !raw {
                let mut typed = event.into_event();
                copilotkit_protocol::Wire::tidy(&mut typed);
                event = typed.into();
            }
            assert_eq!(event.to_json(), expected);
        }
    }
}

#[tokio::test]
async fn every_failure_has_a_code_and_says_what_to_do() {
    let html = Script::new().head(200, &[("content-type", "text/html")]).bytes("<html>");
    let (code, message, _) = failure(html).await;
    assert_eq!(code, "agent_not_sse");
    assert!(message.contains("`text/html` instead of `text/event-stream`"));

    let long = "no\u{7}such  agent\n".repeat(100);
    let missing = Script::new().head(404, &[("x-secret", "s3cret")]).bytes(long);
    let (code, message, _) = failure(missing).await;
    assert_eq!(code, "agent_http_status");
    assert!(message.contains("status 404. Check the path of the address. It said: no such agent no such agent"));
    assert!(message.len() < 700 && !message.contains("s3cret"));

    let (code, message, _) = failure(Script::new().head(307, &[("location", "http://127.0.0.1:1/?key=s3cret")])).await;
    assert_eq!(code, "agent_http_status");
    assert!(message.contains("Redirects are not followed") && !message.contains("s3cret"));

    let zipped = Script::new().head(200, &[("content-type", "text/event-stream"), ("content-encoding", "gzip")]);
    assert_eq!(failure(zipped.event(STARTED)).await.0, "agent_content_encoding");

    let (code, message, before) = failure(Script::new().sse().event(STARTED).event("{oops")).await;
    assert_eq!((code.as_str(), before), ("agent_bad_event", 1));
    assert!(message.contains("not valid JSON"));

    let wrong = r#"{"type":"MESSAGES_SNAPSHOT","messages":[{"id":"u","role":"user","content":5}]}"#;
    let (code, message, _) = failure(Script::new().sse().event(STARTED).event(wrong)).await;
    assert_eq!(code, "agent_bad_event");
    assert!(message.contains("messages[0].content"), "{message}");

    assert_eq!(failure(Script::new().sse().event(r#"{"no":"type"}"#)).await.0, "agent_bad_event");

    let endless = "x".repeat(1024 * 1024);
    let script = (0..11).fold(Script::new().sse().event(STARTED).bytes("data: "), |s, _| s.bytes(endless.clone()));
    let (code, _, before) = failure(script).await;
    assert_eq!((code.as_str(), before), ("agent_event_too_large", 1));
}

#[tokio::test]
async fn broken_connections() {
    assert_eq!(failure(Script::new()).await.0, "agent_disconnected");
    assert_eq!(failure(Script::new().reset()).await.0, "agent_disconnected");
    let open = || Script::new().sse().event(STARTED).event(START);
    for script in [open().wait(MS(20)).reset(), open().cut()] {
        let (code, message, before) = failure(script).await;
        assert_eq!((code.as_str(), before), ("agent_disconnected", 2));
        assert!(message.contains("broke the connection"), "{message}");
    }
    let half = Script::new()
        .head(200, &[("content-type", "text/event-stream")])
        .event(STARTED)
        .bytes(&b"data: {\"type\":\"TE"[..]);
    let (code, message, before) = failure(half).await;
    assert_eq!((code.as_str(), before), ("agent_disconnected", 1));
    assert!(message.contains("in the middle of an event"));

    let nowhere = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://user:s3cret@{}/?key=s3cret", listener.local_addr().unwrap())
    };
    let (_, error) = run(HttpAgent::builder(nowhere)).await;
    let error = error.unwrap();
    assert_eq!((error.code.as_str(), error.retryable), ("agent_connect", true));
    assert!(error.message.contains("cannot be reached") && !error.message.contains("s3cret"), "{}", error.message);
}

#[tokio::test]
async fn silence_is_bounded_and_comments_are_life() {
    for (script, expected) in [(Script::new().stall(), 0), (Script::new().sse().event(STARTED).stall(), 1)] {
        let begun = Instant::now();
        let (code, message, before) = failure(script).await;
        assert_eq!((code.as_str(), before), ("agent_timeout", expected));
        assert!(message.contains("200ms") && begun.elapsed() < MS(1_500));
    }
    let alive = (0..6).fold(Script::new().sse().event(STARTED), |script, _| script.wait(MS(100)).bytes(": busy\n\n"));
    let server = serve(alive.event(FINISHED)).await;
    let (events, error) = run(agent(&server).idle_timeout(MS(300))).await;
    assert!(error.is_none(), "{error:?}");
    assert_eq!(events.len(), 2);
}

#[tokio::test]
async fn an_agent_that_does_not_hang_up_after_its_end_is_left() {
    for script in
        [Script::events(WHOLE).stall(), Script::new().sse().event(STARTED).event(FINISHED).wait(MS(10)).reset()]
    {
        let server = serve(script).await;
        let begun = Instant::now();
        let (events, error) = run(agent(&server).idle_timeout(MS(60_000))).await;
        assert!(error.is_none(), "{error:?}");
        assert_eq!(events.last().unwrap().kind(), EventKind::RunFinished);
        assert!(begun.elapsed() < MS(1_500));
    }
}

#[tokio::test]
async fn cancelling_closes_the_socket() {
    let scripts = [Script::new().stall(), Script::new().sse().event(STARTED).stall()];
    for (script, expected) in scripts.into_iter().zip([0, 1]) {
        let server = serve(script).await;
        let context = context();
        let cancel = context.cancel.clone();
        let mut events = agent(&server).idle_timeout(MS(60_000)).build().unwrap().run(context);
        let read = async {
            let mut count = 0;
            while let Some(item) = events.next().await {
                item.unwrap();
                count += 1;
            }
            count
        };
        let stop = async {
            while server.requests().is_empty() {
                tokio::time::sleep(MS(2)).await;
            }
            tokio::time::sleep(MS(50)).await;
            assert_eq!(server.open_sockets(), 1);
            cancel.cancel();
            server.closed(MS(1_000)).await
        };
        let (count, closed) = tokio::join!(read, stop);
        assert_eq!(count, expected);
        assert!(closed.is_some(), "the socket is still open");
    }
}

#[tokio::test]
async fn dropping_the_run_closes_the_socket() {
    let server = serve(Script::new().sse().event(STARTED).stall()).await;
    let mut events = agent(&server).build().unwrap().run(context());
    events.next().await.unwrap().unwrap();
    drop(events);
    assert!(server.closed(MS(1_000)).await.is_some());
}

#[test]
fn an_address_must_be_one() {
    for url in ["", "agent", "/agent", "ftp://example.com/", "file:///etc/passwd"] {
        assert!(HttpAgent::builder(url).build().is_err(), "{url}");
    }
}
