//! What the demo model reads out of a conversation.

use super::command::{ASK_TOOL, DELTA_TOOL, SNAPSHOT_TOOL};
use copilotkit_protocol::{Json, JsonPatch};
use copilotkit_runtime::ModelRequest;
use copilotkit_runtime::model::{ModelMessage, ToolChoice};
use std::borrow::Cow;

/// The tool by which a page asks for suggestions.
pub(super) const SUGGEST: &str = "copilotkitSuggest";
const CONTEXT_HEADING: &str = "## Context from the application";
const STATE_HEADING: &str = "## Application State";

/// The text of the last user message; empty when there is none.
pub(super) fn last_user_text(messages: &[ModelMessage]) -> Cow<'_, str> {
    let text = messages.iter().rev().find_map(|message| match message {
        ModelMessage::User { content } => Some(content.text()),
        _ => None,
    });
    text.unwrap_or_default()
}

/// What to say when the conversation ends with the result of a tool.
pub(super) fn tool_answer(messages: &[ModelMessage]) -> Option<String> {
    let Some(ModelMessage::Tool { tool_call_id, name, content, is_error }) = messages.last() else { return None };
    let call = messages.iter().rev().find_map(|message| match message {
        ModelMessage::Assistant { tool_calls, .. } => tool_calls.iter().find(|call| call.id == *tool_call_id),
        _ => None,
    });
    let name = if name.is_empty() { call.map_or("", |call| call.name.as_str()) } else { name };
    let text = content.text();
    let result = serde_json::from_str::<String>(&text).unwrap_or_else(|_| text.into_owned());
    Some(match name {
        _ if member(&result, "status").is_some_and(|status| status == "rejected") => match member(&result, "reason") {
            Some(reason) => format!("You rejected the call of {name}: {reason}"),
            None => format!("You rejected the call of {name}. It was not executed."),
        },
        _ if *is_error => format!("The tool {name} failed: {result}"),
        ASK_TOOL => format!("You answered: {result}"),
        // What was done on a surface: nobody called that.
        "log_a2ui_event" => format!("I saw that. {result}"),
        SNAPSHOT_TOOL => {
            let state = call.and_then(|call| argument(&call.arguments, "snapshot")).unwrap_or(result);
            format!("The state is now: {state}")
        }
        DELTA_TOOL => call
            .and_then(|call| argument(&call.arguments, "delta"))
            .and_then(|patch| patched(messages, patch))
            .map_or_else(|| "The state was changed.".to_owned(), |state| format!("The state is now: {state}")),
        _ => format!("The tool {name} answered: {result}"),
    })
}

fn member(result: &str, name: &str) -> Option<String> {
    let members: std::collections::BTreeMap<String, Json> = serde_json::from_str(result).ok()?;
    members.get(name)?.read().ok()
}

/// The arguments of a forced call for suggestions.
pub(super) fn suggestions(request: &ModelRequest) -> Option<String> {
    let forced = match &request.tool_choice {
        ToolChoice::Tool(name) => name == SUGGEST,
        ToolChoice::Required => request.tools.len() == 1,
        _ => false,
    };
    if !forced || !request.tools.iter().any(|tool| tool.name == SUGGEST) {
        return None;
    }
    let all = [("Help", "/help"), ("Think", "/think about the weather"), ("Tick", "/slow 10")];
    let all = all.map(|(title, message)| serde_json::json!({ "title": title, "message": message }));
    Some(serde_json::json!({ "suggestions": all }).to_string())
}

/// The context and the state, as they stand in the system message.
pub(super) fn context(messages: &[ModelMessage]) -> String {
    let entries: Vec<String> = sections(messages, CONTEXT_HEADING).flat_map(context_entries).collect();
    let context = if entries.is_empty() { "none".to_owned() } else { entries.join("; ") };
    format!("Context: {context}; State: {}", state(messages).unwrap_or_else(|| "none".to_owned()))
}

/// The state that the run began with.
fn state(messages: &[ModelMessage]) -> Option<String> {
    sections(messages, STATE_HEADING).find_map(fenced_json)
}

/// The state that the run began with, after a patch.
fn patched(messages: &[ModelMessage], patch: String) -> Option<String> {
    let mut state = serde_json::from_str(&state(messages).unwrap_or_else(|| "{}".to_owned())).ok()?;
    let patch = JsonPatch::try_from(Json::parse(patch).ok()?).ok()?;
    copilotkit_protocol::patch::apply(&mut state, &patch).ok()?;
    Some(state.to_string())
}

fn sections<'a>(messages: &'a [ModelMessage], heading: &'static str) -> impl Iterator<Item = &'a str> {
    messages.iter().filter_map(move |message| match message {
        ModelMessage::System { content } => section(content, heading),
        _ => None,
    })
}

/// The text below a heading, up to the next heading.
fn section<'a>(text: &'a str, heading: &str) -> Option<&'a str> {
    let at = text.match_indices(heading).map(|(at, _)| at).find(|at| *at == 0 || text[..*at].ends_with('\n'))?;
    let below = &text[at + heading.len()..];
    Some(below.find("\n## ").map_or(below, |end| &below[..end]))
}

/// `description: value` for each entry; a line that ends in a colon begins one.
fn context_entries(section: &str) -> Vec<String> {
    let mut entries: Vec<String> = Vec::new();
    for line in section.lines().filter(|line| !line.trim().is_empty()) {
        match entries.last_mut() {
            Some(entry) if !line.ends_with(':') || entry.ends_with(':') => {
                entry.push(if entry.ends_with(':') { ' ' } else { '\n' });
                entry.push_str(line);
            }
            _ => entries.push(line.to_owned()),
        }
    }
    entries
}

/// The JSON of the first fenced block, without white space.
fn fenced_json(section: &str) -> Option<String> {
    let (_, rest) = section.split_once("```json")?;
    let (json, _) = rest.rsplit_once("```")?;
    compact(json)
}

fn argument(arguments: &str, name: &str) -> Option<String> {
    let arguments: std::collections::BTreeMap<String, Json> = serde_json::from_str(arguments).ok()?;
    compact(arguments.get(name)?.get())
}

/// The same JSON without white space between its tokens; numbers and key order stay as they were written.
fn compact(json: &str) -> Option<String> {
    Json::parse(json.trim()).ok()?;
    let mut out = String::with_capacity(json.len());
    let (mut in_string, mut escaped) = (false, false);
    for c in json.trim().chars() {
        if in_string || !c.is_whitespace() {
            out.push(c);
        }
        match c {
            '"' if !escaped => in_string = !in_string,
            _ => {}
        }
        escaped = in_string && c == '\\' && !escaped;
    }
    Some(out)
}
