//! A task as the log of its thread tells it: AG-UI events in, a task and its news out.

mod artifacts;

use super::AG_UI_EXTENSION;
use super::id::{self, TaskId, begins_a_task, iso};
use super::question::{Call, Waiting, failure_message, says};
use crate::types::{ArtifactUpdate, Event as News, Message, Part, Role, StatusUpdate, Task, TaskState, TaskStatus};
use artifacts::Artifacts;
use copilotkit_protocol::{
    AssistantMessage, Event, EventKind, Json, Message as AgUiMessage, MessagesSnapshot, Object, RunAgentInput,
    RunFinished, RunFinishedOutcome, RunStarted,
};
use copilotkit_runtime::store::Frame;
use std::collections::HashMap;

/// What is known of a task.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) id: TaskId,
    agent_id: String,
    pub(super) state: TaskState,
    message: Option<Message>,
    /// When it reached its state, in milliseconds since the Unix epoch.
    pub(super) changed_at: u64,
    history: Vec<Message>,
    artifacts: Artifacts,
    /// What it waits for.
    pub(super) waiting: Waiting,
    calls: HashMap<String, Call>,
    /// The order in which they were made.
    call_ids: Vec<String>,
    /// How many runs it is so far.
    pub(super) runs: usize,
    /// The run that is or was the last of it, in the store's numbers.
    run: Option<u64>,
    /// The number of the frame behind the last one that was taken.
    next_seq: u64,
    run_id: String,
    /// What comes is of other tasks.
    closed: bool,
    /// A run goes on with it that has not said so yet.
    resumed: bool,
    /// Events that become nothing of A2A are told of.
    extended: bool,
}

impl Record {
    /// A task that has just been taken.
    pub(super) fn new(agent_id: &str, id: TaskId) -> Self {
        Self {
            state: TaskState::Submitted,
            message: None,
            changed_at: id.nonce.time(),
            history: Vec::new(),
            artifacts: Artifacts::default(),
            waiting: Waiting::default(),
            calls: HashMap::new(),
            call_ids: Vec::new(),
            runs: 0,
            run: None,
            next_seq: id.first_seq,
            run_id: id::run_id(agent_id, &id.nonce, 1),
            closed: false,
            resumed: false,
            extended: false,
            agent_id: agent_id.to_owned(),
            id,
        }
    }

    /// It was answered: a run goes on with it.
    pub(super) fn go_on(&mut self) {
        self.resumed = true;
        self.history.extend(self.message.take());
        self.waiting = Waiting::default();
        (self.state, self.changed_at) = (TaskState::Working, id::now());
    }

    /// From here on what becomes nothing of A2A is told of, under the extension.
    pub(super) fn extend(&mut self) {
        self.extended = true;
    }

    /// The number of the frame behind its last one.
    pub(super) fn next_seq(&self) -> u64 {
        self.next_seq
    }

    /// The id of its last run.
    pub(super) fn run_id(&self) -> &str {
        &self.run_id
    }

    /// The thread went on without it: nothing more comes.
    pub(super) fn is_closed(&self) -> bool {
        self.closed
    }

    /// The frame is of its last run.
    pub(super) fn is_of_last_run(&self, run: u64) -> bool {
        self.run == Some(run)
    }

    /// Takes frames, and tells what is new by them. False when the first of them is none of this task: then there is no
    /// such task.
    pub(super) fn take<'a>(&mut self, frames: impl IntoIterator<Item = &'a Frame>, news: &mut Vec<News>) -> bool {
        for frame in frames {
            if self.closed {
                return true;
            }
            let event = match Event::from_json(&frame.json) {
                Ok(event) => event,
                Err(error) => {
                    tracing::warn!(%error, seq = frame.seq, "a frame of the log cannot be read");
                    continue;
                }
            };
            if self.run != Some(frame.run) && !self.begin(frame, &event, news) {
                return self.run.is_some();
            }
            self.next_seq = frame.seq + 1;
            self.event(frame.seq, event, news);
        }
        true
    }

    /// A run begins. False when it is none of this task.
    fn begin(&mut self, frame: &Frame, event: &Event, news: &mut Vec<News>) -> bool {
        let Event::RunStarted(started) = event else {
            self.closed = true;
            return false;
        };
        let run_id = asked_for(started);
        let goes_on = match self.run {
            None => frame.seq == self.id.first_seq && run_id == self.run_id,
            // Whoever asked for the next run of the thread, a page perhaps, answers by it or does without an answer.
            Some(_) => (self.state.is_interrupted() || self.resumed) && !begins_a_task(run_id),
        };
        if goes_on {
            // The question goes before its answer.
            self.history.extend(self.message.take());
            self.resumed = false;
            self.run = Some(frame.run);
            self.runs += 1;
            self.run_id = run_id.to_owned();
            return true;
        }
        self.closed = true;
        if self.state.is_interrupted() {
            self.abandon("The conversation went on without an answer.");
            news.push(self.news());
        }
        false
    }

    /// It waits no more, and nobody will answer.
    pub(super) fn abandon(&mut self, why: &str) {
        self.state = TaskState::Canceled;
        self.waiting = Waiting::default();
        self.history.extend(self.message.take());
        self.message = Some(self.said("abandoned", vec![Part::text(why)]));
    }

    fn event(&mut self, seq: u64, event: Event, news: &mut Vec<News>) {
        let kind = event.kind();
        match event {
            Event::RunStarted(started) => {
                self.started(&started);
                self.reach(TaskState::Working, None, news);
            }
            Event::RunFinished(finished) => self.finished(seq, finished, news),
            Event::RunError(error) => {
                let message = failure_message(self.said(&format!("end-{seq}"), Vec::new()), &error);
                self.reach(TaskState::Failed, Some(message), news);
            }
            Event::TextMessageStart(start) => self.artifacts.begin(&start),
            Event::TextMessageContent(content) => {
                if let Some(update) = self.artifacts.more(&content.message_id, &content.delta) {
                    self.artifact(update, news);
                }
            }
            Event::TextMessageEnd(end) => {
                if let Some(update) = self.artifacts.end(&end.message_id) {
                    self.artifact(update, news);
                }
            }
            Event::ToolCallStart(start) => {
                self.call_ids.push(start.tool_call_id.clone());
                self.calls.insert(start.tool_call_id.clone(), Call::new(start.tool_call_id, start.tool_call_name));
            }
            Event::ToolCallArgs(args) => {
                if let Some(call) = self.calls.get_mut(&args.tool_call_id) {
                    call.arguments.push_str(&args.delta);
                }
            }
            Event::ToolCallResult(result) => self.answered(&result.tool_call_id),
            Event::MessagesSnapshot(snapshot) => self.snapshot(snapshot, news),
            other => {
                // Where each of its kinds would come to more than the task itself.
                if self.extended && is_told(kind) {
                    self.tell(Json::of(&other), news);
                }
            }
        }
    }

    /// What the person said that this run is about.
    fn started(&mut self, started: &RunStarted) {
        if let Some(input) = started.input.as_deref() {
            let said = self.said_by_person(input);
            self.history.extend(said);
        }
        // What an earlier run left open was answered now, or never will be.
        self.calls.clear();
        self.call_ids.clear();
    }

    fn said_by_person(&self, input: &RunAgentInput) -> Vec<Message> {
        let mut said = Vec::new();
        for message in &input.messages {
            let (id, content) = match message {
                AgUiMessage::User(message) => (&message.id, &message.content),
                AgUiMessage::Tool(message) if self.calls.contains_key(&message.tool_call_id) => {
                    (&message.id, &message.content)
                }
                _ => continue,
            };
            said.push(self.message(id, Role::User, super::input::to_parts(content)));
        }
        for entry in input.resume.iter().flatten() {
            let id = super::question::message_id(entry);
            // One message may answer several questions.
            if said.iter().any(|known: &Message| known.message_id == id) {
                continue;
            }
            let parts = super::question::answered_with(entry);
            said.push(self.message(&id, Role::User, parts));
        }
        said
    }

    fn finished(&mut self, seq: u64, finished: RunFinished, news: &mut Vec<News>) {
        let open = self.call_ids.iter().filter_map(|id| self.calls.get(id)).filter(|call| !call.answered);
        let open: Vec<Call> = open.cloned().collect();
        let waiting = match finished.outcome {
            Some(RunFinishedOutcome::Interrupt(outcome)) => {
                Waiting { interrupts: outcome.interrupts, calls: Vec::new() }
            }
            Some(RunFinishedOutcome::Cancelled(_)) => return self.reach(TaskState::Canceled, None, news),
            _ => Waiting { interrupts: Vec::new(), calls: open },
        };
        if waiting.is_empty() {
            if let Some(result) = finished.result.filter(|result| !result.is_null())
                && let Some(update) = self.artifacts.data(format!("result-{seq}"), result)
            {
                self.artifact(update, news);
            }
            return self.reach(TaskState::Completed, None, news);
        }
        let mut message = says(&waiting);
        message.message_id = self.message_id(&format!("end-{seq}"));
        self.address(&mut message);
        self.waiting = waiting;
        self.reach(TaskState::InputRequired, Some(message), news);
    }

    /// What was not streamed, of those messages that are behind the last one of the person.
    fn snapshot(&mut self, snapshot: MessagesSnapshot, news: &mut Vec<News>) {
        let from = snapshot.messages.iter().rposition(|message| matches!(message, AgUiMessage::User(_)));
        for message in snapshot.messages.into_iter().skip(from.map_or(0, |at| at + 1)) {
            match message {
                AgUiMessage::Assistant(AssistantMessage { id, content, tool_calls, .. }) => {
                    if let Some(update) = content.and_then(|text| self.artifacts.whole(&id, text)) {
                        self.artifact(update, news);
                    }
                    for call in tool_calls.into_iter().flatten() {
                        if self.calls.contains_key(&call.id) {
                            continue;
                        }
                        self.call_ids.push(call.id.clone());
                        let arguments = call.function.arguments;
                        let known = Call { arguments, ..Call::new(call.id.clone(), call.function.name) };
                        self.calls.insert(call.id, known);
                    }
                }
                AgUiMessage::Tool(message) => self.answered(&message.tool_call_id),
                _ => {}
            }
        }
    }

    fn answered(&mut self, call_id: &str) {
        if let Some(call) = self.calls.get_mut(call_id) {
            call.answered = true;
        }
    }

    fn reach(&mut self, state: TaskState, message: Option<Message>, news: &mut Vec<News>) {
        self.history.extend(self.message.take());
        if !state.is_interrupted() {
            self.waiting = Waiting::default();
        }
        self.changed_at = id::now();
        (self.state, self.message) = (state, message);
        news.push(self.news());
    }

    /// Its state, as news.
    pub(super) fn news(&self) -> News {
        News::Status(StatusUpdate {
            task_id: self.id.to_string(),
            context_id: Some(self.id.thread_id.clone()),
            status: self.status(),
            ..StatusUpdate::default()
        })
    }

    /// Tells of an event that is nothing of A2A.
    fn tell(&self, event: Json, news: &mut Vec<News>) {
        let told = Object::from_members([("event", &event)]);
        news.push(News::Status(StatusUpdate {
            task_id: self.id.to_string(),
            context_id: Some(self.id.thread_id.clone()),
            status: self.status(),
            metadata: Some(Object::from_members([(AG_UI_EXTENSION, told.as_json())])),
            ..StatusUpdate::default()
        }));
    }

    /// Tells of more of an artifact; what goes on where the last news ended is added to it.
    fn artifact(&self, update: ArtifactUpdate, news: &mut Vec<News>) {
        if let Some(News::Artifact(last)) = news.last_mut()
            && update.append
            && last.artifact.artifact_id == update.artifact.artifact_id
            && artifacts::join(&mut last.artifact, &update.artifact)
        {
            last.last_chunk |= update.last_chunk;
            return;
        }
        let context_id = Some(self.id.thread_id.clone());
        news.push(News::Artifact(ArtifactUpdate { task_id: self.id.to_string(), context_id, ..update }));
    }

    /// The task, with so many of its last messages; all of them where nothing is said.
    pub(super) fn task(&self, history_length: Option<u32>) -> Task {
        let wanted = history_length.map_or(self.history.len(), |length| length as usize);
        let history = self.history.iter().skip(self.history.len().saturating_sub(wanted)).cloned().collect();
        Task {
            id: self.id.to_string(),
            context_id: Some(self.id.thread_id.clone()),
            status: self.status(),
            artifacts: self.artifacts.all(),
            history,
            metadata: None,
        }
    }

    fn status(&self) -> TaskStatus {
        TaskStatus { state: self.state.clone(), message: self.message.clone(), timestamp: Some(iso(self.changed_at)) }
    }

    fn said(&self, what: &str, parts: Vec<Part>) -> Message {
        self.message(&self.message_id(what), Role::Agent, parts)
    }

    /// The same whenever the task is read.
    fn message_id(&self, what: &str) -> String {
        format!("{}-{what}", self.id.nonce.as_str())
    }

    fn message(&self, id: &str, role: Role, parts: Vec<Part>) -> Message {
        let mut message = Message::new(id, role, parts);
        self.address(&mut message);
        message
    }

    fn address(&self, message: &mut Message) {
        message.context_id = Some(self.id.thread_id.clone());
        message.task_id = Some(self.id.to_string());
    }

    /// The id of a run that goes on with it.
    pub(super) fn next_run_id(&self) -> String {
        id::run_id(&self.agent_id, &self.id.nonce, self.runs + 1)
    }
}

/// The id that a run was asked for by; agents may call it something else.
pub(super) fn asked_for(started: &RunStarted) -> &str {
    started.input.as_ref().map_or(&started.run_id, |input| &input.run_id)
}

/// What clients that know AG-UI are told of beside the task: no news of texts, which are artifacts.
fn is_told(kind: EventKind) -> bool {
    matches!(
        kind,
        EventKind::StateSnapshot
            | EventKind::StateDelta
            | EventKind::ActivitySnapshot
            | EventKind::ActivityDelta
            | EventKind::Custom
            | EventKind::StepStarted
            | EventKind::StepFinished
    )
}

#[cfg(test)]
mod tests;
