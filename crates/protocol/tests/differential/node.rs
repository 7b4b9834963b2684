//! The published clients, in one Node process each.

use super::case::{Answer, Case};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

pub(crate) struct Client {
    child: Child,
    out: BufReader<std::process::ChildStdout>,
}

/// Why the comparison cannot run here.
pub(crate) fn missing() -> Option<String> {
    let folder = folder();
    if !folder.join("../node_modules/agui-client-1.0").is_dir() {
        return Some(format!("run `npm ci` in {}", folder.parent().unwrap().display()));
    }
    let node = Command::new("node").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    (!node.is_ok_and(|status| status.success())).then(|| "node is not installed".to_owned())
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/clients/differential")
}

impl Client {
    pub(crate) fn start(version: &str) -> Self {
        let mut child = Command::new("node")
            .args(["run.mjs", version])
            .current_dir(folder())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        Self { child, out }
    }

    /// What the client makes of each case.
    pub(crate) fn ask(&mut self, cases: &[Case]) -> Vec<Answer> {
        let stdin = self.child.stdin.as_mut().unwrap();
        let out = &mut self.out;
        std::thread::scope(|scope| {
            scope.spawn(move || {
                for case in cases {
                    writeln!(stdin, "{}", case.line()).unwrap();
                }
                stdin.flush().unwrap();
            });
            let mut line = String::new();
            cases
                .iter()
                .map(|case| {
                    line.clear();
                    assert!(out.read_line(&mut line).unwrap() > 0, "the client died of {}", case.line());
                    serde_json::from_str(&line).unwrap()
                })
                .collect()
        })
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}
