//! `GET /health` and `GET /ready` at the root, for whoever watches the process.

use super::Surface;
use super::answer::json_answer;
use axum::Router;
use axum::body::Body;
use axum::routing::get;
use http::header::{CACHE_CONTROL, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use http::{Response, StatusCode};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether the server wants new work. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Readiness(Arc<AtomicBool>);

impl Default for Readiness {
    fn default() -> Self {
        Self(Arc::new(AtomicBool::new(true)))
    }
}

impl Readiness {
    /// From now on `/ready` answers 503, so that a load balancer sends new work elsewhere.
    pub fn withdraw(&self) {
        self.0.store(false, Ordering::Relaxed);
    }

    /// True until it was withdrawn.
    pub fn is_ready(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// The surface with `/health` and `/ready` in front of it.
pub fn with_probes(surface: Surface, readiness: Readiness) -> Router {
    let ready = move || {
        let ready = readiness.is_ready();
        async move {
            let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
            probe(status, if ready { "ready" } else { "draining" })
        }
    };
    Router::new()
        .route("/health", get(|| async { probe(StatusCode::OK, "ok") }))
        .route("/ready", get(ready))
        .fallback_service(surface)
}

fn probe(status: StatusCode, text: &str) -> Response<Body> {
    let mut response = json_answer(status, &json!({ "status": text }));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response.headers_mut().insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
