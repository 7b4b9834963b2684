//! Content parts in the dialect's form.

use crate::dialect::{Kind, Media, Part as Given, Source, parts, result_parts, to_data_url};
use copilotkit_protocol::{Content, ContentPart};
use copilotkit_runtime::model::ModelError;
use serde::Serialize;
use std::borrow::Cow;

#[derive(Serialize)]
#[serde(tag = "type")]
pub(super) enum Part<'a> {
    #[serde(rename = "input_text")]
    Text { text: Cow<'a, str> },
    #[serde(rename = "input_image")]
    Image {
        #[serde(skip_serializing_if = "Option::is_none")]
        image_url: Option<Cow<'a, str>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        file_id: Option<Cow<'a, str>>,
    },
    #[serde(rename = "input_file")]
    File {
        #[serde(skip_serializing_if = "Option::is_none")]
        filename: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        file_data: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        file_url: Option<Cow<'a, str>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        file_id: Option<Cow<'a, str>>,
    },
}

/// A tool's result: text, or parts.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Output<'a> {
    Text(Cow<'a, str>),
    Parts(Vec<Part<'a>>),
}

/// Content of a user message.
pub(super) fn user(content: &Content) -> Result<Vec<Part<'_>>, ModelError> {
    parts(content)?.into_iter().map(one).collect()
}

/// Content of a tool's result.
pub(super) fn output(content: &Content) -> Output<'_> {
    match content {
        Content::Parts(parts) if parts.iter().any(|part| !matches!(part, ContentPart::Text(_))) => {
            Output::Parts(result_parts(parts, one, |text| Part::Text { text: text.into() }))
        }
        _ => Output::Text(content.text()),
    }
}

fn one(part: Given<'_>) -> Result<Part<'_>, ModelError> {
    let media = match part {
        Given::Text(text) => return Ok(Part::Text { text: text.into() }),
        Given::Media(media) => media,
    };
    match media.kind {
        Kind::Image => Ok(match media.source {
            Source::Data { mime_type, base64 } => {
                Part::Image { image_url: Some(to_data_url(&mime_type, &base64).into()), file_id: None }
            }
            Source::Url { url, .. } => Part::Image { image_url: Some(url), file_id: None },
            Source::File { id, .. } => Part::Image { image_url: None, file_id: Some(id) },
        }),
        Kind::Document => Ok(document(media)),
        Kind::Audio | Kind::Video => Err(media.refused("this dialect takes text, pictures and documents")),
    }
}

fn document(media: Media<'_>) -> Part<'_> {
    let filename = media.name.clone();
    match media.source {
        Source::Data { mime_type, base64 } => {
            let extension = mime_type.rsplit(['/', '.', '+']).next().filter(|end| end.len() <= 5).unwrap_or("bin");
            let filename = filename.unwrap_or_else(|| format!("part-{}.{extension}", media.at));
            let file_data = to_data_url(&mime_type, &base64);
            Part::File { filename: Some(filename), file_data: Some(file_data), file_url: None, file_id: None }
        }
        Source::Url { url, .. } => Part::File { filename: None, file_data: None, file_url: Some(url), file_id: None },
        Source::File { id, .. } => Part::File { filename: None, file_data: None, file_url: None, file_id: Some(id) },
    }
}
