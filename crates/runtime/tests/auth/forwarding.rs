//! What a remote agent gets to see of how its caller came in.

use super::harness::{ALICE, bearer, input, send, with_agents, with_auth};
use axum::body::Body;
use copilotkit_fixtures::{AgentServer, Script};
use copilotkit_runtime::agents::HttpAgent;
use copilotkit_runtime::headers::HeaderPolicy;
use copilotkit_runtime::http::SurfaceOptions;
use copilotkit_runtime::http::auth::Auth;
use copilotkit_runtime::{Principal, Registered};
use http::header::{AUTHORIZATION, HeaderName, HeaderValue};
use http::{HeaderMap, Request};

const EVENTS: [&str; 2] =
    [r#"{"type":"RUN_STARTED","threadId":"t","runId":"r"}"#, r#"{"type":"RUN_FINISHED","threadId":"t","runId":"r"}"#];

/// What a remote agent with this policy gets, by the name of each header.
async fn received(options: SurfaceOptions, policy: HeaderPolicy, own: HeaderMap) -> Vec<(String, String)> {
    let server = AgentServer::start(Script::events(EVENTS)).await.unwrap();
    let mut agent = HttpAgent::builder(server.url()).forward(policy);
    for (name, value) in &own {
        agent = agent.header(name.clone(), value.clone());
    }
    let surface = with_agents([Registered::new("remote", agent.build().unwrap())], options);
    let request = Request::post("/copilotkit/agent/remote/run")
        .header("authorization", format!("Bearer {ALICE}"))
        .header("x-key", "proof")
        .header("x-tenant", "t1")
        .header("cookie", "session=s");
    let answer = send(&surface, request.body(Body::from(input("t").to_string())).unwrap()).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert!(answer.text.contains("RUN_FINISHED"), "{}", answer.text);
    assert!(!answer.text.contains(ALICE), "{}", answer.text);
    let requests = server.requests();
    assert_eq!(requests.len(), 1);
    let sent = String::from_utf8_lossy(&requests[0].body).into_owned();
    assert!(!sent.contains(ALICE) && !sent.contains("proof"), "{sent}");
    let names = ["authorization", "cookie", "x-key", "x-tenant"];
    let mut headers = requests[0].headers.clone();
    headers.retain(|(name, _)| names.contains(&name.as_str()));
    headers.sort();
    headers
}

fn pairs(headers: &[(&str, &str)]) -> Vec<(String, String)> {
    headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[tokio::test]
async fn the_token_goes_on_only_where_it_is_named() {
    let token = format!("Bearer {ALICE}");
    let seen = received(SurfaceOptions::default(), HeaderPolicy::Default, HeaderMap::new()).await;
    let open = [("authorization", token.as_str()), ("x-key", "proof"), ("x-tenant", "t1")];
    assert_eq!(seen, pairs(&open), "without authentication, as the reference runtime does");

    let seen = received(with_auth(bearer()), HeaderPolicy::Default, HeaderMap::new()).await;
    assert_eq!(seen, pairs(&[("x-key", "proof"), ("x-tenant", "t1")]));

    let named = HeaderPolicy::only(["authorization"]).unwrap();
    let seen = received(with_auth(bearer()), named, HeaderMap::new()).await;
    assert_eq!(seen, pairs(&[("authorization", &token)]));

    let own = HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_static("Bearer of-the-server"))]);
    let seen = received(with_auth(bearer()), HeaderPolicy::Default, own).await;
    let expected = [("authorization", "Bearer of-the-server"), ("x-key", "proof"), ("x-tenant", "t1")];
    assert_eq!(seen, pairs(&expected));

    assert_eq!(received(with_auth(bearer()), HeaderPolicy::None, HeaderMap::new()).await, []);
}

#[tokio::test]
async fn what_a_function_of_the_user_s_own_looked_at_stays_here_too() {
    let auth = || {
        let auth = Auth::from_fn(|_| async { Ok(Principal::new("alice")) });
        with_auth(auth.credentials([HeaderName::from_static("x-key")]))
    };
    let token = format!("Bearer {ALICE}");
    let seen = received(auth(), HeaderPolicy::Default, HeaderMap::new()).await;
    assert_eq!(seen, pairs(&[("authorization", &token), ("x-tenant", "t1")]));
    let named = HeaderPolicy::only(["x-key"]).unwrap();
    assert_eq!(received(auth(), named, HeaderMap::new()).await, pairs(&[("x-key", "proof")]));
}
