//! Numbers with which nothing would work. They are looked for where they were written: defaults are none of them.

use super::ConfigError;
use super::sources::Merged;
use toml::Value;

/// What to write in the place of a 0.
#[derive(Clone, Copy)]
enum Instead {
    /// A number.
    One,
    /// A number, or nothing at all for no bound.
    OneOrNone,
    /// A duration or size, like this one.
    Like(&'static str),
    /// The same, or nothing at all for no bound.
    LikeOrNone(&'static str),
}

use Instead::{Like, LikeOrNone, One, OneOrNone};

/// Keys that are never 0, with what a 0 would do. A `*` stands for any name, and for any place of a list.
const NEVER_ZERO: &[(&str, &str, Instead)] = &[
    ("limits.header_timeout", "refuse every request", Like("10s")),
    ("limits.body_timeout", "refuse every request with a body", Like("30s")),
    ("limits.body_max", "refuse every request with a body", Like("32MiB")),
    ("limits.connections", "refuse every connection", One),
    ("limits.runs", "refuse every run", One),
    ("limits.runs_per_principal", "refuse every run", OneOrNone),
    ("limits.requests_per_minute", "refuse every request", OneOrNone),
    ("limits.event_max", "refuse every event of every agent", Like("1MiB")),
    ("limits.run_events", "end every run at its first event", One),
    ("limits.run_bytes", "end every run at its first event", Like("64MiB")),
    ("limits.agent_connect", "reach no remote agent", Like("10s")),
    ("limits.agent_idle", "end every run at once", Like("5m")),
    ("limits.run_max", "end every run at once", Like("1h")),
    ("limits.id_max", "refuse every thread and every run", One),
    ("limits.write_stall", "cut off every reader", Like("30s")),
    ("threads.max_age", "delete every thread", LikeOrNone("90days")),
    ("threads.max_bytes", "delete every thread", LikeOrNone("1GiB")),
    ("budgets.tokens_per_day", "refuse every run", OneOrNone),
    ("budgets.cost_per_day", "refuse every run", OneOrNone),
    ("transcription.timeout", "wait for no recording", Like("2m")),
    ("agents.*.max_steps", "call no model, and a run needs one call at least", One),
    ("agents.*.max_output_tokens", "leave the model no word to say", OneOrNone),
    ("agents.*.context_window", "leave no room for any request", OneOrNone),
    ("agents.*.model_timeout", "wait for no model", Like("10m")),
    ("agents.*.tool_timeout", "wait for no tool", Like("2m")),
    ("agents.*.tools.*.timeout", "wait for no answer", Like("30s")),
    ("agents.*.timeout", "wait for no task", Like("10m")),
    ("agents.*.agents.*.timeout", "wait for no task", Like("10m")),
    ("agents.*.max_rounds", "ask no agent", One),
    ("mcp.*.connect_timeout", "reach no server", Like("10s")),
    ("mcp.*.list_timeout", "wait for no list of tools", Like("20s")),
    ("mcp.*.call_timeout", "wait for no tool", Like("1m")),
    ("mcp.*.call_max", "wait for no tool", Like("10m")),
];

/// Keys whose number is within these, because nobody takes another one.
const WITHIN: &[(&str, f64, f64)] = &[
    ("agents.*.temperature", 0.0, 2.0),
    ("agents.*.top_p", 0.0, 1.0),
    ("agents.*.presence_penalty", -2.0, 2.0),
    ("agents.*.frequency_penalty", -2.0, 2.0),
    ("agents.*.max_retries", 0.0, 10.0),
];

/// Whether the number of a key is 1 at least.
pub(super) fn is_never_zero(path: &[&str]) -> bool {
    NEVER_ZERO.iter().any(|(pattern, ..)| {
        pattern.split('.').count() == path.len()
            && pattern.split('.').zip(path).all(|(step, key)| step == "*" || step == *key)
    })
}

pub(super) fn check(merged: &Merged) -> Result<(), ConfigError> {
    let found = |pattern: &str| {
        let mut found = Vec::new();
        let steps: Vec<&str> = pattern.split('.').collect();
        if let Some((first, rest)) = steps.split_first()
            && let Some(value) = merged.table.get(*first)
        {
            places(value, rest, &mut vec![(*first).to_owned()], &mut found);
        }
        found
    };
    for (pattern, does, instead) in NEVER_ZERO {
        if let Some((path, _)) = found(pattern).into_iter().find(|(_, value)| is_zero(value)) {
            let path: Vec<&str> = path.iter().map(String::as_str).collect();
            return Err(merged.error(&path, format!("0 would {does}"), instead.remedy()));
        }
    }
    for (pattern, least, most) in WITHIN {
        for (path, value) in found(pattern) {
            let Some(number) = value.as_float().or(value.as_integer().map(|number| number as f64)) else { continue };
            if !(*least..=*most).contains(&number) {
                let path: Vec<&str> = path.iter().map(String::as_str).collect();
                let remedy = format!("write a number from {least} to {most}");
                return Err(merged.error(&path, format!("{number} is out of its range"), remedy));
            }
        }
    }
    Ok(())
}

impl Instead {
    fn remedy(self) -> String {
        match self {
            One => "write 1 or more".to_owned(),
            OneOrNone => "write more than 0, or remove the key".to_owned(),
            Like(like) => format!("write more, like \"{like}\""),
            LikeOrNone(like) => format!("write more, like \"{like}\", or remove the key"),
        }
    }
}

/// Every value that a pattern leads to, with the key that it stands at.
fn places<'a>(value: &'a Value, steps: &[&str], path: &mut Vec<String>, found: &mut Vec<(Vec<String>, &'a Value)>) {
    let Some((step, rest)) = steps.split_first() else { return found.push((path.clone(), value)) };
    match value {
        Value::Table(table) => {
            for (key, value) in table.iter().filter(|(key, _)| *step == "*" || key.as_str() == *step) {
                path.push(key.to_owned());
                places(value, rest, path, found);
                path.pop();
            }
        }
        Value::Array(items) if *step == "*" => {
            let Some(list) = path.pop() else { return };
            for (index, item) in items.iter().enumerate() {
                path.push(format!("{list}[{index}]"));
                places(item, rest, path, found);
                path.pop();
            }
            path.push(list);
        }
        _ => {}
    }
}

/// A number, a duration or a size of nothing.
fn is_zero(value: &Value) -> bool {
    match value {
        Value::Integer(number) => *number == 0,
        Value::Float(number) => *number == 0.0,
        Value::String(text) => {
            let duration = humantime::parse_duration(text).is_ok_and(|time| time.is_zero());
            duration || text.parse::<bytesize::ByteSize>().is_ok_and(|size| size.0 == 0)
        }
        _ => false,
    }
}
