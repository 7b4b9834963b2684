//! `GET /metrics` at the root: what the server measured, as Prometheus reads it.

use super::access::{self, HostPolicy};
use super::answer::Refusal;
use super::auth::{Auth, Denied};
use super::server::Peer;
use crate::lifecycle::Lifecycle;
use crate::telemetry::metrics::{CONTENT_TYPE as TEXT, text};
use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::routing::get;
use http::Response;
use http::header::{
    CACHE_CONTROL, CONTENT_TYPE, FORWARDED, HeaderName, HeaderValue, ORIGIN, VIA, X_CONTENT_TYPE_OPTIONS,
};
use http::request::Parts;

/// Who may read the metrics.
#[derive(Clone, Debug)]
pub enum MetricsAccess {
    /// Who asks from this machine, by one of its names, and not on behalf of somebody else: a request that came through a
    /// proxy or from a page is none of its own. It takes a server that says who is connected, as
    /// [`serve`](super::server::serve) does.
    Loopback,
    /// Who has a token.
    Token(Auth),
}

/// What proxies add, and programs of this machine do not.
const PROXIED: [HeaderName; 4] =
    [FORWARDED, VIA, HeaderName::from_static("x-forwarded-for"), HeaderName::from_static("x-real-ip")];

/// The router with `/metrics` in front of it.
pub fn with_metrics(router: Router, lifecycle: Lifecycle, access: MetricsAccess) -> Router {
    let answer = move |request: Request| {
        let (lifecycle, access) = (lifecycle.clone(), access.clone());
        async move {
            let (mut parts, _) = request.into_parts();
            match admit(&access, &mut parts).await {
                Ok(()) => {
                    lifecycle.measure();
                    headed(Response::new(Body::from(text(lifecycle.metrics()))), TEXT)
                }
                Err(refusal) => {
                    if let Some(code) = refusal.uncounted() {
                        lifecycle.counters().count(code);
                    }
                    headed(refusal.into_response(), "application/json")
                }
            }
        }
    };
    router.route("/metrics", get(answer))
}

async fn admit(access: &MetricsAccess, parts: &mut Parts) -> Result<(), Refusal> {
    match access {
        MetricsAccess::Token(auth) => auth.admit(parts).await.map(|_| ()),
        MetricsAccess::Loopback => {
            let near = parts.extensions.get::<Peer>().is_some_and(|peer| peer.0.ip().to_canonical().is_loopback());
            let own = access::is_named(&HostPolicy::Loopback, parts)
                && !PROXIED.iter().chain([&ORIGIN]).any(|name| parts.headers.contains_key(name));
            if near && own {
                return Ok(());
            }
            let message = "The metrics are for programs of this machine. Set metrics_token_env in [telemetry] to read \
                           them from elsewhere.";
            Err(Denied::forbidden(message).into())
        }
    }
}

fn headed(mut response: Response<Body>, kind: &'static str) -> Response<Body> {
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
