//! Where values come from, in the order of their weight: file, environment, flags.

use super::error::{ConfigError, Place};
use super::explain::explain;
use super::hints;
use serde::de::DeserializeOwned;
use serde_path_to_error::Segment;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use toml::de::{DeTable, DeValue};
use toml::{Table, Value};

/// Looks up an environment variable.
pub type Environment = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// Everything that a configuration is made of.
pub struct Sources {
    /// A file and its text.
    pub file: Option<(PathBuf, String)>,
    /// All variables that begin with `COPILOTKIT_` and hold two underscores: `COPILOTKIT_SERVER__PORT`.
    pub overrides: Vec<(String, String)>,
    /// Flags, as the key that each one sets.
    pub flags: Vec<(&'static str, Vec<&'static str>, Value)>,
    /// For `${NAME}`.
    pub environment: Environment,
}

/// The sources as one table, and where each key came from.
pub(super) struct Merged {
    pub(super) table: Table,
    pub(super) environment: Environment,
    file: Option<(PathBuf, String)>,
    origins: BTreeMap<Vec<String>, String>,
    /// The keys whose value holds that of a variable.
    pub(super) expanded: BTreeSet<String>,
}

impl Sources {
    pub(super) fn merge(self) -> Result<Merged, ConfigError> {
        let table = match &self.file {
            Some((path, text)) => text.parse::<Table>().map_err(|error| syntax_error(path, text, &error))?,
            None => Table::new(),
        };
        let mut merged = Merged {
            table,
            environment: self.environment,
            file: self.file,
            origins: BTreeMap::new(),
            expanded: BTreeSet::new(),
        };
        for (name, text) in self.overrides {
            let path: Vec<String> =
                name.trim_start_matches("COPILOTKIT_").split("__").map(str::to_ascii_lowercase).collect();
            merged.set(&path, scalar(&text), format!("environment variable {name}"));
        }
        for (flag, path, value) in self.flags {
            let path: Vec<String> = path.into_iter().map(str::to_owned).collect();
            merged.set(&path, value, format!("flag {flag}"));
        }
        let mut table = std::mem::take(&mut merged.table);
        let mut path = Vec::new();
        for (key, value) in table.iter_mut() {
            path.push(key.to_owned());
            merged.expand(value, &mut path)?;
            path.pop();
        }
        merged.table = table;
        Ok(merged)
    }
}

impl Merged {
    pub(super) fn file(&self) -> Option<&Path> {
        self.file.as_ref().map(|(path, _)| path.as_path())
    }

    /// The variable or flag that set a key, if it was not the file.
    pub(super) fn origin(&self, path: &[&str]) -> Option<String> {
        let owned: Vec<String> = path.iter().map(|&key| key.to_owned()).collect();
        self.origins.get(&owned).cloned()
    }

    fn set(&mut self, path: &[String], value: Value, origin: String) {
        let Some((last, parents)) = path.split_last() else { return };
        let mut table = &mut self.table;
        for parent in parents {
            let entry = table.entry(parent.clone()).or_insert_with(|| Value::Table(Table::new()));
            if !entry.is_table() {
                *entry = Value::Table(Table::new());
            }
            match entry.as_table_mut() {
                Some(next) => table = next,
                None => return,
            }
        }
        table.insert(last.clone(), value);
        self.origins.insert(path.to_vec(), origin);
    }

    /// Puts the values of variables in the place of `${NAME}`, in every text.
    fn expand(&mut self, value: &mut Value, path: &mut Vec<String>) -> Result<(), ConfigError> {
        match value {
            Value::String(text) if text.contains("${") => {
                self.expanded.insert(path.join("."));
                *text = expand_text(text, &self.environment).map_err(|(reason, remedy)| {
                    let keys: Vec<&str> = path.iter().map(String::as_str).collect();
                    self.error(&keys, reason, remedy)
                })?;
            }
            Value::Array(items) => items.iter_mut().try_for_each(|item| self.expand(item, path))?,
            Value::Table(table) => {
                for (key, value) in table.iter_mut() {
                    path.push(key.to_owned());
                    self.expand(value, path)?;
                    path.pop();
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Reads a part of the table as `T`; an error names the key below `at`.
    pub(super) fn read<T: DeserializeOwned>(&self, value: Value, at: &[&str]) -> Result<T, ConfigError> {
        serde_path_to_error::deserialize(value).map_err(|error| {
            let mut path: Vec<String> = at.iter().map(|&key| key.to_owned()).collect();
            for segment in error.path() {
                match (segment, path.last_mut()) {
                    (Segment::Map { key }, _) => path.push(key.clone()),
                    (Segment::Seq { index }, Some(list)) => list.push_str(&format!("[{index}]")),
                    _ => {}
                }
            }
            let (reason, remedy) = explain(self, &mut path, error.inner().message().trim());
            let keys: Vec<&str> = path.iter().map(String::as_str).collect();
            self.error(&keys, reason, remedy)
        })
    }

    /// What stands at a key; `tools[2]` is the third of the list `tools`.
    pub(super) fn value(&self, path: &[&str]) -> Option<&Value> {
        let mut table = Some(&self.table);
        let mut found = None;
        for key in path {
            let (name, index) = place_in_list(key);
            let value = table?.get(name)?;
            let value = match index {
                Some(index) => value.get(index)?,
                None => value,
            };
            (table, found) = (value.as_table(), Some(value));
        }
        found
    }

    /// An error at a key.
    pub(super) fn error(&self, path: &[&str], reason: impl Into<String>, remedy: impl Into<String>) -> ConfigError {
        ConfigError {
            place: Place::of(path, self.line(path), self),
            key: path.iter().map(|key| shown(key)).collect::<Vec<_>>().join("."),
            reason: reason.into(),
            remedy: remedy.into(),
        }
    }

    /// An error of a model's name, address or key, which says itself what to do.
    pub(super) fn model_error(&self, path: &[&str], message: &str) -> ConfigError {
        let (reason, remedy) = hints::split(message)
            .or_else(|| message.split_once(". "))
            .unwrap_or((message, "write provider/model, like \"openai/gpt-5\", or \"demo\""));
        self.error(path, reason, remedy)
    }

    /// The line of the file on which a key stands, or the nearest one above it that stands there.
    fn line(&self, path: &[&str]) -> Option<usize> {
        let (_, text) = self.file.as_ref()?;
        let root = DeTable::parse(text).ok()?;
        let mut table = root.get_ref();
        let mut found = None;
        for key in path {
            let (name, index) = place_in_list(key);
            let Some((span, value)) = table.iter().find(|(found, _)| found.get_ref() == name) else { break };
            found = Some(span.span().start);
            let item = match (value.get_ref(), index) {
                (DeValue::Array(items), Some(index)) => items.get(index),
                _ => None,
            };
            if let Some(item) = item {
                found = Some(item.span().start);
            }
            match item.unwrap_or(value).get_ref() {
                DeValue::Table(next) => table = next,
                _ => break,
            }
        }
        found.map(|offset| 1 + text.as_bytes().iter().take(offset).filter(|byte| **byte == b'\n').count())
    }

    pub(super) fn check_url(&self, path: &[&str], text: &str) -> Result<(), ConfigError> {
        let remedy = "write a whole address, like \"http://127.0.0.1:9000/\"";
        match url::Url::parse(text) {
            Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => Ok(()),
            Ok(_) => Err(self.error(path, format!("`{text}` is not an http or https address"), remedy)),
            Err(error) => {
                let why = copilotkit_runtime::client::why(error);
                Err(self.error(path, format!("`{text}` is not an address: {why}"), remedy))
            }
        }
    }

    /// A key is given once, and the variable that is named holds one.
    pub(super) fn check_key(&self, at: &[&str], inline: bool, variable: Option<&str>) -> Result<(), ConfigError> {
        let Some(variable) = variable else { return Ok(()) };
        if inline {
            let remedy = "keep `api_key_env` and remove `api_key`";
            return Err(self.error(&[at, &["api_key"]].concat(), "the key is given twice", remedy));
        }
        if (self.environment)(variable).is_none_or(|key| key.is_empty()) {
            let reason = format!("the environment variable `{variable}` is not set");
            let remedy = format!("set it before the start: export {variable}=…");
            return Err(self.error(&[at, &["api_key_env"]].concat(), reason, remedy));
        }
        Ok(())
    }

    pub(super) fn check_headers(&self, path: &[&str], headers: &BTreeMap<String, String>) -> Result<(), ConfigError> {
        for (name, value) in headers {
            if http::HeaderName::try_from(name).is_err() {
                let reason = format!("`{name}` is not the name of a header");
                return Err(self.error(path, reason, "use letters, digits and dashes"));
            }
            // The value may be a secret: it is not shown.
            if http::HeaderValue::try_from(value).is_err() {
                let reason = format!("the value of the header `{name}` has characters that no header may have");
                return Err(self.error(path, reason, "remove line ends and control characters"));
            }
        }
        Ok(())
    }
}

/// A key as it is written: in quotes where a dot or a slash is part of it.
fn shown(key: &str) -> Cow<'_, str> {
    match key.contains(['.', '/', ' ']) {
        true => format!("\"{key}\"").into(),
        false => key.into(),
    }
}

/// A variable's text as the value that it looks like.
fn scalar(text: &str) -> Value {
    match format!("value = {text}").parse::<Table>() {
        Ok(mut table) => table.remove("value").unwrap_or_else(|| Value::String(text.to_owned())),
        Err(_) => Value::String(text.to_owned()),
    }
}

/// `${NAME}` becomes the variable's value, `$${` stays `${`.
fn expand_text(text: &str, environment: &Environment) -> Result<String, (String, String)> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        if let Some(escaped) = before.strip_suffix('$') {
            out.push_str(escaped);
            out.push_str("${");
            rest = after;
            continue;
        }
        out.push_str(before);
        let Some((name, behind)) = after.split_once('}') else {
            return Err(("a `${` has no `}`".to_owned(), "close it, or write `$${` for the text itself".to_owned()));
        };
        match environment(name) {
            Some(value) => out.push_str(&value),
            None => {
                let reason = format!("the environment variable `{name}` is not set");
                return Err((reason, format!("set it before the start: export {name}=…")));
            }
        }
        rest = behind;
    }
    out.push_str(rest);
    Ok(out)
}

/// `tools[2]` is the third of the list `tools`.
fn place_in_list(key: &str) -> (&str, Option<usize>) {
    match key.strip_suffix(']').and_then(|key| key.split_once('[')) {
        Some((name, index)) => (name, index.parse::<usize>().ok()),
        None => (key, None),
    }
}

fn syntax_error(path: &Path, text: &str, error: &toml::de::Error) -> ConfigError {
    let offset = error.span().map_or(0, |span| span.start);
    let line = 1 + text.as_bytes().iter().take(offset).filter(|byte| **byte == b'\n').count();
    let written = text.lines().nth(line - 1).and_then(|line| line.split_once('='));
    // The value itself may be a secret: it is not shown.
    let bare = written.map(|(key, value)| (key.trim(), value.trim()));
    let bare = bare.filter(|(_, value)| !value.is_empty() && !value.contains(['"', '\'', '[', ']', '{', '}', '=']));
    let message = error.message();
    ConfigError {
        place: Place::Line(path.to_path_buf(), line),
        key: String::new(),
        reason: match bare {
            Some((key, _)) if !message.contains("duplicate key") => {
                format!("not valid TOML: what stands behind `{key}` is no number, and no text without quotes")
            }
            _ => format!("not valid TOML: {}", message.trim().replace('\n', ", ")),
        },
        remedy: match bare {
            _ if message.contains("duplicate key") => "keep one of the two".to_owned(),
            Some((key, _)) => format!("write it in quotes: {key} = \"…\""),
            None => "see https://toml.io for the syntax; texts stand in quotes".to_owned(),
        },
    }
}
