//! The bytes of requests and event streams: what pages send, what agents and model servers answer.

use anyhow::{Context, bail};
use std::fmt::Write as _;
use std::time::{SystemTime, UNIX_EPOCH};

/// The bytes of one delta. A time in nanoseconds fits.
pub(crate) const DELTA: usize = 20;

/// Who writes the stream of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// An AG-UI agent.
    AgUi,
    /// A model server, as OpenAI's Chat Completions.
    OpenAi,
}

impl Dialect {
    /// What stands before the text of a delta.
    pub(crate) fn needle(self) -> &'static [u8] {
        match self {
            Self::AgUi => br#""delta":""#,
            Self::OpenAi => br#""content":""#,
        }
    }

    /// What the last event of a whole stream holds.
    pub(crate) fn end(self) -> &'static str {
        match self {
            Self::AgUi => "\"RUN_FINISHED\"",
            Self::OpenAi => "[DONE]",
        }
    }

    /// The frames before the first delta.
    pub(crate) fn opening(self, thread: &str, run: &str) -> Vec<String> {
        match self {
            Self::AgUi => vec![
                format!(r#"{{"type":"RUN_STARTED","threadId":"{thread}","runId":"{run}"}}"#),
                format!(r#"{{"type":"TEXT_MESSAGE_START","messageId":"m-{run}","role":"assistant"}}"#),
            ],
            Self::OpenAi => vec![completion(r#"{"role":"assistant","content":""}"#, "null")],
        }
    }

    /// One delta.
    pub(crate) fn delta(self, run: &str, text: &str) -> String {
        match self {
            Self::AgUi => format!(r#"{{"type":"TEXT_MESSAGE_CONTENT","messageId":"m-{run}","delta":"{text}"}}"#),
            Self::OpenAi => completion(&format!(r#"{{"content":"{text}"}}"#), "null"),
        }
    }

    /// The frames after the last delta.
    pub(crate) fn closing(self, thread: &str, run: &str) -> Vec<String> {
        match self {
            Self::AgUi => vec![
                format!(r#"{{"type":"TEXT_MESSAGE_END","messageId":"m-{run}"}}"#),
                format!(r#"{{"type":"RUN_FINISHED","threadId":"{thread}","runId":"{run}"}}"#),
            ],
            Self::OpenAi => vec![
                completion("{}", "\"stop\""),
                r#"{"id":"chatcmpl-bench","object":"chat.completion.chunk","created":1700000000,"model":"bench","choices":[],"usage":{"prompt_tokens":10,"completion_tokens":100,"total_tokens":110}}"#.to_owned(),
                "[DONE]".to_owned(),
            ],
        }
    }

    /// All frames of a run of `deltas` deltas, each as a server-sent event.
    pub(crate) fn run(self, thread: &str, run: &str, deltas: u32) -> Vec<String> {
        let delta = self.delta(run, &"x".repeat(DELTA));
        let mut frames = self.opening(thread, run);
        frames.extend((0..deltas).map(|_| delta.clone()));
        frames.extend(self.closing(thread, run));
        frames.iter().map(|frame| sse(frame)).collect()
    }
}

fn completion(delta: &str, finish: &str) -> String {
    format!(
        r#"{{"id":"chatcmpl-bench","object":"chat.completion.chunk","created":1700000000,"model":"bench","system_fingerprint":"fp_bench","choices":[{{"index":0,"delta":{delta},"logprobs":null,"finish_reason":{finish}}}]}}"#
    )
}

/// A server-sent event.
pub(crate) fn sse(data: &str) -> String {
    format!("data: {data}\n\n")
}

/// A delta that tells when it was written.
pub(crate) fn stamp(now: u64) -> String {
    format!("{now:020}")
}

/// The time that a delta tells; `None` when it tells none.
pub(crate) fn stamped(text: &[u8]) -> Option<u64> {
    let digits = text.get(..DELTA)?;
    digits.iter().try_fold(0u64, |sum, byte| {
        let digit = char::from(*byte).to_digit(10)?;
        sum.checked_mul(10)?.checked_add(digit.into())
    })
}

/// Nanoseconds on a clock that all processes of the machine share.
pub(crate) fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

/// A text conversation of `count` messages in turns of a user's 40 bytes and an assistant's 200, the last of them the
/// user's, as JSON without the brackets.
pub(crate) fn conversation(count: usize) -> String {
    let mut out = String::new();
    for index in 0..count {
        let (role, size) = if (count - index) % 2 == 1 { ("user", 40) } else { ("assistant", 200) };
        let comma = if index == 0 { "" } else { "," };
        let text = "lorem ipsum ".repeat(size / 12 + 1);
        // Writing into a text cannot fail.
        let _ = write!(out, r#"{comma}{{"id":"h-{index}","role":"{role}","content":"{}"}}"#, &text[..size]);
    }
    out
}

/// The body of a request for a run. `messages` is JSON without the brackets.
pub(crate) fn input(thread: &str, run: &str, messages: &str) -> String {
    format!(
        r#"{{"threadId":"{thread}","runId":"{run}","protocolVersion":"1.0","state":{{}},"messages":[{messages}],"tools":[],"context":[],"forwardedProps":{{}}}}"#
    )
}

/// A POST of JSON that asks for events.
pub(crate) fn post(path: &str, body: &str) -> Vec<u8> {
    format!(
        "POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\naccept: text/event-stream\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// The value of a text member near the begin of a JSON object, where it holds no escapes.
pub(crate) fn member<'a>(body: &'a [u8], name: &str) -> Option<&'a str> {
    let start = memchr::memmem::find(body, format!("\"{name}\"").as_bytes())? + name.len() + 2;
    let rest = std::str::from_utf8(body.get(start..)?.get(..600.min(body.len() - start))?).ok()?;
    let rest = rest.trim_start().strip_prefix(':')?.trim_start().strip_prefix('"')?;
    rest.split_once('"').map(|(value, _)| value)
}

/// The length of a request's body, by its head.
pub(crate) fn content_length(head: &[u8]) -> anyhow::Result<usize> {
    let head = std::str::from_utf8(head).context("a head is not text")?;
    for line in head.lines().skip(1) {
        let Some((name, value)) = line.split_once(':') else { continue };
        if name.eq_ignore_ascii_case("content-length") {
            return value.trim().parse().context("a content-length is no number");
        }
        if name.eq_ignore_ascii_case("transfer-encoding") {
            bail!("a request without a length");
        }
    }
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_is_one_delta_and_is_read() {
        assert_eq!(stamp(1_700_000_000_123_456_789).len(), DELTA);
        assert_eq!(stamped(b"01700000000123456789\"}"), Some(1_700_000_000_123_456_789));
        assert_eq!(stamped(b"xxxxxxxxxxxxxxxxxxxx"), None);
        assert_eq!(stamped(b"123"), None);
    }

    #[test]
    fn every_frame_is_json_and_every_delta_is_found() {
        for dialect in [Dialect::AgUi, Dialect::OpenAi] {
            let frames = dialect.run("t", "r", 3);
            let found = frames.iter().filter(|frame| {
                let at = memchr::memmem::find(frame.as_bytes(), dialect.needle());
                at.is_some_and(|at| frame.as_bytes()[at + dialect.needle().len()] == b'x')
            });
            assert_eq!(found.count(), 3);
            assert!(frames.last().unwrap().contains(dialect.end()));
            for frame in frames.iter().filter(|frame| !frame.contains("[DONE]")) {
                let data = frame.strip_prefix("data: ").unwrap();
                serde_json::from_str::<serde_json::Value>(data).unwrap();
            }
        }
    }

    #[test]
    fn a_conversation_ends_with_the_user() {
        for count in [1, 2, 50] {
            let body = input("t", "r", &conversation(count));
            let value: serde_json::Value = serde_json::from_str(&body).unwrap();
            let messages = value["messages"].as_array().unwrap();
            assert_eq!((messages.len(), &messages[count - 1]["role"]), (count, &"user".into()));
        }
    }

    #[test]
    fn members_are_found() {
        assert_eq!(member(br#"{"threadId": "t-1","runId":"r"}"#, "threadId"), Some("t-1"));
        assert_eq!(member(br#"{"threadId":7}"#, "threadId"), None);
        assert_eq!(member(b"{}", "runId"), None);
    }

    #[test]
    fn lengths_are_read() {
        assert_eq!(content_length(b"POST / HTTP/1.1\r\nContent-Length: 12").unwrap(), 12);
        assert_eq!(content_length(b"GET / HTTP/1.1\r\nhost: a").unwrap(), 0);
        assert!(content_length(b"POST / HTTP/1.1\r\ntransfer-encoding: chunked").is_err());
    }
}
