//! The files, and what is done with them.

use super::definitions::{self, Definitions};
use super::{Options, configuration, diff, errors, json, limits, metrics, openapi, typescript};
use anyhow::Context;
use std::path::Path;

const MEND: &str = "cargo xtask schema";

/// A generated file.
pub(crate) struct File {
    /// From the root.
    pub(crate) path: &'static str,
    /// Its text.
    pub(crate) text: String,
}

/// Writes the files, or compares them; true when all is well.
pub(crate) fn run(root: &Path, options: &Options) -> anyhow::Result<bool> {
    let files = files(root)?;
    let mut stale = 0;
    for file in &files {
        let path = root.join(file.path);
        // A file that is missing differs in every line.
        let committed = std::fs::read_to_string(&path).unwrap_or_default();
        if committed == file.text {
            continue;
        }
        stale += 1;
        if options.check {
            println!("{} is not what the Rust types say:\n{}", file.path, diff::short(&committed, &file.text));
        } else {
            let folder = path.parent().context("a file lies in a folder")?;
            std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
            std::fs::write(&path, &file.text).with_context(|| format!("cannot write {}", path.display()))?;
            println!("wrote {}", file.path);
        }
    }
    match (stale, options.check) {
        (0, _) => println!("{} generated files are up to date", files.len()),
        (_, false) => println!("{stale} of {} files changed", files.len()),
        (_, true) => println!("{stale} of {} generated files are stale. To mend it: {MEND}", files.len()),
    }
    Ok(stale == 0 || !options.check)
}

/// Every generated file.
pub(crate) fn files(root: &Path) -> anyhow::Result<Vec<File>> {
    let events = definitions::ag_ui("/$defs");
    let runtime = definitions::runtime_api("/$defs");
    let config = configuration::schema()?;
    let document = |name: &str, title: &str| definitions::document(&events, name, title).map(|it| json::write(&it));
    let routes = openapi::document()?;
    let schemas = [
        ("schema/events.schema.json", document("Event", "AG-UI 1.0: events")?),
        ("schema/run-agent-input.schema.json", document("RunAgentInput", "AG-UI 1.0: the body of a run request")?),
        ("schema/messages.schema.json", document("Message", "AG-UI 1.0: messages")?),
        ("schema/ag-ui.d.ts", typescript::module(&events, &Definitions::new(), "")?),
        ("schema/runtime-api.d.ts", typescript::module(&runtime, &events, "./ag-ui.js")?),
        ("schema/openapi.json", json::write(&routes)),
        // The same without room between, for the binary: a crate holds no files from outside of its folder.
        ("crates/cli/assets/openapi.json", format!("{routes}\n")),
        ("schema/config.schema.json", json::write(&config)),
        ("docs/limits.md", limits::page(&read(root, limits::SOURCE)?, &configuration::keys(&config)?)?),
        ("docs/errors.md", errors::page()),
        (metrics::PAGE, metrics::page(&read(root, metrics::PAGE)?)?),
        (configuration::PAGE, configuration::page(&read(root, configuration::PAGE)?, &config)?),
    ];
    Ok(schemas.into_iter().map(|(path, text)| File { path, text }).collect())
}

fn read(root: &Path, path: &str) -> anyhow::Result<String> {
    std::fs::read_to_string(root.join(path)).with_context(|| format!("cannot read {path}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root() -> &'static Path {
        Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
    }

    #[test]
    fn what_is_committed_is_what_is_generated() {
        for file in files(root()).unwrap() {
            let committed = std::fs::read_to_string(root().join(file.path)).unwrap_or_default();
            let differences = diff::short(&committed, &file.text);
            assert!(committed == file.text, "{} is stale, to mend it: {MEND}\n{differences}", file.path);
        }
    }

    #[test]
    fn every_schema_is_one() {
        for file in files(root()).unwrap().iter().filter(|file| file.path.ends_with(".schema.json")) {
            let schema: serde_json::Value = serde_json::from_str(&file.text).unwrap();
            assert!(jsonschema::meta::is_valid(&schema), "{}", file.path);
            jsonschema::validator_for(&schema).unwrap();
        }
    }
}
