//! The runtime's own wire types: what CopilotKit frontends exchange with a runtime besides AG-UI itself.

mod threads;

pub use threads::{
    Thread, ThreadArchived, ThreadDeleted, ThreadEvents, ThreadList, ThreadMessage, ThreadMessages, ThreadScope,
    ThreadState, ThreadToolCall, ThreadUpdate, Timestamp,
};

use crate::capabilities::AgentCapabilities;
use crate::wire::Json;
use serde::ser::SerializeMap as _;
use serde::{Deserialize, Serialize, Serializer};

/// The answer to `GET /info`.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct RuntimeInfo {
    /// The version of the server.
    pub version: String,
    /// The agents by id, in the order in which they are shown.
    #[serde(serialize_with = "by_id")]
    #[cfg_attr(feature = "schemars", schemars(with = "std::collections::BTreeMap<String, AgentInfo>"))]
    pub agents: Vec<AgentInfo>,
    /// Whether `/transcribe` has a service.
    pub audio_file_transcription_enabled: bool,
    /// How events travel: `sse`.
    pub mode: RuntimeMode,
    /// What the thread routes can do.
    pub thread_endpoints: ThreadEndpoints,
    /// The same over the single endpoint; absent where that is not served.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schemars", schemars(with = "SingleRoute"))]
    pub single_route: Option<SingleRoute>,
    /// Whether `/agent/:agentId/suggest` is served.
    pub suggestions: bool,
    /// Whether A2UI is on.
    #[serde(rename = "a2uiEnabled")]
    pub a2ui_enabled: bool,
    /// Which agents draw surfaces; absent where A2UI is off.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schemars", schemars(with = "A2uiInfo"))]
    pub a2ui: Option<A2uiInfo>,
    /// Whether open generative UI is on.
    #[serde(rename = "openGenerativeUIEnabled")]
    pub open_generative_ui_enabled: bool,
    /// Always true: this runtime sends nothing home.
    pub telemetry_disabled: bool,
}

impl RuntimeInfo {
    /// A runtime of this version with these agents and nothing else switched on.
    pub fn new(version: impl Into<String>, agents: Vec<AgentInfo>) -> Self {
        Self {
            version: version.into(),
            agents,
            audio_file_transcription_enabled: false,
            mode: RuntimeMode::Sse,
            thread_endpoints: ThreadEndpoints::default(),
            single_route: None,
            suggestions: false,
            a2ui_enabled: false,
            a2ui: None,
            open_generative_ui_enabled: false,
            telemetry_disabled: true,
        }
    }
}

/// Which agents draw surfaces: A2UI.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub struct A2uiInfo {
    /// Always true.
    #[cfg_attr(feature = "schemars", schemars(extend("const" = true)))]
    pub enabled: bool,
    /// Their ids; absent when all of them do.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schemars", schemars(with = "Vec<String>"))]
    pub agents: Option<Vec<String>>,
}

/// How events travel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum RuntimeMode {
    /// As server-sent events.
    #[default]
    Sse,
}

/// An agent, as `/info` shows it.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct AgentInfo {
    /// The id in `/agent/:agentId/run`.
    pub name: String,
    /// What it does, for people.
    pub description: String,
    /// What kind of agent it is; informational.
    pub class_name: String,
    /// AG-UI `AgentCapabilities`, if it declares any.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schemars", schemars(with = "AgentCapabilities"))]
    pub capabilities: Option<AgentCapabilities>,
}

fn by_id<S: Serializer>(agents: &[AgentInfo], serializer: S) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(agents.len()))?;
    for agent in agents {
        map.serialize_entry(&agent.name, agent)?;
    }
    map.end()
}

/// What the thread routes can do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ThreadEndpoints {
    /// Threads can be listed.
    pub list: bool,
    /// Messages, events and state of a thread can be read.
    pub inspect: bool,
    /// Threads can be renamed, archived and deleted.
    pub mutations: bool,
    /// Changes are pushed over a websocket.
    pub realtime_metadata: bool,
}

/// What the single endpoint can do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct SingleRoute {
    /// Whether `resource/request` is served.
    pub resource_operations: bool,
    /// What the thread routes can do by way of it.
    pub thread_endpoints: ThreadEndpoints,
}

/// The body of a POST on the single endpoint.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub struct Envelope {
    /// What is asked for: `agent/run`.
    #[cfg_attr(feature = "schemars", schemars(with = "String"))]
    pub method: Option<serde_json::Value>,
    /// The ids that REST has in its path.
    #[cfg_attr(feature = "schemars", schemars(with = "EnvelopeParams", default))]
    pub params: Option<serde_json::Value>,
    /// The body that REST would have; `null` is told apart from absence.
    #[serde(default, deserialize_with = "present")]
    pub body: Option<Json>,
}

fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Json>, D::Error> {
    Json::deserialize(deserializer).map(Some)
}

/// What REST has in its path.
#[cfg(feature = "schemars")]
#[derive(schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "it is there for its schema")]
struct EnvelopeParams {
    /// The agent.
    #[schemars(with = "String", default)]
    agent_id: Option<String>,
    /// The thread.
    #[schemars(with = "String", default)]
    thread_id: Option<String>,
    /// Of `resource/request`: the path below the base path, with its query.
    #[schemars(with = "String", default)]
    path: Option<String>,
    /// Of `resource/request`: the method that REST would have.
    #[schemars(with = "String", default)]
    http_method: Option<String>,
}

/// The body of an answer that refuses a request.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schemars", schemars(deny_unknown_fields))]
pub struct ErrorBody {
    /// What is wrong, in a few words that stay the same.
    pub error: String,
    /// What is wrong, for a program.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schemars", schemars(with = "String"))]
    pub code: Option<String>,
    /// What is wrong and what to do about it, for a person.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schemars", schemars(with = "String"))]
    pub message: Option<String>,
    /// The member that is wrong, as a path, and why.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schemars", schemars(with = "String"))]
    pub details: Option<String>,
    /// What is there instead, for a person.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schemars", schemars(with = "String"))]
    pub hint: Option<String>,
    /// The agents that there are, where another one was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schemars", schemars(with = "Vec<String>"))]
    pub agents: Option<Vec<String>>,
    /// Whether another try may succeed; absent where the status says it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schemars", schemars(with = "bool"))]
    pub retryable: Option<bool>,
}

/// A recording as JSON, for who cannot send a form.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct TranscribeBody {
    /// The file in base64, or a data URL of it.
    pub audio: String,
    /// What it is: `audio/webm`.
    pub mime_type: String,
    /// What it is called; absent is `recording.webm`.
    #[cfg_attr(feature = "schemars", schemars(with = "String", default))]
    pub filename: Option<String>,
}

/// What was said in a recording.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub struct Transcript {
    /// The words.
    pub text: String,
    /// How large the file was, in bytes.
    pub size: usize,
    /// What it was taken for.
    #[serde(rename = "type")]
    pub media_type: String,
}

/// The body of a request to stop a run; it may be empty.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StopRequest {
    /// Stop this run only; absent is whichever run is active.
    #[cfg_attr(feature = "schemars", schemars(with = "String", default))]
    pub run_id: Option<String>,
}

/// The answer to a request to stop a run.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum StopAnswer {
    /// The run was asked to stop.
    Stopped {
        /// Always true.
        #[cfg_attr(feature = "schemars", schemars(extend("const" = true)))]
        stopped: bool,
        /// What the reference runtime shows here; it is not an event of any stream.
        interrupt: StopInterrupt,
    },
    /// There was nothing to stop.
    Idle {
        /// Always false.
        #[cfg_attr(feature = "schemars", schemars(extend("const" = false)))]
        stopped: bool,
        /// Why.
        message: String,
    },
}

/// What the reference runtime shows of a stop.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub struct StopInterrupt {
    /// `RUN_ERROR`
    #[serde(rename = "type")]
    #[cfg_attr(feature = "schemars", schemars(extend("const" = "RUN_ERROR")))]
    pub kind: &'static str,
    /// For people.
    pub message: &'static str,
    /// `STOPPED`
    #[cfg_attr(feature = "schemars", schemars(extend("const" = "STOPPED")))]
    pub code: &'static str,
}

impl StopAnswer {
    /// The run was asked to stop.
    pub fn stopped() -> Self {
        let interrupt = StopInterrupt { kind: "RUN_ERROR", message: "Run stopped by user", code: "STOPPED" };
        Self::Stopped { stopped: true, interrupt }
    }

    /// There was nothing to stop.
    pub fn idle(message: impl Into<String>) -> Self {
        Self::Idle { stopped: false, message: message.into() }
    }
}
