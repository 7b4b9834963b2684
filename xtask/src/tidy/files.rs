//! The text files of the tree that people write.

use anyhow::Context;
use std::path::Path;

/// One file.
#[derive(Debug)]
pub(crate) struct File {
    /// From the root, with `/`.
    pub(crate) path: String,
    /// Its text.
    pub(crate) text: String,
}

impl File {
    /// Whether its name ends with `.extension`.
    pub(crate) fn is(&self, extension: &str) -> bool {
        self.path.rsplit_once('.').is_some_and(|(_, found)| found == extension)
    }

    /// Whether it is test code or test data rather than the product.
    pub(crate) fn is_test(&self) -> bool {
        let folders = self.path.rsplit_once('/').map_or("", |(folders, _)| folders);
        self.path.starts_with("fixtures/") || folders.split('/').any(|folder| folder == "tests")
    }
}

/// Made by tools, or downloaded.
const SKIPPED: &[&str] = &["target", "node_modules", ".git", ".copilotkit", "dist", "screenshots"];
const EXTENSIONS: &[&str] =
    &["rs", "md", "toml", "mjs", "js", "ts", "tsx", "jsx", "html", "json", "npmrc", "lock", "yml"];

/// Every file below `root` that a check may look at.
pub(crate) fn read(root: &Path) -> anyhow::Result<Vec<File>> {
    let mut files = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in folder.read_dir().with_context(|| format!("cannot list {}", folder.display()))? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if SKIPPED.contains(&name.as_str()) {
                continue;
            }
            let path = entry.path();
            if entry.file_type()?.is_dir() {
                folders.push(path);
            } else if name.rsplit_once('.').is_some_and(|(_, extension)| EXTENSIONS.contains(&extension)) {
                // What is not UTF-8 is data, not text.
                if let Ok(text) = std::fs::read_to_string(&path) {
                    let path = path.strip_prefix(root)?.to_string_lossy().replace('\\', "/");
                    files.push(File { path, text });
                }
            }
        }
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

#[cfg(test)]
pub(crate) fn file(path: &str, text: &str) -> File {
    File { path: path.to_owned(), text: text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_files_are_found_and_built_ones_are_not() {
        let files = read(Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()).unwrap();
        assert!(files.iter().any(|file| file.path == "xtask/src/tidy/files.rs"));
        assert!(files.iter().any(|file| file.path == "Cargo.lock"));
        assert!(!files.iter().any(|file| file.path.contains("node_modules/")));
    }

    #[test]
    fn tests_are_told_apart() {
        assert!(file("crates/cli/tests/serve/run.rs", "").is_test());
        assert!(file("fixtures/src/lib.rs", "").is_test());
        assert!(!file("xtask/src/test/tests.rs", "").is_test());
        assert!(file("a/b.rs", "").is("rs") && !file("a/brs", "").is("rs"));
    }
}
