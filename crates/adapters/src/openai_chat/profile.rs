//! Services that speak Chat Completions, as data: where they are, and in what they differ.

use std::borrow::Cow;

/// A service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// Its name in a model string, lower case; also the vendor in usage.
    pub name: Cow<'static, str>,
    /// Where it is unless the configuration says otherwise, up to and with the version; empty when there is no default.
    pub base_url: Cow<'static, str>,
    /// The environment variable of its key.
    pub api_key_env: Cow<'static, str>,
    /// The environment variable of its address.
    pub base_url_env: Cow<'static, str>,
    /// In what it differs.
    pub quirks: Quirks,
}

/// In what a service differs from OpenAI. The default is plain Chat Completions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quirks {
    /// Names of reasoning models (o-series, gpt-5 and later) are recognised: role `developer`, `max_completion_tokens`,
    /// no sampling.
    pub reasoning_models: bool,
    /// `stream_options` is refused.
    pub no_stream_options: bool,
    /// How a forced tool is asked for.
    pub tool_choice: ToolChoiceStyle,
    /// How earlier reasoning goes back.
    pub reasoning_history: ReasoningHistory,
    /// Models think unless told otherwise, and then take no sampling and no seed.
    pub thinks_by_default: bool,
    /// `top_k` is understood.
    pub top_k: bool,
    /// The seed is called `random_seed`.
    pub random_seed: bool,
    /// Tool messages carry the tool's name.
    pub tool_message_name: bool,
    /// The count of written tokens leaves the reasoning out.
    pub usage_excludes_parts: bool,
}

/// How a forced tool is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ToolChoiceStyle {
    /// `required`, or an object that names the tool.
    #[default]
    OpenAi,
    /// Only strings are understood: a named tool is offered alone and `required`.
    Strings,
    /// As [`Self::Strings`], with `any` for `required`.
    Any,
}

/// How earlier reasoning goes back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReasoningHistory {
    /// Not at all.
    #[default]
    Dropped,
    /// In this member of the assistant message, where there is any.
    Member(&'static str),
    /// In this member of every assistant message, empty where there is none.
    Always(&'static str),
}

const PLAIN: Quirks = Quirks {
    reasoning_models: false,
    no_stream_options: false,
    tool_choice: ToolChoiceStyle::OpenAi,
    reasoning_history: ReasoningHistory::Dropped,
    thinks_by_default: false,
    top_k: false,
    random_seed: false,
    tool_message_name: false,
    usage_excludes_parts: false,
};
/// Open-weight servers understand more samplers than OpenAI.
const OPEN: Quirks = Quirks { top_k: true, ..PLAIN };

/// Name, address, key variable, address variable, quirks.
type Row = (&'static str, &'static str, &'static str, &'static str, Quirks);

const PROFILES: &[Row] = &[
    (
        "openai",
        "https://api.openai.com/v1",
        "OPENAI_API_KEY",
        "OPENAI_BASE_URL",
        Quirks { reasoning_models: true, ..PLAIN },
    ),
    (
        "deepseek",
        "https://api.deepseek.com",
        "DEEPSEEK_API_KEY",
        "DEEPSEEK_BASE_URL",
        Quirks { reasoning_history: ReasoningHistory::Always("reasoning_content"), thinks_by_default: true, ..PLAIN },
    ),
    (
        "groq",
        "https://api.groq.com/openai/v1",
        "GROQ_API_KEY",
        "GROQ_BASE_URL",
        Quirks { no_stream_options: true, reasoning_history: ReasoningHistory::Member("reasoning"), ..PLAIN },
    ),
    (
        "mistral",
        "https://api.mistral.ai/v1",
        "MISTRAL_API_KEY",
        "MISTRAL_BASE_URL",
        Quirks {
            no_stream_options: true,
            tool_choice: ToolChoiceStyle::Any,
            random_seed: true,
            tool_message_name: true,
            ..PLAIN
        },
    ),
    ("xai", "https://api.x.ai/v1", "XAI_API_KEY", "XAI_BASE_URL", Quirks { usage_excludes_parts: true, ..PLAIN }),
    ("together", "https://api.together.xyz/v1", "TOGETHER_API_KEY", "TOGETHER_BASE_URL", OPEN),
    ("fireworks", "https://api.fireworks.ai/inference/v1", "FIREWORKS_API_KEY", "FIREWORKS_BASE_URL", OPEN),
    ("openrouter", "https://openrouter.ai/api/v1", "OPENROUTER_API_KEY", "OPENROUTER_BASE_URL", OPEN),
    (
        "moonshot",
        "https://api.moonshot.ai/v1",
        "MOONSHOT_API_KEY",
        "MOONSHOT_BASE_URL",
        Quirks { reasoning_history: ReasoningHistory::Member("reasoning_content"), ..PLAIN },
    ),
    ("minimax", "https://api.minimax.io/v1", "MINIMAX_API_KEY", "MINIMAX_BASE_URL", PLAIN),
    ("ollama", "http://localhost:11434/v1", "OLLAMA_API_KEY", "OLLAMA_BASE_URL", PLAIN),
    ("vllm", "http://localhost:8000/v1", "VLLM_API_KEY", "VLLM_BASE_URL", OPEN),
    (
        "llama-cpp",
        "http://localhost:8080/v1",
        "LLAMA_API_KEY",
        "LLAMA_CPP_BASE_URL",
        Quirks { tool_choice: ToolChoiceStyle::Strings, ..OPEN },
    ),
    ("lmstudio", "http://localhost:1234/v1", "LMSTUDIO_API_KEY", "LMSTUDIO_BASE_URL", OPEN),
    ("custom", "", "CUSTOM_API_KEY", "CUSTOM_BASE_URL", OPEN),
];

impl Profile {
    /// The profile of this name, in any case.
    pub fn named(name: &str) -> Option<Self> {
        PROFILES.iter().find(|row| row.0.eq_ignore_ascii_case(name)).map(|&(name, url, key, url_env, quirks)| Self {
            name: name.into(),
            base_url: url.into(),
            api_key_env: key.into(),
            base_url_env: url_env.into(),
            quirks,
        })
    }

    /// Every name, in the order of the documentation.
    pub fn names() -> impl Iterator<Item = &'static str> {
        PROFILES.iter().map(|row| row.0)
    }
}

/// True for OpenAI models that think: the o-series, and gpt-5 and later without the chat variants.
pub(super) fn is_reasoning_model(model: &str) -> bool {
    let model = model.rsplit('/').next().unwrap_or(model);
    if let Some(rest) = model.strip_prefix('o') {
        return rest.starts_with(|c: char| c.is_ascii_digit());
    }
    gpt_version(model).is_some_and(|(major, _)| major >= 5) && !model.contains("-chat")
}

/// True for OpenAI models that think but take sampling when told not to (gpt-5.1 and later).
pub(super) fn may_skip_reasoning(model: &str) -> bool {
    let model = model.rsplit('/').next().unwrap_or(model);
    gpt_version(model).is_some_and(|version| version >= (5, 1))
}

/// `(5, 1)` of `gpt-5.1-mini`.
fn gpt_version(model: &str) -> Option<(u32, u32)> {
    let rest = model.strip_prefix("gpt-")?;
    let version = rest.split('-').next()?;
    let (major, minor) = version.split_once('.').unwrap_or((version, "0"));
    Some((major.parse().ok()?, minor.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_found_in_any_case() {
        let names: std::collections::BTreeSet<_> = Profile::names().collect();
        assert_eq!(names.len(), PROFILES.len());
        assert_eq!(Profile::named("DeepSeek").expect("known").api_key_env, "DEEPSEEK_API_KEY");
        assert_eq!(Profile::named("nobody"), None);
    }

    #[test]
    fn reasoning_models_are_known_by_their_name() {
        for model in ["o1", "o3-mini", "o4-mini", "gpt-5", "gpt-5-mini", "gpt-5.1", "gpt-6-nano", "openai/gpt-5"] {
            assert!(is_reasoning_model(model), "{model}");
        }
        for model in ["gpt-4.1-mini", "gpt-4o", "gpt-5-chat-latest", "gpt-oss-120b", "omni", "llama-3"] {
            assert!(!is_reasoning_model(model), "{model}");
        }
        assert!(may_skip_reasoning("gpt-5.1") && !may_skip_reasoning("gpt-5") && !may_skip_reasoning("o3"));
    }
}
