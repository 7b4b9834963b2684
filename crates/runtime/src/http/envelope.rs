//! The single-route form: `POST {base} {"method", "params", "body"}` for what REST has paths for.

use super::answer::Refusal;
use super::handlers::{self, Payload};
use super::{Call, State, body, port, router};
use crate::http::RouteId;
use axum::body::Body;
use bytes::Bytes;
use copilotkit_protocol::runtime_api::Envelope;
use copilotkit_protocol::{Code, Json};
use http::request::Parts;
use http::{Method, Response, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

/// A method of the envelope: its route, the params that become the route's ids, and whether it needs a body.
#[derive(Debug)]
pub struct MethodSpec {
    /// What `method` says.
    pub name: &'static str,
    /// The route that it stands for.
    pub route: RouteId,
    /// The members of `params` that are required.
    pub params: &'static [&'static str],
    /// Whether `body` is required.
    pub needs_body: bool,
}

/// Every method of the envelope.
pub const METHODS: &[MethodSpec] = &[
    MethodSpec { name: "info", route: RouteId::Info, params: &[], needs_body: false },
    MethodSpec { name: "agent/run", route: RouteId::Run, params: &["agentId"], needs_body: true },
    MethodSpec { name: "agent/suggest", route: RouteId::Suggest, params: &["agentId"], needs_body: true },
    MethodSpec { name: "agent/connect", route: RouteId::Connect, params: &["agentId"], needs_body: true },
    MethodSpec { name: "agent/stop", route: RouteId::Stop, params: &["agentId", "threadId"], needs_body: false },
    MethodSpec { name: "transcribe", route: RouteId::Transcribe, params: &[], needs_body: true },
    MethodSpec { name: "inspector/metadata", route: RouteId::InspectorMetadata, params: &[], needs_body: false },
    MethodSpec { name: "inspector/learning", route: RouteId::InspectorLearning, params: &[], needs_body: false },
    MethodSpec {
        name: "resource/request",
        route: RouteId::Resource,
        params: &["path", "httpMethod"],
        needs_body: false,
    },
];

/// What clients of another time are told.
const GRAPHQL: &str = "This is GraphQL, which is not spoken here. Chats of CopilotKit before 1.50 send it: update the \
                       @copilotkit packages of the page. CopilotTask sends it in every version: run an agent instead.";

pub(super) async fn dispatch(state: &State, parts: &mut Parts, request: Body) -> Result<Response<Body>, Refusal> {
    if parts.method != Method::POST {
        return Err(Refusal::method_not_allowed("POST"));
    }
    if !is_json(parts) {
        let message = "Single-route endpoint expects JSON payloads";
        let body = json!({ "error": "invalid_request", "code": Code::UnsupportedMediaType, "message": message });
        return Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, body));
    }
    let text = body::read(state, request).await?;
    let json: Json = serde_json::from_slice(&text).map_err(|_| Refusal::invalid_envelope("Invalid JSON payload"))?;
    let base = router::below_base(&state.options.base_paths, parts.uri.path()).is_some_and(str::is_empty);
    // A path of REST with its body: what is wrong is not the body.
    let missing = || match base {
        true if port::is_meant(&json) => {
            Refusal::invalid_envelope("messages: a list is expected, like [{\"role\", \"content\"}]")
        }
        true if is_graphql(&json) => Refusal::invalid_envelope("Missing method field").with_hint(GRAPHQL),
        true => Refusal::invalid_envelope("Missing method field"),
        false => Refusal::not_found(
            "This server has mode = \"single\" in [server]: it takes everything as POST {\"method\", …} to its base path.",
        ),
    };
    if !json.is_object() {
        return Err(missing());
    }
    let envelope: Envelope = json.read().map_err(|error| Refusal::invalid_envelope(error.to_string()))?;
    let method = match envelope.method {
        None if base && port::is_chat(&json) => return port::chat(state, parts, &text).await,
        None | Some(Value::Null | Value::Bool(false)) => return Err(missing()),
        Some(Value::String(method)) if method.is_empty() => return Err(missing()),
        Some(Value::String(method)) => method,
        Some(other) => other.to_string(),
    };
    let Some(spec) = METHODS.iter().find(|spec| spec.name == method) else {
        return Err(Refusal::invalid_envelope(format!("Unsupported method '{method}'")));
    };
    let mut ids = Vec::with_capacity(spec.params.len());
    for key in spec.params {
        let value = envelope.params.as_ref().and_then(|params| params.get(key)).and_then(Value::as_str);
        match value.filter(|value| !value.trim().is_empty()) {
            // The ids in a path are looked at behind it.
            Some(value) if value.len() > state.options.id_max && spec.route != RouteId::Resource => {
                return Err(Refusal::long_id(&format!("params.{key}"), state.options.id_max));
            }
            Some(value) => ids.push(value.to_owned()),
            None => return Err(Refusal::invalid_envelope(format!("Missing or invalid parameter '{key}'"))),
        }
    }
    let payload = match envelope.body {
        None if spec.needs_body => None,
        Some(body) if body.is_null() && spec.route != RouteId::Resource => None,
        None => Some(Bytes::new()),
        Some(body) if body.is_null() => Some(Bytes::new()),
        // A body that was encoded twice is taken as it was meant.
        Some(body) => Some(match body.read::<String>() {
            Ok(text) => text.into(),
            Err(_) => body.get().to_owned().into(),
        }),
    };
    let Some(payload) = payload else {
        return Err(Refusal::invalid_envelope("Missing request body for JSON handler"));
    };
    let call = Call::of_envelope(spec.route, spec.params, &ids);
    handlers::dispatch(state, call, ids, parts, Payload::Read(payload)).await
}

/// An unmatched request: when it is an envelope that met a REST-only server, the answer says so.
pub(super) async fn mismatch(state: &State, parts: &Parts, request: Body) -> Result<Response<Body>, Refusal> {
    if parts.method != Method::POST || !is_json(parts) {
        return Err(state.not_found(parts));
    }
    let Ok(text) = body::read_stray(state, request).await else { return Err(state.not_found(parts)) };
    let method = serde_json::from_slice::<Envelope>(&text).ok().and_then(|envelope| envelope.method);
    let known = method.as_ref().and_then(Value::as_str).is_some_and(is_method);
    if !known {
        return Err(state.not_found(parts));
    }
    let message = "This request is a single-route envelope, and this path serves no envelope. Send it to the base path \
                   of a server that serves both forms, or let the frontend find out the transport by itself (remove \
                   useSingleEndpoint).";
    let body = json!({
        "error": "Not found",
        "code": Code::EnvelopeHere,
        "message": message,
    });
    Err(Refusal::new(StatusCode::NOT_FOUND, body))
}

/// Whether a body is a request of GraphQL.
fn is_graphql(body: &Json) -> bool {
    #[derive(Deserialize)]
    struct Request {
        query: Option<String>,
    }
    let query = body.read::<Request>().ok().and_then(|request| request.query).unwrap_or_default();
    ["query", "mutation", "subscription", "{"].iter().any(|word| query.trim_start().starts_with(word))
}

fn is_method(name: &str) -> bool {
    METHODS.iter().any(|spec| spec.name == name)
}

pub(super) fn is_json(parts: &Parts) -> bool {
    is_type(parts, "application/json")
}

/// Whether the body is said to be of a media type. Not merely somewhere in the value: `text/plain; a=application/json`
/// is sent by any page without asking.
pub(super) fn is_type(parts: &Parts, media_type: &str) -> bool {
    let content_type = parts.headers.get(http::header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = content_type.and_then(|value| value.split(';').next());
    essence.is_some_and(|essence| essence.trim().eq_ignore_ascii_case(media_type))
}
