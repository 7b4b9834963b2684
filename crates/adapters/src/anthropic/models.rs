//! What models of Anthropic take, by their names. A model that is not known is sent what the caller set.

/// A model's rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rules {
    /// How many tokens it writes at most, which a request has to say.
    pub(super) max_tokens: u64,
    /// Whether temperature and nucleus may be set.
    pub(super) sampling: bool,
    /// Whether a tool may be forced.
    pub(super) forced_tools: bool,
}

/// Part of the name, tokens, sampling, forced tools. The first that fits counts.
const RULES: &[(&str, Rules)] = &[
    ("sonnet-5-5", Rules { max_tokens: 128_000, sampling: false, forced_tools: false }),
    ("opus-5-5", Rules { max_tokens: 128_000, sampling: false, forced_tools: false }),
    ("fable-5", Rules { max_tokens: 128_000, sampling: false, forced_tools: false }),
    ("sonnet-5", Rules { max_tokens: 128_000, sampling: false, forced_tools: true }),
    ("opus-5", Rules { max_tokens: 128_000, sampling: false, forced_tools: true }),
    ("haiku-5", Rules { max_tokens: 128_000, sampling: false, forced_tools: true }),
    ("opus-4-8", Rules { max_tokens: 128_000, sampling: false, forced_tools: true }),
    ("opus-4-7", Rules { max_tokens: 128_000, sampling: false, forced_tools: true }),
    ("opus-4-6", Rules { max_tokens: 128_000, sampling: true, forced_tools: true }),
    ("sonnet-4-6", Rules { max_tokens: 128_000, sampling: true, forced_tools: true }),
    ("opus-4-5", Rules { max_tokens: 64_000, sampling: true, forced_tools: true }),
    ("sonnet-4", Rules { max_tokens: 64_000, sampling: true, forced_tools: true }),
    ("haiku-4", Rules { max_tokens: 64_000, sampling: true, forced_tools: true }),
    ("opus-4", Rules { max_tokens: 32_000, sampling: true, forced_tools: true }),
];
const UNKNOWN: Rules = Rules { max_tokens: 4_096, sampling: true, forced_tools: true };

pub(super) fn rules(model: &str) -> Rules {
    let model = model.replace('.', "-");
    RULES.iter().find(|(part, _)| model.contains(part)).map_or(UNKNOWN, |(_, rules)| *rules)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_to_rules() {
        assert_eq!(rules("claude-sonnet-4-6").max_tokens, 128_000);
        assert_eq!(rules("claude-sonnet-4-5@20250929").max_tokens, 64_000);
        assert_eq!(rules("claude-opus-4-1").max_tokens, 32_000);
        assert_eq!(rules("anthropic/claude-sonnet-4.6").max_tokens, 128_000);
        assert_eq!(rules("claude-3-haiku").max_tokens, 4_096);
        assert!(!rules("claude-opus-4-8").sampling && !rules("claude-sonnet-5-5").forced_tools);
        assert_eq!(rules("somebody-else"), UNKNOWN);
    }
}
