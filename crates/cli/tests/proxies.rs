//! The snippets of `deploy/` for reverse proxies, run with the proxies themselves: events come through one by one.
//!
//! A proxy that is not installed is skipped, and that is said.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a helper of a test fails the test")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
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

/// Our server under its public name, and its address.
fn server(folder: &Path) -> (Running, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_copilotkit"))
        .args(["serve", "--port", "0", "--store", "memory"])
        .env_clear()
        .env("COPILOTKIT_SERVER__ALLOWED_HOSTS", "[\"app.example.com\"]")
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

fn count(bytes: &[u8]) -> usize {
    bytes.windows(20).filter(|window| window == b"TEXT_MESSAGE_CONTENT").count()
}

#[test]
fn nginx_lets_events_flow() {
    if !installed("nginx", "-v") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (_server, address) = server(folder.path());
    let port = free_port();
    let site = snippet("nginx.conf");
    assert!(site.contains("listen 80;") && site.contains("server 127.0.0.1:8000;"));
    let site = site.replace("listen 80;", &format!("listen 127.0.0.1:{port};")).replace("127.0.0.1:8000", &address);
    std::fs::write(folder.path().join("site.conf"), site).unwrap();
    let at: PathBuf = folder.path().to_owned();
    let temp = |name: &str| format!("{name}_temp_path {}/{name};\n", at.display());
    let temps: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].into_iter().map(temp).collect();
    // As Debian's: text is compressed unless a location says otherwise.
    let main = format!(
        "daemon off;\nworker_processes 1;\npid {0}/pid;\nerror_log {0}/error.log;\nevents {{ worker_connections 64; }}\n\
         http {{\naccess_log off;\ngzip on;\ngzip_types text/event-stream application/json;\n{temps}include {0}/site.conf;\n}}\n",
        at.display(),
    );
    std::fs::write(folder.path().join("nginx.conf"), main).unwrap();
    let config = folder.path().join("nginx.conf");
    let child = Command::new("nginx").arg("-c").arg(&config).arg("-p").arg(&at).stderr(Stdio::null()).spawn().unwrap();
    let _nginx = Running(child);
    events_flow(port);
}

#[test]
fn caddy_lets_events_flow() {
    if !installed("caddy", "version") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (_server, address) = server(folder.path());
    let port = free_port();
    let site = snippet("Caddyfile");
    assert!(site.contains("app.example.com {") && site.contains("reverse_proxy 127.0.0.1:8000"));
    // Without certificates: there is no such name here.
    let site = site.replace("app.example.com {", &format!("http://app.example.com:{port} {{\n\tbind 127.0.0.1"));
    let site = site.replace("127.0.0.1:8000", &address);
    let config = folder.path().join("Caddyfile");
    std::fs::write(&config, format!("{{\n\tadmin off\n\tauto_https off\n}}\n{site}")).unwrap();
    let child = Command::new("caddy")
        .args(["run", "--adapter", "caddyfile", "--config"])
        .arg(&config)
        .env("HOME", folder.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let _caddy = Running(child);
    events_flow(port);
}
