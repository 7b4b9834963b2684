//! The lines of an export. Each is one JSON object with one member, which says what the line is.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::borrow::Cow;

/// The version of the format that is written, and the latest that is read.
pub const VERSION: u32 = 1;

/// A line.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Line<'a> {
    /// The first one: the version of the format.
    CopilotkitThreads(u32),
    /// A thread begins. What follows, up to its end, is its own.
    #[serde(borrow)]
    Thread(Thread<'a>),
    /// The id of a message that its log holds.
    MessageId(#[serde(borrow)] Cow<'a, str>),
    /// What an extension keeps with it.
    Blob(#[serde(borrow)] Blob<'a>),
    /// A run begins. The frames that follow are its own.
    Run(#[serde(borrow)] Run<'a>),
    /// An event.
    Frame(#[serde(borrow)] FrameLine<'a>),
    /// The thread is whole.
    End(End),
}

/// A thread. Times are milliseconds since the Unix epoch.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Thread<'a> {
    #[serde(borrow)]
    pub principal: Cow<'a, str>,
    #[serde(borrow)]
    pub id: Cow<'a, str>,
    pub name: Option<String>,
    #[serde(borrow)]
    pub agent_id: Cow<'a, str>,
    pub archived: bool,
    pub created_at: u64,
    pub updated_at: u64,
    /// The number that its next event will have.
    pub next_seq: u64,
}

/// A blob.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct Blob<'a> {
    #[serde(borrow)]
    pub key: Cow<'a, str>,
    pub base64: String,
}

/// A run; `ended_at` and `end_seq` are null when it had not ended.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Run<'a> {
    #[serde(borrow)]
    pub run_id: Cow<'a, str>,
    #[serde(borrow)]
    pub agent_id: Cow<'a, str>,
    pub began_at: u64,
    pub ended_at: Option<u64>,
    /// The number of its first event.
    pub first_seq: u64,
    /// The number behind its last one.
    pub end_seq: Option<u64>,
    /// Whether its single events are here.
    pub raw: bool,
    /// Whether its compact form is here.
    pub compact: bool,
}

/// An event. It is in `event` as it stands in the log, byte for byte, or in `text` where that would not be one line.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FrameLine<'a> {
    pub seq: u64,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub compact: bool,
    /// Whether its unknown members are sent on.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub as_is: bool,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub event: Option<&'a RawValue>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub text: Option<Cow<'a, str>>,
}

/// The end of a thread.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct End {
    /// How many events there were.
    pub frames: u64,
}
