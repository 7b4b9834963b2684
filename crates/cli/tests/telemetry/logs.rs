//! Lines of the log: requests, responses and failures of runs; never a secret, and nothing that was said unless asked for.

use crate::kit::{KEY, Server, quiet};
use copilotkit_cli::config::LogFormat;
use copilotkit_cli::telemetry::Log;
use serde_json::Value;

const AGENT: &str = "[agents.default]\ntype = \"built-in\"\nmodel = \"demo\"\n";

/// The lines of one run in which somebody says a key.
async fn lines(logging: &str, says: &str) -> Vec<String> {
    let server = Server::start(&format!("[logging]\n{logging}\n{AGENT}"));
    server.run("t-1", says).await;
    server.end().await.lines()
}

#[tokio::test]
async fn requests_and_responses_are_lines_and_say_nothing_of_what_was_said() {
    let says = format!("the house is blue and my key is {KEY}");
    assert_eq!(lines("", &says).await, Vec::<String>::new());
    let found = lines("requests = true\nresponses = true", &says).await;
    assert!(found[0].contains("a request") && found[0].contains("messages=1") && found[0].contains("agent=default"));
    assert!(found.iter().any(|line| line.contains("a piece of a response")), "{found:?}");
    let last = found.last().unwrap();
    assert!(last.contains("a response") && last.contains("latency_ms="), "{last}");
    let all = found.concat();
    assert!(!all.contains("blue") && !all.contains(KEY) && !all.contains("content="), "{all}");

    let found = lines("responses = true\nprogressive = false", &says).await;
    assert_eq!(found.len(), 1, "{found:?}");
}

#[tokio::test]
async fn content_is_there_where_it_is_asked_for_and_its_secrets_are_not() {
    let says = format!("the house is blue and my key is {KEY}");
    let found = lines("requests = true\nresponses = true\ncontent = true", &says).await.concat();
    assert!(found.contains("the house is blue") && found.contains("sk-[redacted]") && !found.contains(KEY), "{found}");
}

#[tokio::test]
async fn failures_are_lines_unless_they_are_switched_off() {
    let found = lines("", "/fail").await;
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains("WARN") && found[0].contains("a run failed") && found[0].contains("run_id=\"r-1\""));
    assert_eq!(lines("errors = false", "/fail").await, Vec::<String>::new());
}

#[tokio::test]
async fn a_failure_says_its_reason_beside_the_message() {
    let found = lines("format = \"json\"", "/fail").await;
    // Two members of one name would be read as the last of them.
    assert_eq!(found[0].matches("\"message\":").count(), 1, "{found:?}");
    let line: Value = serde_json::from_str(&found[0]).unwrap();
    assert_eq!((&line["message"], &line["target"]), (&"a run failed".into(), &"copilotkit::runs".into()));
    assert!(line["error"].as_str().unwrap().contains("demo failure") && line["principal"] == "anonymous", "{line}");
}

#[tokio::test]
async fn json_lines_are_json() {
    let found = lines("requests = true\nresponses = true\ncontent = true\nformat = \"json\"", "say \"a\nb\"").await;
    let lines: Vec<Value> = found.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines[0]["level"], "INFO");
    assert_eq!(lines[0]["message"], "a request");
    assert_eq!((&lines[0]["thread_id"], &lines[0]["messages"]), (&"t-1".into(), &1.into()));
    assert!(lines[0]["content"].as_str().unwrap().contains(r#"say \"a\nb\""#));
    assert!(lines.last().unwrap()["bytes"].as_u64().unwrap() > 0);
}

#[test]
fn every_line_of_the_process_passes_the_net() {
    for (format, terminal) in
        [(LogFormat::Auto, true), (LogFormat::Auto, false), (LogFormat::Text, true), (LogFormat::Json, false)]
    {
        let log = crate::kit::Written::default();
        let writer = log.clone();
        let config = copilotkit_cli::config::LoggingConfig { format, ..quiet() };
        let subscriber = Log::new(&config, terminal).subscriber(None, move || writer.clone(), None);
        tracing::subscriber::with_default(subscriber, || {
            let token = "hunter22-of-somebody";
            tracing::warn!(token, header = "Bearer abcdef0123456789", "asked at https://user:pa55word@host with {KEY}");
        });
        let line = log.lines().concat();
        for secret in ["hunter22", "abcdef0123456789", "pa55word", KEY] {
            assert!(!line.contains(secret), "{format:?} {line}");
        }
        assert_eq!(line.matches("[redacted]").count(), 4, "{line}");
        assert_eq!(line.contains('\u{1b}'), format == LogFormat::Auto && terminal, "{line:?}");
    }
}
