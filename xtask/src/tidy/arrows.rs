//! Which crate of the workspace may depend on which.

use super::Finding;
use serde_json::Value;

const PROTOCOL: &str = "copilotkit-protocol";
const RUNTIME: &str = "copilotkit-runtime";
const FIXTURES: &str = "copilotkit-fixtures";
const EXAMPLES: &str = "copilotkit-examples";

/// Each crate, and the crates of the workspace that it may be compiled with. `None` is all.
const ARROWS: &[(&str, Option<&[&str]>)] = &[
    (PROTOCOL, Some(&[])),
    (RUNTIME, Some(&[PROTOCOL])),
    ("copilotkit-adapters", Some(&[PROTOCOL, RUNTIME])),
    ("copilotkit-mcp", Some(&[PROTOCOL, RUNTIME])),
    ("copilotkit-a2a", Some(&[PROTOCOL, RUNTIME])),
    ("copilotkit-cli", Some(&[PROTOCOL, RUNTIME, "copilotkit-adapters", "copilotkit-mcp", "copilotkit-a2a"])),
    // Recorded servers had MCP servers of their own.
    (FIXTURES, Some(&[PROTOCOL, RUNTIME, "copilotkit-mcp"])),
    (EXAMPLES, Some(&[PROTOCOL, RUNTIME, "copilotkit-adapters"])),
    ("xtask", None),
];

/// Crates that only some of ours may name, and which.
const ONLY_IN: &[(&str, &[&str])] = &[
    ("axum", &[RUNTIME, "copilotkit-cli", "xtask", FIXTURES, EXAMPLES]),
    ("anyhow", &["copilotkit-cli", "xtask"]),
    ("clap", &["copilotkit-cli", "xtask"]),
    ("reqwest", &[RUNTIME, "copilotkit-adapters", "copilotkit-mcp", "copilotkit-a2a", "copilotkit-cli"]),
];

/// Checks the workspace's members as `cargo metadata --no-deps` describes them.
pub(crate) fn check(metadata: &Value) -> Vec<Finding> {
    let packages = metadata["packages"].as_array().map(Vec::as_slice).unwrap_or_default();
    let names: Vec<&str> = packages.iter().filter_map(|package| package["name"].as_str()).collect();
    let mut findings = Vec::new();
    for package in packages {
        let name = package["name"].as_str().unwrap_or_default();
        let place = format!("{name}/Cargo.toml");
        let Some((_, allowed)) = ARROWS.iter().find(|(known, _)| *known == name) else {
            let mend = "say in ARROWS of xtask/src/tidy/arrows.rs what it may depend on";
            findings.push(Finding::new(place, "a crate whose place is not known", mend));
            continue;
        };
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            let on = dependency["name"].as_str().unwrap_or_default();
            let is_dev = dependency["kind"].as_str() == Some("dev");
            let is_ours = names.contains(&on);
            let may = allowed.is_none_or(|allowed| allowed.contains(&on)) || is_dev && on == FIXTURES;
            if is_ours && !may {
                let what = format!("{name} depends on {on}");
                findings.push(Finding::new(&place, what, "turn it around: move what both need into the lower crate"));
            }
            let only = ONLY_IN.iter().find(|(banned, _)| *banned == on && !is_dev);
            if let Some((_, homes)) = only.filter(|(_, homes)| !homes.contains(&name)) {
                let what = format!("{name} depends on {on}, which only {} may", homes.join(", "));
                findings.push(Finding::new(&place, what, "use what those crates offer"));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn found(name: &str, on: &str, kind: Option<&str>) -> usize {
        let packages = ARROWS.iter().map(|(known, _)| match *known == name {
            true => json!({ "name": name, "dependencies": [{ "name": on, "kind": kind }] }),
            false => json!({ "name": known, "dependencies": [] }),
        });
        check(&json!({ "packages": packages.collect::<Vec<_>>() })).len()
    }

    #[test]
    fn arrows_go_one_way() {
        assert_eq!(found(RUNTIME, PROTOCOL, None), 0);
        assert_eq!(found(PROTOCOL, RUNTIME, None), 1);
        assert_eq!(found("copilotkit-adapters", "copilotkit-mcp", None), 1);
        assert_eq!(found("copilotkit-cli", "xtask", None), 1);
        assert_eq!(found("xtask", "copilotkit-cli", None), 0);
        assert_eq!(found(PROTOCOL, "serde", None), 0);
    }

    #[test]
    fn fixtures_serve_tests_alone() {
        assert_eq!(found("copilotkit-cli", FIXTURES, Some("dev")), 0);
        assert_eq!(found("copilotkit-cli", FIXTURES, None), 1);
        assert_eq!(found("copilotkit-cli", FIXTURES, Some("build")), 1);
    }

    #[test]
    fn some_crates_have_a_home() {
        assert_eq!(found("copilotkit-adapters", "axum", None), 1);
        assert_eq!(found("copilotkit-adapters", "axum", Some("dev")), 0);
        assert_eq!(found("copilotkit-cli", "axum", None), 0);
    }

    #[test]
    fn a_new_crate_needs_a_place() {
        assert_eq!(check(&json!({ "packages": [{ "name": "copilotkit-new", "dependencies": [] }] })).len(), 1);
    }
}
