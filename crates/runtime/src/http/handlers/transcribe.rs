//! `POST /transcribe`: a recording, as a form or as JSON, becomes text.

mod audio;

use super::super::State;
use super::super::answer::{Refusal, json_answer};
use super::super::envelope::{is_json, is_type};
use super::{Payload, body, principal};
use crate::transcribe::{TranscribeError, TranscribeRequest};
use audio::Recording;
use axum::body::Body;
use copilotkit_protocol::runtime_api::Transcript;
use http::request::Parts;
use http::{Response, StatusCode};
use serde_json::json;
use std::time::Instant;
use tokio_util::sync::CancellationToken;

pub(super) async fn transcribe(state: &State, parts: &Parts, payload: Payload) -> Result<Response<Body>, Refusal> {
    let Some(transcription) = &state.options.transcription else {
        let status = StatusCode::SERVICE_UNAVAILABLE;
        return Err(problem(status, "service_not_configured", "Transcription service is not configured"));
    };
    let recording = match payload {
        Payload::Read(bytes) => Recording::from_json(bytes.into())?,
        Payload::Request(request) if is_json(parts) => Recording::from_json(body::read(state, request).await?)?,
        Payload::Request(request) if is_type(parts, "multipart/form-data") => {
            let boundary = audio::boundary(parts)?;
            Recording::from_form(body::read(state, request).await?, boundary).await?
        }
        Payload::Request(_) => {
            return Err(invalid("Request must be multipart/form-data or application/json with base64 audio"));
        }
    };
    let (size, media_type) = (recording.audio.len(), recording.media_type.clone());
    let cancel = CancellationToken::new();
    // Whoever hangs up ends the call, and so does the deadline.
    let _given_up = cancel.clone().drop_guard();
    let request = TranscribeRequest {
        audio: recording.audio.bytes(),
        file_name: recording.file_name,
        media_type: recording.media_type,
        principal: principal(parts),
        deadline: Instant::now() + transcription.timeout,
        cancel,
    };
    let text = tokio::time::timeout(transcription.timeout, transcription.service.transcribe(request)).await;
    let text = text.unwrap_or(Err(TranscribeError::Timeout))?;
    // The room of the body is held until here, since its bytes were.
    drop(recording.audio);
    Ok(json_answer(StatusCode::OK, &Transcript { text, size, media_type }))
}

fn invalid(message: &str) -> Refusal {
    problem(StatusCode::BAD_REQUEST, "invalid_request", message)
}

/// A recording that is not taken; the same one never will be.
fn problem(status: StatusCode, code: &str, message: &str) -> Refusal {
    Refusal::new(status, json!({ "error": code, "message": message, "retryable": false }))
}
