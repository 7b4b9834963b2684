//! Agents whose pace a test sets, and what starts and follows them.

use copilotkit_protocol::{
    Emitted, Event, RunAgentInput, RunFinished, RunStarted, TextMessageContent, TextMessageEnd, TextMessageStart,
};
use copilotkit_runtime::agent::{EventStream, RunContext};
use copilotkit_runtime::hub::Subscription;
use copilotkit_runtime::store::Frame;
use copilotkit_runtime::{
    Agent, AgentRegistry, Lifecycle, LifecycleOptions, Principal, Registered, RunError, StartRun,
};
use futures::{Stream, StreamExt as _, stream};
use std::sync::Arc;
use std::time::Duration;

/// An agent from a closure.
pub(crate) struct From<F>(pub(crate) F);

impl<F: Fn(RunContext) -> EventStream + Send + Sync + 'static> Agent for From<F> {
    fn run(&self, context: RunContext) -> EventStream {
        (self.0)(context)
    }
}

/// One message whose pieces come as `pieces` gives them.
pub(crate) fn message(context: &RunContext, pieces: impl Stream<Item = String> + Send + 'static) -> EventStream {
    let (thread_id, run_id) = (context.input.thread_id.clone(), context.input.run_id.clone());
    let id = format!("m-{run_id}");
    let open: [Event; 2] = [
        RunStarted { thread_id: thread_id.clone(), run_id: run_id.clone(), ..Default::default() }.into(),
        TextMessageStart { message_id: id.clone(), ..Default::default() }.into(),
    ];
    let close: [Event; 2] = [
        TextMessageEnd { message_id: id.clone(), ..Default::default() }.into(),
        RunFinished { thread_id, run_id, ..Default::default() }.into(),
    ];
    let pieces = pieces
        .map(move |delta| Event::from(TextMessageContent { message_id: id.clone(), delta, ..Default::default() }));
    stream::iter(open).chain(pieces).chain(stream::iter(close)).map(|event| Ok(Emitted::from(event))).boxed()
}

/// Pieces of a text, each in a batch of its own.
pub(crate) fn paced(count: usize, bytes: usize, pause: Duration) -> impl Stream<Item = String> + Send {
    stream::iter(0..count).then(move |index| async move {
        tokio::time::sleep(pause).await;
        format!("{index:0bytes$} ")
    })
}

pub(crate) fn lifecycle(
    agent: impl Fn(RunContext) -> EventStream + Send + Sync + 'static,
    options: LifecycleOptions,
) -> Lifecycle {
    Lifecycle::new(Arc::new(AgentRegistry::new([Registered::new("default", From(agent))])), options)
}

pub(crate) async fn start(lifecycle: &Lifecycle, thread: &str, run: &str) -> Result<Subscription, RunError> {
    let input = RunAgentInput { thread_id: thread.to_owned(), run_id: run.to_owned(), ..Default::default() };
    let (agent_id, principal) = ("default".to_owned(), Principal::anonymous());
    lifecycle.start(StartRun { agent_id, principal, headers: Arc::default(), input }).await
}

pub(crate) async fn connect(lifecycle: &Lifecycle, thread: &str) -> Subscription {
    lifecycle.connect("default", &Principal::anonymous(), thread).await.unwrap()
}

pub(crate) async fn resume(lifecycle: &Lifecycle, thread: &str, seen: u64) -> Subscription {
    lifecycle.resume("default", &Principal::anonymous(), thread, seen).await.unwrap()
}

/// Reads to the end, which must be a proper one.
pub(crate) async fn all(mut subscription: Subscription) -> Vec<Frame> {
    let mut frames = Vec::new();
    let read = async {
        loop {
            let more = subscription.next().await.unwrap();
            if more.is_empty() {
                break;
            }
            frames.extend(more);
        }
    };
    tokio::time::timeout(Duration::from_secs(30), read).await.expect("the subscription ends");
    assert!(subscription.is_complete());
    frames
}

pub(crate) fn numbers(frames: &[Frame]) -> Vec<u64> {
    frames.iter().map(|frame| frame.seq).collect()
}

/// Waits until no run is active any more: its readers know of its end a moment before.
pub(crate) async fn over(lifecycle: &Lifecycle) {
    let over = async {
        while lifecycle.active() > 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), over).await.expect("the run ends");
}
