//! A conversation on one thread, turn by turn.

use super::events::Events;
use super::lines::{Line, Lines};
use super::questions::{Wanted, entry};
use super::server::{Server, Thread};
use super::view::View;
use crate::terminal::{one_line, strip};
use anyhow::Result;
use copilotkit_protocol::{
    Applied, Event, Interrupt, Json, Message, PROTOCOL_VERSION, ResumeEntry, RunAgentInput, RunFinishedOutcome,
    UserMessage,
};
use serde_json::{Value, json};
use std::io::{Stderr, Stdout};
use std::time::Duration;
use tokio::time::{Instant, sleep_until};
use uuid::Uuid;

/// How long a run that was asked to stop may take to say so.
const STOPPING: Duration = Duration::from_secs(5);
/// The most messages of an earlier conversation that are shown.
const HISTORY: usize = 20;
/// The event by which agents of LangGraph ask; the answer goes back in `forwardedProps`.
const LANGGRAPH_INTERRUPT: &str = "on_interrupt";

/// How a turn ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// The agent answered, or was stopped.
    Done,
    /// The run failed; it was said why.
    Failed,
    /// The agent asks, and nobody can answer.
    Waits,
    /// The person wants to leave at once.
    Left,
}

/// What a run asks before it goes on.
#[derive(Debug, Default)]
struct Asked {
    interrupts: Vec<Interrupt>,
    /// The value of LangGraph's event.
    langgraph: Option<Value>,
}

/// A conversation.
pub(super) struct Session {
    pub(super) server: Server,
    pub(super) view: View<Stdout, Stderr>,
    pub(super) thread_id: String,
    /// What a page would hold.
    pub(super) applied: Applied,
    /// The threads that were listed last, for `/switch 2`.
    pub(super) listed: Vec<Thread>,
}

pub(super) fn new_id() -> String {
    Uuid::new_v4().to_string()
}

impl Session {
    pub(super) fn new(server: Server, view: View<Stdout, Stderr>) -> Self {
        Self { server, view, thread_id: new_id(), applied: Applied::default(), listed: Vec::new() }
    }

    /// The input of the next run, or of a replay.
    pub(super) fn input(&self) -> RunAgentInput {
        let state = self.applied.state();
        RunAgentInput {
            thread_id: self.thread_id.clone(),
            run_id: new_id(),
            protocol_version: Some(PROTOCOL_VERSION.to_owned()),
            state: Some(state).filter(|state| state.get() != "{}"),
            messages: self.applied.messages().to_vec(),
            ..Default::default()
        }
    }

    /// Goes on with a thread; what it holds is replayed, if the server keeps it.
    pub(super) async fn open(&mut self, thread_id: &str) -> Result<()> {
        (self.thread_id, self.applied) = (thread_id.to_owned(), Applied::default());
        if self.server.keeps_threads() {
            let mut events = self.server.connect(&self.input()).await?;
            loop {
                let event = tokio::select! {
                    event = events.next() => event?,
                    // A run that goes on is followed to its end, which may be far.
                    _ = tokio::signal::ctrl_c() => {
                        self.view.note("left while a run goes on there")?;
                        None
                    }
                };
                let Some(event) = event else { break };
                self.applied.apply(&event);
            }
        }
        Ok(())
    }

    /// Shows what the thread held before.
    pub(super) fn show_history(&mut self) -> Result<()> {
        Ok(self.view.history(&self.applied, HISTORY)?)
    }

    /// Adds what the person says.
    pub(super) fn say(&mut self, words: String) {
        let state = self.applied.state();
        let mut messages = std::mem::take(&mut self.applied).into_messages();
        messages.push(Message::from(UserMessage { id: new_id(), content: words.into(), ..Default::default() }));
        self.applied = Applied::new(messages, Some(state));
    }

    /// Says something, and follows the run to its end; questions of the agent are put to the person.
    pub(super) async fn turn(&mut self, words: String, lines: &mut Option<Lines>) -> Result<Turn> {
        self.say(words);
        let (mut resume, mut props): (Option<Vec<ResumeEntry>>, Option<Json>) = (None, None);
        loop {
            let input = RunAgentInput { resume: resume.take(), forwarded_props: props.take(), ..self.input() };
            let (turn, asked) = self.run(&input).await?;
            if turn != Turn::Done {
                return Ok(turn);
            }
            if asked.interrupts.is_empty() && asked.langgraph.is_none() {
                return Ok(turn);
            }
            let Some(lines) = lines else {
                self.tell(&asked)?;
                return Ok(Turn::Waits);
            };
            let mut entries = Vec::new();
            for interrupt in &asked.interrupts {
                match self.ask(interrupt, lines).await? {
                    Some(answer) => entries.push(answer),
                    None => return Ok(Turn::Waits),
                }
            }
            resume = (!entries.is_empty()).then_some(entries);
            if let Some(value) = asked.langgraph.filter(|_| asked.interrupts.is_empty()) {
                self.view.text(&format!("? {}\n", question_of(&value)))?;
                let Line::Text(answer) = lines.next("answer> ").await? else { return Ok(Turn::Waits) };
                props = Some(Json::from(json!({ "command": { "resume": answer, "interruptEvent": value } })));
            }
        }
    }

    /// One run, from its start to its end or to the person's Ctrl-C.
    async fn run(&mut self, input: &RunAgentInput) -> Result<(Turn, Asked)> {
        let started = tokio::select! {
            events = self.server.run(input) => events,
            _ = tokio::signal::ctrl_c() => {
                self.view.note("stopped before the run began")?;
                return Ok((Turn::Done, Asked::default()));
            }
        };
        let mut events: Events = match started {
            Ok(events) => events,
            Err(error) => {
                self.view.failed(&format!("error: {error:#}"))?;
                return Ok((Turn::Failed, Asked::default()));
            }
        };
        let (mut asked, mut ended) = (Asked::default(), None);
        let mut until: Option<Instant> = None;
        loop {
            let next = tokio::select! {
                next = events.next() => next,
                _ = tokio::signal::ctrl_c() => {
                    if until.is_some() {
                        return Ok((Turn::Left, asked));
                    }
                    if !self.server.can_stop() {
                        self.view.note("stopped")?;
                        return Ok((Turn::Done, Asked::default()));
                    }
                    self.view.note("stopping … (Ctrl-C again leaves)")?;
                    if let Err(error) = self.server.stop(&self.thread_id).await {
                        self.view.failed(&format!("it cannot be stopped: {error:#}"))?;
                    }
                    until = Some(Instant::now() + STOPPING);
                    continue;
                }
                () = sleep_until(until.unwrap_or_else(Instant::now)), if until.is_some() => {
                    self.view.note("the run did not say that it stopped; it is left alone")?;
                    return Ok((Turn::Done, Asked::default()));
                }
            };
            let event = match next {
                Ok(Some(event)) => event,
                Ok(None) => break,
                Err(error) => {
                    self.view.failed(&format!("error: {error:#}"))?;
                    return Ok((Turn::Failed, Asked::default()));
                }
            };
            self.applied.apply(&event);
            self.view.show(&event)?;
            match event {
                Event::RunError(_) => ended = Some(Turn::Failed),
                Event::RunFinished(event) => {
                    ended = Some(Turn::Done);
                    if let Some(RunFinishedOutcome::Interrupt(outcome)) = event.outcome {
                        asked.interrupts = outcome.interrupts;
                    }
                }
                Event::Custom(event) if event.name == LANGGRAPH_INTERRUPT => {
                    asked.langgraph = Some(event.value.to_value());
                }
                _ => {}
            }
        }
        self.view.fresh()?;
        let turn = match ended {
            Some(turn) => turn,
            None => {
                self.view.failed("error: the stream ended before the run did")?;
                Turn::Failed
            }
        };
        Ok((turn, asked))
    }

    /// Puts one question to the person; `None` when there is nobody.
    async fn ask(&mut self, interrupt: &Interrupt, lines: &mut Lines) -> Result<Option<ResumeEntry>> {
        let wanted = Wanted::of(interrupt);
        self.view.text(&format!("? {} {}\n", question(interrupt, &self.applied), wanted.hint()))?;
        if lines.interactive() {
            self.view.note("  (Ctrl-D leaves the question unanswered: it is cancelled)")?;
        }
        loop {
            match lines.next("answer> ").await? {
                Line::Text(words) => match wanted.read(&words) {
                    Some(answer) => return Ok(Some(entry(interrupt, Some(answer)))),
                    None if lines.interactive() => {
                        self.view.note(&format!("  that is no answer to this: {}", wanted.hint()))?;
                    }
                    None => {
                        self.view.failed(&format!("that is no answer to the question: {}", wanted.hint()))?;
                        return Ok(None);
                    }
                },
                Line::Interrupted | Line::End if lines.interactive() => return Ok(Some(entry(interrupt, None))),
                Line::Interrupted | Line::End => {
                    self.view.failed("the run waits for an answer, and there is none")?;
                    return Ok(None);
                }
            }
        }
    }

    fn tell(&mut self, asked: &Asked) -> Result<()> {
        for interrupt in &asked.interrupts {
            self.view.text(&format!("? {}\n", question(interrupt, &self.applied)))?;
        }
        if let Some(value) = &asked.langgraph {
            self.view.text(&format!("? {}\n", question_of(value)))?;
        }
        let thread = strip(&self.thread_id);
        Ok(self.view.failed(&format!("the run waits for an answer: go on with copilotkit chat --thread {thread}"))?)
    }
}

/// A question in words: its own, or what it is about.
fn question(interrupt: &Interrupt, applied: &Applied) -> String {
    let calls = || applied.messages().iter().rev().flat_map(Message::tool_calls);
    let call = interrupt.tool_call_id.as_ref().and_then(|id| calls().find(|call| call.id == *id));
    let words = interrupt.message.as_deref().unwrap_or(&interrupt.reason);
    match call {
        Some(call) => {
            let arguments = one_line(&call.function.arguments, 400);
            format!("{} ({}({arguments}))", strip(words), strip(&call.function.name))
        }
        None => strip(words),
    }
}

fn question_of(value: &Value) -> String {
    // LangGraph writes a value as text.
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    strip(&text)
}
