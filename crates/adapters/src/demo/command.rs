//! What the person wrote, as something to do.

use super::pictures;
use copilotkit_runtime::model::ToolSpec;
use serde_json::value::RawValue;

/// The tool that replaces the shared state.
pub(super) const SNAPSHOT_TOOL: &str = "AGUISendStateSnapshot";
/// The tool that changes the shared state.
pub(super) const DELTA_TOOL: &str = "AGUISendStateDelta";
/// The tool that asks the person and ends the run until the answer comes.
pub(super) const ASK_TOOL: &str = "ask_user";
const SLOW_MAX: u64 = 600;
const LONG_MAX: u64 = 100_000;

/// Usage and meaning of every command.
const COMMANDS: &[(&str, &str)] = &[
    ("/help", "this list"),
    ("/call NAME {json}", "call one of the tools below"),
    ("/state {json}", "replace the shared state"),
    ("/patch [operations]", "change the shared state with a JSON Patch"),
    ("/ui", "draw something, where surfaces or pages are switched on"),
    ("/think WORDS", "think first, then answer"),
    ("/ask QUESTION", "ask you and wait for your answer"),
    ("/slow N", "N ticks, a quarter of a second apart"),
    ("/long N", "N words at once"),
    ("/fail", "fail as a provider does"),
    ("/silent", "end without a word"),
    ("/context", "say back the context and the state of the page"),
];

/// Something to do.
#[derive(Debug, PartialEq)]
pub(super) enum Command {
    Say(String),
    Think(String),
    Call { name: String, arguments: String },
    Slow(u64),
    Long(u64),
    Fail,
    Silent,
    Context,
}

impl Command {
    pub(super) fn parse(text: &str, tools: &[ToolSpec]) -> Self {
        let text = text.trim();
        let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        let rest = rest.trim();
        match word {
            "/help" => Self::Say(help(tools)),
            "/call" => call(rest, tools),
            "/state" => wrapped(rest, tools, SNAPSHOT_TOOL, "snapshot", "/state {\"count\": 1}", |_| true),
            "/patch" => {
                let example = "/patch [{\"op\": \"replace\", \"path\": \"/count\", \"value\": 2}]";
                wrapped(rest, tools, DELTA_TOOL, "delta", example, |json| json.starts_with('['))
            }
            "/ui" => {
                pictures::draw(rest, tools).map_or_else(Self::Say, |(name, arguments)| Self::Call { name, arguments })
            }
            "/think" => Self::Think(rest.to_owned()),
            "/ask" => {
                let question = if rest.is_empty() { "What do you say?" } else { rest };
                offered(ASK_TOOL, serde_json::json!({ "question": question }).to_string(), tools)
            }
            "/slow" => count(rest, "/slow 10", 10, SLOW_MAX).map_or_else(Self::Say, Self::Slow),
            "/long" => count(rest, "/long 1000", 1000, LONG_MAX).map_or_else(Self::Say, Self::Long),
            "/fail" => Self::Fail,
            "/silent" => Self::Silent,
            "/context" => Self::Context,
            word if word.len() > 1 && word.starts_with('/') => {
                Self::Say(format!("I do not know {word}. Type /help to see what I can do."))
            }
            _ => Self::Say(plain(text)),
        }
    }
}

/// The answer to plain words.
pub(super) fn plain(text: &str) -> String {
    format!("You said: \"{text}\". I am the demo model: no key, no network. Type /help to see what I can do.")
}

fn help(tools: &[ToolSpec]) -> String {
    let mut text = String::from("I am the demo model. I answer plain words, and these commands:\n\n");
    for (usage, meaning) in COMMANDS {
        text.push_str(&format!("- `{usage}`: {meaning}\n"));
    }
    text.push_str("\nTools on offer: ");
    text.push_str(&names(tools));
    text.push('.');
    text
}

fn names(tools: &[ToolSpec]) -> String {
    let names: Vec<_> = tools.iter().map(|tool| tool.name.as_str()).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

fn call(rest: &str, tools: &[ToolSpec]) -> Command {
    let (name, json) = rest.split_once(|c: char| c.is_whitespace() || c == '{').unwrap_or((rest, ""));
    if name.is_empty() {
        return Command::Say(format!(
            "Which tool? Write for example /call NAME {{\"key\": \"value\"}}. Tools on offer: {}.",
            names(tools)
        ));
    }
    // The separator may have been the brace itself.
    let json = if json.is_empty() { "" } else { rest[name.len()..].trim() };
    let json = if json.is_empty() { "{}" } else { json };
    let example = format!("/call {name} {{\"key\": \"value\"}}");
    match check(json, &example, "an object", |json| json.starts_with('{')) {
        Ok(json) => offered(name, json, tools),
        Err(sentence) => Command::Say(sentence),
    }
}

/// A call of a tool that takes the typed JSON as its one argument.
fn wrapped(
    json: &str,
    tools: &[ToolSpec],
    tool: &str,
    member: &str,
    example: &str,
    accepts: impl Fn(&str) -> bool,
) -> Command {
    let expected = if member == "delta" { "a list of operations" } else { "a value" };
    match check(json, example, expected, accepts) {
        Ok(json) => offered(tool, format!("{{\"{member}\":{json}}}"), tools),
        Err(sentence) => Command::Say(sentence),
    }
}

fn offered(name: &str, arguments: String, tools: &[ToolSpec]) -> Command {
    if tools.iter().any(|tool| tool.name == name) {
        return Command::Call { name: name.to_owned(), arguments };
    }
    Command::Say(format!("There is no tool {name} here. Tools on offer: {}.", names(tools)))
}

fn check(json: &str, example: &str, expected: &str, accepts: impl Fn(&str) -> bool) -> Result<String, String> {
    match serde_json::from_str::<&RawValue>(json) {
        Ok(value) if accepts(value.get()) => Ok(value.get().to_owned()),
        Ok(_) => Err(format!("That is JSON, but not {expected}. Write for example {example}")),
        Err(error) => Err(format!("That is not JSON: {error}. Write for example {example}")),
    }
}

fn count(text: &str, example: &str, default: u64, max: u64) -> Result<u64, String> {
    if text.is_empty() {
        return Ok(default);
    }
    let count = text.parse::<u64>().map_err(|_| format!("How many? Write for example {example} (at most {max})."))?;
    Ok(count.min(max))
}
