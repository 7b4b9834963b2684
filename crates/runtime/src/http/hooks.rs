//! What a server that embeds the surface does around each request, with what only the surface knows: which route a request
//! means, also in an envelope, and what failed.
//!
//! For anything that needs neither, put a layer around the router.

use super::State;
use super::answer::Refusal;
use super::handlers;
use super::router::{Route, RouteId};
use crate::limits;
use async_trait::async_trait;
use axum::body::Body;
use axum::response::IntoResponse;
use futures::FutureExt as _;
use http::header::{
    CACHE_CONTROL, CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, TRAILER, TRANSFER_ENCODING, UPGRADE,
};
use http::request::Parts;
use http::{HeaderMap, HeaderName, Method, Response, StatusCode};
use std::error::Error;
use std::fmt;
use std::panic::AssertUnwindSafe;
use tokio::time::timeout;

/// Called around every request that is not refused for its origin or host, and is no preflight.
///
/// Each call may take [`limits::HOOK`]. One that panics or takes longer is a 500, and the connection lives on.
///
/// ```
/// use async_trait::async_trait;
/// use axum::http::{StatusCode, request::Parts};
/// use copilotkit_runtime::Principal;
/// use copilotkit_runtime::http::{Answered, Call, Failure, Halt, Hooks, RouteId};
///
/// struct Company;
///
/// #[async_trait]
/// impl Hooks for Company {
///     /// Finds out who asks. Threads belong to the principal that is put here.
///     async fn before(&self, request: &mut Parts) -> Result<(), Halt> {
///         let token = request.headers.get("authorization").and_then(|value| value.to_str().ok());
///         let user = match token {
///             Some("Bearer of-alice") => "alice",
///             _ => return Err(Halt::answer((StatusCode::UNAUTHORIZED, "Who are you?"))),
///         };
///         request.extensions.insert(Principal::new(user));
///         Ok(())
///     }
///
///     /// Decides by the route, which is the same over REST and in an envelope.
///     async fn before_handler(&self, call: &Call, _: &mut Parts) -> Result<(), Halt> {
///         match (call.route, call.param("agentId")) {
///             (RouteId::Run, Some("payroll")) => Err(Halt::answer(StatusCode::FORBIDDEN)),
///             _ => Ok(()),
///         }
///     }
///
///     async fn after(&self, _: Option<&Call>, answer: &mut Answered) {
///         answer.headers_mut().insert("x-served-by", "company".parse().expect("a valid value"));
///     }
///
///     /// Tells whoever watches the server.
///     async fn on_error(&self, failure: &Failure) -> Option<axum::response::Response> {
///         eprintln!("{} {} failed: {}", failure.method, failure.path, failure.code);
///         None
///     }
/// }
///
/// let options = copilotkit_runtime::http::SurfaceOptions::default().with_hooks(Company);
/// # let _ = options;
/// ```
#[async_trait]
pub trait Hooks: Send + Sync + 'static {
    /// Before the request is looked at. May change its headers, put a [`Principal`](crate::Principal) into its extensions,
    /// or answer it.
    ///
    /// # Errors
    /// [`Halt::answer`] answers; any error is a 500 and goes to [`on_error`](Self::on_error).
    async fn before(&self, request: &mut Parts) -> Result<(), Halt> {
        let _ = request;
        Ok(())
    }

    /// When the route is known, in front of its handler. `request` is that of the envelope where there is one.
    ///
    /// # Errors
    /// As [`before`](Self::before).
    async fn before_handler(&self, call: &Call, request: &mut Parts) -> Result<(), Halt> {
        let _ = (call, request);
        Ok(())
    }

    /// Before an answer is sent: may change its headers. Not called for an answer of [`on_error`](Self::on_error).
    async fn after(&self, call: Option<&Call>, answer: &mut Answered) {
        let _ = (call, answer);
    }

    /// Something failed that is not the request's fault. May answer in place of the error.
    async fn on_error(&self, failure: &Failure) -> Option<Response<Body>> {
        let _ = failure;
        None
    }
}

/// The route that a request means, and the ids in its path or envelope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The route.
    pub route: RouteId,
    params: Vec<(&'static str, String)>,
}

impl Call {
    pub(super) fn of_rest(route: &'static Route, ids: &[String]) -> Self {
        let names = route.suffix.iter().filter_map(|segment| segment.strip_prefix(':'));
        Self { route: route.id, params: names.zip(ids.iter().cloned()).collect() }
    }

    pub(super) fn of_envelope(route: RouteId, names: &'static [&'static str], ids: &[String]) -> Self {
        Self { route, params: names.iter().copied().zip(ids.iter().cloned()).collect() }
    }

    pub(super) fn of_mount(route: RouteId, params: Vec<(&'static str, String)>) -> Self {
        Self { route, params }
    }

    /// An id: `agentId`, `threadId`.
    pub fn param(&self, name: &str) -> Option<&str> {
        self.params.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
    }
}

/// Why a hook lets a request go no further.
#[derive(Debug)]
pub struct Halt(Reason);

#[derive(Debug)]
enum Reason {
    Answer(Box<Response<Body>>),
    Failed(Box<dyn Error + Send + Sync>),
}

impl Halt {
    /// Answers the request.
    pub fn answer(answer: impl IntoResponse) -> Self {
        Self(Reason::Answer(Box::new(answer.into_response())))
    }

    /// The answer, or the failure that it is.
    pub(super) fn into_answer(self) -> Result<Response<Body>, Refusal> {
        match self.0 {
            Reason::Answer(answer) => Ok(unframed(*answer)),
            Reason::Failed(error) => Err(Refusal::internal("hook_failed", error.to_string())),
        }
    }
}

/// A hook fails with any error, or with a text.
impl<E: Into<Box<dyn Error + Send + Sync>>> From<E> for Halt {
    fn from(error: E) -> Self {
        Self(Reason::Failed(error.into()))
    }
}

/// The head of an answer. Its body, and the headers that say how the body is read, are not the hook's to change.
#[derive(Clone, Debug)]
pub struct Answered {
    status: StatusCode,
    headers: HeaderMap,
    stream: bool,
}

impl Answered {
    /// The status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// Whether the body is a stream of events.
    pub fn is_stream(&self) -> bool {
        self.stream
    }

    /// The headers.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The headers. Whatever becomes of those that frame the body, they are sent as they were.
    pub fn headers_mut(&mut self) -> &mut HeaderMap {
        &mut self.headers
    }
}

/// Something that failed on the server's side. It holds no header and no body of the request.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Failure {
    /// The request's method.
    pub method: Method,
    /// The request's path, without its query.
    pub path: String,
    /// The route, if the request came so far.
    pub call: Option<Call>,
    /// The status that is answered.
    pub status: StatusCode,
    /// Stable, snake case: `hook_failed`, `hook_timeout`, `panic`, `store_unavailable` …
    pub code: String,
    /// What happened, for people who look after the server.
    pub message: String,
}

/// They belong to the body and to the connection.
const FRAMING: [HeaderName; 7] =
    [CONTENT_TYPE, CONTENT_LENGTH, CONTENT_ENCODING, TRANSFER_ENCODING, CONNECTION, TRAILER, UPGRADE];
/// They keep events from being held back on their way.
const FLOW: [HeaderName; 2] = [CACHE_CONTROL, BUFFERING];
/// Streams have it, and nothing else.
const BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// An answer of a hook without what the connection sets itself: a length that is wrong would break the connection.
fn unframed(mut answer: Response<Body>) -> Response<Body> {
    for name in [CONTENT_LENGTH, TRANSFER_ENCODING, CONNECTION, TRAILER, UPGRADE] {
        answer.headers_mut().remove(name);
    }
    answer
}

/// Answers a request with everything around it. Nothing in it can end the connection by a panic.
pub(super) async fn answer(state: &State, parts: &mut Parts, body: Body) -> Response<Body> {
    let hooks = state.options.hooks.as_deref();
    let answered = fence(async {
        if let Some(hooks) = hooks
            && let Err(halt) = bounded(hooks.before(parts)).await?
        {
            return halt.into_answer();
        }
        state.dispatch(parts, body).await
    });
    let answered = answered.await;
    let mut response = match answered {
        Ok(response) => response,
        Err(refusal) => {
            state.count(&refusal);
            if matches!(refusal.status(), StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE)
                && let Some(left_out) = state.refusals.due()
            {
                let (method, path, code) = (&parts.method, parts.uri.path(), refusal.code());
                let principal = handlers::principal(parts);
                tracing::warn!(%method, path, code, %principal, left_out, "a request was refused");
            }
            match failed(hooks, parts, &refusal).await {
                Some(answer) => return answer,
                None => refusal.into_response(),
            }
        }
    };
    if let Some(hooks) = hooks
        && let Err(refusal) = fence(after(hooks, parts.extensions.get(), &mut response)).await
    {
        state.count(&refusal);
        return failed(Some(hooks), parts, &refusal).await.unwrap_or_else(|| refusal.into_response());
    }
    response
}

/// The route is known: tells the hooks, and keeps it for what comes after the handler.
pub(super) async fn before_handler(
    state: &State,
    call: Call,
    parts: &mut Parts,
) -> Result<Option<Response<Body>>, Refusal> {
    let Some(hooks) = state.options.hooks.as_deref() else { return Ok(None) };
    parts.extensions.insert(call.clone());
    match bounded(hooks.before_handler(&call, parts)).await? {
        Ok(()) => Ok(None),
        Err(halt) => halt.into_answer().map(Some),
    }
}

async fn after(hooks: &dyn Hooks, call: Option<&Call>, response: &mut Response<Body>) -> Result<(), Refusal> {
    let stream = response.headers().contains_key(BUFFERING);
    let mut answer = Answered { status: response.status(), headers: response.headers().clone(), stream };
    bounded(hooks.after(call, &mut answer)).await?;
    for name in FRAMING.iter().chain(FLOW.iter().filter(|_| stream)) {
        answer.headers.remove(name);
        for value in response.headers().get_all(name) {
            answer.headers.append(name.clone(), value.clone());
        }
    }
    *response.headers_mut() = answer.headers;
    Ok(())
}

/// Tells the hooks about a failure; their answer, if they give one.
async fn failed(hooks: Option<&dyn Hooks>, parts: &Parts, refusal: &Refusal) -> Option<Response<Body>> {
    let (code, message) = refusal.failure()?;
    let (method, path) = (&parts.method, parts.uri.path());
    if refusal.is_silent() {
        tracing::error!(%method, path, code, error = message, "a request failed");
    }
    let hooks = hooks?;
    let failure = Failure {
        method: method.clone(),
        path: path.to_owned(),
        call: parts.extensions.get().cloned(),
        status: refusal.status(),
        code: code.to_owned(),
        message: message.to_owned(),
    };
    let told = fence(bounded(hooks.on_error(&failure))).await;
    told.unwrap_or_else(|error| {
        tracing::error!(code = error.code(), "the hook for errors failed itself");
        None
    })
    .map(unframed)
}

/// A hook's call, ended when it takes too long.
async fn bounded<T>(call: impl Future<Output = T>) -> Result<T, Refusal> {
    timeout(limits::HOOK, call).await.map_err(|_| {
        let message = format!("a hook took longer than {} s", limits::HOOK.as_secs());
        Refusal::internal("hook_timeout", message)
    })
}

/// A panic becomes a refusal. What it says is for the log alone: the process's own report of it holds the text.
async fn fence<T>(work: impl Future<Output = Result<T, Refusal>>) -> Result<T, Refusal> {
    // A request that panicked is answered and forgotten: nothing of it is used again.
    AssertUnwindSafe(work)
        .catch_unwind()
        .await
        .unwrap_or_else(|_| Err(Refusal::internal("panic", "code that answers requests panicked".to_owned())))
}

impl fmt::Debug for dyn Hooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hooks")
    }
}
