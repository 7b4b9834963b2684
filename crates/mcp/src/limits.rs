//! Every bound of MCP in one place, with its reason.

use std::time::Duration;

/// How long connecting to a server over HTTP may take: probe, fallback and handshake together.
pub const CONNECT: Duration = Duration::from_secs(10);
/// How long a child process may take until it answers: package runners may fetch the server first.
pub const CONNECT_STDIO: Duration = Duration::from_secs(60);
/// How long listing all tools of a server may take.
pub const LIST: Duration = Duration::from_secs(10);
/// The longest silence of a call. Progress of the server starts it anew.
pub const CALL_IDLE: Duration = Duration::from_secs(60);
/// The longest call, whatever progress it reports.
pub const CALL_TOTAL: Duration = Duration::from_secs(600);
/// How long a run waits for tools that are not known yet. It is shorter than what a run waits for a source of tools, so
/// that one slow server does not cost it the tools of the others.
pub const RUN_WAIT: Duration = Duration::from_secs(15);
/// How long a run waits for a new list when the server said that its tools changed: an old list is there.
pub const REFRESH_WAIT: Duration = Duration::from_secs(2);
/// How long a list holds when the server says neither how long nor that it tells of changes.
pub const LIST_TTL: Duration = Duration::from_secs(60);
/// The longest time that a server may say its list holds.
pub const LIST_TTL_MAX: Duration = Duration::from_secs(24 * 60 * 60);
/// The most pages of one list. A server whose cursors never end must not hold a run.
pub const LIST_PAGES: usize = 50;
/// The most tools of one server. A model takes a few hundred.
pub const TOOLS: usize = 1_000;
/// The longest name of a tool that is taken, in bytes: the protocol allows 128 characters.
pub const TOOL_NAME: usize = 512;
/// The longest description of a tool, in bytes; what is longer is cut. It is sent to the model in every step.
pub const TOOL_DESCRIPTION: usize = 16 * 1024;
/// The largest schema of a tool that is offered, in bytes. It is sent to the model in every step.
pub const TOOL_SCHEMA: usize = 64 * 1024;
/// How deep a schema may be nested. Somebody will walk it with recursion.
pub const SCHEMA_DEPTH: usize = 64;
/// The largest message of a server, in bytes.
pub const MESSAGE: usize = 16 * 1024 * 1024;
/// How much of a body that says why a request failed is read.
pub const ERROR_BODY: usize = 4 * 1024;
/// The largest result that a page is told, in bytes. As a text in an event it may take twice the room, which must be
/// within the largest event.
pub const RESULT: usize = 448 * 1024;
/// The largest result that the model is told, in bytes; what is longer is cut, with a note that says so.
pub const RESULT_MODEL: usize = 256 * 1024;
/// The largest answer to a user interface, in bytes: the document that it is painted from, above all. Clients take events
/// of 10 MiB.
pub const PROXIED: usize = 8 * 1024 * 1024;
/// The longest address of a user interface, in bytes.
pub const UI_RESOURCE: usize = 2 * 1024;
/// How deep what a page is shown may be nested. In its event it lies a few levels deeper, and those are bounded at 128.
pub const SHOWN_DEPTH: usize = 100;
/// The most calls of one server at once.
pub const CALLS_PER_SERVER: usize = 16;
/// The most calls of all servers at once.
pub const CALLS: usize = 256;
/// How long a call may wait for its turn.
pub const CALL_QUEUE: Duration = Duration::from_secs(30);
/// How long a call waits for the one before it, where each needs a connection to itself, before it gets another one.
pub const CALL_ALONE: Duration = Duration::from_secs(1);
/// The most rounds of questions of one call.
pub const INPUT_ROUNDS: usize = 10;
/// The most connections; the one that was not used for longest makes room.
pub const CONNECTIONS: usize = 100;
/// How long a connection is kept that no run uses.
pub const IDLE: Duration = Duration::from_secs(300);
/// How often unused connections are looked for.
pub const SWEEP: Duration = Duration::from_secs(15);
/// The shortest pause after a failed connect; it doubles with every further failure.
pub const BACKOFF_MIN: Duration = Duration::from_millis(250);
/// The longest pause after a failed connect.
pub const BACKOFF_MAX: Duration = Duration::from_secs(30);
/// The longest pause that a server can ask for.
pub const RETRY_AFTER_MAX: Duration = Duration::from_secs(60);
/// So many failed connects in a row, and runs do not wait for a server any more until it was reached again.
pub const CIRCUIT: u32 = 3;
/// How long a connection may take to close in good order.
pub const CLOSE: Duration = Duration::from_secs(3);
/// How often a stream of a server that broke is opened again before it is given up.
pub const STREAM_RETRIES: usize = 5;
/// The longest pause before a broken stream is opened again.
pub const STREAM_RETRY_MAX: Duration = Duration::from_secs(10);
/// How much of the standard error of a child process one line of the log takes.
pub const STDERR_LINE: usize = 2 * 1024;
/// How many of the last lines of a child's standard error an error about it shows.
pub const LAST_WORDS: usize = 5;
/// How much of each of them, in characters.
pub const LAST_WORDS_LINE: usize = 200;
/// How long an error waits for the end of the standard error.
pub const LAST_WORDS_WAIT: Duration = Duration::from_millis(300);
/// The longest name of a tool that models take.
pub const MODEL_TOOL_NAME: usize = 64;
/// Messages of a server that wait to be read, on the transport with a stream of events.
pub const SSE_QUEUE: usize = 64;
/// How long a question of a server waits for a person.
pub const QUESTION: Duration = Duration::from_secs(15 * 60);
/// The most questions of servers that wait for a person at once.
pub const QUESTIONS: usize = 256;
/// The most servers that one request can name.
pub const PAGE_SERVERS: usize = 8;
/// The largest answer with a token, in bytes.
pub const TOKEN: usize = 64 * 1024;
