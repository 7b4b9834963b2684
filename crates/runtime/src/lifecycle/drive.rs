//! Drives one run: takes what the agent has, writes it in one go, waits, until there is a terminal event.

use super::journal::Journal;
use super::ledger::Ledger;
use super::pipeline::Pipeline;
use super::{LifecycleOptions, RunFailure};
use crate::agent::{AgentError, EventStream, RunContext};
use crate::counters::Counters;
use crate::debug::Tap;
use crate::hub::Publisher;
use crate::middleware::Next;
use crate::store::{Append, Frame, Lease, ReadLog, Store, StoreError};
use crate::wait::Interrupts;
use copilotkit_protocol::{Code, Emitted, End, Event, EventKind, RunAgentInput, RunError, to_vec};
use futures::stream::StreamExt as _;
use futures::{FutureExt as _, Stream};
use std::any::Any;
use std::future::{Future, poll_fn};
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// The most events that are processed before they are written and others get their turn.
const BATCH: usize = 256;
/// Memory for so many events is kept from batch to batch.
const KEPT: usize = 8;

/// The target of lines that were asked for in `[debug]`.
const TARGET: &str = "copilotkit::debug";

/// The first pause before a store that failed is asked again.
const RETRY: Duration = Duration::from_millis(200);

/// One run, about to begin.
pub(super) struct Drive {
    pub(super) options: Arc<LifecycleOptions>,
    pub(super) shutdown: CancellationToken,
    /// Cancelled when somebody asks the run to stop, or when the reader that started it has gone and it is to go too.
    pub(super) stop: CancellationToken,
    pub(super) publisher: Publisher,
    pub(super) lease: Lease,
    pub(super) context: RunContext,
    pub(super) echo: Option<Box<RunAgentInput>>,
    pub(super) counters: Arc<Counters>,
    /// Where the events are shown to developers.
    pub(super) tap: Option<Tap>,
    /// What is measured.
    pub(super) ledger: Ledger,
    /// What is logged.
    pub(super) journal: Journal,
}

type Item = Result<Result<Emitted, AgentError>, Box<dyn Any + Send>>;

/// The agent's events, taken as they are ready.
struct Batches {
    stream: Pin<Box<dyn Stream<Item = Item> + Send>>,
    /// The batch that was taken last; its memory is used again.
    items: Vec<Item>,
    ended: bool,
}

impl Batches {
    /// Takes what is ready, at most [`BATCH`]; false at the end.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        if self.items.is_empty() && self.items.capacity() > KEPT {
            self.items = Vec::new();
        }
        while !self.ended && self.items.len() < BATCH {
            match self.stream.poll_next_unpin(cx) {
                Poll::Ready(Some(item)) => self.items.push(item),
                Poll::Ready(None) => self.ended = true,
                Poll::Pending if self.items.is_empty() => return Poll::Pending,
                Poll::Pending => break,
            }
        }
        Poll::Ready(!self.items.is_empty())
    }

    /// True when nothing is ready; what is ready is kept for the next look.
    fn are_silent(&mut self) -> bool {
        poll_fn(|cx| self.poll(cx)).now_or_never().is_none()
    }
}

/// What woke the run.
enum Wake {
    /// There are events; false at the end of them.
    Batch(bool),
    Stop,
    Shutdown,
    Time,
}

/// What is due.
enum Due {
    End,
    Renew,
    Idle,
    Nothing,
}

/// The deadlines of a run. Moving one back, as every batch does, costs nothing: the timer that was set fires too early,
/// finds nothing due, and is set anew.
struct Deadlines {
    end_at: Instant,
    renew_at: Instant,
    lapses_at: Instant,
    idle_at: Instant,
}

impl Deadlines {
    fn new(options: &LifecycleOptions, deadline: std::time::Instant) -> Self {
        let now = Instant::now();
        let (renew_at, idle_at) = (now + options.lease_ttl / 3, now + options.agent_idle);
        Self { end_at: Instant::from_std(deadline), renew_at, lapses_at: now + options.lease_ttl, idle_at }
    }

    /// The lease lasts `ttl` from when its renewal was asked for.
    fn renewed(&mut self, asked: Instant, ttl: Duration) {
        (self.renew_at, self.lapses_at) = (asked + ttl / 3, asked + ttl);
    }

    fn due(&self) -> Due {
        let now = Instant::now();
        if now >= self.end_at {
            Due::End
        } else if now >= self.renew_at {
            Due::Renew
        } else if now >= self.idle_at {
            Due::Idle
        } else {
            Due::Nothing
        }
    }

    /// A timer for the next of them.
    fn timer(&self) -> impl Future<Output = Wake> + Send + use<> {
        tokio::time::sleep_until(self.end_at.min(self.renew_at).min(self.idle_at)).map(|()| Wake::Time)
    }
}

impl Drive {
    /// Runs to the end. The agent's panics are fenced, and the thread is not left locked.
    pub(super) async fn run(mut self, chain: Next) {
        let echo = self.echo.take();
        self.log_begin();
        let mut pipeline = Pipeline::new(&self.options, &self.lease, &self.context.input, echo);
        let mut last = Append::default();
        let end = self.agent(chain, &mut pipeline, &mut last).await;
        // The agent's stream is gone by now: its sockets are closed before anyone hears of the end.
        if let Some(end) = end {
            pipeline.finish(end, &mut last);
        } else if !pipeline.is_finished() {
            return;
        }
        self.report(&last);
        let terminal = last.frames.last().cloned();
        let asked = Instant::now();
        let mut pause = RETRY;
        while let Err(error) = self.options.store.finish(&self.lease, &last).await {
            tracing::error!(%error, thread_id = %self.lease.thread.thread_id, "a run's end could not be stored");
            // Beyond the lease somebody else closes the run.
            if !error.is_retryable() || pause > self.options.lease_ttl {
                return;
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
        // The thread is free before anyone hears of the end.
        self.show(&last.frames);
        self.publisher.publish(&mut last.frames);
        self.ledger.stored(asked.elapsed());
        self.ledger.end(terminal.as_ref());
    }

    /// A run that failed is in the log of the server too: stock pages show little of it.
    fn report(&self, last: &Append) {
        let failed = last.frames.last().filter(|frame| frame.kind == EventKind::RunError);
        if let Some(Ok(Event::RunError(error))) = failed.map(|frame| Event::from_json(&frame.json)) {
            let code = error.code.as_deref().unwrap_or("(none)");
            self.counters.count(Code::from_name(code).unwrap_or(Code::AgentError));
            self.journal.failed(code, &error.message);
            let Some(told) = &self.options.on_run_error else { return };
            let failure = RunFailure {
                agent_id: self.context.agent_id.clone(),
                principal: self.context.principal.clone(),
                thread_id: self.context.input.thread_id.clone(),
                run_id: self.context.input.run_id.clone(),
                code: error.code.unwrap_or_default(),
                message: error.message,
            };
            // The run must come to its end whatever the embedding server does here.
            if let Err(panic) = std::panic::catch_unwind(AssertUnwindSafe(|| told(&failure))) {
                tracing::error!(panic = panic_text(&*panic), "the hook for failed runs panicked");
            }
        }
    }

    /// Shows events that are in the log to developers who want to see them.
    fn show(&mut self, frames: &[Frame]) {
        if let Some(tap) = &mut self.tap {
            tap.publish(frames.iter());
        }
        self.journal.frames(frames);
        if self.options.debug.events {
            frames.iter().for_each(|frame| self.log_event(frame));
        }
        if self.options.debug.lifecycle
            && let Some(last) = frames.last().filter(|frame| frame.kind.is_terminal())
        {
            let (agent, input) = (&self.context.agent_id, &self.context.input);
            let (thread_id, run_id) = (&input.thread_id, &input.run_id);
            tracing::info!(target: TARGET, %agent, thread_id, run_id, end = %last.kind, "a run ended");
        }
    }

    fn log_event(&self, frame: &Frame) {
        let (agent, input) = (&self.context.agent_id, &self.context.input);
        let head = Emitted::from_json(frame.json.clone()).map(|event| event.head().clone()).ok();
        let (id, subagent) = head.map_or((None, None), |head| (head.id, head.subagent));
        let event = self.options.debug.verbose.then(|| String::from_utf8_lossy(&frame.json));
        let (thread_id, run_id, kind) = (&input.thread_id, &input.run_id, frame.kind);
        tracing::info!(target: TARGET, %agent, thread_id, run_id, %kind, id, subagent, event = event.as_deref(), "an event");
    }

    fn log_begin(&self) {
        let debug = self.options.debug;
        if debug.lifecycle {
            let (agent, input) = (&self.context.agent_id, &self.context.input);
            let (thread_id, run_id) = (&input.thread_id, &input.run_id);
            let shown = debug.verbose.then(|| String::from_utf8_lossy(&to_vec(&**input)).into_owned());
            tracing::info!(target: TARGET, %agent, thread_id, run_id, input = shown, "a run began");
        }
    }

    /// Drives the agent. `None` when the terminal event is in `last`, or when the lease was lost.
    async fn agent(&mut self, chain: Next, pipeline: &mut Pipeline, last: &mut Append) -> Option<End> {
        let mut batches = fence(chain, self.context.clone());
        let mut deadlines = Deadlines::new(&self.options, self.context.deadline);
        let mut interrupts = Interrupts::new();
        interrupts.add(self.stop.clone().cancelled_owned().map(|()| Wake::Stop));
        interrupts.add(self.shutdown.clone().cancelled_owned().map(|()| Wake::Shutdown));
        interrupts.add(deadlines.timer());
        let mut pulse = self.context.pulse.count();
        let mut stopping: Option<End> = None;
        loop {
            match wake(&mut batches, &mut interrupts).await {
                Wake::Batch(true) => {
                    let full = batches.items.len() == BATCH;
                    let failed = take(&mut batches.items, pipeline, last);
                    deadlines.idle_at = Instant::now() + self.options.agent_idle;
                    if pipeline.is_finished() {
                        return None;
                    }
                    if let Some(end) = failed {
                        return Some(stopping.unwrap_or(end));
                    }
                    if let Err(error) = self.append(last, deadlines.lapses_at).await {
                        return self.lost(error);
                    }
                    if full {
                        tokio::task::yield_now().await;
                    }
                }
                Wake::Batch(false) => return Some(stopping.unwrap_or(End::Ended)),
                // It is ending already.
                Wake::Stop | Wake::Shutdown if stopping.is_some() => {}
                Wake::Stop => {
                    stopping = Some(End::Stopped);
                    self.end_soon(&mut deadlines, &mut interrupts);
                }
                Wake::Shutdown => {
                    stopping = Some(failure(Code::ServerShutdown, "The server was shut down before the run ended."));
                    self.end_soon(&mut deadlines, &mut interrupts);
                }
                Wake::Time => {
                    match deadlines.due() {
                        Due::Nothing => {}
                        Due::End => {
                            self.context.cancel.cancel();
                            let message = || format!("The run was ended after {} s.", self.options.run_max.as_secs());
                            return Some(stopping.unwrap_or_else(|| failure(Code::RunTimeout, message())));
                        }
                        Due::Idle => {
                            let beats = self.context.pulse.count();
                            // What came at the last moment counts.
                            if beats == pulse && stopping.is_none() && batches.are_silent() {
                                self.context.cancel.cancel();
                                let silence = self.options.agent_idle.as_secs();
                                let message = format!("The agent was silent for {silence} s and was ended.");
                                return Some(failure(Code::AgentTimeout, message));
                            }
                            pulse = beats;
                            deadlines.idle_at = Instant::now() + self.options.agent_idle;
                        }
                        Due::Renew => {
                            let asked = Instant::now();
                            match self.options.store.renew(&self.lease, self.options.lease_ttl).await {
                                Ok(()) => deadlines.renewed(asked, self.options.lease_ttl),
                                Err(error) if error.is_retryable() && asked + RETRY < deadlines.lapses_at => {
                                    deadlines.renew_at = asked + RETRY;
                                }
                                Err(error) => return self.lost(error),
                            }
                        }
                    }
                    interrupts.add(deadlines.timer());
                }
            }
        }
    }

    /// Asks the agent to end, and gives it no more than its grace for that.
    fn end_soon(&self, deadlines: &mut Deadlines, interrupts: &mut Interrupts<Wake>) {
        self.context.cancel.cancel();
        deadlines.end_at = deadlines.end_at.min(Instant::now() + self.options.stop_grace);
        // Beside the one that is set: it fires first, and the other finds the run gone.
        interrupts.add(deadlines.timer());
    }

    /// Appends, and tries again while the lease lasts: frames are numbered, so that none is stored twice. What the store
    /// has is shown to the readers.
    async fn append(&mut self, append: &mut Append, lapses_at: Instant) -> Result<(), StoreError> {
        if append.frames.is_empty() {
            return Ok(());
        }
        let mut pause = RETRY;
        loop {
            match self.options.store.append(&self.lease, append).await {
                Ok(()) => {
                    self.show(&append.frames);
                    self.publisher.publish(&mut append.frames);
                    append.message_ids.clear();
                    return Ok(());
                }
                Err(error) if error.is_retryable() && Instant::now() + pause < lapses_at => {
                    tracing::warn!(%error, "events could not be stored, trying again");
                    tokio::time::sleep(pause).await;
                    pause *= 2;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// The store refused: a lost lease belongs to another writer by now, anything else ends the run coded.
    fn lost(&self, error: StoreError) -> Option<End> {
        self.context.cancel.cancel();
        tracing::error!(%error, thread_id = %self.lease.thread.thread_id, "a run could not be logged and was ended");
        match error {
            StoreError::Fenced => None,
            other => Some(failure(other.code(), other.to_string())),
        }
    }
}

/// Waits for the agent, or for what interrupts it: an agent that always has something must not keep its run for ever.
async fn wake(batches: &mut Batches, interrupts: &mut Interrupts<Wake>) -> Wake {
    poll_fn(|cx| match interrupts.poll(cx) {
        Poll::Ready(wake) => Poll::Ready(wake),
        Poll::Pending => batches.poll(cx).map(Wake::Batch),
    })
    .await
}

/// Processes a batch. `Some` when the run must end.
fn take(items: &mut Vec<Item>, pipeline: &mut Pipeline, out: &mut Append) -> Option<End> {
    for item in items.drain(..) {
        match item {
            Ok(Ok(emitted)) => {
                if let Err(overrun) = pipeline.push(emitted, out) {
                    return Some(failure(overrun.code, overrun.message));
                }
            }
            Ok(Err(error)) => return Some(failure(error.code, error.message)),
            Err(panic) => {
                tracing::error!(panic = panic_text(&*panic), "an agent panicked");
                return Some(failure(Code::AgentPanic, "The agent failed with an internal error."));
            }
        }
        if pipeline.is_finished() {
            return None;
        }
    }
    None
}

fn failure(code: impl Into<String>, message: impl Into<String>) -> End {
    End::Failed { code: code.into(), message: message.into() }
}

/// The agent's events in batches of what is ready; a panic, also in the call itself, is an item.
fn fence(chain: Next, context: RunContext) -> Batches {
    let start = async move { std::panic::catch_unwind(AssertUnwindSafe(|| chain.run(context))) };
    let stream = start
        .map(|started: Result<EventStream, _>| match started {
            Ok(stream) => AssertUnwindSafe(stream).catch_unwind().boxed(),
            Err(panic) => futures::stream::once(async move { Err(panic) }).boxed(),
        })
        .flatten_stream()
        .boxed();
    Batches { stream, items: Vec::new(), ended: false }
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    match (panic.downcast_ref::<&str>(), panic.downcast_ref::<String>()) {
        (Some(text), _) => text,
        (_, Some(text)) => text,
        _ => "(no text)",
    }
}

/// Closes a run that nobody drives any more, as far as the store lets us; otherwise its lease lapses.
pub(super) async fn close_abandoned(store: &dyn Store, lease: &Lease) {
    let probe = ReadLog { thread: lease.thread.clone(), from: 0, compact_until: 0, max_bytes: 0 };
    let closed = async {
        let head = store.read(probe).await?.head;
        let event = RunError {
            message: "The run ended with an internal error of the server.".to_owned(),
            code: Some(Code::InternalError.into()),
            ..Default::default()
        };
        let frames = vec![Frame::new(head, lease.run, Emitted::from(event))];
        store.finish(lease, &Append { frames, message_ids: Vec::new() }).await
    };
    if let Err(error) = closed.await {
        tracing::error!(%error, thread_id = %lease.thread.thread_id, "an abandoned run could not be closed");
    }
}
