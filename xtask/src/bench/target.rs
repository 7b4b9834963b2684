//! The servers that are measured, each a process of its own on a core of its own.

use super::pin::{self, Cores};
use super::usage::Usage;
use super::who::{Who, port};
use crate::process::Group;
use anyhow::{Context, ensure};
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError, SyncSender};
use std::time::{Duration, Instant};

/// How long a server may take to say its address. Node loads for seconds on a busy machine.
const START: Duration = Duration::from_secs(60);

/// How servers are started.
pub(crate) struct Launcher {
    /// The clock of /proc, in ticks a second.
    pub(crate) ticks: f64,
    /// Where servers go.
    pub(crate) cores: Option<Cores>,
    /// Where configuration files and bodies are written.
    pub(crate) folder: PathBuf,
    /// The root of the repository.
    pub(crate) root: PathBuf,
    /// Our server.
    pub(crate) binary: PathBuf,
    /// Whether its threads are in a file.
    pub(crate) sqlite: bool,
}

impl Launcher {
    /// Our binary with a configuration of its own; `agents` is TOML.
    pub(crate) fn ours(&self, agents: &str) -> anyhow::Result<Target> {
        let config = self.folder.join("copilotkit.toml");
        // Streams by the thousand.
        let text = format!("[server]\nport = 0\n\n[limits]\nruns = 20000\nconnections = 20000\n\n{agents}");
        std::fs::write(&config, text).with_context(|| format!("cannot write {}", config.display()))?;
        let mut command = Command::new(&self.binary);
        let store = match self.sqlite {
            // Gone with the folder. One file at a time: a server that was measured has ended.
            true => format!("sqlite:{}", self.folder.join("threads.db").display()),
            false => "memory".to_owned(),
        };
        command.args(["serve", "--store", &store, "--config"]).arg(&config);
        self.start(Who::Ours, &mut command)
    }

    /// A server of `bench-server`.
    pub(crate) fn bench(&self, who: Who, kind: &str, args: &[&str]) -> anyhow::Result<Target> {
        let mut command = Command::new(std::env::current_exe().context("cannot find our own binary")?);
        command.args(["bench-server", kind]).args(args);
        self.start(who, &mut command)
    }

    /// Any command that says `http://HOST:PORT` when it listens.
    pub(crate) fn start(&self, who: Who, command: &mut Command) -> anyhow::Result<Target> {
        // Settings of the caller's shell would change what is measured.
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("COPILOTKIT_") {
                command.env_remove(name);
            }
        }
        command.env("COPILOTKIT_TELEMETRY_DISABLED", "true");
        // Those of ours end when their stdin is closed, so also when we are killed.
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let began = Instant::now();
        let (group, mut child) = pin::on(self.cores, || Group::start_expendable(command))?
            .with_context(|| format!("cannot start {}", command.get_program().to_string_lossy()))?;
        let (send, lines) = mpsc::sync_channel(64);
        watch(child.stdout.take().context("no stdout")?, send.clone());
        watch(child.stderr.take().context("no stderr")?, send);
        let mut said = String::new();
        let port = loop {
            let line = match lines.recv_timeout(START) {
                Ok(line) => line,
                Err(RecvTimeoutError::Timeout) => anyhow::bail!("{} did not listen in time: {said}", who.name()),
                Err(RecvTimeoutError::Disconnected) => anyhow::bail!("{} ended: {said}", who.name()),
            };
            if let Some(port) = port(&line) {
                break port;
            }
            ensure!(said.len() < 16 * 1024, "{} says much, but not its address: {said}", who.name());
            said += &line;
        };
        Ok(Target { who, port, began, child: Some(child), group: Some(group), ticks: self.ticks })
    }
}

/// Passes on lines until nobody listens, then lets them go, so that the writer never waits.
fn watch(from: impl Read + Send + 'static, to: SyncSender<String>) {
    std::thread::spawn(move || {
        let mut reader = BufReader::new(from);
        let mut line = String::new();
        while reader.read_line(&mut line).is_ok_and(|count| count > 0) {
            // Nobody listens any more once the address is known.
            to.try_send(std::mem::take(&mut line)).ok();
        }
    });
}

/// Our release binary, beside the one that runs.
pub(crate) fn binary() -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe().context("cannot find our own binary")?;
    let path = own.parent().unwrap_or(Path::new(".")).join("copilotkit");
    ensure!(path.is_file(), "{} is missing: cargo build --release --package copilotkit-cli", path.display());
    Ok(path)
}

/// A server that runs, until it is dropped.
pub(crate) struct Target {
    /// Whose.
    pub(crate) who: Who,
    /// Where it listens.
    pub(crate) port: u16,
    /// When it was started.
    pub(crate) began: Instant,
    child: Option<Child>,
    group: Option<Group>,
    ticks: f64,
}

impl Target {
    /// The upstream itself, in our own process: what it uses is not told.
    pub(crate) fn direct(port: u16) -> Self {
        Self { who: Who::Direct, port, began: Instant::now(), child: None, group: None, ticks: 1.0 }
    }

    /// What it has used so far.
    pub(crate) fn usage(&self) -> anyhow::Result<Usage> {
        match &self.child {
            Some(child) => Usage::of(child.id(), self.ticks),
            None => Ok(Usage { cpu: 0.0, rss: 0.0 }),
        }
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        // It holds nothing that must be saved, so it is killed with all that it started.
        drop(self.group.take());
        if let Some(child) = &mut self.child {
            child.wait().ok();
        }
    }
}
