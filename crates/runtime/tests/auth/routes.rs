//! The table of routes, walked: a route that is added tomorrow is closed as well.

use super::harness::{ALICE, Answer, ask, bearer, input, send, surface, with_auth};
use axum::body::Body;
use copilotkit_runtime::Principal;
use copilotkit_runtime::http::auth::{Auth, Denied};
use copilotkit_runtime::http::probes::{Readiness, with_probes};
use copilotkit_runtime::http::{Call, Halt, Hooks, METHODS, Mode, ROUTES, Surface, SurfaceOptions};
use http::request::Parts;
use http::{Request, StatusCode};
use serde_json::{Value, json};
use tower::ServiceExt as _;

/// What is open to everybody.
const OPEN: &[&str] = &["/health", "/ready"];

const RUN: &str = "/copilotkit/agent/quick/run";

/// Every way to reach a route: method, path, body.
fn doors(mode: Mode) -> Vec<(String, String, String)> {
    let mut doors = Vec::new();
    for base in ["/copilotkit", "/api/copilotkit"] {
        if mode != Mode::Single {
            for route in ROUTES {
                let segment = |segment: &&str| match segment.strip_prefix(':') {
                    Some("agentId") => "quick".to_owned(),
                    Some(name) => format!("some-{name}"),
                    None => (*segment).to_owned(),
                };
                let path = format!("{base}/{}", route.suffix.iter().map(segment).collect::<Vec<_>>().join("/"));
                for method in route.allow.split(", ") {
                    doors.push((method.to_owned(), path.clone(), input("t").to_string()));
                }
            }
        }
        if mode != Mode::Multi {
            for spec in METHODS {
                let params: Value = spec.params.iter().map(|name| ((*name).to_owned(), json!("quick"))).collect();
                let envelope = json!({ "method": spec.name, "params": params, "body": input("t") });
                doors.push(("POST".to_owned(), base.to_owned(), envelope.to_string()));
            }
        }
    }
    doors
}

/// Other ways to knock.
fn strays() -> Vec<(String, String, String)> {
    let all = [
        ("GET", "/copilotkit", ""),
        ("GET", "/copilotkit/", ""),
        ("POST", "/copilotkit", "not an envelope"),
        ("GET", "/copilotkit/nowhere", ""),
        ("DELETE", "/copilotkit/info", ""),
        ("GET", "/copilotkit/x/health", ""),
        ("GET", "/copilotkit/health", ""),
        ("GET", "/copilotkit//info/", ""),
        ("GET", "/copilotkit/%69nfo", ""),
        ("POST", "/copilotkit/agent/nobody/run", "{}"),
    ];
    all.map(|(method, path, body)| (method.to_owned(), path.to_owned(), body.to_owned())).to_vec()
}

fn assert_closed(answer: &Answer, door: &str) {
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{door}");
    assert_eq!(answer.challenge(), "Bearer realm=\"copilotkit\"", "{door}");
    let body = answer.json();
    assert_eq!((&body["error"], &body["code"]), (&json!("Unauthorized"), &json!("unauthenticated")), "{door}");
    assert!(body["message"].as_str().unwrap().contains("Authorization"), "{door}: {body}");
}

#[tokio::test]
async fn every_route_is_closed_without_a_token_and_opens_with_one() {
    for mode in [Mode::Both, Mode::Multi, Mode::Single] {
        let surface = surface(SurfaceOptions { mode, ..with_auth(bearer()) });
        let head = ask(&surface, "HEAD", "/copilotkit/info", None, "").await;
        assert_eq!((head.status.as_u16(), head.text.as_str()), (401, ""));
        let doors = doors(mode);
        assert!(doors.len() >= 2 * METHODS.len().min(ROUTES.len()), "{mode:?}");
        let mut refused = Vec::new();
        for (method, path, body) in doors.iter().chain(&strays()) {
            let door = format!("{mode:?} {method} {path} {body:.60}");
            let answer = ask(&surface, method, path, None, body).await;
            assert_closed(&answer, &door);
            refused.push(answer.text);
        }
        // Neither the route nor the agent nor the thread makes a difference.
        assert!(refused.iter().all(|text| *text == refused[0]));
        for (method, path, body) in doors {
            let answer = ask(&surface, &method, &path, Some(ALICE), &body).await;
            assert_ne!(answer.status, StatusCode::UNAUTHORIZED, "{mode:?} {method} {path}");
        }
    }
}

#[tokio::test]
async fn probes_and_preflights_are_open() {
    let surface = surface(with_auth(bearer()));
    let app = with_probes(surface.clone(), Readiness::default());
    for path in OPEN {
        let response = app.clone().oneshot(Request::get(*path).body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK, "{path}");
    }
    for (_, path, _) in doors(Mode::Both) {
        let request = Request::options(&path)
            .header("host", "localhost")
            .header("origin", "http://localhost:3000")
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "authorization,content-type");
        let answer = send(&surface, request.body(Body::empty()).unwrap()).await;
        assert_eq!(answer.status, StatusCode::NO_CONTENT, "{path}");
        assert_eq!(answer.headers["access-control-allow-headers"], "authorization,content-type");
        assert_eq!(answer.headers["access-control-allow-credentials"], "true");
    }
}

#[tokio::test]
async fn a_page_can_read_why_it_was_refused() {
    let surface = surface(with_auth(bearer()));
    let request =
        Request::get("/copilotkit/info").header("host", "localhost").header("origin", "http://localhost:3000");
    let answer = send(&surface, request.body(Body::empty()).unwrap()).await;
    assert_closed(&answer, "from a page");
    assert_eq!(answer.headers["access-control-allow-origin"], "http://localhost:3000");
    assert_eq!(answer.headers["access-control-allow-credentials"], "true");
}

#[tokio::test]
async fn a_body_is_not_read_for_those_who_are_not_known() {
    let surface = surface(with_auth(bearer()));
    for path in ["/copilotkit", "/copilotkit/agent/quick/run", "/copilotkit/nowhere"] {
        let endless = Body::from_stream(futures::stream::pending::<Result<&[u8], std::io::Error>>());
        let request = Request::post(path).header("content-type", "application/json").body(endless).unwrap();
        let answer = tokio::time::timeout(std::time::Duration::from_secs(5), send(&surface, request)).await;
        assert_closed(&answer.expect("the answer does not wait for the body"), path);
    }
}

#[tokio::test]
async fn a_function_of_the_user_s_own_decides() {
    let auth = Auth::from_fn(|request| async move {
        match request.headers.get("x-user").map(|value| value.to_str().unwrap()) {
            Some("down") => Err(Denied::unavailable().because("the table of users is locked")),
            Some("banned") => Err(Denied::forbidden("This account is closed.")),
            Some("old") => Err(Denied::invalid("The \"session\" is over.").because("secret reason")),
            Some(user) => Ok(Principal::new(user)),
            None => match request.extensions.get::<Principal>() {
                Some(known) => Ok(known.clone()),
                None => Err(Denied::missing()),
            },
        }
    });
    let surface = surface(with_auth(auth));
    let run = async |surface: &Surface, user: Option<&str>, layer: Option<&str>| {
        let mut request = Request::post("/copilotkit/agent/quick/run").header("content-type", "application/json");
        if let Some(user) = user {
            request = request.header("x-user", user);
        }
        if let Some(layer) = layer {
            request = request.extension(Principal::new(layer));
        }
        send(surface, request.body(Body::from(input("t").to_string())).unwrap()).await
    };
    assert_eq!(run(&surface, Some("carol"), None).await.who()["id"], "carol");
    assert_eq!(run(&surface, None, Some("dave")).await.who()["id"], "dave");
    assert_closed(&run(&surface, None, None).await, "nobody");
    let down = run(&surface, Some("down"), None).await;
    assert_eq!((down.status.as_u16(), down.code().as_str()), (503, "auth_unavailable"));
    assert_eq!(down.headers["retry-after"], "1");
    let banned = run(&surface, Some("banned"), None).await;
    assert_eq!((banned.status.as_u16(), banned.code().as_str()), (403, "forbidden"));
    assert_eq!(banned.json()["message"], "This account is closed.");
    let old = run(&surface, Some("old"), None).await;
    let expected = "Bearer realm=\"copilotkit\", error=\"invalid_token\", error_description=\"The session is over.\"";
    assert_eq!((old.status.as_u16(), old.challenge()), (401, expected));
    assert!(!old.text.contains("secret reason") && !down.text.contains("locked"));
}

#[tokio::test]
async fn without_authentication_everybody_is_anonymous_whatever_they_send() {
    let answer = ask(&surface(SurfaceOptions::default()), "POST", RUN, Some("x"), &input("t").to_string()).await;
    assert_eq!(answer.who()["id"], "anonymous");
}

#[tokio::test]
async fn what_a_layer_left_behind_does_not_go_before_a_token() {
    let surface = surface(with_auth(bearer()));
    let run = async |authorization: &str| {
        let request = Request::post(RUN).header("authorization", authorization).extension(Principal::new("mallory"));
        send(&surface, request.body(Body::from(input("t").to_string())).unwrap()).await
    };
    assert_eq!(run(&format!("Bearer {ALICE}")).await.who()["id"], "alice");
    assert_eq!(run("Bearer x").await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn no_hook_sees_the_route_of_those_who_are_not_known() {
    /// Answers every route that it hears of.
    struct Open;

    #[async_trait::async_trait]
    impl Hooks for Open {
        async fn before_handler(&self, _: &Call, _: &mut Parts) -> Result<(), Halt> {
            Err(Halt::answer("let in"))
        }
    }

    let surface = surface(with_auth(bearer()).with_hooks(Open));
    for (method, path, body) in doors(Mode::Both) {
        let answer = ask(&surface, &method, &path, None, &body).await;
        assert_closed(&answer, &format!("{method} {path} {body:.60}"));
    }
    assert_eq!(ask(&surface, "GET", "/copilotkit/info", Some(ALICE), "").await.text, "let in");
}

/// A route of a program's own, which stands beside the surface's, is for the same people.
#[tokio::test]
async fn a_route_of_ones_own_can_ask_the_surface_who_asks() {
    let surface = surface(SurfaceOptions { requests_per_minute: Some(2), ..with_auth(bearer()) });
    let admit = async |headers: &[(&str, &str)]| {
        let mut request = Request::builder().uri("/mine").header("host", "localhost:8000");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        let found = surface.admit(&mut parts).await.map(|principal| principal.id().to_owned());
        let sealed = parts.headers.get("authorization").is_some_and(http::HeaderValue::is_sensitive);
        found.map_err(|answer| answer.status()).map(|id| (id, sealed))
    };
    let alice = ("authorization", &*format!("Bearer {ALICE}"));
    assert_eq!(admit(&[]).await, Err(StatusCode::UNAUTHORIZED));
    assert_eq!(admit(&[("authorization", "Bearer somebody-else-s-token")]).await, Err(StatusCode::UNAUTHORIZED));
    assert_eq!(admit(&[alice, ("origin", "https://elsewhere.example")]).await, Err(StatusCode::FORBIDDEN));
    assert_eq!(admit(&[alice]).await, Ok(("alice".to_owned(), true)), "and the token goes no further");
    assert_eq!(admit(&[alice, ("origin", "http://localhost:3000")]).await, Ok(("alice".to_owned(), true)));
    assert_eq!(admit(&[alice]).await, Err(StatusCode::TOO_MANY_REQUESTS), "it counts against the same rate");
}
