//! The agents that a server offers; replaced as a whole, so that a run keeps the agent that it began with.

use crate::agent::Agent;
use crate::middleware::{Feature, Middleware, Next};
use copilotkit_protocol::RunAgentInput;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

/// An agent under its id, with what stands in front of it.
#[derive(Clone)]
pub struct Registered {
    /// The id in `/agent/:id/run`.
    pub id: Arc<str>,
    /// The agent.
    pub agent: Arc<dyn Agent>,
    /// What stands in front of it, outermost first.
    pub middlewares: Arc<[Arc<dyn Middleware>]>,
}

impl Registered {
    /// An agent with nothing in front of it.
    pub fn new(id: impl Into<Arc<str>>, agent: impl Agent) -> Self {
        Self { id: id.into(), agent: Arc::new(agent), middlewares: Arc::new([]) }
    }

    /// With a middleware behind those that stand in front of it already.
    #[must_use]
    pub fn with(self, middleware: impl Middleware) -> Self {
        let one: Arc<dyn Middleware> = Arc::new(middleware);
        Self { middlewares: self.middlewares.iter().cloned().chain([one]).collect(), ..self }
    }

    /// With a middleware before those that stand in front of it already.
    #[must_use]
    pub fn behind(self, middleware: impl Middleware) -> Self {
        let one: Arc<dyn Middleware> = Arc::new(middleware);
        Self { middlewares: [one].into_iter().chain(self.middlewares.iter().cloned()).collect(), ..self }
    }

    /// Whether a middleware makes this of it.
    pub fn has(&self, feature: Feature) -> bool {
        self.middlewares.iter().any(|middleware| middleware.feature() == Some(feature))
    }

    /// The agent with only its guards in front of it.
    pub(crate) fn alone(&self) -> Next {
        let guards = self.middlewares.iter().filter(|middleware| middleware.is_guard()).cloned();
        Next::new(guards.collect(), self.agent.clone())
    }

    /// Those middlewares that answer a run in the agent's place, behind its guards wherever these stand; `None` when the
    /// agent is to be asked.
    pub(crate) fn beside(&self, input: &RunAgentInput) -> Option<Next> {
        let (guards, others): (Vec<_>, Vec<_>) =
            self.middlewares.iter().cloned().partition(|middleware| middleware.is_guard());
        let answering: Vec<_> = others.into_iter().filter(|middleware| middleware.answers(input)).collect();
        let chain = guards.into_iter().chain(answering.iter().cloned()).collect();
        (!answering.is_empty()).then(|| Next::new(chain, self.agent.clone()))
    }

    /// The chain that a run goes through.
    pub(crate) fn chain(&self) -> Next {
        Next::new(self.middlewares.clone(), self.agent.clone())
    }
}

impl fmt::Debug for Registered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registered").field("id", &self.id).finish_non_exhaustive()
    }
}

/// The agents by id, in the order in which they are shown.
#[derive(Debug, Default)]
pub struct AgentRegistry(RwLock<Arc<[Registered]>>);

impl AgentRegistry {
    /// A registry of these agents.
    pub fn new(agents: impl IntoIterator<Item = Registered>) -> Self {
        Self(RwLock::new(agents.into_iter().collect()))
    }

    /// Puts these agents in the place of all that were there. Runs that began go on with what they began with.
    pub fn replace(&self, agents: impl IntoIterator<Item = Registered>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = agents.into_iter().collect();
    }

    /// All agents.
    pub fn all(&self) -> Arc<[Registered]> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The agent under `id`.
    pub fn get(&self, id: &str) -> Option<Registered> {
        self.all().iter().find(|registered| *registered.id == *id).cloned()
    }
}
