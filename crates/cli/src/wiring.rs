//! From the configuration to a running lifecycle.

pub(crate) mod a2a;
mod a2a_server;
mod generative_ui;
mod mcp;
mod naming;
mod overrides;
mod store;

pub use mcp::McpServers;
pub use store::{OpenedStore, Unopened, open_store, retention_policy};

use crate::args::ServeArgs;
use crate::config::{
    AgUiConfig, AgentConfig, ApprovalConfig, BuiltInConfig, Config, DebugConfig, Environment, ForwardHeaders,
    LoggingConfig, ModeName, ModelNames, OnBusyName, OnDisconnectName, TelemetryConfig, ToolChoiceConfig, ToolConfig,
    prices,
};
use anyhow::{Context as _, Result, anyhow, bail};
use copilotkit_adapters::OpenAiTranscriberOptions;
use copilotkit_adapters::spec::split;
use copilotkit_protocol::Json;
use copilotkit_runtime::agents::{Approval, BuiltInAgent, HttpAgent};
use copilotkit_runtime::client::{self, Trust};
use copilotkit_runtime::debug::DebugOptions;
use copilotkit_runtime::headers::HeaderPolicy;
use copilotkit_runtime::http::auth::{Auth, Bearer};
use copilotkit_runtime::http::{CorsPolicy, HostPolicy, MetricsAccess, Mode, Origins, SurfaceOptions, Transcription};
use copilotkit_runtime::lifecycle::{OnBusy, OnDisconnect};
use copilotkit_runtime::limits::CLIENT_EVENT;
use copilotkit_runtime::logging::LoggingOptions;
use copilotkit_runtime::model::{ModelSettings, ToolChoice, ToolSpec};
use copilotkit_runtime::telemetry::TelemetryOptions;
use copilotkit_runtime::tools::{HttpTool, InterruptTool};
use copilotkit_runtime::{AgentRegistry, Lifecycle, LifecycleOptions, Principal, Registered, Store, Tool};
use http::{HeaderName, HeaderValue};
use secrecy::ExposeSecret as _;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

/// The id of the agent that frontends use when they name none.
const DEFAULT_AGENT: &str = "default";

/// Puts `--provider`, `--model`, `--base-url` and `--api-key` into the default agent; makes it if there is no agent.
///
/// # Errors
/// Flags that fit no agent.
pub fn apply_model_flags(config: &mut Config, args: &ServeArgs) -> Result<()> {
    let model = match (&args.provider, &args.model) {
        (Some(provider), None) if default_model(provider).is_some() => {
            default_model(provider).map(|model| model_name(provider, model))
        }
        (Some(provider), Some(model)) => Some(model_name(provider, model)),
        (None, Some(model)) if model == "demo" || model.contains(['/', ':']) => Some(model.clone()),
        (Some(provider), None) => {
            bail!("--provider {provider} needs a model: add --model NAME, as the provider calls it")
        }
        (None, Some(model)) => {
            bail!("--model {model} needs a provider: add --provider NAME, or write provider/{model}")
        }
        (None, None) => None,
    };
    let flags = model.is_some() || args.base_url.is_some() || args.api_key.is_some();
    if config.agents.is_empty() {
        let agent = BuiltInConfig::on_model("demo");
        config.agents.push((DEFAULT_AGENT.to_owned(), AgentConfig::BuiltIn(Box::new(agent))));
    }
    if !flags {
        return Ok(());
    }
    let agent = config.agents.iter_mut().find_map(|(id, agent)| match agent {
        AgentConfig::BuiltIn(agent) if id == DEFAULT_AGENT => Some(agent),
        _ => None,
    });
    let Some(agent) = agent else {
        bail!(
            "--provider, --model, --base-url and --api-key set the agent `default`, and the file has no such built-in agent"
        )
    };
    if let Some(model) = model {
        let before = agent.providers().next();
        agent.model = ModelNames::One(model);
        if agent.providers().next() != before {
            // They are those of another provider.
            (agent.base_url, agent.api_key, agent.api_key_env, agent.api) = (None, None, None, None);
        }
    }
    if let Some(url) = &args.base_url {
        client::check_url(url, Trust::Configured)
            .with_context(|| format!("--base-url {url}: write a whole address, like http://127.0.0.1:8080/v1"))?;
        agent.base_url = Some(url.clone());
    }
    if let Some(key) = &args.api_key {
        agent.api_key = Some(key.expose_secret().to_owned());
        agent.api_key_env = None;
    }
    if agent.providers().next().is_none()
        && let Some(flag) = args.api_key.as_ref().map(|_| "--api-key").or(args.base_url.as_ref().map(|_| "--base-url"))
    {
        let example = if flag == "--api-key" { "openai" } else { "custom --model NAME" };
        bail!("{flag} needs a provider, the demo model has none: add --provider {example}")
    }
    if let Some(conflict) = agent.address_conflict() {
        bail!("--base-url: {conflict}; add --provider and --model")
    }
    Ok(())
}

/// The name of a provider's model, which may have its provider in front already.
pub(crate) fn model_name(provider: &str, model: &str) -> String {
    let twice = split(model).is_ok_and(|(named, _)| named.eq_ignore_ascii_case(provider));
    match provider {
        "demo" => provider.to_owned(),
        _ if twice && !NAMESAKES.iter().any(|name| name.eq_ignore_ascii_case(provider)) => model.to_owned(),
        _ => format!("{provider}/{model}"),
    }
}

/// Providers some of whose models are named after them: `openrouter/auto`, `groq/compound`.
const NAMESAKES: [&str; 2] = ["openrouter", "groq"];

/// The model of a provider that is named without one. Only names that are widely known and not dated.
pub(crate) fn default_model(provider: &str) -> Option<&'static str> {
    Some(match provider {
        "demo" => "demo",
        "openai" => "gpt-4o",
        "anthropic" => "claude-sonnet-4-6",
        "google" => "gemini-2.5-flash",
        "deepseek" => "deepseek-chat",
        "groq" => "llama-3.3-70b-versatile",
        "mistral" => "mistral-large-latest",
        "openrouter" => "openai/gpt-4o",
        "ollama" => "llama3.2",
        _ => return None,
    })
}

/// The lifecycle of a configuration, with its threads in `store`.
///
/// # Errors
/// A model, key or address that cannot be used.
pub fn lifecycle(config: &Config, environment: &Environment, store: Arc<dyn Store>) -> Result<Lifecycle> {
    let agents = agents(config, environment, Some(&store))?;
    let limits = &config.limits;
    let options = LifecycleOptions {
        store,
        on_busy: match config.server.on_busy {
            OnBusyName::Reject => OnBusy::Reject,
            OnBusyName::Enqueue => OnBusy::Enqueue,
            OnBusyName::Supersede => OnBusy::Supersede,
        },
        on_disconnect: match config.server.on_disconnect {
            OnDisconnectName::Continue => OnDisconnect::Continue,
            OnDisconnectName::Cancel => OnDisconnect::Cancel,
        },
        runs: limits.runs,
        runs_per_principal: limits.runs_per_principal,
        run_max: limits.run_max.0,
        agent_idle: limits.agent_idle.0,
        run_events: limits.run_events,
        run_bytes: limits.run_bytes.0,
        event_max: limits.event_max.0.min(CLIENT_EVENT),
        json_depth: limits.json_depth,
        debug: debug(config.debug),
        subscriber_backlog: limits.subscriber_backlog.0,
        logging: logging(&config.logging),
        telemetry: telemetry(config)?,
        thread_names: naming::thread_names(config, environment)?,
        ..LifecycleOptions::default()
    };
    Ok(Lifecycle::new(Arc::new(AgentRegistry::new(agents)), options))
}

/// The agents of a configuration, in its order. Those that remember something of a thread keep it in `store`.
///
/// # Errors
/// A model, key or address that cannot be used.
pub fn agents(config: &Config, environment: &Environment, store: Option<&Arc<dyn Store>>) -> Result<Vec<Registered>> {
    let mcp = McpServers::new(config, environment)?;
    let mut agents = Vec::with_capacity(config.agents.len());
    for (id, agent) in &config.agents {
        let registered = match agent {
            AgentConfig::BuiltIn(agent) => {
                Registered::new(id.as_str(), built_in(agent, environment, &mcp).with_context(|| at(id))?)
            }
            AgentConfig::AgUi(agent) => Registered::new(id.as_str(), ag_ui(agent, config).with_context(|| at(id))?),
            AgentConfig::A2a(agent) => Registered::new(id.as_str(), a2a::agent(agent, store).with_context(|| at(id))?),
            // They stand on the others.
            AgentConfig::A2aOrchestrator(_) => continue,
        };
        agents.push(registered);
    }
    a2a::orchestrators(config, store, &mut agents)?;
    generative_ui::in_front(config, &mcp, agents)
}

fn debug(config: DebugConfig) -> DebugOptions {
    let DebugConfig { feed, events, lifecycle, verbose } = config;
    DebugOptions { feed, events, lifecycle, verbose }
}

fn logging(config: &LoggingConfig) -> LoggingOptions {
    let LoggingConfig { requests, responses, errors, content, progressive, .. } = *config;
    LoggingOptions { requests, responses, errors, content, progressive, ..LoggingOptions::default() }
}

fn telemetry(config: &Config) -> Result<TelemetryOptions> {
    let TelemetryConfig { capture_content, propagate, .. } = config.telemetry;
    let prices = prices(&config.prices).map_err(|(model, error)| anyhow!("[prices.{model:?}]: {error}"))?;
    Ok(TelemetryOptions { capture_content, propagate, prices, budgets: config.budgets.options() })
}

/// Who may read `/metrics`, if anybody may.
///
/// # Errors
/// A token that cannot be one.
pub fn metrics_access(config: &TelemetryConfig, environment: &Environment) -> Result<Option<MetricsAccess>> {
    if !config.metrics {
        return Ok(None);
    }
    let named = || config.metrics_token_env.as_deref().and_then(|name| environment(name));
    Ok(Some(match config.metrics_token.clone().or_else(named) {
        Some(token) => {
            let bearer =
                Bearer::new([(token.trim(), Principal::new("metrics"))]).context("[telemetry] metrics_token")?;
            MetricsAccess::Token(Auth::new(bearer))
        }
        None => MetricsAccess::Loopback,
    }))
}

fn at(id: &str) -> String {
    format!("[agents.{id}]")
}

/// The options of the HTTP surface of a server that listens on `address`.
///
/// # Errors
/// Every origin together with credentials; tokens, keys or secrets that cannot be used.
pub fn surface_options(config: &Config, address: IpAddr, environment: &Environment) -> Result<SurfaceOptions> {
    let server = &config.server;
    let origins = match server.cors_origins.as_slice() {
        [] => Origins::Loopback,
        [any] if any == "*" => Origins::Any,
        list => Origins::List(list.to_vec()),
    };
    let options = SurfaceOptions {
        base_paths: server.base_path.items().to_vec(),
        mode: match server.mode {
            ModeName::Both => Mode::Both,
            ModeName::Multi => Mode::Multi,
            ModeName::Single => Mode::Single,
        },
        cors: CorsPolicy::new(origins, server.allow_credentials)?,
        auth: config.auth.auth(environment).context("[auth]")?,
        hosts: hosts(&server.allowed_hosts, address),
        requests_per_minute: config.limits.requests_per_minute,
        body_max: config.limits.body_max.0,
        body_timeout: config.limits.body_timeout.0,
        id_max: config.limits.id_max,
        json_depth: config.limits.json_depth,
        keep_alive: server.keep_alive.0,
        ..SurfaceOptions::default()
    };
    Ok(a2a_server::mounted(config, options))
}

/// What turns recordings into text, if anything is to.
///
/// # Errors
/// An address or header that cannot be used.
pub fn transcription(config: &Config, environment: &Environment) -> Result<Option<Transcription>> {
    let Some(config) = &config.transcription else { return Ok(None) };
    let headers = config.headers.iter().map(|(name, value)| (name.clone(), value.clone().into())).collect();
    let options = OpenAiTranscriberOptions {
        api_key: config.key(environment),
        headers,
        ..OpenAiTranscriberOptions::new(config.base_url.as_str(), config.model.as_str())
    };
    let service = copilotkit_adapters::OpenAiTranscriber::new(options).context("[transcription]")?;
    Ok(Some(Transcription { timeout: config.timeout.0, ..Transcription::new(service) }))
}

/// Behind a loopback address is what this machine's user may see: no page may reach it by a name of its own.
fn hosts(allowed: &[String], address: IpAddr) -> HostPolicy {
    match allowed {
        [] if address.is_loopback() => HostPolicy::Loopback,
        [] => HostPolicy::Any,
        list if list.iter().any(|host| host == "*") => HostPolicy::Any,
        list => HostPolicy::List(list.to_vec()),
    }
}

fn built_in(agent: &BuiltInConfig, environment: &Environment, mcp: &McpServers) -> Result<BuiltInAgent> {
    let mut models = Vec::new();
    for name in agent.model.items() {
        models.push(agent.resolve(name, environment)?);
    }
    let demo = agent.model.items() == ["demo"];
    let description = if demo && agent.description.is_empty() { DEMO } else { &agent.description };
    let mut models = models.into_iter();
    let Some(first) = models.next() else { bail!("no model is named") };
    let mut builder = BuiltInAgent::builder(first)
        .description(description)
        .prompt(agent.prompt.as_str())
        .settings(settings(agent))
        .overridable(agent.overridable.iter().cloned())
        .forward_system_messages(agent.forward_system_messages)
        .forward_developer_messages(agent.forward_developer_messages);
    for fallback in models {
        builder = builder.fallback(fallback);
    }
    if let Some(steps) = agent.max_steps {
        builder = builder.max_steps(steps);
    }
    if let Some(choice) = &agent.tool_choice {
        builder = builder.tool_choice(match choice {
            ToolChoiceConfig::Tool(table) => ToolChoice::Tool(table.tool_name.clone()),
            ToolChoiceConfig::Word(word) => match word.as_str() {
                "auto" => ToolChoice::Auto,
                "none" => ToolChoice::None,
                "required" => ToolChoice::Required,
                name => ToolChoice::Tool(name.to_owned()),
            },
        });
    }
    builder = builder.approval(approval(agent));
    if let Some(tokens) = agent.context_window {
        builder = builder.context_window(tokens);
    }
    if let Some(limit) = agent.tool_timeout {
        builder = builder.tool_timeout(limit.0);
    }
    builder = builder.capabilities(agent.own_capabilities().map_err(anyhow::Error::msg)?);
    if agent.overridable.iter().any(|name| name == "model") {
        builder = builder.model_resolver(overrides::resolver(agent, environment));
    }
    for config in &agent.tools {
        builder = builder.tool(tool(config)?);
    }
    if agent.model.items().iter().any(|name| name == "demo") && !agent.tools.iter().any(|tool| tool.name == ASK_USER) {
        builder = builder.tool(ask_user());
    }
    if let Some(tools) = mcp.tools(agent)? {
        builder = builder.tool_source(Arc::new(tools.reserve([ASK_USER.to_owned()])));
    }
    Ok(builder.build())
}

fn approval(agent: &BuiltInConfig) -> Approval {
    match &agent.approval {
        ApprovalConfig::Always(_) => Approval::Always,
        ApprovalConfig::Tools(names) if names.is_empty() => Approval::Never,
        ApprovalConfig::Tools(names) => Approval::tools(names.iter().cloned()),
    }
}

/// What pages show of a demo agent that has no description of its own.
const DEMO: &str = "The demo model: no key, no network. Say /help to see what it can do.";
const ASK_USER: &str = "ask_user";

/// Lets the demo model show what an interrupt is.
fn ask_user() -> Arc<dyn Tool> {
    let parameters = serde_json::json!({
        "type": "object",
        "properties": { "question": { "type": "string" } },
        "required": ["question"],
    });
    let spec = ToolSpec {
        name: ASK_USER.to_owned(),
        description: "Asks the user a question and waits for the answer.".to_owned(),
        parameters: Some(Json::from(parameters)),
    };
    Arc::new(InterruptTool::new(spec, None, Some("{question}".to_owned())))
}

fn settings(agent: &BuiltInConfig) -> ModelSettings {
    ModelSettings {
        max_output_tokens: agent.max_output_tokens,
        temperature: agent.temperature,
        top_p: agent.top_p,
        top_k: agent.top_k,
        presence_penalty: agent.presence_penalty,
        frequency_penalty: agent.frequency_penalty,
        stop: agent.stop.clone(),
        seed: agent.seed,
        max_retries: agent.max_retries,
        provider_options: agent.provider_options.clone(),
    }
}

fn tool(config: &ToolConfig) -> Result<Arc<dyn Tool>> {
    let spec = ToolSpec {
        name: config.name.clone(),
        description: config.description.clone(),
        parameters: config.parameters.clone().map(Json::from),
    };
    match &config.url {
        Some(url) if !config.interrupt => {
            let mut builder = HttpTool::builder(config.name.as_str(), url.as_str()).description(spec.description);
            if let Some(schema) = spec.parameters {
                builder = builder.parameters(schema);
            }
            if let Some(timeout) = config.timeout {
                builder = builder.timeout(timeout.0);
            }
            for (name, value) in headers(&config.headers)? {
                builder = builder.header(name, value);
            }
            Ok(Arc::new(builder.build()?))
        }
        _ => Ok(Arc::new(InterruptTool::new(spec, config.reason.clone(), config.message.clone()))),
    }
}

fn ag_ui(agent: &AgUiConfig, config: &Config) -> Result<HttpAgent> {
    let forward = match &agent.forward_headers {
        ForwardHeaders::Default(_) => HeaderPolicy::Default,
        ForwardHeaders::Only(names) => {
            HeaderPolicy::only(names).context("forward_headers: a name is not one of a header")?
        }
    };
    let mut builder = HttpAgent::builder(agent.url.as_str())
        .description(agent.description.as_str())
        .forward(forward)
        .connect_timeout(config.limits.agent_connect.0)
        .idle_timeout(config.limits.agent_idle.0)
        .event_max(config.limits.event_max.0.min(CLIENT_EVENT))
        .raw_passthrough(agent.passthrough.is_some());
    for (name, value) in headers(&agent.headers)? {
        builder = builder.header(name, value);
    }
    Ok(builder.build()?)
}

/// Headers of the configuration. They are likely secrets, and the builders that take them mark them so.
fn headers(headers: &BTreeMap<String, String>) -> Result<Vec<(HeaderName, HeaderValue)>> {
    let parse = |(name, value): (&String, &String)| {
        let parsed = HeaderName::try_from(name).with_context(|| format!("`{name}` is not the name of a header"))?;
        let value = HeaderValue::try_from(value).with_context(|| format!("the value of the header `{name}`"))?;
        Ok((parsed, value))
    };
    headers.iter().map(parse).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_that_names_another_provider_leaves_the_file_s_key_behind() {
        let with = |args: ServeArgs| {
            let agent = BuiltInConfig {
                api_key: Some("k".to_owned()),
                base_url: Some("http://127.0.0.1/v1".to_owned()),
                ..BuiltInConfig::on_model("openai/a")
            };
            let agents = vec![("default".to_owned(), AgentConfig::BuiltIn(Box::new(agent)))];
            let mut config = Config { agents, ..Config::default() };
            apply_model_flags(&mut config, &args).unwrap();
            match config.agents.remove(0).1 {
                AgentConfig::BuiltIn(agent) => (agent.api_key, agent.base_url.is_some()),
                _ => unreachable!(),
            }
        };
        let model = |name: &str| ServeArgs { model: Some(name.to_owned()), ..ServeArgs::default() };
        assert_eq!(with(model("openai/b")), (Some("k".to_owned()), true));
        assert_eq!(with(model("groq/b")), (None, false));
        let own = ServeArgs { api_key: Some("g".into()), ..model("groq/b") };
        assert_eq!(with(own), (Some("g".to_owned()), false));
    }

    #[test]
    fn a_provider_stands_once_in_front_of_its_model() {
        for (provider, model, name) in [
            ("openai", "gpt-4o", "openai/gpt-4o"),
            ("openai", "openai/gpt-4o", "openai/gpt-4o"),
            ("openai", "OpenAI:gpt-4o", "OpenAI:gpt-4o"),
            ("openrouter", "openai/gpt-4o", "openrouter/openai/gpt-4o"),
            ("openrouter", "openrouter/auto", "openrouter/openrouter/auto"),
            ("groq", "groq/compound", "groq/groq/compound"),
            ("ollama", "llama3.2:1b", "ollama/llama3.2:1b"),
            ("demo", "demo", "demo"),
        ] {
            assert_eq!(model_name(provider, model), name);
        }
    }

    #[test]
    fn an_address_and_a_key_are_those_of_a_provider() {
        let with = |args: ServeArgs| apply_model_flags(&mut Config::default(), &args).unwrap_err().to_string();
        let key = ServeArgs { api_key: Some("k".into()), ..ServeArgs::default() };
        assert_eq!(with(key), "--api-key needs a provider, the demo model has none: add --provider openai");
        let url = ServeArgs { base_url: Some("http://127.0.0.1:1/v1".to_owned()), ..ServeArgs::default() };
        assert!(with(url).starts_with("--base-url needs a provider"));
    }

    #[test]
    fn a_loopback_address_is_for_names_of_this_machine() {
        let (loopback, any) = (IpAddr::from([127, 0, 0, 1]), IpAddr::from([0, 0, 0, 0]));
        let list = ["a.example".to_owned()];
        assert_eq!(hosts(&[], loopback), HostPolicy::Loopback);
        assert_eq!(hosts(&[], any), HostPolicy::Any);
        assert_eq!(hosts(&["*".to_owned()], loopback), HostPolicy::Any);
        assert_eq!(hosts(&list, any), HostPolicy::List(list.to_vec()));
    }
}
