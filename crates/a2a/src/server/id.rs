//! The ids of tasks, and of the runs that they are.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use copilotkit_protocol::runtime_api::Timestamp;
use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

/// Milliseconds since the Unix epoch.
pub(super) fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// As A2A writes a time.
pub(super) fn iso(millis: u64) -> String {
    Timestamp(millis).to_string()
}

/// What makes a task one of its own: when it began and something that nobody else has. 32 hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Nonce(String);

/// Digits of the time.
const TIME: usize = 12;
const DIGITS: usize = 32;

impl Nonce {
    pub(super) fn new() -> Self {
        let random = uuid::Uuid::new_v4().simple().to_string();
        Self(format!("{:0TIME$x}{}", now() & 0xffff_ffff_ffff, &random[TIME..]))
    }

    fn parse(text: &str) -> Option<Self> {
        let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        (text.len() == DIGITS && text.bytes().all(is_digit)).then(|| Self(text.to_owned()))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// When the task began, in milliseconds since the Unix epoch.
    pub(super) fn time(&self) -> u64 {
        self.0.get(..TIME).and_then(|time| u64::from_str_radix(time, 16).ok()).unwrap_or_default()
    }
}

/// The id of a task says where it is found, so that nothing need be remembered: its thread, and the number of its first
/// frame there. It opens nothing: who asks sees the threads of their own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TaskId {
    pub(super) nonce: Nonce,
    pub(super) first_seq: u64,
    pub(super) thread_id: String,
}

impl TaskId {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, '-');
        let nonce = Nonce::parse(parts.next()?)?;
        let first_seq = parts.next()?;
        // One task has one id.
        let first_seq = first_seq.parse().ok().filter(|number: &u64| number.to_string() == first_seq)?;
        let thread_id = String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(parts.next()?).ok()?).ok()?;
        Some(Self { nonce, first_seq, thread_id })
    }
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let thread = BASE64_URL_SAFE_NO_PAD.encode(&self.thread_id);
        write!(f, "{}-{}-{thread}", self.nonce.0, self.first_seq)
    }
}

/// The run that a task begins with, and, from two on, those that go on with it.
pub(super) fn run_id(agent_id: &str, nonce: &Nonce, number: usize) -> String {
    match number {
        0 | 1 => format!("a2a-{agent_id}-{}", nonce.0),
        more => format!("a2a-{agent_id}-{}-{more}", nonce.0),
    }
}

/// The task that a run with this id begins.
pub(super) fn begun_by(agent_id: &str, run_id: &str) -> Option<Nonce> {
    Nonce::parse(run_id.strip_prefix("a2a-")?.strip_prefix(agent_id)?.strip_prefix('-')?)
}

/// Whether a run with this id begins a task, of whichever agent.
pub(super) fn begins_a_task(run_id: &str) -> bool {
    let rest = run_id.strip_prefix("a2a-").and_then(|rest| rest.rsplit_once('-'));
    rest.is_some_and(|(_, nonce)| Nonce::parse(nonce).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_leads_back_to_its_task() {
        let before = now();
        let nonce = Nonce::new();
        assert!((before..=now()).contains(&nonce.time()));
        for thread_id in ["", "t", "a-b/ç", "0-0-0"] {
            let id = TaskId { nonce: nonce.clone(), first_seq: 12, thread_id: thread_id.to_owned() };
            assert_eq!(TaskId::parse(&id.to_string()), Some(id));
        }
        let good = format!("{}-12-YQ", nonce.as_str());
        assert_eq!(TaskId::parse(&good).unwrap().thread_id, "a");
        let upper = good.to_uppercase();
        for bad in ["", "t", "x-12-YQ", &good.replace("-12-", "-012-"), &good.replace("-12-", "-+12-"), &upper] {
            assert_eq!(TaskId::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_run_says_which_task_it_begins() {
        let nonce = Nonce::new();
        let (first, second) = (run_id("my-agent", &nonce, 1), run_id("my-agent", &nonce, 2));
        assert_eq!(begun_by("my-agent", &first), Some(nonce.clone()));
        assert_eq!(begun_by("my-agent", &second), None);
        assert_eq!(begun_by("my", &first), None);
        assert!(begins_a_task(&first) && !begins_a_task(&second) && !begins_a_task("run-1"));
    }
}
