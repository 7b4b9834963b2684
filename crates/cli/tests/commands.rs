//! `copilotkit init`, `check`, `healthcheck`, and the flags of `serve`, as people use them.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a helper of a test fails the test")]

use copilotkit_cli::check;
use copilotkit_cli::config::{Config, Environment, Sources};
use copilotkit_fixtures::agent_server::{AgentServer, Script};
use copilotkit_fixtures::model_server::{ModelServer, Reply};
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

const LIMIT: Duration = Duration::from_secs(30);

fn command(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_copilotkit"));
    command.args(args).env_clear().current_dir(folder).stdin(Stdio::null());
    command
}

fn told(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

fn run(folder: &Path, args: &[&str]) -> (i32, String, String) {
    told(&command(folder, args).output().unwrap())
}

/// A server that is ended with the test, and the lines that it says.
struct Server {
    child: Child,
    lines: std::sync::mpsc::Receiver<String>,
    address: String,
}

impl Server {
    fn start(folder: &Path, args: &[&str]) -> Self {
        Self::start_with(folder, args, &[])
    }

    fn start_with(folder: &Path, args: &[&str], variables: &[(&str, &str)]) -> Self {
        let mut command = command(folder, &[&["serve", "--port", "0"], args].concat());
        let mut child = command.envs(variables.iter().copied()).stderr(Stdio::piped()).spawn().unwrap();
        let err = BufReader::new(child.stderr.take().unwrap());
        let (said, lines) = std::sync::mpsc::channel();
        std::thread::spawn(move || err.lines().map_while(Result::ok).try_for_each(|line| said.send(line)));
        let mut server = Self { child, lines, address: String::new() };
        let line = server.wait_for("listening on ");
        server.address = line.trim_start_matches("listening on http://").to_owned();
        server
    }

    /// The next line that begins so.
    fn wait_for(&self, begin: &str) -> String {
        let until = Instant::now() + LIMIT;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let line = self.lines.recv_timeout(left).unwrap_or_else(|_| panic!("it never said {begin}"));
            if line.contains(begin) {
                return line;
            }
        }
    }

    fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([&format!("-{name}"), &pid]).status().unwrap().success());
    }

    fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn init_asks_nobody_where_nobody_sits_and_overwrites_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (code, out, err) = run(folder.path(), &["init"]);
    assert_eq!((code, out.as_str()), (0, ""), "{err}");
    assert!(err.contains("copilotkit check\n"), "{err}");
    let written = std::fs::read_to_string(folder.path().join("copilotkit.toml")).unwrap();
    assert!(written.contains("model = \"demo\""));
    for arguments in [&["check", "--offline"][..], &["check", "--offline", "--config", "copilotkit.toml"]] {
        let (code, out, err) = run(folder.path(), arguments);
        assert!(code == 0 && out.contains("copilotkit.toml: 1 agent\n"), "{out}{err}");
    }
    let (code, _, err) = run(folder.path(), &["init", "--provider", "openai"]);
    assert!(code == 1 && err.contains("--force"), "{err}");
    assert_eq!(std::fs::read_to_string(folder.path().join("copilotkit.toml")).unwrap(), written);
    let (code, _, err) = run(folder.path(), &["init", "--provider", "openai", "--force"]);
    assert!(code == 0 && err.contains("OPENAI_API_KEY"), "{err}");
    let (code, _, err) = run(folder.path(), &["init", "sub/other.toml", "--provider", "deepseek", "--model", "x"]);
    assert!(code == 0 && err.contains("copilotkit check --config sub/other.toml"), "{err}");
    let written = std::fs::read_to_string(folder.path().join("sub/other.toml")).unwrap();
    assert!(written.contains("model = \"deepseek/x\""));
    let (code, _, err) = run(folder.path(), &["init", "a.toml", "--provider", "acme"]);
    assert!(code == 1 && err.contains("acme") && err.contains("ollama"), "{err}");
}

#[test]
fn check_says_what_works_and_its_status_is_for_scripts() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(run(folder.path(), &["init"]).0, 0);
    let (code, out, err) = run(folder.path(), &["check", "--config", "copilotkit.toml", "--port", "0"]);
    assert_eq!(code, 0, "{out}{err}");
    assert!(out.contains("agents.default.model") && out.contains("demo: no key") && !out.contains('\x1b'), "{out}");

    std::fs::write(folder.path().join("bad.toml"), "[server]\nprot = 1\n").unwrap();
    let (code, out, _) = run(folder.path(), &["check", "--config", "bad.toml"]);
    assert_eq!(code, 1);
    assert!(out.contains("bad.toml:2") && out.contains("`port`"), "{out}");
    let (code, out, _) = run(folder.path(), &["check", "--config", "bad.toml", "--json"]);
    let found: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &found["ok"], &found["checks"][0]["state"]), (1, &json!(false), &json!("failed")));

    let (code, out, _) = run(folder.path(), &["check", "--provider", "openai", "--offline", "--json", "--port", "0"]);
    let found: Value = serde_json::from_str(&out).unwrap();
    let model = |found: &Value| {
        let rows = found["checks"].as_array().unwrap();
        rows.iter().find(|row| row["what"] == "agents.default.model").unwrap().clone()
    };
    assert_eq!((code, &model(&found)["state"]), (1, &json!("failed")), "the key is missing, network or not");
    let args = ["check", "--provider", "openai", "--offline", "--json", "--port", "0"];
    let out = command(folder.path(), &args).env("OPENAI_API_KEY", "k").output().unwrap();
    let (code, out, _) = told(&out);
    assert_eq!((code, &model(&serde_json::from_str(&out).unwrap())["state"]), (0, &json!("skipped")));

    let args = ["check", "--offline", "--port", "0", "--host", "0.0.0.0"];
    let out = command(folder.path(), &args).env("COPILOTKIT_SERVER_PORT", "1").output().unwrap();
    let (code, out, err) = told(&out);
    assert!(code == 0 && err.is_empty(), "{out}{err}");
    for warning in ["COPILOTKIT_SERVER_PORT sets nothing", "can start runs and read every thread"] {
        let line = out.lines().find(|line| line.contains(warning)).unwrap_or_else(|| panic!("{warning}: {out}"));
        assert!(line.starts_with("warning  configuration"), "{out}");
    }
}

#[test]
fn wrong_command_lines_say_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("latin.toml"), b"[agents.default]\nprompt = \"gr\xfc\xdfe\"\n").unwrap();
    std::fs::write(folder.path().join("c.toml"), "").unwrap();
    std::fs::write(folder.path().join("bad.jsonl"), "{}\n").unwrap();
    let cases: &[(&[&str], &[&str])] = &[
        (&["serve", "--store", "threads.db"], &["write sqlite:threads.db"]),
        (&["serve", "--port", "0", "--host", "300.1.1.1"], &["300.1.1.1 is no address", "127.0.0.1"]),
        (&["serve", "--port", "0", "--host", "192.0.2.1"], &["another machine", "127.0.0.1"]),
        (&["serve", "--api-key", "sk"], &["--api-key needs a provider", "--provider openai"]),
        (&["serve", "--config", "latin.toml"], &["latin.toml is not UTF-8"]),
        (&["healthcheck", "--url", "foo"], &["--url: ", "http://127.0.0.1:8000"]),
        (&["healthcheck", "--timeout", "soon"], &["write it like 5s"]),
        (
            &["chat", "--url", "http://127.0.0.1:1", "--config", "c.toml", "x"],
            &["--config is for a chat without --url"],
        ),
        (&["mcp", "call", "a", "b", "{bad"], &["the arguments: not valid JSON"]),
        (&["threads", "prune", "--older-than", "30"], &["30days"]),
        (&["threads", "import", "bad.jsonl", "--store", "sqlite:sub/new.db"], &["nothing was changed"]),
        (&["init", "new.toml", "--base-url", "http://127.0.0.1:1/v1"], &["--base-url needs a provider"]),
    ];
    for (args, said) in cases {
        let (code, _, err) = run(folder.path(), args);
        assert!(code > 0 && said.iter().all(|part| err.contains(part)), "{args:?}: {err}");
        assert_eq!(err.matches("not valid JSON").count().max(1), 1, "{err}");
    }
    assert!(!folder.path().join("sub").exists(), "a failed import leaves nothing behind");
    for timeout in ["3", "500ms"] {
        let err = run(folder.path(), &["healthcheck", "--timeout", timeout, "--url", "http://127.0.0.1:1"]).2;
        assert!(err.contains("not well"), "{err}");
    }
}

#[test]
fn a_new_file_for_a_service_of_ones_own_can_be_read_at_once() {
    let folder = tempfile::tempdir().unwrap();
    for (args, said) in [
        (&["--provider", "custom", "--model", "foo"][..], "http://127.0.0.1:8080/v1"),
        (&["--provider", "azure", "--model", "x"], "azure.com"),
        (&["--provider", "custom", "--model", "foo", "--base-url", "http://10.0.0.7/v1"], "custom/foo"),
        (&["--provider", "openai", "--model", "openai/gpt-4o"], "openai/gpt-4o"),
    ] {
        let (code, _, err) = run(folder.path(), &[&["init", "c.toml", "--force"], args].concat());
        assert!(code == 0 && err.contains(said), "{err}");
        let args = ["check", "--offline", "--config", "c.toml", "--port", "0"];
        let checked =
            command(folder.path(), &args).env("OPENAI_API_KEY", "k").env("AZURE_API_KEY", "k").output().unwrap();
        assert_eq!(told(&checked).0, 0, "{checked:?}");
    }
}

/// The rows of a configuration by what they are about.
async fn rows(file: &str, variables: &[(&'static str, &str)]) -> Vec<(String, String, Value)> {
    let variables: Vec<_> = variables.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    let find = move |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone());
    let environment: Environment = Arc::new(find);
    let file = format!("[store]\nkind = \"memory\"\n[server]\nport = 0\n{file}");
    let file = Some(("copilotkit.toml".into(), file));
    let sources = Sources { file, overrides: Vec::new(), flags: Vec::new(), environment: environment.clone() };
    let config = Config::load(sources).map_err(Into::into);
    let rows = check::rows(config, Vec::new(), &environment, Duration::from_secs(5), false).await.unwrap();
    rows.iter()
        .map(|row| {
            let row = serde_json::to_value(row).unwrap();
            (row["what"].as_str().unwrap().to_owned(), row["state"].as_str().unwrap().to_owned(), row)
        })
        .collect()
}

fn state<'a>(rows: &'a [(String, String, Value)], what: &str) -> (&'a str, &'a Value) {
    let (_, state, row) = rows.iter().find(|row| row.0 == what).unwrap_or_else(|| panic!("{what} in {rows:?}"));
    (state, row)
}

#[tokio::test]
async fn providers_are_asked_for_their_models() {
    let list = r#"{"data":[{"id":"known"},{"id":"other"}]}"#;
    let agent = |id: &str, model: &str, url: &str| {
        format!(
            "[agents.{id}]\ntype = \"built-in\"\nmodel = \"custom/{model}\"\nbase_url = \"{url}\"\napi_key_env = \"KEY\"\n"
        )
    };
    for (reply, model, expected, said) in [
        (Reply::json(200, list), "known", "ok", "has known"),
        (Reply::json(200, list), "typo", "warning", "known, other"),
        (Reply::json(401, "{}"), "known", "failed", "KEY"),
        (Reply::json(404, "{}"), "known", "warning", "/v1"),
        (Reply::json(500, "{}"), "known", "failed", "500"),
    ] {
        let server = ModelServer::start([reply]).await;
        let file = agent("default", model, &server.base_url());
        let rows = rows(&file, &[("KEY", "very-secret")]).await;
        let (state, row) = state(&rows, "agents.default.model");
        assert_eq!(state, expected, "{row}");
        assert!(row.to_string().contains(said), "{row}");
        assert!(!format!("{rows:?}").contains("very-secret"), "a key is never shown");
        let asked = server.requests().pop().unwrap();
        assert_eq!(asked.header("authorization"), Some("Bearer very-secret"));
    }
    let server = ModelServer::start([Reply::json(401, "{}")]).await;
    let file = agent("default", "known", &server.base_url()).replace("api_key_env", "api_key");
    let refused = rows(&file, &[("CUSTOM_API_KEY", "other")]).await;
    let remedy = state(&refused, "agents.default.model").1["remedy"].as_str().unwrap();
    assert!(remedy.starts_with("mend the key in `agents.default.api_key` of copilotkit.toml"), "{remedy}");
    let rows = rows("[agents.default]\ntype = \"built-in\"\nmodel = \"openai/gpt-4o\"\n", &[]).await;
    let (state, row) = state(&rows, "agents.default.model");
    assert!(state == "failed" && row["remedy"].as_str().unwrap().contains("OPENAI_API_KEY"), "{row}");
}

#[tokio::test]
async fn a_collector_is_asked_with_nothing_to_take() {
    for (reply, expected, said) in [
        (Reply::json(200, "{}"), "ok", "answers"),
        (Reply::json(400, "{}"), "ok", "answers"),
        (Reply::json(401, "{}"), "failed", "headers"),
        (Reply::json(404, "{}"), "failed", "path"),
        (Reply::json(503, "{}"), "failed", "503"),
    ] {
        let server = ModelServer::start([reply]).await;
        let base = server.base_url();
        let file = format!(
            "[telemetry]\notlp_endpoint = \"{base}\"\nsignals = [\"traces\"]\nheaders = {{ x-key = \"hidden\" }}\n"
        );
        let rows = rows(&file, &[]).await;
        let (state, row) = state(&rows, "telemetry.traces");
        assert!(state == expected && row.to_string().contains(said), "{row}");
        assert!(!format!("{rows:?}").contains("hidden"));
        let asked = server.requests().pop().unwrap();
        assert!(asked.path.ends_with("/v1/traces") && asked.header("x-key") == Some("hidden"));
    }
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let dead = rows(&format!("[telemetry]\notlp_endpoint = \"http://127.0.0.1:{port}\"\n"), &[]).await;
    for signal in ["telemetry.traces", "telemetry.metrics"] {
        assert_eq!(state(&dead, signal).0, "failed");
    }
    let variable = rows("", &[("OTEL_EXPORTER_OTLP_ENDPOINT", "127.0.0.1:4317")]).await;
    let told = variable.iter().filter(|row| row.0 == "configuration" && row.1 == "warning").count();
    assert_eq!(told, 2, "one for each signal: {variable:?}");
}

#[tokio::test]
async fn agents_and_tools_are_reached_without_running_them() {
    let refusing = AgentServer::start(Script::new().head(422, &[]).bytes("{}")).await.unwrap();
    let nothing = AgentServer::start(Script::new().head(404, &[]).bytes("{}")).await.unwrap();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let file = format!(
        "[agents.good]\ntype = \"ag-ui\"\nurl = \"{}\"\nheaders = {{ x-key = \"hidden\" }}\n\
         [agents.path]\ntype = \"ag-ui\"\nurl = \"{}\"\n\
         [agents.gone]\ntype = \"ag-ui\"\nurl = \"http://127.0.0.1:{port}/\"\n\
         [agents.tools]\ntype = \"built-in\"\nmodel = \"demo\"\n\
         [[agents.tools.tools]]\nname = \"find\"\ndescription = \"Finds\"\nurl = \"{}\"\n\
         [[agents.tools.tools]]\nname = \"lost\"\ndescription = \"Gone\"\nurl = \"http://127.0.0.1:{port}/\"\n",
        refusing.url(),
        nothing.url(),
        refusing.url(),
    );
    let rows = rows(&file, &[]).await;
    assert_eq!(state(&rows, "agents.good").0, "ok");
    assert_eq!(state(&rows, "agents.path").0, "failed");
    assert_eq!(state(&rows, "agents.gone").0, "failed");
    assert!(state(&rows, "agents.gone").1["remedy"].as_str().unwrap().contains("start the agent"));
    assert_eq!(state(&rows, "agents.tools.tools.find").0, "ok");
    assert_eq!(state(&rows, "agents.tools.tools.lost").0, "failed");
    let asked = refusing.requests();
    let posted = asked.iter().find(|request| request.method == "POST").unwrap();
    assert_eq!((posted.json(), posted.header("x-key")), (json!({}), Some("hidden")));
    assert!(asked.iter().any(|request| request.method == "OPTIONS"), "the tool is not called");
    assert!(!format!("{rows:?}").contains("hidden"));
}

#[tokio::test]
async fn an_a2a_agent_that_wants_credentials_is_told_of() {
    let folder = tempfile::tempdir().unwrap();
    let served = "[store]\nkind = \"memory\"\n[a2a_server]\n\
                  [auth]\nkind = \"bearer\"\ntokens = [{ env = \"COPILOTKIT_TEST_TOKEN\", principal = \"other\" }]\n";
    std::fs::write(folder.path().join("copilotkit.toml"), served).unwrap();
    let token = "5a0c1e2f9b7d4386a1c0";
    let server = Server::start_with(folder.path(), &[], &[("COPILOTKIT_TEST_TOKEN", token)]);
    let agent = |more: &str| format!("[agents.a]\ntype = \"a2a\"\nurl = \"http://{}\"\n{more}\n", server.address);
    for more in ["", "credentials = { credentials = \"${T1}\" }"] {
        let rows = rows(&agent(more), &[("T1", token)]).await;
        let (state, row) = state(&rows, "agents.a");
        assert!(state == "warning" && row["detail"].as_str().unwrap().contains("`bearer` (HTTP Bearer)"), "{row}");
        assert_eq!(row["remedy"], "write `credentials = { bearer = \"…\" }` of the agent, or its `headers`");
    }
    for more in ["credentials = { bearer = \"${T1}\" }", "headers = { authorization = \"Bearer ${T1}\" }"] {
        let rows = rows(&agent(more), &[("T1", token)]).await;
        assert_eq!(state(&rows, "agents.a").0, "ok", "{rows:?}");
        // What the check says holds: the run is taken.
        let here = format!("[store]\nkind = \"memory\"\n{}", agent(more));
        std::fs::write(folder.path().join("here.toml"), here).unwrap();
        let args = ["chat", "--config", "here.toml", "--agent", "a", "Hello"];
        let (code, out, err) = told(&command(folder.path(), &args).env("T1", token).output().unwrap());
        assert!(code == 0 && !out.is_empty(), "{out}{err}");
    }
    std::fs::write(folder.path().join("here.toml"), agent("")).unwrap();
    let (code, _, err) = run(folder.path(), &["chat", "--config", "here.toml", "--agent", "a", "Hello"]);
    assert!(code != 0 && err.contains("Write `credentials = { bearer = \"…\" }` of the agent"), "{err}");
}

#[test]
fn healthcheck_is_an_exit_status() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &["--store", "memory"]);
    let url = format!("http://{}", server.address);
    let (code, out, err) = run(folder.path(), &["healthcheck", "--url", &url]);
    assert!(code == 0 && out.contains("200"), "{out}{err}");
    assert_eq!(run(folder.path(), &["healthcheck", "--ready", "--url", &url]).0, 0);
    let port = server.address.rsplit(':').next().unwrap();
    let by_variable = command(folder.path(), &["healthcheck"]).env("COPILOTKIT_SERVER__PORT", port).output().unwrap();
    assert_eq!(told(&by_variable).0, 0);
    // A container's check has no flags: it reads the file of its folder, as the server does.
    std::fs::write(folder.path().join("copilotkit.toml"), format!("[server]\nport = {port}\n")).unwrap();
    assert_eq!(run(folder.path(), &["healthcheck"]).0, 0);
    drop(server);
    let (code, _, err) = run(folder.path(), &["healthcheck", "--url", &url]);
    assert!(code == 1 && err.contains("cannot be reached"), "{err}");
}

#[test]
fn sighup_takes_over_agents_and_keeps_the_old_ones_when_the_file_is_bad() {
    let folder = tempfile::tempdir().unwrap();
    let write = |text: &str| std::fs::write(folder.path().join("c.toml"), text).unwrap();
    let agent = |id: &str| format!("[agents.{id}]\ntype = \"built-in\"\nmodel = \"demo\"\n");
    write(&agent("one"));
    let server = Server::start(folder.path(), &["--store", "memory", "--config", "c.toml"]);
    assert!(server.get("/copilotkit/info").contains("\"one\""));
    write(&(agent("one") + &agent("two")));
    server.signal("HUP");
    server.wait_for("reloaded: 2 agents");
    assert!(server.get("/copilotkit/info").contains("\"two\""));
    write("[agents.three]\ntype = \"built-in\"\n");
    server.signal("HUP");
    let said = server.wait_for("not reloaded");
    assert!(said.contains("c.toml:1") && said.contains("model"), "{said}");
    assert!(server.get("/copilotkit/info").contains("\"two\""), "the old agents stay");
    write(&format!("[server]\nkeep_alive = \"1s\"\n{}", agent("one")));
    server.signal("HUP");
    assert!(server.wait_for("wait for a restart").ends_with("server"));
}

#[test]
fn a_chat_with_a_server_passes_over_the_configuration_of_this_machine() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &["--store", "memory"]);
    let url = format!("http://{}/copilotkit", server.address);
    let mut chat = command(folder.path(), &["chat", "--url", &url, "hi"]);
    let (code, out, err) = told(&chat.env("COPILOTKIT_CONFIG", "not-there.toml").output().unwrap());
    assert!(code == 0 && out.starts_with("You said: \"hi\""), "{out}{err}");
}

#[test]
fn whatever_a_server_says_is_a_line_of_json_where_the_log_is() {
    let folder = tempfile::tempdir().unwrap();
    let agent = "[agents.one]\ntype = \"built-in\"\nmodel = \"openai/gpt-4o\"\napi_key = \"sk-in-the-file\"\n";
    let write = |more: &str| {
        let text = format!("[logging]\nformat = \"json\"\n{more}{agent}");
        std::fs::write(folder.path().join("c.toml"), text).unwrap();
    };
    write("");
    let mut serve = command(folder.path(), &["serve", "--port", "0", "--store", "memory", "--config", "c.toml"]);
    let collector = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9");
    serve.envs([("COPILOTKIT_SERVER_PORT", "1"), ("OTEL_BSP_SCHEDULE_DELAY", "soon"), collector]);
    let mut child = serve.stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
    let mut until = |part: &str| {
        let mut said = Vec::new();
        for line in lines.by_ref() {
            let value: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("no JSON: {line}"));
            said.push((value["level"].as_str().unwrap().to_owned(), value["message"].as_str().unwrap().to_owned()));
            if line.contains(part) {
                return said;
            }
        }
        panic!("it never said {part}: {said:?}");
    };
    let signal = |name: &str, child: &Child| {
        let sent = Command::new("kill").args([&format!("-{name}"), &child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    };
    let said = until("listening on http://");
    for part in ["COPILOTKIT_SERVER__PORT", "OTEL_BSP_SCHEDULE_DELAY is soon", "agents.one.api_key"] {
        assert!(said.iter().any(|(level, text)| level == "WARN" && text.contains(part)), "{part}: {said:?}");
    }
    assert!(said.iter().all(|(_, text)| !text.contains("sk-in-the-file")), "{said:?}");
    write("[server]\nkeep_alive = \"1s\"\n");
    signal("HUP", &child);
    assert_eq!(until("wait for a restart")[0], ("INFO".to_owned(), "reloaded: 1 agent".to_owned()));
    signal("TERM", &child);
    assert!(until("stopping in").last().unwrap().1.starts_with("not ready any more"));
    signal("TERM", &child);
    child.wait().unwrap();
}

#[test]
fn flags_of_the_port_are_taken() {
    let folder = tempfile::tempdir().unwrap();
    let args = ["--provider", "deepseek", "--api-key", "sk-hidden", "--host", "127.0.0.1", "--cors-origins", "*"];
    let server = Server::start(folder.path(), &[&args[..], &["--store", "memory"]].concat());
    let said: Vec<String> = std::iter::once(server.get("/health")).chain(server.lines.try_iter()).collect();
    assert!(said[0].starts_with("HTTP/1.1 200"), "{}", said[0]);
    assert!(!said.concat().contains("sk-hidden"));
    let mut stream = TcpStream::connect(&server.address).unwrap();
    write!(
        stream,
        "GET /copilotkit/info HTTP/1.1\r\nhost: localhost\r\norigin: https://any.example\r\nconnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let head = answer.to_ascii_lowercase();
    assert!(head.starts_with("http/1.1 200") && head.contains("access-control-allow-origin: *"), "{answer}");
    assert!(!head.contains("access-control-allow-credentials"), "no page may act as its visitor: {answer}");

    // Origins may be separated by blanks, as there.
    let list = ["--store", "memory", "--cors-origins", "https://a.example", "https://b.example"];
    let server = Server::start(folder.path(), &list);
    drop(server);
    let (code, _, err) = run(folder.path(), &["serve", "--provider", "vllm"]);
    assert!(code == 1 && err.contains("--model"), "{err}");
}

#[test]
fn secrets_are_warned_about_and_shown_nowhere() {
    let folder = tempfile::tempdir().unwrap();
    let agent = "[agents.default]\ntype = \"built-in\"\nmodel = \"openai/x\"\napi_key = \"sk-in-file\"\n\
        [agents.other]\ntype = \"built-in\"\nmodel = \"openai/x\"\napi_key = \"${KEY}\"\n";
    std::fs::write(folder.path().join("c.toml"), agent).unwrap();
    let mut child = command(folder.path(), &["serve", "--port", "0", "--store", "memory", "--config", "c.toml"])
        .env("KEY", "sk-of-variable")
        .env("COPILOTKIT_LOG", "trace")
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut err = BufReader::new(child.stderr.take().unwrap());
    let mut said = String::new();
    while !said.contains("listening on") {
        assert!(err.read_line(&mut said).unwrap() > 0, "{said}");
    }
    child.kill().unwrap();
    child.wait().unwrap();
    err.read_to_string(&mut said).unwrap();
    assert!(said.contains("agents.default.api_key: the key itself stands in the file"), "{said}");
    assert!(!said.contains("agents.other.api_key"), "a variable is no secret in the file: {said}");
    assert!(!said.contains("sk-in-file") && !said.contains("sk-of-variable"), "{said}");

    let flag = ["serve", "--port", "x", "--api-key", "sk-flag"];
    let (code, out, err) = run(folder.path(), &flag);
    assert!(code == 2 && !out.contains("sk-flag") && !err.contains("sk-flag"), "{err}");
    let args =
        format!("{:?}", copilotkit_cli::args::ServeArgs { api_key: Some("sk-flag".into()), ..Default::default() });
    assert!(!args.contains("sk-flag"), "{args}");
}
