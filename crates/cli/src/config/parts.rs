//! The sections that are not agents.

use super::{Size, Span};
use copilotkit_runtime::limits;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

/// `[server]`: where and how it listens.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct ServerConfig {
    /// The address to listen on.
    pub host: String,
    /// The port; 0 lets the system choose.
    pub port: u16,
    /// Where the routes begin.
    pub base_path: OneOrMany,
    /// Which forms of the protocol are served.
    pub mode: ModeName,
    /// Origins whose pages may use the server; empty for pages of this machine, `["*"]` for all.
    pub cors_origins: Vec<String>,
    /// Names that the server answers to, without ports; empty for those of this machine when it listens on a loopback
    /// address, and for any otherwise. `["*"]` for any.
    pub allowed_hosts: Vec<String>,
    /// Whether pages may send credentials.
    pub allow_credentials: bool,
    /// What becomes of a run on a thread on which another one is active.
    pub on_busy: OnBusyName,
    /// What becomes of a run when the page that started it hangs up.
    pub on_disconnect: OnDisconnectName,
    /// Silence after which a comment is sent on a stream. `"0s"`: none is ever sent.
    pub keep_alive: Span,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            host: "127.0.0.1".to_owned(),
            port: 8000,
            base_path: OneOrMany::Many(vec!["/copilotkit".to_owned(), "/api/copilotkit".to_owned()]),
            mode: ModeName::Both,
            cors_origins: Vec::new(),
            allowed_hosts: Vec::new(),
            allow_credentials: true,
            on_busy: OnBusyName::Reject,
            on_disconnect: OnDisconnectName::Continue,
            keep_alive: Span(limits::KEEP_ALIVE),
        }
    }
}

/// A text or a list of texts.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, serde::Serialize))]
#[serde(untagged, expecting = "expected a text or a list of texts")]
pub enum OneOrMany {
    /// One.
    One(String),
    /// Any number.
    Many(Vec<String>),
}

impl OneOrMany {
    /// All of them.
    pub fn items(&self) -> &[String] {
        match self {
            Self::One(item) => std::slice::from_ref(item),
            Self::Many(items) => items,
        }
    }
}

/// Which forms of the protocol are served.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, serde::Serialize))]
#[serde(rename_all = "lowercase")]
pub enum ModeName {
    /// REST, and the envelope by POST on the base path.
    #[default]
    Both,
    /// REST.
    Multi,
    /// The envelope.
    Single,
}

/// What becomes of a run on a thread on which another one is active.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, serde::Serialize))]
#[serde(rename_all = "lowercase")]
pub enum OnBusyName {
    /// It is refused with 409.
    #[default]
    Reject,
    /// It waits for its turn.
    Enqueue,
    /// The other one is stopped for it.
    Supersede,
}

/// What becomes of a run when the page that started it hangs up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, serde::Serialize))]
#[serde(rename_all = "lowercase")]
pub enum OnDisconnectName {
    /// It goes on, and can be connected to.
    #[default]
    Continue,
    /// It is stopped.
    Cancel,
}

/// `[store]`: where threads live.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct StoreConfig {
    /// What kind of store.
    pub kind: StoreKind,
    /// The file of `"sqlite"`, from the folder in which the server is started. Its folder is made when it is not there.
    pub path: String,
}

impl Default for StoreConfig {
    fn default() -> Self {
        Self { kind: StoreKind::default(), path: ".copilotkit/threads.db".to_owned() }
    }
}

/// What kind of store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, serde::Serialize))]
#[serde(rename_all = "lowercase")]
pub enum StoreKind {
    /// In one file: threads survive a restart.
    #[default]
    Sqlite,
    /// In memory: threads are gone when the process ends.
    Memory,
}

/// `[threads]`: what threads are called, and how long they are kept. A thread with an active run always stays.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct ThreadsConfig {
    /// What a thread is called until somebody names it. `"first-message"`: the beginning of its first message. Anything
    /// else asks a model behind the first run, and falls back to that: `"model"` the one of the run's agent (of `default`,
    /// or the first built-in agent, where that is none), the id of a built-in agent its model, a model like
    /// `"openai/gpt-5-nano"` that one, with the key from the environment.
    pub generate_names: String,
    /// How long a thread may be unused before it is deleted. Not set or `""`: for ever.
    #[serde(deserialize_with = "unless_empty")]
    pub max_age: Option<Span>,
    /// How many threads are kept, the last used ones, of all users together. 0: any number.
    pub max_threads: usize,
    /// How many bytes of events are kept; the threads that were not used for longest make room. Not set or `""`: any
    /// number.
    #[serde(deserialize_with = "unless_empty")]
    pub max_bytes: Option<Size>,
}

impl Default for ThreadsConfig {
    fn default() -> Self {
        Self { generate_names: "first-message".to_owned(), max_age: None, max_threads: 0, max_bytes: None }
    }
}

impl ThreadsConfig {
    /// Whether threads are named after their first message alone.
    pub fn names_are_first_messages(&self) -> bool {
        self.generate_names == "first-message"
    }
}

/// An empty text is no value.
fn unless_empty<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    let value = toml::Value::deserialize(deserializer)?;
    if value.as_str() == Some("") {
        return Ok(None);
    }
    T::deserialize(value).map(Some).map_err(|error| D::Error::custom(error.message()))
}

/// `[limits]`: every bound that can be set.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct LimitsConfig {
    /// How long a request's head may take.
    pub header_timeout: Span,
    /// How long a request's body may take as a whole.
    pub body_timeout: Span,
    /// The largest request body.
    pub body_max: Size,
    /// The most connections at once.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub connections: usize,
    /// The most runs at once.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub runs: usize,
    /// The most runs of one principal at once, suggestions included. Not set: 50, and no bound for the one principal of a
    /// server without authentication. Beyond it: 429.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub runs_per_principal: Option<usize>,
    /// The most requests of one principal in a minute, of any kind; all of them may come at once. Not set: any number.
    /// Beyond it: 429 `too_many_requests`.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub requests_per_minute: Option<u32>,
    /// The largest event that an agent may send, at most 10 MiB, which is what clients take.
    pub event_max: Size,
    /// How deep arrays and objects may be nested in a request's body and in an agent's event, at most 128 levels.
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 128)))]
    pub json_depth: usize,
    /// The most events of one run.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub run_events: u64,
    /// The most bytes of events of one run.
    pub run_bytes: Size,
    /// How much of what a live run sent last stays in memory for its readers. One that falls behind it reads the store.
    pub subscriber_backlog: Size,
    /// How long connecting to a remote agent may take.
    pub agent_connect: Span,
    /// The longest silence of an agent.
    pub agent_idle: Span,
    /// The longest run.
    pub run_max: Span,
    /// The longest thread or run id, in bytes.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub id_max: usize,
    /// How long a reader may take nothing before it is cut off.
    pub write_stall: Span,
    /// How long the server goes on as before, but says that it is not ready, after it was asked to stop. Not set: 5 s
    /// after SIGTERM, not at all after Ctrl-C.
    pub drain_delay: Option<Span>,
    /// How long runs and open streams may go on after the server was asked to stop, the delay included.
    pub drain_timeout: Span,
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self {
            header_timeout: Span(limits::HEADER_TIMEOUT),
            body_timeout: Span(limits::BODY_TIMEOUT),
            body_max: Size(limits::BODY_MAX),
            connections: limits::CONNECTIONS,
            runs: limits::RUNS,
            runs_per_principal: None,
            requests_per_minute: None,
            event_max: Size(limits::EVENT_MAX),
            json_depth: limits::JSON_DEPTH,
            run_events: limits::RUN_EVENTS,
            run_bytes: Size(limits::RUN_BYTES),
            subscriber_backlog: Size(limits::SUBSCRIBER_BACKLOG),
            agent_connect: Span(limits::AGENT_CONNECT),
            agent_idle: Span(limits::AGENT_IDLE),
            run_max: Span(limits::RUN_MAX),
            id_max: limits::ID_MAX,
            write_stall: Span(limits::WRITE_STALL),
            drain_delay: None,
            drain_timeout: Span(limits::DRAIN_TIMEOUT),
        }
    }
}

/// `[debug]`: what developers may look at. Switch it on only where whoever reaches the server, or reads its log, may see
/// what users and agents say.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct DebugConfig {
    /// Serves `GET {base}/cpk-debug-events`: every event of every run and replay, of every user.
    pub feed: bool,
    /// Logs the type and ids of each event.
    pub events: bool,
    /// Logs the beginning and the end of each run.
    pub lifecycle: bool,
    /// Adds the events themselves, and what runs were started with, to the lines of `events` and `lifecycle`.
    pub verbose: bool,
}
