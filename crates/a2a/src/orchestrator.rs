//! An agent of ours that asks remote A2A agents.

mod ask;
mod prompt;
mod roster;
mod run;
mod team;

pub use prompt::SEND_TOOL;

use crate::client::A2aClient;
use crate::error::A2aError;
use crate::limits;
use copilotkit_runtime::store::ThreadBlobs;
use copilotkit_runtime::{EventStream, Middleware, Next, RunContext};
use std::fmt;
use std::sync::Arc;

/// A middleware that lets the agent behind it ask remote A2A agents: it gives the agent a tool and instructions, carries the
/// calls of the tool out, all of one step at once, and lets the agent go on with the answers. To the page it is one run.
///
/// ```no_run
/// use copilotkit_a2a::{A2aClient, A2aOrchestrator};
///
/// let research = A2aClient::builder("http://127.0.0.1:9001").build()?;
/// let analysis = A2aClient::builder("http://127.0.0.1:9002").build()?;
/// let middleware = A2aOrchestrator::new([research.into(), analysis.into()])?.instructions("You plan journeys.");
/// # Ok::<(), copilotkit_a2a::A2aError>(())
/// ```
#[derive(Clone)]
pub struct A2aOrchestrator {
    inner: Arc<Inner>,
}

#[derive(Clone)]
struct Inner {
    members: Vec<Member>,
    instructions: String,
    placement: Placement,
    on_question: OnQuestion,
    max_rounds: u32,
    threads: Option<Arc<dyn ThreadBlobs>>,
}

/// A remote agent behind an orchestrator.
#[derive(Clone, Debug)]
pub struct Member {
    client: A2aClient,
    name: Option<String>,
}

impl Member {
    /// The agent under this name instead of the one on its card.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }
}

impl From<A2aClient> for Member {
    fn from(client: A2aClient) -> Self {
        Self { client, name: None }
    }
}

/// Where the instructions of an orchestrator stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Placement {
    /// In a system message behind those of the application, as the reference middleware has them.
    #[default]
    SystemMessage,
    /// In the context of the run, for agents that take no system messages from outside: ours do not.
    Context,
}

/// What becomes of a question of a remote agent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnQuestion {
    /// The run ends with an interrupt; the person's answer goes on in the same task.
    #[default]
    Interrupt,
    /// It is the answer to the call, and the orchestrator decides: calling the agent again goes on in the same task.
    Orchestrator,
}

impl A2aOrchestrator {
    /// A middleware with these agents. Their cards are fetched when the first run needs them.
    ///
    /// # Errors
    /// No agent, or too many.
    pub fn new(members: impl IntoIterator<Item = Member>) -> Result<Self, A2aError> {
        let members: Vec<Member> = members.into_iter().collect();
        if members.is_empty() || members.len() > limits::AGENTS {
            return Err(A2aError::Config(format!("an orchestrator has between 1 and {} agents", limits::AGENTS)));
        }
        Ok(Self {
            inner: Arc::new(Inner {
                members,
                instructions: String::new(),
                placement: Placement::default(),
                on_question: OnQuestion::default(),
                max_rounds: limits::ROUNDS,
                threads: None,
            }),
        })
    }

    fn with(mut self, change: impl FnOnce(&mut Inner)) -> Self {
        change(Arc::make_mut(&mut self.inner));
        self
    }

    /// What the application wants of the orchestrator; stands before the general instructions.
    #[must_use]
    pub fn instructions(self, text: impl Into<String>) -> Self {
        self.with(|inner| inner.instructions = text.into())
    }

    /// Where the instructions stand.
    #[must_use]
    pub fn placement(self, placement: Placement) -> Self {
        self.with(|inner| inner.placement = placement)
    }

    /// What becomes of a question of a remote agent.
    #[must_use]
    pub fn on_question(self, on_question: OnQuestion) -> Self {
        self.with(|inner| inner.on_question = on_question)
    }

    /// The most steps in which agents are asked, at least 1; default [`limits::ROUNDS`].
    #[must_use]
    pub fn max_rounds(self, rounds: u32) -> Self {
        self.with(|inner| inner.max_rounds = rounds.max(1))
    }

    /// Where the ids of conversations and tasks are kept with their threads.
    #[must_use]
    pub fn threads(self, threads: Arc<dyn ThreadBlobs>) -> Self {
        self.with(|inner| inner.threads = Some(threads))
    }
}

impl Middleware for A2aOrchestrator {
    fn run(&self, context: RunContext, next: Next) -> EventStream {
        Box::pin(run::events(Arc::clone(&self.inner), context, next))
    }
}

impl fmt::Debug for A2aOrchestrator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("A2aOrchestrator").field("members", &self.inner.members).finish_non_exhaustive()
    }
}
