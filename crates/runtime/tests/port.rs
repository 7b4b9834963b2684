//! The chat of the Python port, as its client sends and reads it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a helper of a test fails the test")]

use axum::body::{Body, to_bytes};
use copilotkit_runtime::agent::{EventStream, RunContext};
use copilotkit_runtime::http::{AgentsRequest, Call, Halt, Hooks, Mode, RouteId, Surface, SurfaceOptions};
use copilotkit_runtime::{Agent, AgentRegistry, Emitted, Lifecycle, LifecycleOptions, Registered};
use futures::StreamExt as _;
use http::request::Parts;
use http::{Request, StatusCode};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Sends these events between RUN_STARTED and its last one, and keeps what it was given.
#[derive(Clone)]
struct Says {
    events: Vec<Value>,
    last: Value,
    given: Arc<Mutex<Vec<Value>>>,
}

impl Agent for Says {
    fn run(&self, context: RunContext) -> EventStream {
        let input = &context.input;
        self.given.lock().unwrap().push(serde_json::to_value(&**input).unwrap());
        let ids = |mut event: Value| {
            event["threadId"] = input.thread_id.as_str().into();
            event["runId"] = input.run_id.as_str().into();
            event
        };
        let first = ids(json!({ "type": "RUN_STARTED" }));
        let last = if self.last["type"] == "RUN_FINISHED" { ids(self.last.clone()) } else { self.last.clone() };
        let events = std::iter::once(first).chain(self.events.clone()).chain([last]);
        let emitted = |event: Value| Ok(Emitted::from_json(event.to_string().into()).unwrap());
        futures::stream::iter(events.map(emitted).collect::<Vec<_>>()).boxed()
    }
}

struct Kit {
    surface: Surface,
    given: Arc<Mutex<Vec<Value>>>,
}

impl Kit {
    fn new(events: Value, last: Value) -> Self {
        Self::with(events, last, SurfaceOptions::default())
    }

    fn with(events: Value, last: Value, options: SurfaceOptions) -> Self {
        let given = Arc::<Mutex<Vec<Value>>>::default();
        let agent = Says { events: events.as_array().unwrap().clone(), last, given: given.clone() };
        let agents = Arc::new(AgentRegistry::new([Registered::new("helper", agent)]));
        Self { surface: Surface::new(Lifecycle::new(agents, LifecycleOptions::default()), options), given }
    }

    async fn post(&self, accept: &str, body: &Value) -> (StatusCode, String, String) {
        let request = Request::post("http://localhost/copilotkit")
            .header("host", "localhost")
            .header("content-type", "application/json")
            .header("accept", accept)
            .body(Body::from(body.to_string()))
            .unwrap();
        let response = self.surface.handle(request).await;
        let content_type = response.headers()["content-type"].to_str().unwrap().to_owned();
        let status = response.status();
        let reading = to_bytes(response.into_body(), 1 << 20);
        let bytes = tokio::time::timeout(Duration::from_secs(10), reading).await.unwrap().unwrap();
        (status, content_type, String::from_utf8(bytes.to_vec()).unwrap())
    }

    /// The events of a stream: types with their data, without times.
    async fn stream(&self, body: &Value) -> Vec<(String, Value)> {
        let (status, content_type, text) = self.post("*/*", body).await;
        assert_eq!((status, content_type.as_str()), (StatusCode::OK, "text/event-stream"), "{text}");
        let frames: Vec<_> = text.split_terminator("\n\n").map(|frame| frame.strip_prefix("data: ").unwrap()).collect();
        let (last, events) = frames.split_last().unwrap();
        assert_eq!(*last, "[DONE]");
        let read = |text: &&str| {
            let event: Value = serde_json::from_str(text).unwrap();
            assert!(event["timestamp"].as_str().unwrap().ends_with('Z'));
            (event["type"].as_str().unwrap().to_owned(), event["data"].clone())
        };
        events.iter().map(read).collect()
    }

    async fn json(&self, body: &Value) -> Value {
        let (status, content_type, text) = self.post("application/json", body).await;
        assert_eq!((status, content_type.as_str()), (StatusCode::OK, "application/json"), "{text}");
        serde_json::from_str(&text).unwrap()
    }
}

fn finished() -> Value {
    json!({ "type": "RUN_FINISHED" })
}

fn user(text: &str) -> Value {
    json!([{ "id": "u", "type": "text", "role": "user", "content": text, "createdAt": "2026-01-01T00:00:00" }])
}

fn work() -> Value {
    json!([
        { "type": "STEP_STARTED", "stepName": "look" },
        { "type": "TEXT_MESSAGE_START", "messageId": "m", "role": "assistant" },
        { "type": "TEXT_MESSAGE_CONTENT", "messageId": "m", "delta": "Let me " },
        { "type": "TEXT_MESSAGE_CONTENT", "messageId": "m", "delta": "look." },
        { "type": "TEXT_MESSAGE_END", "messageId": "m" },
        { "type": "TOOL_CALL_START", "toolCallId": "c", "toolCallName": "weather", "parentMessageId": "m" },
        { "type": "TOOL_CALL_ARGS", "toolCallId": "c", "delta": "{\"city\":" },
        { "type": "TOOL_CALL_ARGS", "toolCallId": "c", "delta": "\"Ulm\"}" },
        { "type": "TOOL_CALL_END", "toolCallId": "c" },
        { "type": "TOOL_CALL_RESULT", "messageId": "r", "toolCallId": "c", "content": "rain" },
        { "type": "STATE_SNAPSHOT", "snapshot": { "n": 1 } },
        { "type": "STATE_DELTA", "delta": [{ "op": "replace", "path": "/n", "value": 2 }] },
        { "type": "STEP_FINISHED", "stepName": "look" },
    ])
}

#[tokio::test]
async fn a_run_streams_in_the_port_s_words() {
    let kit = Kit::new(work(), finished());
    let body = json!({ "threadId": "t", "runId": "run", "messages": user("Weather?"),
        "actions": [{ "name": "paint", "description": "Paints", "parameters": [{ "name": "color", "type": "string" }] }] });
    let events = kit.stream(&body).await;
    let state = |n: u32, running: bool| {
        json!({ "agentName": "helper", "state": { "n": n }, "running": running, "active": running, "nodeName": "look",
                "runId": "run", "role": "assistant", "threadId": "t" })
    };
    let expected = [
        ("session_start", json!({ "runId": "run", "threadId": "t" })),
        ("message_start", json!({ "messageId": "m", "threadId": "t" })),
        ("text_delta", json!({ "messageId": "m", "delta": "Let me ", "threadId": "t" })),
        ("text_delta", json!({ "messageId": "m", "delta": "look.", "threadId": "t" })),
        ("message_end", json!({ "messageId": "m", "threadId": "t" })),
        (
            "action_execution_start",
            json!({ "actionExecutionId": "c", "actionName": "weather", "parentMessageId": "m", "threadId": "t" }),
        ),
        ("action_execution_args", json!({ "actionExecutionId": "c", "args": "{\"city\":", "threadId": "t" })),
        ("action_execution_args", json!({ "actionExecutionId": "c", "args": "\"Ulm\"}", "threadId": "t" })),
        ("action_execution_end", json!({ "actionExecutionId": "c", "threadId": "t" })),
        (
            "action_execution_result",
            json!({ "actionExecutionId": "c", "actionName": "weather", "result": "rain", "error": null,
                    "success": true, "threadId": "t" }),
        ),
        ("agent_state", state(1, true)),
        ("agent_state", state(2, true)),
        ("agent_state", state(2, false)),
        ("session_end", json!({ "runId": "run", "threadId": "t" })),
    ];
    let expected: Vec<_> = expected.into_iter().map(|(kind, data)| (kind.to_owned(), data)).collect();
    assert_eq!(events, expected);
    let given = kit.given.lock().unwrap().clone();
    let tool = json!({ "name": "paint", "description": "Paints", "parameters": {
        "type": "object", "properties": { "color": { "type": "string" } }, "required": ["color"] } });
    assert_eq!(given[0]["tools"], json!([tool]));
    assert_eq!(given[0]["messages"], json!([{ "id": "u", "role": "user", "content": "Weather?" }]));
}

#[tokio::test]
async fn who_accepts_only_json_gets_one_answer() {
    let kit = Kit::new(work(), finished());
    let body = json!({ "threadId": "t", "messages": user("Weather?"), "extensions": { "openai": 1 } });
    let mut answer = kit.json(&body).await;
    assert_eq!((&answer["threadId"], &answer["status"]), (&json!("t"), &json!({ "code": "success" })));
    assert_eq!(answer["extensions"], json!({ "openai": 1 }));
    assert!(!answer["runId"].as_str().unwrap().is_empty() && answer["timestamp"].is_string());
    let run_id = answer["runId"].clone();
    let messages = answer["messages"].as_array_mut().unwrap();
    for message in messages.iter_mut() {
        assert!(message.as_object_mut().unwrap().remove("createdAt").unwrap().is_string());
        assert_eq!(message.as_object_mut().unwrap().remove("status").unwrap(), json!({ "code": "success" }));
    }
    let expected = json!([
        { "id": "m", "type": "text", "role": "assistant", "content": "Let me look.", "parentMessageId": null },
        { "id": "c", "type": "action_execution", "name": "weather", "arguments": { "city": "Ulm" }, "parentMessageId": "m" },
        { "id": "r", "type": "result", "actionExecutionId": "c", "actionName": "weather", "result": "rain" },
        { "id": format!("state-{}", run_id.as_str().unwrap()), "type": "agent_state", "agentName": "helper",
          "state": { "n": 2 }, "running": false, "active": false, "nodeName": "look", "runId": run_id,
          "role": "assistant", "threadId": "t" },
    ]);
    assert_eq!(answer["messages"], expected);
    // What was answered is sent back with the next question, and is understood.
    let mut messages = answer["messages"].as_array().unwrap().clone();
    messages.extend(user("And tomorrow?").as_array().unwrap().clone());
    let next = kit.json(&json!({ "threadId": "t", "messages": messages })).await;
    assert_eq!(next["status"]["code"], "success");
    let given = kit.given.lock().unwrap()[1].clone();
    let roles: Vec<_> = given["messages"].as_array().unwrap().iter().map(|one| one["role"].as_str().unwrap()).collect();
    assert_eq!((roles, &given["state"]), (vec!["assistant", "tool", "user"], &json!({ "n": 2 })));
}

#[tokio::test]
async fn failures_and_questions_are_told() {
    let failed = json!({ "type": "RUN_ERROR", "message": "No weather today.", "code": "no_weather" });
    let kit = Kit::new(json!([]), failed);
    let body = json!({ "threadId": "t", "messages": user("x") });
    let events = kit.stream(&body).await;
    let error = json!({ "error": "No weather today.", "code": "no_weather", "threadId": "t" });
    assert_eq!(events.last().unwrap(), &("error".to_owned(), error));
    let status = json!({ "code": "error", "reason": "No weather today.", "details": "no_weather" });
    assert_eq!(kit.json(&body).await["status"], status);

    let question = json!({ "id": "q", "reason": "confirm", "message": "Sure?" });
    let outcome = json!({ "type": "interrupt", "interrupts": [question] });
    let kit = Kit::new(json!([]), json!({ "type": "RUN_FINISHED", "outcome": outcome }));
    let events = kit.stream(&body).await;
    assert_eq!(events[1], ("interrupt".to_owned(), json!({ "interrupts": [question], "threadId": "t" })));
    let answer = kit.json(&body).await;
    assert_eq!((&answer["status"]["code"], &answer["interrupts"]), (&json!("pending"), &json!([question])));
    let resume = json!([{ "interruptId": "q", "status": "resolved", "payload": true }]);
    kit.json(&json!({ "threadId": "t", "messages": user("x"), "resume": resume })).await;
    assert_eq!(kit.given.lock().unwrap().last().unwrap()["resume"], resume);
}

#[tokio::test]
async fn messages_that_were_not_streamed_are_sent_at_the_end() {
    let snapshot = json!([
        { "id": "u", "role": "user", "content": "x" },
        { "id": "a", "role": "assistant", "content": "Done.", "toolCalls": [
            { "id": "c", "type": "function", "function": { "name": "paint", "arguments": "{}" } } ] },
        { "id": "r", "role": "tool", "toolCallId": "c", "content": "red" },
    ]);
    let kit = Kit::new(json!([{ "type": "MESSAGES_SNAPSHOT", "messages": snapshot }]), finished());
    let events = kit.stream(&json!({ "threadId": "t", "messages": user("x") })).await;
    let kinds: Vec<_> = events.iter().map(|(kind, _)| kind.as_str()).collect();
    let expected = [
        "session_start",
        "message_start",
        "text_delta",
        "message_end",
        "action_execution_start",
        "action_execution_args",
        "action_execution_end",
        "action_execution_result",
        "session_end",
    ];
    assert_eq!(kinds, expected);
}

#[tokio::test]
async fn what_cannot_be_run_is_refused_with_a_reason() {
    let kit = Kit::new(json!([]), finished());
    for (body, status, expected) in [
        (json!({ "messages": [{ "type": "video" }] }), 400, "messages[0]: type"),
        (json!({ "messages": [], "actions": [{ "name": "a", "parameters": 1 }] }), 400, "actions[0]: parameters"),
        (json!({ "messages": [], "threadId": "x".repeat(300) }), 400, "threadId: longer than"),
        (json!({ "messages": [], "agentSession": { "agentName": "nobody" } }), 404, "agent_not_found"),
        (json!({ "messages": {} }), 400, "invalid_envelope"),
    ] {
        let (found, _, text) = kit.post("*/*", &body).await;
        assert_eq!(found.as_u16(), status, "{text}");
        assert!(text.contains(expected), "{text}");
    }
    assert!(kit.given.lock().unwrap().is_empty());
    let rest_only = SurfaceOptions { mode: Mode::Multi, ..SurfaceOptions::default() };
    let kit = Kit::with(json!([]), finished(), rest_only);
    let (found, _, text) = kit.post("*/*", &json!({ "messages": [] })).await;
    assert_eq!(found, StatusCode::NOT_FOUND, "{text}");
}

/// Lets nobody run an agent.
struct Closed;

#[async_trait::async_trait]
impl Hooks for Closed {
    async fn before_handler(&self, call: &Call, _: &mut Parts) -> Result<(), Halt> {
        match (call.route, call.param("agentId")) {
            (RouteId::Run, Some("helper")) => Err(Halt::answer(StatusCode::FORBIDDEN)),
            _ => Ok(()),
        }
    }
}

#[tokio::test]
async fn hooks_and_agents_by_request_hold_for_it_as_for_every_run() {
    let kit = Kit::with(json!([]), finished(), SurfaceOptions::default().with_hooks(Closed));
    let request = Request::post("http://localhost/copilotkit")
        .header("host", "localhost")
        .header("content-type", "application/json")
        .body(Body::from(json!({ "messages": [] }).to_string()))
        .unwrap();
    assert_eq!(kit.surface.handle(request).await.status(), StatusCode::FORBIDDEN);
    assert!(kit.given.lock().unwrap().is_empty());
    let nobody = SurfaceOptions::default().with_agents(|_: AgentsRequest| async { Ok(Vec::new()) });
    let kit = Kit::with(json!([]), finished(), nobody);
    assert_eq!(kit.post("*/*", &json!({ "messages": [] })).await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn only_the_base_path_is_a_chat() {
    let kit = Kit::with(
        json!([]),
        json!({ "type": "RUN_FINISHED" }),
        SurfaceOptions { mode: Mode::Single, ..SurfaceOptions::default() },
    );
    let body = json!({ "threadId": "t", "runId": "r", "messages": [{ "id": "1", "role": "user", "content": "hi" }] });
    for path in ["/agent/helper/run", "/agent/helper/connect", "/foo/bar", "/threads/clear"] {
        let request = Request::post(format!("http://localhost/copilotkit{path}"))
            .header("host", "localhost")
            .header("content-type", "application/json")
            .body(Body::from(body.to_string()))
            .unwrap();
        let answer = kit.surface.handle(request).await;
        let status = answer.status();
        let text = String::from_utf8(to_bytes(answer.into_body(), 1 << 20).await.unwrap().to_vec()).unwrap();
        assert!(status == StatusCode::NOT_FOUND && text.contains("single"), "{path}: {status} {text}");
    }
    assert_eq!(kit.given.lock().unwrap().len(), 0, "nothing was run");
}
