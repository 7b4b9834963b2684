//! `/threads` and what lies below it.

mod query;

use super::super::answer::{Refusal, empty_answer, json_answer};
use super::super::{State, json};
use super::{Payload, principal};
use crate::error::RunError;
use crate::store::{ListThreads, StoreError, ThreadKey, ThreadRecord, ThreadUpdate};
use crate::threads::{self, History};
use axum::body::Body;
use bytes::Bytes;
use copilotkit_protocol::Code;
use copilotkit_protocol::runtime_api::{
    Thread, ThreadArchived, ThreadDeleted, ThreadList, ThreadMessages, ThreadScope, ThreadState,
    ThreadUpdate as UpdateRequest, Timestamp,
};
use futures::Stream;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{HeaderValue, Method, Response, StatusCode};

fn key(parts: &Parts, thread_id: String) -> ThreadKey {
    ThreadKey::new(&principal(parts), thread_id)
}

/// `GET /threads`
pub(super) async fn list(state: &State, parts: &Parts) -> Result<Response<Body>, Refusal> {
    let query = query::parse(parts.uri.query().unwrap_or_default(), state.options.id_max)?;
    let request = ListThreads {
        principal: principal(parts).id().into(),
        agent_id: query.agent_id,
        include_archived: query.include_archived,
        limit: query.limit,
        cursor: query.cursor,
    };
    let page = state.lifecycle.store().list(request).await.map_err(refusal)?;
    let threads = page.threads.into_iter().map(shown).collect();
    Ok(json_answer(StatusCode::OK, &ThreadList { threads, next_cursor: page.next_cursor }))
}

/// `GET`, `PATCH` and `DELETE /threads/:threadId`
pub(super) async fn one(
    state: &State,
    thread_id: String,
    parts: &Parts,
    payload: Payload,
) -> Result<Response<Body>, Refusal> {
    match parts.method {
        Method::PATCH => update(state, thread_id, parts, payload).await,
        Method::DELETE => delete(state, thread_id, parts, payload).await,
        _ => {
            let record = state.lifecycle.store().get(&key(parts, thread_id)).await.map_err(refusal)?;
            Ok(json_answer(StatusCode::OK, &shown(record.ok_or_else(Refusal::unknown_thread)?)))
        }
    }
}

async fn update(state: &State, thread_id: String, parts: &Parts, payload: Payload) -> Result<Response<Body>, Refusal> {
    let request: UpdateRequest = json::object(&payload.read(state).await?)?;
    let name = match request.name {
        Some(Some(name)) => {
            Some(threads::tidy_name(&name).map_err(|error| Refusal::invalid_body(&format!("name: {error}")))?)
        }
        other => other,
    };
    let update = ThreadUpdate { name, archived: request.archived, ..ThreadUpdate::default() };
    Ok(json_answer(StatusCode::OK, &shown(change(state, &key(parts, thread_id), update).await?)))
}

async fn delete(state: &State, thread_id: String, parts: &Parts, payload: Payload) -> Result<Response<Body>, Refusal> {
    scope(&payload.read(state).await?)?;
    match state.lifecycle.store().delete(&key(parts, thread_id.clone())).await.map_err(refusal)? {
        true => Ok(json_answer(StatusCode::OK, &ThreadDeleted { thread_id, deleted: true })),
        false => Err(Refusal::unknown_thread()),
    }
}

/// `POST /threads/:threadId/archive`
pub(super) async fn archive(
    state: &State,
    thread_id: String,
    parts: &Parts,
    payload: Payload,
) -> Result<Response<Body>, Refusal> {
    scope(&payload.read(state).await?)?;
    change(state, &key(parts, thread_id.clone()), ThreadUpdate { archived: Some(true), ..ThreadUpdate::default() })
        .await?;
    Ok(json_answer(StatusCode::OK, &ThreadArchived { thread_id, archived: true }))
}

/// The agent that clients name is not needed, but a body that is none is a mistake that they should hear of.
fn scope(body: &[u8]) -> Result<ThreadScope, Refusal> {
    if body.iter().all(u8::is_ascii_whitespace) { Ok(ThreadScope::default()) } else { json::object(body) }
}

async fn change(state: &State, thread: &ThreadKey, update: ThreadUpdate) -> Result<ThreadRecord, Refusal> {
    let record = state.lifecycle.store().update(thread, update).await.map_err(refusal)?;
    record.ok_or_else(Refusal::unknown_thread)
}

/// `GET /threads/:threadId/messages`
pub(super) async fn messages(state: &State, thread_id: String, parts: &Parts) -> Result<Response<Body>, Refusal> {
    let messages = threads::messages(state.lifecycle.store().clone(), key(parts, thread_id)).await.map_err(refusal)?;
    let messages = messages.into_iter().map(Into::into).collect();
    Ok(json_answer(StatusCode::OK, &ThreadMessages { messages }))
}

/// `GET /threads/:threadId/state`
pub(super) async fn state(state: &State, thread_id: String, parts: &Parts) -> Result<Response<Body>, Refusal> {
    let found = threads::state(state.lifecycle.store().clone(), key(parts, thread_id)).await.map_err(refusal)?;
    // Clients expect an object or null.
    let state = found.filter(copilotkit_protocol::Json::is_object);
    Ok(json_answer(StatusCode::OK, &ThreadState { state }))
}

/// `GET /threads/:threadId/events`: written piece by piece, since a history may be larger than a server should hold.
pub(super) async fn events(state: &State, thread_id: String, parts: &Parts) -> Result<Response<Body>, Refusal> {
    let mut history = History::open(state.lifecycle.store().clone(), key(parts, thread_id)).await.map_err(refusal)?;
    let first = history.next().await.map_err(refusal)?;
    let mut response = Response::new(Body::from_stream(written(history, first)));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}

fn written(
    mut history: History,
    first: Vec<crate::store::Frame>,
) -> impl Stream<Item = Result<Bytes, StoreError>> + Send {
    async_stream::try_stream! {
        let (mut frames, mut out) = (first, b"{\"events\":[".to_vec());
        let mut any = false;
        while !frames.is_empty() {
            for json in frames.iter().filter_map(|frame| frame.for_client(false)) {
                if std::mem::replace(&mut any, true) {
                    out.push(b',');
                }
                out.extend_from_slice(json);
            }
            yield std::mem::take(&mut out).into();
            // A store that fails here ends the connection in the middle of the body: the client sees that it is not all.
            frames = history.next().await.inspect_err(|error| tracing::error!(?error, "a history was cut off"))?;
        }
        out.extend_from_slice(b"]}");
        yield out.into();
    }
}

/// `POST /threads/clear`
pub(super) async fn clear(state: &State, parts: &Parts) -> Result<Response<Body>, Refusal> {
    threads::clear(&**state.lifecycle.store(), &principal(parts).id().into()).await.map_err(refusal)?;
    Ok(empty_answer())
}

fn shown(record: ThreadRecord) -> Thread {
    Thread {
        id: record.id.to_string(),
        name: record.name,
        agent_id: record.agent_id.to_string(),
        organization_id: String::new(),
        created_by_id: String::new(),
        archived: record.archived,
        created_at: Timestamp(record.created_at),
        updated_at: Timestamp(record.updated_at),
        last_run_at: Timestamp(record.updated_at),
    }
}

fn refusal(error: StoreError) -> Refusal {
    match error {
        StoreError::InvalidCursor => {
            Refusal::invalid_parameter("cursor: expected the nextCursor of a page of the list")
        }
        StoreError::Busy => {
            let message = "A run is active on this thread. Stop it, or wait until it ends, and try again.";
            Refusal::conflict("Thread already running", Code::ThreadBusy, message)
        }
        // The store was asked here, not by the lifecycle.
        other => Refusal::from(RunError::from(other)).not_counted(),
    }
}
