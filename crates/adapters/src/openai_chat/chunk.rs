//! One data payload of the stream, read in place. Whatever is not named is skipped; a member of a type that no service
//! documents is read as absent rather than ending the call.

use crate::dialect::{Number, Text};
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// `chat.completion.chunk`, a whole `chat.completion`, or an error in its place.
#[derive(Debug, Deserialize)]
pub(super) struct Chunk<'a> {
    #[serde(borrow, default)]
    pub(super) choices: Option<Vec<Choice<'a>>>,
    #[serde(default)]
    pub(super) usage: Option<Usage>,
    #[serde(borrow, default)]
    pub(super) error: Option<&'a RawValue>,
    /// `error` in the error frames of vLLM and Mistral.
    #[serde(borrow, default)]
    pub(super) object: Text<'a>,
    #[serde(borrow, default)]
    pub(super) x_groq: Option<XGroq<'a>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Choice<'a> {
    #[serde(default)]
    pub(super) index: Number,
    #[serde(borrow, default)]
    pub(super) delta: Option<Delta<'a>>,
    /// Of a service that answers whole although a stream was asked for.
    #[serde(borrow, default)]
    pub(super) message: Option<Delta<'a>>,
    #[serde(borrow, default)]
    pub(super) finish_reason: Text<'a>,
    /// Where Moonshot puts it.
    #[serde(default)]
    pub(super) usage: Option<Usage>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Delta<'a> {
    #[serde(borrow, default)]
    pub(super) content: Body<'a>,
    #[serde(borrow, default)]
    pub(super) refusal: Text<'a>,
    #[serde(borrow, default)]
    pub(super) reasoning_content: Text<'a>,
    #[serde(borrow, default)]
    pub(super) reasoning: Text<'a>,
    /// OpenRouter.
    #[serde(borrow, default)]
    pub(super) reasoning_details: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) tool_calls: Option<Vec<CallPiece<'a>>>,
}

/// A piece of a tool call.
#[derive(Debug, Default, Deserialize)]
pub(super) struct CallPiece<'a> {
    #[serde(default)]
    pub(super) index: Number,
    #[serde(borrow, default)]
    pub(super) id: Text<'a>,
    #[serde(borrow, default)]
    pub(super) function: Option<FunctionPiece<'a>>,
    #[serde(borrow, default)]
    pub(super) extra_content: Option<ExtraContent<'a>>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct FunctionPiece<'a> {
    #[serde(borrow, default)]
    pub(super) name: Text<'a>,
    #[serde(borrow, default)]
    arguments: Option<&'a RawValue>,
}

impl<'a> FunctionPiece<'a> {
    /// The piece of the arguments: a string by the dialect, an object from services that send it whole and decoded.
    pub(super) fn arguments(&self) -> Cow<'a, str> {
        let Some(raw) = self.arguments else { return Cow::Borrowed("") };
        match raw.get().as_bytes().first() {
            Some(b'"') => serde_json::from_str::<Text<'a>>(raw.get()).map_or(Cow::Borrowed(""), |text| text.0),
            Some(b'{') => Cow::Borrowed(raw.get()),
            _ => Cow::Borrowed(""),
        }
    }
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct ExtraContent<'a> {
    #[serde(borrow, default)]
    pub(super) google: Option<Google<'a>>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Google<'a> {
    #[serde(borrow, default)]
    pub(super) thought_signature: Text<'a>,
}

#[derive(Debug, Deserialize)]
pub(super) struct XGroq<'a> {
    #[serde(default)]
    pub(super) usage: Option<Usage>,
    #[serde(borrow, default)]
    pub(super) error: Option<&'a RawValue>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub(super) struct Usage {
    #[serde(default)]
    pub(super) prompt_tokens: Number,
    #[serde(default)]
    pub(super) completion_tokens: Number,
    #[serde(default)]
    pub(super) prompt_cache_hit_tokens: Number,
    #[serde(default)]
    pub(super) prompt_tokens_details: Option<PromptDetails>,
    #[serde(default)]
    pub(super) completion_tokens_details: Option<CompletionDetails>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub(super) struct PromptDetails {
    #[serde(default)]
    pub(super) cached_tokens: Number,
    #[serde(default)]
    pub(super) cache_write_tokens: Number,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub(super) struct CompletionDetails {
    #[serde(default)]
    pub(super) reasoning_tokens: Number,
}

/// The text of a delta: a string, or typed parts.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Body<'a> {
    /// A string, or the text parts one after the other.
    pub(super) text: Cow<'a, str>,
    /// The thinking parts one after the other; they come before the text.
    pub(super) thinking: String,
}

/// Any JSON value, of which only what a delta can hold is kept.
#[derive(Debug, Default)]
enum Value<'a> {
    Text(Cow<'a, str>),
    Parts(Vec<Value<'a>>),
    Part(Box<Part<'a>>),
    #[default]
    Other,
}

#[derive(Debug, Default)]
struct Part<'a> {
    text: Cow<'a, str>,
    thinking: Value<'a>,
}

impl<'de: 'a, 'a> Deserialize<'de> for Value<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AnyVisitor;
        impl<'de> Visitor<'de> for AnyVisitor {
            type Value = Value<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON value")
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Value::Text(Cow::Borrowed(text)))
            }
            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Value::Text(Cow::Owned(text.to_owned())))
            }
            fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
                Ok(Value::Other)
            }
            fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
                Ok(Value::Other)
            }
            fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
                Ok(Value::Other)
            }
            fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
                Ok(Value::Other)
            }
            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(Value::Other)
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut parts = Vec::new();
                while let Some(part) = seq.next_element()? {
                    parts.push(part);
                }
                Ok(Value::Parts(parts))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut part = Part::default();
                while let Some(key) = map.next_key::<Text<'de>>()? {
                    match &*key.0 {
                        "text" => part.text = map.next_value::<Text<'de>>()?.0,
                        "thinking" => part.thinking = map.next_value()?,
                        _ => {
                            map.next_value::<IgnoredAny>()?;
                        }
                    }
                }
                Ok(Value::Part(Box::new(part)))
            }
        }
        deserializer.deserialize_any(AnyVisitor)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Body<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut body = Self::default();
        match Value::deserialize(deserializer)? {
            Value::Text(text) => body.text = text,
            Value::Parts(parts) => {
                for part in parts {
                    if let Value::Part(part) = part {
                        body.text.to_mut().push_str(&part.text);
                        part.thinking.write_text(&mut body.thinking);
                    }
                }
            }
            _ => {}
        }
        Ok(body)
    }
}

impl Value<'_> {
    fn write_text(&self, out: &mut String) {
        match self {
            Self::Text(text) => out.push_str(text),
            Self::Part(part) => out.push_str(&part.text),
            Self::Parts(parts) => parts.iter().for_each(|part| part.write_text(out)),
            Self::Other => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_of_odd_types_are_absent() {
        let text = br#"{"object":7,"choices":[{"index":null,"delta":{"role":"","content":[{"type":"thinking","thinking":[{"type":"text","text":"a"}]},
            {"type":"text","text":"b"},{"type":"reference","reference_ids":[1]},3],"refusal":false,"reasoning":{"x":[1]},
            "tool_calls":null},"finish_reason":""}],"usage":{"prompt_tokens":12.0,"completion_tokens":-1,"prompt_tokens_details":null}}"#;
        let chunk: Chunk<'_> = serde_json::from_slice(text).expect("tolerant");
        let choice = &chunk.choices.as_ref().expect("choices")[0];
        let delta = choice.delta.as_ref().expect("delta");
        assert_eq!((&*delta.content.text, &*delta.content.thinking), ("b", "a"));
        assert_eq!((delta.refusal.filled(), delta.reasoning.filled()), (None, None));
        assert_eq!(choice.finish_reason.filled(), None);
        let usage = chunk.usage.expect("usage");
        assert_eq!((usage.prompt_tokens.0, usage.completion_tokens.0), (Some(12), None));
    }

    #[test]
    fn plain_text_is_borrowed() {
        let chunk: Chunk<'_> = serde_json::from_str(r#"{"choices":[{"delta":{"content":"hi"}}]}"#).expect("chunk");
        let choices = chunk.choices.expect("choices");
        let delta = choices[0].delta.as_ref().expect("delta");
        assert!(matches!(delta.content.text, Cow::Borrowed("hi")));
    }

    #[test]
    fn arguments_may_be_an_object() {
        let piece: FunctionPiece<'_> = serde_json::from_str(r#"{"name":"f","arguments":{"a": 1}}"#).expect("piece");
        assert_eq!(piece.arguments(), r#"{"a": 1}"#);
        let piece: FunctionPiece<'_> = serde_json::from_str(r#"{"arguments":"{\"a\""}"#).expect("piece");
        assert_eq!(piece.arguments(), r#"{"a""#);
    }
}
