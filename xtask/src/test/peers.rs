//! Servers of others that the tests of MCP start: from npm and from PyPI, installed where git ignores them.

use super::clients::{npm, stale};
use super::steps::{self, Steps};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

const INSTALL_LIMIT: Duration = Duration::from_secs(10 * 60);

/// Installs them; true when they are there.
pub(super) fn install(root: &Path, steps: &mut Steps) -> bool {
    let folder = root.join("fixtures/mcp");
    let npm = !stale(&folder)
        || steps.add("npm ci of peers", "npm ci in fixtures/mcp", || {
            steps::command(npm(&folder).args(["ci", "--no-audit", "--no-fund"]), INSTALL_LIMIT, None)
        });
    npm && python(root, &folder.join("requirements.txt"), steps)
}

/// A virtual environment below target/, made anew when the list of what is in it is newer.
fn python(root: &Path, list: &Path, steps: &mut Steps) -> bool {
    let folder = root.join("target/mcp-venv");
    let time = |path: PathBuf| path.metadata().and_then(|data| data.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
    let done = folder.join("installed");
    if time(done.clone()) > time(list.to_path_buf()) {
        return true;
    }
    let what = "python3 -m venv target/mcp-venv, pip install -r fixtures/mcp/requirements.txt";
    steps.add("PyPI peers", what, || {
        let venv = Command::new("python3").args(["-m", "venv"]).arg(&folder).status();
        if !venv.is_ok_and(|status| status.success()) {
            return Ok(steps::Outcome::Bad("there is no python3 with venv: install it".to_owned()));
        }
        let mut pip = Command::new(folder.join("bin/python"));
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"]).arg(list);
        let outcome = steps::command(&mut pip, INSTALL_LIMIT, None)?;
        if outcome == steps::Outcome::Good {
            std::fs::write(&done, "")?;
        }
        Ok(outcome)
    })
}
