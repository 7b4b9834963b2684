//! Tokens of Google Cloud, found as its own libraries find them: a token that is given, the file of application default
//! credentials (of a service account, or of a person who logged in), else the metadata server of the machine.

mod source;

use crate::service::{Authorize, Unsigned};
use copilotkit_runtime::client::{self, ClientOptions};
use copilotkit_runtime::model::{ModelError, ModelErrorKind};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use reqwest::header::{AUTHORIZATION, HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use source::Source;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A token is replaced this long before its end.
const MARGIN: Duration = Duration::from_secs(60);

/// A source of tokens. Cheap to clone; clones share the token.
#[derive(Clone)]
pub struct GoogleTokens {
    source: Arc<Source>,
    project: Option<String>,
    kept: Arc<Mutex<Option<Token>>>,
}

#[derive(Clone)]
struct Token {
    text: SecretString,
    until: Instant,
}

impl fmt::Debug for GoogleTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GoogleTokens").field("source", &self.source.name()).finish_non_exhaustive()
    }
}

impl GoogleTokens {
    /// What the environment offers: `GOOGLE_VERTEX_ACCESS_TOKEN`, the file of `GOOGLE_APPLICATION_CREDENTIALS` or of
    /// `gcloud auth application-default login`, else the metadata server. `None` for a file that cannot be read.
    pub fn from_env(env: &dyn Fn(&str) -> Option<String>) -> Option<Self> {
        let given = |name: &str| env(name).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
        if let Some(token) = given("GOOGLE_VERTEX_ACCESS_TOKEN") {
            return Some(Self::new(Source::Given(token.into()), None));
        }
        let usual = || {
            let file = "gcloud/application_default_credentials.json";
            match (given("HOME"), given("APPDATA")) {
                (Some(home), _) => Some(format!("{home}/.config/{file}")),
                (None, Some(data)) => Some(format!("{data}/{file}")),
                (None, None) => None,
            }
        };
        if let Some(path) = given("GOOGLE_APPLICATION_CREDENTIALS") {
            return match std::fs::read_to_string(&path).map(|text| Self::from_file(&text)) {
                Ok(Some(tokens)) => Some(tokens),
                _ => {
                    tracing::warn!("GOOGLE_APPLICATION_CREDENTIALS names no file of credentials that can be used");
                    None
                }
            };
        }
        let found = usual().and_then(|path| std::fs::read_to_string(path).ok());
        if let Some(tokens) = found.and_then(|text| Self::from_file(&text)) {
            return Some(tokens);
        }
        let host = given("GCE_METADATA_HOST").unwrap_or_else(|| "metadata.google.internal".to_owned());
        Some(Self::new(Source::Metadata { host }, None))
    }

    /// From the text of a file of credentials: of a service account, or of a person.
    pub fn from_file(text: &str) -> Option<Self> {
        let (source, project) = Source::read(text)?;
        Some(Self::new(source, project))
    }

    fn new(source: Source, project: Option<String>) -> Self {
        Self { source: Arc::new(source), project, kept: Arc::default() }
    }

    /// The project that the credentials are of, where they say it.
    pub fn project(&self) -> Option<&str> {
        self.project.as_deref()
    }

    /// A token that is good for a while.
    ///
    /// # Errors
    /// When none can be had.
    pub async fn token(&self) -> Result<SecretString, ModelError> {
        if let Source::Given(token) = &*self.source {
            return Ok(token.clone());
        }
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(token) = kept.filter(|token| token.until > Instant::now()) {
            return Ok(token.text);
        }
        // Two that come at once both ask: that costs less than to have one wait for the other's deadline.
        let http = client::build(&ClientOptions { read_timeout: Some(MARGIN), ..ClientOptions::default() })
            .map_err(|cause| failed(&cause))?;
        let (text, good_for) = self.source.fetch(&http).await?;
        let until = Instant::now() + good_for.saturating_sub(MARGIN);
        let token = Token { text: text.clone(), until };
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(token);
        Ok(text)
    }
}

impl Authorize for GoogleTokens {
    fn authorize<'a>(&'a self, _: Unsigned<'a>) -> BoxFuture<'a, Result<Vec<(HeaderName, HeaderValue)>, ModelError>> {
        async move {
            let token = self.token().await?;
            let mut value =
                HeaderValue::from_str(&format!("Bearer {}", token.expose_secret())).map_err(|cause| failed(&cause))?;
            value.set_sensitive(true);
            Ok(vec![(AUTHORIZATION, value)])
        }
        .boxed()
    }
}

fn failed(cause: &dyn fmt::Display) -> ModelError {
    ModelError::new(ModelErrorKind::Auth, format!("no token of Google Cloud can be had: {cause}"))
}
