//! The least that a relay on axum and hyper's pooled client does: it reads the request, asks the upstream, and forwards
//! what comes without looking at it.

use super::event_stream;
use anyhow::Context;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

/// The largest request.
const REQUEST_MAX: usize = 8 << 20;

pub(super) fn router(upstream: &str) -> anyhow::Result<Router> {
    let upstream: Uri = upstream.parse().context("the upstream is no address")?;
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let client: Client<_, Full<Bytes>> = Client::builder(TokioExecutor::new()).build(connector);
    Ok(Router::new().fallback(any(move |request: Request| {
        let (client, upstream) = (client.clone(), upstream.clone());
        async move { forward(&client, upstream, request).await.unwrap_or_else(IntoResponse::into_response) }
    })))
}

async fn forward(
    client: &Client<HttpConnector, Full<Bytes>>,
    upstream: Uri,
    request: Request,
) -> Result<Response, StatusCode> {
    let body = axum::body::to_bytes(request.into_body(), REQUEST_MAX).await.map_err(|_| StatusCode::BAD_REQUEST)?;
    let mut request = axum::http::Request::new(Full::new(body));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = upstream;
    for (name, value) in [(CONTENT_TYPE, "application/json"), (ACCEPT, "text/event-stream")] {
        request.headers_mut().insert(name, axum::http::HeaderValue::from_static(value));
    }
    let answer = client.request(request).await.map_err(|_| StatusCode::BAD_GATEWAY)?;
    Ok(event_stream(Body::new(answer.into_body())))
}
