//! The transcription client over real sockets against a scripted server.

#![cfg(feature = "transcription")]
#![allow(clippy::expect_used, reason = "helpers of tests may fail loudly")]

use bytes::Bytes;
use copilotkit_adapters::{OpenAiTranscriber, OpenAiTranscriberOptions};
use copilotkit_fixtures::model_server::{ModelServer, Reply, Step};
use copilotkit_runtime::{Principal, TranscribeError, TranscribeRequest, Transcriber};
use secrecy::SecretString;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

const KEY: &str = "sk-very-secret";
const GATEWAY: &str = "gateway-secret";

fn service(base_url: String) -> OpenAiTranscriber {
    let options = OpenAiTranscriberOptions {
        api_key: Some(SecretString::from(KEY)),
        headers: vec![("x-gateway".to_owned(), SecretString::from(GATEWAY))],
        ..OpenAiTranscriberOptions::new(base_url, "whisper-1")
    };
    OpenAiTranscriber::new(options).expect("a service")
}

fn recording(audio: &'static [u8]) -> TranscribeRequest {
    TranscribeRequest {
        audio: Bytes::from_static(audio),
        file_name: "recording.webm".to_owned(),
        media_type: "audio/mp4".to_owned(),
        principal: Principal::anonymous(),
        deadline: Instant::now() + Duration::from_secs(5),
        cancel: CancellationToken::new(),
    }
}

async fn fail(reply: Reply) -> TranscribeError {
    let server = ModelServer::start([reply]).await;
    let error = service(server.base_url()).transcribe(recording(b"sound")).await.expect_err("a failure");
    assert_eq!(server.requests().len(), 1, "one recording is one request");
    let shown = format!("{error} {error:?} {}", error.detail());
    assert!(!shown.contains(KEY) && !shown.contains(GATEWAY), "{shown}");
    error
}

fn json(message: &str, code: &str) -> String {
    serde_json::json!({ "error": { "message": message, "type": "invalid_request_error", "code": code } }).to_string()
}

#[tokio::test]
async fn a_recording_is_a_form_with_a_file_a_model_and_the_key() {
    let server = ModelServer::start([Reply::json(200, r#"{"text":"hello","usage":{"type":"duration"}}"#)]).await;
    let service = service(server.base_url());
    for _ in 0..2 {
        assert_eq!(service.transcribe(recording(b"so\x00\xff\r\n--und")).await.expect("words"), "hello");
    }
    assert_eq!(server.accepted(), 1, "the connection is used again");
    let request = server.requests().remove(0);
    assert_eq!((&*request.method, &*request.path), ("POST", "/v1/audio/transcriptions"));
    assert_eq!(request.header("authorization"), Some("Bearer sk-very-secret"));
    assert_eq!(request.header("x-gateway"), Some(GATEWAY));
    assert!(request.header("content-length").is_some() && request.header("transfer-encoding").is_none());
    let content_type = request.header("content-type").expect("a type");
    let boundary = content_type.split_once("boundary=").expect("a boundary").1.to_owned();
    let marker = format!("--{boundary}");
    let body = request.body.to_vec();
    // Bytes are kept as they are: the parts are looked for in the bytes.
    let find = |needle: &[u8]| body.windows(needle.len()).any(|window| window == needle);
    assert!(body.starts_with(marker.as_bytes()));
    assert!(find(b"name=\"model\"\r\n\r\nwhisper-1\r\n"));
    assert!(find(b"name=\"response_format\"\r\n\r\njson\r\n"));
    assert!(find(
        b"name=\"file\"; filename=\"recording.mp4\"\r\nContent-Type: audio/mp4\r\n\r\nso\x00\xff\r\n--und\r\n"
    ));
}

#[tokio::test]
async fn a_key_that_is_refused_is_not_repeated() {
    let said = json(&format!("Incorrect API key provided: {KEY} by {GATEWAY}"), "invalid_api_key");
    let error = fail(Reply::json(401, said)).await;
    assert_eq!((error.code(), error.detail()), ("auth_failed", "Incorrect API key provided: *** by ***"));
    let error = fail(Reply::json(500, json(&format!("at {KEY}"), ""))).await;
    assert_eq!((error.code(), &*error.to_string()), ("provider_error", "at ***"));
}

#[tokio::test]
async fn a_limit_says_how_long_to_wait() {
    let error = fail(Reply::json(429, json("slow down", "rate_limit_exceeded")).header("retry-after", "7")).await;
    assert!(error.is_retryable());
    assert!(matches!(error, TranscribeError::RateLimited { retry_after: Some(wait) } if wait.as_secs() == 7));
    let error = fail(Reply::status(429).header("retry-after", "soon")).await;
    assert!(matches!(error, TranscribeError::RateLimited { retry_after: None }));
}

#[tokio::test]
async fn a_recording_that_is_too_long_or_too_short_is_told_apart() {
    assert_eq!(fail(Reply::json(400, json("too much", "audio_too_long"))).await.code(), "audio_too_long");
    assert_eq!(fail(Reply::status(413)).await.code(), "audio_too_long");
    assert_eq!(fail(Reply::json(400, json("too little", "audio_too_short"))).await.code(), "audio_too_short");
    // The code says nothing: the page shows the words, since another try is of no use.
    let error = fail(Reply::json(400, json("audio duration 1830 seconds is longer than 1400", "invalid_value"))).await;
    assert_eq!((error.code(), error.is_retryable()), ("provider_error", false));
    assert!(error.to_string().contains("longer than 1400"), "{error}");
    let server = ModelServer::start([Reply::status(500)]).await;
    let error = service(server.base_url()).transcribe(recording(b"")).await.expect_err("nothing to hear");
    assert_eq!((error.code(), server.requests().len()), ("audio_too_short", 0), "nothing is sent");
}

#[tokio::test]
async fn a_service_that_fails_may_be_asked_again() {
    for reply in [
        Reply::status(500),
        Reply::json(503, "{"),
        Reply::json(200, "not json"),
        Reply::json(200, r#"{"words":"hello"}"#),
        Reply::json(200, vec![b' '; 9 * 1024 * 1024]),
    ] {
        let error = fail(reply).await;
        assert_eq!((error.code(), error.is_retryable()), ("provider_error", true));
    }
}

#[tokio::test]
async fn a_connection_that_breaks_or_is_not_made_is_a_network_error() {
    for step in [Step::Close, Step::Reset] {
        let half = Reply::status(200).then(Step::Send(Bytes::from_static(b"{\"te"))).then(step);
        let error = fail(half).await;
        assert!(matches!(error, TranscribeError::Network { .. }) && error.is_retryable(), "{error:?}");
    }
    let nobody = service("http://user:sk-in-the-address@127.0.0.1:9/v1?key=sk-too".to_owned());
    let error = nobody.transcribe(recording(b"sound")).await.expect_err("nobody listens");
    assert_eq!(error.code(), "network_error");
    assert!(error.detail().starts_with("http://127.0.0.1:9: ") && !error.detail().contains("sk-"), "{error:?}");
}

#[tokio::test]
async fn a_service_that_hangs_is_left_at_the_deadline_or_when_nobody_waits() {
    let head = Reply::status(200).then(Step::Stall);
    let body = Reply::status(200).then(Step::Send(Bytes::from_static(b"{"))).then(Step::Stall);
    for reply in [head, body] {
        let server = ModelServer::start([reply]).await;
        let service = service(server.base_url());
        let begun = Instant::now();
        let short = TranscribeRequest { deadline: begun + Duration::from_millis(150), ..recording(b"sound") };
        let error = service.transcribe(short).await.expect_err("no answer");
        assert!(matches!(error, TranscribeError::Timeout) && error.code() == "network_error", "{error:?}");
        assert!((150..1_500).contains(&begun.elapsed().as_millis()), "{:?}", begun.elapsed());

        let left = recording(b"sound");
        let cancel = left.cancel.clone();
        let (_, ended) = tokio::join!(
            async {
                tokio::time::sleep(Duration::from_millis(100)).await;
                cancel.cancel();
            },
            service.transcribe(left)
        );
        assert!(ended.is_err());
        assert!(server.wait_for_open_sockets(0, Duration::from_secs(2)).await, "its socket is closed");
    }
}

#[test]
fn addresses_and_headers_that_cannot_be_used_are_refused_without_showing_them() {
    for base in ["nonsense", "ftp://h/v1"] {
        assert!(OpenAiTranscriber::new(OpenAiTranscriberOptions::new(base, "m")).is_err(), "{base}");
    }
    let mut options = OpenAiTranscriberOptions::new("http://h/v1", "m");
    options.api_key = Some(SecretString::from("sk-with\nline"));
    let error = OpenAiTranscriber::new(options.clone()).expect_err("a line end").to_string();
    assert!(error.contains("authorization") && !error.contains("sk-with"), "{error}");
    assert!(!format!("{options:?}").contains("sk-with"));
    for (base, path) in
        [("http://h", "/audio/transcriptions"), ("http://h/v1/audio/transcriptions/", "/v1/audio/transcriptions")]
    {
        assert_eq!(OpenAiTranscriber::new(OpenAiTranscriberOptions::new(base, "m")).expect(base).url().path(), path);
    }
}
