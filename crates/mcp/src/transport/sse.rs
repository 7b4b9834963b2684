//! HTTP+SSE, the transport of 2024-11-05: one stream of events brings every answer, an endpoint that the stream names
//! takes every request.

use crate::limits;
use copilotkit_protocol::sse::Decoder;
use futures::StreamExt as _;
use futures::stream::BoxStream;
use http::header::{ACCEPT, CONTENT_TYPE, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, StatusCode};
use rmcp::RoleClient;
use rmcp::model::{ClientJsonRpcMessage, ServerJsonRpcMessage};
use rmcp::transport::Transport;
use rmcp::transport::auth::AuthClient;
use std::future::Future;
use url::Url;

/// Why the transport failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SseTransportError {
    /// No connection, or one that broke.
    #[error("{0}")]
    Http(#[from] reqwest::Error),
    /// Another status than one of success.
    #[error("HTTP {status}")]
    Status { status: StatusCode, retry_after: Option<String> },
    /// The server wants authorization.
    #[error("authorization is required")]
    Unauthorized { challenge: String },
    /// It is no stream of events.
    #[error("no stream of events but `{0}`")]
    ContentType(String),
    /// The stream ended, or said something else, where it had to name the endpoint.
    #[error("the stream names no endpoint")]
    NoEndpoint,
    /// The endpoint is on another server, which would get our credentials.
    #[error("the endpoint is at another origin: {0}")]
    ForeignEndpoint(String),
    /// The message cannot be written.
    #[error("the message cannot be written: {0}")]
    Json(#[from] serde_json::Error),
    /// There is no token.
    #[error("{0}")]
    Auth(#[from] rmcp::transport::AuthError),
}

/// The transport, with its stream open.
pub(crate) struct SseTransport {
    door: Door,
    endpoint: Url,
    stream: BoxStream<'static, Result<bytes::Bytes, reqwest::Error>>,
    decoder: Decoder,
    over: bool,
}

/// What every request needs.
#[derive(Clone)]
struct Door {
    client: reqwest::Client,
    headers: HeaderMap,
    auth: Option<AuthClient<reqwest::Client>>,
}

impl Door {
    async fn send(&self, mut request: reqwest::RequestBuilder) -> Result<reqwest::Response, SseTransportError> {
        if let Some(auth) = &self.auth {
            request = request.bearer_auth(auth.get_access_token().await?);
        }
        let response = request.headers(self.headers.clone()).send().await?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let header = |name: http::HeaderName| {
            response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
        };
        if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
            return Err(SseTransportError::Unauthorized { challenge: header(WWW_AUTHENTICATE).unwrap_or_default() });
        }
        Err(SseTransportError::Status { status, retry_after: header(http::header::RETRY_AFTER) })
    }
}

impl SseTransport {
    /// Opens the stream and waits for the endpoint. The caller sets a deadline.
    pub(crate) async fn open(
        client: reqwest::Client,
        url: &Url,
        headers: HeaderMap,
        auth: Option<AuthClient<reqwest::Client>>,
    ) -> Result<Self, SseTransportError> {
        let door = Door { client, headers, auth };
        let get = door.client.get(url.clone()).header(ACCEPT, "text/event-stream");
        let response = door.send(get).await?;
        let kind = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if !kind.trim_start().to_ascii_lowercase().starts_with("text/event-stream") {
            return Err(SseTransportError::ContentType(kind.chars().take(100).collect()));
        }
        let mut transport = Self {
            door,
            endpoint: url.clone(),
            stream: response.bytes_stream().boxed(),
            decoder: Decoder::new(limits::MESSAGE),
            over: false,
        };
        while let Some(event) = transport.next_event().await {
            if event.name() != "endpoint" {
                continue;
            }
            let text = std::str::from_utf8(&event.data).map_err(|_| SseTransportError::NoEndpoint)?;
            let endpoint = url.join(text.trim()).map_err(|_| SseTransportError::NoEndpoint)?;
            if endpoint.origin() != url.origin() {
                return Err(SseTransportError::ForeignEndpoint(endpoint.origin().ascii_serialization()));
            }
            transport.endpoint = endpoint;
            return Ok(transport);
        }
        Err(SseTransportError::NoEndpoint)
    }

    /// The next event, `None` when the stream is over. Nothing is lost when the wait is given up.
    async fn next_event(&mut self) -> Option<copilotkit_protocol::sse::SseEvent> {
        loop {
            match self.decoder.next() {
                Some(Ok(event)) => return Some(event),
                Some(Err(error)) => {
                    tracing::warn!(%error, "the stream of an MCP server cannot be read on");
                    self.over = true;
                    return None;
                }
                None if self.over => return None,
                None => {}
            }
            match self.stream.next().await {
                Some(Ok(piece)) => self.decoder.push(piece),
                Some(Err(error)) => {
                    tracing::debug!(%error, "the stream of an MCP server broke");
                    self.over = true;
                }
                None => {
                    self.over = true;
                    return self.decoder.finish()?.ok();
                }
            }
        }
    }
}

impl Transport<RoleClient> for SseTransport {
    type Error = SseTransportError;

    fn send(&mut self, item: ClientJsonRpcMessage) -> impl Future<Output = Result<(), Self::Error>> + Send + 'static {
        let (door, endpoint) = (self.door.clone(), self.endpoint.clone());
        async move {
            let body = serde_json::to_vec(&item)?;
            let post = door.client.post(endpoint);
            let post = post.header(CONTENT_TYPE, HeaderValue::from_static("application/json")).body(body);
            let mut response = door.send(post).await?;
            // Read, so that the connection can be used again; the answer comes on the stream.
            let mut read = 0;
            while let Ok(Some(piece)) = response.chunk().await {
                read += piece.len();
                if read > limits::ERROR_BODY {
                    break;
                }
            }
            Ok(())
        }
    }

    async fn receive(&mut self) -> Option<ServerJsonRpcMessage> {
        loop {
            let event = self.next_event().await?;
            if event.name() != "message" {
                continue;
            }
            match serde_json::from_slice(&event.data) {
                Ok(message) => return Some(message),
                Err(error) => tracing::warn!(%error, "a message of an MCP server was dropped: it is none"),
            }
        }
    }

    async fn close(&mut self) -> Result<(), Self::Error> {
        self.over = true;
        self.stream = futures::stream::empty().boxed();
        Ok(())
    }
}
