//! Every bound of the runtime in one place, with its reason.

use std::time::Duration;

/// The longest run. A forgotten agent must not hold its thread for ever.
pub const RUN_MAX: Duration = Duration::from_secs(60 * 60);
/// The longest silence of an agent. Reasoning models may think for minutes; comments of a remote agent count as life.
pub const AGENT_IDLE: Duration = Duration::from_secs(300);
/// How long a model may take to begin its answer: some services send nothing until a reasoning model is done, and a local
/// one may have to be loaded first. After it the next model of the list is asked.
pub const MODEL_TIMEOUT: Duration = Duration::from_secs(600);
/// How long a connection to a remote agent may take.
pub const AGENT_CONNECT: Duration = Duration::from_secs(10);
/// How long a stopped agent may take to end by itself before its stream is dropped. Stop is promised within a second.
pub const STOP_GRACE: Duration = Duration::from_millis(400);
/// The largest event that an agent may send. Every reader of the thread gets it, and each of them holds it in memory.
pub const EVENT_MAX: usize = 1024 * 1024;
/// The largest event that a configuration can allow: clients refuse frames over 10 MiB.
pub const CLIENT_EVENT: usize = 10 * 1024 * 1024 - 64;
/// The longest arguments of a call that draws a surface or makes a page, in bytes. Pages are sent the whole of a surface each
/// time it grows, and that must fit into an event.
pub const SURFACE_ARGUMENTS: usize = 512 * 1024;
/// How deep arrays and objects may be nested in a request's body and in an agent's event. Somebody will walk them with
/// recursion, and it cannot be more: readers of JSON refuse what is deeper.
pub const JSON_DEPTH: usize = 128;
/// The largest RUN_STARTED, which shows the input and keeps its messages in the thread. Clients refuse frames over 10 MiB:
/// of a larger input the largest attachments are replaced by words that say so.
pub const INPUT_ECHO_MAX: usize = 10 * 1024 * 1024 - 512 * 1024;
/// The most events that one run may log.
pub const RUN_EVENTS: u64 = 50_000;
/// The most bytes that one run may log.
pub const RUN_BYTES: usize = 64 * 1024 * 1024;
/// The largest request body. Stock pages attach files of 20 MB, before base64.
pub const BODY_MAX: usize = 32 * 1024 * 1024;
/// How long a request's body may take, from its first byte to its last.
pub const BODY_TIMEOUT: Duration = Duration::from_secs(30);
/// The most bytes of request bodies that are held at once, until they were read as JSON. Without it a few hundred
/// clients could fill the memory with the largest body each.
pub const BODIES_MAX: usize = 512 * 1024 * 1024;
/// How much of the body of a request to no route is read, to see whether it is an envelope that went astray.
pub const STRAY_BODY: usize = 64 * 1024;
/// How long a request's head may take, from its first byte; that of the first request from the start of the connection.
pub const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a connection may wait for its next request. Balancers keep theirs for 60 s: who closes first must be they,
/// or a request meets a connection that is just being closed.
pub const KEEP_ALIVE_IDLE: Duration = Duration::from_secs(75);
/// How long what a client still sends is let go after the answer, before its connection is closed. Closing it with unread
/// bytes would reset it, and the client would lose the answer.
pub const LINGER: Duration = Duration::from_secs(1);
/// The most connections at once.
pub const CONNECTIONS: usize = 10_000;
/// The most runs at once.
pub const RUNS: usize = 1_000;
/// The most runs of one principal at once, suggestions included: one user must not take the places of all others. It
/// does not hold for the one principal of a server without authentication, who is everybody.
pub const RUNS_PER_PRINCIPAL: usize = 50;
/// Runs that may wait for one thread, where busy threads are waited for.
pub const QUEUE: usize = 8;
/// How long a run may wait for its thread.
pub const QUEUE_WAIT: Duration = Duration::from_secs(60);
/// How long it may take to find out who asks.
pub const AUTH: Duration = Duration::from_secs(10);
/// The longest token, in bytes. Those of identity providers have a few thousand.
pub const TOKEN_MAX: usize = 16 * 1024;
/// By how much the clock of who signs tokens may differ from ours.
pub const JWT_LEEWAY: Duration = Duration::from_secs(60);
/// How old the keys of tokens may become. One that was taken back holds for so long.
pub const JWKS_REFRESH: Duration = Duration::from_secs(10 * 60);
/// The shortest time between two requests for the keys of tokens: made-up key ids must not become requests to others.
pub const JWKS_SPACING: Duration = Duration::from_secs(10);
/// How long fetching the keys of tokens may take.
pub const JWKS_FETCH: Duration = Duration::from_secs(5);
/// The largest set of keys of tokens.
pub const JWKS_BYTES: usize = 512 * 1024;
/// The most keys of tokens.
pub const JWKS_KEYS: usize = 100;
/// The most threads on one page of their list, and how many there are where a client does not say.
pub const THREAD_PAGE: usize = 1_000;
/// The longest name that a thread can be given, in characters.
pub const THREAD_NAME: usize = 200;
/// How long a model may take to name a thread. It keeps its first message then.
pub const NAMING: Duration = Duration::from_secs(15);
/// How many threads are named by models at once.
pub const NAMING_CONCURRENCY: usize = 8;
/// The longest thread, run or agent id, in bytes.
pub const ID_MAX: usize = 256;
/// How long a reader may take nothing before it is cut off. What it has not read yet is kept for it, and it holds a
/// connection.
pub const WRITE_STALL: Duration = Duration::from_secs(30);
/// How much is read from the log for one write to a subscriber.
pub const READ_BATCH: usize = 256 * 1024;
/// How much of what a live run sent last stays in memory for its readers. One that falls behind it reads the store.
pub const SUBSCRIBER_BACKLOG: usize = 4 * 1024 * 1024;
/// How long a server that was asked to stop goes on as before while it says that it is not ready. Balancers ask for that
/// every few seconds and send requests until they know.
pub const DRAIN_DELAY: Duration = Duration::from_secs(5);
/// How long runs and open streams may go on after the server was asked to stop.
pub const DRAIN_TIMEOUT: Duration = Duration::from_secs(25);
/// How long the last bytes of streams may take behind the drain, before their connections are cut off.
pub const DRAIN_CLOSE: Duration = Duration::from_secs(5);
/// Silence after which a keep-alive comment is sent.
pub const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// How long a lease on a thread lasts without renewal.
pub const LEASE_TTL: Duration = Duration::from_secs(30);
/// Threads that the memory store keeps.
pub const MEMORY_THREADS: usize = 1_000;
/// Runs that the memory store keeps for each thread.
pub const MEMORY_RUNS_PER_THREAD: usize = 100;
/// Bytes of history that the memory store keeps, the live runs included.
pub const MEMORY_BYTES: usize = 512 * 1024 * 1024;
/// How long the SQLite store keeps the single events of a finished run beside its compact form: for readers that were in
/// the middle of the run when it ended, and are slow.
pub const SQLITE_RAW_KEPT: Duration = Duration::from_secs(60 * 60);
/// Connections on which the SQLite store reads at once.
pub const SQLITE_READERS: usize = 4;
/// Bytes of replays that the SQLite store keeps ready to send. A page asks again whenever it is reloaded.
pub const SQLITE_REPLAYS: usize = 32 * 1024 * 1024;
/// From how many bytes on a text in an event is stored by its digest, once for each thread: pages send pictures again
/// with each run.
pub const SQLITE_ATTACHMENT: usize = 16 * 1024;
/// Bytes of one run that may wait to be written by the SQLite store before its agent has to wait.
pub const SQLITE_PENDING: usize = 512 * 1024;
/// The most calls of a model in one run of a built-in agent, unless it is configured. A model that calls tools for ever
/// must end.
pub const MODEL_STEPS: u32 = 10;
/// How long a server tool may take, unless the tool has a shorter limit of its own.
pub const TOOL_CALL: Duration = Duration::from_secs(120);
/// How long a tool with a limit of its own may take beyond it, to say that it was reached.
pub const TOOL_GRACE: Duration = Duration::from_secs(2);
/// How long a source of tools may take to list them at the start of a run.
pub const TOOL_LIST: Duration = Duration::from_secs(20);
/// How many server tools of one step run at once. A model may ask for hundreds.
pub const TOOL_CONCURRENCY: usize = 16;
/// How many schemas of tools an agent keeps compiled. More are compiled again when they are needed.
pub const TOOL_SCHEMAS: usize = 512;
/// The largest arguments, and the largest schema of them, that a question for approval shows, in bytes. The page has them
/// in the call, too.
pub const APPROVAL_SHOWN: usize = 16 * 1024;
/// The most characters of one argument that stand in the question of an interrupt.
pub const INTERRUPT_ARGUMENT: usize = 2_000;
/// How long an HTTP tool may take, unless it is configured.
pub const HTTP_TOOL: Duration = Duration::from_secs(30);
/// The largest answer of an HTTP tool. A model's context is far smaller, and as a text in an event it may take twice the
/// room, which must be within the largest event.
pub const HTTP_TOOL_BODY: usize = 448 * 1024;
/// The most readers of the debug feed. They are people.
pub const DEBUG_READERS: usize = 16;
/// The most bytes that wait for one reader of the debug feed. It then loses events: no run waits for it.
pub const DEBUG_BACKLOG: usize = 4 * 1024 * 1024;
/// How long a recording may take to become text, unless it is configured. The largest files that services take need
/// about a minute.
pub const TRANSCRIPTION: Duration = Duration::from_secs(120);
/// How long a hook, or the choice of a request's agents, may take. The client waits meanwhile.
pub const HOOK: Duration = Duration::from_secs(10);
/// The most bytes of what was said that one attribute of a span holds, where content is captured. Collectors refuse
/// requests of a few MiB, and a batch has hundreds of spans.
pub const TRACE_CONTENT: usize = 64 * 1024;
