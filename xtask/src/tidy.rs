//! `cargo xtask tidy`: what must hold for the tree as a whole and what no compiler checks.

mod arrows;
mod files;
mod licences;
mod packages;
mod sizes;
mod words;

use crate::process::cargo_output;
use std::fmt;
use std::path::Path;

/// Something that is not as it should be.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    /// The file, and the line where there is one.
    place: String,
    /// What is wrong.
    what: String,
    /// How to mend it.
    mend: String,
}

impl Finding {
    fn new(place: impl Into<String>, what: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { place: place.into(), what: what.into(), mend: mend.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}\n    mend: {}", self.place, self.what, self.mend)
    }
}

/// Does every check and prints what it finds; true when there is nothing.
pub(crate) fn report(root: &Path) -> anyhow::Result<bool> {
    let findings = check(root)?;
    for finding in &findings {
        println!("{finding}");
    }
    println!("tidy: {} findings", findings.len());
    Ok(findings.is_empty())
}

fn check(root: &Path) -> anyhow::Result<Vec<Finding>> {
    let files = files::read(root)?;
    let mut findings = words::check(&files);
    findings.extend(sizes::check(&files));
    findings.extend(words::lock_files(root));

    let metadata = cargo_output(root, &["metadata", "--format-version", "1", "--no-deps", "--locked"])?;
    findings.extend(arrows::check(&serde_json::from_str(&metadata)?));

    // `cargo tree` shows what is compiled; `cargo metadata` also lists optional crates that nobody switched on.
    let all = tree(root, &["--workspace", "--all-features", "--edges", "normal,build,dev"])?;
    findings.extend(packages::duplicates(&all));
    findings.extend(licences::check(&all));
    let shipped = tree(root, &["--workspace", "--all-features", "--edges", "normal,build"])?;
    findings.extend(packages::banned(&shipped));
    for rule in packages::BARE {
        let features = ["--no-default-features", "--features", rule.features];
        let args = [&["--package", rule.package][..], &features, &["--edges", "normal"]].concat();
        findings.extend(rule.check(&tree(root, &args)?));
    }
    Ok(findings)
}

fn tree(root: &Path, args: &[&str]) -> anyhow::Result<Vec<packages::Package>> {
    let mut all = vec!["tree", "--locked", "--prefix", "none", "--format", "{p}|{l}"];
    all.extend(args);
    Ok(packages::parse(&cargo_output(root, &all)?))
}
