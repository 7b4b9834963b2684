//! `[mcp.NAME]`: MCP servers.

use super::sources::Merged;
use super::{ConfigError, Environment, Span, hints};
use copilotkit_mcp::ServerConfig;
use copilotkit_mcp::config::{Auth, Command, Namespacing, Protocol, Timeouts, Transport};
#[cfg(feature = "schema")]
use copilotkit_mcp::limits;
use copilotkit_runtime::headers::HeaderPolicy;
use http::{HeaderMap, HeaderName, HeaderValue};
use secrecy::SecretString;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::PathBuf;
use toml::Value;

/// `[mcp.NAME]`: one MCP server.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct McpConfig {
    /// How it is reached: `http` (streamable HTTP), `sse` (the older HTTP+SSE) or `stdio` (a child process). Not set:
    /// `http` with a `url`, `stdio` with a `command`.
    pub transport: Option<TransportName>,
    /// Its address.
    pub url: Option<String>,
    /// The program to start and its arguments. No shell is involved.
    pub command: Vec<String>,
    /// The environment of the program, besides `PATH`, `HOME` and the few others that every program needs.
    pub env: BTreeMap<String, String>,
    /// The folder in which the program runs; not set, that of the server.
    pub folder: Option<String>,
    /// Headers of each request.
    pub headers: BTreeMap<String, String>,
    /// Headers of a page's request that go on to it, by name. Who sends others gets a connection of its own.
    pub forward_headers: Vec<String>,
    /// Stands before the name of each of its tools.
    pub prefix: String,
    /// When its tools are called `mcp__NAME__tool`: `on-collision` (another tool has the name), `always` or `never` (a tool
    /// whose name is taken is left out).
    pub namespacing: NamespacingName,
    /// The tools that are offered; empty for all.
    pub include_tools: Vec<String>,
    /// Tools that are not offered.
    pub exclude_tools: Vec<String>,
    /// Whether what it says about its tools is believed: a tool that says that it changes nothing is called again when a
    /// connection broke.
    pub trusted: bool,
    /// Whether a run must not start without it.
    pub required: bool,
    /// Whether its tools may ask the person who uses the page (elicitation). The run then ends with an interrupt that the
    /// page answers; without, every question is declined.
    pub elicitation: bool,
    /// Which versions of MCP are tried: `auto` (2026-07-28, else older ones), `legacy` (up to 2025-11-25) or `modern`.
    pub protocol: ProtocolName,
    /// How long connecting may take [default: 10s over HTTP, 60s for a program, which may have to be fetched first].
    pub connect_timeout: Option<Span>,
    /// How long listing its tools may take.
    #[cfg_attr(feature = "schema", schemars(extend("default" = Span(limits::LIST))))]
    pub list_timeout: Option<Span>,
    /// The longest silence of a call; progress of the tool starts it anew.
    #[cfg_attr(feature = "schema", schemars(extend("default" = Span(limits::CALL_IDLE))))]
    pub call_timeout: Option<Span>,
    /// The longest call.
    #[cfg_attr(feature = "schema", schemars(extend("default" = Span(limits::CALL_TOTAL))))]
    pub call_max: Option<Span>,
    /// How it is told who asks, by OAuth.
    pub oauth: Option<OAuthConfig>,
}

/// `[mcp.NAME.oauth]`: how a server is told who asks.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct OAuthConfig {
    /// `client-credentials`: the program asks for itself, with an id and a secret. `authorization-code`: somebody agrees
    /// once in a browser (`copilotkit mcp login NAME`).
    pub grant: GrantName,
    /// The id under which the authorization server knows the program. Not needed where it registers programs by itself.
    pub client_id: Option<String>,
    /// The environment variable that holds the secret that goes with the id.
    pub client_secret_env: Option<String>,
    /// What is asked for; empty for what the server says.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// The file that keeps what was agreed to [default: .copilotkit/mcp/NAME.json].
    pub store: Option<PathBuf>,
}

/// How a server is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, serde::Serialize))]
#[serde(rename_all = "lowercase")]
pub enum TransportName {
    /// Streamable HTTP.
    Http,
    /// HTTP+SSE, of 2024-11-05.
    Sse,
    /// A child process.
    Stdio,
}

/// When the tools of a server are called by its name too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, serde::Serialize))]
#[serde(rename_all = "kebab-case")]
pub enum NamespacingName {
    /// When another tool has the name.
    #[default]
    OnCollision,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Which versions of MCP are tried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, serde::Serialize))]
#[serde(rename_all = "lowercase")]
pub enum ProtocolName {
    /// 2026-07-28, else older ones.
    #[default]
    Auto,
    /// Up to 2025-11-25.
    Legacy,
    /// From 2026-07-28 on.
    Modern,
}

/// How a token is come by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, serde::Serialize))]
#[serde(rename_all = "kebab-case")]
pub enum GrantName {
    /// The program asks for itself.
    ClientCredentials,
    /// Somebody agrees in a browser.
    AuthorizationCode,
}

impl McpConfig {
    pub(super) fn read(merged: &Merged, name: &str, value: Value) -> Result<Self, ConfigError> {
        let at = ["mcp", name];
        if name.is_empty() {
            return Err(merged.error(&at, "a server needs a name", "write one between the quotes"));
        }
        if !value.is_table() {
            return Err(merged.error(&at, "a server is a table", format!("write [mcp.{name}]")));
        }
        let config: Self = merged.read(value, &at)?;
        config.check(merged, name)?;
        Ok(config)
    }

    fn transport(&self) -> Option<TransportName> {
        let meant = match (&self.url, self.command.is_empty()) {
            (Some(_), _) => Some(TransportName::Http),
            (None, false) => Some(TransportName::Stdio),
            (None, true) => None,
        };
        self.transport.or(meant)
    }

    fn check(&self, merged: &Merged, name: &str) -> Result<(), ConfigError> {
        let at = |key: &'static str| ["mcp", name, key];
        match self.transport() {
            None => {
                let remedy = "add url = \"http://…\", or command = [\"program\", \"argument\"]";
                return Err(merged.error(&["mcp", name], "the server has no address and no command", remedy));
            }
            Some(TransportName::Stdio) => {
                if self.command.first().is_none_or(String::is_empty) {
                    let remedy = "write the program and its arguments, like [\"npx\", \"-y\", \"package\"]";
                    return Err(merged.error(&at("command"), "there is no program to start", remedy));
                }
                let http = [
                    ("url", self.url.is_some()),
                    ("headers", !self.headers.is_empty()),
                    ("forward_headers", !self.forward_headers.is_empty()),
                    ("oauth", self.oauth.is_some()),
                ];
                if let Some((key, _)) = http.into_iter().find(|(_, set)| *set) {
                    let remedy = format!("remove `{key}`, or reach the server over HTTP");
                    return Err(merged.error(&at(key), "a program that is started has none", remedy));
                }
            }
            Some(TransportName::Http | TransportName::Sse) => {
                let Some(url) = &self.url else {
                    return Err(merged.error(&["mcp", name], "the key `url` is missing", "add url = \"http://…\""));
                };
                merged.check_url(&at("url"), url)?;
                let process = [
                    ("command", !self.command.is_empty()),
                    ("env", !self.env.is_empty()),
                    ("folder", self.folder.is_some()),
                ];
                if let Some((key, _)) = process.into_iter().find(|(_, set)| *set) {
                    let remedy = format!("remove `{key}`, or set transport = \"stdio\" and remove `url`");
                    return Err(merged.error(&at(key), "it is for a program that is started", remedy));
                }
            }
        }
        merged.check_headers(&at("headers"), &self.headers)?;
        if HeaderPolicy::only(&self.forward_headers).is_err() {
            return Err(merged.error(
                &at("forward_headers"),
                "a name is not one of a header",
                "use letters, digits and dashes",
            ));
        }
        if let Some(both) = self.include_tools.iter().find(|tool| self.exclude_tools.contains(tool)) {
            let reason = format!("`{both}` is both included and excluded");
            return Err(merged.error(&at("exclude_tools"), reason, "keep it in one of the two lists"));
        }
        if let Some(oauth) = &self.oauth {
            oauth.check(merged, name)?;
            if self.headers.keys().any(|header| header.eq_ignore_ascii_case("authorization")) {
                let remedy = "keep one of the two";
                return Err(merged.error(&at("oauth"), "there is a header `authorization` as well", remedy));
            }
        }
        // What the library finds wrong with it.
        self.server(name, &merged.environment).map_err(|error| {
            merged.error(&at("url"), error.to_string(), "put credentials into `headers`, as \"${NAME}\"")
        })?;
        Ok(())
    }

    /// The server as the library takes it.
    ///
    /// # Errors
    /// An address or header that cannot be used.
    pub(crate) fn server(
        &self,
        name: &str,
        environment: &Environment,
    ) -> Result<ServerConfig, copilotkit_mcp::config::ConfigError> {
        let url = self.url.as_deref().unwrap_or_default();
        let mut server = match self.transport() {
            Some(TransportName::Stdio) | None => ServerConfig::stdio(name, &self.command)?,
            Some(TransportName::Http) => ServerConfig::http(name, url)?,
            Some(TransportName::Sse) => ServerConfig::sse(name, url)?,
        };
        if let Transport::Stdio(command) = server.transport {
            let command = Command { environment: self.env.clone(), folder: self.folder.clone(), ..command };
            server.transport = Transport::Stdio(command);
        }
        let mut headers = HeaderMap::new();
        for (name, value) in &self.headers {
            let parsed = HeaderName::try_from(name).ok().zip(HeaderValue::try_from(value).ok());
            let wrong = || copilotkit_mcp::config::ConfigError::Header(name.clone());
            let (name, mut value) = parsed.ok_or_else(wrong)?;
            value.set_sensitive(true);
            headers.insert(name, value);
        }
        let defaults = server.timeouts;
        let or = |span: Option<Span>, default| span.map_or(default, |span| span.0);
        Ok(ServerConfig {
            headers,
            forward_headers: HeaderPolicy::only(&self.forward_headers).unwrap_or(HeaderPolicy::None),
            prefix: self.prefix.clone(),
            namespacing: match self.namespacing {
                NamespacingName::OnCollision => Namespacing::OnCollision,
                NamespacingName::Always => Namespacing::Always,
                NamespacingName::Never => Namespacing::Never,
            },
            include_tools: self.include_tools.clone(),
            exclude_tools: self.exclude_tools.clone(),
            trusted: self.trusted,
            required: self.required,
            elicitation: self.elicitation,
            protocol: match self.protocol {
                ProtocolName::Auto => Protocol::Auto,
                ProtocolName::Legacy => Protocol::Legacy,
                ProtocolName::Modern => Protocol::Modern,
            },
            timeouts: Timeouts {
                connect: or(self.connect_timeout, defaults.connect),
                list: or(self.list_timeout, defaults.list),
                call: or(self.call_timeout, defaults.call),
                call_total: or(self.call_max, defaults.call_total),
            },
            auth: self.oauth.as_ref().map(|oauth| oauth.auth(name, environment)),
            ..server
        })
    }
}

impl OAuthConfig {
    fn check(&self, merged: &Merged, name: &str) -> Result<(), ConfigError> {
        let at = |key: &'static str| ["mcp", name, "oauth", key];
        if self.grant == GrantName::ClientCredentials {
            for (key, set) in [("client_id", &self.client_id), ("client_secret_env", &self.client_secret_env)] {
                if set.is_none() {
                    let reason = format!("the key `{key}` is missing");
                    return Err(merged.error(&["mcp", name, "oauth"], reason, format!("add {key} = …")));
                }
            }
        }
        if let Some(variable) = &self.client_secret_env
            && (merged.environment)(variable).is_none_or(|secret| secret.is_empty())
        {
            let reason = format!("the environment variable `{variable}` is not set");
            let remedy = format!("set it before the start: export {variable}=…");
            return Err(merged.error(&at("client_secret_env"), reason, remedy));
        }
        Ok(())
    }

    fn auth(&self, name: &str, environment: &Environment) -> Auth {
        let client_secret =
            self.client_secret_env.as_deref().and_then(|variable| environment(variable)).map(SecretString::from);
        let scopes = self.scopes.clone();
        match self.grant {
            GrantName::ClientCredentials => Auth::ClientCredentials {
                client_id: self.client_id.clone().unwrap_or_default(),
                client_secret: client_secret.unwrap_or_default(),
                scopes,
            },
            GrantName::AuthorizationCode => Auth::AuthorizationCode {
                store: self.store.clone().unwrap_or_else(|| PathBuf::from(format!(".copilotkit/mcp/{name}.json"))),
                client_id: self.client_id.clone(),
                client_secret,
                client_metadata: None,
                scopes,
            },
        }
    }
}

/// Checks that every server which an agent names is there.
pub(super) fn check_names(
    merged: &Merged,
    at: &[&str],
    names: &[String],
    servers: &[(String, McpConfig)],
) -> Result<(), ConfigError> {
    let known: Vec<&str> = servers.iter().map(|(name, _)| name.as_str()).collect();
    for (index, name) in names.iter().enumerate() {
        if names[..index].contains(name) {
            return Err(merged.error(at, format!("`{name}` is named twice"), "name each server once"));
        }
        if known.contains(&name.as_str()) {
            continue;
        }
        let all = known.iter().map(|known| format!("`{known}`")).collect::<Vec<_>>().join(", ");
        let remedy = match (hints::nearest(name, known.iter().copied()), known.is_empty()) {
            (_, true) => format!("add [mcp.{name}] with url = \"http://…\" or command = [\"…\"]"),
            (Some(meant), _) => format!("did you mean `{meant}`? The servers are {all}"),
            (None, _) => format!("the servers are {all}; or add [mcp.{name}]"),
        };
        return Err(merged.error(at, format!("there is no MCP server `{name}`"), remedy));
    }
    Ok(())
}
