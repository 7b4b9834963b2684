//! From a provider's name and the environment to a model: which dialect, which address, which key.

use super::{Api, Options};
use crate::{ConfigError, Profile, ServiceModel, ServiceOptions};
use reqwest::Url;
use secrecy::SecretString;

/// Non-blank values of the environment.
struct Env<'a>(&'a dyn Fn(&str) -> Option<String>);

impl Env<'_> {
    fn first(&self, names: &[&str]) -> Option<String> {
        let found = names.iter().filter(|name| !name.is_empty()).filter_map(|name| (self.0)(name));
        found.map(|value| value.trim().to_owned()).find(|value| !value.is_empty())
    }
}

pub(super) fn of(
    provider: &str,
    model: String,
    spec: &str,
    options: &Options<'_>,
) -> Result<ServiceModel, ConfigError> {
    let Some(profile) = Profile::named(provider) else {
        let known: Vec<_> = Profile::names().collect();
        return Err(ConfigError::UnknownProvider {
            provider: provider.to_owned(),
            spec: spec.to_owned(),
            known: format!("demo, {}", known.join(", ")),
        });
    };
    let env = Env(options.env);
    let base_url = options.base_url.clone().or_else(|| env.first(&[&profile.base_url_env]));
    let (api_key, api_key_env) = match &options.api_key {
        Some(key) => (Some(key.clone()), options.api_key_env.clone()),
        None => profile
            .key_envs()
            .find_map(|name| Some((env.first(&[name]).map(SecretString::from)?, name.to_owned())))
            .map_or((None, options.api_key_env.clone()), |(key, name)| (Some(key), Some(name))),
    };
    let mut service = ServiceOptions {
        api: options.api.unwrap_or_else(|| api(&profile, &model, base_url.as_deref())),
        api_key,
        api_key_env,
        base_url,
        think_tags: options.think_tags,
        ..ServiceOptions::new(profile, model)
    };
    if let Some(timeout) = options.timeout {
        service.head_timeout = timeout;
    }
    match &*service.profile.name {
        "azure" => azure(&mut service, &env),
        "vertex" => vertex(&mut service, &env)?,
        "bedrock" => bedrock(&mut service, &env),
        _ => {}
    }
    ServiceModel::new(service)
}

/// The dialect where none is named: the one that the address says, else the provider's. Servers that imitate a provider
/// speak Chat Completions.
fn api(profile: &Profile, model: &str, base_url: Option<&str>) -> Api {
    let url = base_url.and_then(|url| Url::parse(url).ok());
    let path = url.as_ref().map(|url| url.path().trim_end_matches('/')).unwrap_or_default();
    for (end, api) in [("/chat/completions", Api::Chat), ("/responses", Api::Responses), ("/messages", Api::Messages)] {
        if path.ends_with(end) && profile.speaks(api) {
            return api;
        }
    }
    if profile.quirks.vertex && model.starts_with("claude") {
        return Api::Messages;
    }
    let own = Url::parse(&profile.base_url).ok();
    let elsewhere = own.zip(url.as_ref()).is_some_and(|(own, url)| own.host_str() != url.host_str());
    match profile.api {
        Api::Responses if elsewhere || path.contains("/deployments/") => Api::Chat,
        // Google's address for clients of OpenAI.
        Api::Gemini if path.ends_with("/openai") => Api::Chat,
        api => api,
    }
}

/// A resource by its name, where no address is given.
fn azure(service: &mut ServiceOptions, env: &Env<'_>) {
    if service.base_url.is_none()
        && let Some(resource) = env.first(&["AZURE_RESOURCE_NAME"])
    {
        let version = env.first(&["AZURE_API_VERSION"]).unwrap_or_else(|| "v1".to_owned());
        service.base_url = Some(format!("https://{resource}.openai.azure.com/openai/v1?api-version={version}"));
    }
    if let Some(url) = service.base_url.as_deref().and_then(|url| Url::parse(url).ok())
        && url.host_str().is_some_and(|host| host.ends_with(".azure.com"))
    {
        service.profile.base_url = url.to_string().into();
    }
}

/// A key alone is for express mode; else it is a project in a location, with a token.
fn vertex(service: &mut ServiceOptions, env: &Env<'_>) -> Result<(), ConfigError> {
    #[cfg(feature = "vertex")]
    let source = (service.api_key.is_none()).then(|| crate::google::GoogleTokens::from_env(env.0)).flatten();
    #[cfg(feature = "vertex")]
    let known = source.as_ref().and_then(|source| source.project().map(str::to_owned));
    #[cfg(not(feature = "vertex"))]
    let known = None;
    if service.base_url.is_none() {
        let project = env.first(&["GOOGLE_VERTEX_PROJECT", "GOOGLE_CLOUD_PROJECT"]).or(known);
        service.base_url = Some(match (&service.api_key, project) {
            (Some(_), _) => "https://aiplatform.googleapis.com/v1".to_owned(),
            (None, Some(project)) => {
                let variables = ["GOOGLE_VERTEX_LOCATION", "GOOGLE_CLOUD_LOCATION", "GOOGLE_CLOUD_REGION"];
                let location = env.first(&variables).unwrap_or_else(|| "global".to_owned());
                vertex_base(service.api, &project, &location)
            }
            (None, None) => {
                let variable = "GOOGLE_VERTEX_PROJECT, or GOOGLE_VERTEX_API_KEY";
                return Err(ConfigError::MissingVariable { provider: "vertex".to_owned(), variable });
            }
        });
        service.profile.base_url = service.base_url.clone().unwrap_or_default().into();
    }
    #[cfg(feature = "vertex")]
    if let Some(source) = source {
        service.authorize = Some(std::sync::Arc::new(source));
    }
    Ok(())
}

fn vertex_base(api: Api, project: &str, location: &str) -> String {
    let host = match location {
        "global" => "aiplatform.googleapis.com".to_owned(),
        "eu" | "us" => format!("aiplatform.{location}.rep.googleapis.com"),
        _ => format!("{location}-aiplatform.googleapis.com"),
    };
    let version = if api == Api::Messages { "v1" } else { "v1beta1" };
    format!("https://{host}/{version}/projects/{project}/locations/{location}")
}

/// A bearer token, or a key that signs. Where it is follows from the region.
#[cfg(feature = "bedrock")]
fn bedrock(service: &mut ServiceOptions, env: &Env<'_>) {
    use crate::bedrock::{AwsCredentials, Sigv4, base_url};

    let region = env.first(&["AWS_REGION", "AWS_DEFAULT_REGION"]).unwrap_or_else(|| "us-east-1".to_owned());
    service.profile.base_url = base_url(&region).into();
    if service.base_url.is_none() {
        service.base_url = env.first(&["AWS_ENDPOINT_URL"]).or_else(|| Some(base_url(&region)));
    }
    if service.api_key.is_none() {
        let from_file = || {
            let home = env.first(&["HOME", "USERPROFILE"]).map(|home| format!("{home}/.aws/credentials"));
            let path = env.first(&["AWS_SHARED_CREDENTIALS_FILE"]).or(home)?;
            let profile = env.first(&["AWS_PROFILE"]).unwrap_or_else(|| "default".to_owned());
            AwsCredentials::from_file(&std::fs::read_to_string(path).ok()?, &profile)
        };
        if let Some(credentials) = AwsCredentials::from_env(env.0).or_else(from_file) {
            service.authorize = Some(std::sync::Arc::new(Sigv4 { credentials, region }));
        }
    }
}

#[cfg(not(feature = "bedrock"))]
fn bedrock(service: &mut ServiceOptions, _: &Env<'_>) {
    // It is refused for its dialect; without an address it would be for that.
    service.base_url.get_or_insert_with(|| "https://bedrock-runtime.us-east-1.amazonaws.com".to_owned());
}

#[cfg(test)]
mod tests {
    use super::*;
    use copilotkit_runtime::Model as _;

    fn resolve(spec: &str, base_url: Option<&str>, env: &[(&str, &str)]) -> Result<ServiceModel, ConfigError> {
        let env = |name: &str| env.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        crate::service_from_spec(spec, &Options { base_url: base_url.map(str::to_owned), ..Options::new(&env) })
    }

    /// Dialect and address.
    fn place(spec: &str, base_url: Option<&str>, env: &[(&str, &str)]) -> (Api, String) {
        let model = resolve(spec, base_url, env).expect(spec);
        (model.api(), model.url().to_string())
    }

    #[cfg(all(feature = "openai-chat", feature = "openai-responses"))]
    #[test]
    fn the_address_decides_between_the_dialects_of_openai() {
        let (api, url) = place("openai/gpt-5", None, &[]);
        assert_eq!((api, &*url), (Api::Responses, "https://api.openai.com/v1/responses"));
        let (api, url) = place("openai/m", Some("http://localhost:1/v1"), &[]);
        assert_eq!((api, &*url), (Api::Chat, "http://localhost:1/v1/chat/completions"));
        let (api, _) = place("openai/m", Some("http://localhost:1/v1/responses"), &[]);
        assert_eq!(api, Api::Responses);
        let (api, url) = place("azure/gpt-5", None, &[("AZURE_RESOURCE_NAME", "r")]);
        assert_eq!((api, &*url), (Api::Responses, "https://r.openai.azure.com/openai/v1/responses?api-version=v1"));
        let old = "https://r.openai.azure.com/openai/deployments/d?api-version=2024-10-21";
        let (api, url) = place("azure/gpt-4o", Some(old), &[]);
        let expected = "https://r.openai.azure.com/openai/deployments/d/chat/completions?api-version=2024-10-21";
        assert_eq!((api, &*url), (Api::Chat, expected));
        assert_eq!(resolve("azure/gpt-5", None, &[]).expect_err("nowhere").code(), "model_base_url");
    }

    #[cfg(all(feature = "openai-chat", feature = "gemini", feature = "anthropic"))]
    #[test]
    fn google_and_anthropic_speak_their_own_dialects() {
        let (api, url) = place("Anthropic:claude-sonnet-4-6", None, &[]);
        assert_eq!((api, &*url), (Api::Messages, "https://api.anthropic.com/v1/messages"));
        let (api, _) = place("gemini/gemini-3-flash-preview", None, &[]);
        assert_eq!(api, Api::Gemini);
        let compatible = "https://generativelanguage.googleapis.com/v1beta/openai";
        assert_eq!(place("google/gemini-2.5-pro", Some(compatible), &[]).0, Api::Chat);
        let model = resolve("google/m", None, &[("GEMINI_API_KEY", "k")]).expect("model");
        assert_eq!((model.provider(), model.missing_key()), ("google", None));
        assert_eq!(resolve("google/m", None, &[]).expect("model").missing_key(), Some("GOOGLE_API_KEY"));
    }

    #[cfg(feature = "openai-chat")]
    #[test]
    fn the_variable_of_a_key_is_the_one_that_it_came_from() {
        let advice = |options: Options<'_>| crate::service_from_spec("custom/m", &options).expect("model").key_advice();
        let unset = |_: &str| None;
        let env = |name: &str| (name == "CUSTOM_API_KEY").then(|| "k".to_owned());
        let url = Some("http://h/v1".to_owned());
        assert_eq!(advice(Options { base_url: url.clone(), ..Options::new(&unset) }), "set the key in CUSTOM_API_KEY");
        assert_eq!(advice(Options { base_url: url.clone(), ..Options::new(&env) }), "check the key in CUSTOM_API_KEY");
        let given = |name: Option<&str>| Options {
            api_key: Some("k".into()),
            api_key_env: name.map(str::to_owned),
            base_url: url.clone(),
            ..Options::new(&env)
        };
        assert_eq!(advice(given(Some("OWN"))), "check the key in OWN");
        assert_eq!(advice(given(None)), "check the key", "it stands in a file");
    }

    #[cfg(all(feature = "gemini", feature = "anthropic"))]
    #[test]
    fn vertex_is_a_project_in_a_location_or_a_key() {
        let project = [("GOOGLE_VERTEX_PROJECT", "p"), ("GOOGLE_VERTEX_LOCATION", "europe-west1")];
        let (api, url) = place("vertex/gemini-2.5-pro", None, &project);
        let expected = "https://europe-west1-aiplatform.googleapis.com/v1beta1/projects/p/locations/europe-west1/\
            publishers/google/models/gemini-2.5-pro:streamGenerateContent?alt=sse";
        assert_eq!((api, &*url), (Api::Gemini, expected));
        let (api, url) = place("vertex/claude-sonnet-4-5@20250929", None, &project);
        assert!(api == Api::Messages && url.contains("/v1/projects/p/") && url.ends_with(":streamRawPredict"), "{url}");
        let (_, url) = place("vertex/gemini-2.5-pro", None, &[("GOOGLE_VERTEX_API_KEY", "k")]);
        assert!(url.starts_with("https://aiplatform.googleapis.com/v1/publishers/google/models/"), "{url}");
        let error = resolve("vertex/m", None, &[]).expect_err("nothing").to_string();
        assert!(error.contains("GOOGLE_VERTEX_PROJECT"), "{error}");
    }

    #[cfg(feature = "bedrock")]
    #[test]
    fn bedrock_is_in_a_region() {
        let (api, url) = place("bedrock/amazon.nova-lite-v1:0", None, &[("AWS_REGION", "cn-north-1")]);
        let expected =
            "https://bedrock-runtime.cn-north-1.amazonaws.com.cn/model/amazon.nova-lite-v1%3A0/converse-stream";
        assert_eq!((api, &*url), (Api::Converse, expected));
        let model = resolve("bedrock/m", None, &[]).expect("model");
        assert_eq!(model.missing_key(), Some("AWS_BEARER_TOKEN_BEDROCK"));
        let keys = [("AWS_ACCESS_KEY_ID", "a"), ("AWS_SECRET_ACCESS_KEY", "b")];
        assert_eq!(resolve("bedrock/m", None, &keys).expect("model").missing_key(), None);
    }
}
