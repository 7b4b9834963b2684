//! What `[debug]` writes to the log.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a helper of a test fails the test")]

use copilotkit_cli::config::{Config, Sources};
use copilotkit_cli::wiring;
use copilotkit_protocol::RunAgentInput;
use copilotkit_runtime::{Principal, StartRun};
use std::io;
use std::sync::{Arc, Mutex};
use tracing_subscriber::EnvFilter;

/// What was written.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The lines that one run on the demo model writes, with the filter that the binary has.
async fn lines(debug: &str) -> Vec<String> {
    let file = format!("[debug]\n{debug}\n[agents.default]\ntype = \"built-in\"\nmodel = \"demo\"\n");
    let sources = Sources {
        file: Some(("copilotkit.toml".into(), file)),
        overrides: Vec::new(),
        flags: Vec::new(),
        environment: Arc::new(|_| None),
    };
    let config = Config::load(sources).unwrap();
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new("warn,copilotkit=info"))
        .with_writer(move || writer.clone())
        .with_ansi(false)
        .finish();
    let guard = tracing::subscriber::set_default(subscriber);
    let lifecycle = wiring::lifecycle(&config, &(Arc::new(|_: &str| None) as _)).unwrap();
    let text = r#"{"threadId":"t-1","runId":"r-1","messages":[{"id":"u","role":"user","content":"my secret"}]}"#;
    let input: RunAgentInput = copilotkit_protocol::from_str(text).unwrap();
    let principal = Principal::anonymous();
    let start = StartRun { agent_id: "default".to_owned(), principal, headers: Arc::default(), input };
    let mut subscription = lifecycle.start(start).await.unwrap();
    while !subscription.next().await.unwrap().is_empty() {}
    lifecycle.drain(std::time::Duration::from_secs(5)).await;
    drop(guard);
    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    text.lines().map(str::to_owned).collect()
}

#[tokio::test]
async fn each_key_adds_its_lines_and_only_verbose_shows_what_was_said() {
    assert_eq!(lines("").await, Vec::<String>::new());
    assert_eq!(lines("verbose = true\nfeed = true").await, Vec::<String>::new());

    let found = lines("lifecycle = true").await;
    assert_eq!(found.len(), 2, "{found:?}");
    for (line, said) in found.iter().zip(["a run began", "a run ended"]) {
        let all = [said, "agent=default", "thread_id=\"t-1\"", "run_id=\"r-1\""];
        assert!(all.iter().all(|part| line.contains(part)), "{line}");
    }
    assert!(found[1].contains("end=RUN_FINISHED"), "{found:?}");

    let found = lines("events = true").await;
    let of = |kind: &str| found.iter().filter(|line| format!("{line} ").contains(&format!("kind={kind} "))).count();
    assert!(found.len() > 4 && of("RUN_STARTED") == 1 && of("TEXT_MESSAGE_CONTENT") > 0, "{found:?}");
    assert!(found.iter().any(|line| line.contains("kind=TEXT_MESSAGE_START") && line.contains("id=\"")), "{found:?}");
    assert!(!found.concat().contains("secret") && !found.concat().contains("delta"), "{found:?}");

    let found = lines("events = true\nlifecycle = true\nverbose = true").await.concat();
    assert!(found.contains("my secret") && found.contains("delta"), "{found}");
}
