//! A thread is its principal's: for everybody else it is as if it were not there.

use super::harness::{ALICE, Answer, BOB, ask, bearer, input, surface, with_auth};
use copilotkit_runtime::http::{METHODS, ROUTES, Route, RouteId, Surface};
use futures::{StreamExt as _, stream};
use serde_json::{Value, json};

/// A body that the route takes for a thread.
fn body(route: RouteId, thread: &str) -> String {
    match route {
        RouteId::Info | RouteId::Stop => String::new(),
        RouteId::Run | RouteId::Suggest | RouteId::Connect => input(thread).to_string(),
        RouteId::Thread => json!({ "agentId": "slow", "name": "renamed" }).to_string(),
        _ => json!({ "agentId": "slow" }).to_string(),
    }
}

/// Whether a request to the route names a thread.
fn names_thread(route: &Route) -> bool {
    // A suggestion has a thread id, and no thread.
    matches!(route.id, RouteId::Run | RouteId::Connect) || route.suffix.contains(&":threadId")
}

async fn rest(surface: &Surface, route: &Route, method: &str, token: &str, thread: &str) -> Answer {
    let segment = |segment: &&str| match segment.strip_prefix(':') {
        Some("agentId") => "quick".to_owned(),
        Some("threadId") => thread.to_owned(),
        Some(name) => format!("some-{name}"),
        None => (*segment).to_owned(),
    };
    let path = route.suffix.iter().map(segment).collect::<Vec<_>>().join("/");
    ask(surface, method, &format!("/copilotkit/{path}"), Some(token), &body(route.id, thread)).await
}

async fn enveloped(surface: &Surface, route: &Route, token: &str, thread: &str) -> Option<Answer> {
    let spec = METHODS.iter().find(|spec| spec.route == route.id)?;
    let id = |name: &&str| ((*name).to_owned(), json!(if *name == "agentId" { "quick" } else { thread }));
    let mut envelope = json!({ "method": spec.name, "params": spec.params.iter().map(id).collect::<Value>() });
    if let Ok(body) = serde_json::from_str::<Value>(&body(route.id, thread)) {
        envelope["body"] = body;
    }
    Some(ask(surface, "POST", "/copilotkit", Some(token), &envelope.to_string()).await)
}

/// The same by the path and method in an envelope.
async fn resource(surface: &Surface, route: &Route, method: &str, token: &str, thread: &str) -> Option<Answer> {
    let ("threads", suffix) = route.suffix.split_first().map(|(first, _)| (*first, route.suffix))? else { return None };
    let path = format!("/{}", suffix.join("/").replace(":threadId", thread));
    let body: Value = serde_json::from_str(&body(route.id, thread)).unwrap();
    let params = json!({ "path": path, "httpMethod": method });
    let envelope = json!({ "method": "resource/request", "params": params, "body": body });
    Some(ask(surface, "POST", "/copilotkit", Some(token), &envelope.to_string()).await)
}

/// Status and body, without the thread's id.
fn shape(answer: &Answer, thread: &str) -> (u16, String) {
    (answer.status.as_u16(), answer.text.replace(thread, "THREAD"))
}

/// A thread with a run that has ended, and one that goes on.
async fn live_run(surface: &Surface, token: &str, thread: &str) {
    let ended = ask(surface, "POST", "/copilotkit/agent/quick/run", Some(token), &input(thread).to_string()).await;
    assert!(ended.text.contains("RUN_FINISHED"), "{}", ended.text);
    let answer = ask(surface, "POST", "/copilotkit/agent/slow/run", Some(token), &input(thread).to_string()).await;
    assert_eq!(answer.who()["id"], "alice");
}

/// Asks as two principals, in one form; false when the route has none like it, or names no thread.
async fn isolated(route: &Route, method: &str, form: &str, id: usize) -> bool {
    // Its own: a principal may have a certain number of active runs.
    let surface = &surface(with_auth(bearer()));
    let (mine, unknown) = (format!("mine-{id}-{form}"), format!("none-{id}-{form}"));
    live_run(surface, ALICE, &mine).await;
    let asked = async |token, thread: &str| match form {
        "rest" => Some(rest(surface, route, method, token, thread).await),
        "resource" => resource(surface, route, method, token, thread).await,
        _ => enveloped(surface, route, token, thread).await,
    };
    let Some(others) = asked(BOB, &mine).await else { return false };
    let nobodys = asked(BOB, &unknown).await.unwrap();
    let what = format!("{:?} {method} {form}", route.id);
    if !names_thread(route) {
        let echoes = body(route.id, &mine).contains(&mine);
        assert!(echoes || !others.text.contains(&mine), "{what} shows a thread of another: {}", others.text);
        return false;
    }
    assert_eq!(shape(&others, &mine), shape(&nobodys, &unknown), "{what}");
    let (own, none) = (asked(ALICE, &mine).await.unwrap(), asked(ALICE, &unknown).await.unwrap());
    assert_ne!(shape(&own, &mine), shape(&none, &unknown), "{what}: its owner sees no difference either");
    true
}

#[tokio::test]
async fn a_thread_of_another_is_an_unknown_one_on_every_route() {
    let methods = ROUTES.iter().flat_map(|route| route.allow.split(", ").map(move |method| (route, method)));
    let asked = methods.enumerate().flat_map(|(id, (route, method))| {
        ["rest", "envelope", "resource"].map(|form| isolated(route, method, form, id))
    });
    // A few at once: what an answer still has to say is waited for by the clock.
    let walked: Vec<bool> = stream::iter(asked).buffer_unordered(8).collect().await;
    let walked = walked.into_iter().filter(|walked| *walked).count();
    assert!(walked >= 20, "{walked}");
}

#[tokio::test]
async fn one_id_under_two_principals_is_two_threads() {
    let surface = surface(with_auth(bearer()));
    live_run(&surface, ALICE, "t").await;
    let stop = |token| ask(&surface, "POST", "/copilotkit/agent/slow/stop/t", Some(token), "");
    let run = ask(&surface, "POST", "/copilotkit/agent/quick/run", Some(BOB), &input("t").to_string()).await;
    assert_eq!((run.status.as_u16(), run.who()["id"].clone()), (200, json!("bob")));
    let busy = ask(&surface, "POST", "/copilotkit/agent/quick/run", Some(ALICE), &input("t").to_string()).await;
    assert_eq!((busy.status.as_u16(), busy.code().as_str()), (409, "thread_busy"));
    assert_eq!(stop(BOB).await.json()["stopped"], false, "it is not his to stop");
    for (token, id) in [(ALICE, "alice"), (BOB, "bob")] {
        let seen = ask(&surface, "POST", "/copilotkit/agent/quick/connect", Some(token), &input("t").to_string()).await;
        assert_eq!(seen.who()["id"], id);
        let other = if id == "alice" { "bob" } else { "alice" };
        assert!(!seen.text.contains(other), "{}", seen.text);
    }
    assert_eq!(stop(ALICE).await.json()["stopped"], true);
}

#[tokio::test]
async fn suggestions_are_asked_for_by_somebody() {
    let surface = surface(with_auth(bearer()));
    let answer = ask(&surface, "POST", "/copilotkit/agent/quick/suggest", Some(BOB), &input("t").to_string()).await;
    assert_eq!(answer.who()["id"], "bob");
}
