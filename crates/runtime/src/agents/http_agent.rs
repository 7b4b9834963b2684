//! A remote AG-UI agent: a POST with the run's input, answered by an event stream.

mod failure;
mod stream;

use crate::agent::{Agent, EventStream, RunContext};
use crate::client::{self, ClientError, ClientOptions, Trust};
use crate::headers::HeaderPolicy;
use crate::limits;
use http::{HeaderMap, HeaderName, HeaderValue};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use url::Url;

/// An agent at an address, spoken to over HTTP and server-sent events.
///
/// Its events are passed on as they come, byte for byte where nothing in them is wrong. It adds none of its own: what
/// the remote agent leaves open or unsaid, the lifecycle repairs. Redirects are not followed.
///
/// ```
/// use copilotkit_runtime::agents::HttpAgent;
/// use copilotkit_runtime::headers::HeaderPolicy;
///
/// let agent = HttpAgent::builder("http://127.0.0.1:9000/")
///     .header(http::header::AUTHORIZATION, http::HeaderValue::from_static("Bearer of the server"))
///     .forward(HeaderPolicy::only(["x-tenant"])?)
///     .build()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct HttpAgent {
    inner: Arc<Inner>,
}

struct Inner {
    client: reqwest::Client,
    url: Url,
    headers: HeaderMap,
    forward: HeaderPolicy,
    description: String,
    idle_timeout: Duration,
    connect_timeout: Duration,
    event_max: usize,
    raw: bool,
}

/// The options of an [`HttpAgent`].
#[derive(Clone, Debug)]
pub struct HttpAgentBuilder {
    url: String,
    headers: HeaderMap,
    forward: HeaderPolicy,
    description: String,
    idle_timeout: Duration,
    connect_timeout: Duration,
    event_max: usize,
    raw: bool,
}

impl HttpAgent {
    /// An agent at an absolute http or https address, with every option at its default.
    pub fn builder(url: impl Into<String>) -> HttpAgentBuilder {
        HttpAgentBuilder {
            url: url.into(),
            headers: HeaderMap::new(),
            forward: HeaderPolicy::Default,
            description: String::new(),
            idle_timeout: limits::AGENT_IDLE,
            connect_timeout: limits::AGENT_CONNECT,
            event_max: limits::EVENT_MAX,
            raw: false,
        }
    }
}

impl HttpAgentBuilder {
    /// Adds a header to every request. It goes before a forwarded one of the same name.
    #[must_use]
    pub fn header(mut self, name: HeaderName, mut value: HeaderValue) -> Self {
        value.set_sensitive(true);
        self.headers.append(name, value);
        self
    }

    /// Which headers of the page's request are passed on.
    #[must_use]
    pub fn forward(mut self, policy: HeaderPolicy) -> Self {
        self.forward = policy;
        self
    }

    /// What the agent does, for people.
    #[must_use]
    pub fn description(mut self, text: impl Into<String>) -> Self {
        self.description = text.into();
        self
    }

    /// The longest silence, comments being life; default [`limits::AGENT_IDLE`].
    #[must_use]
    pub fn idle_timeout(mut self, limit: Duration) -> Self {
        self.idle_timeout = limit;
        self
    }

    /// How long the connection may take; default [`limits::AGENT_CONNECT`].
    #[must_use]
    pub fn connect_timeout(mut self, limit: Duration) -> Self {
        self.connect_timeout = limit;
        self
    }

    /// The largest event, in bytes; default [`limits::EVENT_MAX`].
    #[must_use]
    pub fn event_max(mut self, bytes: usize) -> Self {
        self.event_max = bytes;
        self
    }

    /// Passes on members that AG-UI does not know, instead of taking them out of the events that carry them.
    #[must_use]
    pub fn raw_passthrough(mut self, raw: bool) -> Self {
        self.raw = raw;
        self
    }

    /// The agent.
    ///
    /// # Errors
    /// An address that is none, or a TLS stack that cannot be set up.
    pub fn build(self) -> Result<HttpAgent, ClientError> {
        let url = client::check_url(&self.url, Trust::Configured)?;
        let options = ClientOptions { connect_timeout: self.connect_timeout, ..ClientOptions::default() };
        let inner = Inner {
            client: client::build(&options)?,
            url,
            headers: self.headers,
            forward: self.forward,
            description: self.description,
            idle_timeout: self.idle_timeout,
            connect_timeout: self.connect_timeout,
            event_max: self.event_max,
            raw: self.raw,
        };
        Ok(HttpAgent { inner: Arc::new(inner) })
    }
}

impl Agent for HttpAgent {
    fn run(&self, context: RunContext) -> EventStream {
        Box::pin(stream::events(Arc::clone(&self.inner), context))
    }

    fn description(&self) -> &str {
        &self.inner.description
    }

    fn kind(&self) -> &'static str {
        "HttpAgent"
    }
}

impl fmt::Debug for HttpAgent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpAgent").field("url", &failure::address(&self.inner.url)).finish_non_exhaustive()
    }
}
