//! The HTTP surface that CopilotKit and AG-UI frontends talk to: REST and the single-route envelope over the same
//! handlers, as one tower service that fits into any axum application.

mod access;
mod answer;
pub mod auth;
mod body;
mod cors;
mod envelope;
mod exchange;
mod factory;
mod handlers;
mod hooks;
mod json;
mod kept;
mod measured;
mod mount;
mod port;
pub mod probes;
#[cfg(feature = "protobuf")]
mod protobuf;
mod rate;
mod resume;
mod router;
pub mod server;
mod sse;

pub use access::HostPolicy;
pub use axum::body::Body;
pub use body::Received;
pub use cors::{CorsError, CorsPolicy, Origins};
pub use envelope::{METHODS, MethodSpec};
pub use factory::{AgentFactory, AgentsRequest};
pub use hooks::{Answered, Call, Failure, Halt, Hooks};
pub use measured::{MetricsAccess, with_metrics};
pub use mount::{Admitted, Door, Mount};
pub use router::{ROUTES, Route, RouteId};

use crate::lifecycle::Lifecycle;
use crate::limits;
use crate::logging;
use crate::principal::Principal;
use crate::seldom::Seldom;
use crate::transcribe::Transcriber;
use answer::Refusal;
use exchange::Exchange;
use futures::future::BoxFuture;
use http::header::X_CONTENT_TYPE_OPTIONS;
use http::{HeaderValue, Request, Response};
use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tracing::Instrument as _;

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
    /// How it is found out who asks; `None` lets everybody in, as the [`Principal`](crate::Principal) that a layer or a
    /// hook put into the request's extensions, or else as the one of an open server.
    pub auth: Option<auth::Auth>,
    /// Which names the server answers to.
    pub hosts: HostPolicy,
    /// The most requests of one principal in a minute; `None` for any number. Without authentication there is one
    /// principal.
    pub requests_per_minute: Option<u32>,
    /// The largest request body, in bytes.
    pub body_max: usize,
    /// The most bytes of all bodies that are being read, in bytes; at least `body_max`.
    pub bodies_max: usize,
    /// How long a request's body may take as a whole.
    pub body_timeout: Duration,
    /// The longest thread, run or agent id, in bytes.
    pub id_max: usize,
    /// How deep arrays and objects in a request's body may be nested; at most [`limits::JSON_DEPTH`] counts.
    pub json_depth: usize,
    /// Silence after which a comment is sent; zero for never.
    pub keep_alive: Duration,
    /// What turns recordings into text; pages show no microphone without.
    pub transcription: Option<Transcription>,
    /// What is called around each request.
    pub hooks: Option<Arc<dyn Hooks>>,
    /// What says which agents a request sees; without it those of the lifecycle.
    pub agents: Option<Arc<dyn AgentFactory>>,
    /// Routes of other protocols beside the base paths.
    pub mounts: Vec<Arc<dyn Mount>>,
    /// Whether the routes of memories say that nothing is remembered (422), or are not there (404).
    pub memory_routes: bool,
}

/// What turns recordings into text.
#[derive(Clone)]
pub struct Transcription {
    /// Who does it.
    pub service: Arc<dyn Transcriber>,
    /// How long one recording may take.
    pub timeout: Duration,
}

impl Transcription {
    /// A service with [`limits::TRANSCRIPTION`] for each recording.
    pub fn new(service: impl Transcriber) -> Self {
        Self { service: Arc::new(service), timeout: limits::TRANSCRIPTION }
    }
}

impl fmt::Debug for Transcription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transcription").field("timeout", &self.timeout).finish_non_exhaustive()
    }
}

impl Default for SurfaceOptions {
    fn default() -> Self {
        Self {
            base_paths: vec!["/copilotkit".to_owned(), "/api/copilotkit".to_owned()],
            mode: Mode::Both,
            cors: CorsPolicy::default(),
            auth: None,
            hosts: HostPolicy::default(),
            requests_per_minute: None,
            body_max: limits::BODY_MAX,
            bodies_max: limits::BODIES_MAX,
            body_timeout: limits::BODY_TIMEOUT,
            id_max: limits::ID_MAX,
            json_depth: limits::JSON_DEPTH,
            keep_alive: limits::KEEP_ALIVE,
            transcription: None,
            hooks: None,
            agents: None,
            mounts: Vec::new(),
            memory_routes: false,
        }
    }
}

impl SurfaceOptions {
    /// With hooks around each request.
    #[must_use]
    pub fn with_hooks(self, hooks: impl Hooks) -> Self {
        Self { hooks: Some(Arc::new(hooks)), ..self }
    }

    /// With agents that are chosen for each request.
    #[must_use]
    pub fn with_agents(self, agents: impl AgentFactory) -> Self {
        Self { agents: Some(Arc::new(agents)), ..self }
    }

    /// With routes of another protocol.
    #[must_use]
    pub fn with_mount(mut self, mount: impl Mount) -> Self {
        self.mounts.push(Arc::new(mount));
        self
    }

    /// With a service for recordings.
    #[must_use]
    pub fn with_transcriber(self, service: impl Transcriber) -> Self {
        Self { transcription: Some(Transcription::new(service)), ..self }
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

/// The least time between two lines about those that ask too much.
const REFUSALS: Duration = Duration::from_secs(1);

struct State {
    lifecycle: Lifecycle,
    options: SurfaceOptions,
    room: body::Room,
    rate: Option<rate::Rate>,
    /// For the lines about those that ask too much.
    refusals: Seldom,
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
        let rate = options.requests_per_minute.map(rate::Rate::new);
        Self(Arc::new(State { lifecycle, options, room, rate, refusals: Seldom::every(REFUSALS) }))
    }

    /// The lifecycle behind it.
    pub fn lifecycle(&self) -> &Lifecycle {
        &self.0.lifecycle
    }

    /// Who asks, for a route of a program's own that stands beside those of the surface: it is for the same names and
    /// origins, wants the same credentials and counts against the same rate.
    ///
    /// # Errors
    /// The answer to a request that is refused.
    pub async fn admit(&self, parts: &mut http::request::Parts) -> Result<Principal, Response<Body>> {
        let SurfaceOptions { cors, hosts, .. } = &self.0.options;
        let admitted = match access::check(hosts, cors, parts) {
            Ok(()) => self.0.admit(parts).await,
            Err(refusal) => Err(refusal),
        };
        admitted.map_err(|refusal| {
            self.0.count(&refusal);
            refusal.into_response()
        })
    }

    /// Answers one request.
    pub async fn handle(&self, request: Request<Body>) -> Response<Body> {
        let (mut parts, body) = request.into_parts();
        let is_head = parts.method == http::Method::HEAD;
        let exchange = Exchange::begin(&self.0.lifecycle, &parts);
        parts.extensions.insert(exchange.clone());
        let mut response = self.answer(parts, body).instrument(exchange.span().clone()).await;
        exchange.answered(response.status());
        response.headers_mut().insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        if is_head { answer::head_only(response) } else { response }
    }

    async fn answer(&self, mut parts: http::request::Parts, body: Body) -> Response<Body> {
        let began = Instant::now();
        let SurfaceOptions { cors, hosts, .. } = &self.0.options;
        let allowed = access::check(hosts, cors, &parts);
        if allowed.is_ok()
            && let Some(answer) = cors.preflight(&parts)
        {
            return answer;
        }
        let origin = parts.headers.get(http::header::ORIGIN).cloned();
        let (method, path) = (parts.method.clone(), parts.uri.path().to_owned());
        let mut response = match allowed {
            Ok(()) => hooks::answer(&self.0, &mut parts, body).await,
            Err(refusal) => {
                // The browser hides this answer from the page's developer: here it can be found.
                let (host, origin) = (access::host(&parts), origin.as_ref().and_then(|origin| origin.to_str().ok()));
                tracing::warn!(%method, path, code = refusal.code(), host, origin, "a request was refused");
                self.0.count(&refusal);
                refusal.into_response()
            }
        };
        let (status, latency_ms) = (response.status().as_u16(), logging::millis(began.elapsed()));
        tracing::debug!(%method, path, status, latency_ms, "a request was answered");
        cors.apply(origin.as_ref(), response.headers_mut());
        response
    }
}

impl State {
    /// Counts a request that is refused.
    fn count(&self, refusal: &Refusal) {
        if let Some(code) = refusal.uncounted() {
            self.lifecycle.counters().count(code);
        }
    }

    /// No route, in words that lead to one.
    fn not_found(&self, parts: &http::request::Parts) -> Refusal {
        let bases = &self.options.base_paths;
        if router::below_base(bases, parts.uri.path()).is_some_and(str::is_empty) {
            let hint = "This is the runtime: pages are given this address as runtimeUrl. GET /info below it says what there is.";
            return Refusal::not_found(hint);
        }
        if router::below_base(bases, parts.uri.path()).is_none() {
            let bases: Vec<String> = bases.iter().map(|base| format!("{base}/")).collect();
            return Refusal::not_found(&format!("The routes of this server begin with {}.", bases.join(" or ")));
        }
        let routes: Vec<String> = ROUTES.iter().map(Route::shown).collect();
        Refusal::not_found(&format!("Below the base path there are: {}.", routes.join(", ")))
    }

    /// Finds out who asks, and whether they ask too often. What a layer or a hook found out holds where nothing is
    /// configured.
    async fn admit(&self, parts: &mut http::request::Parts) -> Result<Principal, Refusal> {
        if let Some(auth) = &self.options.auth {
            let principal = auth.admit(parts).await?;
            parts.extensions.insert(principal);
        }
        let principal = handlers::principal(parts);
        if let Some(rate) = &self.rate {
            rate.take(&principal)?;
        }
        Ok(principal)
    }

    async fn dispatch(&self, parts: &mut http::request::Parts, body: Body) -> Result<Response<Body>, Refusal> {
        let options = &self.options;
        if let Some(found) = mount::find(self, parts.uri.path()) {
            return mount::answer(self, found, parts, body).await;
        }
        if router::below_base(&options.base_paths, parts.uri.path()).is_none() {
            return Err(self.not_found(parts));
        }
        // Before the route is looked for: below the base path there is nothing for those who are not known.
        self.admit(parts).await?;
        body::plain(parts)?;
        let rest = router::below_base(&options.base_paths, parts.uri.path()).unwrap_or_default();
        let enveloped = match options.mode {
            Mode::Single => true,
            Mode::Multi => false,
            Mode::Both => rest.is_empty() && parts.method == http::Method::POST,
        };
        if enveloped {
            return envelope::dispatch(self, parts, body).await;
        }
        let Some((route, ids)) = router::find(rest) else {
            return envelope::mismatch(self, parts, body).await;
        };
        route.admit(&parts.method, &ids, options)?;
        let call = Call::of_rest(route, &ids);
        handlers::dispatch(self, call, ids, parts, handlers::Payload::Request(body)).await
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
