//! The names of OpenTelemetry's semantic conventions that are used here, and ours beside them. Those of generative AI and
//! of MCP are in development: when they change, they change here.

/// What is done: [`CHAT`], [`INVOKE_AGENT`], [`EXECUTE_TOOL`].
pub const OPERATION: &str = "gen_ai.operation.name";
/// A call of a model.
pub const CHAT: &str = "chat";
/// A run of an agent.
pub const INVOKE_AGENT: &str = "invoke_agent";
/// A call of a tool.
pub const EXECUTE_TOOL: &str = "execute_tool";

/// Whose model: see [`provider`].
pub const PROVIDER: &str = "gen_ai.provider.name";
/// The thread.
pub const CONVERSATION: &str = "gen_ai.conversation.id";
/// The agent's id.
pub const AGENT_ID: &str = "gen_ai.agent.id";
/// The agent's name.
pub const AGENT_NAME: &str = "gen_ai.agent.name";

/// The model that was asked for.
pub const REQUEST_MODEL: &str = "gen_ai.request.model";
/// Whether the answer is streamed.
pub const REQUEST_STREAM: &str = "gen_ai.request.stream";
/// A setting of the request.
pub const REQUEST_MAX_TOKENS: &str = "gen_ai.request.max_tokens";
/// A setting of the request.
pub const REQUEST_TEMPERATURE: &str = "gen_ai.request.temperature";
/// A setting of the request.
pub const REQUEST_TOP_P: &str = "gen_ai.request.top_p";
/// A setting of the request.
pub const REQUEST_TOP_K: &str = "gen_ai.request.top_k";
/// A setting of the request.
pub const REQUEST_FREQUENCY_PENALTY: &str = "gen_ai.request.frequency_penalty";
/// A setting of the request.
pub const REQUEST_PRESENCE_PENALTY: &str = "gen_ai.request.presence_penalty";
/// A setting of the request.
pub const REQUEST_SEED: &str = "gen_ai.request.seed";
/// A setting of the request.
pub const REQUEST_STOP: &str = "gen_ai.request.stop_sequences";
/// The model that answered.
pub const RESPONSE_MODEL: &str = "gen_ai.response.model";
/// Why it stopped.
pub const FINISH_REASONS: &str = "gen_ai.response.finish_reasons";
/// Seconds to the first event of its answer.
pub const TIME_TO_FIRST_CHUNK: &str = "gen_ai.response.time_to_first_chunk";

/// Tokens read, cached ones included.
pub const INPUT_TOKENS: &str = "gen_ai.usage.input_tokens";
/// Tokens written, reasoning included.
pub const OUTPUT_TOKENS: &str = "gen_ai.usage.output_tokens";
/// The part of the input that came from a cache.
pub const CACHE_READ_TOKENS: &str = "gen_ai.usage.cache_read.input_tokens";
/// The part of the input that was written to a cache.
pub const CACHE_CREATION_TOKENS: &str = "gen_ai.usage.cache_creation.input_tokens";
/// The part of the output that was reasoning.
pub const REASONING_TOKENS: &str = "gen_ai.usage.reasoning.output_tokens";
/// US dollars. Not of the conventions, which know no cost; Langfuse reads it.
pub const COST: &str = "gen_ai.usage.cost";

/// What the model was told: only where content is captured.
pub const INPUT_MESSAGES: &str = "gen_ai.input.messages";
/// What it said: only where content is captured.
pub const OUTPUT_MESSAGES: &str = "gen_ai.output.messages";
/// Its instructions: only where content is captured.
pub const SYSTEM_INSTRUCTIONS: &str = "gen_ai.system_instructions";
/// The tools that it was offered: only where content is captured.
pub const TOOL_DEFINITIONS: &str = "gen_ai.tool.definitions";

/// The tool.
pub const TOOL_NAME: &str = "gen_ai.tool.name";
/// What kind of tool: `function`.
pub const TOOL_TYPE: &str = "gen_ai.tool.type";
/// The call's id.
pub const TOOL_CALL_ID: &str = "gen_ai.tool.call.id";
/// What it was called with: only where content is captured.
pub const TOOL_ARGUMENTS: &str = "gen_ai.tool.call.arguments";
/// What it answered: only where content is captured.
pub const TOOL_RESULT: &str = "gen_ai.tool.call.result";

/// The method of a call to an MCP server.
pub const MCP_METHOD: &str = "mcp.method.name";
/// The session with an MCP server.
pub const MCP_SESSION: &str = "mcp.session.id";
/// The version of MCP that is spoken.
pub const MCP_VERSION: &str = "mcp.protocol.version";

/// `POST`.
pub const HTTP_METHOD: &str = "http.request.method";
/// The route, with `{id}` for ids.
pub const HTTP_ROUTE: &str = "http.route";
/// The status.
pub const HTTP_STATUS: &str = "http.response.status_code";
/// The path.
pub const URL_PATH: &str = "url.path";
/// Who is called: name or address.
pub const SERVER_ADDRESS: &str = "server.address";
/// Who is called: port.
pub const SERVER_PORT: &str = "server.port";
/// Why it failed: a code.
pub const ERROR_TYPE: &str = "error.type";
/// Who asks; absent where nobody is told apart.
pub const USER_ID: &str = "user.id";
/// The thread, for backends that group by it.
pub const SESSION_ID: &str = "session.id";
/// Our id of the run's request.
pub const RUN_ID: &str = "copilotkit.run.id";
/// How a run ended: `success`, `interrupt`, `cancelled`, `error`.
pub const OUTCOME: &str = "copilotkit.run.outcome";

/// Understood by `tracing-opentelemetry`: the span's name.
pub const OTEL_NAME: &str = "otel.name";
/// Understood by `tracing-opentelemetry`: `server`, `client`, `internal`.
pub const OTEL_KIND: &str = "otel.kind";
/// Understood by `tracing-opentelemetry`: `ERROR`.
pub const OTEL_STATUS: &str = "otel.status_code";

/// The name that the conventions have for a provider that we know by another one.
pub fn provider(name: &str) -> &str {
    match name {
        "azure" | "azure-openai" => "azure.ai.openai",
        "bedrock" => "aws.bedrock",
        "gemini" | "google" => "gcp.gemini",
        "mistral" => "mistral_ai",
        "vertex" => "gcp.vertex_ai",
        "xai" => "x_ai",
        other => other,
    }
}
