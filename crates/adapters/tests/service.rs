//! Calls over real sockets against a scripted server: tries, faults, deadlines, cancellation.

#![allow(clippy::expect_used, clippy::panic, reason = "helpers of tests may fail loudly")]

use bytes::Bytes;
use copilotkit_adapters::{Api, Profile};
use copilotkit_adapters::{ServiceModel, ServiceOptions};
use copilotkit_fixtures::model_server::{ModelServer, Reply, Step};
use copilotkit_runtime::model::{FinishReason, ModelErrorKind, ModelMessage};
use copilotkit_runtime::{Model, ModelError, ModelEvent, ModelRequest, ModelStream};
use futures::StreamExt;
use secrecy::SecretString;
use std::time::{Duration, Instant};

const KEY: &str = "sk-very-secret";
const HELLO: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hel\"}}]}\n\n\
    data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"lo\"}}]}\n\n\
    data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n\
    data: {\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":2}}\n\n\
    data: [DONE]\n\n";
const HEL: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hel\"}}]}\n\n";
const SECOND: Duration = Duration::from_secs(1);

fn options(server: &ModelServer) -> ServiceOptions {
    ServiceOptions {
        api: Api::Chat,
        api_key: Some(SecretString::from(KEY)),
        base_url: Some(server.base_url()),
        retry_delay: Duration::from_millis(1),
        idle_timeout: 5 * SECOND,
        ..ServiceOptions::new(Profile::named("openai").expect("known"), "gpt-4.1-mini")
    }
}

fn request() -> ModelRequest {
    ModelRequest { messages: vec![ModelMessage::User { content: "hi".into() }], ..ModelRequest::default() }
}

fn call(options: ServiceOptions) -> ModelStream {
    ServiceModel::new(options).expect("model").stream(request())
}

/// The text and how it ended.
async fn collect(mut stream: ModelStream) -> (String, Result<Option<FinishReason>, ModelError>) {
    let (mut text, mut finish) = (String::new(), None);
    while let Some(item) = stream.next().await {
        match item {
            Ok(ModelEvent::TextDelta(delta)) => text.push_str(&delta),
            Ok(ModelEvent::Finish { reason, .. }) => finish = Some(reason),
            Ok(_) => {}
            Err(error) => {
                assert!(stream.next().await.is_none(), "an error is the end");
                return (text, Err(error));
            }
        }
    }
    (text, Ok(finish))
}

/// Answers in order; gives the text, how it ended and how many requests it took.
async fn run(script: impl IntoIterator<Item = Reply>) -> (String, Result<Option<FinishReason>, ModelError>, usize) {
    let server = ModelServer::start(script).await;
    let (text, end) = collect(call(options(&server))).await;
    (text, end, server.requests().len())
}

fn error_json(message: &str, code: &str) -> String {
    serde_json::json!({ "error": { "message": message, "code": code } }).to_string()
}

#[tokio::test]
async fn a_call_is_one_request_and_connections_are_reused() {
    let server = ModelServer::start([Reply::sse(HELLO)]).await;
    let model = ServiceModel::new(options(&server)).expect("model");
    for _ in 0..3 {
        let (text, end) = collect(model.stream(request())).await;
        assert_eq!((&*text, end.expect("answer")), ("Hello", Some(FinishReason::Stop)));
    }
    assert_eq!((server.accepted(), server.open_sockets()), (1, 1));
    let requests = server.requests();
    assert_eq!((requests.len(), &*requests[0].method, &*requests[0].path), (3, "POST", "/v1/chat/completions"));
    assert_eq!(requests[0].header("authorization"), Some(&*format!("Bearer {KEY}")));
    assert_eq!(requests[0].header("user-agent"), Some(concat!("copilotkit/", env!("CARGO_PKG_VERSION"))));
    assert_eq!((&requests[0].json()["stream"], &requests[0].json()["model"]), (&true.into(), &"gpt-4.1-mini".into()));
}

#[tokio::test]
async fn what_may_pass_is_tried_again_and_what_may_not_is_not() {
    let asked = Reply::json(429, error_json("slow down", "rate_limit_exceeded")).header("retry-after-ms", "30");
    let started = Instant::now();
    let (text, end, requests) = run([asked, Reply::status(503), Reply::sse(HELLO)]).await;
    assert_eq!((&*text, end.is_ok(), requests), ("Hello", true, 3));
    assert!(started.elapsed() >= Duration::from_millis(30), "retry-after-ms is obeyed");

    let (_, end, requests) = run([Reply::json(500, error_json("broken", "server_error"))]).await;
    let error = end.expect_err("broken");
    assert_eq!((error.kind, &*error.message, requests), (ModelErrorKind::Overloaded, "broken", 3));

    for (status, code, kind) in [
        (429, "insufficient_quota", ModelErrorKind::Quota),
        (400, "invalid", ModelErrorKind::BadRequest),
        (400, "context_length_exceeded", ModelErrorKind::ContextLength),
        (401, "invalid_api_key", ModelErrorKind::Auth),
        (403, "forbidden", ModelErrorKind::Auth),
        (404, "model_not_found", ModelErrorKind::NotFound),
        (402, "credit", ModelErrorKind::Quota),
    ] {
        let (_, end, requests) = run([Reply::json(status, error_json("no", code)), Reply::sse(HELLO)]).await;
        let error = end.expect_err(code);
        assert_eq!((error.kind, error.provider_code.as_deref(), requests), (kind, Some(code), 1));
        assert!(error.message.starts_with("no"), "{error}");
    }
}

#[tokio::test]
async fn the_service_may_decide_about_another_try() {
    let never = Reply::status(503).header("x-should-retry", "false");
    assert_eq!(run([never, Reply::sse(HELLO)]).await.2, 1);
    let again = Reply::status(400).header("x-should-retry", "true");
    let (text, _, requests) = run([again, Reply::sse(HELLO)]).await;
    assert_eq!((&*text, requests), ("Hello", 2));
}

#[tokio::test]
async fn the_request_may_decide_how_often() {
    let server = ModelServer::start([Reply::status(503)]).await;
    let mut request = request();
    request.settings.max_retries = Some(0);
    let (_, end) = collect(ServiceModel::new(options(&server)).expect("model").stream(request)).await;
    assert_eq!((end.expect_err("503").kind, server.requests().len()), (ModelErrorKind::Overloaded, 1));
}

#[tokio::test]
async fn an_error_frame_before_the_first_output_is_like_an_error_status() {
    let frame = |code: &str| format!("data: {}\n\n", error_json("first", code));
    let role = "data: {\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n";
    let (text, _, requests) = run([Reply::sse(format!("{role}{}", frame("server_error"))), Reply::sse(HELLO)]).await;
    assert_eq!((&*text, requests), ("Hello", 2));
    let (text, _, requests) = run([Reply::sse(format!("event: error\n{}", frame("odd"))), Reply::sse(HELLO)]).await;
    assert_eq!((&*text, requests), ("Hello", 2));
    let (_, end, requests) = run([Reply::sse(frame("insufficient_quota")), Reply::sse(HELLO)]).await;
    assert_eq!((end.expect_err("quota").kind, requests), (ModelErrorKind::Quota, 1));
    let (text, end, requests) = run([Reply::sse(format!("{HEL}{}", frame("server_error"))), Reply::sse(HELLO)]).await;
    assert_eq!((&*text, end.expect_err("late").kind, requests), ("Hel", ModelErrorKind::Overloaded, 1));
}

#[tokio::test]
async fn broken_connections_are_tried_again_only_before_the_first_output() {
    for fault in [Step::Close, Step::Reset] {
        let early =
            Reply::sse(": hello\n\ndata: {\"choi").then(Step::Wait(Duration::from_millis(20))).then(fault.clone());
        let (text, end, requests) = run([early, Reply::sse(HELLO)]).await;
        assert_eq!((&*text, end.is_ok(), requests), ("Hello", true, 2), "{fault:?}");
        let late = Reply::sse(HEL).then(Step::Wait(Duration::from_millis(20))).then(fault.clone());
        let (text, end, requests) = run([late, Reply::sse(HELLO)]).await;
        assert_eq!((&*text, end.expect_err("cut").kind, requests), ("Hel", ModelErrorKind::Network, 1), "{fault:?}");
    }
}

#[tokio::test]
async fn a_stream_without_a_finish_reason_is_cut_off() {
    for body in [HEL, "", ": only a comment\n\n"] {
        let (_, end, requests) = run([Reply::sse(body)]).await;
        assert_eq!((end.expect_err("cut").kind, requests), (ModelErrorKind::Protocol, 1), "{body}");
    }
}

#[tokio::test]
async fn nobody_listening_is_a_network_error_that_names_the_place() {
    let server = ModelServer::start([]).await;
    let options = options(&server);
    let place = server.base_url();
    drop(server);
    let (_, end) = collect(call(options)).await;
    let error = end.expect_err("refused");
    assert_eq!(error.kind, ModelErrorKind::Network);
    assert!(error.message.contains(place.trim_end_matches("/v1")), "{error}");
}

#[tokio::test]
async fn dropping_the_stream_closes_the_socket() {
    let server = ModelServer::start([Reply::sse(HEL).then(Step::Stall)]).await;
    let model = ServiceModel::new(options(&server)).expect("model");
    let mut stream = model.stream(request());
    assert!(matches!(stream.next().await, Some(Ok(ModelEvent::TextStart { .. }))));
    assert_eq!(server.open_sockets(), 1);
    drop(stream);
    assert!(server.wait_for_open_sockets(0, SECOND).await);
}

#[tokio::test]
async fn the_token_ends_a_call_at_any_point() {
    let silent_head = Reply::status(200).then(Step::Stall);
    let retrying = Reply::status(503).header("retry-after", "50");
    for reply in [Reply::sse(HEL).then(Step::Stall), silent_head, retrying] {
        let server = ModelServer::start([reply]).await;
        let request = request();
        let cancel = request.cancel.clone();
        let model = ServiceModel::new(options(&server)).expect("model");
        let stream = model.stream(request);
        let stop = async {
            tokio::time::sleep(Duration::from_millis(100)).await;
            cancel.cancel();
        };
        let both = async { futures::join!(collect(stream), stop).0 };
        let (_, end) = tokio::time::timeout(SECOND, both).await.expect("within a second");
        assert_eq!(end.expect("no error"), None);
        // What is left is at most the idle connection of an answer that was read to its end.
        drop(model);
        assert!(server.wait_for_open_sockets(0, SECOND).await);
    }
}

#[tokio::test]
async fn silence_has_a_bound_and_comments_are_life() {
    let server = ModelServer::start([Reply::sse(HEL).then(Step::Stall)]).await;
    let idle = Duration::from_millis(400);
    let started = Instant::now();
    let (text, end) = collect(call(ServiceOptions { idle_timeout: idle, ..options(&server) })).await;
    assert!(started.elapsed() >= idle && started.elapsed() < 5 * SECOND);
    assert_eq!((&*text, end.expect_err("silent").kind), ("Hel", ModelErrorKind::Timeout));
    assert!(server.wait_for_open_sockets(0, SECOND).await);

    let beat = (Duration::from_millis(100), Bytes::from_static(b": keep-alive\n\n"));
    let beats = std::iter::repeat_n(beat, 8).chain([(Duration::ZERO, HELLO.into())]);
    let server = ModelServer::start([Reply::sse_timed(beats)]).await;
    let (text, end) = collect(call(ServiceOptions { idle_timeout: idle, ..options(&server) })).await;
    assert_eq!((&*text, end.expect("alive")), ("Hello", Some(FinishReason::Stop)));
}

#[tokio::test]
async fn who_takes_the_request_and_says_nothing_is_not_asked_again() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let base_url = Some(format!("http://{}/v1", silent.local_addr().expect("an address")));
    let (server, head) = (ModelServer::start([]).await, Duration::from_millis(300));
    let started = Instant::now();
    let (text, end) = collect(call(ServiceOptions { head_timeout: head, base_url, ..options(&server) })).await;
    assert!(started.elapsed() >= head && started.elapsed() < 5 * SECOND);
    assert_eq!((&*text, end.expect_err("silent").kind), ("", ModelErrorKind::Timeout));
    silent.set_nonblocking(true).expect("a socket");
    assert_eq!(std::iter::from_fn(|| silent.accept().ok()).count(), 1);
}

#[tokio::test]
async fn a_complete_answer_does_not_wait_for_a_lazy_end() {
    let finished = HELLO.split("data: {\"choices\":[]").next().expect("head").to_owned();
    for body in [finished, HELLO.to_owned()] {
        let server = ModelServer::start([Reply::sse(body).then(Step::Stall)]).await;
        let idle = Duration::from_millis(300);
        let started = Instant::now();
        let (text, end) = collect(call(ServiceOptions { idle_timeout: idle, ..options(&server) })).await;
        assert!(started.elapsed() < 5 * SECOND);
        assert_eq!((&*text, end.expect("complete")), ("Hello", Some(FinishReason::Stop)));
    }
}

#[tokio::test]
async fn a_body_that_is_no_stream_is_read_for_what_it_is() {
    let (_, end, _) = run([Reply::json(200, r#"{"code":"bad_thing","error":"said so"}"#)]).await;
    let error = end.expect_err("error with status 200");
    assert_eq!((&*error.message, error.provider_code.as_deref()), ("said so", Some("bad_thing")));

    let page = Reply::status(200).header("content-type", "text/html").then(Step::Send("<html></html>".into()));
    let error = run([page]).await.1.expect_err("page");
    assert!(error.kind == ModelErrorKind::Protocol && error.message.contains("base URL"), "{error}");

    let whole = r#"{"object":"chat.completion","choices":[{"message":{"content":"Hi"},"finish_reason":"stop"}]}"#;
    let (text, end, _) = run([Reply::json(200, whole)]).await;
    assert_eq!((&*text, end.expect("whole")), ("Hi", Some(FinishReason::Stop)));

    let moved = Reply::status(308).header("location", "http://127.0.0.1:1/");
    let error = run([moved]).await.1.expect_err("redirect");
    assert!(error.kind == ModelErrorKind::NotFound && error.message.contains("redirect"), "{error}");
}

#[tokio::test]
async fn a_key_that_is_said_back_is_taken_out() {
    let (_, end, _) =
        run([Reply::json(401, error_json(&format!("Incorrect API key: {KEY}"), "invalid_api_key"))]).await;
    let error = end.expect_err("auth");
    assert_eq!(error.message, "Incorrect API key: *** (check the key)");
    assert!(!format!("{error:?}").contains(KEY));
}

#[tokio::test]
async fn a_missing_key_is_told_without_a_request() {
    let options = ServiceOptions::new(Profile::named("openai").expect("known"), "gpt-4.1-mini");
    let error = collect(call(options)).await.1.expect_err("no key");
    assert_eq!(error.kind, ModelErrorKind::Auth);
    assert!(error.message.contains("OPENAI_API_KEY"), "{error}");
}

/// A gateway that counts as JavaScript does cuts an emoji in two.
#[tokio::test]
async fn an_emoji_that_was_cut_in_two_is_whole_again() {
    let piece =
        |text: &str| format!("data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{text}\"}}}}]}}\n\n");
    let end = "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";
    let body = [&*piece("so \\ud83c"), ": waiting\n\n", &piece("\\udf24 it is"), end].concat();
    let server = ModelServer::start([Reply::sse(body)]).await;
    let (text, finish) = collect(call(options(&server))).await;
    assert_eq!(finish.expect("no error"), Some(FinishReason::Stop));
    assert_eq!(text, "so \u{1F324} it is");
}
