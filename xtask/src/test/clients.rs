//! The published JavaScript clients, in Node and in Chromium, against the built binary.

use super::count::{Runner, Tally};
use super::steps::{self, Outcome, Steps};
use super::{Options, binary, full};
use crate::process;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const NODE_MIN: u32 = 20;
const INSTALL_LIMIT: Duration = Duration::from_secs(10 * 60);
const TEST_LIMIT: Duration = Duration::from_secs(25 * 60);

/// Prepares and runs them.
pub(super) fn run(root: &Path, options: &Options, steps: &mut Steps) {
    let folder = root.join("fixtures/clients");
    let mut browser = None;
    let ready = steps.add("client tools", "Node, npm, Chromium", || {
        if let Err(why) = node() {
            return Ok(Outcome::Bad(why));
        }
        Ok(match chromium() {
            Ok(path) => {
                println!("Chromium: {}", path.display());
                browser = Some(path);
                Outcome::Good
            }
            Err(why) => Outcome::Bad(why),
        })
    });
    let (true, Some(browser)) = (ready, browser) else {
        return steps.skip("clients", "a tool is missing");
    };
    if stale(&folder) {
        let good = steps.add("npm ci", "npm ci in fixtures/clients", || {
            steps::command(npm(&folder).args(["ci", "--no-audit", "--no-fund"]), INSTALL_LIMIT, None)
        });
        if !good {
            return steps.skip("clients", "npm packages are missing");
        }
    }
    if !a2a_peers(root, steps) {
        return steps.skip("clients", "A2A agents to speak to are missing");
    }
    let compare = [&["test"], super::WORKSPACE, &["--test", "differential"]].concat();
    let what = format!("cargo {}", compare.join(" "));
    steps.run_tests("published clients on generated streams", &what, Runner::Cargo, |tally| {
        let mut command = process::cargo();
        command.args(&compare).current_dir(root).env("COPILOTKIT_REQUIRE_NODE", "1");
        full(&mut command, options);
        steps::command(&mut command, TEST_LIMIT, Some(tally))
    });
    let built = steps.add("client pages", "npm run build in fixtures/clients", || {
        steps::command(npm(&folder).args(["run", "build"]), INSTALL_LIMIT, None)
    });
    if !built {
        return steps.skip("clients", "the pages were not built");
    }
    steps.run_tests("clients", "npm test in fixtures/clients", Runner::Node, |tally| {
        let binary = binary(root)?;
        let run = |mut command: Command, tally: &mut Tally| {
            command.env("COPILOTKIT_BIN", &binary).env("CHROMIUM", &browser).env("COPILOTKIT_REQUIRE_PEERS", "1");
            full(&mut command, options);
            steps::command(&mut command, TEST_LIMIT, Some(tally))
        };
        let mut command = npm(&folder);
        command.arg("test");
        let first = run(command, tally)?;
        if !worth_a_second_try(tally) {
            return Ok(first);
        }
        let files = tests_of(&folder, &std::mem::take(&mut tally.files))?;
        println!("\n=== clients: once more {files:?}");
        let mut command = Command::new("node");
        command.current_dir(&folder).args(["--test", "--test-concurrency=1", "--test-reporter=spec"]).args(&files);
        let mut second = Tally::new(Runner::Node);
        if run(command, &mut second)? != Outcome::Good {
            return Ok(first);
        }
        let failed = std::mem::take(&mut tally.failed);
        tally.passed += failed;
        Ok(Outcome::Unsteady(format!("{failed} passed at the second try: {files:?}")))
    });
}

/// A browser on a busy machine is not always in time: a file or two of its tests may be tried again, and the summary
/// says so. What fails without a browser, or in many places, has a reason.
fn worth_a_second_try(tally: &Tally) -> bool {
    tally.failed > 0
        && (1..=2).contains(&tally.files.len())
        && tally.files.iter().all(|file| file.starts_with("browser/"))
}

/// The files of tests that failures are in: where one is in a file that several share, those that share it.
fn tests_of(folder: &Path, failed: &BTreeSet<String>) -> anyhow::Result<BTreeSet<String>> {
    let mut files = BTreeSet::new();
    for entry in std::fs::read_dir(folder.join("browser"))? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if !name.ends_with(".test.mjs") {
            continue;
        }
        let file = format!("browser/{name}");
        let text = std::fs::read_to_string(folder.join(&file))?;
        let shares =
            |one: &String| Path::new(one).file_name().is_some_and(|name| text.contains(&*name.to_string_lossy()));
        if failed.contains(&file) || failed.iter().any(shares) {
            files.insert(file);
        }
    }
    anyhow::ensure!(!files.is_empty(), "no test is in {failed:?}");
    Ok(files)
}

/// The official A2A SDKs: those of JavaScript by npm, each one of Python in an environment of its own.
fn a2a_peers(root: &Path, steps: &mut Steps) -> bool {
    let folder = root.join("fixtures/a2a");
    if stale(&folder) {
        let good = steps.add("npm ci of A2A agents", "npm ci in fixtures/a2a", || {
            steps::command(npm(&folder).args(["ci", "--no-audit", "--no-fund"]), INSTALL_LIMIT, None)
        });
        if !good {
            return false;
        }
    }
    ["1.0", "0.3"].into_iter().all(|version| {
        let wanted = folder.join(format!("requirements-{version}.txt"));
        let home = root.join(format!("target/a2a-peers/python-{version}"));
        let done = home.join("installed.txt");
        let same = std::fs::read(&done).ok().zip(std::fs::read(&wanted).ok()).is_some_and(|(is, should)| is == should);
        if same {
            return true;
        }
        steps.add(&format!("PyPI packages of A2A {version}"), "python3 -m venv, pip install", || {
            let mut make = Command::new(if cfg!(windows) { "python" } else { "python3" });
            make.args(["-m", "venv", "--clear"]).arg(&home);
            let made = steps::command(&mut make, INSTALL_LIMIT, None)?;
            if made != Outcome::Good {
                return Ok(made);
            }
            let python = if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" };
            let mut install = Command::new(home.join(python));
            install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"]).arg(&wanted);
            let installed = steps::command(&mut install, INSTALL_LIMIT, None)?;
            if installed == Outcome::Good {
                std::fs::copy(&wanted, &done)?;
            }
            Ok(installed)
        })
    })
}

/// Our generated types beside those of @ag-ui/core.
pub(super) fn types(root: &Path, steps: &mut Steps) {
    let folder = root.join("fixtures/typescript");
    if stale(&folder) {
        let good = steps.add("npm ci of types", "npm ci in fixtures/typescript", || {
            steps::command(npm(&folder).args(["ci", "--no-audit", "--no-fund"]), INSTALL_LIMIT, None)
        });
        if !good {
            return steps.skip("types", "npm packages are missing");
        }
    }
    steps
        .add("types", "npm test in fixtures/typescript", || steps::command(npm(&folder).arg("test"), TEST_LIMIT, None));
}

pub(super) fn npm(folder: &Path) -> Command {
    let mut command = Command::new(if cfg!(windows) { "npm.cmd" } else { "npm" });
    command.current_dir(folder);
    command
}

fn node() -> Result<(), String> {
    let how = format!("install Node {NODE_MIN} or newer with npm, or leave the clients out with --no-clients");
    let Some(version) = process::output("node", &["--version"]) else {
        return Err(format!("there is no node: {how}"));
    };
    if major(&version).is_none_or(|major| major < NODE_MIN) {
        return Err(format!("node is {version}: {how}"));
    }
    match process::output(if cfg!(windows) { "npm.cmd" } else { "npm" }, &["--version"]) {
        Some(npm) => {
            println!("Node {version}, npm {npm}");
            Ok(())
        }
        None => Err(format!("there is no npm: {how}")),
    }
}

fn major(version: &str) -> Option<u32> {
    version.strip_prefix('v')?.split('.').next()?.parse().ok()
}

/// Whether npm's own record of what it installed is missing or older than the lock file.
pub(super) fn stale(folder: &Path) -> bool {
    let time = |path: &str| folder.join(path).metadata().and_then(|data| data.modified()).ok();
    match (time("node_modules/.package-lock.json"), time("package-lock.json")) {
        (Some(installed), Some(locked)) => installed < locked,
        _ => true,
    }
}

fn chromium() -> Result<PathBuf, String> {
    if let Some(named) = std::env::var_os("CHROMIUM").map(PathBuf::from) {
        let missing = || format!("CHROMIUM names {}, which is not there", named.display());
        return if named.is_file() { Ok(named) } else { Err(missing()) };
    }
    if let Some(found) = find_chromium() {
        return Ok(found);
    }
    let how = "there is no Chromium: apt-get install chromium, or name one in CHROMIUM, or pass --no-clients";
    let is_root = process::output("id", &["-u"]).as_deref() == Some("0");
    if !is_root || process::output("apt-get", &["--version"]).is_none() {
        return Err(how.to_owned());
    }
    for args in [&["update"][..], &["install", "-y", "--no-install-recommends", "chromium"]] {
        println!("apt-get {}", args.join(" "));
        let mut command = Command::new("apt-get");
        command.args(args).env("DEBIAN_FRONTEND", "noninteractive");
        let good = steps::command(&mut command, INSTALL_LIMIT, None).is_ok_and(|outcome| outcome == Outcome::Good);
        if !good {
            return Err(format!("apt-get {} failed, and {how}", args.join(" ")));
        }
    }
    find_chromium().ok_or_else(|| how.to_owned())
}

fn find_chromium() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&path)
        .flat_map(|folder| ["chromium", "chromium-browser", "google-chrome"].map(|name| folder.join(name)));
    std::iter::once(PathBuf::from("/usr/bin/chromium")).chain(on_path).find(|path| path.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_in_a_shared_file_is_one_of_those_that_share_it() {
        let folder = crate::root().unwrap().join("fixtures/clients");
        let files = |failed: &[&str]| tests_of(&folder, &failed.iter().map(|&file| file.to_owned()).collect());
        let shared = files(&["browser/page-suite.mjs"]).unwrap();
        assert_eq!(shared.iter().collect::<Vec<_>>(), ["browser/v1.test.mjs", "browser/v2.test.mjs"]);
        assert_eq!(files(&["browser/speech.test.mjs"]).unwrap().len(), 1);
        assert!(files(&["browser/none.mjs"]).is_err());
    }

    #[test]
    fn versions_of_node_are_read() {
        assert_eq!(major("v20.20.2"), Some(20));
        assert_eq!(major("v8.1.0"), Some(8));
        assert_eq!(major("nonsense"), None);
    }

    #[test]
    fn packages_without_a_record_are_stale() {
        let folder = std::env::temp_dir().join(format!("xtask-stale-{}", std::process::id()));
        std::fs::create_dir_all(folder.join("node_modules")).unwrap();
        std::fs::write(folder.join("package-lock.json"), "{}").unwrap();
        assert!(stale(&folder));
        let record = folder.join("node_modules/.package-lock.json");
        std::fs::write(&record, "{}").unwrap();
        assert!(!stale(&folder));
        let old = std::fs::File::options().write(true).open(&record).unwrap();
        old.set_modified(std::time::UNIX_EPOCH).unwrap();
        assert!(stale(&folder));
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
