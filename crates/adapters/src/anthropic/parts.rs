//! Content parts in the dialect's form.

use crate::dialect::{Kind, Media, Part as Given, Source, parts, result_parts};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use copilotkit_protocol::{Content, ContentPart};
use copilotkit_runtime::model::ModelError;
use serde::Serialize;
use std::borrow::Cow;

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Part<'a> {
    Text { text: Cow<'a, str> },
    Image { source: From<'a> },
    Document { source: From<'a> },
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum From<'a> {
    Base64 { media_type: String, data: Cow<'a, str> },
    Text { media_type: &'static str, data: String },
    Url { url: Cow<'a, str> },
    File { file_id: Cow<'a, str> },
}

/// A tool's result: text, or parts.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Result<'a> {
    Text(Cow<'a, str>),
    Parts(Vec<Part<'a>>),
}

type Outcome<T> = std::result::Result<T, ModelError>;

/// Content of a user message.
pub(super) fn user(content: &Content) -> Outcome<Vec<Part<'_>>> {
    parts(content)?.into_iter().map(one).collect()
}

/// Content of a tool's result.
pub(super) fn result(content: &Content) -> Result<'_> {
    match content {
        Content::Parts(parts) if parts.iter().any(|part| !matches!(part, ContentPart::Text(_))) => {
            Result::Parts(result_parts(parts, one, |text| Part::Text { text: text.into() }))
        }
        _ => Result::Text(content.text()),
    }
}

fn one(part: Given<'_>) -> Outcome<Part<'_>> {
    match part {
        Given::Text(text) => Ok(Part::Text { text: text.into() }),
        Given::Media(media) => match media.kind {
            Kind::Image => image(media),
            Kind::Document => document(media),
            Kind::Audio | Kind::Video => Err(media.refused("this dialect takes text, pictures and documents")),
        },
    }
}

fn image(media: Media<'_>) -> Outcome<Part<'_>> {
    let known = ["image/png", "image/jpeg", "image/gif", "image/webp"];
    let source = match media.source {
        Source::Data { ref mime_type, .. } if !known.contains(&mime_type.as_str()) => {
            return Err(media.refused("a picture must be png, jpeg, gif or webp"));
        }
        Source::Data { mime_type, base64 } => From::Base64 { media_type: mime_type, data: base64 },
        Source::Url { url, .. } => From::Url { url },
        Source::File { id, .. } => From::File { file_id: id },
    };
    Ok(Part::Image { source })
}

fn document(media: Media<'_>) -> Outcome<Part<'_>> {
    let source = match media.source {
        Source::Data { ref mime_type, ref base64 } if mime_type.starts_with("text/") => {
            let bytes = BASE64_STANDARD.decode(base64.as_bytes()).ok();
            match bytes.and_then(|bytes| String::from_utf8(bytes).ok()) {
                Some(data) => From::Text { media_type: "text/plain", data },
                None => return Err(media.refused("it is not text in base64")),
            }
        }
        Source::Data { ref mime_type, .. } if mime_type != "application/pdf" => {
            return Err(media.refused("a document must be a PDF or text"));
        }
        Source::Data { mime_type, base64 } => From::Base64 { media_type: mime_type, data: base64 },
        Source::Url { url, .. } => From::Url { url },
        Source::File { id, .. } => From::File { file_id: id },
    };
    Ok(Part::Document { source })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(json: &str) -> std::result::Result<String, String> {
        let content: Content = serde_json::from_str(json).expect(json);
        user(&content).map(|body| serde_json::to_string(&body).expect("json")).map_err(|error| error.message)
    }

    #[test]
    fn parts_take_the_form_of_the_dialect() {
        for (json, expected) in [
            (
                r#"[{"type":"document","source":{"type":"data","value":"aGk=","mimeType":"text/csv"}}]"#,
                r#"[{"type":"document","source":{"type":"text","media_type":"text/plain","data":"hi"}}]"#,
            ),
            (
                r#"[{"type":"document","source":{"type":"url","value":"https://x/a.pdf"}}]"#,
                r#"[{"type":"document","source":{"type":"url","url":"https://x/a.pdf"}}]"#,
            ),
            (
                r#"[{"type":"image","source":{"type":"file","value":"file_1"}}]"#,
                r#"[{"type":"image","source":{"type":"file","file_id":"file_1"}}]"#,
            ),
        ] {
            assert_eq!(parts(json).as_deref(), Ok(expected), "{json}");
        }
    }

    #[test]
    fn what_cannot_be_sent_is_named() {
        for (json, expected) in [
            (r#"[{"type":"audio","source":{"type":"url","value":"http://x"}}]"#, "part 0 of type audio"),
            (
                r#"[{"type":"image","source":{"type":"data","value":"QQ","mimeType":"image/tiff"}}]"#,
                "type image (image/tiff)",
            ),
            (
                r#"[{"type":"document","source":{"type":"data","value":"QQ","mimeType":"application/zip"}}]"#,
                "type document",
            ),
        ] {
            let error = parts(json).expect_err(json);
            assert!(error.contains(expected), "{error}");
        }
    }
}
