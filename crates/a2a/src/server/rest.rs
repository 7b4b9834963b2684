//! HTTP+JSON.

use super::answer::{A2A_JSON, event_stream, http_error, json_answer};
use super::calls::{Outcome, answered};
use super::fail::{self, Failure};
use super::route::Resource;
use super::{A2aServerOptions, version};
use crate::types::{
    CancelTaskRequest, GetTaskRequest, ListPushRequest, ListTasksRequest, SendMessageRequest, SubscribeToTaskRequest,
    TaskState,
};
use crate::wire::{Call, ErrorKind};
use copilotkit_protocol::{Json, check_depth};
use copilotkit_runtime::Registered;
use copilotkit_runtime::http::{Admitted, Body};
use http::{Method as Verb, Response, StatusCode};
use serde::de::DeserializeOwned;
use std::str::FromStr;
use url::form_urlencoded;

/// Answers one request.
pub(super) async fn answer(
    options: &A2aServerOptions,
    agent: &Registered,
    resource: Resource,
    request: Admitted,
) -> Response<Body> {
    if !takes(&resource, &request.parts.method) {
        return fail::plain(
            StatusCode::METHOD_NOT_ALLOWED,
            "This resource of A2A 1.0 is not asked for by this method.",
        );
    }
    let query = request.parts.uri.query().unwrap_or_default();
    let has_body = matches!(resource, Resource::Send | Resource::Stream);
    let media_type = if has_body { version::check_media_type(&request.parts) } else { Ok(()) };
    let call = media_type.and_then(|()| read(resource, query, &request.body, options.json_depth));
    answered(options, agent, request, call, |called| match called {
        Ok(Outcome::Value(value)) => json_answer(StatusCode::OK, A2A_JSON, &value),
        Ok(Outcome::Stream(news)) => event_stream(news, options.keep_alive, |event| event),
        Err(failure) => http_error(&failure),
    })
    .await
}

/// A subscription is asked for by GET in one place of the specification, and by POST in another.
fn takes(resource: &Resource, verb: &Verb) -> bool {
    let is_get = matches!(*verb, Verb::GET | Verb::HEAD);
    match resource {
        Resource::Send | Resource::Stream | Resource::Cancel(_) => *verb == Verb::POST,
        Resource::Tasks | Resource::Task(_) | Resource::ExtendedCard => is_get,
        Resource::Subscribe(_) => is_get || *verb == Verb::POST,
        Resource::Push => is_get || *verb == Verb::POST || *verb == Verb::DELETE,
    }
}

fn read(resource: Resource, query: &str, body: &[u8], json_depth: usize) -> Result<Call, Failure> {
    Ok(match resource {
        Resource::Send => Call::Send(read_body::<SendMessageRequest>(body, json_depth)?),
        Resource::Stream => Call::Stream(read_body::<SendMessageRequest>(body, json_depth)?),
        Resource::Tasks => Call::List(list(query)?),
        Resource::Task(id) => {
            let history_length = parameter(query, "historyLength")?;
            Call::Get(GetTaskRequest { id, history_length, ..GetTaskRequest::default() })
        }
        Resource::Cancel(id) => Call::Cancel(CancelTaskRequest { id, ..CancelTaskRequest::default() }),
        Resource::Subscribe(id) => Call::Subscribe(SubscribeToTaskRequest { id, ..SubscribeToTaskRequest::default() }),
        Resource::Push => Call::ListPush(ListPushRequest::default()),
        Resource::ExtendedCard => Call::ExtendedCard,
    })
}

fn read_body<T: DeserializeOwned>(body: &[u8], json_depth: usize) -> Result<T, Failure> {
    if let Err(error) = check_depth(body, json_depth) {
        return Err(Failure::new(ErrorKind::InvalidRequest, error.to_string()));
    }
    let json: Json =
        serde_json::from_slice(body).map_err(|_| Failure::new(ErrorKind::Parse, "The body is not valid JSON."))?;
    if !json.is_object() {
        return Err(Failure::params("expected an object"));
    }
    serde_json::from_str(json.get()).map_err(|error| Failure::params(error.to_string()))
}

fn list(query: &str) -> Result<ListTasksRequest, Failure> {
    let status: Option<String> = parameter(query, "status")?;
    Ok(ListTasksRequest {
        tenant: None,
        context_id: parameter(query, "contextId")?,
        status: status.map(|text| TaskState::parse(&text)),
        page_size: parameter(query, "pageSize")?,
        page_token: parameter(query, "pageToken")?,
        history_length: parameter(query, "historyLength")?,
        status_timestamp_after: parameter(query, "statusTimestampAfter")?,
        include_artifacts: parameter(query, "includeArtifacts")?,
    })
}

/// A parameter of the address; an empty one is absent.
fn parameter<T: FromStr>(query: &str, name: &str) -> Result<Option<T>, Failure> {
    let found = form_urlencoded::parse(query.as_bytes()).find(|(key, value)| key == name && !value.is_empty());
    let Some((_, value)) = found else { return Ok(None) };
    value.parse().map(Some).map_err(|_| Failure::params(format!("{name}: this is no value of it")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_of_lists_are_read() {
        let query = "contextId=a%20b&status=TASK_STATE_WORKING&pageSize=5&historyLength=&includeArtifacts=true&other=1";
        let expected = ListTasksRequest {
            context_id: Some("a b".to_owned()),
            status: Some(TaskState::Working),
            page_size: Some(5),
            include_artifacts: Some(true),
            ..ListTasksRequest::default()
        };
        assert_eq!(list(query).unwrap(), expected);
        for wrong in ["pageSize=-1", "pageSize=many", "includeArtifacts=yes"] {
            assert!(list(wrong).is_err(), "{wrong}");
        }
    }
}
