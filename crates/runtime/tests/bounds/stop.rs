//! A stop reaches the remote agent's socket within a second, may be asked for again and again, and leaves one end.

use super::kit::{Server, input};
use copilotkit_fixtures::{AgentServer, Script};
use copilotkit_runtime::agents::HttpAgent;
use copilotkit_runtime::http::SurfaceOptions;
use copilotkit_runtime::http::server::ServeOptions;
use copilotkit_runtime::{LifecycleOptions, Registered};
use std::time::{Duration, Instant};

const STARTED: &str = r#"{"type":"RUN_STARTED","threadId":"t","runId":"r"}"#;
const OPEN: &str = r#"{"type":"TEXT_MESSAGE_START","messageId":"m","role":"assistant"}"#;
const TEXT: &str = r#"{"type":"TEXT_MESSAGE_CONTENT","messageId":"m","delta":"Hi"}"#;
const SECOND: Duration = Duration::from_secs(1);

fn begun() -> Script {
    Script::new().sse().event(STARTED).event(OPEN).event(TEXT)
}

/// Goes on and on, as if there were no stop.
fn endless() -> Script {
    (0..2_000).fold(begun(), |script, _| script.wait(Duration::from_millis(5)).event(TEXT))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_closes_the_upstream_socket_and_leaves_one_terminal_event() {
    for (name, script) in [("no answer", Script::new().stall()), ("silent", begun().stall()), ("endless", endless())] {
        let upstream = AgentServer::start(script).await.unwrap();
        let agent = HttpAgent::builder(upstream.url()).build().unwrap();
        let agents = vec![Registered::new("remote", agent)];
        let options = (LifecycleOptions::default(), SurfaceOptions::default(), ServeOptions::default());
        let server = Server::with(agents, options.0, options.1, options.2).await;
        let run = server.open_run("remote", "t").await;
        while upstream.requests().is_empty() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert_eq!(upstream.open_sockets(), 1, "{name}");

        let asked = Instant::now();
        let stop = "/copilotkit/agent/remote/stop/t";
        let stops = futures::future::join_all((0..5).map(|_| server.ask("POST", stop, "", "{}"))).await;
        assert!(stops.iter().all(|answer| answer.status == 200), "{name}");
        assert!(stops.iter().any(|answer| answer.body["stopped"] == true), "{name}");
        let left = SECOND.saturating_sub(asked.elapsed());
        assert!(upstream.closed(left).await.is_some(), "{name}: the socket is open after {:?}", asked.elapsed());

        let text = server.rest(run).await;
        assert!(asked.elapsed() < SECOND * 2, "{name}: {:?}", asked.elapsed());
        let terminals = |text: &str| text.matches("\"RUN_FINISHED\"").count() + text.matches("\"RUN_ERROR\"").count();
        assert!(terminals(&text) == 1 && text.contains("\"RUN_FINISHED\""), "{name}: {text}");
        let again = server.ask("POST", stop, "", "").await;
        assert_eq!((again.status, &again.body["stopped"]), (200, &false.into()), "{name}");
        let body = input("t");
        let replay = server.open("/copilotkit/agent/remote/connect", body.len(), &body).await;
        assert_eq!(terminals(&server.rest(replay).await), 1, "{name}");
        assert_eq!(upstream.requests().len(), 1, "{name}: the agent was asked once");
        assert_eq!((server.lifecycle.active(), server.counters().snapshot()), (0, vec![]), "{name}");
    }
}
