//! Every command of the demo model, as a conversation.

#![allow(clippy::expect_used, clippy::panic, reason = "helpers of tests may fail loudly")]

use copilotkit_adapters::DemoModel;
use copilotkit_protocol::Content;
use copilotkit_runtime::model::{FinishReason, ModelErrorKind, ModelMessage, ModelToolCall, ToolChoice, ToolSpec};
use copilotkit_runtime::{Model, ModelError, ModelEvent, ModelRequest};
use futures::StreamExt;
use std::time::{Duration, Instant};

fn request(text: &str) -> ModelRequest {
    let tool = |name: &str| ToolSpec { name: name.into(), ..ToolSpec::default() };
    ModelRequest {
        messages: vec![ModelMessage::User { content: text.into() }],
        tools: ["AGUISendStateSnapshot", "AGUISendStateDelta", "ask_user", "setColor"].map(tool).into(),
        ..ModelRequest::default()
    }
}

async fn events(request: ModelRequest) -> Vec<Result<ModelEvent, ModelError>> {
    DemoModel::with_delay(Duration::ZERO).stream(request).collect().await
}

/// Text, reasoning, the call as `NAME(arguments)`, the finish reason.
#[derive(Debug, Default, PartialEq)]
struct Answer {
    text: String,
    thought: String,
    call: String,
    deltas: usize,
    finish: Option<FinishReason>,
}

async fn answer(request: ModelRequest) -> Answer {
    let mut answer = Answer::default();
    for event in events(request).await {
        match event.expect("no error") {
            ModelEvent::TextDelta(delta) => {
                answer.text.push_str(&delta);
                answer.deltas += 1;
            }
            ModelEvent::ReasoningDelta(delta) => answer.thought.push_str(&delta),
            ModelEvent::ToolCallStart { id, name } => {
                assert!(!id.is_empty());
                answer.call = format!("{name}(");
            }
            ModelEvent::ToolCallDelta { delta, .. } => {
                answer.call.push_str(&delta);
                answer.deltas += 1;
            }
            ModelEvent::ToolCallEnd { .. } => answer.call.push(')'),
            ModelEvent::Finish { reason, usage } => {
                assert_eq!(
                    usage.total_tokens,
                    Some(usage.input_tokens.unwrap_or(0) + usage.output_tokens.unwrap_or(0))
                );
                answer.finish = Some(reason);
            }
            _ => {}
        }
    }
    answer
}

async fn says(text: &str) -> String {
    let answer = answer(request(text)).await;
    assert_eq!((answer.finish, &*answer.call), (Some(FinishReason::Stop), ""), "{text}");
    answer.text
}

async fn calls(text: &str) -> String {
    let answer = answer(request(text)).await;
    assert_eq!((answer.finish, &*answer.text), (Some(FinishReason::ToolCalls), ""), "{text}");
    answer.call
}

const PLAIN: &str = "\". I am the demo model: no key, no network. Type /help to see what I can do.";

#[tokio::test]
async fn plain_words_are_said_back_word_by_word() {
    let answer = answer(request("Grüezi  mitenand")).await;
    assert_eq!(answer.text, format!("You said: \"Grüezi  mitenand{PLAIN}"));
    assert!(answer.deltas > 15, "{}", answer.deltas);
    assert!(says("/help").await.contains("/patch [operations]"));
    assert!(says("/help").await.contains("ask_user, setColor"));
    assert!(says("/nonsense").await.contains("/help"));
}

#[tokio::test]
async fn the_same_conversation_gets_the_same_events() {
    let run = || async { events(request("/call setColor {\"color\":\"red\"}")).await.into_iter().map(Result::unwrap) };
    assert!(run().await.eq(run().await));
    let mut longer = request("/call setColor {}");
    longer.messages.insert(0, ModelMessage::System { content: "x".into() });
    let ids = |events: Vec<Result<ModelEvent, ModelError>>| {
        events.into_iter().find_map(|event| match event {
            Ok(ModelEvent::ToolCallStart { id, .. }) => Some(id),
            _ => None,
        })
    };
    assert_ne!(ids(events(longer).await), ids(events(request("/call setColor {}")).await));
}

#[tokio::test]
async fn tools_are_called_with_what_was_typed() {
    let answer = answer(request("/call setColor {\"color\": \"red\", \"n\": 1.0}")).await;
    assert_eq!(answer.call, "setColor({\"color\": \"red\", \"n\": 1.0})");
    assert!(answer.deltas > 2, "in several pieces");
    assert_eq!(calls("/call setColor").await, "setColor({})");
    assert_eq!(calls("/call setColor{\"a\":1}").await, "setColor({\"a\":1})");
    assert_eq!(calls("/state {\"a\": [1, 2]}").await, "AGUISendStateSnapshot({\"snapshot\":{\"a\": [1, 2]}})");
    let patch = r#"[{"op":"add","path":"/a","value":1}]"#;
    assert_eq!(calls(&format!("/patch {patch}")).await, format!("AGUISendStateDelta({{\"delta\":{patch}}})"));
    assert_eq!(calls("/ask Is it \"so\"?").await, r#"ask_user({"question":"Is it \"so\"?"})"#);
}

#[tokio::test]
async fn mistakes_are_answered_with_an_example() {
    let text = says("/call nothing {}").await;
    assert!(text.contains("nothing") && text.contains("setColor"), "{text}");
    for (typed, example) in [
        ("/call setColor {\"a\":", "/call setColor {"),
        ("/call setColor [1]", "/call setColor {"),
        ("/call", "/call NAME"),
        ("/state {a: 1}", "/state {"),
        ("/state", "/state {"),
        ("/patch {\"op\":\"add\"}", "/patch ["),
        ("/slow many", "/slow 10"),
        ("/long -1", "/long 1000"),
    ] {
        assert!(says(typed).await.contains(example), "{typed}");
    }
    assert!(says("/state {\"a\" 1}").await.contains("line 1 column 6"));
}

#[tokio::test]
async fn results_are_answered_in_a_sentence() {
    for (name, arguments, result, expected) in [
        ("setColor", "{}", "{\"ok\":true}", "The tool setColor answered: {\"ok\":true}"),
        ("setColor", "{}", "\"fine\"", "The tool setColor answered: fine"),
        ("ask_user", "{}", "\"yes\"", "You answered: yes"),
        (
            "AGUISendStateSnapshot",
            "{\"snapshot\":{ \"a\": \"x \\\" y\" }}",
            "{}",
            "The state is now: {\"a\":\"x \\\" y\"}",
        ),
        (
            "AGUISendStateDelta",
            "{\"delta\":[{\"op\":\"replace\",\"path\":\"/n\",\"value\":2}]}",
            "{}",
            "The state is now: {\"n\":2}",
        ),
        // A patch that the page may understand though the state at hand does not fit it.
        ("AGUISendStateDelta", "{\"delta\":[{\"op\":\"remove\",\"path\":\"/x\"}]}", "{}", "The state was changed."),
    ] {
        let mut request = request("/call whatever");
        let system = "\n## Application State\nText.\n```json\n{ \"n\": 1 }\n```\n";
        request.messages.insert(0, ModelMessage::System { content: system.into() });
        let call =
            ModelToolCall { id: "c".into(), name: name.into(), arguments: arguments.into(), encrypted_value: None };
        request.messages.push(ModelMessage::Assistant {
            content: String::new(),
            reasoning: vec![],
            tool_calls: vec![call],
        });
        let content = Content::from(result);
        // The name may be missing on the result: the call knows it.
        request.messages.push(ModelMessage::Tool {
            tool_call_id: "c".into(),
            name: String::new(),
            content,
            is_error: false,
        });
        assert_eq!(answer(request).await.text, expected);
    }
}

#[tokio::test]
async fn context_and_state_are_found_in_the_system_message() {
    assert_eq!(says("/context").await, "Context: none; State: none");
    let mut request = request("/context");
    let system = "Prompt.\n## Context from the application\nUser name:\nAna\nPage:\nline one\nline two\n\n## Application State\n\
        This is state.\n```json\n{\n  \"count\": 1.50,\n  \"text\": \"a b\"\n}\n```\n";
    request.messages.insert(0, ModelMessage::System { content: system.into() });
    let expected = "Context: User name: Ana; Page: line one\nline two; State: {\"count\":1.50,\"text\":\"a b\"}";
    assert_eq!(answer(request).await.text, expected);
}

#[tokio::test]
async fn thinking_failing_and_silence() {
    let thinking = answer(request("/think big")).await;
    assert_eq!(thinking.text, format!("You said: \"big{PLAIN}"));
    assert!(thinking.thought.contains("big"));
    let silent = answer(request("/silent")).await;
    assert_eq!(silent, Answer { finish: Some(FinishReason::Stop), ..Answer::default() });
    let failed = events(request("/fail")).await.pop().expect("item").expect_err("fails");
    assert_eq!(failed.kind, ModelErrorKind::Provider);
    assert!(failed.message.contains("demo failure"));
}

#[tokio::test]
async fn long_answers_come_at_once_and_slow_ones_in_ticks() {
    let long = answer(request("/long 100001")).await;
    assert_eq!(long.deltas, 100_000);
    assert!(long.text.starts_with("word1 word2 ") && long.text.ends_with("word100000 "));
    let started = Instant::now();
    assert_eq!(says("/slow 3").await, "tick 1 tick 2 tick 3 ");
    assert!(started.elapsed() >= Duration::from_millis(500));
}

#[tokio::test]
async fn a_stopped_answer_ends_at_once() {
    let request = request("/slow 600");
    let cancel = request.cancel.clone();
    let started = Instant::now();
    let mut stream = DemoModel::default().stream(request);
    let mut count = 0;
    while let Some(event) = stream.next().await {
        assert!(!matches!(event, Ok(ModelEvent::Finish { .. })));
        count += 1;
        cancel.cancel();
    }
    assert!(count >= 1 && started.elapsed() < Duration::from_millis(200));
}

#[tokio::test]
async fn words_are_paced_by_default() {
    let started = Instant::now();
    let all: Vec<_> = DemoModel::default().stream(request("hello")).collect().await;
    assert!(all.len() > 15 && started.elapsed() >= Duration::from_millis(75));
}

#[tokio::test]
async fn a_rejected_call_is_told_as_one() {
    for (content, expected) in [
        (r#"{"status":"rejected","message":"m","reason":"too dear"}"#, "You rejected the call of setColor: too dear"),
        (r#"{"status":"rejected","message":"m"}"#, "You rejected the call of setColor. It was not executed."),
    ] {
        let mut request = request("/call setColor {}");
        let call = ModelToolCall { id: "c".into(), name: "setColor".into(), ..Default::default() };
        request.messages.push(ModelMessage::Assistant {
            content: String::new(),
            reasoning: Vec::new(),
            tool_calls: vec![call],
        });
        request.messages.push(ModelMessage::Tool {
            tool_call_id: "c".into(),
            name: "setColor".into(),
            content: content.into(),
            is_error: true,
        });
        assert_eq!(answer(request).await.text, expected);
    }
}

#[tokio::test]
async fn suggestions_are_made_when_a_page_asks_for_them() {
    let mut request = request("hello");
    request.tools = vec![ToolSpec { name: "copilotkitSuggest".into(), ..ToolSpec::default() }];
    request.tool_choice = ToolChoice::Tool("copilotkitSuggest".into());
    let call = answer(request).await.call;
    assert!(call.starts_with("copilotkitSuggest({\"suggestions\":[{"), "{call}");
}
