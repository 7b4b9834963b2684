//! `copilotkit threads` as people and scripts use it.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a helper of a test fails the test")]

use copilotkit_protocol::*;
use copilotkit_runtime::Principal;
use copilotkit_runtime::store::sqlite::{SqliteOptions, SqliteStore};
use copilotkit_runtime::store::*;
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

const LIMIT: Duration = Duration::from_secs(30);

fn command(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_copilotkit"));
    command.args(args).env_clear().current_dir(folder).stdin(Stdio::null());
    command
}

/// `copilotkit threads …`: its exit code and what it said.
fn threads(folder: &Path, args: &[&str]) -> (i32, String, String) {
    told(command(folder, &[&["threads"], args].concat()).output().unwrap())
}

fn told(output: Output) -> (i32, String, String) {
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn ids(text: &str) -> Vec<String> {
    lines(text).iter().map(|line| line["id"].as_str().unwrap().to_owned()).collect()
}

fn open(folder: &Path) -> SqliteStore {
    SqliteStore::open(SqliteOptions::new(folder.join(".copilotkit/threads.db"))).unwrap()
}

async fn say(store: &SqliteStore, principal: &str, id: &str, events: &[Value]) {
    let begin = BeginRun {
        thread: ThreadKey::new(&Principal::new(principal), id),
        run_id: "r".into(),
        agent_id: "default".into(),
        message_ids: Vec::new(),
        name: Some(format!("About {id}")),
        ttl: LIMIT,
    };
    let lease = store.begin(begin).await.unwrap().lease;
    let input = json!({"threadId": id, "runId": "r", "messages": [{"id": "u", "role": "user", "content": "hello"}]});
    let first = json!({"type": "RUN_STARTED", "threadId": id, "runId": "r", "input": input});
    let last = json!({"type": "RUN_FINISHED", "threadId": id, "runId": "r"});
    let all = [&[first], events, &[last]].concat();
    let frames = all.iter().zip(lease.first_seq..).map(|(event, seq)| {
        let event = Event::from_json(event.to_string().as_bytes()).unwrap();
        Frame::new(seq, lease.run, Emitted::from(event))
    });
    store.finish(&lease, &Append { frames: frames.collect(), message_ids: vec!["u".into()] }).await.unwrap();
    // Each is used at another time than the one before.
    tokio::time::sleep(Duration::from_millis(3)).await;
}

/// Three threads of nobody and one of alice.
async fn filled() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let answer = [
        json!({"type": "STATE_SNAPSHOT", "snapshot": {"color": "red"}}),
        json!({"type": "TEXT_MESSAGE_START", "messageId": "a", "role": "assistant"}),
        json!({"type": "TEXT_MESSAGE_CONTENT", "messageId": "a", "delta": "it is \u{1b}[31m"}),
        json!({"type": "TEXT_MESSAGE_CONTENT", "messageId": "a", "delta": "red"}),
        json!({"type": "TEXT_MESSAGE_END", "messageId": "a"}),
        json!({"type": "TOOL_CALL_START", "toolCallId": "c", "toolCallName": "paint", "parentMessageId": "a"}),
        json!({"type": "TOOL_CALL_ARGS", "toolCallId": "c", "delta": "{\"wall\":1}"}),
        json!({"type": "TOOL_CALL_END", "toolCallId": "c"}),
    ];
    for id in ["one", "two", "three"] {
        say(&store, "anonymous", id, &answer).await;
    }
    say(&store, "alice", "one", &[]).await;
    let key = ThreadKey::new(&Principal::anonymous(), "two");
    store.update(&key, ThreadUpdate { archived: Some(true), ..Default::default() }).await.unwrap();
    folder
}

struct Server(Child);

impl Server {
    fn start(folder: &Path) -> Self {
        let mut child = command(folder, &["serve", "--port", "0"]).stderr(Stdio::piped()).spawn().unwrap();
        let mut said = BufReader::new(child.stderr.take().unwrap());
        let (mut line, began) = (String::new(), Instant::now());
        while !line.contains("listening on") {
            line.clear();
            assert!(said.read_line(&mut line).unwrap() > 0 && began.elapsed() < LIMIT, "it does not listen");
        }
        Self(child)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn threads_are_listed_and_shown() {
    let folder = filled().await;
    let folder = folder.path();
    let (code, out, _) = threads(folder, &["list"]);
    assert_eq!((code, ids(&out)), (0, vec!["one".into(), "three".into(), "one".into()]));
    let first = &lines(&out)[0];
    assert_eq!(
        (&first["principal"], &first["runs"], &first["agentId"]),
        (&json!("alice"), &json!(1), &json!("default"))
    );
    assert!(first["updatedAt"].as_str().unwrap().starts_with("20") && first["bytes"].as_u64().unwrap() > 50);
    let listed = |args: &[&str]| ids(&threads(folder, &[&["list"], args].concat()).1);
    assert_eq!(listed(&["--archived"]).len(), 4);
    assert_eq!(listed(&["--archived", "--limit", "2"]), ["one", "three"]);
    assert_eq!(listed(&["--principal", "anonymous"]), ["three", "one"]);
    assert!(listed(&["--agent", "other"]).is_empty());
    let (_, table, _) = threads(folder, &["list", "--format", "text", "--archived"]);
    assert!(
        table.starts_with("ID     NAME") && table.contains("About two (archived)  default  anonymous  20"),
        "{table}"
    );

    let (code, out, _) = threads(folder, &["show", "three"]);
    let messages: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, messages.as_array().unwrap().len()), (0, 2));
    assert_eq!(messages[1]["content"], "it is \u{1b}[31mred");
    let (_, text, _) = threads(folder, &["show", "three", "--format", "text"]);
    assert!(text.contains("user u\nhello\n") && text.contains("-> paint({\"wall\":1})"), "{text}");
    assert!(text.contains("it is \u{fffd}[31mred") && !text.contains('\u{1b}'), "nothing steers the terminal: {text}");
    assert_eq!(threads(folder, &["show", "three", "--state"]).1, "{\"color\":\"red\"}\n");
    let events = lines(&threads(folder, &["show", "three", "--events"]).1);
    assert_eq!(events.first().unwrap()["type"], "RUN_STARTED");
    assert_eq!(events.last().unwrap()["type"], "RUN_FINISHED");
    assert_eq!(events.iter().filter(|event| event["type"] == "TEXT_MESSAGE_CONTENT").count(), 1, "compact");
    assert!(text_of(folder, &["show", "three", "--events", "--format", "text"]).starts_with("       0  {\"type\""));
}

fn text_of(folder: &Path, args: &[&str]) -> String {
    threads(folder, args).1
}

#[tokio::test]
async fn errors_name_the_thread_and_the_remedy() {
    let folder = filled().await;
    let folder = folder.path();
    for (args, code, parts) in [
        (&["show", "nine"][..], 1, &["no thread nine", "threads list --archived"][..]),
        (&["show", "one"], 1, &["several principals", "alice, anonymous", "--principal"]),
        (&["show", "three", "--principal", "alice"], 1, &["no thread three of alice"]),
        (&["delete", "three", "nine", "--yes"], 1, &["no thread nine"]),
        (&["delete", "three"], 2, &["the thread three", "deleted for good", "--yes"]),
        (&["prune"], 2, &["--older-than 30d", "[threads]"]),
        (&["prune", "--older-than", "soon"], 2, &["--older-than"]),
        (&["prune", "--max-threads", "1"], 2, &["3 threads", "--yes"]),
        (&["export"], 2, &["--all"]),
        (&["list", "--limit", "0"], 2, &["--limit"]),
        (&["list", "--store", "memory"], 1, &["gone with their server", "--store sqlite:PATH"]),
        (&["list", "--store", "sqlite:none.db"], 1, &["no thread store at none.db", "copilotkit serve"]),
        (&["delete", "x", "--store", "sqlite:none.db"], 1, &["no thread store at none.db"]),
        (&["import", "none.jsonl"], 1, &["none.jsonl"]),
        (&["import", ".copilotkit/threads.db"], 1, &["line 1", "no line of an export", "nothing was changed"]),
        (&["adopt", "--from", "anonymous", "--to", "alice", "one"], 1, &["alice has a thread one already", "delete"]),
    ] {
        let (found, out, said) = threads(folder, args);
        assert_eq!(found, code, "{args:?}: {said}");
        assert!(parts.iter().all(|part| said.contains(part)), "{args:?}: {said}");
        assert!(out.is_empty(), "{args:?}: {out}");
    }
    assert!(!folder.join("none.db").exists(), "nothing was made");
    assert_eq!(ids(&text_of(folder, &["list", "--archived"])).len(), 4, "nothing was deleted");
}

#[tokio::test]
async fn an_export_comes_back_and_threads_change_hands() {
    let folder = filled().await;
    let folder = folder.path();
    let (code, export, said) = threads(folder, &["export", "--all"]);
    assert_eq!((code, said.as_str()), (0, "copilotkit: 4 threads with 32 events exported\n"));
    std::fs::write(folder.join("all.jsonl"), &export).unwrap();
    let other = ["--store", "sqlite:new/other.db"];
    let run = |args: &[&str]| threads(folder, &[args, &other].concat());
    assert_eq!(run(&["import", "all.jsonl"]).0, 0);
    assert_eq!(run(&["export", "--all"]).1, export);
    let (code, _, said) = run(&["import", "all.jsonl"]);
    assert!(code == 1 && said.contains("--replace") && said.contains("nothing was imported"), "{said}");
    assert!(said.contains("the thread one of alice is there already"), "{said}");
    let (code, _, said) = run(&["import", "all.jsonl", "--replace"]);
    assert!(code == 0 && said.contains("4 of them in place of another"), "{said}");

    // One alone, for somebody else.
    let one = threads(folder, &["export", "three"]).1;
    std::fs::write(folder.join("one.jsonl"), one).unwrap();
    assert_eq!(run(&["import", "one.jsonl", "--principal", "bob"]).0, 0);
    assert_eq!(ids(&run(&["list", "--principal", "bob"]).1), ["three"]);
    let shown = |principal| run(&["show", "three", "--events", "--principal", principal]).1;
    assert_eq!(shown("bob"), shown("anonymous"));

    // What nobody owned becomes alice's, but for the one whose id she has.
    let (code, _, said) = run(&["adopt", "--to", "alice"]);
    assert!(
        code == 1 && said.contains("2 threads of anonymous now of alice") && said.contains("a thread one"),
        "{said}"
    );
    assert_eq!(ids(&run(&["list", "--archived", "--principal", "alice"]).1), ["one", "three", "two"]);
    assert_eq!(ids(&run(&["list", "--archived", "--principal", "anonymous"]).1), ["one"]);
}

#[tokio::test]
async fn threads_are_deleted_and_pruned() {
    let folder = filled().await;
    let folder = folder.path();
    assert_eq!(threads(folder, &["delete", "three", "three", "--yes"]).2, "copilotkit: 1 thread deleted\n");
    let (code, out, said) = threads(folder, &["prune", "--max-threads", "1", "--dry-run"]);
    assert_eq!((code, ids(&out)), (0, vec!["one".into(), "two".into()]));
    assert!(said.contains("2 threads would be deleted"), "{said}");
    assert_eq!(ids(&text_of(folder, &["list", "--archived"])).len(), 3);
    assert_eq!(
        threads(folder, &["prune", "--older-than", "1h", "--yes"]).2,
        "copilotkit: no thread is to be deleted\n"
    );
    std::fs::write(folder.join("c.toml"), "[threads]\nmax_threads = 2\n").unwrap();
    assert_eq!(threads(folder, &["prune", "--config", "c.toml", "--yes"]).2, "copilotkit: 1 thread deleted\n");
    assert_eq!(ids(&text_of(folder, &["list", "--archived"])), ["one", "two"]);
    assert_eq!(threads(folder, &["prune", "--older-than", "0s", "--yes"]).0, 0);
    assert!(text_of(folder, &["list", "--archived"]).is_empty());
}

#[tokio::test]
async fn beside_a_server_threads_can_be_read_and_not_written() {
    let folder = filled().await;
    let folder = folder.path();
    let export = threads(folder, &["export", "--all"]).1;
    std::fs::write(folder.join("all.jsonl"), &export).unwrap();
    let server = Server::start(folder);
    assert_eq!(ids(&text_of(folder, &["list"])).len(), 3);
    assert!(text_of(folder, &["show", "three"]).contains("hello"));
    assert_eq!(text_of(folder, &["export", "--all"]), export);
    assert_eq!(ids(&text_of(folder, &["prune", "--max-threads", "3", "--dry-run"])).len(), 1);
    for args in [
        &["delete", "three", "--yes"][..],
        &["prune", "--max-threads", "1", "--yes"],
        &["import", "all.jsonl", "--replace"],
        &["adopt", "--to", "bob"],
    ] {
        let (code, _, said) = threads(folder, args);
        let holder = server.0.id().to_string();
        assert!(code == 1, "{args:?}: {said}");
        for part in ["in use by another process", &holder, "stop that one", "DELETE or PATCH"] {
            assert!(said.contains(part), "{args:?}: {part} is missing: {said}");
        }
    }
    drop(server);
    assert_eq!(text_of(folder, &["export", "--all"]), export, "nothing was changed");
}

#[tokio::test]
async fn ctrl_c_leaves_nothing_half_done() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let mut child =
        command(folder, &["threads", "import", "-"]).stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let thread = "{\"copilotkitThreads\":1}\n{\"thread\":{\"principal\":\"p\",\"id\":\"t\",\"name\":null,\"agentId\":\"a\",\"archived\":false,\"createdAt\":1,\"updatedAt\":2,\"nextSeq\":0}}\n";
    input.write_all(thread.as_bytes()).unwrap();
    let line = |number: usize| format!("{{\"messageId\":\"m{number}\"}}\n");
    // More than a pipe takes: it is at work then.
    (0..20_000).for_each(|number| input.write_all(line(number).as_bytes()).unwrap());
    tokio::time::sleep(Duration::from_millis(300)).await;
    let asked = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(asked.success());
    tokio::time::sleep(Duration::from_millis(100)).await;
    let ended = (20_000..1_000_000).find(|number| input.write_all(line(*number).as_bytes()).is_err());
    assert!(ended.is_some(), "it goes on");
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!((child.wait().unwrap().code(), said.as_str()), (Some(1), "copilotkit: stopped: nothing was imported\n"));
    assert_eq!(std::fs::read_dir(folder).unwrap().count(), 0, "what was made for it is gone");
}

#[tokio::test]
async fn a_reader_that_has_enough_is_no_error() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let text = "x".repeat(1 << 20);
    for id in ["one", "two"] {
        let events = [
            json!({"type": "TEXT_MESSAGE_START", "messageId": "a", "role": "assistant"}),
            json!({"type": "TEXT_MESSAGE_CONTENT", "messageId": "a", "delta": text}),
            json!({"type": "TEXT_MESSAGE_END", "messageId": "a"}),
        ];
        say(&store, "anonymous", id, &events).await;
    }
    drop(store);
    for args in [&["export", "--all"][..], &["show", "one", "--events"]] {
        let mut child = command(folder.path(), &[&["threads"], args].concat())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::with_capacity(64, child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert!(line.starts_with('{'));
        let (code, _, said) = told(child.wait_with_output().unwrap());
        assert_eq!((code, said.as_str()), (0, ""), "{args:?}");
    }
}
