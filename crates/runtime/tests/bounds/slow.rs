//! Clients that trickle their heads and bodies are cut off, and nobody else notices.

use super::kit::{Answer, Script, Server, input};
use copilotkit_runtime::http::SurfaceOptions;
use copilotkit_runtime::http::server::ServeOptions;
use copilotkit_runtime::{Code, LifecycleOptions, Registered};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const BOUND: Duration = Duration::from_millis(600);
const EACH: usize = 40;

/// Sends a byte every 50 ms until the server ends the connection; what it said, and after how long.
async fn trickle(mut socket: TcpStream, byte: u8) -> (String, Duration) {
    let (begun, mut said, mut buf) = (Instant::now(), Vec::new(), [0; 4096]);
    loop {
        match tokio::time::timeout(Duration::from_millis(50), socket.read(&mut buf)).await {
            Ok(Ok(0) | Err(_)) => return (String::from_utf8(said).unwrap(), begun.elapsed()),
            Ok(Ok(count)) => said.extend_from_slice(&buf[..count]),
            // The server may have shut its side: the answer is still to be read.
            Err(_) => drop(socket.write_all(&[byte]).await),
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "it is never cut off");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn trickled_heads_and_bodies_are_cut_off_while_others_are_served() {
    let surface = SurfaceOptions { body_timeout: BOUND, ..SurfaceOptions::default() };
    let serving = ServeOptions { header_timeout: BOUND, linger: Duration::from_millis(100), ..ServeOptions::default() };
    let agents = vec![Registered::new("scripted", Script::Many { events: 20, bytes: 20 })];
    let server = Server::with(agents, LifecycleOptions::default(), surface, serving).await;
    let mut slow = Vec::new();
    for _ in 0..EACH {
        slow.push(trickle(server.connect(b"GET /copilotkit/info HTTP/1.1\r\nhost: localhost\r\nx-a: ").await, b'a'));
    }
    for _ in 0..EACH {
        slow.push(trickle(server.open("/copilotkit/agent/scripted/run", 100_000, "{").await, b' '));
    }
    let others = async {
        let (begun, mut longest, mut count) = (Instant::now(), Duration::ZERO, 0);
        while begun.elapsed() < BOUND * 2 {
            let asked = Instant::now();
            assert_eq!(server.ask("GET", "/copilotkit/info", "", "").await.status, 200);
            let text = server.run("scripted", &format!("t{count}")).await;
            assert!(text.contains("RUN_FINISHED"), "{text}");
            (longest, count) = (longest.max(asked.elapsed()), count + 1);
        }
        (longest, count)
    };
    let (ended, (longest, count)) = tokio::join!(futures::future::join_all(slow), others);
    assert!(count > 5 && longest < BOUND * 2, "{count} others were served, the slowest in {longest:?}");
    let (heads, bodies) = ended.split_at(EACH);
    for (said, after) in heads {
        assert_eq!(said, "", "a head that is not complete has no answer");
        assert!(*after >= BOUND / 2 && *after < BOUND * 4, "{after:?}");
    }
    for (said, after) in bodies {
        let answer = Answer::of(said);
        assert_eq!((answer.status, answer.code()), (408, "body_timeout"));
        assert!(*after >= BOUND / 2 && *after < BOUND * 4, "{after:?}");
    }
    let expected = [(Code::BodyTimeout, EACH as u64), (Code::HeaderTimeout, EACH as u64)];
    assert_eq!(server.counters().snapshot(), expected);
    assert_eq!(server.ask("POST", "/copilotkit/agent/scripted/run", "", &input("after")).await.status, 200);
}
