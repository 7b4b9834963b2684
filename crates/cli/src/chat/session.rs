//! A conversation on one thread, turn by turn.

use super::events::Events;
use super::lines::{Line, Lines};
use super::questions::{Wanted, entry};
use super::server::{Server, Thread};
use super::view::View;
use crate::terminal::{CtrlC, one_line, strip};
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
    /// The agent answered.
    Done,
    /// The run failed; it was said why.
    Failed,
    /// It was stopped.
    Stopped,
    /// The agent asks, and nobody can answer.
    Waits,
    /// The person wants to leave at once.
    Left,
}

/// What a run asks before it goes on.
#[derive(Debug, Default)]
struct Asked {
    interrupts: Vec<Interrupt>,
    /// The value of LangGraph's event, which stands for itself where there are no interrupts.
    langgraph: Option<Value>,
}

impl Asked {
    fn is_nothing(&self) -> bool {
        self.interrupts.is_empty() && self.langgraph.is_none()
    }

    /// Takes note of what an event asks, or that nothing is asked any more.
    fn take(&mut self, event: &Event) {
        match event {
            Event::RunStarted(_) => *self = Self::default(),
            Event::RunFinished(event) => {
                if let Some(RunFinishedOutcome::Interrupt(outcome)) = &event.outcome {
                    self.interrupts.clone_from(&outcome.interrupts);
                }
            }
            Event::Custom(event) if event.name == LANGGRAPH_INTERRUPT => {
                self.langgraph = Some(event.value.to_value());
            }
            _ => {}
        }
    }
}

/// What a run is given beside its messages.
#[derive(Default)]
struct Answers {
    resume: Option<Vec<ResumeEntry>>,
    props: Option<Json>,
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
    /// What the thread waits with.
    asked: Asked,
    /// The command that leads back here.
    again: String,
}

pub(super) fn new_id() -> String {
    Uuid::new_v4().to_string()
}

impl Session {
    /// `again` is the command that leads to this server.
    pub(super) fn new(server: Server, view: View<Stdout, Stderr>, again: String) -> Self {
        let (applied, asked) = (Applied::default(), Asked::default());
        Self { server, view, thread_id: new_id(), applied, listed: Vec::new(), asked, again }
    }

    /// Leaves the thread for a new one.
    pub(super) fn renew(&mut self) {
        (self.thread_id, self.applied, self.asked) = (new_id(), Applied::default(), Asked::default());
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
        self.renew();
        thread_id.clone_into(&mut self.thread_id);
        if self.server.keeps_threads() {
            let mut ctrl_c = CtrlC::new();
            let mut events = self.server.connect(&self.input()).await?;
            loop {
                let event = tokio::select! {
                    event = events.next() => event?,
                    // A run that goes on is followed to its end, which may be far.
                    () = ctrl_c.pressed() => {
                        self.view.note("left while a run goes on there")?;
                        None
                    }
                };
                let Some(event) = event else { break };
                self.applied.apply(&event);
                self.asked.take(&event);
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

    /// Says something, or answers what the thread waits with, and follows the run to its end; questions of the agent are put
    /// to the person.
    pub(super) async fn turn(&mut self, words: String, lines: &mut Option<Lines>) -> Result<Turn> {
        match self.begin(words, lines).await? {
            Some(input) => self.follow(input, lines).await,
            None => Ok(Turn::Waits),
        }
    }

    /// Puts what the thread waits with to the person, if it waits.
    pub(super) async fn resume(&mut self, lines: &mut Option<Lines>) -> Result<Turn> {
        let asked = std::mem::take(&mut self.asked);
        if asked.is_nothing() {
            return Ok(Turn::Done);
        }
        match self.answers(asked, None, lines).await? {
            Some(answers) => self.follow(self.input_with(answers), lines).await,
            None => Ok(Turn::Waits),
        }
    }

    /// The input of a run that is started by words; `None` where they are no answer to what the thread waits with.
    pub(super) async fn begin(&mut self, words: String, lines: &mut Option<Lines>) -> Result<Option<RunAgentInput>> {
        let asked = std::mem::take(&mut self.asked);
        if asked.is_nothing() {
            self.say(words);
            return Ok(Some(self.input()));
        }
        let answers = self.answers(asked, Some(words), lines).await?;
        Ok(answers.map(|answers| self.input_with(answers)))
    }

    fn input_with(&self, answers: Answers) -> RunAgentInput {
        RunAgentInput { resume: answers.resume, forwarded_props: answers.props, ..self.input() }
    }

    async fn follow(&mut self, mut input: RunAgentInput, lines: &mut Option<Lines>) -> Result<Turn> {
        loop {
            let (turn, asked) = self.run(&input).await?;
            if turn != Turn::Done || asked.is_nothing() {
                return Ok(turn);
            }
            match self.answers(asked, None, lines).await? {
                Some(answers) => input = self.input_with(answers),
                None => return Ok(Turn::Waits),
            }
        }
    }

    /// Answers to all that is asked; `words` are that to the first. `None` where somebody has to answer who is not there.
    async fn answers(
        &mut self,
        asked: Asked,
        mut words: Option<String>,
        lines: &mut Option<Lines>,
    ) -> Result<Option<Answers>> {
        let mut entries = Vec::new();
        for interrupt in &asked.interrupts {
            let answer = match (words.take(), &mut *lines) {
                (Some(words), _) => match Wanted::of(interrupt).read(&words) {
                    Some(answer) => Some(entry(interrupt, Some(answer))),
                    None => {
                        self.view.failed("that is no answer to what this thread waits for:")?;
                        None
                    }
                },
                (None, Some(lines)) => match self.ask(interrupt, lines).await? {
                    Some(answer) => Some(answer),
                    None => return Ok(None),
                },
                (None, None) => None,
            };
            let Some(answer) = answer else {
                self.tell(&asked)?;
                return Ok(None);
            };
            entries.push(answer);
        }
        let mut props = None;
        if let Some(value) = asked.langgraph.as_ref().filter(|_| entries.is_empty()) {
            let answer = match (words.take(), lines) {
                (Some(words), _) => words,
                (None, Some(lines)) => {
                    self.view.text(&format!("? {}\n", question_of(value)))?;
                    let Line::Text(answer) = lines.next("answer> ").await? else { return Ok(None) };
                    answer
                }
                (None, None) => {
                    self.tell(&asked)?;
                    return Ok(None);
                }
            };
            props = Some(Json::from(json!({ "command": { "resume": answer, "interruptEvent": value } })));
        }
        Ok(Some(Answers { resume: (!entries.is_empty()).then_some(entries), props }))
    }

    /// One run, from its start to its end or to the person's Ctrl-C.
    async fn run(&mut self, input: &RunAgentInput) -> Result<(Turn, Asked)> {
        let mut ctrl_c = CtrlC::new();
        let started = tokio::select! {
            events = self.server.run(input) => events,
            () = ctrl_c.pressed() => {
                self.view.note("stopped before the run began")?;
                return Ok((Turn::Stopped, Asked::default()));
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
                () = ctrl_c.pressed() => {
                    if until.is_some() {
                        return Ok((Turn::Left, asked));
                    }
                    if !self.server.can_stop() {
                        self.view.note("stopped")?;
                        return Ok((Turn::Stopped, Asked::default()));
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
                    return Ok((Turn::Stopped, Asked::default()));
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
            asked.take(&event);
            ended = match event {
                // A run that ends because it was asked to is no failure.
                Event::RunError(_) | Event::RunFinished(_) if until.is_some() => Some(Turn::Stopped),
                Event::RunError(_) => Some(Turn::Failed),
                Event::RunFinished(_) => Some(Turn::Done),
                _ => ended,
            };
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
            self.view.note("  (Ctrl-C or Ctrl-D leaves the question unanswered: it is cancelled)")?;
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
                    self.tell_how()?;
                    return Ok(None);
                }
            }
        }
    }

    fn tell(&mut self, asked: &Asked) -> Result<()> {
        for interrupt in &asked.interrupts {
            let hint = Wanted::of(interrupt).hint();
            self.view.text(&format!("? {} {hint}\n", question(interrupt, &self.applied)))?;
        }
        if let Some(value) = asked.langgraph.as_ref().filter(|_| asked.interrupts.is_empty()) {
            self.view.text(&format!("? {}\n", question_of(value)))?;
        }
        self.tell_how()
    }

    /// The command that answers.
    fn tell_how(&mut self) -> Result<()> {
        let (again, thread) = (&self.again, strip(&self.thread_id));
        Ok(self.view.failed(&format!("the run waits for an answer: {again} --thread {thread} ANSWER"))?)
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
