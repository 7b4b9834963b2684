//! The handlers beside `openapi.json`: every answer that they give is described, and every one that is described is
//! given.

use super::openapi;
use axum::body::{Body, Bytes, to_bytes};
use axum::middleware::map_request;
use copilotkit_runtime::agent::{EventStream, RunContext};
use copilotkit_runtime::debug::DebugOptions;
use copilotkit_runtime::http::auth::{Auth, Denied};
use copilotkit_runtime::http::probes::{Readiness, with_probes};
use copilotkit_runtime::http::server::Peer;
use copilotkit_runtime::http::{MetricsAccess, ROUTES, Surface, SurfaceOptions, Transcription, with_metrics};
use copilotkit_runtime::{
    Agent, AgentRegistry, Lifecycle, LifecycleOptions, Registered, TranscribeError, TranscribeRequest, Transcriber,
};
use futures::{StreamExt as _, stream};
use http::{Request, StatusCode};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// Says nothing; ends at once, or never.
struct Quiet {
    ends: bool,
}

impl Agent for Quiet {
    fn run(&self, _: RunContext) -> EventStream {
        if self.ends { stream::empty().boxed() } else { stream::pending().boxed() }
    }
}

/// Fails as the recording says.
struct Obedient;

#[async_trait::async_trait]
impl Transcriber for Obedient {
    async fn transcribe(&self, request: TranscribeRequest) -> Result<String, TranscribeError> {
        let detail = String::new();
        Err(match &request.audio[..] {
            b"401" => TranscribeError::Auth { detail },
            b"429" => TranscribeError::RateLimited { retry_after: None },
            b"500" => TranscribeError::Provider { message: "no".to_owned(), retryable: true },
            b"502" => TranscribeError::Network { detail },
            b"504" => std::future::pending().await,
            _ => return Ok("words".to_owned()),
        })
    }
}

/// Recordings that say the status with which they end, and it.
const RECORDINGS: [(&str, u16); 6] =
    [("MjAw", 200), ("NDAx", 401), ("NDI5", 429), ("NTAw", 500), ("NTAy", 502), ("NTA0", 504)];

/// What stands beside the base path.
const BESIDE: [&str; 3] = ["/health", "/ready", "/metrics"];

/// One request: method, path below the base, content type, body.
struct Asked<'a>(&'a str, &'a str, Option<&'static str>, Body);

const JSON: Option<&str> = Some("application/json");

fn json(text: impl ToString) -> Body {
    Body::from(text.to_string())
}

fn input(thread: &str) -> Value {
    json!({ "threadId": thread, "runId": "r", "messages": [], "tools": [], "context": [] })
}

fn call(method: &str, agent: &str, body: Option<Value>) -> Body {
    let mut envelope = json!({ "method": method, "params": { "agentId": agent, "threadId": "t" } });
    if let Some(body) = body {
        envelope["body"] = body;
    }
    json(envelope)
}

/// The document, a router, and what was seen: path, method, status.
struct Bench {
    document: Value,
    app: axum::Router,
    /// The same without what turns recordings into text.
    deaf: axum::Router,
    seen: BTreeSet<(String, String, String)>,
}

impl Bench {
    fn new(lifecycle: LifecycleOptions, readiness: Readiness) -> (Self, Surface) {
        let agents = [Registered::new("quick", Quiet { ends: true }), Registered::new("slow", Quiet { ends: false })];
        let lifecycle = Lifecycle::new(Arc::new(AgentRegistry::new(agents)), lifecycle);
        let options = SurfaceOptions {
            body_max: 2_000,
            body_timeout: Duration::from_millis(50),
            keep_alive: Duration::from_millis(20),
            transcription: Some(Transcription { timeout: Duration::from_millis(50), ..Transcription::new(Obedient) }),
            ..SurfaceOptions::default()
        };
        let deaf = SurfaceOptions { transcription: None, ..options.clone() };
        let deaf = with_probes(Surface::new(lifecycle.clone(), deaf), readiness.clone());
        let surface = Surface::new(lifecycle, options);
        let app = with_probes(surface.clone(), readiness);
        (Self { document: openapi::document().unwrap(), app, deaf, seen: BTreeSet::new() }, surface)
    }

    /// Sends a request, finds the answer in the document and holds its body against the schema there.
    async fn ask(&mut self, template: &str, asked: Asked<'_>, expected: u16) {
        let Asked(method, path, content_type, body) = asked;
        let base = if BESIDE.contains(&template) { "" } else { "/copilotkit" };
        let mut request = Request::builder().method(method).uri(format!("{base}{path}"));
        if let Some(content_type) = content_type {
            request = request.header("content-type", content_type);
        }
        let request = request.body(body).unwrap();
        let response = tower::ServiceExt::oneshot(self.app.clone(), request).await.unwrap();
        let status = response.status();
        assert_eq!(status, StatusCode::from_u16(expected).unwrap(), "{method} {path}");
        let item = &self.document["paths"][template];
        // What answers another method stands with the one that the path takes.
        let own = method.to_lowercase();
        let documented =
            [own.as_str(), "get", "patch", "post"].into_iter().find(|method| item.get(*method).is_some()).unwrap();
        let answer = &item[documented]["responses"][status.as_str()];
        assert!(answer.is_object(), "{method} {path}: {status} is not described");
        for name in answer["headers"].as_object().into_iter().flatten().map(|(name, _)| name) {
            assert!(response.headers().contains_key(name), "{method} {path}: {status} has no {name}");
        }
        self.seen.insert((template.to_owned(), documented.to_owned(), status.as_str().to_owned()));
        if answer.get("content").is_none() {
            let body = to_bytes(response.into_body(), 1 << 20).await.unwrap();
            assert!(body.is_empty(), "{method} {path}: {status} has a body, which is not described");
            return;
        }
        let kind = response.headers()["content-type"].to_str().unwrap().to_owned();
        let schema = &answer["content"][&kind]["schema"];
        assert!(schema.is_object(), "{method} {path}: {status} is {kind}, which is not described");
        if kind.starts_with("text/plain") {
            let body = to_bytes(response.into_body(), 1 << 20).await.unwrap();
            self.hold(schema, &Value::from(std::str::from_utf8(&body).unwrap()), path);
        } else if kind == "application/json" {
            let body = to_bytes(response.into_body(), 1 << 20).await.unwrap();
            self.hold(schema, &serde_json::from_slice(&body).unwrap(), path);
        } else {
            let ends = path.contains("quick");
            // Of a stream that does not end, the first piece.
            let mut pieces = response.into_body().into_data_stream().take(if ends { usize::MAX } else { 1 });
            while let Some(piece) = pieces.next().await {
                for frame in std::str::from_utf8(&piece.unwrap())
                    .unwrap()
                    .split_terminator("\n\n")
                    .filter(|frame| !frame.starts_with(':') && *frame != "data: [DONE]")
                {
                    let event = serde_json::from_str(frame.strip_prefix("data: ").unwrap()).unwrap();
                    self.hold(schema, &event, path);
                }
            }
        }
    }

    fn hold(&self, schema: &Value, body: &Value, path: &str) {
        let mut root = schema.clone();
        root["components"] = self.document["components"].clone();
        let validator = jsonschema::options().with_draft(jsonschema::Draft::Draft202012).build(&root).unwrap();
        let errors: Vec<_> = validator.iter_errors(body).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{path}: {body}: {errors:?}");
    }
}

/// Those who are not let in, on every route.
async fn guarded(bench: &mut Bench) {
    let open = bench.app.clone();
    let templates = ROUTES.iter().map(|route| {
        let braced =
            |segment: &&str| segment.strip_prefix(':').map_or((*segment).to_owned(), |name| format!("{{{name}}}"));
        let template = format!("/{}", route.suffix.iter().map(braced).collect::<Vec<_>>().join("/"));
        (template, route.allow)
    });
    for (template, allow) in templates.chain([("/".to_owned(), "POST")]).collect::<Vec<_>>() {
        let path = if template == "/" { "" } else { template.as_str() };
        let path = path.replace(['{', '}'], "");
        if bench.document["paths"].get(&template).is_none() {
            continue;
        }
        for method in allow.split(", ") {
            for (denied, status) in [
                (Denied::missing(), 401),
                (Denied::invalid("x"), 401),
                (Denied::forbidden("x"), 403),
                (Denied::unavailable(), 503),
            ] {
                let auth = Auth::from_fn(move |_| std::future::ready(Err(denied.clone())));
                let surface = Surface::new(
                    Lifecycle::new(Arc::default(), LifecycleOptions::default()),
                    SurfaceOptions { auth: Some(auth), ..SurfaceOptions::default() },
                );
                bench.app = with_probes(surface, Readiness::default());
                bench.ask(&template, Asked(method, &path, JSON, json("{}")), status).await;
            }
            let surface = Surface::new(
                Lifecycle::new(Arc::default(), LifecycleOptions::default()),
                SurfaceOptions { requests_per_minute: Some(0), ..SurfaceOptions::default() },
            );
            bench.app = with_probes(surface, Readiness::default());
            bench.ask(&template, Asked(method, &path, JSON, json("{}")), 429).await;
        }
    }
    bench.app = open;
}

/// A body that begins and never ends.
fn endless() -> Body {
    let begun = stream::once(async { Ok::<_, std::io::Error>(Bytes::from_static(b"{")) });
    Body::from_stream(begun.chain(stream::pending()))
}

fn long_body() -> Body {
    Body::from("x".repeat(3_000))
}

#[tokio::test]
async fn the_answers_are_those_that_are_described() {
    let readiness = Readiness::default();
    let (mut bench, surface) =
        Bench::new(LifecycleOptions { runs: 2, ..LifecycleOptions::default() }, readiness.clone());
    for (path, name) in [("/health", "/health"), ("/ready", "/ready"), ("/info", "/info")] {
        bench.ask(name, Asked("GET", path, None, Body::empty()), 200).await;
    }
    bench.ask("/info", Asked("PUT", "/info", None, Body::empty()), 405).await;
    let (run, connect, stop) = ("/agent/{agentId}/run", "/agent/{agentId}/connect", "/agent/{agentId}/stop/{threadId}");
    bench.ask(run, Asked("POST", "/agent/quick/run", JSON, json(input("t"))), 200).await;
    let suggest = "/agent/{agentId}/suggest";
    bench.ask(suggest, Asked("POST", "/agent/quick/suggest", JSON, json(input("t"))), 200).await;
    bench.ask(suggest, Asked("POST", "/agent/quick/suggest", JSON, json("{}")), 400).await;
    bench.ask(connect, Asked("POST", "/agent/quick/connect", JSON, json(input("t"))), 200).await;
    for body in [json("{"), json("{}"), json(""), json(json!({ "threadId": 1 })), json(input(&"x".repeat(300)))] {
        bench.ask(run, Asked("POST", "/agent/quick/run", JSON, body), 400).await;
    }
    bench.ask(connect, Asked("POST", "/agent/quick/connect", JSON, json("{}")), 400).await;
    bench.ask(stop, Asked("POST", "/agent/quick/stop/t", JSON, json("[]")), 400).await;
    bench.ask(stop, Asked("POST", "/agent/quick/stop/t", JSON, json("{\"runId\":5}")), 400).await;
    for (template, known, unknown) in [
        (run, "/agent/quick/run", "/agent/nobody/run"),
        (suggest, "/agent/quick/suggest", "/agent/nobody/suggest"),
        (connect, "/agent/quick/connect", "/agent/nobody/connect"),
        (stop, "/agent/quick/stop/t", "/agent/nobody/stop/t"),
    ] {
        let body = || if template == stop { json("{}") } else { json(input("t")) };
        bench.ask(template, Asked("POST", unknown, JSON, body()), 404).await;
        bench.ask(template, Asked("GET", known, None, Body::empty()), 405).await;
        bench.ask(template, Asked("POST", known, JSON, endless()), 408).await;
        bench.ask(template, Asked("POST", known, JSON, long_body()), 413).await;
    }
    metrics(&mut bench, surface.lifecycle()).await;
    transcribe(&mut bench).await;
    threads(&mut bench).await;
    envelope(&mut bench).await;
    guarded(&mut bench).await;
    debug_feed(&mut bench).await;
    too_many(&mut bench).await;
    // A run that goes on: its thread is busy, it can be stopped, and it holds one of the two places.
    bench.ask(run, Asked("POST", "/agent/slow/run", JSON, json(input("busy"))), 200).await;
    bench.ask(run, Asked("POST", "/agent/slow/run", JSON, json(input("busy"))), 409).await;
    bench.ask("/threads/{threadId}", Asked("DELETE", "/threads/busy", None, Body::empty()), 409).await;
    bench.ask("/", Asked("POST", "", JSON, call("agent/run", "slow", Some(input("busy")))), 409).await;
    bench.ask(run, Asked("POST", "/agent/slow/run", JSON, json(input("other"))), 200).await;
    bench.ask(run, Asked("POST", "/agent/quick/run", JSON, json(input("third"))), 503).await;
    bench.ask(suggest, Asked("POST", "/agent/quick/suggest", JSON, json(input("third"))), 503).await;
    bench.ask("/", Asked("POST", "", JSON, call("agent/run", "quick", Some(input("third")))), 503).await;
    bench.ask(stop, Asked("POST", "/agent/slow/stop/busy", JSON, json("{}")), 200).await;
    bench.ask(stop, Asked("POST", "/agent/slow/stop/nothing", JSON, Body::empty()), 200).await;
    readiness.withdraw();
    bench.ask("/ready", Asked("GET", "/ready", None, Body::empty()), 503).await;
    surface.lifecycle().drain(Duration::ZERO).await;
    everything_was_seen(&bench);
}

/// Asked from this machine, from somewhere, and where there is a token.
async fn metrics(bench: &mut Bench, lifecycle: &Lifecycle) {
    let open = bench.app.clone();
    let app = |access| with_metrics(axum::Router::new(), lifecycle.clone(), access);
    let ask = || Asked("GET", "/metrics", None, Body::empty());
    let here = Peer(([127, 0, 0, 1], 1).into());
    bench.app = app(MetricsAccess::Loopback).layer(axum::Extension(here)).layer(map_request(named));
    bench.ask("/metrics", ask(), 200).await;
    bench.app = app(MetricsAccess::Loopback);
    bench.ask("/metrics", ask(), 403).await;
    for denied in [Denied::missing(), Denied::invalid("x")] {
        let auth = Auth::from_fn(move |_| std::future::ready(Err(denied.clone())));
        bench.app = app(MetricsAccess::Token(auth));
        bench.ask("/metrics", ask(), 401).await;
    }
    bench.app = open;
}

/// A request as a client on this machine sends it.
async fn named(mut request: Request<Body>) -> Request<Body> {
    request.headers_mut().insert("host", http::HeaderValue::from_static("localhost"));
    request
}

/// The feed while it is off, while it is on, and with no place left.
async fn debug_feed(bench: &mut Bench) {
    let ask = || Asked("GET", "/cpk-debug-events", None, Body::empty());
    let feed = "/cpk-debug-events";
    bench.ask(feed, ask(), 404).await;
    bench.ask(feed, Asked("POST", feed, None, Body::empty()), 405).await;
    let debug = DebugOptions { feed: true, ..DebugOptions::default() };
    let (mut on, surface) = Bench::new(LifecycleOptions { debug, ..LifecycleOptions::default() }, Readiness::default());
    on.ask(feed, ask(), 200).await;
    let shown = surface.lifecycle().debug_feed().unwrap();
    let readers: Vec<_> = std::iter::from_fn(|| shown.subscribe().ok()).collect();
    assert!(!readers.is_empty());
    on.ask(feed, ask(), 503).await;
    bench.seen.extend(on.seen);
}

/// A principal that has no place left.
async fn too_many(bench: &mut Bench) {
    let options = LifecycleOptions { runs_per_principal: Some(0), ..LifecycleOptions::default() };
    let (mut full, _) = Bench::new(options, Readiness::default());
    for (template, path) in
        [("/agent/{agentId}/run", "/agent/quick/run"), ("/agent/{agentId}/suggest", "/agent/quick/suggest")]
    {
        full.ask(template, Asked("POST", path, JSON, json(input("t"))), 429).await;
    }
    full.ask("/", Asked("POST", "", JSON, call("agent/run", "quick", Some(input("t")))), 429).await;
    bench.seen.extend(full.seen);
}

async fn transcribe(bench: &mut Bench) {
    let name = "/transcribe";
    let post = |body| Asked("POST", "/transcribe", JSON, body);
    for (audio, status) in RECORDINGS {
        bench.ask(name, post(json(json!({ "audio": audio, "mimeType": "audio/webm" }))), status).await;
    }
    for body in ["{", "{}", "{\"audio\":\"MjAw\"}", "{\"audio\":\"MjAw\",\"mimeType\":\"text/plain\"}"] {
        bench.ask(name, post(json(body)), 400).await;
    }
    bench.ask(name, Asked("GET", "/transcribe", None, Body::empty()), 405).await;
    bench.ask(name, post(endless()), 408).await;
    bench.ask(name, post(long_body()), 413).await;
    let without = std::mem::replace(&mut bench.app, bench.deaf.clone());
    bench.ask(name, post(json("{}")), 503).await;
    bench.app = without;
}

async fn threads(bench: &mut Bench) {
    let long = "x".repeat(300);
    let (list, one, archive) = ("/threads", "/threads/{threadId}", "/threads/{threadId}/archive");
    bench.ask(list, Asked("GET", "/threads?limit=1", None, Body::empty()), 200).await;
    bench.ask(list, Asked("GET", "/threads?limit=0", None, Body::empty()), 400).await;
    bench.ask(list, Asked("PUT", "/threads", None, Body::empty()), 405).await;
    for (template, below) in [
        ("/threads/{threadId}/messages", "messages"),
        ("/threads/{threadId}/events", "events"),
        ("/threads/{threadId}/state", "state"),
    ] {
        bench.ask(template, Asked("GET", &format!("/threads/t/{below}"), None, Body::empty()), 200).await;
        bench.ask(template, Asked("GET", &format!("/threads/none/{below}"), None, Body::empty()), 200).await;
        bench.ask(template, Asked("GET", &format!("/threads/{long}/{below}"), None, Body::empty()), 400).await;
        bench.ask(template, Asked("POST", &format!("/threads/t/{below}"), JSON, json("{}")), 405).await;
    }
    bench.ask(one, Asked("GET", "/threads/t", None, Body::empty()), 200).await;
    bench.ask(one, Asked("GET", "/threads/none", None, Body::empty()), 404).await;
    bench.ask(one, Asked("GET", &format!("/threads/{long}"), None, Body::empty()), 400).await;
    bench.ask(one, Asked("PUT", "/threads/t", None, Body::empty()), 405).await;
    bench.ask(archive, Asked("PUT", "/threads/t/archive", None, Body::empty()), 405).await;
    for (template, method, below) in [(one, "PATCH", ""), (archive, "POST", "/archive"), (one, "DELETE", "")] {
        let known = format!("/threads/t{below}");
        bench.ask(template, Asked(method, &known, JSON, json("[]")), 400).await;
        bench.ask(template, Asked(method, &format!("/threads/none{below}"), JSON, json("{}")), 404).await;
        bench.ask(template, Asked(method, &known, JSON, endless()), 408).await;
        bench.ask(template, Asked(method, &known, JSON, long_body()), 413).await;
        bench.ask(template, Asked(method, &known, JSON, json("{\"name\":\"n\",\"agentId\":\"a\"}")), 200).await;
    }
    for (path, method, other, status) in [
        ("/threads/clear", "POST", "GET", 204),
        ("/threads/subscribe", "POST", "GET", 422),
        ("/annotate", "POST", "GET", 422),
        ("/inspector-metadata", "GET", "POST", 204),
        ("/inspector-learning", "GET", "POST", 404),
    ] {
        bench.ask(path, Asked(method, path, None, Body::empty()), status).await;
        bench.ask(path, Asked(other, path, None, Body::empty()), 405).await;
    }
}

fn resource(method: &str, path: &str) -> Body {
    json(json!({ "method": "resource/request", "params": { "path": path, "httpMethod": method } }))
}

async fn envelope(bench: &mut Bench) {
    bench.ask("/", Asked("POST", "", JSON, resource("GET", "/threads")), 200).await;
    bench.ask("/", Asked("POST", "", JSON, resource("POST", "/threads/clear")), 204).await;
    bench.ask("/", Asked("POST", "", JSON, resource("POST", "/threads")), 405).await;
    bench.ask("/", Asked("POST", "", JSON, resource("POST", "/annotate")), 422).await;

    for (method, body) in [
        ("info", None),
        ("agent/run", Some(input("enveloped"))),
        ("agent/suggest", Some(input("enveloped"))),
        ("agent/connect", Some(input("enveloped"))),
        ("agent/stop", None),
    ] {
        bench.ask("/", Asked("POST", "", JSON, call(method, "quick", body)), 200).await;
    }
    let chat = json!({ "messages": [], "threadId": "port", "agentSession": { "agentName": "quick" } });
    bench.ask("/", Asked("POST", "", JSON, json(chat)), 200).await;
    let unknown = json!({ "messages": [{ "type": "video" }], "agentSession": { "agentName": "quick" } });
    bench.ask("/", Asked("POST", "", JSON, json(unknown)), 400).await;
    for (audio, status) in RECORDINGS {
        let body = json!({ "audio": audio, "mimeType": "audio/webm" });
        bench.ask("/", Asked("POST", "", JSON, call("transcribe", "quick", Some(body))), status).await;
    }
    for body in [
        json("{"),
        json("[]"),
        json("{}"),
        json("{\"method\":\"agent/dance\"}"),
        json("{\"method\":\"agent/run\"}"),
        call("agent/run", "quick", None),
        call("agent/run", "quick", Some(json!({}))),
    ] {
        bench.ask("/", Asked("POST", "", JSON, body), 400).await;
    }
    bench.ask("/", Asked("POST", "", JSON, call("agent/run", "nobody", Some(input("t")))), 404).await;
    bench.ask("/", Asked("POST", "", JSON, endless()), 408).await;
    bench.ask("/", Asked("POST", "", JSON, long_body()), 413).await;
    bench.ask("/", Asked("POST", "", Some("text/plain"), json("{}")), 415).await;
}

/// What is described without being given would be a promise that nobody keeps.
fn everything_was_seen(bench: &Bench) {
    for (path, item) in bench.document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap().iter().filter(|(_, it)| it.get("responses").is_some()) {
            for status in operation["responses"].as_object().unwrap().keys() {
                let seen = bench.seen.contains(&(path.clone(), method.clone(), status.clone()));
                assert!(seen, "{method} {path} {status}");
            }
        }
    }
}
