//! `kill -9` while runs stream: what the clients saw is there after the restart, and no thread stays locked.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a helper of a test fails the test")]

use copilotkit_fixtures::agent_server::{AgentServer, Script};
use copilotkit_fixtures::recording::Request;
use copilotkit_fixtures::recording::client::Connection;
use copilotkit_runtime::Principal;
use copilotkit_runtime::store::sqlite::{SqliteOptions, SqliteStore};
use copilotkit_runtime::store::{ReadLog, RunLog as _, ThreadKey};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Runs at once.
const THREADS: usize = 50;
/// Deltas are promised to be in the file after 50 ms. A machine that runs other tests too may be later.
const WINDOW: Duration = Duration::from_millis(400);
const LIMIT: Duration = Duration::from_secs(30);

/// A server of its own, killed at the end if it was not before.
struct Server {
    child: Child,
    address: SocketAddr,
    log: std::sync::mpsc::Receiver<String>,
}

impl Server {
    fn start(folder: &Path, agent: &str) -> Self {
        let config = format!("[agents.default]\ntype = \"ag-ui\"\nurl = \"{agent}\"\n");
        std::fs::write(folder.join("copilotkit.toml"), config).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_copilotkit"))
            .args(["serve", "--port", "0", "--config", "copilotkit.toml"])
            .env_clear()
            .current_dir(folder)
            .stderr(Stdio::piped())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let (lines, log) = std::sync::mpsc::channel();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                let _ = lines.send(line);
            }
        });
        let (mut address, mut said) = (None, Vec::new());
        while address.is_none() {
            let line = log.recv_timeout(LIMIT).unwrap_or_else(|_| panic!("it does not listen: {said:#?}"));
            address = line.strip_prefix("listening on http://").and_then(|address| address.parse().ok());
            said.push(line);
        }
        let path = folder.canonicalize().unwrap().join(".copilotkit/threads.db").display().to_string();
        assert!(said.iter().any(|line| line.contains(&path)), "it says where threads are: {said:#?}");
        Self { child, address: address.unwrap(), log }
    }

    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        let panics: Vec<_> = self.log.try_iter().filter(|line| line.contains("panicked")).collect();
        assert!(panics.is_empty(), "{panics:?}");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Half a second of text, tool calls and their results.
fn script() -> Script {
    let mut script = Script::new().sse();
    let mut send = |value: Value| {
        script = std::mem::take(&mut script).event(value.to_string());
    };
    send(json!({"type": "RUN_STARTED", "threadId": "t", "runId": "r"}));
    let mut script = script;
    for part in 0..8 {
        let (message, call) = (format!("m{part}"), format!("c{part}"));
        script =
            script.event(json!({"type": "TEXT_MESSAGE_START", "messageId": message, "role": "assistant"}).to_string());
        for piece in 0..12 {
            let delta = format!("{part}.{piece} ");
            let event = json!({"type": "TEXT_MESSAGE_CONTENT", "messageId": message, "delta": delta});
            script = script.event(event.to_string()).wait(Duration::from_millis(3));
        }
        for event in [
            json!({"type": "TEXT_MESSAGE_END", "messageId": message}),
            json!({"type": "TOOL_CALL_START", "toolCallId": call, "toolCallName": "look"}),
            json!({"type": "TOOL_CALL_ARGS", "toolCallId": call, "delta": "{}"}),
            json!({"type": "TOOL_CALL_END", "toolCallId": call}),
            json!({"type": "TOOL_CALL_RESULT", "messageId": format!("t{part}"), "toolCallId": call, "content": "42"}),
        ] {
            script = script.event(event.to_string());
        }
    }
    script.event(json!({"type": "RUN_FINISHED", "threadId": "t", "runId": "r"}).to_string())
}

fn post(thread: &str, run: &str, what: &str) -> Request {
    let message = json!({"id": format!("u-{run}"), "role": "user", "content": "go"});
    let body = json!({"threadId": thread, "runId": run, "messages": [message]}).to_string();
    let headers = [("content-type", "application/json".to_owned()), ("content-length", body.len().to_string())];
    Request {
        method: "POST".to_owned(),
        path: format!("/copilotkit/agent/default/{what}"),
        headers: headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect::<BTreeMap<_, _>>(),
        body: Some(body),
    }
}

/// What a client saw, and when.
type Seen = Vec<(Instant, String)>;

/// Posts and reads until the stream ends or breaks; false when it was refused or broke.
async fn stream(server: SocketAddr, request: &Request, seen: &mut Seen) -> bool {
    let Ok(mut connection) = Connection::open(server).await else { return false };
    if connection.write(request).await.is_err() {
        return false;
    }
    let Ok(head) = connection.head(tokio::time::Instant::now() + LIMIT).await else { return false };
    assert_eq!(head.status, 200, "{request:?}");
    let mut text = Vec::new();
    loop {
        let piece = tokio::time::timeout(LIMIT, connection.body(&head)).await.expect("the stream goes on");
        let Ok(Some(piece)) = piece else { return piece.is_ok() };
        text.extend(piece);
        while let Some(end) = text.windows(2).position(|pair| pair == b"\n\n") {
            let frame: Vec<u8> = text.drain(..end + 2).collect();
            let frame = String::from_utf8(frame).unwrap();
            if let Some(json) = frame.trim_end().strip_prefix("data: ") {
                seen.push((Instant::now(), json.to_owned()));
            }
        }
    }
}

/// Run after run on one thread until the server is gone.
async fn client(server: SocketAddr, thread: String, round: usize) -> Seen {
    let mut seen = Seen::new();
    for run in 0.. {
        if !stream(server, &post(&thread, &format!("{round}-{run}"), "run"), &mut seen).await {
            break;
        }
    }
    seen
}

fn key(thread: &str) -> ThreadKey {
    ThreadKey::new(&Principal::anonymous(), thread)
}

/// The events of a thread from a cursor on as the file has them, and the next cursor.
async fn logged(store: &SqliteStore, thread: &str, from: u64) -> (Vec<String>, u64) {
    let request = ReadLog { thread: key(thread), from, compact_until: 0, max_bytes: usize::MAX };
    let page = store.read(request).await.unwrap();
    assert_eq!(page.live, None, "{thread} is not locked");
    let frames = page.frames.iter().filter_map(|frame| frame.for_client(true));
    (frames.map(|json| String::from_utf8(json.to_vec()).unwrap()).collect(), page.head)
}

fn may_be_lost(json: &str) -> bool {
    let kept = ["TOOL_CALL_END", "TOOL_CALL_RESULT", "RUN_FINISHED", "RUN_ERROR"];
    let event: Value = serde_json::from_str(json).unwrap();
    !kept.contains(&event["type"].as_str().unwrap())
}

/// What the log of a killed server lacks of what a client saw.
fn lost<'a>(thread: &str, seen: &'a Seen, log: &[String]) -> &'a [(Instant, String)] {
    let interrupted = log.last().is_some_and(|last| last.contains("run_interrupted"));
    let log = if interrupted { &log[..log.len() - 1] } else { log };
    let same = seen.iter().zip(log).take_while(|((_, seen), logged)| seen == *logged).count();
    assert!(
        same == seen.len() || same == log.len(),
        "{thread}: the log goes another way after {same} events: {:?} was seen, {:?} logged",
        &seen[same..seen.len().min(same + 3)],
        &log[same..log.len().min(same + 3)],
    );
    let open = seen.last().is_some_and(|(_, last)| may_be_lost(last));
    assert!(interrupted || !open || same < log.len(), "{thread}: a run that was cut is closed");
    &seen[same..]
}

fn copied(folder: &Path, to: &Path) -> PathBuf {
    for entry in std::fs::read_dir(folder.join(".copilotkit")).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
    to.join("threads.db")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_clients_saw_outlives_kill_9() {
    // Each round ends the server with every run in the middle of its stream, at another moment.
    let rounds = if std::env::vars_os().any(|(name, _)| name == "COPILOTKIT_TEST_FULL") { 20 } else { 3 };
    let agent = AgentServer::start(script()).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut cursors = [0u64; THREADS];
    let (mut events, mut missing, mut cut) = (0, 0, 0);
    for round in 0..rounds {
        let mut server = Server::start(folder.path(), &agent.url());
        let address = server.address;
        let clients = (0..THREADS).map(|index| client(address, format!("t{index}"), round));
        let killed = async {
            // Anything from the middle of the first run to the middle of the third.
            let moment = 300 + u64::from(std::process::id()).wrapping_mul(7919 * (round as u64 + 1)) % 1_200;
            tokio::time::sleep(Duration::from_millis(moment)).await;
            server.kill();
            Instant::now()
        };
        let (all, killed) = futures::future::join(futures::future::join_all(clients), killed).await;
        let left = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(SqliteOptions::new(copied(folder.path(), left.path()))).unwrap();
        cut += store.interrupted();
        for (index, seen) in all.iter().enumerate() {
            let thread = format!("t{index}");
            let (log, _) = logged(&store, &thread, cursors[index]).await;
            let lost = lost(&thread, seen, &log);
            for (when, json) in lost {
                assert!(may_be_lost(json), "{thread}: {json} was seen and is gone");
                let early = killed.saturating_duration_since(*when);
                assert!(early < WINDOW, "{thread}: {json} was seen {early:?} before the end and is gone");
            }
            events += seen.len();
            missing += lost.len();
        }
        drop(store);

        // The server itself closes what was cut, and every thread takes a new run at once.
        let mut server = Server::start(folder.path(), &agent.url());
        for index in 0..THREADS {
            let thread = format!("t{index}");
            let mut replay = Seen::new();
            assert!(stream(server.address, &post(&thread, "c", "connect"), &mut replay).await);
            assert!(!may_be_lost(&replay.last().unwrap().1), "a replay ends with a terminal event");
        }
        let address = server.address;
        let again = (0..THREADS).map(|index| async move {
            let mut seen = Seen::new();
            let done = stream(address, &post(&format!("t{index}"), &format!("{round}-again"), "run"), &mut seen).await;
            assert!(
                done && seen.last().unwrap().1.contains("RUN_FINISHED"),
                "t{index} takes no run: {:?}",
                seen.last()
            );
        });
        futures::future::join_all(again).await;
        server.kill();
        let left = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(SqliteOptions::new(copied(folder.path(), left.path()))).unwrap();
        assert_eq!(store.interrupted(), 0);
        for (index, cursor) in cursors.iter_mut().enumerate() {
            (_, *cursor) = logged(&store, &format!("t{index}"), *cursor).await;
        }
    }
    println!("{rounds} rounds, {cut} runs cut, {events} events seen, {missing} of them deltas that were lost");
    assert!(cut > 0 && events > rounds * THREADS * 50, "nothing was tested: {cut} runs, {events} events");
}

#[tokio::test]
async fn a_second_server_on_the_same_file_says_why_it_does_not_start() {
    let agent = AgentServer::start(script()).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let first = Server::start(folder.path(), &agent.url());
    let second = Command::new(env!("CARGO_BIN_EXE_copilotkit"))
        .args(["serve", "--port", "0"])
        .env_clear()
        .current_dir(folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8(second.stderr).unwrap();
    assert!(!second.status.success());
    for part in [".copilotkit/threads.db", "in use by another process", &first.child.id().to_string(), "--store memory"]
    {
        assert!(said.contains(part), "{part} is missing: {said}");
    }
    // A copy can be taken beside it, once.
    let backup = |store: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_copilotkit"));
        command
            .args(["threads", "backup", "copy.db"])
            .args(store)
            .env_clear()
            .current_dir(folder.path())
            .output()
            .unwrap()
    };
    let taken = backup(&[]);
    assert!(taken.status.success(), "{taken:?}");
    let again = backup(&[]);
    let said = String::from_utf8_lossy(&again.stderr);
    assert!(!again.status.success() && said.contains("copy.db is there already: name another file"), "{said}");
    assert!(!backup(&["--store", "memory"]).status.success());
    let left = folder.path().join("copy.db");
    assert!(SqliteStore::open(SqliteOptions::new(left)).is_ok());
}
