//! The snippets of `deploy/` for reverse proxies, run with the proxies themselves: events come through one by one, and
//! nothing passes that should not. And what several files of `deploy/` must agree on.
//!
//! A proxy that is not installed is skipped, and that is said.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a helper of a test fails the test")]

use copilotkit_runtime::limits::{DRAIN_CLOSE, DRAIN_DELAY, DRAIN_TIMEOUT};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const LIMIT: Duration = Duration::from_secs(30);
/// What the demo model waits for between two words, and how many it says.
const PAUSE: Duration = Duration::from_millis(250);
const WORDS: u32 = 8;

/// Ended with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = Command::new("kill").args(["-TERM", &self.0.id().to_string()]).status();
        let until = Instant::now() + Duration::from_secs(5);
        while Instant::now() < until && matches!(self.0.try_wait(), Ok(None)) {
            std::thread::park_timeout(Duration::from_millis(20));
        }
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn snippet(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy").join(name);
    std::fs::read_to_string(path).unwrap()
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn installed(program: &str, version: &str) -> bool {
    let found = Command::new(program).arg(version).stdout(Stdio::null()).stderr(Stdio::null()).status();
    if found.is_err() {
        let required = std::env::var_os("COPILOTKIT_TEST_PROXIES").is_some();
        assert!(!required, "{program} is not installed");
        println!("skipped: {program} is not installed");
    }
    found.is_ok()
}

/// Our server under its public name, and its address. Its agents are served to others too.
fn server(folder: &Path) -> (Running, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_copilotkit"))
        .args(["serve", "--port", "0", "--store", "memory"])
        .env_clear()
        .env("COPILOTKIT_SERVER__ALLOWED_HOSTS", "[\"app.example.com\"]")
        .env("COPILOTKIT_A2A_SERVER__URL", "https://app.example.com")
        .current_dir(folder)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut err = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("listening on http://") {
        line.clear();
        assert!(err.read_line(&mut line).unwrap() > 0, "the server ended");
    }
    // What it says later must not fill the pipe.
    std::thread::spawn(move || err.lines().for_each(drop));
    (Running(child), line.trim().trim_start_matches("listening on http://").to_owned())
}

fn connect(port: u16) -> TcpStream {
    let until = Instant::now() + LIMIT;
    loop {
        match TcpStream::connect(("127.0.0.1", port)) {
            Ok(stream) => return stream,
            Err(error) if Instant::now() > until => panic!("the proxy does not listen: {error}"),
            Err(_) => std::thread::park_timeout(Duration::from_millis(20)),
        }
    }
}

fn post(port: u16, words: &str) -> TcpStream {
    let body = serde_json::json!({ "threadId": "t", "runId": "r", "protocolVersion": "1.0",
        "messages": [{ "id": "u", "role": "user", "content": words }] });
    let body = body.to_string();
    let mut stream = connect(port);
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    write!(
        stream,
        "POST /api/copilotkit/agent/default/run HTTP/1.1\r\nHost: app.example.com\r\nAccept: text/event-stream\r\n\
         Accept-Encoding: gzip\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    )
    .unwrap();
    stream.write_all(body.as_bytes()).unwrap();
    stream
}

/// The words of a slow answer arrive over its whole time, not at its end.
fn events_flow(port: u16) {
    let mut stream = post(port, &format!("/slow {WORDS}"));
    let (mut all, mut piece, mut arrivals) = (Vec::new(), vec![0; 64 * 1024], Vec::new());
    loop {
        let read = stream.read(&mut piece).unwrap();
        if read == 0 {
            break;
        }
        let before = count(&all);
        all.extend_from_slice(&piece[..read]);
        if count(&all) > before {
            arrivals.push(Instant::now());
        }
    }
    let text = String::from_utf8_lossy(&all);
    assert!(text.starts_with("HTTP/1.1 200") && text.contains("RUN_FINISHED"), "{text}");
    assert!(!text.to_ascii_lowercase().contains("content-encoding"), "a stream is not compressed: {text}");
    let span = arrivals.last().unwrap().duration_since(arrivals[0]);
    assert!(arrivals.len() as u32 >= WORDS / 2, "{} arrivals", arrivals.len());
    assert!(span >= PAUSE * (WORDS / 2), "all came within {span:?}");
    // What the server takes, the proxy takes.
    let mut stream = post(port, &"x".repeat(5 << 20));
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(
        answer.starts_with("HTTP/1.1 200") && answer.contains("RUN_STARTED"),
        "{}",
        &answer[..answer.len().min(500)]
    );
}

/// The whole answer to a GET.
fn get(port: u16, path: &str) -> String {
    let mut stream = connect(port);
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: app.example.com\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or("nothing")
}

const CARD: &str = "/.well-known/agent-card.json";

/// What is the server's passes, and all else is the proxy's 404: never an empty 200.
fn only_the_server_is_passed(port: u16, agents_for_others: bool) {
    for path in ["/api/copilotkit/info", "/health"] {
        let answer = get(port, path);
        assert!(status(&answer) == "200" && answer.contains('{'), "{path}: {answer}");
    }
    // The base path itself is the server's, which names its routes; `hint` is the server's word.
    let answer = get(port, "/api/copilotkit");
    assert!(answer.contains("\"error\""), "{answer}");
    for path in
        ["/", "/nothing", "/metrics", "/ready", "/api", "/api/copilotkitfoo", "/api/copilotkitfoo/info", "/docs"]
    {
        let answer = get(port, path);
        assert!(status(&answer) == "404" && !answer.contains("\"error\""), "{path}: {answer}");
    }
    for path in ["/a2a/default/.well-known/agent-card.json", CARD] {
        let answer = get(port, path);
        let passed = status(&answer) == "200" && answer.contains("\"skills\"");
        assert_eq!(passed, agents_for_others, "{path}: {answer}");
        assert!(passed || status(&answer) == "404", "{path}: {answer}");
    }
}

/// A monitor outside sees that the server is gone.
fn its_end_is_seen(port: u16) {
    for path in ["/health", "/api/copilotkit/info"] {
        let answer = get(port, path);
        assert_eq!(status(&answer), "502", "{path}: {answer}");
    }
}

fn count(bytes: &[u8]) -> usize {
    bytes.windows(20).filter(|window| window == b"TEXT_MESSAGE_CONTENT").count()
}

/// nginx with this site, in front of the server at `address`.
fn nginx(folder: &Path, site: &str, address: &str) -> (Running, u16) {
    let port = free_port();
    assert!(site.contains("listen 80;") && site.contains("127.0.0.1:8000;"));
    let site = site.replace("listen 80;", &format!("listen 127.0.0.1:{port};")).replace("127.0.0.1:8000", address);
    std::fs::write(folder.join("site.conf"), site).unwrap();
    let at = folder.display();
    let temp = |name: &str| format!("{name}_temp_path {at}/{name};\n");
    let temps: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].into_iter().map(temp).collect();
    // As Debian's: text is compressed unless a location says otherwise.
    let main = format!(
        "daemon off;\nworker_processes 1;\npid {at}/pid;\nerror_log {at}/error.log;\nevents {{ worker_connections 64; }}\n\
         http {{\naccess_log off;\ngzip on;\ngzip_types text/event-stream application/json;\n{temps}include {at}/site.conf;\n}}\n",
    );
    let config = folder.join("nginx.conf");
    std::fs::write(&config, main).unwrap();
    let child =
        Command::new("nginx").arg("-c").arg(&config).arg("-p").arg(folder).stderr(Stdio::null()).spawn().unwrap();
    (Running(child), port)
}

/// Caddy with this site, in front of the server at `address`.
fn caddy(folder: &Path, site: &str, address: &str) -> (Running, u16) {
    let port = free_port();
    assert!(site.contains("app.example.com {") && site.contains("reverse_proxy 127.0.0.1:8000"));
    // Without certificates: there is no such name here.
    let site = site.replace("app.example.com {", &format!("http://app.example.com:{port} {{\n\tbind 127.0.0.1"));
    let site = site.replace("127.0.0.1:8000", address);
    let config = folder.join("Caddyfile");
    std::fs::write(&config, format!("{{\n\tadmin off\n\tauto_https off\n}}\n{site}")).unwrap();
    let child = Command::new("caddy")
        .args(["run", "--adapter", "caddyfile", "--config"])
        .arg(&config)
        .env("HOME", folder)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    (Running(child), port)
}

/// The snippet with the part for `[a2a_server]`, as its comment says.
fn with_agents_for_others(snippet: &str, marks: &[&str]) -> String {
    marks.iter().fold(snippet.to_owned(), |text, mark| {
        assert!(text.contains(mark), "{mark} is not in the snippet");
        text.replace(mark, &mark[1..])
    })
}

#[test]
fn nginx_lets_events_flow_and_passes_nothing_else() {
    if !installed("nginx", "-v") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (server, address) = server(folder.path());
    let site = snippet("nginx.conf");
    {
        let (_nginx, port) = nginx(folder.path(), &site, &address);
        events_flow(port);
        only_the_server_is_passed(port, false);
    }
    let site = with_agents_for_others(&site, &["#location /a2a/", "#location = /.well-known/"]);
    let (_nginx, port) = nginx(folder.path(), &site, &address);
    only_the_server_is_passed(port, true);
    drop(server);
    its_end_is_seen(port);
}

#[test]
fn caddy_lets_events_flow_and_passes_nothing_else() {
    if !installed("caddy", "version") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (server, address) = server(folder.path());
    let site = snippet("Caddyfile");
    {
        let (_caddy, port) = caddy(folder.path(), &site, &address);
        events_flow(port);
        only_the_server_is_passed(port, false);
    }
    let site = with_agents_for_others(&site, &["#path /a2a/*"]);
    let (_caddy, port) = caddy(folder.path(), &site, &address);
    only_the_server_is_passed(port, true);
    drop(server);
    its_end_is_seen(port);
}

/// A proxy that passes everything: by the header that our snippet sends, or by the name, the server sees that a request
/// is not of this machine.
#[test]
fn metrics_are_refused_through_a_proxy() {
    if !installed("nginx", "-v") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (_server, address) = server(folder.path());
    let header = "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;";
    assert!(snippet("nginx.conf").contains(header));
    let plain = "server { listen 80; location / { HEADER proxy_pass http://127.0.0.1:8000; } }";
    for also in [header, "proxy_set_header Host $host;"] {
        let (_nginx, port) = nginx(folder.path(), &plain.replace("HEADER", also), &address);
        assert_eq!(status(&get(port, "/health")), "200");
        let answer = get(port, "/metrics");
        assert_eq!(status(&answer), "403", "with `{also}`: {answer}");
    }
}

/// The number behind `key` in a file of `deploy/`.
fn number(name: &str, key: &str) -> u64 {
    let text = snippet(name);
    let line =
        text.lines().find_map(|line| line.trim().strip_prefix(key)).unwrap_or_else(|| panic!("no {key} in {name}"));
    line.trim().trim_end_matches('s').parse().unwrap_or_else(|error| panic!("{key} in {name}: {error}"))
}

/// Nobody kills a server that still ends in good order: runs, then streams, then traces.
#[test]
fn whoever_stops_the_server_waits_for_it() {
    let traces = Duration::from_secs(6);
    let longest = DRAIN_DELAY + DRAIN_TIMEOUT + DRAIN_CLOSE + traces;
    for (file, key) in [
        ("copilotkit.service", "TimeoutStopSec="),
        ("compose.yaml", "stop_grace_period:"),
        ("kubernetes.yaml", "terminationGracePeriodSeconds:"),
    ] {
        assert!(Duration::from_secs(number(file, key)) > longest, "{key} in {file} is less than {longest:?}");
        let said = format!("takes {} s at most", longest.as_secs());
        assert!(snippet(file).contains(&said), "{file} does not say that it {said}");
    }
}

#[test]
fn the_image_and_the_releases_have_one_compiler() {
    let docker = snippet("Dockerfile");
    let image = docker.split("FROM rust:").nth(1).and_then(|rest| rest.split('-').next()).unwrap();
    let releases = snippet("../.github/workflows/release.yml");
    assert!(releases.contains(&format!("RUST: \"{image}\"")), "the image is built with Rust {image}");
}
