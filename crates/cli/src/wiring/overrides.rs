//! Models that a page asks for by name.

use crate::config::{BuiltInConfig, Environment};
use copilotkit_runtime::agents::ModelResolver;
use copilotkit_runtime::{AgentError, Code, Model};
use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

/// Models that are kept for the next run. Each holds an HTTP client with its connections.
const KEPT: usize = 32;
/// The longest name. It goes into every request to the provider.
const NAME_MAX: usize = 256;

/// Finds models of the providers that the agent's configuration names, and of no other: a page must not choose where the
/// operator's key goes, nor which of the operator's keys is used.
pub(super) fn resolver(agent: &BuiltInConfig, environment: &Environment) -> ModelResolver {
    let (agent, environment) = (agent.clone(), environment.clone());
    let providers: BTreeSet<String> = agent.providers().collect();
    let kept: Mutex<VecDeque<(String, Arc<dyn Model>)>> = Mutex::default();
    Arc::new(move |name| {
        let (demo, items) = (is_demo(name), agent.model.items());
        let allowed = if demo { items.iter().any(|item| is_demo(item)) } else { is_of(name, &providers) };
        if !allowed {
            return Err(refused(&providers));
        }
        let find = |kept: &VecDeque<(String, Arc<dyn Model>)>| {
            kept.iter().find(|(known, _)| known == name).map(|(_, model)| model.clone())
        };
        if let Some(model) = find(&kept.lock().unwrap_or_else(PoisonError::into_inner)) {
            return Ok(model);
        }
        let model = agent.resolve(name, &environment).map_err(|error| {
            tracing::warn!(%error, "a model that a page asked for cannot be used");
            refused(&providers)
        })?;
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(model) = find(&kept) {
            return Ok(model);
        }
        if kept.len() >= KEPT {
            kept.pop_front();
        }
        kept.push_back((name.to_owned(), model.clone()));
        Ok(model)
    })
}

fn is_demo(name: &str) -> bool {
    name.trim().eq_ignore_ascii_case("demo")
}

fn is_of(name: &str, providers: &BTreeSet<String>) -> bool {
    let known = copilotkit_adapters::spec::split(name).is_ok_and(|(provider, _)| providers.contains(&provider));
    known && name.len() <= NAME_MAX
}

fn refused(providers: &BTreeSet<String>) -> AgentError {
    let known: Vec<_> = providers.iter().map(|provider| format!("{provider}/…")).collect();
    let known = if known.is_empty() { "demo".to_owned() } else { known.join(", ") };
    AgentError::new(Code::ModelNotFound, format!("This agent cannot use that model. It takes models like {known}."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ModelNames;
    use copilotkit_fixtures::model_server::ModelServer;
    use copilotkit_runtime::model::{ModelRequest, ModelSettings};
    use futures::StreamExt as _;

    fn agent(models: &[&str]) -> BuiltInConfig {
        let names = models.iter().map(|name| (*name).to_owned()).collect();
        BuiltInConfig { model: ModelNames::Many(names), ..BuiltInConfig::on_model("demo") }
    }

    fn environment() -> Environment {
        Arc::new(|name| (name == "GROQ_BASE_URL").then(|| "http://user:secret@:bad".to_owned()))
    }

    #[test]
    fn a_page_chooses_among_the_named_providers_only() {
        let resolve = resolver(&agent(&["openai/gpt-5", "groq/x"]), &environment());
        assert_eq!(resolve("OpenAI/gpt-5-mini").unwrap().name(), "gpt-5-mini");
        for name in ["deepseek/x", "custom/x", "demo", "gpt-5", "", &format!("openai/{}", "x".repeat(300))] {
            let error = resolve(name).err().expect(name);
            assert_eq!(error.code, "model_not_found", "{name}");
            assert!(error.message.contains("groq/…, openai/…"), "{error}");
        }
        let broken = resolve("groq/y").err().expect("its address is none").to_string();
        assert!(!broken.contains("secret") && !broken.contains("http"), "{broken}");
        let demo = resolver(&agent(&["demo"]), &environment());
        assert!(demo("Demo").is_ok() && demo("openai/gpt-5").is_err());
    }

    #[tokio::test]
    async fn the_key_goes_to_the_first_model_s_provider_alone() {
        let server = ModelServer::start([]).await;
        let urls = ["OPENAI_BASE_URL", "GROQ_BASE_URL"];
        let base_url = server.base_url();
        let environment: Environment = Arc::new(move |name| match name {
            "GROQ_API_KEY" => Some("of-groq".to_owned()),
            name => urls.contains(&name).then(|| base_url.clone()),
        });
        let agent = BuiltInConfig { api_key: Some("of-openai".to_owned()), ..agent(&["openai/a", "groq/b"]) };
        let resolve = resolver(&agent, &environment);
        for (name, expected) in [("groq/c", "Bearer of-groq"), ("openai/c", "Bearer of-openai")] {
            let request = ModelRequest {
                settings: ModelSettings { max_retries: Some(0), ..ModelSettings::default() },
                ..ModelRequest::default()
            };
            assert!(resolve(name).unwrap().stream(request).next().await.is_some());
            assert_eq!(server.requests().last().unwrap().header("authorization"), Some(expected), "{name}");
        }
    }

    #[test]
    fn a_model_is_built_once_and_not_too_many_are_kept() {
        let resolve = resolver(&agent(&["openai/a"]), &environment());
        let first = resolve("openai/b").unwrap();
        assert!(Arc::ptr_eq(&first, &resolve("openai/b").unwrap()));
        for index in 0..KEPT {
            resolve(&format!("openai/{index}")).unwrap();
        }
        assert!(!Arc::ptr_eq(&first, &resolve("openai/b").unwrap()));
    }
}
