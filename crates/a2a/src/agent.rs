//! One remote A2A agent as an AG-UI agent.

mod project;
mod run;

pub(crate) use project::TASK_ACTIVITY;

use crate::client::A2aClient;
use async_trait::async_trait;
use copilotkit_protocol::{AgentCapabilities, HumanInTheLoopCapabilities, IdentityCapabilities, TransportCapabilities};
use copilotkit_runtime::store::ThreadBlobs;
use copilotkit_runtime::{Agent, AgentError, EventStream, RunContext};
use std::fmt;
use std::sync::Arc;

/// A remote A2A agent, which pages talk to as to any other.
///
/// What it says becomes messages, what it makes becomes messages and activities `a2a-artifact`, its surfaces are drawn.
/// A question of its becomes an interrupt; the answer, or the next message of the thread, goes on in the same task. Stopping
/// the run cancels the task.
///
/// ```no_run
/// use copilotkit_a2a::{A2aAgent, A2aClient};
/// use copilotkit_runtime::store::MemoryStore;
/// use std::sync::Arc;
///
/// let client = A2aClient::builder("http://127.0.0.1:9001").build()?;
/// let agent = A2aAgent::new(client).threads(Arc::new(MemoryStore::default()));
/// # Ok::<(), copilotkit_a2a::A2aError>(())
/// ```
#[derive(Clone)]
pub struct A2aAgent {
    client: A2aClient,
    threads: Option<Arc<dyn ThreadBlobs>>,
    description: String,
}

impl A2aAgent {
    /// The agent behind this client.
    pub fn new(client: A2aClient) -> Self {
        Self { client, threads: None, description: String::new() }
    }

    /// Where the ids of conversations and tasks are kept with their threads. Without it every run is a new conversation for
    /// the agent, and its questions cannot be answered.
    #[must_use]
    pub fn threads(mut self, threads: Arc<dyn ThreadBlobs>) -> Self {
        self.threads = Some(threads);
        self
    }

    /// What it does, for people. Its card says so too, but is not asked for the list of agents.
    #[must_use]
    pub fn description(mut self, text: impl Into<String>) -> Self {
        self.description = text.into();
        self
    }
}

#[async_trait]
impl Agent for A2aAgent {
    fn run(&self, context: RunContext) -> EventStream {
        Box::pin(run::events(self.clone(), context))
    }

    fn description(&self) -> &str {
        &self.description
    }

    fn kind(&self) -> &'static str {
        "A2AAgent"
    }

    /// What the card says, once it was fetched: nobody waits for a remote agent to see the list of agents.
    async fn capabilities(&self) -> Result<Option<AgentCapabilities>, AgentError> {
        let Some(known) = self.client.kept_card() else { return Ok(None) };
        let line = |text: &str| Some(crate::guard::clean_line(text, 1_000)).filter(|text| !text.is_empty());
        Ok(Some(AgentCapabilities {
            identity: Some(IdentityCapabilities {
                name: line(&known.card.name),
                kind: Some("a2a".to_owned()),
                description: line(&known.card.description),
                version: line(&known.card.version),
                ..Default::default()
            }),
            transport: Some(TransportCapabilities { streaming: Some(known.streams()), ..Default::default() }),
            human_in_the_loop: Some(HumanInTheLoopCapabilities {
                supported: Some(true),
                interrupts: Some(true),
                ..Default::default()
            }),
            ..Default::default()
        }))
    }
}

impl fmt::Debug for A2aAgent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("A2aAgent").field("client", &self.client).finish_non_exhaustive()
    }
}
