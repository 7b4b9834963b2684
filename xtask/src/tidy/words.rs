//! Words and names that must not occur in files.

use super::Finding;
use super::files::File;
use std::path::Path;

/// Code that is not finished. Written in halves, so that this file does not find itself.
const UNFINISHED: &[(&str, &str)] = &[
    (concat!("todo", "!("), "write it, or leave it out"),
    (concat!("unimplemented", "!("), "write it, or leave it out"),
    (concat!("dbg", "!("), "remove it, or use tracing"),
    (concat!("#[", "ignore"), "make it run always: a large count belongs behind COPILOTKIT_TEST_FULL"),
];

/// Hosts that packages are downloaded from: each machine has its own, in its own configuration.
const REGISTRIES: &[&str] = &[
    concat!("registry.", "npmjs.org"),
    concat!("registry.", "yarnpkg.com"),
    concat!("index.", "crates.io"),
    concat!("static.", "crates.io"),
    concat!("files.", "pythonhosted.org"),
    concat!("proxy.", "golang.org"),
    concat!("arti", "factory"),
];

/// Checks every file.
pub(crate) fn check(files: &[File]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in files {
        if file.is("rs") {
            rust(file, &mut findings);
        }
        if file.is("md") {
            lines_with(file, "\u{2014}", "an em dash", "use a full stop, a comma or a colon", &mut findings);
        }
        if file.path.ends_with("package-lock.json") {
            let mend = "npm ci reads omit-lockfile-registry-resolved from .npmrc: write the lock file with it";
            lines_with(file, "\"resolved\":", "an address of a package", mend, &mut findings);
        }
        if ["md", "toml", "npmrc", "json", "lock", "yml"].iter().any(|extension| file.is(extension)) {
            for host in REGISTRIES {
                let what = format!("the registry host {host}");
                lines_with(file, host, &what, "leave the registry to each machine's configuration", &mut findings);
            }
        }
        if file.path == "Cargo.lock" {
            lock_sources(file, &mut findings);
        }
    }
    findings
}

fn rust(file: &File, findings: &mut Vec<Finding>) {
    if file.path.ends_with("/mod.rs") {
        findings.push(Finding::new(&file.path, "a mod.rs", "name it after its folder: foo.rs beside foo/"));
    }
    for (number, line) in file.text.lines().enumerate() {
        let code = line.trim_start();
        if code.starts_with("//") {
            continue;
        }
        for (word, mend) in UNFINISHED.iter().filter(|(word, _)| code.contains(word)) {
            findings.push(Finding::new(format!("{}:{}", file.path, number + 1), format!("`{word}`"), *mend));
        }
    }
}

fn lines_with(file: &File, needle: &str, what: &str, mend: &str, findings: &mut Vec<Finding>) {
    // One finding a file: a lock file would give hundreds.
    let mut hits = file.text.lines().enumerate().filter(|(_, line)| line.contains(needle));
    if let Some((number, _)) = hits.next() {
        let more = hits.count();
        let what = if more == 0 { what.to_owned() } else { format!("{what}, and on {more} more lines") };
        findings.push(Finding::new(format!("{}:{}", file.path, number + 1), what, mend));
    }
}

/// Every crate comes from crates.io or from this tree.
fn lock_sources(file: &File, findings: &mut Vec<Finding>) {
    for (number, line) in file.text.lines().enumerate() {
        if line.starts_with("source = ") && !line.contains("registry+https://github.com/rust-lang/crates.io-index") {
            let place = format!("{}:{}", file.path, number + 1);
            findings.push(Finding::new(place, format!("a crate from elsewhere: {line}"), "use the published crate"));
        }
    }
}

/// The lock files are part of the tree.
pub(crate) fn lock_files(root: &Path) -> Vec<Finding> {
    let ignored = std::fs::read_to_string(root.join(".gitignore")).unwrap_or_default();
    let mut findings = Vec::new();
    for name in ["Cargo.lock", "fixtures/clients/package-lock.json", "fixtures/typescript/package-lock.json"] {
        let base = name.rsplit('/').next().unwrap_or(name);
        if !root.join(name).is_file() {
            findings.push(Finding::new(name, "is missing", "commit it: builds must be the same everywhere"));
        }
        if ignored.lines().any(|line| line.trim().trim_start_matches('/').ends_with(base)) {
            findings.push(Finding::new(".gitignore", format!("ignores {name}"), "commit the lock file"));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::files::file;
    use super::*;

    fn places(path: &str, text: &str) -> Vec<String> {
        check(&[file(path, text)]).into_iter().map(|finding| finding.place).collect()
    }

    #[test]
    fn unfinished_code_is_found() {
        for (word, _) in UNFINISHED {
            assert_eq!(places("a.rs", &format!("fn a() {{\n    {word}x)\n}}\n")), ["a.rs:2"], "{word}");
            assert!(places("a.rs", &format!("// {word}\n")).is_empty());
        }
        assert_eq!(places("crates/a/src/b/mod.rs", ""), ["crates/a/src/b/mod.rs"]);
    }

    #[test]
    fn words_that_do_not_belong_into_texts_are_found() {
        assert_eq!(places("a.md", "fine\nnot \u{2014} fine\n"), ["a.md:2"]);
        assert!(places("a.rs", "// \u{2014}\n").is_empty());
        for host in REGISTRIES {
            assert_eq!(places("docs/a.md", &format!("see https://{host}/x")), ["docs/a.md:1"]);
        }
        assert!(places("a.md", "see https://crates.io/crates/serde").is_empty());
    }

    #[test]
    fn lock_files_name_no_place() {
        let lock = "{\n\"resolved\": \"https://host/a.tgz\",\n\"resolved\": \"https://host/b.tgz\"\n}";
        let found = check(&[file("x/package-lock.json", lock)]);
        assert_eq!(found.len(), 1);
        assert!(found[0].what.contains("1 more"));
        let sources =
            "source = \"registry+https://github.com/rust-lang/crates.io-index\"\nsource = \"git+https://x\"\n";
        assert_eq!(places("Cargo.lock", sources), ["Cargo.lock:2"]);
    }

    #[test]
    fn missing_and_ignored_lock_files_are_found() {
        let root = std::env::temp_dir().join(format!("xtask-locks-{}", std::process::id()));
        for folder in ["fixtures/clients", "fixtures/typescript"] {
            std::fs::create_dir_all(root.join(folder)).unwrap();
            std::fs::write(root.join(folder).join("package-lock.json"), "{}").unwrap();
        }
        std::fs::write(root.join(".gitignore"), "/target\nCargo.lock\n").unwrap();
        let found = lock_files(&root);
        std::fs::remove_dir_all(&root).unwrap();
        let places: Vec<_> = found.iter().map(|finding| finding.place.as_str()).collect();
        assert_eq!(places, ["Cargo.lock", ".gitignore"]);
    }
}
