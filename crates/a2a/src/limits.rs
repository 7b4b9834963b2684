//! Every bound of the A2A client and of our agents over A2A, with its reason.

use std::time::Duration;

/// The largest card. Those of agents with dozens of skills have some ten thousand bytes.
pub const CARD_BYTES: usize = 256 * 1024;
/// How long fetching a card may take, its redirects included.
pub const CARD_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a card counts where its server does not say.
pub const CARD_AGE: Duration = Duration::from_secs(5 * 60);
/// The longest that a card counts, whatever its server says: agents move and change.
pub const CARD_AGE_MAX: Duration = Duration::from_secs(60 * 60);
/// The shortest time between two tries to fetch a card that could not be fetched. Every run would wait for it.
pub const CARD_RETRY: Duration = Duration::from_secs(5);
/// How many redirects within its origin the address of a card may make.
pub const CARD_REDIRECTS: usize = 3;
/// The largest answer to a call without a stream.
pub const ANSWER_BYTES: usize = 8 * 1024 * 1024;
/// The largest event of a stream, as in the official JavaScript SDK.
pub const FRAME_BYTES: usize = 4 * 1024 * 1024;
/// How long a connection may take.
pub const CONNECT: Duration = Duration::from_secs(5);
/// How long an agent may be silent before it is given up; comments of a stream count as life.
pub const IDLE: Duration = Duration::from_secs(120);
/// How long a small call may take: showing, listing and canceling tasks.
pub const SMALL_CALL: Duration = Duration::from_secs(30);
/// How long a task may take from the message to its end, unless it is configured.
pub const TASK: Duration = Duration::from_secs(10 * 60);
/// The most bytes that the artifacts of one task may have.
pub const ARTIFACT_BYTES: usize = 32 * 1024 * 1024;
/// The most artifacts of one task.
pub const ARTIFACTS: usize = 1_000;
/// The most parts of all artifacts of one task. A peer that sends one byte at a time would fill the memory with their heads.
pub const PARTS: usize = 100_000;
/// How often a stream that ended too early is followed again.
pub const RESUBSCRIBE: u32 = 5;
/// The first pause before that; each one is twice the last.
pub const RESUBSCRIBE_PAUSE: Duration = Duration::from_millis(250);
/// How long a task that is followed again after its stream ended may be silent before it is looked at. Some agents that
/// crashed let themselves be followed for ever.
pub const QUIET_AFTER_END: Duration = Duration::from_secs(3);
/// The same after the connection broke: then it is rather the network.
pub const QUIET_AFTER_BREAK: Duration = Duration::from_secs(6);
/// The pause between two looks at a task that cannot be followed, at first and at most.
pub const POLL: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(5));
/// How often a task that cannot be followed is looked at without any change, after its stream broke.
pub const POLL_UNCHANGED: u32 = 4;
/// How long canceling a task may hold up the end of a run. The lifecycle drops a stopped run after 400 ms.
pub const CANCEL: Duration = Duration::from_millis(300);
/// How long before the end of a run its task is canceled.
pub const LAST_CALL: Duration = Duration::from_secs(1);
/// The longest text of one answer that an orchestrator is given. Models have smaller contexts than agents have words.
pub const ANSWER_TEXT: usize = 64 * 1024;
/// How many agents are asked at once in one step of an orchestrator.
pub const PARALLEL: usize = 32;
/// The most steps of an orchestrator that asks agents, unless it is configured.
pub const ROUNDS: u32 = 8;
/// The longest description in the instructions of an orchestrator, in characters.
pub const DESCRIPTION: usize = 1_000;
/// The longest name of an agent, in characters.
pub const NAME: usize = 64;
/// The most skills of an agent in the instructions of an orchestrator.
pub const SKILLS: usize = 20;
/// The largest inline file that is shown to pages as bytes. Events have a bound too.
pub const INLINE_FILE: usize = 256 * 1024;
/// The most agents behind one orchestrator.
pub const AGENTS: usize = 100;
/// How long a run of an orchestrator waits for the cards of its agents. One that hangs must not hold up the others.
pub const ROSTER: Duration = Duration::from_secs(3);
/// The longest arguments of one call of an agent.
pub const ARGUMENTS: usize = 256 * 1024;
/// The most tasks on one page of their list, and how many there are where a client does not say.
pub const TASK_PAGE: (u32, u32) = (100, 50);
/// How many threads are looked through for a list of tasks, those used last. Tasks of older ones are found by their ids,
/// and by the list of their context.
pub const LISTED_THREADS: usize = 200;
/// How many bytes of threads are read for a list of tasks.
pub const LISTED_BYTES: usize = 64 * 1024 * 1024;
/// How long the cancellation of a task waits for the end of its run. Stop is promised within a second.
pub const STOPPED: Duration = Duration::from_secs(5);
/// How long somebody who follows a task is kept while it waits for an answer, before they have to ask again.
pub const WAITING: Duration = Duration::from_secs(60 * 60);
/// How often a task that waits is looked at: what cancels it wakes nobody.
pub const WAITING_LOOK: Duration = Duration::from_secs(1);
