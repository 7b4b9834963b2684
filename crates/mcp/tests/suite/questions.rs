//! Questions over stdio, where nothing says which call they belong to.

use crate::fake::until;
use crate::pool::{pool, said};
use async_trait::async_trait;
use copilotkit_mcp::elicit::{Answer, Elicit, Question};
use copilotkit_mcp::{CallTerms, ErrorKind, Lease, ServerConfig};
use copilotkit_protocol::Json;
use http::HeaderMap;
use serde_json::json;
use std::sync::{Arc, Mutex};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

fn server() -> Arc<ServerConfig> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers/asks.sh");
    Arc::new(ServerConfig { elicitation: true, ..ServerConfig::stdio("asks", &["sh", script]).unwrap() })
}

/// Somebody who answers with a name when they may.
struct Person {
    name: String,
    asked: Mutex<Vec<String>>,
    may: Semaphore,
}

impl Person {
    fn new(name: &str, at_once: usize) -> Arc<Self> {
        Arc::new(Self { name: name.to_owned(), asked: Mutex::default(), may: Semaphore::new(at_once) })
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    async fn is_greeted(self: &Arc<Self>, lease: &Lease) -> (String, String) {
        self.calls("greet", lease).await
    }

    /// The process that greeted, and what it said.
    async fn calls(self: &Arc<Self>, tool: &str, lease: &Lease) -> (String, String) {
        let terms = CallTerms { elicit: Some(Arc::clone(self) as Arc<dyn Elicit>), ..CallTerms::default() };
        let called = lease.call_tool(tool, &Json::from(json!({ "who": self.name })), &terms).await.unwrap();
        let (process, greeted) = said(&called).split_once(": ").map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
        (process, greeted)
    }
}

#[async_trait]
impl Elicit for Person {
    async fn ask(&self, question: Question) -> Answer {
        self.asked.lock().unwrap().push(question.message);
        self.may.acquire().await.unwrap().forget();
        Answer::Accept(Some(json!({ "name": self.name })))
    }
}

#[tokio::test]
async fn a_call_asks_while_tools_are_listed_and_the_next_one_uses_the_same_process() {
    let pool = pool();
    let lease = pool.lease(&server(), &HeaderMap::new());
    let ada = Person::new("Ada", 2);
    // The server says that its tools changed, and asks in the middle of their being listed anew.
    let (process, greeted) = ada.calls("change", &lease).await;
    assert_eq!((greeted.as_str(), ada.asked()), ("Ada is Ada", vec!["Who are you, Ada?".to_owned()]));
    assert_eq!(ada.is_greeted(&lease).await, (process, greeted), "what the server keeps in mind stays");
    drop(lease);
    pool.close().await;
}

#[tokio::test]
async fn who_does_not_answer_keeps_nobody_else_from_being_asked() {
    let pool = pool();
    let lease = pool.lease(&server(), &HeaderMap::new());
    let away: Vec<_> = ["Ada", "Bob", "Eve"].map(|name| Person::new(name, 0)).into();
    let here = Person::new("Zoe", 2);
    let waiting = async {
        let greeted = away.iter().map(|person| person.is_greeted(&lease));
        futures::future::join_all(greeted).await
    };
    let others = async {
        until(|| away.iter().all(|person| person.asked().len() == 1)).await;
        let (first, greeted) = here.is_greeted(&lease).await;
        assert_eq!(greeted, "Zoe is Zoe");
        assert_eq!(here.is_greeted(&lease).await.0, first, "the fresh process is everybody's");
        away.iter().for_each(|person| person.may.add_permits(1));
    };
    let (greeted, ()) = tokio::join!(waiting, others);
    let mut processes: Vec<_> = greeted.iter().map(|(process, _)| process.clone()).collect();
    for (person, (_, greeted)) in away.iter().zip(&greeted) {
        let name = &person.name;
        assert_eq!(person.asked(), [format!("Who are you, {name}?")], "nobody sees another's question");
        assert_eq!(*greeted, format!("{name} is {name}"));
    }
    processes.sort();
    processes.dedup();
    assert_eq!(processes.len(), 3, "each has a process of its own");
    drop(lease);
    pool.close().await;
}

fn hanging() -> (CallTerms, CancellationToken) {
    let cancel = CancellationToken::new();
    (CallTerms { cancel: cancel.clone(), ..CallTerms::default() }, cancel)
}

#[tokio::test]
async fn a_call_that_takes_long_holds_nobody_up_and_what_it_may_still_ask_reaches_nobody() {
    let pool = pool();
    let lease = pool.lease(&server(), &HeaderMap::new());
    let mark = std::env::temp_dir().join(format!("copilotkit-mcp-hangs-{}", std::process::id()));
    let arguments = Json::from(json!({ "mark": mark }));
    let greeted = async || Person::new("Ada", 1).is_greeted(&lease).await.0;
    let first = greeted().await;

    let (hangs, cancel) = hanging();
    let beside = async {
        until(|| mark.exists()).await;
        let second = greeted().await;
        cancel.cancel();
        second
    };
    let (hung, second) = tokio::join!(lease.call_tool("hang", &arguments, &hangs), beside);
    assert_eq!(hung.unwrap_err().kind, ErrorKind::Cancelled);
    assert_ne!(second, first, "the one that hangs has the first process to itself");
    assert_eq!(greeted().await, second);

    // It hangs in the process that all use: who comes after it is stopped must not be shown its question.
    std::fs::remove_file(&mark).unwrap();
    let (hangs, cancel) = hanging();
    let stop = async {
        until(|| mark.exists()).await;
        cancel.cancel();
    };
    let (hung, ()) = tokio::join!(lease.call_tool("hang", &arguments, &hangs), stop);
    assert_eq!(hung.unwrap_err().kind, ErrorKind::Cancelled);
    assert_ne!(greeted().await, second);
    std::fs::remove_file(&mark).unwrap();
    drop(lease);
    pool.close().await;
}

#[tokio::test]
async fn a_question_of_no_call_is_an_error_and_nobody_declined_it() {
    let pool = pool();
    let lease = pool.lease(&server(), &HeaderMap::new());
    lease.tools().await.unwrap();
    let answer = said(&lease.call_tool("told", &Json::from(json!({})), &CallTerms::default()).await.unwrap());
    assert!(answer.contains("error") && answer.contains("could not be tied to a call"), "{answer}");
    assert!(!answer.contains("decline"), "{answer}");
    drop(lease);
    pool.close().await;
}

#[tokio::test]
async fn a_program_that_ends_at_once_says_why_in_the_log_alone() {
    let pool = pool();
    let script = "echo 'boom: bad license' >&2; exit 3";
    let dies = Arc::new(ServerConfig::stdio("dies", &["sh", "-c", script]).unwrap());
    let error = pool.lease(&dies, &HeaderMap::new()).tools().await.unwrap_err();
    assert!(error.detail.ends_with("its standard error: boom: bad license"), "{}", error.detail);
    assert!(!error.message.contains("boom"), "{}", error.message);
    let refused = Arc::new(ServerConfig::http("refused", "http://127.0.0.1:9/mcp").unwrap());
    let error = pool.lease(&refused, &HeaderMap::new()).tools().await.unwrap_err();
    assert!(error.kind == ErrorKind::Unreachable && error.detail.contains("Connection refused"), "{}", error.detail);
    pool.close().await;
}
