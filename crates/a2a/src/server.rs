//! Our agents for others: each has a card and speaks A2A 1.0 over JSON-RPC and HTTP+JSON.
//!
//! A task is a run of the [`Lifecycle`](copilotkit_runtime::Lifecycle) and what goes on with it, a context is a thread.
//! Nothing is kept here: a task is read from the log of its thread, so that it is there after a restart, on every node,
//! and for its principal alone.

mod answer;
mod calls;
mod card;
mod fail;
mod id;
mod input;
mod list;
mod load;
mod question;
mod record;
mod rest;
mod route;
mod rpc;
mod version;
mod wait;

pub use card::{CardOptions, SkillOptions};

use crate::types::{Provider, SecurityScheme};
use crate::wire::{ErrorKind, ProtocolError};
use async_trait::async_trait;
use copilotkit_runtime::http::{Admitted, Body, Door, Mount};
use copilotkit_runtime::limits::{ID_MAX, JSON_DEPTH, KEEP_ALIVE};
use copilotkit_runtime::{Lifecycle, Registered};
use http::{Method as Verb, Response, StatusCode};
use route::{Place, Route};
use std::collections::BTreeMap;
use std::time::Duration;

/// What of AG-UI has no place in A2A travels under this extension, for clients that activate it.
///
/// A message may carry `state`, `context`, `tools` and `forwardedProps` in its metadata under this name, as they stand in
/// a RunAgentInput. Events that become nothing of A2A come as status updates with `{event}` in their metadata.
pub const AG_UI_EXTENSION: &str = "https://github.com/copilotkit-rs/copilotkit-runtime/a2a/ag-ui/v1";

/// What an [`A2aServer`] is made with.
#[derive(Clone, Debug)]
pub struct A2aServerOptions {
    /// Where the agents begin: `/a2a`, below which each has its id.
    pub path: String,
    /// Where others reach this server, as their addresses begin: `https://agents.example.com`. Without it cards name the
    /// host that they were asked of.
    pub url: Option<String>,
    /// The ids of the agents that are served, and the first one's card is that of the server. Empty: all of them, with
    /// `default` or else the first in front.
    pub agents: Vec<String>,
    /// What cards say besides what the agents say of themselves, by id.
    pub cards: BTreeMap<String, CardOptions>,
    /// Who runs the agents.
    pub provider: Option<Provider>,
    /// How clients prove who they are, for the cards; the surface does the proving.
    pub security: Option<SecurityScheme>,
    /// Silence after which a comment is sent on a stream; zero for never.
    pub keep_alive: Duration,
    /// The longest id that a client may choose, in bytes.
    pub id_max: usize,
    /// How deep arrays and objects in a body may be nested.
    pub json_depth: usize,
}

impl Default for A2aServerOptions {
    fn default() -> Self {
        Self {
            path: "/a2a".to_owned(),
            url: None,
            agents: Vec::new(),
            cards: BTreeMap::new(),
            provider: None,
            security: None,
            keep_alive: KEEP_ALIVE,
            id_max: ID_MAX,
            json_depth: JSON_DEPTH,
        }
    }
}

/// The agents of a surface over A2A.
///
/// ```
/// use copilotkit_a2a::server::{A2aServer, A2aServerOptions};
/// use copilotkit_runtime::http::SurfaceOptions;
///
/// let agents = A2aServer::new(A2aServerOptions::default());
/// let options = SurfaceOptions::default().with_mount(agents);
/// # let _ = options;
/// ```
#[derive(Clone, Debug)]
pub struct A2aServer {
    options: A2aServerOptions,
}

impl A2aServer {
    /// The server of these options.
    pub fn new(mut options: A2aServerOptions) -> Self {
        options.path = format!("/{}", options.path.trim_matches('/')).trim_end_matches('/').to_owned();
        options.url = options.url.map(|url| url.trim_end_matches('/').to_owned());
        Self { options }
    }

    /// The agent with this id, if it is served.
    fn agent(&self, lifecycle: &Lifecycle, id: &str) -> Option<Registered> {
        let listed = self.options.agents.is_empty() || self.options.agents.iter().any(|listed| listed == id);
        if listed { lifecycle.agents().get(id) } else { None }
    }

    /// The agent whose card is that of the server.
    fn first(&self, lifecycle: &Lifecycle) -> Option<Registered> {
        match self.options.agents.first() {
            Some(first) => lifecycle.agents().get(first),
            None => lifecycle.agents().get("default").or_else(|| lifecycle.agents().all().first().cloned()),
        }
    }
}

#[async_trait]
impl Mount for A2aServer {
    fn door(&self, path: &str) -> Option<Door> {
        let place = Place::of(&self.options.path, path)?;
        let params = place.agent_id.map(|id| ("agentId", id)).into_iter().collect();
        Some(Door { template: place.route.template(), params, open: matches!(place.route, Route::Card) })
    }

    async fn answer(&self, request: Admitted) -> Response<Body> {
        let Some(place) = Place::of(&self.options.path, request.parts.uri.path()) else {
            return fail::plain(StatusCode::NOT_FOUND, "There is nothing here.");
        };
        let agent = match &place.agent_id {
            Some(id) => self.agent(&request.lifecycle, id),
            None => self.first(&request.lifecycle),
        };
        let Some(agent) = agent else {
            return fail::plain(StatusCode::NOT_FOUND, "There is no such agent.");
        };
        let is_get = matches!(request.parts.method, Verb::GET | Verb::HEAD);
        match place.route {
            Route::Card if is_get => card::answer(&self.options, &agent, &request.parts),
            Route::Card => fail::plain(StatusCode::METHOD_NOT_ALLOWED, "The card is read by GET."),
            Route::Rpc if request.parts.method == Verb::POST => rpc::answer(&self.options, &agent, request).await,
            Route::Rpc => fail::plain(
                StatusCode::METHOD_NOT_ALLOWED,
                "JSON-RPC is spoken by POST. The card of this agent is at .well-known/agent-card.json below this address.",
            ),
            Route::Rest(what) => rest::answer(&self.options, &agent, what, request).await,
            Route::Unknown => {
                let error = ProtocolError::new(ErrorKind::MethodNotFound, "There is no such route of A2A 1.0.");
                answer::http_error(&fail::Failure::from(error))
            }
        }
    }
}
