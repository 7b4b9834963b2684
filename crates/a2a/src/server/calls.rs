//! What can be asked of an agent, whichever way it was written.

use super::A2aServerOptions;
use super::fail::Failure;
use super::id::{Nonce, TaskId, now, run_id};
use super::load::{CANCELED, Loaded, keep_canceled, load};
use super::record::Record;
use super::{input, list, version, wait};
use crate::limits;
use crate::types::{
    CancelTaskRequest, Event as News, GetTaskRequest, Reply, SendMessageRequest, SubscribeToTaskRequest, TaskState,
};
use crate::wire::{Call, ErrorKind};
use copilotkit_protocol::Json;
use copilotkit_runtime::http::{Admitted, Body};
use copilotkit_runtime::hub::Subscription;
use copilotkit_runtime::store::ThreadKey;
use copilotkit_runtime::{Lifecycle, Principal, Registered, StartRun};
use futures::StreamExt as _;
use futures::stream::BoxStream;
use http::{HeaderMap, Response};
use std::sync::Arc;

/// All that is new at once, again and again.
pub(super) type NewsStream = BoxStream<'static, Vec<News>>;

/// What is answered.
pub(super) enum Outcome {
    /// A value.
    Value(Json),
    /// A stream that ends when the task is settled.
    Stream(NewsStream),
}

impl Outcome {
    fn of<T: serde::Serialize>(value: &T) -> Self {
        Self::Value(Json::of(value))
    }
}

/// Who asks which agent.
pub(super) struct Asked<'a> {
    pub(super) options: &'a A2aServerOptions,
    pub(super) lifecycle: Lifecycle,
    pub(super) agent_id: Arc<str>,
    pub(super) principal: Principal,
    pub(super) headers: Arc<HeaderMap>,
    /// What of AG-UI has no place in A2A is wanted, too.
    pub(super) extended: bool,
}

/// Does what was read from a request, and has it written.
pub(super) async fn answered(
    options: &A2aServerOptions,
    agent: &Registered,
    request: Admitted,
    call: Result<Call, Failure>,
    write: impl FnOnce(Result<Outcome, Failure>) -> Response<Body>,
) -> Response<Body> {
    let extended = version::is_extended(&request.parts);
    let called = match version::check(&request.parts).and(call) {
        Ok(call) => {
            let headers = request.run_headers();
            let asked = Asked {
                options,
                headers,
                extended,
                agent_id: agent.id.clone(),
                lifecycle: request.lifecycle,
                principal: request.principal,
            };
            // Read: its room is for others.
            drop(request.body);
            asked.call(call).await
        }
        Err(failure) => Err(failure),
    };
    let mut response = write(called);
    if extended {
        let (name, value) = version::activated();
        response.headers_mut().insert(name, value);
    }
    response
}

impl Asked<'_> {
    /// Does what is asked.
    pub(super) async fn call(&self, call: Call) -> Result<Outcome, Failure> {
        match call {
            Call::Send(request) => self.send(request).await,
            Call::Stream(request) => self.stream(request).await,
            Call::Get(request) => self.get(request).await,
            Call::List(request) => Ok(Outcome::of(&list::list(self, request).await?)),
            Call::Cancel(request) => self.cancel(request).await,
            Call::Subscribe(request) => self.subscribe(request).await,
            Call::CreatePush(_) | Call::GetPush(_) | Call::ListPush(_) | Call::DeletePush(_) => Err(Failure::new(
                ErrorKind::PushNotificationNotSupported,
                "Push notifications are not supported. Use a stream, or subscribe to the task.",
            )),
            Call::ExtendedCard => {
                Err(Failure::new(ErrorKind::UnsupportedOperation, "There is no more to say than the public card does."))
            }
        }
    }

    async fn send(&self, request: SendMessageRequest) -> Result<Outcome, Failure> {
        let configuration = request.configuration.clone().unwrap_or_default();
        let (mut record, mut subscription) = self.begin(request).await?;
        if configuration.return_immediately {
            subscription.detach();
        } else {
            settle(&mut record, &mut subscription).await;
        }
        Ok(Outcome::of(&Reply::Task(record.task(configuration.history_length))))
    }

    async fn stream(&self, request: SendMessageRequest) -> Result<Outcome, Failure> {
        let history_length = request.configuration.as_ref().and_then(|configuration| configuration.history_length);
        let (record, subscription) = self.begin(request).await?;
        Ok(Outcome::Stream(follow(record, subscription, history_length)))
    }

    /// Starts the run of a new task, or one that goes on with a task that waits.
    async fn begin(&self, request: SendMessageRequest) -> Result<(Record, Subscription), Failure> {
        input::check(&request, self.options.id_max)?;
        let message = &request.message;
        let task = match &message.task_id {
            Some(id) => Some(self.waiting(id, message.context_id.as_deref()).await?),
            None => None,
        };
        let nonce = Nonce::new();
        let (thread_id, run_id) = match &task {
            Some(task) => (task.id.thread_id.clone(), task.next_run_id()),
            None => {
                let context = message.context_id.clone();
                (context.unwrap_or_else(|| uuid::Uuid::new_v4().to_string()), run_id(&self.agent_id, &nonce, 1))
            }
        };
        let thread = ThreadKey::new(&self.principal, thread_id.as_str());
        let store = self.lifecycle.store().clone();
        let input = input::run_input(store, thread, &request, task.as_ref(), run_id).await?;
        let start = StartRun {
            agent_id: self.agent_id.to_string(),
            principal: self.principal.clone(),
            headers: self.headers.clone(),
            input,
        };
        let subscription = self.lifecycle.start(start).await?;
        let mut record = match task {
            Some(mut task) => {
                task.go_on();
                task
            }
            None => {
                let id = TaskId { nonce, first_seq: subscription.position(), thread_id };
                Record::new(&self.agent_id, id)
            }
        };
        if self.extended {
            record.extend();
        }
        Ok((record, subscription))
    }

    /// A task that a message may go on with.
    async fn waiting(&self, id: &str, context_id: Option<&str>) -> Result<Record, Failure> {
        let Loaded { record, .. } = self.load(id).await?;
        if context_id.is_some_and(|context| context != record.id.thread_id) {
            return Err(Failure::params("message.contextId: the task belongs to another context"));
        }
        let refused = |why: &str| Err(Failure::new(ErrorKind::UnsupportedOperation, why));
        match &record.state {
            state if state.is_interrupted() => Ok(record),
            state if state.is_terminal() => {
                refused("The task has ended. Send the message without a taskId to go on in its context.")
            }
            _ => refused("The task is worked on and waits for nothing. Wait until it is settled, or cancel it."),
        }
    }

    async fn get(&self, request: GetTaskRequest) -> Result<Outcome, Failure> {
        let Loaded { record, .. } = self.load(&request.id).await?;
        Ok(Outcome::of(&record.task(request.history_length)))
    }

    async fn cancel(&self, request: CancelTaskRequest) -> Result<Outcome, Failure> {
        let Loaded { mut record, mut subscription, live } = self.load(&request.id).await?;
        if let Some(run_id) = live {
            let thread_id = record.id.thread_id.clone();
            let run_id = Some(run_id.to_string());
            self.lifecycle.stop(&self.agent_id, &self.principal, &thread_id, run_id).await?;
            // One that takes longer is shown as it is.
            let _ = tokio::time::timeout(limits::STOPPED, settle(&mut record, &mut subscription)).await;
            if !record.state.is_settled() || record.state == TaskState::Canceled {
                return Ok(Outcome::of(&record.task(None)));
            }
        }
        if record.state.is_interrupted() {
            keep_canceled(&self.lifecycle, &self.principal, &record.id).await?;
            record.abandon(CANCELED);
            record.changed_at = now();
            return Ok(Outcome::of(&record.task(None)));
        }
        Err(Failure::new(ErrorKind::TaskNotCancelable, "The task has ended."))
    }

    async fn subscribe(&self, request: SubscribeToTaskRequest) -> Result<Outcome, Failure> {
        let Loaded { mut record, subscription, live } = self.load(&request.id).await?;
        if record.state.is_terminal() {
            let what = "The task has ended: nothing more comes. GetTask shows it.";
            return Err(Failure::new(ErrorKind::UnsupportedOperation, what));
        }
        if self.extended {
            record.extend();
        }
        // The log is read to its end already where no run goes on.
        let subscription = live.is_some().then_some(subscription);
        let (lifecycle, principal) = (self.lifecycle.clone(), self.principal.clone());
        let patience = wait::Patience { lifecycle, principal, agent_id: self.agent_id.clone() };
        Ok(Outcome::Stream(wait::follow_to_the_end(patience, record, subscription)))
    }

    async fn load(&self, id: &str) -> Result<Loaded, Failure> {
        load(&self.lifecycle, &self.principal, &self.agent_id, id).await
    }
}

/// Takes what comes until the task is settled or its log ends.
async fn settle(record: &mut Record, subscription: &mut Subscription) {
    while !record.state.is_settled() && !take(record, subscription, &mut Vec::new()).await {}
}

/// Takes what is there next. True when nothing more comes.
pub(super) async fn take(record: &mut Record, subscription: &mut Subscription, news: &mut Vec<News>) -> bool {
    match subscription.next_batch().await {
        Ok(batch) => {
            record.take(batch.frames(), news);
            batch.is_empty()
        }
        Err(error) => {
            tracing::error!(%error, "a thread's log could not be read: its stream was ended");
            true
        }
    }
}

/// The task as it is, then what is new, until it is settled.
fn follow(mut record: Record, mut subscription: Subscription, history_length: Option<u32>) -> NewsStream {
    let stream = async_stream::stream! {
        yield vec![News::Task(record.task(history_length))];
        loop {
            let mut news = Vec::new();
            let done = take(&mut record, &mut subscription, &mut news).await;
            if !news.is_empty() {
                yield news;
            }
            if done || record.state.is_settled() {
                return;
            }
        }
    };
    stream.boxed()
}
