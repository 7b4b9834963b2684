//! One function for each route: parse, ask the lifecycle, answer.

mod debug;
mod info;
mod run;
mod stop;

use super::answer::Refusal;
use super::body::{self, Received};
use super::{RouteId, State};
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
    route: RouteId,
    ids: Vec<String>,
    parts: &Parts,
    payload: Payload,
) -> Result<Response<Body>, Refusal> {
    let mut ids = ids.into_iter();
    let mut id = || ids.next().unwrap_or_default();
    match route {
        RouteId::Info => info::info(state, parts).await,
        RouteId::Run => run::run(state, id(), parts, payload).await,
        RouteId::Suggest => run::suggest(state, id(), parts, payload).await,
        RouteId::Connect => run::connect(state, id(), parts, payload).await,
        RouteId::Stop => stop::stop(state, id(), id(), payload).await,
        RouteId::DebugEvents => debug::events(state),
    }
}
