//! What people may use: requests in a minute, tokens and money in a day.

use crate::kit::{Server, Servers};
use copilotkit_fixtures::model_server::{ModelServer, Reply};
use copilotkit_runtime::store::MemoryStore;
use serde_json::Value;
use std::sync::Arc;

fn refused(answer: &http::Response<String>) -> (u16, String, u64) {
    let body: Value = serde_json::from_str(answer.body()).unwrap();
    let wait = answer.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    (answer.status().as_u16(), body["code"].as_str().unwrap().to_owned(), wait)
}

#[tokio::test]
async fn a_budget_holds_until_midnight_also_across_a_restart() {
    for (budget, between) in [("tokens_per_day = 2000", false), ("cost_per_day = 0.0001", true)] {
        let store = Arc::new(MemoryStore::default());
        let servers = Servers::start().await;
        let file = format!("[budgets]\n{budget}\n{}", servers.agent());
        let server = Server::on(&file, store.clone(), &[]);
        let first = server.run("t-1", "where is 42?").await;
        assert_eq!(first.status(), 200);
        // The first call of the model alone costs more than the second budget has.
        assert_eq!(first.body().contains("budget_exhausted"), between, "{}", first.body());
        assert_eq!(servers.model.requests().len(), if between { 1 } else { 2 });
        server.lifecycle.drain(std::time::Duration::ZERO).await;
        drop(server);

        let again = Server::on(&file, store, &[]);
        let (status, code, wait) = refused(&again.run("t-2", "where is 42?").await);
        assert_eq!((status, code.as_str()), (429, "budget_exhausted"));
        assert!(wait > 0 && wait <= 86_400);
        let suggest = serde_json::json!({ "threadId": "t-3", "runId": "r", "messages": [] });
        let answer = again.send("POST", "/copilotkit/agent/default/suggest", &[], suggest).await;
        assert_eq!(refused(&answer).1, "budget_exhausted", "suggestions cost as much");
        assert_eq!(again.send("GET", "/copilotkit/threads", &[], Value::Null).await.status(), 200);
    }
}

#[tokio::test]
async fn a_call_that_is_stopped_before_its_end_counts_too() {
    let cut = || Reply::sse("data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a few words\"}}]}\n\n");
    let model = ModelServer::start((0..50).map(|_| cut())).await;
    let agent = format!(
        "[agents.default]\ntype = \"built-in\"\nmodel = \"openai/a\"\nbase_url = \"{}\"\napi_key = \"k\"\n",
        model.base_url()
    );
    let server = Server::start(&format!("[budgets]\ntokens_per_day = 1000\n{agent}"));
    let mut runs = 0;
    let exhausted = loop {
        let thread = format!("t-{runs}");
        let answer = server.run(&thread, &"word ".repeat(100)).await;
        if answer.status() != 200 {
            break refused(&answer).1;
        }
        runs += 1;
        assert!(runs < 50, "calls that nobody counted are free");
    };
    assert_eq!(exhausted, "budget_exhausted");
}

#[tokio::test]
async fn each_principal_has_its_own_rate() {
    let tokens = "tokens = [{ env = \"ALICE\", principal = \"alice\" }, { env = \"BOB\", principal = \"bob\" }]";
    let file = format!("[auth]\nkind = \"bearer\"\n{tokens}\n[limits]\nrequests_per_minute = 2\n");
    let variables = [("ALICE", "of-alice-0123456789abcdef"), ("BOB", "of-bob-0123456789abcdefgh")];
    let server = Server::on(&file, Arc::new(MemoryStore::default()), &variables);
    let ask = async |token: &str| {
        server.send("GET", "/copilotkit/info", &[("authorization", &format!("Bearer {token}"))], Value::Null).await
    };
    let (alice, bob) = ("of-alice-0123456789abcdef", "of-bob-0123456789abcdefgh");
    assert_eq!([ask(alice).await.status(), ask(alice).await.status()], [200, 200]);
    let (status, code, wait) = refused(&ask(alice).await);
    assert_eq!((status, code.as_str()), (429, "too_many_requests"));
    assert!((1..=30).contains(&wait), "{wait}");
    assert_eq!(ask(bob).await.status(), 200);
    assert_eq!(ask("of-nobody").await.status(), 401, "who is not known has no rate");
    server.lifecycle.measure();
    let counted = server.lifecycle.counters().get(copilotkit_runtime::Code::TooManyRequests);
    assert_eq!(counted, 1);
}
