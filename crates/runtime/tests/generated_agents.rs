//! Agents made at random: panic, hang, end of file, junk, two terminals, wrong order, events after the end. Whatever
//! they do, the live stream and the replay are one well-formed run, and a page makes the same of both.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a helper of a test fails the test")]

use copilotkit_protocol::{Applied, Event, RunAgentInput, Verifier};
use copilotkit_runtime::agent::{AgentError, EventStream, RunContext};
use copilotkit_runtime::hub::Subscription;
use copilotkit_runtime::middleware::a2ui::{A2ui, A2uiOptions, InjectTool};
use copilotkit_runtime::middleware::generative_ui::GenerativeUi;
use copilotkit_runtime::store::Frame;
use copilotkit_runtime::{Agent, AgentRegistry, Emitted, Lifecycle, LifecycleOptions, Principal, Registered, StartRun};
use futures::StreamExt as _;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

/// A small generator: the same seed gives the same agent.
#[derive(Clone)]
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}

#[derive(Clone, Debug)]
enum Step {
    Event(Value),
    Pause,
    Hang,
    Panic,
    Fail,
}

fn script(seed: u64) -> Vec<Step> {
    let mut dice = Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    let length = dice.roll(24);
    let mut steps: Vec<Step> = (0..length).map(|_| step(&mut dice)).collect();
    if dice.roll(4) > 0 {
        steps.insert(0, Step::Event(json!({ "type": "RUN_STARTED", "threadId": "t", "runId": "r" })));
    }
    if dice.roll(3) > 0 {
        steps.push(Step::Event(json!({ "type": "RUN_FINISHED", "threadId": "t", "runId": "r" })));
    }
    steps
}

/// What agents draw with is among the tools, and its arguments among the pieces.
const TOOLS: [&str; 3] = ["tool", "render_a2ui", "generateSandboxedUi"];
const PIECES: [&str; 6] = [
    "{\"surfaceId\":\"s\",",
    "\"components\":[{\"id\":\"root\",\"component\":\"Text\"}]",
    "\"components\":[]",
    "{\"initialHeight\":1,\"html\":\"<p>",
    "</p>\",\"jsExpressions\":[\"f()\"",
    "}",
];

fn step(dice: &mut Dice) -> Step {
    let number = dice.roll(3);
    let (id, tool) = (format!("i{number}"), TOOLS[number as usize]);
    let piece = PIECES[dice.roll(6) as usize];
    let delta = format!("{} ", dice.roll(100));
    Step::Event(match dice.roll(30) {
        0..=3 => json!({ "type": "TEXT_MESSAGE_START", "messageId": id, "role": "assistant" }),
        4..=8 => json!({ "type": "TEXT_MESSAGE_CONTENT", "messageId": id, "delta": delta }),
        9..=10 => json!({ "type": "TEXT_MESSAGE_END", "messageId": id }),
        11..=12 => json!({ "type": "TOOL_CALL_START", "toolCallId": id, "toolCallName": tool }),
        13..=14 => json!({ "type": "TOOL_CALL_ARGS", "toolCallId": id, "delta": piece }),
        15 => json!({ "type": "TOOL_CALL_END", "toolCallId": id }),
        16 => {
            json!({ "type": "TOOL_CALL_RESULT", "toolCallId": id, "messageId": format!("r-{delta}"), "content": delta })
        }
        17 => json!({ "type": "TEXT_MESSAGE_CHUNK", "messageId": id, "delta": delta }),
        18 => json!({ "type": "STATE_SNAPSHOT", "snapshot": { "n": delta } }),
        19 => json!({ "type": "STATE_DELTA", "delta": [{ "op": "replace", "path": "/n", "value": delta }] }),
        20 => json!({ "type": "REASONING_START", "messageId": id }),
        21 => json!({ "type": "REASONING_MESSAGE_CONTENT", "messageId": format!("t{id}"), "delta": delta }),
        22 => json!({ "type": "STEP_STARTED", "stepName": id }),
        23 => json!({ "type": "RUN_ERROR", "message": "m", "code": "THEIRS" }),
        24 => json!({ "type": "RUN_STARTED", "threadId": "t", "runId": "again" }),
        25 => json!({ "type": "SOMETHING_NEW", "x": 1 }),
        26 => return Step::Pause,
        27 if dice.roll(3) == 0 => return Step::Hang,
        28 if dice.roll(3) == 0 => return Step::Panic,
        29 if dice.roll(3) == 0 => return Step::Fail,
        _ => json!({ "type": "CUSTOM", "name": "n", "value": null }),
    })
}

struct Generated(u64);

impl Agent for Generated {
    fn run(&self, _: RunContext) -> EventStream {
        futures::stream::iter(script(self.0))
            .then(|step| async move {
                match step {
                    Step::Event(event) => Ok(Emitted::from_json(event.to_string().into()).unwrap()),
                    Step::Pause => {
                        tokio::time::sleep(Duration::from_millis(1)).await;
                        Ok(Emitted::from_json(r#"{"type":"CUSTOM","name":"p","value":1}"#.into()).unwrap())
                    }
                    Step::Hang => std::future::pending().await,
                    Step::Panic => panic!("generated"),
                    Step::Fail => Err(AgentError::failed("generated")),
                }
            })
            .boxed()
    }
}

async fn all(mut subscription: Subscription) -> Vec<Frame> {
    let mut frames = Vec::new();
    loop {
        let more = tokio::time::timeout(Duration::from_secs(20), subscription.next()).await.expect("it ends").unwrap();
        if more.is_empty() {
            return frames;
        }
        frames.extend(more);
    }
}

/// What a page holds after these frames, after a check that it accepts them.
fn page(frames: &[Frame], legacy: bool) -> (Vec<Value>, String) {
    let (mut verifier, mut applied) = (Verifier::new(), Applied::new(Vec::new(), Default::default()));
    let mut terminals = 0;
    for json in frames.iter().filter_map(|frame| frame.for_client(legacy)) {
        let event = Event::from_json(json).unwrap();
        verifier.check(&Emitted::from(event.clone())).unwrap();
        applied.apply(&event);
        terminals += usize::from(event.is_terminal());
    }
    assert_eq!(terminals, 1);
    assert!(frames.last().unwrap().kind.is_terminal());
    let messages = applied.messages().iter().map(|message| serde_json::to_value(message).unwrap()).collect();
    (messages, applied.state().get().to_owned())
}

async fn check(seed: u64) {
    let mut agent = Registered::new("generated", Generated(seed));
    if seed % 2 == 1 {
        let options = A2uiOptions { inject_tool: InjectTool::Always, ..A2uiOptions::default() };
        agent = agent.with(A2ui::new(options)).with(GenerativeUi::new());
    }
    let agents = Arc::new(AgentRegistry::new([agent]));
    let options = LifecycleOptions { agent_idle: Duration::from_millis(60), ..LifecycleOptions::default() };
    let lifecycle = Lifecycle::new(agents, options);
    let input = RunAgentInput { thread_id: "t".to_owned(), run_id: "r".to_owned(), ..Default::default() };
    let principal = Principal::anonymous();
    let start =
        StartRun { agent_id: "generated".to_owned(), principal: principal.clone(), headers: Arc::default(), input };
    let live = all(lifecycle.start(start).await.unwrap()).await;
    let replay = all(lifecycle.connect("generated", &principal, "t").await.unwrap()).await;
    for legacy in [false, true] {
        assert_eq!(page(&live, legacy), page(&replay, legacy), "seed {seed}: {:#?}", script(seed));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_an_agent_does_its_run_ends_once() {
    let count = if std::env::var_os("COPILOTKIT_TEST_FULL").is_some() { 10_000 } else { 1_000 };
    // The agents' panics are part of the test: their texts would fill the screen.
    std::panic::set_hook(Box::new(|info| {
        if info.payload().downcast_ref::<&str>() != Some(&"generated") {
            eprintln!("{info}");
        }
    }));
    futures::stream::iter(0..count).map(check).buffer_unordered(64).collect::<Vec<()>>().await;
}
