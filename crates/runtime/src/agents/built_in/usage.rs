//! The tokens of a run, summed over its steps.

use crate::model::Model;
use copilotkit_protocol::TokenUsage;

/// One entry for each model, in the order in which they were used.
#[derive(Debug, Default)]
pub(super) struct Usage(Vec<TokenUsage>);

impl Usage {
    /// Adds what one call used.
    pub(super) fn add(&mut self, model: &dyn Model, mut tokens: TokenUsage) {
        let counts = counts(&mut tokens).map(|count| *count);
        if counts.iter().all(Option::is_none) {
            return;
        }
        let provider = tokens.provider.or_else(|| Some(model.provider().to_owned()));
        let name = tokens.model.or_else(|| Some(model.name().to_owned()));
        let same = |entry: &&mut TokenUsage| entry.provider == provider && entry.model == name;
        if let Some(entry) = self.0.iter_mut().find(same) {
            for (total, count) in self::counts(entry).into_iter().zip(counts) {
                *total = match (*total, count) {
                    (Some(total), Some(count)) => Some(total.saturating_add(count)),
                    (total, count) => total.or(count),
                };
            }
        } else {
            self.0.push(TokenUsage { provider, model: name, ..tokens });
        }
    }

    /// For RUN_FINISHED; absent when nothing is known.
    pub(super) fn into_list(self) -> Option<Vec<TokenUsage>> {
        (!self.0.is_empty()).then_some(self.0)
    }
}

fn counts(usage: &mut TokenUsage) -> [&mut Option<u64>; 6] {
    [
        &mut usage.input_tokens,
        &mut usage.output_tokens,
        &mut usage.total_tokens,
        &mut usage.reasoning_tokens,
        &mut usage.cached_input_tokens,
        &mut usage.cache_write_input_tokens,
    ]
}
