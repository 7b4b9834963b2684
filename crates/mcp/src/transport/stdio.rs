//! Child processes.

use crate::config::Command;
use crate::limits;
use process_wrap::tokio::{CommandWrap, KillOnDrop};
use rmcp::RoleClient;
use rmcp::model::{ClientJsonRpcMessage, ServerJsonRpcMessage};
use rmcp::transport::{TokioChildProcess, Transport};
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
