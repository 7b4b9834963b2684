//! The services that are known.

use super::{KeyStyle, Profile, Quirks, ReasoningHistory, ToolChoiceStyle};
use crate::spec::Api;

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
    repeats_reasoning: false,
    mistral_parts: false,
    nine_character_ids: false,
    vertex: false,
};
/// Open-weight servers understand more samplers than OpenAI.
const OPEN: Quirks = Quirks { top_k: true, ..PLAIN };
const OPENAI: Quirks = Quirks { reasoning_models: true, ..PLAIN };

struct Row {
    /// The first is the name.
    names: &'static [&'static str],
    base_url: &'static str,
    /// The first is the one that is spoken of.
    keys: &'static [&'static str],
    base_url_env: &'static str,
    api: Api,
    key: KeyStyle,
    quirks: Quirks,
}

/// A service that speaks Chat Completions.
const fn chat(
    names: &'static [&'static str],
    base_url: &'static str,
    keys: &'static [&'static str],
    base_url_env: &'static str,
    quirks: Quirks,
) -> Row {
    Row { names, base_url, keys, base_url_env, api: Api::Chat, key: KeyStyle::Bearer, quirks }
}

const ROWS: &[Row] = &[
    Row {
        api: Api::Responses,
        ..chat(&["openai"], "https://api.openai.com/v1", &["OPENAI_API_KEY"], "OPENAI_BASE_URL", OPENAI)
    },
    Row {
        api: Api::Responses,
        key: KeyStyle::Header("api-key"),
        ..chat(&["azure"], "", &["AZURE_API_KEY", "AZURE_OPENAI_API_KEY"], "AZURE_BASE_URL", OPENAI)
    },
    Row {
        api: Api::Messages,
        key: KeyStyle::Header("x-api-key"),
        ..chat(&["anthropic"], "https://api.anthropic.com/v1", &["ANTHROPIC_API_KEY"], "ANTHROPIC_BASE_URL", PLAIN)
    },
    Row {
        api: Api::Gemini,
        key: KeyStyle::Header("x-goog-api-key"),
        ..chat(
            &["google", "gemini", "google-gemini"],
            "https://generativelanguage.googleapis.com/v1beta",
            &["GOOGLE_API_KEY", "GEMINI_API_KEY", "GOOGLE_GENERATIVE_AI_API_KEY"],
            "GOOGLE_GENERATIVE_AI_BASE_URL",
            PLAIN,
        )
    },
    Row {
        api: Api::Gemini,
        key: KeyStyle::Header("x-goog-api-key"),
        ..chat(
            &["vertex", "google-vertex"],
            "",
            &["GOOGLE_VERTEX_API_KEY"],
            "GOOGLE_VERTEX_BASE_URL",
            Quirks { vertex: true, ..PLAIN },
        )
    },
    Row {
        api: Api::Converse,
        ..chat(
            &["bedrock", "amazon-bedrock"],
            "",
            &["AWS_BEARER_TOKEN_BEDROCK"],
            "AWS_ENDPOINT_URL_BEDROCK_RUNTIME",
            PLAIN,
        )
    },
    chat(
        &["deepseek"],
        "https://api.deepseek.com",
        &["DEEPSEEK_API_KEY"],
        "DEEPSEEK_BASE_URL",
        Quirks { reasoning_history: ReasoningHistory::Always("reasoning_content"), thinks_by_default: true, ..PLAIN },
    ),
    chat(
        &["groq"],
        "https://api.groq.com/openai/v1",
        &["GROQ_API_KEY"],
        "GROQ_BASE_URL",
        Quirks { no_stream_options: true, reasoning_history: ReasoningHistory::Member("reasoning"), ..PLAIN },
    ),
    chat(
        &["mistral"],
        "https://api.mistral.ai/v1",
        &["MISTRAL_API_KEY"],
        "MISTRAL_BASE_URL",
        Quirks {
            no_stream_options: true,
            tool_choice: ToolChoiceStyle::Any,
            random_seed: true,
            tool_message_name: true,
            reasoning_history: ReasoningHistory::Parts,
            mistral_parts: true,
            nine_character_ids: true,
            ..PLAIN
        },
    ),
    chat(
        &["xai"],
        "https://api.x.ai/v1",
        &["XAI_API_KEY"],
        "XAI_BASE_URL",
        Quirks { usage_excludes_parts: true, repeats_reasoning: true, ..PLAIN },
    ),
    chat(&["together"], "https://api.together.xyz/v1", &["TOGETHER_API_KEY"], "TOGETHER_BASE_URL", OPEN),
    chat(&["fireworks"], "https://api.fireworks.ai/inference/v1", &["FIREWORKS_API_KEY"], "FIREWORKS_BASE_URL", OPEN),
    chat(
        &["openrouter"],
        "https://openrouter.ai/api/v1",
        &["OPENROUTER_API_KEY"],
        "OPENROUTER_BASE_URL",
        Quirks { reasoning_history: ReasoningHistory::Details, ..OPEN },
    ),
    chat(
        &["moonshot", "moonshotai"],
        "https://api.moonshot.ai/v1",
        &["MOONSHOT_API_KEY"],
        "MOONSHOT_BASE_URL",
        Quirks { reasoning_history: ReasoningHistory::Member("reasoning_content"), ..PLAIN },
    ),
    Row {
        api: Api::Responses,
        ..chat(&["minimax"], "https://api.minimax.io/v1", &["MINIMAX_API_KEY"], "MINIMAX_BASE_URL", PLAIN)
    },
    chat(&["unify"], "https://api.unify.ai/v0", &["UNIFY_API_KEY"], "UNIFY_BASE_URL", PLAIN),
    chat(&["ollama"], "http://localhost:11434/v1", &["OLLAMA_API_KEY"], "OLLAMA_BASE_URL", PLAIN),
    chat(&["vllm"], "http://localhost:8000/v1", &["VLLM_API_KEY"], "VLLM_BASE_URL", OPEN),
    chat(
        &["llama-cpp", "llama.cpp", "llamacpp"],
        "http://localhost:8080/v1",
        &["LLAMA_API_KEY"],
        "LLAMA_CPP_BASE_URL",
        Quirks { tool_choice: ToolChoiceStyle::Strings, ..OPEN },
    ),
    chat(&["lmstudio", "lm-studio"], "http://localhost:1234/v1", &["LMSTUDIO_API_KEY"], "LMSTUDIO_BASE_URL", OPEN),
    chat(&["custom"], "", &["CUSTOM_API_KEY"], "CUSTOM_BASE_URL", OPEN),
];

fn row(name: &str) -> Option<&'static Row> {
    ROWS.iter().find(|row| row.names.iter().any(|known| known.eq_ignore_ascii_case(name)))
}

pub(super) fn find(name: &str) -> Option<Profile> {
    let row = row(name)?;
    let (first, others) = row.keys.split_first()?;
    Some(Profile {
        name: row.names[0].into(),
        base_url: row.base_url.into(),
        api_key_env: (*first).into(),
        other_key_envs: others,
        base_url_env: row.base_url_env.into(),
        api: row.api,
        key: row.key,
        quirks: row.quirks,
    })
}

pub(super) fn names() -> impl Iterator<Item = &'static str> {
    ROWS.iter().map(|row| row.names[0])
}

pub(super) fn aliases(name: &str) -> impl Iterator<Item = &'static str> {
    row(name).into_iter().flat_map(|row| row.names.iter().skip(1).copied())
}

pub(super) fn canonical(name: &str) -> Option<&'static str> {
    row(name).map(|row| row.names[0])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_found_in_any_case() {
        let all: Vec<_> = ROWS.iter().flat_map(|row| row.names).collect();
        let unique: std::collections::BTreeSet<_> = all.iter().collect();
        assert_eq!(unique.len(), all.len());
        assert_eq!(find("DeepSeek").expect("known").api_key_env, "DEEPSEEK_API_KEY");
        assert_eq!(find("Gemini").expect("known").name, "google");
        assert_eq!(find("llama.cpp").expect("known").name, "llama-cpp");
        assert_eq!(find("nobody"), None);
    }
}
