//! What one run uses.

use super::Telemetry;
use super::budgets::{Exhausted, Spent};
use super::metrics::Metric;
use super::names;
use super::prices::Parts;
use crate::principal::Principal;
use copilotkit_protocol::TokenUsage;
use std::sync::{Arc, Mutex, PoisonError};

/// The label of what nobody named.
const UNKNOWN: &str = "unknown";

/// The account of one run: what it uses goes into the metrics and onto its principal's budget.
#[derive(Debug)]
pub(crate) struct Account {
    pub(crate) telemetry: Arc<Telemetry>,
    pub(crate) agent_id: Arc<str>,
    pub(crate) thread_id: Arc<str>,
    pub(crate) principal: Principal,
    owner: Arc<str>,
    used: Mutex<Used>,
}

#[derive(Debug, Default)]
struct Used {
    spent: Spent,
    /// Calls of models were counted one by one.
    calls: bool,
}

impl Account {
    pub(crate) fn new(telemetry: Arc<Telemetry>, agent_id: Arc<str>, thread_id: &str, principal: &Principal) -> Self {
        let owner: Arc<str> = principal.id().into();
        let principal = principal.clone();
        Self { telemetry, agent_id, thread_id: thread_id.into(), principal, owner, used: Mutex::default() }
    }

    /// Counts the tokens of a call, and gives their cost where there is a price.
    pub(crate) fn call(&self, provider: &str, model: &str, usage: &TokenUsage) -> Option<f64> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner).calls = true;
        self.count(provider, model, usage)
    }

    /// Counts what an agent says that a run of its used, unless the calls of models were counted here.
    pub(crate) fn run(&self, usage: &[TokenUsage]) {
        if self.used.lock().unwrap_or_else(PoisonError::into_inner).calls {
            return;
        }
        for usage in usage {
            let or_unknown = |name: &Option<String>| name.clone().unwrap_or_else(|| UNKNOWN.to_owned());
            self.count(&or_unknown(&usage.provider), &or_unknown(&usage.model), usage);
        }
    }

    fn count(&self, provider: &str, model: &str, usage: &TokenUsage) -> Option<f64> {
        let parts = Parts::of(usage);
        if parts.total() == 0 {
            return None;
        }
        let metrics = &self.telemetry.metrics;
        let provider_label = names::provider(provider);
        let kinds = [
            ("input", parts.input),
            ("cached_input", parts.cached_input),
            ("cache_write", parts.cache_write),
            ("output", parts.output),
        ];
        for (kind, tokens) in kinds.into_iter().filter(|(_, tokens)| *tokens > 0) {
            metrics.add(Metric::Tokens, &[&self.agent_id, provider_label, model, kind], tokens as f64);
        }
        for (kind, tokens) in [("input", usage.input_tokens), ("output", usage.output_tokens)] {
            if let Some(tokens) = tokens {
                metrics.observe(Metric::TokenUsage, &[names::CHAT, provider_label, model, kind], tokens as f64);
            }
        }
        let cost = self.telemetry.options.prices.find(provider, model).map(|price| price.cost(usage));
        if let Some(cost) = cost {
            metrics.add(Metric::Cost, &[&self.agent_id, provider_label, model], cost);
        }
        let spent = Spent { tokens: parts.total(), cost: cost.unwrap_or(0.0) };
        self.telemetry.budgets.add(&self.owner, spent);
        self.used.lock().unwrap_or_else(PoisonError::into_inner).spent.add(spent);
        cost
    }

    /// What the run used so far.
    #[cfg(feature = "lifecycle")]
    pub(crate) fn spent(&self) -> Spent {
        self.used.lock().unwrap_or_else(PoisonError::into_inner).spent
    }

    /// Whether there is something left for another call of a model.
    pub(crate) fn check(&self) -> Result<(), Exhausted> {
        self.telemetry.budgets.check(&self.owner)
    }

    /// The thread's owner, where owners are told apart.
    pub(crate) fn user(&self) -> Option<&str> {
        (!self.principal.is_anonymous()).then(|| self.principal.id())
    }
}
