//! One call over HTTP: tries, reading, deadlines.

use super::authorize::Unsigned;
use super::framing::Framing;
use super::halves::Halves;
use super::{Inner, dialects, retry};
use crate::dialect::{Codec, CodecOptions, Stage, error};
use crate::outbound::Secrets;
use crate::spec::Api;
use bytes::Bytes;
use copilotkit_runtime::Trace;
use copilotkit_runtime::agent::Pulse;
use copilotkit_runtime::client::{StreamBody, StreamError, StreamResponse};
use copilotkit_runtime::model::{ModelError, ModelErrorKind, ModelEvent, ModelRequest, ModelStream};
use futures::stream::{Stream, StreamExt as _};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::time::timeout;

/// Tries after the first, unless the request says otherwise.
pub const RETRIES: u32 = 2;
/// The most tries after the first, whatever the request says.
const RETRIES_MAX: u32 = 10;
/// The largest body that is not a stream. A whole answer fits; an error is far smaller.
const BODY_MAX: usize = 16 * 1024 * 1024;
/// How long it may take to get a token.
const AUTHORIZE_MAX: Duration = Duration::from_secs(30);
/// How long usage and the end of the stream may take after the finish reason. Some servers keep the connection open.
const FINISH_GRACE: Duration = Duration::from_secs(5);
/// How long the end of the body may take after `[DONE]`; a body read to its end gives its connection back to the pool.
const DONE_GRACE: Duration = Duration::from_millis(20);

/// Why a try failed.
struct Failure {
    error: ModelError,
    /// Whether another try may succeed, by what the service said or the kind of the error.
    retryable: bool,
}

impl From<ModelError> for Failure {
    fn from(error: ModelError) -> Self {
        Self { retryable: error.kind.is_retryable(), error }
    }
}

/// The events of one call. They come in batches of what arrived together, so that what is done for each wait is not done
/// for each event.
pub(super) fn stream(inner: Arc<Inner>, request: ModelRequest) -> ModelStream {
    batches(inner, request).flat_map(futures::stream::iter).boxed()
}

type Batch = Vec<Result<ModelEvent, ModelError>>;

fn batches(inner: Arc<Inner>, request: ModelRequest) -> impl Stream<Item = Batch> + Send {
    async_stream::stream! {
        if let Some(variable) = inner.missing_key() {
            let message = format!("there is no API key for {}: set {variable}", inner.options.profile.name);
            yield vec![Err(ModelError::new(ModelErrorKind::Auth, message))];
            return;
        }
        let body = match dialects::body(&inner.options, &request) {
            Ok(body) => Bytes::from(body),
            Err(error) => {
                yield vec![Err(error)];
                return;
            }
        };
        let retries = request.settings.max_retries.unwrap_or(RETRIES).min(RETRIES_MAX);
        let (cancel, pulse, trace) = (request.cancel, request.pulse, request.trace);
        let mut secrets = inner.secrets.clone();
        let mut out = Vec::new();
        for attempt in 0..=retries {
            let mut answer: Option<Answer> = None;
            let mut had_output = false;
            let failure = loop {
                let step = async {
                    match &mut answer {
                        None => {
                            let opened = Answer::open(&inner, body.clone(), &pulse, &trace, &mut secrets).await;
                            opened.map(|opened| answer = Some(opened))
                        }
                        Some(answer) => answer.read(&inner, &mut out).await,
                    }
                };
                let result = tokio::select! {
                    biased;
                    () = cancel.cancelled() => return,
                    result = step => result,
                };
                if !out.is_empty() {
                    had_output = true;
                    yield out.drain(..).map(Ok).collect();
                }
                match result {
                    Err(failure) => break failure,
                    Ok(()) if answer.as_ref().is_some_and(|answer| answer.ended) => return,
                    Ok(()) => {}
                }
            };
            let mut error = failure.error;
            secrets.clean(&mut error.message);
            if let Some(code) = &mut error.provider_code {
                secrets.clean(code);
            }
            if attempt == retries || had_output || !failure.retryable {
                yield vec![Err(error)];
                return;
            }
            let random = uuid::Uuid::new_v4().as_bytes()[0];
            let delay = retry::delay(inner.options.retry_delay, attempt, error.retry_after, random);
            tracing::debug!(
                provider = %inner.options.profile.name,
                model = %inner.options.model,
                code = %error.kind.code(),
                attempt,
                ?delay,
                "a model call failed and is tried again"
            );
            tokio::select! {
                biased;
                () = cancel.cancelled() => return,
                () = tokio::time::sleep(delay) => {}
            }
        }
    }
}

/// An answer that is being read.
struct Answer {
    body: StreamBody,
    codec: Box<dyn Codec>,
    framing: Framing,
    halves: Halves,
    /// A service that answers whole although a stream was asked for.
    whole: bool,
    ended: bool,
    pulse: Pulse,
}

impl Answer {
    async fn open(
        inner: &Inner,
        body: Bytes,
        pulse: &Pulse,
        trace: &Trace,
        secrets: &mut Secrets,
    ) -> Result<Self, Failure> {
        let mut headers = inner.headers.clone();
        trace.inject(&mut headers);
        if let Some(authorize) = &inner.options.authorize {
            let request = Unsigned { method: "POST", url: &inner.url, body: &body };
            let added = match pulse.during(timeout(AUTHORIZE_MAX, authorize.authorize(request))).await {
                Ok(added) => added?,
                Err(_) => {
                    let message = format!("no token could be had for {} in time", inner.options.profile.name);
                    return Err(ModelError::new(ModelErrorKind::Timeout, message).into());
                }
            };
            for (name, value) in added {
                if let (true, Ok(secret)) = (value.is_sensitive(), value.to_str()) {
                    secrets.add(secret);
                }
                headers.insert(name, value);
            }
        }
        let send = inner.http.post(&inner.target, headers, body);
        let mut response = match pulse.during(timeout(inner.options.head_timeout, send)).await {
            Ok(Ok(response)) => response,
            Ok(Err(cause)) => return Err(network(inner, &cause).into()),
            // Who waited for so long is not made to wait as long again: the next model may do better.
            Err(_) => return Err(Failure { error: silent(inner, inner.options.head_timeout), retryable: false }),
        };
        if !response.status.is_success() {
            return Err(refusal(inner, &mut response).await);
        }
        let kind = response.headers.get("content-type").and_then(|value| value.to_str().ok()).unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        if kind == "text/html" {
            let message = format!("{} answered with a web page: check the base URL", inner.address());
            return Err(ModelError::new(ModelErrorKind::Protocol, message).into());
        }
        let options = CodecOptions {
            provider: inner.options.profile.name.to_string(),
            model: inner.options.model.clone(),
            id_prefix: format!("call_{:016x}_", uuid::Uuid::new_v4().as_u64_pair().0),
            quirks: inner.options.profile.quirks,
            think_tags: inner.options.think_tags,
        };
        let api = inner.options.api;
        Ok(Self {
            body: response.body,
            codec: dialects::codec(api, options)?,
            framing: Framing::new(api),
            halves: Halves::default(),
            whole: kind == "application/json",
            ended: false,
            pulse: pulse.clone(),
        })
    }

    /// Reads the next piece and appends what it means to `out`.
    async fn read(&mut self, inner: &Inner, out: &mut Vec<ModelEvent>) -> Result<(), Failure> {
        if self.whole {
            return self.read_whole(inner, out).await;
        }
        let finished = self.codec.stage() != Stage::Open;
        let idle = inner.options.idle_timeout;
        let wait = if finished { idle.min(FINISH_GRACE) } else { idle };
        let arrived = match timeout(wait, self.body.next_batch()).await {
            Ok(Ok(arrived)) => arrived,
            // The answer is complete: what is missing is at most the count of tokens.
            Ok(Err(_)) | Err(_) if finished => None,
            Ok(Err(cause)) => return Err(network(inner, &cause).into()),
            Err(_) => return Err(silent(inner, idle).into()),
        };
        let at_end = arrived.is_none();
        if let Some(arrived) = arrived {
            self.pulse.beat();
            self.framing.push(arrived);
        }
        while let Some(event) = self.framing.next(at_end) {
            let result = event.and_then(|(name, data)| {
                let data = self.halves.join(data);
                self.codec.on_event(std::str::from_utf8(&name).unwrap_or_default(), &data, out)
            });
            // An error before any output is one like an error status: unless the service says what is wrong with the
            // request, another try may succeed.
            result.map_err(|error| Failure {
                retryable: error.kind.is_retryable() || error.kind == ModelErrorKind::Provider,
                error,
            })?;
        }
        let done = self.codec.stage() == Stage::Done;
        if done && !at_end {
            let _ = timeout(DONE_GRACE, self.body.next_batch()).await;
        }
        if at_end || done {
            self.ended = true;
            self.codec.finish(out)?;
        }
        Ok(())
    }

    async fn read_whole(&mut self, inner: &Inner, out: &mut Vec<ModelEvent>) -> Result<(), Failure> {
        let body = whole_body(inner, &mut self.body).await?;
        if !self.codec.on_whole(&body, out)? {
            return Err(error::from_response(200, None, &body, &inner.options.profile.name).into());
        }
        self.ended = true;
        self.codec.finish(out)?;
        Ok(())
    }
}

/// An answer whose status is no success.
async fn refusal(inner: &Inner, response: &mut StreamResponse) -> Failure {
    let status = response.status;
    let said = retry::should_retry(&response.headers);
    let retry_after = retry::retry_after(&response.headers, SystemTime::now());
    let body = whole_body(inner, &mut response.body).await.unwrap_or_default();
    let named = response.headers.get("x-amzn-errortype").and_then(|value| value.to_str().ok());
    let mut error = error::from_response(status.as_u16(), named, &body, &inner.options.profile.name);
    error.retry_after = retry_after.or(error.retry_after);
    let responses = inner.options.api == Api::Responses && inner.options.profile.speaks(Api::Chat);
    let hint = match error.kind {
        ModelErrorKind::Auth => inner.key_advice(),
        ModelErrorKind::NotFound if responses => {
            let advice = "a service without the Responses API needs api = \"chat\"";
            format!("check the model and the base URL, {}; {advice}", inner.address())
        }
        ModelErrorKind::NotFound => format!("check the model and the base URL, {}", inner.address()),
        _ if status.is_redirection() => {
            error.kind = ModelErrorKind::NotFound;
            "redirects are not followed, check the base URL".to_owned()
        }
        _ => String::new(),
    };
    if !hint.is_empty() {
        error.message = format!("{} ({hint})", error.message);
    }
    Failure { retryable: said.unwrap_or(error.kind.is_retryable()), error }
}

async fn whole_body(inner: &Inner, body: &mut StreamBody) -> Result<Vec<u8>, ModelError> {
    let mut whole = Vec::new();
    loop {
        match timeout(inner.options.idle_timeout, body.next_batch()).await {
            Ok(Ok(Some(piece))) if whole.len() + piece.len() <= BODY_MAX => whole.extend_from_slice(&piece),
            Ok(Ok(Some(_))) => {
                return Err(ModelError::new(ModelErrorKind::Protocol, "the provider's answer is too large"));
            }
            Ok(Ok(None)) => return Ok(whole),
            Ok(Err(cause)) => return Err(network(inner, &cause)),
            Err(_) => return Err(silent(inner, inner.options.idle_timeout)),
        }
    }
}

fn network(inner: &Inner, cause: &StreamError) -> ModelError {
    let (kind, what) = match (cause.is_timeout(), cause.is_connect()) {
        (true, _) => (ModelErrorKind::Timeout, "there was no connection in time to"),
        (_, true) => (ModelErrorKind::Network, "there is no connection to"),
        _ => (ModelErrorKind::Network, "the connection broke to"),
    };
    ModelError::new(kind, format!("{what} {}: {cause}", inner.address()))
}

fn silent(inner: &Inner, wait: Duration) -> ModelError {
    let message = format!("{} sent nothing for {wait:?}", inner.address());
    ModelError::new(ModelErrorKind::Timeout, message)
}
