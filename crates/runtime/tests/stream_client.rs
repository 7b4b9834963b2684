//! The client of streams over real sockets: when a connection is used again, when it is not, and what a broken one says.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a helper of a test fails the test")]
#![cfg(feature = "client")]

use bytes::Bytes;
use copilotkit_protocol::Code;
use copilotkit_runtime::client::{ClientOptions, StreamClient, StreamError, StreamResponse, Trust};
use http::{HeaderMap, HeaderValue};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

const MS: fn(u64) -> Duration = Duration::from_millis;
const CHUNKED: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n4\r\n you\r\n0\r\n\r\n";

/// What the server does with the connection behind an answer.
#[derive(Clone, Copy, PartialEq)]
enum After {
    Keep,
    Close,
    /// Sends nothing more and keeps it open.
    Stall,
}

/// A server of one answer that keeps connections.
struct Server {
    url: String,
    accepted: Arc<AtomicUsize>,
    open: Arc<AtomicUsize>,
    requests: Arc<Mutex<Vec<String>>>,
    _tasks: JoinSet<()>,
}

impl Server {
    async fn start(answer: &'static str, after: After) -> Self {
        Self::on("127.0.0.1:0", answer, after, false).await.unwrap()
    }

    /// With `early` the answer is sent when the head of the request was read, and its body is read afterwards.
    async fn on(address: &str, answer: &'static str, after: After, early: bool) -> std::io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let url = format!("http://{}/agent?a=b", listener.local_addr()?);
        let (accepted, open) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let requests = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = JoinSet::new();
        let counters = (accepted.clone(), open.clone(), requests.clone());
        tasks.spawn(async move {
            let (accepted, open, requests) = counters;
            let mut connections = JoinSet::new();
            while let Ok((socket, _)) = listener.accept().await {
                accepted.fetch_add(1, Ordering::SeqCst);
                open.fetch_add(1, Ordering::SeqCst);
                let (open, requests) = (open.clone(), requests.clone());
                connections.spawn(async move {
                    // A client that goes away is what some tests are about.
                    let _ = serve(socket, answer, after, early, &requests).await;
                    open.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        Ok(Self { url, accepted, open, requests, _tasks: tasks })
    }

    fn accepted(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }

    async fn until_open(&self, count: usize) {
        let wait = async {
            while self.open.load(Ordering::SeqCst) != count {
                tokio::time::sleep(MS(2)).await;
            }
        };
        tokio::time::timeout(MS(1_000), wait).await.expect("the sockets do not change");
    }
}

async fn serve(
    mut socket: TcpStream,
    answer: &str,
    after: After,
    early: bool,
    requests: &Mutex<Vec<String>>,
) -> std::io::Result<()> {
    let mut bytes = Vec::new();
    loop {
        let end = loop {
            if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
                break end + 4;
            }
            if socket.read_buf(&mut bytes).await? == 0 {
                return Ok(());
            }
        };
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let length: usize = length.expect("a length").trim().parse().unwrap();
        bytes.drain(..end);
        if early {
            socket.write_all(answer.as_bytes()).await?;
        }
        while bytes.len() < length {
            if socket.read_buf(&mut bytes).await? == 0 {
                return Ok(());
            }
        }
        bytes.drain(..length);
        requests.lock().unwrap().push(head);
        if !early {
            socket.write_all(answer.as_bytes()).await?;
        }
        match after {
            After::Keep => {}
            After::Close => return Ok(()),
            After::Stall => {
                let mut byte = [0];
                while socket.read(&mut byte).await? > 0 {}
                return Ok(());
            }
        }
    }
}

fn client() -> StreamClient {
    StreamClient::new(&ClientOptions::default()).unwrap()
}

async fn post(client: &StreamClient, url: &str) -> Result<StreamResponse, StreamError> {
    let target = client.target(url).unwrap();
    let sent = client.post(&target, HeaderMap::new(), Bytes::from_static(b"{}"));
    tokio::time::timeout(MS(5_000), sent).await.expect("no wait is endless")
}

async fn rest(mut response: StreamResponse) -> Result<Vec<u8>, StreamError> {
    let mut whole = Vec::new();
    let read = async {
        while let Some(batch) = response.body.next_batch().await? {
            whole.extend_from_slice(&batch);
        }
        Ok::<_, StreamError>(())
    };
    tokio::time::timeout(MS(5_000), read).await.expect("no wait is endless")?;
    assert!(response.body.is_ended());
    Ok(whole)
}

async fn run(client: &StreamClient, url: &str) -> Vec<u8> {
    rest(post(client, url).await.unwrap()).await.unwrap()
}

#[tokio::test]
async fn a_connection_is_used_again() {
    let server = Server::start(CHUNKED, After::Keep).await;
    let client = client();
    for _ in 0..5 {
        assert_eq!(run(&client, &server.url).await, b"hello you");
    }
    assert_eq!(server.accepted(), 1);
    assert_eq!(run(&client.clone(), &server.url).await, b"hello you");
    assert_eq!(server.accepted(), 1, "clones share their connections");
    let head = server.requests.lock().unwrap()[5].to_ascii_lowercase();
    assert!(head.starts_with("post /agent?a=b http/1.1\r\n"), "{head}");
    for line in ["content-length: 2", "user-agent: copilotkit/"] {
        assert!(head.contains(line), "{line}: {head}");
    }
    for line in ["accept-encoding", "expect", "transfer-encoding"] {
        assert!(!head.contains(line), "{line}: {head}");
    }
    let address = server.url.strip_prefix("http://").unwrap().split('/').next().unwrap();
    assert_eq!(head.matches(&format!("host: {address}\r\n")).count(), 1, "{head}");
}

#[tokio::test]
async fn what_arrived_is_one_batch() {
    let server = Server::start(CHUNKED, After::Keep).await;
    let mut response = post(&client(), &server.url).await.unwrap();
    let batch = response.body.next_batch().await.unwrap().unwrap();
    assert_eq!(batch, "hello you");
    assert!(response.body.is_ended());
    assert_eq!(response.body.next_batch().await.unwrap(), None);
    assert!(batch.is_unique(), "the buffer of the connection is not kept by it");
}

#[tokio::test]
async fn a_stale_connection_does_not_fail_the_next_request() {
    // The server closes right behind its answer and says nothing of it: now and then before the next request begins.
    let server = Server::start(CHUNKED, After::Close).await;
    let client = client();
    for count in 1..=20 {
        assert_eq!(run(&client, &server.url).await, b"hello you");
        server.until_open(0).await;
        assert_eq!(server.accepted(), count);
    }
}

#[tokio::test]
async fn an_answer_with_more_behind_its_end_is_not_trusted_again() {
    let more = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokHTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil";
    let server = Server::start(more, After::Keep).await;
    let client = client();
    for count in 1..=3 {
        assert_eq!(run(&client, &server.url).await, b"ok");
        assert_eq!(server.accepted(), count);
    }
    server.until_open(0).await;
}

#[tokio::test]
async fn a_connection_that_is_to_be_closed_is_not_kept() {
    for answer in [
        "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok",
        "HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nkeep-alive: timeout=1\r\ncontent-length: 2\r\n\r\nok",
    ] {
        let server = Server::start(answer, After::Keep).await;
        let client = client();
        for count in 1..=2 {
            assert_eq!(run(&client, &server.url).await, b"ok");
            assert_eq!(server.accepted(), count, "{answer}");
        }
        server.until_open(0).await;
    }
}

#[tokio::test]
async fn a_body_that_is_dropped_closes_its_connection() {
    let half = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n";
    let server = Server::start(half, After::Stall).await;
    let client = client();
    for count in 1..=2 {
        let mut response = post(&client, &server.url).await.unwrap();
        assert_eq!(response.body.next_batch().await.unwrap().unwrap(), "hello");
        server.until_open(1).await;
        drop(response);
        server.until_open(0).await;
        assert_eq!(server.accepted(), count, "it is not used again");
    }
}

#[tokio::test]
async fn a_request_that_is_dropped_closes_its_connection() {
    let server = Server::start("", After::Stall).await;
    let client = client();
    let target = client.target(&server.url).unwrap();
    let sent = client.post(&target, HeaderMap::new(), Bytes::from_static(b"{}"));
    assert!(tokio::time::timeout(MS(100), sent).await.is_err());
    server.until_open(0).await;
}

#[tokio::test]
async fn few_connections_are_kept() {
    let server = Server::start(CHUNKED, After::Keep).await;
    let client = client();
    let mut answers = Vec::new();
    for _ in 0..100 {
        answers.push(post(&client, &server.url).await.unwrap());
    }
    server.until_open(100).await;
    for answer in answers {
        assert_eq!(rest(answer).await.unwrap(), b"hello you");
    }
    server.until_open(64).await;
    drop(client);
    server.until_open(0).await;
}

#[tokio::test]
async fn a_broken_body_gives_what_came_first() {
    let half = "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhello";
    let server = Server::start(half, After::Close).await;
    let client = client();
    let mut response = post(&client, &server.url).await.unwrap();
    assert_eq!(response.body.next_batch().await.unwrap().unwrap(), "hello");
    let error = response.body.next_batch().await.unwrap_err();
    assert!(!error.is_connect() && !error.is_timeout(), "{error}");
    assert_eq!(response.body.next_batch().await.unwrap(), None, "it is told once");
}

#[tokio::test]
async fn a_request_that_was_written_is_not_repeated() {
    // The first answer keeps the connection; the second request is read whole, and then the connection closes.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let server = async {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut bytes = [0; 4096];
        assert!(socket.read(&mut bytes).await.unwrap() > 0);
        socket.write_all(CHUNKED.as_bytes()).await.unwrap();
        assert!(socket.read(&mut bytes).await.unwrap() > 0);
        drop(socket);
        let again = tokio::time::timeout(MS(200), listener.accept()).await;
        assert!(again.is_err(), "the request was sent again");
    };
    let client = client();
    let page = async {
        assert_eq!(run(&client, &url).await, b"hello you");
        let error = post(&client, &url).await.unwrap_err();
        assert!(!error.is_connect(), "{error}");
    };
    tokio::join!(server, page);
}

#[tokio::test]
async fn an_early_answer_is_read_though_the_request_is_not_sent_yet() {
    let refused = "HTTP/1.1 413 Payload Too Large\r\ncontent-length: 7\r\n\r\ntoo big";
    let server = Server::on("127.0.0.1:0", refused, After::Stall, true).await.unwrap();
    let client = client();
    let target = client.target(&server.url).unwrap();
    let body = Bytes::from(vec![b'x'; 24 * 1024 * 1024]);
    let response = tokio::time::timeout(MS(5_000), client.post(&target, HeaderMap::new(), body)).await.unwrap();
    let response = response.unwrap();
    assert_eq!(response.status, 413);
    assert_eq!(rest(response).await.unwrap(), b"too big");
    server.until_open(0).await;
}

#[tokio::test]
async fn a_large_body_is_sent_whole_without_asking() {
    let server = Server::start(CHUNKED, After::Keep).await;
    let client = client();
    let target = client.target(&server.url).unwrap();
    for size in [0, 1, 24 * 1024 * 1024] {
        let body = Bytes::from(vec![b'x'; size]);
        let response = client.post(&target, HeaderMap::new(), body).await.unwrap();
        assert_eq!(rest(response).await.unwrap(), b"hello you");
        let head = server.requests.lock().unwrap().last().unwrap().to_ascii_lowercase();
        assert!(head.contains(&format!("content-length: {size}\r\n")) && !head.contains("expect"), "{head}");
    }
    assert_eq!(server.accepted(), 1);
}

#[tokio::test]
async fn literal_addresses_of_version_6_are_reached() {
    let Ok(server) = Server::on("[::1]:0", CHUNKED, After::Keep, false).await else {
        println!("skipped: this machine has no IPv6");
        return;
    };
    assert_eq!(run(&client(), &server.url).await, b"hello you");
    let head = server.requests.lock().unwrap()[0].to_ascii_lowercase();
    assert!(head.contains("host: [::1]:"), "{head}");
}

#[tokio::test]
async fn a_user_in_the_address_is_sent_as_basic_authorization_unless_there_is_another() {
    let server = Server::start(CHUNKED, After::Keep).await;
    let client = client();
    let url = server.url.replace("http://", "http://user:p%40ss@");
    let target = client.target(&url).unwrap();
    let own = HeaderMap::from_iter([(http::header::AUTHORIZATION, HeaderValue::from_static("Bearer own"))]);
    for (headers, expected) in [(HeaderMap::new(), "Basic dXNlcjpwQHNz"), (own, "Bearer own")] {
        let response = client.post(&target, headers, Bytes::new()).await.unwrap();
        rest(response).await.unwrap();
        let head = server.requests.lock().unwrap().last().unwrap().clone();
        assert!(head.contains(&format!("authorization: {expected}\r\n")), "{head}");
        assert!(!head.contains('@'), "{head}");
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_connection_is_said() {
    let client = client();
    let port = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    };
    let error = post(&client, &format!("http://127.0.0.1:{port}/")).await.unwrap_err();
    assert!(error.is_connect() && !error.is_timeout() && error.to_string().contains("refused"), "{error}");

    let error = post(&client, "http://name.invalid/").await.unwrap_err();
    assert!(error.is_connect() && !error.is_timeout(), "{error}");

    // An address of https whose server speaks plain HTTP.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let plain = async {
        let (mut socket, _) = listener.accept().await.unwrap();
        socket.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
        socket.shutdown().await.unwrap();
        while socket.read(&mut [0; 1024]).await.is_ok_and(|count| count > 0) {}
    };
    let url = format!("https://{}/", listener.local_addr().unwrap());
    let (error, ()) = tokio::join!(post(&client, &url), plain);
    let error = error.unwrap_err();
    assert!(error.is_connect() && !error.is_timeout() && error.to_string().contains("corrupt message"), "{error}");

    // Says nothing, so that the handshake never ends.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let options = ClientOptions { connect_timeout: MS(100), ..ClientOptions::default() };
    let hasty = StreamClient::new(&options).unwrap();
    let error = post(&hasty, &format!("https://{}/", listener.local_addr().unwrap())).await.unwrap_err();
    assert!(error.is_connect() && error.is_timeout(), "{error}");
}

#[tokio::test]
async fn an_untrusted_address_is_not_reached() {
    let options = ClientOptions { trust: Trust::Untrusted, environment_proxies: true, ..ClientOptions::default() };
    let client = StreamClient::new(&options).unwrap();
    assert_eq!(client.target("http://127.0.0.1:9/").unwrap_err().code(), Code::ClientNotPublic);
    // A name is only known to lead to a special address when it is looked up.
    let configured = StreamClient::new(&ClientOptions::default()).unwrap();
    let target = configured.target("http://localhost:9/").unwrap();
    let error = client.post(&target, HeaderMap::new(), Bytes::new()).await.unwrap_err();
    assert!(error.is_connect() && error.to_string().contains("not a public address"), "{error}");
}

#[tokio::test]
async fn the_client_of_proxies_gives_the_same() {
    // 127.0.0.1 stands in no environment's list of what is reached by a proxy in this test.
    let server = Server::start(CHUNKED, After::Keep).await;
    let options = ClientOptions { environment_proxies: true, ..ClientOptions::default() };
    let client = StreamClient::new(&options).unwrap();
    if std::env::vars().any(|(name, _)| name.to_ascii_lowercase().ends_with("_proxy")) {
        println!("skipped: the environment names a proxy");
        return;
    }
    for _ in 0..2 {
        assert_eq!(run(&client, &server.url).await, b"hello you");
    }
    let error = post(&client, "http://127.0.0.1:1/").await.unwrap_err();
    assert!(error.is_connect() && error.to_string().contains("refused"), "{error}");
}
