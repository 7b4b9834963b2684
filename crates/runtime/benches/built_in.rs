//! What the built-in agent costs: model events to the bytes of AG-UI events, and memory for each open stream.
//!
//! `cargo bench -p copilotkit-runtime --bench built_in --no-default-features --features lifecycle`. The goals: 150,000
//! events of a model a second on one core, a tool argument of 1 MiB in pieces of 8 bytes in linear time, 64 KiB for each
//! open stream.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a bench")]

use copilotkit_protocol::{Message, RunAgentInput, TokenUsage, UserMessage};
use copilotkit_runtime::agents::BuiltInAgent;
use copilotkit_runtime::model::{FinishReason, ModelEvent};
use copilotkit_runtime::store::Frame;
use copilotkit_runtime::{Agent, Model, ModelRequest, ModelStream, RunContext};
use futures::{FutureExt as _, StreamExt as _, stream};
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

const GOAL: f64 = 150_000.0;
const MEMORY_GOAL: usize = 64 * 1024;

type Events = Arc<dyn Fn() -> Box<dyn Iterator<Item = ModelEvent> + Send> + Send + Sync>;

/// A model that says the same in every call, made as it is asked for.
struct Says {
    events: Events,
    /// It never ends.
    hangs: bool,
}

impl Model for Says {
    fn stream(&self, _: ModelRequest) -> ModelStream {
        let events = stream::iter((self.events)().map(Ok));
        if self.hangs { events.chain(stream::pending()).boxed() } else { events.boxed() }
    }
    fn provider(&self) -> &str {
        "bench"
    }
    fn name(&self) -> &str {
        "bench"
    }
}

fn finish() -> ModelEvent {
    ModelEvent::Finish { reason: FinishReason::Stop, usage: TokenUsage::default() }
}

/// A text of this many pieces.
fn text(pieces: usize) -> Events {
    Arc::new(move || {
        let start = [ModelEvent::TextStart { id: None }];
        let deltas = (0..pieces).map(|_| ModelEvent::TextDelta(" and the next few words".into()));
        Box::new(start.into_iter().chain(deltas).chain([ModelEvent::TextEnd, finish()]))
    })
}

/// A call with an argument of this many pieces of eight bytes.
fn call(pieces: usize) -> Events {
    Arc::new(move || {
        let start = [ModelEvent::ToolCallStart { id: "call_1".into(), name: "nope".into() }];
        let delta = |piece: &str| ModelEvent::ToolCallDelta { id: "call_1".into(), delta: piece.into() };
        let deltas = (0..pieces).map(move |_| delta("a\\nbcdef"));
        let end = [ModelEvent::ToolCallEnd { id: "call_1".into(), encrypted_value: None }, finish()];
        Box::new(start.into_iter().chain([delta("{\"text\":\"")]).chain(deltas).chain([delta("\"}")]).chain(end))
    })
}

fn agent(events: Events, hangs: bool) -> BuiltInAgent {
    BuiltInAgent::builder(Arc::new(Says { events, hangs })).max_steps(1).build()
}

fn context() -> RunContext {
    let question = UserMessage { id: "u".into(), content: "Hi".into(), ..Default::default() };
    let messages = vec![Message::User(question)];
    RunContext::new(
        "bench",
        RunAgentInput { thread_id: "t".into(), run_id: "r".into(), messages, ..Default::default() },
    )
}

/// Runs it once: how long that took, and how many frames there were.
async fn once(agent: &BuiltInAgent) -> (Duration, u64) {
    let begun = Instant::now();
    let mut events = agent.run(context());
    let mut seq = 0;
    while let Some(event) = events.next().await {
        black_box(Frame::new(seq, 0, event.unwrap()));
        seq += 1;
    }
    (begun.elapsed(), seq)
}

/// The best of some rounds: others use the machine, too.
async fn best(agent: &BuiltInAgent, rounds: usize) -> (Duration, u64) {
    let mut all = Vec::new();
    for _ in 0..rounds {
        all.push(once(agent).await);
    }
    all.into_iter().min().unwrap()
}

fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or("0 kB");
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap_or(0) * 1024
}

async fn memory() -> usize {
    const STREAMS: usize = 2_000;
    // It has said half a sentence, and thinks.
    let events: Events = Arc::new(|| {
        let deltas = (0..100).map(|_| ModelEvent::TextDelta(" and the next few words".into()));
        Box::new([ModelEvent::TextStart { id: None }].into_iter().chain(deltas))
    });
    let agent = agent(events, true);
    let mut open = Vec::with_capacity(STREAMS);
    let before = resident();
    for _ in 0..STREAMS {
        let mut events = agent.run(context());
        let mut count = 0;
        while let Some(event) = events.next().now_or_never() {
            black_box(event.unwrap().unwrap());
            count += 1;
        }
        assert_eq!(count, 102, "RUN_STARTED, the start of the message and its deltas");
        open.push(events);
    }
    let used = resident().saturating_sub(before) / STREAMS;
    drop(open);
    used
}

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let failed = runtime.block_on(async {
        let mut failed = false;
        let mut say = |name: &str, figure: String, met: bool| {
            failed |= !met;
            println!("{name:<28} {figure:<44} {}", if met { "met" } else { "MISSED" });
        };
        let used = memory().await;
        say("memory for each open stream", format!("{:.1} KiB", used as f64 / 1024.0), used > 0 && used <= MEMORY_GOAL);
        for (name, events, count) in [("text", text(100_000), 100_000), ("tool argument", call(100_000), 100_000)] {
            let (took, frames) = best(&agent(events, false), 10).await;
            let rate = f64::from(count) / took.as_secs_f64();
            let each = took.as_nanos() as f64 / f64::from(count);
            say(name, format!("{rate:.0} events/s, {each:.0} ns each ({frames} frames)"), rate >= GOAL);
        }
        let (quarter, _) = best(&agent(call(32 * 1024), false), 10).await;
        let (whole, _) = best(&agent(call(128 * 1024), false), 10).await;
        let ratio = whole.as_secs_f64() / quarter.as_secs_f64();
        say("1 MiB argument", format!("{whole:.1?}, {ratio:.1} times a quarter of it"), ratio < 6.0);
        failed
    });
    std::process::exit(i32::from(failed));
}
