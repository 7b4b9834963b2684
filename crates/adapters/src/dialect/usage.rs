//! Tokens as AG-UI counts them.

use copilotkit_protocol::TokenUsage;
use copilotkit_protocol::wire::MAX_SAFE_INTEGER;

/// What a service counted. `input` holds the cached tokens, read and written, and `output` the reasoning.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Counts {
    pub(crate) input: Option<u64>,
    pub(crate) output: Option<u64>,
    pub(crate) reasoning: Option<u64>,
    pub(crate) cached: Option<u64>,
    pub(crate) cache_write: Option<u64>,
}

impl Counts {
    /// Nothing known is an empty usage.
    pub(crate) fn into_usage(self, provider: &str, model: &str) -> TokenUsage {
        if self == Self::default() {
            return TokenUsage::default();
        }
        let safe = |count: u64| count.min(MAX_SAFE_INTEGER.unsigned_abs());
        let total = self.input.zip(self.output).map(|(input, output)| safe(input.saturating_add(output)));
        TokenUsage {
            provider: Some(provider.to_owned()),
            model: Some(model.to_owned()),
            input_tokens: self.input.map(safe),
            output_tokens: self.output.map(safe),
            total_tokens: total,
            reasoning_tokens: self.reasoning.map(safe),
            cached_input_tokens: self.cached.map(safe),
            cache_write_input_tokens: self.cache_write.map(safe),
            ..TokenUsage::default()
        }
    }
}
