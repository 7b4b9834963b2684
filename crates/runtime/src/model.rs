//! The contract of a language model: a request in, a stream of model events out.
//!
//! Providers live in `copilotkit-adapters`; [`BuiltInAgent`](crate::agents::BuiltInAgent) turns these events into AG-UI
//! once, for every provider.

use crate::agent::Pulse;
use crate::telemetry::Trace;
use copilotkit_protocol::{Code, Content, Json, TokenUsage};
use futures::stream::BoxStream;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// The events of one model call. It ends with [`ModelEvent::Finish`] or an error; dropping it stops the model.
pub type ModelStream = BoxStream<'static, Result<ModelEvent, ModelError>>;

/// A language model behind a provider.
pub trait Model: Send + Sync + 'static {
    /// Starts a call. Errors before the first event (authentication, rate limit) are the stream's first item.
    fn stream(&self, request: ModelRequest) -> ModelStream;

    /// The vendor, lower case: `openai`, `anthropic`; goes into usage.
    fn provider(&self) -> &str;

    /// The model's name, as the provider knows it.
    fn name(&self) -> &str;

    /// What is known of it beforehand.
    fn traits(&self) -> ModelTraits {
        ModelTraits::default()
    }
}

/// What is known of a model beforehand; absent is unknown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ModelTraits {
    /// The most tokens of a request.
    pub context_window: Option<u64>,
    /// Whether it shows what it thinks.
    pub reasoning: Option<bool>,
    /// Whether it calls several tools at once.
    pub parallel_calls: Option<bool>,
    /// Whether it looks at images.
    pub images: Option<bool>,
    /// Whether it listens to sound.
    pub audio: Option<bool>,
    /// Whether it watches videos.
    pub video: Option<bool>,
    /// Whether it reads PDF files.
    pub pdf: Option<bool>,
}

/// One call of a model.
#[derive(Clone, Debug, Default)]
pub struct ModelRequest {
    /// The conversation.
    pub messages: Vec<ModelMessage>,
    /// The tools that the model may call.
    pub tools: Vec<ToolSpec>,
    /// Whether and which tool it must call.
    pub tool_choice: ToolChoice,
    /// Sampling and limits.
    pub settings: ModelSettings,
    /// Cancelled when the run is to stop; dropping the stream does the same.
    pub cancel: CancellationToken,
    /// Beaten whenever the provider shows that it is alive, also by comments that are no events.
    pub pulse: Pulse,
    /// The trace of this call: what is sent for it may say so by [`Trace::inject`].
    pub trace: Trace,
}

/// One message to a model.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ModelMessage {
    /// Instructions.
    System {
        /// The text.
        content: String,
    },
    /// The person.
    User {
        /// Text or parts.
        content: Content,
    },
    /// The model itself, earlier.
    Assistant {
        /// What it said; empty for nothing.
        content: String,
        /// What it thought, oldest first, with the provider's signatures.
        reasoning: Vec<ReasoningBlock>,
        /// The tools that it called.
        tool_calls: Vec<ModelToolCall>,
    },
    /// The result of one of its calls.
    Tool {
        /// The call.
        tool_call_id: String,
        /// The tool's name.
        name: String,
        /// The result.
        content: Content,
        /// True when the tool failed.
        is_error: bool,
    },
}

/// What a model thought, as it must be sent back.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ReasoningBlock {
    /// The readable part.
    pub text: String,
    /// The provider's signature or encrypted form.
    pub encrypted_value: Option<String>,
}

/// A tool call that a model made earlier.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ModelToolCall {
    /// Its id.
    pub id: String,
    /// The tool.
    pub name: String,
    /// The arguments: always a JSON object, `{}` where the model wrote something else.
    pub arguments: String,
    /// The provider's signature for this call.
    pub encrypted_value: Option<String>,
}

/// A tool as a model sees it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ToolSpec {
    /// Unique in the request.
    pub name: String,
    /// What it does.
    pub description: String,
    /// JSON Schema of the arguments; absent for none.
    pub parameters: Option<Json>,
}

/// Whether and which tool a model must call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ToolChoice {
    /// It may call a tool.
    #[default]
    Auto,
    /// It must not.
    None,
    /// It must call one.
    Required,
    /// It must call this one.
    Tool(String),
}

/// Sampling and limits; absent leaves it to the provider.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ModelSettings {
    /// Upper bound of tokens written.
    pub max_output_tokens: Option<u64>,
    /// Sampling temperature.
    pub temperature: Option<f64>,
    /// Nucleus sampling.
    pub top_p: Option<f64>,
    /// Top-k sampling.
    pub top_k: Option<u64>,
    /// Presence penalty.
    pub presence_penalty: Option<f64>,
    /// Frequency penalty.
    pub frequency_penalty: Option<f64>,
    /// Texts that end the output.
    pub stop: Vec<String>,
    /// Seed of the sampler.
    pub seed: Option<i64>,
    /// How often a call is tried again before its first event; absent is the adapter's default of 2.
    pub max_retries: Option<u32>,
    /// Members that are added to the provider's request as they are.
    pub provider_options: BTreeMap<String, serde_json::Value>,
}

/// What a model does, piece by piece.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ModelEvent {
    /// A text block begins; `None` lets the agent choose the message's id.
    TextStart {
        /// The provider's id, where it is unique in a thread.
        id: Option<String>,
    },
    /// More text.
    TextDelta(String),
    /// The provider's signature for the text so far; it goes back with the assistant message. Nothing is kept of one that
    /// comes before there is such a message.
    TextSignature(String),
    /// The text block is complete.
    TextEnd,
    /// A reasoning block begins.
    ReasoningStart {
        /// The provider's id, where it is unique in a thread.
        id: Option<String>,
    },
    /// More reasoning.
    ReasoningDelta(String),
    /// The reasoning block is complete, with the provider's signature if it gave one.
    ReasoningEnd {
        /// What must be sent back with the history.
        encrypted_value: Option<String>,
    },
    /// A tool call begins. Calls may overlap; each is known by its id.
    ToolCallStart {
        /// Its id, minted where the provider gave none.
        id: String,
        /// The tool.
        name: String,
    },
    /// More of a call's arguments, exactly as the model wrote them; never empty.
    ToolCallDelta {
        /// The call.
        id: String,
        /// The piece.
        delta: String,
    },
    /// A call's arguments are complete.
    ToolCallEnd {
        /// The call.
        id: String,
        /// The provider's signature for this call.
        encrypted_value: Option<String>,
    },
    /// The call of the model is over.
    Finish {
        /// Why.
        reason: FinishReason,
        /// Tokens used, as far as the provider said.
        usage: TokenUsage,
    },
}

/// Why a model stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FinishReason {
    /// It was done.
    Stop,
    /// It ran into a limit of tokens; an unfinished tool call must not be executed.
    Length,
    /// The provider withheld the rest.
    ContentFilter,
    /// It waits for tools.
    ToolCalls,
    /// Anything else.
    Other,
}

impl FinishReason {
    /// As the reference runtime spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Length => "length",
            Self::ContentFilter => "content-filter",
            Self::ToolCalls => "tool-calls",
            Self::Other => "other",
        }
    }
}

/// Why a model call failed.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct ModelError {
    /// What kind of failure.
    pub kind: ModelErrorKind,
    /// The provider's words and what can be done, for people. Never a key.
    pub message: String,
    /// The provider's own code.
    pub provider_code: Option<String>,
    /// How long the provider asks to wait.
    pub retry_after: Option<Duration>,
}

impl ModelError {
    /// An error of a kind.
    pub fn new(kind: ModelErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), provider_code: None, retry_after: None }
    }
}

/// Kinds of failure of a model call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ModelErrorKind {
    /// The key is missing, wrong or not allowed.
    Auth,
    /// Too many requests.
    RateLimit,
    /// The account has no credit left.
    Quota,
    /// The conversation is longer than the model takes.
    ContextLength,
    /// The provider refused the content.
    ContentFilter,
    /// The provider is overloaded or broken.
    Overloaded,
    /// The request is wrong.
    BadRequest,
    /// The model or address does not exist.
    NotFound,
    /// The connection failed.
    Network,
    /// No answer in time.
    Timeout,
    /// The stream ended without a finish reason, or held something else than the dialect.
    Protocol,
    /// The provider reported another error.
    Provider,
}

impl ModelErrorKind {
    /// The stable code of RUN_ERROR.
    pub fn code(self) -> Code {
        match self {
            Self::Auth => Code::ModelAuth,
            Self::RateLimit => Code::ModelRateLimit,
            Self::Quota => Code::ModelQuota,
            Self::ContextLength => Code::ModelContextLength,
            Self::ContentFilter => Code::ModelContentFilter,
            Self::Overloaded => Code::ModelOverloaded,
            Self::BadRequest => Code::ModelBadRequest,
            Self::NotFound => Code::ModelNotFound,
            Self::Network => Code::ModelNetwork,
            Self::Timeout => Code::ModelTimeout,
            Self::Protocol => Code::ModelProtocol,
            Self::Provider => Code::ModelError,
        }
    }

    /// Whether another try may succeed.
    pub fn is_retryable(self) -> bool {
        matches!(self, Self::RateLimit | Self::Overloaded | Self::Network | Self::Timeout)
    }
}
