//! Content parts in the dialect's form.

use crate::dialect::{Kind, Media, Part as Given, Source, parts, result_parts};
use copilotkit_protocol::{Content, ContentPart};
use copilotkit_runtime::model::ModelError;
use serde::Serialize;
use serde_json::value::RawValue;
use std::borrow::Cow;

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Part<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) text: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) thought: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) inline_data: Option<Inline<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) file_data: Option<File<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) function_call: Option<FunctionCall<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) function_response: Option<FunctionResponse<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) thought_signature: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Inline<'a> {
    mime_type: String,
    data: Cow<'a, str>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct File<'a> {
    mime_type: String,
    file_uri: Cow<'a, str>,
}

#[derive(Debug, Serialize)]
pub(super) struct FunctionCall<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<Cow<'a, str>>,
    pub(super) name: &'a str,
    pub(super) args: Box<RawValue>,
}

#[derive(Debug, Serialize)]
pub(super) struct FunctionResponse<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<Cow<'a, str>>,
    pub(super) name: &'a str,
    pub(super) response: Response<'a>,
    /// What the tool gave beside text.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) parts: Vec<Part<'a>>,
}

#[derive(Debug, Serialize)]
pub(super) struct Response<'a> {
    pub(super) name: &'a str,
    pub(super) content: Box<RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) is_error: Option<bool>,
}

impl<'a> Part<'a> {
    pub(super) fn text(text: impl Into<Cow<'a, str>>) -> Self {
        Self { text: Some(text.into()), ..Self::default() }
    }
}

/// Content of a user message.
pub(super) fn user(content: &Content) -> Result<Vec<Part<'_>>, ModelError> {
    parts(content)?.into_iter().map(one).collect()
}

/// A tool's result: its text, and what stands beside it.
pub(super) fn result(content: &Content) -> (Cow<'_, str>, Vec<Part<'_>>) {
    match content {
        Content::Parts(all) if all.iter().any(|part| !matches!(part, ContentPart::Text(_))) => {
            let (texts, media): (Vec<_>, Vec<_>) =
                result_parts(all, one, Part::text).into_iter().partition(|part| part.text.is_some());
            let texts: Vec<_> = texts.iter().filter_map(|part| part.text.as_deref()).collect();
            (texts.join("\n").into(), media)
        }
        _ => (content.text(), Vec::new()),
    }
}

fn one(part: Given<'_>) -> Result<Part<'_>, ModelError> {
    let media = match part {
        Given::Text(text) => return Ok(Part::text(text)),
        Given::Media(media) => media,
    };
    if let Source::Data { mime_type, base64 } = media.source {
        let inline_data = Some(Inline { mime_type, data: base64 });
        return Ok(Part { inline_data, ..Part::default() });
    }
    let Some(mime_type) = mime_type(&media) else {
        return Err(media.refused("its media type must be given"));
    };
    match media.source {
        Source::Url { url, .. } | Source::File { id: url, .. } => {
            let file_data = Some(File { mime_type, file_uri: url });
            Ok(Part { file_data, ..Part::default() })
        }
        Source::Data { .. } => Ok(Part::default()),
    }
}

/// The media type that was given, or that the end of the address tells; pictures are taken for JPEG.
fn mime_type(media: &Media<'_>) -> Option<String> {
    if let Some(given) = media.mime_type().filter(|given| given.contains('/') && !given.ends_with("/*")) {
        return Some(given.to_owned());
    }
    let address = match &media.source {
        Source::Url { url, .. } | Source::File { id: url, .. } => url.split(['?', '#']).next().unwrap_or_default(),
        Source::Data { .. } => "",
    };
    let extension = address.rsplit('/').next().and_then(|name| name.rsplit_once('.')).map(|(_, end)| end);
    let told = match extension.map(str::to_ascii_lowercase).as_deref() {
        Some("png") => Some("image/png"),
        Some("jpg" | "jpeg") => Some("image/jpeg"),
        Some("webp") => Some("image/webp"),
        Some("gif") => Some("image/gif"),
        Some("heic") => Some("image/heic"),
        Some("pdf") => Some("application/pdf"),
        Some("txt") => Some("text/plain"),
        Some("csv") => Some("text/csv"),
        Some("mp3") => Some("audio/mpeg"),
        Some("wav") => Some("audio/wav"),
        Some("ogg") => Some("audio/ogg"),
        Some("flac") => Some("audio/flac"),
        Some("mp4") => Some("video/mp4"),
        Some("mov") => Some("video/quicktime"),
        Some("webm") if media.kind == Kind::Video => Some("video/webm"),
        _ => None,
    };
    let by_kind = (media.kind == Kind::Image).then_some("image/jpeg");
    told.or(by_kind).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(json: &str) -> Result<String, String> {
        let content: Content = serde_json::from_str(json).expect(json);
        user(&content).map(|body| serde_json::to_string(&body).expect("json")).map_err(|error| error.message)
    }

    #[test]
    fn sound_and_moving_pictures_are_taken() {
        for (json, expected) in [
            (
                r#"[{"type":"audio","source":{"type":"data","value":"QQ","mimeType":"audio/ogg"}}]"#,
                r#"[{"inlineData":{"mimeType":"audio/ogg","data":"QQ"}}]"#,
            ),
            (
                r#"[{"type":"video","source":{"type":"url","value":"https://x/a.mp4?s=1"}}]"#,
                r#"[{"fileData":{"mimeType":"video/mp4","fileUri":"https://x/a.mp4?s=1"}}]"#,
            ),
            (
                r#"[{"type":"document","source":{"type":"file","value":"https://g/files/1","mimeType":"application/pdf"}}]"#,
                r#"[{"fileData":{"mimeType":"application/pdf","fileUri":"https://g/files/1"}}]"#,
            ),
        ] {
            assert_eq!(parts(json).as_deref(), Ok(expected), "{json}");
        }
        let error = parts(r#"[{"type":"audio","source":{"type":"url","value":"https://x/a"}}]"#).expect_err("no type");
        assert!(error.contains("part 0 of type audio") && error.contains("media type"), "{error}");
    }
}
