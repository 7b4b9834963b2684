//! The table of codes. A row: what it means, its variant and name, where it is seen, whether a retry helps, what to do.

use super::Place::{self, Closed, Http, Library, Run, Tool, Warning};
use super::Retry::{self, Care, Safe, Useless};

macro_rules! codes {
    ($($(#[doc = $meaning:literal])+ $name:ident $text:literal [$($place:expr),+] $retry:ident $remedy:literal;)+) => {
        /// A stable code of an error.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Code {
            $($(#[doc = $meaning])+ $name,)+
        }

        impl Code {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// Its name, as it stands on the wire.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }

            /// What it means, for people.
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$name => concat!($($meaning),+),)+ }.trim()
            }

            /// What to do about it, for people.
            pub const fn remedy(self) -> &'static str {
                match self { $(Self::$name => $remedy,)+ }
            }

            /// Where it is seen; at least one place.
            pub const fn places(self) -> &'static [Place] {
                match self { $(Self::$name => &[$($place),+],)+ }
            }

            /// Whether the same request may be sent again.
            pub const fn retry(self) -> Retry {
                match self { $(Self::$name => $retry,)+ }
            }
        }
    };
}

codes! {
    /// The address belongs to no route.
    NotFound "not_found" [Http(404)] Useless
        "Read `hint`: it names the base paths and the routes of this server.";
    /// The path takes another method.
    MethodNotAllowed "method_not_allowed" [Http(405)] Useless
        "Use a method of the `Allow` header.";
    /// An envelope was sent to a path that serves none.
    EnvelopeHere "single_route_envelope_against_multi_route_runtime" [Http(404)] Useless
        "Send it to the base path of a server with `mode` `both` or `single`, or remove `useSingleEndpoint` from the page.";
    /// There is no agent of that id.
    AgentNotFound "agent_not_found" [Http(404)] Useless
        "Use one of `agents`, or add `[agents.ID]` to the configuration.";
    /// The body is not what the route takes, or the connection ended before it did.
    InvalidBody "invalid_body" [Http(400)] Useless
        "Read `details`: it names the member and what is wrong with it.";
    /// The body nests arrays and objects deeper than `json_depth` in `[limits]`.
    JsonTooDeep "json_too_deep" [Http(400)] Useless
        "Send it flatter; `details` says where it is too deep. A part that is only passed on can travel as a text.";
    /// An id is longer than `id_max` in `[limits]`.
    InvalidParameter "invalid_parameter" [Http(400)] Useless
        "Use a shorter id; `message` names the parameter.";
    /// The body is no envelope, or not one that the method takes.
    InvalidEnvelope "invalid_envelope" [Http(400)] Useless
        "Read `message`: it names the member.";
    /// An envelope whose content type is not `application/json`.
    UnsupportedMediaType "unsupported_media_type" [Http(415)] Useless
        "Send it with `content-type: application/json`.";
    /// Nothing in the request says who asks.
    Unauthenticated "unauthenticated" [Http(401)] Useless
        "Send `Authorization: Bearer TOKEN`.";
    /// The token does not hold: it is unknown, expired, not for this server, or no token.
    InvalidToken "invalid_token" [Http(401)] Useless
        "Get a new token; the server's log says what was wrong with this one.";
    /// The token lacks the scope that the route needs.
    InsufficientScope "insufficient_scope" [Http(403)] Useless
        "Use a token with the scope that the message names.";
    /// It is known who asks, and the server is not for them.
    Forbidden "forbidden" [Http(403)] Useless
        "Ask whoever runs the server.";
    /// It cannot be found out now who asks: the keys of tokens have not come yet.
    AuthUnavailable "auth_unavailable" [Http(503)] Safe
        "Wait for the time in `Retry-After`. If it lasts, see whether the server reaches `jwks_url`.";
    /// The request came by a name that the server does not answer to.
    HostNotAllowed "host_not_allowed" [Http(403)] Useless
        "Use an address of the server, or add the name to `allowed_hosts` in `[server]`.";
    /// The request came from a page of a foreign origin.
    OriginNotAllowed "origin_not_allowed" [Http(403)] Useless
        "Add the page's origin to `cors_origins` in `[server]`.";
    /// The body did not arrive within `body_timeout` in `[limits]`.
    BodyTimeout "body_timeout" [Http(408)] Safe
        "Send it faster, or raise the bound for slow networks.";
    /// The body is larger than `body_max` in `[limits]`.
    BodyTooLarge "body_too_large" [Http(413)] Useless
        "Send less, keep attachments elsewhere and send their address, or raise the bound.";
    /// The bodies that are being read fill the memory that is set aside for them.
    TooManyBodies "too_many_bodies" [Http(503)] Safe
        "Send it again after the seconds that `Retry-After` says.";
    /// Another run is active on the thread.
    ThreadBusy "thread_busy" [Http(409)] Safe
        "Wait until it ends, stop it, or set `on_busy` in `[server]` to `enqueue` or `supersede`.";
    /// As many runs are active as `runs` in `[limits]` allows.
    TooManyRuns "too_many_runs" [Http(503)] Safe
        "Send it again after the seconds that `Retry-After` says; when that is common, raise the bound or add an instance.";
    /// The principal has as many active runs, suggestions included, as `runs_per_principal` in `[limits]` allows. The server
    /// has room for others.
    TooManyRunsPerPrincipal "too_many_runs_per_principal" [Http(429)] Safe
        "Let a run of yours end or stop it, then send it again after the seconds that `Retry-After` says.";
    /// The principal sends more requests than `requests_per_minute` in `[limits]` allows.
    TooManyRequests "too_many_requests" [Http(429)] Safe
        "Send it again after the seconds that `Retry-After` says.";
    /// The principal has used up its tokens or its money of the day: `[budgets]`.
    BudgetExhausted "budget_exhausted" [Http(429), Run] Care
        "Wait for midnight UTC, as `Retry-After` says, or raise the bound.";
    /// As many readers follow the debug feed as there may be.
    TooManyDebugReaders "too_many_debug_readers" [Http(503)] Safe
        "Close one of them.";
    /// The server is about to end and takes no new runs.
    ShuttingDown "shutting_down" [Http(503)] Safe
        "Send it again at once: another instance may answer.";
    /// The thread store has no room.
    StoreFull "store_full" [Http(503), Run] Care
        "Delete threads, or give the store more room.";
    /// The thread store could not be reached, read or written.
    StoreUnavailable "store_unavailable" [Http(503), Run] Care
        "Look into the server's log, which has the cause; then try again.";
    /// The thread was taken over by another writer, since this one was silent for too long.
    LeaseLost "lease_lost" [Http(503), Run] Care
        "Connect to the thread again. When it is common, the server or its store is overloaded.";
    /// The thread does not exist for this principal.
    ThreadNotFound "thread_not_found" [Http(404), Run] Useless
        "Check the id, and whose thread it is.";
    /// Another process has the file of the thread store.
    StoreInUse "store_in_use" [Library] Useless
        "Stop that process, or name another file in `[store] path`.";
    /// The file of the thread store or its folder cannot be made, read or written.
    StoreUnusable "store_unusable" [Library] Useless
        "Make both writable for the user of the server, or name another file; `--store memory` keeps threads in memory.";
    /// The file is something else than a store of threads. It was left as it is.
    StoreForeign "store_foreign" [Library] Useless
        "Name another file in `[store] path`.";
    /// A later version of this software wrote the file. It was left as it is.
    StoreNewer "store_newer" [Library] Useless
        "Use that version, or name another file.";
    /// The content of the file is damaged. It was left as it is.
    StoreDamaged "store_damaged" [Library] Useless
        "Put a backup in its place, or move it away to begin anew.";
    /// A cursor that no page of the list had.
    InvalidCursor "invalid_cursor" [Library] Useless
        "Begin at the first page again.";
    /// Only a platform has what was asked for.
    NotAvailable "not_available" [Http(422)] Useless
        "Read `message`: it says what to use instead.";
    /// The agents of the request could not be found out in time.
    AgentsTimeout "agents_timeout" [Http(500)] Safe
        "Let the function that says which agents there are answer faster: keep the agents it gives out.";
    /// A hook around the request failed. The body says `internal_error` only; this code is in the log.
    HookFailed "hook_failed" [Http(500)] Care
        "Read the server's log, and mend the hook.";
    /// A hook around the request took too long. The body says `internal_error` only; this code is in the log.
    HookTimeout "hook_timeout" [Http(500)] Care
        "Let the hook answer faster.";
    /// Code that answers requests panicked. The body says `internal_error` only; this code is in the log.
    Panic "panic" [Http(500)] Care
        "Read the server's log: report it to who wrote the code.";
    /// There is no service that turns recordings into text. The code is in `error`, as for all that follow here.
    ServiceNotConfigured "service_not_configured" [Http(503)] Useless
        "Add `[transcription]` to the configuration.";
    /// The recording is in a format that is not taken.
    InvalidAudioFormat "invalid_audio_format" [Http(400)] Useless
        "Send webm, mp4, wav or another common format.";
    /// The recording is too long for the service.
    AudioTooLong "audio_too_long" [Http(400)] Useless
        "Record less at a time.";
    /// The recording is too short for the service.
    AudioTooShort "audio_too_short" [Http(400)] Useless
        "Record more.";
    /// The service for recordings takes no more for now.
    RateLimited "rate_limited" [Http(429)] Safe
        "Send it again later; after the seconds of `Retry-After`, if there are any.";
    /// The service for recordings does not accept the server's key.
    AuthFailed "auth_failed" [Http(401)] Useless
        "Check the key in `[transcription]`.";
    /// The service for recordings cannot be reached, or did not answer in time.
    NetworkError "network_error" [Http(502), Http(504)] Safe
        "Check the network and `base_url` in `[transcription]`.";
    /// The service for recordings failed.
    ProviderError "provider_error" [Http(500)] Safe
        "Read `message` and the server's log.";

    /// The agent failed for a reason of its own; the message is the agent's.
    AgentFailed "agent_failed" [Run] Care
        "Read the message, and the agent's own log.";
    /// The agent itself reported an error without a code.
    AgentError "agent_error" [Run] Care
        "Read the message, and the agent's own log.";
    /// The agent failed with an internal error.
    AgentPanic "agent_panic" [Run] Care
        "The server's log has the text of the panic: report it to who wrote the agent.";
    /// The agent's stream ended without a terminal event.
    AgentIncomplete "agent_incomplete" [Run] Care
        "Let the agent end each run with RUN_FINISHED or RUN_ERROR.";
    /// The run was given up before it was finished by the program that writes its events.
    Incomplete "incomplete" [Run] Care
        "Call `finish` or `fail` of the event writer on every way out.";
    /// The agent was silent for longer than `agent_idle` in `[limits]`.
    AgentTimeout "agent_timeout" [Run] Care
        "Let it send comments while it works, or raise the bound.";
    /// A remote agent accepted no connection, within `agent_connect` in `[limits]`.
    AgentConnect "agent_connect" [Run] Safe
        "Check that it runs, its address and the network between.";
    /// The connection to a remote agent broke.
    AgentDisconnected "agent_disconnected" [Run] Care
        "Look into the agent's log; a proxy between may have a shorter timeout.";
    /// A remote agent answered with another status than success.
    AgentHttpStatus "agent_http_status" [Run] Care
        "The message has the status and the beginning of what it said.";
    /// A remote agent answered with something else than an event stream.
    AgentNotSse "agent_not_sse" [Run] Useless
        "Check that the address is the agent's run endpoint.";
    /// A remote agent compressed its event stream.
    AgentContentEncoding "agent_content_encoding" [Run] Useless
        "Switch compression off for event streams, at the agent or the proxy in front of it.";
    /// The agent sent something that is not an AG-UI event.
    AgentBadEvent "agent_bad_event" [Run] Useless
        "The message names the member: mend the agent.";
    /// The agent sent an event larger than `event_max` in `[limits]`.
    AgentEventTooLarge "agent_event_too_large" [Run] Useless
        "Send deltas instead of snapshots, keep large data elsewhere, or raise the bound.";
    /// The agent sent an event that nests arrays and objects deeper than `json_depth` in `[limits]`.
    AgentEventTooDeep "agent_event_too_deep" [Run] Useless
        "Send it flatter, or as a text.";
    /// The run took longer than `run_max` in `[limits]`.
    RunTimeout "run_timeout" [Run] Care
        "Split the work, or raise the bound.";
    /// The run has more events than `run_events` in `[limits]`.
    RunTooManyEvents "run_too_many_events" [Run] Care
        "Let the agent send fewer, larger deltas, or raise the bound.";
    /// The events of the run are larger together than `run_bytes` in `[limits]`.
    RunTooLarge "run_too_large" [Run] Care
        "Let the agent send deltas instead of snapshots, or raise the bound.";
    /// The server that ran it was lost; what had been said is kept.
    RunInterrupted "run_interrupted" [Run] Care
        "Start another run.";
    /// The server was shut down before the run ended.
    ServerShutdown "server_shutdown" [Run] Care
        "Start another run. When it is common, raise `drain_timeout` in `[limits]`.";
    /// Only this stream broke off; the run may go on.
    StreamInterrupted "stream_interrupted" [Run] Safe
        "Connect to the thread again to see the rest.";
    /// The server failed.
    InternalError "internal_error" [Run] Care
        "Report it with the server's log, which has more.";
    /// A subagent was ended since its run was stopped.
    Stopped "stopped" [Run] Safe
        "Nothing: somebody asked for it.";

    /// A filter of the server refused what was said, or what would have been.
    ContentBlocked "content_blocked" [Run] Useless
        "Say it otherwise; whoever runs the server made the rule.";

    /// The model's provider refused the key.
    ModelAuth "model_auth" [Run] Useless
        "Set the provider's key, for example OPENAI_API_KEY, and check that it may use the model.";
    /// The provider takes no more requests for a while.
    ModelRateLimit "model_rate_limit" [Run] Care
        "Wait, ask the provider for more, or name a second model to go on with.";
    /// The account with the provider has no credit left.
    ModelQuota "model_quota" [Run] Useless
        "Add credit, or use another provider.";
    /// The conversation is longer than the model takes.
    ModelContextLength "model_context_length" [Run] Useless
        "Start a new thread, send less, or use a model that takes more.";
    /// The provider refused the content.
    ModelContentFilter "model_content_filter" [Run] Useless
        "Say it otherwise; the provider's rules decide.";
    /// The provider is overloaded or broken.
    ModelOverloaded "model_overloaded" [Run] Care
        "Wait, or name a second model to go on with.";
    /// The provider does not take the request.
    ModelBadRequest "model_bad_request" [Run] Useless
        "The message is the provider's: check the settings, the tools' schemas and `provider_options` of the agent.";
    /// The model or the provider's address does not exist, or the agent may not use that model.
    ModelNotFound "model_not_found" [Run] Useless
        "Check `model` and `base_url` of the agent.";
    /// The connection to the provider failed.
    ModelNetwork "model_network" [Run] Care
        "Check the network and `base_url`.";
    /// The provider did not answer in time.
    ModelTimeout "model_timeout" [Run] Care
        "Try again, or use a faster model.";
    /// The provider's answer broke off, or is not of the dialect that was asked for.
    ModelProtocol "model_protocol" [Run] Care
        "Check `api` and `base_url`: the address may speak another dialect.";
    /// The provider reported another error.
    ModelError "model_error" [Run] Care
        "The message is the provider's.";
    /// A source of tools that the agent cannot do without is not there.
    ToolSourceUnavailable "tool_source_unavailable" [Run] Care
        "Check that it runs; the server's log has the cause.";

    /// An answer to an interrupt is none: an approval that says neither yes nor no, changed arguments that do not fit the
    /// tool, or two answers that contradict each other. Nothing was executed.
    ResumeInvalid "resume_invalid" [Run] Useless
        "Send the answer that the interrupt's `responseSchema` describes.";
    /// The tool failed for a reason of its own.
    ToolFailed "tool_failed" [Tool] Care
        "Read the result, and the tool's own log.";
    /// The tool gave no result in time.
    ToolTimeout "tool_timeout" [Tool] Care
        "Raise `timeout` of the tool, or make it faster.";
    /// The model called a tool with arguments that are no JSON, or do not fit its schema.
    ToolArguments "tool_arguments" [Tool] Useless
        "The model reads this and tries again; describe the parameters better if it often goes wrong.";
    /// The model drew a user interface that its catalog does not allow.
    A2uiInvalid "a2ui_invalid" [Tool] Useless
        "The model reads what is wrong and tries again; a catalog with fewer and better described components helps.";
    /// The model drew nothing that its catalog allows, however often it tried.
    A2uiRecoveryExhausted "a2ui_recovery_exhausted" [Tool] Useless
        "Look at `attempts` of the result; a stronger model or a simpler catalog helps.";
    /// The model called a tool that does not exist.
    ToolUnknown "tool_unknown" [Tool] Useless
        "The model reads this and goes on without.";
    /// Somebody approved a call that does not wait for it: it was executed already, or was never asked about.
    ApprovalUnknown "approval_unknown" [Tool] Useless
        "Nothing was executed. Ask the model again if the call is still wanted.";
    /// The schema of the tool's parameters is not a JSON Schema.
    ToolSchema "tool_schema" [Tool] Useless
        "Mend `parameters` of the tool.";
    /// The tool's server answered with another status than success.
    ToolHttpStatus "tool_http_status" [Tool] Care
        "The result has the status and the beginning of what it said.";
    /// The tool's answer is larger than a model can use.
    ToolTooLarge "tool_too_large" [Tool] Useless
        "Let it answer with less: a page of the list, a summary.";

    /// The tool had asked a person something, and the question is gone: it waited too long, or the server was started
    /// again. What the call did before it asked was done.
    ToolQuestionGone "tool_question_gone" [Tool] Useless
        "The model reads this. Ask for the same thing again if it is still wanted.";
    /// A user interface (MCP Apps) called a tool that is not for user interfaces. It was not executed.
    ToolNotForApp "tool_not_for_app" [Tool] Useless
        "The tool's server decides, by `_meta.ui.visibility`; so do `include_tools`, `exclude_tools` and `approval`.";

    /// Arguments came for a tool call that was never started; they were dropped.
    UnknownToolCall "unknown_tool_call" [Warning] Useless
        "Let the agent send TOOL_CALL_START first.";
    /// A delta does not apply; the last good state is shown.
    InvalidPatch "invalid_patch" [Warning] Useless
        "The message says which operation: mend the agent.";
    /// An event names a subagent that is not active; it was dropped.
    UnknownSubagent "unknown_subagent" [Warning] Useless
        "Let the agent send SUBAGENT_STARTED first.";
    /// A subagent was started twice under one id; the second start was dropped.
    RepeatedSubagent "repeated_subagent" [Warning] Useless
        "Give every invocation an id of its own.";

    /// The head of a request did not arrive within `header_timeout` in `[limits]`.
    HeaderTimeout "header_timeout" [Closed] Safe
        "Send it faster.";
    /// A reader took nothing for as long as `write_stall` in `[limits]`.
    WriteStall "write_stall" [Closed] Safe
        "Read what comes, or hang up; connect to the thread again to see the rest.";

    /// The HTTP client cannot be set up.
    ClientBuild "client_build" [Library] Useless
        "The TLS stack or the system refused: the message says why.";
    /// An address is not an absolute one.
    ClientNotAnAddress "client_not_an_address" [Library] Useless
        "Write it like http://127.0.0.1:9000/.";
    /// An address is neither http nor https.
    ClientScheme "client_scheme" [Library] Useless
        "Use http or https.";
    /// An address that a request chose is not a public one.
    ClientNotPublic "client_not_public" [Library] Useless
        "Name the address in the configuration, which is trusted.";
    /// A model is not named as `provider/model`.
    ModelSpec "model_spec" [Library] Useless
        "Write it like openai/gpt-5, or demo.";
    /// A provider that is not known.
    ModelProvider "model_provider" [Library] Useless
        "Use one that the message lists, or custom/MODEL with `base_url`.";
    /// A dialect that the provider, or this build, does not speak.
    ModelDialect "model_dialect" [Library] Useless
        "Remove `api`, or name a dialect that the provider speaks.";
    /// A provider without an address of its own.
    ModelBaseUrl "model_base_url" [Library] Useless
        "Set `base_url`.";
    /// A header that HTTP does not allow.
    ModelHeader "model_header" [Library] Useless
        "Look for line breaks and other control characters in its name and value.";
    /// A list of tokens is empty.
    BearerNoTokens "bearer_no_tokens" [Library] Useless
        "Add a token.";
    /// A token is empty.
    BearerEmptyToken "bearer_empty_token" [Library] Useless
        "Make one by `openssl rand -hex 32`.";
    /// A token is too long.
    BearerLongToken "bearer_long_token" [Library] Useless
        "Make one by `openssl rand -hex 32`.";
    /// A token has characters that none may have.
    BearerTokenCharacters "bearer_token_characters" [Library] Useless
        "Make one by `openssl rand -hex 32`.";
    /// Two principals have the same token.
    BearerSameToken "bearer_same_token" [Library] Useless
        "Give each its own.";
    /// An algorithm of tokens is not known.
    JwtUnknownAlgorithm "jwt_unknown_algorithm" [Library] Useless
        "Use one that the message of the start names.";
    /// Tokens that nobody signed would be taken.
    JwtUnsigned "jwt_unsigned" [Library] Useless
        "Remove `none` from `algorithms`.";
    /// An algorithm for a secret stands beside public keys.
    JwtNeedsSecret "jwt_needs_secret" [Library] Useless
        "Use `RS256`, `ES256` or `EdDSA`.";
    /// An algorithm for public keys stands beside a secret.
    JwtNeedsKeys "jwt_needs_keys" [Library] Useless
        "Use `HS256`.";
    /// The secret of tokens is empty.
    JwtEmptySecret "jwt_empty_secret" [Library] Useless
        "Make one by `openssl rand -hex 32`.";
    /// The claim that names the principal has no name.
    JwtNoClaim "jwt_no_claim" [Library] Useless
        "Use `sub`.";
    /// A set of keys of tokens cannot be used.
    JwtKeys "jwt_keys" [Library] Useless
        "Use the public JSON Web Key Set of the identity provider.";
    /// Keys of tokens are to be fetched outside of a tokio runtime.
    JwtNoRuntime "jwt_no_runtime" [Library] Useless
        "Call it within one.";
    /// The options of a remote A2A agent cannot be used.
    A2aConfig "a2a_config" [Library] Useless
        "The message says which one and why.";
    /// A remote A2A agent shows no card, or none that can be read.
    A2aCard "a2a_card" [Run] Safe
        "Check that it runs and that the address is its base or its card; `copilotkit a2a card URL` shows what is there.";
    /// A remote A2A agent speaks neither A2A 1.0 nor 0.3 in a way that is known here.
    A2aInterface "a2a_interface" [Run] Useless
        "Let it offer JSON-RPC, or HTTP+JSON of A2A 1.0.";
    /// The card of a remote A2A agent points to another origin than its own.
    A2aOrigin "a2a_origin" [Run] Useless
        "If that is right, add the origin to `allowed_origins` of the agent.";
    /// A remote A2A agent requires an extension that is not known here.
    A2aExtension "a2a_extension" [Run] Useless
        "Let it work without the extension.";
    /// A remote A2A agent sent something that is no answer of A2A.
    A2aBadAnswer "a2a_bad_answer" [Run] Care
        "The message says what is wrong: mend the agent.";
    /// A remote A2A agent answered with an error of the protocol.
    A2aError "a2a_error" [Run] Care
        "The message has its words; look into the agent's log.";
    /// The task of a remote A2A agent failed.
    A2aFailed "a2a_failed" [Run] Care
        "The message has the agent's words.";
    /// A remote A2A agent rejected a task.
    A2aRejected "a2a_rejected" [Run] Useless
        "The message has the agent's words; ask it for something that it does.";
    /// An orchestrator asked other agents in more steps than it may.
    A2aRounds "a2a_rounds" [Run] Care
        "Ask for less at once, or raise `max_rounds` of the orchestrator.";
}
