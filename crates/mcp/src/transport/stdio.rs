//! Child processes.

use crate::config::Command;
use crate::error::McpError;
use crate::limits;
use copilotkit_runtime::telemetry::redact::blot;
use process_wrap::tokio::{CommandWrap, KillOnDrop};
use rmcp::RoleClient;
use rmcp::model::{ClientJsonRpcMessage, ServerJsonRpcMessage};
use rmcp::transport::{TokioChildProcess, Transport};
use std::collections::VecDeque;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::process::ChildStderr;
use tokio_util::sync::CancellationToken;

/// What a program needs to find its files and its language. Everything else of our environment, keys of providers above
/// all, is not a child's business.
const INHERITED: &[&str] = &[
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "SHELL",
    "TERM",
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
    "TZ",
    "TMPDIR",
    "TEMP",
    "TMP",
    "APPDATA",
    "LOCALAPPDATA",
    "HOMEDRIVE",
    "HOMEPATH",
    "PATHEXT",
    "PROGRAMDATA",
    "PROGRAMFILES",
    "SYSTEMDRIVE",
    "SYSTEMROOT",
    "USERNAME",
    "USERPROFILE",
    "COMSPEC",
];

/// A child in a process group of its own, so that what it started ends with it.
pub(crate) struct ChildTransport {
    child: TokioChildProcess,
    #[cfg(unix)]
    group: Option<nix::unistd::Pid>,
}

impl Transport<RoleClient> for ChildTransport {
    type Error = std::io::Error;

    fn send(&mut self, item: ClientJsonRpcMessage) -> impl Future<Output = Result<(), Self::Error>> + Send + 'static {
        self.child.send(item)
    }

    fn receive(&mut self) -> impl Future<Output = Option<ServerJsonRpcMessage>> + Send {
        self.child.receive()
    }

    fn close(&mut self) -> impl Future<Output = Result<(), Self::Error>> + Send {
        self.child.close()
    }
}

#[cfg(unix)]
impl Drop for ChildTransport {
    fn drop(&mut self) {
        // The child has ended by itself where there was time for that; what it left behind has not.
        if let Some(group) = self.group.take() {
            let _ = nix::sys::signal::killpg(group, nix::sys::signal::Signal::SIGKILL);
        }
    }
}

/// Starts a child.
pub(crate) fn spawn(command: &Command) -> std::io::Result<(ChildTransport, Option<ChildStderr>)> {
    let mut child = tokio::process::Command::new(&command.program);
    child.args(&command.arguments).env_clear();
    child.envs(INHERITED.iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
    child.envs(&command.environment);
    if let Some(folder) = &command.folder {
        child.current_dir(folder);
    }
    let mut wrapped = CommandWrap::from(child);
    wrapped.wrap(KillOnDrop);
    #[cfg(unix)]
    wrapped.wrap(process_wrap::tokio::ProcessGroup::leader());
    #[cfg(windows)]
    wrapped.wrap(process_wrap::tokio::JobObject);
    let (child, stderr) = TokioChildProcess::builder(wrapped).stderr(Stdio::piped()).spawn()?;
    #[cfg(unix)]
    let group = child.id().and_then(|id| i32::try_from(id).ok()).map(nix::unistd::Pid::from_raw);
    let transport = ChildTransport {
        child,
        #[cfg(unix)]
        group,
    };
    Ok((transport, stderr))
}

/// The last lines that a child said on its standard error: why it ended, as a rule.
#[derive(Clone, Default)]
pub(crate) struct LastWords {
    lines: Arc<Mutex<VecDeque<String>>>,
    over: CancellationToken,
}

impl LastWords {
    fn add(&self, line: &str) {
        let line: String = blot(line.trim()).chars().filter(|char| !char.is_control()).collect();
        if line.is_empty() {
            return;
        }
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() >= limits::LAST_WORDS {
            lines.pop_front();
        }
        lines.push_back(line.chars().take(limits::LAST_WORDS_LINE).collect());
    }

    /// The error of a child that has ended or is given up, with what it said in what the log alone may hold.
    pub(crate) async fn with(&self, error: McpError) -> McpError {
        // It may have ended a moment before we have read what it said.
        let _ = tokio::time::timeout(limits::LAST_WORDS_WAIT, self.over.cancelled()).await;
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.is_empty() {
            return error;
        }
        let said = Vec::from_iter(lines.iter().map(String::as_str)).join(" | ");
        McpError { detail: Arc::from(format!("{}; its standard error: {said}", error.detail)), ..error }
    }
}

/// Passes what a child says on its standard error to the log, line by line, until it ends, and keeps the last of it.
pub(crate) async fn log_errors(server: String, stderr: ChildStderr, words: LastWords) {
    let _over = words.over.clone().drop_guard();
    let mut reader = BufReader::new(stderr);
    let mut line = Vec::new();
    loop {
        line.clear();
        let limit = limits::STDERR_LINE as u64;
        match (&mut reader).take(limit).read_until(b'\n', &mut line).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {
                let text = String::from_utf8_lossy(&line);
                tracing::debug!(server, "stderr: {}", text.trim_end());
                words.add(&text);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    #[tokio::test]
    async fn the_last_words_are_few_and_hold_no_secret_and_nobody_but_the_log_gets_them() {
        let words = LastWords::default();
        for index in 0..100 {
            words.add(&format!("line {index}{}\n", "x".repeat(1_000)));
        }
        words.add("boom:\u{1b}[2J bad license, token=hunter2hunter2\r\n");
        words.add("\n");
        words.over.cancel();
        let error = words.with(McpError::about(ErrorKind::Closed, "files", "it ended")).await;
        let detail = &*error.detail;
        assert!(detail.starts_with("it ended; its standard error: line 9"), "{detail}");
        assert!(detail.ends_with(" | boom:[2J bad license, token=[redacted]"), "{detail}");
        assert!(detail.len() < limits::LAST_WORDS * (limits::LAST_WORDS_LINE + 20), "{}", detail.len());
        assert!(!error.message.contains("boom"), "{}", error.message);
    }
}
