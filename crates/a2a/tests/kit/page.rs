//! A page with a thread: it runs agents through the lifecycle and keeps what it is shown.

use copilotkit_fixtures::official_schema;
use copilotkit_protocol::{
    Applied, Content, Event, Interrupt, Json, Message, ResumeEntry, ResumeStatus, RunAgentInput, RunFinishedOutcome,
    Tool, ToolMessage, UserMessage,
};
use copilotkit_runtime::store::{MemoryStore, StopRun, ThreadKey};
use copilotkit_runtime::{AgentRegistry, Lifecycle, LifecycleOptions, Principal, Registered, StartRun, Store};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

pub(crate) struct House {
    pub(crate) lifecycle: Lifecycle,
    pub(crate) store: Arc<dyn Store>,
}

impl House {
    /// A lifecycle over a memory store, with the agent that `make` gives for that store.
    pub(crate) fn new(make: impl FnOnce(&Arc<dyn Store>) -> Registered) -> Self {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
        let registered = make(&store);
        let options = LifecycleOptions { store: store.clone(), ..LifecycleOptions::default() };
        Self { lifecycle: Lifecycle::new(Arc::new(AgentRegistry::new([registered])), options), store }
    }
}

pub(crate) struct Page<'a> {
    house: &'a House,
    pub(crate) thread: String,
    pub(crate) messages: Vec<Message>,
    pub(crate) tools: Vec<Tool>,
    pub(crate) props: Option<Json>,
    runs: usize,
}

impl<'a> Page<'a> {
    pub(crate) fn new(house: &'a House, thread: &str) -> Self {
        Self { house, thread: thread.to_owned(), messages: Vec::new(), tools: Vec::new(), props: None, runs: 0 }
    }

    /// Says something and runs the agent to its end.
    pub(crate) async fn say(&mut self, text: &str) -> Run {
        let id = format!("u{}", self.messages.len());
        self.messages.push(UserMessage { id, content: text.into(), ..Default::default() }.into());
        self.run(None).await
    }

    /// Answers an interrupt.
    pub(crate) async fn answer(&mut self, interrupt: &Interrupt, payload: Option<Value>) -> Run {
        let status = if payload.is_some() { ResumeStatus::Resolved } else { ResumeStatus::Cancelled };
        let payload = payload.map(Json::from);
        let entry = ResumeEntry { interrupt_id: interrupt.id.clone(), status, payload, ..Default::default() };
        self.run(Some(vec![entry])).await
    }

    /// Gives the result of a tool of its own, without running.
    pub(crate) fn result(&mut self, tool_call_id: &str, text: &str) {
        let id = format!("t{}", self.messages.len());
        let message = ToolMessage {
            id,
            content: Content::Text(text.to_owned()),
            tool_call_id: tool_call_id.to_owned(),
            ..Default::default()
        };
        self.messages.push(message.into());
    }

    pub(crate) async fn run(&mut self, resume: Option<Vec<ResumeEntry>>) -> Run {
        let mut subscription = self.start(resume).await;
        let mut events = Vec::new();
        let all = async {
            loop {
                let frames = subscription.next().await.unwrap();
                if frames.is_empty() {
                    return;
                }
                for frame in frames {
                    if let Some(modern) = frame.for_client(false) {
                        assert_eq!(official_schema::check(modern), Ok(()));
                    }
                    events.push(Event::from_json(&frame.json).unwrap());
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(30), all).await.expect("the run hangs");
        let mut applied = Applied::new(std::mem::take(&mut self.messages), None);
        events.iter().for_each(|event| applied.apply(event));
        assert_eq!(applied.warnings(), Vec::<String>::new(), "a page would complain");
        self.messages = applied.into_messages();
        Run(events)
    }

    pub(crate) async fn start(&mut self, resume: Option<Vec<ResumeEntry>>) -> copilotkit_runtime::hub::Subscription {
        self.runs += 1;
        let input = RunAgentInput {
            thread_id: self.thread.clone(),
            run_id: format!("run-{}", self.runs),
            messages: self.messages.clone(),
            tools: self.tools.clone(),
            forwarded_props: self.props.clone(),
            resume,
            ..Default::default()
        };
        let start = StartRun {
            agent_id: "agent".to_owned(),
            principal: Principal::anonymous(),
            headers: Arc::default(),
            input,
        };
        self.house.lifecycle.start(start).await.unwrap()
    }

    pub(crate) async fn stop(&self) {
        let thread = ThreadKey::new(&Principal::anonymous(), self.thread.as_str());
        self.house.store.stop(StopRun { thread, run_id: None }).await.unwrap();
    }

    /// The texts that the agent said, in order.
    pub(crate) fn texts(&self) -> Vec<String> {
        let said = |message: &Message| match message {
            Message::Assistant(message) => message.content.clone().filter(|text| !text.is_empty()),
            _ => None,
        };
        self.messages.iter().filter_map(said).collect()
    }

    /// The results of tools, in order.
    pub(crate) fn results(&self) -> Vec<String> {
        let result = |message: &Message| match message {
            Message::Tool(message) => Some(message.content.text().into_owned()),
            _ => None,
        };
        self.messages.iter().filter_map(result).collect()
    }
}

/// The events of a run.
pub(crate) struct Run(pub(crate) Vec<Event>);

impl Run {
    /// The kinds without those of progress.
    pub(crate) fn kinds(&self) -> Vec<&'static str> {
        let is_progress =
            |event: &&Event| matches!(event, Event::ActivitySnapshot(event) if event.activity_type == "a2a-task");
        self.0.iter().filter(|event| !is_progress(event)).map(|event| event.kind().as_str()).collect()
    }

    /// How it ended: `success`, `cancelled`, `error CODE: …`, `interrupt`.
    pub(crate) fn end(&self) -> String {
        match self.0.last() {
            Some(Event::RunFinished(event)) => match &event.outcome {
                None | Some(RunFinishedOutcome::Success(_)) => "success".to_owned(),
                Some(RunFinishedOutcome::Interrupt(_)) => "interrupt".to_owned(),
                Some(RunFinishedOutcome::Cancelled(_)) => "cancelled".to_owned(),
                Some(_) => "another".to_owned(),
            },
            Some(Event::RunError(error)) => {
                format!("error {}: {}", error.code.as_deref().unwrap_or_default(), error.message)
            }
            other => panic!("no end: {other:?}"),
        }
    }

    pub(crate) fn interrupts(&self) -> Vec<Interrupt> {
        match self.0.last() {
            Some(Event::RunFinished(event)) => match &event.outcome {
                Some(RunFinishedOutcome::Interrupt(outcome)) => outcome.interrupts.clone(),
                _ => Vec::new(),
            },
            _ => Vec::new(),
        }
    }

    /// The contents of the activities of a kind.
    pub(crate) fn activities(&self, kind: &str) -> Vec<Value> {
        let content = |event: &Event| match event {
            Event::ActivitySnapshot(event) if event.activity_type == kind => Some(event.content.as_json().to_value()),
            _ => None,
        };
        self.0.iter().filter_map(content).collect()
    }
}

/// A tool of the page.
pub(crate) fn tool(name: &str) -> Tool {
    let parameters = json!({ "type": "object", "properties": {} });
    Tool {
        name: name.to_owned(),
        description: name.to_owned(),
        parameters: Some(parameters.into()),
        ..Default::default()
    }
}
