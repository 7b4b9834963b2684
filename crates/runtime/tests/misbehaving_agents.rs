//! Remote agents that misbehave, over real sockets: each run ends with one terminal event that every client accepts, in
//! bounded time, and the thread takes the next run.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a helper of a test fails the test")]
#![cfg(all(feature = "lifecycle", feature = "client"))]

use copilotkit_fixtures::{AgentServer, Script};
use copilotkit_protocol::{Emitted, Event, RunAgentInput, Verifier};
use copilotkit_runtime::agents::HttpAgent;
use copilotkit_runtime::store::Frame;
use copilotkit_runtime::{AgentRegistry, Lifecycle, LifecycleOptions, Principal, Registered, StartRun};
use std::sync::Arc;
use std::time::{Duration, Instant};

const STARTED: &str = r#"{"type":"RUN_STARTED","threadId":"t","runId":"r"}"#;
const OPEN: &str = r#"{"type":"TEXT_MESSAGE_START","messageId":"m","role":"assistant"}"#;
const TEXT: &str = r#"{"type":"TEXT_MESSAGE_CONTENT","messageId":"m","delta":"Hi"}"#;
const CLOSE: &str = r#"{"type":"TEXT_MESSAGE_END","messageId":"m"}"#;
const FINISHED: &str = r#"{"type":"RUN_FINISHED","threadId":"t","runId":"r"}"#;
const CALL: &str = r#"{"type":"TOOL_CALL_START","toolCallId":"c","toolCallName":"lookup"}"#;
const IDLE: Duration = Duration::from_millis(400);
const MS: fn(u64) -> Duration = Duration::from_millis;

/// Of events in a row, each in a frame of its own.
fn frames(events: &[&str]) -> Script {
    events.iter().fold(Script::new().sse(), |script, event| script.event(event))
}

fn answer(status: u16, kind: &str, body: &str) -> Script {
    Script::new().head(status, &[("content-type", kind)]).bytes(body.to_owned())
}

fn stream(headers: &[(&str, &str)], body: impl Into<Vec<u8>>) -> Script {
    let mut all = vec![("content-type", "text/event-stream")];
    all.extend_from_slice(headers);
    Script::new().head(200, &all).bytes(body.into())
}

/// What each agent does, and how its run ends: `RUN_FINISHED`, or the code of RUN_ERROR.
fn cases() -> Vec<(&'static str, Script, &'static str)> {
    let big = format!(r#"{{"type":"CUSTOM","name":"n","value":"{}"}}"#, "x".repeat(12 * 1024 * 1024));
    let deep = format!(r#"{{"type":"CUSTOM","name":"n","value":{}1{}}}"#, "[".repeat(5_000), "]".repeat(5_000));
    let sse = |text: &str| stream(&[], text.to_owned());
    vec![
        ("closes without an answer", Script::new(), "agent_disconnected"),
        ("resets without an answer", Script::new().reset(), "agent_disconnected"),
        ("never answers", Script::new().stall(), "agent_timeout"),
        ("answers something else than HTTP", Script::new().bytes("SSH-2.0-OpenSSH_9.6\r\n"), "agent_disconnected"),
        ("401", answer(401, "application/json", r#"{"error":"no"}"#), "agent_http_status"),
        ("404", answer(404, "text/plain", "nothing here"), "agent_http_status"),
        ("422 of a validating server", answer(422, "application/json", r#"{"detail":[]}"#), "agent_http_status"),
        ("429", answer(429, "text/plain", "slow down"), "agent_http_status"),
        ("500", answer(500, "text/html", "<h1>oops</h1>"), "agent_http_status"),
        ("a redirect", Script::new().head(307, &[("location", "http://127.0.0.1:1/")]), "agent_http_status"),
        ("204", Script::new().head(204, &[]), "agent_not_sse"),
        ("HTML with 200", answer(200, "text/html", "<h1>Welcome</h1>"), "agent_not_sse"),
        ("JSON with 200", answer(200, "application/json", r#"{"ok":true}"#), "agent_not_sse"),
        ("the protobuf binding", answer(200, "application/vnd.ag-ui.event+proto", "\0\0"), "agent_not_sse"),
        ("claims gzip", stream(&[("content-encoding", "gzip")], "data: {}\n\n"), "agent_content_encoding"),
        ("claims br", stream(&[("content-encoding", "br")], vec![0x1b, 0xff, 0xff]), "agent_content_encoding"),
        ("an empty stream", sse(""), "agent_incomplete"),
        ("comments only", sse(": hello\n\n: there\n\n"), "agent_incomplete"),
        ("blank lines only", sse("\n\n\n\n"), "agent_incomplete"),
        ("not JSON", sse("data: hello\n\n"), "agent_bad_event"),
        ("half of an object", sse("data: {\"type\":\n\n"), "agent_bad_event"),
        ("an array", sse("data: []\n\n"), "agent_bad_event"),
        ("null", sse("data: null\n\n"), "agent_bad_event"),
        ("no type", sse("data: {\"a\":1}\n\n"), "agent_bad_event"),
        ("a type that is a number", sse("data: {\"type\":1}\n\n"), "agent_bad_event"),
        ("[DONE]", frames(&[STARTED, OPEN, TEXT, CLOSE, FINISHED]).event("[DONE]"), "RUN_FINISHED"),
        ("a missing member", frames(&[STARTED, r#"{"type":"TEXT_MESSAGE_START"}"#]), "agent_bad_event"),
        (
            "a wrong type",
            frames(&[STARTED, r#"{"type":"TEXT_MESSAGE_CONTENT","messageId":"m","delta":5}"#]),
            "agent_bad_event",
        ),
        ("invalid UTF-8", stream(&[], b"data: {\"type\":\"\xff\xfe\"}\n\n".to_vec()), "agent_bad_event"),
        ("an event of 12 MiB", frames(&[STARTED, &big]), "agent_event_too_large"),
        ("a line that never ends", sse(&"x".repeat(11 * 1024 * 1024)), "agent_event_too_large"),
        ("nested 5,000 deep", frames(&[STARTED, &deep]), "agent_event_too_deep"),
        ("only unknown events", frames(&[r#"{"type":"A"}"#, r#"{"type":"B"}"#]), "agent_incomplete"),
        (
            "resets in the middle of a frame",
            Script::new().sse().bytes("data: {\"type\":").reset(),
            "agent_disconnected",
        ),
        ("resets in the middle of a message", frames(&[STARTED, OPEN, TEXT]).reset(), "agent_disconnected"),
        ("closes in the middle of a body", frames(&[STARTED, OPEN, TEXT]).cut(), "agent_disconnected"),
        ("a body shorter than it says", stream(&[("content-length", "9999")], "data: {}"), "agent_disconnected"),
        ("ends in the middle of a message", frames(&[STARTED, OPEN, TEXT]), "agent_incomplete"),
        ("ends in the middle of a call", frames(&[STARTED, CALL]), "agent_incomplete"),
        ("falls silent", frames(&[STARTED, OPEN, TEXT]).stall(), "agent_timeout"),
        ("a frame cut by silence", Script::new().sse().bytes("data: {\"ty").stall(), "agent_timeout"),
        ("no RUN_STARTED", frames(&[OPEN, TEXT, CLOSE, FINISHED]), "RUN_FINISHED"),
        ("two RUN_STARTED", frames(&[STARTED, STARTED, FINISHED]), "RUN_FINISHED"),
        ("content without a start", frames(&[STARTED, TEXT, FINISHED]), "RUN_FINISHED"),
        ("two starts", frames(&[STARTED, OPEN, OPEN, TEXT, CLOSE, FINISHED]), "RUN_FINISHED"),
        ("a message open at the end", frames(&[STARTED, OPEN, TEXT, FINISHED]), "RUN_FINISHED"),
        ("an END for nothing", frames(&[STARTED, CLOSE, FINISHED]), "RUN_FINISHED"),
        ("two RUN_FINISHED", frames(&[STARTED, FINISHED, FINISHED]), "RUN_FINISHED"),
        (
            "an error after the end",
            frames(&[STARTED, FINISHED, r#"{"type":"RUN_ERROR","message":"x"}"#]),
            "RUN_FINISHED",
        ),
        ("text after the end", frames(&[STARTED, FINISHED, OPEN, TEXT]), "RUN_FINISHED"),
        ("silence after the end", frames(&[STARTED, FINISHED]).stall(), "RUN_FINISHED"),
        ("RUN_ERROR first", frames(&[r#"{"type":"RUN_ERROR","message":"x","code":"THEIRS"}"#]), "THEIRS"),
        (
            "a patch that does not apply",
            frames(&[STARTED, r#"{"type":"STATE_DELTA","delta":[{"op":"remove","path":"/no"}]}"#, FINISHED]),
            "RUN_FINISHED",
        ),
        (
            "unknown members and nulls",
            frames(&[r#"{"type":"RUN_STARTED","threadId":"t","runId":"r","parentRunId":null,"zzz":1}"#, FINISHED]),
            "RUN_FINISHED",
        ),
        ("CRLF", sse(&[STARTED, FINISHED].map(|event| format!("data: {event}\r\n\r\n")).concat()), "RUN_FINISHED"),
        ("lone CR", sse(&[STARTED, FINISHED].map(|event| format!("data: {event}\r\r")).concat()), "RUN_FINISHED"),
        ("a byte order mark", sse(&format!("\u{feff}data: {STARTED}\n\ndata: {FINISHED}\n\n")), "RUN_FINISHED"),
        ("no blank line at the end", sse(&format!("data: {STARTED}\n\ndata: {FINISHED}")), "RUN_FINISHED"),
        (
            "data over several lines",
            sse(&format!("data: {{\ndata: {}\n\ndata: {FINISHED}\n\n", &STARTED[1..])),
            "RUN_FINISHED",
        ),
        (
            "other fields",
            sse(&format!("id: 1\nevent: x\nretry: 5\nfoo\ndata:{STARTED}\n\ndata:{FINISHED}\n\n")),
            "RUN_FINISHED",
        ),
        (
            "a character split over two writes",
            Script::new()
                .sse()
                .event(STARTED)
                .bytes(b"data: {\"type\":\"CUSTOM\",\"name\":\"\xc3".to_vec())
                .wait(MS(20))
                .bytes(b"\xa4\",\"value\":null}\n\n".to_vec())
                .event(FINISHED),
            "RUN_FINISHED",
        ),
        (
            "one byte at a time",
            STARTED
                .bytes()
                .chain("\n\ndata: ".bytes())
                .chain(FINISHED.bytes())
                .fold(Script::new().sse().bytes("data: "), |script, byte| script.bytes(vec![byte])),
            "RUN_FINISHED",
        ),
    ]
}

fn input(run: &str) -> RunAgentInput {
    RunAgentInput { thread_id: "t".to_owned(), run_id: run.to_owned(), ..Default::default() }
}

async fn run(lifecycle: &Lifecycle, name: &str, run: &str) -> Vec<Frame> {
    let start = StartRun {
        agent_id: "remote".to_owned(),
        principal: Principal::anonymous(),
        headers: Arc::default(),
        input: input(run),
    };
    let mut subscription = lifecycle.start(start).await.unwrap_or_else(|error| panic!("{name}: {error}"));
    let mut frames = Vec::new();
    loop {
        let more = tokio::time::timeout(Duration::from_secs(10), subscription.next()).await;
        let more = more.unwrap_or_else(|_| panic!("{name}: the run does not end")).unwrap();
        if more.is_empty() {
            assert!(subscription.is_complete(), "{name}: no terminal event");
            return frames;
        }
        frames.extend(more);
    }
}

/// How a run ended, after a check that all of it is what a client accepts.
fn ending(name: &str, frames: &[Frame]) -> String {
    let mut verifier = Verifier::new();
    let mut last = String::new();
    let terminals = frames.iter().filter(|frame| frame.kind.is_terminal()).count();
    assert_eq!(terminals, 1, "{name}");
    for json in frames.iter().filter_map(|frame| frame.for_client(false)) {
        let event = Event::from_json(json).unwrap();
        verifier.check(&Emitted::from(event.clone())).unwrap_or_else(|error| panic!("{name}: {error}"));
        last = match event {
            Event::RunError(error) => error.code.unwrap_or_default(),
            event => event.kind().to_string(),
        };
    }
    last
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_ends_in_order_and_leaves_the_thread_usable() {
    let cases = cases();
    assert!(cases.len() >= 40);
    let checks = cases.into_iter().map(|(name, script, expected)| async move {
        let server = AgentServer::start_all([script, frames(&[STARTED, FINISHED])]).await.unwrap();
        let agent = HttpAgent::builder(server.url()).idle_timeout(IDLE).connect_timeout(MS(1_000)).build().unwrap();
        let agents = Arc::new(AgentRegistry::new([Registered::new("remote", agent)]));
        let lifecycle = Lifecycle::new(agents, LifecycleOptions::default());
        let begun = Instant::now();
        let frames = run(&lifecycle, name, "r").await;
        let ended = ending(name, &frames);
        assert!(begun.elapsed() < Duration::from_secs(8), "{name} took {:?}", begun.elapsed());
        let next = run(&lifecycle, name, "r2").await;
        assert_eq!(ending(name, &next), "RUN_FINISHED", "{name}: the thread takes the next run");
        assert!(server.closed(MS(3_000)).await.is_some(), "{name}: every socket is closed");
        (name, ended, expected)
    });
    let mut wrong = Vec::new();
    for check in checks {
        let (name, ended, expected) = check.await;
        if ended != expected {
            wrong.push(format!("{name}: {ended} instead of {expected}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
