//! What a page may change for one run: the members of `forwardedProps` that the agent's configuration names.

use crate::model::{ModelSettings, ToolChoice};
use copilotkit_protocol::RunAgentInput;
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// The tool that pages ask for suggestions with. They force it on every agent, and it does nothing but end the run.
const SUGGEST_TOOL: &str = "copilotkitSuggest";

/// The settings of one run.
#[derive(Clone, Debug)]
pub(super) struct RunSettings {
    pub(super) settings: ModelSettings,
    pub(super) tool_choice: ToolChoice,
    /// The model that the page asks for.
    pub(super) model: Option<String>,
}

/// What a page may change where it is allowed to, as `forwardedProps` spells it.
pub const OVERRIDABLE: &[&str] = &[
    "model",
    "toolChoice",
    "maxOutputTokens",
    "temperature",
    "topP",
    "topK",
    "presencePenalty",
    "frequencyPenalty",
    "stopSequences",
    "seed",
    "maxRetries",
    "providerOptions",
];

/// Whether `name`, in camel or snake case, is one of [`OVERRIDABLE`].
pub fn is_overridable(name: &str) -> bool {
    OVERRIDABLE.contains(&camel_case(name).as_str())
}

/// The names as `forwardedProps` spells them: configuration files write `max_output_tokens` for `maxOutputTokens`.
pub(super) fn names(names: impl IntoIterator<Item = impl Into<String>>) -> BTreeSet<String> {
    names.into_iter().map(|name| camel_case(&name.into())).collect()
}

fn camel_case(name: &str) -> String {
    let mut words = name.split('_');
    let mut out = words.next().unwrap_or_default().to_owned();
    for word in words {
        let mut letters = word.chars();
        out.extend(letters.next().map(|letter| letter.to_ascii_uppercase()));
        out.push_str(letters.as_str());
    }
    if out == "stop" { "stopSequences".to_owned() } else { out }
}

impl RunSettings {
    /// Takes over every allowed member whose type fits; others are ignored.
    pub(super) fn apply(&mut self, allowed: &BTreeSet<String>, input: &RunAgentInput) {
        let props = match input.forwarded_props.as_ref().filter(|props| props.is_object()) {
            Some(props) => props.read::<Map<String, Value>>().unwrap_or_default(),
            None => return,
        };
        let settings = &mut self.settings;
        for (name, value) in props {
            if name == "toolChoice" {
                if let Some(choice) = tool_choice(&value)
                    && (allowed.contains("toolChoice") || is_suggestion(&choice, input))
                {
                    self.tool_choice = choice;
                }
                continue;
            }
            if !allowed.contains(&name) {
                continue;
            }
            match name.as_str() {
                "model" => take(&mut self.model, value.as_str().map(str::to_owned)),
                "maxOutputTokens" => take(&mut settings.max_output_tokens, value.as_u64()),
                "temperature" => take(&mut settings.temperature, value.as_f64()),
                "topP" => take(&mut settings.top_p, value.as_f64()),
                "topK" => take(&mut settings.top_k, value.as_u64()),
                "presencePenalty" => take(&mut settings.presence_penalty, value.as_f64()),
                "frequencyPenalty" => take(&mut settings.frequency_penalty, value.as_f64()),
                "seed" => take(&mut settings.seed, value.as_i64()),
                "maxRetries" => {
                    take(&mut settings.max_retries, value.as_u64().and_then(|number| number.try_into().ok()));
                }
                "stopSequences" => settings.stop = strings(&value).unwrap_or(std::mem::take(&mut settings.stop)),
                "providerOptions" => {
                    if let Value::Object(options) = value {
                        settings.provider_options = options.into_iter().collect();
                    }
                }
                _ => {}
            }
        }
    }
}

fn take<T>(target: &mut Option<T>, value: Option<T>) {
    if value.is_some() {
        *target = value;
    }
}

fn strings(value: &Value) -> Option<Vec<String>> {
    value.as_array()?.iter().map(|text| text.as_str().map(str::to_owned)).collect()
}

/// `"auto"`, `"required"`, `"none"`, `{type: "tool", toolName}`, or the form that pages send with a request for
/// suggestions: `{type: "function", function: {name}}`.
fn tool_choice(value: &Value) -> Option<ToolChoice> {
    match value.as_str() {
        Some("auto") => return Some(ToolChoice::Auto),
        Some("required") => return Some(ToolChoice::Required),
        Some("none") => return Some(ToolChoice::None),
        _ => {}
    }
    let name = match value.get("type")?.as_str()? {
        "tool" => value.get("toolName"),
        "function" => value.get("function").and_then(|function| function.get("name")),
        _ => None,
    };
    name.and_then(Value::as_str).map(|name| ToolChoice::Tool(name.to_owned()))
}

/// True for the page's own suggestion tool: it may be forced whatever the configuration says, since models seldom call
/// it otherwise.
fn is_suggestion(choice: &ToolChoice, input: &RunAgentInput) -> bool {
    matches!(choice, ToolChoice::Tool(name) if name == SUGGEST_TOOL)
        && input.tools.iter().any(|tool| tool.name == SUGGEST_TOOL)
}

#[cfg(test)]
mod tests {
    use super::*;
    use copilotkit_protocol::{Json, Tool};

    fn run(allowed: &[&str], props: &str, tools: &[&str]) -> RunSettings {
        let input = RunAgentInput {
            forwarded_props: Some(Json::parse(props).unwrap()),
            tools: tools.iter().map(|name| Tool { name: (*name).into(), ..Default::default() }).collect(),
            ..Default::default()
        };
        let mut run = RunSettings { settings: ModelSettings::default(), tool_choice: ToolChoice::Auto, model: None };
        run.settings.stop = vec!["kept".into()];
        run.apply(&names(allowed.iter().copied()), &input);
        run
    }

    #[test]
    fn takes_what_is_allowed_and_fits() {
        let all = ["topP", "top_k", "stop", "temperature", "seed", "provider_options", "model", "toolChoice"];
        let props = r#"{"topP":0.5,"topK":3,"temperature":"hot","stopSequences":["X"],"seed":-5,"maxRetries":1,
            "providerOptions":{"a":{"b":1}},"model":"openai/x","toolChoice":{"type":"tool","toolName":"t"}}"#;
        let got = run(&all, props, &[]);
        assert_eq!(got.settings.top_p, Some(0.5));
        assert_eq!(got.settings.top_k, Some(3));
        assert_eq!(got.settings.temperature, None);
        assert_eq!(got.settings.stop, ["X"]);
        assert_eq!(got.settings.seed, Some(-5));
        assert_eq!(got.settings.max_retries, None);
        assert_eq!(got.settings.provider_options["a"]["b"], 1);
        assert_eq!(got.model.as_deref(), Some("openai/x"));
        assert_eq!(got.tool_choice, ToolChoice::Tool("t".into()));
        assert_eq!(run(&["stop"], r#"{"stopSequences":["X",1]}"#, &[]).settings.stop, ["kept"]);
    }

    #[test]
    fn names_are_known_in_either_case() {
        for name in ["maxOutputTokens", "max_output_tokens", "stop", "stop_sequences", "topP", "provider_options"] {
            assert!(is_overridable(name), "{name}");
        }
        for name in ["prompt", "temprature", "", "tools"] {
            assert!(!is_overridable(name), "{name}");
        }
    }

    #[test]
    fn only_the_suggestion_tool_is_forced_without_leave() {
        let force = |name: &str| format!(r#"{{"toolChoice":{{"type":"function","function":{{"name":"{name}"}}}}}}"#);
        let suggest = ToolChoice::Tool(SUGGEST_TOOL.into());
        assert_eq!(run(&[], &force(SUGGEST_TOOL), &[SUGGEST_TOOL]).tool_choice, suggest);
        assert_eq!(run(&[], &force(SUGGEST_TOOL), &[]).tool_choice, ToolChoice::Auto);
        assert_eq!(run(&[], &force("other"), &["other"]).tool_choice, ToolChoice::Auto);
        assert_eq!(run(&["toolChoice"], &force("other"), &[]).tool_choice, ToolChoice::Tool("other".into()));
    }
}
