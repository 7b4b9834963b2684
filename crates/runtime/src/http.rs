//! The HTTP surface that CopilotKit and AG-UI frontends talk to: REST and the single-route envelope over the same
//! handlers, as one tower service that fits into any axum application.

mod access;
mod answer;
pub mod auth;
mod body;
mod cors;
mod envelope;
mod handlers;
mod json;
pub mod probes;
#[cfg(feature = "protobuf")]
mod protobuf;
mod router;
pub mod server;
mod sse;

pub use access::HostPolicy;
pub use cors::{CorsError, CorsPolicy, Origins};
pub use envelope::{METHODS, MethodSpec};
pub use router::{ROUTES, Route, RouteId};

use crate::lifecycle::Lifecycle;
use crate::limits;
use crate::principal::Principal;
use answer::Refusal;
use axum::body::Body;
use futures::future::BoxFuture;
use http::{Request, Response};
use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

/// Which forms of the protocol a base path serves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// REST below the base path, the envelope by POST on the base path itself.
    #[default]
    Both,
    /// REST only.
    Multi,
    /// The envelope only.
    Single,
}

/// What a [`Surface`] is made with.
#[derive(Clone, Debug)]
pub struct SurfaceOptions {
    /// Where the routes begin: `/copilotkit`. `/` and the empty text match every path.
    pub base_paths: Vec<String>,
    /// Which forms are served.
    pub mode: Mode,
    /// Which origins' pages may use the server. Requests from others are refused.
    pub cors: CorsPolicy,
    /// How it is found out who asks; `None` lets everybody in as [`Principal::anonymous`].
    pub auth: Option<auth::Auth>,
    /// Which names the server answers to.
    pub hosts: HostPolicy,
    /// The largest request body, in bytes.
    pub body_max: usize,
    /// The most bytes of all bodies that are being read, in bytes; at least `body_max`.
    pub bodies_max: usize,
    /// How long a request's body may take as a whole.
    pub body_timeout: Duration,
    /// The longest thread, run or agent id, in bytes.
    pub id_max: usize,
    /// Silence after which a comment is sent; zero for never.
    pub keep_alive: Duration,
}

impl Default for SurfaceOptions {
    fn default() -> Self {
        Self {
            base_paths: vec!["/copilotkit".to_owned(), "/api/copilotkit".to_owned()],
            mode: Mode::Both,
            cors: CorsPolicy::default(),
            auth: None,
            hosts: HostPolicy::default(),
            body_max: limits::BODY_MAX,
            bodies_max: limits::BODIES_MAX,
            body_timeout: limits::BODY_TIMEOUT,
            id_max: limits::ID_MAX,
            keep_alive: limits::KEEP_ALIVE,
        }
    }
}

/// The runtime as a tower service.
///
/// ```no_run
/// # use copilotkit_runtime::{AgentRegistry, Lifecycle, LifecycleOptions, http::{Surface, SurfaceOptions}};
/// # use std::sync::Arc;
/// let lifecycle = Lifecycle::new(Arc::new(AgentRegistry::default()), LifecycleOptions::default());
/// let surface = Surface::new(lifecycle, SurfaceOptions::default());
/// let app: axum::Router = axum::Router::new().fallback_service(surface);
/// ```
#[derive(Clone)]
pub struct Surface(Arc<State>);

struct State {
    lifecycle: Lifecycle,
    options: SurfaceOptions,
    room: body::Room,
}

impl Surface {
    /// The surface of a lifecycle.
    pub fn new(lifecycle: Lifecycle, mut options: SurfaceOptions) -> Self {
        for base in &mut options.base_paths {
            *base = format!("/{}", base.trim_matches('/')).trim_end_matches('/').to_owned();
        }
        // Of `/a` and `/a/b` the longer one is meant by `/a/b/info`.
        options.base_paths.sort_by_key(|base| std::cmp::Reverse(base.len()));
        let room = body::Room::new(options.bodies_max, options.body_max);
        Self(Arc::new(State { lifecycle, options, room }))
    }

    /// The lifecycle behind it.
    pub fn lifecycle(&self) -> &Lifecycle {
        &self.0.lifecycle
    }

    /// Answers one request.
    pub async fn handle(&self, request: Request<Body>) -> Response<Body> {
        let (parts, body) = request.into_parts();
        let SurfaceOptions { cors, hosts, .. } = &self.0.options;
        let allowed = access::check(hosts, cors, &parts);
        if allowed.is_ok()
            && let Some(answer) = cors.preflight(&parts)
        {
            return answer;
        }
        let origin = parts.headers.get(http::header::ORIGIN).cloned();
        let (method, path) = (parts.method.clone(), parts.uri.path().to_owned());
        let answer = match allowed {
            Ok(()) => self.0.dispatch(parts, body).await,
            Err(refusal) => {
                // The browser hides this answer from the page's developer: here it can be found.
                tracing::warn!(%method, path, reason = refusal.code(), ?origin, "a request was refused");
                Err(refusal)
            }
        };
        let mut response = answer.unwrap_or_else(Refusal::into_response);
        tracing::debug!(%method, path, status = response.status().as_u16(), "a request was answered");
        cors.apply(origin.as_ref(), response.headers_mut());
        response
    }
}

impl State {
    async fn dispatch(&self, mut parts: http::request::Parts, body: Body) -> Result<Response<Body>, Refusal> {
        let options = &self.options;
        if router::below_base(&options.base_paths, parts.uri.path()).is_none() {
            return Err(Refusal::not_found());
        }
        // Before the route is looked for: below the base path there is nothing for those who are not known.
        let principal = match &options.auth {
            Some(auth) => auth.admit(&mut parts).await?,
            None => Principal::anonymous(),
        };
        parts.extensions.insert(principal);
        let rest = router::below_base(&options.base_paths, parts.uri.path()).unwrap_or_default();
        let enveloped = match options.mode {
            Mode::Single => true,
            Mode::Multi => false,
            Mode::Both => rest.is_empty() && parts.method == http::Method::POST,
        };
        if enveloped {
            return envelope::dispatch(self, &parts, body).await;
        }
        let Some((route, ids)) = router::find(rest) else {
            return envelope::mismatch(self, &parts, body).await;
        };
        if !route.allows(&parts.method) {
            return Err(Refusal::method_not_allowed(route.allow));
        }
        let names = route.suffix.iter().filter_map(|segment| segment.strip_prefix(':'));
        if let Some((name, _)) = names.zip(&ids).find(|(_, id)| id.len() > options.id_max) {
            return Err(Refusal::long_id(name, options.id_max));
        }
        handlers::dispatch(self, route.id, ids, &parts, handlers::Payload::Request(body)).await
    }
}

impl tower::Service<Request<Body>> for Surface {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let surface = self.clone();
        Box::pin(async move { Ok(surface.handle(request).await) })
    }
}
