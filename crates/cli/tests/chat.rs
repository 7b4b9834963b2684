//! `copilotkit chat` as people and scripts use it, against this process's agents, runtimes and bare AG-UI agents.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a helper of a test fails the test")]

use copilotkit_fixtures::agent_server::{AgentServer, Script};
use copilotkit_fixtures::scripted;
use copilotkit_runtime::http::auth::{Auth, Bearer};
use copilotkit_runtime::http::server::{ServeOptions, serve};
use copilotkit_runtime::http::{Mode, Surface, SurfaceOptions};
use copilotkit_runtime::{AgentRegistry, Lifecycle, LifecycleOptions, Principal};
use serde_json::Value;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

struct Said {
    code: i32,
    out: String,
    err: String,
}

/// Runs the command with this input, off the threads that serve it.
async fn chat(folder: &Path, args: &[&str], input: &str) -> Said {
    let mut command = Command::new(env!("CARGO_BIN_EXE_copilotkit"));
    command.arg("chat").args(args).env_clear().env("TOKEN", "secret-token").current_dir(folder);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let input = input.to_owned();
    let running = tokio::task::spawn_blocking(move || {
        let mut child = command.spawn().unwrap();
        // A program that does not read its input has closed it, perhaps before this.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        child.wait_with_output().unwrap()
    });
    let output = tokio::time::timeout(Duration::from_secs(30), running).await.expect("it hangs").unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Said { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
}

fn events(said: &Said) -> Vec<Value> {
    said.out.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"))).collect()
}

/// A runtime with the scripted agents.
struct Runtime {
    url: String,
    stop: CancellationToken,
}

impl Runtime {
    async fn start(mode: Mode, auth: Option<Auth>) -> Self {
        let agents = Arc::new(AgentRegistry::new(scripted::all()));
        let lifecycle = Lifecycle::new(agents, LifecycleOptions::default());
        let surface = Surface::new(lifecycle, SurfaceOptions { mode, auth, ..SurfaceOptions::default() });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/copilotkit", listener.local_addr().unwrap());
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let options = ServeOptions { drain_timeout: Duration::ZERO, ..ServeOptions::default() };
        #[allow(clippy::disallowed_methods, reason = "it ends with the test's runtime")]
        tokio::spawn(async move { serve(listener, surface, options, stopped.cancelled_owned(), async {}).await });
        Self { url, stop }
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_server_the_configuration_of_this_folder_answers() {
    let folder = tempfile::tempdir().unwrap();
    let said = chat(folder.path(), &["/call ask_user {\"question\":\"Sure?\"}"], "").await;
    assert_eq!(said.code, 3, "{}{}", said.out, said.err);
    assert!(said.err.contains("Sure?") && said.err.contains("--thread"), "{}", said.err);

    let said = chat(folder.path(), &[], "Hello\n\n//help\n/threads\n").await;
    assert_eq!(said.code, 0, "{}", said.err);
    assert!(said.out.contains("/call") && !said.out.contains('\x1b'), "{}", said.out);
    assert!(said.err.contains("Hello") && said.err.contains("NAME"), "the list of threads: {}", said.err);

    let said = chat(folder.path(), &["--store", "memory", ""], "").await;
    assert!(said.code == 1 && said.err.contains("nothing to say"), "{}", said.err);

    let said = chat(folder.path(), &["--store", "memory", "--agent", "nobody", "x"], "").await;
    assert_eq!(said.code, 1);
    assert!(said.err.contains("no agent nobody") && said.err.contains("default"), "{}", said.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn questions_are_answered_by_the_next_line() {
    let folder = tempfile::tempdir().unwrap();
    let said =
        chat(folder.path(), &["--store", "memory"], "/call ask_user {\"question\":\"Sure?\"}\nyes, do\nthen this\n")
            .await;
    assert_eq!(said.code, 0, "{}", said.err);
    assert!(said.err.contains("calls ask_user"), "{}", said.err);
    assert!(said.out.contains("yes, do"), "the demo model says what the tool answered: {}", said.out);
    let said = chat(folder.path(), &["--store", "memory"], "/call ask_user {\"question\":\"Sure?\"}\n").await;
    assert_eq!((said.code, said.err.contains("waits for an answer")), (3, true), "{}", said.err);
}

/// What is said to a thread that waits is the answer, whichever way it comes.
#[tokio::test(flavor = "multi_thread")]
async fn a_thread_that_waits_is_answered_by_what_comes_next() {
    const QUESTION: &str = "/call ask_user {\"question\":\"Sure?\"}";
    let folder = tempfile::tempdir().unwrap();
    let file = format!("[agents.default]\n{}approval = [\"paint\"]\n", "type = \"built-in\"\nmodel = \"demo\"\n");
    let tool = "[[agents.default.tools]]\nname = \"paint\"\nurl = \"http://127.0.0.1:9/\"\n";
    std::fs::write(folder.path().join("copilotkit.toml"), file + tool).unwrap();
    for (thread, args, input) in [
        ("one", &["yes, do"][..], ""),
        ("two", &[], "yes, do\n"),
        ("three", &["--json", "yes, do"], ""),
        ("four", &["--json"], "yes, do"),
    ] {
        let said = chat(folder.path(), &["--thread", thread, QUESTION], "").await;
        let again = format!("copilotkit chat --thread {thread} ANSWER");
        assert!(said.code == 3 && said.err.contains(&again), "{}{}", said.out, said.err);
        let said = chat(folder.path(), &[&["--thread", thread], args].concat(), input).await;
        let answered = said.code == 0 && said.out.contains("yes, do") && !said.out.contains("You said");
        assert!(answered, "{thread}: {}{}", said.out, said.err);
        let said = chat(folder.path(), &["--thread", thread, "hello"], "").await;
        assert!(said.code == 0 && said.out.contains("You said"), "it waits no more: {}{}", said.out, said.err);
    }
    let asked = chat(folder.path(), &["--thread", "five", "/call paint {}"], "").await;
    assert!(asked.code == 3 && asked.err.contains("[y/n]"), "{}", asked.err);
    let said = chat(folder.path(), &["--thread", "five", "perhaps"], "").await;
    assert!(said.code == 3 && said.err.contains("no answer") && said.err.contains("[y/n]"), "{}", said.err);
    let said = chat(folder.path(), &["--thread", "five", "n"], "").await;
    assert!(said.code == 0 && said.out.contains("rejected"), "{}{}", said.out, said.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn scripts_get_events_as_lines() {
    let folder = tempfile::tempdir().unwrap();
    let said = chat(folder.path(), &["--json", "--store", "memory"], "Hello\nyou\n").await;
    let found = events(&said);
    let types: Vec<_> = found.iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!((types.first(), types.last()), (Some(&"RUN_STARTED"), Some(&"RUN_FINISHED")));
    assert_eq!(found[0]["input"]["messages"][0]["content"], "Hello\nyou", "the whole input is one message");
    assert_eq!((said.code, said.err.as_str()), (0, ""));

    let said = chat(folder.path(), &["--json", "--store", "memory", "/fail"], "").await;
    assert_eq!((said.code, events(&said).last().unwrap()["type"].as_str()), (1, Some("RUN_ERROR")));
    assert_eq!(said.err, "", "the events say it, and no log besides");
    let said = chat(folder.path(), &["--json", "--store", "memory", "/ask"], "").await;
    assert_eq!((said.code, events(&said).last().unwrap()["outcome"]["type"].as_str()), (3, Some("interrupt")));
    let said = chat(folder.path(), &["--json", "--store", "memory"], "").await;
    assert_eq!((said.code, said.out.as_str()), (1, ""));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thread_goes_on_where_it_ended() {
    let folder = tempfile::tempdir().unwrap();
    let first = chat(folder.path(), &["--json", "--thread", "mine", "one"], "").await;
    assert_eq!(first.code, 0, "{}", first.err);
    let second = chat(folder.path(), &["--json", "--thread", "mine", "two"], "").await;
    let started = events(&second).remove(0);
    // What the log holds already is not repeated in the echo of the input: the new message stands alone in it.
    assert_eq!(started["input"]["messages"][0]["content"], "two", "{started}");
    let history = chat(folder.path(), &["--thread", "mine"], "/history\n").await;
    let (one, two) = (history.err.find("you: one").unwrap(), history.err.find("you: two").unwrap());
    assert!(one < two, "{}", history.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn runtimes_of_both_kinds_and_bare_agents_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    for mode in [Mode::Both, Mode::Multi, Mode::Single] {
        let runtime = Runtime::start(mode, None).await;
        let said = chat(
            folder.path(),
            &["--url", &runtime.url, "--agent", "default", "--thread", "t"],
            "hi\n/agents\n/threads\n/switch 1\n",
        )
        .await;
        assert_eq!(said.code, 0, "{mode:?} {}", said.err);
        assert!(!said.out.trim().is_empty(), "{mode:?} {}", said.err);
        assert!(said.err.contains("toolcall") && said.err.contains("you: hi"), "{mode:?} {}", said.err);
    }
    let agent = AgentServer::start(Script::events([
        r#"{"type":"RUN_STARTED","threadId":"t","runId":"r"}"#,
        r#"{"type":"TEXT_MESSAGE_CHUNK","messageId":"m","delta":"a \u001b[31mred"}"#,
        r#"{"type":"TEXT_MESSAGE_CHUNK","messageId":"m","delta":" word"}"#,
        r#"{"type":"RUN_FINISHED","threadId":"t","runId":"r"}"#,
    ]));
    let agent = agent.await.unwrap();
    let said = chat(folder.path(), &["--url", &agent.url(), "hello"], "").await;
    assert_eq!((said.code, said.out.as_str()), (0, "a red word\n"), "{}", said.err);
    let asked = agent.requests().pop().unwrap().json();
    assert_eq!(
        (asked["messages"][0]["content"].as_str(), asked["protocolVersion"].as_str()),
        (Some("hello"), Some("1.0"))
    );
    let said = chat(folder.path(), &["--url", &agent.url()], "/threads\n").await;
    assert_eq!((said.code, said.err.contains("keeps no threads")), (1, true), "{}", said.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_that_want_a_token_get_it_and_it_is_never_shown() {
    let folder = tempfile::tempdir().unwrap();
    let auth = Auth::new(Bearer::new([("secret-token", Principal::new("alice"))]).unwrap());
    let runtime = Runtime::start(Mode::Both, Some(auth)).await;
    let refused = chat(folder.path(), &["--url", &runtime.url, "hi"], "").await;
    assert_eq!((refused.code, refused.err.contains("--token-env")), (1, true), "{}", refused.err);
    let unset = chat(folder.path(), &["--url", &runtime.url, "--token-env", "NOPE", "hi"], "").await;
    assert_eq!((unset.code, unset.err.contains("NOPE")), (1, true), "{}", unset.err);
    let said = chat(folder.path(), &["--url", &runtime.url, "--token-env", "TOKEN", "hi"], "").await;
    assert_eq!(said.code, 0, "{}", said.err);
    for said in [refused, unset, said] {
        assert!(!said.out.contains("secret-token") && !said.err.contains("secret-token"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_reached_is_said_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = format!("http://user:password@127.0.0.1:{port}/copilotkit");
    let said = chat(folder.path(), &["--url", &url, "hi"], "").await;
    assert_eq!(said.code, 1);
    assert!(said.err.contains("cannot be reached") && !said.err.contains("password"), "{}", said.err);
    assert_eq!(said.err.trim().lines().count(), 1, "{}", said.err);
    let said = chat(folder.path(), &["--url", "localhost:1", "hi"], "").await;
    assert!(said.code == 1 && said.err.contains("http://127.0.0.1:8000/copilotkit"), "{}", said.err);
}

/// Ctrl-C while a run streams stops it: the run says so, and the program ends well.
#[tokio::test(flavor = "multi_thread")]
async fn ctrl_c_stops_the_run() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_copilotkit"))
        .args(["chat", "--store", "memory", "/slow 40"])
        .env_clear()
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = child.stdout.take().unwrap();
    let ended = tokio::task::spawn_blocking(move || {
        use std::io::Read as _;
        let mut first = [0_u8; 1];
        out.read_exact(&mut first).unwrap();
        let pid = child.id().to_string();
        assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
        // Its pipe must not fill up.
        let mut rest = Vec::new();
        out.read_to_end(&mut rest).unwrap();
        child.wait_with_output().unwrap()
    });
    let output = tokio::time::timeout(Duration::from_secs(20), ended).await.expect("it goes on").unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(130), "{err}");
    assert!(err.contains("stopping") && err.contains("stopped"), "{err}");
}
