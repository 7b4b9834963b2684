//! The debug feed of a server that knows who asks: it shows the runs of everybody, so not everybody may read it.

use super::harness::{ALICE, BOB, Who, ask, input, with_auth};
use axum::body::Body;
use copilotkit_runtime::debug::DebugOptions;
use copilotkit_runtime::http::Surface;
use copilotkit_runtime::http::auth::{Auth, Bearer};
use copilotkit_runtime::http::server::{ServeOptions, serve};
use copilotkit_runtime::{AgentRegistry, Lifecycle, LifecycleOptions, Principal, Registered};
use http::Request;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

async fn open(address: std::net::SocketAddr, token: Option<&str>) -> TcpStream {
    let authorization = token.map_or(String::new(), |token| format!("authorization: Bearer {token}\r\n"));
    let head = format!("GET /copilotkit/cpk-debug-events HTTP/1.1\r\nhost: localhost\r\n{authorization}\r\n");
    let mut socket = TcpStream::connect(address).await.unwrap();
    socket.write_all(head.as_bytes()).await.unwrap();
    socket
}

async fn until(socket: &mut TcpStream, text: &str) -> String {
    let mut seen = Vec::new();
    let reading = async {
        while !String::from_utf8_lossy(&seen).contains(text) {
            let mut piece = [0; 4096];
            let count = socket.read(&mut piece).await.unwrap();
            assert!(count > 0, "it ended: {}", String::from_utf8_lossy(&seen));
            seen.extend_from_slice(&piece[..count]);
        }
    };
    let in_time = tokio::time::timeout(Duration::from_secs(20), reading).await.is_ok();
    let seen = String::from_utf8(seen).unwrap();
    assert!(in_time, "{text} does not come: {seen}");
    seen
}

#[tokio::test]
async fn the_feed_is_read_by_those_who_may_debug_and_shows_the_runs_of_all() {
    let bearer = Bearer::new([
        (ALICE, Principal::new("alice").with_scopes(["debug".to_owned()])),
        (BOB, Principal::new("bob").with_scopes(["threads:admin".to_owned()])),
    ]);
    let agents = AgentRegistry::new([Registered::new("quick", Who { ends: true })]);
    let debug = DebugOptions { feed: true, ..DebugOptions::default() };
    let lifecycle = Lifecycle::new(Arc::new(agents), LifecycleOptions { debug, ..LifecycleOptions::default() });
    let surface = Surface::new(lifecycle, with_auth(Auth::new(bearer.unwrap())));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, stop) = (listener.local_addr().unwrap(), CancellationToken::new());
    let app = surface.clone();
    let read = async {
        for (token, status) in [(None, "401"), (Some("x"), "401"), (Some(BOB), "403")] {
            let refused = until(&mut open(address, token).await, "\r\n\r\n").await;
            assert!(refused.starts_with(&format!("HTTP/1.1 {status}")), "{token:?}: {refused}");
        }
        let mut feed = open(address, Some(ALICE)).await;
        assert!(until(&mut feed, ": connected\n\n").await.starts_with("HTTP/1.1 200"));
        let run = ask(&surface, "POST", "/copilotkit/agent/quick/run", Some(BOB), &input("of-bob").to_string()).await;
        assert_eq!(run.status, 200);
        let shown = until(&mut feed, "RUN_FINISHED").await;
        assert!(shown.contains("of-bob") && shown.contains("\"owner\":\"bob\""), "{shown}");
        assert!(!shown.contains(BOB) && !shown.contains(ALICE), "tokens are not shown: {shown}");
        // Over the single endpoint it is the same door.
        let envelope = r#"{"method":"resource/request","params":{"path":"/cpk-debug-events","httpMethod":"GET"}}"#;
        let request = Request::post("/copilotkit")
            .header("content-type", "application/json")
            .header("authorization", format!("Bearer {BOB}"));
        let refused = surface.handle(request.body(Body::from(envelope)).unwrap()).await;
        assert!(!refused.status().is_success(), "{}", refused.status());
        drop(feed);
        stop.cancel();
    };
    let options = ServeOptions { drain_timeout: Duration::from_secs(2), ..ServeOptions::default() };
    futures::future::join(serve(listener, app, options, stop.cancelled(), async {}), read).await;
}
