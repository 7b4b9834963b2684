//! `resource/request` of the envelope: a thread route, named by its path and method as REST would have them.

use super::super::answer::{Refusal, head_only};
use super::super::router::{self, Route};
use super::super::{Call, State};
use super::Payload;
use axum::body::Body;
use http::request::Parts;
use http::{Method, Response, Uri};

/// What may be asked for in this way.
const HINT: &str = "The paths of resources are those of /threads, /memories and /annotate.";

pub(super) async fn request(
    state: &State,
    path: String,
    method: &str,
    parts: &Parts,
    payload: Payload,
) -> Result<Response<Body>, Refusal> {
    let relative = || Refusal::invalid_envelope("Resource path must be Runtime-relative");
    if !path.starts_with('/') || path.starts_with("//") {
        return Err(relative());
    }
    let uri: Uri = path.parse().map_err(|_| relative())?;
    let method = Method::from_bytes(method.to_ascii_uppercase().as_bytes())
        .map_err(|_| Refusal::invalid_envelope("Missing or invalid parameter 'httpMethod'"))?;
    let (route, ids) =
        router::find(uri.path()).filter(|(route, _)| is_resource(route)).ok_or_else(|| Refusal::not_found(HINT))?;
    route.admit(&method, &ids, &state.options)?;
    let is_head = method == Method::HEAD;
    let mut parts = parts.clone();
    (parts.method, parts.uri) = (method, uri);
    // A resource is none of this kind: it goes no deeper.
    let call = Call::of_rest(route, &ids);
    let response = Box::pin(super::dispatch(state, call, ids, &mut parts, payload)).await?;
    Ok(if is_head { head_only(response) } else { response })
}

fn is_resource(route: &Route) -> bool {
    matches!(route.suffix.first(), Some(&("threads" | "memories" | "annotate")))
}
