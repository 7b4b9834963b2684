//! Reading a recording out of a form or out of JSON.

use super::super::super::answer::Refusal;
use super::super::super::body::Received;
use super::{invalid, problem};
use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;
use futures::stream;
use http::StatusCode;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use multer::{Constraints, Multipart};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::convert::Infallible;

/// What is taken, as the answer to anything else lists it.
const TYPES: &[&str] =
    &["audio/mpeg", "audio/mp3", "audio/mp4", "audio/wav", "audio/webm", "audio/ogg", "audio/flac", "audio/aac"];
/// What a file is whose form does not say.
const UNKNOWN: &str = "application/octet-stream";
/// What browsers record.
const DEFAULT_TYPE: &str = "audio/webm";
const DEFAULT_NAME: &str = "recording.webm";
/// How much of a form is given to its reader at once, so that it holds little of it twice.
const PIECE: usize = 64 * 1024;
/// The form field of the file.
const FIELD: &str = "audio";

/// As browsers read it: padding or none, and whatever is left in the last bits.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// A file, what it is, and what it is called.
pub(super) struct Recording {
    pub(super) audio: Received,
    pub(super) media_type: String,
    pub(super) file_name: String,
}

/// What separates the parts of the form.
pub(super) fn boundary(parts: &Parts) -> Result<String, Refusal> {
    let content_type = parts.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    multer::parse_boundary(content_type).map_err(|_| invalid("The form's Content-Type names no boundary"))
}

impl Recording {
    /// The file in the field `audio` of a form.
    pub(super) async fn from_form(body: Received, boundary: String) -> Result<Self, Refusal> {
        let bytes = body.bytes();
        let pieces = (0..bytes.len()).step_by(PIECE).map(move |at| bytes.slice(at..bytes.len().min(at + PIECE)));
        let constraints = Constraints::new();
        let mut form =
            Multipart::with_constraints(stream::iter(pieces.map(Ok::<_, Infallible>)), boundary, constraints);
        let broken = |error: multer::Error| invalid(&format!("The form cannot be read: {error}"));
        while let Some(field) = form.next_field().await.map_err(broken)? {
            if field.name() != Some(FIELD) {
                continue;
            }
            let Some(file_name) = field.file_name().map(str::to_owned) else { break };
            // A part that does not say what it is is text, says the standard.
            let said = field.headers().get(CONTENT_TYPE);
            let said = said.map_or("text/plain", |value| value.to_str().unwrap_or(UNKNOWN)).trim();
            let known = if said.is_empty() || base_type(said) == UNKNOWN { DEFAULT_TYPE } else { said };
            let media_type = checked(known)?;
            let audio = field.bytes().await.map_err(broken)?;
            return Ok(Self { audio: body.replace(audio), media_type, file_name });
        }
        Err(invalid("No audio file found in form data. Please include an 'audio' field."))
    }

    /// `{"audio": base64, "mimeType", "filename"}`.
    pub(super) fn from_json(body: Received) -> Result<Self, Refusal> {
        let json: &RawValue = serde_json::from_slice(&body).map_err(|_| invalid("Request body must be valid JSON"))?;
        // Members of another type are taken as absent.
        let members: Members<'_> = match json.get().starts_with('{') {
            true => serde_json::from_str(json.get()).unwrap_or_default(),
            false => Members::default(),
        };
        let Some(audio) = text(members.audio) else {
            return Err(invalid("Request must include 'audio' field with base64-encoded audio data"));
        };
        let Some(media_type) = text(members.mime_type) else {
            return Err(invalid("Request must include 'mimeType' field (e.g., 'audio/webm')"));
        };
        let media_type = checked(&media_type)?;
        let file_name = text(members.filename).map_or_else(|| DEFAULT_NAME.to_owned(), Cow::into_owned);
        let bytes = decode(&audio).ok_or_else(|| invalid("Failed to decode base64 audio data"))?;
        Ok(Self { audio: body.replace(bytes), media_type, file_name })
    }
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Members<'a> {
    #[serde(borrow)]
    audio: Option<&'a RawValue>,
    #[serde(borrow)]
    mime_type: Option<&'a RawValue>,
    #[serde(borrow)]
    filename: Option<&'a RawValue>,
}

/// A text that is not empty. Without escapes, which base64 needs none of, it is not copied.
fn text(json: Option<&RawValue>) -> Option<Cow<'_, str>> {
    #[derive(Deserialize)]
    struct Text<'a>(#[serde(borrow)] Cow<'a, str>);
    let text = serde_json::from_str::<Text<'_>>(json?.get()).ok()?.0;
    (!text.is_empty()).then_some(text)
}

/// Base64, alone or in a data URL.
fn decode(text: &str) -> Option<Bytes> {
    let data = match text.strip_prefix("data:") {
        Some(url) => url.split_once(',')?.1,
        None => text,
    };
    let data: Cow<'_, str> = match data.bytes().any(|byte| byte.is_ascii_whitespace()) {
        true => data.split_ascii_whitespace().collect(),
        false => data.into(),
    };
    BASE64.decode(&*data).ok().map(Bytes::from)
}

/// Without what stands behind a semicolon.
fn base_type(media_type: &str) -> &str {
    media_type.split(';').next().unwrap_or_default().trim()
}

/// A type that is taken, as it was said.
fn checked(media_type: &str) -> Result<String, Refusal> {
    let base = base_type(media_type);
    if base == UNKNOWN || base.is_empty() || TYPES.iter().any(|known| known.eq_ignore_ascii_case(base)) {
        return Ok(media_type.to_owned());
    }
    let message = format!("Unsupported audio format: {base}. Supported: {}", TYPES.join(", "));
    Err(problem(StatusCode::BAD_REQUEST, "invalid_audio_format", &message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_read_as_browsers_read_it() {
        for text in ["aGVsbG8=", "aGVsbG8", "aGVs\nbG8=", "data:audio/webm;base64,aGVsbG8=", "data:,aGVsbG9"] {
            assert_eq!(decode(text).as_deref(), Some(&b"hello"[..]), "{text}");
        }
        for text in ["@@@", "aGVsbG8=aGVs", "data:audio/webm;base64", "a"] {
            assert_eq!(decode(text), None, "{text}");
        }
    }

    #[test]
    fn json_members_of_another_type_are_absent() {
        let read = |json: &str| Recording::from_json(Bytes::copy_from_slice(json.as_bytes()).into());
        let taken =
            read(r#"{"audio":"aGk","mimeType":"Audio/WEBM; codecs=opus","filename":7,"more":[]}"#).ok().unwrap();
        assert_eq!((&*taken.audio, &*taken.file_name), (&b"hi"[..], DEFAULT_NAME));
        for json in
            [r#"{"audio":1,"mimeType":"audio/webm"}"#, r#"["aGk","audio/webm"]"#, "null", "1", r#"{"audio":""}"#]
        {
            assert!(read(json).is_err(), "{json}");
        }
    }

    #[tokio::test]
    async fn a_file_of_several_pieces_is_whole() {
        let audio: Vec<u8> = (0..3 * PIECE + 17).map(|n| n as u8).collect();
        let mut form = b"--b\r\ncontent-disposition: form-data; name=other\r\n\r\nx\r\n--b\r\ncontent-disposition: \
            form-data; name=\"audio\"; filename=\"a b.ogg\"\r\ncontent-type: audio/ogg\r\n\r\n"
            .to_vec();
        form.extend_from_slice(&audio);
        let whole = [&form[..], b"\r\n--b--\r\n"].concat();
        let recording = Recording::from_form(Bytes::from(whole).into(), "b".to_owned()).await.ok().unwrap();
        assert!(*recording.audio == *audio, "{} bytes", recording.audio.len());
        assert_eq!((&*recording.file_name, &*recording.media_type), ("a b.ogg", "audio/ogg"));
        // Cut off in the middle of the file.
        assert!(Recording::from_form(Bytes::from(form).into(), "b".to_owned()).await.is_err());
    }
}
