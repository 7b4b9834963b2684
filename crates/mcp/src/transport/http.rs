//! Streamable HTTP: the client under the transport, made strict where a server's answer would be lost.

use crate::limits;
use http::{HeaderMap, HeaderName, HeaderValue};
use rmcp::model::{ClientJsonRpcMessage, JsonRpcMessage, RequestId};
use rmcp::transport::common::client_side_sse::{BoxedSseResponse, ExponentialBackoff};
use rmcp::transport::streamable_http_client::{
    StreamableHttpClient, StreamableHttpClientTransportConfig, StreamableHttpError, StreamableHttpPostResponse,
    StreamableHttpResponseLimits,
};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use url::Url;

/// What the transport is told about one server.
pub(crate) fn config(url: &Url, headers: &HeaderMap) -> StreamableHttpClientTransportConfig {
    let mut config = StreamableHttpClientTransportConfig::with_uri(url.as_str())
        .custom_headers(headers.iter().map(|(name, value)| (name.clone(), value.clone())).collect())
        .max_sse_event_size(limits::MESSAGE)
        .max_json_response_size(limits::MESSAGE)
        .max_error_response_size(limits::ERROR_BODY)
        .max_concurrent_requests(limits::CALLS_PER_SERVER);
    let mut retry = ExponentialBackoff::default();
    retry.max_times = Some(limits::STREAM_RETRIES);
    retry.base_duration = Duration::from_millis(500);
    retry.max_delay = Some(limits::STREAM_RETRY_MAX);
    config.retry_config = Arc::new(retry);
    config
}

/// A client that gives an error without an id to the request that it answers.
///
/// A server that was restarted may answer a session that it does not know with status 400 and such an error. Nobody could
/// tell whose it is once it has left the request's own answer, and the call would wait until its deadline.
#[derive(Clone)]
pub(crate) struct Strict<C>(pub(crate) C);

/// Whether an error says that the session is gone, for servers that say so with another status than 404.
fn is_lost_session(message: &str) -> bool {
    message.to_ascii_lowercase().contains("session")
}

fn request_id(message: &ClientJsonRpcMessage) -> Option<RequestId> {
    match message {
        JsonRpcMessage::Request(request) => Some(request.id.clone()),
        _ => None,
    }
}

impl<C: StreamableHttpClient + Sync> StreamableHttpClient for Strict<C> {
    type Error = C::Error;

    async fn post_message(
        &self,
        uri: Arc<str>,
        message: ClientJsonRpcMessage,
        session_id: Option<Arc<str>>,
        auth_header: Option<String>,
        custom_headers: HashMap<HeaderName, HeaderValue>,
    ) -> Result<StreamableHttpPostResponse, StreamableHttpError<Self::Error>> {
        let limits = StreamableHttpResponseLimits::default();
        self.post_message_with_response_limits(uri, message, session_id, auth_header, custom_headers, limits).await
    }

    async fn post_message_with_response_limits(
        &self,
        uri: Arc<str>,
        message: ClientJsonRpcMessage,
        session_id: Option<Arc<str>>,
        auth_header: Option<String>,
        custom_headers: HashMap<HeaderName, HeaderValue>,
        limits: StreamableHttpResponseLimits,
    ) -> Result<StreamableHttpPostResponse, StreamableHttpError<Self::Error>> {
        let (asked, in_session) = (request_id(&message), session_id.is_some());
        let answer = self
            .0
            .post_message_with_response_limits(uri, message, session_id, auth_header, custom_headers, limits)
            .await?;
        match (answer, asked) {
            (StreamableHttpPostResponse::Json(JsonRpcMessage::Error(mut error), session), Some(id))
                if error.id.is_none() =>
            {
                if in_session && is_lost_session(&error.error.message) {
                    return Err(StreamableHttpError::SessionExpired);
                }
                error.id = Some(id);
                Ok(StreamableHttpPostResponse::Json(JsonRpcMessage::Error(error), session))
            }
            (answer, _) => Ok(answer),
        }
    }

    async fn delete_session(
        &self,
        uri: Arc<str>,
        session_id: Arc<str>,
        auth_header: Option<String>,
        custom_headers: HashMap<HeaderName, HeaderValue>,
    ) -> Result<(), StreamableHttpError<Self::Error>> {
        self.0.delete_session(uri, session_id, auth_header, custom_headers).await
    }

    async fn get_stream(
        &self,
        uri: Arc<str>,
        session_id: Option<Arc<str>>,
        last_event_id: Option<String>,
        auth_header: Option<String>,
        custom_headers: HashMap<HeaderName, HeaderValue>,
    ) -> Result<BoxedSseResponse, StreamableHttpError<Self::Error>> {
        self.0.get_stream(uri, session_id, last_event_id, auth_header, custom_headers).await
    }

    async fn get_stream_with_max_sse_event_size(
        &self,
        uri: Arc<str>,
        session_id: Option<Arc<str>>,
        last_event_id: Option<String>,
        auth_header: Option<String>,
        custom_headers: HashMap<HeaderName, HeaderValue>,
        max_sse_event_size: usize,
    ) -> Result<BoxedSseResponse, StreamableHttpError<Self::Error>> {
        self.0
            .get_stream_with_max_sse_event_size(
                uri,
                session_id,
                last_event_id,
                auth_header,
                custom_headers,
                max_sse_event_size,
            )
            .await
    }
}
