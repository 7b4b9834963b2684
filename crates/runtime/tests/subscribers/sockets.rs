//! Many readers over real sockets, and one that hardly reads.

use super::agents::{lifecycle, message, over, paced};
use crate::full;
use crate::harness::{RUN, input, read_until, send, serve_surface};
use copilotkit_runtime::http::server::{ServeOptions, serve};
use copilotkit_runtime::http::{Surface, SurfaceOptions};
use copilotkit_runtime::{Lifecycle, LifecycleOptions};
use futures::future::join_all;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpSocket, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

const CONNECT: &str = "POST /copilotkit/agent/default/connect";

/// Reads an answer to its end and counts what is in it.
async fn read(mut socket: TcpStream) -> (usize, usize, Instant) {
    let (mut bytes, mut events, mut buffer) = (0, 0, vec![0; 32 * 1024]);
    let read = async {
        loop {
            let count = socket.read(&mut buffer).await.unwrap();
            bytes += count;
            events += buffer[..count].iter().filter(|byte| **byte == b'{').count();
            if buffer[..count].ends_with(END) {
                return;
            }
            assert!(count > 0, "the stream was cut off");
        }
    };
    tokio::time::timeout(Duration::from_secs(60), read).await.expect("the stream ends");
    (bytes, events, Instant::now())
}

async fn open(address: SocketAddr) -> TcpStream {
    let mut socket = TcpStream::connect(address).await.unwrap();
    send(&mut socket, CONNECT, &input("t")).await;
    socket
}

const EVENTS: usize = 400;
const BACKLOG: usize = 64 * 1024;
/// Longer than the run: whoever waited for the slow reader would not be done before that.
const STALL: Duration = Duration::from_secs(4);

/// A server with small buffers in the system, so that a slow reader is felt.
async fn narrow(lifecycle: &Lifecycle) -> (SocketAddr, CancellationToken, TaskTracker) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_send_buffer_size(16 * 1024).unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1024).unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
    let (stopping, surface) = (stop.clone(), Surface::new(lifecycle.clone(), SurfaceOptions::default()));
    let options = ServeOptions { write_stall: STALL, drain_timeout: Duration::ZERO, ..ServeOptions::default() };
    tasks.spawn(async move { serve(listener, surface, options, stopping.cancelled(), std::future::ready(())).await });
    (address, stop, tasks)
}

const END: &[u8] = b"\r\n0\r\n\r\n";

/// Reads 100 bytes a second, and what is left when it is told to hurry; until the end or until it is cut off.
async fn slow_reader(socket: TcpSocket, address: SocketAddr, hurry: CancellationToken) -> Vec<u8> {
    let mut socket = socket.connect(address).await.unwrap();
    send(&mut socket, CONNECT, &input("t")).await;
    let mut seen = Vec::new();
    let mut buffer = [0; 10];
    while let Ok(count) = socket.read(&mut buffer).await
        && count > 0
    {
        seen.extend_from_slice(&buffer[..count]);
        let pause = tokio::time::sleep(Duration::from_millis(100));
        hurry.run_until_cancelled(pause).await;
    }
    seen
}

/// How long fast readers take for a run, with or without a slow one beside them: from its start to the last of them.
async fn round(readers: usize, slow: bool) -> Duration {
    let options = LifecycleOptions { subscriber_backlog: BACKLOG, ..LifecycleOptions::default() };
    let lifecycle = lifecycle(|context| message(&context, paced(EVENTS, 1_000, Duration::from_millis(2))), options);
    let (address, stop, tasks) = narrow(&lifecycle).await;
    let begun = Instant::now();
    let mut own = TcpStream::connect(address).await.unwrap();
    send(&mut own, &format!("POST {RUN}"), &input("t")).await;
    read_until(&mut own, "TEXT_MESSAGE_START").await;
    let hurry = CancellationToken::new();
    let slow = slow.then(|| {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4 * 1024).unwrap();
        tasks.spawn(slow_reader(socket, address, hurry.clone()))
    });
    let fast = join_all((0..readers).map(|_| async { read(open(address).await).await }));
    let watched = async {
        let mut most = 0;
        while lifecycle.active() > 0 {
            most = most.max(lifecycle.backlog());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        most
    };
    let (fast, most) = futures::join!(fast, watched);
    assert!(most > 0 && most <= BACKLOG, "{most} bytes were held");
    for (bytes, events, _) in &fast {
        assert!(*events >= EVENTS + 4 && *bytes > EVENTS * 1_000, "{events} events, {bytes} bytes");
    }
    let took = fast.iter().map(|(_, _, at)| *at - begun).max().unwrap();
    if let Some(slow) = slow {
        // It takes too little for too long: it is cut off, and with it goes the last of the run's memory.
        let deadline = Instant::now() + STALL * 3;
        while lifecycle.backlog() > 0 {
            assert!(Instant::now() < deadline, "{} bytes are still held", lifecycle.backlog());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        hurry.cancel();
        let seen = slow.await.unwrap();
        assert!(String::from_utf8_lossy(&seen).contains("TEXT_MESSAGE_START"));
        assert!(!seen.ends_with(END) && seen.len() < EVENTS * 500, "{} bytes", seen.len());
    }
    stop.cancel();
    tasks.close();
    tasks.wait().await;
    took
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_very_slow_reader_slows_nobody_and_is_cut_off() {
    let readers = if full() { 200 } else { 20 };
    let without = round(readers, false).await;
    let with = round(readers, true).await;
    println!("{readers} readers took {without:?} alone and {with:?} beside one that reads 100 bytes a second");
    assert!(with < without + STALL * 3 / 4, "{without:?} {with:?}");
}

/// Memory of this process, in KiB.
fn memory() -> Option<usize> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?.trim().strip_suffix(" kB")?.parse().ok()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn idle_streams_cost_little_and_get_everything() {
    let streams = if full() { 2_000 } else { 200 };
    let permits = Arc::new(tokio::sync::Semaphore::new(0));
    let given = permits.clone();
    let agent = move |context: copilotkit_runtime::RunContext| {
        let given = given.clone();
        message(
            &context,
            futures::stream::once(async move {
                given.acquire().await.unwrap().forget();
                "at last".to_owned()
            }),
        )
    };
    let lifecycle = lifecycle(agent, LifecycleOptions::default());
    let server =
        serve_surface(Surface::new(lifecycle.clone(), SurfaceOptions::default()), ServeOptions::default()).await;
    let mut own = TcpStream::connect(server.address).await.unwrap();
    send(&mut own, &format!("POST {RUN}"), &input("t")).await;
    read_until(&mut own, "TEXT_MESSAGE_START").await;
    let before = memory();
    let mut idle = Vec::new();
    for _ in 0..streams {
        let mut socket = open(server.address).await;
        let mut head = Vec::with_capacity(512);
        while !head.ends_with(b"\n\n\r\n") {
            assert!(socket.read_buf(&mut head).await.unwrap() > 0);
        }
        assert!(String::from_utf8_lossy(&head).contains("TEXT_MESSAGE_START"));
        idle.push(socket);
    }
    if let (Some(before), Some(after)) = (before, memory()) {
        let each = after.saturating_sub(before) as f64 / streams as f64;
        println!("{streams} idle streams: {each:.1} KiB each, both ends");
        assert!(each < 64.0, "{each} KiB");
    }
    permits.add_permits(1);
    for (_, events, _) in join_all(idle.into_iter().map(read)).await {
        assert_eq!(events, 3, "a text, its end and that of the run");
    }
    read_until(&mut own, "RUN_FINISHED").await;
    over(&lifecycle).await;
    let left = async {
        while lifecycle.backlog() > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), left).await.expect("nothing is held when all have gone");
}
