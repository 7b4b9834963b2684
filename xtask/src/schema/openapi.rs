//! `openapi.json`: the routes of the router, the envelope and the probes. That the answers are those of the handlers is
//! tested in `answers`.

mod port;
mod threads;

use super::definitions;
use anyhow::Context;
use copilotkit_cli::config::ServerConfig;
use copilotkit_runtime::http::{METHODS, ROUTES, Route, RouteId};
use copilotkit_runtime::telemetry::metrics::CONTENT_TYPE;
use serde_json::{Map, Value, json};

/// An answer: status, what the body is, when it is given.
struct Answer(u16, Body, &'static str);

#[derive(Clone, Copy)]
enum Body {
    /// Server-sent events, each an AG-UI event.
    Events,
    /// This definition.
    Json(&'static str),
    /// `{"status": …}`
    Status(&'static str),
    /// Plain text.
    Text,
    /// The text that Prometheus reads.
    Metrics,
    /// Server-sent events, each an event of some run with where it came from.
    DebugEvents,
    /// Nothing.
    Empty,
}

/// A route as a reader needs it.
struct Operation {
    name: &'static str,
    summary: &'static str,
    description: &'static str,
    /// The definition of the body, and whether there must be one.
    request: Option<(&'static str, bool)>,
    answers: Vec<Answer>,
}

const ERROR: Body = Body::Json("ErrorBody");
const TOO_SLOW: Answer = Answer(408, ERROR, "The body did not arrive in time (`body_timeout`).");
const TOO_LARGE: Answer = Answer(413, ERROR, "The body is too large (`body_too_large`).");
const NO_AGENT: Answer = Answer(404, ERROR, "There is no such agent.");
const NO_STORE: Answer = Answer(503, ERROR, "The thread store cannot be used now.");
const NO_RUN: Answer = Answer(
    503,
    ERROR,
    "As many runs are active as the server allows (`too_many_runs`), it shuts down (`shutting_down`), or the thread \
     store cannot be used (`store_unavailable`, `store_full`).",
);
const TOO_MANY: Answer = Answer(
    429,
    ERROR,
    "The principal has as many active runs as it may have (`too_many_runs_per_principal`; the server has room for others), \
     or has used up its tokens or its money of the day (`budget_exhausted`).",
);
const BUSY: Answer = Answer(409, ERROR, "Another run is active on the thread (`thread_busy`).");
const BAD_THREAD: Answer = Answer(400, ERROR, "The thread's id is too long (`invalid_parameter`).");
const BAD_CHANGE: Answer = Answer(
    400,
    ERROR,
    "The thread's id is too long (`invalid_parameter`), or the body is not what the route takes; `details` names the member.",
);
const NO_THREAD: Answer = Answer(404, ERROR, "There is no such thread, or none of the caller's (`thread_not_found`).");
const LIVE_THREAD: Answer = Answer(409, ERROR, "A run is active on the thread (`thread_busy`): stop it first.");
const NO_PLATFORM: Answer = Answer(422, ERROR, "Always: this is only there on a platform (`not_available`).");
const BAD_INPUT: Answer = Answer(
    400,
    ERROR,
    "The body is not a RunAgentInput: `details` names the member as a path and says why. Or the cursor is no id of an \
     event (`invalid_parameter`).",
);

const UNKNOWN: &str = "Where authentication is on, it is not known who asks: there is no token (`unauthenticated`), or one \
     that does not hold (`invalid_token`).";
const FOREIGN: &str = "The request came by a name that the server does not answer to (`host_not_allowed`), or from a page \
     of an origin that may not use it (`origin_not_allowed`); or the caller is known, and this server is not for them \
     (`forbidden`).";
const TOO_OFTEN: &str = "The principal sends more requests than it may in a minute (`too_many_requests`).";
const NO_AUTH: &str = "It cannot be found out now who asks (`auth_unavailable`).";

/// Every route must be described here: a new one without is an error of `cargo xtask schema`.
fn operation(route: RouteId, method: &str) -> Option<Operation> {
    Some(match route {
        RouteId::Threads
        | RouteId::Thread
        | RouteId::ThreadArchive
        | RouteId::ThreadMessages
        | RouteId::ThreadEvents
        | RouteId::ThreadState
        | RouteId::ThreadsClear
        | RouteId::ThreadsSubscribe
        | RouteId::Annotate
        | RouteId::InspectorMetadata
        | RouteId::InspectorLearning => return threads::operation(route, method),
        RouteId::Info => Operation {
            name: "info",
            summary: "What the server is and which agents it has",
            description: "Frontends ask this first.",
            request: None,
            answers: vec![Answer(200, Body::Json("RuntimeInfo"), "The server and its agents.")],
        },
        RouteId::Run => Operation {
            name: "run",
            summary: "Starts a run and streams it",
            description: "The run goes on when the client hangs up; `connect` follows it again. With a cursor no run is \
                          started: the answer is that of `connect`.",
            request: Some(("RunAgentInput", true)),
            answers: vec![
                Answer(200, Body::Events, "The events of the run, from RUN_STARTED to RUN_FINISHED or RUN_ERROR."),
                BAD_INPUT,
                NO_AGENT,
                TOO_SLOW,
                BUSY,
                TOO_LARGE,
                TOO_MANY,
                NO_RUN,
            ],
        },
        RouteId::Suggest => Operation {
            name: "suggest",
            summary: "Runs an agent without a thread and streams it",
            description: "Nothing is kept, and the run ends when the client hangs up.",
            request: Some(("RunAgentInput", true)),
            answers: vec![
                Answer(200, Body::Events, "The events of the run, from RUN_STARTED to RUN_FINISHED or RUN_ERROR."),
                BAD_INPUT,
                NO_AGENT,
                TOO_SLOW,
                TOO_LARGE,
                TOO_MANY,
                NO_RUN,
            ],
        },
        RouteId::Connect => Operation {
            name: "connect",
            summary: "Replays a thread and follows its live run",
            description: "An unknown thread is an empty stream. With a cursor only what stands behind it is sent, or \
                          everything where that cannot be told; the header `X-Resume` says which: `cursor` or `full`.",
            request: Some(("RunAgentInput", true)),
            answers: vec![
                Answer(200, Body::Events, "The thread's events, then those of its live run until it ends."),
                BAD_INPUT,
                NO_AGENT,
                TOO_SLOW,
                TOO_LARGE,
                NO_STORE,
            ],
        },
        RouteId::Stop => Operation {
            name: "stop",
            summary: "Stops the live run of a thread",
            description: "The run ends within a second. Asking again does no harm.",
            request: Some(("StopRequest", false)),
            answers: vec![
                Answer(200, Body::Json("StopAnswer"), "Whether there was a run to stop."),
                Answer(400, ERROR, "The body is neither empty nor a stop request."),
                NO_AGENT,
                TOO_SLOW,
                TOO_LARGE,
                NO_STORE,
            ],
        },
        RouteId::DebugEvents => Operation {
            name: "debugEvents",
            summary: "Follows the events of every run and replay, of every user",
            description: "For developers; off unless `debug.feed` of the configuration is set. A reader that is too slow \
                loses events, and a comment says how many.",
            request: None,
            answers: vec![
                Answer(200, Body::DebugEvents, "Each event with its time in milliseconds, agent, thread and run."),
                Answer(404, Body::Text, "The feed is off."),
                Answer(503, ERROR, "As many readers follow it as there may be (`too_many_debug_readers`)."),
            ],
        },
        RouteId::Transcribe => Operation {
            name: "transcribe",
            summary: "Turns a recording into text",
            description: "The recording is a file in the field `audio` of a form, or base64 in JSON.",
            request: Some(("TranscribeBody", true)),
            answers: vec![
                Answer(200, Body::Json("Transcript"), "What was said."),
                Answer(
                    400,
                    ERROR,
                    "There is no recording in the request (`invalid_request`), or one that is not taken \
                     (`invalid_audio_format`, `audio_too_long`, `audio_too_short`).",
                ),
                Answer(401, ERROR, "The service does not accept the server's key (`auth_failed`)."),
                TOO_SLOW,
                TOO_LARGE,
                Answer(429, ERROR, "The service takes no more for now (`rate_limited`)."),
                Answer(500, ERROR, "The service failed (`provider_error`)."),
                Answer(502, ERROR, "The service cannot be reached (`network_error`)."),
                Answer(503, ERROR, "There is no service (`service_not_configured`)."),
                Answer(504, ERROR, "The service did not answer in time (`network_error`)."),
            ],
        },
        _ => return None,
    })
}

/// The whole document.
pub(crate) fn document() -> anyhow::Result<Value> {
    let prefix = "/components/schemas";
    let mut schemas = definitions::ag_ui(prefix);
    schemas.extend(definitions::runtime_api(prefix));
    let server = ServerConfig::default();
    let origin = format!("http://{}:{}", server.host, server.port);
    let mut paths = Map::new();
    paths.insert("/".to_owned(), json!({ "post": envelope() }));
    // Memories are not there unless a library's user says that they are to be refused in another way.
    for route in ROUTES.iter().filter(|route| route.id != RouteId::Memories) {
        let (path, item) = rest(route)?;
        paths.insert(path, item);
    }
    for (path, item) in probes(&origin) {
        paths.insert(path.to_owned(), item);
    }
    let bases = server.base_path.items().iter().map(|base| json!({ "url": format!("{origin}{base}") }));
    Ok(json!({
        "openapi": "3.1.0",
        "info": {
            "title": "CopilotKit runtime",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "What CopilotKit and AG-UI frontends talk to. The paths stand below each base path, \
                `server.base_path` of the configuration; a path is matched by its end, so anything may stand between.",
            "license": { "name": "MIT", "identifier": "MIT" },
        },
        "servers": bases.collect::<Vec<_>>(),
        "paths": paths,
        "components": { "schemas": schemas, "securitySchemes": { "bearer": {
            "type": "http", "scheme": "bearer",
            "description": "Where `auth.kind` of the configuration is `bearer` or `jwt`.",
        } } },
    }))
}

fn rest(route: &Route) -> anyhow::Result<(String, Value)> {
    let mut path = String::new();
    let mut parameters = Vec::new();
    for segment in route.suffix {
        path.push('/');
        match segment.strip_prefix(':') {
            Some(name) => {
                path.push_str(&format!("{{{name}}}"));
                parameters.push(json!({
                    "name": name, "in": "path", "required": true, "schema": { "type": "string" },
                }));
            }
            None => path.push_str(segment),
        }
    }
    let mut item = Map::new();
    if !parameters.is_empty() {
        item.insert("parameters".to_owned(), parameters.into());
    }
    for (index, method) in route.allow.split(", ").enumerate() {
        let operation = operation(route.id, method)
            .with_context(|| format!("describe {method} of {:?} in xtask/src/schema/openapi.rs", route.id))?;
        let mut described = described(&operation, route);
        if index == 0 {
            // The other methods of the path.
            described["responses"]["405"] = not_allowed(route.allow);
        }
        if let Some(parameters) = threads::query(route.id) {
            described["parameters"] = parameters;
        }
        item.insert(method.to_lowercase(), described);
    }
    Ok((path, item.into()))
}

fn described(operation: &Operation, route: &Route) -> Value {
    let mut responses = responses(&operation.answers);
    guarded(&mut responses, route.scope);
    let mut object = json!({
        "operationId": operation.name,
        "summary": operation.summary,
        "description": operation.description,
        "security": security(route.scope),
        "responses": responses,
    });
    if resumes(operation) {
        object["parameters"] = cursors();
    }
    if let Some((schema, required)) = operation.request {
        object["requestBody"] = json!({ "required": required, "content": json_content(&reference(schema)) });
        if operation.name == "transcribe" {
            object["requestBody"]["content"]["multipart/form-data"] = form("audio");
        }
    }
    object
}

/// Whether the route's stream can be taken up again.
fn resumes(operation: &Operation) -> bool {
    matches!(operation.name, "run" | "connect")
}

fn cursors() -> Value {
    let schema = json!({ "type": "string", "pattern": "^[0-9]*$" });
    let cursor =
        "The `id` of the last event that was read: the stream goes on behind it. Empty: only number the events.";
    let header = "As `cursor`, and counts before it.";
    json!([
        { "name": "cursor", "in": "query", "required": false, "description": cursor, "schema": schema },
        { "name": "Last-Event-ID", "in": "header", "required": false, "description": header, "schema": schema },
    ])
}

fn envelope() -> Value {
    let methods = METHODS.iter().map(|method| {
        let mut properties = json!({ "method": { "const": method.name } });
        let mut required = vec!["method"];
        if !method.params.is_empty() {
            let ids: Map<String, Value> =
                method.params.iter().map(|name| ((*name).to_owned(), json!({ "type": "string" }))).collect();
            properties["params"] = json!({ "type": "object", "required": method.params, "properties": ids });
            required.push("params");
        }
        if let Some((schema, _)) = operation(method.route, "POST").and_then(|operation| operation.request) {
            properties["body"] = reference(schema);
            if method.needs_body {
                required.push("body");
            }
        }
        json!({ "type": "object", "title": method.name, "required": required, "properties": properties })
    });
    let schema = json!({ "allOf": [reference("Envelope")], "oneOf": methods.collect::<Vec<_>>() });
    let schema = json!({ "anyOf": [schema, port::request()] });
    let mut answers =
        vec![Answer(400, ERROR, "Not an envelope (`invalid_request`), or its body is not what the method takes.")];
    let unsupported = Answer(415, ERROR, "The content type is not application/json.");
    let empty = Answer(204, Body::Empty, "The route that the method stands for has no body to answer with.");
    let too_many = Answer(429, ERROR, "As for a run, or as for a transcription (`rate_limited`).");
    answers.extend([empty, NO_AGENT, TOO_SLOW, BUSY, TOO_LARGE, unsupported, NO_PLATFORM, too_many, NO_RUN]);
    let transcribe = operation(RouteId::Transcribe, "POST").map(|operation| operation.answers).unwrap_or_default();
    answers.extend(transcribe.into_iter().filter(|Answer(status, ..)| matches!(status, 401 | 500 | 502 | 504)));
    let mut responses = responses(&answers);
    guarded(&mut responses, None);
    responses.insert("405".to_owned(), not_allowed("those of the path in `params`"));
    let all = [&["RuntimeInfo", "StopAnswer", "Transcript"], threads::BODIES].concat();
    let all: Vec<_> = all.into_iter().map(reference).chain([port::answer()]).collect();
    let (all, events) = (json!({ "anyOf": all }), json!({ "anyOf": [reference("Event"), port::event()] }));
    responses.insert(
        "200".to_owned(),
        json!({
            "description": "The answer of the route that the method stands for: JSON, or a stream of events.",
            "content": { "application/json": { "schema": all }, "text/event-stream": { "schema": events } },
        }),
    );
    let description = "`method` says which route is meant, `params` holds the ids of its path, `body` its body.";
    json!({
        "operationId": "envelope",
        "summary": "The single endpoint: every route by way of one path",
        "description": format!("{description} {}", port::DESCRIPTION),
        "security": security(None),
        "requestBody": { "required": true, "content": json_content(&schema) },
        "responses": responses,
    })
}

/// A token, or none where authentication is off.
fn security(scope: Option<&str>) -> Value {
    json!([{ "bearer": Vec::from_iter(scope) }, {}])
}

fn challenge() -> Value {
    header("WWW-Authenticate", "How to prove who asks, and what was wrong, as RFC 6750 has it.")
}

/// Adds what those get who may not, or whose identity cannot be found out.
fn guarded(responses: &mut Map<String, Value>, scope: Option<&str>) {
    let error =
        |description: &str| json!({ "description": description, "content": json_content(&reference("ErrorBody")) });
    match responses.get_mut("401") {
        // It has another meaning too, without the header.
        Some(other) => {
            other["description"] = format!("{} {UNKNOWN}", other["description"].as_str().unwrap_or_default()).into()
        }
        None => {
            let mut unknown = error(UNKNOWN);
            unknown["headers"] = challenge();
            responses.insert("401".to_owned(), unknown);
        }
    }
    let foreign = match scope {
        Some(scope) => format!("{FOREIGN} Or the token lacks the scope `{scope}` (`insufficient_scope`)."),
        None => FOREIGN.to_owned(),
    };
    responses.insert("403".to_owned(), error(&foreign));
    for (status, when) in [("429", TOO_OFTEN), ("503", NO_AUTH)] {
        match responses.get_mut(status) {
            Some(busy) => {
                busy["description"] = format!("{} {when}", busy["description"].as_str().unwrap_or_default()).into()
            }
            None => {
                let mut busy = error(when);
                busy["headers"] = header("Retry-After", "Seconds until another try makes sense.");
                responses.insert(status.to_owned(), busy);
            }
        }
    }
}

/// What stands beside the base paths.
fn probes(origin: &str) -> [(&'static str, Value); 3] {
    let probe = |name: &str, summary: &str, answers: &[Answer]| {
        json!({
            "servers": [{ "url": origin }],
            "get": { "operationId": name, "summary": summary, "responses": responses(answers) },
        })
    };
    [
        ("/health", probe("health", "Whether the process lives", &[Answer(200, Body::Status("ok"), "It does.")])),
        (
            "/ready",
            probe(
                "ready",
                "Whether the server wants new work",
                &[
                    Answer(200, Body::Status("ready"), "It does."),
                    Answer(503, Body::Status("draining"), "It is about to end: send new work elsewhere."),
                ],
            ),
        ),
        ("/metrics", metrics(origin)),
    ]
}

fn metrics(origin: &str) -> Value {
    let mut responses = responses(&[
        Answer(200, Body::Metrics, "The metrics, as Prometheus reads them."),
        Answer(
            401,
            ERROR,
            "There is a token for the metrics, and the request has none (`unauthenticated`) or another (`invalid_token`).",
        ),
        Answer(
            403,
            ERROR,
            "There is no token, and the request does not come from the server's own machine (`forbidden`).",
        ),
    ]);
    if let Some(unknown) = responses.get_mut("401") {
        unknown["headers"] = challenge();
    }
    json!({
        "servers": [{ "url": origin }],
        "get": {
            "operationId": "metrics",
            "summary": "What the server measured",
            "description": "For programs of the server's machine, or with the token that `[telemetry]` names; there only while `metrics` of that section is on.",
            "responses": responses,
        },
    })
}

fn responses(answers: &[Answer]) -> Map<String, Value> {
    let response = |Answer(status, body, when): &Answer| {
        let content = match body {
            Body::Empty => return (status.to_string(), json!({ "description": when })),
            Body::Events => json!({ "text/event-stream": { "schema": reference("Event") } }),
            Body::Json(name) => json_content(&reference(name)),
            Body::Text => json!({ "text/plain;charset=UTF-8": { "schema": { "const": "Not Found" } } }),
            Body::Metrics => {
                let mut content = Map::new();
                content.insert(CONTENT_TYPE.to_owned(), json!({ "schema": { "type": "string" } }));
                content.into()
            }
            Body::DebugEvents => json!({ "text/event-stream": { "schema": debug_event() } }),
            Body::Status(word) => json_content(&json!({
                "type": "object", "required": ["status"], "properties": { "status": { "const": word } },
            })),
        };
        let mut response = json!({ "description": when, "content": content });
        let retry =
            matches!(status, 429 | 503) && !when.contains("service_not_configured") && !when.contains("rate_limited");
        if retry && matches!(body, Body::Json(_)) {
            response["headers"] = header("Retry-After", "Seconds until another try makes sense.");
        }
        (status.to_string(), response)
    };
    answers.iter().map(response).collect()
}

fn debug_event() -> Value {
    let text = json!({ "type": "string" });
    json!({
        "type": "object",
        "required": ["timestamp", "agentId", "threadId", "runId", "event"],
        "additionalProperties": false,
        "properties": {
            "timestamp": { "type": "integer" }, "agentId": text, "threadId": text, "runId": text,
            "event": reference("Event"),
        },
    })
}

/// A form with one file.
fn form(field: &str) -> Value {
    let mut properties = Map::new();
    properties.insert(field.to_owned(), json!({ "type": "string", "contentMediaType": "audio/*" }));
    json!({ "schema": { "type": "object", "required": [field], "properties": properties } })
}

fn not_allowed(allow: &str) -> Value {
    json!({
        "description": "The path takes another method.",
        "headers": header("Allow", &format!("The methods that it takes: {allow}.")),
        "content": json_content(&reference("ErrorBody")),
    })
}

fn header(name: &str, description: &str) -> Value {
    let mut headers = Map::new();
    headers.insert(name.to_owned(), json!({ "description": description, "schema": { "type": "string" } }));
    headers.into()
}

fn json_content(schema: &Value) -> Value {
    json!({ "application/json": { "schema": schema } })
}

fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}
