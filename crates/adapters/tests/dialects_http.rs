//! Every dialect over a real socket: what comes back, what is tried again, what is told of errors, that no key is shown.

#![allow(clippy::expect_used, clippy::panic, reason = "helpers of tests may fail loudly")]
#![allow(unreachable_pub, dead_code, reason = "helpers that several tests share")]

#[path = "kit/streams.rs"]
mod streams;

use copilotkit_adapters::{Api, Check, Profile, ServiceModel, ServiceOptions, check};
use copilotkit_fixtures::model_server::{ModelServer, Reply, Step};
use copilotkit_runtime::model::{FinishReason, ModelErrorKind, ModelMessage};
use copilotkit_runtime::{Model as _, ModelError, ModelEvent, ModelRequest};
use futures::StreamExt as _;
use std::time::Duration;

const KEY: &str = "sk-very-secret";

/// Provider, dialect, a stream of text, and that text.
const DIALECTS: &[(&str, Api, &str, &str)] = &[
    ("openai", Api::Chat, "openai-chat/text", "Grüße aus Zürich 🏔️!"),
    ("openai", Api::Responses, "openai-responses/text", "Hello from Zürich 🏔️."),
    ("anthropic", Api::Messages, "anthropic/text", "Grüezi from Zürich 🏔️."),
    ("google", Api::Gemini, "gemini/thought-then-text", "Grüezi from Zürich 🏔️."),
    #[cfg(feature = "bedrock")]
    ("bedrock", Api::Converse, "bedrock/reasoning-text-tool-use", "Checking."),
];

fn bytes(name: &str) -> Vec<u8> {
    streams::streams().into_iter().find(|stream| stream.name == name).expect(name).bytes
}

fn reply(api: Api, bytes: Vec<u8>) -> Reply {
    match api {
        Api::Converse => Reply::status(200)
            .header("content-type", "application/vnd.amazon.eventstream")
            .then(Step::Send(bytes.into())),
        _ => Reply::sse(bytes),
    }
}

fn model(server: &ModelServer, provider: &str, api: Api) -> ServiceModel {
    let options = ServiceOptions {
        api,
        api_key: Some(KEY.to_owned().into()),
        base_url: Some(server.base_url()),
        retry_delay: Duration::from_millis(1),
        ..ServiceOptions::new(Profile::named(provider).expect(provider), "m")
    };
    ServiceModel::new(options).expect(provider)
}

async fn call(model: &ServiceModel) -> (String, Result<Option<FinishReason>, ModelError>) {
    let messages = vec![ModelMessage::User { content: "hi".into() }];
    let mut stream = model.stream(ModelRequest { messages, ..ModelRequest::default() });
    let (mut text, mut finish) = (String::new(), None);
    while let Some(item) = stream.next().await {
        match item {
            Ok(ModelEvent::TextDelta(delta)) => text.push_str(&delta),
            Ok(ModelEvent::Finish { reason, .. }) => finish = Some(reason),
            Ok(_) => {}
            Err(error) => return (text, Err(error)),
        }
    }
    (text, Ok(finish))
}

#[tokio::test]
async fn each_dialect_streams_and_keeps_its_connection() {
    for &(provider, api, stream, expected) in DIALECTS {
        let server = ModelServer::start([reply(api, bytes(stream))]).await;
        let model = model(&server, provider, api);
        for _ in 0..2 {
            let (text, finish) = call(&model).await;
            assert!(finish.expect(stream).is_some(), "{stream}");
            assert_eq!(text, expected, "{stream}");
        }
        assert_eq!((server.requests().len(), server.accepted()), (2, 1), "{stream}");
    }
}

#[tokio::test]
async fn an_error_before_any_output_is_tried_again_and_a_later_one_is_not() {
    for (provider, api, first, good) in [
        ("anthropic", Api::Messages, "anthropic/error-first-frame", "anthropic/text"),
        #[cfg(feature = "bedrock")]
        ("bedrock", Api::Converse, "bedrock/throttled-midstream", "bedrock/reasoning-text-tool-use"),
    ] {
        let early = api == Api::Messages;
        let server = ModelServer::start([reply(api, bytes(first)), reply(api, bytes(good))]).await;
        let (_, end) = call(&model(&server, provider, api)).await;
        assert_eq!((end.is_ok(), server.requests().len()), (early, if early { 2 } else { 1 }), "{first}");
    }
    // The quota does not come back by itself.
    let server = ModelServer::start([Reply::sse(bytes("openai-responses/error-before-output"))]).await;
    let (_, end) = call(&model(&server, "openai", Api::Responses)).await;
    assert_eq!((end.expect_err("quota").kind, server.requests().len()), (ModelErrorKind::Quota, 1));
    for (provider, api, late) in [
        ("openai", Api::Responses, "openai-responses/error-midstream"),
        ("openai", Api::Responses, "openai-responses/failed-midstream"),
        ("anthropic", Api::Messages, "anthropic/error-midstream"),
        ("google", Api::Gemini, "gemini/error-midstream"),
    ] {
        let server = ModelServer::start([Reply::sse(bytes(late))]).await;
        let (text, end) = call(&model(&server, provider, api)).await;
        assert!(!text.is_empty() && end.is_err(), "{late}");
        assert_eq!(server.requests().len(), 1, "{late}");
    }
}

/// Statuses and bodies as each provider documents them.
#[tokio::test]
async fn errors_are_typed_and_carry_the_provider_s_words() {
    use ModelErrorKind::{Auth, BadRequest, ContextLength, NotFound, Overloaded, Quota, RateLimit, Timeout};
    let anthropic = |kind: &str, message: &str| {
        format!(r#"{{"type":"error","error":{{"type":"{kind}","message":"{message}"}},"request_id":"req_1"}}"#)
    };
    let google = |code: u16, status: &str, message: &str| {
        format!(r#"{{"error":{{"code":{code},"message":"{message}","status":"{status}"}}}}"#)
    };
    let cases = [
        ("anthropic", Api::Messages, 401, anthropic("authentication_error", "invalid x-api-key"), Auth),
        (
            "anthropic",
            Api::Messages,
            400,
            anthropic("invalid_request_error", "prompt is too long: 9 > 8"),
            ContextLength,
        ),
        ("anthropic", Api::Messages, 400, anthropic("invalid_request_error", "no such field"), BadRequest),
        ("anthropic", Api::Messages, 402, anthropic("billing_error", "pay"), Quota),
        ("anthropic", Api::Messages, 404, anthropic("not_found_error", "model: m"), NotFound),
        ("anthropic", Api::Messages, 429, anthropic("rate_limit_error", "slow"), RateLimit),
        ("anthropic", Api::Messages, 504, anthropic("timeout_error", "late"), Timeout),
        ("anthropic", Api::Messages, 529, anthropic("overloaded_error", "busy"), Overloaded),
        ("google", Api::Gemini, 400, google(400, "INVALID_ARGUMENT", "API key not valid. Please pass"), Auth),
        ("google", Api::Gemini, 403, google(403, "PERMISSION_DENIED", "no"), Auth),
        ("google", Api::Gemini, 429, google(429, "RESOURCE_EXHAUSTED", "slow"), RateLimit),
        ("google", Api::Gemini, 503, google(503, "UNAVAILABLE", "busy"), Overloaded),
        (
            "google",
            Api::Gemini,
            400,
            google(
                400,
                "INVALID_ARGUMENT",
                "The input token count (9) exceeds the maximum number of tokens allowed (8).",
            ),
            ContextLength,
        ),
        (
            "openai",
            Api::Responses,
            429,
            r#"{"error":{"message":"slow","code":"rate_limit_exceeded"}}"#.into(),
            RateLimit,
        ),
        ("openai", Api::Responses, 404, r#"{"error":{"message":"no","code":"model_not_found"}}"#.into(), NotFound),
        #[cfg(feature = "bedrock")]
        ("bedrock", Api::Converse, 403, r#"{"message":"The security token is invalid."}"#.into(), Auth),
        #[cfg(feature = "bedrock")]
        (
            "bedrock",
            Api::Converse,
            400,
            r#"{"message":"Input is too long for requested model."}"#.into(),
            ContextLength,
        ),
    ];
    for (provider, api, status, body, kind) in cases {
        let server = ModelServer::start([Reply::json(status, body.clone())]).await;
        let model = model(&server, provider, api);
        let messages = vec![ModelMessage::User { content: "hi".into() }];
        let mut request = ModelRequest { messages, ..ModelRequest::default() };
        request.settings.max_retries = Some(1);
        let error = model.stream(request).next().await.expect("an item").expect_err(&body);
        assert_eq!(error.kind, kind, "{provider} {status} {body}: {error}");
        let tries = if kind.is_retryable() { 2 } else { 1 };
        assert_eq!(server.requests().len(), tries, "{provider} {status} {body}");
    }
}

#[tokio::test]
async fn an_error_with_status_200_is_an_error_and_no_key_is_shown() {
    for &(provider, api, ..) in DIALECTS {
        let said = format!(r#"{{"error":{{"message":"Incorrect API key provided: {KEY}","code":"{KEY}"}}}}"#);
        let in_stream = match api {
            Api::Messages => format!("data: {{\"type\":\"error\",{}\n\n", &said[1..]),
            Api::Responses => format!("data: {{\"type\":\"error\",{}\n\n", &said[1..]),
            _ => format!("data: {said}\n\n"),
        };
        let mut replies = vec![Reply::json(200, said.clone()), Reply::json(400, said)];
        if api != Api::Converse {
            replies.push(Reply::sse(in_stream));
        }
        for reply in replies {
            let server = ModelServer::start([reply.clone()]).await;
            let model = model(&server, provider, api);
            let error = call(&model).await.1.expect_err("an error");
            let shown = format!("{error} {error:?} {model:?}");
            assert!(shown.contains("Incorrect API key provided: ***"), "{provider} {reply:?}: {shown}");
            assert!(!shown.contains("very-secret"), "{shown}");
        }
    }
}

#[tokio::test]
async fn a_body_over_the_bound_and_bodies_of_other_types_are_errors() {
    let page = Reply::status(200).header("content-type", "text/html").then(Step::Send("<html></html>".into()));
    let empty = Reply::status(200).header("content-type", "text/event-stream");
    let plain = Reply::status(200).header("content-type", "text/plain").then(Step::Send("nope".into()));
    for &(provider, api, ..) in DIALECTS {
        for reply in [page.clone(), empty.clone(), plain.clone(), Reply::json(200, "[]"), Reply::json(200, "{}")] {
            let server = ModelServer::start([reply.clone()]).await;
            let error = call(&model(&server, provider, api)).await.1.expect_err("an error");
            assert!(
                matches!(error.kind, ModelErrorKind::Protocol | ModelErrorKind::Provider),
                "{provider} {reply:?}: {error:?}"
            );
        }
    }
    let mut line = b"data: ".to_vec();
    line.resize(20 << 20, b'x');
    let server = ModelServer::start([Reply::sse(line)]).await;
    let error = call(&model(&server, "anthropic", Api::Messages)).await.1.expect_err("too large");
    assert!(error.kind == ModelErrorKind::Protocol && error.message.contains("larger"), "{error}");
}

#[tokio::test]
async fn whole_answers_are_read_where_a_service_does_not_stream() {
    let message = r#"{"type":"message","content":[{"type":"text","text":"Hi"}],"stop_reason":"end_turn","usage":{"input_tokens":1,"output_tokens":2}}"#;
    let response = r#"{"object":"response","status":"completed","output":[{"type":"message","id":"m","content":[{"type":"output_text","text":"Hi"}]}]}"#;
    let chunks = r#"[{"candidates":[{"content":{"parts":[{"text":"H"}]}}]},{"candidates":[{"content":{"parts":[{"text":"i"}]},"finishReason":"STOP"}]}]"#;
    for (provider, api, body) in
        [("anthropic", Api::Messages, message), ("openai", Api::Responses, response), ("google", Api::Gemini, chunks)]
    {
        let server = ModelServer::start([Reply::json(200, body)]).await;
        let (text, finish) = call(&model(&server, provider, api)).await;
        assert_eq!((&*text, finish.expect(provider)), ("Hi", Some(FinishReason::Stop)), "{provider}");
    }
}

/// A provider may say in its body when to come back.
#[tokio::test]
async fn a_wait_in_the_body_is_obeyed() {
    let body = r#"{"error":{"code":429,"message":"slow","status":"RESOURCE_EXHAUSTED",
        "details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"0.3s"}]}}"#;
    let good = reply(Api::Gemini, bytes("gemini/thought-then-text"));
    let server = ModelServer::start([Reply::json(429, body), good]).await;
    assert!(call(&model(&server, "google", Api::Gemini)).await.1.is_ok());
    let requests = server.requests();
    assert!(requests[1].at - requests[0].at >= Duration::from_millis(300));
}

#[tokio::test]
async fn a_part_that_the_model_cannot_take_is_told_without_a_request() {
    let content = serde_json::from_str(
        r#"[{"type":"video","source":{"type":"data","value":"QQ","mimeType":"video/x-msvideo"}}]"#,
    )
    .expect("content");
    let request = ModelRequest { messages: vec![ModelMessage::User { content }], ..ModelRequest::default() };
    for &(provider, api, ..) in DIALECTS.iter().filter(|row| row.1 != Api::Gemini) {
        let server = ModelServer::start([]).await;
        let error =
            model(&server, provider, api).stream(request.clone()).next().await.expect("item").expect_err("part");
        assert_eq!(error.kind, ModelErrorKind::BadRequest);
        assert!(error.message.contains("part 0 of type video"), "{error}");
        assert!(server.requests().is_empty());
    }
}

#[tokio::test]
async fn a_check_asks_the_service_and_then_the_model() {
    let deadline = Duration::from_secs(5);
    for &(provider, api, stream, _) in DIALECTS {
        let known = ModelServer::start([Reply::json(200, "{}"), reply(api, bytes(stream))]).await;
        let outcome = check(&model(&known, provider, api), deadline).await;
        if api != Api::Converse {
            assert!(matches!(outcome, Check::Ok { asked: false, .. }), "{provider}: {outcome:?}");
            assert_eq!((known.requests()[0].method.as_str(), known.requests().len()), ("GET", 1));
        }
        let unknown = match api {
            Api::Converse => vec![reply(api, bytes(stream))],
            _ => vec![Reply::status(404), reply(api, bytes(stream))],
        };
        let server = ModelServer::start(unknown).await;
        let outcome = check(&model(&server, provider, api), deadline).await;
        assert!(matches!(outcome, Check::Ok { asked: true, .. }), "{provider}: {outcome:?}");
        let refused = ModelServer::start([Reply::json(401, r#"{"error":{"message":"no"}}"#)]).await;
        let outcome = check(&model(&refused, provider, api), deadline).await;
        assert!(matches!(&outcome, Check::Failed(error) if error.kind == ModelErrorKind::Auth), "{outcome:?}");
    }
    let silent = ModelServer::start([Reply::status(200).then(Step::Stall)]).await;
    let outcome = check(&model(&silent, "openai", Api::Chat), Duration::from_millis(200)).await;
    assert!(matches!(&outcome, Check::Failed(error) if error.kind == ModelErrorKind::Timeout), "{outcome:?}");
    let nothing = ServiceModel::new(ServiceOptions::new(Profile::named("anthropic").expect("known"), "m")).expect("m");
    let outcome = check(&nothing, deadline).await;
    assert!(matches!(&outcome, Check::MissingKey { variable } if variable == "ANTHROPIC_API_KEY"), "{outcome:?}");
}
