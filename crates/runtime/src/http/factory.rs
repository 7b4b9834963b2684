//! Agents that are chosen for each request.

use super::State;
use super::answer::Refusal;
use super::handlers::principal;
use crate::agent::AgentError;
use crate::lifecycle::Lifecycle;
use crate::limits;
use crate::principal::Principal;
use crate::registry::{AgentRegistry, Registered};
use async_trait::async_trait;
use http::request::Parts;
use http::{HeaderMap, StatusCode};
use serde_json::json;
use std::fmt;
use std::sync::Arc;
use tokio::time::timeout;

/// Says which agents a request sees, in place of those of the [`Lifecycle`]. Every function of the right shape is one.
///
/// It is asked for every request that names an agent and for `/info`, so it should be quick: keep agents, and give out
/// clones of their [`Registered`]. It may take [`limits::HOOK`].
///
/// ```
/// use copilotkit_runtime::http::{AgentsRequest, SurfaceOptions};
/// use copilotkit_runtime::{AgentError, Registered};
/// # use copilotkit_runtime::{Agent, RunContext, agent::EventStream};
/// # #[derive(Clone)] struct Support;
/// # impl Agent for Support { fn run(&self, _: RunContext) -> EventStream { Box::pin(futures::stream::empty()) } }
///
/// let support = Registered::new("support", Support);
/// let options = SurfaceOptions::default().with_agents(move |request: AgentsRequest| {
///     let support = support.clone();
///     async move {
///         match request.headers.get("x-tenant").and_then(|value| value.to_str().ok()) {
///             Some("acme") => Ok(vec![support]),
///             Some(_) => Err(AgentError::new("unknown_tenant", "There is no such tenant.")),
///             None => Ok(Vec::new()),
///         }
///     }
/// });
/// # let _ = options;
/// ```
#[async_trait]
pub trait AgentFactory: Send + Sync + 'static {
    /// The agents, in the order in which they are shown.
    ///
    /// # Errors
    /// When they cannot be found out: a 500 with the error's message, which users see.
    async fn agents(&self, request: AgentsRequest) -> Result<Vec<Registered>, AgentError>;
}

/// Who asks for agents.
#[derive(Clone, Debug)]
pub struct AgentsRequest {
    /// The headers of the request.
    pub headers: HeaderMap,
    /// Who asks.
    pub principal: Principal,
}

#[async_trait]
impl<F, R> AgentFactory for F
where
    F: Fn(AgentsRequest) -> R + Send + Sync + 'static,
    R: Future<Output = Result<Vec<Registered>, AgentError>> + Send,
{
    async fn agents(&self, request: AgentsRequest) -> Result<Vec<Registered>, AgentError> {
        self(request).await
    }
}

impl State {
    /// The lifecycle with the agents of this request; `title` says what cannot be done without them.
    pub(super) async fn lifecycle(&self, parts: &Parts, title: &str) -> Result<Lifecycle, Refusal> {
        let Some(factory) = &self.options.agents else { return Ok(self.lifecycle.clone()) };
        let request = AgentsRequest { headers: parts.headers.clone(), principal: principal(parts) };
        let agents = timeout(limits::HOOK, factory.agents(request)).await.unwrap_or_else(|_| {
            Err(AgentError::new("agents_timeout", "The agents of this request could not be found out in time."))
        });
        let agents = agents.map_err(|error| {
            let body = json!({ "error": title, "message": error.message });
            Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, body).because(error.code, error.message)
        })?;
        Ok(self.lifecycle.with_agents(Arc::new(AgentRegistry::new(agents))))
    }
}

impl fmt::Debug for dyn AgentFactory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AgentFactory")
    }
}
