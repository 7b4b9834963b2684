//! JSON that is nested deep, in bodies and in events: refused without a stack that overflows, and what is taken can be
//! read back.

use super::kit::{Script, Server, nested};
use copilotkit_fixtures::{AgentServer, Script as Remote};
use copilotkit_runtime::agents::HttpAgent;
use copilotkit_runtime::http::SurfaceOptions;
use copilotkit_runtime::http::server::ServeOptions;
use copilotkit_runtime::{Code, LifecycleOptions, Registered};

const DEPTHS: [usize; 6] = [100, 127, 128, 129, 5_000, 1_000_000];

/// A run's input of so many levels.
fn input(levels: usize) -> String {
    format!(r#"{{"threadId":"t","runId":"r","messages":[],"state":{}}}"#, nested(levels - 1, 1))
}

fn taken(levels: usize) -> bool {
    levels <= 128
}

#[tokio::test]
async fn a_body_is_taken_up_to_its_bound_in_both_forms_and_its_thread_can_be_read() {
    for levels in DEPTHS {
        let envelope =
            format!(r#"{{"method":"agent/run","params":{{"agentId":"scripted"}},"body":{}}}"#, input(levels));
        for (path, body) in [("/copilotkit/agent/scripted/run", input(levels)), ("/copilotkit", envelope)] {
            let server = Server::scripted(Script::Delta(3), LifecycleOptions::default()).await;
            let answer = server.ask("POST", path, "content-type: application/json\r\n", &body).await;
            if !taken(levels) {
                assert_eq!((answer.status, answer.code()), (400, "json_too_deep"), "{levels} {path}");
                let details = answer.body["details"].as_str().unwrap();
                assert_eq!(details, "state[0][0][0]…: nested deeper than 128 levels");
                assert_eq!(server.counters().snapshot(), [(Code::JsonTooDeep, 1)]);
                continue;
            }
            assert_eq!(answer.status, 200, "{levels} {path}");
            let connect = "/copilotkit/agent/scripted/connect";
            for accept in ["", "accept: application/vnd.ag-ui.event+proto\r\n"] {
                let body = r#"{"threadId":"t","runId":"c","messages":[]}"#;
                let replay = server.ask("POST", connect, accept, body).await;
                assert_eq!(replay.status, 200, "{levels} {path}");
            }
            assert_eq!(server.counters().snapshot(), [], "{levels} {path}");
        }
    }
}

/// The event around an input is a level deeper than the input was: what is too deep of it is shown only where the log can
/// be read. Its messages always are.
#[tokio::test]
async fn the_input_is_shown_where_every_reader_can_take_it() {
    for (levels, shown) in [(127, true), (128, false)] {
        let server = Server::scripted(Script::Delta(3), LifecycleOptions::default()).await;
        let body = input(levels);
        let socket = server.open("/copilotkit/agent/scripted/run", body.len(), &body).await;
        let text = server.rest(socket).await;
        assert_eq!(text.contains("[[[["), shown, "{levels}");
        assert!(text.contains("\"input\"") && text.contains("RUN_FINISHED"), "{levels}");
    }
}

#[tokio::test]
async fn an_event_is_taken_up_to_its_bound_wherever_it_was_made() {
    for levels in DEPTHS {
        let event = format!(r#"{{"type":"STATE_SNAPSHOT","snapshot":{}}}"#, nested(levels - 1, 1));
        let custom = format!(r#"{{"type":"CUSTOM","name":"n","value":{}}}"#, nested(levels - 1, 1));
        let finished = r#"{"type":"RUN_FINISHED","threadId":"t","runId":"r"}"#;
        let mut agents = vec![Script::Snapshot { levels: levels - 1, bytes: 1 }];
        // Bytes are read before they become an event.
        agents.extend(taken(levels).then_some(Script::RawSnapshot { levels: levels - 1, bytes: 1 }));
        for script in agents {
            let options = LifecycleOptions { event_max: 8 * 1024 * 1024, ..LifecycleOptions::default() };
            let server = Server::scripted(script.clone(), options).await;
            ends(&server, levels, "scripted").await;
        }
        for (event, raw) in [(&event, false), (&custom, false), (&event, true)] {
            let remote = AgentServer::start(Remote::events([event.as_str(), finished])).await.unwrap();
            let agent =
                HttpAgent::builder(remote.url()).event_max(8 * 1024 * 1024).raw_passthrough(raw).build().unwrap();
            let agents = vec![Registered::new("remote", agent)];
            let options = LifecycleOptions { event_max: 8 * 1024 * 1024, ..LifecycleOptions::default() };
            let server = Server::with(agents, options, SurfaceOptions::default(), ServeOptions::default()).await;
            ends(&server, levels, "remote").await;
        }
    }
}

async fn ends(server: &Server, levels: usize, agent: &str) {
    let text = server.run(agent, "t").await;
    let expected = if taken(levels) { "RUN_FINISHED" } else { "\"code\":\"agent_event_too_deep\"" };
    assert!(text.contains(expected), "{levels} {agent}: {text:.400}");
    let counted = if taken(levels) { vec![] } else { vec![(Code::AgentEventTooDeep, 1)] };
    assert_eq!(server.counters().snapshot(), counted, "{levels} {agent}");
    let body = r#"{"threadId":"t","runId":"c","messages":[]}"#;
    for accept in ["", "accept: application/vnd.ag-ui.event+proto\r\n"] {
        let replay = server.ask("POST", &format!("/copilotkit/agent/{agent}/connect"), accept, body).await;
        assert_eq!(replay.status, 200, "{levels} {agent}");
    }
}

#[tokio::test]
async fn a_lower_bound_holds_for_bodies_and_for_every_kind_of_event() {
    let surface = SurfaceOptions { json_depth: 6, ..SurfaceOptions::default() };
    for (levels, expected) in [(6, 200), (7, 400)] {
        let server = Server::with(
            vec![Registered::new("scripted", Script::Delta(3))],
            LifecycleOptions::default(),
            surface.clone(),
            ServeOptions::default(),
        )
        .await;
        let answer = server.ask("POST", "/copilotkit/agent/scripted/run", "", &input(levels)).await;
        assert_eq!(answer.status, expected, "{levels}");
    }
    for (levels, expected) in [(5, "RUN_FINISHED"), (6, "agent_event_too_deep")] {
        for script in [Script::Snapshot { levels, bytes: 1 }, Script::RawSnapshot { levels, bytes: 1 }] {
            let options = LifecycleOptions { json_depth: 6, ..LifecycleOptions::default() };
            let server = Server::scripted(script.clone(), options).await;
            let text = server.run("scripted", "t").await;
            assert!(text.contains(expected), "{script:?}: {text:.300}");
        }
    }
}
