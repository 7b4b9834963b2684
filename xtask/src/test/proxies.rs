//! The reverse proxies whose snippets are tested: nginx and Caddy.

use super::SHORT_LIMIT;
use super::steps::{Outcome, Steps, command};
use crate::process;
use std::path::Path;
use std::process::Command;

/// Program, what shows its version, Debian's package.
const PROXIES: &[(&str, &str, &str)] = &[("nginx", "-v", "nginx-light"), ("caddy", "version", "caddy")];

/// Sees to it that the proxies are there; true when the tests may insist on them.
pub(super) fn prepare(steps: &mut Steps) -> bool {
    steps.add("proxies", "nginx and Caddy, for the snippets of deploy/", || {
        let missing = missing();
        if missing.is_empty() {
            return Ok(Outcome::Good);
        }
        let how = format!("{} not installed: their snippets are not tested", missing.join(" and "));
        if !may_install() {
            return Ok(Outcome::Skipped(how));
        }
        for args in [&["update"][..], &[&["install", "-y", "--no-install-recommends"], &missing[..]].concat()] {
            println!("apt-get {}", args.join(" "));
            let mut apt = Command::new("apt-get");
            apt.args(args).env("DEBIAN_FRONTEND", "noninteractive");
            if command(&mut apt, SHORT_LIMIT, None)? != Outcome::Good {
                return Ok(Outcome::Skipped(how));
            }
        }
        Ok(if self::missing().is_empty() { Outcome::Good } else { Outcome::Skipped(how) })
    }) && missing().is_empty()
}

/// The packages of those that are not there.
fn missing() -> Vec<&'static str> {
    let there = |program: &str, version: &str| Command::new(program).arg(version).output().is_ok();
    PROXIES.iter().filter(|(program, version, _)| !there(program, version)).map(|(.., package)| *package).collect()
}

/// As root of a container. Where services are managed, the package would start a web server.
fn may_install() -> bool {
    let is_root = process::output("id", &["-u"]).as_deref() == Some("0");
    is_root && !Path::new("/run/systemd/system").exists() && process::output("apt-get", &["--version"]).is_some()
}
