//! Content parts in the dialect's form.

use crate::dialect::{Kind, Media, Part as Given, Source, parts, result_parts};
use copilotkit_protocol::{Content, ContentPart};
use copilotkit_runtime::model::ModelError;
use serde::Serialize;
use std::borrow::Cow;

/// One of: text, a picture, a document, a film.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Part<'a> {
    Text(Cow<'a, str>),
    Image(File<'a>),
    Document(File<'a>),
    Video(File<'a>),
}

#[derive(Debug, Serialize)]
pub(super) struct File<'a> {
    format: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    source: From<'a>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
enum From<'a> {
    Bytes(Cow<'a, str>),
    S3Location { uri: Cow<'a, str> },
}

/// Content of a user message.
pub(super) fn user(content: &Content) -> Result<Vec<Part<'_>>, ModelError> {
    parts(content)?.into_iter().map(one).collect()
}

/// Content of a tool's result, which is never empty.
pub(super) fn result(content: &Content) -> Vec<Part<'_>> {
    match content {
        Content::Parts(parts) if parts.iter().any(|part| !matches!(part, ContentPart::Text(_))) => {
            result_parts(parts, one, |text| Part::Text(text.into()))
        }
        _ => {
            let text = content.text();
            vec![Part::Text(if text.is_empty() { "(empty)".into() } else { text })]
        }
    }
}

fn one(part: Given<'_>) -> Result<Part<'_>, ModelError> {
    let media = match part {
        Given::Text(text) => return Ok(Part::Text(text.into())),
        Given::Media(media) => media,
    };
    let given = media.mime_type().unwrap_or_default().to_owned();
    let known =
        |table: &[(&str, &'static str)]| table.iter().find(|(name, _)| *name == given).map(|(_, format)| *format);
    match media.kind {
        Kind::Image => match known(IMAGES) {
            Some(format) => Ok(Part::Image(file(media, format, None)?)),
            None => Err(media.refused("a picture must be png, jpeg, gif or webp")),
        },
        Kind::Document => match known(DOCUMENTS) {
            Some(format) => {
                // Names may hold little more than letters, and are no place for instructions.
                let name = Some(format!("document-{}", media.at));
                Ok(Part::Document(file(media, format, name)?))
            }
            None => Err(media.refused("a document of this type is not taken")),
        },
        Kind::Video => match known(VIDEOS) {
            Some(format) => Ok(Part::Video(file(media, format, None)?)),
            None => Err(media.refused("a film of this type is not taken")),
        },
        Kind::Audio => Err(media.refused("this dialect has no sound")),
    }
}

fn file<'a>(media: Media<'a>, format: &'static str, name: Option<String>) -> Result<File<'a>, ModelError> {
    let source = match media.source {
        Source::Data { base64, .. } => From::Bytes(base64),
        Source::Url { url, .. } | Source::File { id: url, .. } if url.starts_with("s3://") => {
            From::S3Location { uri: url }
        }
        _ => return Err(media.refused("it must be sent as data, or lie in S3")),
    };
    Ok(File { format, name, source })
}

const IMAGES: &[(&str, &str)] = &[
    ("image/png", "png"),
    ("image/jpeg", "jpeg"),
    ("image/jpg", "jpeg"),
    ("image/gif", "gif"),
    ("image/webp", "webp"),
];
const DOCUMENTS: &[(&str, &str)] = &[
    ("application/pdf", "pdf"),
    ("text/csv", "csv"),
    ("application/msword", "doc"),
    ("application/vnd.openxmlformats-officedocument.wordprocessingml.document", "docx"),
    ("application/vnd.ms-excel", "xls"),
    ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "xlsx"),
    ("text/html", "html"),
    ("text/plain", "txt"),
    ("text/markdown", "md"),
];
const VIDEOS: &[(&str, &str)] = &[
    ("video/mp4", "mp4"),
    ("video/quicktime", "mov"),
    ("video/x-matroska", "mkv"),
    ("video/webm", "webm"),
    ("video/x-flv", "flv"),
    ("video/mpeg", "mpeg"),
    ("video/x-ms-wmv", "wmv"),
    ("video/3gpp", "three_gp"),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(json: &str) -> Result<String, String> {
        let content: Content = serde_json::from_str(json).expect(json);
        user(&content).map(|body| serde_json::to_string(&body).expect("json")).map_err(|error| error.message)
    }

    #[test]
    fn parts_take_the_form_of_the_dialect() {
        for (json, expected) in [
            (
                r#"[{"type":"text","text":"a"},{"type":"image","source":{"type":"data","value":"QQ","mimeType":"image/png"}}]"#,
                r#"[{"text":"a"},{"image":{"format":"png","source":{"bytes":"QQ"}}}]"#,
            ),
            (
                r#"[{"type":"document","source":{"type":"data","value":"QQ","mimeType":"application/pdf"}}]"#,
                r#"[{"document":{"format":"pdf","name":"document-0","source":{"bytes":"QQ"}}}]"#,
            ),
            (
                r#"[{"type":"video","source":{"type":"url","value":"s3://b/k","mimeType":"video/mp4"}}]"#,
                r#"[{"video":{"format":"mp4","source":{"s3Location":{"uri":"s3://b/k"}}}}]"#,
            ),
        ] {
            assert_eq!(parts(json).as_deref(), Ok(expected), "{json}");
        }
    }

    #[test]
    fn what_cannot_be_sent_is_named() {
        for (json, expected) in [
            (r#"[{"type":"audio","source":{"type":"data","value":"QQ","mimeType":"audio/wav"}}]"#, "type audio"),
            (
                r#"[{"type":"image","source":{"type":"url","value":"https://x/a.png","mimeType":"image/png"}}]"#,
                "sent as data",
            ),
        ] {
            let error = parts(json).expect_err(json);
            assert!(error.contains(expected), "{error}");
        }
    }
}
