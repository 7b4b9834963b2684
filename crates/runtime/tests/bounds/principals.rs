//! One principal does not take the places of all others.

use super::kit::{Script, Server, input};
use copilotkit_protocol::RunAgentInput;
use copilotkit_runtime::hub::Subscription;
use copilotkit_runtime::{Code, LifecycleOptions, Principal, RunError, StartRun};
use std::sync::Arc;
use std::time::Duration;

fn start(principal: &str, thread: &str) -> StartRun {
    let input = RunAgentInput { thread_id: thread.into(), run_id: "r".into(), ..Default::default() };
    let principal = Principal::new(principal);
    StartRun { agent_id: "scripted".into(), principal, headers: Arc::default(), input }
}

#[tokio::test]
async fn runs_and_suggestions_of_a_principal_count_together_and_give_their_places_back() {
    let options = LifecycleOptions { runs_per_principal: Some(2), ..LifecycleOptions::default() };
    let server = Server::scripted(Script::Silent, options).await;
    let lifecycle = &server.lifecycle;
    let _run = lifecycle.start(start("alice", "a")).await.unwrap();
    let suggestion: Subscription = lifecycle.suggest(start("alice", "b")).await.unwrap();
    for refused in [lifecycle.start(start("alice", "c")).await, lifecycle.suggest(start("alice", "c")).await] {
        assert!(matches!(refused, Err(RunError::TooManyRunsPerPrincipal(2))));
    }
    lifecycle.start(start("bob", "a")).await.unwrap();
    assert_eq!(lifecycle.counters().snapshot(), [(Code::TooManyRunsPerPrincipal, 2)]);
    // Nobody reads the suggestion any more: it ends, and its place is free.
    drop(suggestion);
    let again = async {
        while lifecycle.start(start("alice", "d")).await.is_err() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), again).await.expect("the place is given back");
}

#[tokio::test]
async fn over_http_it_is_a_429_that_says_when_to_come_again() {
    let options = LifecycleOptions { runs_per_principal: Some(1), ..LifecycleOptions::default() };
    let server = Server::scripted(Script::Silent, options).await;
    let _run = server.open_run("scripted", "t").await;
    for route in ["run", "suggest"] {
        let answer = server.ask("POST", &format!("/copilotkit/agent/scripted/{route}"), "", &input("u")).await;
        assert_eq!((answer.status, answer.code()), (429, "too_many_runs_per_principal"));
        assert_eq!(answer.header("retry-after"), Some("1"));
    }
    assert_eq!(server.counters().snapshot(), [(Code::TooManyRunsPerPrincipal, 2)]);
}
