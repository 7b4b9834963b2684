//! The loop beyond the recordings: steps, failures of every kind, ids, signatures, stopping.

use crate::kit::*;
use async_trait::async_trait;
use copilotkit_runtime::agents::BuiltInAgent;
use copilotkit_runtime::model::{FinishReason, ModelErrorKind, ModelEvent, ModelMessage, ToolChoice};
use copilotkit_runtime::tool::ToolScope;
use copilotkit_runtime::tools::FnTool;
use copilotkit_runtime::{Agent as _, ModelError, RunContext, Tool, ToolError, ToolSource};
use futures::StreamExt as _;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

fn content(event: &Value) -> Value {
    serde_json::from_str(event["content"].as_str().unwrap()).unwrap()
}

fn results(events: &[Value]) -> Vec<&Value> {
    events.iter().filter(|event| event["type"] == "TOOL_CALL_RESULT").collect()
}

fn retry(message: &str) -> ModelError {
    ModelError::new(ModelErrorKind::Overloaded, message)
}

#[tokio::test]
async fn a_cancelled_run_just_ends() {
    let mut script = Script::named("m", [text("m1", &["one "])[..2].to_vec()]);
    script.hangs = true;
    let dropped = Arc::clone(&script.dropped);
    let agent = BuiltInAgent::builder(Arc::new(script)).build();
    let context = RunContext::new("a", hi());
    let cancel = context.cancel.clone();
    let mut events = agent.run(context);
    for _ in 0..3 {
        events.next().await.unwrap().unwrap();
    }
    cancel.cancel();
    let asked = Instant::now();
    assert!(events.next().await.is_none());
    assert!(asked.elapsed() < Duration::from_millis(500));
    assert!(dropped.load(Ordering::SeqCst), "the model's stream is dropped before the run's ends");
}

#[tokio::test]
async fn cancelling_drops_a_running_tool() {
    let tool = FnTool::new("wait", "", Value::Null, |_| async {
        futures::future::pending::<()>().await;
        Ok(Value::Null)
    });
    let script = Script::new([calls([call("c", "wait", &["{}"])])]);
    let agent = BuiltInAgent::builder(script).tool(Arc::new(tool)).build();
    let context = RunContext::new("a", hi());
    let cancel = context.cancel.clone();
    let run = collect(agent.run(context));
    let stop = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        cancel.cancel();
    };
    let ((events, error), ()) = futures::future::join(run, stop).await;
    assert!(error.is_none());
    assert_eq!(types(&events).last(), Some(&"TOOL_CALL_END"));
}

#[tokio::test]
async fn every_failure_of_a_tool_is_told_to_page_and_model() {
    let panics = FnTool::new("panics", "", json!({}), |_| async { panic!("a bug") });
    let hangs = FnTool::new("hangs", "", json!({}), |_| async {
        futures::future::pending::<()>().await;
        Ok(Value::Null)
    });
    let script = Script::new([
        calls([
            call("c1", "panics", &["{}"]),
            call("c2", "hangs", &["{}"]),
            call("c3", "server_weather", &["{oops"]),
            call("c4", "server_weather", &["[]"]),
            call("c5", "nope", &["{}"]),
            call("c6", "AGUISendStateDelta", &[r#"{"delta":[{"op":"remove","path":"/nope"}]}"#]),
            call("c7", "server_weather", &[r#"{"city":"Rome"}"#]),
        ]),
        stop([text("m2", &["ok"])]),
    ]);
    let agent = BuiltInAgent::builder(script.clone())
        .tools([weather(), Arc::new(panics), Arc::new(hangs)])
        .tool_timeout(Duration::from_millis(50))
        .build();
    let (events, error) = run(&agent, hi()).await;
    assert!(error.is_none(), "{error:?}");
    let got: Vec<_> = results(&events)
        .into_iter()
        .map(|event| (event["toolCallId"].as_str().unwrap().to_owned(), content(event)["reason"].clone()))
        .collect();
    let reasons = ["tool_failed", "tool_timeout", "tool_arguments", "tool_arguments", "tool_unknown", "tool_arguments"];
    let mut expected: Vec<_> = reasons.iter().enumerate().map(|(i, r)| (format!("c{}", i + 1), json!(r))).collect();
    expected.push(("c7".into(), Value::Null));
    assert_eq!(got, expected);
    let told = tool_results(&script.calls()[1]);
    assert_eq!(
        told.iter().map(|(_, is_error)| *is_error).collect::<Vec<_>>(),
        [true, true, true, true, true, true, false]
    );
    assert!(told[0].0.contains("failed unexpectedly") && !told[0].0.contains("a bug"));
    assert!(!types(&events).contains(&"STATE_DELTA"));
    assert_eq!(events.last().unwrap()["metadata"]["finishReason"], "stop");
}

#[tokio::test]
async fn server_tools_of_a_step_run_at_once_and_answer_in_order() {
    let tool = FnTool::new("sleep", "", json!({}), |call| async move {
        let ms = call.arguments.to_value()["ms"].as_u64().unwrap();
        tokio::time::sleep(Duration::from_millis(ms)).await;
        Ok(json!(format!("slept {ms}")))
    });
    let script = Script::new([
        calls([
            call("c1", "sleep", &[r#"{"ms":300}"#]),
            call("c2", "sleep", &[r#"{"ms":10}"#]),
            call("c3", "sleep", &[r#"{"ms":200}"#]),
        ]),
        stop([text("m", &["ok"])]),
    ]);
    let agent = BuiltInAgent::builder(script.clone()).tool(Arc::new(tool)).build();
    let begun = Instant::now();
    let (events, _) = run(&agent, hi()).await;
    assert!(begun.elapsed() < Duration::from_millis(480), "{:?}", begun.elapsed());
    let ids: Vec<_> = results(&events).iter().map(|event| event["toolCallId"].clone()).collect();
    assert_eq!(ids, ["c1", "c2", "c3"]);
    assert_eq!(results(&events)[0]["content"], "\"slept 300\"", "a text is quoted on the wire");
    assert_eq!(tool_results(&script.calls()[1])[0].0, "slept 300", "and plain for the model");
}

#[tokio::test]
async fn a_call_that_was_cut_off_is_never_executed() {
    for (arguments, ended) in [(r#"{"city":"Ro"#, true), (r#"{"city":"Rome"}"#, false), ("", true)] {
        let mut cut = call("c2", "server_weather", &[arguments]);
        if !ended {
            cut.pop();
        }
        let whole = call("c1", "server_weather", &[r#"{"city":"Oslo"}"#]);
        let script = Script::new([step([whole, cut, finish(FinishReason::Length)])]);
        let agent = BuiltInAgent::builder(script.clone()).tool(weather()).build();
        let (events, error) = run(&agent, hi()).await;
        assert!(error.is_none());
        let results = results(&events);
        assert_eq!(content(results[0]), json!({ "city": "Oslo", "temp": 21 }));
        assert_eq!(content(results[1])["reason"], "tool_arguments", "{arguments:?}");
        assert_eq!(types(&events).iter().filter(|kind| **kind == "TOOL_CALL_END").count(), 2);
        assert_eq!(events.last().unwrap()["metadata"]["finishReason"], "length");
        assert_eq!(script.calls().len(), 1);
    }
}

#[tokio::test]
async fn steps_are_bounded_and_usage_is_summed() {
    let again = || calls([call("c", "server_weather", &[r#"{"city":"Rome"}"#])]);
    let script = Script::new((0..5).map(|_| again()));
    let agent = BuiltInAgent::builder(script.clone()).tool(weather()).max_steps(3).build();
    let (events, _) = run(&agent, hi()).await;
    assert_eq!(script.calls().len(), 3);
    let usage = &events.last().unwrap()["usage"];
    assert_eq!(usage[0]["inputTokens"], 30);
    assert_eq!(usage.as_array().unwrap().len(), 1);
    // The model repeats its call id: the page and the next call of the model see three different ones.
    let ids: std::collections::HashSet<_> =
        results(&events).iter().map(|event| event["toolCallId"].to_string()).collect();
    assert_eq!(ids.len(), 3);
    let parents: std::collections::HashSet<_> =
        events.iter().filter_map(|event| event.get("parentMessageId")).map(Value::to_string).collect();
    assert_eq!(parents.len(), 3, "each step is a message of its own");
}

#[tokio::test]
async fn arguments_that_are_missing_become_an_empty_object_on_the_wire() {
    let tool = FnTool::new("now", "", Value::Null, |_| async { Ok(json!(1)) });
    let script = Script::new([calls([call("c", "now", &[])]), stop([text("m", &["ok"])])]);
    let agent = BuiltInAgent::builder(script).tool(Arc::new(tool)).build();
    let (events, _) = run(&agent, hi()).await;
    assert_eq!(events[2], json!({ "type": "TOOL_CALL_ARGS", "toolCallId": "c", "delta": "{}" }));
    assert_eq!(results(&events)[0]["content"], "1");
}

/// Time grows with the arguments, not with their square: otherwise the larger ones would take sixteen times as long.
#[tokio::test]
async fn a_large_argument_in_small_pieces_is_linear() {
    let took = async |pieces: usize| {
        let mut best = Duration::MAX;
        for _ in 0..3 {
            let delta = || Ok(ModelEvent::ToolCallDelta { id: "c".into(), delta: "abcdefgh".into() });
            let start = Ok(ModelEvent::ToolCallStart { id: "c".into(), name: "nope".into() });
            let end = Ok(ModelEvent::ToolCallEnd { id: "c".into(), encrypted_value: None });
            let step = [start].into_iter().chain((0..pieces).map(|_| delta())).chain([end]);
            let script = Script::new([step.chain(finish(FinishReason::Stop)).collect::<Step>()]);
            let agent = BuiltInAgent::builder(script).max_steps(1).build();
            let begun = Instant::now();
            let count = agent.run(RunContext::new("a", hi())).count().await;
            best = best.min(begun.elapsed());
            assert_eq!(count, pieces + 5);
        }
        best
    };
    let (quarter, whole) = (took(32 * 1024).await, took(128 * 1024).await);
    assert!(whole < quarter * 9, "1 MiB took {whole:?}, a quarter of it {quarter:?}");
}

#[tokio::test]
async fn signatures_go_to_the_page_and_back_to_the_model() {
    let think = vec![
        Ok(ModelEvent::ReasoningStart { id: None }),
        Ok(ModelEvent::ReasoningDelta("hm".into())),
        Ok(ModelEvent::ReasoningEnd { encrypted_value: Some("sig".into()) }),
        Ok(ModelEvent::ReasoningStart { id: None }),
        Ok(ModelEvent::ReasoningEnd { encrypted_value: Some("redacted".into()) }),
    ];
    let mut signed = call("c", "server_weather", &[r#"{"city":"Rome"}"#]);
    signed.pop();
    signed.push(Ok(ModelEvent::ToolCallEnd { id: "c".into(), encrypted_value: Some("callsig".into()) }));
    let script = Script::new([calls([think, text("m1", &["So"]), signed]), stop([text("m2", &["ok"])])]);
    let agent = BuiltInAgent::builder(script.clone()).tool(weather()).build();
    let (events, _) = run(&agent, hi()).await;
    assert_eq!(
        types(&events)[1..18],
        [
            "REASONING_START",
            "REASONING_MESSAGE_START",
            "REASONING_MESSAGE_CONTENT",
            "REASONING_ENCRYPTED_VALUE",
            "REASONING_MESSAGE_END",
            "REASONING_END",
            "REASONING_START",
            "REASONING_MESSAGE_START",
            "REASONING_ENCRYPTED_VALUE",
            "REASONING_MESSAGE_END",
            "REASONING_END",
            "TEXT_MESSAGE_START",
            "TEXT_MESSAGE_CONTENT",
            "TEXT_MESSAGE_END",
            "TOOL_CALL_START",
            "TOOL_CALL_ARGS",
            "REASONING_ENCRYPTED_VALUE",
        ]
    );
    assert_eq!(events[4]["entityId"], events[1]["messageId"]);
    assert_eq!(events[4]["subtype"], "message");
    assert_eq!(events[17]["subtype"], "tool-call");
    assert_eq!(events[17]["entityId"], "c");
    assert_eq!(events[15]["parentMessageId"], "m1");
    let calls = script.calls();
    let ModelMessage::Assistant { content, reasoning, tool_calls } = &calls[1].messages[1] else { panic!() };
    assert_eq!(content, "So");
    let blocks: Vec<_> = reasoning.iter().map(|b| (b.text.as_str(), b.encrypted_value.as_deref())).collect();
    assert_eq!(blocks, [("hm", Some("sig")), ("", Some("redacted"))]);
    assert_eq!(tool_calls[0].encrypted_value.as_deref(), Some("callsig"));
}

#[tokio::test]
async fn a_signature_of_the_text_belongs_to_the_message() {
    let mut said = text("m1", &["So"]);
    said.insert(said.len() - 1, Ok(ModelEvent::TextSignature("sig".into())));
    said.insert(0, Ok(ModelEvent::TextSignature("too early: no page has a message for it".into())));
    let call = call("c", "server_weather", &[r#"{"city":"Rome"}"#]);
    let script = Script::new([calls([said, call]), stop([text("m2", &["ok"])])]);
    let agent = BuiltInAgent::builder(script.clone()).tool(weather()).build();
    let (events, _) = run(&agent, hi()).await;
    let values: Vec<_> = events.iter().filter(|event| event["type"] == "REASONING_ENCRYPTED_VALUE").collect();
    assert_eq!(values.len(), 1);
    assert_eq!((&values[0]["entityId"], &values[0]["subtype"]), (&json!("m1"), &json!("message")));
    let calls = script.calls();
    let ModelMessage::Assistant { reasoning, .. } = &calls[1].messages[1] else { panic!() };
    assert_eq!((reasoning.len(), reasoning[0].encrypted_value.as_deref()), (1, Some("sig")));
}

#[tokio::test]
async fn ids_that_were_used_before_are_not_given_out_again() {
    let mut input = hi();
    input.messages.push(input.messages[0].clone());
    let script = Script::new([stop([text("u1", &["a"]), text("", &["b"]), text("m", &["c"]), text("m", &["d"])])]);
    let (events, _) = run(&BuiltInAgent::builder(script).build(), input).await;
    let ids: Vec<_> = events
        .iter()
        .filter(|event| event["type"] == "TEXT_MESSAGE_START")
        .map(|event| event["messageId"].as_str().unwrap())
        .collect();
    assert_eq!(ids[2], "m");
    assert!([0, 1, 3].iter().all(|index| uuid::Uuid::parse_str(ids[*index]).is_ok()), "{ids:?}");
}

#[tokio::test]
async fn the_next_model_is_tried_only_before_the_first_event() {
    let broken = Arc::new(Script::named("one", [vec![Err(retry("busy"))]]));
    let good = Arc::new(Script::named(
        "two",
        [calls([call("c", "server_weather", &[r#"{"city":"R"}"#])]), stop([text("m", &["x"])])],
    ));
    let agent = BuiltInAgent::builder(broken.clone()).fallback(good.clone()).tool(weather()).build();
    let (events, error) = run(&agent, hi()).await;
    assert!(error.is_none());
    assert_eq!(events.last().unwrap()["usage"][0]["model"], "two");
    assert_eq!((broken.calls().len(), good.calls().len()), (1, 2), "the run stays with the model that works");

    let dead = |name| Arc::new(Script::named(name, [vec![Err(retry(name))]]));
    let (_, error) = run(&BuiltInAgent::builder(dead("one")).fallback(dead("two")).build(), hi()).await;
    assert_eq!(error.unwrap().message, "two", "the last one says why there is no answer");

    let late = Arc::new(Script::named("one", [vec![Ok(ModelEvent::TextDelta("a".into())), Err(retry("cut"))]]));
    let unused = Arc::new(Script::named("two", []));
    let (events, error) = run(&BuiltInAgent::builder(late).fallback(unused.clone()).build(), hi()).await;
    let error = error.unwrap();
    assert_eq!((error.code.as_str(), error.message.as_str(), error.retryable), ("model_overloaded", "cut", true));
    assert_eq!(types(&events), ["RUN_STARTED", "TEXT_MESSAGE_START", "TEXT_MESSAGE_CONTENT"]);
    assert!(unused.calls().is_empty());

    let auth = ModelError::new(ModelErrorKind::Auth, "no key");
    let refused = Arc::new(Script::named("one", [vec![Err(auth)]]));
    let (_, error) = run(&BuiltInAgent::builder(refused).fallback(unused.clone()).build(), hi()).await;
    assert_eq!(error.unwrap().code, "model_auth");
    assert!(unused.calls().is_empty());
}

#[tokio::test]
async fn an_answer_without_an_end_is_an_error() {
    let script = Script::new([text("m", &["a"])]);
    let (_, error) = run(&BuiltInAgent::builder(script).build(), hi()).await;
    assert_eq!(error.unwrap().code, "model_protocol");
}

#[tokio::test]
async fn interrupts_and_executed_calls_of_one_step() {
    let script = Script::new([calls([
        call("c1", "approve", &[r#"{"amount":1}"#]),
        call("c2", "server_weather", &[r#"{"city":"Rome"}"#]),
        call("c3", "confirm", &[r#"{"amount":2}"#]),
    ])]);
    let agent = BuiltInAgent::builder(script).tools([Ask::tool("approve"), weather(), Ask::tool("confirm")]).build();
    let (events, _) = run(&agent, hi()).await;
    let outcome = &events.last().unwrap()["outcome"];
    assert_eq!(outcome["type"], "interrupt");
    let ids: Vec<_> = outcome["interrupts"].as_array().unwrap().iter().map(|one| &one["id"]).collect();
    assert_eq!(ids, ["c1", "c3"]);
    assert_eq!(results(&events).len(), 1);

    let script = Script::new([calls([call("c1", "approve", &[r#"{"amount":"a lot"}"#])]), stop([text("m", &["x"])])]);
    let agent = BuiltInAgent::builder(script).tool(Ask::tool("approve")).build();
    let (events, _) = run(&agent, hi()).await;
    assert_eq!(content(results(&events)[0])["reason"], "tool_arguments", "nobody is asked about nonsense");
    assert!(events.last().unwrap().get("outcome").is_none());
}

#[tokio::test]
async fn a_forced_tool_is_forced_once() {
    let script = Script::new([calls([call("c", "server_weather", &[r#"{"city":"R"}"#])]), stop([text("m", &["x"])])]);
    let choice = ToolChoice::Tool("server_weather".into());
    let agent = BuiltInAgent::builder(script.clone()).tool(weather()).tool_choice(choice.clone()).build();
    run(&agent, hi()).await;
    let choices: Vec<_> = script.calls().into_iter().map(|call| call.tool_choice).collect();
    assert_eq!(choices, [choice, ToolChoice::Auto]);

    // The page comes back with the result of its tool: forced again, the two would go on for ever.
    let script = Script::new([stop([text("m", &["x"])]), stop([text("m", &["y"])])]);
    let agent = BuiltInAgent::builder(script.clone()).tool_choice(ToolChoice::Required).build();
    let asked = r#"{"id":"u","role":"user","content":"hi"}"#;
    let called = r#"{"id":"a","role":"assistant","toolCalls":[{"id":"c","type":"function","function":{"name":"paint","arguments":"{}"}}]}"#;
    let result = r#"{"id":"t","role":"tool","toolCallId":"c","content":"done"}"#;
    for (messages, expected) in [
        (vec![asked, called, result], ToolChoice::Auto),
        (vec![asked, called, result, r#"{"id":"v","role":"user","content":"again"}"#], ToolChoice::Required),
    ] {
        let tools = r#"[{"name":"paint","description":"","parameters":{"type":"object"}}]"#;
        let messages = messages.join(",");
        run(
            &agent,
            input(&format!(r#"{{"threadId":"t","runId":"r","messages":[{messages}],"tools":{tools},"context":[]}}"#)),
        )
        .await;
        assert_eq!(script.calls().last().unwrap().tool_choice, expected);
    }

    let script = Script::new([stop([text("m", &["x"])])]);
    let agent = BuiltInAgent::builder(script.clone()).tool_choice(ToolChoice::Tool("gone".into())).build();
    run(&agent, hi()).await;
    assert_eq!(script.calls()[0].tool_choice, ToolChoice::Auto, "a tool that is not offered cannot be forced");
}

struct Source {
    required: bool,
    fails: bool,
}

#[async_trait]
impl ToolSource for Source {
    async fn tools(&self, scope: &ToolScope) -> Result<Vec<Arc<dyn Tool>>, ToolError> {
        assert_eq!(&*scope.agent_id, "test");
        if self.fails { Err(ToolError::failed("connection refused")) } else { Ok(vec![weather()]) }
    }
    fn name(&self) -> &str {
        "files"
    }
    fn is_required(&self) -> bool {
        self.required
    }
}

#[tokio::test]
async fn sources_add_tools_and_may_be_required() {
    let agent =
        |source, script: &Arc<Script>| BuiltInAgent::builder(script.clone()).tool_source(Arc::new(source)).build();
    let answer = || Script::new([stop([text("m", &["x"])])]);
    let mut input = hi();
    page_tool(&mut input, "server_weather");

    let script = answer();
    run(&agent(Source { required: false, fails: false }, &script), input.clone()).await;
    let tools = script.calls()[0].tools.clone();
    let names: Vec<_> = tools.iter().map(|tool| tool.name.as_str()).collect();
    assert_eq!(names, ["server_weather", "AGUISendStateSnapshot", "AGUISendStateDelta"]);
    assert_eq!(tools[0].description, "Weather", "a source takes no name that is taken");

    let script = answer();
    let (events, error) = run(&agent(Source { required: false, fails: true }, &script), hi()).await;
    assert!(error.is_none() && types(&events).last() == Some(&"RUN_FINISHED"));

    let script = answer();
    let (events, error) = run(&agent(Source { required: true, fails: true }, &script), hi()).await;
    let error = error.unwrap();
    assert_eq!(error.code, "tool_source_unavailable");
    assert!(error.message.contains("`files`") && error.message.contains("connection refused"));
    assert_eq!(types(&events), ["RUN_STARTED"]);
    assert!(script.calls().is_empty());
}

#[tokio::test]
async fn a_page_may_choose_a_model_where_it_is_allowed() {
    let usual = Script::new([stop([text("m", &["usual"])])]);
    let chosen = Arc::new(Script::named("chosen", [stop([text("m", &["chosen"])])]));
    let resolved = chosen.clone();
    let agent = BuiltInAgent::builder(usual.clone())
        .overridable(["model"])
        .model_resolver(Arc::new(move |name| match name {
            "p/chosen" => Ok(resolved.clone()),
            other => Err(copilotkit_runtime::AgentError::new("model_unknown", format!("no model {other}"))),
        }))
        .build();
    let mut input = hi();
    input.forwarded_props = Some(json(r#"{"model":"p/chosen"}"#));
    run(&agent, input.clone()).await;
    assert_eq!((usual.calls().len(), chosen.calls().len()), (0, 1));
    input.forwarded_props = Some(json(r#"{"model":"p/other"}"#));
    let (_, error) = run(&agent, input).await;
    assert_eq!(error.unwrap().code, "model_unknown");
}

#[tokio::test]
async fn says_what_it_is() {
    let agent = BuiltInAgent::builder(Script::new([])).description("Helps").build();
    assert_eq!((agent.kind(), agent.description()), ("BuiltInAgent", "Helps"));
    let capabilities = serde_json::to_value(agent.capabilities().await.unwrap().unwrap()).unwrap();
    assert_eq!(capabilities["tools"], json!({ "supported": true, "clientProvided": true }));
    assert_eq!(capabilities["humanInTheLoop"]["interrupts"], true);
    assert_eq!(capabilities["state"], json!({ "snapshots": true, "deltas": true }));
}
