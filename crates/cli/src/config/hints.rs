//! What somebody meant who wrote something else.

use super::Sections;
use toml::{Table, Value};

/// How alike two names must be, from 0 to 1: one letter in five may be wrong.
const ALIKE: f64 = 0.8;

/// The name that was meant, if one is close enough.
pub(crate) fn nearest<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let written = written.to_ascii_lowercase();
    let likeness = |name: &&str| (strsim::normalized_damerau_levenshtein(&written, name) * 1000.0) as u32;
    known.into_iter().max_by_key(likeness).filter(|name| {
        let shared = strsim::jaro_winkler(&written, name);
        shared >= 0.9 || strsim::normalized_damerau_levenshtein(&written, name) >= ALIKE
    })
}

/// What stands in backticks.
pub(super) fn quoted_names(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

/// How many names are listed beside the one that was likely meant.
const LISTED: usize = 8;

/// What to use in the place of `written`, out of serde's list of what it would have taken.
pub(super) fn use_instead(written: &str, list: &str) -> String {
    let known = quoted_names(list);
    let all = list.trim_start_matches(", ").replace("expected", "use");
    let snake = snake_case(written);
    let meant = known.iter().copied().find(|name| *name == snake).or_else(|| nearest(written, known.iter().copied()));
    match meant {
        Some(name) if known.len() > LISTED => format!("did you mean `{name}`? docs/configuration.md has every key"),
        Some(name) if known.len() > 3 => format!("did you mean `{name}`? Otherwise {all}"),
        Some(name) if known.len() > 1 => format!("did you mean `{name}`? {all}"),
        _ => all,
    }
}

/// `maxSteps` as `max_steps`.
pub(super) fn snake_case(name: &str) -> String {
    let mut out = String::with_capacity(name.len() + 4);
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !out.is_empty() {
            out.push('_');
        }
        out.push(letter.to_ascii_lowercase());
    }
    out
}

/// A message that says itself what to do, as reason and remedy.
pub(crate) fn split(message: &str) -> Option<(&str, &str)> {
    const BEGINNINGS: &[&str] = &["write ", "set ", "Supported: "];
    let ends = [", ", ": ", "; ", ". "].into_iter().flat_map(|end| message.match_indices(end));
    let found = ends
        .map(|(at, end)| (at, at + end.len()))
        .filter(|(_, next)| BEGINNINGS.iter().any(|beginning| message[*next..].starts_with(beginning)));
    let (at, next) = found.min()?;
    Some((&message[..at], &message[next..]))
}

/// Variables that look as if they should set a key and do not: those with one underscore where two are needed.
pub(crate) fn ignored_variable(name: &str) -> Option<String> {
    let rest = name.strip_prefix("COPILOTKIT_").filter(|rest| !rest.contains("__"))?.to_ascii_lowercase();
    sections().into_iter().find_map(|section| {
        let key = rest.strip_prefix(&section)?.strip_prefix('_')?;
        let known = keys(&section).iter().any(|known| known == key);
        known.then(|| format!("COPILOTKIT_{}__{}", section.to_ascii_uppercase(), key.to_ascii_uppercase()))
    })
}

/// The sections of the file, as its reader lists them.
fn sections() -> Vec<String> {
    listed(unknown())
}

/// The keys of a section. Those of tables by name, such as agents, are none of its own.
fn keys(section: &str) -> Vec<String> {
    listed(Table::from_iter([(section.to_owned(), Value::Table(unknown()))]))
}

fn unknown() -> Table {
    Table::from_iter([(String::from("?"), Value::Boolean(true))])
}

/// What the reader would have taken in the place of an unknown key.
fn listed(table: Table) -> Vec<String> {
    let Err(error) = table.try_into::<Sections>() else { return Vec::new() };
    let (_, known) = error.message().split_once("expected").unwrap_or_default();
    quoted_names(known).into_iter().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_was_meant_and_nothing_else() {
        let keys = ["host", "port", "base_path", "temperature", "max_steps"];
        for (written, meant) in [("prot", "port"), ("temprature", "temperature"), ("Max_Step", "max_steps")] {
            assert_eq!(nearest(written, keys), Some(meant), "{written}");
        }
        for written in ["", "x", "listen", "banana"] {
            assert_eq!(nearest(written, keys), None, "{written}");
        }
    }

    #[test]
    fn what_to_do_is_told_from_what_is_wrong() {
        let message = "`x` is not a duration, write it like \"30s\"";
        assert_eq!(split(message), Some(("`x` is not a duration", "write it like \"30s\"")));
        let message = "Unknown provider. Supported: a, b. For another write custom";
        assert_eq!(split(message), Some(("Unknown provider", "Supported: a, b. For another write custom")));
        assert_eq!(split("nothing, that helps: so it is."), None);
    }

    #[test]
    fn one_underscore_is_noticed() {
        assert_eq!(ignored_variable("COPILOTKIT_SERVER_PORT").as_deref(), Some("COPILOTKIT_SERVER__PORT"));
        assert_eq!(
            ignored_variable("COPILOTKIT_LIMITS_BODY_MAX").as_deref(),
            Some("COPILOTKIT_LIMITS__BODY_MAX"),
            "only the first underscore separates"
        );
        assert_eq!(ignored_variable("COPILOTKIT_A2A_SERVER_PATH").as_deref(), Some("COPILOTKIT_A2A_SERVER__PATH"));
        for name in [
            "COPILOTKIT_CONFIG",
            "COPILOTKIT_LOG",
            "COPILOTKIT_SERVER__PORT",
            "COPILOTKIT_HOME_DIR",
            "COPILOTKIT_TELEMETRY_DISABLED",
            "COPILOTKIT_AGENTS_DEFAULT_MODEL",
            "COPILOTKIT_PRICES_INPUT",
            "PORT",
        ] {
            assert_eq!(ignored_variable(name), None, "{name}");
        }
    }
}
