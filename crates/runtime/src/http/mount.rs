//! Routes beside the base paths: another protocol over the same agents, behind the same guards.

use super::answer::Refusal;
use super::body::{self, Received};
use super::exchange::Exchange;
use super::handlers::{copied, principal};
use super::hooks::{self, Call};
use super::kept::Kept;
use super::{State, router};
use crate::lifecycle::Lifecycle;
use crate::principal::Principal;
use async_trait::async_trait;
use axum::body::Body;
use http::request::Parts;
use http::{HeaderMap, Response};
use std::fmt;
use std::sync::Arc;

/// A protocol with routes of its own, next to those below the base paths. Whatever guards those guards these: foreign
/// pages and names are refused, it is found out who asks, bodies and rates are bounded, hooks are called, and a panic is a
/// 500.
///
/// ```
/// use async_trait::async_trait;
/// use copilotkit_runtime::http::{Admitted, Body, Door, Mount, SurfaceOptions};
/// use http::Response;
///
/// struct Agents;
///
/// #[async_trait]
/// impl Mount for Agents {
///     fn door(&self, path: &str) -> Option<Door> {
///         (path == "/agents").then(|| Door::new("/agents"))
///     }
///
///     async fn answer(&self, request: Admitted) -> Response<Body> {
///         let agents = request.lifecycle.agents().all();
///         Response::new(Body::from(format!("{} has {} agents", request.principal, agents.len())))
///     }
/// }
///
/// let options = SurfaceOptions::default().with_mount(Agents);
/// # let _ = options;
/// ```
#[async_trait]
pub trait Mount: Send + Sync + 'static {
    /// What is known of a path of it without looking further; `None` for one that belongs to others. Paths of a mount go
    /// before those below the base paths.
    fn door(&self, path: &str) -> Option<Door>;

    /// Answers a request that was let in.
    async fn answer(&self, request: Admitted) -> Response<Body>;
}

/// What must be known of a route before anybody is let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Door {
    /// The path with names in the place of its ids, for metrics and traces: `/a2a/{agentId}`.
    pub template: &'static str,
    /// The ids in the path, by name: hooks see them.
    pub params: Vec<(&'static str, String)>,
    /// True: it is for everybody, also where authentication is on.
    pub open: bool,
}

impl Door {
    /// A door for those who are known.
    pub fn new(template: &'static str) -> Self {
        Self { template, params: Vec::new(), open: false }
    }
}

/// A request that was let in.
pub struct Admitted {
    /// Its head.
    pub parts: Parts,
    /// Its body, whole.
    pub body: Received,
    /// The lifecycle, with the agents of this request.
    pub lifecycle: Lifecycle,
    /// Who asks; the one principal of an open server at an open door.
    pub principal: Principal,
}

impl Admitted {
    /// The headers for a run that is started: in memory of their own, since they may live long. What proved who asks is
    /// marked, so that no agent is handed it.
    pub fn run_headers(&self) -> Arc<HeaderMap> {
        Arc::new(copied(&self.parts.headers))
    }
}

/// The mount that a path belongs to.
pub(super) fn find<'a>(state: &'a State, path: &str) -> Option<(&'a dyn Mount, Door)> {
    state.options.mounts.iter().find_map(|mount| Some((&**mount, mount.door(path)?)))
}

/// Lets a request in, or not.
pub(super) async fn answer(
    state: &State,
    (mount, door): (&dyn Mount, Door),
    parts: &mut Parts,
    body: Body,
) -> Result<Response<Body>, Refusal> {
    let exchange = parts.extensions.get::<Exchange>().cloned();
    if let Some(exchange) = &exchange {
        exchange.named(door.template.to_owned());
    }
    if !door.open {
        state.admit(parts).await?;
    }
    let call = Call::of_mount(router::RouteId::Mounted, door.params);
    if let Some(answer) = hooks::before_handler(state, call, parts).await? {
        return Ok(answer);
    }
    let body = body::read(state, body).await?;
    let lifecycle = state.lifecycle(parts, "Failed to run agent").await?;
    let request = Admitted { parts: parts.clone(), body, lifecycle, principal: principal(parts) };
    let response = mount.answer(request).await;
    // It is measured until it was sent or given up.
    Ok(response.map(|body| Body::new(Kept { body, _thing: exchange })))
}

impl fmt::Debug for dyn Mount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mount")
    }
}
