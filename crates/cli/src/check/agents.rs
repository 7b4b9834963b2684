//! Agents: their models and tools, and remote agents.

use super::{Context, Finding, Probe};
use crate::banner::host;
use crate::chat::plain;
use crate::config::{A2aAddress, A2aMemberConfig, AgUiConfig, AgentConfig, BuiltInConfig, ToolConfig};
use crate::terminal::{count, one_line};
use copilotkit_adapters::spec::split;
use copilotkit_adapters::{Api, Check, Profile, ServiceModel, check};
use copilotkit_runtime::Model as _;
use copilotkit_runtime::model::ModelErrorKind;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

/// How many models of a service are looked through.
const LISTED: usize = 10_000;
/// How long a service may take that is asked in a dialect of its own.
const ASKED: Duration = Duration::from_secs(15);

pub(super) fn probes(context: &Context<'_>) -> Vec<Probe> {
    let mut probes = Vec::new();
    for (id, agent) in &context.config.agents {
        match agent {
            AgentConfig::BuiltIn(agent) => {
                for name in agent.model.items() {
                    probes.push(model(context, id, agent, name));
                }
                probes.extend(agent.tools.iter().filter(|tool| !tool.interrupt).filter_map(|it| tool(context, id, it)));
            }
            AgentConfig::AgUi(agent) => probes.push(ag_ui(context, id, agent)),
            AgentConfig::A2a(agent) => probes.push(a2a(format!("agents.{id}"), &agent.address())),
            AgentConfig::A2aOrchestrator(team) => {
                let one = |(number, member): (usize, &A2aMemberConfig)| {
                    a2a(format!("agents.{id}.agents[{number}]"), &member.address())
                };
                probes.extend(team.agents.iter().enumerate().map(one));
            }
        }
    }
    probes
}

/// A service, asked for its list of models: it costs nothing, and needs the same address and key as a call.
struct Service {
    provider: String,
    model: String,
    base_url: String,
    key: Option<SecretString>,
    /// The variable that the key is looked for in.
    key_env: String,
    /// Where the key is that was found, for people.
    key_place: String,
    /// Whether the address is the service's own, which wants a key.
    own: bool,
}

fn model(context: &Context<'_>, id: &str, agent: &BuiltInConfig, name: &str) -> Probe {
    let what = format!("agents.{id}.model");
    if name.trim().eq_ignore_ascii_case("demo") {
        return Probe::local(what, async { Finding::ok("demo: no key, no network") });
    }
    // Without the key nothing is asked: it is known to fail, network or not.
    let keyless = |provider: &str, variable: &str| {
        let remedy = format!("set the key before the start: export {variable}=…");
        let finding = Finding::failed(format!("{provider}: there is no key"), remedy);
        Probe::local(what.clone(), async move { finding })
    };
    if !lists(agent, name) {
        return match agent.service(name, context.environment) {
            Ok(service) => match service.missing_key() {
                Some(variable) => keyless(service.provider(), variable),
                None => {
                    let place = key_place(context, id, agent, name);
                    Probe::remote(what, async move { answers(&service, &place).await })
                }
            },
            Err(error) => {
                let finding = Finding::failed(error.to_string(), "mend the name, or what it needs");
                Probe::local(what, async move { finding })
            }
        };
    }
    match service(context, id, agent, name) {
        Some(service) if service.own && service.key.is_none() => keyless(&service.provider, &service.key_env),
        Some(service) => {
            let http = context.http.clone();
            Probe::remote(what, async move { service.ask(&http).await })
        }
        None => {
            let detail = format!("{name}: this service cannot be asked without running a model");
            Probe::local(what, async move { Finding::warning(detail, "try it: copilotkit chat \"Hello\"") })
        }
    }
}

/// Whether the service has OpenAI's list of models; others are asked in their own dialect.
fn lists(agent: &BuiltInConfig, name: &str) -> bool {
    let profile = split(name).ok().and_then(|(provider, _)| Profile::named(&provider));
    let openai = |api: Api| matches!(api, Api::Chat | Api::Responses);
    let named = agent.api.as_deref().and_then(Api::named);
    profile.is_none_or(|profile| openai(profile.api) && profile.name != "azure" && named.is_none_or(openai))
}

/// Asks a service for the model, or the model itself for a word.
async fn answers(service: &ServiceModel, key_place: &str) -> Finding {
    let (provider, model) = (service.provider(), service.name());
    let place = host(service.url().as_str());
    match check(service, ASKED).await {
        Check::Ok { asked: false, .. } => Finding::ok(format!("{provider}: {place} has {model}")),
        Check::Ok { .. } => Finding::ok(format!("{provider}: {model} at {place} answers")),
        Check::MissingKey { variable } => Finding::failed(
            format!("{provider}: there is no key"),
            format!("set the key before the start: export {variable}=…"),
        ),
        Check::Failed(error) => {
            let remedy = match error.kind {
                ModelErrorKind::Auth => &*format!("mend the key in {key_place}: this one is not taken"),
                ModelErrorKind::NotFound => "mend the name of the model, or `base_url`",
                ModelErrorKind::Network | ModelErrorKind::Timeout => "see whether this machine reaches the service",
                ModelErrorKind::RateLimit | ModelErrorKind::Quota => "wait, or see what is left of the account",
                _ => "see the status page of the service, and its `base_url`",
            };
            Finding::failed(format!("{provider}: {error}"), remedy)
        }
        _ => Finding::warning(format!("{provider}: {place} was asked"), "try it: copilotkit chat \"Hello\""),
    }
}

/// Where the key of a model is, for people.
fn key_place(context: &Context<'_>, id: &str, agent: &BuiltInConfig, name: &str) -> String {
    let Ok((provider, _)) = split(name) else { return String::new() };
    let own = agent.providers().next().is_some_and(|first| first == provider);
    match (&agent.api_key, &agent.api_key_env, &context.config.file) {
        (Some(_), _, Some(file)) if own => format!("`agents.{id}.api_key` of {}", file.display()),
        (Some(_), _, None) if own => "--api-key".to_owned(),
        (None, Some(variable), _) if own => variable.clone(),
        _ => {
            let Some(profile) = Profile::named(&provider) else { return String::new() };
            let set = |name: &&str| (context.environment)(name).is_some_and(|value| !value.trim().is_empty());
            let found = profile.key_envs().find(set).map(str::to_owned);
            found.unwrap_or_else(|| profile.api_key_env.to_string())
        }
    }
}

fn service(context: &Context<'_>, id: &str, agent: &BuiltInConfig, name: &str) -> Option<Service> {
    let (provider, model) = split(name).ok()?;
    let profile = Profile::named(&provider)?;
    let set = |name: &str| (context.environment)(name).filter(|value| !value.trim().is_empty());
    // The agent's address and key are for the provider of its first model alone.
    let first = agent.providers().next().is_some_and(|first| first == provider);
    let configured = agent.base_url.clone().filter(|_| first).or_else(|| set(&profile.base_url_env));
    let named = agent.api_key_env.as_deref().and_then(set);
    let key = agent.api_key.clone().or(named).filter(|_| first).or_else(|| set(&profile.api_key_env));
    let variable = agent.api_key_env.clone().filter(|_| first).unwrap_or_else(|| profile.api_key_env.to_string());
    Some(Service {
        provider,
        model,
        own: configured.is_none() && profile.base_url.starts_with("https://"),
        base_url: configured.unwrap_or_else(|| profile.base_url.to_string()),
        key: key.map(SecretString::from),
        key_env: variable,
        key_place: key_place(context, id, agent, name),
    })
}

impl Service {
    async fn ask(self, http: &reqwest::Client) -> Finding {
        let Self { provider, model, base_url, key, key_env, key_place, own } = self;
        let place = host(&base_url);
        let Ok(mut url) = url::Url::parse(&base_url) else {
            return Finding::failed(format!("{provider}: its address is none"), "write a whole address in `base_url`");
        };
        let path = url.path().trim_end_matches('/').trim_end_matches("/chat/completions").to_owned();
        url.set_path(&format!("{path}/models"));
        let mut request = http.get(url.as_str());
        if let Some(key) = &key {
            request = request.bearer_auth(key.expose_secret().trim());
        }
        let answer = match request.send().await {
            Ok(answer) => answer,
            Err(error) => {
                let remedy = match own {
                    true => "see whether this machine reaches the internet".to_owned(),
                    false => format!("start the service, or mend `base_url`: {provider} is expected at {place}"),
                };
                return Finding::failed(format!("{provider}: {}", plain(url.as_str(), &error)), remedy);
            }
        };
        match answer.status() {
            StatusCode::OK => {
                let listed = super::json(answer).await;
                let models = listed.as_ref().and_then(|list| list["data"].as_array());
                let has = |models: &Vec<Value>| models.iter().take(LISTED).any(|one| one["id"] == model.as_str());
                match models {
                    Some(models) if has(models) => Finding::ok(format!("{provider}: {place} has {model}")),
                    Some(models) => {
                        let some: Vec<_> = models.iter().take(5).filter_map(|one| one["id"].as_str()).collect();
                        let remedy = format!(
                            "mend the name; the service lists {}, such as {}",
                            count(models.len(), "model"),
                            some.join(", ")
                        );
                        Finding::warning(format!("{provider}: {place} does not list {model}"), remedy)
                    }
                    None => Finding::ok(format!("{provider}: {place} answers")),
                }
            }
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                let remedy = match key {
                    Some(_) => format!("mend the key in {key_place}: this one is not taken"),
                    None => format!("set the key before the start: export {key_env}=…"),
                };
                Finding::failed(format!("{provider}: {place} refuses the key ({})", answer.status().as_u16()), remedy)
            }
            StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => {
                let remedy = "if calls fail, see whether `base_url` ends with the version, like /v1";
                Finding::warning(format!("{provider}: {place} answers, and has no list of models there"), remedy)
            }
            StatusCode::TOO_MANY_REQUESTS => Finding::warning(
                format!("{provider}: {place} answers that there are too many requests (429)"),
                "wait, or see what is left of the account",
            ),
            status => Finding::failed(
                format!("{provider}: {place} answers {status}"),
                "see the status page of the service, and its `base_url`",
            ),
        }
    }
}

/// Configured headers, for a request.
pub(super) fn headers(headers: &BTreeMap<String, String>) -> HeaderMap {
    let read = |(name, value): (&String, &String)| {
        let mut value = HeaderValue::try_from(value).ok()?;
        value.set_sensitive(true);
        Some((HeaderName::try_from(name).ok()?, value))
    };
    headers.iter().filter_map(read).collect()
}

/// A tool is not called: that something answers at its address is all that can be known.
fn tool(context: &Context<'_>, id: &str, tool: &ToolConfig) -> Option<Probe> {
    let url = tool.url.clone()?;
    let request = context.http.request(http::Method::OPTIONS, &url).headers(headers(&tool.headers));
    Some(Probe::remote(format!("agents.{id}.tools.{}", tool.name), async move {
        let place = host(&url);
        match request.send().await {
            Ok(answer) if answer.status().is_server_error() => Finding::warning(
                format!("{place} answers {} when asked for its options", answer.status()),
                "see the log of the service",
            ),
            Ok(_) => Finding::ok(format!("{place} answers; the tool itself was not called")),
            Err(error) => Finding::failed(plain(&url, &error).to_string(), "start the service, or mend `url`"),
        }
    }))
}

/// An agent must refuse an input that has no thread, run or messages: nothing is run, and it is known that the address
/// takes inputs.
fn ag_ui(context: &Context<'_>, id: &str, agent: &AgUiConfig) -> Probe {
    let (http, url, headers) = (context.http.clone(), agent.url.clone(), headers(&agent.headers));
    Probe::remote(format!("agents.{id}"), async move {
        let place = host(&url);
        let accept = "text/event-stream, application/json";
        let asked = http.post(&url).headers(headers).header(http::header::ACCEPT, accept);
        let answer = match asked.header(http::header::CONTENT_TYPE, "application/json").body("{}").send().await {
            Ok(answer) => answer,
            Err(error) => {
                return Finding::failed(plain(&url, &error).to_string(), "start the agent, or mend `url`");
            }
        };
        let status = answer.status();
        let number = status.as_u16();
        match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Finding::warning(
                format!("{place} wants to know who asks ({number})"),
                "if the page's own token is not what it wants, set `headers` of the agent",
            ),
            StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => Finding::failed(
                format!("{place} answers, but takes no input at this path ({number})"),
                "mend the path in `url`: it is the one that the agent's framework was mounted at",
            ),
            status if status.is_client_error() => Finding::ok(format!("{place} takes inputs")),
            status if status.is_redirection() => Finding::failed(
                format!("{place} answers with a redirect ({number}), which is not followed"),
                "write the address that it leads to; often it is the slash at the end",
            ),
            status if status.is_server_error() => Finding::warning(
                format!("{place} answers {number} to an empty input"),
                "try it: copilotkit chat --url, and see the log of the agent",
            ),
            _ => Finding::warning(
                format!("{place} answers {number} to an empty input, which no AG-UI agent should take"),
                "see whether it is an AG-UI agent: copilotkit chat --url",
            ),
        }
    })
}

/// An A2A agent is not asked anything: its card says whether it can be spoken to, and what it wants to know.
fn a2a(what: String, address: &A2aAddress<'_>) -> Probe {
    let (client, place) = (crate::wiring::a2a::client(address), host(address.url));
    Probe::remote(what, async move {
        let client = match client {
            Ok(client) => client,
            Err(error) => return Finding::failed(format!("{place}: {error:#}"), "mend the address or the headers"),
        };
        match client.card().await {
            Ok(known) => {
                let version = known.interface().map_or_else(String::new, |(_, dialect)| dialect.version().to_string());
                let name = one_line(&known.card.name, 64);
                match client.missing_credentials(&known.card) {
                    Some(missing) => {
                        let detail = format!("{place}: {name} wants {}, and has nothing for it", missing.wanted);
                        Finding::warning(detail, missing.remedy)
                    }
                    None => Finding::ok(format!("{place}: {name} speaks A2A {version}")),
                }
            }
            Err(error) => {
                let remedy = "start the agent, or mend `url`: copilotkit a2a card URL shows what is there";
                Finding::failed(one_line(&error.to_string(), 300), remedy)
            }
        }
    })
}
