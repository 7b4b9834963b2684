//! Servers that others wrote, as they are published.

use crate::agent::{Caller, agent, input, result, run};
use crate::apps::{Says, ask, behind};
use crate::pool::{arguments, pool, said};
use copilotkit_mcp::apps::{AppServer, McpApps};
use copilotkit_mcp::{CallTerms, ErrorKind, Lease, McpPool, McpTools, ServerConfig};
use copilotkit_protocol::Json;
use futures::{StreamExt as _, stream};
use http::HeaderMap;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// A peer that is there. Outside of `cargo xtask test`, which installs them all, one may be absent.
fn there(path: PathBuf) -> Option<String> {
    if path.exists() {
        return Some(path.to_str().unwrap().to_owned());
    }
    assert!(std::env::var_os("COPILOTKIT_REQUIRE_PEERS").is_none(), "{} is not installed", path.display());
    eprintln!("skipped: {} not found", path.display());
    None
}

fn npm(package: &str) -> Option<String> {
    there(root().join(format!("fixtures/mcp/node_modules/@modelcontextprotocol/{package}/dist/index.js")))
}

fn python() -> Option<String> {
    let named = std::env::var_os("COPILOTKIT_MCP_PYTHON").map(PathBuf::from);
    there(named.unwrap_or_else(|| root().join("target/mcp-venv/bin/python")))
}

fn stdio(id: &str, command: &[&str]) -> Arc<ServerConfig> {
    Arc::new(ServerConfig::stdio(id, command).unwrap())
}

fn lease(pool: &McpPool, server: &Arc<ServerConfig>) -> Lease {
    pool.lease(server, &HeaderMap::new())
}

async fn call(lease: &Lease, tool: &str, arguments: Value) -> copilotkit_mcp::CallToolResult {
    lease.call_tool(tool, &Json::from(arguments), &CallTerms::default()).await.unwrap()
}

/// A server that listens on a port, which it says on its standard error. It ends with this.
struct Listening {
    _child: Child,
    /// Reads on what it says: a server whose standard error is closed may die of it.
    _said: tokio::task::JoinSet<()>,
    port: u16,
}

impl Listening {
    async fn start(command: &[&str], port: u16) -> Self {
        let mut child = Command::new(command[0])
            .args(&command[1..])
            .env("PORT", port.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let said = async {
            loop {
                let line = lines.next_line().await.unwrap().expect("the server ended at once");
                if let Some(port) = line.strip_prefix("LISTENING ") {
                    return port.parse().unwrap();
                }
            }
        };
        let port = tokio::time::timeout(Duration::from_secs(60), said).await.expect("the server says its port");
        let mut reading = tokio::task::JoinSet::new();
        reading.spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Self { _child: child, _said: reading, port }
    }

    /// server-everything; none when it is not there.
    async fn everything(transport: &str, port: u16) -> Option<Self> {
        Self::npm("server-everything", &[transport], port).await
    }

    /// A server of npm; none when it is not there.
    async fn npm(package: &str, arguments: &[&str], port: u16) -> Option<Self> {
        let script = npm(package)?;
        let preload = root().join("fixtures/mcp/loopback.cjs");
        let command = [&["node", "--require", preload.to_str().unwrap(), &script], arguments].concat();
        Some(Self::start(&command, port).await)
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }
}

/// What every transport of server-everything must do.
async fn everything(pool: &McpPool, server: &Arc<ServerConfig>) {
    let lease = lease(pool, server);
    let list = lease.tools().await.unwrap();
    assert!(list.tools.len() >= 8, "{} tools", list.tools.len());
    assert_eq!(said(&call(&lease, "echo", json!({ "message": "hi" })).await), "Echo: hi");
    assert!(said(&call(&lease, "get-sum", json!({ "a": 2, "b": 3 })).await).contains('5'));
    let structured = call(&lease, "get-structured-content", json!({ "location": "Chicago" })).await;
    assert!(structured.structured_content.unwrap()["temperature"].is_number());
    let image = copilotkit_mcp::result::output(call(&lease, "get-tiny-image", json!({})).await);
    assert!(matches!(image.for_model, Some(copilotkit_protocol::Content::Parts(parts)) if parts.len() >= 2));
    let many = (0..20).map(|index| {
        let lease = lease.clone();
        async move { said(&call(&lease, "echo", json!({ "message": index })).await) }
    });
    let wrong = lease.call_tool("nothing", &arguments("x"), &CallTerms::default()).await;
    assert!(wrong.is_err() || wrong.unwrap().is_error == Some(true));
    for said in futures::future::join_all(many).await {
        assert!(!said.is_empty());
    }
    let read = lease.read_resource("demo://resource/dynamic/text/1", &CallTerms::default()).await.unwrap();
    assert!(read["contents"][0]["text"].is_string(), "{read}");
    assert_eq!(lease.request("ping", json!({}), &CallTerms::default()).await.unwrap(), json!({}));
}

#[tokio::test]
async fn everything_as_a_child_process() {
    let Some(script) = npm("server-everything") else { return };
    let pool = pool();
    let mut config = ServerConfig::stdio("everything", &["node", &script, "stdio"]).unwrap();
    config.timeouts.call = Duration::from_secs(3);
    let server = Arc::new(config);
    everything(&pool, &server).await;
    let lease = lease(&pool, &server);
    // Longer than the longest silence, but it reports progress each second.
    let began = Instant::now();
    let long = call(&lease, "trigger-long-running-operation", json!({ "duration": 5, "steps": 5 })).await;
    assert!(said(&long).contains("completed") && began.elapsed() > Duration::from_secs(4));
    let silent = json!({ "duration": 30, "steps": 1 });
    let terms = CallTerms::default();
    let error = lease.call_tool("trigger-long-running-operation", &Json::from(silent), &terms).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Timeout);
    // Nothing of our environment that was not meant for it.
    let environment = said(&call(&lease, "get-env", json!({})).await);
    assert!(environment.contains("PATH") && !environment.contains("CARGO"), "{environment}");
    drop(lease);
    pool.close().await;
}

#[tokio::test]
async fn everything_over_http_and_after_a_restart() {
    let Some(listening) = Listening::everything("streamableHttp", 0).await else { return };
    let port = listening.port;
    let pool = pool();
    let server = Arc::new(ServerConfig::http("everything", &listening.url("/mcp")).unwrap());
    everything(&pool, &server).await;
    drop(listening);
    let _again = Listening::everything("streamableHttp", port).await;
    let began = Instant::now();
    assert_eq!(said(&call(&lease(&pool, &server), "echo", json!({ "message": "hi" })).await), "Echo: hi");
    assert!(began.elapsed() < Duration::from_secs(5), "the stale session costs no deadline: {:?}", began.elapsed());
    pool.close().await;
}

#[tokio::test]
async fn everything_over_sse() {
    let Some(listening) = Listening::everything("sse", 0).await else { return };
    let pool = pool();
    let server = Arc::new(ServerConfig::sse("everything", &listening.url("/sse")).unwrap());
    everything(&pool, &server).await;
    drop(listening);
    let began = Instant::now();
    let error = lease(&pool, &server).call_tool("echo", &arguments("x"), &CallTerms::default()).await.unwrap_err();
    assert!(matches!(error.kind, ErrorKind::Unreachable | ErrorKind::Closed), "{error:?}");
    assert!(began.elapsed() < Duration::from_secs(5));
    pool.close().await;
}

#[tokio::test]
async fn a_run_reads_a_file_of_the_filesystem_server() {
    let Some(script) = npm("server-filesystem") else { return };
    let folder = std::env::temp_dir().join(format!("copilotkit-mcp-files-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let folder = folder.canonicalize().unwrap();
    let file = folder.join("note.txt");
    std::fs::write(&file, "remember the milk").unwrap();
    let pool = pool();
    let server = stdio("files", &["node", &script, folder.to_str().unwrap()]);
    let model = Caller::new("read_text_file", json!({ "path": file }));
    let agent = agent(&model, McpTools::new(pool.clone(), [server]));
    let (events, error) = run(&agent, input(json!({}))).await;
    assert!(error.is_none());
    assert_eq!(result(&events)["content"][0]["text"], "remember the milk");
    let outside = Caller::new("read_text_file", json!({ "path": "/etc/hostname" }));
    let server = stdio("files", &["node", &script, folder.to_str().unwrap()]);
    let agent = crate::agent::agent(&outside, McpTools::new(pool.clone(), [server]));
    let (events, _) = run(&agent, input(json!({}))).await;
    assert_eq!(result(&events)["isError"], true, "a tool that says that it failed is a result");
    pool.close().await;
    std::fs::remove_dir_all(&folder).unwrap();
}

#[tokio::test]
async fn the_memory_server_remembers_for_as_long_as_its_connection_lives() {
    let Some(script) = npm("server-memory") else { return };
    let file = std::env::temp_dir().join(format!("copilotkit-mcp-memory-{}.json", std::process::id()));
    let mut config = ServerConfig::stdio("memory", &["node", &script]).unwrap();
    if let copilotkit_mcp::config::Transport::Stdio(command) = &mut config.transport {
        command.environment.insert("MEMORY_FILE_PATH".to_owned(), file.to_str().unwrap().to_owned());
    }
    let pool = pool();
    let server = Arc::new(config);
    let entity = json!({ "name": "Ada", "entityType": "person", "observations": ["writes programs"] });
    call(&lease(&pool, &server), "create_entities", json!({ "entities": [entity] })).await;
    let graph = call(&lease(&pool, &server), "read_graph", json!({})).await;
    assert_eq!(graph.structured_content.unwrap()["entities"][0]["name"], "Ada");
    pool.close().await;
    let _ = std::fs::remove_file(file);
}

#[tokio::test]
async fn a_server_of_2026_07_28() {
    let Some(python) = python() else { return };
    let script = root().join("fixtures/mcp/modern_server.py");
    let listening = Listening::start(&[&python, script.to_str().unwrap()], 0).await;
    let pool = pool();
    let mut config = ServerConfig::http("modern", &listening.url("/mcp")).unwrap();
    config.timeouts.call = Duration::from_secs(2);
    let server = Arc::new(config);
    let lease = lease(&pool, &server);
    let info = lease.info().await.unwrap();
    assert_eq!((info.protocol_version.as_str(), info.name.as_str()), ("2026-07-28", "modern"));
    assert_eq!(lease.tools().await.unwrap().tools.len(), 3);
    let sum = call(&lease, "add", json!({ "a": 2, "b": 3 })).await;
    assert_eq!(said(&sum), "5");
    let page = copilotkit_mcp::result::for_page(sum).to_value();
    assert!(page.get("resultType").is_none() && !page.to_string().contains("io.modelcontextprotocol"), "{page}");
    assert_eq!(call(&lease, "fail", json!({})).await.is_error, Some(true));
    assert_eq!(said(&call(&lease, "slow", json!({ "steps": 12 })).await), "done", "progress keeps the call alive");
    let read = lease.read_resource("demo://greeting", &CallTerms::default()).await.unwrap();
    assert_eq!(read["contents"][0]["text"], "hello");
    assert_eq!(lease.request("ping", json!({}), &CallTerms::default()).await.unwrap(), json!({}));
    // The same server, asked as old clients do.
    let legacy = ServerConfig {
        protocol: copilotkit_mcp::config::Protocol::Legacy,
        ..ServerConfig::http("legacy", &listening.url("/mcp")).unwrap()
    };
    let legacy = self::lease(&pool, &Arc::new(legacy));
    assert_eq!(legacy.info().await.unwrap().protocol_version, "2025-11-25");
    assert_eq!(said(&call(&legacy, "add", json!({ "a": 2, "b": 3 })).await), "5");
    drop((lease, legacy));
    pool.close().await;
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_child_ends_with_its_connection_and_takes_its_own_along() {
    // A shell that starts a program of its own, which would outlive it.
    let Some(script) = npm("server-everything") else { return };
    let marker = format!("copilotkit-mcp-{}", std::process::id());
    let line = format!("sh -c 'sleep 1000; : {marker}' & exec node '{script}' stdio");
    let pool = pool();
    let server = stdio("shell", &["sh", "-c", &line]);
    let lease = lease(&pool, &server);
    lease.info().await.unwrap();
    let running = || {
        let processes = std::fs::read_dir("/proc").unwrap().flatten();
        let lines = processes.filter_map(|entry| std::fs::read_to_string(entry.path().join("cmdline")).ok());
        lines.filter(|line| line.contains(&marker)).count()
    };
    assert!(running() >= 1);
    drop(lease);
    pool.close().await;
    let end = Instant::now() + Duration::from_secs(8);
    while running() > 0 && Instant::now() < end {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(running(), 0, "processes are left");
}

#[tokio::test]
async fn a_published_user_interface_is_offered_called_and_read() {
    let Some(listening) = Listening::npm("server-basic-vanillajs", &[], 0).await else { return };
    let pool = pool();
    let config = ServerConfig::http("clock", &listening.url("/mcp")).unwrap();
    let apps = McpApps::new(pool.clone(), [AppServer::new(config)]).unwrap();
    let agent = Says::calling("get-time", "{}");
    let events = behind(&apps, agent.clone(), input(json!({}))).await;
    let offered = agent.1.lock().unwrap()[0].tools[0].clone();
    assert_eq!(offered.name, "get-time");
    assert!(offered.description.ends_with("\n[UI Resource: ui://get-time/mcp-app.html]"), "{}", offered.description);
    let [.., told, activity, _] = events.as_slice() else { panic!("{events:?}") };
    let content = &activity["content"];
    assert_eq!((&activity["activityType"], &content["serverId"]), (&json!("mcp-apps"), &json!("clock")));
    assert_eq!(content["resourceUri"], "ui://get-time/mcp-app.html");
    assert_eq!(content["result"]["structuredContent"]["time"], told["content"], "the text is the time");
    let params = json!({ "uri": content["resourceUri"] });
    let request = |method: &str, params: Value| json!({ "serverHash": content["serverHash"], "serverId": "clock", "method": method, "params": params });
    let read = ask(&apps, request("resources/read", params)).await;
    assert_eq!(read["contents"][0]["mimeType"], "text/html;profile=mcp-app");
    assert!(read["contents"][0]["text"].as_str().unwrap().contains("Get Server Time"));
    let called = ask(&apps, request("tools/call", json!({ "name": "get-time", "arguments": {} }))).await;
    assert!(called["structuredContent"]["time"].as_str() > told["content"].as_str(), "{called}");
    pool.close().await;
}

/// How many processes were started by this one and live.
#[cfg(target_os = "linux")]
fn children(marker: &str) -> usize {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let environments = processes.filter_map(|entry| std::fs::read(entry.path().join("environ")).ok());
    environments.filter(|variables| String::from_utf8_lossy(variables).contains(marker)).count()
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn many_runs_share_one_child_process_and_leave_none() {
    let Some(script) = npm("server-everything") else { return };
    let marker = format!("COPILOTKIT_CHILD=runs-{}", std::process::id());
    let mut config = ServerConfig::stdio("everything", &["node", &script, "stdio"]).unwrap();
    if let copilotkit_mcp::config::Transport::Stdio(command) = &mut config.transport {
        let (name, value) = marker.split_once('=').unwrap();
        command.environment.insert(name.to_owned(), value.to_owned());
    }
    let rounds = if std::env::var_os("COPILOTKIT_TEST_FULL").is_some() { 1_000 } else { 100 };
    let pool = pool();
    let model = Caller::new("echo", json!({ "message": "x" }));
    let agent = agent(&model, McpTools::new(pool.clone(), [Arc::new(config)]));
    assert_eq!(children(&marker), 0);
    let began = Instant::now();
    let mut work = stream::iter((0..rounds).map(|_| run(&agent, input(json!({}))))).buffer_unordered(20);
    let mut most = 0;
    let mut done = 0;
    while let Some((events, error)) = work.next().await {
        assert!(error.is_none());
        assert_eq!(result(&events)["content"][0]["text"], "Echo: x");
        done += 1;
        if done % 25 == 0 {
            most = most.max(children(&marker));
        }
    }
    drop(work);
    assert_eq!((most, pool.stats().leases), (1, 0), "one process for all");
    pool.close().await;
    let end = Instant::now() + Duration::from_secs(10);
    while children(&marker) > 0 && Instant::now() < end {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    println!(
        "{rounds} runs on a child process in {:?}: {most} while they went on, {} after",
        began.elapsed(),
        children(&marker)
    );
    assert_eq!(children(&marker), 0, "processes are left");
}
