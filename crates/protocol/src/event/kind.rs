//! The union of all events and their names.

use super::types::*;
use crate::wire::{Json, Shape, Wire, WireError, from_slice, read_text, tag_of, to_vec};
use serde::de::{Deserializer, Error as _};
use serde::{Deserialize, Serialize, Serializer};
use std::fmt;

macro_rules! events {
    ($($name:ident = $wire:literal,)*) => {
        /// An AG-UI event, told apart by `type`.
        #[derive(Clone, Debug, PartialEq)]
        #[non_exhaustive]
        pub enum Event {
            $(#[doc = concat!("`", $wire, "`")] $name($name),)*
            /// An event of a later version: kept as it came, and not emitted.
            Unknown(UnknownEvent),
        }

        /// The type of an event.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum EventKind {
            $(#[doc = concat!("`", $wire, "`")] $name,)*
            /// A type that AG-UI 1.0 does not have.
            Unknown,
        }

        impl EventKind {
            /// Every type of AG-UI 1.0.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// As it stands on the wire; empty for an unknown one.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $wire,)* Self::Unknown => "" }
            }

            /// The type with this name.
            pub fn from_name(name: &str) -> Self {
                match name { $($wire => Self::$name,)* _ => Self::Unknown }
            }
        }

        impl Event {
            /// Its type.
            pub fn kind(&self) -> EventKind {
                match self { $(Self::$name(_) => EventKind::$name,)* Self::Unknown(_) => EventKind::Unknown }
            }

            fn read_as(kind: EventKind, text: &str) -> Result<Self, serde_json::Error> {
                match kind {
                    $(EventKind::$name => read_text::<$name>(text).map(Self::$name),)*
                    EventKind::Unknown => {
                        let json = serde_json::from_str::<Json>(text)?;
                        let kind = tag_of(text, "type")?.into_owned();
                        Ok(Self::Unknown(UnknownEvent { kind, json }))
                    }
                }
            }
        }

        impl Serialize for Event {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                match self {
                    $(Self::$name(event) => event.serialize(serializer),)*
                    Self::Unknown(event) => event.json.serialize(serializer),
                }
            }
        }

        impl Wire for Event {
            const SHAPE: &'static Shape =
                &Shape::Union { tag: "type", forms: &[$(($wire, <$name as Wire>::SHAPE)),*] };

            fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let json = Json::deserialize(deserializer)?;
                let kind = tag_of(json.get(), "type").map_err(D::Error::custom)?;
                Self::read_as(EventKind::from_name(&kind), json.get()).map_err(D::Error::custom)
            }
            fn read_document(text: &str) -> Option<Self> {
                match leading_kind(text)? {
                    $(EventKind::$name => read_whole::<$name>(text).map(Self::$name),)*
                    EventKind::Unknown => None,
                }
            }
            fn tidy(&mut self) -> bool {
                match self {
                    $(Self::$name(event) => event.tidy(),)*
                    Self::Unknown(_) => false,
                }
            }
            fn is_tidy(&self) -> bool {
                match self {
                    $(Self::$name(event) => event.is_tidy(),)*
                    Self::Unknown(_) => true,
                }
            }
        }

        #[cfg(feature = "schemars")]
        impl schemars::JsonSchema for Event {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                "Event".into()
            }
            fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
                let mut union = crate::wire::schema::Union::new(generator);
                $( union.add::<$name>(); )*
                union.finish(&["An AG-UI event, told apart by `type`."])
            }
        }

        #[cfg(feature = "schemars")]
        impl schemars::JsonSchema for EventKind {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                "EventType".into()
            }
            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                crate::wire::schema::words(&[$($wire),*])
            }
        }

        $(impl From<$name> for Event {
            fn from(event: $name) -> Self { Self::$name(event) }
        })*
    };
}

events! {
    RunStarted = "RUN_STARTED",
    RunFinished = "RUN_FINISHED",
    RunError = "RUN_ERROR",
    StepStarted = "STEP_STARTED",
    StepFinished = "STEP_FINISHED",
    TextMessageStart = "TEXT_MESSAGE_START",
    TextMessageContent = "TEXT_MESSAGE_CONTENT",
    TextMessageEnd = "TEXT_MESSAGE_END",
    TextMessageChunk = "TEXT_MESSAGE_CHUNK",
    ToolCallStart = "TOOL_CALL_START",
    ToolCallArgs = "TOOL_CALL_ARGS",
    ToolCallEnd = "TOOL_CALL_END",
    ToolCallChunk = "TOOL_CALL_CHUNK",
    ToolCallResult = "TOOL_CALL_RESULT",
    StateSnapshot = "STATE_SNAPSHOT",
    StateDelta = "STATE_DELTA",
    MessagesSnapshot = "MESSAGES_SNAPSHOT",
    ActivitySnapshot = "ACTIVITY_SNAPSHOT",
    ActivityDelta = "ACTIVITY_DELTA",
    Raw = "RAW",
    Custom = "CUSTOM",
    ReasoningStart = "REASONING_START",
    ReasoningMessageStart = "REASONING_MESSAGE_START",
    ReasoningMessageContent = "REASONING_MESSAGE_CONTENT",
    ReasoningMessageEnd = "REASONING_MESSAGE_END",
    ReasoningMessageChunk = "REASONING_MESSAGE_CHUNK",
    ReasoningEnd = "REASONING_END",
    ReasoningEncryptedValue = "REASONING_ENCRYPTED_VALUE",
    SubagentStarted = "SUBAGENT_STARTED",
    SubagentFinished = "SUBAGENT_FINISHED",
    SubagentError = "SUBAGENT_ERROR",
}

/// An event whose type AG-UI 1.0 does not have.
#[derive(Clone, Debug, PartialEq)]
pub struct UnknownEvent {
    /// Its `type`.
    pub kind: String,
    /// The whole event.
    pub json: Json,
}

/// The type of an event whose text begins with it, as most do. The struct checks the member once more when it is read,
/// so that a second `type` further on is seen.
fn leading_kind(text: &str) -> Option<EventKind> {
    let rest = text.strip_prefix('{')?.trim_ascii_start().strip_prefix("\"type\"")?;
    let rest = rest.trim_ascii_start().strip_prefix(':')?.trim_ascii_start().strip_prefix('"')?;
    Some(EventKind::from_name(rest.get(..memchr::memchr(b'"', rest.as_bytes())?)?))
}

fn read_whole<T: Wire>(text: &str) -> Option<T> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let value = T::read(&mut deserializer).ok()?;
    deserializer.end().ok()?;
    Some(value)
}

impl Event {
    /// Reads an event.
    ///
    /// # Errors
    /// Not JSON, not an object, no string `type`, or a known member that is missing or of another type.
    pub fn from_json(text: &[u8]) -> Result<Self, WireError> {
        from_slice(text)
    }

    /// Writes the event as one line of JSON.
    pub fn to_json(&self) -> Vec<u8> {
        to_vec(self)
    }

    /// RUN_FINISHED or RUN_ERROR.
    pub fn is_terminal(&self) -> bool {
        self.kind().is_terminal()
    }

    /// The subagent that this event belongs to or is about.
    pub fn subagent_run_id(&self) -> Option<&str> {
        macro_rules! owner {
            ($($name:ident),*) => {
                match self {
                    $(Self::$name(event) => event.subagent_run_id.as_deref(),)*
                    Self::SubagentStarted(event) => Some(&event.subagent_run_id),
                    Self::SubagentFinished(event) => Some(&event.subagent_run_id),
                    Self::SubagentError(event) => Some(&event.subagent_run_id),
                    _ => None,
                }
            };
        }
        owner!(
            StepStarted,
            StepFinished,
            TextMessageStart,
            TextMessageContent,
            TextMessageEnd,
            TextMessageChunk,
            ToolCallStart,
            ToolCallArgs,
            ToolCallEnd,
            ToolCallChunk,
            ToolCallResult,
            StateSnapshot,
            StateDelta,
            ActivitySnapshot,
            ActivityDelta,
            Raw,
            Custom,
            ReasoningStart,
            ReasoningMessageStart,
            ReasoningMessageContent,
            ReasoningMessageEnd,
            ReasoningMessageChunk,
            ReasoningEnd,
            ReasoningEncryptedValue
        )
    }

    /// The `messageId` of an event that has one.
    pub fn message_id(&self) -> Option<&str> {
        match self {
            Self::TextMessageStart(event) => Some(&event.message_id),
            Self::TextMessageContent(event) => Some(&event.message_id),
            Self::TextMessageEnd(event) => Some(&event.message_id),
            Self::TextMessageChunk(event) => event.message_id.as_deref(),
            Self::ToolCallResult(event) => Some(&event.message_id),
            Self::ActivitySnapshot(event) => Some(&event.message_id),
            Self::ActivityDelta(event) => Some(&event.message_id),
            Self::ReasoningStart(event) => Some(&event.message_id),
            Self::ReasoningMessageStart(event) => Some(&event.message_id),
            Self::ReasoningMessageContent(event) => Some(&event.message_id),
            Self::ReasoningMessageEnd(event) => Some(&event.message_id),
            Self::ReasoningMessageChunk(event) => event.message_id.as_deref(),
            Self::ReasoningEnd(event) => Some(&event.message_id),
            _ => None,
        }
    }
}

impl EventKind {
    /// RUN_FINISHED or RUN_ERROR.
    pub fn is_terminal(self) -> bool {
        matches!(self, Self::RunFinished | Self::RunError)
    }

    /// One of the three events that only append text: most of any stream.
    pub fn is_delta(self) -> bool {
        matches!(self, Self::TextMessageContent | Self::ToolCallArgs | Self::ReasoningMessageContent)
    }

    /// One of the three forms that are expanded before they are verified.
    pub fn is_chunk(self) -> bool {
        matches!(self, Self::TextMessageChunk | Self::ToolCallChunk | Self::ReasoningMessageChunk)
    }
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Event {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::read(deserializer)
    }
}
