//! Surfaces and pages that agents draw, through the lifecycle: what a page is shown, and what the agent is told.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a helper of a test fails the test")]

use copilotkit_fixtures::official_schema;
use copilotkit_fixtures::scripted::Script;
use copilotkit_protocol::{Event, Json, Message, RunAgentInput, RunFinished, TokenUsage, ToolCallChunk, UserMessage};
use copilotkit_runtime::middleware::a2ui::{A2ui, A2uiOptions, DebugExposure, InjectTool, Recovery};
use copilotkit_runtime::middleware::generative_ui::GenerativeUi;
use copilotkit_runtime::{
    Agent, AgentRegistry, EventStream, Lifecycle, LifecycleOptions, Principal, Registered, RunContext, StartRun,
};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// An agent from a script for each of its runs, the last one for all further runs. It keeps what it was given.
#[derive(Clone)]
struct Scripts {
    scripts: Arc<[fn(&mut Script)]>,
    given: Arc<Mutex<Vec<RunAgentInput>>>,
}

impl Agent for Scripts {
    fn run(&self, context: RunContext) -> EventStream {
        let mut given = self.given.lock().unwrap();
        let mut script = Script::new(&context);
        script.start();
        self.scripts[given.len().min(self.scripts.len() - 1)](&mut script);
        given.push((*context.input).clone());
        script.play(context.cancel)
    }
}

/// What a page saw of a run, and what the agent was given.
struct Ran {
    events: Vec<Value>,
    given: Vec<RunAgentInput>,
}

impl Ran {
    /// The events of a kind.
    fn of(&self, kind: &str) -> Vec<&Value> {
        self.events.iter().filter(|event| event["type"] == kind).collect()
    }

    /// What was shown in an activity, one after the other: the state, or how many operations there were.
    fn shown(&self, message_id: &str) -> Vec<Value> {
        let activities = self.of("ACTIVITY_SNAPSHOT").into_iter().filter(|event| event["messageId"] == message_id);
        let content = activities.map(|event| match event["content"]["a2ui_operations"].as_array() {
            Some(operations) => operations.len().into(),
            None => event["content"]["status"].clone(),
        });
        let mut shown: Vec<Value> = content.collect();
        // How far it is, is told again and again.
        shown.dedup_by(|next, before| *next == "building" && *before == "building");
        shown
    }

    /// The results of calls, as JSON.
    fn results(&self) -> Vec<Value> {
        let results = self.of("TOOL_CALL_RESULT").into_iter();
        results.map(|event| serde_json::from_str(event["content"].as_str().unwrap()).unwrap()).collect()
    }
}

async fn run(scripts: &[fn(&mut Script)], options: A2uiOptions) -> Ran {
    let agent = Scripts { scripts: scripts.into(), given: Arc::default() };
    let registered = Registered::new("default", agent.clone()).with(A2ui::new(options)).with(GenerativeUi::new());
    let lifecycle = Lifecycle::new(Arc::new(AgentRegistry::new([registered])), LifecycleOptions::default());
    let input = RunAgentInput {
        thread_id: "t".to_owned(),
        run_id: "r".to_owned(),
        messages: vec![UserMessage { id: "u".to_owned(), content: "Draw".into(), ..Default::default() }.into()],
        state: Some(Json::parse("{}").unwrap()),
        ..Default::default()
    };
    let (agent_id, principal) = ("default".to_owned(), Principal::anonymous());
    let start = StartRun { agent_id, principal, headers: Arc::default(), input };
    let mut subscription = lifecycle.start(start).await.unwrap();
    let mut events = Vec::new();
    let read = async {
        loop {
            let frames = subscription.next().await.unwrap();
            if frames.is_empty() {
                return;
            }
            for frame in frames.iter().filter_map(|frame| frame.for_client(false)) {
                assert_eq!(official_schema::check(frame), Ok(()));
                events.push(serde_json::from_slice(frame).unwrap());
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(20), read).await.unwrap();
    let given = agent.given.lock().unwrap().clone();
    Ran { events, given }
}

fn always() -> A2uiOptions {
    A2uiOptions { inject_tool: InjectTool::Always, ..A2uiOptions::default() }
}

fn attempts(max_attempts: u32) -> A2uiOptions {
    A2uiOptions { recovery: Recovery { max_attempts, ..Recovery::default() }, ..always() }
}

const GOOD: &str = r#"{"surfaceId":"s","components":[{"id":"root","component":"Text","text":"Hi"}]}"#;
const DANGLING: &str = r#"{"surfaceId":"s","components":[{"id":"root","component":"Card","child":"gone"}]}"#;

fn good(script: &mut Script) {
    script.text(["Here it is."]).call("render_a2ui", &[GOOD]).finish();
}

fn dangling(script: &mut Script) {
    script.text(["Here it is."]).call("render_a2ui", &[DANGLING]);
    let usage = TokenUsage { total_tokens: Some(7), ..TokenUsage::default() };
    let finished = RunFinished { usage: Some(vec![usage]), ..script.finished() };
    script.emit(finished);
}

#[tokio::test]
async fn a_surface_that_cannot_be_drawn_is_tried_again_in_the_same_run() {
    let ran = run(&[dangling, good], always()).await;
    assert_eq!(ran.shown("a2ui-surface-tc-r"), [json!("building"), json!("retrying"), json!(2)]);
    let retrying = ran.of("ACTIVITY_SNAPSHOT").into_iter().find(|event| event["content"]["status"] == "retrying");
    let retrying = &retrying.unwrap()["content"];
    assert_eq!((&retrying["attempt"], &retrying["maxAttempts"]), (&json!(2), &json!(3)));
    assert_eq!(retrying["errors"][0]["code"], "unresolved_child");
    assert_eq!((ran.of("RUN_STARTED").len(), ran.of("RUN_FINISHED").len()), (1, 1));
    let finished = ran.of("RUN_FINISHED")[0];
    assert_eq!((&finished["runId"], &finished["usage"]), (&json!("r"), &json!([{ "totalTokens": 7 }])));
    let results = ran.results();
    assert_eq!(results[0]["code"], "a2ui_invalid");
    assert_eq!(results[0]["errors"][0]["path"], "components[0].child");
    assert_eq!(results[1], json!({ "status": "rendered" }));

    // The agent knows what it did, and runs as another run.
    let [first, second] = ran.given.as_slice() else { panic!("{} runs", ran.given.len()) };
    assert_eq!((first.messages.len(), second.messages.len()), (1, 3));
    assert_eq!(second.messages[1].tool_calls()[0].function.arguments, DANGLING);
    assert!(matches!(&second.messages[2], Message::Tool(result) if result.content.text().contains("a2ui_invalid")));
    assert_eq!(second.parent_run_id.as_deref(), Some("r"));
    assert_ne!(second.run_id, "r");
    assert_eq!(second.tools, first.tools);
    assert_eq!(second.tools[0].name, "render_a2ui");
}

#[tokio::test]
async fn after_the_last_try_the_page_is_told() {
    let options = attempts(2);
    let exposure = Some(DebugExposure::Verbose);
    let options = A2uiOptions { recovery: Recovery { debug_exposure: exposure, ..options.recovery }, ..options };
    let ran = run(&[dangling], options).await;
    assert_eq!(ran.given.len(), 2);
    let shown = ran.shown("a2ui-surface-tc-r");
    assert_eq!(shown, ["building", "retrying", "retrying", "failed"]);
    let failed = &ran.of("ACTIVITY_SNAPSHOT").last().unwrap()["content"];
    assert_eq!((&failed["maxAttempts"], &failed["debugExposure"]), (&json!(2), &json!("verbose")));
    assert_eq!(failed["attempts"][1], json!({ "attempt": 2, "ok": false, "errors": failed["attempts"][0]["errors"] }));
    assert_eq!(ran.results()[1]["code"], "a2ui_recovery_exhausted");
    assert_eq!(ran.events.last().unwrap()["type"], "RUN_FINISHED");
}

#[tokio::test]
async fn a_single_try_is_a_single_run() {
    let ran = run(&[dangling, good], attempts(1)).await;
    assert_eq!(ran.given.len(), 1);
    assert_eq!(ran.shown("a2ui-surface-tc-r").last().unwrap(), "failed");
}

#[tokio::test]
async fn arguments_that_are_no_surface_are_tried_again_too() {
    let scripts: [fn(&mut Script); 4] = [
        |script| {
            script.call("render_a2ui", &["{}"]).finish();
        },
        |script| {
            script.call("render_a2ui", &["words"]).finish();
        },
        |script| {
            script.call("render_a2ui", &["{\"surfaceId\":\"s\""]).finish();
        },
        |script| {
            script.call("render_a2ui", &["{\"surfaceId\":\"s\",\"components\":[]}"]).finish();
        },
    ];
    for (index, script) in scripts.into_iter().enumerate() {
        let ran = run(&[script, good], always()).await;
        assert_eq!(ran.shown("a2ui-surface-tc-r"), [json!("building"), json!("retrying"), json!(2)], "{index}");
    }
}

/// What the model says instead of another try is said; the page does not wait any longer.
#[tokio::test]
async fn an_agent_may_answer_in_words_instead() {
    let words: fn(&mut Script) = |script| {
        script.text(["Never mind."]).finish();
    };
    let ran = run(&[dangling, words], always()).await;
    assert_eq!(ran.given.len(), 2);
    assert_eq!(ran.shown("a2ui-surface-tc-r"), ["building", "retrying", "failed"]);
    assert_eq!(ran.events.last().unwrap()["type"], "RUN_FINISHED");
}

#[tokio::test]
async fn while_the_page_has_something_to_do_the_agent_does_not_run_again() {
    let both: fn(&mut Script) = |script| {
        let other = "page-call";
        script.call("render_a2ui", &[DANGLING]);
        let chunk = |name: Option<&str>, delta: &str| ToolCallChunk {
            tool_call_id: Some(other.to_owned()),
            tool_call_name: name.map(str::to_owned),
            delta: Some(delta.to_owned()),
            ..Default::default()
        };
        script.emit(chunk(Some("confirm"), "{")).emit(chunk(None, "}")).finish();
    };
    let ran = run(&[both, good], always()).await;
    assert_eq!(ran.given.len(), 1);
    assert_eq!(ran.shown("a2ui-surface-tc-r").last().unwrap(), "failed");
    assert_eq!(ran.results().len(), 1, "the page answers its own call");
}

/// An agent that has its own tool tries again by itself.
#[tokio::test]
async fn an_agent_with_its_own_tool_is_not_run_again() {
    let ran = run(&[dangling, good], A2uiOptions::default()).await;
    assert_eq!(ran.given.len(), 1);
    assert!(ran.given[0].tools.is_empty());
    assert_eq!(ran.shown("a2ui-surface-tc-r"), ["building", "retrying", "failed"]);
}

#[tokio::test]
async fn pieces_without_a_start_draw_as_well() {
    let chunks: fn(&mut Script) = |script| {
        for (index, delta) in [&GOOD[..30], &GOOD[30..]].into_iter().enumerate() {
            script.emit(ToolCallChunk {
                tool_call_id: Some("c".to_owned()),
                tool_call_name: (index == 0).then(|| "render_a2ui".to_owned()),
                delta: Some(delta.to_owned()),
                ..Default::default()
            });
        }
        script.finish();
    };
    let ran = run(&[chunks], always()).await;
    assert_eq!(ran.shown("a2ui-surface-c"), [json!("building"), json!(2)]);
    assert_eq!(ran.results(), [json!({ "status": "rendered" })]);
}

#[tokio::test]
async fn a_surface_that_is_cut_off_has_failed() {
    let cut: fn(&mut Script) = |script| {
        script.open_call("render_a2ui", false).args(&GOOD[..40]).fail("boom");
    };
    let ran = run(&[cut], always()).await;
    assert_eq!(ran.shown("a2ui-surface-tc-r"), ["building", "failed"]);
    assert_eq!(ran.events.last().unwrap()["message"], "boom");
    let page: fn(&mut Script) = |script| {
        script.open_call("generateSandboxedUi", false).args("{\"html\":\"<p>").fail("boom");
    };
    let ran = run(&[page], always()).await;
    let last = ran.of("ACTIVITY_DELTA").last().unwrap()["patch"].clone();
    assert_eq!(last, json!([{ "op": "add", "path": "/generating", "value": false }]));
    assert_eq!(ran.events.last().unwrap()["type"], "RUN_ERROR");
}

/// A tool that draws by calls of its own: they take each other's place under its id, and its result shows nothing twice.
#[tokio::test]
async fn calls_inside_of_another_call_take_each_others_place() {
    let nested: fn(&mut Script) = |script| {
        let start = |id: &str, name: &str| {
            let (tool_call_id, tool_call_name) = (id.to_owned(), name.to_owned());
            copilotkit_protocol::ToolCallStart { tool_call_id, tool_call_name, ..Default::default() }
        };
        let args = |id: &str, delta: &str| copilotkit_protocol::ToolCallArgs {
            tool_call_id: id.to_owned(),
            delta: delta.to_owned(),
            ..Default::default()
        };
        let end = |id: &str| copilotkit_protocol::ToolCallEnd { tool_call_id: id.to_owned(), ..Default::default() };
        let result = |id: &str, content: String| copilotkit_protocol::ToolCallResult {
            message_id: format!("res-{id}"),
            tool_call_id: id.to_owned(),
            content: content.into(),
            ..Default::default()
        };
        script.emit(start("outer", "generate_ui")).emit(args("outer", "{}")).emit(end("outer"));
        for (id, arguments) in [("one", DANGLING), ("two", GOOD)] {
            script.emit(start(id, "render_a2ui")).emit(args(id, arguments)).emit(end(id));
        }
        let surface = |id: &str| json!({ "version": "v0.9", "createSurface": { "surfaceId": id, "catalogId": "c" } });
        script.emit(result("outer", json!({ "a2ui_operations": [surface("s")] }).to_string()));
        // Another tool, with two surfaces, in a string.
        script.emit(start("later", "search")).emit(end("later"));
        let operations = json!({ "a2ui_operations": [surface("a"), surface("s"), surface("b"), 7] }).to_string();
        script.emit(result("later", json!(operations).to_string()));
        // One that gave up.
        script.emit(start("last", "generate_ui")).emit(end("last"));
        let gone = json!({ "code": "a2ui_recovery_exhausted", "error": "no luck", "attempts": [{}, {}] });
        script.emit(result("last", gone.to_string())).finish();
    };
    let ran = run(&[nested], always()).await;
    assert_eq!(ran.shown("a2ui-surface-outer"), [json!("building"), json!("retrying"), json!(2)]);
    assert_eq!(ran.shown("a2ui-surface-a-later"), [json!(1)]);
    assert_eq!(ran.shown("a2ui-surface-b-later"), [json!(1)]);
    assert_eq!(ran.shown("a2ui-surface-last"), ["failed"]);
    let failed = &ran.of("ACTIVITY_SNAPSHOT").last().unwrap()["content"];
    assert_eq!((&failed["error"], &failed["maxAttempts"]), (&json!("no luck"), &json!(2)));
    assert_eq!(ran.given.len(), 1);
}

/// What the middleware answers itself is not left to the page.
#[tokio::test]
async fn calls_that_were_answered_are_not_pending() {
    let pending: fn(&mut Script) = |script| {
        script.call("render_a2ui", &[GOOD]);
        let mut finished: RunFinished = script.finished();
        let outcome = copilotkit_protocol::SuccessOutcome {
            pending_tool_call_ids: Some(vec!["tc-r".to_owned()]),
            ..Default::default()
        };
        finished.outcome = Some(outcome.into());
        script.emit(Event::from(finished));
    };
    let ran = run(&[pending], always()).await;
    assert_eq!(ran.of("RUN_FINISHED")[0]["outcome"], json!({ "type": "success" }));
    assert_eq!(ran.results(), [json!({ "status": "rendered" })]);
}
