//! File sizes: small files can be read whole.

use super::Finding;
use super::files::File;

/// The most lines of code of one file.
const MOST: usize = 600;
/// Half of the files must be smaller than this.
const MEDIAN: usize = 200;

/// Checks the product's Rust files; tests and fixtures may be long.
pub(crate) fn check(files: &[File]) -> Vec<Finding> {
    let mut sizes = Vec::new();
    let mut findings = Vec::new();
    for file in files.iter().filter(|file| file.is("rs") && !file.is_test()) {
        let lines = code_lines(&file.text);
        sizes.push(lines);
        if lines > MOST {
            let what = format!("{lines} lines of code, at most {MOST}");
            findings.push(Finding::new(&file.path, what, "split it by what its parts are: foo.rs and foo/part.rs"));
        }
    }
    sizes.sort_unstable();
    let median = sizes.get(sizes.len() / 2).copied().unwrap_or(0);
    if median >= MEDIAN {
        let what = format!("the median .rs file has {median} lines of code, it must be under {MEDIAN}");
        findings.push(Finding::new("crates/", what, "split the largest files"));
    }
    findings
}

/// Lines that hold code: no blank lines, no comments, no test module.
fn code_lines(text: &str) -> usize {
    let mut count = 0;
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let line = line.trim_end();
        // rustfmt puts the end of a top-level module into the first column.
        if line == "#[cfg(test)]" && lines.peek().is_some_and(|next| next.starts_with("mod ") && next.ends_with('{')) {
            lines.by_ref().find(|line| line.trim_end() == "}");
        } else if !line.is_empty() && !line.trim_start().starts_with("//") {
            count += 1;
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use super::super::files::file;
    use super::*;

    #[test]
    fn comments_blank_lines_and_test_modules_do_not_count() {
        let text = "//! Doc\n\nuse a;\n/// Doc\nfn f() {\n    // why\n    g();\n}\n\n#[cfg(test)]\nmod tests {\n    fn t() {\n    }\n}\nfn h() {}\n";
        assert_eq!(code_lines(text), 5);
        assert_eq!(code_lines("#[cfg(test)]\nmod tests;\nfn a() {}\n"), 3);
    }

    #[test]
    fn long_files_and_a_high_median_are_found() {
        let long = "a();\n".repeat(MOST + 1);
        let small = "a();\n".repeat(10);
        let files = [file("a.rs", &long), file("b.rs", &small), file("c.rs", &small), file("tests/d.rs", &long)];
        let found = check(&files);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].place, "a.rs");
        let half = "a();\n".repeat(MEDIAN);
        assert_eq!(check(&[file("a.rs", &half), file("b.rs", &half)]).len(), 1);
    }
}
