use super::*;
use crate::wire::Json;
use serde_json::json;

/// What `write` makes of a run, checked once more from outside.
fn run(write: impl FnOnce(EventWriter<&mut dyn FnMut(Event)>)) -> Vec<String> {
    let mut events: Vec<Event> = Vec::new();
    let mut sink = |event| events.push(event);
    write(EventWriter::start("t", "r", &mut sink as &mut dyn FnMut(Event)).unwrap());
    let mut verifier = Verifier::new();
    events.iter().cloned().for_each(|event| verifier.check(&Emitted::from(event)).unwrap());
    assert!(verifier.is_ended());
    events.iter().map(|event| String::from_utf8(event.to_json()).unwrap()).collect()
}

/// The types only.
fn kinds(lines: &[String]) -> Vec<&str> {
    lines.iter().map(|line| line.split('"').nth(3).unwrap()).collect()
}

#[test]
fn one_line_each() {
    let lines = run(|mut run| {
        assert_eq!(run.text("Hi").unwrap(), "r-1");
        assert_eq!(run.call("search", &json!({"q": 1})).unwrap(), "r-2");
        assert_eq!(run.result("r-2", "found").unwrap(), "r-3");
        run.state(&json!({"n": 1})).unwrap();
        run.state_delta(JsonPatch::try_from(Json::from(json!([{"op": "remove", "path": "/n"}]))).unwrap()).unwrap();
        assert_eq!(run.reasoning("hm").unwrap(), "r-5");
        run.custom("n", &1).unwrap();
        run.finish().unwrap();
    });
    let expected = [
        r#"{"type":"RUN_STARTED","threadId":"t","runId":"r"}"#,
        r#"{"type":"TEXT_MESSAGE_START","messageId":"r-1","role":"assistant"}"#,
        r#"{"type":"TEXT_MESSAGE_CONTENT","messageId":"r-1","delta":"Hi"}"#,
        r#"{"type":"TEXT_MESSAGE_END","messageId":"r-1"}"#,
        r#"{"type":"TOOL_CALL_START","toolCallId":"r-2","toolCallName":"search"}"#,
        r#"{"type":"TOOL_CALL_ARGS","toolCallId":"r-2","delta":"{\"q\":1}"}"#,
        r#"{"type":"TOOL_CALL_END","toolCallId":"r-2"}"#,
        r#"{"type":"TOOL_CALL_RESULT","messageId":"r-3","toolCallId":"r-2","content":"found","role":"tool"}"#,
        r#"{"type":"STATE_SNAPSHOT","snapshot":{"n":1}}"#,
        r#"{"type":"STATE_DELTA","delta":[{"op":"remove","path":"/n"}]}"#,
        r#"{"type":"REASONING_START","messageId":"r-4"}"#,
        r#"{"type":"REASONING_MESSAGE_START","messageId":"r-5","role":"reasoning"}"#,
        r#"{"type":"REASONING_MESSAGE_CONTENT","messageId":"r-5","delta":"hm"}"#,
        r#"{"type":"REASONING_MESSAGE_END","messageId":"r-5"}"#,
        r#"{"type":"REASONING_END","messageId":"r-4"}"#,
        r#"{"type":"CUSTOM","name":"n","value":1}"#,
        r#"{"type":"RUN_FINISHED","threadId":"t","runId":"r"}"#,
    ];
    assert_eq!(lines, expected);
}

#[test]
fn handles_close_what_they_hold_and_subagents_tag_it() {
    let lines = run(|run| {
        let mut run = run.id_prefix("x");
        {
            let mut step = run.open_step("plan").unwrap();
            let mut subagent = step.open_subagent("researcher").unwrap();
            let mut inner = subagent.open_step("plan").unwrap();
            let mut message = inner.open_text().unwrap();
            message.delta("Hi").unwrap();
        }
        run.open_subagent("other").unwrap().fail("c", "m").unwrap();
        let subagent = run.open_subagent("asks").unwrap();
        subagent.suspend(vec!["i".into()]).unwrap();
        let interrupt = Interrupt { id: "i".into(), reason: "input".into(), ..Default::default() };
        run.interrupt(vec![interrupt]).unwrap();
    });
    let expected = [
        r#"{"type":"STEP_STARTED","stepName":"plan"}"#,
        r#"{"type":"SUBAGENT_STARTED","subagentRunId":"x-1","name":"researcher"}"#,
        r#"{"type":"STEP_STARTED","stepName":"plan","subagentRunId":"x-1"}"#,
        r#"{"type":"TEXT_MESSAGE_START","messageId":"x-2","role":"assistant","subagentRunId":"x-1"}"#,
        r#"{"type":"TEXT_MESSAGE_CONTENT","messageId":"x-2","delta":"Hi","subagentRunId":"x-1"}"#,
        r#"{"type":"TEXT_MESSAGE_END","messageId":"x-2","subagentRunId":"x-1"}"#,
        r#"{"type":"STEP_FINISHED","stepName":"plan","subagentRunId":"x-1"}"#,
        r#"{"type":"SUBAGENT_FINISHED","subagentRunId":"x-1"}"#,
        r#"{"type":"STEP_FINISHED","stepName":"plan"}"#,
        r#"{"type":"SUBAGENT_STARTED","subagentRunId":"x-3","name":"other"}"#,
        r#"{"type":"SUBAGENT_ERROR","subagentRunId":"x-3","message":"m","code":"c"}"#,
        r#"{"type":"SUBAGENT_STARTED","subagentRunId":"x-4","name":"asks"}"#,
        r#"{"type":"SUBAGENT_FINISHED","subagentRunId":"x-4","outcome":{"type":"suspended","interruptIds":["i"]}}"#,
    ];
    assert_eq!(lines[1..lines.len() - 1], expected);
    assert!(lines.last().unwrap().contains(r#""interrupts":[{"id":"i","reason":"input"}]"#));
}

#[test]
fn what_may_not_come_is_an_error_and_not_written() {
    let lines = run(|mut run| {
        let mut step = run.open_step("plan").unwrap();
        assert!(step.open_step("plan").unwrap_err().message.contains("already active"));
        step.end().unwrap();
        for (event, kind) in [
            (Event::from(RunFinished::default()), EventKind::RunFinished),
            (TextMessageEnd::default().into(), EventKind::TextMessageEnd),
            (TextMessageChunk::default().into(), EventKind::TextMessageChunk),
        ] {
            assert_eq!(run.emit(event).unwrap_err().kind, kind);
        }
        // What a subagent owns, nobody else may write to.
        let mut subagent = run.open_subagent("s").unwrap();
        let start = || TextMessageStart { message_id: "m".into(), ..Default::default() };
        subagent.open_text_with(start()).unwrap().end().unwrap();
        subagent.end().unwrap();
        let mut other = run.open_subagent("o").unwrap();
        assert!(other.open_text_with(start()).is_err());
        other.end().unwrap();
        run.cancel().unwrap();
    });
    assert_eq!(
        kinds(&lines)[1..],
        [
            "STEP_STARTED",
            "STEP_FINISHED",
            "SUBAGENT_STARTED",
            "TEXT_MESSAGE_START",
            "TEXT_MESSAGE_END",
            "SUBAGENT_FINISHED",
            "SUBAGENT_STARTED",
            "SUBAGENT_FINISHED",
            "RUN_FINISHED"
        ]
    );
}

#[test]
fn a_run_always_ends() {
    let dropped = run(|mut run| {
        run.text("x").unwrap();
    });
    assert!(dropped.last().unwrap().contains(r#""code":"incomplete""#));
    assert!(run(|run| run.fail("c", "m").unwrap()).last().unwrap().contains(r#""code":"c""#));
    // A handle that was leaked: the run cannot be finished, and ends all the same.
    let leaked = run(|mut run| {
        std::mem::forget(run.open_text().unwrap());
        assert!(run.finish().is_err());
    });
    assert_eq!(kinds(&leaked), ["RUN_STARTED", "TEXT_MESSAGE_START", "RUN_ERROR"]);
}
