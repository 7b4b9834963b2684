//! `cargo xtask test`: the one command that says whether the tree is good.

mod clients;
mod count;
mod peers;
mod proxies;
mod steps;

use crate::{process, tidy};
use anyhow::Context;
use count::Runner;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use steps::{Outcome, Steps};

/// What to test.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Run every generated case instead of the tenth that is the rule.
    #[arg(long)]
    full: bool,
    /// Leave out the JavaScript clients (no Node, npm or Chromium needed).
    #[arg(long)]
    no_clients: bool,
}

/// A cold build on two slow cores takes minutes, not half an hour: what takes longer hangs.
const BUILD_LIMIT: Duration = Duration::from_secs(25 * 60);
const SHORT_LIMIT: Duration = Duration::from_secs(5 * 60);

/// Every crate, with the generator of the schemas and its tests.
const WORKSPACE: &[&str] = &["--workspace", "--features", "xtask/schema"];

/// The crates that must stand alone, so that the workspace's unified features hide no leak.
const ALONE: &[(&str, &str)] = &[
    ("copilotkit-protocol", ""),
    ("copilotkit-runtime", ""),
    ("copilotkit-runtime", "sqlite"),
    ("copilotkit-adapters", ""),
];

/// Runs all steps; true when all are good.
pub(crate) fn run(root: &Path, options: &Options) -> bool {
    announce(options);
    let mut steps = Steps::default();
    steps.add("rustfmt", "cargo fmt --all -- --check", || {
        component("fmt", "rustfmt", root, &["fmt", "--all", "--", "--check"], SHORT_LIMIT)
    });
    steps.add("tidy", "the checks of cargo xtask tidy", || match tidy::report(root)? {
        true => Ok(Outcome::Good),
        false => Ok(Outcome::Bad("see the findings above".to_owned())),
    });
    let lint = [
        "clippy",
        "--workspace",
        "--all-targets",
        "--features",
        "xtask/bench,xtask/schema",
        "--keep-going",
        "--",
        "-D",
        "warnings",
    ];
    steps.add("clippy", &format!("cargo {}", lint.join(" ")), || {
        component("clippy", "clippy", root, &lint, BUILD_LIMIT)
    });
    // Binaries and tests together, with one set of features, so that nothing is compiled twice.
    let build = [&["build"], WORKSPACE, &["--bins", "--tests"]].concat();
    let built = steps.add("build", &format!("cargo {}", build.join(" ")), || cargo(root, &build, BUILD_LIMIT, None));
    let peers = !options.no_clients && built && peers::install(root, &mut steps);
    if built {
        let proxies = proxies::prepare(&mut steps);
        let test = [&["test"], WORKSPACE, &["--no-fail-fast"]].concat();
        steps.run_tests("cargo test", &format!("cargo {}", test.join(" ")), Runner::Cargo, |tally| {
            let mut command = process::cargo();
            command.args(&test).current_dir(root);
            full(&mut command, options);
            if peers {
                command.env("COPILOTKIT_REQUIRE_PEERS", "1");
            }
            if proxies {
                command.env("COPILOTKIT_TEST_PROXIES", "1");
            }
            steps::command(&mut command, BUILD_LIMIT, Some(tally))
        });
    } else {
        steps.skip("cargo test", "the build failed");
    }
    for (name, features) in ALONE {
        let check = ["check", "--package", name, "--no-default-features", "--features", features];
        let title = format!("{name} alone{}{features}", if features.is_empty() { "" } else { ", " });
        steps.add(&title, &format!("cargo {}", check.join(" ")), || cargo(root, &check, BUILD_LIMIT, None));
    }
    if !options.no_clients {
        clients::types(root, &mut steps);
    }
    match (options.no_clients, built) {
        (true, _) => steps.skip("clients", "--no-clients"),
        (_, false) => steps.skip("clients", "the build failed"),
        _ => clients::run(root, options, &mut steps),
    }
    steps.summary()
}

fn announce(options: &Options) {
    println!("Builds into target/, which git ignores. Nothing here needs a key or the network at run time.");
    println!("It may download the crates of Cargo.lock.");
    println!("It may install nginx and Caddy with apt-get, as root of a container that manages no services.");
    if !options.no_clients {
        println!("It may install npm packages into fixtures/clients/node_modules (npm ci).");
        println!("It may install MCP servers of npm and PyPI into fixtures/mcp/node_modules and target/mcp-venv.");
        println!("It may install Chromium with apt-get, when there is none and it runs as root.");
    }
}

/// How much the tests do: all of it, or a tenth.
fn full(command: &mut Command, options: &Options) {
    if options.full {
        command.env("COPILOTKIT_TEST_FULL", "1");
    }
    if std::env::var_os("PROPTEST_CASES").is_none() {
        command.env("PROPTEST_CASES", if options.full { "10000" } else { "1000" });
    }
}

fn cargo(root: &Path, args: &[&str], limit: Duration, tally: Option<&mut count::Tally>) -> anyhow::Result<Outcome> {
    steps::command(process::cargo().args(args).current_dir(root), limit, tally)
}

/// A cargo command that not every toolchain has.
fn component(name: &str, component: &str, root: &Path, args: &[&str], limit: Duration) -> anyhow::Result<Outcome> {
    if process::cargo_output(root, &[name, "--version"]).is_err() {
        let how = format!("NOT CHECKED: cargo {name} is not installed; rustup component add {component}");
        return Ok(Outcome::Skipped(how));
    }
    cargo(root, args, limit, None)
}

/// Where cargo puts the binary that the clients talk to.
fn binary(root: &Path) -> anyhow::Result<PathBuf> {
    let metadata = process::cargo_output(root, &["metadata", "--format-version", "1", "--no-deps"])?;
    let metadata: serde_json::Value = serde_json::from_str(&metadata).context("cargo metadata is not JSON")?;
    let target = metadata["target_directory"].as_str().context("cargo metadata has no target_directory")?;
    let name = format!("copilotkit{}", std::env::consts::EXE_SUFFIX);
    Ok(Path::new(target).join("debug").join(name))
}
