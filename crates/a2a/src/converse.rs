//! A message and all that comes of it: a stream where the agent streams, else an answer, and whatever it takes to see the
//! task settled when the connection is not.

use crate::client::{A2aClient, Caller, Events};
use crate::error::A2aError;
use crate::fold::TaskView;
use crate::limits;
use crate::types::{Event, SendMessageRequest};
use crate::wire::ErrorKind;
use copilotkit_runtime::RunContext;
use futures::stream::BoxStream;
use futures::{Stream, StreamExt as _};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How much of its history a task is asked for after its stream broke.
const HISTORY: u32 = 100;

/// The events of one message until its task is done, failed, or waits for somebody. The message is sent once. Dropping the
/// stream closes the connection.
pub(crate) fn converse(
    client: A2aClient,
    request: SendMessageRequest,
    caller: Caller,
) -> impl Stream<Item = Result<Event, A2aError>> + Send {
    async_stream::stream! {
        let mut view = TaskView::default();
        let card = match client.card().await {
            Ok(card) => card,
            Err(error) => {
                yield Err(error);
                return;
            }
        };
        let mut streams = card.streams();
        let (mut broke, mut quiet) = (None, client.timeout());
        let mut source = None;
        if streams {
            match client.stream(request.clone(), &caller).await {
                Ok(events) => source = Some(events),
                // It says that it streams, and does not: the message was not looked at.
                Err(error) if does_not_stream(&error) => streams = false,
                Err(error) => {
                    yield Err(error);
                    return;
                }
            }
        }
        // A stream that goes on in a task may begin with the task as it was: the question that is just being answered.
        let mut hold = request.message.task_id.is_some();
        let mut held = None;
        match &mut source {
            Some(events) => loop {
                let step = next(&client, events, &mut view, hold).await;
                hold = false;
                match step {
                    Next::Held(event) => held = Some(event),
                    Next::Broken(None) if held.is_some() => {
                        // It was not the past: the agent asks again.
                        if let Some(event) = held.take() {
                            yield Ok(event);
                        }
                        return;
                    }
                    Next::Event(event) => {
                        held = None;
                        yield Ok(event);
                    }
                    Next::Last(event) => {
                        yield Ok(event);
                        return;
                    }
                    Next::Failed(error) => {
                        yield Err(error);
                        return;
                    }
                    Next::Broken(error) => {
                        // Agents that crash end their stream without a word, in good order or not.
                        quiet = if error.is_some() { limits::QUIET_AFTER_BREAK } else { limits::QUIET_AFTER_END };
                        broke = error;
                        break;
                    }
                }
            },
            None => match client.send(request, &caller).await {
                Ok(reply) => {
                    let event = Event::from(reply);
                    let applied = apply(&client, &mut view, &event);
                    yield Ok(event);
                    if let Err(error) = applied {
                        yield Err(error);
                        return;
                    }
                    if view.is_done() {
                        return;
                    }
                }
                Err(error) => {
                    yield Err(error);
                    return;
                }
            },
        }
        drop(source);

        // The task goes on without us, or has ended unseen.
        let Some(task_id) = view.task_id.clone() else {
            let silent = || A2aError::BadAnswer {
                url: client.url().to_owned(),
                reason: "its stream ended without an event".to_owned(),
            };
            yield Err(broke.unwrap_or_else(silent));
            return;
        };
        let mut subscriptions = if streams { limits::RESUBSCRIBE } else { 0 };
        let (mut pause, longest) =
            if streams { (limits::RESUBSCRIBE_PAUSE, limits::POLL.1) } else { limits::POLL };
        let mut unchanged = 0;
        loop {
            match client.get_task(&task_id, Some(HISTORY), &caller).await {
                Ok(task) => {
                    unchanged = if view.differs(&task) { 0 } else { unchanged + 1 };
                    let event = Event::Task(task);
                    let applied = apply(&client, &mut view, &event);
                    yield Ok(event);
                    if let Err(error) = applied {
                        yield Err(error);
                        return;
                    }
                    if view.is_done() {
                        return;
                    }
                }
                Err(error) if error.is_retryable() => {
                    unchanged += 1;
                    broke.get_or_insert(error);
                }
                Err(error) => {
                    yield Err(error);
                    return;
                }
            }
            if subscriptions > 0 {
                subscriptions -= 1;
                // Some send not even the head of their answer before there is an event.
                let followed = tokio::time::timeout(quiet, client.subscribe(&task_id, &caller)).await;
                if let Ok(Ok(mut events)) = followed {
                    loop {
                        let came = tokio::time::timeout(quiet, next(&client, &mut events, &mut view, false)).await;
                        match came.unwrap_or(Next::Broken(None)) {
                            Next::Event(event) => {
                                // It lives, so it may take its time.
                                quiet = client.timeout();
                                // A snapshot alone is no news.
                                if !matches!(event, Event::Task(_)) {
                                    (unchanged, subscriptions) = (0, limits::RESUBSCRIBE);
                                    pause = limits::RESUBSCRIBE_PAUSE;
                                }
                                yield Ok(event);
                            }
                            Next::Last(event) => {
                                yield Ok(event);
                                return;
                            }
                            Next::Failed(_) | Next::Broken(_) | Next::Held(_) => break,
                        }
                    }
                }
            }
            // An agent that does not stream may work for long without a sign. One that did, and sends nothing more, broke.
            if streams && unchanged >= limits::POLL_UNCHANGED {
                yield Err(A2aError::Unfinished { url: client.url().to_owned(), task_id });
                return;
            }
            wait(pause, &caller).await;
            pause = (pause * 2).min(longest);
        }
    }
}

enum Next {
    Event(Event),
    /// A task as it was before the message.
    Held(Event),
    /// After it nothing more comes.
    Last(Event),
    /// The agent says that it failed, or sends what nobody can read.
    Failed(A2aError),
    /// The stream ended before the task did.
    Broken(Option<A2aError>),
}

async fn next(client: &A2aClient, events: &mut Events, view: &mut TaskView, hold: bool) -> Next {
    match events.next().await {
        Some(Ok(Event::Task(task))) if hold && task.status.state.is_interrupted() => {
            view.name(&task);
            Next::Held(Event::Task(task))
        }
        Some(Ok(event)) => match apply(client, view, &event) {
            Ok(()) if view.is_done() => Next::Last(event),
            Ok(()) => Next::Event(event),
            Err(error) => Next::Failed(error),
        },
        Some(Err(error @ (A2aError::Disconnected { .. } | A2aError::Timeout { .. }))) => Next::Broken(Some(error)),
        Some(Err(error)) => Next::Failed(error),
        None => Next::Broken(None),
    }
}

fn apply(client: &A2aClient, view: &mut TaskView, event: &Event) -> Result<(), A2aError> {
    view.apply(event).map_err(|what| A2aError::TooLarge { url: client.url().to_owned(), what })
}

/// Only where there is no such method can nothing have been done yet: servers answer with "unsupported" too when they trip
/// over what their agent did.
fn does_not_stream(error: &A2aError) -> bool {
    error.kind() == Some(ErrorKind::MethodNotFound)
}

async fn wait(pause: Duration, caller: &Caller) {
    caller.pulse.during(tokio::time::sleep(pause)).await;
}

/// What a conversation gave next.
pub(crate) enum Taken {
    /// An event.
    Event(Box<Event>),
    /// All is said.
    Done,
    /// It cannot go on.
    Failed(A2aError),
    /// The run is to stop.
    Stopped,
    /// It took longer than this.
    Late(Duration),
}

/// A conversation under the bounds of a run.
pub(crate) struct Conversation {
    steps: BoxStream<'static, Result<Event, A2aError>>,
    cancel: CancellationToken,
    deadline: tokio::time::Instant,
    limit: Duration,
}

impl Conversation {
    pub(crate) fn new(
        steps: impl Stream<Item = Result<Event, A2aError>> + Send + 'static,
        client: &A2aClient,
        context: &RunContext,
    ) -> Self {
        // Early enough to tell the agent before the lifecycle ends the run.
        let left =
            context.deadline.saturating_duration_since(std::time::Instant::now()).saturating_sub(limits::LAST_CALL);
        let limit = client.timeout().min(left);
        let deadline = tokio::time::Instant::now() + limit;
        Self { steps: steps.boxed(), cancel: context.cancel.clone(), deadline, limit }
    }

    pub(crate) async fn next(&mut self) -> Taken {
        tokio::select! {
            biased;
            () = self.cancel.cancelled() => Taken::Stopped,
            step = self.steps.next() => match step {
                Some(Ok(event)) => Taken::Event(Box::new(event)),
                Some(Err(error)) => Taken::Failed(error),
                None => Taken::Done,
            },
            () = tokio::time::sleep_until(self.deadline) => Taken::Late(self.limit),
        }
    }
}

/// Tells an agent that nobody waits for a task any more; what it says to that does not matter.
pub(crate) async fn cancel_task(client: &A2aClient, task_id: &str, caller: &Caller) {
    let canceled = tokio::time::timeout(limits::CANCEL, client.cancel_task(task_id, caller)).await;
    if let Ok(Err(error)) = canceled {
        tracing::debug!(%error, task_id, "a task could not be canceled");
    }
}
