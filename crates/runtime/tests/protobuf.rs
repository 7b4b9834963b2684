//! Events as protobuf over a real socket: only for a client that names it, on run and on connect.

#![cfg(feature = "protobuf")]
#![expect(clippy::unwrap_used, reason = "helpers of a test")]

use copilotkit_protocol::{Custom, Event, Json, Object, RunFinished, RunStarted, proto, sse};
use copilotkit_protocol::{TextMessageContent, TextMessageEnd, TextMessageStart};
use copilotkit_runtime::agent::{Agent, EventStream, RunContext};
use copilotkit_runtime::http::server::{ServeOptions, serve};
use copilotkit_runtime::http::{Surface, SurfaceOptions};
use copilotkit_runtime::{AgentRegistry, Emitted, Lifecycle, LifecycleOptions, Registered};
use futures::StreamExt as _;
use serde_json::json;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;

struct Speaker;

impl Agent for Speaker {
    fn run(&self, context: RunContext) -> EventStream {
        let (thread_id, run_id) = (context.input.thread_id.clone(), context.input.run_id.clone());
        let id = || "m".to_owned();
        let metadata = Object::try_from(Json::from(json!({"a": [1, null]}))).ok();
        let events: Vec<Event> = vec![
            RunStarted { thread_id: thread_id.clone(), run_id: run_id.clone(), ..Default::default() }.into(),
            TextMessageStart { message_id: id(), ..Default::default() }.into(),
            TextMessageContent { message_id: id(), delta: "Grüße 🦀".into(), ..Default::default() }.into(),
            TextMessageEnd { message_id: id(), ..Default::default() }.into(),
            Custom { name: "n".into(), metadata, ..Default::default() }.into(),
            RunFinished { thread_id, run_id, ..Default::default() }.into(),
        ];
        futures::stream::iter(events.into_iter().map(|event| Ok(Emitted::from(event)))).boxed()
    }
}

async fn ask(server: SocketAddr, route: &str, accept: &str) -> (String, Vec<u8>) {
    let input = json!({"threadId": "t", "runId": "r", "protocolVersion": "1.0",
        "messages": [{"id": "u", "role": "user", "content": "hi"}], "tools": [], "context": []});
    #[expect(clippy::disallowed_methods, reason = "a test's client calls the server of the test")]
    let request = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(20)).build().unwrap();
    let request = request.post(format!("http://{server}/copilotkit/agent/speaker/{route}"));
    let request = request.header("content-type", "application/json").header("accept", accept);
    let response = request.body(input.to_string()).send().await.unwrap();
    assert_eq!(response.status(), 200);
    let kind = response.headers()["content-type"].to_str().unwrap().to_owned();
    (kind, response.bytes().await.unwrap().to_vec())
}

fn from_protobuf(body: Vec<u8>) -> Vec<Event> {
    let mut decoder = proto::Decoder::new(proto::MAX_FRAME);
    decoder.push(body.into());
    let events = decoder.by_ref().map(|message| proto::decode(&message.unwrap()).unwrap()).collect();
    decoder.finish().unwrap();
    events
}

fn from_sse(body: Vec<u8>) -> Vec<Event> {
    let mut decoder = sse::Decoder::new(1 << 20);
    decoder.push(body.into());
    decoder.map(|event| Event::from_json(&event.unwrap().data).unwrap()).collect()
}

#[tokio::test]
async fn who_names_it_gets_it() {
    let registry = AgentRegistry::new([Registered::new("speaker", Speaker)]);
    let lifecycle = Lifecycle::new(Arc::new(registry), LifecycleOptions::default());
    let surface = Surface::new(lifecycle, SurfaceOptions::default());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = serve(listener, surface, ServeOptions::default(), async { drop(stopped.await) }, async {});
    let asking = async {
        let named = "application/vnd.ag-ui.event+proto;q=0.5, text/event-stream";
        let (kind, body) = ask(server, "run", named).await;
        assert_eq!(kind, proto::MEDIA_TYPE);
        let binary = from_protobuf(body);
        assert_eq!(binary.len(), 6, "{binary:?}");
        assert!(binary.last().unwrap().is_terminal());
        assert_eq!(String::from_utf8(binary[2].to_json()).unwrap().matches("Grüße 🦀").count(), 1);

        let (kind, replayed) = ask(server, "connect", named).await;
        assert_eq!(kind, proto::MEDIA_TYPE);
        let (kind, text) = ask(server, "connect", "*/*").await;
        assert_eq!(kind, "text/event-stream");
        let text = from_sse(text);
        assert!(text.len() > 3);
        // An input has no form for a `resume` that is absent: it reads as an empty list.
        let json = |events: &[Event]| {
            let one = |event: &Event| String::from_utf8(event.to_json()).unwrap().replace(r#","resume":[]"#, "");
            events.iter().map(one).collect::<Vec<_>>()
        };
        assert_eq!(json(&from_protobuf(replayed)), json(&text));
        let (kind, _) = ask(server, "run", "text/event-stream").await;
        assert_eq!(kind, "text/event-stream");
        stop.send(()).unwrap();
    };
    tokio::join!(serving, asking);
}
