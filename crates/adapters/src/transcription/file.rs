//! The recording as a part of the form.

use copilotkit_runtime::{TranscribeError, TranscribeRequest};
use reqwest::Body;
use reqwest::multipart::Part;

/// The longest name of a file, in bytes. Pages choose it.
const NAME_MAX: usize = 128;

/// Base types and the ends of names that services expect with them.
const ENDS: &[(&str, &str)] = &[
    ("audio/mpeg", "mp3"),
    ("audio/mp3", "mp3"),
    ("audio/mp4", "mp4"),
    ("audio/wav", "wav"),
    ("audio/webm", "webm"),
    ("audio/ogg", "ogg"),
    ("audio/flac", "flac"),
    ("audio/aac", "aac"),
];

pub(super) fn part(request: TranscribeRequest) -> Result<Part, TranscribeError> {
    let length = request.audio.len() as u64;
    let name = name(&request.file_name, &request.media_type);
    // A length that is known keeps the body from being chunked, which some servers do not take.
    let part = Part::stream_with_length(Body::from(request.audio), length).file_name(name);
    let media_type = request.media_type;
    part.mime_str(&media_type).map_err(|_| TranscribeError::Format { media_type })
}

/// A name whose end says what the file is: services go by it, and stock pages call every recording `recording.webm`.
fn name(given: &str, media_type: &str) -> String {
    let base = media_type.split(';').next().unwrap_or_default().trim();
    let given = given.rsplit(['/', '\\']).next().unwrap_or_default();
    let fits = |end: &str| given.rsplit_once('.').is_some_and(|(_, given)| given.eq_ignore_ascii_case(end));
    let end = ENDS.iter().find(|(known, _)| known.eq_ignore_ascii_case(base)).map(|(_, end)| *end);
    match end {
        _ if given.len() > NAME_MAX || given.is_empty() => format!("recording.{}", end.unwrap_or("webm")),
        Some(end) if !fits(end) => format!("{}.{end}", given.rsplit_once('.').map_or(given, |(stem, _)| stem)),
        _ => given.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_name_says_what_the_file_is() {
        for (given, media_type, expected) in [
            ("recording.webm", "audio/webm;codecs=opus", "recording.webm"),
            ("recording.webm", "audio/mp4", "recording.mp4"),
            ("a.b.MP3", "audio/mpeg", "a.b.MP3"),
            ("note", "Audio/OGG", "note.ogg"),
            ("", "audio/flac", "recording.flac"),
            ("../../etc/x.wav", "audio/wav", "x.wav"),
            ("a.bin", "application/octet-stream", "a.bin"),
            (&"x".repeat(200), "audio/aac", "recording.aac"),
        ] {
            assert_eq!(name(given, media_type), expected);
        }
    }
}
