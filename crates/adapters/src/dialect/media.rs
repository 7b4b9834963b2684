//! Content parts as every dialect reads them before it gives them its own form. A part that a service cannot take is an
//! error that names it, or words to the model: nothing is left out in silence.

use copilotkit_protocol::{Content, ContentPart, Json, PartSource};
use copilotkit_runtime::model::{ModelError, ModelErrorKind};
use std::borrow::Cow;

/// One part of a message.
#[derive(Debug)]
pub(crate) enum Part<'a> {
    /// Never empty.
    Text(&'a str),
    Media(Media<'a>),
}

/// A part that is not text.
#[derive(Debug)]
pub(crate) struct Media<'a> {
    /// Its position in the message, from 0.
    pub(crate) at: usize,
    pub(crate) kind: Kind,
    pub(crate) source: Source<'a>,
    /// The name that the page gave it.
    pub(crate) name: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Image,
    Audio,
    Video,
    Document,
}

/// Where the bytes are. Media types are in lower case and without parameters.
#[derive(Debug)]
pub(crate) enum Source<'a> {
    Data {
        mime_type: String,
        base64: Cow<'a, str>,
    },
    Url {
        mime_type: Option<String>,
        url: Cow<'a, str>,
    },
    /// An id of the service's own.
    File {
        mime_type: Option<String>,
        id: Cow<'a, str>,
    },
}

/// The parts of a message; empty texts are left out.
pub(crate) fn parts(content: &Content) -> Result<Vec<Part<'_>>, ModelError> {
    match content {
        Content::Text(text) => Ok(filled(text).into_iter().collect()),
        Content::Parts(parts) => each(parts).collect(),
    }
}

/// The parts of a tool's result that is more than text, in the form of a dialect. What a service cannot take is told to
/// the model in words: nobody can mend what a tool answered, and the run goes on.
pub(crate) fn result_parts<'a, T>(
    parts: &'a [ContentPart],
    form: impl Fn(Part<'a>) -> Result<T, ModelError>,
    words: impl Fn(String) -> T,
) -> Vec<T> {
    let form = |part: Result<Part<'a>, ModelError>| part.and_then(&form);
    each(parts).map(|part| form(part).unwrap_or_else(|error| words(format!("[{}]", error.message)))).collect()
}

fn each(parts: &[ContentPart]) -> impl Iterator<Item = Result<Part<'_>, ModelError>> {
    parts.iter().enumerate().filter_map(|(at, part)| one(at, part).transpose())
}

fn filled(text: &str) -> Option<Part<'_>> {
    (!text.is_empty()).then_some(Part::Text(text))
}

fn one(at: usize, part: &ContentPart) -> Result<Option<Part<'_>>, ModelError> {
    let (kind, source, metadata) = match part {
        ContentPart::Text(text) => return Ok(filled(&text.text)),
        ContentPart::Image(part) => (Kind::Image, &part.source, part.metadata.as_ref()),
        ContentPart::Audio(part) => (Kind::Audio, &part.source, part.metadata.as_ref()),
        ContentPart::Video(part) => (Kind::Video, &part.source, part.metadata.as_ref()),
        ContentPart::Document(part) => (Kind::Document, &part.source, part.metadata.as_ref()),
        ContentPart::Binary(binary) => {
            let Some(modern) = binary.upgrade() else { return Err(refused(at, "binary", None, "it has only an id")) };
            return match one(at, &modern)? {
                Some(Part::Media(media)) => Ok(Some(Part::Media(media.into_owned()))),
                _ => Ok(None),
            };
        }
        _ => return Err(refused(at, "unknown", None, "no model takes such a part")),
    };
    let source = match source {
        PartSource::Data(data) => {
            Source::Data { mime_type: essence(&data.mime_type), base64: data.value.as_str().into() }
        }
        PartSource::Url(url) => match data_url(&url.value) {
            Some((mime_type, base64)) => Source::Data { mime_type, base64: base64.into() },
            None => Source::Url { mime_type: url.mime_type.as_deref().map(essence), url: url.value.as_str().into() },
        },
        PartSource::File(file) => {
            Source::File { mime_type: file.mime_type.as_deref().map(essence), id: file.value.as_str().into() }
        }
        _ => return Err(refused(at, kind.name(), None, "its source is of a kind that is not known")),
    };
    Ok(Some(Part::Media(Media { at, kind, source, name: name(metadata) })))
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Audio => "audio",
            Self::Video => "video",
            Self::Document => "document",
        }
    }
}

impl Media<'_> {
    /// Its media type, as far as it is known.
    pub(crate) fn mime_type(&self) -> Option<&str> {
        match &self.source {
            Source::Data { mime_type, .. } => Some(mime_type),
            Source::Url { mime_type, .. } | Source::File { mime_type, .. } => mime_type.as_deref(),
        }
    }

    /// The error for a part that the service cannot take.
    pub(crate) fn refused(&self, why: &str) -> ModelError {
        refused(self.at, self.kind.name(), self.mime_type(), why)
    }

    fn into_owned(self) -> Media<'static> {
        let own = |text: Cow<'_, str>| Cow::Owned(text.into_owned());
        let source = match self.source {
            Source::Data { mime_type, base64 } => Source::Data { mime_type, base64: own(base64) },
            Source::Url { mime_type, url } => Source::Url { mime_type, url: own(url) },
            Source::File { mime_type, id } => Source::File { mime_type, id: own(id) },
        };
        Media { at: self.at, kind: self.kind, source, name: self.name }
    }
}

/// `data:TYPE;base64,BYTES`.
pub(crate) fn to_data_url(mime_type: &str, base64: &str) -> String {
    format!("data:{mime_type};base64,{base64}")
}

fn data_url(url: &str) -> Option<(String, &str)> {
    let (head, base64) = url.strip_prefix("data:")?.split_once(',')?;
    Some((essence(head.strip_suffix(";base64")?), base64))
}

/// The media type without its parameters, lower case.
fn essence(mime_type: &str) -> String {
    mime_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

fn name(metadata: Option<&Json>) -> Option<String> {
    let metadata = metadata?.to_value();
    let name = metadata.get("filename").or_else(|| metadata.get("name"))?.as_str()?;
    (!name.is_empty()).then(|| name.to_owned())
}

fn refused(at: usize, kind: &str, mime_type: Option<&str>, why: &str) -> ModelError {
    let mime_type = mime_type.filter(|text| !text.is_empty()).map(|text| format!(" ({text})")).unwrap_or_default();
    let message = format!("content part {at} of type {kind}{mime_type} cannot be sent to this model: {why}");
    ModelError::new(ModelErrorKind::BadRequest, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<String, String> {
        let content: Content = serde_json::from_str(json).expect(json);
        parts(&content).map(|parts| format!("{parts:?}")).map_err(|error| error.message)
    }

    #[test]
    fn sources_are_read_and_empty_texts_left_out() {
        let data = read(
            r#"[{"type":"text","text":""},
                {"type":"image","source":{"type":"url","value":"data:Image/PNG;x=1;base64,QQ"},"metadata":{"name":"a.png"}}]"#,
        );
        let expected = r#"[Media(Media { at: 1, kind: Image, source: Data { mime_type: "image/png", base64: "QQ" }, name: Some("a.png") })]"#;
        assert_eq!(data.as_deref(), Ok(expected));
        let binary = read(r#"[{"type":"binary","mimeType":"audio/wav;rate=1","url":"http://x/a","filename":"a.wav"}]"#);
        assert!(
            binary
                .as_ref()
                .is_ok_and(|text| text.contains(r#"kind: Audio, source: Url { mime_type: Some("audio/wav")"#)),
            "{binary:?}"
        );
    }

    #[test]
    fn what_is_not_known_is_named() {
        for (json, expected) in [
            (r#"[{"type":"text","text":"a"},{"type":"hologram"}]"#, "content part 1 of type unknown"),
            (r#"[{"type":"binary","mimeType":"image/png","id":"x"}]"#, "content part 0 of type binary"),
        ] {
            let error = read(json).expect_err(json);
            assert!(error.contains(expected), "{error}");
        }
    }
}
