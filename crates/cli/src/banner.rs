//! What the server says when it is ready.

use crate::config::{AgentConfig, Config};
use std::fmt::Write as _;
use std::net::SocketAddr;

/// The address, what is configured, and how a page connects to it.
pub(crate) fn text(config: &Config, address: SocketAddr) -> String {
    let url = format!("http://{address}");
    let base = config.server.base_path.items().first().map_or("", String::as_str);
    let mut out = String::new();
    let mut line = |name: &str, value: String| {
        // Writing into a text cannot fail.
        let _ = writeln!(out, "  {name:<8} {value}");
    };
    for (index, (id, agent)) in config.agents.iter().enumerate() {
        line(if index == 0 { "agents" } else { "" }, format!("{id}: {}", describe(agent)));
    }
    line("store", "memory: threads are gone when the server stops".to_owned());
    let paths = config.server.base_path.items().join(", ");
    line("paths", format!("{paths} (REST and single endpoint); /health, /ready"));
    let origins = &config.server.cors_origins;
    let origins = if origins.is_empty() { "pages of this machine".to_owned() } else { origins.join(", ") };
    line("origins", origins);
    let file = config.file.as_ref().map_or("none, the defaults".to_owned(), |file| file.display().to_string());
    line("config", file);
    format!(
        "copilotkit {version}\n{out}listening on {url}\n\nA React page connects to it by:\n  \
         import {{ CopilotKitProvider, CopilotChat }} from \"@copilotkit/react-core/v2\";\n  \
         import \"@copilotkit/react-core/v2/styles.css\";\n  \
         <CopilotKitProvider runtimeUrl=\"{url}{base}\"><CopilotChat /></CopilotKitProvider>\n",
        version = env!("CARGO_PKG_VERSION"),
    )
}

fn describe(agent: &AgentConfig) -> String {
    match agent {
        AgentConfig::BuiltIn(agent) if agent.model.items() == ["demo"] => {
            "built-in, demo model (no key, no network; say /help)".to_owned()
        }
        AgentConfig::BuiltIn(agent) => format!("built-in, {}", agent.model.items().join(", then ")),
        // An address may carry a user and a password: only its host is shown.
        AgentConfig::AgUi(agent) => {
            let host = url::Url::parse(&agent.url).ok();
            let host = host.as_ref().and_then(|url| url.host_str()).unwrap_or("?");
            format!("AG-UI agent at {host}")
        }
    }
}
