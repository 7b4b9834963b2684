//! Content parts in the dialect's form.

use copilotkit_protocol::{Content, ContentPart, DataSource, Json, PartSource};
use copilotkit_runtime::model::{ModelError, ModelErrorKind};
use serde::Serialize;
use std::borrow::Cow;

/// The content of a message: a string where that says everything, since small servers take nothing else.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Body<'a> {
    Text(Cow<'a, str>),
    Parts(Vec<Part<'a>>),
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Part<'a> {
    Text { text: Cow<'a, str> },
    ImageUrl { image_url: Url<'a> },
    InputAudio { input_audio: Audio<'a> },
    File { file: File<'a> },
}

#[derive(Serialize)]
pub(super) struct Url<'a> {
    url: Cow<'a, str>,
}

#[derive(Serialize)]
pub(super) struct Audio<'a> {
    data: Cow<'a, str>,
    format: &'static str,
}

#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum File<'a> {
    Data { filename: String, file_data: String },
    Id { file_id: Cow<'a, str> },
}

/// Content of a user message.
pub(super) fn user(content: &Content) -> Result<Body<'_>, ModelError> {
    match content {
        Content::Text(text) => Ok(Body::Text(text.as_str().into())),
        Content::Parts(parts) => match parts.as_slice() {
            [] => Ok(Body::Text("".into())),
            [ContentPart::Text(text)] => Ok(Body::Text(text.text.as_str().into())),
            _ => parts.iter().enumerate().map(|(at, part)| one(at, part)).collect::<Result<_, _>>().map(Body::Parts),
        },
    }
}

/// Content of a tool's result, which can only be text.
pub(super) fn tool(content: &Content) -> Result<Cow<'_, str>, ModelError> {
    if let Content::Parts(parts) = content
        && let Some((at, part)) = parts.iter().enumerate().find(|(_, part)| !matches!(part, ContentPart::Text(_)))
    {
        return Err(refused(at, part, "a tool result can only hold text here"));
    }
    Ok(content.text())
}

fn one(at: usize, part: &ContentPart) -> Result<Part<'_>, ModelError> {
    match part {
        ContentPart::Text(text) => Ok(Part::Text { text: text.text.as_str().into() }),
        ContentPart::Image(image) => match &image.source {
            PartSource::Data(data) => Ok(Part::ImageUrl { image_url: Url { url: data_url(data).into() } }),
            PartSource::Url(url) => Ok(Part::ImageUrl { image_url: Url { url: url.value.as_str().into() } }),
            _ => Err(refused(at, part, "a picture must be data or an address")),
        },
        ContentPart::Audio(audio) => match &audio.source {
            PartSource::Data(data) => match essence(&data.mime_type).as_str() {
                "audio/wav" | "audio/x-wav" | "audio/wave" | "audio/vnd.wave" => sound(data, "wav"),
                "audio/mpeg" | "audio/mp3" => sound(data, "mp3"),
                _ => Err(refused(at, part, "sound must be wav or mp3")),
            },
            _ => Err(refused(at, part, "sound must be sent as data")),
        },
        ContentPart::Document(document) => match &document.source {
            PartSource::Data(data) if essence(&data.mime_type) == "application/pdf" => {
                let filename = filename(document.metadata.as_ref()).unwrap_or_else(|| format!("part-{at}.pdf"));
                Ok(Part::File { file: File::Data { filename, file_data: data_url(data) } })
            }
            PartSource::Data(_) => Err(refused(at, part, "a document must be a PDF")),
            PartSource::File(file) => Ok(Part::File { file: File::Id { file_id: file.value.as_str().into() } }),
            _ => Err(refused(at, part, "a document must be sent as data")),
        },
        ContentPart::Binary(binary) => match binary.upgrade() {
            Some(modern) => one(at, &modern).map(Part::into_owned),
            None => Err(refused(at, part, "it has only an id")),
        },
        _ => Err(refused(at, part, "this dialect has no such part")),
    }
}

impl Part<'_> {
    fn into_owned(self) -> Part<'static> {
        match self {
            Self::Text { text } => Part::Text { text: text.into_owned().into() },
            Self::ImageUrl { image_url } => {
                Part::ImageUrl { image_url: Url { url: image_url.url.into_owned().into() } }
            }
            Self::InputAudio { input_audio: Audio { data, format } } => {
                Part::InputAudio { input_audio: Audio { data: data.into_owned().into(), format } }
            }
            Self::File { file: File::Data { filename, file_data } } => {
                Part::File { file: File::Data { filename, file_data } }
            }
            Self::File { file: File::Id { file_id } } => {
                Part::File { file: File::Id { file_id: file_id.into_owned().into() } }
            }
        }
    }
}

fn sound<'a>(data: &'a DataSource, format: &'static str) -> Result<Part<'a>, ModelError> {
    Ok(Part::InputAudio { input_audio: Audio { data: data.value.as_str().into(), format } })
}

fn data_url(data: &DataSource) -> String {
    format!("data:{};base64,{}", essence(&data.mime_type), data.value)
}

/// The media type without its parameters, lower case.
fn essence(mime_type: &str) -> String {
    mime_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// The name that the page gave the file.
fn filename(metadata: Option<&Json>) -> Option<String> {
    let metadata = metadata?.to_value();
    let name = metadata.get("filename").or_else(|| metadata.get("name"))?.as_str()?;
    (!name.is_empty()).then(|| name.to_owned())
}

fn refused(at: usize, part: &ContentPart, why: &str) -> ModelError {
    let (kind, mime_type) = match part {
        ContentPart::Text(_) => ("text", None),
        ContentPart::Image(part) => ("image", mime_type(&part.source)),
        ContentPart::Audio(part) => ("audio", mime_type(&part.source)),
        ContentPart::Video(part) => ("video", mime_type(&part.source)),
        ContentPart::Document(part) => ("document", mime_type(&part.source)),
        ContentPart::Binary(part) => ("binary", Some(part.mime_type.as_str())),
        _ => ("unknown", None),
    };
    let mime_type = mime_type.map(|mime_type| format!(" ({mime_type})")).unwrap_or_default();
    let message = format!("content part {at} of type {kind}{mime_type} cannot be sent to this model: {why}");
    ModelError::new(ModelErrorKind::BadRequest, message)
}

fn mime_type(source: &PartSource) -> Option<&str> {
    match source {
        PartSource::Data(data) => Some(&data.mime_type),
        PartSource::Url(url) => url.mime_type.as_deref(),
        PartSource::File(file) => file.mime_type.as_deref(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(json: &str) -> Result<String, String> {
        let content: Content = serde_json::from_str(json).expect(json);
        user(&content).map(|body| serde_json::to_string(&body).expect("json")).map_err(|error| error.message)
    }

    #[test]
    fn parts_take_the_form_of_the_dialect() {
        let cases = [
            (r#"[{"type":"text","text":"a"}]"#, r#""a""#),
            (r#"[]"#, r#""""#),
            (
                r#"[{"type":"audio","source":{"type":"data","value":"QQ","mimeType":"audio/wav;rate=1"}}]"#,
                r#"[{"type":"input_audio","input_audio":{"data":"QQ","format":"wav"}}]"#,
            ),
            (
                r#"[{"type":"binary","mimeType":"application/pdf","data":"QQ","filename":"a.pdf"}]"#,
                r#"[{"type":"file","file":{"filename":"a.pdf","file_data":"data:application/pdf;base64,QQ"}}]"#,
            ),
            (
                r#"[{"type":"document","source":{"type":"file","value":"file-1"}}]"#,
                r#"[{"type":"file","file":{"file_id":"file-1"}}]"#,
            ),
        ];
        for (json, expected) in cases {
            assert_eq!(parts(json).as_deref(), Ok(expected), "{json}");
        }
    }

    #[test]
    fn what_cannot_be_sent_is_named() {
        let cases = [
            (
                r#"[{"type":"text","text":"a"},{"type":"video","source":{"type":"url","value":"http://x"}}]"#,
                "part 1 of type video",
            ),
            (
                r#"[{"type":"audio","source":{"type":"data","value":"QQ","mimeType":"audio/ogg"}}]"#,
                "type audio (audio/ogg)",
            ),
            (r#"[{"type":"document","source":{"type":"url","value":"http://x/a.pdf"}}]"#, "type document"),
            (r#"[{"type":"hologram"}]"#, "type unknown"),
        ];
        for (json, expected) in cases {
            let error = parts(json).expect_err(json);
            assert!(error.contains(expected), "{error}");
        }
    }
}
