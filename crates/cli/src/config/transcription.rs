//! `[transcription]`: who turns recordings into text.

use super::sources::Merged;
use super::{ConfigError, Environment, Span};
use copilotkit_adapters::transcription::{MODEL, OPENAI};
use copilotkit_runtime::limits;
use secrecy::SecretString;
use serde::Deserialize;
use std::collections::BTreeMap;

/// The variable of the key for OpenAI itself.
const OPENAI_KEY: &str = "OPENAI_API_KEY";

/// `[transcription]`: who turns recordings into text.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct TranscriptionConfig {
    /// Where the service is, up to and with the version: OpenAI, or any that has its `/audio/transcriptions`.
    pub base_url: String,
    /// The model, as the service knows it.
    pub model: String,
    /// The environment variable that holds the service's key; not set, it is `OPENAI_API_KEY` for OpenAI itself, and there
    /// is no key for any other service.
    pub api_key_env: Option<String>,
    /// That key itself. Better leave it out of the file: see `api_key_env` and `${NAME}`.
    pub api_key: Option<String>,
    /// Headers of each request.
    pub headers: BTreeMap<String, String>,
    /// How long one recording may take.
    pub timeout: Span,
}

impl Default for TranscriptionConfig {
    fn default() -> Self {
        Self {
            base_url: OPENAI.to_owned(),
            model: MODEL.to_owned(),
            api_key_env: None,
            api_key: None,
            headers: BTreeMap::new(),
            timeout: Span(limits::TRANSCRIPTION),
        }
    }
}

impl TranscriptionConfig {
    /// The key that is sent. That of OpenAI goes to OpenAI alone, unless it is named.
    pub(crate) fn key(&self, environment: &Environment) -> Option<SecretString> {
        let variable = self.api_key_env.as_deref().or_else(|| self.is_openai().then_some(OPENAI_KEY));
        let named = || variable.and_then(|variable| environment(variable)).filter(|key| !key.trim().is_empty());
        self.api_key.clone().or_else(named).map(SecretString::from)
    }

    fn is_openai(&self) -> bool {
        let host = |text: &str| url::Url::parse(text).ok().and_then(|url| url.host_str().map(str::to_owned));
        host(&self.base_url) == host(OPENAI)
    }

    pub(super) fn check(&self, merged: &Merged) -> Result<(), ConfigError> {
        let at = |key: &'static str| ["transcription", key];
        merged.check_url(&at("base_url"), &self.base_url)?;
        merged.check_headers(&at("headers"), &self.headers)?;
        merged.check_key(&["transcription"], self.api_key.is_some(), self.api_key_env.as_deref())?;
        if self.model.trim().is_empty() {
            return Err(merged.error(&at("model"), "no model is named", format!("write one, like \"{MODEL}\"")));
        }
        if self.is_openai() && self.key(&merged.environment).is_none() {
            return Err(merged.error(
                &["transcription"],
                "there is no key for OpenAI",
                format!("set it before the start: export {OPENAI_KEY}=…, or set `base_url` to another service"),
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret as _;
    use std::sync::Arc;

    #[test]
    fn the_key_of_openai_goes_to_openai_alone() {
        let environment: Environment =
            Arc::new(|name| matches!(name, OPENAI_KEY | "OTHER").then(|| format!("value of {name}")));
        let key = |base_url: &str, api_key_env: Option<&str>, api_key: Option<&str>| {
            let config = TranscriptionConfig {
                base_url: base_url.to_owned(),
                api_key_env: api_key_env.map(str::to_owned),
                api_key: api_key.map(str::to_owned),
                ..TranscriptionConfig::default()
            };
            config.key(&environment).map(|key| key.expose_secret().to_owned())
        };
        assert_eq!(key(OPENAI, None, None).as_deref(), Some("value of OPENAI_API_KEY"));
        assert_eq!(key("https://api.openai.com.evil.example/v1", None, None), None);
        assert_eq!(key("http://127.0.0.1:9000/v1", None, None), None);
        assert_eq!(key("http://127.0.0.1:9000/v1", Some("OTHER"), None).as_deref(), Some("value of OTHER"));
        assert_eq!(key("http://127.0.0.1:9000/v1", None, Some("own")).as_deref(), Some("own"));
    }
}
