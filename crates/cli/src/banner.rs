//! What the server says when it is ready.

use crate::config::{
    AgentConfig, AuthConfig, AuthKind, BuiltInConfig, Config, Environment, LogFormat, PlaygroundSwitch,
};
use crate::terminal::count;
use copilotkit_adapters::Profile;
use copilotkit_adapters::spec::split;
use std::fmt::Write as _;
use std::net::SocketAddr;

/// What the banner tells beside the configuration.
pub(crate) struct Told<'a> {
    /// Where threads live.
    pub(crate) store: &'a str,
    /// What is sent where, if anything is.
    pub(crate) telemetry: Option<&'a str>,
    /// Whether `/metrics` is served.
    pub(crate) metrics: bool,
}

/// Shows that the server is ready: as one line where lines are JSON.
pub(crate) fn show(config: &Config, address: SocketAddr, environment: &Environment, told: &Told<'_>) {
    if config.logging.format != LogFormat::Json {
        eprint!("{}", text(config, address, environment, told));
        return;
    }
    let agents: Vec<&str> = config.agents.iter().map(|(id, _)| id.as_str()).collect();
    let (version, agents) = (env!("CARGO_PKG_VERSION"), agents.join(", "));
    let Told { store, telemetry, .. } = told;
    tracing::info!(target: "copilotkit::serve", version, agents, store, telemetry, "listening on http://{address}");
}

/// The address, what is configured, and how a page connects to it.
fn text(config: &Config, address: SocketAddr, environment: &Environment, told: &Told<'_>) -> String {
    let url = format!("http://{address}");
    // An address that means every interface is none that a page can use.
    let page = match address.ip().is_unspecified() {
        true => format!("http://127.0.0.1:{}", address.port()),
        false => url.clone(),
    };
    let agent_id = match config.agents.first() {
        Some((id, _)) if !config.agents.iter().any(|(id, _)| id == "default") => format!(" agentId=\"{id}\""),
        _ => String::new(),
    };
    let headers = match config.auth.kind {
        AuthKind::None => "",
        _ => " headers={{ Authorization: `Bearer ${token}` }}",
    };
    let base = config.server.base_path.items().first().map_or("", String::as_str);
    let mut out = String::new();
    let mut line = |name: &str, value: String| {
        // Writing into a text cannot fail.
        let _ = writeln!(out, "  {name:<8} {value}");
    };
    for (index, (id, agent)) in config.agents.iter().enumerate() {
        line(if index == 0 { "agents" } else { "" }, format!("{id}: {}", describe(agent, environment)));
    }
    line("store", told.store.to_owned());
    if !config.mcp.is_empty() {
        let servers: Vec<_> = config.mcp.iter().map(|(name, _)| name.as_str()).collect();
        line("mcp", format!("{}, each reached when it is first needed", servers.join(", ")));
    }
    if let Some(transcription) = &config.transcription {
        line("audio", format!("{} at {}", transcription.model, host(&transcription.base_url)));
    }
    let paths = config.server.base_path.items().join(", ");
    let metrics = if told.metrics { ", /metrics" } else { "" };
    line("paths", format!("{paths} (REST and single endpoint); /health, /ready{metrics}"));
    if let Some(a2a) = config.a2a_server.as_ref().filter(|a2a| a2a.enabled) {
        let url = a2a.url.as_deref().unwrap_or(&page).trim_end_matches('/');
        line("a2a", format!("{url}{}/AGENT, the first card at {url}/.well-known/agent-card.json", a2a.path));
    }
    let playground = config.playground.enabled;
    if playground.serves(address.ip()) {
        line("page", format!("{page}/ to chat, {page}/docs for the API"));
    } else if playground == PlaygroundSwitch::default() {
        line("page", "none on this address; with enabled = true in [playground] there is one".to_owned());
    }
    let origins = &config.server.cors_origins;
    let origins = if origins.is_empty() { "pages of this machine".to_owned() } else { origins.join(", ") };
    line("origins", origins);
    line("auth", who(&config.auth));
    if let Some(telemetry) = told.telemetry {
        line("sends", telemetry.to_owned());
    }
    let file = config.file.as_ref().map_or("none, the defaults".to_owned(), |file| file.display().to_string());
    line("config", file);
    format!(
        "copilotkit {version}\n{out}listening on {url}\n\nA React page connects to it by:\n  \
         import {{ CopilotKitProvider, CopilotChat }} from \"@copilotkit/react-core/v2\";\n  \
         import \"@copilotkit/react-core/v2/styles.css\";\n  \
         <CopilotKitProvider runtimeUrl=\"{page}{base}\"{headers}>\n    \
         <div style={{{{ height: \"100dvh\" }}}}><CopilotChat{agent_id} /></div>\n  \
         </CopilotKitProvider>\n",
        version = env!("CARGO_PKG_VERSION"),
    )
}

/// Who may use it.
fn who(auth: &AuthConfig) -> String {
    match auth.kind {
        AuthKind::None => "none: whoever reaches the address may use it".to_owned(),
        AuthKind::Bearer => format!("bearer tokens: {}", auth.tokens.len()),
        AuthKind::Jwt => {
            let issuer = if auth.issuer.is_empty() { "any issuer" } else { &auth.issuer };
            format!("JSON Web Tokens of {issuer}")
        }
    }
}

fn describe(agent: &AgentConfig, environment: &Environment) -> String {
    match agent {
        AgentConfig::BuiltIn(agent) if agent.model.items() == ["demo"] => {
            "built-in, demo model (no key, no network; say /help)".to_owned()
        }
        AgentConfig::BuiltIn(agent) => {
            let missing = missing_key(agent, environment).map(|name| format!(" (no key: set {name})"));
            format!("built-in, {}{}", agent.model.items().join(", then "), missing.unwrap_or_default())
        }
        AgentConfig::AgUi(agent) => format!("AG-UI agent at {}", host(&agent.url)),
        AgentConfig::A2a(agent) => format!("A2A agent at {}", host(&agent.url)),
        AgentConfig::A2aOrchestrator(agent) => {
            let (asked, asks) = (&agent.orchestrator, count(agent.agents.len(), "A2A agent"));
            format!("agent `{asked}`, which may ask {asks}")
        }
    }
}

/// An address may carry a user and a password: only its host is shown.
pub(crate) fn host(url: &str) -> String {
    let url = url::Url::parse(url).ok();
    let (name, port) = url.as_ref().map_or(("?", None), |url| (url.host_str().unwrap_or("?"), url.port()));
    let port = port.map(|port| format!(":{port}")).unwrap_or_default();
    format!("{name}{port}")
}

/// The variable of the key that the agent's first model needs and does not have. At an address of its own a model may
/// need none.
fn missing_key(agent: &BuiltInConfig, environment: &Environment) -> Option<String> {
    let (provider, _) = split(agent.model.items().first()?).ok()?;
    let profile = Profile::named(&provider)?;
    let set = |name: &str| environment(name).is_some_and(|value| !value.trim().is_empty());
    let elsewhere = agent.base_url.is_some() || set(&profile.base_url_env);
    let given = agent.api_key.is_some() || agent.api_key_env.is_some() || profile.key_envs().any(set);
    let needed = profile.base_url.starts_with("https://") && !profile.api_key_env.is_empty();
    (needed && !elsewhere && !given).then(|| profile.api_key_env.to_string())
}
