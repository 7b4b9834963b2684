//! The system message: the configured prompt, what the page tells, and the shared state.

use copilotkit_protocol::{Json, RunAgentInput};

/// The tool that replaces the shared state.
pub(super) const STATE_SNAPSHOT_TOOL: &str = "AGUISendStateSnapshot";
/// The tool that changes the shared state.
pub(super) const STATE_DELTA_TOOL: &str = "AGUISendStateDelta";

/// The text of the system message; `None` when there is nothing to say. The headings are what frontends and prompts
/// written for the reference runtime rely on.
pub(super) fn system_prompt(prompt: &str, input: &RunAgentInput) -> Option<String> {
    let mut text = prompt.to_owned();
    if !input.context.is_empty() {
        text.push_str("\n## Context from the application\n");
        for entry in &input.context {
            for piece in [&entry.description, ":\n", &entry.value, "\n"] {
                text.push_str(piece);
            }
        }
    }
    if let Some(state) = known_state(input)
        && !is_empty_object(state)
    {
        text.push_str("\n## Application State\nThis is state from the application that you can edit by calling ");
        text.push_str(STATE_SNAPSHOT_TOOL);
        text.push_str(" or ");
        text.push_str(STATE_DELTA_TOOL);
        text.push_str(".\n```json\n");
        pretty(state.get(), &mut text);
        text.push_str("\n```\n");
    }
    (!text.is_empty()).then_some(text)
}

/// The state of the input, where `null` is absence.
pub(super) fn known_state(input: &RunAgentInput) -> Option<&Json> {
    input.state.as_ref().filter(|state| !state.is_null())
}

fn is_empty_object(json: &Json) -> bool {
    json.get().strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).is_some_and(|inner| inner.trim().is_empty())
}

/// Indents JSON by two blanks a level, as `JSON.stringify(value, null, 2)` does, without building a tree: the order of
/// keys and the spelling of numbers stay what they were.
fn pretty(json: &str, out: &mut String) {
    let mut depth = 0_usize;
    let mut in_string = false;
    let mut escaped = false;
    let mut fresh = false; // just after an opening bracket
    for character in json.chars() {
        if in_string {
            out.push(character);
            in_string = escaped || character != '"';
            escaped = !escaped && character == '\\';
            continue;
        }
        match character {
            ' ' | '\n' | '\r' | '\t' => continue,
            ']' | '}' => {
                depth = depth.saturating_sub(1);
                if !fresh {
                    line(out, depth);
                }
                out.push(character);
                fresh = false;
                continue;
            }
            _ if fresh => line(out, depth),
            _ => {}
        }
        out.push(character);
        fresh = false;
        match character {
            '"' => in_string = true,
            '{' | '[' => {
                depth += 1;
                fresh = true;
            }
            ',' => line(out, depth),
            ':' => out.push(' '),
            _ => {}
        }
    }
}

fn line(out: &mut String, depth: usize) {
    out.push('\n');
    out.extend(std::iter::repeat_n("  ", depth));
}

#[cfg(test)]
mod tests {
    use super::*;
    use copilotkit_protocol::Context;

    #[test]
    fn indents_like_json_stringify() {
        let mut out = String::new();
        pretty(r#"{"b": {"x":"a\"{,:[\\"},"a":[1.0,[],{ },[{"z":null}]]}"#, &mut out);
        let expected = "{\n  \"b\": {\n    \"x\": \"a\\\"{,:[\\\\\"\n  },\n  \"a\": [\n    1.0,\n    [],\n    {},\n    [\n      {\n        \"z\": null\n      }\n    ]\n  ]\n}";
        assert_eq!(out, expected);
    }

    #[test]
    fn says_nothing_without_parts() {
        let mut input = RunAgentInput { state: Json::parse("{ }").ok(), ..Default::default() };
        assert_eq!(system_prompt("", &input), None);
        assert_eq!(system_prompt("P", &input).as_deref(), Some("P"));
        input.state = Some(Json::default());
        input.context = vec![Context { description: "Page".into(), value: "home".into(), ..Default::default() }];
        assert_eq!(system_prompt("", &input).as_deref(), Some("\n## Context from the application\nPage:\nhome\n"));
    }
}
