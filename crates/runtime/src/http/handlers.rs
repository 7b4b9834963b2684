//! One function for each route: parse, ask the lifecycle, answer.

mod debug;
mod info;
mod platform;
mod resource;
mod run;
mod stop;
mod threads;
mod transcribe;

pub(super) use run::copied;

use super::answer::Refusal;
use super::auth;
use super::body::{self, Received};
use super::exchange::Exchange;
use super::{Call, Route, RouteId, State, hooks};
use crate::principal::Principal;
use axum::body::Body;
use bytes::Bytes;
use http::Response;
use http::request::Parts;

/// A request's body: still to be read, or taken out of an envelope.
pub(super) enum Payload {
    Request(Body),
    Read(Bytes),
}

impl Payload {
    async fn read(self, state: &State) -> Result<Received, Refusal> {
        match self {
            Self::Request(request) => body::read(state, request).await,
            Self::Read(bytes) => Ok(bytes.into()),
        }
    }
}

/// Calls the handler of a route. `ids` are the values of its colon segments, in order.
pub(super) async fn dispatch(
    state: &State,
    call: Call,
    ids: Vec<String>,
    parts: &mut Parts,
    payload: Payload,
) -> Result<Response<Body>, Refusal> {
    let route = call.route;
    if let Some(answer) = admit(state, call, parts).await? {
        return Ok(answer);
    }
    let mut ids = ids.into_iter();
    let mut id = || ids.next().unwrap_or_default();
    match route {
        RouteId::Info => info::info(state, parts).await,
        RouteId::Run => run::run(state, id(), parts, payload).await,
        RouteId::Suggest => run::suggest(state, id(), parts, payload).await,
        RouteId::Connect => run::connect(state, id(), parts, payload).await,
        RouteId::Stop => stop::stop(state, id(), id(), parts, payload).await,
        RouteId::Transcribe => transcribe::transcribe(state, parts, payload).await,
        RouteId::Threads => threads::list(state, parts).await,
        RouteId::Thread => threads::one(state, id(), parts, payload).await,
        RouteId::ThreadArchive => threads::archive(state, id(), parts, payload).await,
        RouteId::ThreadMessages => threads::messages(state, id(), parts).await,
        RouteId::ThreadEvents => threads::events(state, id(), parts).await,
        RouteId::ThreadState => threads::state(state, id(), parts).await,
        RouteId::ThreadsClear => threads::clear(state, parts).await,
        RouteId::ThreadsSubscribe => Err(platform::subscribe()),
        RouteId::Memories => Err(platform::memories()),
        RouteId::Annotate => Err(platform::annotate()),
        RouteId::InspectorMetadata => Ok(platform::inspector_metadata()),
        RouteId::InspectorLearning => Ok(platform::inspector_learning()),
        RouteId::Resource => resource::request(state, id(), &id(), parts, payload).await,
        RouteId::DebugEvents => debug::events(state),
        // They are answered by their mounts, which no envelope leads to.
        RouteId::Mounted => Err(state.not_found(parts)),
    }
}

/// What goes before every handler: the scope that the route wants, and the hook that knows the route. `Some` is an answer
/// of the hook.
pub(super) async fn admit(state: &State, call: Call, parts: &mut Parts) -> Result<Option<Response<Body>>, Refusal> {
    if let Some(exchange) = parts.extensions.get::<Exchange>() {
        exchange.routed(call.route);
    }
    if let Some(route) = Route::of(call.route).filter(|_| state.options.auth.is_some()) {
        auth::authorise(route, &principal(parts))?;
    }
    hooks::before_handler(state, call, parts).await
}

/// Who asks: whoever the authenticator, or a layer or a hook in front of the routes, found out; the one principal of an
/// open server otherwise.
pub(super) fn principal(parts: &Parts) -> Principal {
    parts.extensions.get().cloned().unwrap_or_else(Principal::anonymous)
}
