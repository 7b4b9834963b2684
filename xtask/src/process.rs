//! Child processes: their output is passed on line by line, they have a time limit, and they end when we do.

use anyhow::Context;
use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The process groups that live now, and the signal that each is first told to end by.
static GROUPS: Mutex<Vec<(u32, &str)>> = Mutex::new(Vec::new());

/// How long a group may take to end by itself before it is killed.
const GRACE: Duration = Duration::from_secs(3);

/// How a child ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// With code 0.
    Well,
    /// With another code, or none when a signal ended it.
    Badly(Option<i32>),
    /// It took longer than it may and was killed.
    TimedOut,
}

/// Makes Ctrl-C, SIGTERM and a closed terminal end every child with all its descendants, then us.
pub(crate) fn end_children_on_signals() -> anyhow::Result<()> {
    let end = || {
        // Held until the end, so that no next step starts a child meanwhile.
        let groups = GROUPS.lock().unwrap_or_else(PoisonError::into_inner);
        for (group, first) in groups.iter() {
            signal(*group, first);
        }
        let deadline = Instant::now() + GRACE;
        while groups.iter().any(|(group, _)| signal(*group, "0")) && Instant::now() < deadline {
            pause(Duration::from_millis(50));
        }
        for (group, _) in groups.iter() {
            signal(*group, "KILL");
        }
        std::process::exit(130);
    };
    ctrlc::set_handler(end).context("cannot listen for Ctrl-C")
}

/// The cargo that runs us.
pub(crate) fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").as_deref().unwrap_or(OsStr::new("cargo")))
}

/// What a short command prints, without the line end; `None` when it is absent or fails.
pub(crate) fn output(program: &str, args: &[&str]) -> Option<String> {
    let output = Command::new(program).args(args).stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// What a cargo command prints.
pub(crate) fn cargo_output(root: &Path, args: &[&str]) -> anyhow::Result<String> {
    let output = cargo().args(args).current_dir(root).stdin(Stdio::null()).output().context("cannot start cargo")?;
    let said = String::from_utf8_lossy(&output.stderr);
    anyhow::ensure!(output.status.success(), "cargo {} failed:\n{}", args.join(" "), said.trim());
    String::from_utf8(output.stdout).context("cargo printed something that is not UTF-8")
}

/// A child in a process group of its own, known to the signal handler until the guard is dropped.
pub(crate) struct Group {
    id: u32,
}

impl Group {
    /// Starts `command`.
    pub(crate) fn start(command: &mut Command) -> std::io::Result<(Self, Child)> {
        Self::start_ended_by(command, "TERM")
    }

    /// Starts what has nothing to save: when we end, it is killed at once, however long it would drain.
    #[cfg(feature = "bench")]
    pub(crate) fn start_expendable(command: &mut Command) -> std::io::Result<(Self, Child)> {
        Self::start_ended_by(command, "KILL")
    }

    fn start_ended_by(command: &mut Command, first: &'static str) -> std::io::Result<(Self, Child)> {
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(command, 0);
        // Held while the child starts, so that a signal in between finds it.
        let mut groups = GROUPS.lock().unwrap_or_else(PoisonError::into_inner);
        let child = command.spawn()?;
        groups.push((child.id(), first));
        Ok((Self { id: child.id() }, child))
    }

    /// Asks the group to end, and kills it after the grace.
    pub(crate) fn end(&self) {
        signal(self.id, "TERM");
        let deadline = Instant::now() + GRACE;
        while signal(self.id, "0") && Instant::now() < deadline {
            pause(Duration::from_millis(50));
        }
        signal(self.id, "KILL");
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // What a child left behind must not outlive its step.
        signal(self.id, "KILL");
        GROUPS.lock().unwrap_or_else(PoisonError::into_inner).retain(|(group, _)| *group != self.id);
    }
}

/// Sends a signal to a process group; true when there was one. The standard library has no call for it.
fn signal(group: u32, name: &str) -> bool {
    let mut command = if cfg!(unix) {
        let mut kill = Command::new("sh");
        kill.args(["-c", &format!("kill -s {name} -- -{group}")]);
        kill
    } else {
        let mut kill = Command::new("taskkill");
        kill.args(["/T", "/F", "/PID", &group.to_string()]);
        kill
    };
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

/// Waits. There is no async runtime here that it could block.
#[expect(clippy::disallowed_methods, reason = "a thread of its own waits, no worker of an async runtime")]
pub(crate) fn pause(time: Duration) {
    std::thread::sleep(time);
}

enum News {
    Line(Vec<u8>),
    Closed,
    Exited(std::io::Result<ExitStatus>),
}

/// Runs `command` for at most `limit`. Its output goes to ours, each line of stdout to `on_line` as well.
pub(crate) fn stream(command: &mut Command, limit: Duration, on_line: &mut dyn FnMut(&str)) -> anyhow::Result<Ended> {
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    let program = command.get_program().to_string_lossy().into_owned();
    let (group, mut child) = Group::start(command).with_context(|| format!("cannot start {program}"))?;
    let (news, inbox) = mpsc::sync_channel(256);
    let stdout = child.stdout.take().context("the child has no stdout")?;
    let lines = news.clone();
    std::thread::spawn(move || {
        let mut reader = BufReader::new(stdout);
        loop {
            let mut line = Vec::new();
            match reader.read_until(b'\n', &mut line) {
                Ok(1..) if lines.send(News::Line(line)).is_ok() => {}
                _ => break,
            }
        }
        // Nobody listens any more when the child was given up.
        lines.send(News::Closed).ok();
    });
    std::thread::spawn(move || news.send(News::Exited(child.wait())).ok());

    let mut deadline = Instant::now() + limit;
    let mut status = None;
    let mut closed = false;
    while status.is_none() || !closed {
        match inbox.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(News::Line(line)) => {
                let line = String::from_utf8_lossy(&line);
                // By macro, so that the output of our own tests is captured and not counted.
                print!("{line}");
                std::io::stdout().flush().context("cannot write to stdout")?;
                on_line(&plain(&line));
            }
            Ok(News::Closed) => closed = true,
            Ok(News::Exited(exited)) => {
                status = Some(exited.with_context(|| format!("cannot wait for {program}"))?);
                // A descendant that was left behind may hold the pipe open for ever.
                deadline = Instant::now() + GRACE;
            }
            Err(RecvTimeoutError::Timeout) if status.is_some() => break,
            Err(_) => {
                group.end();
                return Ok(Ended::TimedOut);
            }
        }
    }
    Ok(match status {
        Some(status) if status.success() => Ended::Well,
        status => Ended::Badly(status.and_then(|status| status.code())),
    })
}

/// A line without colours and without its end.
fn plain(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut rest = line.trim_end();
    while let Some(start) = rest.find("\u{1b}[") {
        out.push_str(&rest[..start]);
        let code = &rest[start + 2..];
        rest = code.find(|c: char| ('@'..='~').contains(&c)).map_or("", |end| &code[end + 1..]);
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(script: &str, limit: Duration) -> (Ended, Vec<String>) {
        let mut lines = Vec::new();
        let mut command = Command::new("sh");
        let ended = stream(command.args(["-c", script]), limit, &mut |line| lines.push(line.to_owned())).unwrap();
        (ended, lines)
    }

    #[test]
    fn colours_are_taken_out() {
        assert_eq!(plain("test result: \u{1b}[32mok\u{1b}[0m. 3 passed\n"), "test result: ok. 3 passed");
        assert_eq!(plain("broken \u{1b}[32"), "broken ");
    }

    #[test]
    fn lines_and_codes_are_passed_on() {
        let (ended, lines) = sh("echo one; printf two; exit 3", Duration::from_secs(10));
        assert_eq!(ended, Ended::Badly(Some(3)));
        assert_eq!(lines, ["one", "two"]);
        assert_eq!(sh("true", Duration::from_secs(10)).0, Ended::Well);
    }

    #[test]
    fn a_child_over_its_limit_is_ended_with_its_descendants() {
        let began = Instant::now();
        let (ended, lines) = sh("sleep 60 & echo $!; wait", Duration::from_millis(300));
        assert_eq!(ended, Ended::TimedOut);
        assert!(began.elapsed() < Duration::from_secs(20));
        assert!(output("kill", &["-0", &lines[0]]).is_none(), "the grandchild lives");
    }

    #[test]
    fn a_descendant_that_holds_the_pipe_does_not_hold_us() {
        let began = Instant::now();
        assert_eq!(sh("sleep 60 & exit 0", Duration::from_secs(50)).0, Ended::Well);
        assert!(began.elapsed() < Duration::from_secs(20));
    }
}
