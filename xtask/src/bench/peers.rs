//! Other runtimes, measured in the same run: installed when they are asked for, outside of what is checked in.

use super::Peer;
use super::target::{Launcher, Target};
use super::who::Who;
use crate::process::{Ended, stream};
use anyhow::{Context, ensure};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// How long installing may take.
const INSTALL: Duration = Duration::from_secs(15 * 60);

impl Launcher {
    /// Installs a peer into target/bench-peer, unless that was done for the same list of packages.
    pub(crate) fn install(&self, peer: Peer) -> anyhow::Result<Who> {
        let (who, list, files) = match peer {
            Peer::Node => (Who::Node, "package.json", &["package.json", "server.mjs"][..]),
            Peer::Python => (Who::Python, "requirements.txt", &["requirements.txt", "server.py"][..]),
        };
        let (source, folder) = (self.root.join("fixtures/bench").join(who.name()), self.peer_folder(who));
        std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let wanted = std::fs::read(source.join(list)).with_context(|| format!("no {list} for {}", who.name()))?;
        let mark = folder.join("installed");
        let installed = std::fs::read(&mark).is_ok_and(|installed| installed == wanted);
        for file in files {
            std::fs::copy(source.join(file), folder.join(file)).with_context(|| format!("cannot copy {file}"))?;
        }
        if !installed {
            eprintln!("installing the {} peer into {}", who.name(), folder.display());
            match peer {
                Peer::Node => {
                    let args = ["install", "--no-audit", "--no-fund", "--omit=dev", "--no-package-lock"];
                    step(Command::new("npm").args(args), &folder)?;
                }
                Peer::Python => {
                    step(Command::new("python3").args(["-m", "venv", "venv"]), &folder)?;
                    let pip = folder.join("venv/bin/pip");
                    step(Command::new(pip).args(["install", "--quiet", "-r", list]), &folder)?;
                }
            }
            std::fs::write(&mark, wanted).with_context(|| format!("cannot write {}", mark.display()))?;
        }
        Ok(who)
    }

    fn peer_folder(&self, who: Who) -> PathBuf {
        self.root.join("target/bench-peer").join(who.name())
    }

    /// Starts a peer in front of the upstream at `address`.
    pub(crate) fn peer(&self, who: Who, address: &str) -> anyhow::Result<Target> {
        let folder = self.peer_folder(who);
        let mut command = match who {
            Who::Python => {
                let mut python = Command::new(folder.join("venv/bin/python"));
                python.arg("server.py");
                python
            }
            _ => {
                let mut node = Command::new("node");
                node.arg("server.mjs").env("NODE_ENV", "production").env("DO_NOT_TRACK", "1");
                node
            }
        };
        command.env("BENCH_UPSTREAM", address).current_dir(&folder);
        self.start(who, &mut command)
    }
}

/// One command of an installation; its output goes where ours goes.
fn step(command: &mut Command, folder: &Path) -> anyhow::Result<()> {
    let what = format!("{command:?}");
    let ended = stream(command.current_dir(folder), INSTALL, &mut |_| ())?;
    ensure!(ended == Ended::Well, "{what} failed");
    Ok(())
}
