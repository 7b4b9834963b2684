//! JSON-RPC 2.0.

use super::answer::{event_stream, json_answer, later};
use super::calls::{Outcome, answered};
use super::fail::Failure;
use super::{A2aServerOptions, version};
use crate::types::{
    CancelTaskRequest, DeletePushRequest, GetPushRequest, GetTaskRequest, ListPushRequest, ListTasksRequest,
    PushConfig, SendMessageRequest, SubscribeToTaskRequest,
};
use crate::wire::{Call, ErrorKind, Method, ProtocolVersion, RpcId, RpcResponse};
use copilotkit_protocol::{Json, check_depth};
use copilotkit_runtime::Registered;
use copilotkit_runtime::http::{Admitted, Body};
use http::{Response, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// Answers one call. Errors of the protocol come with status 200, as clients expect.
pub(super) async fn answer(options: &A2aServerOptions, agent: &Registered, request: Admitted) -> Response<Body> {
    let (id, call) = read(&request.body, options.json_depth);
    let call = version::check_media_type(&request.parts).and(call);
    let kind = "application/json";
    answered(options, agent, request, call, |called| match called {
        Ok(Outcome::Value(value)) => json_answer(StatusCode::OK, kind, &RpcResponse::result(id, value)),
        Ok(Outcome::Stream(news)) => {
            event_stream(news, options.keep_alive, move |event| RpcResponse::result(id.clone(), Json::of(&event)))
        }
        Err(failure) => {
            let answer = RpcResponse::error(id, failure.error);
            later(json_answer(StatusCode::OK, kind, &answer), failure.later)
        }
    })
    .await
}

/// A request with members that may be anything.
#[derive(Deserialize)]
struct Loose {
    jsonrpc: Option<Json>,
    #[serde(default)]
    id: RpcId,
    method: Option<Json>,
    params: Option<Json>,
}

/// The call, and the id that its answer has.
fn read(body: &[u8], json_depth: usize) -> (RpcId, Result<Call, Failure>) {
    let invalid = |what: &str| Failure::new(ErrorKind::InvalidRequest, what);
    let parse = || Failure::new(ErrorKind::Parse, "The body is not valid JSON.");
    if let Err(error) = check_depth(body, json_depth) {
        return (RpcId::default(), Err(Failure::new(ErrorKind::InvalidRequest, error.to_string())));
    }
    let Ok(whole) = serde_json::from_slice::<Json>(body) else { return (RpcId::default(), Err(parse())) };
    if !whole.is_object() {
        return (RpcId::default(), Err(invalid("The body is no JSON-RPC request: expected one object.")));
    }
    let Ok(request) = whole.read::<Loose>() else {
        return (RpcId::default(), Err(invalid("The body is no JSON-RPC request.")));
    };
    if request.id.get().starts_with(['{', '[', 't', 'f']) {
        return (RpcId::default(), Err(invalid("id: expected a text, a number or null")));
    }
    if request.jsonrpc.as_ref().map(Json::get) != Some("\"2.0\"") {
        return (request.id, Err(invalid("jsonrpc: expected \"2.0\"")));
    }
    let Some(name) = request.method.and_then(|method| method.read::<String>().ok()) else {
        return (request.id, Err(invalid("method: expected a text")));
    };
    let Some(method) = Method::from_name(&name, ProtocolVersion::V1_0) else {
        let what = match Method::from_name(&name, ProtocolVersion::V0_3) {
            Some(_) => "This is a method of A2A 0.3. This agent speaks 1.0.",
            None => "A2A 1.0 has no such method.",
        };
        return (request.id, Err(Failure::new(ErrorKind::MethodNotFound, what)));
    };
    (request.id, call(method, request.params))
}

fn call(method: Method, params: Option<Json>) -> Result<Call, Failure> {
    let params = params.unwrap_or_default();
    Ok(match method {
        Method::SendMessage => Call::Send(read_params::<SendMessageRequest>(&params)?),
        Method::SendStreamingMessage => Call::Stream(read_params::<SendMessageRequest>(&params)?),
        Method::GetTask => Call::Get(read_params::<GetTaskRequest>(&params)?),
        // It has no parameter that must be there.
        Method::ListTasks if params.is_null() => Call::List(ListTasksRequest::default()),
        Method::ListTasks => Call::List(read_params::<ListTasksRequest>(&params)?),
        Method::CancelTask => Call::Cancel(read_params::<CancelTaskRequest>(&params)?),
        Method::SubscribeToTask => Call::Subscribe(read_params::<SubscribeToTaskRequest>(&params)?),
        Method::CreatePush => Call::CreatePush(read_params::<PushConfig>(&params)?),
        Method::GetPush => Call::GetPush(read_params::<GetPushRequest>(&params)?),
        Method::ListPush => Call::ListPush(read_params::<ListPushRequest>(&params)?),
        Method::DeletePush => Call::DeletePush(read_params::<DeletePushRequest>(&params)?),
        Method::ExtendedCard => Call::ExtendedCard,
    })
}

fn read_params<T: DeserializeOwned>(params: &Json) -> Result<T, Failure> {
    if !params.is_object() {
        return Err(Failure::params("params: expected an object"));
    }
    serde_json::from_str(params.get()).map_err(|error| Failure::params(format!("params: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_call_is_refused_with_its_id() {
        for (body, id, kind) in [
            ("{", "null", ErrorKind::Parse),
            ("[]", "null", ErrorKind::InvalidRequest),
            (r#"{"jsonrpc":"2.0","id":{},"method":"GetTask"}"#, "null", ErrorKind::InvalidRequest),
            (r#"{"jsonrpc":"1.0","id":7,"method":"GetTask"}"#, "7", ErrorKind::InvalidRequest),
            (r#"{"id":7,"method":"GetTask"}"#, "7", ErrorKind::InvalidRequest),
            (r#"{"jsonrpc":"2.0","id":"a","method":7}"#, "\"a\"", ErrorKind::InvalidRequest),
            (r#"{"jsonrpc":"2.0","id":"a","method":"message/send"}"#, "\"a\"", ErrorKind::MethodNotFound),
            (r#"{"jsonrpc":"2.0","id":"a","method":"GetTask"}"#, "\"a\"", ErrorKind::InvalidParams),
            (r#"{"jsonrpc":"2.0","id":"a","method":"GetTask","params":{"id":7}}"#, "\"a\"", ErrorKind::InvalidParams),
            (r#"{"jsonrpc":"2.0","id":"a","method":"SendMessage","params":{}}"#, "\"a\"", ErrorKind::InvalidParams),
        ] {
            let (found, call) = read(body.as_bytes(), 64);
            assert_eq!((found.get(), call.unwrap_err().error.kind()), (id, Some(kind)), "{body}");
        }
        let deep =
            format!(r#"{{"jsonrpc":"2.0","id":1,"method":"GetTask","params":{}1{}}}"#, "[".repeat(64), "]".repeat(64));
        assert_eq!(read(deep.as_bytes(), 32).1.unwrap_err().error.kind(), Some(ErrorKind::InvalidRequest));
        let (_, call) = read(br#"{"jsonrpc":"2.0","id":1,"method":"ListTasks"}"#, 64);
        assert_eq!(call.unwrap(), Call::List(ListTasksRequest::default()));
    }
}
