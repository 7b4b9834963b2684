//! What tokens cost. The list is data, with its date: `prices.json`.

use copilotkit_protocol::TokenUsage;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, LazyLock};

const LIST: &str = include_str!("prices.json");
const MILLION: f64 = 1_000_000.0;

/// The price of a model, in US dollars for a million tokens.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Price {
    /// Input that no cache had.
    pub input: f64,
    /// Input that came from a cache; as much as other input where it is not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cached_input: Option<f64>,
    /// Input that was written to a cache; as much as other input where it is not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_write: Option<f64>,
    /// Output, reasoning included.
    pub output: f64,
}

impl Price {
    /// What these tokens cost, in US dollars. Cached input is a part of the input.
    pub fn cost(&self, usage: &TokenUsage) -> f64 {
        let parts = Parts::of(usage);
        let sum = parts.input as f64 * self.input
            + parts.cached_input as f64 * self.cached_input.unwrap_or(self.input)
            + parts.cache_write as f64 * self.cache_write.unwrap_or(self.input)
            + parts.output as f64 * self.output;
        sum / MILLION
    }

    fn check(&self) -> Result<(), PriceError> {
        let all = [Some(self.input), self.cached_input, self.cache_write, Some(self.output)];
        match all.into_iter().flatten().all(|price| price.is_finite() && price >= 0.0) {
            true => Ok(()),
            false => Err(PriceError::Amount),
        }
    }
}

/// Tokens by what they cost; none is counted twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Parts {
    pub(super) input: u64,
    pub(super) cached_input: u64,
    pub(super) cache_write: u64,
    pub(super) output: u64,
}

impl Parts {
    pub(super) fn of(usage: &TokenUsage) -> Self {
        let all = usage.input_tokens.unwrap_or(0);
        let cached_input = usage.cached_input_tokens.unwrap_or(0).min(all);
        let cache_write = usage.cache_write_input_tokens.unwrap_or(0).min(all - cached_input);
        let output = usage.output_tokens.unwrap_or(0);
        let known = all.saturating_add(output);
        // Who only says the total is believed.
        let rest = usage.total_tokens.filter(|_| known == 0).unwrap_or(0);
        Self { input: all - cached_input - cache_write + rest, cached_input, cache_write, output }
    }

    pub(super) fn total(self) -> u64 {
        self.input + self.cached_input + self.cache_write + self.output
    }
}

/// Why a price is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PriceError {
    /// A price below zero, or no number.
    #[error("a price is a number of US dollars, zero or more")]
    Amount,
    /// A model without its provider.
    #[error("a model is named as provider/model")]
    Name,
}

#[derive(Deserialize)]
struct List {
    date: String,
    prices: BTreeMap<String, BTreeMap<String, Price>>,
}

static BUILT_IN: LazyLock<(String, Prices)> = LazyLock::new(|| {
    // The list is compiled in, and a test reads it.
    let Ok(list) = serde_json::from_str::<List>(LIST) else { return (String::new(), Prices(Arc::default())) };
    let models = list.prices.into_iter().flat_map(|(provider, models)| {
        models.into_iter().map(move |(model, price)| (format!("{provider}/{model}"), price))
    });
    (list.date, Prices(Arc::new(models.collect())))
});

/// Prices by `provider/model`.
#[derive(Clone)]
pub struct Prices(Arc<BTreeMap<String, Price>>);

impl Default for Prices {
    /// The list that is built in.
    fn default() -> Self {
        BUILT_IN.1.clone()
    }
}

impl Prices {
    /// The day on which the built-in list was made: `2026-11-23`.
    pub fn date() -> &'static str {
        &BUILT_IN.0
    }

    /// With the price of a model, `provider/model`, in place of one that is there.
    ///
    /// # Errors
    /// A name without a provider, a price that is none.
    pub fn with(mut self, model: &str, price: Price) -> Result<Self, PriceError> {
        price.check()?;
        let (provider, name) = model.split_once('/').ok_or(PriceError::Name)?;
        if provider.is_empty() || name.is_empty() {
            return Err(PriceError::Name);
        }
        Arc::make_mut(&mut self.0).insert(format!("{}/{name}", known(provider)), price);
        Ok(self)
    }

    /// The price of a model, as its provider names it, or without the date or `latest` at the end of its name. Nothing is
    /// guessed beyond that: no price is better than a wrong one.
    pub fn find(&self, provider: &str, model: &str) -> Option<Price> {
        let provider = known(provider);
        let name = |model: &str| format!("{provider}/{model}");
        self.0.get(&name(model)).or_else(|| self.0.get(&name(undated(model)?))).copied()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// True without any price.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Prices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prices").field("models", &self.0.len()).finish()
    }
}

/// The name that the list has for a provider.
fn known(provider: &str) -> String {
    match provider.to_ascii_lowercase().as_str() {
        "gemini" | "vertex" | "gcp.gemini" => "google".to_owned(),
        "aws.bedrock" => "bedrock".to_owned(),
        "mistral_ai" => "mistral".to_owned(),
        "x_ai" => "xai".to_owned(),
        other => other.to_owned(),
    }
}

/// A model's name without `-2025-08-07`, `-20250807`, `@20250807` or `-latest`.
fn undated(model: &str) -> Option<&str> {
    if let Some(name) = model.strip_suffix("-latest") {
        return Some(name);
    }
    let date = |text: &str| matches!(text.len(), 8 | 10) && text.starts_with("20") && is_date(text);
    let cuts = model.char_indices().filter(|(_, character)| matches!(character, '-' | '@'));
    cuts.map(|(at, _)| (at, &model[at + 1..])).find(|(_, rest)| date(rest)).map(|(at, _)| &model[..at])
}

fn is_date(text: &str) -> bool {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    digits == 8 && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usage(input: u64, cached: u64, written: u64, output: u64) -> TokenUsage {
        TokenUsage {
            input_tokens: Some(input),
            cached_input_tokens: Some(cached),
            cache_write_input_tokens: Some(written),
            output_tokens: Some(output),
            ..TokenUsage::default()
        }
    }

    #[test]
    fn the_built_in_list_is_one() {
        let list: List = serde_json::from_str(LIST).unwrap();
        assert!(is_date(&list.date) && list.date.len() == 10, "{}", list.date);
        assert!(Prices::default().len() > 100);
        for (provider, models) in &list.prices {
            assert_eq!(known(provider), *provider, "it could not be found");
            for (model, price) in models {
                price.check().unwrap_or_else(|error| panic!("{provider}/{model}: {error}"));
                assert!(price.input < 1_000.0 && price.output < 5_000.0, "{provider}/{model}: for a million tokens?");
            }
        }
    }

    #[test]
    fn each_token_is_paid_for_once() {
        let price = Price { input: 2.0, cached_input: Some(0.5), cache_write: Some(3.0), output: 10.0 };
        let million = 1_000_000;
        assert_eq!(price.cost(&usage(4 * million, million, million, million)), 2.0 * 2.0 + 0.5 + 3.0 + 10.0);
        let plain = Price { cached_input: None, cache_write: None, ..price };
        assert_eq!(plain.cost(&usage(4 * million, million, million, 0)), 8.0);
        // Counts that contradict each other do not become a credit.
        assert_eq!(price.cost(&usage(0, million, 0, 0)), 0.0);
        let total = TokenUsage { total_tokens: Some(million), ..TokenUsage::default() };
        assert_eq!(price.cost(&total), 2.0);
    }

    #[test]
    fn a_date_at_the_end_of_a_name_is_the_only_guess() {
        let prices = Prices::default();
        let price = prices.find("openai", "gpt-4o-mini").unwrap();
        for name in ["gpt-4o-mini-2031-01-02", "gpt-4o-mini-20310102", "gpt-4o-mini-latest", "gpt-4o-mini@20310102"] {
            assert_eq!(prices.find("OpenAI", name), Some(price), "{name}");
        }
        for name in ["gpt-4o-mini-tts", "gpt-4o-min", "gpt-4o-mini-2031", "openai/gpt-4o-mini", ""] {
            assert_eq!(prices.find("openai", name), None, "{name}");
        }
        assert_eq!(prices.find("custom", "gpt-4o-mini"), None);
    }

    #[test]
    fn a_price_of_ones_own_goes_before_the_list() {
        let own = Price { input: 0.0, cached_input: None, cache_write: None, output: 0.0 };
        let prices = Prices::default().with("openai/gpt-4o-mini", own).unwrap().with("gemini/mine", own).unwrap();
        assert_eq!(prices.find("openai", "gpt-4o-mini"), Some(own));
        assert_eq!(prices.find("google", "mine"), Some(own));
        assert_ne!(Prices::default().find("openai", "gpt-4o-mini"), Some(own), "other servers keep theirs");
        assert_eq!(prices.clone().with("mine", own).unwrap_err(), PriceError::Name);
        assert_eq!(prices.with("a/b", Price { input: -1.0, ..own }).unwrap_err(), PriceError::Amount);
    }
}
