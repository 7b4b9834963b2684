//! One call over HTTP.

use super::events::Events;
use super::{A2UI, Caller, auth, http_json};
use crate::card::{Dialect, KnownCard, innermost};
use crate::error::A2aError;
use crate::limits;
use crate::types::Interface;
use crate::wire::{Call, ProtocolError, ProtocolVersion, RpcRequest};
use bytes::Bytes;
use copilotkit_protocol::Json;
use copilotkit_runtime::client::{StreamBody, StreamClient, StreamResponse};
use copilotkit_runtime::headers::HeaderPolicy;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::timeout;
use url::Url;

pub(super) struct Transport {
    pub(super) http: reqwest::Client,
    pub(super) streams: StreamClient,
    pub(super) headers: HeaderMap,
    pub(super) credentials: BTreeMap<String, SecretString>,
    pub(super) forward: HeaderPolicy,
    pub(super) idle: Duration,
    pub(super) connect: Duration,
}

/// What came back.
pub(super) enum Answer {
    /// One result.
    Whole(Json),
    /// Events.
    Stream(Events),
}

impl Transport {
    pub(super) async fn call(
        &self,
        card: &KnownCard,
        (interface, dialect): &(Interface, Dialect),
        call: &mut Call,
        caller: &Caller,
    ) -> Result<Answer, A2aError> {
        let bad = || A2aError::Config(format!("{} is not an address", interface.url));
        let mut url = Url::parse(&interface.url).map_err(|_| bad())?;
        let shown = crate::card::shown(&url);
        let version = dialect.version();
        let mut headers = self.headers(card, call, version, caller);
        auth::apply(&card.card, &self.credentials, &mut headers, &mut url)?;
        let (verb, url, body) = match dialect {
            Dialect::JsonRpc(version) => {
                call.set_tenant(interface.tenant.as_deref());
                let Some(name) = call.method().name(*version) else {
                    let reason = format!("the agent at {shown} speaks A2A {version}, which has no such call");
                    return Err(A2aError::Config(reason));
                };
                let request = RpcRequest::new(Json::of("1"), name, call.params(*version));
                headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
                (Method::POST, url, Some(copilotkit_protocol::to_vec(&request)))
            }
            Dialect::HttpJson => {
                call.set_tenant(None);
                headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/a2a+json"));
                http_json::request(&url, interface.tenant.as_deref(), call).ok_or_else(bad)?
            }
        };
        let method = call.method().name(version).unwrap_or("unknown");
        let (host, port) = (url.host_str().unwrap_or_default().to_owned(), url.port_or_known_default());
        let traced = caller.trace.agent(method, &card.card.name, &host, port);
        traced.trace().inject(&mut headers);
        let answer = match body {
            Some(body) => self.post(&shown, url, headers, body.into(), card).await,
            None => self.bare(&shown, verb, url, headers, card).await,
        };
        tracing::debug!(agent = %shown, method, %version, ok = answer.is_ok(), "a call of an A2A agent");
        let answer = match answer {
            Ok(Body::Stream(body)) => {
                let events = Events::stream(shown, body, *dialect, self.idle);
                return Ok(Answer::Stream(events.with_call(traced)));
            }
            Ok(Body::Whole(text)) => read_whole(&shown, &text, *dialect).map(Answer::Whole),
            Err(error) => Err(error),
        };
        traced.end(answer.as_ref().map(|_| ()).map_err(|error| error.code().as_str()));
        answer
    }

    fn headers(&self, card: &KnownCard, call: &Call, version: ProtocolVersion, caller: &Caller) -> HeaderMap {
        let mut headers = self.forward.outgoing(&caller.headers, &self.headers);
        let stream = call.method().is_stream();
        let accept = if stream { "text/event-stream" } else { "application/json" };
        headers.insert(ACCEPT, HeaderValue::from_static(accept));
        if version == ProtocolVersion::V1_0 {
            headers.insert("a2a-version", HeaderValue::from_static(ProtocolVersion::V1_0.as_str()));
        }
        if let Some(uri) = card.extension(A2UI).and_then(|uri| HeaderValue::from_str(uri).ok()) {
            headers.insert(version.extensions_header(), uri);
        }
        headers
    }

    async fn post(
        &self,
        shown: &str,
        url: Url,
        headers: HeaderMap,
        body: Bytes,
        card: &KnownCard,
    ) -> Result<Body, A2aError> {
        let target = self.streams.target(url.as_str())?;
        let limit = self.idle;
        let StreamResponse { status, headers, mut body } =
            match timeout(limit, self.streams.post(&target, headers, body)).await {
                Ok(Ok(response)) => response,
                Ok(Err(error)) => return Err(A2aError::sent(shown, &error, self.connect)),
                Err(_) => return Err(A2aError::Timeout { url: shown.to_owned(), limit }),
            };
        let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let essence = content_type.split(';').next().unwrap_or_default().trim();
        if status.is_success() && essence.eq_ignore_ascii_case("text/event-stream") {
            return Ok(Body::Stream(body));
        }
        let text = self.read(shown, &mut body).await?;
        self.checked(shown, status, text, card).map(Body::Whole)
    }

    async fn read(&self, shown: &str, body: &mut StreamBody) -> Result<Vec<u8>, A2aError> {
        let mut bytes = Vec::new();
        loop {
            let piece = match timeout(self.idle, body.next_batch()).await {
                Ok(Ok(Some(piece))) => piece,
                Ok(Ok(None)) => return Ok(bytes),
                Ok(Err(error)) => return Err(A2aError::sent(shown, &error, self.idle)),
                Err(_) => return Err(A2aError::Timeout { url: shown.to_owned(), limit: self.idle }),
            };
            bounded(shown, bytes.len() + piece.len())?;
            bytes.extend_from_slice(&piece);
        }
    }

    /// A request without a body, whose answer is no stream.
    async fn bare(
        &self,
        shown: &str,
        verb: Method,
        url: Url,
        headers: HeaderMap,
        card: &KnownCard,
    ) -> Result<Body, A2aError> {
        let failed = |error: reqwest::Error| {
            let error = error.without_url();
            let (url, cause) = (shown.to_owned(), innermost(&error));
            if error.is_connect() { A2aError::Connect { url, cause } } else { A2aError::Disconnected { url, cause } }
        };
        let late = || A2aError::Timeout { url: shown.to_owned(), limit: self.idle };
        let request = self.http.request(verb, url).headers(headers).send();
        let mut response = timeout(self.idle, request).await.map_err(|_| late())?.map_err(failed)?;
        let status = response.status();
        let mut bytes = Vec::new();
        while let Some(piece) = timeout(self.idle, response.chunk()).await.map_err(|_| late())?.map_err(failed)? {
            bounded(shown, bytes.len() + piece.len())?;
            bytes.extend_from_slice(&piece);
        }
        self.checked(shown, status, bytes, card).map(Body::Whole)
    }

    pub(super) fn proofs(&self) -> auth::Proofs<'_> {
        auth::Proofs { credentials: &self.credentials, headers: &self.headers, forward: &self.forward }
    }

    /// The text of an answer. One with an error of the protocol is passed on whatever its status; any other must be a success.
    fn checked(&self, shown: &str, status: StatusCode, bytes: Vec<u8>, card: &KnownCard) -> Result<String, A2aError> {
        let url = shown.to_owned();
        let text = String::from_utf8(bytes)
            .map_err(|_| A2aError::BadAnswer { url: url.clone(), reason: "it is not UTF-8".to_owned() })?;
        if status.is_success() {
            return Ok(text);
        }
        if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
            let (wanted, remedy) = (auth::wanted(&card.card), self.proofs().remedy(&card.card));
            return Err(A2aError::Unauthorized { url, status: status.as_u16(), wanted, remedy });
        }
        if let Ok(Envelope { error: Some(_), jsonrpc: Some(_), .. }) = serde_json::from_str(&text) {
            return Ok(text);
        }
        if let Some(error) = ProtocolError::from_http(&text) {
            return Err(A2aError::Protocol { url, error: clean(error) });
        }
        let hint = match status.as_u16() {
            300..=399 => " Redirects are not followed: let the card name the address that it points to.",
            404 | 405 => " Its card may name a wrong address.",
            429 => " It has too much to do.",
            _ => "",
        };
        Err(A2aError::Status { url, status: status.as_u16(), hint })
    }
}

enum Body {
    Whole(String),
    Stream(StreamBody),
}

fn bounded(shown: &str, bytes: usize) -> Result<(), A2aError> {
    if bytes <= limits::ANSWER_BYTES {
        return Ok(());
    }
    let what = format!("an answer of more than {} bytes", limits::ANSWER_BYTES);
    Err(A2aError::TooLarge { url: shown.to_owned(), what })
}

/// JSON-RPC around a result.
#[derive(Deserialize)]
pub(super) struct Envelope<'a> {
    #[serde(borrow)]
    pub(super) jsonrpc: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) result: Option<&'a RawValue>,
    #[serde(default)]
    pub(super) error: Option<ProtocolError>,
    #[serde(borrow)]
    pub(super) id: Option<&'a RawValue>,
}

/// The words of an agent's error, fit to be shown.
pub(super) fn clean(error: ProtocolError) -> ProtocolError {
    ProtocolError { message: crate::guard::clean_line(&error.message, 500), ..error }
}

fn read_whole(shown: &str, text: &str, dialect: Dialect) -> Result<Json, A2aError> {
    let bad = |reason: String| A2aError::BadAnswer { url: shown.to_owned(), reason };
    if dialect == Dialect::HttpJson {
        if text.trim().is_empty() {
            return Ok(Json::default());
        }
        return Json::parse(text).map_err(|error| bad(error.to_string()));
    }
    let envelope: Envelope<'_> = serde_json::from_str(text).map_err(|error| bad(error.to_string()))?;
    if let Some(error) = envelope.error {
        return Err(A2aError::Protocol { url: shown.to_owned(), error: clean(error) });
    }
    match envelope.result {
        Some(result) => Json::parse(result.get()).map_err(|error| bad(error.to_string())),
        // Some leave a `null` out.
        None if envelope.jsonrpc.is_some() || envelope.id.is_some() => Ok(Json::default()),
        None => Err(bad("it is no answer of JSON-RPC".to_owned())),
    }
}
