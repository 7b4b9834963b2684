//! A model behind a service: whatever the dialect, it is called, read and tried again in the same way.

mod authorize;
mod check;
mod dialects;
mod endpoint;
mod framing;
mod halves;
mod retry;
mod transport;

pub use authorize::{Authorize, Unsigned};
pub use check::{Check, check};
pub use transport::RETRIES;

use crate::outbound::{self, Secrets};
use crate::profile::KeyStyle;
use crate::spec::Api;
use crate::{ConfigError, Profile};
use copilotkit_runtime::client::{ClientOptions, StreamClient, Target};
use copilotkit_runtime::{Model, ModelRequest, ModelStream, limits};
use reqwest::Url;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use secrecy::SecretString;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// The wait before the second try; it doubles, up to 8 s.
const RETRY_DELAY: Duration = Duration::from_millis(500);

/// How a service is called.
#[derive(Clone)]
pub struct ServiceOptions {
    /// The service.
    pub profile: Profile,
    /// The dialect; the profile's own by default.
    pub api: Api,
    /// The model, as the service knows it.
    pub model: String,
    /// The key; a local server needs none.
    pub api_key: Option<SecretString>,
    /// The environment variable that the key is from, for what is said when it is refused.
    pub api_key_env: Option<String>,
    /// What adds to each request what a key alone cannot: tokens that expire, signatures.
    pub authorize: Option<Arc<dyn Authorize>>,
    /// Where the service is, up to and with the version; absent is the profile's address.
    pub base_url: Option<String>,
    /// Headers that are sent as well.
    pub headers: Vec<(String, SecretString)>,
    /// Text between `<think>` and `</think>` is reasoning (`chat` only).
    pub think_tags: bool,
    /// How long a connection may take.
    pub connect_timeout: Duration,
    /// How long the head of an answer may take; default [`limits::MODEL_TIMEOUT`]. A call that was silent for so long is not
    /// tried again.
    pub head_timeout: Duration,
    /// The longest silence of an answer; comments count as life.
    pub idle_timeout: Duration,
    /// The wait before the second try; it doubles with every further one, up to 8 s.
    pub retry_delay: Duration,
}

impl ServiceOptions {
    /// The defaults for a model of a service.
    pub fn new(profile: Profile, model: impl Into<String>) -> Self {
        Self {
            api: profile.api,
            profile,
            model: model.into(),
            api_key: None,
            api_key_env: None,
            authorize: None,
            base_url: None,
            headers: Vec::new(),
            think_tags: false,
            connect_timeout: limits::AGENT_CONNECT,
            head_timeout: limits::MODEL_TIMEOUT,
            idle_timeout: limits::AGENT_IDLE,
            retry_delay: RETRY_DELAY,
        }
    }
}

impl fmt::Debug for ServiceOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServiceOptions")
            .field("provider", &self.profile.name)
            .field("api", &self.api)
            .field("model", &self.model)
            .field("has_key", &self.api_key.is_some())
            .finish_non_exhaustive()
    }
}

/// A model behind a service. Cheap to clone; clones share their connections.
///
/// The stream ends early, without [`Finish`](copilotkit_runtime::ModelEvent::Finish), only when the request's token is
/// cancelled. Dropping it closes the connection.
#[derive(Clone)]
pub struct ServiceModel {
    inner: Arc<Inner>,
}

struct Inner {
    http: StreamClient,
    target: Target,
    options: ServiceOptions,
    url: Url,
    headers: HeaderMap,
    secrets: Secrets,
}

impl ServiceModel {
    /// A model with its own pool of connections.
    ///
    /// # Errors
    /// A dialect that the service or this build does not speak, an address or header that cannot be used, or a TLS stack
    /// that cannot be set up.
    pub fn new(options: ServiceOptions) -> Result<Self, ConfigError> {
        let provider = || options.profile.name.to_string();
        if !options.profile.speaks(options.api) {
            return Err(ConfigError::WrongDialect { provider: provider(), api: options.api });
        }
        if !dialects::is_built(options.api) {
            return Err(ConfigError::ForeignDialect { provider: provider(), api: options.api });
        }
        let client = ClientOptions { connect_timeout: options.connect_timeout, ..ClientOptions::default() };
        let http = StreamClient::new(&client)?;
        let url = endpoint::of(&options)?;
        let target = http.target(url.as_str())?;
        let headers = headers(&options)?;
        let secrets = Secrets::of(options.api_key.as_ref(), &options.headers, &url);
        Ok(Self { inner: Arc::new(Inner { http, target, options, url, headers, secrets }) })
    }

    /// Where calls go.
    pub fn url(&self) -> &Url {
        &self.inner.url
    }

    /// The dialect that calls are made in.
    pub fn api(&self) -> Api {
        self.inner.options.api
    }

    /// The environment variable of the key that is missing; none when there is a key or a call may do without. A key is
    /// only known to be needed at the service's own address.
    pub fn missing_key(&self) -> Option<&str> {
        self.inner.missing_key()
    }

    pub(crate) fn key_advice(&self) -> String {
        self.inner.key_advice()
    }
}

impl Inner {
    fn missing_key(&self) -> Option<&str> {
        let (options, profile) = (&self.options, &self.options.profile);
        let own = Url::parse(&profile.base_url).ok()?;
        let needed = own.scheme() == "https" && own.host_str() == self.url.host_str();
        let given = options.api_key.is_some() || options.authorize.is_some() || !options.headers.is_empty();
        (needed && !given).then(|| options.api_key_env.as_deref().unwrap_or(&profile.api_key_env))
    }

    /// What to do when the service refuses who calls.
    fn key_advice(&self) -> String {
        let options = &self.options;
        match &options.api_key_env {
            Some(variable) => format!("check the key in {variable}"),
            None if options.api_key.is_none() && options.authorize.is_none() => {
                format!("set the key in {}", options.profile.api_key_env)
            }
            None => "check the key".to_owned(),
        }
    }

    /// Who was called, without what an address may hide: credentials and query.
    fn address(&self) -> String {
        let url = &self.url;
        let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
        let host = url.host_str().unwrap_or_default();
        format!("{} at {}://{host}{port}", self.options.profile.name, url.scheme())
    }
}

impl fmt::Debug for ServiceModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.options.fmt(f)
    }
}

impl Model for ServiceModel {
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

fn headers(options: &ServiceOptions) -> Result<HeaderMap, ConfigError> {
    let mut headers = HeaderMap::new();
    headers.insert("content-type", HeaderValue::from_static("application/json"));
    headers.insert("accept", HeaderValue::from_static(dialects::accept(options.api)));
    if options.api == Api::Messages && !options.profile.quirks.vertex {
        headers.insert("anthropic-version", HeaderValue::from_static("2023-06-01"));
    }
    let key = options.api_key.as_ref().map(|key| match key_style(options) {
        KeyStyle::Bearer => (AUTHORIZATION, outbound::bearer(key)),
        KeyStyle::Header(name) => (HeaderName::from_static(name), key.clone()),
    });
    outbound::add_secrets(&mut headers, key, &options.headers)?;
    Ok(headers)
}

/// Anthropic's dialect has a header of its own for the key, whoever speaks it.
fn key_style(options: &ServiceOptions) -> KeyStyle {
    match (options.profile.key, options.api) {
        (KeyStyle::Bearer, Api::Messages) => KeyStyle::Header("x-api-key"),
        (_, Api::Chat) if !matches!(options.profile.api, Api::Chat | Api::Responses) => KeyStyle::Bearer,
        (style, _) => style,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(base_url: &str) -> ServiceOptions {
        let profile = Profile::named("openai").expect("known");
        ServiceOptions { base_url: Some(base_url.into()), ..ServiceOptions::new(profile, "gpt-4.1-mini") }
    }

    #[test]
    fn a_key_is_needed_at_the_own_address_only() {
        assert_eq!(ServiceModel::new(options("http://localhost:1/v1")).expect("model").missing_key(), None);
        let own = ServiceModel::new(options("https://api.openai.com/v1")).expect("model");
        assert_eq!(own.missing_key(), Some("OPENAI_API_KEY"));
    }

    #[test]
    fn a_key_is_never_shown() {
        let key = Some(SecretString::from("sk-secret-value"));
        let model =
            ServiceModel::new(ServiceOptions { api_key: key, ..options("http://localhost:1/v1") }).expect("model");
        assert!(!format!("{model:?} {:?} {:?}", model.inner.options, model.inner.headers).contains("secret-value"));
    }

    #[test]
    fn a_dialect_that_the_service_does_not_speak_is_an_error() {
        let profile = Profile::named("anthropic").expect("known");
        let options = ServiceOptions { api: Api::Gemini, ..ServiceOptions::new(profile, "claude") };
        let error = ServiceModel::new(options).expect_err("foreign").to_string();
        assert!(error.contains("anthropic") && error.contains("gemini"), "{error}");
    }
}
