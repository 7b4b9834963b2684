//! Model strings: `openai/gpt-5`, `ollama:llama3.2`, `demo`.

use crate::ConfigError;
use copilotkit_runtime::Model;
use secrecy::SecretString;
use std::sync::Arc;
use std::time::Duration;

#[cfg(feature = "service")]
mod service;

/// What a model string does not say.
pub struct Options<'a> {
    /// The key; absent is the variable of the provider.
    pub api_key: Option<SecretString>,
    /// The environment variable that `api_key` is from, for messages.
    pub api_key_env: Option<String>,
    /// Where the provider is; absent is its variable, then its own address.
    pub base_url: Option<String>,
    /// The dialect to speak; absent is the provider's own.
    pub api: Option<Api>,
    /// Text between `<think>` and `</think>` is reasoning: some local servers pass it on as text.
    pub think_tags: bool,
    /// How long the model may take to begin its answer; absent is
    /// [`limits::MODEL_TIMEOUT`](copilotkit_runtime::limits::MODEL_TIMEOUT).
    pub timeout: Option<Duration>,
    /// Looks up an environment variable.
    pub env: &'a dyn Fn(&str) -> Option<String>,
}

impl Options<'static> {
    /// Everything from the environment of this process.
    pub fn from_env() -> Self {
        Self::new(&|name| std::env::var_os(name)?.into_string().ok())
    }
}

impl<'a> Options<'a> {
    /// Everything from the environment that is given.
    pub fn new(env: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self { api_key: None, api_key_env: None, base_url: None, api: None, think_tags: false, timeout: None, env }
    }
}

/// A dialect that services of models speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Api {
    /// OpenAI Chat Completions: `chat`.
    Chat,
    /// OpenAI Responses: `responses`.
    Responses,
    /// Anthropic Messages: `messages`.
    Messages,
    /// Gemini's `streamGenerateContent`: `gemini`.
    Gemini,
    /// Bedrock's `converse-stream`: `converse`.
    Converse,
}

impl Api {
    /// Every one, in the order of the documentation.
    pub const ALL: [Self; 5] = [Self::Chat, Self::Responses, Self::Messages, Self::Gemini, Self::Converse];

    /// As a configuration spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Responses => "responses",
            Self::Messages => "messages",
            Self::Gemini => "gemini",
            Self::Converse => "converse",
        }
    }

    /// The one of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|api| api.as_str() == name)
    }
}

impl std::fmt::Debug for Options<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // An address may hold credentials.
        f.debug_struct("Options").field("has_key", &self.api_key.is_some()).finish_non_exhaustive()
    }
}

/// Splits `provider/model` or `provider:model` at the first of either: the provider is lower-cased, the model is all
/// that follows, as it stands.
///
/// # Errors
/// When either is empty.
pub fn split(spec: &str) -> Result<(String, String), ConfigError> {
    let invalid = || ConfigError::InvalidSpec { spec: spec.to_owned() };
    let (provider, model) = spec.split_once(['/', ':']).ok_or_else(invalid)?;
    let (provider, model) = (provider.trim().to_ascii_lowercase(), model.trim().to_owned());
    if provider.is_empty() || model.is_empty() { Err(invalid()) } else { Ok((provider, model)) }
}

/// The model that a string names: `demo`, or `provider/model`.
///
/// A missing key is not an error here: the call reports it, so that a server starts without.
///
/// # Errors
/// Not such a string, a provider that is not known or whose dialect this build does not speak, an address or key that
/// cannot be used.
pub fn model_from_spec(spec: &str, options: &Options<'_>) -> Result<Arc<dyn Model>, ConfigError> {
    #[cfg(feature = "demo")]
    if spec.trim().eq_ignore_ascii_case("demo") {
        return Ok(Arc::new(crate::demo::DemoModel::default()));
    }
    let (provider, model) = split(spec)?;
    named(&provider, model, spec, options).map(crate::known::Known::of)
}

#[cfg(not(feature = "service"))]
fn named(provider: &str, _: String, spec: &str, _: &Options<'_>) -> Result<Arc<dyn Model>, ConfigError> {
    Err(ConfigError::UnknownProvider { provider: provider.to_owned(), spec: spec.to_owned(), known: "demo".to_owned() })
}

#[cfg(feature = "service")]
fn named(provider: &str, model: String, spec: &str, options: &Options<'_>) -> Result<Arc<dyn Model>, ConfigError> {
    Ok(Arc::new(service::of(provider, model, spec, options)?))
}

/// As [`model_from_spec`], for models behind services: it can be [checked](crate::check).
///
/// # Errors
/// As there; the demo model is none behind a service.
#[cfg(feature = "service")]
pub fn service_from_spec(spec: &str, options: &Options<'_>) -> Result<crate::ServiceModel, ConfigError> {
    let (provider, model) = split(spec)?;
    service::of(&provider, model, spec, options)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(spec: &str, base_url: Option<&str>, env: &[(&str, &str)]) -> Result<Arc<dyn Model>, ConfigError> {
        let env = |name: &str| env.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        model_from_spec(spec, &Options { base_url: base_url.map(str::to_owned), ..Options::new(&env) })
    }

    #[test]
    fn the_first_separator_counts_and_the_rest_is_the_model() {
        let cases = [
            ("openai/gpt-5", "openai", "gpt-5"),
            ("OpenAI:gpt-5", "openai", "gpt-5"),
            ("openrouter/meta/llama-3:free", "openrouter", "meta/llama-3:free"),
            ("ollama:llama3.2:1b", "ollama", "llama3.2:1b"),
            ("groq:openai/gpt-oss", "groq", "openai/gpt-oss"),
        ];
        for (spec, provider, model) in cases {
            assert_eq!(split(spec).expect(spec), (provider.to_owned(), model.to_owned()), "{spec}");
        }
        for spec in ["", "gpt-5", "/gpt-5", "openai/", "openai: "] {
            let error = split(spec).expect_err(spec).to_string();
            assert!(error.contains("openai/gpt-5"), "{error}");
        }
    }

    #[cfg(feature = "openai-chat")]
    #[test]
    fn an_unknown_provider_is_told_which_are_known() {
        let error = resolve("nobody/x", None, &[]).err().expect("unknown").to_string();
        assert!(error.contains("\"nobody\"") && error.contains("deepseek") && error.contains("llama-cpp"), "{error}");
    }

    #[cfg(feature = "openai-chat")]
    #[test]
    fn names_reach_the_model_and_custom_needs_an_address() {
        let model = resolve("DeepSeek/deepseek-v4-flash", None, &[("DEEPSEEK_API_KEY", "k")]).expect("model");
        assert_eq!((model.provider(), model.name()), ("deepseek", "deepseek-v4-flash"));
        assert_eq!(resolve("custom/m", None, &[]).err().expect("no address").code(), "model_base_url");
        assert!(resolve("custom/m", None, &[("CUSTOM_BASE_URL", "http://h/v1")]).is_ok());
        assert!(resolve("openai/m", None, &[("OPENAI_BASE_URL", "nonsense")]).is_err());
    }
}
