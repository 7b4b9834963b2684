//! OpenAI Chat Completions and every service compatible with it.
//!
//! [`Codec`] and [`body`] are the dialect without I/O; [`OpenAiChat`] is the [`Model`] that calls a service with them.

mod chunk;
mod codec;
mod envelope;
mod error;
mod history;
mod parts;
mod profile;
mod request;
mod retry;
mod tracker;
mod transport;

pub use codec::{Codec, CodecOptions};
pub use profile::{Profile, Quirks, ReasoningHistory, ToolChoiceStyle};
pub use request::body;
pub use transport::RETRIES;

use crate::{ConfigError, service};
use copilotkit_runtime::client::{ClientOptions, StreamClient, Target};
use copilotkit_runtime::{Model, ModelRequest, ModelStream, limits};
use reqwest::Url;
use reqwest::header::{HeaderMap, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// How long the head of an answer may take: reasoning models of some services answer when they are done.
const HEAD_TIMEOUT: Duration = Duration::from_secs(600);
/// The wait before the second try; it doubles, up to [`retry::DELAY_MAX`].
const RETRY_DELAY: Duration = Duration::from_millis(500);

/// How a service is called.
#[derive(Clone)]
pub struct OpenAiChatOptions {
    /// The service.
    pub profile: Profile,
    /// The model, as the service knows it.
    pub model: String,
    /// The key; a local server needs none.
    pub api_key: Option<SecretString>,
    /// Where the service is, up to and with the version; absent is the profile's address.
    pub base_url: Option<String>,
    /// Headers that are sent as well.
    pub headers: Vec<(String, SecretString)>,
    /// How long a connection may take.
    pub connect_timeout: Duration,
    /// How long the head of an answer may take.
    pub head_timeout: Duration,
    /// The longest silence of an answer; comments count as life.
    pub idle_timeout: Duration,
    /// The wait before the second try; it doubles with every further one, up to 8 s.
    pub retry_delay: Duration,
}

impl OpenAiChatOptions {
    /// The defaults for a model of a service.
    pub fn new(profile: Profile, model: impl Into<String>) -> Self {
        Self {
            profile,
            model: model.into(),
            api_key: None,
            base_url: None,
            headers: Vec::new(),
            connect_timeout: limits::AGENT_CONNECT,
            head_timeout: HEAD_TIMEOUT,
            idle_timeout: limits::AGENT_IDLE,
            retry_delay: RETRY_DELAY,
        }
    }
}

impl fmt::Debug for OpenAiChatOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenAiChatOptions")
            .field("provider", &self.profile.name)
            .field("model", &self.model)
            .field("has_key", &self.api_key.is_some())
            .finish_non_exhaustive()
    }
}

/// A model behind a service that speaks Chat Completions. Cheap to clone; clones share their connections.
///
/// The stream ends early, without [`Finish`](copilotkit_runtime::ModelEvent::Finish), only when the request's token is
/// cancelled. Dropping it closes the connection.
#[derive(Clone)]
pub struct OpenAiChat {
    inner: Arc<Inner>,
}

struct Inner {
    http: StreamClient,
    target: Target,
    options: OpenAiChatOptions,
    url: Url,
    headers: HeaderMap,
}

impl OpenAiChat {
    /// A model with its own pool of connections.
    ///
    /// # Errors
    /// An address or header that cannot be used, or a TLS stack that cannot be set up.
    pub fn new(options: OpenAiChatOptions) -> Result<Self, ConfigError> {
        let http =
            StreamClient::new(&ClientOptions { connect_timeout: options.connect_timeout, ..ClientOptions::default() })?;
        let url = endpoint(&options)?;
        let target = http.target(url.as_str())?;
        let headers = headers(&options)?;
        Ok(Self { inner: Arc::new(Inner { http, target, options, url, headers }) })
    }

    /// Where calls go.
    pub fn url(&self) -> &Url {
        &self.inner.url
    }

    /// The environment variable of the key that is missing; none when there is a key or a call may do without. A key is
    /// only known to be needed at the service's own address.
    pub fn missing_key(&self) -> Option<&str> {
        self.inner.missing_key()
    }
}

impl Inner {
    fn missing_key(&self) -> Option<&str> {
        let profile = &self.options.profile;
        let own = Url::parse(&profile.base_url).ok()?;
        let needed = own.scheme() == "https" && own.host_str() == self.url.host_str();
        (needed && self.options.api_key.is_none()).then_some(&*profile.api_key_env)
    }

    /// Takes the key out of what a service said: some repeat it.
    fn redact(&self, text: &mut String) {
        let secrets = self.options.headers.iter().map(|(_, value)| value).chain(&self.options.api_key);
        for secret in secrets.map(ExposeSecret::expose_secret) {
            if secret.len() >= 4 && text.contains(secret) {
                *text = text.replace(secret, "***");
            }
        }
    }
}

impl fmt::Debug for OpenAiChat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.options.fmt(f)
    }
}

impl Model for OpenAiChat {
    fn stream(&self, request: ModelRequest) -> ModelStream {
        transport::stream(Arc::clone(&self.inner), request)
    }

    fn provider(&self) -> &str {
        &self.inner.options.profile.name
    }

    fn name(&self) -> &str {
        &self.inner.options.model
    }
}

/// `{base}/chat/completions`, at the profile's address unless another one is given.
fn endpoint(options: &OpenAiChatOptions) -> Result<Url, ConfigError> {
    let profile = &options.profile;
    let base = options.base_url.as_deref().unwrap_or(&profile.base_url);
    if base.is_empty() {
        return Err(ConfigError::MissingBaseUrl { provider: profile.name.to_string() });
    }
    service::endpoint(base, "/chat/completions")
}

fn headers(options: &OpenAiChatOptions) -> Result<HeaderMap, ConfigError> {
    let mut headers = HeaderMap::new();
    headers.insert("content-type", HeaderValue::from_static("application/json"));
    headers.insert("accept", HeaderValue::from_static("text/event-stream"));
    service::add_secrets(&mut headers, options.api_key.as_ref(), &options.headers)?;
    Ok(headers)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(base_url: &str) -> OpenAiChatOptions {
        let profile = Profile::named("openai").expect("known");
        OpenAiChatOptions { base_url: Some(base_url.into()), ..OpenAiChatOptions::new(profile, "gpt-4.1-mini") }
    }

    #[test]
    fn the_endpoint_is_below_the_base() {
        for (base, expected) in [
            ("http://h/v1", "http://h/v1/chat/completions"),
            ("http://h/v1/", "http://h/v1/chat/completions"),
            ("http://h", "http://h/chat/completions"),
            ("http://h/v1/chat/completions", "http://h/v1/chat/completions"),
            ("http://h/openai?api-version=v1", "http://h/openai/chat/completions?api-version=v1"),
        ] {
            assert_eq!(endpoint(&options(base)).expect(base).as_str(), expected);
        }
        assert!(endpoint(&options("h/v1")).is_err());
        assert!(endpoint(&options("")).is_err());
    }

    #[test]
    fn a_key_is_needed_at_the_own_address_only() {
        assert_eq!(OpenAiChat::new(options("http://localhost:1/v1")).expect("model").missing_key(), None);
        let own = OpenAiChat::new(options("https://api.openai.com/v1")).expect("model");
        assert_eq!(own.missing_key(), Some("OPENAI_API_KEY"));
    }

    #[test]
    fn a_key_is_never_shown() {
        let key = Some(SecretString::from("sk-secret-value"));
        let model =
            OpenAiChat::new(OpenAiChatOptions { api_key: key, ..options("http://localhost:1/v1") }).expect("model");
        assert!(!format!("{model:?} {:?} {:?}", model.inner.options, model.inner.headers).contains("secret-value"));
        let mut text = "Incorrect key: sk-secret-value.".to_owned();
        model.inner.redact(&mut text);
        assert_eq!(text, "Incorrect key: ***.");
    }
}
