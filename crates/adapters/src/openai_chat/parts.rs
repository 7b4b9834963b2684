//! Content parts in the dialect's form.

use crate::dialect::{Kind, Media, Part as Given, Source, parts, result_parts, to_data_url};
use copilotkit_protocol::{Content, ContentPart};
use copilotkit_runtime::model::ModelError;
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
    ImageUrl { image_url: Image<'a> },
    InputAudio { input_audio: Audio<'a> },
    File { file: File<'a> },
    DocumentUrl { document_url: Cow<'a, str> },
    Thinking { thinking: [Thought; 1], closed: bool },
}

#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Image<'a> {
    Object { url: Cow<'a, str> },
    Plain(Cow<'a, str>),
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

#[derive(Serialize)]
pub(super) struct Thought {
    r#type: &'static str,
    text: String,
}

impl Part<'_> {
    /// Earlier reasoning among the parts.
    pub(super) fn thinking(text: String) -> Self {
        Part::Thinking { thinking: [Thought { r#type: "text", text }], closed: true }
    }
}

/// Content of a user message; `mistral` has forms of its own for pictures and documents.
pub(super) fn user(content: &Content, mistral: bool) -> Result<Body<'_>, ModelError> {
    let mut given = parts(content)?;
    match given.as_slice() {
        [] => return Ok(Body::Text("".into())),
        [Given::Text(text)] => return Ok(Body::Text((*text).into())),
        _ => {}
    }
    given.drain(..).map(|part| one(part, mistral)).collect::<Result<_, _>>().map(Body::Parts)
}

/// Content of a tool's result, which can only be text.
pub(super) fn tool(content: &Content) -> Cow<'_, str> {
    match content {
        Content::Parts(parts) if parts.iter().any(|part| !matches!(part, ContentPart::Text(_))) => {
            let text = |part: Given<'_>| match part {
                Given::Text(text) => Ok(text.to_owned()),
                Given::Media(media) => Err(media.refused("a tool's result can only be text")),
            };
            result_parts(parts, text, |words| words).join("\n").into()
        }
        _ => content.text(),
    }
}

fn one(part: Given<'_>, mistral: bool) -> Result<Part<'_>, ModelError> {
    match part {
        Given::Text(text) => Ok(Part::Text { text: text.into() }),
        Given::Media(media) => match media.kind {
            Kind::Image => image(media, mistral),
            Kind::Audio => audio(media),
            Kind::Document => document(media, mistral),
            Kind::Video => Err(media.refused("this dialect has no moving pictures")),
        },
    }
}

fn image(media: Media<'_>, mistral: bool) -> Result<Part<'_>, ModelError> {
    let url: Cow<'_, str> = match media.source {
        Source::Data { mime_type, base64 } => to_data_url(&mime_type, &base64).into(),
        Source::Url { url, .. } => url,
        Source::File { .. } => return Err(media.refused("a picture must be data or an address")),
    };
    Ok(Part::ImageUrl { image_url: if mistral { Image::Plain(url) } else { Image::Object { url } } })
}

fn audio(media: Media<'_>) -> Result<Part<'_>, ModelError> {
    let format = match media.mime_type() {
        Some("audio/wav" | "audio/x-wav" | "audio/wave" | "audio/vnd.wave") => "wav",
        Some("audio/mpeg" | "audio/mp3") => "mp3",
        _ => return Err(media.refused("sound must be wav or mp3")),
    };
    match media.source {
        Source::Data { base64, .. } => Ok(Part::InputAudio { input_audio: Audio { data: base64, format } }),
        _ => Err(media.refused("sound must be sent as data")),
    }
}

fn document(media: Media<'_>, mistral: bool) -> Result<Part<'_>, ModelError> {
    let pdf = media.mime_type() == Some("application/pdf");
    let filename = media.name.clone().unwrap_or_else(|| format!("part-{}.pdf", media.at));
    match media.source {
        Source::Data { mime_type, base64 } if pdf => {
            let file_data = to_data_url(&mime_type, &base64);
            Ok(if mistral {
                Part::DocumentUrl { document_url: file_data.into() }
            } else {
                Part::File { file: File::Data { filename, file_data } }
            })
        }
        Source::Url { url, .. } if mistral => Ok(Part::DocumentUrl { document_url: url }),
        Source::File { id, .. } => Ok(Part::File { file: File::Id { file_id: id } }),
        Source::Data { .. } => Err(media.refused("a document must be a PDF")),
        Source::Url { .. } => Err(media.refused("a document must be sent as data")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(json: &str) -> Result<String, String> {
        let content: Content = serde_json::from_str(json).expect(json);
        user(&content, false).map(|body| serde_json::to_string(&body).expect("json")).map_err(|error| error.message)
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
    fn mistral_has_forms_of_its_own() {
        let content: Content = serde_json::from_str(
            r#"[{"type":"image","source":{"type":"url","value":"http://x/a.png"}},
                {"type":"document","source":{"type":"url","value":"http://x/a.pdf"}}]"#,
        )
        .expect("content");
        let body = serde_json::to_string(&user(&content, true).expect("parts")).expect("JSON");
        assert_eq!(
            body,
            r#"[{"type":"image_url","image_url":"http://x/a.png"},{"type":"document_url","document_url":"http://x/a.pdf"}]"#
        );
    }

    #[test]
    fn a_tool_s_picture_is_told_in_words() {
        let content: Content = serde_json::from_str(
            r#"[{"type":"text","text":"a"},{"type":"image","source":{"type":"data","value":"QQ","mimeType":"image/png"}},{"type":"text","text":"b"}]"#,
        )
        .expect("content");
        let expected = "a\n[content part 1 of type image (image/png) cannot be sent to this model: a tool's result can \
                        only be text]\nb";
        assert_eq!(tool(&content), expected);
        let plain: Content = serde_json::from_str(r#"[{"type":"text","text":"a"}]"#).expect("content");
        assert_eq!((tool(&plain), tool(&"b".into())), ("a".into(), "b".into()));
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
        ];
        for (json, expected) in cases {
            let error = parts(json).expect_err(json);
            assert!(error.contains(expected), "{error}");
        }
    }
}
