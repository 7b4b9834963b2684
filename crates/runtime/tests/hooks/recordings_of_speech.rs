//! Transcription over HTTP: bounds, deadlines, failures.

use super::harness::{Server, body, get, post, request};
use async_trait::async_trait;
use copilotkit_fixtures::recording::client;
use copilotkit_runtime::http::{Answered, Call, Failure, Hooks, SurfaceOptions, Transcription};
use copilotkit_runtime::{TranscribeError, TranscribeRequest, Transcriber};
use serde_json::json;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// Does what the recording says.
#[derive(Clone, Default)]
struct Obedient {
    cancelled: CancellationToken,
    started: Arc<Notify>,
    release: Arc<Notify>,
    told: Arc<Mutex<Vec<String>>>,
}

#[async_trait]
impl Transcriber for Obedient {
    async fn transcribe(&self, request: TranscribeRequest) -> Result<String, TranscribeError> {
        match &request.audio[..] {
            b"hang" => {
                // Dropped with the call, which is not the same as the token: it is for work that goes on elsewhere.
                let (token, seen) = (request.cancel.clone(), self.cancelled.clone());
                tokio_util::task::TaskTracker::new().spawn(async move {
                    token.cancelled().await;
                    seen.cancel();
                });
                std::future::pending().await
            }
            b"panic" => panic!("asked to"),
            b"limit" => Err(TranscribeError::RateLimited { retry_after: Some(Duration::from_millis(2_500)) }),
            b"key" => Err(TranscribeError::Auth { detail: "the key was revoked".to_owned() }),
            b"net" => Err(TranscribeError::Network { detail: "refused".to_owned() }),
            b"wait" => {
                self.started.notify_one();
                self.release.notified().await;
                Ok("waited".to_owned())
            }
            _ => Ok(format!("{} for {}", String::from_utf8_lossy(&request.audio), request.principal)),
        }
    }
}

#[async_trait]
impl Hooks for Obedient {
    async fn after(&self, _: Option<&Call>, _: &mut Answered) {}

    async fn on_error(&self, failure: &Failure) -> Option<axum::response::Response> {
        self.told.lock().unwrap().push(format!("{} {}", failure.code, failure.message));
        None
    }
}

/// Longer than any test lasts.
const LONG: Duration = Duration::from_secs(8);

fn form(audio: &str) -> copilotkit_fixtures::recording::Request {
    let form = format!(
        "--b\r\ncontent-disposition: form-data; name=\"audio\"; filename=\"a.webm\"\r\ncontent-type: \
         audio/webm\r\n\r\n{audio}\r\n--b--\r\n"
    );
    let mut request = request("POST", "/transcribe", &[], &form);
    request.headers.insert("content-type".to_owned(), "multipart/form-data; boundary=b".to_owned());
    request
}

async fn server(timeout: Duration, options: SurfaceOptions) -> (Server, Obedient) {
    let service = Obedient::default();
    let transcription = Some(Transcription { timeout, ..Transcription::new(service.clone()) });
    let options = SurfaceOptions { transcription, ..options }.with_hooks(service.clone());
    (Server::start(options).await, service)
}

#[tokio::test]
async fn failures_have_their_status_code_and_advice() {
    let (server, service) = server(Duration::from_millis(200), SurfaceOptions::default()).await;
    assert_eq!(body(&server.ask(get("/info")).await)["audioFileTranscriptionEnabled"], json!(true));
    let answer = server.ask(form("hello")).await;
    assert_eq!(body(&answer), json!({ "text": "hello for anonymous", "size": 5, "type": "audio/webm" }));
    for (audio, status, code, retryable) in [
        ("limit", 429, "rate_limited", true),
        ("key", 401, "auth_failed", false),
        ("net", 502, "network_error", true),
        ("hang", 504, "network_error", true),
    ] {
        let answer = server.ask(form(audio)).await;
        let found = body(&answer);
        assert_eq!((answer.status, &found["error"], &found["retryable"]), (status, &json!(code), &json!(retryable)));
        assert!(!answer.body.contains("revoked") && !answer.body.contains("refused"), "{found}");
        assert_eq!(answer.headers.get("retry-after"), (audio == "limit").then(|| json!("3")).as_ref());
    }
    let panicked = server.ask(form("panic")).await;
    assert_eq!((panicked.status, body(&panicked)), (500, json!({ "error": "internal_error" })));
    let told = service.told.lock().unwrap().clone();
    assert_eq!(told[..2], ["auth_failed the key was revoked", "network_error refused"]);
    assert!(told[2].starts_with("network_error ") && told[3].starts_with("panic ") && told.len() == 4, "{told:?}");
    server.stop().await;
}

#[tokio::test]
async fn whoever_hangs_up_ends_the_call() {
    let (server, service) = server(LONG, SurfaceOptions::default()).await;
    let begun = Instant::now();
    let left = client::send(server.address, &form("hang"), Some(Duration::from_millis(100))).await;
    assert!(left.is_err(), "no answer came: {left:?}");
    tokio::time::timeout(LONG, service.cancelled.cancelled()).await.expect("the call is told");
    assert!(begun.elapsed() < LONG, "before its deadline: {:?}", begun.elapsed());
    server.stop().await;
}

#[tokio::test]
async fn recordings_are_bounded_alone_and_together() {
    let options = SurfaceOptions { body_max: 8 * 1024, bodies_max: 8 * 1024, ..SurfaceOptions::default() };
    let (server, service) = server(LONG, options).await;
    assert_eq!(server.ask(form(&"x".repeat(9_000))).await.status, 413);
    // The room of a body is held while its recording is worked on. One form fills it almost.
    let fill = post(
        "/transcribe",
        &json!({ "audio": "d2FpdA==", "mimeType": "audio/webm", "pad": "x".repeat(7_500) }).to_string(),
    );
    let (first, second) = tokio::join!(server.ask(fill), async {
        service.started.notified().await;
        let refused = server.ask(form(&"y".repeat(4_000))).await;
        service.release.notify_one();
        refused
    });
    assert_eq!((first.status, second.status), (200, 503), "{}", second.body);
    assert_eq!(body(&second)["code"], "too_many_bodies");
    assert_eq!(server.ask(form(&"y".repeat(4_000))).await.status, 200, "the room is free again");
    server.stop().await;
}

#[tokio::test]
async fn forms_that_are_broken_are_refused() {
    let (server, _) = server(LONG, SurfaceOptions::default()).await;
    let mut without_boundary = form("hello");
    without_boundary.headers.insert("content-type".to_owned(), "multipart/form-data".to_owned());
    let mut foreign_boundary = form("hello");
    foreign_boundary.headers.insert("content-type".to_owned(), "multipart/form-data; boundary=c".to_owned());
    let mut tail = form("hello");
    let cut = tail.body.take().map(|body| body.replace("\r\n--b--\r\n", ""));
    tail.headers.insert("content-length".to_owned(), cut.as_ref().map_or(0, String::len).to_string());
    tail.body = cut;
    for request in [without_boundary, foreign_boundary, tail] {
        let answer = server.ask(request).await;
        let found = body(&answer);
        assert_eq!(
            (answer.status, &found["error"], &found["retryable"]),
            (400, &json!("invalid_request"), &json!(false))
        );
    }
    server.stop().await;
}
