//! Child processes.

use crate::config::Command;
use crate::limits;
use process_wrap::tokio::{CommandWrap, KillOnDrop};
use rmcp::transport::TokioChildProcess;
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::process::ChildStderr;

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

/// Starts a child in a process group of its own, so that what it started ends with it.
pub(crate) fn spawn(command: &Command) -> std::io::Result<(TokioChildProcess, Option<ChildStderr>)> {
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
    TokioChildProcess::builder(wrapped).stderr(Stdio::piped()).spawn()
}

/// Passes what a child says on its standard error to the log, line by line, until it ends.
pub(crate) async fn log_errors(server: String, stderr: ChildStderr) {
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
            }
        }
    }
}
