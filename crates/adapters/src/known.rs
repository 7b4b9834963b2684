//! What is known of models by their names: how much they take, and what besides text.
//!
//! A row is for every model whose name begins with its word, so that dated and later versions are covered; the longest
//! word counts. What is not known is left unknown: then nothing is left out of a conversation, and nothing is declared.
//! Windows are those that hold in every tier and at every service: where they differ, the smaller one.

use copilotkit_runtime::Model;
use copilotkit_runtime::model::{ModelRequest, ModelStream, ModelTraits};
use std::sync::Arc;

/// A model reads text; what else? One letter for each: `i` images, `a` sound, `v` videos, `p` PDF files.
const KNOWN: &[(&str, u64, bool, &str)] = &[
    // Word, tokens of a request, thinks aloud, reads besides text.
    ("gpt-5", 272_000, true, "ip"),
    ("gpt-4.1", 1_047_576, false, "ip"),
    ("gpt-4o", 128_000, false, "ip"),
    ("gpt-4-turbo", 128_000, false, "i"),
    ("gpt-4", 8_192, false, ""),
    ("gpt-3.5", 16_385, false, ""),
    ("gpt-oss", 131_072, true, ""),
    ("o1", 200_000, true, "ip"),
    ("o3", 200_000, true, "ip"),
    ("o3-mini", 200_000, true, ""),
    ("o4-mini", 200_000, true, "ip"),
    ("claude-", 200_000, true, "ip"),
    ("claude-3-haiku", 200_000, false, "i"),
    ("claude-3-5", 200_000, false, "ip"),
    ("gemini-2.5", 1_048_576, true, "iavp"),
    ("gemini-2.0", 1_048_576, false, "iavp"),
    ("gemini-3", 1_048_576, true, "iavp"),
    ("deepseek-", 128_000, true, ""),
    ("deepseek-chat", 128_000, false, ""),
    ("llama-3.1", 131_072, false, ""),
    ("llama-3.3", 131_072, false, ""),
    ("mistral-large", 128_000, false, ""),
    ("mistral-medium", 128_000, false, "i"),
    ("mistral-small", 128_000, false, "i"),
    ("pixtral-", 128_000, false, "i"),
    ("grok-3", 131_072, false, ""),
    ("grok-3-mini", 131_072, true, ""),
    ("grok-4", 256_000, true, "i"),
    ("kimi-k2", 131_072, false, ""),
    ("minimax-m2", 204_800, true, ""),
    ("minimax-m3", 500_000, true, "iv"),
];

/// Services that serve models under their names with windows of their own: what fits the model need not fit them.
const OWN_WINDOWS: &[&str] = &["ollama", "vllm", "llama-cpp", "lmstudio", "custom"];

/// What is known of the model `name` of `provider`. A name may stand behind those of its maker and of its folder:
/// `meta-llama/llama-3.3-70b`.
pub fn traits(provider: &str, name: &str) -> ModelTraits {
    let name = name.rsplit('/').next().unwrap_or(name).to_ascii_lowercase();
    // Bedrock writes `us.anthropic.claude-…`.
    let row = KNOWN
        .iter()
        .filter(|(word, ..)| {
            name.starts_with(word) || name.split_once("anthropic.").is_some_and(|(_, name)| name.starts_with(word))
        })
        .max_by_key(|(word, ..)| word.len());
    let Some((_, window, reasoning, besides)) = row else { return ModelTraits::default() };
    let reads = |letter: char| Some(besides.contains(letter));
    ModelTraits {
        context_window: (!OWN_WINDOWS.contains(&provider)).then_some(*window),
        reasoning: Some(*reasoning),
        parallel_calls: Some(true),
        images: reads('i'),
        audio: reads('a'),
        video: reads('v'),
        pdf: reads('p'),
    }
}

/// A model that says what is known of it by its name.
pub(crate) struct Known {
    inner: Arc<dyn Model>,
    traits: ModelTraits,
}

impl Known {
    pub(crate) fn of(inner: Arc<dyn Model>) -> Arc<dyn Model> {
        let own = inner.traits();
        if own != ModelTraits::default() {
            return inner;
        }
        let traits = traits(inner.provider(), inner.name());
        if traits == own { inner } else { Arc::new(Self { inner, traits }) }
    }
}

impl Model for Known {
    fn stream(&self, request: ModelRequest) -> ModelStream {
        self.inner.stream(request)
    }

    fn provider(&self) -> &str {
        self.inner.provider()
    }

    fn name(&self) -> &str {
        self.inner.name()
    }

    fn traits(&self) -> ModelTraits {
        self.traits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_word_counts_and_makers_do_not() {
        let window = |provider, name| traits(provider, name).context_window;
        assert_eq!(window("openai", "gpt-5-mini"), Some(272_000));
        assert_eq!(window("openai", "gpt-4o-2024-11-20"), Some(128_000));
        assert_eq!(window("openai", "gpt-4"), Some(8_192));
        assert_eq!(window("groq", "openai/gpt-oss-120b"), Some(131_072));
        assert_eq!(window("bedrock", "us.anthropic.claude-sonnet-4-5-20250929-v1:0"), Some(200_000));
        assert_eq!(window("minimax", "MiniMax-M2.7"), Some(204_800));
        assert_eq!(window("openai", "my-tuned-model"), None);
        assert_eq!(window("ollama", "gpt-oss:20b"), None, "its server has a window of its own");
        assert_eq!(traits("ollama", "gpt-oss:20b").reasoning, Some(true));
    }

    #[test]
    fn what_is_read_besides_text() {
        let gemini = traits("google", "gemini-2.5-flash");
        assert_eq!([gemini.images, gemini.audio, gemini.video, gemini.pdf], [Some(true); 4]);
        let chat = traits("deepseek", "deepseek-chat");
        assert_eq!((chat.images, chat.reasoning), (Some(false), Some(false)));
        assert_eq!(traits("deepseek", "deepseek-v4-flash").reasoning, Some(true));
        assert_eq!(traits("acme", "x"), ModelTraits::default());
    }

    #[test]
    fn rows_are_lower_case_and_there_once() {
        let mut words: Vec<_> = KNOWN.iter().map(|(word, ..)| *word).collect();
        assert!(words.iter().all(|word| word.to_ascii_lowercase() == *word));
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), KNOWN.len());
        assert!(KNOWN.iter().all(|row| row.3.chars().all(|letter| "iavp".contains(letter))));
    }
}
