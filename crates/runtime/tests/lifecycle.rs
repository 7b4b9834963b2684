//! Runs through the lifecycle over the memory store: whatever an agent does, every reader sees one well-formed run.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a helper of a test fails the test")]

use copilotkit_fixtures::official_schema;
use copilotkit_protocol::{
    Event, EventKind, Message, RunAgentInput, RunFinished, RunStarted, TextMessageContent, TextMessageEnd,
    TextMessageStart, UserMessage,
};
use copilotkit_runtime::agent::{AgentError, EventStream, RunContext};
use copilotkit_runtime::hub::Subscription;
use copilotkit_runtime::lifecycle::{OnBusy, OnDisconnect};
use copilotkit_runtime::store::{Frame, StopOutcome};
use copilotkit_runtime::{
    Agent, AgentRegistry, Emitted, Lifecycle, LifecycleOptions, Principal, Registered, RunError, StartRun, limits,
};
use futures::StreamExt as _;
use futures::stream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

type Behaviour = Box<dyn Fn(RunContext) -> EventStream + Send + Sync>;

/// An agent from a closure.
struct From<F>(F);

impl<F: Fn(RunContext) -> EventStream + Send + Sync + 'static> Agent for From<F> {
    fn run(&self, context: RunContext) -> EventStream {
        (self.0)(context)
    }
}

fn started(context: &RunContext) -> Event {
    let input = &context.input;
    RunStarted { thread_id: input.thread_id.clone(), run_id: input.run_id.clone(), ..Default::default() }.into()
}

fn finished(context: &RunContext) -> Event {
    let input = &context.input;
    RunFinished { thread_id: input.thread_id.clone(), run_id: input.run_id.clone(), ..Default::default() }.into()
}

fn text(id: &str, delta: &str) -> Event {
    TextMessageContent { message_id: id.to_owned(), delta: delta.to_owned(), ..Default::default() }.into()
}

fn open(id: &str) -> Event {
    TextMessageStart { message_id: id.to_owned(), ..Default::default() }.into()
}

fn close(id: &str) -> Event {
    TextMessageEnd { message_id: id.to_owned(), ..Default::default() }.into()
}

fn ready(events: Vec<Event>) -> EventStream {
    stream::iter(events.into_iter().map(|event| Ok(Emitted::from(event)))).boxed()
}

fn say_hello(context: RunContext) -> EventStream {
    let id = format!("m-{}", context.input.run_id);
    ready(vec![started(&context), open(&id), text(&id, "Hello"), text(&id, " there"), close(&id), finished(&context)])
}

/// Events, and then silence for ever.
fn hangs(events: fn(&RunContext) -> Vec<Event>) -> impl Fn(RunContext) -> EventStream {
    move |context| ready(events(&context)).chain(stream::pending()).boxed()
}

fn lifecycle(
    agent: impl Fn(RunContext) -> EventStream + Send + Sync + 'static,
    options: LifecycleOptions,
) -> Lifecycle {
    Lifecycle::new(Arc::new(AgentRegistry::new([Registered::new("default", From(agent))])), options)
}

fn input(thread: &str, run: &str) -> RunAgentInput {
    let question = UserMessage { id: format!("u-{run}"), content: "Hi".into(), ..Default::default() };
    RunAgentInput {
        thread_id: thread.to_owned(),
        run_id: run.to_owned(),
        messages: vec![Message::User(question)],
        ..Default::default()
    }
}

async fn start(lifecycle: &Lifecycle, thread: &str, run: &str) -> Result<Subscription, RunError> {
    lifecycle
        .start(StartRun {
            agent_id: "default".to_owned(),
            principal: Principal::anonymous(),
            headers: Arc::default(),
            input: input(thread, run),
        })
        .await
}

async fn all(mut subscription: Subscription) -> Vec<Frame> {
    let mut frames = Vec::new();
    tokio::time::timeout(Duration::from_secs(20), async {
        loop {
            let more = subscription.next().await.expect("the memory store can be read");
            if more.is_empty() {
                return;
            }
            for modern in more.iter().filter_map(|frame| frame.for_client(false)) {
                assert_eq!(official_schema::check(modern), Ok(()));
            }
            frames.extend(more);
        }
    })
    .await
    .expect("the subscription ends");
    frames
}

async fn replay(lifecycle: &Lifecycle, thread: &str) -> Vec<Frame> {
    all(lifecycle.connect("default", &Principal::anonymous(), thread).await.expect("the agent exists")).await
}

fn events(frames: &[Frame]) -> Vec<Event> {
    frames.iter().map(|frame| Event::from_json(&frame.json).expect("a frame is an event")).collect()
}

fn kinds(frames: &[Frame]) -> Vec<EventKind> {
    frames.iter().map(|frame| frame.kind).collect()
}

/// The code of the RUN_ERROR that a run ended with, after a check that it is the only terminal event and the last one.
fn error_code(frames: &[Frame]) -> String {
    let terminals = frames.iter().filter(|frame| frame.kind.is_terminal()).count();
    assert_eq!(terminals, 1, "{:?}", kinds(frames));
    match events(frames).pop() {
        Some(Event::RunError(error)) => error.code.expect("our errors have a code"),
        other => panic!("expected RUN_ERROR at the end, found {other:?}"),
    }
}

#[tokio::test]
async fn a_run_is_streamed_and_replayed_in_its_compact_form() {
    let lifecycle = lifecycle(say_hello, LifecycleOptions::default());
    let live = all(start(&lifecycle, "t", "r1").await.unwrap()).await;
    assert_eq!(live.iter().map(|frame| frame.seq).collect::<Vec<_>>(), (0..live.len() as u64).collect::<Vec<_>>());
    let Event::RunStarted(first) = &events(&live)[0] else { panic!("RUN_STARTED first") };
    assert_eq!(first.input.as_ref().map(|input| input.messages.len()), Some(1));
    let replayed = replay(&lifecycle, "t").await;
    let expected = ["RUN_STARTED", "TEXT_MESSAGE_START", "TEXT_MESSAGE_CONTENT", "TEXT_MESSAGE_END", "RUN_FINISHED"];
    assert_eq!(kinds(&replayed).iter().map(|kind| kind.as_str()).collect::<Vec<_>>(), expected);
    assert_eq!(events(&replayed)[2], text("m-r1", "Hello there"));
}

#[tokio::test]
async fn messages_that_the_thread_knows_are_not_shown_again() {
    let lifecycle = lifecycle(say_hello, LifecycleOptions::default());
    all(start(&lifecycle, "t", "r1").await.unwrap()).await;
    let mut second = input("t", "r2");
    second.messages.insert(0, input("t", "r1").messages.remove(0));
    let request = StartRun {
        agent_id: "default".to_owned(),
        principal: Principal::anonymous(),
        headers: Arc::default(),
        input: second,
    };
    let frames = all(lifecycle.start(request).await.unwrap()).await;
    let Event::RunStarted(first) = &events(&frames)[0] else { panic!("RUN_STARTED first") };
    let shown: Vec<_> = first.input.as_ref().unwrap().messages.iter().map(|message| message.id().to_owned()).collect();
    assert_eq!(shown, ["u-r2"]);
}

#[tokio::test]
async fn every_way_to_fail_ends_in_one_coded_error_and_frees_the_thread() {
    let cases: Vec<(&str, Behaviour)> = vec![
        ("agent_panic", Box::new(|_| panic!("in the call"))),
        (
            "agent_panic",
            Box::new(|context| {
                let first = ready(vec![started(&context), open("m")]);
                first.chain(stream::once(async { panic!("in the stream") })).boxed()
            }),
        ),
        ("agent_incomplete", Box::new(|_| ready(vec![]))),
        ("agent_incomplete", Box::new(|context| ready(vec![started(&context), open("m"), text("m", "cut")]))),
        (
            "agent_failed",
            Box::new(|context| {
                let first = ready(vec![started(&context), open("m")]);
                first.chain(stream::once(async { Err(AgentError::failed("boom")) })).boxed()
            }),
        ),
        ("agent_timeout", Box::new(hangs(|context| vec![started(context), open("m")]))),
        (
            "run_too_many_events",
            Box::new(|context| {
                let first = ready(vec![started(&context), open("m")]);
                first.chain(stream::repeat_with(|| Ok(Emitted::from(text("m", "x"))))).boxed()
            }),
        ),
    ];
    for (code, agent) in cases {
        let options = LifecycleOptions {
            agent_idle: Duration::from_millis(100),
            run_events: 1_000,
            ..LifecycleOptions::default()
        };
        let lifecycle = lifecycle(agent, options);
        let live = all(start(&lifecycle, "t", "r1").await.unwrap()).await;
        assert_eq!(error_code(&live), code);
        assert_eq!(live[0].kind, EventKind::RunStarted);
        let replayed = replay(&lifecycle, "t").await;
        assert_eq!(error_code(&replayed), code);
        all(start(&lifecycle, "t", "r2").await.expect("the thread is free again")).await;
    }
}

/// Events that are always ready and that repair drops: the run can be stopped, and it ends at its bound.
#[tokio::test]
async fn a_flood_that_nobody_sees_can_be_stopped_and_is_bounded() {
    let flood = |context: RunContext| {
        let first = started(&context);
        stream::repeat_with(move || Ok(Emitted::from(first.clone()))).boxed()
    };
    let bounded = LifecycleOptions { run_events: 2_000, ..LifecycleOptions::default() };
    let lifecycle_of = |options| lifecycle(flood, options);
    assert_eq!(error_code(&all(start(&lifecycle_of(bounded), "t", "r").await.unwrap()).await), "run_too_many_events");
    let unbounded = lifecycle_of(LifecycleOptions { run_events: u64::MAX, ..LifecycleOptions::default() });
    let subscription = start(&unbounded, "t", "r").await.unwrap();
    unbounded.stop("default", &Principal::anonymous(), "t", None).await.unwrap();
    assert_eq!(all(subscription).await.last().unwrap().kind, EventKind::RunFinished);
    let short = LifecycleOptions { run_events: u64::MAX, run_max: Duration::from_millis(50), ..Default::default() };
    assert_eq!(error_code(&all(start(&lifecycle_of(short), "t", "r").await.unwrap()).await), "run_timeout");
}

/// Wherever the bound falls, what the log holds is a well-formed run.
#[tokio::test]
async fn a_bound_cuts_between_events_only() {
    for bound in 1..12 {
        let agent = |context: RunContext| {
            let messages = (0..4).flat_map(|index| {
                let id = format!("m{index}");
                [open(&id), text(&id, "x"), close(&id)]
            });
            ready(std::iter::once(started(&context)).chain(messages).collect())
        };
        let options = LifecycleOptions { run_events: bound, ..LifecycleOptions::default() };
        let frames = all(start(&lifecycle(agent, options), "t", "r").await.unwrap()).await;
        assert_eq!(error_code(&frames), "run_too_many_events", "{bound}");
        let mut verifier = copilotkit_protocol::Verifier::new();
        for event in events(&frames) {
            verifier.check(&Emitted::from(event)).unwrap();
        }
    }
}

/// The fence is around the agent; what panics outside of it still leaves a closed run and a free thread.
#[tokio::test]
async fn an_agent_that_panics_when_it_is_dropped_ends_its_run_all_the_same() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            if !std::thread::panicking() {
                panic!("in the drop");
            }
        }
    }
    let agent = |context: RunContext| {
        let bomb = Bomb;
        let events = ready(vec![started(&context), open("m"), text("m", "x"), close("m"), finished(&context)]);
        events
            .map(move |event| {
                let _held = &bomb;
                event
            })
            .boxed()
    };
    let lifecycle = lifecycle(agent, LifecycleOptions::default());
    let frames = all(start(&lifecycle, "t", "r").await.unwrap()).await;
    assert_eq!(error_code(&frames), "internal_error");
    assert!(start(&lifecycle, "t", "r2").await.is_ok(), "the thread is free again");
}

/// A lease that nobody renews is closed by the server itself: nobody waits for ever.
#[tokio::test]
async fn a_run_whose_writer_is_gone_is_closed() {
    use copilotkit_runtime::store::{BeginRun, ThreadKey};
    let options = LifecycleOptions { lease_ttl: Duration::from_millis(60), ..LifecycleOptions::default() };
    let lifecycle = lifecycle(say_hello, options);
    all(start(&lifecycle, "other", "r").await.unwrap()).await;
    let thread = ThreadKey::new(&Principal::anonymous(), "t");
    let ttl = Duration::from_millis(60);
    let (message_ids, name) = (vec![], None);
    let begin = BeginRun { thread, run_id: "gone".into(), agent_id: "default".into(), message_ids, name, ttl };
    lifecycle.store().begin(begin).await.unwrap();
    assert_eq!(error_code(&replay(&lifecycle, "t").await), "run_interrupted");
}

#[tokio::test]
async fn a_run_that_is_too_long_is_ended() {
    let options = LifecycleOptions { run_max: Duration::from_millis(80), ..LifecycleOptions::default() };
    let lifecycle = lifecycle(hangs(|context| vec![started(context)]), options);
    assert_eq!(error_code(&all(start(&lifecycle, "t", "r").await.unwrap()).await), "run_timeout");
}

#[tokio::test]
async fn stop_ends_an_agent_that_does_not_listen_and_is_idempotent() {
    let lifecycle =
        lifecycle(hangs(|context| vec![started(context), open("m"), text("m", "tick")]), Default::default());
    let subscription = start(&lifecycle, "t", "r").await.unwrap();
    let principal = Principal::anonymous();
    let stop = async |run_id: Option<&str>| {
        lifecycle.stop("default", &principal, "t", run_id.map(str::to_owned)).await.unwrap()
    };
    assert_eq!(stop(Some("other")).await, StopOutcome::OtherRun);
    let begun = std::time::Instant::now();
    assert_eq!(stop(Some("r")).await, StopOutcome::Requested);
    assert_eq!(stop(None).await, StopOutcome::Idle);
    let frames = all(subscription).await;
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    let events = events(&frames);
    let Some(Event::RunFinished(last)) = events.last() else { panic!("RUN_FINISHED last: {events:?}") };
    assert_eq!((last.thread_id.as_str(), last.run_id.as_str()), ("t", "r"));
    assert_eq!(events[events.len() - 2].kind(), EventKind::TextMessageEnd);
    // A client of 1.0 is told that the run was cancelled, an older one would refuse that.
    let seen = |legacy| String::from_utf8(frames.last().unwrap().for_client(legacy).unwrap().to_vec()).unwrap();
    assert!(seen(false).contains("cancelled"), "{}", seen(false));
    assert!(!seen(true).contains("outcome"), "{}", seen(true));
    assert_eq!(stop(None).await, StopOutcome::Idle);
}

#[tokio::test]
async fn the_agent_is_dropped_before_anyone_hears_of_the_end() {
    struct OnDrop(Arc<AtomicBool>);
    impl Drop for OnDrop {
        fn drop(&mut self) {
            self.0.store(true, Ordering::SeqCst);
        }
    }
    let dropped = Arc::new(AtomicBool::new(false));
    let flag = dropped.clone();
    let agent = move |context: RunContext| {
        let guard = OnDrop(flag.clone());
        ready(vec![started(&context)])
            .chain(stream::pending())
            .map(move |item| {
                let _held = &guard;
                item
            })
            .boxed()
    };
    let lifecycle = lifecycle(agent, LifecycleOptions::default());
    let subscription = start(&lifecycle, "t", "r").await.unwrap();
    lifecycle.stop("default", &Principal::anonymous(), "t", None).await.unwrap();
    all(subscription).await;
    assert!(dropped.load(Ordering::SeqCst));
}

#[tokio::test]
async fn a_busy_thread_refuses_and_another_principal_has_its_own() {
    let lifecycle = lifecycle(hangs(|context| vec![started(context)]), LifecycleOptions::default());
    let _first = start(&lifecycle, "t", "r1").await.unwrap();
    assert!(matches!(start(&lifecycle, "t", "r2").await, Err(RunError::ThreadBusy)));
    let other = StartRun {
        agent_id: "default".to_owned(),
        principal: Principal::new("bob"),
        headers: Arc::default(),
        input: input("t", "r2"),
    };
    let _second = lifecycle.start(other).await.expect("the same id under another principal is another thread");
    assert!(all(lifecycle.connect("default", &Principal::new("eve"), "t").await.unwrap()).await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_concurrent_starts_have_one_winner() {
    let lifecycle = lifecycle(hangs(|context| vec![started(context)]), LifecycleOptions::default());
    let attempts = (0..50).map(|index| {
        let lifecycle = lifecycle.clone();
        async move { start(&lifecycle, "t", &format!("r{index}")).await.is_ok() }
    });
    let won = futures::future::join_all(attempts).await.into_iter().filter(|won| *won).count();
    assert_eq!(won, 1);
}

#[tokio::test]
async fn a_dropped_subscription_leaves_the_run_alone() {
    let agent = |context: RunContext| {
        let id = "m".to_owned();
        let end = (close(&id), finished(&context));
        ready(vec![started(&context), open(&id)])
            .chain(stream::iter(0..10).then(|index| async move {
                tokio::time::sleep(Duration::from_millis(5)).await;
                Ok(Emitted::from(text("m", &format!("{index} "))))
            }))
            .chain(ready(vec![end.0, end.1]))
            .boxed()
    };
    let lifecycle = lifecycle(agent, LifecycleOptions::default());
    let mut subscription = start(&lifecycle, "t", "r").await.unwrap();
    assert!(!subscription.next().await.unwrap().is_empty());
    drop(subscription);
    let joined = replay(&lifecycle, "t").await;
    let content: String = events(&joined)
        .into_iter()
        .filter_map(|event| match event {
            Event::TextMessageContent(content) => Some(content.delta),
            _ => None,
        })
        .collect();
    assert_eq!(content, "0 1 2 3 4 5 6 7 8 9 ");
    assert_eq!(joined.last().unwrap().kind, EventKind::RunFinished);
}

/// Runs a fast agent with subscribers that join at random moments: all see the same frames, numbered without a gap.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn subscribers_that_join_at_any_moment_see_the_same() {
    let full = std::env::var_os("COPILOTKIT_TEST_FULL").is_some();
    for round in 0..if full { 1_000 } else { 100 } {
        let agent = move |context: RunContext| {
            let end = (close("m"), finished(&context));
            ready(vec![started(&context), open("m")])
                .chain(stream::iter(0..40_u64).then(move |index| async move {
                    if (index + round) % 7 == 0 {
                        tokio::time::sleep(Duration::from_micros(200)).await;
                    }
                    Ok(Emitted::from(text("m", &index.to_string())))
                }))
                .chain(ready(vec![end.0, end.1]))
                .boxed()
        };
        let lifecycle = lifecycle(agent, LifecycleOptions::default());
        let own = start(&lifecycle, "t", "r").await.unwrap();
        let joiners = (0..4_u64).map(|joiner| {
            let lifecycle = lifecycle.clone();
            async move {
                tokio::time::sleep(Duration::from_micros((round * 131 + joiner * 577) % 2_500)).await;
                replay(&lifecycle, "t").await
            }
        });
        let (own, joined) = futures::future::join(all(own), futures::future::join_all(joiners)).await;
        let numbers: Vec<u64> = own.iter().map(|frame| frame.seq).collect();
        assert_eq!(numbers, (0..own.len() as u64).collect::<Vec<_>>());
        let content = |frames: &[Frame]| -> String {
            let deltas = events(frames).into_iter().filter_map(|event| match event {
                Event::TextMessageContent(content) => Some(content.delta),
                _ => None,
            });
            deltas.collect()
        };
        for frames in joined {
            assert_eq!(content(&frames), content(&own), "round {round}");
            assert_eq!(frames.iter().filter(|frame| frame.kind.is_terminal()).count(), 1);
            let live = frames.len() == own.len();
            assert!(
                !live || frames.iter().zip(&own).all(|(a, b)| a.json == b.json),
                "a live reader sees the same bytes"
            );
        }
    }
}

#[tokio::test]
async fn draining_ends_what_does_not_end_by_itself() {
    let lifecycle = lifecycle(hangs(|context| vec![started(context)]), LifecycleOptions::default());
    let subscription = start(&lifecycle, "t", "r").await.unwrap();
    lifecycle.drain(Duration::from_millis(50)).await;
    assert_eq!(error_code(&all(subscription).await), "server_shutdown");
    assert!(matches!(start(&lifecycle, "t2", "r").await, Err(RunError::ShuttingDown)));
}

/// The words of a message stay in the thread, whatever is attached to it.
#[tokio::test]
async fn an_input_that_is_too_large_is_kept_without_its_attachments() {
    let lifecycle = lifecycle(say_hello, LifecycleOptions::default());
    let picture = |megabytes: usize| {
        let data = serde_json::json!({ "type": "data", "mimeType": "image/png", "value": "A".repeat(megabytes << 20) });
        serde_json::json!({ "type": "image", "source": data })
    };
    let user = |id: &str, parts: Vec<serde_json::Value>| {
        let words = serde_json::json!({ "type": "text", "text": format!("words of {id}") });
        let content: Vec<_> = std::iter::once(words).chain(parts).collect();
        let message = serde_json::json!({ "id": id, "role": "user", "content": content });
        serde_json::from_value::<Message>(message).unwrap()
    };
    let run = async |run: &str, messages: Vec<Message>, state: Option<copilotkit_protocol::Json>| {
        let input = RunAgentInput { messages, state, ..input("t", run) };
        let (principal, headers) = (Principal::anonymous(), Arc::default());
        let start = StartRun { agent_id: "default".to_owned(), principal, headers, input };
        let frames = all(lifecycle.start(start).await.unwrap()).await;
        let Some(Event::RunStarted(started)) = events(&frames).into_iter().next() else {
            panic!("{:?}", kinds(&frames))
        };
        let messages = started.input.map(|input| input.messages).unwrap_or_default();
        serde_json::to_string(&messages).unwrap()
    };
    let large = user("large", vec![picture(1), picture(9), picture(3)]);
    let echo = run("r1", vec![large.clone()], None).await;
    assert!(echo.contains("words of large") && echo.contains("(image/png, 7.1 MB) was too large"), "{:.300}", echo);
    assert_eq!(echo.matches("too large").count(), 1, "the others fit");
    let echo = run("r2", vec![large.clone(), user("next", Vec::new())], None).await;
    assert!(echo.contains("words of next") && !echo.contains("large"), "the thread knows the first: {echo:.300}");
    // What is too deep is not a message.
    let deep = format!("{}{}", "[".repeat(limits::JSON_DEPTH - 1), "]".repeat(limits::JSON_DEPTH - 1));
    let deep = copilotkit_protocol::Json::parse(deep).unwrap();
    let echo = run("r3", vec![large, user("last", Vec::new())], Some(deep)).await;
    assert!(echo.contains("words of last"), "{echo:.300}");
    let said = serde_json::to_string(&events(&replay(&lifecycle, "t").await)).unwrap();
    assert!(["large", "next", "last"].iter().all(|id| said.contains(&format!("words of {id}"))));
}

/// An agent that ends as soon as it is asked to is no agent that left its run open.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shutdown_is_the_reason_also_for_agents_that_listen() {
    for round in 0..100 {
        let listens = |context: RunContext| {
            let rest = stream::pending().take_until(context.cancel.clone().cancelled_owned());
            ready(vec![started(&context)]).chain(rest).boxed()
        };
        let lifecycle = lifecycle(listens, LifecycleOptions::default());
        let mut subscription = start(&lifecycle, "t", "r").await.unwrap();
        assert!(!subscription.next().await.unwrap().is_empty());
        lifecycle.drain(Duration::ZERO).await;
        assert_eq!(error_code(&all(subscription).await), "server_shutdown", "round {round}");
    }
}

#[tokio::test]
async fn more_runs_than_allowed_are_refused() {
    let options = LifecycleOptions { runs: 2, ..LifecycleOptions::default() };
    let lifecycle = lifecycle(hangs(|context| vec![started(context)]), options);
    let _one = start(&lifecycle, "a", "r").await.unwrap();
    let _two = start(&lifecycle, "b", "r").await.unwrap();
    assert!(matches!(start(&lifecycle, "c", "r").await, Err(RunError::TooManyRuns(2))));
}

/// An agent whose run takes a moment.
fn takes(pause: Duration) -> impl Fn(RunContext) -> EventStream {
    move |context| {
        let (first, last) = (started(&context), finished(&context));
        let end = stream::once(async move {
            tokio::time::sleep(pause).await;
            Ok(Emitted::from(last))
        });
        ready(vec![first]).chain(end).boxed()
    }
}

#[tokio::test]
async fn runs_can_wait_for_their_thread_up_to_a_bound() {
    let options = LifecycleOptions { on_busy: OnBusy::Enqueue, ..LifecycleOptions::default() };
    let lifecycle = lifecycle(takes(Duration::from_millis(20)), options);
    let attempts = (0..12).map(|index| {
        let lifecycle = lifecycle.clone();
        async move {
            match start(&lifecycle, "t", &format!("r{index}")).await {
                Ok(subscription) => Some(all(subscription).await),
                Err(error) => {
                    assert!(matches!(error, RunError::ThreadBusy));
                    None
                }
            }
        }
    });
    let runs: Vec<_> = futures::future::join_all(attempts).await.into_iter().flatten().collect();
    assert_eq!(runs.len(), 9, "one runs, eight wait, the others are refused");
    for frames in &runs {
        assert_eq!(kinds(frames), [EventKind::RunStarted, EventKind::RunFinished]);
    }
    assert_eq!(replay(&lifecycle, "t").await.len(), 18);
}

#[tokio::test]
async fn a_run_can_take_the_place_of_another() {
    let options = LifecycleOptions { on_busy: OnBusy::Supersede, ..LifecycleOptions::default() };
    let lifecycle = lifecycle(takes(Duration::from_secs(30)), options);
    let old = start(&lifecycle, "t", "r1").await.unwrap();
    let begun = std::time::Instant::now();
    let _new = start(&lifecycle, "t", "r2").await.unwrap();
    let old = all(old).await;
    assert!(begun.elapsed() < Duration::from_secs(2));
    let seen = String::from_utf8(old.last().unwrap().json.to_vec()).unwrap();
    assert!(seen.contains("cancelled") && seen.contains("r1"), "{seen}");
}

#[tokio::test]
async fn a_run_can_end_with_its_reader() {
    let options = LifecycleOptions { on_disconnect: OnDisconnect::Cancel, ..LifecycleOptions::default() };
    let hanging = lifecycle(hangs(|context| vec![started(context), open("m"), text("m", "x")]), options.clone());
    let mut subscription = start(&hanging, "t", "r").await.unwrap();
    subscription.next().await.unwrap();
    let watcher = hanging.connect("default", &Principal::anonymous(), "t").await.unwrap();
    drop(subscription);
    assert_eq!(all(watcher).await.last().unwrap().kind, EventKind::RunFinished);
    let quick = lifecycle(say_hello, options);
    all(start(&quick, "t2", "r").await.unwrap()).await;
    assert_eq!(replay(&quick, "t2").await.len(), 5, "a run that was read to its end is whole");
}

/// An agent that is silent but beats its pulse is alive; one that does not is ended.
#[tokio::test]
async fn a_pulse_keeps_a_silent_agent() {
    let agent = |context: RunContext| {
        let (first, last, pulse) = (started(&context), finished(&context), context.pulse.clone());
        ready(vec![first])
            .chain(stream::once(async move {
                for _ in 0..10 {
                    tokio::time::sleep(Duration::from_millis(30)).await;
                    pulse.beat();
                }
                Ok(Emitted::from(last))
            }))
            .boxed()
    };
    let options = LifecycleOptions { agent_idle: Duration::from_millis(100), ..LifecycleOptions::default() };
    let frames = all(start(&lifecycle(agent, options), "t", "r").await.unwrap()).await;
    assert_eq!(frames.last().unwrap().kind, EventKind::RunFinished);
}

#[tokio::test]
async fn a_suggestion_leaves_no_trace_and_ends_with_its_reader() {
    let request = || StartRun {
        agent_id: "default".to_owned(),
        principal: Principal::anonymous(),
        headers: Arc::default(),
        input: input("t", "r"),
    };
    let quick = lifecycle(say_hello, LifecycleOptions::default());
    let frames = all(quick.suggest(request()).await.unwrap()).await;
    assert_eq!(frames.last().unwrap().kind, EventKind::RunFinished);
    let Event::RunStarted(first) = &events(&frames)[0] else { panic!("RUN_STARTED first") };
    assert!(first.input.is_none());
    assert!(replay(&quick, "t").await.is_empty());
    let dropped = Arc::new(AtomicBool::new(false));
    let flag = dropped.clone();
    let agent = move |context: RunContext| {
        let (first, cancel, flag) = (started(&context), context.cancel.clone(), flag.clone());
        ready(vec![first])
            .chain(stream::once(async move {
                cancel.cancelled().await;
                flag.store(true, Ordering::SeqCst);
                Err(AgentError::failed("cancelled"))
            }))
            .boxed()
    };
    let hanging = lifecycle(agent, LifecycleOptions::default());
    let mut subscription = hanging.suggest(request()).await.unwrap();
    subscription.next().await.unwrap();
    drop(subscription);
    hanging.drain(Duration::from_secs(5)).await;
    assert!(dropped.load(Ordering::SeqCst));
}
