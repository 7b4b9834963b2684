//! What stands between the lifecycle and an agent.

#[cfg(feature = "lifecycle")]
pub mod a2ui;
#[cfg(feature = "lifecycle")]
mod arguments;
mod filter;
#[cfg(feature = "lifecycle")]
pub mod generative_ui;

pub use filter::{Blocked, Filter, FilterMiddleware, Said, SaidKind};

use crate::agent::{Agent, EventStream, RunContext};
use copilotkit_protocol::RunAgentInput;
use std::sync::Arc;

/// Changes a run: its input, its events, or whether and how often the agent runs at all.
pub trait Middleware: Send + Sync + 'static {
    /// Runs the rest of the chain by `next.run(context)`, any number of times, and returns the events of the run.
    fn run(&self, context: RunContext, next: Next) -> EventStream;

    /// True when it guards the agent, so that it must also stand in front of runs that leave no trace. Frontends ask for
    /// suggestions in such runs, and other middlewares have no part in them.
    fn is_guard(&self) -> bool {
        false
    }

    /// True when it answers this run by itself, in the agent's place. Such a run belongs to whoever waits for it and to
    /// no thread: it takes no lease, leaves no trace in a history, and ends with its reader.
    fn answers(&self, input: &RunAgentInput) -> bool {
        let _ = input;
        false
    }

    /// What it makes of an agent that pages must know of before they ask it: `/info` says so.
    fn feature(&self) -> Option<Feature> {
        None
    }
}

/// Something that pages must know of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Feature {
    /// The agent draws surfaces: A2UI.
    A2ui,
    /// The agent makes pages of its own: open generative UI.
    OpenGenerativeUi,
}

/// The rest of a chain: the remaining middlewares and the agent.
#[derive(Clone)]
pub struct Next {
    chain: Arc<[Arc<dyn Middleware>]>,
    position: usize,
    agent: Arc<dyn Agent>,
}

impl Next {
    /// A chain of middlewares, outermost first, around an agent.
    pub fn new(chain: Arc<[Arc<dyn Middleware>]>, agent: Arc<dyn Agent>) -> Self {
        Self { chain, position: 0, agent }
    }

    /// Runs the rest of the chain.
    pub fn run(self, context: RunContext) -> EventStream {
        match self.chain.get(self.position).cloned() {
            Some(middleware) => middleware.run(context, Self { position: self.position + 1, ..self }),
            None => self.agent.run(context),
        }
    }
}
