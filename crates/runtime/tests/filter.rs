//! Filters in front of agents: what goes in, what comes out, and that nothing slips past them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a helper of a test fails the test")]
#![cfg(feature = "lifecycle")]

use async_trait::async_trait;
use copilotkit_protocol::{Emitted, Event, Message, RunAgentInput};
use copilotkit_runtime::agent::{Agent, EventStream, RunContext};
use copilotkit_runtime::middleware::{Blocked, Filter, FilterMiddleware, Said, SaidKind};
use copilotkit_runtime::{AgentRegistry, Lifecycle, LifecycleOptions, Principal, Registered, StartRun};
use futures::StreamExt as _;
use std::sync::{Arc, Mutex};

/// Says these events, whatever it is asked; keeps what it was asked.
#[derive(Clone)]
struct Says {
    events: Vec<String>,
    asked: Arc<Mutex<Vec<RunAgentInput>>>,
}

impl Agent for Says {
    fn run(&self, context: RunContext) -> EventStream {
        self.asked.lock().unwrap().push((*context.input).clone());
        let events: Vec<_> =
            self.events.iter().map(|json| Ok(Emitted::from_json(json.clone().into_bytes().into()).unwrap())).collect();
        futures::stream::iter(events).boxed()
    }
}

/// Lets nobody say "secret": takes it out of what is said, and does not take it in.
#[derive(Clone, Default)]
struct NoSecrets(Arc<Mutex<Vec<(SaidKind, String)>>>);

#[async_trait]
impl Filter for NoSecrets {
    async fn input(&self, _: &RunContext, mut input: RunAgentInput) -> Result<RunAgentInput, Blocked> {
        for message in &mut input.messages {
            if let Message::User(user) = message {
                let text = user.content.text().into_owned();
                if text.contains("forbidden") {
                    return Err(Blocked::new("That is not talked about."));
                }
                user.content = copilotkit_protocol::Content::Text(text.replace("secret", "[out]"));
            }
        }
        Ok(input)
    }

    async fn output(&self, _: &RunContext, said: Said<'_>) -> Result<Option<String>, Blocked> {
        self.0.lock().unwrap().push((said.kind, said.text.to_owned()));
        match said.text {
            text if text.contains("forbidden") => Err(Blocked::new("That is not said.")),
            text => Ok(text.contains("secret").then(|| text.replace("secret", "[out]"))),
        }
    }
}

struct Run {
    seen: Vec<Event>,
    asked: Vec<RunAgentInput>,
    filtered: Vec<(SaidKind, String)>,
}

impl Run {
    fn json(&self) -> String {
        self.seen.iter().map(|event| String::from_utf8(copilotkit_protocol::to_vec(event)).unwrap()).collect()
    }
}

async fn run(events: &[&str], says: &str, suggestion: bool) -> Run {
    let agent = Says { events: events.iter().map(|event| (*event).to_owned()).collect(), asked: Arc::default() };
    let filter = NoSecrets::default();
    let registered = Registered::new("a", agent.clone()).with(FilterMiddleware::new(filter.clone()));
    let lifecycle = Lifecycle::new(Arc::new(AgentRegistry::new([registered])), LifecycleOptions::default());
    let text = serde_json::json!({ "threadId": "t", "runId": "r", "messages": [{ "id": "u", "role": "user", "content": says }] });
    let input = copilotkit_protocol::from_str(&text.to_string()).unwrap();
    let start =
        StartRun { agent_id: "a".to_owned(), principal: Principal::anonymous(), headers: Arc::default(), input };
    let started = if suggestion { lifecycle.suggest(start).await } else { lifecycle.start(start).await };
    let mut subscription = started.unwrap();
    let mut seen = Vec::new();
    loop {
        let frames = subscription.next().await.unwrap();
        if frames.is_empty() {
            break;
        }
        seen.extend(frames.iter().map(|frame| Event::from_json(&frame.json).unwrap()));
    }
    // What it was started with is shown to who started it: what the agent says is looked at here.
    seen.retain(|event| !matches!(event, Event::RunStarted(_)));
    let (asked, filtered) = (agent.asked.lock().unwrap().clone(), filter.0.lock().unwrap().clone());
    Run { seen, asked, filtered }
}

const SPLIT: &[&str] = &[
    r#"{"type":"RUN_STARTED","threadId":"t","runId":"r"}"#,
    r#"{"type":"TEXT_MESSAGE_START","messageId":"m","role":"assistant"}"#,
    r#"{"type":"TEXT_MESSAGE_CONTENT","messageId":"m","delta":"a sec"}"#,
    r#"{"type":"TEXT_MESSAGE_CONTENT","messageId":"m","delta":"ret is"}"#,
    r#"{"type":"TEXT_MESSAGE_END","messageId":"m"}"#,
    r#"{"type":"RUN_FINISHED","threadId":"t","runId":"r"}"#,
];

#[tokio::test]
async fn nothing_slips_through_between_two_pieces() {
    for suggestion in [false, true] {
        let run = run(SPLIT, "hi", suggestion).await;
        let contents: Vec<_> = run
            .seen
            .iter()
            .filter_map(|event| match event {
                Event::TextMessageContent(text) => Some(text.delta.as_str()),
                _ => None,
            })
            .collect();
        assert_eq!(contents, ["a [out] is"], "suggestion: {suggestion}");
        assert_eq!(run.filtered, [(SaidKind::Text, "a secret is".to_owned())]);
        assert!(matches!(run.seen.last(), Some(Event::RunFinished(_))));
    }
}

#[tokio::test]
async fn every_way_of_saying_something_is_looked_at() {
    let started = SPLIT[0];
    let cases: [(&str, &[&str]); 7] = [
        (
            "chunks",
            &[
                r#"{"type":"TEXT_MESSAGE_CHUNK","messageId":"m","delta":"the sec"}"#,
                r#"{"type":"TEXT_MESSAGE_CHUNK","messageId":"m","delta":"ret"}"#,
            ],
        ),
        (
            "no end",
            &[
                r#"{"type":"TEXT_MESSAGE_START","messageId":"m"}"#,
                r#"{"type":"TEXT_MESSAGE_CONTENT","messageId":"m","delta":"the secret"}"#,
            ],
        ),
        (
            "arguments",
            &[
                r#"{"type":"TOOL_CALL_START","toolCallId":"c","toolCallName":"f"}"#,
                r#"{"type":"TOOL_CALL_ARGS","toolCallId":"c","delta":"{\"a\":\"sec"}"#,
                r#"{"type":"TOOL_CALL_ARGS","toolCallId":"c","delta":"ret\"}"}"#,
                r#"{"type":"TOOL_CALL_END","toolCallId":"c"}"#,
            ],
        ),
        (
            "result",
            &[
                r#"{"type":"TOOL_CALL_START","toolCallId":"c","toolCallName":"f"}"#,
                r#"{"type":"TOOL_CALL_END","toolCallId":"c"}"#,
                r#"{"type":"TOOL_CALL_RESULT","messageId":"m","toolCallId":"c","content":"the secret"}"#,
            ],
        ),
        (
            "reasoning",
            &[
                r#"{"type":"REASONING_START","messageId":"m"}"#,
                r#"{"type":"REASONING_MESSAGE_START","messageId":"m","role":"reasoning"}"#,
                r#"{"type":"REASONING_MESSAGE_CONTENT","messageId":"m","delta":"the secret"}"#,
                r#"{"type":"REASONING_MESSAGE_END","messageId":"m"}"#,
            ],
        ),
        (
            "snapshot",
            &[r#"{"type":"MESSAGES_SNAPSHOT","messages":[{"id":"m","role":"assistant","content":"the secret"}]}"#],
        ),
        ("end of the stream", &[r#"{"type":"TEXT_MESSAGE_CHUNK","messageId":"m","delta":"the secret"}"#]),
    ];
    for (name, said) in cases {
        let finished = (name != "end of the stream").then_some(SPLIT[5]);
        let events: Vec<_> = [started].into_iter().chain(said.iter().copied()).chain(finished).collect();
        let run = run(&events, "hi", false).await;
        let json = run.json();
        assert!(json.contains("[out]") && !json.contains("secret"), "{name}: {json}");
    }
}

#[tokio::test]
async fn what_is_blocked_ends_the_run_and_is_not_shown() {
    let blocked = |run: &Run| match run.seen.last() {
        Some(Event::RunError(error)) => (error.code.clone().unwrap(), error.message.clone()),
        other => panic!("{other:?}"),
    };
    let asked = run(SPLIT, "something forbidden", false).await;
    assert_eq!(blocked(&asked), ("content_blocked".to_owned(), "That is not talked about.".to_owned()));
    assert!(asked.asked.is_empty(), "the agent is not asked");

    let events: Vec<String> = SPLIT.iter().map(|event| event.replace("ret is", "ret is forbidden")).collect();
    let events: Vec<&str> = events.iter().map(String::as_str).collect();
    let said = run(&events, "hi", false).await;
    assert_eq!(blocked(&said).1, "That is not said.");
    assert!(!said.json().contains("forbidden"), "{}", said.json());
}

#[tokio::test]
async fn the_agent_is_asked_what_the_filter_let_in() {
    let run = run(SPLIT, "my secret", false).await;
    let Message::User(user) = &run.asked[0].messages[0] else { panic!() };
    assert_eq!(user.content.text(), "my [out]");
}
