//! Speech to text at OpenAI's `/audio/transcriptions`, and at every service compatible with it: Groq, Speaches, LocalAI,
//! whisper.cpp behind a gateway.
//!
//! ```
//! use copilotkit_adapters::{OpenAiTranscriber, OpenAiTranscriberOptions};
//!
//! let options = OpenAiTranscriberOptions::new("http://127.0.0.1:9000/v1", "whisper-1");
//! let service = OpenAiTranscriber::new(options)?;
//! assert_eq!(service.url().path(), "/v1/audio/transcriptions");
//! # Ok::<(), copilotkit_adapters::ConfigError>(())
//! ```

mod answer;
mod file;

use crate::ConfigError;
use crate::outbound::{self, Secrets};
use async_trait::async_trait;
use copilotkit_runtime::client::{self, ClientOptions};
use copilotkit_runtime::{TranscribeError, TranscribeRequest, Transcriber, limits};
use reqwest::header::{AUTHORIZATION, HeaderMap};
use reqwest::multipart::Form;
use reqwest::{Response, Url};
use secrecy::SecretString;
use std::fmt;
use std::time::{Duration, Instant};
use tokio::time::timeout_at;

/// Where OpenAI is.
pub const OPENAI: &str = "https://api.openai.com/v1";
/// The model that is asked for unless another one is named.
pub const MODEL: &str = "gpt-4o-mini-transcribe";
/// The largest answer. An hour of speech is a hundredth of it.
const ANSWER_MAX: usize = 8 * 1024 * 1024;

/// How a service is called.
#[derive(Clone)]
pub struct OpenAiTranscriberOptions {
    /// Where the service is, up to and with the version.
    pub base_url: String,
    /// The model, as the service knows it.
    pub model: String,
    /// The key; a local server needs none.
    pub api_key: Option<SecretString>,
    /// Headers that are sent as well.
    pub headers: Vec<(String, SecretString)>,
    /// How long a connection may take.
    pub connect_timeout: Duration,
}

impl OpenAiTranscriberOptions {
    /// A service without a key.
    pub fn new(base_url: impl Into<String>, model: impl Into<String>) -> Self {
        Self {
            base_url: base_url.into(),
            model: model.into(),
            api_key: None,
            headers: Vec::new(),
            connect_timeout: limits::AGENT_CONNECT,
        }
    }
}

impl fmt::Debug for OpenAiTranscriberOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenAiTranscriberOptions")
            .field("model", &self.model)
            .field("has_key", &self.api_key.is_some())
            .finish_non_exhaustive()
    }
}

/// A [`Transcriber`] behind such a service. One recording is one request: a page asks its user before it tries again.
pub struct OpenAiTranscriber {
    http: reqwest::Client,
    options: OpenAiTranscriberOptions,
    url: Url,
    headers: HeaderMap,
    secrets: Secrets,
}

impl fmt::Debug for OpenAiTranscriber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.options.fmt(f)
    }
}

impl OpenAiTranscriber {
    /// A service with its own pool of connections.
    ///
    /// # Errors
    /// An address or header that cannot be used, or a TLS stack that cannot be set up.
    pub fn new(options: OpenAiTranscriberOptions) -> Result<Self, ConfigError> {
        let client = ClientOptions { connect_timeout: options.connect_timeout, ..ClientOptions::default() };
        let (http, url) = (client::build(&client)?, outbound::endpoint(&options.base_url, "/audio/transcriptions")?);
        let mut headers = HeaderMap::new();
        let key = options.api_key.as_ref().map(|key| (AUTHORIZATION, outbound::bearer(key)));
        outbound::add_secrets(&mut headers, key, &options.headers)?;
        let secrets = Secrets::of(options.api_key.as_ref(), &options.headers, &url);
        Ok(Self { http, options, url, headers, secrets })
    }

    /// Where recordings go.
    pub fn url(&self) -> &Url {
        &self.url
    }

    async fn call(&self, request: TranscribeRequest) -> Result<String, TranscribeError> {
        let deadline = request.deadline;
        let media_type = request.media_type.clone();
        let form = Form::new()
            .text("model", self.options.model.clone())
            .text("response_format", "json")
            .part("file", file::part(request)?);
        let send = self.http.post(self.url.clone()).headers(self.headers.clone()).multipart(form).send();
        let response = match timeout_at(deadline.into(), send).await {
            Ok(Ok(response)) => response,
            Ok(Err(cause)) => return Err(self.network(&cause)),
            Err(_) => return Err(TranscribeError::Timeout),
        };
        let (status, retry_after) = (response.status().as_u16(), answer::retry_after(response.headers()));
        let body = self.body(response, deadline).await;
        if (200..300).contains(&status) {
            return answer::text(&body?);
        }
        // What an error says is worth less than that there is one.
        let mut error = answer::failure(status, &body.unwrap_or_default(), retry_after, media_type);
        self.redact(&mut error);
        Err(error)
    }

    async fn body(&self, mut response: Response, deadline: Instant) -> Result<Vec<u8>, TranscribeError> {
        let mut body = Vec::new();
        loop {
            match timeout_at(deadline.into(), response.chunk()).await {
                Ok(Ok(Some(piece))) if body.len() + piece.len() <= ANSWER_MAX => body.extend_from_slice(&piece),
                Ok(Ok(Some(_))) => return Err(answer::unreadable("it is too large")),
                Ok(Ok(None)) => return Ok(body),
                Ok(Err(cause)) => return Err(self.network(&cause)),
                Err(_) => return Err(TranscribeError::Timeout),
            }
        }
    }

    fn network(&self, cause: &reqwest::Error) -> TranscribeError {
        if cause.is_timeout() {
            return TranscribeError::Timeout;
        }
        let mut root: &dyn std::error::Error = cause;
        while let Some(source) = root.source() {
            root = source;
        }
        // Not the whole address: it may carry credentials.
        let (scheme, host) = (self.url.scheme(), self.url.host_str().unwrap_or_default());
        let port = self.url.port().map(|port| format!(":{port}")).unwrap_or_default();
        TranscribeError::Network { detail: format!("{scheme}://{host}{port}: {root}") }
    }

    /// Takes keys out of what the service said: some repeat them.
    fn redact(&self, error: &mut TranscribeError) {
        let (TranscribeError::Auth { detail: text } | TranscribeError::Provider { message: text, .. }) = error else {
            return;
        };
        self.secrets.clean(text);
    }
}

#[async_trait]
impl Transcriber for OpenAiTranscriber {
    async fn transcribe(&self, request: TranscribeRequest) -> Result<String, TranscribeError> {
        if request.audio.is_empty() {
            return Err(TranscribeError::TooShort);
        }
        let cancel = request.cancel.clone();
        tokio::select! {
            biased;
            () = cancel.cancelled() => Err(TranscribeError::Timeout),
            result = self.call(request) => result,
        }
    }
}
