//! The crates that are compiled: which, how many, how often.

use super::Finding;
use std::collections::{BTreeMap, BTreeSet};

/// One crate of `cargo tree`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Package {
    /// Its name.
    pub(crate) name: String,
    /// Its version.
    pub(crate) version: String,
    /// Its licence as the manifest says it; empty when it says nothing.
    pub(crate) licence: String,
}

/// Reads `cargo tree --prefix none --format "{p}|{l}"`, each crate once.
pub(crate) fn parse(tree: &str) -> Vec<Package> {
    let packages = tree.lines().filter_map(|line| {
        let (package, licence) = line.trim_end_matches(" (*)").split_once('|')?;
        let mut words = package.split(' ');
        let (name, version) = (words.next()?, words.next()?.strip_prefix('v')?);
        Some(Package { name: name.to_owned(), version: version.to_owned(), licence: licence.trim().to_owned() })
    });
    packages.collect::<BTreeSet<_>>().into_iter().collect()
}

/// Crates that must not be compiled, and why.
const BANNED: &[(&str, &str)] = &[
    ("openssl", "rustls is the one TLS stack"),
    ("openssl-sys", "rustls is the one TLS stack"),
    ("native-tls", "rustls is the one TLS stack"),
    ("boring", "rustls is the one TLS stack"),
    ("s2n-tls", "rustls is the one TLS stack"),
    ("async-std", "tokio is the one async runtime"),
    ("smol", "tokio is the one async runtime"),
];

/// Crates of which only one may be compiled.
const ONE_OF: &[(&[&str], &str)] = &[
    (&["ring", "aws-lc-rs"], "two crypto libraries: rustls takes one"),
    (&["hyper-rustls", "hyper-tls"], "two TLS connectors"),
];

/// Checks for crates that must not be there.
pub(crate) fn banned(packages: &[Package]) -> Vec<Finding> {
    let mend = "cargo tree --workspace --all-features -i NAME shows who wants it: switch off the feature, or the crate";
    let has = |name: &str| packages.iter().any(|package| package.name == name);
    let one = BANNED.iter().filter(|(name, _)| has(name));
    let mut findings: Vec<_> =
        one.map(|(name, why)| Finding::new("Cargo.lock", format!("{name} is banned: {why}"), mend)).collect();
    for (names, why) in ONE_OF {
        let found: Vec<_> = names.iter().copied().filter(|name| has(name)).collect();
        if found.len() > 1 {
            findings.push(Finding::new("Cargo.lock", format!("{}: {why}", found.join(" and ")), mend));
        }
    }
    let rustls: Vec<_> = packages.iter().filter(|package| package.name == "rustls").collect();
    if rustls.len() > 1 {
        findings.push(Finding::new("Cargo.lock", "two versions of rustls are two TLS stacks", mend));
    }
    findings
}

/// Crates that may be compiled in several versions, and why.
const HASHES: &str = "aws-sigv4 and oauth2, by way of rmcp, have not moved to the version of rmcp";
const AWS: &str = "the AWS crates, which sign and frame for Bedrock, still know version 0.2 beside 1";
const RANDOM: &str = "oauth2, by way of rmcp, and opentelemetry_sdk have not moved to the version of proptest";
const DUPLICATES: &[(&str, &str)] = &[
    ("base64", "jsonwebtoken has not moved to the version of reqwest"),
    ("getrandom", "ahash, by way of jsonschema, has not moved to the version of uuid and tempfile"),
    ("block-buffer", HASHES),
    ("cpufeatures", HASHES),
    ("crypto-common", HASHES),
    ("digest", HASHES),
    ("sha2", HASHES),
    ("http", AWS),
    ("http-body", AWS),
    ("rand", RANDOM),
    ("rand_chacha", RANDOM),
    ("rand_core", RANDOM),
    ("thiserror", "oauth2, by way of rmcp, has not moved to version 2"),
    ("thiserror-impl", "oauth2, by way of rmcp, has not moved to version 2"),
    ("syn", "proc macros, at build time alone: several have not moved to version 3"),
    (
        "untrusted",
        "aws-lc-rs, with the features that jsonwebtoken asks for, has not moved to the version of rustls-webpki",
    ),
];

/// Checks for crates in several versions.
pub(crate) fn duplicates(packages: &[Package]) -> Vec<Finding> {
    let mut versions: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for package in packages {
        versions.entry(&package.name).or_default().push(&package.version);
    }
    let list = "DUPLICATES of xtask/src/tidy/packages.rs";
    let several = versions.iter().filter(|(_, versions)| versions.len() > 1);
    let mut findings: Vec<_> = several
        .filter(|(name, _)| !DUPLICATES.iter().any(|(known, _)| known == *name))
        .map(|(name, versions)| {
            let mend = format!("bring the dependencies to one version, or write {name} into {list} with the reason");
            Finding::new("Cargo.lock", format!("{name} in several versions: {}", versions.join(", ")), mend)
        })
        .collect();
    for (name, _) in DUPLICATES {
        if versions.get(name).is_none_or(|versions| versions.len() < 2) {
            let what = format!("{name} has one version now");
            findings.push(Finding::new("xtask/src/tidy/packages.rs", what, format!("take it out of {list}")));
        }
    }
    findings
}

/// What a crate may bring with it when its features are off, all or all but a few.
pub(crate) struct Bare {
    /// The crate.
    pub(crate) package: &'static str,
    /// The features that are on, with commas between them.
    pub(crate) features: &'static str,
    /// The most crates, its own and procedural macros included; a little over what there is.
    ceiling: usize,
    /// What must stay behind a feature.
    without: &'static [&'static str],
}

/// The bare crates.
pub(crate) const BARE: &[Bare] = &[
    Bare {
        package: "copilotkit-protocol",
        features: "",
        ceiling: 28,
        without: &["tokio", "futures", "axum", "hyper", "reqwest", "tracing"],
    },
    Bare {
        package: "copilotkit-runtime",
        features: "",
        ceiling: 56,
        without: &["axum", "hyper", "reqwest", "rustls", "jsonschema", "mio", "tower", "rusqlite"],
    },
    Bare {
        package: "copilotkit-runtime",
        features: "sqlite",
        ceiling: 66,
        without: &["axum", "hyper", "reqwest", "rustls", "jsonschema", "mio", "tower"],
    },
];

impl Bare {
    /// Checks what `cargo tree` shows of it.
    pub(crate) fn check(&self, packages: &[Package]) -> Vec<Finding> {
        let mut findings = Vec::new();
        if packages.len() > self.ceiling {
            let what = format!("{} crates {}, at most {}", packages.len(), self.with(), self.ceiling);
            let mend = "put the new dependency behind a feature, or raise the ceiling in xtask/src/tidy/packages.rs";
            findings.push(Finding::new(self.package, what, mend));
        }
        for name in self.without.iter().filter(|name| packages.iter().any(|package| package.name == **name)) {
            let what = format!("needs {name} {}", self.with());
            findings.push(Finding::new(self.package, what, "make the dependency optional, behind a feature"));
        }
        findings
    }

    fn with(&self) -> String {
        match self.features {
            "" => "without features".to_owned(),
            features => format!("with {features} alone"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packages(names: &[&str]) -> Vec<Package> {
        let tree: Vec<_> = names.iter().map(|name| format!("{name}|MIT")).collect();
        parse(&tree.join("\n"))
    }

    #[test]
    fn trees_are_read() {
        let tree = "xtask v0.1.0 (/a b/xtask)|MIT\nsyn v3.0.1 (proc-macro)|MIT OR Apache-2.0 (*)\n\n[dev-dependencies]\n\
            syn v3.0.1 (proc-macro)|MIT OR Apache-2.0\nbare v1.0.0|\n";
        let found = parse(tree);
        let names: Vec<_> = found.iter().map(|package| (package.name.as_str(), package.licence.as_str())).collect();
        assert_eq!(names, [("bare", ""), ("syn", "MIT OR Apache-2.0"), ("xtask", "MIT")]);
    }

    #[test]
    fn banned_crates_are_found() {
        assert!(banned(&packages(&["rustls v0.23.0", "ring v0.17.0", "tokio v1.0.0"])).is_empty());
        assert_eq!(banned(&packages(&["openssl v0.10.0"])).len(), 1);
        assert_eq!(banned(&packages(&["ring v0.17.0", "aws-lc-rs v1.0.0"])).len(), 1);
        assert_eq!(banned(&packages(&["rustls v0.22.0", "rustls v0.23.0"])).len(), 1);
    }

    #[test]
    fn second_versions_need_a_reason() {
        let mut known: Vec<_> = DUPLICATES.iter().map(|(name, _)| format!("{name} v1.0.0")).collect();
        known.extend(DUPLICATES.iter().map(|(name, _)| format!("{name} v2.0.0")));
        let mut names: Vec<_> = known.iter().map(String::as_str).collect();
        assert!(duplicates(&packages(&names)).is_empty());
        names.extend(["new v1.0.0", "new v2.0.0"]);
        assert_eq!(duplicates(&packages(&names)).len(), 1);
        assert_eq!(duplicates(&packages(&[])).len(), DUPLICATES.len(), "a reason that is no longer needed");
    }

    #[test]
    fn bare_crates_stay_small() {
        let bare = Bare { package: "p", features: "", ceiling: 2, without: &["hyper"] };
        assert!(bare.check(&packages(&["a v1.0.0", "b v1.0.0"])).is_empty());
        assert_eq!(bare.check(&packages(&["a v1.0.0", "b v1.0.0", "hyper v1.0.0"])).len(), 2);
    }
}
