//! `copilotkit check`: does everything that is configured work, and what is to be done where it does not.
//!
//! A part of the configuration takes part with one line in [`PARTS`]: a function that gives a [`Probe`] for each thing
//! that can be asked.

mod agents;
mod mcp;
mod services;
mod store;
mod telemetry;

use crate::args::CheckArgs;
use crate::config::{Config, Environment, split_remedy};
use crate::terminal::{Style, count, one_line};
use crate::threads::terminal::table;
use crate::{serve, warnings, wiring};
use anyhow::Result;
use copilotkit_runtime::client::{self, ClientOptions};
use futures::StreamExt as _;
use futures::future::BoxFuture;
use serde::Serialize;
use std::process::ExitCode;
use std::time::Duration;
use tokio::time::timeout;

/// How many things are asked at once.
const AT_ONCE: usize = 16;

/// The largest answer that is read, in bytes. Lists of models have a few hundred KiB.
const ANSWER_MAX: usize = 16 * 1024 * 1024;

/// What gives the probes of a part of the configuration.
type Part = fn(&Context<'_>) -> Vec<Probe>;

/// Every part, in the order of the table.
const PARTS: &[Part] = &[store::probes, agents::probes, mcp::probes, services::probes, telemetry::probes];

/// What probes are made of.
pub(crate) struct Context<'a> {
    /// The configuration.
    pub(crate) config: &'a Config,
    /// For keys.
    pub(crate) environment: &'a Environment,
    /// For requests. Redirects are not followed.
    pub(crate) http: &'a reqwest::Client,
}

/// One thing that is asked.
pub(crate) struct Probe {
    /// Where it stands in the configuration: `agents.default.model`.
    what: String,
    /// Whether the network is needed for it.
    remote: bool,
    asking: BoxFuture<'static, Finding>,
}

impl Probe {
    /// Something that another service is asked for.
    pub(crate) fn remote(what: impl Into<String>, asking: impl Future<Output = Finding> + Send + 'static) -> Self {
        Self { what: what.into(), remote: true, asking: Box::pin(asking) }
    }

    /// Something that this machine knows.
    pub(crate) fn local(what: impl Into<String>, asking: impl Future<Output = Finding> + Send + 'static) -> Self {
        Self { what: what.into(), remote: false, asking: Box::pin(asking) }
    }
}

/// Whether it works.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum State {
    /// It works.
    Ok,
    /// It may not do what is wanted.
    Warning,
    /// It does not work.
    Failed,
    /// It was not asked.
    Skipped,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    state: State,
    /// What is so, in one line. Never a secret.
    detail: String,
    /// What to do about it.
    remedy: String,
}

impl Finding {
    /// It works.
    pub(crate) fn ok(detail: impl Into<String>) -> Self {
        Self { state: State::Ok, detail: detail.into(), remedy: String::new() }
    }

    /// It may not do what is wanted.
    pub(crate) fn warning(detail: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { state: State::Warning, detail: detail.into(), remedy: remedy.into() }
    }

    /// It does not work.
    pub(crate) fn failed(detail: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { state: State::Failed, detail: detail.into(), remedy: remedy.into() }
    }
}

/// One line of the result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Row {
    what: String,
    state: State,
    detail: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    remedy: String,
}

impl Row {
    fn new(what: String, finding: Finding) -> Self {
        let Finding { state, detail, remedy } = finding;
        Self { what, state, detail, remedy }
    }
}

/// Checks and prints.
///
/// # Errors
/// Only when it cannot be printed: what is wrong with the configuration is part of the result.
pub async fn run(args: CheckArgs) -> Result<ExitCode> {
    let (environment, lookup) = serve::environment();
    let loaded = serve::read(&args.serve, &environment, &lookup);
    let mut told = warnings::of_variables(&environment);
    if let Ok(config) = &loaded {
        told.extend(warnings::of_configuration(&args.serve, config));
    }
    let rows = rows(loaded, told, &lookup, args.timeout, args.offline).await?;
    let good = rows.iter().all(|row| row.state != State::Failed);
    if args.json {
        println!("{}", serde_json::json!({ "ok": good, "checks": rows }));
    } else {
        print!("{}", shown(&rows, Style::stdout()));
    }
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Everything that was found, in the order of the configuration. What somebody should know besides is `told`.
///
/// # Errors
/// When the HTTP client cannot be set up.
pub async fn rows(
    loaded: Result<Config>,
    mut told: Vec<String>,
    environment: &Environment,
    patience: Duration,
    offline: bool,
) -> Result<Vec<Row>> {
    let config = match loaded {
        Ok(config) => config,
        Err(error) => {
            let text = format!("{error:#}");
            let (detail, remedy) = text.split_once("\n  to mend it: ").unwrap_or((&text, "see docs/configuration.md"));
            let failed = Row::new("configuration".to_owned(), Finding::failed(detail, remedy));
            return Ok(std::iter::once(failed).chain(told.iter().map(|text| warning(text))).collect());
        }
    };
    told.extend(warnings::of_surroundings(&config, environment));
    let mut rows = vec![Row::new("configuration".to_owned(), read(&config, environment))];
    rows.extend(told.iter().map(|text| warning(text)));
    let options = ClientOptions { connect_timeout: patience, read_timeout: Some(patience), ..ClientOptions::default() };
    let http = client::build(&options)?;
    let context = Context { config: &config, environment, http: &http };
    let probes: Vec<Probe> = PARTS.iter().flat_map(|part| part(&context)).collect();
    let asked = probes.into_iter().map(|probe| async move {
        let finding = if probe.remote && offline {
            Finding { state: State::Skipped, detail: "not asked: --offline".to_owned(), remedy: String::new() }
        } else {
            timeout(patience, probe.asking).await.unwrap_or_else(|_| {
                let waited = humantime::format_duration(patience);
                let remedy = "see whether it runs and can be reached from here; --timeout waits longer";
                Finding::failed(format!("no answer within {waited}"), remedy)
            })
        };
        Row::new(probe.what, finding)
    });
    // In their order, though they are asked at once.
    rows.extend(futures::stream::iter(asked).buffered(AT_ONCE).collect::<Vec<_>>().await);
    Ok(rows)
}

/// The JSON of an answer, if it is one and not too large.
pub(crate) async fn json(answer: reqwest::Response) -> Option<serde_json::Value> {
    let (mut body, mut all) = (answer.bytes_stream(), Vec::new());
    while let Some(piece) = body.next().await {
        all.extend_from_slice(&piece.ok()?);
        if all.len() > ANSWER_MAX {
            return None;
        }
    }
    serde_json::from_slice(&all).ok()
}

/// What is allowed, and likely not meant.
fn warning(text: &str) -> Row {
    let (detail, remedy) = split_remedy(text).unwrap_or((text, ""));
    Row::new("configuration".to_owned(), Finding::warning(detail, remedy))
}

/// The file itself, and that a server can be made of it.
fn read(config: &Config, environment: &Environment) -> Finding {
    let place =
        config.file.as_ref().map_or_else(|| "no file, the defaults".to_owned(), |file| file.display().to_string());
    match wiring::agents(config, environment, None) {
        Ok(agents) => Finding::ok(format!("{place}: {}", count(agents.len(), "agent"))),
        Err(error) => Finding::failed(format!("{place}: {error:#}"), "see docs/configuration.md"),
    }
}

/// The result as a table, with what to do below it.
fn shown(rows: &[Row], style: Style) -> String {
    let word = |state| match state {
        State::Ok => "ok",
        State::Warning => "warning",
        State::Failed => "FAILED",
        State::Skipped => "skipped",
    };
    let cells: Vec<_> = rows
        .iter()
        .map(|row| [word(row.state).to_owned(), one_line(&row.what, 60), one_line(&row.detail, 200)])
        .collect();
    let mut out = String::new();
    // The first word of each line has the colour of its state; widths are counted before.
    for (line, row) in
        table(["", "WHAT", "FOUND"], &cells).lines().zip(std::iter::once(None).chain(rows.iter().map(Some)))
    {
        match row {
            None => out.push_str(&style.bold(line)),
            Some(row) => {
                let (first, rest) = line.split_at(word(row.state).len());
                out.push_str(&match row.state {
                    State::Ok => style.green(first),
                    State::Warning => style.yellow(first),
                    State::Failed => style.red(first),
                    State::Skipped => style.dim(first),
                });
                out.push_str(rest);
            }
        }
        out.push('\n');
    }
    let remedies: Vec<_> = rows.iter().filter(|row| !row.remedy.is_empty()).collect();
    if !remedies.is_empty() {
        out.push_str("\nWhat to do:\n");
        for row in remedies {
            out.push_str(&format!("  {}: {}\n", one_line(&row.what, 60), one_line(&row.remedy, 600)));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(what: &str, finding: Finding) -> Row {
        Row::new(what.to_owned(), finding)
    }

    #[test]
    fn the_table_says_what_to_do_below_it() {
        let rows = [
            row("configuration", Finding::ok("copilotkit.toml: 1 agent")),
            row("agents.default.model", Finding::failed("openai: the key is refused", "set OPENAI_API_KEY")),
        ];
        let expected = "        WHAT                  FOUND
ok      configuration         copilotkit.toml: 1 agent
FAILED  agents.default.model  openai: the key is refused

What to do:
  agents.default.model: set OPENAI_API_KEY
";
        assert_eq!(shown(&rows, Style::PLAIN), expected);
    }
}
