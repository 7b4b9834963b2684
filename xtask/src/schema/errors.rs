//! `docs/errors.md`: the table of codes.

use copilotkit_protocol::{Code, Place, Retry};

const HEAD: &str = "# Errors

<!-- Generated from crates/protocol/src/code/table.rs by `cargo xtask schema`. Changes here are lost. -->

Every error has a code that stays the same; its message may change. Over HTTP it is `code` in the body of the answer, next to `error` (a few words) and `message` or `details` (what is wrong and where, for people). While a run is streamed, the answer has begun with status 200: an error is then the event RUN_ERROR with the same kind of `code`, and it is the last event.

Agents, models and tools of your own may use other codes.

The columns: **retry** says whether the same request may be sent again. *safe*: nothing was begun, and it may succeed. *with care*: it may succeed, but the run had begun, so that tools may be called twice. *useless*: it fails in the same way until something is changed. An answer with status 429 or 503 says in `Retry-After` how many seconds to wait.

A library user can read how often each code was seen: `Lifecycle::counters`.
";

/// Whether a code that is seen there stands in a section.
type Fits = fn(Place) -> bool;

/// The sections of the page: a code stands in the first that fits it.
const SECTIONS: &[(&str, Fits)] = &[
    ("Answers over HTTP", |place| matches!(place, Place::Http(_))),
    ("RUN_ERROR and SUBAGENT_ERROR", |place| place == Place::Run),
    ("Results of tools, for the model", |place| place == Place::Tool),
    ("Warnings: CUSTOM events `copilotkit.warning`", |place| place == Place::Warning),
    ("Connections that are closed without an answer", |place| place == Place::Closed),
    ("At the start, and in the library", |place| place == Place::Library),
];

/// The page.
pub(crate) fn page() -> String {
    let mut page = HEAD.to_owned();
    let mut rest: Vec<Code> = Code::ALL.to_vec();
    for (title, fits) in SECTIONS {
        let (here, others) = rest.into_iter().partition(|code| code.places().iter().any(|place| fits(*place)));
        rest = others;
        page.push_str(&format!(
            "\n## {title}\n\n| code | where | meaning | what to do | retry |\n|---|---|---|---|---|\n"
        ));
        let here: Vec<Code> = here;
        here.into_iter().for_each(|code| page.push_str(&row(code)));
    }
    page
}

fn row(code: Code) -> String {
    let places: Vec<String> = code.places().iter().map(|place| shown(*place)).collect();
    let retry = match code.retry() {
        Retry::Safe => "safe",
        Retry::Care => "with care",
        Retry::Useless => "useless",
    };
    format!("| `{code}` | {} | {} | {} | {retry} |\n", places.join(", "), code.meaning(), code.remedy())
}

fn shown(place: Place) -> String {
    match place {
        Place::Http(status) => status.to_string(),
        Place::Run => "RUN_ERROR".to_owned(),
        Place::Tool => "tool result".to_owned(),
        Place::Warning => "warning".to_owned(),
        Place::Closed => "closed".to_owned(),
        Place::Library => "library".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::path::{Path, PathBuf};

    #[test]
    fn every_code_has_one_row() {
        let page = page();
        for code in Code::ALL {
            assert_eq!(page.matches(&format!("\n| `{code}` | ")).count(), 1, "{code}");
        }
    }

    /// What stands directly in front of the text of a code.
    const BEFORE: &[&str] = &[
        "code: \"",
        "code: Some(\"",
        "\"code\": \"",
        "failure(\"",
        "AgentError::new(\"",
        "ToolError::new(\"",
        "Refusal::internal(\"",
        "self.error(\"",
        "self.failed(\"",
        ".warn(\"",
    ];

    /// Codes that others chose.
    const FOREIGN: &[&str] = &["STOPPED", "success", "pending", "error"];

    fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                sources(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }

    /// The code of a file without its tests.
    fn code_of(path: &Path) -> String {
        let text = std::fs::read_to_string(path).unwrap();
        let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
        let lines: Vec<&str> = code.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
        lines.join("\n")
    }

    /// The texts that stand for codes: behind one of [`BEFORE`], and in the bodies of functions called `code`.
    fn literals(text: &str) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        for before in BEFORE {
            for rest in text.split(before).skip(1) {
                found.extend(rest.split('"').next().map(str::to_owned));
            }
        }
        for function in text.split("fn code(").skip(1) {
            let body = function.split("\n    }\n").next().unwrap_or_default();
            found.extend(body.split("=> \"").skip(1).filter_map(|rest| rest.split('"').next()).map(str::to_owned));
        }
        found
    }

    #[test]
    fn a_code_that_is_written_as_a_text_is_in_the_table() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let mut files = Vec::new();
        for entry in std::fs::read_dir(root.join("crates")).unwrap() {
            sources(&entry.unwrap().path().join("src"), &mut files);
        }
        assert!(files.len() > 100);
        let mut count = 0;
        for path in files.iter().filter(|path| !path.ends_with("tests.rs")) {
            for literal in literals(&code_of(path)) {
                count += 1;
                let known = Code::from_name(&literal).is_some() || FOREIGN.contains(&&*literal);
                let mend = "add it to crates/protocol/src/code/table.rs";
                assert!(known, "{}: the code {literal:?} is in no table: {mend}", path.display());
            }
        }
        assert!(count > 5, "only {count} found: what stands in front of codes has changed");
    }

    #[test]
    fn texts_of_codes_are_found() {
        let text = r#"json!({ "code": "a_b" }); ToolError { code: "c", x }; failure("d", "no");
    pub fn code(&self) -> &'static str {
        match self { Self::A => "e", }
    }
    fn other() { match x { 1 => "f" } }"#;
        let found: Vec<String> = literals(text).into_iter().collect();
        assert_eq!(found, ["a_b", "c", "d", "e"]);
    }
}
