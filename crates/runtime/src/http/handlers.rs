//! One function for each route: parse, ask the lifecycle, answer.

mod info;
mod run;
mod stop;

use super::answer::Refusal;
use super::auth::{self, Denied};
use super::body::{self, Received};
use super::{Route, RouteId, State};
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

/// Who asks, as was found out before the route was looked for.
pub(super) fn principal(parts: &Parts) -> Result<Principal, Refusal> {
    parts.extensions.get().cloned().ok_or_else(|| Denied::missing().into())
}

/// Calls the handler of a route. `ids` are the values of its colon segments, in order.
pub(super) async fn dispatch(
    state: &State,
    route: RouteId,
    ids: Vec<String>,
    parts: &Parts,
    payload: Payload,
) -> Result<Response<Body>, Refusal> {
    if let Some(route) = Route::of(route).filter(|_| state.options.auth.is_some()) {
        auth::authorise(route, &principal(parts)?)?;
    }
    let mut ids = ids.into_iter();
    let mut id = || ids.next().unwrap_or_default();
    match route {
        RouteId::Info => info::info(state, parts).await,
        RouteId::Run => run::run(state, id(), parts, payload).await,
        RouteId::Suggest => run::suggest(state, id(), parts, payload).await,
        RouteId::Connect => run::connect(state, id(), parts, payload).await,
        RouteId::Stop => stop::stop(state, id(), id(), parts, payload).await,
    }
}
