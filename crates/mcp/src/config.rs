//! What is known about a server before it is connected.

mod upstream;

pub use upstream::UpstreamServer;

use crate::limits;
use copilotkit_runtime::client::{Trust, check_url};
use copilotkit_runtime::headers::HeaderPolicy;
use http::HeaderMap;
use secrecy::SecretString;
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;
use url::Url;

/// One MCP server.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// Its name: in logs, and in the names of tools that would clash otherwise.
    pub id: String,
    /// How it is reached.
    pub transport: Transport,
    /// Headers of every request, over HTTP.
    pub headers: HeaderMap,
    /// Which headers of a page's request go on to it; none by default. Who sends others gets a connection of its own.
    pub forward_headers: HeaderPolicy,
    /// Stands before the name of each of its tools.
    pub prefix: String,
    /// When the names of its tools are made longer by its own name.
    pub namespacing: Namespacing,
    /// The tools that are offered; empty for all.
    pub include_tools: Vec<String>,
    /// Tools that are not offered.
    pub exclude_tools: Vec<String>,
    /// Whether what it says about its tools is believed: a tool that calls itself idempotent is then called again when a
    /// connection broke.
    pub trusted: bool,
    /// Whether a run must not start without it.
    pub required: bool,
    /// Which versions of the protocol are tried.
    pub protocol: Protocol,
    /// How long things may take.
    pub timeouts: Timeouts,
    /// How it is told who asks.
    pub auth: Option<Auth>,
    /// Whether it is told that people can be asked (elicitation), see [`crate::elicit::Elicit`].
    pub elicitation: bool,
    /// Whether it is told that pages can show its user interfaces (MCP Apps).
    pub apps: bool,
    /// Who chose its address.
    pub trust: Trust,
}

/// How a server is reached.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Transport {
    /// Streamable HTTP.
    Http(Url),
    /// The transport of 2024-11-05: one stream of events, and an endpoint for requests.
    Sse(Url),
    /// A child process, spoken to by its standard input and output.
    Stdio(Command),
}

/// A child process.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Command {
    /// The program; no shell is involved.
    pub program: String,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// Its environment, besides the few variables that every program needs.
    pub environment: BTreeMap<String, String>,
    /// The folder that it runs in; absent is ours.
    pub folder: Option<String>,
}

/// When the names of a server's tools are made longer by its own name, like `mcp__files__read`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Namespacing {
    /// When another tool has the same name.
    #[default]
    OnCollision,
    /// Always.
    Always,
    /// Never: a tool whose name is taken is left out.
    Never,
}

/// Which versions of the protocol are tried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// 2026-07-28, else those before.
    #[default]
    Auto,
    /// Those that begin with `initialize`, up to 2025-11-25.
    Legacy,
    /// Those from 2026-07-28 on.
    Modern,
}

/// How long things may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// Connecting.
    pub connect: Duration,
    /// Listing all tools.
    pub list: Duration,
    /// The longest silence of a call.
    pub call: Duration,
    /// The longest call.
    pub call_total: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self { connect: limits::CONNECT, list: limits::LIST, call: limits::CALL_IDLE, call_total: limits::CALL_TOTAL }
    }
}

/// How a server is told who asks, by OAuth.
#[derive(Clone, Debug)]
pub enum Auth {
    /// A token of this program itself, from its id and secret.
    ClientCredentials {
        /// The id.
        client_id: String,
        /// The secret.
        client_secret: SecretString,
        /// What the token is for; empty for what the server says.
        scopes: Vec<String>,
    },
    /// A token that somebody agreed to in a browser before, see [`crate::oauth`].
    AuthorizationCode {
        /// The file that keeps it.
        store: std::path::PathBuf,
        /// The id under which the authorization server knows us; absent registers one.
        client_id: Option<String>,
        /// The secret that goes with it.
        client_secret: Option<SecretString>,
        /// The https address of a document that describes us, for servers that take one in the place of an id.
        client_metadata: Option<Url>,
        /// What the token is for; empty for what the server says.
        scopes: Vec<String>,
    },
}

impl ServerConfig {
    /// A server with everything else at its default.
    pub fn new(id: impl Into<String>, transport: Transport) -> Self {
        let connect = match transport {
            Transport::Stdio(_) => limits::CONNECT_STDIO,
            _ => limits::CONNECT,
        };
        Self {
            id: id.into(),
            transport,
            headers: HeaderMap::new(),
            forward_headers: HeaderPolicy::None,
            prefix: String::new(),
            namespacing: Namespacing::default(),
            include_tools: Vec::new(),
            exclude_tools: Vec::new(),
            trusted: false,
            required: false,
            protocol: Protocol::default(),
            timeouts: Timeouts { connect, ..Timeouts::default() },
            auth: None,
            elicitation: false,
            apps: false,
            trust: Trust::Configured,
        }
    }

    /// A server that speaks streamable HTTP.
    ///
    /// # Errors
    /// An address that is none of http or https, or one with a password in it.
    pub fn http(id: impl Into<String>, url: &str) -> Result<Self, ConfigError> {
        Ok(Self::new(id, Transport::Http(address(url, Trust::Configured)?)))
    }

    /// A server that speaks the older HTTP+SSE.
    ///
    /// # Errors
    /// As [`ServerConfig::http`].
    pub fn sse(id: impl Into<String>, url: &str) -> Result<Self, ConfigError> {
        Ok(Self::new(id, Transport::Sse(address(url, Trust::Configured)?)))
    }

    /// A server that is started as a child process.
    ///
    /// # Errors
    /// An empty command.
    pub fn stdio(id: impl Into<String>, command: &[impl AsRef<str>]) -> Result<Self, ConfigError> {
        let mut words = command.iter().map(|word| word.as_ref().to_owned());
        let program = words.next().filter(|program| !program.is_empty()).ok_or(ConfigError::NoCommand)?;
        let command = Command { program, arguments: words.collect(), environment: BTreeMap::new(), folder: None };
        Ok(Self::new(id, Transport::Stdio(command)))
    }

    /// Whether a tool of this name is offered.
    pub fn offers(&self, tool: &str) -> bool {
        let named = |list: &[String]| list.iter().any(|name| name == tool);
        (self.include_tools.is_empty() || named(&self.include_tools)) && !named(&self.exclude_tools)
    }

    /// Where it is, for logs and for people: without user, password and query.
    pub fn place(&self) -> String {
        match &self.transport {
            Transport::Http(url) | Transport::Sse(url) => bare(url),
            Transport::Stdio(command) => command.program.clone(),
        }
    }
}

/// An address without what may be secret.
pub(crate) fn bare(url: &Url) -> String {
    let mut url = url.clone();
    // Both fail only for addresses that cannot have one.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_query(None);
    url.set_fragment(None);
    url.into()
}

/// Reads the address of a server.
pub(crate) fn address(text: &str, trust: Trust) -> Result<Url, ConfigError> {
    let url = check_url(text, trust).map_err(|error| ConfigError::Address(error.to_string()))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(ConfigError::Credentials);
    }
    Ok(url)
}

/// Why a configuration cannot work.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The address is none.
    #[error("{0}")]
    Address(String),
    /// The address holds a user or a password.
    #[error("the address holds a user or password, which ends up in logs: use a header")]
    Credentials,
    /// There is no program to start.
    #[error("the command is empty")]
    NoCommand,
    /// A header that is none.
    #[error("`{0}` cannot be sent as a header")]
    Header(String),
    /// What this type of entry cannot have.
    #[error("{0}")]
    Unsupported(String),
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http(url) => write!(f, "http {}", bare(url)),
            Self::Sse(url) => write!(f, "sse {}", bare(url)),
            Self::Stdio(command) => write!(f, "stdio {}", command.program),
        }
    }
}

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Command").field("program", &self.program).finish_non_exhaustive()
    }
}
